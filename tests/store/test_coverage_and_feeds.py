"""What was fetched and what was heard: noted once, found again, also in a ledger of the version before."""

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from workbench.errors import ArgumentError, DateInputError, DeskVersionError
from workbench.store import Ledger

NOW = datetime(2026, 1, 2, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SERIES = ("alpaca", "bars", "AAPL", "1d")


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def note(ledger, series=SERIES, first=NOW, last=NOW + DAY, complete=True, rows=2, fetched_at=NOW):
    ledger.coverage.add(*series, first=first, last=last, complete=complete, rows=rows, fetched_at=fetched_at)


def test_a_fetched_range_is_found_by_its_series(ledger):
    note(ledger, first=NOW + 3 * DAY, last=NOW + 5 * DAY, rows=0)
    note(ledger)
    note(ledger, series=("alpaca", "news", "AAPL", ""))
    found = ledger.coverage.ranges(*SERIES)
    assert [(one.first, one.last, one.complete, one.rows) for one in found] == [
        (pd.Timestamp(NOW), pd.Timestamp(NOW + DAY), True, 2),
        (pd.Timestamp(NOW + 3 * DAY), pd.Timestamp(NOW + 5 * DAY), True, 0),
    ]
    assert len(ledger.coverage.ranges("alpaca", "news", "AAPL")) == 1
    assert ledger.coverage.ranges("polygon", "bars", "AAPL", "1d") == []
    assert len(ledger.coverage.frame()) == 3


def test_the_same_range_again_says_the_newer_thing(ledger):
    note(ledger, complete=False, rows=1)
    note(ledger, complete=True, rows=2, fetched_at=NOW + DAY)
    (found,) = ledger.coverage.ranges(*SERIES)
    assert (found.complete, found.rows, found.fetched_at) == (True, 2, pd.Timestamp(NOW + DAY))


def test_what_is_forgotten_is_what_was_named(ledger):
    for provider in ("alpaca", "polygon"):
        for symbol in ("AAPL", "MSFT"):
            note(ledger, series=(provider, "bars", symbol, "1d"))
    assert ledger.coverage.forget("alpaca", symbol="AAPL") == 1
    assert ledger.coverage.forget(kind="quotes") == 0
    assert ledger.coverage.forget("polygon") == 2
    assert ledger.coverage.frame()["symbol"].tolist() == ["MSFT"]
    assert ledger.coverage.forget() == 1


def test_a_range_needs_an_order_and_a_zone(ledger):
    with pytest.raises(ArgumentError, match="ends before it begins"):
        note(ledger, first=NOW + DAY, last=NOW)
    with pytest.raises(DateInputError, match="with a time zone"):
        note(ledger, first=datetime(2026, 1, 1))  # noqa: DTZ001
    assert ledger.coverage.frame().empty


def test_a_feed_is_unfinished_until_its_end(ledger):
    first = ledger.feeds.begin("alpaca", "stocks", holder="worker 1", started_at=NOW)
    second = ledger.feeds.begin("polygon", "options", holder="worker 1", started_at=NOW + DAY)
    ledger.feeds.durable(first, NOW + DAY)
    ledger.feeds.durable(first, NOW)  # an earlier word does not take back a later one
    runs = ledger.feeds.unfinished()
    assert [(run.id, run.service, run.feed, run.holder) for run in runs] == [
        (first, "alpaca", "stocks", "worker 1"),
        (second, "polygon", "options", "worker 1"),
    ]
    assert [run.durable_until for run in runs] == [pd.Timestamp(NOW + DAY), None]
    ledger.feeds.end(first, NOW + 2 * DAY)
    ledger.feeds.end(first, NOW + 3 * DAY)
    assert [run.id for run in ledger.feeds.unfinished()] == [second]
    assert ledger.feeds.frame().set_index("id").loc[first, "ended_at"] == pd.Timestamp(NOW + 2 * DAY)
    for change in (ledger.feeds.durable, ledger.feeds.end):
        with pytest.raises(ArgumentError, match="no run 'nobody' of a feed"):
            change("nobody", NOW)


def test_what_a_killed_process_noted_is_there(ledger):
    """The process ends without a chance to close anything."""
    script = """
import os, signal, sys
from datetime import datetime, UTC
from workbench.store import Ledger
ledger = Ledger.open(sys.argv[1])
now = datetime(2026, 1, 2, 15, 30, tzinfo=UTC)
run = ledger.feeds.begin("alpaca", "stocks", holder="gone", started_at=now)
ledger.feeds.durable(run, now)
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script, str(ledger.path)], check=False)
    (run,) = ledger.feeds.unfinished()
    assert (run.holder, run.durable_until) == ("gone", pd.Timestamp(NOW))


def test_a_ledger_of_the_version_before_gets_the_new_tables_and_keeps_its_rows(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        ledger.inbox.put("k", {"title": "hello"}, NOW)
    with sqlite3.connect(path) as plain:  # as the first version left it
        plain.execute("DROP TABLE coverage")
        plain.execute("DROP TABLE feeds")
        plain.execute("UPDATE alembic_version SET version_num = '0001'")
    plain.close()
    with pytest.raises(DeskVersionError, match="open the desk once as trader"):
        Ledger.open(path, read_only=True)
    with Ledger.open(path) as ledger:
        assert ledger.inbox.frame()["message_key"].tolist() == ["k"]
        note(ledger)
        assert len(ledger.coverage.ranges(*SERIES)) == 1
