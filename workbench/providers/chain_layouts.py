"""Chains that vendors lay out in a way of their own, brought into one quote a row with names we know.

Two snapshots in one row (Cboe DataShop's end-of-day files), and call and put in one row (OptionsDX).
"""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.providers.tables import RawTable

# Cboe takes its first snapshot a quarter of an hour before the close, on half days too.
BEFORE_THE_CLOSE = pd.Timedelta(minutes=15)
_SNAPSHOTS = ("1545", "eod")
# What a snapshot's column is named without its suffix; first come the better ones.
_SNAPSHOT_COLUMNS = {
    "bid": ("bid",),
    "ask": ("ask",),
    "bid_size": ("bidsize",),
    "ask_size": ("asksize",),
    "underlying_price": ("activeunderlyingprice", "impliedunderlyingprice"),
    "vendor_implied_volatility": ("impliedvolatility",),
    "vendor_delta": ("delta",),
    "vendor_gamma": ("gamma",),
    "vendor_theta": ("theta",),
    "vendor_vega": ("vega",),
}
_SIDES = {"c": "C", "p": "P"}
_SIDE_COLUMNS = {
    "bid": "bid",
    "ask": "ask",
    "last": "last",
    "volume": "volume",
    "oi": "open_interest",
    "openinterest": "open_interest",
    "iv": "vendor_implied_volatility",
    "delta": "vendor_delta",
    "gamma": "vendor_gamma",
    "theta": "vendor_theta",
    "vega": "vendor_vega",
}
# Beside an instant that stands for itself, other words for the same time are left out.
_OTHER_TIMES = ("quotereadtime", "quotedate", "quotetimehours", "expireunix")


def snapshot_columns(table: RawTable, said: Mapping[str, str] | None) -> tuple[dict[str, str], pd.Timedelta]:
    """Return which columns make one snapshot of a file that holds two, and how long before the close it is.

    The earlier snapshot is taken where it is there: the vendor's volatility and Greeks were made of it, and
    prices of one instant belong together.

    Parameters
    ----------
    table : RawTable
        The file.
    said : mapping, optional
        What the caller says of columns; these are left alone.

    Returns
    -------
    dict of str to str, Timedelta
        Their headers to ours, empty where the file is of another kind, and the time before the close.
    """
    plain = {_plain(header): header for header in table.columns}
    for suffix in _SNAPSHOTS:
        if f"bid{suffix}" not in plain or f"ask{suffix}" not in plain:
            continue
        chosen: dict[str, str] = {}
        for ours, theirs in _SNAPSHOT_COLUMNS.items():
            found = [plain[name + suffix] for name in theirs if name + suffix in plain]
            if found and ours not in (said or {}).values():
                chosen[found[0]] = ours
        return (
            {header: ours for header, ours in chosen.items() if header not in (said or {})},
            BEFORE_THE_CLOSE if suffix == "1545" else pd.Timedelta(0),
        )
    return {}, pd.Timedelta(0)


def underlying_headers(table: RawTable) -> list[str]:
    """Return the headers of the underlying's bid and ask of the snapshot taken; none without both."""
    plain = {_plain(header): header for header in table.columns}
    for suffix in (*_SNAPSHOTS, ""):
        names = [f"underlying{side}{suffix}" for side in ("bid", "ask")]
        if all(name in plain for name in names):
            return [plain[name] for name in names]
    return []


def one_quote_a_row(table: RawTable) -> RawTable:
    """Return a table whose rows held a call and a put each with one quote a row; others as they are."""
    sides: dict[str, dict[str, str]] = {"C": {}, "P": {}}
    for header in table.columns:
        side, _, name = header.strip("[] ").lower().partition("_")
        ours = _SIDE_COLUMNS.get(_plain(name))
        if side in _SIDES and ours is not None:
            sides[_SIDES[side]][ours] = header
    both = [name for name in sides["C"] if name in sides["P"]]
    if not {"bid", "ask"} <= set(both):
        return table
    count = len(table)
    twice = np.repeat(np.arange(count), 2)
    headers = [*sides["C"].values(), *sides["P"].values()]
    shared = [
        header
        for header in table.columns
        if header not in headers and not re.match(r"[\[\s]*[cp]_", header.lower())
    ]
    if any(_plain(header) == "quoteunixtime" for header in shared):
        shared = [header for header in shared if _plain(header) not in _OTHER_TIMES]
    columns = {header: pc.take(table.columns[header], pa.array(twice)) for header in shared}
    columns["right"] = pa.array(["C", "P"] * count)
    in_turn = pa.array(np.arange(2 * count).reshape(2, count).T.reshape(-1))
    for name in both:
        pair = [table.columns[sides[side][name]] for side in ("C", "P")]
        columns[name] = pc.take(pa.chunked_array(pair).combine_chunks(), in_turn)
    return replace(table, columns=columns, places=table.lines[twice])


def _plain(header: str) -> str:
    return re.sub(r"[^a-z0-9]", "", header.lower())
