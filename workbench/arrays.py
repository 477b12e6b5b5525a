"""Numbers at the door of an engine: converted once, and refused with their row when they cannot be used."""

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import PricingInputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# What a reader should know about the unit before trying again.
_HINTS = {
    "volatility": ", as a fraction (0.20 is 20 %)",
    "years": ", in years (an expired option has 0)",
    "rate": ", as a fraction per year (0.05 is 5 %)",
    "dividend_yield": ", as a fraction per year (0.02 is 2 %)",
}


def _place(array: NDArray[Any], wrong: BoolArray) -> str:
    """Say where the first wrong value stands, in the caller's own array."""
    if array.ndim == 0:
        return ""
    index = np.unravel_index(int(np.argmax(wrong)), array.shape)
    if array.ndim == 1:
        return f" in row {index[0]}"
    return f" at position ({', '.join(str(i) for i in index)})"


def _refuse(
    error: type[Exception], name: str, array: NDArray[Any], wrong: BoolArray, remedy: str
) -> NoReturn:
    value = array.reshape(-1)[int(np.argmax(wrong))]
    shown = f"{value:g}" if isinstance(value, np.floating) else repr(getattr(value, "item", lambda: value)())
    raise error(f"`{name}` is {shown}{_place(array, wrong)}; give {remedy}{_HINTS.get(name, '')}.")


def to_floats(name: str, value: ArrayLike, error: type[Exception] = PricingInputError) -> FloatArray:
    """Return numbers as float64; a missing value (None, NaN, ``pd.NA``) becomes NaN.

    Parameters
    ----------
    name : str
        What the caller calls the argument, for the message.
    value : array_like
        Numbers, Decimals among them; never text, dates or complex numbers.
    error : exception class
        Raised when a value is no number.

    Returns
    -------
    ndarray of float64, in the shape of `value`
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise error(f"`{name}` is ragged; give rows of one length, or one list.") from None
    if array.dtype.kind in "fiub":
        return array.astype(np.float64, copy=False)
    if array.dtype.kind == "O":
        flat = array.reshape(-1)
        wrong = np.fromiter((isinstance(v, (str, bytes, complex)) for v in flat), np.bool_, flat.size)
        if wrong.any():
            _refuse(error, name, array, wrong.reshape(array.shape), "a number")
        # pandas' own missing value does not convert by itself.
        plain = [np.nan if v is None or type(v).__name__ in {"NAType", "NaTType"} else v for v in flat]
        try:
            return np.array(plain, dtype=np.float64).reshape(array.shape)
        except (TypeError, ValueError):
            pass
    elif array.dtype.kind in "USc":
        _refuse(error, name, array, np.ones(array.shape, np.bool_), "a number")
    raise error(f"`{name}` holds values that are not numbers; give numbers.")


def require_finite(error: type[Exception] = PricingInputError, /, **values: ArrayLike) -> list[FloatArray]:
    """Return the named arguments as float64; infinite ones are refused, missing ones stay NaN.

    Parameters
    ----------
    error : exception class, positional
        Raised with the argument's name, the value, its row and the remedy.
    **values : array_like
        The arguments, by the names their caller knows.

    Returns
    -------
    list of ndarray, in the order given
    """
    arrays = []
    for name, value in values.items():
        array = to_floats(name, value, error)
        wrong = np.isinf(array)
        if wrong.any():
            _refuse(error, name, array, wrong, "a finite number")
        arrays.append(array)
    return arrays


def require_positive(error: type[Exception] = PricingInputError, /, **values: ArrayLike) -> list[FloatArray]:
    """Return the named arguments as float64, each finite and above zero or missing (NaN).

    Parameters and errors are those of `require_finite`.

    Returns
    -------
    list of ndarray, in the order given

    Examples
    --------
    >>> spot, strike = require_positive(spot=42, strike=[40, 45])
    """
    arrays = require_finite(error, **values)
    for name, array in zip(values, arrays, strict=True):
        wrong = array <= 0
        if wrong.any():
            _refuse(error, name, array, wrong, "a number above zero")
    return arrays


def require_non_negative(
    error: type[Exception] = PricingInputError, /, **values: ArrayLike
) -> list[FloatArray]:
    """Return the named arguments as float64, each finite and zero or more, or missing (NaN).

    Parameters and errors are those of `require_finite`.

    Returns
    -------
    list of ndarray, in the order given
    """
    arrays = require_finite(error, **values)
    for name, array in zip(values, arrays, strict=True):
        wrong = array < 0
        if wrong.any():
            _refuse(error, name, array, wrong, "zero or more")
    return arrays


def require_flags(error: type[Exception] = PricingInputError, /, **values: ArrayLike) -> list[BoolArray]:
    """Return the named arguments as booleans; text such as ``"put"``, which would read as true, is refused.

    Returns
    -------
    list of ndarray of bool, in the order given
    """
    arrays = []
    for name, value in values.items():
        array = np.asarray(value)
        if array.dtype.kind != "b":
            numbers = to_floats(name, value, error)
            wrong = (numbers != 0) & (numbers != 1)
            if wrong.any():
                _refuse(error, name, numbers, wrong, "True or False")
            array = numbers == 1
        arrays.append(array)
    return arrays


def require_one_shape(error: type[Exception] = PricingInputError, /, **arrays: NDArray[Any]) -> None:
    """Refuse arrays that do not broadcast, naming each argument's shape.

    Parameters
    ----------
    error : exception class, positional
        Raised when the shapes do not fit.
    **arrays : ndarray
        The arguments, by name.
    """
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"`{name}` {array.shape}" for name, array in arrays.items() if array.ndim)
        raise error(
            f"The shapes do not fit together: {shapes}; give arrays of one length, or scalars."
        ) from None
