"""Price and Greeks of many European options: tiles of inputs in, tiles of results out, vector code between.

The compiler cannot prove that a dozen arrays do not overlap, and then writes no vector code. So a tile of
256 options is copied into one buffer, a loop without a branch fills another, and the results asked for are
copied out. Rows that the quick formula does not serve (limits, extremes, missing and impossible values)
are counted in the same loop and done again, one at a time, by `european_corners.corner`.

Inputs and outputs are addresses with a stride in bytes: a scalar has stride zero and is never repeated
in memory.
"""

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from workbench.arrays import FloatArray
from workbench.pricing import european_corners as rows
from workbench.pricing.european_corners import ROWS, corner
from workbench.pricing.kernels import (
    bits_of,
    compiled,
    exp,
    fma,
    from_bits,
    intrinsic,
    mills_fraction,
    use_widest_vectors,
)

# Of numba, without types.
carray: Any = vars(numba)["carray"]
_pointer_to: Any = numba.types.CPointer

IntArray = NDArray[np.int64]

TILE = 256
INPUTS = 7
FIRST_ORDER = frozenset({*range(6), rows.FORWARD_RHO})  # what `first_order_rows` computes
_FLAGS = ROWS
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_INVERSE_ROOT_TWO_PI = 0.3989422804014327

# Where the quick formula keeps eleven digits of the price. Outside, a row is done again by itself.
_SMALLEST, _LARGEST = 1e-100, 1e100
_LONGEST, _HIGHEST_RATE, _LARGEST_EXPONENT = 1e4, 100.0, 300.0
_FARTHEST, _STEEPEST = 35.0, 6000.0


@intrinsic
def _doubles_at(typing_context, address):  # type: ignore[no-untyped-def]
    """Return the pointer to doubles that an address is."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return _pointer_to(numba.types.float64)(numba.types.int64), generate


@intrinsic
def _bytes_at(typing_context, address):  # type: ignore[no-untyped-def]
    """Return the pointer to bytes that an address is."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return _pointer_to(numba.types.uint8)(numba.types.int64), generate


@compiled
def load(inputs: IntArray, first: int, count: int, tile: FloatArray) -> None:
    """Copy the rows from `first` on into a tile; what is left of it gets an option that needs no care."""
    for j in range(INPUTS - 1):
        address, stride = inputs[2 * j], inputs[2 * j + 1]
        row = j * TILE
        if stride == 0:
            continue
        if stride == 8:
            source = carray(_doubles_at(address + 8 * first), (count,))
            for i in range(count):
                tile[row + i] = source[i]
        else:
            for i in range(count):
                tile[row + i] = carray(_doubles_at(address + stride * (first + i)), (1,))[0]
        for i in range(count, TILE):
            tile[row + i] = 1.0
    address, stride = inputs[2 * INPUTS - 2], inputs[2 * INPUTS - 1]
    row = (INPUTS - 1) * TILE
    if stride == 1:
        flags = carray(_bytes_at(address + first), (count,))
        for i in range(count):
            tile[row + i] = 2.0 * flags[i] - 1.0
    elif stride != 0:
        for i in range(count):
            flag = carray(_bytes_at(address + stride * (first + i)), (1,))[0]
            tile[row + i] = 2.0 * flag - 1.0


@compiled
def load_scalars(inputs: IntArray, tile: FloatArray) -> None:
    """Fill the rows of a tile whose input is one number for all options."""
    tile[:] = 1.0
    for j in range(INPUTS):
        if inputs[2 * j + 1] == 0:
            address = inputs[2 * j]
            if j < INPUTS - 1:
                value = carray(_doubles_at(address), (1,))[0]
            else:
                value = 2.0 * carray(_bytes_at(address), (1,))[0] - 1.0
            tile[j * TILE : (j + 1) * TILE] = value


@compiled
def store(results: FloatArray, outputs: IntArray, factors: FloatArray, first: int, count: int) -> None:
    """Copy the results asked for out of a tile: `outputs` holds address, stride and row of each."""
    for k in range(outputs.shape[0]):
        address, stride, row = outputs[k, 0], outputs[k, 1], outputs[k, 2] * TILE
        factor = factors[k]
        if stride == 8:
            target = carray(_doubles_at(address + 8 * first), (count,))
            for i in range(count):
                target[i] = results[row + i] * factor
        else:
            for i in range(count):
                carray(_doubles_at(address + stride * (first + i)), (1,))[0] = results[row + i] * factor


@compiled
def redo(tile: FloatArray, results: FloatArray, first: int, count: int, wrong: int) -> int:
    """Do the flagged rows of a tile one at a time; return the first row with an impossible input, or -1."""
    values = np.empty(ROWS)
    for i in range(count):
        if results[_FLAGS * TILE + i] != 0.0:
            possible = corner(
                tile[i], tile[TILE + i], tile[2 * TILE + i], tile[3 * TILE + i], tile[4 * TILE + i],
                tile[5 * TILE + i], tile[6 * TILE + i], values,
            )  # fmt: skip
            if not possible and wrong < 0:
                wrong = first + i
            for k in range(ROWS):
                results[k * TILE + i] = values[k]
    return wrong


@compiled(forceinline=True)
def _terms(
    spot: float, strike: float, years: float, volatility: float, rate: float, dividend_yield: float
) -> Any:
    """Return what price and Greeks share, and whether the quick formula serves this option.

    The logarithm is 2 artanh((S - K) / (S + K)) after a power of two is taken out of S: one division, and
    exact differences near the money. The tails of d1 and d2 share one density, since
    ``S e^(-qT) density(d1) = K e^(-rT) density(d2)``, and one division.
    """
    root = math.sqrt(years)
    v = volatility * root
    power = (bits_of(spot) - bits_of(strike) + (1 << 51)) >> 52
    scaled = from_bits(bits_of(spot) - (power << 52))
    s = (scaled - strike) / (scaled + strike)
    z = s * s
    p = 0.13675040139558708
    p = fma(p, z, 0.13200970938121478)
    p = fma(p, z, 0.15389319441596797)
    p = fma(p, z, 0.1818172613126894)
    p = fma(p, z, 0.22222223197280425)
    p = fma(p, z, 0.2857142856636647)
    p = fma(p, z, 0.4000000000001)
    p = fma(p, z, 0.6666666666666666)
    count = float(power)
    logarithm = fma(count, _LN2_HIGH, 2.0 * s + fma(s * z, p, count * _LN2_LOW))
    carry = (rate - dividend_yield) * years
    x = logarithm + carry
    h = 0.5 * v
    m = x / v
    d1, d2 = m + h, m - h
    y1, y2 = min(abs(d1), 40.0), min(abs(d2), 40.0)
    spot_discount, strike_discount = exp(-dividend_yield * years), exp(-rate * years)
    square = y1 * y1
    density = exp(-0.5 * square)
    density = fma(-0.5 * fma(y1, y1, -square), density, density) * _INVERSE_ROOT_TWO_PI
    p1, q1 = mills_fraction(y1)
    p2, q2 = mills_fraction(y2)
    inverse = density / (q1 * q2)
    tail1 = p1 * q2 * inverse
    spot_value, strike_value = spot * spot_discount, strike * strike_discount
    value1, value2 = spot_value * tail1, spot_value * (p2 * q1 * inverse)
    # Comparisons are false for NaN, so a missing value is flagged too.
    fits = (
        (spot > _SMALLEST) & (spot < _LARGEST) & (strike > _SMALLEST) & (strike < _LARGEST)
        & (years < _LONGEST) & (abs(rate) + abs(dividend_yield) < _HIGHEST_RATE)
        & ((abs(rate) + abs(dividend_yield)) * years < _LARGEST_EXPONENT)
        & (max(y1, y2) < _FARTHEST) & (1.0 + y1 < _STEEPEST * v)
    )  # fmt: skip
    flag = 0.0 if fits else 1.0
    return (
        root, v, logarithm, carry, x, d1, d2, spot_discount, strike_discount, spot_value, strike_value,
        density, tail1, value1, value2, flag,
    )  # fmt: skip


@compiled(forceinline=True)
def _price(
    sign: float, x: float, d1: float, d2: float, spot_value: float, strike_value: float,
    value1: float, value2: float,
) -> float:  # fmt: skip
    """Return the price: the worth of the side out of the money, and what exercise of the forward pays."""
    call_out = (value1 if d1 < 0.0 else spot_value - value1) - value2
    put_out = (value2 if d2 > 0.0 else strike_value - value2) - value1
    time_value = max(call_out if x <= 0.0 else put_out, 0.0)
    return time_value + (sign * (spot_value - strike_value) if sign * x > 0.0 else 0.0)


@compiled
def price_rows(start: int, stop: int, inputs: IntArray, outputs: IntArray, factors: FloatArray) -> int:
    """Price the options of rows `start` to `stop`; return the first impossible row, or -1."""
    use_widest_vectors()
    tile, results = np.empty(INPUTS * TILE), np.empty((ROWS + 1) * TILE)
    load_scalars(inputs, tile)
    wrong = -1
    for first in range(start, stop, TILE):
        count = min(TILE, stop - first)
        load(inputs, first, count, tile)
        flagged = 0
        for i in range(TILE):
            (
                _, _, _, _, x, d1, d2, _, _, spot_value, strike_value, _, _, value1, value2, flag,
            ) = _terms(
                tile[i], tile[TILE + i], tile[2 * TILE + i], tile[3 * TILE + i], tile[4 * TILE + i],
                tile[5 * TILE + i],
            )  # fmt: skip
            sign = tile[6 * TILE + i]
            results[i] = _price(sign, x, d1, d2, spot_value, strike_value, value1, value2)
            results[_FLAGS * TILE + i] = flag
            flagged |= bits_of(flag)
        if flagged:
            wrong = redo(tile, results, first, count, wrong)
        store(results, outputs, factors, first, count)
    return wrong


@compiled
def first_order_rows(start: int, stop: int, inputs: IntArray, outputs: IntArray, factors: FloatArray) -> int:
    """Compute price, delta, gamma, vega, theta and rho; return the first impossible row, or -1."""
    use_widest_vectors()
    tile, results = np.empty(INPUTS * TILE), np.empty((ROWS + 1) * TILE)
    load_scalars(inputs, tile)
    wrong = -1
    for first in range(start, stop, TILE):
        count = min(TILE, stop - first)
        load(inputs, first, count, tile)
        flagged = 0
        for i in range(TILE):
            spot, years, volatility = tile[i], tile[2 * TILE + i], tile[3 * TILE + i]
            rate, dividend_yield, sign = tile[4 * TILE + i], tile[5 * TILE + i], tile[6 * TILE + i]
            (
                root, v, _, _, x, d1, d2, spot_discount, _, spot_value, strike_value, density, tail1,
                value1, value2, flag,
            ) = _terms(spot, tile[TILE + i], years, volatility, rate, dividend_yield)  # fmt: skip
            n1 = tail1 if sign * d1 < 0.0 else 1.0 - tail1
            strike_part = value2 if sign * d2 < 0.0 else strike_value - value2
            weight = spot_value * density
            vega = weight * root
            inverse_v = 1.0 / (v * spot)
            price = _price(sign, x, d1, d2, spot_value, strike_value, value1, value2)
            results[i] = price
            results[rows.FORWARD_RHO * TILE + i] = -years * price
            results[TILE + i] = sign * spot_discount * n1
            results[2 * TILE + i] = spot_discount * density * inverse_v
            results[3 * TILE + i] = vega
            results[4 * TILE + i] = (
                sign * (dividend_yield * spot_value * n1 - rate * strike_part)
                - 0.5 * vega * volatility * volatility * volatility * spot * inverse_v / v
            )
            results[5 * TILE + i] = sign * years * strike_part
            results[_FLAGS * TILE + i] = flag
            flagged |= bits_of(flag)
        if flagged:
            wrong = redo(tile, results, first, count, wrong)
        store(results, outputs, factors, first, count)
    return wrong


@compiled
def all_rows(start: int, stop: int, inputs: IntArray, outputs: IntArray, factors: FloatArray) -> int:
    """Compute price and every Greek to third order; return the first impossible row, or -1."""
    use_widest_vectors()
    tile, results = np.empty(INPUTS * TILE), np.empty((ROWS + 1) * TILE)
    load_scalars(inputs, tile)
    wrong = -1
    for first in range(start, stop, TILE):
        count = min(TILE, stop - first)
        load(inputs, first, count, tile)
        flagged = 0
        for i in range(TILE):
            spot, strike, years, volatility = (
                tile[i], tile[TILE + i], tile[2 * TILE + i], tile[3 * TILE + i],
            )  # fmt: skip
            rate, dividend_yield, sign = tile[4 * TILE + i], tile[5 * TILE + i], tile[6 * TILE + i]
            (
                root, v, logarithm, carry, x, d1, d2, spot_discount, _, spot_value,
                strike_value, density, tail1, value1, value2, flag,
            ) = _terms(spot, strike, years, volatility, rate, dividend_yield)  # fmt: skip
            n1 = tail1 if sign * d1 < 0.0 else 1.0 - tail1
            spot_part = spot_value * n1
            strike_part = value2 if sign * d2 < 0.0 else strike_value - value2
            per_v, per_twice, per_volatility = 1.0 / v, 0.5 / years, 1.0 / volatility
            per_spot, per_strike = 1.0 / spot, 1.0 / strike
            weight = spot_value * density
            vega = weight * root
            gamma = spot_discount * density * per_spot * per_v
            e2 = (logarithm - carry) * per_v - 0.5 * v
            price = _price(sign, x, d1, d2, spot_value, strike_value, value1, value2)
            p, w = d1 * per_volatility, d2 * per_volatility
            results[rows.PRICE * TILE + i] = price
            results[rows.DELTA * TILE + i] = sign * spot_discount * n1
            results[rows.GAMMA * TILE + i] = gamma
            results[rows.VEGA * TILE + i] = vega
            results[rows.THETA * TILE + i] = (
                sign * (dividend_yield * spot_part - rate * strike_part) - vega * volatility * per_twice
            )
            results[rows.RHO * TILE + i] = sign * years * strike_part
            results[rows.PHI * TILE + i] = -sign * years * spot_part
            results[rows.VANNA * TILE + i] = -spot_discount * density * w
            results[rows.VOMMA * TILE + i] = vega * d1 * w
            results[rows.CHARM * TILE + i] = (
                sign * dividend_yield * spot_discount * n1 + spot_discount * density * e2 * per_twice
            )
            results[rows.SPEED * TILE + i] = -gamma * per_spot * (1.0 + d1 * per_v)
            results[rows.COLOR * TILE + i] = gamma * (dividend_yield + (1.0 - d1 * e2) * per_twice)
            results[rows.ZOMMA * TILE + i] = gamma * (d1 * d2 - 1.0) * per_volatility
            results[rows.VETA * TILE + i] = vega * (dividend_yield - (1.0 + d1 * e2) * per_twice)
            results[rows.ULTIMA * TILE + i] = vega * ((p * d2) * (p * d2) - (p * p + w * w + p * w))
            results[rows.DUAL_DELTA * TILE + i] = -sign * strike_part * per_strike
            results[rows.DUAL_GAMMA * TILE + i] = weight * per_strike * per_strike * per_v
            results[rows.FORWARD_RHO * TILE + i] = -years * price
            results[_FLAGS * TILE + i] = flag
            flagged |= bits_of(flag)
        if flagged:
            wrong = redo(tile, results, first, count, wrong)
        store(results, outputs, factors, first, count)
    return wrong
