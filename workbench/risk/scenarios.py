"""What a book makes when the market moves: full revaluation of every leg, no Greeks."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import BoolArray, FloatArray, to_floats
from workbench.errors import RiskInputError
from workbench.portfolio import Legs, legs_of
from workbench.risk.american_tables import tabulate, tabulated
from workbench.risk.revaluation import IntArray, prepare

# A shock never takes a volatility below one hundredth of a point (or below where it stood).
VOLATILITY_FLOOR = 1e-4
DAYS_PER_YEAR = 365.0
_SHOWN = ("account", "symbol", "description", "underlying", "kind", "expiry", "strike", "quantity")


def revalue(book: pd.DataFrame, returns: pd.DataFrame, *, skip_unpriced: bool = False) -> FloatArray:
    """Revalue a book under each row of returns, at unchanged volatility, rates and date.

    Parameters
    ----------
    book : DataFrame
        As `workbench.portfolio.legs_of` takes it; American options are valued with early exercise.
    returns : DataFrame
        One column for each underlying of the book (others are ignored), one row a scenario; simple
        returns, -0.05 is -5 %.
    skip_unpriced : bool
        Leave out the legs that miss an input instead of refusing the book.

    Returns
    -------
    ndarray, one element a row of `returns`
        Profit and loss of the book in money; NaN where a return that it needs is missing.

    Raises
    ------
    RiskInputError
        If a leg misses an input, a column is missing, or a return is -1 or below.

    Notes
    -----
    European options are valued by one fused pass over all legs and scenarios. An American one is tabulated
    over its spot, at most 1e-6 of strike off `american_price`, and never below what exercise pays. With two
    exercise boundaries, as negative rates may bring, it is priced anew in each scenario.

    Examples
    --------
    >>> leg = {"underlying": "SPY", "kind": "share", "strike": None, "years": None, "quantity": 10,
    ...        "multiplier": 1, "spot": 400.0, "volatility": None, "rate": 0.02, "dividend_yield": 0.0}
    >>> revalue(pd.DataFrame([leg]), pd.DataFrame({"SPY": [-0.01, 0.02]})).round(6)
    array([-40.,  80.])
    """
    legs = _priced_legs(book, skip_unpriced)
    names, where = np.unique(legs.underlying.astype(str), return_inverse=True)
    absent = [name for name in names if name not in returns.columns]
    if absent:
        raise RiskInputError(f"`returns` has no column {', '.join(absent)}; give one for each underlying.")
    moves = to_floats("returns", returns[list(names)].to_numpy(), RiskInputError)
    _require_moves("returns", moves)
    # One layout, so that one compiled version serves: a frame's values may be read-only, or by column.
    columns = np.require(moves.T, requirements=("C", "W"))
    where = where.astype(np.int64)
    early = legs.exercised_early
    plain = legs.select(~early)
    book_now = prepare(plain, where[~early], len(names), plain.volatility, plain.years)
    pnl = book_now.profit(columns, book_now.values())
    if early.any():
        _add_early_exercised(legs.select(early), where[early], columns, pnl)
    return pnl


def _add_early_exercised(legs: Legs, where: IntArray, columns: FloatArray, pnl: FloatArray) -> None:
    """Add the profit of American options under each scenario to `pnl`, in place."""
    growth = np.log1p(np.where(np.isnan(columns), 0.0, columns))
    if not growth.size:
        return
    lowest = np.minimum(growth.min(axis=1), 0.0)[where]
    highest = np.maximum(growth.max(axis=1), 0.0)[where]
    smooth = tabulated(legs, lowest, highest)
    if smooth.any():
        tables = tabulate(legs.select(smooth), where[smooth], lowest[smooth], highest[smooth])
        tables.add_profit(columns, pnl)
    if not smooth.all():
        others = legs.select(~smooth)
        moved = others.spot * (1.0 + columns[where[~smooth]].T)
        pnl += (others.unit_values(moved) - others.unit_values()) @ others.size


def scenario_grid(
    book: pd.DataFrame,
    *,
    spot: ArrayLike,
    volatility: ArrayLike,
    days: float = 0,
    skip_unpriced: bool = False,
) -> pd.DataFrame:
    """Revalue a book on a grid of moves that all underlyings make together.

    Parameters
    ----------
    book : DataFrame
        As `workbench.portfolio.legs_of` takes it; American options are valued with early exercise.
    spot : array_like
        Relative changes, -0.05 is -5 %.
    volatility : array_like
        Absolute changes per 1.00, 0.05 is five points. A volatility stays at or above 0.0001.
    days : float
        Calendar days that pass, zero or more; an option whose time runs out counts what it pays.
    skip_unpriced : bool
        Leave out the legs that miss an input instead of refusing the book.

    Returns
    -------
    DataFrame of money, rows `spot`, columns `volatility`
        Profit and loss against now. Rates, yields and what shares earn in those days are left as they are.

    Raises
    ------
    RiskInputError
        If a leg misses an input, a spot change is -1 or below, or `days` is negative.

    Examples
    --------
    >>> leg = {"underlying": "SPY", "kind": "share", "strike": None, "years": None, "quantity": 10,
    ...        "multiplier": 1, "spot": 400.0, "volatility": None, "rate": 0.02, "dividend_yield": 0.0}
    >>> scenario_grid(pd.DataFrame([leg]), spot=[-0.1, 0.1], volatility=[0.0]).round(6)[0.0].to_list()
    [-400.0, 400.0]
    """
    legs = _priced_legs(book, skip_unpriced)
    rows, columns = (np.atleast_1d(to_floats(n, v, RiskInputError)) for n, v in _named(spot, volatility))
    if rows.ndim != 1 or columns.ndim != 1:
        raise RiskInputError("`spot` and `volatility` are not plain lists; give one dimension each.")
    bumped = _shocked_volatility(legs, columns[:, None])
    years = _later(legs, days)
    _require_moves("spot", rows)
    early = legs.exercised_early
    plain, american = legs.select(~early), legs.select(early)
    together = np.zeros(len(plain), dtype=np.int64)
    now = prepare(plain, together, 1, plain.volatility, plain.years).values()
    american_now = american.unit_values()
    moved = american.spot * (1 + rows[:, None])
    pnl = np.empty((len(rows), len(columns)))
    for j, volatilities in enumerate(bumped):
        later = prepare(plain, together, 1, volatilities[~early], years[~early])
        pnl[:, j] = later.profit(rows[None].copy(), now)
        if early.any():
            values = american.unit_values(moved, volatilities[early], years[early])
            pnl[:, j] += (values - american_now) @ american.size
    return pd.DataFrame(
        pnl,
        index=pd.Index(rows, name="spot"),
        columns=pd.Index(columns, name="volatility"),
    )


def stress_legs(
    book: pd.DataFrame,
    *,
    spot: float = 0.0,
    volatility: float = 0.0,
    days: float = 0,
    skip_unpriced: bool = False,
) -> pd.DataFrame:
    """Revalue each leg of a book under one move.

    Parameters
    ----------
    book, spot, volatility, days, skip_unpriced
        As in `scenario_grid`, with one change of spot and one of volatility.

    Returns
    -------
    DataFrame, on the index of `book`
        The columns that name the leg (symbol, underlying, kind and the like, where the book has them),
        value, stressed_value and pnl in money. A skipped leg keeps its row with missing values.

    Raises
    ------
    RiskInputError
        As `scenario_grid`.
    """
    legs = legs_of(book)
    _require_priced(legs, skip_unpriced)
    moves = [to_floats(n, v, RiskInputError) for n, v in _named(spot, volatility)]
    if any(move.ndim for move in moves):
        raise RiskInputError("`spot` and `volatility` are one number each here; use scenario_grid for more.")
    _require_moves("spot", moves[0])
    bumped = _shocked_volatility(legs, moves[1])
    value = np.where(legs.is_priced, legs.unit_values() * legs.size, np.nan)
    stressed = legs.unit_values(legs.spot * (1 + moves[0]), bumped, _later(legs, days)) * legs.size
    table = book[[name for name in _SHOWN if name in book.columns]].copy()
    table["value"] = value
    table["stressed_value"] = np.where(legs.is_priced, stressed, np.nan)
    table["pnl"] = table["stressed_value"] - table["value"]
    return table


def _named(spot: ArrayLike, volatility: ArrayLike) -> list[tuple[str, ArrayLike]]:
    return [("spot", spot), ("volatility", volatility)]


def _priced_legs(book: pd.DataFrame, skip_unpriced: bool) -> Legs:
    legs = legs_of(book)
    _require_priced(legs, skip_unpriced)
    return legs.select(legs.is_priced)


def _require_priced(legs: Legs, skip_unpriced: bool) -> None:
    missing: BoolArray = ~legs.is_priced
    if missing.any() and not skip_unpriced:
        names = [str(name) for name in legs.names[missing]]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise RiskInputError(
            f"No value for {', '.join(names[:5])}{more}: a spot, strike, time, volatility, rate or yield is "
            "missing; give it, or say skip_unpriced=True."
        )


def _require_moves(name: str, moves: FloatArray) -> None:
    wrong = (moves <= -1) | np.isinf(moves)
    if wrong.any():
        place = np.unravel_index(int(np.argmax(wrong)), moves.shape)
        row = f" in row {place[0]}" if moves.ndim else ""
        raise RiskInputError(
            f"`{name}` is {moves[wrong][0]:g}{row}; give a relative change above -1 (-0.05 is -5 %)."
        )


def _shocked_volatility(legs: Legs, change: FloatArray) -> FloatArray:
    if np.isinf(change).any():
        raise RiskInputError("`volatility` is infinite; give an absolute change (0.05 is five points).")
    floor = np.minimum(legs.volatility, VOLATILITY_FLOOR)
    shocked: FloatArray = np.maximum(legs.volatility + change, floor)
    return shocked


def _later(legs: Legs, days: float) -> FloatArray:
    if not 0 <= days < np.inf:
        raise RiskInputError(f"`days` is {days}; give zero or more calendar days.")
    later: FloatArray = np.maximum(legs.years - days / DAYS_PER_YEAR, 0.0)
    return later
