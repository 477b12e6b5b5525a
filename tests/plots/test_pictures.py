"""Each picture shows the frame it was given: values, marks, missing ones, and one sentence that says it."""

import numpy as np
import pandas as pd
import pytest
from bokeh.embed import json_item

from workbench.errors import ArgumentError
from workbench.plots import (
    bars_by_name,
    equity_drawdown,
    mark_scenario,
    percent,
    pnl_distribution,
    points,
    price_line,
    scenario_heatmap,
    scenario_unit,
    summary_of,
    update_price_line,
    update_scenario_heatmap,
    written,
)
from workbench.plots.scenario_heatmap import scenario_cells


@pytest.fixture
def grid():
    spots = [-0.10, -0.05, 0.0, 0.05, 0.10]
    volatilities = [0.04, 0.0, -0.025]
    values = [[1000.0 * s * 100 + 200 * v * 100 for v in volatilities] for s in spots]
    return pd.DataFrame(
        values, index=pd.Index(spots, name="spot"), columns=pd.Index(volatilities, name="volatility")
    )


@pytest.fixture
def bars():
    times = pd.date_range("2013-01-02", periods=5, tz="UTC", name="time")
    return pd.DataFrame({"close": [10.0, 11.0, 12.0, 11.5, 12.5]}, index=times)


def source(plot, name):
    return dict(plot.select_one({"name": name}).data_source.data)


@pytest.mark.parametrize(
    ("number", "digits", "signed", "text"),
    [
        (-1234.5, 1, False, "−1,234.5"),
        (12, 0, True, "+12"),
        (0.0, 0, True, "0"),
        (-0.4, 0, True, "0"),
        (2.5, 0, False, "2"),
        (float("nan"), 0, False, "–"),
        (None, 2, True, "–"),
        (float("inf"), 0, False, "–"),
    ],
)
def test_numbers_are_written_as_people_read_them(number, digits, signed, text):
    assert written(number, digits, signed=signed) == text


def test_fractions_become_percent_and_points():
    assert percent(-0.05, signed=True) == "−5 %"
    assert points(0.025, 1, signed=True) == "+2.5 pt"
    assert percent(None) == points(float("nan")) == "–"


def test_every_cell_of_the_grid_is_in_the_heatmap_with_its_text(grid):
    cells = pd.DataFrame(source(scenario_heatmap(grid), "cells")).set_index(["spot", "volatility"])
    assert len(cells) == 15
    assert cells.loc[("−10 %", "+4 pt"), "pnl"] == grid.loc[-0.10, 0.04]
    assert cells.loc[("+5 %", "−2.5 pt"), "exact"] == written(grid.loc[0.05, -0.025], signed=True)


@pytest.mark.parametrize(
    ("largest", "unit"),
    [
        (9_999.0, (1.0, "$", 0)),
        (10_000.0, (1e3, "thousand $", 1)),
        (2e7, (1e6, "million $", 1)),
        (0.0, (1.0, "$", 0)),
    ],
)
def test_the_unit_keeps_cells_short(largest, unit):
    assert scenario_unit(pd.DataFrame([[largest, -1.0]])) == unit


def test_losses_and_gains_take_opposite_ends_and_nothing_the_middle():
    from workbench.plots import DARK, LIGHT

    frame = pd.DataFrame([[-100.0, 0.0, 100.0, np.nan]], index=[0.0], columns=[-0.01, 0.0, 0.01, 0.02])
    cells = scenario_cells(frame)
    assert cells["fill_light"] == [
        LIGHT.diverging[0],
        LIGHT.diverging[5],
        LIGHT.diverging[10],
        LIGHT["stale-tint"],
    ]
    assert cells["fill_dark"][:3] == [DARK.diverging[0], DARK.diverging[5], DARK.diverging[10]]
    assert cells["text"] == ["−100", "0", "+100", "–"]
    flat = scenario_cells(frame * 0)
    assert set(flat["fill_light"][:3]) == {LIGHT.diverging[5]}


def test_now_is_framed_and_the_chosen_scenario_is_marked(grid):
    plot = scenario_heatmap(grid)
    assert plot.select_one({"name": "now"}) is not None
    mark_scenario(plot, grid, spot=-0.05, volatility=0.04)
    assert source(plot, "chosen") == {"x": ["−5 %"], "y": ["+4 pt"]}
    assert source(plot, "between")["x"] == []
    mark_scenario(plot, grid, spot=-0.025, volatility=0.02)
    assert source(plot, "chosen")["x"] == []
    assert source(plot, "between") == {"x": [2.0], "y": [2.0]}
    for outside in ({"spot": -0.2, "volatility": 0.0}, {"spot": 0.0, "volatility": 0.0}):
        mark_scenario(plot, grid, **outside)
        assert source(plot, "chosen")["x"] == source(plot, "between")["x"] == []


def test_a_narrow_page_shows_fewer_columns_with_both_ends_and_now():
    spots = [spot / 100 for spot in range(-10, 11, 2)]
    plot = scenario_heatmap(pd.DataFrame({0.0: spots}, index=spots))
    (tag,) = (tag for tag in plot.x_range.tags if "workbench-narrow" in tag)
    assert tag["workbench-narrow"]["factors"] == ["−10 %", "−6 %", "−2 %", "0 %", "+2 %", "+6 %", "+10 %"]


def test_a_new_grid_takes_the_place_of_the_old_one(grid):
    plot = scenario_heatmap(grid)
    before = summary_of(plot)
    update_scenario_heatmap(plot, grid * 3)
    assert source(plot, "cells")["pnl"] == pytest.approx((grid * 3).to_numpy().ravel().tolist())
    assert summary_of(plot) != before


def test_the_heatmap_says_its_worst_and_best_cell(grid):
    sentence = summary_of(scenario_heatmap(grid))
    assert "worst is −10,500 $ at spot −10 %, volatility −2.5 pt" in sentence
    assert "Of 15 scenarios" in sentence


def test_a_grid_without_a_cell_or_value_says_so(grid):
    with pytest.raises(ArgumentError, match="grid is empty"):
        scenario_heatmap(grid.iloc[:0])
    assert "no value" in summary_of(scenario_heatmap(grid * np.nan))


def test_prices_are_a_line_and_trades_stand_on_it(bars):
    trades = pd.DataFrame(
        {
            "time": pd.to_datetime(["2013-01-03 21:00", "2013-01-05 12:00", "2012-12-31 12:00"], utc=True),
            "quantity": [100, -50, 10],
        }
    )
    plot = price_line(bars, symbol="A<B", trades=trades)
    assert list(source(plot, "line")["close"]) == bars["close"].to_list()
    assert source(plot, "buys")["text"] == ["+100"], "a trade before the first bar has no place on the line"
    assert list(source(plot, "buys")["close"]) == [11.0]
    assert list(source(plot, "sells")["close"]) == [11.5]
    assert list(source(plot, "last")["close"]) == [12.5]
    assert summary_of(plot) == "A<B closed at 12.50 $ on 06 Jan 2013, +25.0 % since 02 Jan 2013."


def test_another_symbol_takes_the_place_of_the_first(bars):
    plot = price_line(bars, symbol="A")
    update_price_line(plot, bars * 2, symbol="B")
    assert list(source(plot, "line")["close"]) == (bars["close"] * 2).to_list()
    assert plot.yaxis.axis_label == "B, $"
    with pytest.raises(ArgumentError, match="no bars of A"):
        price_line(bars.iloc[:0], symbol="A")


def test_equity_lies_over_its_drawdown(bars):
    both = equity_drawdown(bars["close"] * 100, benchmark=bars["close"] * 90)
    data = both.children[0].renderers[-1].data_source.data
    assert data["equity"].tolist() == [1000, 1100, 1200, 1150, 1250]
    assert data["fall"].min() == pytest.approx((1150 / 1200 - 1) * 100)
    assert both.children[0].x_range is both.children[1].x_range
    assert "deepest fall from a peak was −4.2 % on 05 Jan 2013" in summary_of(both)
    with pytest.raises(ArgumentError, match="a curve needs two"):
        equity_drawdown(bars["close"].iloc[:1])


def test_bars_start_at_zero_and_losses_are_hatched():
    plot = bars_by_name(pd.Series({"AAPL": -300.0, "IBM": 100.0, "GOOG": np.nan}))
    assert plot.x_range.start < 0 < plot.x_range.end
    loss, gain = (renderer for renderer in plot.renderers if renderer.glyph.__class__.__name__ == "HBar")
    assert loss.data_source.data["value"] == [-300.0] and "line" in str(loss.glyph.hatch_pattern)
    assert gain.data_source.data["text"] == ["+100"]
    assert "together −200 $" in summary_of(plot)
    with pytest.raises(ArgumentError, match="every value is missing"):
        bars_by_name(pd.Series([np.nan]))


def test_the_distribution_counts_every_observation_once():
    pnl = pd.Series(np.linspace(-100, 100, 201))
    plot = pnl_distribution(pnl, value_at_risk=90, expected_shortfall=95)
    counts = [count for renderer in plot.renderers for count in renderer.data_source.data["count"]]
    assert sum(counts) == 201
    assert "Of 201 observations 11 lost at least the VaR of 90 $" in summary_of(plot)
    with pytest.raises(ArgumentError, match="every observation is missing"):
        pnl_distribution(pd.Series([np.nan]), value_at_risk=1, expected_shortfall=1)


@pytest.mark.parametrize("dark", [False, True])
def test_every_picture_can_be_sent_to_a_browser(grid, bars, dark):
    pictures = [
        scenario_heatmap(grid, dark=dark),
        price_line(bars, symbol="A", dark=dark),
        equity_drawdown(bars["close"], dark=dark),
        bars_by_name(pd.Series({"A": 1.0}), dark=dark),
        pnl_distribution(bars["close"] - 11, value_at_risk=1, expected_shortfall=1.5, dark=dark),
    ]
    for picture in pictures:
        assert json_item(picture)["doc"]["roots"]
        assert summary_of(picture)
