"""Polygon, named Massive since October 2025: address, key, limits, pages and symbols."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json

from workbench.errors import ServiceAnswerError, ServiceRefusedError
from workbench.market.instruments import is_option_symbol, parse_occ_symbol, underlying_of_class
from workbench.settings import PolygonSettings
from workbench.transport import HttpClient, Rate, Transport
from workbench.vendors.base import Credential, Keys, Vendor, require_keys
from workbench.vendors.pauses import GrowingPause

VENDOR = Vendor(
    name="polygon",
    label="Polygon",
    credentials=(Credential("api_key", "API key"),),
    kinds=(
        "bars", "corporate_actions", "quotes", "trades", "latest_quotes", "option_chain", "news", "rates",
        "stream",
    ),
    help_url="https://massive.com/dashboard/keys",
    connect_hint=(
        "The key stands on the dashboard of massive.com (once polygon.io), under API keys. On the free plan "
        "set `services.polygon.calls_per_minute` to 5."
    ),
)  # fmt: skip

# The service's own hosts; a next page may name either, whatever address the desk was given.
HOSTS = ("api.massive.com", "api.polygon.io")
# Paid plans have no limit; the service asks to stay under this.
UNLIMITED = Rate(100, 1)
LARGEST_PAGE = 50_000

# Indices that the desk knows by their plain name. Others keep the prefix: I:COMP is the Nasdaq Composite
# and COMP a share.
_INDICES = frozenset(
    {
        "SPX", "XSP", "OEX", "XEO", "NDX", "XND", "NQX", "RUT", "MRUT", "RUI", "RLG", "RLV", "DJX", "DJI",
        "MXEA", "MXEF", "VIX", "VIX9D", "VIX3M", "VIX6M", "VVIX", "VXN", "SKEW",
    }
)  # fmt: skip
# So many pages in a row without a new row are a circle, whatever their addresses.
_IDLE_PAGES = 5
# A quarter of a billion rows; who wants more asks for a shorter period at a time.
_MOST_PAGES = 5_000
_FAILED = ("ERROR", "NOT_AUTHORIZED", "NOT_FOUND", "AUTH_ERROR")


def our_symbol(text: str) -> str:
    """Return the desk's symbol of a ticker of Polygon's.

    Examples
    --------
    >>> our_symbol("O:AAPL1260116P00007500"), our_symbol("I:SPX"), our_symbol("BRK.B")
    ('AAPL1 260116P00007500', 'SPX', 'BRK.B')
    """
    if text.startswith("O:") and is_option_symbol(text):
        return parse_occ_symbol(text).occ_symbol
    if text.startswith("I:") and text[2:] in _INDICES:
        return text[2:]
    return text


def their_symbol(symbol: str) -> str:
    """Return Polygon's ticker of a desk's symbol.

    Examples
    --------
    >>> their_symbol("SPXW  261120P06850000"), their_symbol("SPX"), their_symbol("BRK.B")
    ('O:SPXW261120P06850000', 'I:SPX', 'BRK.B')
    """
    if is_option_symbol(symbol):
        return "O:" + parse_occ_symbol(symbol).occ_symbol.replace(" ", "")
    if symbol in _INDICES:
        return f"I:{symbol}"
    return symbol


def their_underlying(symbol: str) -> str:
    """Return Polygon's ticker of what a chain is on; a class of options stands for its underlying.

    Examples
    --------
    >>> their_underlying("SPXW"), their_underlying("AAPL")
    ('I:SPX', 'AAPL')
    """
    return their_symbol(underlying_of_class(symbol))


def in_path(ticker: str) -> str:
    """Return a ticker as it stands in an address; the colon of its prefix stays."""
    return quote(ticker, safe=":")


class PolygonClient:
    """Calls to Polygon's REST interface; the key travels in a header alone.

    Parameters
    ----------
    settings : PolygonSettings
        Address, and how many calls a minute the plan allows.
    keys : mapping or None
        ``api_key``.
    transport : Transport
        The desk's one way to the outside.
    """

    def __init__(self, settings: PolygonSettings, keys: Keys | None, transport: Transport) -> None:
        self.settings = settings
        self.keys = keys
        self._transport = transport
        self._http: HttpClient | None = None
        self._pause = GrowingPause(VENDOR.name, VENDOR.label)

    def api_key(self) -> str:
        """Return the key.

        Raises
        ------
        NotConnectedError
            If there is none.
        """
        return require_keys(VENDOR, self.keys)["api_key"]

    @property
    def http(self) -> HttpClient:
        """The connection, made at the first call.

        Raises
        ------
        NotConnectedError
            If there is no key.
        """
        if self._http is None:
            key = self.api_key()
            allowed = self.settings.calls_per_minute
            self._http = self._transport.client(
                self.settings.rest_url,
                service=VENDOR.name,
                label=VENDOR.label,
                headers={"Authorization": f"Bearer {key}"},
                rates={"default": (Rate(allowed, 60) if allowed else UNLIMITED,)},
                secrets=(key,),
                aliases=HOSTS,
                read_error=self._pause.error_of,
            )
        return self._http

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Return one answer.

        Raises
        ------
        ServiceRefusedError
            If the body says that it failed, whatever the status of the call.
        ServiceAnswerError
            If it is no JSON object.
        """
        answer = _checked(self.http.get_json(path, dict(params or {})), path)
        self._pause.over()
        return answer

    def pages(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield the answers of a question page by page; a repeated page comes once.

        The next page is asked for at the address that the service gives, without the parameters of the
        first, and only on the service's own hosts.

        Raises
        ------
        ServiceAnswerError
            If pages lead in a circle or to another host, or are no answers; the pages before are good.
        """
        answer = self.get(path, params)
        seen_addresses: set[str] = set()
        seen_rows: set[bytes] = set()
        idle = 0
        while True:
            # Pages are large, and what they held is only compared.
            content = sha256(to_json(answer.get("results"), fallback=str)).digest()
            new = bool(answer.get("results")) and content not in seen_rows
            seen_rows.add(content)
            idle = 0 if new else idle + 1
            if new:
                yield answer
            address = answer.get("next_url")
            if not address:
                return
            endless = idle >= _IDLE_PAGES or len(seen_addresses) >= _MOST_PAGES
            if not isinstance(address, str) or address in seen_addresses or endless:
                raise ServiceAnswerError(
                    f"{VENDOR.label}'s pages of {path} lead in a circle or do not end; what came before is "
                    "good. Ask again later, or for a shorter period.",
                    service=VENDOR.label,
                )
            seen_addresses.add(address)
            answer = _checked(self.http.next_json(address), path)
            self._pause.over()

    def check(self) -> str:
        """Prove the key, and say what the account may read.

        Raises
        ------
        ServiceError
            With its state, if the key is not taken or the service does not answer.
        """
        self.get("/v1/marketstatus/now")
        shares = self._timeframe("/v3/snapshot", {"ticker.any_of": "AAPL", "limit": 1})
        options = self._timeframe("/v3/snapshot/options/SPY", {"limit": 1})
        return f"end-of-day bars and reference data; quotes of shares {shares}; option chains {options}"

    def _timeframe(self, path: str, params: Mapping[str, Any]) -> str:
        try:
            answer = self.get(path, params)
        except ServiceRefusedError:
            return "not in this plan"
        rows = records(answer, path)
        quotes = [row.get("last_quote") for row in rows if isinstance(row, Mapping)]
        frames = {str(quote.get("timeframe")) for quote in quotes if isinstance(quote, Mapping)}
        if not frames:
            return "without quotes"
        return "delayed by 15 minutes" if "DELAYED" in frames else "in real time"


def records(answer: Mapping[str, Any], path: str) -> list[Any]:
    """Return the rows of an answer; none where the key is absent, one where it is a single object.

    Raises
    ------
    ServiceAnswerError
        If `results` is neither.
    """
    results = answer.get("results")
    if results is None:
        return []
    if isinstance(results, Mapping):
        return [results]
    if isinstance(results, list):
        return results
    raise ServiceAnswerError(
        f"{VENDOR.label} answered {path} with `results` that is no list; ask again later.",
        service=VENDOR.label,
    )


def words_of(answer: Mapping[str, Any]) -> str:
    """Return what an answer says about its failure: in ``error`` or in ``message``."""
    return str(answer.get("error") or answer.get("message") or answer.get("status") or "")


def _checked(answer: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise ServiceAnswerError(
            f"{VENDOR.label} answered {path} with something that is no JSON object; ask again later.",
            service=VENDOR.label,
        )
    if answer.get("status") in _FAILED and not answer.get("results"):
        raise ServiceRefusedError(
            f"{VENDOR.label} refused {path}: {words_of(answer)[:300]}", service=VENDOR.label
        )
    return answer
