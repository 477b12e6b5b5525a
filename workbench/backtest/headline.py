"""The headline figures of a backtest: one function that derives them all from curve and trades."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd

HEADLINE_FIELDS = (
    "total_return_pct",
    "annualized_return_pct",
    "sharpe_ratio",
    "max_drawdown_pct",
    "win_rate",
    "total_trades",
    "avg_win_pct",
    "avg_loss_pct",
    "profit_factor",
)
# What each figure means, shown beside it wherever it is printed.
CONVENTIONS = {
    "total_return_pct": "last value of the curve over the initial capital, less one",
    "annualized_return_pct": "compound growth over calendar time, a year being 365.25 days",
    "sharpe_ratio": "mean over sample deviation of daily returns, times the root of 252; no risk-free rate",
    "max_drawdown_pct": "deepest fall of the curve from its highest value until then, zero or negative",
    "win_rate": "closed trades with a profit after costs, of all closed trades, 0 to 100",
    "total_trades": "closed trades; a position still open at the end is marked, not counted",
    "avg_win_pct": "mean of the winning trades' P&L after costs over their entry value",
    "avg_loss_pct": "the same of the losing trades, negative",
    "profit_factor": "money won by the winning trades over money lost by the losing ones",
}
DAYS_PER_YEAR = 365.25
SESSIONS_PER_YEAR = 252


@dataclass(frozen=True, slots=True)
class Headline:
    """The headline figures, and why one is missing where it is None."""

    figures: dict[str, float | None]
    reasons: dict[str, str]


def headline(equity: pd.Series, trades: pd.DataFrame, *, initial_capital: float) -> Headline:
    """Derive every headline figure from the equity curve and the closed trades.

    Parameters
    ----------
    equity : Series
        Value of cash and position at each bar's close, on an ascending time index.
    trades : DataFrame
        Closed trades with columns `pnl` (money after costs) and `pnl_pct` (percent of entry value).
    initial_capital : float
        Money before the first bar.

    Returns
    -------
    Headline
        Figures by the names of `HEADLINE_FIELDS`, as `CONVENTIONS` defines them; percentages as
        numbers (13.4 is 13.4 %). None where a figure is not defined, with the reason.
    """
    figures: dict[str, float | None] = dict.fromkeys(HEADLINE_FIELDS)
    reasons: dict[str, str] = {}
    values = equity.to_numpy(np.float64)
    _curve_figures(values, pd.DatetimeIndex(equity.index), initial_capital, figures, reasons)
    _trade_figures(trades, figures, reasons)
    return Headline(figures, reasons)


def annualized_pct(total_return_pct: float, days: float) -> float | None:
    """Return the compound yearly growth of a total return over so many days; None where there is none."""
    growth = 1 + total_return_pct / 100
    if days <= 0 or growth < 0:
        return None
    with np.errstate(over="ignore"):
        yearly = float((np.float64(growth) ** (DAYS_PER_YEAR / days) - 1) * 100)
    return yearly if np.isfinite(yearly) else None


def _curve_figures(
    values: Any, times: pd.DatetimeIndex, capital: float, figures: dict[str, Any], reasons: dict[str, str]
) -> None:
    if not len(values):
        for name in HEADLINE_FIELDS[:4]:
            reasons[name] = "the equity curve is empty"
        return
    total = float((values[-1] / capital - 1) * 100)
    figures["total_return_pct"] = total
    figures["annualized_return_pct"] = annualized_pct(total, (times[-1] - times[0]) / pd.Timedelta(days=1))
    if figures["annualized_return_pct"] is None:
        reasons["annualized_return_pct"] = "the curve is too short to say what a year would bring"
    peaks = np.maximum(np.maximum.accumulate(values), capital)
    figures["max_drawdown_pct"] = float(min((values / peaks - 1).min() * 100, 0.0))
    # Bars within a day share its risk, so the ratio is taken of the days' last values.
    daily = pd.Series(values, index=times).groupby(times.normalize()).last().to_numpy()
    returns = daily[1:] / daily[:-1] - 1
    if len(returns) < 2:
        reasons["sharpe_ratio"] = "fewer than two daily returns"
        return
    deviation = float(returns.std(ddof=1))
    if deviation == 0 or not np.isfinite(deviation):
        reasons["sharpe_ratio"] = "daily returns do not vary"
        return
    figures["sharpe_ratio"] = float(returns.mean() / deviation * sqrt(SESSIONS_PER_YEAR))


def _trade_figures(trades: pd.DataFrame, figures: dict[str, Any], reasons: dict[str, str]) -> None:
    figures["total_trades"] = len(trades)
    if not len(trades):
        for name in ("win_rate", "avg_win_pct", "avg_loss_pct", "profit_factor"):
            reasons[name] = "no closed trades"
        return
    pnl, percent = trades["pnl"].to_numpy(np.float64), trades["pnl_pct"].to_numpy(np.float64)
    won, lost = pnl > 0, pnl < 0
    figures["win_rate"] = float(won.sum() / len(pnl) * 100)
    if won.any():
        figures["avg_win_pct"] = float(percent[won].mean())
    else:
        reasons["avg_win_pct"] = "no winning trades"
    if lost.any():
        figures["avg_loss_pct"] = float(percent[lost].mean())
        figures["profit_factor"] = float(pnl[won].sum() / -pnl[lost].sum())
    else:
        reasons["avg_loss_pct"] = reasons["profit_factor"] = "no losing trades"
