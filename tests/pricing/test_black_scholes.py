from math import exp

import numpy as np
import pandas as pd
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import black_scholes_price

prices = st.floats(1, 1000)
times = st.floats(0, 5)
volatilities = st.floats(0, 2)
rates = st.floats(-0.05, 0.15)


def sensible_cases(count, seed):
    """Options from hours to ten years, from deep out of the money to deep in it."""
    rng = np.random.default_rng(seed)
    years = 10 ** rng.uniform(-3.5, 1, count)
    volatility = rng.uniform(0.03, 1.5, count)
    strike = 100 * np.exp(rng.uniform(-6, 6, count) * volatility * np.sqrt(years))
    rate, dividend_yield = rng.uniform(-0.03, 0.12, count), rng.uniform(-0.02, 0.08, count)
    return (
        np.full(count, 100.0), strike, years, volatility, rate, dividend_yield, rng.random(count) < 0.5
    )  # fmt: skip


def test_textbook_call_and_put():
    """Hull's example: 42 against 40, half a year, 20 % volatility, 10 % rate."""
    found = black_scholes_price(42, 40, 0.5, 0.20, rate=0.10, is_call=[True, False])
    assert_allclose(found, [4.759422, 0.808599], atol=5e-7)


def test_prices_agree_with_sixty_digits(exact):
    spot, strike, years, volatility, rate, dividend_yield, is_call = sensible_cases(1000, seed=1)
    found = black_scholes_price(
        spot, strike, years, volatility, rate=rate, dividend_yield=dividend_yield, is_call=is_call
    )
    cases = zip(spot, strike, years, volatility, rate, dividend_yield, is_call, strict=True)
    reference = np.array([float(exact.price(*case)) for case in cases])
    error = np.abs(found - reference)
    assert np.all((error <= 1e-11 * reference) | (error <= 1e-14 * np.maximum(spot, strike)))
    assert np.max(error / np.maximum(spot, strike)) < 1e-14


@pytest.mark.parametrize(
    "case",
    [
        (100, 100.5, 1 / (365 * 24), 0.15, 0.05, 0.01, True),  # an hour to expiry
        (100, 99.5, 1 / (365 * 24), 0.15, 0.05, 0.01, False),
        (100, 100, 1 / (365 * 24 * 60), 0.15, 0.05, 0.0, True),  # a minute, at the money
        (100, 250, 0.25, 0.20, 0.05, 0.0, True),  # nine deviations out
        (100, 20, 0.25, 0.20, 0.05, 0.0, False),
        (100, 20, 0.25, 0.20, 0.05, 0.0, True),  # deep in
        (100, 100.01, 1.0, 1e-4, 0.0, 0.0, True),  # hardly any volatility
        (100, 100, 30.0, 3.0, 0.02, 0.0, True),  # an option worth nearly the share
        (0.01, 0.02, 1.0, 0.8, 0.0, 0.0, True),
        (1e6, 9e5, 1.0, 0.3, -0.02, 0.01, False),
    ],
)
def test_corners_agree_with_sixty_digits(exact, case):
    *numbers, rate, dividend_yield, is_call = case
    found = black_scholes_price(*numbers, rate=rate, dividend_yield=dividend_yield, is_call=is_call)
    assert found == approx(float(exact.price(*case)), rel=1e-11, abs=1e-15 * max(case[:2]))


def test_prices_agree_with_quantlib():
    spot, strike, years, volatility, rate, dividend_yield, is_call = sensible_cases(2000, seed=2)
    found = black_scholes_price(
        spot, strike, years, volatility, rate=rate, dividend_yield=dividend_yield, is_call=is_call
    )
    reference = [
        QuantLib.blackFormula(
            QuantLib.Option.Call if call else QuantLib.Option.Put,
            k,
            s * exp((r - q) * t),
            v * t**0.5,
            exp(-r * t),
        )
        for s, k, t, v, r, q, call in zip(
            spot, strike, years, volatility, rate, dividend_yield, is_call, strict=True
        )
    ]
    assert_allclose(found / np.maximum(spot, strike), reference / np.maximum(spot, strike), atol=1e-13)


@given(spot=prices, strike=prices, years=times, volatility=volatilities, rate=rates, dividend_yield=rates)
def test_call_minus_put_is_the_discounted_forward(spot, strike, years, volatility, rate, dividend_yield):
    call, put = black_scholes_price(
        spot, strike, years, volatility, rate=rate, dividend_yield=dividend_yield, is_call=[True, False]
    )
    forward = spot * exp(-dividend_yield * years) - strike * exp(-rate * years)
    assert call - put == approx(forward, abs=1e-13 * (spot + strike))


@given(spot=prices, strike=prices, years=times, volatility=volatilities, rate=rates, is_call=st.booleans())
def test_a_price_stays_between_intrinsic_value_and_bound(spot, strike, years, volatility, rate, is_call):
    price = black_scholes_price(spot, strike, years, volatility, rate=rate, is_call=is_call)
    discounted = strike * np.exp(-rate * years)
    intrinsic = max(spot - discounted if is_call else discounted - spot, 0.0)
    rounding = 1e-15 * (spot + strike)
    assert intrinsic - rounding <= price <= (spot if is_call else discounted) + rounding


@given(
    spot=prices, strike=prices, years=times, low=volatilities, more=st.floats(0.01, 1), is_call=st.booleans()
)
def test_more_volatility_is_never_cheaper(spot, strike, years, low, more, is_call):
    cheap, dear = black_scholes_price(spot, strike, years, [low, low + more], is_call=is_call)
    assert dear >= cheap - 1e-13 * (spot + strike)


@given(spot=prices, strike=prices, years=times, volatility=volatilities, width=st.floats(0.01, 0.2))
def test_a_butterfly_costs_something(spot, strike, years, volatility, width):
    strikes = strike * np.array([1 - width, 1, 1 + width])
    low, middle, high = black_scholes_price(spot, strikes, years, volatility)
    assert low - 2 * middle + high >= -1e-12 * (spot + strike)
    assert low >= middle - 1e-13 * spot
    assert middle >= high - 1e-13 * spot


@given(spot=prices, strike=prices, years=times, volatility=volatilities, scale=st.floats(0.01, 100))
def test_doubling_all_prices_doubles_the_option(spot, strike, years, volatility, scale):
    plain = black_scholes_price(spot, strike, years, volatility, rate=0.03)
    scaled = black_scholes_price(scale * spot, scale * strike, years, volatility, rate=0.03)
    assert scaled == approx(scale * plain, rel=1e-9, abs=1e-13 * scale * (spot + strike))


@given(spot=prices, strike=prices, years=times, volatility=volatilities, rate=rates, dividend_yield=rates)
def test_a_call_is_a_put_seen_from_the_other_side(spot, strike, years, volatility, rate, dividend_yield):
    call = black_scholes_price(spot, strike, years, volatility, rate=rate, dividend_yield=dividend_yield)
    put = black_scholes_price(
        strike, spot, years, volatility, rate=dividend_yield, dividend_yield=rate, is_call=False
    )
    assert call == approx(put, rel=1e-9, abs=1e-13 * (spot + strike))


def test_no_time_left_is_worth_what_it_pays():
    found = black_scholes_price(100, [90, 100, 110], 0, 0.2, rate=0.05)
    assert_array_equal(found, [10, 0, 0])
    assert_array_equal(black_scholes_price(100, [90, 100, 110], 0, 0.2, is_call=False), [0, 0, 10])


def test_no_volatility_is_the_limit_from_above(exact):
    found = black_scholes_price(100, [95, 100, 105], 1, 0, rate=0.02, dividend_yield=0.01)
    limit = [float(exact.price(100, k, 1, 1e-12, 0.02, 0.01, True)) for k in (95, 100, 105)]
    assert_allclose(found, limit, atol=1e-10)
    assert black_scholes_price(100, 100, 1, 0) == 0


def test_extreme_inputs_give_limits_without_a_warning(recwarn):
    assert black_scholes_price(100, 100, 1, 1e-300) == approx(0, abs=1e-290)
    assert black_scholes_price(100, 1e-300, 1, 0.2) == approx(100)
    assert black_scholes_price(1e-300, 100, 1, 0.2) == 0
    assert black_scholes_price(100, 100, 1, 1e3) == approx(100)
    assert not recwarn.list


def test_a_missing_input_gives_a_missing_price_in_its_row():
    for place in range(4):
        inputs = [np.array([100.0, 100.0]), np.array([90.0, 90.0]), np.ones(2), np.full(2, 0.2)]
        inputs[place][1] = np.nan
        found = black_scholes_price(*inputs)
        assert np.isfinite(found[0])
        assert np.isnan(found[1])
    assert np.isnan(black_scholes_price(100, 90, 0, 0.2, rate=np.nan))


def test_scalars_give_a_numpy_scalar_and_arrays_broadcast():
    assert isinstance(black_scholes_price(42, 40, 0.5, 0.2), np.float64)
    assert black_scholes_price([[40], [42]], [38, 40, 42], 0.5, 0.2).shape == (2, 3)
    assert black_scholes_price([], [], [], []).shape == (0,)
    assert_array_equal(
        black_scholes_price(pd.Series([42.0, 43.0]), 40, 0.5, 0.2),
        black_scholes_price([42, 43], 40, 0.5, 0.2),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volatility": [0.2, -0.2]}, "`volatility` is -0.2 in row 1; give zero or more, as a fraction"),
        ({"spot": -42}, "`spot` is -42; give a number above zero"),
        ({"strike": [40, 0]}, "`strike` is 0 in row 1; give a number above zero"),
        ({"years": -0.5}, "`years` is -0.5; give zero or more, in years"),
        ({"rate": np.inf}, "`rate` is inf; give a finite number"),
        ({"spot": "42"}, "`spot` is '42'; give a number"),
        ({"is_call": "put"}, "`is_call` is 'put'"),
        ({"spot": [1, 2], "strike": [1, 2, 3]}, "The shapes do not fit together"),
    ],
)
def test_bad_input_is_refused_with_its_row_and_remedy(change, message):
    arguments = {"spot": 42, "strike": 40, "years": 0.5, "volatility": 0.2} | change
    with pytest.raises(PricingInputError) as caught:
        black_scholes_price(**arguments)
    assert message in str(caught.value)
