from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx
from scipy.integrate import quad
from scipy.stats import lognorm

from workbench.errors import PricingInputError
from workbench.pricing import black_scholes_price
from workbench.volatility import Smile, SviSlice, risk_neutral_density, ssvi_slice

SKEWED = Smile.of(SviSlice(0.005, 0.1, -0.4, 0.02, 0.15), years=0.5, forward=100.0)


def integrated(density, weight):
    scale = np.sqrt(density.smile.total_variance(0.0))
    nodes = scale * np.array([-200, -60, -20, -8, -3, 0, 3, 8, 20, 60, 200])

    def part(k):
        return weight(k) * density.log_density(k)

    return sum(quad(part, low, high, epsabs=1e-13, limit=200)[0] for low, high in pairwise(nodes))


def test_a_flat_smile_is_lognormal():
    flat = Smile.of(SviSlice(0.04, 0.0, 0.0, 0.0, 0.1), years=1.0, forward=100.0)
    found = risk_neutral_density(flat)
    reference = lognorm(s=0.2, scale=100 * np.exp(-0.02))
    price = np.linspace(40, 220, 50)
    assert_allclose(found.density(price), reference.pdf(price), rtol=1e-12)
    assert_allclose(found.probability_below(price), reference.cdf(price), rtol=1e-11)
    assert_allclose(found.probability_above(price), reference.sf(price), rtol=1e-11)
    q = np.array([0.001, 0.05, 0.5, 0.9, 0.9999])
    assert_allclose(found.quantile(q), reference.ppf(q), rtol=1e-11)


@pytest.mark.parametrize(
    "smile",
    [
        SKEWED,
        Smile.of(ssvi_slice(0.0009, -0.5, 20.0), 0.02, 50.0),
        Smile.of(ssvi_slice(0.5, 0.3, 1.2), 2.0, 7.0),
    ],
)
def test_it_integrates_to_one_and_its_mean_is_the_forward(smile):
    found = risk_neutral_density(smile)
    assert integrated(found, lambda k: 1.0) == approx(1.0, abs=1e-9)
    assert integrated(found, np.exp) == approx(1.0, abs=1e-9)


def test_the_density_is_the_second_difference_of_calls():
    """Breeden and Litzenberger: butterflies of Black-Scholes prices at the smile's own volatilities."""
    strike, h = np.linspace(60, 150, 19), 0.02
    ladder = strike[:, None] + h * np.array([-1, 0, 1])
    calls = black_scholes_price(100.0, ladder, 0.5, SKEWED.volatility(ladder))
    found = risk_neutral_density(SKEWED)
    butterflies = (calls[:, 0] - 2 * calls[:, 1] + calls[:, 2]) / h**2
    assert_allclose(found.density(strike), butterflies, atol=2e-9, rtol=1e-4)
    assert_allclose(found.probability_above(strike), (calls[:, 0] - calls[:, 2]) / (2 * h), atol=5e-7)


@given(probability=st.floats(1e-6, 1 - 1e-6))
@settings(deadline=None, max_examples=60)
def test_quantile_and_probability_are_inverse(probability):
    found = risk_neutral_density(SKEWED)
    assert found.probability_below(found.quantile(probability)) == approx(probability, abs=1e-12)


def test_probabilities_add_up():
    found = risk_neutral_density(SKEWED)
    below, above = found.probability_below(90.0), found.probability_above(110.0)
    assert below + found.probability_between(90.0, 110.0) + above == approx(1.0, abs=1e-14)
    far = found.probability_between(300.0, 400.0)
    assert far == approx(found.probability_above(300.0) - found.probability_above(400.0), rel=1e-12)
    assert far > 0


def test_what_has_no_probability_is_refused():
    found = risk_neutral_density(SKEWED)
    with pytest.raises(PricingInputError, match="`low` is above `high`"):
        found.probability_between(110.0, 90.0)
    with pytest.raises(PricingInputError, match="`probability` is 1"):
        found.quantile(1.0)
    with pytest.raises(PricingInputError, match="`strike` is 0"):
        found.density(0.0)
    assert np.isnan(found.density(np.nan))
    assert np.isnan(found.quantile(np.nan))
