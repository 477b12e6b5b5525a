"""A Client Portal gateway over real sockets: its session, contracts, snapshots, history and websocket."""

import itertools
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.base import Answer, LocalServer, Request

SESSION = "gateway-session-4f2d9a77"
ACCOUNT = "DU1234567"
_LARGEST_PAGE = 1000


class IbkrServer(LocalServer):
    """A small gateway, at ``http_url + "/v1/api"``.

    Attributes
    ----------
    shares : dict of str to int
        Contract ids by IBKR's symbols.
    indices : dict of str to int
        The same of indices.
    options : dict of int to list
        Contracts by the id of their underlying, as ``/iserver/secdef/info`` lists them.
    snapshots : dict of int to dict
        Fields by contract id.
    bars : dict of tuple to list
        Bars, oldest first, by contract id and bar as in ``(265598, "1d")``.
    history_about : dict
        What else stands in an answer of bars, as its ``volumeFactor``.
    authenticated, connected, competing : bool
        The state of the session; `logged_in` False answers 401.
    opens_session : bool
        Whether ``ssodh/init`` brings the brokerage session back.
    waiting : bool
        The websocket says that it waits for a session, and nothing else.
    fills_after : int
        Calls after which a snapshot has its fields.
    ignores_start_time : bool
        History gives the newest page whatever is asked.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.shares: dict[str, int] = {}
        self.indices: dict[str, int] = {}
        self.options: dict[int, list[dict[str, Any]]] = {}
        self.snapshots: dict[int, dict[str, Any]] = {}
        self.bars: dict[tuple[int, str], list[dict[str, Any]]] = {}
        self.history_about: dict[str, Any] = {"volumeFactor": 1, "priceFactor": 100, "mdAvailability": "S"}
        self.logged_in = self.authenticated = self.connected = True
        self.competing = False
        self.opens_session = True
        self.waiting = False
        self.fills_after = 2
        self.ignores_start_time = False
        self.accounts_asked = False
        self.searched: set[int] = set()
        self.asked_for: dict[Any, set[int]] = {}
        self._snapshot_calls: dict[int, int] = {}
        self._guard = threading.Lock()
        self._ids = itertools.count(9_000_001)

    # -- what the test does ------------------------------------------------------------------------------

    def add_share(self, symbol: str, conid: int | None = None) -> int:
        self.shares[symbol] = conid if conid is not None else next(self._ids)
        return self.shares[symbol]

    def add_option(
        self, underlying: int, root: str, expiry: str, right: str, strike: float, **more: Any
    ) -> int:
        """List a contract; `expiry` as in 20300118."""
        conid = next(self._ids)
        contract = {
            "conid": conid, "symbol": root, "secType": "OPT", "exchange": "SMART", "listingExchange": None,
            "right": right, "strike": strike, "currency": "USD", "cusip": None, "coupon": "No Coupon",
            "desc1": root, "desc2": f"{expiry} {strike} {right}", "maturityDate": expiry, "multiplier": "100",
            "tradingClass": root, "validExchanges": "SMART,CBOE", **more,
        }  # fmt: skip
        self.options.setdefault(underlying, []).append(contract)
        return conid

    def tell(self, conid: int, fields: Mapping[str, Any], **more: Any) -> None:
        """Send a change of market data to all who asked for the contract."""
        message = json.dumps({"topic": f"smd+{conid}", "conid": conid, "server_id": "q0", **fields, **more})
        for socket, asked in list(self.asked_for.items()):
            if conid in asked:
                socket.send(message)

    # -- REST --------------------------------------------------------------------------------------------

    def error(self, status: int, words: str) -> Answer:
        return Answer({"error": words, "statusCode": status}, status)

    def answer(self, request: Request) -> Answer:
        if "user-agent" not in request.headers:
            return Answer("<html><body>Access Denied</body></html>", 403, content_type="text/html")
        if not self.logged_in or self.bad.expired:
            return self.error(401, "not authenticated")
        path = request.path.removeprefix("/v1/api")
        route = getattr(self, f"_{path.strip('/').replace('/', '_').replace('-', '_')}", None)
        if route is None:
            return self.error(404, "Resource not found")
        return route(request)

    def _status(self) -> dict[str, Any]:
        return {
            "authenticated": self.authenticated, "competing": self.competing, "connected": self.connected,
            "message": "", "MAC": "98:F2:B3:23:BF:A0", "fail": "", "serverInfo": {"serverName": "JifN19053"},
        }  # fmt: skip

    def _iserver_auth_status(self, request: Request) -> Answer:
        assert request.method == "POST"
        return Answer(self._status())

    def _iserver_auth_ssodh_init(self, request: Request) -> Answer:
        assert request.json() == {"publish": True, "compete": False}
        self.authenticated = self.authenticated or self.opens_session
        return Answer(self._status())

    def _tickle(self, request: Request) -> Answer:
        iserver = {"authStatus": self._status()}
        return Answer({"session": SESSION, "ssoExpires": 500_000, "collission": False, "iserver": iserver})

    def _iserver_accounts(self, request: Request) -> Answer:
        self.accounts_asked = True
        return Answer({"accounts": [ACCOUNT], "selectedAccount": ACCOUNT, "acctProps": {}, "aliases": {}})

    def _trsrv_stocks(self, request: Request) -> Answer:
        asked = request.query["symbols"].split(",")
        return Answer({s: [self._listing(s)] for s in asked if s in self.shares})

    def _listing(self, symbol: str) -> dict[str, Any]:
        abroad = {"conid": 1, "exchange": "MEXI", "isUS": False}
        home = {"conid": self.shares[symbol], "exchange": "NASDAQ", "isUS": True}
        return {"name": symbol, "chineseName": None, "assetClass": "STK", "contracts": [abroad, home]}

    def _trsrv_all_conids(self, request: Request) -> Answer:
        exchange = request.query["exchange"]
        home = list(self.shares.items()) if exchange == "NASDAQ" else []
        return Answer([{"ticker": s, "conid": conid, "exchange": exchange} for s, conid in home])

    def _iserver_secdef_search(self, request: Request) -> Answer:
        wanted = request.query["symbol"].upper()
        found = []
        for kind, listed in (("STK", self.shares), ("IND", self.indices)):
            for symbol, conid in listed.items():
                if symbol.startswith(wanted):
                    self.searched.add(conid)
                    found.append(self._found(symbol, conid, kind))
        if not found:
            return Answer({"error": "No symbol found"})
        return Answer(found)

    def _found(self, symbol: str, conid: int, kind: str) -> dict[str, Any]:
        sections: list[dict[str, Any]] = [{"secType": kind}]
        if conid in self.options:
            months = sorted({_month(each["maturityDate"]) for each in self.options[conid]})
            order = sorted(months, key=lambda month: datetime.strptime(month.title(), "%b%y"))  # noqa: DTZ007
            sections.append({"secType": "OPT", "months": ";".join(order), "exchange": "SMART;CBOE"})
        exchange = "CBOE" if kind == "IND" else "NASDAQ"
        return {
            "conid": str(conid), "companyHeader": f"{symbol} INC - {exchange}",
            "companyName": f"{symbol} INC", "symbol": symbol, "description": exchange,
            "restricted": None, "sections": sections,
        }  # fmt: skip

    def _iserver_secdef_strikes(self, request: Request) -> Answer:
        conid = int(request.query["conid"])
        if conid not in self.searched:
            return Answer({"call": [], "put": []})
        month = request.query["month"]
        listed = [each for each in self.options[conid] if _month(each["maturityDate"]) == month]
        return Answer(
            {
                side: sorted({each["strike"] for each in listed if each["right"] == side[0].upper()})
                for side in ("call", "put")
            }
        )

    def _iserver_secdef_info(self, request: Request) -> Answer:
        query = request.query
        found = [
            each
            for each in self.options[int(query["conid"])]
            if _month(each["maturityDate"]) == query["month"]
            and each["strike"] == float(query["strike"])
            and each["right"] == query["right"]
        ]
        return Answer(found) if found else self.error(500, "no contracts retrieved")

    def _iserver_marketdata_unsubscribe(self, request: Request) -> Answer:
        return Answer({"success": True, "conid": request.json()["conid"]})

    def _iserver_marketdata_snapshot(self, request: Request) -> Answer:
        if not self.accounts_asked:
            return self.error(400, "Please query /accounts first")
        fields = request.query["fields"].split(",")
        found = []
        for conid in map(int, request.query["conids"].split(",")):
            calls = self._snapshot_calls[conid] = self._snapshot_calls.get(conid, 0) + 1
            entry = {"conid": conid, "conidEx": str(conid), "server_id": "q0"}
            held = self.snapshots.get(conid, {})
            if calls >= self.fills_after:
                entry |= {name: held[name] for name in (*fields, "_updated") if name in held}
            found.append(entry)
        return Answer(found)

    def _iserver_marketdata_history(self, request: Request) -> Answer:
        query = request.query
        conid, bar = int(query["conid"]), query["bar"]
        assert query["outsideRth"] == "false"
        until = datetime.now(UTC)
        if "startTime" in query and not self.ignores_start_time:
            until = datetime.strptime(query["startTime"], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
        assert query["period"].endswith("d")
        days = int(query["period"].removesuffix("d"))
        assert 1 <= days <= 1000
        first, last = ((until - timedelta(days=days)).timestamp() * 1000, until.timestamp() * 1000)
        held = [each for each in self.bars.get((conid, bar), ()) if first <= each["t"] <= last]
        if not held and self.bars.get((conid, bar)) is None:
            return self.error(500, "Chart data unavailable")
        told = self.lied(held[-_LARGEST_PAGE:], price="c", time="t", earlier=915_148_800_000)
        symbol = next((s for s, each in {**self.shares, **self.indices}.items() if each == conid), "")
        return Answer(
            {"serverId": "20477", "symbol": symbol, "text": symbol, "startTime": query.get("startTime"),
             "barLength": 86400, "outsideRth": False, "data": told, "points": len(told), "travelTime": 48,
             **self.history_about}
        )  # fmt: skip

    # -- websocket ---------------------------------------------------------------------------------------

    def handshake(self, connection: Any, request: Request) -> Any:
        if f'"session":"{SESSION}"' not in request.headers.get("cookie", ""):
            return connection.respond(401, "no session")
        return None

    def talk(self, socket: Any) -> None:
        with self._guard:
            self.asked_for[socket] = set()
        try:
            if self.waiting:
                socket.send(json.dumps({"message": "waiting for session"}))
            else:
                socket.send(json.dumps({"topic": "system", "success": "trader", "isFT": False}))
                told = {"authenticated": self.authenticated, "competing": self.competing}
                socket.send(json.dumps({"topic": "sts", "args": told}))
            for said in self.hear(socket):
                topic, _, rest = str(said).partition("+")
                if topic in ("smd", "umd"):
                    conid = int(rest.partition("+")[0])
                    if topic == "smd":
                        assert "31" in json.loads(rest.partition("+")[2])["fields"]
                        self.asked_for[socket].add(conid)
                    else:
                        self.asked_for[socket].discard(conid)
                elif topic == "tic":
                    socket.send(json.dumps({"topic": "tic", "alive": True}))
        finally:
            self.asked_for.pop(socket, None)

    def cut_sockets(self) -> None:
        super().cut_sockets()
        self.asked_for.clear()


def _month(day: str) -> str:
    return datetime.strptime(day, "%Y%m%d").strftime("%b%y").upper()  # noqa: DTZ007 - a date alone
