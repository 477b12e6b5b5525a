"""tastytrade over real sockets: OAuth2, REST with its envelopes and errors, and DXLink."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from tests.servers.base import Answer, LocalServer, Request
from tests.servers.dxlink import DXLinkSession

CLIENT_SECRET = "client-secret-5b1f0c9d2e"
REFRESH_TOKEN = "refresh-token-77aa31e04c"
HTML = (
    "<html><head><title>401 Authorization Required</title></head><body><center>nginx</center></body></html>"
)
_REST_TYPES = {"equity[]": "Equity", "index[]": "Index", "equity-option[]": "Equity Option"}
_LONGEST_QUERY = 100


class TastytradeServer(LocalServer):
    """A small tastytrade.

    Attributes
    ----------
    equities : dict of str to dict
        Instruments by their symbols.
    options : dict of str to dict
        Option instruments by their symbols.
    chains : dict of str to list
        Items of nested chains by underlying.
    market_data : dict of str to dict
        REST quotes by symbol.
    metrics, dividends, earnings : dict
        Items by symbol.
    candles : dict of tuple to list
        Candles, oldest first, by symbol and period as in ``("AAPL", "d")``.
    greeks, summaries : dict of str to dict
        Events by streamer symbol.
    customer : bool
        Whether the login belongs to a customer.
    refuse_quote_tokens : bool
        DXLink takes no token any more, not even a fresh one.
    snips_at : int
        Candles that a snapshot has at most.
    lifetime : int
        Seconds that an access token lasts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.equities: dict[str, dict[str, Any]] = {}
        self.options: dict[str, dict[str, Any]] = {}
        self.chains: dict[str, list[dict[str, Any]]] = {}
        self.market_data: dict[str, dict[str, Any]] = {}
        self.metrics: dict[str, dict[str, Any]] = {}
        self.dividends: dict[str, list[dict[str, Any]]] = {}
        self.earnings: dict[str, list[dict[str, Any]]] = {}
        self.candles: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.greeks: dict[str, dict[str, Any]] = {}
        self.summaries: dict[str, dict[str, Any]] = {}
        self.customer = True
        self.refuse_quote_tokens = False
        self.snips_at = 100_000
        self.lifetime: Any = 900
        self.field_order: Callable[[str, list[str]], list[str]] = lambda kind, asked: asked
        self.full_format = False
        self.sessions: list[DXLinkSession] = []
        self._numbers = itertools.count(1)
        self._tokens: dict[str, bool] = {}
        self._guard = threading.Lock()

    # -- REST --------------------------------------------------------------------------------------------

    def error(self, status: int, words: str, code: str = "") -> Answer:
        codes = {401: "token_invalid", 403: "not_permitted", 404: "record_not_found"}
        return Answer({"error": {"code": code or codes.get(status, "internal"), "message": words}}, status)

    def _refusal(self) -> Answer | None:
        # Signing in stands before the API that has the bad day.
        if self.bad.refusal is not None and self.seen[-1].path == "/oauth/token":
            return None
        return super()._refusal()

    def answer(self, request: Request) -> Answer:
        if "/" not in request.headers.get("user-agent", ""):
            return Answer(HTML, 401, content_type="text/html")
        if request.path == "/oauth/token":
            return self._sign_in(request)
        if not self._is_good(request.headers.get("authorization", "").removeprefix("Bearer ")):
            return self.error(401, "This token is invalid or has expired")
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        found = self._routed(request, parts)
        return found if found is not None else self.error(404, f"Couldn't find {parts[-1]}")

    def _sign_in(self, request: Request) -> Answer:
        body = request.json()
        if "authorization" in request.headers:
            return self.error(400, "no Authorization here")
        if body.get("grant_type") != "refresh_token":
            return Answer({"error_code": "unsupported_grant_type"}, 400)
        if body.get("client_secret") != CLIENT_SECRET or body.get("refresh_token") != REFRESH_TOKEN:
            return Answer({"error_code": "invalid_grant", "error_description": "Grant revoked"}, 400)
        return Answer(
            {"access_token": self._new_token(), "token_type": "Bearer", "expires_in": self.lifetime,
             "scope": "read openid"}
        )  # fmt: skip

    def _routed(self, request: Request, parts: list[str]) -> Answer | None:  # noqa: PLR0911 - one a route
        query = request.query
        match parts:
            case ["api-quote-tokens"]:
                if not self.customer:
                    return self.error(404, "You must be a customer to access this resource.",
                                      "quote_streamer.customer_not_found_error")  # fmt: skip
                token = {"token": self._new_token(), "dxlink-url": self.ws_url, "level": "api"}
                return Answer({"data": token, "context": "/api-quote-tokens"})
            case ["instruments", "equities", "active"]:
                return self._paged(request, list(self.equities.values()))
            case ["instruments", "equities"]:
                return _items([self.equities[s] for s in request.queries["symbol[]"] if s in self.equities])
            case ["instruments", "equity-options"]:
                return _items([self.options[s] for s in request.queries["symbol[]"] if s in self.options])
            case ["symbols", "search", start]:
                return _items([{"symbol": s, "description": s} for s in self.equities if s.startswith(start)])
            case ["option-chains", underlying, "nested"]:
                chain = self.chains.get(underlying)
                return None if chain is None else _items(chain)
            case ["market-data", "by-type"]:
                return self._quotes(request)
            case ["market-metrics"]:
                asked = query["symbols"].split(",")
                return _items([self.metrics[s] for s in asked if s in self.metrics])
            case ["market-metrics", "historic-corporate-events", "dividends", symbol]:
                return _items(self.dividends.get(symbol, []))
            case ["market-metrics", "historic-corporate-events", "earnings-reports", symbol]:
                since = query["start-date"]
                return _items([e for e in self.earnings.get(symbol, []) if e["occurred-date"] >= since])
            case ["market-time", "sessions", "current"]:
                return _items([{"instrument-collection": "Equity", "state": "Closed"}])
        return None

    def _paged(self, request: Request, rows: Sequence[Any]) -> Answer:
        size, page = int(request.query["per-page"]), int(request.query["page-offset"])
        request.page = page + 1
        total = -(-len(rows) // size)
        return Answer(
            {
                "data": {"items": rows[page * size : (page + 1) * size]},
                "context": request.path,
                "pagination": {"per-page": size, "page-offset": page, "total-items": len(rows),
                               "total-pages": total},
            }
        )  # fmt: skip

    def _quotes(self, request: Request) -> Answer:
        asked = [(_REST_TYPES[name], s) for name, values in request.queries.items() for s in values]
        if len(asked) > _LONGEST_QUERY:
            return self.error(400, "Too many symbols")
        found = [self.market_data[s] for _, s in asked if s in self.market_data]
        kinds = {s: kind for kind, s in asked}
        return _items([item for item in found if item["instrument-type"] == kinds[item["symbol"]]])

    def _new_token(self) -> str:
        with self._guard:
            token = f"issued-token-{next(self._numbers):06d}"
            self._tokens[token] = self.bad.expired
            return token

    def _is_good(self, token: str) -> bool:
        return token in self._tokens and (self._tokens[token] or not self.bad.expired)

    # -- DXLink ------------------------------------------------------------------------------------------

    def talk(self, socket: Any) -> None:
        session = DXLinkSession(
            socket,
            takes=lambda token: self._is_good(token) and not self.refuse_quote_tokens,
            candles=self._snapshot,
            first_events=self._first_event,
            order=self.field_order,
            full=self.full_format,
        )
        self.sessions.append(session)
        try:
            for text in self.hear(socket):
                session.hear(text)
        finally:
            if session in self.sessions:
                self.sessions.remove(session)

    def cut_sockets(self) -> None:
        super().cut_sockets()
        self.sessions.clear()

    def tell(self, kind: str, *events: Mapping[str, Any]) -> None:
        """Send events to all who asked for them."""
        for session in list(self.sessions):
            mine = [event for event in events if (kind, event["eventSymbol"]) in session.wanted]
            if mine:
                session.tell(kind, mine)

    def wanted(self, kind: str) -> set[str]:
        """Return the symbols that all clients together have asked for."""
        return {symbol for session in list(self.sessions) for k, symbol in session.wanted if k == kind}

    def _snapshot(self, symbol: str, since: int) -> tuple[list[dict[str, Any]], bool]:
        base, _, attributes = symbol.partition("{=")
        period = attributes.rstrip("}").split(",")[0].removeprefix("1")
        kept = [row for row in self.candles.get((base, period), ()) if row["time"] >= since]
        snipped = len(kept) > self.snips_at
        newest = [{"index": row["time"] << 22, **row} for row in reversed(kept[-self.snips_at :])]
        told = self.lied(newest, price="close", time="time", earlier=915_148_800_000, symbol="eventSymbol")
        return told, snipped

    def _first_event(self, kind: str, symbol: str) -> dict[str, Any] | None:
        held = {"Greeks": self.greeks, "Summary": self.summaries}.get(kind, {})
        return {"eventSymbol": symbol, **held[symbol]} if symbol in held else None


def _items(items: Sequence[Any]) -> Answer:
    return Answer({"data": {"items": list(items)}, "context": "/"})
