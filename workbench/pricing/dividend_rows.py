"""Options with cash dividends as rows for the grid: checked, put into groups, and solved."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    to_floats,
)
from workbench.errors import PricingInputError
from workbench.pricing.european import settle_flags

DividendModel = Literal["spot", "escrowed"]
Accuracy = Literal["accurate", "fast"]
Dividends = Iterable[tuple[float, float]]

# Nodes and time steps of the finer of two grids, from which the price is extrapolated.
GRIDS = {"accurate": (384, 96), "fast": (192, 48)}
_GROUPS_PER_THREAD = 4
# What the numbers of a grid can hold: volatility times root of time, a rate or yield times the time, prices.
_MOST_DEVIATION, _MOST_GROWTH = 10.0, 50.0
_SMALLEST, _LARGEST = 1e-100, 1e100
# Lives that differ by less than this factor, counted from its powers, take the same steps.
_ALIKE, _LEAST_YEARS = 1.1, 1e-9
# Volatility times root of time above which the fast grid would be too coarse, and gives way to the other.
_MOST_FOR_FAST = 0.8

# Columns of the rows in the order of `dividend_grid`, which is imported on first use.
SPOT, STRIKE, YEARS, VOLATILITY, RATE, YIELD, SIGN, AMERICAN, REACH, DRIFT = range(10)


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
class DividendRows:
    """Checked input.

    Attributes
    ----------
    rows : ndarray of shape (rows, 10)
        The complete rows, in the columns above.
    places : ndarray of int
        Where they stand in the flattened answer.
    shape : tuple of int
        Of the answer.
    labels : Labels
        Its dress.
    times, amounts : ndarray
        The dividends, by time.
    escrowed : bool
        The model.
    accuracy : {"accurate", "fast"}
    """

    rows: FloatArray
    places: NDArray[np.intp]
    shape: tuple[int, ...]
    labels: Labels
    times: FloatArray
    amounts: FloatArray
    escrowed: bool
    accuracy: Accuracy


def dividend_rows(
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
) -> DividendRows:
    """Check the arguments of `dividend_price` and lay them out for the grid; errors are those it names."""
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
    settled, calls = settle_flags(dict(zip(names, numbers, strict=True)), values["is_call"])
    (early,) = require_flags(american=values["american"])
    require_one_shape(**settled, is_call=np.asarray(calls), american=early)
    signs = np.where(calls, 1.0, -1.0)
    given = np.broadcast_arrays(*settled.values(), signs, early.astype(np.float64))
    rows = np.empty((given[0].size, 10))
    for column, array in enumerate(given):
        rows[:, column] = array.reshape(-1)
    rows[:, REACH] = rows[:, VOLATILITY]
    with np.errstate(over="ignore", invalid="ignore"):
        rows[:, DRIFT] = rows[:, RATE] - rows[:, YIELD] - rows[:, VOLATILITY] ** 2 / 2
    places = np.flatnonzero(~np.isnan(rows[:, :DRIFT]).any(axis=1))
    _require_range(rows[places], places, given[0].ndim)
    escrowed = model == "escrowed"
    if escrowed and places.size:
        complete = rows[places]
        held = held_back(complete, times, amounts)
        wrong = held >= complete[:, SPOT]
        if wrong.any():
            row = int(np.argmax(wrong))
            where = f" in row {places[row]}" if given[0].ndim else ""
            raise PricingInputError(
                f"`dividends` until expiry are worth {held[row]:g}{where}, not below the spot of "
                f"{complete[row, SPOT]:g}; give smaller dividends, or dividend_model='spot'."
            )
    return DividendRows(rows[places], places, given[0].shape, labels, times, amounts, escrowed, accuracy)  # type: ignore[arg-type]


def fits_grid(rows: FloatArray) -> BoolArray:
    """Tell which rows the numbers of a grid can hold, whatever their volatility."""
    prices, years = rows[:, [SPOT, STRIKE]], rows[:, [YEARS]]
    with np.errstate(over="ignore", invalid="ignore"):
        growth = np.abs(rows[:, [RATE, YIELD]] * years)
    fits = (prices > _SMALLEST) & (prices < _LARGEST) & (growth <= _MOST_GROWTH)
    return np.asarray(fits.all(axis=1))


def _require_range(rows: FloatArray, places: NDArray[np.intp], dimensions: int) -> None:
    """Refuse options so wild that the share's range leaves the numbers of a grid."""
    outside = ~fits_grid(rows)
    if outside.any():
        place = int(np.argmax(outside))
        where = f"The option in row {places[place]}" if dimensions else "The option"
        spot, strike, years, _, rate, dividend_yield = rows[place, :6]
        raise PricingInputError(
            f"{where} has spot {spot:g}, strike {strike:g}, years {years:g}, rate {rate:g} and dividend "
            f"yield {dividend_yield:g}, which no grid can hold; give prices between {_SMALLEST:g} and "
            f"{_LARGEST:g}, and rates of at most {_MOST_GROWTH:g} / years."
        )
    deviation = rows[:, VOLATILITY] * np.sqrt(rows[:, YEARS])
    wrong = deviation > _MOST_DEVIATION
    if wrong.any():
        place = int(np.argmax(wrong))
        where = f" in row {places[place]}" if dimensions else ""
        raise PricingInputError(
            f"`volatility` is {rows[place, VOLATILITY]:g}{where}, {deviation[place]:g} over the option's "
            f"life; give at most {_MOST_DEVIATION:g} / sqrt(years), as a fraction (0.20 is 20 %)."
        )


def held_back(rows: FloatArray, times: FloatArray, amounts: FloatArray) -> FloatArray:
    """Present value of the dividends until each row's expiry, at the rate less the yield."""
    carry = (rows[:, RATE] - rows[:, YIELD])[:, np.newaxis]
    counted = times <= rows[:, YEARS, np.newaxis]
    held: FloatArray = (amounts * np.exp(-carry * times) * counted).sum(axis=1)
    return held


def solve(rows: FloatArray, request: DividendRows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Solve rows of the request, or others with the same dividends.

    Parameters
    ----------
    rows : ndarray of shape (rows, 10)
    request : DividendRows

    Returns
    -------
    price, first, second : ndarray
        The price, and its first and second derivative by the log of the share that moves: spot, or spot
        less what is held back.
    """
    from workbench.pricing.dividend_grid import price_groups
    from workbench.pricing.kernels import in_chunks
    from workbench.pricing.lanes import LANES

    # Rows of one group go through the same stretches of time, in as many steps each.
    counts = np.searchsorted(request.times, rows[:, YEARS], side="right")
    sizes = np.array([GRIDS["fast"], GRIDS["accurate"]])
    wide = rows[:, REACH] * np.sqrt(rows[:, YEARS]) > _MOST_FOR_FAST
    grids = np.where(wide | (request.accuracy == "accurate"), 1, 0)
    spans = np.floor(np.log(np.maximum(rows[:, YEARS], _LEAST_YEARS)) / math.log(_ALIKE)).astype(np.intp)
    kinds, kind_of = np.unique(np.column_stack([grids, counts, spans]), axis=0, return_inverse=True)
    groups, kind_of_group = [], []
    for kind in range(len(kinds)):
        members = np.flatnonzero(kind_of.reshape(-1) == kind)
        members = np.concatenate([members, np.repeat(members[-1:], -members.size % LANES)])
        groups.append(members.reshape(-1, LANES))
        kind_of_group += [kind] * len(groups[-1])
    shared = kinds[kind_of_group]
    found = np.empty((len(rows), 6))
    in_chunks(
        price_groups,
        len(shared),
        rows,
        np.concatenate(groups),
        np.ascontiguousarray(shared[:, 1]),
        sizes[shared[:, 0]],
        _ALIKE ** (shared[:, 2:] + np.array([0.0, 1.0])),
        request.times,
        request.amounts,
        request.escrowed,
        found,
        least=_GROUPS_PER_THREAD,
        multiple=1,
    )
    # The error falls with the square of both steps: two grids tell where it leads.
    best = (4 * found[:, :3] - found[:, 3:]) / 3
    intrinsic = rows[:, SIGN] * (rows[:, SPOT] - rows[:, STRIKE])
    early = rows[:, AMERICAN] > 0
    exercised = early & (found[:, 0] <= intrinsic * (1 + 1e-13))
    price = np.maximum(best[:, 0], np.where(early, np.maximum(intrinsic, 0.0), 0.0))
    moving = rows[:, SPOT] - (held_back(rows, request.times, request.amounts) if request.escrowed else 0.0)
    price = np.where(exercised, intrinsic, price)
    first = np.where(exercised, rows[:, SIGN] * moving, best[:, 1])
    second = np.where(exercised, rows[:, SIGN] * moving, best[:, 2])
    return price, first, second
