"""Interactive Brokers' Client Portal gateway: its session, limits and symbols.

Sources: IBKR Campus, Client Portal API and Web API reference; its pacing table.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from workbench.errors import (
    NeedsLoginError,
    RateLimitedError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
    ServiceUnavailableError,
    WorkbenchError,
)
from workbench.market.instruments import is_option_symbol, parse_occ_symbol
from workbench.redaction import remember_secret
from workbench.settings import IbkrSettings
from workbench.transport import HttpClient, Rate, Transport, is_loopback
from workbench.transport.answers import retry_at_of, words_of
from workbench.vendors.base import Keys, Vendor

VENDOR = Vendor(
    name="ibkr",
    label="Interactive Brokers",
    credentials=(),
    kinds=("bars", "latest_quotes", "option_chain", "stream"),
    help_url="https://www.interactivebrokers.com/campus/ibkr-api-page/cpapi-v1/",
    connect_hint="Start the Client Portal gateway and log in on its page, https://localhost:5000.",
)
_log = logging.getLogger("workbench.vendors.ibkr")
LARGEST_SNAPSHOT = 100
"""Contracts of one snapshot."""

# Passing 10 calls a second closes the address out for 15 minutes, so the desk stays one below.
_RATES: Mapping[str, Sequence[Rate]] = {
    "default": (Rate(9, 1.0),),
    "tickle": (Rate(1, 1.0),),
}
_HISTORY_AT_ONCE = 5
_CLOSED_OUT = timedelta(minutes=15)
_SESSION_SECONDS = 55.0
_INIT_TRIES = 3
# What a keyring takes in one entry, on every system.
_LONGEST_KEPT = 2_000
# What the gateway says with a 4xx or 500 where it means that there is nothing.
_NOTHING = ("chart data unavailable", "no data", "no contract", "no symbol found", "not found")
# What it says where its brokerage session is gone though its login is not.
_NO_SESSION = ("no bridge", "accounts first", "not authenticated", "query /accounts", "not ready")


def their_symbol(symbol: str) -> str:
    """Return a symbol as IBKR writes it: ``BRK B``; options keep the OCC's 21 characters.

    Examples
    --------
    >>> their_symbol("BRK.B"), their_symbol("SPX")
    ('BRK B', 'SPX')
    """
    if is_option_symbol(symbol):
        return parse_occ_symbol(symbol).occ_symbol
    return symbol.replace(".", " ").replace("/", " ")


def our_symbol(text: str) -> str:
    """Return the desk's symbol of one that IBKR writes.

    Examples
    --------
    >>> our_symbol("BRK B"), our_symbol("SPXW  261120P06850000")
    ('BRK.B', 'SPXW  261120P06850000')
    """
    stripped = text.strip()
    if is_option_symbol(stripped):
        return parse_occ_symbol(stripped).occ_symbol
    return ".".join(stripped.replace("/", " ").replace(".", " ").split())


class IbkrClient:
    """Calls to a gateway whose user logs in on its own page; a second login elsewhere is never pushed out.

    Parameters
    ----------
    settings : IbkrSettings
        Address of the gateway; its certificate is its own, and taken unseen on this machine alone.
    keys : mapping of str to str, optional
        Nothing is needed; contract ids that were kept come back here.
    transport : Transport
        Of the desk.
    save : callable, optional
        Keeps contract ids for the next process.
    """

    vendor = VENDOR

    def __init__(
        self,
        settings: IbkrSettings,
        keys: Keys | None,
        transport: Transport,
        save: Callable[[Keys], None] | None = None,
    ) -> None:
        self._settings = settings
        self._save = save
        self._states = transport.states
        self._keys = dict(keys or {})
        self._ready_until = 0.0
        self._entering = threading.Lock()
        self._histories = threading.BoundedSemaphore(_HISTORY_AT_ONCE)
        self.account = ""
        self.conids: dict[str, int] = _kept_conids(self._keys.get("conids"))
        self.http: HttpClient = transport.client(
            settings.gateway_url,
            service=VENDOR.name,
            label=VENDOR.label,
            rates=_RATES,
            headers={"Accept": "application/json"},
            verify=not is_loopback(settings.gateway_url),
            read_error=self._read_error,
        )

    def get(self, path: str, params: Sequence[tuple[str, Any]] = ()) -> Any:
        """Return the JSON under a path, once the brokerage session stands.

        Raises
        ------
        NeedsLoginError
            If nobody is logged in, or another program holds the session.
        """
        self.ready()
        try:
            return self.http.get_json(path, params=list(params) or None)
        except ServiceError as error:
            if not any(words in str(error).lower() for words in _NO_SESSION):
                raise
            self.session_lost()
            self.ready()
            return self.http.get_json(path, params=list(params) or None)

    def history(self, params: Sequence[tuple[str, Any]]) -> Any:
        """Return one page of past bars; the gateway allows five such calls at a time."""
        with self._histories:
            return self.get("/iserver/marketdata/history", params)

    def unsubscribe(self, conid: int) -> None:
        """Free the market data line of a contract; a line that is free already is fine."""
        try:
            self.http.post_json("/iserver/marketdata/unsubscribe", {"conid": conid})
        except ServiceRefusedError:
            return

    def ready(self) -> None:
        """See that the brokerage session stands, and open it where only the login does.

        Raises
        ------
        NeedsLoginError
            If nobody is logged in, or another program holds the session.
        ServiceUnavailableError
            If the gateway does not run.
        """
        with self._entering:
            if time.monotonic() < self._ready_until:
                return
            try:
                self._enter()
            except ServiceUnavailableError as error:
                if "gateway" in str(error):
                    raise
                raise ServiceUnavailableError(
                    f"{error} Is the Client Portal gateway running at {self._settings.gateway_url}?",
                    service=VENDOR.label,
                    retry_at=error.retry_at,
                ) from None
            self._ready_until = time.monotonic() + _SESSION_SECONDS

    def session_lost(self) -> None:
        """Note that the brokerage session is gone, so that the next call asks for it again."""
        self._ready_until = 0.0

    def tickle(self) -> str:
        """Keep the session alive, opening it again where only the login stands, and return its id.

        Raises
        ------
        NeedsLoginError
            If the gateway knows no login any more.
        """
        answer = _mapping(self.http.post_json("/tickle", {}, bucket="tickle", safe=True))
        session = answer.get("session")
        status = _mapping(_mapping(answer.get("iserver")).get("authStatus"))
        if status and not _holds(status):
            self.session_lost()
            self.ready()
        if not isinstance(session, str) or not session:
            raise ServiceAnswerError(
                f"{VENDOR.label}'s gateway gave no session; log in again on {self._settings.login_url}.",
                service=VENDOR.label,
            )
        remember_secret(session)
        return session

    def check(self) -> str:
        """Prove that somebody is logged in, and say in a sentence what may be read."""
        self._ready_until = 0.0
        self.ready()
        paper = " (paper)" if self.account.upper().startswith("D") else ""
        named = f" to account {self.account}{paper}" if self.account else ""
        return (
            f"Logged in{named}. Bars, quotes, chains and a live stream; whether they are real-time or "
            "delayed is up to your subscriptions."
        )

    @property
    def stream_url(self) -> str:
        """Address of the websocket."""
        if self._settings.stream_url:
            return self._settings.stream_url
        parts = urlsplit(self._settings.gateway_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/ws", "", ""))

    def login_needed(self, why: str) -> NeedsLoginError:
        """Return the state in which the user has to log in, with the page to do it on."""
        return NeedsLoginError(
            f"{why} Log in on {self._settings.login_url} and ask again; the gateway ends its session once a "
            "day.",
            service=VENDOR.label,
        )

    def remember(self, conids: Mapping[str, int]) -> None:
        """Keep contract ids by our symbols; they never change."""
        new = {symbol: conid for symbol, conid in conids.items() if self.conids.get(symbol) != conid}
        if not new:
            return
        self.conids.update(new)
        if self._save is not None:
            self._keys["conids"] = _text_of_newest(self.conids)
            try:
                self._save(self._keys)
            except WorkbenchError as error:
                _log.info("Contract ids are not kept for the next process: %s", error)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def _enter(self) -> None:
        status = _mapping(self.http.post_json("/iserver/auth/status", {}, safe=True))
        if not _holds(status) and not status.get("competing") and status.get("connected", True):
            # The login stands without its brokerage session, as each morning.
            for attempt in range(_INIT_TRIES):
                time.sleep(0.3 * attempt)
                answer = self.http.post_json(
                    "/iserver/auth/ssodh/init", {"publish": True, "compete": False}, safe=True
                )
                status = _mapping(answer)
                if _holds(status) or status.get("competing"):
                    break
        self._require_session(status)
        accounts = _mapping(self.http.get_json("/iserver/accounts"))
        listed = accounts.get("accounts")
        if not isinstance(listed, list):
            raise ServiceAnswerError(
                f"{VENDOR.label}'s gateway listed no accounts; log in again on {self._settings.login_url}.",
                service=VENDOR.label,
            )
        self.account = str(accounts.get("selectedAccount") or (listed[0] if listed else ""))

    def _require_session(self, status: Mapping[str, Any]) -> None:
        if status.get("competing"):
            raise self._noted(
                f"{VENDOR.label} gives one session to a login, and another program (TWS, the mobile app or a "
                "second gateway) holds it now; close that one first."
            )
        if not _holds(status):
            said = str(status.get("message") or status.get("fail") or "").strip()
            raise self._noted(
                f"Nobody is logged in to the gateway of {VENDOR.label}{f' ({said[:200]})' if said else ''}."
            )

    def _noted(self, why: str) -> NeedsLoginError:
        """Return the state of a session that is not there, and let every process of the desk know it."""
        error = self.login_needed(why)
        self._states.set(VENDOR.name, error.state, str(error))
        return error

    def _read_error(self, answer: httpx.Response) -> ServiceError | None:
        status, said = answer.status_code, words_of(answer)
        if status == 401:
            return self.login_needed(f"Nobody is logged in to the gateway of {VENDOR.label} (401).")
        if status == 429 and retry_at_of(answer) is None:
            return RateLimitedError(
                f"{VENDOR.label} closes out callers who pass its limit (429); the desk waits 15 minutes, as "
                "calls before that prolong it.",
                service=VENDOR.label,
                retry_at=datetime.now(UTC) + _CLOSED_OUT,
            )
        if status in (400, 404, 500) and any(words in said.lower() for words in _NOTHING):
            return ServiceRefusedError(
                f"{VENDOR.label} has nothing there: {said}.", service=VENDOR.label, status_code=404
            )
        if status in (400, 500, 503) and any(words in said.lower() for words in _NO_SESSION):
            return ServiceRefusedError(
                f"{VENDOR.label}'s brokerage session is not ready: {said}.",
                service=VENDOR.label,
                status_code=status,
            )
        return None


def _holds(status: Mapping[str, Any]) -> bool:
    return (
        status.get("authenticated") is True
        and status.get("connected", True) is not False
        and not status.get("competing")
    )


def _text_of_newest(conids: Mapping[str, int]) -> str:
    """Return as many of the newest ids as one entry of a keyring holds."""
    kept: dict[str, int] = {}
    length = 2
    for symbol, conid in reversed(list(conids.items())):
        length += len(symbol) + len(str(conid)) + 4
        if length > _LONGEST_KEPT:
            break
        kept[symbol] = conid
    return json.dumps(dict(reversed(list(kept.items()))), separators=(",", ":"))


def _kept_conids(text: str | None) -> dict[str, int]:
    try:
        kept = json.loads(text or "{}")
    except ValueError:
        return {}
    if not isinstance(kept, dict):
        return {}
    return {str(symbol): conid for symbol, conid in kept.items() if isinstance(conid, int)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
