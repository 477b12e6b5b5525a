"""The alert inbox: messages that a person reads inside the desk."""

from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import insert, select

from workbench.store.database import Database
from workbench.store.models import inbox
from workbench.store.types import plain, utc_of

__all__ = ["Inbox"]


class Inbox:
    """Messages by their key: the same one twice is there once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, message_key: str, payload: dict[str, Any], at: datetime) -> bool:
        """Put a message in; return False if its key is there already."""
        with self._database.write() as connection:
            if connection.execute(
                select(inbox.c.message_key).where(inbox.c.message_key == message_key)
            ).first():
                return False
            connection.execute(
                insert(inbox).values(message_key=message_key, payload=plain(payload), received_at=utc_of(at))
            )
        return True

    def frame(self) -> pd.DataFrame:
        """Return the messages, the newest first: message_key, payload, received_at."""
        return self._database.frame(select(inbox).order_by(inbox.c.received_at.desc(), inbox.c.message_key))
