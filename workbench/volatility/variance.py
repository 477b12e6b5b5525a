"""Model-free variance: the variance swap that a smile prices."""

from collections.abc import Callable

import numpy as np
from scipy.integrate import quad
from scipy.special import log_ndtr, ndtr

from workbench.arrays import FloatArray, require_positive
from workbench.errors import PricingInputError
from workbench.volatility.smile import Smile
from workbench.volatility.surface import VolatilitySurface
from workbench.volatility.svi import SviSlice


def variance_swap_rate(
    source: VolatilitySurface | Smile | SviSlice | Callable[[FloatArray], FloatArray],
    years: float | None = None,
) -> float:
    """Return the fair rate of a variance swap: what the strip of all options out of the money costs.

    Parameters
    ----------
    source : VolatilitySurface, Smile, SviSlice or function
        The smile; a function gives total variance w(k) at an array of log-moneyness k = ln(strike / forward).
    years : float
        Time to expiry; a `Smile` brings its own.

    Returns
    -------
    float
        Variance per year: its square root is the volatility that the swap is quoted at. It is 2 / years times
        the integral of (undiscounted option out of the money / forward) exp(-k) dk, which is the expected
        variance if the price moves without jumps and is watched without pause.

    Raises
    ------
    PricingInputError
        If `years` is not above zero, or the integral does not settle to 1e-9 of itself.

    References
    ----------
    Demeterfi, Derman, Kamal and Zou (1999), A guide to volatility and variance swaps, J. Derivatives 6(4);
    Carr and Madan (1998), Towards a theory of volatility trading.

    Examples
    --------
    >>> round(variance_swap_rate(lambda k: 0.04 + 0.0 * k, years=1.0), 12)
    0.04
    """
    if isinstance(source, Smile):
        total, time = source.total_variance, source.years
        if years is not None and years != time:
            raise PricingInputError(f"`years` is {years} for a smile of {time:g} years; leave it out.")
    else:
        if years is None:
            raise PricingInputError("`years` is left out; give the time to expiry.")
        (given,) = require_positive(years=years)
        if given.ndim or np.isnan(given):
            raise PricingInputError(f"`years` is {years}; give one number above zero.")
        time = float(given)
        if isinstance(source, VolatilitySurface):
            total = source.smile(time).total_variance
        else:
            total = source.total_variance if isinstance(source, SviSlice) else source  # type: ignore[assignment]
    scale = float(np.sqrt(np.asarray(total(np.zeros(1)))[0]))
    if not scale > 0:
        raise PricingInputError("Total variance is not above zero at the money; give a smile that has some.")

    def strip(x: float) -> float:
        k = np.array([scale * x])
        return float(_strip(k, total(k))[0])

    # The integrand has its kink at the forward and most of its weight within eight deviations of it.
    parts = [(-np.inf, -8.0), (-8.0, 0.0), (0.0, 8.0), (8.0, np.inf)]
    found = [
        quad(strip, low, high, epsabs=1e-13, epsrel=1e-11, limit=400, full_output=1)[:2]
        for low, high in parts
    ]
    whole, unsure = (float(sum(column)) for column in zip(*found, strict=True))
    # Wings as steep as Lee's bound leave mass at zero or infinity, and the strip never ends.
    ends = max(abs(strip(-1e6)), abs(strip(1e6)))
    if not (np.isfinite(whole) and unsure <= 1e-9 * abs(whole) and ends < 1e-9):
        raise PricingInputError(
            "The integral over all strikes does not settle; "
            "give a smile whose wings are flatter than 2 in total variance by log-moneyness."
        )
    return 2 * scale * whole / time


def _strip(k: FloatArray, w: FloatArray) -> FloatArray:
    """Return the undiscounted option out of the money over the forward, times exp(-k), by Black's formula."""
    deviation = np.sqrt(w)
    sign = np.where(k >= 0, 1.0, -1.0)
    d1 = -k / deviation + deviation / 2
    # In logarithms, since far to the left exp(-k) alone would overflow.
    price: FloatArray = sign * (np.exp(log_ndtr(sign * d1) - k) - ndtr(sign * (d1 - deviation)))
    return price
