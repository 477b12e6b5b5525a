"""Large CSV files without surprises, split and read as numbers at once by several threads."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from workbench.errors import DataFormatError

__all__ = ["PlainText", "plain_columns"]

# Symbols and dates come many times each: as numbers into their distinct values they are read sooner.
_TEXT = pa.dictionary(pa.int32(), pa.string())
_BLOCK = 2**21


@dataclass(frozen=True)
class PlainText:
    """The bytes of a CSV file: those of a file on disk piece by piece, so that it is never in memory whole.

    Attributes
    ----------
    path : Path or None
        The file on disk.
    data : bytes
        What it holds, where it comes from elsewhere.
    """

    path: Path | None = None
    data: bytes = b""
    _state: tuple[int, ...] = ()

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Take a file on disk as it is at this moment."""
        return cls(path, _state=_state_of(path))

    @property
    def is_changed(self) -> bool:
        """Whether the file is another than when it was taken."""
        return self.path is not None and _state_of(self.path) != self._state

    def pieces(self) -> Iterator[bytes]:
        """Yield all bytes, some at a time."""
        if self.path is None:
            yield from (self.data[at : at + _BLOCK] for at in range(0, len(self.data), _BLOCK))
            return
        with self.path.open("rb", buffering=0) as file:
            while piece := file.read(_BLOCK):
                yield piece

    def source(self) -> Any:
        """Return what Arrow reads from."""
        return pa.BufferReader(self.data) if self.path is None else pa.OSFile(str(self.path))

    def lines(self, positions: npt.NDArray[np.intp]) -> list[str]:
        """Return rows as they are written; the first row is the one below the header.

        Raises
        ------
        DataFormatError
            If the file was changed since it was taken.
        """
        if not len(positions):
            return []
        data = self.data if self.path is None else self.path.read_bytes()
        if self.is_changed:
            raise DataFormatError(f"{self.path} was changed while it was read; load it again.")
        ends = np.append(np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")), len(data))
        return [
            data[ends[at] + 1 : ends[at + 1]].decode("utf-8", errors="replace").rstrip("\r")
            for at in positions
        ]


def plain_columns(
    text: PlainText,
    split_header: Callable[[str], tuple[str, list[str]]],
    numbers: Callable[[list[str]], Collection[str]],
) -> tuple[dict[str, Any], str] | None:
    """Return the columns of a CSV file and its separator, or None where it has to be read with more care.

    That is where a value is quoted, a row has more or fewer fields than the header or none that is filled,
    a column of numbers holds something else, or the text is no UTF-8.

    Parameters
    ----------
    text : PlainText
        The file.
    split_header : callable
        Takes the first line and gives the separator and the headers.
    numbers : callable
        Takes the headers and gives those of columns that hold numbers.
    """
    start = next(text.pieces(), b"")
    if start[:1].isspace() or start[:1] >= b"\x80":
        return None
    beside = ThreadPoolExecutor(1)
    try:
        is_plain = beside.submit(_is_plain, text)
        first = start[: start.index(b"\n")].decode("utf-8").rstrip("\r")
        separator, headers = split_header(first)
        types = dict.fromkeys(headers, _TEXT) | dict.fromkeys(numbers(headers), pa.float64())
        table = pa.csv.read_csv(
            text.source(),
            read_options=pa.csv.ReadOptions(column_names=headers, skip_rows=1, block_size=_BLOCK),
            parse_options=pa.csv.ParseOptions(
                delimiter=separator, quote_char=False, ignore_empty_lines=False
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=False
            ),
        )
        if not is_plain.result() or text.is_changed:
            return None
    except (pa.ArrowInvalid, ValueError):
        return None
    finally:
        beside.shutdown()
    texts = {header for header in headers if types[header] == _TEXT}
    table = table.unify_dictionaries()
    columns = {
        header: column.combine_chunks() if header in texts else column
        for header, column in zip(headers, table.columns, strict=True)
    }
    first_text = next((header for header in headers if header in texts), None)
    if table.num_rows == 0 or first_text is None:
        return None
    if pc.any(pc.equal(columns[first_text].dictionary, "")).as_py():
        return None
    return columns, separator


def _state_of(path: Path) -> tuple[int, ...]:
    state = path.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns


def _is_plain(text: PlainText) -> bool:
    """Say whether nothing is quoted, no byte is zero, and every return begins a new line with its feed."""
    last = b""
    for piece in text.pieces():
        if b'"' in piece or b"\0" in piece:
            return False
        if b"\r" in piece or last == b"\r":
            told = last + piece
            alone = told.count(b"\r") - told.count(b"\r\n") - told.endswith(b"\r")
            if alone:
                return False
        last = b"\r" if piece.endswith(b"\r") else b""
    return not last
