"""Sensitivities of European options, each a formula of its own beside the price."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from workbench.arrays import FloatArray
from workbench.errors import PricingInputError
from workbench.pricing.black_scholes import Terms, black_scholes_terms, price_of

FIRST_GREEKS = ("delta", "gamma", "vega", "theta", "rho")

# What a desk reads: theta per calendar day, vega per volatility point, rho per one per cent of rate.
TRADER_UNITS: Mapping[str, float] = MappingProxyType({"theta": 1 / 365, "vega": 1 / 100, "rho": 1 / 100})


def _density(terms: Terms) -> FloatArray:
    """Return the normal density at d1; where d1 is infinite it is zero, its limit."""
    with np.errstate(over="ignore"):
        density: FloatArray = np.exp(-terms.d1 * terms.d1 / 2) / np.sqrt(2 * np.pi)
    return density


def _delta(terms: Terms) -> FloatArray:
    delta: FloatArray = terms.sign * _discounted_yield(terms) * ndtr(terms.sign * terms.d1)
    return delta


def _discounted_yield(terms: Terms) -> FloatArray:
    discount: FloatArray = np.exp(-terms.dividend_yield * terms.years)
    return discount


def _gamma(terms: Terms) -> FloatArray:
    density = _density(terms)
    with np.errstate(divide="ignore", invalid="ignore"):
        gamma = _discounted_yield(terms) * density / (terms.spot * terms.deviation)
    # Off the money the density dies faster than the deviation; at the money the limit is infinite.
    return np.where(density == 0, 0.0, gamma)


def _vega(terms: Terms) -> FloatArray:
    return terms.spot_value * _density(terms) * np.sqrt(terms.years)


def _theta(terms: Terms) -> FloatArray:
    slope = terms.spot_value * _density(terms) * terms.volatility
    with np.errstate(divide="ignore", invalid="ignore"):
        decay = np.where(slope == 0, 0.0, slope / (2 * np.sqrt(terms.years)))
    carry = terms.dividend_yield * terms.spot_value * ndtr(terms.sign * terms.d1)
    carry = carry - terms.rate * terms.strike_value * ndtr(terms.sign * terms.d2)
    theta: FloatArray = terms.sign * carry - decay
    return theta


def _rho(terms: Terms) -> FloatArray:
    rho: FloatArray = terms.sign * terms.years * terms.strike_value * ndtr(terms.sign * terms.d2)
    return rho


_FORMULAS: Mapping[str, Callable[[Terms], FloatArray]] = MappingProxyType(
    {"price": price_of, "delta": _delta, "gamma": _gamma, "vega": _vega, "theta": _theta, "rho": _rho}
)


def _require_names(names: Iterable[str]) -> tuple[str, ...]:
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if name not in _FORMULAS:
            near = get_close_matches(str(name), _FORMULAS, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise PricingInputError(
                f"'{name}' is no Greek that Workbench knows; {hint}give any of {', '.join(_FORMULAS)}."
            )
    return names


def black_scholes_greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    greeks: Iterable[str] | None = None,
    units: Literal["natural", "trader"] = "natural",
) -> dict[str, FloatArray]:
    """Compute Greeks of European options, and their price, in one pass.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield, is_call : array_like
        As in `black_scholes_price`; all broadcast.
    greeks : names, optional
        Any of price, delta, gamma, vega, theta, rho. Without it: delta, gamma, vega, theta, rho.
    units : {"natural", "trader"}
        Natural: vega and rho per 1.00, theta per year with calendar time running forward.
        Trader: vega per volatility point (0.01), rho per one per cent, theta per calendar day (1/365 year).

    Returns
    -------
    dict of name to ndarray, in the broadcast shape
        Delta in shares per option, gamma in shares per unit of price. A missing input (NaN) gives NaN.
        At zero time or volatility each is its one-sided limit: at the money delta is half of
        ``exp(-dividend_yield * years)`` and gamma is infinite.

    Raises
    ------
    PricingInputError
        As `black_scholes_price`, or for an unknown name or unit.

    References
    ----------
    Hull (2022), Options, Futures, and Other Derivatives, 11th ed., chapter 19.

    Examples
    --------
    >>> black_scholes_greeks(42, 40, 0.5, 0.20, rate=0.10)["delta"].round(6)
    np.float64(0.779131)
    """
    names = FIRST_GREEKS if greeks is None else _require_names(greeks)
    if units not in {"natural", "trader"}:
        raise PricingInputError(f"`units` is {units!r}; give 'natural' or 'trader'.")
    terms = black_scholes_terms(spot, strike, years, volatility, rate, dividend_yield, is_call)
    # A Greek that needs only some inputs must still be missing where another input is.
    shape = np.broadcast_shapes(terms.d1.shape, terms.sign.shape)
    missing = np.broadcast_to(np.isnan(terms.d1), shape)
    results = {}
    for name in names:
        value = np.where(missing, np.nan, _FORMULAS[name](terms))
        if units == "trader":
            value = value * TRADER_UNITS.get(name, 1.0)
        results[name] = value[()]
    return results
