"""One service on its way: its feed, its queue to the lake, its gaps and its row of the live table."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.desk.connections import CALENDARS
from workbench.desk.stream_checks import Events
from workbench.desk.stream_feed import LIVE, FeedRunner
from workbench.desk.stream_gaps import BackFill, Gap, gap_frame, unfilled_gaps
from workbench.desk.stream_lake import LakeQueue
from workbench.settings import DeskSettings
from workbench.store import Lake, Ledger
from workbench.store.live import QUOTE_COLUMNS, SPILL_FOLDER, LiveTable

DRAIN_SECONDS = 60.0
_AT = {name: place for place, name in enumerate(QUOTE_COLUMNS)}


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What to stream of one service; `open_provider` returns its provider, with the keys of now."""

    service: str
    symbols: tuple[str, ...]
    open_provider: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class StreamDesk:
    """What a stream needs of its desk; `lake` and `ledger` are open for writing."""

    home: Path
    settings: DeskSettings
    lake: Lake
    ledger: Ledger
    live: LiveTable
    holder: str


Trouble = Callable[[FeedRunner, str, str, float], None]


class StreamLine:
    """One service on its way: its feed, its queue to the lake, its gaps and its row of the live table."""

    def __init__(self, plan: StreamPlan, desk: StreamDesk, on_trouble: Trouble) -> None:
        self.plan = plan
        self.desk = desk
        self._on_trouble = on_trouble
        settings = desk.settings.stream
        self.runner = FeedRunner(
            plan.open_provider,
            settings.kinds,
            plan.symbols,
            on_lost=self._lost,
            on_regained=self._regained,
            on_trouble=self._trouble,
        )
        own = getattr(self.runner.provider, "calendar", None) or CALENDARS.get(plan.service)
        self.calendar = own or desk.settings.market.calendar
        self.queue = LakeQueue(
            desk.lake,
            self.runner.provider.label,
            desk.home / SPILL_FOLDER / plan.service,
            seconds=settings.lake_seconds,
            largest_queue=settings.queue,
            largest_spill=settings.spill,
            on_durable=self._durable,
            on_shed=self._shed,
            on_gaps=self._gaps_stored,
        )
        self.back_fill = (
            BackFill(
                desk.lake,
                lambda: self.runner.provider,
                self.runner.kinds,
                durable_until=lambda: self.durable_until,
            )
            if settings.back_fill
            else None
        )
        self.run_id = ""
        self.durable_until = 0.0
        self.beat_at = 0.0
        self._rate_from = (time.monotonic(), 0)
        self._rate = 0.0

    # -- its life ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Mark what the process before us left open, and note that this feed begins to listen."""
        runner, ledger, now = self.runner, self.desk.ledger, time.time()
        for run in ledger.feeds.unfinished():
            if run.service != runner.service:
                continue
            start = run.durable_until if run.durable_until is not None else run.started_at
            symbols = runner.symbols | self._seen_since(run.started_at.timestamp(), run.feed)
            cut_off = [
                Gap(run.service, run.feed, symbol, start.timestamp(), None, "the stream's process was ended")
                for symbol in sorted(symbols)
            ]
            if cut_off:
                self.desk.lake.write("feed_gaps", gap_frame(cut_off), source=runner.provider.label)
            # Only now: a process that dies in between finds the run again, and writes the same gaps again.
            ledger.feeds.end(run.id, datetime.now(UTC))
        for feed in self.desk.live.feeds():
            if feed["service"] == runner.service and feed["feed"] != runner.label:
                # The service is streamed under another name by now, as after a change of plan.
                self.desk.live.forget_feed(feed["service"], feed["feed"])
        unfilled = unfilled_gaps(self.desk.lake, runner.service, now)
        runner.open_gaps += [gap for gap in unfilled if gap.end is None]
        if self.back_fill is not None:
            self.back_fill.fill([gap for gap in unfilled if gap.end is not None])
        self.run_id = ledger.feeds.begin(
            runner.service, runner.label, holder=self.desk.holder, started_at=datetime.now(UTC)
        )

    def pass_on(self) -> list[tuple[Any, ...]]:
        """Validate what came, hand it to the lake, and return the quotes that changed."""
        passed, until = self.runner.take()
        if passed is None:
            self.queue.put(until=until)
        else:
            self.queue.put(passed.events, passed.bad, until=until)
        return self.runner.path.latest.take_changed()

    def end(self) -> bool:
        """Make everything durable and note the end; False where the lake did not take it in time."""
        if self.runner.open_gaps:
            self.runner.close_gaps()
        done = self.queue.drain(DRAIN_SECONDS)
        if self.back_fill is not None:
            self.back_fill.stop()
        if done:
            self.desk.ledger.feeds.end(self.run_id, datetime.now(UTC))
        return done

    def row(self) -> dict[str, Any]:
        """Return the feed's row of the live table."""
        runner, status, counts = self.runner, self.runner.status, self.runner.path.counts
        now = time.monotonic()
        before, events = self._rate_from
        if now - before >= 1.0:
            self._rate = (counts.events - events) / (now - before)
            self._rate_from = now, counts.events
        status.changed = False
        detail = status.detail
        if self.queue.trouble:
            detail = "; ".join(filter(None, [detail, f"the lake takes nothing: {self.queue.trouble}"]))
        return {
            "service": runner.service,
            "feed": runner.label,
            "state": status.state,
            "detail": detail,
            "since": status.since,
            "last_message": runner.last_message,
            "last_heartbeat": runner.last_heartbeat,
            "heartbeat_timeout": runner.heartbeat_timeout,
            "beat": time.time(),
            "subscribed": len(runner.symbols) if status.state == LIVE else 0,
            "queue": runner.pending_events,
            "lake_queue": self.queue.depth,
            "spilled": self.queue.spilled,
            "shed": self.queue.shed,
            "events": counts.events,
            "rate": self._rate,
            "quarantined": counts.quarantined,
            "late": counts.late,
            "lag": None if math.isnan(runner.lag) else runner.lag,
            "gaps": runner.gap_count,
            "calendar": self.calendar,
            "replay": 0,
            "holder": self.desk.holder,
        }

    # -- what happens to it --------------------------------------------------------------------------------

    def _lost(self, gaps: list[Gap]) -> None:
        self.queue.put(gaps=gaps)

    def _regained(self, gaps: list[Gap]) -> None:
        self.queue.put(gaps=gaps)

    def _gaps_stored(self, gaps: list[Gap]) -> None:
        if self.back_fill is not None:
            self.back_fill.fill([gap for gap in gaps if gap.end is not None and gap.backfilled_at is None])

    def _durable(self, until: float) -> None:
        self.desk.ledger.feeds.durable(self.run_id, datetime.fromtimestamp(until, UTC))
        self.durable_until = max(self.durable_until, until)

    def _shed(self, lost: list[Events]) -> list[Gap]:
        spans: dict[str, tuple[int, int, int]] = {}
        for events in lost:
            for symbol, at in zip(events.symbols, events.times.tolist(), strict=True):
                first, last, count = spans.get(symbol, (at, at, 0))
                spans[symbol] = min(first, at), max(last, at), count + 1
        service, label = self.runner.service, self.runner.label
        return [
            Gap(
                service, label, symbol, first // 1000 / 1e6, (last // 1000 + 1) / 1e6,
                f"the lake was too slow: {count:,} events found no room",
            )
            for symbol, (first, last, count) in sorted(spans.items())
        ]  # fmt: skip

    def _trouble(self, state: str, detail: str, since: float) -> None:
        self._on_trouble(self.runner, state, detail, since)

    def _seen_since(self, since: float, feed: str) -> set[str]:
        """Return the symbols that a run before us had quotes of."""
        rows = self.desk.live.quotes()
        at = _AT["service"], _AT["feed"], _AT["received_at"]
        ours = (self.runner.service, feed)
        return {row[0] for row in rows if (row[at[0]], row[at[1]]) == ours and (row[at[2]] or 0) >= since}
