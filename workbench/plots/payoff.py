"""Profit and loss of a structure against its underlying: at expiry solid, before it modelled dashes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.free_places import Plane
from workbench.plots.marks import curve_words, mark_spot, part_of, put, put_words, set_range, spot_words
from workbench.plots.numbers import percent, tick_formatter, written
from workbench.plots.theme import apply_theme, blank_figure, paint, say, when_narrow

EXPIRY, AREA_GAIN, AREA_LOSS, BREAK_EVENS, BAND = "expiry", "gain", "loss", "break_evens", "band"
EARLIER_WORDS, EXPIRY_WORDS, BAND_WORDS = "earlier_words", "expiry_words", "band_words"
BREAK_WORDS = "break_words"
AXES = 52  # pixels of a picture's height that its axis takes
BESIDE = 0.14  # of the width: where words of an earlier date are wanted, beside the spot
MOST_EARLIER = 3  # curves before expiry; more could not be told apart


def with_crossings(spots: np.ndarray, profit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve with the points added where it crosses zero, so that areas meet on the axis."""
    cross = np.nonzero(profit[:-1] * profit[1:] < 0)[0]
    share = profit[cross] / (profit[cross] - profit[cross + 1])
    at = spots[cross] + share * (spots[cross + 1] - spots[cross])
    return np.insert(spots, cross + 1, at), np.insert(profit, cross + 1, 0.0)


def describe_payoff(
    at_expiry: pd.Series, *, spot: float, break_evens: Sequence[float], name: str = "The structure"
) -> str:
    """Return the picture in one sentence: best and worst at expiry in what is shown, and break-evens."""
    if not len(break_evens):
        ends = "it breaks even nowhere"
    else:
        places = " and ".join(
            f"{written(price, 2)} ({percent(price / spot - 1, 1, signed=True)})" for price in break_evens
        )
        ends = f"it breaks even at {places}"
    return (
        f"{name} at expiry, between {written(float(at_expiry.index[0]))} and "
        f"{written(float(at_expiry.index[-1]))}, makes from {written(float(at_expiry.min()), signed=True)} "
        f"to {written(float(at_expiry.max()), signed=True)} $; {ends}."
    )


def payoff(
    at_expiry: pd.Series,
    *,
    spot: float,
    earlier: Mapping[str, pd.Series] | None = None,
    break_evens: Sequence[float] = (),
    deviation: float | None = None,
    symbol: str = "Underlying",
    expiry_words: str = "at expiry",
    name: str = "The structure",
    modelled: bool = False,
    height: int = 300,
    dark: bool = False,
) -> Any:
    """Return profit and loss against the underlying's price as a Bokeh figure.

    Parameters
    ----------
    at_expiry : Series
        P&L in money on an ascending index of prices of the underlying; drawn solid.
    spot : float
        Price of the underlying now.
    earlier : mapping of str to Series, optional
        P&L before expiry by what to call the date; up to three, drawn as modelled dashes.
    break_evens : sequence of float
        Prices at which the P&L at expiry is zero; marked with price and distance from the spot.
    deviation : float, optional
        One standard deviation of the price until expiry, in money; drawn as a band around the spot.
    symbol, expiry_words, name : str
        For the axis, the solid curve and the summary.
    modelled : bool
        Legs outlive this expiry, so that its curve is a model's too and dashed.
    height : int
        Pixels; the width follows the page.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If the curve has fewer than two points, or there are more than three earlier dates.
    """
    from bokeh.models import ColumnDataSource, HoverTool, Range1d
    from bokeh.models.annotations import BoxAnnotation, Span

    plot = blank_figure(height=height, x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1))
    band = BoxAnnotation(left=0, right=0, fill_alpha=1.0, line_color=None, level="image", name=BAND)
    plot.add_layout(paint(band, fill_color="page"))
    for area, hatch in ((AREA_GAIN, " "), (AREA_LOSS, "right_diagonal_line")):
        filled = plot.varea(
            "spot",
            y1=0,
            y2="pnl",
            hatch_pattern=hatch,
            hatch_alpha=0.55,
            hatch_scale=7,
            hatch_weight=0.8,
            source=ColumnDataSource({"spot": [], "pnl": []}),
            name=area,
        )
        paint(filled.glyph, fill_color=f"{area}-tint", hatch_color=area)
    plot.add_layout(paint(Span(location=0, dimension="width", line_width=1), line_color="line-strong"))
    for place in range(MOST_EARLIER):
        line = plot.line(
            "spot",
            "pnl",
            line_width=2 if place == 0 else 1.5,
            line_dash=[6, 3],
            source=ColumnDataSource({"spot": [], "pnl": []}),
            name=earlier_name(place),
        )
        paint(line.glyph, line_color="modelled")
    solid = plot.line(
        "spot",
        "pnl",
        line_width=2.2,
        source=ColumnDataSource({"spot": [], "pnl": [], "change": [], "text": []}),
        name=EXPIRY,
    )
    paint(solid.glyph, line_color="ink")
    diamonds = plot.scatter(
        "x",
        "y",
        marker="diamond",
        size=12,
        line_width=1.5,
        source=ColumnDataSource({"x": [], "y": []}),
        name=BREAK_EVENS,
        level="overlay",
    )
    paint(diamonds.glyph, fill_color="surface", line_color="ink")
    curve_words(plot, EARLIER_WORDS, "modelled", text_align="center", text_baseline="middle")
    curve_words(plot, EXPIRY_WORDS, "ink", text_align="center", text_baseline="middle")
    words = curve_words(plot, BAND_WORDS, "ink2", text_baseline="bottom", x_offset=4, y_offset=-3)
    when_narrow(words, visible=False)
    beside = curve_words(
        plot,
        BREAK_WORDS,
        "ink",
        text_font_style="bold",
        text_align="align",
        text_baseline="baseline",
        x_offset="dx",
        y_offset="dy",
    )
    beside.data_source.data["short"] = []
    when_narrow(beside.glyph, text={"field": "short"})
    tips = [(f"{symbol}, $", "@spot{0,0.00} (@change)"), ("P&L at expiry, $", "@text")]
    plot.add_tools(HoverTool(renderers=[solid], mode="vline", tooltips=tips))
    plot.yaxis.axis_label = "P&L, $"
    plot.xaxis.formatter = tick_formatter()
    plot.yaxis.formatter = tick_formatter(signed=True)
    plot.yaxis.ticker.desired_num_ticks = 5
    plot.xgrid.visible = False
    when_narrow(plot.xaxis[0].ticker, desired_num_ticks=4)
    update_payoff(
        plot,
        at_expiry,
        spot=spot,
        earlier=earlier,
        break_evens=break_evens,
        deviation=deviation,
        symbol=symbol,
        expiry_words=expiry_words,
        name=name,
        modelled=modelled,
    )
    return apply_theme(plot, dark=dark)


def update_payoff(
    plot: Any,
    at_expiry: pd.Series,
    *,
    spot: float,
    earlier: Mapping[str, pd.Series] | None = None,
    break_evens: Sequence[float] = (),
    deviation: float | None = None,
    symbol: str = "Underlying",
    expiry_words: str = "at expiry",
    name: str = "The structure",
    modelled: bool = False,
) -> None:
    """Put another structure into the figure; arguments as for `payoff`."""
    earlier = dict(earlier or {})
    if len(at_expiry) < 2:
        raise ArgumentError(f"The payoff has {len(at_expiry)} point(s); a curve needs two.")
    if len(earlier) > MOST_EARLIER:
        raise ArgumentError(f"{len(earlier)} earlier dates were given; draw at most {MOST_EARLIER}.")
    spots, profit = with_crossings(at_expiry.index.to_numpy(float), at_expiry.to_numpy(float))
    bottom, top = _set_ranges(plot, spots, profit, list(earlier.values()))
    put(
        plot,
        EXPIRY,
        spot=spots,
        pnl=profit,
        change=[percent(price / spot - 1, 1, signed=True) for price in spots],
        text=[written(float(amount), signed=True) for amount in profit],
    )
    part_of(plot, EXPIRY).glyph.line_dash = [6, 3] if modelled else []
    put(plot, AREA_GAIN, spot=spots, pnl=np.maximum(profit, 0.0))
    put(plot, AREA_LOSS, spot=spots, pnl=np.minimum(profit, 0.0))
    for place in range(MOST_EARLIER):
        curve = list(earlier.values())[place] if place < len(earlier) else pd.Series(dtype=float)
        put(plot, earlier_name(place), spot=curve.index.to_numpy(float), pnl=curve.to_numpy(float))
    shown = sorted(price for price in break_evens if spots[0] <= price <= spots[-1])
    step = (spots[-1] - spots[0]) * 1e-4
    rising = [
        bool(np.interp(price + step, spots, profit) > np.interp(price - step, spots, profit))
        for price in shown
    ]
    plane = Plane(
        plot.x_range.start, plot.x_range.end, bottom, top, height=max(float(plot.height - AXES), 100.0)
    )
    plane.take_line(spot)
    plane.take(spot, top - plane.pixels(8), spot_words(spot) + "  ", align="left")
    plane.curves = [
        (curve.index.to_numpy(float), curve.to_numpy(float)) for curve in (at_expiry, *earlier.values())
    ]
    plane.curves.append((spots, np.zeros(len(spots))))
    plane.hatched = (spots, profit)
    _place_band(plot, spot, deviation, plane)
    _place_break_evens(plot, spot, shown, rising, plane)
    x, y = plane.name(expiry_words, spots, profit, near=(plane.left,))
    put_words(plot, EXPIRY_WORDS, [x], [y], [expiry_words])
    _name_earlier(plot, earlier, spot, plane)
    plot.xaxis.axis_label = f"{symbol} at that date, $"
    mark_spot(plot, spot)
    say(plot, describe_payoff(at_expiry, spot=spot, break_evens=break_evens, name=name))


def earlier_name(place: int) -> str:
    """Return the name of the renderer of an earlier date, counted from 0."""
    return f"earlier_{place}"


def _set_ranges(
    plot: Any, spots: np.ndarray, profit: np.ndarray, earlier: Sequence[pd.Series]
) -> tuple[float, float]:
    amounts = np.concatenate([profit, [0.0], *(curve.to_numpy(float) for curve in earlier)])
    amounts = amounts[np.isfinite(amounts)]
    low, high = float(amounts.min()), float(amounts.max())
    room = max(high - low, 1.0)
    # Above stand the words of the spot, below those of the band.
    bottom, top = low - 0.12 * room, high + 0.16 * room
    set_range(plot.x_range, float(spots[0]), float(spots[-1]))
    set_range(plot.y_range, bottom, top)
    return bottom, top


def _name_earlier(plot: Any, earlier: Mapping[str, pd.Series], spot: float, plane: Plane) -> None:
    """Name the earlier dates beside the spot, where the picture is free."""
    aside = BESIDE * (plane.right - plane.left)
    places = [
        plane.name(
            label, curve.index.to_numpy(float), curve.to_numpy(float), near=(spot + aside, spot - aside)
        )
        for label, curve in earlier.items()
    ]
    put_words(plot, EARLIER_WORDS, [x for x, _ in places], [y for _, y in places], list(earlier))


def _place_break_evens(
    plot: Any, spot: float, prices: Sequence[float], rising: Sequence[bool], plane: Plane
) -> None:
    """Mark the break-evens, with words where it is free: rather on the side of the loss, and above."""
    put(plot, BREAK_EVENS, x=list(prices), y=[0.0] * len(prices))
    texts = [f"{written(price, 2)}  {percent(price / spot - 1, 1, signed=True)}" for price in prices]
    words = [
        plane.beside(text, price, 0.0, left_first=rises)
        for text, price, rises in zip(texts, prices, rising, strict=True)
    ]
    put_words(
        plot,
        BREAK_WORDS,
        prices,
        [0.0] * len(prices),
        texts,
        short=[written(price, 2) for price in prices],
        align=["right" if left else "left" for left, _ in words],
        dx=[-9.0 if left else 9.0 for left, _ in words],
        baseline=["top" if below else "bottom" for _, below in words],
        dy=[7.0 if below else -7.0 for _, below in words],
    )


def _place_band(plot: Any, spot: float, deviation: float | None, plane: Plane) -> None:
    band = part_of(plot, BAND)
    if deviation is None or not np.isfinite(deviation):
        band.update(left=spot, right=spot)
        put_words(plot, BAND_WORDS, [], [], [])
        return
    left = max(spot - deviation, plot.x_range.start)
    band.update(left=left, right=min(spot + deviation, plot.x_range.end))
    amount = written(deviation, 0 if deviation >= 10 else 2)
    words = f"one standard deviation, ±{amount}"
    # Words that are wider than the band's half would run into the line of the spot.
    if plane.size(words)[0] > spot - left:
        words = f"1 s.d. ±{amount}"
    plane.take(left, plane.bottom + plane.pixels(10), words, align="left")
    put_words(plot, BAND_WORDS, [left], [plot.y_range.start], [words])
