"""American puts that are exercised between two boundaries; strike 1 throughout.

With a rate below zero and a yield below the rate, exercise earns the yield's loss and costs the rate's
gain, and pays only while the share is worth more than rate / yield. The upper boundary leaves the strike
and falls, the lower leaves rate / yield and rises, with the time that is left. Where the volatility is
above ``sqrt(-2 yield) - sqrt(-2 rate)`` they meet, and with more time than that nobody exercises.

The boundaries are followed from expiry in even steps of the root of time; at each the two conditions of
smooth pasting are solved for both, given all that was found before. They run straight into each other:
where they meet follows from continuing the last steps.
"""

import math

import numpy as np

from workbench.arrays import FloatArray
from workbench.pricing.kernels import compiled, exp, normal_cdf, use_widest_vectors

DENSITY = 0.3989422804014327
_NEWTON_STEPS = 20
_CLOSE = 1e-9  # of a step, in deviations
_CHORD = 1e-4
_AT_REST = 1e-3
_NUDGE = 1e-5
_FINDINGS = 12  # times that the steps are shortened to the time at which the boundaries meet
_SHORT = 0.75  # share of the steps below which they are
_POINTS = 64  # most points of an integral
# Rows of the workspace: sines, weights, time to exercise, both boundaries at the points, and the terms.
_SINE, WEIGHT, TIME, UPPER, LOWER, _TERM = (_POINTS * row for row in range(6))
DOUBLE_WORKSPACE = 6 * _POINTS


@compiled(forceinline=True)
def _slope_terms(
    log_spot: float, years: float, volatility: float, rate: float, dividend_yield: float,
    v: float, upper: float, lower: float,
) -> float:  # fmt: skip
    """Return the delta of what exercise after time `v` earns."""
    s = volatility * math.sqrt(v)
    over = 1.0 / s
    shift = log_spot + (rate - dividend_yield) * v
    du = (shift - upper) * over - 0.5 * s
    dl = (shift - lower) * over - 0.5 * s
    kernel_u = exp(-0.5 * du * du) * (dividend_yield * exp(upper) - rate)
    kernel_l = exp(-0.5 * dl * dl) * (dividend_yield * exp(lower) - rate)
    first = exp(-rate * v - log_spot) * (kernel_u - kernel_l) * (DENSITY * over)
    second = dividend_yield * exp(-dividend_yield * v) * (normal_cdf(-du - s) - normal_cdf(-dl - s))
    return first - second


@compiled
def boundaries_at(
    starts: FloatArray, stencils: FloatArray, middle: FloatArray, gap: FloatArray, work: FloatArray
) -> None:
    """Fill the logarithms of both boundaries at the quadrature points of a step."""
    for k in range(starts.size):
        a = int(starts[k])
        m = d = 0.0
        for j in range(4):
            w = stencils[k, j]
            if w != 0.0:
                m += w * middle[a + j]
                d += w * gap[a + j]
        half = 0.5 * max(d, 0.0)
        work[UPPER + k] = m + half
        work[LOWER + k] = m - half


@compiled
def slope_error(
    log_spot: float,
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    points: int,
    work: FloatArray,
) -> float:
    """Return one plus the option's delta, which is zero at a boundary."""
    use_widest_vectors()
    for base in range(0, points, 8):
        tile = work[base : base + DOUBLE_WORKSPACE]
        for m in range(8):
            sine = tile[_SINE + m]
            tile[_TERM + m] = tile[WEIGHT + m] * _slope_terms(
                log_spot, years, volatility, rate, dividend_yield,
                years * sine * sine, tile[UPPER + m], tile[LOWER + m],
            )  # fmt: skip
    error = 0.0
    for k in range(points):
        error += work[_TERM + k]
    total = volatility * math.sqrt(years)
    dp = (log_spot + (rate - dividend_yield) * years) / total + 0.5 * total
    return 1.0 - math.exp(-dividend_yield * years) * normal_cdf(-dp) + years * error


@compiled
def slope_errors(
    upper: float,
    lower: float,
    step: int,
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    starts: FloatArray,
    stencils: FloatArray,
    middle: FloatArray,
    gap: FloatArray,
    work: FloatArray,
) -> tuple[float, float]:
    """Put a pair of boundaries at a step and return the error of smooth pasting at each."""
    middle[step], gap[step] = 0.5 * (upper + lower), upper - lower
    boundaries_at(starts[step], stencils[step], middle, gap, work)
    points = starts.shape[1]
    return (
        slope_error(upper, years, volatility, rate, dividend_yield, points, work),
        slope_error(lower, years, volatility, rate, dividend_yield, points, work),
    )


@compiled
def find_pair(
    step: int,
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    starts: FloatArray,
    stencils: FloatArray,
    middle: FloatArray,
    gap: FloatArray,
    work: FloatArray,
) -> bool:
    """Solve for both boundaries at a step, from the guess that stands there; say whether there are two."""
    half = 0.5 * gap[step]
    upper, lower = middle[step] + half, middle[step] - half
    deviation = volatility * math.sqrt(years)
    nudge = min(_NUDGE * deviation, 0.01 * (upper - lower))
    largest = math.inf
    uu = ul = lu = ll = 0.0
    for _ in range(_NEWTON_STEPS):
        eu, el = slope_errors(
            upper, lower, step, years, volatility, rate, dividend_yield, starts, stencils, middle, gap, work
        )
        # Close by, the derivatives of the step before serve again.
        if not largest < _CHORD * deviation:
            uu, lu = slope_errors(
                upper + nudge, lower, step, years, volatility, rate, dividend_yield, starts, stencils,
                middle, gap, work,
            )  # fmt: skip
            ul, ll = slope_errors(
                upper, lower + nudge, step, years, volatility, rate, dividend_yield, starts, stencils,
                middle, gap, work,
            )  # fmt: skip
            uu, lu, ul, ll = (uu - eu) / nudge, (lu - el) / nudge, (ul - eu) / nudge, (ll - el) / nudge
        determinant = uu * ll - ul * lu
        change_u = -(ll * eu - ul * el) / determinant
        change_l = -(uu * el - lu * eu) / determinant
        largest = max(abs(change_u), abs(change_l))
        if not largest < 1e3:
            return False
        # No step may carry one boundary to the other, or the upper above the strike.
        room = 0.4 * (upper - lower)
        damping = min(1.0, room / largest) if largest > 0.0 else 1.0
        upper, lower = min(upper + damping * change_u, -1e-9), lower + damping * change_l
        if largest < _CLOSE * deviation:
            break
    middle[step], gap[step] = 0.5 * (upper + lower), upper - lower
    # Beyond the meeting the equations have solutions that mean nothing: there the boundaries turn back. Those
    # that never meet come to rest instead.
    meet = volatility > math.sqrt(-2.0 * dividend_yield) - math.sqrt(-2.0 * rate)
    rest = 0.0 if meet else _AT_REST * deviation
    falls = upper < middle[step - 1] + 0.5 * gap[step - 1] + rest
    rises = lower > middle[step - 1] - 0.5 * gap[step - 1] - rest
    return largest < 1e-5 * deviation and falls and rises and upper > lower


@compiled
def extrapolate(values: FloatArray, step: int) -> float:
    """Continue even steps by the cubic (or what there is) through the last ones."""
    last: float = values[step - 1]
    following: float = values[0]
    if step >= 4:
        following = 4.0 * last - 6.0 * values[step - 2] + 4.0 * values[step - 3] - values[step - 4]
    elif step == 3:
        following = 3.0 * values[2] - 3.0 * values[1] + values[0]
    elif step == 2:
        following = 2.0 * values[1] - values[0]
    return following


@compiled
def at_step(values: FloatArray, place: float, last: int) -> float:
    """Interpolate between even steps by the cubic through the four nearest of 0 to `last`."""
    order = min(3, last)
    a = max(min(int(place) - 1, last - order), 0)
    total = 0.0
    for j in range(order + 1):
        w = 1.0
        for k in range(order + 1):
            if k != j:
                w *= (place - (a + k)) / (j - k)
        total += w * values[a + j]
    return total


@compiled
def follow_boundaries(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    starts: FloatArray,
    stencils: FloatArray,
    middle: FloatArray,
    gap: FloatArray,
    work: FloatArray,
) -> tuple[int, float]:
    """Fill both boundaries at even steps of the root of time up to `years`.

    Returns
    -------
    last : int
        The last step that can be read; beyond the meeting it is extrapolated.
    meeting : float
        Time to expiry, in steps of its root, at which they meet; infinite if not before `years`.
    """
    steps = starts.shape[0] - 1
    log_limit = math.log(rate / dividend_yield)
    middle[0], gap[0] = 0.5 * log_limit, -log_limit
    for step in range(1, steps + 1):
        t = years * (step / steps) ** 2
        if step == 1:
            deviation = volatility * math.sqrt(t)
            # The boundaries' own behaviour at expiry.
            spread = volatility * volatility / (8.0 * math.pi * t * (rate - dividend_yield) ** 2)
            upper = -deviation * math.sqrt(math.log(2.0 + spread))
            lower = log_limit + 0.64 * deviation
            if upper <= lower:
                return 0, 0.5
            middle[1], gap[1] = 0.5 * (upper + lower), upper - lower
        else:
            middle[step] = extrapolate(middle, step)
            gap[step] = extrapolate(gap, step)
        if gap[step] > 0.0 and find_pair(
            step, t, volatility, rate, dividend_yield, starts, stencils, middle, gap, work
        ):
            continue
        if step < 4:
            return 0, step - 0.5
        for more in range(2):
            middle[step + more] = extrapolate(middle, step + more)
            gap[step + more] = extrapolate(gap, step + more)
        low, high = float(step - 1), float(step + 1)
        if gap[step] <= 0.0:
            high = float(step)
        elif gap[step + 1] > 0.0:
            return step, float(step)
        for _ in range(50):
            half = 0.5 * (low + high)
            if at_step(gap, half, step + 1) > 0.0:
                low = half
            else:
                high = half
        return step + 1, low
    return steps, math.inf


@compiled
def solve_two_boundaries(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    sines: FloatArray,
    weights: FloatArray,
    starts: FloatArray,
    stencils: FloatArray,
    middle: FloatArray,
    gap: FloatArray,
    work: FloatArray,
) -> tuple[float, int, float]:
    """Find both boundaries as far as there are two, with steps as short as that calls for.

    Returns
    -------
    horizon : float
        Time to expiry of the last of the even steps, years.
    last, meeting
        As from `follow_boundaries`.
    """
    steps = starts.shape[0] - 1
    for k in range(sines.size):
        work[_SINE + k], work[WEIGHT + k] = sines[k], weights[k]
    # The boundaries close in by some deviations of the share; where that is soon, begin with little more.
    apart = math.log(rate / dividend_yield) / volatility
    horizon = min(years, apart * apart)
    longest = years
    last, meeting = 0, 0.0
    for _ in range(_FINDINGS):
        last, meeting = follow_boundaries(
            horizon, volatility, rate, dividend_yield, starts, stencils, middle, gap, work
        )
        if meeting == math.inf:
            if horizon >= years:
                break
            horizon = (
                min(4.0 * horizon, 0.5 * (horizon + longest))
                if longest < years
                else min(4.0 * horizon, years)
            )
        elif last > 0 and meeting > _SHORT * steps:
            break
        else:
            longest = horizon
            horizon *= (1.05 * meeting / steps) ** 2 if last > 0 else 0.25
    return horizon, last, meeting


def two_boundary_workspace(steps: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the arrays that `solve_two_boundaries` fills for a number of steps: middle, gap, workspace."""
    return np.zeros(steps + 4), np.zeros(steps + 4), np.zeros(DOUBLE_WORKSPACE)
