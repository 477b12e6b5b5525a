"""Open DuckDB with the two extensions of the lake, from the installed packages and never from a network."""

import importlib.util
import random
import time
from pathlib import Path

import duckdb

from workbench.errors import DeskVersionError
from workbench.store.failures import is_busy, translate

__all__ = ["CATALOG", "CATALOG_TABLES", "column_numbers", "connect", "quote_name", "quote_text"]

_DUCKDB = "1.5.5"
_EXTENSIONS = {
    "ducklake": "duckdb_extension_ducklake",
    "sqlite_scanner": "duckdb_extension_sqlite_scanner",
}
_ATTACH_PATIENCE = 30.0
CATALOG = "catalog.sqlite"
"""The file in a lake's folder that knows which Parquet files make up each table."""
CATALOG_TABLES = "__ducklake_metadata_lake"
"""Where DuckDB shows the catalog's own tables; only ever read."""


def quote_name(name: str) -> str:
    """Write a name of ours as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str | Path) -> str:
    """Write a text as an SQL literal, where a statement takes no parameters."""
    return "'" + str(text).replace("'", "''") + "'"


def column_numbers(cursor: duckdb.DuckDBPyConnection, table: str) -> dict[str, int]:
    """Return the number by which the lake's files know each column of a table."""
    rows = cursor.execute(
        f"SELECT column_name, column_id FROM {CATALOG_TABLES}.ducklake_column "  # noqa: S608 - our own name
        f"WHERE end_snapshot IS NULL AND table_id = (SELECT table_id FROM {CATALOG_TABLES}.ducklake_table "
        "WHERE table_name = $name AND end_snapshot IS NULL)",
        {"name": table},
    ).fetchall()
    return {str(name): int(number) for name, number in rows}


def connect(
    folder: Path, *, read_only: bool, threads: int, memory_limit: str, create: bool = False
) -> duckdb.DuckDBPyConnection:
    """Open a connection that has the lake of `folder` attached as ``lake``.

    Parameters
    ----------
    folder : Path
        The lake's folder; absolute.
    read_only : bool
        Attach for reading only; the catalog must exist.
    threads : int
        Threads that DuckDB may use. Its own default is every core, in each of many kernels.
    memory_limit : str
        As in ``"2GB"``; past it DuckDB spills to the lake's folder.
    create : bool
        Make the catalog when it is not there; without, an empty one is damage and is refused.

    Raises
    ------
    DeskVersionError
        If another version of DuckDB is installed, or a newer one wrote the catalog.
    StoreBusyError
        If the catalog stays locked.
    DeskHomeError
        If the catalog is damaged.
    SettingsError
        If the memory limit is none, or too small.
    """
    paths = _extension_paths()
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": str(folder / "spill"),
            # Rows carry their own order; keeping the order of arrival would leave one thread to write.
            "preserve_insertion_order": False,
        }
    )
    try:
        connection.execute("SET enable_progress_bar = false")
        # A repeated read of the same files then skips their footers.
        connection.execute("SET parquet_metadata_cache = true")
        for path in paths:
            connection.execute(f"LOAD {quote_text(path)}")
        # A second line behind our own lock, which covers every writer.
        connection.execute("SET ducklake_max_retry_count = 100")
        connection.execute("SET ducklake_retry_wait_ms = 10")
        connection.execute("SET ducklake_retry_backoff = 1.2")
        _attach(connection, folder, read_only=read_only, create=create)
    except BaseException:
        connection.close()
        raise
    return connection


def _attach(connection: duckdb.DuckDBPyConnection, folder: Path, *, read_only: bool, create: bool) -> None:
    # A relative DATA_PATH would mean the process's own folder, and an absolute one is written into
    # the catalog; overriding it at each attach is what lets a desk be moved.
    options = (
        f"DATA_PATH {quote_text(str(folder / 'data') + '/')}, OVERRIDE_DATA_PATH true, "
        "META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 10000, DATA_INLINING_ROW_LIMIT 0"
    )
    statement = f"ATTACH {quote_text(f'ducklake:sqlite:{folder / CATALOG}')} AS lake ({options}"
    statement += "" if create else ", CREATE_IF_NOT_EXISTS false"
    statement += ", READ_ONLY)" if read_only else ")"
    deadline = time.monotonic() + _ATTACH_PATIENCE
    while True:
        try:
            connection.execute(statement)
        except duckdb.Error as error:
            if is_busy(error) and time.monotonic() < deadline:
                time.sleep(random.uniform(0.01, 0.05))  # noqa: S311 - jitter, not a secret
                continue
            failure = translate(error, folder / CATALOG)
            raise failure from error
        return


def _extension_paths() -> list[Path]:
    if duckdb.__version__ != _DUCKDB:
        raise DeskVersionError(
            f"duckdb {duckdb.__version__} is installed, and the lake's extensions exist for {_DUCKDB} only; "
            f"run: pip install duckdb=={_DUCKDB}"
        )
    paths = []
    for extension, package in _EXTENSIONS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise DeskVersionError(
                f"The package {package.replace('_', '-')} is not installed; "
                f"run: pip install {package.replace('_', '-')}=={_DUCKDB}"
            )
        path = Path(spec.origin).parent / "extensions" / f"v{_DUCKDB}" / f"{extension}.duckdb_extension"
        if not path.exists():
            raise DeskVersionError(
                f"{package.replace('_', '-')} holds no extension for duckdb {_DUCKDB}; "
                f"run: pip install {package.replace('_', '-')}=={_DUCKDB}"
            )
        paths.append(path)
    return paths
