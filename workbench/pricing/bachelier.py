"""European options on a forward whose moves are normal, so that it may cross zero: Bachelier's formula."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, labels_of, require_finite, require_non_negative
from workbench.pricing.european import finish, gather, names_asked, names_of, run, targets
from workbench.pricing.greeks import FIRST_GREEKS, GREEKS, Units, factors_of

BACHELIER_GREEKS = tuple(name for name in GREEKS if name != "phi")

# Volatility is in price units here, so there is no point of it: only time and rates have a trader's unit.
BACHELIER_TRADER_UNITS: Mapping[str, float] = MappingProxyType(
    {"theta": 1 / 365, "charm": 1 / 365, "color": 1 / 365, "veta": 1 / 365, "rho": 1 / 100}
)

_ABSENT = MappingProxyType({"phi": "a forward holds the yield already, so there is none to differentiate by"})
_PLACES = MappingProxyType({name: place for place, name in enumerate(GREEKS)})


def bachelier_price(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    out: FloatArray | None = None,
) -> FloatArray:
    """Price European options on a forward with Bachelier's formula.

    Parameters
    ----------
    forward, strike : array_like
        Price or rate for the option's expiry, and strike; either may be negative or zero. All arguments
        broadcast; Series and frames must share their index.
    years : array_like
        Time to expiry in years, zero or more.
    volatility : array_like
        Normal volatility: units of the forward per square-root year, not a fraction. Zero or more.
    rate : array_like
        Per year, continuously compounded; it discounts.
    is_call : array_like of bool
        True for a call, False for a put.
    out : ndarray of float64, optional
        Where to write, in the broadcast shape; it is also what is returned.

    Returns
    -------
    ndarray, in the broadcast shape; a numpy scalar where all inputs are scalars
        Price today. A missing input (NaN) gives NaN. A Series or frame where an input is one.

    Raises
    ------
    PricingInputError
        If a time or volatility is negative, a value is infinite or no number, the shapes do not fit, or
        two indexes differ.

    References
    ----------
    Bachelier (1900), Théorie de la spéculation, Annales scientifiques de l'École normale supérieure 17;
    Schachermayer and Teichmann (2008), How close are the option pricing formulas of Bachelier and
    Black-Merton-Scholes?, Mathematical Finance 18(1).

    Examples
    --------
    >>> bachelier_price(-0.005, 0.0, 1.0, 0.01).round(8)
    np.float64(0.00197797)
    """
    arguments = _arguments(forward, strike, years, volatility, rate, is_call)
    return _rows(arguments, ("price",), {}, None if out is None else {"price": out})["price"]


def bachelier_greeks(
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
    """Compute Greeks of European options under Bachelier's model, and their price, in one pass.

    Parameters
    ----------
    forward, strike, years, volatility, rate, is_call : array_like
        As in `bachelier_price`; all broadcast, Series and frames keep their index.
    greeks, units, out
        As in `black_scholes_greeks`. Derivatives are by the forward, held while time passes or the rate
        moves, so rho is minus years times price; vega and its kin are per 1.00 of normal volatility
        in either unit. There is no phi.

    Returns
    -------
    dict of name to ndarray, in the broadcast shape
        A missing input (NaN) gives NaN. At zero time or volatility each is its one-sided limit.

    Raises
    ------
    PricingInputError
        As `bachelier_price`, or for an unknown name or unit, or an array in `out` that does not fit.

    References
    ----------
    As `bachelier_price`; the Greeks are its derivatives.

    Examples
    --------
    >>> bachelier_greeks(-0.005, 0.0, 1.0, 0.01, greeks="delta")["delta"].round(6)
    np.float64(0.308538)
    """
    names = names_of(names_asked(greeks, out), BACHELIER_GREEKS, FIRST_GREEKS, _ABSENT)
    arguments = _arguments(forward, strike, years, volatility, rate, is_call)
    return _rows(arguments, names, factors_of(units, BACHELIER_TRADER_UNITS), out)


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


def _rows(
    arguments: dict[str, Any],
    names: tuple[str, ...],
    factors: Mapping[str, float],
    out: Mapping[str, FloatArray] | None,
) -> dict[str, FloatArray]:
    from workbench.pricing.bachelier_kernels import bachelier_rows

    labels = labels_of(**arguments)
    values = dict(labels.values)
    flags = values.pop("is_call")
    # The kernels of all European models read seven inputs; the sixth, a yield, is not used by this one.
    rows = gather(values | {"dividend_yield": 0.0}, flags)
    aims = targets(names, out, rows)
    if not run(bachelier_rows, rows, aims, _PLACES, factors):
        require_finite(forward=values["forward"], strike=values["strike"])
        require_non_negative(years=values["years"], volatility=values["volatility"])
        require_finite(rate=values["rate"])
    return finish(aims, labels, out)
