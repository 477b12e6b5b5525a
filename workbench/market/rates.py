"""Interest rates: how they are quoted, and the curve between the tenors that are."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import MissingDataError, PricingInputError

FloatArray = npt.NDArray[np.float64]


def continuous_rate(rate: npt.ArrayLike, *, periods_per_year: float) -> FloatArray:
    """Turn a rate that is compounded some times a year into the continuously compounded one.

    Parameters
    ----------
    rate : array_like
        Per year, as a fraction: 0.05 is 5 %.
    periods_per_year : float
        2 for the yields of US Treasury notes and bonds, 1 for an effective yearly rate.

    Returns
    -------
    ndarray
        Continuously compounded per year.

    Raises
    ------
    PricingInputError
        If a rate is at or below the total loss of one period.

    References
    ----------
    Hull (2018), Options, Futures, and Other Derivatives, 10th ed., equation 4.3.

    Examples
    --------
    >>> continuous_rate(0.10, periods_per_year=2).round(5)
    np.float64(0.09758)
    """
    rates = np.asarray(rate, dtype=np.float64)
    if (rates <= -periods_per_year).any():
        raise PricingInputError(
            f"`rate` is {np.nanmin(rates):g} at {periods_per_year:g} periods a year; "
            "give a fraction, 0.05 for 5 %."
        )
    continuous: FloatArray = periods_per_year * np.log1p(rates / periods_per_year)
    return continuous


@dataclass(frozen=True, slots=True)
class RateCurve:
    """Rates of one date by tenor.

    Between tenors the forward rate is constant, so that discount factors never rise with time where the
    quoted ones do not; before the first and after the last tenor the rate is theirs.

    Parameters
    ----------
    name : str
        As in ``USD treasury``.
    day : date
        That the curve is of.
    years : ndarray
        Tenors, positive and ascending.
    rates : ndarray
        Continuously compounded per year, one a tenor.

    References
    ----------
    Hagan and West (2006), Interpolation methods for curve construction, Applied Mathematical Finance 13(2),
    "raw" interpolation.
    """

    name: str
    day: date
    years: FloatArray
    rates: FloatArray

    def rate(self, years: npt.ArrayLike) -> FloatArray:
        """Return the rate to some times, continuously compounded per year.

        Parameters
        ----------
        years : array_like
            Zero or more.
        """
        times = np.asarray(years, dtype=np.float64)
        if (times < 0).any():
            raise PricingInputError(f"`years` is {np.nanmin(times):g}; give zero or more.")
        inside = np.clip(times, self.years[0], self.years[-1])
        found: FloatArray = np.interp(inside, self.years, self.rates * self.years) / inside
        return found

    def discount(self, years: npt.ArrayLike) -> FloatArray:
        """Return the worth today of 1 paid at some times."""
        times = np.asarray(years, dtype=np.float64)
        found: FloatArray = np.exp(-self.rate(times) * times)
        return found


def curve_of(rows: pd.DataFrame, *, name: str | None = None) -> RateCurve:
    """Return the newest curve of some rows.

    Parameters
    ----------
    rows : DataFrame
        Columns of `schemas.RATES`.
    name : str, optional
        Which curve; needed where the rows are of several.

    Raises
    ------
    MissingDataError
        If there is no such curve.
    """
    chosen = rows if name is None else rows[rows["curve"] == name]
    names = sorted(chosen["curve"].unique())
    if len(names) != 1:
        held = ", ".join(sorted(rows["curve"].unique())) or "no curve"
        wanted = f"no curve {name!r}" if name is not None else "no single curve"
        raise MissingDataError(f"There is {wanted} among the rates; there is {held}. Name one of them.")
    newest = chosen[chosen["date"] == chosen["date"].max()].sort_values("years")
    return RateCurve(
        str(names[0]),
        newest["date"].iloc[0].date(),
        newest["years"].to_numpy(dtype=np.float64),
        newest["rate"].to_numpy(dtype=np.float64),
    )
