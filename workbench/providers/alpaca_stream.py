"""Alpaca's live streams as one feed: shares speak JSON, options MessagePack, each over a socket of its own.

Alpaca numbers nothing and replays nothing: after a cut the owner of the feed asks the history. Its servers
send no heartbeats; the connection is proved by pings of the websocket protocol.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pydantic_core

from workbench.errors import (
    NeedsLoginError,
    RateLimitedError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
    ServiceUnavailableError,
    SocketClosedError,
    UnsupportedError,
)
from workbench.market.instruments import is_option_symbol
from workbench.providers.alpaca_events import EventReader, text_of
from workbench.providers.feeds import FIELDS, Batch
from workbench.redaction import redact
from workbench.transport import Socket, open_socket
from workbench.vendors.alpaca import VENDOR, AlpacaClient, their_symbol
from workbench.vendors.msgpack import MessagePackError, decode, encode

# Bars come when their minute ends, and again when a late trade changes them.
_CHANNELS = {"quotes": ("quotes",), "trades": ("trades",), "bars": ("bars", "updatedBars")}
_OPTION_KINDS = ("quotes", "trades")
_CHUNK = 400
_PING = 10.0
_SIGN_IN = 10.0
_QUIET = 5.0
# Refusals of one subscription, which Alpaca then leaves as it was.
_OF_A_SUBSCRIPTION = frozenset({400, 405, 409, 410, 413})


@dataclass
class _Request:
    """A subscription that was sent and is not answered yet."""

    action: str
    kind: str
    symbols: tuple[str, ...]


@dataclass
class _Line:
    """One socket: of shares, or of options."""

    options: bool
    url: str
    label: str
    socket: Socket | None = None
    symbols: dict[str, str] = field(default_factory=dict)
    pending: deque[_Request] = field(default_factory=deque)
    refused: list[str] = field(default_factory=list)
    words: str = ""
    reading: "asyncio.Task[str | bytes] | None" = None

    def __post_init__(self) -> None:
        self.reader = EventReader(self.symbols)

    async def send(self, message: Mapping[str, Any]) -> None:
        if self.socket is None:
            raise SocketClosedError(f"{self.label} is closed.", service="Alpaca")
        if self.options:
            await self.socket.send_bytes(encode(message))
        else:
            await self.socket.send_text(json.dumps(message))

    def messages(self, frame: str | bytes) -> list[Any]:
        """Return what a frame holds: an array of messages.

        Raises
        ------
        ValueError
            If it is something else.
        """
        packed = self.options and isinstance(frame, bytes)
        held = decode(frame) if packed and isinstance(frame, bytes) else pydantic_core.from_json(frame)
        if not isinstance(held, list):
            raise ValueError("an array of messages was expected")
        return held


class AlpacaFeed:
    """Quotes, trades and minute bars of shares, quotes and trades of options.

    Parameters
    ----------
    client : AlpacaClient
        Has the keys, the feeds and the address.
    kinds : sequence of {"quotes", "trades", "bars"}
        What will be subscribed to.
    quiet : float
        Seconds without a message after which `receive` returns with nothing.
    """

    service = "alpaca"
    # A ping is sent every ten seconds and may take ten for its answer.
    heartbeat_timeout = 2 * _PING + 5

    def __init__(self, client: AlpacaClient, kinds: Sequence[str], *, quiet: float = _QUIET) -> None:
        unknown = [kind for kind in kinds if kind not in FIELDS]
        if unknown or not kinds:
            raise UnsupportedError(
                f"Alpaca has no stream of {', '.join(unknown) or 'nothing'}; it has {', '.join(FIELDS)}."
            )
        self._client = client
        self._quiet = quiet
        settings = client.settings
        base, version = settings.stream_url.rstrip("/"), "v1beta1" if settings.feed == "boats" else "v2"
        self._shares = _Line(False, f"{base}/{version}/{settings.feed}", self.label)
        self._options = _Line(True, f"{base}/v1beta1/{settings.option_feed}", "Alpaca options")

    @property
    def label(self) -> str:
        """The feed as people call it."""
        return f"Alpaca stocks, {self._client.settings.feed.upper()}"

    async def open(self) -> None:
        """Connect and sign in to the stream of shares; that of options waits for the first option.

        Raises
        ------
        NotConnectedError, NeedsLoginError
            Without keys, or with wrong ones.
        RateLimitedError
            If another stream of this account is open: Alpaca allows one a feed.
        ServiceRefusedError
            If the plan does not hold the feed.
        ServiceUnavailableError
            If Alpaca cannot be reached.
        """
        self._client.keys()
        await self.close()
        await self._opened(self._shares)

    async def subscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for more symbols; what Alpaca refuses is told by `receive`, by name.

        Raises
        ------
        ServiceRefusedError
            For bars of options, which Alpaca does not stream; the others are subscribed to.
        """
        await self._change("subscribe", wanted)

    async def unsubscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for fewer symbols; a few late messages may still come."""
        await self._change("unsubscribe", wanted)

    async def receive(self) -> list[Batch]:
        """Wait for the next frame and return its events; nothing when it was quiet for a while.

        Raises
        ------
        SocketClosedError
            When a connection has ended.
        ServiceRefusedError
            Naming symbols that Alpaca does not give, as those past the plan's limit; the feed goes on.
        """
        lines = [line for line in (self._shares, self._options) if line.socket is not None]
        if not lines:
            raise SocketClosedError("Alpaca's stream is closed.", service="Alpaca")
        line, frame = await self._next(lines)
        if line is None or frame is None:
            return []
        received_at = time.time()
        try:
            messages = line.messages(frame)
        except (ValueError, MessagePackError) as error:
            return [Batch("quotes", [], received_at, [("", f"no message: {error}", text_of(frame))])]
        batches = line.reader.read(messages, received_at)
        for message in messages:
            if isinstance(message, Mapping) and message.get("T") in ("subscription", "error"):
                await self._answered(line, message)
        # Errors have a message of their own; as events they were not readable.
        return [batch for batch in batches if batch.rows or batch.bad]

    async def close(self) -> None:
        """End the connections; closing twice does nothing."""
        for line in (self._shares, self._options):
            socket, line.socket = line.socket, None
            reading, line.reading = line.reading, None
            line.pending.clear()
            line.refused.clear()
            if reading is not None:
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError, ServiceError):
                    await reading
            if socket is not None:
                await socket.close()

    # -- sockets -----------------------------------------------------------------------------------------

    async def _opened(self, line: _Line) -> None:
        keys = self._client.keys()
        line.socket = await open_socket(
            line.url, service=VENDOR.name, label=line.label, ping_interval=_PING, ping_timeout=_PING,
            headers={"Content-Type": "application/msgpack"} if line.options else None,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_SIGN_IN):
                await self._told(line, "connected")
                await line.send({"action": "auth", "key": keys["key_id"], "secret": keys["secret_key"]})
                await self._told(line, "authenticated")
        except TimeoutError:
            await self.close()
            raise ServiceUnavailableError(
                f"{line.label} did not answer the sign-in in time.", service="Alpaca"
            ) from None
        except ServiceError:
            await self.close()
            raise

    async def _told(self, line: _Line, words: str) -> None:
        """Wait for a word of success.

        Raises
        ------
        ServiceError
            That the service's error stands for.
        """
        while line.socket is not None:
            frame = await line.socket.receive()
            try:
                messages = line.messages(frame)
            except (ValueError, MessagePackError) as error:
                raise ServiceAnswerError(
                    f"{line.label} answered the sign-in with no message: {error}", service="Alpaca"
                ) from error
            for message in messages:
                told = message if isinstance(message, Mapping) else {}
                if told.get("T") == "error" and told.get("code") != 403:
                    raise error_of(told, line.label)
                # Signed in by the handshake already: nothing more will be said.
                if told.get("T") == "error" or told.get("msg") in (words, "authenticated"):
                    return

    async def _next(self, lines: Sequence[_Line]) -> tuple[_Line | None, str | bytes | None]:
        """Return the next frame of any socket, or nothing after a quiet while."""
        if len(lines) == 1 and lines[0].reading is None and lines[0].socket is not None:
            try:
                async with asyncio.timeout(self._quiet):
                    return lines[0], await lines[0].socket.receive()
            except TimeoutError:
                return None, None
        for line in lines:
            if line.reading is None and line.socket is not None:
                line.reading = asyncio.create_task(line.socket.receive())
        tasks = {line.reading: line for line in lines if line.reading is not None}
        done, _ = await asyncio.wait(tasks, timeout=self._quiet, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            line = tasks[task]
            line.reading = None
            return line, await task
        return None, None

    # -- subscriptions -----------------------------------------------------------------------------------

    async def _change(self, action: str, wanted: Mapping[str, Collection[str]]) -> None:
        without: list[str] = []
        for kind, symbols in wanted.items():
            options = sorted(symbol for symbol in symbols if is_option_symbol(symbol))
            shares = sorted(symbol for symbol in symbols if not is_option_symbol(symbol))
            if kind not in _OPTION_KINDS:
                without += options
                options = []
            for line, group in ((self._shares, shares), (self._options, options)):
                if group and line.socket is None and line.options and action == "subscribe":
                    await self._opened_options()
                if group and line.socket is not None:
                    line.symbols.update({their_symbol(symbol): symbol for symbol in group})
                    for first in range(0, len(group), _CHUNK):
                        chunk = tuple(group[first : first + _CHUNK])
                        await self._ask(line, _Request(action, kind, chunk))
                elif group and not line.options:
                    raise SocketClosedError(f"{line.label} is closed.", service="Alpaca")
        if without and action == "subscribe":
            raise ServiceRefusedError(
                f"Alpaca streams no bars of options ({', '.join(without[:20])}); take their trades.",
                service="Alpaca",
            )

    async def _opened_options(self) -> None:
        if self._shares.socket is None:
            raise SocketClosedError("Alpaca's stream is closed.", service="Alpaca")
        await self._opened(self._options)

    async def _ask(self, line: _Line, request: _Request) -> None:
        theirs = [their_symbol(symbol) for symbol in request.symbols]
        line.pending.append(request)
        await line.send({"action": request.action, **dict.fromkeys(_CHANNELS[request.kind], theirs)})

    async def _answered(self, line: _Line, message: Mapping[str, Any]) -> None:
        """Take the answer to the oldest subscription; one that was refused is halved to find the culprits.

        Raises
        ------
        ServiceError
            That an error stands for; ServiceRefusedError once all answers are there and symbols were refused.
        """
        code = message.get("code")
        request = line.pending.popleft() if line.pending and code in (None, *_OF_A_SUBSCRIPTION) else None
        if message.get("T") == "error" and code != 403:
            if request is None or code not in _OF_A_SUBSCRIPTION:
                raise error_of(message, line.label)
            line.words = f"{message.get('msg', 'refused')} ({code})"
            if len(request.symbols) > 1 and code in (400, 405):
                half = len(request.symbols) // 2
                for symbols in (request.symbols[:half], request.symbols[half:]):
                    await self._ask(line, _Request(request.action, request.kind, symbols))
            else:
                line.refused += request.symbols
        if line.refused and not line.pending:
            refused, line.refused = line.refused, []
            raise ServiceRefusedError(
                f"{line.label} does not give {', '.join(refused)}: {redact(line.words)}.", service="Alpaca"
            )


def error_of(message: Mapping[str, Any], label: str) -> ServiceError:
    """Return the error that a message of the stream stands for.

    Parameters
    ----------
    message : mapping
        ``{"T": "error", "code": 402, "msg": "auth failed"}``.
    label : str
        Of the feed.
    """
    code, said = message.get("code"), redact(str(message.get("msg", "")))
    told = f"{said} ({code})"
    if code in (401, 402):
        return NeedsLoginError(
            f"{label} does not take the keys: {told}. `workbench connect alpaca` asks for new ones.",
            service="Alpaca",
        )
    if code == 406:
        return RateLimitedError(
            f"{label}: {told}. Alpaca allows one stream of an account and feed; close the other one.",
            service="Alpaca",
            retry_at=datetime.now(UTC) + timedelta(seconds=30),
        )
    if code in (408, 409, 411):
        return ServiceRefusedError(
            f"{label}: {told}. The account's plan does not hold this feed; choose another in "
            "services.alpaca.feed or services.alpaca.option_feed.",
            service="Alpaca",
        )
    if code in _OF_A_SUBSCRIPTION:
        return ServiceRefusedError(f"{label} refused a subscription: {told}.", service="Alpaca")
    if code in (404, 407, 500):
        return SocketClosedError(f"{label} ends the stream: {told}.", service="Alpaca")
    return ServiceAnswerError(
        f"{label} told an error that its protocol does not know: {told}.", service="Alpaca"
    )
