"""Volatility that a price series has shown."""

from typing import Any, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, require_positive
from workbench.errors import PricingInputError


@overload
def realized_volatility(
    prices: "pd.Series[Any]", window: None = None, periods_per_year: float = 252
) -> float: ...
@overload
def realized_volatility(
    prices: "pd.Series[Any]", window: int, periods_per_year: float = 252
) -> "pd.Series[float]": ...
@overload
def realized_volatility(
    prices: pd.DataFrame, window: None = None, periods_per_year: float = 252
) -> "pd.Series[float]": ...
@overload
def realized_volatility(prices: pd.DataFrame, window: int, periods_per_year: float = 252) -> pd.DataFrame: ...
@overload
def realized_volatility(
    prices: ArrayLike, window: int | None = None, periods_per_year: float = 252
) -> "float | FloatArray": ...
def realized_volatility(prices: Any, window: int | None = None, periods_per_year: float = 252) -> Any:
    """Annualise the sample standard deviation of logarithmic returns, close to close.

    Parameters
    ----------
    prices : Series, DataFrame (a column each), or array_like
        Prices in time order, adjusted for splits and dividends.
    window : int, optional
        Number of returns, two or more. Without it: all of them, one figure.
    periods_per_year : float
        Returns in a year: 252 for US sessions.

    Returns
    -------
    float, Series, DataFrame or ndarray
        Per square-root year, as a fraction: one figure, or one per column, or with `window` a row for each
        price. The mean is taken out and the sum divided by n - 1. Rows without a full window, or with a
        missing price in it, are NaN.

    Raises
    ------
    PricingInputError
        If a price is not positive, or `window` or `periods_per_year` cannot be used.

    Examples
    --------
    >>> realized_volatility([100.0, 101.0, 100.0, 101.0]).round(4)
    np.float64(0.1824)
    """
    if window is not None and (isinstance(window, bool) or int(window) != window or window < 2):
        raise PricingInputError(f"`window` is {window}; give a whole number of returns, two or more.")
    (year,) = require_positive(periods_per_year=periods_per_year)
    (values,) = require_positive(prices=prices)
    returns = np.diff(np.log(values), axis=0)
    if window is None:
        spread = np.std(returns, axis=0, ddof=1) if len(returns) > 1 else np.full(values.shape[1:], np.nan)
        annual = spread * np.sqrt(year)
        return pd.Series(annual, index=prices.columns) if isinstance(prices, pd.DataFrame) else annual[()]
    rolling = np.full(values.shape, np.nan)
    if len(returns) >= window:
        windows = np.lib.stride_tricks.sliding_window_view(returns, window, axis=0)
        rolling[window:] = np.std(windows, axis=-1, ddof=1) * np.sqrt(year)
    if isinstance(prices, pd.Series):
        return pd.Series(rolling, index=prices.index, name=prices.name)
    if isinstance(prices, pd.DataFrame):
        return pd.DataFrame(rolling, index=prices.index, columns=prices.columns)
    return rolling
