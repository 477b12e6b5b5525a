"""The contract of feeds, kept by the plain feed that the stream's own tests use."""

import pytest

from tests.contracts.feed_contract import FeedContract
from tests.servers.feed import LARGEST_CHUNK, PlainFeed, PlainServer
from workbench.providers.feeds import FIELDS


class TestPlainFeed(FeedContract):
    symbols = ("AAPL", "BRK.B", "SPY   260116C00500000")
    kinds = ("quotes", "trades", "bars")
    largest_chunk = LARGEST_CHUNK

    @pytest.fixture
    def server(self):
        with PlainServer() as server:
            yield server

    @pytest.fixture
    def make_feed(self, server):
        return lambda: PlainFeed(server.ws_url)

    def send(self, server, kind, event):
        server.emit(kind, tuple(event[name] for name in FIELDS[kind]))

    def send_malformed(self, server):
        server.say('{"quotes": [["AAPL", 1]], "what": ')

    def beat(self, server):
        server.say('{"beat": 1}')

    def expire(self, server):
        server.bad.expired = True

    def subscribed(self, server, kind):
        return server.subscribed().get(kind, set())

    def refuse(self, server, symbol):
        server.unknown.add(symbol)

    def chunks(self, server):
        return server.chunks
