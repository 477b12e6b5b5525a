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


BARS = pd.DataFrame(
    {
        "open": [100.0, 101.0, 99.5, 103.0],
        "high": [102.0, 101.5, 103.5, 104.0],
        "low": [99.0, 98.5, 99.0, 101.0],
        "close": [101.5, 99.0, 102.5, 101.5],
    },
    index=pd.date_range("2024-01-02", periods=4, name="time"),
)


def hand(method, bars=BARS):
    """The published sums, written out bar by bar in plain Python."""
    rows = [tuple(row) for row in bars[["open", "high", "low", "close"]].itertuples(index=False)]
    if method == "parkinson":
        return sum(log(h / lo) ** 2 for _, h, lo, _ in rows) / (4 * log(2) * len(rows))
    if method == "garman_klass":
        return sum(
            0.5 * log(h / lo) ** 2 - (2 * log(2) - 1) * log(c / o) ** 2 for o, h, lo, c in rows
        ) / len(rows)  # fmt: skip
    satchell = [log(h / c) * log(h / o) + log(lo / c) * log(lo / o) for o, h, lo, c in rows]
    if method == "rogers_satchell":
        return sum(satchell) / len(rows)
    nights = [log(b[0] / a[3]) for a, b in pairwise(rows)]
    days = [log(c / o) for o, _, _, c in rows[1:]]
    n = len(nights)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    return stdev(nights) ** 2 + k * stdev(days) ** 2 + (1 - k) * sum(satchell[1:]) / n


RANGES = ["parkinson", "garman_klass", "rogers_satchell", "yang_zhang"]


@pytest.mark.parametrize("method", RANGES)
def test_range_methods_are_their_published_sums(method):
    assert realized_volatility(BARS, method=method) == approx(sqrt(252 * hand(method)), rel=1e-12)
    rolling = realized_volatility(BARS, window=2, method=method)
    first = 2 if method == "yang_zhang" else 1
    assert rolling.index.equals(BARS.index)
    assert rolling[:first].isna().all()
    for row in range(first, 4):
        part = BARS.iloc[row - first : row + 1]
        assert rolling.iloc[row] == approx(sqrt(252 * hand(method, part)), rel=1e-12)


def test_bars_measured_close_to_close_are_their_closes():
    assert realized_volatility(BARS) == approx(realized_volatility(BARS["close"]), rel=1e-15)
    assert_allclose(realized_volatility(BARS, window=2), realized_volatility(BARS["close"], window=2))


def simulated(overnight, drift=0.0, sessions=10_000, steps=60, seed=3):
    """Bars of a Brownian path of 25 % a year, with jumps while closed.

    Highs and lows between two steps are drawn from the law of a Brownian bridge, so they are those of a path
    watched without pause.
    """
    rng = np.random.default_rng(seed)
    inside = 0.25 / sqrt(252) * sqrt(1 - overnight)
    moves = rng.normal(drift / 252 / steps, inside / sqrt(steps), (sessions, steps))
    night = rng.normal(0, 0.25 / sqrt(252) * sqrt(overnight), sessions)
    path = np.cumsum(moves, axis=1)
    start = np.concatenate([[0.0], np.cumsum(path[:-1, -1] + night[1:])])
    whole = start[:, None] + np.hstack([np.zeros((sessions, 1)), path])
    before, after = whole[:, :-1], whole[:, 1:]
    reach = np.sqrt((after - before) ** 2 - 2 * inside**2 / steps * np.log(rng.random((2, *moves.shape))))
    high, low = (before + after + reach[0]) / 2, (before + after - reach[1]) / 2
    return pd.DataFrame(
        {"open": np.exp(whole[:, 0]), "high": np.exp(high.max(axis=1)), "low": np.exp(low.min(axis=1)),
         "close": np.exp(whole[:, -1])}
    )  # fmt: skip


@pytest.mark.parametrize("method", ["close_to_close", *RANGES])
def test_a_simulated_path_without_jumps_has_its_volatility(method):
    assert realized_volatility(simulated(0.0), method=method) == approx(0.25, rel=0.025)


def test_overnight_jumps_are_seen_by_two_methods_and_missed_by_three():
    bars = simulated(0.4)
    for method in ("close_to_close", "yang_zhang"):
        assert realized_volatility(bars, method=method) == approx(0.25, rel=0.025)
    for method in ("parkinson", "garman_klass", "rogers_satchell"):
        assert realized_volatility(bars, method=method) == approx(0.25 * sqrt(0.6), rel=0.025)


def test_drift_disturbs_only_the_methods_that_assume_none():
    steady, drifting = simulated(0.0), simulated(0.0, drift=8.0)
    for method in ("rogers_satchell", "yang_zhang"):
        assert realized_volatility(drifting, method=method) == approx(
            realized_volatility(steady, method=method), rel=0.03
        )
    assert realized_volatility(drifting, method="parkinson") > 1.3 * realized_volatility(
        steady, method="parkinson"
    )


def test_several_symbols_are_measured_apart():
    both = pd.concat({"AAA": BARS, "BBB": BARS.iloc[::-1].set_axis(BARS.index)}, names=["symbol"])
    for method in ("close_to_close", *RANGES):
        found = realized_volatility(both, method=method)
        assert list(found.index) == ["AAA", "BBB"]
        assert found["AAA"] == approx(realized_volatility(BARS, method=method), rel=1e-13)
        rolling = realized_volatility(both, window=2, method=method)
        assert_allclose(rolling.loc["AAA"], realized_volatility(BARS, window=2, method=method))


def test_bars_that_contradict_themselves_are_refused():
    with pytest.raises(PricingInputError, match="`high` is 95 in row 2"):
        realized_volatility(BARS.assign(high=[102.0, 101.5, 95.0, 104.0]), method="parkinson")
    with pytest.raises(PricingInputError, match="`low` is 105 in row 0"):
        realized_volatility(BARS.assign(low=[105.0, 98.5, 99.0, 101.0], high=200.0), method="parkinson")
    with pytest.raises(PricingInputError, match="needs bars"):
        realized_volatility(PRICES, method="parkinson")
    with pytest.raises(PricingInputError, match="`method` is 'garch'"):
        realized_volatility(PRICES, method="garch")


def test_a_missing_bar_makes_its_windows_missing():
    holed = BARS.copy()
    holed.iloc[1] = np.nan
    rolling = realized_volatility(holed, window=2, method="parkinson")
    assert rolling.isna().tolist() == [True, True, True, False]
    assert np.isnan(realized_volatility(holed, method="yang_zhang"))
    assert np.isnan(realized_volatility(BARS.iloc[:2], method="yang_zhang"))
