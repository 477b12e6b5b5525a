"""The messages on their way out: claimed by one holder at a time, tried again until they arrive."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import or_, select, update

from workbench.store.database import Database
from workbench.store.models import outbox
from workbench.store.types import utc_of

__all__ = ["Outbox", "OutboxMessage"]


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message to deliver; `attempts` counts this one too."""

    id: int
    alert_id: str
    channel: str
    payload: dict[str, Any]
    attempts: int


class Outbox:
    """Messages wait here until a channel has taken them; a message may arrive twice, never not at all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, now: datetime, limit: int, holder: str, seconds: float) -> list[OutboxMessage]:
        """Take messages that are due, oldest first; nobody else gets them for so many seconds.

        A holder that dies loses its claim when the time is up, and the message goes out again.
        """
        instant = utc_of(now)
        with self._database.write() as connection:
            due = (
                select(outbox.c.id, outbox.c.alert_id, outbox.c.channel, outbox.c.payload, outbox.c.attempts)
                .where(
                    outbox.c.state == "pending",
                    outbox.c.next_at <= instant,
                    or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until <= instant),
                )
                .order_by(outbox.c.next_at, outbox.c.id)
                .limit(limit)
            )
            messages = [
                OutboxMessage(row.id, row.alert_id, row.channel, row.payload, row.attempts + 1)
                for row in connection.execute(due)
            ]
            if messages:
                connection.execute(
                    update(outbox)
                    .where(outbox.c.id.in_([message.id for message in messages]))
                    .values(
                        holder=holder,
                        claimed_until=instant + timedelta(seconds=seconds),
                        attempts=outbox.c.attempts + 1,
                    )
                )
        return messages

    def delivered(self, message_id: int, at: datetime) -> None:
        """Note that a message has arrived."""
        self._settle(message_id, state="delivered", delivered_at=utc_of(at), error=None)

    def failed(self, message_id: int, error: str, retry_at: datetime | None = None) -> None:
        """Note that a message did not arrive; it is tried again at `retry_at`, or is dead without one."""
        if retry_at is None:
            self._settle(message_id, state="dead", error=error)
        else:
            self._settle(message_id, state="pending", error=error, next_at=utc_of(retry_at))

    def frame(self) -> pd.DataFrame:
        """Return all messages in the order they were queued; `state` is pending, delivered or dead."""
        return self._database.frame(select(outbox).order_by(outbox.c.id))

    def _settle(self, message_id: int, **values: object) -> None:
        with self._database.write() as connection:
            connection.execute(
                update(outbox)
                # A late word about a message that has arrived does not bring it back.
                .where(outbox.c.id == message_id, outbox.c.state != "delivered")
                .values(holder=None, claimed_until=None, **values)
            )
