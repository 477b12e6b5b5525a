"""Dates of reports as calendars of services write them: sessions, fiscal quarters, weeks to ask for."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, ClassVar

import pandas as pd

from workbench.errors import DateInputError, IncompleteAnswerError
from workbench.market.schemas import EARNINGS, check_earnings
from workbench.providers.answers import Field, read_rows
from workbench.providers.base import Day
from workbench.providers.network import NetworkProvider
from workbench.providers.periods import Period, period_of

# How calendars name the session; a word that is not here is unknown, which is never a guess.
_SESSIONS = {
    "bmo": "before_open",
    "bto": "before_open",
    "pre-market": "before_open",
    "premarket": "before_open",
    "before market open": "before_open",
    "before open": "before_open",
    "amc": "after_close",
    "post-market": "after_close",
    "postmarket": "after_close",
    "after market close": "after_close",
    "after close": "after_close",
    "after-hours": "after_close",
    "dmh": "during",
    "dmt": "during",
    "during market hours": "during",
}
_OPEN, _CLOSE = "09:30:00", "16:00:00"


def session_of(word: object) -> str:
    """Return the session that a calendar names.

    Examples
    --------
    >>> session_of("amc"), session_of("pre-market"), session_of("")
    ('after_close', 'before_open', 'unknown')
    """
    return _SESSIONS.get(str(word or "").strip().lower().replace("_", " "), "unknown")


def session_of_clock(clock: object) -> str:
    """Return the session of a time in New York, as in 16:30:00; midnight and nothing are unknown.

    Examples
    --------
    >>> session_of_clock("07:00:00"), session_of_clock("16:05:00"), session_of_clock("00:00:00")
    ('before_open', 'after_close', 'unknown')
    """
    text = str(clock or "").strip()
    if len(text) == len("16:00"):
        text += ":00"
    if len(text) != len(_OPEN) or text.replace(":", "").isdigit() is False or text == "00:00:00":
        return "unknown"
    if text < _OPEN:
        return "before_open"
    return "during" if text < _CLOSE else "after_close"


def fiscal_quarter(year: object, quarter: object) -> str | None:
    """Return a fiscal period as in 2026Q3; halves and years keep their letters; None where it is not told.

    Examples
    --------
    >>> fiscal_quarter(2026, "Q3"), fiscal_quarter("2026", 3), fiscal_quarter(0, 3)
    ('2026Q3', '2026Q3', None)
    """
    years, name = str(year or "").strip(), str(quarter or "").strip().upper()
    if not (years.isdigit() and len(years) == 4):
        return None
    if name.isdigit():
        name = f"Q{name}"
    return f"{years}{name}" if name in ("Q1", "Q2", "Q3", "Q4", "H1", "H2", "FY") else None


def weeks(period: Period, *, label: str, days: int = 7) -> Iterator[tuple[date, date]]:
    """Yield the days of a period in pieces, both ends included.

    Raises
    ------
    DateInputError
        If the period is open: a calendar must be told where to begin and to end.
    """
    first, last = period.first_day, period.last_day
    if first is None or last is None:
        raise DateInputError(
            f"{label} needs `start` and `end` for its calendar; give both, as in '2026-10-01' and "
            "'2026-12-31'."
        )
    while first <= last:
        until = min(first + timedelta(days=days - 1), last)
        yield first, until
        first = until + timedelta(days=1)


class ReportProvider(NetworkProvider):
    """The base of providers of earnings dates: reads records into rows, and sets aside what lies."""

    report_fields: ClassVar[Sequence[Field]]

    def earnings(
        self, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None
    ) -> pd.DataFrame:
        """Return dates of reports in a period, both included, with estimates and results.

        Raises
        ------
        DateInputError
            If a date cannot be read, or is missing where the calendar needs both.
        IncompleteAnswerError
            If a later call fails; it holds the dates of those before.
        """
        period = period_of(start, end)
        pages = self._report_pages(symbols, period)
        return self._reports(pages, asked=f"earnings {whom(symbols)}", symbols=symbols, period=period)

    def _report_pages(self, symbols: Sequence[str] | None, period: Period) -> Iterable[Sequence[Any]]:
        """Yield pages of records under the names of `report_fields`, each fetched when it is asked for."""
        raise NotImplementedError

    def _reports(
        self,
        pages: Iterable[Sequence[Any]],
        *,
        asked: str,
        symbols: Collection[str] | None,
        period: Period,
    ) -> pd.DataFrame:
        """Read pages of records, in order of symbol and date; see `NetworkProvider._gathered`."""
        lines = 0

        def read(records: Sequence[Any], number: int) -> pd.DataFrame:
            nonlocal lines
            what = f"{asked}, page {number}"
            kept = [
                record
                for line, record in enumerate(records, start=lines + 1)
                if not self._is_outside(record, period, what, line)
            ]
            answer = read_rows(
                kept, self.report_fields, EARNINGS, check_earnings, symbols=symbols, first_line=lines + 1
            )
            lines += len(records)
            return self._keep(answer, what)

        try:
            return _in_order(self._gathered(pages, read, EARNINGS))
        except IncompleteAnswerError as error:
            error.rows = _in_order(error.rows)
            raise

    def _is_outside(self, record: Any, period: Period, what: str, line: int) -> bool:
        """Set a record aside whose date is not of the period; one without a date is left to the rules."""
        if not isinstance(record, Mapping):
            return False
        names = {field.ours: field.theirs for field in self.report_fields}
        text = _text(record.get(_only(names["date"])))
        day = pd.to_datetime(text, format="ISO8601", errors="coerce") if text is not None else pd.NaT
        if pd.isna(day):
            return False
        early = period.first_day is not None and day.date() < period.first_day
        late = period.last_day is not None and day.date() > period.last_day
        if early or late:
            side = "before" if early else "after"
            symbol = _text(record.get(_only(names["symbol"]))) or ""
            reason = f"its date is {side} the period that was asked for"
            self._set_aside(what, reason, line=line, symbol=symbol, text=str(record))
        return bool(early or late)


def _only(theirs: str | tuple[str, ...]) -> str:
    return theirs if isinstance(theirs, str) else theirs[0]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    unique = rows.drop_duplicates(["symbol", "fiscal_period"], keep="last")
    return unique.sort_values(["symbol", "date"], ignore_index=True)


def whom(symbols: Sequence[str] | None) -> str:
    """Return who was asked for, as it stands beside what could not be read."""
    return "of the market" if symbols is None else ",".join(symbols[:8]) + (" …" if len(symbols) > 8 else "")
