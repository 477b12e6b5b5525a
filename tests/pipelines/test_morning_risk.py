"""The morning_risk pipeline on a real desk: its page, workbook and outputs say what the desk says."""

import json
import re
from pathlib import Path

import nbformat
import openpyxl
import pandas as pd
import pytest

from workbench import Desk
from workbench.desk.jobs import find_pipeline
from workbench.reports.run import parameter_names
from workbench.settings import project_folder, write_setting

FIGURES = ("book_value", "pnl", "day_pnl", "dollar_delta", "value_at_risk", "expected_shortfall", "worst_pnl")
FILLS = pd.DataFrame(
    {
        "time": ["2013-02-01 15:00", "2013-02-11 15:00", "2013-02-20 15:00"],
        "symbol": ["AAPL", "IBM", "AAPL"],
        "quantity": [100, 200, -30],
        "price": [450.0, 200.0, 449.0],
        "fees": [1.0, 1.0, 1.0],
    }
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A desk on the sample prices with a small book of shares, its clock on their last session."""
    home = tmp_path_factory.mktemp("desk")
    write_setting(home, "clock.as_of", pd.Timestamp("2013-03-01").date())
    write_setting(home, "clock.label", "sample data")
    opened = Desk.open(home)
    opened.ingest("sample", ["AAPL", "IBM"])
    opened.load(FILLS, kind="fills", source="example trades", time_zone="America/New_York")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def run(desk):
    steps = []
    finished = desk.run("morning_risk", on_progress=lambda *step: steps.append(step))
    finished.raise_if_failed()
    assert len(steps) == steps[0][1]
    assert steps[-1][2] == "Answer"
    return finished


def test_outputs_are_the_desks_own_figures_to_the_last_digit(desk, run):
    headline = desk.headline()
    written = json.loads((run.folder / "outputs.json").read_text())
    for name in FIGURES:
        assert run.outputs[name] == written[name] == getattr(headline, name)
    assert run.outputs["as_of_text"] == "Fri 1 Mar 2013, 16:00 New York, sample data"
    assert run.outputs["modelled"] is False


def test_the_workbook_has_the_same_figures(desk, run):
    book = openpyxl.load_workbook(run.outputs["workbook"])
    summary = {row[0].value: row[1].value for row in book["Summary"].iter_rows(min_row=2)}
    headline = desk.headline()
    assert summary["Book value"] == pytest.approx(headline.book_value, abs=1e-9)
    assert summary["P&L since first fill"] == pytest.approx(headline.pnl, abs=1e-9)
    assert summary["Worst cell of the grid"] == pytest.approx(headline.worst_pnl, abs=1e-9)
    assert len(list(book["Positions"].iter_rows(min_row=2))) == 2


def test_the_page_has_the_same_figures_and_no_modelled_chip_beside_its_source(desk, run):
    page = Path(run.outputs["report"]).read_text()
    headline = desk.headline()
    for figure in (headline.book_value, headline.value_at_risk, headline.expected_shortfall):
        assert f"{round(figure):,}" in page
    assert run.outputs["message"].split(". ")[0] in page
    assert "AAPL shares" in page
    assert "prices are modelled" not in page


def test_a_run_in_the_past_gives_the_same_page_apart_from_the_run_stamp(desk):
    first, second = (desk.run("morning_risk", as_of="2013-02-20") for _ in range(2))
    pages = [Path(each.outputs["report"]).read_text().replace(each.id, "") for each in (first, second)]
    assert pages[0] == pages[1]
    assert "Wed 20 Feb 2013, 16:00 New York" in pages[0]
    assert first.id != second.id


def test_an_empty_desk_gets_a_report_that_says_so(tmp_path):
    with Desk.open(tmp_path / "desk") as empty:
        finished = empty.run("morning_risk")
    assert finished.error is None
    assert finished.outputs["message"] == "The book is empty."
    assert "The book is empty." in Path(finished.outputs["report"]).read_text()


def test_an_unreadable_date_fails_with_the_desks_own_sentence_and_keeps_the_notebook(desk):
    finished = desk.run("morning_risk", as_of="someday")
    assert finished.status == "failed"
    assert "DateInputError: `someday` is not a date or time" in finished.error
    assert Path(finished.outputs["notebook"]).exists()
    assert "Pipeline morning_risk failed" in desk.alerts()["title"].tolist()


@pytest.mark.parametrize(
    "path", sorted(project_folder("pipelines").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_every_pipeline_is_kept_without_outputs_with_its_parameters_first_and_a_question(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert code[0].metadata.tags == ["parameters"]
    assert {"home", "as_of", "output_folder", "run_id"} <= set(parameter_names(path))
    assert re.match(r"# .+\?", notebook.cells[0].source)
    assert max(len(cell.source.splitlines()) for cell in code) <= 16


@pytest.mark.parametrize(
    "path", sorted(project_folder("pipelines").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_every_pipeline_has_settings_that_can_be_used(path, tmp_path):
    assert path.with_suffix(".toml").exists()
    assert find_pipeline(tmp_path, path.stem).settings.question.endswith("?")


def test_the_morning_risk_report_runs_before_the_open():
    settings = find_pipeline(Path("nowhere"), "morning_risk").settings
    assert settings.schedule is not None
    assert settings.schedule.text == "35 min before the open of XNYS"
    assert settings.schedule.on_missed == "once"
