"""Interactive Brokers keeps the contracts of providers, of services over a network, and of live feeds."""

import time
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from tests.contracts.feed_contract import FeedContract
from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.base import LIES
from tests.servers.ibkr import IbkrServer
from workbench.errors import NeedsLoginError
from workbench.providers.ibkr import IbkrProvider
from workbench.settings import IbkrSettings
from workbench.transport import Transport
from workbench.vendors.ibkr import IbkrClient, their_symbol

FIRST, LAST = "2026-01-05", "2026-03-31"
SESSIONS = pd.bdate_range(FIRST, LAST)
OPENS = [pd.Timestamp(f"{day:%Y-%m-%d} 09:30", tz="America/New_York").tz_convert("UTC") for day in SESSIONS]
AAPL = 265598
UPDATED = 1_795_208_399_123  # 2026-11-20 20:59:59.123 UTC


def world(server: IbkrServer) -> IbkrServer:
    """Fill a gateway with what the tests ask for."""
    server.add_share("AAPL", AAPL)
    for symbol in ("BRK B", "MSFT", "SPY", "AA"):
        server.add_share(symbol)
    server.bars[AAPL, "1d"] = [bar(at, 200 + place / 8) for place, at in enumerate(OPENS)]
    server.snapshots[AAPL] = {
        "31": "C209.99", "84": "210.11", "86": "210.14", "88": "3", "85": "1,200", "6509": "RpB",
        "55": "AAPL", "_updated": UPDATED,
    }  # fmt: skip
    for right, delta in (("C", "0.552"), ("P", "-0.448")):
        for strike in (200.0, 210.0):
            conid = server.add_option(AAPL, "AAPL", "20300118", right, strike)
            server.snapshots[conid] = {
                "31": "9.34", "84": "9.97", "86": "10.11", "88": "10", "85": "12", "7762": "149", "87": "149",
                "7308": delta, "7309": "0.028", "7310": "-0.255", "7311": "0.149", "7633": "31.5%",
                "7638": "1,927", "6509": "R", "_updated": UPDATED,
            }  # fmt: skip
    return server


def bar(at: pd.Timestamp, price: float) -> dict[str, Any]:
    """Return a bar whose close is a quarter above `price`."""
    return {
        "t": int(at.timestamp() * 1000), "o": price, "h": price + 0.5, "l": price - 0.5, "c": price + 0.25,
        "v": 6_942.5,
    }  # fmt: skip


def connect(
    server: IbkrServer, keys: Mapping[str, str] | None = None, transport: Transport | None = None
) -> IbkrProvider:
    settings = IbkrSettings(
        gateway_url=f"{server.http_url}/v1/api",
        stream_url=f"{server.ws_url}/v1/api/ws",
        login_url=server.http_url,
    )
    return IbkrProvider(IbkrClient(settings, keys, transport or HurriedTransport()), preflight_seconds=0.01)


@pytest.fixture
def server():
    with IbkrServer() as server:
        yield world(server)


class TestIbkr(SocketContract, ProviderContract):
    kinds = ("bars", "latest_quotes", "option_chain", "stream")
    paged = False
    # An answer names its symbol once, for all of its rows.
    lies = tuple(lie for lie in LIES if lie != "unasked_symbol")

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
                    {"symbol": "AAPL", "time": "2026-11-20 20:59:59.123", "bid": 210.11, "bid_size": 300.0,
                     "ask": 210.14, "ask_size": 120_000.0}
                ),
                "option_chain": Known(
                    {"symbol": "AAPL  300118C00200000", "bid": 9.97, "bid_size": 10.0, "vendor_delta": 0.552,
                     "vendor_implied_volatility": 0.315, "open_interest": 1927.0, "underlying_price": 210.125,
                     "exercise": "american", "multiplier": 100.0}
                ),
            },
        )  # fmt: skip

    @pytest.fixture
    def connected(self, server):
        return Connected(
            server=server,
            connect=lambda keys, transport: connect(server, keys, transport),
            keys={},
            ask=lambda provider: provider.bars(["AAPL"], FIRST, LAST),
            refusal=(403, {"error": "market data is not permitted", "statusCode": 403}, "not permitted"),
            pages_path="/marketdata/history",
        )

    def test_wrong_keys_are_a_state_and_no_storm(self, connected):
        """No key is needed; what can be wrong is that nobody has logged in on the gateway's page."""
        connected.server.logged_in = False
        with pytest.raises(NeedsLoginError, match=f"Log in on {connected.server.http_url}"):
            connected.ask(connected.provider())
        assert len(connected.server.seen) <= 2


class TestIbkrFeed(FeedContract):
    symbols = ("AAPL", "BRK.B", "AAPL  300118C00200000")
    kinds = ("quotes", "trades")
    lacking = {"quotes": ("sequence",), "trades": ("trade_id",)}  # noqa: RUF012 - read alone
    largest_chunk = 1

    @pytest.fixture
    def server(self, server):
        for symbol in self.many:
            server.add_share(symbol)
        return server

    @pytest.fixture
    def make_feed(self, server):
        return lambda: connect(server).stream(("quotes", "trades"))

    def send(self, server, kind, event):
        conid = conid_of(server, event["symbol"])
        unit = 1 if " " in event["symbol"] else 100
        if kind == "quotes":
            fields = {
                "84": _text(event["bid"]), "86": _text(event["ask"]), "88": _text(event["bid_size"], unit),
                "85": _text(event["ask_size"], unit),
            }  # fmt: skip
        else:
            fields = {"31": _text(event["price"]), "7059": _text(event["size"])}
        for _ in range(500):
            if any(conid in asked for asked in list(server.asked_for.values())):
                break
            time.sleep(0.01)
        server.tell(conid, fields, _updated=event["time_ns"] // 10**6)

    def send_malformed(self, server):
        server.say('{"topic":"smd+265598","conid":265598,')

    def beat(self, server):
        server.say('{"topic":"system","hb":1702334859712}')

    def expire(self, server):
        server.logged_in = False

    def subscribed(self, server, kind):
        names = {conid_of(server, symbol): symbol for symbol in (*self.symbols, *self.many)}
        return {names[conid] for asked in list(server.asked_for.values()) for conid in asked}

    def refuse(self, server, symbol):
        del server.shares[symbol]

    def chunks(self, server):
        return [1]  # a message of the protocol names one contract


def conid_of(server: IbkrServer, symbol: str) -> int:
    if symbol == "AAPL  300118C00200000":
        return int(server.options[AAPL][0]["conid"])
    return server.shares.get(their_symbol(symbol), -1)


def _text(value: float | None, unit: int = 1) -> str:
    return "-1" if value is None else f"{value / unit:.10g}"
