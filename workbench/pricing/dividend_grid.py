"""Options with cash dividends on a grid of log spot, sixteen options at a time.

From one dividend to the next the share follows a geometric Brownian motion, so in its logarithm the
equation has constant coefficients. Each such stretch of time has a grid of its own, as wide as the share
can have moved by the stretch's end: stretches near today, or near expiry, have fine grids however short
they are. `workbench.pricing.dividends` holds the models in words and is what callers use.

Along a grid, node 0 is where exercise pays most: low spots for a put, high spots for a call. So early
exercise, where there is any, covers the nodes up to some boundary, and substitution from node 0 solves
each step's inequalities exactly (Brennan and Schwartz 1977, J. Finance 32(2)).
"""

import math

import numpy as np
from numpy.typing import NDArray

from workbench.arrays import BoolArray, FloatArray
from workbench.pricing.kernels import compiled, exp, log, use_widest_vectors
from workbench.pricing.lanes import LANES, sweep_inward, sweep_outward

IntArray = NDArray[np.int64]

# Columns of the rows to be priced. A sign is 1 for a call; `american` is 1 or 0. The last two say how far
# the grid reaches: those of the row itself, or, where a Greek compares two rows, those of their middle.
SPOT, STRIKE, YEARS, VOLATILITY, RATE, YIELD, SIGN, AMERICAN, REACH, DRIFT = range(10)
COLUMNS = 10

REACH_DEVIATIONS = 5.0  # the share goes farther once in a million times, and the edge is nearly right even so
_LEAST_REACH = 3e-4  # of log spot: a stretch of seconds, or of no time at all
_LOW_SPOT = 0.05  # of the strike: below it, or farther down for long lives, the value is a straight line
_DOOMED, _LEAST_SPOT = 0.05, 1e-5  # of the next dividend, of the strike: the same for a share about to die
_FINER, _MOST_SUBPOINTS = 1.5, 64  # how much finer old nodes are before means are taken, and of how many
_TINY = 1e-300


@compiled
def held_back(
    row: FloatArray, times: FloatArray, amounts: FloatArray, count: int, moment: float, after: int
) -> float:
    """Value at `moment` of the dividends from number `after` on, growing with rate less yield."""
    carry = row[RATE] - row[YIELD]
    total = 0.0
    for number in range(after, count):
        total += amounts[number] * math.exp(-carry * (times[number] - moment))
    return total


@compiled
def grid_of(
    row: FloatArray,
    times: FloatArray,
    amounts: FloatArray,
    count: int,
    stretch: int,
    escrowed: bool,
    nodes: int,
) -> tuple[float, float]:
    """Return log spot at node 0 when the stretch begins, and the step per node in log spot.

    Nodes drift with the share's mean logarithm, so the grid is as wide as the diffusion alone asks.
    """
    begin = times[stretch - 1] if stretch > 0 else 0.0
    end = times[stretch] if stretch < count else row[YEARS]
    spot = row[SPOT]
    if escrowed:
        spot -= held_back(row, times, amounts, count, 0.0, 0)
    reach = max(REACH_DEVIATIONS * row[REACH] * math.sqrt(end), _LEAST_REACH)
    direction = -row[SIGN]
    if stretch == 0:
        # Today's spot is a node.
        step = 2 * reach / nodes
        return math.log(spot) - direction * step * (nodes // 2), step
    mean = spot * math.exp(row[DRIFT] * begin)
    low, high = mean * math.exp(-reach), mean * math.exp(reach)
    if not escrowed:
        for number in range(stretch):
            low -= amounts[number]
            high -= amounts[number]
    left = row[YEARS] - begin
    rest = REACH_DEVIATIONS * row[REACH] * math.sqrt(left)
    strike = row[STRIKE] * math.exp(-row[DRIFT] * left)
    floor = strike * min(_LOW_SPOT, math.exp(-rest))
    if stretch < count and not escrowed:
        # A share worth less than its next dividend will be worth nothing, whatever it is worth now: the line
        # bends there, and would lead far off if it were drawn on from above.
        floor = min(floor, max(_DOOMED * amounts[stretch], _LEAST_SPOT * row[STRIKE]))
    if low < floor:
        low, high = floor, max(high, 4 * floor)
    rest = max(rest, _LEAST_REACH)
    if stretch == count and 8 * rest < math.log(high / low):
        # Little time is left after the last dividend: the value bends near the strike only.
        near, far = strike * math.exp(-rest), strike * math.exp(rest)
        if near < high and far > low:
            low, high = max(low, near), min(high, far)
    step = math.log(high / low) / nodes
    return math.log(low if direction > 0 else high), step


@compiled
def value_at(
    place: float, spot: float, values: FloatArray, nodes: int, lines: FloatArray, least: float, sign: float
) -> float:
    """Value at a place counted in nodes: cubic between them, a straight line in spot outside."""
    if not 0 <= place <= nodes:
        side = 0 if place < 0 else 2
        line: float = lines[side] * spot + lines[side + 1]
        return max(line, sign * spot + least, 0.0)
    node = min(max(int(place), 1), nodes - 2)
    t = place - node
    before, here, after, beyond = values[node - 1], values[node], values[node + 1], values[node + 2]
    # Lagrange's cubic through the four nodes around.
    value: float = (
        -t * (t - 1) * (t - 2) / 6 * before
        + (t + 1) * (t - 1) * (t - 2) / 2 * here
        - (t + 1) * t * (t - 2) / 2 * after
        + (t + 1) * t * (t - 1) / 6 * beyond
    )
    return value


@compiled
def round_kinks(kept: FloatArray, paid: FloatArray, whole: BoolArray, nodes: int, values: FloatArray) -> None:
    """Set `values` to the better of two, as means over the cells of the nodes where the two cross.

    A kink that is merely sampled costs an error that depends on its place between nodes and spoils
    extrapolation; the mean of a ramp over its cell does not. `whole` marks nodes that are means already.
    """
    for node in range(nodes + 1):
        values[node] = kept[node] if whole[node] else max(kept[node], paid[node])
    for node in range(nodes):
        left, right = paid[node] - kept[node], paid[node + 1] - kept[node + 1]
        if (left > 0) == (right > 0) or whole[node] or whole[node + 1]:
            continue
        rise = right - left
        place = -left / rise
        bend = 0.0
        if 0 < node < nodes - 1:
            before, after = paid[node - 1] - kept[node - 1], paid[node + 2] - kept[node + 2]
            bend = (before - left - right + after) / 2
            if abs(bend) > abs(rise):
                bend = 0.0
        for _ in range(2):
            miss = left + place * rise - place * (1 - place) / 2 * bend
            place -= miss / (rise - (1 - 2 * place) / 2 * bend)
        place = min(max(place, 0.0), 1.0)
        slope = abs(rise - (1 - 2 * place) / 2 * bend)
        nearest = node if place < 0.5 else node + 1
        values[nearest] += slope * (0.5 - min(place, 1 - place)) ** 2 / 2


@compiled
def straight_ends(spots: FloatArray, values: FloatArray, nodes: int, lines: FloatArray) -> None:
    """Slope in spot and value at zero of the lines through the first and the last two nodes."""
    for side in range(2):
        end, inner = (0, 1) if side == 0 else (nodes, nodes - 1)
        slope = (values[inner] - values[end]) / (spots[inner] - spots[end])
        lines[2 * side] = slope
        lines[2 * side + 1] = values[end] - slope * spots[end]


@compiled
def step_terms(
    row: FloatArray, lane: int, step: float, span: float, implicit: bool, terms: FloatArray
) -> None:
    """Write the coefficients of one time step of length `span` for one lane: implicit, or Crank-Nicolson.

    They are fitted: money and the share grow over the step and between the nodes as they do in truth, so a
    straight line keeps its value on any grid, and what is far in the money its price.
    """
    rise = 0.5 * row[VOLATILITY] * row[VOLATILITY] - row[RATE]
    if implicit:
        interest, growth, new = math.expm1(row[RATE] * span), -math.expm1(-rise * span), 1.0
    else:
        interest, growth, new = 2 * math.tanh(0.5 * row[RATE] * span), 2 * math.tanh(0.5 * rise * span), 0.5
    old = 1 - new
    spread = (interest + growth) / (2 * math.sinh(0.5 * step)) ** 2
    side, middle = -new * spread, 1 + new * (2 * spread + interest)
    # On a long grid the pivots of elimination are all one number, the fixed point of their recurrence.
    pivot = 0.5 * (middle + math.sqrt(middle * middle - 4 * side * side))
    terms[0, lane] = old * spread / pivot
    terms[1, lane] = (1 - old * (2 * spread + interest)) / pivot
    terms[2, lane] = side / pivot


@compiled
def march(
    rows: FloatArray,
    spans: FloatArray,
    held: FloatArray,
    steps: int,
    step: FloatArray,
    lines: FloatArray,
    values: FloatArray,
    work: FloatArray,
    exercise: FloatArray,
    terms: FloatArray,
    nodes: int,
) -> None:
    """Take the values of all lanes back through one stretch; times from its end grow with the square."""
    use_widest_vectors()
    ends, near = np.empty(LANES), np.empty(LANES)
    for lane in range(LANES):
        ends[lane], near[lane] = values[nodes, lane], values[nodes - 1, lane]
    for number in range(steps):
        begin, finish = (number / steps) ** 2, ((number + 1) / steps) ** 2
        # The first two steps are four implicit halves, which damp what the kink at the end excites.
        pieces = 2 if number < 2 else 1
        for piece in range(pieces):
            share = (finish - begin) / pieces
            taken = begin + share * (piece + 1)
            for lane in range(LANES):
                row, span = rows[lane], spans[lane]
                step_terms(row, lane, step[lane], share * span, pieces == 2, terms)
                past, carry, sign = taken * span, row[RATE] - row[YIELD], row[SIGN]
                money = exp(-row[RATE] * past)
                # The nodes stand where they drift from to where they are when the stretch ends.
                scale = exp((0.5 * row[VOLATILITY] * row[VOLATILITY] - carry) * past)
                shift = -np.inf
                if row[AMERICAN] > 0:
                    shift = sign * (held[lane] * exp(-carry * past) - row[STRIKE])
                terms[3, lane], terms[4, lane] = scale, shift
                shares = scale * sign * exp(-row[YIELD] * past)
                start = lines[lane, 0] * shares * exercise[0, lane] + lines[lane, 1] * money
                last = lines[lane, 2] * shares * exercise[nodes, lane] + lines[lane, 3] * money
                inner = lines[lane, 2] * shares * exercise[nodes - 1, lane] + lines[lane, 3] * money
                start = max(start, scale * exercise[0, lane] + shift, 0.0)
                last = max(last, scale * exercise[nodes, lane] + shift, 0.0)
                inner = max(inner, scale * exercise[nodes - 1, lane] + shift, 0.0)
                # Past the far end the distance from the straight line dies out as constant pivots have it;
                # before the step it must do so too, or the ends of the two half steps would not match.
                decay = -terms[2, lane]
                values[nodes, lane] = ends[lane] + decay * (values[nodes - 1, lane] - near[lane])
                ends[lane], near[lane] = last, inner
                work[nodes, lane] = last - decay * inner
                work[0, lane] = start
            sweep_inward(values, work, terms, nodes)
            for lane in range(LANES):
                values[0, lane] = work[0, lane]
            sweep_outward(values, work, exercise, terms, nodes)
    for lane in range(LANES):
        values[nodes, lane] = ends[lane]


@compiled
def value_before(
    spots: FloatArray,
    drop: float,
    pays: float,
    american: bool,
    sign: float,
    step: float,
    old: FloatArray,
    old_first: float,
    old_step: float,
    nodes: int,
    lines: FloatArray,
    least: float,
    places: FloatArray,
    kept: FloatArray,
    whole: BoolArray,
) -> None:
    """Value just before a dividend of holding on, at the nodes of the stretch before it.

    `old` are the values just after, at nodes from `old_first` on. Where they are finer than the new nodes,
    what is kept is the mean over each new cell of the better of holding and exercise, and `whole` says so.
    """
    direction = -sign
    for node in range(nodes + 1):
        after = max(spots[node] - drop, _TINY)
        places[node] = (log(after) - old_first) * direction / old_step
    for node in range(nodes + 1):
        spot = spots[node]
        after = max(spot - drop, 0.0)
        whole[node] = False
        if after > 0:
            ratio = step * spot / (after * old_step)
            if ratio > _FINER and -ratio <= places[node] <= nodes + ratio:
                points = min(int(ratio) + 1, _MOST_SUBPOINTS)
                total = 0.0
                for point in range(points):
                    there = spot * math.exp(step * ((point + 0.5) / points - 0.5))
                    left = max(there - drop, 0.0)
                    place = (math.log(max(left, _TINY)) - old_first) * direction / old_step
                    held = value_at(place, left, old, nodes, lines, least, sign)
                    total += max(held, sign * there + pays) if american else held
                kept[node] = total / points
                whole[node] = True
                continue
        kept[node] = value_at(places[node], after, old, nodes, lines, least, sign)


@compiled
def aligned(rows: int, columns: int) -> FloatArray:
    """Return an empty array that starts where the widest vectors like to be read: at 64 bytes."""
    room = np.empty(rows * columns + 8)
    skip = (-(room.ctypes.data // 8)) % 8
    return room[skip : skip + rows * columns].reshape((rows, columns))


@compiled
def price_group(
    rows: FloatArray,
    times: FloatArray,
    amounts: FloatArray,
    count: int,
    escrowed: bool,
    nodes: int,
    steps: IntArray,
    out: FloatArray,
) -> None:
    """Price sixteen rows that all have the same number of dividends to come.

    Fills ``out[:, :3]`` with the value and its first and second derivative by log spot (of the share that
    moves: spot, or spot less what is held back).
    """
    values, exercise = aligned(nodes + 1, LANES), aligned(nodes + 1, LANES)
    work, terms = aligned(nodes + 1, LANES), aligned(5, LANES)
    first, step = np.empty(LANES), np.empty(LANES)
    spans, held = np.empty(LANES), np.empty(LANES)
    lines = np.zeros((LANES, 4))
    old, spots, places = np.empty(nodes + 1), np.empty(nodes + 1), np.empty(nodes + 1)
    kept, paid, rounded = np.empty(nodes + 1), np.empty(nodes + 1), np.empty(nodes + 1)
    whole = np.zeros(nodes + 1, np.bool_)
    for stretch in range(count, -1, -1):
        for lane in range(LANES):
            row = rows[lane]
            sign, american = row[SIGN], row[AMERICAN] > 0
            begin = times[stretch - 1] if stretch > 0 else 0.0
            end = times[stretch] if stretch < count else row[YEARS]
            old_first, old_step = first[lane], step[lane]
            least = -np.inf
            if stretch < count and american:
                # What exercise pays beside the share just after the dividend.
                rest = held[lane] * math.exp((row[YIELD] - row[RATE]) * spans[lane])
                least = sign * (rest - row[STRIKE])
            held[lane] = held_back(row, times, amounts, count, end, stretch) if escrowed else 0.0
            spans[lane] = end - begin
            first[lane], step[lane] = grid_of(row, times, amounts, count, stretch, escrowed, nodes)
            stride = -sign * step[lane]
            # Nodes where they have drifted to when the stretch ends.
            drift = row[RATE] - row[YIELD] - 0.5 * row[VOLATILITY] * row[VOLATILITY]
            begun = first[lane] + drift * spans[lane]
            for node in range(nodes + 1):
                spots[node] = exp(begun + stride * node)
            pays = sign * (held[lane] - row[STRIKE])
            for node in range(nodes + 1):
                old[node] = values[node, lane]
                exercise[node, lane] = sign * spots[node]
                paid[node] = sign * spots[node] + pays
                kept[node] = 0.0
            if stretch < count:
                drop = 0.0 if escrowed else amounts[stretch]
                value_before(
                    spots,
                    drop,
                    pays,
                    american,
                    sign,
                    step[lane],
                    old,
                    old_first,
                    old_step,
                    nodes,
                    lines[lane],
                    least,
                    places,
                    kept,
                    whole,
                )
                if not american:
                    paid[:] = 0.0
            round_kinks(kept, paid, whole, nodes, rounded)
            for node in range(nodes + 1):
                values[node, lane] = rounded[node]
            straight_ends(spots, rounded, nodes, lines[lane])
        march(rows, spans, held, steps[stretch], step, lines, values, work, exercise, terms, nodes)
        for lane in range(LANES):
            # The straight lines at the ends, as the stretch before will meet them.
            for node in (0, 1, nodes - 1, nodes):
                spots[node] = exp(first[lane] - rows[lane, SIGN] * step[lane] * node)
                rounded[node] = values[node, lane]
            straight_ends(spots, rounded, nodes, lines[lane])
    middle = nodes // 2
    for lane in range(LANES):
        before, here, after = values[middle - 1, lane], values[middle, lane], values[middle + 1, lane]
        out[lane, 0] = here
        out[lane, 1] = -rows[lane, SIGN] * (after - before) / (2 * step[lane])
        out[lane, 2] = (after - 2 * here + before) / (step[lane] * step[lane])


@compiled
def price_groups(
    start: int,
    stop: int,
    rows: FloatArray,
    groups: IntArray,
    counts: IntArray,
    sizes: IntArray,
    lives: FloatArray,
    times: FloatArray,
    amounts: FloatArray,
    escrowed: bool,
    out: FloatArray,
) -> None:
    """Price groups `start` to `stop`: each sixteen numbers of rows, with what they share.

    That is their count of dividends, nodes and steps of the grid, and between which years they all end: the
    steps of a stretch follow from these alone, so that a price does not depend on its company.
    """
    packed = np.empty((LANES, COLUMNS))
    found = np.empty((LANES, 3))
    taken = np.empty(times.size + 1, np.int64)
    for group in range(start, stop):
        count, nodes, steps = counts[group], sizes[group, 0], sizes[group, 1]
        shortest, longest = lives[group, 0], lives[group, 1]
        for lane in range(LANES):
            packed[lane] = rows[groups[group, lane]]
        for stretch in range(count + 1):
            begin = times[stretch - 1] if stretch > 0 else 0.0
            end = times[stretch] if stretch < count else longest
            share = min((end - begin) / shortest, 1.0)
            # Shorter stretches need fewer steps; an even number, so that the coarse grid takes half.
            taken[stretch] = max(math.ceil(steps * math.sqrt(share) / 4), 2) * 4
        for level in range(2):
            if level == 1:
                taken[: count + 1] //= 2
            price_group(packed, times, amounts, count, escrowed, nodes >> level, taken, found)
            for lane in range(LANES):
                for term in range(3):
                    out[groups[group, lane], 3 * level + term] = found[lane, term]
