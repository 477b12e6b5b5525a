"""Candles and the coverage map show the frame that they were given, and name what an axis can hold."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from bokeh.embed import json_item
from bokeh.models import Span
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ArgumentError
from workbench.plots import LIGHT, Panel, candles, coverage_map, mark_cell, summary_of
from workbench.plots.candles import LIVE_LINE, LIVE_WORDS
from workbench.plots.time_axis import spread, time_ticks


@pytest.fixture
def bars():
    times = pd.DatetimeIndex(["2013-01-03", "2013-01-04", "2013-01-07", "2013-02-01"], tz="UTC", name="time")
    return pd.DataFrame(
        {
            "open": [10.0, 11.0, 12.0, 11.0],
            "high": [11.5, 12.5, 12.5, 11.5],
            "low": [9.5, 10.5, 10.0, 10.5],
            "close": [11.0, 12.0, 11.0, 11.0],
            "volume": [1e6, 2e6, np.nan, 3e6],
        },
        index=times,
    )


@pytest.fixture
def cells():
    rows = [
        ("AAPL", "2013-01-01", 20, 20, 0, 0, 0),
        ("AAPL", "2013-02-01", 20, 15, 5, 0, 2),
        ("AAPL", "2013-03-01", 10, 10, 0, 1, 0),
        ("IBM", "2013-02-01", 20, 0, 20, 0, 0),
    ]
    names = ["series", "period", "expected", "held", "missing", "provisional", "quarantined"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(period=pd.to_datetime(frame["period"]))


def source(plot, name):
    return dict(plot.select_one({"name": name}).data_source.data)


def test_bars_that_rose_are_hollow_and_bars_that_fell_are_filled(bars):
    data = source(candles(bars, symbol="A"), "candles")
    hollow, filled = LIGHT["surface"], LIGHT["ink2"]
    assert data["fill_light"] == [hollow, hollow, filled, hollow]
    assert data["place"].tolist() == [0, 1, 2, 3], "closed days leave no gap"
    assert data["when"][2] == "Mon 07 Jan 2013"
    assert data["change"][1] == "+9.09 %" and data["change"][0] == "–"
    assert data["volume_words"] == ["1,000,000", "2,000,000", "–", "3,000,000"]


def test_bars_within_the_day_are_shown_on_the_clock_of_the_exchange():
    times = pd.date_range("2021-03-12 14:30", periods=2, freq="h", tz="UTC").append(
        pd.date_range("2021-03-15 13:30", periods=2, freq="h", tz="UTC")
    )
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=times)
    when = source(candles(bars, symbol="A"), "candles")["when"]
    assert when[0] == "Fri 12 Mar 2021 09:30 New York" and when[2] == "Mon 15 Mar 2021 09:30 New York"


def test_curves_are_named_at_their_end_and_the_last_price_at_its_level(bars):
    layout = candles(
        bars,
        symbol="A",
        overlays={"SMA 2": [np.nan, 11.5, 11.5, 11.02]},
        bands={"Bollinger": ([np.nan] * 4, [np.nan] * 4)},
        panel=Panel("RSI 14", [50.0] * 4, ends=(0, 100), levels=(30, 70)),
    )
    assert source(layout, "names")["text"] == ["SMA 2"], "a curve without a last value has no name"
    assert source(layout, "names")["y"][0] > 11.1, "the name stands clear of the price"
    tag = layout.select_one({"name": "price"})
    assert tag.data_source.data["text"] == ["11.00"] and LIVE_WORDS in tag.glyph.tags + tag.tags
    (line,) = (span for span in layout.select({"type": Span}) if LIVE_LINE in span.tags)
    assert line.location is None, "no line before a quote has come"
    assert len(layout.children) == 3
    assert all(panel.x_range is layout.children[0].x_range for panel in layout.children)
    assert [panel.xaxis[0].visible for panel in layout.children] == [False, False, True]


def test_the_chart_says_its_last_close_and_its_ends(bars):
    assert summary_of(candles(bars, symbol="A<B", unit="EUR")) == (
        "A<B closed at 11.00 EUR on 01 Feb 2013, +10.0 % since the open of 03 Jan 2013; "
        "highest 12.50 on 04 Jan 2013, lowest 9.50 on 03 Jan 2013."
    )


def test_a_chart_of_nothing_or_of_curves_that_do_not_fit_is_refused(bars):
    with pytest.raises(ArgumentError, match="no bars of A"):
        candles(bars.iloc[:0], symbol="A")
    with pytest.raises(ArgumentError, match="`SMA` has 1 values for 4 bars"):
        candles(bars, symbol="A", overlays={"SMA": [1.0]})
    with pytest.raises(ArgumentError, match="at most four"):
        candles(bars, symbol="A", overlays={str(n): [1.0] * 4 for n in range(5)})


def test_a_series_of_one_bar_or_without_volume_can_be_drawn(bars):
    assert json_item(candles(bars.iloc[:1], symbol="A"))["doc"]["roots"]
    assert json_item(candles(bars.assign(volume=np.nan), symbol="A", dark=True))["doc"]["roots"]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (
            pd.date_range("2013-02-25", "2013-03-04", freq="B"),
            ["26 Feb", "27 Feb", "28 Feb", "1 Mar", "4 Mar"],
        ),
        (pd.date_range("2012-10-15", "2013-03-01", freq="B"), ["Nov", "Dec", "2013", "Feb", "Mar"]),
        (pd.date_range("2001-03-01", "2010-03-01", freq="MS"), [str(y) for y in range(2002, 2011)]),
        (pd.DatetimeIndex(["2013-03-01"]), []),
    ],
)
def test_the_axis_names_where_something_new_begins(times, words):
    assert [text for _, text in time_ticks(times, most=9)] == words


def test_hours_are_named_by_the_clock_and_new_days_by_their_date():
    day = pd.date_range("2021-03-12 09:30", "2021-03-12 15:55", freq="5min")
    both = day.append(day + pd.Timedelta(days=3))
    ticks = time_ticks(both, most=14)
    assert ("15 Mar" in [text for _, text in ticks]) and ("12:00" in [text for _, text in ticks])
    assert all(both[place].minute == 0 or text == "15 Mar" for place, text in ticks)


@given(times=st.lists(st.integers(0, 20_000), min_size=1, max_size=400, unique=True), most=st.integers(1, 15))
def test_an_axis_never_has_more_ticks_than_it_can_hold(times, most):
    index = pd.DatetimeIndex(sorted(pd.Timestamp("1990-01-01") + pd.Timedelta(days=d) for d in times))
    ticks = time_ticks(index, most=most)
    assert len(ticks) <= most
    assert [place for place, _ in ticks] == sorted({place for place, _ in ticks})


@given(levels=st.lists(st.floats(-50, 50), max_size=8), gap=st.floats(0.1, 5))
def test_words_are_moved_apart_and_keep_their_order(levels, gap):
    moved = spread(levels, gap)
    places = sorted(range(len(levels)), key=lambda place: (levels[place], place))
    for low, high in pairwise(places):
        assert moved[high] - moved[low] >= gap - 1e-9
    assert np.isnan(spread([float("nan")], gap)[0])
    assert sum(moved) == pytest.approx(sum(levels), abs=1e-6)


def test_what_is_held_missing_and_not_final_shares_the_cell(cells):
    data = source(coverage_map(cells), "coverage-cells")
    height = data["held_bottom"][0] - data["held_top"][0]
    assert data["held_bottom"][1] - data["held_top"][1] == pytest.approx(height * 0.75)
    assert data["missing_bottom"][1] - data["missing_top"][1] == pytest.approx(height * 0.25)
    assert data["provisional_bottom"][2] - data["provisional_top"][2] == pytest.approx(height * 0.1)
    assert np.isnan(data["missing_top"][0]), "what is whole has no mark of what is missing"
    assert data["line"] == [0.0, 0.0, 0.0, 1.0]
    assert data["words"][1] == "Feb 2013"


def test_refused_rows_are_marked_and_a_cell_can_be_framed(cells):
    plot = coverage_map(cells)
    assert source(plot, "refused") == {"place": [1], "line": [0.0]}
    mark_cell(plot, "IBM", "2013-02-01")
    assert source(plot, "chosen") == {"place": [1], "line": [1.0]}
    mark_cell(plot, "IBM", "2019-02-01")
    assert source(plot, "chosen") == {"place": [], "line": []}


def test_the_map_says_what_is_missing_most(cells):
    assert summary_of(coverage_map(cells)) == (
        "2 series hold 45 sessions and miss 25; 2 rows were refused. IBM lacks most: 20 sessions."
    )
    whole = cells.assign(missing=0)
    assert "lacks" not in summary_of(coverage_map(whole))


def test_a_map_of_nothing_is_refused(cells):
    with pytest.raises(ArgumentError, match="no cell to draw"):
        coverage_map(cells.iloc[:0])
    with pytest.raises(ArgumentError, match="no column `held`"):
        coverage_map(cells.drop(columns="held"))


@pytest.mark.parametrize("dark", [False, True])
def test_both_can_be_sent_to_a_browser(bars, cells, dark):
    for picture in (candles(bars, symbol="A", dark=dark), coverage_map(cells, dark=dark)):
        assert json_item(picture)["doc"]["roots"]
