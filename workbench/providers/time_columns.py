"""Dates and times as vendors write them, made into session dates or instants in UTC.

The pieces of every way of writing are taken apart by one pattern each and put together as arrays; a column
is read through its distinct values, of which daily data have few.
"""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import ArgumentError, DataFormatError
from workbench.providers.tables import RawTable

Mask = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

_SECOND = 10**9
_DAY = 86_400 * _SECOND
_DAY_IN_MICROSECONDS = 86_400 * 10**6
# Rows that are looked at together, so that what is made of them stays in the processor's cache.
_BLOCK = 100_000
_CLOCK = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<half>[AaPp][Mm])?)? ?(?P<zone>Z|z|UTC|GMT|[-+]\d{2}(?::?\d{2})?)?$"
)
_PATTERNS = (
    r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})" + _CLOCK,
    r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})" + _CLOCK,
    r"^(?P<day>\d{1,2})[- ]?(?P<name>[A-Za-z]{3,9})[- ,]*(?P<year>\d{4})" + _CLOCK,
    r"^(?P<name>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})" + _CLOCK,
)
_TWO_ORDERS = r"^(?P<first>\d{1,2})[-/.](?P<other>\d{1,2})[-/.](?P<year>\d{4})" + _CLOCK
_EPOCH = r"^(?P<digits>\d{9,10}|\d{12,13}|\d{15,16}|\d{18,19})$"
_HOURS_ALONE = len("+00")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEARS = (1900, 2199)


@dataclass(frozen=True)
class ReadTimes:
    """A column of times.

    Attributes
    ----------
    values : DatetimeIndex
        Instants in UTC; where `daily`, session dates at 00:00 UTC. NaT where missing or unreadable.
    daily : bool
        True where no value has a time of day.
    reasons : ndarray of object
        Why a value could not be read; None where it could, or where nothing was written.
    all_read : bool
        True where it is known that there are no reasons.
    """

    values: pd.DatetimeIndex
    daily: bool
    reasons: npt.NDArray[np.object_]
    all_read: bool = False


@dataclass
class _Stamps:
    """Distinct values taken apart: what the clock on the wall said, in nanoseconds, and its offset."""

    local: Whole
    offset: Whole
    has_clock: Mask
    has_zone: Mask
    read: Mask

    @classmethod
    def empty(cls, count: int) -> "_Stamps":
        nothing = np.zeros(count, dtype=bool)
        zero = np.zeros(count, dtype=np.int64)
        return cls(zero, zero.copy(), nothing, nothing.copy(), nothing.copy())

    def put(self, where: Mask, other: "_Stamps") -> None:
        for name in ("local", "offset", "has_clock", "has_zone", "read"):
            getattr(self, name)[where] = getattr(other, name)[where]


def read_times(
    table: RawTable,
    headers: list[str],
    *,
    pattern: str | None = None,
    time_zone: str | None = None,
    only_days: bool = False,
    beside: str | None = None,
) -> ReadTimes:
    """Read a column of dates or times, or a date column and the time column beside it.

    ISO dates, dates with the month's name and seconds since 1970 mean one thing. Dates such as 3/4/2021 are
    read when another value of the column shows which number is the month, or else one of another column.

    Parameters
    ----------
    table : RawTable
        The file.
    headers : list of str
        The column, or date and time of day.
    pattern : str, optional
        How dates are written, as in ``%d/%m/%Y``.
    time_zone : str, optional
        Zone of times that do not tell their own, as in ``America/New_York``.
    only_days : bool
        Take the date alone, as for expiries.
    beside : str, optional
        Header of another column of dates: one file writes its dates in one order.

    Raises
    ------
    DataFormatError
        If month and day cannot be told apart, times lack a zone, or no value can be read.
    ArgumentError
        If no zone has that name.
    """
    zone = _zone(time_zone)
    column = _column(table, headers)
    if pattern is None and zone is None and beside is None:
        known = _utc_times(column, only_days)
        if known is not None:
            return known
    where = f"`{headers[0]}` of {table.name}"
    codes, distinct = _distinct(column)
    others = _distinct(_column(table, [beside]))[1] if beside is not None else None
    stamps = _take_apart(distinct, pattern, where, others)
    written = codes >= 0
    if written.any() and not stamps.read.any():
        sample = distinct[int(codes[written][0])].as_py()
        raise DataFormatError(
            f"No value of {where} can be read as a date or time (the first is {str(sample)!r}); say how "
            f"they are written, as in columns={{'{headers[0]}': '<ours>:%d.%m.%y'}}."
        )
    instants, daily, reasons = _resolve(stamps, zone, only_days, where)
    shown = [f"`{headers[0]}` {value!s} is no date or time" for value in distinct.to_pylist()]
    reasons = np.where(stamps.read, reasons, np.array(shown, dtype=object)) if shown else reasons
    all_read = all(reason is None for reason in reasons)
    missing = pd.DatetimeIndex([pd.NaT]).as_unit("us").tz_localize("UTC")
    # Code -1, nothing written, takes the last entry.
    values = _taken(pd.DatetimeIndex(instants.append(missing)), codes)
    if all_read:
        # Ten million rows would take as long to say so one by one as to read.
        return ReadTimes(values, daily, np.broadcast_to(np.array(None, dtype=object), len(codes)), True)
    return ReadTimes(values, daily, np.array([*reasons, None], dtype=object)[codes])


def _utc_times(column: Any, only_days: bool) -> ReadTimes | None:
    """Return times that came as instants in UTC as they are; None where there is something to read."""
    kind = column.type
    if not pa.types.is_timestamp(kind) or kind.tz != "UTC" or kind.unit != "us" or column.null_count:
        return None
    if len(column) == 0 or isinstance(column, pa.ChunkedArray):
        return None
    microseconds = column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    daily = all(
        bool((microseconds[at : at + _BLOCK] % _DAY_IN_MICROSECONDS == 0).all())
        for at in range(0, len(microseconds), _BLOCK)
    )
    if only_days and not daily:
        return None
    values = pd.DatetimeIndex(microseconds.view("datetime64[us]"), tz="UTC", copy=False)
    return ReadTimes(values, daily, np.broadcast_to(np.array(None, dtype=object), len(values)), True)


def _column(table: RawTable, headers: list[str]) -> Any:
    if len(headers) == 1:
        return table.encoded(headers[0]) if table.is_text(headers[0]) else table.columns[headers[0]]
    return pc.binary_join_element_wise(table.text(headers[0]), table.text(headers[1]), " ")


def _distinct(column: Any) -> tuple[Whole, Any]:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = encoded.indices
    codes = (pc.fill_null(codes, -1) if codes.null_count else codes).to_numpy()
    return codes, encoded.dictionary


def _taken(values: pd.DatetimeIndex, codes: Whole) -> pd.DatetimeIndex:
    whole = np.asarray(values.as_unit("us").asi8)
    if len(codes) and codes.min() < 0:
        codes = np.where(codes < 0, len(whole) - 1, codes)
    taken = pa.array(whole).take(pa.array(codes))
    return pd.DatetimeIndex(taken.to_numpy().view("datetime64[us]"), tz="UTC", copy=False)


def _take_apart(values: Any, pattern: str | None, where: str, others: Any) -> _Stamps:
    kind = values.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _typed_stamps(values)
    if not pa.types.is_string(kind):
        values = pc.cast(values, pa.string())
        values = pc.replace_substring_regex(values, r"\.0$", "")
    if pattern:
        return _patterned_stamps(values, pattern, where)
    stamps = _Stamps.empty(len(values))
    for known in _PATTERNS:
        if stamps.read.all():
            return stamps
        parts = pc.extract_regex(values, known)
        stamps.put(~stamps.read & _valid(parts), _stamps_of(parts))
    parts = pc.extract_regex(values, _TWO_ORDERS)
    if _valid(parts).any():
        stamps.put(_valid(parts), _stamps_of(parts, month_first=_month_first(parts, values, where, others)))
    epoch = pc.extract_regex(values, _EPOCH)
    stamps.put(~stamps.read & _valid(epoch), _epoch_stamps(epoch))
    return stamps


def _typed_stamps(values: Any) -> _Stamps:
    stamps = _Stamps.empty(len(values))
    aware = pa.types.is_timestamp(values.type) and values.type.tz is not None
    # A timestamp with a zone keeps UTC and shows the zone's clock: both are needed to see midnight.
    times = pd.DatetimeIndex(values.to_pandas()).as_unit("ns")
    utc = times.tz_convert("UTC").tz_localize(None) if aware else times
    local = times.tz_localize(None) if aware else times
    stamps.read = np.array(utc.notna())
    stamps.local = np.where(stamps.read, local.asi8, 0)
    stamps.offset = np.where(stamps.read, local.asi8 - utc.asi8, 0)
    stamps.has_clock = np.full(len(values), not pa.types.is_date(values.type))
    stamps.has_zone = np.full(len(values), aware)
    return stamps


def _patterned_stamps(values: Any, pattern: str, where: str) -> _Stamps:
    aware = "%z" in pattern or "%Z" in pattern
    texts = pd.Series(values.to_pandas(), dtype="str")
    try:
        times = pd.DatetimeIndex(pd.to_datetime(texts, format=pattern, errors="coerce", utc=aware)).as_unit(
            "ns"
        )
    except ValueError as error:
        raise ArgumentError(
            f"{pattern!r} for {where} is no date format; write it as in '%d/%m/%Y'."
        ) from error
    stamps = _Stamps.empty(len(values))
    stamps.read = np.array(times.notna())
    stamps.local = np.where(stamps.read, times.asi8, 0)
    stamps.has_clock = np.full(len(values), any(sign in pattern for sign in ("%H", "%I", "%T", "%X", "%c")))
    stamps.has_zone = np.full(len(values), aware)
    return stamps


def _stamps_of(parts: Any, month_first: bool | None = None) -> _Stamps:
    """Put the named pieces of a pattern together, as arrays."""
    names = [parts.type.field(at).name for at in range(parts.type.num_fields)]
    stamps = _Stamps.empty(len(parts))
    year = _whole(parts, "year")
    if month_first is None:
        day = _whole(parts, "day")
        month = _month_numbers(parts) if "name" in names else _whole(parts, "month")
    else:
        first, other = _whole(parts, "first"), _whole(parts, "other")
        month, day = (first, other) if month_first else (other, first)
    clock_hour, minute, second = (_whole(parts, name) for name in ("hour", "minute", "second"))
    hour = _hour_of_day(clock_hour, _piece(parts, "half"))
    possible = (month >= 1) & (month <= 12) & (year >= _YEARS[0]) & (year <= _YEARS[1]) & (hour <= 24)
    possible &= (minute <= 59) & (second <= 59) & ((hour < 24) | ((minute == 0) & (second == 0)))
    months = (np.where(possible, year, 1970) - 1970) * 12 + np.where(possible, month, 1) - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    possible &= (day >= 1) & (days.astype("datetime64[M]").astype(np.int64) == months)
    fraction = pc.utf8_rpad(pc.struct_field(parts, "fraction"), 9, "0")
    nanoseconds = ((hour * 60 + minute) * 60 + second) * _SECOND + _integers(fraction)
    zone_text = _piece(parts, "zone")
    stamps.read = _valid(parts) & possible
    stamps.local = days.astype("datetime64[D]").astype(np.int64) * _DAY + nanoseconds
    stamps.has_clock = _piece(parts, "hour") != ""
    stamps.has_zone = (zone_text != "") & stamps.has_clock
    # Databases write +00 behind a time; behind a date two digits more are no zone.
    stamps.read &= stamps.has_clock | (np.char.str_len(zone_text.astype(str)) != _HOURS_ALONE)
    stamps.offset = _offsets(zone_text)
    return stamps


def _epoch_stamps(parts: Any) -> _Stamps:
    """Read counts since 1970, whose unit shows in their length."""
    digits = _piece(parts, "digits")
    lengths = np.array([len(text) for text in digits], dtype=np.int64)
    unit = np.select([lengths <= 10, lengths <= 13, lengths <= 16], [10**9, 10**6, 10**3], default=1)
    stamps = _Stamps.empty(len(parts))
    stamps.read = _valid(parts)
    stamps.local = _whole(parts, "digits") * unit
    stamps.has_clock = stamps.read.copy()
    stamps.has_zone = stamps.read.copy()
    return stamps


def _month_first(parts: Any, values: Any, where: str, others: Any) -> bool:
    """Find out from all values of the column, or else of another, which number of 3/4/2021 is the month."""
    day_leads, month_leads = _orders(parts)
    if not day_leads and not month_leads and others is not None and pa.types.is_string(others.type):
        told = _orders(pc.extract_regex(others, _TWO_ORDERS))
        # A column that mixes both orders tells nothing of another.
        day_leads, month_leads = told if told != (True, True) else (False, False)
    if day_leads == month_leads:
        valid = _valid(parts)
        sample = values[int(np.flatnonzero(valid)[0])].as_py()
        header = where.split("`")[1]
        why = "mixes both orders" if day_leads else "may be day or month first"
        raise DataFormatError(
            f"{sample!r} in {where} {why}; write dates as 2021-03-04, or say how they are written, "
            f"as in columns={{'{header}': '<ours>:%m/%d/%Y'}}."
        )
    return month_leads


def _orders(parts: Any) -> tuple[bool, bool]:
    """Say whether some value can only have the day first, and whether some can only have the month first."""
    valid = _valid(parts)
    first, other = _whole(parts, "first")[valid], _whole(parts, "other")[valid]
    return bool((first > 12).any()), bool((other > 12).any())


def _resolve(
    stamps: _Stamps, zone: ZoneInfo | None, only_days: bool, where: str
) -> tuple[pd.DatetimeIndex, bool, npt.NDArray[np.object_]]:
    """Turn wall clocks into session dates, or into instants by their offset or the caller's zone."""
    reasons = np.full(len(stamps.local), None, dtype=object)
    local = _in_zone(stamps, zone)
    midnight = local % _DAY == 0
    daily = only_days or bool((midnight | ~stamps.read).all())
    if daily:
        days = pd.DatetimeIndex((local // _DAY * _DAY).astype("datetime64[ns]"))
        return _masked(days.tz_localize("UTC"), ~stamps.read), True, reasons
    naive = stamps.read & stamps.has_clock & ~stamps.has_zone
    utc = stamps.local - stamps.offset
    if naive.any():
        if zone is None:
            sample = pd.Timestamp(int(stamps.local[naive][0]))
            raise DataFormatError(
                f"The times in {where}, as {sample}, tell no zone; give it with time_zone='America/New_York'."
            )
        utc[naive], reasons[naive] = _from_wall_clock(stamps.local[naive], zone)
    no_clock = stamps.read & ~stamps.has_clock
    reasons[no_clock] = "has a date without the time of day that other rows have"
    refused = ~stamps.read | np.array([reason is not None for reason in reasons], dtype=bool)
    instants = pd.DatetimeIndex(np.where(refused, 0, utc).astype("datetime64[ns]")).tz_localize("UTC")
    return _masked(instants, refused), False, reasons


def _in_zone(stamps: _Stamps, zone: ZoneInfo | None) -> Whole:
    """Return what the wall clock says, in the caller's zone for values that tell an offset."""
    if zone is None or not stamps.has_zone.any():
        return stamps.local
    utc = pd.DatetimeIndex((stamps.local - stamps.offset).astype("datetime64[ns]")).tz_localize("UTC")
    there = utc.tz_convert(zone).tz_localize(None).asi8
    # A daily stamp keeps its own date where its own clock shows midnight, as 2021-01-04T00:00:00Z does.
    own_midnight = stamps.local % _DAY == 0
    return np.where(stamps.has_zone & ~own_midnight, there, stamps.local)


def _from_wall_clock(local: Whole, zone: ZoneInfo) -> tuple[Whole, npt.NDArray[np.object_]]:
    times = pd.DatetimeIndex(local.astype("datetime64[ns]"))
    utc = times.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    reasons = np.full(len(times), None, dtype=object)
    if utc.hasnans:
        shifted = times.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
        for at in np.flatnonzero(utc.isna()).tolist():
            what = "happens twice in" if pd.isna(shifted[at]) else "does not exist in"
            reasons[at] = f"{times[at]} {what} {zone.key}, where clocks change; write its offset"
    return np.where(utc.isna(), 0, utc.asi8), reasons


def _zone(time_zone: str | None) -> ZoneInfo | None:
    if time_zone is None:
        return None
    try:
        return ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ArgumentError(
            f"No time zone is named {time_zone!r}; give one as in 'America/New_York'."
        ) from None


def _masked(times: pd.DatetimeIndex, absent: Mask) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.Series(times.as_unit("us")).mask(absent))


def _valid(parts: Any) -> Mask:
    return np.array(pc.is_valid(parts).to_numpy(zero_copy_only=False), dtype=bool)


def _piece(parts: Any, name: str) -> npt.NDArray[np.object_]:
    text = pc.fill_null(pc.struct_field(parts, name), "")
    return np.asarray(text.to_numpy(zero_copy_only=False), dtype=object)


def _whole(parts: Any, name: str) -> Whole:
    return _integers(pc.struct_field(parts, name))


def _integers(text: Any) -> Whole:
    """Return digits as integers; zero where there are none."""
    digits = pc.if_else(pc.equal(pc.utf8_length(text), 0), pa.scalar("0"), text)
    numbers = pc.cast(pc.fill_null(digits, "0"), pa.int64())
    return np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.int64)


def _month_numbers(parts: Any) -> Whole:
    names = [str(name)[:3].lower() for name in _piece(parts, "name")]
    return np.array([_MONTHS.index(name) + 1 if name in _MONTHS else 0 for name in names], dtype=np.int64)


def _hour_of_day(hour: Whole, half: npt.NDArray[np.object_]) -> Whole:
    """Turn a twelve-hour clock into the hour of the day: 12 AM is 0 and 12 PM is 12."""
    marks = np.char.lower(half.astype(str))
    twelve = np.where(hour == 12, 0, hour)
    return np.where(marks == "pm", twelve + 12, np.where(marks == "am", twelve, hour))


def _offsets(zone_text: npt.NDArray[np.object_]) -> Whole:
    """Return offsets such as -05:00 in nanoseconds; Z, UTC and none are zero."""
    distinct, codes = np.unique(zone_text.astype(str), return_inverse=True)
    seconds = []
    for text in distinct:
        digits = text.replace(":", "").lstrip("+-")
        size = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60 if digits.isdigit() else 0
        seconds.append(-size if text.startswith("-") else size)
    return np.array(seconds, dtype=np.int64)[codes] * _SECOND
