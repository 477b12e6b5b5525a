import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from workbench.errors import PricingInputError
from workbench.volatility import Smile, SviSlice, ssvi_slice, variance_swap_rate

SMILES = [
    SviSlice(0.01, 0.1, -0.4, 0.02, 0.15),
    SviSlice(0.02, 0.4, -0.7, 0.05, 0.3),
    SviSlice(-0.002, 0.05, 0.2, -0.01, 0.12),
    ssvi_slice(0.0004, -0.3, 30.0),
]


def replicated(smile, years, digits=25):
    """The strip of Black puts and calls over strike squared, integrated in high precision."""
    mp.mp.dps = digits
    a, b, rho, m, sigma = (mp.mpf(x) for x in (smile.a, smile.b, smile.rho, smile.m, smile.sigma))

    def option(k):
        y = k - m
        deviation = mp.sqrt(a + b * (rho * y + mp.sqrt(y * y + sigma * sigma)))
        d1 = -k / deviation + deviation / 2
        s = 1 if k >= 0 else -1
        return s * (mp.ncdf(s * d1) - mp.exp(k) * mp.ncdf(s * (d1 - deviation))) * mp.exp(-k)

    scale = mp.sqrt(a + b * (-rho * m + mp.sqrt(m * m + sigma * sigma)))
    nodes = [0] + [scale * x for x in (1, 2, 4, 8, 16, 32, 64, 128, 256)]
    total = mp.quad(option, nodes) + mp.quad(option, [-x for x in reversed(nodes)])
    return float(2 * total / years)


def test_a_flat_smile_has_its_own_variance():
    for volatility, years in ((0.2, 1.0), (0.01, 0.01), (1.5, 3.0), (0.6, 1 / 365)):
        total = volatility**2 * years
        assert variance_swap_rate(lambda k, w=total: w + 0 * k, years) == approx(volatility**2, rel=1e-10)


@pytest.mark.parametrize("smile", SMILES)
def test_the_rate_is_that_of_a_high_precision_strip(smile):
    assert variance_swap_rate(smile, 0.5) == approx(replicated(smile, 0.5), rel=1e-9)


@pytest.mark.parametrize("smile", SMILES)
def test_the_rate_is_the_mean_of_total_variance_over_d2(smile):
    """Gatheral (2006), ch. 11: the integral of w over the normal density of d2, quite another formula."""
    u = np.linspace(-1, 1, 400_001)
    scale = np.sqrt(smile.total_variance(0.0))
    k = scale * 600 * np.sinh(10 * u) / np.sinh(10.0)
    w, slope = smile.total_variance(k), smile.slope(k)
    root = np.sqrt(w)
    d2 = -k / root - root / 2
    by_k = -1 / root + slope / (2 * root) * (k / w - 0.5)
    weight = np.exp(-d2 * d2 / 2) / np.sqrt(2 * np.pi)
    mean = np.trapezoid(-weight * w * by_k, k)
    assert variance_swap_rate(smile, 1.0) == approx(mean, rel=1e-7)


@given(volatility=st.floats(0.05, 1.0), years=st.floats(0.01, 2.0), rho=st.floats(-0.9, 0.9))
@settings(deadline=None, max_examples=25)
def test_a_smile_costs_more_than_its_lowest_volatility(volatility, years, rho):
    theta = volatility**2 * years
    smile = ssvi_slice(theta, rho, 0.9 / np.sqrt(theta))
    rate = variance_swap_rate(smile, years)
    assert rate > smile.minimum[1] / years
    assert rate == approx(variance_swap_rate(Smile.of(smile, years)), rel=1e-12)


def test_what_cannot_be_integrated_is_refused():
    smile = SMILES[0]
    with pytest.raises(PricingInputError, match="`years` is left out"):
        variance_swap_rate(smile)
    with pytest.raises(PricingInputError, match="`years` is -1"):
        variance_swap_rate(smile, -1.0)
    with pytest.raises(PricingInputError, match="leave it out"):
        variance_swap_rate(Smile.of(smile, 0.5), 0.6)
    with pytest.raises(PricingInputError, match="does not settle"):
        variance_swap_rate(lambda k: 0.04 + 2.5 * np.abs(k), 1.0)
    with pytest.raises(PricingInputError, match="not above zero at the money"):
        variance_swap_rate(lambda k: 0 * k, 1.0)
