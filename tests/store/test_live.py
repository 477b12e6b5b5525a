"""The live table: written by streams, read by anyone, and never missed when it is lost."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from workbench.store.live import FEED_COLUMNS, LIVE_FILE, QUOTE_COLUMNS, LiveTable


def quote(symbol, bid=1.0, time=1, feed="Plain feed"):
    known = {
        "symbol": symbol,
        "bid": bid,
        "ask": 2.0,
        "time": time,
        "crossed": 0,
        "service": "plain",
        "feed": feed,
    }
    return tuple({**known, "source": "Plain"}.get(name) for name in QUOTE_COLUMNS)


def feed(**known):
    return {"service": "plain", "feed": "Plain feed", "state": "live", **known}


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / LIVE_FILE


@pytest.fixture
def table(path):
    with LiveTable(path) as opened:
        yield opened


def test_a_quote_comes_back_as_it_was_written_and_the_newest_counts(table):
    table.write([quote("B"), quote("A", 1.5)])
    table.write([quote("A", 1.75)])
    assert table.quotes() == [quote("A", 1.75), quote("B")]
    assert table.quotes(["B", "NOPE", "A"]) == [quote("B"), quote("A", 1.75)]


def test_what_is_shown_of_quotes_names_their_origin_once(table):
    table.write([quote("A"), quote("B", feed="Other feed")])
    names, numbers, origins = table.shown_quotes(["A", "B"])
    assert names == ["A", "B"]
    assert numbers["bid"].tolist() == [quote("A")[1], quote("B")[1]]
    assert [origins[number] for number in numbers["origin"].tolist()] == [
        ("plain", "Plain feed", "Plain"),
        ("plain", "Other feed", "Plain"),
    ]


def test_what_a_quote_lacks_stays_missing(table):
    blank = tuple(
        {"symbol": "A", "service": "s", "feed": "f", "source": "p"}.get(name) for name in QUOTE_COLUMNS
    )
    table.write([blank])
    assert table.quotes() == [
        tuple(0 if name == "crossed" else value for name, value in zip(QUOTE_COLUMNS, blank, strict=True))
    ]


def test_a_feed_is_one_row_and_can_be_forgotten(table):
    table.write((), [feed(events=3, beat=1.5)])
    table.write((), [feed(state="closed", detail="cut")])
    (found,) = table.feeds()
    assert set(found) == set(FEED_COLUMNS)
    assert (found["state"], found["detail"], found["events"]) == ("closed", "cut", None)
    table.forget_feed("plain", "Plain feed")
    assert table.feeds() == []


def test_a_table_that_is_not_there_is_empty_and_reading_makes_none(path, table):
    assert (table.quotes(), table.quotes(["A"]), table.feeds()) == ([], [], [])
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [b"no database at all" * 400, b"", b"SQLite format 3\0" + bytes(5000)],
    ids=["text", "empty", "torn"],
)
def test_a_damaged_file_is_empty_to_readers_and_made_anew_by_the_writer(path, table, content):
    path.write_bytes(content)
    with LiveTable(path) as reader:
        assert reader.quotes() == []
        table.write([quote("A")], [feed()])
        assert reader.quotes() == [quote("A")]
        assert len(reader.feeds()) == 1


def test_a_file_with_other_columns_is_made_anew(path, table):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE quotes (symbol TEXT)")
        other.execute("PRAGMA user_version = 1")
    other.close()
    table.write([quote("A")])
    assert table.quotes() == [quote("A")]


def test_pages_torn_in_the_middle_are_no_error_and_the_next_writer_makes_the_file_anew(path, table):
    table.write([quote(f"S{number}") for number in range(500)])
    table.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(40_000))
    with LiveTable(path) as reader, LiveTable(path) as writer:
        reader.quotes()
        for number in range(500):
            writer.write([quote(f"S{number}", bid=9.0)])
        assert ("S499", 9.0) in {row[:2] for row in reader.quotes()}


def test_a_file_taken_away_is_noticed_and_written_again(path, table):
    table.write([quote("A")])
    with LiveTable(path) as reader:
        assert reader.quotes() == [quote("A")]
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        assert reader.quotes() == []
        before = table.generation
        table.reopen_if_replaced()
        assert table.generation > before
        table.write([quote("B")])
        assert reader.quotes() == [quote("B")]


def test_readers_in_threads_and_a_writer_share_one_table(table):
    table.write([quote(f"S{number}", 1.0, 1) for number in range(50)])
    faults: list[str] = []
    stop = threading.Event()

    def look():
        while not stop.is_set():
            # All rows of one write carry the same bid: a reader sees whole writes.
            bids = {row[1] for row in table.quotes()}
            if len(bids) != 1:
                faults.append(str(bids))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for bid in range(200):
        table.write([quote(f"S{number}", float(bid), bid) for number in range(50)])
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []


WRITER = """
import sys
from workbench.store.live import QUOTE_COLUMNS, LiveTable
table = LiveTable(sys.argv[1])
row = {"bid": 1.0, "time": 1, "service": sys.argv[2], "feed": sys.argv[2], "source": "x"}
for number in range(300):
    given = [{**row, "symbol": f"{sys.argv[2]}{place}"} for place in range(20)]
    rows = [tuple(each.get(name) for name in QUOTE_COLUMNS) for each in given]
    table.write(rows, [{"service": sys.argv[2], "feed": sys.argv[2], "events": number}])
"""


def test_two_processes_write_beside_each_other(path, table):
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b")]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(table.quotes()) == 40
    assert [(row["service"], row["events"]) for row in table.feeds()] == [("a", 299), ("b", 299)]
