"""The option calculator: sliders in, price and Greeks in the units of the trade out, and their pictures."""

import asyncio
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from workbench.errors import WorkbenchError
from workbench.plots import greek_profile, on_card, summary_of, update_greek_profile, written
from workbench.pricing import implied_volatility
from workbench.pricing.by_model import OF_A_FORWARD, greeks_by_model, greeks_of, spot_profile
from workbench.views.book_parts import MODELLED, card_title_html, state_html
from workbench.views.calculator_parts import (
    DAYS_PER_YEAR,
    FIGURES,
    FURTHER,
    UNSOLVED,
    dividends_of,
    further_html,
    results_html,
    unit_of,
)
from workbench.views.number_field import ASKS, NumberField, read_number, typed
from workbench.views.options_panes import box, card, html_pane
from workbench.views.options_parts import contract_words
from workbench.views.styles import style

SETTLE_SECONDS = 0.02  # what a moving slider sends within this is answered once
DRAWN = {label: name for name, label, *_ in FIGURES[1:]}
MODELS = {
    "European": "black_scholes",
    "American": "american",
    "Black-76": "black76",
    "Bachelier": "bachelier",
}
CASH_MODELS = {"Spot": "spot", "Escrowed": "escrowed"}
# Label, unit, what is taken, digits of the input.
INPUTS: dict[str, tuple[str, str, tuple[float, float], int]] = {
    "spot": ("Spot", "$", (0.01, 1e6), 4),
    "strike": ("Strike", "$", (0.01, 1e6), 4),
    "days": ("Days to expiry", "", (0.0, 3650.0), 4),
    "volatility_percent": ("Volatility", "% a year", (0.1, 500.0), 4),
    "volatility_money": ("Volatility", "$ a year", (0.001, 1e6), 4),
    "rate_percent": ("Rate", "% a year", (-10.0, 30.0), 4),
    "yield_percent": ("Dividend yield", "% a year", (-30.0, 30.0), 4),
}
# Ends and step of the sliders whose place does not follow the price.
ENDS = {
    "days": (0.0, 365.0, 1.0),
    "volatility_percent": (1.0, 100.0, 0.5),
    "rate_percent": (-2.0, 10.0, 0.05),
    "yield_percent": (0.0, 10.0, 0.05),
}


class Calculator(pn.viewable.Viewer):
    """One option: its inputs as linked sliders, its price and Greeks, and how they change with the spot.

    Examples
    --------
    >>> Calculator(spot=42.0, strike=40.0, days=182)  # doctest: +SKIP
    """

    spot = param.Number(100.0, bounds=INPUTS["spot"][2], doc="Underlying or its forward, $ per share.")
    strike = param.Number(100.0, bounds=INPUTS["strike"][2], doc="Strike, $ per share.")
    days = param.Number(30.0, bounds=INPUTS["days"][2], doc="Calendar days to expiry.")
    volatility_percent = param.Number(
        20.0, bounds=INPUTS["volatility_percent"][2], doc="Volatility a year, in percent."
    )
    volatility_money = param.Number(
        20.0, bounds=INPUTS["volatility_money"][2], doc="Bachelier's volatility, $ a year."
    )
    rate_percent = param.Number(
        0.0, bounds=INPUTS["rate_percent"][2], doc="Rate a year, percent, continuous."
    )
    yield_percent = param.Number(
        0.0, bounds=INPUTS["yield_percent"][2], doc="Dividend yield a year, percent."
    )
    right: Any = param.Selector(default="Call", objects=["Call", "Put"], doc="What the option is.")
    model: Any = param.Selector(default="black_scholes", objects=MODELS, doc="What prices it.")
    dividends: Any = param.List(default=[], item_type=tuple, doc="Cash dividends: (years, $ per share).")
    dividend_model: Any = param.Selector(
        default="spot", objects=CASH_MODELS, doc="How cash dividends leave the spot."
    )
    drawn: Any = param.Selector(default="Delta", objects=list(DRAWN), doc="Greek of the second picture.")

    def __init__(self, *, answered: Callable[[], None] = lambda: None, **params: Any) -> None:
        super().__init__(**params)
        self._page: Any = None
        self._due = False
        self._answered = answered
        self.fields: dict[str, NumberField] = {}
        self.name_of_contract = ""

    # -- figures ---------------------------------------------------------------------------------------

    @property
    def with_cash(self) -> bool:
        """True where cash dividends count: American options, and some are given."""
        return self.model == "american" and bool(self.dividends)

    def figures(self) -> dict[str, float]:
        """Return price and Greeks of the option as it stands, in trader's units, as the engine gives them."""
        given = greeks_of(self.model, with_cash=self.with_cash)
        names = [name for name, *_ in (*FIGURES, *FURTHER) if name in given]
        found = greeks_by_model(self.model, *self._place(), **self._terms(), greeks=names, units="trader")
        return {name: float(value) for name, value in found.items()}

    def curves(self, name: str) -> pd.DataFrame:
        """Return price or a Greek against the spot: today, and at expiry or half-way there."""
        later = 0.0 if name == "price" else self.days / 2
        words = "at expiry" if name == "price" else f"in {written(self.days - later)} days"
        curves = spot_profile(
            self.model,
            *self._place(),
            greek=name,
            later=later / DAYS_PER_YEAR,
            **self._terms(),
            units="trader",
        )
        return curves.set_axis(["today", words][: curves.shape[1]], axis="columns")

    def _place(self) -> tuple[float, float, float, float]:
        volatility = self.volatility_money if self.model == "bachelier" else self.volatility_percent / 100
        return self.spot, self.strike, self.days / DAYS_PER_YEAR, volatility

    def _terms(self) -> dict[str, Any]:
        terms: dict[str, Any] = {"rate": self.rate_percent / 100, "is_call": self.right == "Call"}
        if self.model not in OF_A_FORWARD:
            terms["dividend_yield"] = self.yield_percent / 100
        if self.with_cash:
            terms |= {"dividends": list(self.dividends), "dividend_model": self.dividend_model}
        return terms

    # -- the page --------------------------------------------------------------------------------------

    def __panel__(self) -> Any:
        if self._page is None:
            self._build()
        return self._page

    def _build(self) -> None:
        self._title, self._results, self._further, self._words = (html_pane("") for _ in range(4))
        self._greek_unit = html_pane("")
        self._asked = self._entry("From a price", "$ per share; the volatility follows", self._solve)
        self._asked_words = html_pane("")
        self._cash = self._entry("Cash dividends", "days: $, …", self._pay)
        self._cash_words = html_pane("")
        self._cash_box = box(
            "wb-field",
            self._cash,
            box("wb-choices", _choice(self.param["dividend_model"], "How cash dividends leave the spot")),
            self._cash_words,
        )
        for name in INPUTS:
            self._make_field(name)
        self._price_plot = on_card(greek_profile(self.curves("price"), **self._picture("price"), height=290))
        self._greek_plot = on_card(greek_profile(self.curves("delta"), **self._picture("delta"), height=290))
        self._page = box(
            "wb-calculator",
            card(
                self._title,
                box(
                    "wb-choices", _choice(self.param["right"], "Right"), _choice(self.param["model"], "Model")
                ),
                *self.fields.values(),
                self._cash_box,
                box("wb-field", self._asked, self._asked_words),
            ),
            card(self._results, self._further),
            card(
                html_pane(card_title_html("Price", "$ per share, against the underlying", after=MODELLED)),
                pn.pane.Bokeh(self._price_plot, sizing_mode="stretch_width", margin=0),
                box("wb-between", self._greek_unit, _choice(self.param["drawn"], "Greek")),
                pn.pane.Bokeh(self._greek_plot, sizing_mode="stretch_width", margin=0),
                self._words,
            ),
        )
        self._fit_model()
        self._show()

    def _make_field(self, name: str) -> None:
        label, unit, bounds, digits = INPUTS[name]
        self.fields[name] = NumberField(
            label,
            unit,
            value=float(getattr(self, name)),
            bounds=bounds,
            digits=digits,
            slider=self._reach(name),
            changed=lambda value: setattr(self, name, value),
            answered=self._answered,
        )

    def _entry(self, label: str, hint: str, heard: Callable[[str], None]) -> Any:
        made = pn.widgets.TextInput(
            label=label,
            placeholder=hint,
            tags=[ASKS],
            css_classes=["wb-number", "wb-broad"],
            stylesheets=[style("controls", "small_controls")],
            sizing_mode="stretch_width",
            margin=0,
        )
        made.param.watch(lambda event: heard(event.new), "value")
        return made

    def _reach(self, name: str) -> tuple[float, float, float]:
        """Return the ends and the step of a slider; prices lie around the strike."""
        value = float(getattr(self, name))
        if name in ENDS:
            low, high, step = ENDS[name]
            return min(low, value), max(high, value), step
        middle = float(self.strike) if name != "volatility_money" else value
        step = float(10.0 ** np.floor(np.log10(max(middle, 0.1)) - 2) * 0.5)
        low, high = max(step, round(middle * 0.5 / step) * step), round(middle * 1.5 / step) * step
        return min(low, value), max(high, value), step

    def take(self, contract: Any) -> None:
        """Take one row of a chain: every input becomes that contract's.

        Parameters
        ----------
        contract : Series or mapping
            symbol, spot, strike, years, implied_volatility, rate, dividend_yield, right and exercise, as in
            `Desk.chain`; what is missing keeps its value.
        """
        values = {
            "spot": contract["spot"],
            "strike": contract["strike"],
            "days": contract["years"] * DAYS_PER_YEAR,
            "volatility_percent": contract["implied_volatility"] * 100,
            "rate_percent": contract["rate"] * 100,
            "yield_percent": contract["dividend_yield"] * 100,
        }
        known = {name: float(value) for name, value in values.items() if np.isfinite(value)}
        known = {name: float(np.clip(value, *INPUTS[name][2])) for name, value in known.items()}
        self.name_of_contract = contract_words(str(contract["symbol"]))
        self.param.update(
            **known,
            right="Call" if contract["right"] == "C" else "Put",
            model="american" if contract["exercise"] == "american" else "black_scholes",
        )
        for name, field in self.fields.items():
            field.put(float(getattr(self, name)), self._reach(name))
        self._schedule()

    # -- what changes ----------------------------------------------------------------------------------

    @param.depends("model", watch=True)
    def _fit_model(self) -> None:
        """Show the inputs that the model takes; Bachelier begins at the same volatility in money."""
        if self._page is None:
            return
        on_forward, in_money = self.model in OF_A_FORWARD, self.model == "bachelier"
        if in_money and self._in_money != in_money:
            amount = self.volatility_percent / 100 * self.spot
            self.volatility_money = float(np.clip(amount, *INPUTS["volatility_money"][2]))
            self.fields["volatility_money"].put(self.volatility_money, self._reach("volatility_money"))
        self._in_money = in_money
        self.fields["spot"].rename("Forward" if on_forward else "Spot")
        self.fields["volatility_percent"].show_if(not in_money)
        self.fields["volatility_money"].show_if(in_money)
        self.fields["yield_percent"].show_if(not on_forward)
        self._cash_box.visible = self.model == "american"

    _in_money = False

    def _pay(self, text: str) -> None:
        """Take the cash dividends as they were typed."""
        try:
            self.dividends = dividends_of(text)
            self._cash_words.object = ""
        except WorkbenchError as error:
            self._cash_words.object = _wrong(str(error))
        finally:
            self._answered()

    def _solve(self, text: str) -> None:
        """Find the volatility that gives the price that was typed."""
        try:
            self._asked_words.object = self._solved(text)
        except WorkbenchError as error:
            self._asked_words.object = _wrong(str(error))
        finally:
            self._answered()

    def _solved(self, text: str) -> str:
        price = read_number(text)
        if not text.strip():
            return ""
        if price is None:
            return _wrong(f"“{text.strip()[:24]}” is no number; give a price, as in 4.75.")
        if self.with_cash:
            return _wrong("With cash dividends no volatility is found; take them away, or give a yield.")
        spot, strike, years, _ = self._place()
        found = implied_volatility(price, spot, strike, years, **self._terms(), model=self.model)
        status, volatility = str(found.status), float(found.volatility)
        if status != "ok":
            return _wrong(UNSOLVED.get(status, status).format(price=typed(price, 4)))
        name = "volatility_money" if self.model == "bachelier" else "volatility_percent"
        shown = volatility if self.model == "bachelier" else volatility * 100
        low, high = INPUTS[name][2]
        if not low <= shown <= high:
            return _wrong(f"Only a volatility of {written(shown, 2)} {INPUTS[name][1]} gives {price:g} $.")
        setattr(self, name, shown)
        self.fields[name].put(shown)
        return f'<p class="wb-solved">{written(shown, 2)} {INPUTS[name][1]} gives {written(price, 4)} $.</p>'

    @param.depends(
        "spot",
        "strike",
        "days",
        "volatility_percent",
        "volatility_money",
        "rate_percent",
        "yield_percent",
        "right",
        "model",
        "dividends",
        "dividend_model",
        "drawn",
        watch=True,
    )
    def _schedule(self) -> None:
        """Show the figures soon: many values that a moving slider sends are answered by one picture."""
        if self._page is None or self._due:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._show()
            return
        self._due = True
        loop.call_later(SETTLE_SECONDS, self._show)

    def _show(self) -> None:
        self._due = False
        try:
            self._show_figures()
        finally:
            self._answered()

    def _show_figures(self) -> None:
        words = f"begun from {self.name_of_contract}" if self.name_of_contract else ""
        self._title.object = card_title_html("Calculator", words or "move a slider, or type a number")
        try:
            figures = self.figures()
            name = DRAWN[self.drawn]
            update_greek_profile(self._price_plot, self.curves("price"), **self._picture("price"))
            update_greek_profile(self._greek_plot, self.curves(name), **self._picture(name))
        except WorkbenchError as error:
            self._results.object = state_html("These inputs have no price", str(error))
            self._further.object = ""
            return
        cash = self.dividend_model if self.with_cash else ""
        self._results.object = results_html(figures, model=self.model, with_cash=cash)
        self._further.object = further_html(figures, model=self.model)
        self._greek_unit.object = card_title_html("Greek", self._picture(name)["quantity"].split(", ")[1])
        sentences = f"{summary_of(self._price_plot)} {summary_of(self._greek_plot)}"
        self._words.object = f'<p class="wb-hidden">{escape(sentences)}</p>'

    def _picture(self, name: str) -> dict[str, Any]:
        labels = {key: f"{label}, {unit_of(unit, self.model)}" for key, label, unit, _ in FIGURES}
        level = "forward" if self.model in OF_A_FORWARD else "spot"
        return {"spot": self.spot, "strike": self.strike, "quantity": labels[name], "level": level}


def _wrong(sentence: str) -> str:
    return f'<p class="wb-wrong" role="alert">{escape(sentence)}</p>'


def _choice(parameter: Any, label: str) -> Any:
    return pn.widgets.RadioButtonGroup.from_param(
        parameter, label=label, description=None, stylesheets=[style("controls")], margin=0
    )
