"""The distribution of one-day P&L, with value at risk and expected shortfall marked on it."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.numbers import tick_formatter, written
from workbench.plots.theme import apply_theme, blank_figure, paint, say


def pnl_distribution(
    pnl: pd.Series,
    *,
    value_at_risk: float,
    expected_shortfall: float,
    bins: int = 40,
    height: int = 320,
    dark: bool = False,
) -> Any:
    """Return a histogram of P&L as a Bokeh figure; what lies beyond VaR is hatched.

    Parameters
    ----------
    pnl : Series
        P&L in money, one for each observation.
    value_at_risk, expected_shortfall : float
        Positive losses in money.
    bins : int
        Bars of the histogram.
    height : int
        Pixels; the width follows the page.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If there is no observation.
    """
    from bokeh.models import ColumnDataSource
    from bokeh.models.annotations import Label, Span

    values = pnl.to_numpy(float)
    values = values[np.isfinite(values)]
    if not len(values):
        raise ArgumentError("There is no P&L to draw: every observation is missing.")
    counts, edges = np.histogram(values, bins=bins)
    plot = blank_figure(height=height, y_range=(0, float(counts.max()) * 1.2))
    beyond = edges[1:] <= -value_at_risk
    for kept, fill, hatch in ((~beyond, "line-strong", " "), (beyond, "loss", "right_diagonal_line")):
        bars = plot.quad(
            left="left",
            right="right",
            top="count",
            bottom=0,
            hatch_pattern=hatch,
            hatch_alpha=0.5,
            source=ColumnDataSource(
                {"left": edges[:-1][kept], "right": edges[1:][kept], "count": counts[kept]}
            ),
        )
        paint(bars.glyph, fill_color=fill, line_color="surface", hatch_color="surface")
    for loss, name, row in ((value_at_risk, "VaR", 0), (expected_shortfall, "ES", 1)):
        plot.add_layout(paint(Span(location=-loss, dimension="height", line_width=2), line_color="ink"))
        label = Label(
            x=-loss,
            y=float(counts.max()) * 1.18,
            text=f"{name} {written(loss)}",
            x_offset=-6,
            text_align="right",
            y_offset=-16 * row,
            text_baseline="top",
            text_font_size="11px",
        )
        plot.add_layout(paint(label, text_color="ink"))
    plot.xaxis.formatter = tick_formatter()
    plot.xaxis.axis_label = "P&L, $"
    plot.yaxis.axis_label = "Observations"
    plot.grid.visible = False
    sentence = (
        f"Of {len(values)} observations {int((values <= -value_at_risk).sum())} lost at least the VaR of "
        f"{written(value_at_risk)} $; the expected shortfall is {written(expected_shortfall)} $."
    )
    return say(apply_theme(plot, dark=dark), sentence)
