"""Least squares of SVI smiles: all expiries at once, violations of arbitrage bounds as residuals.

Each smile is five free numbers (logits of both wing slopes, log of the smallest variance, place and log width
of the turn), so that Lee's bound and positive variance hold by construction. Butterflies and calendars are
residuals that are zero where the smile is free of arbitrage.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from workbench.arrays import BoolArray, FloatArray
from workbench.volatility.svi import SviSlice

# No wing is steeper than this share of Lee's bound, so that no mass sits at zero or infinity.
STEEPEST = 2 * 0.999
# Butterflies and calendars are pushed this far inside, so that rounding and gaps of the grid do no harm.
LEAST_DURRLEMAN = 1e-2
LEAST_GAIN = 5e-4
# A free number that strays this far from the prior costs as much as a quote missed by half its spread.
PRIOR_WIDTH = np.array([6.0, 6.0, 6.0, 6.0, 4.0])


@dataclass(frozen=True, slots=True)
class Smiles:
    """Quotes of several expiries in rows, padded to one length, and what holds their fit in place.

    Attributes
    ----------
    log_moneyness, volatility, width : ndarray, (expiries, quotes)
        Width is what a quote may be missed by at a cost of one: half its bid-ask spread, with a floor.
    used : ndarray of bool, (expiries, quotes)
        False for padding and for quotes left out.
    years, scale : ndarray, (expiries,)
        Scale is the deviation at the money, the natural unit of log-moneyness.
    prior : ndarray, (expiries, 5)
        Free numbers that wings without quotes fall back to.
    spread : ndarray, (expiries,)
        How many widths a usual quote is missed by, at least one; the robust loss is measured in it.
    butterfly_grid : ndarray, (expiries, points)
        Log-moneyness where g(k) is watched.
    calendar_grid : ndarray, (expiries - 1, points)
        Log-moneyness where neighbours are compared; empty when expiries are fitted apart.
    butterfly_weight, calendar_weight : float
        Cost of a violation of 1 in g, and of 1 in the logarithm of total variance.
    patience : float
        Distance, in units of `spread`, where the robust loss turns.
    """

    log_moneyness: FloatArray
    volatility: FloatArray
    width: FloatArray
    used: BoolArray
    years: FloatArray
    scale: FloatArray
    prior: FloatArray
    spread: FloatArray
    butterfly_grid: FloatArray
    calendar_grid: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    butterfly_weight: float = 100.0
    calendar_weight: float = 1e3
    patience: float = 2.5

    def rows(self, chosen: NDArray[np.intp]) -> "Smiles":
        """Return some of the expiries, apart from their neighbours."""
        names = ("log_moneyness", "volatility", "width", "used", "years", "scale", "prior", "spread")
        parts = {name: getattr(self, name)[chosen] for name in (*names, "butterfly_grid")}
        return replace(self, **parts, calendar_grid=np.empty((0, 0)))


@dataclass(frozen=True, slots=True)
class _Curve:
    """w, w', w'' and their derivatives by the five free numbers, at (expiries, points)."""

    value: FloatArray
    slope: FloatArray
    curvature: FloatArray
    by_value: FloatArray
    by_slope: FloatArray
    by_curvature: FloatArray


def _logistic(x: FloatArray) -> FloatArray:
    share: FloatArray = 0.5 * (1 + np.tanh(x / 2))
    return share


def slices_of(free: FloatArray, scale: FloatArray) -> list[SviSlice]:
    """Return the slices that free numbers stand for.

    Parameters
    ----------
    free : ndarray, (expiries, 5)
        Logits of left and right slope over `STEEPEST`, log of the smallest total variance, place over scale,
        log of width over scale.
    scale : ndarray, (expiries,)
        Unit of log-moneyness.

    Returns
    -------
    list of SviSlice
    """
    found = []
    for row, unit in zip(free, scale, strict=True):
        left, right = STEEPEST * _logistic(row[:2])
        sigma = unit * np.exp(row[4])
        a = np.exp(row[2]) - sigma * np.sqrt(left * right)
        rho = (right - left) / (right + left)
        found.append(
            SviSlice(float(a), float((left + right) / 2), float(rho), float(unit * row[3]), float(sigma))
        )
    return found


def free_of(smile: SviSlice, scale: float) -> FloatArray:
    """Return the free numbers of a slice, moved inside their range where it stands on the edge.

    Parameters
    ----------
    smile : SviSlice
        The slice.
    scale : float
        Unit of log-moneyness.

    Returns
    -------
    ndarray, (5,)
    """
    share = np.clip(np.array(smile.wing_slopes) / STEEPEST, 1e-6, 1 - 1e-6)
    least = max(smile.minimum[1], 1e-6 * scale**2)
    logits = np.log(share) - np.log1p(-share)
    return np.array([*logits, np.log(least), smile.m / scale, np.log(smile.sigma / scale)])


def _curve(free: FloatArray, scale: FloatArray, k: FloatArray, bends: bool) -> _Curve:
    """Evaluate the smiles; `bends` asks for the derivatives of slope and curvature, too."""
    share = _logistic(free[:, :2])
    slopes = STEEPEST * share
    left, right = slopes[:, :1], slopes[:, 1:]
    by_logit = slopes * (1 - share)
    least = np.exp(free[:, 2:3])
    unit = scale[:, None]
    sigma = unit * np.exp(free[:, 4:])
    y = k - unit * free[:, 3:4]
    radius = np.sqrt(y * y + sigma * sigma)
    mean, tilt, root = (left + right) / 2, (right - left) / 2, np.sqrt(left * right)
    sine = y / radius
    value = least + sigma * (-root) + tilt * y + mean * radius
    slope = tilt + mean * sine
    curvature = mean * sigma**2 / radius**3
    by_value = np.empty((*k.shape, 5))
    by_value[..., 0] = ((radius - y) / 2 - sigma / 2 * np.sqrt(right / left)) * by_logit[:, :1]
    by_value[..., 1] = ((radius + y) / 2 - sigma / 2 * np.sqrt(left / right)) * by_logit[:, 1:]
    by_value[..., 2] = least
    by_value[..., 3] = -slope * unit
    by_value[..., 4] = (mean * sigma / radius - root) * sigma
    if not bends:
        return _Curve(value, slope, curvature, by_value, by_value, by_value)
    by_slope, by_curvature = np.empty_like(by_value), np.empty_like(by_value)
    bend = sigma**2 / radius**3
    by_slope[..., 0] = (sine - 1) / 2 * by_logit[:, :1]
    by_slope[..., 1] = (sine + 1) / 2 * by_logit[:, 1:]
    by_slope[..., 2] = 0.0
    by_slope[..., 3] = -curvature * unit
    by_slope[..., 4] = -mean * y * bend
    by_curvature[..., 0] = bend / 2 * by_logit[:, :1]
    by_curvature[..., 1] = bend / 2 * by_logit[:, 1:]
    by_curvature[..., 2] = 0.0
    by_curvature[..., 3] = 3 * curvature * sine / radius * unit
    by_curvature[..., 4] = curvature * (2 - 3 * (sigma / radius) ** 2)
    return _Curve(value, slope, curvature, by_value, by_slope, by_curvature)


def misses(free: FloatArray, smiles: Smiles) -> FloatArray:
    """Return how far the fit passes each quote, in its widths; zero where a quote is not used."""
    curve = _curve(free, smiles.scale, smiles.log_moneyness, bends=False)
    fitted = np.sqrt(np.maximum(curve.value, 0) / smiles.years[:, None])
    found: FloatArray = np.where(smiles.used, (fitted - smiles.volatility) / smiles.width, 0.0)
    return found


@dataclass(slots=True)
class _System:
    """Cost of each expiry, its gradient and normal matrix; coupled blocks when calendars are watched."""

    cost: FloatArray
    gradient: FloatArray
    normal: FloatArray
    beside: FloatArray


def _system(free: FloatArray, smiles: Smiles) -> _System:
    curve = _curve(free, smiles.scale, smiles.log_moneyness, bends=False)
    fitted = np.sqrt(curve.value / smiles.years[:, None])
    miss = np.where(smiles.used, (fitted - smiles.volatility) / smiles.width, 0.0)
    # Cauchy's loss: a quote far off pulls less the farther it stands.
    turn = (smiles.patience * smiles.spread)[:, None]
    relative = (miss / turn) ** 2
    cost = np.sum(turn**2 * np.log1p(relative), axis=1)
    steepness = np.where(smiles.used, 0.5 / (smiles.years[:, None] * fitted * smiles.width), 0.0)
    jacobian = curve.by_value * steepness[..., None]
    weighted = jacobian / (1 + relative)[..., None]
    gradient = np.einsum("snp,sn->sp", weighted, miss)
    normal = np.matmul(weighted.transpose(0, 2, 1), jacobian)

    astray = (free - smiles.prior) / PRIOR_WIDTH
    cost += np.sum(astray**2, axis=1)
    gradient += astray / PRIOR_WIDTH
    normal += np.diag(1 / PRIOR_WIDTH**2)

    k = smiles.butterfly_grid
    bent = _curve(free, smiles.scale, k, bends=True)
    w, s = bent.value, bent.slope
    lean = 1 - k * s / (2 * w)
    g = lean**2 - s**2 / 4 * (1 / w + 0.25) + bent.curvature / 2
    lack = np.maximum(LEAST_DURRLEMAN - g, 0.0)
    if lack.any():
        by_w = lean * k * s / w**2 + s**2 / (4 * w**2)
        by_s = -lean * k / w - s / 2 * (1 / w + 0.25)
        by_g = by_w[..., None] * bent.by_value + by_s[..., None] * bent.by_slope + 0.5 * bent.by_curvature
        by_g *= np.where(lack > 0, -1.0, 0.0)[..., None]
        cost += smiles.butterfly_weight * np.sum(lack**2, axis=1)
        gradient += smiles.butterfly_weight * np.einsum("snp,sn->sp", by_g, lack)
        normal += smiles.butterfly_weight * np.matmul(by_g.transpose(0, 2, 1), by_g)
    beside = np.zeros((max(len(free) - 1, 0), 5, 5))
    if smiles.calendar_grid.size:
        _add_calendars(free, smiles, cost, gradient, normal, beside)
    return _System(cost, gradient, normal, beside)


def _add_calendars(
    free: FloatArray,
    smiles: Smiles,
    cost: FloatArray,
    gradient: FloatArray,
    normal: FloatArray,
    beside: FloatArray,
) -> None:
    """Charge both neighbours where total variance falls from one expiry to the next, and in the wings."""
    near = _curve(free[:-1], smiles.scale[:-1], smiles.calendar_grid, bends=False)
    far = _curve(free[1:], smiles.scale[1:], smiles.calendar_grid, bends=False)
    share = _logistic(free[:, :2])
    # Slopes enter by their logarithm, whose derivative by the logit is 1 - share.
    steep = np.log(share)
    lack = np.maximum(np.log(near.value / far.value) + LEAST_GAIN, 0.0)
    flat = np.maximum(steep[:-1] - steep[1:] + LEAST_GAIN, 0.0)
    by_near = np.where(lack > 0, 1 / near.value, 0.0)[..., None] * near.by_value
    by_far = np.where(lack > 0, -1 / far.value, 0.0)[..., None] * far.by_value
    wing = np.zeros((*flat.shape, 5))
    wing_far = np.zeros_like(wing)
    for side in range(2):
        wing[:, side, side] = np.where(flat[:, side] > 0, 1 - share[:-1, side], 0.0)
        wing_far[:, side, side] = np.where(flat[:, side] > 0, share[1:, side] - 1, 0.0)
    by_near = np.concatenate([by_near, wing], axis=1)
    by_far = np.concatenate([by_far, wing_far], axis=1)
    lack = np.concatenate([lack, flat], axis=1)
    weight = smiles.calendar_weight
    cost[1:] += weight * np.sum(lack**2, axis=1)
    gradient[:-1] += weight * np.einsum("snp,sn->sp", by_near, lack)
    gradient[1:] += weight * np.einsum("snp,sn->sp", by_far, lack)
    normal[:-1] += weight * np.matmul(by_near.transpose(0, 2, 1), by_near)
    normal[1:] += weight * np.matmul(by_far.transpose(0, 2, 1), by_far)
    beside += weight * np.matmul(by_near.transpose(0, 2, 1), by_far)


# The free numbers stay where their exponentials mean something.
_LOWEST = np.array([-12.0, -12.0, -np.inf, -30.0, -5.0])
_HIGHEST = np.array([9.0, 9.0, np.inf, 30.0, 5.0])


def _bounded(free: FloatArray, scale: FloatArray) -> FloatArray:
    low = np.broadcast_to(_LOWEST, free.shape).copy()
    high = np.broadcast_to(_HIGHEST, free.shape).copy()
    low[:, 2] = 2 * np.log(scale) - 14
    high[:, 2] = 2 * np.log(scale) + 3
    return np.clip(free, low, high)


def fit_apart(free: FloatArray, smiles: Smiles, steps: int = 40) -> tuple[FloatArray, FloatArray]:
    """Fit every expiry by itself, all in one go, by Levenberg and Marquardt's method.

    Parameters
    ----------
    free : ndarray, (expiries, 5)
        Where to begin.
    smiles : Smiles
        The quotes; its calendars are not looked at.
    steps : int
        At most so many.

    Returns
    -------
    free, cost : ndarray
    """
    smiles = replace(smiles, calendar_grid=np.empty((0, 0)))
    free = _bounded(free, smiles.scale)
    damping = np.full(len(free), 1e-3)
    now = _system(free, smiles)
    still = np.zeros(len(free), np.int64)
    for _ in range(steps):
        diagonal = np.einsum("spp->sp", now.normal)
        damped = now.normal + (damping[:, None] * diagonal)[:, :, None] * np.eye(5)
        move = np.linalg.solve(damped, -now.gradient[..., None])[..., 0]
        tried = _bounded(free + np.clip(move, -2, 2), smiles.scale)
        then = _system(tried, smiles)
        better = then.cost < now.cost
        gained = np.where(better, now.cost - then.cost, 0.0)
        free = np.where(better[:, None], tried, free)
        damping = np.clip(np.where(better, damping / 5, damping * 8), 1e-9, 1e9)
        still = np.where(gained > 1e-6 * (1 + now.cost), 0, still + 1)
        if better.all():
            now = then
        else:
            now = _System(
                np.where(better, then.cost, now.cost),
                np.where(better[:, None], then.gradient, now.gradient),
                np.where(better[:, None, None], then.normal, now.normal),
                now.beside,
            )
        if (still >= 3).all():
            break
    return free, now.cost


def fit_together(free: FloatArray, smiles: Smiles, steps: int = 60) -> FloatArray:
    """Fit all expiries with their calendars, in one system of normal equations.

    Parameters
    ----------
    free : ndarray, (expiries, 5)
        Where to begin, such as what `fit_apart` found.
    smiles : Smiles
        The quotes, by time to expiry, with a calendar grid.
    steps : int
        At most so many.

    Returns
    -------
    ndarray, (expiries, 5)
    """
    count = len(free)
    free = _bounded(free, smiles.scale)
    damping, still = 1e-3, 0
    now = _system(free, smiles)
    for _ in range(steps):
        matrix = np.zeros((count, 5, count, 5))
        at = np.arange(count)
        matrix[at, :, at, :] = now.normal
        matrix[at[:-1], :, at[1:], :] = now.beside
        matrix[at[1:], :, at[:-1], :] = now.beside.transpose(0, 2, 1)
        square = matrix.reshape(5 * count, 5 * count)
        square[np.diag_indices(5 * count)] *= 1 + damping
        move = np.linalg.solve(square, -now.gradient.reshape(-1)).reshape(count, 5)
        tried = _bounded(free + np.clip(move, -2, 2), smiles.scale)
        then = _system(tried, smiles)
        before, after = now.cost.sum(), then.cost.sum()
        if after < before:
            still = 0 if before - after > 1e-5 * before else still + 1
            free, now, damping = tried, then, max(damping / 5, 1e-9)
        else:
            damping *= 6
        if still >= 3 or damping > 1e8:
            break
    return free
