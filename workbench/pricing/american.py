"""American options with a continuous yield, by the integral equation of their exercise boundary."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from workbench.arrays import (
    BoolArray,
    FloatArray,
    Labels,
    labels_of,
    require_finite,
    require_flags,
    require_non_negative,
    require_one_shape,
    require_positive,
)
from workbench.errors import PricingInputError
from workbench.pricing.american_scheme import scheme
from workbench.pricing.black_scholes import black_scholes_price

Accuracy = Literal["accurate", "fast"]
Dividends = Iterable[tuple[float, float]]

# Nodes of the boundary, points of its integrals, points of the premium's: from quick to hard rows.
_SCHEMES = ((8, 8, 16), (12, 16, 24), (24, 40, 48))
_ROWS_WORTH_A_THREAD = 512


def price_rows(
    spot: FloatArray,
    strike: FloatArray,
    years: FloatArray,
    volatility: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: BoolArray,
    accuracy: Accuracy,
    out: FloatArray,
) -> None:
    """Price rows that have been checked, into `out`.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield : ndarray of float64, one dimension, contiguous
        As in `american_price`; prices above zero, times and volatilities not below it, nothing infinite.
    is_call : ndarray of bool
    accuracy : {"accurate", "fast"}
    out : ndarray of float64
        Filled; all arrays have one length.
    """
    from workbench.pricing.american_rows import price_chunk
    from workbench.pricing.kernels import in_chunks

    tables = tuple(scheme(*size).tables for size in _SCHEMES)
    arrays = (spot, strike, years, volatility, rate, dividend_yield, is_call)
    accurate = accuracy == "accurate"
    in_chunks(
        price_chunk, out.size, *arrays, accurate, *tables, out, least=_ROWS_WORTH_A_THREAD, multiple=1
    )


def checked_rows(
    arguments: dict[str, Any], accuracy: str
) -> tuple[list[FloatArray], BoolArray, tuple[int, ...], Labels]:
    """Check the arguments of an American option and lay them out as rows of one length.

    Returns
    -------
    numbers : list of ndarray
        Spot, strike, years, volatility, rate and yield, each contiguous and of one dimension.
    is_call : ndarray of bool
    shape : tuple of int
        What the rows broadcast to.
    labels : Labels
    """
    if accuracy not in {"accurate", "fast"}:
        raise PricingInputError(f"`accuracy` is {accuracy!r}; give 'accurate' or 'fast'.")
    labels = labels_of(**arguments)
    values = labels.values
    numbers = require_positive(spot=values["spot"], strike=values["strike"])
    numbers += require_non_negative(years=values["years"], volatility=values["volatility"])
    numbers += require_finite(rate=values["rate"], dividend_yield=values["dividend_yield"])
    (is_call,) = require_flags(is_call=values["is_call"])
    names = ("spot", "strike", "years", "volatility", "rate", "dividend_yield")
    require_one_shape(**dict(zip(names, numbers, strict=True)), is_call=is_call)
    shape = np.broadcast_shapes(is_call.shape, *(array.shape for array in numbers))
    # Copied, since compiled code takes an array that cannot be written for another type.
    rows = [np.array(np.broadcast_to(array, shape), order="C").reshape(-1) for array in numbers]
    calls = np.array(np.broadcast_to(is_call, shape), order="C").reshape(-1)
    return rows, calls, shape, labels


def american_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    dividends: Dividends | None = None,
    dividend_model: str | None = None,
    accuracy: Accuracy = "accurate",
) -> FloatArray:
    """Price American options.

    Parameters
    ----------
    spot, strike : array_like
        Prices per share, one currency. All arguments broadcast; Series and frames must share their index.
    years : array_like
        Time to expiry in years, zero or more; zero gives what the option pays.
    volatility : array_like
        Per square-root year, as a fraction: 0.20 is 20 %. Zero gives the best of all exercise times.
    rate, dividend_yield : array_like
        Per year, continuously compounded, as fractions; either may be negative.
    is_call : array_like of bool
        True for a call, False for a put.
    dividends : iterable of (years, amount), optional
        Cash dividends of one underlying; those after expiry are ignored. See
        `workbench.pricing.dividends`.
    dividend_model : {"spot", "escrowed"}, required with `dividends`
        What the cash comes out of; the two differ by percents.
    accuracy : {"accurate", "fast"}
        Accurate keeps 1e-6 of strike, fast 1e-4.

    Returns
    -------
    ndarray, in the broadcast shape; a numpy scalar where all inputs are scalars
        Price per share: never below the European option or what exercise pays at once. A missing input
        (NaN) gives NaN. A Series or frame where an input is one.

    Raises
    ------
    PricingInputError
        If a price is not positive, a time or volatility is negative, a value is infinite or no number,
        the shapes do not fit, two indexes differ, or the accuracy or dividend model is unknown.

    Notes
    -----
    Where early exercise never pays (a put with no interest to gain, a call with no yield) the price is
    the European one. With a negative rate above a lower yield, a put is exercised between two boundaries,
    which may meet and vanish some time before expiry. A call is the put with spot and strike, rate and
    yield exchanged.

    References
    ----------
    Andersen, Lake and Offengenden (2016), High-performance American option pricing, J. Computational
    Finance 20(1); Andersen and Lake (2021), Fast American option pricing: the double-boundary case,
    Wilmott; McDonald and Schroder (1998), A parity result for American options, J. Computational
    Finance 1(3).

    Examples
    --------
    >>> american_price(36, 40, 1.0, 0.20, rate=0.06, is_call=False).round(4)
    np.float64(4.4867)
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
    if dividends is not None:
        from workbench.pricing.dividends import dividend_price

        return dividend_price(
            **arguments, dividends=dividends, dividend_model=dividend_model, accuracy=accuracy
        )
    if dividend_model is not None:
        raise PricingInputError("`dividend_model` is given without `dividends`; give both or neither.")
    rows, calls, shape, labels = checked_rows(arguments, accuracy)
    out = np.empty(calls.size)
    price_rows(*rows, calls, accuracy, out)
    european = black_scholes_price(*rows[:4], rate=rows[4], dividend_yield=rows[5], is_call=calls)
    np.maximum(out, european, out=out)
    price: FloatArray = labels.wrap(out.reshape(shape))
    return price
