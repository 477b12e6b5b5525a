# ruff: noqa: S608 - statements are built from the names of our own tables; values are parameters
"""The lake's questions as SQL: names from our own tables, values as parameters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import pandas as pd
import pyarrow as pa

from workbench.errors import ArgumentError, DateInputError
from workbench.store.connection import CATALOG_TABLES, quote_name
from workbench.store.tables import TABLES, TableSpec, table_spec

__all__ = [
    "Query",
    "as_list",
    "aware",
    "bounds_of",
    "columns_query",
    "content_query",
    "latest_query",
    "latest_quotes_query",
    "revisions_query",
    "rows_query",
    "summary_query",
    "symbols_query",
    "tables_query",
    "versions_query",
]

_OCC_LENGTH = 21
_BARE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# Every instant of the lake; an option quote's `last` is a price and keeps its type.
_INSTANTS = frozenset(
    {"time", "recorded_at", "replaced_at", "first", "last"}
    | {column for spec in TABLES.values() for column, kind in spec.columns.items() if kind == "TIMESTAMP"}
)


@dataclass(slots=True)
class Query:
    """An SQL text and the values of its parameters."""

    text: str = ""
    values: dict[str, object] = field(default_factory=dict)

    def hold(self, value: object) -> str:
        """Take a value, and return the parameter that stands for it."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def rows_query(
    spec: TableSpec,
    *,
    symbols: str | Sequence[str] | None,
    start: date | datetime | str | None,
    end: date | datetime | str | None,
    known_at: datetime | None,
    columns: Sequence[str] | None,
    where: Mapping[str, object] | None,
    origin: str | None = None,
) -> Query:
    """Ask for rows, sorted by the table's key; see `Lake.read`. `origin` stands in for the current table."""
    query = Query()
    chosen = list(columns) if columns is not None else list(spec.stored)
    for column in [*chosen, *(where or {})]:
        _require_column(spec, column)
    conditions = _conditions(query, spec, symbols=symbols, start=start, end=end, where=where)
    order = ", ".join(quote_name(column) for column in spec.key)
    names = ", ".join(quote_name(column) for column in chosen)
    if known_at is None:
        origin = f"{origin or f'lake.{spec.name}'} WHERE {conditions}"
    else:
        instant = query.hold(_naive(known_at, "known_at"))
        stored = ", ".join(quote_name(column) for column in spec.stored)
        origin = (
            f"(SELECT {stored} FROM lake.{spec.name} WHERE {conditions} AND recorded_at <= {instant} "
            f"UNION ALL SELECT {stored} FROM lake.{spec.history} "
            f"WHERE {conditions} AND recorded_at <= {instant} AND {instant} < replaced_at)"
        )
    query.text = f"SELECT {names} FROM {origin} ORDER BY {order}"
    return query


def revisions_query(
    spec: TableSpec,
    *,
    symbols: str | Sequence[str] | None,
    known_at: datetime | None,
    where: Mapping[str, object] | None,
) -> Query:
    """Ask for rows and for those that they replaced, by key and in the order in which they were learned."""
    query = Query()
    for column in where or {}:
        _require_column(spec, column)
    conditions = _conditions(query, spec, symbols=symbols, start=None, end=None, where=where)
    if known_at is not None:
        conditions += f" AND recorded_at <= {query.hold(_naive(known_at, 'known_at'))}"
    names = _stored(spec)
    order = ", ".join(quote_name(column) for column in (*spec.key, "recorded_at"))
    query.text = (
        f"SELECT {names}, NULL::TIMESTAMP AS replaced_at FROM lake.{spec.name} WHERE {conditions} "
        f"UNION ALL SELECT {names}, replaced_at FROM lake.{spec.history} WHERE {conditions} ORDER BY {order}"
    )
    return query


def versions_query(
    spec: TableSpec,
    *,
    symbols: str | Sequence[str] | None,
    start: date | datetime | str | None,
    end: date | datetime | str | None,
    where: Mapping[str, object] | None,
) -> Query:
    """Ask for the rows that stand and those that they replaced; see `Lake.versions`."""
    query = Query()
    for column in where or {}:
        _require_column(spec, column)
    conditions = _conditions(query, spec, symbols=symbols, start=start, end=end, where=where)
    order = ", ".join(quote_name(column) for column in spec.key)
    query.text = (
        f"SELECT {_stored(spec)}, NULL::TIMESTAMP AS replaced_at FROM lake.{spec.name} WHERE {conditions} "
        f"UNION ALL SELECT {_stored(spec)}, replaced_at FROM lake.{spec.history} WHERE {conditions} "
        f"ORDER BY {order}, recorded_at, replaced_at NULLS LAST"
    )
    return query


def latest_query(
    spec: TableSpec,
    symbols: str | Sequence[str] | None,
    at: date | datetime | str | None,
    *,
    lookback_days: int | None,
) -> Query:
    """Ask for the last row of each symbol at or before an instant."""
    time = _require_time(spec)
    query = Query()
    conditions = _conditions(query, spec, symbols=symbols, start=None, end=at)
    if lookback_days is not None:
        newest = _bound(at, "at", is_end=True) if at is not None else None
        last = query.hold(newest) if newest is not None else f"(SELECT max({time}) FROM lake.{spec.name})"
        conditions += f" AND {time} >= {last} - INTERVAL {lookback_days} DAY"
    identity = ", ".join(quote_name(column) for column in spec.series)
    # Of rows of one instant the vendor's own order decides, then what was learned last.
    rest = [column for column in spec.key if column not in (*spec.series, spec.time, "source")]
    newest_first = ", ".join(f"{quote_name(column)} DESC" for column in (*rest, "recorded_at", "source"))
    query.text = (
        f"SELECT {_stored(spec)} FROM lake.{spec.name} WHERE {conditions} "
        f"QUALIFY row_number() OVER (PARTITION BY {identity} ORDER BY {time} DESC, {newest_first}) = 1 "
        f"ORDER BY {identity}"
    )
    return query


def latest_quotes_query(
    symbols: str | Sequence[str], at: date | datetime | str | None, since: date | datetime | str | None
) -> Query:
    """Ask for the last quote of each contract at or before an instant."""
    spec = table_spec("option_quotes")
    query = Query()
    wanted = as_list(symbols)
    contracts = [symbol for symbol in wanted if len(symbol) == _OCC_LENGTH]
    # A contract's root names its underlying in nearly every case; the symbol alone decides, though.
    underlyings = [symbol for symbol in wanted if len(symbol) != _OCC_LENGTH]
    conditions = _conditions(query, spec, symbols=None, start=since, end=at)
    conditions += (
        f" AND (symbol IN (SELECT unnest({query.hold(contracts)}::VARCHAR[])) "
        f"OR underlying IN (SELECT unnest({query.hold(underlyings)}::VARCHAR[])))"
    )
    query.text = (
        f"SELECT {_stored(spec)} FROM lake.{spec.name} WHERE {conditions} "
        "QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY time DESC) = 1 "
        "ORDER BY underlying, expiry, strike, symbol"
    )
    return query


def summary_query(spec: TableSpec) -> Query:
    """Ask for the rows, first and last time, source and age of each symbol."""
    time = quote_name(spec.time) if spec.time else "recorded_at"
    return Query(
        f'SELECT symbol, count(*) AS "rows", min({time})::TIMESTAMP AS "first", '
        f'max({time})::TIMESTAMP AS "last", arg_max(source, {time}) AS source, '
        f"arg_max(recorded_at, {time}) AS recorded_at FROM (SELECT {_group(spec)} AS symbol, "
        f"* EXCLUDE ({quote_name(spec.group)}) FROM lake.{spec.name}) GROUP BY ALL ORDER BY 1"
    )


def symbols_query(spec: TableSpec) -> Query:
    """Ask for the symbols of a table."""
    return Query(f"SELECT DISTINCT {_group(spec)} AS symbol FROM lake.{spec.name} ORDER BY 1")


def tables_query() -> Query:
    """Ask for the size and age of every table."""
    parts = []
    for spec in TABLES.values():
        time = quote_name(spec.time) if spec.time else "recorded_at"
        parts.append(
            f'SELECT \'{spec.name}\' AS "table", count(*) AS "rows", '
            f"(SELECT count(*) FROM lake.{spec.history}) AS corrections, "
            f"(SELECT count(*) FROM (SELECT DISTINCT {_group(spec)} AS symbol FROM lake.{spec.name}) "
            "WHERE symbol IS NOT NULL) AS symbols, "
            f'min({time})::TIMESTAMP AS "first", max({time})::TIMESTAMP AS "last", '
            f"max(recorded_at) AS recorded_at FROM lake.{spec.name}"
        )
    places = ", ".join(f"('{name}', {place})" for place, name in enumerate(TABLES))
    return Query(
        "SELECT counted.*, coalesce(files, 0) AS files, coalesce(bytes, 0)::BIGINT AS bytes "
        f"FROM ({' UNION ALL '.join(parts)}) AS counted "
        f'JOIN (VALUES {places}) AS placed(name, place) ON placed.name = counted."table" '
        "LEFT JOIN (SELECT table_name, count(*) AS files, sum(file_size_bytes) AS bytes "
        f"FROM {CATALOG_TABLES}.ducklake_data_file JOIN {CATALOG_TABLES}.ducklake_table USING (table_id) "
        "WHERE ducklake_data_file.end_snapshot IS NULL GROUP BY table_name) AS held "
        'ON held.table_name = counted."table" ORDER BY place'
    )


def columns_query() -> Query:
    """Ask for the tables and columns that the lake has, whichever version made it."""
    return Query(
        'SELECT table_name AS "table", column_name AS "column" FROM duckdb_columns() '
        "WHERE database_name = 'lake'"
    )


def content_query(table: str, columns: Sequence[str]) -> Query:
    """Ask for a table's number of rows and the sum of their hashes, which no order of rows changes."""
    # Unit and record separators stand in no value that a vendor sends; they tell ('a', None) from ('', 'a').
    cells = ", ".join(f"coalesce({quote_name(column)}::VARCHAR, chr(30))" for column in columns)
    return Query(
        f"SELECT count(*), sum(md5_number_lower(line))::VARCHAR, sum(md5_number_upper(line))::VARCHAR "
        f"FROM (SELECT concat_ws(chr(31), {cells}) AS line FROM lake.{table})"
    )


def aware(table: pa.Table) -> pd.DataFrame:
    """Return rows as a frame, with the UTC zone that the lake's instants are stored without."""
    for number, field_ in enumerate(table.schema):
        if field_.name in _INSTANTS and pa.types.is_timestamp(field_.type):
            instants = table.column(number).cast(pa.timestamp("us", "UTC"))
            table = table.set_column(number, field_.name, instants)
        elif pa.types.is_date(field_.type):
            table = table.set_column(number, field_.name, table.column(number).cast(pa.timestamp("us")))
    frame: pd.DataFrame = table.to_pandas()
    return frame


def as_list(symbols: str | Sequence[str]) -> list[str]:
    """Return one symbol or several as a list."""
    return [symbols] if isinstance(symbols, str) else [str(symbol) for symbol in symbols]


def _conditions(
    query: Query,
    spec: TableSpec,
    *,
    symbols: str | Sequence[str] | None,
    start: date | datetime | str | None,
    end: date | datetime | str | None,
    where: Mapping[str, object] | None = None,
) -> str:
    parts = ["true"]
    if symbols is not None:
        group, wanted = quote_name(spec.group), as_list(symbols)
        if spec.group_is_list:
            parts.append(f"list_has_any(string_split({group}, ','), {query.hold(wanted)}::VARCHAR[])")
        else:
            parts.append(_equals(query, group, wanted))
    if start is not None:
        parts.append(f"{_require_time(spec)} >= {query.hold(_bound(start, 'start', is_end=False))}")
    if end is not None:
        parts.append(f"{_require_time(spec)} <= {query.hold(_bound(end, 'end', is_end=True))}")
    for column, value in (where or {}).items():
        name = quote_name(column)
        if isinstance(value, (list, tuple, set, frozenset)):
            parts.append(_equals(query, name, list(value)))
        else:
            parts.append(f"{name} IS NOT DISTINCT FROM {query.hold(value)}")
    return " AND ".join(parts)


def _equals(query: Query, name: str, values: Sequence[object]) -> str:
    if not values:
        return "false"
    if len(values) == 1:  # equality skips groups of rows by their smallest and largest value
        return f"{name} = {query.hold(values[0])}"
    return f"{name} IN ({', '.join(query.hold(value) for value in values)})"


def bounds_of(
    start: date | datetime | str | None, end: date | datetime | str | None
) -> tuple[datetime | None, datetime | None]:
    """Return what `start` and `end` mean, as the lake stores it: UTC without a zone."""
    return (
        None if start is None else _bound(start, "start", is_end=False),
        None if end is None else _bound(end, "end", is_end=True),
    )


def _bound(value: date | datetime | str, name: str, *, is_end: bool) -> datetime:
    is_whole_day = (isinstance(value, date) and not isinstance(value, datetime)) or (
        isinstance(value, str) and _BARE_DATE.fullmatch(value.strip()) is not None
    )
    instant = _naive(value, name)
    if is_whole_day and is_end:
        instant += pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    return instant


def _naive(value: date | datetime | str, name: str) -> datetime:
    try:
        instant = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise DateInputError(f"`{name}` is {value!r}; give a date or time such as 2013-03-01.") from error
    if pd.isna(instant):
        raise DateInputError(f"`{name}` is missing; give a date or time such as 2013-03-01.")
    if instant.tzinfo is not None:
        instant = instant.tz_convert("UTC").tz_localize(None)
    moment: datetime = instant.to_pydatetime(warn=False)
    return moment


def _require_column(spec: TableSpec, column: str) -> None:
    if column not in spec.stored:
        raise ArgumentError(f"{spec.name} has no column {column!r}; it has {', '.join(spec.stored)}.")


def _require_time(spec: TableSpec) -> str:
    if spec.time is None:
        raise ArgumentError(f"{spec.name} has no time to ask by; leave out `start`, `end` and `at`.")
    return quote_name(spec.time)


def _group(spec: TableSpec) -> str:
    """Return what summaries count by, one row for each symbol of a list."""
    group = quote_name(spec.group)
    return f"unnest(string_split({group}, ','))" if spec.group_is_list else group


def _stored(spec: TableSpec) -> str:
    return ", ".join(quote_name(column) for column in spec.stored)
