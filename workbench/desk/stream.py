"""The stream worker: owns the sockets of a desk's services, and keeps what they say."""

import asyncio
import contextlib
import os
import platform
import signal
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from workbench.desk.logs import get_logger
from workbench.desk.outbox import deliver_due, open_channels
from workbench.desk.stream_checks import Events
from workbench.desk.stream_feed import LIVE, FeedRunner
from workbench.desk.stream_gaps import BackFill, Gap, gap_frame, unfilled_gaps
from workbench.desk.stream_lake import LakeQueue
from workbench.errors import StoreBusyError
from workbench.settings import SETTINGS_FILE, DeskSettings, load_settings
from workbench.store import Lake, Ledger
from workbench.store.live import LIVE_FILE, QUOTE_COLUMNS, LiveTable

LEASE = "stream:"
LEASE_SECONDS = 15.0
BEAT_SECONDS = 0.25
DRAIN_SECONDS = 60.0
_RENEW_SECONDS = 3.0
_WATCH_SECONDS = 1.0
_AT = {name: place for place, name in enumerate(QUOTE_COLUMNS)}


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What to stream of one service; `open_provider` returns its provider, with the keys of now."""

    service: str
    symbols: tuple[str, ...]
    open_provider: Callable[[], Any]


class _Line:
    """One service on its way: its feed, its queue to the lake, its gaps and its row of the live table."""

    def __init__(self, worker: "StreamWorker", plan: StreamPlan) -> None:
        self.plan = plan
        self.worker = worker
        settings = worker.settings.stream
        self.runner = FeedRunner(
            plan.open_provider,
            settings.kinds,
            plan.symbols,
            on_lost=self._lost,
            on_regained=self._regained,
            on_trouble=self._trouble,
        )
        self.calendar = getattr(self.runner.provider, "calendar", None) or worker.settings.market.calendar
        self.queue = LakeQueue(
            worker.lake,
            self.runner.provider.label,
            worker.home / "stream" / plan.service,
            seconds=settings.lake_seconds,
            largest_queue=settings.queue,
            largest_spill=settings.spill,
            on_durable=self._durable,
            on_shed=self._shed,
            on_gaps=self._gaps_stored,
        )
        self.back_fill = (
            BackFill(worker.lake, lambda: self.runner.provider, self.runner.kinds)
            if settings.back_fill
            else None
        )
        self.run_id = ""
        self.beat_at = 0.0
        self._rate_from = (time.monotonic(), 0)
        self._rate = 0.0

    # -- its life ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Mark what the process before us left open, and note that this feed begins to listen."""
        runner, ledger, now = self.runner, self.worker.ledger, time.time()
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
                self.worker.lake.write("feed_gaps", gap_frame(cut_off), source=runner.provider.label)
            # Only now: a process that dies in between finds the run again, and writes the same gaps again.
            ledger.feeds.end(run.id, datetime.now(UTC))
        unfilled = unfilled_gaps(self.worker.lake, runner.service, now)
        runner.open_gaps += [gap for gap in unfilled if gap.end is None]
        if self.back_fill is not None:
            self.back_fill.fill([gap for gap in unfilled if gap.end is not None])
        self.run_id = ledger.feeds.begin(
            runner.service, runner.label, holder=self.worker.holder, started_at=datetime.now(UTC)
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
            self.worker.ledger.feeds.end(self.run_id, datetime.now(UTC))
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
            "lag": None if runner.lag != runner.lag else runner.lag,
            "gaps": runner.gap_count,
            "calendar": self.calendar,
            "replay": 0,
            "holder": self.worker.holder,
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
        self.worker.ledger.feeds.durable(self.run_id, datetime.fromtimestamp(until, UTC))

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
        self.worker.tell(self.runner, state, detail, since)

    def _seen_since(self, since: float, feed: str) -> set[str]:
        """Return the symbols that a run before us had quotes of."""
        rows = self.worker.live.quotes()
        at = _AT["service"], _AT["feed"], _AT["received_at"]
        ours = (self.runner.service, feed)
        return {row[0] for row in rows if (row[at[0]], row[at[1]]) == ours and (row[at[2]] or 0) >= since}


class StreamWorker:
    """Streams some services into a desk until told to stop; one worker a service.

    Parameters
    ----------
    home : Path
        The desk's folder.
    settings : DeskSettings
    lake : Lake
        Open for writing.
    ledger : Ledger
    plans : sequence of StreamPlan
        What to stream.
    follow_settings : bool
        Follow changes of ``stream.watch`` while running.

    Attributes
    ----------
    live : LiveTable
        What readers see.
    """

    def __init__(
        self,
        home: Path,
        settings: DeskSettings,
        lake: Lake,
        ledger: Ledger,
        plans: Sequence[StreamPlan],
        *,
        follow_settings: bool = False,
    ) -> None:
        self.home = home
        self.settings = settings
        self.lake = lake
        self.ledger = ledger
        self.live = LiveTable(home / LIVE_FILE)
        self.holder = _holder()
        self.lines: list[_Line] = []
        self._plans = list(plans)
        self._follow_settings = follow_settings
        self._leases: set[str] = set()
        self._stopping = asyncio.Event()
        self._generation = 0
        self._running: list[asyncio.Task[None]] = []
        self._telling: set[asyncio.Task[None]] = set()
        self._log = get_logger("stream", holder=self.holder)

    @property
    def paths(self) -> Mapping[str, Any]:
        """The way in of each service, to subscribe to: an `EventPath` by name."""
        return {line.plan.service: line.runner.path for line in self.lines}

    def stop(self) -> None:
        """Let `run` come to its end, with everything durable."""
        self._stopping.set()

    async def run(self) -> bool:
        """Stream until stopped; return whether all that came is durable.

        Raises
        ------
        StoreBusyError
            If another process streams one of the services on this desk.
        """
        try:
            for plan in self._plans:
                await asyncio.to_thread(self._take_lease, plan.service)
            self.lines = [_Line(self, plan) for plan in self._plans]
            for line in self.lines:
                await asyncio.to_thread(line.begin)
            self._log.info("stream_started", services=[plan.service for plan in self._plans])
            with self._stopping_on_signals():
                done = await self._stream()
        finally:
            await asyncio.to_thread(self._release)
            self.live.close()
        self._log.info("stream_stopped", durable=done)
        return done

    # -- running -------------------------------------------------------------------------------------------

    async def _stream(self) -> bool:
        feeds = [asyncio.create_task(line.runner.run()) for line in self.lines]
        helpers = [asyncio.create_task(self._renew())]
        if self._follow_settings:
            helpers.append(asyncio.create_task(self._follow()))
        every = self.settings.stream.flush_seconds
        try:
            while not self._stopping.is_set() and not all(feed.done() for feed in feeds):
                self._tick()
                await asyncio.sleep(every)
        finally:
            for line in self.lines:
                line.runner.stop()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*feeds, *helpers, return_exceptions=True)
        self._tick(everything=True)
        done = [await asyncio.to_thread(line.end) for line in self.lines]
        self._tick(everything=True)
        if self._telling:
            await asyncio.gather(*self._telling, return_exceptions=True)
        return all(done)

    def _tick(self, *, everything: bool = False) -> None:
        """Validate what came since the last tick and put it into the live table."""
        quotes: list[tuple[Any, ...]] = []
        for line in self.lines:
            quotes += line.pass_on()
        now = time.monotonic()
        states = []
        for line in self.lines:
            if everything or line.runner.status.changed or now - line.beat_at >= BEAT_SECONDS:
                line.beat_at = now
                states.append(line.row())
        if not quotes and not states:
            return
        try:
            if states:
                self.live.reopen_if_replaced()
            if self.live.generation != self._generation:
                quotes = self._all_quotes()
            self.live.write(quotes, states)
            if self.live.generation != self._generation:
                self._generation = self.live.generation
                self.live.write(self._all_quotes(), [line.row() for line in self.lines])
        except (sqlite3.Error, OSError) as error:
            # What could not be written is written again by the next tick that can.
            for line in self.lines:
                line.runner.path.latest.change_all()
            self._log.warning("live_table_refused", error=str(error))

    def _all_quotes(self) -> list[tuple[Any, ...]]:
        rows = []
        for line in self.lines:
            line.runner.path.latest.change_all()
            rows += line.runner.path.latest.take_changed()
        return rows

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            try:
                for service in list(self._leases):
                    held = await asyncio.to_thread(
                        self.ledger.leases.acquire,
                        LEASE + service,
                        self.holder,
                        datetime.now(UTC),
                        LEASE_SECONDS,
                    )
                    if not held:
                        self._log.error("stream_lost_its_lease", service=service)
                        self.stop()
            except StoreBusyError as error:
                self._log.warning("lease_not_renewed", error=str(error))

    async def _follow(self) -> None:
        """Follow the watch list of the settings: other symbols at once, none at all ends the service."""
        file = self.home / SETTINGS_FILE
        seen = _changed_at(file)
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if (at := _changed_at(file)) == seen:
                continue
            seen = at
            with contextlib.suppress(Exception):  # half-edited by a person; the next change is read again
                watch = (await asyncio.to_thread(load_settings, self.home)).stream.watch
                for line in self.lines:
                    wanted = watch.get(line.plan.service, ())
                    if not wanted:
                        line.runner.stop()
                    elif set(wanted) != line.runner.symbols:
                        line.runner.want(wanted)

    def tell(self, runner: FeedRunner, state: str, detail: str, since: float) -> None:
        """Raise one alert of a trouble that a person must know, whatever the number of tries."""
        began = datetime.fromtimestamp(since, UTC)
        titles = {
            "needs_login": f"{runner.provider.label} needs a login",
            "not_connected": f"{runner.provider.label} is not connected",
            "refused": f"{runner.label} refuses the stream",
            "down": f"{runner.label} has been away since {began:%H:%M} UTC",
        }
        now = datetime.now(UTC)
        alert = {
            "rule_id": None,
            "name": f"{runner.service} stream",
            "severity": "critical" if state == "down" else "warn",
            # Once a day, however often the stream itself is started again.
            "fact_key": f"stream:{runner.service}:{state}:{now:%Y-%m-%d}",
            "title": titles[state],
            "body": f"{detail} Its quotes are stale; the stream goes on by itself when it can.",
            "facts": {"kind": "stream", "service": runner.service, "state": state, "detail": detail},
            "raised_at": now,
            "as_of": now,
        }
        task = asyncio.ensure_future(asyncio.to_thread(self._raise, alert, now))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _raise(self, alert: dict[str, Any], now: datetime) -> None:
        if self.ledger.alerts.raise_once(alert, self.settings.alerts.channels) is not None:
            deliver_due(self.ledger, open_channels(self.ledger, self.home), now, holder=self.holder)

    # -- one worker a service ------------------------------------------------------------------------------

    def _take_lease(self, service: str) -> None:
        leases = self.ledger.leases
        name = LEASE + service
        other = leases.holder(name, datetime.now(UTC))
        if other is not None and _is_gone(other):
            leases.release(name, other)
        if not leases.acquire(name, self.holder, datetime.now(UTC), LEASE_SECONDS):
            raise StoreBusyError(
                f"Process {process_of(other)} streams {service} on this desk already; "
                f"`workbench stream {service} --stop` ends it."
            )
        self._leases.add(service)

    def _release(self) -> None:
        for service in self._leases:
            self.ledger.leases.release(LEASE + service, self.holder)
        self._leases.clear()

    @contextlib.contextmanager
    def _stopping_on_signals(self) -> Any:
        loop = asyncio.get_running_loop()
        signs = (signal.SIGTERM, signal.SIGINT)
        set_up = []
        for sign in signs:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(sign, self.stop)
                set_up.append(sign)
        try:
            yield
        finally:
            for sign in set_up:
                loop.remove_signal_handler(sign)


def stream_holder(ledger: Ledger, service: str) -> str | None:
    """Return the process that streams a service on this desk, if one does and lives."""
    holder = ledger.leases.holder(LEASE + service, datetime.now(UTC))
    return None if holder is None or _is_gone(holder) else holder


def process_of(holder: str | None) -> int:
    """Return the number of the process in a holder's name; 0 where there is none."""
    parts = (holder or "").split(":")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


def wanted_symbols(symbols: Collection[str]) -> tuple[str, ...]:
    """Return symbols as a watch list keeps them: each once, in order."""
    return tuple(dict.fromkeys(symbols))


def _holder() -> str:
    started = int(psutil.Process().create_time())
    return f"{platform.node()}:{os.getpid()}:{started}:{uuid4().hex[:8]}"


def _is_gone(holder: str) -> bool:
    """Say whether a holder is a process of this machine that has ended; of other machines nobody knows."""
    parts = holder.split(":")
    if len(parts) < 3 or parts[0] != platform.node() or not parts[1].isdigit() or not parts[2].isdigit():
        return False
    try:
        process = psutil.Process(int(parts[1]))
        is_same = abs(process.create_time() - int(parts[2])) < 2.0
        return not is_same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _changed_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
