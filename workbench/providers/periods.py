"""The period that a question is about: dates are whole days, instants are exact, both ends are included."""

from datetime import date
from typing import NamedTuple

import pandas as pd

from workbench.errors import DateInputError
from workbench.providers.base import Day

_LAST_OF_A_DAY = pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)


class Period(NamedTuple):
    """Two instants in UTC, both included; None is open."""

    start: pd.Timestamp | None
    end: pd.Timestamp | None

    @property
    def first_day(self) -> date | None:
        """The date in UTC on which it starts."""
        return None if self.start is None else self.start.date()

    @property
    def last_day(self) -> date | None:
        """The date in UTC on which it ends."""
        return None if self.end is None else self.end.date()


def period_of(start: Day, end: Day) -> Period:
    """Read what a caller gave as the start and end of a question.

    Parameters
    ----------
    start, end : date, text, Timestamp or None
        A date means the whole day in UTC; a time of day, or a time zone, makes it an exact instant. An
        instant without a zone is UTC.

    Raises
    ------
    DateInputError
        If one cannot be read, or `start` lies after `end`.

    Examples
    --------
    >>> period_of("2026-01-05", "2026-01-05").end
    Timestamp('2026-01-05 23:59:59.999999+0000', tz='UTC')
    """
    first, last = _instant(start, last=False), _instant(end, last=True)
    if first is not None and last is not None and first > last:
        raise DateInputError(f"`start` {start} is after `end` {end}; swap them.")
    return Period(first, last)


def _instant(value: Day, *, last: bool) -> pd.Timestamp | None:
    if value is None:
        return None
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise DateInputError(f"{value!r} is no date; write it as in '2013-03-01'.") from error
    if pd.isna(stamp):
        raise DateInputError(f"{value!r} is no date; write it as in '2013-03-01'.")
    whole_day = stamp.tz is None and stamp == stamp.normalize() and not _says_midnight(value)
    instant = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
    return instant + _LAST_OF_A_DAY if whole_day and last else instant


def _says_midnight(value: Day) -> bool:
    """Whether a text spells a time of day; midnight is one when it is written."""
    return isinstance(value, str) and ":" in value
