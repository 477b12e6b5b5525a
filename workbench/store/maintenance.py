# ruff: noqa: S608 - statements are built from the names of our own tables; values are parameters
"""Tidy the lake: merge small files, forget old snapshots, remove files that nothing needs."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

import duckdb
import pandas as pd

from workbench.store.connection import quote_name
from workbench.store.durable import discard_files, files_below, sync_files
from workbench.store.tables import TABLES, TableSpec

__all__ = ["WithLock", "compact_lake", "expire_lake", "forget_rows"]

Result = TypeVar("Result")
# A file with more than this part of its rows deleted is written again without them.
_DELETED_PART = 0.1


class WithLock(Protocol):
    """Runs a piece of work on a cursor while the lake's lock is held."""

    def __call__(self, purpose: str, work: Callable[[duckdb.DuckDBPyConnection], Result], /) -> Result:
        """Run it."""
        ...


def compact_lake(
    data: Path, with_lock: WithLock, changing: Callable[[Sequence[str]], AbstractContextManager[None]]
) -> pd.DataFrame:
    """Merge the small files of each table; the lock is given back between tables.

    `changing` surrounds each commit: it tells caches that a table lies in other files.
    """
    names = {name: spec.name for spec in TABLES.values() for name in (spec.name, spec.history)}
    counts = []
    for name, table in names.items():

        def tidy(cursor: duckdb.DuckDBPyConnection, name: str = name, table: str = table) -> tuple[int, int]:
            before = _live_files(cursor, name)
            if before > 1:
                for call in (
                    f"ducklake_rewrite_data_files('lake', '{name}', delete_threshold => {_DELETED_PART})",
                    f"ducklake_merge_adjacent_files('lake', '{name}')",
                ):
                    _compact_step(
                        cursor, data, data / "main" / name, f"CALL {call}", lambda: changing([table])
                    )
            return before, _live_files(cursor, name)

        counts.append(with_lock(f"compacting {name}", tidy))
    return pd.DataFrame(
        counts,
        columns=["files_before", "files_after"],
        index=pd.Index(list(names), name="table", dtype="str"),
    )


def expire_lake(with_lock: WithLock, older_than: datetime, files_older_than: datetime | None) -> int:
    """Forget snapshots made before an instant and remove files out of use."""
    unused_since = files_older_than or datetime.now(UTC) - timedelta(days=1)

    def forget(cursor: duckdb.DuckDBPyConnection) -> int:
        forgotten = cursor.execute(
            f"CALL ducklake_expire_snapshots('lake', older_than => {_instant(older_than)})"
        ).fetchall()
        # Never `cleanup_all`: it takes files that a writer has not committed yet (ducklake's documentation).
        cursor.execute(f"CALL ducklake_cleanup_old_files('lake', older_than => {_instant(unused_since)})")
        cursor.execute(f"CALL ducklake_delete_orphaned_files('lake', older_than => {_instant(unused_since)})")
        return len(forgotten)

    return with_lock("forgetting old snapshots", forget)


def forget_rows(
    data: Path,
    with_lock: WithLock,
    spec: TableSpec,
    before: datetime,
    changing: Callable[[Sequence[str]], AbstractContextManager[None]],
) -> int:
    """Delete the rows of a table, and those of its history, that are dated before an instant."""
    condition = f"{quote_name(spec.time or '')} < $before"
    values = {"before": before.astimezone(UTC).replace(tzinfo=None)}

    def delete(cursor: duckdb.DuckDBPyConnection) -> int:
        folders = (data / "main" / spec.name, data / "main" / spec.history)
        held = files_below(*folders)
        cursor.execute("BEGIN")
        try:
            counts = []
            for name in (spec.name, spec.history):
                done = cursor.execute(f"DELETE FROM lake.{name} WHERE {condition}", values).fetchone()
                counts.append(int(done[0]) if done else 0)
            if not any(counts):
                cursor.execute("ROLLBACK")
                return 0
            sync_files(files_below(*folders) - held, data)
        except BaseException:
            with suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            discard_files(files_below(*folders) - held)
            raise
        with changing([spec.name]):
            cursor.execute("COMMIT")
        return counts[0]

    return with_lock(f"forgetting old rows of {spec.name}", delete)


def _compact_step(
    cursor: duckdb.DuckDBPyConnection,
    data: Path,
    folder: Path,
    statement: str,
    committing: Callable[[], AbstractContextManager[None]],
) -> None:
    before = files_below(folder)
    cursor.execute("BEGIN")
    try:
        cursor.execute(statement).fetchall()
        sync_files(files_below(folder) - before, data)
    except BaseException:
        with suppress(duckdb.Error):
            cursor.execute("ROLLBACK")
        raise
    with committing():
        cursor.execute("COMMIT")


def _live_files(cursor: duckdb.DuckDBPyConnection, name: str) -> int:
    found = cursor.execute(f"SELECT count(*) FROM ducklake_list_files('lake', '{name}')").fetchone()
    return int(found[0]) if found else 0


def _instant(instant: datetime) -> str:
    return f"TIMESTAMPTZ '{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"
