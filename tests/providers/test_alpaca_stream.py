"""Alpaca's streams: documented messages, errors of every code, two sockets in one feed."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.contracts.socket_contract import HurriedTransport
from tests.servers.alpaca import KEYS, AlpacaServer
from tests.servers.feed import run
from workbench.errors import (
    NeedsLoginError,
    NotConnectedError,
    RateLimitedError,
    ServiceAnswerError,
    ServiceRefusedError,
    ServiceUnavailableError,
    SocketClosedError,
    UnsupportedError,
)
from workbench.providers.alpaca_events import EventReader
from workbench.providers.alpaca_stream import AlpacaFeed, error_of
from workbench.settings import AlpacaSettings
from workbench.vendors.alpaca import AlpacaClient
from workbench.vendors.msgpack import Instant, decode, encode

ANSWERS = Path(__file__).resolve().parent.parent / "answers" / "alpaca"
OPTION, THEIRS = "SPXW  300118C06000000", "SPXW300118C06000000"
T = 1_764_685_800_123_456_789


def documented(name):
    return json.loads((ANSWERS / f"{name}.json").read_text())


def quote(symbol="AAPL", bid=210.11, ask=210.14, time_ns=T):
    return {"symbol": symbol, "time_ns": time_ns, "bid": bid, "ask": ask, "bid_size": 3, "ask_size": 12}


@pytest.fixture
def server():
    with AlpacaServer() as running:
        yield running


@pytest.fixture
def feed_of(server):
    def made(keys=KEYS, kinds=("quotes", "trades", "bars"), quiet=0.3, **more):
        settings = AlpacaSettings(data_url=server.http_url, stream_url=server.ws_url, **more)
        return AlpacaFeed(AlpacaClient(settings, keys, HurriedTransport()), kinds, quiet=quiet)

    yield made
    HurriedTransport.close_all()


async def rows_of(feed, count, seconds=10):
    found = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            for batch in await feed.receive():
                assert not batch.bad, batch.bad
                found += [(batch.kind, *row) for row in batch.rows]
    return found


async def subscribed(server, channel, names):
    async with asyncio.timeout(10):
        while not set(names) <= server.asked(channel):
            await asyncio.sleep(0.01)


# -- messages --------------------------------------------------------------------------------------------


def test_the_documented_messages_of_shares():
    reader = EventReader({name: name for name in ("AAPL", "AMD", "SPY")})
    batches = {batch.kind: batch for batch in reader.read(documented("stream_of_shares"), 1.0)}
    assert batches["quotes"].rows == [("AMD", 1614009105335689322, 322, 87.66, 87.68, 1.0, 4.0)]
    # A bar and the bar that restates it; a halt and price bands are no events.
    minute = 1614021300 * 10**9
    assert batches["bars"].rows == [
        ("SPY", minute, 388.985, 389.13, 388.975, 389.12, 49378.0, 389.062639),
        ("SPY", minute, 388.985, 389.13, 388.975, 389.12, 49478.0, 389.0627),
    ]
    assert batches["trades"].rows == [
        ("AAPL", 1614009104208000000, "D-96921", 126.55, 1.0, "@,I"),
        ("AAPL", 1614009121500000000, "D-96922", 126.5, 2.0, "@"),
    ]
    assert [(symbol, reason) for symbol, reason, _ in batches["trades"].bad] == [
        ("AAPL", "the exchange corrected the trade D-96921"),
        ("AAPL", "the exchange canceled the trade D-96922"),
    ]
    assert not batches["quotes"].bad


def test_the_documented_messages_of_options_as_messagepack():
    told = documented("stream_of_options")
    packed = [
        message | {"t": Instant(stamp)} for message, stamp in zip(told, (5 * 10**9 + 7, T), strict=True)
    ]
    symbols = {"AAPL240315C00172500": "AAPL  240315C00172500", "SPXW240327P04925000": "SPXW  240327P04925000"}
    reader = EventReader(symbols)
    batches = {batch.kind: batch for batch in reader.read(decode(encode(packed)), 1.0)}
    assert batches["trades"].rows == [
        ("AAPL  240315C00172500", 5 * 10**9 + 7, "5000000007-N-2.84-1", 2.84, 1.0, "S")
    ]
    assert batches["quotes"].rows == [("SPXW  240327P04925000", T, 789, 9.46, 9.66, 53.0, 38.0)]
    assert type(batches["quotes"].rows[0][1]) is int


def test_quotes_of_one_nanosecond_have_places_and_a_repeated_one_has_its_own():
    reader = EventReader({"AMD": "AMD"})
    first = documented("stream_of_shares")[1]
    second = first | {"bp": 87.67}
    rows = reader.read([first, second, first, first | {"t": "2021-02-22T15:51:46Z"}], 1.0)[0].rows
    assert [row[2] for row in rows] == [322, 1322, 322, 0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"S": "ZZZQ"}, "nobody asked"),
        ({"S": None}, "nobody asked"),
        ({"S": ["AMD"]}, "a message with fields"),
        ({"t": "soon"}, ""),
        ({"t": None}, "no instant"),
        ({"bp": "dear"}, ""),
        ({"bp": {"a": 1}}, "`bp` is"),
        ({"bp": -1}, "`bp` is -1"),
        ({"bp": float("nan")}, "`bp` is nan"),
        ({"ap": float("inf")}, "`ap` is inf"),
        ({"bs": "many"}, ""),
        ({"T": "zz"}, "`T` is 'zz'"),
        ({"T": None}, "`T` is None"),
    ],
)
def test_a_message_that_lies_is_told_and_the_next_is_read(change, reason):
    good = documented("stream_of_shares")[1]
    found = EventReader({"AMD": "AMD"}).read([good | change, good], 1.0)
    assert sum(len(batch.rows) for batch in found) == 1
    bad = [each for batch in found for each in batch.bad]
    assert len(bad) == 1
    assert reason in bad[0][1]
    assert bad[0][1]
    assert bad[0][2]


@pytest.mark.parametrize("name", ["S", "t", "bp", "ap", "T"])
def test_a_message_without_a_field_names_it(name):
    good = documented("stream_of_shares")[1]
    lacking = {key: value for key, value in good.items() if key != name}
    bad = EventReader({"AMD": "AMD"}).read([lacking], 1.0)[0].bad
    assert bad[0][1] == f"the message has no field `{name}`"


@pytest.mark.parametrize("message", [7, None, "q", [], [1]])
def test_what_is_no_message_is_told(message):
    assert EventReader({}).read([message], 1.0)[0].bad


def test_numbers_as_text_and_unknown_fields_are_read():
    good = documented("stream_of_shares")[1] | {"bp": "87.66", "new": {"x": 1}, "c": None}
    assert EventReader({"AMD": "AMD"}).read([good], 1.0)[0].rows[0][3] == 87.66


@pytest.mark.parametrize("change", [{"h": 380.0}, {"l": 400.0}, {"o": 0}, {"c": None}])
def test_a_bar_that_cannot_be_is_told(change):
    bar = documented("stream_of_shares")[2] | change
    (batch,) = EventReader({"SPY": "SPY"}).read([bar], 1.0)
    assert not batch.rows
    assert batch.bad


# -- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words", "error", "state"),
    [
        (401, "not authenticated", NeedsLoginError, "needs_login"),
        (402, "auth failed", NeedsLoginError, "needs_login"),
        (404, "auth timeout", SocketClosedError, "unreachable"),
        (405, "symbol limit exceeded", ServiceRefusedError, "refused"),
        (406, "connection limit exceeded", RateLimitedError, "rate_limited"),
        (407, "slow client", SocketClosedError, "unreachable"),
        (408, "v2 not enabled", ServiceRefusedError, "refused"),
        (409, "insufficient subscription", ServiceRefusedError, "refused"),
        (410, "invalid subscribe action for this feed", ServiceRefusedError, "refused"),
        (411, "insufficient scope", ServiceRefusedError, "refused"),
        (412, "option messages are only available in MsgPack format", ServiceAnswerError, "bad_answer"),
        (413, "star subscription is not allowed for option quotes", ServiceRefusedError, "refused"),
        (500, "internal error", SocketClosedError, "unreachable"),
        (777, "something new", ServiceAnswerError, "bad_answer"),
    ],
)
def test_every_error_of_the_stream_is_a_state(code, words, error, state):
    found = error_of({"T": "error", "code": code, "msg": words}, "Alpaca stocks, IEX")
    assert type(found) is error
    assert found.state == state
    assert words in str(found)
    assert found.service == "Alpaca"


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ((406, "connection limit exceeded"), RateLimitedError),
        ((409, "insufficient subscription"), ServiceRefusedError),
        ((404, "auth timeout"), SocketClosedError),
    ],
)
def test_errors_of_the_sign_in(server, feed_of, told, error):
    server.sign_in_error = told
    with pytest.raises(error, match=told[1]):
        run(feed_of().open())


def test_without_keys_nothing_is_opened(server, feed_of):
    with pytest.raises(NotConnectedError, match="workbench connect alpaca"):
        run(feed_of(keys=None).open())
    assert server.seen == []


def test_a_server_that_does_not_greet_is_unreachable(server, feed_of, monkeypatch):
    monkeypatch.setattr("workbench.providers.alpaca_stream._SIGN_IN", 0.3)
    monkeypatch.setattr(server, "talk", lambda socket: list(server.hear(socket)))
    with pytest.raises(ServiceUnavailableError, match="in time"):
        run(feed_of().open())


def test_a_server_that_greets_with_something_else_is_told(server, feed_of, monkeypatch):
    monkeypatch.setattr(server, "talk", lambda socket: socket.send("<html>hello</html>"))
    with pytest.raises(ServiceAnswerError, match="no message"):
        run(feed_of().open())


def test_an_error_in_the_middle_of_the_stream_is_its_state(server, feed_of):
    async def work():
        feed = feed_of()
        await feed.open()
        await feed.subscribe({"quotes": ["AAPL"]})
        await subscribed(server, "quotes", ["AAPL"])
        server.say('[{"T":"error","code":407,"msg":"slow client"}]')
        with pytest.raises(SocketClosedError, match="slow client"):
            async with asyncio.timeout(5):
                while True:
                    await feed.receive()
        await feed.close()

    run(work())


def test_kinds_that_alpaca_does_not_stream_are_refused(feed_of):
    with pytest.raises(UnsupportedError, match="has no stream of news; it has quotes, trades, bars"):
        feed_of(kinds=("quotes", "news"))


# -- sockets ---------------------------------------------------------------------------------------------


def test_shares_and_options_arrive_in_one_feed_from_two_sockets(server, feed_of):
    async def work():
        feed = feed_of(option_feed="opra")
        await feed.open()
        assert [request.path for request in server.seen] == ["/v2/iex"]
        await feed.subscribe({"quotes": ["AAPL", OPTION], "trades": [OPTION]})
        await subscribed(server, "quotes", ["AAPL", THEIRS])
        await subscribed(server, "trades", [THEIRS])
        assert [request.path for request in server.seen] == ["/v2/iex", "/v1beta1/opra"]
        assert server.seen[1].headers["content-type"] == "application/msgpack"
        server.emit("quotes", quote())
        server.emit("quotes", quote(THEIRS, 0, 1.5))
        server.emit("trades", {"symbol": THEIRS, "time_ns": T, "trade_id": "7", "price": 1.4, "size": 2})
        found = sorted(await rows_of(feed, 3), key=str)
        assert found == [
            ("quotes", "AAPL", T, 789, 210.11, 210.14, 3.0, 12.0),
            ("quotes", OPTION, T, 789, None, 1.5, None, 12.0),
            ("trades", OPTION, T, "7", 1.4, 2.0, ""),
        ]
        await feed.close()

    run(work())


def test_keys_go_into_the_first_message_and_not_into_the_address(server, feed_of):
    async def work():
        feed = feed_of()
        await feed.open()
        await feed.subscribe({"quotes": [OPTION]})
        await subscribed(server, "quotes", [THEIRS])
        await feed.close()

    run(work())
    for request in server.seen:
        assert KEYS["secret_key"] not in f"{request.path}{request.query}{request.headers}"
    assert json.loads(server.heard[0]) == {
        "action": "auth",
        "key": KEYS["key_id"],
        "secret": KEYS["secret_key"],
    }
    assert decode(server.heard[1])["secret"] == KEYS["secret_key"]


def test_the_night_feed_has_an_address_of_its_own(server, feed_of):
    async def work():
        feed = feed_of(feed="boats")
        server.packed = lambda socket: False
        await feed.open()
        await feed.close()

    run(work())
    assert server.seen[0].path == "/v1beta1/boats"


def test_bars_come_with_their_restatements_and_not_for_options(server, feed_of):
    async def work():
        feed = feed_of()
        await feed.open()
        with pytest.raises(ServiceRefusedError, match=r"no bars of options.*SPXW"):
            await feed.subscribe({"bars": ["AAPL", OPTION]})
        await subscribed(server, "bars", ["AAPL"])
        assert server.asked("updatedBars") == {"AAPL"}
        await feed.close()

    run(work())


def test_a_plan_with_room_for_some_gives_those_and_names_the_others(server, feed_of):
    names = [f"S{number:02d}" for number in range(50)]
    server.most_symbols = 30

    async def work():
        feed = feed_of()
        await feed.open()
        await feed.subscribe({"quotes": names})
        with pytest.raises(ServiceRefusedError, match="symbol limit exceeded") as caught:
            async with asyncio.timeout(10):
                while True:
                    await feed.receive()
        held = server.asked("quotes")
        assert len(held) == 30
        assert all(name in str(caught.value) for name in set(names) - held)
        # The feed goes on with what it has.
        server.emit("quotes", quote(min(held)))
        assert len(await rows_of(feed, 1)) == 1
        await feed.close()

    run(work())


def test_one_malformed_symbol_does_not_cost_the_others(server, feed_of):
    names = [f"S{number:02d}" for number in range(20)]
    server.refused = {"S07"}

    async def work():
        feed = feed_of()
        await feed.open()
        await feed.subscribe({"quotes": names})
        with pytest.raises(ServiceRefusedError, match=r"does not give S07: invalid syntax \(400\)"):
            async with asyncio.timeout(10):
                while True:
                    await feed.receive()
        assert server.asked("quotes") == set(names) - {"S07"}
        await feed.close()

    run(work())


def test_the_cut_of_either_socket_ends_the_feed(server, feed_of):
    async def work():
        feed = feed_of()
        await feed.open()
        await feed.subscribe({"quotes": ["AAPL", OPTION]})
        await subscribed(server, "quotes", ["AAPL", THEIRS])
        options = next(socket for socket in server.sockets if "v1beta1" in socket.request.path)
        await asyncio.to_thread(options.close, 1011, "going down")
        with pytest.raises(SocketClosedError, match="Alpaca options"):
            async with asyncio.timeout(10):
                while True:
                    await feed.receive()
        await feed.close()

    run(work())


def test_quiet_is_nothing_and_no_end(server, feed_of):
    async def work():
        feed = feed_of(quiet=0.1)
        await feed.open()
        await feed.subscribe({"quotes": ["AAPL"]})
        await subscribed(server, "quotes", ["AAPL"])
        for _ in range(4):
            assert await feed.receive() == []
        server.emit("quotes", quote())
        assert len(await rows_of(feed, 1)) == 1
        await feed.close()

    run(work())


def test_a_deaf_server_is_found_out_by_pings(server, feed_of, monkeypatch):
    monkeypatch.setattr("workbench.providers.alpaca_stream._PING", 0.3)

    async def work():
        feed = feed_of(quiet=0.1)
        await feed.open()
        server.deafen()
        began = time.monotonic()
        with pytest.raises(SocketClosedError):
            async with asyncio.timeout(10):
                while True:
                    await feed.receive()
        assert time.monotonic() - began < 5
        await feed.close()

    run(work())


def test_frames_that_are_none_are_told_and_the_feed_goes_on(server, feed_of):
    async def work():
        feed = feed_of()
        await feed.open()
        await feed.subscribe({"quotes": ["AAPL"]})
        await subscribed(server, "quotes", ["AAPL"])
        bad = []
        for frame in ("not json", '{"T":"q"}', b"\xc1\xff", "[", "7"):
            server.say(frame)
        server.emit("quotes", quote())
        rows = []
        async with asyncio.timeout(10):
            while not rows:
                for batch in await feed.receive():
                    bad += batch.bad
                    rows += batch.rows
        assert len(bad) == 5
        assert all(reason.startswith("no message") for _, reason, _ in bad)
        await feed.close()

    run(work())
