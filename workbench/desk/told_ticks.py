"""Ticks of a history without those that the desk's stream has told already."""

import pandas as pd

from workbench.market.tick_matching import COARSEST, untold_ticks
from workbench.store import Lake


def without_told(lake: Lake, kind: str, rows: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the rows that the lake does not hold of that source under a coarser or finer stamp.

    Parameters
    ----------
    lake : Lake
        Where ticks are held.
    kind : str
        Rows of other kinds than "quotes" and "trades" are returned as they are.
    rows : DataFrame
        As a provider's history gives them.
    source : str
        The provider's label: ticks of another source are other ticks.
    """
    if kind not in ("quotes", "trades") or rows.empty:
        return rows
    margin = COARSEST
    held = lake.read(
        kind,
        symbols=sorted(rows["symbol"].unique()),
        start=rows["time"].min() - margin,
        end=rows["time"].max() + margin,
        where={"source": source},
    )
    return untold_ticks(rows, held, kind)
