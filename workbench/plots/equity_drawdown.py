"""An equity curve over its drawdown, on one time axis."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.numbers import percent, tick_formatter, written
from workbench.plots.theme import apply_theme, blank_figure, paint, say


def describe_equity(equity: pd.Series) -> str:
    """Return the curve in one sentence: where it began and ended, and its deepest fall."""
    fall = _drawdown(equity)
    return (
        f"Equity went from {written(float(equity.iloc[0]))} $ to {written(float(equity.iloc[-1]))} $ between "
        f"{equity.index[0]:%d %b %Y} and {equity.index[-1]:%d %b %Y}; its deepest fall from a peak was "
        f"{percent(float(fall.min()), 1)} on {fall.idxmin():%d %b %Y}."
    )


def equity_drawdown(
    equity: pd.Series, *, benchmark: pd.Series | None = None, height: int = 320, dark: bool = False
) -> Any:
    """Return an equity curve over its drawdown as one Bokeh layout.

    Parameters
    ----------
    equity : Series
        Money on an ascending time index, all positive.
    benchmark : Series, optional
        Another curve in money, drawn in grey and named at its end.
    height : int
        Pixels of both pictures together; the width follows the page.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If the curve has fewer than two points.
    """
    from bokeh.layouts import column
    from bokeh.models import ColumnDataSource, HoverTool

    if len(equity) < 2:
        raise ArgumentError(f"The equity curve has {len(equity)} point(s); a curve needs two.")
    curve = _naive(equity)
    source = ColumnDataSource(
        {
            "time": curve.index.to_numpy(),
            "equity": curve.to_numpy(float),
            "fall": _drawdown(curve).to_numpy() * 100,
        }
    )
    upper = int(height * 0.68)
    top = blank_figure(x_axis_type="datetime", height=upper)
    if benchmark is not None and len(benchmark):
        other = _naive(benchmark)
        paint(
            top.line(other.index.to_numpy(), other.to_numpy(float), line_width=1.6).glyph,
            line_color="series-5",
        )
    line = top.line("time", "equity", line_width=2.2, source=source)
    paint(line.glyph, line_color="ink")
    top.xaxis.visible = False
    top.yaxis.axis_label = "Equity, $"
    top.yaxis.formatter = tick_formatter()
    bottom = blank_figure(
        x_axis_type="datetime",
        x_range=top.x_range,
        height=height - upper,
    )
    area = bottom.varea("time", y1=0, y2="fall", source=source)
    paint(area.glyph, fill_color="loss-tint")
    paint(bottom.line("time", "fall", line_width=1.5, source=source).glyph, line_color="loss")
    bottom.yaxis.axis_label = "Drawdown, %"
    bottom.yaxis.formatter = tick_formatter()
    for plot in (top, bottom):
        plot.xgrid.visible = False
        plot.yaxis.ticker.desired_num_ticks = 4
    tips = [("", "@time{%a %d %b %Y}"), ("Equity, $", "@equity{0,0}"), ("Drawdown, %", "@fall{0.0}")]
    top.add_tools(HoverTool(renderers=[line], mode="vline", tooltips=tips, formatters={"@time": "datetime"}))
    for plot in (top, bottom):
        # One left margin, so that the two time axes lie under each other.
        plot.min_border_left = 76
    both = column(top, bottom, sizing_mode="stretch_width", spacing=0)
    apply_theme(both, dark=dark)
    for plot in (top, bottom):
        plot.min_border_left = 76
    return say(both, describe_equity(equity))


def _naive(series: pd.Series) -> pd.Series:
    index = pd.DatetimeIndex(series.index)
    return pd.Series(series.to_numpy(float), index=index.tz_localize(None) if index.tz is not None else index)


def _drawdown(equity: pd.Series) -> pd.Series:
    values = equity.to_numpy(float)
    return pd.Series(values / np.maximum.accumulate(values) - 1.0, index=equity.index)
