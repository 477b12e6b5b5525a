"""Polygon keeps the contracts of providers, of services over a network, and of live feeds."""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from tests.contracts.feed_contract import EVENTS, FeedContract, events
from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.base import ALWAYS, BadDays
from tests.servers.feed import run
from tests.servers.polygon import KEY, PolygonServer
from workbench.errors import (
    IncompleteAnswerError,
    MissingDataError,
    NeedsLoginError,
    ServiceRefusedError,
    UnknownSymbolError,
)
from workbench.providers.polygon import PolygonProvider
from workbench.settings import PolygonSettings
from workbench.transport import Transport
from workbench.vendors.polygon import PolygonClient

KEYS = {"api_key": KEY}
FIRST, LAST = "2026-10-26", "2026-11-06"  # clocks change in New York on the first of November
SESSIONS = pd.bdate_range(FIRST, LAST)
# 2026-11-05 14:30:00.123456789 UTC
T_NS = 1_793_889_000_123_456_789


def midnight(day: Any) -> int:
    """Return midnight in New York in milliseconds, as the service stamps daily bars."""
    return int(pd.Timestamp(day).tz_localize("America/New_York").timestamp() * 1000)


def aggregate(ms: int, price: float) -> dict[str, Any]:
    """Return a bar whose close is a quarter above `price`."""
    return {
        "v": 1000.5, "vw": price + 0.1, "o": price, "c": price + 0.25, "h": price + 0.5, "l": price - 0.5,
        "t": ms, "n": 17,
    }  # fmt: skip


def contract(ticker: str, strike: float, kind: str, **more: Any) -> dict[str, Any]:
    """Return a snapshot of a contract that expires on 15 January 2027."""
    return {
        "break_even_price": 179.075,
        "day": {"close": 29.0, "volume": 8, "vwap": 30.7738, "last_updated": T_NS},
        "details": {
            "contract_type": kind, "exercise_style": "american", "expiration_date": "2027-01-15",
            "shares_per_contract": 100, "strike_price": strike, "ticker": ticker,
        },
        "greeks": {"delta": 0.55, "gamma": 0.0061, "theta": -0.028, "vega": 0.638},
        "implied_volatility": 0.357,
        "last_quote": {
            "ask": 29.25, "ask_size": 209, "bid": 28.9, "bid_size": 294, "last_updated": T_NS,
            "midpoint": 29.075, "timeframe": "REAL-TIME",
        },
        "last_trade": {"price": 29.1, "size": 2, "sip_timestamp": T_NS, "timeframe": "REAL-TIME"},
        "open_interest": 8133,
        "underlying_asset": {"price": 159.96, "ticker": "AAPL", "timeframe": "REAL-TIME"},
        **more,
    }  # fmt: skip


def world(server: PolygonServer) -> PolygonServer:
    """Fill a server with what the tests ask for."""
    for ticker in ("AAPL", "BRK.B"):
        server.aggregates[ticker, "1/day"] = [
            aggregate(midnight(day), 200 + place / 8) for place, day in enumerate(SESSIONS)
        ]
    minutes = pd.date_range("2026-11-05 14:30", periods=5, freq="min", tz="UTC")
    server.aggregates["AAPL", "1/minute"] = [
        aggregate(int(minute.timestamp() * 1000), 200 + place) for place, minute in enumerate(minutes)
    ]
    server.aggregates["O:AAPL270115C00150000", "1/day"] = [aggregate(midnight(LAST), 29.0)]
    server.aggregates["I:SPX", "1/day"] = [aggregate(midnight(LAST), 6850.0)]
    server.quotes["AAPL"] = [
        {
            "ask_exchange": 15, "ask_price": 155.87, "ask_size": 300, "bid_exchange": 19, "bid_price": 155.85,
            "bid_size": 400, "participant_timestamp": T_NS + place - 10**6,
            "sequence_number": 19_288_684 + place, "sip_timestamp": T_NS + place * 10**9, "tape": 3,
        }
        for place in range(3)
    ]  # fmt: skip
    server.trades["AAPL"] = [
        {
            "conditions": [12, 37], "exchange": exchange, "id": "183276", "price": 156.43, "size": 10,
            "sequence_number": 7_179_341, "sip_timestamp": T_NS, "participant_timestamp": T_NS - 5, "tape": 3,
        }
        for exchange in (11, 12)
    ]  # fmt: skip
    server.snapshots["AAPL"] = {
        "ticker": "AAPL", "type": "stocks", "market_status": "open", "name": "Apple Inc.",
        "last_quote": {"bid": 155.65, "ask": 155.66, "bid_size": 100, "ask_size": 1400, "last_updated": T_NS,
                       "timeframe": "REAL-TIME"},
    }  # fmt: skip
    server.snapshots["I:SPX"] = {"ticker": "I:SPX", "type": "indices", "value": 6850.92}
    server.chains["AAPL"] = [
        contract("O:AAPL270115C00150000", 150, "call"),
        contract("O:AAPL270115P00150000", 150, "put", greeks={}, implied_volatility=None),
        contract("O:AAPL1270115C00150000", 150, "call"),
    ]
    server.chains["AAPL"][2]["details"]["shares_per_contract"] = 150
    server.lists["/v3/reference/tickers"] = [
        {"ticker": ticker, "name": name, "market": "stocks", "active": True}
        for ticker, name in (
            ("A", "Agilent"), ("AAPL", "Apple Inc."), ("BRK.B", "Berkshire Hathaway"), ("SPY", "SPDR S&P 500")
        )
    ] + [{"ticker": "I:SPX", "name": "S&P 500", "market": "indices", "active": True}]  # fmt: skip
    server.lists["/v3/reference/options/contracts"] = [
        {"ticker": "O:AAPL270115C00150000", "underlying_ticker": "AAPL"}
    ]
    server.lists["/v3/reference/splits"] = [
        {"id": "a", "execution_date": "2020-08-31", "split_from": 1, "split_to": 4, "ticker": "AAPL"},
        {"id": "b", "execution_date": "2022-05-20", "split_from": 2, "split_to": 1, "ticker": "BRW"},
    ]
    server.lists["/v3/reference/dividends"] = [
        {"id": "E1", "ticker": "AAPL", "cash_amount": 0.26, "currency": "USD", "dividend_type": "CD",
         "ex_dividend_date": "2026-08-10", "frequency": 4},
        {"id": "E2", "ticker": "AAPL", "cash_amount": 1.0, "currency": "USD", "dividend_type": "SC",
         "ex_dividend_date": "2026-08-10", "frequency": 0},
        {"id": "E3", "ticker": "AAPL", "cash_amount": 0.26, "currency": "USD", "dividend_type": "CD",
         "ex_dividend_date": "2026-11-09", "frequency": 4},
    ]  # fmt: skip
    server.lists["/v2/reference/news"] = [
        {"id": "n1", "publisher": {"name": "Newswire"}, "title": "Apple ships", "author": "A. Writer",
         "published_utc": "2026-11-05T14:00:00Z", "article_url": "https://example.org/1",
         "tickers": ["AAPL", "MSFT"], "description": "It ships.", "insights": [
             {"ticker": "AAPL", "sentiment": "positive", "sentiment_reasoning": "sales"},
             {"ticker": "MSFT", "sentiment": "neutral", "sentiment_reasoning": "none"}]},
        {"id": "n2", "publisher": {"name": "Newswire"}, "title": "Apple waits", "published_utc":
         "2026-11-06T14:00:00Z", "article_url": "https://example.org/2", "tickers": ["AAPL"]},
    ]  # fmt: skip
    server.lists["/fed/v1/treasury-yields"] = [
        {"date": "2026-11-04", "yield_1_month": 4.0, "yield_10_year": 4.34, "yield_30_year": None},
        {"date": "2026-11-05", "yield_1_month": 4.01, "yield_10_year": 4.36, "yield_30_year": 4.7},
    ]
    return server


def connect(
    server: PolygonServer, keys: Mapping[str, str] | None = KEYS, transport: Transport | None = None
) -> PolygonProvider:
    settings = PolygonSettings(rest_url=server.http_url, stream_url=server.ws_url)
    return PolygonProvider(PolygonClient(settings, keys, transport or HurriedTransport()))


@pytest.fixture
def server():
    with PolygonServer() as server:
        yield world(server)


class TestPolygon(SocketContract, ProviderContract):
    kinds = (
        "bars", "corporate_actions", "quotes", "trades", "latest_quotes", "option_chain", "news", "rates",
        "stream",
    )  # fmt: skip

    @pytest.fixture
    def promised(self, server):
        day = {"start": "2026-11-01", "end": "2026-11-30"}
        return Promised(
            connect(server),
            "AAPL",
            "AAPLL",
            FIRST,
            LAST,
            ("2026-10-27", 200.375),
            known={
                "quotes": Known(
                    {"symbol": "AAPL", "time": "2026-11-05 14:30:00.123456", "sequence": 19_288_684,
                     "bid": 155.85, "ask": 155.87, "bid_size": 400.0, "ask_size": 300.0}, **day,
                ),
                "trades": Known(
                    {"time": "2026-11-05 14:30:00.123456", "trade_id": "183276@12", "price": 156.43,
                     "conditions": "12,37"}, **day,
                ),
                "latest_quotes": Known(
                    {"symbol": "AAPL", "time": "2026-11-05 14:30:00.123456", "sequence": 789, "bid": 155.65,
                     "ask_size": 1400.0}
                ),
                "option_chain": Known(
                    {"symbol": "AAPL  270115C00150000", "bid": 28.9, "last": 29.1, "vendor_theta": -0.028,
                     "underlying_price": 159.96, "multiplier": 100.0, "open_interest": 8133.0, "flag": None}
                ),
                "news": Known(
                    {"source_id": "n1", "time": "2026-11-05 14:00:00", "symbols": "AAPL,MSFT",
                     "sentiment": 0.5, "headline": "Apple ships"}, **day,
                ),
                # 2 ln(1 + 0.0434/2), Hull (2018), 4.4.
                "rates": Known({"date": "2026-11-04", "years": 10.0, "rate": 0.04293581323048195}, **day),
                "corporate_actions": Known({}, "2020-01-01", "2026-12-31"),
            },
        )  # fmt: skip

    @pytest.fixture
    def connected(self, server):
        words = "You are not entitled to this data. Please upgrade your plan"
        return Connected(
            server=server,
            connect=lambda keys, transport: connect(server, keys, transport),
            keys=KEYS,
            ask=lambda provider: provider.bars(["AAPL"], FIRST, LAST),
            refusal=(403, {"status": "NOT_AUTHORIZED", "request_id": "r", "message": words}, "not entitled"),
            pages_path="/v2/aggs/",
        )


class TestPolygonFeed(FeedContract):
    symbols = ("AAPL", "BRK.B", "SPY   270115C00602500", "AAPL1 270115P00007500")
    kinds = ("quotes", "trades", "bars")
    largest_chunk = 200

    @pytest.fixture
    def make_feed(self, server):
        return lambda: connect(server).stream(self.kinds)

    @pytest.fixture
    def server(self, server):
        return server

    has_heartbeats = False  # the service sends none; the websocket's own pings tell that it lives

    def send(self, server, kind, event):
        server.emit(as_event(kind, event))

    def send_malformed(self, server):
        server.emit({"ev": "Q", "sym": "AAPL", "bp": "much", "ap": 1, "t": 1}, {"ev": "??"})

    def expire(self, server):
        server.bad.expired = True

    def subscribed(self, server, kind):
        from workbench.vendors.polygon import our_symbol

        prefix = {"quotes": "Q.", "trades": "T.", "bars": "AM."}[kind]
        return {our_symbol(name[len(prefix) :]) for name in server.subscribed() if name.startswith(prefix)}

    def refuse(self, server, symbol):
        server.unknown.add(symbol)

    def chunks(self, server):
        return server.asked


def as_event(kind: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Write an event of ours as the service does."""
    from workbench.vendors.polygon import their_symbol

    ticker, ms = their_symbol(event["symbol"]), event["time_ns"] // 10**6
    if kind == "quotes":
        # The service writes zero for a side that is empty.
        return {
            "ev": "Q", "sym": ticker, "bx": 4, "bp": event["bid"] or 0, "bs": event["bid_size"] or 0, "ax": 7,
            "ap": event["ask"], "as": event["ask_size"], "c": 0, "t": ms, "q": event["sequence"], "z": 3,
        }  # fmt: skip
    if kind == "trades":
        return {
            "ev": "T", "sym": ticker, "i": event["trade_id"], "p": event["price"], "s": event["size"],
            "t": ms, "q": 3681328,
        }  # fmt: skip
    return {
        "ev": "AM", "sym": ticker, "v": event["volume"], "av": 9, "op": 1.0, "vw": event["vwap"],
        "o": event["open"], "c": event["close"], "h": event["high"], "l": event["low"], "a": 1.0, "z": 9,
        "s": ms, "e": ms + 60_000,
    }  # fmt: skip


# -- what is the service's own ----------------------------------------------------------------------------


def test_daily_bars_are_dated_by_their_session_on_both_sides_of_a_clock_change(server):
    bars = connect(server).bars(["AAPL"], FIRST, LAST)
    assert list(bars["time"]) == [pd.Timestamp(day, tz="UTC") for day in SESSIONS]


def test_prices_are_asked_for_raw_and_pages_only_by_their_address(server):
    connect(server).bars(["AAPL"], FIRST, LAST)
    first, *later = server.calls("/v2/aggs/")
    assert first.query["adjusted"] == "false"
    assert len(later) == 4
    assert all(set(request.query) == {"cursor"} for request in later)


def test_a_next_page_under_the_services_older_name_is_its_own(server):
    server.next_host = "https://api.polygon.io"
    assert len(connect(server).bars(["AAPL"], FIRST, LAST)) == len(SESSIONS)


def test_minutes_are_asked_for_and_given_as_instants(server):
    bars = connect(server).bars(["AAPL"], "2026-11-05T14:31:00Z", "2026-11-05T14:33:00Z", "1m")
    assert list(bars["time"].dt.strftime("%H:%M")) == ["14:31", "14:32", "14:33"]
    assert bars["volume"].iloc[0] == 1000.5
    assert bars["vwap"].iloc[0] == pytest.approx(201.1)


def test_bars_of_several_minutes_are_asked_for_in_periods_that_fit_a_page(server):
    server.aggregates["AAPL", "5/minute"] = [aggregate(1_793_889_000_000, 200.0)]
    assert len(connect(server).bars(["AAPL"], "2026-07-01", "2026-11-30", "5m")) == 1
    edges = [tuple(map(int, request.path.split("/")[-2:])) for request in server.calls("/range/5/minute/")]
    assert len(edges) == 3
    assert all(last - first < 60 * 86_400_000 for first, last in edges)
    assert [last + 1 for _, last in edges[:-1]] == [first for first, _ in edges[1:]]


def test_a_bar_that_a_later_page_restates_is_there_once_and_told(server):
    held = server.aggregates["AAPL", "1/day"]
    held.append(held[0] | {"c": 200.5})
    provider = connect(server)
    bars = provider.bars(["AAPL"], FIRST, LAST)
    assert len(bars) == len(SESSIONS)
    assert bars["close"].iloc[0] == 200.5
    assert provider.quarantined()["reason"].str.contains("later page").tolist() == [True]


def test_pages_without_a_new_row_end_though_each_has_an_address_of_its_own(server):
    """A server that never tires of making addresses for what it has said already."""
    answer, count = server.answer, iter(range(10**6))

    def endless(request):
        found = answer(request)
        if "/aggs/" in request.path:
            found.body["next_url"] = f"{server.http_url}{request.path}?cursor={_CURSOR}&n={next(count)}"
        return found

    server.answer = endless
    with pytest.raises(IncompleteAnswerError) as caught:
        connect(server).bars(["AAPL"], FIRST, LAST)
    assert caught.value.state == "bad_answer"
    assert len(server.seen) < 12


# The second page, as the server of these tests writes it.
_CURSOR = base64.urlsafe_b64encode(b'{"query": {}, "token": "page-2"}').decode()


def test_options_and_indices_are_asked_for_by_their_tickers(server):
    provider = connect(server)
    bars = provider.bars(["AAPL  270115C00150000", "SPX"], LAST, LAST)
    assert dict(zip(bars["symbol"], bars["close"], strict=True)) == {
        "AAPL  270115C00150000": 29.25,
        "SPX": 6850.25,
    }


def test_a_split_is_new_shares_for_old_and_dividends_of_one_day_add_up(server):
    actions = connect(server).corporate_actions(["AAPL"], "2020-01-01", "2026-12-31")
    assert [tuple(row) for row in actions[["kind", "value"]].itertuples(index=False)] == [
        ("split", 4.0),
        ("dividend", pytest.approx(1.26)),
        ("dividend", 0.26),
    ]


def test_a_dividend_in_another_currency_is_set_aside(server):
    server.lists["/v3/reference/dividends"][2]["currency"] = "CAD"
    provider = connect(server)
    assert len(provider.corporate_actions(["AAPL"])) == 2
    assert "CAD" in provider.quarantined()["reason"].iloc[0]


def test_trades_of_two_exchanges_with_one_number_are_two(server):
    trades = connect(server).trades(["AAPL"], "2026-11-05", "2026-11-05")
    assert list(trades["trade_id"]) == ["183276@11", "183276@12"]


def test_all_ticks_that_ever_were_are_not_asked_for(server):
    with pytest.raises(MissingDataError, match="`start`"):
        connect(server).trades(["AAPL"])
    assert server.seen == []


def test_a_contract_without_greeks_or_quote_is_there_and_lacks_them(server):
    del server.chains["AAPL"][1]["last_quote"]
    del server.chains["AAPL"][1]["last_trade"]
    chain = connect(server).option_chain("AAPL").set_index("symbol")
    put = chain.loc["AAPL  270115P00150000"]
    assert put[["bid", "ask", "vendor_delta", "vendor_implied_volatility"]].isna().all()
    assert put["last"] == 29.0
    adjusted = chain.loc["AAPL1 270115C00150000"]
    assert (adjusted["multiplier"], adjusted["flag"]) == (150, "adjusted")


def test_delayed_quotes_say_so_in_words(server):
    for each in server.chains["AAPL"]:
        each["last_quote"]["timeframe"] = "DELAYED"
    assert set(connect(server).option_chain("AAPL")["flag"]) == {"delayed", "adjusted, delayed"}


def test_a_chain_of_an_index_keeps_its_two_roots_apart(server):
    asset = {"underlying_asset": {"value": 6850.92, "ticker": "I:SPX"}}
    server.chains["I:SPX"] = [
        contract("O:SPX270115C06850000", 6850, "call", **asset),
        contract("O:SPXW270115C06850000", 6850, "call", **asset),
    ]
    for each in server.chains["I:SPX"]:
        each["details"]["exercise_style"] = "european"
    chain = connect(server).option_chain("SPX")
    assert list(chain["symbol"]) == ["SPX   270115C06850000", "SPXW  270115C06850000"]
    assert set(chain["underlying"]) == {"SPX"}
    assert set(chain["exercise"]) == {"european"}
    assert set(chain["underlying_price"]) == {6850.92}


def test_lies_in_a_chain_are_set_aside(server):
    chain = server.chains["AAPL"]
    del chain[0]["details"]["shares_per_contract"]
    chain[1]["details"]["strike_price"] = 155
    chain.append(contract("O:MSFT270115C00150000", 150, "call", underlying_asset={"ticker": "MSFT"}))
    provider = connect(server)
    assert list(provider.option_chain("AAPL")["symbol"]) == ["AAPL1 270115C00150000"]
    reasons = " | ".join(provider.quarantined()["reason"])
    assert "shares_per_contract" in reasons
    assert "does not fit" in reasons
    assert "asked" in reasons


def test_a_contract_that_also_delivers_something_else_is_told(server):
    more = [{"type": "equity", "underlying": "VMW", "amount": 44}, {"type": "currency", "amount": 6.53}]
    server.chains["AAPL"][0]["details"]["additional_underlyings"] = more
    chain = connect(server).option_chain("AAPL").set_index("symbol")
    assert chain.loc["AAPL  270115C00150000", "flag"] == "adjusted"


def test_one_expiry_is_asked_for_by_its_date(server):
    assert len(connect(server).option_chain("AAPL", "2027-01-15")) == 3
    assert connect(server).option_chain("AAPL", "2027-01-22").empty
    assert server.calls("/v3/snapshot/options")[0].query["expiration_date"] == "2027-01-15"


def test_an_index_has_no_quote_and_says_so(server):
    provider = connect(server)
    assert list(provider.latest_quotes(["AAPL", "SPX"])["symbol"]) == ["AAPL"]
    assert "index" in provider.quarantined()["reason"].iloc[0]


def test_a_symbol_is_asked_after_only_when_its_answer_is_empty(server):
    provider = connect(server)
    provider.bars(["AAPL"], FIRST, LAST)
    assert server.calls("/v3/reference") == []
    assert provider.bars(["AAPL"], "1951-01-01", "1951-02-01").empty
    with pytest.raises(UnknownSymbolError, match="AAPL"):
        provider.bars(["APPL"], FIRST, LAST)


def test_what_is_said_about_the_account_is_what_it_may_read(server):
    server.snapshots["AAPL"]["last_quote"]["timeframe"] = "DELAYED"
    server.plan_refuses.add("/v3/snapshot/options")
    client = PolygonClient(PolygonSettings(rest_url=server.http_url), KEYS, HurriedTransport())
    said = client.check()
    assert "delayed" in said
    assert "option chains not in this plan" in said
    server.bad.expired = True
    with pytest.raises(NeedsLoginError):
        client.check()


def test_the_calls_of_the_free_plan_are_counted(server):
    settings = PolygonSettings(rest_url=server.http_url, calls_per_minute=2)
    provider = PolygonProvider(PolygonClient(settings, KEYS, HurriedTransport(patience=0.3)))
    with pytest.raises(IncompleteAnswerError) as caught:
        provider.bars(["AAPL"], FIRST, LAST)
    assert caught.value.state == "rate_limited"
    assert len(server.seen) == 2


def test_a_limit_without_a_time_is_waited_for(server):
    server.limit_headers = lambda seconds: {}
    server.bad.limit(0.8)
    assert len(connect(server).bars(["AAPL"], FIRST, LAST)) == len(SESSIONS)


def test_the_clock_of_the_service_is_asked(server):
    provider = connect(server)
    assert provider.market_open() is True
    server.market = {"market": "extended-hours", "exchanges": {"nyse": "extended-hours"}}
    assert provider.market_open() is False


def test_an_index_streams_its_value(server):
    async def work():
        feed = connect(server).stream(("trades",))
        await feed.open()
        await feed.subscribe({"trades": ["SPX"]})
        server.emit({"ev": "V", "T": "I:SPX", "val": 6850.92, "t": 1_793_889_000_123})
        rows = (await events(feed, "trades", 1))["trades"]
        assert rows == [
            ("SPX", T_NS // 10**6 * 10**6, f"value {T_NS // 10**6 * 10**6}", 6850.92, None, "index value")
        ]
        await feed.close()

    run(work())


def test_quotes_of_an_index_are_refused_in_words_unless_its_value_is_wanted_too(server):
    async def work():
        feed = connect(server).stream(("quotes", "trades"))
        await feed.open()
        with pytest.raises(ServiceRefusedError, match=r"SPX.*value"):
            await feed.subscribe({"quotes": ["SPX", "AAPL"]})
        await feed.subscribe({"quotes": ["SPX"], "trades": ["SPX"]})
        assert server.subscribed() == {"Q.AAPL", "V.I:SPX"}
        await feed.close()

    run(work())


def test_more_contracts_than_a_connection_carries_are_refused_by_name(server):
    contracts = [f"SPY   270115C{strike:05d}000" for strike in range(1, 1003)]

    async def work():
        feed = connect(server).stream(("quotes",))
        await feed.open()
        with pytest.raises(ServiceRefusedError, match=r"SPY   270115C01001000, SPY   270115C01002000: one"):
            await feed.subscribe({"quotes": contracts})
        assert len(server.subscribed()) == 1000
        await feed.close()

    run(work())


def test_silence_after_a_subscription_is_a_refusal(server):
    server.silent.add("Q.MSFT")

    async def work():
        feed = connect(server).stream(("quotes",))
        feed._patience = 0.3
        await feed.open()
        with pytest.raises(ServiceRefusedError, match=r"MSFT.*did not acknowledge") as caught:
            await feed.subscribe({"quotes": ["AAPL", "MSFT"]})
        assert "AAPL" not in str(caught.value)
        server.emit(as_event("quotes", {"symbol": "AAPL", **EVENTS["quotes"]}))
        assert len((await events(feed, "quotes", 1))["quotes"]) == 1
        await feed.close()

    run(work())


@pytest.mark.parametrize(
    ("answer", "error", "state"),
    [
        (("auth_failed", "authentication failed"), NeedsLoginError, "needs_login"),
        (("auth_failed", "Your plan doesn't include websocket access."), ServiceRefusedError, "refused"),
        (("max_connections", "Maximum number of connections exceeded."), ServiceRefusedError, "refused"),
    ],
)  # fmt: skip
def test_a_refused_sign_in_says_what_to_do(server, answer, error, state):
    server.auth_answer = dict.fromkeys(("stocks", "options", "indices"), answer)
    with pytest.raises(error) as caught:
        run(connect(server).stream(("quotes",)).open())
    assert caught.value.state == state
    assert answer[1] in str(caught.value)


def test_an_error_in_the_middle_of_a_stream_is_told_and_does_not_end_it(server):
    async def work():
        feed = connect(server).stream(("quotes",))
        await feed.open()
        await feed.subscribe({"quotes": ["AAPL"]})
        server.say('[{"ev":"status","status":"error","message":"a hiccup"}]')
        server.emit(as_event("quotes", {"symbol": "AAPL", **EVENTS["quotes"]}))
        await events(feed, "quotes", 1, batches := [])
        assert [bad[1] for batch in batches for bad in batch.bad] == [
            "the service tells of an error: a hiccup"
        ]
        await feed.close()

    run(work())


def test_a_plan_for_options_alone_streams_options(server):
    server.auth_answer = {"stocks": ("auth_failed", "Your plan doesn't include websocket access.")}

    async def work():
        feed = connect(server).stream(("quotes",))
        await feed.open()
        await feed.subscribe({"quotes": ["SPY   270115C00602500"]})
        with pytest.raises(ServiceRefusedError, match="AAPL"):
            await feed.subscribe({"quotes": ["AAPL"]})
        await feed.close()

    run(work())


def test_who_receives_and_who_subscribes_may_do_so_at_once(server):
    async def work():
        feed = connect(server).stream(("quotes",))
        await feed.open()
        await feed.subscribe({"quotes": ["AAPL"]})
        waiting = asyncio.ensure_future(events(feed, "quotes", 1))
        await asyncio.sleep(0.05)
        await feed.subscribe({"quotes": ["MSFT", "SPY"]})
        server.emit(as_event("quotes", {"symbol": "SPY", **EVENTS["quotes"]}))
        assert (await waiting)["quotes"][0][0] == "SPY"
        await feed.close()

    run(work())


def test_a_day_of_failures_leaves_the_actions_that_had_come(server):
    server.bad = BadDays(failing=ALWAYS, only=lambda request: "dividends" in request.path)
    with pytest.raises(IncompleteAnswerError) as caught:
        connect(server).corporate_actions(["AAPL"])
    assert list(caught.value.rows["kind"]) == ["split"]
