"""What has to be asked of a provider: what is wanted, less what the desk holds and knows to be settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from workbench.desk.clock import parse_day, parse_instant
from workbench.desk.ingest_kinds import DAILY, Kind
from workbench.errors import DateInputError
from workbench.market.calendars import exchange_zone, last_session
from workbench.market.coverage import (
    TICK,
    Span,
    chunks,
    days_span,
    overlapping,
    settled,
    spans_of,
    subtracted,
    within_sessions,
)
from workbench.store import FetchedRange, Ledger

# A row of the ledger that tells when something was asked last, and no period that is held.
ASKED_AT = pd.Timestamp(0, tz="UTC")
_DAY = pd.Timedelta(days=1)
Edge = str | date | datetime | pd.Timestamp | None


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of a provider: some symbols, one period or, for what is asked as it is now, none."""

    symbols: tuple[str, ...]
    span: Span | None

    def __str__(self) -> str:
        more = f" and {len(self.symbols) - 3} more" if self.symbols[3:] else ""
        named = ", ".join(self.symbols[:3]) + more
        return " ".join(part for part in (named, str(self.span or "")) if part)


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls to make, and how many series needed none."""

    asks: tuple[Ask, ...]
    held: int


class Planner:
    """Compares what is wanted with what a provider has answered before.

    Parameters
    ----------
    ledger : Ledger
        Knows what was fetched.
    provider : str
        Its name.
    calendar : str
        The exchange whose sessions count.
    now : Timestamp
        The wall clock.
    """

    def __init__(self, ledger: Ledger, provider: str, calendar: str, now: pd.Timestamp) -> None:
        self._coverage = ledger.coverage
        self.provider = provider
        self.calendar = calendar
        self.now = now

    def wanted(self, kind: Kind, interval: str, start: Edge, end: Edge, clock: pd.Timestamp) -> Span | None:
        """Return the period that is asked for; None for what is asked as it is now.

        Raises
        ------
        DateInputError
            If an end cannot be read, or the start lies after the end or in the future.
        """
        if kind.clock == "snapshot" and kind.name != "earnings":
            return None
        ahead = kind.name == "earnings"
        within_day = _within_day(kind, interval)
        zone = exchange_zone(self.calendar) if within_day else "UTC"
        last = self._edge(end, zone)[1] if end is not None else clock
        if ahead:
            last = last if end is not None else last + kind.reach
        else:
            last = min(last, self._latest(kind, interval))
        first = self._edge(start, zone)[0] if start is not None else last - kind.reach
        if not within_day:
            first, last = days_span(_day(first), _day(first)).first, days_span(_day(last), _day(last)).last
        if first > last:
            raise DateInputError(
                f"There is nothing of {kind.name.replace('_', ' ')} from {start} to {end or 'now'}: the "
                "start lies after the end, or after the last session that is over; give an earlier one."
            )
        return Span(first.as_unit("us"), last.as_unit("us"))

    def plan(
        self, kind: Kind, symbols: Sequence[str], wanted: Span | None, interval: str, *, refresh: bool
    ) -> Plan:
        """Return the calls that are still needed, symbols that miss the same together."""
        asks: dict[Span | None, list[str]] = {}
        held = 0
        for symbol in (symbols if kind.needs_symbols else None) or [""]:
            missing = self._missing(kind, symbol, wanted, interval, refresh=refresh)
            held += not missing
            for span in missing:
                asks.setdefault(span, []).append(symbol)
        ordered = sorted(asks.items(), key=lambda item: [] if item[0] is None else [item[0]])
        cut = [
            Ask(tuple(filter(None, names[at : at + kind.at_once])), span)
            for span, names in ordered
            for at in range(0, len(names), kind.at_once)
        ]
        return Plan(tuple(cut), held)

    def note(self, kind: Kind, ask: Ask, rows: "pd.Series[Any]", wanted: Span | None, interval: str) -> None:
        """Note in the ledger that an ask was answered in full; `rows` counts them by symbol."""
        named = _series_interval(kind, interval)
        for symbol in ask.symbols or ("",):
            count = int(rows.get(symbol, 0))
            series = (self.provider, kind.name, symbol, named)
            if kind.clock == "snapshot":
                # It tells how things stood at one moment; what was asked before says nothing any more.
                self._coverage.forget(*series)
                self._add(series, ask.span or Span(ASKED_AT, ASKED_AT), complete=False, rows=count)
                continue
            for span in self._settled(kind, [ask.span] if ask.span else [], interval, self.now):
                self._add(series, span, complete=True, rows=count)
            if wanted is not None and ask.span is not None and ask.span.last == wanted.last:
                self._add(series, Span(ASKED_AT, ASKED_AT), complete=False, rows=0)

    def _add(self, series: tuple[str, str, str, str], span: Span, *, complete: bool, rows: int) -> None:
        self._coverage.add(
            *series, first=span.first, last=span.last, complete=complete, rows=rows, fetched_at=self.now
        )

    def _missing(
        self, kind: Kind, symbol: str, wanted: Span | None, interval: str, *, refresh: bool
    ) -> Sequence[Span | None]:
        series = (self.provider, kind.name, symbol, _series_interval(kind, interval))
        known = [] if refresh else self._coverage.ranges(*series)
        fresh = [each for each in known if self.now - each.fetched_at < kind.fresh]
        if kind.clock == "snapshot":
            inside = [each for each in fresh if wanted is None or _covers(each, wanted)]
            return [] if inside else [wanted]
        if wanted is None:
            return []
        missing = subtracted([wanted], spans_of((each.first, each.last) for each in known if each.complete))
        asked = [each.fetched_at for each in fresh if each.first == ASKED_AT]
        if asked:
            # What may still grow was asked for a moment ago.
            missing = self._settled(kind, missing, interval, max(asked))
        if kind.clock != "sessions":
            return chunks(missing, kind.chunk)
        daily = not _within_day(kind, interval)
        pieces = chunks(within_sessions(missing, self.calendar, daily=daily), kind.chunk)
        if kind.chunk > _DAY:
            return pieces
        # Calls so short may fall on a day off.
        return [part for piece in pieces for part in within_sessions([piece], self.calendar, daily=daily)]

    def _settled(self, kind: Kind, spans: list[Span], interval: str, now: pd.Timestamp) -> list[Span]:
        if kind.clock == "days":
            # A day of news or of splits is settled as a whole.
            end = (now - kind.delay).normalize() - TICK
            return overlapping(spans, [Span(pd.Timestamp("1900-01-01", tz="UTC"), end)])
        daily = not _within_day(kind, interval)
        return settled(spans, self.calendar, now, daily=daily, delay=kind.delay)

    def _latest(self, kind: Kind, interval: str) -> pd.Timestamp:
        """Return the end of what can be there at all by now."""
        if _within_day(kind, interval):
            return self.now
        if kind.clock == "sessions":
            day = last_session(self.calendar, self.now)
        else:
            day = self.now.tz_convert(exchange_zone(self.calendar)).date()
        return days_span(day, day).last

    def _edge(self, value: Edge, zone: str) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Return the first and the last instant that a date or a time means."""
        if _is_day(value):
            day = parse_day(value, self.calendar).date()  # type: ignore[arg-type]
            return days_span(day, day, zone=zone).first, days_span(day, day, zone=zone).last
        instant = parse_instant(value, self.calendar)  # type: ignore[arg-type]
        return instant, instant


def _within_day(kind: Kind, interval: str) -> bool:
    return kind.clock == "sessions" and not (kind.name == "bars" and interval == DAILY)


def _covers(known: FetchedRange, wanted: Span) -> bool:
    return bool(known.first <= wanted.first and known.last >= wanted.last)


def _series_interval(kind: Kind, interval: str) -> str:
    return interval if kind.name == "bars" else ""


def _day(instant: pd.Timestamp) -> date:
    return instant.tz_convert("UTC").date()


def _is_day(value: Edge) -> bool:
    if isinstance(value, str):
        return ":" not in value
    if isinstance(value, pd.Timestamp | datetime):
        stamp = pd.Timestamp(value)
        return stamp.tzinfo is None and stamp == stamp.normalize()
    return True
