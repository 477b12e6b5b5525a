"""What each expiry of a chain says of the forward, and what the desk assumes where it says nothing."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from workbench.desk.option_quotes import adjusted_rows
from workbench.settings import MarketSettings

PARITY, ASSUMED = "parity", "assumed"


def add_carry(
    quotes: pd.DataFrame, market: MarketSettings, *, expiries: Collection[pd.Timestamp] | None = None
) -> pd.DataFrame:
    """Return the quotes with forward, rate and dividend yield of their expiry.

    Calls and puts of one strike tell the forward. Every root of an expiry is a market of its own: SPX and
    SPXW of one Friday settle at different hours. The rate is the desk's; where nobody has set it, European
    chains tell it as well.

    Parameters
    ----------
    quotes : DataFrame
        From `option_quotes.last_snapshot`.
    market : MarketSettings
        The desk's rate, and the yield that counts where the quotes tell no forward.
    expiries : collection of Timestamp, optional
        Dates that are asked for; without it all. What is told of them is the same either way.

    Returns
    -------
    DataFrame
        The rows of the expiries asked for, and also ``forward`` (money), ``rate`` and ``dividend_yield``
        (per year, continuously compounded), ``carry`` ("parity" where calls and puts told the forward,
        "assumed" where the desk's yield stands) and ``carry_note`` (why it is assumed, else ""). Where
        European quotes come without any spot, the nearest forward tells it, and ``spot_source`` is "parity".
    """
    frame = quotes.copy()
    frame["rate"] = float(market.rate)
    frame["dividend_yield"] = float(market.dividend_yield)
    frame["carry"] = ASSUMED
    frame["carry_note"] = "no time left"
    usable = frame["years"].gt(0) & ~adjusted_rows(frame)
    groups = [part for _, part in frame[usable].groupby("root")]
    for part in groups:
        _tell(frame, part, market, expiries)
    if expiries is not None:
        frame = frame[frame["expiry"].isin(expiries)].copy()
    frame["forward"] = frame["spot"] * np.exp(
        (frame["rate"] - frame["dividend_yield"]) * frame["years"].to_numpy()
    )
    return frame


def _tell(
    frame: pd.DataFrame, part: pd.DataFrame, market: MarketSettings, expiries: Collection[pd.Timestamp] | None
) -> None:
    """Write into `frame` what the quotes of one root tell, in place."""
    from workbench.pricing import implied_forwards

    european = bool(part["exercise"].eq("european").all())
    spots = part["spot"].dropna()
    if spots.empty and not european:
        frame.loc[part.index, "carry_note"] = "no spot"
        return
    # A European forward needs no spot; the median strike is a stand-in that leaves no trace.
    spot = float(spots.median()) if len(spots) else float(part["strike"].median())
    seeks_rate = european and "rate" not in market.model_fields_set
    # An expiry stands for itself, but where the whole chain tells the rate, or its nearest forward the spot.
    if expiries is not None and not seeks_rate and len(spots):
        part = part[part["expiry"].isin(expiries)]
        if part.empty:
            return
    asked = part[["years", "strike", "right", "bid", "ask", "exercise"]].assign(
        expiry=part["settles"].dt.tz_localize(None), spot=spot
    )
    told = None
    if seeks_rate:
        told = implied_forwards(asked)
        # A chain that does not tell its rate still tells its forwards under the desk's.
        told = told if told["status"].eq("ok").any() else None
    if told is None:
        told = implied_forwards(asked, rate=float(market.rate))
    elif not told["status"].eq("ok").all():
        rest = asked[asked["expiry"].isin(told.loc[told["status"].ne("ok"), "expiry"])]
        near = float(told.loc[told["status"].eq("ok"), "rate"].median())
        told = pd.concat([told[told["status"].eq("ok")], implied_forwards(rest, rate=near)])
    told = told.set_index("expiry")
    good = told[told["status"].eq("ok")]
    if spots.empty and len(good):
        first = good.sort_values("years").iloc[0]
        spot = float(first["forward"] * np.exp(-(first["rate"] - market.dividend_yield) * first["years"]))
        frame.loc[part.index, "spot"] = spot
        frame.loc[part.index, "spot_source"] = PARITY
    at = asked["expiry"]
    ok = at.isin(good.index)
    rows = part.index[ok.to_numpy()]
    years = at[ok].map(good["years"])
    rate = at[ok].map(good["rate"])
    # What the vendor's spot and the implied forward leave between them, per year.
    dividend_yield = rate - np.log(at[ok].map(good["forward"]) / spot) / years
    frame.loc[rows, "rate"] = rate.to_numpy()
    frame.loc[rows, "dividend_yield"] = dividend_yield.to_numpy()
    frame.loc[rows, "carry"] = PARITY
    frame.loc[part.index, "carry_note"] = at.map(told["status"]).where(~ok, "").fillna("").to_numpy()
