"""Mathematics that compiles to the widest instructions of the processor, and how kernels are run.

Numba as installed from the index has no vector mathematics: a call of the C library's ``exp`` in a loop
stops vectorisation. The functions here are plain arithmetic without a branch, so a loop over them becomes
vector code. Importing this file imports numba, which takes a while: engines import it on first use.
"""

import math
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, overload

import numba
from numba import types
from numba.extending import intrinsic as _intrinsic

from workbench.pricing.kernel_cache import cache_for

_Function = TypeVar("_Function", bound=Callable[..., Any])
intrinsic: Any = _intrinsic  # its declared types know nothing of the typing context that numba adds

_LOG2_E = 1 / math.log(2)
# log 2 in two pieces: a whole number times the first is exact.
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ROUNDER = 6755399441055744.0  # 1.5 * 2^52: adding it leaves the nearest whole number in the low bits
_ROUNDER_BITS = 0x4338000000000000
_ONE_BITS = 0x3FF0000000000000
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_INVERSE_ROOT_TWO_PI = 0.3989422804014327


@overload
def compiled(function: _Function) -> _Function: ...
@overload
def compiled(**options: Any) -> Callable[[_Function], _Function]: ...
def compiled(function: Any = None, **options: Any) -> Any:
    """Compile a function with numba as the project does: kept on disk, without the interpreter's lock.

    Division by zero gives infinity or NaN as in numpy. No flag that would let the compiler reorder sums
    or forget NaN is set; write ``fma`` where a fused multiplication is meant.

    Parameters
    ----------
    function : function
        Numbers and arrays in and out.
    **options
        For `numba.njit`, such as ``forceinline=True`` for a scalar function that loops use.

    Returns
    -------
    compiled function
        Its file on disk is named after all code and constants that it uses, see `kernel_cache`.
    """
    if function is None:
        return lambda wrapped: compiled(wrapped, **options)
    options = {"nogil": True, "error_model": "numpy", **options}
    dispatcher: Any = numba.njit(**options)(function)
    dispatcher._cache = cache_for(function, options)
    return dispatcher


@intrinsic
def fma(typing_context, x, y, z):  # type: ignore[no-untyped-def]
    """Return ``x * y + z`` rounded once."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@intrinsic
def bits_of(typing_context, x):  # type: ignore[no-untyped-def]
    """Return the 64 bits of a double as a whole number."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


@intrinsic
def from_bits(typing_context, bits):  # type: ignore[no-untyped-def]
    """Return the double that has these 64 bits."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@intrinsic
def use_widest_vectors(typing_context):  # type: ignore[no-untyped-def]
    """Let the loops of the calling function use 512-bit instructions where the processor has them.

    The compiler prefers 256 bits on such processors, for the sake of programs with little vector work;
    kernels are a third faster with 512. Elsewhere this changes nothing.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        # llvmlite keeps a list of the attributes it knows; this one, of the x86 target, is not on it.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), generate


@compiled(forceinline=True)
def exp_series(rest: float) -> float:
    """Return (e^rest - 1 - rest) / rest^2 for a rest of half a log 2 at most, by a fitted polynomial."""
    p = 2.510038549551032e-08
    p = fma(p, rest, 2.7620088445409746e-07)
    p = fma(p, rest, 2.7557268459997064e-06)
    p = fma(p, rest, 2.4801521295954376e-05)
    p = fma(p, rest, 0.00019841269863053618)
    p = fma(p, rest, 0.0013888888917213717)
    p = fma(p, rest, 0.008333333333330062)
    p = fma(p, rest, 0.04166666666662413)
    p = fma(p, rest, 0.16666666666666669)
    series: float = fma(p, rest, 0.5)
    return series


@compiled(forceinline=True)
def exp(x: float) -> float:
    """Return e^x within an ulp; 0 below -746, infinity above 709.79, NaN for NaN.

    The argument is reduced by a multiple of log 2; what is left goes through a polynomial fitted at
    Chebyshev nodes. Two powers of two put the multiple back, so that small results round only once.
    """
    clamped = min(max(x, -746.0), 710.0)
    shifted = fma(clamped, _LOG2_E, _ROUNDER)
    count = shifted - _ROUNDER
    rest = fma(count, -_LN2_HIGH, clamped)
    low = count * _LN2_LOW
    rest = rest - low
    p = fma(exp_series(rest) * rest, rest, rest) + 1.0
    whole = bits_of(shifted) - _ROUNDER_BITS
    half = whole >> 1
    first = from_bits((half << 52) + _ONE_BITS)
    second = from_bits(((whole - half) << 52) + _ONE_BITS)
    value = p * first * second
    return x if math.isnan(x) else value


@compiled(forceinline=True)
def log_of_parts(f: float, power: int) -> float:
    """Return log(2^power (1 + f)) for 1 + f between the root of a half and the root of two."""
    s = f / (f + 2.0)
    z = s * s
    p = 0.14618462083796982
    p = fma(p, z, 0.15331558670323325)
    p = fma(p, z, 0.18182894030543298)
    p = fma(p, z, 0.22222211067419392)
    p = fma(p, z, 0.2857142862638853)
    p = fma(p, z, 0.39999999999898594)
    p = fma(p, z, 0.666666666666667)
    count = float(power)
    # f - s (f - z p) is 2 s + s z p, with the large part f exact.
    small = fma(-s, fma(-z, p, f), count * _LN2_LOW)
    value: float = fma(count, _LN2_HIGH, f + small)
    return value


@compiled(forceinline=True)
def log(x: float) -> float:
    """Return the natural logarithm of a positive normal double within an ulp; anything else is undefined.

    The double is split into a power of two and a number m near one; log m = 2 artanh((m - 1) / (m + 1)).
    """
    bits = bits_of(x)
    power = (bits - _ROOT_HALF_BITS) >> 52
    m = from_bits(bits - (power << 52))
    f = m - 1.0
    return log_of_parts(f, power)


@compiled(forceinline=True)
def mills_fraction(y: float) -> tuple[float, float]:
    """Return numerator and denominator of Mills' ratio N(-y) / density(y), for y of 0 to 40.

    A rational function of degrees 9 and 10, fitted in 60 digits to 6e-17. All coefficients are positive,
    so nothing cancels. The two halves come apart so that a caller with two of them divides once.
    """
    p = 3.482636059366039e-06
    p = fma(p, y, 9.360104809271118e-05)
    p = fma(p, y, 0.0012318019610112715)
    p = fma(p, y, 0.010268295221166384)
    p = fma(p, y, 0.05929921564302199)
    p = fma(p, y, 0.24518591882337432)
    p = fma(p, y, 0.725908900313055)
    p = fma(p, y, 1.4899948446229208)
    p = fma(p, y, 1.9429846356038845)
    p = fma(p, y, 1.2533141373155001)
    q = 3.482636059375612e-06
    q = fma(q, y, 9.360104809070363e-05)
    q = fma(q, y, 0.001235284597260159)
    q = fma(q, y, 0.01036189625851726)
    q = fma(q, y, 0.06052405274373852)
    q = fma(q, y, 0.2552670005296095)
    q = fma(q, y, 0.7827795775760453)
    q = fma(q, y, 1.7155762811751631)
    q = fma(q, y, 2.5624060910002115)
    q = fma(q, y, 2.3481620034283774)
    q = fma(q, y, 1.0)
    return p, q


@compiled(forceinline=True)
def normal_density(x: float) -> float:
    """Return the standard normal density, to some ulps down to 1e-300; 0 at infinity, NaN for NaN.

    The rounding error of the square is put back, since it counts x^2 times in the result.
    """
    y = min(max(x, -40.0), 40.0)
    square = y * y
    error = fma(y, y, -square)
    value = exp(-0.5 * square)
    value = fma(-0.5 * error, value, value) * _INVERSE_ROOT_TWO_PI
    return x if math.isnan(x) else value


@compiled(forceinline=True)
def normal_cdf(x: float) -> float:
    """Return the normal distribution, relative error about 1e-15 also far down the left tail.

    0 and 1 at the infinities, NaN for NaN.
    """
    y = min(abs(x), 40.0)
    p, q = mills_fraction(y)
    tail = normal_density(y) * (p / q)
    value = tail if x < 0.0 else 1.0 - tail
    return x if math.isnan(x) else value


_pool: ThreadPoolExecutor | None = None


def _forget_pool() -> None:
    """Let a forked child start threads of its own: those of its parent did not come along."""
    global _pool  # noqa: PLW0603
    _pool = None


os.register_at_fork(after_in_child=_forget_pool)


def thread_count() -> int:
    """Return how many threads kernels use: what `numba.set_num_threads` or NUMBA_NUM_THREADS says."""
    # Asking numba starts its own threads, so ask only where somebody has set a number.
    parallel = sys.modules.get("numba.np.ufunc.parallel")
    if parallel is not None and parallel._is_initialized:
        return int(numba.get_num_threads())
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


def in_chunks(
    kernel: Callable[..., Any], size: int, *arguments: Any, least: int = 16_384, multiple: int = 256
) -> list[Any]:
    """Run ``kernel(start, stop, *arguments)`` over all rows, on several threads when there are many.

    Parameters
    ----------
    kernel : compiled function
        Without the interpreter's lock; it writes rows start to stop of its arguments.
    size : int
        Number of rows.
    *arguments
        Handed to the kernel as they are.
    least : int
        Rows that are worth a thread: fewer for a kernel that takes long over each.
    multiple : int
        Slices start at multiples of this, so that kernels with tiles fill all but the last.

    Returns
    -------
    list
        What the kernel returned for each slice, in order; one slice in the caller's thread when
        there are fewer than two times `least` rows.
    """
    global _pool  # noqa: PLW0603
    threads = min(thread_count(), size // max(1, least)) if size >= 2 * least else 1
    if threads <= 1:
        return [kernel(0, size, *arguments)]
    if _pool is None:
        _pool = ThreadPoolExecutor(os.cpu_count() or threads, thread_name_prefix="kernel")
    # Twice as many slices as threads: one slow core does not hold up the rest for long.
    slices = min(2 * threads, size // least)
    step = -(-size // slices // multiple) * multiple if size > slices * multiple else -(-size // slices)
    starts = range(0, size, step)
    # The caller's thread works too; at most `threads` run at once.
    jobs = iter([(start, min(start + step, size)) for start in starts])
    results: dict[int, Any] = {}

    def work() -> None:
        for start, stop in jobs:
            results[start] = kernel(start, stop, *arguments)

    others = [_pool.submit(work) for _ in range(threads - 1)]
    work()
    for other in others:
        other.result()
    return [results[start] for start in starts]
