"""Counts of exceptions against Kupiec's own table, the Basel bands and likelihoods multiplied out."""

from itertools import pairwise
from math import log, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy.stats import binom, chi2

from workbench.errors import RiskInputError
from workbench.risk import coverage_test

flags = st.lists(st.booleans(), min_size=2, max_size=60)


def days(is_exception):
    return np.where(np.asarray(is_exception), -2.0, 0.5)


def with_count(count, size):
    return days(np.arange(size) < count)


@pytest.mark.parametrize(
    ("tail", "size", "fewest", "most"),
    [
        (0.01, 255, 1, 6), (0.01, 510, 2, 10), (0.01, 1000, 5, 16),
        (0.025, 255, 3, 11), (0.025, 510, 7, 20), (0.025, 1000, 16, 35),
        (0.05, 255, 7, 20), (0.05, 510, 17, 35), (0.05, 1000, 38, 64),
        (0.075, 255, 12, 27), (0.075, 510, 28, 50), (0.075, 1000, 60, 91),
        (0.1, 255, 17, 35), (0.1, 510, 39, 64), (0.1, 1000, 82, 119),
    ],
)  # fmt: skip
def test_counts_that_kupiec_does_not_reject(tail, size, fewest, most):
    """Kupiec (1995), counts within the 95 % region; the table leaves out that none in 255 is too few."""
    kept = [
        count
        for count in range(size // 5)
        if coverage_test(with_count(count, size), 1.0, 1 - tail).kupiec_p_value > 0.05
    ]
    assert (kept[0], kept[-1]) == (fewest, most)


def test_the_traffic_light_of_250_days_at_99_percent():
    """Basel Committee (1996): green to four, yellow to nine, red from ten."""
    zones = [coverage_test(with_count(count, 250), 1.0, 0.99).zone for count in range(12)]
    assert zones == ["green"] * 5 + ["yellow"] * 5 + ["red"] * 2


@given(flags=flags, confidence=st.sampled_from([0.9, 0.95, 0.99]))
def test_statistics_are_ratios_of_chances_multiplied_out(flags, confidence):
    result = coverage_test(days(flags), 1.0, confidence)
    count, size = sum(flags), len(flags)
    tail = 1 - confidence

    def chance(found, p):
        return prod(p if each else 1 - p for each in found)

    kupiec = 2 * log(chance(flags, count / size) / chance(flags, tail))
    assert result.kupiec_statistic == approx(kupiec, abs=1e-8)
    pairs = list(pairwise(flags))
    apart = prod(
        chance(found, sum(found) / len(found))
        for was in (False, True)
        if (found := [now for before, now in pairs if before == was])
    )
    together = chance(flags[1:], sum(flags[1:]) / (size - 1))
    assert result.independence_statistic == approx(2 * log(apart / together), abs=1e-8)
    assert result.christoffersen_statistic == approx(kupiec + result.independence_statistic, abs=1e-8)
    assert result.christoffersen_p_value == approx(chi2.sf(result.christoffersen_statistic, 2), abs=1e-12)
    assert result.kupiec_p_value == approx(chi2.sf(result.kupiec_statistic, 1), abs=1e-12)
    assert (result.exceptions, result.observations) == (count, size)


def test_a_true_value_at_risk_is_rejected_about_as_often_as_it_should_be():
    """Of 1,000 true models the tests at 5 % reject about fifty; exceptions are few, so the law is coarse."""
    random = np.random.default_rng(3)
    found = [coverage_test(days(random.random(1000) < 0.05), 1.0, 0.95) for _ in range(1000)]
    within = binom.ppf([0.0005, 0.9995], 1000, 0.055)
    assert within[0] <= sum(each.kupiec_p_value < 0.05 for each in found) <= within[1]
    assert 20 <= sum(each.independence_p_value < 0.05 for each in found) <= 90


def test_runs_are_told_from_scattered_days():
    scattered = coverage_test(days(np.arange(400) % 20 == 0), 1.0, 0.95)
    runs = coverage_test(days(np.arange(400) % 100 < 5), 1.0, 0.95)
    assert scattered.exceptions == runs.exceptions == 20
    assert scattered.kupiec_statistic == runs.kupiec_statistic == approx(0)
    assert runs.independence_p_value < 1e-6 < scattered.independence_p_value


def test_each_day_has_its_own_value_at_risk():
    result = coverage_test([-1.0, -1.0, -1.0], [0.9, 1.0, 1.1], 0.95)
    assert result.is_exception.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("returns", "var", "confidence", "words"),
    [
        ([0.1], 1.0, 0.95, "two days or more"),
        ([0.1, 0.2, 0.3], [1.0, 2.0], 0.95, "`var` has 2 values for 3 returns"),
        ([0.1, np.nan], 1.0, 0.95, "`returns` is missing in row 1"),
        ([0.1, 0.2], [np.nan, 1.0], 0.95, "`var` is missing in row 0"),
        ([0.1, np.inf], 1.0, 0.95, "`returns` is inf in row 1"),
        ([0.1, 0.2], 1.0, 95, "`confidence` is 95"),
    ],
)
def test_what_cannot_be_tested_is_refused(returns, var, confidence, words):
    with pytest.raises(RiskInputError, match=words):
        coverage_test(returns, var, confidence)
