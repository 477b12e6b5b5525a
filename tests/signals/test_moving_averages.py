"""Averages against exact arithmetic: fractions of the decimals that prices are quoted in."""

from fractions import Fraction
from math import nan

import bokeh_sampledata.stocks as samples
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from workbench.errors import ArgumentError
from workbench.signals import crossed_above, crossed_below, ema, indicator, moving_average_crossover, sma

ticks = st.lists(st.integers(1, 10**8), min_size=1, max_size=60)
doubles = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=60)
windows = st.integers(1, 20)


def exact_means(prices: list[Fraction], window: int) -> list[Fraction | None]:
    return [
        sum(prices[end - window : end], Fraction()) / window if end >= window else None
        for end in range(1, len(prices) + 1)
    ]


def meaning(price: float) -> Fraction:
    """What a price means: its decimal up to six places, else its double."""
    decimal = Fraction(str(round(price, 6)))
    return decimal if float(decimal) == price else Fraction(price)


@given(cents=ticks, window=windows)
def test_the_mean_of_quoted_prices_is_the_exact_one_rounded_once(cents, window):
    prices = [cent / 100 for cent in cents]
    exact = exact_means([Fraction(cent, 100) for cent in cents], window)
    assert_array_equal(sma(prices, window), [nan if mean is None else float(mean) for mean in exact])


@given(prices=doubles, window=windows)
def test_the_mean_of_any_doubles_is_the_exact_one_rounded_once(prices, window):
    exact = exact_means([meaning(price) for price in prices], window)
    assert_array_equal(sma(prices, window), [nan if mean is None else float(mean) for mean in exact])


def test_every_pair_of_averages_crosses_where_integers_say_so():
    """All 4,851 pairs of 2..100 on the real closes: ties, where rolling sums go astray, included."""
    closes = np.array(samples.AAPL["close"], dtype=float)
    parts = np.rint(closes * 10_000).astype(np.int64)
    assert_array_equal(parts / 10_000, closes)
    running = np.concatenate([[0], np.cumsum(parts)])
    averages = {window: sma(closes, window) for window in range(2, 101)}
    ties = 0
    for fast in range(2, 101):
        for slow in range(fast + 1, 101):
            # The two means times fast * slow, in ten-thousandths: integers, so the comparison is exact.
            quick = (running[slow:] - running[slow - fast : -fast]) * slow
            steady = (running[slow:] - running[:-slow]) * fast
            ties += int((quick == steady).sum())
            crossed = (quick[1:] > steady[1:]) & (quick[:-1] <= steady[:-1])
            expected = np.concatenate([np.zeros(slow, bool), crossed])
            assert_array_equal(crossed_above(averages[fast], averages[slow]), expected, f"{fast}/{slow}")
    assert ties == 133


@pytest.mark.parametrize("average", [sma, ema])
@given(prices=st.one_of(ticks, doubles), later=doubles, window=windows)
def test_no_value_changes_when_later_bars_are_added(average, prices, later, window):
    before = average(prices, window)
    after = average([*prices, *later], window)
    assert_array_equal(after[: len(prices)], before)


@pytest.mark.parametrize("average", [sma, ema])
@given(price=st.floats(1e-3, 1e5), length=st.integers(1, 50), window=windows)
def test_a_flat_price_has_itself_as_average(average, price, length, window):
    averages = average([price] * length, window)
    assert_array_equal(averages[window - 1 :], np.full(max(length - window + 1, 0), price))


@given(prices=st.lists(st.floats(1, 1000), min_size=1, max_size=80), window=windows)
def test_the_exponential_average_agrees_with_pandas_started_at_the_simple_one(prices, window):
    averages = ema(prices, window)
    assert np.isnan(averages[: window - 1]).all()
    if len(prices) >= window:
        started = pd.Series([np.mean(prices[:window]), *prices[window:]])
        reference = started.ewm(span=window, adjust=False).mean().to_numpy()
        np.testing.assert_allclose(averages[window - 1 :], reference, rtol=1e-12)


def test_a_missing_price_is_missing_from_every_window_that_holds_it():
    prices = [1.0, 2.0, nan, 4.0, 5.0, 6.0]
    assert_array_equal(sma(prices, 2), [nan, 1.5, nan, nan, 4.5, 5.5])
    assert_array_equal(ema(prices, 2)[:5], [nan, 1.5, nan, nan, 4.5])


def test_prices_too_large_for_ticks_are_still_summed_exactly():
    assert_array_equal(sma([1e300, 1e300, 3.0], 2), [nan, 1e300, 5e299])
    assert_array_equal(sma([2.0**53, 1.0, 1.0], 3), [nan, nan, float(Fraction(2**53 + 2, 3))])


@pytest.mark.parametrize("window", [0, -1, 1.5, True, "20", None])
def test_a_window_that_is_no_count_of_bars_is_refused(window):
    with pytest.raises(ArgumentError, match=r"`window` is .*whole number of bars"):
        sma([1.0, 2.0], window)


def test_prices_that_are_no_series_of_finite_numbers_are_refused():
    with pytest.raises(ArgumentError, match="2 dimensions"):
        sma([[1.0], [2.0]], 1)
    with pytest.raises(ArgumentError, match="infinite in row 1"):
        sma([1.0, float("inf")], 1)
    with pytest.raises(ArgumentError, match=r"not numbers|a number"):
        sma(["a"], 1)


def bars_of(closes: list[float]) -> pd.DataFrame:
    times = pd.date_range("2020-01-01", periods=len(closes), tz="UTC", name="time")
    return pd.DataFrame({"close": closes}, index=times)


def test_a_crossover_is_told_on_the_bar_on_which_it_comes_about():
    bars = bars_of([3.0, 2.0, 1.0, 4.0, 6.0, 1.0, 1.0])
    entries, exits = moving_average_crossover(bars, fast=1, slow=2)
    assert entries.tolist() == [False, False, False, True, False, False, False]
    assert exits.tolist() == [False, False, False, False, False, True, False]
    assert entries.index.equals(bars.index)


@pytest.mark.parametrize("kind", ["sma", "ema"])
def test_averages_of_a_flat_price_never_cross(kind):
    entries, exits = moving_average_crossover(bars_of([0.1] * 200), kind=kind, fast=3, slow=7)
    assert not entries.any()
    assert not exits.any()


def test_a_crossover_that_makes_no_sense_is_refused():
    bars = bars_of([1.0, 2.0])
    with pytest.raises(ArgumentError, match="`kind` is 'wma'"):
        moving_average_crossover(bars, kind="wma")
    with pytest.raises(ArgumentError, match="`fast` is 50 and `slow` is 50"):
        moving_average_crossover(bars, fast=50, slow=50)
    with pytest.raises(ArgumentError, match="no column `close`"):
        moving_average_crossover(bars.rename(columns={"close": "Close"}))


def test_touching_and_leaving_is_a_crossing_once():
    assert crossed_above([1, 2, 2, 3, 4], 2).tolist() == [False, False, False, True, False]
    assert crossed_below([3, 2, 2, 1, 0], 2).tolist() == [False, False, False, True, False]
    assert crossed_above([nan, 3, 3], [2, 2, 2]).tolist() == [False, False, False]


def test_series_of_two_lengths_do_not_cross():
    with pytest.raises(ArgumentError, match="one length"):
        crossed_above([1.0, 2.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize(("name", "function"), [("sma", sma), ("ema", ema)])
def test_an_indicator_by_name_is_the_function_on_the_closes(name, function):
    bars = bars_of([1.0, 2.0, 4.0, 8.0])
    frame = indicator(name, bars, window=2)
    assert list(frame.columns) == [name]
    assert frame.index.equals(bars.index)
    assert_array_equal(frame[name], function(bars["close"], 2))


def test_an_unknown_indicator_or_parameter_is_named():
    bars = bars_of([1.0])
    with pytest.raises(ArgumentError, match="did you mean 'sma'"):
        indicator("smma", bars, window=2)
    with pytest.raises(ArgumentError, match="was given span; it takes window"):
        indicator("sma", bars, span=2)
    with pytest.raises(ArgumentError, match="no column `close`"):
        indicator("sma", bars[[]], window=2)
