"""Oscillators and ranges against the textbook's sums, written out, and against a published table."""

from itertools import pairwise
from math import isnan, nan, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ArgumentError
from workbench.signals import atr, bollinger_bands, indicator, rsi, true_range

# The worked table of RSI(14) in StockCharts' ChartSchool: closes, and the index to two decimals.
CLOSES = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826,
    45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439,
]  # fmt: skip
PUBLISHED = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97]

prices = st.lists(st.floats(1.0, 1e4), min_size=1, max_size=40)
windows = st.integers(1, 12)


def smoothed(values, window):
    """Wilder's average in his own words: (before * (n - 1) + today) / n."""
    found, before = [], None
    for place in range(len(values)):
        if place + 1 < window:
            found.append(nan)
            continue
        if before is None:
            before = sum(values[:window]) / window
        else:
            before = (before * (window - 1) + values[place]) / window
        found.append(before)
    return found


def close_to(values):
    return pytest.approx(values, rel=1e-9, abs=1e-9, nan_ok=True)


def test_rsi_is_the_published_one():
    assert rsi(CLOSES, 14)[14:].round(2).tolist() == pytest.approx(PUBLISHED, abs=0.011)
    assert all(isnan(value) for value in rsi(CLOSES, 14)[:14])


@given(closes=prices, window=windows)
def test_rsi_is_the_share_of_gains_in_wilders_averages(closes, window):
    changes = [b - a for a, b in pairwise(closes)]
    up = smoothed([max(change, 0.0) for change in changes], window)
    down = smoothed([max(-change, 0.0) for change in changes], window)
    expected = [nan] + [
        nan if isnan(a) else 50.0 if a + b == 0 else 100 - 100 / (1 + a / b) if b else 100.0
        for a, b in zip(up, down, strict=True)
    ]
    made = rsi(closes, window).tolist()
    # Where the averages have all but vanished their quotient is noise on either side.
    for value, other, a, b in zip(made[1:], expected[1:], up, down, strict=True):
        if isnan(other) or a + b > 1e-6:
            assert value == close_to(other) or abs(value - other) < 1e-5


def test_rsi_of_rising_falling_and_flat_prices():
    assert rsi(range(1, 30), 14)[-1] == 100.0
    assert rsi(range(30, 1, -1), 14)[-1] == 0.0
    assert rsi([5.0] * 30, 14)[-1] == 50.0


@given(closes=prices, window=windows, deviations=st.floats(0.1, 5))
def test_the_band_is_so_many_deviations_of_its_window(closes, window, deviations):
    band = bollinger_bands(closes, window, deviations)
    for end in range(len(closes)):
        part = closes[end - window + 1 : end + 1]
        if end + 1 < window:
            assert isnan(band.upper[end])
            continue
        mean = sum(part) / window
        width = deviations * sqrt(sum((value - mean) ** 2 for value in part) / window)
        assert band.middle[end] == pytest.approx(mean, rel=1e-9, abs=2e-6)
        assert band.upper[end] - band.middle[end] == pytest.approx(width, rel=1e-6, abs=1e-5)
        assert band.middle[end] - band.lower[end] == pytest.approx(width, rel=1e-6, abs=1e-5)


def test_a_flat_price_has_no_band_even_where_it_is_large():
    assert bollinger_bands([1e8 + 0.1] * 25, 20).upper[-1] == bollinger_bands([1e8 + 0.1] * 25, 20).lower[-1]


@given(
    bars=st.lists(st.tuples(*[st.floats(1, 1e4)] * 3).map(sorted), min_size=1, max_size=40), window=windows
)
def test_atr_smooths_the_largest_of_three_ranges(bars, window):
    low, close, high = (list(column) for column in zip(*bars, strict=True))
    ranges = [
        max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1]))
        for i in range(1, len(bars))
    ]
    assert true_range(high, low, close).tolist() == close_to([nan, *ranges])
    assert atr(high, low, close, window).tolist() == close_to([nan, *smoothed(ranges, window)])


def test_a_missing_price_starts_everything_anew():
    closes = [1.0, 2, 3, nan, 5, 6, 7, 8]
    assert np.isnan(rsi(closes, 2)).tolist() == [True, True, False, True, True, True, False, False]
    band = bollinger_bands(closes, 2).upper
    assert np.isnan(band).tolist() == [True, False, False, True, True, False, False, False]


def test_indicators_are_asked_for_by_name():
    bars = pd.DataFrame({"high": [2.0, 4, 5], "low": [1.0, 3, 3], "close": [2.0, 3, 4]})
    assert indicator("atr", bars, window=2)["atr"].tolist() == pytest.approx([nan, nan, 2.0], nan_ok=True)
    assert indicator("rsi", bars, window=2)["rsi"].iloc[-1] == 100.0
    band = indicator("bollinger", bars, window=2, deviations=1.0)
    assert list(band) == ["lower", "middle", "upper"] and band["upper"].iloc[-1] == 4.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rsi([1.0], 0), "`window` is 0"),
        (lambda: bollinger_bands([1.0], 2, 0.0), "`deviations` is 0.0"),
        (lambda: bollinger_bands([[1.0]], 2), "2 dimensions"),
        (lambda: atr([1.0], [1.0, 2.0], [1.0], 2), "have 1, 2 and 1 bars"),
        (lambda: true_range([float("inf")], [1.0], [1.0]), "`high` is infinite in row 0"),
    ],
)
def test_what_is_no_series_or_window_is_refused(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()
