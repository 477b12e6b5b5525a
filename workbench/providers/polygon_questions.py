"""Periods as Polygon's addresses write them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from workbench.providers.periods import Period
from workbench.providers.polygon_answers import INTERVALS, OF_DAYS

# The service's oldest bars.
_FIRST_BAR = pd.Timestamp("2003-09-10", tz="UTC")
# A page counts the minutes that bars are made of. Of longer bars that are cut by the end of a page, the two
# parts would come as two bars, so a question never holds more minutes than a page.
_LONGEST_SPAN = pd.Timedelta(days=60)


def spans(period: Period, interval: str) -> Iterator[tuple[str, str]]:
    """Yield the ends of each question as the address writes them: dates, or milliseconds within the day."""
    start = period.start or _FIRST_BAR
    end = period.end or pd.Timestamp(datetime.now(UTC))
    if interval in OF_DAYS:
        yield start.date().isoformat(), max(start, end).date().isoformat()
        return
    count, span = INTERVALS[interval]
    step = _LONGEST_SPAN if count > 1 or span == "hour" else end - start + pd.Timedelta(days=1)
    while start <= end:
        last = min(start.normalize() + step - pd.Timedelta(milliseconds=1), end)
        yield str(_milliseconds(start)), str(_milliseconds(last))
        start = last.floor("ms") + pd.Timedelta(milliseconds=1)


def _milliseconds(instant: pd.Timestamp) -> int:
    return int(instant.as_unit("ns").value) // 10**6


def nanoseconds(period: Period) -> dict[str, str]:
    """Return the filter of ticks, both ends included."""
    found = {}
    if period.start is not None:
        found["timestamp.gte"] = str(period.start.as_unit("ns").value)
    if period.end is not None:
        # The microsecond is included, with all that falls within it.
        found["timestamp.lte"] = str(period.end.as_unit("ns").value + 999)
    return found


def dates(name: str, period: Period) -> dict[str, Any]:
    """Return the filter of a field that holds dates."""
    found = {}
    if period.first_day is not None:
        found[f"{name}.gte"] = period.first_day.isoformat()
    if period.last_day is not None:
        found[f"{name}.lte"] = period.last_day.isoformat()
    return found


def instants(name: str, period: Period) -> dict[str, Any]:
    """Return the filter of a field that holds times to the second."""
    found = {}
    if period.start is not None:
        found[f"{name}.gte"] = period.start.strftime("%Y-%m-%dT%H:%M:%SZ")
    if period.end is not None:
        found[f"{name}.lte"] = period.end.strftime("%Y-%m-%dT%H:%M:%SZ")
    return found


def said(period: Period) -> str:
    """Return a period as the quarantine names it, as in `` 2026-01-02..2026-01-30``."""
    if period.start is None and period.end is None:
        return ""
    return f" {_side(period.first_day)}..{_side(period.last_day)}"


def _side(day: date | None) -> str:
    return day.isoformat() if day is not None else ""
