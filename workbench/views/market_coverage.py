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
INTRADAY_DAYS = 365  # calendar days of bars within the day that are looked at
NOT_ASKED = "not asked for yet"  # the reason of `Desk.gaps` for what nobody fetched
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


def held_days(about: Any, gaps: pd.DataFrame, *, calendar: str, until: pd.Timestamp) -> pd.DatetimeIndex:
    """Return the sessions that a series is held on: those from its first on, without its gaps.

    Parameters
    ----------
    about : Series
        A row of `Desk.coverage`: first and last are read.
    gaps : DataFrame
        Its rows of `Desk.gaps`: first and last session of each run that is missing.
    calendar : str
        A name of exchange_calendars.
    until : Timestamp
        The last session that is over, naive.
    """
    days = sessions(calendar, about["first"], max(until, about["last"]))
    for first, last in zip(gaps["first"], gaps["last"], strict=True):
        days = days[(days < first) | (days > last)]
    return days


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
        self._about: dict[str, Any] = {}
        self._series: dict[str, tuple[str, str]] = {}
        self._intraday: list[str] = []
        self._lacking = pd.DataFrame()
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

    def open_desk(
        self, desk: Any, symbols: Sequence[str], *, chosen: str, intraday: Sequence[str] = ()
    ) -> None:
        """Read what the desk holds and lacks, and draw it.

        Parameters
        ----------
        desk : Desk
            Its `coverage` and `gaps` are shown.
        symbols : sequence of str
            With daily bars.
        chosen : str
            Stands first; its intervals within the day are shown too.
        intraday : sequence of str
            Intervals at which it has bars, as in ``["1m"]``.
        """
        self._desk, self._intraday = desk, list(intraday)
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
        """Ask for the sessions held and missing of each series, and make the cells of them."""
        calendar = self._desk.settings.market.calendar
        until = pd.Timestamp(self._desk.as_of().session)
        known = [symbol for symbol in symbols if symbol in self._desk.symbols().index]
        asked: list[tuple[list[str], str, Any]] = [(known, "1d", None)] if known else []
        for interval in self._intraday:
            newest = pd.Timestamp(self._desk.symbols(interval).loc[self._symbols[0], "last"])
            asked.append(([self._symbols[0]], interval, (newest - pd.Timedelta(days=INTRADAY_DAYS)).date()))
        self._held, self._about, self._series, lacks = {}, {}, {}, []
        for names, interval, start in asked:
            about: Any = pd.DataFrame(self._desk.coverage(names, start=start, interval=interval))
            gaps = pd.DataFrame(self._desk.gaps(names, start=start, interval=interval))
            for symbol in [name for name in names if about.loc[name, "held"] > 0]:
                series = symbol if interval == "1d" else f"{symbol} {interval}"
                mine = gaps[(gaps["symbol"] == symbol) & (gaps["interval"] == interval)]
                self._series[series] = (symbol, interval)
                self._about[series] = about.loc[symbol]
                self._held[series] = held_days(about.loc[symbol], mine, calendar=calendar, until=until)
                lacks.append(mine.assign(series=series))
        self._lacking = pd.concat(lacks, ignore_index=True) if lacks else pd.DataFrame()
        self._refused = pd.DataFrame(self._desk.quarantine())
        self.cells = month_cells(
            self._held,
            calendar=calendar,
            until=until,
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
            self.open_desk(self._desk, self._symbols, chosen=self._symbols[0], intraday=self._intraday)
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
        due = sessions(self._desk.settings.market.calendar, period, period + pd.offsets.MonthEnd(0))
        had, about = self._held[series], self._about[series]
        until = pd.Timestamp(self._desk.as_of().session)
        days = "".join(_day_html(day, day in had) for day in due if had[0] <= day <= max(until, had[-1]))
        facts = (
            f"{written(cell['held'])} of {written(cell['expected'])} sessions held; "
            f"source {escape(str(about['source']))}; newest {about['last']:%d %b %Y}, "
            f"loaded {about['recorded_at']:%d %b %Y}"
        )
        return (
            f'<div class="wb-month"><div class="wb-title"><h2>{escape(series)}, {period:%b %Y}</h2>'
            f"<span>{facts}</span>{self._steps(series, period)}</div>"
            f'<div class="wb-days" role="list">{days}</div>'
            f"{self._lacks(series, period)}{self._refusals(series)}</div>"
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

    def _lacks(self, series: str, period: pd.Timestamp) -> str:
        """Say what of the month is missing, why, and what fills it."""
        end = period + pd.offsets.MonthEnd(0)
        gaps = self._lacking
        mine = gaps[(gaps["series"] == series) & (gaps["first"] <= end) & (gaps["last"] >= period)]
        if mine.empty:
            return ""
        symbol, interval = self._series[series]
        runs = "; ".join(
            f"{_day(row['first'])} to {_day(row['last'])}: {escape(str(row['reason']))}"
            for row in mine.to_dict("records")
        )
        finer = "" if interval == "1d" else f" --interval {interval}"
        command = (
            f"workbench ingest NAME {symbol}{finer} --start {pd.Timestamp(mine['first'].min()):%Y-%m-%d}"
        )
        fills = ""
        if (mine["reason"] == NOT_ASKED).any():
            fills = f" <code>{escape(command)}</code> fills them, NAME being a provider that has them."
        return f'<p class="wb-lack">Missing: {runs}.{fills}</p>'

    def _refusals(self, series: str) -> str:
        symbol = self._series[series][0]
        mine = self._refused[self._refused["symbol"] == symbol] if len(self._refused) else self._refused
        if mine.empty:
            return ""
        first = mine.iloc[0]
        return (
            f'<p class="wb-lack">{len(mine)} rows of {escape(symbol)} were refused, the last because '
            f"{escape(str(first['reason']))} "
            f"(line {int(first['line'])} of {escape(str(first['source']))}).</p>"
        )


def _day(day: Any) -> str:
    return f"{pd.Timestamp(day):%d %b %Y}"


def _day_html(day: pd.Timestamp, held: bool) -> str:
    state, words = ("held", "held") if held else ("lacks", "missing")
    return f'<span role="listitem" class="{state}" title="{day:%a %d %b %Y}: {words}">{day.day}</span>'
