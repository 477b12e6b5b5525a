"""Alpaca keeps the contracts of providers, of services over a network, and of live feeds."""

import time

import pytest

from tests.contracts.feed_contract import FeedContract
from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.alpaca import KEYS, AlpacaServer
from tests.servers.alpaca_world import fill
from workbench.providers.alpaca import AlpacaProvider
from workbench.providers.alpaca_stream import AlpacaFeed
from workbench.settings import AlpacaSettings
from workbench.vendors.alpaca import AlpacaClient, our_symbol, their_symbol


@pytest.fixture
def server():
    with AlpacaServer() as running:
        fill(running)
        yield running


def settings(server, **more):
    return AlpacaSettings(
        data_url=server.http_url, trading_url=server.http_url, stream_url=server.ws_url, **more
    )


class TestAlpaca(ProviderContract, SocketContract):
    kinds = (
        "bars", "corporate_actions", "quotes", "trades", "latest_quotes", "option_chain", "news", "stream",
    )  # fmt: skip

    @pytest.fixture
    def promised(self, server):
        provider = AlpacaProvider(AlpacaClient(settings(server), KEYS, HurriedTransport()))
        day = {"start": "2025-12-02", "end": "2025-12-02"}
        known = {
            "corporate_actions": Known({}, "2020-01-01", "2020-12-31"),
            "quotes": Known(
                {"time": "2025-12-02T14:30:01.123456", "sequence": 789, "bid": 286.13, "ask_size": 4.0}, **day
            ),
            "trades": Known({"trade_id": "V-152", "price": 286.13, "size": 2.5, "conditions": "@,I"}, **day),
            "latest_quotes": Known({"symbol": "AAPL", "bid": 270.1, "ask": 270.2}),
            "option_chain": Known(
                {"symbol": "AAPL  300118C00200000", "underlying": "AAPL", "bid": 75.5, "ask": 76.5,
                 "volume": 77.0, "open_interest": 927.0, "vendor_delta": 0.5, "exercise": "american",
                 "multiplier": 100.0}
            ),
            "news": Known(
                {"source_id": "40432158", "headline": "Apple & Co, part 0", "summary": "A word.",
                 "symbols": "AAPL,BRK.B", "kind": "news"}, "2024-08-01", "2024-08-31",
            ),
        }  # fmt: skip
        return Promised(
            provider, "AAPL", "APPL", "2022-02-01", "2022-02-07", ("2022-02-02", 175.84), known=known
        )

    @pytest.fixture
    def connected(self, server):
        return Connected(
            server=server,
            connect=lambda keys, transport: AlpacaProvider(AlpacaClient(settings(server), keys, transport)),
            keys=KEYS,
            ask=lambda provider: provider.bars(["AAPL", "BRK.B"], "2022-02-01", "2022-02-07"),
            refusal=(
                422,
                {"code": 42210000, "message": "invalid timeframe for this plan"},
                "invalid timeframe",
            ),
            pages_path="/v2/stocks/bars",
        )


class TestAlpacaFeed(FeedContract):
    symbols = ("AAPL", "BRK.B", "AAPL1 300118C00055000", "SPXW  300118C06000000")
    kinds = ("quotes", "trades")
    lacking = {"quotes": ("sequence",), "trades": ()}  # noqa: RUF012

    @pytest.fixture
    def make_feed(self, server):
        def make():
            return AlpacaFeed(AlpacaClient(settings(server), KEYS, HurriedTransport()), self.kinds, quiet=0.5)

        return make

    def send(self, server, kind, event):
        theirs, deadline = their_symbol(event["symbol"]), time.monotonic() + 2
        while theirs not in server.asked(kind) and time.monotonic() < deadline:
            time.sleep(0.01)
        server.emit(kind, event | {"symbol": theirs})

    def send_malformed(self, server):
        server.say('[{"T":"q","S":"AAPL","t":"yesterday"}]')

    def beat(self, server):
        for socket in list(server.sockets):
            socket.ping()

    def expire(self, server):
        server.bad.expired = True

    def subscribed(self, server, kind):
        return set(map(our_symbol, server.asked(kind)))

    def refuse(self, server, symbol):
        server.refused.add(symbol)

    def chunks(self, server):
        return server.chunks


class TestAlpacaBarsFeed(TestAlpacaFeed):
    """Bars come for shares alone."""

    symbols = ("AAPL", "BRK.B")
    kinds = ("bars",)
