from math import exp, log, nan, pi, sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import (
    black_scholes_price,
    expected_move,
    probability_in_the_money,
    probability_of_profit,
    probability_of_touching,
)

spots, volatilities, times = st.floats(50, 200), st.floats(0.05, 1.0), st.floats(0.02, 3.0)
rates = st.floats(-0.05, 0.12)


def one_touch_in_quantlib(spot, barrier, volatility, rate, dividend_yield):
    """Price one unit of money paid at expiry in a year if the barrier is hit, by Reiner and Rubinstein."""
    today = QuantLib.Date(15, 1, 2020)
    QuantLib.Settings.instance().evaluationDate = today
    count = QuantLib.Actual365Fixed()
    curve = QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, rate, count))
    yields = QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, dividend_yield, count))
    surface = QuantLib.BlackVolTermStructureHandle(
        QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), volatility, count)
    )
    quote = QuantLib.QuoteHandle(QuantLib.SimpleQuote(spot))
    process = QuantLib.BlackScholesMertonProcess(quote, yields, curve, surface)
    above = barrier > spot
    kind = QuantLib.Barrier.UpIn if above else QuantLib.Barrier.DownIn
    # A digital that pays wherever the price ends: its strike is out of reach.
    payoff = QuantLib.CashOrNothingPayoff(QuantLib.Option.Call, 1e-8, 1.0)
    exercise = QuantLib.AmericanExercise(today, today + 365, True)
    option = QuantLib.BarrierOption(kind, barrier, 0.0, payoff, exercise)
    option.setPricingEngine(QuantLib.AnalyticBinaryBarrierEngine(process))
    return option.NPV()


@pytest.mark.parametrize("barrier", [60.0, 85.0, 97.0, 104.0, 120.0, 180.0])
@pytest.mark.parametrize(("rate", "dividend_yield"), [(0.05, 0.01), (0.0, 0.0), (0.01, 0.06)])
def test_the_chance_of_touching_is_the_undiscounted_one_touch_of_quantlib(barrier, rate, dividend_yield):
    expected = one_touch_in_quantlib(100.0, barrier, 0.25, rate, dividend_yield) * exp(rate)
    found = probability_of_touching(100, barrier, 1.0, 0.25, rate=rate, dividend_yield=dividend_yield)
    assert found == approx(expected, abs=1e-12)


@pytest.mark.parametrize(("barrier", "drift"), [(112.0, 0.08), (112.0, -0.10), (90.0, 0.08), (75.0, 0.0)])
def test_the_chance_of_touching_agrees_with_simulated_paths(barrier, drift):
    """Between two simulated prices a path has touched with the chance of a Brownian bridge: no bias."""
    rng = np.random.default_rng(11)
    paths, steps, years, volatility = 20_000, 20, 0.5, 0.3
    step = years / steps
    moves = rng.normal((drift - volatility**2 / 2) * step, volatility * sqrt(step), (paths, steps))
    logs = np.concatenate([np.zeros((paths, 1)), np.cumsum(moves, axis=1)], axis=1)
    level = log(barrier / 100)
    away = (level - logs) * np.sign(level)
    missed = np.where(
        (away[:, :-1] > 0) & (away[:, 1:] > 0),
        1 - np.exp(-2 * np.maximum(away[:, :-1] * away[:, 1:], 0) / (volatility**2 * step)),
        0.0,
    )
    touched = 1 - missed.prod(axis=1)
    error = touched.std() / sqrt(paths)
    found = probability_of_touching(100, barrier, years, volatility, rate=drift)
    assert abs(found - touched.mean()) < 4 * error


def test_the_chance_of_touching_differs_from_twice_the_delta():
    found = probability_of_touching(100, 110, 0.5, 0.25, rate=0.05)
    drifting = probability_of_touching(100, 110, 0.5, 0.25, rate=0.10)
    assert drifting > found
    # Without drift of the log price, the reflection principle: twice the chance of ending beyond.
    still = probability_of_touching(100, 110, 0.5, 0.25, rate=0.25**2 / 2)
    assert still == approx(2 * probability_in_the_money(100, 110, 0.5, 0.25, rate=0.25**2 / 2), rel=1e-14)


@settings(deadline=None)
@given(spots, st.floats(-1, 1), times, volatilities, rates)
def test_touching_is_at_least_as_likely_as_ending_beyond_and_grows_with_time(
    spot, away, years, volatility, rate
):
    barrier = spot * exp(away)
    touch = probability_of_touching(spot, barrier, [years, years * 1.5], volatility, rate=rate)
    ends = probability_in_the_money(spot, barrier, years, volatility, rate=rate, is_call=away >= 0)
    assert -1e-15 <= ends <= touch[0] + 1e-12
    assert touch[0] <= touch[1] + 1e-12
    assert touch[1] <= 1


def test_touching_has_its_limits():
    assert probability_of_touching(100, 100, 0.0, 0.2) == 1
    assert probability_of_touching(100, 120, 0.0, 0.2) == 0
    assert probability_of_touching(100, 104, 1.0, 0.0, rate=0.05) == 1
    assert probability_of_touching(100, 106, 1.0, 0.0, rate=0.05) == 0
    assert probability_of_touching(100, 104, 1.0, 1e-5, rate=0.05) == approx(1)
    assert probability_of_touching(100, 96, 1.0, 1e-5, rate=0.05) == 0
    assert probability_of_touching(100, 1e-9, 30.0, 3.0) == approx(1, abs=1e-6)
    assert np.isnan(probability_of_touching(100, nan, 1.0, 0.2))


@settings(deadline=None)
@given(spots, spots, times, volatilities, rates, rates)
def test_ending_in_the_money_is_the_slope_of_price_against_strike(
    spot, strike, years, volatility, rate, dividend_yield
):
    """dC/dK = -discount x N(d2): the chance comes out of the prices themselves."""
    step = 1e-5 * strike
    terms = {"rate": rate, "dividend_yield": dividend_yield}
    up, down = black_scholes_price(spot, [strike + step, strike - step], years, volatility, **terms)
    found = probability_in_the_money(spot, strike, years, volatility, **terms)
    assert found == approx(-(up - down) / (2 * step) * exp(rate * years), abs=2e-6 * (1 + spot / strike))
    put = probability_in_the_money(spot, strike, years, volatility, **terms, is_call=False)
    assert found + put == approx(1, abs=1e-15)


def test_ending_in_the_money_without_time_is_certain():
    found = probability_in_the_money(100, [90, 100, 110], 0.0, 0.2)
    assert found.tolist() == [1, 0.5, 0]
    assert np.isnan(probability_in_the_money(100, 90, nan, 0.2))


def test_the_expected_move_of_each_convention():
    assert expected_move(645.57, 43 / 365, 0.221) == approx(645.57 * 0.221 * sqrt(43 / 365))
    straddle = black_scholes_price(100, 100, 0.25, 0.3, is_call=[True, False]).sum()
    mean = expected_move(100, 0.25, 0.3, convention="mean_absolute")
    # A straddle at the forward costs the mean distance from it; at zero rates there is no discount.
    assert mean == approx(straddle, rel=1e-13)
    assert expected_move(100, 0.25, straddle=straddle) == straddle
    assert expected_move(100, 0.25, straddle=straddle, convention="straddle_85") == approx(0.85 * straddle)
    implied = expected_move(100, 0.25, straddle=straddle, convention="straddle_deviation")
    assert implied == approx(straddle * sqrt(pi / 2))
    assert implied == approx(expected_move(100, 0.25, 0.3), rel=2e-3)


def test_an_expected_move_asks_for_volatility_or_straddle():
    with pytest.raises(PricingInputError, match="Neither `volatility` nor `straddle`"):
        expected_move(100, 0.25)
    with pytest.raises(PricingInputError, match="both given"):
        expected_move(100, 0.25, 0.2, straddle=5)
    with pytest.raises(PricingInputError, match="'straddle_85', and the move is asked for from `volatility`"):
        expected_move(100, 0.25, 0.2, convention="straddle_85")
    with pytest.raises(PricingInputError, match="'one_deviation', and the move is asked for from `straddle`"):
        expected_move(100, 0.25, straddle=5, convention="one_deviation")


def legs(*rows, **common):
    base = {"multiplier": 100.0, "spot": 100.0, "years": 0.25, "volatility": 0.25, "rate": 0.03,
            "dividend_yield": 0.01}  # fmt: skip
    columns = ("kind", "strike", "quantity", "price")
    return pd.DataFrame([base | dict(zip(columns, row, strict=True)) | common for row in rows])


def test_the_chance_of_profit_agrees_with_simulated_ends():
    condor = legs(("put", 85, 1, 0.5), ("put", 90, -1, 1.5), ("call", 110, -1, 1.25), ("call", 115, 1, 0.25))
    rng = np.random.default_rng(5)
    ends = 100 * np.exp((0.02 - 0.25**2 / 2) * 0.25 + 0.25 * 0.5 * rng.standard_normal(1_000_000))
    share = np.mean((ends > 88) & (ends < 112))
    assert abs(probability_of_profit(condor) - share) < 4 * sqrt(share * (1 - share) / 1e6)


def test_the_volatility_at_the_spot_lies_between_the_strikes_around_it():
    skewed = legs(("put", 90, -1, 2.0), ("call", 110, -1, 2.0))
    skewed["volatility"] = [0.30, 0.20]
    law = NormalDist(log(100) + (0.02 - 0.25**2 / 2) * 0.25, 0.25 * 0.5)
    assert probability_of_profit(skewed) == approx(law.cdf(log(114)) - law.cdf(log(86)), abs=1e-12)
    wide = NormalDist(log(100) + (0.02 - 0.4**2 / 2) * 0.25, 0.4 * 0.5)
    given_one = probability_of_profit(skewed, volatility=0.4)
    assert given_one == approx(wide.cdf(log(114)) - wide.cdf(log(86)), abs=1e-12)


@pytest.mark.parametrize("as_pair", [True, False])
def test_a_density_replaces_the_lognormal_law(as_pair):
    condor = legs(("put", 90, -1, 2.0), ("call", 110, -1, 2.0))

    def density(x):
        x = np.asarray(x)
        d = (np.log(x / 100) - (0.02 - 0.25**2 / 2) * 0.25) / 0.125
        return np.exp(-d * d / 2) / (x * 0.125 * sqrt(2 * pi))

    grid = np.linspace(20, 300, 20_001)
    law = (grid, density(grid)) if as_pair else density
    assert probability_of_profit(condor, density=law) == approx(probability_of_profit(condor), abs=1e-6)


def test_a_density_that_does_not_add_up_is_refused():
    call = legs(("call", 100, 1, 4.0))
    with pytest.raises(PricingInputError, match=r"adds up to 0\.5"):
        probability_of_profit(call, density=([50.0, 150.0], [0.005, 0.005]))
    with pytest.raises(PricingInputError, match="no ascending spots"):
        probability_of_profit(call, density=([150.0, 50.0], [0.01, 0.01]))


@settings(deadline=None, max_examples=40)
@given(st.floats(80, 120), st.floats(0.5, 10), st.sampled_from(["call", "put"]))
def test_buyer_and_seller_share_all_outcomes(strike, price, kind):
    bought, sold = legs((kind, strike, 1, price)), legs((kind, strike, -1, price))
    assert probability_of_profit(bought) + probability_of_profit(sold) == approx(1, abs=1e-12)


def test_shares_alone_and_missing_volatility_have_no_chance_to_tell():
    assert np.isnan(probability_of_profit(legs(("share", nan, 100, 90.0))))
    assert np.isnan(probability_of_profit(legs(("call", 100, 1, 4.0), volatility=nan)))
    always = legs(("call", 100, 1, 0.0))
    ends_above = probability_in_the_money(100, 100, 0.25, 0.25, rate=0.03, dividend_yield=0.01)
    assert_allclose(probability_of_profit(always), ends_above)
