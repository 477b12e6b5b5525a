"""European options on a forward or a future by Black's formula of 1976."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from numpy.typing import ArrayLike

from workbench.arrays import FloatArray
from workbench.pricing.european import names_asked, names_of
from workbench.pricing.greeks import FIRST_GREEKS, GREEKS, Units, factors_of, greek_rows

BLACK76_GREEKS = tuple(name for name in GREEKS if name != "phi")

_ABSENT = MappingProxyType({"phi": "a forward holds the yield already, so there is none to differentiate by"})
# The kernel keeps the rate's Greek at a held forward behind the others.
_PLACES = MappingProxyType({name: place for place, name in enumerate(GREEKS)} | {"rho": len(GREEKS)})


def black76_price(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    out: FloatArray | None = None,
) -> FloatArray:
    """Price European options on a forward with Black's formula.

    Parameters
    ----------
    forward : array_like
        Forward or futures price for the option's expiry, above zero.
    strike, years, volatility, rate, is_call, out : array_like
        As in `black_scholes_price`; `rate` discounts.

    Returns
    -------
    ndarray, in the broadcast shape; a numpy scalar where all inputs are scalars
        Price today. A missing input (NaN) gives NaN. A Series or frame where an input is one.

    Raises
    ------
    PricingInputError
        As `black_scholes_price`.

    References
    ----------
    Black (1976), The Pricing of Commodity Contracts, J. Financial Economics 3(1-2).

    Examples
    --------
    >>> black76_price(20, 20, 4 / 12, 0.25, rate=0.09, is_call=False).round(6)
    np.float64(1.116641)
    """
    arguments = _arguments(forward, strike, years, volatility, rate, is_call)
    return greek_rows(arguments, ("price",), {}, None if out is None else {"price": out})["price"]


def black76_greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    greeks: Iterable[str] | None = None,
    units: Units = "natural",
    out: Mapping[str, FloatArray] | None = None,
) -> dict[str, FloatArray]:
    """Compute Greeks of European options on a forward, and their price, in one pass.

    Parameters
    ----------
    forward, strike, years, volatility, rate, is_call : array_like
        As in `black76_price`; all broadcast, Series and frames keep their index.
    greeks, units, out
        As in `black_scholes_greeks`. Delta, gamma, vanna, charm, speed, color and zomma are derivatives by
        the forward, with the forward held while time passes or the rate moves; so rho is minus years
        times price. There is no phi.

    Returns
    -------
    dict of name to ndarray, in the broadcast shape
        As `black_scholes_greeks`.

    Raises
    ------
    PricingInputError
        As `black_scholes_greeks`.

    References
    ----------
    Black (1976), The Pricing of Commodity Contracts, J. Financial Economics 3(1-2).

    Examples
    --------
    >>> black76_greeks(20, 20, 4 / 12, 0.25, rate=0.09, is_call=False, greeks="rho")["rho"].round(6)
    np.float64(-0.372214)
    """
    names = names_of(names_asked(greeks, out), BLACK76_GREEKS, FIRST_GREEKS, _ABSENT)
    arguments = _arguments(forward, strike, years, volatility, rate, is_call)
    return greek_rows(arguments, names, factors_of(units), out, places=_PLACES)


def _arguments(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    rate: ArrayLike,
    is_call: ArrayLike,
) -> dict[str, Any]:
    return {
        "forward": forward,
        "strike": strike,
        "years": years,
        "volatility": volatility,
        "rate": rate,
        "is_call": is_call,
    }
