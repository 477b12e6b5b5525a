"""The volatility surface as a heatmap: expiry down, delta across, the value written in each cell."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.marks import put
from workbench.plots.numbers import written
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

CELLS = "cells"
LEAST_ROW, MOST_ROW, ALL_ROWS = 26, 64, 552  # pixels
NARROW_COLUMNS = 5


def surface_cells(table: pd.DataFrame) -> dict[str, Any]:
    """Return the heatmap's columns: place, text and, for light and dark, fill and ink of each cell.

    Parameters
    ----------
    table : DataFrame
        Implied volatility as a fraction; rows expiries, columns deltas, both by their labels.
    """
    values = table.to_numpy(float) * 100
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    names = ["delta", "expiry", "volatility", "text", "exact"]
    names += [f"{part}_{theme.name}" for theme in (LIGHT, DARK) for part in ("fill", "ink")]
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for expiry, row in zip(table.index, values, strict=True):
        for delta, volatility in zip(table.columns, row, strict=True):
            columns["delta"].append(str(delta))
            columns["expiry"].append(str(expiry))
            columns["volatility"].append(float(volatility))
            columns["text"].append(written(float(volatility), 1))
            columns["exact"].append(written(float(volatility), 2))
            for theme in (LIGHT, DARK):
                fill = _level(theme, float(volatility), low, high)
                columns[f"fill_{theme.name}"].append(fill)
                columns[f"ink_{theme.name}"].append(readable_ink(fill))
    return columns


def describe_surface(table: pd.DataFrame) -> str:
    """Return the surface in one sentence: its lowest and its highest cell."""
    stacked: Any = table.stack().dropna()
    if stacked.empty:
        return "The surface has no value."

    def cell(place: Any) -> str:
        return f"{written(stacked[place] * 100, 1)} % at {place[1]}, {place[0]}"

    return (
        f"Implied volatility of {len(table)} expiries: lowest {cell(stacked.idxmin())}; "
        f"highest {cell(stacked.idxmax())}."
    )


def surface_heatmap(table: pd.DataFrame, *, height: int | None = None, dark: bool = False) -> Any:
    """Return the surface as a Bokeh figure.

    Parameters
    ----------
    table : DataFrame
        Implied volatility as a fraction; the index holds what to call each expiry, nearest first, the
        columns what to call each delta, from puts to calls.
    height : int, optional
        Pixels; else what the number of expiries needs.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If the table is empty.
    """
    from bokeh.models import ColumnDataSource, FactorRange, HoverTool

    if table.empty:
        raise ArgumentError("The surface has no expiry to draw; load a chain with at least one.")
    plot = blank_figure(
        x_range=FactorRange(factors=[str(each) for each in table.columns]),
        y_range=FactorRange(factors=[str(each) for each in table.index][::-1]),
        x_axis_location="above",
        height=height or surface_height(len(table)),
    )
    cells = plot.rect(
        x="delta",
        y="expiry",
        width=1,
        height=1,
        line_width=2,
        source=ColumnDataSource(surface_cells(table)),
        name=CELLS,
    )
    paint(cells.glyph, fill_color="field:fill", line_color="surface")
    numbers = plot.text(
        x="delta",
        y="expiry",
        text="text",
        text_align="center",
        text_baseline="middle",
        text_font_size="12px",
        source=cells.data_source,
    )
    paint(numbers.glyph, text_color="field:ink")
    when_narrow(plot.x_range, factors=_fewer([str(each) for each in table.columns]))
    tips = [("Expiry", "@expiry"), ("Delta", "@delta"), ("IV, %", "@exact")]
    plot.add_tools(HoverTool(renderers=[cells], tooltips=tips))
    plot.xaxis.axis_label = "Delta of the option out of the money"
    plot.grid.visible = False
    plot.axis.axis_line_alpha = 0
    plot.axis.major_tick_line_alpha = 0
    return say(apply_theme(plot, dark=dark), describe_surface(table))


def update_surface_heatmap(plot: Any, table: pd.DataFrame) -> None:
    """Put another surface into the heatmap."""
    plot.y_range.factors = [str(each) for each in table.index][::-1]
    plot.height = surface_height(len(table))
    put(plot, CELLS, **surface_cells(table))
    say(plot, describe_surface(table))


def surface_height(expiries: int) -> int:
    """Return the pixels that so many expiries need, with the axis above."""
    return 52 + expiries * max(LEAST_ROW, min(MOST_ROW, ALL_ROWS // max(expiries, 1)))


def _fewer(columns: list[str]) -> list[str]:
    """Return about five columns with both ends and the middle."""
    if len(columns) <= NARROW_COLUMNS:
        return columns
    places = np.unique(np.round(np.linspace(0, len(columns) - 1, NARROW_COLUMNS)).astype(int))
    return [columns[place] for place in places]


def _level(theme: Theme, volatility: float, low: float, high: float) -> str:
    if not np.isfinite(volatility):
        return theme["stale-tint"]
    if high <= low:
        return theme.levels[len(theme.levels) // 2]
    share = (volatility - low) / (high - low)
    return theme.levels[min(int(share * len(theme.levels)), len(theme.levels) - 1)]
