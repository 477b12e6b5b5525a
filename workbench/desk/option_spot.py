"""The underlying's price at each quote, and whether it can be the price of what the options are on."""

import numpy as np
import pandas as pd

from workbench.arrays import FloatArray

NEAR_THE_CLOSE = pd.Timedelta(minutes=30)
# Nobody can hold a volatility index until the expiry, so its forwards are prices of their own.
NOT_HELD = frozenset({"VIX"})
# No dividend and no fee for borrowing takes a near forward so far from the spot; a split of 3 for 2 does.
_FOREIGN = 1.4
_NEAR_EXPIRIES = 3


def add_spot(quotes: pd.DataFrame, close: float, known: pd.Timestamp) -> None:
    """Add ``spot``, ``spot_source`` and ``spot_note`` to the quotes of one underlying and session, in place.

    The price is the quotes' own, else the raw close of the session. Bars that somebody adjusted for a later
    split, and the other way round, are on another share than the options: such a price is set aside, and the
    note says so.

    Parameters
    ----------
    quotes : DataFrame
        With ``settles``, ``years``, ``root`` and the columns of `schemas.OPTION_QUOTES`.
    close : float
        Of the session; NaN where it is not known.
    known : Timestamp
        When the close was known.
    """
    own = quotes["underlying_price"].to_numpy(dtype=np.float64)
    own = np.where(own > 0, own, np.nan)
    # A quote of the morning was not made with the close.
    near = (quotes["time"] >= known - NEAR_THE_CLOSE).to_numpy()
    spot = np.where(np.isnan(own), np.where(near, close, np.nan), own)
    source = np.where(np.isnan(own), "bar", "quote").astype(object)
    note = np.full(len(quotes), "", dtype=object)
    level = crossing(quotes)
    if np.isfinite(level) and not quotes["underlying"].isin(NOT_HELD).any():
        with np.errstate(invalid="ignore"):
            foreign = np.abs(np.log(spot / level)) > np.log(_FOREIGN)
        for at in np.flatnonzero(foreign):
            whose = "the desk's bar" if source[at] == "bar" else "the file"
            note[at] = (
                f"{whose} says {spot[at]:g}, and calls and puts cost the same near {level:.4g}, as if a "
                "split lay between"
            )
        spot = np.where(foreign, np.nan, spot)
        source[foreign] = "refused"
    quotes["spot"], quotes["spot_source"], quotes["spot_note"] = spot, source, note


def crossing(quotes: pd.DataFrame) -> float:
    """Return where calls and puts of the next expiries cost the same; NaN where no strike has both.

    At the strike where their middles differ least, strike + call - put is the forward but for the interest on
    that difference, of American options too.
    """
    bid, ask = (quotes[name].to_numpy(dtype=np.float64) for name in ("bid", "ask"))
    sound = (bid > 0) & (ask >= bid) & (quotes["years"] > 0).to_numpy()
    if not sound.any():
        return float("nan")
    sides = quotes.loc[sound, ["settles", "root", "strike", "right"]].assign(mid=((bid + ask) / 2)[sound])
    sides = sides.drop_duplicates(["settles", "root", "strike", "right"], keep="last")
    place = ["settles", "root", "strike"]
    calls, puts = (sides[sides["right"].eq(right)].set_index(place)["mid"] for right in "CP")
    apart = (calls - puts).dropna().rename("apart").reset_index()
    if apart.empty:
        return float("nan")
    apart["level"] = apart["strike"] + apart["apart"]
    closest = apart.loc[apart["apart"].abs().groupby([apart["settles"], apart["root"]]).idxmin()]
    levels: FloatArray = closest.sort_values("settles")["level"].to_numpy()[:_NEAR_EXPIRIES]
    return float(np.median(levels))
