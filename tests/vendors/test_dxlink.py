"""DXLink: events in any order of fields, a token that is lost on the way, frames, errors and silence."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from tests.servers.feed import run
from tests.servers.tastytrade import CLIENT_SECRET, REFRESH_TOKEN, TastytradeServer
from workbench.errors import NeedsLoginError, ServiceRefusedError, ServiceUnavailableError, SocketClosedError
from workbench.settings import TastytradeSettings
from workbench.transport import Transport
from workbench.vendors import dxlink
from workbench.vendors.dxlink import DXLink, QuoteToken, run_apart
from workbench.vendors.dxlink_events import EventDecoder, number
from workbench.vendors.tastytrade import TastytradeClient

QUOTE = {"type": "Quote", "symbol": "SPY"}


# -- events ------------------------------------------------------------------------------------------------


def test_the_protocols_own_example_is_read():
    """The compact quote of the protocol's documentation, in the order of its FEED_CONFIG."""
    decoder = EventDecoder({})
    decoder.configure(
        {"eventFields": {"Quote": ["eventType", "eventSymbol", "bidPrice", "askPrice", "bidSize", "askSize"]}}
    )
    data = ["Quote", ["Quote", "SPY", 559.1, 559.2, 300, 200, "Quote", "QQQ", 480.1, "NaN", 100, "NaN"]]
    (found,), bad = decoder.decode(data)
    assert (found.kind, found.size, bad) == ("Quote", 2, [])
    assert found.columns["eventSymbol"] == ["SPY", "QQQ"]
    assert [number(value) for value in found.columns["askPrice"]] == [559.2, None]


def test_the_order_told_last_is_the_one_that_counts():
    decoder = EventDecoder({"Trade": ["eventType", "eventSymbol", "price"]})
    decoder.configure({"eventFields": {"Trade": ["price", "eventType", "eventSymbol"]}})
    decoder.configure({})  # a later word without fields changes none
    (found,), _ = decoder.decode(["Trade", [12.5, "Trade", "F"]])
    assert found.columns == {"price": [12.5], "eventType": ["Trade"], "eventSymbol": ["F"]}


def test_fields_may_stand_before_the_first_events_of_a_kind():
    (found,), bad = EventDecoder({}).decode([["Greeks", ["eventSymbol", "delta"]], [".SPY260116C600", 0.5]])
    assert found.columns["delta"] == [0.5]
    assert bad == []


def test_a_server_that_sends_whole_objects_is_read_too():
    """Some servers answer FULL where COMPACT was asked for (dxFeed/dxLink, issue 6)."""
    found, bad = EventDecoder().decode(
        [
            {"eventType": "Quote", "eventSymbol": "SPY", "bidPrice": 1.5},
            {"eventType": "Trade", "eventSymbol": "SPY", "price": 1.6},
            {"eventType": "Quote", "eventSymbol": "QQQ", "askPrice": "NaN", "new": 1},
            {"eventSymbol": "IWM"},
        ]
    )
    assert [(each.kind, each.size) for each in found] == [("Quote", 2), ("Trade", 1)]
    assert found[0].column("bidPrice") == [1.5, None]
    assert found[0].column("nowhere") == [None, None]
    assert bad == [("IWM", "an event has no type", "{'eventSymbol': 'IWM'}")]


@pytest.mark.parametrize(
    ("values", "good", "said"),
    [
        (["Quote", "A", 1, "Quote", "B", 2, 3, "Quote", "C", 4], ["A", "C"], "B"),
        (["Quote", "A", 1, "Quote", "B", "Quote", "C", 4], ["A", "C"], "B"),
        (["B", 9, "Quote", "A", 1, "Quote", "C", 4], ["A", "C"], "9"),
        (["Quote", "A", 1, 2], [], "A"),
    ],
)
def test_a_row_with_a_field_too_few_or_too_many_costs_itself_alone(values, good, said):
    found, bad = EventDecoder({"Quote": ["eventType", "eventSymbol", "bidPrice"]}).decode(["Quote", values])
    assert [symbol for each in found for symbol in each.columns["eventSymbol"]] == good
    assert len(bad) == 1
    assert said in str(bad[0])
    assert "fields" in bad[0][1]


def test_rows_that_do_not_name_their_kind_are_given_up_together():
    found, bad = EventDecoder({"Quote": ["eventSymbol", "bidPrice"]}).decode(["Quote", ["A", 1, "B"]])
    assert found == []
    assert "no whole number of rows" in bad[0][1]


@pytest.mark.parametrize(
    "data", [None, 7, "Quote", {"Quote": []}, ["Quote"], ["Quote", "SPY"], ["Odd", [1]], [[1, 2], []], [7, 8]]
)
def test_what_is_no_data_is_told_and_never_crashes(data):
    found, bad = EventDecoder().decode(data)
    assert found == []
    assert bad
    assert all(len(each) == 3 and each[1] for each in bad)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("NaN", None),
        ("Infinity", None),
        ("-Infinity", None),
        (float("nan"), None),
        (None, None),
        ("1.5", 1.5),
        (3, 3.0),
    ],
)
def test_what_dxfeed_writes_for_missing_is_no_number(value, meant):
    assert number(value) == meant


@pytest.mark.parametrize("value", [True, {}, [], "abc"])
def test_other_values_are_no_numbers(value):
    with pytest.raises(ValueError):
        number(value)


# -- the connection ----------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with TastytradeServer() as server:
        yield server


@asynccontextmanager
async def linked(server):
    settings = TastytradeSettings(rest_url=server.http_url)
    keys = {"client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
    client = TastytradeClient(settings, keys, Transport())
    link = DXLink(client.quote_token, service="tastytrade", label="tastytrade")
    await link.open()
    try:
        yield link
    finally:
        await link.close()
        client.close()


async def until(true):
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


async def next_events(link):
    async with asyncio.timeout(10):
        while True:
            events, bad = await link.receive()
            if events or bad:
                return events, bad


def test_fields_that_change_places_in_mid_stream_are_followed(server):
    async def work():
        async with linked(server) as link:
            await link.subscribe([QUOTE])
            await until(lambda: server.wanted("Quote") == {"SPY"})
            (session,) = server.sessions
            server.tell("Quote", {"eventSymbol": "SPY", "bidPrice": 1.25})
            (first,), _ = await next_events(link)
            session._order = lambda kind, asked: sorted(asked, reverse=True)
            session.configure(session.fields)
            server.tell("Quote", {"eventSymbol": "SPY", "bidPrice": 1.5, "askPrice": "Infinity"})
            (second,), _ = await next_events(link)
            assert (first.columns["bidPrice"], second.columns["bidPrice"]) == ([1.25], [1.5])
            assert number(second.columns["askPrice"][0]) is None

    run(work())


def test_a_token_lost_in_mid_stream_is_renewed_and_all_is_subscribed_again(server):
    async def work():
        async with linked(server) as link:
            await link.subscribe([QUOTE, {"type": "Trade", "symbol": "F"}])
            await until(lambda: server.wanted("Trade") == {"F"})
            (session,) = server.sessions
            server.bad.expired = True  # tokens handed out so far are refused; new ones are fine
            session.authorized = False
            session.wanted.clear()
            session.send({"type": "AUTH_STATE", "channel": 0, "state": "UNAUTHORIZED"})
            reading = asyncio.create_task(next_events(link))
            await until(lambda: server.wanted("Quote") == {"SPY"} and server.wanted("Trade") == {"F"})
            server.tell("Quote", {"eventSymbol": "SPY", "bidPrice": 2.5})
            (found,), bad = await reading
            assert found.columns["bidPrice"] == [2.5]
            assert bad == []
            assert len(server.calls("/api-quote-tokens")) >= 2

    run(work())


def test_two_tokens_refused_in_mid_stream_need_a_login(server):
    async def work():
        async with linked(server) as link:
            server.refuse_quote_tokens = True
            server.sessions[0].send({"type": "AUTH_STATE", "channel": 0, "state": "UNAUTHORIZED"})
            with pytest.raises(NeedsLoginError, match="workbench connect tastytrade"):
                await next_events(link)

    run(work())
    assert len(server.calls("/api-quote-tokens")) == 2


def test_a_channel_that_the_service_closes_is_opened_again_with_its_subscriptions(server):
    async def work():
        async with linked(server) as link:
            await link.subscribe([QUOTE])
            await until(lambda: server.wanted("Quote") == {"SPY"})
            (session,) = server.sessions
            old = session.channel
            session.wanted.clear()
            session.send({"type": "CHANNEL_CLOSED", "channel": old})
            reading = asyncio.create_task(next_events(link))
            await until(lambda: server.wanted("Quote") == {"SPY"})
            server.tell("Quote", {"eventSymbol": "SPY", "bidPrice": 3.5})
            (found,), _ = await reading
            assert found.columns["bidPrice"] == [3.5]
            assert session.channel == old + 2

    run(work())


def test_a_timeout_of_the_service_ends_the_connection_and_another_error_does_not(server):
    async def work():
        async with linked(server) as link:
            (session,) = server.sessions
            session.send({"type": "ERROR", "channel": 1, "error": "BAD_ACTION", "message": "no such symbol"})
            _, bad = await next_events(link)
            assert "BAD_ACTION no such symbol" in bad[0][1]
            session.send({"type": "ERROR", "channel": 0, "error": "TIMEOUT", "message": "no keepalive"})
            with pytest.raises(SocketClosedError, match="no keepalive"):
                await next_events(link)

    run(work())


def test_an_event_that_is_not_granted_leaves_the_others_alone(server):
    async def work():
        async with linked(server) as link:
            await link.subscribe([QUOTE])
            await until(lambda: server.wanted("Quote") == {"SPY"})
            (session,) = server.sessions
            session.send({"type": "ERROR", "channel": 1, "error": "UNAUTHORIZED", "message": "no Greeks"})
            _, bad = await next_events(link)
            assert "no Greeks" in bad[0][1]
            server.tell("Quote", {"eventSymbol": "SPY", "bidPrice": 1.5})
            (found,), _ = await next_events(link)
            assert found.columns["bidPrice"] == [1.5]
        assert len(server.calls("/api-quote-tokens")) == 1

    run(work())


def test_channel_ids_may_be_texts(server):
    """As in the example of the protocol's description."""

    async def work():
        async with linked(server) as link:
            await link.subscribe([QUOTE])
            await until(lambda: server.wanted("Quote") == {"SPY"})
            (session,) = server.sessions
            session.channel = str(session.channel)
            server.tell("Quote", {"eventSymbol": "SPY", "bidPrice": 1.5})
            (found,), _ = await next_events(link)
            assert found.columns["bidPrice"] == [1.5]

    run(work())


def test_many_symbols_go_in_frames_that_the_service_takes(server):
    async def work():
        async with linked(server) as link:
            await link.subscribe(
                {"type": "Quote", "symbol": f".SPXW261120P{strike}"} for strike in range(3_000)
            )
            await until(lambda: len(server.wanted("Quote")) == 3_000)

    run(work())
    frames = [text for text in server.heard if "FEED_SUBSCRIPTION" in text]
    assert max(map(len, frames)) <= 16_384
    assert len(frames) < 20


def test_a_frame_that_was_too_long_is_halved_the_next_time(server):
    async def work():
        async with linked(server) as link:
            await asyncio.to_thread(server.close_sockets, 1009, "frame too long")
            with pytest.raises(SocketClosedError, match="frame too long"):
                await next_events(link)
            server.heard.clear()
            await link.open()
            await link.subscribe({"type": "Quote", "symbol": f"S{count:05d}"} for count in range(500))
            await until(lambda: len(server.wanted("Quote")) == 500)

    run(work())
    assert max(len(text) for text in server.heard if "FEED_SUBSCRIPTION" in text) <= 8_192


def test_a_keepalive_is_sent_and_silence_past_the_services_own_limit_closes(server, monkeypatch):
    monkeypatch.setattr(dxlink, "KEEPALIVE_SECONDS", 0.4)

    async def work():
        async with linked(server) as link:
            link._silence = 0.4
            await until(lambda: any("KEEPALIVE" in text for text in server.heard))
            with pytest.raises(SocketClosedError):
                await next_events(link)

    run(work())


def test_a_service_that_waits_for_the_token_without_asking_is_given_it(monkeypatch):
    monkeypatch.setattr(dxlink, "_FIRST_STATE_SECONDS", 0.1)

    class Silent(TastytradeServer):
        def talk(self, socket):
            for text in self.hear(socket):
                said = json.loads(text)
                if said["type"] == "AUTH":
                    socket.send(json.dumps({"type": "AUTH_STATE", "channel": 0, "state": "AUTHORIZED"}))
                elif said["type"] == "CHANNEL_REQUEST":
                    socket.send(json.dumps({"type": "CHANNEL_OPENED", "channel": said["channel"]}))

    async def work(server):
        async with linked(server):
            pass

    with Silent() as server:
        run(work(server))


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ({"type": "ERROR", "channel": 0, "error": "UNSUPPORTED_PROTOCOL", "message": "too old"},
         ServiceRefusedError, "UNSUPPORTED_PROTOCOL too old"),
        ("hello", dxlink.ServiceAnswerError, "no DXLink message"),
        (None, ServiceUnavailableError, "did not sign in within"),
    ],
)  # fmt: skip
def test_a_handshake_that_goes_wrong_is_told(answer, error, words, monkeypatch):
    monkeypatch.setattr(dxlink, "_HANDSHAKE_SECONDS", 0.5)

    class Odd(TastytradeServer):
        def talk(self, socket):
            if answer is not None:
                socket.send(answer if isinstance(answer, str) else json.dumps(answer))
            super(TastytradeServer, self).talk(socket)

    async def work(server):
        async with linked(server):
            pass

    with Odd() as server, pytest.raises(error, match=words):
        run(work(server))


def test_a_coroutine_runs_from_inside_a_running_loop_as_in_a_notebook():
    async def answer():
        return 42

    async def cell():
        return run_apart(answer)

    assert asyncio.run(cell()) == 42


def test_a_token_does_not_show_in_its_repr():
    assert "s3cret" not in repr(QuoteToken("s3cret-of-the-day", "wss://host"))
