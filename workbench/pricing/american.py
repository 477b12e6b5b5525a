"""American options with a continuous yield, by the integral equation of their exercise boundary."""

import math
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, get_args

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
from workbench.pricing.american_scheme import scheme, two_boundary_tables
from workbench.pricing.black_scholes import black_scholes_price
from workbench.pricing.european import names_of, settle_flags
from workbench.pricing.greeks import FIRST_GREEKS, GREEKS, Units, black_scholes_greeks, factors_of

Accuracy = Literal["accurate", "fast"]
Dividends = Iterable[tuple[float, float]]

# Nodes of the boundary, points of its integrals, points of the premium's: from quick to hard rows.
_SCHEMES = ((8, 8, 16), (12, 16, 24), (24, 40, 48))
# Close to the boundary gamma asks for more points than the price.
_GREEK_SCHEMES = ((8, 8, 24), (12, 16, 48), (24, 40, 64))
# Steps, points of the integrals at each and of the premium's.
_TWO_BOUNDARIES = {"accurate": (48, 24, 32), "fast": (24, 16, 32)}
_ROWS_WORTH_A_THREAD = 512
_NUMBERS = ("spot", "strike", "years", "volatility", "rate", "dividend_yield")

AMERICAN_GREEKS = (
    "price", "delta", "gamma", "vega", "theta", "rho", "phi", "vanna", "vomma", "dual_delta", "dual_gamma",
)  # fmt: skip
_COMPUTED = AMERICAN_GREEKS[:9]  # in the order of the kernel


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
    from workbench.pricing.american_rows import price_chunk, two_boundary_rows
    from workbench.pricing.kernels import in_chunks

    arrays = (spot, strike, years, volatility, rate, dividend_yield)
    sizes = {"least": _ROWS_WORTH_A_THREAD, "multiple": 1}
    left = in_chunks(
        price_chunk, out.size, *arrays, is_call, accuracy == "accurate", *_tables(_SCHEMES), out, **sizes
    )
    if sum(left):
        from workbench.pricing.american_double_rows import double_chunk

        marks = np.empty(out.size, np.bool_)
        two_boundary_rows(spot, years, volatility, rate, dividend_yield, is_call, marks)
        chosen = [np.ascontiguousarray(array[marks]) for array in (*arrays, is_call)]
        prices = np.empty(chosen[0].size)
        tables = two_boundary_tables(*_TWO_BOUNDARIES[accuracy])
        in_chunks(double_chunk, prices.size, *chosen, tables, prices, least=8, multiple=1)
        out[marks] = prices


@cache
def _tables(sizes: tuple[tuple[int, int, int], ...]) -> tuple[tuple[FloatArray, ...], ...]:
    return tuple(scheme(*size).tables for size in sizes)


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
    if accuracy not in get_args(Accuracy):
        raise PricingInputError(f"`accuracy` is {accuracy!r}; give 'accurate' or 'fast'.")
    labels = labels_of(**arguments)
    single = _one_row(arguments)
    if single is not None:
        return *single, (), labels
    values, is_call = settle_flags({name: labels.values[name] for name in _NUMBERS}, labels.values["is_call"])
    numbers = require_positive(spot=values["spot"], strike=values["strike"])
    numbers += require_non_negative(years=values["years"], volatility=values["volatility"])
    numbers += require_finite(rate=values["rate"], dividend_yield=values["dividend_yield"])
    (is_call,) = require_flags(is_call=is_call)
    require_one_shape(**dict(zip(_NUMBERS, numbers, strict=True)), is_call=is_call)
    shape = np.broadcast_shapes(is_call.shape, *(array.shape for array in numbers))
    # Copied, since compiled code takes an array that cannot be written for another type.
    rows = [np.array(np.broadcast_to(array, shape), order="C").reshape(-1) for array in numbers]
    calls = np.array(np.broadcast_to(is_call, shape), order="C").reshape(-1)
    return rows, calls, shape, labels


def _one_row(arguments: dict[str, Any]) -> tuple[list[FloatArray], BoolArray] | None:
    """Lay out seven plain values that can be used; None for all else, which is looked at in turn.

    One option must not wait for checks that are made for a million.
    """
    is_call = arguments["is_call"]
    numbers = [arguments[name] for name in _NUMBERS]
    if type(is_call) is not bool or not all(
        isinstance(number, float) or (type(number) is int and abs(number) < 2**53) for number in numbers
    ):
        return None
    spot, strike, years, volatility = numbers[:4]
    usable = spot > 0 and strike > 0 and years >= 0 and volatility >= 0
    if not usable or not all(map(math.isfinite, numbers)):
        return None
    block = np.array(numbers, dtype=np.float64)
    return [block[k : k + 1] for k in range(len(numbers))], np.array([is_call])


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
    arguments = _named(spot, strike, years, volatility, rate, dividend_yield, is_call)
    if _has_cash(dividends, dividend_model):
        from workbench.pricing.dividends import dividend_price

        return dividend_price(
            **arguments, dividends=dividends, dividend_model=dividend_model, accuracy=accuracy
        )
    rows, calls, shape, labels = checked_rows(arguments, accuracy)
    out = np.empty(calls.size)
    spots, strikes, times, volatilities, rates, yields = rows
    price_rows(spots, strikes, times, volatilities, rates, yields, calls, accuracy, out)
    # Never below the European price, to the last digit of its own formula.
    price: FloatArray = labels.wrap(np.maximum(out.reshape(shape), black_scholes_price(**labels.values)))
    return price


def _named(*values: ArrayLike) -> dict[str, Any]:
    return dict(zip((*_NUMBERS, "is_call"), values, strict=True))


def _has_cash(dividends: Dividends | None, dividend_model: str | None) -> bool:
    if dividends is None and dividend_model is not None:
        raise PricingInputError("`dividend_model` is given without `dividends`; give both or neither.")
    return dividends is not None


def american_greeks(
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
    greeks: Iterable[str] | None = None,
    units: Units = "natural",
) -> dict[str, FloatArray]:
    """Compute Greeks of American options, and their price, from one solution of the exercise boundary.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield, is_call, dividends, dividend_model, accuracy
        As in `american_price`.
    greeks : names, optional
        Any of price, delta, gamma, vega, theta, rho, phi, vanna, vomma, dual_delta, dual_gamma (with cash
        dividends, what `workbench.pricing.dividends` has). Without it: delta, gamma, vega, theta, rho.
    units : {"natural", "trader"}
        As in `black_scholes_greeks`.

    Returns
    -------
    dict of name to ndarray, in the broadcast shape
        A missing input (NaN) gives NaN. Where exercise now is best, and on the boundary itself, the option is
        its payoff: delta is 1 or -1 and what is left is zero.

    Raises
    ------
    PricingInputError
        As `american_price`, or for an unknown name or unit.

    Notes
    -----
    With one boundary, delta to vanna are the integral equation differentiated, with the boundary's own
    derivative by volatility, rate and yield from the Jacobian that found it; theta follows from the
    differential equation; vomma is a difference of two vegas at volatilities a thousandth apart. With two
    boundaries, delta and gamma are derivatives of the integral, theta follows from the equation, and what
    is taken by a parameter is a difference of whole solutions.

    In units of a European option's at the money, the accurate setting keeps 1e-5 with one boundary (rho and
    phi 1e-4), the fast one 2e-3. With two, rho and phi lose up to 5e-3 close to where the boundaries meet.

    References
    ----------
    As for `american_price`.

    Examples
    --------
    >>> american_greeks(36, 40, 1.0, 0.20, rate=0.06, is_call=False)["delta"].round(4)
    np.float64(-0.6968)
    """
    arguments = _named(spot, strike, years, volatility, rate, dividend_yield, is_call)
    factors = factors_of(units)
    if _has_cash(dividends, dividend_model):
        from workbench.pricing.dividends import dividend_greeks

        found = dividend_greeks(
            **arguments,
            dividends=dividends,
            dividend_model=dividend_model,
            accuracy=accuracy,
            greeks=greeks,
        )
        return {name: value * factors[name] if name in factors else value for name, value in found.items()}
    absent = {
        name: "it is not computed for American options" for name in GREEKS if name not in AMERICAN_GREEKS
    }
    names = names_of(greeks, AMERICAN_GREEKS, FIRST_GREEKS, absent)
    rows, calls, shape, labels = checked_rows(arguments, accuracy)
    computed = greek_rows(rows, calls, accuracy, with_vomma="vomma" in names)
    moneyness = rows[0] / rows[1]
    if "dual_delta" in names:
        computed["dual_delta"] = computed["price"] / rows[1] - moneyness * computed["delta"]
    if "dual_gamma" in names:
        computed["dual_gamma"] = moneyness * moneyness * computed["gamma"]
    return {
        name: labels.wrap((computed[name] * factors.get(name, 1.0)).reshape(shape), name) for name in names
    }


def greek_rows(
    rows: list[FloatArray], is_call: BoolArray, accuracy: Accuracy, *, with_vomma: bool
) -> dict[str, FloatArray]:
    """Compute price and Greeks in natural units of rows that have been checked.

    Parameters
    ----------
    rows : list of ndarray
        Spot, strike, years, volatility, rate and yield, as `checked_rows` gives them.
    is_call : ndarray of bool
    accuracy : {"accurate", "fast"}
    with_vomma : bool
        It costs two solutions more; without it its place holds zeros.

    Returns
    -------
    dict of name to ndarray
    """
    from workbench.pricing.american_greek_rows import greek_chunk
    from workbench.pricing.american_rows import NEVER
    from workbench.pricing.kernels import in_chunks

    out = np.zeros((len(_COMPUTED), is_call.size))
    kinds = np.zeros(is_call.size, np.int64)
    double = two_boundary_tables(*_TWO_BOUNDARIES[accuracy])
    in_chunks(
        greek_chunk, is_call.size, *rows, is_call, accuracy == "accurate", *_tables(_GREEK_SCHEMES), double,
        with_vomma, kinds, out,
        least=_ROWS_WORTH_A_THREAD // 2, multiple=1,
    )  # fmt: skip
    computed = dict(zip(_COMPUTED, out, strict=True))
    never = kinds == NEVER
    if never.any():
        spot, strike, years, volatility, rate, dividend_yield = (row[never] for row in rows)
        european = black_scholes_greeks(
            spot, strike, years, volatility, rate=rate, dividend_yield=dividend_yield,
            is_call=is_call[never], greeks=_COMPUTED,
        )  # fmt: skip
        for name in _COMPUTED:
            computed[name][never] = european[name]
    return computed
