"""The audit: who did what, in the order it happened; rows are added and never changed."""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import insert, select

from workbench.store.database import Database
from workbench.store.models import audit
from workbench.store.types import plain, utc_of

__all__ = ["Audit"]


class Audit:
    """Actions on the desk; the database itself refuses to change or remove one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self, action: str, actor: str, details: dict[str, Any], correlation_id: str | None, at: datetime
    ) -> int:
        """Add an action and return its number.

        Parameters
        ----------
        action : str
            What was done, such as "load_bars".
        actor : str
            Who did it.
        details : dict
            With what; never a secret.
        correlation_id : str or None
            The id that the log lines of the action carry.
        at : datetime
            With a time zone.
        """
        with self._database.write() as connection:
            result = connection.execute(
                insert(audit).values(
                    at=utc_of(at),
                    action=action,
                    actor=actor,
                    details=plain(details),
                    correlation_id=correlation_id,
                )
            )
            key = result.inserted_primary_key
        return int(key[0]) if key else 0

    def frame(self) -> pd.DataFrame:
        """Return all actions in order: id, at, action, actor, details, correlation_id."""
        return self._database.frame(select(audit).order_by(audit.c.id))
