"""The runs of pipelines: what was started, when, with what, and how it ended."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pandas as pd
from sqlalchemy import Connection, func, insert, select, update

from workbench.errors import ArgumentError
from workbench.store.database import Database
from workbench.store.models import runs
from workbench.store.types import plain, utc_of

__all__ = ["FINAL_STATUSES", "Runs"]

FINAL_STATUSES = ("succeeded", "failed", "timed_out", "skipped", "interrupted")
"""How a run can end; until then it is "running"."""


class Runs:
    """One row a run; a scheduled minute of a pipeline has at most one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        pipeline: str,
        parameters: dict[str, Any],
        *,
        scheduled_for: datetime | None = None,
        correlation_id: str,
        started_at: datetime,
        process: dict[str, Any],
    ) -> str | None:
        """Note that a run starts.

        Parameters
        ----------
        pipeline : str
            The pipeline's name.
        parameters : dict
            What it runs with; never a secret.
        scheduled_for : datetime, optional
            The time of the schedule that it runs for.
        correlation_id : str
            The id that its log lines carry.
        started_at : datetime
            With a time zone.
        process : dict
            `pid`, `host` and `started` of the process that runs it.

        Returns
        -------
        str or None
            The run's id; None if this pipeline has a run for `scheduled_for` already.
        """
        with self._database.write() as connection:
            if _is_taken(connection, pipeline, scheduled_for):
                return None
            return _add(
                connection,
                pipeline=pipeline,
                parameters=plain(parameters),
                scheduled_for=utc_of(scheduled_for) if scheduled_for is not None else None,
                correlation_id=correlation_id,
                status="running",
                started_at=utc_of(started_at),
                process=plain(process),
            )

    def finish(
        self,
        run_id: str,
        status: str,
        finished_at: datetime,
        outputs: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> bool:
        """Note how a run ended; a run that has ended stays as it is.

        Returns
        -------
        bool
            False if the run had ended before.

        Raises
        ------
        ArgumentError
            If the status is none of `FINAL_STATUSES`, or there is no such run.
        """
        if status not in FINAL_STATUSES:
            raise ArgumentError(f"A run cannot end as {status!r}; it ends as {', '.join(FINAL_STATUSES)}.")
        with self._database.write() as connection:
            found = connection.execute(select(runs.c.status).where(runs.c.id == run_id)).one_or_none()
            if found is None:
                raise ArgumentError(f"There is no run {run_id!r}; `runs` lists those there are.")
            if found.status != "running":
                return False
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id)
                .values(
                    status=status, finished_at=utc_of(finished_at), outputs=plain(outputs or {}), error=error
                )
            )
        return True

    def record_skipped(self, pipeline: str, scheduled_for: datetime, reason: str, at: datetime) -> str | None:
        """Note that a scheduled run was left out, with the reason as its error; None if it has a row."""
        with self._database.write() as connection:
            if _is_taken(connection, pipeline, scheduled_for):
                return None
            return _add(
                connection,
                pipeline=pipeline,
                parameters={},
                scheduled_for=utc_of(scheduled_for),
                correlation_id="",
                status="skipped",
                started_at=utc_of(at),
                finished_at=utc_of(at),
                error=reason,
                process={},
            )

    def get(self, run_id: str) -> dict[str, Any]:
        """Return a run as a dict.

        Its keys are id, pipeline, parameters, scheduled_for, correlation_id, status, started_at,
        finished_at, outputs, error and process.

        Raises
        ------
        ArgumentError
            If there is no such run.
        """
        found = self._database.rows(select(runs).where(runs.c.id == run_id))
        if not found:
            raise ArgumentError(f"There is no run {run_id!r}; `runs` lists those there are.")
        return found[0]

    def frame(self, limit: int | None = 50, pipeline: str | None = None) -> pd.DataFrame:
        """Return runs, the newest first."""
        query = select(runs).order_by(runs.c.started_at.desc(), runs.c.id)
        if pipeline is not None:
            query = query.where(runs.c.pipeline == pipeline)
        if limit is not None:
            query = query.limit(limit)
        return self._database.frame(query)

    def last_scheduled(self, pipeline: str) -> datetime | None:
        """Return the newest scheduled time that a pipeline has a run for, whatever became of it."""
        query = select(func.max(runs.c.scheduled_for, type_=runs.c.scheduled_for.type)).where(
            runs.c.pipeline == pipeline
        )
        with self._database.read() as connection:
            found: datetime | None = connection.execute(query).scalar_one_or_none()
        return found

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the runs that say "running", oldest first; a process that died leaves its run so."""
        return self._database.rows(select(runs).where(runs.c.status == "running").order_by(runs.c.started_at))


def _is_taken(connection: Connection, pipeline: str, scheduled_for: datetime | None) -> bool:
    if scheduled_for is None:
        return False
    query = select(runs.c.id).where(
        runs.c.pipeline == pipeline, runs.c.scheduled_for == utc_of(scheduled_for)
    )
    return connection.execute(query).first() is not None


def _add(connection: Connection, **values: Any) -> str:
    run_id = uuid4().hex
    connection.execute(insert(runs).values(id=run_id, outputs={}, **values))
    return run_id
