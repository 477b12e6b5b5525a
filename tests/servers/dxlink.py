"""DXLink's side of a websocket: handshake, token, one feed channel, compact data, snapshots of candles."""

import contextlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from websockets.exceptions import ConnectionClosed

BEGIN, END, SNIP, PENDING, REMOVE = 0x4, 0x8, 0x10, 0x1, 0x2
_SNAPSHOT_FRAME = 40


class DXLinkSession:
    """One client of a DXLink server.

    `takes` says whether a token is good, `candles` gives the snapshot of a candle symbol since an instant in
    ms (newest first), `first_events` what is told at once when another event is subscribed.
    """

    def __init__(
        self,
        socket: Any,
        *,
        takes: Callable[[str], bool],
        candles: Callable[[str, int], tuple[Sequence[Mapping[str, Any]], bool]],
        first_events: Callable[[str, str], Mapping[str, Any] | None],
        order: Callable[[str, list[str]], list[str]] = lambda kind, asked: asked,
        full: bool = False,
    ) -> None:
        self.socket = socket
        self.wanted: set[tuple[str, str]] = set()
        self.chunks: list[int] = []
        self.fields: dict[str, list[str]] = {}
        self.channel: int | None = None
        self.authorized = False
        self._takes, self._candles, self._first_events = takes, candles, first_events
        self._order, self._full = order, full
        self._writing = threading.Lock()

    def send(self, message: Mapping[str, Any] | str) -> None:
        with self._writing, contextlib.suppress(ConnectionClosed, OSError):
            self.socket.send(message if isinstance(message, str) else json.dumps(message))

    def hear(self, text: str | bytes) -> None:
        said = json.loads(text)
        kind = said["type"]
        if kind == "SETUP":
            self.send(
                {"type": "SETUP", "channel": 0, "version": "1.0-1.2.0", "keepaliveTimeout": 60,
                 "acceptKeepaliveTimeout": 60}
            )  # fmt: skip
            self.send({"type": "AUTH_STATE", "channel": 0, "state": "UNAUTHORIZED"})
        elif kind == "AUTH":
            self.authorized = self._takes(said["token"])
            state = "AUTHORIZED" if self.authorized else "UNAUTHORIZED"
            self.send({"type": "AUTH_STATE", "channel": 0, "state": state, "userId": "u-1"})
        elif not self.authorized and kind != "KEEPALIVE":
            self.send({"type": "ERROR", "channel": 0, "error": "UNAUTHORIZED", "message": "no token"})
        elif kind == "CHANNEL_REQUEST":
            assert said["service"] == "FEED"
            assert said["channel"] % 2 == 1
            self.channel = said["channel"]
            self.wanted.clear()
            self.send(
                {"type": "CHANNEL_OPENED", "channel": self.channel, "service": "FEED",
                 "parameters": {"contract": "AUTO", "subFormat": "LIST"}}
            )  # fmt: skip
        elif kind == "CHANNEL_CANCEL":
            self.send({"type": "CHANNEL_CLOSED", "channel": said["channel"]})
        elif kind == "FEED_SETUP":
            self.configure(said["acceptEventFields"])
        elif kind == "FEED_SUBSCRIPTION":
            self._subscribe(said)

    def configure(self, asked: Mapping[str, list[str]]) -> None:
        """Tell the order of the fields from now on."""
        self.fields = {name: self._order(name, list(names)) for name, names in asked.items()}
        self.send(
            {"type": "FEED_CONFIG", "channel": self.channel, "aggregationPeriod": 0.1,
             "dataFormat": "FULL" if self._full else "COMPACT", "eventFields": self.fields}
        )  # fmt: skip

    def tell(self, kind: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Send events of one kind; a field that an event does not have is "NaN"."""
        if self._full:
            data: list[Any] = [{"eventType": kind, **event} for event in events]
        else:
            names = self.fields[kind]
            rows = [[kind if n == "eventType" else _value(event.get(n)) for n in names] for event in events]
            data = [kind, [value for row in rows for value in row]]
        self.send({"type": "FEED_DATA", "channel": self.channel, "data": data})

    def _subscribe(self, said: Mapping[str, Any]) -> None:
        assert said["channel"] == self.channel
        removed = {(entry["type"], entry["symbol"]) for entry in said.get("remove", ())}
        self.wanted -= removed
        added = said.get("add", ())
        self.chunks.append(len(added) + len(removed))
        first: dict[str, list[Mapping[str, Any]]] = {}
        for entry in added:
            self.wanted.add((entry["type"], entry["symbol"]))
            if entry["type"] == "Candle":
                self._tell_snapshot(entry["symbol"], entry["fromTime"])
            elif (event := self._first_events(entry["type"], entry["symbol"])) is not None:
                first.setdefault(entry["type"], []).append(event)
        for kind, events in first.items():
            self.tell(kind, events)

    def _tell_snapshot(self, symbol: str, since: int) -> None:
        rows, snipped = self._candles(symbol, since)
        if not rows:
            empty = {"eventSymbol": symbol, "eventFlags": BEGIN | END | REMOVE, "index": 0, "time": 0}
            self.tell("Candle", [empty])
            return
        flagged = []
        for place, row in enumerate(rows):
            flags = BEGIN if place == 0 else 0
            flags |= (SNIP if snipped else END) if place == len(rows) - 1 else PENDING
            flagged.append({"eventSymbol": symbol, "eventFlags": flags, **row})
        for first in range(0, len(flagged), _SNAPSHOT_FRAME):
            self.tell("Candle", flagged[first : first + _SNAPSHOT_FRAME])


def _value(value: Any) -> Any:
    return "NaN" if value is None else value
