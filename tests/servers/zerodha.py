"""A local server that speaks Kite Connect 3: daily login, list of instruments, candles, quotes, ticker."""

import hashlib
import json
import re
import struct
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.servers.base import Answer, LocalServer, Request

API_KEY = "kitefront0123"
API_SECRET = "kite-secret-0123456789abcdef"
ACCESS_TOKEN = "kite-access-token-0123456789"
INDIA = timezone(timedelta(hours=5, minutes=30))
SPANS = {
    "minute": 60, "3minute": 100, "5minute": 100, "10minute": 100, "15minute": 200, "30minute": 200,
    "60minute": 400, "day": 2000,
}  # fmt: skip
COLUMNS = (
    "instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry", "strike",
    "tick_size", "lot_size", "instrument_type", "segment", "exchange",
)  # fmt: skip
_SEGMENTS = {"NSE": 1, "NFO": 2, "CDS": 3, "BSE": 4, "BFO": 5, "INDICES": 9}


class ZerodhaServer(LocalServer):
    """Holds a list of instruments with their candles and quotes; its clock is India's."""

    def __init__(self) -> None:
        super().__init__()
        self.access_token = ACCESS_TOKEN
        self.request_tokens: set[str] = set()
        self.instruments: list[dict[str, Any]] = []
        self.candles: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.quotes: dict[str, dict[str, Any]] = {}
        self.modes: dict[Any, dict[int, str]] = {}
        self.asked: list[int] = []

    # -- the world -----------------------------------------------------------------------------------------

    def add(self, symbol: str, *, segment: str = "", kind: str = "EQ", **more: Any) -> int:
        """List an instrument and return its number, whose low byte is its segment."""
        exchange, name = symbol.split(":")
        code = _SEGMENTS["INDICES" if segment == "INDICES" else exchange]
        number = 1594 + len(self.instruments)
        row = {
            "instrument_token": number * 256 + code, "exchange_token": number, "tradingsymbol": name,
            "name": name, "last_price": 0, "expiry": "", "strike": 0, "tick_size": 0.05, "lot_size": 1,
            "instrument_type": kind, "segment": segment or exchange, "exchange": exchange, **more,
        }  # fmt: skip
        self.instruments.append(row)
        return int(row["instrument_token"])

    def token_of(self, symbol: str) -> int:
        """Return the number of a symbol."""
        return next(int(row["instrument_token"]) for row in self.instruments if _symbol(row) == symbol)

    # -- REST ----------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:  # noqa: PLR0911 - one line a route
        if request.headers.get("x-kite-version") != "3":
            return self.error(400, "Missing or invalid version")
        if request.path == "/session/token":
            return self._log_in(request)
        if request.headers.get("authorization") != f"token {API_KEY}:{self.access_token}" or self.bad.expired:
            return self.refused("Incorrect `api_key` or `access_token`.")
        if request.path == "/user/profile":
            return _success({"user_id": "AB1234", "exchanges": ["NSE", "NFO"]})
        if request.path == "/instruments":
            lines = [",".join(COLUMNS)]
            lines += [",".join(str(row[name]) for name in COLUMNS) for row in self.instruments]
            return Answer("\n".join(lines) + "\n", content_type="text/csv")
        if request.path == "/quote":
            wanted = request.queries.get("i", [])
            if len(wanted) > 500:
                return self.error(400, "Too many instruments", "InputException")
            return _success({symbol: self.quotes[symbol] for symbol in wanted if symbol in self.quotes})
        history = re.fullmatch(r"/instruments/historical/(\d+)/(\w+)", request.path)
        if history:
            return self._history(int(history[1]), history[2], request.query)
        return self.error(404, "Route not found", "GeneralException")

    def error(self, status: int, words: str, kind: str = "GeneralException") -> Answer:
        return Answer({"status": "error", "message": words, "data": None, "error_type": kind}, status)

    def refused(self, words: str) -> Answer:
        """Return the error of a token that is not taken."""
        return self.error(403, words, "TokenException")

    def _log_in(self, request: Request) -> Answer:
        form = request.form()
        right = hashlib.sha256((API_KEY + form["request_token"] + API_SECRET).encode()).hexdigest()
        if form["api_key"] != API_KEY or form["checksum"] != right:
            return self.error(400, "Invalid `checksum`.", "InputException")
        if form["request_token"] not in self.request_tokens:
            return self.refused("Token is invalid or has expired.")
        self.request_tokens.discard(form["request_token"])
        self.access_token = f"fresh-{form['request_token']}"
        self.bad.expired = False
        return _success({"user_id": "AB1234", "access_token": self.access_token, "refresh_token": ""})

    def _history(self, token: int, interval: str, query: Mapping[str, str]) -> Answer:
        first, last = (datetime.strptime(query[name], "%Y-%m-%d %H:%M:%S").replace(tzinfo=INDIA)
                       for name in ("from", "to"))  # fmt: skip
        if last - first > timedelta(days=SPANS[interval]):
            return self.error(400, f"interval exceeds max limit: {SPANS[interval]} days", "InputException")
        symbol = next((_symbol(row) for row in self.instruments if row["instrument_token"] == token), None)
        if symbol is None:
            return self.error(400, "invalid token", "InputException")
        held = [
            row
            for row in self.candles.get((symbol, interval), [])
            if first <= datetime.strptime(row["time"], "%Y-%m-%dT%H:%M:%S%z") <= last
        ]
        rows = self.lied(held, price="close", time="time", earlier="1999-01-04T00:00:00+0530")
        names = ("time", "open", "high", "low", "close", "volume")
        return _success({"candles": [[row.get(name) for name in names] for row in rows]})

    # -- ticker --------------------------------------------------------------------------------------------

    def handshake(self, connection: Any, request: Request) -> Any:
        good = request.query == {"api_key": API_KEY, "access_token": self.access_token}
        return None if good and not self.bad.expired else connection.respond(403, "Forbidden\n")

    def talk(self, socket: Any) -> None:
        mine = self.modes.setdefault(socket, {})
        socket.send(json.dumps({"type": "instruments_meta", "data": {"count": len(self.instruments)}}))
        try:
            for message in self.hear(socket):
                said = json.loads(message)
                if said["a"] == "subscribe":
                    self.asked.append(len(said["v"]))
                    mine.update(dict.fromkeys(said["v"], "quote"))
                elif said["a"] == "unsubscribe":
                    for token in said["v"]:
                        mine.pop(token, None)
                elif said["a"] == "mode":
                    mode, tokens = said["v"]
                    mine.update(dict.fromkeys(tokens, mode))
        finally:
            self.modes.pop(socket, None)

    def cut_sockets(self) -> None:
        super().cut_sockets()
        # Nobody shall take what a dead client asked for as what its successor did.
        self.modes.clear()

    def subscribed(self) -> set[str]:
        """Return the symbols that all clients together have asked for."""
        tokens = {token for mine in list(self.modes.values()) for token in mine}
        return {_symbol(row) for row in self.instruments if row["instrument_token"] in tokens}

    def push(self, *packets: bytes) -> None:
        """Send packets in one frame to all who are connected."""
        frame = struct.pack(">H", len(packets))
        frame += b"".join(struct.pack(">H", len(packet)) + packet for packet in packets)
        for socket in list(self.modes):
            try:
                socket.send(frame)
            except (ConnectionClosed, OSError):
                continue


def full_packet(
    token: int, *, last: float, quantity: int = 0, volume: int = 0, at: int = 0, bid: float | None = None,
    ask: float | None = None, bid_size: float = 0, ask_size: float = 0, divisor: float = 100.0,
) -> bytes:  # fmt: skip
    """Return a packet of mode full, 184 bytes, laid out as the documentation's table says."""
    price = round(last * divisor)
    packet = struct.pack(">11I", token, price, quantity, price, volume, 10, 20, price, price, price, price)
    packet += struct.pack(">5I", at, 0, 0, 0, at)
    for side, size in ((bid, bid_size), (ask, ask_size)):
        best = (int(size), round(side * divisor), 1) if side is not None else (0, 0, 0)
        packet += struct.pack(">IIHxx", *best) + struct.pack(">IIHxx", 0, 0, 0) * 4
    return packet


def _symbol(row: Mapping[str, Any]) -> str:
    return f"{row['exchange']}:{row['tradingsymbol']}"


def _success(data: Any) -> Answer:
    return Answer({"status": "success", "data": data})
