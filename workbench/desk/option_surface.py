"""The fitted surface of a chain as a desk hands it out: table, fits, proof, and its pictures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.desk.clock import AsOf
from workbench.desk.frames import table_html
from workbench.errors import MissingDataError, PricingInputError

if TYPE_CHECKING:
    from workbench.volatility import VolatilitySurface

_CURVE_POINTS = 200


@dataclass(frozen=True, eq=False)
class SurfaceResult:
    """The volatility surface of one underlying at one instant.

    Attributes
    ----------
    symbol : str
        The underlying.
    surface : VolatilitySurface
        The fit: ask it for a volatility at any strike and time.
    table : DataFrame
        Implied volatility (fractions), one row an expiry, one column a delta (10P, 25P, ATM, 25C, 10C).
    fits : DataFrame
        One row a fitted expiry: parameters, misses in volatility points and in widths of bid and ask, quotes
        used and ringed.
    term : DataFrame
        One row an expiry: expiry, days, years, volatility (at the forward, of the fit), label.
    arbitrage : DataFrame
        The proof on a grid: one row a check, with what it found and whether it holds.
    left_out : DataFrame
        Expiries without a smile, with the reason.
    quotes : DataFrame
        The quotes of the fitted expiries as `Desk.chain` has them.
    as_of, source, modelled, note
        As beside every figure of the desk.
    """

    symbol: str
    surface: "VolatilitySurface"
    table: pd.DataFrame
    fits: pd.DataFrame
    term: pd.DataFrame
    arbitrage: pd.DataFrame
    left_out: pd.DataFrame
    quotes: pd.DataFrame
    as_of: AsOf
    source: str
    modelled: bool
    note: str

    @property
    def free_of_arbitrage(self) -> bool:
        """Whether every check of the proof holds."""
        return bool(self.arbitrage["holds"].all())

    def plot(self) -> Any:
        """Return a Bokeh figure: volatility by expiry and delta."""
        from workbench.plots import surface_heatmap

        table = self.table.copy()
        table.index = pd.Index(self.term["label"])
        return surface_heatmap(table)

    def plot_term(self) -> Any:
        """Return a Bokeh figure: volatility at the forward against days to expiry."""
        from workbench.plots import term_structure

        return term_structure(self.term)

    def plot_smile(self, expiry: Any = None) -> Any:
        """Return a Bokeh figure of one expiry: quotes with bid and ask, and the fitted curve.

        Parameters
        ----------
        expiry : date, optional
            A fitted expiry; without it the one nearest to thirty days.

        Raises
        ------
        MissingDataError
            If that expiry has no smile.
        """
        from workbench.plots import smile

        at = self._place(expiry)
        day = self.surface.expiries[at]
        quotes = self.quotes[self.quotes["expiry"].eq(day)]
        forward, years = float(self.surface.forwards[at]), float(self.surface.years[at])
        priced = quotes[quotes["implied_volatility"].notna()]
        strikes = np.linspace(priced["strike"].min(), priced["strike"].max(), _CURVE_POINTS)
        fit = pd.DataFrame(
            {"strike": strikes, "volatility": self.surface.volatility(strikes, np.full(len(strikes), years))}
        )
        kept = self.surface.quotes
        ringed = kept[kept["expiry"].eq(day) & kept["reason"].eq("far from the other quotes")]
        aside = set(zip(ringed["strike"], ringed["right"], strict=True))
        marked = [pair in aside for pair in zip(quotes["strike"], quotes["right"], strict=True)]
        return smile(
            quotes.assign(ringed=marked),
            spot=float(quotes["spot"].median()),
            forward=forward,
            fit=fit,
            fit_error=float(self.fits["rmse_points"].iloc[at]) / 100,
        )

    def _place(self, expiry: Any) -> int:
        days = self.surface.expiries
        if expiry is None:
            return int(np.argmin(np.abs(self.surface.years * 365 - 30)))
        wanted = pd.Timestamp(expiry).tz_localize(None).normalize()
        if wanted not in days:
            raise MissingDataError(
                f"{wanted:%Y-%m-%d} has no fitted smile; give one of "
                f"{', '.join(f'{each:%Y-%m-%d}' for each in days)}."
            )
        return int(np.flatnonzero(days == wanted)[0])

    def _repr_html_(self) -> str:
        proof = "no arbitrage on the grid" if self.free_of_arbitrage else "arbitrage is left, see .arbitrage"
        shown = self.table.copy()
        shown.index = pd.Index(self.term["label"], name="expiry")
        return table_html(
            shown,
            title=f"{self.symbol} implied volatility by delta",
            note=f"{self.note} · {proof}",
            formats=dict.fromkeys(map(str, shown.columns), ".1%"),
        )


def fit_chain(priced: pd.DataFrame, symbol: str, as_of: AsOf, note: str) -> SurfaceResult:
    """Fit the surface of a priced chain.

    Where two roots share a date the one with more priced quotes stands for it: hours apart, the two tell one
    volatility twice.

    Parameters
    ----------
    priced : DataFrame
        From `OptionDesk.priced`.
    symbol, as_of, note
        For the result.

    Raises
    ------
    MissingDataError
        If no expiry has quotes enough.
    """
    from workbench.volatility import fit_surface

    chosen = _one_root(priced[priced["implied_volatility"].notna()])
    if chosen.empty:
        raise MissingDataError(f"No quote of {symbol} implies a volatility, so there is no surface to fit.")
    frame = chosen.copy()
    by_expiry = frame.groupby("expiry")
    # Quotes minutes apart have times and forwards of their own; a smile has one of each.
    for name in ("years", "forward", "rate"):
        frame[name] = by_expiry[name].transform("median")
    try:
        surface = fit_surface(frame, spot=float(frame["spot"].median()))
    except PricingInputError as error:
        raise MissingDataError(f"No surface of {symbol} at {as_of.text}: {error}") from error
    days = by_expiry["days"].first().reindex(surface.expiries)
    table = surface.by_delta()
    term = pd.DataFrame(
        {
            "expiry": surface.expiries,
            "days": days.to_numpy(),
            "years": surface.years,
            "volatility": surface.fits["atm_volatility"].to_numpy(),
            "label": [
                f"{day.day} {day:%b %y}, {count:.0f} d"
                for day, count in zip(surface.expiries, days, strict=True)
            ],
        }
    )
    return SurfaceResult(
        symbol=symbol,
        surface=surface,
        table=table,
        fits=surface.fits,
        term=term,
        arbitrage=surface.arbitrage(),
        left_out=surface.left_out,
        quotes=chosen.reset_index(drop=True),
        as_of=as_of,
        source="; ".join(dict.fromkeys(chosen["source"].dropna())),
        modelled=bool(chosen["modelled"].any()),
        note=note,
    )


def _one_root(priced: pd.DataFrame) -> pd.DataFrame:
    counts = priced.groupby(["expiry", "root"]).size()
    best = counts.groupby(level="expiry").idxmax()
    keep = set(best)
    return priced[[pair in keep for pair in zip(priced["expiry"], priced["root"], strict=True)]]
