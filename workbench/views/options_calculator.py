"""The option calculator: sliders in, price and Greeks in the units of the trade out, and their pictures."""

import asyncio
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from workbench.errors import WorkbenchError
from workbench.plots import greek_profile, on_card, summary_of, update_greek_profile, written
from workbench.pricing import american_greeks, black_scholes_greeks
from workbench.views.book_parts import MODELLED, card_title_html, state_html
from workbench.views.styles import style

SETTLE_SECONDS = 0.02  # what a moving slider sends within this is answered once
POINTS = 121  # spots of the pictures
DAYS_PER_YEAR = 365.0

# What is shown of each Greek: name in the engine, label, unit behind `units="trader"`, digits.
FIGURES = (
    ("price", "Price", "$ per share", 4),
    ("delta", "Delta", "shares per option", 4),
    ("gamma", "Gamma", "delta per $ 1", 5),
    ("vega", "Vega", "$ per vol point", 4),
    ("theta", "Theta", "$ per day", 4),
    ("rho", "Rho", "$ per 1 % of rate", 4),
)
FURTHER = (
    ("phi", "Phi", "$ per 1 % of yield", 4),
    ("vanna", "Vanna", "delta per vol point", 5),
    ("vomma", "Vomma", "vega per vol point", 5),
    ("charm", "Charm", "delta per day", 5),
    ("color", "Color", "gamma per day", 6),
    ("speed", "Speed", "gamma per $ 1", 6),
    ("veta", "Veta", "vega per day", 5),
    ("zomma", "Zomma", "gamma per vol point", 6),
    ("ultima", "Ultima", "vomma per vol point", 6),
    ("dual_delta", "Dual delta", "$ per $ 1 of strike", 4),
    ("dual_gamma", "Dual gamma", "per $ 1 of strike", 5),
)
# The American method gives these.
AMERICAN = (
    *("price", "delta", "gamma", "vega", "theta", "rho", "phi", "vanna", "vomma"),
    *("dual_delta", "dual_gamma"),
)
DRAWN = {label: name for name, label, *_ in FIGURES[1:]}


class Calculator(pn.viewable.Viewer):
    """One option: its inputs as linked sliders, its price and Greeks, and how they change with the spot.

    Examples
    --------
    >>> Calculator(spot=42.0, strike=40.0, days=182)  # doctest: +SKIP
    """

    spot = param.Number(100.0, bounds=(0.01, None), doc="Price of the underlying, $ per share.")
    strike = param.Number(100.0, bounds=(0.01, None), doc="Strike, $ per share.")
    days = param.Number(30.0, bounds=(0.0, 1095.0), doc="Calendar days to expiry.")
    volatility_percent = param.Number(20.0, bounds=(0.1, 200.0), doc="Volatility a year, in percent.")
    rate_percent = param.Number(0.0, bounds=(-5.0, 15.0), doc="Rate a year, percent, continuous.")
    yield_percent = param.Number(0.0, bounds=(-5.0, 15.0), doc="Dividend yield a year, percent.")
    right: Any = param.Selector(default="Call", objects=["Call", "Put"], doc="What the option is.")
    exercise: Any = param.Selector(
        default="European", objects=["European", "American"], doc="When it may be exercised."
    )
    drawn: Any = param.Selector(default="Delta", objects=list(DRAWN), doc="Greek of the second picture.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._page: Any = None
        self._due = False
        self._sliders: dict[str, Any] = {}
        self.name_of_contract = ""

    # -- figures ---------------------------------------------------------------------------------------

    def figures(self) -> dict[str, float]:
        """Return price and Greeks of the option as it stands, in trader's units, as the engine gives them."""
        names = [name for name, *_ in (*FIGURES, *FURTHER)]
        if self.exercise == "American":
            names = [name for name in names if name in AMERICAN]
        return {name: float(value) for name, value in self._greeks(self.spot, self.days, names).items()}

    def _greeks(self, spot: Any, days: float, names: list[str]) -> dict[str, Any]:
        terms: dict[str, Any] = {
            "rate": self.rate_percent / 100,
            "dividend_yield": self.yield_percent / 100,
            "is_call": self.right == "Call",
        }
        place = (spot, self.strike, days / DAYS_PER_YEAR, self.volatility_percent / 100)
        if self.exercise == "European":
            return dict(black_scholes_greeks(*place, **terms, greeks=names, units="trader"))
        # A picture cannot show what the accurate setting adds; the figures can.
        terms["accuracy"] = "accurate" if np.ndim(spot) == 0 else "fast"
        return dict(american_greeks(*place, **terms, greeks=names, units="trader"))

    def curves(self, name: str) -> pd.DataFrame:
        """Return price or a Greek against the spot: today, and at expiry or half-way there."""
        deviation = self.volatility_percent / 100 * np.sqrt(max(self.days, 1.0) / DAYS_PER_YEAR)
        reach = float(np.clip(3.5 * deviation, 0.08, 0.9))
        middle = self.strike
        low = min(middle * (1 - reach), self.spot * 0.97)
        high = max(middle * (1 + reach), self.spot * 1.03)
        spots = np.linspace(max(low, 0.01), high, POINTS)
        if name == "price":
            later = (0.0, "at expiry")
        else:
            later = (self.days / 2, f"in {written(self.days / 2)} days")
        columns = {"today": self._greeks(spots, self.days, [name])[name]}
        if self.days > 0:
            columns[later[1]] = self._greeks(spots, later[0], [name])[name]
        frame = pd.DataFrame(columns, index=spots)
        return frame.replace([np.inf, -np.inf], np.nan)

    # -- the page --------------------------------------------------------------------------------------

    def __panel__(self) -> Any:
        if self._page is None:
            self._build()
        return self._page

    def _build(self) -> None:
        self._title = _html("")
        self._results = _html("")
        self._further = _html("")
        self._words = _html("")
        self._choices = _box(
            "wb-choices", _choice(self.param["right"], "Right"), _choice(self.param["exercise"], "Exercise")
        )
        self._price_plot = on_card(greek_profile(self.curves("price"), **self._picture("price"), height=290))
        self._greek_plot = on_card(greek_profile(self.curves("delta"), **self._picture("delta"), height=290))
        self._page = _box(
            "wb-calculator",
            _card(
                self._title,
                self._choices,
                self._slider("spot", "Spot, $"),
                self._slider("strike", "Strike, $"),
                self._slider("days", "Days to expiry"),
                self._slider("volatility_percent", "Volatility, % a year"),
                self._slider("rate_percent", "Rate, % a year"),
                self._slider("yield_percent", "Dividend yield, % a year"),
            ),
            _card(self._results, self._further),
            _card(
                _html(card_title_html("Price", "$ per share, against the spot", after=MODELLED)),
                pn.pane.Bokeh(self._price_plot, sizing_mode="stretch_width", margin=0),
                _box(
                    "wb-between",
                    _html(card_title_html("Greek", "against the spot")),
                    _choice(self.param["drawn"], "Greek"),
                ),
                pn.pane.Bokeh(self._greek_plot, sizing_mode="stretch_width", margin=0),
                self._words,
            ),
        )
        self._show()

    def _slider(self, name: str, title: str) -> Any:
        low, high, step = self._reach(name)
        made = pn.widgets.EditableFloatSlider(
            label=title,
            start=low,
            end=high,
            step=step,
            value=float(getattr(self, name)),
            fixed_start=self.param[name].bounds[0],
            fixed_end=self.param[name].bounds[1],
            format="0,0.00" if name != "days" else "0",
            sizing_mode="stretch_width",
            stylesheets=[style("controls")],
            margin=0,
            css_classes=["wb-slider"],
        )
        # The widget is made of two, which have style sheets of their own.
        made._slider.param.update(stylesheets=[style("controls")], margin=(0, 0, 6, 0))
        made._value_edit.param.update(
            stylesheets=[style("controls", "small_controls")], margin=0, width=104, sizing_mode="fixed"
        )
        made._label.param.update(sizing_mode="stretch_width", align="center")
        made.param.watch(lambda event: self._moved(name, event.new), "value")
        self._sliders[name] = made
        return made

    def _reach(self, name: str) -> tuple[float, float, float]:
        """Return the ends and the step of a slider; prices lie around the strike."""
        if name in ("spot", "strike"):
            middle = float(self.strike)
            step = float(10.0 ** np.floor(np.log10(max(middle, 0.1)) - 2) * 0.5)
            return max(step, round(middle * 0.5 / step) * step), round(middle * 1.5 / step) * step, step
        ends = {
            "days": (0.0, 365.0, 1.0),
            "volatility_percent": (1.0, 100.0, 0.5),
            "rate_percent": (-2.0, 10.0, 0.05),
            "yield_percent": (0.0, 10.0, 0.05),
        }
        low, high, step = ends[name]
        value = float(getattr(self, name))
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
        for name, value in known.items():
            low, high = self.param[name].bounds
            known[name] = float(np.clip(value, low, np.inf if high is None else high))
        self.name_of_contract = str(contract["symbol"])
        self.param.update(
            **known,
            right="Call" if contract["right"] == "C" else "Put",
            exercise="American" if contract["exercise"] == "american" else "European",
        )
        for name, slider in self._sliders.items():
            low, high, step = self._reach(name)
            slider.param.update(start=low, end=high, step=step, value=float(getattr(self, name)))
        self._schedule()

    # -- what changes ----------------------------------------------------------------------------------

    def _moved(self, name: str, value: float | None) -> None:
        low, high = self.param[name].bounds
        if value is None or value == getattr(self, name):
            return
        setattr(self, name, float(np.clip(value, low, np.inf if high is None else high)))

    @param.depends(
        "spot",
        "strike",
        "days",
        "volatility_percent",
        "rate_percent",
        "yield_percent",
        "right",
        "exercise",
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
        self._title.object = card_title_html("Calculator", self._contract_words())
        try:
            figures = self.figures()
        except WorkbenchError as error:
            self._results.object = state_html("These inputs have no price", str(error))
            self._further.object = ""
            return
        self._results.object = results_html(figures, exercise=self.exercise)
        self._further.object = further_html(figures)
        name = DRAWN[self.drawn]
        update_greek_profile(self._price_plot, self.curves("price"), **self._picture("price"))
        update_greek_profile(self._greek_plot, self.curves(name), **self._picture(name))
        sentences = f"{summary_of(self._price_plot)} {summary_of(self._greek_plot)}"
        self._words.object = f'<p class="wb-hidden">{escape(sentences)}</p>'

    def _picture(self, name: str) -> dict[str, Any]:
        labels = {key: f"{label}, {unit}" for key, label, unit, _ in FIGURES}
        return {"spot": self.spot, "strike": self.strike, "quantity": labels[name]}

    def _contract_words(self) -> str:
        if self.name_of_contract:
            return f"begun from {' '.join(self.name_of_contract.split())}"
        return "move a slider, or type a number"


def results_html(figures: dict[str, float], *, exercise: str) -> str:
    """Return price and first Greeks, each with its unit under it and its exact value as `data-value`."""
    cells = "".join(
        f'<div class="wb-key"><dt>{escape(label)}</dt>'
        f'<dd><div class="wb-value" data-figure="{name}" data-value="{figures[name]!r}">'
        f'{written(figures[name], digits)}</div><div class="wb-unit">{escape(unit)}</div></dd></div>'
        for name, label, unit, digits in FIGURES
    )
    model = "Black-Scholes-Merton" if exercise == "European" else "Andersen-Lake-Offengenden"
    title = card_title_html("Price and Greeks", model, after=MODELLED)
    return f'{title}<dl class="wb-keys" aria-live="polite">{cells}</dl>'


def further_html(figures: dict[str, float]) -> str:
    """Return the further Greeks as a table; those that the method does not give are left out."""
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td data-figure="{name}" data-value="{figures[name]!r}">'
        f'{written(figures[name], digits)}</td><td class="wb-words">{escape(unit)}</td></tr>'
        for name, label, unit, digits in FURTHER
        if name in figures
    )
    return (
        '<div class="wb-title wb-next"><h2>Further Greeks</h2><span>in the units of the trade</span></div>'
        '<table><thead><tr><th scope="col">Greek</th><th scope="col">Value</th>'
        f'<th scope="col" class="wb-words">Unit</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _choice(parameter: Any, label: str) -> Any:
    return pn.widgets.RadioButtonGroup.from_param(
        parameter, label=label, description=None, stylesheets=[style("controls")], margin=0
    )


def _html(text: str) -> Any:
    return pn.pane.HTML(text, stylesheets=[style("parts", "options")], sizing_mode="stretch_width", margin=0)


def _card(*objects: Any) -> Any:
    return _box("wb-card", *objects)


def _box(name: str, *objects: Any) -> Any:
    return pn.Column(
        *objects,
        css_classes=[name],
        stylesheets=[style("layout", "options_layout")],
        sizing_mode="stretch_width",
        margin=0,
    )
