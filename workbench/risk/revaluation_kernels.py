"""The arithmetic of a book's revaluation, as vector code over scenarios."""

import numpy as np

from workbench.arrays import FloatArray
from workbench.pricing.kernels import (
    bits_of,
    compiled,
    fma,
    from_bits,
    log,
    use_widest_vectors,
)
from workbench.risk.revaluation import IntArray

TILE = 512
LANES = 8
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ROUNDER, _ROUNDER_BITS = 6755399441055744.0, 0x4338000000000000
_ONE_BITS = 0x3FF0000000000000


@compiled(forceinline=True)
def _bell(y: float) -> float:
    """Return exp(-y^2 / 2) of y from 0 to 37; beyond, the normal double that is nearest to none.

    Money needs digits beside the largest leg, not beside the smallest. So the square is not split, nothing
    below 1e-308 is kept, and a polynomial good to 1e-15 will do.
    """
    x = max(-0.5 * y * y, -708.0)
    shifted = fma(x, _LOG2_E, _ROUNDER)
    count = shifted - _ROUNDER
    rest = fma(count, -_LN2_LOW, fma(count, -_LN2_HIGH, x))
    p = 2.761380686153829e-07
    p = fma(p, rest, 2.762511557828763e-06)
    p = fma(p, rest, 2.4801536388690766e-05)
    p = fma(p, rest, 0.00019841208732536384)
    p = fma(p, rest, 0.0013888888905881542)
    p = fma(p, rest, 0.008333333353729397)
    p = fma(p, rest, 0.04166666666665136)
    p = fma(p, rest, 0.1666666666664829)
    p = fma(p, rest, 0.5)
    p = fma(p, rest, 1.0)
    p = fma(p, rest, 1.0)
    scale = from_bits(((bits_of(shifted) - _ROUNDER_BITS) << 52) + _ONE_BITS)
    value: float = p * scale
    return value


@compiled(forceinline=True)
def _tail_fraction(y: float) -> tuple[float, float]:
    """Return numerator and denominator of N(-y) / exp(-y^2 / 2), for y of 0 to 40.

    As `kernels.mills_fraction`, one degree less: good to 3e-15.
    """
    p = 8.150291679921115e-06
    p = fma(p, y, 0.00018636564121990288)
    p = fma(p, y, 0.0020790609804709186)
    p = fma(p, y, 0.014528136253046213)
    p = fma(p, y, 0.06900328262311031)
    p = fma(p, y, 0.2275857156209872)
    p = fma(p, y, 0.5105503351115256)
    p = fma(p, y, 0.7194492933333131)
    p = fma(p, y, 0.5000000000000012)
    q = 2.0429751570637472e-05
    q = fma(q, y, 0.0004671493858387642)
    q = fma(q, y, 0.005231862778660475)
    q = fma(q, y, 0.03688378703989919)
    q = fma(q, y, 0.1781361352064719)
    q = fma(q, y, 0.6059555336987351)
    q = fma(q, y, 1.4424999354631745)
    q = fma(q, y, 2.305795409441725)
    q = fma(q, y, 2.236783147469908)
    q = fma(q, y, 1.0)
    return p, q


@compiled(forceinline=True)
def _value(
    sign: float, start: float, slope: float, deviation: float, spot: float, strike: float,
    growth: float, logarithm: float,
) -> float:  # fmt: skip
    """Return the worth of an option when the spot has grown; the arguments are a row of `Revaluation`."""
    e1 = fma(slope, logarithm, start)
    e2 = e1 - deviation
    y1, y2 = min(abs(e1), 40.0), min(abs(e2), 40.0)
    p1, q1 = _tail_fraction(y1)
    p2, q2 = _tail_fraction(y2)
    moved = spot * growth
    inverse = moved * _bell(y1) / (q1 * q2)
    tail1, tail2 = p1 * q2 * inverse, p2 * q1 * inverse
    spot_part = tail1 if e1 < 0.0 else moved - tail1
    strike_part = tail2 if e2 < 0.0 else strike - tail2
    return sign * (spot_part - strike_part)


@compiled
def unmoved_values(options: FloatArray, values: FloatArray) -> None:
    """Fill `values` with the worth of each option at unchanged spots, to the bit as a move of zero has it."""
    for i in range(options.shape[0]):
        row = options[i]
        values[i] = _value(row[0], row[1], row[2], row[3], row[4], row[5], 1.0, 0.0)


@compiled(forceinline=True)
def follow(
    moves: FloatArray, first: int, count: int, width: int, growth: FloatArray, logarithm: FloatArray
) -> None:
    """Fill a tile with the growth of a spot in `count` scenarios and its logarithm; the rest stands still."""
    growth[:] = 1.0
    for j in range(count):
        growth[j] = 1.0 + moves[first + j]
    for j in range(width):
        logarithm[j] = log(growth[j])


@compiled
def revalue_rows(
    start: int, stop: int, moves: FloatArray, options: FloatArray, where: IntArray, shares: FloatArray,
    now: FloatArray, pnl: FloatArray,
) -> None:  # fmt: skip
    """Fill `pnl` for the scenarios `start` to `stop`; see `Revaluation.profit`, here with moves by column."""
    use_widest_vectors()
    growth, logarithm, total = np.empty(TILE), np.empty(TILE), np.empty(TILE)
    for first in range(start, stop, TILE):
        count = min(TILE, stop - first)
        width = min(TILE, -(-count // LANES) * LANES)
        total[:] = 0.0
        for column in range(shares.shape[0]):
            if shares[column] != 0.0:
                for j in range(count):
                    total[j] += shares[column] * moves[column, first + j]
        followed = -1
        for i in range(options.shape[0]):
            if where[i] != followed:
                followed = where[i]
                follow(moves[followed], first, count, width, growth, logarithm)
            sign, begin, slope, deviation = options[i, 0], options[i, 1], options[i, 2], options[i, 3]
            spot, strike, size, before = options[i, 4], options[i, 5], options[i, 6], now[i]
            for j in range(width):
                value = _value(sign, begin, slope, deviation, spot, strike, growth[j], logarithm[j])
                total[j] += size * (value - before)
        pnl[first : first + count] = total[:count]
