"""Leases: a name that one holder has for a while, so that two workers never do the same work."""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from workbench.store.database import Database
from workbench.store.models import leases
from workbench.store.types import utc_of

__all__ = ["Leases"]


class Leases:
    """A lease ends by itself: a holder that dies blocks the next one only for its rest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, holder: str, now: datetime, seconds: float) -> bool:
        """Take a lease or renew one's own; return False while another holder has it."""
        instant = utc_of(now)
        until = instant + timedelta(seconds=seconds)
        with self._database.write() as connection:
            found = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
            if found is None:
                connection.execute(insert(leases).values(name=name, holder=holder, expires_at=until))
            elif found.holder != holder and found.expires_at > instant:
                return False
            else:
                connection.execute(
                    update(leases).where(leases.c.name == name).values(holder=holder, expires_at=until)
                )
        return True

    def release(self, name: str, holder: str) -> None:
        """Give a lease back; another holder's lease stays."""
        with self._database.write() as connection:
            connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))

    def holder(self, name: str, now: datetime) -> str | None:
        """Return who has a lease at this instant."""
        query = select(leases.c.holder).where(leases.c.name == name, leases.c.expires_at > utc_of(now))
        with self._database.read() as connection:
            found: str | None = connection.execute(query).scalar_one_or_none()
        return found
