"""The book: what it is worth, what it risks, what one scenario would do to it, and why."""

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any

import pandas as pd
import panel as pn
import param

from workbench.errors import WorkbenchError
from workbench.plots import (
    mark_scenario,
    on_card,
    price_line,
    scenario_heatmap,
    scenario_unit,
    summary_of,
    update_price_line,
    update_scenario_heatmap,
)
from workbench.views import book_parts as parts
from workbench.views.export import to_csv, to_xlsx
from workbench.views.positions_table import positions_table, table_frame
from workbench.views.styles import style

HISTORY_DAYS = 365  # calendar days of the price line
OPENED = "workbench-opened"  # how theme.js finds what it tells that the page is open
STALE_SECONDS = 30.0  # a page made ready longer ago is refreshed when it is opened


class BookView(pn.viewable.Viewer):
    """The book's positions, Greeks and scenarios, with a drill-down by underlying.

    Examples
    --------
    >>> BookView(desk=Desk.open())  # doctest: +SKIP
    """

    desk = param.Parameter(precedence=-1, doc="The desk whose book is shown.")
    spot_percent = param.Number(0.0, bounds=(-30.0, 30.0), doc="Change of every price, in percent.")
    volatility_points = param.Number(0.0, bounds=(-20.0, 40.0), doc="Change of every volatility, in points.")
    days = param.Integer(0, bounds=(0, 60), doc="Calendar days that pass.")
    underlying: Any = param.Selector(objects=[""], doc="Whose prices and positions the detail shows.")
    opened = param.Number(0.0, precedence=-1, doc="When the browser opened the page, seconds since 1970.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._page: Any = None
        self._instant: Any = None
        self._made_at = datetime.now(UTC)
        self._read()

    # -- what is shown ---------------------------------------------------------------------------------

    def _read(self) -> None:
        """Ask the desk for what the page shows; a question that it cannot answer becomes a state."""
        self.headline: Any = None
        self.book = pd.DataFrame()
        self.greeks = pd.DataFrame()
        self.grid = pd.DataFrame()
        self.problem = ""
        self._made_at = datetime.now(UTC)
        try:
            # One instant for the whole page: its figures agree, also while the wall clock goes on.
            self._instant = self.desk.as_of().instant
            self.book = pd.DataFrame(self.desk.book(self._instant)).reset_index(drop=True)
            if self.book.empty:
                return
            self.headline = self.desk.headline(self._instant)
            self.greeks = pd.DataFrame(self.desk.book_greeks(by="underlying", as_of=self._instant))
            self.grid = self.desk.scenario_grid(self._instant, days=self.days)
        except WorkbenchError as error:
            self.problem = str(error)
            return
        names = sorted(self.book["underlying"].unique())
        self.param["underlying"].objects = names
        if self.underlying not in names:
            exposed = self.greeks.drop(index="Book", errors="ignore")["dollar_delta"].abs()
            self.underlying = str(exposed.idxmax()) if exposed.notna().any() else names[0]

    def key_figures_html(self) -> str:
        """Return the strip of key figures as HTML; empty when there is no book."""
        return "" if self.headline is None else parts.figures_html(self.headline)

    def figures(self) -> dict[str, float]:
        """Return the headline figures that the page shows, by name; empty when there is no book."""
        if self.headline is None:
            return {}
        return {name: float(getattr(self.headline, name)) for name in parts.HEADLINE_FIGURES}

    def refresh(self) -> None:
        """Read the desk again and show what it says now."""
        self._read()
        if self._page is not None:
            self._page.objects = [*self._parts(), self._page.objects[-1]]

    # -- the page --------------------------------------------------------------------------------------

    def __panel__(self) -> Any:
        if self._page is None:
            # The browser sets its value when the page is opened; see theme.js.
            opened = pn.widgets.FloatInput.from_param(self.param["opened"], tags=[OPENED], visible=False)
            self._page = pn.Column(
                *self._parts(),
                opened,
                css_classes=["wb-view"],
                stylesheets=[style("layout")],
                sizing_mode="stretch_width",
            )
        return self._page

    def _parts(self) -> list[Any]:
        if self.headline is None:
            return [self._state_card()]
        self._build()
        return [self._top, self._figures, self._cards, self._positions, self._detail]

    def _state_card(self) -> Any:
        if self.problem:
            text = parts.state_html("The book cannot be shown", self.problem)
        else:
            day = self.desk.as_of().text
            text = parts.state_html(
                f"No positions on {day}",
                "No fill has been loaded up to then. Load some with `workbench load fills FILE`, "
                "or make the example book with `workbench demo`.",
            )
        head = parts.card_title_html("Book and risk", self.desk.as_of().text)
        return _card(_html(head + text))

    def _build(self) -> None:
        headline = self.headline
        freshness = parts.freshness_of(headline.as_of.instant, self.book["price_time"], headline.as_of.label)
        self._top = _box(
            "wb-top",
            _html(parts.header_html(headline, role=self.desk.role, freshness=freshness)),
            *self._export_buttons(),
        )
        self._figures = _html(parts.figures_html(headline))
        self._heatmap = on_card(scenario_heatmap(self.grid, subject="every underlying", height=316))
        self._grid_title = _html("")
        self._grid_words = _html("")
        self._result = _html("")
        self._exposure = _html("")
        self._table = positions_table(table_frame(self.book))
        self._table.on_click(self._row_clicked)
        self._detail_text = _html("")
        self._chooser = pn.widgets.RadioButtonGroup.from_param(
            self.param["underlying"], stylesheets=[style("controls")], margin=0
        )
        self._prices: Any = None
        self._price_pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self._cards = _box(
            "wb-cards",
            _card(
                self._grid_title,
                pn.pane.Bokeh(self._heatmap, sizing_mode="stretch_width", margin=0),
                self._grid_words,
            ),
            _card(_html(parts.card_title_html("One scenario", "for all underlyings", after=parts.MODELLED)),
                  *self._sliders(), self._result),
            _card(self._exposure),
        )  # fmt: skip
        count = len(self.book)
        self._positions = _card(
            _html(
                parts.card_title_html(
                    "Positions",
                    f"{count} open, worst last session first; a row opens its underlying below",
                )
            ),
            self._table,
        )
        self._detail_title = _html("")
        self._detail = _card(
            _box("wb-between", self._detail_title, self._chooser),
            _box("wb-detail", self._price_pane, self._detail_text),
        )
        self._show_grid()
        self._show_scenario()
        self._show_underlying()

    def _sliders(self) -> list[Any]:
        def slider(name: str, title: str, unit: str, *, signed: bool = True, step: float = 1) -> Any:
            low, high = self.param[name].bounds
            made = pn.widgets.FloatSlider(
                label=title,
                start=low,
                end=high,
                step=step,
                value=getattr(self, name),
                format=_slider_format(unit, signed=signed),
                sizing_mode="stretch_width",
                stylesheets=[style("controls")],
                margin=(4, 0, 0, 0),
                tooltips=False,
            )
            # A slider sends when it is let go, not while it moves.
            made.param.watch(
                lambda event: setattr(self, name, type(getattr(self, name))(event.new)), "value_throttled"
            )
            self.param.watch(lambda event: setattr(made, "value", event.new), name)
            return made

        return [
            slider("spot_percent", "Prices", " %"),
            slider("volatility_points", "Implied volatility", " pt"),
            slider("days", "Days on", " d", signed=False),
        ]

    def _export_buttons(self) -> list[Any]:
        day = self.headline.as_of.session
        note = f"Positions as of {self.headline.as_of.text}; source: {self.headline.source}"

        def button(label: str, suffix: str, make: Callable[[], Any]) -> Any:
            return pn.widgets.FileDownload(
                callback=make,
                filename=f"book-{day}.{suffix}",
                label=label,
                icon=None,
                stylesheets=[style("controls")],
                margin=0,
                width=110,
                height=28,
            )

        return [
            button("Export CSV", "csv", lambda: to_csv(self.book)),
            button("Export Excel", "xlsx", lambda: to_xlsx(self.book, sheet="Positions", note=note)),
        ]

    # -- what changes ----------------------------------------------------------------------------------

    @param.depends("spot_percent", "volatility_points", watch=True)
    def _scenario_changed(self) -> None:
        if self._page is not None and self.headline is not None:
            self._show_scenario()

    @param.depends("days", watch=True)
    def _days_changed(self) -> None:
        if self.headline is None:
            return
        self.grid = self.desk.scenario_grid(self._instant, days=self.days)
        if self._page is not None:
            self._show_grid()
            self._show_scenario()

    @param.depends("underlying", watch=True)
    def _underlying_changed(self) -> None:
        if self._page is not None and self.headline is not None:
            self._show_underlying()

    @param.depends("opened", watch=True)
    def _page_opened(self) -> None:
        """Show the desk as it is now: a kernel kept ready rendered this page some time ago."""
        if (datetime.now(UTC) - self._made_at).total_seconds() > STALE_SECONDS and self._is_outdated():
            self.refresh()

    def _is_outdated(self) -> bool:
        """Say whether the desk would now show another book; asking costs a fifth of building the page."""
        try:
            if self.headline is None or self.desk.as_of().instant != self.headline.as_of.instant:
                return True
            return not pd.DataFrame(self.desk.book()).reset_index(drop=True).equals(self.book)
        except WorkbenchError:
            return True

    def stressed(self) -> Any:
        """Return what the chosen scenario does to the book, as the desk computes it."""
        return self.desk.stress(
            spot=self.spot_percent / 100,
            volatility=self.volatility_points / 100,
            days=self.days,
            as_of=self._instant,
        )

    def _show_scenario(self) -> None:
        spot, volatility = self.spot_percent / 100, self.volatility_points / 100
        result = self.stressed()
        legs = result.positions
        keys = ["account", "symbol"]
        pnl = legs.set_index(keys)["pnl"].reindex(pd.MultiIndex.from_frame(self.book[keys]))
        self._table.value = table_frame(self.book, pd.Series(pnl.to_numpy(), index=self.book.index))
        mark_scenario(self._heatmap, self.grid, spot=spot, volatility=volatility)
        self._result.object = parts.scenario_result_html(
            float(result.pnl),
            legs.groupby("underlying")["pnl"].sum(),
            words=parts.scenario_words(spot, volatility, self.days),
            skipped=int(pnl.isna().sum()),
        )

    def _show_grid(self) -> None:
        update_scenario_heatmap(self._heatmap, self.grid)
        self._grid_title.object = parts.scenario_title_html(scenario_unit(self.grid)[1], days=self.days)
        self._grid_words.object = parts.grid_table_html(self.grid, summary_of(self._heatmap))

    def _show_underlying(self) -> None:
        name = self.underlying
        legs = self.book[self.book["underlying"] == name]
        self._exposure.object = parts.exposure_html(self.greeks, chosen=name) + parts.earned_html(self.book)
        self._detail_text.object = parts.detail_html(legs, name)
        try:
            start = (self.headline.as_of.instant - pd.Timedelta(days=HISTORY_DAYS)).date()
            bars = self.desk.bars(name, start=start, adjust="splits")
        except WorkbenchError as error:
            self._price_pane.object = None
            self._detail_title.object = parts.card_title_html(name, str(error))
            return
        if self._prices is None:
            self._prices = on_card(price_line(bars, symbol=name))
            self._price_pane.object = self._prices
        else:
            update_price_line(self._prices, bars, symbol=name)
        note = f"daily closes adjusted for splits, to {bars.index[-1]:%d %b %Y}"
        hidden = f'<p class="wb-hidden">{escape(summary_of(self._prices))}</p>'
        self._detail_title.object = parts.card_title_html(name, note) + hidden

    def _row_clicked(self, event: Any) -> None:
        row = self._table.value.iloc[event.row]
        self.underlying = row["underlying"]


def _html(text: str) -> Any:
    return pn.pane.HTML(text, stylesheets=[style("parts")], sizing_mode="stretch_width", margin=0)


def _card(*objects: Any) -> Any:
    return _box("wb-card", *objects)


def _box(name: str, *objects: Any) -> Any:
    return pn.Column(
        *objects, css_classes=[name], stylesheets=[style("layout")], sizing_mode="stretch_width", margin=0
    )


def _slider_format(unit: str, *, signed: bool) -> Any:
    from workbench.plots.numbers import tick_formatter

    return tick_formatter(0, signed=signed, unit=unit)
