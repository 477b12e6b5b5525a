"""NewsAPI keeps the contracts of providers and of services over a network."""

import pandas as pd
import pytest

from tests.contracts.numbered_pages import NumberedPages
from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.newsapi import KEY, NewsApiServer, article
from workbench.errors import ArgumentError, IncompleteAnswerError, RateLimitedError
from workbench.providers.newsapi import NewsApiProvider
from workbench.settings import NewsApiSettings

KEYS = {"api_key": KEY}
NOON = pd.Timestamp("2026-11-20 12:00", tz="UTC")


@pytest.fixture
def server():
    with NewsApiServer() as server:
        server.articles = [
            article(n, NOON + pd.Timedelta(minutes=n), f"AAPL story {n} and others") for n in range(300)
        ]
        server.articles.append(article(900, NOON, "Apple grows (NYSE: ABC), no word of tickers"))
        yield server


def provider_of(server, keys=KEYS, transport=None, **options):
    settings = NewsApiSettings(rest_url=f"{server.http_url}/v2")
    return NewsApiProvider(settings, keys, transport or HurriedTransport(), **options)


class TestNewsApi(NumberedPages, ProviderContract, SocketContract):
    kinds = ("news",)
    # Articles name no symbols, so that none can be one that nobody asked for.
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
                        "time": "2026-11-20 12:07",
                        "headline": "AAPL story 7 and others",
                        "symbols": "AAPL",
                        "author": "Example Ledger",
                        "url": "https://www.example.com/a/7?utm_source=feed",
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
            ask=lambda provider: provider.news(["AAPL"], "2026-11-20", "2026-11-20"),
            refusal=(
                426,
                {
                    "status": "error",
                    "code": "corsNotAllowed",
                    "message": "Requests from the browser are not allowed.",
                },
                "not allowed",
            ),
            pages_path="/everything",
        )


def test_names_of_companies_find_what_tickers_do_not(server):
    provider = provider_of(server, names={"AAPL": ["Apple"]})
    found = provider.news(["AAPL"], "2026-11-20 12:00", "2026-11-20 12:00")
    assert found["symbols"].tolist() == ["AAPL", "AAPL,ABC"] or found["symbols"].tolist() == [
        "AAPL,ABC",
        "AAPL",
    ]


def test_the_end_of_a_plans_window_keeps_what_had_come(server):
    server.window = 200
    with pytest.raises(IncompleteAnswerError, match="Upgrade") as caught:
        provider_of(server).news(["AAPL"], "2026-11-20", "2026-11-20")
    assert caught.value.state == "refused"
    assert len(caught.value.rows) == 200


def test_a_spent_day_is_a_limit_and_not_a_wrong_key(server):
    server.bad.refusal = (
        429,
        {"status": "error", "code": "apiKeyExhausted", "message": "100 requests a day."},
    )
    with pytest.raises(RateLimitedError, match="100 requests"):
        provider_of(server, transport=HurriedTransport(patience=0.5)).news(
            ["AAPL"], "2026-11-20", "2026-11-20"
        )


def test_headlines_of_the_day_need_no_symbols_and_keep_the_period(server):
    found = provider_of(server).news(None, "2026-11-20 12:10", "2026-11-20 12:12")
    assert found["headline"].str.contains("story 1[012] ").all()
    assert len(found) == 3


def test_more_symbols_than_a_question_holds_are_refused(server):
    with pytest.raises(ArgumentError, match="500 characters"):
        provider_of(server).news([f"SYMBOL{n}" for n in range(60)])
