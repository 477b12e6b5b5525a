from fractions import Fraction
from math import ceil, exp, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy.stats import norm

from workbench.errors import RiskInputError
from workbench.risk import historical_var

losses = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200)
confidences = st.sampled_from(["0.5", "0.9", "0.95", "0.975", "0.99", "0.995", "0.07"])


def by_hand(pnl, confidence):
    """Sort, count and average in plain Python with exact fractions."""
    alpha, worst_first = Fraction(confidence), sorted((-value for value in pnl), reverse=True)
    n = len(worst_first)
    rank = max(1, ceil(n * alpha))
    var = sorted(worst_first)[rank - 1]
    left, total = n * (1 - alpha), 0.0
    weight = left
    for loss in worst_first:
        share = min(1, weight)
        total += float(share) * loss
        weight -= share
        if weight <= 0:
            break
    return var, total / float(left)


@given(pnl=losses, confidence=confidences)
def test_var_and_es_agree_with_a_plain_count(pnl, confidence):
    var, es = historical_var(pnl, float(confidence))
    expected_var, expected_es = by_hand(pnl, confidence)
    assert var == expected_var
    assert es == approx(expected_es, rel=1e-9, abs=1e-6)


@given(pnl=losses, confidence=confidences)
def test_var_is_the_empirical_quantile_without_interpolation(pnl, confidence):
    alpha = float(confidence)
    # numpy's own rank carries the binary tail of n times alpha; step just below it.
    reference = np.quantile([-value for value in pnl], alpha - 1e-12, method="inverted_cdf")
    assert historical_var(pnl, alpha).var == reference


@given(pnl=losses, confidence=confidences, shift=st.floats(-1e5, 1e5), scale=st.floats(0.1, 10))
def test_more_cash_lowers_both_and_a_larger_book_scales_them(pnl, confidence, shift, scale):
    alpha, pnl = float(confidence), np.array(pnl)
    var, es = historical_var(pnl, alpha)
    assert es >= var - 1e-6
    moved = historical_var(scale * pnl + shift, alpha)
    assert moved.var == approx(scale * var - shift, abs=1e-5)
    assert moved.es == approx(scale * es - shift, abs=1e-5)


@given(
    both=st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=80),
    confidence=confidences,
)
def test_two_books_together_risk_no_more_shortfall_than_apart(both, confidence):
    first, second = np.array(both).T
    alpha = float(confidence)
    apart = historical_var(first, alpha).es + historical_var(second, alpha).es
    assert historical_var(first + second, alpha).es <= apart + 1e-9 * 1e3


def test_two_hundred_and_fifty_days_by_hand():
    """Losses 1 to 250: at 99 % the rank is 248, and 2.5 outcomes make the tail: (250 + 249 + 248/2) / 2.5."""
    found = historical_var(-np.arange(1.0, 251), 0.99)
    assert found.var == 248
    assert found.es == approx((250 + 249 + 0.5 * 248) / 2.5)
    assert found.observations == 250
    assert found.confidence == 0.99


def test_the_normal_limit_is_reached():
    rng = np.random.default_rng(1)
    pnl = rng.normal(0, 1000, 400_000)
    var, es = historical_var(pnl, 0.99)
    z = norm.ppf(0.99)
    assert var == approx(1000 * z, rel=0.01)
    assert es == approx(1000 * exp(-z * z / 2) / sqrt(2 * pi) / 0.01, rel=0.01)


def test_too_few_outcomes_give_the_worst_of_them():
    assert tuple(historical_var([-10.0, 5.0, 3.0], 0.99)) == (10, 10)
    assert tuple(historical_var([-10.0], 0.5)) == (10, 10)


def test_a_book_that_only_earns_has_a_negative_var():
    assert historical_var([5.0, 6.0, 7.0], 0.9).var == -5


@pytest.mark.parametrize(
    ("pnl", "confidence", "message"),
    [
        ([], 0.99, "`pnl` has shape (0,)"),
        ([1.0, np.nan], 0.99, "`pnl` is missing in row 1; drop the row"),
        ([1.0, np.inf], 0.99, "`pnl` is inf in row 1"),
        ([1.0], 99, "`confidence` is 99; give a number between 0 and 1"),
        ([1.0], float("nan"), "`confidence` is nan"),
        ([[1.0, 2.0]], 0.9, "`pnl` has shape (1, 2)"),
    ],
)
def test_what_cannot_be_measured_is_refused(pnl, confidence, message):
    with pytest.raises(RiskInputError) as caught:
        historical_var(pnl, confidence)
    assert message in str(caught.value)
