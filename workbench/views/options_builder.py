"""The payoff builder: a named structure or legs clicked in the chain, its picture and its key figures."""

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from workbench.errors import WorkbenchError
from workbench.plots import on_card, payoff, summary_of, update_payoff, written
from workbench.pricing import STRUCTURES, build_structure, payoff_curves, payoff_summary
from workbench.views.book_parts import card_title_html, state_html
from workbench.views.number_field import ASKS, NumberField
from workbench.views.options_chain import leg_chip
from workbench.views.options_panes import box, html_pane
from workbench.views.options_parts import chip_html, day_words, switch_html
from workbench.views.styles import style

QUICK = {
    "long_call": "Single",
    "bull_put_spread": "Vertical",
    "iron_condor": "Condor",
    "short_strangle": "Strangle",
}
OWN = "own"
FIRST = "iron_condor"
FIRST_LOTS = 10
MOST_LOTS = 1000
CURVES = chip_html("dashed lines modelled")


class StructureBuilder(pn.viewable.Viewer):
    """One position in options of one underlying: legs, profit and loss, and what it costs and risks."""

    structure: Any = param.Selector(default=FIRST, objects=[*STRUCTURES, OWN], doc="What is built.")
    lots = param.Integer(FIRST_LOTS, bounds=(1, MOST_LOTS), doc="Contracts of each leg with a ratio of one.")

    def __init__(
        self,
        *,
        changed: Callable[[], None] = lambda: None,
        answered: Callable[[], None] = lambda: None,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self.legs = pd.DataFrame()
        self.summary: Any = None
        self.problem = ""
        self._changed, self._answered = changed, answered
        self._chain = pd.DataFrame()
        self._expiry: Any = None
        self._deviation: float | None = None
        self._today: Any = None
        self._page: Any = None
        self._plot: Any = None

    # -- what is built ---------------------------------------------------------------------------------

    def open_chain(self, chain: pd.DataFrame, *, expiry: Any, deviation: float | None, today: Any) -> None:
        """Take the chain of an underlying and the expiry that the page shows, and build there.

        Parameters
        ----------
        chain : DataFrame
            As `Desk.chain`, all expiries: calendars need two.
        expiry : date
            Where legs are put.
        deviation : float or None
            One standard deviation of the price until then, $.
        today : date
            Day of the quotes.
        """
        self._chain, self._expiry, self._deviation, self._today = chain, expiry, deviation, today
        if self.structure == OWN:
            self.param.update(structure=FIRST)
        else:
            self._build_named()

    def quantities(self) -> dict[str, float]:
        """Return the contracts of each leg by OCC symbol, signed."""
        options = self.legs[self.legs["kind"] != "share"] if len(self.legs) else self.legs
        return dict(zip(options["symbol"], options["quantity"], strict=True)) if len(options) else {}

    def add(self, symbol: str, contracts: int) -> None:
        """Add contracts of one option to what is held; what comes to nothing goes."""
        row = self._chain[self._chain["symbol"] == symbol].iloc[0]
        held = self.quantities().get(symbol, 0.0) + contracts
        kept = self.legs[self.legs["symbol"] != symbol] if len(self.legs) else self.legs
        try:
            if held:
                name = "long_call" if row["right"] == "C" else "long_put"
                mine = self._chain[
                    (self._chain["expiry"] == row["expiry"]) & (self._chain["root"] == row["root"])
                ]
                added = build_structure(
                    name, mine, expiry=row["expiry"], strikes=[float(row["strike"])], quantity=held
                )
                kept = pd.concat([kept, added], ignore_index=True) if len(kept) else added
        except WorkbenchError as error:
            self._show(str(error))
            return
        self._own(kept)

    def drop(self, symbol: str) -> None:
        """Take one leg away."""
        self._own(self.legs[self.legs["symbol"] != symbol].reset_index(drop=True))

    def clear(self) -> None:
        """Take every leg away."""
        self._own(self.legs.iloc[:0])

    def _own(self, legs: pd.DataFrame) -> None:
        self.legs = (
            legs.sort_values(["strike", "kind"], kind="stable", ignore_index=True) if len(legs) else legs
        )
        with param.parameterized.discard_events(self):
            self.structure = OWN
        self._show()

    @param.depends("structure", "lots", watch=True)
    def _build_named(self) -> None:
        if self.structure == OWN or not len(self._chain):
            return
        mine = self._chain[self._chain["expiry"] == self._expiry]
        if len(mine) and not np.isfinite(mine["implied_volatility"]).any():
            self.legs = self.legs.iloc[:0]
            self._show("No quote of this expiry has a volatility; choose a later one.")
            return
        try:
            self.legs = build_structure(self.structure, self._chain, expiry=self._expiry, quantity=self.lots)
        except WorkbenchError as error:
            self.legs = self.legs.iloc[:0]
            self._show(str(error))
            return
        self._show()

    def title(self) -> str:
        """Return what is built, in words."""
        if self.structure == OWN:
            count = len(self.legs)
            return "No leg" if not count else f"{count} leg{'' if count == 1 else 's'} of your own"
        lots = f"{written(self.lots)} lot{'' if self.lots == 1 else 's'}"
        return f"{STRUCTURES[self.structure].title}, {lots}"

    # -- the page --------------------------------------------------------------------------------------

    def __panel__(self) -> Any:
        if self._page is None:
            self._build()
        return self._page

    def _build(self) -> None:
        self._title = html_pane("")
        self._controls = html_pane("")
        self._figures = html_pane("")
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        # A pane hands its own visibility to its figure for good; the box around it keeps it.
        self._picture = box("wb-picture", self._pane)
        named = {STRUCTURES[name].title: name for name in STRUCTURES}
        self._chooser = pn.widgets.Select(
            label="Structure",
            options={**named, "Legs of your own": OWN},
            value=self.structure,
            width=160,
            tags=[ASKS],
            css_classes=["wb-heard"],
            stylesheets=[style("controls", "small_controls")],
            margin=0,
        )
        self._chooser.param.watch(lambda event: self._choose(event.new), "value")
        self._lots = NumberField(
            "Lots",
            "",
            value=self.lots,
            bounds=(1, MOST_LOTS),
            digits=0,
            whole=True,
            changed=lambda number: setattr(self, "lots", int(number)),
            answered=self._answered,
        )
        self._page = box(
            "wb-card",
            self._title,
            box("wb-head-row", self._controls, self._chooser, self._lots),
            self._picture,
            self._figures,
        )
        self._show(self.problem)

    def _choose(self, name: str) -> None:
        try:
            if name == OWN and self.structure != OWN:
                self._own(self.legs)  # what stands there is to be edited
            elif name != OWN:
                self.structure = name
        finally:
            self._answered()

    def _show(self, problem: str = "") -> None:
        self.problem = problem
        self.summary = None
        if not problem and len(self.legs):
            try:
                self.summary = payoff_summary(self.legs)
            except WorkbenchError as error:
                self.problem = str(error)
        if self._page is not None:
            self._draw()
        self._changed()

    def _draw(self) -> None:
        self._chooser.value = self.structure
        quick = self.structure if self.structure in QUICK else ""
        self._controls.object = switch_html(QUICK, chosen=quick, verb="structure", label="Structure")
        self._title.object = card_title_html(self.title(), "P&L, $ at mid", after=CURVES)
        if self.summary is None:
            self._picture.visible = False
            self._figures.object = self._state()
            return
        try:
            drawn = picture_of(self.legs, self.summary, deviation=self._deviation, today=self._today)
        except WorkbenchError as error:
            self._picture.visible = False
            self._figures.object = figures_html(self.summary) + state_html("No picture", str(error))
            return
        if self._plot is None:
            self._plot = on_card(payoff(**drawn, name=self.title(), height=258))
            self._pane.object = self._plot
        else:
            update_payoff(self._plot, **drawn, name=self.title())
        self._picture.visible = True
        self._figures.object = (
            legs_html(self.legs)
            + figures_html(self.summary)
            + f'<p class="wb-hidden">{escape(summary_of(self._plot))}</p>'
        )

    def _state(self) -> str:
        if self.problem:
            return state_html(f"{self.title()} cannot be built here", self.problem.replace("`", ""))
        return state_html(
            "No leg yet", "Click a bid in the chain to sell, an ask to buy; or choose a structure above."
        )


def picture_of(legs: pd.DataFrame, summary: Any, *, deviation: float | None, today: Any) -> dict[str, Any]:
    """Return what `plots.payoff` draws of legs: the engine's curves with their dates in words."""
    curves = payoff_curves(legs, deviation=deviation)
    days = [float(each) for each in curves.columns]
    words = [day_words(today + pd.Timedelta(days=float(np.ceil(np.round(each, 6))))) for each in days]
    dated = np.isfinite(summary.horizon_days)
    earlier = {
        f"today, {word}" if each == 0 else word: curves[each]
        for each, word in zip(days[:-1], words[:-1], strict=True)
    }
    return {
        "at_expiry": curves[days[-1]],
        "spot": summary.spot,
        "earlier": earlier,
        "break_evens": [each for each in summary.break_evens if np.isfinite(each)],
        "deviation": deviation,
        "symbol": summary.underlying or "Underlying",
        "expiry_words": f"at expiry, {words[-1]}" if dated else "on any day",
        "modelled": summary.modelled,
    }


def legs_html(legs: pd.DataFrame) -> str:
    """Return the legs in one line: contracts as chips that take them away, strike, right and expiry."""
    several = legs.loc[legs["kind"] != "share", "expiry"].nunique() > 1
    words = []
    for leg in legs.to_dict("records"):
        if leg["kind"] == "share":
            words.append(f"<span><strong>{written(leg['quantity'], signed=True)}</strong> shares</span>")
            continue
        name = f"{written(leg['strike'], 2).removesuffix('.00')} {leg['kind']}"
        when = f" {day_words(leg['expiry'])}" if several else ""
        chip = leg_chip(str(leg["symbol"]), leg["quantity"], name)
        words.append(f"<span>{chip} {escape(name)}{escape(when)} at {written(leg['price'], 2)}</span>")
    clear = '<button type="button" class="wb-link" data-say="clear">Clear</button>'
    return f'<div class="wb-more wb-legs">{"".join(words)}{clear}</div>'


def figures_html(summary: Any) -> str:
    """Return the key figures of a position, each with its unit under it and its exact value."""
    credit = round(summary.net_cash_mid, 2)  # legs that cancel leave a rounding of nothing
    side = "credit" if credit >= 0 else "debit"
    cells: tuple[tuple[str, str, float, str, str], ...] = (
        (
            "net_cash_mid",
            "Credit at mid" if credit >= 0 else "Debit at mid",
            credit,
            written(credit, signed=True),
            "$",
        ),
        (
            "max_profit",
            "Makes at most" if summary.max_profit >= 0 else "Loses at least",
            summary.max_profit,
            _bounded(summary.max_profit),
            "$",
        ),
        (
            "max_loss",
            "Loses at most" if summary.max_loss <= 0 else "Makes at least",
            summary.max_loss,
            _bounded(summary.max_loss),
            "$",
        ),
        (
            "chance_of_profit",
            "Ends in profit",
            summary.chance_of_profit,
            written(summary.chance_of_profit * 100),
            "%, modelled",
        ),
        ("delta", "Delta", summary.delta, written(summary.delta, signed=True), "shares"),
        ("theta_day", "Theta", summary.theta_day, written(summary.theta_day, signed=True), "$ per day"),
        (
            "net_cash_worst",
            "Worst fill",
            summary.net_cash_worst,
            written(summary.net_cash_worst, signed=True),
            f"$ {side}",
        ),
    )
    return (
        '<dl class="wb-row-keys" aria-live="polite">'
        + "".join(
            f'<div><dt title="{escape(label)}">{escape(label)}</dt><dd><div class="wb-value" '
            f'data-figure="{name}" data-value="{float(value)!r}">{text}</div>'
            f'<div class="wb-unit">{escape(unit)}</div></dd></div>'
            for name, label, value, text, unit in cells
        )
        + "</dl>"
    )


def _bounded(amount: float) -> str:
    return "unlimited" if np.isinf(amount) else written(amount, signed=True)
