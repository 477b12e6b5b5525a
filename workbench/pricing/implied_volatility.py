"""The volatility that a price implies, with a reason where there is none."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import elementwise
from scipy.special import erfcx, ndtr

from workbench.arrays import FloatArray, require_flags, require_one_shape, to_floats
from workbench.pricing.black_scholes import log_moneyness

STATUSES = ("ok", "below_intrinsic", "above_bound", "no_time", "missing")


@dataclass(frozen=True, slots=True)
class ImpliedVolatility:
    """Implied volatilities and the status of each row.

    Attributes
    ----------
    volatility : ndarray of float64
        Per square-root year, as a fraction; NaN wherever the status is not ``ok``.
    status : ndarray of str
        ``ok``; ``below_intrinsic`` (the price is not above what the option is worth without volatility);
        ``above_bound`` (not below the discounted spot of a call or strike of a put); ``no_time`` (expired);
        ``missing`` (an input is missing, infinite, or a spot or strike that is not positive).
    """

    volatility: FloatArray
    status: NDArray[np.str_]


def _scaled_difference(y: FloatArray, width: FloatArray) -> FloatArray:
    """Return ``erfcx(y - width) - erfcx(y + width)`` without losing it when the width is tiny."""
    scaled = erfcx(y)
    slopes = [scaled, 2 * (y * scaled - 1 / np.sqrt(np.pi))]
    for order in range(1, 5):
        slopes.append(2 * (order * slopes[order - 1] + y * slopes[order]))
    squared = width * width
    series = -2 * width * (slopes[1] + squared / 6 * (slopes[3] + squared / 20 * slopes[5]))
    # Far out the slopes cancel, and there the plain difference is good enough: its logarithm is a
    # small part of a price that is all exponent.
    difference: FloatArray = np.where((width < 1e-3) & (y < 30), series, erfcx(y - width) - erfcx(y + width))
    return difference


def _log_price(distance: FloatArray, deviation: FloatArray) -> FloatArray:
    """Log of the option out of the money, per root of spot value times strike value.

    `distance` is minus the absolute log-moneyness. The scaled error function keeps prices far below the
    smallest double, where the difference of two normal probabilities has long lost every digit.
    """
    h, t = distance / deviation, deviation / 2
    # With much deviation erfcx would overflow, and there the plain difference loses nothing.
    plain_is_good = (h + t > 0) & (t > 0.5)
    width = np.where(plain_is_good, 0.5, t) / np.sqrt(2)
    scaled = _scaled_difference(-h / np.sqrt(2), width)
    plain = np.exp(distance / 2) * ndtr(h + t) - np.exp(-distance / 2) * ndtr(h - t)
    log_price: FloatArray = np.where(plain_is_good, np.log(plain), np.log(scaled / 2) - (h * h + t * t) / 2)
    return log_price


def _log_gap(distance: FloatArray, deviation: FloatArray) -> FloatArray:
    """Log of what the same option lacks to its upper bound, ``exp(distance / 2)``."""
    h, t = distance / deviation, deviation / 2
    near = h + t
    scaled = erfcx(np.maximum(near, 0) / np.sqrt(2)) + erfcx((t - h) / np.sqrt(2))
    plain = np.exp(distance / 2) * ndtr(-near) + np.exp(-distance / 2) * ndtr(h - t)
    log_gap: FloatArray = np.where(near > 0, np.log(scaled / 2) - (h * h + t * t) / 2, np.log(plain))
    return log_gap


def _deviation_of(distance: FloatArray, log_price: FloatArray, log_gap: FloatArray) -> FloatArray:
    """Solve for volatility times root of time, between bounds that hold for every price."""
    # From below: a price is under that at the money, deviation / sqrt(2 pi), and before the bulge also
    # under exp(-distance^2 / (2 deviation^2)) / 2. From above: the gap is under exp(-deviation^2 / 8).
    at_money = np.exp(log_price) * np.sqrt(2 * np.pi)
    tail = np.abs(distance) / np.sqrt(-2 * np.minimum(log_price + np.log(2), -1e-300))
    tail = np.where((log_price < -np.log(2)) & (tail * tail <= -2 * distance), tail, 0.0)
    low = np.maximum(np.maximum(at_money, tail) * (1 - 1e-9), 5e-324)
    high = np.maximum(np.sqrt(-2 * distance), np.sqrt(-8 * np.minimum(log_gap, 0))) * (1 + 1e-9) + 1e-300

    def mismatch(
        deviation: FloatArray, distance: FloatArray, log_price: FloatArray, log_gap: FloatArray
    ) -> FloatArray:
        # Price and gap in logarithms: steep and monotone at both ends of the range.
        return (_log_price(distance, deviation) - log_price) - (_log_gap(distance, deviation) - log_gap)

    found = elementwise.find_root(
        mismatch,
        (low, np.maximum(high, low * (1 + 1e-6))),
        args=(distance, log_price, log_gap),
        tolerances={"xatol": 0.0, "xrtol": 4e-16, "fatol": 0.0, "frtol": 0.0},
        maxiter=200,
    )
    deviation: FloatArray = found.x
    return deviation


def implied_volatility(
    price: ArrayLike,
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
) -> ImpliedVolatility:
    """Find the Black-Scholes-Merton volatility at which an option has the price given.

    Parameters
    ----------
    price : array_like
        Price per share, such as the middle of bid and ask.
    spot, strike, years, rate, dividend_yield, is_call : array_like
        As in `black_scholes_price`; all broadcast.

    Returns
    -------
    ImpliedVolatility
        `.volatility` and `.status`, in the broadcast shape. A row that cannot be solved says why in its
        status and never stops the rest of the chain.

    Raises
    ------
    PricingInputError
        If an argument is text, or the shapes do not fit.

    Notes
    -----
    The price is reduced to that of the option out of the money by put-call parity and solved in logarithms
    by Chandrupatla's bracketing method. Where an option deep in the money has lost its time value to the
    rounding of the price itself, the volatility is not determined and the status is ``below_intrinsic``.

    References
    ----------
    Chandrupatla (1997), Advances in Engineering Software 28; Jäckel (2015), Let's Be Rational, Wilmott.

    Examples
    --------
    >>> implied_volatility(4.759422, 42, 40, 0.5, rate=0.10).volatility.round(6)
    np.float64(0.2)
    """
    names = ("price", "spot", "strike", "years", "rate", "dividend_yield")
    given = (price, spot, strike, years, rate, dividend_yield)
    numbers = {name: to_floats(name, value) for name, value in zip(names, given, strict=True)}
    (calls,) = require_flags(is_call=is_call)
    require_one_shape(**numbers, is_call=calls)
    shape = np.broadcast_shapes(calls.shape, *(array.shape for array in numbers.values()))
    rows = {name: np.broadcast_to(array, shape).reshape(-1) for name, array in numbers.items()}
    with np.errstate(all="ignore"):
        volatility, status = _solve_rows(**rows, is_call=np.broadcast_to(calls, shape).reshape(-1))
    return ImpliedVolatility(volatility.reshape(shape)[()], status.reshape(shape)[()])


def _solve_rows(
    *,
    price: FloatArray,
    spot: FloatArray,
    strike: FloatArray,
    years: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: NDArray[np.bool_],
) -> tuple[FloatArray, NDArray[np.str_]]:
    spot_value = spot * np.exp(-dividend_yield * years)
    strike_value = strike * np.exp(-rate * years)
    forward_value = spot_value - strike_value
    intrinsic = np.maximum(np.where(is_call, forward_value, -forward_value), 0.0)
    bound = np.where(is_call, spot_value, strike_value)
    time_value, gap = price - intrinsic, bound - price

    distance = -np.abs(log_moneyness(spot, strike) + (rate - dividend_yield) * years)
    usable: NDArray[Any] = np.isfinite(price) & (spot > 0) & (strike > 0) & np.isfinite(distance)
    usable &= np.isfinite(spot_value) & np.isfinite(strike_value) & (spot_value > 0) & (strike_value > 0)
    status = np.select(
        [~usable, years <= 0, time_value <= 0, gap <= 0],
        ["missing", "no_time", "below_intrinsic", "above_bound"],
        default="ok",
    )
    volatility = np.full(price.shape, np.nan)
    good = status == "ok"
    if good.any():
        scale = (np.log(spot_value[good]) + np.log(strike_value[good])) / 2
        deviation = _deviation_of(distance[good], np.log(time_value[good]) - scale, np.log(gap[good]) - scale)
        volatility[good] = deviation / np.sqrt(years[good])
    return volatility, status
