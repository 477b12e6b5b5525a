"""Local servers that speak a service's protocol over real sockets, and have bad days on demand.

How to write one
----------------
Subclass `LocalServer` and give it `answer`, which turns a `Request` into an `Answer`; for a websocket also
`talk`, which is called once a connection and returns when it is over. Hold the world (what the service knows)
in attributes that a test sets::

    class WeatherServer(LocalServer):
        def __init__(self, readings):
            super().__init__()
            self.readings = readings

        def answer(self, request):
            if request.headers.get("x-key") != "K":
                return self.error(401, "unknown key")
            rows, token = self.page(request, self.readings, request.query.get("page"), size=2)
            rows = self.lied(rows, price="temp", time="t", earlier="1999-01-04")
            return Answer({"rows": rows, "next": token})

        def talk(self, socket):
            socket.send('[{"hello": 1}]')
            for message in self.hear(socket):  # ends when the client leaves
                socket.send(message)

    with WeatherServer(rows) as server:
        ...  # server.http_url, server.ws_url

How to give it a bad day
------------------------
Set a field of `server.bad` (see `BadDays`), or replace it by a new `BadDays()` to have good days again::

    server.bad.slow = 3                      # seconds before each answer
    server.bad.cut = ALWAYS                  # half of the body, then the connection is dropped; or a number
    server.bad.limit(2)                      # 429 for two seconds, with the service's own headers
    server.bad.failing = 3                   # the next three answers are 503
    server.bad.from_page = 2                 # all of these only from the second page on
    server.bad.next_page = "loop"            # or "repeat", or "http://another.host/next"
    server.bad.tell("zero_price")            # one row of the next answer lies; LIES names them all
    server.cut_sockets(); server.deafen()    # websockets: dropped without a goodbye; no pong any more

What was seen
-------------
`server.seen` lists every HTTP request and websocket handshake with its headers, query and body, in order,
`server.calls("/bars")` those to a path, `server.was_told("secret")` says whether a text ever arrived.
"""

import contextlib
import json
import math
import socket as sockets
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from tests.servers.bad_days import ALWAYS, LIES, STRANGER, BadDays

__all__ = ["ALWAYS", "LIES", "STRANGER", "Answer", "BadDays", "LocalServer", "Request"]


@dataclass
class Request:
    """What a client sent; the names of `headers` are lower case.

    Of each query field the last value stands in `query`, all of them in `queries`.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    page: int = 1
    status: int = 0
    at: float = field(default_factory=time.monotonic)
    queries: dict[str, list[str]] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class Answer:
    """What the server says: a body that becomes JSON, unless it is text or bytes."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def payload(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


class LocalServer:
    """An HTTP server and a websocket server on free ports of this machine, each connection in a thread.

    Parameters
    ----------
    tls : SSLContext, optional
        Speaks https and wss with its certificate.
    """

    def __init__(self, *, tls: SSLContext | None = None) -> None:
        self.bad = BadDays()
        self.seen: list[Request] = []
        self.heard: list[str | bytes] = []  # what clients said over websockets
        self.sockets: list[ServerConnection] = []
        self.faults: list[Exception] = []  # of the server itself; leaving it raises the first
        self._tls = tls
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._http: ThreadingHTTPServer | None = None
        self._websockets: Server | None = None

    # -- what a service's server gives -------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        """Answer one HTTP request on a good day."""
        return self.error(404, f"nothing is at {request.path}")

    def talk(self, socket: ServerConnection) -> None:
        """Speak with one websocket client until it leaves."""
        for _ in self.hear(socket):
            pass

    def error(self, status: int, words: str) -> Answer:
        """Return an error as the service words it."""
        return Answer({"message": words}, status)

    def limit_headers(self, seconds: float) -> Mapping[str, str]:
        """Return the headers of a 429 that ends in so many seconds."""
        return {"Retry-After": str(max(1, math.ceil(seconds)))}

    # -- what it can use ---------------------------------------------------------------------------------

    def page(
        self, request: Request, rows: Sequence[Any], token: str | None, *, size: int
    ) -> tuple[list[Any], str | None]:
        """Return the rows of the page that a token names (None: the first) and the token of the next.

        On a bad day the next may be an address on another host: a service that speaks in addresses says it
        as it is, one that speaks in tokens gives it for the token.
        """
        number = int(token.split("-")[1]) if token else 1
        again = bool(token and token.endswith("-again"))
        request.page = number
        found = list(rows[(number - 1) * size : number * size])
        last = number * size >= len(rows)
        bad = self.bad.next_page
        if bad == "loop":
            return found, "page-2" if last and number > 1 else f"page-{number + 1}"
        if bad == "repeat" and number == 2 and not again:
            return found, "page-2-again"
        if bad is not None and "://" in bad and number >= self.bad.from_page:
            return found, bad
        return found, None if last else f"page-{number + 1}"

    def lied(
        self,
        records: Sequence[Mapping[str, Any]],
        *,
        price: str,
        time: str,
        earlier: Any,
        symbol: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the records, one of them (the second, if there are two) changed as the lie has it.

        Parameters
        ----------
        records : sequence of mapping
            As the service writes them. They are left alone.
        price, time, symbol : str
            The service's names of fields. Without `symbol` (a service that keys rows by it) the caller tells
            the lie about symbols itself, by `takes_lie("unasked_symbol")`.
        earlier : object
            A time, as the service writes it, long before what was asked.
        """
        told = [dict(record) for record in records]
        if not told or self.bad.lie is None or (self.bad.lie == "unasked_symbol" and symbol is None):
            return told
        at = min(1, len(told) - 1)
        lie, row = self.bad.lie, told[at]
        self.bad.lie = None
        if lie == "wrong_type":
            row[price] = {"was": row[price]}
        elif lie == "zero_price":
            row[price] = 0
        elif lie == "negative_price":
            row[price] = -1.5
        elif lie == "renamed_field":
            row[f"{price}_v2"] = row.pop(price)
        elif lie == "missing_time":
            row.pop(time)
        elif lie == "time_back":
            row[time] = earlier
        elif symbol is not None:
            told.insert(at, row | {symbol: STRANGER})
        return told

    def takes_lie(self, lie: str) -> bool:
        """Say whether this lie is to be told now, and tell it no more."""
        if self.bad.lie != lie:
            return False
        self.bad.lie = None
        return True

    def hear(self, socket: ServerConnection) -> Iterator[str | bytes]:
        """Yield what a client says until it leaves or is cut off; all of it is kept in `heard`."""
        try:
            for message in socket:
                self.heard.append(message)
                yield message
        except (ConnectionClosed, OSError):
            return

    def say(self, message: str | bytes) -> None:
        """Send one frame to all who are connected."""
        for socket in list(self.sockets):
            try:
                socket.send(message)
            except (ConnectionClosed, OSError):
                continue

    def cut_sockets(self) -> None:
        """Drop all websockets without a goodbye, as a pulled plug does."""
        for socket in list(self.sockets):
            _reset(socket.socket)

    def close_sockets(self, code: int = 1001, reason: str = "") -> None:
        """Close all websockets with a code and a reason."""
        for socket in list(self.sockets):
            # A client that does not answer the goodbye in time has been told all the same.
            with contextlib.suppress(ConnectionClosed, OSError):
                socket.close(code, reason)

    def deafen(self) -> None:
        """Let all websockets of now stay open and never answer again, not even a ping."""
        for socket in list(self.sockets):
            socket.protocol.receive_data = lambda _data: None  # type: ignore[method-assign]

    # -- what was seen -----------------------------------------------------------------------------------

    def calls(self, path: str = "") -> list[Request]:
        """Return the requests whose path holds a text, in order."""
        return [request for request in list(self.seen) if path in request.path]

    def was_told(self, text: str) -> bool:
        """Say whether a text, such as a key, ever arrived: in a header, an address, a body or a frame."""
        heard = [message if isinstance(message, str) else message.decode("latin-1") for message in self.heard]
        asked = [f"{r.path} {r.query} {r.headers} {r.body.decode('latin-1')}" for r in list(self.seen)]
        return any(text in words for words in [*heard, *asked])

    # -- its life ----------------------------------------------------------------------------------------

    @property
    def http_url(self) -> str:
        """Address, as in ``http://127.0.0.1:40001``."""
        assert self._http is not None, "the server runs inside a with block"
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._http.server_address[1]}"

    @property
    def ws_url(self) -> str:
        """Address of the websocket, as in ``ws://127.0.0.1:40002``."""
        assert self._websockets is not None, "the server runs inside a with block"
        return f"ws{'s' if self._tls else ''}://127.0.0.1:{self._websockets.socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = _QuietServer(("127.0.0.1", 0), handler)
        if self._tls is not None:
            self._http.socket = self._tls.wrap_socket(self._http.socket, server_side=True)
        # Pings are the client's affair; some services' servers send none.
        self._websockets = serve(
            self._connected, "127.0.0.1", 0, ssl=self._tls, ping_interval=None, close_timeout=1,
            process_request=self._handshake,
        )  # fmt: skip
        for run in (lambda: self._http.serve_forever(0.02), self._websockets.serve_forever):
            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        assert self._http is not None
        assert self._websockets is not None
        self.cut_sockets()
        self._http.shutdown()
        self._http.server_close()
        self._websockets.shutdown()
        for thread in self._threads:
            thread.join(5)
        if self.faults and failed is None:
            raise self.faults[0]

    def _handshake(self, connection: ServerConnection, request: Any) -> Any:
        parts = urlsplit(request.path)
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        seen = Request("GET", parts.path, _query(parts.query), headers, status=101)
        self.seen.append(seen)
        return self.handshake(connection, seen)

    def handshake(self, connection: ServerConnection, request: Request) -> Any:
        """Refuse a handshake by returning ``connection.respond(status, text)``; None accepts it."""
        return None

    def _connected(self, socket: ServerConnection) -> None:
        with self._lock:
            self.sockets.append(socket)
        try:
            self.talk(socket)
        except (ConnectionClosed, OSError):
            pass
        finally:
            with self._lock:
                self.sockets.remove(socket)

    def _respond(self, request: Request) -> tuple[Answer, bool] | None:
        """Return the answer and whether to cut it, or None to drop the connection."""
        bad = self.bad
        # The answer is made first: it tells which page was asked for.
        good = self.answer(request)
        if request.page < bad.from_page or (bad.only is not None and not bad.only(request)):
            return good, False
        if bad.slow:
            time.sleep(bad.slow)
        with self._lock:
            if (refused := self._refusal()) is not None:
                return refused, False
            if _takes(bad, "cut_at_once"):
                return None
            if _takes(bad, "not_json"):
                payload = good.payload()
                return Answer(payload[: max(1, len(payload) - 2)], good.status), False
            return good, _takes(bad, "cut")

    def _refusal(self) -> Answer | None:
        bad = self.bad
        if (left := bad.limited_until - time.monotonic()) > 0:
            refused = self.error(429, "too many requests")
            refused.headers = dict(refused.headers) | dict(self.limit_headers(left))
            return refused
        if bad.refusal is not None:
            return Answer(bad.refusal[1], bad.refusal[0])
        if bad.redirect_to is not None:
            return Answer("", 302, {"Location": bad.redirect_to})
        if _takes(bad, "failing"):
            return self.error(bad.failing_status, "internal server error")
        if _takes(bad, "html"):
            page = "<html><head><title>Bad gateway</title></head><body><h1>Sorry</h1></body></html>"
            return Answer(page, bad.html_status, content_type="text/html")
        return None


def _takes(bad: BadDays, name: str) -> bool:
    left: float = getattr(bad, name)
    if left > 0:
        setattr(bad, name, left - 1)
    return left > 0


def _query(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _reset(socket: sockets.socket) -> None:
    """Close with a reset: what was not sent is lost, and the other side is not told goodbye."""
    try:
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        socket.shutdown(sockets.SHUT_RDWR)
        socket.close()
    except OSError:
        return


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that left."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: LocalServer

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, _query(parts.query), headers, body)
        request.queries = parse_qs(parts.query, keep_blank_values=True)
        self.owner.seen.append(request)
        try:
            found = self.owner._respond(request)
        except Exception as error:  # noqa: BLE001, raised again where the server is left
            self.owner.faults.append(error)
            found = Answer({"fault of the test's server": repr(error)}, 500), False
        if found is None:
            self.close_connection = True
            _reset(self.connection)
            return
        answer, cut = found
        request.status = answer.status
        payload = b"" if answer.status in (204, 304) else answer.payload()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(payload)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload[: len(payload) // 2] if cut else payload)
        if cut:
            self.wfile.flush()
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Write nothing: `seen` is the log."""
