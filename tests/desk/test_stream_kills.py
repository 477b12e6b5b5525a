"""Streams as real processes, killed at any point: no gap that is not marked, nothing twice."""

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tests.servers.feed import PlainServer
from workbench.desk.live import live_quotes
from workbench.desk.stream_lease import stream_holder
from workbench.settings import load_settings, write_settings
from workbench.store import Lake, Ledger
from workbench.store.live import LIVE_FILE, LiveTable

PROJECT = Path(__file__).resolve().parents[2]
SYMBOLS = ("AAPL", "BRK.B", "SPY   260116C00500000")


class Streamed:
    """A desk, a server whose market never sleeps, and the streams started on it."""

    def __init__(self, home: Path, server: PlainServer, history: str) -> None:
        self.home, self.server, self.history = home, server, history
        write_settings(home, {"stream.lake_seconds": 0.3, "market.calendar": "24/7"})
        self.live = LiveTable(home / LIVE_FILE)
        self.ledger = Ledger.open(home / "ledger.sqlite")
        self.random = random.Random(7)
        self.process: subprocess.Popen[bytes] | None = None
        self._stop = threading.Event()
        self._number = 0
        self._market = threading.Thread(target=self._trade)

    def __enter__(self):
        self._market.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._market.join()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.live.close()
        self.ledger.close()

    def _trade(self) -> None:
        while not self._stop.is_set():
            for symbol in SYMBOLS:
                self._number += 1
                now = time.time_ns()
                bid = 100 + self._number % 7
                self.server.emit("trades", (symbol, now, str(self._number), bid + 0.5, 10.0, ""))
                self.server.emit("quotes", (symbol, now, self._number, float(bid), bid + 1.0, 1.0, 2.0))
            time.sleep(0.004)

    def start(self) -> None:
        script = Path(__file__).with_name("stream_process.py")
        command = [sys.executable, str(script), str(PROJECT), str(self.home), self.server.http_url]
        with (self.home / "errors.txt").open("ab") as errors:
            self.process = subprocess.Popen(
                [*command, self.server.ws_url, self.history, *SYMBOLS], stderr=errors
            )
        self.wait(lambda: self.holder() == self.process.pid and self.is_live(), "live stream")

    def holder(self) -> int:
        return int((stream_holder(self.ledger, "plain") or "0:0").split(":")[1])

    def is_live(self) -> bool:
        feeds = self.live.feeds()
        return (
            bool(feeds)
            and feeds[0]["state"] == "live"
            and feeds[0]["holder"].split(":")[1] == str(self.process.pid)
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.terminate()
        assert self.process.wait(60) == 0, (self.home / "errors.txt").read_text()

    def wait(self, true, what: str, seconds: float = 90.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"no {what}; {(self.home / 'errors.txt').read_text()}"
            assert self.process.poll() is None, (self.home / "errors.txt").read_text()
            time.sleep(0.02)

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        with Lake.open(self.home / "lake", read_only=True) as lake:
            return lake.read("trades"), lake.read("quotes"), lake.read("feed_gaps")


def happened(server: PlainServer, kind: str, first: int, last: int) -> pd.DataFrame:
    """What the market itself knows: symbol, time and identity of every event between two instants."""
    rows = [
        (row[0], row[1], str(row[2]))
        for each, row in server.world
        if each == kind and first <= row[1] <= last
    ]
    return pd.DataFrame(rows, columns=["symbol", "time_ns", "identity"])


def missing(server: PlainServer, kind: str, held: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    """The events that the lake does not have; and none is there twice."""
    identities = held["trade_id" if kind == "trades" else "sequence"].astype(str)
    twice = [identity for identity, count in Counter(identities).items() if count > 1]
    assert twice == []
    events = happened(server, kind, first, last)
    return events[~events["identity"].isin(set(identities))]


def unmarked(events: pd.DataFrame, gaps: pd.DataFrame) -> list[tuple[str, int]]:
    """Those of the events that lie in no marked gap of their symbol."""
    found = []
    for event in events.itertuples():
        mine = gaps[gaps["symbol"] == event.symbol]
        at = pd.Timestamp(event.time_ns, tz="UTC")
        if not (
            (mine["start"] <= at) & (at <= mine["end"].fillna(pd.Timestamp.max.tz_localize("UTC")))
        ).any():
            found.append((event.symbol, event.time_ns))
    return found


@pytest.fixture
def server():
    with PlainServer() as server:
        yield server


def rounds(streamed: Streamed, count: int) -> tuple[int, int]:
    """Kill the stream so often at any point; return the span in which nothing may be missing unmarked."""
    streamed.start()
    first = time.time_ns()
    for _ in range(count):
        time.sleep(streamed.random.uniform(0.0, 1.2))
        if streamed.random.random() < 0.25:
            streamed.server.cut_sockets()
            time.sleep(streamed.random.uniform(0.0, 0.3))
        streamed.kill()
        time.sleep(streamed.random.uniform(0.0, 0.2))
        streamed.start()
    time.sleep(1.0)
    last = time.time_ns() - 200_000_000
    return first, last


def filled(streamed: Streamed) -> bool:
    gaps = streamed.read()[2]
    return bool(len(gaps)) and bool(gaps["backfilled_at"].notna().all())


def kill_and_fill(home: Path, server: PlainServer, count: int) -> None:
    with Streamed(home, server, "quotes,trades") as streamed:
        first, last = rounds(streamed, count)
        streamed.wait(lambda: filled(streamed), "filled gaps", 120)
        streamed.end()
        trades, quotes, gaps = streamed.read()
        assert len(gaps) >= count * len(SYMBOLS)
        for kind, held in (("trades", trades), ("quotes", quotes)):
            assert missing(server, kind, held, first, last).empty
        assert streamed.ledger.feeds.unfinished() == []
        assert stream_holder(streamed.ledger, "plain") is None


def kill_without_history(home: Path, server: PlainServer, count: int) -> None:
    with Streamed(home, server, "") as streamed:
        first, last = rounds(streamed, count)
        time.sleep(2.0)
        streamed.end()
        trades, quotes, gaps = streamed.read()
        lost = 0
        for kind, held in (("trades", trades), ("quotes", quotes)):
            absent = missing(server, kind, held, first, last)
            lost += len(absent)
            assert unmarked(absent, gaps) == []
        assert lost > 0
        assert gaps["backfilled_at"].isna().all()
        assert gaps["reason"].str.contains("Plain feed keeps no quotes; Plain feed keeps no trades").all()


def test_a_killed_stream_makes_its_quotes_stale_within_a_second(tmp_path, server):
    with Streamed(tmp_path, server, "") as streamed:
        settings = load_settings(tmp_path)

        def states():
            return set(live_quotes(streamed.live, settings, time.time(), SYMBOLS)["state"])

        streamed.start()
        streamed.wait(lambda: states() == {"live"}, "live quotes")
        streamed.kill()
        killed = time.monotonic()
        while states() != {"stale"}:
            assert time.monotonic() < killed + 1.5
            time.sleep(0.01)
        reason = live_quotes(streamed.live, settings, time.time(), SYMBOLS)["reason"].iloc[0]
        assert reason.startswith("the stream's process has not been heard for 1.")


def test_a_killed_stream_leaves_a_marked_gap_that_the_history_fills_without_a_double(tmp_path, server):
    kill_and_fill(tmp_path, server, 2)


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path, server):
    kill_and_fill(tmp_path, server, 20)


@pytest.mark.slow
def test_twenty_kills_without_a_history_leave_no_gap_unmarked(tmp_path, server):
    kill_without_history(tmp_path, server, 20)
