"""How volatility changes with time to expiry."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.arrays import require_positive
from workbench.errors import PricingInputError
from workbench.volatility.smile import smile_measures
from workbench.volatility.surface import VolatilitySurface


def term_structure(surface: VolatilitySurface, delta: float = 0.25) -> pd.DataFrame:
    """Return volatility at the money, forward volatility and smile measures of each expiry.

    Parameters
    ----------
    surface : VolatilitySurface
        A fitted surface.
    delta : float
        Forward delta of the wings, between 0 and 0.5.

    Returns
    -------
    DataFrame
        One row an expiry: the columns of `smile_measures`, and

        ``total_variance``
            At the forward.
        ``forward_variance``
            Variance per year from the expiry before to this one, at the forward of each: the gain of total
            variance over the time between; from now to the first.
        ``forward_volatility``
            Its square root: what volatility the market prices for that stretch alone.

    Raises
    ------
    PricingInputError
        If `delta` is not between 0 and 0.5.

    References
    ----------
    Gatheral (2006), The Volatility Surface, ch. 1: forward variance is the time derivative of total variance.
    """
    rows = [smile_measures(surface.smile(float(years)), delta) for years in surface.years]
    table = pd.DataFrame(rows, index=surface.expiries.rename("expiry"))
    variance = table["atm_volatility"].to_numpy() ** 2 * surface.years
    table["total_variance"] = variance
    table["forward_variance"] = np.diff(variance, prepend=0.0) / np.diff(surface.years, prepend=0.0)
    table["forward_volatility"] = np.sqrt(np.maximum(table["forward_variance"], 0.0))
    return table


@dataclass(frozen=True, slots=True)
class TermSlope:
    """Volatility at the money at a near and a far time, and what lies between.

    Attributes
    ----------
    near, far : float
        Volatility at the forward, per square-root year.
    slope : float
        Far minus near; above zero is contango, below zero backwardation.
    ratio : float
        Far over near.
    forward_volatility : float
        What volatility the market prices between both times.
    extrapolated : bool
        True if a time lies before the first or after the last fitted expiry.
    """

    near: float
    far: float
    slope: float
    ratio: float
    forward_volatility: float
    extrapolated: bool

    @property
    def contango(self) -> bool:
        """True if the far volatility is above the near one."""
        return self.slope > 0


def term_slope(surface: VolatilitySurface, near_days: float = 30, far_days: float = 90) -> TermSlope:
    """Compare volatility at the money at two constant times to expiry.

    Parameters
    ----------
    surface : VolatilitySurface
        A fitted surface.
    near_days, far_days : float
        Calendar days; a year has 365.

    Returns
    -------
    TermSlope

    Raises
    ------
    PricingInputError
        If the days are not above zero, or the near ones not before the far ones.
    """
    near, far = (float(d) for d in require_positive(near_days=near_days, far_days=far_days))
    if not near < far:
        raise PricingInputError(f"`near_days` is {near:g} and `far_days` {far:g}; give the nearer one first.")
    years = np.array([near, far]) / 365
    variance = surface.total_variance(0.0, years)
    low, high = (float(v) for v in np.sqrt(variance / years))
    between = float(np.sqrt((variance[1] - variance[0]) / (years[1] - years[0])))
    outside = bool(years[0] < surface.years[0] or years[1] > surface.years[-1])
    return TermSlope(low, high, high - low, high / low, between, outside)
