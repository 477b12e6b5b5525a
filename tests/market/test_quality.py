"""Findings about bars that could be right, but deserve a look."""

import numpy as np
import pandas as pd
import pytest

from workbench.errors import DataFormatError
from workbench.market import find_all, find_gaps, find_outliers, find_stale_runs, sessions


def bars_of(days, closes=None, volume=1000.0, symbol="XYZ"):
    rng = np.random.default_rng(3)
    closes = (
        100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(days))))
        if closes is None
        else np.asarray(closes, float)
    )
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), closes))
    frame.insert(0, "time", pd.DatetimeIndex(days).tz_localize("UTC"))
    frame.insert(0, "symbol", symbol)
    return frame.assign(volume=volume)


@pytest.fixture
def quarter():
    return sessions("XNYS", "2012-10-01", "2012-12-31")


def test_whole_bars_have_no_findings(quarter):
    assert find_all(bars_of(quarter), "XNYS").empty


def test_a_session_without_a_bar_and_a_bar_on_a_day_off_are_found(quarter):
    """29 October 2012 was closed for hurricane Sandy; a bar on it cannot be."""
    days = quarter.drop(pd.Timestamp("2012-11-15")).append(pd.DatetimeIndex(["2012-10-29"]))
    found = find_gaps(bars_of(days), "XNYS")
    assert dict(zip(found["kind"], found["time"].dt.strftime("%Y-%m-%d"), strict=True)) == {
        "missing_session": "2012-11-15",
        "no_session": "2012-10-29",
    }


def test_prices_that_stand_still_without_volume_are_found_once_a_run(quarter):
    closes = np.linspace(100, 110, len(quarter))
    closes[10:14] = 105.0
    volume = np.full(len(quarter), 1000.0)
    volume[10:14] = 0
    found = find_stale_runs(bars_of(quarter, closes, volume))
    assert found["time"].tolist() == [quarter[10].tz_localize("UTC")]
    assert "4 bars" in found["detail"].iloc[0]
    assert find_stale_runs(bars_of(quarter, closes)).empty


def test_an_unstated_split_is_suspected_and_a_stated_one_explained(quarter):
    closes = bars_of(quarter)["close"].to_numpy().copy()
    closes[30:] /= 7
    bars = bars_of(quarter, closes)
    found = find_outliers(bars)
    assert found["kind"].tolist() == ["possible_split"]
    assert "7 for 1" in found["detail"].iloc[0]
    split = pd.DataFrame({"symbol": ["XYZ"], "ex_date": [quarter[30]], "kind": ["split"], "value": [7.0]})
    assert find_outliers(bars, actions=split).empty


def test_a_jump_that_is_no_split_is_an_outlier(quarter):
    closes = bars_of(quarter)["close"].to_numpy().copy()
    closes[20] *= 1.4
    assert find_outliers(bars_of(quarter, closes))["kind"].tolist() == ["outlier", "outlier"]


def test_symbols_do_not_mix_and_an_index_is_as_good_as_columns(quarter):
    both = pd.concat(
        [bars_of(quarter), bars_of(quarter, symbol="ABC").assign(open=5, high=5, low=5, close=5)]
    )
    assert find_all(both.set_index(["symbol", "time"]), "XNYS").empty
    with pytest.raises(DataFormatError, match="no column `symbol`"):
        find_gaps(bars_of(quarter).drop(columns="symbol"), "XNYS")
