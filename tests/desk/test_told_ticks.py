"""A tick that the stream told is not stored again when the history tells it with more digits."""

import pandas as pd

from workbench.desk.told_ticks import without_told

EXACT = pd.DatetimeIndex(["2026-11-20 15:00:00.123456", "2026-11-20 15:00:00.999999"], tz="UTC").as_unit("us")
SOURCE = "A service"


def quotes(times):
    return pd.DataFrame(
        {"symbol": "SPY", "time": times, "sequence": [7, 8], "bid": 100.0, "ask": 100.02, "bid_size": 1.0,
         "ask_size": 1.0}
    )  # fmt: skip


def test_a_stream_and_its_history_make_one_row_an_event(desk):
    desk._lake.write("quotes", quotes(EXACT.floor("ms")), source=SOURCE)
    assert without_told(desk._lake, "quotes", quotes(EXACT), SOURCE).empty
    desk._lake.write("quotes", without_told(desk._lake, "quotes", quotes(EXACT), SOURCE), source=SOURCE)
    assert len(desk._lake.read("quotes")) == 2


def test_another_source_and_another_kind_are_left_alone(desk):
    desk._lake.write("quotes", quotes(EXACT.floor("ms")), source=SOURCE)
    assert len(without_told(desk._lake, "quotes", quotes(EXACT), "Another service")) == 2
    assert len(without_told(desk._lake, "bars", quotes(EXACT), SOURCE)) == 2
