"""Value at risk of a book whose underlyings move normally together, and what each adds to it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from workbench.arrays import require_finite
from workbench.errors import RiskInputError
from workbench.risk.value_at_risk import RiskMeasure, normal_density, require_confidence

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class ParametricMeasure(RiskMeasure):
    """A delta-normal value at risk and what each underlying adds to it; unpacks as ``var, es``.

    Attributes
    ----------
    component : Series or ndarray
        Of each underlying its part of `var`; they sum to it.
    marginal : Series or ndarray
        By how much `var` grows with a dollar more of delta in an underlying.
    """

    component: Any
    marginal: Any


def parametric_var(dollar_delta: ArrayLike, covariance: ArrayLike, confidence: float) -> ParametricMeasure:
    """Measure the loss of a book whose underlyings' returns are jointly normal with mean zero.

    Parameters
    ----------
    dollar_delta : array_like, shape (n,)
        Profit of the book per simple return of 1.00 in each underlying. A Series is matched by label.
    covariance : array_like, shape (n, n)
        Of the underlyings' returns over the horizon; symmetric. A DataFrame is matched by label.
    confidence : float
        Between 0 and 1, such as 0.99.

    Returns
    -------
    ParametricMeasure
        With sigma = sqrt(d' C d): `var` is z(confidence) sigma, `es` is n(z) / (1 - confidence) sigma,
        `marginal` is z C d / sigma and `component` is d times it, which sums to `var` (Euler). A book
        without risk has zeros.

    Raises
    ------
    RiskInputError
        If the shapes or labels differ, a value is missing or infinite, the matrix is not symmetric or gives
        the book a negative variance, or `confidence` is not between 0 and 1.

    References
    ----------
    Jorion (2006), Value at Risk, 3rd ed., chapters 5 and 7.

    Examples
    --------
    >>> measure = parametric_var([1e6, 0.0], [[0.0001, 0.0], [0.0, 0.0004]], 0.99)
    >>> round(measure.var, 2), round(measure.es, 2)
    (23263.48, 26652.14)
    """
    require_confidence(confidence)
    labels = dollar_delta.index if isinstance(dollar_delta, pd.Series) else None
    if labels is not None and isinstance(covariance, pd.DataFrame):
        covariance = _matched(covariance, labels)
    deltas, matrix = require_finite(RiskInputError, dollar_delta=dollar_delta, covariance=covariance)
    if deltas.ndim != 1 or matrix.shape != (deltas.size, deltas.size):
        raise RiskInputError(
            f"`covariance` has shape {matrix.shape} for {deltas.size} deltas; give a row and a column each."
        )
    _require_complete(dollar_delta=deltas, covariance=matrix)
    _require_symmetric(matrix)
    shared = matrix @ deltas
    variance = float(deltas @ shared)
    scale = float(np.abs(deltas) @ np.abs(matrix) @ np.abs(deltas))
    if variance < -_ROUNDING * scale:
        raise RiskInputError(
            f"`covariance` gives the book a variance of {variance:g}; it is no covariance matrix."
        )
    sigma = float(np.sqrt(max(variance, 0.0)))
    quantile = float(ndtri(confidence))
    marginal = quantile * shared / sigma if sigma > 0 else np.zeros_like(deltas)
    return ParametricMeasure(
        var=quantile * sigma,
        es=normal_density(quantile) / (1 - confidence) * sigma,
        confidence=confidence,
        observations=0,
        component=_labelled(deltas * marginal, labels),
        marginal=_labelled(marginal, labels),
    )


def _matched(covariance: pd.DataFrame, labels: "pd.Index[Any]") -> pd.DataFrame:
    absent = [name for name in labels if name not in covariance.index or name not in covariance.columns]
    if absent:
        raise RiskInputError(
            f"`covariance` has no row and column for {absent[0]!r}; give one for each underlying of "
            "`dollar_delta`."
        )
    return covariance.loc[labels, labels]


def _require_complete(**arrays: NDArray[np.float64]) -> None:
    for name, array in arrays.items():
        if np.isnan(array).any():
            place = tuple(int(at) for at in np.argwhere(np.isnan(array))[0])
            raise RiskInputError(f"`{name}` is missing at {place}; give it or leave the underlying out.")


def _require_symmetric(matrix: NDArray[np.float64]) -> None:
    apart = np.abs(matrix - matrix.T)
    if matrix.size and apart.max() > 1e-8 * np.abs(matrix).max():
        row, column = (int(at) for at in np.argwhere(apart == apart.max())[0])
        raise RiskInputError(
            f"`covariance` is {matrix[row, column]:g} at ({row}, {column}) and {matrix[column, row]:g} at "
            f"({column}, {row}); give a symmetric matrix."
        )


def _labelled(values: NDArray[np.float64], labels: "pd.Index[Any] | None") -> Any:
    return values if labels is None else pd.Series(values, index=labels)
