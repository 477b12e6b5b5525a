"""A plain live feed of our own protocol, its server, and a provider over both: to try the machinery with.

A client says ``{"do": "login", "key": "K"}``, then ``{"do": "subscribe", "quotes": ["AAPL"]}``, and gets
``{"quotes": [[symbol, time_ns, sequence, bid, ask, bid_size, ask_size], ...]}``, so for trades and bars too,
fields as in `workbench.providers.feeds.FIELDS`, and ``{"beat": 1}`` while nothing happens. The server keeps
all that it ever sent; ``GET /history`` gives it back, which is what a provider fills gaps from.
"""

import asyncio
import json
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import httpx
import pandas as pd
from pydantic_core import from_json
from websockets.asyncio import client
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.servers.base import Answer, LocalServer, Request
from workbench.errors import (
    NeedsLoginError,
    ServiceRefusedError,
    ServiceUnavailableError,
    SocketClosedError,
    UnsupportedError,
)
from workbench.providers.feeds import FIELDS, Batch

KEY = "plain-key"
LARGEST_CHUNK = 200


class PlainServer(LocalServer):
    """Sends what a test emits to those who asked for it, and keeps it for its history."""

    def __init__(self, *, key: str = KEY, unknown: Collection[str] = ("NOPE",)) -> None:
        super().__init__()
        self.key = key
        self.unknown = set(unknown)
        self.world: list[tuple[str, tuple[Any, ...]]] = []
        self.chunks: list[int] = []
        self.logins = 0
        self.wanted: dict[Any, dict[str, set[str]]] = {}
        self._writing = threading.Lock()

    # -- what the test does ------------------------------------------------------------------------------

    def emit(self, kind: str, *rows: tuple[Any, ...], told: bool = True) -> None:
        """Let events happen: they are in the history, and sent to who asked, unless `told` is false."""
        with self._writing:
            self.world += [(kind, row) for row in rows]
            if not told:
                return
            for socket, wanted in list(self.wanted.items()):
                mine = [row for row in rows if row[0] in wanted.get(kind, ())]
                if mine:
                    _send(socket, json.dumps({kind: mine}))

    def cut_sockets(self) -> None:
        super().cut_sockets()
        # Nobody shall take what a dead client asked for as what its successor did.
        with self._writing:
            self.wanted.clear()

    def subscribed(self) -> dict[str, set[str]]:
        """Return what all clients together have asked for."""
        found: dict[str, set[str]] = {}
        for wanted in list(self.wanted.values()):
            for kind, symbols in wanted.items():
                found.setdefault(kind, set()).update(symbols)
        return found

    # -- the service -------------------------------------------------------------------------------------

    def talk(self, socket: Any) -> None:
        try:
            for message in self.hear(socket):
                said = json.loads(message)
                if said["do"] == "login":
                    self.logins += 1
                    fine = said["key"] == self.key and not self.bad.expired
                    _send(socket, json.dumps({"ok": "login"} if fine else {"error": "needs_login"}))
                elif said["do"] in ("subscribe", "unsubscribe"):
                    self._change(socket, said)
        finally:
            with self._writing:
                self.wanted.pop(socket, None)

    def _change(self, socket: Any, said: dict[str, Any]) -> None:
        asked = {kind: said[kind] for kind in FIELDS if kind in said}
        self.chunks.append(sum(map(len, asked.values())))
        refused = sorted({symbol for symbols in asked.values() for symbol in symbols} & self.unknown)
        with self._writing:
            mine = self.wanted.setdefault(socket, {})
            for kind, symbols in asked.items():
                known = set(symbols) - self.unknown
                held = mine.setdefault(kind, set())
                mine[kind] = held | known if said["do"] == "subscribe" else held - known
            _send(socket, json.dumps({"error": "refused", "symbols": refused} if refused else {"ok": "done"}))

    def answer(self, request: Request) -> Answer:
        if request.path != "/history":
            return super().answer(request)
        if request.headers.get("x-key") != self.key or self.bad.expired:
            return self.error(401, "log in")
        first, last = int(request.query["start"]), int(request.query["end"])
        symbols = set(request.query["symbols"].split(","))
        kind = request.query["kind"]
        with self._writing:
            rows = [r for k, r in self.world if k == kind and r[0] in symbols and first <= r[1] <= last]
        return Answer({"rows": rows})


class PlainFeed:
    """The client of a `PlainServer`."""

    service = "plain"
    label = "Plain feed"

    def __init__(self, url: str, key: str = KEY, heartbeat_timeout: float = 5.0) -> None:
        self.heartbeat_timeout = heartbeat_timeout
        self._url = url
        self._key = key
        self._socket: client.ClientConnection | None = None
        self._early: list[Batch] = []

    async def open(self) -> None:
        try:
            self._socket = await client.connect(
                self._url, ping_interval=None, close_timeout=0.2, open_timeout=5, compression=None,
                proxy=None, max_queue=64,
            )  # fmt: skip
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise ServiceUnavailableError("The plain feed cannot be reached.", service=self.label) from error
        answer = await self._asked({"do": "login", "key": self._key})
        if answer.get("error"):
            await self.close()
            raise NeedsLoginError("The plain feed wants you to log in.", service=self.label)

    async def subscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        await self._change("subscribe", wanted)

    async def unsubscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        await self._change("unsubscribe", wanted)

    async def receive(self) -> list[Batch]:
        if self._early:
            early, self._early = self._early, []
            return early
        return self._read(await self._next())

    async def close(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def _change(self, what: str, wanted: Mapping[str, Collection[str]]) -> None:
        refused: list[str] = []
        for kind, symbols in wanted.items():
            names = sorted(symbols)
            for start in range(0, len(names), LARGEST_CHUNK):
                answer = await self._asked({"do": what, kind: names[start : start + LARGEST_CHUNK]})
                refused += answer.get("symbols", [])
        if refused:
            raise ServiceRefusedError(
                f"The plain feed has no {', '.join(dict.fromkeys(refused))}.", service=self.label
            )

    async def _asked(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message and wait for its answer; events that come before it are kept."""
        assert self._socket is not None
        try:
            await self._socket.send(json.dumps(message))
        except ConnectionClosed as error:
            raise _closed(error) from error
        while True:
            text = await self._next()
            said = from_json(text) if b'"ok"' in text or b'"error"' in text else {}
            if "ok" in said or "error" in said:
                return said
            self._early += self._read(text)

    async def _next(self) -> bytes:
        if self._socket is None:
            raise SocketClosedError("The plain feed is closed.", service=self.label)
        try:
            return await self._socket.recv(decode=False)
        except ConnectionClosed as error:
            raise _closed(error) from error

    def _read(self, text: bytes) -> list[Batch]:
        now = time.time()
        try:
            said = from_json(text)
            if said.get("error") == "needs_login":
                raise NeedsLoginError("The plain feed wants you to log in.", service=self.label)
            found = []
            for kind, rows in said.items():
                if kind in FIELDS:
                    width = len(FIELDS[kind])
                    good = [tuple(row) for row in rows if len(row) == width]
                    bad = [("", "a row of another length", repr(row)) for row in rows if len(row) != width]
                    found.append(Batch(kind, good, now, bad))
            return found
        except (ValueError, AttributeError, TypeError) as error:
            return [Batch("quotes", [], now, [("", f"no message of this feed ({error})", repr(text[:200]))])]


class PlainProvider:
    """A provider whose feed and history are a `PlainServer`'s; `history` says which kinds it keeps."""

    name = "plain"
    label = "Plain feed"
    modelled = False

    def __init__(
        self, http_url: str, ws_url: str, *, history: Iterable[str] = ("quotes", "trades", "bars"),
        heartbeat_timeout: float = 5.0,
    ) -> None:  # fmt: skip
        self._http_url = http_url
        self._ws_url = ws_url
        self._heartbeat_timeout = heartbeat_timeout
        self.key = KEY
        self.kinds = frozenset({*history, "stream"})

    def stream(self, kinds: Sequence[str]) -> PlainFeed:
        return PlainFeed(self._ws_url, self.key, self._heartbeat_timeout)

    def quotes(self, symbols: Sequence[str], start: Any, end: Any) -> pd.DataFrame:
        return self._history("quotes", symbols, start, end)

    def trades(self, symbols: Sequence[str], start: Any, end: Any) -> pd.DataFrame:
        return self._history("trades", symbols, start, end)

    def bars(self, symbols: Sequence[str], start: Any, end: Any, interval: str = "1d") -> pd.DataFrame:
        return self._history("bars", symbols, start, end)

    def _history(self, kind: str, symbols: Sequence[str], start: Any, end: Any) -> pd.DataFrame:
        if kind not in self.kinds:
            raise UnsupportedError(f"Plain feed has no {kind}.")
        span = {"start": pd.Timestamp(start).value, "end": pd.Timestamp(end).value}
        query = {"kind": kind, "symbols": ",".join(symbols), **span}
        try:
            with httpx.Client(trust_env=False) as http:
                answer = http.get(f"{self._http_url}/history", params=query, headers={"x-key": self.key})
        except httpx.TransportError as error:
            raise ServiceUnavailableError("The plain feed cannot be reached.", service=self.label) from error
        if answer.status_code != 200:
            raise ServiceUnavailableError(f"The plain feed said {answer.status_code}.", service=self.label)
        names = ["time" if name == "time_ns" else name for name in FIELDS[kind]]
        frame = pd.DataFrame(answer.json()["rows"], columns=names)
        numbers = [name for name in names if name not in ("symbol", "time", "trade_id", "conditions")]
        frame = frame.astype({name: "int64" if name == "sequence" else "float64" for name in numbers})
        frame["time"] = pd.to_datetime(frame["time"], utc=True).astype("datetime64[us, UTC]")
        return frame


def _send(socket: Any, message: str) -> None:
    try:
        socket.send(message)
    except (ConnectionClosed, OSError):
        return


def _closed(error: ConnectionClosed) -> SocketClosedError:
    frame = error.rcvd
    return SocketClosedError(
        "The plain feed closed its socket.", service="Plain feed", code=frame.code if frame else None
    )


def run(work: Any, seconds: float = 20.0) -> Any:
    """Run a coroutine of a test, and fail where it takes longer than this."""

    async def limited() -> Any:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(limited())
