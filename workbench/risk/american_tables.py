"""American options of a book under many moves of their underlyings: each a table over its spot.

Years, volatility, rate and yield of a leg stay as they are from scenario to scenario, so one solution of its
exercise boundary serves them all. From the boundary on the worth of waiting is smooth in the logarithm of
the spot: it is priced at even steps from there, as far as the moves reach, and between the steps it is the
polynomial through six of them. At the boundary and beyond the option is its payoff.

The steps start at the boundary wherever the spot stands, so a move is worth the same whichever others are
asked for beside it.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from workbench.arrays import BoolArray, FloatArray
from workbench.portfolio import Legs
from workbench.pricing.american_scheme import scheme
from workbench.risk.revaluation import IntArray

# Steps in a deviation (volatility times root of time), and in what a perpetual option's worth falls by the
# factor e over: more would only follow the noise of the prices beside the boundary, some 1e-7 of strike.
_STEPS_A_DEVIATION, _STEPS_A_FALL = 8.0, 8.0
_MOST_CELLS = 2_048
_POINTS = 6
_LEAST_DEVIATION = 1e-9
# The sizes of scheme by which `american_price` solves boundaries in its accurate setting.
_SCHEMES = ((12, 16, 24), (24, 40, 48))


@dataclass(frozen=True, slots=True)
class AmericanTables:
    """American legs made ready to be revalued.

    Attributes
    ----------
    legs : ndarray, shape (legs, 7)
        One row a leg, the rows of one underlying together: sign, spot, strike, place of the spot of today in
        steps from the boundary, steps in a logarithm of the spot's growth, first cell of the table, quantity
        times multiplier.
    where : ndarray of int64
        Column of moves that each leg follows.
    starts : ndarray of int64
        Row of `cells` with which each leg's table begins; one more for the end.
    cells : ndarray, shape (cells, 6)
        Coefficients of the polynomials, money per share, in the share of the step behind the cell's start.
    """

    legs: FloatArray
    where: IntArray
    starts: IntArray
    cells: FloatArray

    def values(self) -> FloatArray:
        """Return the worth of each leg per share at unchanged spots, to the bit as a move of zero has it."""
        from workbench.risk.american_kernels import unmoved_american_values

        values = np.empty(len(self.where))
        unmoved_american_values(self.legs, self.starts, self.cells, values)
        return values

    def add_profit(self, columns: FloatArray, pnl: FloatArray) -> None:
        """Add the profit and loss of the legs under each scenario to `pnl`, in money.

        Parameters
        ----------
        columns : ndarray, shape (columns, scenarios), contiguous
            Relative changes of spot, above -1; a missing one (NaN) makes the scenarios that need it missing.
        pnl : ndarray, one element a scenario
            Changed in place.
        """
        from workbench.pricing.kernels import in_chunks
        from workbench.risk.american_kernels import revalue_american_rows

        arguments = (columns, self.legs, self.where, self.starts, self.cells, self.values(), pnl)
        least = max(256, 100_000 // (1 + len(self.where)))
        in_chunks(revalue_american_rows, len(pnl), *arguments, least=least)


def tabulated(legs: Legs, lowest: FloatArray, highest: FloatArray) -> BoolArray:
    """Say which legs a table serves: American ones with one boundary and no more steps than it may have.

    Parameters
    ----------
    legs : Legs
        Priced legs.
    lowest, highest : ndarray, one element a leg
        Logarithms of the least and the largest growth of its spot.

    Returns
    -------
    ndarray of bool
        Of the other legs with early exercise each move is priced by itself.
    """
    gained = np.where(legs.is_call, legs.dividend_yield, legs.rate)
    given = np.where(legs.is_call, legs.rate, legs.dividend_yield)
    one_boundary = (gained > 0) | ((gained == 0) & (given < 0))
    lives = legs.volatility * np.sqrt(legs.years) > _LEAST_DEVIATION
    chosen: BoolArray = legs.exercised_early & one_boundary & lives
    chosen[chosen] = _cell_counts(legs.select(chosen), lowest[chosen], highest[chosen]) <= _MOST_CELLS
    return chosen


def tabulate(legs: Legs, column: IntArray, lowest: FloatArray, highest: FloatArray) -> AmericanTables:
    """Build the tables of legs for which `tabulated` is true, as far as their spots go.

    Parameters
    ----------
    legs : Legs
    column : ndarray of int64
        Column of moves of each leg.
    lowest, highest : ndarray, one element a leg
        As in `tabulated`; the table reaches at least from one to the other.

    Returns
    -------
    AmericanTables
    """
    from workbench.pricing.kernels import in_chunks
    from workbench.risk.american_kernels import fill_tables

    order = np.argsort(column, kind="stable")
    low, high = (np.ascontiguousarray(array[order]) for array in (lowest, highest))
    terms = (legs.spot, legs.strike, legs.years, legs.volatility, legs.rate, legs.dividend_yield)
    rows = [np.ascontiguousarray(array[order]) for array in terms]
    counts = _cell_counts(legs, lowest, highest)[order].astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)])
    table = np.empty((len(order), 7))
    table[:, 6] = legs.size[order]
    cells = np.empty((starts[-1], _POINTS))
    calls = np.ascontiguousarray(legs.is_call[order])
    in_chunks(
        fill_tables, len(order), *rows, calls, 1.0 / _steps(legs)[order], low, high, starts,
        *(scheme(*size).tables for size in _SCHEMES), _polynomials(), table, cells,
        least=8, multiple=1,
    )  # fmt: skip
    return AmericanTables(table, column[order], starts, cells)


def _steps(legs: Legs) -> FloatArray:
    """Return how many steps of the table a logarithm of one has, for each leg."""
    variance = legs.volatility**2
    gained = np.where(legs.is_call, legs.dividend_yield, legs.rate)
    given = np.where(legs.is_call, legs.rate, legs.dividend_yield)
    # The exponents of a perpetual option's worth in its spot.
    lean = np.abs((gained - given) / variance - 0.5)
    fall = lean + np.sqrt(lean**2 + 2 * np.abs(gained) / variance)
    deviation = legs.volatility * np.sqrt(legs.years)
    steps: FloatArray = _STEPS_A_DEVIATION / deviation + _STEPS_A_FALL * fall
    return steps


def _cell_counts(legs: Legs, lowest: FloatArray, highest: FloatArray) -> FloatArray:
    counts: FloatArray = np.ceil((highest - lowest) * _steps(legs)) + 2
    return counts


@cache
def _polynomials() -> FloatArray:
    """Return what turns six worths into coefficients: for the first cell, the second and all others.

    Six points at whole steps; the cell lies between the first two, the next two, or in the middle.
    """
    matrices = [
        np.linalg.inv(np.vander(np.arange(_POINTS) - first, increasing=True).astype(float))
        for first in (0, 1, 2)
    ]
    return np.ascontiguousarray(matrices)
