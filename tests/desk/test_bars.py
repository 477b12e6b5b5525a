"""Bars from memory are the bars of the lake: after any write, at any clock, whatever callers do to them."""

import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from workbench.desk import Desk
from workbench.errors import ArgumentError, MissingDataError, UnknownSymbolError
from workbench.store import FrameCache

DAYS = pd.DatetimeIndex(["2024-06-03", "2024-06-04", "2024-06-05", "2024-06-06", "2024-06-07"], tz="UTC")
WRITER = """
import sys
import pandas as pd
from workbench.store import Lake
with Lake.open(sys.argv[1]) as lake:
    print("ready", flush=True)
    for line in sys.stdin:
        price = float(line)
        row = {"symbol": "AAA", "time": [pd.Timestamp("2024-06-03")], "close": [price]}
        lake.write("daily_bars", pd.DataFrame(row), source="x")
        print("done", flush=True)
"""


def rows(symbol="AAA", days=DAYS, close=100.0):
    prices = {name: np.full(len(days), close) for name in ("open", "high", "low", "close")}
    return pd.DataFrame({"symbol": symbol, "time": days, **prices, "volume": 1000.0})


@pytest.fixture
def desk(tmp_path):
    with Desk.open(tmp_path / "home") as desk:
        desk.load_bars(rows(), source="test")
        yield desk


@pytest.fixture
def clock(desk, monkeypatch):
    """A wall clock that the test moves."""
    held = {"now": pd.Timestamp("2024-06-10 12:00", tz="UTC")}
    monkeypatch.setattr(Desk, "now", staticmethod(lambda: held["now"]))
    return lambda text: held.update(now=pd.Timestamp(text, tz="UTC"))


def hits(desk):
    return int(desk.cache_stats().loc["bars", "hits"])


def test_the_same_question_is_answered_from_memory(desk):
    first = desk.bars("AAA")
    assert hits(desk) == 0
    again = desk.bars("AAA")
    assert hits(desk) == 1
    assert_frame_equal(first, again)
    assert again.index.name == "time"
    several = [desk.bars(["AAA"]) for _ in range(2)]
    assert_frame_equal(*several)
    assert list(several[1].index.names) == ["symbol", "time"]
    stats = desk.cache_stats()
    assert stats.loc["bars", ["hits", "misses", "entries"]].tolist() == [2, 2, 2]
    assert stats.loc["bars", "rate"] == 0.5
    assert 0 < stats.loc["bars", "bytes"] < stats.loc["bars", "most_bytes"]
    assert stats.loc["latest quotes", "ttl_seconds"] == 0


def test_a_caller_who_changes_a_frame_changes_only_that_one(desk):
    expected = desk.bars("AAA", adjust=None).copy()
    for _ in range(2):  # the frame of the first question, and one from memory
        mine = desk.bars("AAA", adjust=None)
        mine.iloc[0, 0] = -1.0
        mine["close"] *= 2
        mine.loc[:, "volume"] = 0.0
        mine.index.name = "mine"
        mine.columns.name = "mine"
        mine.index.asi8[0] = 0
        mine.attrs["note"] = "mine"
        other = desk.bars("AAA", adjust=None)
        with pytest.raises(ValueError, match="read-only"):
            other["high"].to_numpy()[0] = -1.0
        assert_frame_equal(desk.bars("AAA", adjust=None), expected)
        assert desk.bars("AAA", adjust=None).attrs == {}


def test_each_part_of_a_question_counts(desk):
    desk.load_bars(rows("BBB", close=50.0), source="test")
    split = {"symbol": "AAA", "ex_date": [pd.Timestamp("2024-06-05")], "kind": "split", "value": 2.0}
    desk._lake.write("corporate_actions", pd.DataFrame(split), source="test")
    for _ in range(2):
        assert desk.bars("AAA")["close"].tolist() == [50.0, 50.0, 100.0, 100.0, 100.0]
        assert desk.bars("AAA", adjust=None)["close"].tolist() == [100.0] * 5
        assert desk.bars("BBB")["close"].tolist() == [50.0] * 5
        assert len(desk.bars("AAA", "2024-06-06")) == 2
        assert len(desk.bars("AAA", end="2024-06-03")) == 1
        assert len(desk.bars(("AAA", "BBB"))) == 10
    assert hits(desk) == 6


def test_a_write_of_this_process_is_seen(desk):
    assert desk.bars("AAA")["close"].iloc[0] == 100.0
    desk.load_bars(rows(days=DAYS[:1], close=101.0), source="fix")
    assert desk.bars("AAA")["close"].iloc[0] == 101.0
    split = {"symbol": "AAA", "ex_date": [pd.Timestamp("2024-06-04")], "kind": "split", "value": 4.0}
    desk._lake.write("corporate_actions", pd.DataFrame(split), source="test")
    assert desk.bars("AAA")["close"].iloc[0] == 25.25


def test_each_write_of_another_process_is_seen_at_once(desk):
    """The value that was acknowledged last is the one that shows, however hot the memory is."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(desk.home / "lake")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout.readline() == "ready\n"
    for number in range(1, 25):
        print(number, file=writer.stdin, flush=True)
        assert writer.stdout.readline() == "done\n"
        for _ in range(3):
            assert desk.bars("AAA", adjust=None)["close"].iloc[0] == number
    writer.communicate()
    assert hits(desk) >= 24 * 2


def test_many_threads_beside_a_writer_never_see_an_older_bar_than_before(desk):
    """Each write raises the price, so a price that falls would be a frame kept too long."""
    done, falls = threading.Event(), []

    def look():
        highest = 0.0
        while not done.is_set():
            price = float(desk.bars("AAA", adjust=None)["close"].iloc[0])
            if price < highest:
                falls.append((highest, price))
            highest = max(highest, price)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(15):
        desk.load_bars(rows(days=DAYS[:1], close=200.0 + number), source="x")
        assert desk.bars("AAA", adjust=None)["close"].iloc[0] == 200.0 + number
    done.set()
    for thread in threads:
        thread.join()
    assert falls == []


def test_a_bar_of_today_appears_at_the_close_without_a_write(desk, clock):
    clock("2024-06-07 15:00")  # New York is open until 20:00 UTC
    assert len(desk.bars("AAA")) == 4
    clock("2024-06-07 19:59")
    assert len(desk.bars("AAA")) == 4
    assert hits(desk) == 1
    clock("2024-06-07 20:00")
    assert len(desk.bars("AAA")) == 5
    assert len(desk.bars("AAA", end="2024-06-07")) == 5
    assert hits(desk) == 1


def test_a_split_counts_from_midnight_at_the_exchange(desk, clock):
    split = {"symbol": "AAA", "ex_date": [pd.Timestamp("2024-06-11")], "kind": "split", "value": 2.0}
    desk._lake.write("corporate_actions", pd.DataFrame(split), source="test")
    clock("2024-06-11 03:59")  # still the 10th in New York
    assert desk.bars("AAA")["close"].iloc[0] == 100.0
    assert desk.bars("AAA")["close"].iloc[0] == 100.0
    clock("2024-06-11 04:00")
    assert desk.bars("AAA")["close"].iloc[0] == 50.0
    clock("2024-06-10 12:00")  # a clock set back is believed too
    assert desk.bars("AAA")["close"].iloc[0] == 100.0


def test_minutes_to_come_are_shown_when_they_come(desk, clock):
    times = pd.date_range("2024-06-10 14:00", periods=3, freq="min", tz="UTC")
    desk.load_bars(rows(days=times), source="test", interval="1m")
    clock("2024-06-10 14:00:30")
    assert len(desk.bars("AAA", interval="1m")) == 1
    clock("2024-06-10 14:00:59")
    assert len(desk.bars("AAA", interval="1m")) == 1
    clock("2024-06-10 14:01")
    assert len(desk.bars("AAA", interval="1m")) == 2
    assert hits(desk) == 1


def test_errors_are_not_kept(desk):
    for _ in range(2):
        with pytest.raises(UnknownSymbolError, match="no bars of 'ZZZ'"):
            desk.bars("ZZZ")
        with pytest.raises(MissingDataError, match="none in the period"):
            desk.bars("AAA", "2024-06-08")
        with pytest.raises(ArgumentError, match="`symbols` is empty"):
            desk.bars([])
    desk.load_bars(rows("ZZZ"), source="test")
    assert len(desk.bars("ZZZ")) == 5


def test_no_more_is_kept_than_allowed():
    frame = pd.DataFrame({"close": np.arange(1000.0)})
    now = pd.Timestamp("2024-06-03", tz="UTC")
    cache = FrameCache(3 * int(frame.memory_usage(deep=True).sum()))
    for name in "ABCD":
        cache.put(name, (0,), frame.copy(), since=now, until=None)
        assert cache.get("A", (0,), now) is not None or name == "D"
    assert cache.use().entries == 3
    assert cache.get("B", (0,), now) is None  # A was used since
    assert cache.use().bytes <= cache.use().most_bytes
    nothing = FrameCache(0)
    nothing.put("A", (0,), frame, since=now, until=None)
    assert nothing.get("A", (0,), now) is None
    assert nothing.use().entries == 0
