"""The results of backtests, as documents."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pandas as pd
from sqlalchemy import func, insert, select

from workbench.store.database import Database
from workbench.store.models import backtests
from workbench.store.types import plain, utc_of

__all__ = ["Backtests"]


class Backtests:
    """Result documents by the key of what was tested."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, document: dict[str, Any], *, key: str, recorded_at: datetime) -> str:
        """Save a result; the same result under the same key again is not saved twice.

        Parameters
        ----------
        document : dict
            The result, with a `strategy`.
        key : str
            What was tested: the strategy, its parameters, its data.
        recorded_at : datetime
            With a time zone.

        Returns
        -------
        str
            The id of the stored result.
        """
        body = plain(document)
        with self._database.write() as connection:
            newest = connection.execute(
                select(backtests.c.id, backtests.c.document)
                .where(backtests.c.key == key)
                .order_by(backtests.c.number.desc())
                .limit(1)
            ).one_or_none()
            if newest is not None and newest.document == body:
                return str(newest.id)
            last = connection.execute(select(func.coalesce(func.max(backtests.c.number), 0))).scalar_one()
            result_id = uuid4().hex
            connection.execute(
                insert(backtests).values(
                    id=result_id,
                    number=last + 1,
                    key=key,
                    strategy=str(body.get("strategy", "")),
                    document=body,
                    recorded_at=utc_of(recorded_at),
                )
            )
        return result_id

    def latest(self, strategy: str | None = None) -> dict[str, Any] | None:
        """Return the result saved last, of one strategy or of any; None if there is none."""
        query = select(backtests.c.document).order_by(backtests.c.number.desc()).limit(1)
        if strategy is not None:
            query = query.where(backtests.c.strategy == strategy)
        found = self._database.rows(query)
        return dict(found[0]["document"]) if found else None

    def frame(self) -> pd.DataFrame:
        """Return all results, the newest first: id, key, strategy, recorded_at, document."""
        return self._database.frame(
            select(
                backtests.c.id,
                backtests.c.key,
                backtests.c.strategy,
                backtests.c.recorded_at,
                backtests.c.document,
            ).order_by(backtests.c.number.desc())
        )
