"""Notebooks run by papermill on real kernels."""

import sys
import time
from datetime import date
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workbench.errors import (
    ArgumentError,
    MissingKernelError,
    PipelineError,
    PipelineTimeoutError,
)
from workbench.reports.run import execute_notebook, is_secret_name, parameter_names


def notebook(folder: Path, *cells: str, parameters: str = "", name: str = "asked") -> Path:
    """Write a notebook of code cells, with a heading and a tagged cell first."""
    path = folder / f"{name}.ipynb"
    parts = [new_markdown_cell("# A question?")]
    if parameters:
        parts.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    parts += [new_code_cell(source) for source in cells]
    nbformat.write(new_notebook(cells=parts), path)
    return path


def printed(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))


def test_the_kernel_is_this_interpreter_even_when_the_user_has_another_python3(tmp_path, monkeypatch):
    other = tmp_path / "jupyter" / "kernels" / "python3"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    path = notebook(tmp_path, "import sys; print(sys.executable)")
    execute_notebook(path, tmp_path / "out.ipynb", time_limit=60)
    assert printed(tmp_path / "out.ipynb").strip() == sys.executable


def test_parameters_reach_the_cells_and_progress_tells_the_heading_of_each(tmp_path):
    steps = []
    path = notebook(tmp_path, "print(day, count, names)", parameters="day = None\ncount = 1\nnames = []")
    given = {"day": date(2013, 3, 1), "count": 7, "names": ["AAPL", "IBM"]}
    folder = tmp_path / "with {braces}"
    execute_notebook(
        path, folder / "out.ipynb", given, time_limit=60, on_progress=lambda *step: steps.append(step)
    )
    assert printed(folder / "out.ipynb").strip() == "2013-03-01 7 ['AAPL', 'IBM']"
    assert steps == [(1, 3, "A question?"), (2, 3, "A question?"), (3, 3, "A question?")]


def test_a_failing_cell_is_told_in_one_sentence_and_the_partial_notebook_is_kept(tmp_path):
    path = notebook(tmp_path, "print('before')", "raise KeyError('no such key')", "print('after')")
    with pytest.raises(PipelineError, match=r"`asked` failed in the cell .* with KeyError: 'no such key'"):
        execute_notebook(path, tmp_path / "out.ipynb", time_limit=60)
    kept = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert printed(tmp_path / "out.ipynb").strip() == "before"
    statuses = [cell.metadata.papermill.status for cell in kept.cells if "papermill" in cell.metadata]
    assert statuses == ["completed", "completed", "failed", "pending"]


def test_the_time_limit_holds_for_all_cells_together(tmp_path):
    path = notebook(tmp_path, *["import time; time.sleep(1.6)"] * 8)
    started = time.monotonic()
    with pytest.raises(PipelineTimeoutError, match="ended at its time limit of 5 s"):
        execute_notebook(path, tmp_path / "out.ipynb", time_limit=5)
    assert time.monotonic() - started < 10
    kept = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    statuses = [cell.metadata.papermill.status for cell in kept.cells]
    assert "failed" in statuses
    assert statuses[-1] == "pending"


def test_a_kernel_that_dies_is_a_failure(tmp_path):
    path = notebook(tmp_path, "import os; os._exit(1)")
    with pytest.raises(PipelineError, match="The kernel of `asked` died in the cell `import os"):
        execute_notebook(path, tmp_path / "out.ipynb", time_limit=60)


def test_a_notebook_that_leaves_early_without_an_error_is_a_failure(tmp_path):
    path = notebook(tmp_path, "import sys; sys.exit(0)", "print('never')")
    with pytest.raises(PipelineError, match="stopped before the cell `print"):
        execute_notebook(path, tmp_path / "out.ipynb", time_limit=60)


def test_a_missing_kernel_is_named(tmp_path):
    path = notebook(tmp_path, "1")
    with pytest.raises(MissingKernelError, match="no kernel `martian`"):
        execute_notebook(path, tmp_path / "out.ipynb", kernel="martian", time_limit=60)


@pytest.mark.parametrize(
    "name", ["token", "API_KEY", "db_password", "client_secret", "accessToken", "private_key", "passwd"]
)
def test_secrets_are_refused_as_parameters(tmp_path, name):
    assert is_secret_name(name)
    path = notebook(tmp_path, parameters=f"{name} = None")
    with pytest.raises(ArgumentError, match="looks like a secret"):
        execute_notebook(path, tmp_path / "out.ipynb", {name: "x"}, time_limit=60)
    assert not (tmp_path / "out.ipynb").exists()


def test_a_secret_inside_a_mapping_is_refused_too(tmp_path):
    path = notebook(tmp_path, parameters="options = {}")
    with pytest.raises(ArgumentError, match="`password` looks like a secret"):
        execute_notebook(path, tmp_path / "out.ipynb", {"options": {"password": "x"}}, time_limit=60)


@pytest.mark.parametrize("name", ["as_of", "home", "keys", "monkey", "run_id", "output_folder"])
def test_ordinary_names_are_no_secrets(name):
    assert not is_secret_name(name)


def test_a_parameter_that_the_notebook_does_not_have_is_refused_with_those_it_has(tmp_path):
    path = notebook(tmp_path, parameters="as_of = None\nhome: str | None = None")
    assert parameter_names(path) == ["as_of", "home"]
    with pytest.raises(ArgumentError, match="no parameter `asof`; it has `as_of`, `home`"):
        execute_notebook(path, tmp_path / "out.ipynb", {"asof": "2013-03-01"}, time_limit=60)


def test_a_parameter_of_no_plain_type_is_refused(tmp_path):
    path = notebook(tmp_path, parameters="as_of = None")
    with pytest.raises(ArgumentError, match="Parameter `as_of` is a object"):
        execute_notebook(path, tmp_path / "out.ipynb", {"as_of": object()}, time_limit=60)


def test_a_missing_or_malformed_notebook_is_told(tmp_path):
    with pytest.raises(PipelineError, match="no notebook at"):
        execute_notebook(tmp_path / "none.ipynb", tmp_path / "out.ipynb")
    bad = tmp_path / "bad.ipynb"
    bad.write_text("{not json")
    with pytest.raises(PipelineError, match="is not a notebook"):
        execute_notebook(bad, tmp_path / "out.ipynb")


@pytest.mark.parametrize("content", ["[1, 2]", "{}", "null", '{"cells": 3, "nbformat": 4}', ""])
def test_json_that_is_no_notebook_is_told(tmp_path, content):
    bad = tmp_path / "bad.ipynb"
    bad.write_text(content)
    with pytest.raises(PipelineError, match="is not a notebook"):
        parameter_names(bad)


def test_a_folder_named_like_a_notebook_is_told(tmp_path):
    (tmp_path / "folder.ipynb").mkdir()
    with pytest.raises(PipelineError, match="cannot be read"):
        parameter_names(tmp_path / "folder.ipynb")


def test_a_parameters_cell_that_is_no_python_is_told(tmp_path):
    with pytest.raises(PipelineError, match="is not Python"):
        parameter_names(notebook(tmp_path, parameters="as_of = ("))


def test_a_secret_that_a_cell_shows_or_raises_is_not_kept(tmp_path):
    """The executed notebook and the run's error are published."""
    show = "word = 'hunter' + '2secret'; print('password=' + word); {'api_key': word}"
    path = notebook(tmp_path, show, "raise ValueError('token=' + word)")
    with pytest.raises(PipelineError, match="redacted") as caught:
        execute_notebook(path, tmp_path / "out.ipynb", time_limit=60)
    assert "hunter2secret" not in str(caught.value)
    kept = (tmp_path / "out.ipynb").read_text()
    assert "hunter2secret" not in kept
    assert "password=[redacted]" in kept
