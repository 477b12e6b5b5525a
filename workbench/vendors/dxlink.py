"""DXLink, the protocol of dxFeed over a websocket: one connection with one feed channel.

Sources: the protocol's AsyncAPI description (dxFeed/dxLink) and tastytrade's streaming guide.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from workbench.errors import (
    NeedsLoginError,
    ServiceAnswerError,
    ServiceRefusedError,
    ServiceUnavailableError,
    SocketClosedError,
)
from workbench.transport import Socket, open_socket
from workbench.vendors.dxlink_events import EVENT_FIELDS, Bad, EventDecoder, Events, excerpt, number

VERSION = "0.1-DXF-PY/1.0.0"
KEEPALIVE_SECONDS = 60.0
# A frame past 64 KiB closes the socket with code 1009; symbols are few bytes, so this costs few frames.
LARGEST_FRAME = 16_384
_TOO_LONG = 1009
_HANDSHAKE_SECONDS = 15.0
_FIRST_STATE_SECONDS = 3.0
_RENEWALS_WITHOUT_DATA = 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QuoteToken:
    """What opens a DXLink connection.

    Attributes
    ----------
    token : str
        Secret of the day.
    url : str
        Address of the websocket.
    level : str
        As the service calls the data that the token gives.
    """

    token: str = field(repr=False)
    url: str = ""
    level: str = ""


class DXLink:
    """One connection with one feed channel.

    Parameters
    ----------
    token : callable
        Gives the token; called with True where the last one was refused and a new one is needed. It may
        block, and is called on a thread of its own.
    service, label : str
        As in errors.
    fields : mapping of str to sequence of str
        Fields to ask for of each event.
    """

    def __init__(
        self,
        token: Callable[[bool], QuoteToken],
        *,
        service: str,
        label: str,
        fields: Mapping[str, Sequence[str]] = EVENT_FIELDS,
    ) -> None:
        self._token = token
        self._service, self._label = service, label
        self._fields = fields
        self._decoder = EventDecoder(fields)
        self._entries: dict[tuple[str, str], dict[str, Any]] = {}
        self._largest_frame = LARGEST_FRAME
        self._channel = 1
        self._channel_open = self._authorized = False
        self._renewals = 0
        self._heard_at = 0.0
        self._silence = KEEPALIVE_SECONDS
        self._socket: Socket | None = None
        self._keepalive: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, sign in and open the channel.

        Raises
        ------
        NeedsLoginError
            If two tokens are refused.
        ServiceUnavailableError
            If the service cannot be reached or does not finish the handshake in time.
        ServiceRefusedError, ServiceAnswerError
            If it answers with an error, or with something else than the protocol says.
        """
        await self.close()
        self._decoder = EventDecoder(self._fields)
        self._channel_open = self._authorized = False
        self._renewals = 0
        token = await asyncio.to_thread(self._token, False)
        self._socket = await open_socket(
            token.url, service=self._service, label=self._label, largest_message=2**26
        )
        try:
            async with asyncio.timeout(_HANDSHAKE_SECONDS):
                await self._shake_hands(token)
        except TimeoutError as error:
            await self.close()
            raise ServiceUnavailableError(
                f"{self._label} took the connection but did not sign in within "
                f"{_HANDSHAKE_SECONDS:g} seconds; it is tried again later.",
                service=self._label,
            ) from error
        except BaseException:
            await self.close()
            raise
        self._keepalive = asyncio.create_task(self._keep_alive())

    async def subscribe(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Ask for events: ``{"type": "Quote", "symbol": "SPY"}``, candles also with ``fromTime`` in ms."""
        fresh = [dict(entry) for entry in entries]
        self._entries.update({_key(entry): entry for entry in fresh})
        await self._send_entries("add", fresh)

    async def unsubscribe(self, keys: Collection[tuple[str, str]]) -> None:
        """Ask for fewer events, each told by its type and symbol."""
        gone = [entry for key in keys if (entry := self._entries.pop(key, None)) is not None]
        await self._send_entries("remove", [{"type": e["type"], "symbol": e["symbol"]} for e in gone])

    async def receive(self) -> tuple[list[Events], list[Bad]]:
        """Wait for one message and return its events; none for a heartbeat.

        A token that the service takes no more is renewed once, and everything is subscribed again.

        Raises
        ------
        SocketClosedError
            When the connection has ended.
        NeedsLoginError
            When the renewed token is refused too.
        """
        try:
            message = await self._next()
        except SocketClosedError as closed:
            if closed.code == _TOO_LONG:
                self._largest_frame = max(self._largest_frame // 2, 512)
            raise
        if message is None:
            return [], [("", "a message is no JSON object", "")]
        return await self._handle(message)

    async def close(self) -> None:
        """End the connection; closing twice does nothing."""
        task, self._keepalive = self._keepalive, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def _shake_hands(self, token: QuoteToken) -> None:
        await self._send(
            {
                "type": "SETUP",
                "channel": 0,
                "version": VERSION,
                "keepaliveTimeout": int(KEEPALIVE_SECONDS),
                "acceptKeepaliveTimeout": int(KEEPALIVE_SECONDS),
            }
        )
        asked = renewed = False
        while not self._authorized:
            try:
                # Most services ask for the token by a state; one that waits for it is not waited for.
                async with asyncio.timeout(None if asked else _FIRST_STATE_SECONDS):
                    message = await self._expected()
            except TimeoutError:
                message = {"type": "AUTH_STATE", "state": "UNAUTHORIZED"}
            if message.get("type") == "SETUP":
                self._silence = _seconds(message.get("keepaliveTimeout"), KEEPALIVE_SECONDS)
            refused = message.get("type") == "AUTH_STATE" and message.get("state") != "AUTHORIZED"
            if refused or _unauthorized(message):
                if renewed:
                    raise self._no_login()
                if asked:
                    token, renewed = await asyncio.to_thread(self._token, True), True
                asked = True
                await self._send({"type": "AUTH", "channel": 0, "token": token.token})
            elif message.get("type") == "AUTH_STATE":
                self._authorized = True
            elif message.get("type") == "ERROR":
                raise self._refusal(message)
        await self._request_channel()
        while not self._channel_open:
            message = await self._expected()
            if message.get("type") == "ERROR":
                raise self._refusal(message)
            await self._handle(message)

    async def _request_channel(self) -> None:
        await self._send(
            {
                "type": "CHANNEL_REQUEST",
                "channel": self._channel,
                "service": "FEED",
                "parameters": {"contract": "AUTO"},
            }
        )

    async def _handle(self, message: dict[str, Any]) -> tuple[list[Events], list[Bad]]:
        # Ids are numbers in practice and texts in some of the protocol's examples.
        kind, ours = message.get("type"), str(message.get("channel")) == str(self._channel)
        if kind == "FEED_DATA" and ours:
            self._renewals = 0
            return self._decoder.decode(message.get("data"))
        if kind == "FEED_CONFIG" and ours:
            self._decoder.configure(message)
        elif kind == "CHANNEL_OPENED" and ours:
            self._channel_open = True
            await self._send(
                {
                    "type": "FEED_SETUP",
                    "channel": self._channel,
                    "acceptAggregationPeriod": 0.1,
                    "acceptDataFormat": "COMPACT",
                    "acceptEventFields": {name: list(names) for name, names in self._fields.items()},
                }
            )
            await self._send_entries("add", list(self._entries.values()))
        elif kind == "CHANNEL_CLOSED" and ours:
            await self._new_channel()
        elif (kind == "AUTH_STATE" and message.get("state") != "AUTHORIZED") or _unauthorized(message):
            # Whoever waits here may stop waiting; the token is renewed all the same.
            await asyncio.shield(self._renew_token())
        elif kind == "AUTH_STATE" and not self._authorized:
            self._authorized = True
            await self._new_channel()
        elif kind == "ERROR":
            if message.get("error") == "TIMEOUT":
                raise SocketClosedError(
                    f"{self._label} ended the connection: {_words(message)}; it is opened again.",
                    service=self._label,
                )
            return [], [("", f"the service answered {_words(message)}", excerpt(message))]
        return [], []

    async def _renew_token(self) -> None:
        # A refusal while the new token is under way is the answer to it.
        if not self._authorized:
            raise self._no_login()
        self._authorized = False
        self._count_renewal()
        token = await asyncio.to_thread(self._token, True)
        await self._send({"type": "AUTH", "channel": 0, "token": token.token})

    async def _new_channel(self) -> None:
        self._count_renewal()
        if self._channel_open:
            self._channel_open = False
            with contextlib.suppress(SocketClosedError):
                await self._send({"type": "CHANNEL_CANCEL", "channel": self._channel})
        self._channel += 2
        await self._request_channel()

    def _count_renewal(self) -> None:
        self._renewals += 1
        if self._renewals > 2 * _RENEWALS_WITHOUT_DATA:
            raise ServiceAnswerError(
                f"{self._label} closes its channel again and again without sending anything; "
                "the connection is given up.",
                service=self._label,
            )

    async def _send_entries(self, verb: str, entries: list[dict[str, Any]]) -> None:
        if not self._channel_open:
            return  # sent when the channel opens
        for part in _frames(entries, self._largest_frame):
            await self._send({"type": "FEED_SUBSCRIPTION", "channel": self._channel, verb: part})

    async def _keep_alive(self) -> None:
        while (socket := self._socket) is not None:
            await asyncio.sleep(min(30.0, self._silence / 2))
            if time.monotonic() - self._heard_at > self._silence:
                await socket.close()
                return
            with contextlib.suppress(SocketClosedError):
                await self._send({"type": "KEEPALIVE", "channel": 0})

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._open_socket().send_text(json.dumps(message, separators=(",", ":")))

    async def _next(self) -> dict[str, Any] | None:
        text = await self._open_socket().receive()
        self._heard_at = time.monotonic()
        try:
            message = json.loads(text)
        except ValueError:
            return None
        return message if isinstance(message, dict) else None

    async def _expected(self) -> dict[str, Any]:
        message = await self._next()
        if message is None:
            raise ServiceAnswerError(
                f"{self._label} sent something that is no DXLink message; check the address of its stream.",
                service=self._label,
            )
        return message

    def _open_socket(self) -> Socket:
        if self._socket is None:
            raise SocketClosedError(f"{self._label} is not connected; open it first.", service=self._label)
        return self._socket

    def _no_login(self) -> NeedsLoginError:
        return NeedsLoginError(
            f"{self._label} refuses its quote token, a fresh one too; sign in again with "
            f"`workbench connect {self._service}`.",
            service=self._label,
        )

    def _refusal(self, message: Mapping[str, Any]) -> ServiceRefusedError:
        return ServiceRefusedError(
            f"{self._label} refused the connection: {_words(message)}.", service=self._label
        )


def run_apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end from plain code, which in a notebook stands inside an event loop itself."""
    with ThreadPoolExecutor(1, thread_name_prefix="dxlink") as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def _frames(entries: list[dict[str, Any]], largest: int) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        length = len(json.dumps(entry)) + 2
        if part and size + length > largest:
            yield part
            part, size = [], 0
        part.append(entry)
        size += length
    if part:
        yield part


def _key(entry: Mapping[str, Any]) -> tuple[str, str]:
    return str(entry["type"]), str(entry["symbol"])


def _unauthorized(message: Mapping[str, Any]) -> bool:
    """Whether the connection is refused; of a channel the same word means one event that is not granted."""
    whole = str(message.get("channel", 0)) == "0"
    return whole and message.get("type") == "ERROR" and message.get("error") == "UNAUTHORIZED"


def _words(message: Mapping[str, Any]) -> str:
    return " ".join(str(message.get(name) or "") for name in ("error", "message")).strip()[:200]


def _seconds(value: Any, otherwise: float) -> float:
    try:
        found = number(value)
    except ValueError:
        return otherwise
    return found if found is not None and found > 0 else otherwise
