"""The tables of the lake: their columns, what identifies a row, and how files are laid out."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from workbench.errors import ArgumentError

__all__ = ["TABLES", "TableSpec", "table_spec"]


_ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "TIMESTAMP": pa.timestamp("us"),
    "DATE": pa.date32(),
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
}


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table of the lake.

    Every table also has `source` and `recorded_at` (UTC), and a twin named ``<name>_history`` that
    holds the rows which a correction replaced, with `replaced_at`.

    Attributes
    ----------
    name : str
        The table's name.
    columns : mapping of str to str
        DuckDB type of each column that the caller gives.
    key : tuple of str
        What identifies a row; files are sorted by these columns in this order.
    time : str or None
        The column that ``start``, ``end`` and ``at`` are about.
    series : tuple of str
        What has one latest row: a symbol, an interval of a symbol, a contract.
    partition : tuple of str
        Parts of the time that files are split by: "year", "month", "day".
    group : str
        The column that summaries count by and `symbols` speak of.
    group_is_list : bool
        Whether that column holds several symbols, as in "AAPL,MSFT".
    optional : tuple of str
        Columns that not every source has: a missing value there says nothing, so it corrects nothing.
    fades : bool
        Whether old rows may be forgotten for good: true of ticks, which are too many to keep.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    time: str | None
    series: tuple[str, ...] = ("symbol",)
    partition: tuple[str, ...] = ()
    group: str = "symbol"
    group_is_list: bool = False
    optional: tuple[str, ...] = ()
    fades: bool = False

    @property
    def history(self) -> str:
        """The name of the table of replaced rows."""
        return f"{self.name}_history"

    @property
    def given(self) -> tuple[str, ...]:
        """The columns that a frame for this table brings; `source` comes as an argument."""
        return tuple(column for column in self.columns if column != "source")

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that a correction may change."""
        return tuple(column for column in self.given if column not in self.key)

    @property
    def stored(self) -> tuple[str, ...]:
        """All columns of the table, in order."""
        return (*self.given, "source", "recorded_at")

    def type_of(self, column: str) -> str:
        """Return the DuckDB type of a column, of those too that the lake adds."""
        return {"source": "VARCHAR", "recorded_at": "TIMESTAMP", "replaced_at": "TIMESTAMP"}.get(
            column
        ) or self.columns[column]

    def arrow_type(self, column: str) -> pa.DataType:
        """Return the Arrow type of a column."""
        return _ARROW_TYPES[self.type_of(column)]


_PRICES = dict.fromkeys(("open", "high", "low", "close", "volume", "vwap"), "DOUBLE")
_SIDES = dict.fromkeys(("bid", "ask", "bid_size", "ask_size"), "DOUBLE")
_REPORTED = dict.fromkeys(("eps_estimate", "eps_actual", "revenue_estimate", "revenue_actual"), "DOUBLE")

_SPECS = (
    TableSpec(
        name="daily_bars",
        columns=MappingProxyType({"symbol": "VARCHAR", "time": "TIMESTAMP", **_PRICES}),
        key=("symbol", "time"),
        time="time",
        partition=("year",),
        optional=("vwap",),
    ),
    TableSpec(
        name="intraday_bars",
        columns=MappingProxyType(
            {"symbol": "VARCHAR", "interval": "VARCHAR", "time": "TIMESTAMP", **_PRICES}
        ),
        key=("symbol", "interval", "time"),
        time="time",
        series=("symbol", "interval"),
        partition=("year", "month"),
        optional=("vwap",),
    ),
    TableSpec(
        name="option_quotes",
        columns=MappingProxyType(
            {
                "symbol": "VARCHAR",
                "underlying": "VARCHAR",
                "time": "TIMESTAMP",
                "expiry": "DATE",
                "strike": "DOUBLE",
                "right": "VARCHAR",
                "bid": "DOUBLE",
                "ask": "DOUBLE",
                "last": "DOUBLE",
                "bid_size": "DOUBLE",
                "ask_size": "DOUBLE",
                "volume": "DOUBLE",
                "open_interest": "DOUBLE",
                "underlying_price": "DOUBLE",
                "vendor_implied_volatility": "DOUBLE",
                "vendor_delta": "DOUBLE",
                "vendor_gamma": "DOUBLE",
                "vendor_theta": "DOUBLE",
                "vendor_vega": "DOUBLE",
                "exercise": "VARCHAR",
                "multiplier": "DOUBLE",
                "modelled": "BOOLEAN",
                "flag": "VARCHAR",
            }
        ),
        key=("underlying", "time", "symbol"),
        time="time",
        series=("underlying", "symbol"),
        partition=("year", "month"),
    ),
    TableSpec(
        name="corporate_actions",
        columns=MappingProxyType(
            {"symbol": "VARCHAR", "ex_date": "DATE", "kind": "VARCHAR", "value": "DOUBLE"}
        ),
        key=("symbol", "ex_date", "kind"),
        time="ex_date",
        series=("symbol", "kind"),
    ),
    TableSpec(
        name="quarantine",
        columns=MappingProxyType(
            {
                "table": "VARCHAR",
                "source": "VARCHAR",
                "line": "BIGINT",
                "reason": "VARCHAR",
                "text": "VARCHAR",
            }
        ),
        key=("table", "source", "line", "reason"),
        time=None,
        series=(),
        group="table",
    ),
    TableSpec(
        name="quotes",
        columns=MappingProxyType(
            {
                "symbol": "VARCHAR",
                "time": "TIMESTAMP",
                "sequence": "BIGINT",
                "source": "VARCHAR",
                **_SIDES,
            }
        ),
        key=("symbol", "time", "sequence", "source"),
        time="time",
        partition=("year", "month", "day"),
        fades=True,
    ),
    TableSpec(
        name="trades",
        columns=MappingProxyType(
            {
                "symbol": "VARCHAR",
                "time": "TIMESTAMP",
                "trade_id": "VARCHAR",
                "source": "VARCHAR",
                "price": "DOUBLE",
                "size": "DOUBLE",
                "conditions": "VARCHAR",
            }
        ),
        key=("symbol", "time", "trade_id", "source"),
        time="time",
        partition=("year", "month", "day"),
        fades=True,
    ),
    TableSpec(
        name="news",
        columns=MappingProxyType(
            {
                "source": "VARCHAR",
                "source_id": "VARCHAR",
                "time": "TIMESTAMP",
                "updated_at": "TIMESTAMP",
                "headline": "VARCHAR",
                "summary": "VARCHAR",
                "url": "VARCHAR",
                "author": "VARCHAR",
                "symbols": "VARCHAR",
                "sentiment": "DOUBLE",
                "scorer": "VARCHAR",
                "kind": "VARCHAR",
            }
        ),
        key=("source", "source_id"),
        time="time",
        series=("source",),
        partition=("year",),
        group="symbols",
        group_is_list=True,
    ),
    TableSpec(
        name="earnings",
        columns=MappingProxyType(
            {
                "symbol": "VARCHAR",
                "fiscal_period": "VARCHAR",
                "source": "VARCHAR",
                "date": "DATE",
                "session": "VARCHAR",
                "confirmed": "BOOLEAN",
                **_REPORTED,
            }
        ),
        key=("symbol", "fiscal_period", "source"),
        time="date",
    ),
    TableSpec(
        name="rates",
        columns=MappingProxyType({"curve": "VARCHAR", "date": "DATE", "years": "DOUBLE", "rate": "DOUBLE"}),
        key=("curve", "date", "years"),
        time="date",
        series=("curve", "years"),
        group="curve",
    ),
    TableSpec(
        name="metrics",
        columns=MappingProxyType(
            {
                "symbol": "VARCHAR",
                "name": "VARCHAR",
                "time": "TIMESTAMP",
                "source": "VARCHAR",
                "value": "DOUBLE",
            }
        ),
        key=("symbol", "name", "time", "source"),
        time="time",
        series=("symbol", "name"),
        partition=("year",),
    ),
    TableSpec(
        name="feed_gaps",
        columns=MappingProxyType(
            {
                "service": "VARCHAR",
                "feed": "VARCHAR",
                "symbol": "VARCHAR",
                "start": "TIMESTAMP",
                "end": "TIMESTAMP",
                "reason": "VARCHAR",
                "backfilled_at": "TIMESTAMP",
                "rows": "BIGINT",
            }
        ),
        key=("service", "feed", "symbol", "start"),
        time="start",
        series=("service", "feed", "symbol"),
    ),
)

TABLES: Mapping[str, TableSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Every table of the lake by name."""


def table_spec(name: str) -> TableSpec:
    """Return the table of that name.

    Raises
    ------
    ArgumentError
        If the lake has no such table.
    """
    try:
        return TABLES[name]
    except KeyError:
        raise ArgumentError(f"The lake has no table {name!r}; it has {', '.join(TABLES)}.") from None
