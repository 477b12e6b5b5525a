"""A local server that speaks Polygon's protocol: REST with pages by address, and the websocket."""

import base64
import json
import re
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from websockets.exceptions import ConnectionClosed

from tests.servers.base import STRANGER, Answer, LocalServer, Request

KEY = "polygon-key-0123456789abcdef"
HOST = "https://api.massive.com"
NEW_YORK = ZoneInfo("America/New_York")
REQUEST_ID = "6a7e466379af0a71039d60cc78e72282"
_OPERATORS = {
    "": lambda value, bound: value == bound,
    "gte": lambda value, bound: value >= bound,
    "gt": lambda value, bound: value > bound,
    "lte": lambda value, bound: value <= bound,
    "lt": lambda value, bound: value < bound,
}


class PolygonServer(LocalServer):
    """Holds bars, ticks, snapshots and reference data, in the service's own words.

    Parameters
    ----------
    key : str
        The one key that it takes.
    page_size : int
        Rows on a page, whatever is asked for.
    """

    def __init__(self, *, key: str = KEY, page_size: int = 2) -> None:
        super().__init__()
        self.key = key
        self.page_size = page_size
        self.next_host = HOST
        self.aggregates: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.quotes: dict[str, list[dict[str, Any]]] = {}
        self.trades: dict[str, list[dict[str, Any]]] = {}
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.chains: dict[str, list[dict[str, Any]]] = {}
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.market = {"market": "open", "exchanges": {"nyse": "open", "nasdaq": "open"}}
        self.plan_refuses: set[str] = set()
        # The websocket.
        self.channels: dict[Any, set[str]] = {}
        self.asked: list[int] = []
        self.unknown: set[str] = set()
        self.silent: set[str] = set()
        self.auth_answer: dict[str, tuple[str, str]] = {}

    # -- REST ----------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {self.key}" or self.bad.expired:
            return self.error(401, "Unknown API Key")
        if any(path in request.path for path in self.plan_refuses):
            words = (
                "You are not entitled to this data. Please upgrade your plan at https://massive.com/pricing"
            )
            return Answer({"status": "NOT_AUTHORIZED", "request_id": REQUEST_ID, "message": words}, 403)
        query, token = dict(request.query), None
        if "cursor" in query:
            kept = json.loads(base64.urlsafe_b64decode(query["cursor"]))
            query, token = kept["query"], kept["token"]
        rows, more = self._rows(request.path, query)
        if rows is None:
            if request.path == "/v1/marketstatus/now":
                return Answer(self.market)
            return Answer({"status": "NOT_FOUND", "request_id": REQUEST_ID, "message": "Not found"}, 404)
        page, following = self.page(request, rows, token, size=self.page_size)
        told = self._lied(request.path, page)
        body: dict[str, Any] = {"status": "OK", "request_id": REQUEST_ID, **more, "count": len(told)}
        if told:  # the key is absent where there is nothing
            body["results"] = told
        if following is not None:
            cursor = base64.urlsafe_b64encode(json.dumps({"query": query, "token": following}).encode())
            next_url = f"{self.next_host}{request.path}?cursor={cursor.decode()}"
            body["next_url"] = following if "://" in following else next_url
        return Answer(body)

    def error(self, status: int, words: str) -> Answer:
        return Answer({"status": "ERROR", "request_id": REQUEST_ID, "error": words}, status)

    def _rows(self, path: str, query: dict[str, str]) -> tuple[list[dict[str, Any]] | None, dict[str, Any]]:
        bars = re.fullmatch(r"/v2/aggs/ticker/([^/]+)/range/(\d+)/(\w+)/([^/]+)/([^/]+)", path)
        if bars:
            ticker, count, span, first, last = bars.groups()
            held = self.aggregates.get((ticker, f"{count}/{span}"), [])
            inside = [row for row in held if _edge(first) <= row["t"] <= _edge(last, end=True)]
            return inside, {"ticker": ticker, "adjusted": query.get("adjusted") != "false"}
        ticks = re.fullmatch(r"/v3/(quotes|trades)/([^/]+)", path)
        if ticks:
            held = getattr(self, ticks[1]).get(ticks[2], [])
            bounds = {name.split(".")[1]: int(value) for name, value in query.items() if "timestamp." in name}
            return [
                row
                for row in held
                if all(_OPERATORS[name](row["sip_timestamp"], bound) for name, bound in bounds.items())
            ], {}
        chain = re.fullmatch(r"/v3/snapshot/options/([^/]+)", path)
        if chain:
            wanted = query.get("expiration_date")
            held = self.chains.get(chain[1], [])
            return [c for c in held if wanted is None or c["details"]["expiration_date"] == wanted], {}
        if path == "/v3/snapshot":
            tickers = query["ticker.any_of"].split(",")
            gone = {"error": "NOT_FOUND", "message": "Ticker not found."}
            return [self.snapshots.get(ticker, {**gone, "ticker": ticker}) for ticker in tickers], {}
        if path in self.lists:
            return [row for row in self.lists[path] if _matches(row, query)], {}
        return None, {}

    def _lied(self, path: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if "/aggs/" not in path:
            return rows
        if rows and self.takes_lie("unasked_symbol"):
            return [*rows, {**rows[0], "T": STRANGER}]
        return self.lied(rows, price="c", time="t", earlier=915_166_800_000)

    # -- websocket -----------------------------------------------------------------------------------------

    def talk(self, socket: Any) -> None:
        market = socket.request.path.rsplit("/", 1)[-1]
        _status(socket, "connected", "Connected Successfully")
        signed_in = False
        try:
            for message in self.hear(socket):
                said = json.loads(message)
                if said["action"] == "auth":
                    good = said["params"] == self.key and not self.bad.expired
                    usual = (
                        ("auth_success", "authenticated")
                        if good
                        else ("auth_failed", "authentication failed")
                    )
                    status, words = self.auth_answer.get(market, usual)
                    signed_in = status == "auth_success"
                    _status(socket, status, words)
                elif signed_in:
                    self._change(socket, said["action"], said["params"].split(","))
        finally:
            self.channels.pop(socket, None)

    def _change(self, socket: Any, action: str, names: list[str]) -> None:
        mine = self.channels.setdefault(socket, set())
        self.asked.append(len(names))
        for name in names:
            ticker = name.split(".", 1)[1]
            if ticker in self.unknown:
                _status(socket, "error", f"unknown ticker {ticker}")
            elif name in self.silent:
                continue
            elif action == "subscribe":
                mine.add(name)
                _status(socket, "success", f"subscribed to: {name}")
            else:
                mine.discard(name)
                _status(socket, "success", f"unsubscribed to: {name}")

    def cut_sockets(self) -> None:
        super().cut_sockets()
        # Nobody shall take what a dead client asked for as what its successor did.
        self.channels.clear()

    def subscribed(self) -> set[str]:
        """Return the channels that all clients together have asked for."""
        return {name for names in list(self.channels.values()) for name in names}

    def emit(self, *events: dict[str, Any]) -> None:
        """Send events, in one frame, to who asked for the first of them."""
        name = f"{events[0]['ev']}.{events[0].get('sym', events[0].get('T'))}"
        for socket, names in list(self.channels.items()):
            if name in names:
                try:
                    socket.send(json.dumps(list(events)))
                except (ConnectionClosed, OSError):
                    continue


def _status(socket: Any, status: str, message: str) -> None:
    socket.send(json.dumps([{"ev": "status", "status": status, "message": message}]))


def _edge(text: str, *, end: bool = False) -> int:
    """Return one end of a period in milliseconds; a date is a day in New York."""
    if text.isdigit():
        return int(text)
    day = datetime.combine(date.fromisoformat(text), datetime.min.time(), NEW_YORK)
    return int(day.timestamp() * 1000) + (86_399_999 if end else 0)


def _matches(row: dict[str, Any], query: dict[str, str]) -> bool:
    for name, value in query.items():
        field, _, operator = name.partition(".")
        if field in ("limit", "sort", "order", "expired"):
            continue
        if field == "search":
            if value.lower() not in f"{row.get('ticker', '')} {row.get('name', '')}".lower():
                return False
            continue
        held = row.get(field, row.get("tickers") if field == "ticker" else None)
        if isinstance(held, list):
            if value not in held:
                return False
        elif held is None or not _OPERATORS[operator](str(held).lower(), value.lower()):
            return False
    return True
