"""The sample data against facts that the companies published, and against its own adjusted closes."""

import numpy as np
import pandas as pd
import pytest
from bokeh_sampledata import stocks
from numpy.testing import assert_allclose

from workbench.market import adjust_bars, find_gaps
from workbench.providers import SampleProvider
from workbench.providers.sample import actions_from_series, bars_from_series


@pytest.fixture(scope="module")
def actions():
    provider = SampleProvider()
    return provider.corporate_actions(provider.symbols())


def stated(actions, symbol, kind):
    rows = actions[(actions["symbol"] == symbol) & (actions["kind"] == kind)]
    return dict(zip(rows["ex_date"].dt.strftime("%Y-%m-%d"), rows["value"], strict=True))


def test_splits_are_those_that_the_companies_made(actions):
    assert stated(actions, "AAPL", "split") == {"2000-06-21": 2, "2005-02-28": 2}
    assert stated(actions, "MSFT", "split") == {"2003-02-18": 2}
    assert not any(stated(actions, symbol, "split") for symbol in ("FB", "GOOG", "IBM"))


def test_dividends_are_those_that_the_companies_paid(actions):
    """From the investor pages: Apple resumed with 2.65 $, Microsoft paid 3 $ more in November 2004."""
    assert stated(actions, "AAPL", "dividend") == {"2012-08-09": 2.65, "2012-11-07": 2.65, "2013-02-07": 2.65}
    microsoft = stated(actions, "MSFT", "dividend")
    assert microsoft["2003-02-19"] == 0.08
    assert microsoft["2003-10-15"] == 0.16
    assert microsoft["2004-11-15"] == 3.08
    assert microsoft["2013-02-19"] == 0.23
    ibm = stated(actions, "IBM", "dividend")
    assert len(ibm) == 52  # four a year for thirteen years
    assert ibm["2008-05-07"] == 0.50
    assert ibm["2013-02-06"] == 0.85
    assert not stated(actions, "FB", "dividend")
    assert not stated(actions, "GOOG", "dividend")


@pytest.mark.parametrize("symbol", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
def test_the_actions_found_give_the_vendors_adjusted_closes_back(actions, symbol):
    """The vendor multiplies by 1 + dividend / close of the ex-date: with our actions, to every digit."""
    series = getattr(stocks, symbol)
    close, adjusted = np.array(series["close"]), np.array(series["adj_close"])
    days = pd.DatetimeIndex(series["date"])
    factor = np.ones(len(close))
    for row in actions[actions["symbol"] == symbol].itertuples():
        at = days.get_loc(row.ex_date)
        factor[:at] /= row.value if row.kind == "split" else 1 + row.value / close[at]
    assert_allclose(close * factor / (close[-1]), adjusted / adjusted[-1], rtol=1e-9)


@pytest.mark.parametrize("symbol", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
def test_our_adjusted_returns_are_the_vendors_but_for_days_of_dividends(actions, symbol):
    """We hold a dividend against the close before its ex-date, the vendor against the close of that day.

    The two returns then differ by about the dividend's yield times the day's return.
    """
    bars = SampleProvider().bars([symbol]).set_index("time").drop(columns="symbol")
    own = actions[actions["symbol"] == symbol]
    ours = adjust_bars(bars, own)["close"].pct_change().iloc[1:]
    vendors = pd.Series(getattr(stocks, symbol)["adj_close"], index=bars.index).pct_change().iloc[1:]
    paid = own[own["kind"] == "dividend"].set_index("ex_date")["value"].tz_localize("UTC")
    yields = (paid / bars["close"].shift()).reindex(ours.index).fillna(0)
    assert ((ours - vendors).abs() <= 1.5 * yields * (ours.abs() + yields) + 1e-12).all()


def test_no_session_is_missing_and_none_is_invented():
    provider = SampleProvider()
    assert find_gaps(provider.bars(provider.symbols()), "XNYS").empty


def test_raw_bars_are_not_adjusted():
    bars = SampleProvider().bars(["AAPL"], "2005-02-25", "2005-02-28").set_index("time")["close"]
    assert bars.tolist() == [88.99, 44.86]


def test_translation_needs_no_package():
    series = {
        "date": ["2020-08-28", "2020-08-31", "2020-09-01", "2020-09-02"],
        "open": [1, 1, 1, 1], "high": [2, 2, 2, 2], "low": [1, 1, 1, 1], "volume": [5, 6, 7, 8],
        "close": [499.23, 129.04, 134.18, 131.40],
        # A split 4 for 1 on the second day and 0.205 $ paid on the last, as the vendor adjusts.
        "adj_close": [499.23 / 4 / (1 + 0.205 / 131.40), 129.04 / (1 + 0.205 / 131.40),
                      134.18 / (1 + 0.205 / 131.40), 131.40],
    }  # fmt: skip
    found = actions_from_series(series, symbol="XYZ")
    assert found["kind"].tolist() == ["split", "dividend"]
    assert found["ex_date"].dt.strftime("%Y-%m-%d").tolist() == ["2020-08-31", "2020-09-02"]
    assert_allclose(found["value"], [4, 0.205], rtol=1e-6)  # half cents stay half cents
    bars = bars_from_series(series, symbol="XYZ")
    assert bars["time"].iloc[0] == pd.Timestamp("2020-08-28", tz="UTC")
    assert bars["volume"].tolist() == [5, 6, 7, 8]


def test_a_reverse_split_is_a_split():
    series = {"date": ["2020-01-02", "2020-01-03"], "close": [1.0, 10.2], "adj_close": [10.0, 10.2]}
    found = actions_from_series(series, symbol="XYZ")
    assert found[["kind", "value"]].to_numpy().tolist() == [["split", 0.1]]
