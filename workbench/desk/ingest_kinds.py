"""The kinds of market data that a provider can be asked for: their tables, sizes, clocks and ages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from workbench.errors import ArgumentError
from workbench.market.calendars import session_closes
from workbench.market.coverage import Span
from workbench.market.schemas import (
    Checked,
    check_bars,
    check_earnings,
    check_metrics,
    check_news,
    check_option_quotes,
    check_quotes,
    check_rates,
    check_trades,
    quarantined_rows,
)

DAILY = "1d"
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_MINUTE = pd.Timedelta(minutes=1)
_HOUR = pd.Timedelta(hours=1)
_DAY = pd.Timedelta(days=1)

Clock = Literal["sessions", "days", "snapshot"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of data.

    Attributes
    ----------
    name : str
        As in ``bars``; also the method of the provider.
    table : str
        Where it is kept in the lake.
    check : callable
        Splits rows into good and bad.
    clock : {"sessions", "days", "snapshot"}
        Whether data come on sessions, on any day, or only as they are now.
    chunk : Timedelta
        The longest period of one call, so that each is a write of bearable size.
    at_once : int
        Most symbols of one call.
    delay : Timedelta
        How long after it happened an answer may still grow.
    fresh : Timedelta
        For how long an answer that may still change is good enough not to ask again.
    reach : Timedelta
        How far back it goes when nobody says.
    """

    name: str
    table: str
    check: Callable[[pd.DataFrame], Checked]
    clock: Clock
    chunk: pd.Timedelta
    at_once: int
    delay: pd.Timedelta
    fresh: pd.Timedelta
    reach: pd.Timedelta

    @property
    def needs_symbols(self) -> bool:
        """Whether it is about symbols at all; interest rates are not."""
        return self.name != "rates"

    def fetch(self, provider: Any, symbols: Sequence[str], span: Span | None, interval: str) -> pd.DataFrame:
        """Ask a provider once; a period of whole days is asked for by its dates."""
        call = getattr(provider, self.name)
        if self.name == "option_chain":
            found = [call(symbol) for symbol in symbols]
            return pd.concat(found, ignore_index=True) if len(found) > 1 else _frame(found[0])
        if span is None:
            return _frame(call(list(symbols)))
        bounds: tuple[Any, Any] = (span.first, span.last)
        daily = self.name == "bars" and interval == DAILY
        if daily or self.name in ("corporate_actions", "rates", "earnings"):
            bounds = (span.first.date(), span.last.date())
        if not self.needs_symbols:
            return _frame(call(*bounds))
        if self.name == "bars":
            return _frame(call(list(symbols), *bounds, interval))
        return _frame(call(list(symbols) or None, *bounds))


def kind_of(name: str, interval: str) -> Kind:
    """Return a kind of data by name; bars of an interval have a size of their own.

    Raises
    ------
    ArgumentError
        If there is no such kind.
    """
    if name == "bars":
        return _bars(interval)
    try:
        return _KINDS[name]
    except KeyError:
        known = ", ".join(map(repr, ("bars", *_KINDS)))
        raise ArgumentError(f"`kinds` holds {name!r}; give some of {known}.") from None


def interval_length(interval: str) -> pd.Timedelta:
    """Return how long a bar of an interval such as ``5m`` lasts."""
    return pd.Timedelta(seconds=int(interval[:-1]) * _SECONDS[interval[-1]])


def finished(bars: pd.DataFrame, interval: str, now: pd.Timestamp, calendar: str) -> pd.DataFrame:
    """Return the bars that are over: one that still grows would be taken for the whole of its period."""
    if bars.empty:
        return bars
    if interval == DAILY:
        ends = session_closes(calendar, bars["time"].dt.tz_localize(None).dt.normalize())
        growing = pd.Series(ends > now, index=bars.index)
    else:
        growing = bars["time"] + interval_length(interval) > now
    return bars[~growing]


def ages() -> pd.DataFrame:
    """Return for how long an answer of each kind is taken for fresh, in seconds."""
    rows = [(name, kind_of(name, DAILY).fresh.total_seconds()) for name in ("bars", *_KINDS)]
    return pd.DataFrame(rows, columns=["kind", "fresh_seconds"]).set_index("kind")


def _bars(interval: str) -> Kind:
    if interval == DAILY:
        # Trades after hours may change a session's volume for four hours more.
        late, year = 4 * _HOUR, 366 * _DAY
        return Kind("bars", "daily_bars", check_bars, "sessions", 5 * year, 50, late, _MINUTE, year)
    length = interval_length(interval)
    # About 200,000 rows: 20 symbols of a week of minutes with the hours before and after.
    chunk = min(max(7 * _DAY * (length / _MINUTE), _DAY), 366 * _DAY).round("1D")
    delay = 20 * _MINUTE + length
    return Kind(
        "bars", "intraday_bars", check_bars, "sessions", chunk, 20, delay, min(length, _MINUTE), 7 * _DAY
    )


def _as_they_are(frame: pd.DataFrame) -> Checked:
    return Checked(frame, quarantined_rows())


def _frame(answer: Any) -> pd.DataFrame:
    return answer if isinstance(answer, pd.DataFrame) else pd.DataFrame(answer)


_KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "corporate_actions", "corporate_actions", _as_they_are, "days",
            3660 * _DAY, 50, _DAY, _HOUR, 366 * _DAY,
        ),
        Kind(
            "quotes", "quotes", check_quotes, "sessions",
            _HOUR, 1, 20 * _MINUTE, pd.Timedelta(seconds=1), _DAY,
        ),
        Kind("trades", "trades", check_trades, "sessions", _DAY, 1, 20 * _MINUTE, _MINUTE, _DAY),
        Kind(
            "latest_quotes", "quotes", check_quotes, "snapshot",
            _DAY, 100, _MINUTE, pd.Timedelta(seconds=1), _DAY,
        ),
        Kind(
            "option_chain", "option_quotes", check_option_quotes, "snapshot",
            _DAY, 1, _MINUTE, pd.Timedelta(seconds=5), _DAY,
        ),
        Kind("news", "news", check_news, "days", 7 * _DAY, 20, _HOUR, _MINUTE, 7 * _DAY),
        # Dates are moved: an answer holds for a day, whatever period it is about.
        Kind("earnings", "earnings", check_earnings, "snapshot", 180 * _DAY, 50, _DAY, _DAY, 90 * _DAY),
        Kind("rates", "rates", check_rates, "days", 3660 * _DAY, 1, 2 * _DAY, _HOUR, 366 * _DAY),
        Kind("metrics", "metrics", check_metrics, "snapshot", _DAY, 100, _MINUTE, _MINUTE, _DAY),
    )
}  # fmt: skip
KIND_NAMES = ("bars", *_KINDS)
