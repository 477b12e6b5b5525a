"""Bring a caller's frame into the shape of a lake table before any lock is taken."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import DataFormatError
from workbench.market.arrow_frames import array_of, nothing, whole
from workbench.store.tables import TableSpec

__all__ = ["Incoming", "prepare"]

_CHUNK_ROWS = 60_000
_LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class Incoming:
    """Rows ready to be written: the columns that the caller gives, no key twice, sorted by key."""

    rows: pa.Table
    first: datetime | None
    last: datetime | None

    @property
    def for_threads(self) -> pa.Table:
        """The rows in pieces for DuckDB, which scans one a thread; as one piece they would use one thread."""
        pieces = self.rows.to_batches(max_chunksize=_CHUNK_ROWS)
        return pa.Table.from_batches(pieces, schema=self.rows.schema)


def prepare(spec: TableSpec, frame: pd.DataFrame | pa.Table) -> Incoming:
    """Return `frame` as rows of `spec`, the last one kept where a key comes twice.

    Raises
    ------
    DataFormatError
        If a key column is missing or has no value, or a column cannot be read as its type.
    """
    columns = frame.column_names if isinstance(frame, pa.Table) else list(frame.columns)
    missing = [column for column in spec.key if column in spec.given and column not in columns]
    if missing:
        raise DataFormatError(
            f"Rows for {spec.name} need the column {missing[0]!r}; "
            f"the frame has {', '.join(map(str, columns))}."
        )
    present = [column for column in spec.given if column in columns]
    table = frame.select(present) if isinstance(frame, pa.Table) else _arrow_of(spec, frame[present])
    length = table.num_rows
    arrays = {}
    for column in spec.given:
        arrow_type = spec.arrow_type(column)
        arrays[column] = (
            _cast(spec, column, table.column(column), arrow_type)
            if column in present
            else nothing(length, arrow_type)
        )
    for column in spec.key:
        if column in arrays and arrays[column].null_count:
            raise DataFormatError(
                f"{arrays[column].null_count} rows for {spec.name} have no {column!r}; give one to every row."
            )
    rows = pa.table(arrays)
    key = tuple(column for column in spec.key if column in arrays)
    if not _strictly_ascending(rows, key):
        rows = _sorted_without_repeats(rows, key)
    first = last = None
    if spec.time is not None and rows.num_rows:
        bounds = pc.min_max(rows.column(spec.time)).as_py()
        first, last = bounds["min"], bounds["max"]
    return Incoming(rows=rows, first=first, last=last)


def _arrow_of(spec: TableSpec, frame: pd.DataFrame) -> pa.Table:
    arrays = {}
    for column in frame.columns:
        values = frame[column]
        try:
            found = array_of(values)
            # Text of several chunks comes chunked already; wrapped once more, it is copied value by value.
            arrays[column] = found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):
            arrays[column] = _array_of_mixed_values(spec, column, values)
    return pa.table(arrays) if arrays else pa.table({"": pa.nulls(len(frame))})


def _array_of_mixed_values(spec: TableSpec, column: str, values: pd.Series) -> pa.ChunkedArray:
    kind = spec.columns[column]
    try:
        if kind in {"TIMESTAMP", "DATE"}:
            return pa.chunked_array([pa.Array.from_pandas(pd.to_datetime(values, utc=True))])
        if kind in {"DOUBLE", "BIGINT"}:
            return pa.chunked_array([pa.Array.from_pandas(pd.to_numeric(values))])
        return pa.chunked_array([pa.Array.from_pandas(values.astype("string"))])
    except (ValueError, TypeError) as error:
        raise _unreadable(spec, column, error) from error


def _cast(spec: TableSpec, column: str, values: pa.ChunkedArray, arrow_type: pa.DataType) -> pa.ChunkedArray:
    try:
        if pa.types.is_dictionary(values.type):
            if values.type.value_type == arrow_type and values.num_chunks == 1:
                return values  # texts by their distinct values are many times smaller
            values = values.cast(values.type.value_type)
        if pa.types.is_floating(values.type) and pa.types.is_floating(arrow_type):
            values = values.cast(arrow_type)
            # Missing is null in the lake; NaN would win every maximum.
            return (
                pc.if_else(pc.is_nan(values), pa.scalar(None, arrow_type), values)
                if _has_nan(values)
                else values
            )
        if pa.types.is_timestamp(arrow_type) and not pa.types.is_timestamp(values.type):
            values = values.cast(pa.timestamp("us"))
        if pa.types.is_timestamp(values.type) and pa.types.is_timestamp(arrow_type):
            # Arrow keeps the UTC instant when it drops a zone; a finer unit than ours is cut off.
            return values.cast(arrow_type, safe=False)
        if pa.types.is_date(arrow_type) and pa.types.is_timestamp(values.type):
            return values.cast(pa.timestamp("us"), safe=False).cast(arrow_type, safe=False)
        return values.cast(arrow_type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _unreadable(spec, column, error) from error


def _has_nan(values: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.is_nan(values)).as_py())


def _unreadable(spec: TableSpec, column: str, error: Exception) -> DataFormatError:
    words = str(error).splitlines()[0]
    return DataFormatError(
        f"The column {column!r} of rows for {spec.name} "
        f"cannot be read as {spec.columns[column].lower()}: {words}"
    )


def _strictly_ascending(rows: pa.Table, key: tuple[str, ...]) -> bool:
    if rows.num_rows < 2:
        return True
    ascending: pa.ChunkedArray | None = None
    for column in reversed(key):
        values = whole(rows.column(column))
        if pa.types.is_dictionary(values.type):
            values = pa.array(_ranks(values)[0])
        after, before = values[1:], values[:-1]
        larger = pc.greater(after, before)
        ascending = (
            larger if ascending is None else pc.or_(larger, pc.and_(pc.equal(after, before), ascending))
        )
    return bool(pc.all(ascending).as_py())


def _sorted_without_repeats(rows: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """Sort by key and keep the last of the rows that share one.

    Each key becomes one whole number that sorts like it, several times faster than sorting texts.
    """
    code, size = np.zeros(rows.num_rows, dtype=np.int64), 1
    for column in key:
        ranks, count = _ranks(whole(rows.column(column)).dictionary_encode())
        if size * count >= _LARGEST:
            found, code = np.unique(code, return_inverse=True)
            size = len(found)
        code = code * count + ranks
        size *= count
    places = np.argsort(code, kind="stable")
    in_order = code[places]
    is_last = np.append(in_order[1:] != in_order[:-1], True)
    return rows.take(pa.array(places[is_last]))


def _ranks(encoded: pa.DictionaryArray) -> tuple[npt.NDArray[np.int32], int]:
    """Return for each value its place among the distinct values in their order, and how many there are."""
    order = pc.sort_indices(encoded.dictionary)
    held = encoded.dictionary.take(order)
    # A dictionary may name a value twice.
    is_next = np.append(False, pc.not_equal(held[1:], held[:-1]).to_numpy(zero_copy_only=False))
    ranks = np.empty(len(order), dtype=np.int32)
    ranks[order.to_numpy()] = np.cumsum(is_next)
    return ranks[encoded.indices.to_numpy()], int(is_next.sum()) + 1
