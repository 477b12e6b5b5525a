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
_DAY = 86_400 * 10**6
# Rows that are worked on at once: what is made of them on the way then stays in the processor's cache.
_BLOCK = 100_000


def are_many(spec: TableSpec, rows: pa.Table) -> bool:
    """Say whether rows are worth files of their own, and each has the time that says into which it goes."""
    # Of folders by year and month ducklake_add_data_files (1.5.5) files both values under the month, so
    # such tables are inserted into.
    if spec.partition not in ((), ("year",)) or rows.num_rows < _MANY:
        return False
    return spec.time is None or not rows.column(spec.time).null_count


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
    first, years = _years(rows.column(spec.time))
    for number, size in enumerate(np.bincount(years).tolist()):
        for start, end in _pieces(size):
            yield _Part(
                (f"year={first + number}",), partial(_rows_of, rows, years, number, slice(start, end))
            )


def _years(times: pa.ChunkedArray) -> tuple[int, npt.NDArray[np.uint16]]:
    """Return the first year, and of each row how many years later it is."""
    instants = whole(times).cast(pa.int64()).to_numpy()
    first, last = instants.min() // _DAY, instants.max() // _DAY
    year_of_day = np.arange(first, last + 1).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    # Small numbers are compared many times faster.
    later = (year_of_day - year_of_day[0]).astype(np.uint16)
    years = np.empty(len(instants), dtype=np.uint16)
    for at in range(0, len(instants), _BLOCK):
        years[at : at + _BLOCK] = later[instants[at : at + _BLOCK] // _DAY - first]
    return 1970 + int(year_of_day[0]), years


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of pieces about as large as each other, none larger than a file may be."""
    bounds = np.linspace(0, count, -(-count // _FILE_ROWS) + 1).astype(int).tolist()
    yield from pairwise(bounds)


def _rows_of(rows: pa.Table, years: npt.NDArray[np.uint16], number: int, piece: slice) -> pa.Table:
    return rows.filter(pa.array(years == number))[piece]


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
