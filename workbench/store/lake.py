"""The lake: bars, option quotes and corporate actions in DuckLake, shared by the processes of a desk."""

import hashlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import duckdb
import pandas as pd
import pyarrow as pa

from workbench.errors import DeskHomeError, DeskVersionError, PermissionDeniedError
from workbench.store import reading
from workbench.store.connection import CATALOG, connect
from workbench.store.failures import is_busy, translate
from workbench.store.incoming import prepare
from workbench.store.layout import FORMAT, found_format, make_current
from workbench.store.lock import StoreLock
from workbench.store.maintenance import compact_lake, expire_lake
from workbench.store.tables import TABLES, table_spec
from workbench.store.writing import write_rows

__all__ = ["Lake", "open_as_it_is"]

Result = TypeVar("Result")
_READ_PATIENCE = 20.0


class Lake:
    """The time series of a desk, open for many processes and threads at once.

    Use `Lake.open`. Reads are single short statements and take no lock; each sees one snapshot.
    Every write is one transaction under one lock, on disk when the call returns.
    """

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

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        read_only: bool = False,
        threads: int = 2,
        memory_limit: str = "2GB",
        lock_timeout: float = 120.0,
    ) -> Self:
        """Open the lake of a folder, and make one where there is none.

        Parameters
        ----------
        folder : str or Path
            The lake's folder, on a local disk.
        read_only : bool
            Refuse to write, and take no lock; the lake must exist.
        threads : int
            Threads for queries of this process.
        memory_limit : str
            Memory for queries of this process, such as ``"2GB"``.
        lock_timeout : float
            Seconds that a write waits for the writers before it.

        Raises
        ------
        DeskHomeError
            If `read_only` is asked for and there is no lake.
        DeskVersionError
            If a newer version made the lake, or an older one and it may only be read; or another version
            of DuckDB is installed.
        StorageFullError
            If there is no room to make it.
        StoreBusyError
            If another process holds the lake for longer than `lock_timeout`.
        """
        place = Path(folder).expanduser().absolute()
        found = found_format(place)
        if found < FORMAT:
            if read_only and not found:
                raise DeskHomeError(
                    f"There is no lake in {place}; load some data first, or name the right folder."
                )
            if read_only:
                raise DeskVersionError(
                    f"The lake in {place} was made by an older version; open the desk once as trader to "
                    "bring it up to date. Its rows stay as they are."
                )
            make_current(place, lock_timeout=lock_timeout)
        connection = connect(place, read_only=read_only, threads=threads, memory_limit=memory_limit)
        return cls(
            place,
            connection,
            read_only=read_only,
            threads=threads,
            memory_limit=memory_limit,
            lock_timeout=lock_timeout,
        )

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

    def write(
        self, table: str, frame: pd.DataFrame | pa.Table, *, source: str, recorded_at: datetime | None = None
    ) -> pd.DataFrame:
        """Write rows; the same rows again change nothing, a different value corrects the row there.

        Parameters
        ----------
        table : str
            A name in `TABLES`.
        frame : DataFrame or pyarrow.Table
            The table's columns; missing ones are stored as missing. Where a key comes twice the
            last row counts. Times without a zone are UTC.
        source : str
            Where the rows come from, kept with every row that is new or changed.
        recorded_at : datetime, optional
            When the desk learned of the rows, with a time zone; now, if not given.

        Returns
        -------
        DataFrame
            Index `symbol` (for the quarantine: the table that the rows were meant for); columns
            `new`, `changed`, `unchanged`, counts of rows.

        Raises
        ------
        ArgumentError
            If there is no such table.
        DataFormatError
            If a column is missing or cannot be read.
        StorageFullError
            If the disk is full; nothing was written.
        StoreBusyError
            If others write for longer than the lock's time limit.
        PermissionDeniedError
            If the lake is open for reading only.
        """
        self._refuse_if_read_only()
        spec = table_spec(table)
        incoming = prepare(spec, frame)
        instant = recorded_at if recorded_at is not None else datetime.now(UTC)
        if incoming.rows.num_rows == 0:
            return pd.DataFrame(
                {column: pd.Series(dtype="int64") for column in ("new", "changed", "unchanged")},
                index=pd.Index([], name="symbol", dtype="str"),
            )

        def merge(cursor: duckdb.DuckDBPyConnection) -> pd.DataFrame:
            return write_rows(
                cursor, self._folder / "data", spec, incoming, source=source, recorded_at=instant
            )

        return self._with_lock(f"writing {table}", merge)

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
        query = reading.rows_query(
            table_spec(table),
            symbols=symbols,
            start=start,
            end=end,
            known_at=known_at,
            columns=columns,
            where=where,
        )
        return self._frame(query)

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

    def compact(self) -> pd.DataFrame:
        """Merge small files and write out deletions, beside readers and writers.

        Returns
        -------
        DataFrame
            One line a table, history included: `files_before`, `files_after`.
        """
        self._refuse_if_read_only()
        return compact_lake(self._folder / "data", self._with_lock)

    def expire(self, older_than: datetime, *, files_older_than: datetime | None = None) -> int:
        """Forget snapshots made before `older_than`, and remove files that none needs.

        What `known_at` reads is in the tables of history and stays.

        Parameters
        ----------
        older_than : datetime
            With a time zone. The newest snapshot always stays.
        files_older_than : datetime, optional
            Files are removed when they have been out of use since before this instant; one day ago,
            if not given, so that a long query beside us keeps its files.

        Returns
        -------
        int
            Snapshots forgotten.
        """
        self._refuse_if_read_only()
        return expire_lake(self._with_lock, older_than, files_older_than)

    def close(self) -> None:
        """Close the connection; closing twice does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., "Lake"], tuple[Any, ...]]:
        # A spawned process opens its own connection: none survives the journey.
        settings = (self._folder, self._read_only, self._threads, self._memory_limit, self._lock_timeout)
        return _reopen, settings

    def __repr__(self) -> str:
        return f"Lake({str(self._folder)!r}{', read_only=True' if self._read_only else ''})"

    def _held_columns(self) -> dict[str, set[str]]:
        found = self._frame(reading.columns_query())
        return {str(table): set(columns) for table, columns in found.groupby("table")["column"]}

    def _refuse_if_read_only(self) -> None:
        if self._read_only:
            raise PermissionDeniedError(
                f"The lake in {self._folder} is open for reading only; open the desk as trader to write."
            )

    def _with_lock(self, purpose: str, work: Callable[[duckdb.DuckDBPyConnection], Result]) -> Result:
        with self._lock.hold(purpose, self._lock_timeout):
            cursor = self._connection.cursor()
            try:
                return work(cursor)
            except (duckdb.Error, OSError) as error:
                failure = translate(error, self._folder)
                if failure is error:
                    raise
                raise failure from error
            finally:
                cursor.close()

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


def open_as_it_is(folder: str | Path) -> Lake:
    """Open a lake for reading that may be of an older version, and leave it so.

    Only what speaks of whole tables, as `Lake.content_hashes`, works on an older one.

    Raises
    ------
    DeskHomeError
        If there is no lake.
    DeskVersionError
        If a newer version made it.
    """
    place = Path(folder).expanduser().absolute()
    if not found_format(place):
        raise DeskHomeError(f"There is no lake in {place}; name the right folder.")
    threads, memory_limit = 2, "2GB"
    connection = connect(place, read_only=True, threads=threads, memory_limit=memory_limit)
    return Lake(
        place, connection, read_only=True, threads=threads, memory_limit=memory_limit, lock_timeout=120.0
    )


def _reopen(folder: Path, read_only: bool, threads: int, memory_limit: str, lock_timeout: float) -> Lake:
    return Lake.open(
        folder, read_only=read_only, threads=threads, memory_limit=memory_limit, lock_timeout=lock_timeout
    )
