"""Websockets to outside services: opened with time limits, errors in the desk's words."""

import logging
import random
import ssl
from collections.abc import Mapping

import websockets.asyncio.client
import websockets.exceptions

from workbench.errors import (
    NeedsLoginError,
    RateLimitedError,
    ServiceRefusedError,
    ServiceUnavailableError,
    SocketClosedError,
)
from workbench.redaction import redact
from workbench.transport.agent import user_agent

# At its finest the library logs addresses and frames, and services take keys in both.
logging.getLogger("websockets").setLevel(logging.INFO)


class Socket:
    """One open websocket; made by `open_socket`."""

    def __init__(self, connection: websockets.asyncio.client.ClientConnection, *, label: str) -> None:
        self._connection = connection
        self._label = label

    async def send_text(self, text: str) -> None:
        """Send a text frame."""
        await self._send(text)

    async def send_bytes(self, content: bytes) -> None:
        """Send a binary frame."""
        await self._send(content)

    async def receive(self) -> str | bytes:
        """Wait for the next message.

        Raises
        ------
        SocketClosedError
            When the connection has ended, with the close frame's code and reason if there was one.
        """
        try:
            return await self._connection.recv()
        except websockets.exceptions.ConnectionClosed as error:
            raise self._closed(error) from None

    async def close(self) -> None:
        """Say goodbye and close; closing twice does nothing."""
        await self._connection.close()

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._connection.state is websockets.protocol.State.CLOSED

    async def _send(self, message: str | bytes) -> None:
        try:
            await self._connection.send(message)
        except websockets.exceptions.ConnectionClosed as error:
            raise self._closed(error) from None

    def _closed(self, error: websockets.exceptions.ConnectionClosed) -> SocketClosedError:
        frame = error.rcvd
        code, reason = (frame.code, redact(frame.reason)) if frame else (None, "")
        told = f" ({code}{': ' + reason if reason else ''})" if code else " without a goodbye"
        return SocketClosedError(
            f"{self._label} closed the stream{told}.", service=self._label, code=code, reason=reason
        )


async def open_socket(
    url: str,
    *,
    service: str,
    label: str,
    headers: Mapping[str, str] | None = None,
    open_timeout: float = 10.0,
    largest_message: int = 2**24,
    ping_interval: float | None = 20.0,
    ping_timeout: float | None = 20.0,
    verify: bool = True,
) -> Socket:
    """Open a websocket.

    Parameters
    ----------
    url : str
        Its address, ``wss://`` but for a proxy or a test server.
    service, label : str
        The service's name on the command line, and what people call it.
    headers : mapping, optional
        Sent with the handshake.
    open_timeout : float
        Seconds to connect and shake hands.
    largest_message : int
        Bytes; a larger message closes the connection.
    ping_interval, ping_timeout : float or None
        Seconds between pings of the websocket protocol, and until an unanswered one closes it.
    verify : bool
        Whether the TLS certificate is checked.

    Raises
    ------
    ServiceUnavailableError
        If it cannot be reached.
    NeedsLoginError, ServiceRefusedError, RateLimitedError
        If the handshake is refused.
    """
    context: ssl.SSLContext | None = None
    if url.startswith("wss://"):
        context = ssl.create_default_context()
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    try:
        connection = await websockets.asyncio.client.connect(
            url,
            ssl=context,
            additional_headers=dict(headers or {}),
            user_agent_header=user_agent(),
            open_timeout=open_timeout,
            max_size=largest_message,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            # A dead service answers no goodbye either; waiting for one would hide that it is gone.
            close_timeout=1.0,
            # The stream's owner reads at once; a deep queue here would hide that it does not keep up.
            max_queue=64,
        )
    except websockets.exceptions.InvalidStatus as error:
        status = error.response.status_code
        if status in (401, 403):
            raise NeedsLoginError(
                f"{label} refused the stream ({status}); `workbench connect {service}` asks for new keys.",
                service=label,
            ) from None
        if status == 429:
            raise RateLimitedError(f"{label} wants fewer connections (429).", service=label) from None
        if 400 <= status < 500:
            raise ServiceRefusedError(
                f"{label} refused the stream ({status}); check its address in the settings.",
                service=label,
                status_code=status,
            ) from None
        raise ServiceUnavailableError(
            f"{label}'s stream is out of order ({status}).", service=label
        ) from None
    except TimeoutError:
        raise ServiceUnavailableError(f"{label}'s stream did not answer in time.", service=label) from None
    except (OSError, websockets.exceptions.WebSocketException) as error:
        raise ServiceUnavailableError(
            f"{label}'s stream could not be reached: {redact(str(error)) or type(error).__name__}.",
            service=label,
        ) from None
    return Socket(connection, label=label)


def backoff(attempt: int, *, first: float = 0.25, largest: float = 30.0) -> float:
    """Return seconds to wait before the next try: random, up to a bound that doubles with each.

    Parameters
    ----------
    attempt : int
        Tries that have failed, from 1.
    first, largest : float
        Bound after the first failure, and the bound that is never passed.

    References
    ----------
    Brooker (2015), Exponential Backoff And Jitter, AWS Architecture Blog ("full jitter").
    """
    bound = min(largest, first * 2.0 ** min(attempt - 1, 30))
    return random.uniform(bound / 10, bound)  # noqa: S311 - jitter, not a secret
