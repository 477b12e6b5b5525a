"""A local Alpaca: market data and trading over HTTP on one address, streams of shares and options on another.

The world lies in attributes: `bars` by timeframe and symbol, `quotes`, `trades`, `latest`, `snapshots` by
underlying, `contracts`, `actions` by kind, `news`, `assets`. Records are as Alpaca writes them. The streams
answer subscriptions and send what `emit` is given; `refused` symbols are no syntax to it, and more than
`most_symbols` of one channel are past the plan.
"""

import contextlib
import json
import math
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import pandas as pd
from websockets.exceptions import ConnectionClosed

from tests.servers.base import STRANGER, Answer, LocalServer, Request
from workbench.vendors.msgpack import Instant, decode, encode

KEYS = {"key_id": "PKLOCALALPACA00042", "secret_key": "local-alpaca-secret-7f3a9c"}
CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds")
LETTERS = {"quotes": "q", "trades": "t", "bars": "b"}


class AlpacaServer(LocalServer):
    """Alpaca's two hosts and its streams."""

    def __init__(self, *, page_size: int = 3) -> None:
        super().__init__()
        self.page_size = page_size
        self.assets: list[dict[str, Any]] = []
        self.bars: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self.quotes: dict[str, list[dict[str, Any]]] = {}
        self.trades: dict[str, list[dict[str, Any]]] = {}
        self.latest: dict[str, dict[str, Any]] = {}
        self.snapshots: dict[str, dict[str, dict[str, Any]]] = {}
        self.contracts: list[dict[str, Any]] = []
        self.actions: dict[str, list[dict[str, Any]]] = {}
        self.news: list[dict[str, Any]] = []
        self.trading_refuses = False  # keys of another account than the trading host's
        self.recent_sip_is_refused = False
        # -- streams
        self.refused: set[str] = set()
        self.most_symbols = math.inf
        self.sign_in_error: tuple[int, str] | None = None
        self.chunks: list[int] = []
        self.subscriptions: dict[Any, dict[str, set[str]]] = {}
        self._writing = threading.Lock()

    # -- HTTP --------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:  # noqa: PLR0911, a path each
        given = {"key_id": request.headers.get("apca-api-key-id"),
                 "secret_key": request.headers.get("apca-api-secret-key")}  # fmt: skip
        if given != KEYS:
            return Answer({"message": "forbidden."}, 403)
        if self.bad.expired:
            return Answer({"code": 40110000, "message": "request is not authorized"}, 401)
        parts = request.path.strip("/").split("/")
        match parts:
            case ["v2", "stocks" | "options", "bars" | "quotes" | "trades"]:
                return self._history(request, parts[2])
            case ["v1beta1", "options", "bars" | "trades"]:
                return self._history(request, parts[2])
            case ["v2", "stocks", "quotes", "latest"] | ["v1beta1", "options", "quotes", "latest"]:
                asked = request.query["symbols"].split(",")
                return Answer({"quotes": {name: self.latest[name] for name in asked if name in self.latest}})
            case ["v1beta1", "options", "snapshots", underlying]:
                return self._chain(request, unquote(underlying))
            case ["v1", "corporate-actions"]:
                return self._corporate_actions(request)
            case ["v1beta1", "news"]:
                return self._news(request)
            case ["v2", *rest]:
                return self._trading(request, rest)
        return self.error(404, "endpoint not found.")

    def error(self, status: int, words: str) -> Answer:
        return Answer({"code": status * 100_000, "message": words}, status)

    def limit_headers(self, seconds: float) -> Mapping[str, str]:
        reset = math.ceil(time.time() + seconds)
        return {"X-RateLimit-Limit": "200", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}

    def _history(self, request: Request, what: str) -> Answer:
        query = request.query
        if self.recent_sip_is_refused and query.get("feed") == "sip":
            return Answer({"message": "subscription does not permit querying recent SIP data"}, 403)
        held = self.bars.get(query.get("timeframe", ""), {}) if what == "bars" else getattr(self, what)
        asked = sorted(query["symbols"].split(","))
        rows = [(name, row) for name in asked for row in held.get(name, []) if _inside(row["t"], query)]
        size = min(self.page_size, int(query.get("limit", 1000)))
        page, token = self.page(request, rows, query.get("page_token"), size=size)
        price = {"bars": "c", "quotes": "bp", "trades": "p"}[what]
        told = self.lied([row for _, row in page], price=price, time="t", earlier="1999-01-04T05:00:00Z")
        found: dict[str, list[Any]] = {}
        for (name, _), row in zip(page, told, strict=True):
            found.setdefault(name, []).append(row)
        if page and self.takes_lie("unasked_symbol"):
            found[STRANGER] = [page[0][1]]
        return Answer({what: found, "next_page_token": token})

    def _chain(self, request: Request, underlying: str) -> Answer:
        day = request.query.get("expiration_date", "")
        held = [
            (name, one)
            for name, one in sorted(self.snapshots.get(underlying, {}).items())
            if not day or name[-15:-9] == day[2:].replace("-", "")
        ]
        page, token = self.page(request, held, request.query.get("page_token"), size=self.page_size)
        return Answer({"snapshots": dict(page), "next_page_token": token})

    def _corporate_actions(self, request: Request) -> Answer:
        asked, kinds = set(request.query["symbols"].split(",")), request.query["types"].split(",")
        first, last = request.query["start"], request.query["end"]
        rows = [
            (f"{kind}s", row)
            for kind in kinds
            for row in self.actions.get(f"{kind}s", [])
            if row["symbol"] in asked and first <= row["process_date"] <= last
        ]
        page, token = self.page(request, rows, request.query.get("page_token"), size=self.page_size)
        found: dict[str, list[Any]] = {}
        for kind, row in page:
            found.setdefault(kind, []).append(row)
        return Answer({"corporate_actions": found, "next_page_token": token})

    def _news(self, request: Request) -> Answer:
        query = request.query
        asked = set(query["symbols"].split(",")) if "symbols" in query else None
        rows = [
            row
            for row in sorted(self.news, key=lambda row: row["updated_at"])
            if _inside(row["updated_at"], query) and (asked is None or asked & set(row["symbols"]))
        ]
        page, token = self.page(request, rows, query.get("page_token"), size=self.page_size)
        return Answer({"news": page, "next_page_token": token})

    def _trading(self, request: Request, rest: Sequence[str]) -> Answer:  # noqa: PLR0911, a path each
        if self.trading_refuses:
            return Answer({"message": "forbidden."}, 403)
        match rest:
            case ["clock"]:
                return Answer({"timestamp": "2026-11-20T10:00:00-05:00", "is_open": True,
                               "next_open": "2026-11-23T09:30:00-05:00",
                               "next_close": "2026-11-20T16:00:00-05:00"})  # fmt: skip
            case ["assets"]:
                return Answer(self.assets)
            case ["assets", symbol]:
                found = next((each for each in self.assets if each["symbol"] == unquote(symbol)), None)
                return Answer(found) if found else self.error(404, f"asset not found for {symbol}")
            case ["options", "contracts"]:
                query = request.query
                rows = [
                    each
                    for each in self.contracts
                    if each["underlying_symbol"] in query["underlying_symbols"].split(",")
                    and query["expiration_date_gte"]
                    <= each["expiration_date"]
                    <= query["expiration_date_lte"]
                ]
                page, token = self.page(request, rows, query.get("page_token"), size=self.page_size)
                return Answer({"option_contracts": page, "next_page_token": token})
            case ["options", "contracts", symbol]:
                found = next((each for each in self.contracts if each["symbol"] == symbol), None)
                return Answer(found) if found else self.error(404, f"option contract not found for {symbol}")
        return self.error(404, "endpoint not found.")

    # -- streams -----------------------------------------------------------------------------------------

    def emit(self, kind: str, event: Mapping[str, Any]) -> None:
        """Send an event, a mapping by `feeds.FIELDS` with Alpaca's symbol, to those who subscribed to it."""
        stamp = event["time_ns"]
        message: dict[str, Any] = {"T": LETTERS[kind], "S": event["symbol"]}
        if kind == "quotes":
            message |= {"bx": "V", "bp": event["bid"] or 0, "bs": event["bid_size"] or 0,
                        "ax": "V", "ap": event["ask"] or 0, "as": event["ask_size"] or 0,
                        "c": ["R"], "z": "C"}  # fmt: skip
        elif kind == "trades":
            message |= {
                "i": int(event["trade_id"]),
                "p": event["price"],
                "s": event["size"],
                "c": [" "],
                "z": "C",
            }
        else:
            message |= {"o": event["open"], "h": event["high"], "l": event["low"], "c": event["close"],
                        "v": event["volume"], "n": 12, "vw": event["vwap"]}  # fmt: skip
        for socket, channels in list(self.subscriptions.items()):
            if event["symbol"] in channels.get(kind, ()):
                self.tell(socket, [message | {"t": self.stamp(socket, stamp)}])

    def stamp(self, socket: Any, nanoseconds: int) -> Any:
        """Return an instant as this connection writes it: text in JSON, the extension in MessagePack."""
        if self.packed(socket):
            return Instant(nanoseconds)
        seconds, rest = divmod(nanoseconds, 10**9)
        text = pd.Timestamp(seconds, unit="s").strftime("%Y-%m-%dT%H:%M:%S")
        return f"{text}.{rest:09d}".rstrip("0").rstrip(".") + "Z"

    def packed(self, socket: Any) -> bool:
        """Whether a connection speaks MessagePack."""
        headers = socket.request.headers
        return "v1beta1" in socket.request.path or headers.get("Content-Type") == "application/msgpack"

    def tell(self, socket: Any, messages: list[Any]) -> None:
        """Send messages in one frame."""
        # Who was just cut off is told nothing more.
        with contextlib.suppress(OSError, ConnectionClosed):
            socket.send(encode(messages) if self.packed(socket) else json.dumps(messages))

    def cut_sockets(self) -> None:
        super().cut_sockets()
        # Nobody shall take what a dead client asked for as what its successor did.
        self.subscriptions.clear()

    def asked(self, channel: str) -> set[str]:
        """Return what all connections have subscribed to."""
        return {name for held in list(self.subscriptions.values()) for name in held.get(channel, ())}

    def talk(self, socket: Any) -> None:
        self.tell(socket, [{"T": "success", "msg": "connected"}])
        signed_in = False
        try:
            for message in self.hear(socket):
                said = decode(message) if isinstance(message, bytes) else json.loads(message)
                if isinstance(message, str) and self.packed(socket):
                    self.tell(socket, [error(412, "option messages are only available in MsgPack format")])
                elif said.get("action") == "auth":
                    signed_in = self._signed_in(socket, said)
                elif not signed_in:
                    self.tell(socket, [error(401, "not authenticated")])
                else:
                    self._change(socket, said)
        finally:
            with self._writing:
                self.subscriptions.pop(socket, None)

    def _signed_in(self, socket: Any, said: Mapping[str, Any]) -> bool:
        right = said.get("key") == KEYS["key_id"] and said.get("secret") == KEYS["secret_key"]
        if not right or self.bad.expired:
            self.tell(socket, [error(402, "auth failed")])
            return False
        if self.sign_in_error is not None:
            self.tell(socket, [error(*self.sign_in_error)])
            return False
        self.tell(socket, [{"T": "success", "msg": "authenticated"}])
        return True

    def _change(self, socket: Any, said: Mapping[str, Any]) -> None:
        wanted = {channel: set(said[channel]) for channel in CHANNELS if said.get(channel)}
        self.chunks.append(max(map(len, wanted.values()), default=0))
        with self._writing:
            held = self.subscriptions.setdefault(socket, {})
            if said["action"] == "unsubscribe":
                for channel, names in wanted.items():
                    held[channel] = held.get(channel, set()) - names
            elif any(names & self.refused for names in wanted.values()):
                self.tell(socket, [error(400, "invalid syntax")])
                return
            elif any(
                len(held.get(channel, set()) | names) > self.most_symbols for channel, names in wanted.items()
            ):
                self.tell(socket, [error(405, "symbol limit exceeded")])
                return
            else:
                for channel, names in wanted.items():
                    held[channel] = held.get(channel, set()) | names
            self.tell(
                socket, [{"T": "subscription", **{name: sorted(held.get(name, ())) for name in CHANNELS}}]
            )


def error(code: int, words: str) -> dict[str, Any]:
    """Return an error of the stream."""
    return {"T": "error", "code": code, "msg": words}


def _inside(told: str, query: Mapping[str, str]) -> bool:
    stamp = pd.Timestamp(told)
    first, last = (pd.Timestamp(query[name]) if name in query else None for name in ("start", "end"))
    return (first is None or stamp >= first) and (last is None or stamp <= last)
