"""Reddit keeps the contracts of providers and of services over a network."""

import pandas as pd
import pytest

from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.reddit import CLIENT_ID, CLIENT_SECRET, RedditServer, post
from workbench.providers.reddit import RedditProvider
from workbench.settings import RedditSettings

KEYS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
NOON = pd.Timestamp("2026-11-20 12:00", tz="UTC")


def at(minutes):
    return (NOON + pd.Timedelta(minutes=minutes)).timestamp()


@pytest.fixture
def server():
    with RedditServer() as server:
        server.posts = [post(n, at(n), f"Why AAPL, part {n}", "I like $MSFT too") for n in range(250)]
        yield server


def provider_of(server, keys=KEYS, transport=None):
    settings = RedditSettings(rest_url=server.http_url, token_url=f"{server.http_url}/api/v1/access_token")
    return RedditProvider(settings, keys, transport or HurriedTransport())


class TestReddit(ProviderContract, SocketContract):
    kinds = ("news",)
    # Posts name no symbols, so that none can be one that nobody asked for.
    lies = ("wrong_type", "renamed_field", "missing_time", "time_back")

    @pytest.fixture
    def promised(self, server):
        return Promised(
            provider_of(server),
            "AAPL",
            "APPL",
            known={
                "news": Known(
                    {
                        "source_id": "t3_000007",
                        "time": "2026-11-20 12:07",
                        "headline": "Why AAPL, part 7",
                        "summary": "I like $MSFT too",
                        "symbols": "AAPL,MSFT",
                        "author": "user0",
                        "kind": "post",
                    },
                    "2026-11-20 12:00",
                    "2026-11-20 13:00",
                )
            },
        )

    @pytest.fixture
    def connected(self, server):
        return Connected(
            server=server,
            connect=lambda keys, transport: provider_of(server, keys, transport),
            keys=KEYS,
            public=("client_id",),
            ask=lambda provider: provider.news(["MSFT"], "2026-11-20", "2026-11-20"),
            refusal=(403, {"message": "Forbidden by policy", "error": 403}, "Forbidden by policy"),
            renews=True,
            pages_path="/r/",
        )


def test_the_caller_says_who_it_is(server):
    provider_of(server, KEYS | {"username": "u/somebody"}).check()
    agents = {request.headers["user-agent"] for request in server.seen}
    assert len(agents) == 1
    assert "(by /u/somebody)" in agents.pop()


def test_one_token_serves_many_calls(server):
    provider = provider_of(server)
    provider.news(["AAPL"], "2026-11-20", "2026-11-20")
    provider.news(None, "2026-11-20", "2026-11-20")
    assert len(server.tokens) == 1


def test_posts_taken_away_and_pinned_are_left_out_and_deleted_words_are_missing(server):
    server.posts = [
        post(1, at(1), "AAPL one", "[removed]", author="[deleted]"),
        post(2, at(2), "AAPL two", removed_by_category="moderator"),
        post(3, at(3), "AAPL rules of the house", stickied=True),
        post(4, at(4), "Apple, without its letters"),
    ]
    found = provider_of(server).news(["AAPL"], "2026-11-20", "2026-11-20")
    assert found["headline"].tolist() == ["AAPL one"]
    assert found[["summary", "author"]].isna().all(axis=None)


def test_an_edited_post_has_the_time_of_its_change(server):
    server.posts = [post(1, at(1), "AAPL one", edited=at(61))]
    row = provider_of(server).news(None, "2026-11-20", "2026-11-20").iloc[0]
    assert row["updated_at"] - row["time"] == pd.Timedelta(hours=1)


def test_a_listing_is_left_where_the_period_begins(server):
    found = provider_of(server).news(None, "2026-11-20 16:00", "2026-11-20 16:09")
    assert len(found) == 10
    assert len(server.calls("/r/")) == 1
