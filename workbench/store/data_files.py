"""Write the rows of a large first load straight into Parquet files of a lake table, several at once.

DuckDB sends every row through its partitioning and tries several encodings a column; ten million bars take
it twice the processor time that Arrow needs. The catalog then takes the files in as it takes its own.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.market.arrow_frames import whole
from workbench.store.connection import column_numbers, quote_text
from workbench.store.durable import sync_file
from workbench.store.tables import TableSpec

__all__ = ["ROW_GROUP", "add_data_files", "are_many"]

ROW_GROUP = 30_000
"""One symbol of a year's daily bars then costs one small group of rows."""
# From so many rows on files of our own are faster than an INSERT.
_MANY = 200_000
_SAMPLE = 5_000
_FILE_ROWS = 2_500_000
# Up to so many periods the rows of each are found sooner by themselves than by sorting all.
_FEW = 40
_UNITS = {"year": "Y", "month": "M", "day": "D"}
_DAY = 86_400 * 10**6
# Rows that are worked on at once: what is made of them on the way then stays in the processor's cache.
_BLOCK = 100_000


def are_many(spec: TableSpec, rows: pa.Table) -> bool:
    """Say whether rows are worth files of their own, and each has the time that says into which it goes."""
    return rows.num_rows >= _MANY and (spec.time is None or not rows.column(spec.time).null_count)


def add_data_files(
    cursor: duckdb.DuckDBPyConnection,
    data: Path,
    spec: TableSpec,
    rows: pa.Table,
    *,
    source: str,
    recorded_at: datetime,
    threads: int,
) -> None:
    """Add rows that a table does not hold to it, in the transaction that the cursor is in.

    Parameters
    ----------
    cursor : DuckDBPyConnection
        In a transaction, with the lake attached for writing.
    data : Path
        The folder of the lake's Parquet files.
    spec : TableSpec
        The table.
    rows : Table
        Columns `spec.given`, sorted by key.
    source, recorded_at : str, datetime
        Of every row; the instant in UTC, without a zone.
    threads : int
        Files that are written at once.
    """
    folder = data / "main" / spec.name
    numbers = column_numbers(cursor, spec.name)

    def write(part: _Part) -> Path:
        path = folder.joinpath(*part.folders, f"ducklake-{uuid4()}.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(part.rows(), path, numbers, source, recorded_at)
        # Here the other thread goes on meanwhile; whoever commits looks once more.
        sync_file(path)
        return path

    with ThreadPoolExecutor(threads) as pool:
        paths = list(pool.map(write, _parts(spec, _ready_to_move(rows))))
    listed = ", ".join(quote_text(path) for path in paths)
    # A column that no row has a value in is left out: the catalog knows that it is missing.
    cursor.execute(
        f"CALL ducklake_add_data_files('lake', {quote_text(spec.name)}, [{listed}], allow_missing => true, "
        f"hive_partitioning => {'true' if spec.partition else 'false'})"
    )


@dataclass(frozen=True)
class _Part:
    """What goes into one file: the folders below the table's, and what gives its rows, in their order."""

    folders: tuple[str, ...]
    rows: Callable[[], pa.Table]


def _ready_to_move(rows: pa.Table) -> pa.Table:
    """Return the columns that hold something, texts as numbers into their distinct values."""
    held = [name for name in rows.column_names if rows.column(name).null_count < rows.num_rows]
    columns = [
        whole(column).dictionary_encode() if pa.types.is_string(column.type) else column
        for column in (rows.column(name) for name in held)
    ]
    return pa.table(columns, names=held)


def _parts(spec: TableSpec, rows: pa.Table) -> Iterator[_Part]:
    if not spec.partition or spec.time is None:
        for start, end in _pieces(rows.num_rows):
            yield _Part((), partial(rows.slice, start, end - start))
        return
    periods, codes = _periods(rows.column(spec.time), spec.partition[-1])
    sizes = np.bincount(codes, minlength=len(periods))
    many = len(periods) > _FEW
    if many:
        order, together = np.argsort(codes, kind="stable"), rows.combine_chunks()
    for number, (size, end) in enumerate(zip(sizes.tolist(), np.cumsum(sizes).tolist(), strict=True)):
        for first, last in _pieces(size):
            if many:
                chosen = partial(_rows_at, together, order[end - size + first : end - size + last])
            else:
                chosen = partial(_rows_of, rows, codes, number, slice(first, last))
            yield _Part(_folders(spec, periods[number]), chosen)


def _periods(times: pa.ChunkedArray, unit: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the years, months or days between the first time and the last, and the number of each row's."""
    instants = whole(times).cast(pa.int64()).to_numpy()
    first, last = instants.min() // _DAY, instants.max() // _DAY
    calendar = np.arange(first, last + 1).astype("datetime64[D]")
    periods, period_of_day = np.unique(calendar.astype(f"datetime64[{_UNITS[unit]}]"), return_inverse=True)
    # Small numbers are compared and sorted many times faster.
    period_of_day = period_of_day.astype(np.uint16 if len(periods) < 2**16 else np.int64)
    codes = np.empty(len(instants), dtype=period_of_day.dtype)
    for at in range(0, len(instants), _BLOCK):
        codes[at : at + _BLOCK] = period_of_day[instants[at : at + _BLOCK] // _DAY - first]
    return periods, codes


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of pieces about as large as each other, none larger than a file may be."""
    bounds = np.linspace(0, count, -(-count // _FILE_ROWS) + 1).astype(int).tolist()
    yield from pairwise(bounds)


def _rows_of(rows: pa.Table, codes: npt.NDArray[Any], number: int, piece: slice) -> pa.Table:
    return rows.filter(pa.array(codes == number))[piece]


def _rows_at(rows: pa.Table, places: npt.NDArray[np.intp]) -> pa.Table:
    return rows.take(pa.array(places))


def _folders(spec: TableSpec, period: np.datetime64) -> tuple[str, ...]:
    date = period.astype("datetime64[D]").item()
    return tuple(f"{part}={getattr(date, part)}" for part in spec.partition)


def _write(
    rows: pa.Table, path: Path, numbers: Mapping[str, int], source: str, recorded_at: datetime
) -> None:
    everywhere = {"source": pa.scalar(source), "recorded_at": pa.scalar(recorded_at, pa.timestamp("us"))}
    same = pa.array(np.zeros(rows.num_rows, dtype=np.int8))
    for name, value in everywhere.items():
        column = pa.DictionaryArray.from_arrays(same, pa.array([value.as_py()], value.type))
        rows = rows.append_column(name, column)
    # Readers find a column by its number in the catalog, so that it may be renamed.
    rows = rows.cast(
        pa.schema(
            [field.with_metadata({"PARQUET:field_id": str(numbers[field.name])}) for field in rows.schema]
        )
    )
    repeated = [name for name in rows.column_names if _repeats(rows.column(name))]
    rising = [
        field.name
        for field in rows.schema
        if field.name not in repeated
        and (pa.types.is_timestamp(field.type) or pa.types.is_integer(field.type))
    ]
    pq.write_table(
        rows,
        path,
        compression="zstd",
        row_group_size=ROW_GROUP,
        # The columns' own types, not how Arrow happens to hold them, are what others shall read.
        store_schema=False,
        use_dictionary=repeated,
        column_encoding=dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
    )


def _repeats(column: pa.ChunkedArray) -> bool:
    """Say whether a column has few enough distinct values to be written by number."""
    if pa.types.is_dictionary(column.type):
        return True
    sample = column.slice(0, _SAMPLE)
    return bool(pc.count_distinct(sample).as_py() < len(sample) / 2)
