"""How the European engines bring their inputs to the kernels and the results back.

What a call costs beside the arithmetic is kept small here: scalars are never repeated in memory, arrays
are read where they are, and the inputs are checked by the kernel in the same pass that prices them. Only
when the kernel has met an impossible row are the arguments looked through again, to say which and why.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.arrays import FloatArray, Labels, require_flags, require_one_shape, to_floats
from workbench.errors import PricingInputError


class Rows(NamedTuple):
    """Inputs as kernels read them.

    Attributes
    ----------
    plan : ndarray of int64
        Address and stride in bytes of each input in turn; stride 0 is one number for all rows.
    shape : tuple of int
        Broadcast shape of the inputs.
    kept : list
        What the addresses point into, held as long as they are used.
    """

    plan: NDArray[np.int64]
    shape: tuple[int, ...]
    kept: list[NDArray[Any]]

    @property
    def size(self) -> int:
        """Return the number of rows."""
        size = 1
        for length in self.shape:
            size *= length
        return size


def _plain(name: str, value: Any) -> Any:
    """Return a Python float, or a float64 array."""
    if isinstance(value, float):
        return float(value)
    if type(value) is int and -(2**53) <= value <= 2**53:
        return float(value)
    if type(value) is not np.ndarray or value.dtype != np.float64 or not value.flags.aligned:
        value = np.require(to_floats(name, value), requirements="A")
    return value


def gather(values: Mapping[str, Any], is_call: Any) -> Rows:
    """Find the addresses of the inputs; only what neither fits nor is one number is copied.

    Parameters
    ----------
    values : mapping of name to array_like
        Numbers, without labels, in the order of the kernel.
    is_call : array_like of bool
        The kernel's last input.

    Raises
    ------
    PricingInputError
        If a value is no number, or the shapes do not fit together.
    """
    arrays: dict[str, Any] = {name: _plain(name, value) for name, value in values.items()}
    if not isinstance(is_call, (bool, np.bool_)) and not (
        type(is_call) is np.ndarray and is_call.dtype == np.bool_
    ):
        (is_call,) = require_flags(is_call=is_call)
    arrays["is_call"] = is_call
    shapes = {array.shape for array in arrays.values() if isinstance(array, np.ndarray)} - {()}
    if len(shapes) > 1:
        shaped = {name: np.asarray(array) for name, array in arrays.items()}
        require_one_shape(**shaped)
        shape = np.broadcast_shapes(*shapes)
    else:
        shape = next(iter(shapes), ())
    count = len(arrays)
    scalars = np.zeros(count)
    base = address_of(scalars)
    plan = np.zeros(2 * count, dtype=np.int64)
    kept: list[NDArray[Any]] = [scalars]
    for j, array in enumerate(arrays.values()):
        is_flag = j == count - 1
        if not isinstance(array, np.ndarray) or (array.size == 1 and shape != array.shape):
            if is_flag:
                scalars[j : j + 1].view(np.uint8)[0] = bool(array)
            else:
                scalars[j] = array if isinstance(array, float) else array.item()
            plan[2 * j] = base + 8 * j
            continue
        if array.shape != shape:
            array = np.broadcast_to(array, shape)  # noqa: PLW2901
        if array.ndim != 1 and not array.flags.c_contiguous:
            array = np.ascontiguousarray(array)  # noqa: PLW2901
        plan[2 * j] = address_of(array)
        plan[2 * j + 1] = array.strides[0] if array.ndim == 1 else array.itemsize
        kept.append(array)
    return Rows(plan, shape, kept)


def address_of(array: NDArray[Any]) -> int:
    """Return where the first element of an array is."""
    address: int = array.__array_interface__["data"][0]
    return address


def targets(
    names: Iterable[str], out: Mapping[str, Any] | None, rows: Rows
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Return the arrays to hand back, and those that the kernel writes into.

    The two differ only for arrays of the caller that are neither contiguous nor of one dimension, or that
    share memory with an input in another order.

    Raises
    ------
    PricingInputError
        If an array of `out` is absent, of another shape or type, or cannot be written.
    """
    if out is None:
        fresh = {name: np.empty(rows.shape) for name in names}
        return fresh, fresh
    results, written = {}, {}
    for name in names:
        if name not in out:
            raise PricingInputError(f"`out` has no array for '{name}'; give one for each Greek asked for.")
        array = out[name]
        if not isinstance(array, np.ndarray) or array.dtype != np.float64:
            kind = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
            raise PricingInputError(f"`out` for '{name}' is {kind}; give a numpy array of float64.")
        if array.shape != rows.shape:
            raise PricingInputError(
                f"`out` for '{name}' has shape {array.shape}; the inputs need {rows.shape}."
            )
        if not array.flags.writeable:
            raise PricingInputError(f"`out` for '{name}' is read-only; give an array that can be written.")
        results[name] = array
        straight = (array.ndim <= 1 or array.flags.c_contiguous) and array.flags.aligned
        crossing = any(
            np.may_share_memory(array, held)
            and (address_of(held) != address_of(array) or held.strides != array.strides)
            for held in rows.kept
        )
        written[name] = array if straight and not crossing else np.empty(rows.shape)
    return results, written


def run(
    kernel: Any,
    rows: Rows,
    written: Mapping[str, FloatArray],
    places: Mapping[str, int],
    factors: Mapping[str, float],
) -> bool:
    """Run a kernel over all rows; return whether every row was possible.

    Parameters
    ----------
    kernel : compiled function
        ``kernel(start, stop, inputs, outputs, factors)`` returns its first impossible row, or -1.
    rows : Rows
        From `gather`.
    written : mapping of name to ndarray
        Where results go.
    places : mapping of name to int
        The kernel's number of each result.
    factors : mapping of name to float
        What a result is multiplied with, 1 if not named.
    """
    from workbench.pricing.kernels import in_chunks

    outputs = np.empty((len(written), 3), dtype=np.int64)
    scales = np.ones(len(written))
    for k, (name, array) in enumerate(written.items()):
        outputs[k, 0] = address_of(array)
        outputs[k, 1] = array.strides[0] if array.ndim == 1 else 8
        outputs[k, 2] = places[name]
        scales[k] = factors.get(name, 1.0)
    return all(first < 0 for first in in_chunks(kernel, rows.size, rows.plan, outputs, scales))


def names_of(
    greeks: Iterable[str] | None,
    known: Iterable[str],
    default: Iterable[str],
    absent: Mapping[str, str],
) -> tuple[str, ...]:
    """Return the names of the Greeks asked for.

    Parameters
    ----------
    greeks : str, iterable of str, or None
        As the caller gave it; None is `default`.
    known : iterable of str
        All names that the model has.
    default : iterable of str
        What None means.
    absent : mapping of name to str
        Names that another model has, and why this one does not.

    Raises
    ------
    PricingInputError
        For an unknown name, with the one that was probably meant.
    """
    if greeks is None:
        return tuple(default)
    names = (greeks,) if isinstance(greeks, str) else tuple(greeks)
    known = tuple(known)
    for name in names:
        if name in absent:
            raise PricingInputError(f"'{name}' is not there: {absent[name]}; give any of {', '.join(known)}.")
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise PricingInputError(
                f"'{name}' is no Greek that Workbench knows; {hint}give any of {', '.join(known)}."
            )
    return tuple(dict.fromkeys(names))


def finish(
    results: Mapping[str, FloatArray],
    written: Mapping[str, FloatArray],
    labels: Labels,
    out: Mapping[str, ArrayLike] | None,
) -> dict[str, FloatArray]:
    """Return the results with the labels of the inputs, or the caller's own arrays."""
    for name, array in results.items():
        if written[name] is not array:
            array[...] = written[name]
    if out is not None:
        return dict(results)
    if labels.index is None:
        return {name: array[()] for name, array in results.items()}
    return {name: labels.wrap(array, name) for name, array in results.items()}
