"""The smile of one time to expiry, and the few numbers by which a desk speaks of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from workbench.arrays import FloatArray, require_finite, require_positive
from workbench.errors import PricingInputError
from workbench.volatility.svi import SviSlice, durrleman


@dataclass(frozen=True, slots=True)
class Smile:
    """Total variance as a function of log-moneyness at one time to expiry.

    It is a weighted sum of fitted slices plus a level: one slice at a fitted expiry, two between expiries.

    Attributes
    ----------
    years : float
        Time to expiry.
    forward : float
        Price for delivery at expiry; strikes are forward exp(k).
    parts : tuple of (float, SviSlice)
        Weights, zero or more, and slices.
    level : float
        Total variance added at every strike.
    """

    years: float
    forward: float
    parts: tuple[tuple[float, SviSlice], ...]
    level: float = 0.0

    @classmethod
    def of(cls, smile: SviSlice, years: float, forward: float = 1.0) -> "Smile":
        """Return the smile of a single slice.

        Parameters
        ----------
        smile : SviSlice
            The slice.
        years, forward : float
            Time to expiry and price for delivery then, both above zero.

        Returns
        -------
        Smile

        Raises
        ------
        PricingInputError
            If a number is missing or not above zero.
        """
        for name, value in {"years": years, "forward": forward}.items():
            if np.isnan(require_positive(**{name: value})[0]):
                raise PricingInputError(f"`{name}` is missing; give a number above zero.")
        return cls(float(years), float(forward), ((1.0, smile),))

    def total_variance(self, log_moneyness: ArrayLike) -> FloatArray:
        """Return w(k), volatility squared times years."""
        k = np.asarray(log_moneyness, np.float64)
        return self.level + sum((weight * s.total_variance(k) for weight, s in self.parts), np.zeros_like(k))

    def slope(self, log_moneyness: ArrayLike) -> FloatArray:
        """Return dw/dk."""
        k = np.asarray(log_moneyness, np.float64)
        return sum((weight * s.slope(k) for weight, s in self.parts), np.zeros_like(k))

    def curvature(self, log_moneyness: ArrayLike) -> FloatArray:
        """Return d2w/dk2."""
        k = np.asarray(log_moneyness, np.float64)
        return sum((weight * s.curvature(k) for weight, s in self.parts), np.zeros_like(k))

    def durrleman(self, log_moneyness: ArrayLike) -> FloatArray:
        """Return g(k), zero or more where butterflies cost something: see `workbench.volatility.svi`."""
        k = np.asarray(log_moneyness, np.float64)
        return durrleman(k, self.total_variance(k), self.slope(k), self.curvature(k))

    def log_moneyness(self, strike: ArrayLike) -> FloatArray:
        """Return ln(strike / forward); a strike that is not above zero is refused."""
        (strike,) = require_positive(strike=strike)
        k: FloatArray = np.log(strike / self.forward)
        return k

    def volatility(self, strike: ArrayLike) -> FloatArray:
        """Return the volatility at a strike, per square-root year."""
        volatility: FloatArray = np.sqrt(self.total_variance(self.log_moneyness(strike)) / self.years)
        return volatility

    def log_moneyness_of_delta(self, delta: ArrayLike) -> FloatArray:
        """Return the log-moneyness at which an option has a delta.

        Parameters
        ----------
        delta : array_like
            Forward delta: N(d1) of a call between 0 and 1, -N(-d1) of a put between -1 and 0, without
            discounting and without the dividend yield's factor.

        Returns
        -------
        ndarray
            By bisection on d1(k), which falls where the smile is free of arbitrage. A missing delta gives
            NaN.

        Raises
        ------
        PricingInputError
            If a delta is zero or not between -1 and 1.
        """
        (delta,) = require_finite(delta=delta)
        wrong = (delta == 0) | (np.abs(delta) >= 1)
        if wrong.any():
            raise PricingInputError(
                f"`delta` is {delta[wrong].flat[0]:g}; "
                "give a call's between 0 and 1 or a put's between -1 and 0."
            )
        wanted = ndtri(np.where(delta > 0, delta, 1 + delta))
        # d1 stands at most this far from -k / sqrt(w): widen until both sides enclose it.
        reach = np.full(delta.shape, 4 * np.sqrt(float(self.total_variance(0.0))) + 0.05)
        for _ in range(60):
            short = (self._d1(-reach) < wanted) | (self._d1(reach) > wanted)
            if not short.any():
                break
            reach = np.where(short, 1.6 * reach, reach)
        low, high = -reach, reach
        for _ in range(80):
            middle = (low + high) / 2
            above = self._d1(middle) > wanted
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        found: FloatArray = np.where(np.isnan(delta), np.nan, (low + high) / 2)
        return found

    def _d1(self, k: FloatArray) -> FloatArray:
        deviation = np.sqrt(self.total_variance(k))
        d1: FloatArray = -k / deviation + deviation / 2
        return d1

    def volatility_at_delta(self, delta: ArrayLike) -> FloatArray:
        """Return the volatility of the option with a forward delta, negative for a put."""
        k = self.log_moneyness_of_delta(delta)
        volatility: FloatArray = np.sqrt(self.total_variance(k) / self.years)
        return volatility

    def delta(self, strike: ArrayLike) -> FloatArray:
        """Return the forward delta N(d1) of a call; a put's is less by one."""
        delta: FloatArray = ndtr(self._d1(self.log_moneyness(strike)))
        return delta

    def proof_grid(self, points: int = 601) -> FloatArray:
        """Return log-moneyness from far left to far right, dense where any of the slices bends."""
        grid = self.parts[0][1].proof_grid(points)
        for _, smile in self.parts[1:]:
            grid = np.union1d(grid, smile.proof_grid(points))
        return grid


def smile_measures(smile: Smile, delta: float = 0.25) -> "pd.Series[float]":
    """Return the numbers by which a smile is quoted.

    Parameters
    ----------
    smile : Smile
        From `VolatilitySurface.smile` or `Smile.of`.
    delta : float
        Forward delta of the wings, between 0 and 0.5.

    Returns
    -------
    Series
        Volatilities per square-root year, as fractions:

        ``years``, ``forward``
        ``atm_volatility``
            At the strike that is the forward.
        ``put_volatility``, ``call_volatility``
            Of the put and the call with the forward delta given.
        ``risk_reversal``
            Call minus put; below zero where low strikes are dearer.
        ``butterfly``
            Mean of call and put minus `atm_volatility`.
        ``skew``
            Slope of volatility by log-moneyness at the forward.
        ``skew_10pct``
            Volatility at 105 % of the forward minus that at 95 %: the change per 10 % of moneyness.
        ``convexity``
            Second derivative of volatility by log-moneyness at the forward.

    Raises
    ------
    PricingInputError
        If `delta` is not between 0 and 0.5.

    References ---------- Reiswich and Wystup (2010), A guide to FX options quoting conventions, J.
    Derivatives 18(2): risk reversal, butterfly and forward delta. Gatheral (2006), The Volatility Surface,
    ch. 3: the skew at the money.
    """
    if not 0 < delta < 0.5:
        raise PricingInputError(f"`delta` is {delta}; give a forward delta between 0 and 0.5.")
    wanted = smile.volatility_at_delta(np.array([-delta, delta]))
    put, call = float(wanted[0]), float(wanted[1])
    zero = np.zeros(1)
    w, slope, bend = (float(f(zero)[0]) for f in (smile.total_variance, smile.slope, smile.curvature))
    # Volatility is sqrt(w / years): the chain rule gives its derivatives from those of w.
    atm = np.sqrt(w / smile.years)
    skew = slope / (2 * atm * smile.years)
    convexity = bend / (2 * atm * smile.years) - skew**2 / atm
    around = smile.volatility(smile.forward * np.array([0.95, 1.05]))
    return pd.Series(
        {
            "years": smile.years,
            "forward": smile.forward,
            "atm_volatility": atm,
            "put_volatility": put,
            "call_volatility": call,
            "risk_reversal": call - put,
            "butterfly": (call + put) / 2 - atm,
            "skew": skew,
            "skew_10pct": around[1] - around[0],
            "convexity": convexity,
        }
    )
