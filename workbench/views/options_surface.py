"""The volatility surface of the options page: heatmap by delta, term structure, how well it fits."""

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn

from workbench.errors import WorkbenchError
from workbench.plots import (
    on_card,
    summary_of,
    surface_heatmap,
    term_structure,
    update_surface_heatmap,
    update_term_structure,
    written,
)
from workbench.views.book_parts import MODELLED, card_title_html, state_html
from workbench.views.options_panes import box, html_pane
from workbench.views.options_parts import day_words

CURVE_POINTS = 161
DELTAS = (-0.05, -0.10, -0.20, -0.30, 0.5, 0.30, 0.20, 0.10, 0.05)
RINGED = "far from the other quotes"  # what `fit_surface` says of a quote that it leaves aside


@dataclass(frozen=True, slots=True)
class Curve:
    """The fit of one expiry: strikes and volatilities, its error (fraction), what it leaves out, a note."""

    line: pd.DataFrame | None = None
    error: float | None = None
    ringed: list[tuple[float, str]] = field(default_factory=list)
    note: str = ""


class SurfacePart(pn.viewable.Viewer):
    """The surface of one underlying; asked for when it is first shown."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._asked: tuple[Any, str, Any] | None = None
        self._found: Any = None
        self.problem = ""
        self._page: Any = None
        self._heat: Any = None
        self._term: Any = None

    def open_chain(self, desk: Any, symbol: str, instant: Any) -> None:
        """Take what to ask for; the question itself waits until the answer is wanted."""
        self._asked, self._found, self.problem = (desk, symbol, instant), None, ""

    def result(self) -> Any:
        """Return the desk's surface, or None where it has none; `problem` then says why."""
        if self._found is None and self._asked is not None and not self.problem:
            desk, symbol, instant = self._asked
            try:
                self._found = desk.surface(symbol, instant)
            except WorkbenchError as error:
                self.problem = str(error)
        return self._found

    def curve(self, expiry: pd.Series, quotes: pd.DataFrame) -> Curve:
        """Return the fit of one expiry over the strikes of its quotes.

        Parameters
        ----------
        expiry : Series
            One row of `Desk.expiries`.
        quotes : DataFrame
            That expiry's rows of `Desk.chain`.
        """
        found = self.result()
        if found is None:
            return Curve(note=f"no fit: {self.problem}")
        fits = found.surface.fits
        mine = fits[np.isclose(fits["years"], expiry["years"], rtol=0, atol=1e-6)]
        if mine.empty:
            return Curve(note="too few quotes for a fit")
        fit = mine.iloc[0]
        strikes = np.linspace(quotes["strike"].min(), quotes["strike"].max(), CURVE_POINTS)
        line = pd.DataFrame(
            {"strike": strikes, "volatility": found.surface.volatility(strikes, float(fit["years"]))}
        )
        near = float(fit["worst_near_points"])
        ringed = int(fit["ringed"])
        note = f"fit of {written(fit['quotes'])} quotes, within {written(near, 2)} pt near the money"
        note += f"; {ringed} ringed: left out" if ringed else ""
        every = found.surface.quotes
        far = every[(every["reason"] == RINGED) & np.isclose(every["years"], fit["years"], rtol=0, atol=1e-6)]
        return Curve(
            line=line,
            error=near / 100,
            ringed=list(zip(far["strike"].astype(float), far["right"].astype(str), strict=True)),
            note=note,
        )

    # -- the page --------------------------------------------------------------------------------------

    def __panel__(self) -> Any:
        if self._page is None:
            self._build()
        return self._page

    def _build(self) -> None:
        self._heat_title, self._heat_words = html_pane(""), html_pane("")
        self._term_title, self._term_words = html_pane(""), html_pane("")
        self._fits = html_pane("")
        self._heat_pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self._term_pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self._heat_box = box("wb-picture", self._heat_pane)
        self._term_box = box("wb-picture", self._term_pane)
        self._page = box(
            "wb-surface",
            box("wb-card", self._heat_title, self._heat_box, self._heat_words),
            box(
                "wb-beside",
                box("wb-card", self._term_title, self._term_box, self._term_words),
                box("wb-card", self._fits),
            ),
        )

    def present(self, expiries: pd.DataFrame, chosen: int) -> None:
        """Show the surface, with the chosen expiry marked on its term structure."""
        self.__panel__()
        found = self.result()
        self._heat_title.object = card_title_html(
            "Implied volatility by expiry and delta", "%, from the fits", after=MODELLED
        )
        if found is None:
            self._heat_box.visible = False
            self._heat_words.object = state_html("There is no surface of this chain", self.problem)
            self._fits.object = ""
        else:
            self._show_heat(found, expiries)
            self._fits.object = fits_html(found.surface)
        self._show_term(expiries, chosen)

    def _show_heat(self, found: Any, expiries: pd.DataFrame) -> None:
        table = found.surface.by_delta(deltas=DELTAS)
        days = expiries.drop_duplicates("expiry").set_index("expiry")["days"].reindex(table.index)
        table.index = [f"{day_words(expiry, year=True)} · {written(left)} d" for expiry, left in days.items()]
        table.columns = [f"{name[:-1]} {name[-1]}" if name != "ATM" else name for name in table.columns]
        if self._heat is None:
            self._heat = on_card(surface_heatmap(table))
            self._heat_pane.object = self._heat
        else:
            update_surface_heatmap(self._heat, table)
        self._heat_box.visible = True
        self._heat_words.object = f'<p class="wb-hidden">{escape(summary_of(self._heat))}</p>'

    def _show_term(self, expiries: pd.DataFrame, chosen: int) -> None:
        term = pd.DataFrame(
            {
                "days": expiries["days"].astype(float),
                "volatility": expiries["atm_volatility"].astype(float),
                "label": [day_words(day, year=True) for day in expiries["expiry"]],
            }
        )
        self._term_title.object = card_title_html(
            "Term structure", "at the money; filled: the chosen expiry", after=MODELLED
        )
        if not np.isfinite(term["volatility"]).any():
            self._term_box.visible = False
            self._term_words.object = state_html("No expiry has a volatility", "See the findings above.")
            return
        days = float(term["days"].iloc[chosen])
        if self._term is None:
            self._term = on_card(term_structure(term, chosen=days))
            self._term_pane.object = self._term
        else:
            update_term_structure(self._term, term, chosen=days)
        self._term_box.visible = True
        self._term_words.object = f'<p class="wb-hidden">{escape(summary_of(self._term))}</p>'


def fits_html(surface: Any) -> str:
    """Return how near each fit is to its quotes, and whether the surface is free of arbitrage."""
    rows = "".join(
        f'<tr><th scope="row">{day_words(row["expiry"], year=True)}</th><td>{written(row["quotes"])}</td>'
        f"<td>{written(row['ringed'])}</td><td>{written(row['atm_volatility'] * 100, 1)}</td>"
        f"<td>{written(row['rmse_points'], 2)}</td><td>{written(row['worst_near_points'], 2)}</td>"
        f'<td class="wb-wide">{written(row["inside"] * 100)}</td></tr>'
        for row in surface.fits.to_dict("records")
    )
    failures = surface.arbitrage()
    proof = "no butterfly or calendar arbitrage on the grid"
    if "holds" in failures and not failures["holds"].all():
        proof = "the proof on the grid fails: see the notebook on the surface"
    return (
        f"{card_title_html('Fit', proof)}"
        '<table><thead><tr><th scope="col">Expiry</th><th scope="col">Quotes</th><th scope="col">Ringed</th>'
        '<th scope="col">ATM of the<br>fit, %</th><th scope="col">Miss, root<br>mean square, pt</th>'
        '<th scope="col">Worst near<br>money, pt</th>'
        '<th scope="col" class="wb-wide">Inside bid<br>to ask, %</th>'
        f"</tr></thead><tbody>{rows}</tbody></table>"
    )
