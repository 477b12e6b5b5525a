"""The exercise boundary of an American put with one boundary, by collocation and Newton's method.

Strike 1 throughout. The unknowns are h = log(limit of the boundary at expiry / boundary) at the nodes.
"""

import math

import numpy as np

from workbench.arrays import FloatArray
from workbench.pricing.american_vectors import LANES, add_row, blend_rows, fill_row, sum_rows, weighted_rows
from workbench.pricing.kernels import compiled, exp, fma, log, mills_fraction, use_widest_vectors

DENSITY = 0.3989422804014327  # 1 / sqrt(2 pi)
SMALLEST = 1e-14  # of h^2: below it the polynomial has left the side where the boundary is
_LEAP = 1.25  # one step changes h by this factor at most: farther off lie other solutions
_LITTLE_INTEREST = 1e-5
_DEEPEST = 40.0  # of h: no price sees farther
ROW = 1024  # most quadrature points of a scheme
_TILE = 32
MAX_NODES = 32
# Rows of the workspace, one number for each quadrature point: discount factors with their weights, deviation
# to the point and its inverse, the node's h, the polynomial there (squared), and what the integrals need.
BY_RATE, BY_YIELD, DEVIATION, INVERSE, HERE, SQUARE = (ROW * row for row in range(6))
_N, _D, _SLOPE_N, _SLOPE_D, _PULL_N, _PULL_D = (ROW * row for row in range(6, 12))
# Rows of the workspace, one number for each node: what expiry contributes, h squared, the error.
END_N, END_D, _END_SLOPE_N, _END_SLOPE_D, _SQUARED, _ERROR, _DIAGONAL = (
    12 * ROW + MAX_NODES * row for row in range(7)
)
SYSTEM = _DIAGONAL + MAX_NODES  # the matrix, each row followed by a vector of right sides
WORKSPACE = SYSTEM + MAX_NODES * (MAX_NODES + LANES)


@compiled(forceinline=True)
def limit_at_expiry(rate: float, dividend_yield: float) -> float:
    """Return the boundary just before expiry as a share of the strike."""
    return rate / dividend_yield if dividend_yield > rate else 1.0


@compiled(forceinline=True)
def perpetual_boundary(volatility: float, rate: float, dividend_yield: float) -> float:
    """Return the boundary of a put that never expires, as a share of the strike."""
    variance = volatility * volatility
    b = 0.5 - (rate - dividend_yield) / variance
    root = math.sqrt(b * b + 2.0 * rate / variance)
    # The negative solution; written so that nothing cancels.
    beta = b - root if b < 0.0 else -2.0 * rate / (variance * (b + root) + 1e-300)
    return beta / (beta - 1.0)


@compiled
def guess_boundary(
    years: float, volatility: float, rate: float, dividend_yield: float, nodes: FloatArray, h: FloatArray
) -> None:
    """Fill `h` with a first guess between the limit at expiry and the perpetual boundary."""
    use_widest_vectors()
    variance = volatility * volatility
    floor = min(
        max(
            perpetual_boundary(volatility, rate, dividend_yield) / limit_at_expiry(rate, dividend_yield),
            1e-9,
        ),
        0.9999,
    )
    # Close to expiry the boundary leaves the strike like the root of t log(1/t) (rate above yield) and its
    # other limit like the root of t. The numbers make the forms fit some thousand solved boundaries
    # within 6 per cent of h (root of mean square). A bad guess of a deep boundary would end at another
    # solution of the equation, one that means nothing.
    steep = dividend_yield <= rate * 1.0001
    gap = max(rate - dividend_yield, 0.045 * rate)
    scale = 0.1137 * variance / (gap * gap * years + 1e-300)
    total = volatility * math.sqrt(years)
    reach = total / (1.0 - floor)
    carry = 0.1 * max(rate, 0.0) * years / (1.0 - floor)
    away = 1.01 * math.log(limit_at_expiry(rate, dividend_yield)) / total
    # With a yield below zero the boundary runs away from the strike, and with it the share's drift counts.
    runs = dividend_yield < 0.0
    run = (0.45 - 1.8 * math.sqrt(gap / variance)) * total * reach
    for base in range(0, nodes.size, LANES):
        x, out = nodes[base : base + LANES], h[base : base + LANES]
        for m in range(LANES):
            over = 1.0 / x[m]
            root_log = math.sqrt(log(34.4 + min(scale * over * over, 1e30)))
            factor = root_log if steep else 0.655 + 2.59 * exp(away * over)
            fall = 1.0 + 0.25 * (factor * reach + carry * x[m]) * x[m]
            fall = 1.0 / (fall * fall)
            first = factor * reach * x[m]
            running = exp(-min(max(0.97 * first + run * x[m] * x[m], 0.6 * first), 600.0))
            fall = running if runs else fall * fall
            out[m] = -log(floor + (1.0 - floor) * fall)


@compiled
def prepare(
    n: int,
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    nodes: FloatArray,
    sines: FloatArray,
    weights: FloatArray,
    work: FloatArray,
) -> None:
    """Fill what depends on the quadrature points but not on the boundary."""
    use_widest_vectors()
    points = sines.size
    total = volatility * math.sqrt(years)
    for i in range(n):
        t = years * nodes[i] * nodes[i]
        for k in range(points):
            p = i * points + k
            work[SQUARE + p] = t * sines[k] * sines[k]
            work[BY_RATE + p] = work[BY_YIELD + p] = weights[k] * t
            work[DEVIATION + p] = total * nodes[i] * sines[k]
    for base in range(0, n * points, _TILE):
        tile = work[base : base + 12 * ROW]
        for m in range(_TILE):
            v = tile[SQUARE + m]
            tile[BY_RATE + m] *= exp(-rate * v)
            tile[BY_YIELD + m] *= exp(-dividend_yield * v)
            tile[INVERSE + m] = 1.0 / tile[DEVIATION + m]


@compiled
def interpolate(by_node: FloatArray, h: FloatArray, work: FloatArray) -> None:
    """Fill the square of the boundary's logarithm at every quadrature point, and that of its node."""
    n, points = by_node.shape[0], by_node.shape[2]
    for i in range(n):
        at = i * points
        for block in range(0, points, LANES):
            fill_row(work, HERE + at + block, h[i])
            weighted_rows(work, SQUARE + at + block, work, _SQUARED, n, by_node, n * at + block, points)


@compiled
def integrands(count: int, lean: float, rate: float, dividend_yield: float, work: FloatArray) -> None:
    """Fill the terms of both integrals, and their derivatives, at every quadrature point."""
    use_widest_vectors()
    for base in range(0, count, _TILE):
        tile = work[base : base + 12 * ROW]
        for m in range(_TILE):
            square = tile[SQUARE + m]
            there = math.sqrt(max(square, SMALLEST))
            s = tile[DEVIATION + m]
            over = tile[INVERSE + m]
            dm = fma(there - tile[HERE + m], over, lean * s)
            dp = dm + s
            pm = exp(-0.5 * dm * dm) * over * (DENSITY * rate * tile[BY_RATE + m])
            ep = exp(-0.5 * dp * dp) * DENSITY
            p, q = mills_fraction(min(abs(dp), 40.0))
            tail = ep * (p / q)
            cdf = tail if dp < 0.0 else 1.0 - tail
            eq = dividend_yield * tile[BY_YIELD + m]
            pp = eq * ep * over
            dn = -pm * dm * over
            dd = pp * (1.0 - dp * over)
            pull = 1.0 / there if square > SMALLEST else 0.0
            tile[_N + m] = pm
            tile[_D + m] = eq * cdf + pp
            tile[_SLOPE_N + m] = dn
            tile[_SLOPE_D + m] = dd
            tile[_PULL_N + m] = dn * pull
            tile[_PULL_D + m] = dd * pull


@compiled
def expiry_terms(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    nodes: FloatArray,
    h: FloatArray,
    work: FloatArray,
) -> None:
    """Fill what expiry itself contributes to both sides at each node, and the derivatives."""
    use_widest_vectors()
    log_limit = math.log(limit_at_expiry(rate, dividend_yield))
    lean = (rate - dividend_yield) / (volatility * volatility) - 0.5
    total = volatility * math.sqrt(years)
    for base in range(0, nodes.size, LANES):
        x, here = nodes[base : base + LANES], h[base : base + LANES]
        out = work[base : base + SYSTEM]
        for m in range(LANES):
            s = total * x[m]
            t = years * x[m] * x[m]
            over = 1.0 / s
            dm = (log_limit - here[m]) * over + lean * s
            dp = dm + s
            pm = exp(-0.5 * dm * dm - rate * t) * (DENSITY * over)
            ep = exp(-0.5 * dp * dp) * DENSITY
            p, q = mills_fraction(min(abs(dp), 40.0))
            tail = ep * (p / q)
            cdf = tail if dp < 0.0 else 1.0 - tail
            eq = exp(-dividend_yield * t)
            out[END_N + m] = pm
            out[END_D + m] = eq * (cdf + ep * over)
            out[_END_SLOPE_N + m] = -pm * dm * over
            out[_END_SLOPE_D + m] = eq * ep * over * (1.0 - dp * over)
            out[_SQUARED + m] = here[m] * here[m]


@compiled
def assemble(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    tables: tuple[FloatArray, ...],
    h: FloatArray,
    work: FloatArray,
) -> None:
    """Fill the system of Newton's method at `h`: derivatives by half of h squared, and the first right side.

    The equation is that of smooth pasting (ALO's system A) in logarithms, log B = log(N / D): zero is
    log(N / D) - log(limit) + h. With next to no interest both sums are differences that all but vanish; there
    it is N - B D itself, in units of its larger part. `work` is a workspace as `prepare` left it.
    """
    use_widest_vectors()
    nodes, by_node, by_point = tables[0], tables[3], tables[4]
    n, points, width = by_node.shape[0], by_node.shape[2], by_point.shape[2]
    row, blocks = width + LANES, points // LANES
    log_limit = math.log(limit_at_expiry(rate, dividend_yield))
    lean = (rate - dividend_yield) / (volatility * volatility) - 0.5
    plain = rate < _LITTLE_INTEREST
    expiry_terms(years, volatility, rate, dividend_yield, nodes, h, work)
    interpolate(by_node, h, work)
    integrands(n * points, lean, rate, dividend_yield, work)
    for i in range(n):
        at = i * points
        work[END_N + i] += sum_rows(work, _N + at, blocks)
        work[END_D + i] += sum_rows(work, _D + at, blocks)
        work[_END_SLOPE_N + i] += sum_rows(work, _SLOPE_N + at, blocks)
        work[_END_SLOPE_D + i] += sum_rows(work, _SLOPE_D + at, blocks)
    for base in range(0, width, LANES):
        out, here = work[base : base + SYSTEM], h[base : base + LANES]
        for m in range(LANES):
            # A sum out of reach of logarithms: pull the node, and let the next step see.
            numerator, denominator = max(out[END_N + m], 1e-280), max(out[END_D + m], 1e-280)
            by_n, by_d, own = 1.0 / numerator, 1.0 / denominator, 1.0
            error = log_limit - here[m] - log(max(numerator * by_d, 1e-280))
            if plain:
                boundary = exp(log_limit - here[m])
                left, right = out[END_N + m], out[END_D + m] * boundary
                by_n = 1.0 / max(left, abs(right), 1e-30)
                by_d = by_n * boundary
                own, error = right * by_n, (right - left) * by_n
            out[_ERROR + m] = error
            slope = own - out[_END_SLOPE_N + m] * by_n + out[_END_SLOPE_D + m] * by_d
            out[_DIAGONAL + m] = slope / here[m]
            out[END_N + m] = by_n
            out[END_D + m] = by_d
    for i in range(n):
        at, start = i * points, SYSTEM + i * row
        by_n, by_d = work[END_N + i], work[END_D + i]
        for block in range(at, at + points, LANES):
            blend_rows(work, _N + block, by_n, _PULL_N + block, -by_d, _PULL_D + block)
        for block in range(0, width, LANES):
            weighted_rows(work, start + block, work, _N + at, points, by_point, at * width + block, width)
        fill_row(work, start + width, 0.0)
        work[start + width] = work[_ERROR + i]
        work[start + i] += work[_DIAGONAL + i]


@compiled
def newton_step(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    tables: tuple[FloatArray, ...],
    h: FloatArray,
    work: FloatArray,
) -> float:
    """Move `h` one step of Newton's method; return the boundary's largest change.

    It is relative to the limit at expiry, and in deviations of the share over the life where they are small:
    what a wrong boundary costs goes by those.
    """
    use_widest_vectors()
    n, width = tables[3].shape[0], tables[4].shape[2]
    row = width + LANES
    assemble(years, volatility, rate, dividend_yield, tables, h, work)
    solve_system(n, width, work)
    for i in range(n):
        work[_ERROR + i] = work[SYSTEM + i * row + width]
    for base in range(0, width, LANES):
        out, here = work[base : base + SYSTEM], h[base : base + LANES]
        for m in range(LANES):
            old = here[m]
            new = min(max(old + out[_ERROR + m] / old, old / _LEAP), old * _LEAP, _DEEPEST)
            usable = new > 0.0  # false for NaN too
            out[_ERROR + m] = abs(new - old) * exp(-0.5 * min(new, old)) if usable else 1.0
            here[m] = new if usable else old
    change = 0.0
    for i in range(n):
        change = max(change, work[_ERROR + i])
    return change / min(volatility * math.sqrt(years), 0.5)


@compiled
def solve_system(n: int, width: int, work: FloatArray) -> None:
    """Solve the system in the workspace in place, all eight right sides.

    Without pivots: the boundary at a time depends on its own past little, so the diagonal dominates.
    """
    use_widest_vectors()
    row = width + LANES
    for column in range(n):
        top = SYSTEM + column * row
        inverse = 1.0 / work[top + column]
        first = column // LANES * LANES
        for r in range(column + 1, n):
            start = SYSTEM + r * row
            factor = -work[start + column] * inverse
            for block in range(first, row, LANES):
                add_row(work, start + block, factor, work, top + block)
    for back in range(n):
        r = n - 1 - back
        here = SYSTEM + r * row
        inverse = 1.0 / work[here + r]
        blend_rows(work, here + width, inverse, here + width, 0.0, here + width)
        for j in range(r):
            start = SYSTEM + j * row
            add_row(work, start + width, -work[start + r], work, here + width)


@compiled
def solve_boundary(
    years: float,
    volatility: float,
    rate: float,
    dividend_yield: float,
    tables: tuple[FloatArray, ...],
    h: FloatArray,
    work: FloatArray,
    steps: int,
    tolerance: float,
) -> float:
    """Improve `h` until a step changes the boundary by less than `tolerance`; return the last change."""
    n = tables[3].shape[0]
    prepare(n, years, volatility, rate, dividend_yield, tables[0], tables[1], tables[2], work)
    change = math.inf
    for _ in range(steps):
        change = newton_step(years, volatility, rate, dividend_yield, tables, h, work)
        if change < tolerance:
            break
    return change


def workspace() -> FloatArray:
    """Return a workspace for the kernels of this file."""
    return np.zeros(WORKSPACE)
