import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx
from scipy.special import ndtr

from workbench.errors import PricingInputError
from workbench.volatility import SviSlice, fit_svi
from workbench.volatility.svi_fit import fit_slices, violations
from workbench.volatility.svi_start import fit_ssvi

TRUE = SviSlice(0.005, 0.1, -0.4, 0.02, 0.15)
STRIKES = np.linspace(-0.6, 0.4, 41)


def black_calls(k, variance):
    root = np.sqrt(variance)
    d1 = -k / root + root / 2
    return ndtr(d1) - np.exp(k) * ndtr(d1 - root)


def test_quotes_of_an_svi_smile_give_it_back():
    found = fit_svi(STRIKES, TRUE.total_variance(STRIKES), years=0.5)
    assert_allclose(found.miss, 0.0, atol=2e-5)
    assert found.repaired == ""
    assert found.proof.holds
    assert not found.ringed.any()


def test_bad_quotes_are_ringed_and_do_not_move_the_fit():
    variance = TRUE.total_variance(STRIKES)
    bad = np.array([3, 12, 20, 27, 38])
    spoiled = variance.copy()
    spoiled[bad] *= [2.0, 0.4, 1.5, 3.0, 0.6]
    found = fit_svi(STRIKES, spoiled, years=0.5)
    assert set(np.flatnonzero(found.ringed)) == set(bad)
    assert_allclose(np.sqrt(found.smile.total_variance(STRIKES) / 0.5), np.sqrt(variance / 0.5), atol=5e-4)


def test_missing_quotes_are_left_aside():
    variance = TRUE.total_variance(STRIKES)
    holes = variance.copy()
    holes[::3] = np.nan
    found = fit_svi(STRIKES, holes, years=0.5)
    assert np.isnan(found.miss[::3]).all()
    assert_allclose(np.sqrt(found.smile.total_variance(STRIKES)), np.sqrt(variance), atol=1e-4)


def test_five_quotes_are_enough_and_four_are_not():
    k = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
    found = fit_svi(k, TRUE.total_variance(k), years=0.5)
    assert_allclose(found.miss, 0.0, atol=1e-3)
    with pytest.raises(PricingInputError, match="4 usable quotes"):
        fit_svi(k[:4], TRUE.total_variance(k[:4]), years=0.5)
    with pytest.raises(PricingInputError, match="`total_variance` is -1 in row 0"):
        fit_svi(k, np.full(5, -1.0))
    with pytest.raises(PricingInputError, match="The shapes do not fit"):
        fit_svi(k, np.full(4, 0.1))


def test_quotes_with_butterfly_arbitrage_get_a_smile_without():
    """Vogt's parameters as quotes: the best SVI has a negative density, the fit must not."""
    vogt = SviSlice(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
    k = np.linspace(-1.5, 1.5, 61)
    found = fit_svi(k, vogt.total_variance(k))
    assert found.proof.holds
    calls = black_calls(np.log(np.linspace(0.1, 12, 4000)),
                        found.smile.total_variance(np.log(np.linspace(0.1, 12, 4000))))  # fmt: skip
    assert np.diff(calls, 2).min() > -1e-12
    assert np.abs(found.miss).max() < 0.02


@given(seed=st.integers(0, 10_000), noise=st.sampled_from([0.0, 0.02, 0.2]), falling=st.booleans())
@settings(deadline=None, max_examples=25)
def test_whatever_the_quotes_the_slices_hold_no_arbitrage(seed, noise, falling):
    """Noise, outliers, total variance that falls with time: the slices are checked on other grids."""
    rng = np.random.default_rng(seed)
    count, quotes = int(rng.integers(2, 7)), int(rng.integers(5, 30))
    years = np.cumsum(rng.exponential(0.2, count)) + 0.01
    at_money = rng.uniform(0.1, 0.8) * np.exp(-np.linspace(0, 2, count) * falling)
    scale = at_money * np.sqrt(years)
    k = np.sort(rng.uniform(-3, 3, (count, quotes)) * scale[:, None], axis=1)
    z = k / scale[:, None]
    volatility = (
        at_money[:, None] * np.sqrt(1 + 0.2 * z**2 - 0.1 * z) * np.exp(noise * rng.normal(size=k.shape))
    )
    used = np.ones(k.shape, np.bool_)
    found = fit_slices(k, volatility, np.full(k.shape, 0.003), used, years)
    grid = np.concatenate([np.linspace(-4, 4, 4001) * scale.max(), np.linspace(-30, 30, 4001)])
    before = np.zeros(grid.shape)
    for smile in found.slices:
        assert smile.durrleman(grid).min() >= 0
        assert max(smile.wing_slopes) < 2
        variance = smile.total_variance(grid)
        assert np.all(variance >= before)
        before = variance
    assert not any(violations(found.slices))


def test_ssvi_is_free_of_arbitrage_for_any_level():
    k = np.linspace(-0.5, 0.5, 11)[None].repeat(4, axis=0)
    years = np.array([0.1, 0.2, 0.5, 1.0])
    volatility = 0.2 + 0.4 * np.abs(k)
    theta = np.array([0.02, 0.01, 0.3, 0.2])
    used = np.ones(k.shape, np.bool_)
    found = fit_ssvi(k, volatility, np.full(k.shape, 0.01), used, years, theta)
    assert np.all(np.diff(found.theta) > 0)
    assert found.theta[:2] == approx(0.015, rel=1e-3)
    assert not any(violations(found.slices()))
