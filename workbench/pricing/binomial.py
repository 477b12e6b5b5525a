"""Binomial trees, kept plain: the reference that faster methods are read and tested against."""

from typing import Literal, get_args

import numpy as np
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

Tree = Literal["leisen_reimer", "crr"]

# Rows are priced together, this many tree nodes at a time, so that a long chain stays within a cache.
_NODES_AT_ONCE = 200_000


def binomial_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    american: bool = True,
    steps: int = 501,
    tree: Tree = "leisen_reimer",
) -> FloatArray:
    """Price options on a recombining binomial tree.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield, is_call : array_like
        As in `black_scholes_price`; all broadcast.
    american : bool
        Whether the option can be exercised at every step, or at expiry alone.
    steps : int
        Time steps from now to expiry. The Leisen-Reimer tree takes the next odd number, so that the strike
        stands between two final nodes.
    tree : {"leisen_reimer", "crr"}
        Leisen-Reimer (error of a European price falls as 1 / steps**2), or Cox-Ross-Rubinstein (1 / steps).

    Returns
    -------
    ndarray, in the broadcast shape; a numpy scalar where all inputs are scalars
        Price per share. A missing input (NaN) gives NaN.

    Raises
    ------
    PricingInputError
        If an input is impossible, the shapes do not fit, the tree is unknown, or a Cox-Ross-Rubinstein tree
        has so few steps that the drift of one step leaves the range of its two branches.

    References
    ----------
    Cox, Ross and Rubinstein (1979), Option Pricing: A Simplified Approach, J. Financial Econ. 7(3).
    Leisen and Reimer (1996), Binomial Models for Option Valuation: Examining and Improving Convergence,
    Applied Math. Finance 3(4).

    Examples
    --------
    >>> binomial_price(50, 50, 5 / 12, 0.40, rate=0.10, is_call=False, steps=5, tree="crr").round(2)
    np.float64(4.49)
    """
    if tree not in get_args(Tree):
        raise PricingInputError(f"`tree` is {tree!r}; give one of {', '.join(get_args(Tree))}.")
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise PricingInputError(f"`steps` is {steps!r}; give a whole number above zero.")
    spot, strike = require_positive(spot=spot, strike=strike)
    years, volatility = require_non_negative(years=years, volatility=volatility)
    rate, dividend_yield = require_finite(rate=rate, dividend_yield=dividend_yield)
    (calls,) = require_flags(is_call=is_call)
    arguments = {
        "spot": spot,
        "strike": strike,
        "years": years,
        "volatility": volatility,
        "rate": rate,
        "dividend_yield": dividend_yield,
    }
    require_one_shape(**arguments, is_call=calls)
    given = np.broadcast_arrays(*arguments.values(), np.where(calls, 1.0, -1.0))
    rows = np.stack([array.reshape(-1) for array in given])
    count = int(steps) + (tree == "leisen_reimer" and steps % 2 == 0)
    prices = np.full(rows.shape[1], np.nan)
    complete = np.flatnonzero(~np.isnan(rows).any(axis=0))
    at_once = max(_NODES_AT_ONCE // (count + 1), 1)
    for start in range(0, complete.size, at_once):
        chosen = complete[start : start + at_once]
        prices[chosen] = _roll_back(rows[:, chosen], count, american, tree, chosen)
    return prices.reshape(given[0].shape)[()]


def _roll_back(
    rows: FloatArray, steps: int, american: bool, tree: Tree, places: NDArray[np.intp]
) -> FloatArray:
    """Price complete rows: what the option pays at the last nodes, then back one step at a time."""
    spot, strike, years, volatility, rate, dividend_yield, sign = rows[:, :, np.newaxis]
    step = years / steps
    growth = np.exp((rate - dividend_yield) * step)
    discount = np.exp(-rate * step)
    # Without time or volatility both branches are the forward, and any probability will do.
    fixed = volatility * np.sqrt(years) == 0
    if tree == "crr":
        up, down, probability = _crr_branches(np.where(fixed, 1.0, volatility), step, growth)
        wrong = ~fixed & ((probability < 0) | (probability > 1))
        if wrong.any():
            row = int(places[int(np.argmax(wrong[:, 0]))])
            raise PricingInputError(
                f"`steps` is {steps}, too few for the rate, yield and volatility in row {row}: one step "
                "drifts farther than it spreads; give more steps, or tree='leisen_reimer'."
            )
    else:
        up, down, probability = _leisen_reimer_branches(rows[:, :, np.newaxis], fixed, steps, growth)
    up, down = np.where(fixed, growth, up), np.where(fixed, growth, down)
    probability = np.where(fixed, 0.5, probability)

    # Nodes too far out for a double have no probability to speak of; they only must not become infinite.
    with np.errstate(over="ignore"):
        ups = np.clip(up ** np.arange(steps + 1), 1e-140, 1e140)
        downs = np.clip(down ** np.arange(steps + 1), 1e-140, 1e140)
    value = np.maximum(sign * (spot * ups * downs[:, ::-1] - strike), 0.0)
    for left in range(steps, 0, -1):
        value = discount * (probability * value[:, 1:] + (1 - probability) * value[:, :-1])
        if american:
            nodes = spot * ups[:, :left] * downs[:, left - 1 :: -1]
            value = np.maximum(value, sign * (nodes - strike))
    prices: FloatArray = value[:, 0]
    return prices


def _crr_branches(
    volatility: FloatArray, step: FloatArray, growth: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Factors up and down and the probability of up; the two factors multiply to one."""
    up = np.exp(volatility * np.sqrt(step))
    with np.errstate(divide="ignore", invalid="ignore"):
        return up, 1 / up, (growth - 1 / up) / (up - 1 / up)


def _leisen_reimer_branches(
    rows: FloatArray, fixed: FloatArray, steps: int, growth: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Branches whose binomial probabilities are those of d1 and d2 of the formula for European options."""
    spot, strike, years, volatility, rate, dividend_yield, _ = rows
    deviation = np.where(fixed, 1.0, volatility * np.sqrt(years))
    with np.errstate(over="ignore"):
        d2 = (np.log(spot / strike) + (rate - dividend_yield) * years) / deviation - deviation / 2
    probability, share_probability = (_peizer_pratt(d, steps) for d in (d2, d2 + deviation))
    # Far from the money a probability rounds to 0 or 1; the branch never taken may then have any factor.
    tiny = 1e-300
    up = growth * share_probability / np.maximum(probability, tiny)
    down = growth * (1 - share_probability) / np.maximum(1 - probability, tiny)
    return up, down, probability


def _peizer_pratt(d: FloatArray, steps: int) -> FloatArray:
    """Success probability of `steps` draws whose majority comes with the normal probability of `d`."""
    scaled = d / (steps + 1 / 3 + 0.1 / (steps + 1))
    with np.errstate(over="ignore"):
        half = np.sqrt(0.25 - 0.25 * np.exp(-scaled * scaled * (steps + 1 / 6)))
    probability: FloatArray = 0.5 + np.copysign(half, d)
    return probability
