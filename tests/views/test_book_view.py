"""The book's page without a browser: it shows what the desk says, and a state where the desk cannot."""

import re

import pandas as pd
import pytest

from workbench.errors import MissingDataError
from workbench.views import BookView
from workbench.views.positions_table import table_frame


@pytest.fixture(scope="module")
def view(demo_desk):
    """The page on the demo desk, built."""
    made = BookView(desk=demo_desk)
    made.__panel__()
    return made


@pytest.fixture(autouse=True)
def _quiet(request):
    """Every test leaves the shared page as it found it."""
    yield
    if "view" in request.fixturenames:
        page = request.getfixturevalue("view")
        page.param.update(spot_percent=0.0, volatility_points=0.0, days=0)


def data_values(html):
    return {
        name: float(value) for name, value in re.findall(r'data-figure="(\w+)" data-value="([^"]+)"', html)
    }


def test_the_key_figures_are_the_desks_own_headline(view, demo_desk):
    headline = demo_desk.headline().figures()
    shown = data_values(view.key_figures_html())
    assert {name: shown[name] for name in headline} == pytest.approx(headline, rel=1e-12)
    assert view.figures() == pytest.approx(headline, rel=1e-12)


def test_the_scenario_is_what_the_desks_stress_says(view, demo_desk):
    view.param.update(spot_percent=-5.0, volatility_points=4.0, days=3)
    expected = demo_desk.stress(spot=-0.05, volatility=0.04, days=3)
    assert data_values(view._result.object)["scenario_pnl"] == pytest.approx(expected.pnl)
    table = view._table.value
    assert table["scenario_pnl"].sum() == pytest.approx(expected.pnl)
    by_symbol = expected.positions.groupby("symbol")["pnl"].sum()
    assert table.set_index("symbol")["scenario_pnl"].to_dict() == pytest.approx(by_symbol.to_dict())
    assert "prices −5 %, volatility +4 pt, 3 days on" in view._result.object


def test_a_cell_of_the_grid_is_the_same_scenario_as_the_sliders(view):
    view.param.update(spot_percent=-10.0, volatility_points=12.0)
    assert data_values(view._result.object)["scenario_pnl"] == pytest.approx(view.grid.loc[-0.10, 0.12])
    marked = view._heatmap.select_one({"name": "chosen"}).data_source.data
    assert dict(marked) == {"x": ["−10 %"], "y": ["+12 pt"]}


def test_days_change_the_whole_grid(view, demo_desk):
    before = view.grid.copy()
    view.days = 10
    pd.testing.assert_frame_equal(view.grid, demo_desk.scenario_grid(days=10))
    assert not view.grid.equals(before)
    assert "in 10 days" in view._grid_title.object


def test_choosing_an_underlying_shows_its_prices_and_positions(view, demo_desk):
    view.underlying = "IBM"
    close = demo_desk.bars("IBM", adjust="splits")["close"].iloc[-1]
    line = view._prices.select_one({"name": "line"}).data_source.data
    assert line["close"][-1] == pytest.approx(close)
    assert "IBM 22 Jun 13 190 P" in view._detail_text.object
    assert "AAPL" not in view._detail_text.object
    total = demo_desk.book_greeks().loc["IBM", "vega_point"]
    assert f"{total:,.0f}" in view._detail_text.object


def test_a_row_of_the_table_opens_its_underlying(view):
    row = int(view._table.value.index[view._table.value["underlying"] == "MSFT"][0])
    view._row_clicked(type("Click", (), {"row": row, "column": "description"}))
    assert view.underlying == "MSFT"


def test_the_table_keeps_numbers_as_numbers_and_begins_with_the_worst(view, demo_desk):
    table = view._table.value
    for name in ("quantity", "price", "value", "pnl", "day_pnl", "dollar_delta", "scenario_pnl"):
        assert pd.api.types.is_float_dtype(table[name]), name
    assert table["day_pnl"].is_monotonic_increasing
    assert table["value"].sum() == pytest.approx(demo_desk.headline().book_value)
    assert set(table.loc[table["kind"] != "share", "state"]) == {"modelled"}


def test_modelled_is_said_in_header_heatmap_scenario_and_rows(view):
    assert "modelled" in view._top.objects[0].object
    assert "modelled" in view._grid_title.object
    assert "modelled" in view._cards.objects[1].objects[0].object


def test_the_as_of_carries_zone_label_and_source(view):
    header = view._top.objects[0].object
    assert "Fri 1 Mar 2013, 16:00 New York" in header
    assert "sample data" in header and "bokeh_sampledata" in header and "Role: " in header


def test_a_picture_is_also_a_sentence_and_a_table(view):
    words = view._grid_words.object
    assert words.count("<tr>") == 1 + len(view.grid) and "the worst is" in words
    assert "closed at" in view._detail_title.object


class Stand:
    """A desk of which one answer is replaced."""

    def __init__(self, desk, **replaced):
        self._desk, self._replaced = desk, replaced

    def __getattr__(self, name):
        return self._replaced.get(name, getattr(self._desk, name))


def test_text_from_outside_is_shown_as_text(demo_desk):
    hostile = "<img src=x onerror=alert(1)>"
    book = pd.DataFrame(demo_desk.book()).copy()
    book.loc[book["underlying"] == "IBM", ["description", "strategy"]] = hostile
    greeks = pd.DataFrame(demo_desk.book_greeks()).rename(index={"IBM": hostile})
    headline = demo_desk.headline()
    fields = {name: getattr(headline, name) for name in headline.__dataclass_fields__}
    changed = type(headline)(**{**fields, "source": hostile, "findings": (hostile,)})
    view = BookView(
        desk=Stand(
            demo_desk,
            role=hostile,
            book=lambda as_of: book,
            book_greeks=lambda by, as_of: greeks,
            headline=lambda as_of: changed,
        )
    )
    view.__panel__()
    view.underlying = "IBM"
    for part in (view._top.objects[0], view._exposure, view._detail_text, view._result, view._figures):
        assert "<img" not in part.object
    assert "&lt;img" in view._top.objects[0].object and "&lt;img" in view._detail_text.object
    templates = [formatter.template for formatter in view._table.formatters.values()]
    assert all("<%= value" not in template for template in templates), "cells escape with <%-"


def test_an_empty_book_says_what_why_and_what_now(desk):
    view = BookView(desk=desk)
    text = view.__panel__().objects[0].objects[0].object
    assert "No positions on" in text and "workbench load fills" in text
    assert view.figures() == {} and view.key_figures_html() == ""
    view.spot_percent = -5.0
    view.days = 3


def test_a_question_that_the_desk_cannot_answer_becomes_a_state(demo_desk):
    def refuse(*_, **__):
        raise MissingDataError("There is less history than fifty sessions; ingest more <bars>.")

    view = BookView(desk=Stand(demo_desk, headline=refuse))
    text = view.__panel__().objects[0].objects[0].object
    assert "cannot be shown" in text and "ingest more &lt;bars&gt;." in text


def test_missing_prices_leave_the_rest_of_the_page(demo_desk):
    def refuse(*_, **__):
        raise MissingDataError("The desk has no bars of it; ingest some.")

    view = BookView(desk=Stand(demo_desk, bars=refuse))
    view.__panel__()
    assert "ingest some" in view._detail_title.object
    assert view._price_pane.object is None
    assert "Position" in view._detail_text.object


def test_a_leg_that_cannot_be_revalued_is_missing_not_zero(demo_desk):
    book = pd.DataFrame(demo_desk.book()).reset_index(drop=True)
    scenario = pd.Series(1.0, index=book.index)
    scenario.iloc[0] = float("nan")
    table = table_frame(book, scenario)
    assert table["scenario_pnl"].isna().sum() == 1


def test_a_page_made_long_ago_reads_the_desk_again_when_it_is_opened(demo_desk):
    reads = []

    def count(as_of=None):
        reads.append(1)
        return demo_desk.book(as_of)

    view = BookView(desk=Stand(demo_desk, book=count))
    view.__panel__()
    view.opened = 1.0
    assert len(reads) == 1, "it was made just now"
    view._made_at -= pd.Timedelta(minutes=5)
    figures = view._figures
    view.opened = 2.0
    assert len(reads) == 2
    assert view._figures is figures, "the book is the same, so the page stays"
    view.book = view.book.iloc[1:]
    view.opened = 3.0
    assert view._figures is not figures
    assert len(view.book) == len(demo_desk.book())
    assert len(view.__panel__().objects) == 6
