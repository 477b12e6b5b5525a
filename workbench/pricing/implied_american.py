"""The volatility that the price of an American option implies."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.arrays import BoolArray, FloatArray
from workbench.pricing.implied_volatility import STATUSES, implied_volatility

Codes = NDArray[np.int8]
_OK, _BELOW, _ABOVE, _NO_TIME, _MISSING = (
    STATUSES.index(name) for name in ("ok", "below_intrinsic", "above_bound", "no_time", "missing")
)

# A price is met when it is reproduced to this share of the larger of spot and strike: a few roundings.
_MET = 4e-16
_MOST_ROUNDS = 80
_MOST_DEVIATION = 80.0  # volatility times root of time at which every option is at its upper bound

Rows = dict[str, FloatArray]
Prices = Callable[[FloatArray, NDArray[np.intp]], FloatArray]


def worth_without_volatility(rows: Rows, sign: FloatArray) -> FloatArray:
    """Worth of the best moment to exercise when the share only grows at the rate less the yield.

    Parameters
    ----------
    rows : dict of ndarray
        spot, strike, years, rate, dividend_yield.
    sign : ndarray
        1 for a call, -1 for a put.

    Returns
    -------
    ndarray
        The limit of the American price as volatility falls to zero.
    """
    spot, strike, rate, dividend_yield = (rows[n] for n in ("spot", "strike", "rate", "dividend_yield"))

    def exercised_at(moment: FloatArray) -> FloatArray:
        paid: FloatArray = sign * (spot * np.exp(-dividend_yield * moment) - strike * np.exp(-rate * moment))
        return paid

    # Between now and expiry waiting may pay until what the share earns falls below what the strike earns.
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = np.log(rate * strike / (dividend_yield * spot)) / (rate - dividend_yield)
    turn = np.where(np.isfinite(turn), np.clip(turn, 0.0, rows["years"]), 0.0)
    moments = (np.zeros_like(spot), rows["years"], turn)
    best: FloatArray = np.maximum(np.max([exercised_at(moment) for moment in moments], axis=0), 0.0)
    return best


def solve_rows(
    price: FloatArray,
    spot: FloatArray,
    strike: FloatArray,
    years: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: BoolArray,
) -> tuple[FloatArray, Codes]:
    """Find the volatility at which each American option has the price given.

    Parameters
    ----------
    price, spot, strike, years, rate, dividend_yield : ndarray of float64, one dimension
        As in `american_price`.
    is_call : ndarray of bool

    Returns
    -------
    volatility : ndarray of float64
        NaN where there is none.
    codes : ndarray of int8
        Places in `STATUSES`. ``below_intrinsic``: not above what the option is worth without volatility,
        immediate exercise included, so an option that should be exercised at once has no volatility.
        ``above_bound``: not below spot (call) or strike (put), or these at the growth of a negative yield or
        rate until expiry; nor is a price that only more than 80 of volatility times root of time would reach.

    Notes
    -----
    Options that are never exercised early go to the European solver. For the others the European volatility
    of the price is an upper bound. From there a secant on the logarithm of the time value, kept between
    bounds by bisection, first on quick prices and then on accurate ones.
    """
    from workbench.pricing.american import price_rows

    rows = {
        "spot": spot,
        "strike": strike,
        "years": years,
        "rate": rate,
        "dividend_yield": dividend_yield,
    }
    rows = {name: np.ascontiguousarray(array, np.float64) for name, array in rows.items()}
    calls = np.ascontiguousarray(is_call, np.bool_)
    sign = np.where(calls, 1.0, -1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        lower = worth_without_volatility(rows, sign)
        drift = np.where(calls, rows["dividend_yield"], rows["rate"])
        upper = np.where(calls, spot, strike) * np.exp(np.maximum(-drift * years, 0.0))
    finite = np.isfinite([price, *rows.values(), lower, upper]).all(axis=0)
    codes: Codes = np.select(
        [~finite | (spot <= 0) | (strike <= 0), years <= 0, price <= lower, price >= upper],
        [_MISSING, _NO_TIME, _BELOW, _ABOVE],
        default=_OK,
    ).astype(np.int8)
    volatility = np.full(price.shape, np.nan)
    good = codes == _OK
    if not good.any():
        return volatility, codes

    found = implied_volatility(
        price[good], **{name: array[good] for name, array in rows.items()}, is_call=calls[good]
    )
    european = np.full(price.shape, np.nan)
    european[good] = found.volatility
    european_codes = np.full(price.shape, _OK, np.int8)
    european_codes[good] = found.codes
    # What is earned by waiting: the rate on the strike for a call, the yield on the share for a put.
    waits = np.where(calls, (dividend_yield <= 0) & (rate >= 0), (rate <= 0) & (dividend_yield >= 0))
    alike = good & waits
    volatility[alike], codes[alike] = european[alike], european_codes[alike]

    places = np.flatnonzero(good & ~waits)
    if places.size:

        def priced_at(accuracy: Literal["accurate", "fast"]) -> Prices:
            def prices(volatilities: FloatArray, chosen: NDArray[np.intp]) -> FloatArray:
                at = places[chosen]
                out = np.empty(at.size)
                price_rows(
                    rows["spot"][at],
                    rows["strike"][at],
                    rows["years"][at],
                    np.ascontiguousarray(volatilities),
                    rows["rate"][at],
                    rows["dividend_yield"][at],
                    calls[at],
                    accuracy,
                    out,
                )
                return out

            return prices

        root = np.sqrt(years[places])
        scale = np.maximum(spot, strike)[places]
        target, floor = price[places], lower[places]
        # Where the European price cannot be had by any volatility, start from a wild one.
        start = np.where(np.isfinite(european[places]), european[places], 2.0 / root)
        start = np.clip(start, 1e-300, _MOST_DEVIATION / root)
        most = _MOST_DEVIATION / root
        guess, _ = between_bounds(priced_at("fast"), target, floor, start, most, 1e-5 * scale, rounds=6)
        guess = np.where(np.isfinite(guess), guess, start)
        volatility[places], codes[places] = between_bounds(
            priced_at("accurate"), target, floor, guess, most, _MET * scale, rounds=_MOST_ROUNDS
        )
    return volatility, codes


def between_bounds(
    prices: Prices,
    target: FloatArray,
    floor: FloatArray,
    start: FloatArray,
    most: FloatArray,
    met: FloatArray,
    *,
    rounds: int,
) -> tuple[FloatArray, Codes]:
    """Solve ``prices(volatility) = target`` row by row, with all rows that are still open at once.

    The mismatch is that of the logarithms of what the prices have above `floor`: nearly straight in the
    logarithm of volatility, whether the time value is large or vanishing.

    Parameters
    ----------
    prices : callable
        Of volatilities and the rows that they belong to.
    target, floor : ndarray
        The prices given, and what they are without volatility.
    start, most : ndarray
        First guess, and the highest volatility to try.
    met : ndarray
        How near a price must come.
    rounds : int
        After which the nearest so far is the answer.

    Returns
    -------
    volatility : ndarray of float64
    codes : ndarray of int8
        ``ok``, or ``above_bound`` with NaN.
    """
    size = target.size
    low, high = np.zeros(size), np.full(size, np.inf)
    here, before = start.copy(), np.full(size, np.nan)
    miss_before = np.full(size, np.nan)
    best, best_error = start.copy(), np.full(size, np.inf)
    width_before = np.full(size, np.inf)
    aim = np.log(target - floor)
    open_rows = np.arange(size)
    for turn in range(rounds):
        x = here[open_rows]
        value = prices(x, open_rows)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            over = value - target[open_rows]
            miss = np.log(np.maximum(value - floor[open_rows], 0.0)) - aim[open_rows]
        better = np.abs(over) < best_error[open_rows]
        best[open_rows[better]], best_error[open_rows[better]] = x[better], np.abs(over[better])
        low[open_rows] = np.where(over < 0, np.maximum(low[open_rows], x), low[open_rows])
        high[open_rows] = np.where(over >= 0, np.minimum(high[open_rows], x), high[open_rows])
        lo, hi = low[open_rows], high[open_rows]

        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            # The time value grows at least as a power of volatility: a first step of slope one.
            slope = (miss - miss_before[open_rows]) / np.log(x / before[open_rows])
            slope = np.where(np.isfinite(slope) & (slope > 0), slope, 1.5)
            step = np.exp(np.clip(-miss / slope, -20.0, 1.0))
            guess = x * step
            middle = np.where(np.isinf(hi), 2 * x, np.sqrt(np.maximum(lo, 1e-3 * hi) * hi))
            width = hi - lo
        lazy = (turn % 4 == 3) & (width > 0.5 * width_before[open_rows])
        outside = ~(guess > lo) | ~(guess < hi) | lazy
        guess = np.where(outside, np.where(np.isfinite(guess) & np.isinf(hi), guess, middle), guess)
        if turn % 4 == 3:
            width_before[open_rows] = width
        guess = np.minimum(guess, most[open_rows])
        before[open_rows], miss_before[open_rows], here[open_rows] = x, miss, guess
        done = (np.abs(over) <= met[open_rows]) | (guess == x) | (np.isfinite(hi) & (width <= 4e-16 * hi))
        open_rows = open_rows[~done]
        if not open_rows.size:
            break
    codes = np.full(size, _OK, np.int8)
    # At the wildest volatility still below the price: rounding away from the bound.
    codes[np.isinf(high) & (low >= most)] = _ABOVE
    return np.where(codes == _OK, best, np.nan), codes
