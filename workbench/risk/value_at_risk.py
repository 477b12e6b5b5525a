"""Value at risk and expected shortfall of a distribution of profit and loss."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.arrays import require_finite
from workbench.errors import RiskInputError


@dataclass(frozen=True, slots=True)
class RiskMeasure:
    """A value at risk with its expected shortfall; unpacks as ``var, es``.

    Attributes
    ----------
    var, es : float
        Losses as positive money; a negative one is a profit even in the tail.
    confidence : float
        Share of outcomes that `var` covers, such as 0.99.
    observations : int
        Outcomes that the figures rest on.
    """

    var: float
    es: float
    confidence: float
    observations: int

    def __iter__(self) -> Iterator[float]:
        """Yield `var` and `es`."""
        yield self.var
        yield self.es


def historical_var(pnl: ArrayLike, confidence: float) -> RiskMeasure:
    """Measure the loss that past outcomes exceed with probability one minus `confidence`.

    Parameters
    ----------
    pnl : array_like
        Profit and loss of each outcome, losses negative; order does not matter.
    confidence : float
        Between 0 and 1, such as 0.99.

    Returns
    -------
    RiskMeasure
        `var` is the smallest loss that at least the share `confidence` of outcomes does not exceed (the
        inverse of the empirical distribution, no interpolation). `es` is the mean of the worst
        ``n * (1 - confidence)`` outcomes, the one at the boundary with the fraction of it that is left,
        which keeps it coherent for any n. With fewer outcomes than ``1 / (1 - confidence)`` both are the
        worst loss.

    Raises
    ------
    RiskInputError
        If `pnl` is empty, or an outcome is missing or infinite, or `confidence` is not between 0 and 1.

    References
    ----------
    Acerbi and Tasche (2002), On the coherence of expected shortfall, J. Banking and Finance 26(7).

    Examples
    --------
    >>> var, es = historical_var([-5.0, -1.0, 0.0, 2.0, 3.0], 0.75)
    >>> var, es
    (1.0, 4.2)
    """
    outcomes = require_outcomes(pnl)
    require_confidence(confidence)
    losses = np.sort(-outcomes)
    n = losses.size
    # 100 x 0.07 is 7.000000000000001 in binary; the rank is meant in decimals.
    rank = min(n, max(1, int(np.ceil(round(n * confidence, 9)))))
    var = losses[rank - 1]
    beyond = losses[rank:]
    tail = n * (1 - confidence)
    es = (beyond.sum() + (tail - beyond.size) * var) / tail
    return RiskMeasure(float(var), float(es), float(confidence), n)


def require_outcomes(pnl: ArrayLike) -> NDArray[np.float64]:
    """Return profits and losses as one array, none missing.

    Raises
    ------
    RiskInputError
        If there is none, or one is missing or infinite.
    """
    (outcomes,) = require_finite(RiskInputError, pnl=pnl)
    if outcomes.ndim != 1 or outcomes.size == 0:
        raise RiskInputError(
            f"`pnl` has shape {outcomes.shape}; give one list with at least one profit or loss."
        )
    if np.isnan(outcomes).any():
        row = int(np.argmax(np.isnan(outcomes)))
        raise RiskInputError(f"`pnl` is missing in row {row}; drop the row or give its profit or loss.")
    return outcomes


def require_confidence(confidence: float) -> None:
    """Refuse a confidence that is no share.

    Raises
    ------
    RiskInputError
        If it is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise RiskInputError(f"`confidence` is {confidence}; give a number between 0 and 1, such as 0.99.")


def normal_density(z: float) -> float:
    """Return the density of a standard normal deviate."""
    return float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi))
