"""Alpaca: addresses, keys, limits, paging and symbols, shared by its provider and its broker.

Market data and trading are two hosts with the same headers; the data host takes paper and live keys, a
trading host only its own. Sources: Alpaca's Market Data API 1.1 and Trading API 2.0.1 (docs.alpaca.markets).
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
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
from workbench.settings import AlpacaSettings
from workbench.transport import HttpClient, Rate, Transport
from workbench.transport.answers import words_of
from workbench.vendors.base import Credential, Keys, Vendor, require_keys

VENDOR = Vendor(
    name="alpaca",
    label="Alpaca",
    credentials=(
        Credential("key_id", "API key ID", secret=False),
        Credential("secret_key", "API secret key"),
    ),
    kinds=(
        "bars", "corporate_actions", "quotes", "trades", "latest_quotes", "option_chain", "news", "stream",
    ),
    help_url="https://app.alpaca.markets/dashboard/overview",
    connect_hint="A paper account's keys are enough for market data; the dashboard makes them (API keys).",
)  # fmt: skip

# The free plan; the plan of live SIP and OPRA allows 10,000 calls a minute.
_FREE = Rate(200, 60)
_PAID = Rate(10_000, 60)
_TRADING = Rate(200, 60)
# Tokens are base64; one that is an address would send us elsewhere.
_TOKEN = re.compile(r"[A-Za-z0-9+/=_\-.|:~%]{1,4096}")
_MOST_REPEATS = 3
_MOST_EMPTY_PAGES = 100


def our_symbol(text: str) -> str:
    """Return the desk's symbol: an option's with its 21 characters, a share's ticker as it is.

    Examples
    --------
    >>> our_symbol("AAPL1260116P00007500"), our_symbol("BRK.B")
    ('AAPL1 260116P00007500', 'BRK.B')
    """
    stripped = text.strip()
    return parse_occ_symbol(stripped).occ_symbol if is_option_symbol(stripped) else stripped


def their_symbol(symbol: str) -> str:
    """Return Alpaca's symbol: an option's without padding, a share class with a dot.

    Examples
    --------
    >>> their_symbol("SPXW  260116C06000000"), their_symbol("BRK.B"), their_symbol("BRK/B")
    ('SPXW260116C06000000', 'BRK.B', 'BRK.B')
    """
    stripped = symbol.strip()
    if is_option_symbol(stripped):
        return parse_occ_symbol(stripped).occ_symbol.replace(" ", "")
    # A share class of one or two letters; BTC/USD is a pair and stays.
    return re.sub(r"^([A-Z]{1,5})[/ ]([A-Z]{1,2})$", r"\1.\2", stripped)


class AlpacaClient:
    """Calls to Alpaca's two hosts.

    Parameters
    ----------
    settings : AlpacaSettings
        Addresses and feeds.
    keys : mapping, optional
        ``key_id`` and ``secret_key``; without them the first call says that Alpaca is not connected.
    transport : Transport
        Makes the calls.
    """

    def __init__(self, settings: AlpacaSettings, keys: Keys | None, transport: Transport) -> None:
        self.settings = settings
        self._keys = keys
        secrets = [value for value in (keys or {}).values() if value]
        paid = settings.feed == "sip" or settings.option_feed == "opra"
        self._data = transport.client(
            settings.data_url, service="alpaca", label="Alpaca", headers=self.headers, secrets=secrets,
            rates={"data": [_PAID if paid else _FREE]}, read_error=_read_error,
        )  # fmt: skip
        self._trading = transport.client(
            # A host of its own: what it refuses, or that it is down, says nothing of the data host.
            settings.trading_url, service="alpaca_trading", label="Alpaca", headers=self.headers,
            secrets=secrets, rates={"trading": [_TRADING]}, read_error=_read_error,
        )  # fmt: skip

    def close(self) -> None:
        """Close the connections; closing twice does nothing."""
        self._data.close()
        self._trading.close()

    def keys(self) -> Keys:
        """Return the keys.

        Raises
        ------
        NotConnectedError
            If one is missing.
        """
        return require_keys(VENDOR, self._keys)

    def headers(self) -> dict[str, str]:
        """Return the headers that sign a call."""
        keys = self.keys()
        return {"APCA-API-KEY-ID": keys["key_id"], "APCA-API-SECRET-KEY": keys["secret_key"]}

    def data(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON of a path of the market data host."""
        return self._data.get_json(path, _given(params), bucket="data")

    def trading(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON of a path of the trading host."""
        return self._trading.get_json(path, _given(params), bucket="trading")

    def data_pages(self, path: str, params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Yield the pages of an answer of the market data host; see `_pages`."""
        return self._pages(self._data, "data", path, params)

    def trading_pages(self, path: str, params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Yield the pages of an answer of the trading host; see `_pages`."""
        return self._pages(self._trading, "trading", path, params)

    def asset(self, symbol: str) -> Mapping[str, Any] | None:
        """Return what the trading host knows of a share or an option, or None where it knows of none."""
        kind = "options/contracts" if is_option_symbol(symbol) else "assets"
        path = f"/v2/{kind}/{quote(their_symbol(symbol), safe='')}"
        try:
            found = self.trading(path)
        except ServiceRefusedError as error:
            if error.status_code in (404, 422):
                return None
            raise
        return found if isinstance(found, Mapping) else None

    def check(self) -> str:
        """Prove the keys by the cheapest calls, and say what they may read.

        Raises
        ------
        NeedsLoginError
            If Alpaca does not take the keys.
        """
        feed, options = self.settings.feed, self.settings.option_feed
        self.data("/v2/stocks/quotes/latest", {"symbols": "SPY", "feed": feed})
        told = [
            f"{'delayed' if feed == 'delayed_sip' else 'real-time'} {feed.upper()} quotes, trades and bars"
        ]
        told.append(self._tried("options", options, "/v1beta1/options/snapshots/SPY", self.data))
        told.append(self._tried("contracts and open interest", "", "/v2/clock", self.trading))
        return "; ".join(told) + "."

    def _tried(self, what: str, feed: str, path: str, call: Any) -> str:
        try:
            call(path, {"feed": feed, "limit": 1} if feed else None)
        except (ServiceRefusedError, NeedsLoginError) as error:
            return f"no {what}: {str(error).rstrip('.')}"
        return f"{what} {feed}".strip()

    def _pages(
        self, client: HttpClient, bucket: str, path: str, params: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the pages of an answer, each once.

        Raises
        ------
        ServiceAnswerError
            If a page is no page, or the pages go round in a circle.
        """
        token: str | None = None
        tokens: set[str] = set()
        pages: set[bytes] = set()
        repeats = empty = 0
        while True:
            wanted = _given(params) | ({"page_token": token} if token else {})
            page = client.get_json(path, wanted, bucket=bucket)
            if not isinstance(page, Mapping):
                raise _odd(f"answered {path} with {type(page).__name__} where a page was expected.")
            content = {name: value for name, value in page.items() if name != "next_page_token"}
            mark = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
            is_empty = not _holds_rows(content)
            empty = empty + 1 if is_empty else 0
            if mark not in pages or is_empty:
                pages.add(mark)
                yield page
            else:
                repeats += 1
            token = self._next_token(page, path)
            if token is None:
                return
            if token in tokens or repeats >= _MOST_REPEATS or empty >= _MOST_EMPTY_PAGES:
                raise _odd(f"goes round in a circle: a next page of {path} was read already.")
            tokens.add(token)

    def _next_token(self, page: Mapping[str, Any], path: str) -> str | None:
        token = page.get("next_page_token")
        if token is None or token == "":
            return None
        if not isinstance(token, str) or not _TOKEN.fullmatch(token) or "://" in token:
            raise _odd(f"named a next page of {path} that is no token of its own; it was not asked for.")
        return token


def unknown_symbol(error: ServiceError) -> bool:
    """Say whether a refusal means that Alpaca does not know a symbol."""
    said = str(error).lower()
    return isinstance(error, ServiceRefusedError) and ("invalid symbol" in said or "not found" in said)


def _read_error(answer: httpx.Response) -> ServiceError | None:
    if answer.status_code not in (401, 403):
        return None
    said = words_of(answer)
    if answer.status_code == 401:
        return NeedsLoginError(
            f"Alpaca does not take the keys (401): {said or 'no reason given'}. `workbench connect alpaca` "
            "asks for new ones.",
            service="Alpaca",
        )
    lowered = said.lower()
    if lowered.strip(" .") in ("forbidden", ""):
        return NeedsLoginError(
            "Alpaca does not take the keys at this address (403 forbidden): they are wrong, or of a live "
            "account at the paper address or the other way round. `workbench connect alpaca` asks anew.",
            service="Alpaca",
        )
    if "recent sip" in lowered:
        return ServiceRefusedError(
            f"Alpaca: {said}. The plan holds no SIP data of the last 15 minutes; ask for an earlier end, or "
            "set services.alpaca.feed to 'iex' or 'delayed_sip'.",
            service="Alpaca",
            status_code=403,
        )
    if "subscription" in lowered or "opra" in lowered or "not entitled" in lowered:
        return ServiceRefusedError(
            f"Alpaca: {said}. The account's plan does not hold this feed; choose another in "
            "services.alpaca.feed and services.alpaca.option_feed.",
            service="Alpaca",
            status_code=403,
        )
    return None


def _holds_rows(content: Any) -> bool:
    if isinstance(content, Mapping):
        return any(map(_holds_rows, content.values()))
    return bool(content) and not isinstance(content, str)


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value not in (None, "")}


def _odd(what: str) -> ServiceAnswerError:
    return ServiceAnswerError(f"Alpaca {what}", service="Alpaca")
