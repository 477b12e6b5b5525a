"""One number on four faces: notebook, dashboard, report and command line show the same headline."""

import html
import json
import re
from pathlib import Path

import nbformat
import openpyxl
import pytest
from click.testing import CliRunner
from nbclient import NotebookClient

from workbench.cli.main import main
from workbench.settings import project_folder


@pytest.fixture(scope="module")
def figures(demo_desk):
    """The desk's own headline, as people read it."""
    return [value for _, value, _ in demo_desk.headline().rows()]


def visible_text(page: str) -> str:
    """Return a page's text without its tags, entities resolved."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


def test_the_notebook_answers_with_the_headline(demo_home, figures, monkeypatch):
    """The first notebook, run in a real kernel from its first cell to its last."""
    monkeypatch.setenv("WORKBENCH_HOME", str(demo_home))
    path = project_folder("notebooks") / "01_start_here.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(demo_home)}}).execute()
    outputs = notebook.cells[-1].outputs
    text = visible_text(outputs[0]["data"]["text/html"])
    for value in figures:
        assert value in text
    streams = [
        out for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == "stream"
    ]
    assert not streams, "a curated notebook shows results, not warnings"


def test_the_report_shows_the_headline(demo_desk, figures):
    """The morning report's HTML, its workbook and its machine-readable outputs."""
    run = demo_desk.runs().iloc[0]
    assert run["status"] == "succeeded"
    outputs = run["outputs"] if isinstance(run["outputs"], dict) else json.loads(run["outputs"])
    text = visible_text(Path(outputs["report"]).read_text(encoding="utf-8"))
    for value in figures:
        assert value in text
    headline = demo_desk.headline().figures()
    kept = json.loads((Path(outputs["report"]).parent / "outputs.json").read_text())
    for name, value in headline.items():
        assert kept[name] == pytest.approx(value, rel=1e-9)
    book = openpyxl.load_workbook(outputs["workbook"], data_only=True)
    numbers = {
        round(cell.value, 2)
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if isinstance(cell.value, (int, float)) and not isinstance(cell.value, bool)
    }
    for name, value in headline.items():
        assert round(value, 2) in numbers, name


def test_the_command_line_prints_the_headline(demo_home, figures):
    """`workbench book`."""
    result = CliRunner().invoke(main, ["book", "--home", str(demo_home)], catch_exceptions=False)
    for value in figures:
        assert value in result.output


def test_the_dashboard_shows_the_headline(demo_desk, figures):
    """The view without a browser; tests/browser looks at the same figures in a real one."""
    from workbench.views import BookView

    view = BookView(desk=demo_desk)
    text = visible_text(view.key_figures_html())
    for value in figures[:6]:
        assert value in text
