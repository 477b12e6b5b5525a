"""tastytrade keeps the contracts of providers, of services over a network, and of live feeds."""

import time
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from tests.contracts.feed_contract import FeedContract
from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.tastytrade import CLIENT_SECRET, REFRESH_TOKEN, TastytradeServer
from workbench.providers.tastytrade import TastytradeProvider
from workbench.settings import TastytradeSettings
from workbench.transport import Transport
from workbench.vendors.tastytrade import TastytradeClient, our_symbol, streamer_symbol

KEYS = {"client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
FIRST, LAST = "2026-01-05", "2026-03-31"
SESSIONS = pd.bdate_range(FIRST, LAST)
EXPIRY = "2030-01-18"  # a third Friday: SPX settles at the open then, SPXW at the close


def world(server: TastytradeServer) -> TastytradeServer:
    """Fill a server with what the tests ask for."""
    for symbol in ("AAPL", "BRK/B", "MSFT", "SPY", "AA"):
        listed = {"symbol": symbol, "instrument-type": "Equity", "streamer-symbol": symbol}
        server.equities[symbol] = listed
    # In the notation of dxFeed a daily candle is {=d}, and begins at midnight UTC.
    server.candles["AAPL", "d"] = [candle(day, 200 + place / 8) for place, day in enumerate(SESSIONS)]
    server.candles["BRK/B", "d"] = [candle(day, 500.0) for day in SESSIONS[:3]]
    minutes = pd.date_range("2026-01-05 14:30", periods=390, freq="min", tz="UTC")
    server.candles["AAPL", "m"] = [candle(minute, 200 + place / 64) for place, minute in enumerate(minutes)]
    server.market_data["AAPL"] = quote("AAPL", "210.11", "210.14", "3.0", "12.0", mark="210.125")
    server.market_data["BRK/B"] = quote("BRK/B", "500.1", "500.2", "1.0", "1.0")
    server.market_data["SPX"] = {
        "symbol": "SPX", "instrument-type": "Index", "updated-at": "2026-11-20T20:59:59.001Z",
        "last": "6850.92", "mark": "6850.92", "bid-size": "0.0", "ask-size": "0.0",
    }  # fmt: skip
    server.dividends["AAPL"] = [
        {"occurred-date": "2025-11-10", "amount": "0.26"},
        {"occurred-date": "2026-02-09", "amount": "0.26"},
    ]
    server.earnings["AAPL"] = [
        {"occurred-date": "2025-10-30", "eps": "1.85"},
        {"occurred-date": "2026-01-29", "eps": "2.84"},
    ]
    server.metrics["AAPL"] = {
        "symbol": "AAPL", "implied-volatility-index": "0.291", "implied-volatility-index-rank": "0.312",
        "liquidity-rating": 4, "beta": "1.09", "market-cap": "3800000000000", "lendability": "Easy To Borrow",
        "updated-at": "2026-11-20T21:15:00.000Z", "listed-market": "XNAS",
        "implied-volatility-updated-at": "2026-11-20T21:15:00.000Z",
        "option-expiration-implied-volatilities": [
            {"expiration-date": EXPIRY, "option-chain-type": "Standard", "settlement-type": "PM",
             "implied-volatility": "0.27"},
        ],
        "earnings": {
            "visible": True, "expected-report-date": "2026-01-28", "estimated": True, "time-of-day": "AMC",
            "quarter-end-date": "2026-12-31", "consensus-estimate": "2.91", "actual-eps": None,
        },
    }  # fmt: skip
    server.metrics["AAPL"]["earnings"]["expected-report-date"] = "2027-01-28"
    add_chain(server, "AAPL", "AAPL", (200.0, 210.0), multiplier=100)
    return server


def candle(at: pd.Timestamp, price: float) -> dict[str, Any]:
    """Return a candle whose close is a quarter above `price`."""
    return {
        "time": int(at.timestamp() * 1000), "open": price, "high": price + 0.5, "low": price - 0.5,
        "close": price + 0.25, "volume": 1_000.0, "vwap": price + 0.1,
    }  # fmt: skip


def quote(symbol: str, bid: str, ask: str, bid_size: str, ask_size: str, **more: Any) -> dict[str, Any]:
    """Return a REST quote as the service writes it: numbers are texts."""
    kind = "Equity Option" if " " in symbol else "Equity"
    return {
        "symbol": symbol, "instrument-type": kind, "updated-at": "2026-11-20T20:59:59.123Z", "bid": bid,
        "ask": ask, "bid-size": bid_size, "ask-size": ask_size, "last": bid, **more,
    }  # fmt: skip


def add_chain(
    server: TastytradeServer,
    underlying: str,
    root: str,
    strikes: tuple[float, ...],
    *,
    multiplier: int,
    settlement: str = "PM",
    kind: str = "Standard",
) -> None:
    """Add one root's contracts of one expiry, with quotes; their Greeks are on the stream alone."""
    rows = []
    for strike in strikes:
        row: dict[str, Any] = {"strike-price": f"{strike:.1f}"}
        for right in ("call", "put"):
            symbol = f"{root:<6}300118{right[0].upper()}{int(strike * 1000):08d}"
            row[right] = symbol
            row[f"{right}-streamer-symbol"] = streamer_symbol(symbol)
            server.options[symbol] = {"symbol": symbol, "streamer-symbol": streamer_symbol(symbol)}
            server.market_data[symbol] = quote(symbol, "9.97", "10.11", "10.0", "12.0")
            server.greeks[streamer_symbol(symbol)] = {
                "volatility": 0.31, "delta": 0.55 if right == "call" else -0.45, "gamma": 0.01,
                "theta": -0.02, "vega": 0.4,
            }  # fmt: skip
            server.summaries[streamer_symbol(symbol)] = {"openInterest": 927}
        rows.append(row)
    expiration = {
        "expiration-type": "Regular", "expiration-date": EXPIRY, "days-to-expiration": 1154,
        "settlement-type": settlement, "strikes": rows,
    }  # fmt: skip
    server.chains.setdefault(underlying, []).append(
        {
            "underlying-symbol": underlying, "root-symbol": root, "option-chain-type": kind,
            "shares-per-contract": multiplier, "tick-sizes": [{"value": "0.01"}], "deliverables": [],
            "expirations": [expiration],
        }
    )  # fmt: skip


def connect(
    server: TastytradeServer,
    keys: Mapping[str, str] | None = KEYS,
    transport: Transport | None = None,
    **options: Any,
) -> TastytradeProvider:
    settings = TastytradeSettings(rest_url=server.http_url)
    client = TastytradeClient(settings, keys, transport or HurriedTransport())
    return TastytradeProvider(client, patience=2.0, **options)


@pytest.fixture
def server():
    with TastytradeServer() as server:
        yield world(server)


class TestTastytrade(SocketContract, ProviderContract):
    kinds = ("bars", "corporate_actions", "latest_quotes", "option_chain", "earnings", "metrics", "stream")
    paged = False

    @pytest.fixture
    def promised(self, server):
        return Promised(
            connect(server),
            "AAPL",
            "APPL",
            FIRST,
            LAST,
            ("2026-01-06", 200.375),
            known={
                "latest_quotes": Known(
                    {"symbol": "AAPL", "time": "2026-11-20 20:59:59.123", "bid": 210.11, "ask_size": 12.0}
                ),
                "option_chain": Known(
                    {"symbol": "AAPL  300118C00200000", "bid": 9.97, "vendor_delta": 0.55,
                     "open_interest": 927.0,
                     "underlying_price": 210.125, "exercise": "american", "multiplier": 100.0}
                ),
                "earnings": Known(
                    {"date": "2026-01-29", "eps_actual": 2.84, "fiscal_period": "reported 2026-01-29"},
                    start="2025-01-01", end="2026-12-31",
                ),
                "metrics": Known(
                    {"symbol": "AAPL", "name": "implied_volatility_index_rank", "value": 0.312}
                ),
            },
        )  # fmt: skip

    @pytest.fixture
    def connected(self, server):
        return Connected(
            server=server,
            connect=lambda keys, transport: connect(server, keys, transport),
            keys=KEYS,
            ask=lambda provider: provider.bars(["AAPL"], FIRST, LAST),
            refusal=(422, {"error": {"code": "unprocessable", "message": "not today"}}, "not today"),
            renews=True,
            pages_path="/api-quote-tokens",
        )


class TestTastytradeFeed(FeedContract):
    symbols = ("AAPL", "BRK.B", "SPY   300118C00602500", "AAPL1 300118P00007500")
    kinds = ("quotes", "trades", "bars")
    lacking = {"trades": ("trade_id", "conditions")}  # noqa: RUF012 - read alone
    refuses_unknown_symbols = False  # DXLink stays silent about them

    @pytest.fixture
    def server(self, server):
        return server

    @pytest.fixture
    def make_feed(self, server):
        return lambda: connect(server).stream(("quotes", "trades", "bars"))

    def send(self, server, kind, event):
        run_later(server, *_as_dxlink(kind, event))

    def send_malformed(self, server):
        for session in list(server.sessions):
            session.send('{"type":"FEED_DATA","channel":1,"data":["Quote",["Quote","AAPL",')

    def beat(self, server):
        for session in list(server.sessions):
            session.send({"type": "KEEPALIVE", "channel": 0})

    def expire(self, server):
        server.refuse_quote_tokens = True

    def subscribed(self, server, kind):
        name, candle = {"quotes": ("Quote", ""), "trades": ("Trade", ""), "bars": ("Candle", "{=1m}")}[kind]
        return {our_symbol(symbol.removesuffix(candle)) for symbol in server.wanted(name)}

    def chunks(self, server):
        return [count for session in list(server.sessions) for count in session.chunks]


def run_later(server: TastytradeServer, kind: str, event: Mapping[str, Any]) -> None:
    """Send an event once the subscription has arrived, which a websocket does not confirm."""
    for _ in range(500):
        if event["eventSymbol"] in server.wanted(kind):
            break
        time.sleep(0.01)
    server.tell(kind, event)


def _as_dxlink(kind: str, event: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Write an event of ours as dxFeed does."""
    symbol, ms = streamer_symbol(event["symbol"]), event["time_ns"] // 10**6
    if kind == "quotes":
        return "Quote", {
            "eventSymbol": symbol, "sequence": event["sequence"], "timeNanoPart": 0, "bidTime": ms - 5,
            "askTime": ms, "bidPrice": event["bid"], "askPrice": event["ask"], "bidSize": event["bid_size"],
            "askSize": event["ask_size"],
        }  # fmt: skip
    if kind == "trades":
        return "Trade", {
            "eventSymbol": symbol, "time": ms, "timeNanoPart": 0, "sequence": 12, "price": event["price"],
            "size": event["size"],
        }  # fmt: skip
    prices = {name: event[name] for name in ("open", "high", "low", "close", "volume", "vwap")}
    return "Candle", {
        "eventSymbol": f"{symbol}{{=1m}}",
        "eventFlags": 0,
        "index": ms << 22,
        "time": ms,
        **prices,
    }
