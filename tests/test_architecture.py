"""The rooms keep their order, and the tools that read the code find nothing."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "."], id="ruff-check"),
        pytest.param(["ruff", "format", "--check", "."], id="ruff-format"),
        pytest.param(["mypy"], id="mypy-strict"),
    ],
)
def test_code_reads_clean(command):
    """Lint, format and types, as pyproject.toml sets them."""
    result = run(sys.executable, "-m", *command)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]


def test_rooms_import_downwards_only():
    """import-linter's contracts, which mirror docs/design.md."""
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    result = run(sys.executable, "-c", script)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]


def test_importing_the_package_is_quick():
    """`import workbench` loads no heavy package and takes under 0.3 s (best of three)."""
    script = (
        "import sys, time; start = time.perf_counter(); import workbench; took = time.perf_counter() - start;"
        "heavy = {'pandas', 'numpy', 'duckdb', 'vectorbt', 'panel', 'bokeh', 'numba'} & set(sys.modules);"
        "print(took); assert not heavy, heavy"
    )
    taken = []
    for _ in range(3):
        result = run(sys.executable, "-c", script)
        assert result.returncode == 0, result.stderr
        taken.append(float(result.stdout))
    assert min(taken) < 0.3


def test_help_does_not_load_the_engines():
    """`workbench --help` answers without pandas, vectorbt or a server."""
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom workbench.cli.main import main\n"
        "result = CliRunner().invoke(main, ['--help'])\n"
        "assert result.exit_code == 0, result.output\n"
        "heavy = {'pandas', 'duckdb', 'vectorbt', 'panel', 'voila'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    result = run(sys.executable, "-c", script)
    assert result.returncode == 0, result.stderr


def test_every_dependency_has_a_reason():
    """Each name in pyproject.toml stands in docs/dependencies.md."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {
        text.split(";")[0].split("[")[0].split("=")[0].split(">")[0].split("<")[0].strip()
        for group in groups
        for text in group
    }
    reasons = (PROJECT / "docs" / "dependencies.md").read_text()
    missing = sorted(name for name in names if f"`{name}`" not in reasons)
    assert not missing


def test_constraints_name_no_index():
    """The tested set of versions is pins alone."""
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 100
    assert all("==" in line and "://" not in line and not line.startswith("-") for line in pins)


def test_notebooks_are_kept_without_outputs():
    """Question, parameters, short cells; no outputs, no counts."""
    import json

    books = [p for face in ("notebooks", "dashboards", "pipelines") for p in (PROJECT / face).glob("*.ipynb")]
    assert books
    for path in books:
        cells = json.loads(path.read_text())["cells"]
        for cell in cells:
            assert not cell.get("outputs"), path
            assert cell.get("execution_count") is None, path
        if path.parent.name != "dashboards":
            tagged = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
            assert len(tagged) == 1, path
