"""Benzinga keeps the contracts of providers and of services over a network."""

import pandas as pd
import pytest

from tests.contracts.numbered_pages import NumberedPages
from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.benzinga import TOKEN, BenzingaServer, stamp, story
from workbench.providers.benzinga import BenzingaProvider
from workbench.settings import BenzingaSettings

KEYS = {"api_key": TOKEN}
NOON = pd.Timestamp("2026-11-20 12:00", tz="UTC")


def at(minutes):
    return NOON + pd.Timedelta(minutes=minutes)


@pytest.fixture
def server():
    with BenzingaServer() as server:
        for n in range(300):
            named = ["AAPL", "MSFT"][: 1 + n % 2]
            server.stories.append(story(4_100_000 + n, at(n), f"Story {n} of the day", named))
        server.reports = [
            {
                "ticker": ticker, "date": date, "date_confirmed": confirmed, "time": clock,
                "period": "Q4", "period_year": 2026, "eps": "", "eps_est": "1.770",
                "revenue": "", "revenue_est": "102000000000", "importance": 5, "updated": 1_790_000_000,
            }
            for ticker, date, confirmed, clock in (
                ("AAPL", "2026-10-29", 1, "16:30:00"), ("AAPL", "2027-01-28", 0, "00:00:00"),
                ("JPM", "2026-10-13", 1, "06:45:00"),
            )
        ]  # fmt: skip
        yield server


def provider_of(server, keys=KEYS, transport=None):
    return BenzingaProvider(BenzingaSettings(rest_url=server.http_url), keys, transport or HurriedTransport())


class TestBenzinga(NumberedPages, ProviderContract, SocketContract):
    kinds = ("news", "earnings")
    lies = ("wrong_type", "renamed_field", "missing_time", "time_back", "unasked_symbol")

    @pytest.fixture
    def promised(self, server):
        return Promised(
            provider_of(server),
            "AAPL",
            "APPL",
            known={
                "news": Known(
                    {
                        "source_id": "4100007",
                        "time": "2026-11-20 12:07",
                        "headline": "Story 7 of the day",
                        "summary": "Story 7 of the day & more",
                        "symbols": "AAPL,MSFT",
                        "author": "Newsdesk",
                        "sentiment": None,
                    },
                    "2026-11-20 12:00",
                    "2026-11-20 13:00",
                ),
                "earnings": Known(
                    {
                        "symbol": "AAPL",
                        "date": "2026-10-29",
                        "session": "after_close",
                        "confirmed": True,
                        "fiscal_period": "2026Q4",
                        "eps_estimate": 1.77,
                        "eps_actual": None,
                        "revenue_estimate": 102e9,
                    },
                    "2026-10-01",
                    "2026-12-31",
                ),
            },
        )

    @pytest.fixture
    def connected(self, server):
        return Connected(
            server=server,
            connect=lambda keys, transport: provider_of(server, keys, transport),
            keys=KEYS,
            ask=lambda provider: provider.news(["AAPL"], "2026-11-20", "2026-11-20"),
            refusal=(400, "Invalid or Missing Query Parameters", "Missing Query"),
            pages_path="/api/v2/news",
        )


def test_check_says_what_the_key_may_read(server):
    assert "news" in provider_of(server).check()


def test_a_period_is_exact_although_the_service_asks_for_dates_of_new_york(server):
    found = provider_of(server).news(None, "2026-11-20 12:10", "2026-11-20 12:12")
    assert found["source_id"].tolist() == ["4100010", "4100011", "4100012"]


def test_sixty_tickers_are_asked_for_in_two_groups(server):
    symbols = [f"T{n}" for n in range(59)] + ["MSFT"]
    found = provider_of(server).news(symbols, "2026-11-20", "2026-11-20")
    assert len(found) == 150
    asked = {len(request.query["tickers"].split(",")) for request in server.calls("/api/v2/news")}
    assert asked == {50, 10}


def test_an_edited_story_comes_with_what_changed_since(server):
    """The overlap of five seconds may bring a story twice; its identity makes it one."""
    provider = provider_of(server)
    newest = provider.news(["AAPL"], "2026-11-20", "2026-11-20")["updated_at"].max()
    server.stories[3] |= {"title": "Story 3, corrected", "updated": stamp(newest + pd.Timedelta(hours=1))}
    changed = provider.changed_news(newest, ["AAPL"])
    assert changed["source_id"].tolist() == ["4100003", "4100299"]
    assert changed["headline"].iloc[0] == "Story 3, corrected"
    assert changed["time"].iloc[0] == NOON + pd.Timedelta(minutes=3)


def test_stories_that_were_taken_back_are_told(server):
    server.removed = [{"id": 4_100_005, "updated": stamp(NOON + pd.Timedelta(hours=8))}]
    removed = provider_of(server).removed_news(NOON)
    assert removed["source_id"].tolist() == ["4100005"]
    assert removed["updated_at"].iloc[0] == NOON + pd.Timedelta(hours=8)
    assert provider_of(server).removed_news(NOON + pd.Timedelta(days=1)).empty


def test_an_unconfirmed_date_without_a_clock_is_of_an_unknown_session(server):
    row = provider_of(server).earnings(["AAPL"], "2027-01-01", "2027-02-01").iloc[0]
    assert row["session"] == "unknown"
    assert not row["confirmed"]
