"""Profit and loss between two instants."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.portfolio.lots import positions_from_fills
from workbench.portfolio.positions import value_positions


def period_pnl(
    fills: pd.DataFrame,
    start: pd.Timestamp,
    end: pd.Timestamp,
    start_marks: "pd.Series[float] | pd.DataFrame | Mapping[str, float]",
    end_marks: "pd.Series[float] | pd.DataFrame | Mapping[str, float]",
    *,
    actions: pd.DataFrame | None = None,
    by: Sequence[str] = ("account",),
    zone: str = "America/New_York",
) -> pd.DataFrame:
    """Compute what each position made from just after `start` to `end`.

    Parameters
    ----------
    fills, actions, by, zone
        As in `positions_from_fills`; all fills since the first, since they make the quantities.
    start, end : Timestamp
        With time zone. Fills at `start` belong to the past, fills at `end` to the period.
    start_marks, end_marks : Series, mapping, or DataFrame with a column price
        Raw prices per share by symbol at the two instants.

    Returns
    -------
    DataFrame, one row a position that existed by `end`
        The key columns, start_quantity, end_quantity, start_value, end_value, trades (cash of the period's
        trades: buying is negative), dividends, fees, and pnl = end_value - start_value + trades + dividends
        - fees. It equals the difference of `value_positions`' pnl at the two instants, by any lot method. A
        missing mark of a held position makes its pnl missing.

    Raises
    ------
    ArgumentError
        If `end` is before `start`, or as `positions_from_fills`.
    """
    if end < start:
        raise ArgumentError(f"`end` is {end}, before `start` {start}; swap them.")
    before = positions_from_fills(fills, actions=actions, until=start, by=by, zone=zone)
    after = positions_from_fills(fills, actions=actions, until=end, by=by, zone=zone)
    keys = list(after.columns[: after.columns.get_loc("multiplier")])
    last = value_positions(after, end_marks).set_index(keys)
    first = value_positions(before, start_marks).set_index(keys).reindex(last.index)
    # A position opened within the period had no quantity, value or cash at its start.
    fresh = ~last.index.isin(before.set_index(keys).index)
    columns = ["quantity", "value", "cash", "dividends", "fees"]
    first = first[columns].mask(np.broadcast_to(fresh[:, None], (len(last), len(columns))), 0.0)
    dividends = last["dividends"] - first["dividends"]
    fees = last["fees"] - first["fees"]
    cash = last["cash"] - first["cash"]
    table = pd.DataFrame(
        {
            "start_quantity": first["quantity"],
            "end_quantity": last["quantity"],
            "start_value": first["value"],
            "end_value": last["value"],
            "trades": cash - dividends + fees,
            "dividends": dividends,
            "fees": fees,
            "pnl": last["value"] - first["value"] + cash,
        }
    )
    return table.reset_index()
