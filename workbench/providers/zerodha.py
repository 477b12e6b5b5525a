"""Market data of India from Zerodha (Kite Connect): candles, quotes, option chains and the live ticker."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from workbench.errors import DateInputError, UnknownSymbolError
from workbench.market.calendars import is_session, session_close, session_open
from workbench.market.schemas import BARS, OPTION_QUOTES
from workbench.providers.base import Day, nearest_names, require_interval
from workbench.providers.feeds import Feed
from workbench.providers.network import NetworkProvider, joined
from workbench.providers.periods import Period, period_of
from workbench.providers.zerodha_answers import ZONE, bars_from_candles, chain_from_quotes, quotes_from_answer
from workbench.providers.zerodha_feed import ZerodhaFeed
from workbench.vendors.zerodha import VENDOR, ZerodhaClient, our_symbol
from workbench.vendors.zerodha_instruments import Instrument

# The interval as the service names it, and the days that one request may span.
INTERVALS: dict[str, tuple[str, int]] = {
    "1m": ("minute", 60),
    "3m": ("3minute", 100),
    "5m": ("5minute", 100),
    "10m": ("10minute", 100),
    "15m": ("15minute", 200),
    "30m": ("30minute", 200),
    "1h": ("60minute", 400),
    "1d": ("day", 2000),
}
# Without a start, history is asked for backwards until so many days hold nothing.
_EMPTY_DAYS = 400
_FIRST_CANDLE = pd.Timestamp("1990-01-01", tz="UTC")
_SECOND = pd.Timedelta(seconds=1)
_CALENDAR = "XBOM"


class ZerodhaProvider(NetworkProvider):
    """Zerodha's data in the desk's shapes. Symbols are ``NSE:INFY``, ``NFO:NIFTY26NOV24000CE``.

    Parameters
    ----------
    client : ZerodhaClient
        Address, daily login, limits and list of instruments.
    """

    name = VENDOR.name
    label = VENDOR.label
    kinds = frozenset(VENDOR.kinds)

    def __init__(self, client: ZerodhaClient) -> None:
        super().__init__()
        self._client = client

    def symbols(self) -> list[str]:
        """Return what is listed today, in order: shares, indices, futures and options."""
        return self._client.instruments().symbols()

    def bars(
        self, symbols: Sequence[str], start: Day = None, end: Day = None, interval: str = "1d"
    ) -> pd.DataFrame:
        """Return raw bars in the columns of `schemas.BARS`, both ends included.

        Raises
        ------
        UnknownSymbolError
            If today's list has no such symbol; contracts leave it when they expire.
        MissingDataError
            If there are no bars of that interval.
        IncompleteAnswerError
            If the answer broke off; it holds the good rows.
        """
        require_interval(interval, tuple(INTERVALS), self.label)
        period = period_of(start, end)
        wanted = [self._instrument(symbol) for symbol in sorted(set(symbols))]

        def pages() -> Iterator[pd.DataFrame]:
            for instrument in wanted:
                what = f"bars {instrument.symbol} {interval}"
                for number, (first, candles) in enumerate(
                    self._candles(instrument, period, interval), start=1
                ):
                    answer = bars_from_candles(
                        candles, symbol=instrument.symbol, daily=interval == "1d", period=period
                    )
                    yield self._keep(answer, f"{what} from {first:%Y-%m-%d}, page {number}")

        rows = self._gathered(pages(), lambda frame, _: frame, BARS)
        rows = self._kept_once(rows, ("symbol", "time"), f"bars {interval}")
        return rows.sort_values(["symbol", "time"], ignore_index=True)

    def latest_quotes(self, symbols: Sequence[str]) -> pd.DataFrame:
        """Return the best bid and offer of each instrument in the columns of `schemas.QUOTES`.

        Raises
        ------
        UnknownSymbolError
            If today's list has no such symbol.
        """
        wanted = [self._instrument(symbol).symbol for symbol in dict.fromkeys(symbols)]
        quotes = self._client.quotes(wanted)
        what = f"latest quotes of {len(wanted)} instruments"
        for symbol in wanted:
            if symbol not in quotes:
                self._set_aside(what, "the service gave no quote of this instrument", symbol=symbol)
        return self._keep(quotes_from_answer(quotes, symbols=wanted), what)

    def option_chain(self, underlying: str, expiry: Day = None) -> pd.DataFrame:
        """Return the quotes of all listed contracts in the columns of `schemas.OPTION_QUOTES`.

        Parameters
        ----------
        underlying : str
            A share or an index, ``NSE:INFY`` or ``NSE:NIFTY 50``, or a class such as ``NIFTY``.
        expiry : date, optional
            Only contracts of this expiration date.

        Raises
        ------
        UnknownSymbolError
            If today's list has no such symbol.
        IncompleteAnswerError
            If the answer broke off; it holds the good rows.
        """
        listed = self._client.instruments()
        own = listed.underlying(our_symbol(underlying))
        contracts = listed.options(own, period_of(expiry, expiry).first_day)
        if not contracts:
            self._instrument(own)
        what = f"option chain {own}"
        fetched_at = datetime.now(UTC)
        # Each answer also tells what the underlying stands at just then.
        spot = [own] if listed.get(own) is not None else []

        def pages() -> Iterator[tuple[Sequence[Instrument], dict[str, Any]]]:
            for part in self._client.in_parts(contracts):
                yield part, self._client.quotes([*spot, *(each.symbol for each in part)])

        def read(page: tuple[Sequence[Instrument], dict[str, Any]], number: int) -> pd.DataFrame:
            part, quotes = page
            answer = chain_from_quotes(part, quotes, underlying=own, fetched_at=fetched_at)
            missing = [each.symbol for each in part if each.symbol not in quotes]
            for symbol in missing:
                self._set_aside(what, "the service gave no quote of this contract", symbol=symbol)
            return self._keep(answer, f"{what}, page {number}")

        chain = self._gathered(pages(), read, OPTION_QUOTES)
        return joined([chain], OPTION_QUOTES)

    def stream(self, kinds: Sequence[str]) -> Feed:
        """Return a live feed of quotes and last trades."""
        return ZerodhaFeed(self._client)

    def market_open(self) -> bool | None:
        """Say whether Bombay's exchange is in session by its calendar; None where that is not known yet."""
        now = pd.Timestamp(self._client.now())
        day = now.tz_convert(ZONE).date()
        try:
            if not is_session(_CALENDAR, day):
                return False
            return bool(session_open(_CALENDAR, day) <= now < session_close(_CALENDAR, day))
        except DateInputError:
            return None

    # -- what the questions share ------------------------------------------------------------------------

    def _instrument(self, symbol: str) -> Instrument:
        """Return the instrument of a symbol.

        Raises
        ------
        UnknownSymbolError
            Naming the nearest that are listed.
        """
        listed = self._client.instruments()
        found = listed.get(our_symbol(symbol))
        if found is not None:
            return found
        exchange, colon, name = our_symbol(symbol).partition(":")
        wanted = f"{exchange}:{name}" if colon else f"NSE:{exchange}"
        prefix = wanted.partition(":")[0] + ":"
        known = [each for each in listed.symbols() if each.startswith(prefix)]
        # Comparing with a hundred thousand names takes seconds; a misspelt one keeps its first letter.
        alike = [each for each in known if each[: len(prefix) + 1] == wanted[: len(prefix) + 1]]
        near = nearest_names(wanted, alike) or nearest_names(wanted, known) or listed.symbols()[:3]
        raise UnknownSymbolError(
            f"{self.label} lists no {symbol!r} today; the nearest: {', '.join(near)}. Symbols are written "
            "with their exchange, as in 'NSE:INFY'."
        )

    def _candles(
        self, instrument: Instrument, period: Period, interval: str
    ) -> Iterator[tuple[pd.Timestamp, list[Any]]]:
        """Yield the candles of each part of a period that one request may span."""
        name, days = INTERVALS[interval]
        start, end = period.start, period.end or pd.Timestamp(self._client.now())
        if interval == "1d":
            # A session's candle is stamped with midnight in India: dates are asked for by its clock.
            end = _in_india(end.date()) + pd.Timedelta(days=1) - _SECOND
            start = None if start is None else _in_india(start.date())
        if start is not None:
            while start <= end:
                last = min(start + timedelta(days=days) - _SECOND, end)
                yield start, self._client.candles(instrument.token, name, start, last)
                start = last + _SECOND
            return
        empty = 0
        while end > _FIRST_CANDLE and empty < _EMPTY_DAYS:
            start = end - timedelta(days=days) + _SECOND
            candles = self._client.candles(instrument.token, name, start, end)
            yield start, candles
            empty = 0 if candles else empty + days
            end = start - _SECOND


def _in_india(day: date) -> pd.Timestamp:
    """Return the instant at which a date begins in India."""
    return pd.Timestamp(day).tz_localize(ZONE).tz_convert("UTC")
