"""An option's price or one of its Greeks against the spot, today and at later dates up to expiry."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.free_places import Plane
from workbench.plots.marks import (
    curve_words,
    mark_spot,
    part_of,
    put,
    put_words,
    set_range,
    spot_words,
)
from workbench.plots.numbers import tick_formatter, written
from workbench.plots.theme import apply_theme, blank_figure, paint, say, when_narrow

MOST_CURVES = 3
AXES = 52  # pixels of a picture's height that its axis takes
FREE = {"text_align": "center", "text_baseline": "middle"}
NOW, WORDS, NOW_WORDS, STRIKE = "now", "words", "now_words", "strike"


def describe_profile(curves: pd.DataFrame, *, spot: float, quantity: str) -> str:
    """Return the picture in one sentence: the quantity at the spot, for each date."""
    x = curves.index.to_numpy(float)
    parts = [
        f"{written(float(np.interp(spot, x, curves[name].to_numpy(float))), 2)} {name}" for name in curves
    ]
    return f"{quantity} at a spot of {written(spot, 2)}: {', '.join(parts)}."


def greek_profile(
    curves: pd.DataFrame,
    *,
    spot: float,
    quantity: str,
    strike: float | None = None,
    level: str = "spot",
    height: int = 250,
    dark: bool = False,
) -> Any:
    """Return a quantity against the spot as a Bokeh figure: the first curve in ink, later dates dashed.

    Parameters
    ----------
    curves : DataFrame
        Columns named by date, today first, up to three; index the spots, ascending.
    spot : float
        Where the option stands now; marked on the first curve.
    quantity : str
        Name and unit, for the axis.
    strike : float, optional
        Marked on the axis.
    level : str
        What the price of the underlying is called: spot or forward.
    height : int
        Pixels; the width follows the page.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If there is no curve, more than three, or fewer than two spots.
    """
    from bokeh.models import ColumnDataSource, HoverTool, Range1d
    from bokeh.models.annotations import Span

    plot = blank_figure(height=height, x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1))
    mark = Span(location=0, dimension="height", line_width=1, line_dash=[2, 3], name=STRIKE)
    plot.add_layout(paint(mark, line_color="line-strong"))
    first: Any = None
    for place in range(MOST_CURVES - 1, -1, -1):
        line = plot.line(
            "spot",
            "value",
            line_width=2.2 if place == 0 else 1.5,
            line_dash=[] if place == 0 else [6, 3],
            source=ColumnDataSource({"spot": [], "value": []}),
            name=curve_name(place),
        )
        paint(line.glyph, line_color="ink" if place == 0 else "modelled")
        first = line if place == 0 else first
    point = plot.scatter(
        "spot",
        "value",
        size=8,
        source=ColumnDataSource({"spot": [], "value": []}),
        name=NOW,
        level="overlay",
    )
    paint(point.glyph, fill_color="ink", line_color="surface")
    curve_words(plot, NOW_WORDS, "ink", **FREE)
    curve_words(plot, WORDS, "modelled", **FREE)
    tips = [("Spot, $", "@spot{0,0.00}"), (quantity, "@value{0,0.0000}")]
    hover = HoverTool(renderers=[first], mode="vline", tooltips=tips)
    plot.add_tools(hover)
    plot.xaxis.formatter = tick_formatter()
    plot.yaxis.ticker.desired_num_ticks = 4
    plot.xaxis.ticker.desired_num_ticks = 5
    plot.xgrid.visible = False
    when_narrow(plot.xaxis[0].ticker, desired_num_ticks=4)
    update_greek_profile(plot, curves, spot=spot, quantity=quantity, strike=strike, level=level)
    return apply_theme(plot, dark=dark)


def update_greek_profile(
    plot: Any,
    curves: pd.DataFrame,
    *,
    spot: float,
    quantity: str,
    strike: float | None = None,
    level: str = "spot",
) -> None:
    """Put other curves into the figure; arguments as for `greek_profile`."""
    if not 1 <= curves.shape[1] <= MOST_CURVES or len(curves) < 2:
        raise ArgumentError(
            f"{curves.shape[1]} curve(s) of {len(curves)} point(s) were given; draw one to {MOST_CURVES} "
            "curves of two points or more."
        )
    x = curves.index.to_numpy(float)
    values = curves.to_numpy(float)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    low, high = min(low, 0.0), max(high, 0.0)
    room = (high - low) or 1.0
    set_range(plot.x_range, float(x[0]), float(x[-1]))
    set_range(plot.y_range, low - 0.12 * room, high + 0.16 * room)
    for place in range(MOST_CURVES):
        shown = place < curves.shape[1]
        put(plot, curve_name(place), spot=x if shown else [], value=values[:, place] if shown else [])
    put(plot, NOW, spot=[spot], value=[float(np.interp(spot, x, values[:, 0]))])
    part_of(plot, STRIKE).update(location=strike or 0.0, visible=strike is not None)
    _place_words(plot, curves, spot, level)
    plot.yaxis.axis_label = quantity
    plot.yaxis.formatter = tick_formatter(_digits(room))
    plot.xaxis.axis_label = f"{level.capitalize()}, $"
    mark_spot(plot, spot, level=level)
    say(plot, describe_profile(curves, spot=spot, quantity=quantity))


def curve_name(place: int) -> str:
    """Return the name of the renderer of a curve, counted from 0."""
    return f"curve_{place}"


def _place_words(plot: Any, curves: pd.DataFrame, spot: float, level: str) -> None:
    """Name each curve where the picture is free and the curves are far apart."""
    x, values = curves.index.to_numpy(float), curves.to_numpy(float)
    plane = Plane(
        plot.x_range.start,
        plot.x_range.end,
        plot.y_range.start,
        plot.y_range.end,
        height=max(float(plot.height - AXES), 100.0),
    )
    plane.take_line(spot)
    plane.take(spot, plane.top - plane.pixels(8), f"{spot_words(spot, level=level)}  ", align="left")
    plane.curves = [(x, values[:, place]) for place in range(values.shape[1])]
    wide = plane.right - plane.left
    inside = (x > plane.left + 0.12 * wide) & (x < plane.right - 0.12 * wide)
    gaps = np.where(inside & np.isfinite(values).all(axis=1), np.ptp(values, axis=1), -1.0)
    near = (float(x[int(np.argmax(gaps))]),)
    places = [
        plane.name(str(curves.columns[at]), x, values[:, at], near=near) for at in range(len(plane.curves))
    ]
    for name, chosen in ((NOW_WORDS, slice(0, 1)), (WORDS, slice(1, None))):
        put_words(
            plot,
            name,
            [at for at, _ in places[chosen]],
            [at for _, at in places[chosen]],
            [str(each) for each in curves.columns[chosen]],
        )


def _digits(room: float) -> int:
    """Return the digits that tell a picture's ticks apart."""
    return int(np.clip(np.ceil(1 - np.log10(room)), 0, 6))
