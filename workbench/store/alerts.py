"""The alerts that were raised: each fact once, together with the messages it sends."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import pandas as pd
from sqlalchemy import insert, select, update

from workbench.errors import ArgumentError
from workbench.store.database import Database
from workbench.store.models import alerts, outbox
from workbench.store.types import plain, utc_of

__all__ = ["Alerts"]


class Alerts:
    """Alerts, and how they were acknowledged."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def raise_once(self, alert: dict[str, Any], channels: Sequence[str]) -> str | None:
        """Raise an alert and queue its messages in one transaction, unless the fact has one already.

        Parameters
        ----------
        alert : dict
            `rule_id` (or None), `name`, `severity`, `fact_key` (what makes the fact itself),
            `title`, `body`, `facts` (a document), `raised_at`, `as_of` (instants with a time zone).
        channels : sequence of str
            Where to send it; a message each.

        Returns
        -------
        str or None
            The alert's id; None if this fact was raised before, whoever raised it.
        """
        with self._database.write() as connection:
            known = select(alerts.c.id).where(alerts.c.fact_key == alert["fact_key"])
            if connection.execute(known).first() is not None:
                return None
            alert_id = uuid4().hex
            raised_at = utc_of(alert["raised_at"])
            row = {
                "id": alert_id,
                "rule_id": alert.get("rule_id"),
                "name": alert["name"],
                "severity": alert["severity"],
                "fact_key": alert["fact_key"],
                "title": alert["title"],
                "body": alert.get("body", ""),
                "facts": plain(alert.get("facts", {})),
                "raised_at": raised_at,
                "as_of": utc_of(alert["as_of"]) if alert.get("as_of") is not None else None,
            }
            connection.execute(insert(alerts).values(**row))
            # A message carries all of the alert, so that a channel needs nothing but it.
            payload = {**plain(alert), **plain(row), "key": alert_id}
            for channel in dict.fromkeys(channels):
                connection.execute(
                    insert(outbox).values(
                        alert_id=alert_id,
                        channel=channel,
                        payload=payload,
                        state="pending",
                        attempts=0,
                        created_at=raised_at,
                        next_at=raised_at,
                    )
                )
        return alert_id

    def frame(self, limit: int | None = None, open_only: bool = False) -> pd.DataFrame:
        """Return alerts, the newest first.

        Parameters
        ----------
        limit : int, optional
            At most so many.
        open_only : bool
            Only those that nobody has acknowledged.
        """
        query = select(alerts).order_by(alerts.c.raised_at.desc(), alerts.c.id)
        if open_only:
            query = query.where(alerts.c.acknowledged_at.is_(None))
        if limit is not None:
            query = query.limit(limit)
        return self._database.frame(query)

    def acknowledge(self, alert_id: str, by: str, at: datetime) -> bool:
        """Note who has seen an alert; the first one stays.

        Returns
        -------
        bool
            False if it was acknowledged before.

        Raises
        ------
        ArgumentError
            If there is no such alert.
        """
        with self._database.write() as connection:
            found = connection.execute(
                select(alerts.c.acknowledged_at).where(alerts.c.id == alert_id)
            ).one_or_none()
            if found is None:
                raise ArgumentError(f"There is no alert {alert_id!r}; `alerts` lists those there are.")
            if found.acknowledged_at is not None:
                return False
            connection.execute(
                update(alerts)
                .where(alerts.c.id == alert_id)
                .values(acknowledged_by=by, acknowledged_at=utc_of(at))
            )
        return True
