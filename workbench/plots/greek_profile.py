"""An option's price or one of its Greeks against the spot, today and at later dates up to expiry."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.marks import curve_words, mark_spot, put, put_words, set_range
from workbench.plots.numbers import tick_formatter, written
from workbench.plots.theme import apply_theme, blank_figure, paint, say, when_narrow

MOST_CURVES = 3
AWAY = 0.17  # of the width: words this far from the spot do not reach its line
FREE = {"text_align": "align", "text_baseline": "baseline", "x_offset": "dx", "y_offset": "dy"}
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
    plot.xaxis.axis_label = "Spot, $"
    plot.xaxis.formatter = tick_formatter()
    plot.yaxis.ticker.desired_num_ticks = 4
    plot.xaxis.ticker.desired_num_ticks = 5
    plot.xgrid.visible = False
    when_narrow(plot.xaxis[0].ticker, desired_num_ticks=4)
    update_greek_profile(plot, curves, spot=spot, quantity=quantity, strike=strike)
    return apply_theme(plot, dark=dark)


def update_greek_profile(
    plot: Any, curves: pd.DataFrame, *, spot: float, quantity: str, strike: float | None = None
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
    plot.select_one({"name": STRIKE}).update(location=strike or 0.0, visible=strike is not None)
    _place_words(plot, curves, spot)
    plot.yaxis.axis_label = quantity
    plot.yaxis.formatter = tick_formatter(_digits(room))
    mark_spot(plot, spot)
    say(plot, describe_profile(curves, spot=spot, quantity=quantity))


def curve_name(place: int) -> str:
    """Return the name of the renderer of a curve, counted from 0."""
    return f"curve_{place}"


def _place_words(plot: Any, curves: pd.DataFrame, spot: float) -> None:
    """Name each curve where the curves are farthest apart, away from the ends and from the spot's line.

    The highest is named above, on its steep side; the lowest below, on the other; one between on the other
    side of the spot.
    """
    x, values = curves.index.to_numpy(float), curves.to_numpy(float)
    wide = x[-1] - x[0]
    free = (x > x[0] + 0.16 * wide) & (x < x[-1] - 0.16 * wide) & (np.abs(x - spot) > AWAY * wide)
    gaps = np.where(free & np.isfinite(values).all(axis=1), np.ptp(values, axis=1), -1.0)
    best = int(np.argmax(gaps))
    across = np.where((x - spot) * (x[best] - spot) < 0, gaps, -1.0)
    order = np.argsort(values[best])
    for name, places in ((NOW_WORDS, [0]), (WORDS, list(range(1, curves.shape[1])))):
        at, align, baseline, dx, dy = [], [], [], [], []
        for place in places:
            rank = int(np.nonzero(order == place)[0][0])
            between = 0 < rank < len(order) - 1
            above = rank > 0
            here = int(np.argmax(across)) if between else best
            ahead, behind = values[min(here + 1, len(x) - 1), place], values[max(here - 1, 0), place]
            left = bool(ahead >= behind) == above
            at.append(here)
            align.append("right" if left else "left")
            baseline.append("bottom" if above else "top")
            dx.append(-5.0 if left else 5.0)
            dy.append(-2.0 if above else 3.0)
        put_words(
            plot,
            name,
            x[at],
            [values[here, place] for here, place in zip(at, places, strict=True)],
            [str(curves.columns[place]) for place in places],
            align=align,
            baseline=baseline,
            dx=dx,
            dy=dy,
        )


def _digits(room: float) -> int:
    """Return the digits that tell a picture's ticks apart."""
    return int(np.clip(np.ceil(1 - np.log10(room)), 0, 6))
