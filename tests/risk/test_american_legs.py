"""American legs in scenarios: QuantLib's boundary method, a plain loop of prices, what must always hold."""

import numpy as np
import pandas as pd
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from workbench.errors import RiskInputError
from workbench.portfolio import leg_greeks, legs_of
from workbench.pricing import american_greeks, american_price, black_scholes_price
from workbench.risk import revalue, scenario_grid, stress_legs

NAMES = ["AAPL", "GOOG", "IBM"]


def american_legs(count=60, seed=5, *, rates=(0.001, 0.03, 0.08), yields=(0.0, 0.01, 0.06)):
    """Return random American options over three underlyings, deep and near, days and years."""
    rng = np.random.default_rng(seed)
    spot = rng.choice([15.0, 100.0, 430.0], count)
    return pd.DataFrame(
        {
            "symbol": [f"leg {i}" for i in range(count)],
            "underlying": rng.choice(NAMES, count),
            "kind": rng.choice(["call", "put"], count),
            "strike": spot * np.exp(rng.normal(0, 0.15, count)),
            "years": np.round(365 * 10 ** rng.uniform(-2, 0.6, count) + 0.5) / 365,
            "quantity": rng.integers(1, 20, count) * rng.choice([-1.0, 1.0], count),
            "multiplier": 100.0,
            "exercise": "american",
            "spot": spot,
            "volatility": 10 ** rng.uniform(-1.0, -0.1, count),
            "rate": rng.choice(rates, count),
            "dividend_yield": rng.choice(yields, count),
        }
    )


def moves(count, seed=8, scale=0.06):
    return pd.DataFrame(
        np.clip(np.random.default_rng(seed).normal(0, scale, (count, 3)), -0.6, 1.0), columns=NAMES
    )


def one_by_one(leg, spots, **change):
    """Price a leg at each spot with the pricing engine, one call a spot."""
    terms = {name: change.get(name, getattr(leg, name)) for name in ("strike", "years", "volatility")}
    carry = {"rate": leg.rate, "dividend_yield": leg.dividend_yield, "is_call": leg.kind == "call"}
    return np.array([float(american_price(spot, *terms.values(), **carry)) for spot in spots])


def quantlib_values(leg, spots):
    """Price a leg at each spot with QuantLib's QdFp engine in its high precision."""
    today = QuantLib.Date(1, 6, 2021)
    QuantLib.Settings.instance().evaluationDate = today
    day_count = QuantLib.Actual365Fixed()
    flat = [
        QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, rate, day_count))
        for rate in (leg.dividend_yield, leg.rate)
    ]
    volatility = QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), leg.volatility, day_count)
    quote = QuantLib.SimpleQuote(leg.spot)
    process = QuantLib.BlackScholesMertonProcess(
        QuantLib.QuoteHandle(quote), *flat, QuantLib.BlackVolTermStructureHandle(volatility)
    )
    kind = QuantLib.Option.Call if leg.kind == "call" else QuantLib.Option.Put
    option = QuantLib.VanillaOption(
        QuantLib.PlainVanillaPayoff(kind, leg.strike),
        QuantLib.AmericanExercise(today, today + round(leg.years * 365)),
    )
    option.setPricingEngine(
        QuantLib.QdFpAmericanEngine(process, QuantLib.QdFpAmericanEngine.highPrecisionScheme())
    )
    values = []
    for spot in spots:
        quote.setValue(float(spot))
        values.append(option.NPV())
    return np.array(values)


def test_each_scenario_is_quantlibs_american_price():
    """To 2e-6 of strike, leg by leg: each move is a difference of two prices, each to 1e-6."""
    returns = moves(6)
    for leg in american_legs(16).itertuples():
        spots = leg.spot * (1 + returns[leg.underlying])
        expected = quantlib_values(leg, spots) - quantlib_values(leg, [leg.spot])
        made = revalue(pd.DataFrame([leg]), returns) / (leg.quantity * leg.multiplier)
        assert_allclose(made, expected, rtol=0, atol=2e-6 * leg.strike)


def test_greeks_values_and_stress_of_a_leg_are_those_of_the_american_engine():
    book = american_legs()
    terms = [book[name] for name in ("spot", "strike", "years", "volatility")]
    names = {"rate": book["rate"], "dividend_yield": book["dividend_yield"]}
    carry = {**names, "is_call": book["kind"].eq("call")}
    size = book["quantity"] * book["multiplier"]
    greeks, found = american_greeks(*terms, **carry), leg_greeks(book)
    for name in ("delta", "gamma", "vega", "theta", "rho"):
        assert_allclose(found[name], greeks[name] * size, rtol=1e-13, atol=1e-13)
    assert_allclose(found["value"], american_price(*terms, **carry) * size, rtol=1e-13)
    stressed = stress_legs(book, spot=-0.1, volatility=0.05, days=3)
    for leg, row in zip(book.itertuples(), stressed.itertuples(), strict=True):
        moved = one_by_one(
            leg, [leg.spot * 0.9], volatility=leg.volatility + 0.05, years=max(leg.years - 3 / 365, 0.0)
        )
        assert row.stressed_value == pytest.approx(moved[0] * leg.quantity * 100, rel=1e-12, abs=1e-9)


def test_a_book_of_all_kinds_is_the_sum_of_a_plain_loop():
    """American, European and shares together, where the rates and yields are usual and where they are not."""
    american = pd.concat(
        [american_legs(40), american_legs(6, 9, rates=(-0.01, 0.0), yields=(-0.02, -0.005, 0.0, 0.01))]
    )
    european = american_legs(10, 11).assign(exercise="european")
    share = american_legs(1).assign(kind="share", strike=np.nan, years=np.nan, volatility=np.nan)
    returns = moves(25)
    book = pd.concat([american, european, share], ignore_index=True)
    expected = np.zeros(len(returns))
    for leg in book.itertuples():
        spots = np.append(leg.spot, leg.spot * (1 + returns[leg.underlying]))
        if leg.kind == "share":
            values = spots
        elif leg.exercise == "american":
            values = one_by_one(leg, spots)
        else:
            values = black_scholes_price(
                spots, leg.strike, leg.years, leg.volatility,
                rate=leg.rate, dividend_yield=leg.dividend_yield, is_call=leg.kind == "call",
            )  # fmt: skip
        expected += leg.quantity * leg.multiplier * (values[1:] - values[0])
    strikes = (book["strike"] * book["quantity"].abs() * book["multiplier"]).sum()
    assert_allclose(revalue(book, returns), expected, rtol=0, atol=1e-6 * strikes)


def test_the_grid_is_the_sum_of_a_plain_loop_and_of_its_legs():
    book = american_legs(20)
    spot, volatility = [-0.1, 0.0, 0.04], [-0.04, 0.0, 0.12]
    grid = scenario_grid(book, spot=spot, volatility=volatility, days=2)
    for i, move in enumerate(spot):
        for j, bump in enumerate(volatility):
            expected = 0.0
            for leg in book.itertuples():
                (now,) = one_by_one(leg, [leg.spot])
                (then,) = one_by_one(
                    leg, [leg.spot * (1 + move)], volatility=max(leg.volatility + bump, 1e-4),
                    years=max(leg.years - 2 / 365, 0.0),
                )  # fmt: skip
                expected += leg.quantity * leg.multiplier * (then - now)
            assert grid.iloc[i, j] == pytest.approx(expected, rel=1e-10, abs=1e-7)
            legs = stress_legs(book, spot=move, volatility=bump, days=2)["pnl"].sum()
            assert grid.iloc[i, j] == pytest.approx(legs, rel=1e-10, abs=1e-7)


def test_no_move_makes_nothing_to_the_bit():
    book = pd.concat([american_legs(30), american_legs(5, 9, rates=(-0.01,), yields=(-0.02,))])
    assert_array_equal(revalue(book, pd.DataFrame(0.0, range(3), NAMES)), np.zeros(3))
    some = moves(4)
    some.iloc[2] = 0.0
    assert revalue(book, some)[2] == 0
    assert scenario_grid(book, spot=[-0.1, 0.0], volatility=[0.0, 0.1]).iloc[1, 0] == 0
    assert stress_legs(book)["pnl"].eq(0).all()


def test_how_many_scenarios_are_asked_at_once_changes_nothing():
    book = american_legs(12)
    returns = moves(1_101)
    whole = revalue(book, returns)
    for first, last in ((0, 1), (1, 14), (512, 1024), (1_000, 1_101)):
        assert_array_equal(revalue(book, returns.iloc[first:last]), whole[first:last])


@given(
    strike=st.floats(50, 200),
    years=st.one_of(st.just(0.0), st.floats(1e-5, 10)),
    volatility=st.one_of(st.just(0.0), st.floats(0.01, 2)),
    rate=st.floats(-0.02, 0.15, allow_subnormal=False),
    dividend_yield=st.floats(-0.02, 0.15, allow_subnormal=False),
    kind=st.sampled_from(["call", "put"]),
    returns=st.lists(st.floats(-0.9, 3.0), min_size=1, max_size=5),
)
@settings(deadline=None, max_examples=60)
def test_never_below_what_exercise_pays_nor_below_the_european(
    strike, years, volatility, rate, dividend_yield, kind, returns
):
    leg = american_legs(1).assign(
        underlying="AAPL", kind=kind, strike=strike, years=years, spot=100.0, volatility=volatility,
        rate=rate, dividend_yield=dividend_yield, quantity=1.0, multiplier=1.0,
    )  # fmt: skip
    moved = pd.DataFrame({"AAPL": returns})
    now = leg_greeks(leg)["value"].iloc[0]
    values = revalue(leg, moved) + now
    spots = 100 * (1 + moved["AAPL"].to_numpy())
    paid = np.maximum((spots - strike) * (1 if kind == "call" else -1), 0)
    # The worth of today, and every worth, are right to 1e-6 of strike each.
    assert (values >= paid - 1e-6 * strike).all()
    european = black_scholes_price(
        spots, strike, years, volatility, rate=rate, dividend_yield=dividend_yield, is_call=kind == "call"
    )
    assert (values >= european - 2e-6 * np.maximum(strike, spots)).all()
    assert_allclose(values, one_by_one(leg.iloc[0], spots), rtol=0, atol=2e-6 * max(strike, spots.max()))


def test_in_every_scenario_a_put_exercised_today_is_its_payoff():
    """A put at 200 on 100 with 8 % of interest is exercised now and after every small move."""
    leg = american_legs(1).assign(
        underlying="AAPL", kind="put", strike=200.0, spot=100.0, years=1.0, volatility=0.2, rate=0.08,
        dividend_yield=0.0, quantity=1.0, multiplier=1.0,
    )  # fmt: skip
    returns = moves(50, scale=0.02)
    assert_allclose(revalue(leg, returns), -100 * returns["AAPL"], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "rate", "dividend_yield"), [("call", 0.05, 0.0), ("put", 0.0, 0.03)])
def test_where_early_exercise_never_pays_the_european_path_serves_to_the_bit(kind, rate, dividend_yield):
    book = american_legs(30).assign(kind=kind, rate=rate, dividend_yield=dividend_yield)
    assert not legs_of(book).exercised_early.any()
    returns = moves(40)
    assert_array_equal(revalue(book, returns), revalue(book.assign(exercise="european"), returns))


@pytest.mark.parametrize("exercise", ["", None, np.nan, "european"])
def test_an_option_without_a_stated_exercise_is_european(exercise):
    book = american_legs(10).assign(exercise=exercise)
    without = book.drop(columns="exercise")
    returns = moves(5)
    assert_array_equal(revalue(book, returns), revalue(without, returns))
    pd.testing.assert_frame_equal(leg_greeks(book), leg_greeks(without))
    assert (leg_greeks(american_legs(10))["value"].abs() >= leg_greeks(without)["value"].abs()).all()


def test_an_unknown_exercise_is_refused_with_its_row():
    book = american_legs(3)
    book.loc[1, "exercise"] = "bermudan"
    with pytest.raises(RiskInputError, match="`exercise` is 'bermudan' in row 1 of the book; give"):
        revalue(book, moves(2))


def test_a_missing_return_leaves_only_the_scenarios_that_need_it_missing():
    book = american_legs(20).assign(underlying="IBM")
    returns = moves(30)
    whole = revalue(book, returns)
    returns.loc[3, "IBM"] = np.nan
    returns.loc[5, "AAPL"] = np.nan
    found = revalue(book, returns)
    assert np.isnan(found[3])
    assert_array_equal(np.delete(found, 3), np.delete(whole, 3))
    assert np.isnan(revalue(book, pd.DataFrame(np.nan, range(2), NAMES))).all()
