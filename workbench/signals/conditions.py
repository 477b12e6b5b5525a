"""Conditions between two series, true on the bar on which they come about."""

import numpy as np
from numpy.typing import ArrayLike

from workbench.arrays import BoolArray, FloatArray, to_floats
from workbench.errors import ArgumentError


def crossed_above(first: ArrayLike, second: ArrayLike) -> BoolArray:
    """Say on which bars `first` is above `second` after having been at or below it one bar before.

    Parameters
    ----------
    first, second : array_like
        One value a bar, or one number for all bars.

    Returns
    -------
    ndarray of bool
        False on the first bar, and wherever one of the four values is missing.

    Raises
    ------
    ArgumentError
        If the two have different lengths.

    Examples
    --------
    >>> crossed_above([1.0, 2.0, 3.0], 2.0)
    array([False, False,  True])
    """
    above, below = _pair(first, second)
    crossed = np.zeros(above.shape, np.bool_)
    # A comparison with NaN is False, so a missing value never makes a crossing.
    crossed[1:] = (above[1:] > below[1:]) & (above[:-1] <= below[:-1])
    return crossed


def crossed_below(first: ArrayLike, second: ArrayLike) -> BoolArray:
    """Say on which bars `first` is below `second` after having been at or above it one bar before.

    Parameters, result and errors are those of `crossed_above`.

    Examples
    --------
    >>> crossed_below([3.0, 2.0, 1.0], 2.0)
    array([False, False,  True])
    """
    return crossed_above(second, first)


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[FloatArray, FloatArray]:
    left, right = to_floats("first", first, ArgumentError), to_floats("second", second, ArgumentError)
    if left.ndim > 1 or right.ndim > 1 or (left.ndim == right.ndim == 1 and left.shape != right.shape):
        raise ArgumentError(
            f"`first` has shape {left.shape} and `second` {right.shape}; give two series of one length."
        )
    left, right = np.broadcast_arrays(np.atleast_1d(left), right)
    return left, right
