"""Which contract id each symbol has at Interactive Brokers, found once and remembered."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from workbench.errors import ServiceError, ServiceRefusedError, UnknownSymbolError
from workbench.market.calendars import previous_session
from workbench.market.instruments import is_option_symbol, parse_occ_symbol
from workbench.market.settlement import settlement_of
from workbench.providers.base import nearest_names
from workbench.providers.ibkr_answers import (
    Kind,
    ListedOption,
    Underlying,
    options_of_info,
    positive_whole,
    price_of,
    shares_of_answer,
    underlyings_of_search,
)
from workbench.vendors.ibkr import VENDOR, IbkrClient, our_symbol, their_symbol

EXCHANGES = ("NASDAQ", "NYSE", "ARCA", "AMEX", "BATS")
_SHARES_AT_A_TIME = 100
_SMART = "SMART"


class ContractBook:
    """Contract ids by our symbols.

    Parameters
    ----------
    client : IbkrClient
        Keeps ids for the next process, too.
    """

    def __init__(self, client: IbkrClient) -> None:
        self._client = client
        self._underlyings: dict[str, Underlying] = {}
        self._options: dict[tuple[int, str, float, str], list[ListedOption]] = {}
        self._listed: dict[str, int] = {}
        self.bad: list[tuple[str, str, str]] = []

    def symbols(self) -> list[str]:
        """Return the shares of the exchanges of the United States, in order."""
        if not self._listed:
            for exchange in EXCHANGES:
                for item in self._list_of("/trsrv/all-conids", [("exchange", exchange)]):
                    ticker, conid = item.get("ticker"), positive_whole(item.get("conid"))
                    if isinstance(ticker, str) and ticker.strip() and conid is not None:
                        self._listed.setdefault(our_symbol(ticker), conid)
        return sorted(self._listed)

    def find(self, symbols: Sequence[str]) -> tuple[dict[str, tuple[int, Kind]], list[str]]:
        """Return contract id and kind of symbols, and the symbols that the gateway does not know."""
        found: dict[str, tuple[int, Kind]] = {}
        shares: list[str] = []
        for symbol in dict.fromkeys(symbols):
            if is_option_symbol(symbol):
                option = self._option(symbol)
                if option is not None:
                    found[symbol] = (option, "OPT")
            elif symbol in self._underlyings:
                known = self._underlyings[symbol]
                found[symbol] = (known.conid, known.kind)
            elif symbol in self._client.conids:
                found[symbol] = (self._client.conids[symbol], "STK")
            else:
                shares.append(symbol)
        found |= self._shares(shares)
        for symbol in shares:
            if symbol not in found and (searched := self._search(symbol)) is not None:
                found[symbol] = (searched.conid, searched.kind)
        return found, [symbol for symbol in dict.fromkeys(symbols) if symbol not in found]

    def require(self, symbols: Sequence[str]) -> dict[str, tuple[int, Kind]]:
        """Return contract id and kind of symbols.

        Raises
        ------
        UnknownSymbolError
            Naming the first that the gateway does not know, and the nearest that it does.
        """
        found, unknown = self.find(symbols)
        if unknown:
            near = self._nearest(unknown[0])
            told = f"; the nearest it has: {', '.join(near)}." if near else "."
            raise UnknownSymbolError(f"{VENDOR.label} has no {unknown[0]!r}{told}")
        return found

    def underlying(self, symbol: str) -> Underlying:
        """Return what options are on, with their months.

        Raises
        ------
        UnknownSymbolError
            If the gateway does not know it.
        """
        found = self._search(symbol)
        if found is None:
            self.require([symbol])
            return Underlying(symbol, *self.require([symbol])[symbol])
        return found

    def options(self, underlying: Underlying, month: str) -> Iterator[ListedOption]:
        """Yield the contracts of a month: all strikes, expiries and trading classes.

        Raises
        ------
        ServiceError
            If the gateway breaks off; what was yielded stays good.
        """
        params = [("conid", underlying.conid), ("sectype", "OPT"), ("month", month), ("exchange", _SMART)]
        strikes = self._mapping_of("/iserver/secdef/strikes", params)
        if not any(strikes.get(side) for side in ("call", "put")):
            # Strikes are told only after a search of their underlying in this session.
            self._underlyings.pop(underlying.symbol, None)
            self._search(underlying.symbol)
            strikes = self._mapping_of("/iserver/secdef/strikes", params)
        for side, right in (("call", "C"), ("put", "P")):
            listed = strikes.get(side)
            for strike in listed if isinstance(listed, list) else []:
                price = _price(strike)
                if price is None:
                    self.bad.append((underlying.symbol, f"{strike!r} is no strike", f"{month} {side}"))
                    continue
                yield from self._info(underlying, month, price, right)

    def month_of(self, expiry: date) -> str:
        """Return the month of an expiry as the gateway writes it: ``JAN26``."""
        return f"{expiry:%b%y}".upper()

    def _option(self, symbol: str) -> int | None:
        kept = self._client.conids.get(symbol)
        if kept is not None:
            return kept
        wanted = parse_occ_symbol(symbol)
        underlying = self._search(wanted.underlying)
        if underlying is None:
            return None
        month = self.month_of(wanted.expiry)
        listed = self._info(underlying, month, float(wanted.strike), wanted.right)
        dates = [wanted.expiry]
        if settlement_of(wanted.root, wanted.expiry) == "AM":
            # Contracts that settle at the open may be dated by their last day of trading.
            dates.append(previous_session("XNYS", wanted.expiry))
        for day in dates:
            for option in listed:
                if (option.contract.root, option.contract.expiry) == (wanted.root, day):
                    self._client.remember({symbol: option.conid})
                    return option.conid
        return None

    def _info(self, underlying: Underlying, month: str, strike: float, right: str) -> list[ListedOption]:
        key = (underlying.conid, month, strike, right)
        if key not in self._options:
            answer = self._list_of(
                "/iserver/secdef/info",
                [
                    ("conid", underlying.conid),
                    ("sectype", "OPT"),
                    ("month", month),
                    ("strike", f"{strike:.10g}"),
                    ("right", right),
                    ("exchange", _SMART),
                ],
            )
            options, bad = options_of_info(answer, underlying.symbol, strike=strike, right=right)
            self.bad.extend(bad)
            self._options[key] = options
        return self._options[key]

    def _shares(self, symbols: Sequence[str]) -> dict[str, tuple[int, Kind]]:
        found: dict[str, int] = {}
        for first in range(0, len(symbols), _SHARES_AT_A_TIME):
            part = symbols[first : first + _SHARES_AT_A_TIME]
            theirs = ",".join(their_symbol(symbol) for symbol in part)
            found |= shares_of_answer(self._mapping_of("/trsrv/stocks", [("symbols", theirs)]), part)
        self._client.remember(found)
        return {symbol: (conid, "STK") for symbol, conid in found.items()}

    def _search(self, symbol: str) -> Underlying | None:
        if symbol not in self._underlyings:
            answer = self._list_of("/iserver/secdef/search", [("symbol", their_symbol(symbol))])
            found = underlyings_of_search(answer, symbol)
            if not found:
                return None
            self._underlyings[symbol] = found[0]
        return self._underlyings[symbol]

    def _nearest(self, symbol: str) -> list[str]:
        ticker = symbol.split(maxsplit=1)[0] if symbol.split() else symbol
        known: list[str] = []
        try:
            for length in dict.fromkeys((len(ticker), 3, 2)):
                for item in self._list_of("/iserver/secdef/search", [("symbol", ticker[:length])]):
                    if isinstance(text := item.get("symbol"), str):
                        known.append(our_symbol(text))
                if near := nearest_names(ticker, known):
                    return near
            return nearest_names(ticker, self.symbols())
        except ServiceError:
            return nearest_names(ticker, known)

    def _list_of(self, path: str, params: list[tuple[str, Any]]) -> list[dict[str, Any]]:
        answer = self._answer(path, params)
        return [each for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []

    def _mapping_of(self, path: str, params: list[tuple[str, Any]]) -> dict[str, Any]:
        answer = self._answer(path, params)
        return answer if isinstance(answer, dict) else {}

    def _answer(self, path: str, params: list[tuple[str, Any]]) -> Any:
        """Return an answer, None where the gateway says that there is nothing."""
        try:
            return self._client.get(path, params)
        except ServiceRefusedError as error:
            if error.status_code == 404:
                return None
            raise


def _price(value: Any) -> float | None:
    try:
        return price_of(value).value
    except ValueError:
        return None
