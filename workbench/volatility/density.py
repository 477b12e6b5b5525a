"""The distribution of the price at expiry that a smile implies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from workbench.arrays import FloatArray, require_finite, require_positive
from workbench.errors import PricingInputError
from workbench.volatility.smile import Smile

_ROOT = np.sqrt(2 * np.pi)


@dataclass(frozen=True, slots=True)
class RiskNeutralDensity:
    """The risk-neutral distribution of the price at one expiry: what options pay for, not a forecast.

    Attributes
    ----------
    smile : Smile
        The smile that implies it.
    """

    smile: Smile

    def density(self, price: ArrayLike) -> FloatArray:
        """Return the density at prices of the underlying at expiry, per unit of price.

        Parameters
        ----------
        price : array_like
            Above zero. Missing gives NaN.

        Returns
        -------
        ndarray
            g(k) exp(-d2^2 / 2) / (sqrt(2 pi w) price), k = ln(price / forward): the second derivative of the
            undiscounted call by its strike, in closed form.
        """
        k = self.smile.log_moneyness(price)
        density: FloatArray = self.log_density(k) / np.asarray(price, np.float64)
        return density[()]

    def log_density(self, log_moneyness: ArrayLike) -> FloatArray:
        """Return the density of ln(price at expiry / forward)."""
        k = np.asarray(log_moneyness, np.float64)
        w = self.smile.total_variance(k)
        density: FloatArray = self.smile.durrleman(k) * np.exp(-(_d2(k, w) ** 2) / 2) / (_ROOT * np.sqrt(w))
        return density[()]

    def probability_below(self, price: ArrayLike) -> FloatArray:
        """Return the probability that the price at expiry is at or below some prices.

        Parameters
        ----------
        price : array_like
            Above zero. Missing gives NaN.

        Returns
        -------
        ndarray
            N(-d2) + n(d2) w' / (2 sqrt(w)): the derivative of the undiscounted put by its strike.
        """
        return self._below(self.smile.log_moneyness(price))[()]

    def _below(self, k: FloatArray) -> FloatArray:
        w = self.smile.total_variance(k)
        d2 = _d2(k, w)
        lean = self.smile.slope(k) / (2 * np.sqrt(w)) * np.exp(-(d2**2) / 2) / _ROOT
        below: FloatArray = np.clip(ndtr(-d2) + lean, 0.0, 1.0)
        return below

    def probability_above(self, price: ArrayLike) -> FloatArray:
        """Return the probability that the price at expiry is above some prices, to full precision far out."""
        k = self.smile.log_moneyness(price)
        w = self.smile.total_variance(k)
        d2 = _d2(k, w)
        lean = self.smile.slope(k) / (2 * np.sqrt(w)) * np.exp(-(d2**2) / 2) / _ROOT
        above: FloatArray = np.clip(ndtr(d2) - lean, 0.0, 1.0)
        return above[()]

    def probability_between(self, low: ArrayLike, high: ArrayLike) -> FloatArray:
        """Return the probability that the price at expiry lies above `low` and at or below `high`.

        Raises
        ------
        PricingInputError
            If a `low` is above its `high`.
        """
        low, high = require_positive(low=low, high=high)
        if np.any(low > high):
            raise PricingInputError("`low` is above `high`; give the lower price first.")
        # Above the forward the difference of the upper tails keeps the digits.
        upper = np.asarray(low) > self.smile.forward
        return np.where(
            upper,
            self.probability_above(low) - self.probability_above(high),
            self.probability_below(high) - self.probability_below(low),
        )[()]

    def quantile(self, probability: ArrayLike) -> FloatArray:
        """Return the price that the underlying stays at or below with a probability.

        Parameters
        ----------
        probability : array_like
            Between 0 and 1, both excluded. Missing gives NaN.

        Returns
        -------
        ndarray
            By bisection in log-moneyness on the distribution function.

        Raises
        ------
        PricingInputError
            If a probability is not between 0 and 1.
        """
        (wanted,) = require_finite(probability=probability)
        wrong = (wanted <= 0) | (wanted >= 1)
        if wrong.any():
            raise PricingInputError(
                f"`probability` is {wanted[wrong].flat[0]:g}; give a number between 0 and 1, both excluded."
            )
        reach = 4 * float(np.sqrt(self.smile.total_variance(0.0))) + 0.05
        low, high = np.full(wanted.shape, -reach), np.full(wanted.shape, reach)
        for _ in range(60):
            above, below = self._below(low) > wanted, self._below(high) < wanted
            if not (above.any() or below.any()):
                break
            low, high = np.where(above, 1.6 * low, low), np.where(below, 1.6 * high, high)
        for _ in range(90):
            middle = (low + high) / 2
            below = self._below(middle) < wanted
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        price = self.smile.forward * np.exp((low + high) / 2)
        return np.where(np.isnan(wanted), np.nan, price)[()]


def _d2(k: FloatArray, w: FloatArray) -> FloatArray:
    deviation = np.sqrt(w)
    d2: FloatArray = -k / deviation - deviation / 2
    return d2


def risk_neutral_density(smile: Smile) -> RiskNeutralDensity:
    """Return the distribution of the price at expiry that a smile implies.

    Parameters
    ----------
    smile : Smile
        From `VolatilitySurface.smile(years)`, or `Smile.of` a slice.

    Returns
    -------
    RiskNeutralDensity
        `density`, `probability_below`, `probability_above`, `probability_between` and `quantile`. Where the
        smile is free of butterfly arbitrage and its wings are flatter than 2, the density is zero or more,
        integrates to one, and its mean is the forward.

    References
    ----------
    Breeden and Litzenberger (1978), Prices of state-contingent claims implicit in option prices, J. Business
    51(4); Gatheral and Jacquier (2014), Quantitative Finance 14(1), section 2.2.

    Examples
    --------
    >>> from workbench.volatility import SviSlice
    >>> flat = Smile.of(SviSlice(0.04, 0.0, 0.0, 0.0, 0.1), years=1.0, forward=100.0)
    >>> risk_neutral_density(flat).probability_below(100.0).round(4)
    np.float64(0.5398)
    """
    return RiskNeutralDensity(smile)
