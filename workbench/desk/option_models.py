"""Implied volatilities and Greeks of the rows of a chain, each by the model of its exercise."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from workbench.arrays import FloatArray

EUROPEAN, AMERICAN = "black_scholes", "american"
# Our columns, in trader's units, and the engines' names for them.
GREEK_COLUMNS = {
    "delta": "delta",
    "gamma": "gamma",
    "vega_point": "vega",
    "theta_day": "theta",
    "rho_point": "rho",
}


def models_of(exercise: "pd.Series[str]") -> np.ndarray:
    """Return the model that prices each contract, told by its exercise."""
    return np.where(exercise.eq("european"), EUROPEAN, AMERICAN)


def solve_volatility(
    frame: pd.DataFrame, price: FloatArray, rows: np.ndarray
) -> tuple[FloatArray, np.ndarray]:
    """Return implied volatility and the engine's status of the chosen rows; NaN and "" elsewhere.

    Parameters
    ----------
    frame : DataFrame
        spot, strike, years, rate, dividend_yield, right and model.
    price : ndarray
        Per share, one a row.
    rows : ndarray of bool
        Which rows are asked for.
    """
    from workbench.pricing import implied_volatility

    volatility = np.full(len(frame), np.nan)
    status = np.full(len(frame), "", dtype=object)
    for model in (EUROPEAN, AMERICAN):
        at = np.flatnonzero(rows & frame["model"].eq(model).to_numpy())
        if not len(at):
            continue
        terms, carry = _terms(frame.iloc[at])
        found = implied_volatility(price[at], *terms, **carry, model=model)
        volatility[at], status[at] = found.volatility, found.status
    return volatility, status


def add_greeks(frame: pd.DataFrame) -> None:
    """Add the Greeks at the implied volatility, in place; missing where there is none."""
    solved = frame["implied_volatility"].notna().to_numpy()
    columns = {name: np.full(len(frame), np.nan) for name in GREEK_COLUMNS}
    for model in (EUROPEAN, AMERICAN):
        at = np.flatnonzero(solved & frame["model"].eq(model).to_numpy())
        if not len(at):
            continue
        chosen = frame.iloc[at]
        terms, carry = _terms(chosen)
        greeks = _engine(model)(
            *terms,
            chosen["implied_volatility"].to_numpy(),
            **carry,
            greeks=list(GREEK_COLUMNS.values()),
            units="trader",
        )
        for column, name in GREEK_COLUMNS.items():
            columns[column][at] = greeks[name]
    for column, values in columns.items():
        frame[column] = values


def _engine(model: str) -> Callable[..., Any]:
    from workbench import pricing

    engine: Callable[..., Any] = getattr(
        pricing, "american_greeks" if model == AMERICAN else "black_scholes_greeks"
    )
    return engine


def _terms(chosen: pd.DataFrame) -> tuple[tuple[FloatArray, ...], dict[str, Any]]:
    """Return spot, strike and years, and what goes by keyword."""
    terms = tuple(chosen[name].to_numpy(dtype=np.float64) for name in ("spot", "strike", "years"))
    return terms, {
        "rate": chosen["rate"].to_numpy(dtype=np.float64),
        "dividend_yield": chosen["dividend_yield"].to_numpy(dtype=np.float64),
        "is_call": chosen["right"].eq("C").to_numpy(),
    }
