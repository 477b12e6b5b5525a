"""The headline of a book and the risk behind it, from positions that are already valued."""

import numpy as np
import pandas as pd

from workbench.desk import book as books
from workbench.desk.clock import AsOf
from workbench.desk.frames import Headline, RiskResult
from workbench.errors import MissingDataError
from workbench.risk import historical_var, revalue, scenario_grid
from workbench.settings import RiskSettings
from workbench.store import Lake

LEAST_SESSIONS = 50


def measure_risk(
    lake: Lake, legs: pd.DataFrame, moment: AsOf, risk: RiskSettings, *, confidence: float, horizon_days: int
) -> RiskResult:
    """Revalue the legs under each past move of their underlyings and return VaR and ES.

    Raises
    ------
    MissingDataError
        If the underlyings share less history than fifty sessions.
    """
    usable = books.priced(legs)
    names = usable["underlying"].unique().tolist() if len(usable) else []
    returns = books.return_history(
        lake, names, moment, sessions=risk.lookback_sessions, horizon_days=horizon_days
    )
    if len(returns) < LEAST_SESSIONS:
        about = f"of common history for {', '.join(names)}" if names else "because no position has a price"
        raise MissingDataError(
            f"Only {len(returns)} sessions {about} before {moment.session}; historical VaR needs "
            f"{LEAST_SESSIONS}. Ingest more daily bars."
        )
    known = usable["underlying"].isin(returns.columns)
    pnl = pd.Series(revalue(usable[known], returns), index=returns.index, name="pnl")
    measure = historical_var(pnl.to_numpy(), confidence)
    return RiskResult(
        var=measure.var,
        es=measure.es,
        confidence=confidence,
        observations=len(pnl),
        horizon_days=horizon_days,
        method="historical, full revaluation",
        pnl=pnl,
        as_of=moment,
        findings=(*books.findings_of(legs), *_without_history(usable[~known])),
    )


def _without_history(legs: pd.DataFrame) -> tuple[str, ...]:
    """Say which legs no VaR covers: their quotes tell today's spot, and no bar tells a past one."""
    names = legs["underlying"].unique().tolist()
    if not names:
        return ()
    return (
        f"{len(legs)} position(s) on {', '.join(names)} are not in VaR and ES: the desk has no bars of it.",
    )


def grid_of(legs: pd.DataFrame, risk: RiskSettings, *, days: float = 0) -> pd.DataFrame:
    """Return the P&L of the legs on the grid of the settings: rows spot, columns volatility."""
    return scenario_grid(
        books.priced(legs),
        spot=np.array(risk.grid_spot),
        volatility=np.array(risk.grid_volatility),
        days=days,
    )


def headline_of(lake: Lake, positions: pd.DataFrame, moment: AsOf, risk: RiskSettings) -> Headline:
    """Compute the headline of valued positions; P&L counts closed ones too."""
    legs = books.open_legs(positions)
    known = books.priced(legs)
    findings = list(books.findings_of(positions))
    names = legs["underlying"].unique().tolist()
    findings += books.unstated_splits(lake, names, moment, sessions=risk.lookback_sessions)
    whole = books.total_greeks(legs)
    measured = _risk_or_finding(lake, known, moment, risk, findings) if len(known) else None
    findings += [said for said in measured.findings if said not in findings] if measured else []
    # An empty book has no value and no risk, which are facts; of one that nobody can price they are missing.
    missing = np.nan if len(legs) else 0.0
    spot, volatility, worst = _worst_cell(grid_of(known, risk)) if len(known) else (missing, missing, missing)
    return Headline(
        as_of=moment,
        book_value=_total(legs["value"]),
        pnl=_total(positions["pnl"]),
        day_pnl=_total(positions["day_pnl"]),
        dollar_delta=float(whole["dollar_delta"]),
        dollar_gamma_1pct=float(whole["dollar_gamma_1pct"]),
        vega_point=float(whole["vega_point"]),
        theta_day=float(whole["theta_day"]),
        value_at_risk=measured.var if measured else missing,
        expected_shortfall=measured.es if measured else missing,
        confidence=risk.confidence,
        observations=measured.observations if measured else 0,
        worst_spot=spot,
        worst_volatility=volatility,
        worst_pnl=worst,
        source=books.source_of(legs),
        modelled=bool(legs["modelled"].eq(True).any()),
        unpriced=len(legs) - len(known),
        findings=tuple(findings),
    )


def _total(money: "pd.Series[float]") -> float:
    """Add up what is known; missing where nothing is, zero where there is nothing."""
    return float(money.sum(min_count=1)) if len(money) else 0.0


def _risk_or_finding(
    lake: Lake, legs: pd.DataFrame, moment: AsOf, risk: RiskSettings, findings: list[str]
) -> RiskResult | None:
    """Return the risk, or say why it is missing: a headline still has its other figures."""
    try:
        return measure_risk(lake, legs, moment, risk, confidence=risk.confidence, horizon_days=1)
    except MissingDataError as error:
        findings.append(str(error))
        return None


def _worst_cell(grid: pd.DataFrame) -> tuple[float, float, float]:
    """Return spot, volatility and P&L of the lowest cell; of equals the one nearest to no move."""
    values = grid.to_numpy()
    lowest = float(values.min())
    rows, columns = np.nonzero(values == lowest)
    cells = [
        (float(grid.index[int(row)]), float(grid.columns[int(column)]))
        for row, column in zip(rows, columns, strict=True)
    ]
    spot, volatility = min(cells, key=lambda cell: (abs(cell[0]), abs(cell[1])))
    return spot, volatility, lowest
