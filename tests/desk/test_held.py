"""What is held and what is missing, against the calendar of the exchange and what the service was asked."""

import pandas as pd
import pytest

from tests.servers.plain import PlainProvider, PlainServer
from workbench.market.calendars import sessions


@pytest.fixture
def server():
    with PlainServer() as running:
        yield running


def test_held_missing_and_answered_empty_add_up(desk, server):
    """January has 20 sessions: ten are asked for, of which the service has none for two."""
    server.absent = {"2026-01-06", "2026-01-07"}
    desk.ingest(PlainProvider(server.http_url), "AAA", start="2026-01-02", end="2026-01-15")
    found = desk.coverage("AAA", start="2026-01-01", end="2026-01-31").loc["AAA"]
    assert found["held"] == 8
    assert found["missing"] == 12
    assert found["answered_empty"] == 2
    assert (str(found["first"].date()), str(found["last"].date())) == ("2026-01-02", "2026-01-15")
    assert found["source"] == "Plain"
    gaps = desk.gaps("AAA", start="2026-01-01", end="2026-01-31")
    assert [
        (str(row.first.date()), str(row.last.date()), row.sessions, row.reason) for row in gaps.itertuples()
    ] == [
        ("2026-01-06", "2026-01-07", 2, "the service was asked and had none"),
        ("2026-01-16", "2026-01-30", 10, "not asked for yet"),
    ]
    fetched = desk.fetched()
    assert set(fetched["kind"]) == {"bars", "corporate_actions"}


def test_a_symbol_without_a_bar_misses_every_session(desk):
    found = desk.coverage(["ZZZ"], start="2026-01-01", end="2026-01-31").loc["ZZZ"]
    assert (found["held"], found["missing"]) == (0, len(sessions("XNYS", "2026-01-01", "2026-01-31")))
    assert desk.coverage().empty
    assert desk.gaps().empty


def test_sessions_within_the_day_are_the_exchanges(desk, server):
    desk.ingest(PlainProvider(server.http_url), "AAA", interval="1m", start="2026-01-05", end="2026-01-06")
    found = desk.coverage("AAA", start="2026-01-05", end="2026-01-09", interval="1m").loc["AAA"]
    assert (found["held"], found["missing"], found["answered_empty"]) == (2, 3, 0)


def test_gaps_are_filled_by_asking_for_what_was_never_answered(desk, server, monkeypatch):
    desk.ingest(PlainProvider(server.http_url), "AAA", start="2026-01-02", end="2026-01-15")
    desk.ingest(PlainProvider(server.http_url), "AAA", start="2026-02-02", end="2026-02-13")
    monkeypatch.setattr(desk, "provider", lambda name: PlainProvider(server.http_url, name=name))
    server.seen.clear()
    (summary,) = desk.fill_gaps("AAA")
    assert summary.complete
    asked = [(call.query["start"], call.query["end"]) for call in server.calls("/bars")]
    assert asked[0] == ("2026-01-16", "2026-01-30")
    assert desk.gaps("AAA").empty


def test_a_feeds_gap_shows_until_it_is_filled(desk):
    start, end = pd.Timestamp("2026-01-05 15:00", tz="UTC"), pd.Timestamp("2026-01-05 15:02", tz="UTC")
    rows = pd.DataFrame(
        {
            "service": "plain", "feed": "stocks", "symbol": ["AAA", "BBB"],
            "start": start, "end": end, "reason": "the socket was closed",
            "backfilled_at": pd.to_datetime([None, "2026-01-05 15:10"], utc=True), "rows": [0, 7],
        }
    )  # fmt: skip
    desk._lake.write("feed_gaps", rows, source="stream")
    (gap,) = desk.gaps().to_dict("records")
    assert (gap["symbol"], gap["interval"], gap["reason"]) == ("AAA", "live", "the socket was closed")


def test_calls_made_and_saved_are_counted_across_processes(desk, server):
    plain = PlainProvider(server.http_url)
    for _ in range(2):
        desk.ingest(plain, "AAA", start="2026-01-02", end="2026-01-15")
    asked = desk.asked().loc["plain"]
    assert (asked["calls"], asked["held"], asked["rate"]) == (2, 2, 0.5)
    assert "option_chain 5 s" in desk.asked().note
    stats = desk.cache_stats()
    assert stats.loc["answers of services", ["hits", "misses", "rate"]].tolist() == [2, 2, 0.5]
    assert stats.loc["option chain that may change", "ttl_seconds"] == 5
    assert stats.loc["latest quotes that may change", "ttl_seconds"] == 1
    assert "bars" in stats.index


def test_retention_forgets_what_is_older_and_nothing_else(desk, server, monkeypatch):
    """Trades of a session long ago and of a recent one; thirty days are kept."""
    today = desk.now()
    recent = sessions("XNYS", *((today - pd.Timedelta(days=days)).date() for days in (12, 3)))
    plain = PlainProvider(server.http_url)
    for day in ("2026-01-05", str(recent[0].date())):
        desk.ingest(plain, "AAA", kinds="trades", start=day, end=day)
    desk.ingest(plain, "AAA", start="2026-01-02", end="2026-01-15")
    assert desk.forget_old() == {}
    settings = desk.settings.model_copy(
        update={"retention": desk.settings.retention.model_copy(update={"trades": 30})}
    )
    monkeypatch.setattr(desk, "settings", settings)
    assert desk.forget_old() == {"trades": 24}
    assert desk.status().tables.loc["trades", "rows"] == 24
    assert len(desk.bars("AAA", adjust=None)) == 10
