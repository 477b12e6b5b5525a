"""The quote that stood at a trade: as pandas finds it, and as a plain loop does."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from workbench.errors import DataFormatError
from workbench.market.asof import quotes_at

ORIGIN = pd.Timestamp("2024-06-03 13:30", tz="UTC")
sides = st.lists(st.tuples(st.sampled_from(["AAPL", "MSFT", "SPY"]), st.integers(0, 20)), max_size=30)
orders = st.sampled_from(["time", "symbol", "none"])


def frame(rows, column, order, unit="us"):
    found = pd.DataFrame(rows, columns=["symbol", "second"])
    found = found.astype({"symbol": "str", "second": "int64"})
    found["time"] = (ORIGIN + pd.to_timedelta(found.pop("second"), unit="s")).astype(
        f"datetime64[{unit}, UTC]"
    )
    found[column] = np.arange(len(found), dtype=float)
    keys = {"time": ["time"], "symbol": ["symbol", "time"], "none": []}[order]
    return found.sort_values(keys, kind="stable") if keys else found


def by_hand(trades, quotes, tolerance, allow_exact):
    """The last row that counts, looked for one trade at a time."""
    found = []
    for symbol, time in zip(trades["symbol"], trades["time"], strict=True):
        best, best_time = np.nan, None
        for other, at, bid in zip(quotes["symbol"], quotes["time"], quotes["bid"], strict=True):
            early = at <= time if allow_exact else at < time
            if other == symbol and early and (best_time is None or at >= best_time):
                best, best_time = bid, at
        too_old = best_time is not None and tolerance is not None and time - best_time > tolerance
        found.append(np.nan if too_old else best)
    return found


@settings(max_examples=150, deadline=None)
@given(
    trade_rows=sides,
    quote_rows=sides,
    trade_order=orders,
    quote_order=orders,
    seconds=st.sampled_from([None, 0, 3]),
    allow_exact=st.booleans(),
    unit=st.sampled_from(["us", "ns"]),
)
def test_each_trade_gets_the_last_quote_before_it(
    trade_rows, quote_rows, trade_order, quote_order, seconds, allow_exact, unit
):
    trades, quotes = frame(trade_rows, "price", trade_order), frame(quote_rows, "bid", quote_order, unit)
    tolerance = None if seconds is None else pd.Timedelta(seconds=seconds)
    found = quotes_at(trades, quotes, tolerance=tolerance, allow_exact=allow_exact)
    assert_frame_equal(found[trades.columns], trades)
    np.testing.assert_array_equal(found["bid"], by_hand(trades, quotes, tolerance, allow_exact))
    np.testing.assert_array_equal(found["quote_time"].isna(), found["bid"].isna())


@settings(max_examples=60, deadline=None)
@given(trade_rows=sides.filter(bool), quote_rows=sides.filter(bool), order=orders)
def test_the_answer_is_that_of_pandas(trade_rows, quote_rows, order):
    trades, quotes = frame(trade_rows, "price", order), frame(quote_rows, "bid", order)
    quotes = quotes.assign(bid_size=np.arange(len(quotes)), quote_time=quotes["time"])
    expected = pd.merge_asof(
        trades.sort_values("time", kind="stable").reset_index(),
        quotes.sort_values("time", kind="stable"),
        on="time",
        by="symbol",
    ).set_index("index")
    found = quotes_at(trades, quotes.drop(columns="quote_time"))
    columns = ["symbol", "time", "price", "bid", "bid_size", "quote_time"]
    assert_frame_equal(
        found[columns].sort_index(), expected[columns].sort_index(), check_names=False, check_dtype=False
    )


def test_many_symbols_are_told_apart():
    """More of them than sixteen bits can number."""
    count = 70_000
    names = pd.Series([f"S{number:05d}" for number in range(count)], dtype="str")
    quotes = pd.DataFrame({"symbol": names, "time": ORIGIN, "bid": np.arange(count, dtype=float)})
    trades = pd.DataFrame({"symbol": names[::-7].reset_index(drop=True), "time": ORIGIN})
    trades["time"] += pd.to_timedelta(np.arange(len(trades))[::-1], unit="s")
    found = quotes_at(trades, quotes.sample(frac=1, random_state=1))
    assert found["bid"].tolist() == [float(name[1:]) for name in trades["symbol"]]


def test_a_missing_symbol_is_nobodys():
    quotes = pd.DataFrame({"symbol": ["AAPL", None], "time": ORIGIN, "bid": [1.0, 2.0]})
    trades = pd.DataFrame({"symbol": [None, "AAPL"], "time": ORIGIN, "price": [1.0, 2.0]}, index=[7, 8])
    found = quotes_at(trades, quotes)
    assert np.isnan(found.loc[7, "bid"])
    assert found.loc[8, "bid"] == 1.0


def test_frames_of_another_kind_are_refused():
    quotes = pd.DataFrame({"symbol": ["AAPL"], "time": ORIGIN, "bid": [1.0]})
    with pytest.raises(DataFormatError, match="The trades have no column `time`"):
        quotes_at(quotes.drop(columns="time"), quotes)
    naive = quotes.assign(time=quotes["time"].dt.tz_localize(None))
    with pytest.raises(DataFormatError, match="`time` of the quotes is of type datetime64"):
        quotes_at(quotes, naive)
