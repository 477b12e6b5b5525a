"""Make a lake, or bring an older one up to date, under the lock; a format number tells versions apart."""

import json
from pathlib import Path

import duckdb

from workbench.errors import DeskHomeError, DeskVersionError, StorageFullError
from workbench.store.connection import CATALOG, connect, quote_name
from workbench.store.data_files import ROW_GROUP
from workbench.store.durable import write_durably
from workbench.store.failures import is_storage_full, translate
from workbench.store.lock import StoreLock
from workbench.store.tables import TABLES, TableSpec

__all__ = ["FORMAT", "FORMAT_FILE", "found_format", "make_current"]

FORMAT = 2
"""The layout that this version writes. One more with every change to the tables or their meaning."""
FORMAT_FILE = "format.json"
"""Says the lake's format without opening the catalog, which another version might not be able to."""
_UNFINISHED = "unfinished"


def found_format(folder: Path) -> int:
    """Return the format of the lake in a folder; less than `FORMAT` where there is work to do.

    0 means that there is no lake, or that the making of one was cut short. A lake whose migration was
    cut short has the format before.

    Raises
    ------
    DeskVersionError
        If a newer version made the lake.
    DeskHomeError
        If the format file cannot be read, or the catalog is gone.
    """
    path = folder / FORMAT_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise DeskHomeError(
            f"{path} cannot be read ({error.strerror}); check its owner and permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise DeskHomeError(f"{path} is damaged; restore the desk from a backup.") from error
    try:
        document = json.loads(text)
        found = int(document["format"])
    except (ValueError, TypeError, KeyError) as error:
        raise DeskHomeError(
            f"{path} does not say a format number; restore the desk from a backup."
        ) from error
    if found > FORMAT:
        raise DeskVersionError(
            f"The lake in {folder} has format {found} and this version reads up to {FORMAT}; "
            "install the version of Workbench that made it."
        )
    if not (folder / CATALOG).exists():
        # The format is written last, so there was a catalog: a new one would hide every row there is.
        raise DeskHomeError(f"The lake's catalog {folder / CATALOG} is gone; restore the desk from a backup.")
    return found - 1 if document.get(_UNFINISHED) else found


def make_current(folder: Path, *, lock_timeout: float) -> None:
    """Make the lake of a folder, or bring an older one up to date; one process does it, others wait.

    No row of an older lake is read or written: tables and columns are added to its catalog. Killed at
    any point, the next opening does the rest, and no older version opens what is half done.

    Raises
    ------
    StorageFullError
        If there is no room.
    StoreBusyError
        If another process holds the lake for longer than `lock_timeout`.
    DeskHomeError
        If the folder cannot hold a lake.
    """
    try:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        with StoreLock(folder / "lock").hold("making the lake or bringing it up to date", lock_timeout):
            found = found_format(folder)
            if found == FORMAT:
                return
            if found:
                _write_format(folder, unfinished=True)
            connection = connect(folder, read_only=False, threads=1, memory_limit="1GB", create=not found)
            try:
                _create_tables(connection)
            finally:
                connection.close()
            _write_format(folder)
    except (duckdb.Error, OSError) as error:
        if isinstance(error, StorageFullError):
            raise
        if isinstance(error, OSError) and not is_storage_full(error) and not isinstance(error, duckdb.Error):
            raise DeskHomeError(
                f"A lake cannot be made in {folder} ({error}); choose a folder that you can write to."
            ) from error
        failure = translate(error, folder)
        if failure is error:
            raise
        raise failure from error


def _write_format(folder: Path, *, unfinished: bool = False) -> None:
    document: dict[str, int | bool] = {"format": FORMAT}
    if unfinished:
        document[_UNFINISHED] = True
    write_durably(folder / FORMAT_FILE, json.dumps(document) + "\n")


def _create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("BEGIN")
    for spec in TABLES.values():
        _create(connection, spec, spec.name, "")
        _create(connection, spec, spec.history, ", replaced_at TIMESTAMP")
    connection.execute("COMMIT")
    for option, value in (
        # With inlining on, a flush beside readers breaks them for good (ducklake #1305, #1413).
        ("data_inlining_row_limit", "0"),
        ("parquet_compression", "'zstd'"),
        ("parquet_version", "2"),
        ("parquet_row_group_size", str(ROW_GROUP)),
        # The write function sorts already; compaction still sorts.
        ("sort_on_insert", "false"),
    ):
        connection.execute(f"CALL lake.set_option('{option}', {value})")


def _create(connection: duckdb.DuckDBPyConnection, spec: TableSpec, name: str, extra: str) -> None:
    there = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = 'lake' AND table_name = $name",
        {"name": name},
    ).fetchall()
    if there:
        held = {column for (column,) in there}
        for column in spec.given:
            if column not in held:
                connection.execute(
                    f"ALTER TABLE lake.{name} ADD COLUMN {quote_name(column)} {spec.columns[column]}"
                )
        return
    columns = ", ".join(
        f"{quote_name(column)} {spec.columns[column]}{' NOT NULL' if column in spec.key else ''}"
        for column in spec.given
    )
    connection.execute(f"CREATE TABLE lake.{name} ({columns}, source VARCHAR, recorded_at TIMESTAMP{extra})")
    if spec.partition and spec.time:
        parts = ", ".join(f"{part}({quote_name(spec.time)})" for part in spec.partition)
        connection.execute(f"ALTER TABLE lake.{name} SET PARTITIONED BY ({parts})")
    order = ", ".join(f"{quote_name(column)} ASC" for column in spec.key)
    connection.execute(f"ALTER TABLE lake.{name} SET SORTED BY ({order})")
