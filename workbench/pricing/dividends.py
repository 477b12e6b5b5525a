"""Options on shares that pay cash dividends on known days, under two named models.

Both models agree on the forward and differ in what is random, by percents of the price of a long option:

- ``spot``: the share itself follows a geometric Brownian motion and falls by the cash amount when a
  dividend is paid. A share that is worth less than its dividend falls to zero and stays there.
- ``escrowed``: the share less the value of its dividends until expiry follows the geometric Brownian
  motion; that value, discounted at the rate less the yield, is certain. Early exercise gets the whole share.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.arrays import (
    FloatArray,
    Labels,
    labels_of,
    require_finite,
    require_flags,
    require_non_negative,
    require_one_shape,
    require_positive,
    to_floats,
)
from workbench.errors import PricingInputError

DividendModel = Literal["spot", "escrowed"]
Accuracy = Literal["accurate", "fast"]
Dividends = Iterable[tuple[float, float]]

GREEKS = ("price", "delta", "gamma", "vega", "theta", "rho", "phi", "vanna", "vomma")
_DEFAULT_GREEKS = ("delta", "gamma", "vega", "theta", "rho")

# Nodes and time steps of the finer of two grids, from which the price is extrapolated.
_GRIDS = {"accurate": (384, 96), "fast": (128, 32)}
_GROUPS_PER_THREAD = 4
_MOST_DEVIATION = 10.0

# Columns of the rows in the order of `dividend_grid`, which is imported on first use.
_SPOT, _STRIKE, _YEARS, _VOLATILITY, _RATE, _YIELD, _SIGN, _AMERICAN, _REACH, _DRIFT = range(10)


@dataclass(frozen=True, slots=True)
class DividendValue:
    """Prices with the name of the model that they rest on.

    Attributes
    ----------
    price : ndarray of float64
        Per share.
    model : str
        ``spot`` or ``escrowed``.
    dividends : tuple of (float, float)
        Years from now and amount of each dividend that was looked at, by time.
    """

    price: FloatArray
    model: str
    dividends: tuple[tuple[float, float], ...]


def require_dividends(dividends: Dividends | None) -> tuple[FloatArray, FloatArray]:
    """Return times and amounts of the dividends to come, by time, those of one moment added up.

    Parameters
    ----------
    dividends : iterable of (float, float)
        Years from now and amount per share. One at 0 is still to come; those before are past and left out,
        as are amounts of zero.

    Returns
    -------
    times, amounts : ndarray

    Raises
    ------
    PricingInputError
        If a time or amount is missing, infinite, text or (the amount) negative, or they are no pairs.
    """
    remedy = "give pairs of years from now and amount per share, as in [(0.25, 0.88)]"
    try:
        pairs: list[tuple[Any, ...]] = [tuple(pair) for pair in dividends]  # type: ignore[union-attr]
    except TypeError:
        raise PricingInputError(f"`dividends` is {dividends!r}; {remedy}.") from None
    for place, pair in enumerate(pairs):
        if len(pair) != 2 or any(isinstance(number, str | bytes) for number in pair):
            raise PricingInputError(f"`dividends` holds {pair!r} at place {place}; {remedy}.")
    numbers = to_floats("dividends", pairs).reshape(-1, 2)
    wrong = ~np.isfinite(numbers).all(axis=1) | (numbers[:, 1] < 0)
    if wrong.any():
        place = int(np.argmax(wrong))
        years, amount = numbers[place]
        raise PricingInputError(
            f"`dividends` holds ({years:g}, {amount:g}) at place {place}; "
            "give finite years from now and a finite amount of zero or more."
        )
    numbers = numbers[(numbers[:, 0] >= 0) & (numbers[:, 1] > 0)]
    times, place_of = np.unique(numbers[:, 0], return_inverse=True)
    amounts = np.bincount(place_of.reshape(-1), weights=numbers[:, 1], minlength=times.size)
    return times, amounts.astype(np.float64)


def require_dividend_model(dividend_model: str | None) -> DividendModel:
    """Return the model's name, or refuse one that is missing or unknown."""
    for known in get_args(DividendModel):
        if dividend_model == known:
            return known  # type: ignore[no-any-return]
    raise PricingInputError(
        f"`dividend_model` is {dividend_model!r}; give 'spot' or 'escrowed': "
        "their prices differ by percents, so the model must be named."
    )


@dataclass(frozen=True, slots=True)
class _Request:
    """Checked input: complete rows for the grid, their places in the answer, and the dividends."""

    rows: FloatArray
    places: NDArray[np.intp]
    shape: tuple[int, ...]
    labels: Labels
    times: FloatArray
    amounts: FloatArray
    escrowed: bool
    accuracy: Accuracy


def _request(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
    american: ArrayLike,
    dividends: Dividends | None,
    dividend_model: str | None,
    accuracy: str,
) -> _Request:
    model = require_dividend_model(dividend_model)
    times, amounts = require_dividends(dividends)
    if accuracy not in get_args(Accuracy):
        raise PricingInputError(f"`accuracy` is {accuracy!r}; give 'accurate' or 'fast'.")
    labels = labels_of(
        spot=spot,
        strike=strike,
        years=years,
        volatility=volatility,
        rate=rate,
        dividend_yield=dividend_yield,
        is_call=is_call,
        american=american,
    )
    values = labels.values
    names = ("spot", "strike", "years", "volatility", "rate", "dividend_yield")
    numbers = require_positive(**{name: values[name] for name in names[:2]})
    numbers += require_non_negative(**{name: values[name] for name in names[2:4]})
    numbers += require_finite(**{name: values[name] for name in names[4:]})
    calls, early = require_flags(is_call=values["is_call"], american=values["american"])
    require_one_shape(**dict(zip(names, numbers, strict=True)), is_call=calls, american=early)
    signs = np.where(calls, 1.0, -1.0)
    given = np.broadcast_arrays(*numbers, signs, early.astype(np.float64))
    rows = np.empty((given[0].size, 10))
    for column, array in enumerate(given):
        rows[:, column] = array.reshape(-1)
    rows[:, _REACH] = rows[:, _VOLATILITY]
    rows[:, _DRIFT] = rows[:, _RATE] - rows[:, _YIELD] - rows[:, _VOLATILITY] ** 2 / 2
    places = np.flatnonzero(~np.isnan(rows).any(axis=1))
    _require_reach(rows, places, given[0].ndim)
    escrowed = model == "escrowed"
    if escrowed and places.size:
        complete = rows[places]
        held = _held_back(complete, times, amounts)
        wrong = held >= complete[:, _SPOT]
        if wrong.any():
            row = int(np.argmax(wrong))
            where = f" in row {places[row]}" if given[0].ndim else ""
            raise PricingInputError(
                f"`dividends` until expiry are worth {held[row]:g}{where}, not below the spot of "
                f"{complete[row, _SPOT]:g}; give smaller dividends, or dividend_model='spot'."
            )
    return _Request(rows[places], places, given[0].shape, labels, times, amounts, escrowed, accuracy)  # type: ignore[arg-type]


def _require_reach(rows: FloatArray, places: NDArray[np.intp], dimensions: int) -> None:
    """Refuse volatilities so wild that the share's range leaves the numbers of a grid."""
    deviation = rows[places, _VOLATILITY] * np.sqrt(rows[places, _YEARS])
    wrong = deviation > _MOST_DEVIATION
    if wrong.any():
        place = int(np.argmax(wrong))
        where = f" in row {places[place]}" if dimensions else ""
        raise PricingInputError(
            f"`volatility` is {rows[places[place], _VOLATILITY]:g}{where}, {deviation[place]:g} over the "
            f"option's life; give at most {_MOST_DEVIATION:g} / sqrt(years), as a fraction (0.20 is 20 %)."
        )


def _held_back(rows: FloatArray, times: FloatArray, amounts: FloatArray) -> FloatArray:
    """Present value of the dividends until each row's expiry, at the rate less the yield."""
    carry = (rows[:, _RATE] - rows[:, _YIELD])[:, np.newaxis]
    counted = times <= rows[:, _YEARS, np.newaxis]
    held: FloatArray = (amounts * np.exp(-carry * times) * counted).sum(axis=1)
    return held


def _solve(rows: FloatArray, request: _Request) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return value and first and second derivative by the log of the share that moves."""
    from workbench.pricing.dividend_grid import price_groups
    from workbench.pricing.kernels import in_chunks
    from workbench.pricing.lanes import LANES

    # Rows of one group go through the same stretches of time, as alike in length as can be.
    counts = np.searchsorted(request.times, rows[:, _YEARS], side="right")
    order = np.lexsort((rows[:, _YEARS], counts))
    groups, count_of = [], []
    for count in np.unique(counts):
        members = order[counts[order] == count]
        members = np.concatenate([members, np.repeat(members[-1:], -members.size % LANES)])
        groups.append(members.reshape(-1, LANES))
        count_of.append(np.full(members.size // LANES, count))
    found = np.empty((len(rows), 6))
    nodes, steps = _GRIDS[request.accuracy]
    in_chunks(
        price_groups,
        sum(map(len, groups)),
        rows,
        np.concatenate(groups),
        np.concatenate(count_of),
        request.times,
        request.amounts,
        request.escrowed,
        nodes,
        steps,
        found,
        least=_GROUPS_PER_THREAD,
        multiple=1,
    )
    # The error falls with the square of both steps: two grids tell where it leads.
    best = (4 * found[:, :3] - found[:, 3:]) / 3
    intrinsic = rows[:, _SIGN] * (rows[:, _SPOT] - rows[:, _STRIKE])
    early = rows[:, _AMERICAN] > 0
    exercised = early & (found[:, 0] <= intrinsic * (1 + 1e-13))
    price = np.maximum(best[:, 0], np.where(early, np.maximum(intrinsic, 0.0), 0.0))
    moving = rows[:, _SPOT] - (_held_back(rows, request.times, request.amounts) if request.escrowed else 0.0)
    price = np.where(exercised, intrinsic, price)
    first = np.where(exercised, rows[:, _SIGN] * moving, best[:, 1])
    second = np.where(exercised, rows[:, _SIGN] * moving, best[:, 2])
    return price, first, second


def dividend_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    dividends: Dividends | None,
    dividend_model: str | None,
    accuracy: str = "accurate",
    american: ArrayLike = True,
) -> FloatArray:
    """Price options on a share that pays cash dividends.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield, is_call : array_like
        As in `black_scholes_price`; all broadcast. The yield comes beside the cash dividends.
    dividends : iterable of (float, float)
        Years from now to the ex-date, and amount per share, the same for all options. A dividend counts
        for the options that expire then or later; one at 0 is still to come, earlier ones are past.
    dividend_model : {"spot", "escrowed"}
        What follows the geometric Brownian motion: the share, or the share less its dividends' value.
    accuracy : {"accurate", "fast"}
        Within 3e-5, or 3e-4, of strike of a converged grid; mostly ten times closer. Farthest is a put
        near its exercise boundary with years to go.
    american : array_like of bool
        Whether the option may be exercised before expiry; also just before each ex-date.

    Returns
    -------
    ndarray, in the broadcast shape; a numpy scalar where all inputs are scalars, a Series or frame for such
        Price per share. A missing input (NaN) gives NaN.

    Raises
    ------
    PricingInputError
        If an input is impossible, the shapes do not fit, a dividend is negative, missing or no number, the
        model is not named, or escrowed dividends are worth the whole spot.

    Notes
    -----
    Finite differences in log spot on a grid for each stretch of time between dividends: Crank and
    Nicolson's scheme with time steps that grow with the square of the time since the stretch's end, begun
    with Rannacher's implicit halves; kinks enter as means over cells; early exercise is exact at each
    step (Brennan and Schwartz); prices are extrapolated from two grids.

    References
    ----------
    Brennan and Schwartz (1977), The Valuation of American Put Options, J. Finance 32(2).
    Rannacher (1984), Finite Element Solution of Diffusion Problems with Irregular Data, Numer. Math. 43.
    Haug, Haug and Lewis (2003), Back to Basics: a New Approach to the Discrete Dividend Problem, Wilmott.

    Examples
    --------
    >>> dividend_price(100, 100, 1, 0.3, rate=0.05, dividends=[(0.5, 4)], dividend_model="spot").round(3)
    np.float64(12.231)
    """
    request = _request(
        spot,
        strike,
        years,
        volatility,
        rate,
        dividend_yield,
        is_call,
        american,
        dividends,
        dividend_model,
        accuracy,
    )
    price = np.full(int(np.prod(request.shape)), np.nan)
    if request.places.size:
        price[request.places] = _solve(request.rows, request)[0]
    prices: FloatArray = request.labels.wrap(price.reshape(request.shape))
    return prices


def dividend_value(*arguments: ArrayLike, **options: Any) -> DividendValue:
    """Price as `dividend_price` does, with the model's name and the dividends beside the price.

    Parameters and errors are those of `dividend_price`.

    Returns
    -------
    DividendValue
    """
    # An iterator of dividends would be empty when read a second time.
    options["dividends"] = list(options["dividends"]) if options.get("dividends") is not None else None
    price = dividend_price(*arguments, **options)
    times, amounts = require_dividends(options["dividends"])
    pairs = tuple(zip(times.tolist(), amounts.tolist(), strict=True))
    return DividendValue(price, str(options["dividend_model"]), pairs)


def dividend_greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend_yield: ArrayLike = 0.0,
    is_call: ArrayLike = True,
    dividends: Dividends | None,
    dividend_model: str | None,
    accuracy: str = "accurate",
    american: ArrayLike = True,
    greeks: Iterable[str] | None = None,
) -> dict[str, FloatArray]:
    """Compute sensitivities of options on a share that pays cash dividends.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield, is_call : array_like
    dividends, dividend_model, accuracy, american
        As in `dividend_price`.
    greeks : iterable of str, optional
        Any of `GREEKS`; without it delta, gamma, vega, theta, rho.

    Returns
    -------
    dict of str to ndarray, in the broadcast shape
        In natural units: per 1.00 of spot, volatility, rate or yield; theta per year, calendar time running
        forward towards fixed ex-dates. The dividends stay as they are while the others move.

    Raises
    ------
    PricingInputError
        As in `dividend_price`, or if a Greek is unknown.

    Notes
    -----
    Delta and gamma are differences on the grid; theta follows from the differential equation. The others
    are differences of whole prices, on grids that are held still so that their errors cancel.
    """
    names = _DEFAULT_GREEKS if greeks is None else tuple(greeks)
    unknown = [name for name in names if name not in GREEKS]
    if unknown:
        raise PricingInputError(
            f"`greeks` holds {unknown[0]!r}; with cash dividends give any of {', '.join(GREEKS)}."
        )
    request = _request(
        spot,
        strike,
        years,
        volatility,
        rate,
        dividend_yield,
        is_call,
        american,
        dividends,
        dividend_model,
        accuracy,
    )
    size = int(np.prod(request.shape))
    results = {name: np.full(size, np.nan) for name in names}
    if request.places.size:
        found = _greeks_of(request, set(names))
        for name in names:
            results[name][request.places] = found[name]
    wrap = request.labels.wrap
    return {name: wrap(result.reshape(request.shape), name) for name, result in results.items()}


# Sizes of the differences. Volatility moves by a share of itself and by twice that, so that a five-point
# formula allows a step wide enough to drown the grid's own noise in a second derivative.
_VOLATILITY_STEP, _RATE_STEP = 0.04, 4e-3
_NEEDS = {
    "vega": ("volatility",),
    "vanna": ("volatility",),
    "vomma": ("volatility",),
    "rho": ("rate",),
    "phi": ("yield",),
}


def _greeks_of(request: _Request, names: set[str]) -> dict[str, FloatArray]:
    """Solve the rows and their shifted copies in one go, and put differences together."""
    rows = request.rows
    needs = {need for name in names for need in _NEEDS.get(name, ())}
    shift = np.maximum(_VOLATILITY_STEP * rows[:, _VOLATILITY], 1e-5)
    moves: dict[tuple[str, int], FloatArray] = {("base", 0): rows}
    for need, column, size, reach in (
        ("volatility", _VOLATILITY, shift, (-2, -1, 1, 2)),
        ("rate", _RATE, _RATE_STEP, (-1, 1)),
        ("yield", _YIELD, _RATE_STEP, (-1, 1)),
    ):
        if need in needs:
            for times in reach:
                moved = rows.copy()
                moved[:, column] = (
                    np.abs(moved[:, column] + times * size)
                    if column == _VOLATILITY
                    else (moved[:, column] + times * size)
                )
                moves[need, times] = moved
    # Copies of one row stand side by side, and so share a group of lanes and its time steps.
    stacked = np.stack(list(moves.values()), axis=1).reshape(-1, rows.shape[1])
    value, first, second = (part.reshape(len(rows), -1).T for part in _solve(stacked, request))
    place = {key: number for number, key in enumerate(moves)}

    spot, volatility = rows[:, _SPOT], rows[:, _VOLATILITY]
    held = _held_back(rows, request.times, request.amounts) if request.escrowed else np.zeros(len(rows))
    moving = spot - held
    delta = {key: first[number] / (spot - _held(moves[key], request)) for key, number in place.items()}
    price, slope = value[0], delta["base", 0]
    gamma = (second[0] - first[0]) / (moving * moving)
    found = {"price": price, "delta": slope, "gamma": gamma}
    if "theta" in names:
        # A share that goes ex at this very moment moves without its dividend.
        ex = spot - request.amounts[request.times == 0].sum() if not request.escrowed else spot
        carry = rows[:, _RATE] - rows[:, _YIELD]
        theta = rows[:, _RATE] * price - carry * ex * slope
        theta -= 0.5 * (volatility * np.where(request.escrowed, moving, ex)) ** 2 * gamma
        exercised = (rows[:, _AMERICAN] > 0) & (price <= rows[:, _SIGN] * (spot - rows[:, _STRIKE]))
        found["theta"] = np.where(exercised, 0.0, theta)
    if "volatility" in needs:
        far_down, down, up, far_up = (place["volatility", times] for times in (-2, -1, 1, 2))
        found["vega"] = (8 * (value[up] - value[down]) - (value[far_up] - value[far_down])) / (12 * shift)
        slopes = [delta["volatility", times] for times in (-2, -1, 1, 2)]
        found["vanna"] = (8 * (slopes[2] - slopes[1]) - (slopes[3] - slopes[0])) / (12 * shift)
        bend = 16 * (value[up] + value[down]) - (value[far_up] + value[far_down]) - 30 * price
        found["vomma"] = bend / (12 * shift * shift)
    for need, name in (("rate", "rho"), ("yield", "phi")):
        if need in needs:
            found[name] = (value[place[need, 1]] - value[place[need, -1]]) / (2 * _RATE_STEP)
    return found


def _held(rows: FloatArray, request: _Request) -> FloatArray:
    if not request.escrowed:
        return np.zeros(len(rows))
    return _held_back(rows, request.times, request.amounts)
