"""The runs of the feeds: since when each one listens, and until when what it heard is in the lake.

A run that has no end while its holder is gone was cut off; what came after `durable_until` is a gap.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import pandas as pd
from sqlalchemy import insert, select, update

from workbench.errors import ArgumentError
from workbench.store.database import Database
from workbench.store.models import feeds
from workbench.store.types import utc_of

__all__ = ["FeedRun", "Feeds"]


@dataclass(frozen=True, slots=True)
class FeedRun:
    """One run of a feed; instants in UTC.

    Attributes
    ----------
    id : str
        Its identity.
    service, feed : str
        As in ``"alpaca"``, ``"stocks"``.
    started_at : Timestamp
        When it began to listen.
    durable_until : Timestamp or None
        Everything that it heard until then is in the lake; None if nothing is yet.
    holder : str
        The process that runs it.
    """

    id: str
    service: str
    feed: str
    started_at: pd.Timestamp
    durable_until: pd.Timestamp | None
    holder: str


class Feeds:
    """One row a run of a feed, from `begin` to `end`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, service: str, feed: str, *, holder: str, started_at: datetime) -> str:
        """Note that a feed begins to listen, and return the run's id."""
        run_id = uuid4().hex
        with self._database.write() as connection:
            connection.execute(
                insert(feeds).values(
                    id=run_id, service=service, feed=feed, holder=holder, started_at=utc_of(started_at)
                )
            )
        return run_id

    def durable(self, run_id: str, until: datetime) -> None:
        """Note that everything a run heard until an instant is in the lake; an earlier one changes nothing.

        Raises
        ------
        ArgumentError
            If there is no such run.
        """
        instant = utc_of(until)
        with self._database.write() as connection:
            known = connection.execute(
                select(feeds.c.durable_until).where(feeds.c.id == run_id)
            ).one_or_none()
            if known is None:
                raise _unknown(run_id)
            if known.durable_until is None or known.durable_until < instant:
                connection.execute(update(feeds).where(feeds.c.id == run_id).values(durable_until=instant))

    def end(self, run_id: str, ended_at: datetime) -> None:
        """Note that a run is over and what it missed is marked; ending it again changes nothing.

        Raises
        ------
        ArgumentError
            If there is no such run.
        """
        with self._database.write() as connection:
            if connection.execute(select(feeds.c.id).where(feeds.c.id == run_id)).one_or_none() is None:
                raise _unknown(run_id)
            connection.execute(
                update(feeds)
                .where(feeds.c.id == run_id, feeds.c.ended_at.is_(None))
                .values(ended_at=utc_of(ended_at))
            )

    def unfinished(self) -> list[FeedRun]:
        """Return the runs that have no end, the oldest first: those at work, and those that were cut off."""
        query = select(feeds).where(feeds.c.ended_at.is_(None)).order_by(feeds.c.started_at, feeds.c.id)
        return [
            FeedRun(
                id=row["id"],
                service=row["service"],
                feed=row["feed"],
                started_at=pd.Timestamp(row["started_at"]),
                durable_until=None if row["durable_until"] is None else pd.Timestamp(row["durable_until"]),
                holder=row["holder"],
            )
            for row in self._database.rows(query)
        ]

    def frame(self, limit: int = 50) -> pd.DataFrame:
        """Return the latest runs, the newest first: id, service, feed, started, durable, ended, holder."""
        return self._database.frame(
            select(feeds).order_by(feeds.c.started_at.desc(), feeds.c.id).limit(limit)
        )


def _unknown(run_id: str) -> ArgumentError:
    return ArgumentError(f"The ledger has no run {run_id!r} of a feed; begin one first.")
