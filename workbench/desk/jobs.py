"""Pipeline runs: find the notebook, run it, publish what it made, keep the truth about it in the ledger."""

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from workbench.channels import Channel
from workbench.desk.logs import child_environment, correlation_id, get_logger
from workbench.desk.outbox import deliver_due
from workbench.desk.schedule import PipelineSettings, read_pipeline_settings
from workbench.errors import ArgumentError, PipelineError, PipelineTimeoutError, UnknownPipelineError
from workbench.reports import publish as publishing
from workbench.settings import DeskSettings, project_folder
from workbench.store import Ledger

SUCCEEDED, FAILED, TIMED_OUT, INTERRUPTED = "succeeded", "failed", "timed_out", "interrupted"
GIVEN_BY_THE_RUN = ("home", "output_folder", "run_id")
_SEVERITY = {FAILED: "critical", TIMED_OUT: "critical", INTERRUPTED: "warn"}
_HAPPENED = {FAILED: "failed", TIMED_OUT: "ran out of time", INTERRUPTED: "was interrupted"}
# Clocks are corrected while machines run, which moves what the system says of a process's start a little.
_SAME_START_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A notebook that can be run by name, with its settings."""

    name: str
    notebook: Path
    settings: PipelineSettings


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline and its outcome; times in UTC.

    `outputs` holds what the notebook said in its ``outputs.json``, with the paths of its files. `status` is
    succeeded, failed, timed_out or interrupted.
    """

    id: str
    pipeline: str
    status: str
    outputs: dict[str, Any]
    error: str | None
    started_at: datetime
    finished_at: datetime
    folder: Path

    @property
    def succeeded(self) -> bool:
        """Whether the run did all that it was asked for."""
        return self.status == SUCCEEDED

    def raise_if_failed(self) -> None:
        """Raise what went wrong, for callers that cannot go on without the run's result.

        Raises
        ------
        PipelineError
            If the run did not succeed.
        """
        if not self.succeeded:
            raise PipelineError(self.error or f"`{self.pipeline}` {self.status}; see {self.folder}.")

    def _repr_html_(self) -> str:
        seconds = (self.finished_at - self.started_at).total_seconds()
        message = self.outputs.get("message") or self.error or ""
        return (
            f"<div><strong>{escape(self.pipeline)} {escape(self.status)}</strong> "
            f"<span>{self.started_at:%Y-%m-%d %H:%M} UTC · {seconds:.1f} s · run {escape(self.id)}</span>"
            f"<p>{escape(str(message))}</p><p>{escape(str(self.folder))}</p></div>"
        )


@dataclass(slots=True)
class _Outcome:
    status: str = SUCCEEDED
    error: str | None = None
    attempts: int = 1
    raised: BaseException | None = field(default=None, repr=False)


def find_pipelines(home: Path) -> dict[str, Path]:
    """Return the notebooks of pipelines by name: the project's, and the desk's own in ``<home>/pipelines``.

    A notebook of the desk's own with the name of one of the project's takes its place.
    """
    folders = (project_folder("pipelines"), home / "pipelines")
    found = {path.stem: path for folder in folders for path in sorted(folder.glob("*.ipynb"))}
    return dict(sorted(found.items()))


def find_pipeline(home: Path, name: str) -> Pipeline:
    """Return a pipeline by name.

    Raises
    ------
    UnknownPipelineError
        If there is none of that name; names the nearest.
    ScheduleError
        If the settings beside it cannot be used.
    """
    known = find_pipelines(home)
    if name not in known:
        near = get_close_matches(name, known, n=3) or list(known)[:5]
        raise UnknownPipelineError(
            f"There is no pipeline {name!r}. The nearest: {', '.join(near) or 'none'}; "
            f"put your own notebooks into {home / 'pipelines'}."
        )
    return Pipeline(name, known[name], read_pipeline_settings(known[name].with_suffix(".toml")))


def run_pipeline(
    ledger: Ledger,
    home: Path,
    settings: DeskSettings,
    pipeline: str,
    parameters: Mapping[str, object] | None = None,
    *,
    channels: Mapping[str, Channel],
    scheduled_for: str | datetime | pd.Timestamp | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Run:
    """Run a pipeline in a kernel of its own and record what came of it.

    A failure is a failure: the run is marked, its partial notebook kept and published, an alert raised and
    delivered. It is returned, not raised; `Run.raise_if_failed` raises it.

    Parameters
    ----------
    ledger, home, settings
        Of the desk.
    pipeline : str
        Name of the pipeline.
    parameters : mapping, optional
        Values for its notebook's parameters cell.
    channels : mapping
        The desk's channels by name, for the alert of a failure.
    scheduled_for : instant, optional
        The time that a schedule gave it: at most one run has each, and only such a run is tried again.
    on_progress : callable, optional
        Called before each cell with its number, their count, and its heading.

    Raises
    ------
    UnknownPipelineError
        If no pipeline has that name.
    ArgumentError
        If a parameter is none of the notebook's, or holds a secret; nothing was recorded.
    PipelineError
        If a run for that scheduled time is there already.
    """
    # papermill takes a second to import, which a desk that runs nothing need not pay.
    from workbench.reports.run import check_parameters, parameter_names

    found = find_pipeline(home, pipeline)
    values = dict(parameters or {})
    for name in GIVEN_BY_THE_RUN:
        if name in values:
            raise ArgumentError(f"`{name}` is given by the run itself; leave it out.")
    check_parameters(found.notebook, values)
    mark_interrupted(ledger, home, settings, channels=channels)
    planned = _instant(scheduled_for)
    started = _now()
    run_id = ledger.runs.begin(
        pipeline,
        values,
        scheduled_for=planned,
        correlation_id=correlation_id(),
        started_at=started,
        process=this_process(),
    )
    if run_id is None:
        raise PipelineError(f"`{pipeline}` for {planned} has a run already; `workbench runs` shows it.")
    log = get_logger("jobs")
    log.info("run_started", run=run_id, pipeline=pipeline, scheduled_for=str(planned or ""))
    staging = publishing.staging_folder(home / "reports", pipeline, run_id)
    given = {"home": home, "output_folder": staging, "run_id": run_id}
    wanted = parameter_names(found.notebook)
    values |= {name: value for name, value in given.items() if name in wanted}
    retries = found.settings.retries if planned is not None else 0
    outcome = _attempt(found, staging, values, retries=retries, on_progress=on_progress)
    run = _finish(
        ledger, home, settings, _Began(run_id, pipeline, started), outcome, channels=channels, now=_now()
    )
    log.info("run_finished", run=run_id, pipeline=pipeline, status=run.status, error=run.error)
    if outcome.raised is not None:
        raise outcome.raised
    return run


@dataclass(frozen=True, slots=True)
class _Began:
    """What is known of a run before it ends."""

    id: str
    pipeline: str
    started_at: datetime


def _attempt(
    pipeline: Pipeline,
    staging: Path,
    values: dict[str, object],
    *,
    retries: int,
    on_progress: Callable[[int, int, str], None] | None,
) -> _Outcome:
    """Execute the notebook, again after a failure while retries and time are left."""
    from workbench.reports.run import execute_notebook

    deadline = time.monotonic() + pipeline.settings.time_limit.total_seconds()
    wait = pipeline.settings.retry_wait.total_seconds()
    outcome = _Outcome()
    for attempt in range(1, retries + 2):
        outcome = _Outcome(attempts=attempt)
        try:
            execute_notebook(
                pipeline.notebook,
                staging / publishing.NOTEBOOK_FILE,
                values,
                time_limit=max(deadline - time.monotonic(), 0.0),
                on_progress=on_progress,
                environment=child_environment(),
            )
        except PipelineTimeoutError as error:
            outcome.status, outcome.error = TIMED_OUT, str(error)
        except Exception as error:  # noqa: BLE001 - whatever ended the run, the ledger must say so
            outcome.status, outcome.error = FAILED, _sentence(error)
        except BaseException as error:  # noqa: BLE001 - Ctrl-C and a stopping worker are recorded, then go on
            outcome.status, outcome.error = INTERRUPTED, f"`{pipeline.name}` was stopped by its user."
            outcome.raised = error
        last = attempt > retries or time.monotonic() + wait >= deadline
        if outcome.status != FAILED or last:
            return outcome
        get_logger("jobs").warning("run_retried", pipeline=pipeline.name, error=outcome.error)
        kept = staging / publishing.NOTEBOOK_FILE
        if kept.exists():
            kept.replace(staging / f"attempt_{attempt}.ipynb")
        time.sleep(wait)
    return outcome


def mark_interrupted(
    ledger: Ledger, home: Path, settings: DeskSettings, *, channels: Mapping[str, Channel]
) -> list[str]:
    """Mark the runs whose process is gone, publish what they left, raise an alert each; return their ids.

    Only runs of this machine are looked at: of a process elsewhere nothing can be known from here. A run
    that had published its result before its process ended keeps that result.
    """
    marked = []
    for row in ledger.runs.unfinished():
        if is_running(row["process"]) is False:
            end_run(ledger, home, settings, row, INTERRUPTED, _GONE, channels=channels)
            marked.append(str(row["id"]))
    return marked


_GONE = "The process of the run ended before the run did; run it again."


def end_run(
    ledger: Ledger,
    home: Path,
    settings: DeskSettings,
    row: Mapping[str, Any],
    status: str,
    error: str,
    *,
    channels: Mapping[str, Channel],
) -> Run:
    """Finish, from outside, a run of the ledger (its `row`) whose own process can no longer do so."""
    began = _Began(row["id"], row["pipeline"], row["started_at"])
    folder = publishing.run_folder(home / "reports", began.pipeline, began.id)
    written = publishing.read_json(folder / publishing.RUN_FILE)
    outcome = _Outcome(status=status, error=error)
    if written.get("status"):
        # The process published its result and ended before it told the ledger.
        outcome = _Outcome(status=str(written["status"]), error=written.get("error"))
    return _finish(ledger, home, settings, began, outcome, channels=channels, now=_now())


def _finish(
    ledger: Ledger,
    home: Path,
    settings: DeskSettings,
    began: _Began,
    outcome: _Outcome,
    *,
    channels: Mapping[str, Channel],
    now: datetime,
) -> Run:
    """Publish the run's folder, raise the alert of a failure, finish the row, and list the run."""
    reports = home / "reports"
    staging = publishing.staging_folder(reports, began.pipeline, began.id)
    folder = publishing.run_folder(reports, began.pipeline, began.id)
    document = {
        "id": began.id,
        "pipeline": began.pipeline,
        "status": outcome.status,
        "error": outcome.error,
        "attempts": outcome.attempts,
        "started_at": began.started_at,
        "finished_at": now,
    }
    try:
        if not folder.exists():
            staging.mkdir(parents=True, exist_ok=True)
            publishing.write_json(staging / publishing.RUN_FILE, document)
            publishing.publish_folder(staging, folder)
    except Exception as error:  # noqa: BLE001 - a full disk must not leave the run as running
        outcome.status, outcome.error = FAILED, _sentence(error)
        folder = staging
    outputs = _outputs(folder) if folder.exists() else {}
    if outcome.status != SUCCEEDED:
        # Before the row says so: a process that dies in between is found by its running row, and the same
        # fact is not raised twice; the other way round the failure would be told to nobody.
        _raise_alert(ledger, settings, began, outcome, folder, now=now)
    ledger.runs.finish(began.id, outcome.status, now, outputs, outcome.error)
    try:
        publishing.write_index(reports)
    except Exception as error:  # noqa: BLE001 - the page of reports is made anew by the next run
        get_logger("jobs").warning("index_not_written", error=_sentence(error))
    if outcome.status != SUCCEEDED:
        deliver_due(ledger, channels, now, holder=f"job-{began.id}")
    return Run(
        id=began.id,
        pipeline=began.pipeline,
        status=outcome.status,
        outputs=outputs,
        error=outcome.error,
        started_at=began.started_at,
        finished_at=now,
        folder=folder,
    )


def _outputs(folder: Path) -> dict[str, Any]:
    """Return what the notebook said, with the full paths of its files."""
    outputs = publishing.read_json(folder / publishing.OUTPUTS_FILE)
    files = outputs.pop("files", None) or {}
    paths = {name: str(folder / Path(file).name) for name, file in files.items()}
    notebook = folder / publishing.NOTEBOOK_FILE
    if notebook.exists():
        paths["notebook"] = str(notebook)
    return {**outputs, **paths}


def _raise_alert(
    ledger: Ledger,
    settings: DeskSettings,
    began: _Began,
    outcome: _Outcome,
    folder: Path,
    *,
    now: datetime,
) -> None:
    alert = {
        "rule_id": None,
        "name": f"{began.pipeline} job",
        "severity": _SEVERITY[outcome.status],
        "fact_key": f"job_failure:{began.id}",
        "title": f"Pipeline {began.pipeline} {_HAPPENED[outcome.status]}",
        "body": f"{outcome.error} What it left is in {folder}.",
        "facts": {
            "kind": "job_failure",
            "pipeline": began.pipeline,
            "run_id": began.id,
            "status": outcome.status,
            "error": outcome.error,
            "started_at": began.started_at.isoformat(),
        },
        "raised_at": now,
        "as_of": now,
        "correlation_id": correlation_id(),
    }
    ledger.alerts.raise_once(alert, settings.alerts.channels)


def this_process() -> dict[str, Any]:
    """Return what tells this process from any other: number, machine, and when it began."""
    process = psutil.Process()
    return {"pid": process.pid, "host": platform.node(), "started": process.create_time()}


def is_running(process: Mapping[str, Any] | None) -> bool | None:
    """Return whether a recorded process still runs here; None when it was another machine's.

    A number is used again after a process ends, so its start is compared too.
    """
    if not process or process.get("host") != platform.node():
        return None
    try:
        found = psutil.Process(int(process["pid"]))
        if abs(found.create_time() - float(process["started"])) >= _SAME_START_SECONDS:
            return False
        return bool(found.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if text else type(error).__name__


def _instant(value: str | datetime | pd.Timestamp | None) -> datetime | None:
    if value is None:
        return None
    try:
        stamp = pd.Timestamp(value)
    except ValueError as error:
        raise ArgumentError(
            f"`scheduled_for` is {value!r}; give a time such as 2026-11-20T13:55Z."
        ) from error
    aware = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    return aware.to_pydatetime()


def _now() -> datetime:
    return datetime.now(UTC)
