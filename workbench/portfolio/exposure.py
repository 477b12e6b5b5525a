"""Greeks of a book: summed over any grouping, in natural units and in a trader's."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import pandas as pd

from workbench.errors import RiskInputError
from workbench.portfolio.book import legs_of
from workbench.pricing import american_greeks, black_scholes_greeks

GREEK_COLUMNS = (
    "delta",
    "dollar_delta",
    "gamma",
    "dollar_gamma",
    "vega",
    "theta",
    "rho",
    "value",
    "unpriced",
)

# Names and factors at the face: the unit is part of the name.
_TRADER_COLUMNS = {
    "delta": ("delta_shares", 1.0),
    "dollar_delta": ("dollar_delta", 1.0),
    "dollar_gamma": ("dollar_gamma_1pct", 1.0),
    "vega": ("vega_point", 1 / 100),
    "theta": ("theta_day", 1 / 365),
    "rho": ("rho_point", 1 / 100),
    "value": ("value", 1.0),
    "unpriced": ("unpriced", 1.0),
}


def leg_greeks(book: pd.DataFrame) -> pd.DataFrame:
    """Compute the Greeks of each leg in units of the book, that is times quantity and multiplier.

    Parameters
    ----------
    book : DataFrame
        As `legs_of` takes it.

    Returns
    -------
    DataFrame, on the index of `book`
        delta (shares), dollar_delta (money: delta x spot), gamma (shares per unit of price), dollar_gamma
        (money of delta gained in a 1 % rise: gamma x spot^2 / 100), vega (per 1.00 of
        volatility), theta (per year, calendar time running forward), rho (per 1.00 of rate), value, and
        unpriced (1 where an input is missing; its other columns are then missing). A share has a delta and
        a value alone. An American option has the Greeks of its own model: where exercise now is best it is
        its payoff.

    Raises
    ------
    RiskInputError
        If the book cannot be read; see `legs_of`.
    """
    legs = legs_of(book)
    names = ("delta", "gamma", "vega", "theta", "rho")
    unit = {name: np.zeros(len(legs)) for name in names}
    unit["delta"] = np.ones(len(legs))
    # The price of scenarios, not that of the Greeks' own pass: the two part in the ninth digit.
    unit["price"] = legs.unit_values()
    early = legs.exercised_early
    for chosen, engine in ((legs.is_option & ~early, black_scholes_greeks), (early, american_greeks)):
        if not chosen.any():
            continue
        greeks = engine(
            legs.spot[chosen],
            legs.strike[chosen],
            legs.years[chosen],
            legs.volatility[chosen],
            rate=legs.rate[chosen],
            dividend_yield=legs.dividend_yield[chosen],
            is_call=legs.is_call[chosen],
            greeks=names,
        )
        for name, values in greeks.items():
            unit[name][chosen] = values
    total = {name: np.where(legs.is_priced, values * legs.size, np.nan) for name, values in unit.items()}
    return pd.DataFrame(
        {
            "delta": total["delta"],
            "dollar_delta": total["delta"] * legs.spot,
            "gamma": total["gamma"],
            "dollar_gamma": total["gamma"] * legs.spot**2 / 100,
            "vega": total["vega"],
            "theta": total["theta"],
            "rho": total["rho"],
            "value": total["price"],
            "unpriced": (~legs.is_priced).astype(np.int64),
        },
        index=book.index,
    )


@overload
def book_greeks(book: pd.DataFrame, by: None = None) -> "pd.Series[float]": ...
@overload
def book_greeks(book: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame: ...
def book_greeks(
    book: pd.DataFrame, by: str | Sequence[str] | None = None
) -> "pd.Series[float] | pd.DataFrame":
    """Sum the Greeks of a book, in all or by group, in units of the book (quantity x multiplier).

    Parameters
    ----------
    book : DataFrame
        As `legs_of` takes it, and the columns named by `by`.
    by : str or sequence of str, optional
        Columns to group by; a missing value makes a group of its own.

    Returns
    -------
    Series (without `by`) or DataFrame indexed by group
        The columns of `leg_greeks`. Sums run over the legs that can be priced, `unpriced` counts the rest;
        where no leg of a group can be priced its sums are missing, not zero.

    Raises
    ------
    RiskInputError
        If the book cannot be read, or has no column named in `by`.

    Examples
    --------
    >>> leg = {"underlying": "SPY", "kind": "share", "strike": None, "years": None, "quantity": 10,
    ...        "multiplier": 1, "spot": 400.0, "volatility": None, "rate": 0.02, "dividend_yield": 0.0}
    >>> book_greeks(pd.DataFrame([leg]), by="underlying")["dollar_delta"].to_dict()
    {'SPY': 4000.0}
    """
    greeks = leg_greeks(book)
    if by is None:
        totals = greeks.sum(min_count=1)
        totals["unpriced"] = greeks["unpriced"].sum()
        # An empty book has no exposure, which is a fact and not a missing value.
        return totals if len(book) else totals.fillna(0.0)
    columns = [by] if isinstance(by, str) else list(by)
    absent = [name for name in columns if name not in book.columns]
    if absent:
        raise RiskInputError(
            f"The book has no column `{'`, `'.join(absent)}` to group by; it has {', '.join(book.columns)}."
        )
    keys = [book[name] for name in columns]
    groups: pd.DataFrame = greeks.groupby(keys[0] if len(keys) == 1 else keys, dropna=False).sum(min_count=1)
    return groups.astype({"unpriced": "int64"})


@overload
def trader_units(greeks: "pd.Series[float]") -> "pd.Series[float]": ...
@overload
def trader_units(greeks: pd.DataFrame) -> pd.DataFrame: ...
def trader_units(greeks: "pd.Series[float] | pd.DataFrame") -> "pd.Series[float] | pd.DataFrame":
    """Turn sums of Greeks from natural units into those that a desk reads.

    Parameters
    ----------
    greeks : Series or DataFrame
        From `book_greeks` or `leg_greeks`.

    Returns
    -------
    Series or DataFrame of the same rows
        delta_shares, dollar_delta, dollar_gamma_1pct (money of delta gained in a 1 % rise), vega_point
        (money per volatility point), theta_day (money per calendar day, 1/365 year), rho_point (money per
        one per cent of rate), and value and unpriced where they were there.
    """
    if isinstance(greeks, pd.Series):
        return pd.Series(_in_trader_units(greeks), name=greeks.name)
    return pd.DataFrame(_in_trader_units(greeks), index=greeks.index)


def _in_trader_units(greeks: Any) -> dict[str, Any]:
    return {
        face: greeks[name] if factor == 1.0 else greeks[name] * factor
        for name, (face, factor) in _TRADER_COLUMNS.items()
        if name in greeks
    }
