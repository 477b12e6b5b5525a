"""Shares and European options revalued under many moves of their underlyings, in one fused pass.

Between one scenario and the next only the spots change, and all legs of one underlying change with the same
logarithm. So the logarithm is taken once for each scenario and underlying; each repricing is then two
tails that share one exponential and one division. Profit and loss is summed as it goes: memory beyond
the inputs is one tile.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.arrays import FloatArray
from workbench.portfolio import Legs

IntArray = NDArray[np.int64]

# A deviation of zero (no time, no volatility) counts as this: the option pays what it pays.
_LEAST_DEVIATION = 1e-30


@dataclass(frozen=True, slots=True)
class Revaluation:
    """Shares and European options made ready to be revalued.

    Attributes
    ----------
    options : ndarray, shape (options, 7)
        One row an option, the rows of one underlying together: sign, sign * d1 at the spots of today, its
        slope by the logarithm of the spot's growth, sign * deviation, discounted spot, discounted strike,
        quantity times multiplier.
    where : ndarray of int64
        Column of moves that the option follows.
    shares : ndarray
        Money in shares, for each column of moves.
    """

    options: FloatArray
    where: IntArray
    shares: FloatArray

    def values(self) -> FloatArray:
        """Return the worth of each option per share at unchanged spots, in the order of `options`."""
        from workbench.risk.revaluation_kernels import unmoved_values

        values = np.empty(len(self.where))
        unmoved_values(self.options, values)
        return values

    def profit(self, columns: FloatArray, now: FloatArray) -> FloatArray:
        """Revalue under each scenario.

        Parameters
        ----------
        columns : ndarray, shape (columns, scenarios), contiguous
            Relative changes of spot, above -1; a missing one (NaN) makes the scenarios that need it missing.
        now : ndarray
            What each option counts at today, in the order of `options`; that of shares is their spot.

        Returns
        -------
        ndarray, one element a scenario
            Profit and loss in money.
        """
        from workbench.pricing.kernels import in_chunks
        from workbench.risk.revaluation_kernels import revalue_rows

        pnl = np.empty(columns.shape[1])
        arguments = (columns, self.options, self.where, self.shares, now, pnl)
        # A thread is worth its start from some hundred microseconds of work on.
        least = max(256, 100_000 // (1 + len(self.where)))
        in_chunks(revalue_rows, len(pnl), *arguments, least=least)
        return pnl


def prepare(
    legs: Legs, column: IntArray, columns: int, volatility: FloatArray, years: FloatArray
) -> Revaluation:
    """Put the legs of a book in the order and form that the kernel reads.

    Parameters
    ----------
    legs : Legs
        Priced legs: shares, and options that are worth their European.
    column : ndarray of int64
        Column of moves of each leg.
    columns : int
        How many columns there are.
    volatility, years : ndarray
        Of each leg, in natural units, in place of what `legs` holds.

    Returns
    -------
    Revaluation
    """
    option = legs.is_option
    shares = np.zeros(columns)
    np.add.at(shares, column[~option], (legs.size * legs.spot)[~option])
    order = np.argsort(column[option], kind="stable")
    take = np.flatnonzero(option)[order]

    def of(values: Any) -> Any:
        return np.broadcast_to(values, option.shape)[take]

    spot, strike, time, rate = of(legs.spot), of(legs.strike), of(years), of(legs.rate)
    dividend_yield, sign = of(legs.dividend_yield), np.where(of(legs.is_call), 1.0, -1.0)
    deviation = np.maximum(of(volatility) * np.sqrt(time), _LEAST_DEVIATION)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        moneyness = np.log(spot / strike) + (rate - dividend_yield) * time
        options = np.stack(
            [
                sign,
                sign * (moneyness / deviation + deviation / 2),
                sign / deviation,
                sign * deviation,
                spot * np.exp(-dividend_yield * time),
                strike * np.exp(-rate * time),
                of(legs.size),
            ],
            axis=1,
        )
    # The kernel's comparisons would lose a missing value; in the spot it stays.
    options[np.isnan(options).any(axis=1), 4] = np.nan
    return Revaluation(options, column[take], shares)
