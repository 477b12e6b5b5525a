"""The dates on which listed options expire by rule: third Fridays, weeklies, quarter ends, and those of VIX.

The listed dates of a chain come first wherever there are any; these are for backtests and checks.
"""

from datetime import date
from typing import Literal

import pandas as pd

from workbench.errors import ArgumentError
from workbench.market.calendars import DateLike, is_session, next_session, previous_session, sessions

Cycle = Literal["monthly", "weekly", "daily", "quarterly"]

_FRIDAY = 4
# Standard contracts before this date carry the Saturday after in their symbol (OCC's change of 2013 to 2015).
_FRIDAYS_SINCE = pd.Timestamp("2015-02-01")


def third_friday(year: int, month: int) -> date:
    """Return the third Friday of a month, session or not.

    Examples
    --------
    >>> third_friday(2026, 11)
    datetime.date(2026, 11, 20)
    """
    first = date(year, month, 1)
    return date(year, month, 1 + (_FRIDAY - first.weekday()) % 7 + 14)


def monthly_expiry(year: int, month: int, calendar: str = "XNYS") -> date:
    """Return the last trading date of a month's standard options: the third Friday, or the session before it.

    Symbols of contracts before February 2015 carry the Saturday after; see `symbol_expiry`.

    References
    ----------
    OCC, Characteristics and Risks of Standardized Options; Cboe, equity option specifications.

    Examples
    --------
    >>> monthly_expiry(2026, 6)  # Juneteenth is a holiday
    datetime.date(2026, 6, 18)
    """
    return _session_at_or_before(calendar, third_friday(year, month))


def symbol_expiry(year: int, month: int, calendar: str = "XNYS") -> date:
    """Return the date in the symbols of a month's standard options: a Saturday before February 2015."""
    friday = pd.Timestamp(third_friday(year, month))
    if friday < _FRIDAYS_SINCE:
        return (friday + pd.Timedelta(days=1)).date()
    return monthly_expiry(year, month, calendar)


def expirations(
    start: DateLike, end: DateLike, cycle: Cycle = "monthly", calendar: str = "XNYS"
) -> pd.DatetimeIndex:
    """Return the expiration dates of a cycle, both dates included.

    Parameters
    ----------
    start, end : date or text
        First and last date.
    cycle : {"monthly", "weekly", "daily", "quarterly"}
        Third Fridays; all Fridays; every session (as SPXW and SPY have); last sessions of quarters. A Friday
        without a session gives way to the session before.
    calendar : str
        A name of exchange_calendars.

    Returns
    -------
    DatetimeIndex
        Naive midnights, ascending.

    Raises
    ------
    ArgumentError
        If the cycle is none of these.
    """
    days = sessions(calendar, start, end)
    first, last = pd.Timestamp(start), pd.Timestamp(end)
    months = pd.period_range(first, last, freq="M")
    found: list[date]
    if cycle == "daily":
        return days
    if cycle == "monthly":
        found = [monthly_expiry(month.year, month.month, calendar) for month in months]
    elif cycle == "weekly":
        # A Friday past the end may give way to a session before it.
        fridays = pd.date_range(first, last + pd.Timedelta(days=6), freq="W-FRI")
        found = [
            friday if is_session(calendar, friday) else previous_session(calendar, friday)
            for friday in fridays
        ]
    elif cycle == "quarterly":
        ends = [month.end_time.normalize() for month in months if month.month % 3 == 0]
        found = [_session_at_or_before(calendar, day) for day in ends]
    else:
        raise ArgumentError(f"`cycle` is {cycle!r}; give 'monthly', 'weekly', 'daily' or 'quarterly'.")
    dates = pd.DatetimeIndex(sorted(set(map(pd.Timestamp, found)))).as_unit(days.unit)
    return dates[(dates >= first) & (dates <= last)]


def vix_expiry(year: int, month: int, calendar: str = "XNYS") -> date:
    """Return the date on which the monthly options and futures of VIX settle.

    The Wednesday thirty days before the third Friday of the month after; the session before it where that
    Wednesday or that Friday is a holiday.

    References
    ----------
    Cboe, VIX options contract specifications.

    Examples
    --------
    >>> vix_expiry(2026, 5)  # 19 June 2026, thirty days on, is a holiday
    datetime.date(2026, 5, 19)
    """
    following = pd.Period(year=year, month=month, freq="M") + 1
    friday = pd.Timestamp(third_friday(following.year, following.month))
    wednesday = friday - pd.Timedelta(days=30)
    if is_session(calendar, wednesday) and is_session(calendar, friday):
        return wednesday.date()
    return previous_session(calendar, wednesday)


def last_trading_day(
    expiry: DateLike, *, settlement: Literal["AM", "PM"] = "PM", calendar: str = "XNYS"
) -> date:
    """Return the last date on which a contract trades.

    A contract that settles at the open stops trading on the session before; of an expiration date without a
    session, as the Saturdays of old, the session before counts as its last.

    Examples
    --------
    >>> last_trading_day("2026-11-20", settlement="AM")
    datetime.date(2026, 11, 19)
    """
    last = _session_at_or_before(calendar, expiry)
    return previous_session(calendar, last) if settlement == "AM" else last


def next_expiry(after: DateLike, cycle: Cycle = "monthly", calendar: str = "XNYS") -> date:
    """Return the first expiration date of a cycle after a date."""
    day = pd.Timestamp(after)
    if cycle == "daily":
        return next_session(calendar, day)
    coming = expirations(day + pd.Timedelta(days=1), day + pd.Timedelta(days=130), cycle, calendar)
    return coming[0].date()


def _session_at_or_before(calendar: str, day: DateLike) -> date:
    stamp = pd.Timestamp(day)
    return stamp.date() if is_session(calendar, stamp) else previous_session(calendar, stamp)
