"""What the lake answers: rows, the latest of them, what it holds, and how old that is."""

import hashlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import duckdb
import pandas as pd
import pyarrow as pa

from workbench.errors import StoreBusyError
from workbench.store import reading
from workbench.store.connection import CATALOG
from workbench.store.failures import is_busy, translate
from workbench.store.live_files import NOTHING, LiveFiles
from workbench.store.lock import StoreLock
from workbench.store.marks import WriteMarks
from workbench.store.tables import TABLES, TableSpec, table_spec

__all__ = ["LakeReader"]

Result = TypeVar("Result")
_READ_PATIENCE = 20.0


class LakeReader:
    """The half of a lake that reads; reads are single short statements and take no lock."""

    def __init__(
        self,
        folder: Path,
        connection: duckdb.DuckDBPyConnection,
        *,
        read_only: bool,
        threads: int,
        memory_limit: str,
        lock_timeout: float,
    ) -> None:
        self._folder = folder
        self._connection = connection
        self._read_only = read_only
        self._threads = threads
        self._memory_limit = memory_limit
        self._lock_timeout = lock_timeout
        self._lock = StoreLock(folder / "lock")
        self._marks = WriteMarks(folder / "lock.writes")
        self._files = LiveFiles(folder, self._marks)
        self._healed = -1.0

    @property
    def folder(self) -> Path:
        """The lake's folder."""
        return self._folder

    @property
    def read_only(self) -> bool:
        """Whether this lake refuses to write."""
        return self._read_only

    @property
    def size_bytes(self) -> int:
        """Bytes on disk: the catalog and every data file, those waiting for clean-up included."""
        total = 0
        for parent in (self._folder / "data").rglob("*"), self._folder.glob(f"{CATALOG}*"):
            for path in parent:
                with suppress(FileNotFoundError):  # a clean-up may run beside us
                    if path.is_file():
                        total += path.stat().st_size
        return total

    def read(
        self,
        table: str,
        *,
        symbols: str | Sequence[str] | None = None,
        start: date | datetime | str | None = None,
        end: date | datetime | str | None = None,
        known_at: datetime | None = None,
        columns: Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pd.DataFrame:
        """Read rows, sorted by the table's key.

        Parameters
        ----------
        table : str
            A name in `TABLES`.
        symbols : str or sequence of str, optional
            Only rows of these symbols; all, if not given.
        start, end : date, datetime or str, optional
            Bounds on the table's time, both included; without a zone they are UTC, and a date as
            `end` means that whole day.
        known_at : datetime, optional
            Read what the desk believed at that instant: corrections learned later are undone, rows
            learned later are left out. With a time zone.
        columns : sequence of str, optional
            The columns to return; all, if not given.
        where : mapping, optional
            Column to value, or to a list of values: only rows that equal it.

        Returns
        -------
        DataFrame
            A plain index; `time` and `recorded_at` are UTC-aware, dates are datetime64 without a zone.
        """
        spec = table_spec(table)
        asked: dict[str, Any] = {
            "symbols": symbols,
            "start": start,
            "end": end,
            "known_at": known_at,
            "columns": columns,
            "where": where,
        }
        if known_at is None:
            found = self._rows_of_files(spec, asked)
            if found is not None:
                return found
        return self._frame(reading.rows_query(spec, **asked))

    def revisions(
        self,
        table: str,
        *,
        symbols: str | Sequence[str] | None = None,
        known_at: datetime | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pd.DataFrame:
        """Read rows with all that they were before, by key and in the order in which they were learned.

        Parameters
        ----------
        table, symbols, where : optional but the first
            As in `read`.
        known_at : datetime, optional
            Only what had been learned by that instant. With a time zone.

        Returns
        -------
        DataFrame
            The table's columns, and `replaced_at`: until when a row was believed, missing for those that are.
        """
        query = reading.revisions_query(table_spec(table), symbols=symbols, known_at=known_at, where=where)
        return self._frame(query)

    def versions(
        self,
        table: str,
        *,
        symbols: str | Sequence[str] | None = None,
        start: date | datetime | str | None = None,
        end: date | datetime | str | None = None,
        where: Mapping[str, object] | None = None,
    ) -> pd.DataFrame:
        """Read every version of rows: what is believed now, and what was before it was corrected.

        Parameters
        ----------
        table, symbols, start, end, where
            As in `read`; each version is judged by its own values.

        Returns
        -------
        DataFrame
            The table's columns, and `replaced_at`, missing for the version that stands; sorted by the
            table's key, older versions first. The first `recorded_at` of a key is when it was first seen.
        """
        return self._frame(
            reading.versions_query(table_spec(table), symbols=symbols, start=start, end=end, where=where)
        )

    def mark(self, *tables: str) -> tuple[int, ...] | None:
        """Return what stands for the state of some tables: it is another one after every write to them.

        For caches: an answer is as good as new while the mark that was taken before it was asked for is
        still there. None means that somebody writes at this moment, and that nothing should be kept.
        """
        found = self._marks.read(*tables)
        if found is None and not self._read_only and time.monotonic() > self._healed + 1:
            self._healed = time.monotonic()
            # Whoever holds the lock is alive and will finish; only the mark of a dead writer is ours to end.
            with suppress(StoreBusyError), self._lock.hold("looking after a dead writer", 0):
                self._marks.settle(tables)
            found = self._marks.read(*tables)
        return found

    def file_lists(self) -> dict[str, float]:
        """Return how often the list of a table's files was at hand: `hits`, `misses`, `rate`, `entries`."""
        return self._files.use()

    def latest(
        self, table: str, symbols: str | Sequence[str] | None = None, at: date | datetime | str | None = None
    ) -> pd.DataFrame:
        """Return the last row of each symbol at or before `at`; a symbol without one has no row.

        Of intraday bars it is the last one of each interval.
        """
        spec = table_spec(table)
        found = self._frame(reading.latest_query(spec, symbols, at, lookback_days=31))
        # Most symbols traded last month, and looking there alone spares every older file.
        is_one_each = spec.series == (spec.group,)
        if symbols is not None and is_one_each and set(reading.as_list(symbols)) <= set(found[spec.group]):
            return found
        return self._frame(reading.latest_query(spec, symbols, at, lookback_days=None))

    def read_latest_quotes(
        self,
        symbols: str | Sequence[str],
        at: datetime | str | None = None,
        since: date | datetime | str | None = None,
    ) -> pd.DataFrame:
        """Return the last quote of each option contract at or before `at`, and not before `since`.

        Parameters
        ----------
        symbols : str or sequence of str
            OCC symbols, or underlyings, which mean all their contracts; both may be mixed.
        at, since : datetime or str, optional
            Bounds on the quotes' time, both included.
        """
        return self._frame(reading.latest_quotes_query(symbols, at, since))

    def summary(self, table: str) -> pd.DataFrame:
        """Return one line a symbol: `rows`, `first`, `last`, `source` and `recorded_at` of its last row."""
        return self._frame(reading.summary_query(table_spec(table))).set_index("symbol")

    def symbols(self, table: str) -> list[str]:
        """Return the symbols that a table has rows of, in order."""
        found = self._frame(reading.symbols_query(table_spec(table)))["symbol"]
        return [str(symbol) for symbol in found]

    def tables(self) -> pd.DataFrame:
        """Return one line a table: its size and its age.

        Returns
        -------
        DataFrame
            Index `table`; columns `rows`, `corrections`, `symbols`, `first` and `last` (of the
            table's time), `recorded_at` (the newest), `files`, `bytes` (of live data files).
        """
        return self._frame(reading.tables_query()).set_index("table")

    def snapshot(self) -> int:
        """Return the number of the newest snapshot; every write that changes something makes one more."""
        found = self._read(lambda cursor: cursor.execute("FROM ducklake_current_snapshot('lake')").fetchone())
        return int(found[0]) if found else 0

    def content_hashes(self) -> dict[str, str]:
        """Hash the rows of each table, history included; how rows lie in files does not matter."""
        held = self._held_columns()
        hashes = {}
        for spec in TABLES.values():
            for table, columns in (
                (spec.name, spec.stored),
                (spec.history, (*spec.stored, "replaced_at")),
            ):
                # A lake of an older version is hashed as it is.
                there = tuple(column for column in columns if column in held.get(table, ()))
                if there:
                    found = self._frame(reading.content_query(table, there)).iloc[0].tolist()
                    hashes[table] = hashlib.sha256(f"{there} {found}".encode()).hexdigest()
        return hashes

    def close(self) -> None:
        """Close the connection; closing twice does nothing."""
        self._connection.close()
        self._marks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Lake({str(self._folder)!r}{', read_only=True' if self._read_only else ''})"

    def _held_columns(self) -> dict[str, set[str]]:
        found = self._frame(reading.columns_query())
        return {str(table): set(columns) for table, columns in found.groupby("table")["column"]}

    def _rows_of_files(self, spec: TableSpec, asked: dict[str, Any]) -> pd.DataFrame | None:
        """Read straight from the files that hold the rows; None where the catalog has to be asked."""
        start, end = asked["start"], asked["end"]
        if spec.time is None and (start is not None or end is not None):
            return None
        first, last = reading.bounds_of(start, end)
        symbols = None if asked["symbols"] is None else reading.as_list(asked["symbols"])

        def read(cursor: duckdb.DuckDBPyConnection) -> pa.Table | None:
            origin = self._files.origin(cursor, spec, symbols=symbols, start=first, end=last)
            if origin is None:
                return None
            query = reading.rows_query(spec, **asked, origin=origin)
            if origin == NOTHING:
                names = asked["columns"] or spec.stored
                return pa.schema([(name, spec.arrow_type(name)) for name in names]).empty_table()
            try:
                return cursor.execute(query.text, query.values).to_arrow_table()
            except duckdb.IOException:
                # Maintenance took a file away since it was listed; or it is damaged, and then the
                # catalog's way says so.
                self._files.forget()
                return None

        rows = self._read(read)
        return None if rows is None else reading.aware(rows)

    def _frame(self, query: reading.Query) -> pd.DataFrame:
        return reading.aware(
            self._read(lambda cursor: cursor.execute(query.text, query.values).to_arrow_table())
        )

    def _read(self, work: Callable[[duckdb.DuckDBPyConnection], Result]) -> Result:
        deadline = time.monotonic() + _READ_PATIENCE
        while True:
            cursor = self._connection.cursor()
            try:
                return work(cursor)
            except (duckdb.Error, OSError) as error:
                # SQLite locks its catalog for an instant when the last process leaves or a dead one
                # is recovered from; the next try sees a whole catalog.
                if is_busy(error) and time.monotonic() < deadline:
                    time.sleep(random.uniform(0.005, 0.03))  # noqa: S311 - jitter, not a secret
                    continue
                failure = translate(error, self._folder)
                if failure is error:
                    raise
                raise failure from error
            finally:
                cursor.close()
