"""Fit the SVI smiles of all expiries and prove them free of arbitrage, repairing until the proof passes."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from workbench.arrays import BoolArray, FloatArray, require_finite, require_one_shape, require_positive
from workbench.errors import PricingInputError
from workbench.volatility.svi import ButterflyProof, SviSlice, prove_butterflies, prove_calendar
from workbench.volatility.svi_least_squares import (
    Smiles,
    fit_apart,
    fit_together,
    free_of,
    misses,
    slices_of,
)
from workbench.volatility.svi_start import best_of_turns, fit_ssvi

# A quote is ringed when the robust fit passes it by so many usual misses.
RING = 6.0
# Five numbers want five quotes.
LEAST_QUOTES = 5
_BUTTERFLY_POINTS = 81
_CALENDAR_POINTS = 61


@dataclass(frozen=True, slots=True)
class FittedSlices:
    """Slices free of arbitrage, by time to expiry, and the quotes that they leave out.

    Attributes
    ----------
    slices : list of SviSlice
        One an expiry.
    ringed : ndarray of bool, (expiries, quotes)
        Quotes that stand too far from the others to be followed.
    repaired : str
        What it took after the fit: "" (nothing), "blended" (moved toward SSVI), "ssvi" (nothing else held).
    """

    slices: list[SviSlice]
    ringed: BoolArray
    repaired: str


@dataclass(frozen=True, slots=True)
class SviFit:
    """One fitted slice, how far it passes each quote, and its proof.

    Attributes
    ----------
    smile : SviSlice
        The slice.
    miss : ndarray, (quotes,)
        Fitted volatility minus the quote's, per square-root year; NaN where the quote is missing.
    ringed : ndarray of bool, (quotes,)
        Quotes that stand too far from the others to be followed.
    proof : ButterflyProof
        That its prices hold no butterfly arbitrage.
    repaired : str
        What it took after the fit: "" (nothing), "blended" (moved toward SSVI), "ssvi" (nothing else held).
    """

    smile: SviSlice
    miss: FloatArray
    ringed: BoolArray
    proof: ButterflyProof
    repaired: str


def fit_svi(
    log_moneyness: ArrayLike,
    total_variance: ArrayLike,
    *,
    years: float = 1.0,
    width: ArrayLike = 0.001,
) -> SviFit:
    """Fit one SVI smile without butterfly arbitrage, robust to bad quotes.

    Parameters
    ----------
    log_moneyness, total_variance : array_like, (quotes,)
        ln(strike / forward), and volatility squared times years, above zero. A pair with a missing value is
        left aside.
    years : float
        Time to expiry; misses are measured in volatility per square-root year.
    width : array_like
        What a quote may be missed by at a cost of one, in volatility: half its bid-ask spread, with a floor.

    Returns
    -------
    SviFit

    Raises
    ------
    PricingInputError
        If fewer than five different log-moneynesses are left, or a value is impossible.

    References
    ----------
    Gatheral (2004); Gatheral and Jacquier (2014), Quantitative Finance 14(1); De Marco and Martini (2009).

    Examples
    --------
    >>> true = SviSlice(0.01, 0.1, -0.4, 0.02, 0.15)
    >>> k = np.linspace(-0.4, 0.3, 15)
    >>> fit_svi(k, true.total_variance(k), years=0.5).smile.rho.__round__(2)
    -0.4
    """
    (k,) = require_finite(log_moneyness=log_moneyness)
    variance, unit = require_positive(total_variance=total_variance, width=width)
    (time,) = require_positive(years=years)
    require_one_shape(log_moneyness=k, total_variance=variance, width=unit)
    if k.ndim != 1 or time.ndim or np.isnan(time):
        raise PricingInputError(
            f"`log_moneyness` has shape {k.shape} and `years` is {years}; give one expiry's quotes in a row."
        )
    unit = np.broadcast_to(unit, k.shape)
    volatility = np.sqrt(variance / time)
    used = np.isfinite(k) & np.isfinite(variance) & np.isfinite(unit)
    different = len(np.unique(k[used]))
    if different < LEAST_QUOTES:
        raise PricingInputError(
            f"{different} usable quotes cannot tell the five numbers of SVI; give at least {LEAST_QUOTES}."
        )
    whole = np.ones((1, int(used.sum())), np.bool_)
    fitted = fit_slices(k[used][None], volatility[used][None], unit[used][None], whole, time[None])
    smile = fitted.slices[0]
    ringed = np.zeros(k.shape, np.bool_)
    ringed[used] = fitted.ringed[0]
    miss = np.sqrt(smile.total_variance(k) / time) - volatility
    return SviFit(smile, miss, ringed, prove_butterflies(smile), fitted.repaired)


def _sinh_grid(scale: FloatArray, reach: float, points: int) -> FloatArray:
    """Return symmetric grids of log-moneyness, dense within each scale, out to `reach`."""
    base = 0.5 * scale[:, None]
    grid: FloatArray = base * np.sinh(np.linspace(-1, 1, points) * np.arcsinh(reach / base))
    return grid


def fit_slices(
    log_moneyness: FloatArray,
    volatility: FloatArray,
    width: FloatArray,
    used: BoolArray,
    years: FloatArray,
) -> FittedSlices:
    """Fit one slice an expiry, robust to bad quotes, without butterfly or calendar arbitrage.

    Parameters
    ----------
    log_moneyness, volatility, width : ndarray, (expiries, quotes)
        Padded to one length; width is what a quote may be missed by, in volatility.
    used : ndarray of bool, (expiries, quotes)
        False for padding.
    years : ndarray, (expiries,)
        Time to expiry, ascending.

    Returns
    -------
    FittedSlices
    """
    k = np.where(used, log_moneyness, 0.0)
    vol = np.where(used, volatility, 1.0)
    unit = np.where(used, width, 1.0)
    at_money = np.array([at_the_money(k[i][u], vol[i][u]) for i, u in enumerate(used)])
    scale = np.clip(at_money * np.sqrt(years), 1e-4, 2.0)
    theta = np.maximum(scale**2, 1e-8)
    ssvi = fit_ssvi(k, vol, unit, used, years, theta)
    prior = np.stack([free_of(s, u) for s, u in zip(ssvi.slices(), scale, strict=True)])
    start = prior.copy()
    for i, u in enumerate(used):
        turned = best_of_turns(k[i][u], vol[i][u], unit[i][u], float(years[i]), float(scale[i]))
        if turned is not None:
            start[i] = free_of(turned, float(scale[i]))
    reach = max(2.0, 3 * float(np.abs(k).max()))
    count = len(years)
    smiles = Smiles(
        log_moneyness=k,
        volatility=vol,
        width=unit,
        used=used,
        years=years,
        scale=scale,
        prior=prior,
        spread=np.ones(count),
        butterfly_grid=_sinh_grid(scale, reach, _BUTTERFLY_POINTS),
    )
    smiles = replace(smiles, spread=_spread(start, smiles))
    both = np.concatenate([np.arange(count), np.arange(count)])
    free, cost = fit_apart(np.concatenate([start, prior]), smiles.rows(both))
    free = np.where((cost[:count] <= cost[count:])[:, None], free[:count], free[count:])
    smiles = replace(smiles, spread=_spread(free, smiles))
    ringed = used & (np.abs(misses(free, smiles)) > RING * smiles.spread[:, None])
    # Never ring so many that the rest tells nothing; then the smile is what is strange, not the quotes.
    keep = (used & ~ringed).sum(axis=1) < np.maximum(5, 0.7 * used.sum(axis=1))
    ringed[keep] = False
    smiles = replace(smiles, used=used & ~ringed, patience=6.0)
    free, _ = fit_apart(free, smiles)
    free, repaired = _prove(free, smiles, prior)
    return FittedSlices(slices_of(free, scale), ringed, repaired)


def at_the_money(log_moneyness: FloatArray, volatility: FloatArray) -> float:
    """Return a first guess of the volatility at the money: the median of the few quotes nearest to it."""
    near = np.argsort(np.abs(log_moneyness), kind="stable")[: max(3, min(5, len(log_moneyness) // 4))]
    return float(np.median(volatility[near]))


def _spread(free: FloatArray, smiles: Smiles) -> FloatArray:
    """Return how many widths a usual quote is missed by, at least one: the median, scaled to a deviation."""
    miss = np.where(smiles.used, np.abs(misses(free, smiles)), np.nan)
    found: FloatArray = np.maximum(1.0, 1.4826 * np.nanmedian(miss, axis=1))
    return found


def violations(slices: list[SviSlice]) -> tuple[dict[int, float], dict[int, float]]:
    """Return where the proof fails: expiry -> log-moneyness of a free butterfly, and of a free calendar.

    Parameters
    ----------
    slices : list of SviSlice
        By time to expiry.

    Returns
    -------
    butterflies, calendars : dict
        The key of a calendar is the earlier of both expiries.
    """
    proofs = [prove_butterflies(s) for s in slices]
    butterflies = {i: p.place for i, p in enumerate(proofs) if not p.holds}
    pairs = [prove_calendar(near, far) for near, far in pairwise(slices)]
    calendars = {i: p.place for i, p in enumerate(pairs) if not p.holds}
    return butterflies, calendars


def _prove(free: FloatArray, smiles: Smiles, prior: FloatArray) -> tuple[FloatArray, str]:
    """Fit again with dearer violations, watched where they were found, until the proof passes."""
    reach = float(smiles.butterfly_grid.max())
    if len(free) > 1:
        pair = np.minimum(smiles.scale[:-1], smiles.scale[1:])
        smiles = replace(smiles, calendar_grid=_sinh_grid(pair, reach, _CALENDAR_POINTS))
    for _ in range(8):
        butterflies, calendars = violations(slices_of(free, smiles.scale))
        if not butterflies and not calendars:
            return free, ""
        smiles = _watched(smiles, butterflies, calendars)
        free = fit_together(free, smiles) if smiles.calendar_grid.size else fit_apart(free, smiles)[0]
    for share in (0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8):
        tried = (1 - share) * free + share * prior
        if not any(violations(slices_of(tried, smiles.scale))):
            return tried, "blended"
    return prior, "ssvi"


def _watched(smiles: Smiles, butterflies: dict[int, float], calendars: dict[int, float]) -> Smiles:
    """Return the problem with the places of violations on its grids, and violations ten times as dear."""
    at = np.linspace(0.5, 1.5, 5)

    def with_places(grid: FloatArray, found: dict[int, float]) -> FloatArray:
        more = np.repeat(grid[:, grid.shape[1] // 2 : grid.shape[1] // 2 + 1], len(at), axis=1)
        for row, place in found.items():
            more[row] = place * at
        return np.concatenate([grid, more], axis=1)

    if butterflies:
        smiles = replace(
            smiles,
            butterfly_grid=with_places(smiles.butterfly_grid, butterflies),
            butterfly_weight=smiles.butterfly_weight * 20,
        )
    if calendars:
        smiles = replace(
            smiles,
            calendar_grid=with_places(smiles.calendar_grid, calendars),
            calendar_weight=smiles.calendar_weight * 20,
        )
    return smiles
