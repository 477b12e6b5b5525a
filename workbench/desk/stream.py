"""The stream worker: owns the sockets of a desk's services, and keeps what they say."""

import asyncio
import contextlib
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.desk.logs import get_logger
from workbench.desk.outbox import deliver_due, open_channels
from workbench.desk.stream_feed import FeedRunner
from workbench.desk.stream_lease import LEASE, keep_lease, new_holder, take_lease
from workbench.desk.stream_line import StreamDesk, StreamLine, StreamPlan
from workbench.desk.stream_path import EventPath
from workbench.errors import SettingsError, StoreBusyError
from workbench.settings import SETTINGS_FILE, DeskSettings, load_settings
from workbench.store import Lake, Ledger
from workbench.store.live import LIVE_FILE, LiveTable

BEAT_SECONDS = 0.25
_RENEW_SECONDS = 3.0
_WATCH_SECONDS = 1.0


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
        self.holder = new_holder()
        self.lines: list[StreamLine] = []
        self._plans = list(plans)
        self._follow_settings = follow_settings
        self._leases: set[str] = set()
        self._stopping = asyncio.Event()
        self._generation = 0
        self._running: list[asyncio.Task[None]] = []
        self._telling: set[asyncio.Task[None]] = set()
        self._log = get_logger("stream", holder=self.holder)

    @property
    def paths(self) -> Mapping[str, EventPath]:
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
            await asyncio.to_thread(self._take_leases)
            desk = StreamDesk(self.home, self.settings, self.lake, self.ledger, self.live, self.holder)
            self.lines = [StreamLine(plan, desk, self._tell) for plan in self._plans]
            for line in self.lines:
                await asyncio.to_thread(line.begin)
            self._log.info("stream_started", services=[plan.service for plan in self._plans])
            with self._stopping_on_signals(), _short_turns():
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
            ended = await asyncio.gather(*feeds, return_exceptions=True)
            await asyncio.gather(*helpers, return_exceptions=True)
        self._tick(everything=True)
        done = [await asyncio.to_thread(line.end) for line in self.lines]
        for fault in ended:
            if isinstance(fault, Exception):
                # Not an end that anybody asked for: whoever started us starts us again.
                self._log.error("feed_ended_by_a_fault", error=f"{type(fault).__name__}: {fault}")
                done.append(False)
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
                    held = await asyncio.to_thread(keep_lease, self.ledger, service, self.holder)
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
            try:
                watch = (await asyncio.to_thread(load_settings, self.home)).stream.watch
            except SettingsError as error:
                # Half-edited by a person: what is streamed stays, and the next change is read again.
                self._log.warning("watch_list_not_read", error=str(error))
                continue
            for line in self.lines:
                wanted = watch.get(line.plan.service, ())
                if not wanted:
                    line.runner.stop()
                elif set(wanted) != line.runner.symbols:
                    line.runner.want(wanted)

    def _tell(self, runner: FeedRunner, state: str, detail: str, since: float) -> None:
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

    def _take_leases(self) -> None:
        for plan in self._plans:
            take_lease(self.ledger, plan.service, self.holder)
            self._leases.add(plan.service)

    def _release(self) -> None:
        for service in self._leases:
            self.ledger.leases.release(LEASE + service, self.holder)
        self._leases.clear()

    @contextlib.contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
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


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """Let the threads that write the lake give way to the sockets after a millisecond in place of five."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, 0.001))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _changed_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
