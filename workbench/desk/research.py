"""Backtests on the desk's own bars: signals, costs, and the document that is kept."""

from typing import Any, Literal

import pandas as pd

from workbench.backtest import moving_average_crossover, require_consistent, run_signals
from workbench.desk.clock import AsOf
from workbench.errors import BacktestInputError


def crossover_document(
    bars: pd.DataFrame,
    *,
    symbol: str,
    kind: Literal["sma", "ema"],
    fast: int,
    slow: int,
    as_of: AsOf,
    **options: Any,
) -> dict[str, Any]:
    """Run a moving-average crossover and return the result document with what identifies the run.

    Parameters
    ----------
    bars : DataFrame
        The bars frame of one symbol, total-return adjusted.
    symbol, kind, fast, slow
        As in `Desk.backtest`.
    as_of : AsOf
        The desk's instant; no bar after it is in `bars`.
    **options
        Costs and sizing for `workbench.backtest.run_signals`.
    """
    if len(bars) <= slow:
        raise BacktestInputError(
            f"{symbol} has {len(bars)} bars, and `slow` is {slow}; give more history or a shorter window."
        )
    entries, exits = moving_average_crossover(bars, kind=kind, fast=fast, slow=slow)
    result = run_signals(bars, entries, exits, symbol=symbol, engine="vectorbt", **options)
    document = result.document()
    require_consistent(document)
    return document | {
        "strategy": f"{kind.upper()} {fast}/{slow} crossover",
        "symbol": symbol,
        "as_of": as_of.session.isoformat(),
        "label": as_of.label,
        "first_date": bars.index[0].date().isoformat(),
        "last_date": bars.index[-1].date().isoformat(),
        "prices": "total return (adjusted for splits and dividends)",
    }
