"""A file or frame as a table of untouched columns, each row with the line where an editor shows it."""

import csv
import gzip
import io
import os
import re
import stat
import zlib
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from workbench.errors import DataFormatError
from workbench.providers.plain_text import PlainText, plain_columns

_SEPARATORS = (",", ";", "\t", "|")
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_VALUE_IN_HEADER = re.compile(r"^[-+]?[\d.,]*\d$|^\d{4}-\d\d-\d\d|^\d{1,2}/\d{1,2}/\d{2,4}")
_TICKER_NAME = re.compile(r"^([A-Z][A-Z0-9.\-]{0,5}?)\.(?:csv|csv\.gz|txt|parquet)$")
# What vendors and spreadsheets write where there is no value.
_NOTHING = pa.array(["", "na", "n/a", "#n/a", "nan", "nat", "null", "none", "-", "--"])
# A quoted value may run over a few lines; a quote that stays open longer was never meant to.
_LONGEST_RECORD = 50
_TEXT_IS_KEPT_UP_TO = 500
_LARGE = 2**20
_PARQUET, _PACKED, _ARCHIVES = b"PAR1", b"\x1f\x8b", (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True)
class RawTable:
    """Columns as they came, and the rows that were no rows.

    Attributes
    ----------
    name : str
        The file's name, or "the frame", for messages.
    columns : dict of str to pyarrow.Array or ChunkedArray
        By header, all of one length; text may come by its distinct values, numbers in chunks.
    places : ndarray of int64 or range
        Line of each row in the file, from 1 and with the header; in Parquet and frames the row from 1.
    broken : list of tuple
        Line, symbol (empty), reason and text of rows with too few or too many fields.
    encoding, separator : str
        How the text was read; empty for Parquet and frames.
    plain : bool
        True where no value can hold a comma, so numbers need no second look.
    written : PlainText
        The file itself, where columns came as numbers and no longer tell how they were written.
    """

    name: str
    columns: dict[str, Any]
    places: npt.NDArray[np.int64] | range
    broken: list[tuple[int, str, str, str]] = field(default_factory=list)
    encoding: str = ""
    separator: str = ""
    plain: bool = False
    written: PlainText | None = None

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def lines(self) -> npt.NDArray[np.int64]:
        """Return `places` as an array, made when a row has to be told apart."""
        return np.asarray(self.places, dtype=np.int64)

    def is_text(self, header: str) -> bool:
        """Say whether a column came as text, so that its values must be read."""
        kind = self.columns[header].type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    def text(self, header: str) -> Any:
        """Return a column as trimmed text (pyarrow), null where nothing was written."""
        column = self.encoded(header)
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column

    def encoded(self, header: str) -> Any:
        """Return a column as trimmed text, by its distinct values where they are few."""
        column = self.columns[header]
        if not self.is_text(header):
            column = pc.cast(column, pa.string())
        # Symbols and dates come many times each: only the distinct ones need a look.
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        if len(encoded.dictionary) > len(column) // 2:
            return _trimmed(encoded.dictionary_decode())
        trimmed = _trimmed(encoded.dictionary)
        if trimmed.null_count:
            return pc.take(trimmed, encoded.indices)
        return pa.DictionaryArray.from_arrays(encoded.indices, trimmed)

    def row_texts(self, positions: npt.NDArray[np.intp]) -> list[str]:
        """Return rows as one line of text each, for quarantine."""
        if self.written is not None:
            return [line[:_TEXT_IS_KEPT_UP_TO] for line in self.written.lines(positions)]
        picked = [pc.take(column, pa.array(positions)).to_pylist() for column in self.columns.values()]
        rows = zip(*picked, strict=True)
        return [_as_line(row, self.separator or ",")[:_TEXT_IS_KEPT_UP_TO] for row in rows]


def _trimmed(text: Any) -> Any:
    trimmed = pc.utf8_trim_whitespace(text)
    absent = pc.is_in(pc.utf8_lower(trimmed), value_set=_NOTHING)
    return pc.if_else(absent, pa.scalar(None, trimmed.type), trimmed)


def ticker_of_name(name: str) -> str | None:
    """Return the ticker that a file is named after, as in AAPL.csv; prices.csv is of nobody."""
    named = _TICKER_NAME.match(name)
    return named.group(1) if named else None


def read_table(
    path: Path,
    *,
    encoding: str | None = None,
    numbers: Callable[[list[str]], Collection[str]] | None = None,
) -> RawTable:
    """Read a CSV (also gzipped) or Parquet file without judging its values.

    Parameters
    ----------
    path : Path
        The file. What it is shows in its first bytes, not in its name.
    encoding : str, optional
        Of a CSV, as in ``"cp1252"``. Without it: what a byte order mark says, else UTF-8, else cp1252.
    numbers : callable, optional
        Takes the headers and gives those of number columns; a large file without surprises is then read
        several times faster, to the same rows.

    Raises
    ------
    DataFormatError
        If the file is missing, empty, damaged, of another kind, without a header, or in another encoding.
    """
    try:
        state = path.stat()
        if stat.S_ISCHR(state.st_mode):
            # A device such as /dev/zero never ends.
            raise DataFormatError(f"{path} is a device; give a file or a pipe.")
        quick = numbers if encoding is None else None
        if quick is not None and _is_large_text(path, state):
            table = table_from_plain_text(PlainText.of_file(path), quick, name=path.name)
            if table is not None:
                return table
            quick = None
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataFormatError(f"There is no file {path}; check the path.") from None
    except OSError as error:
        raise DataFormatError(
            f"{path} cannot be read: {error.strerror}; give a file you may read."
        ) from error
    if data[:4] == _PARQUET:
        return _from_parquet(path)
    if data[:2] == _PACKED:
        data = _unpacked(data, path.name)
    if data[:4] in _ARCHIVES:
        raise DataFormatError(f"{path.name} is a zip or Excel file; save it as CSV and load that.")
    if quick is not None and len(data) >= _LARGE:
        table = table_from_plain_text(PlainText(data=data), quick, name=path.name)
        if table is not None:
            return table
    text, used = _decoded(data, encoding, path.name)
    return table_from_text(text, name=path.name, encoding=used)


def _is_large_text(path: Path, state: os.stat_result) -> bool:
    if not stat.S_ISREG(state.st_mode) or state.st_size < _LARGE:
        return False
    with path.open("rb") as file:
        return not file.read(4).startswith((_PARQUET, _PACKED, *_ARCHIVES))


def table_from_plain_text(
    text: PlainText, numbers: Callable[[list[str]], Collection[str]], *, name: str
) -> RawTable | None:
    """Split a CSV file without surprises, its numbers read; None where `table_from_text` has to look."""
    found = plain_columns(text, lambda header: _split_header(header, name), numbers)
    if found is None:
        return None
    columns, separator = found
    count = len(next(iter(columns.values())))
    return RawTable(
        name=name,
        columns=columns,
        places=range(2, count + 2),
        encoding="utf-8",
        separator=separator,
        plain=separator == ",",
        written=text,
    )


def table_from_frame(frame: pd.DataFrame, *, name: str = "the frame") -> RawTable:
    """Take a frame as a table; named levels of its index become columns.

    Raises
    ------
    DataFormatError
        If the frame has no rows or a column name twice.
    """
    if any(level is not None for level in frame.index.names):
        frame = frame.reset_index()
    if frame.empty:
        raise DataFormatError(f"{name[0].upper()}{name[1:]} has no rows; there is nothing to load.")
    headers = [str(column) for column in frame.columns]
    _require_distinct(headers, name)
    columns = {header: _as_arrow(frame.iloc[:, at]) for at, header in enumerate(headers)}
    return RawTable(name=name, columns=columns, places=range(1, len(frame) + 1))


def table_from_text(text: str, *, name: str, encoding: str = "") -> RawTable:
    """Split the text of a CSV file into columns; rows of another length than the header are set aside.

    Raises
    ------
    DataFormatError
        If there is no header, no second column or no row.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    blank = len(text) - len(text.lstrip(" \n\ufeff"))
    header_line = text[:blank].count("\n") + 1
    header, _, body = text[blank:].partition("\n")
    if not header.strip():
        raise DataFormatError(f"{name} is empty; give a file with a header and at least one row.")
    separator, headers = _split_header(header, name)
    if not body.strip():
        raise DataFormatError(f"{name} has a header but no rows; there is nothing to load.")
    broken: list[tuple[int, str, str, str]] = []
    if '"' in body:
        body = _one_line_per_record(body, separator, len(headers), header_line, broken)
    table, misshapen = _parsed(body, separator, len(headers))
    for number, found, line in misshapen:
        reason = f"has {found} fields where the header has {len(headers)}"
        broken.append((header_line + number, "", reason, line[:_TEXT_IS_KEPT_UP_TO]))
    count = table.num_rows + len(misshapen)
    lines = np.delete(np.arange(count, dtype=np.int64), [number - 1 for number, _, _ in misshapen])
    columns = {header: table.column(at).combine_chunks() for at, header in enumerate(headers)}
    kept = ~_empty_rows(columns, table.num_rows)
    if not kept.all():
        columns = {header: column.filter(pa.array(kept)) for header, column in columns.items()}
    return RawTable(
        name=name,
        columns=columns,
        places=lines[kept] + header_line + 1,
        broken=sorted(broken),
        encoding=encoding,
        separator=separator,
        plain=separator == "," and '"' not in body,
    )


def _parsed(body: str, separator: str, width: int) -> tuple[pa.Table, list[tuple[int, int, str]]]:
    """Split lines into columns of text; also row number, field count and text of misshapen lines."""
    misshapen: list[tuple[int, int, str]] = []

    def set_aside(row: pa.csv.InvalidRow) -> str:
        misshapen.append((row.number, row.actual_columns, row.text))
        return "skip"

    labels = [str(at) for at in range(width)]
    if not body.strip("\n"):
        # Every line was set aside already; the parser would call that an error.
        return pa.table({label: pa.array([], pa.string()) for label in labels}), misshapen
    table = pa.csv.read_csv(
        pa.BufferReader(body.encode("utf-8")),
        # Row numbers are only known when one thread reads.
        read_options=pa.csv.ReadOptions(use_threads=False, column_names=labels),
        # Empty lines count as rows here, or every later line would be told wrong.
        parse_options=pa.csv.ParseOptions(
            delimiter=separator, ignore_empty_lines=False, invalid_row_handler=set_aside
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(labels, pa.string()), strings_can_be_null=False
        ),
    )
    return table, misshapen


def _one_line_per_record(
    body: str, separator: str, width: int, header_line: int, broken: list[tuple[int, str, str, str]]
) -> str:
    """Join quoted values that run over lines, and set lines aside whose quote stays open.

    An open quote would otherwise swallow all that follows, good rows too.
    """
    lines = body.split("\n")
    odd = deque(at for at, line in enumerate(lines) if line.count('"') % 2)
    while odd:
        first = odd.popleft()
        last = odd[0] if odd else None
        if last is not None and last - first <= _LONGEST_RECORD:
            record = " ".join(lines[first : last + 1])
            if len(next(csv.reader([record], delimiter=separator))) == width:
                lines[first : last + 1] = [record] + [""] * (last - first)
                odd.popleft()
                continue
        line = lines[first][:_TEXT_IS_KEPT_UP_TO]
        broken.append((header_line + 1 + first, "", "has a quote that is not closed", line))
        lines[first] = ""
    return "\n".join(lines)


def _as_line(values: Sequence[Any], separator: str) -> str:
    """Write values as a line of CSV, quoted where they must be."""
    line = io.StringIO()
    csv.writer(line, delimiter=separator, lineterminator="").writerow(values)
    return line.getvalue()


def _empty_rows(columns: dict[str, Any], count: int) -> npt.NDArray[np.bool_]:
    empty = np.ones(count, dtype=bool)
    for column in columns.values():
        if not empty.any():
            break
        empty &= pc.equal(pc.utf8_trim_whitespace(column), "").to_numpy(zero_copy_only=False)
    return empty


def _split_header(header: str, name: str) -> tuple[str, list[str]]:
    """Find the separator, the one that makes the most of the header, and the headers."""
    candidates = [next(csv.reader([header], delimiter=each)) for each in _SEPARATORS]
    separator, fields = max(zip(_SEPARATORS, candidates, strict=True), key=lambda found: len(found[1]))
    if len(fields) < 2:
        raise DataFormatError(
            f"{name} has one column only, {header[:80]!r}; separate columns by comma, semicolon or tab."
        )
    headers = [field.strip() or f"column {at}" for at, field in enumerate(fields, start=1)]
    values = [header for header in headers if _VALUE_IN_HEADER.match(header)]
    if values:
        raise DataFormatError(
            f"{name} has no header: its first line holds the value {values[0]!r}. "
            "Put the names of the columns into the first line."
        )
    _require_distinct(headers, name)
    return separator, headers


def _require_distinct(headers: Sequence[str], name: str) -> None:
    twice = sorted({header for header in headers if headers.count(header) > 1})
    if twice:
        raise DataFormatError(f"{name} has the column {twice[0]!r} twice; rename one.")


def _unpacked(data: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataFormatError(f"{name} is cut short or damaged ({error}); fetch it again.") from error


def _decoded(data: bytes, encoding: str | None, name: str) -> tuple[str, str]:
    """Return the text and the encoding that it was in."""
    if not data.strip():
        raise DataFormatError(f"{name} is empty; give a file with a header and at least one row.")
    marked = next((used for mark, used in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    attempts = [encoding] if encoding else [marked] if marked else ["utf-8", "cp1252"]
    for used in attempts:
        try:
            text = data.decode(used).removeprefix("\ufeff")
        except LookupError:
            raise DataFormatError(
                f"No encoding is named {used!r}; give one as in 'utf-8', 'utf-16' or 'cp1252'."
            ) from None
        except UnicodeDecodeError as error:
            place = error.start
            continue
        if "\0" in text:
            raise DataFormatError(
                f"{name} holds zero bytes, so it is no text in {used}; "
                "if it is UTF-16, give encoding='utf-16-le' or 'utf-16-be'."
            )
        return text, used
    raise DataFormatError(
        f"{name} is no text in {' or '.join(attempts)} (byte {place}); say how it was saved with encoding=."
    )


def _from_parquet(path: Path) -> RawTable:
    try:
        table = pa.parquet.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataFormatError(f"{path.name} is cut short or damaged; fetch it again.") from error
    if table.num_rows == 0:
        raise DataFormatError(f"{path.name} has no rows; there is nothing to load.")
    _require_distinct(table.column_names, path.name)
    columns = {header: _plain_array(table.column(header).combine_chunks()) for header in table.column_names}
    return RawTable(path.name, columns, range(1, table.num_rows + 1))


def _as_arrow(values: "pd.Series[Any]") -> Any:
    if isinstance(values.dtype, np.dtype) and values.dtype == np.float64:
        numbers = values.to_numpy()
        # A minimum of numbers is one only if all are: looking for a missing one each would copy the column.
        if len(numbers) and not np.isnan(numbers.min()):
            return pa.array(numbers)
    try:
        column = pa.Array.from_pandas(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        # Mixed types: what cannot be one type is read as text, value by value.
        column = pa.array(
            [None if missing else str(value) for value, missing in zip(values, values.isna(), strict=True)]
        )
    return _plain_array(column)


def _plain_array(column: Any) -> Any:
    """Undo dictionaries, chunks and wide text, so that a column is of a simple type."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if (
        pa.types.is_large_string(column.type)
        or pa.types.is_null(column.type)
        or pa.types.is_string_view(column.type)
    ):
        column = column.cast(pa.string())
    return column
