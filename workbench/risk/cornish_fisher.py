"""Value at risk of outcomes whose skew and fat tails bend the normal quantile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from workbench.errors import RiskInputError
from workbench.risk.value_at_risk import RiskMeasure, normal_density, require_confidence, require_outcomes

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class CornishFisherMeasure(RiskMeasure):
    """A value at risk from four moments; unpacks as ``var, es``.

    Attributes
    ----------
    mean, volatility, skew, excess_kurtosis : float
        Moments of the outcomes, by their count (not one less).
    is_monotone : bool
        Whether the expansion keeps the order of outcomes in this tail. Where it does not, the moments lie
        outside the range in which the expansion means anything, and the figures should not be used.
    """

    mean: float
    volatility: float
    skew: float
    excess_kurtosis: float
    is_monotone: bool


def cornish_fisher_var(pnl: ArrayLike, confidence: float) -> CornishFisherMeasure:
    """Measure the loss of outcomes whose skew and kurtosis bend the normal quantile.

    Parameters
    ----------
    pnl : array_like
        Profit and loss of each outcome, losses negative.
    confidence : float
        Between 0 and 1, such as 0.99.

    Returns
    -------
    CornishFisherMeasure
        With z the normal quantile of ``1 - confidence``, S the skew and K the excess kurtosis, the quantile
        is z + (z^2 - 1) S/6 + (z^3 - 3z) K/24 - (2z^3 - 5z) S^2/36 standard deviations from the mean. `es`
        is the mean of that quantile over the tail. Moments divide by the count.

    Raises
    ------
    RiskInputError
        If there are fewer than four outcomes, all are equal, one is missing or infinite, or `confidence` is
        not between 0 and 1.

    References
    ----------
    Cornish and Fisher (1938), Revue de l'Institut International de Statistique 5(4); Favre and Galeano
    (2002), J. Alternative Investments 5(2); Maillard (2012), SSRN 1997178, on where it is monotone.

    Examples
    --------
    >>> measure = cornish_fisher_var([-3.0, -1.0, 0.0, 1.0, 1.0, 2.0], 0.95)
    >>> round(measure.var, 4), measure.is_monotone
    (3.0129, False)
    """
    require_confidence(confidence)
    outcomes = require_outcomes(pnl)
    mean = float(outcomes.mean())
    away = outcomes - mean
    volatility = float(np.sqrt(np.mean(away**2)))
    if outcomes.size < 4 or volatility <= _ROUNDING * max(1.0, float(np.abs(outcomes).max())):
        raise RiskInputError(
            f"`pnl` has {outcomes.size} outcomes with a standard deviation of {volatility:g}; its skew and "
            "kurtosis need four or more that differ."
        )
    skew = float(np.mean((away / volatility) ** 3))
    kurtosis = float(np.mean((away / volatility) ** 4)) - 3
    tail = 1 - confidence
    z = float(ndtri(tail))
    # The means of z, z^2 and z^3 over the tail of a normal law.
    ratio = normal_density(z) / tail
    first, second, third = -ratio, 1 - z * ratio, -(z * z + 2) * ratio
    quantile = _bent(z, z * z, z**3, skew, kurtosis)
    return CornishFisherMeasure(
        var=-(mean + volatility * quantile),
        es=-(mean + volatility * _bent(first, second, third, skew, kurtosis)),
        confidence=confidence,
        observations=int(outcomes.size),
        mean=mean,
        volatility=volatility,
        skew=skew,
        excess_kurtosis=kurtosis,
        is_monotone=_is_monotone_below(z, skew, kurtosis),
    )


def _bent(first: float, second: float, third: float, skew: float, kurtosis: float) -> float:
    """Return the expansion of powers of a normal deviate, or of their means."""
    return (
        first
        + (second - 1) * skew / 6
        + (third - 3 * first) * kurtosis / 24
        - (2 * third - 5 * first) * skew**2 / 36
    )


def _is_monotone_below(z: float, skew: float, kurtosis: float) -> bool:
    """Say whether the expansion rises everywhere up to z."""
    slope = np.polynomial.Polynomial(
        [1 - kurtosis / 8 + 5 * skew**2 / 36, skew / 3, kurtosis / 8 - skew**2 / 6]
    )
    turns = slope.deriv().roots()
    points = [z, -1e6, *(float(turn) for turn in turns.real if turn < z)]
    return bool(all(slope(point) > 0 for point in points))
