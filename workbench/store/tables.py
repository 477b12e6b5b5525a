"""The tables of the lake: their columns, what identifies a row, and how files are laid out."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from workbench.errors import ArgumentError

__all__ = ["TABLES", "TableSpec", "table_spec"]


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
    partition : tuple of str
        Parts of the time that files are split by: "year", "month".
    group : str
        The column that summaries count by.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    time: str | None
    partition: tuple[str, ...] = ()
    group: str = "symbol"

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


_PRICES = dict.fromkeys(("open", "high", "low", "close", "volume"), "DOUBLE")

_SPECS = (
    TableSpec(
        name="daily_bars",
        columns=MappingProxyType({"symbol": "VARCHAR", "time": "TIMESTAMP", **_PRICES}),
        key=("symbol", "time"),
        time="time",
        partition=("year",),
    ),
    TableSpec(
        name="intraday_bars",
        columns=MappingProxyType(
            {"symbol": "VARCHAR", "interval": "VARCHAR", "time": "TIMESTAMP", **_PRICES}
        ),
        key=("symbol", "interval", "time"),
        time="time",
        partition=("year", "month"),
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
        partition=("year", "month"),
    ),
    TableSpec(
        name="corporate_actions",
        columns=MappingProxyType(
            {"symbol": "VARCHAR", "ex_date": "DATE", "kind": "VARCHAR", "value": "DOUBLE"}
        ),
        key=("symbol", "ex_date", "kind"),
        time="ex_date",
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
        group="table",
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
