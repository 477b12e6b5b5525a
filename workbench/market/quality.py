"""What is odd about stored bars: findings are rows with reasons, and nothing is changed or dropped.

Rows that cannot be loaded never get here (`schemas.check_bars` quarantines them); these could be right.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import DataFormatError
from workbench.market.calendars import sessions
from workbench.market.corporate_actions import no_actions

_COLUMNS = ["symbol", "time", "kind", "detail"]
_PRICES = ["open", "high", "low", "close"]
# A median absolute deviation times this is the standard deviation of normal returns.
_NORMAL = 1.4826
# Ratios that companies split by: n for 1, 1 for n, 3 for 2, 5 for 4.
_SPLITS = (
    *(Fraction(count) for count in range(2, 51)),
    *(Fraction(1, count) for count in range(2, 51)),
    Fraction(3, 2),
    Fraction(5, 4),
)


def find_all(bars: pd.DataFrame, calendar: str, *, actions: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return every finding about daily bars: gaps, stale runs, outliers and splits that nobody stated.

    Parameters
    ----------
    bars : DataFrame
        Raw daily bars with symbol and time as columns or index.
    calendar : str
        Exchange calendar of the bars.
    actions : DataFrame, optional
        Known splits and dividends; moves on their ex-dates are explained.

    Returns
    -------
    DataFrame
        symbol, time, kind ("missing_session", "no_session", "stale", "outlier", "possible_split"), detail,
        by symbol and time.

    Raises
    ------
    DataFormatError
        If a column is missing.
    """
    found = pd.concat(
        [find_gaps(bars, calendar), find_stale_runs(bars), find_outliers(bars, actions=actions)],
        ignore_index=True,
    )
    return found.sort_values(["symbol", "time", "kind"], ignore_index=True)


def find_gaps(bars: pd.DataFrame, calendar: str) -> pd.DataFrame:
    """Return the sessions between a symbol's first and last bar that have none, and bars on days off.

    Parameters
    ----------
    bars : DataFrame
        Daily bars with symbol and time as columns or index.
    calendar : str
        Exchange calendar of the bars.

    Returns
    -------
    DataFrame
        symbol, time, kind ("missing_session" or "no_session"), detail.
    """
    found: list[tuple[str, pd.Timestamp, str, str]] = []
    for symbol, rows in _long(bars).groupby("symbol"):
        days = pd.DatetimeIndex(rows["time"]).tz_convert("UTC").tz_localize(None).normalize()
        expected = sessions(calendar, days.min(), days.max())
        for day in expected.difference(days):
            detail = f"{day.date()} is a session of {calendar} without a bar"
            found.append((str(symbol), day, "missing_session", detail))
        for day in days.difference(expected):
            found.append((str(symbol), day, "no_session", f"{day.date()} is no session of {calendar}"))
    return _findings(found)


def find_stale_runs(bars: pd.DataFrame, *, least: int = 3) -> pd.DataFrame:
    """Return runs of bars that repeat all four prices without volume: a feed that stood still.

    Parameters
    ----------
    bars : DataFrame
        Bars with symbol and time as columns or index.
    least : int
        Bars that make a run.

    Returns
    -------
    DataFrame
        One row a run, at its first bar.
    """
    rows = _long(bars)
    same = (rows[["symbol", *_PRICES]] == rows[["symbol", *_PRICES]].shift()).all(axis="columns")
    idle = rows["volume"].fillna(0) == 0
    run = (~(same & idle)).cumsum()
    sizes = run.map(run.value_counts())
    first = ~run.duplicated() & (sizes >= least)
    return _findings(
        [
            (row.symbol, row.time, "stale", f"the same prices without volume in {size} bars in a row")
            for row, size in zip(rows[first].itertuples(), sizes[first], strict=True)
        ]
    )


def find_outliers(
    bars: pd.DataFrame, *, deviations: float = 15.0, actions: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return moves of the close that are far beyond the usual ones of their symbol.

    The usual move is the median absolute log return, scaled to a standard deviation. A move within 5 % of
    a usual split ratio is told as a possible split.

    Parameters
    ----------
    bars : DataFrame
        Raw bars with symbol and time as columns or index.
    deviations : float
        Least size, in standard deviations.
    actions : DataFrame, optional
        Moves on ex-dates of splits are explained and not told.

    Returns
    -------
    DataFrame
        symbol, time, kind ("outlier" or "possible_split"), detail.
    """
    rows = _long(bars)
    close = rows["close"].to_numpy(dtype=np.float64)
    moves = pd.Series(np.log(close), index=rows.index).groupby(rows["symbol"]).diff()
    usual = moves.abs().groupby(rows["symbol"]).transform("median") * _NORMAL
    explained = _split_days(rows, no_actions() if actions is None else actions)
    far = (moves.abs() > deviations * usual) & (usual > 0) & ~explained
    found = []
    for at in np.flatnonzero(far):
        row = rows.iloc[at]
        before = close[at - 1]
        detail = f"close {before:g} to {close[at]:g}"
        split = _nearest_split(before / close[at])
        if split is not None:
            detail += (
                f", near a split of {split.numerator} for {split.denominator}; state it or check the data"
            )
        kind = "outlier" if split is None else "possible_split"
        found.append((row["symbol"], row["time"], kind, detail))
    return _findings(found)


def _nearest_split(ratio: float) -> Fraction | None:
    """Return the split that a price ratio is within 5 % of, as markets move on ex-dates too."""
    nearest = min(_SPLITS, key=lambda split: abs(np.log(ratio / float(split))))
    return nearest if abs(np.log(ratio / float(nearest))) < 0.05 else None


def _split_days(rows: pd.DataFrame, actions: pd.DataFrame) -> "pd.Series[bool]":
    splits = actions[actions["kind"] == "split"]
    stated = set(zip(splits["symbol"], pd.to_datetime(splits["ex_date"]).dt.date, strict=True))
    keys = zip(rows["symbol"], rows["time"].dt.date, strict=True)
    return pd.Series([key in stated for key in keys], index=rows.index, dtype=bool)


def _long(bars: pd.DataFrame) -> pd.DataFrame:
    frame = bars.reset_index() if "time" not in bars.columns else bars
    absent = [name for name in ("symbol", "time", *_PRICES, "volume") if name not in frame]
    if absent:
        raise DataFormatError(
            f"The bars have no column `{'`, `'.join(absent)}`; give bars with symbol and time."
        )
    return frame.sort_values(["symbol", "time"], ignore_index=True)


def _findings(found: list[tuple[Any, Any, str, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(found, columns=_COLUMNS)
    frame["time"] = pd.to_datetime(frame["time"], utc=True).astype("datetime64[us, UTC]")
    return frame.astype({"symbol": "str", "kind": "str", "detail": "str"})
