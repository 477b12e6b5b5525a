"""Zerodha keeps the contracts of providers, of services over a network, and of live feeds."""

import base64
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pandas as pd
import pytest

from tests.contracts.feed_contract import EVENTS, FeedContract, events, until
from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.base import LIES
from tests.servers.feed import run
from tests.servers.zerodha import ACCESS_TOKEN, API_KEY, API_SECRET, ZerodhaServer, full_packet
from workbench.errors import IncompleteAnswerError, NeedsLoginError, UnknownSymbolError
from workbench.providers.zerodha import ZerodhaProvider
from workbench.settings import ZerodhaSettings
from workbench.transport import Transport
from workbench.vendors.zerodha import ZerodhaClient

KEYS = {"api_key": API_KEY, "api_secret": API_SECRET, "access_token": ACCESS_TOKEN}
LOGIN = "https://kite.zerodha.com/connect/login"
FIRST, LAST = "2026-11-02", "2026-11-13"
SESSIONS = pd.bdate_range(FIRST, LAST)
EXPIRY = "2026-11-24"
CALL, PUT = "NFO:NIFTY26NOV24000CE", "NFO:NIFTY26NOV24000PE"
MORNING = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)  # 10:00 in India


def candle(stamp: str, price: float) -> dict[str, Any]:
    """Return a candle whose close is a quarter above `price`."""
    return {
        "time": stamp, "open": price, "high": price + 0.5, "low": price - 0.5, "close": price + 0.25,
        "volume": 1000,
    }  # fmt: skip


def level(price: float, quantity: int) -> dict[str, Any]:
    """Return a level of the book; an empty one is zeros."""
    return {"price": price, "quantity": quantity, "orders": 1}


def quote(bid: float, ask: float, **more: Any) -> dict[str, Any]:
    """Return a quote as the documentation shows it."""
    return {
        "instrument_token": 408065, "timestamp": "2026-11-20 15:29:59",
        "last_trade_time": "2026-11-20 15:29:58", "last_price": bid, "last_quantity": 5, "buy_quantity": 9,
        "sell_quantity": 0, "volume": 7360198, "average_price": bid, "oi": 0, "oi_day_high": 0,
        "oi_day_low": 0, "net_change": 0, "lower_circuit_limit": 1, "upper_circuit_limit": 99999,
        "ohlc": {"open": bid, "high": bid, "low": bid, "close": bid},
        "depth": {
            "buy": [level(bid, 100), level(0, 0), level(0, 0), level(0, 0), level(0, 0)],
            "sell": [level(ask, 300), level(ask + 1, 30), level(0, 0), level(0, 0), level(0, 0)],
        },
        **more,
    }  # fmt: skip


def world(server: ZerodhaServer) -> ZerodhaServer:
    """Fill a server with what the tests ask for."""
    for symbol in ("NSE:INFY", "NSE:INFIBEAM", "NSE:SBIN", "BSE:INFY"):
        server.add(symbol)
    server.add("NSE:NIFTY 50", segment="INDICES")
    for strike in (24000, 24100):
        for kind in ("CE", "PE"):
            server.add(
                f"NFO:NIFTY26NOV{strike}{kind}", segment="NFO-OPT", kind=kind, name="NIFTY", expiry=EXPIRY,
                strike=strike, lot_size=75,
            )  # fmt: skip
    server.add(
        "NFO:NIFTYNXT5026NOV70000CE", segment="NFO-OPT", kind="CE", name="NIFTYNXT50", expiry=EXPIRY,
        strike=70000, lot_size=25,
    )  # fmt: skip
    server.add(
        "CDS:USDINR26NOVFUT", segment="CDS-FUT", kind="FUT", name="USDINR", expiry="2026-11-26", lot_size=1000
    )
    server.candles["NSE:INFY", "day"] = [
        candle(f"{day:%Y-%m-%d}T00:00:00+0530", 1500 + place / 8) for place, day in enumerate(SESSIONS)
    ]
    server.candles["NSE:INFY", "minute"] = [
        candle(f"2026-11-13T09:{minute}:00+0530", 1500 + minute) for minute in range(15, 20)
    ]
    server.quotes["NSE:INFY"] = quote(1573.1, 1573.2)
    server.quotes["NSE:NIFTY 50"] = {
        "instrument_token": 256265, "timestamp": "2026-11-20 15:30:00", "last_price": 24012.35,
        "ohlc": {"open": 1, "high": 1, "low": 1, "close": 1}, "net_change": 0,
    }  # fmt: skip
    server.quotes[CALL] = quote(210.4, 210.95, oi=1234.0)
    server.quotes[PUT] = quote(190.0, 190.5, timestamp=None, last_trade_time=None)
    server.quotes["NFO:NIFTY26NOV24100CE"] = quote(150.0, 150.5)
    server.quotes["NFO:NIFTY26NOV24100PE"] = quote(150.0, 150.5)
    return server


def client_of(
    server: ZerodhaServer,
    keys: Mapping[str, str] | None = KEYS,
    transport: Transport | None = None,
    **more: Any,
) -> ZerodhaClient:
    settings = ZerodhaSettings(rest_url=server.http_url, stream_url=server.ws_url, login_url=LOGIN)
    return ZerodhaClient(settings, keys, transport or HurriedTransport(), **more)


def connect(server: ZerodhaServer, *args: Any, **more: Any) -> ZerodhaProvider:
    return ZerodhaProvider(client_of(server, *args, **more))


@pytest.fixture
def server():
    with ZerodhaServer() as server:
        yield world(server)


class TestZerodha(SocketContract, ProviderContract):
    kinds = ("bars", "latest_quotes", "option_chain", "stream")
    paged = False  # an answer is whole
    # Candles are lists without names, of the instrument that the address names.
    lies = tuple(lie for lie in LIES if lie != "unasked_symbol")

    @pytest.fixture
    def promised(self, server):
        return Promised(
            connect(server),
            "NSE:INFY",
            "NSE:INFYY",
            FIRST,
            LAST,
            ("2026-11-03", 1500.375),
            known={
                "latest_quotes": Known(
                    {"symbol": "NSE:INFY", "time": "2026-11-20 09:59:59", "bid": 1573.1, "ask": 1573.2,
                     "bid_size": 100.0, "ask_size": 300.0}
                ),
                "option_chain": Known(
                    {"symbol": CALL, "underlying": "NSE:NIFTY 50", "time": "2026-11-20 09:59:59",
                     "bid": 210.4, "strike": 24000.0, "right": "C", "expiry": EXPIRY, "open_interest": 1234.0,
                     "underlying_price": 24012.35, "exercise": "european", "multiplier": 75.0},
                    ask=lambda: connect(server).option_chain("NSE:NIFTY 50"),
                ),
            },
        )  # fmt: skip

    @pytest.fixture
    def connected(self, server):
        words = "Insufficient permission for that call."
        return Connected(
            server=server,
            connect=lambda keys, transport: connect(server, keys, transport),
            keys=KEYS,
            ask=lambda provider: provider.bars(["NSE:INFY"], FIRST, LAST),
            refusal=(
                403,
                {"status": "error", "message": words, "data": None, "error_type": "PermissionException"},
                "Insufficient permission",
            ),
            public=("api_key",),
            pages_path="/instruments/historical",
        )

    def test_the_secret_is_sent_to_its_own_service(self, connected, good):
        """The token travels; of the API's secret no more than a checksum ever does."""
        connected.ask(connected.provider())
        assert connected.server.was_told(ACCESS_TOKEN)
        assert not connected.server.was_told(API_SECRET)


class TestZerodhaFeed(FeedContract):
    symbols = ("NSE:INFY", CALL, "CDS:USDINR26NOVFUT")
    kinds = ("quotes", "trades")
    many = tuple(f"BSE:S{number:04d}" for number in range(450))
    # Stamps are of whole seconds, and a trade has no number.
    lacking = {"quotes": ("time_ns", "sequence"), "trades": ("time_ns", "trade_id")}  # noqa: RUF012 - read alone

    @pytest.fixture
    def server(self, server):
        for symbol in self.many:
            server.add(symbol)
        self.running = server
        return server

    async def opened(self, make_feed):
        feed = await super().opened(make_feed)
        # The ticker does not confirm what it has heard.
        await until(lambda: self.running.subscribed() >= set(self.symbols))
        return feed

    @pytest.fixture
    def make_feed(self, server):
        return lambda: connect(server).stream(self.kinds)

    def send(self, server, kind, event):
        token = server.token_of(event["symbol"])
        divisor = 10_000_000 if event["symbol"].startswith("CDS") else 100
        at = event["time_ns"] // 10**9
        if kind == "trades":
            packet = full_packet(
                token,
                last=event["price"],
                quantity=int(event["size"]),
                volume=at % 10**6,
                at=at,
                divisor=divisor,
            )
        else:
            packet = full_packet(
                token, last=1.0, at=at, bid=event["bid"], ask=event["ask"], bid_size=event["bid_size"] or 0,
                ask_size=event["ask_size"], divisor=divisor,
            )  # fmt: skip
        server.push(packet)

    def send_malformed(self, server):
        server.push(b"\x00\x06\x3a\x01" + b"\x00" * 7)

    def beat(self, server):
        for socket in list(server.modes):
            socket.send(b"\x00")

    def expire(self, server):
        server.bad.expired = True

    def subscribed(self, server, kind):
        return server.subscribed()

    def refuse(self, server, symbol):
        server.instruments = [row for row in server.instruments if f"BSE:{row['tradingsymbol']}" != symbol]

    def chunks(self, server):
        return server.asked

    def test_events_in_a_row_all_arrive_in_order_and_know_when_they_were_read(self, server, make_feed):
        async def work():
            feed = await self.opened(make_feed)
            start = EVENTS["quotes"]["time_ns"] // 10**9 * 10**9
            for number in range(50):
                moved = {"time_ns": start + number * 10**9}
                self.send(server, "quotes", {"symbol": self.symbols[0], **EVENTS["quotes"], **moved})
            found = await events(feed, "quotes", 50)
            assert [row[1] for row in found["quotes"]] == [start + number * 10**9 for number in range(50)]
            await feed.close()

        run(work())


# -- the daily login ----------------------------------------------------------------------------------------


def test_without_todays_token_the_link_is_told_and_nothing_is_asked(server):
    keys = {"api_key": API_KEY, "api_secret": API_SECRET}
    for _ in range(3):
        with pytest.raises(NeedsLoginError) as caught:
            connect(server, keys).bars(["NSE:INFY"], FIRST, LAST)
        assert f"{LOGIN}?v=3&api_key={API_KEY}" in str(caught.value)
    assert server.seen == []


def test_a_request_token_becomes_the_token_of_the_day_and_is_kept(server):
    server.request_tokens.add("Rq1")
    server.bad.expired = True
    kept: list[Mapping[str, str]] = []
    pasted = "http://127.0.0.1/?action=login&status=success&request_token=Rq1"
    keys = {"api_key": API_KEY, "api_secret": API_SECRET, "request_token": pasted}
    provider = connect(server, keys, save=kept.append, now=lambda: MORNING)
    assert len(provider.bars(["NSE:INFY"], FIRST, LAST)) == len(SESSIONS)
    assert kept == [
        {
            "api_key": API_KEY,
            "api_secret": API_SECRET,
            "access_token": "fresh-Rq1",
            # Six in the morning in India, and which token that is about.
            "valid_until": f"2026-11-21T00:30:00+00:00 {sha256(b'fresh-Rq1').hexdigest()[:12]}",
        }
    ]
    assert len(server.calls("/session/token")) == 1
    assert not server.was_told(API_SECRET)
    # The next process reads what was kept, and does not log in again.
    assert len(connect(server, kept[0], now=lambda: MORNING).bars(["NSE:INFY"], FIRST, LAST)) == len(SESSIONS)
    assert len(server.calls("/session/token")) == 1


def test_a_token_of_yesterday_is_not_even_tried(server):
    keys = KEYS | {"valid_until": "2026-11-20T00:30:00+00:00"}
    desk = HurriedTransport()
    with pytest.raises(NeedsLoginError, match="login"):
        connect(server, keys, desk, now=lambda: MORNING).bars(["NSE:INFY"])
    assert server.seen == []
    assert desk.states.get("zerodha").state == "needs_login"
    early = MORNING - timedelta(hours=5)
    assert len(connect(server, keys, now=lambda: early).bars(["NSE:INFY"], FIRST, LAST)) == len(SESSIONS)


def test_another_token_than_the_one_that_was_kept_is_not_judged_by_its_end(server):
    keys = KEYS | {"valid_until": "2026-11-20T00:30:00+00:00 0123456789ab"}
    assert len(connect(server, keys, now=lambda: MORNING).bars(["NSE:INFY"], FIRST, LAST)) == len(SESSIONS)


def test_clients_of_one_desk_share_the_list_and_the_knowledge_of_a_dead_token(server):
    desk = HurriedTransport()
    for _ in range(3):
        connect(server, KEYS, desk).bars(["NSE:INFY"], FIRST, LAST)
    assert len([request for request in server.seen if request.path == "/instruments"]) == 1
    server.seen.clear()
    server.bad.expired = True
    for _ in range(3):
        with pytest.raises(NeedsLoginError):
            connect(server, KEYS, desk).bars(["NSE:INFY"], FIRST, LAST)
    assert len(server.seen) == 1


def test_a_refused_token_is_sent_once_and_then_no_more(server):
    provider = connect(server)
    provider.bars(["NSE:INFY"], FIRST, LAST)
    server.seen.clear()
    server.bad.expired = True
    for _ in range(5):
        with pytest.raises(NeedsLoginError, match="Log in at"):
            provider.bars(["NSE:INFY"], FIRST, LAST)
    assert len(server.seen) == 1


def test_a_spent_request_token_is_tried_once(server):
    keys = {"api_key": API_KEY, "api_secret": API_SECRET, "request_token": "used"}
    provider = connect(server, keys)
    for _ in range(3):
        with pytest.raises(NeedsLoginError):
            provider.bars(["NSE:INFY"], FIRST, LAST)
    assert len(server.seen) == 1


def test_the_login_is_checked_by_the_users_profile(server):
    assert "NSE, NFO" in client_of(server).check()


# -- what is the service's own ------------------------------------------------------------------------------


def test_daily_candles_are_dated_by_their_session(server):
    bars = connect(server).bars(["NSE:INFY"], FIRST, LAST)
    assert list(bars["time"]) == [pd.Timestamp(day, tz="UTC") for day in SESSIONS]


def test_minutes_of_india_are_instants_in_utc(server):
    bars = connect(server).bars(["NSE:INFY"], "2026-11-13T03:46:00Z", "2026-11-13T03:48:00Z", "1m")
    assert list(bars["time"].dt.strftime("%H:%M")) == ["03:46", "03:47", "03:48"]
    assert server.calls("/historical/")[0].query["from"] == "2026-11-13 09:16:00"


def test_a_long_period_is_asked_for_in_parts_that_the_service_takes(server):
    provider = connect(server)
    assert len(provider.bars(["NSE:INFY"], "2026-07-01", "2026-11-20", "1m")) == 5
    spans = [(request.query["from"], request.query["to"]) for request in server.calls("/historical/")]
    assert len(spans) == 3
    ends = [(pd.Timestamp(first), pd.Timestamp(last)) for first, last in spans]
    assert all(last - first < pd.Timedelta(days=60) for first, last in ends)
    assert [last + pd.Timedelta(seconds=1) for _, last in ends[:-1]] == [first for first, _ in ends[1:]]


def test_without_a_start_history_is_asked_for_until_it_ends(server):
    bars = connect(server, now=lambda: MORNING).bars(["NSE:INFY"])
    assert len(bars) == len(SESSIONS)
    assert len(server.calls("/historical/")) == 2


def test_parts_that_had_come_are_not_lost(server):
    provider = connect(server)
    server.bad.only = lambda request: request.query.get("from", "").startswith(("2026-10", "2026-11"))
    server.bad.refusal = (403, {"status": "error", "message": "no", "error_type": "PermissionException"})
    server.candles["NSE:INFY", "minute"].insert(0, candle("2026-07-02T09:15:00+0530", 1500.0))
    with pytest.raises(IncompleteAnswerError) as caught:
        provider.bars(["NSE:INFY"], "2026-07-01", "2026-11-20", "1m")
    assert len(caught.value.rows) == 1


def test_the_list_of_instruments_is_asked_for_once_a_morning(server):
    now = [MORNING]
    provider = connect(server, now=lambda: now[0])
    for _ in range(3):
        provider.symbols()
    assert len(server.calls("/instruments")) == 1
    now[0] = MORNING + timedelta(hours=20)  # 06:00 of the next day: the new list is not made yet
    provider.symbols()
    assert len(server.calls("/instruments")) == 1
    now[0] = MORNING + timedelta(hours=23)
    provider.symbols()
    assert len(server.calls("/instruments")) == 2


def test_symbols_and_numbers_translate_both_ways(server):
    listed = client_of(server).instruments()
    for symbol in listed.symbols():
        assert listed.symbol_of(listed.get(symbol).token) == symbol
    contract = listed.get(CALL)
    assert (contract.right, contract.strike, contract.lot) == ("C", 24000.0, 75.0)
    assert contract.expiry.isoformat() == EXPIRY


def test_a_chain_by_the_name_of_its_class_is_that_of_the_index(server):
    chain = connect(server).option_chain("NIFTY", EXPIRY)
    assert set(chain["underlying"]) == {"NSE:NIFTY 50"}
    assert len(chain) == 4
    assert not chain["symbol"].str.contains("NXT50").any()
    late = chain.set_index("symbol").loc[PUT]
    assert pd.Timestamp.now("UTC") - late["time"] < pd.Timedelta(minutes=5)


def test_contracts_without_a_quote_are_told(server):
    del server.quotes["NFO:NIFTY26NOV24100PE"]
    provider = connect(server)
    assert len(provider.option_chain("NIFTY")) == 3
    assert provider.quarantined()["symbol"].tolist() == ["NFO:NIFTY26NOV24100PE"]


def test_a_symbol_without_its_exchange_is_answered_with_the_whole_name(server):
    with pytest.raises(UnknownSymbolError, match="NSE:INFY"):
        connect(server).bars(["INFY"])


def test_quotes_of_many_are_asked_for_in_fives_of_hundreds(server):
    for number in range(600):
        server.add(f"BSE:S{number:04d}")
        server.quotes[f"BSE:S{number:04d}"] = quote(10.0, 10.1)
    symbols = [f"BSE:S{number:04d}" for number in range(600)]
    assert len(connect(server, KEYS, HurriedTransport(timeout=5.0)).latest_quotes(symbols)) == 600
    assert [len(request.queries["i"]) for request in server.calls("/quote")] == [500, 100]


@pytest.mark.parametrize(
    ("instant", "open_"),
    [
        ("2026-11-20T04:30", True),
        ("2026-11-20T10:00", False),  # 15:30 in India
        ("2026-11-20T03:44", False),
        ("2026-11-21T04:30", False),  # a Saturday
        ("2026-11-24T04:30", False),  # Guru Nanak Jayanti
        ("2049-11-24T04:30", None),
    ],
)
def test_the_market_is_open_by_the_calendar_of_bombay(server, instant, open_):
    now = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert connect(server, now=lambda: now).market_open() is open_


def test_the_ticker_speaks_of_an_index_by_its_value(server):
    token = server.token_of("NSE:NIFTY 50")
    stamp = 1_763_631_000

    async def work():
        feed = connect(server).stream(("trades",))
        await feed.open()
        await feed.subscribe({"trades": ["NSE:NIFTY 50"]})
        await until(lambda: any(token in mine for mine in server.modes.values()))
        words = (2401235, 2402000, 2400000, 2401000, 2400500)
        packet = b"".join(value.to_bytes(4, "big") for value in (token, *words))
        server.push(packet + (-150).to_bytes(4, "big", signed=True) + stamp.to_bytes(4, "big"))
        rows = (await events(feed, "trades", 1))["trades"]
        assert rows == [
            ("NSE:NIFTY 50", stamp * 10**9, f"value {stamp}000000000 24012.3", 24012.35, None, "index value")
        ]
        await feed.close()

    run(work())


def test_a_snapshot_repeats_the_last_trade_and_it_counts_once(server):
    token = server.token_of("NSE:INFY")

    async def work():
        feed = connect(server).stream(("quotes", "trades"))
        await feed.open()
        await feed.subscribe({"trades": ["NSE:INFY"], "quotes": ["NSE:INFY"]})
        await until(lambda: any(token in mine for mine in server.modes.values()))
        for at in range(3):
            server.push(
                full_packet(
                    token, last=1573.15, quantity=1, volume=100, at=1_763_631_000 + at, bid=1573.1, bid_size=5
                )
            )
        found = await events(feed, "quotes", 3, batches := [])
        trades = [row for batch in batches if batch.kind == "trades" for row in batch.rows]
        assert len(found["quotes"]) == 3
        assert [row[2] for row in trades] == ["volume 100"]
        await feed.close()

    run(work())


def test_a_token_that_ends_while_streaming_needs_a_login(server):
    async def work():
        feed = connect(server).stream(("quotes",))
        await feed.open()
        await until(lambda: server.modes)
        server.say('{"type": "order", "data": {"order_id": "1"}}')
        server.say('{"type": "error", "data": "Invalid `access_token`."}')
        with pytest.raises(NeedsLoginError, match="Log in at"):
            for _ in range(5):
                await feed.receive()
        await feed.close()

    run(work())


def test_the_ticker_s_address_with_its_token_is_in_no_log(server, caplog):
    caplog.set_level(logging.DEBUG)

    async def work():
        feed = connect(server).stream(("quotes",))
        await feed.open()
        await feed.close()
        server.bad.expired = True
        with pytest.raises(NeedsLoginError) as caught:
            await connect(server).stream(("quotes",)).open()
        assert ACCESS_TOKEN not in str(caught.value)

    run(work())
    assert server.was_told(ACCESS_TOKEN)
    # The server of this test logs what it hears; that is not ours.
    ours = [record for record in caplog.records if "server" not in record.name]
    assert not [record for record in ours if ACCESS_TOKEN in record.getMessage()]


def test_the_documented_packet_reads_as_documented():
    """The test vector of the official Go client, a packet of mode quote."""
    from workbench.providers.zerodha_ticks import tick_from_packet

    packet = base64.b64decode("AAY6AQACZoMAAAABAAJlaQAR8bIAA+n/AAWANwACZPMAAmc8AAJhyQACZGw=")
    tick = tick_from_packet(packet)
    assert (tick.token, tick.last, tick.last_quantity, tick.average) == (408065, 1573.15, 1.0, 1570.33)
    assert (tick.volume, tick.open, tick.high, tick.low, tick.close) == (
        1175986.0,
        1569.15,
        1575.0,
        1561.05,
        1567.8,
    )
