"""Backtests."""

from typing import TYPE_CHECKING, Literal

import click

from workbench.cli.options import DeskCommand, pass_desk

if TYPE_CHECKING:
    from workbench.desk import Desk


@click.command(cls=DeskCommand)
@click.argument("symbol")
@click.option("--kind", type=click.Choice(["sma", "ema"]), default="sma", show_default=True, help="Average.")
@click.option("--fast", type=click.IntRange(min=1), default=20, show_default=True, help="Sessions.")
@click.option("--slow", type=click.IntRange(min=2), default=100, show_default=True, help="Sessions.")
@click.option("--fee", type=float, default=0.001, show_default=True, help="Commission, fraction of value.")
@click.option("--slippage", type=float, default=0.0005, show_default=True, help="Fraction of price.")
@pass_desk
def backtest(
    desk: "Desk", symbol: str, kind: Literal["sma", "ema"], fast: int, slow: int, fee: float, slippage: float
) -> None:
    """Backtest a moving-average crossover on SYMBOL with costs; the result is kept."""
    from workbench.cli.show import show_pairs

    document = desk.backtest(symbol, kind=kind, fast=fast, slow=slow, fee=fee, slippage=slippage)
    labels = {
        "total_return_pct": ("Total return", "%"),
        "annualized_return_pct": ("Return a year", "%"),
        "sharpe_ratio": ("Sharpe ratio", ""),
        "max_drawdown_pct": ("Largest drawdown", "%"),
        "win_rate": ("Trades that won", "%"),
        "total_trades": ("Trades", ""),
        "profit_factor": ("Profit factor", ""),
    }
    results = document["results"]
    rows = [
        (label, "–" if results[key] is None else f"{results[key]:,.2f}".replace("-", "−"), unit)
        for key, (label, unit) in labels.items()
    ]
    period = f"{document['first_date']} to {document['last_date']}"
    show_pairs(rows, title=f"{document['strategy']} on {symbol}, {period}", note=f"kept as {document['id']}")
