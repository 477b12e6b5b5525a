"""Sensitivities of European options to third order, in one pass with the price."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from numpy.typing import ArrayLike

from workbench.arrays import FloatArray, labels_of
from workbench.errors import PricingInputError
from workbench.pricing.black_scholes import refuse_impossible
from workbench.pricing.european import finish, gather, names_asked, names_of, run, targets

FIRST_GREEKS = ("delta", "gamma", "vega", "theta", "rho")

# All names, in the order in which the kernels keep them; the price is among them.
GREEKS = (
    "price", "delta", "gamma", "vega", "theta", "rho", "phi", "vanna", "vomma", "charm", "speed",
    "color", "zomma", "veta", "ultima", "dual_delta", "dual_gamma",
)  # fmt: skip

_PLACES: Mapping[str, int] = MappingProxyType({name: place for place, name in enumerate(GREEKS)})
_POINT, _DAY = 1 / 100, 1 / 365

# What a desk reads: per calendar day, per volatility point and per one per cent of a rate. Where a Greek is
# taken twice to volatility, per point squared; what is not named is in natural units.
TRADER_UNITS: Mapping[str, float] = MappingProxyType(
    {
        "vega": _POINT,
        "theta": _DAY,
        "rho": _POINT,
        "phi": _POINT,
        "vanna": _POINT,
        "vomma": _POINT**2,
        "charm": _DAY,
        "color": _DAY,
        "zomma": _POINT,
        "veta": _DAY * _POINT,
        "ultima": _POINT**3,
    }
)

Units = Literal["natural", "trader"]


def factors_of(units: str, table: Mapping[str, float] = TRADER_UNITS) -> Mapping[str, float]:
    """Return what each Greek is multiplied with in the units asked for.

    Raises
    ------
    PricingInputError
        If the units are neither natural nor trader.
    """
    if units not in ("natural", "trader"):
        raise PricingInputError(f"`units` is {units!r}; give 'natural' or 'trader'.")
    return {} if units == "natural" else table


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
    units: Units = "natural",
    out: Mapping[str, FloatArray] | None = None,
) -> dict[str, FloatArray]:
    """Compute Greeks of European options, and their price, in one pass.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield, is_call : array_like
        As in `black_scholes_price`; all broadcast, Series and frames keep their index.
    greeks : names, optional
        Any of price, delta, gamma, vega, theta, rho, phi, vanna, vomma, charm, speed, color, zomma, veta,
        ultima, dual_delta, dual_gamma. Without it: the names in `out`, or else delta, gamma, vega, theta,
        rho.
    units : {"natural", "trader"}
        Natural: per 1.00 of the variable, time derivatives (theta, charm, color, veta) per year with
        calendar time running forward.
        Trader: volatility per point (0.01), rates per one per cent, time per calendar day (1/365 year);
        vomma per point squared, ultima per point cubed, veta per day and point.
    out : mapping of name to ndarray of float64, optional
        Where to write, each in the broadcast shape; names that are not asked for are left alone. After
        an error the content is undefined.

    Returns
    -------
    dict of name to ndarray, in the broadcast shape
        Delta in shares per option, gamma in shares per unit of price. A missing input (NaN) gives NaN.
        At zero time or volatility each is its one-sided limit, infinite where that is: at the money delta
        is half of ``exp(-dividend_yield * years)`` and gamma is infinite.

    Raises
    ------
    PricingInputError
        As `black_scholes_price`, or for an unknown name or unit, or an array in `out` that does not fit.

    Notes
    -----
    phi is dV/d(dividend yield), vanna d2V/dS dsigma, vomma d2V/dsigma2, charm the calendar's change of
    delta, speed d3V/dS3, color the calendar's change of gamma, zomma d(gamma)/dsigma, veta the calendar's
    change of vega, ultima d3V/dsigma3, dual_delta dV/dK, dual_gamma d2V/dK2.

    References
    ----------
    Hull (2022), Options, Futures, and Other Derivatives, 11th ed., chapter 19; Haug (2007), The Complete
    Guide to Option Pricing Formulas, 2nd ed., chapter 2.

    Examples
    --------
    >>> black_scholes_greeks(42, 40, 0.5, 0.20, rate=0.10)["delta"].round(6)
    np.float64(0.779131)
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
    names = names_of(names_asked(greeks, out), GREEKS, FIRST_GREEKS, {})
    return greek_rows(arguments, names, factors_of(units), out)


def greek_rows(
    arguments: dict[str, Any],
    names: tuple[str, ...],
    factors: Mapping[str, float],
    out: Mapping[str, FloatArray] | None,
    *,
    places: Mapping[str, int] = _PLACES,
) -> dict[str, FloatArray]:
    """Compute the named Greeks of the rows of the arguments, in the order of the formula, `is_call` last.

    Parameters
    ----------
    arguments : dict of name to array_like
        By the names that the caller of the engine knows; the kernel goes by their order.
    names : tuple of str
        Checked names.
    factors : mapping of name to float
        Units.
    out : mapping of name to ndarray, or None
        The caller's arrays.
    places : mapping of name to int
        The kernel's row of each name.
    """
    from workbench.pricing import european_kernels as kernels

    labels = labels_of(**arguments)
    values = dict(labels.values)
    flags = values.pop("is_call")
    # Black-76 is the same formula with the yield at the rate: it hands over five numbers, not six.
    rows = gather(values if len(values) == 6 else values | {"dividend_yield": values["rate"]}, flags)
    aims = targets(names, out, rows)
    if all(places[name] in kernels.FIRST_ORDER for name in names):
        kernel = kernels.price_rows if names == ("price",) else kernels.first_order_rows
    else:
        kernel = kernels.all_rows
    if not run(kernel, rows, aims, places, factors):
        refuse_impossible(values)
    return finish(aims, labels, out)
