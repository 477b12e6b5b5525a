"""The scenario grid as a heatmap: spot across, volatility down, the P&L written in each cell."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.marks import part_of
from workbench.plots.numbers import percent, points, written
from workbench.plots.theme import (
    DARK,
    LIGHT,
    Theme,
    apply_theme,
    blank_figure,
    paint,
    readable_ink,
    say,
    when_narrow,
)

CELLS, NOW, CHOSEN, BETWEEN = "cells", "now", "chosen", "between"
NARROW_COLUMNS = 7


def scenario_unit(grid: pd.DataFrame) -> tuple[float, str, int]:
    """Return the divisor, its name and the digits in which the largest cell stays short to read.

    Examples
    --------
    >>> scenario_unit(pd.DataFrame([[96_900.0]]))
    (1000.0, 'thousand $', 1)
    """
    largest = float(np.nanmax(np.abs(grid.to_numpy()), initial=0.0))
    if largest >= 10_000_000:
        return 1_000_000.0, "million $", 1
    if largest >= 10_000:
        return 1_000.0, "thousand $", 1
    return 1.0, "$", 0


def scenario_cells(grid: pd.DataFrame) -> dict[str, Any]:
    """Return the heatmap's columns: position, text and, for light and dark, fill and ink of each cell.

    Parameters
    ----------
    grid : DataFrame
        P&L in money; rows are relative changes of spot, columns absolute changes of volatility.
    """
    divisor, _, digits = scenario_unit(grid)
    largest = float(np.nanmax(np.abs(grid.to_numpy()), initial=0.0))
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "spot",
            "volatility",
            "pnl",
            "text",
            "exact",
            "fill_light",
            "ink_light",
            "fill_dark",
            "ink_dark",
        )
    }
    for spot, row in grid.iterrows():
        for volatility, pnl in row.items():
            columns["spot"].append(_spot_label(spot))
            columns["volatility"].append(_volatility_label(volatility))
            columns["pnl"].append(float(pnl))
            columns["text"].append(written(pnl / divisor, digits, signed=True))
            columns["exact"].append(written(pnl, signed=True))
            for theme in (LIGHT, DARK):
                fill = _diverging(theme, float(pnl), largest)
                columns[f"fill_{theme.name}"].append(fill)
                columns[f"ink_{theme.name}"].append(readable_ink(fill))
    return columns


def chosen_cell(grid: pd.DataFrame, spot: float, volatility: float) -> dict[str, list[Any]]:
    """Return the cell that a scenario is, if it is one other than now."""
    on_grid = (
        np.isclose(grid.index.to_numpy(float), spot).any()
        and np.isclose(grid.columns.to_numpy(float), volatility).any()
    )
    if not on_grid or _is_now(spot, volatility):
        return {"x": [], "y": []}
    return {"x": [_spot_label(spot)], "y": [_volatility_label(volatility)]}


def between_cells(grid: pd.DataFrame, spot: float, volatility: float) -> dict[str, list[Any]]:
    """Return the point where a scenario lies between cells; none if it is a cell, or outside the grid."""
    spots, volatilities = np.sort(grid.index.to_numpy(float)), np.sort(grid.columns.to_numpy(float))
    inside = spots[0] <= spot <= spots[-1] and volatilities[0] <= volatility <= volatilities[-1]
    if not inside or _is_now(spot, volatility) or chosen_cell(grid, spot, volatility)["x"]:
        return {"x": [], "y": []}
    # Categories sit at 0.5, 1.5, ... along their axis.
    x = float(np.interp(spot, spots, np.arange(len(spots)) + 0.5))
    y = float(np.interp(volatility, volatilities, np.arange(len(volatilities)) + 0.5))
    return {"x": [x], "y": [y]}


def describe_scenarios(grid: pd.DataFrame) -> str:
    """Return the heatmap in one sentence: its worst and its best cell."""
    stacked: Any = grid.stack()
    if stacked.dropna().empty:
        return "The grid has no value: no leg of the book could be revalued."
    worst, best = stacked.idxmin(), stacked.idxmax()

    def cell(place: Any) -> str:
        where = f"spot {_spot_label(place[0])}, volatility {_volatility_label(place[1])}"
        return f"{written(stacked[place], signed=True)} $ at {where}"

    return f"Of {stacked.size} scenarios the worst is {cell(worst)}; the best is {cell(best)}."


def scenario_heatmap(
    grid: pd.DataFrame, *, subject: str = "spot", height: int = 290, dark: bool = False
) -> Any:
    """Return the scenario grid as a Bokeh figure.

    Parameters
    ----------
    grid : DataFrame
        P&L in money; rows are relative changes of spot, columns absolute changes of volatility, as
        `workbench.risk.scenario_grid` returns them.
    subject : str
        What moves, for the axis: a symbol, or "every underlying".
    height : int
        Pixels; the width follows the page.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If the grid is empty.
    """
    from bokeh.models import ColumnDataSource, FactorRange, HoverTool

    if grid.empty:
        raise ArgumentError("The scenario grid is empty; give at least one spot and one volatility change.")
    spots = [_spot_label(spot) for spot in sorted(grid.index)]
    volatilities = [_volatility_label(volatility) for volatility in sorted(grid.columns)]
    plot = blank_figure(
        x_range=FactorRange(factors=spots),
        y_range=FactorRange(factors=volatilities),
        x_axis_location="above",
        height=height,
    )
    cells = plot.rect(
        x="spot",
        y="volatility",
        width=1,
        height=1,
        line_width=2,
        source=ColumnDataSource(scenario_cells(grid)),
        name=CELLS,
    )
    paint(cells.glyph, fill_color="field:fill", line_color="surface")
    numbers = plot.text(
        x="spot",
        y="volatility",
        text="text",
        text_align="center",
        text_baseline="middle",
        text_font_size="12px",
        source=cells.data_source,
    )
    paint(numbers.glyph, text_color="field:ink")
    _frame_now(plot, spots, volatilities)
    chosen = plot.rect(
        x="x",
        y="y",
        width=1,
        height=1,
        fill_alpha=0,
        line_width=2,
        line_dash=[5, 3],
        level="overlay",
        source=ColumnDataSource({"x": [], "y": []}),
        name=CHOSEN,
    )
    paint(chosen.glyph, line_color="ink")
    between = plot.scatter(
        "x",
        "y",
        marker="diamond",
        size=13,
        line_width=2,
        level="overlay",
        source=ColumnDataSource({"x": [], "y": []}),
        name=BETWEEN,
    )
    paint(between.glyph, line_color="ink", fill_color="surface")
    # A narrow page shows fewer columns; a point between two that are not side by side would lie.
    when_narrow(between, visible=False)
    when_narrow(plot.x_range, factors=_fewer(spots))
    tips = [("Spot", "@spot"), ("Volatility", "@volatility"), ("P&L, $", "@exact")]
    plot.add_tools(HoverTool(renderers=[cells], tooltips=tips))
    plot.xaxis.axis_label = f"Change of {subject}"
    plot.yaxis.axis_label = "Change of implied volatility"
    plot.grid.visible = False
    plot.axis.axis_line_alpha = 0
    plot.axis.major_tick_line_alpha = 0
    return say(apply_theme(plot, dark=dark), describe_scenarios(grid))


def update_scenario_heatmap(plot: Any, grid: pd.DataFrame) -> None:
    """Put another grid of the same axes into the heatmap."""
    part_of(plot, CELLS).data_source.data = scenario_cells(grid)
    say(plot, describe_scenarios(grid))


def mark_scenario(plot: Any, grid: pd.DataFrame, *, spot: float, volatility: float) -> None:
    """Mark the chosen scenario on the heatmap: a dashed frame on its cell, or a diamond between cells.

    Parameters
    ----------
    plot : bokeh.plotting.figure
        As `scenario_heatmap` made it.
    grid : DataFrame
        What it shows.
    spot, volatility : float
        Relative change of spot, absolute change of volatility; now and what is off the grid get no mark.
    """
    part_of(plot, CHOSEN).data_source.data = chosen_cell(grid, spot, volatility)
    part_of(plot, BETWEEN).data_source.data = between_cells(grid, spot, volatility)


def _frame_now(plot: Any, spots: list[str], volatilities: list[str]) -> None:
    if _spot_label(0.0) in spots and _volatility_label(0.0) in volatilities:
        frame = plot.rect(
            x=[_spot_label(0.0)],
            y=[_volatility_label(0.0)],
            width=1,
            height=1,
            fill_alpha=0,
            line_width=2,
            level="overlay",
            name=NOW,
        )
        paint(frame.glyph, line_color="ink")


def _fewer(spots: list[str]) -> list[str]:
    """Return about seven columns: every so many from the left, and now."""
    if len(spots) <= NARROW_COLUMNS:
        return spots
    step = int(np.ceil((len(spots) - 1) / (NARROW_COLUMNS - 1)))
    return [spot for place, spot in enumerate(spots) if place % step == 0 or spot == _spot_label(0.0)]


def _is_now(spot: float, volatility: float) -> bool:
    return abs(spot) < 1e-12 and abs(volatility) < 1e-12


def _spot_label(spot: Any) -> str:
    digits = 0 if abs(spot * 100 - round(spot * 100)) < 1e-9 else 1
    return percent(float(spot), digits, signed=True)


def _volatility_label(volatility: Any) -> str:
    digits = 0 if abs(volatility * 100 - round(volatility * 100)) < 1e-9 else 1
    return points(float(volatility), digits, signed=True)


def _diverging(theme: Theme, pnl: float, largest: float) -> str:
    if not np.isfinite(pnl):
        return theme["stale-tint"]
    if largest == 0.0:
        return theme.diverging[len(theme.diverging) // 2]
    share = (pnl / largest + 1.0) / 2.0
    return theme.diverging[min(int(share * len(theme.diverging)), len(theme.diverging) - 1)]
