"""The coverage and freshness map: which sessions of which series are held, and what one month lacks."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import panel as pn

from workbench.errors import WorkbenchError
from workbench.market import sessions
from workbench.plots import coverage_map, mark_cell, on_card, summary_of, written
from workbench.plots.coverage_map import COLUMNS
from workbench.views.book_parts import card_title_html, state_html
from workbench.views.market_panes import box, card, html_pane
from workbench.views.options_parts import say_button

SHOWN = 8  # series
_TIME = re.compile(r"time=(\d{4}-\d{2}-\d{2})")
LEGEND = (
    '<span class="wb-key held"></span>held <span class="wb-key lacks"></span>missing '
    '<span class="wb-key open"></span>not final <span class="wb-key odd">◇</span>rows refused'
)


def month_cells(
    held: Mapping[str, pd.DatetimeIndex],
    *,
    calendar: str,
    until: pd.Timestamp,
    provisional: Mapping[str, pd.DatetimeIndex] | None = None,
    quarantined: Mapping[str, pd.DatetimeIndex] | None = None,
) -> pd.DataFrame:
    """Return the cells of the map by month, from the days that each series is held on.

    Parameters
    ----------
    held : mapping of str to DatetimeIndex
        Naive days on which each series has bars, ascending; a series without any has no cell.
    calendar : str
        A name of exchange_calendars.
    until : Timestamp
        The last session that is over, naive: sessions after a series' first day up to it are expected.
    provisional, quarantined : mapping, optional
        Days held that are not final, and the day of each refused row.

    Returns
    -------
    DataFrame
        `workbench.plots.coverage_map.COLUMNS`.
    """
    pieces = []
    for series, days in held.items():
        if not len(days):
            continue
        begin = pd.Timestamp(days[0]).normalize()
        due = sessions(calendar, begin, max(until, begin))
        months = pd.period_range(begin, max(until, days[-1]), freq="M")
        had = pd.DatetimeIndex(days).normalize().unique()
        counts = {
            "expected": due,
            "held": had,
            "missing": due.difference(had),
            "provisional": pd.DatetimeIndex((provisional or {}).get(series, [])).intersection(had),
            "quarantined": pd.DatetimeIndex((quarantined or {}).get(series, [])),
        }
        piece = pd.DataFrame(
            {
                name: found.to_period("M").value_counts().reindex(months, fill_value=0)
                for name, found in counts.items()
            }
        )
        pieces.append(piece.assign(series=series, period=months.to_timestamp()))
    if not pieces:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(pieces, ignore_index=True)[list(COLUMNS)]


def refused_days(quarantine: pd.DataFrame) -> dict[str, pd.DatetimeIndex]:
    """Return for each symbol the days of its refused rows, as far as their text tells them."""
    found: dict[str, list[str]] = {}
    for symbol, text in zip(quarantine["symbol"].astype(str), quarantine["text"].astype(str), strict=True):
        day = _TIME.search(text)
        if day:
            found.setdefault(symbol, []).append(day[1])
    return {symbol: pd.DatetimeIndex(pd.to_datetime(days)) for symbol, days in found.items()}


class CoverageCard(pn.viewable.Viewer):
    """The map and, under it, the month that was clicked, session by session.

    Examples
    --------
    >>> CoverageCard().open_desk(desk, ["AAPL"], chosen="AAPL")  # doctest: +SKIP
    """

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._desk: Any = None
        self._held: dict[str, pd.DatetimeIndex] = {}
        self._about = pd.DataFrame()
        self._refused = pd.DataFrame()
        self._every = False
        self._title, self._detail = html_pane(""), html_pane("")
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self._picture_box = box("wb-picture", self._pane)
        self._page: Any = None
        self.cells = pd.DataFrame(columns=list(COLUMNS))
        self.picture: Any = None
        self.chosen: tuple[str, pd.Timestamp] | None = None

    def __panel__(self) -> Any:
        if self._page is None:
            self._page = card(self._title, self._picture_box, self._detail)
        return self._page

    def open_desk(self, desk: Any, symbols: Sequence[str], *, chosen: str) -> None:
        """Read what the desk holds of these symbols, and draw it."""
        self._desk = desk
        names = list(dict.fromkeys([chosen, *symbols] if chosen else symbols))
        self._symbols = names
        shown = names if self._every else names[:SHOWN]
        try:
            self._read(shown)
        except WorkbenchError as error:
            self._title.object = card_title_html("Coverage")
            self._picture_box.visible = False
            self._detail.object = state_html("What is held cannot be told", str(error))
            return
        if self.cells.empty:
            self._title.object = card_title_html("Coverage")
            self._picture_box.visible = False
            self._detail.object = state_html(
                "No bars yet",
                "Load a file with `workbench load`, or fetch some: `workbench connect alpaca`, then "
                "`workbench ingest alpaca SPY`.",
            )
            return
        self._picture_box.visible = True
        self.picture = on_card(coverage_map(self.cells, newest=self._newest()))
        self._pane.object = self.picture
        more = ""
        if len(names) > len(shown):
            more = say_button("coverage all", f"Show all {len(names)} series", kind="wb-link")
        self._title.object = (
            card_title_html(
                "What is held", "daily bars by month", after=f'<span class="wb-legend">{LEGEND} {more}</span>'
            )
            + f'<p class="wb-hidden">{escape(summary_of(self.picture))}</p>'
        )
        mine = self.cells[self.cells["series"] == chosen] if chosen else self.cells
        mine = mine if len(mine) else self.cells
        lacking = mine[mine["missing"] > 0]
        last = (lacking if len(lacking) else mine).iloc[-1]
        self._open(str(last["series"]), pd.Timestamp(last["period"]))

    def _read(self, symbols: Sequence[str]) -> None:
        calendar = self._desk.settings.market.calendar
        about = self._desk.symbols()
        known = [symbol for symbol in symbols if symbol in about.index]
        self._about = about
        bars = self._desk.bars(known, adjust=None) if known else pd.DataFrame()
        self._held = {symbol: _days_of(bars, symbol) for symbol in known}
        self._refused = pd.DataFrame(self._desk.quarantine())
        self.cells = month_cells(
            self._held,
            calendar=calendar,
            until=pd.Timestamp(self._desk.as_of().session),
            quarantined=refused_days(self._refused) if len(self._refused) else None,
        )

    def _newest(self) -> dict[str, str]:
        """Return how fresh each series is: its newest day, and how many sessions have passed since."""
        calendar, until = self._desk.settings.market.calendar, pd.Timestamp(self._desk.as_of().session)
        found = {}
        for series, days in self._held.items():
            behind = len(sessions(calendar, days[-1].normalize(), until)) - 1 if days[-1] < until else 0
            late = f", {behind} behind" if behind > 0 else ""
            found[series] = f"to {days[-1].day} {days[-1]:%b %y}{late}"
        return found

    # -- what is chosen ----------------------------------------------------------------------------------

    def hears(self, verb: str, rest: str) -> bool:
        """Do what a cell or button of the map said; False where it was none of them."""
        if verb == "coverage" and rest == "all":
            self._every = True
            self.open_desk(self._desk, self._symbols, chosen=self._symbols[0])
            return True
        if verb != "cell":
            return False
        day, _, series = rest.partition(" ")
        period = pd.to_datetime(day, format="%Y-%m-%d", errors="coerce")
        known = self.cells[(self.cells["series"] == series) & (self.cells["period"] == period)]
        if len(known):
            self._open(series, pd.Timestamp(known["period"].iloc[0]))
        return True

    def _open(self, series: str, period: pd.Timestamp) -> None:
        self.chosen = (series, period)
        mark_cell(self.picture, series, period)
        self._detail.object = self._detail_html(series, period)

    def _detail_html(self, series: str, period: pd.Timestamp) -> str:
        cell = self.cells[(self.cells["series"] == series) & (self.cells["period"] == period)].iloc[0]
        end = period + pd.offsets.MonthEnd(0)
        due = sessions(self._desk.settings.market.calendar, period, end)
        had = self._held[series]
        until = pd.Timestamp(self._desk.as_of().session)
        days = "".join(_day_html(day, day in had) for day in due if had[0] <= day <= max(until, had[-1]))
        about: Any = self._about.loc[series] if series in self._about.index else None
        facts = f"{written(cell['held'])} of {written(cell['expected'])} sessions held"
        if about is not None:
            learned = pd.Timestamp(about["recorded_at"])
            facts += (
                f"; source {escape(str(about['source']))}; newest bar {about['last']:%d %b %Y}, "
                f"loaded {learned:%d %b %Y %H:%M} UTC"
            )
        return (
            f'<div class="wb-month"><div class="wb-title"><h2>{escape(series)}, {period:%b %Y}</h2>'
            f"<span>{facts}</span>{self._steps(series, period)}</div>"
            f'<div class="wb-days" role="list">{days}</div>'
            f"{self._lacks(series, cell)}{self._refusals(series)}</div>"
        )

    def _steps(self, series: str, period: pd.Timestamp) -> str:
        mine = self.cells[self.cells["series"] == series]["period"]
        step = ""
        for words, sign, near in (
            ("The month before", "‹", mine[mine < period].max()),
            ("The month after", "›", mine[mine > period].min()),
        ):
            if pd.notna(near):
                step += say_button(f"cell {near:%Y-%m-%d} {series}", sign, title=words)
        return f'<span class="wb-steps wb-switch">{step}</span>' if step else ""

    def _lacks(self, series: str, cell: Any) -> str:
        if not cell["missing"]:
            return ""
        command = f"workbench ingest NAME {series} --start {cell['period']:%Y-%m-%d}"
        return (
            f'<p class="wb-lack">{written(cell["missing"])} sessions are missing: '
            f"<code>{escape(command)}</code> fills them, NAME being a provider that has them.</p>"
        )

    def _refusals(self, series: str) -> str:
        mine = self._refused[self._refused["symbol"] == series] if len(self._refused) else self._refused
        if mine.empty:
            return ""
        first = mine.iloc[0]
        return (
            f'<p class="wb-lack">{len(mine)} rows of {escape(series)} were refused, the last because '
            f"{escape(str(first['reason']))} "
            f"(line {int(first['line'])} of {escape(str(first['source']))}).</p>"
        )


def _days_of(bars: Any, symbol: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(bars.loc[symbol].index).tz_localize(None)


def _day_html(day: pd.Timestamp, held: bool) -> str:
    state, words = ("held", "held") if held else ("lacks", "missing")
    return f'<span role="listitem" class="{state}" title="{day:%a %d %b %Y}: {words}">{day.day}</span>'
