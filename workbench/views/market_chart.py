"""The chart of one symbol: what is held, at the interval, range and adjustment chosen, with indicators."""

from html import escape
from typing import Any

import pandas as pd
import panel as pn
import param

from workbench.errors import MissingDataError, UnknownSymbolError, WorkbenchError
from workbench.market import exchange_zone, interval_seconds, resample_bars
from workbench.plots import Panel, candles, on_card, summary_of, written
from workbench.plots.candles import shown_times
from workbench.signals import indicator
from workbench.views.book_parts import card_title_html, state_html
from workbench.views.market_panes import box, card, html_pane
from workbench.views.options_parts import say_button, switch_html

HEIGHT, PANEL_HEIGHT = 336, 84
MOST_CANDLES = 420  # more do not fit beside one another
WARM_UP = 220  # bars before the range, from which averages begin
INTRADAY = ("1m", "5m", "15m", "30m", "1h")
COARSE = {"1d": "Day", "1w": "Week", "1mo": "Month"}
RANGES = {"1M": 1, "3M": 3, "6M": 6, "1Y": 12, "2Y": 24, "5Y": 60, "all": 0}  # months; 0 is everything
RANGE_WORDS = {"all": "All"}
INTRADAY_RANGES = {"1D": 1, "5D": 5, "20D": 20, "60D": 60}  # sessions
ADJUSTMENTS = {"splits": "For splits", "all": "Splits, dividends", "raw": "As traded"}
# Key: label, the indicator's name and parameters.
OVERLAYS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sma20": ("SMA 20", "sma", {"window": 20}),
    "sma50": ("SMA 50", "sma", {"window": 50}),
    "sma200": ("SMA 200", "sma", {"window": 200}),
    "ema20": ("EMA 20", "ema", {"window": 20}),
    "bollinger": ("Bollinger 20", "bollinger", {"window": 20, "deviations": 2.0}),
}
PANELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "rsi": ("RSI 14", "rsi", {"window": 14}),
    "atr": ("ATR 14", "atr", {"window": 14}),
}


class SymbolChart(pn.viewable.Viewer):
    """Candles of one symbol.

    Examples
    --------
    >>> SymbolChart().open_symbol(desk, "AAPL", held=["1d"], newest=desk.as_of().instant)  # doctest: +SKIP
    """

    interval = param.String("1d", doc="Of the bars shown.")
    span = param.String("6M", doc="How much of the past is shown; a key of the ranges.")
    adjust: Any = param.Selector(
        default="splits", objects=list(ADJUSTMENTS), doc="What prices are adjusted for."
    )
    shown: Any = param.List(default=["sma20", "sma50"], item_type=str, doc="Indicators that are drawn.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._desk: Any = None
        self._symbol, self._unit, self._note = "", "$", ""
        self._held: dict[str, str] = {}
        self._newest: Any = None
        self._title, self._switches = html_pane(""), html_pane("")
        self._controls, self._words = html_pane(""), html_pane("")
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self._picture_box = box("wb-picture", self._pane)
        self._page: Any = None
        self.bars = pd.DataFrame()
        self.picture: Any = None

    def __panel__(self) -> Any:
        if self._page is None:
            head = box("wb-between", self._title, self._switches)
            self._page = card(head, self._controls, self._picture_box, self._words)
        return self._page

    # -- what is read ------------------------------------------------------------------------------------

    def open_symbol(
        self, desk: Any, symbol: str, *, held: list[str], newest: pd.Timestamp, unit: str = "$"
    ) -> None:
        """Show another symbol; the interval stays where it is held.

        Parameters
        ----------
        desk : Desk
            Whose bars are read.
        symbol : str
            What to show.
        held : list of str
            Intervals that the desk holds bars of it at, as in ``["1m", "1d"]``.
        newest : Timestamp
            When its newest bar begins: ranges end there.
        unit : str
            Of its prices.
        """
        self._newest = newest
        self._desk, self._symbol, self._unit = desk, symbol, unit
        self._held = sources_of(held)
        if self.interval not in self._held and self._held:
            with param.parameterized.discard_events(self):
                self.interval = "1d" if "1d" in self._held else next(iter(self._held))
                self._fit_span()
        self.redraw()

    def redraw(self) -> None:
        """Read the bars and draw them; a question that the desk cannot answer becomes a state."""
        self._show_controls()
        try:
            self._draw()
        except (MissingDataError, UnknownSymbolError) as error:
            self._show_state(f"No bars of {self._symbol} here", str(error))
        except WorkbenchError as error:
            self._show_state("The chart cannot be drawn", str(error))

    def _show_state(self, what: str, why: str) -> None:
        self.bars, self.picture = pd.DataFrame(), None
        self._title.object = card_title_html(self._symbol or "Chart")
        self._picture_box.visible = False
        self._words.object = state_html(what, why)

    def _draw(self) -> None:
        self._note = ""
        bars, begin = self._read(self.interval)
        coarser = list(COARSE)
        while len(bars) - begin > MOST_CANDLES and self.interval in coarser[:-1]:
            wanted = coarser[coarser.index(self.interval) + 1]
            # A week belongs to two months, so months are made of days.
            self._note = f"; {written(len(bars) - begin)} {_plural(self.interval)} do not fit"
            with param.parameterized.discard_events(self):
                self.interval = wanted
            self._show_controls()
            bars, begin = self._read(wanted)
        if len(bars) - begin > MOST_CANDLES:
            self._note = f"; the newest {MOST_CANDLES} of {written(len(bars) - begin)}"
            begin = len(bars) - MOST_CANDLES
        if begin >= len(bars):
            raise MissingDataError("There is none in this range; choose a longer one.")
        self.bars = bars.iloc[begin:]
        zone = exchange_zone(self._desk.settings.market.calendar)
        self.picture = candles(
            self.bars, symbol=self._symbol, unit=self._unit, zone=zone, **self._curves(bars, begin)
        )
        on_card_all(self.picture)
        self._pane.object = self.picture
        self._picture_box.visible = True
        times = shown_times(self.bars, zone)
        self._title.object = card_title_html(
            f"{self._symbol}, {_plural(self.interval)}",
            f"{times[0]:%d %b %Y} to {times[-1]:%d %b %Y}{self._note}",
        )
        # The name tells live.js whose quote the line of the chart shows.
        self._words.object = (
            f'<p class="wb-hidden" data-live-chart="{escape(self._symbol)}">'
            f"{escape(summary_of(self.picture))}</p>"
        )

    def _read(self, interval: str) -> tuple[pd.DataFrame, int]:
        """Return bars with a run-up for the averages, and the place at which the range begins."""
        source = self._held.get(interval, interval)
        adjust = None if self.adjust == "raw" else self.adjust
        start = self._start(self._newest)
        early = None if start is None else start - self._run_up(interval)
        read = self._desk.bars(
            self._symbol, start=None if early is None else early.date(), interval=source, adjust=adjust
        )
        if interval != source:
            read = resample_bars(
                read,
                interval,
                source_interval=source,
                calendar=self._desk.settings.market.calendar,
            )
        if interval_seconds(interval) is not None:
            days = pd.DatetimeIndex(read.index.tz_convert(exchange_zone(self._desk.settings.market.calendar)))
            sessions = days.normalize().unique()
            wanted = INTRADAY_RANGES.get(self.span, 5)
            return read, int(days.normalize().searchsorted(sessions[-min(wanted, len(sessions))])) if len(
                read
            ) else 0
        return read, 0 if start is None else int(read.index.searchsorted(start))

    def _start(self, now: pd.Timestamp) -> pd.Timestamp | None:
        if interval_seconds(self.interval) is not None:
            return now - pd.Timedelta(days=2 * INTRADAY_RANGES.get(self.span, 5) + 6)
        months = RANGES.get(self.span, 6)
        return None if months == 0 else (now - pd.DateOffset(months=months)).normalize()

    def _run_up(self, interval: str) -> pd.Timedelta:
        days = {"1d": 1.5, "1w": 7.5, "1mo": 31.0}.get(interval, 0.1)
        return pd.Timedelta(days=WARM_UP * days)

    def _curves(self, bars: pd.DataFrame, begin: int) -> dict[str, Any]:
        """Return what the chosen indicators say of the shown bars, computed with the run-up before them."""
        overlays: dict[str, Any] = {}
        bands: dict[str, Any] = {}
        for key, (label, name, terms) in OVERLAYS.items():
            if key in self.shown:
                made = indicator(name, bars, **terms).iloc[begin:]
                if name == "bollinger":
                    bands[label] = (made["lower"].to_numpy(), made["upper"].to_numpy())
                else:
                    overlays[label] = made[name].to_numpy()
        panel = None
        for key, (label, name, terms) in PANELS.items():
            if key in self.shown:
                values = indicator(name, bars, **terms)[name].iloc[begin:].to_numpy()
                fixed = {"ends": (0.0, 100.0), "levels": (30.0, 70.0)} if key == "rsi" else {}
                panel = Panel(label, values, unit="" if key == "rsi" else self._unit, **fixed)
        height = HEIGHT + (PANEL_HEIGHT if panel is not None else 0)
        return {"overlays": overlays, "bands": bands, "panel": panel, "height": height}

    # -- what is chosen ----------------------------------------------------------------------------------

    def hears(self, verb: str, rest: str) -> bool:
        """Do what a button of the chart said; False where it was none of them."""
        if verb == "interval" and rest in self._held:
            self.interval = rest
            self._fit_span()
        elif verb == "span" and rest in self._spans():
            self.span = rest
            # A range that needed coarser bars gives them back.
            if self.interval in ("1w", "1mo") and "1d" in self._held and 0 < RANGES.get(rest, 0) <= 12:
                self.interval = "1d"
        elif verb == "adjust" and rest in ADJUSTMENTS:
            self.adjust = rest
        elif verb == "indicator" and rest in {**OVERLAYS, **PANELS}:
            self._toggle(rest)
        else:
            return False
        self.redraw()
        return True

    def _toggle(self, key: str) -> None:
        if key in self.shown:
            self.shown = [each for each in self.shown if each != key]
        elif key in PANELS:  # one panel at a time keeps the page whole
            self.shown = [*(each for each in self.shown if each not in PANELS), key]
        else:
            self.shown = [*self.shown, key]

    def _spans(self) -> dict[str, int]:
        return INTRADAY_RANGES if interval_seconds(self.interval) is not None else RANGES

    def _fit_span(self) -> None:
        if self.span not in self._spans():
            self.span = "5D" if interval_seconds(self.interval) is not None else "6M"
        if self.interval == "1mo" and 0 < RANGES.get(self.span, 0) < 24:
            self.span = "5Y"
        if self.interval == "1w" and 0 < RANGES.get(self.span, 0) < 12:
            self.span = "2Y"

    def _show_controls(self) -> None:
        intervals = {key: COARSE.get(key, key) for key in self._held}
        spans = {key: RANGE_WORDS.get(key, key) for key in self._spans()}
        self._switches.object = (
            '<div class="wb-chart-controls wb-at-end">'
            f"{switch_html(intervals, chosen=self.interval, verb='interval', label='Interval of the bars')}"
            f"{switch_html(spans, chosen=self.span, verb='span', label='Range of the chart')}</div>"
        )
        adjust = switch_html(ADJUSTMENTS, chosen=self.adjust, verb="adjust", label="Adjustment of prices")
        self._controls.object = f'<div class="wb-chart-controls">{_toggles_html(self.shown)}{adjust}</div>'


def sources_of(held: list[str]) -> dict[str, str]:
    """Return the intervals that can be shown, and of which bars each is made.

    Parameters
    ----------
    held : list of str
        Intervals that are held.

    Examples
    --------
    >>> sources_of(["1m"])["15m"], sources_of(["1d"])
    ('1m', {'1d': '1d', '1w': '1d', '1mo': '1d'})
    """
    within = sorted(filter(interval_seconds, held), key=lambda name: interval_seconds(name) or 0)
    found: dict[str, str] = {}
    for wanted in dict.fromkeys([*INTRADAY, *within]):
        seconds = interval_seconds(wanted) or 0
        # The coarsest that goes into it: the fewest rows to read.
        fitting = [name for name in within if seconds % (interval_seconds(name) or 1) == 0]
        if fitting:
            found[wanted] = fitting[-1]
    found = dict(sorted(found.items(), key=lambda pair: interval_seconds(pair[0]) or 0))
    daily = "1d" if "1d" in held else within[-1] if within else None
    if daily is not None:
        found |= dict.fromkeys(COARSE, daily)
    return found


def _toggles_html(shown: list[str]) -> str:
    buttons = "".join(
        say_button(f"indicator {key}", escape(label), pressed=key in shown)
        for key, (label, _, _) in {**OVERLAYS, **PANELS}.items()
    )
    return f'<div class="wb-switch" role="group" aria-label="Indicators">{buttons}</div>'


def _plural(interval: str) -> str:
    return {"1d": "daily", "1w": "weekly", "1mo": "monthly"}.get(interval, interval) + " bars"


def on_card_all(layout: Any) -> None:
    """Let the card show through every panel of a picture."""
    for panel in layout.children:
        on_card(panel)
