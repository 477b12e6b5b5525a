"""Where an American option is exercised: the price of the share at which the holder stops waiting."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.polynomial.chebyshev import chebval

from workbench.arrays import FloatArray, require_finite, require_flags, require_positive
from workbench.errors import PricingInputError
from workbench.pricing.american_scheme import scheme, two_boundary_tables

_SCHEME = (24, 40, 48)
_TWO_BOUNDARIES = (64, 32, 48)
_STEPS, _TOLERANCE = 24, 1e-8


@dataclass(frozen=True, slots=True)
class ExerciseBoundary:
    """The exercise boundary of one American option.

    Attributes
    ----------
    years : ndarray of float64
        Time to expiry, rising from zero (where the boundary is its limit just before expiry).
    boundary : ndarray of float64
        Price of the share: a put is exercised at it and below, a call at it and above. NaN where nobody
        exercises.
    second_boundary : ndarray of float64, or None
        Where there are two, the other end: exercise is best between both. NaN from the time on at which
        they have met.
    kind : {"never", "one", "two"}
        How many boundaries there are.
    """

    years: FloatArray
    boundary: FloatArray
    second_boundary: FloatArray | None
    kind: Literal["never", "one", "two"]


def exercise_boundary(
    strike: float,
    years: float,
    volatility: float,
    *,
    rate: float = 0.0,
    dividend_yield: float = 0.0,
    is_call: bool = True,
    points: int = 101,
) -> ExerciseBoundary:
    """Compute the exercise boundary of one American option with a continuous yield.

    Parameters
    ----------
    strike : float
        Price per share.
    years, volatility : float
        Above zero: time to expiry in years; volatility per square-root year, as a fraction.
    rate, dividend_yield : float
        Per year, continuously compounded, as fractions; either may be negative.
    is_call : bool
        True for a call, False for a put.
    points : int
        Times at which the boundary is given, even in the root of time: at least 2.

    Returns
    -------
    ExerciseBoundary

    Raises
    ------
    PricingInputError
        If a value is not one number, or cannot be used.

    References
    ----------
    As for `american_price`.

    Examples
    --------
    >>> exercise_boundary(40, 1.0, 0.20, rate=0.06, is_call=False).boundary[[0, -1]].round(2)
    array([40.  , 32.91])
    """
    given = require_positive(strike=strike, years=years, volatility=volatility)
    given += require_finite(rate=rate, dividend_yield=dividend_yield)
    flags = require_flags(is_call=is_call)
    names = ("strike", "years", "volatility", "rate", "dividend_yield", "is_call")
    for name, array in zip(names, [*given, *flags], strict=True):
        if array.ndim or np.isnan(array):
            raise PricingInputError(f"`{name}` is {array}; give one number, for one option.")
    if not isinstance(points, (int, np.integer)) or points < 2:
        raise PricingInputError(f"`points` is {points!r}; give a whole number of at least 2.")
    strike, years, volatility, r, q = (float(array) for array in given)
    call = bool(flags[0])
    if call:
        r, q = q, r
    share = np.linspace(0.0, 1.0, points)
    kind, upper, lower = _of_put(years, volatility, r, q, share)

    # A call is exercised where the put with spot and strike exchanged is: at strike / boundary.
    def priced(levels: Any) -> Any:
        return None if levels is None else strike / levels if call else strike * levels

    return ExerciseBoundary(years * share**2, priced(upper), priced(lower), kind)


def _of_put(
    years: float, volatility: float, rate: float, dividend_yield: float, share: FloatArray
) -> tuple[Literal["never", "one", "two"], FloatArray, FloatArray | None]:
    """Return the boundaries of a put on a strike of 1 at shares of the root of time."""
    from workbench.pricing.american_boundary import guess_boundary, limit_at_expiry, solve_boundary, workspace
    from workbench.pricing.american_double import solve_two_boundaries, two_boundary_workspace
    from workbench.pricing.american_rows import NEVER, ONE_BOUNDARY, regime

    rule = regime(rate, dividend_yield)
    if rule == NEVER:
        return "never", np.full(share.size, np.nan), None
    if rule == ONE_BOUNDARY:
        tables = scheme(*_SCHEME).tables
        h, n = np.full(64, 0.1), _SCHEME[0]
        guess_boundary(years, volatility, rate, dividend_yield, tables[0], h)
        solve_boundary(years, volatility, rate, dividend_yield, tables, h, workspace(), _STEPS, _TOLERANCE)
        series = (h[:n] ** 2) @ tables[5][:, : n + 1]
        square = np.where(share > 0, np.maximum(chebval(2 * share - 1, series), 0.0), 0.0)
        levels: FloatArray = limit_at_expiry(rate, dividend_yield) * np.exp(-np.sqrt(square))
        return "one", levels, None
    double = two_boundary_tables(*_TWO_BOUNDARIES)
    middle, gap, work = two_boundary_workspace(_TWO_BOUNDARIES[0])
    sines, weights, starts, stencils = double[:4]
    horizon, last, meeting = solve_two_boundaries(
        years, volatility, rate, dividend_yield, sines, weights, starts, stencils, middle, gap, work
    )
    steps = np.arange(last + 1)
    place = share * np.sqrt(years / horizon) * _TWO_BOUNDARIES[0]
    half = np.maximum(np.interp(place, steps, gap[: last + 1]), 0.0) / 2
    centre = np.interp(place, steps, middle[: last + 1])
    met = (place > meeting) | (last == 0)
    upper, lower = np.exp(centre + half), np.exp(centre - half)
    return "two", np.where(met, np.nan, upper), np.where(met, np.nan, lower)
