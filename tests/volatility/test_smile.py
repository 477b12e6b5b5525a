import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx
from scipy.special import ndtr, ndtri

from workbench.errors import PricingInputError
from workbench.volatility import Smile, SviSlice, smile_measures

SKEWED = Smile.of(SviSlice(0.005, 0.1, -0.4, 0.02, 0.15), years=0.5, forward=100.0)


def test_a_flat_smile_has_no_skew_and_the_textbook_delta():
    flat = Smile.of(SviSlice(0.02, 0.0, 0.0, 0.0, 0.1), years=0.5, forward=100.0)
    found = smile_measures(flat)
    assert found["atm_volatility"] == approx(0.2)
    for name in ("risk_reversal", "butterfly", "skew", "skew_10pct", "convexity"):
        assert found[name] == approx(0.0, abs=1e-12)
    # N(d1) = 0.25 solved by hand: k = w / 2 - sqrt(w) N^-1(0.25).
    k = 0.01 - np.sqrt(0.02) * ndtri(0.25)
    assert flat.log_moneyness_of_delta(0.25) == approx(k, rel=1e-12)


@given(delta=st.floats(0.01, 0.99), put=st.booleans())
@settings(deadline=None)
def test_the_strike_of_a_delta_has_that_delta(delta, put):
    k = SKEWED.log_moneyness_of_delta(delta - 1 if put else delta)
    w = SKEWED.total_variance(k)
    assert ndtr(-k / np.sqrt(w) + np.sqrt(w) / 2) == approx(delta, abs=1e-12)
    assert SKEWED.delta(100 * np.exp(k)) == approx(delta, abs=1e-12)


def test_measures_are_those_of_differences():
    found = smile_measures(SKEWED)
    h = 1e-4
    up, mid, down = SKEWED.volatility(100 * np.exp([h, 0.0, -h]))
    assert found["atm_volatility"] == approx(mid)
    assert found["skew"] == approx((up - down) / (2 * h), rel=1e-6)
    assert found["convexity"] == approx((up - 2 * mid + down) / h**2, rel=1e-5)
    assert found["skew_10pct"] == approx(SKEWED.volatility(105.0) - SKEWED.volatility(95.0))
    put, call = SKEWED.volatility_at_delta([-0.25, 0.25])
    assert found["risk_reversal"] == approx(call - put)
    assert found["risk_reversal"] < 0, "low strikes are dearer"
    assert found["butterfly"] == approx((call + put) / 2 - mid)


def test_a_missing_delta_and_a_missing_strike_give_a_missing_figure():
    assert_allclose(np.isnan(SKEWED.log_moneyness_of_delta([0.25, np.nan])), [False, True])
    assert np.isnan(SKEWED.volatility(np.nan))


def test_impossible_deltas_are_refused():
    for delta in (0.0, 1.0, -1.0, 1.5):
        with pytest.raises(PricingInputError, match=f"`delta` is {delta:g}"):
            SKEWED.log_moneyness_of_delta(delta)
    with pytest.raises(PricingInputError, match=r"`delta` is 0\.5"):
        smile_measures(SKEWED, delta=0.5)
    with pytest.raises(PricingInputError, match="`years` is 0"):
        Smile.of(SviSlice(0.02, 0.0, 0.0, 0.0, 0.1), years=0.0)
    with pytest.raises(PricingInputError, match="`strike` is -5"):
        SKEWED.volatility(-5.0)
