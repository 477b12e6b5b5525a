"""Frames as Arrow tables and back, numbers left where they lie in memory as far as that goes."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

__all__ = ["array_of", "frame_of", "nothing", "whole"]

_PIECE = 65_536


def array_of(values: "pd.Series[Any]") -> pa.Array | pa.ChunkedArray:
    """Return a column as Arrow has it; numbers are not copied, and one that is none stays NaN.

    Raises
    ------
    pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, TypeError
        If the values are of several types.
    """
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "f":
        return pa.array(values.to_numpy())
    return pa.Array.from_pandas(values)


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame of its own memory: what Arrow hands out can only be read."""
    frame = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_string(column.type):
            frame[name] = pd.Series(pd.array(column, dtype="str"))
        else:
            frame[name] = column.to_pandas().copy()
    return pd.DataFrame(frame, copy=False)


def nothing(length: int, arrow_type: pa.DataType) -> pa.ChunkedArray:
    """Return a column without a value, of pieces that share one small piece of memory."""
    piece = pa.nulls(min(length, _PIECE), arrow_type)
    pieces = [piece] * (length // _PIECE) + [piece.slice(0, length % _PIECE)]
    return pa.chunked_array(pieces, arrow_type)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, without a copy where it is one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
