import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import PricingInputError
from workbench.volatility import iv_percentile, iv_rank


def test_rank_and_percentile_by_hand():
    """Twenty is lowest and forty highest of five: thirty stands half way, above two of the four others."""
    series = pd.Series([0.20, 0.40, 0.35, 0.25, 0.30], index=pd.date_range("2024-01-01", periods=5))
    rank = iv_rank(series, window=5)
    assert rank.index.equals(series.index)
    assert rank[:4].isna().all()
    assert rank.iloc[4] == approx(0.5)
    assert iv_percentile(series, window=5).iloc[4] == approx(2 / 4)


def test_the_window_ends_with_today_and_forgets_what_is_older():
    values = [0.90, 0.20, 0.30, 0.40]
    assert iv_rank(values, window=3)[3] == approx(1.0)
    assert iv_rank(values, window=4)[3] == approx((0.40 - 0.20) / 0.70)


def test_ties_count_as_asked():
    values = [0.2, 0.3, 0.3, 0.4, 0.3]
    found = {ties: iv_percentile(values, window=5, ties=ties)[4] for ties in ("below", "half", "at_or_below")}
    assert found == {"below": approx(1 / 4), "half": approx(2 / 4), "at_or_below": approx(3 / 4)}


def test_missing_days_need_leave():
    values = [0.2, np.nan, 0.4, 0.3]
    assert np.isnan(iv_rank(values, window=4)[3])
    assert iv_rank(values, window=4, least=3)[3] == approx(0.5)
    assert iv_percentile(values, window=4, least=3)[3] == approx(1 / 2)
    assert np.isnan(iv_rank([0.2, 0.4, np.nan], window=3, least=2)[2]), "today is missing"


def test_a_window_without_movement_has_no_rank():
    assert np.isnan(iv_rank([0.2, 0.2, 0.2], window=3)[2])
    assert iv_percentile([0.2, 0.2, 0.2], window=3)[2] == 0


@given(st.lists(st.floats(0.01, 3.0), min_size=6, max_size=40))
def test_both_stay_between_zero_and_one_and_agree_with_pandas(values):
    series = pd.Series(values)
    rank, percentile = iv_rank(series, window=6), iv_percentile(series, window=6)
    rolling = series.rolling(6)
    span = rolling.max() - rolling.min()
    assert_allclose(rank, ((series - rolling.min()) / span).where(span > 0), rtol=1e-12)
    reference = rolling.apply(lambda w: np.mean(w[:-1] < w[-1]), raw=True)
    assert_allclose(percentile, reference, rtol=1e-12)


def test_arguments_that_cannot_be_used_are_refused():
    with pytest.raises(PricingInputError, match="`window` is 1"):
        iv_rank([0.2, 0.3], window=1)
    with pytest.raises(PricingInputError, match="`least` is 9"):
        iv_rank([0.2, 0.3], window=2, least=9)
    with pytest.raises(PricingInputError, match=r"`volatility` is -0\.2 in row 1"):
        iv_rank([0.2, -0.2], window=2)
    with pytest.raises(PricingInputError, match="`ties` is 'all'"):
        iv_percentile([0.2, 0.3], window=2, ties="all")
    with pytest.raises(PricingInputError, match="give one series"):
        iv_rank(np.ones((2, 2)), window=2)
