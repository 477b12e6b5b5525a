"""Zerodha (Kite Connect 3): address, daily login, limits, list of instruments and symbols.

The desk names an Indian instrument as Zerodha does, by exchange and trading symbol: ``NSE:INFY``, ``NSE:NIFTY
50``, ``NFO:NIFTY26NOV24000CE``. The symbol of a derivative is read from the list of instruments and never
built: its form changes between weekly and monthly contracts. Numbers of instruments (`instrument_token`) are
given to other contracts after expiry, so they are looked up in the list of the day, both ways.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import httpx

from workbench.errors import (
    NeedsLoginError,
    RateLimitedError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
    ServiceUnavailableError,
)
from workbench.redaction import redact
from workbench.settings import ZerodhaSettings
from workbench.transport import HttpClient, Rate, Transport
from workbench.vendors.base import Credential, Keys, Vendor, require_keys
from workbench.vendors.pauses import GrowingPause
from workbench.vendors.zerodha_instruments import Instrument, Instruments, instruments_from_csv
from workbench.vendors.zerodha_session import INDIA, Session

VENDOR = Vendor(
    name="zerodha",
    label="Zerodha",
    credentials=(
        Credential("api_key", "API key", secret=False),
        Credential("api_secret", "API secret"),
        Credential("request_token", "Request token, or the address you were led to", required=False),
        Credential("access_token", "Access token of today, where you have one", required=False),
    ),
    kinds=("bars", "latest_quotes", "option_chain", "stream"),
    help_url="https://developers.kite.trade",
    connect_hint=(
        "Key and secret stand with your app on developers.kite.trade. Zerodha wants a login in the browser "
        "each day; without a request token the desk tells you the link."
    ),
)

RATES: Mapping[str, Sequence[Rate]] = {
    "default": (Rate(10, 1),),
    "historical": (Rate(3, 1),),
    "quote": (Rate(1, 1),),
}
MOST_QUOTES = 500
# The list is made anew each morning before the market opens.
_LIST_IS_MADE_AT = timedelta(hours=8, minutes=30)
_LIST_SECONDS = 60.0


@dataclass
class _Shared:
    """What the clients of one desk share: the list of a morning, and tokens that are taken no more."""

    lists: dict[tuple[str, date], Instruments] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)


_SHARED: WeakKeyDictionary[Transport, _Shared] = WeakKeyDictionary()


def our_symbol(text: str) -> str:
    """Return the desk's symbol of an instrument as Zerodha writes it; it is the same.

    Examples
    --------
    >>> our_symbol("NFO:NIFTY26NOV24000CE"), our_symbol(" nse:INFY")
    ('NFO:NIFTY26NOV24000CE', 'NSE:INFY')
    """
    exchange, colon, trading_symbol = text.strip().partition(":")
    return f"{exchange.upper()}{colon}{trading_symbol}"


def their_symbol(symbol: str) -> str:
    """Return the instrument as Zerodha writes it, of a desk's symbol; it is the same."""
    return our_symbol(symbol)


class ZerodhaClient:
    """Calls to Kite Connect's REST interface.

    Parameters
    ----------
    settings : ZerodhaSettings
        Addresses.
    keys : mapping or None
        ``api_key``, ``api_secret``, and what there is of ``request_token``, ``access_token`` and
        ``valid_until``.
    transport : Transport
        The desk's one way to the outside.
    save : callable, optional
        Is handed the keys to keep, once a login has brought the token of the day.
    now : callable
        The instant, with a time zone.
    """

    def __init__(
        self,
        settings: ZerodhaSettings,
        keys: Keys | None,
        transport: Transport,
        *,
        save: Callable[[Keys], None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.now = now
        self._keys = keys
        self._transport = transport
        self._save = save
        self._session: Session | None = None
        self._http: HttpClient | None = None
        self._login: HttpClient | None = None
        self._pause = GrowingPause(VENDOR.name, VENDOR.label)
        # Clients come and go with feeds; the list of the morning, and which tokens are dead, do not.
        self._shared = _SHARED.setdefault(transport, _Shared())

    @property
    def session(self) -> Session:
        """The login.

        Raises
        ------
        NotConnectedError
            If key or secret are missing.
        """
        if self._session is None:
            keys = require_keys(VENDOR, self._keys)
            self._session = Session(
                keys,
                login_url=self.settings.login_url,
                exchange=self._exchange,
                save=self._save,
                refused=self._shared.refused,
                now=self.now,
            )
        return self._session

    def log_in(self, request_token: str) -> None:
        """Turn a request token, or the address that it came in, into the token of the day.

        Raises
        ------
        NeedsLoginError
            If it is not taken; the error holds the link to log in again.
        """
        self.session.log_in(request_token)

    def data(self, path: str, params: Mapping[str, Any] | None = None, *, bucket: str = "default") -> Any:
        """Return the `data` of one answer.

        Raises
        ------
        NeedsLoginError
            With the link to log in, if the token has ended; after the first time nothing more is asked.
        ServiceError
            With its state, for every other failure.
        """
        answer = self._called(lambda http: http.get_json(path, dict(params or {}), bucket=bucket))
        return self._data_of(answer, path)

    def instruments(self) -> Instruments:
        """Return the list of instruments, asked for once a morning."""
        morning = (self.now().astimezone(INDIA) - _LIST_IS_MADE_AT).date()
        kept = (self.settings.rest_url, morning)
        if kept not in self._shared.lists:
            text = self._called(lambda http: http.get_text("/instruments"))
            self._shared.lists = {kept: instruments_from_csv(text, service=VENDOR.label)}
        return self._shared.lists[kept]

    @staticmethod
    def in_parts(instruments: Sequence[Instrument]) -> Iterator[Sequence[Instrument]]:
        """Yield as many contracts at a time as one question for quotes may name beside their underlying."""
        for at in range(0, len(instruments), MOST_QUOTES - 1):
            yield instruments[at : at + MOST_QUOTES - 1]

    def quotes(self, symbols: Sequence[str]) -> dict[str, Any]:
        """Return the quotes of instruments by symbol; those that Zerodha does not know are missing.

        Raises
        ------
        ServiceError
            With its state.
        """
        found: dict[str, Any] = {}
        for at in range(0, len(symbols), MOST_QUOTES):
            data = self.data("/quote", {"i": list(symbols[at : at + MOST_QUOTES])}, bucket="quote")
            if not isinstance(data, Mapping):
                raise _odd("/quote")
            found |= data
        return found

    def candles(self, token: int, interval: str, start: datetime, end: datetime) -> list[Any]:
        """Return candles from one instant to another, both included, within one request's span.

        Parameters
        ----------
        token : int
            The instrument's number.
        interval : str
            As in ``minute`` or ``day``.
        start, end : datetime
            With a time zone.
        """
        path = f"/instruments/historical/{token}/{interval}"
        span = {"from": _local(start), "to": _local(end), "continuous": 0, "oi": 0}
        data = self.data(path, span, bucket="historical")
        candles = data.get("candles") if isinstance(data, Mapping) else None
        if candles is None and isinstance(data, Mapping):
            return []
        if not isinstance(candles, list):
            raise _odd(path)
        return candles

    def stream_address(self) -> str:
        """Return the address of the ticker; key and token are part of it and must not be shown."""
        fields = urlencode({"api_key": self.session.api_key, "access_token": self._token()})
        return f"{self.settings.stream_url}{'&' if '?' in self.settings.stream_url else '?'}{fields}"

    def check(self) -> str:
        """Prove the login, and say what the account may read.

        Raises
        ------
        ServiceError
            With its state, if the login is not taken or the service does not answer.
        """
        profile = self.data("/user/profile")
        exchanges = profile.get("exchanges") if isinstance(profile, Mapping) else None
        named = ", ".join(map(str, exchanges)) if isinstance(exchanges, list) else "its exchanges"
        return f"candles, quotes and the live ticker of {named}, until six o'clock tomorrow morning in India"

    # -- calls -------------------------------------------------------------------------------------------

    def _called(self, call: Callable[[HttpClient], Any]) -> Any:
        self._token()
        try:
            answer = call(self._connection())
        except NeedsLoginError:
            self.session.refuse()
            raise
        self._pause.over()
        return answer

    def _token(self) -> str:
        """Return the token of the day; without one the desk's table of services tells so."""
        try:
            return self.session.token()
        except NeedsLoginError as error:
            self._transport.states.set(VENDOR.name, error.state, str(error))
            raise

    def refused(self, words: str) -> NeedsLoginError:
        """Note that the ticker takes the token no more, and return the error that tells the user."""
        self.session.refuse()
        error = self.session.needs_login(words)
        self._transport.states.set(VENDOR.name, error.state, str(error))
        return error

    def _connection(self) -> HttpClient:
        if self._http is None:
            self._http = self._client(headers=self._headers, timeout=_LIST_SECONDS / 4)
        return self._http

    def _headers(self) -> Mapping[str, str]:
        signed = f"token {self.session.api_key}:{self.session.token()}"
        return {"X-Kite-Version": "3", "Authorization": signed}

    def _exchange(self, fields: Mapping[str, str]) -> Any:
        if self._login is None:
            self._login = self._client(headers={"X-Kite-Version": "3"})
        return self._login.post_form("/session/token", fields)

    def _client(self, **options: Any) -> HttpClient:
        keys = require_keys(VENDOR, self._keys)
        secrets = [keys.get(name, "") for name in ("api_secret", "access_token", "request_token")]
        return self._transport.client(
            self.settings.rest_url,
            service=VENDOR.name,
            label=VENDOR.label,
            rates=RATES,
            secrets=[value for value in secrets if value],
            read_error=self._error_of,
            **options,
        )

    def _error_of(self, answer: httpx.Response) -> ServiceError | None:
        """Read an error by its type, which tells more than its status."""
        try:
            body = answer.json()
        except ValueError:
            body = None
        said = body if isinstance(body, Mapping) else {}
        limited: RateLimitedError | None = self._pause.error_of(answer)
        if limited is not None:
            return limited
        return self._error(said) if said.get("error_type") == "TokenException" else None

    def _error(self, said: Mapping[str, Any]) -> ServiceError:
        words = words_of(said)
        match said.get("error_type"):
            case "TokenException":
                return self.session.needs_login(words)
            case "NetworkException" | "DataException" | "GeneralException":
                return ServiceUnavailableError(
                    f"{VENDOR.label} is out of order: {words}", service=VENDOR.label
                )
        return ServiceRefusedError(f"{VENDOR.label} refused the call: {words}", service=VENDOR.label)

    def _data_of(self, answer: Any, path: str) -> Any:
        if not isinstance(answer, Mapping):
            raise _odd(path)
        if answer.get("status") == "error" or answer.get("error_type"):
            error = self._error(answer)
            raise self.refused(words_of(answer)) if isinstance(error, NeedsLoginError) else error
        if answer.get("data") is None:
            raise _odd(path)
        return answer["data"]


def words_of(said: Mapping[str, Any]) -> str:
    """Return what an answer says about its failure, without secrets."""
    return redact(str(said.get("message") or said.get("error_type") or "no reason given"))[:300]


def _odd(path: str) -> ServiceAnswerError:
    return ServiceAnswerError(
        f"{VENDOR.label} answered {path} with something that is not of its protocol; ask again later.",
        service=VENDOR.label,
    )


def _local(instant: datetime) -> str:
    """Return an instant as Zerodha writes it: the clock of India, without an offset."""
    return instant.astimezone(INDIA).strftime("%Y-%m-%d %H:%M:%S")
