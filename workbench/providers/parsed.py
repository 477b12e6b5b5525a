"""What comes out of a file: rows to load, rows for quarantine, and how the file was understood."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from workbench.market.arrow_frames import frame_of, nothing
from workbench.market.calendars import session_closes
from workbench.market.corporate_actions import no_actions
from workbench.market.schemas import Checked, quarantined_rows
from workbench.providers.columns import ChosenColumns, choose_columns, require_columns
from workbench.providers.number_columns import number_style, read_decimals, read_numbers
from workbench.providers.tables import RawTable
from workbench.providers.time_columns import ReadTimes, read_times

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ParsedFile:
    """A file or frame, read.

    Attributes
    ----------
    name : str
        The file's name, or "the frame".
    kind : str
        ``bars``, ``chain`` or ``fills``.
    good : DataFrame or pyarrow.Table
        Rows to load, in the columns of `schemas.BARS`, `OPTION_QUOTES` or `FILLS`; as a table where they
        were found sound as they came, and none had to be moved.
    quarantined : DataFrame
        The other rows: line (from 1, header included; in Parquet and frames the row from 1), symbol where
        it can be told, reason, text.
    columns : dict of str to list of str
        Our columns and the headers that each was read from.
    ignored : tuple of str
        Headers that nothing was read from.
    interval : str
        Of bars: ``1d``, or what most of the bars are apart, as in ``5m``.
    actions : DataFrame
        Splits and dividends that a file of bars carries in columns of its own.
    encoding, separator : str
        How text was read; empty for Parquet and frames.
    """

    name: str
    kind: str
    good: pd.DataFrame | pa.Table
    quarantined: pd.DataFrame
    columns: dict[str, list[str]]
    ignored: tuple[str, ...] = ()
    interval: str = ""
    actions: pd.DataFrame = field(default_factory=no_actions)
    encoding: str = ""
    separator: str = ""

    def __len__(self) -> int:
        return len(self.good)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Return the rows to load as a frame."""
        return self.good if isinstance(self.good, pd.DataFrame) else frame_of(self.good)


class RowReader:
    """Reads the columns of one table and collects what cannot be read, row by row.

    Parameters
    ----------
    table : RawTable
        The file.
    known : mapping
        Our columns, each with the names that vendors give it.
    mapping : mapping, optional
        What the caller says of the columns; see `choose_columns`.
    required : sequence of str
        Our columns that must be there.
    numbers : sequence of str
        Our columns that hold numbers.
    """

    def __init__(
        self,
        table: RawTable,
        known: Mapping[str, Sequence[str]],
        mapping: Mapping[str, str] | None,
        *,
        required: Sequence[str],
        numbers: Sequence[str],
    ) -> None:
        headers = list(table.columns)
        self.table = table
        self.chosen: ChosenColumns = choose_columns(headers, known, mapping, file=table.name)
        require_columns(self.chosen, required, headers, table.name)
        theirs = [header for name in numbers if name in self.chosen for header in self.chosen.headers[name]]
        self._style = number_style(table, theirs, self.chosen.formats)
        self._unread: list[tuple[Mask, Callable[[int], str]]] = []

    def __len__(self) -> int:
        return len(self.table)

    def __contains__(self, name: str) -> bool:
        return name in self.chosen

    def numbers(self, name: str, *, percent: bool = False) -> npt.NDArray[np.float64]:
        """Return a column as float64, NaN where it is missing or the file has no such column.

        With `percent`, ``25.4%`` is 0.254; elsewhere it is no number.
        """
        if name not in self.chosen:
            return np.full(len(self), np.nan)
        header = self.chosen.header(name)
        values, unreadable = read_numbers(self.table, header, self._style, percent=percent)
        self.refuse(unreadable, self._no_number(name, header))
        return values

    def number_array(self, name: str) -> Any:
        """Return a column of numbers for Arrow, as it lies in memory where it came as such."""
        if name in self.chosen:
            column = self.table.columns[self.chosen.header(name)]
            if pa.types.is_float64(column.type):
                return column
            return pa.array(self.numbers(name))
        return nothing(len(self), pa.float64())

    def decimals(self, name: str) -> npt.NDArray[np.object_]:
        """Return a column as exact decimals, None where missing; several headers are added up."""
        total = np.full(len(self), None, dtype=object)
        for header in self.chosen.headers.get(name, []):
            values, unreadable = read_decimals(self.table, header, self._style)
            self.refuse(unreadable, self._no_number(name, header))
            added = _given(total) & _given(values)
            total = np.where(_given(total), total, values)
            total[added] += values[added]
        return total

    def texts(self, name: str) -> npt.NDArray[np.object_]:
        """Return a column as trimmed text, None where it is missing or the file has no such column."""
        if name not in self.chosen:
            return np.full(len(self), None, dtype=object)
        text = self.table.text(self.chosen.header(name))
        return np.array(text.to_numpy(zero_copy_only=False), dtype=object)

    def text_column(self, name: str) -> "pd.Series[str]":
        """Return a column as trimmed text in a series, missing where nothing was written."""
        return pd.Series(pd.array(self.table.text(self.chosen.header(name)), dtype="str"))

    def text_array(self, name: str) -> Any:
        """Return a column as trimmed text for Arrow, by its distinct values where they are few."""
        return self.table.encoded(self.chosen.header(name))

    def times(
        self, name: str, *, time_zone: str | None = None, only_days: bool = False, beside: str | None = None
    ) -> ReadTimes:
        """Return a column as session dates or instants; rows that cannot be read are refused.

        `beside` names another column of dates, which tells whether the month leads where this one does not.
        """
        headers = self.chosen.headers[name]
        pattern = self.chosen.formats.get(headers[0])
        other = self.chosen.header(beside) if beside is not None and beside in self.chosen else None
        read = read_times(
            self.table, headers, pattern=pattern, time_zone=time_zone, only_days=only_days, beside=other
        )
        if not read.all_read:
            self.refuse(_given(read.reasons), lambda at: str(read.reasons[at]))
        return read

    def instants(
        self, name: str, *, time_zone: str | None, calendar: str, beside: str | None = None
    ) -> pd.DatetimeIndex:
        """Return a column as instants, where a date alone means the close of its session.

        Dates on which the exchange was closed are refused: whatever they mean, nothing was quoted or traded.
        `beside` as in `times`.
        """
        read = self.times(name, time_zone=time_zone, beside=beside)
        if not read.daily:
            return read.values
        days = read.values.tz_localize(None)
        closes = session_closes(calendar, days).as_unit("us")
        self.refuse(
            np.asarray(closes.isna()) & np.asarray(days.notna()),
            lambda at: f"{days[at].date()} is no session of {calendar}",
        )
        return closes

    def refuse(self, mask: Mask, reason: Callable[[int], str]) -> None:
        """Set rows aside; `reason` is asked with the position of each."""
        if mask.any():
            self._unread.append((mask, reason))

    @property
    def all_read(self) -> bool:
        """Whether every row is one and every value of the columns asked for could be read."""
        return not self._unread and not self.table.broken

    def finish_sound(self, kind: str, rows: pa.Table, **more: Any) -> ParsedFile:
        """Gather rows that were found sound as they are."""
        return self._parsed(kind, rows, quarantined_rows(), **more)

    def finish(
        self, kind: str, frame: pd.DataFrame, check: Callable[[pd.DataFrame], Checked], **more: Any
    ) -> ParsedFile:
        """Check the rows that could be read and gather the others with line, reason and text."""
        refused = np.zeros(len(self), dtype=bool)
        for mask, _ in self._unread:
            refused |= mask
        frame = frame.assign(line=self.table.lines)
        checked = check(frame[~refused] if refused.any() else frame)
        bad = [*self.table.broken, *self._described(np.flatnonzero(refused), frame["symbol"])]
        places = np.searchsorted(self.table.lines, checked.bad["line"].to_numpy())
        texts = self.table.row_texts(places)
        bad += list(
            zip(checked.bad["line"], checked.bad["symbol"], checked.bad["reason"], texts, strict=True)
        )
        return self._parsed(kind, checked.good.drop(columns="line"), quarantined_rows(sorted(bad)), **more)

    def _parsed(
        self, kind: str, good: pd.DataFrame | pa.Table, quarantined: pd.DataFrame, **more: Any
    ) -> ParsedFile:
        return ParsedFile(
            name=self.table.name,
            kind=kind,
            good=good,
            quarantined=quarantined,
            columns=self.chosen.headers,
            ignored=self.chosen.ignored,
            encoding=self.table.encoding,
            separator=self.table.separator,
            **more,
        )

    def _described(
        self, positions: npt.NDArray[np.intp], symbols: "pd.Series[Any]"
    ) -> list[tuple[int, str, str, str]]:
        lines = self.table.lines[positions]
        texts = self.table.row_texts(positions)
        named = symbols.iloc[positions].fillna("").astype(str)
        reasons = [
            "; ".join(reason(at) for mask, reason in self._unread if mask[at]) for at in positions.tolist()
        ]
        return list(zip(lines.tolist(), named, reasons, texts, strict=True))

    def _no_number(self, name: str, header: str) -> Callable[[int], str]:
        column = self.table.columns[header]
        return lambda at: f"`{name}` is {str(column[at].as_py())!r}, which is no number"


def _given(reasons: npt.NDArray[np.object_]) -> Mask:
    return np.array(pd.Series(reasons, dtype=object).notna(), dtype=bool)
