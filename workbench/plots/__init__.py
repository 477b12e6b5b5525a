"""Pictures of the trade: frames in, Bokeh figures out."""

from workbench.plots.bars_by_name import bars_by_name
from workbench.plots.candles import Panel, candles
from workbench.plots.coverage_map import coverage_map, mark_cell
from workbench.plots.equity_drawdown import equity_drawdown
from workbench.plots.exercise_boundary import exercise_boundary
from workbench.plots.greek_profile import greek_profile, update_greek_profile
from workbench.plots.numbers import percent, points, written
from workbench.plots.payoff import payoff, update_payoff
from workbench.plots.pnl_distribution import pnl_distribution
from workbench.plots.price_line import price_line, update_price_line
from workbench.plots.scenario_heatmap import (
    mark_scenario,
    scenario_heatmap,
    scenario_unit,
    update_scenario_heatmap,
)
from workbench.plots.smile import smile, smile_points, update_smile
from workbench.plots.surface_heatmap import surface_heatmap, update_surface_heatmap
from workbench.plots.term_structure import term_structure, update_term_structure
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
    "Panel",
    "Theme",
    "apply_theme",
    "bars_by_name",
    "candles",
    "coverage_map",
    "css_variables",
    "equity_drawdown",
    "exercise_boundary",
    "greek_profile",
    "mark_cell",
    "mark_scenario",
    "on_card",
    "paint",
    "payoff",
    "percent",
    "pnl_distribution",
    "points",
    "price_line",
    "say",
    "scenario_heatmap",
    "scenario_unit",
    "smile",
    "smile_points",
    "summary_of",
    "surface_heatmap",
    "term_structure",
    "update_greek_profile",
    "update_payoff",
    "update_price_line",
    "update_scenario_heatmap",
    "update_smile",
    "update_surface_heatmap",
    "update_term_structure",
    "written",
]
