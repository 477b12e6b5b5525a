"""tastytrade: its address, OAuth2 sign-in, limits, pages and symbols.

Sources: developer.tastytrade.com (OAuth2, API overview, streaming market data, errors) and its OpenAPI files.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from workbench.errors import (
    NeedsLoginError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
)
from workbench.market.instruments import is_option_symbol, parse_occ_symbol
from workbench.redaction import remember_secret
from workbench.settings import TastytradeSettings
from workbench.transport import HttpClient, Rate, Transport
from workbench.transport.answers import words_of
from workbench.vendors.base import Credential, Keys, Vendor, require_keys
from workbench.vendors.dxlink import QuoteToken

VENDOR = Vendor(
    name="tastytrade",
    label="tastytrade",
    credentials=(
        Credential("client_secret", "Client secret of your OAuth application"),
        Credential("refresh_token", "Refresh token of its grant"),
        Credential("client_id", "Client id", secret=False, required=False),
    ),
    kinds=("bars", "corporate_actions", "latest_quotes", "option_chain", "earnings", "metrics", "stream"),
    help_url="https://my.tastytrade.com/app.html#/manage/api-access/oauth-applications",
    connect_hint="Under OAuth Applications make an application with the scope read, then Create Grant.",
)
INDICES = frozenset(
    {
        "SPX", "XSP", "NDX", "XND", "RUT", "MRUT", "VIX", "DJX", "OEX", "XEO", "RUI", "RLG", "RLV", "VVIX",
        "VIX1D", "VIX9D", "VIX3M", "MXEA", "MXEF", "SPXW", "NQX",
    }
)  # fmt: skip
"""Tickers that the service quotes as an index; it quotes any other as an equity."""

LONGEST_QUERY = 100
"""Symbols of one call of quotes, all kinds together."""

# No quota is published; this stays far below what other clients send.
_RATES: Mapping[str, Sequence[Rate]] = {"default": (Rate(10, 1.0),), "sign_in": (Rate(6, 60.0),)}
_RENEW_BEFORE = 60.0
_ACCESS_SECONDS = 900.0
_QUOTE_TOKEN_SECONDS = 23.5 * 3600
_LARGEST_PAGES = 200
# After too many failed logins the service drops all calls of an address for about eight hours.
_FIRST_REST, _LONGEST_REST = timedelta(minutes=15), timedelta(hours=4)
_NOT_A_CUSTOMER = "quote_streamer.customer_not_found_error"
_STREAMER = re.compile(r"^(?P<base>[^{]*)")
_CLASS_SHARE = re.compile(r"^([A-Z]+)[./]([A-Z]{1,2})$")


def their_symbol(symbol: str) -> str:
    """Return a symbol as tastytrade trades it: ``BRK/B``; options keep the OCC's 21 characters.

    Examples
    --------
    >>> their_symbol("BRK.B"), their_symbol("SPY260116C00600000")
    ('BRK/B', 'SPY   260116C00600000')
    """
    if is_option_symbol(symbol):
        return parse_occ_symbol(symbol).occ_symbol
    found = _CLASS_SHARE.match(symbol)
    return f"{found[1]}/{found[2]}" if found else symbol


def our_symbol(text: str) -> str:
    """Return the desk's symbol of one that tastytrade or its streamer writes.

    Examples
    --------
    >>> our_symbol("BRK/B"), our_symbol(".SPXW261120P6850"), our_symbol("AAPL{=1d,tho=true}")
    ('BRK.B', 'SPXW  261120P06850000', 'AAPL')
    """
    found = _STREAMER.match(text.strip())
    base = found["base"] if found else text
    if is_option_symbol(base):
        return parse_occ_symbol(base).occ_symbol
    share = _CLASS_SHARE.match(base)
    return f"{share[1]}.{share[2]}" if share else base


def streamer_symbol(symbol: str) -> str:
    """Return a symbol as DXLink writes it, worked out from ours; where the API told one, take that.

    Examples
    --------
    >>> streamer_symbol("BRK.B"), streamer_symbol("AAPL1 260116P00007500")
    ('BRK/B', '.AAPL1260116P7.5')
    >>> streamer_symbol("F260116C00012250")
    '.F260116C12.25'
    """
    if not is_option_symbol(symbol):
        return their_symbol(symbol)
    return parse_occ_symbol(symbol).dxfeed_symbol


class TastytradeClient:
    """Calls to tastytrade's API, signed in by a refresh token.

    Parameters
    ----------
    settings : TastytradeSettings
        Addresses.
    keys : mapping of str to str, optional
        `client_secret` and `refresh_token`; without them the first call says how to connect.
    transport : Transport
        Of the desk.
    save : callable, optional
        Keeps the keys when the service hands out a new refresh token.
    """

    vendor = VENDOR

    def __init__(
        self,
        settings: TastytradeSettings,
        keys: Keys | None,
        transport: Transport,
        save: Callable[[Keys], None] | None = None,
    ) -> None:
        self._settings = settings
        self._keys = dict(keys) if keys is not None else None
        self._states = transport.states
        self._save = save
        self._access = ""
        self._access_until = 0.0
        self._quote_token: tuple[QuoteToken, float] | None = None
        self._signing_in = threading.Lock()
        secrets = [value for name, value in (keys or {}).items() if name != "client_id"]
        self._door = transport.client(
            settings.rest_url,
            service=VENDOR.name,
            label=VENDOR.label,
            rates=_RATES,
            secrets=secrets,
            headers={"Accept": "application/json"},
            read_error=_sign_in_error,
        )
        self.http: HttpClient = transport.client(
            settings.rest_url,
            service=VENDOR.name,
            label=VENDOR.label,
            rates=_RATES,
            secrets=secrets,
            headers=self._signed,
            read_error=_api_error,
            renew=self._renewed_after_refusal,
        )

    def items(self, path: str, params: Sequence[tuple[str, Any]] = ()) -> list[dict[str, Any]]:
        """Return the items of an answer, whatever envelope they are in; what is no object is left out."""
        return items_of(self.http.get_json(path, params=list(params)))

    def pages(
        self, path: str, params: Sequence[tuple[str, Any]] = (), size: int = 1000
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the items of each page, told by their number from 0.

        Raises
        ------
        ServiceAnswerError
            If the pages repeat or do not end.
        """
        last: list[dict[str, Any]] | None = None
        for page in range(_LARGEST_PAGES):
            answer = self.http.get_json(
                path, params=[*params, ("per-page", str(size)), ("page-offset", str(page))]
            )
            items = items_of(answer)
            if items and items == last:
                raise ServiceAnswerError(
                    f"{VENDOR.label} gave page {page + 1} of {path} twice; the rest is not asked for.",
                    service=VENDOR.label,
                )
            yield items
            pages = _whole(_mapping(_mapping(answer).get("pagination")).get("total-pages"))
            if (
                not items
                or (pages is None and len(items) < size)
                or (pages is not None and page + 1 >= pages)
            ):
                return
            last = items
        raise ServiceAnswerError(
            f"{VENDOR.label} has no end of pages under {path}; the first {_LARGEST_PAGES} were read.",
            service=VENDOR.label,
        )

    def quote_token(self, renew: bool = False) -> QuoteToken:
        """Return what opens the stream; it is good for a day.

        Parameters
        ----------
        renew : bool
            The last one was refused: ask for another.

        Raises
        ------
        ServiceRefusedError
            If the login belongs to no customer, who alone may read quotes.
        """
        if self._quote_token is not None and not renew and time.monotonic() < self._quote_token[1]:
            return self._quote_token[0]
        data = _mapping(_mapping(self.http.get_json("/api-quote-tokens")).get("data"))
        token, url = data.get("token"), self._settings.stream_url or data.get("dxlink-url")
        if not isinstance(token, str) or not isinstance(url, str) or not url.startswith(("wss://", "ws://")):
            raise ServiceAnswerError(
                f"{VENDOR.label} gave no quote token or no address of its stream; try again later.",
                service=VENDOR.label,
            )
        remember_secret(token)
        found = QuoteToken(token, url, str(data.get("level") or ""))
        self._quote_token = (found, time.monotonic() + _QUOTE_TOKEN_SECONDS)
        return found

    def check(self) -> str:
        """Prove the keys by the cheapest call, and say in a sentence what this login may read."""
        try:
            level = self.quote_token(renew=True).level
        except ServiceRefusedError as error:
            if getattr(error, "code", "") != _NOT_A_CUSTOMER:
                raise
            return "Signed in. Chains and metrics only: quotes and candles need an open account there."
        return (
            "Signed in. Real-time quotes, trades, Greeks and candles by DXLink"
            f"{f' (level {level})' if level else ''}; option chains, metrics, dividends and earnings by REST."
            if not self.sandbox
            else "Signed in to the sandbox: quotes are 15 minutes late, and accounts are emptied every day."
        )

    @property
    def sandbox(self) -> bool:
        """Whether the address is the sandbox's, whose quotes are 15 minutes late."""
        return ".cert." in self._settings.rest_url

    def close(self) -> None:
        """Close the connections."""
        self._door.close()
        self.http.close()

    def _signed(self) -> Mapping[str, str]:
        return {"Accept": "application/json", "Authorization": f"Bearer {self._access_token()}"}

    def _access_token(self) -> str:
        """Return an access token that holds another minute; many threads make one sign-in."""
        keys = require_keys(VENDOR, self._keys)
        with self._signing_in:
            if time.monotonic() >= self._access_until:
                self._sign_in(keys)
            return self._access

    def _renewed_after_refusal(self) -> bool:
        refused = self._access
        keys = require_keys(VENDOR, self._keys)
        with self._signing_in:
            # Another thread may have renewed it between the refusal and now.
            if self._access == refused:
                self._sign_in(keys)
            return True

    def _sign_in(self, keys: Keys) -> None:
        """Exchange the refresh token; a refusal is remembered, since refusals in a row block the address."""
        which = hashlib.sha256(f"{keys['refresh_token']} {keys['client_secret']}".encode()).hexdigest()[:12]
        name = f"{VENDOR.name} sign-in {which}"
        known = self._states.get(name)
        if known.retry_at is not None and known.retry_at > datetime.now(UTC):
            raise NeedsLoginError(
                f"{known.detail} It is not asked again before {known.retry_at:%H:%M} UTC.",
                service=VENDOR.label,
                retry_at=known.retry_at,
            )
        body = {
            "grant_type": "refresh_token",
            "refresh_token": keys["refresh_token"],
            "client_secret": keys["client_secret"],
        }
        if keys.get("client_id"):
            body["client_id"] = keys["client_id"]
        try:
            # The grant keeps its refresh token, so a call whose answer was lost may be made again.
            answer = _mapping(self._door.post_json("/oauth/token", body, bucket="sign_in", safe=True))
        except (NeedsLoginError, ServiceRefusedError) as error:
            rest = _FIRST_REST
            if known.retry_at is not None and known.since is not None:
                rest = min(2 * max(known.retry_at - known.since, _FIRST_REST), _LONGEST_REST)
            self._states.set(name, error.state, str(error), retry_at=datetime.now(UTC) + rest)
            raise
        answer = _mapping(answer.get("data")) or answer
        token = answer.get("access_token") or answer.get("access-token")
        if not isinstance(token, str) or not token:
            raise ServiceAnswerError(
                f"{VENDOR.label} signed in without giving an access token; try again later.",
                service=VENDOR.label,
            )
        remember_secret(token)
        seconds = _whole(answer.get("expires_in") or answer.get("expires-in")) or _ACCESS_SECONDS
        self._access = token
        self._access_until = time.monotonic() + max(seconds - _RENEW_BEFORE, seconds / 2)
        self._states.forget(name)
        fresh = answer.get("refresh_token")
        if isinstance(fresh, str) and fresh and fresh != keys["refresh_token"]:
            remember_secret(fresh)
            self._keys = {**keys, "refresh_token": fresh}
            if self._save is not None:
                self._save(self._keys)


def path_of(symbol: str) -> str:
    """Return a symbol as it stands in an address: ``BRK%2FB``."""
    return quote(their_symbol(symbol), safe="")


def items_of(answer: Any) -> list[dict[str, Any]]:
    """Return the items of an answer: of ``data.items``, of ``items``, or the answer's own list.

    Raises
    ------
    ServiceAnswerError
        If it holds no list of items.
    """
    held = answer
    for name in ("data", "items"):
        if isinstance(held, Mapping) and name in held:
            held = held[name]
    if isinstance(held, Mapping) and held:
        held = [held]
    if not isinstance(held, list):
        raise ServiceAnswerError(
            f"{VENDOR.label} answered without a list of items; its API may have changed.",
            service=VENDOR.label,
        )
    return [item for item in held if isinstance(item, dict)]


def _sign_in_error(answer: httpx.Response) -> ServiceError | None:
    """Say what a refusal of the token call means: anything of the caller's fault needs a new login."""
    if answer.status_code in (408, 429) or answer.status_code >= 500:
        return None
    if _is_page(answer):
        return _page_error(answer)
    said = words_of(answer)
    return NeedsLoginError(
        f"{VENDOR.label} refuses the refresh token ({answer.status_code}{f': {said}' if said else ''}). Make "
        f"a new grant at my.tastytrade.com and give it to `workbench connect {VENDOR.name}`.",
        service=VENDOR.label,
    )


def _api_error(answer: httpx.Response) -> ServiceError | None:
    if answer.status_code in (401, 403) and _is_page(answer):
        return _page_error(answer)
    code = _code(answer)
    if code == _NOT_A_CUSTOMER and answer.status_code in (403, 404, 422):
        refused = ServiceRefusedError(
            f"{VENDOR.label} streams quotes to customers only, and this login has no open account; open one "
            "there, or use another source of quotes.",
            service=VENDOR.label,
            status_code=answer.status_code,
        )
        refused.code = code  # type: ignore[attr-defined]
        return refused
    if answer.status_code == 403:
        return ServiceRefusedError(
            f"{VENDOR.label} does not permit the call (403: {words_of(answer) or 'no reason given'}); the "
            "grant needs the scope `read`.",
            service=VENDOR.label,
            status_code=403,
        )
    return None


def _page_error(answer: httpx.Response) -> ServiceError:
    # The gateway in front of the API answers so where a User-Agent is missing: no login is wrong then.
    return ServiceRefusedError(
        f"{VENDOR.label}'s gateway turned the call away with a web page ({answer.status_code}), before its "
        "API saw it: it blocks this address, or a proxy changed the call.",
        service=VENDOR.label,
        status_code=answer.status_code,
    )


def _is_page(answer: httpx.Response) -> bool:
    return answer.content.lstrip()[:1] == b"<"


def _code(answer: httpx.Response) -> str:
    try:
        error = _mapping(answer.json()).get("error")
    except ValueError:
        return ""
    return str(_mapping(error).get("code") or "") if isinstance(error, Mapping) else str(error or "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _whole(value: Any) -> int | None:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
