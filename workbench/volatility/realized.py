"""Volatility that a price series has shown."""

from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, require_positive
from workbench.errors import PricingInputError

Method = Literal["close_to_close", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang"]

METHODS = ("close_to_close", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang")
_BARS = ["open", "high", "low", "close"]


@overload
def realized_volatility(
    prices: "pd.Series[Any]",
    window: None = None,
    periods_per_year: float = 252,
    *,
    method: Method = "close_to_close",
) -> float: ...
@overload
def realized_volatility(
    prices: "pd.Series[Any]",
    window: int,
    periods_per_year: float = 252,
    *,
    method: Method = "close_to_close",
) -> "pd.Series[float]": ...
@overload
def realized_volatility(
    prices: pd.DataFrame,
    window: int | None = None,
    periods_per_year: float = 252,
    *,
    method: Method = "close_to_close",
) -> Any: ...
@overload
def realized_volatility(
    prices: ArrayLike,
    window: int | None = None,
    periods_per_year: float = 252,
    *,
    method: Method = "close_to_close",
) -> "float | FloatArray": ...
def realized_volatility(
    prices: Any,
    window: int | None = None,
    periods_per_year: float = 252,
    *,
    method: Method = "close_to_close",
) -> Any:
    """Annualise the volatility that prices have shown.

    Parameters
    ----------
    prices : Series, DataFrame, or array_like
        Prices in time order, adjusted for splits and dividends. A frame with columns open, high, low and
        close is bars of one symbol, or of several if its index is (symbol, time); any other frame is a price
        series a column.
    window : int, optional
        Number of periods, two or more. Without it: all of them, one figure.
    periods_per_year : float
        Periods in a year: 252 for US sessions.
    method : {"close_to_close", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang"}
        How a period's variance is measured; all but the first need bars. See the notes.

    Returns
    -------
    float, Series, DataFrame or ndarray
        Per square-root year, as a fraction: one figure, or one per column or symbol, or with `window` a row
        for each price or bar. Rows without a full window, or with a missing price in it, are NaN.

    Raises
    ------
    PricingInputError
        If a price is not positive, a bar's high or low does not enclose its open and close, bars are missing
        for a method that needs them, or `window`, `periods_per_year` or `method` cannot be used.

    Notes ----- With o = ln(open / close before), u, d, c = ln(high, low, close / open), and n periods,
    variance per period:

    - close_to_close: sample variance of ln(close / close before), the mean taken out, over n - 1. The first
    price
      only starts the first return, so n periods need n + 1 prices. Overnight jumps are in it.
    - parkinson: mean of (u - d)^2 / (4 ln 2). Drift is taken as zero.
    - garman_klass: mean of (u - d)^2 / 2 - (2 ln 2 - 1) c^2. Drift is taken as zero.
    - rogers_satchell: mean of u (u - c) + d (d - c). Right under any drift.
    - yang_zhang: sample variance of o, plus k times that of c, plus (1 - k) times rogers_satchell, with
      k = 0.34 / (1.34 + (n + 1) / (n - 1)). Right under any drift, overnight jumps in it; needs n + 1 bars.

    Parkinson, Garman-Klass and Rogers-Satchell see only the session: the jump from close to open is not in
    them, so they stand below close-to-close where prices jump overnight. All but close_to_close take high and
    low as those of a path watched without pause; few trades in a bar make them too low.

    References ---------- Parkinson (1980), The extreme value method for estimating the variance of the rate
    of return, J. Business 53(1); Garman and Klass (1980), On the estimation of security price volatilities
    from historical data, J. Business 53(1); Rogers and Satchell (1991), Estimating variance from high, low
    and closing prices, Annals of Applied Probability 1(4); Yang and Zhang (2000), Drift-independent
    volatility estimation based on high, low, open and close prices, J. Business 73(3).

    Examples
    --------
    >>> realized_volatility([100.0, 101.0, 100.0, 101.0]).round(4)
    np.float64(0.1824)
    """
    if window is not None and (isinstance(window, bool) or int(window) != window or window < 2):
        raise PricingInputError(f"`window` is {window}; give a whole number of returns, two or more.")
    if method not in METHODS:
        raise PricingInputError(f"`method` is {method!r}; give one of {', '.join(METHODS)}.")
    (year,) = require_positive(periods_per_year=periods_per_year)
    if isinstance(prices, pd.DataFrame) and set(_BARS) <= set(prices.columns):
        return _of_bars(prices, window, float(year), method)
    if method != "close_to_close":
        raise PricingInputError(
            f"`method` {method!r} needs bars; give a frame with columns {', '.join(_BARS)}."
        )
    (values,) = require_positive(prices=prices)
    annual = np.sqrt(year * _sample_variance(np.diff(np.log(values), axis=0), window))
    if window is None:
        return pd.Series(annual, index=prices.columns) if isinstance(prices, pd.DataFrame) else annual[()]
    rolling = np.concatenate([np.full((len(values) - len(annual), *values.shape[1:]), np.nan), annual])
    if isinstance(prices, pd.Series):
        return pd.Series(rolling, index=prices.index, name=prices.name)
    if isinstance(prices, pd.DataFrame):
        return pd.DataFrame(rolling, index=prices.index, columns=prices.columns)
    return rolling


def _of_bars(bars: pd.DataFrame, window: int | None, year: float, method: str) -> Any:
    """Return one figure, or a row a bar; for each symbol apart if the index has one."""
    opened, high, low, close = require_positive(**{name: bars[name].to_numpy() for name in _BARS})
    for name, wrong in {
        "high": high < np.fmax(np.fmax(opened, close), low),
        "low": low > np.fmin(np.fmin(opened, close), high),
    }.items():
        if wrong.any():
            row = int(np.argmax(wrong))
            raise PricingInputError(
                f"`{name}` is {bars[name].iloc[row]:g} in row {row}, where open is {opened[row]:g} and close "
                f"{close[row]:g}; give bars whose high and low enclose both."
            )
    logs = np.log(np.stack([opened, high, low, close]))
    if isinstance(bars.index, pd.MultiIndex):
        symbols = bars.index.get_level_values(0)
        rows = {symbol: np.flatnonzero(symbols == symbol) for symbol in symbols.unique()}
        found = {
            symbol: np.sqrt(year * _variance(logs[:, at], window, method)) for symbol, at in rows.items()
        }
        if window is None:
            return pd.Series({symbol: value[()] for symbol, value in found.items()}, dtype=np.float64)
        rolling = np.full(len(bars), np.nan)
        for symbol, at in rows.items():
            rolling[at[len(at) - len(found[symbol]) :]] = found[symbol]
        return pd.Series(rolling, index=bars.index, name=method)
    annual = np.sqrt(year * _variance(logs, window, method))
    if window is None:
        return annual[()]
    rolling = np.concatenate([np.full(len(bars) - len(annual), np.nan), annual])
    return pd.Series(rolling, index=bars.index, name=method)


def _variance(logs: FloatArray, window: int | None, method: str) -> FloatArray:
    """Return variance per period of logarithms of open, high, low and close: one, or one a full window."""
    opened, high, low, close = logs
    if method == "close_to_close":
        return _sample_variance(np.diff(close), window)
    up, down, change = high - opened, low - opened, close - opened
    if method == "parkinson":
        return _mean((up - down) ** 2 / (4 * np.log(2)), window)
    if method == "garman_klass":
        return _mean((up - down) ** 2 / 2 - (2 * np.log(2) - 1) * change**2, window)
    session = up * (up - change) + down * (down - change)
    if method == "rogers_satchell":
        return _mean(session, window)
    count = len(change) - 1 if window is None else window
    if count < 2:
        return np.full((), np.nan)
    weight = 0.34 / (1.34 + (count + 1) / (count - 1))
    night = _sample_variance(opened[1:] - close[:-1], window)
    day = _sample_variance(change[1:], window)
    total: FloatArray = night + weight * day + (1 - weight) * _mean(session[1:], window)
    return total


def _windows(values: FloatArray, window: int) -> FloatArray:
    if len(values) < window:
        return np.empty((0, *values.shape[1:], window))
    return np.lib.stride_tricks.sliding_window_view(values, window, axis=0)


def _sample_variance(values: FloatArray, window: int | None) -> FloatArray:
    """Return variance with the mean taken out, over n - 1, of all rows or of each full window."""
    if window is not None:
        return np.asarray(np.var(_windows(values, window), axis=-1, ddof=1))
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(np.var(values, axis=0, ddof=1))


def _mean(values: FloatArray, window: int | None) -> FloatArray:
    # A bar whose high, low and close are rounded can measure less than nothing by a hair.
    if window is not None:
        return np.asarray(np.maximum(np.mean(_windows(values, window), axis=-1), 0.0))
    return np.asarray(np.maximum(values.mean(axis=0), 0.0)) if len(values) else np.full((), np.nan)
