"""European options by Black, Scholes and Merton."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from workbench.arrays import (
    FloatArray,
    require_finite,
    require_flags,
    require_non_negative,
    require_one_shape,
    require_positive,
)


@dataclass(frozen=True, slots=True)
class Terms:
    """The pieces of the formula that price and Greeks share, all in one broadcastable set of shapes.

    `spot_value` and `strike_value` are discounted by yield and by rate; `sign` is 1 for a call, -1 for
    a put; `deviation` is volatility times the root of time.
    """

    spot: FloatArray
    years: FloatArray
    volatility: FloatArray
    rate: FloatArray
    dividend_yield: FloatArray
    sign: FloatArray
    spot_value: FloatArray
    strike_value: FloatArray
    deviation: FloatArray
    d1: FloatArray
    d2: FloatArray


def log_moneyness(spot: FloatArray, strike: FloatArray) -> FloatArray:
    """Return ``log(spot / strike)``, to full precision also where the two are nearly equal."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = spot / strike
        # The difference of near numbers is exact; their quotient is not.
        log: FloatArray = np.where(np.abs(ratio - 1) < 0.5, np.log1p((spot - strike) / strike), np.log(ratio))
    return log


def black_scholes_terms(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> Terms:
    """Check the inputs of the formula and compute what price and Greeks share.

    Parameters and errors are those of `black_scholes_price`.

    Returns
    -------
    Terms
    """
    spot, strike = require_positive(spot=spot, strike=strike)
    years, volatility = require_non_negative(years=years, volatility=volatility)
    rate, dividend_yield = require_finite(rate=rate, dividend_yield=dividend_yield)
    (is_call,) = require_flags(is_call=is_call)
    require_one_shape(
        spot=spot,
        strike=strike,
        years=years,
        volatility=volatility,
        rate=rate,
        dividend_yield=dividend_yield,
        is_call=is_call,
    )
    deviation = volatility * np.sqrt(years)
    moneyness = log_moneyness(spot, strike) + (rate - dividend_yield) * years
    # No time or no volatility left: the quotient's limit is infinite off the money and zero at it.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        d1 = np.where(moneyness == 0, 0.0 * deviation, moneyness / deviation) + deviation / 2
    return Terms(
        spot=spot,
        years=years,
        volatility=volatility,
        rate=rate,
        dividend_yield=dividend_yield,
        sign=np.where(is_call, 1.0, -1.0),
        spot_value=spot * np.exp(-dividend_yield * years),
        strike_value=strike * np.exp(-rate * years),
        deviation=deviation,
        d1=d1,
        d2=d1 - deviation,
    )


def price_of(terms: Terms) -> FloatArray:
    """Price from the terms: the intrinsic value of the forward plus the worth of the side out of the money.

    Parameters
    ----------
    terms : Terms
        From `black_scholes_terms`.

    Returns
    -------
    ndarray
        Never below the discounted intrinsic value, which the textbook's difference is when rounding bites.
    """
    forward_value = terms.spot_value - terms.strike_value
    out = np.where(forward_value > 0, -1.0, 1.0)
    time_value = out * (terms.spot_value * ndtr(out * terms.d1) - terms.strike_value * ndtr(out * terms.d2))
    price: FloatArray = np.maximum(terms.sign * forward_value, 0.0) + np.maximum(time_value, 0.0)
    return price


def black_scholes_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
) -> FloatArray:
    """Price European options with the Black-Scholes-Merton formula.

    Parameters
    ----------
    spot, strike : array_like
        Prices per share, one currency. All arguments broadcast.
    years : array_like
        Time to expiry in years, zero or more; zero gives what the option pays.
    volatility : array_like
        Per square-root year, as a fraction: 0.20 is 20 %. Zero gives the limit from above.
    rate, dividend_yield : array_like
        Per year, continuously compounded, as fractions; either may be negative.
    is_call : array_like of bool
        True for a call, False for a put.

    Returns
    -------
    ndarray, in the broadcast shape; a numpy scalar where all inputs are scalars
        Price per share. A missing input (NaN) gives NaN.

    Raises
    ------
    PricingInputError
        If a price is not positive, a time or volatility is negative, a value is infinite or no number,
        or the shapes do not fit.

    References
    ----------
    Merton (1973), Theory of Rational Option Pricing, Bell J. Econ. 4(1).

    Examples
    --------
    >>> black_scholes_price(42, 40, 0.5, 0.20, rate=0.10).round(4)
    np.float64(4.7594)
    """
    terms = black_scholes_terms(spot, strike, years, volatility, rate, dividend_yield, is_call)
    return price_of(terms)[()]
