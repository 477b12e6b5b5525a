"""Where today's volatility stands among those of the past."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, require_non_negative
from workbench.errors import PricingInputError


def iv_rank(volatility: Any, window: int = 252, *, least: int | None = None) -> Any:
    """Return how far volatility stands from the lowest to the highest of a window.

    rank = (now - lowest) / (highest - lowest), over the window that ends with now.

    Parameters
    ----------
    volatility : Series or array_like
        One figure a session in time order, such as implied volatility at 30 days.
    window : int
        Sessions, now among them; 252 is a year.
    least : int, optional
        Figures that a window must hold, since days can be missing; the whole window without it.

    Returns
    -------
    Series or ndarray, as given
        Between 0 (lowest) and 1 (highest), for each session. NaN where now is missing, too few figures are
        there, or all are the same.

    Raises
    ------
    PricingInputError
        If a figure is negative or infinite, or `window` or `least` cannot be used.

    Notes
    -----
    One spike keeps the rank low for a whole window; `iv_percentile` counts days instead.

    Examples
    --------
    >>> iv_rank([0.20, 0.30, 0.25], window=3)
    array([nan, nan, 0.5])
    """
    values, windows, enough = _windows(volatility, window, least)
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.min(np.where(np.isnan(windows), np.inf, windows), axis=1)
        high = np.max(np.where(np.isnan(windows), -np.inf, windows), axis=1)
        rank = np.where(enough & (high > low), (values - low) / (high - low), np.nan)
    return _as_given(rank, volatility, "iv_rank")


def iv_percentile(
    volatility: Any, window: int = 252, *, least: int | None = None, ties: str = "below"
) -> Any:
    """Return the share of the window's other sessions on which volatility was below today's.

    Parameters
    ----------
    volatility, window, least
        As in `iv_rank`; today is no part of what it is compared with, so a window of 252 compares 251
        sessions.
    ties : {"below", "half", "at_or_below"}
        What a session with exactly today's figure counts: nothing, half, or whole.

    Returns
    -------
    Series or ndarray, as given
        Between 0 and 1, for each session. NaN where now is missing or too few figures are there.

    Raises
    ------
    PricingInputError
        If a figure is negative or infinite, or another argument cannot be used.

    Examples
    --------
    >>> iv_percentile([0.20, 0.30, 0.25], window=3)
    array([nan, nan, 0.5])
    """
    shares = {"below": 0.0, "half": 0.5, "at_or_below": 1.0}
    if ties not in shares:
        raise PricingInputError(f"`ties` is {ties!r}; give 'below', 'half' or 'at_or_below'.")
    values, windows, enough = _windows(volatility, window, least)
    others, now = windows[:, :-1], values[:, None]
    compared = (~np.isnan(others)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        count = (others < now).sum(axis=1) + shares[ties] * (others == now).sum(axis=1)
        percentile = np.where(enough & (compared > 0), count / compared, np.nan)
    return _as_given(percentile, volatility, "iv_percentile")


def _windows(volatility: ArrayLike, window: int, least: int | None) -> tuple[FloatArray, FloatArray, Any]:
    """Return the figures, the window that ends with each, and where the window says enough."""
    if isinstance(window, bool) or int(window) != window or window < 2:
        raise PricingInputError(f"`window` is {window}; give a whole number of sessions, two or more.")
    least = int(window) if least is None else least
    if isinstance(least, bool) or int(least) != least or not 2 <= least <= window:
        raise PricingInputError(f"`least` is {least}; give a whole number from 2 to the window's {window}.")
    (values,) = require_non_negative(volatility=volatility)
    if values.ndim != 1:
        raise PricingInputError(f"`volatility` has shape {values.shape}; give one series.")
    padded = np.concatenate([np.full(int(window) - 1, np.nan), values])
    windows = np.lib.stride_tricks.sliding_window_view(padded, int(window))
    enough = ((~np.isnan(windows)).sum(axis=1) >= least) & ~np.isnan(values)
    return values, windows, enough


def _as_given(found: FloatArray, given: Any, name: str) -> Any:
    return pd.Series(found, index=given.index, name=name) if isinstance(given, pd.Series) else found
