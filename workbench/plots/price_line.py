"""A price over time as one line, with the book's trades on it."""

from typing import Any

import pandas as pd

from workbench.errors import ArgumentError
from workbench.plots.marks import part_of
from workbench.plots.numbers import percent, tick_formatter, written
from workbench.plots.theme import apply_theme, blank_figure, paint, say, when_narrow

LINE, BUYS, SELLS, LAST = "line", "buys", "sells", "last"


def price_columns(bars: pd.DataFrame) -> dict[str, Any]:
    """Return time and close of a bars frame as the line's columns."""
    return {"time": _naive_times(bars).to_numpy(), "close": bars["close"].to_numpy(float)}


def trade_columns(bars: pd.DataFrame, trades: pd.DataFrame | None, *, bought: bool) -> dict[str, Any]:
    """Return the marks of buys or of sells: on the line, at the last close not after the trade.

    Marks sit on the plotted line rather than at the traded price, since an adjusted line and a raw
    price differ by every later split.
    """
    if trades is None or trades.empty or bars.empty:
        return {"time": [], "close": [], "text": []}
    quantity = trades["quantity"].astype(float)
    kept = trades[(quantity > 0) if bought else (quantity < 0)]
    rows = bars.index.searchsorted(pd.DatetimeIndex(kept["time"]), side="right") - 1
    kept, rows = kept[rows >= 0], rows[rows >= 0]
    return {
        "time": _naive_times(bars)[rows].to_numpy(),
        "close": bars["close"].to_numpy(float)[rows],
        "text": [written(float(number), signed=True) for number in kept["quantity"]],
    }


def describe_prices(bars: pd.DataFrame, symbol: str) -> str:
    """Return the line in one sentence: its first and last close, and the change between."""
    if bars.empty:
        return f"There is no price of {symbol} in this period."
    first, last = float(bars["close"].iloc[0]), float(bars["close"].iloc[-1])
    return (
        f"{symbol} closed at {written(last, 2)} $ on {bars.index[-1]:%d %b %Y}, "
        f"{percent(last / first - 1, 1, signed=True)} since {bars.index[0]:%d %b %Y}."
    )


def price_line(
    bars: pd.DataFrame,
    *,
    symbol: str,
    trades: pd.DataFrame | None = None,
    height: int = 220,
    dark: bool = False,
) -> Any:
    """Return closing prices as a Bokeh figure, with ▲ for buys and ▼ for sells.

    Parameters
    ----------
    bars : DataFrame
        Bars of one symbol on an ascending UTC `time` index.
    symbol : str
        Named at the end of the line and on the axis.
    trades : DataFrame, optional
        Columns time (UTC), quantity (signed) of trades to mark.
    height : int
        Pixels; the width follows the page.
    dark : bool
        Begin with the dark tokens.

    Raises
    ------
    ArgumentError
        If there is no bar.
    """
    from bokeh.models import ColumnDataSource, HoverTool

    if bars.empty:
        raise ArgumentError(f"There are no bars of {symbol} to draw; ingest some or choose another period.")
    plot = blank_figure(x_axis_type="datetime", height=height)
    line = plot.line("time", "close", line_width=2.2, source=ColumnDataSource(price_columns(bars)), name=LINE)
    paint(line.glyph, line_color="ink")
    for name, marker, bought, token in (
        (BUYS, "triangle", True, "gain"),
        (SELLS, "inverted_triangle", False, "loss"),
    ):
        marks = plot.scatter(
            "time",
            "close",
            marker=marker,
            size=9,
            line_width=1,
            name=name,
            source=ColumnDataSource(trade_columns(bars, trades, bought=bought)),
        )
        paint(marks.glyph, fill_color="surface", line_color=token)
        paint(
            plot.text(
                "time",
                "close",
                text="text",
                source=marks.data_source,
                text_font_size="11px",
                y_offset=-8 if bought else 20,
                text_align="center",
            ).glyph,
            text_color="ink2",
        )
    last = ColumnDataSource({k: v[-1:] for k, v in price_columns(bars).items()})
    paint(
        plot.scatter("time", "close", size=6, source=last, name=LAST).glyph,
        fill_color="ink",
        line_color="ink",
    )
    tips = [("", "@time{%a %d %b %Y}"), ("Close, $", "@close{0,0.00}")]
    plot.add_tools(HoverTool(renderers=[line], mode="vline", tooltips=tips, formatters={"@time": "datetime"}))
    plot.yaxis.formatter = tick_formatter()
    plot.yaxis.axis_label = f"{symbol}, $"
    plot.yaxis.ticker.desired_num_ticks = 4
    plot.xgrid.visible = False
    when_narrow(plot.xaxis[0].ticker, desired_num_ticks=3)
    plot.y_range.range_padding = 0.15
    return say(apply_theme(plot, dark=dark), describe_prices(bars, symbol))


def update_price_line(
    plot: Any, bars: pd.DataFrame, *, symbol: str, trades: pd.DataFrame | None = None
) -> None:
    """Put another symbol's prices and trades into the figure."""
    columns = price_columns(bars)
    part_of(plot, LINE).data_source.data = columns
    part_of(plot, LAST).data_source.data = {name: values[-1:] for name, values in columns.items()}
    part_of(plot, BUYS).data_source.data = trade_columns(bars, trades, bought=True)
    part_of(plot, SELLS).data_source.data = trade_columns(bars, trades, bought=False)
    plot.yaxis.axis_label = f"{symbol}, $"
    say(plot, describe_prices(bars, symbol))


def _naive_times(bars: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the bars' times without their zone: the browser would move zoned ones to its own."""
    return pd.DatetimeIndex(bars.index).tz_localize(None)
