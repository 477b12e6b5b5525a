# ruff: noqa: S608 - statements are built from the names of our own tables; values are parameters
"""The one function that writes rows into the lake."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.market.arrow_frames import whole
from workbench.store.connection import quote_name, quote_text
from workbench.store.data_files import add_data_files, are_many
from workbench.store.durable import discard_files, files_below, sync_files
from workbench.store.incoming import Incoming
from workbench.store.tables import TableSpec

__all__ = ["naive_utc", "write_rows"]


def write_rows(
    cursor: duckdb.DuckDBPyConnection,
    data: Path,
    spec: TableSpec,
    incoming: Incoming,
    *,
    source: str,
    recorded_at: datetime,
    threads: int,
    committing: Callable[[], AbstractContextManager[None]],
) -> pd.DataFrame:
    """Merge rows into a table and its history in one transaction; the caller holds the lake's lock.

    A row that the table does not have is inserted. One that differs replaces the row there, which
    moves to the history. One that says the same changes nothing, its source included. When nothing
    differs at all no snapshot is made.

    Parameters
    ----------
    cursor : DuckDBPyConnection
        A cursor of its own, with the lake attached for writing.
    data : Path
        The folder of the lake's Parquet files.
    spec : TableSpec
        The table.
    incoming : Incoming
        The rows, from `workbench.store.incoming.prepare`.
    source : str
        Where the rows come from.
    recorded_at : datetime
        When the desk learned of them, with a time zone. A correction cannot be known before the row
        that it replaces, so it counts from that row's time if that is later.
    threads : int
        Files of a large first load that are written at once.
    committing : callable
        What surrounds the COMMIT, so that caches in other processes learn of it.

    Returns
    -------
    DataFrame
        Rows `new`, `changed` and `unchanged`, one line a symbol.
    """
    folders = (data / "main" / spec.name, data / "main" / spec.history)
    before = files_below(*folders)
    cursor.register("incoming", incoming.for_threads)
    cursor.execute("BEGIN")
    try:
        counts = _merge(
            cursor, data, spec, incoming, source=source, recorded_at=naive_utc(recorded_at), threads=threads
        )
        if not counts["new"].any() and not counts["changed"].any():
            cursor.execute("ROLLBACK")
            return counts
        sync_files(files_below(*folders) - before, data)
    except BaseException:
        with suppress(duckdb.Error):  # the first error is the one to tell
            cursor.execute("ROLLBACK")
        discard_files(files_below(*folders) - before)
        raise
    # A COMMIT that fails may have been written all the same; its files stay until maintenance.
    with committing():
        cursor.execute("COMMIT")
    return counts


def naive_utc(instant: datetime) -> datetime:
    """Return an instant as the lake stores it: UTC without a zone."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def _merge(
    cursor: duckdb.DuckDBPyConnection,
    data: Path,
    spec: TableSpec,
    incoming: Incoming,
    *,
    source: str,
    recorded_at: datetime,
    threads: int,
) -> pd.DataFrame:
    # Statements are built from the names of our own tables; values from outside are literals by quote_text.
    given = f"(SELECT *, {quote_text(source)} AS source FROM incoming)"
    there, bounds = _rows_there(spec, incoming, source)
    instant = f"TIMESTAMP '{recorded_at:%Y-%m-%d %H:%M:%S.%f}'"
    stored = _names(spec.stored)
    # A row of several symbols is counted under its source.
    group = "source" if spec.group_is_list else spec.group
    totals = _totals(incoming.rows, group, source)
    is_empty = cursor.execute(f"SELECT 1 FROM {there} LIMIT 1", bounds).fetchone() is None
    if is_empty:
        if are_many(spec, incoming.rows):
            add_data_files(
                cursor, data, spec, incoming.rows, source=source, recorded_at=recorded_at, threads=threads
            )
        else:
            cursor.execute(
                f"INSERT INTO lake.{spec.name} ({stored}) "
                f"SELECT {_names(spec.given)}, source, {instant} FROM {given}"
            )
        return _counts(totals, {str(symbol): (total, 0) for symbol, total in totals})

    on = " AND ".join(f"new.{quote_name(column)} = old.{quote_name(column)}" for column in spec.key)
    differs = " OR ".join(_differs(spec, column) for column in spec.values)
    replaced = ", ".join(
        f"old.{quote_name(column)} AS {quote_name('old_' + column)}" for column in spec.stored
    )
    first_key = quote_name(spec.key[0])
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE moved AS SELECT new.*, "
        f"greatest({instant}, old.recorded_at) AS recorded_at, "
        f"old.{first_key} IS NOT NULL AS is_correction, {replaced} "
        f"FROM {given} AS new LEFT JOIN (SELECT * FROM {there}) AS old ON {on} "
        f"WHERE old.{first_key} IS NULL OR {differs}",
        bounds,
    )
    moved = cursor.execute(
        f"SELECT {quote_name(group)}, count(*) FILTER (NOT is_correction), count(*) FILTER (is_correction) "
        "FROM moved GROUP BY ALL"
    ).fetchall()
    if any(changed for _, _, changed in moved):
        old = _names("old_" + column for column in spec.stored)
        key = _names(spec.key)
        cursor.execute(
            f"INSERT INTO lake.{spec.history} ({stored}, replaced_at) SELECT {old}, recorded_at FROM moved "
            f"WHERE is_correction ORDER BY {key}"
        )
        on_key = " AND ".join(
            f"{spec.name}.{quote_name(column)} = moved.{quote_name(column)}" for column in spec.key
        )
        cursor.execute(f"DELETE FROM lake.{spec.name} USING moved WHERE is_correction AND {on_key}")
    if moved:
        cursor.execute(
            f"INSERT INTO lake.{spec.name} ({stored}) SELECT {stored} FROM moved ORDER BY {_names(spec.key)}"
        )
    cursor.execute("DROP TABLE moved")
    return _counts(totals, {str(symbol): (new, changed) for symbol, new, changed in moved})


def _totals(rows: pa.Table, group: str, source: str) -> list[tuple[str, int]]:
    if group not in rows.column_names:
        return [(source, rows.num_rows)]
    counted = pc.value_counts(whole(rows.column(group)))
    names, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return sorted((str(name), count) for name, count in zip(names, counts, strict=True))


def _differs(spec: TableSpec, column: str) -> str:
    name = quote_name(column)
    differs = f"new.{name} IS DISTINCT FROM old.{name}"
    return f"(new.{name} IS NOT NULL AND {differs})" if column in spec.optional else differs


def _rows_there(spec: TableSpec, incoming: Incoming, source: str) -> tuple[str, dict[str, object]]:
    """Return the part of the current table that the incoming rows can touch, and its bounds."""
    conditions = ["true"]
    bounds: dict[str, object] = {}
    if spec.time in spec.key and incoming.first is not None:  # elsewhere a correction may move the time
        time = quote_name(spec.time or "")
        conditions.append(f"{time} >= $first AND {time} <= $last")
        bounds = {"first": incoming.first, "last": incoming.last}
    if "source" in spec.key:
        conditions.append(f"source = {quote_text(source)}")
    return f"lake.{spec.name} WHERE {' AND '.join(conditions)}", bounds


def _counts(totals: list[tuple[str, int]], moved: dict[str, tuple[int, int]]) -> pd.DataFrame:
    rows = []
    for symbol, total in totals:
        new, changed = moved.get(str(symbol), (0, 0))
        rows.append((new, changed, total - new - changed))
    index = pd.Index([str(symbol) for symbol, _ in totals], name="symbol", dtype="str")
    return pd.DataFrame(rows, index=index, columns=["new", "changed", "unchanged"], dtype="int64")


def _names(columns: object) -> str:
    return ", ".join(quote_name(column) for column in columns)  # type: ignore[attr-defined]
