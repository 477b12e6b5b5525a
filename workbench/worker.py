"""The worker keeps schedules and streams: one acts at a time, every run has a process and a time limit."""

import contextlib
import logging
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import Any
from uuid import uuid4

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from workbench.desk.jobs import (
    FAILED,
    INTERRUPTED,
    TIMED_OUT,
    Pipeline,
    end_run,
    find_pipeline,
    find_pipelines,
    is_running,
    mark_interrupted,
)
from workbench.desk.logs import bind_correlation_id, configure_logging, get_logger
from workbench.desk.outbox import deliver_due, open_channels
from workbench.desk.run_process import RunProcess, kill_family, out_of_time
from workbench.desk.schedule import Schedule, last_fire, missed_fires, next_fire
from workbench.desk.stream_process import StreamKeeper
from workbench.errors import ScheduleError, WorkbenchError
from workbench.settings import home_folder, load_settings
from workbench.store import Ledger

LEASE = "worker"
LONGEST_MISSED = timedelta(days=31)
_STOPS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Timing:
    """How often the worker looks, in seconds.

    `lease` is how long a dead worker keeps the others waiting; `patience` how long a run may outlive its
    own time limit, and a stopping worker waits for its runs, before they are killed.
    """

    lease: float = 15.0
    heartbeat: float = 3.0
    outbox: float = 5.0
    watch: float = 0.5
    sweep: float = 30.0
    streams: float = 1.0
    patience: float = 10.0


class SessionTrigger(BaseTrigger):
    """An APScheduler trigger that fires by a schedule's exchange sessions."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first fire after the one before, or after now."""
        import pandas as pd

        fire = next_fire(self._schedule, pd.Timestamp(previous_fire_time or now).tz_convert("UTC"))
        return None if fire is None else fire.to_pydatetime()


def run_worker(
    home: str | PathLike[str] | None = None, *, once: bool = False, timing: Timing | None = None
) -> None:
    """Keep a desk's schedules and streams and deliver its alerts until SIGTERM or Ctrl-C.

    Any number of workers may run on one desk: a lease in the ledger lets one of them act, and another takes
    over when it ends or dies. What ran and what was missed is read from the ledger, never from memory.

    Parameters
    ----------
    home : path, optional
        Folder of the desk; else ``WORKBENCH_HOME``, else ``~/workbench-desk``.
    once : bool
        Do what is due now, wait for it, deliver, and return. Does nothing while another worker acts.
    timing : Timing, optional
        How often it looks.

    Raises
    ------
    DeskHomeError, SettingsError, DeskVersionError
        If the desk cannot be opened.
    """
    folder = home_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    settings = load_settings(folder)
    configure_logging(folder, settings.logs.level)
    bind_correlation_id()
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        worker = _Worker(folder, settings, ledger, timing or Timing())
        if once:
            worker.work_once()
        else:
            worker.work()


class _Worker:
    def __init__(self, home: Path, settings: Any, ledger: Ledger, timing: Timing) -> None:
        self.home = home
        self.settings = settings
        self.ledger = ledger
        self.timing = timing
        self.channels = open_channels(ledger, home)
        self.holder = f"{platform.node()}:{os.getpid()}:{uuid4().hex[:8]}"
        self.log = get_logger("worker", holder=self.holder)
        self._acting = False
        self._children: list[RunProcess] = []
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._schedules: dict[str, Schedule] = {}
        self._streams = StreamKeeper(home, ledger)

    # -- living ----------------------------------------------------------------------------------------

    def work(self) -> None:
        """Act while the lease is ours, wait while it is not, until told to stop."""
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler = BackgroundScheduler(timezone="UTC")
        every = self.timing
        for job, seconds in (
            (self._heartbeat, every.heartbeat),
            (self._watch, every.watch),
            (self._deliver, every.outbox),
            (self._keep_streams, every.streams),
            (lambda: self._sweep(scheduler), every.sweep),
        ):
            scheduler.add_job(
                self._guarded(job), "interval", seconds=seconds, max_instances=1, coalesce=True,
                misfire_grace_time=None, next_run_time=datetime.now(UTC),
            )  # fmt: skip
        with self._stopping_on_signals():
            self.log.info("worker_started")
            scheduler.start()
            self._stop.wait()
        scheduler.shutdown(wait=True)
        self._end_children()
        self._streams.end()
        self.ledger.leases.release(LEASE, self.holder)
        self.log.info("worker_stopped")

    def work_once(self) -> None:
        """Do what is due now, and wait for it."""
        if not self._renew():
            self.log.info("another_worker_acts", other=self.ledger.leases.holder(LEASE, _now()))
            return
        self._acting = True
        with self._stopping_on_signals():
            self._take_over()
            self._start_all_due()
            while self._children and not self._stop.is_set():
                self._watch()
                self._renew()
                time.sleep(self.timing.watch)
        self._end_children()
        self._deliver()
        self.ledger.leases.release(LEASE, self.holder)

    @contextlib.contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sign: signal.signal(sign, lambda *_: self._stop.set()) for sign in _STOPS}
        try:
            yield
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def _guarded(self, job: Callable[[], None]) -> Callable[[], None]:
        """Return a job that a passing trouble, such as a busy ledger, does not end."""

        def run() -> None:
            try:
                job()
            except Exception as error:
                self.log.exception("worker_job_failed", error=str(error))

        return run

    # -- the lease -------------------------------------------------------------------------------------

    def _heartbeat(self) -> None:
        with self._lock:
            held = self._acting
            self._acting = self._renew()
            if self._acting and not held:
                self.log.info("worker_acts")
                self._take_over()
                self._start_all_due()
            elif held and not self._acting:
                self.log.warning("worker_lost_its_lease")

    def _renew(self) -> bool:
        return self.ledger.leases.acquire(LEASE, self.holder, _now(), self.timing.lease)

    def _take_over(self) -> None:
        """Settle what a worker before us left."""
        for run_id in mark_interrupted(self.ledger, self.home, self.settings, channels=self.channels):
            self.log.warning("run_was_interrupted", run=run_id)
        self._end_overdue()

    def _end_overdue(self) -> None:
        """End scheduled runs that outlived their limit and have no worker to watch them any more."""
        watched = {child.pid for child in self._children}
        for row in self.ledger.runs.unfinished():
            process = row["process"]
            if row["scheduled_for"] is None or process.get("pid") in watched or not is_running(process):
                continue
            try:
                limit = find_pipeline(self.home, row["pipeline"]).settings.time_limit
            except WorkbenchError:
                continue
            if _now() > row["started_at"] + limit + timedelta(seconds=self.timing.patience):
                kill_family(int(process["pid"]))
                self._end(row, TIMED_OUT, out_of_time(row["pipeline"], limit))

    # -- what is due -----------------------------------------------------------------------------------

    def _sweep(self, scheduler: BackgroundScheduler) -> None:
        """Read the schedules again, and look for runs that nobody watches."""
        with self._lock:
            found = {pipeline.name: pipeline.settings.schedule for pipeline in self._scheduled()}
            for name in set(self._schedules) | set(found):
                schedule = found.get(name)
                if schedule == self._schedules.get(name):
                    continue
                if schedule is None:
                    scheduler.remove_job(f"pipeline:{name}")
                    del self._schedules[name]
                    continue
                scheduler.add_job(
                    self._guarded(lambda name=name: self._start_due(name)),  # type: ignore[misc]
                    SessionTrigger(schedule), id=f"pipeline:{name}", replace_existing=True, max_instances=1,
                    coalesce=True, misfire_grace_time=None,
                )  # fmt: skip
                self._schedules[name] = schedule
                self.log.info("schedule_read", pipeline=name, schedule=schedule.text)
            if self._acting:
                self._take_over()
                # The triggers wake us to the second; this catches what a sleeping machine slept through.
                self._start_all_due()

    def _scheduled(self) -> list[Pipeline]:
        pipelines = []
        for name in find_pipelines(self.home):
            try:
                pipeline = find_pipeline(self.home, name)
            except ScheduleError as error:
                self._tell_of_bad_schedule(name, str(error))
                continue
            if pipeline.settings.schedule is not None:
                pipelines.append(pipeline)
        return pipelines

    def _start_all_due(self) -> None:
        for pipeline in self._scheduled():
            self._guarded(lambda name=pipeline.name: self._start_due(name))()  # type: ignore[misc]

    def _start_due(self, name: str) -> None:
        """Start the run that is due, and record those that are not made up for."""
        with self._lock:
            if self._stop.is_set() or not self._renew():
                return
            pipeline = find_pipeline(self.home, name)
            schedule = pipeline.settings.schedule
            if schedule is None:
                return
            now = _now()
            fires = self._fires_since_last(name, schedule, now)
            if not fires:
                return
            *earlier, latest = fires
            for fire in earlier:
                self._skip(name, fire, f"Missed: no worker ran; `on_missed` is {schedule.on_missed}.")
            if now - latest > schedule.grace and schedule.on_missed == "skip":
                self._skip(name, latest, "Missed: no worker ran; `on_missed` is skip.")
            elif any(child.pipeline == name for child in self._children):
                if not any(child.scheduled_for == latest for child in self._children):
                    self._skip(name, latest, "The run before it was still running.")
            else:
                self._start(pipeline, latest)

    def _fires_since_last(self, name: str, schedule: Schedule, now: datetime) -> list[datetime]:
        import pandas as pd

        instant = pd.Timestamp(now)
        last = self.ledger.runs.last_scheduled(name)
        if last is None:
            since = instant - schedule.grace
            fires = missed_fires(schedule, since, instant)
            before = last_fire(schedule, instant)
            if not fires and before is not None:
                # A mark to count from: else a worker that dies before the first fire would leave no trace
                # from which the next one could tell that it was missed.
                self._skip(name, before.to_pydatetime(), "Before this desk's first worker.")
            return [fire.to_pydatetime() for fire in fires]
        since = pd.Timestamp(max(last, now - LONGEST_MISSED))
        return [fire.to_pydatetime() for fire in missed_fires(schedule, since, instant)]

    def _skip(self, name: str, fire: datetime, reason: str) -> None:
        if self.ledger.runs.record_skipped(name, fire, reason, _now()) is not None:
            self.log.warning("run_skipped", pipeline=name, scheduled_for=fire.isoformat(), reason=reason)

    def _tell_of_bad_schedule(self, name: str, error: str) -> None:
        now = _now()
        alert = {
            "rule_id": None, "name": f"{name} schedule", "severity": "warn", "body": error,
            "fact_key": f"schedule:{name}:{error}", "title": f"The schedule of {name} cannot be used",
            "facts": {"kind": "schedule", "pipeline": name, "error": error}, "raised_at": now, "as_of": now,
        }  # fmt: skip
        if self._acting and self.ledger.alerts.raise_once(alert, self.settings.alerts.channels) is not None:
            self.log.warning("schedule_unusable", pipeline=name, error=error)

    # -- runs in processes of their own ----------------------------------------------------------------

    def _start(self, pipeline: Pipeline, fire: datetime) -> None:
        child = RunProcess.start(self.home, pipeline, fire, patience=self.timing.patience)
        self._children.append(child)
        self.log.info("run_begins", pipeline=pipeline.name, scheduled_for=fire.isoformat(), pid=child.pid)

    def _watch(self) -> None:
        """Settle the runs whose process has ended, and end those that are out of time."""
        with self._lock:
            for child in list(self._children):
                code = child.exit_code
                if code is None and not child.overdue:
                    continue
                self._children.remove(child)
                if code is None:
                    child.kill()
                    self._settle(child, TIMED_OUT, out_of_time(child.pipeline, child.time_limit))
                else:
                    self._settle(child, INTERRUPTED if code < 0 else FAILED, child.ending())

    def _settle(self, child: RunProcess, status: str, error: str) -> None:
        """Finish the ledger's row of an ended process that did not do so itself."""
        for row in self.ledger.runs.unfinished():
            if row["process"].get("pid") == child.pid and row["pipeline"] == child.pipeline:
                self._end(row, status, error)
                return
        # Either the row is finished, which is the rule, or the process ended before it could begin one.
        run_id = self.ledger.runs.begin(
            child.pipeline, {}, scheduled_for=child.scheduled_for, correlation_id="",
            started_at=child.started_at, process=child.identity,
        )  # fmt: skip
        if run_id is not None:
            self._end(self.ledger.runs.get(run_id), status, error)

    def _end(self, row: dict[str, Any], status: str, error: str) -> None:
        run = end_run(self.ledger, self.home, self.settings, row, status, error, channels=self.channels)
        self.log.warning("run_ended", run=run.id, pipeline=run.pipeline, status=run.status, error=run.error)

    def _end_children(self) -> None:
        """Ask the runs in progress to stop, wait a little, kill what is left, and settle each."""
        with self._lock:
            for child in self._children:
                child.ask_to_stop()
            end = time.monotonic() + self.timing.patience
            for child in self._children:
                child.wait(end - time.monotonic())
                child.kill()
                self._settle(child, INTERRUPTED, f"`{child.pipeline}` was stopped with its worker.")
            self._children.clear()

    def _keep_streams(self) -> None:
        """Keep the remembered streams running, each in a process of its own."""
        if self._acting and not self._stop.is_set():
            self._streams.look()

    def _deliver(self) -> None:
        if self._acting:
            deliver_due(self.ledger, self.channels, _now(), holder=self.holder)


def _now() -> datetime:
    return datetime.now(UTC)
