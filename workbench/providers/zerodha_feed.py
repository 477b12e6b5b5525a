"""Zerodha's live ticker: snapshots of the book and of the last trade, several a second."""

import asyncio
import json
import time
from collections.abc import Collection, Mapping
from typing import Any

from pydantic_core import from_json

from workbench.errors import NeedsLoginError, ServiceRefusedError, SocketClosedError
from workbench.providers.feeds import Batch
from workbench.providers.zerodha_ticks import Tick, ticks_from_frame
from workbench.redaction import redact
from workbench.transport import Socket, open_socket
from workbench.vendors.zerodha import VENDOR, ZerodhaClient, our_symbol
from workbench.vendors.zerodha_instruments import Instruments

KINDS = ("quotes", "trades")
MOST_INSTRUMENTS = 3000
_CHUNK = 500
_SECOND = 1_000_000_000
_LONGEST_TEXT = 300


class ZerodhaFeed:
    """Quotes and last trades as Kite's ticker sends them.

    The ticker sends a snapshot when something has changed, stamped to the second; trades between two
    snapshots are not seen. A quote's `sequence` is the microseconds between its stamp and its receipt, which
    keeps quotes of one second apart. A trade's identity is the volume of the session after it; the value of
    an index comes as a trade without a size.

    Parameters
    ----------
    client : ZerodhaClient
        Login and list of instruments.
    """

    service = VENDOR.name
    label = f"{VENDOR.label} ticker"
    # The service sends a byte each second or so.
    heartbeat_timeout = 10.0

    def __init__(self, client: ZerodhaClient) -> None:
        self._client = client
        self._socket: Socket | None = None
        self._instruments: Instruments | None = None
        self._wanted: dict[str, set[int]] = {kind: set() for kind in KINDS}
        self._asked: set[int] = set()
        self._symbols: dict[int, str] = {}
        self._last: dict[int, tuple[float | None, float]] = {}

    async def open(self) -> None:
        """Fetch the list of instruments, connect and sign in.

        Raises
        ------
        NeedsLoginError
            With the link to log in, if the token of the day has ended.
        """
        # The list is asked for over HTTP, which blocks.
        self._instruments = await asyncio.to_thread(self._client.instruments)
        address = self._client.stream_address()
        try:
            self._socket = await open_socket(
                address, service=VENDOR.name, label=self.label, headers={"X-Kite-Version": "3"}
            )
        except NeedsLoginError:
            raise self._client.refused("the ticker takes the token no more") from None

    async def subscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for more instruments, with the whole book.

        Raises
        ------
        ServiceRefusedError
            Naming those that today's list does not hold, or that are too many; the others are subscribed.
        """
        fresh: list[int] = []
        unknown: list[str] = []
        for kind, symbols in wanted.items():
            for symbol in symbols:
                known = self._instruments.get(our_symbol(symbol)) if self._instruments else None
                if known is None or kind not in KINDS:
                    unknown.append(symbol)
                    continue
                if known.token not in self._asked:
                    if len(self._asked) >= MOST_INSTRUMENTS:
                        unknown.append(symbol)
                        continue
                    self._asked.add(known.token)
                    fresh.append(known.token)
                self._wanted[kind].add(known.token)
                self._symbols[known.token] = known.symbol
        for at in range(0, len(fresh), _CHUNK):
            chunk = fresh[at : at + _CHUNK]
            await self._say("subscribe", chunk)
            await self._say("mode", ["full", chunk])
        if unknown:
            named = ", ".join(sorted(set(unknown))[:20])
            raise ServiceRefusedError(
                f"{VENDOR.label} does not stream {named}: today's list does not hold it, the ticker has "
                f"{' and '.join(KINDS)} alone, or these are more than {MOST_INSTRUMENTS:,} instruments.",
                service=VENDOR.label,
            )

    async def unsubscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for fewer instruments."""
        for kind, symbols in wanted.items():
            for symbol in symbols:
                known = self._instruments.get(our_symbol(symbol)) if self._instruments else None
                if known is not None and kind in KINDS:
                    self._wanted[kind].discard(known.token)
        gone = sorted(self._asked - self._wanted["quotes"] - self._wanted["trades"])
        self._asked.difference_update(gone)
        for token in gone:
            self._last.pop(token, None)
        if gone:
            await self._say("unsubscribe", gone)

    async def receive(self) -> list[Batch]:
        """Wait for the next frame and return what it holds; nothing for a heartbeat.

        Raises
        ------
        SocketClosedError
            When the connection has ended.
        NeedsLoginError
            When the service takes the token no more.
        """
        if self._socket is None:
            raise SocketClosedError(f"{self.label} is not open; open it.", service=VENDOR.label)
        message = await self._socket.receive()
        received_at = time.time()
        if isinstance(message, str):
            return self._told(message, received_at)
        ticks, complaints = ticks_from_frame(message)
        return self._batches(ticks, [("", reason, message[:64].hex()) for reason in complaints], received_at)

    async def close(self) -> None:
        """End the connection; closing twice does nothing."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    # -- reading -----------------------------------------------------------------------------------------

    def _batches(self, ticks: list[Tick], bad: list[tuple[str, str, str]], received_at: float) -> list[Batch]:
        quotes = Batch("quotes", [], received_at, bad)
        trades = Batch("trades", [], received_at)
        for tick in ticks:
            symbol = self._symbols.get(tick.token)
            if symbol is None or tick.token not in self._asked:
                name = (self._instruments.symbol_of(tick.token) if self._instruments else None) or ""
                quotes.bad.append((name, "nobody asked for this instrument", f"token {tick.token}"))
                continue
            if tick.token in self._wanted["quotes"] and (tick.bid is not None or tick.ask is not None):
                quotes.rows.append(_quote(symbol, tick, received_at))
            if tick.token in self._wanted["trades"] and tick.last > 0:
                # A snapshot repeats the last trade until there is a new one.
                now = (tick.volume, tick.last)
                if self._last.get(tick.token) != now:
                    self._last[tick.token] = now
                    trades.rows.append(_trade(symbol, tick, received_at))
        return [batch for batch in (quotes, trades) if batch.rows or batch.bad]

    def _told(self, message: str, received_at: float) -> list[Batch]:
        """Read a text frame: orders and messages are not of the market, errors are told."""
        try:
            said = from_json(message)
        except ValueError:
            said = None
        if not isinstance(said, Mapping):
            bad = [("", "the text is no message of the ticker", redact(message)[:_LONGEST_TEXT])]
            return [Batch("quotes", [], received_at, bad)]
        if said.get("type") != "error":
            return []
        words = redact(str(said.get("data") or "no reason given"))[:_LONGEST_TEXT]
        if "token" in words.lower() and "instrument" not in words.lower():
            raise self._client.refused(words)
        return [Batch("quotes", [], received_at, [("", f"the service tells of an error: {words}", words)])]

    async def _say(self, action: str, value: Any) -> None:
        if self._socket is None:
            raise SocketClosedError(f"{self.label} is not open; open it.", service=VENDOR.label)
        await self._socket.send_text(json.dumps({"a": action, "v": value}))


def _quote(symbol: str, tick: Tick, received_at: float) -> tuple[Any, ...]:
    received_ns = int(received_at * 1e6) * 1000
    time_ns = tick.exchange_at * _SECOND if tick.exchange_at is not None else received_ns
    sequence = max(0, received_ns - time_ns) // 1000
    return (symbol, time_ns, sequence, tick.bid, tick.ask, tick.bid_size, tick.ask_size)


def _trade(symbol: str, tick: Tick, received_at: float) -> tuple[Any, ...]:
    seconds = tick.exchange_at if tick.is_index else tick.last_trade_at
    # Packets of the smaller modes carry no time; then it is that of their receipt.
    time_ns = seconds * _SECOND if seconds is not None else int(received_at * 1e6) * 1000
    if tick.volume is not None:
        identity = f"volume {tick.volume:.0f}"
    else:
        identity = f"value {time_ns} {tick.last:g}" if tick.is_index else f"last {time_ns}"
    return (symbol, time_ns, identity, tick.last, tick.last_quantity, "index value" if tick.is_index else "")
