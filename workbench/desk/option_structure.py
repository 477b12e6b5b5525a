"""A named structure built from the desk's chain: its legs, its figures and its payoff."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.desk.clock import AsOf
from workbench.desk.frames import format_number, table_html
from workbench.desk.option_expiries import expiries_of
from workbench.errors import MissingDataError

if TYPE_CHECKING:
    from workbench.pricing import PayoffSummary

AT_EXPIRY = "at expiry"
# The rest of the summary stands in `.summary`.
SHOWN_FIGURES = (
    "net_cash", "max_profit", "max_loss", "capital", "return_on_capital", "chance_of_profit", "delta",
    "vega_point", "theta_day",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class StructureResult:
    """A structure on one underlying.

    Attributes
    ----------
    name, title : str
        As asked for, and in words.
    legs : DataFrame
        One row a leg, in the columns that `workbench.pricing.payoff_summary` reads.
    summary : PayoffSummary
        What it costs, makes, loses and needs, its break-evens, chance of profit and Greeks.
    profit : DataFrame
        Profit and loss in money; index the underlying's price, columns ``at expiry``, ``today`` and the date
        half-way.
    break_evens : DataFrame
        From `workbench.pricing.break_evens`.
    expected_move : float
        One standard deviation of the underlying by the first expiry, in money, from the volatility at the
        forward.
    as_of, source, modelled, note
        As beside every figure of the desk.
    """

    name: str
    title: str
    legs: pd.DataFrame
    summary: "PayoffSummary"
    profit: pd.DataFrame
    break_evens: pd.DataFrame
    expected_move: float
    as_of: AsOf
    source: str
    modelled: bool
    note: str

    def plot(self) -> Any:
        """Return a Bokeh figure: profit and loss against the underlying's price, at expiry and before."""
        from workbench.plots import payoff

        return payoff(
            self.profit[AT_EXPIRY],
            spot=self.summary.spot,
            earlier={str(name): self.profit[name] for name in self.profit if name != AT_EXPIRY},
            break_evens=self.break_evens["spot"].tolist(),
            deviation=self.expected_move if np.isfinite(self.expected_move) else None,
            symbol=self.summary.underlying or "Underlying",
            expiry_words=f"at expiry, {self.summary.expiry:%d %b %Y}" if self.summary.expiry else AT_EXPIRY,
            name=self.title,
        )

    def _repr_html_(self) -> str:
        table = self.summary.table()
        kept = table["figure"].isin(SHOWN_FIGURES) | table["figure"].str.startswith("break_even")
        figures = table[kept].assign(figure=table["figure"].str.replace("_", " "))
        legs = self.legs[["role", "expiry", "strike", "quantity", "price", "volatility", "delta"]]
        title = (
            f"{self.title}: makes {_money(self.summary.max_profit)} $ at most, "
            f"loses {_money(self.summary.max_loss)} $ at worst"
        )
        formats = {"volatility": ".1%", "delta": ".3f", "quantity": ",.0f"}
        return table_html(legs, title=title, note=self.note, formats=formats) + table_html(
            figures, title="In figures", note="", formats={}
        )


def _money(amount: float) -> str:
    if np.isinf(amount):
        return "∞" if amount > 0 else "−∞"
    return format_number(amount, "+,.0f")


def _move(chain: pd.DataFrame, expiry: "pd.Timestamp | None") -> float:
    lines = expiries_of(chain[chain["expiry"].eq(expiry)]) if expiry is not None else None
    if lines is None or lines.empty:
        return float("nan")
    return float(lines["expected_move"].iloc[int(np.argmax(lines["quotes"]))])


def structure_of(
    priced: pd.DataFrame, name: str, symbol: str, as_of: AsOf, note: str, **terms: Any
) -> StructureResult:
    """Build a structure from a priced chain and measure it.

    Parameters
    ----------
    priced : DataFrame
        From `OptionDesk.priced`.
    name, symbol, as_of, note
        For the result.
    **terms
        As `workbench.pricing.build_structure` takes: expiry, days, delta, width, strikes, quantity.

    Raises
    ------
    PricingInputError
        If the chain has no contract that fits.
    """
    from workbench.pricing import (
        break_evens,
        build_structure,
        payoff_summary,
        profit_at_expiry,
        profit_grid,
        spot_grid,
    )
    from workbench.pricing.structures import find_structure

    title = find_structure(name).title
    chain = priced[priced["spot"].notna() & ~priced["status"].str.startswith("adjusted")]
    if chain.empty:
        raise MissingDataError(f"The chain of {symbol} has no spot, so no structure can be placed on it.")
    # Of quotes a moment apart the last one's spot counts for all legs.
    spot = float(chain["spot"].iloc[int(np.argmax(chain["time"].to_numpy()))])
    legs = build_structure(name, chain.assign(spot=spot), **terms)
    summary = payoff_summary(legs)
    spots = spot_grid(legs)
    profit = pd.DataFrame(
        {AT_EXPIRY: profit_at_expiry(legs, spots)["profit"].to_numpy()},
        index=pd.Index(spots, name="spot"),
    )
    if legs["kind"].ne("share").any() and legs["volatility"].notna().all():
        horizon = summary.horizon_days
        grid = profit_grid(legs, spots=spots, days=[0.0, horizon / 2])
        for days, label in ((0.0, "today"), (horizon / 2, f"in {horizon / 2:.0f} days")):
            profit[label] = grid.loc[grid["days"].eq(days), "profit"].to_numpy()
    return StructureResult(
        name=name,
        title=title,
        legs=legs,
        summary=summary,
        profit=profit,
        break_evens=break_evens(legs),
        expected_move=_move(chain, summary.expiry),
        as_of=as_of,
        source="; ".join(dict.fromkeys(priced["source"].dropna())),
        modelled=bool(priced["modelled"].any()),
        note=note,
    )
