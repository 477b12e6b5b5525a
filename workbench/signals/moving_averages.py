"""Moving averages that do not drift, and the signals of two of them crossing.

A running sum carries its rounding errors along, so two averages that are equal compare as unequal
bars later, and a crossover that never happened is traded. Here every average is computed from
exact integers and rounded once:

- a price with at most six decimals means that decimal, as 101.1 means 1011/10 and not the double
  nearest to it; any other price means its double exactly;
- the sum of a window is exact, and its quotient is the double nearest to the true average.

So equal averages are equal, none is ever on the wrong side of another, and a value depends on its
own window alone, whatever comes before or after.
"""

from itertools import accumulate
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from workbench.arrays import FloatArray
from workbench.errors import ArgumentError
from workbench.signals.conditions import crossed_above, crossed_below
from workbench.signals.series import price_series, whole_window

# Ticks of a millionth hold every listed price; below this many both they and their sums fit a double.
_TICKS = 10**6
_EXACT = 2**53


def sma(prices: ArrayLike, window: int) -> FloatArray:
    """Return the simple moving average: the mean of the last `window` prices.

    Parameters
    ----------
    prices : array_like
        One price a bar.
    window : int
        Bars in each mean, one or more.

    Returns
    -------
    ndarray, one value a bar
        The exact mean rounded once. NaN on the first ``window - 1`` bars and wherever the window
        holds a missing price.

    Raises
    ------
    ArgumentError
        If `window` is not a whole number above zero, or `prices` is not one series of finite numbers.

    Examples
    --------
    >>> sma([1.0, 2.0, 4.0], 2)
    array([nan, 1.5, 3. ])
    """
    values, length = price_series("prices", prices), whole_window("window", window)
    averages = np.full(values.shape, np.nan)
    if len(values) < length:
        return averages
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values)
    averages[length - 1 :] = _means(filled, length)
    gaps = np.cumsum(missing)
    held = gaps - np.concatenate([np.zeros(length, gaps.dtype), gaps[:-length]])
    averages[held > 0] = np.nan
    return averages


def ema(prices: ArrayLike, window: int) -> FloatArray:
    """Return the exponential moving average with weight ``2 / (window + 1)`` on the newest price.

    It starts at the simple average of the first `window` prices, as TA-Lib's does, and goes on as
    ``average + weight * (price - average)``: a form in which a flat price stays exactly flat.

    Parameters
    ----------
    prices : array_like
        One price a bar.
    window : int
        The span, one or more.

    Returns
    -------
    ndarray, one value a bar
        NaN on the first ``window - 1`` bars. A missing price gives NaN, and the average starts
        anew after it.

    Raises
    ------
    ArgumentError
        As in `sma`.

    Examples
    --------
    >>> ema([1.0, 2.0, 4.0], 2)
    array([nan, 1.5       , 3.16666667])
    """
    values, length = price_series("prices", prices), whole_window("window", window)
    starts = sma(values, length).tolist()
    weight = 2.0 / (length + 1)
    averages = []
    average = np.nan
    for price, start in zip(values.tolist(), starts, strict=True):
        # A missing price makes `average` NaN, and the next full window gives it a new start.
        average = start if average != average else average + weight * (price - average)  # noqa: PLR0124
        averages.append(average)
    return np.array(averages, dtype=np.float64)


def moving_average_crossover(
    bars: pd.DataFrame, *, kind: Literal["sma", "ema"] = "sma", fast: int = 20, slow: int = 50
) -> tuple["pd.Series[bool]", "pd.Series[bool]"]:
    """Return when the fast average of the closes crosses the slow one, upwards and downwards.

    Parameters
    ----------
    bars : DataFrame
        Bars of one instrument; only `close` is read.
    kind : {"sma", "ema"}
        Which average.
    fast, slow : int
        Their windows in bars, `fast` the shorter.

    Returns
    -------
    entries, exits : Series of bool, on the bars' index
        Known at the close of their bar.

    Raises
    ------
    ArgumentError
        If the kind is unknown, a window is no whole number above zero, or `fast` is not below `slow`.
    """
    averages = {"sma": sma, "ema": ema}
    if kind not in averages:
        raise ArgumentError(f"`kind` is {kind!r}; give 'sma' or 'ema'.")
    if whole_window("fast", fast) >= whole_window("slow", slow):
        raise ArgumentError(f"`fast` is {fast} and `slow` is {slow}; the fast window must be the shorter.")
    if "close" not in bars.columns:
        raise ArgumentError("The bars have no column `close`; give a bars frame as `Desk.bars` returns it.")
    quick, steady = (averages[kind](bars["close"], window) for window in (fast, slow))
    entries = pd.Series(crossed_above(quick, steady), index=bars.index, name="entries")
    exits = pd.Series(crossed_below(quick, steady), index=bars.index, name="exits")
    return entries, exits


def _means(values: FloatArray, length: int) -> FloatArray:
    """Return the mean of each full window, exact before its one rounding."""
    with np.errstate(over="ignore"):
        ticks = np.rint(values * _TICKS)
    on_grid = (np.abs(ticks) < _EXACT) & (ticks / _TICKS == values)
    largest = float(np.abs(ticks[on_grid]).max(initial=0.0))
    if on_grid.all() and largest * len(values) < _EXACT and length * _TICKS < _EXACT:
        sums = np.concatenate([[0], np.cumsum(ticks.astype(np.int64))])
        means: FloatArray = (sums[length:] - sums[:-length]) / float(length * _TICKS)
        return means
    return _exact_means(values, ticks, on_grid, length)


def _exact_means(
    values: FloatArray, ticks: FloatArray, on_grid: NDArray[np.bool_], length: int
) -> FloatArray:
    """Return the same from integers of any size, for prices off the grid or too many for one double."""
    ratios = [
        (int(tick), _TICKS) if grid else value.as_integer_ratio()
        for value, tick, grid in zip(values.tolist(), ticks.tolist(), on_grid.tolist(), strict=True)
    ]
    # Denominators are powers of two, or the ticks; one common multiple makes all of them integers.
    common = _TICKS * max((bottom for _, bottom in ratios if bottom != _TICKS), default=1)
    sums = list(accumulate((top * (common // bottom) for top, bottom in ratios), initial=0))
    # Python divides integers of any size to the nearest double.
    quotient = length * common
    return np.array([(sums[end] - sums[end - length]) / quotient for end in range(length, len(sums))])
