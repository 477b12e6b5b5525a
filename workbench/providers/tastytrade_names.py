"""Which symbols tastytrade lists, how its streamer writes them, and what is nearest to a misspelt one."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from workbench.errors import ServiceError, ServiceRefusedError, UnknownSymbolError
from workbench.market.instruments import is_option_symbol
from workbench.providers.base import nearest_names
from workbench.vendors.tastytrade import (
    INDICES,
    LONGEST_QUERY,
    VENDOR,
    TastytradeClient,
    our_symbol,
    path_of,
    streamer_symbol,
    their_symbol,
)

_log = logging.getLogger("workbench.providers.tastytrade")

T = TypeVar("T")


class ListedNames:
    """The service's instruments, asked one by one and remembered.

    Parameters
    ----------
    client : TastytradeClient
        Whose instruments they are.
    """

    def __init__(self, client: TastytradeClient) -> None:
        self._client = client
        self._streamers: dict[str, str] = {}

    def items(self, path: str, params: Sequence[tuple[str, Any]] = ()) -> list[dict[str, Any]]:
        """Return the items under a path; the service answers 404 for a symbol that it does not know."""
        try:
            return self._client.items(path, params)
        except ServiceRefusedError as error:
            if error.status_code == 404:
                return []
            raise

    def streamer(self, symbol: str) -> str:
        """Return the streamer's symbol of one of ours."""
        return self.told_streamers([symbol]).get(symbol) or streamer_symbol(symbol)

    def remember(self, streamers: Mapping[str, str]) -> None:
        """Keep the streamer's symbols that an answer told, by ours."""
        self._streamers.update(streamers)

    def told_streamers(self, symbols: Collection[str]) -> Mapping[str, str]:
        """Return the streamer's symbols of options as the API tells them; of shares they are the same."""
        new = [symbol for symbol in symbols if is_option_symbol(symbol) and symbol not in self._streamers]
        try:
            for part in parts(new, LONGEST_QUERY):
                params = [("symbol[]", their_symbol(symbol)) for symbol in part]
                for item in self.items("/instruments/equity-options", params):
                    symbol, streamer = item.get("symbol"), item.get("streamer-symbol")
                    if isinstance(symbol, str) and isinstance(streamer, str):
                        self._streamers[our_symbol(symbol)] = streamer
        except ServiceError as error:
            _log.info("The streamer's symbols are worked out, not looked up: %s", error)
        return {symbol: self._streamers[symbol] for symbol in symbols if symbol in self._streamers}

    def require_known(self, symbols: Sequence[str]) -> None:
        """Refuse a symbol that the service does not list.

        Raises
        ------
        UnknownSymbolError
            Naming the nearest.
        """
        for options in (False, True):
            path = "/instruments/equity-options" if options else "/instruments/equities"
            asked = [symbol for symbol in symbols if is_option_symbol(symbol) == options]
            for part in parts(asked, LONGEST_QUERY):
                items = self.items(path, [("symbol[]", their_symbol(symbol)) for symbol in part])
                listed = {our_symbol(symbol) for symbol in texts(items, "symbol")}
                for symbol in part:
                    if symbol not in listed and symbol not in INDICES:
                        near = self._nearest(symbol)
                        told = f"; the nearest it has: {', '.join(near)}." if near else "."
                        raise UnknownSymbolError(f"{VENDOR.label} has no {symbol!r}{told}")

    def _nearest(self, symbol: str) -> list[str]:
        known: list[str] = []
        ticker = symbol.split(maxsplit=1)[0][:6] or symbol
        for length in dict.fromkeys((len(ticker), 3, 2, 1)):
            try:
                items = self.items(f"/symbols/search/{path_of(ticker[:length])}")
            except ServiceError:
                break
            known += [our_symbol(text) for text in texts(items, "symbol")]
            if nearest_names(ticker, known):
                break
        return nearest_names(ticker, dict.fromkeys(known))


def texts(items: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """Return the texts of a field, of the items that have one."""
    return [value for item in items if isinstance(value := item.get(name), str)]


def parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the values, so many at a time."""
    for first in range(0, len(values), size):
        yield values[first : first + size]
