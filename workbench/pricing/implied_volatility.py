"""The volatility that a price implies, with a reason where there is none."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.arrays import FloatArray, Labels, labels_of, require_one_shape, to_floats
from workbench.errors import PricingInputError
from workbench.pricing.european import gather, settle_flags

STATUSES = ("ok", "below_intrinsic", "above_bound", "no_time", "crossed", "missing")
MODELS = ("black_scholes", "black76", "bachelier", "american")

_NO_TIME, _CROSSED, _MISSING = (STATUSES.index(name) for name in ("no_time", "crossed", "missing"))
_TEXTS = np.array(STATUSES)
_OF_THE_FORWARD = {"black76", "bachelier"}


@dataclass(frozen=True, eq=False)
class ImpliedVolatility:
    """Implied volatilities and the status of each row, in the shape and with the index of the arguments.

    Attributes
    ----------
    volatility : ndarray of float64, Series or DataFrame
        Per square-root year, as a fraction (Bachelier: in units of price); NaN wherever the status is not
        ``ok``.
    codes : ndarray of int8
        Each row's place in `STATUSES`: 0 is ``ok``.
    """

    volatility: Any
    codes: NDArray[np.int8]
    _labels: Labels = field(repr=False)

    @cached_property
    def status(self) -> Any:
        """Return the status of each row as text, made when it is first asked for.

        ``ok``; ``below_intrinsic`` (the price is not above what the option is worth without volatility);
        ``above_bound`` (not below the discounted spot of a call or strike of a put); ``no_time`` (expired);
        ``crossed`` (the bid is above the ask); ``missing`` (an input is missing or infinite, also whether it
        is a call, a spot or strike is not positive, or a discount factor is beyond e^2772).
        """
        return self._labels.wrap(_TEXTS[self.codes], "status")


def implied_volatility(
    price: ArrayLike | None,
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    model: str = "black_scholes",
    bid: ArrayLike | None = None,
    ask: ArrayLike | None = None,
    dividends: Iterable[tuple[float, float]] | None = None,
    dividend_model: str | None = None,
) -> ImpliedVolatility:
    """Find the volatility at which an option has the price given.

    Parameters
    ----------
    price : array_like, or None
        Price per share. None takes the middle of `bid` and `ask`.
    spot, strike, years, rate, dividend_yield, is_call : array_like
        As in `black_scholes_price`; all broadcast. For the models ``black76`` and ``bachelier`` `spot` is the
        forward, and there is no yield.
    model : str
        ``black_scholes``, ``black76``, ``bachelier`` (forward and strike may be negative; the volatility is
        in units of price per root of a year) or ``american`` (exercise at any time).
    bid, ask : array_like, optional
        The quote behind the price. A row with its bid above its ask is ``crossed`` and gets no number.
    dividends : iterable of (years, amount), optional
        Cash dividends of one underlying, for the model ``american``; as in `american_price`.
    dividend_model : {"spot", "escrowed"}, required with `dividends`

    Returns
    -------
    ImpliedVolatility
        `.volatility` and `.status`, in the broadcast shape. A row that cannot be solved says why in its
        status and never stops the rest of the chain. The first that holds counts: missing, no_time, crossed,
        below_intrinsic, above_bound.

    Raises
    ------
    PricingInputError
        If an argument is text, the shapes do not fit, two indexes differ, the model is unknown, a yield is
        given for a forward, `price` is None without both `bid` and `ask`, or cash dividends are impossible,
        without their model, or given for another model than ``american``.

    Notes
    -----
    The price is reduced to that of the option out of the money by put-call parity and solved in its
    logarithm: a first guess from a fitted polynomial and two fourth-order Householder steps. Rows where
    rounding could tell (a time value below 1e-8 of the price, prices down to 5e-324, a forward within
    rounding of the strike) are solved one by one in pairs of doubles. A price that is the double nearest
    to its intrinsic value, or to its upper bound, determines no volatility: ``below_intrinsic`` and
    ``above_bound`` hold at the bound itself. With cash dividends the price is met to 1e-9 of the larger of
    spot and strike.

    References
    ----------
    Jäckel (2015), Let's Be Rational, Wilmott 2015(75); Jäckel (2017), Implied Normal Volatility, Wilmott
    2017(90), for the normalised problems and the use of logarithms. Dekker (1971), Numerische Mathematik 18.

    Examples
    --------
    >>> implied_volatility(4.759422, 42, 40, 0.5, rate=0.10).volatility.round(6)
    np.float64(0.2)
    >>> implied_volatility(None, 42, 40, 0.5, bid=[4.7, 4.9], ask=[4.8, 4.8]).status
    array(['ok', 'crossed'], dtype='<U15')
    """
    if model not in MODELS:
        raise PricingInputError(f"`model` is {model!r}; give one of {', '.join(MODELS)}.")
    if (dividends is None) != (dividend_model is None):
        missing = "dividends" if dividends is None else "dividend_model"
        raise PricingInputError(
            f"`{missing}` is not given; give `dividends` and `dividend_model`, or neither."
        )
    if dividends is not None and model != "american":
        raise PricingInputError(
            f"`dividends` do not belong to the model '{model}'; give model='american', or take their present "
            "value from the spot."
        )
    arguments = {
        "price": price,
        "spot": spot,
        "strike": strike,
        "years": years,
        "rate": rate,
        "dividend_yield": dividend_yield,
        "is_call": is_call,
    }
    if bid is not None:
        arguments["bid"] = bid
    if ask is not None:
        arguments["ask"] = ask
    labels = labels_of(**arguments)
    values = dict(labels.values)
    flags = values.pop("is_call")
    low, high = (to_floats(n, values.pop(n)) if n in values else None for n in ("bid", "ask"))
    crossed: NDArray[np.bool_] | None = None
    if low is not None and high is not None:
        crossed = _crossed(low, high)
        if price is None:
            # Halves first: the sum of two large prices may overflow.
            values["price"] = 0.5 * low + 0.5 * high
    elif price is None:
        raise PricingInputError("`price` is None; give the price, or both `bid` and `ask` for their middle.")
    if model in _OF_THE_FORWARD:
        # The forward is discounted as the strike is.
        values["rate"] = values["dividend_yield"] = _rate_of_forward(values, model)
    values, flags = settle_flags(values, flags)
    volatility, codes, shape = _solve(values, flags, model, crossed, dividends, dividend_model)
    if crossed is not None:
        _mark_crossed(np.broadcast_to(crossed, shape).reshape(-1), volatility, codes)
    return ImpliedVolatility(
        labels.wrap(volatility.reshape(shape), "volatility"), codes.reshape(shape), labels
    )


def _solve(
    values: dict[str, Any],
    flags: Any,
    model: str,
    crossed: NDArray[np.bool_] | None,
    dividends: Iterable[tuple[float, float]] | None,
    dividend_model: str | None,
) -> tuple[FloatArray, NDArray[np.int8], tuple[int, ...]]:
    """Solve the rows in one dimension, and say what shape they have."""
    if crossed is not None and crossed.ndim:
        # The quote may have more rows than the price has.
        values = {**values, "price": _broadcast("price", values["price"], crossed)}
    rows = gather(values, flags)
    if model == "american":
        volatility, codes = _solve_american(values, flags, rows.shape, dividends, dividend_model)
    else:
        from workbench.pricing.implied_rows import solve_rows

        volatility, codes = solve_rows(rows, is_bachelier=model == "bachelier")
    return volatility, codes, rows.shape


def _solve_american(
    values: dict[str, Any],
    flags: bool | NDArray[np.bool_],
    shape: tuple[int, ...],
    dividends: Iterable[tuple[float, float]] | None,
    dividend_model: str | None,
) -> tuple[FloatArray, NDArray[np.int8]]:
    """Solve the rows as American options."""
    from workbench.pricing.implied_american import solve_rows

    price, spot, strike, years, rate, dividend_yield = (
        np.broadcast_to(to_floats(n, v), shape).reshape(-1) for n, v in values.items()
    )
    is_call = np.broadcast_to(np.asarray(flags), shape).reshape(-1)
    if dividends is None:
        return solve_rows(price, spot, strike, years, rate, dividend_yield, is_call)
    from workbench.pricing.implied_dividends import solve_rows as solve_rows_with_cash

    return solve_rows_with_cash(
        price, spot, strike, years, rate, dividend_yield, is_call, dividends, dividend_model
    )


def _crossed(bid: FloatArray, ask: FloatArray) -> NDArray[np.bool_]:
    try:
        crossed: NDArray[np.bool_] = np.asarray(bid > ask)
    except ValueError:
        raise PricingInputError(
            f"The shapes do not fit together: `bid` {bid.shape}, `ask` {ask.shape}; give them one length."
        ) from None
    return crossed


def _broadcast(name: str, value: ArrayLike, quote: NDArray[np.bool_]) -> FloatArray:
    array = to_floats(name, value)
    try:
        return np.broadcast_to(array, np.broadcast_shapes(array.shape, quote.shape))
    except ValueError:
        raise PricingInputError(
            f"The shapes do not fit together: `{name}` {array.shape}, `bid` and `ask` {quote.shape}; "
            "give arrays of one length, or scalars."
        ) from None


def _mark_crossed(crossed: NDArray[np.bool_], volatility: FloatArray, codes: NDArray[np.int8]) -> None:
    """Take the number from rows whose quote is crossed, unless something stronger is wrong with them."""
    marks = crossed & (codes != _MISSING) & (codes != _NO_TIME)
    codes[marks] = _CROSSED
    volatility[marks] = np.nan


def _rate_of_forward(values: dict[str, Any], model: str) -> FloatArray:
    """Return the rate; it is missing where a yield, which should be none, is missing or infinite."""
    given, rate = (to_floats(name, values[name]) for name in ("dividend_yield", "rate"))
    absent = ~np.isfinite(given)
    if np.any(~absent & (given != 0)):
        raise PricingInputError(
            f"`dividend_yield` does not belong to the model '{model}', whose `spot` is the forward; "
            "leave it out, or put it into the forward."
        )
    if not absent.any():
        return rate
    require_one_shape(rate=rate, dividend_yield=given)
    return np.where(absent, np.nan, rate)
