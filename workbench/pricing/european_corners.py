"""European options where the quick formula loses digits: at the limits, far out, just before expiry.

One option at a time, every Greek. The worth of the side out of the money is the integral of a smooth
positive function instead of the difference of two near numbers, so it keeps its digits also where it is a
tiny part of the share. Time or volatility of zero give one-sided limits; where both are zero, time was
the first to go.
"""

import math

from workbench.arrays import FloatArray
from workbench.pricing.kernels import compiled, fma, mills_fraction, normal_density

# Rows of a tile of results; forward_rho is the rate's Greek where the forward, not the spot, is held.
PRICE, DELTA, GAMMA, VEGA, THETA, RHO, PHI, VANNA, VOMMA, CHARM, SPEED = range(11)
COLOR, ZOMMA, VETA, ULTIMA, DUAL_DELTA, DUAL_GAMMA, FORWARD_RHO = range(11, 18)
ROWS = 18

_DENSITY_AT_ZERO = 0.3989422804014327
# Gauss-Legendre with eight nodes on (-1, 1): the positive half.
_NODES = (0.18343464249564978, 0.525532409916329, 0.7966664774136267, 0.9602898564975362)
_WEIGHTS = (0.36268378337836166, 0.3137066458778869, 0.22238103445337443, 0.10122853629037706)


@compiled(forceinline=True)
def mills_slope(y: float) -> float:
    """Return 1 - y M(y), the slope of Mills' ratio M with its sign turned, for y of -0.6 to 40.

    The difference itself loses all digits for large y, where it is about 1 / y^2; this rational function
    was fitted to it in 60 digits, to 2e-17.
    """
    y = min(y, 40.0)
    p = 1.0423636923422442e-07
    p = fma(p, y, 3.6416773860497337e-06)
    p = fma(p, y, 6.238223390041488e-05)
    p = fma(p, y, 0.0006841949204548347)
    p = fma(p, y, 0.005296952958373821)
    p = fma(p, y, 0.03019780321753434)
    p = fma(p, y, 0.12851419696088132)
    p = fma(p, y, 0.404697782363659)
    p = fma(p, y, 0.9094282847113184)
    p = fma(p, y, 1.3350373144522687)
    p = fma(p, y, 1.0)
    q = 1.042363692338017e-07
    q = fma(q, y, 3.6416773861484736e-06)
    q = fma(q, y, 6.26949429976196e-05)
    q = fma(q, y, 0.0006951199532904235)
    q = fma(q, y, 0.005483474211980227)
    q = fma(q, y, 0.03222853887702174)
    q = fma(q, y, 0.14403511672818603)
    q = fma(q, y, 0.491339428801199)
    q = fma(q, y, 1.265758997314168)
    q = fma(q, y, 2.395261540932465)
    q = fma(q, y, 3.1534457515529635)
    q = fma(q, y, 2.5883514517677693)
    q = fma(q, y, 1.0)
    slope: float = p / q
    return slope


@compiled(forceinline=True)
def _tail(y: float) -> float:
    """Return N(-y) for y of zero or more."""
    p, q = mills_fraction(min(y, 40.0))
    return normal_density(y) * (p / q)


@compiled
def log_ratio(a: float, b: float) -> float:
    """Return ``log(a / b)`` to full relative precision also where the two are nearly equal."""
    if 0.5 * b < a < 2.0 * b:
        return math.log1p((a - b) / b)
    ratio = a / b
    if 1e-300 < ratio < 1e300:
        return math.log(ratio)
    return math.log(a) - math.log(b)


@compiled
def _time_value(
    nearer: float, v: float, density: float, spot_value: float, strike_value: float, is_call_out: bool
) -> float:
    """Return the worth of the option out of the money.

    `nearer` is how many deviations the nearer of d1 and d2 is from the money, negative when the two lie
    on both sides; `density` is spot_value times the normal density at d1.
    """
    if v <= 1.0 and nearer >= -0.5:
        total = 0.0
        half = 0.5 * v
        middle = nearer + half
        for k in range(4):
            step = half * _NODES[k]
            total += _WEIGHTS[k] * (mills_slope(middle - step) + mills_slope(middle + step))
        return density * half * total
    p1, q1 = mills_fraction(min(abs(nearer), 40.0))
    p2, q2 = mills_fraction(min(nearer + v, 40.0))
    first, second = density * (p1 / q1), density * (p2 / q2)
    if nearer >= 0.0:
        return max(first - second, 0.0)
    side = spot_value if is_call_out else strike_value
    return max(side - (first + second), 0.0)


@compiled(forceinline=True)
def _exercise(sign: float, x: float, spot_value: float, strike_value: float) -> float:
    """Return what the forward pays, without a difference of near numbers; `x` is log(forward / strike)."""
    if abs(x) < 0.5:
        return sign * strike_value * math.expm1(x)
    return sign * (spot_value - strike_value)


@compiled
def _limits(
    spot: float, years: float, volatility: float, rate: float, dividend_yield: float, sign: float,
    x: float, spot_value: float, strike_value: float, out: FloatArray,
) -> None:  # fmt: skip
    """Fill `out` for no time or no volatility; `x` is the log of the forward over the strike."""
    spot_discount, strike_discount = math.exp(-dividend_yield * years), math.exp(-rate * years)
    out[:] = 0.0
    share = 0.5 if x == 0.0 else (1.0 if sign * x > 0.0 else 0.0)
    if share == 0.0:
        return
    out[DELTA] = share * sign * spot_discount
    out[THETA] = share * sign * (dividend_yield * spot_value - rate * strike_value)
    out[RHO] = share * sign * years * strike_value
    out[PHI] = -share * sign * years * spot_value
    out[CHARM] = share * sign * dividend_yield * spot_discount
    out[DUAL_DELTA] = -share * sign * strike_discount
    if x != 0.0:
        out[PRICE] = _exercise(sign, x, spot_value, strike_value)
        out[FORWARD_RHO] = -years * out[PRICE]
        return
    # Exactly at the money the density stays, and what is divided by it has no bound.
    carry = rate - dividend_yield
    out[GAMMA] = out[DUAL_GAMMA] = math.inf
    out[ZOMMA] = -math.inf
    if years == 0.0:
        out[THETA] = -math.inf
        out[COLOR] = math.inf
        out[VETA] = -math.inf
        drift = carry + 0.5 * volatility * volatility
        tilt = carry + 1.5 * volatility * volatility
        if drift != 0.0:
            out[CHARM] = -math.copysign(math.inf, drift)
        if volatility == 0.0 and carry == 0.0:
            tilt = 1.0
        out[SPEED] = -math.copysign(math.inf, tilt)
        if volatility == 0.0:
            out[THETA] = share * sign * (dividend_yield - rate) * spot - math.inf
        return
    root = math.sqrt(years)
    vega = spot_value * _DENSITY_AT_ZERO * root
    out[VEGA] = vega
    out[VANNA] = 0.5 * vega / spot
    out[SPEED] = -math.inf
    if carry != 0.0:
        out[CHARM] = -math.copysign(math.inf, carry)
    growth = 1.0 + (rate + dividend_yield) * years
    out[COLOR] = math.copysign(math.inf, growth) if growth != 0.0 else 0.0
    out[VETA] = vega * (dividend_yield - (1.0 - carry * years) / (2.0 * years))
    out[ULTIMA] = -0.25 * vega * years


@compiled
def _smooth(
    spot: float, strike: float, years: float, volatility: float, rate: float, dividend_yield: float,
    sign: float, logarithm: float, spot_value: float, strike_value: float, out: FloatArray,
) -> None:  # fmt: skip
    """Fill `out` where there is time and volatility; `logarithm` is that of the spot over the strike."""
    root = math.sqrt(years)
    v = volatility * root
    carry = (rate - dividend_yield) * years
    x = logarithm + carry
    spot_discount, strike_discount = math.exp(-dividend_yield * years), math.exp(-rate * years)
    m, h = x / v, 0.5 * v
    d1, d2 = m + h, m - h
    density = normal_density(d1)
    out[:] = 0.0
    is_call_out = x <= 0.0
    time_value = _time_value(
        abs(m) - h, v, spot_value * density, spot_value, strike_value, is_call_out
    )  # fmt: skip
    price = time_value
    if sign * x > 0.0:
        price += _exercise(sign, x, spot_value, strike_value)
    tail1, tail2 = _tail(abs(d1)), _tail(abs(d2))
    n1 = tail1 if sign * d1 < 0.0 else 1.0 - tail1
    n2 = tail2 if sign * d2 < 0.0 else 1.0 - tail2
    out[PRICE] = price
    out[DELTA] = sign * spot_discount * n1
    out[RHO] = sign * years * strike_value * n2
    out[PHI] = -sign * years * spot_value * n1
    out[THETA] = sign * (dividend_yield * spot_value * n1 - rate * strike_value * n2)
    out[CHARM] = sign * dividend_yield * spot_discount * n1
    out[DUAL_DELTA] = -sign * strike_discount * n2
    out[FORWARD_RHO] = -years * price
    if density == 0.0:
        return
    e2 = (logarithm - carry) / v - h
    twice = 2.0 * years
    weight = spot_value * density
    gamma = spot_discount * density / spot / v
    vega = weight * root
    out[GAMMA] = gamma
    out[VEGA] = vega
    out[THETA] -= weight * volatility / (2.0 * root)
    out[VANNA] = -spot_discount * density * (d2 / volatility)
    out[VOMMA] = vega * d1 * (d2 / volatility)
    out[CHARM] += spot_discount * density * e2 / twice
    out[SPEED] = -gamma / spot * (1.0 + d1 / v)
    out[COLOR] = gamma * (dividend_yield + (1.0 - d1 * e2) / twice)
    out[ZOMMA] = gamma * ((d1 * d2 - 1.0) / volatility)
    out[VETA] = vega * (dividend_yield - (1.0 + d1 * e2) / twice)
    p, w = d1 / volatility, d2 / volatility
    bent, flat = (p * d2) * (p * d2), p * p + w * w + p * w
    if math.isinf(flat):  # a volatility below 1e-150: only the sign is left
        out[ULTIMA] = math.inf if (d1 * d2) * (d1 * d2) > d1 * d1 + d2 * d2 + d1 * d2 else -math.inf
    else:
        out[ULTIMA] = vega * (bent - flat)
    out[DUAL_GAMMA] = weight / strike / strike / v


_PRESENT, _MISSING, _IMPOSSIBLE = range(3)


@compiled
def _state(
    spot: float, strike: float, years: float, volatility: float, rate: float, dividend_yield: float
) -> int:
    """Tell whether all inputs are there; one that no option can have counts more than one that is missing."""
    if spot <= 0.0 or strike <= 0.0 or years < 0.0 or volatility < 0.0:
        return _IMPOSSIBLE
    missing = False
    for value in (spot, strike, years, volatility, rate, dividend_yield):
        if math.isinf(value):
            return _IMPOSSIBLE
        missing = missing or math.isnan(value)
    return _MISSING if missing else _PRESENT


@compiled
def corner(
    spot: float, strike: float, years: float, volatility: float, rate: float, dividend_yield: float,
    sign: float, out: FloatArray,
) -> bool:  # fmt: skip
    """Compute price and Greeks of one option into `out`; return False where an input is impossible.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield : float
        In natural units. A missing one (NaN) makes all results missing.
    sign : float
        1 for a call, -1 for a put.
    out : ndarray of ROWS elements
        Results in the order of the constants above.
    """
    state = _state(spot, strike, years, volatility, rate, dividend_yield)
    if state != _PRESENT:
        out[:] = math.nan
        return state == _MISSING
    root = math.sqrt(years)
    v = volatility * root
    logarithm = log_ratio(spot, strike)
    carry = (rate - dividend_yield) * years
    x = logarithm + carry
    spot_discount, strike_discount = math.exp(-dividend_yield * years), math.exp(-rate * years)
    spot_value, strike_value = spot * spot_discount, strike * strike_discount
    if v == 0.0:
        _limits(spot, years, volatility, rate, dividend_yield, sign, x, spot_value, strike_value, out)
    else:
        _smooth(
            spot, strike, years, volatility, rate, dividend_yield, sign, logarithm, spot_value,
            strike_value, out,
        )  # fmt: skip
    return True
