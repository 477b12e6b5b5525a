"""The options of the book as their chain has them: exercise, forward, time, volatility.

What a chain says of a contract and what the book says of it must be one number. So the terms of a held option
are those of its row in the chain at the same instant, made by the same code; where its chain is silent, the
desk's assumptions stand, and ``carry`` says which.
"""

import numpy as np
import pandas as pd

from workbench.arrays import FloatArray
from workbench.desk.chains import closes_at
from workbench.desk.clock import AsOf
from workbench.desk.option_carry import ASSUMED, PARITY, add_carry
from workbench.desk.option_models import models_of, solve_volatility
from workbench.desk.option_quotes import adjusted_rows, last_snapshots
from workbench.market.calendars import years_to_expiry
from workbench.market.instruments import exercise_of_root
from workbench.market.settlement import settlements_of
from workbench.settings import MarketSettings
from workbench.store import Lake

# An option is looked up in its chain when it has a price that a chain can explain.
_PRICED = ("ok", "stale", "no_bid", "crossed")
_CARRY = ["rate", "dividend_yield", "carry"]


def add_option_terms(positions: pd.DataFrame, lake: Lake, market: MarketSettings, as_of: AsOf) -> None:
    """Add what values the options of `positions`, in place.

    A quote of the session tells its own spot and time, as in the chain. One of an earlier session tells its
    volatility with the spot and the time of its own day; the option is then worth what that volatility gives
    at the spot and the instant of today.

    Parameters
    ----------
    positions : DataFrame
        symbol, underlying, kind, right ("C", "P" or ""), expiry, strike, quantity, price, price_time,
        price_status, and exercise as the quotes state it.
    lake, market, as_of
        As in `add_carry` and `last_snapshots`; `market.rate` and `market.dividend_yield` count where the
        chain tells nothing.

    Notes
    -----
    Adds ``exercise`` (american, european; "" of a share), ``spot``, ``years``, ``rate``, ``dividend_yield``,
    ``forward``, ``carry`` ("parity", "assumed"; "" of a share), ``volatility`` and ``volatility_status``.
    """
    option = positions["kind"].ne("share")
    roots = positions["symbol"].str[:6].str.strip()
    stated = zip(positions["exercise"], roots, option, strict=True)
    positions["exercise"] = [
        said or exercise_of_root(root) if is_option else "" for said, root, is_option in stated
    ]
    spots = closes_at(lake, positions["underlying"].tolist(), as_of.instant, market.calendar)
    positions["spot"] = positions["underlying"].map(spots).astype("float64")
    settlement = np.full(len(positions), "PM", dtype="<U2")
    settlement[option] = settlements_of(roots[option], positions["expiry"][option], market.calendar)
    positions["years"] = years_to_expiry(
        as_of.instant, positions["expiry"], market.calendar, settlement=settlement
    )
    positions["rate"] = float(market.rate)
    positions["dividend_yield"] = float(market.dividend_yield)
    positions["carry"] = np.where(option, ASSUMED, "")
    when = _when_quoted(positions, lake, market, as_of, settlement)
    adjusted = np.zeros(len(positions), dtype=bool)
    wanted = option & positions["quantity"].ne(0) & positions["price_status"].isin(_PRICED)
    if wanted.any():
        chains = _chains(positions[wanted], lake, market, as_of)
        if len(chains):
            adjusted = _follow_chains(positions, when, chains, wanted)
    drift = (positions["rate"] - positions["dividend_yield"]) * positions["years"]
    positions["forward"] = (positions["spot"] * np.exp(drift)).where(option)
    _add_volatility(positions, when, option.to_numpy() & ~adjusted)
    positions.loc[adjusted, "volatility_status"] = "adjusted"


def _when_quoted(
    positions: pd.DataFrame, lake: Lake, market: MarketSettings, as_of: AsOf, settlement: np.ndarray
) -> pd.DataFrame:
    """Return spot and years at each quote: a price tells a volatility only with its own spot."""
    quoted = positions["price_time"].where(positions["price_time"].notna(), as_of.instant)
    spot = positions["spot"].copy()
    old = positions["price_status"].eq("stale") & positions["kind"].ne("share")
    for instant in positions.loc[old, "price_time"].unique():
        rows = positions[old & positions["price_time"].eq(instant)]
        closes = closes_at(lake, rows["underlying"].tolist(), instant, market.calendar)
        spot[rows.index] = rows["underlying"].map(closes).astype("float64")
    years = years_to_expiry(
        pd.DatetimeIndex(quoted), positions["expiry"], market.calendar, settlement=settlement
    )
    return pd.DataFrame({"spot": spot, "years": years}, index=positions.index)


def _chains(held: pd.DataFrame, lake: Lake, market: MarketSettings, as_of: AsOf) -> pd.DataFrame:
    """Return the quotes of the held expiries with their carry, of all underlyings that have a chain."""
    snapshots = last_snapshots(lake, held["underlying"].unique().tolist(), as_of, market.calendar)
    told = [
        add_carry(quotes, market, expiries=held.loc[held["underlying"].eq(name), "expiry"].unique())
        for name, quotes in snapshots.items()
    ]
    told = [part for part in told if len(part)]
    if not told:
        return pd.DataFrame()
    chains = pd.concat(told, ignore_index=True)
    chains["adjusted"] = adjusted_rows(chains)
    return chains


def _follow_chains(
    positions: pd.DataFrame, when: pd.DataFrame, chains: pd.DataFrame, wanted: "pd.Series[bool]"
) -> np.ndarray:
    """Take over what the chains say, in place; return which positions are contracts adjusted by the OCC."""
    by_symbol = chains.drop_duplicates("symbol").set_index("symbol")
    listed = wanted & positions["symbol"].isin(by_symbol.index)
    rows = by_symbol.loc[positions.loc[listed, "symbol"]].set_index(positions.index[listed])
    positions.loc[listed, [*_CARRY, "exercise"]] = rows[[*_CARRY, "exercise"]]
    # What was not quoted in that session has the carry of its neighbours.
    parity = chains[chains["carry"].eq(PARITY)].drop_duplicates(["root", "expiry"])
    lines = parity.set_index(["root", "expiry"])[_CARRY]
    alone = wanted & ~listed
    names = positions["symbol"].str[:6].str.strip()
    place = pd.MultiIndex.from_arrays([names[alone], positions.loc[alone, "expiry"]])
    near = lines.reindex(place).set_axis(positions.index[alone])
    near = near[near["carry"].notna()]
    positions.loc[near.index, _CARRY] = near
    # A price from before or after a split is that of another share, also where the desk's bars have it.
    refused = rows.index[rows["spot_source"].eq("refused")]
    when.loc[refused, "spot"] = np.nan
    positions.loc[refused, "spot"] = np.nan
    seen = rows[rows["spot"].notna()]
    when.loc[seen.index, ["spot", "years"]] = seen[["spot", "years"]]
    today = seen[~seen["stale"]]
    positions.loc[today.index, ["spot", "years"]] = today[["spot", "years"]]
    adjusted = pd.Series(False, index=positions.index)
    adjusted[rows.index] = rows["adjusted"]
    return adjusted.to_numpy()


def _add_volatility(positions: pd.DataFrame, when: pd.DataFrame, rows: np.ndarray) -> None:
    expired = positions["price_status"].eq("expired").to_numpy()
    frame = positions[["strike", "rate", "dividend_yield", "right"]].assign(
        spot=when["spot"], years=when["years"], model=models_of(positions["exercise"])
    )
    price: FloatArray = positions["price"].to_numpy(dtype=np.float64)
    volatility, status = solve_volatility(frame, price, rows & ~expired)
    positions["volatility"] = volatility
    positions["volatility_status"] = np.where(rows & expired, "no_time", status)
