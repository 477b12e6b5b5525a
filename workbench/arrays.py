"""Numbers at the door of an engine: converted once, and refused with their row when they cannot be used."""

import sys
from dataclasses import dataclass
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
    if isinstance(value, np.floating):
        shown = f"{value:g}"
    elif isinstance(value, np.datetime64 | np.timedelta64):
        shown = str(value)  # as a plain item it may be a count of nanoseconds
    else:
        shown = repr(getattr(value, "item", lambda: value)())
    raise error(f"`{name}` is {shown}{_place(array, wrong)}; give {remedy}{_HINTS.get(name, '')}.")


def to_floats(name: str, value: ArrayLike, error: type[Exception] = PricingInputError) -> FloatArray:
    """Return numbers as float64; a missing value (None, NaN, ``pd.NA``, a masked one) becomes NaN.

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
    return _numbers(name, value, error, "a number")


def _numbers(name: str, value: ArrayLike, error: type[Exception], remedy: str) -> FloatArray:
    if isinstance(value, np.ma.MaskedArray):
        # What lies under a mask is arbitrary, and numpy would hand it over as if it were there.
        numbers = _numbers(name, np.ma.getdata(value), error, remedy)
        return np.where(np.ma.getmaskarray(value), np.nan, numbers)
    try:
        array = np.asarray(value)
    except ValueError:
        raise error(f"`{name}` is ragged; give rows of one length, or one list.") from None
    if array.dtype.kind in "fiub":
        return array.astype(np.float64, copy=False)
    if array.dtype.kind == "O":
        return _from_objects(name, array, error, remedy)
    if array.dtype.kind in "USmMc":
        _refuse(error, name, array, np.ones(array.shape, np.bool_), remedy)
    raise error(f"`{name}` holds values that are not numbers; give numbers.")


def _from_objects(name: str, array: NDArray[Any], error: type[Exception], remedy: str) -> FloatArray:
    """Turn objects into numbers, one at a time where they are not all numbers."""
    flat = array.reshape(-1)
    wrong = np.fromiter((isinstance(v, (str, bytes, complex)) for v in flat), np.bool_, flat.size)
    if wrong.any():
        _refuse(error, name, array, wrong.reshape(array.shape), remedy)
    # pandas' own missing value does not convert by itself.
    plain = [np.nan if v is None or type(v).__name__ in {"NAType", "NaTType"} else v for v in flat]
    try:
        return np.array(plain, dtype=np.float64).reshape(array.shape)
    except (TypeError, ValueError, OverflowError):
        wrong = np.array([not _is_number(v) for v in plain], np.bool_)
    if not wrong.any():
        raise error(f"`{name}` holds values that are not numbers; give numbers.")
    _refuse(error, name, array, wrong.reshape(array.shape), remedy)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except OverflowError:
        return True  # a number, if too large for a double
    except (TypeError, ValueError):
        return False
    return True


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


def to_flags(
    name: str, value: ArrayLike, error: type[Exception] = PricingInputError
) -> tuple[BoolArray, BoolArray | None]:
    """Return booleans, and which of them are missing in truth.

    Parameters
    ----------
    name : str
        What the caller calls the argument, for the message.
    value : array_like
        Booleans, or numbers that are 0 or 1; text such as ``"put"``, which would read as true, is refused.
    error : exception class
        Raised when a value is neither.

    Returns
    -------
    flags : ndarray of bool
        False where missing.
    missing : ndarray of bool, or None
        Where `value` is None, NaN, ``pd.NA`` or masked; None where it nowhere is.
    """
    array = np.asarray(value) if not isinstance(value, np.ma.MaskedArray) else None
    if array is not None and array.dtype.kind == "b":
        return array, None
    numbers = _numbers(name, value, error, "True or False")
    missing = np.isnan(numbers)
    wrong = (numbers != 0) & (numbers != 1) & ~missing
    if wrong.any():
        _refuse(error, name, numbers, wrong, "True or False")
    return numbers == 1, missing if missing.any() else None


def require_flags(error: type[Exception] = PricingInputError, /, **values: ArrayLike) -> list[BoolArray]:
    """Return the named arguments as booleans; text such as ``"put"``, which would read as true, is refused.

    Returns
    -------
    list of ndarray of bool, in the order given
    """
    arrays = []
    for name, value in values.items():
        flags, missing = to_flags(name, value, error)
        if missing is not None:
            _refuse(error, name, np.where(missing, np.nan, 0.0), missing, "True or False")
        arrays.append(flags)
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


@dataclass(frozen=True, slots=True)
class Labels:
    """The index of labelled arguments, and the way back to it.

    Attributes
    ----------
    values : dict of name to array_like
        The arguments without labels. A Series beside a frame has become a column (its index is that of the
        frame's rows) or a row (its index is the frame's columns).
    index, columns : pandas Index, or None
        What results are labelled with; `columns` for frames alone.
    """

    values: dict[str, Any]
    index: Any = None
    columns: Any = None

    def wrap(self, array: ArrayLike, name: str | None = None) -> Any:
        """Return a result in the dress of the arguments.

        Parameters
        ----------
        array : ndarray
            In the broadcast shape of `values`.
        name : str, optional
            Name of a Series.

        Returns
        -------
        Series, DataFrame, ndarray or numpy scalar
            A scalar for an array without dimension; a plain array where the arguments had no labels, or
            broadcast to a shape that the labels do not fit.
        """
        array = np.asarray(array)
        if self.index is None:
            return array[()]
        import pandas as pd

        if self.columns is not None and array.shape == (len(self.index), len(self.columns)):
            return pd.DataFrame(array, index=self.index, columns=self.columns)
        if self.columns is None and array.shape == (len(self.index),):
            return pd.Series(array, index=self.index, name=name)
        return array[()]


def labels_of(error: type[Exception] = PricingInputError, /, **arguments: Any) -> Labels:
    """Take the labels off Series and frames, so that an engine can work on arrays and give them back.

    Parameters
    ----------
    error : exception class, positional
        Raised where two indexes differ: rows are never matched by position against their labels.
    **arguments : array_like
        The arguments by the names that their caller knows; any may be a Series or DataFrame.

    Returns
    -------
    Labels

    Examples
    --------
    >>> labels_of(spot=42.0, strike=[40.0, 45.0]).wrap(np.zeros(2))
    array([0., 0.])
    """
    pandas = sys.modules.get("pandas")  # where nobody has imported pandas, nothing is a Series
    if pandas is None:
        return Labels(arguments)
    frames = {n: v for n, v in arguments.items() if isinstance(v, pandas.DataFrame)}
    series = {n: v for n, v in arguments.items() if isinstance(v, pandas.Series)}
    if not frames and not series:
        return Labels(arguments)
    values = dict(arguments)
    first, lead = next(iter((frames or series).items()))
    index, columns = lead.index, lead.columns if frames else None
    for name, frame in frames.items():
        if not _same(frame.index, index) or not _same(frame.columns, columns):
            _refuse_labels(error, name, first)
        values[name] = frame.to_numpy()
    for name, column in series.items():
        values[name] = column.to_numpy()
        if _same(column.index, index):
            if frames:
                values[name] = values[name][:, None]
        elif not frames or not _same(column.index, columns):
            _refuse_labels(error, name, first)
    return Labels(values, index, columns)


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(one.equals(other))


def _refuse_labels(error: type[Exception], name: str, first: str) -> NoReturn:
    raise error(
        f"`{name}` has another index than `{first}`; align them first, as in "
        f"{name}.reindex({first}.index), or give plain arrays to match them by position."
    )
