"""Which symbols Polygon has, and which it has that are like a misspelt one."""

from collections.abc import Iterator, Mapping
from typing import Any

from workbench.errors import ServiceRefusedError, UnknownSymbolError
from workbench.market.instruments import is_option_symbol, underlying_of
from workbench.providers.base import nearest_names
from workbench.vendors.polygon import VENDOR, PolygonClient, our_symbol, records, their_symbol

_TICKERS = "/v3/reference/tickers"
_CONTRACTS = "/v3/reference/options/contracts"
_PAGE = 1000
_NO_SUCH = 404


class PolygonNames:
    """What the service lists; asked for when an answer was empty, and never before.

    Parameters
    ----------
    client : PolygonClient
        Makes the calls.
    """

    def __init__(self, client: PolygonClient) -> None:
        self._client = client
        self._listed: list[str] | None = None
        self.known: set[str] = set()

    def listed(self) -> list[str]:
        """Return the shares that are listed today, in order."""
        if self._listed is None:
            self._listed = sorted(set(self._symbols({"market": "stocks", "active": "true"})))
        return list(self._listed)

    def require(self, symbol: str) -> None:
        """Ask whether a symbol exists, once.

        Raises
        ------
        UnknownSymbolError
            Naming the nearest that the service has.
        """
        if symbol in self.known:
            return
        if self._exists(symbol):
            self.known.add(symbol)
            return
        near = self._nearest(underlying_of(symbol) if is_option_symbol(symbol) else symbol)
        told = f"the nearest it has: {', '.join(near)}" if near else "it has nothing like it"
        raise UnknownSymbolError(f"{VENDOR.label} has no {symbol!r}; {told}.")

    def _exists(self, symbol: str) -> bool:
        """Look among what is listed today, then among what once was."""
        path, past = (
            (_CONTRACTS, {"expired": "true"}) if is_option_symbol(symbol) else (_TICKERS, {"active": "false"})
        )
        ticker = their_symbol(symbol)
        for more in ({}, past):
            try:
                found = records(self._client.get(path, {"ticker": ticker, "limit": 1, **more}), path)
            except ServiceRefusedError as error:
                if error.status_code in (None, _NO_SUCH):
                    continue
                raise
            if any(isinstance(record, Mapping) and record.get("ticker") == ticker for record in found):
                return True
        return False

    def _nearest(self, symbol: str) -> list[str]:
        """Return listed names like a misspelt one: by the service's search, then under its first letter."""
        known = set(self._listed or ())
        first = symbol[:1].upper()
        asked: list[dict[str, Any]] = [{"search": symbol, "active": "true"}]
        if first.isalpha() and first.isascii():
            asked.append({"ticker.gte": first, "ticker.lt": chr(ord(first) + 1), "active": "true"})
        for params in asked:
            near = nearest_names(symbol, known)
            if near:
                return near
            known.update(self._symbols(params))
        return nearest_names(symbol, known)

    def _symbols(self, params: Mapping[str, Any]) -> Iterator[str]:
        whole = {"limit": _PAGE, "sort": "ticker", "order": "asc", **params}
        for page in self._client.pages(_TICKERS, whole):
            for record in records(page, _TICKERS):
                if isinstance(record, Mapping) and record.get("ticker"):
                    yield our_symbol(str(record["ticker"]))
