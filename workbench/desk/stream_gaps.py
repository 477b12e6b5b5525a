"""Gaps of a feed: marked when it falls silent, closed when it is back, filled from the service's history."""

import contextlib
import heapq
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from workbench.desk.logs import get_logger
from workbench.desk.told_ticks import without_told
from workbench.errors import IncompleteAnswerError, ServiceError, UnsupportedError, WorkbenchError
from workbench.store import Lake

OVERLAP_SECONDS = 2.0
"""Asked for around a gap as well: clocks differ, and events of one instant come in any order."""
NEAR_SECONDS = 60.0
LONGEST_SPAN = 3600.0
"""Gaps that follow each other so closely are asked for together, up to an hour at once."""
WAITS = (1.0, 30.0, 120.0, 600.0, 1800.0)
"""Seconds before each try to fill a gap; a history is not always there at once."""
SETTLE_SECONDS = 10.0
"""How long, at most, a fill waits until what the stream told since the gap is in the lake too: a service may
stamp the same event more coarsely in its stream, and only what is there can be compared."""
NO_HISTORY = "keeps no"
"""Words in the reason of a gap that no later try can fill."""
LONGEST_AGE = pd.Timedelta(days=30)
_COLUMNS = ("service", "feed", "symbol", "start", "end", "reason", "backfilled_at", "rows")
_INSTANTS = ("start", "end", "backfilled_at")


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which a feed gave nothing for a symbol; instants in seconds since 1970.

    Attributes
    ----------
    service, feed, symbol : str
    start : float
        Everything before it is in the lake.
    end : float or None
        From then on the feed gave again; None while it does not.
    reason : str
        Why it is there, and why it could not be filled where it could not.
    backfilled_at : float or None
        When the history had filled it.
    rows : int
        Rows that the history has of it.
    """

    service: str
    feed: str
    symbol: str
    start: float
    end: float | None
    reason: str
    backfilled_at: float | None = None
    rows: int = 0


def gap_frame(gaps: Iterable[Gap]) -> pd.DataFrame:
    """Return gaps in the columns of the lake; of one gap told twice the later counts."""
    frame = pd.DataFrame([tuple(getattr(gap, name) for name in _COLUMNS) for gap in gaps], columns=_COLUMNS)
    for name in _INSTANTS:
        stamps = pd.to_numeric(frame[name]) * 1e6
        frame[name] = pd.to_datetime(stamps.round(), unit="us", utc=True).astype("datetime64[us, UTC]")
    return frame


def gaps_of_frame(frame: pd.DataFrame) -> list[Gap]:
    """Return the gaps of a frame of the lake."""
    rows: Any = frame[list(_COLUMNS)].itertuples(index=False)
    return [
        Gap(
            row.service,
            row.feed,
            row.symbol,
            row.start.timestamp(),
            None if pd.isna(row.end) else row.end.timestamp(),
            row.reason,
            None if pd.isna(row.backfilled_at) else row.backfilled_at.timestamp(),
            0 if pd.isna(row.rows) else int(row.rows),
        )
        for row in rows
    ]


class BackFill:
    """Fills closed gaps from a provider's history, in a thread of its own, and says what came of it.

    Parameters
    ----------
    lake : Lake
        Open for writing.
    provider : callable
        Returns the provider to ask.
    kinds : sequence of str
        What was streamed: quotes, trades, bars.
    waits : sequence of float
        Seconds before each try.
    durable_until : callable, optional
        Returns the instant up to which the stream's own events are in the lake.
    """

    def __init__(
        self,
        lake: Lake,
        provider: Callable[[], Any],
        kinds: Sequence[str],
        *,
        waits: Sequence[float] = WAITS,
        durable_until: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._lake = lake
        self._provider = provider
        self._kinds = tuple(kinds)
        self._waits = tuple(waits)
        self._durable_until = durable_until
        self._due: list[tuple[float, int, int, list[Gap]]] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._number = 0
        self._log = get_logger("stream")
        self._thread = threading.Thread(target=self._work, name="back-fill", daemon=True)
        self._thread.start()

    def fill(self, gaps: Collection[Gap]) -> None:
        """Fill these gaps, which are closed and in the lake, as soon as the history has them."""
        if gaps:
            self._later(list(gaps), 0)

    def stop(self, seconds: float = 5.0) -> None:
        """End, after the gap at hand; what is not filled is tried again by the next stream."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(seconds)

    def _later(self, gaps: list[Gap], attempt: int) -> None:
        with self._changed:
            self._number += 1
            due = time.monotonic() + self._waits[attempt]
            heapq.heappush(self._due, (due, self._number, attempt, gaps))
            self._changed.notify()

    def _next(self) -> tuple[int, list[Gap]] | None:
        """Wait for the gaps that are due next; None at the end."""
        with self._changed:
            while not self._stopping:
                if not self._due:
                    self._changed.wait()
                elif (left := self._due[0][0] - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    _, _, attempt, gaps = heapq.heappop(self._due)
                    return attempt, gaps
        return None

    def _work(self) -> None:
        while (found := self._next()) is not None:
            attempt, gaps = found
            self._settle(gaps)
            failed: list[Gap] = []
            for together in _spans(gaps):
                try:
                    again = self._fill(together)
                except Exception as error:  # noqa: BLE001 - whatever went wrong, the gap stays and says it
                    self._log.warning("back_fill_failed", error=str(error), gaps=len(together))
                    with contextlib.suppress(WorkbenchError):
                        self._note(together, {}, [f"not filled: {error}"])
                    again = True
                if again:
                    failed += together
                if self._stopping:
                    return
            if failed and attempt + 1 < len(self._waits):
                self._later(failed, attempt + 1)

    def _settle(self, gaps: list[Gap]) -> None:
        """Wait until the stream's events from the overlap behind the gaps are in the lake."""
        until = max(gap.end or 0.0 for gap in gaps) + OVERLAP_SECONDS
        give_up = time.monotonic() + SETTLE_SECONDS
        with self._changed:
            while not self._stopping and self._durable_until() < until and time.monotonic() < give_up:
                self._changed.wait(0.2)

    def _fill(self, gaps: list[Gap]) -> bool:
        """Ask the history for a span of gaps; return whether asking again later may bring more."""
        provider = self._provider()
        counts: dict[Gap, int] = {}
        remarks: list[str] = []
        again = False
        wanted = list(self._kinds)
        for kind in self._kinds:
            try:
                self._store(provider, kind, gaps, counts)
            except UnsupportedError:
                remarks.append(f"{provider.label} {NO_HISTORY} {kind}")
                if "bars" not in wanted and "bars" in provider.kinds:
                    wanted.append("bars")
            except IncompleteAnswerError as error:
                self._write(kind, error.rows, provider.label, gaps, counts)
                remarks.append(f"{kind} broke off: {error}")
                again = True
            except ServiceError as error:
                remarks.append(f"no {kind}: {error}")
                again = error.state != "refused"
        if len(wanted) > len(self._kinds):
            try:
                self._store(provider, "bars", gaps, counts)
                remarks.append("minute bars were filled in their place")
            except WorkbenchError as error:
                remarks.append(f"no bars: {error}")
        self._note(gaps, counts, remarks)
        self._log.info("back_fill", gaps=len(gaps), rows=sum(counts.values()), remarks=remarks)
        return again

    def _store(self, provider: Any, kind: str, gaps: list[Gap], counts: dict[Gap, int]) -> None:
        if kind not in provider.kinds:
            raise UnsupportedError(f"{provider.label} {NO_HISTORY} {kind}.")
        symbols = sorted({gap.symbol for gap in gaps})
        start = _instant(min(gap.start for gap in gaps) - OVERLAP_SECONDS)
        end = _instant(max(gap.end or 0.0 for gap in gaps) + OVERLAP_SECONDS)
        if kind == "bars":
            rows = provider.bars(symbols, start.floor("min"), end, "1m")
        else:
            rows = getattr(provider, kind)(symbols, start, end)
        self._write(kind, rows, provider.label, gaps, counts)

    def _write(
        self, kind: str, rows: pd.DataFrame, source: str, gaps: list[Gap], counts: dict[Gap, int]
    ) -> None:
        """Write rows, and count for each gap how many of them lie in it."""
        found = rows[rows["symbol"].isin({gap.symbol for gap in gaps})]
        if found.empty:
            return
        if kind == "bars":
            found = found.assign(interval="1m")
        told = without_told(self._lake, kind, found, source)
        self._lake.write("intraday_bars" if kind == "bars" else kind, told, source=source)
        times = {symbol: part.sort_values().array for symbol, part in found.groupby("symbol")["time"]}
        for gap in gaps:
            if gap.symbol in times:
                first = _instant(gap.start).floor("min") if kind == "bars" else _instant(gap.start)
                places = times[gap.symbol].searchsorted([first, _instant(gap.end or 0.0)], side="left")
                counts[gap] = counts.get(gap, 0) + int(places[1] - places[0])

    def _note(self, gaps: Sequence[Gap], counts: Mapping[Gap, int], remarks: Sequence[str]) -> None:
        """Write into the lake what became of the gaps."""
        now = time.time()
        told = []
        for gap in gaps:
            base = gap.reason.split("; ")[0]
            told.append(
                replace(
                    gap,
                    reason="; ".join([base, *remarks]),
                    backfilled_at=None if remarks else now,
                    rows=max(gap.rows, counts.get(gap, 0)),
                )
            )
        self._lake.write("feed_gaps", gap_frame(told), source=self._provider().label)


def unfilled_gaps(lake: Lake, service: str, now: float) -> list[Gap]:
    """Return the gaps of a service, of the last thirty days, that are open or may still be filled."""
    since = (pd.Timestamp(now, unit="s", tz="UTC").floor("us") - LONGEST_AGE).to_pydatetime()
    frame = lake.read("feed_gaps", start=since, where={"service": service})
    return [
        gap
        for gap in gaps_of_frame(frame)
        if gap.backfilled_at is None and (gap.end is None or NO_HISTORY not in gap.reason)
    ]


def _spans(gaps: Sequence[Gap]) -> list[list[Gap]]:
    """Put gaps together that one question can fill: those that touch, or nearly."""
    found: list[list[Gap]] = []
    until = 0.0
    for gap in sorted(gaps, key=lambda each: each.start):
        if found and gap.start <= until + NEAR_SECONDS and until - found[-1][0].start < LONGEST_SPAN:
            found[-1].append(gap)
        else:
            found.append([gap])
        until = max(until, gap.end or gap.start) if len(found[-1]) > 1 else gap.end or gap.start
    return found


def _instant(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(round(seconds * 1e6), unit="us", tz="UTC")
