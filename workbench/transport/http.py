"""Calls to outside services over HTTP: time-outs, retries where safe, shared limits, a circuit breaker.

Every call of the desk goes through here, so that what holds for one service holds for all: nothing is
retried that could act twice, redirects are not followed, keys go to the service's own host alone, and no
error or log carries a secret.
"""

import contextlib
import ipaddress
import logging
import ssl
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina

from workbench.errors import (
    RateLimitedError,
    ServiceAnswerError,
    ServiceError,
    ServiceUnavailableError,
)
from workbench.redaction import redact, remember_secret
from workbench.transport.agent import user_agent
from workbench.transport.answers import error_of, json_of
from workbench.transport.pauses import CircuitOpenError, Waits
from workbench.transport.rates import CallLimits, Rate
from workbench.transport.states import ServiceStates

_log = logging.getLogger("workbench.transport")
# httpx writes whole addresses into its log, and some services take their key there.
logging.getLogger("httpx").setLevel(logging.WARNING)

SAFE = frozenset({"GET", "HEAD"})
LARGEST_ANSWER = 256 * 2**20
LONGEST_ANSWER_SECONDS = 120.0

Headers = Mapping[str, str]
Params = Mapping[str, Any] | Sequence[tuple[str, Any]] | None
ReadError = Callable[[httpx.Response], ServiceError | None]


class Transport:
    """What the clients of a desk share: the counts of calls and the states of services.

    Parameters
    ----------
    folder : Path or None
        Where the processes of a desk share both; None keeps them in this process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self.states = ServiceStates(folder)

    def client(
        self,
        base_url: str,
        *,
        service: str,
        label: str,
        headers: Callable[[], Headers] | Headers | None = None,
        rates: Mapping[str, Sequence[Rate]] | None = None,
        secrets: Sequence[str] = (),
        timeout: float = 15.0,
        attempts: int = 4,
        patience: float = 75.0,
        verify: bool | str = True,
        aliases: Sequence[str] = (),
        read_error: ReadError | None = None,
        renew: Callable[[], bool] | None = None,
    ) -> "HttpClient":
        """Return a client of one service.

        Parameters
        ----------
        base_url : str
            Address that paths are added to; http is for a proxy or a test server.
        service, label : str
            The service's name on the command line, and what people call it.
        headers : mapping or callable, optional
            Sent with every call; a callable is asked before each.
        rates : mapping of str to sequence of Rate, optional
            Limits by bucket, shared by all processes of the desk.
        secrets : sequence of str
            Values that must never show.
        timeout : float
            Seconds to connect, and between two pieces of an answer.
        attempts : int
            How often a safe call that met a failure is made.
        patience : float
            Seconds that a call may wait for a limit or for a service that wants fewer calls.
        verify : bool or str
            Whether TLS certificates are checked, or the file to check them against.
        aliases : sequence of str
            Hosts under which the service also knows itself; its addresses of next pages may carry them.
        read_error : callable, optional
            Turns an answer into the error that the service means by it; None for the usual meaning.
        renew : callable, optional
            Called once after a 401; where it returns True the call is made again.
        """
        for value in secrets:
            remember_secret(value)
        return HttpClient(
            httpx.Client(
                timeout=httpx.Timeout(timeout),
                verify=_trust(verify),
                follow_redirects=False,
                # A loopback service is never behind a proxy of the environment.
                trust_env=not is_loopback(base_url),
                limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
            ),
            base_url.rstrip("/"),
            name=service,
            label=label,
            headers=headers,
            limits=CallLimits(self._folder, service, rates or {}),
            states=self.states,
            attempts=attempts,
            patience=patience,
            aliases=frozenset(aliases),
            read_error=read_error,
            renew=renew,
        )


class HttpClient:
    """Calls to one service; made by `Transport.client`, used from any thread."""

    def __init__(
        self,
        client: httpx.Client,
        base_url: str,
        *,
        name: str,
        label: str,
        headers: Callable[[], Headers] | Headers | None,
        limits: CallLimits,
        states: ServiceStates,
        attempts: int,
        patience: float,
        aliases: frozenset[str],
        read_error: ReadError | None,
        renew: Callable[[], bool] | None,
    ) -> None:
        self._client = client
        self.base_url = base_url
        self.name = name
        self.label = label
        self._headers = headers
        self._limits = limits
        self._states = states
        self._attempts = attempts
        self._patience = patience
        self._aliases = aliases
        self._read_error = read_error
        self._renew = renew

    def get_json(self, path: str, params: Params = None, **options: Any) -> Any:
        """Return the JSON under a path; options are those of `request`.

        Raises
        ------
        ServiceError
            Of the kind that says what a user sees.
        """
        return json_of(self.request("GET", path, params=params, **options), self.label)

    def get_text(self, path: str, params: Params = None, **options: Any) -> str:
        """Return the text under a path."""
        return self.request("GET", path, params=params, **options).text

    def get_bytes(self, path: str, params: Params = None, **options: Any) -> bytes:
        """Return the content under a path."""
        return self.request("GET", path, params=params, **options).content

    def post_json(self, path: str, body: Any = None, **options: Any) -> Any:
        """Send JSON and return the JSON that comes back; sent again only where `safe` says so."""
        return json_of(self.request("POST", path, json={} if body is None else body, **options), self.label)

    def post_form(self, path: str, fields: Mapping[str, str], **options: Any) -> Any:
        """Send a form and return the JSON that comes back."""
        return json_of(self.request("POST", path, data=dict(fields), **options), self.label)

    def next_json(self, url: str, **options: Any) -> Any:
        """Return the JSON of a next page whose whole address the service gave.

        Raises
        ------
        ServiceAnswerError
            If the address is on another host; nothing is sent there.
        """
        return json_of(self.request("GET", self.own_path(url), **options), self.label)

    def own_path(self, url: str) -> str:
        """Return the path and query of an address of the service, on the host that the settings name.

        Raises
        ------
        ServiceAnswerError
            If it is an address of somebody else.
        """
        try:
            told, base = urlsplit(url), urlsplit(self.base_url)
            relative = not told.scheme and not told.netloc
            own = (told.scheme, told.hostname, told.port) == (base.scheme, base.hostname, base.port)
            alias = told.scheme in ("http", "https") and told.hostname in self._aliases
            host, trusted = told.hostname, (relative or own or alias) and not told.username
        except ValueError:  # no port has that name, no host those brackets
            host, trusted = None, False
        if not trusted:
            raise ServiceAnswerError(
                f"{self.label} named a next page on another host ({redact(host or url[:60])}); "
                "it was not asked, and the keys were not sent.",
                service=self.label,
            )
        path = told.path
        if base.path and path.startswith(base.path.rstrip("/") + "/"):
            path = path[len(base.path.rstrip("/")) :]
        return "/" + path.lstrip("/") + (f"?{told.query}" if told.query else "")

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params = None,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        headers: Headers | None = None,
        bucket: str = "default",
        safe: bool | None = None,
        passing: bool = False,
    ) -> httpx.Response:
        """Make a call and return its answer, which is a success.

        Parameters
        ----------
        method, path : str
            As in ``GET`` and ``/v2/stocks/bars``.
        params, json, data, headers : optional
            Of the call.
        bucket : str
            Which of the service's limits it counts for.
        safe : bool, optional
            Whether it may be made twice; GET is.
        passing : bool
            Return an answer that is an error, too, instead of raising; for calls whose errors are answers.

        Raises
        ------
        ServiceError
            Of the kind that says what a user sees.
        """
        may_repeat = method in SAFE if safe is None else safe
        began = time.monotonic()
        waits = Waits(self._attempts if may_repeat else 1, began + self._patience)
        renewed = False
        for attempt in stamina.retry_context(on=waits.pause, attempts=None, timeout=None):
            with attempt:
                self._await_turn(bucket, waits.deadline)
                sent = self._request_of(method, path, params=params, json=json, data=data, headers=headers)
                answer = self._sent(sent)
                if answer.is_success or passing:
                    self._states.succeeded(self.name)
                    return answer
                if answer.status_code == 401 and self._renew is not None and not renewed:
                    renewed = True
                    if self._renew():
                        answer = self._sent(
                            self._request_of(
                                method, path, params=params, json=json, data=data, headers=headers
                            )
                        )
                        if answer.is_success:
                            self._states.succeeded(self.name)
                            return answer
                raise self._failure(answer)
        raise AssertionError("a call ends in an answer or an error")

    def close(self) -> None:
        """Close the connections; closing twice does nothing."""
        self._client.close()
        self._limits.close()

    def __enter__(self) -> "HttpClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _await_turn(self, bucket: str, deadline: float) -> None:
        """Wait until the service may be called, or say when it may."""
        known = self._states.get(self.name)
        now = datetime.now(UTC)
        if known.retry_at is not None and known.retry_at > now:
            pause = (known.retry_at - now).total_seconds()
            if known.state == "unreachable":
                raise CircuitOpenError(
                    f"{self.label} did not answer {known.failures} times in a row; it is asked again at "
                    f"{known.retry_at:%H:%M:%S} UTC. {known.detail}",
                    service=self.label,
                    retry_at=known.retry_at,
                )
            if known.state == "rate_limited":
                if time.monotonic() + pause > deadline:
                    raise _too_soon(self.label, known.retry_at, known.detail)
                time.sleep(pause)
        if not self._limits.take(bucket, max(0.0, deadline - time.monotonic())):
            raise _too_soon(self.label, None, "The desk's own count of calls is at the service's limit.")

    def _request_of(self, method: str, path: str, **parts: Any) -> httpx.Request:
        own = self._headers() if callable(self._headers) else self._headers or {}
        wanted = {
            "User-Agent": user_agent(),
            "X-Request-ID": uuid.uuid4().hex,
            **own,
            **(parts.pop("headers") or {}),
        }
        if parts.get("params") is None:
            parts.pop("params", None)  # an empty mapping would drop the query of a next page
        # Without the slash a path such as "@other.host" would make another host of the address.
        whole = f"{self.base_url}/{path.lstrip('/')}"
        return self._client.build_request(method, whole, headers=wanted, **parts)

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read its whole answer, up to the largest that can be honest."""
        began = time.monotonic()
        try:
            answer = self._client.send(request, stream=True)
            with contextlib.closing(answer):
                body = bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > LARGEST_ANSWER:
                        raise ServiceAnswerError(
                            f"{self.label} answered {request.url.path} with more than "
                            f"{LARGEST_ANSWER // 2**20} MB; ask for a shorter period.",
                            service=self.label,
                        )
                    if time.monotonic() - began > LONGEST_ANSWER_SECONDS:
                        raise httpx.ReadTimeout("the answer trickles", request=request)
        except httpx.DecodingError as error:
            raise ServiceAnswerError(
                f"{self.label} answered {request.url.path} with content that cannot be unpacked.",
                service=self.label,
            ) from error
        except httpx.HTTPError as error:
            told = f"{self.label} could not be reached: {_trouble(error)}"
            self._states.failed(self.name, told)
            raise ServiceUnavailableError(told, service=self.label) from None
        _log.debug(
            "%s %s %s %d %.0f ms %s",
            request.method,
            request.url.host,
            request.url.path,
            answer.status_code,
            (time.monotonic() - began) * 1000,
            request.headers.get("x-request-id", ""),
        )
        whole = httpx.Response(answer.status_code, headers=_plain(answer.headers), content=bytes(body))
        whole.request = request
        return whole

    def _failure(self, answer: httpx.Response) -> ServiceError:
        meant = self._read_error(answer) if self._read_error is not None else None
        error = meant or error_of(answer, name=self.name, label=self.label)
        if isinstance(error, ServiceUnavailableError):
            self._states.failed(self.name, str(error))
        elif isinstance(error, RateLimitedError):
            until = error.retry_at or datetime.now(UTC) + timedelta(seconds=5)
            self._states.set(self.name, error.state, str(error), retry_at=until)
        elif error.state in ("needs_login", "not_connected"):
            self._states.set(self.name, error.state, str(error))
        return error


def is_loopback(url: str) -> bool:
    """Say whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _too_soon(label: str, retry_at: datetime | None, detail: str) -> RateLimitedError:
    when = f" until {retry_at:%H:%M:%S} UTC" if retry_at else ""
    return RateLimitedError(
        f"{label} wants fewer calls{when}; ask again then. {detail}".strip(), service=label, retry_at=retry_at
    )


def _trust(verify: bool | str) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str | Path) else verify


def _trouble(error: httpx.HTTPError) -> str:
    """Return what went wrong on the way, in words."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return "no connection in time."
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time."
    if isinstance(error, httpx.RemoteProtocolError):
        return "the answer broke off."
    said = redact(str(error)) or type(error).__name__
    return f"{said}."


def _plain(headers: httpx.Headers) -> list[tuple[str, str]]:
    """Drop what described the body on the wire: it is unpacked by now."""
    return [(key, value) for key, value in headers.multi_items() if key.lower() not in _ON_THE_WIRE]


_ON_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})
