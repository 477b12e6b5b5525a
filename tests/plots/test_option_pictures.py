"""Pictures of options show the quotes, curves and crossings that they were given, and say so in words."""

import itertools

import numpy as np
import pandas as pd
import pytest
from bokeh.embed import json_item

from workbench.errors import ArgumentError
from workbench.plots import (
    exercise_boundary,
    greek_profile,
    payoff,
    smile,
    smile_points,
    summary_of,
    surface_heatmap,
    term_structure,
    update_greek_profile,
    update_payoff,
    update_smile,
    update_surface_heatmap,
    update_term_structure,
)
from workbench.plots.free_places import Plane
from workbench.plots.payoff import with_crossings
from workbench.plots.surface_heatmap import surface_cells


def data(plot, name):
    return dict(plot.select_one({"name": name}).data_source.data)


@pytest.fixture
def quotes():
    strikes = [90.0, 95.0, 100.0, 105.0, 110.0]
    frame = pd.DataFrame(
        {
            "strike": strikes * 2,
            "right": ["P"] * 5 + ["C"] * 5,
            "implied_volatility": [0.30, 0.26, 0.24, 0.25, 0.29] * 2,
        }
    )
    frame["bid_volatility"] = frame["implied_volatility"] - 0.01
    frame["ask_volatility"] = frame["implied_volatility"] + 0.01
    return frame


@pytest.fixture
def condor():
    spots = np.linspace(80, 120, 81)
    profit = 100 - 20 * np.clip(np.abs(spots - 100) - 8, 0, 10)
    return pd.Series(profit, index=spots)


def test_a_smile_shows_puts_below_the_forward_and_calls_from_it_on(quotes):
    points = smile_points(quotes, forward=100.0)
    assert points["strike"].tolist() == [90, 95, 100, 105, 110]
    assert points["right"].tolist() == ["P", "P", "C", "C", "C"]
    assert points["mid"].tolist() == pytest.approx([30, 26, 24, 25, 29])
    plot = smile(quotes, spot=99.0, forward=100.0)
    assert list(data(plot, "puts")["low"]) == pytest.approx([29, 25])
    assert list(data(plot, "calls")["strike"]) == [100, 105, 110]
    assert plot.select_one({"name": "spot"}).location == 99.0


def test_quotes_that_the_fit_leaves_out_are_ringed_and_counted(quotes):
    quotes["ringed"] = quotes["strike"].eq(90.0)
    fit = pd.DataFrame({"strike": [88.0, 100.0, 112.0], "volatility": [0.31, 0.24, 0.30]})
    plot = smile(quotes, spot=100.0, fit=fit, fit_error=0.0015)
    assert list(data(plot, "ringed")["strike"]) == [90.0]
    assert plot.select_one({"name": "fit"}).glyph.line_dash == [6, 3], "modelled is dashed"
    assert "within 0.15 points" in summary_of(plot) and "leaves out 1, ringed" in summary_of(plot)


def test_a_smile_takes_another_expiry_and_keeps_to_the_strikes_asked_for(quotes):
    plot = smile(quotes, spot=100.0)
    update_smile(plot, quotes, spot=100.0, strikes=(94.0, 106.0))
    assert [*data(plot, "puts")["strike"], *data(plot, "calls")["strike"]] == [95, 100, 105]
    with pytest.raises(ArgumentError, match="has an implied volatility"):
        smile(quotes.assign(implied_volatility=np.nan), spot=100.0)


def test_areas_meet_on_the_axis_where_the_profit_crosses_it():
    spots, profit = with_crossings(np.array([0.0, 1.0, 3.0]), np.array([-1.0, 1.0, -3.0]))
    assert spots.tolist() == pytest.approx([0, 0.5, 1, 1.5, 3])
    assert profit.tolist() == pytest.approx([-1, 0, 1, 0, -3])


def test_gain_and_loss_are_apart_and_the_loss_is_hatched(condor):
    plot = payoff(condor, spot=100.0, break_evens=[87.0, 113.0], deviation=6.0, symbol="A")
    assert min(data(plot, "gain")["pnl"]) == 0 and max(data(plot, "loss")["pnl"]) == 0
    loss = plot.select_one({"name": "loss"}).glyph
    assert loss.hatch_pattern == "right_diagonal_line"
    words = data(plot, "break_words")
    assert words["text"] == ["87.00  −13.0 %", "113.00  +13.0 %"]
    assert words["align"] == ["right", "left"], "each stands on the side of the loss"
    band = plot.select_one({"name": "band"})
    assert (band.left, band.right) == (94.0, 106.0)
    assert "makes from −100 to +100 $" in summary_of(plot)


def boxes_of(plot, name, *, width):
    """Return the words of a renderer that are centred on their places, as boxes in pixels."""
    x_range, y_range = plot.x_range, plot.y_range
    per_x = width / (x_range.end - x_range.start)
    per_y = (plot.height - 52) / (y_range.end - y_range.start)
    words = data(plot, name)
    return [
        (x * per_x - 2.8 * len(text), x * per_x + 2.8 * len(text), y * per_y - 6, y * per_y + 6)
        for x, y, text in zip(words["x"], words["y"], words["text"], strict=True)
    ]


def apart(one, other):
    return one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]


@pytest.mark.parametrize("width", [300, 560])
def test_words_stand_on_no_other_words_and_not_on_the_spot(condor, width):
    plot = payoff(
        condor, spot=100.0, earlier={"today, 6 Jun": condor / 2, "4 Jul": condor * 0.8}, deviation=6.0
    )
    boxes = boxes_of(plot, "earlier_words", width=width) + boxes_of(plot, "expiry_words", width=width)
    assert len(boxes) == 3
    assert all(apart(one, other) for one, other in itertools.combinations(boxes, 2))
    line = 100.0 * width / (plot.x_range.end - plot.x_range.start)
    assert all(right < line or left > line for left, right, _, _ in boxes)


def test_words_name_a_curve_without_crossing_one():
    x = np.linspace(0, 10, 101)
    plane = Plane(0.0, 10.0, -2.0, 2.0, height=200.0, curves=[(x, np.sin(x)), (x, 0 * x)])
    where_x, where_y = plane.name("sine", x, np.sin(x), near=(5.0,))
    wide, tall = plane.size("sine")
    inside = np.abs(x - where_x) <= wide / 2
    for curve in (np.sin(x), 0 * x):
        assert (np.abs(curve[inside] - where_y) >= tall / 2).all()
    assert where_x - wide / 2 >= 0 and where_x + wide / 2 <= 10


def test_words_of_a_mark_go_where_it_is_free():
    x = np.linspace(0, 10, 11)
    plane = Plane(0.0, 10.0, -1.0, 1.0, height=200.0)
    assert plane.beside("5.00", 5.0, 0.0, left_first=True) == (True, False)
    plane = Plane(0.0, 10.0, -1.0, 1.0, height=200.0, curves=[(x, 0 * x + 0.1)])
    assert plane.beside("5.00", 5.0, 0.0, left_first=True) == (True, True)


def test_earlier_dates_are_dashed_and_another_structure_takes_their_place(condor):
    plot = payoff(condor, spot=100.0, earlier={"today": condor / 2, "4 Jul": condor * 0.8})
    assert plot.select_one({"name": "earlier_0"}).glyph.line_dash == [6, 3]
    assert sorted(data(plot, "earlier_words")["text"]) == ["4 Jul", "today"]
    update_payoff(plot, condor * 2, spot=100.0, modelled=True)
    assert len(data(plot, "earlier_0")["spot"]) == 0
    assert max(data(plot, "expiry")["pnl"]) == 200
    assert plot.select_one({"name": "expiry"}).glyph.line_dash == [6, 3]
    with pytest.raises(ArgumentError, match="at most 3"):
        update_payoff(plot, condor, spot=100.0, earlier={str(i): condor for i in range(4)})
    with pytest.raises(ArgumentError, match="a curve needs two"):
        update_payoff(plot, condor.iloc[:1], spot=100.0)


def test_every_cell_of_the_surface_carries_its_value_and_a_readable_ink():
    table = pd.DataFrame([[0.2, np.nan], [0.3, 0.4]], index=["a", "b"], columns=["10 P", "ATM"])
    cells = surface_cells(table)
    assert cells["text"] == ["20.0", "–", "30.0", "40.0"]
    assert len(set(cells["fill_light"])) == 4
    plot = surface_heatmap(table)
    assert plot.y_range.factors == ["b", "a"], "the nearest expiry stands on top"
    assert "lowest 20.0 % at 10 P, a; highest 40.0 % at ATM, b" in summary_of(plot)
    update_surface_heatmap(plot, table.iloc[:1])
    assert plot.y_range.factors == ["a"]
    with pytest.raises(ArgumentError, match="no expiry"):
        surface_heatmap(table.iloc[:0])


def test_a_term_structure_leaves_out_what_is_not_known_and_marks_the_chosen():
    term = pd.DataFrame({"days": [30, 7, 90], "volatility": [0.2, 0.3, np.nan], "label": ["b", "a", "c"]})
    plot = term_structure(term, chosen=30)
    assert list(data(plot, "line")["days"]) == [7, 30]
    assert list(data(plot, "line")["root"]) == pytest.approx(np.sqrt([7, 30]))
    assert data(plot, "words")["text"] == ["b 20.0"]
    update_term_structure(plot, term, chosen=None)
    assert data(plot, "words")["text"] == []
    with pytest.raises(ArgumentError, match="No expiry"):
        term_structure(term.assign(volatility=np.nan))


def test_a_profile_marks_the_spot_on_its_first_curve():
    spots = np.linspace(50, 150, 101)
    curves = pd.DataFrame({"today": spots**2, "at expiry": spots}, index=spots)
    plot = greek_profile(curves, spot=100.0, quantity="Price, $", strike=90.0)
    assert data(plot, "now")["value"] == [10_000.0]
    assert "10,000.00 today, 100.00 at expiry" in summary_of(plot)
    update_greek_profile(plot, curves[["today"]], spot=60.0, quantity="Vega")
    assert len(data(plot, "curve_1")["spot"]) == 0 and plot.yaxis.axis_label == "Vega"
    with pytest.raises(ArgumentError, match="draw one to 3"):
        update_greek_profile(plot, curves.iloc[:1], spot=60.0, quantity="Vega")


def test_an_exercise_boundary_runs_towards_expiry_and_says_its_ends():
    boundary = pd.DataFrame({"years": [0.0, 0.5, 1.0], "boundary": [100.0, 90.0, 85.0]})
    plot = exercise_boundary(boundary, strike=100.0, is_call=False)
    assert plot.x_range.start > plot.x_range.end
    assert "at or below 85.00 with 1.00 years left, and at or below 100.00 at its end" in summary_of(plot)
    with pytest.raises(ArgumentError, match="never worth exercising early"):
        exercise_boundary(boundary.iloc[:1], strike=100.0, is_call=False)


def test_every_picture_can_be_sent_to_a_browser(quotes, condor):
    table = pd.DataFrame([[0.2, 0.3]], index=["a"], columns=["10 P", "ATM"])
    for dark in (False, True):
        for plot in (
            smile(quotes, spot=100.0, dark=dark),
            payoff(condor, spot=100.0, dark=dark),
            surface_heatmap(table, dark=dark),
        ):
            assert json_item(plot)["doc"]["roots"] and summary_of(plot)
