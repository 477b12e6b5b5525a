"""From signals to trades, an equity curve and the result document."""

from workbench.backtest.costs import Costs
from workbench.backtest.document import check_document, require_consistent
from workbench.backtest.fills import OpenPosition
from workbench.backtest.headline import CONVENTIONS, HEADLINE_FIELDS, Headline, headline
from workbench.backtest.result import BacktestResult
from workbench.backtest.vectorized import run_signals
from workbench.signals import moving_average_crossover

__all__ = [
    "CONVENTIONS",
    "HEADLINE_FIELDS",
    "BacktestResult",
    "Costs",
    "Headline",
    "OpenPosition",
    "check_document",
    "headline",
    "moving_average_crossover",
    "require_consistent",
    "run_signals",
]
