"""Sessions, opens and closes of exchanges, and the time that an option has left.

Calendars come from exchange_calendars, which is built once per process between fixed bounds: its own
default ends a year from today, which the expiry of a long option passes.
"""

from datetime import date
from functools import cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import ArgumentError, DateInputError

_START = pd.Timestamp("1990-01-01")
_END = pd.Timestamp("2049-12-31")
_NANOSECONDS_PER_YEAR = 365 * 86_400 * 10**9

DateLike = date | str | pd.Timestamp | np.datetime64


def sessions(calendar: str, start: DateLike, end: DateLike) -> pd.DatetimeIndex:
    """Return the sessions of both dates and between.

    Parameters
    ----------
    calendar : str
        A name of exchange_calendars, as in ``XNYS``.
    start, end : date or text
        Dates, both included; a time of day is not allowed.

    Returns
    -------
    DatetimeIndex
        Naive midnights, ascending.

    Raises
    ------
    ArgumentError
        If no calendar has that name.
    DateInputError
        If a date cannot be read or lies outside what the calendar knows.
    """
    known = _closes(calendar).index
    first, last = _known_day(calendar, start), _known_day(calendar, end)
    return cast(pd.DatetimeIndex, known[known.searchsorted(first) : known.searchsorted(last, side="right")])


def is_session(calendar: str, day: DateLike) -> bool:
    """Say whether the exchange trades on a date."""
    return _known_day(calendar, day) in _closes(calendar).index


def session_close(calendar: str, day: DateLike) -> pd.Timestamp:
    """Return the instant (UTC) at which a session ends, half days included.

    Raises
    ------
    DateInputError
        If the date is no session.
    """
    return _closes(calendar)[_require_session(calendar, day)]


def session_open(calendar: str, day: DateLike) -> pd.Timestamp:
    """Return the instant (UTC) at which a session begins.

    Raises
    ------
    DateInputError
        If the date is no session.
    """
    return _opens(calendar)[_require_session(calendar, day)]


def session_closes(calendar: str, days: Any) -> pd.DatetimeIndex:
    """Return the closes of many dates at once.

    Parameters
    ----------
    calendar : str
        A name of exchange_calendars.
    days : array_like of dates
        Naive midnights; missing ones are allowed.

    Returns
    -------
    DatetimeIndex in UTC
        NaT where the date is missing or no session.
    """
    wanted = pd.DatetimeIndex(days).as_unit("ns")
    return pd.DatetimeIndex(_closes(calendar).reindex(wanted).array)


def session_opens(calendar: str, days: Any) -> pd.DatetimeIndex:
    """Return the opens of many dates at once.

    Parameters
    ----------
    calendar : str
        A name of exchange_calendars.
    days : array_like of dates
        Naive midnights; missing ones are allowed.

    Returns
    -------
    DatetimeIndex in UTC
        NaT where the date is missing or no session.
    """
    wanted = pd.DatetimeIndex(days).as_unit("ns")
    return pd.DatetimeIndex(_opens(calendar).reindex(wanted).array)


def last_session(calendar: str, instant: pd.Timestamp) -> date:
    """Return the last session that is over at an instant: its close is at or before it.

    Parameters
    ----------
    calendar : str
        A name of exchange_calendars.
    instant : Timestamp
        With a time zone.

    Raises
    ------
    DateInputError
        If the instant has no time zone or lies before the first session known.
    """
    closes = _closes(calendar)
    position = int(np.searchsorted(_nanoseconds(closes.array), _instant_nanoseconds(instant), side="right"))
    if position == 0:
        raise DateInputError(
            f"{instant} is before the first session of {calendar}, {closes.index[0].date()}."
        )
    return cast(date, closes.index[position - 1].date())


def next_session(calendar: str, day: DateLike) -> date:
    """Return the first session after a date."""
    known = _closes(calendar).index
    position = int(known.searchsorted(_known_day(calendar, day), side="right"))
    if position == len(known):
        raise DateInputError(f"No session of {calendar} is known after {day}.")
    return cast(date, known[position].date())


def previous_session(calendar: str, day: DateLike) -> date:
    """Return the last session before a date."""
    known = _closes(calendar).index
    position = int(known.searchsorted(_known_day(calendar, day), side="left"))
    if position == 0:
        raise DateInputError(f"No session of {calendar} is known before {day}.")
    return cast(date, known[position - 1].date())


def settlement_instants(
    expiry_dates: Any, calendar: str = "XNYS", *, settlement: Any = "PM"
) -> pd.DatetimeIndex:
    """Return the instants (UTC) at which options settle.

    Parameters
    ----------
    expiry_dates : array_like of dates
        Expiration dates of the symbols; missing ones are allowed.
    calendar : str
        A name of exchange_calendars.
    settlement : {"PM", "AM"} or array_like of them
        PM: at the close of the session of the expiry date, AM: at its open. Where that date is no session,
        as the Saturdays of contracts before February 2015, the last session before counts.

    Returns
    -------
    DatetimeIndex in UTC
        NaT where the expiry is missing.

    Raises
    ------
    DateInputError
        If an expiry lies outside what the calendar knows.
    """
    expiries = pd.DatetimeIndex(pd.to_datetime(np.atleast_1d(np.asarray(expiry_dates, dtype=object))))
    closes = _closes(calendar)
    missing = np.asarray(expiries.isna())
    outside = ~missing & np.asarray((expiries < closes.index[0]) | (expiries > closes.index[-1]))
    if outside.any():
        raise DateInputError(
            f"The expiry {expiries[outside][0].date()} is outside {closes.index[0].date()} to "
            f"{closes.index[-1].date()}, which calendar {calendar} knows; check the year."
        )
    position = np.asarray(closes.index.searchsorted(expiries, side="right")) - 1
    morning = np.asarray(settlement) == "AM"
    ends = _nanoseconds(closes.array)[position]
    if morning.any():
        ends = np.where(morning, _nanoseconds(_opens(calendar).array)[position], ends)
    instants = ends.astype("datetime64[ns]")
    instants[missing] = np.datetime64("NaT")
    return pd.DatetimeIndex(instants).tz_localize("UTC")


def years_to_expiry(
    instant: Any, expiry_dates: Any, calendar: str = "XNYS", *, settlement: Any = "PM"
) -> npt.NDArray[np.float64]:
    """Return the time that options have left, in years of 365 days (ACT/365).

    Time runs from the instant to the settlement, which `settlement_instants` tells.

    Parameters
    ----------
    instant : Timestamp or array_like of timestamps
        With a time zone; one for all, or one for each expiry.
    expiry_dates : array_like of dates
        Expiration dates of the symbols; missing ones are allowed.
    calendar : str
        A name of exchange_calendars.
    settlement : {"PM", "AM"} or array_like of them
        At the close or at the open of the last session.

    Returns
    -------
    ndarray, 1-D
        Zero once the option has expired; NaN where the expiry is missing.

    Raises
    ------
    DateInputError
        If an expiry lies outside what the calendar knows, or an instant has no time zone.
    """
    settles = settlement_instants(expiry_dates, calendar, settlement=settlement)
    now = np.atleast_1d(
        _instant_nanoseconds(instant)
        if isinstance(instant, pd.Timestamp)
        else _nanoseconds(_aware(pd.DatetimeIndex(instant)))
    )
    years = np.maximum(_nanoseconds(settles) - now, 0) / _NANOSECONDS_PER_YEAR
    return np.where(np.asarray(settles.isna()), np.nan, years)


def exchange_zone(calendar: str) -> str:
    """Return the time zone of an exchange, as in ``America/New_York`` for ``XNYS``."""
    return str(_calendar(calendar).tz)


@cache
def _calendar(name: str) -> Any:
    # Importing and building takes a quarter of a second, so it waits for the first question.
    import exchange_calendars

    try:
        # Some calendars rest on yearly circulars and know fewer years; a small one tells its bounds.
        small = exchange_calendars.get_calendar(name, start="2015-01-01", end="2015-12-31")
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise ArgumentError(
            f"No calendar is named {name!r}; give an exchange_calendars name, as in 'XNYS'."
        ) from error
    start = max(_START, small.bound_min() or _START)
    end = min(_END, small.bound_max() or _END)
    return exchange_calendars.get_calendar(name, start=start, end=end)


@cache
def _closes(name: str) -> "pd.Series[pd.Timestamp]":
    return cast("pd.Series[pd.Timestamp]", _calendar(name).closes)


@cache
def _opens(name: str) -> "pd.Series[pd.Timestamp]":
    return cast("pd.Series[pd.Timestamp]", _calendar(name).opens)


def _known_day(calendar: str, day: DateLike) -> pd.Timestamp:
    """Read a date and require that the calendar knows it."""
    try:
        stamp = pd.Timestamp(day)
    except (ValueError, TypeError) as error:
        raise DateInputError(f"{day!r} is no date; write it as in '2021-09-17'.") from error
    if pd.isna(stamp) or stamp.tz is not None or stamp != stamp.normalize():
        raise DateInputError(f"{day!r} is no plain date; give one without time of day and zone.")
    known = _closes(calendar).index
    if not known[0].replace(month=1, day=1) <= stamp <= known[-1].replace(month=12, day=31):
        raise DateInputError(
            f"{stamp.date()} is outside {known[0].date()} to {known[-1].date()}, which {calendar} knows."
        )
    return stamp


def _require_session(calendar: str, day: DateLike) -> pd.Timestamp:
    stamp = _known_day(calendar, day)
    if stamp not in _closes(calendar).index:
        raise DateInputError(
            f"{stamp.date()} is no session of {calendar}; the next one is {next_session(calendar, stamp)}."
        )
    return stamp


def _aware(times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    if times.tz is None:
        raise DateInputError("The instants have no time zone; localize them, as in `.tz_localize('UTC')`.")
    return times


def _instant_nanoseconds(instant: pd.Timestamp) -> int:
    if instant.tz is None:
        raise DateInputError(f"{instant} has no time zone; give one, as in `pd.Timestamp(..., tz='UTC')`.")
    return int(instant.as_unit("ns").value)


def _nanoseconds(times: Any) -> npt.NDArray[np.int64]:
    """Return instants as nanoseconds since 1970, whatever unit they are kept in."""
    return np.asarray(pd.DatetimeIndex(times).as_unit("ns").asi8)
