"""Open the ledger's database, and run each transaction of it whole."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, Select, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import JSON

from workbench.errors import PermissionDeniedError
from workbench.store.failures import translate
from workbench.store.types import DecimalText, UtcDateTime, dump_json

__all__ = ["Database"]

_BUSY_SECONDS = 30


class Database:
    """One SQLite file with the settings that many processes need.

    WAL, so that readers never wait; ``synchronous=FULL``, so that a commit outlives a power cut;
    writers say BEGIN IMMEDIATE, because SQLite cannot wait for a lock in the middle of a
    transaction that began as a reader; others wait up to 30 s for the one who writes.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self.engine: Engine = create_engine(
            f"sqlite:///{path}",
            connect_args={"timeout": _BUSY_SECONDS},
            json_serializer=dump_json,
            hide_parameters=True,  # an error's text goes to logs, and the values are the user's
        )
        event.listen(self.engine, "connect", self._set_up)
        event.listen(self.engine, "begin", _begin)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Run the body as one transaction, on disk when it ends; an error in it undoes it all.

        Raises
        ------
        StoreBusyError
            If another process writes for longer than 30 s.
        StorageFullError
            If the disk is full; nothing was written.
        PermissionDeniedError
            If the ledger is open for reading only.
        """
        if self.read_only:
            raise PermissionDeniedError(
                f"The ledger {self.path} is open for reading only; open the desk as trader to write."
            )
        with self._translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Run the body on one unchanging view of the ledger; writers do not wait for it."""
        with self._translated(), self.engine.connect() as connection:
            reader = connection.execution_options(workbench_reads=True)
            with reader.begin():
                yield reader

    def rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        """Return a query's rows, each a dict by column."""
        with self.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def frame(self, query: Select[Any]) -> pd.DataFrame:
        """Return a query's rows as a frame: instants UTC-aware, decimals as Decimal, documents as dicts."""
        with self.read() as connection:
            result = connection.execute(query)
            return _frame(list(query.selected_columns), [tuple(row) for row in result])

    def copy_to(self, path: Path) -> None:
        """Copy the database into a new file, as of one instant, while others read and write it."""
        with self._translated(), closing(self.engine.raw_connection()) as connection:
            driver: Any = connection.driver_connection
            driver.execute("VACUUM INTO ?", (str(path),))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            failure = translate(error, self.path)
            if failure is error:
                raise
            raise failure from error

    def _set_up(self, connection: Any, _: Any) -> None:
        # The driver's own BEGIN comes too late and is deferred; `_begin` says it instead.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
        if self.read_only:
            cursor.execute("PRAGMA query_only = ON")
        else:
            cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("workbench_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _frame(columns: Sequence[Any], rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    names = [column.name for column in columns]
    values = list(zip(*rows, strict=True)) if rows else [() for _ in names]
    series: dict[str, Any] = {}
    for column, name, part in zip(columns, names, values, strict=True):
        if isinstance(column.type, UtcDateTime):
            series[name] = pd.Series(pd.to_datetime(list(part), utc=True)).astype("datetime64[us, UTC]")
        elif isinstance(column.type, (DecimalText, JSON)):
            series[name] = pd.Series(list(part), dtype="object")
        elif rows:
            series[name] = pd.Series(list(part))
        else:
            series[name] = pd.Series([], dtype="object")
    return pd.DataFrame(series, columns=names)
