"""Options on shares that pay cash dividends on known days, under two named models.

Both models agree on the forward and differ in what is random, by percents of the price of a long option:

- ``spot``: the share itself follows a geometric Brownian motion and falls by the cash amount when a
  dividend is paid. A share that is worth less than its dividend falls to zero and stays there.
- ``escrowed``: the share less the value of its dividends until expiry follows the geometric Brownian
  motion; that value, discounted at the rate less the yield, is certain. Early exercise gets the whole share.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray
from workbench.pricing.dividend_greeks import GREEKS, dividend_greeks
from workbench.pricing.dividend_rows import (
    Accuracy,
    DividendModel,
    Dividends,
    dividend_rows,
    require_dividend_model,
    require_dividends,
    solve,
)

__all__ = [
    "GREEKS",
    "Accuracy",
    "DividendModel",
    "DividendValue",
    "Dividends",
    "dividend_greeks",
    "dividend_price",
    "dividend_value",
    "require_dividend_model",
    "require_dividends",
]


@dataclass(frozen=True, slots=True)
class DividendValue:
    """Prices with the name of the model that they rest on.

    Attributes
    ----------
    price : ndarray of float64
        Per share.
    model : str
        ``spot`` or ``escrowed``.
    dividends : tuple of (float, float)
        Years from now and amount of each dividend that was looked at, by time.
    """

    price: FloatArray
    model: str
    dividends: tuple[tuple[float, float], ...]


def dividend_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    dividends: Dividends | None,
    dividend_model: str | None,
    accuracy: str = "accurate",
    american: ArrayLike = True,
) -> FloatArray:
    """Price options on a share that pays cash dividends.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield, is_call : array_like
        As in `black_scholes_price`; all broadcast. The yield comes beside the cash dividends.
    dividends : iterable of (float, float)
        Years from now to the ex-date, and amount per share, the same for all options. A dividend counts
        for the options that expire then or later; one at 0 is still to come, earlier ones are past.
    dividend_model : {"spot", "escrowed"}
        What follows the geometric Brownian motion: the share, or the share less its dividends' value.
    accuracy : {"accurate", "fast"}
        Within 4e-5, or 1e-4, of strike of a converged grid; mostly a hundred times closer. Farthest is a put
        near its exercise boundary with years to go and dividends hours away.
    american : array_like of bool
        Whether the option may be exercised before expiry; also just before each ex-date.

    Returns
    -------
    ndarray, in the broadcast shape; a numpy scalar where all inputs are scalars, a Series or frame for such
        Price per share. A missing input (NaN) gives NaN.

    Raises
    ------
    PricingInputError
        If an input is impossible, the shapes do not fit, a dividend is negative, missing or no number, the
        model is not named, or escrowed dividends are worth the whole spot.

    Notes
    -----
    Finite differences in log spot on a grid for each stretch of time between dividends: Crank and
    Nicolson's scheme, fitted so that shares and money grow as they should, with time steps that grow with
    the square of the time since the stretch's end, begun with Rannacher's implicit halves; kinks enter as
    means over cells; early exercise is exact at each step (Brennan and Schwartz); prices are extrapolated
    from two grids.

    References
    ----------
    Brennan and Schwartz (1977), The Valuation of American Put Options, J. Finance 32(2).
    Rannacher (1984), Finite Element Solution of Diffusion Problems with Irregular Data, Numer. Math. 43.
    Haug, Haug and Lewis (2003), Back to Basics: a New Approach to the Discrete Dividend Problem, Wilmott.

    Examples
    --------
    >>> dividend_price(100, 100, 1, 0.3, rate=0.05, dividends=[(0.5, 4)], dividend_model="spot").round(3)
    np.float64(12.231)
    """
    request = dividend_rows(
        spot,
        strike,
        years,
        volatility,
        rate,
        dividend_yield,
        is_call,
        american,
        dividends,
        dividend_model,
        accuracy,
    )
    price = np.full(int(np.prod(request.shape)), np.nan)
    if request.places.size:
        price[request.places] = solve(request.rows, request)[0]
    prices: FloatArray = request.labels.wrap(price.reshape(request.shape))
    return prices


def dividend_value(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    dividends: Dividends | None,
    dividend_model: str | None,
    accuracy: str = "accurate",
    american: ArrayLike = True,
) -> DividendValue:
    """Price as `dividend_price` does, with the model's name and the dividends beside the price.

    Parameters and errors are those of `dividend_price`.

    Returns
    -------
    DividendValue

    Examples
    --------
    >>> dividend_value(100, 100, 1, 0.3, dividends=[(2.0, 4), (0.5, 4)], dividend_model="spot").dividends
    ((0.5, 4.0), (2.0, 4.0))
    """
    model = require_dividend_model(dividend_model)
    times, amounts = require_dividends(dividends)
    pairs = tuple(zip(times.tolist(), amounts.tolist(), strict=True))
    price = dividend_price(
        spot,
        strike,
        years,
        volatility,
        rate=rate,
        dividend_yield=dividend_yield,
        is_call=is_call,
        dividends=pairs,
        dividend_model=model,
        accuracy=accuracy,
        american=american,
    )
    return DividendValue(price, model, pairs)
