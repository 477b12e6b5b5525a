"""How far a price is expected to go, and the chance that it ends or goes somewhere."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from workbench.arrays import (
    FloatArray,
    require_finite,
    require_flags,
    require_non_negative,
    require_one_shape,
    require_positive,
)
from workbench.errors import PricingInputError
from workbench.pricing.payoff import break_evens, polyline
from workbench.pricing.payoff_legs import Model, PayoffLegs, read_legs

MoveConvention = Literal["one_deviation", "mean_absolute", "straddle", "straddle_85", "straddle_deviation"]
_FROM_VOLATILITY = ("one_deviation", "mean_absolute")
_FROM_STRADDLE = {"straddle": 1.0, "straddle_85": 0.85, "straddle_deviation": float(np.sqrt(np.pi / 2))}

Density = Callable[[FloatArray], ArrayLike]


def expected_move(
    spot: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike | None = None,
    *,
    straddle: ArrayLike | None = None,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    convention: MoveConvention | None = None,
) -> FloatArray:
    """Compute how far the market expects a price to move, to either side.

    Parameters
    ----------
    spot : array_like
        Price of the underlying. All arguments broadcast.
    years : array_like
        Time in years.
    volatility : array_like, optional
        At the money, per square-root year; give this or `straddle`.
    straddle : array_like, optional
        Price per share of the call and the put at the money together.
    rate, dividend_yield : array_like
        Per year, continuously compounded; they set the forward of ``mean_absolute``.
    convention : str, optional
        From `volatility`: ``one_deviation`` (the default, spot x volatility x root of time: about 68 % of
        outcomes lie within) or ``mean_absolute`` (mean distance from the forward under the lognormal law,
        which is what a straddle at the forward costs before discounting). From `straddle`: ``straddle``
        (the default, its price: the market's mean absolute move), ``straddle_85`` (85 % of it, a rule of
        trading floors) or ``straddle_deviation`` (times the root of pi / 2: the one-deviation move at which
        a normal law has that mean).

    Returns
    -------
    ndarray, in the broadcast shape
        Money per share. NaN where an input is missing.

    Raises
    ------
    PricingInputError
        If both or none of `volatility` and `straddle` are given, the convention belongs to the other, or a
        number cannot be used.

    References
    ----------
    Brenner and Subrahmanyam (1988), A Simple Formula to Compute the Implied Standard Deviation, Financial
    Analysts J. 44(5).

    Examples
    --------
    >>> expected_move(645.57, 43 / 365, 0.221).round(2)
    np.float64(48.97)
    """
    spot, *_ = require_positive(spot=spot)
    years, *_ = require_non_negative(years=years)
    rate, dividend_yield = require_finite(rate=rate, dividend_yield=dividend_yield)
    if volatility is not None:
        if straddle is not None:
            raise PricingInputError("`volatility` and `straddle` are both given; give one of the two.")
        chosen = convention or "one_deviation"
        if chosen not in _FROM_VOLATILITY:
            raise PricingInputError(
                f"`convention` is {chosen!r}, and the move is asked for from `volatility`; give "
                "'one_deviation' or 'mean_absolute'."
            )
        (volatility,) = require_non_negative(volatility=volatility)
        require_one_shape(
            spot=spot, years=years, volatility=volatility, rate=rate, dividend_yield=dividend_yield
        )
        deviation = volatility * np.sqrt(years)
        if chosen == "one_deviation":
            return np.asarray(spot * deviation + 0.0 * (rate + dividend_yield))[()]
        forward = spot * np.exp((rate - dividend_yield) * years)
        return np.asarray(2 * forward * (2 * _normal_cdf(deviation / 2) - 1))[()]
    if straddle is None:
        raise PricingInputError("Neither `volatility` nor `straddle` is given; give one of the two.")
    chosen = convention or "straddle"
    if chosen not in _FROM_STRADDLE:
        raise PricingInputError(
            f"`convention` is {chosen!r}, and the move is asked for from `straddle`; give 'straddle', "
            "'straddle_85' or 'straddle_deviation'."
        )
    (price,) = require_non_negative(straddle=straddle)
    require_one_shape(spot=spot, years=years, straddle=price)
    return (_FROM_STRADDLE[chosen] * price + 0.0 * (spot + years))[()]


def _normal_cdf(x: FloatArray) -> FloatArray:
    # Loading it takes longer than pricing an option does, and few ask for a chance.
    from scipy.special import ndtr

    chance: FloatArray = ndtr(x)
    return chance


def _checked(
    spot: ArrayLike, level: ArrayLike, name: str, years: ArrayLike, volatility: ArrayLike,
    rate: ArrayLike, dividend_yield: ArrayLike,
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """Return log(level / spot), the drift of the log price by expiry, and volatility x root of time."""
    spot, level = require_positive(**{"spot": spot, name: level})
    years, volatility = require_non_negative(years=years, volatility=volatility)
    rate, dividend_yield = require_finite(rate=rate, dividend_yield=dividend_yield)
    require_one_shape(
        **{name: level}, spot=spot, years=years, volatility=volatility, rate=rate,
        dividend_yield=dividend_yield,
    )  # fmt: skip
    drift = (rate - dividend_yield - volatility * volatility / 2) * years
    return np.log(level / spot), drift, volatility * np.sqrt(years)


def probability_in_the_money(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
) -> FloatArray:
    """Compute the chance that an option ends in the money, N(d2) of a call and N(-d2) of a put.

    The law is the pricing one: lognormal, drifting at the rate less the yield. It is what the market
    charges for the outcome, not a forecast.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield, is_call : array_like
        As in `black_scholes_price`; all broadcast.

    Returns
    -------
    ndarray, in the broadcast shape
        Between 0 and 1; NaN where an input is missing. Without time or volatility it is the limit: 0, 1,
        or one half where the forward is the strike.

    Raises
    ------
    PricingInputError
        If a number cannot be used, or the shapes do not fit.

    References
    ----------
    Hull (2022), Options, Futures, and Other Derivatives, 11th ed., section 15.8.

    Examples
    --------
    >>> probability_in_the_money(100, 110, 0.5, 0.25).round(4)
    np.float64(0.2652)
    """
    distance, drift, deviation = _checked(spot, strike, "strike", years, volatility, rate, dividend_yield)
    (calls,) = require_flags(is_call=is_call)
    require_one_shape(strike=distance, is_call=calls)
    ahead = drift - distance
    with np.errstate(divide="ignore", invalid="ignore"):
        d2 = np.where((ahead == 0) & (deviation == 0), 0.0, ahead / deviation)
    return np.asarray(_normal_cdf(np.where(calls, d2, -d2)))[()]


def probability_of_touching(
    spot: ArrayLike,
    barrier: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
) -> FloatArray:
    """Compute the chance that a price reaches a level at any instant before the end.

    The law of the first passage of a lognormal price with drift, watched without pause; a price watched
    once a day touches less often. It is not twice the delta: that rule leaves out the drift.

    Parameters
    ----------
    spot : array_like
        Price of the underlying.
    barrier : array_like
        The level, above or below spot.
    years, volatility, rate, dividend_yield : array_like
        As in `black_scholes_price`; all broadcast.

    Returns
    -------
    ndarray, in the broadcast shape
        Between 0 and 1; 1 where spot is at the level already; NaN where an input is missing.

    Raises
    ------
    PricingInputError
        If a number cannot be used, or the shapes do not fit.

    References
    ----------
    Reiner and Rubinstein (1991), Unscrambling the Binary Code, Risk 4(9); Karatzas and Shreve (1991),
    Brownian Motion and Stochastic Calculus, section 3.5.

    Examples
    --------
    >>> probability_of_touching(100, 110, 0.5, 0.25).round(4)
    np.float64(0.5616)
    """
    from scipy.special import log_ndtr

    distance, drift, deviation = _checked(spot, barrier, "barrier", years, volatility, rate, dividend_yield)
    side = np.where(distance >= 0, 1.0, -1.0)
    variance = deviation * deviation
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ends_beyond = _normal_cdf(side * (drift - distance) / deviation)
        # The paths that touch and come back, in logarithms: the factor alone overflows.
        comes_back = np.exp(
            2 * drift * distance / variance + log_ndtr(-side * (distance + drift) / deviation)
        )
    certain = np.where(side * (drift - distance) >= 0, 1.0, 0.0)
    chance = np.where(deviation > 0, np.clip(ends_beyond + comes_back, 0.0, 1.0), certain)
    chance = np.where(distance == 0, 1.0, chance)
    return np.where(np.isnan(distance + drift + deviation), np.nan, chance)[()]


def probability_of_profit(
    legs: pd.DataFrame,
    *,
    volatility: float | None = None,
    density: Density | tuple[ArrayLike, ArrayLike] | None = None,
    model: Model = "by_exercise",
) -> float:
    """Compute the chance that a position has made money at its first expiry.

    Parameters
    ----------
    legs : DataFrame
        As `read_legs` takes it, with rate and dividend_yield.
    volatility : float, optional
        Of the lognormal law, per square-root year. Without it: `volatility_at_spot` of the legs.
    density : function, or a pair of arrays, optional
        Probability per unit of price at the first expiry: a function of an array of spots, or spots and
        densities; replaces the lognormal law. It has to add up to one within a hundredth.
    model : str
        How legs that outlive the first expiry are valued, as in `profit_at_expiry`.

    Returns
    -------
    float
        Between 0 and 1; NaN where there are no options, or the law misses an input. Profit of exactly zero
        is no profit.

    Raises
    ------
    PricingInputError
        If the legs cannot be read, or the density does not add up to one.
    """
    read = read_legs(legs)
    if not read.is_option.any():
        return float("nan")
    stretches = _profitable(legs, read, model)
    if density is not None:
        return float(sum(_mass(density, low, high, read.spot) for low, high in stretches))
    sigma = volatility_at_spot(read) if volatility is None else float(volatility)
    near = int(np.argmin(np.where(read.is_option, read.years, np.inf)))
    rate, dividend_yield = read.rate[near], read.dividend_yield[near]
    if np.isnan(sigma + rate + dividend_yield):
        return float("nan")
    edges = np.array(stretches).reshape(-1)
    below = np.where(edges > 0, 1.0, 0.0)
    inner = (edges > 0) & np.isfinite(edges)
    if inner.any():
        below[inner] = probability_in_the_money(
            read.spot, edges[inner], read.horizon, sigma, rate=rate, dividend_yield=dividend_yield,
            is_call=False,
        )  # fmt: skip
    return float(np.clip(np.sum(below[1::2] - below[::2]), 0.0, 1.0))


def volatility_at_spot(read: PayoffLegs) -> float:
    """Return the volatility of the legs of the first expiry, drawn straight between strikes, at the spot.

    Beyond the outer strikes it is theirs; NaN where no such leg has a volatility.
    """
    known = read.is_option & ~read.outlives & ~np.isnan(read.volatility)
    if not known.any():
        return float("nan")
    strikes, place = np.unique(read.strike[known], return_inverse=True)
    mean = np.bincount(place, read.volatility[known]) / np.bincount(place)
    return float(np.interp(read.spot, strikes, mean))


def _profitable(legs: pd.DataFrame, read: PayoffLegs, model: Model) -> list[tuple[float, float]]:
    """Return the stretches of spot in which the position makes money at its first expiry."""
    zeros = break_evens(legs, model=model)
    edges = np.unique(np.concatenate([[0.0], zeros["spot"], zeros["to_spot"], [np.inf]]))
    last = edges[-2] if len(edges) > 1 else 0.0
    beyond = 2 * max(last, read.spot, float(np.nanmax(np.where(read.is_option, read.strike, np.nan))))
    middles = (edges[:-1] + np.append(edges[1:-1], beyond)) / 2
    profit = read.profit_at_horizon(middles, 0.0, model) if read.modelled else polyline(read)(middles)
    return [(float(edges[i]), float(edges[i + 1])) for i in np.flatnonzero(profit > 0)]


def _mass(density: Density | tuple[ArrayLike, ArrayLike], low: float, high: float, spot: float) -> float:
    """Return how much of a density lies between two spots, by trapezoids."""
    if callable(density):
        spots: NDArray[np.float64] = np.geomspace(spot / 50, spot * 50, 20_001)
        values = np.asarray(density(spots), dtype=np.float64)
    else:
        spots, values = (np.asarray(part, dtype=np.float64) for part in density)
    if spots.ndim != 1 or spots.shape != values.shape or len(spots) < 2 or (np.diff(spots) <= 0).any():
        raise PricingInputError("`density` has no ascending spots with one value each; give such a pair.")
    steps = np.append(0.0, np.cumsum(np.diff(spots) * (values[1:] + values[:-1]) / 2))
    if not abs(steps[-1] - 1) < 0.01:
        raise PricingInputError(
            f"`density` adds up to {steps[-1]:.4g}; give probability per unit of price, 1 over all spots."
        )
    below = np.interp([low, min(high, spots[-1])], spots, steps)
    return float(below[1] - below[0]) / float(steps[-1])
