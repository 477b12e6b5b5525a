"""What to mind of each quote of a chain: stale, assumed, wide, a spot that does not fit, arbitrage."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from workbench.arrays import BoolArray, FloatArray
from workbench.desk.option_quotes import adjusted_rows
from workbench.desk.option_spot import NOT_HELD
from workbench.pricing import quote_bounds

# Bid and ask this far apart, as a share of their middle, tell little.
WIDE = 0.5
# Forward and spot of one moment are no farther apart than this and this much a year: a dividend, and shares
# that are dear to borrow.
APART, APART_A_YEAR = 0.02, 0.15
SPOT_FLAGS = {"bar": "spot of the desk's bar", "parity": "spot told by the nearest forward"}


def flags_of(frame: pd.DataFrame) -> np.ndarray:
    """Return what to mind of each row of a priced chain, joined by semicolons, "" where nothing.

    Parameters
    ----------
    frame : DataFrame
        From `option_chain.price_quotes`.
    """
    texts = np.full(len(frame), "", dtype=object)

    def add(mask: BoolArray, say: Callable[[int], str]) -> None:
        for at in np.flatnonzero(mask).tolist():
            said = say(at)
            texts[at] = f"{texts[at]}; {said}" if texts[at] else said

    day = f"{frame['quoted_on'].iloc[0]:%Y-%m-%d}"
    add(frame["stale"].to_numpy(), lambda at: f"stale: quotes of {day}")
    adjusted = adjusted_rows(frame)
    assumed = frame["carry"].eq("assumed") & frame["years"].gt(0) & frame["spot"].notna()
    notes = frame["carry_note"].to_numpy()
    add(
        assumed.to_numpy() & ~adjusted,
        lambda at: f"forward assumed, by the desk's dividend yield: {notes[at]}",
    )
    sources = frame["spot_source"].map(SPOT_FLAGS).to_numpy(dtype=object)
    add(pd.notna(sources) & frame["spot"].notna().to_numpy(), lambda at: str(sources[at]))
    away = _away(frame)
    apart = _is_apart(frame, away)
    add(apart, lambda at: f"forward {abs(away[at]):.1%} {_side(away[at])} spot, which may be of another time")
    spread, mid = frame["spread"].to_numpy(), frame["mid"].to_numpy()
    add(spread > WIDE * mid, lambda at: f"wide: {spread[at]:.4g} from bid to ask around {mid[at]:.4g}")
    found = _arbitrage(frame, apart, adjusted)
    add(found != "", lambda at: f"arbitrage: {found[at]}")
    return texts


def _side(away: float) -> str:
    return "above" if away > 0 else "below"


def _away(frame: pd.DataFrame) -> FloatArray:
    """Return how far the forward lies from the spot, as a share of it."""
    away: FloatArray = frame["forward"].to_numpy() / frame["spot"].to_numpy() - 1
    return away


def _is_apart(frame: pd.DataFrame, away: FloatArray) -> BoolArray:
    """Say where spot and forward cannot both be of one moment."""
    told = frame["carry"].eq("parity") & ~frame["underlying"].isin(NOT_HELD)
    with np.errstate(invalid="ignore"):
        far = np.abs(np.log1p(away)) > APART + APART_A_YEAR * frame["years"].to_numpy()
    return told.to_numpy() & far


def _arbitrage(frame: pd.DataFrame, apart: BoolArray, adjusted: BoolArray) -> np.ndarray:
    """Return of each quote the trade without risk that it allows, "" where none."""
    texts = np.full(len(frame), "", dtype=object)
    at = np.flatnonzero((frame["years"] > 0).to_numpy() & frame["spot"].notna().to_numpy() & ~adjusted)
    if not len(at):
        return texts
    chosen = frame.iloc[at]
    # A forward that nobody quoted proves no arbitrage.
    told = chosen["carry"].eq("parity")
    spot = float(chosen["spot"].median())
    asked = chosen[["strike", "right", "bid", "ask", "years", "exercise"]].assign(
        expiry=chosen["settles"].dt.tz_localize(None),
        spot=spot,
        rate=chosen["rate"].where(told),
        dividend_yield=chosen["dividend_yield"].where(told),
    )
    # Nor does a spot of another moment, or what the forward was read off.
    error = np.abs(chosen["spot"].to_numpy() - spot) + _read_off(chosen)
    error += np.where(apart[at], np.abs(chosen["forward"].to_numpy() - chosen["spot"].to_numpy()), 0.0)
    found = quote_bounds(asked, forward_error=error)
    texts[at] = np.where(found["arbitrage"], found["reason"], "")
    return texts


def _read_off(quotes: pd.DataFrame) -> FloatArray:
    """Return half the width of the narrowest call and put of each row's expiry: no forward is surer."""
    market, place = ["settles", "root"], ["settles", "root", "strike"]
    wide = quotes["spread"].where(quotes["spread"] >= 0)
    pairs = wide.groupby([quotes[name] for name in place], sort=False).sum(min_count=2)
    narrowest = pairs.groupby(level=market, sort=False).min().rename("width")
    width = quotes[market].join(narrowest, on=market)["width"].to_numpy(dtype=np.float64)
    half: FloatArray = np.nan_to_num(width) / 2
    return half
