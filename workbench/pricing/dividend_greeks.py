"""Sensitivities of options on shares that pay cash dividends."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from workbench.arrays import FloatArray
from workbench.pricing.dividend_rows import (
    AMERICAN,
    RATE,
    SIGN,
    SPOT,
    STRIKE,
    VOLATILITY,
    YIELD,
    DividendRows,
    Dividends,
    dividend_rows,
    held_back,
    solve,
)  # fmt: skip
from workbench.pricing.european import names_of
from workbench.pricing.greeks import FIRST_GREEKS, Units, factors_of
from workbench.pricing.greeks import GREEKS as EUROPEAN_GREEKS

GREEKS = ("price", "delta", "gamma", "vega", "theta", "rho", "phi", "vanna", "vomma")
_ABSENT = {name: "it is not computed with cash dividends" for name in EUROPEAN_GREEKS if name not in GREEKS}

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
    units: Units = "natural",
) -> dict[str, FloatArray]:
    """Compute sensitivities of options on a share that pays cash dividends.

    Parameters
    ----------
    spot, strike, years, volatility, rate, dividend_yield, is_call : array_like
    dividends, dividend_model, accuracy, american
        As in `dividend_price`.
    greeks : names, optional
        Any of price, delta, gamma, vega, theta, rho, phi, vanna, vomma; without it delta, gamma, vega,
        theta, rho.
    units : {"natural", "trader"}
        As in `black_scholes_greeks`.

    Returns
    -------
    dict of str to ndarray, in the broadcast shape
        Theta is by calendar time running forward towards fixed ex-dates. The dividends stay as they are while
        the others move. A missing input (NaN) gives NaN.

    Raises
    ------
    PricingInputError
        As in `dividend_price`, or if a Greek is unknown.

    Notes
    -----
    Delta and gamma are differences on the grid; theta follows from the differential equation. The others
    are differences of whole prices, on grids that are held still so that their errors cancel. Those of
    rho and phi span 0.4 % to each side: close to the exercise boundary, where the price bends in the rate
    or yield, they are its mean slope.
    """
    names = names_of(greeks, GREEKS, FIRST_GREEKS, _ABSENT)
    factors = factors_of(units)
    request = dividend_rows(
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
            results[name][request.places] = found[name] * factors.get(name, 1.0)
    wrap = request.labels.wrap
    return {name: wrap(result.reshape(request.shape), name) for name, result in results.items()}


def _greeks_of(request: DividendRows, names: set[str]) -> dict[str, FloatArray]:
    """Solve the rows and their shifted copies in one go, and put differences together."""
    rows = request.rows
    needs = {need for name in names for need in _NEEDS.get(name, ())}
    shift = np.maximum(_VOLATILITY_STEP * rows[:, VOLATILITY], 1e-5)
    moves: dict[tuple[str, int], FloatArray] = {("base", 0): rows}
    for need, column, size, reach in (
        ("volatility", VOLATILITY, shift, (-2, -1, 1, 2)),
        ("rate", RATE, _RATE_STEP, (-1, 1)),
        ("yield", YIELD, _RATE_STEP, (-1, 1)),
    ):
        if need in needs:
            for times in reach:
                moved = rows.copy()
                moved[:, column] = (
                    np.abs(moved[:, column] + times * size)
                    if column == VOLATILITY
                    else (moved[:, column] + times * size)
                )
                moves[need, times] = moved
    # Copies of one row stand side by side, and so share a group of lanes and its time steps.
    stacked = np.stack(list(moves.values()), axis=1).reshape(-1, rows.shape[1])
    value, first, second = (part.reshape(len(rows), -1).T for part in solve(stacked, request))
    place = {key: number for number, key in enumerate(moves)}

    spot, volatility = rows[:, SPOT], rows[:, VOLATILITY]
    held = held_back(rows, request.times, request.amounts) if request.escrowed else np.zeros(len(rows))
    moving = spot - held
    delta = {key: first[number] / (spot - _held(moves[key], request)) for key, number in place.items()}
    price, slope = value[0], delta["base", 0]
    gamma = (second[0] - first[0]) / (moving * moving)
    found = {"price": price, "delta": slope, "gamma": gamma}
    if "theta" in names:
        # A share that goes ex at this very moment moves without its dividend.
        ex = spot - request.amounts[request.times == 0].sum() if not request.escrowed else spot
        carry = rows[:, RATE] - rows[:, YIELD]
        theta = rows[:, RATE] * price - carry * ex * slope
        theta -= 0.5 * (volatility * np.where(request.escrowed, moving, ex)) ** 2 * gamma
        exercised = (rows[:, AMERICAN] > 0) & (price <= rows[:, SIGN] * (spot - rows[:, STRIKE]))
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


def _held(rows: FloatArray, request: DividendRows) -> FloatArray:
    if not request.escrowed:
        return np.zeros(len(rows))
    return held_back(rows, request.times, request.amounts)
