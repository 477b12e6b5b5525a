"""Market data from Polygon (Massive): bars, ticks, chains, actions, news, yields and a live feed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import (
    IncompleteAnswerError,
    MissingDataError,
    ServiceError,
    ServiceRefusedError,
)
from workbench.market.corporate_actions import no_actions
from workbench.market.instruments import is_option_symbol, underlying_of, underlying_of_class
from workbench.market.schemas import BARS, NEWS, OPTION_QUOTES, QUOTES, RATES, TRADES, Column, names
from workbench.providers.answers import Answer
from workbench.providers.base import Day, require_interval
from workbench.providers.feeds import Feed
from workbench.providers.network import NetworkProvider
from workbench.providers.periods import Period, period_of
from workbench.providers.polygon_answers import (
    INTERVALS,
    bars_from_aggregates,
    latest_from_snapshots,
    quotes_from_ticks,
    trades_from_ticks,
)
from workbench.providers.polygon_chain import chain_from_snapshots
from workbench.providers.polygon_feed import PolygonFeed
from workbench.providers.polygon_names import PolygonNames
from workbench.providers.polygon_questions import dates, instants, nanoseconds, said, spans
from workbench.providers.polygon_reference import (
    actions_from_dividends,
    actions_from_splits,
    news_from_articles,
    rates_from_yields,
)
from workbench.vendors.polygon import (
    LARGEST_PAGE,
    VENDOR,
    PolygonClient,
    in_path,
    our_symbol,
    records,
    their_symbol,
    their_underlying,
)

_CHAIN_PAGE = 250
_SNAPSHOTS = 250
_REFERENCE_PAGE = 1000


class PolygonProvider(NetworkProvider):
    """Polygon's data in the desk's shapes, raw: adjustments are applied on read.

    Parameters
    ----------
    client : PolygonClient
        Address, key, limits and pages.
    """

    name = VENDOR.name
    label = VENDOR.label
    kinds = frozenset(VENDOR.kinds)

    def __init__(self, client: PolygonClient) -> None:
        super().__init__()
        self._client = client
        self._names = PolygonNames(client)

    def symbols(self) -> list[str]:
        """Return the shares that are listed today, in order."""
        return self._names.listed()

    def bars(
        self, symbols: Sequence[str], start: Day = None, end: Day = None, interval: str = "1d"
    ) -> pd.DataFrame:
        """Return raw bars in the columns of `schemas.BARS`; they cover the time before and after hours too.

        Raises
        ------
        UnknownSymbolError
            If the service knows no such symbol; the message names the nearest.
        MissingDataError
            If there are no bars of that interval.
        IncompleteAnswerError
            If the answer broke off; it holds the good rows.
        """
        require_interval(interval, tuple(INTERVALS), self.label)
        period = period_of(start, end)

        def pages(symbol: str) -> Iterator[Any]:
            count, span = INTERVALS[interval]
            for first, last in spans(period, interval):
                path = f"/v2/aggs/ticker/{in_path(their_symbol(symbol))}/range/{count}/{span}/{first}/{last}"
                params = {"adjusted": "false", "sort": "asc", "limit": LARGEST_PAGE}
                yield from self._client.pages(path, params)

        def read(symbol: str, page: Mapping[str, Any], line: int) -> Answer:
            return bars_from_aggregates(
                records(page, "aggregates"), symbol=symbol, told=page.get("ticker"), interval=interval,
                period=period, first_line=line,
            )  # fmt: skip

        return self._by_symbol(symbols, f"bars {{}} {interval}", period, pages, read, BARS)

    def quotes(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return quotes in the columns of `schemas.QUOTES`; instants are exact and included.

        Sizes are shares since November 2025, and round lots of a hundred before.

        Raises
        ------
        MissingDataError
            If the period has no start.
        ServiceError
            As `bars` raises.
        """
        period = _bounded(period_of(start, end), "quotes")

        def read(symbol: str, page: Mapping[str, Any], line: int) -> Answer:
            return quotes_from_ticks(records(page, "quotes"), symbol=symbol, period=period, first_line=line)

        return self._by_symbol(symbols, "quotes {}", period, self._ticks("quotes", period), read, QUOTES)

    def trades(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return trades in the columns of `schemas.TRADES`; instants are exact and included.

        Raises
        ------
        MissingDataError
            If the period has no start.
        ServiceError
            As `bars` raises.
        """
        period = _bounded(period_of(start, end), "trades")

        def read(symbol: str, page: Mapping[str, Any], line: int) -> Answer:
            return trades_from_ticks(records(page, "trades"), symbol=symbol, period=period, first_line=line)

        return self._by_symbol(symbols, "trades {}", period, self._ticks("trades", period), read, TRADES)

    def latest_quotes(self, symbols: Sequence[str]) -> pd.DataFrame:
        """Return the last quotes of shares and options in the columns of `schemas.QUOTES`.

        Raises
        ------
        UnknownSymbolError
            If the service knows no such symbol.
        """
        wanted = list(dict.fromkeys(symbols))
        what = f"latest quotes {_listed(wanted)}"
        unanswered = set(wanted)

        def pages() -> Iterator[Any]:
            for at in range(0, len(wanted), _SNAPSHOTS):
                tickers = ",".join(map(their_symbol, wanted[at : at + _SNAPSHOTS]))
                yield from self._client.pages("/v3/snapshot", {"ticker.any_of": tickers, "limit": _SNAPSHOTS})

        def read(page: Mapping[str, Any], number: int) -> pd.DataFrame:
            found = []
            for record in records(page, "/v3/snapshot"):
                failed = isinstance(record, Mapping) and record.get("error")
                symbol = our_symbol(str(record.get("ticker"))) if isinstance(record, Mapping) else ""
                if failed:
                    continue
                unanswered.discard(symbol)
                if isinstance(record, Mapping) and not record.get("last_quote") and symbol in wanted:
                    reason = "it has no quote: an index has a value alone, or the plan holds no quotes"
                    self._set_aside(f"{what}, page {number}", reason, symbol=symbol, text=str(record)[:300])
                    continue
                found.append(record)
            return self._keep(latest_from_snapshots(found, symbols=wanted), f"{what}, page {number}")

        rows = self._gathered(pages(), read, QUOTES)
        for symbol in sorted(unanswered):
            self._names.require(symbol)
            self._set_aside(what, "the service gave no answer for this symbol", symbol=symbol)
        return rows.drop_duplicates("symbol", keep="last", ignore_index=True)

    def option_chain(self, underlying: str, expiry: Day = None) -> pd.DataFrame:
        """Return the last quotes of all contracts in the columns of `schemas.OPTION_QUOTES`.

        Parameters
        ----------
        underlying : str
            A share, an index (``SPX``, which brings SPXW too) or a class of options on one.
        expiry : date, optional
            Only contracts of this expiration date.

        Raises
        ------
        UnknownSymbolError
            If the service knows no such symbol.
        """
        own = underlying_of_class(underlying)
        day = period_of(expiry, expiry).first_day
        what = f"option chain {own}" + (f" {day}" if day else "")
        params: dict[str, Any] = {"limit": _CHAIN_PAGE}
        if day is not None:
            params["expiration_date"] = day.isoformat()
        fetched_at = pd.Timestamp.now("UTC")
        path = f"/v3/snapshot/options/{in_path(their_underlying(underlying))}"
        seen = 0

        def read(page: Mapping[str, Any], number: int) -> pd.DataFrame:
            nonlocal seen
            found = records(page, path)
            line, seen = seen + 1, seen + len(found)
            answer = chain_from_snapshots(found, underlying=own, fetched_at=fetched_at, first_line=line)
            return self._keep(answer, f"{what}, page {number}")

        try:
            chain = self._gathered(self._client.pages(path, params), read, OPTION_QUOTES)
        except ServiceRefusedError as error:
            if error.status_code == 404:
                self._names.require(own)
            raise
        if chain.empty and not seen:
            self._names.require(own)
        by = ["expiry", "strike", "right", "symbol"]
        # A contract that is quoted anew while pages are read may come on two of them.
        return chain.drop_duplicates("symbol", keep="last").sort_values(by, ignore_index=True)

    def corporate_actions(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return splits and dividends (symbol, ex_date, kind, value), both dates included.

        Raises
        ------
        UnknownSymbolError
            If the service knows no such symbol.
        IncompleteAnswerError
            If the answer broke off; it holds the good rows.
        """
        period = period_of(start, end)
        kinds = (
            ("/v3/reference/splits", "execution_date", "splits", actions_from_splits),
            ("/v3/reference/dividends", "ex_dividend_date", "dividends", actions_from_dividends),
        )

        def pages() -> Iterator[Any]:
            for symbol in sorted(set(symbols)):
                seen = 0
                for path, column, kind, translate in kinds:
                    if is_option_symbol(symbol):
                        continue
                    params = {"ticker": their_symbol(symbol), "limit": _REFERENCE_PAGE}
                    params |= dates(column, period) | {"order": "asc", "sort": column}
                    found: list[Any] = []
                    what = f"{kind} {symbol}{said(period)}, page 1"
                    try:
                        for page in self._client.pages(path, params):
                            found += records(page, path)
                    except ServiceError:
                        yield self._keep(translate(found, symbol=symbol, period=period), what)
                        raise
                    seen += len(found)
                    yield self._keep(translate(found, symbol=symbol, period=period), what)
                if not seen:
                    self._names.require(symbol)

        columns = tuple(Column(name, dtype, "") for name, dtype in _ACTIONS)
        actions = self._gathered(pages(), lambda frame, _: frame, columns)
        if actions.empty:
            return no_actions()
        return actions.sort_values(["symbol", "ex_date", "kind"], ignore_index=True)

    def news(self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return news in the columns of `schemas.NEWS`, with what the vendor thinks of their tone.

        Raises
        ------
        IncompleteAnswerError
            If the answer broke off; it holds the good rows.
        """
        period = period_of(start, end)
        whom: list[str | None] = [None] if symbols is None else [*sorted({underlying_of(s) for s in symbols})]

        def pages() -> Iterator[tuple[str | None, Any]]:
            for symbol in whom:
                params = {"order": "asc", "sort": "published_utc", "limit": _REFERENCE_PAGE}
                params |= instants("published_utc", period)
                if symbol is not None:
                    params["ticker"] = their_symbol(symbol)
                for page in self._client.pages("/v2/reference/news", params):
                    yield symbol, page

        def read(page: tuple[str | None, Any], number: int) -> pd.DataFrame:
            symbol, answer = page
            found = news_from_articles(records(answer, "news"), symbol=symbol, period=period)
            return self._keep(found, f"news {symbol or 'of all'}{said(period)}, page {number}")

        found = self._gathered(pages(), read, NEWS)
        return found.drop_duplicates("source_id").sort_values("time", kind="stable", ignore_index=True)

    def rates(self, start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return the treasury's par yields, continuously compounded, in the columns of `schemas.RATES`.

        Raises
        ------
        IncompleteAnswerError
            If the answer broke off; it holds the good rows.
        """
        period = period_of(start, end)
        params = {"limit": LARGEST_PAGE, **dates("date", period)}

        def read(page: Any, number: int) -> pd.DataFrame:
            answer = rates_from_yields(records(page, "treasury yields"), period=period)
            return self._keep(answer, f"rates{said(period)}, page {number}")

        found = self._gathered(self._client.pages("/fed/v1/treasury-yields", params), read, RATES)
        return found.sort_values(["curve", "date", "years"], ignore_index=True)

    def stream(self, kinds: Sequence[str]) -> Feed:
        """Return a live feed of quotes, trades and minute bars."""
        return PolygonFeed(self._client.settings, self._client.keys)

    def market_open(self) -> bool | None:
        """Say whether the service's clock calls New York's exchange open; after hours it is not."""
        answer = self._client.get("/v1/marketstatus/now")
        exchanges = answer.get("exchanges")
        told = exchanges.get("nyse") if isinstance(exchanges, Mapping) else answer.get("market")
        return told == "open" if isinstance(told, str) else None

    # -- what the questions share ------------------------------------------------------------------------

    def _ticks(self, what: str, period: Period) -> Callable[[str], Iterator[Any]]:
        def pages(symbol: str) -> Iterator[Any]:
            params = {"order": "asc", "sort": "timestamp", "limit": LARGEST_PAGE, **nanoseconds(period)}
            return self._client.pages(f"/v3/{what}/{in_path(their_symbol(symbol))}", params)

        return pages

    def _by_symbol(
        self,
        symbols: Sequence[str],
        what: str,
        period: Period,
        pages: Callable[[str], Iterator[Any]],
        read: Callable[[str, Any, int], Answer],
        columns: Sequence[Column],
    ) -> pd.DataFrame:
        """Ask for one symbol after another, and find out whether one exists that has no rows at all."""

        def all_pages() -> Iterator[pd.DataFrame]:
            for symbol in sorted(set(symbols)):
                line = 1
                try:
                    for number, page in enumerate(pages(symbol), start=1):
                        count = len(records(page, what.format(symbol)))
                        if count:
                            name = f"{what.format(symbol)}{said(period)}, page {number}"
                            yield self._keep(read(symbol, page, line), name)
                            line += count
                except ServiceRefusedError as error:
                    if error.status_code == 404:
                        self._names.require(symbol)
                    raise
                if line == 1:
                    self._names.require(symbol)
                else:
                    self._names.known.add(symbol)

        key: list[str] = [
            name for name in ("symbol", "time", "sequence", "trade_id") if name in names(columns)
        ]
        told = what.format(_listed(sorted(set(symbols)))) + said(period)
        try:
            rows = self._gathered(all_pages(), lambda frame, _: frame, columns)
        except IncompleteAnswerError as error:
            error.rows = self._kept_once(error.rows, key, told)
            raise
        rows = self._kept_once(rows, key, told)
        return rows.sort_values(key[:3], kind="stable", ignore_index=True)


_ACTIONS = (("symbol", "text"), ("ex_date", "day"), ("kind", "text"), ("value", "float"))


def _bounded(period: Period, what: str) -> Period:
    """Require a start: a question for all ticks that ever were would never end.

    Raises
    ------
    MissingDataError
        If there is none.
    """
    if period.start is None:
        raise MissingDataError(f"All {what} are too many to ask for; give a `start`, as in '2026-01-05'.")
    return period


def _listed(symbols: Sequence[str]) -> str:
    return ", ".join(symbols[:5]) + (f" and {len(symbols) - 5} more" if len(symbols) > 5 else "")
