"""Bachelier's formula: other libraries, many digits, negative forwards, and its limits."""

import mpmath
import numpy as np
import pandas as pd
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pytest import approx

from workbench.errors import PricingInputError
from workbench.pricing import bachelier_greeks, bachelier_price
from workbench.pricing.bachelier import BACHELIER_GREEKS


def test_prices_agree_with_quantlib_also_below_zero():
    rng = np.random.default_rng(1)
    forward, years, volatility = (
        rng.normal(0, 0.03, 300),
        rng.uniform(0.01, 10, 300),
        rng.uniform(1e-3, 0.03, 300),
    )
    strike = forward + rng.uniform(-4, 4, 300) * volatility * np.sqrt(years)
    rate, is_call = rng.uniform(-0.02, 0.1, 300), rng.random(300) < 0.5
    found = bachelier_price(forward, strike, years, volatility, rate=rate, is_call=is_call)
    expected = [
        QuantLib.bachelierBlackFormula(
            QuantLib.Option.Call if call else QuantLib.Option.Put, k, f, v * t**0.5, np.exp(-r * t)
        )
        for f, k, t, v, r, call in zip(forward, strike, years, volatility, rate, is_call, strict=True)
    ]
    assert_allclose(found, expected, rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize(
    "case",
    [
        (100.0, 104.0, 0.4, 20.0, 0.03),
        (-0.005, 0.01, 5.0, 0.008, 0.02),
        (0.0, 0.0, 1.0, 0.01, -0.01),
        (100.0, 100.001, 1 / 525_600, 15.0, 0.05),
        (100.0, 180.0, 1.0, 10.0, 0.05),  # eight deviations out
        (1e-8, -1e-8, 30.0, 1e-9, 0.1),
        (1e-140, 2.5e-140, 1.0, 1e-140, 0.1),
    ],
)
@pytest.mark.parametrize("is_call", [True, False])
def test_every_greek_agrees_with_derivatives_in_many_digits(exact, case, is_call):
    found = bachelier_greeks(*case[:4], rate=case[4], is_call=is_call, greeks=BACHELIER_GREEKS)
    for name in BACHELIER_GREEKS:
        expected = (
            -case[2] * exact.normal_greek("price", *case, is_call)
            if name == "rho"
            else exact.normal_greek(name, *case, is_call)
        )
        # Differences over a forward of exactly zero leave their own dust.
        assert found[name] == approx(float(expected), rel=1e-11, abs=1e-13 * abs(found["vega"])), name


@given(
    forward=st.floats(-50, 50),
    strike=st.floats(-50, 50),
    years=st.floats(0, 5),
    volatility=st.floats(0, 30),
    rate=st.floats(-0.05, 0.1),
)
def test_call_less_put_is_the_discounted_difference(forward, strike, years, volatility, rate):
    call, put = bachelier_price(forward, strike, years, volatility, rate=rate, is_call=[True, False])
    assert call - put == approx(np.exp(-rate * years) * (forward - strike), abs=1e-12)
    assert min(call, put) >= 0
    mirrored = bachelier_price(-forward, -strike, years, volatility, rate=rate, is_call=False)
    assert call == approx(mirrored, rel=1e-13, abs=1e-300)


def test_a_lognormal_option_close_to_expiry_is_nearly_normal():
    """With little deviation both agree when the normal volatility is the fraction times the forward."""
    from workbench.pricing import black76_price

    normal = bachelier_price(100, 100, 1e-4, 20.0)
    assert normal == approx(black76_price(100, 100, 1e-4, 0.2), rel=1e-6)


@pytest.mark.parametrize("nothing", [{"years": 0.0, "volatility": 5.0}, {"years": 1.0, "volatility": 0.0}])
def test_without_time_or_volatility_greeks_are_their_limits(exact, nothing):
    found = bachelier_greeks(2.0, [-3.0, 2.0, 4.0], rate=0.03, greeks=BACHELIER_GREEKS, **nothing)
    for row, strike in enumerate((-3.0, 2.0, 4.0)):
        for name in BACHELIER_GREEKS:
            near, nearer = (
                float(
                    -(nothing["years"] or t) * exact.normal_greek("price", *case, True)
                    if name == "rho"
                    else exact.normal_greek(name, *case, True)
                )
                for t, v in ((1e-16, 1e-8), (1e-20, 1e-10))
                for case in [(2.0, strike, nothing["years"] or t, nothing["volatility"] or v, 0.03)]
            )
            if np.isinf(found[name][row]):
                assert np.sign(nearer) == np.sign(found[name][row]), name
                assert abs(nearer) > 50 * abs(near), name
            else:
                assert found[name][row] == approx(nearer, rel=1e-6, abs=1e-6), (name, strike)


def test_units_labels_and_the_callers_array():
    strikes = pd.Series([-1.0, 1.0], index=["a", "b"])
    natural = bachelier_greeks(0.5, strikes, 0.5, 2.0, rate=0.03, greeks=BACHELIER_GREEKS)
    trader = bachelier_greeks(0.5, strikes, 0.5, 2.0, rate=0.03, greeks=BACHELIER_GREEKS, units="trader")
    assert_allclose(trader["theta"], natural["theta"] / 365)
    assert_allclose(trader["rho"], natural["rho"] / 100)
    assert_array_equal(trader["vega"], natural["vega"])  # a volatility in price units has no point
    out = np.empty(2)
    assert bachelier_price(0.5, strikes.to_numpy(), 0.5, 2.0, out=out) is out
    assert list(natural["delta"].index) == ["a", "b"]


def test_bad_input_is_refused_and_missing_stays_missing():
    with pytest.raises(PricingInputError, match=r"`volatility` is -0\.2 in row 1; give zero or more"):
        bachelier_price(100, 100, 1, [0.2, -0.2])
    with pytest.raises(PricingInputError, match="`forward` is inf; give a finite number"):
        bachelier_price(np.inf, 100, 1, 0.2)
    with pytest.raises(PricingInputError, match="'phi' is not there"):
        bachelier_greeks(100, 100, 1, 20, greeks="phi")
    for place in range(5):
        inputs = [100.0, 90.0, 1.0, 20.0, 0.03]
        inputs[place] = np.nan
        found = bachelier_greeks(*inputs[:4], rate=inputs[4], greeks=BACHELIER_GREEKS)
        assert all(np.isnan(value) for value in found.values())


def test_thirty_deviations_out_a_price_keeps_its_digits():
    found = bachelier_price(100, 400, 1, 10, rate=0.05)
    with mpmath.workdps(260):
        d = mpmath.mpf(-30)
        density = mpmath.exp(-d * d / 2) / mpmath.sqrt(2 * mpmath.pi)
        share = mpmath.erfc(30 / mpmath.sqrt(2)) / 2
        expected = mpmath.exp(-mpmath.mpf(0.05)) * 10 * (density + d * share)
    assert found == approx(float(expected), rel=1e-12)
