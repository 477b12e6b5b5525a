"""Which ranges of time are held and which are missing, by the sessions of an exchange.

A range holds both of its ends, in whole microseconds of UTC, as times in frames do. A session of daily bars
is its date in UTC; a session of anything within the day is the exchange's own calendar day, so that trades
before the open and after the close belong to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import DateInputError
from workbench.market.calendars import DateLike, exchange_zone, session_closes, sessions

TICK = pd.Timedelta(microseconds=1)
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range of time, both ends included, in UTC."""

    first: pd.Timestamp
    last: pd.Timestamp

    def __post_init__(self) -> None:
        if self.first.tz is None or self.last.tz is None:
            raise DateInputError(f"{self.first} to {self.last} has no time zone; give instants in UTC.")
        if self.first > self.last:
            raise DateInputError(f"{self.first} is after {self.last}; swap them.")

    @property
    def length(self) -> pd.Timedelta:
        """How long it is, both ends counted."""
        return self.last - self.first + TICK

    def __str__(self) -> str:
        if self.first == self.first.normalize() and self.last + TICK == (self.last + TICK).normalize():
            return f"{self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}"
        return f"{self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M} UTC"


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same time as ranges in order that neither overlap nor touch."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.first <= result[-1].last + TICK:
            result[-1] = Span(result[-1].first, max(result[-1].last, span.last))
        else:
            result.append(span)
    return result


def subtracted(wanted: Iterable[Span], held: Iterable[Span]) -> list[Span]:
    """Return the time that is wanted and not held, in order."""
    result = []
    having = merged(held)
    for span in merged(wanted):
        first = span.first
        for other in having:
            if other.last < first or other.first > span.last:
                continue
            if other.first > first:
                result.append(Span(first, other.first - TICK))
            first = other.last + TICK
        if first <= span.last:
            result.append(Span(first, span.last))
    return result


def overlapping(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """Return the time that both have, in order."""
    result = []
    right = merged(others)
    for span in merged(spans):
        for other in right:
            first, last = max(span.first, other.first), min(span.last, other.last)
            if first <= last:
                result.append(Span(first, last))
    return result


def chunks(spans: Iterable[Span], size: pd.Timedelta) -> list[Span]:
    """Cut ranges into pieces of at most `size`, in order; together they are the same time."""
    if size < TICK:
        raise DateInputError(f"A piece of {size} is no time; give a positive one.")
    result = []
    for span in merged(spans):
        first = span.first
        while first <= span.last:
            last = min(first + size - TICK, span.last)
            result.append(Span(first, last))
            first = last + TICK
    return result


def days_span(first: DateLike, last: DateLike, *, zone: str = "UTC") -> Span:
    """Return the range of two dates and all between, as days of a time zone."""
    start = pd.Timestamp(first).normalize().tz_localize(zone)
    end = (pd.Timestamp(last).normalize() + _DAY).tz_localize(zone)
    return Span(_utc(start), _utc(end) - TICK)


def within_sessions(spans: Iterable[Span], calendar: str, *, daily: bool) -> list[Span]:
    """Return what of the ranges can hold data: trimmed to sessions, those without a session left out.

    Parameters
    ----------
    spans : iterable of Span
        What is missing, say.
    calendar : str
        A name of exchange_calendars.
    daily : bool
        For daily bars, whose session is a date in UTC; else the exchange's own days count.
    """
    wanted = merged(spans)
    if not wanted:
        return []
    days = sessions(
        calendar, (wanted[0].first - _DAY).date().isoformat(), (wanted[-1].last + _DAY).date().isoformat()
    )
    begins, ends = _edges(calendar, days, daily=daily)
    result = []
    for span in wanted:
        first, last = _number(span.first), _number(span.last)
        low = int(np.searchsorted(ends, first))  # the first session that ends at or after our beginning
        high = int(np.searchsorted(begins, last, side="right")) - 1  # the last that begins before our end
        if low > high:
            continue
        result.append(Span(_stamp(max(first, int(begins[low]))), _stamp(min(last, int(ends[high])))))
    return result


def settled(
    spans: Iterable[Span], calendar: str, now: pd.Timestamp, *, daily: bool, delay: pd.Timedelta
) -> list[Span]:
    """Return what of the ranges will not change any more by time passing alone.

    A daily bar is settled `delay` after its session's close, anything else `delay` after it happened. What
    is fetched earlier may be loaded, but has to be asked for again.
    """
    if daily:
        days = sessions(calendar, (now - 30 * _DAY).date().isoformat(), now.date().isoformat())
        over = days[np.asarray(session_closes(calendar, days) + delay <= now)]
        if len(over) == 0:
            return []
        end = days_span(over[-1], over[-1]).last
    else:
        end = _utc(now) - delay
    return overlapping(spans, [Span(min([end, *(span.first for span in spans)]), end)]) if spans else []


def whole_sessions(
    calendar: str, days: pd.DatetimeIndex, spans: Iterable[Span], *, daily: bool
) -> pd.DatetimeIndex:
    """Return those of some sessions that lie wholly inside a range."""
    begins, ends = _edges(calendar, days, daily=daily)
    inside = np.zeros(len(days), dtype=bool)
    for span in merged(spans):
        inside |= (begins >= _number(span.first)) & (ends <= _number(span.last))
    return days[inside]


def missing_sessions(
    calendar: str, held: Iterable[pd.Timestamp], first: DateLike, last: DateLike
) -> pd.DatetimeIndex:
    """Return the sessions from `first` to `last` that are not among the dates held."""
    wanted = sessions(calendar, first, last)
    return wanted[~wanted.isin(pd.DatetimeIndex(list(held)))]


def session_runs(calendar: str, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Join sessions that follow one another.

    Returns
    -------
    DataFrame
        One row a run: first, last (dates) and sessions, how many.
    """
    if len(days) == 0:
        return pd.DataFrame(
            {"first": pd.DatetimeIndex([]), "last": pd.DatetimeIndex([]), "sessions": pd.array([], "int64")}
        )
    ordered = days.sort_values()
    known = sessions(calendar, ordered[0], ordered[-1])
    position = known.get_indexer(ordered)
    run = np.concatenate([[0], np.cumsum(np.diff(position) != 1)])
    grouped = pd.Series(ordered).groupby(run)
    return pd.DataFrame(
        {"first": grouped.first(), "last": grouped.last(), "sessions": grouped.size().astype("int64")}
    ).reset_index(drop=True)


def _edges(
    calendar: str, days: pd.DatetimeIndex, *, daily: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where the days of sessions begin and end, in microseconds since 1970."""
    zone = "UTC" if daily else exchange_zone(calendar)
    begins, ends = days.tz_localize(zone), (days + _DAY).tz_localize(zone)
    return _numbers(begins), _numbers(ends) - 1


def _numbers(times: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    return np.asarray(times.tz_convert("UTC").as_unit("us").asi8)


def _number(instant: pd.Timestamp) -> int:
    return int(instant.value) // 1_000  # `value` counts nanoseconds, whatever the unit


def _stamp(microseconds: int) -> pd.Timestamp:
    return pd.Timestamp(microseconds, unit="us", tz="UTC")


def _utc(instant: pd.Timestamp) -> pd.Timestamp:
    return instant.tz_convert("UTC").as_unit("us")


def spans_of(ranges: Iterable[tuple[pd.Timestamp, pd.Timestamp]]) -> Sequence[Span]:
    """Return ranges of pairs of instants, joined."""
    return merged(Span(_utc(first), _utc(last)) for first, last in ranges)
