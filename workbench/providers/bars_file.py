"""Bars from a user's table: raw prices by symbol and time, and the splits and dividends beside them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import ArgumentError, DataFormatError
from workbench.market.arrow_frames import frame_of, whole
from workbench.market.corporate_actions import no_actions
from workbench.market.schemas import BARS, PRICE_COLUMNS, are_bars_sound, check_bars, names
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
    rows = pa.table(
        {
            "symbol": _symbols(reader, symbol),
            "time": pa.array(times.values),
            **{name: reader.number_array(name) for name in names(BARS)[2:]},
        }
    )
    actions = _actions(reader, rows)
    if reader.all_read and are_bars_sound(rows):
        interval = "1d" if times.daily else _interval_of_sound(rows)
        return reader.finish_sound("bars", rows, interval=interval, actions=actions)
    frame = frame_of(rows)
    interval = "1d" if times.daily else _interval(frame)
    return reader.finish("bars", frame, check_bars, interval=interval, actions=actions)


def number_headers(headers: list[str], columns: Mapping[str, str] | None, name: str) -> set[str]:
    """Return the headers of columns that hold plain numbers; one whose writing was told is read as told."""
    chosen = choose_columns(headers, BAR_NAMES, columns, file=name)
    found = {header for name in _NUMBERS if name in chosen for header in chosen.headers[name]}
    return found - set(chosen.formats)


def _symbols(reader: RowReader, symbol: str | None) -> Any:
    if "symbol" in reader:
        if symbol is not None:
            header = reader.chosen.header("symbol")
            raise ArgumentError(f"{reader.table.name} has the symbols in {header!r}; leave `symbol` out.")
        return reader.text_array("symbol")
    named = symbol or ticker_of_name(reader.table.name)
    if named is None:
        raise DataFormatError(
            f"{reader.table.name} has no column for `symbol`; say whose bars they are, as in symbol='AAPL'."
        )
    return pa.DictionaryArray.from_arrays(np.zeros(len(reader), dtype=np.int8), [named])


def _actions(reader: RowReader, rows: pa.Table) -> pd.DataFrame:
    """Return what stands in columns of dividends and splits; 0 and 1 are how vendors write none."""
    found = []
    for kind, nothing in (("dividend", ()), ("split", (1.0,))):
        if kind not in reader:
            continue
        values = reader.numbers(kind)
        with np.errstate(invalid="ignore"):
            places = np.flatnonzero((values > 0) & ~np.isin(values, nothing))
        if len(places):
            frame = frame_of(rows.select(["symbol", "time"]).take(pa.array(places)))
            days = frame["time"].dt.tz_localize(None).dt.normalize()
            found.append(
                pd.DataFrame(
                    {"symbol": frame["symbol"], "ex_date": days, "kind": kind, "value": values[places]}
                )
            )
    if not found:
        return no_actions()
    actions = pd.concat(found, ignore_index=True).dropna().drop_duplicates()
    return actions.astype({"kind": "str"}).sort_values(["symbol", "ex_date"], ignore_index=True)


def _interval(frame: pd.DataFrame) -> str:
    """Return what most bars of a symbol are apart, as in 5m."""
    ordered = frame.sort_values(["symbol", "time"])
    same = (ordered["symbol"] == ordered["symbol"].shift()).to_numpy()[1:]
    return _usual(ordered["time"].diff().dt.total_seconds().to_numpy()[1:][same])


def _interval_of_sound(rows: pa.Table) -> str:
    """Return the same of bars that stand in the order of their symbols and times."""
    symbols, times = (whole(rows.column(name)) for name in ("symbol", "time"))
    symbols = symbols.indices if pa.types.is_dictionary(symbols.type) else symbols
    same = pc.equal(symbols[1:], symbols[:-1]).to_numpy(zero_copy_only=False)
    microseconds = times.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    return _usual(np.diff(microseconds)[same] / 1e6)


def _usual(gaps: npt.NDArray[np.float64]) -> str:
    found, counts = np.unique(gaps[gaps > 0], return_counts=True)
    if not len(found):
        return "1m"
    seconds = int(found[counts.argmax()])
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"
