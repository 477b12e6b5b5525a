"""What every live feed keeps to; a test class inherits it and says how its service's server is driven.

A class gives two fixtures and a few methods::

    class TestAlpacaFeed(FeedContract):
        symbols = ("AAPL", "BRK.B")              # as the desk writes them; those whose translation is odd too
        kinds = ("quotes", "trades")             # what the feed can stream

        @pytest.fixture
        def server(self): ...                    # a running LocalServer of the service

        @pytest.fixture
        def make_feed(self, server): ...         # a function that returns a new feed, not yet open

        def send(self, server, kind, event): ... # let the service send one event; a dict by feeds.FIELDS
        def send_malformed(self, server): ...    # let it send one message that its protocol does not know
        def beat(self, server): ...              # let it send a heartbeat
        def expire(self, server): ...            # from now on the token is refused
        def subscribed(self, server, kind): ...  # the desk's symbols that the server has been asked for
        def refuse(self, server, symbol): ...    # from now on the service does not give this symbol
        def chunks(self, server): ...            # how many symbols each subscribe message held

Times of events are whole milliseconds, the coarsest that services stamp. Fields that a service does not have
are named in `lacking`, as ``{"quotes": ("sequence",)}``.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.servers.feed import run
from workbench.errors import NeedsLoginError, ServiceError, ServiceRefusedError, SocketClosedError
from workbench.providers.feeds import FIELDS, Batch, Feed

T = 1_764_685_800_123  # 2025-12-02 14:30:00.123 UTC, in session
EVENTS: Mapping[str, dict[str, Any]] = {
    "quotes": {
        "time_ns": T * 10**6, "sequence": 7, "bid": 210.11, "ask": 210.14, "bid_size": 3.0, "ask_size": 12.0,
    },
    "trades": {
        "time_ns": T * 10**6, "trade_id": "52983525029461", "price": 210.12, "size": 40.0, "conditions": "",
    },
    "bars": {
        "time_ns": 1_764_685_800 * 10**9, "open": 210.0, "high": 210.5, "low": 209.75, "close": 210.25,
        "volume": 12_345.0, "vwap": 210.2,
    },
}  # fmt: skip


class FeedContract:
    """Inherit, and define what the module's docstring names."""

    symbols: tuple[str, ...] = ("AAPL",)
    kinds: tuple[str, ...] = ("quotes", "trades")
    lacking: Mapping[str, tuple[str, ...]] = {}
    many: tuple[str, ...] = tuple(f"S{number:04d}" for number in range(450))
    largest_chunk = 1_000
    refuses_unknown_symbols = True
    has_heartbeats = True

    # -- what it is ----------------------------------------------------------------------------------------

    def test_it_is_a_feed_that_says_what_it_is(self, make_feed):
        feed = make_feed()
        assert isinstance(feed, Feed)
        assert feed.service
        assert feed.label
        assert 0 < feed.heartbeat_timeout <= 120

    # -- events --------------------------------------------------------------------------------------------

    def test_every_kind_arrives_with_every_field_under_the_desks_symbol(self, server, make_feed):
        async def work():
            feed = await self.opened(make_feed)
            for kind in self.kinds:
                for symbol in self.symbols:
                    event = {"symbol": symbol, **EVENTS[kind]}
                    self.send(server, kind, event)
                    rows = (await events(feed, kind, 1))[kind]
                    found = dict(zip(FIELDS[kind], rows[0], strict=True))
                    for name, value in event.items():
                        if name not in self.lacking.get(kind, ()):
                            assert found[name] == pytest.approx(value), (kind, symbol, name)
                    assert isinstance(found["time_ns"], int)
            await feed.close()

        run(work())

    def test_an_empty_side_of_a_quote_is_missing_and_not_zero(self, server, make_feed):
        async def work():
            feed = await self.opened(make_feed)
            event = {"symbol": self.symbols[0], **EVENTS["quotes"], "bid": None, "bid_size": None}
            self.send(server, "quotes", event)
            row = dict(zip(FIELDS["quotes"], (await events(feed, "quotes", 1))["quotes"][0], strict=True))
            assert row["bid"] is None
            assert row["bid_size"] is None
            assert row["ask"] == pytest.approx(210.14)
            await feed.close()

        if "quotes" in self.kinds:
            run(work())

    def test_events_in_a_row_all_arrive_in_order_and_know_when_they_were_read(self, server, make_feed):
        kind = self.kinds[0]

        async def work():
            feed = await self.opened(make_feed)
            before = time.time()
            for number in range(50):
                moved = {
                    "time_ns": EVENTS[kind]["time_ns"] + number * (60 * 10**9 if kind == "bars" else 10**6)
                }
                self.send(server, kind, {"symbol": self.symbols[0], **EVENTS[kind], **moved})
            batches: list[Batch] = []
            found = await events(feed, kind, 50, batches)
            times = [row[1] for row in found[kind]]
            assert times == sorted(times)
            assert len(set(times)) == 50
            assert all(before - 1 <= batch.received_at <= time.time() + 1 for batch in batches)
            await feed.close()

        run(work())

    def test_a_malformed_message_is_told_with_its_reason_and_the_next_event_arrives(self, server, make_feed):
        kind = self.kinds[0]

        async def work():
            feed = await self.opened(make_feed)
            self.send_malformed(server)
            self.send(server, kind, {"symbol": self.symbols[0], **EVENTS[kind]})
            batches: list[Batch] = []
            assert len((await events(feed, kind, 1, batches))[kind]) == 1
            bad = [each for batch in batches for each in batch.bad]
            assert bad
            assert all(len(each) == 3 and each[1] for each in bad)
            await feed.close()

        run(work())

    def test_a_heartbeat_is_no_event(self, server, make_feed):
        async def work():
            feed = await self.opened(make_feed)
            self.beat(server)
            async with asyncio.timeout(10):
                found = await feed.receive()
            assert [row for batch in found for row in batch.rows] == []
            assert [bad for batch in found for bad in batch.bad] == []
            await feed.close()

        if self.has_heartbeats:
            run(work())

    # -- subscriptions -------------------------------------------------------------------------------------

    def test_many_symbols_are_asked_for_in_pieces_that_the_service_takes(self, server, make_feed):
        kind = self.kinds[0]

        async def work():
            feed = make_feed()
            await feed.open()
            await feed.subscribe({kind: self.many})
            await until(lambda: self.subscribed(server, kind) == set(self.many))
            assert max(self.chunks(server)) <= self.largest_chunk
            await feed.close()

        run(work())

    def test_a_later_subscription_adds_to_the_earlier_one(self, server, make_feed):
        kind = self.kinds[0]

        async def work():
            feed = await self.opened(make_feed)
            await feed.subscribe({kind: self.many[:3]})
            await until(lambda: self.subscribed(server, kind) == {*self.symbols, *self.many[:3]})
            await feed.close()

        run(work())

    def test_what_is_unsubscribed_is_asked_for_no_more(self, server, make_feed):
        kind = self.kinds[0]

        async def work():
            feed = await self.opened(make_feed)
            await feed.subscribe({kind: self.many[:3]})
            await feed.unsubscribe({kind: self.many[:2]})
            await until(lambda: self.subscribed(server, kind) == {*self.symbols, self.many[2]})
            await feed.close()

        run(work())

    def test_a_symbol_that_the_service_does_not_give_is_refused_by_name(self, server, make_feed):
        kind = self.kinds[0]

        async def work():
            self.refuse(server, self.many[1])
            feed = await self.opened(make_feed)
            with pytest.raises(ServiceRefusedError, match=self.many[1]):
                # Services differ in when they tell: with the answer, or as the next message.
                await feed.subscribe({kind: self.many[:3]})
                async with asyncio.timeout(10):
                    while True:
                        await feed.receive()
            self.send(server, kind, {"symbol": self.symbols[0], **EVENTS[kind]})
            assert len((await events(feed, kind, 1))[kind]) == 1
            await feed.close()

        if self.refuses_unknown_symbols:
            run(work())

    # -- bad days ------------------------------------------------------------------------------------------

    def test_a_cut_socket_is_told_as_closed(self, server, make_feed):
        async def work():
            feed = await self.opened(make_feed)
            server.cut_sockets()
            with pytest.raises(SocketClosedError):
                async with asyncio.timeout(10):
                    while True:
                        await feed.receive()
            await feed.close()

        run(work())

    def test_a_socket_that_the_service_closes_is_told_as_closed(self, server, make_feed):
        async def work():
            feed = await self.opened(make_feed)
            await asyncio.to_thread(server.close_sockets, 1001, "going away")
            with pytest.raises(SocketClosedError):
                async with asyncio.timeout(10):
                    while True:
                        await feed.receive()
            await feed.close()

        run(work())

    def test_after_a_cut_a_new_feed_opens_and_receives(self, server, make_feed):
        kind = self.kinds[0]

        async def work():
            feed = await self.opened(make_feed)
            server.cut_sockets()
            with pytest.raises(SocketClosedError):
                async with asyncio.timeout(10):
                    while True:
                        await feed.receive()
            await feed.close()
            again = await self.opened(make_feed)
            self.send(server, kind, {"symbol": self.symbols[0], **EVENTS[kind]})
            assert len((await events(again, kind, 1))[kind]) == 1
            await again.close()

        run(work())

    def test_a_token_that_is_refused_needs_a_login(self, server, make_feed):
        async def work():
            self.expire(server)
            feed = make_feed()
            with pytest.raises(NeedsLoginError) as told:
                await feed.open()
            assert told.value.state == "needs_login"
            assert told.value.service
            await feed.close()

        run(work())

    def test_a_service_that_is_not_there_is_unreachable(self, server, make_feed):
        feed = make_feed()
        server.__exit__(None, None, None)
        with pytest.raises(ServiceError) as told:
            run(feed.open())
        assert told.value.state == "unreachable"
        run(feed.close())

    def test_closing_twice_does_nothing_and_a_closed_feed_gives_nothing(self, server, make_feed):
        async def work():
            feed = await self.opened(make_feed)
            await feed.close()
            await feed.close()
            with pytest.raises(SocketClosedError):
                async with asyncio.timeout(5):
                    await feed.receive()

        run(work())

    # -- what the tests share ------------------------------------------------------------------------------

    async def opened(self, make_feed):
        """Return a feed that is open and has subscribed to `symbols` in every kind."""
        feed = make_feed()
        await feed.open()
        await feed.subscribe(dict.fromkeys(self.kinds, self.symbols))
        return feed


async def events(
    feed: Feed, kind: str, count: int, batches: list[Batch] | None = None
) -> dict[str, list[tuple[Any, ...]]]:
    """Receive until so many events of a kind are there; return them by kind."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    async with asyncio.timeout(10):
        while len(found.get(kind, [])) < count:
            for batch in await feed.receive():
                found.setdefault(batch.kind, []).extend(batch.rows)
                if batches is not None:
                    batches.append(batch)
    return found


async def until(true: Any, seconds: float = 10.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)
