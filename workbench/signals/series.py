"""What every indicator takes: one series of prices, and a window of whole bars."""

import numpy as np
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, to_floats
from workbench.errors import ArgumentError


def price_series(name: str, prices: ArrayLike) -> FloatArray:
    """Return prices as one series of floats; a missing one is NaN.

    Raises
    ------
    ArgumentError
        If they are not one series, or one is infinite.
    """
    values = to_floats(name, prices, ArgumentError)
    if values.ndim != 1:
        raise ArgumentError(f"`{name}` has {values.ndim} dimensions; give one series, one value a bar.")
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise ArgumentError(f"`{name}` is infinite in row {row}; give finite prices, or NaN where none is.")
    return values


def whole_window(name: str, value: int) -> int:
    """Return a window in bars.

    Raises
    ------
    ArgumentError
        If it is not a whole number above zero.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ArgumentError(f"`{name}` is {value!r}; give a whole number of bars, one or more.")
    return int(value)
