"""Findings about quotes, trades and chains: planted faults are found and counted, whole data have none."""

import numpy as np
import pandas as pd
import pytest

from workbench.errors import DataFormatError
from workbench.market.tick_quality import find_chain_faults, find_quote_faults, find_trade_faults

RNG = np.random.default_rng(11)


def quotes_of(count=400, symbol="SPY", start="2026-11-20 14:30"):
    """A quiet morning of one symbol: a quote a second, one cent wide."""
    middle = 600 * np.exp(np.cumsum(RNG.normal(0, 2e-5, count)))
    return pd.DataFrame(
        {
            "symbol": symbol,
            "time": pd.date_range(start, periods=count, freq="s", tz="UTC").as_unit("us"),
            "sequence": np.arange(count),
            "bid": middle - 0.005,
            "ask": middle + 0.005,
            "bid_size": 100.0,
            "ask_size": 200.0,
        }
    )


def kinds(found):
    return dict(zip(found["kind"], found["count"], strict=True))


def test_a_whole_session_has_no_findings():
    assert find_quote_faults(quotes_of(), stale_after=pd.Timedelta("1min")).empty


@pytest.mark.parametrize(
    "rows, change, kind",
    [
        (slice(10, 12), {"bid": 700.0}, "crossed"),
        (slice(50, 53), {"bid": np.nan}, "one_sided"),
        (slice(60, 61), {"bid": 100.0}, "wide"),
        (slice(70, 71), {"bid": 660.0, "ask": 660.01}, "outlier"),
    ],
)
def test_a_planted_fault_is_found_and_counted(rows, change, kind):
    quotes = quotes_of()
    for name, value in change.items():
        quotes.loc[quotes.index[rows], name] = value
    assert kinds(find_quote_faults(quotes)) == {kind: rows.stop - rows.start}


def test_a_quote_before_the_open_and_one_that_came_twice_are_told():
    quotes = quotes_of()
    early = quotes.head(1).assign(time=pd.Timestamp("2026-11-20 13:00", tz="UTC"))
    again = quotes.iloc[[5]].assign(sequence=9_999)
    found = kinds(find_quote_faults(pd.concat([quotes, early, again], ignore_index=True)))
    assert found == {"out_of_session": 1, "duplicated": 1}


def test_a_pause_is_told_once_a_session_and_not_over_night():
    quotes = pd.concat(
        [quotes_of(), quotes_of(start="2026-11-20 15:30"), quotes_of(start="2026-11-23 14:30")]
    )
    found = find_quote_faults(quotes, stale_after=pd.Timedelta("5min"))
    assert kinds(found) == {"stale": 1}
    assert "53.4 minutes" in found["detail"].iloc[0]


def test_each_symbol_and_session_is_counted_apart():
    days = [
        quotes_of(50, symbol, start)
        for symbol in ("A", "B")
        for start in ("2026-11-19 15:00", "2026-11-20 15:00")
    ]
    quotes = pd.concat(days, ignore_index=True)
    quotes.loc[::10, "bid"] = quotes["ask"] + 1
    found = find_quote_faults(quotes)
    assert found["count"].tolist() == [5, 5, 5, 5]
    assert sorted(found["symbol"]) == ["A", "A", "B", "B"]


def test_faults_of_trades_are_found():
    quotes = quotes_of()
    trades = pd.DataFrame(
        {"symbol": "SPY", "time": quotes["time"], "trade_id": quotes["sequence"].astype(str),
         "price": (quotes["bid"] + quotes["ask"]) / 2, "size": 100.0}
    )  # fmt: skip
    assert find_trade_faults(trades).empty
    trades.loc[7, "price"] *= 10
    trades.loc[8, "size"] = 0
    trades = pd.concat([trades, trades.iloc[[20]].assign(trade_id="again")])
    assert kinds(find_trade_faults(trades)) == {"outlier": 1, "no_size": 1, "duplicated": 1}


def test_faults_of_a_chain_are_counted_by_underlying():
    strikes = np.arange(90.0, 111.0, 5.0)
    chain = pd.DataFrame(
        {
            "symbol": [f"XYZ   261218C{int(strike * 1000):08d}" for strike in strikes],
            "underlying": "XYZ",
            "time": pd.Timestamp("2026-11-20 20:59", tz="UTC"),
            "strike": strikes,
            "right": "C",
            "bid": np.maximum(100 - strikes, 0) + 1.0,
            "ask": np.maximum(100 - strikes, 0) + 1.1,
            "open_interest": 10.0,
            "underlying_price": 100.0,
            "exercise": "american",
        }
    )
    assert find_chain_faults(chain).empty
    chain.loc[0, ["bid", "ask"]] = [8.0, 9.0]  # ten dollars in the money
    chain.loc[1, "bid"] = np.nan
    chain.loc[2, "open_interest"] = np.nan
    found = find_chain_faults(chain)
    assert kinds(found) == {"below_intrinsic": 1, "no_bid": 1, "no_open_interest": 1}
    assert found["symbol"].unique().tolist() == ["XYZ"]


def test_a_missing_column_is_named():
    with pytest.raises(DataFormatError, match="`bid`"):
        find_quote_faults(quotes_of().drop(columns="bid"))
