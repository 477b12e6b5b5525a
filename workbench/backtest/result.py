"""The result of a backtest, and the document in which it is kept."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.backtest.fills import OpenPosition
from workbench.backtest.headline import Headline, headline


@dataclass(frozen=True)
class BacktestResult:
    """Trades, equity and headline of one run.

    Parameters
    ----------
    trades : DataFrame
        Closed trades, one a row: symbol, side ("long", "short"), entry_time, exit_time, size (units),
        entry_price and exit_price (as filled), entry_fee, exit_fee, pnl (money after costs), pnl_pct.
    equity : Series
        Value of cash and position at each bar's close.
    refused : DataFrame
        Orders that cash could not pay: time, size (units asked for; NaN where the cash did not cover
        the fixed fee), price, reason.
    open_position : OpenPosition or None
        What the last bar marks but does not close.
    parameters : dict
        What the run was given, in JSON's types.
    """

    trades: pd.DataFrame
    equity: pd.Series
    refused: pd.DataFrame
    open_position: OpenPosition | None
    parameters: dict[str, Any]
    headline: Headline = field(init=False, repr=False)

    def __post_init__(self) -> None:
        derived = headline(self.equity, self.trades, initial_capital=self.parameters["initial_capital"])
        object.__setattr__(self, "headline", derived)

    @property
    def metrics(self) -> dict[str, float | None]:
        """The headline figures by name; None where one is not defined."""
        return dict(self.headline.figures)

    def document(self) -> dict[str, Any]:
        """Return the result document: plain JSON types, equal bytes for equal runs.

        Returns
        -------
        dict
            `parameters` (start_date, end_date, initial_capital, commission and the rest of what the
            run was given), `results` (the headline figures; null where undefined), `reasons` (why a
            figure is null), `equity_curve` (date, value), `trades` (entry_date, exit_date, symbol,
            side, entry_price, exit_price, quantity, pnl, pnl_pct), `open_position`, `refused_orders`.
        """
        dated = _date_writer(pd.DatetimeIndex(self.equity.index))
        return {
            "parameters": dict(self.parameters),
            "results": self.metrics,
            "reasons": dict(self.headline.reasons),
            "equity_curve": [
                {"date": dated(time), "value": value}
                for time, value in zip(self.equity.index, self.equity.tolist(), strict=True)
            ],
            "trades": [
                {
                    "entry_date": dated(trade["entry_time"]),
                    "exit_date": dated(trade["exit_time"]),
                    "symbol": trade["symbol"],
                    "side": trade["side"],
                    "entry_price": trade["entry_price"],
                    "exit_price": trade["exit_price"],
                    "quantity": trade["size"],
                    "pnl": trade["pnl"],
                    "pnl_pct": trade["pnl_pct"],
                }
                for trade in self.trades.to_dict("records")
            ],
            "open_position": _open_entry(self.open_position, dated),
            "refused_orders": [
                {
                    "date": dated(order["time"]),
                    "quantity": None if pd.isna(order["size"]) else order["size"],
                    "price": order["price"],
                    "reason": order["reason"],
                }
                for order in self.refused.to_dict("records")
            ],
        }


def _date_writer(times: pd.DatetimeIndex) -> Any:
    """Write dates for daily bars, instants for anything finer."""
    daily = bool((times == times.normalize()).all())
    return lambda time: time.date().isoformat() if daily else time.isoformat()


def _open_entry(position: OpenPosition | None, dated: Any) -> dict[str, Any] | None:
    if position is None:
        return None
    return {
        "entry_date": dated(position.entry_time),
        "symbol": position.symbol,
        "side": position.side,
        "entry_price": position.entry_price,
        "quantity": position.size,
        "mark": position.mark,
        "pnl": position.pnl,
    }
