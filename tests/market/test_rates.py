"""Curves of interest rates against QuantLib's, and quotes against the textbook."""

import numpy as np
import pandas as pd
import pytest
import QuantLib as ql  # noqa: N813 - its own documentation names it so
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from workbench.errors import MissingDataError, PricingInputError
from workbench.market.rates import RateCurve, continuous_rate, curve_of

YEARS = np.array([1, 2, 5, 10, 30], dtype=float)
RATES = np.array([0.041, 0.038, 0.036, 0.039, 0.043])
CURVE = RateCurve("USD treasury", pd.Timestamp("2026-11-20").date(), YEARS, RATES)


def test_a_semiannual_rate_is_hulls():
    assert continuous_rate(0.10, periods_per_year=2) == pytest.approx(0.09758, abs=5e-6)
    assert continuous_rate([0.0, np.nan], periods_per_year=1).tolist()[0] == 0


def test_the_curve_is_quantlibs_log_linear_discount_curve():
    today = ql.Date(20, 11, 2026)
    day_count = ql.Actual365Fixed()
    days = [0, *(int(365 * year) for year in YEARS)]
    factors = [1.0, *np.exp(-RATES * YEARS)]
    reference = ql.DiscountCurve([today + day for day in days], factors, day_count)
    at = np.array([365, 500, 730, 1000, 2222, 3650, 9999, 10950])
    expected = [reference.discount(today + int(day)) for day in at]
    assert_allclose(CURVE.discount(at / 365), expected, rtol=1e-13)


@given(st.floats(0, 60))
def test_beyond_its_ends_the_rate_stands_still_and_discount_is_between_its_neighbours(years):
    assert RATES.min() - 1e-12 <= CURVE.rate(years) <= RATES.max() + 1e-12
    assert 0 < CURVE.discount(years) <= 1
    if years <= 1:
        assert CURVE.rate(years) == pytest.approx(RATES[0])
    if years >= 30:
        assert CURVE.rate(years) == pytest.approx(RATES[-1])


def test_the_newest_curve_of_the_rows_is_taken():
    rows = pd.DataFrame(
        {
            "curve": ["USD treasury"] * 3 + ["EUR swap"],
            "date": pd.to_datetime(["2026-11-19", "2026-11-20", "2026-11-20", "2026-11-20"]),
            "years": [1.0, 2.0, 1.0, 1.0],
            "rate": [0.04, 0.038, 0.041, 0.02],
        }
    )
    curve = curve_of(rows, name="USD treasury")
    assert (curve.years.tolist(), curve.rates.tolist()) == ([1, 2], [0.041, 0.038])
    with pytest.raises(MissingDataError, match="EUR swap, USD treasury"):
        curve_of(rows)
    with pytest.raises(MissingDataError, match="no curve 'GBP'"):
        curve_of(rows, name="GBP")


def test_impossible_rates_and_times_are_refused():
    with pytest.raises(PricingInputError, match="fraction"):
        continuous_rate(-2.0, periods_per_year=2)
    with pytest.raises(PricingInputError, match="zero or more"):
        CURVE.rate(-0.1)
