"""Black's formula on a forward: published values, other libraries, and the one identity that rho obeys."""

import numpy as np
import pandas as pd
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import black76_greeks, black76_price, black_scholes_greeks
from workbench.pricing.black76 import BLACK76_GREEKS


def test_textbook_put_on_crude_oil():
    """Hull's example: a put on a future of 20 at 20, four months, 25 % volatility, 9 % rate."""
    assert black76_price(20, 20, 4 / 12, 0.25, rate=0.09, is_call=False) == approx(1.12, abs=5e-3)


def test_prices_agree_with_quantlib():
    rng = np.random.default_rng(1)
    forward, years, volatility = (
        rng.uniform(5, 500, 300),
        rng.uniform(0.01, 5, 300),
        rng.uniform(0.05, 1, 300),
    )
    strike = forward * np.exp(rng.uniform(-3, 3, 300) * volatility * np.sqrt(years))
    rate, is_call = rng.uniform(-0.02, 0.1, 300), rng.random(300) < 0.5
    found = black76_price(forward, strike, years, volatility, rate=rate, is_call=is_call)
    expected = [
        QuantLib.blackFormula(
            QuantLib.Option.Call if call else QuantLib.Option.Put, k, f, v * t**0.5, np.exp(-r * t)
        )
        for f, k, t, v, r, call in zip(forward, strike, years, volatility, rate, is_call, strict=True)
    ]
    assert_allclose(found / forward, expected / forward, atol=1e-13)


@pytest.mark.parametrize(
    "case",
    [
        (100.0, 104.0, 0.4, 0.3, 0.03),
        (100.0, 60.0, 2.0, 0.2, -0.02),
        (3.0, 3.0, 1 / 525_600, 0.6, 0.05),
        (2500.0, 4000.0, 30.0, 0.15, 0.04),
    ],
)
@pytest.mark.parametrize("is_call", [True, False])
def test_greeks_are_derivatives_by_the_forward(exact, case, is_call):
    """Against the spot formula with the yield at the rate: there a rise of both rates holds the forward."""
    forward, strike, years, volatility, rate = case
    found = black76_greeks(*case[:4], rate=rate, is_call=is_call, greeks=BLACK76_GREEKS)
    spot_case = (forward, strike, years, volatility, rate, rate, is_call)
    for name in BLACK76_GREEKS:
        expected = exact.greek(name, *spot_case)
        if name == "rho":
            expected += exact.greek("phi", *spot_case)
        assert found[name] == approx(float(expected), rel=1e-11, abs=1e-13), name


@given(
    forward=st.floats(1, 1000),
    log_strike=st.floats(-2, 2),
    years=st.floats(0, 5),
    volatility=st.floats(0.01, 1.5),
    rate=st.floats(-0.05, 0.15),
    is_call=st.booleans(),
)
def test_rho_is_the_price_paid_later(forward, log_strike, years, volatility, rate, is_call):
    strike = forward * np.exp(log_strike)
    found = black76_greeks(
        forward,
        strike,
        years,
        volatility,
        rate=rate,
        is_call=is_call,
        greeks=("price", "rho", "theta", "gamma"),
    )
    assert found["rho"] == approx(-years * found["price"], rel=1e-14)
    if years > 0.001:
        decay = rate * found["price"] - 0.5 * (volatility * forward) ** 2 * found["gamma"]
        assert found["theta"] == approx(decay, rel=1e-9, abs=1e-10 * forward)


def test_without_a_rate_it_is_the_spot_formula():
    strike = np.linspace(50, 150, 11)
    ours = black76_greeks(100, strike, 0.5, 0.2, greeks=("price", "delta", "vanna", "charm"))
    spot = black_scholes_greeks(100, strike, 0.5, 0.2, greeks=("price", "delta", "vanna", "charm"))
    for name, value in ours.items():
        assert_allclose(value, spot[name], rtol=1e-15)


def test_there_is_no_yield_to_differentiate_by():
    with pytest.raises(PricingInputError, match="'phi' is not there: a forward holds the yield already"):
        black76_greeks(100, 100, 1, 0.2, greeks=["phi"])


def test_units_labels_and_the_callers_array():
    strikes = pd.Series([90.0, 110.0], index=["a", "b"])
    natural = black76_greeks(100, strikes, 0.5, 0.2, rate=0.03)
    trader = black76_greeks(100, strikes, 0.5, 0.2, rate=0.03, units="trader")
    assert_allclose(trader["rho"], natural["rho"] / 100)
    assert_allclose(trader["theta"], natural["theta"] / 365)
    assert list(natural["delta"].index) == ["a", "b"]
    out = np.empty(2)
    assert black76_price(100, strikes.to_numpy(), 0.5, 0.2, out=out) is out
    assert_allclose(out, black76_price(100, strikes, 0.5, 0.2))


def test_bad_input_names_the_forward():
    with pytest.raises(PricingInputError, match="`forward` is -1 in row 1; give a number above zero"):
        black76_price([100, -1], 100, 1, 0.2)
    with pytest.raises(PricingInputError, match="`rate` is inf; give a finite number"):
        black76_price(100, 100, 1, 0.2, rate=np.inf)
    assert np.isnan(black76_price(np.nan, 100, 1, 0.2))
