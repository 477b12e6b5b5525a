"""The morning risk report: what goes into it, what it says first, and the files it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from workbench.reports.numbers import finite, money, percent, shock, written
from workbench.reports.publish import OUTPUTS_FILE, write_atomically, write_json

REPORT_FILE = "report.html"
WORKBOOK_FILE = "report.xlsx"
PDF_FILE = "report.pdf"
FIGURES = (
    "book_value", "pnl", "day_pnl", "dollar_delta", "dollar_gamma_1pct", "vega_point", "theta_day",
    "value_at_risk", "expected_shortfall", "worst_pnl", "worst_spot", "worst_volatility",
)  # fmt: skip


class Moment(Protocol):
    """The instant of the figures, as the desk tells it."""

    @property
    def instant(self) -> pd.Timestamp:
        """In UTC."""

    @property
    def session(self) -> date:
        """The exchange session."""

    @property
    def label(self) -> str:
        """What must be said beside it, as in ``sample data``; may be empty."""

    @property
    def text(self) -> str:
        """In exchange time, as in ``Fri 1 Mar 2013, 16:00 New York``."""


class HeadlineFigures(Protocol):
    """The desk's headline, money in dollars; the report shows these and derives none of them anew."""

    as_of: Any
    book_value: float
    pnl: float
    day_pnl: float
    dollar_delta: float
    dollar_gamma_1pct: float
    vega_point: float
    theta_day: float
    value_at_risk: float
    expected_shortfall: float
    confidence: float
    observations: int
    worst_spot: float
    worst_volatility: float
    worst_pnl: float
    source: str
    modelled: bool
    unpriced: int
    findings: tuple[str, ...]


@dataclass(frozen=True)
class MorningRisk:
    """Everything that the morning risk report shows.

    Parameters
    ----------
    headline : HeadlineFigures
        As ``desk.headline(as_of)`` gives it.
    positions : DataFrame
        As ``desk.book(as_of)`` gives it, one row a position.
    greeks : DataFrame
        As ``desk.book_greeks("underlying", as_of)`` gives it; its last row is the book.
    grid : DataFrame
        As ``desk.scenario_grid(as_of)`` gives it: rows spot, columns volatility, dollars.
    closes : mapping of str to Series
        Recent closes of each underlying in dollars, adjusted for splits, on an ascending time index.
    backtest : mapping, optional
        The latest result document, or None.
    alerts : DataFrame
        As ``desk.alerts()`` gives it; those of a later instant than the report's are left out.
    desk_name : str
        Whose book it is.
    rate, dividend_yield : float
        What was assumed, per year, continuously compounded.
    run_id, code_version : str
        What made the report.
    snapshot : int, optional
        Number of the lake's snapshot that was read.
    """

    headline: HeadlineFigures
    positions: pd.DataFrame
    greeks: pd.DataFrame
    grid: pd.DataFrame
    closes: Mapping[str, "pd.Series[float]"] = field(default_factory=dict)
    backtest: Mapping[str, Any] | None = None
    alerts: pd.DataFrame = field(default_factory=pd.DataFrame)
    desk_name: str = "Book"
    rate: float = 0.0
    dividend_yield: float = 0.0
    run_id: str = ""
    code_version: str = ""
    snapshot: int | None = None

    @property
    def message(self) -> str:
        """The report in two sentences, derived from its figures."""
        return f"{self.day_sentence} {self.worst_sentence}".strip()

    @property
    def day_sentence(self) -> str:
        """What the last session did to the book."""
        day = f"{self.headline.as_of.session:%A}"
        amount = finite(self.headline.day_pnl)
        if self.positions.empty:
            return "The book is empty."
        if amount is None:
            return f"What the book made on {day} is not known."
        if round(amount) == 0:
            return f"The book did not move on {day}."
        return f"The book {'gained' if amount > 0 else 'lost'} {money(amount)} on {day}."

    @property
    def worst_sentence(self) -> str:
        """What the worst scenario of the grid would do."""
        worst = finite(self.headline.worst_pnl)
        if self.positions.empty or worst is None or self.grid.empty:
            return ""
        if worst >= 0:
            return f"None of {self.grid.size} scenarios loses money."
        return (
            f"{scenario(self.headline.worst_spot, self.headline.worst_volatility)} would cost {money(worst)}."
        )

    @property
    def shown_alerts(self) -> pd.DataFrame:
        """The alerts up to the report's instant, unacknowledged first, then the newest."""
        if self.alerts.empty:
            return self.alerts
        times = pd.to_datetime(self.alerts["as_of"], utc=True)
        known: pd.DataFrame = self.alerts[(times <= self.headline.as_of.instant).to_numpy()]
        order = pd.DataFrame(
            {"seen": known["acknowledged_at"].notna(), "time": known["as_of"], "title": known["title"]}
        ).sort_values(["seen", "time", "title"], ascending=[True, False, True])
        shown: pd.DataFrame = known.loc[order.index]
        return shown

    @property
    def shown_backtest(self) -> Mapping[str, Any] | None:
        """The backtest, unless it used prices of a later session than the report's."""
        if not self.backtest or not self.backtest.get("equity_curve"):
            return None
        last = str(self.backtest["equity_curve"][-1]["date"])[:10]
        return self.backtest if last <= self.headline.as_of.session.isoformat() else None

    def outputs(self) -> dict[str, Any]:
        """Return what the run says of itself: message, as-of, source, and the headline figures as numbers."""
        moment = self.headline.as_of
        return {
            "message": self.message,
            "as_of": moment.session.isoformat(),
            "as_of_text": moment.text + (f", {moment.label}" if moment.label else ""),
            "source": self.headline.source,
            "modelled": bool(self.headline.modelled),
            **{name: finite(getattr(self.headline, name)) for name in FIGURES},
            "confidence": float(self.headline.confidence),
            "observations": int(self.headline.observations),
            "positions": len(self.positions),
            "unpriced": int(self.headline.unpriced),
            "findings": list(self.headline.findings),
            "code_version": self.code_version,
            "snapshot": self.snapshot,
        }


def scenario(spot: float, volatility: float) -> str:
    """Say a scenario as the subject of a sentence, as in ``A 10 % fall with volatility 4 points lower``."""
    size = percent(abs(spot), 0 if np.isclose(spot * 100, round(spot * 100)) else 1)
    article = "An" if size.startswith(("8", "11 ", "18 ")) else "A"
    moved = f"{article} {size} {'fall' if spot < 0 else 'rise'}" if spot else "Unchanged prices"
    if not volatility:
        return moved
    change = written(abs(volatility) * 100, 0 if np.isclose(volatility * 100, round(volatility * 100)) else 1)
    unit = "point" if change == "1" else "points"
    return f"{moved} with volatility {change} {unit} {'lower' if volatility < 0 else 'higher'}"


def write_morning_risk(data: MorningRisk, folder: str | Path, *, pdf: bool = False) -> dict[str, Any]:
    """Write the report's files into `folder`: page, workbook and outputs; return the outputs.

    Parameters
    ----------
    data : MorningRisk
        What the report shows.
    folder : path
        Made when it is not there.
    pdf : bool
        Print the page to PDF too, where playwright and a Chromium are installed; without them there is no
        PDF, and `outputs["pdf_missing"]` says why.
    """
    from workbench.reports.html import render_morning_risk
    from workbench.reports.pdf import print_pdf
    from workbench.reports.workbook import morning_risk_sheets, workbook_bytes

    place = Path(folder)
    page = write_atomically(place / REPORT_FILE, render_morning_risk(data))
    write_atomically(
        place / WORKBOOK_FILE, workbook_bytes(morning_risk_sheets(data), made=data.headline.as_of.instant)
    )
    files = {"report": REPORT_FILE, "workbook": WORKBOOK_FILE}
    outputs = {**data.outputs(), "files": files}
    if pdf:
        outputs["pdf_missing"] = print_pdf(page, place / PDF_FILE)
        if outputs["pdf_missing"] is None:
            files["pdf"] = PDF_FILE
    write_json(place / OUTPUTS_FILE, outputs)
    return outputs


def shocks_of(grid: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Return the grid's spot changes, ascending, and its volatility changes, descending, as it is drawn."""
    return sorted(float(x) for x in grid.index), sorted((float(x) for x in grid.columns), reverse=True)


def shock_label(spot: float, volatility: float) -> str:
    """Name one cell of the grid, as in ``−10 %, −4 pt``."""
    from workbench.reports.numbers import points

    return f"{shock(spot)}, {points(volatility)}"
