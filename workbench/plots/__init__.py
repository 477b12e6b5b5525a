"""Pictures of the trade: frames in, Bokeh figures out."""

from workbench.plots.bars_by_name import bars_by_name
from workbench.plots.equity_drawdown import equity_drawdown
from workbench.plots.numbers import percent, points, written
from workbench.plots.pnl_distribution import pnl_distribution
from workbench.plots.price_line import price_line, update_price_line
from workbench.plots.scenario_heatmap import (
    mark_scenario,
    scenario_heatmap,
    scenario_unit,
    update_scenario_heatmap,
)
from workbench.plots.theme import (
    DARK,
    LIGHT,
    Theme,
    apply_theme,
    css_variables,
    on_card,
    paint,
    say,
    summary_of,
)

__all__ = [
    "DARK",
    "LIGHT",
    "Theme",
    "apply_theme",
    "bars_by_name",
    "css_variables",
    "equity_drawdown",
    "mark_scenario",
    "on_card",
    "paint",
    "percent",
    "pnl_distribution",
    "points",
    "price_line",
    "say",
    "scenario_heatmap",
    "scenario_unit",
    "summary_of",
    "update_price_line",
    "update_scenario_heatmap",
    "written",
]
