"""The ledger: fills, rules, alerts, messages, runs, leases, results, coverage, feeds and the audit."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import inspect, select

from workbench.errors import DeskHomeError
from workbench.store.alerts import Alerts
from workbench.store.audit import Audit
from workbench.store.backtests import Backtests
from workbench.store.coverage import Coverage
from workbench.store.database import Database
from workbench.store.feeds import Feeds
from workbench.store.fills import Fills
from workbench.store.inbox import Inbox
from workbench.store.leases import Leases
from workbench.store.models import metadata
from workbench.store.outbox import Outbox
from workbench.store.rules import Rules
from workbench.store.runs import Runs
from workbench.store.schema import is_current, refuse_newer, upgrade
from workbench.store.types import dump_json

__all__ = ["Ledger", "open_as_it_is"]


class Ledger:
    """The transactions of a desk, open for many processes and threads at once.

    Use `Ledger.open`. Every write is one transaction, on disk when the call returns.

    Attributes
    ----------
    fills, rules, alerts, outbox, inbox, runs, leases, backtests, coverage, feeds, audit
        One object a kind of row, each with its own few methods.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.fills = Fills(database)
        self.rules = Rules(database)
        self.alerts = Alerts(database)
        self.outbox = Outbox(database)
        self.inbox = Inbox(database)
        self.runs = Runs(database)
        self.leases = Leases(database)
        self.backtests = Backtests(database)
        self.coverage = Coverage(database)
        self.feeds = Feeds(database)
        self.audit = Audit(database)

    @classmethod
    def open(cls, path: str | Path, *, read_only: bool = False, lock_timeout: float = 60.0) -> Self:
        """Open the ledger of a desk; make it, or bring it up to date, where that is needed.

        Parameters
        ----------
        path : str or Path
            The database file, on a local disk.
        read_only : bool
            Refuse to write; the ledger must exist and be up to date.
        lock_timeout : float
            Seconds to wait while another process brings it up to date.

        Raises
        ------
        DeskVersionError
            If a newer version made the ledger; or if `read_only` is asked for and it is older.
        DeskHomeError
            If the file is no ledger, or there is none and `read_only` is asked for.
        StorageFullError
            If there is no room.
        """
        place = Path(path).expanduser().absolute()
        if not is_current(place):
            if read_only and not place.exists():
                raise DeskHomeError(
                    f"There is no ledger {place}; load some data first, or name the right folder."
                )
            upgrade(place, read_only=read_only, lock_timeout=lock_timeout)
        return cls(Database(place, read_only=read_only))

    @property
    def path(self) -> Path:
        """The database file."""
        return self._database.path

    @property
    def read_only(self) -> bool:
        """Whether this ledger refuses to write."""
        return self._database.read_only

    @property
    def size_bytes(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def content_hashes(self) -> dict[str, str]:
        """Hash the rows of each table, all as of one instant."""
        hashes = {}
        with self._database.read() as connection:
            held = set(inspect(connection).get_table_names())
            for table in metadata.sorted_tables:
                if table.name not in held:  # a ledger of an older version
                    continue
                digest = hashlib.sha256(",".join(table.columns.keys()).encode())
                for row in connection.execute(select(table).order_by(*table.primary_key.columns)):
                    digest.update(dump_json(list(row)).encode() + b"\n")
                hashes[table.name] = digest.hexdigest()
        return hashes

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """Keep every writer waiting for the body of the ``with`` statement; readers go on."""
        with self._database.write():
            yield

    def copy_to(self, path: Path) -> None:
        """Copy the ledger into a new file, as of one instant, while others read and write it."""
        self._database.copy_to(path)

    def close(self) -> None:
        """Close the connections; closing twice does nothing."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., "Ledger"], tuple[Any, ...]]:
        # A spawned process opens its own connections: none survives the journey.
        return _reopen, (self.path, self.read_only)

    def __repr__(self) -> str:
        return f"Ledger({str(self.path)!r}{', read_only=True' if self.read_only else ''})"


def open_as_it_is(path: str | Path) -> Ledger:
    """Open a ledger for reading that may be of an older version, and leave it so.

    Only `Ledger.content_hashes` works on an older one.

    Raises
    ------
    DeskHomeError
        If there is none.
    DeskVersionError
        If a newer version made it.
    """
    place = Path(path).expanduser().absolute()
    if not place.exists():
        raise DeskHomeError(f"There is no ledger {place}; name the right folder.")
    if not is_current(place):
        refuse_newer(place)
    return Ledger(Database(place, read_only=True))


def _reopen(path: Path, read_only: bool) -> Ledger:
    return Ledger.open(path, read_only=read_only)
