"""What positions are worth at given marks."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from workbench.arrays import require_finite
from workbench.errors import ArgumentError


def value_positions(
    positions: pd.DataFrame, marks: "pd.Series[float] | pd.DataFrame | Mapping[str, float]"
) -> pd.DataFrame:
    """Value positions at marks and split their profit and loss.

    Parameters
    ----------
    positions : DataFrame
        From `positions_from_fills`.
    marks : Series, mapping, or DataFrame with a column price
        Price per share by symbol.

    Returns
    -------
    DataFrame
        `positions` with price, value (quantity x price x multiplier), open_pnl (value - cost) and pnl
        (realized_pnl + open_pnl + dividends - fees, which equals value + cash). A held position without a
        mark has missing values, not zeros; a closed one is worth zero.

    Raises
    ------
    ArgumentError
        If a symbol has two marks, or a mark is infinite.

    Examples
    --------
    >>> from workbench.portfolio import positions_from_fills
    >>> fills = pd.DataFrame({"time": pd.to_datetime(["2013-02-01 15:00Z"]), "symbol": ["AAPL"],
    ...                       "quantity": [100], "price": [450.0]})
    >>> value_positions(positions_from_fills(fills), {"AAPL": 430.0})["pnl"].to_list()
    [-2000.0]
    """
    series = marks["price"] if isinstance(marks, pd.DataFrame) else pd.Series(marks, dtype="float64")
    if series.index.has_duplicates:
        twice = series.index[series.index.duplicated()][0]
        raise ArgumentError(f"`marks` holds two prices of {twice}; give one price a symbol.")
    (prices,) = require_finite(ArgumentError, price=series.to_numpy(dtype="float64", na_value=np.nan))
    known = pd.Series(prices, index=series.index)
    valued = positions.copy()
    valued["price"] = known.reindex(positions["symbol"]).to_numpy()
    held = positions["quantity"].to_numpy() != 0
    value = positions["quantity"] * valued["price"] * positions["multiplier"]
    valued["value"] = np.where(held, value, 0.0)
    valued["open_pnl"] = valued["value"] - positions["cost"]
    valued["pnl"] = valued["realized_pnl"] + valued["open_pnl"] + valued["dividends"] - valued["fees"]
    return valued
