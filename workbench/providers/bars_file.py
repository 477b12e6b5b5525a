"""Bars from a user's table: raw prices by symbol and time, and the splits and dividends beside them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError, DataFormatError
from workbench.market.corporate_actions import no_actions
from workbench.market.schemas import BARS, PRICE_COLUMNS, check_bars, names
from workbench.providers.columns import BAR_NAMES, choose_columns
from workbench.providers.parsed import ParsedFile, RowReader
from workbench.providers.tables import RawTable, ticker_of_name

_NUMBERS = (*PRICE_COLUMNS, "volume", "vwap", "dividend", "split")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def bars_from_table(
    table: RawTable,
    *,
    columns: Mapping[str, str] | None = None,
    time_zone: str | None = None,
    symbol: str | None = None,
) -> ParsedFile:
    """Translate a table into bars; `files.read_bars_file` says what is understood."""
    reader = RowReader(
        table,
        BAR_NAMES,
        columns,
        required=["time", *PRICE_COLUMNS],
        numbers=_NUMBERS,
    )
    times = reader.times("time", time_zone=time_zone)
    frame = pd.DataFrame(
        {
            "symbol": _symbols(reader, symbol),
            "time": times.values,
            **{name: reader.numbers(name) for name in names(BARS)[2:]},
        },
        copy=False,  # each column is ours alone
    )
    dividends, splits = reader.numbers("dividend"), reader.numbers("split")
    return reader.finish(
        "bars",
        frame,
        check_bars,
        interval="1d" if times.daily else _interval(frame),
        actions=_actions(frame, dividends, splits),
    )


def number_headers(headers: list[str], columns: Mapping[str, str] | None, name: str) -> set[str]:
    """Return the headers of columns that hold plain numbers; one whose writing was told is read as told."""
    chosen = choose_columns(headers, BAR_NAMES, columns, file=name)
    found = {header for name in _NUMBERS if name in chosen for header in chosen.headers[name]}
    return found - set(chosen.formats)


def _symbols(reader: RowReader, symbol: str | None) -> "pd.Series[str]":
    if "symbol" in reader:
        if symbol is not None:
            header = reader.chosen.header("symbol")
            raise ArgumentError(f"{reader.table.name} has the symbols in {header!r}; leave `symbol` out.")
        return reader.text_column("symbol")
    named = symbol or ticker_of_name(reader.table.name)
    if named is None:
        raise DataFormatError(
            f"{reader.table.name} has no column for `symbol`; say whose bars they are, as in symbol='AAPL'."
        )
    return pd.Series(named, index=range(len(reader)), dtype="str")


def _actions(frame: pd.DataFrame, dividends: np.ndarray, splits: np.ndarray) -> pd.DataFrame:
    """Return what stands in columns of dividends and splits; 0 and 1 are how vendors write none."""
    with np.errstate(invalid="ignore"):
        paid, split = dividends > 0, (splits > 0) & (splits != 1)
    found = [
        pd.DataFrame(
            {
                "symbol": frame["symbol"][rows],
                "ex_date": frame["time"][rows].dt.tz_localize(None).dt.normalize(),
                "kind": kind,
                "value": values[rows],
            }
        )
        for rows, kind, values in ((paid, "dividend", dividends), (split, "split", splits))
        if rows.any()
    ]
    if not found:
        return no_actions()
    actions = pd.concat(found, ignore_index=True).dropna().drop_duplicates()
    return actions.astype({"kind": "str"}).sort_values(["symbol", "ex_date"], ignore_index=True)


def _interval(frame: pd.DataFrame) -> str:
    """Return what most bars of a symbol are apart, as in 5m."""
    ordered = frame.sort_values(["symbol", "time"])
    gaps = ordered["time"].diff().dt.total_seconds()
    gaps = gaps[(ordered["symbol"] == ordered["symbol"].shift()) & (gaps > 0)]
    if gaps.empty:
        return "1m"
    seconds = int(gaps.mode().iloc[0])
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"
