"""European options by Black, Scholes and Merton."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, labels_of, require_finite, require_non_negative, require_positive
from workbench.pricing.european import Rows, finish, gather, run, targets


def log_moneyness(spot: FloatArray, strike: FloatArray) -> FloatArray:
    """Return ``log(spot / strike)``, to full precision also where the two are nearly equal."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = spot / strike
        # The difference of near numbers is exact; their quotient is not.
        log: FloatArray = np.where(np.abs(ratio - 1) < 0.5, np.log1p((spot - strike) / strike), np.log(ratio))
    return log


def refuse_impossible(values: dict[str, Any]) -> None:
    """Raise the error of the first argument that no option can have; `values` in the order of the formula."""
    (price_name, price), strike, *rest = values.items()
    require_positive(**{price_name: price, strike[0]: strike[1]})
    require_non_negative(**dict(rest[:2]))
    require_finite(**dict(rest[2:]))


def black_scholes_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    out: FloatArray | None = None,
) -> FloatArray:
    """Price European options with the Black-Scholes-Merton formula.

    Parameters
    ----------
    spot, strike : array_like
        Prices per share, one currency. All arguments broadcast; Series and frames must share their index.
    years : array_like
        Time to expiry in years, zero or more; zero gives what the option pays.
    volatility : array_like
        Per square-root year, as a fraction: 0.20 is 20 %. Zero gives the limit from above.
    rate, dividend_yield : array_like
        Per year, continuously compounded, as fractions; either may be negative.
    is_call : array_like of bool
        True for a call, False for a put.
    out : ndarray of float64, optional
        Where to write, in the broadcast shape; it is also what is returned. After an error its content
        is undefined.

    Returns
    -------
    ndarray, in the broadcast shape; a numpy scalar where all inputs are scalars
        Price per share. A missing input (NaN) gives NaN. A Series or frame where an input is one.

    Raises
    ------
    PricingInputError
        If a price is not positive, a time or volatility is negative, a value is infinite or no number,
        the shapes do not fit, or two indexes differ.

    References
    ----------
    Merton (1973), Theory of Rational Option Pricing, Bell J. Econ. 4(1).

    Examples
    --------
    >>> black_scholes_price(42, 40, 0.5, 0.20, rate=0.10).round(4)
    np.float64(4.7594)
    """
    arguments = {
        "spot": spot,
        "strike": strike,
        "years": years,
        "volatility": volatility,
        "rate": rate,
        "dividend_yield": dividend_yield,
        "is_call": is_call,
    }
    return price_rows(arguments, None if out is None else {"price": out})


def price_rows(arguments: dict[str, Any], out: dict[str, FloatArray] | None) -> FloatArray:
    """Price the rows of checked or unchecked arguments, in the order of the formula, `is_call` last."""
    from workbench.pricing.european_kernels import price_rows as kernel

    labels = labels_of(**arguments)
    values = dict(labels.values)
    flags = values.pop("is_call")
    rows: Rows = gather(values, flags)
    aims = targets(("price",), out, rows)
    if not run(kernel, rows, aims, {"price": 0}, {}):
        refuse_impossible(values)
    return finish(aims, labels, out)["price"]
