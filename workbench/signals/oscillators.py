"""Oscillators: how much of the latest movement went up."""

import numpy as np
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray
from workbench.signals.series import price_series, whole_window


def rsi(prices: ArrayLike, window: int = 14) -> FloatArray:
    """Return Wilder's relative strength index, 0 to 100.

    100 - 100 / (1 + average gain / average loss). The averages begin as the means of the first `window`
    changes and go on by Wilder's smoothing, which gives the newest change the weight 1 / `window`. While
    nothing has moved the index is 50.

    Parameters
    ----------
    prices : array_like
        One price a bar.
    window : int
        Changes in the first mean, one or more.

    Returns
    -------
    ndarray, one value a bar
        NaN on the first `window` bars. A missing price gives NaN, and the index begins anew after it.

    Raises
    ------
    ArgumentError
        If `window` is not a whole number above zero, or `prices` is not one series of finite numbers.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems, section VI.

    Examples
    --------
    >>> rsi([1.0, 2.0, 1.0, 3.0], 2).round(4)
    array([    nan,     nan, 50.    , 83.3333])
    """
    values, length = price_series("prices", prices), whole_window("window", window)
    changes = np.diff(values, prepend=np.nan)
    gains = wilder_average(np.where(np.isnan(changes), np.nan, np.maximum(changes, 0.0)), length)
    losses = wilder_average(np.where(np.isnan(changes), np.nan, np.maximum(-changes, 0.0)), length)
    moved = gains + losses
    with np.errstate(invalid="ignore", divide="ignore"):
        index = 100.0 * gains / moved
    index[moved == 0.0] = 50.0
    return index


def wilder_average(values: FloatArray, window: int) -> FloatArray:
    """Return Wilder's smoothed average: a mean of `window` values, then weight 1 / `window` on the newest.

    Parameters
    ----------
    values : ndarray, one value a bar
        NaN is missing; the average begins anew after it.
    window : int
        One or more.
    """
    averages = np.full(values.shape, np.nan)
    average, seen, total = np.nan, 0, 0.0
    for place, value in enumerate(values.tolist()):
        if value != value:  # noqa: PLR0124 - NaN alone differs from itself
            average, seen, total = np.nan, 0, 0.0
            continue
        seen += 1
        if seen < window:
            total += value
        elif seen == window:
            average = (total + value) / window
        else:
            average += (value - average) / window
        averages[place] = average
    return averages
