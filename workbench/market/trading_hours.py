"""Whether an exchange is open, when it opens and closes next, and the time that trades in between.

Trading time counts only the minutes in which the exchange trades, half days by their own length: what stands
still overnight and over weekends does not pass. Both measures of time to expiry are in years, so that a
volatility of trading time is per square-root year of trading.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import DateInputError
from workbench.market.calendars import (
    exchange_zone,
    session_closes,
    session_opens,
    sessions,
    settlement_instants,
)

SESSIONS_PER_YEAR = 252
"""Sessions in a year of trading time, as is usual for US markets; it has 252 sessions of full length."""

Phase = Literal["open", "before_open", "after_close", "closed"]


@dataclass(frozen=True, slots=True)
class MarketStatus:
    """An exchange at an instant.

    Attributes
    ----------
    calendar : str
        A name of exchange_calendars.
    instant : Timestamp
        When, in UTC.
    phase : {"open", "before_open", "after_close", "closed"}
        Within the session; before or after the session of that day; or a day without one.
    half_day : bool
        Whether that day's session ends early.
    next_open, next_close : Timestamp
        In UTC; the next close is that of the running session while it is open.
    """

    calendar: str
    instant: pd.Timestamp
    phase: Phase
    half_day: bool
    next_open: pd.Timestamp
    next_close: pd.Timestamp

    @property
    def is_open(self) -> bool:
        """Whether the exchange trades."""
        return self.phase == "open"

    @property
    def text(self) -> str:
        """The state in words, as in ``open until 16:00 New York``."""
        zone = exchange_zone(self.calendar)
        city = zone.rsplit("/", maxsplit=1)[-1].replace("_", " ")
        early = " (half day)" if self.half_day and self.phase in ("open", "before_open") else ""
        if self.is_open:
            return f"open until {self.next_close.tz_convert(zone):%H:%M} {city}{early}"
        opens = self.next_open.tz_convert(zone)
        same_day = opens.date() == self.instant.tz_convert(zone).date()
        when = f"{opens:%H:%M}" if same_day else f"{opens:%a} {opens.day} {opens:%b, %H:%M}"
        return f"closed until {when} {city}{early}"


def market_status(calendar: str, instant: pd.Timestamp) -> MarketStatus:
    """Return the state of an exchange at an instant; the instant of the open is open, that of the close not.

    Parameters
    ----------
    calendar : str
        A name of exchange_calendars, as in ``XNYS``.
    instant : Timestamp
        With a time zone.

    Raises
    ------
    DateInputError
        If the instant has no time zone, or lies outside what the calendar knows.

    Examples
    --------
    >>> market_status("XNYS", pd.Timestamp("2026-11-27 13:30", tz="America/New_York")).phase
    'after_close'
    """
    moment = _utc(instant)
    today = moment.tz_convert(exchange_zone(calendar)).tz_localize(None).normalize()
    near = sessions(calendar, today - pd.Timedelta(days=21), today + pd.Timedelta(days=21))
    opens, closes = session_opens(calendar, near), session_closes(calendar, near)
    coming = int(np.searchsorted(closes.asi8, moment.as_unit("ns").value, side="right"))
    is_open = bool(opens[coming] <= moment)
    phase: Phase
    if is_open:
        phase = "open"
    elif today in near:
        phase = "before_open" if moment < opens[near.get_loc(today)] else "after_close"
    else:
        phase = "closed"
    lengths = closes - opens
    half = today in near and bool(lengths[near.get_loc(today)] < lengths.max())
    return MarketStatus(
        calendar, moment, phase, half, opens[coming + 1] if is_open else opens[coming], closes[coming]
    )


def is_in_session(calendar: str, instants: Any) -> npt.NDArray[np.bool_]:
    """Say of many instants whether the exchange traded then, opens included and closes not.

    Parameters
    ----------
    calendar : str
        A name of exchange_calendars.
    instants : array_like of timestamps
        With a time zone.

    Returns
    -------
    ndarray of bool
        False where an instant is missing.
    """
    times = pd.DatetimeIndex(instants)
    if times.tz is None:
        raise DateInputError("The instants have no time zone; localize them, as in `.tz_localize('UTC')`.")
    held = times.dropna()
    if held.empty:
        return np.zeros(len(times), dtype=bool)
    days = sessions(
        calendar, _day_of(held.min()) - pd.Timedelta(days=2), _day_of(held.max()) + pd.Timedelta(days=2)
    )
    opens, closes = _counts(session_opens(calendar, days)), _counts(session_closes(calendar, days))
    counts = _counts(times)
    place = np.searchsorted(closes, counts, side="right")
    known = (place < len(days)) & ~np.asarray(times.isna())
    return np.asarray(known & (opens[np.minimum(place, len(days) - 1)] <= counts), dtype=bool)


def trading_years(
    start: pd.Timestamp, ends: Any, calendar: str = "XNYS", *, sessions_per_year: float = SESSIONS_PER_YEAR
) -> npt.NDArray[np.float64]:
    """Return the trading time from an instant to others, in years.

    Parameters
    ----------
    start : Timestamp
        With a time zone.
    ends : array_like of timestamps
        With a time zone; missing ones are allowed.
    calendar : str
        A name of exchange_calendars.
    sessions_per_year : float
        Sessions of full length in a year.

    Returns
    -------
    ndarray, 1-D
        Open time between the two over the open time of a year; 0 for ends before the start, NaN for missing.

    References
    ----------
    French (1984), The weekend effect on the distribution of stock prices, J. Financial Economics 13(4), for
    volatility by trading time; ACT/365 of calendar time is `calendars.years_to_expiry`.
    """
    begin = _utc(start)
    stops = pd.DatetimeIndex(np.atleast_1d(np.asarray(ends, dtype=object)))
    stops = stops.tz_localize("UTC") if stops.isna().all() and stops.tz is None else stops
    if stops.tz is None:
        raise DateInputError("The instants have no time zone; localize them, as in `.tz_localize('UTC')`.")
    known = stops.dropna()
    if known.empty:
        return np.full(len(stops), np.nan)
    last = max(known.max(), begin)
    days = sessions(calendar, _day_of(begin) - pd.Timedelta(days=14), _day_of(last) + pd.Timedelta(days=14))
    opens, closes = _counts(session_opens(calendar, days)), _counts(session_closes(calendar, days))
    lengths = closes - opens
    before = np.concatenate([[0], np.cumsum(lengths)])

    def open_time(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the open nanoseconds since the first session here."""
        place = np.searchsorted(closes, counts, side="left")
        at = np.minimum(place, len(days) - 1)
        within = np.clip(counts - opens[at], 0, lengths[at])
        return before[place] + np.where(place < len(days), within, 0)

    elapsed = open_time(_counts(stops)) - open_time(_counts(pd.DatetimeIndex([begin])))
    years = np.maximum(elapsed, 0) / (sessions_per_year * float(lengths.max()))
    return np.where(np.asarray(stops.isna()), np.nan, years)


def trading_years_to_expiry(
    instant: pd.Timestamp, expiry_dates: Any, calendar: str = "XNYS", *, settlement: Any = "PM"
) -> npt.NDArray[np.float64]:
    """Return the trading time that options have left, in years of 252 sessions.

    Parameters
    ----------
    instant : Timestamp
        With a time zone.
    expiry_dates : array_like of dates
        Expiration dates of the symbols.
    calendar : str
        A name of exchange_calendars.
    settlement : {"PM", "AM"} or array_like of them
        At the close or at the open of the last session, as `settlement.settlements_of` tells.
    """
    return trading_years(
        instant, settlement_instants(expiry_dates, calendar, settlement=settlement), calendar
    )


def _utc(instant: pd.Timestamp) -> pd.Timestamp:
    if instant.tz is None:
        raise DateInputError(f"{instant} has no time zone; give one, as in `pd.Timestamp(..., tz='UTC')`.")
    return instant.tz_convert("UTC")


def _day_of(instant: pd.Timestamp) -> pd.Timestamp:
    return instant.tz_convert("UTC").tz_localize(None).normalize()


def _counts(times: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    return np.asarray(times.as_unit("ns").asi8)
