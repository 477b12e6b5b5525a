"""StockTwits keeps the contracts of providers and of services over a network."""

import pandas as pd
import pytest

from tests.contracts.numbered_pages import Keyless
from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.stocktwits import StocktwitsServer, message
from workbench.errors import ArgumentError, ServiceUnavailableError, UnknownSymbolError
from workbench.providers.stocktwits import StocktwitsProvider
from workbench.settings import StocktwitsSettings

NOON = pd.Timestamp("2026-11-20 12:00", tz="UTC")
TAGS = ("Bullish", "Bearish", None)


@pytest.fixture
def server():
    with StocktwitsServer() as server:
        server.messages["AAPL"] = [
            message(1000 + n, NOON + pd.Timedelta(minutes=n), f"$AAPL thought {n}", TAGS[n % 3])
            for n in range(70)
        ]
        server.messages["EMPTY"] = []
        yield server


def provider_of(server, keys=None, transport=None):
    settings = StocktwitsSettings(rest_url=f"{server.http_url}/api/2")
    return StocktwitsProvider(settings, keys, transport or HurriedTransport())


class TestStocktwits(Keyless, ProviderContract, SocketContract):
    kinds = ("news",)
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
                        "source_id": "1007",
                        "time": "2026-11-20 12:07",
                        "headline": "$AAPL thought 7",
                        "symbols": "AAPL",
                        "author": "trader2",
                        "sentiment": -1.0,
                        "scorer": "stocktwits-tag/1",
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
            keys={},
            ask=lambda provider: provider.news(["AAPL"], "2026-11-20", "2026-11-20"),
            refusal=(403, {"errors": [{"message": "Your client is not allowed"}]}, "not allowed"),
            pages_path="/streams/symbol/",
        )


def test_a_tag_is_a_sentiment_and_no_tag_is_none(server):
    found = provider_of(server).news(["AAPL"], "2026-11-20", "2026-11-20")
    assert found["sentiment"].value_counts(dropna=False).to_dict() == {1.0: 24, -1.0: 23, pd.NA: 23} or (
        found["sentiment"].eq(1).sum(),
        found["sentiment"].eq(-1).sum(),
        found["sentiment"].isna().sum(),
    ) == (24, 23, 23)
    assert found["scorer"].isna().equals(found["sentiment"].isna())


def test_a_bot_challenge_is_no_empty_answer_and_no_wrong_key(server):
    server.challenges = 10**6
    with pytest.raises(ServiceUnavailableError, match="proof that a person calls") as caught:
        provider_of(server).news(["AAPL"])
    assert caught.value.state == "unreachable"


def test_a_challenge_that_passes_is_ridden_out(server):
    server.challenges = 1
    assert len(provider_of(server).news(["AAPL"])) == 70


def test_pages_end_where_the_period_begins(server):
    found = provider_of(server).news(["AAPL"], "2026-11-20 13:00", "2026-11-20 13:05")
    assert found["source_id"].tolist() == ["1060", "1061", "1062", "1063", "1064", "1065"]
    assert len(server.calls("/streams/")) == 1


def test_a_symbol_that_is_not_there_and_no_symbol_are_told_apart(server):
    with pytest.raises(UnknownSymbolError, match="'NOPE'"):
        provider_of(server).news(["NOPE"])
    with pytest.raises(ArgumentError, match="`symbols`"):
        provider_of(server).news()
    assert provider_of(server).news(["EMPTY"]).empty
