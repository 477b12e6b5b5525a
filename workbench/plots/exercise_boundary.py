"""Where an American option is exercised at once: the boundary against the time that is left."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.marks import curve_words, put_words, set_range
from workbench.plots.numbers import tick_formatter, written
from workbench.plots.theme import apply_theme, blank_figure, paint, say

BOUNDARY, SECOND, REGION, WORDS = "boundary", "second", "region", "words"


def describe_boundary(boundary: pd.DataFrame, *, strike: float, is_call: bool) -> str:
    """Return the boundary in one sentence: where it begins and where it ends."""
    first, last = boundary.iloc[0], boundary.iloc[-1]
    side = "at or above" if is_call else "at or below"
    return (
        f"The American {'call' if is_call else 'put'} struck at {written(strike, 2)} is exercised {side} "
        f"{written(last['boundary'], 2)} with {written(last['years'], 2)} years left, and {side} "
        f"{written(first['boundary'], 2)} at its end."
    )


def exercise_boundary(
    boundary: pd.DataFrame, *, strike: float, is_call: bool, height: int = 250, dark: bool = False
) -> Any:
    """Return the early-exercise boundary as a Bokeh figure; time runs right, towards expiry.

    Parameters
    ----------
    boundary : DataFrame
        years (left until expiry) and boundary (price of the underlying); and second_boundary where the
        option is exercised only between two prices.
    strike : float
        Drawn as a reference line.
    is_call : bool
        Exercised above the boundary for a call, below for a put.
    height : int
        Pixels; the width follows the page.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If the boundary has fewer than two points: the option is never exercised early.
    """
    from bokeh.models import ColumnDataSource, HoverTool, Range1d
    from bokeh.models.annotations import Span

    known = boundary[np.isfinite(boundary["boundary"].to_numpy(float))].sort_values("years")
    if len(known) < 2:
        raise ArgumentError("There is no boundary to draw: this option is never worth exercising early.")
    years, price = known["years"].to_numpy(float), known["boundary"].to_numpy(float)
    two = "second_boundary" in known and np.isfinite(known["second_boundary"].to_numpy(float)).any()
    second = known["second_boundary"].to_numpy(float) if two else None
    shown = np.concatenate([price, [strike], *([second[np.isfinite(second)]] if second is not None else [])])
    room = max(float(np.ptp(shown)), 0.02 * strike)
    low, high = float(shown.min()) - 0.25 * room, float(shown.max()) + 0.25 * room
    other = second if second is not None else np.full(len(years), high if is_call else low)
    plot = blank_figure(height=height, x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1))
    set_range(plot.x_range, float(years[-1]), -0.02 * float(years[-1]))
    set_range(plot.y_range, low, high)
    source = ColumnDataSource({"years": years, "boundary": price, "other": other})
    region = plot.varea("years", y1="boundary", y2="other", source=source, name=REGION)
    paint(region.glyph, fill_color="modelled-tint")
    plot.add_layout(paint(Span(location=strike, dimension="width", line_width=1), line_color="ink2"))
    lines = [plot.line("years", "boundary", line_width=2, line_dash=[6, 3], source=source, name=BOUNDARY)]
    if second is not None:
        lines.append(plot.line("years", "other", line_width=2, line_dash=[6, 3], source=source, name=SECOND))
    for line in lines:
        paint(line.glyph, line_color="modelled")
    middle = len(years) // 2
    curve_words(plot, WORDS, "ink", text_align="center", text_baseline="middle")
    put_words(
        plot,
        WORDS,
        [years[middle]],
        [(price[middle] + other[middle]) / 2],
        ["exercise" if second is None else "exercise between"],
    )
    curve_words(plot, "strike_words", "ink2", text_baseline="bottom", x_offset=4, y_offset=-2)
    put_words(plot, "strike_words", [float(years[-1])], [strike], [f"strike {written(strike, 2)}"])
    tips = [("Years left", "@years{0.000}"), ("Boundary, $", "@boundary{0,0.00}")]
    plot.add_tools(HoverTool(renderers=lines[:1], mode="vline", tooltips=tips))
    plot.xaxis.axis_label = "Years to expiry"
    plot.yaxis.axis_label = "Underlying, $"
    plot.xaxis.formatter = tick_formatter(2)
    plot.yaxis.formatter = tick_formatter()
    plot.xgrid.visible = False
    return say(apply_theme(plot, dark=dark), describe_boundary(known, strike=strike, is_call=is_call))
