"""A chain with our numbers beside the vendor's: implied volatility and Greeks of each quote, or why not."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from workbench.arrays import FloatArray
from workbench.desk.option_models import AMERICAN, add_greeks, models_of, solve_volatility
from workbench.desk.option_quotes import adjusted_rows

CHAIN_COLUMNS = [
    "symbol", "expiry", "days", "years", "strike", "right", "bid", "ask", "mid", "spread", "last", "volume",
    "open_interest", "spot", "forward", "rate", "dividend_yield", "exercise", "model", "implied_volatility",
    "bid_volatility", "ask_volatility", "delta", "gamma", "vega_point", "theta_day", "rho_point",
    "vendor_implied_volatility", "vendor_delta", "vendor_gamma", "vendor_theta", "vendor_vega", "parts",
    "status", "flags", "time", "modelled", "source", "root", "settlement", "multiplier",
]  # fmt: skip
# What a sentence about a row may need.
_EXPLAINED = [
    "underlying", "root", "quoted_on", "right", "strike", "years", "bid", "ask", "mid", "spot", "spot_note",
    "rate", "dividend_yield", "model",
]  # fmt: skip


def price_quotes(quotes: pd.DataFrame) -> pd.DataFrame:
    """Return the quotes with implied volatilities, Greeks and a status each.

    Parameters
    ----------
    quotes : DataFrame
        From `option_carry.add_carry`.

    Returns
    -------
    DataFrame
        Also ``mid``, ``spread``, ``model``, ``implied_volatility`` (of the middle), ``bid_volatility``,
        ``ask_volatility``, the Greeks in trader's units, and ``status``: "ok", or a code, a colon and a
        sentence. A bid or an ask of zero is nobody's and missing.
    """
    frame = quotes.copy()
    bid, ask = (_positive(frame[name]) for name in ("bid", "ask"))
    frame["bid"], frame["ask"] = bid, ask
    sound = ask >= bid  # false where either is missing
    frame["mid"] = np.where(sound, (bid + ask) / 2, np.nan)
    frame["spread"] = ask - bid
    frame["model"] = models_of(frame["exercise"])
    adjusted = adjusted_rows(frame)
    status = _unusable(frame, adjusted)
    usable = status == "ok"
    frame["implied_volatility"], reasons = solve_volatility(frame, frame["mid"].to_numpy(), usable)
    _explain_unsolved(frame, status, reasons, usable)
    frame["status"] = status
    # One side of a crossed or one-sided market is still a price.
    priceable = frame["spot"].notna().to_numpy() & (frame["years"] > 0).to_numpy() & ~adjusted
    frame["bid_volatility"] = solve_volatility(frame, bid, priceable & np.isfinite(bid))[0]
    frame["ask_volatility"] = solve_volatility(frame, ask, priceable & np.isfinite(ask))[0]
    add_greeks(frame)
    return frame


def _positive(prices: "pd.Series[float]") -> FloatArray:
    values = prices.to_numpy(dtype=np.float64)
    return np.where(values > 0, values, np.nan)


def _unusable(frame: pd.DataFrame, adjusted: np.ndarray) -> np.ndarray:
    """Say what keeps a row from being priced, before any engine is asked; "ok" where nothing does."""
    bid, ask = frame["bid"].to_numpy(), frame["ask"].to_numpy()
    no_bid, no_ask = np.isnan(bid), np.isnan(ask)
    status = np.full(len(frame), "ok", dtype=object)

    def say(mask: np.ndarray, said: str | Callable[[Any], str]) -> None:
        places = np.flatnonzero(mask & (status == "ok"))
        if isinstance(said, str):
            status[places] = said
        else:
            status[places] = [said(row) for row in _rows(frame, places)]

    say(
        adjusted,
        lambda row: (
            f"adjusted: {row.root} delivers something other than 100 {row.underlying}, so the price of "
            f"{row.underlying} does not tell its worth; a mini needs its multiplier of 10 in the file"
        ),
    )
    say((frame["years"] <= 0).to_numpy(), "no_time: the contract has settled when it is quoted")
    say(no_bid & no_ask, "no_quote: neither a bid nor an offer")
    say(no_bid, "no_bid: nobody bids, so there is no middle")
    say(no_ask, "no_ask: nobody offers, so there is no middle")
    say(bid > ask, lambda row: f"crossed: the bid {row.bid:g} is above the ask {row.ask:g}")
    say(
        frame["spot"].isna().to_numpy(),
        lambda row: (
            "missing_spot: "
            + (
                row.spot_note
                or f"neither the quotes nor the desk's bars tell the price of {row.underlying} on "
                f"{row.quoted_on:%Y-%m-%d}"
            )
        ),
    )
    return status


def _explain_unsolved(
    frame: pd.DataFrame, status: np.ndarray, reasons: np.ndarray, usable: np.ndarray
) -> None:
    """Turn the engine's codes into sentences, in place."""
    places = np.flatnonzero(usable & (reasons != "ok"))
    for at, row in zip(places, _rows(frame, places), strict=True):
        code = str(reasons[at])
        if code == "below_intrinsic":
            worth = _least_worth(row)
            short = worth - row.mid
            place = f"{short:.3g} below" if short > 1e-9 else "no more than"
            status[at] = f"below_intrinsic: the middle {row.mid:.6g} is {place} its least worth {worth:.6g}"
        elif code == "above_bound":
            status[at] = f"above_bound: the middle {row.mid:.6g} is more than the contract can ever be worth"
        else:
            status[at] = f"{code}: no volatility gives the middle {row.mid:.6g}"


def _rows(frame: pd.DataFrame, places: np.ndarray) -> Iterator[Any]:
    # One at a time out of a wide frame is slow, and thousands of rows may have to be explained.
    return iter(frame[_EXPLAINED].iloc[places].itertuples(index=False))


def _least_worth(row: Any) -> float:
    sign = 1.0 if row.right == "C" else -1.0
    held = sign * (
        row.spot * np.exp(-row.dividend_yield * row.years) - row.strike * np.exp(-row.rate * row.years)
    )
    now = sign * (row.spot - row.strike) if row.model == AMERICAN else 0.0
    return float(max(held, now, 0.0))
