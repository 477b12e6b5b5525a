"""The market page: one symbol's chart, the watch list's latest quotes, chain, news, and what is held."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import panel as pn
import param

from workbench.desk.news_tone import tone_of
from workbench.errors import WorkbenchError
from workbench.market import exchange_zone, sessions
from workbench.views import market_quotes as quotes_part
from workbench.views import market_side as side
from workbench.views.book_parts import card_title_html, state_html
from workbench.views.export import to_csv
from workbench.views.market_chart import INTRADAY, SymbolChart
from workbench.views.market_coverage import CoverageCard
from workbench.views.market_panes import box, card, html_pane
from workbench.views.number_field import ASKS
from workbench.views.options import ANSWERED, OPENED, SAID, STALE_SECONDS
from workbench.views.options_parts import bare_header_html, day_words
from workbench.views.styles import style
from workbench.volatility import realized_volatility

LIVE, SEEN = "workbench-live", "workbench-seen"
POLL_SECONDS, IDLE_SECONDS = 0.2, 2.0  # while quotes come in, and while none do
SEARCH_SECONDS = 5.0  # between looks for symbols that nobody had yet
BEAT_SECONDS = 1.0  # a page that hears nothing for three of them says so
UNSEEN_SECONDS = 90.0  # a page that nobody looked at for so long is sent nothing
NEWS_DAYS = 30
RECENT_DAYS = 10  # calendar days before the newest bar in which an interval must have bars
HISTORY_DAYS = 420  # calendar days behind the figures: a year, and the averages before it
WATCHED = 400  # symbols whose closes are read for the watch list
OCC_LENGTH = 15  # the shortest symbol of an option


class MarketView(pn.viewable.Viewer):
    """The market page.

    Examples
    --------
    >>> MarketView(desk=Desk.open())  # doctest: +SKIP
    """

    desk = param.Parameter(precedence=-1, doc="The desk whose market is shown.")
    symbol: Any = param.Selector(default="", objects=[""], doc="What the chart shows.")
    answers = param.Integer(0, precedence=-1, doc="Count of what has been dealt with; takes the mark away.")
    opened = param.Number(0.0, precedence=-1, doc="When the browser opened the page, seconds since 1970.")
    seen = param.Number(0.0, precedence=-1, doc="When the page was looked at last, seconds since 1970.")
    said = param.String("", precedence=-1, doc="What a button of the page said last, and a count.")
    live = param.String("", precedence=-1, doc="What the page is told of the latest quotes.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._page: Any = None
        self._made_at = self._looked_at = datetime.now(UTC)
        self._task: Any = None
        self._told, self._told_at = "", 0.0
        self._every = False
        self.chart = SymbolChart()
        self.coverage = CoverageCard()
        self._open_desk()

    # -- what is shown ---------------------------------------------------------------------------------

    def _open_desk(self) -> None:
        """Find what the desk holds bars or quotes of, and keep the symbol chosen, else take the first."""
        self._made_at = datetime.now(UTC)
        self.moment: Any = self.desk.as_of()
        self.fixed = self.desk.settings.clock.as_of is not None
        self.unit = "$" if self.desk.settings.market.currency == "USD" else self.desk.settings.market.currency
        self.held = self.desk.symbols()
        self.intraday = self.desk.symbols("1m")
        self._read_live()
        names = [*self.held.index, *self.intraday.index, *self._quoted()]
        self.symbols = sorted(dict.fromkeys(str(name) for name in names))
        self.param["symbol"].objects = self.symbols or [""]
        with param.parameterized.discard_events(self):
            if self.symbol not in self.symbols:
                self.symbol = self.symbols[0] if self.symbols else ""
        self._zone = exchange_zone(self.desk.settings.market.calendar)
        self._read_services()
        self._read_closes()

    def _read_live(self, symbols: list[str] | None = None) -> None:
        """Read the latest quotes and the feeds; a fixed clock has none."""
        self.quotes = self.feeds = pd.DataFrame()
        if not self.fixed:
            self.quotes = pd.DataFrame(self.desk.quotes(symbols))
            self.feeds = pd.DataFrame(self.desk.feeds())

    def _read_services(self) -> None:
        self._services = pd.DataFrame(self.desk.connections()).reset_index()
        self._services_at = self.desk.now().timestamp()

    def _quoted(self) -> list[str]:
        """Return the symbols with a live quote, options aside: they stand in their chain."""
        names: list[str] = [str(name) for name in self.quotes["symbol"]] if len(self.quotes) else []
        return [name for name in names if len(name) < OCC_LENGTH]

    def _read_closes(self) -> None:
        known = [name for name in self.symbols if name in self.held.index][:WATCHED]
        self.closes: dict[str, pd.Series] = {}
        start = (self.moment.instant - pd.Timedelta(days=70)).date()
        recent = [name for name in known if self.held.loc[name, "last"] >= pd.Timestamp(start, tz="UTC")]
        for name in [name for name in known if name not in recent][: quotes_part.SHOWN]:
            before = (self._newest(name) - pd.Timedelta(days=70)).date()
            self.closes[name] = self.desk.bars(name, start=before, adjust="splits")["close"]
        if recent:
            bars = self.desk.bars(recent, start=start, adjust="splits")["close"]
            self.closes |= {name: bars.loc[name] for name in bars.index.get_level_values(0).unique()}

    def _newest(self, symbol: str) -> Any:
        """Return when the newest bar of a symbol begins, and no later than the desk's clock."""
        known = [table.loc[symbol, "last"] for table in (self.held, self.intraday) if symbol in table.index]
        return min(max(map(pd.Timestamp, known), default=self.moment.instant), self.moment.instant)

    def rows(self) -> list[dict[str, Any]]:
        """Return the watch list, one row a symbol: the latest quote or the last close that is held."""
        return quotes_part.watch_rows(self.quotes, self.closes, self.symbols, zone=self._zone)

    # -- the page --------------------------------------------------------------------------------------

    def __panel__(self) -> Any:
        if self._page is None:
            self._hidden = [
                pn.widgets.FloatInput.from_param(self.param["opened"], tags=[OPENED], visible=False),
                pn.widgets.FloatInput.from_param(self.param["seen"], tags=[SEEN], visible=False),
                pn.widgets.TextInput.from_param(self.param["said"], tags=[SAID], visible=False),
                pn.widgets.TextInput.from_param(self.param["live"], tags=[LIVE], visible=False),
                pn.widgets.IntInput.from_param(self.param["answers"], tags=[ANSWERED], visible=False),
            ]
            self._build()
            self._page = pn.Column(
                *self._parts(),
                css_classes=["wb-view"],
                stylesheets=[style("layout", "options_layout", "market_layout")],
                sizing_mode="stretch_width",
            )
            self._show_symbol()
        return self._page

    def _build(self) -> None:
        self._head, self._figures, self._state = html_pane(""), html_pane(""), html_pane("")
        self._watch, self._chain, self._news = html_pane(""), html_pane(""), html_pane("")
        self._chooser = pn.widgets.Select(
            label="Symbol",
            options=self.symbols or [""],
            value=self.symbol,
            width=110,
            tags=[ASKS],
            css_classes=["wb-heard"],
            stylesheets=[style("controls", "small_controls")],
            margin=0,
        )
        self._chooser.param.watch(lambda event: self._choose(event.new), "value")
        self._export = pn.widgets.FileDownload(
            callback=lambda: to_csv(self.chart.bars.reset_index()),
            filename="bars.csv",
            label="Export CSV",
            icon=None,
            stylesheets=[style("controls")],
            margin=0,
            width=100,
            height=28,
        )
        self._top = box("wb-top", self._head, self._chooser, self._export)
        self._main = box(
            "wb-market",
            box("wb-beside", self.chart, self.coverage),
            box("wb-beside", card(self._watch), card(self._chain), card(self._news)),
        )

    def _parts(self) -> list[Any]:
        if not self.symbols:
            self._head.object = bare_header_html("Market", self.moment.text, role=self.desk.role)
            self._chooser.visible = self._export.visible = False
            self._state.object = card_title_html("Market") + state_html(
                "No bars and no quotes yet",
                "Connect a service with `workbench connect alpaca`, then fetch bars with "
                "`workbench ingest alpaca SPY` and follow live quotes with `workbench stream`. Without a "
                "service, load a file with `workbench load`, or make the example desk with `workbench demo`.",
            )
            return [self._top, card(self._state), *self._hidden]
        self._chooser.visible = self._export.visible = True
        return [self._top, self._figures, self._main, *self._hidden]

    def refresh(self) -> None:
        """Read the desk again and show what it says now."""
        self._open_desk()
        if self._page is not None:
            self._page.objects = self._parts()
            self._show_symbol()

    # -- one symbol ------------------------------------------------------------------------------------

    def _show_symbol(self) -> None:
        if self._page is None or not self.symbols:
            return
        self._chooser.param.update(options=self.symbols, value=self.symbol)
        self._export.filename = f"bars-{self.symbol}.csv"
        within = self._intervals()
        held = [*(["1d"] if self.symbol in self.held.index else []), *within]
        self.chart.open_symbol(
            self.desk, self.symbol, held=held, newest=self._newest(self.symbol), unit=self.unit
        )
        self._read_chain()
        self._show_head()
        self._show_watch()
        self._show_options()
        self._show_news()
        self.coverage.open_desk(self.desk, [*self.held.index], chosen=self.symbol, intraday=within)
        self._told = ""
        self.tell()

    def _intervals(self) -> list[str]:
        """Return the intervals within the day at which the desk holds recent bars of the symbol."""
        if self.symbol not in self.intraday.index:
            return []
        last = min(pd.Timestamp(self.intraday.loc[self.symbol, "last"]), self.moment.instant)
        span = {"start": (last - pd.Timedelta(days=RECENT_DAYS)).date(), "end": last.date()}
        return [
            interval
            for interval in INTRADAY
            if self.desk.coverage([self.symbol], interval=interval, **span)["held"].sum() > 0
        ]

    def _show_head(self) -> None:
        source = "no bars held"
        freshness = ("stale", "No bars")
        if self.symbol in self.held.index:
            source = str(self.held.loc[self.symbol, "source"])
            freshness = self._freshness(self.held.loc[self.symbol, "last"])
        self._head.object = side.header_html(
            self.symbol,
            as_of=self.moment.text,
            source=source,
            freshness=freshness,
            role=self.desk.role,
            feeds=self._chips(),
        )
        self._show_figures()

    def _freshness(self, newest: Any) -> tuple[str, str]:
        """Say whether the daily bars reach to the last session that is over."""
        if self.moment.label:
            return "stale", f"Fixed clock · {self.moment.label}"
        newest, over = pd.Timestamp(newest).tz_localize(None).normalize(), pd.Timestamp(self.moment.session)
        if newest >= over:
            return "fresh", f"Bars to {day_words(newest)}"
        behind = len(sessions(self.desk.settings.market.calendar, newest, over)) - 1
        return "stale", f"Bars {behind:,} session{'' if behind == 1 else 's'} behind"

    def _chips(self) -> list[str]:
        # A fixed clock has no live quotes, and its own chip says so.
        return [] if self.fixed else quotes_part.feed_chips(self.feeds, self._services)

    def _show_figures(self) -> None:
        try:
            start = (self._newest(self.symbol) - pd.Timedelta(days=HISTORY_DAYS)).date()
            bars = self.desk.bars(self.symbol, start=start, adjust="splits")
            closes = self.desk.bars(self.symbol, start=start)["close"]
        except WorkbenchError:
            self._figures.object = ""
            return
        recent = closes.iloc[-side.MONTH - 1 :]
        volatility = float(realized_volatility(recent)) if len(recent) > 2 else float("nan")
        self._figures.object = side.figures_html(
            self.symbol,
            side.day_figures(bars, volatility),
            day=bars.index[-1],
            unit=self.unit,
            at_the_money=self._at_the_money(),
            earnings=self._earnings(),
        )

    def _read_chain(self) -> None:
        self.chain, self.expiries, self._no_chain = pd.DataFrame(), pd.DataFrame(), ""
        try:
            self.chain = pd.DataFrame(self.desk.chain(self.symbol))
            self.expiries = pd.DataFrame(self.desk.expiries(self.symbol)).reset_index(drop=True)
        except WorkbenchError as error:
            self._no_chain = str(error)

    def _at_the_money(self) -> tuple[float, str, bool] | None:
        if self.expiries.empty:
            return None
        far = self.expiries[(self.expiries["days"] >= side.MONTH) & self.expiries["atm_volatility"].notna()]
        if far.empty:
            return None
        first = far.iloc[0]
        words = f"{day_words(first['expiry'], year=True)}, {first['days']:.0f} days"
        return float(first["atm_volatility"]), words, bool(self.chain["modelled"].any())

    def _earnings(self) -> tuple[str, str]:
        try:
            return side.earnings_words(pd.DataFrame(self.desk.earnings(self.symbol)))
        except WorkbenchError:
            return side.earnings_words(pd.DataFrame())

    def _show_watch(self) -> None:
        rows = self.rows()
        live = any(row["time"] is not None for row in rows)
        note = "latest quotes; age since the quote" if live else "last closes that are held"
        table = quotes_part.quotes_html(
            rows,
            self.closes,
            chosen=self.symbol,
            at=self.desk.now().timestamp(),
            unit=self.unit,
            every=self._every,
        )
        self._watch.object = card_title_html("Watch list", note) + table

    def _show_options(self) -> None:
        self._chain.object = side.chain_card_html(
            self.chain, self.expiries, self.symbol, self._no_chain or "The desk holds no option quotes of it."
        )

    def _show_news(self) -> None:
        news, why = pd.DataFrame(), ""
        try:
            start = self.moment.instant - pd.Timedelta(days=NEWS_DAYS)
            news = pd.DataFrame(self.desk.news(self.symbol, start=start))
            settings = self.desk.settings.news
            # What is not shown needs no tone.
            told, why = tone_of(news.head(side.NEWS_SHOWN), settings.scorer, finbert=settings.finbert_path)
            news = news.join(told[["score"]]).assign(scorer=told["scorer"])
        except WorkbenchError as error:
            why = str(error)
        self._news.object = side.news_html(
            news,
            self.symbol,
            zone=self._zone,
            now=self.moment.instant,
            why=why
            or f"None of the last {NEWS_DAYS} days is held. `workbench news {self.symbol} --from rss` "
            "fetches what feeds of yours say; `workbench connect` lists services with more.",
        )

    # -- while quotes come in --------------------------------------------------------------------------

    def tell(self) -> None:
        """Tell the page the latest quotes, where they changed or a second has passed."""
        if self.fixed or self._page is None:
            return
        now = self.desk.now().timestamp()
        # What is shown is asked for often; whether there is more, and how the services are, now and then.
        if now - self._services_at > SEARCH_SECONDS:
            self._read_services()
            self._read_live()
            if set(self._quoted()) - set(self.symbols):
                self.refresh()
                return
        self._read_live(self.symbols)
        rows = self.rows()
        every = BEAT_SECONDS if len(self.feeds) else IDLE_SECONDS
        message = quotes_part.live_message(rows, self._chips(), at=now, every=every)
        what = message.partition(",")[2]
        if what != self._told or now - self._told_at >= BEAT_SECONDS * 0.9:
            self._told, self._told_at = what, now
            self.live = message

    async def _follow(self) -> None:
        """Tell the page about five times a second, while somebody looks at it."""
        while True:
            await asyncio.sleep(POLL_SECONDS if len(self.feeds) else IDLE_SECONDS)
            unseen = (datetime.now(UTC) - self._looked_at).total_seconds()
            if unseen < UNSEEN_SECONDS:
                # What cannot be read now is tried again; meanwhile the page says that it hears nothing.
                with suppress(WorkbenchError):
                    self.tell()

    # -- what changes ----------------------------------------------------------------------------------

    def _choose(self, symbol: str) -> None:
        try:
            if symbol in self.symbols:
                self.symbol = symbol
        finally:
            self.answers += 1

    @param.depends("symbol", watch=True)
    def _symbol_changed(self) -> None:
        self._show_symbol()

    @param.depends("opened", watch=True)
    def _page_opened(self) -> None:
        """Show the desk as it is now, since a kernel kept ready made this page some time ago; follow it."""
        self._looked_at = datetime.now(UTC)
        if (datetime.now(UTC) - self._made_at).total_seconds() > STALE_SECONDS:
            self.refresh()
        if self._task is None and not self.fixed:
            try:
                self._task = asyncio.get_running_loop().create_task(self._follow())
            except RuntimeError:
                return  # without an event loop nobody waits for quotes

    @param.depends("seen", watch=True)
    def _page_seen(self) -> None:
        self._looked_at = datetime.now(UTC)

    @param.depends("said", watch=True)
    def _heard(self) -> None:
        """Do what a button of the page said: a verb, its words, and a count that makes each click new."""
        try:
            verb, _, rest = self.said.rpartition(" ")[0].partition(" ")
            if verb == "symbol" and rest in self.symbols:
                self.symbol = rest
            elif verb == "watch" and rest == "all":
                self._every = True
                self._show_watch()
            elif self.symbols:
                _ = self.chart.hears(verb, rest) or self.coverage.hears(verb, rest)
        finally:
            self.answers += 1
