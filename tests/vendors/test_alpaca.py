"""Alpaca's symbols, pages and errors."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.socket_contract import HurriedTransport
from tests.servers.alpaca import KEYS, AlpacaServer
from tests.servers.base import Answer, LocalServer
from workbench.errors import NeedsLoginError, NotConnectedError, ServiceAnswerError, ServiceRefusedError
from workbench.market import OptionContract
from workbench.settings import AlpacaSettings
from workbench.vendors.alpaca import VENDOR, AlpacaClient, our_symbol, their_symbol


class PagesServer(LocalServer):
    """Answers with the pages that a test lays out, whatever is asked."""

    def __init__(self, pages):
        super().__init__()
        self.pages = pages

    def answer(self, request):
        number = int(request.query.get("page_token") or 0)
        return Answer(self.pages(number) if callable(self.pages) else self.pages[number])


@pytest.fixture
def client_of():
    def made(server, keys=KEYS, **more):
        settings = AlpacaSettings(data_url=server.http_url, trading_url=server.http_url, **more)
        return AlpacaClient(settings, keys, HurriedTransport())

    yield made
    HurriedTransport.close_all()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK.B"),
        ("AAPL  260116C00150000", "AAPL260116C00150000"),
        ("F     260116C00012500", "F260116C00012500"),
        ("AAPL1 260116P00007500", "AAPL1260116P00007500"),
        ("SPX   260116C06000000", "SPX260116C06000000"),
        ("SPXW  260116C06000000", "SPXW260116C06000000"),
        ("BRKB  261218P00450000", "BRKB261218P00450000"),
        ("ABCDEF260116C00000500", "ABCDEF260116C00000500"),
        ("BTC/USD", "BTC/USD"),
    ],
)
def test_symbols_both_ways(ours, theirs):
    """Vectors by the OCC's Options Symbology Initiative."""
    assert their_symbol(ours) == theirs
    assert our_symbol(theirs) == ours


@pytest.mark.parametrize("text", ["BRK/B", "BRK B", "BRK.B"])
def test_a_share_class_is_written_with_a_dot(text):
    assert their_symbol(text) == "BRK.B"


@given(
    st.from_regex(r"[A-Z]{1,5}[1-9]?", fullmatch=True),
    st.dates(date(2015, 1, 1), date(2049, 12, 31)),
    st.sampled_from("CP"),
    st.integers(1, 99_999_999),
)
def test_every_option_comes_back_from_its_translation(root, expiry, right, strike):
    symbol = OptionContract(root, expiry, right, Decimal(strike) / 1000).occ_symbol
    assert our_symbol(their_symbol(symbol)) == symbol
    assert " " not in their_symbol(symbol)


def pages_of(client):
    return list(client.data_pages("/v2/stocks/bars", {"symbols": "A"}))


def test_empty_pages_with_a_token_are_gone_past(client_of):
    pages = [
        {"bars": {}, "next_page_token": "1"},
        {"bars": None, "next_page_token": "2"},
        {"bars": {"A": []}, "next_page_token": "3"},
        {"bars": {}, "next_page_token": "4"},
        {"bars": {"A": [1]}, "next_page_token": ""},
    ]
    with PagesServer(pages) as server:
        found = pages_of(client_of(server))
    assert [page["bars"] for page in found][-1] == {"A": [1]}
    assert len(found) == 5


def test_the_same_page_under_ever_new_tokens_ends(client_of):
    with PagesServer(lambda number: {"bars": {"A": [1]}, "next_page_token": str(number + 1)}) as server:
        with pytest.raises(ServiceAnswerError, match="circle"):
            pages_of(client_of(server))
        assert len(server.seen) < 10


def test_ever_new_empty_pages_end(client_of):
    with PagesServer(lambda number: {"bars": {}, "next_page_token": str(number + 1)}) as server:
        with pytest.raises(ServiceAnswerError, match="circle"):
            pages_of(client_of(server))
        assert len(server.seen) < 150


@pytest.mark.parametrize(
    "token",
    [7, ["x"], {"page": 2}, True, "http://other.example/next", "//other.example/next\n", "x" * 5000, "a b"],
)
def test_a_token_that_is_none_is_not_asked_for(client_of, token):
    with PagesServer([{"bars": {"A": [1]}, "next_page_token": token}]) as server:
        pages = client_of(server).data_pages("/v2/stocks/bars", {"symbols": "A"})
        assert next(pages)["bars"] == {"A": [1]}
        with pytest.raises(ServiceAnswerError, match="no token"):
            next(pages)
        assert len(server.seen) == 1


def test_keys_go_into_headers_and_not_into_addresses(client_of):
    with PagesServer([{"bars": {}, "next_page_token": None}]) as server:
        pages_of(client_of(server))
        request = server.seen[0]
    assert request.headers["apca-api-key-id"] == KEYS["key_id"]
    assert request.headers["apca-api-secret-key"] == KEYS["secret_key"]
    assert request.query == {"symbols": "A"}


def refused(status, body):
    server = LocalServer()
    server.bad.refusal = (status, body)
    return server


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (
            401,
            {"code": 40110000, "message": "request is not authorized"},
            NeedsLoginError,
            "workbench connect alpaca",
        ),
        (403, {"message": "forbidden."}, NeedsLoginError, "paper"),
        (
            403,
            {"message": "subscription does not permit querying recent SIP data"},
            ServiceRefusedError,
            "last 15 minutes",
        ),
        (403, {"message": "OPRA agreement is not signed"}, ServiceRefusedError, "option_feed"),
        (
            403,
            {"code": 40310000, "message": "account is restricted"},
            ServiceRefusedError,
            "account is restricted",
        ),
        (422, {"code": 42210000, "message": "invalid start"}, ServiceRefusedError, "invalid start"),
        (404, {"message": "endpoint not found."}, ServiceRefusedError, "endpoint not found"),
    ],
)
def test_refusals_say_what_they_mean(client_of, status, body, error, words):
    with refused(status, body) as server, pytest.raises(error, match=words):
        client_of(server).data("/v2/stocks/bars", {})


def test_what_the_trading_host_refuses_says_nothing_of_the_data_host(client_of):
    with AlpacaServer() as server:
        server.trading_refuses = True
        client = client_of(server)
        with pytest.raises(NeedsLoginError):
            client.trading("/v2/clock")
        assert client.data("/v2/stocks/quotes/latest", {"symbols": "AAPL"}) == {"quotes": {}}


def test_the_check_says_what_the_account_may_read(client_of):
    with AlpacaServer() as server:
        client = client_of(server)
        assert client.check() == (
            "real-time IEX quotes, trades and bars; options indicative; contracts and open interest."
        )
        server.trading_refuses = True
        assert "no contracts and open interest: Alpaca does not take the keys" in client.check()
        with pytest.raises(NeedsLoginError):
            client_of(server, keys={"key_id": "wrong-key-00", "secret_key": "wrong-secret-00"}).check()
    with pytest.raises(NotConnectedError, match="workbench connect alpaca"):
        client_of(server, keys=None).check()


def test_the_vendor_names_what_it_needs():
    assert [part.name for part in VENDOR.credentials] == ["key_id", "secret_key"]
    assert VENDOR.credentials[1].secret
