from math import exp, sqrt

import numpy as np
import pandas as pd
import pytest
import QuantLib
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx

from workbench.errors import RiskInputError
from workbench.portfolio import book_greeks
from workbench.pricing import black_scholes_price
from workbench.risk import historical_var, revalue, scenario_grid, stress_legs

SPOT = np.array([-0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2])
VOLATILITY = np.array([-0.1, 0.0, 0.05, 0.2])


def twelve_legs(seed=7):
    """Random European options and shares over three underlyings."""
    rng = np.random.default_rng(seed)
    names = np.array(["AAPL", "GOOG", "IBM"])
    spots = {"AAPL": 430.0, "GOOG": 806.0, "IBM": 202.0}
    underlying = rng.choice(names, 12)
    kind = np.array(["share", "share", *rng.choice(["call", "put"], 10)])
    spot = np.array([spots[name] for name in underlying])
    option = kind != "share"
    return pd.DataFrame(
        {
            "symbol": [f"leg {i}" for i in range(12)],
            "underlying": underlying,
            "kind": kind,
            "strike": np.where(option, np.round(spot * rng.uniform(0.8, 1.2, 12)), np.nan),
            "years": np.where(option, rng.uniform(0.02, 1.5, 12), np.nan),
            "quantity": rng.integers(-20, 21, 12).astype(float),
            "multiplier": np.where(option, 100.0, 1.0),
            "exercise": np.where(option, "european", ""),
            "spot": spot,
            "volatility": np.where(option, rng.uniform(0.05, 0.6, 12), np.nan),
            "rate": 0.01,
            "dividend_yield": 0.02,
        }
    )


def value_of_leg(leg, move=0.0, bump=0.0, days=0.0):
    """One leg at a time with QuantLib: the peer that shares none of our code."""
    spot = leg.spot * (1 + move)
    if leg.kind == "share":
        return leg.quantity * leg.multiplier * spot
    years = max(leg.years - days / 365, 0)
    volatility = max(leg.volatility + bump, 1e-4)
    kind = QuantLib.Option.Call if leg.kind == "call" else QuantLib.Option.Put
    forward = spot * exp((leg.rate - leg.dividend_yield) * years)
    unit = QuantLib.blackFormula(kind, leg.strike, forward, volatility * sqrt(years), exp(-leg.rate * years))
    return leg.quantity * leg.multiplier * unit


@pytest.mark.parametrize("days", [0, 5, 30])
def test_the_grid_agrees_with_quantlib_one_leg_at_a_time(days):
    book = twelve_legs()
    grid = scenario_grid(book, spot=SPOT, volatility=VOLATILITY, days=days)
    now = sum(value_of_leg(leg) for leg in book.itertuples())
    expected = [
        [sum(value_of_leg(leg, move, bump, days) for leg in book.itertuples()) - now for bump in VOLATILITY]
        for move in SPOT
    ]
    assert_allclose(grid, expected, rtol=1e-9, atol=1e-6)
    assert (grid.index.name, grid.columns.name) == ("spot", "volatility")
    assert_array_equal(grid.index, SPOT)
    assert_array_equal(grid.columns, VOLATILITY)


def test_no_move_makes_nothing_also_for_a_volatility_below_the_floor():
    book = twelve_legs()
    book.loc[5, "volatility"] = 0.0
    assert scenario_grid(book, spot=[0.0], volatility=[0.0]).iloc[0, 0] == 0
    assert stress_legs(book)["pnl"].eq(0).all()


def test_a_volatility_never_falls_through_the_floor():
    book = twelve_legs()
    fallen = scenario_grid(book, spot=[0.0], volatility=[-5.0]).iloc[0, 0]
    expected = sum(value_of_leg(leg, 0, -5.0) - value_of_leg(leg) for leg in book.itertuples())
    assert fallen == approx(expected, rel=1e-9)


def test_shares_alone_move_in_a_straight_line():
    shares = twelve_legs().iloc[:2]
    grid = scenario_grid(shares, spot=SPOT, volatility=VOLATILITY, days=10)
    exposure = book_greeks(shares)["dollar_delta"]
    for column in grid:
        assert_allclose(grid[column], exposure * SPOT, atol=1e-9)


def test_legs_of_one_cell_sum_to_the_grid():
    book = twelve_legs()
    legs = stress_legs(book, spot=-0.1, volatility=0.05, days=5)
    grid = scenario_grid(book, spot=[-0.1], volatility=[0.05], days=5)
    assert legs["pnl"].sum() == approx(grid.iloc[0, 0], rel=1e-12)
    assert_allclose(legs["pnl"], legs["stressed_value"] - legs["value"])
    assert legs["value"].sum() == approx(book_greeks(book)["value"])
    for leg, row in zip(book.itertuples(), legs.itertuples(), strict=True):
        assert row.stressed_value == approx(value_of_leg(leg, -0.1, 0.05, 5), rel=1e-9, abs=1e-9)


def test_a_small_move_is_what_the_greeks_say():
    book = twelve_legs()
    greeks, move, bump = book_greeks(book), 1e-4, 1e-4
    grid = scenario_grid(book, spot=[-move, move], volatility=[-bump, bump])
    slope = (grid.iloc[1].mean() - grid.iloc[0].mean()) / (2 * move)
    assert slope == approx(greeks["dollar_delta"], rel=1e-4)
    vega = (grid.iloc[:, 1].mean() - grid.iloc[:, 0].mean()) / (2 * bump)
    assert vega == approx(greeks["vega"], rel=1e-4)
    day = scenario_grid(book, spot=[0.0], volatility=[0.0], days=0.01).iloc[0, 0]
    assert day / 0.01 * 365 == approx(greeks["theta"], rel=1e-2)


def test_time_that_runs_out_leaves_what_the_option_pays():
    book = twelve_legs()
    legs = stress_legs(book, spot=0.05, days=3650)
    for leg, row in zip(book.itertuples(), legs.itertuples(), strict=True):
        moved = leg.spot * 1.05
        paid = {"share": moved, "call": max(moved - leg.strike, 0), "put": max(leg.strike - moved, 0)}
        assert row.stressed_value == approx(leg.quantity * leg.multiplier * paid[leg.kind])


def test_each_row_of_returns_is_one_repricing_with_quantlib():
    book = twelve_legs()
    rng = np.random.default_rng(3)
    returns = pd.DataFrame(rng.normal(0, 0.03, (50, 4)), columns=["IBM", "SPY", "AAPL", "GOOG"])
    expected = [
        sum(value_of_leg(leg, row[leg.underlying]) - value_of_leg(leg) for leg in book.itertuples())
        for _, row in returns.iterrows()
    ]
    assert_allclose(revalue(book, returns), expected, rtol=1e-9, atol=1e-6)


def test_how_many_scenarios_are_asked_at_once_changes_nothing():
    book = twelve_legs()
    returns = pd.DataFrame(
        np.random.default_rng(4).normal(0, 0.02, (2_101, 3)), columns=["AAPL", "GOOG", "IBM"]
    )
    whole = revalue(book, returns)
    for first, last in ((0, 1), (1, 14), (512, 1024), (2_000, 2_101)):
        assert_array_equal(revalue(book, returns.iloc[first:last]), whole[first:last])


def test_no_return_makes_nothing_to_the_bit():
    book = twelve_legs()
    assert_array_equal(revalue(book, pd.DataFrame(0.0, range(3), ["AAPL", "GOOG", "IBM"])), np.zeros(3))


def test_a_large_book_agrees_with_prices_leg_by_leg():
    """Whatever is deep, expired or hardly moves: to 1e-13 of the money that the options command."""
    rng = np.random.default_rng(6)
    count = 400
    spot = rng.uniform(1, 500, count)
    years = np.where(rng.random(count) < 0.1, 0.0, 10 ** rng.uniform(-6, 1.5, count))
    volatility = np.where(rng.random(count) < 0.1, 0.0, 10 ** rng.uniform(-4, 0.7, count))
    names = rng.choice(["A", "B", "C"], count)
    book = pd.DataFrame(
        {
            "symbol": "leg",
            "underlying": names,
            "kind": rng.choice(["call", "put"], count),
            "strike": spot * np.exp(rng.normal(0, 1, count)),
            "years": years,
            "quantity": 1.0,
            "multiplier": 1.0,
            "spot": spot,
            "volatility": volatility,
            "rate": rng.uniform(-0.1, 0.1, count),
            "dividend_yield": rng.uniform(-0.1, 0.1, count),
        }
    )
    returns = pd.DataFrame(rng.normal(0, 0.3, (40, 3)).clip(-0.99), columns=["A", "B", "C"])
    money = (book["spot"] + book["strike"]).sum()
    expected = [stress_for(book, row) for _, row in returns.iterrows()]
    assert_allclose(revalue(book, returns), expected, rtol=0, atol=1e-13 * money)


def stress_for(book, row):
    """Profit of one scenario by `black_scholes_price`, which has tests of its own."""
    terms = {
        "strike": book["strike"], "years": book["years"], "volatility": book["volatility"],
        "rate": book["rate"], "dividend_yield": book["dividend_yield"], "is_call": book["kind"] == "call",
    }  # fmt: skip
    moved = book["spot"] * (1 + book["underlying"].map(row))
    return (black_scholes_price(moved, **terms) - black_scholes_price(book["spot"], **terms)).sum()


def test_a_missing_return_is_a_missing_profit_only_where_it_is_needed():
    book = twelve_legs()
    returns = pd.DataFrame({"AAPL": [0.01, np.nan], "GOOG": 0.0, "IBM": 0.0, "SPY": np.nan})
    found = revalue(book, returns)
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_shares_lose_what_their_returns_say():
    shares = twelve_legs().iloc[:2]
    returns = pd.DataFrame({"AAPL": [-0.1], "GOOG": [-0.1], "IBM": [-0.1]})
    assert revalue(shares, returns)[0] == approx(-0.1 * (shares["quantity"] * shares["spot"]).sum())
    var, es = historical_var(revalue(shares, returns), 0.99)
    assert var == es


def test_a_leg_without_a_volatility_is_named_or_left_out():
    book = twelve_legs()
    book.loc[4, "volatility"] = np.nan
    for question in (
        lambda **how: scenario_grid(book, spot=[0.1], volatility=[0.0], **how).iloc[0, 0],
        lambda **how: stress_legs(book, spot=0.1, **how)["pnl"].sum(),
        lambda **how: revalue(book, pd.DataFrame(0.1, index=[0], columns=["AAPL", "GOOG", "IBM"]), **how)[0],
    ):
        with pytest.raises(RiskInputError, match=r"No value for leg 4: .* skip_unpriced=True"):
            question()
        rest = scenario_grid(book.drop(index=4), spot=[0.1], volatility=[0.0]).iloc[0, 0]
        assert question(skip_unpriced=True) == approx(rest)
    assert np.isnan(stress_legs(book, skip_unpriced=True).loc[4, "pnl"])


def test_an_empty_book_makes_nothing():
    empty = twelve_legs().iloc[:0]
    assert scenario_grid(empty, spot=[0.1, 0.2], volatility=[0.0]).to_numpy().tolist() == [[0.0], [0.0]]
    assert_array_equal(revalue(empty, pd.DataFrame({"AAPL": [0.1, 0.2]})), [0.0, 0.0])
    assert stress_legs(empty, spot=0.1).empty


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"spot": [-0.1, -1.0], "volatility": [0.0]},
            "`spot` is -1 in row 1; give a relative change above -1",
        ),
        ({"spot": [0.1], "volatility": [np.inf]}, "`volatility` is infinite"),
        ({"spot": [0.1], "volatility": [0.0], "days": -1}, "`days` is -1; give zero or more calendar days"),
        ({"spot": ["down"], "volatility": [0.0]}, "`spot` is 'down' in row 0; give a number"),
        ({"spot": [[0.1]], "volatility": [0.0]}, "not plain lists"),
    ],
)
def test_impossible_shocks_are_refused(arguments, message):
    with pytest.raises(RiskInputError) as caught:
        scenario_grid(twelve_legs(), **arguments)
    assert message in str(caught.value)


def test_impossible_returns_are_refused():
    book = twelve_legs()
    with pytest.raises(RiskInputError, match="`returns` has no column GOOG, IBM"):
        revalue(book, pd.DataFrame({"AAPL": [0.1]}))
    with pytest.raises(RiskInputError, match="`returns` is -1 in row 1"):
        revalue(book, pd.DataFrame({"AAPL": [0.0, -1.0], "GOOG": 0.0, "IBM": 0.0}))
    with pytest.raises(RiskInputError, match="use scenario_grid for more"):
        stress_legs(book, spot=[0.1, 0.2])
