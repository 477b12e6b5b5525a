"""How the European engines bring their inputs to the kernels and the results back.

What a call costs beside the arithmetic is kept small here: scalars are never repeated in memory, arrays
are read where they are, and the inputs are checked by the kernel in the same pass that prices them. Only
when the kernel has met an impossible row are the arguments looked through again, to say which and why.
"""

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.arrays import FloatArray, Labels, require_one_shape, to_flags, to_floats
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
    addresses : list of int
        Of the first element of each array kept.
    """

    plan: NDArray[np.int64]
    shape: tuple[int, ...]
    kept: list[NDArray[Any]]
    addresses: list[int]

    @property
    def size(self) -> int:
        """Return the number of rows."""
        return math.prod(self.shape)


def _plain(name: str, value: Any) -> Any:
    """Return a Python float, or a float64 array."""
    if isinstance(value, float):
        return float(value)
    if type(value) is int and -(2**53) <= value <= 2**53:
        return float(value)
    if type(value) is not np.ndarray or value.dtype != np.float64 or not value.flags.aligned:
        value = np.require(to_floats(name, value), requirements="A")
    return value


def settle_flags(values: Mapping[str, Any], is_call: Any) -> tuple[dict[str, Any], Any]:
    """Return the numbers and whether each row is a call; a flag that is missing takes a number with it.

    Parameters
    ----------
    values : mapping of name to array_like
        Numbers, without labels.
    is_call : array_like of bool
        May hold missing values: their rows get NaN for the first of the numbers.

    Returns
    -------
    values : dict of name to array_like
    is_call : bool, or ndarray of bool

    Raises
    ------
    PricingInputError
        If a flag is neither true, false nor missing, or the shapes do not fit together.
    """
    if isinstance(is_call, (bool, np.bool_)):
        return dict(values), is_call
    flags, missing = to_flags("is_call", is_call)
    if missing is None:
        return dict(values), flags
    name, first = next(iter(values.items()))
    first = to_floats(name, first)
    require_one_shape(**{name: first, "is_call": flags})
    return {**values, name: np.where(missing, np.nan, first)}, flags


def gather(values: Mapping[str, Any], is_call: Any) -> Rows:
    """Find the addresses of the inputs; only what neither fits nor is one number is copied.

    Parameters
    ----------
    values : mapping of name to array_like
        Numbers, without labels, in the order of the kernel.
    is_call : array_like of bool
        The kernel's last input; a row where it is missing has no result.

    Raises
    ------
    PricingInputError
        If a value is no number, or the shapes do not fit together.
    """
    if not isinstance(is_call, (bool, np.bool_)) and not (
        type(is_call) is np.ndarray and is_call.dtype == np.bool_
    ):
        values, is_call = settle_flags(values, is_call)
    arrays: dict[str, Any] = {name: _plain(name, value) for name, value in values.items()}
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
    plan: list[int] = []
    kept: list[NDArray[Any]] = [scalars]
    addresses = [base]
    for j, array in enumerate(arrays.values()):
        is_flag = j == count - 1
        if not isinstance(array, np.ndarray) or (array.size == 1 and shape != array.shape):
            if is_flag:
                scalars[j : j + 1].view(np.uint8)[0] = bool(array)
            else:
                scalars[j] = array if isinstance(array, float) else array.item()
            plan += (base + 8 * j, 0)
            continue
        if array.shape != shape:
            array = np.broadcast_to(array, shape)  # noqa: PLW2901
        if array.ndim != 1 and not array.flags.c_contiguous:
            array = np.ascontiguousarray(array)  # noqa: PLW2901
        address = address_of(array)
        plan += (address, array.strides[0] if array.ndim == 1 else array.itemsize)
        kept.append(array)
        addresses.append(address)
    return Rows(np.array(plan, dtype=np.int64), shape, kept, addresses)


def address_of(array: NDArray[Any]) -> int:
    """Return where the first element of an array is."""
    address: int = array.__array_interface__["data"][0]
    return address


class Targets(NamedTuple):
    """Where results go.

    Attributes
    ----------
    results : dict of name to ndarray
        What is handed back.
    written : dict of name to ndarray
        What the kernel writes into. It differs from `results` only for arrays of the caller that are
        neither contiguous nor of one dimension, or that share memory with an input in another order.
    addresses : list of int
        Of the first element of each written array.
    """

    results: dict[str, FloatArray]
    written: dict[str, FloatArray]
    addresses: list[int]


# Below this many rows all results share one block of memory: asking each for its address would cost more.
_FEW = 4096


def _fresh(names: tuple[str, ...], rows: Rows) -> Targets:
    if rows.size > _FEW:
        arrays = {name: np.empty(rows.shape) for name in names}
        return Targets(arrays, arrays, [address_of(array) for array in arrays.values()])
    block = np.empty((len(names), *rows.shape))
    start, step = address_of(block), 8 * rows.size
    arrays = {name: block[k, ...] for k, name in enumerate(names)}
    return Targets(arrays, arrays, [start + step * k for k in range(len(names))])


def _extent(address: int, array: NDArray[Any]) -> tuple[int, int]:
    """Return the first byte of an array and the one after its last."""
    if array.ndim > 1 and not array.flags.c_contiguous:
        low, high = np.lib.array_utils.byte_bounds(array)
        return int(low), int(high)
    if array.ndim == 1 and array.size:
        reach = (array.size - 1) * array.strides[0]
        return address + min(reach, 0), address + max(reach, 0) + array.itemsize
    return address, address + array.nbytes


def targets(names: tuple[str, ...], out: Mapping[str, Any] | None, rows: Rows) -> Targets:
    """Return fresh arrays for the results, or the caller's own when they fit.

    Raises
    ------
    PricingInputError
        If an array of `out` is absent, of another shape or type, cannot be written, or shares memory with
        another of them.
    """
    if out is None:
        return _fresh(names, rows)
    places = zip(rows.addresses, rows.kept, strict=True)
    inputs = [(*_extent(at, held), at, held.strides) for at, held in places]
    found = Targets({}, {}, [])
    extents: list[tuple[int, int, str]] = []
    for name in names:
        if name not in out:
            raise PricingInputError(f"`out` has no array for '{name}'; give one for each Greek asked for.")
        array = out[name]
        _require_fit(name, array, rows.shape)
        address = address_of(array)
        extents.append((*_extent(address, array), name))
        use = array
        if (array.ndim > 1 and not array.flags.c_contiguous) or not array.flags.aligned:
            use = np.empty(rows.shape)
        else:
            low, high = _extent(address, array)
            for start, end, held_at, strides in inputs:
                if start < high and low < end and (held_at != address or strides != array.strides):
                    use = np.empty(rows.shape)
        found.results[name] = array
        found.written[name] = use
        found.addresses.append(address if use is array else address_of(use))
    _require_apart(extents, found.results)
    return found


def _require_apart(extents: list[tuple[int, int, str]], arrays: dict[str, FloatArray]) -> None:
    """Refuse results that would be written over each other; columns of one block are apart."""
    extents.sort()
    for k, (_, end, name) in enumerate(extents):
        for start, _, other in extents[k + 1 :]:
            if start >= end:
                break
            if np.shares_memory(arrays[name], arrays[other]):
                raise PricingInputError(
                    f"`out` for '{name}' and for '{other}' share memory; give each an array of its own."
                )


def _require_fit(name: str, array: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.float64:
        kind = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise PricingInputError(f"`out` for '{name}' is {kind}; give a numpy array of float64.")
    if array.shape != shape:
        raise PricingInputError(f"`out` for '{name}' has shape {array.shape}; the inputs need {shape}.")
    if not array.flags.writeable:
        raise PricingInputError(f"`out` for '{name}' is read-only; give an array that can be written.")


def run(
    kernel: Any,
    rows: Rows,
    aims: Targets,
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
    aims : Targets
        From `targets`.
    places : mapping of name to int
        The kernel's number of each result.
    factors : mapping of name to float
        What a result is multiplied with, 1 if not named.
    """
    from workbench.pricing.kernels import in_chunks

    outputs = np.array(
        [
            (address, array.strides[0] if array.ndim == 1 else 8, places[name])
            for address, (name, array) in zip(aims.addresses, aims.written.items(), strict=True)
        ],
        dtype=np.int64,
    ).reshape(-1, 3)
    scales = np.array([factors.get(name, 1.0) for name in aims.written])
    return all(first < 0 for first in in_chunks(kernel, rows.size, rows.plan, outputs, scales))


def names_asked(greeks: Iterable[str] | None, out: Any) -> Iterable[str] | None:
    """Return the names of Greeks as they were asked for: where only arrays are given, the names of these.

    Raises
    ------
    PricingInputError
        If `out` is no mapping.
    """
    if out is not None and not isinstance(out, Mapping):
        raise PricingInputError(
            f"`out` is {type(out).__name__}; give a mapping of names to arrays, as in {{'delta': array}}."
        )
    return out if greeks is None else greeks


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
    known = tuple(known)
    try:
        names = (greeks,) if isinstance(greeks, str) else tuple(greeks)
    except TypeError:
        raise PricingInputError(f"`greeks` is {greeks!r}; give any of {', '.join(known)}.") from None
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


def finish(aims: Targets, labels: Labels, out: Mapping[str, ArrayLike] | None) -> dict[str, FloatArray]:
    """Return the results with the labels of the inputs, or the caller's own arrays."""
    if out is not None:
        for name, array in aims.results.items():
            if aims.written[name] is not array:
                array[...] = aims.written[name]
        return aims.results
    if labels.index is None:
        return {name: array[()] for name, array in aims.results.items()}
    return {name: labels.wrap(array, name) for name, array in aims.results.items()}
