"""Options of one underlying: its expiries, chain, smile, a structure's payoff, the surface, a calculator."""

from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from workbench.errors import WorkbenchError
from workbench.plots import on_card, smile, summary_of, update_smile, written
from workbench.views import options_parts as parts
from workbench.views.book_parts import MODELLED, card_title_html, freshness_of, state_html
from workbench.views.export import to_csv
from workbench.views.number_field import ASKS
from workbench.views.options_builder import StructureBuilder
from workbench.views.options_calculator import Calculator
from workbench.views.options_chain import BY_STRIKE, ORDERS, chain_html
from workbench.views.options_panes import box, card, html_pane
from workbench.views.options_parts import chip_html
from workbench.views.options_surface import SurfacePart
from workbench.views.styles import style

# How theme.js finds what it tells, and what tells it.
OPENED, SAID, ANSWERED = "workbench-opened", "workbench-said", "workbench-answered"
STALE_SECONDS = 30.0  # a page made ready longer ago is refreshed when it is opened
FIRST_DAYS = 30.0  # the page opens at the first expiry that is at least so far
SMILE_REACH = 3.4  # standard deviations that the smile shows to each side
PARTS = {"chain": "Chain and structure", "surface": "Surface", "calculator": "Calculator"}
MODELLED_COLUMNS = chip_html("IV and delta modelled")


class OptionsView(pn.viewable.Viewer):
    """The options page.

    Examples
    --------
    >>> OptionsView(desk=Desk.open())  # doctest: +SKIP
    """

    desk = param.Parameter(precedence=-1, doc="The desk whose chains are shown.")
    symbol: Any = param.Selector(default="", objects=[""], doc="Underlying of the chain.")
    expiry = param.Integer(0, bounds=(0, None), doc="Place of the chosen expiry in the strip.")
    part: Any = param.Selector(default="chain", objects=list(PARTS), doc="Part of the page that is shown.")
    rows: Any = param.Selector(default="near", objects=["near", "all", "unpriced"], doc="Strikes shown.")
    order: Any = param.Selector(default=BY_STRIKE, objects=list(ORDERS), doc="What the chain is sorted by.")
    falling = param.Boolean(False, doc="The chain shows the largest first.")
    answers = param.Integer(0, precedence=-1, doc="Count of what has been dealt with; takes the mark away.")
    opened = param.Number(0.0, precedence=-1, doc="When the browser opened the page, seconds since 1970.")
    said = param.String("", precedence=-1, doc="What a button of the page said last, and a count.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._page: Any = None
        self._smile: Any = None
        self._made_at = datetime.now(UTC)
        self.calculator = Calculator(answered=self._answered)
        self.builder = StructureBuilder(changed=self._legs_changed, answered=self._answered)
        self.surface = SurfacePart()
        self._open_desk()

    # -- what is shown ---------------------------------------------------------------------------------

    def _open_desk(self) -> None:
        """Find the underlyings that the desk has chains of, and read the first or the one already chosen."""
        self._made_at = datetime.now(UTC)
        self._instant = self.desk.as_of().instant
        self.symbols = self.desk.option_symbols()
        self.param["symbol"].objects = self.symbols or [""]
        with param.parameterized.discard_events(self):
            if self.symbol not in self.symbols:
                self.symbol = self.symbols[0] if self.symbols else ""
        self._read()

    def _read(self) -> None:
        """Ask the desk for the chain of the symbol; a question that it cannot answer becomes a state."""
        self.chain, self.expiries = pd.DataFrame(), pd.DataFrame()
        self.problem = ""
        self.moment: Any = self.desk.as_of()
        if not self.symbol:
            return
        try:
            self.chain = pd.DataFrame(self.desk.chain(self.symbol, self._instant))
            self.expiries = pd.DataFrame(self.desk.expiries(self.symbol, self._instant)).reset_index(
                drop=True
            )
            self.moment = self.desk.as_of(self.chain["time"].max())
        except WorkbenchError as error:
            self.problem = str(error)
            return
        with param.parameterized.discard_events(self):
            self.expiry = first_expiry(self.expiries)
            self.rows = "near"
        self.surface.open_chain(self.desk, self.symbol, self._instant)

    @property
    def spot(self) -> float:
        """Price of the underlying in the chain, $."""
        return float(self.chain["spot"].iloc[0])

    def quotes(self) -> pd.DataFrame:
        """Return the quotes of the chosen expiry."""
        chosen = self.expiries.iloc[self.expiry]
        mine = (self.chain["expiry"] == chosen["expiry"]) & (self.chain["root"] == chosen["root"])
        return pd.DataFrame(self.chain[mine]).reset_index(drop=True)

    def _deviation(self) -> float | None:
        move = float(self.expiries["expected_move"].iloc[self.expiry])
        return move if np.isfinite(move) and move > 0 else None

    # -- the page --------------------------------------------------------------------------------------

    def __panel__(self) -> Any:
        if self._page is None:
            self._hidden = [
                pn.widgets.FloatInput.from_param(self.param["opened"], tags=[OPENED], visible=False),
                pn.widgets.TextInput.from_param(self.param["said"], tags=[SAID], visible=False),
                pn.widgets.IntInput.from_param(self.param["answers"], tags=[ANSWERED], visible=False),
            ]
            self._build()
            self._page = pn.Column(
                *self._parts(),
                css_classes=["wb-view"],
                stylesheets=[style("layout", "options_layout")],
                sizing_mode="stretch_width",
            )
            self._show_expiry()
        return self._page

    def _build(self) -> None:
        self._head = html_pane("")
        self._switch = html_pane("")
        self._strip = html_pane("")
        self._chain_title = html_pane("")
        self._table = html_pane("")
        self._smile_title = html_pane("")
        self._smile_words = html_pane("")
        self._smile_pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self._smile_box = box("wb-picture", self._smile_pane)
        self._state = html_pane("")
        self._export = pn.widgets.FileDownload(
            callback=lambda: to_csv(self.chain),
            filename=f"chain-{self.symbol}.csv",
            label="Export CSV",
            icon=None,
            stylesheets=[style("controls")],
            margin=0,
            width=100,
            height=28,
        )
        self._chooser = pn.widgets.Select(
            label="Underlying",
            options=self.symbols or [""],
            value=self.symbol,
            width=90,
            tags=[ASKS],
            css_classes=["wb-heard"],
            stylesheets=[style("controls", "small_controls")],
            margin=0,
        )
        self._chooser.param.watch(lambda event: self._choose(event.new), "value")
        self._top = box("wb-top", self._head, self._chooser, self._switch, self._export)
        self._main = box(
            "wb-options",
            card(self._chain_title, self._table),
            box(
                "wb-beside",
                card(self._smile_title, self._smile_box, self._smile_words),
                self.builder,
            ),
        )

    def _parts(self) -> list[Any]:
        self._show_head()
        if self.part == "calculator":
            strip = [self._strip] if len(self.expiries) else []
            return [self._top, *strip, self.calculator, *self._hidden]
        if not len(self.chain):
            return [self._top, card(self._state), *self._hidden]
        middle = self._main if self.part == "chain" else self.surface
        return [self._top, self._strip, middle, *self._hidden]

    def _show_head(self) -> None:
        switch = parts.switch_html(PARTS, chosen=self.part, verb="part", label="Part of the page")
        self._chooser.visible = len(self.symbols) > 1
        self._chooser.param.update(options=self.symbols or [""], value=self.symbol)
        self._switch.object = f'<div class="wb-bar-end">{switch}</div>'
        self._export.visible = bool(len(self.chain))
        if not len(self.chain):
            self._head.object = parts.bare_header_html("Options", self.desk.as_of().text, role=self.desk.role)
            if self.problem:
                self._state.object = parts.empty_html(self.symbol, [], self.problem)
            else:
                self._state.object = parts.empty_html("", self.symbols, "The desk holds no option quotes.")
            return
        now = self.desk.as_of()
        self._head.object = parts.header_html(
            self.symbol,
            spot=self.spot,
            as_of=self.moment.text,
            source=", ".join(sorted(self.chain["source"].astype(str).unique())),
            freshness=freshness_of(now.instant, self.chain["time"], now.label),
            modelled=bool(self.chain["modelled"].any()),
            findings=parts.findings_of(self.chain),
            role=self.desk.role,
        )

    def refresh(self) -> None:
        """Read the desk again and show what it says now."""
        self._open_desk()
        self._show_page()

    def _show_page(self) -> None:
        if self._page is None:
            return
        self._page.objects = self._parts()
        self._show_expiry()

    def _answered(self) -> None:
        self.answers += 1

    def _choose(self, symbol: str) -> None:
        try:
            if symbol in self.symbols:
                self.symbol = symbol
        finally:
            self._answered()

    # -- what changes ----------------------------------------------------------------------------------

    @param.depends("symbol", watch=True)
    def _symbol_changed(self) -> None:
        self._read()
        self._show_page()

    @param.depends("part", watch=True)
    def _part_changed(self) -> None:
        if self._page is not None:
            if self.part == "surface":
                self.surface.present(self.expiries, self.expiry)
            if self.part == "calculator" and not self.calculator.name_of_contract and len(self.chain):
                self._calculate_nearest()
            self._page.objects = self._parts()

    @param.depends("expiry", watch=True)
    def _expiry_changed(self) -> None:
        if len(self.expiries):
            self._show_expiry()

    @param.depends("rows", "order", "falling", watch=True)
    def _rows_changed(self) -> None:
        if len(self.chain) and self._page is not None:
            self._show_table()

    @param.depends("opened", watch=True)
    def _page_opened(self) -> None:
        """Show the desk as it is now: a kernel kept ready rendered this page some time ago."""
        if (datetime.now(UTC) - self._made_at).total_seconds() > STALE_SECONDS and self._is_outdated():
            self.refresh()

    def _is_outdated(self) -> bool:
        try:
            instant = self.desk.as_of().instant
            if not len(self.chain) or self.desk.option_symbols() != self.symbols:
                return True
            latest = pd.DataFrame(self.desk.chain(self.symbol, instant))
            self._instant = instant
            return not latest["time"].equals(self.chain["time"])
        except WorkbenchError:
            return True

    @param.depends("said", watch=True)
    def _heard(self) -> None:
        """Do what a button of the page said: a verb, its words, and a count that makes each click new."""
        try:
            self._do(*self.said.rpartition(" ")[0].partition(" ")[::2])
        finally:
            self._answered()

    def _do(self, verb: str, rest: str) -> None:
        if verb == "part" and rest in PARTS:
            self.part = rest
        elif verb == "symbol" and rest in self.symbols:
            self.symbol = rest
        elif verb == "expiry" and rest.isdigit() and int(rest) < len(self.expiries):
            self.expiry = int(rest)
        elif verb == "rows" and rest in self.param["rows"].objects:
            self.rows = rest
        elif verb == "sort" and rest in ORDERS:
            # Numbers are wanted with the largest first, strikes as they are listed.
            self.param.update(
                order=rest, falling=not self.falling if rest == self.order else rest != BY_STRIKE
            )
        elif verb == "structure" and rest in self.builder.param["structure"].objects:
            self.builder.structure = rest
        elif verb == "clear":
            self.builder.clear()
        else:
            self._heard_of_contract(verb, rest)

    def _heard_of_contract(self, verb: str, rest: str) -> None:
        contracts, _, symbol = rest.partition(" ") if verb == "leg" else ("", "", rest)
        known = self.chain[self.chain["symbol"] == symbol] if len(self.chain) else self.chain
        if not len(known):
            return
        if verb == "leg" and contracts.lstrip("-").isdigit():
            self.builder.add(symbol, int(contracts))
        elif verb == "drop":
            self.builder.drop(symbol)
        elif verb == "calculate":
            self.calculator.take(known.iloc[0])
            self.part = "calculator"

    def _legs_changed(self) -> None:
        if self._page is not None and len(self.chain):
            self._show_table()

    def _chosen_expiry(self) -> pd.Series:
        return self.expiries.iloc[self.expiry]

    def _calculate_nearest(self) -> None:
        """Begin the calculator at the call nearest the spot of the chosen expiry."""
        quotes = self.quotes()
        calls = quotes[(quotes["right"] == "C") & np.isfinite(quotes["implied_volatility"])]
        if len(calls):
            self.calculator.take(calls.loc[(calls["strike"] - self.spot).abs().idxmin()])

    def _show_expiry(self) -> None:
        if self._page is None or not len(self.expiries):
            return
        self._strip.object = parts.strip_html(self.expiries, chosen=self.expiry)
        chosen = self._chosen_expiry()
        today = pd.Timestamp(chosen["expiry"]) - pd.Timedelta(days=float(chosen["days"]))
        self.builder.open_chain(self.chain, expiry=chosen["expiry"], deviation=self._deviation(), today=today)
        self._show_table()
        self._show_smile()
        if self.part == "surface":
            self.surface.present(self.expiries, self.expiry)

    def _show_table(self) -> None:
        quotes, chosen = self.quotes(), self._chosen_expiry()
        when = f"{chosen['expiry'].day} {chosen['expiry']:%b %Y}"
        self._chain_title.object = card_title_html(
            f"Chain, {when}",
            f"{written(chosen['days'])} days; grey: in the money; click a price to add a leg",
            after=MODELLED_COLUMNS,
        )
        table = chain_html(
            quotes,
            spot=self.spot,
            shown=self.rows,
            legs=self.builder.quantities(),
            lots=self.builder.lots,
            order=self.order,
            falling=self.falling,
        )
        self._table.object = table + parts.rows_html(quotes, shown=self.rows)

    def _show_smile(self) -> None:
        quotes, chosen = self.quotes(), self._chosen_expiry()
        curve = self.surface.curve(chosen, quotes)
        contracts = zip(quotes["strike"], quotes["right"], strict=True)
        ringed = [contract in curve.ringed for contract in contracts]
        deviation = self._deviation()
        reach = SMILE_REACH * deviation if deviation else 0.3 * self.spot
        options: dict[str, Any] = {
            "spot": self.spot,
            "forward": float(chosen["forward"]) if np.isfinite(chosen["forward"]) else None,
            "fit": curve.line,
            "fit_error": curve.error,
            "strikes": (self.spot - reach, self.spot + reach),
        }
        quotes = quotes.assign(ringed=ringed)
        note = "whisker: bid to ask"
        if not np.isfinite(quotes["implied_volatility"]).any():
            self._smile_box.visible = False
            self._smile_title.object = card_title_html("Smile", "")
            why = parts.reason_words(str(quotes["status"].iloc[0]))
            self._smile_words.object = state_html(
                "No quote of this expiry has a volatility", f"{why[0].upper()}{why[1:]}."
            )
            return
        if self._smile is None:
            self._smile = on_card(smile(quotes, **options, height=232))
            self._smile_pane.object = self._smile
        else:
            update_smile(self._smile, quotes, **options)
        self._smile_box.visible = True
        note += f"; {curve.note}" if curve.note else ""
        self._smile_title.object = card_title_html("Smile", note, after=MODELLED)
        self._smile_words.object = f'<p class="wb-hidden">{escape(summary_of(self._smile))}</p>'


def first_expiry(expiries: pd.DataFrame) -> int:
    """Return the place of the expiry that a page opens at: the first about a month away, else the last."""
    far = np.nonzero((expiries["days"] >= FIRST_DAYS).to_numpy() & (expiries["priced"] > 0).to_numpy())[0]
    priced = np.nonzero((expiries["priced"] > 0).to_numpy())[0]
    if len(far):
        near = far[expiries["quotes"].to_numpy()[far[:3]].argmax()] if len(far) > 2 else far[0]
        return int(near)
    return int(priced[-1]) if len(priced) else 0
