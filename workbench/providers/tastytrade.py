"""tastytrade: chains, quotes, metrics and dividends by REST; bars and Greeks by DXLink."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from workbench.errors import (
    IncompleteAnswerError,
    ServiceError,
    ServiceUnavailableError,
    SocketClosedError,
    UnsupportedError,
)
from workbench.market.corporate_actions import no_actions
from workbench.market.instruments import is_option_symbol
from workbench.market.schemas import BARS, EARNINGS, METRICS, OPTION_QUOTES, QUOTES
from workbench.providers.base import Day, require_interval
from workbench.providers.feeds import Feed
from workbench.providers.network import NetworkProvider, joined, no_rows
from workbench.providers.periods import Period, period_of
from workbench.providers.session_bars import bars_within
from workbench.providers.tastytrade_answers import (
    chain_from_answers,
    contracts_of_chain,
    dividends_from_answer,
    earnings_from_answers,
    metrics_from_answer,
    price_of,
    quotes_from_market_data,
)
from workbench.providers.tastytrade_bars import (
    INTERVALS,
    asked_since,
    bars_of_candles,
    symbols_at_a_time,
    what_is_missing,
)
from workbench.providers.tastytrade_feed import FEED_KINDS, TastytradeFeed
from workbench.providers.tastytrade_names import ListedNames, parts, texts
from workbench.providers.tastytrade_snapshots import PATIENCE, ask_candles, ask_greeks
from workbench.vendors.dxlink import run_apart
from workbench.vendors.tastytrade import (
    INDICES,
    LONGEST_QUERY,
    VENDOR,
    TastytradeClient,
    our_symbol,
    path_of,
    their_symbol,
)

_log = logging.getLogger("workbench.providers.tastytrade")
_METRICS_AT_A_TIME = 50
_PAST_EVENTS = "/market-metrics/historic-corporate-events"
_FIRST_REPORT = "1990-01-01"
_TYPES = {"equity": "equity[]", "index": "index[]", "option": "equity-option[]"}

T = TypeVar("T")


class TastytradeProvider(NetworkProvider):
    """Market data of a tastytrade account.

    Bars are candles of regular hours, as dxFeed serves them; a bar that is not over yet is left out. Of
    corporate actions the service tells dividends alone.

    Parameters
    ----------
    client : TastytradeClient
        Signed in or not; the first call tells.
    patience : float
        Seconds without an event after which the stream's answer is given up.
    """

    name = VENDOR.name
    label = VENDOR.label
    kinds = frozenset(VENDOR.kinds)

    def __init__(self, client: TastytradeClient, *, patience: float = PATIENCE) -> None:
        super().__init__()
        self._client = client
        self._patience = patience
        self._names = ListedNames(client)

    def symbols(self) -> list[str]:
        """Return the shares and funds that the service trades, in order; some ten thousand."""
        found: set[str] = set()
        for items in self._client.pages("/instruments/equities/active"):
            found.update(our_symbol(symbol) for symbol in texts(items, "symbol"))
        return sorted(found)

    def bars(
        self, symbols: Sequence[str], start: Day = None, end: Day = None, interval: str = "1d"
    ) -> pd.DataFrame:
        """Return bars of regular hours, both dates included.

        Raises
        ------
        UnknownSymbolError
            If the service does not list a symbol.
        MissingDataError
            If it has no bars of that interval.
        IncompleteAnswerError
            If the stream broke off, or keeps no bars so far back.
        """
        require_interval(interval, list(INTERVALS), self.label)
        period = period_of(start, end)
        asked = _asked(symbols)
        if not asked:
            return no_rows(BARS)
        now = pd.Timestamp.now("UTC")
        ours = {self._names.streamer(symbol): symbol for symbol in asked}
        since = asked_since(period, interval)
        answer = run_apart(
            lambda: ask_candles(
                self._client.quote_token,
                list(ours),
                f"{{={interval},tho=true}}",
                int(since.timestamp() * 1000),
                at_a_time=symbols_at_a_time(since, interval, now),
                patience=self._patience,
            )
        )
        what = _what("bars", asked, period, interval)
        for symbol, reason, text in answer.bad:
            self._set_aside(what, reason, symbol=symbol, text=text)
        read = self._keep(bars_of_candles(answer, asked, since, interval, now), what)
        rows = bars_within(read, period, INTERVALS[interval], now)
        cause = what_is_missing(answer, ours, rows, period, interval)
        unheard = {ours[name] for name, candles in answer.candles.items() if not candles.finished}
        if isinstance(cause, ServiceUnavailableError) and not isinstance(cause, SocketClosedError):
            self._names.require_known([symbol for symbol in asked if symbol in unheard])
        if cause is not None and rows.empty:
            raise cause
        if cause is not None:
            raise IncompleteAnswerError(
                f"The answer broke off after {len(rows):,} bars: {cause}", rows=rows, cause=cause
            ) from cause
        silent = set(asked) - set(rows["symbol"])
        self._names.require_known([symbol for symbol in asked if symbol in silent])
        return rows

    def corporate_actions(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return dividends by ex-date (symbol, ex_date, kind, value); the service does not tell splits.

        Raises
        ------
        UnknownSymbolError
            If the service does not list a symbol.
        """
        first, last = _days(period_of(start, end))
        frames = []
        for symbol in sorted(_asked(symbols)):
            items = self._names.items(
                f"/market-metrics/historic-corporate-events/dividends/{path_of(symbol)}"
            )
            if not items:
                self._names.require_known([symbol])
            frame, bad = dividends_from_answer(items, symbol, first, last)
            for named, reason, text in bad:
                self._set_aside(f"dividends {symbol}", reason, symbol=named, text=text)
            frames.append(frame)
        filled = [frame for frame in frames if len(frame)]
        return pd.concat(filled, ignore_index=True) if filled else no_actions()

    def latest_quotes(self, symbols: Sequence[str]) -> pd.DataFrame:
        """Return the last quote of each symbol; an index has none.

        Raises
        ------
        UnknownSymbolError
            If the service lists a symbol neither as a share nor as an index or an option.
        """
        asked = _asked(symbols)

        def read(items: list[dict[str, Any]], part: int) -> pd.DataFrame:
            answered.update(our_symbol(symbol) for symbol in texts(items, "symbol"))
            what = f"latest quotes {_few(asked)}, part {part}"
            return self._keep(quotes_from_market_data(items, symbols=asked), what)

        answered: set[str] = set()
        rows = self._gathered(self._market_data(asked), read, QUOTES)
        missing = [symbol for symbol in asked if symbol not in answered]
        if missing:
            self._names.require_known(missing)
        newest = rows.sort_values(["symbol", "time"], kind="stable").drop_duplicates("symbol", keep="last")
        return newest.reset_index(drop=True)

    def option_chain(self, underlying: str, expiry: Day = None) -> pd.DataFrame:
        """Return the last quotes of all contracts on an underlying: every root, the adjusted ones too.

        Greeks are REST's, or the stream's where REST has none; without either they are missing.

        Raises
        ------
        UnknownSymbolError
            If the service does not list the underlying.
        """
        day = period_of(expiry, None).first_day
        ours = our_symbol(underlying)
        items = self._names.items(f"/option-chains/{path_of(ours)}/nested")
        contracts, bad = contracts_of_chain(items, ours, day)
        what = f"option chain {ours}{f' {day:%Y-%m-%d}' if day is not None else ''}"
        for symbol, reason, text in bad:
            self._set_aside(what, reason, symbol=symbol, text=text)
        if not contracts:
            if not items:
                self._names.require_known([ours])
            return no_rows(OPTION_QUOTES)
        self._names.remember({each["symbol"]: each["streamer"] for each in contracts})
        fetched_at = pd.Timestamp.now("UTC")
        quoted: dict[str, dict[str, Any]] = {}
        price = np.nan
        asked = [each["symbol"] for each in contracts]
        wanted = set(asked)

        def read(items: list[dict[str, Any]], part: int) -> pd.DataFrame:
            nonlocal price
            here: dict[str, dict[str, Any]] = {}
            for item in items:
                text = item.get("symbol")
                symbol = our_symbol(text) if isinstance(text, str) else ""
                if symbol == ours:
                    price = price_of(item)
                elif symbol in wanted:
                    here[symbol] = {**item, "symbol": symbol}
                else:
                    self._set_aside(
                        f"{what}, part {part}",
                        "nobody asked for this symbol",
                        symbol=symbol,
                        text=str(item)[:300],
                    )
            quoted.update(here)
            mine = [each for each in contracts if each["symbol"] in here]
            answer = chain_from_answers(
                mine, here.values(), {}, underlying_price=price, fetched_at=fetched_at
            )
            return answer.good

        # Read page by page for the sake of what is left when an answer breaks off; Greeks join at the end.
        self._gathered(self._market_data([ours, *asked]), read, OPTION_QUOTES)
        greeks = self._greeks_of(contracts, quoted)
        answer = chain_from_answers(
            contracts, quoted.values(), greeks, underlying_price=price, fetched_at=fetched_at
        )
        rows = self._keep(answer, what)
        return rows.sort_values(["expiry", "strike", "right", "symbol"], ignore_index=True)

    def earnings(
        self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None
    ) -> pd.DataFrame:
        """Return the earnings reported, and the next expected ones, of some symbols.

        Raises
        ------
        UnsupportedError
            Without symbols: the service has no calendar of all.
        """
        if symbols is None:
            raise UnsupportedError(f"{self.label} has no calendar of all earnings; it has those of symbols.")
        period = period_of(start, end)
        first, last = _days(period)
        asked = sorted(_asked(symbols))
        metrics = self._metrics_of(asked)
        frames = []
        for symbol in asked:
            since = first.date().isoformat() if first is not None else _FIRST_REPORT
            reports = self._names.items(
                f"{_PAST_EVENTS}/earnings-reports/{path_of(symbol)}",
                [("start-date", since)],
            )
            if not reports and symbol not in metrics:
                self._names.require_known([symbol])
            answer = earnings_from_answers(reports, metrics.get(symbol, {}), symbol, first, last)
            frames.append(self._keep(answer, _what("earnings", [symbol], period)))
        return joined(frames, EARNINGS).sort_values(["symbol", "date"], kind="stable", ignore_index=True)

    def metrics(self, symbols: Sequence[str]) -> pd.DataFrame:
        """Return the market metrics of some symbols: implied volatility, its rank, liquidity, beta and more.

        Raises
        ------
        UnknownSymbolError
            If the service does not list a symbol.
        """
        asked = _asked(symbols)
        found = self._metrics_of(asked)
        missing = [symbol for symbol in asked if symbol not in found]
        if missing:
            self._names.require_known(missing)
        answer = metrics_from_answer(list(found.values()), symbols=asked)
        rows = self._keep(answer, f"metrics {_few(asked)}")
        return (
            rows.sort_values(["symbol", "name"], kind="stable", ignore_index=True)
            if len(rows)
            else no_rows(METRICS)
        )

    def stream(self, kinds: Sequence[str]) -> Feed:
        """Return a live feed of some of "quotes", "trades" and "bars" of one minute."""
        for kind in kinds:
            if kind not in FEED_KINDS:
                raise UnsupportedError(
                    f"{self.label} has no stream of {kind}; it has {', '.join(FEED_KINDS)}."
                )
        return TastytradeFeed(
            self._client.quote_token,
            streamer_symbols=self._names.told_streamers,
            sandbox=self._client.sandbox,
        )

    def market_open(self) -> bool | None:
        """Say whether the service calls the session of shares open; None where it does not say."""
        try:
            items = self._client.items(
                "/market-time/sessions/current", [("instrument-collections[]", "Equity")]
            )
        except ServiceError:
            return None
        states = [
            item.get("state") for item in items if item.get("instrument-collection", "Equity") == "Equity"
        ]
        return states[0] == "Open" if states and isinstance(states[0], str) else None

    def _greeks_of(
        self, contracts: Sequence[Mapping[str, Any]], quoted: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """Return the stream's Greeks of the contracts for which REST has none."""
        lacking = [
            each["streamer"]
            for each in contracts
            if quoted.get(each["symbol"], {}).get("delta") is None
            or quoted[each["symbol"]].get("open-interest") is None
        ]
        if not lacking:
            return {}
        try:
            found, bad = run_apart(lambda: ask_greeks(self._client.quote_token, lacking))
        except ServiceError as error:
            _log.warning("The chain has no Greeks of the stream: %s", error)
            return {}
        for symbol, reason, text in bad:
            self._set_aside("Greeks", reason, symbol=symbol, text=text)
        return found

    def _market_data(self, symbols: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield REST quotes, so many symbols a call as the service takes."""
        for part in parts(list(symbols), LONGEST_QUERY):
            params = [(_TYPES[_type_of(symbol)], their_symbol(symbol)) for symbol in part]
            yield self._names.items("/market-data/by-type", params)

    def _metrics_of(self, symbols: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for part in parts(list(symbols), _METRICS_AT_A_TIME):
            theirs = ",".join(their_symbol(symbol) for symbol in part)
            for item in self._names.items("/market-metrics", [("symbols", theirs)]):
                text = item.get("symbol")
                found[our_symbol(text) if isinstance(text, str) else ""] = item
        return found


def _asked(symbols: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(our_symbol(symbol) for symbol in symbols))


def _type_of(symbol: str) -> str:
    if is_option_symbol(symbol):
        return "option"
    return "index" if symbol in INDICES else "equity"


def _days(period: Period) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    first, last = (
        None if each is None else each.tz_localize(None).normalize() for each in (period.start, period.end)
    )
    return first, last


def _what(kind: str, symbols: Sequence[str], period: Period, interval: str = "") -> str:
    first, last = (f"{each:%Y-%m-%d}" if each is not None else "" for each in period)
    when = f" {first}..{last}" if first or last else ""
    return f"{kind} {_few(symbols)}{f' {interval}' if interval else ''}{when}"


def _few(symbols: Sequence[str]) -> str:
    return ",".join(symbols[:3]) + (f" and {len(symbols) - 3} more" if len(symbols) > 3 else "")
