"""Polygon's live feed: shares, options and indices, one socket each, opened as symbols of them are wanted."""

import asyncio
import json
import re
import time
from collections.abc import Collection, Mapping, Sequence

from workbench.errors import (
    NeedsLoginError,
    ServiceRefusedError,
    ServiceUnavailableError,
    SocketClosedError,
)
from workbench.providers.feeds import Batch
from workbench.providers.polygon_events import events_from_frame
from workbench.settings import PolygonSettings
from workbench.transport import Socket, open_socket
from workbench.vendors.base import Keys, require_keys
from workbench.vendors.polygon import VENDOR, our_symbol, their_symbol

CHANNELS: Mapping[str, str] = {"quotes": "Q", "trades": "T", "bars": "AM"}
_MARKETS = ("stocks", "options", "indices")
_MOST_OPTION_QUOTES = 1000
_CHUNK = 200
_SIGN_IN_SECONDS = 10.0
# The transport asks every twenty seconds whether the other side lives, and closes a socket that does not
# answer; a quiet feed says so as often.
_QUIET_SECONDS = 20.0
_REFUSED = ("error", "not_authorized", "auth_failed", "subscribe_failed", "failed")


class PolygonFeed:
    """Quotes, trades and minute bars as Polygon's websocket sends them.

    Parameters
    ----------
    settings : PolygonSettings
        `stream_url` is the host without a market; that of delayed plans is wss://delayed.massive.com.
    keys : mapping or None
        ``api_key``.
    acknowledge_within : float
        Seconds of silence after which a subscription counts as failed: the service may refuse a channel
        by saying nothing.
    """

    service = VENDOR.name
    # Longer than the transport's ping and its time-out together.
    heartbeat_timeout = 60.0

    def __init__(
        self, settings: PolygonSettings, keys: Keys | None, *, acknowledge_within: float = 5.0
    ) -> None:
        self._url = settings.stream_url.rstrip("/")
        self._keys = keys
        self._patience = acknowledge_within
        self._sockets: dict[str, Socket] = {}
        self._reads: dict[str, asyncio.Task[str | bytes]] = {}
        self._pending: list[Batch] = []
        self._channels: dict[str, str] = {}
        self._answers: dict[str, str] = {}
        self._refusals: list[str] = []
        self._asking = False

    @property
    def label(self) -> str:
        """What people call the feed, and that it is delayed where it is."""
        return f"{VENDOR.label}, delayed by 15 minutes" if "delayed" in self._url else VENDOR.label

    async def open(self) -> None:
        """Connect to the first market that the plan streams, and sign in.

        Raises
        ------
        NotConnectedError, NeedsLoginError
            If there is no key, or it is not taken.
        ServiceRefusedError
            If the plan streams none of the markets.
        """
        require_keys(VENDOR, self._keys)
        refused: list[ServiceRefusedError] = []
        for market in _MARKETS:
            try:
                await self._connect(market)
            except ServiceRefusedError as error:
                refused.append(error)
            else:
                return
        raise refused[0]

    async def subscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for more symbols, and wait until the service has acknowledged each.

        Raises
        ------
        ServiceRefusedError
            Naming those that it refused or left without an answer; the others are subscribed.
        """
        by_market, unanswered = self._new_channels(wanted)
        for market, channels in by_market.items():
            if market not in self._sockets:
                try:
                    await self._connect(market)
                except ServiceRefusedError as error:
                    unanswered |= dict.fromkeys(channels, str(error))
                    continue
            for at in range(0, len(channels), _CHUNK):
                unanswered |= await self._ask(market, "subscribe", channels[at : at + _CHUNK])
        self._channels = {name: symbol for name, symbol in self._channels.items() if name not in unanswered}
        if unanswered:
            names = sorted({our_symbol(channel.split(".", 1)[1]) for channel in unanswered})
            named = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
            reason = next(iter(unanswered.values()))
            raise ServiceRefusedError(
                f"{VENDOR.label} does not stream {named}: {reason}", service=VENDOR.label
            )

    async def unsubscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for fewer symbols; those that are not subscribed change nothing."""
        for market in _MARKETS:
            gone = [
                channel
                for kind, symbols in wanted.items()
                for symbol in symbols
                if (channel := _channel(kind, symbol)) in self._channels and _market(symbol) == market
            ]
            for channel in gone:
                del self._channels[channel]
            if gone and market in self._sockets:
                await self._say(market, "unsubscribe", gone)

    async def receive(self) -> list[Batch]:
        """Wait for events; nothing when a while has passed in which the sockets stayed alive.

        Raises
        ------
        SocketClosedError
            When one of the sockets has ended.
        NeedsLoginError
            When the service takes the key no more.
        """
        while not self._pending:
            if not self._sockets:
                raise SocketClosedError(f"{VENDOR.label}'s feed is not open; open it.", service=VENDOR.label)
            if not await self._read(_QUIET_SECONDS):
                return []
        batches, self._pending = self._pending, []
        return batches

    async def close(self) -> None:
        """End the connections; closing twice does nothing."""
        reads, self._reads = list(self._reads.values()), {}
        sockets, self._sockets = list(self._sockets.values()), {}
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        for socket in sockets:
            await socket.close()
        self._channels.clear()
        self._pending.clear()

    # -- signing in --------------------------------------------------------------------------------------

    async def _connect(self, market: str) -> None:
        key = require_keys(VENDOR, self._keys)["api_key"]
        socket = await open_socket(f"{self._url}/{market}", service=VENDOR.name, label=VENDOR.label)
        try:
            await self._expect(socket, market, ("connected",))
            await socket.send_text(json.dumps({"action": "auth", "params": key}))
            await self._expect(socket, market, ("auth_success",))
        except BaseException:
            await socket.close()
            raise
        self._sockets[market] = socket

    async def _expect(self, socket: Socket, market: str, wanted: tuple[str, ...]) -> None:
        """Wait for a status; others than the wanted one are refusals in the service's words."""
        try:
            async with asyncio.timeout(_SIGN_IN_SECONDS):
                while True:
                    for status, words in _statuses(await socket.receive()):
                        # The service of before 2021, and servers that follow it, say success for both.
                        if status in wanted or (status == "success" and "authenticated" in words):
                            return
                        self._raise_for(status, words, market)
        except TimeoutError as error:
            raise ServiceUnavailableError(
                f"{VENDOR.label} did not answer the sign-in for {market} within {_SIGN_IN_SECONDS:g} s; try "
                "again later.",
                service=VENDOR.label,
            ) from error

    def _raise_for(self, status: str, words: str, market: str) -> None:
        plan = any(word in words.lower() for word in ("plan", "entitle", "upgrade", "access"))
        if status == "max_connections":
            raise ServiceRefusedError(
                f"{VENDOR.label} allows no more connections ({words}); end the other program that streams.",
                service=VENDOR.label,
            )
        if status == "auth_timeout":
            raise ServiceUnavailableError(f"{VENDOR.label} ended the sign-in: {words}", service=VENDOR.label)
        if (status in ("auth_failed", "error") and plan) or status == "not_authorized":
            raise ServiceRefusedError(
                f"{VENDOR.label} does not stream {market} to this key ({words}). A delayed plan streams from "
                "wss://delayed.massive.com; set `services.polygon.stream_url`.",
                service=VENDOR.label,
            )
        if status in ("auth_failed", "error"):
            raise NeedsLoginError(
                f"{VENDOR.label} does not take the key for {market} ({words}); `workbench connect polygon` "
                "asks for a new one. A key of a delayed plan streams from wss://delayed.massive.com: set "
                "`services.polygon.stream_url`.",
                service=VENDOR.label,
            )

    # -- asking ------------------------------------------------------------------------------------------

    def _new_channels(
        self, wanted: Mapping[str, Collection[str]]
    ) -> tuple[dict[str, list[str]], dict[str, str]]:
        """Name the channels that are new, by market, and those that cannot be had, with the reason."""
        found: dict[str, list[str]] = {}
        refused: dict[str, str] = {}
        room = _MOST_OPTION_QUOTES - sum(channel.startswith("Q.O:") for channel in self._channels)
        for kind, symbols in wanted.items():
            for symbol in dict.fromkeys(symbols):
                channel = _channel(kind, symbol)
                if channel in self._channels:
                    continue
                if channel.startswith("Q.I:"):
                    # Who wants both kinds gets what there is.
                    if symbol not in wanted.get("trades", ()):
                        refused[channel] = "an index has no quotes; its value comes with `trades`"
                    continue
                if channel.startswith("Q.O:"):
                    if room <= 0:
                        refused[channel] = (
                            f"one connection carries quotes of {_MOST_OPTION_QUOTES:,} contracts"
                        )
                        continue
                    room -= 1
                self._channels[channel] = symbol
                found.setdefault(_market(symbol), []).append(channel)
        return found, refused

    async def _ask(self, market: str, action: str, channels: Sequence[str]) -> dict[str, str]:
        """Send one request, and return the channels without a good answer, with the reason."""
        for channel in channels:
            self._answers.pop(channel, None)
        self._refusals = []
        self._asking = True
        try:
            await self._say(market, action, channels)
            return await self._answered(channels)
        finally:
            self._asking = False

    async def _answered(self, channels: Sequence[str]) -> dict[str, str]:
        """Wait for the answers to one request, as long as they keep coming."""
        refused: dict[str, str] = {}
        left = list(channels)
        until = time.monotonic() + self._patience
        while left and (rest := until - time.monotonic()) > 0:
            await self._read(rest)
            for words in self._refusals:
                refused |= {channel: words for channel in left if _names(words, channel)}
            still = [channel for channel in left if channel not in self._answers and channel not in refused]
            if len(still) < len(left):
                until = time.monotonic() + self._patience
            left = still
        silence = f"it did not acknowledge the subscription within {self._patience:g} s"
        return refused | dict.fromkeys(left, "; ".join(self._refusals) or silence)

    async def _say(self, market: str, action: str, channels: Sequence[str]) -> None:
        await self._sockets[market].send_text(json.dumps({"action": action, "params": ",".join(channels)}))

    # -- reading -----------------------------------------------------------------------------------------

    async def _read(self, seconds: float) -> bool:
        """Wait for the next frame of any socket and take it; say whether one came.

        Who subscribes and who receives may wait at once: both wait for the same reads, and the first to
        wake takes the frame.
        """
        for market, socket in self._sockets.items():
            if market not in self._reads:
                self._reads[market] = asyncio.ensure_future(socket.receive())
        done, _ = await asyncio.wait(
            self._reads.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for market, read in list(self._reads.items()):
            if read.done():
                del self._reads[market]
                self._take(read.result(), market)
        return bool(done)

    def _take(self, message: str | bytes, market: str) -> None:
        batches, statuses = events_from_frame(message, self._channels, received_at=time.time())
        self._pending.extend(batches)
        for status, words in statuses:
            if status == "success":
                self._answers |= dict.fromkeys(words.replace(",", " ").split(), status)
            elif status in _REFUSED and not words.lower().startswith("auth"):
                self._refusals.append(words or status)
                if not self._asking:
                    told = ("", f"the service tells of an error: {words or status}", words or status)
                    self._pending.append(Batch("quotes", [], time.time(), [told]))
            else:
                self._raise_for(status, words, market)


def _statuses(message: str | bytes) -> list[tuple[str, str]]:
    return events_from_frame(message, {}, received_at=time.time())[1]


def _names(words: str, channel: str) -> bool:
    """Whether a refusal names a channel, or its ticker."""
    ticker = channel.split(".", 1)[1]
    return re.search(rf"(?<![\w.:]){re.escape(ticker)}(?![\w:])", words.replace(channel, ticker)) is not None


def _channel(kind: str, symbol: str) -> str:
    ticker = their_symbol(symbol)
    # An index has no trades; its values are what its last price is.
    prefix = "V" if kind == "trades" and ticker.startswith("I:") else CHANNELS[kind]
    return f"{prefix}.{ticker}"


def _market(symbol: str) -> str:
    ticker = their_symbol(symbol)
    return "options" if ticker.startswith("O:") else "indices" if ticker.startswith("I:") else "stocks"
