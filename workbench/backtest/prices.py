"""What a backtest demands of its bars and signals before it trades on them."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.arrays import BoolArray, FloatArray, to_floats
from workbench.errors import BacktestInputError

# New shares per old one; smaller ratios cannot be told from a bad night.
_SPLITS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0)
# How near the open and the close must come to the split's price, and how far the gap must stand out.
_OPEN_TOLERANCE = 0.03
_CLOSE_TOLERANCE = 0.10
_OUTSTANDING = 15.0


def require_tradable_bars(
    bars: pd.DataFrame, symbol: str | None, *, adjusted: bool
) -> tuple[pd.DataFrame, str]:
    """Return the bars of one instrument on a DatetimeIndex, and the name that its trades carry.

    Raises
    ------
    BacktestInputError
        If there is more than one instrument, no bar, a disordered index, a missing or non-positive
        price, or (unless `adjusted`) a gap that looks like a split.
    """
    if not isinstance(bars, pd.DataFrame):
        raise BacktestInputError(f"`bars` is a {type(bars).__name__}; give a frame as from `Desk.bars`.")
    frame, name = _one_instrument(bars, symbol)
    lacking = [column for column in ("open", "close") if column not in frame.columns]
    if lacking:
        raise BacktestInputError(f"The bars have no column `{lacking[0]}`; a fill or a mark needs it.")
    if not len(frame):
        raise BacktestInputError("The bars are empty; ask for dates on which the instrument traded.")
    times = frame.index
    if not isinstance(times, pd.DatetimeIndex):
        raise BacktestInputError(f"The bars' index is a {type(times).__name__}; give a DatetimeIndex.")
    if times.hasnans or not times.is_monotonic_increasing or not times.is_unique:
        raise BacktestInputError("The bars' times do not ascend without repeats; sort them and drop doubles.")
    opens, closes = (_prices(frame, column) for column in ("open", "close"))
    if not adjusted:
        _refuse_split(opens, closes, times)
    return frame, name


def require_signal(name: str, signal: Any, bars: pd.DataFrame) -> BoolArray:
    """Return a signal as a boolean array of the bars' length.

    Raises
    ------
    BacktestInputError
        If it is of another length, not boolean, or a Series of other times.
    """
    dated = isinstance(signal, pd.Series) and isinstance(signal.index, pd.DatetimeIndex)
    if dated and len(signal) == len(bars) and not signal.index.equals(bars.index):
        raise BacktestInputError(
            f"`{name}` is a Series of other times than the bars; reindex it to `bars.index`."
        )
    values = np.asarray(signal)
    if values.dtype == object and values.size and all(isinstance(v, bool | np.bool_) for v in values.flat):
        values = values.astype(np.bool_)
    if values.dtype != np.bool_:
        raise BacktestInputError(f"`{name}` holds {values.dtype} values; give True or False for every bar.")
    if values.shape != (len(bars),):
        raise BacktestInputError(
            f"`{name}` has shape {values.shape} for {len(bars)} bars; give one value a bar."
        )
    return values


def _one_instrument(bars: pd.DataFrame, symbol: str | None) -> tuple[pd.DataFrame, str]:
    if not isinstance(bars.index, pd.MultiIndex):
        return bars, symbol or ""
    symbols = bars.index.get_level_values(0).unique()
    if len(symbols) > 1:
        raise BacktestInputError(
            f"The bars hold {len(symbols)} symbols ({', '.join(map(str, symbols[:3]))}...); "
            "a run trades one: select it with `bars.loc[symbol]`."
        )
    return bars.droplevel(0), symbol or (str(symbols[0]) if len(symbols) else "")


def _prices(frame: pd.DataFrame, column: str) -> FloatArray:
    values = to_floats(column, frame[column].to_numpy(), BacktestInputError)
    wrong = ~(np.isfinite(values) & (values > 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BacktestInputError(
            f"`{column}` is {values[row]:g} at {frame.index[row]} (bar {row}); a backtest needs a price "
            "above zero on every bar. Drop the bar or mend it."
        )
    return values


def _refuse_split(opens: FloatArray, closes: FloatArray, times: pd.DatetimeIndex) -> None:
    """Refuse a lone overnight gap of a split's size, on which every signal and fill would be wrong."""
    if len(closes) < 3:
        return
    gaps = np.log(opens[1:] / closes[:-1])
    usual = float(np.median(np.abs(gaps)))
    for ratio in _SPLITS:
        for factor, words in ((ratio, f"{ratio:g}:1 split"), (1 / ratio, f"1:{ratio:g} reverse split")):
            shift = np.log(factor)
            like = np.abs(gaps + shift) < np.log1p(_OPEN_TOLERANCE)
            like &= np.abs(np.log(closes[1:] / closes[:-1]) + shift) < np.log1p(_CLOSE_TOLERANCE)
            like &= abs(shift) > _OUTSTANDING * usual
            if like.any():
                row = int(np.argmax(like)) + 1
                raise BacktestInputError(
                    f"The price goes from {closes[row - 1]:g} to {opens[row]:g} at {times[row]}, which looks "
                    f"like a {words} that is not adjusted for; give adjusted bars, or say "
                    "`prices_are_adjusted=True` if the move is real."
                )
