"""A position's profit against the spot on the dates that a picture of it shows."""

import numpy as np
import pandas as pd

from workbench.pricing.payoff import DAYS_PER_YEAR, profit_at_expiry, profit_grid, spot_grid
from workbench.pricing.payoff_legs import read_legs

REACH = 2.2  # standard deviations that the curves reach to each side at least
BEYOND = 1.45  # times the distance of the farthest strike
LEAST = 0.02  # of the spot
EARLIER = 2 / 3  # of the days to the first expiry: where the second date lies


def payoff_curves(legs: pd.DataFrame, *, deviation: float | None = None, points: int = 161) -> pd.DataFrame:
    """Compute what a position makes today, two thirds of the way to its first expiry, and at that expiry.

    Parameters
    ----------
    legs : DataFrame
        As `workbench.pricing.payoff_summary` takes it.
    deviation : float, optional
        One standard deviation of the underlying's price until then, in money; the spots reach 2.2 of them
        to each side, or 1.45 times as far as the farthest strike where that is more.
    points : int
        About how many spots.

    Returns
    -------
    DataFrame
        Profit in money, against the prices paid. Index ``spot``, ascending; columns ``days`` from now, the
        last of them the days to the first expiry, as it is (0 for shares alone, whose profit has no date).
        Within a day of it that column stands alone, within three days the middle one is left out.

    Raises
    ------
    PricingInputError
        If the legs cannot be read, or one that needs a model misses an input.

    Examples
    --------
    >>> call = {"kind": "call", "strike": 100.0, "years": 0.1, "quantity": 1, "multiplier": 100,
    ...         "spot": 98.0, "price": 3.0, "volatility": 0.3, "rate": 0.0, "dividend_yield": 0.0}
    >>> payoff_curves(pd.DataFrame([call])).columns.to_list()
    [0.0, 24.0, 36.5]
    """
    read = read_legs(legs)
    farthest = float(np.nanmax(np.abs(read.strike[read.is_option] - read.spot), initial=0.0))
    reach = max(REACH * (deviation or 0.0), BEYOND * farthest, LEAST * read.spot)
    spots = spot_grid(legs, points=points)
    spots = spots[np.abs(spots - read.spot) <= reach]
    horizon = float(np.nan_to_num(read.horizon)) * DAYS_PER_YEAR
    whole = np.floor(np.round(horizon, 6))
    days = [] if whole < 1 else [0.0] if whole < 3 else [0.0, float(np.ceil(whole * EARLIER))]
    columns: dict[float, np.ndarray] = {}
    if days:
        grid = profit_grid(legs, spots=spots, days=days)
        columns = {each: grid.loc[grid["days"] == each, "profit"].to_numpy() for each in days}
    columns[horizon] = profit_at_expiry(legs, spots)["profit"].to_numpy()
    return pd.DataFrame(columns, index=pd.Index(spots, name="spot")).rename_axis(columns="days")
