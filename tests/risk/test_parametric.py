"""Delta-normal figures against the normal law and Euler's sum; Cornish-Fisher against integrals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pytest import approx
from scipy.integrate import quad
from scipy.stats import kurtosis, norm, skew

from workbench.errors import RiskInputError
from workbench.risk import cornish_fisher_var, parametric_var

confidences = st.sampled_from([0.9, 0.95, 0.975, 0.99, 0.995])


def covariance(seed, size):
    random = np.random.default_rng(seed)
    moves = random.normal(0, 0.02, (60, size)) + random.normal(0, 0.01, (60, 1))
    return np.cov(moves, rowvar=False).reshape(size, size)


@given(seed=st.integers(0, 1000), size=st.integers(1, 6), confidence=confidences)
def test_figures_are_those_of_the_normal_law(seed, size, confidence):
    deltas = np.random.default_rng(seed).normal(0, 1e6, size)
    measure = parametric_var(deltas, covariance(seed, size), confidence)
    var, es = measure
    book = norm(0, np.sqrt(deltas @ covariance(seed, size) @ deltas))
    assert var == approx(-book.ppf(1 - confidence), rel=1e-9)
    tail, _ = quad(lambda x: x * book.pdf(x), -12 * book.std(), -var, epsabs=0, epsrel=1e-10)
    assert es == approx(-tail / (1 - confidence), rel=1e-6)
    assert measure.component.sum() == approx(var, rel=1e-12)
    for place in range(size):
        step = np.zeros(size)
        step[place] = 10.0
        up, down = (
            parametric_var(deltas + sign * step, covariance(seed, size), confidence).var for sign in (1, -1)
        )
        assert measure.marginal[place] == approx((up - down) / 20, rel=1e-4, abs=1e-7)


def test_labels_are_matched_and_kept():
    names = ["SPY", "QQQ", "IWM"]
    matrix = pd.DataFrame(covariance(1, 3), names, names)
    deltas = pd.Series([1e6, -5e5, 2e5], names)
    plain = parametric_var(deltas.to_numpy(), matrix.to_numpy(), 0.99)
    shuffled = parametric_var(deltas, matrix.loc[::-1, ::-1], 0.99)
    assert shuffled.var == approx(plain.var)
    assert shuffled.component.to_dict() == approx(dict(zip(names, plain.component, strict=True)))
    with pytest.raises(RiskInputError, match="no row and column for 'IWM'"):
        parametric_var(deltas, matrix.iloc[:2, :2], 0.99)


def test_a_hedged_book_and_an_empty_one_have_no_risk():
    perfect = np.full((2, 2), 1e-4)
    assert tuple(parametric_var([1e6, -1e6], perfect, 0.99)) == (0.0, 0.0)
    assert tuple(parametric_var([0.0], [[1e-4]], 0.99)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("deltas", "matrix", "confidence", "words"),
    [
        ([1.0, 2.0], [[1.0]], 0.95, "shape \\(1, 1\\) for 2 deltas"),
        ([1.0, np.nan], np.eye(2), 0.95, "`dollar_delta` is missing at \\(1,\\)"),
        ([1.0, 1.0], [[1.0, 0.5], [0.2, 1.0]], 0.95, "give a symmetric matrix"),
        ([1.0, -1.0], [[1.0, 2.0], [2.0, 1.0]], 0.95, "variance of -2; it is no covariance matrix"),
        ([1.0], [[1.0]], 1.0, "`confidence` is 1.0"),
    ],
)
def test_what_is_no_covariance_is_refused(deltas, matrix, confidence, words):
    with pytest.raises(RiskInputError, match=words):
        parametric_var(deltas, matrix, confidence)


@given(
    pnl=st.lists(st.floats(-100, 100), min_size=4, max_size=80),
    confidence=confidences,
)
def test_cornish_fisher_bends_the_normal_quantile_by_the_moments(pnl, confidence):
    values = np.array(pnl)
    assume(values.std() > 1e-3)
    measure = cornish_fisher_var(values, confidence)
    s, k = float(skew(values)), float(kurtosis(values))

    def quantile(z):
        return z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36

    z = norm.ppf(1 - confidence)
    scale = values.std() * (1 + abs(s) + abs(k) + s * s)
    assert measure.var == approx(-(values.mean() + values.std() * quantile(z)), rel=1e-9, abs=1e-9 * scale)
    tail, _ = quad(lambda at: quantile(at) * norm.pdf(at), -38, z, epsabs=1e-13, limit=200)
    es = -(values.mean() + values.std() * tail / (1 - confidence))
    assert measure.es == approx(es, rel=1e-6, abs=1e-6 * scale)
    grid = np.append(np.linspace(-60, z, 20_001), z)
    if measure.is_monotone:
        assert (np.diff(quantile(grid)[:-1]) > 0).all()


def test_outcomes_of_a_normal_law_give_its_quantile():
    pnl = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    var, es = cornish_fisher_var(pnl, 0.99)
    assert (var, es) == approx((norm.ppf(0.99), norm.pdf(norm.ppf(0.99)) / 0.01), rel=2e-3)


@pytest.mark.parametrize("pnl", [[1.0, 2.0, 3.0], [5.0] * 10, [1e9 + 1e-9, 1e9, 1e9, 1e9]])
def test_outcomes_without_a_shape_are_refused(pnl):
    with pytest.raises(RiskInputError, match="four or more that differ"):
        cornish_fisher_var(pnl, 0.95)
