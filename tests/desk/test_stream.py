"""The stream worker over real sockets: what comes is seen, kept, checked and, where it is missing, marked."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import pandas as pd
import pytest

from tests.contracts.feed_contract import until
from tests.servers.feed import PlainProvider, PlainServer, run
from workbench import Desk
from workbench.desk import stream_feed, stream_lake
from workbench.desk.stream import StreamWorker
from workbench.desk.stream_lease import stream_holder
from workbench.desk.stream_line import StreamPlan
from workbench.errors import ServiceUnavailableError, StoreBusyError
from workbench.settings import load_settings, write_settings
from workbench.store.lock import StoreLock

SYMBOLS = ("AAPL", "MSFT")


class Provider(PlainProvider):
    calendar = "24/7"  # a market that is open whenever the tests run


@pytest.fixture
def server():
    with PlainServer() as server:
        yield server


@pytest.fixture
def home(tmp_path):
    write_settings(tmp_path, {"stream.lake_seconds": 0.1})
    return tmp_path


@asynccontextmanager
async def streaming(desk, server, *, symbols=SYMBOLS, live=True, **options):
    """A worker that runs while the block does, and ends cleanly after it."""
    provider = Provider(server.http_url, server.ws_url, **{"heartbeat_timeout": 60.0, **options})
    settings = load_settings(desk.home)
    plan = StreamPlan("plain", tuple(symbols), lambda: provider)
    worker = StreamWorker(desk.home, settings, desk._lake, desk._ledger, [plan], follow_settings=True)
    worker.done = asyncio.create_task(worker.run())
    if live:
        await until(lambda: state(desk) == "live")
    try:
        yield worker
    finally:
        worker.stop()
        assert await worker.done


def state(desk):
    feeds = desk.feeds()
    return feeds["state"].iloc[0] if len(feeds) else None


def quote(symbol, bid=100.0, *, at=None, sequence=1):
    return (symbol, at or time.time_ns(), sequence, bid, bid + 0.1, 1.0, 2.0)


def trade(symbol, number, price=100.0):
    return (symbol, time.time_ns(), str(number), price, 10.0, "")


def with_desk(home, work):
    """Run a coroutine function on an open desk, and return what it returns."""
    with Desk.open(home) as desk:
        return run(work(desk), 60)


def test_rows_last_values_and_what_subscribers_saw_equal_an_independent_fold(home, server):
    seen = []

    async def work(desk):
        async with streaming(desk, server) as worker:
            worker.paths["plain"].subscribe(lambda events: seen.extend(events.symbols))
            for number in range(60):
                server.emit("quotes", quote(SYMBOLS[number % 2], 100.0 + number, sequence=number))
                server.emit("trades", trade(SYMBOLS[number % 2], number, 200.0 + number))
            await until(lambda: worker.lines[0].runner.path.counts.events == 120)
            await asyncio.sleep(0.3)
            found = desk.quotes(SYMBOLS)
        trades, quotes = desk._lake.read("trades"), desk._lake.read("quotes")
        return found, trades, quotes, desk._lake.read("feed_gaps")

    found, trades, quotes, gaps = with_desk(home, work)
    last = {row[0]: row for kind, row in server.world if kind == "quotes"}
    assert found["bid"].tolist() == [last[symbol][3] for symbol in SYMBOLS]
    assert found["last"].tolist() == [258.0, 259.0]
    assert found["volume"].tolist() == [300.0, 300.0]
    assert set(found["state"]) == {"live"}
    assert sorted(trades["trade_id"].astype(int)) == list(range(60))
    told = {(row[0], row[1] // 1000, row[3]) for kind, row in server.world if kind == "quotes"}
    stamps = quotes["time"].dt.tz_localize(None).to_numpy().astype("M8[us]").astype("int64")
    assert set(zip(quotes["symbol"], stamps.tolist(), quotes["bid"], strict=True)) == told
    assert len(seen) == 120
    assert gaps.empty


def test_bad_rows_are_quarantined_with_their_reason_and_the_rest_pass(home, server):
    async def work(desk):
        async with streaming(desk, server) as worker:
            server.say('{"quotes": [["AAPL", 1]], "what": ')
            server.say('{"quotes": [["AAPL", 1, 2, 3]]}')
            server.emit("quotes", quote("AAPL", 0.0), quote("MSFT", 50.0))
            server.say(json.dumps({"trades": [["ZZZQ", time.time_ns(), "t", 1.0, 1.0, ""]]}))
            await until(lambda: worker.lines[0].runner.path.counts.quarantined == 4)
            await until(lambda: desk.feeds()["quarantined"].iloc[0] == 4)
        return desk._lake.read("quotes"), desk._lake.read("quarantine")

    quotes, bad = with_desk(home, work)
    assert quotes["symbol"].tolist() == ["MSFT"]
    assert set(bad["source"]) == {"Plain feed, live"}
    reasons = " | ".join(sorted(bad["reason"]))
    for said in ("`bid` is 0", "another length", "nobody asked for ZZZQ", "no message of this feed"):
        assert said in reasons


def test_a_cut_socket_makes_quotes_stale_within_a_second_and_its_gap_is_filled(home, server):
    async def work(desk):
        async with streaming(desk, server) as worker:
            server.emit("quotes", quote("AAPL", 100.0), quote("MSFT", 50.0))
            await until(lambda: set(desk.quotes(SYMBOLS)["state"]) == {"live"})
            server.bad.expired = True  # nobody gets in again for now
            monotonic = time.monotonic()
            server.cut_sockets()
            await until(lambda: set(desk.quotes(SYMBOLS)["state"]) == {"stale"})
            took = time.monotonic() - monotonic
            reason = desk.quotes("AAPL")["reason"].iloc[0]
            server.emit("quotes", quote("AAPL", 101.0, sequence=2), quote("MSFT", 51.0, sequence=2))
            server.bad.expired = False
            worker.lines[0].runner._wait_of = lambda *_: 0.05
            await until(lambda: state(desk) == "live", 60)
            server.emit("quotes", quote("AAPL", 102.0, sequence=3))
            await until(lambda: desk.quotes("AAPL")["bid"].iloc[0] == 102.0)
            await until(lambda: filled(desk), 45)
        return took, reason, desk._lake.read("feed_gaps"), desk._lake.read("quotes")

    took, reason, gaps, quotes = with_desk(home, work)
    assert took < 1.0
    assert "Plain feed" in reason
    assert gaps["symbol"].tolist() == list(SYMBOLS)
    assert (gaps["end"] > gaps["start"]).all()
    assert sorted(quotes["bid"]) == [50.0, 51.0, 100.0, 101.0, 102.0]


def filled(desk):
    gaps = desk._lake.read("feed_gaps")
    return bool(len(gaps)) and bool(gaps["backfilled_at"].notna().all())


def test_a_feed_without_a_heartbeat_is_silent_by_its_own_limit_and_opened_again(home, server):
    async def work(desk):
        async with streaming(desk, server, heartbeat_timeout=0.6) as worker:
            first = server.logins
            await until(lambda: server.logins > first)
            await until(lambda: len(desk._lake.read("feed_gaps")) > 0)
            for _ in range(20):  # a heartbeat in time keeps it open
                server.say('{"beat": 1}')
                await asyncio.sleep(0.1)
            await until(lambda: state(desk) == "live")
            assert worker.lines[0].runner.status.state == "live"
        return desk._lake.read("feed_gaps")

    gaps = with_desk(home, work)
    assert gaps["reason"].str.contains("no heartbeat for .*, where the limit of Plain feed is 0.6 s").all()


def test_a_needed_login_is_one_notice_and_no_storm_and_the_stream_resumes(home, server, monkeypatch):
    monkeypatch.setattr(stream_feed, "SLOW_WAITS", (0.5,))

    async def work(desk):
        server.bad.expired = True
        async with streaming(desk, server, live=False):
            await until(lambda: state(desk) == "needs_login")
            await asyncio.sleep(1.6)
            tries = server.logins
            server.bad.expired = False
            await until(lambda: state(desk) == "live")
        return tries, desk.alerts()

    tries, alerts = with_desk(home, work)
    assert tries <= 5
    assert alerts["title"].tolist() == ["Plain feed needs a login"]


def test_a_second_stream_of_a_service_is_refused_while_the_first_runs(home, server):
    async def work(desk):
        async with streaming(desk, server):
            assert stream_holder(desk._ledger, "plain") is not None
            provider = Provider(server.http_url, server.ws_url)
            plan = StreamPlan("plain", SYMBOLS, lambda: provider)
            second = StreamWorker(desk.home, desk.settings, desk._lake, desk._ledger, [plan])
            with pytest.raises(StoreBusyError, match="streams plain on this desk already"):
                await second.run()
            assert state(desk) == "live"
        assert stream_holder(desk._ledger, "plain") is None

    with_desk(home, work)


def test_a_slow_lake_spills_to_the_disk_and_what_finds_no_room_is_a_gap_with_its_count(home, server):
    write_settings(home, {"stream.queue": 1000, "stream.spill": 1000})

    async def work(desk):
        async with streaming(desk, server, history=()) as worker:
            queue = worker.lines[0].queue
            server.emit("trades", trade("AAPL", -1))
            await until(lambda: queue.written == 1)
            with StoreLock(desk.home / "lake" / "lock").hold("a long write", 10):
                for start in range(0, 4000, 100):
                    server.emit("trades", *[trade("AAPL", number) for number in range(start, start + 100)])
                    server.emit("quotes", quote("AAPL", 100.0 + start, sequence=start))
                    await asyncio.sleep(0.02)
                await until(lambda: queue.shed > 0)
                # The newest values go on while the lake stands still.
                await until(lambda: desk.quotes("AAPL")["bid"].iloc[0] == 4000.0)
                during = desk.feeds().iloc[0]
        return (
            during,
            queue.shed,
            desk._lake.read("trades"),
            desk._lake.read("quotes"),
            desk._lake.read("feed_gaps"),
        )

    during, shed, trades, quotes, gaps = with_desk(home, work)
    assert during["spilled"] > 0
    assert during["lake_queue"] <= 2100
    assert shed > 0
    assert len(trades) + len(quotes) + shed == 4001 + 40
    assert trades["trade_id"].is_unique
    counted = gaps["reason"].str.extract(r"too slow: ([\d,]+) events")[0].str.replace(",", "").astype(int)
    assert counted.sum() == shed
    missing = {str(number) for number in range(4000)} - set(trades["trade_id"])
    for kind, row in server.world:
        if kind == "trades" and row[2] in missing:
            at = pd.Timestamp(row[1], tz="UTC")
            assert ((gaps["start"] <= at) & (at <= gaps["end"])).any()
    assert list((home / ".stream" / "plain").glob("*")) == []


def test_a_clean_end_leaves_no_gap_and_its_quotes_are_not_live(home, server):
    async def work(desk):
        async with streaming(desk, server):
            server.emit("quotes", quote("AAPL", 100.0))
            await until(lambda: len(desk.quotes()) == 1)
        shown = desk.quotes("AAPL").iloc[0]
        return shown, desk._lake.read("quotes"), desk._lake.read("feed_gaps"), desk._ledger.feeds.unfinished()

    shown, quotes, gaps, unfinished = with_desk(home, work)
    assert (shown["state"], shown["reason"]) == ("stale", "Plain feed was stopped")
    assert len(quotes) == 1
    assert gaps.empty
    assert unfinished == []


def test_the_watch_list_is_followed_while_the_stream_runs(home, server):
    write_settings(home, {"stream.watch.plain": ["AAPL", "MSFT"]})

    async def work(desk):
        async with streaming(desk, server) as worker:
            write_settings(home, {"stream.watch.plain": ["AAPL", "IBM"]})
            await until(lambda: server.subscribed()["quotes"] == {"AAPL", "IBM"})
            server.emit("quotes", quote("IBM", 7.0))
            await until(lambda: desk.quotes("IBM")["bid"].iloc[0] == 7.0)
            write_settings(home, {"stream.watch.plain": []})
            await asyncio.wait_for(worker.done, 20)

    with_desk(home, work)


def test_a_gap_without_a_history_stays_and_says_why_and_minute_bars_stand_in(home, server):
    bar = ("AAPL", (time.time_ns() // 60_000_000_000) * 60_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, 1.2)

    async def work(desk):
        async with streaming(desk, server, history=("bars",)):
            server.emit("bars", bar)
            server.cut_sockets()

            def told():
                gaps = desk._lake.read("feed_gaps")
                return len(gaps) == 2 and gaps["reason"].str.contains("minute bars").all()

            await until(told, 45)
        return desk._lake.read("feed_gaps"), desk._lake.read("intraday_bars")

    gaps, bars = with_desk(home, work)
    assert gaps["backfilled_at"].isna().all()
    assert gaps["reason"].str.contains("Plain feed keeps no quotes; Plain feed keeps no trades").all()
    assert bars[["symbol", "interval", "close"]].to_numpy().tolist() == [["AAPL", "1m", 1.5]]


def test_a_refused_symbol_is_said_and_the_others_stream(home, server):
    async def work(desk):
        async with streaming(desk, server, symbols=("AAPL", "NOPE")):
            server.emit("quotes", quote("AAPL", 5.0))
            await until(lambda: desk.quotes("AAPL")["bid"].iloc[0] == 5.0)
            return desk.feeds()["detail"].iloc[0], desk.quotes("NOPE").iloc[0]

    detail, never = with_desk(home, work)
    assert detail == "The plain feed has no NOPE."
    assert (never["state"], never["reason"]) == (
        "closed",
        "the market is closed; no stream has given a quote of it",
    ) or (never["state"] == "stale")


def test_a_live_table_lost_in_mid_stream_comes_back_whole(home, server):
    async def work(desk):
        async with streaming(desk, server):
            server.emit("quotes", quote("AAPL", 5.0), quote("MSFT", 6.0))
            await until(lambda: len(desk.quotes()) == 2)
            for path in home.glob("live.sqlite*"):
                path.unlink()
            await until(lambda: len(desk.quotes()) == 2)
            return desk.quotes()["bid"].tolist()

    assert with_desk(home, work) == [5.0, 6.0]


def test_many_small_commits_are_merged_while_the_stream_runs(home, server, monkeypatch):
    monkeypatch.setattr(stream_lake, "COMPACT_AFTER", 3)

    async def work(desk):
        async with streaming(desk, server) as worker:
            queue = worker.lines[0].queue
            for number in range(5):
                server.emit("trades", trade("AAPL", number))
                await until(lambda: queue.written == number + 1)  # noqa: B023 - awaited in its own turn
            return int(desk._lake.tables().loc["trades", "files"]), len(desk._lake.read("trades"))

    files, rows = with_desk(home, work)
    assert files <= 3
    assert rows == 5


def test_a_feed_that_falls_to_a_fault_of_its_own_code_is_opened_again(home, server):
    async def work(desk):
        async with streaming(desk, server) as worker:
            runner = worker.lines[0].runner
            made, faults = runner.provider.stream, [RuntimeError("a fault"), ServiceUnavailableError("away")]

            def stream(kinds):
                if faults:
                    raise faults.pop()
                return made(kinds)

            runner.provider.stream = stream
            server.cut_sockets()
            await until(lambda: not faults)
            await until(lambda: state(desk) == "live", 30)

    with_desk(home, work)
