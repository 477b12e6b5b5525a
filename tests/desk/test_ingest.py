"""Data of a service on its way into the desk, over real sockets; counts are those of the server's world."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.servers.base import ALWAYS
from tests.servers.plain import KEY, PlainProvider, PlainServer
from workbench import Desk
from workbench.errors import ArgumentError, DateInputError, UnknownSymbolError
from workbench.market.calendars import sessions

# XNYS had 20 sessions in January and 19 in February 2026 (holidays: 1 and 19 January, 16 February).
JANUARY = {"start": "2026-01-01", "end": "2026-01-31"}
WINTER = {"start": "2026-01-01", "end": "2026-02-28"}


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory):
    """A desk made once; each test gets a copy, since making one takes a second or two."""
    home = tmp_path_factory.mktemp("empty") / "desk"
    Desk.open(home).close()
    return home


@pytest.fixture
def desk(empty_home, tmp_path):
    with Desk.open(shutil.copytree(empty_home, tmp_path / "desk")) as opened:
        yield opened


@pytest.fixture
def server():
    with PlainServer() as running:
        yield running


@pytest.fixture
def plain(server):
    return PlainProvider(server.http_url)


def asked_bars(server):
    return [(call.query["symbols"], call.query["start"], call.query["end"]) for call in server.calls("/bars")]


def test_the_second_ask_makes_no_call(desk, server, plain):
    first = desk.ingest(plain, ["AAA", "BBB"], **JANUARY)
    assert first["new"].tolist() == [20, 20]
    assert first.complete
    calls = len(server.seen)
    second = desk.ingest(plain, ["AAA", "BBB"], **JANUARY)
    assert len(server.seen) == calls
    assert second.empty
    assert (second.calls, second.held) == (0, 4)  # bars and corporate actions of two symbols
    assert len(desk.bars("AAA", adjust=None)) == 20


def test_another_desk_object_and_process_know_it_too(desk, server, plain):
    desk.ingest(plain, "AAA", **JANUARY)
    calls = len(server.seen)
    with Desk.open(desk.home) as again:
        again.ingest(PlainProvider(server.http_url), "AAA", **JANUARY)
    assert len(server.seen) == calls


def test_only_what_is_missing_is_asked_for(desk, server, plain):
    """Held: the middle of January. Missing: its two ends, cut to sessions."""
    desk.ingest(plain, "AAA", start="2026-01-08", end="2026-01-20")
    server.seen.clear()
    summary = desk.ingest(plain, "AAA", **JANUARY)
    assert asked_bars(server) == [("AAA", "2026-01-02", "2026-01-07"), ("AAA", "2026-01-21", "2026-01-30")]
    assert summary.loc["AAA"].tolist() == [4 + 8, 0, 0, 0]


def test_several_symbols_go_in_one_call(desk, server, plain):
    desk.ingest(plain, ["AAA", "BBB", "CCC"], **JANUARY)
    assert asked_bars(server) == [("AAA,BBB,CCC", "2026-01-02", "2026-01-30")]


def test_a_weekend_is_never_asked_for(desk, server, plain):
    desk.ingest(plain, "AAA", start="2026-01-03", end="2026-01-04")
    assert server.calls("/bars") == []


def test_ticks_are_asked_for_by_the_session_and_never_of_a_weekend(desk, server, plain):
    """Friday the 2nd of January 2026 to Monday the 5th: two calls, of New York's own days."""
    desk.ingest(plain, "AAA", kinds="trades", start="2026-01-02", end="2026-01-05")
    starts = [call.query["start"] for call in server.calls("/trades")]
    assert starts == ["2026-01-02T05:00:00+00:00", "2026-01-05T05:00:00+00:00"]
    desk.ingest(plain, "AAA", kinds="trades", start="2026-01-02", end="2026-01-05")
    assert len(server.calls("/trades")) == 2


def test_long_spans_are_cut_into_calls(desk, server, plain):
    """Minutes go by the week: four weeks of January, each on disk before the next."""
    seen = []
    desk.ingest(plain, "AAA", interval="1m", on_progress=lambda *said: seen.append(said), **JANUARY)
    assert len(server.calls("/bars")) >= 4
    assert [done for _, done, _ in seen] == list(range(1, len(seen) + 1))
    assert "bars AAA 2026-01-02" in seen[0][0]
    assert "rows" in seen[0][0]
    held = desk.bars("AAA", interval="1m", adjust=None)
    assert set(held.index.tz_convert("America/New_York").normalize().tz_localize(None)) == set(
        sessions("XNYS", "2026-01-01", "2026-01-31")
    )


def test_restated_prices_are_asked_for_on_demand_and_the_old_belief_stays(desk, server, plain):
    desk.ingest(plain, "AAA", **JANUARY)
    believed = desk.now()
    server.restated["AAA", "2026-01-15"] = 123.0
    assert desk.ingest(plain, "AAA", **JANUARY).empty
    summary = desk.ingest(plain, "AAA", refresh=True, **JANUARY)
    assert summary.loc["AAA"].tolist() == [0, 1, 19, 0]
    day = pd.Timestamp("2026-01-15", tz="UTC")
    assert desk.bars("AAA", adjust=None).loc[day, "close"] == 123.0
    assert desk.bars("AAA", adjust=None, known_at=believed).loc[day, "close"] == pytest.approx(100.15)


def test_a_broken_answer_keeps_its_rows_and_the_next_run_heals(desk, server, plain):
    """Pages of seven rows; the connection dies from the second page on."""
    server.page_size, server.bad.from_page, server.bad.cut = 7, 2, ALWAYS
    summary = desk.ingest(plain, "AAA", **JANUARY)
    assert summary.loc["AAA", "new"] == 7
    assert not summary.complete
    assert summary.complaints["state"].tolist() == ["incomplete"]
    assert summary.left
    server.bad.cut = 0
    healed = desk.ingest(plain, "AAA", **JANUARY)
    assert healed.complete
    assert healed.loc["AAA"].tolist() == [13, 0, 7, 0]
    assert len(desk.bars("AAA", adjust=None)) == 20


def test_a_service_that_limits_stops_calmly_and_goes_on_later(desk, server, plain):
    desk.ingest(plain, "AAA", **JANUARY)
    server.bad.limit(30)
    summary = desk.ingest(plain, ["AAA", "BBB"], **WINTER)
    assert summary.complaints["state"].tolist() == ["rate_limited"]
    assert summary.left > 0
    assert "run the same command again" in summary.lines()[-1]
    server.bad.limit(0)
    later = PlainProvider(server.http_url)
    assert desk.ingest(later, ["AAA", "BBB"], **WINTER).complete
    assert len(desk.bars("BBB", adjust=None)) == 39


def test_an_expired_key_is_a_state_that_names_what_to_do(desk, server):
    summary = desk.ingest(PlainProvider(server.http_url, key="old-key-000"), ["AAA", "BBB"], **JANUARY)
    (told,) = summary.complaints.to_dict("records")
    assert told["state"] == "needs_login"
    assert told["what_to_do"] == "workbench connect plain"
    assert len(server.seen) == 1
    assert "old-key-000" not in " ".join(summary.lines())


def test_a_service_that_is_gone_is_a_state_too(desk, server):
    with PlainServer() as gone:
        address = gone.http_url
    summary = desk.ingest(PlainProvider(address), "AAA", **JANUARY)
    assert summary.complaints["state"].tolist() == ["unreachable"]
    assert summary.left == 2


def test_no_key_is_a_state_too(desk, server):
    summary = desk.ingest(PlainProvider(server.http_url, key=""), "AAA", **JANUARY)
    assert summary.complaints["state"].tolist() == ["not_connected"]
    assert server.seen == []


def test_a_plan_that_lacks_a_kind_costs_only_that_kind(desk, server, plain):
    server.allowed -= {"trades"}
    summary = desk.ingest(plain, "AAA", kinds=["trades", "bars"], **JANUARY)
    assert summary.loc["AAA", "new"] == 20
    assert set(summary.complaints["kind"]) == {"trades"}
    assert set(summary.complaints["state"]) == {"refused"}
    assert len(server.calls("/trades")) == 2


def test_an_unknown_symbol_does_not_cost_the_others(desk, server, plain):
    summary = desk.ingest(plain, ["AAA", "NOPE", "BBB"], **JANUARY)
    assert summary["new"].to_dict() == {"AAA": 20, "BBB": 20}
    assert summary.complaints["state"].tolist() == ["unknown_symbol"]
    assert "NOPE" in summary.complaints["said"].iloc[0]


def test_a_symbol_that_nobody_knows_is_an_error_when_alone(desk, plain):
    with pytest.raises(UnknownSymbolError, match="NOPE"):
        desk.ingest(plain, "NOPE", **JANUARY)


def test_a_fallback_is_labelled_and_the_first_is_asked_again(desk, server):
    """The rows that another service stood in for say so; when the first is back, its gap is still a gap."""
    with PlainServer() as other:
        other.restated["AAA", "2026-01-15"] = 111.0
        backup = PlainProvider(other.http_url, name="backup")
        server.bad.failing = ALWAYS
        summary = desk.ingest(PlainProvider(server.http_url), "AAA", fallback=backup, **JANUARY)
        assert summary.loc["AAA", "new"] == 20
        assert "Backup" in summary.title
        assert summary.left == 0
        assert desk.symbols().loc["AAA", "source"] == "Backup (in place of Plain)"
        server.bad.failing = 0
        healed = desk.ingest(PlainProvider(server.http_url, name="plain2"), "AAA", fallback=backup, **JANUARY)
    assert healed.loc["AAA"].tolist() == [0, 1, 19, 0]


def test_lies_are_set_aside_with_the_reason_and_counted(desk, server, plain):
    server.bad.tell("zero_price")
    summary = desk.ingest(plain, "AAA", **JANUARY)
    assert summary.loc["AAA", ["new", "quarantined"]].tolist() == [19, 1]
    assert "close" in desk.quarantine()["reason"].iloc[0]


@pytest.fixture
def at(monkeypatch):
    """Set the wall clock of every desk."""
    return lambda text: monkeypatch.setattr(Desk, "now", staticmethod(lambda: pd.Timestamp(text, tz="UTC")))


def test_what_still_grows_is_asked_for_again_and_a_growing_bar_is_not_loaded(desk, server, plain, at):
    """At 16:00 UTC the bar of 16:00 has just begun; a minute's answer is good for a minute."""
    at("2026-01-08 16:00")
    assert desk.ingest(plain, "AAA", interval="1m", start="2026-01-08").loc["AAA", "new"] == 3
    at("2026-01-08 16:00:30")
    assert desk.ingest(plain, "AAA", interval="1m", start="2026-01-08").calls == 0
    at("2026-01-08 16:02")
    assert desk.ingest(plain, "AAA", interval="1m", start="2026-01-08").loc["AAA", "new"] == 1
    assert asked_bars(server)[-1][1] == "2026-01-08 15:39:00.000001+00:00"  # 20 minutes and a bar before
    assert len(server.calls("/bars")) == 2


def test_todays_daily_bar_is_settled_once_trading_after_hours_is_over(desk, server, plain, at):
    """The session of the 8th closes at 21:00 UTC: none before, then asked for again until one o'clock."""
    for moment, new, asked in (
        ("2026-01-08 20:59", 3, ("2026-01-05", "2026-01-07")),
        ("2026-01-08 21:30", 1, ("2026-01-08", "2026-01-08")),
        ("2026-01-08 21:40", 0, ("2026-01-08", "2026-01-08")),
        ("2026-01-09 01:01", 0, ("2026-01-08", "2026-01-08")),
    ):
        at(moment)
        summary = desk.ingest(plain, "AAA", start="2026-01-05")
        assert summary["new"].sum() == new
        assert asked_bars(server)[-1][1:] == asked
    calls = len(server.calls("/bars"))
    at("2026-01-09 12:00")
    desk.ingest(plain, "AAA", start="2026-01-05")
    assert len(server.calls("/bars")) == calls


def test_trades_news_and_chains_reach_their_tables(desk, server, plain):
    desk.ingest(plain, "AAA", kinds="trades", start="2026-01-05", end="2026-01-05")
    desk.ingest(plain, "AAA", kinds="news", start="2026-01-05", end="2026-01-09")
    desk.ingest(plain, "AAA", kinds="option_chain")
    tables = desk.status().tables["rows"]
    assert tables["trades"] == 24
    assert tables["news"] == 5
    assert tables["option_quotes"] == 2
    calls = len(server.seen)
    desk.ingest(plain, "AAA", kinds=["trades"], start="2026-01-05", end="2026-01-05")
    desk.ingest(plain, "AAA", kinds=["news"], start="2026-01-05", end="2026-01-09")
    assert len(server.seen) == calls


def test_a_live_chain_is_good_for_five_seconds(desk, server, plain):
    desk.ingest(plain, "AAA", kinds="option_chain")
    desk.ingest(plain, "AAA", kinds="option_chain")
    assert len(server.calls("/chain")) == 1
    desk._ledger.coverage.add(
        "plain", "option_chain", "AAA", "",
        first=pd.Timestamp(0, tz="UTC"), last=pd.Timestamp(0, tz="UTC"), complete=False, rows=2,
        fetched_at=desk.now() - pd.Timedelta(seconds=5.1),
    )  # fmt: skip
    desk.ingest(plain, "AAA", kinds="option_chain")
    assert len(server.calls("/chain")) == 2


def test_what_cannot_be_asked_is_said(desk, plain):
    with pytest.raises(ArgumentError, match="'bars'"):
        desk.ingest(plain, "AAA", kinds="barz")
    with pytest.raises(DateInputError, match="start"):
        desk.ingest(plain, "AAA", start="2026-02-01", end="2026-01-01")
    with pytest.raises(ArgumentError, match="symbols"):
        desk.ingest(plain)
    summary = desk.ingest(plain, "AAA", kinds="metrics")
    assert summary.complaints["state"].tolist() == ["unsupported"]


def test_the_key_is_nowhere_on_the_desk(desk, server):
    for key in (KEY, "wrong-key-9d1e"):
        desk.ingest(PlainProvider(server.http_url, key=key), "AAA", **JANUARY)
    found = b"".join(file.read_bytes() for file in desk.home.rglob("*") if file.is_file())
    assert KEY.encode() not in found
    assert b"wrong-key-9d1e" not in found


_INGEST = """
import sys, types
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = [sys.argv[3]]
from tests.servers.plain import PlainProvider
from workbench import Desk
span = {"start": "2026-01-05", "end": "2026-02-27"}
with Desk.open(sys.argv[1]) as desk:
    desk.ingest(PlainProvider(sys.argv[2]), ["AAA", "BBB"], interval="1m", **span)
"""


@pytest.mark.slow
def test_a_killed_ingest_goes_on_where_it_was_and_doubles_nothing(tmp_path, server):
    """Killed while it asks for the second of eight weeks, and once later: only those are asked for again."""
    home, span = tmp_path / "desk", {"start": "2026-01-05", "end": "2026-02-27"}
    command = [sys.executable, "-c", _INGEST, str(home), server.http_url, str(Path(__file__).parents[1])]
    server.bad.slow = 0.1
    for calls in (2, 5):
        with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as running:
            while len(server.calls("/bars")) < calls and running.poll() is None:
                time.sleep(0.01)
            os.kill(running.pid, signal.SIGKILL)
    server.bad.slow = 0
    with Desk.open(home) as desk:
        desk.ingest(PlainProvider(server.http_url), ["AAA", "BBB"], interval="1m", **span)
        held = desk.bars(["AAA", "BBB"], interval="1m", adjust=None)
    assert len(held) == 2 * 13 * len(sessions("XNYS", "2026-01-05", "2026-02-27"))
    assert not held.index.duplicated().any()
    weeks = [first for _, first, _ in asked_bars(server)]
    assert len(set(weeks)) == 8
    assert len(weeks) <= 8 + 2
