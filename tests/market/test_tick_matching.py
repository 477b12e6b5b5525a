"""One event told twice, by a stream to the millisecond and by a history to the nanosecond, is one event."""

import numpy as np
import pandas as pd

from workbench.market.tick_matching import untold_ticks

EXACT = pd.DatetimeIndex(
    ["2026-11-20 15:00:00.123456", "2026-11-20 15:00:00.123789", "2026-11-20 15:00:01.000001"], tz="UTC"
).as_unit("us")


def trades(times, ids, price=100.0):
    return pd.DataFrame(
        {"symbol": "SPY", "time": times, "trade_id": ids, "price": price, "size": 10.0, "conditions": ""}
    )


def quotes(times, sequence, bid=(100.0, np.nan, 100.0)):
    return pd.DataFrame(
        {"symbol": "SPY", "time": times, "sequence": sequence, "bid": bid, "ask": 100.02, "bid_size": np.nan,
         "ask_size": 1.0}
    )  # fmt: skip


def test_a_trade_that_the_stream_told_to_the_millisecond_is_not_told_again():
    held = trades(EXACT.floor("ms"), ["1", "2", "9"])
    assert untold_ticks(trades(EXACT, ["1", "2", "3"]), held, "trades")["trade_id"].tolist() == ["3"]


def test_a_quote_with_an_empty_side_is_known_again_too():
    held = quotes(EXACT.floor("ms"), [1, 2, 3])
    assert untold_ticks(quotes(EXACT, [1, 2, 3]), held, "quotes").empty
    assert len(untold_ticks(quotes(EXACT, [1, 2, 4]), held, "quotes")) == 1
    moved = quotes(EXACT, [1, 2, 3], bid=(100.01, np.nan, 100.0))
    assert len(untold_ticks(moved, held, "quotes")) == 1


def test_two_trades_of_one_millisecond_stay_two():
    times = EXACT[[0, 1]]
    assert len(untold_ticks(trades(times, ["1", "2"]), trades(times[:0], []), "trades")) == 2
    assert untold_ticks(trades(times, ["1", "2"]), trades(times[:1].floor("ms"), ["1"]), "trades")[
        "trade_id"
    ].tolist() == ["2"]


def test_the_same_stamp_stays_so_that_a_correction_reaches_the_row():
    held = trades(EXACT, ["1", "2", "3"])
    assert len(untold_ticks(held.assign(size=20.0), held, "trades")) == 3
