"""tastytrade's sign-in, which must never loop, its pages and its symbols."""

import json
import logging
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.base import Answer
from tests.servers.tastytrade import CLIENT_SECRET, HTML, REFRESH_TOKEN, TastytradeServer
from workbench.errors import (
    NeedsLoginError,
    NotConnectedError,
    ServiceAnswerError,
    ServiceRefusedError,
)
from workbench.market.instruments import OptionContract
from workbench.settings import TastytradeSettings
from workbench.transport import Transport
from workbench.vendors.tastytrade import TastytradeClient, items_of, our_symbol, streamer_symbol, their_symbol

KEYS = {"client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}


@pytest.fixture
def server():
    with TastytradeServer() as server:
        for symbol in ("AAPL", "BRK/B", "SPY"):
            server.equities[symbol] = {"symbol": symbol}
        yield server


@pytest.fixture(autouse=True)
def opened():
    """Close the clients that a test made."""
    made: list[TastytradeClient] = []
    client.made = made
    yield
    for each in made:
        each.close()


def client(server, keys=KEYS, transport=None, **options):
    settings = TastytradeSettings(rest_url=server.http_url)
    found = TastytradeClient(settings, keys, transport or Transport(), **options)
    client.made.append(found)
    return found


def sign_ins(server):
    return server.calls("/oauth/token")


# -- signing in --------------------------------------------------------------------------------------------


def test_the_grant_is_sent_as_documented_and_without_an_authorization(server):
    client(server).check()
    (request,) = sign_ins(server)
    assert request.json() == {"grant_type": "refresh_token", **KEYS}
    assert "authorization" not in request.headers
    product, _, version = request.headers["user-agent"].partition("/")
    assert product
    assert version


def test_many_threads_share_one_sign_in(server):
    shared = client(server)
    threads = [
        threading.Thread(target=shared.items, args=("/instruments/equities", [("symbol[]", "SPY")]))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.calls("/instruments/equities")) == 12
    assert len(sign_ins(server)) == 1


def test_a_token_with_less_than_a_minute_left_is_renewed_before_it_is_used(server, monkeypatch):
    shared = client(server)
    shared.check()
    clock = time.monotonic()
    monkeypatch.setattr("workbench.vendors.tastytrade.time.monotonic", lambda: clock + 839)
    shared.check()
    assert len(sign_ins(server)) == 1
    monkeypatch.setattr("workbench.vendors.tastytrade.time.monotonic", lambda: clock + 842)
    shared.check()
    assert len(sign_ins(server)) == 2


@pytest.mark.parametrize("lifetime", ["900", None, "soon", 900.0])
def test_a_lifetime_told_as_text_or_not_at_all_is_fifteen_minutes(server, lifetime):
    server.lifetime = lifetime
    shared = client(server)
    shared.check()
    shared.check()
    assert len(sign_ins(server)) == 1


def test_a_token_of_half_a_minute_is_used_and_not_renewed_at_every_call(server):
    server.lifetime = 30
    shared = client(server)
    shared.check()
    shared.check()
    assert len(sign_ins(server)) == 1


def test_a_token_that_the_service_forgot_is_renewed_once_and_the_call_made_again(server):
    shared = client(server)
    shared.check()
    server.bad.expired = True
    assert [item["symbol"] for item in shared.items("/instruments/equities", [("symbol[]", "SPY")])] == [
        "SPY"
    ]
    assert len(sign_ins(server)) == 2


def test_a_refused_grant_is_asked_once_by_all_clients_and_processes_of_a_desk(server, tmp_path):
    """After too many failed logins the service blocks an address for eight hours."""
    wrong = {**KEYS, "refresh_token": "revoked-grant-0123456789"}
    for _ in range(3):
        again = client(server, wrong, Transport(tmp_path))
        for _ in range(3):
            with pytest.raises(NeedsLoginError, match="workbench connect tastytrade") as caught:
                again.check()
    assert len(sign_ins(server)) == 1
    assert caught.value.retry_at > datetime.now(UTC) + timedelta(minutes=10)
    assert "revoked-grant" not in str(caught.value)
    # Other keys are another matter.
    client(server, KEYS, Transport(tmp_path)).check()
    assert len(sign_ins(server)) == 2


def test_a_gateways_page_is_no_wrong_login_and_is_not_asked_again_and_again(server):
    class Fronted(TastytradeServer):
        def answer(self, request):
            return Answer(HTML, 401, content_type="text/html")

    with Fronted() as fronted:
        shared = client(fronted)
        for _ in range(3):
            with pytest.raises((ServiceRefusedError, NeedsLoginError), match="web page"):
                shared.check()
        assert len(fronted.seen) == 1


def test_a_sign_in_whose_answer_is_lost_is_made_again(server):
    server.bad.cut_at_once = 1
    client(server).check()
    assert len(sign_ins(server)) == 2


def test_a_new_refresh_token_is_kept(server):
    kept = []

    class Rotating(TastytradeServer):
        def _sign_in(self, request):
            answer = super()._sign_in(request)
            return Answer(answer.body | {"refresh_token": "the-next-grant-1234"}, answer.status)

    with Rotating() as rotating:
        client(rotating, save=kept.append).check()
    assert kept == [{**KEYS, "refresh_token": "the-next-grant-1234"}]


@pytest.mark.parametrize("body", [{}, {"access_token": None}, {"access_token": 7}, [], None])
def test_a_sign_in_without_a_token_is_a_bad_answer(body):
    class Odd(TastytradeServer):
        def _sign_in(self, request):
            return Answer(body)

    with Odd() as odd, pytest.raises(ServiceAnswerError, match="access token"):
        client(odd).check()


@pytest.mark.parametrize("keys", [None, {}, {"client_secret": CLIENT_SECRET}, {**KEYS, "refresh_token": ""}])
def test_without_its_keys_the_first_call_says_how_to_connect(server, keys):
    shared = client(server, keys)
    with pytest.raises(NotConnectedError, match="workbench connect tastytrade"):
        shared.quote_token()
    assert server.seen == []


def test_no_token_is_ever_logged(server, caplog):
    caplog.set_level(logging.DEBUG)
    client(server).check()
    words = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("workbench"))
    assert "issued-token" not in words
    assert REFRESH_TOKEN not in words


# -- what an account may read ------------------------------------------------------------------------------


def test_check_says_what_may_be_read(server):
    assert "level api" in client(server).check()


def test_a_login_without_an_account_is_told_as_that_and_not_as_wrong_keys(server):
    server.customer = False
    shared = client(server)
    assert "need an open account" in shared.check()
    with pytest.raises(ServiceRefusedError, match="customers only") as caught:
        shared.quote_token()
    assert caught.value.state == "refused"
    assert len(sign_ins(server)) == 1


def test_the_quote_token_is_kept_for_the_day_and_renewed_when_it_was_refused(server):
    shared = client(server)
    first = shared.quote_token()
    assert shared.quote_token() is first
    assert shared.quote_token(True).token != first.token
    assert first.url == server.ws_url


def test_the_address_of_the_stream_can_be_set(server):
    settings = TastytradeSettings(rest_url=server.http_url, stream_url="ws://127.0.0.1:9")
    assert TastytradeClient(settings, KEYS, Transport()).quote_token().url == "ws://127.0.0.1:9"


# -- envelopes and pages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "items"),
    [
        ({"data": {"items": [{"a": 1}]}, "context": "/x"}, [{"a": 1}]),
        ({"items": [{"a": 1}, None, 7]}, [{"a": 1}]),
        ({"data": [{"a": 1}]}, [{"a": 1}]),
        ({"data": {"symbol": "SPY"}}, [{"symbol": "SPY"}]),
        ([], []),
    ],
)
def test_items_are_found_in_every_envelope(answer, items):
    assert items_of(answer) == items


@pytest.mark.parametrize("answer", [None, 7, "maintenance", {"data": None}, {"data": {"items": "none"}}])
def test_an_answer_without_items_is_a_bad_one(answer):
    with pytest.raises(ServiceAnswerError, match="without a list of items"):
        items_of(answer)


def test_pages_are_read_by_their_number_to_the_last(server):
    server.equities = {f"S{count:03d}": {"symbol": f"S{count:03d}"} for count in range(25)}
    pages = list(client(server).pages("/instruments/equities/active", size=10))
    assert [len(page) for page in pages] == [10, 10, 5]
    asked = [request.query["page-offset"] for request in server.calls("/equities/active")]
    assert asked == ["0", "1", "2"]


def test_pages_that_repeat_are_left(server):
    class Stuck(TastytradeServer):
        def _paged(self, request, rows):
            return Answer({"data": {"items": [{"symbol": "A"}]}, "pagination": {"total-pages": "9"}})

    with Stuck() as stuck, pytest.raises(ServiceAnswerError, match="twice"):
        list(client(stuck).pages("/instruments/equities/active"))


# -- symbols -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "streamer"),
    [
        ("AAPL", "AAPL", "AAPL"),
        ("BRK.B", "BRK/B", "BRK/B"),
        ("SPX", "SPX", "SPX"),
        ("SPY   260116C00602500", "SPY   260116C00602500", ".SPY260116C602.5"),
        ("AAPL1 260116P00007500", "AAPL1 260116P00007500", ".AAPL1260116P7.5"),
        ("SPXW  261120P06850000", "SPXW  261120P06850000", ".SPXW261120P6850"),
        ("F     260116C00007250", "F     260116C00007250", ".F260116C7.25"),
        ("BRKB  261218P00450000", "BRKB  261218P00450000", ".BRKB261218P450"),
    ],
)
def test_symbols_are_written_both_ways(ours, theirs, streamer):
    """The vectors of the OCC's and dxFeed's symbology guides."""
    assert (their_symbol(ours), streamer_symbol(ours)) == (theirs, streamer)
    assert our_symbol(theirs) == our_symbol(streamer) == ours
    assert our_symbol(streamer + "{=d,tho=true}") == ours


@given(
    root=st.from_regex(r"[A-Z]{1,5}[0-9]?", fullmatch=True),
    day=st.dates(date(2015, 2, 1), date(2049, 12, 31)),
    right=st.sampled_from("CP"),
    strike=st.integers(1, 99_999_999).map(lambda mills: Decimal(mills) / 1000),
)
def test_every_listed_option_comes_back_from_the_streamers_symbol(root, day, right, strike):
    symbol = OptionContract(root, day, right, strike).occ_symbol
    assert our_symbol(streamer_symbol(symbol)) == symbol
    assert our_symbol(their_symbol(symbol)) == symbol


def test_a_symbol_with_a_slash_is_one_step_of_an_address(server):
    server.dividends["BRK/B"] = [{"occurred-date": "2026-01-02", "amount": "1"}]
    path = "/market-metrics/historic-corporate-events/dividends/BRK%2FB"
    assert json.dumps(client(server).items(path)) == json.dumps(server.dividends["BRK/B"])
