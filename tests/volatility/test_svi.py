import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import PricingInputError
from workbench.volatility import SviSlice, prove_butterflies, prove_calendar, ssvi_slice

USUAL = SviSlice(0.01, 0.1, -0.4, 0.02, 0.15)


def in_high_precision(smile):
    a, b, rho, m, sigma = (mp.mpf(x) for x in (smile.a, smile.b, smile.rho, smile.m, smile.sigma))
    return lambda k: a + b * (rho * (k - m) + mp.sqrt((k - m) ** 2 + sigma**2))


def call_over_forward(w, strike):
    """Black's undiscounted call by strike over forward, in high precision."""
    k = mp.log(strike)
    root = mp.sqrt(w(k))
    d1 = -k / root + root / 2
    return mp.ncdf(d1) - strike * mp.ncdf(d1 - root)


def test_slope_and_curvature_are_the_derivatives():
    with mp.workdps(40):
        w = in_high_precision(USUAL)
        for k in (-1.3, -0.2, 0.0, 0.02, 0.7):
            assert USUAL.total_variance(k) == approx(float(w(mp.mpf(k))), rel=1e-14)
            assert USUAL.slope(k) == approx(float(mp.diff(w, k)), rel=1e-12)
            assert USUAL.curvature(k) == approx(float(mp.diff(w, k, 2)), rel=1e-12)


def test_durrlemans_function_is_the_second_derivative_of_the_call():
    with mp.workdps(40):
        w = in_high_precision(USUAL)
        for k in (-0.8, -0.3, 0.0, 0.1, 0.5):
            strike = mp.exp(mp.mpf(k))
            density = mp.diff(lambda x: call_over_forward(w, x), strike, 2)
            root = mp.sqrt(w(mp.mpf(k)))
            d2 = -k / root - root / 2
            expected = density * strike * mp.sqrt(2 * mp.pi) * root * mp.exp(d2**2 / 2)
            assert USUAL.durrleman(k) == approx(float(expected), rel=1e-10)


def test_the_known_example_of_butterfly_arbitrage_is_found():
    """Vogt's parameters, in Gatheral and Jacquier (2014), example 3.1: smooth, with a negative density."""
    vogt = SviSlice(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
    proof = prove_butterflies(vogt)
    assert not proof.holds
    assert proof.least < 0
    assert 0.5 < proof.place < 1.5
    assert vogt.durrleman(proof.place) == approx(proof.least)


def test_wings_steeper_than_lees_bound_fail():
    steep = SviSlice(0.5, 1.2, 0.9, 0.0, 1.0)
    assert steep.wing_slopes[1] > 2
    assert not prove_butterflies(steep).holds


@given(
    theta=st.floats(1e-4, 2.0), rho=st.floats(-0.95, 0.95), share=st.floats(0.05, 0.99),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_ssvi_within_its_conditions_passes_the_proof(theta, rho, share):
    """Gatheral and Jacquier (2014), theorem 4.2: theta phi (1 + |rho|) < 4, theta phi^2 (1 + |rho|) <= 4."""
    phi = share * min(4 / (theta * (1 + abs(rho))), np.sqrt(4 / (theta * (1 + abs(rho)))))
    smile = ssvi_slice(theta, rho, phi)
    k = np.linspace(-2, 2, 41)
    expected = theta / 2 * (1 + rho * phi * k + np.sqrt((phi * k + rho) ** 2 + 1 - rho**2))
    assert_allclose(smile.total_variance(k), expected, rtol=1e-9)
    assert prove_butterflies(smile).least >= -1e-9


@given(
    a=st.floats(-0.02, 0.1), b=st.floats(0.01, 1.2), rho=st.floats(-0.95, 0.95), m=st.floats(-0.5, 0.5),
    sigma=st.floats(0.02, 1.0),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_the_proof_finds_what_a_far_denser_grid_finds(a, b, rho, m, sigma):
    least = b * sigma * np.sqrt(1 - rho**2)
    smile = SviSlice(max(a, 0.001 - least), b, rho, m, sigma)
    proof = prove_butterflies(smile)
    grid = np.linspace(-8, 8, 100_001)
    dense = float(smile.durrleman(grid).min())
    assert proof.least <= dense + 1e-3 * (1 + abs(dense))


def test_the_smallest_variance_stands_where_the_slope_is_zero():
    place, value = USUAL.minimum
    assert USUAL.slope(place) == approx(0.0, abs=1e-15)
    assert USUAL.total_variance(place) == approx(value, rel=1e-14)
    assert USUAL.shifted(0.1).total_variance(0.05) == approx(USUAL.total_variance(0.15), rel=1e-14)


def test_a_calendar_is_free_where_total_variance_falls():
    far = SviSlice(0.012, 0.11, -0.4, 0.02, 0.15)
    assert prove_calendar(USUAL, far).holds
    assert not prove_calendar(far, USUAL).holds
    flatter = SviSlice(0.05, 0.02, -0.4, 0.02, 0.15)
    crossing = prove_calendar(USUAL, flatter)
    assert not crossing.wings
    assert crossing.least < 0
    gain = flatter.total_variance(crossing.place) - USUAL.total_variance(crossing.place)
    assert crossing.least == approx(gain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b": -0.1}, "`b` is -0.1"),
        ({"rho": 1.2}, "`rho` is 1.2"),
        ({"sigma": 0.0}, "`sigma` is 0"),
        ({"a": -0.5}, "smallest total variance is -0.48"),
        ({"m": float("nan")}, "`m` is nan"),
        ({"a": float("inf")}, "`a` is inf"),
    ],
)
def test_numbers_that_are_no_smile_are_refused(change, message):
    numbers = {"a": 0.01, "b": 0.1, "rho": -0.4, "m": 0.0, "sigma": 0.15} | change
    with pytest.raises(PricingInputError) as caught:
        SviSlice(**numbers)
    assert message in str(caught.value)


def test_ssvi_refuses_what_has_no_smile():
    with pytest.raises(PricingInputError, match="`theta` is 0"):
        ssvi_slice(0.0, 0.1, 1.0)
    with pytest.raises(PricingInputError, match="`rho` is 1"):
        ssvi_slice(0.1, 1.0, 1.0)
