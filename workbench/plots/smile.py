"""The smile of one expiry: what out-of-the-money quotes imply, bid to ask, and the fit through them."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.marks import curve_words, mark_spot, put, put_words, set_range
from workbench.plots.numbers import tick_formatter, written
from workbench.plots.theme import apply_theme, blank_figure, paint, say

PUTS, CALLS, FIT, RINGED, PLAIN_WORDS, FIT_WORDS = "puts", "calls", "fit", "ringed", "sides", "fit_words"
NAMES = {PUTS: "put", CALLS: "call"}
# Past this many widths of the middle half, one wild quote would flatten all others.
WILD = 3.0


def smile_points(quotes: pd.DataFrame, *, forward: float) -> pd.DataFrame:
    """Return the quotes that a smile shows: puts below the forward, calls from it on, with a volatility.

    Parameters
    ----------
    quotes : DataFrame
        One expiry: strike, right (``C`` or ``P``), implied_volatility, and if known bid_volatility,
        ask_volatility (fractions) and ringed (True: the fit leaves it out).
    forward : float
        Where puts end and calls begin, in the currency of the strikes.

    Returns
    -------
    DataFrame
        strike, right, mid, low, high in per cent, ringed; by strike.
    """
    right = quotes["right"].to_numpy()
    strike = quotes["strike"].to_numpy(float)
    out = np.where(right == "P", strike < forward, strike >= forward)
    mid = quotes["implied_volatility"].to_numpy(float) * 100
    kept = out & np.isfinite(mid)
    points = pd.DataFrame(
        {
            "strike": strike,
            "right": right,
            "mid": mid,
            "low": _percent(quotes, "bid_volatility"),
            "high": _percent(quotes, "ask_volatility"),
            "ringed": quotes["ringed"].to_numpy(bool) if "ringed" in quotes else np.zeros(len(quotes), bool),
        }
    )
    points = pd.DataFrame(points[kept])
    return points.sort_values("strike", kind="stable").reset_index(drop=True)


def describe_smile(points: pd.DataFrame, *, fit_error: float | None = None) -> str:
    """Return the smile in one sentence: how many quotes, the lowest, both ends, and how near the fit is."""
    if points.empty:
        return "No quote of this expiry implies a volatility."
    low, first, last = points.iloc[int(np.argmin(points["mid"].to_numpy()))], points.iloc[0], points.iloc[-1]
    places = [f"{written(row['mid'], 1)} % at {written(row['strike'], 2)} $" for row in (low, first, last)]
    sentence = (
        f"{len(points)} out-of-the-money quotes imply volatilities from {places[0]} "
        f"to {places[1]} and {places[2]}"
    )
    ringed = int(points["ringed"].sum())
    if fit_error is not None and np.isfinite(fit_error):
        sentence += f"; the fit is within {written(fit_error * 100, 2)} points"
    return sentence + (f"; it leaves out {ringed}, ringed." if ringed else ".")


def smile(
    quotes: pd.DataFrame,
    *,
    spot: float,
    forward: float | None = None,
    fit: pd.DataFrame | None = None,
    fit_error: float | None = None,
    strikes: tuple[float, float] | None = None,
    height: int = 250,
    dark: bool = False,
) -> Any:
    """Return the smile of one expiry as a Bokeh figure.

    Parameters
    ----------
    quotes : DataFrame
        As for `smile_points`.
    spot, forward : float
        Price of the underlying, and its forward; puts are shown below the forward, else below the spot.
    fit : DataFrame, optional
        strike and volatility (fraction) of the fitted curve, ascending; drawn dashed: it is modelled.
    fit_error : float, optional
        How far the fit is from the quotes, as a fraction; said in the summary.
    strikes : (float, float), optional
        Lowest and highest strike to show; else all that have a volatility.
    height : int
        Pixels; the width follows the page.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If no quote has a volatility.
    """
    from bokeh.models import ColumnDataSource, HoverTool, Range1d, Segment

    if smile_points(quotes, forward=spot if forward is None else forward).empty:
        raise ArgumentError("No out-of-the-money quote of this expiry has an implied volatility to draw.")
    plot = blank_figure(height=height, x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1))
    columns = ("strike", "mid", "low", "high", "side")
    fitted = plot.line(
        "strike",
        "mid",
        line_width=2,
        line_dash=[6, 3],
        source=ColumnDataSource({"strike": [], "mid": []}),
        name=FIT,
    )
    paint(fitted.glyph, line_color="modelled")
    marks = []
    for name, fill in ((PUTS, "surface"), (CALLS, "ink")):
        source = ColumnDataSource({column: [] for column in columns})
        whisker = plot.add_glyph(source, Segment(x0="strike", y0="low", x1="strike", y1="high", line_width=1))
        paint(whisker.glyph, line_color="line-strong")
        mark = plot.scatter("strike", "mid", size=5, line_width=1.2, source=source, name=name)
        marks.append(mark)
        paint(mark.glyph, fill_color=fill, line_color="ink")
    ring = plot.scatter(
        "strike",
        "mid",
        size=12,
        fill_alpha=0,
        line_width=1.2,
        source=ColumnDataSource({"strike": [], "mid": []}),
        name=RINGED,
    )
    paint(ring.glyph, line_color="ink2")
    curve_words(plot, PLAIN_WORDS, "ink", text_align="center", text_baseline="middle")
    curve_words(plot, FIT_WORDS, "modelled", text_align="right", text_baseline="middle")
    tips = [
        ("Strike, $", "@strike{0,0.00} @side"),
        ("IV, %", "@mid{0.00}"),
        ("Bid to ask, %", "@low{0.00} to @high{0.00}"),
    ]
    plot.add_tools(HoverTool(renderers=marks, tooltips=tips))
    plot.xaxis.axis_label = "Strike, $"
    plot.yaxis.axis_label = "Implied volatility, %"
    plot.xaxis.formatter = tick_formatter()
    plot.yaxis.formatter = tick_formatter()
    plot.yaxis.ticker.desired_num_ticks = 5
    plot.xgrid.visible = False
    update_smile(plot, quotes, spot=spot, forward=forward, fit=fit, fit_error=fit_error, strikes=strikes)
    return apply_theme(plot, dark=dark)


def update_smile(
    plot: Any,
    quotes: pd.DataFrame,
    *,
    spot: float,
    forward: float | None = None,
    fit: pd.DataFrame | None = None,
    fit_error: float | None = None,
    strikes: tuple[float, float] | None = None,
) -> None:
    """Put another expiry into the figure; without any volatility it shows an empty plane."""
    points = smile_points(quotes, forward=spot if forward is None else forward)
    if strikes is not None:
        points = points[points["strike"].between(*strikes)].reset_index(drop=True)
    curve = _curve(fit)
    _set_ranges(plot, points, curve, spot)
    shown = curve[curve["strike"].between(plot.x_range.start, plot.x_range.end)]
    put(plot, FIT, strike=shown["strike"].to_numpy(), mid=shown["mid"].to_numpy())
    for name, right in ((PUTS, "P"), (CALLS, "C")):
        side = points[points["right"] == right]
        put(
            plot,
            name,
            **{column: side[column].to_numpy() for column in ("strike", "mid", "low", "high")},
            side=[NAMES[name]] * len(side),
        )
    ringed = points[points["ringed"]]
    put(plot, RINGED, strike=ringed["strike"].to_numpy(), mid=ringed["mid"].to_numpy())
    _place_words(plot, points, shown, spot)
    mark_spot(plot, spot)
    say(plot, describe_smile(points, fit_error=fit_error))


def _percent(quotes: pd.DataFrame, name: str) -> Any:
    return quotes[name].to_numpy(float) * 100 if name in quotes else np.full(len(quotes), np.nan)


def _curve(fit: pd.DataFrame | None) -> pd.DataFrame:
    if fit is None:
        return pd.DataFrame({"strike": [], "mid": []}, dtype=float)
    return pd.DataFrame(
        {"strike": fit["strike"].to_numpy(float), "mid": fit["volatility"].to_numpy(float) * 100}
    )


def _set_ranges(plot: Any, points: pd.DataFrame, curve: pd.DataFrame, spot: float) -> None:
    """Show every quote but the wild ones, which would leave the others a flat line."""
    if points.empty:
        set_range(plot.x_range, spot * 0.8, spot * 1.2)
        set_range(plot.y_range, 0, 100)
        return
    left, right = float(points["strike"].iloc[0]), float(points["strike"].iloc[-1])
    room = max(right - left, spot * 0.02) * 0.03
    set_range(plot.x_range, min(left, spot) - room, max(right, spot) + room)
    mids = points["mid"].to_numpy()
    quarter, half, three = np.quantile(mids, [0.25, 0.5, 0.75])
    tame = mids[np.abs(mids - half) <= max(WILD * (three - quarter), half)]
    inside = curve[curve["strike"].between(left, right)]["mid"].to_numpy()
    low = float(np.min(np.concatenate([tame, inside[np.isfinite(inside)]]), initial=float(tame.min())))
    high = float(tame.max())
    pad = max(high - low, 1.0) * 0.12
    set_range(plot.y_range, max(0.0, low - pad), high + pad * 1.6)


def _place_words(plot: Any, points: pd.DataFrame, curve: pd.DataFrame, spot: float) -> None:
    """Name puts and calls inside the curve, and the fit below it, where nothing else stands."""
    tall = plot.y_range.end - plot.y_range.start
    wide = plot.x_range.end - plot.x_range.start
    places: list[tuple[float, float, str]] = []
    for right, word, share in (("P", "puts", 0.22), ("C", "calls", 0.78)):
        side = points[points["right"] == right]
        if len(side) > 1:
            x = plot.x_range.start + share * wide
            x = float(np.clip(x, side["strike"].iloc[0], side["strike"].iloc[-1]))
            y = float(np.interp(x, side["strike"], side["mid"])) + 0.13 * tall
            # The words of the spot stand at the top, right of its line.
            places.append((x, min(y, plot.y_range.end - 0.12 * tall), word))
    x_of, y_of, words = zip(*places, strict=True) if places else ((), (), ())
    put_words(plot, PLAIN_WORDS, x_of, y_of, words)
    if curve.empty:
        put_words(plot, FIT_WORDS, [], [], [])
        return
    x = plot.x_range.start + 0.30 * wide
    x = float(np.clip(x, curve["strike"].iloc[0] + 0.12 * wide, curve["strike"].iloc[-1]))
    y = float(np.interp(x, curve["strike"], curve["mid"])) - 0.11 * tall
    put_words(plot, FIT_WORDS, [x], [max(y, plot.y_range.start + 0.05 * tall)], ["SVI fit"])
