"""Price and Greeks of options on a forward whose moves are normal: Bachelier's formula, in tiles.

The worth of the side out of the money is the density times 1 - y M(y), with Mills' ratio M: no difference
of near numbers is left, so one branch-free formula serves from the money to forty deviations away.
"""

import math

import numpy as np

from workbench.arrays import FloatArray
from workbench.pricing import european_corners as rows
from workbench.pricing.european_corners import ROWS, mills_slope
from workbench.pricing.european_kernels import INPUTS, TILE, IntArray, load, load_scalars, store
from workbench.pricing.kernels import bits_of, compiled, exp, fma, mills_fraction, use_widest_vectors

_FLAGS = ROWS
_INVERSE_ROOT_TWO_PI = 0.3989422804014327
_LARGEST, _SMALLEST = 1e100, 1e-100


@compiled
def _alone(
    forward: float, strike: float, years: float, volatility: float, rate: float, sign: float, out: FloatArray
) -> bool:
    """Compute one option into `out`, limits and extremes too; return False where an input is impossible."""
    out[:] = math.nan
    possible = years >= 0.0 and volatility >= 0.0
    missing = False
    for value in (forward, strike, years, volatility, rate):
        possible = possible and not math.isinf(value)
        missing = missing or math.isnan(value)
    if missing or not possible:
        return not (
            years < 0.0 or volatility < 0.0 or math.isinf(forward) or math.isinf(strike)
            or math.isinf(years) or math.isinf(volatility) or math.isinf(rate)
        )  # fmt: skip
    discount, distance = math.exp(-rate * years), forward - strike
    root = math.sqrt(years)
    v = volatility * root
    share = 0.5 if distance == 0.0 else (1.0 if sign * distance > 0.0 else 0.0)
    density = _INVERSE_ROOT_TWO_PI if distance == 0.0 else 0.0
    d = 0.0
    out[:] = 0.0
    price = discount * max(sign * distance, 0.0)
    if v > 0.0:
        d = distance / v
        y = min(abs(d), 40.0)
        density = _INVERSE_ROOT_TWO_PI * math.exp(-0.5 * d * d)
        p, q = mills_fraction(y)
        tail = density * (p / q)
        share = tail if sign * d < 0.0 else 1.0 - tail
        price += discount * v * density * mills_slope(y)
    out[rows.PRICE] = price
    out[rows.DELTA] = sign * discount * share
    out[rows.DUAL_DELTA] = -out[rows.DELTA]
    out[rows.RHO] = -years * price
    out[rows.THETA] = rate * price
    out[rows.CHARM] = rate * out[rows.DELTA]
    out[rows.VEGA] = discount * root * density
    if density == 0.0:
        return True
    if v > 0.0:
        _bends(years, volatility, rate, d, discount * density, out)
    else:
        _at_the_money_limits(years, rate, out)
    return True


@compiled
def _bends(years: float, volatility: float, rate: float, d: float, weight: float, out: FloatArray) -> None:
    """Fill what holds the density; quotients come first, since a square of what is very small is zero."""
    root = math.sqrt(years)
    v = volatility * root
    gamma, vega, ratio = weight / v, out[rows.VEGA], d / volatility
    out[rows.GAMMA] = out[rows.DUAL_GAMMA] = gamma
    out[rows.THETA] -= 0.5 * weight * (volatility / root)
    out[rows.VANNA] = -weight * ratio
    out[rows.VOMMA] = vega * d * ratio
    out[rows.CHARM] += weight * d / (2.0 * years)
    out[rows.SPEED] = -gamma * (d / v) if d != 0.0 else 0.0
    out[rows.COLOR] = gamma * (rate + (1.0 - d * d) / (2.0 * years))
    out[rows.ZOMMA] = gamma * ((d * d - 1.0) / volatility)
    out[rows.VETA] = vega * (rate - (1.0 + d * d) / (2.0 * years))
    out[rows.ULTIMA] = vega * ratio * ratio * (d * d - 3.0) if d != 0.0 else 0.0


@compiled
def _at_the_money_limits(years: float, rate: float, out: FloatArray) -> None:
    """Fill what has a limit of its own exactly at the money, without time or volatility."""
    out[rows.GAMMA] = out[rows.DUAL_GAMMA] = math.inf
    out[rows.ZOMMA] = -math.inf
    if years == 0.0:
        out[rows.THETA] = out[rows.VETA] = -math.inf
        out[rows.COLOR] = math.inf
        return
    growth = 1.0 + 2.0 * rate * years
    out[rows.COLOR] = math.copysign(math.inf, growth) if growth != 0.0 else 0.0
    out[rows.VETA] = out[rows.VEGA] * (rate - 0.5 / years)


@compiled
def _redo(tile: FloatArray, results: FloatArray, first: int, count: int, wrong: int) -> int:
    """Do the flagged rows of a tile one at a time; return the first row with an impossible input, or -1."""
    values = np.empty(ROWS)
    for i in range(count):
        if results[_FLAGS * TILE + i] != 0.0:
            possible = _alone(
                tile[i], tile[TILE + i], tile[2 * TILE + i], tile[3 * TILE + i], tile[4 * TILE + i],
                tile[6 * TILE + i], values,
            )  # fmt: skip
            if not possible and wrong < 0:
                wrong = first + i
            for k in range(ROWS):
                results[k * TILE + i] = values[k]
    return wrong


@compiled
def bachelier_rows(start: int, stop: int, inputs: IntArray, outputs: IntArray, factors: FloatArray) -> int:  # noqa: PLR0915
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
            forward, strike, years, volatility = (
                tile[i], tile[TILE + i], tile[2 * TILE + i], tile[3 * TILE + i],
            )  # fmt: skip
            rate, sign = tile[4 * TILE + i], tile[6 * TILE + i]
            root = math.sqrt(years)
            v = volatility * root
            distance = forward - strike
            per_v, per_twice, per_volatility = 1.0 / v, 0.5 / years, 1.0 / volatility
            d = min(max(distance / v, -40.0), 40.0)
            y = abs(d)
            square = y * y
            density = exp(-0.5 * square)
            density = fma(-0.5 * fma(y, y, -square), density, density) * _INVERSE_ROOT_TWO_PI
            p, q = mills_fraction(y)
            tail = density * (p / q)
            share = tail if sign * d < 0.0 else 1.0 - tail
            discount = exp(-rate * years)
            weight = discount * density
            price = discount * max(sign * distance, 0.0) + v * weight * mills_slope(y)
            delta = sign * discount * share
            gamma, vega = weight * per_v, weight * root
            w = d * per_volatility
            results[rows.PRICE * TILE + i] = price
            results[rows.DELTA * TILE + i] = delta
            results[rows.GAMMA * TILE + i] = gamma
            results[rows.VEGA * TILE + i] = vega
            results[rows.THETA * TILE + i] = rate * price - vega * volatility * per_twice
            results[rows.RHO * TILE + i] = -years * price
            results[rows.VANNA * TILE + i] = -weight * w
            results[rows.VOMMA * TILE + i] = vega * d * w
            results[rows.CHARM * TILE + i] = rate * delta + weight * d * per_twice
            results[rows.SPEED * TILE + i] = -gamma * d * per_v
            results[rows.COLOR * TILE + i] = gamma * (rate + (1.0 - d * d) * per_twice)
            results[rows.ZOMMA * TILE + i] = gamma * (d * d - 1.0) * per_volatility
            results[rows.VETA * TILE + i] = vega * (rate - (1.0 + d * d) * per_twice)
            results[rows.ULTIMA * TILE + i] = vega * w * w * (d * d - 3.0)
            results[rows.DUAL_DELTA * TILE + i] = -delta
            results[rows.DUAL_GAMMA * TILE + i] = gamma
            # Comparisons are false for NaN, so a missing value is flagged too.
            fits = (
                (abs(forward) < _LARGEST) & (abs(strike) < _LARGEST) & (v > _SMALLEST) & (v < _LARGEST)
                & (years > _SMALLEST) & (years < _LARGEST) & (volatility > _SMALLEST)
                & (abs(rate) * years < 300.0) & (abs(rate) < _LARGEST)
            )  # fmt: skip
            flag = 0.0 if fits else 1.0
            results[_FLAGS * TILE + i] = flag
            flagged |= bits_of(flag)
        if flagged:
            wrong = _redo(tile, results, first, count, wrong)
        store(results, outputs, factors, first, count)
    return wrong
