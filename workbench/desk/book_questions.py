"""What a book is worth, risks and loses under a move: the questions about the desk's own positions."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from workbench.desk import book as books
from workbench.desk.clock import AsOf, InstantLike
from workbench.desk.frames import DeskFrame, Headline, RiskResult, StressResult, desk_frame
from workbench.desk.headline import grid_of, headline_of, measure_risk
from workbench.desk.opened import OpenedDesk
from workbench.errors import ArgumentError
from workbench.risk import stress_legs

KEPT_READINGS = 8
GROUPINGS = ("underlying", "expiry", "kind", "account", "strategy")


@dataclass
class _Readings:
    """Valued positions by instant and grouping, of one state of lake and fills."""

    state: tuple[int, tuple[int, int]] | None = None
    positions: dict[tuple[pd.Timestamp, bool], pd.DataFrame] = field(default_factory=dict)


class BookQuestions(OpenedDesk):
    """Values the positions of a desk and measures their risk."""

    def book(self, as_of: InstantLike = None) -> DeskFrame:
        """Return the positions with price, value, profit and loss and Greeks, one row a position.

        Money is in the desk's currency; ``dollar_gamma_1pct`` is the change of dollar delta for 1 %,
        ``vega_point`` is per volatility point, ``theta_day`` per calendar day, ``rho_point`` per 1 %.
        Positions closed by then are left out; `realized` remains in the headline's P&L.
        """
        moment = self.as_of(as_of)
        legs = books.open_legs(self._positions(moment))
        return desk_frame(legs, title="Positions", note=self._note(moment, legs))

    def book_greeks(self, by: str = "underlying", as_of: InstantLike = None) -> DeskFrame:
        """Return value and Greeks by group, with the whole book as the last row, in trader's units."""
        if by not in GROUPINGS:
            raise ArgumentError(f"`by` is {by!r}; give one of {', '.join(GROUPINGS)}.")
        moment = self.as_of(as_of)
        # A position may belong to several strategies; of other groupings it has one.
        legs = books.open_legs(self._positions(moment, by_strategy=by == "strategy"))
        return desk_frame(
            books.grouped_greeks(legs, by), title=f"Greeks by {by}", note=self._note(moment, legs)
        )

    def stress(
        self, *, spot: float = 0.0, volatility: float = 0.0, days: float = 0, as_of: InstantLike = None
    ) -> StressResult:
        """Revalue the book after a move of every underlying and of every volatility.

        Parameters
        ----------
        spot : float
            Relative change, -0.05 is a fall of 5 %.
        volatility : float
            Absolute change per 1.00, 0.05 is five points up.
        days : float
            Calendar days that pass.

        Raises
        ------
        ArgumentError
            If a move is none that a market could make.
        """
        _require_shock("spot", spot, -1.0, 10.0, "a relative change, as in -0.05 for -5 %")
        _require_shock("volatility", volatility, -5.0, 5.0, "an absolute change, as in 0.05 for five points")
        _require_shock("days", days, 0.0, 36_500.0, "calendar days, zero or more")
        moment = self.as_of(as_of)
        legs = self._legs(moment)
        table = stress_legs(books.priced(legs), spot=spot, volatility=volatility, days=days)
        return StressResult(
            # Of a book that nobody can price the loss is missing, not nothing.
            pnl=float(table["pnl"].sum(min_count=1)) if len(legs) else 0.0,
            findings=books.findings_of(legs),
            spot=spot,
            volatility=volatility,
            days=days,
            positions=table,
            as_of=moment,
        )

    def scenario_grid(
        self, as_of: InstantLike = None, *, underlying: str | None = None, days: float = 0
    ) -> pd.DataFrame:
        """Return the book's P&L on the grid of the settings: rows spot, columns volatility, money.

        All of it is missing when no position can be priced.

        Raises
        ------
        ArgumentError
            If the book has nothing on `underlying`.
        """
        legs = self._legs(self.as_of(as_of))
        if underlying is not None:
            names = sorted(legs["underlying"].unique())
            if underlying not in names:
                raise ArgumentError(
                    f"`underlying` is {underlying!r}; the book has {', '.join(names) or 'none'}."
                )
            legs = legs[legs["underlying"].eq(underlying)]
        grid = grid_of(legs, self.settings.risk, days=days)
        return grid * np.nan if len(legs) and books.priced(legs).empty else grid

    def value_at_risk(
        self,
        confidence: float = 0.99,
        *,
        method: str = "historical",
        horizon_days: int = 1,
        as_of: InstantLike = None,
    ) -> RiskResult:
        """Return VaR and ES of the book by full revaluation over the history of its underlyings.

        Each past move of the underlyings, over `horizon_days` sessions, is applied to today's book; implied
        volatilities stay as they are.

        Raises
        ------
        MissingDataError
            If there is less common history than fifty sessions.
        """
        if method != "historical":
            raise ArgumentError(f"`method` is {method!r}; this desk computes 'historical'.")
        if not 0.5 < confidence < 1:
            raise ArgumentError(f"`confidence` is {confidence:g}; give a fraction such as 0.99.")
        if horizon_days < 1:
            raise ArgumentError(f"`horizon_days` is {horizon_days}; give one session or more.")
        moment = self.as_of(as_of)
        return measure_risk(
            self._lake,
            self._legs(moment),
            moment,
            self.settings.risk,
            confidence=confidence,
            horizon_days=horizon_days,
        )

    def headline(self, as_of: InstantLike = None) -> Headline:
        """Return the figures that every face shows first."""
        moment = self.as_of(as_of)
        return headline_of(self._lake, self._positions(moment), moment, self.settings.risk)

    @cached_property
    def _readings(self) -> _Readings:
        return _Readings()

    def _positions(self, moment: AsOf, *, by_strategy: bool = False) -> pd.DataFrame:
        """Return the valued positions; the last few are kept until a fill or the lake changes.

        A page asks for one instant again with every click, and reading the stores takes most of the time.
        """
        state = (self._lake.snapshot(), self._ledger.fills.version())
        if state != self._readings.state:
            self._readings.positions.clear()
            self._readings.state = state
        key = (moment.instant, by_strategy)
        if key not in self._readings.positions:
            reader = books.BookReader(self._lake, self._ledger, self.settings.market)
            while len(self._readings.positions) >= KEPT_READINGS:
                self._readings.positions.pop(next(iter(self._readings.positions)))
            self._readings.positions[key] = reader.positions(moment, by_strategy=by_strategy)
        return self._readings.positions[key].copy()

    def _legs(self, moment: AsOf) -> pd.DataFrame:
        return books.open_legs(self._positions(moment))

    def _note(self, moment: AsOf, legs: pd.DataFrame) -> str:
        parts = [moment.text, moment.label, books.source_of(legs)]
        if len(legs) and legs["modelled"].any():
            parts.append("options modelled")
        return " · ".join(part for part in parts if part)


def _require_shock(name: str, value: float, least: float, most: float, meaning: str) -> None:
    if not least <= value <= most:
        raise ArgumentError(f"`{name}` is {value:g}; give {meaning}, between {least:g} and {most:g}.")
