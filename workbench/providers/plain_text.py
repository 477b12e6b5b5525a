"""Large CSV files without surprises, split and read as numbers at once by several threads."""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

__all__ = ["lines_of", "plain_columns"]


def plain_columns(
    data: bytes,
    split_header: Callable[[str], tuple[str, list[str]]],
    numbers: Callable[[list[str]], Collection[str]],
) -> tuple[dict[str, Any], str] | None:
    """Return the columns of a CSV file and its separator, or None where it has to be read with more care.

    That is where a value is quoted, a row has more or fewer fields than the header or none that is filled,
    a column of numbers holds something else, or the text is no UTF-8.

    Parameters
    ----------
    data : bytes
        The whole file.
    split_header : callable
        Takes the first line and gives the separator and the headers.
    numbers : callable
        Takes the headers and gives those of columns that hold numbers.
    """
    if data[:1].isspace() or data[:1] >= b"\x80" or b'"' in data or b"\0" in data:
        return None
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return None
    try:
        first = data[: data.index(b"\n")].decode("utf-8").rstrip("\r")
        separator, headers = split_header(first)
        types = dict.fromkeys(headers, pa.string()) | dict.fromkeys(numbers(headers), pa.float64())
        table = pa.csv.read_csv(
            pa.BufferReader(data),
            read_options=pa.csv.ReadOptions(column_names=headers, skip_rows=1, block_size=2**23),
            parse_options=pa.csv.ParseOptions(
                delimiter=separator, quote_char=False, ignore_empty_lines=False
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, ValueError):
        return None
    texts = [header for header in headers if pa.types.is_string(types[header])]
    if table.num_rows == 0 or not texts or pc.any(pc.equal(table.column(texts[0]), "")).as_py():
        return None
    return {header: table.column(header).combine_chunks() for header in headers}, separator


def lines_of(data: bytes, positions: npt.NDArray[np.intp]) -> list[str]:
    """Return rows of a file as they are written; the first row is the one below the header."""
    if not len(positions):
        return []
    ends = np.append(np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")), len(data))
    return [
        data[ends[at] + 1 : ends[at + 1]].decode("utf-8", errors="replace").rstrip("\r") for at in positions
    ]
