"""One implied volatility at a time, as exactly as its inputs say, wherever the quick way does not reach.

An option in the money is worth its intrinsic value plus its time value, and the time value may be the last
digit of the price. Here discounting and parity are done in pairs of doubles (31 digits; Dekker 1971,
Numerische Mathematik 18), with powers of two kept apart, so the root found is that of the doubles given.
"""

import math

from workbench.pricing.implied_kernels import LEAST_U, ROOT_TWO_PI, householder, mills_slope
from workbench.pricing.kernels import compiled, fma

OK, BELOW_INTRINSIC, ABOVE_BOUND, NO_TIME, CROSSED, MISSING = range(6)

_LN2 = 0.6931471805599453
_LN2_REST, _LN2_LAST = 2.3190468138462996e-17, 5.707708438416212e-34
_LOG_ROOT_TWO_PI = 0.9189385332046728
_ROOT_HALF_PI = 1.2533141373155001
_FAR = 4_000  # a power of two below which nothing counts
_FAR_ABOVE = 900  # powers of two between a price and all that it could be made of


@compiled
def _sum(a: float, b: float) -> tuple[float, float]:
    """Return a + b as the nearest double and what it leaves out."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@compiled
def _product(a: float, b: float) -> tuple[float, float]:
    """Return a b as the nearest double and what it leaves out."""
    product = a * b
    return product, fma(a, b, -product)


@compiled
def _pair_sum(a: float, a_rest: float, b: float, b_rest: float) -> tuple[float, float]:
    """Add two pairs of doubles."""
    high, low = _sum(a, b)
    rest, last = _sum(a_rest, b_rest)
    high, low = _sum(high, low + rest)
    return _sum(high, low + last)


@compiled
def _pair_product(a: float, a_rest: float, b: float, b_rest: float) -> tuple[float, float]:
    """Multiply two pairs of doubles."""
    high, low = _product(a, b)
    return _sum(high, low + (a * b_rest + a_rest * b))


@compiled
def _discount(rate: float, years: float) -> tuple[float, float, int]:
    """Return exp(-rate years) as a pair of doubles and a power of two; the exponent is below 2772."""
    high, low = _product(-rate, years)
    count = round(high / _LN2)
    first, first_rest = _product(-float(count), _LN2)
    second, second_rest = _product(-float(count), _LN2_REST)
    high, low = _pair_sum(high, low, first, first_rest)
    high, low = _pair_sum(high, low, second, second_rest - count * _LN2_LAST)
    # Taylor's series of e^x - 1 near zero, then doubled back: (e^x - 1)(e^x - 1 + 2) = e^2x - 1.
    high, low = high / 256, low / 256
    value, rest = 0.0, 0.0
    for order in range(9, 0, -1):
        value, rest = _pair_sum(value, rest, 1.0, 0.0)
        value, rest = _pair_product(value, rest, high, low)
        if order > 1:
            share = 1.0 / order
            value, rest = _pair_product(value, rest, share, fma(-share, order, 1.0) / order)
    for _ in range(8):
        squared, squared_rest = _pair_product(value, rest, value, rest)
        value, rest = _pair_sum(squared, squared_rest, 2 * value, 2 * rest)
    value, rest = _pair_sum(value, rest, 1.0, 0.0)
    return value, rest, count


@compiled
def _shifted(x: float, power: int) -> float:
    """Return x times two to a power, 0 far below and infinity far above."""
    return math.ldexp(x, min(max(power, -_FAR), _FAR))


@compiled
def _log(mantissa: float, power: int) -> float:
    return math.log(mantissa) + power * _LN2


@compiled
def _mills(y: float) -> float:
    """Return Mills' ratio for y above one."""
    if y < 25:
        return _ROOT_HALF_PI * math.exp(0.5 * y * y) * math.erfc(y * math.sqrt(0.5))
    z = 1 / (y * y)
    # The asymptotic series; the first term left out is below 4e-15 of the whole.
    return (1 - z * (1 - z * (3 - z * (15 - z * (105 - z * (945 - z * 10395)))))) / y


@compiled
def _deviation_from_gap(distance: float, gap: float) -> float:
    """Return s from what the normalised price lacks to one: density(u) (R(-u) + R(v)), for u below -1.5."""
    target = math.log(gap)
    w = max(-LEAST_U, math.sqrt(max(-2 * target, 0.0)))
    for _ in range(60):
        v = math.sqrt(w * w + 2 * distance)
        mills = _mills(w) + _mills(v)
        mismatch = math.log(mills) - 0.5 * w * w - _LOG_ROOT_TWO_PI - target
        step = mismatch * mills * v / (w + v)
        w = max(w + step, 1.4)
        if abs(step) < 2e-16 * w:
            break
    return w + math.sqrt(w * w + 2 * distance)


@compiled
def _deviation_from_price(
    distance: float, price: float, log_price: float, low: float, high: float, kappa: float
) -> float:
    """Return s between bounds at which density(u) s M(u, v) is the price; u stays above -1.5.

    Fourth-order steps in the log of the price, halving the bracket in logarithms where one leaves it.
    """
    s, last = low, math.inf
    for _ in range(200):
        h, half = distance / s, 0.5 * kappa * s
        u, v = h - half, h + half
        slope = mills_slope(u, v)
        ratio = s * slope / (ROOT_TWO_PI * price) if price > 1e-290 else 0.0
        if 0.0 < ratio < math.inf:
            mismatch = math.log(ratio) - 0.5 * u * u
        else:
            mismatch = math.log(s) + math.log(slope) - _LOG_ROOT_TWO_PI - log_price - 0.5 * u * u
        if mismatch < 0.0:
            low = max(low, s)
        else:
            high = min(high, s)
        newton, step = householder(u, v, slope, mismatch)
        moved = s * (1.0 + step)
        if abs(newton) < 1e-15 or (abs(newton) < 1e-12 and abs(newton) >= last):
            return moved
        last = abs(newton)
        if not low < moved < high:
            moved = low if low == high else math.sqrt(low) * math.sqrt(high)
        s = moved
    return s


@compiled
def _black_deviation(distance: float, price: float, log_price: float, gap: float) -> float:
    """Return volatility times root of time from a normalised price, its logarithm and its gap to one."""
    edge = math.sqrt(LEAST_U * LEAST_U + 2 * distance)
    most = edge - LEAST_U
    at_edge = math.exp(-0.5 * LEAST_U * LEAST_U) / ROOT_TWO_PI * most * mills_slope(LEAST_U, edge)
    if price >= at_edge:
        return _deviation_from_gap(distance, gap)
    # From below: no price is above s / sqrt(2 pi), and none above exp(-u^2 / 2) / 2 where u > 0.
    least = ROOT_TWO_PI * price
    if log_price < -_LN2:
        u = math.sqrt(-2 * (log_price + _LN2))
        least = max(least, 2 * distance / (u + math.sqrt(u * u + 2 * distance)))
    return _deviation_from_price(distance, price, log_price, min(least * (1 - 1e-15), most), most, 1.0)


@compiled
def _bachelier_deviation(distance: float, price: float, log_price: float) -> float:
    """Return volatility times root of time, in units of the distance, from a price in the same units."""
    least = ROOT_TWO_PI * price
    if log_price < -_LN2:
        least = max(least, distance / max(1.0, math.sqrt(-2 * (log_price + _LN2))))
    most = ROOT_TWO_PI * (price + 0.5 * distance) * (1 + 1e-15)
    return _deviation_from_price(distance, price, log_price, least * (1 - 1e-15), most, 0.0)


@compiled
def _first_look(price: float, years: float, rate: float, dividend_yield: float) -> int:
    """Return what is wrong with a row at first sight, or OK."""
    if years <= 0.0:
        return NO_TIME
    if not (abs(rate * years) < _FAR * _LN2 and abs(dividend_yield * years) < _FAR * _LN2):
        return MISSING
    return OK if price > 0.0 else BELOW_INTRINSIC


@compiled
def solve_black(
    price: float, spot: float, strike: float, years: float, rate: float, dividend_yield: float, is_call: bool
) -> tuple[float, int]:
    """Return the Black-Scholes-Merton volatility of one finite price and its status.

    Spot and strike are above zero. A price that is the double nearest to its intrinsic value or to its
    upper bound counts as being there: what it is worth beyond is not known.
    """
    code = _first_look(price, years, rate, dividend_yield)
    if code != OK:
        return math.nan, code
    spot_part, spot_power = math.frexp(spot)
    strike_part, strike_power = math.frexp(strike)
    price_part, price_power = math.frexp(price)
    a, a_rest, power = _discount(dividend_yield, years)
    a, a_rest = _pair_product(a, a_rest, spot_part, 0.0)
    a_power = spot_power + power
    b, b_rest, power = _discount(rate, years)
    b, b_rest = _pair_product(b, b_rest, strike_part, 0.0)
    b_power = strike_power + power

    # All in units of a power of two near the larger of the two.
    unit = max(a_power, b_power)
    if price_power - unit > _FAR_ABOVE:
        return math.nan, ABOVE_BOUND
    spot_value, spot_rest = _shifted(a, a_power - unit), _shifted(a_rest, a_power - unit)
    strike_value, strike_rest = _shifted(b, b_power - unit), _shifted(b_rest, b_power - unit)
    scaled = _shifted(price_part, price_power - unit)
    half_ulp = _shifted(1.0, price_power - 54 - unit)
    forward, forward_rest = _pair_sum(spot_value, spot_rest, -strike_value, -strike_rest)
    if is_call:
        gap, gap_rest = _pair_sum(spot_value, spot_rest, -scaled, 0.0)
        intrinsic, intrinsic_rest = forward, forward_rest
    else:
        gap, gap_rest = _pair_sum(strike_value, strike_rest, -scaled, 0.0)
        intrinsic, intrinsic_rest = -forward, -forward_rest
    value_part, value_power = price_part, price_power
    if intrinsic > 0.0:
        value, rest = _pair_sum(scaled, 0.0, -intrinsic, -intrinsic_rest)
        if value + rest <= half_ulp:
            return math.nan, BELOW_INTRINSIC
        value_part, value_power = math.frexp(value + rest)
        value_power += unit
    if gap + gap_rest <= half_ulp:
        return math.nan, ABOVE_BOUND

    if forward < 0.0:
        least_part, least_power = a, a_power
    else:
        least_part, least_power = b, b_power
    ratio = value_part / least_part
    normalised = _shifted(ratio, value_power - least_power)
    log_price = _log(ratio, value_power - least_power)
    if abs(forward) < 0.5 * strike_value:
        distance = abs(math.log1p(forward / strike_value))
    else:
        log_ratio = math.log(spot_part / strike_part) + (spot_power - strike_power) * _LN2
        distance = abs(log_ratio + (rate - dividend_yield) * years)
    root = math.sqrt(years)
    if distance == 0.0 and normalised < 1e-100:
        # At the money the price is s / sqrt(2 pi), which may be too small for a double where s / root is not.
        return _shifted(ROOT_TWO_PI * ratio / root, value_power - least_power), OK
    missing = (gap + gap_rest) / _shifted(least_part, least_power - unit)
    deviation = _black_deviation(distance, normalised, log_price, missing)
    return deviation / root, OK


@compiled
def solve_bachelier(
    price: float, forward: float, strike: float, years: float, rate: float, is_call: bool
) -> tuple[float, int]:
    """Return the Bachelier volatility of one finite price and its status; there is no upper bound.

    In units of price per root of a year; forward and strike may be negative.
    """
    code = _first_look(price, years, rate, 0.0)
    if code != OK:
        return math.nan, code
    discount, discount_rest, power = _discount(rate, years)
    price_part, price_power = math.frexp(price)
    largest = max(abs(forward), abs(strike))
    _, unit = math.frexp(largest)
    moneyness, moneyness_rest = _sum(_shifted(forward, -unit), -_shifted(strike, -unit))
    sign = 1.0 if is_call else -1.0
    value_part, value_power = price_part, price_power
    if sign * moneyness > 0.0 and price_power - unit - power < _FAR_ABOVE:
        unit += power
        scaled = _shifted(price_part, price_power - unit)
        intrinsic, intrinsic_rest = _pair_product(discount, discount_rest, moneyness, moneyness_rest)
        value, rest = _pair_sum(scaled, 0.0, -sign * intrinsic, -sign * intrinsic_rest)
        if value + rest <= _shifted(1.0, price_power - 54 - unit):
            return math.nan, BELOW_INTRINSIC
        value_part, value_power = math.frexp(value + rest)
        value_power += unit
        unit -= power
    ratio, value_power = value_part / discount, value_power - power
    root = math.sqrt(years)
    if moneyness == 0.0:
        return _shifted(ROOT_TWO_PI * ratio / root, value_power), OK
    distance_part, distance_power = math.frexp(abs(moneyness))
    ratio, value_power = ratio / distance_part, value_power - distance_power - unit
    if value_power > 300:
        # The distance no longer counts beside the price.
        return _shifted(ROOT_TWO_PI * ratio * distance_part / root, value_power + distance_power + unit), OK
    deviation = _bachelier_deviation(1.0, _shifted(ratio, value_power), _log(ratio, value_power))
    return _shifted(deviation * distance_part / root, distance_power + unit), OK
