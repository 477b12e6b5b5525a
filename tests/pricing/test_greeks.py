from math import exp

import numpy as np
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import black_scholes_greeks, black_scholes_price

FIVE = ("delta", "gamma", "vega", "theta", "rho")
HULL = {"delta": 0.779131, "gamma": 0.049963, "theta": -4.559092, "vega": 8.813415, "rho": 13.982046}


def test_textbook_greeks_per_year_and_per_one():
    found = black_scholes_greeks(42, 40, 0.5, 0.20, rate=0.10)
    assert tuple(found) == FIVE
    for name, value in HULL.items():
        assert found[name] == approx(value, abs=5e-7)


def test_greeks_agree_with_derivatives_in_sixty_digits(exact):
    rng = np.random.default_rng(3)
    for _ in range(150):
        years, volatility = 10 ** rng.uniform(-3.5, 1), rng.uniform(0.03, 1.5)
        strike = 100 * exp(rng.uniform(-5, 5) * volatility * years**0.5)
        case = (100.0, strike, years, volatility, rng.uniform(-0.03, 0.12), rng.uniform(-0.02, 0.08))
        is_call = bool(rng.random() < 0.5)
        found = black_scholes_greeks(*case[:4], rate=case[4], dividend_yield=case[5], is_call=is_call)
        for name in FIVE:
            reference = float(exact.greek(name, *case, is_call))
            scale = {"delta": 1, "gamma": 1, "vega": 100, "theta": 100, "rho": strike * years}[name]
            assert found[name] == approx(reference, rel=1e-11, abs=1e-14 * scale), (name, case)


def test_greeks_agree_with_quantlib_hours_from_expiry_and_years_away():
    for years in (1 / 8760, 1 / 365, 0.25, 2.0):
        for strike in (80.0, 99.0, 100.0, 101.0, 125.0):
            for is_call in (True, False):
                rate, dividend_yield, volatility = 0.04, 0.015, 0.25
                payoff = QuantLib.PlainVanillaPayoff(
                    QuantLib.Option.Call if is_call else QuantLib.Option.Put, strike
                )
                forward = 100 * exp((rate - dividend_yield) * years)
                peer = QuantLib.BlackCalculator(payoff, forward, volatility * years**0.5, exp(-rate * years))
                found = black_scholes_greeks(
                    100, strike, years, volatility, rate=rate, dividend_yield=dividend_yield,
                    is_call=is_call, greeks=("price", *FIVE),
                )  # fmt: skip
                assert found["price"] == approx(peer.value(), rel=1e-10, abs=1e-13)
                assert found["delta"] == approx(peer.delta(100), rel=1e-10, abs=1e-13)
                assert found["gamma"] == approx(peer.gamma(100), rel=1e-9, abs=1e-13)
                assert found["vega"] == approx(peer.vega(years), rel=1e-10, abs=1e-13)
                assert found["theta"] == approx(peer.theta(100, years), rel=1e-9, abs=1e-9)
                assert found["rho"] == approx(peer.rho(years), rel=1e-9, abs=1e-12)


@given(
    spot=st.floats(20, 500),
    log_strike=st.floats(-2, 2),
    years=st.floats(0.02, 3),
    volatility=st.floats(0.05, 1),
    rate=st.floats(-0.02, 0.1),
    is_call=st.booleans(),
)
def test_greeks_keep_the_equation_that_prices_obey(spot, log_strike, years, volatility, rate, is_call):
    """Black and Scholes' differential equation ties price, delta, gamma and theta together."""
    strike = spot * exp(log_strike * volatility * years**0.5)
    found = black_scholes_greeks(
        spot, strike, years, volatility, rate=rate, dividend_yield=0.01, is_call=is_call,
        greeks=("price", *FIVE),
    )  # fmt: skip
    drift = (rate - 0.01) * spot * found["delta"] + 0.5 * (volatility * spot) ** 2 * found["gamma"]
    assert found["theta"] + drift == approx(rate * found["price"], abs=1e-10 * spot)


def test_greeks_are_slopes_of_our_own_price():
    case = {"spot": 100.0, "strike": 104.0, "years": 0.4, "volatility": 0.3, "rate": 0.03}
    found = black_scholes_greeks(**case, is_call=False)
    for name, variable, sign in (
        ("delta", "spot", 1), ("vega", "volatility", 1), ("theta", "years", -1), ("rho", "rate", 1),
    ):  # fmt: skip
        step = 1e-5 * case[variable]
        up, down = (
            black_scholes_price(**(case | {variable: case[variable] + move}), is_call=False)
            for move in (step, -step)
        )
        assert found[name] == approx(sign * (up - down) / (2 * step), rel=1e-7)


def test_trader_units_are_per_day_per_point_and_per_cent():
    natural = black_scholes_greeks(42, 40, 0.5, 0.20, rate=0.10, greeks=("price", *FIVE))
    trader = black_scholes_greeks(42, 40, 0.5, 0.20, rate=0.10, greeks=("price", *FIVE), units="trader")
    for name in ("price", "delta", "gamma"):
        assert trader[name] == natural[name]
    assert trader["theta"] == approx(HULL["theta"] / 365, abs=1e-8)
    assert trader["vega"] == approx(HULL["vega"] / 100, abs=1e-8)
    assert trader["rho"] == approx(HULL["rho"] / 100, abs=1e-8)


def test_price_comes_in_the_same_pass_and_any_subset_can_be_asked():
    found = black_scholes_greeks(42, [40, 45], 0.5, 0.2, greeks=["vega", "price"])
    assert tuple(found) == ("vega", "price")
    assert_array_equal(found["price"], black_scholes_price(42, [40, 45], 0.5, 0.2))
    assert tuple(black_scholes_greeks(42, 40, 0.5, 0.2, greeks="delta")) == ("delta",)


@pytest.mark.parametrize("nothing", [{"years": 0.0, "volatility": 0.2}, {"years": 1.0, "volatility": 0.0}])
def test_without_time_or_volatility_greeks_are_their_one_sided_limits(nothing):
    found = black_scholes_greeks(100, [90, 110], is_call=[[True], [False]], **nothing)
    assert_array_equal(found["delta"], [[1, 0], [0, -1]])
    assert_array_equal(found["gamma"], np.zeros((2, 2)))
    assert_array_equal(found["vega"], np.zeros((2, 2)))
    assert_array_equal(found["theta"], np.zeros((2, 2)))
    expected = nothing["years"] * np.array([[90, 0], [0, -110]])
    assert_array_equal(found["rho"], expected)


def test_limits_off_the_money_keep_carry(exact):
    found = black_scholes_greeks(100, 90, 1, 0, rate=0.05, dividend_yield=0.02)
    for name in FIVE:
        limit = float(exact.greek(name, 100, 90, 1, 1e-4, 0.05, 0.02, True))
        assert found[name] == approx(limit, abs=1e-9)


def test_limits_at_the_money_are_half_a_share_and_an_infinite_gamma():
    expired = black_scholes_greeks(100, 100, 0, 0.2)
    assert expired["delta"] == 0.5
    assert expired["gamma"] == np.inf
    assert expired["theta"] == -np.inf
    assert expired["vega"] == expired["rho"] == 0
    still = black_scholes_greeks(100, 100, 1, 0)
    assert still["delta"] == 0.5
    assert still["gamma"] == np.inf
    assert still["vega"] == approx(100 / np.sqrt(2 * np.pi))


def test_a_missing_input_is_missing_in_every_greek():
    for place in range(6):
        inputs = [100.0, 90.0, 1.0, 0.2, 0.03, 0.01]
        inputs[place] = np.nan
        found = black_scholes_greeks(
            *inputs[:4], rate=inputs[4], dividend_yield=inputs[5], greeks=("price", *FIVE)
        )
        assert all(np.isnan(value) for value in found.values()), place


def test_shapes_broadcast_and_scalars_stay_scalars():
    found = black_scholes_greeks(100, [90, 100, 110], 0.5, 0.2, is_call=[[True], [False]])
    assert {value.shape for value in found.values()} == {(2, 3)}
    assert isinstance(black_scholes_greeks(100, 90, 0.5, 0.2)["rho"], np.float64)
    assert_allclose(found["gamma"][0], found["gamma"][1])


def test_unknown_names_and_units_are_refused():
    with pytest.raises(PricingInputError, match=r"'gama' is no Greek .* did you mean 'gamma'"):
        black_scholes_greeks(100, 90, 0.5, 0.2, greeks=["gama"])
    with pytest.raises(PricingInputError, match="`units` is 'daily'; give 'natural' or 'trader'"):
        black_scholes_greeks(100, 90, 0.5, 0.2, units="daily")
