"""Ranges: how far prices swing, and the band in which they usually do."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray
from workbench.errors import ArgumentError
from workbench.signals.moving_averages import sma
from workbench.signals.oscillators import wilder_average
from workbench.signals.series import price_series, whole_window


class BollingerBands(NamedTuple):
    """The moving average and the band around it, one value a bar."""

    lower: FloatArray
    middle: FloatArray
    upper: FloatArray


def bollinger_bands(prices: ArrayLike, window: int = 20, deviations: float = 2.0) -> BollingerBands:
    """Return the moving average and the band of standard deviations around it.

    The deviation is of the window itself (divided by its length), as Bollinger and TA-Lib have it.

    Parameters
    ----------
    prices : array_like
        One price a bar.
    window : int
        Bars in each mean and deviation, one or more.
    deviations : float
        Half the width of the band, in standard deviations; above zero.

    Returns
    -------
    BollingerBands
        NaN on the first ``window - 1`` bars and wherever the window holds a missing price.

    Raises
    ------
    ArgumentError
        If an argument is not as said, or `prices` is not one series of finite numbers.

    References
    ----------
    Bollinger (2001), Bollinger on Bollinger Bands, chapter 7.

    Examples
    --------
    >>> bollinger_bands([1.0, 3.0], 2).upper
    array([nan,  4.])
    """
    values, length = price_series("prices", prices), whole_window("window", window)
    if not (np.isfinite(deviations) and deviations > 0):
        raise ArgumentError(f"`deviations` is {deviations!r}; give a number above zero, as in 2.0.")
    middle = sma(values, length)
    width = np.full(values.shape, np.nan)
    if len(values) >= length:
        # Less its own first price, a window of large prices that hardly move keeps its digits.
        windows = np.lib.stride_tricks.sliding_window_view(values, length)
        width[length - 1 :] = deviations * np.std(windows - windows[:, :1], axis=1)
    return BollingerBands(middle - width, middle, middle + width)


def true_range(high: ArrayLike, low: ArrayLike, close: ArrayLike) -> FloatArray:
    """Return Wilder's true range: of today's high and yesterday's close less of today's low and that close.

    Parameters
    ----------
    high, low, close : array_like
        Prices of each bar, of one length.

    Returns
    -------
    ndarray, one value a bar
        NaN on the first bar, which has no close before it, and where a price is missing.

    Raises
    ------
    ArgumentError
        If the three differ in length, or are not series of finite numbers.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems, section III.
    """
    highs, lows, closes = (
        price_series(name, values) for name, values in (("high", high), ("low", low), ("close", close))
    )
    if not len(highs) == len(lows) == len(closes):
        raise ArgumentError(
            f"`high`, `low` and `close` have {len(highs)}, {len(lows)} and {len(closes)} bars; "
            "give one of each a bar."
        )
    before = np.concatenate([[np.nan], closes[:-1]]) if len(closes) else closes
    ranges: FloatArray = np.maximum(highs, before) - np.minimum(lows, before)
    return ranges


def atr(high: ArrayLike, low: ArrayLike, close: ArrayLike, window: int = 14) -> FloatArray:
    """Return Wilder's average true range, in the unit of the prices.

    Parameters
    ----------
    high, low, close : array_like
        Prices of each bar, of one length.
    window : int
        True ranges in the first mean, one or more; it goes on by Wilder's smoothing.

    Returns
    -------
    ndarray, one value a bar
        NaN on the first `window` bars. A missing price gives NaN, and the average begins anew after it.

    Raises
    ------
    ArgumentError
        As in `true_range`, or if `window` is not a whole number above zero.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems, section III.

    Examples
    --------
    >>> atr([2.0, 4.0, 5.0], [1.0, 3.0, 3.0], [2.0, 3.0, 4.0], 2)
    array([nan, nan, 2. ])
    """
    return wilder_average(true_range(high, low, close), whole_window("window", window))
