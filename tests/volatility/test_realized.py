from itertools import pairwise
from math import log, sqrt
from statistics import stdev

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import PricingInputError
from workbench.volatility import realized_volatility

PRICES = [100.0, 101.5, 99.0, 99.9, 104.2, 103.0, 107.7]


def by_hand(prices, year=252):
    return stdev(log(b / a) for a, b in pairwise(prices)) * sqrt(year)


def test_the_figure_is_the_annualised_deviation_of_log_returns():
    assert realized_volatility(PRICES) == approx(by_hand(PRICES), rel=1e-13)
    assert realized_volatility(PRICES, periods_per_year=52) == approx(by_hand(PRICES, 52), rel=1e-13)


def test_a_window_gives_each_row_what_was_known_then():
    series = pd.Series(PRICES, index=pd.date_range("2013-01-02", periods=7), name="close")
    found = realized_volatility(series, window=3)
    assert found[:3].isna().all()
    assert found.index.equals(series.index)
    for row in range(3, 7):
        assert found.iloc[row] == approx(by_hand(PRICES[row - 3 : row + 1]), rel=1e-12)


def test_a_rolling_window_agrees_with_pandas():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(100 * np.exp(np.cumsum(rng.normal(0, 0.01, (300, 2)), axis=0)), columns=["A", "B"])
    reference = np.log(frame).diff().rolling(20).std() * sqrt(252)
    assert_allclose(realized_volatility(frame, window=20), reference, rtol=1e-9)
    assert_allclose(realized_volatility(frame), np.log(frame).diff().std() * sqrt(252), rtol=1e-12)
    assert list(realized_volatility(frame).index) == ["A", "B"]


def test_a_steady_path_of_known_volatility_is_found():
    rng = np.random.default_rng(2)
    path = 100 * np.exp(np.cumsum(rng.normal(0, 0.25 / sqrt(252), 100_000)))
    assert realized_volatility(path) == approx(0.25, rel=0.01)


def test_constant_growth_has_no_volatility():
    assert realized_volatility(1.01 ** np.arange(30)) == approx(0, abs=1e-12)


def test_a_missing_price_and_too_few_prices_give_a_missing_figure():
    assert np.isnan(realized_volatility([100.0, np.nan, 101.0, 102.0]))
    assert np.isnan(realized_volatility([100.0, 101.0]))
    assert np.isnan(realized_volatility([100.0]))
    rolling = realized_volatility([100.0, np.nan, 101.0, 102.0, 101.0, 103.0], window=2)
    assert np.isnan(rolling[:4]).all()
    assert np.isfinite(rolling[4:]).all()
    assert np.isnan(realized_volatility([100.0, 101.0], window=5)).all()


def test_impossible_prices_and_windows_are_refused():
    with pytest.raises(PricingInputError, match="`prices` is 0 in row 1"):
        realized_volatility([100.0, 0.0])
    for window in (1, 0, -5, 2.5, True):
        with pytest.raises(PricingInputError, match="`window` is"):
            realized_volatility(PRICES, window=window)
    with pytest.raises(PricingInputError, match="`periods_per_year` is 0"):
        realized_volatility(PRICES, periods_per_year=0)
