"""Whether a value at risk was true: were days that were worse too many, too few, or in runs."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, chdtrc, xlogy

from workbench.arrays import require_finite
from workbench.errors import RiskInputError
from workbench.risk.value_at_risk import require_confidence

# The committee's bands: of a true model's counts 95 % are green and all but one in ten thousand are not red.
_GREEN, _YELLOW = 0.95, 0.9999


@dataclass(frozen=True, slots=True)
class CoverageResult:
    """How a value at risk did on past days.

    Attributes
    ----------
    exceptions : int
        Days on which the return was below minus the value at risk.
    expected : float
        How many a true model has on average.
    observations : int
        Days.
    kupiec_statistic, kupiec_p_value : float
        Whether exceptions came too often or too seldom; chi-squared with one degree of freedom.
    independence_statistic, independence_p_value : float
        Whether one exception makes the next likelier; chi-squared with one degree of freedom.
    christoffersen_statistic, christoffersen_p_value : float
        Both at once: their sum, chi-squared with two degrees of freedom.
    zone : {"green", "yellow", "red"}
        The Basel traffic light, from the binomial chance of so many exceptions or fewer.
    is_exception : ndarray of bool
        Which days.
    """

    exceptions: int
    expected: float
    observations: int
    kupiec_statistic: float
    kupiec_p_value: float
    independence_statistic: float
    independence_p_value: float
    christoffersen_statistic: float
    christoffersen_p_value: float
    zone: Literal["green", "yellow", "red"]
    is_exception: NDArray[np.bool_]


def coverage_test(returns: ArrayLike, var: ArrayLike, confidence: float) -> CoverageResult:
    """Test a value at risk against what happened.

    Parameters
    ----------
    returns : array_like, shape (n,)
        What each day brought, losses negative, in the order of time.
    var : array_like, shape (n,) or a number
        The value at risk told for each day before it, a positive loss in the unit of `returns`.
    confidence : float
        Of the value at risk, such as 0.99.

    Returns
    -------
    CoverageResult
        With x exceptions in n days and p = 1 - confidence, the Kupiec statistic is
        -2 ln[(1-p)^(n-x) p^x] + 2 ln[(1-x/n)^(n-x) (x/n)^x]. The statistic of independence compares one
        chance of an exception with one after a good day and another after an exception.

    Raises
    ------
    RiskInputError
        If there are fewer than two days, the lengths differ, a value is missing or infinite, or
        `confidence` is not between 0 and 1.

    References
    ----------
    Kupiec (1995), J. Derivatives 3(2); Christoffersen (1998), Int. Economic Review 39(4); Basel Committee
    (1996), Supervisory framework for the use of backtesting.

    Examples
    --------
    >>> days = np.full(252, 0.001)
    >>> days[::13] = -0.05
    >>> result = coverage_test(days, 0.02, 0.95)
    >>> result.exceptions, round(result.kupiec_statistic, 2), result.zone
    (20, 3.91, 'yellow')
    """
    require_confidence(confidence)
    days, told = require_finite(RiskInputError, returns=returns, var=var)
    if days.ndim != 1 or days.size < 2:
        raise RiskInputError(f"`returns` has shape {days.shape}; give one list with two days or more.")
    if told.ndim and told.shape != days.shape:
        raise RiskInputError(
            f"`var` has {told.size} values for {days.size} returns; give one, or one for each day."
        )
    for name, array in (("returns", days), ("var", np.broadcast_to(told, days.shape))):
        if np.isnan(array).any():
            row = int(np.argmax(np.isnan(array)))
            raise RiskInputError(f"`{name}` is missing in row {row}; leave that day out of both.")
    is_exception = days < -told
    count, size = int(is_exception.sum()), int(days.size)
    tail = 1 - confidence
    kupiec = 2 * (_likelihood(count, size, count / size) - _likelihood(count, size, tail))
    independence = _independence(is_exception)
    both = kupiec + independence
    return CoverageResult(
        exceptions=count,
        expected=size * tail,
        observations=size,
        kupiec_statistic=kupiec,
        kupiec_p_value=float(chdtrc(1, kupiec)),
        independence_statistic=independence,
        independence_p_value=float(chdtrc(1, independence)),
        christoffersen_statistic=both,
        christoffersen_p_value=float(chdtrc(2, both)),
        zone=_zone(count, size, tail),
        is_exception=is_exception,
    )


def _independence(is_exception: NDArray[np.bool_]) -> float:
    before, after = is_exception[:-1], is_exception[1:]
    calm, worse = int((~before).sum()), int(before.sum())
    from_calm, from_worse = int((~before & after).sum()), int((before & after).sum())
    together = (from_calm + from_worse) / (calm + worse)
    apart = _likelihood(from_calm, calm, from_calm / calm if calm else 0.0)
    apart += _likelihood(from_worse, worse, from_worse / worse if worse else 0.0)
    # Rounding may leave a difference of equals a hair below zero.
    return max(0.0, 2 * (apart - _likelihood(from_calm + from_worse, calm + worse, together)))


def _likelihood(count: int, size: int, chance: float) -> float:
    """Return the log of the chance of one order of `count` exceptions in `size` days."""
    return float(xlogy(count, chance) + xlogy(size - count, 1 - chance))


def _zone(count: int, size: int, tail: float) -> Literal["green", "yellow", "red"]:
    so_many = float(bdtr(count, size, tail))
    return "green" if so_many < _GREEN else "yellow" if so_many < _YELLOW else "red"
