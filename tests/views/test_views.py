"""Serving in its places, files to take away, and the words of the page's parts."""

import csv
import json
import re

import openpyxl
import pandas as pd
import pytest

from workbench.settings import project_folder
from workbench.views import serving
from workbench.views.book_parts import freshness_of, scenario_words, state_html
from workbench.views.export import to_csv, to_xlsx
from workbench.views.styles import STATIC, style


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "symbol": ["=HYPERLINK(1)", "AAPL", "-1+1"],
            "value": [1.123456789012345, -2.5, float("nan")],
            "time": pd.to_datetime(["2013-03-01 21:00"] * 3, utc=True),
        }
    )


def test_csv_keeps_every_digit_and_runs_no_formula(frame):
    text = to_csv(frame).getvalue()
    assert text.startswith("\ufeff")
    rows = list(csv.reader(text.lstrip("\ufeff").splitlines()))
    assert rows[1][:2] == ["'=HYPERLINK(1)", "1.123456789012345"]
    assert rows[3][0] == "'-1+1" and rows[2][0] == "AAPL"


def test_a_workbook_holds_typed_cells_and_says_what_it_is(frame):
    book = openpyxl.load_workbook(to_xlsx(frame, sheet="Positions", note="As of now; source: x"))
    sheet = book["Positions"]
    assert sheet["B2"].value == pytest.approx(1.123456789012345, abs=1e-15) and sheet["B2"].data_type == "n"
    assert sheet["A2"].data_type == "s" and sheet["A2"].value == "'=HYPERLINK(1)"
    assert sheet["C2"].is_date and sheet["C2"].value.hour == 21
    assert sheet["B4"].value is None, "missing is empty, never 0"
    assert book["About"]["A2"].value == "As of now; source: x"


@pytest.mark.parametrize(
    ("environment", "place"),
    [({"SERVER_SOFTWARE": "voila/0.5"}, "voila"), ({"VOILA_PREHEAT": "True"}, "voila"), ({}, "plain")],
)
def test_the_place_is_found_from_what_voila_leaves_in_the_environment(monkeypatch, environment, place):
    for name in ("SERVER_SOFTWARE", "VOILA_PREHEAT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert serving.where() == place


def test_a_view_is_handed_back_to_the_notebook(monkeypatch):
    monkeypatch.setattr(serving, "where", lambda: "plain")
    view = object()
    assert serving.serve(view) is view


def test_a_dashboard_is_one_cell_that_serves_one_view():
    for file in project_folder("dashboards").glob("*.ipynb"):
        notebook = json.loads(file.read_text())
        (cell,) = notebook["cells"]
        source = "".join(cell["source"])
        assert re.search(r"serve\(\w+View\(desk=Desk\.open\(\)\)\)$", source), file
        assert not cell["outputs"] and cell["execution_count"] is None
        assert notebook["metadata"]["title"] and notebook["metadata"]["description"]


def test_style_sheets_name_tokens_and_no_colour_of_their_own():
    from workbench.plots import LIGHT

    known = {*LIGHT.tokens, "weight-light", "weight-dark", "colour-light", "colour-dark"}
    known |= {"busy-opacity", "busy-words"}
    for file in STATIC.glob("*.css"):
        text = style(file.stem)
        assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", text), file
        assert set(re.findall(r"var\(--wb-([\w-]+)", text)) <= known, file


def test_nothing_that_we_serve_names_another_host():
    allowed = "www.w3.org"
    for file in STATIC.glob("*"):
        hosts = set(re.findall(r"https?://([\w.-]+)", file.read_text(encoding="utf-8")))
        assert hosts <= {allowed}, file


def test_a_scenario_is_put_into_words():
    assert scenario_words(-0.05, 0.04, 0) == "prices −5 %, volatility +4 pt"
    assert scenario_words(0, 0, 1) == "prices 0 %, volatility 0 pt, 1 day on"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (4, ("fresh", "Fresh · 4 min")),
        (17, ("stale", "Stale · 17 min")),
        (300, ("stale", "Stale · 5 h")),
        (10_000, ("stale", "Stale · 7 d")),
    ],
)
def test_freshness_is_the_age_of_the_oldest_price(minutes, words):
    now = pd.Timestamp("2021-09-20 20:00", tz="UTC")
    times = [now, now - pd.Timedelta(minutes=minutes), pd.NaT]
    assert freshness_of(now, times, "") == words
    assert freshness_of(now, [pd.NaT], "") == ("stale", "No prices")
    assert freshness_of(now, times, "sample data") == ("stale", "Fixed clock · sample data")


def test_a_state_is_text():
    assert "<b>" not in state_html("<b>", "<b>")
