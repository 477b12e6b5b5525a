"""The instant a question is about: the wall clock, the desk's fixed clock, or the one a caller names."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from workbench.errors import DateInputError
from workbench.market.calendars import exchange_zone, is_session, last_session, session_close
from workbench.settings import DeskSettings

InstantLike = str | date | datetime | pd.Timestamp | None
# Nothing else: 03/01/2013 is one day in New York and another in London, and 2013 is no day at all.
_ISO = re.compile(r"(\d{4}-\d{1,2}-\d{1,2}|\d{8})([T ]\S.*)?")


@dataclass(frozen=True, slots=True)
class AsOf:
    """The instant of a figure, its exchange session, and what must be said beside it."""

    instant: pd.Timestamp
    session: date
    zone: str
    label: str = ""

    @property
    def text(self) -> str:
        """The instant in exchange time, as in ``Fri 1 Mar 2013, 16:00 New York``."""
        local = self.instant.tz_convert(self.zone)
        city = self.zone.rsplit("/", maxsplit=1)[-1].replace("_", " ")
        return f"{local:%a} {local.day} {local:%b %Y, %H:%M} {city}"

    @property
    def note(self) -> str:
        """The session date and the label, as in ``as of 2013-03-01, sample data``."""
        return f"as of {self.session.isoformat()}" + (f", {self.label}" if self.label else "")


def resolve_as_of(as_of: InstantLike, settings: DeskSettings, now: pd.Timestamp) -> AsOf:
    """Return the instant that `as_of` means on a desk.

    Parameters
    ----------
    as_of : str, date, datetime or None
        A date, or midnight without a zone, means that session's close (or the close of the session before,
        on a day off); another time without a zone is exchange time; None is the desk's clock.
    settings : DeskSettings
        Gives the exchange calendar and a fixed clock, if any.
    now : Timestamp
        The wall clock, in UTC.

    Raises
    ------
    DateInputError
        If the value is no date or time, or lies after the desk's clock.
    """
    calendar = settings.market.calendar
    zone = exchange_zone(calendar)
    fixed = settings.clock.as_of
    latest = _close_of(fixed, calendar) if fixed else now
    if as_of is None:
        instant = latest
    else:
        instant = parse_instant(as_of, calendar)
        if instant > latest and not (fixed is None and instant.date() == now.date()):
            shown = fixed.isoformat() if fixed else f"{now:%Y-%m-%d %H:%M} UTC"
            raise DateInputError(
                f"`as_of` is {as_of}, after the desk's clock ({shown}); give an earlier date."
            )
        instant = min(instant, latest)
    return AsOf(instant, last_session(calendar, instant), zone, settings.clock.label)


def parse_instant(value: str | date | datetime | pd.Timestamp, calendar: str) -> pd.Timestamp:
    """Return an instant in UTC: a date is its session's close, a naive time is exchange time.

    Midnight without a zone is a date: that is how pandas writes one.

    Raises
    ------
    DateInputError
        If the value cannot be read as a date or time.
    """
    stamp = _stamp(value)
    if stamp.tzinfo is None and stamp == stamp.normalize():
        return _close_of(stamp.date(), calendar)
    if stamp.tzinfo is None:
        stamp = stamp.tz_localize(exchange_zone(calendar), nonexistent="shift_forward", ambiguous=False)
    return stamp.tz_convert("UTC")


def parse_day(value: str | date | datetime | pd.Timestamp, calendar: str) -> pd.Timestamp:
    """Return the date that a value names, at 00:00 UTC, session or not; of an instant the exchange's date.

    Raises
    ------
    DateInputError
        If the value cannot be read as a date or time.
    """
    stamp = _stamp(value)
    if stamp.tzinfo is not None and stamp != stamp.tz_convert("UTC").normalize():
        stamp = stamp.tz_convert(exchange_zone(calendar))
    return stamp.tz_localize(None).normalize().tz_localize("UTC")


def _stamp(value: Any) -> pd.Timestamp:
    if isinstance(value, bool | int | float) or (isinstance(value, str) and not value.strip()):
        raise DateInputError(f"{value!r} is no date; write it as 2013-03-01.")
    if isinstance(value, str) and not _ISO.fullmatch(value.strip()):
        raise DateInputError(f"`{value}` is not a date or time; write it as 2013-03-01.")
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise DateInputError(f"`{value}` is not a date or time; write it as 2013-03-01.") from error
    if pd.isna(stamp):
        raise DateInputError("The date is empty; write it as 2013-03-01.")
    return stamp


def _close_of(day: date, calendar: str) -> pd.Timestamp:
    """Return the close of the session on `day`, or of the last one before it."""
    if is_session(calendar, day):
        return session_close(calendar, day)
    end_of_day = pd.Timestamp(day).tz_localize(exchange_zone(calendar)) + pd.Timedelta(hours=23, minutes=59)
    return session_close(calendar, last_session(calendar, end_of_day.tz_convert("UTC")))
