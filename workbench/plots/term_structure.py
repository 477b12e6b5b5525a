"""Volatility at the money by days to expiry, on a square-root scale that keeps near expiries apart."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.marks import curve_words, put, put_words, set_range
from workbench.plots.numbers import tick_formatter, written
from workbench.plots.theme import apply_theme, blank_figure, paint, say, when_narrow

TICK_DAYS = (0, 7, 30, 60, 120, 180, 365, 545, 730, 1095, 1825)
LINE, POINTS, CHOSEN, WORDS = "line", "points", "chosen", "words"


def describe_term(term: pd.DataFrame) -> str:
    """Return the term structure in one sentence: its nearest and its farthest expiry, and its extremes."""
    if term.empty:
        return "No expiry has a volatility at the money."
    first, last = term.iloc[0], term.iloc[-1]
    high = term.iloc[int(np.argmax(term["volatility"].to_numpy(float)))]
    return (
        f"At the money {written(first['volatility'] * 100, 1)} % in {written(first['days'])} days and "
        f"{written(last['volatility'] * 100, 1)} % in {written(last['days'])} days; "
        f"highest {written(high['volatility'] * 100, 1)} % in {written(high['days'])} days."
    )


def term_structure(
    term: pd.DataFrame, *, chosen: float | None = None, height: int = 250, dark: bool = False
) -> Any:
    """Return at-the-money volatility against days to expiry as a Bokeh figure.

    Parameters
    ----------
    term : DataFrame
        One row an expiry: days, volatility (fraction), and optionally label; missing volatilities are
        left out.
    chosen : float, optional
        Days of the expiry to mark and name.
    height : int
        Pixels; the width follows the page.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If no expiry has a volatility.
    """
    from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d

    if _known(term).empty:
        raise ArgumentError("No expiry has a volatility at the money to draw.")
    plot = blank_figure(height=height, x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1))
    source = ColumnDataSource({"root": [], "days": [], "volatility": [], "label": []})
    paint(
        plot.line("root", "volatility", line_width=2, line_dash=[6, 3], source=source, name=LINE).glyph,
        line_color="modelled",
    )
    points = plot.scatter("root", "volatility", size=6, line_width=1.2, source=source, name=POINTS)
    paint(points.glyph, fill_color="surface", line_color="ink")
    mark = plot.scatter(
        "root",
        "volatility",
        size=9,
        source=ColumnDataSource({"root": [], "volatility": []}),
        name=CHOSEN,
        level="overlay",
    )
    paint(mark.glyph, fill_color="ink", line_color="ink")
    curve_words(plot, WORDS, "ink", text_align="center", text_baseline="baseline", y_offset="dy")
    tips = [("", "@label"), ("Days", "@days{0,0}"), ("IV at the money, %", "@volatility{0.00}")]
    plot.add_tools(HoverTool(renderers=[points], mode="vline", tooltips=tips))
    plot.xaxis.axis_label = "Days to expiry, square-root scale"
    plot.yaxis.axis_label = "At-the-money IV, %"
    plot.xaxis.ticker = FixedTicker(ticks=[float(np.sqrt(days)) for days in TICK_DAYS])
    plot.xaxis.major_label_overrides = {float(np.sqrt(days)): written(days) for days in TICK_DAYS}
    when_narrow(plot.xaxis[0].ticker, ticks=[float(np.sqrt(days)) for days in TICK_DAYS[::2]])
    plot.yaxis.formatter = tick_formatter(1)
    plot.yaxis.ticker.desired_num_ticks = 4
    plot.xgrid.visible = False
    update_term_structure(plot, term, chosen=chosen)
    return apply_theme(plot, dark=dark)


def update_term_structure(plot: Any, term: pd.DataFrame, *, chosen: float | None = None) -> None:
    """Put another term structure into the figure."""
    known = _known(term)
    days = known["days"].to_numpy(float)
    root = np.sqrt(days)
    volatility = known["volatility"].to_numpy(float) * 100
    labels = known["label"].astype(str).to_list() if "label" in known else [""] * len(known)
    if len(known):
        set_range(plot.x_range, 0.0, float(root.max()) * 1.04 + 0.2)
        room = max(float(np.ptp(volatility)), 1.0)
        set_range(
            plot.y_range, max(0.0, float(volatility.min()) - 0.3 * room), float(volatility.max()) + 0.3 * room
        )
    put(plot, LINE, root=root, days=days, volatility=volatility, label=labels)
    here = np.nonzero(days == chosen)[0][:1] if chosen is not None else np.array([], int)
    put(plot, CHOSEN, root=root[here], volatility=volatility[here])
    words = [f"{labels[place]} {written(volatility[place], 1)}".strip() for place in here]
    below = [_dips(volatility, place) for place in here]
    put_words(
        plot,
        WORDS,
        root[here],
        volatility[here],
        words,
        baseline=["top" if each else "bottom" for each in below],
        dy=[9.0 if each else -8.0 for each in below],
    )
    say(plot, describe_term(known))


def _known(term: pd.DataFrame) -> pd.DataFrame:
    known = pd.DataFrame(term[np.isfinite(term["volatility"].to_numpy(float))])
    return known.sort_values("days").reset_index(drop=True)


def _dips(values: np.ndarray, place: int) -> bool:
    """Say whether a point lies below the line between its neighbours, where its words stand free."""
    around = np.delete(values[max(place - 1, 0) : place + 2], min(place, 1))
    return bool(len(around) and values[place] < around.mean())
