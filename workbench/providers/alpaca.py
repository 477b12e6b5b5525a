"""Alpaca's history, latest quotes, option chains, corporate actions and news over HTTP.

Prices are raw (``adjustment=raw``); the feed of shares and that of options are settings. A free account's SIP
data end 15 minutes ago: Alpaca refuses what is younger, and its own words are passed on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import (
    DateInputError,
    IncompleteAnswerError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
    UnknownSymbolError,
)
from workbench.market.columns import Column
from workbench.market.instruments import is_option_symbol, parse_occ_symbol
from workbench.market.schemas import BARS, NEWS, OPTION_QUOTES, QUOTES, TRADES
from workbench.providers.alpaca_chain import contracts_frame, read_chain, snapshots_of
from workbench.providers.alpaca_news import about, news_of, read_news
from workbench.providers.alpaca_pages import (
    BEGINNING,
    MOST_SYMBOLS,
    Pages,
    by_path,
    chunked,
    contracts_by_symbol,
    history_pages,
    in_new_york,
    range_of,
)
from workbench.providers.alpaca_rows import (
    ACTION_TYPES,
    listed,
    numbered,
    read_actions,
    read_bars,
    read_quotes,
    read_trades,
)
from workbench.providers.alpaca_stream import AlpacaFeed
from workbench.providers.answers import Answer
from workbench.providers.base import Day, nearest_names, require_interval
from workbench.providers.network import NetworkProvider, no_rows
from workbench.providers.periods import Period, period_of
from workbench.vendors.alpaca import VENDOR, AlpacaClient, our_symbol, their_symbol, unknown_symbol

TIMEFRAMES = {
    "1m": "1Min", "2m": "2Min", "3m": "3Min", "5m": "5Min", "10m": "10Min", "15m": "15Min", "30m": "30Min",
    "1h": "1Hour", "2h": "2Hour", "4h": "4Hour", "1d": "1Day", "1w": "1Week", "1mo": "1Month",
}  # fmt: skip
_ACTIONS = (
    Column("symbol", "text", "Ticker."),
    Column("ex_date", "day", "First day without the right."),
    Column("kind", "text", "split or dividend."),
    Column("value", "float", "New shares for one old, or dollars per share."),
)
_SPANS = ("1d", "1w", "1mo")
# Alpaca selects actions by the day it processes them, up to a year after the ex-date of a late dividend.
_PROCESSED_EARLIER, _PROCESSED_LATER = pd.Timedelta(days=10), pd.Timedelta(days=370)
_ASKED_ONE_BY_ONE = 3
# Asking again changes nothing about these: the keys are of another account, or the plan lacks it.
_LASTING = ("needs_login", "refused")


class AlpacaProvider(NetworkProvider):
    """Market data of one Alpaca account.

    Parameters
    ----------
    client : AlpacaClient
        Makes the calls.
    """

    name = "alpaca"
    kinds = frozenset(VENDOR.kinds)

    def __init__(self, client: AlpacaClient) -> None:
        super().__init__()
        self._client = client
        self._known: set[str] = set()
        self._listed: list[str] | None = None

    @property
    def label(self) -> str:  # type: ignore[override]
        """The source and its feeds, as it is shown beside figures."""
        settings = self._client.settings
        return f"Alpaca ({settings.feed.upper()}, {settings.option_feed} options)"

    def symbols(self) -> list[str]:
        """Return the tickers of all active shares and funds, in order.

        Raises
        ------
        ServiceError
            If the trading API does not answer.
        """
        if self._listed is None:
            assets = self._client.trading("/v2/assets", {"status": "active", "asset_class": "us_equity"})
            if not isinstance(assets, list):
                raise ServiceAnswerError(
                    f"Alpaca's list of assets is {type(assets).__name__}.", service="Alpaca"
                )
            tickers = {each.get("symbol") for each in assets if isinstance(each, Mapping)}
            self._listed = sorted(our_symbol(each) for each in tickers if isinstance(each, str) and each)
            self._known.update(self._listed)
        return list(self._listed)

    def bars(
        self, symbols: Sequence[str], start: Day = None, end: Day = None, interval: str = "1d"
    ) -> pd.DataFrame:
        """Return raw bars of shares and options in the columns of `schemas.BARS`, both dates included.

        A bar of days, weeks or months is dated by the day in New York that it is stamped with.

        Raises
        ------
        UnknownSymbolError
            If Alpaca does not know a symbol.
        MissingDataError
            If it has no bars of that interval.
        IncompleteAnswerError
            If a later page failed; it holds the bars of those before.
        """
        require_interval(interval, tuple(TIMEFRAMES), "Alpaca")
        period = period_of(start, end)
        given = {"timeframe": TIMEFRAMES[interval], "adjustment": "raw"}
        spans = interval in _SPANS
        # A week is dated by its Monday, which may lie before the period that it reaches into.
        inside = Period(None, None) if interval in ("1w", "1mo") else period

        def read(page: Mapping[str, Any], asked: set[str]) -> Answer:
            return read_bars(
                listed(page, "bars"), interval, symbols=asked, start=inside.start, end=inside.end
            )

        what = f"bars {_named(symbols)} {interval} {_told(period)}"
        pages = history_pages(self._client, "bars", symbols, in_new_york(period) if spans else period, given)
        found = self._history(
            what,
            symbols,
            pages,
            read,
            BARS,
            lambda rows: _ordered(self._kept_once(rows, ["symbol", "time"], what)),
        )
        return _between(found, period) if inside != period else found

    def quotes(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return quotes of shares in the columns of `schemas.QUOTES`; instants are exact and included.

        Sizes are shares; `sequence` is the nanosecond within the microsecond, and of quotes of one
        nanosecond the second has 1000 more.

        Raises
        ------
        DateInputError
            Without a start: the quotes of all days are too many for one answer.
        UnknownSymbolError, IncompleteAnswerError
            As for `bars`; of options Alpaca keeps no past quotes.
        """
        self._refuse_options(symbols, "past quotes of options")
        period = self._with_start(start, end, "quotes")

        def read(page: Mapping[str, Any], asked: set[str]) -> Answer:
            return read_quotes(listed(page, "quotes"), symbols=asked, start=period.start, end=period.end)

        what = f"quotes {_named(symbols)} {_told(period)}"
        return self._history(
            what, symbols, history_pages(self._client, "quotes", symbols, period), read, QUOTES,
            lambda rows: numbered(rows).sort_values(["symbol", "time", "sequence"], ignore_index=True),
        )  # fmt: skip

    def trades(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return trades of shares and options in the columns of `schemas.TRADES`.

        Raises
        ------
        DateInputError, UnknownSymbolError, IncompleteAnswerError
            As for `quotes`.
        """
        period = self._with_start(start, end, "trades")

        def read(page: Mapping[str, Any], asked: set[str]) -> Answer:
            return read_trades(listed(page, "trades"), symbols=asked, start=period.start, end=period.end)

        what = f"trades {_named(symbols)} {_told(period)}"
        return self._history(
            what, symbols, history_pages(self._client, "trades", symbols, period), read, TRADES,
            lambda rows: _ordered(self._kept_once(rows, ["symbol", "time", "trade_id"], what)),
        )  # fmt: skip

    def latest_quotes(self, symbols: Sequence[str]) -> pd.DataFrame:
        """Return the last quote of each share and option in the columns of `schemas.QUOTES`."""
        wanted = list(dict.fromkeys(symbols))

        def pages() -> Pages:
            for kind, feed, chunk in by_path(self._client.settings, wanted):
                given = {"symbols": ",".join(map(their_symbol, chunk)), "feed": feed}
                yield self._client.data(f"{kind}/quotes/latest", given)

        def read(page: Mapping[str, Any], asked: set[str]) -> Answer:
            return read_quotes(listed(page, "quotes", "quote"), symbols=asked)

        return self._history(
            "latest quotes", wanted, pages(), read, QUOTES, lambda rows: _once(rows, ["symbol"], ["symbol"])
        ).assign(sequence=lambda rows: rows["sequence"] % 1000)

    def option_chain(self, underlying: str, expiry: Day = None) -> pd.DataFrame:
        """Return the last quotes of all contracts in the columns of `schemas.OPTION_QUOTES`.

        Raises
        ------
        UnknownSymbolError
            If Alpaca does not know the underlying.
        IncompleteAnswerError
            If a later page failed, or the contracts with their open interest could not be reached; it
            holds what came. Where the trading API refuses them, the chain comes without and says so in
            `quarantined`.
        """
        day = period_of(expiry, None).first_day
        self._client.keys()
        contracts, missing = contracts_by_symbol(self._client, underlying, expiry)
        given = {
            "feed": self._client.settings.option_feed, "limit": 1000,
            "expiration_date": None if day is None else day.isoformat(),
        }  # fmt: skip
        fetched = pd.Timestamp.now("UTC")

        def read(page: Mapping[str, Any], _asked: set[str]) -> Answer:
            return read_chain(snapshots_of(page), contracts, underlying=underlying, fetched=fetched)

        pages = self._client.data_pages(f"/v1beta1/options/snapshots/{their_symbol(underlying)}", given)
        found = self._history(
            f"option chain {underlying}", [], pages, read, OPTION_QUOTES,
            lambda rows: _once(rows, ["symbol"], ["symbol"]),
        )  # fmt: skip
        if found.empty:
            self._require_known([underlying])
        if missing is not None:
            lacking = "open interest and deliverables" + (" of some contracts" if contracts else "")
            told = f"The chain of {underlying} is there without {lacking}: {missing}"
            if missing.state not in _LASTING:
                raise IncompleteAnswerError(told, rows=found, cause=missing)
            self._set_aside(f"option contracts {underlying}", told, symbol=underlying)
        return found

    def option_contracts(self, underlying: str, expiry: Day = None) -> pd.DataFrame:
        """Return what the listed contracts of an underlying are; see `alpaca_chain.contracts_frame`.

        Raises
        ------
        ServiceError
            If the trading API does not answer; IncompleteAnswerError holds what came before it stopped.
        """
        contracts, missing = contracts_by_symbol(self._client, underlying, expiry)
        found = contracts_frame(contracts)
        if missing is None:
            return found
        if found.empty:
            raise missing
        raise IncompleteAnswerError(
            f"The list of {underlying}'s contracts broke off: {missing}", rows=found, cause=missing
        )

    def corporate_actions(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return splits and cash dividends (symbol, ex_date, kind, value), both dates included.

        A stock dividend is a split. Spin-offs and mergers are not among them.
        """
        period = period_of(start, end)
        first = (period.start or BEGINNING) - _PROCESSED_EARLIER
        last = (period.end or pd.Timestamp.now("UTC")) + _PROCESSED_LATER
        shares = [symbol for symbol in dict.fromkeys(symbols) if not is_option_symbol(symbol)]
        given = {"types": ",".join(ACTION_TYPES), "start": f"{first:%Y-%m-%d}", "end": f"{last:%Y-%m-%d}"}

        def pages() -> Pages:
            for chunk in chunked(shares, MOST_SYMBOLS):
                wanted = given | {"symbols": ",".join(map(their_symbol, chunk)), "limit": 1000}
                yield from self._client.data_pages("/v1/corporate-actions", wanted)

        def read(page: Mapping[str, Any], asked: set[str]) -> Answer:
            return Answer(*read_actions(page, symbols=asked))

        found = self._history(
            f"corporate actions {_named(symbols)} {_told(period)}", symbols, pages(), read, _ACTIONS,
            lambda rows: _once(rows, list(rows.columns), ["symbol", "ex_date", "kind"]),
        )  # fmt: skip
        return _between(found, period, "ex_date")

    def news(self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return news in the columns of `schemas.NEWS`, selected by the time of their last change."""
        period = period_of(start, end)
        wanted = None if symbols is None else list(dict.fromkeys(symbols))
        given = {"limit": 50, "sort": "asc"} | range_of(
            period if period.start else Period(BEGINNING, period.end)
        )

        def pages() -> Pages:
            chunks = [None] if wanted is None else list(chunked(wanted, MOST_SYMBOLS))
            for chunk in chunks:
                asked = {} if chunk is None else {"symbols": ",".join(map(their_symbol, chunk))}
                yield from self._client.data_pages("/v1beta1/news", given | asked)

        def read(page: Mapping[str, Any], _asked: set[str]) -> Answer:
            answer = read_news(news_of(page), start=period.start, end=period.end)
            return answer if wanted is None else about(answer, wanted)

        return self._history(
            f"news {_named(wanted or [])} {_told(period)}", [], pages(), read, NEWS,
            lambda rows: _once(rows, ["source_id"], ["time"]),
        )  # fmt: skip

    def stream(self, kinds: Sequence[str]) -> AlpacaFeed:
        """Return a live feed of shares and, once one is subscribed to, of options."""
        return AlpacaFeed(self._client, kinds)

    def market_open(self) -> bool | None:
        """Say whether Alpaca's clock calls the US market open."""
        clock = self._client.trading("/v2/clock")
        said = clock.get("is_open") if isinstance(clock, Mapping) else None
        return said if isinstance(said, bool) else None

    # -- asking ------------------------------------------------------------------------------------------

    def _history(
        self,
        what: str,
        symbols: Sequence[str],
        pages: Pages,
        read: Callable[[Mapping[str, Any], set[str]], Answer],
        columns: Sequence[Column],
        finish: Callable[[pd.DataFrame], pd.DataFrame],
    ) -> pd.DataFrame:
        """Read all pages into rows, and make sure that symbols without any exist."""
        # Through both translations: BRK/B and BRK.B are one share.
        asked = {our_symbol(their_symbol(symbol)) for symbol in symbols}

        def kept(page: Mapping[str, Any], number: int) -> pd.DataFrame:
            if not isinstance(page, Mapping):
                raise ServiceAnswerError(
                    f"Alpaca answered {what} with {type(page).__name__} where records were expected.",
                    service="Alpaca",
                )
            return self._keep(read(page, asked), f"{what}, page {number}")

        try:
            found = finish(self._gathered(pages, kept, columns))
        except IncompleteAnswerError as error:
            raise IncompleteAnswerError(str(error), rows=finish(error.rows), cause=error.cause) from error
        except ServiceRefusedError as error:
            if unknown_symbol(error):
                self._require_known(symbols)
            raise
        silent = asked - set(found["symbol"]) if "symbol" in found else set()
        self._require_known(sorted(silent))
        return found if len(found) else no_rows(columns)

    # -- symbols -----------------------------------------------------------------------------------------

    def _require_known(self, symbols: Sequence[str]) -> None:
        """Refuse symbols that Alpaca does not know; asked only about those that gave no row."""
        # Whether an option existed that has expired, Alpaca does not say.
        unsure = [symbol for symbol in symbols if symbol not in self._known and not _has_expired(symbol)]
        try:
            if len(unsure) > _ASKED_ONE_BY_ONE:
                self.symbols()
            for symbol in unsure:
                if symbol in self._known:
                    continue
                if self._client.asset(symbol) is None and not self._is_listed(symbol):
                    raise self._unknown(symbol)
                self._known.add(symbol)
        except ServiceError:
            # Keys that the trading host does not take cannot tell; an empty answer is then all there is.
            return

    def _is_listed(self, symbol: str) -> bool:
        """Say whether the list of shares names a symbol: an odd answer about one must not contradict it."""
        return not is_option_symbol(symbol) and symbol in self.symbols()

    def _unknown(self, symbol: str) -> UnknownSymbolError:
        if is_option_symbol(symbol):
            return UnknownSymbolError(f"Alpaca lists no option {symbol!r}; its chain says which there are.")
        near = nearest_names(symbol, self.symbols())
        told = f"; the nearest it has: {', '.join(near)}." if near else "."
        return UnknownSymbolError(f"Alpaca has no {symbol!r}{told}")

    def _refuse_options(self, symbols: Sequence[str], what: str) -> None:
        if any(map(is_option_symbol, symbols)):
            raise self._lacks(what)

    def _with_start(self, start: Day, end: Day, what: str) -> Period:
        period = period_of(start, end)
        if period.start is None:
            raise DateInputError(f"Say from when you want {what}, as in '2026-01-05'; all are too many.")
        return period


def _has_expired(symbol: str) -> bool:
    today = pd.Timestamp.now("America/New_York").date()
    return is_option_symbol(symbol) and parse_occ_symbol(symbol).expiry < today


def _between(rows: pd.DataFrame, period: Period, column: str = "time") -> pd.DataFrame:
    times = rows[column] if column == "time" else rows[column].dt.tz_localize("UTC")
    keep = pd.Series(True, index=rows.index)
    if period.start is not None:
        keep &= times >= period.start.normalize()
    if period.end is not None:
        keep &= times <= period.end
    return rows[keep].reset_index(drop=True)


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(["symbol", "time"], kind="stable", ignore_index=True)


def _once(rows: pd.DataFrame, key: list[str], by: list[str]) -> pd.DataFrame:
    return rows.drop_duplicates(key, keep="last").sort_values(by, kind="stable", ignore_index=True)


def _named(symbols: Sequence[str]) -> str:
    return ",".join(symbols[:3]) + (f",+{len(symbols) - 3}" if len(symbols) > 3 else "")


def _told(period: Period) -> str:
    return f"{period.first_day or ''}..{period.last_day or ''}"
