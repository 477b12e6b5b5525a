"""The volatility that the price of an American option implies whose share pays cash dividends."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.arrays import BoolArray, FloatArray
from workbench.pricing.dividend_rows import fits_grid, require_dividend_model, require_dividends
from workbench.pricing.dividends import Dividends, dividend_price
from workbench.pricing.implied_american import Codes, Prices, between_bounds
from workbench.pricing.implied_volatility import STATUSES, implied_volatility

_OK, _BELOW, _ABOVE, _NO_TIME, _MISSING = (
    STATUSES.index(name) for name in ("ok", "below_intrinsic", "above_bound", "no_time", "missing")
)

# A price is met when it is reproduced to this share of the larger of spot and strike. Below it the grid, laid
# anew for each volatility, makes a noise of its own.
_MET = 1e-9
_MOST_ROUNDS = 60
_MOST_DEVIATION = 10.0  # volatility times root of time that the grid takes
_WILD_GUESS = 1.0  # the same, where the European price says nothing


def solve_rows(
    price: FloatArray,
    spot: FloatArray,
    strike: FloatArray,
    years: FloatArray,
    rate: FloatArray,
    dividend_yield: FloatArray,
    is_call: BoolArray,
    dividends: Dividends,
    dividend_model: str | None,
) -> tuple[FloatArray, Codes]:
    """Find the volatility at which each American option has the price given.

    Parameters
    ----------
    price, spot, strike, years, rate, dividend_yield : ndarray of float64, one dimension
        As in `dividend_price`.
    is_call : ndarray of bool
    dividends, dividend_model
        As in `dividend_price`.

    Returns
    -------
    volatility : ndarray of float64
        NaN where there is none.
    codes : ndarray of int8
        Places in `STATUSES`. ``below_intrinsic``: not above what the option is worth without volatility,
        exercise now or before a dividend included. ``above_bound``: not below spot (call) or strike (put), or
        only with more than 10 of volatility times root of time. ``missing`` also where escrowed dividends
        are worth the whole spot, or rates and prices are beyond the numbers of a grid.

    Raises
    ------
    PricingInputError
        If a dividend is impossible or the model is not named.

    Notes
    -----
    As for American options without dividends: a secant on the logarithm of the time value, kept between
    bounds by bisection, first on quick prices and then on accurate ones.
    """
    model = require_dividend_model(dividend_model)
    times, amounts = require_dividends(dividends)
    pairs = list(zip(times.tolist(), amounts.tolist(), strict=True))
    with np.errstate(over="ignore", invalid="ignore"):
        drift = np.where(is_call, dividend_yield, rate)
        upper = np.where(is_call, spot, strike) * np.exp(np.maximum(-drift * years, 0.0))
        carry = (rate - dividend_yield)[:, np.newaxis]
        counted = times <= years[:, np.newaxis]
        held = np.where(counted, amounts * np.exp(-carry * times), 0.0).sum(axis=1)
    rows = np.column_stack([spot, strike, years, np.zeros(spot.size), rate, dividend_yield])
    finite = np.isfinite([price, *rows.T, upper]).all(axis=0)
    unfit = ~fits_grid(rows)
    doomed = (model == "escrowed") & ~(held < spot)
    codes: Codes = np.select(
        [~finite | (spot <= 0) | (strike <= 0), years <= 0, unfit | doomed, price >= upper],
        [_MISSING, _NO_TIME, _MISSING, _ABOVE],
        default=_OK,
    ).astype(np.int8)
    volatility = np.full(price.shape, np.nan)
    places = np.flatnonzero(codes == _OK)

    def priced(
        volatilities: FloatArray, at: NDArray[np.intp], accuracy: Literal["accurate", "fast"]
    ) -> FloatArray:
        return dividend_price(
            spot[at],
            strike[at],
            years[at],
            volatilities,
            rate=rate[at],
            dividend_yield=dividend_yield[at],
            is_call=is_call[at],
            dividends=pairs,
            dividend_model=model,
            accuracy=accuracy,
        )

    floor = priced(np.zeros(places.size), places, "accurate")
    scale = np.maximum(spot, strike)[places]
    worthless = price[places] <= floor + _MET * scale
    codes[places[worthless]] = _BELOW
    places, floor, scale = places[~worthless], floor[~worthless], scale[~worthless]
    if not places.size:
        return volatility, codes

    def prices_at(accuracy: Literal["accurate", "fast"]) -> Prices:
        return lambda volatilities, chosen: priced(volatilities, places[chosen], accuracy)

    root, target = np.sqrt(years[places]), price[places]
    european = implied_volatility(
        target,
        np.maximum(spot[places] - held[places], 1e-3 * spot[places]),
        strike[places],
        years[places],
        rate=rate[places],
        dividend_yield=dividend_yield[places],
        is_call=is_call[places],
    ).volatility
    most = _MOST_DEVIATION / root
    start = np.where(np.isfinite(european), european, _WILD_GUESS / root)
    start = np.clip(start, 1e-6, 0.9 * most)
    guess, _ = between_bounds(prices_at("fast"), target, floor, start, most, 1e-5 * scale, rounds=8)
    guess = np.where(np.isfinite(guess), guess, start)
    volatility[places], codes[places] = between_bounds(
        prices_at("accurate"), target, floor, guess, most, _MET * scale, rounds=_MOST_ROUNDS
    )
    return volatility, codes
