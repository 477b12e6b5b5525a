"""Data on its way into the desk: from a provider, a file or a frame, checked, then written once."""

import re
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.desk.frames import DeskFrame, desk_frame
from workbench.errors import ArgumentError, DataFormatError
from workbench.market.instruments import is_option_symbol, underlying_of
from workbench.providers import (
    SERIES_KINDS,
    ParsedFile,
    parse_bars,
    parse_chain,
    parse_fills,
    parse_series,
    read_bars_file,
    read_chain_file,
    read_fills_file,
    read_series_file,
)
from workbench.store import Lake, Ledger

SUMMARY = ["new", "changed", "unchanged", "quarantined"]
DAILY = "1d"
_INTERVAL = re.compile(r"[1-9]\d{0,3}[smhdw]")
READERS: dict[str, Callable[..., ParsedFile]] = {
    "bars": read_bars_file,
    "chain": read_chain_file,
    "fills": read_fills_file,
    **{kind: partial(read_series_file, kind=kind) for kind in SERIES_KINDS},
}
PARSERS: dict[str, Callable[..., ParsedFile]] = {
    "bars": parse_bars,
    "chain": parse_chain,
    "fills": parse_fills,
    **{kind: partial(parse_series, kind=kind) for kind in SERIES_KINDS},
}


def bars_table(interval: str) -> str:
    """Return the lake's table for bars of `interval`.

    Raises
    ------
    ArgumentError
        If the interval is none.
    """
    if not _INTERVAL.fullmatch(str(interval)):
        raise ArgumentError(f"`interval` is {interval!r}; give one such as '1d', '1h', '5m' or '30s'.")
    return "daily_bars" if interval == DAILY else "intraday_bars"


def load_into(
    lake: Lake,
    ledger: Ledger,
    data: str | PathLike[str] | pd.DataFrame,
    *,
    kind: str,
    source: str,
    columns: dict[str, str] | None,
    time_zone: str | None,
    encoding: str | None,
    interval: str | None,
    symbol: str | None,
    recorded_at: pd.Timestamp,
) -> DeskFrame:
    """Load a file or frame of one kind; see `Desk.load`."""
    if kind not in READERS:
        raise ArgumentError(f"`kind` is {kind!r}; give one of {', '.join(map(repr, READERS))}.")
    if not source or not source.strip():
        raise ArgumentError(
            "`source` is empty; name where the data come from, as in 'my broker, 2024 export'."
        )
    options: dict[str, Any] = {"columns": columns, "time_zone": time_zone}
    if kind != "fills":
        options |= {"symbol": symbol}
    if isinstance(data, pd.DataFrame):
        parsed = PARSERS[kind](data, **options)
    else:
        parsed = READERS[kind](Path(data), encoding=encoding, **options)
    rows, bad = parsed.good, parsed.quarantined
    if not len(rows) and bad.empty:
        raise DataFormatError(f"{data} holds no rows; nothing was loaded.")
    if kind == "fills":
        counts = ledger.fills.add(parsed.rows, source=source, recorded_at=recorded_at)
        quarantine_rows(lake, "fills", bad, source)
        counts = _with_quarantined(counts, bad, parsed.rows)
    else:
        table = "option_quotes" if kind == "chain" else kind
        if kind == "bars":
            table = bars_table(_interval_of(parsed, interval))
            if table == "intraday_bars":
                rows = _with_interval(rows, _interval_of(parsed, interval))
            if len(parsed.actions):
                lake.write("corporate_actions", parsed.actions, source=source)
        counts = write_checked(lake, table, rows, bad, source)
    if kind == "chain":
        # A chain has thousands of contracts: people count it by underlying.
        counts.index = pd.Index([_underlying(name) for name in counts.index], name="symbol")
    return summary_frame(counts, title=f"Loaded {kind} from {source}")


def summary_frame(counts: pd.DataFrame, *, title: str) -> DeskFrame:
    """Return the counts per symbol as one frame, symbols in order."""
    total = counts.groupby(level=0).sum().sort_index()
    total.index.name = "symbol"
    return desk_frame(total[SUMMARY].astype("int64"), title=title)


def write_checked(
    lake: Lake, table: str, good: pd.DataFrame | pa.Table, bad: pd.DataFrame, source: str
) -> pd.DataFrame:
    """Write good rows, quarantine the rest with their reasons, and count both per symbol."""
    counts = lake.write(table, good, source=source) if len(good) else no_counts()
    quarantine_rows(lake, table, bad, source)
    return _with_quarantined(counts, bad, good)


def _interval_of(parsed: ParsedFile, given: str | None) -> str:
    """Return the interval of a file's bars; what the caller says must agree with what the times say."""
    found = parsed.interval or DAILY
    if given is not None and given != found and len(parsed) > 1:
        raise DataFormatError(
            f"The bars of {parsed.name} are {found} apart, and `interval` is {given!r}; give {found!r} or "
            "leave it out. Nothing was loaded."
        )
    return given or found


def _with_interval(rows: pd.DataFrame | pa.Table, interval: str) -> pd.DataFrame | pa.Table:
    if isinstance(rows, pd.DataFrame):
        return rows.assign(interval=interval)
    same = pa.DictionaryArray.from_arrays(np.zeros(rows.num_rows, dtype=np.int8), [interval])
    return rows.append_column("interval", same)


def _underlying(symbol: str) -> str:
    return underlying_of(symbol) if is_option_symbol(symbol) else symbol


def no_counts() -> pd.DataFrame:
    """Return counts of nothing."""
    return pd.DataFrame(columns=SUMMARY[:3], index=pd.Index([], name="symbol", dtype="str"), dtype="int64")


def quarantine_rows(lake: Lake, table: str, bad: pd.DataFrame, source: str) -> None:
    """Keep refused rows with line, reason and text, under the table that they were meant for."""
    if len(bad):
        rows = pd.DataFrame(
            {
                "table": table,
                "line": bad.get("line", bad.index),
                "reason": bad["reason"].astype(str),
                "text": bad["text"].astype(str) if "text" in bad else "",
            }
        )
        lake.write("quarantine", rows, source=source)


def _with_quarantined(counts: pd.DataFrame, bad: pd.DataFrame, good: pd.DataFrame | pa.Table) -> pd.DataFrame:
    """Add the quarantined rows to the counts, under their symbol where the row still tells it."""
    counts = counts.reindex(columns=SUMMARY, fill_value=0)
    if bad.empty:
        return counts
    if "symbol" in bad:
        names = bad["symbol"].fillna("(unreadable)").astype(str).replace("", "(unreadable)")
    else:
        only = good["symbol"].unique().tolist() if "symbol" in good else []
        names = pd.Series(str(only[0]) if len(only) == 1 else "(unreadable)", index=bad.index)
    bad_counts = names.value_counts().rename("quarantined").to_frame()
    return pd.concat([counts, bad_counts.reindex(columns=SUMMARY, fill_value=0)])
