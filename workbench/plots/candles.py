"""Candles over volume, with averages and bands named at their end, and an oscillator beneath."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.hover import add_hover
from workbench.plots.marks import curve_words, put_words
from workbench.plots.numbers import percent, tick_formatter, written
from workbench.plots.theme import (
    DARK,
    FONT,
    LIGHT,
    apply_theme,
    blank_figure,
    paint,
    say,
    when_narrow,
)
from workbench.plots.time_axis import MOST_NARROW, name_places, spread, time_ticks

CANDLES, WICKS, VOLUME = "candles", "wicks", "volume"
LIVE_LINE, LIVE_WORDS, LIVE_RANGE = "workbench-live-line", "workbench-live-words", "workbench-live-range"
NARROW_BARS = 60  # what a telephone shows of them, the newest
LEFT = 56  # pixels of the y-axes, so that the panels stand under each other
WORDS_SHARE, NARROW_WORDS_SHARE = 0.12, 0.26  # of the width, right of the last bar, for names and the price
LINE_PIXELS = 13.0
_VOLUME_UNITS = ((1e9, "billion"), (1e6, "million"), (1e3, "thousand"), (1.0, ""))
_OVERLAY_SERIES = ("series-2", "series-3", "series-4", "series-5")


@dataclass(frozen=True)
class Panel:
    """A curve under the candles: its name, one value a bar, its unit and, where fixed, range and levels."""

    name: str
    values: Any
    unit: str = ""
    ends: tuple[float, float] | None = None
    levels: tuple[float, ...] = ()


def candles(
    bars: pd.DataFrame,
    *,
    symbol: str,
    unit: str = "$",
    zone: str = "America/New_York",
    overlays: Mapping[str, Any] | None = None,
    bands: Mapping[str, tuple[Any, Any]] | None = None,
    panel: Panel | None = None,
    height: int = 360,
    dark: bool = False,
) -> Any:
    """Return candles over volume as one Bokeh layout: hollow where a bar rose, filled where it fell.

    Bars stand side by side, so closed days and nights leave no gap.

    Parameters
    ----------
    bars : DataFrame
        open, high, low, close and volume on an ascending UTC ``time`` index; bars that all begin at midnight
        UTC are of days or longer and show their date alone.
    symbol, unit : str
        On the axis.
    zone : str
        Time zone in which bars within the day are shown.
    overlays : mapping of str to array_like, optional
        Curves on the prices, one value a bar; at most four.
    bands : mapping of str to (lower, upper), optional
        Areas behind the prices.
    panel : Panel, optional
        A curve under the volume.
    height : int
        Pixels of all panels together; the width follows the page.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If there is no bar, more than four overlays, or a curve of another length.
    """
    from bokeh.layouts import column

    lines, areas = dict(overlays or {}), dict(bands or {})
    if bars.empty:
        raise ArgumentError(f"There are no bars of {symbol} to draw; ingest some or choose another period.")
    if len(lines) > len(_OVERLAY_SERIES):
        raise ArgumentError(f"{len(lines)} overlays are given; a picture keeps at most four apart.")
    curves = {**lines, **{f"{name} {side}": pair[i] for name, pair in areas.items() for i, side in _SIDES}}
    if panel is not None:
        curves[panel.name] = panel.values
    for name, values in curves.items():
        if len(values) != len(bars):
            raise ArgumentError(f"`{name}` has {len(values)} values for {len(bars)} bars; give one a bar.")
    times = shown_times(bars, zone)
    source = _source(bars, times, zone, curves)
    under = 84 if panel is not None else 0
    volume_height = 78
    plot = _prices(source, bars, symbol, unit, lines, areas, height - volume_height - under)
    panels = [plot, _volume(source, bars, plot.x_range, volume_height)]
    if panel is not None:
        panels.append(_panel(source, panel, plot.x_range, under))
    _share_axis(panels, times)
    layout = column(*panels, sizing_mode="stretch_width", spacing=0)
    apply_theme(layout, dark=dark)
    for each in panels:
        each.min_border_left = LEFT
        each.min_border_top = 6 if each is plot else 2
        each.min_border_right = 0
    return say(layout, describe_candles(bars, symbol, unit, times))


_SIDES = ((0, "low"), (1, "high"))


def describe_candles(bars: pd.DataFrame, symbol: str, unit: str, times: pd.DatetimeIndex) -> str:
    """Return the picture in one sentence: the last close, the change over the period, its high and low."""
    first, last = float(bars["open"].iloc[0]), float(bars["close"].iloc[-1])
    high, low = bars["high"], bars["low"]
    form = "%d %b %Y" if _of_days(bars) else "%d %b %Y %H:%M"
    return (
        f"{symbol} closed at {written(last, 2)} {unit} on {times[-1]:{form}}, "
        f"{percent(last / first - 1, 1, signed=True)} since the open of {times[0]:{form}}; "
        f"highest {written(float(high.max()), 2)} on {times[int(np.argmax(high.to_numpy()))]:{form}}, "
        f"lowest {written(float(low.min()), 2)} on {times[int(np.argmin(low.to_numpy()))]:{form}}."
    )


def shown_times(bars: pd.DataFrame, zone: str) -> pd.DatetimeIndex:
    """Return when the bars begin, naive, as it is shown: dates of days, else the exchange's clock."""
    index = pd.DatetimeIndex(bars.index)
    return index.tz_localize(None) if _of_days(bars) else index.tz_convert(zone).tz_localize(None)


def _of_days(bars: pd.DataFrame) -> bool:
    index = pd.DatetimeIndex(bars.index)
    return bool((index == index.normalize()).all())


def volume_unit(volumes: pd.Series) -> tuple[float, str]:
    """Return the divisor and the words that keep volumes short."""
    largest = float(volumes.max()) if volumes.notna().any() else 0.0
    return next(((size, words) for size, words in _VOLUME_UNITS if largest >= size), (1.0, ""))


def _source(bars: pd.DataFrame, times: pd.DatetimeIndex, zone: str, curves: Mapping[str, Any]) -> Any:
    from bokeh.models import ColumnDataSource

    open_, close = bars["open"].to_numpy(float), bars["close"].to_numpy(float)
    rose = close >= open_
    before = np.concatenate([[np.nan], close[:-1]])
    where = "" if _of_days(bars) else f" {zone.rpartition('/')[2].replace('_', ' ')}"
    form = "%a %d %b %Y" if _of_days(bars) else "%a %d %b %Y %H:%M"
    columns: dict[str, Any] = {
        "place": np.arange(len(bars)),
        "high": bars["high"].to_numpy(float),
        "low": bars["low"].to_numpy(float),
        "open": open_,
        "close": close,
        "volume": bars["volume"].to_numpy(float),
        "when": [f"{time:{form}}{where}" for time in times],
        "volume_words": [written(value) for value in bars["volume"].to_numpy(float)],
        "change": [percent(value, 2, signed=True) for value in close / before - 1],
    }
    for name in ("open", "high", "low", "close"):
        columns[f"{name}_words"] = [written(value, _digits(close)) for value in columns[name]]
    for theme in (LIGHT, DARK):
        columns[f"fill_{theme.name}"] = np.where(rose, theme["surface"], theme["ink2"]).tolist()
    for number, (_, values) in enumerate(curves.items()):
        numbers = np.asarray(values, dtype=float)
        columns[f"curve{number}"] = numbers
        columns[f"curve{number}_words"] = [written(value, _digits(close)) for value in numbers]
    made = ColumnDataSource(columns)
    made.tags = [{"curves": list(curves)}]
    return made


def _column(source: Any, name: str) -> str:
    return f"curve{source.tags[0]['curves'].index(name)}"


def _digits(prices: Any) -> int:
    return 2 if float(np.nanmax(prices)) >= 1 else 4


def _prices(
    source: Any,
    bars: pd.DataFrame,
    symbol: str,
    unit: str,
    lines: Mapping[str, Any],
    areas: Mapping[str, Any],
    height: int,
) -> Any:
    from bokeh.models import Range1d
    from bokeh.models.annotations import Span

    count = len(bars)
    shown = min(count, NARROW_BARS)
    ends = _ends(bars, [*lines.values(), *(side for pair in areas.values() for side in pair)])
    narrow_ends = _ends(
        bars.iloc[-shown:],
        [np.asarray(v)[-shown:] for v in (*lines.values(), *(s for pair in areas.values() for s in pair))],
    )
    end = count - 0.5 + max(0.8, WORDS_SHARE * count)
    plot = blank_figure(
        height=height, x_range=Range1d(start=-0.7, end=end), y_range=Range1d(start=ends[0], end=ends[1])
    )
    when_narrow(
        plot.x_range, start=count - shown - 0.7, end=count - 0.5 + max(0.8, NARROW_WORDS_SHARE * shown)
    )
    plot.y_range.tags = [LIVE_RANGE]
    when_narrow(plot.y_range, start=narrow_ends[0], end=narrow_ends[1])
    for name in areas:
        low, high = _column(source, f"{name} low"), _column(source, f"{name} high")
        band = plot.varea("place", y1=low, y2=high, source=source, fill_alpha=0.55)
        paint(band.glyph, fill_color="sunken")
        for side in (low, high):
            paint(plot.line("place", side, source=source, line_width=1).glyph, line_color="line-strong")
    wicks = plot.segment("place", "low", "place", "high", source=source, line_width=1, name=WICKS)
    paint(wicks.glyph, line_color="ink2")
    bodies = plot.vbar(
        x="place", top="close", bottom="open", width=0.6, source=source, line_width=1, name=CANDLES
    )
    paint(bodies.glyph, fill_color="field:fill", line_color="ink2")
    for name, series in zip(lines, _OVERLAY_SERIES, strict=False):
        line = plot.line("place", _column(source, name), source=source, line_width=1.6)
        paint(line.glyph, line_color=series)
    _name_curves(plot, source, bars, lines, areas, (ends[1] - ends[0]) * LINE_PIXELS / max(height - 30, 60))
    live = Span(location=None, dimension="width", line_width=1, tags=[LIVE_LINE], level="underlay")
    plot.add_layout(paint(live, line_color="ink"))
    _price_tag(plot, bars, count)
    rows = [
        ("", "@when"),
        (f"Open, high, {unit}", "@open_words  @high_words"),
        (f"Low, close, {unit}", "@low_words  @close_words"),
        ("Change", "@change"),
        ("Volume", "@volume_words"),
        *((f"{name}, {unit}", f"@{_column(source, name)}_words") for name in lines),
        *((f"{name}, {unit}", _both_sides(source, name)) for name in areas),
    ]
    add_hover(plot, wicks, rows)
    plot.yaxis.axis_label = f"{symbol}, {unit}"
    plot.yaxis.formatter = tick_formatter(0 if ends[1] - ends[0] > 6 else 2)
    plot.yaxis.ticker.desired_num_ticks = 5
    plot.xaxis.visible = False
    return plot


def _both_sides(source: Any, name: str) -> str:
    return "  ".join(f"@{_column(source, f'{name} {side}')}_words" for _, side in _SIDES)


def _ends(bars: pd.DataFrame, curves: Any) -> tuple[float, float]:
    """Return the range of prices and curves, with a little room."""
    every = np.concatenate(
        [bars["low"].to_numpy(float), bars["high"].to_numpy(float), *(np.asarray(c, float) for c in curves)]
    )
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    room = 0.05 * (high - low) or max(abs(high) * 0.01, 0.01)
    return low - room, high + room


def _name_curves(
    plot: Any,
    source: Any,
    bars: pd.DataFrame,
    lines: Mapping[str, Any],
    areas: Mapping[str, Any],
    gap: float,
) -> None:
    """Write the name of each curve right of its last value, apart from one another and from the price."""
    ends: dict[str, float] = {"": float(bars["close"].iloc[-1])}
    ends |= {name: float(np.asarray(values, dtype=float)[-1]) for name, values in lines.items()}
    ends |= {name: float(np.asarray(pair[1], dtype=float)[-1]) for name, pair in areas.items()}
    levels = dict(zip(ends, spread(list(ends.values()), gap), strict=True))
    # The price stays at its own level: the names move with it.
    shift = ends[""] - levels[""]
    named = [name for name in levels if name and np.isfinite(ends[name])]
    curve_words(plot, "names", "ink2", text_baseline="middle", x_offset=6)
    near = [levels[name] + (shift if abs(levels[name] - levels[""]) < 3 * gap else 0.0) for name in named]
    put_words(plot, "names", [len(bars) - 0.5] * len(named), near, named)


def _price_tag(plot: Any, bars: pd.DataFrame, count: int) -> None:
    """Write the last price at its level; the browser moves it to the latest quote, with its age."""
    from bokeh.core.properties import value
    from bokeh.models import ColumnDataSource

    last = float(bars["close"].iloc[-1])
    words = written(last, _digits([last]))
    tag = plot.text(
        "x",
        "y",
        text="text",
        source=ColumnDataSource({"x": [count - 0.5], "y": [last], "text": [words]}),
        text_font_size="11px",
        text_font_style="bold",
        text_baseline="middle",
        text_font=value(FONT),
        x_offset=6,
        padding=1,
        name="price",
    )
    paint(tag.glyph, text_color="ink", background_fill_color="surface")
    tag.tags = [LIVE_WORDS]


def _volume(source: Any, bars: pd.DataFrame, x_range: Any, height: int) -> Any:
    from bokeh.models import Range1d

    size, words = volume_unit(bars["volume"])
    most = float(bars["volume"].max()) if bars["volume"].notna().any() else 1.0
    plot = blank_figure(height=height, x_range=x_range, y_range=Range1d(start=0, end=most * 1.4 or 1.0))
    made = plot.vbar(x="place", top="volume", width=0.6, source=source, name=VOLUME)
    paint(made.glyph, fill_color="line", line_color="line")
    add_hover(plot, made, [("", "@when"), ("Volume", "@volume_words")])
    digits = 1 if most / size < 5 else 0
    plot.yaxis.formatter = _divided(size, digits)
    plot.yaxis.ticker.desired_num_ticks = 2
    plot.ygrid.visible = False
    _name_panel(plot, f"Volume, {words}" if words else "Volume", float(plot.y_range.end))
    return plot


def _name_panel(plot: Any, words: str, top: float) -> None:
    """Write what a low panel shows into its corner: beside its axis there is no room for it."""
    from bokeh.models.annotations import Label

    name = Label(
        x=4,
        x_units="screen",
        y=top,
        text=words,
        text_font=FONT,
        text_font_size="11px",
        text_baseline="top",
    )
    plot.add_layout(paint(name, text_color="ink2", background_fill_color="surface"))


def _divided(size: float, digits: int) -> Any:
    from bokeh.models import CustomJSTickFormatter

    return CustomJSTickFormatter(
        args={"size": size, "digits": digits},
        code="return (tick / size).toLocaleString('en-US', {maximumFractionDigits: digits});",
    )


def _panel(source: Any, panel: Panel, x_range: Any, height: int) -> Any:
    from bokeh.models import Range1d
    from bokeh.models.annotations import Span

    values = np.asarray(panel.values, dtype=float)
    known = values[np.isfinite(values)]
    low, high = panel.ends or ((float(known.min()), float(known.max())) if len(known) else (0.0, 1.0))
    room = 0.0 if panel.ends else 0.15 * (high - low) or 1.0
    plot = blank_figure(height=height, x_range=x_range, y_range=Range1d(start=low - room, end=high + room))
    name = _column(source, panel.name)
    for level in panel.levels:
        plot.add_layout(
            paint(
                Span(location=level, dimension="width", line_width=1, line_dash="dashed"),
                line_color="line-strong",
            )
        )
    line = plot.line("place", name, source=source, line_width=1.6)
    paint(line.glyph, line_color="ink")
    label = f"{panel.name}, {panel.unit}" if panel.unit else panel.name
    add_hover(plot, line, [("", "@when"), (label, f"@{name}_words")])
    _name_panel(plot, label, high + room)
    plot.yaxis.formatter = tick_formatter(0 if panel.ends else 1)
    plot.yaxis.ticker.desired_num_ticks = 3
    if panel.levels:
        from bokeh.models import FixedTicker

        plot.yaxis.ticker = FixedTicker(ticks=list(panel.levels))
    plot.ygrid.visible = not panel.levels
    return plot


def _share_axis(panels: list[Any], times: pd.DatetimeIndex) -> None:
    """Name the times under the last panel alone."""
    shown = min(len(times), NARROW_BARS)
    narrow = [
        (place + len(times) - shown, words) for place, words in time_ticks(times[-shown:], most=MOST_NARROW)
    ]
    ticks = time_ticks(times)
    for plot in panels:
        name_places(plot, ticks, narrow)
        plot.xaxis.visible = plot is panels[-1]
        plot.xgrid.visible = plot is panels[0]
