"""The lake: bars, option quotes and corporate actions in DuckLake, shared by the processes of a desk."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import duckdb
import pandas as pd
import pyarrow as pa

from workbench.errors import ArgumentError, DeskHomeError, DeskVersionError, PermissionDeniedError
from workbench.store.connection import connect
from workbench.store.failures import translate
from workbench.store.incoming import prepare
from workbench.store.lake_reader import LakeReader
from workbench.store.layout import FORMAT, found_format, make_current
from workbench.store.maintenance import compact_lake, expire_lake, forget_rows
from workbench.store.tables import TABLES, table_spec
from workbench.store.writing import write_rows

__all__ = ["Lake", "open_as_it_is"]

Result = TypeVar("Result")


class Lake(LakeReader):
    """The time series of a desk, open for many processes and threads at once.

    Use `Lake.open`. Reads are single short statements and take no lock; each sees one snapshot.
    Every write is one transaction under one lock, on disk when the call returns.
    """

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
                cursor,
                self._folder / "data",
                spec,
                incoming,
                source=source,
                recorded_at=instant,
                threads=self._threads,
                committing=lambda: self._marks.changing([table]),
            )

        return self._with_lock(f"writing {table}", merge)

    def compact(self) -> pd.DataFrame:
        """Merge small files and write out deletions, beside readers and writers.

        Returns
        -------
        DataFrame
            One line a table, history included: `files_before`, `files_after`.
        """
        self._refuse_if_read_only()
        return compact_lake(self._folder / "data", self._with_lock, self._marks.changing)

    def forget(self, table: str, *, before: datetime) -> int:
        """Forget the rows of a table of ticks that are dated before an instant, for good.

        Their corrections go with them, so a read with `known_at` does not find them either: this is the
        one thing that destroys. Readers go on, and see the table before or after. The bytes leave the disk
        when the snapshots from before are forgotten too and their files are out of use, see `expire`.

        Parameters
        ----------
        table : str
            ``"quotes"`` or ``"trades"``.
        before : datetime
            With a time zone; a row of that very instant stays.

        Returns
        -------
        int
            Rows of the table that were forgotten, those of its history not counted.

        Raises
        ------
        ArgumentError
            If the table is none of ticks, or `before` has no time zone.
        """
        self._refuse_if_read_only()
        spec = table_spec(table)
        if not spec.fades:
            kept = ", ".join(each.name for each in TABLES.values() if each.fades)
            raise ArgumentError(f"The rows of {table} are kept for good; only those of {kept} are forgotten.")
        if before.tzinfo is None:
            raise ArgumentError(f"`before` is {before}, without a time zone; give one, as in UTC.")
        return forget_rows(self._folder / "data", self._with_lock, spec, before, self._marks.changing)

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

    def __reduce__(self) -> tuple[Callable[..., "Lake"], tuple[Any, ...]]:
        # A spawned process opens its own connection: none survives the journey.
        settings = (self._folder, self._read_only, self._threads, self._memory_limit, self._lock_timeout)
        return _reopen, settings

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
