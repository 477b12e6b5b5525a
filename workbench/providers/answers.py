"""A service's records as rows of the desk: read column by column, what cannot be read set aside with reasons.

Nothing is believed: numbers may be texts, fields may be gone or have another name, rows may be of symbols or
days that nobody asked for. Good rows go on, the others keep their text and say what was wrong.
"""

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.market.row_rules import Checked
from workbench.market.schemas import Column, names, quarantined_rows
from workbench.redaction import redact

Reading = Literal[
    "number", "whole", "text", "flag", "iso", "seconds", "milliseconds", "microseconds", "nanoseconds", "day",
    "iso_rest", "nanoseconds_rest",
]  # fmt: skip
_UNITS = {"seconds": "s", "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}
_PER_SECOND = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
# Instants past these bounds come from a wrong unit, and would not fit nanoseconds.
_FIRST_INSTANT = pd.Timestamp("1900-01-01", tz="UTC")
_LAST_INSTANT = pd.Timestamp("2200-01-01", tz="UTC")
_LONGEST_TEXT = 300
# Without one of these a row is of no use, so a field of theirs that is gone is worth a word of its own.
_NEEDED = frozenset(
    {"symbol", "time", "open", "high", "low", "close", "price", "source_id", "headline", "date"}
)
_NO_NUMBER = frozenset({"", "nan", "none", "null", "-", "n/a"})


@dataclass(frozen=True, slots=True)
class Field:
    """Where one of our columns comes from.

    Attributes
    ----------
    ours : str
        Our column.
    theirs : str or tuple of str
        The service's field, or several of which the first that is there counts; ``quote.bp`` looks inside.
    reading : str
        How its values are written: "number", "whole", "text", "flag", instants as "iso" text or counted since
        1970 in "seconds" to "nanoseconds", "day" (2026-11-20); "iso_rest" and "nanoseconds_rest" give what an
        instant has below a microsecond.
    missing : collection
        Values that mean none, as 0 for a side of the market that is empty.
    """

    ours: str
    theirs: str | tuple[str, ...]
    reading: Reading = "number"
    missing: Collection[Any] = ()


class Answer(NamedTuple):
    """What an answer held: rows that can be used, and the rest with line, symbol, reason and text."""

    good: pd.DataFrame
    bad: pd.DataFrame


def read_rows(
    records: Sequence[Any],
    fields: Sequence[Field],
    columns: Sequence[Column],
    check: Callable[[pd.DataFrame], Checked],
    *,
    constants: Mapping[str, Any] | None = None,
    derive: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    symbols: Collection[str] | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    first_line: int = 1,
) -> Answer:
    """Read records into rows of one kind.

    Parameters
    ----------
    records : sequence
        What the service listed; anything but a mapping is set aside.
    fields : sequence of Field
        Where our columns come from.
    columns : sequence of Column
        Of the kind, as `schemas.BARS`.
    check : callable
        Its rules, as `schemas.check_bars`.
    constants : mapping, optional
        Columns that are the same in every row, as the symbol that was asked for.
    derive : callable, optional
        Changes the frame after reading and before the rules, as turning an instant into a session date.
    symbols : collection of str, optional
        The symbols that were asked for; rows of others are set aside.
    start, end : Timestamp, optional
        The period that was asked for, both included; rows outside are set aside.
    first_line : int
        Line of the first record, for answers of several pages.

    Returns
    -------
    Answer
        `good` in the columns of the kind.
    """
    frame, complaints = _frame_of(records, fields, columns, constants or {})
    frame["line"] = np.arange(first_line, first_line + len(records), dtype=np.int64)
    if derive is not None and len(frame):
        frame = derive(frame)
    if symbols is not None and "symbol" in frame:
        for place in np.flatnonzero(~frame["symbol"].isin(list(symbols)) & frame["symbol"].notna()):
            complaints.setdefault(int(place), []).append("nobody asked for this symbol")
    if "time" in frame:
        if start is not None:
            _complain(complaints, frame["time"] < start, "its time is before the period that was asked for")
        if end is not None:
            _complain(complaints, frame["time"] > end, "its time is after the period that was asked for")
    unreadable = np.zeros(len(frame), dtype=bool)
    unreadable[list(complaints)] = True
    checked = check(frame[~unreadable].reset_index(drop=True))
    ruled_out = [
        (int(line), str(symbol), str(reason), _text_of(records[int(line) - first_line]))
        for line, symbol, reason in zip(
            checked.bad["line"], checked.bad["symbol"], checked.bad["reason"], strict=True
        )
    ]
    held = frame["symbol"] if "symbol" in frame else pd.Series("", index=frame.index)
    unread = [
        (
            first_line + place,
            "" if pd.isna(held[place]) else str(held[place]),
            "; ".join(reasons),
            _text_of(records[place]),
        )
        for place, reasons in complaints.items()
    ]
    return Answer(checked.good[names(columns)], quarantined_rows(sorted(ruled_out + unread)))


def _complain(complaints: dict[int, list[str]], mask: "pd.Series[bool]", reason: str) -> None:
    for place in np.flatnonzero(mask.to_numpy(dtype=bool, na_value=False)):
        complaints.setdefault(int(place), []).append(reason)


def _frame_of(
    records: Sequence[Any], fields: Sequence[Field], columns: Sequence[Column], constants: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[int, list[str]]]:
    """Return our columns of the records, and what could not be read by row."""
    complaints: dict[int, list[str]] = {}
    rows: list[Mapping[str, Any]] = []
    for place, record in enumerate(records):
        is_record = isinstance(record, Mapping)
        rows.append(record if is_record else {})
        if not is_record:
            complaints[place] = [f"a record was expected, not {type(record).__name__}"]
    made: dict[str, Any] = {}
    for column in columns:
        given = [field for field in fields if field.ours == column.name]
        if given:
            values, wrong = _column(rows, given[0])
            made[column.name] = values
            for place, reason in wrong:
                complaints.setdefault(place, []).append(reason)
        elif column.name in constants:
            made[column.name] = constants[column.name]
        elif not column.required:
            made[column.name] = _none_of(column.dtype)
    frame = pd.DataFrame(made, index=pd.RangeIndex(len(rows)))
    for column in columns:
        if column.name in frame:
            frame[column.name] = _typed(frame[column.name], column.dtype)
    return frame, complaints


def _column(rows: list[Mapping[str, Any]], field: Field) -> tuple[Any, list[tuple[int, str]]]:
    paths = (field.theirs,) if isinstance(field.theirs, str) else field.theirs
    values = [_first_of(row, paths) for row in rows]
    if field.missing:
        values = [None if _is_one_of(value, field.missing) else value for value in values]
    if rows and all(value is None for value in values) and not any(_has(row, paths) for row in rows):
        # A field that is gone from every record has changed its name: the rules will ask for it, and this
        # says what stands there instead.
        there = ", ".join(list(dict.fromkeys(str(name) for row in rows[:3] for name in row))[:12])
        reason = f"the answer has no field `{paths[0]}`; it has {there}"
        wrong = [(place, reason) for place in range(len(rows))] if field.ours in _NEEDED else []
        return _read(values, field.reading)[0], wrong
    return _read_with_reasons(values, field, paths[0])


def _read_with_reasons(values: list[Any], field: Field, name: str) -> tuple[Any, list[tuple[int, str]]]:
    read, failed = _read(values, field.reading)
    kinds = {"iso": "time", "day": "date", "text": "text", "flag": "yes or no"}
    kind = kinds.get(field.reading, "time" if field.reading in _UNITS else "number")
    return read, [(place, f"`{name}` is {values[place]!r:.60}, no {kind}") for place in failed]


def _read(values: list[Any], reading: Reading) -> tuple[Any, list[int]]:  # noqa: PLR0911 - one line a reading
    if reading == "number":
        return _numbers(values)
    if reading == "whole":
        numbers, failed = _numbers(values)
        return np.where(np.isnan(numbers), 0, numbers).astype(np.int64), failed
    if reading == "text":
        texts = [None if value is None else str(value) for value in values]
        return texts, [place for place, value in enumerate(values) if isinstance(value, (dict, list))]
    if reading == "flag":
        flags = [value in (True, "true", "True", "Y", 1) for value in values]
        return np.asarray(flags, dtype=bool), []
    if reading in _UNITS:
        return _counted(values, reading)
    if reading == "nanoseconds_rest":
        counts, failed = _whole_counts(values)
        return counts % 1000, failed
    instants, failed = _dates(values)
    if reading == "iso_rest":
        nanoseconds = np.asarray(instants.as_unit("ns").asi8)
        return np.where(np.asarray(instants.isna()), 0, nanoseconds % 1000), []
    if reading == "day":
        return instants.tz_localize(None).normalize(), failed
    return instants, failed


def _numbers(values: list[Any]) -> tuple[npt.NDArray[np.float64], list[int]]:
    kinds = set(map(type, values))
    if kinds <= {int, float, type(None)}:
        try:
            return np.array([math.nan if value is None else value for value in values], dtype=np.float64), []
        except OverflowError:
            pass
    numbers, failed = np.full(len(values), np.nan), []
    for place, value in enumerate(values):
        if value is None or (isinstance(value, str) and value.strip().lower() in _NO_NUMBER):
            continue
        try:
            if isinstance(value, bool):
                raise ValueError("a truth is no number")
            numbers[place] = float(value)
        except (TypeError, ValueError, OverflowError):
            failed.append(place)
    return numbers, failed


def _whole_counts(values: list[Any]) -> tuple[npt.NDArray[np.int64], list[int]]:
    """Return counts since 1970 exactly: a float would lose the last digits of nanoseconds."""
    counts, failed = np.zeros(len(values), dtype=np.int64), []
    for place, value in enumerate(values):
        try:
            if value is None or isinstance(value, bool):
                raise TypeError("no count")
            exact = type(value) is int or "." not in str(value)
            counts[place] = int(value) if exact else int(float(value))
        except (TypeError, ValueError, OverflowError):
            failed.append(place)
    return counts, failed


def _counted(values: list[Any], reading: str) -> tuple[pd.DatetimeIndex, list[int]]:
    per_second = _PER_SECOND[reading]
    if reading == "seconds":
        numbers, failed = _numbers(values)
        microseconds = np.where(np.isfinite(numbers), numbers, 0) * 10**6
        within = np.abs(microseconds) < 2**62
        counts = np.where(within, microseconds, 0).astype(np.int64)
        missing = np.isnan(numbers) | ~within
    else:
        counts, failed = _whole_counts(values)
        missing = np.zeros(len(values), dtype=bool)
        missing[failed] = True
        counts = counts * (10**6 // per_second) if per_second < 10**6 else counts // (per_second // 10**6)
    instants = pd.DatetimeIndex(counts.view("datetime64[us]")).tz_localize("UTC")
    return _within_bounds(instants, missing, failed, values)


def _dates(values: list[Any]) -> tuple[pd.DatetimeIndex, list[int]]:
    texts = pd.Series([value if isinstance(value, str) else None for value in values], dtype=object)
    instants = pd.DatetimeIndex(pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce"))
    failed = [place for place, value in enumerate(values) if value is not None and not isinstance(value, str)]
    return _within_bounds(instants, np.asarray(instants.isna()), failed, values)


def _within_bounds(
    instants: pd.DatetimeIndex, missing: npt.NDArray[np.bool_], failed: list[int], values: list[Any]
) -> tuple[pd.DatetimeIndex, list[int]]:
    outside = ~missing & np.asarray((instants < _FIRST_INSTANT) | (instants > _LAST_INSTANT))
    gone = missing | outside
    failed = sorted({*failed, *(int(place) for place in np.flatnonzero(gone) if values[place] is not None)})
    kept = instants.where(~gone)
    return pd.DatetimeIndex(kept), failed


def _typed(values: "pd.Series[Any]", dtype: str) -> "pd.Series[Any]":
    if dtype == "text":
        return values.astype("str").where(values.notna())
    if dtype == "instant":
        # A column that the service does not have is of no zone yet.
        return pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]")
    if dtype == "day":
        return values.astype("datetime64[us]")
    if dtype == "float":
        return values.astype("float64")
    if dtype == "whole":
        return values.astype("int64")
    return values


def _none_of(dtype: str) -> Any:
    return {"float": np.nan, "instant": pd.NaT, "day": pd.NaT}.get(dtype)


def _first_of(row: Mapping[str, Any], paths: Sequence[str]) -> Any:
    for path in paths:
        value: Any = row
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None


def _has(row: Mapping[str, Any], paths: Sequence[str]) -> bool:
    return any(path.split(".")[0] in row for path in paths)


def _is_one_of(value: Any, missing: Collection[Any]) -> bool:
    return isinstance(value, (int, float, str)) and value in missing


def _text_of(record: Any) -> str:
    try:
        text = json.dumps(record, default=str, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(record)
    text = redact(text)
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " …"
