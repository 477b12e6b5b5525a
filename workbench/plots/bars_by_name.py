"""Gains and losses by name as horizontal bars that start at zero."""

from typing import Any

import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.numbers import tick_formatter, written
from workbench.plots.theme import apply_theme, blank_figure, paint, say


def bars_by_name(
    totals: pd.Series,
    *,
    quantity: str = "P&L",
    unit: str = "$",
    height: int | None = None,
    dark: bool = False,
) -> Any:
    """Return one bar for each name, worst first, as a Bokeh figure.

    Parameters
    ----------
    totals : Series
        A number for each name of the index.
    quantity, unit : str
        What is drawn, for axis and summary.
    height : int, optional
        Pixels; else what the number of bars needs.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If there is nothing to draw.
    """
    from bokeh.models import ColumnDataSource, FactorRange
    from bokeh.models.annotations import Span

    ordered = totals.dropna().astype(float).sort_values()
    if ordered.empty:
        raise ArgumentError(f"There is no {quantity} to draw: every value is missing.")
    names = [str(name) for name in ordered.index]
    room = max(float(ordered.abs().max()), 1e-12) * 1.35
    plot = blank_figure(
        y_range=FactorRange(factors=names[::-1]),
        x_range=(-room if ordered.min() < 0 else 0.0, room if ordered.max() > 0 else 0.0),
        height=height or 60 + 30 * len(names),
    )
    for colour, kept, hatch in (
        ("loss", ordered[ordered < 0], "right_diagonal_line"),
        ("gain", ordered[ordered >= 0], " "),
    ):
        source = ColumnDataSource(
            {
                "name": [str(name) for name in kept.index],
                "value": kept.to_list(),
                "text": [written(number, signed=True) for number in kept],
            }
        )
        bars = plot.hbar(
            y="name", right="value", height=0.56, hatch_pattern=hatch, hatch_alpha=0.5, source=source
        )
        paint(bars.glyph, fill_color=colour, line_color=colour, hatch_color="surface")
        labels = plot.text(
            x="value",
            y="name",
            text="text",
            source=source,
            text_font_size="12px",
            text_baseline="middle",
            text_align="right" if colour == "loss" else "left",
            x_offset=-6 if colour == "loss" else 6,
        )
        paint(labels.glyph, text_color="ink")
    plot.add_layout(paint(Span(location=0, dimension="height", line_width=1), line_color="ink2"))
    plot.xaxis.formatter = tick_formatter()
    plot.xaxis.axis_label = f"{quantity}, {unit}"
    plot.xaxis.ticker.desired_num_ticks = 5
    plot.grid.visible = False
    worst, best = ordered.index[0], ordered.index[-1]
    sentence = (
        f"{quantity} by name: {worst} {written(ordered.iloc[0], signed=True)} {unit} at the low end, "
        f"{best} {written(ordered.iloc[-1], signed=True)} {unit} at the high end; "
        f"together {written(float(ordered.sum()), signed=True)} {unit}."
    )
    return say(apply_theme(plot, dark=dark), sentence)
