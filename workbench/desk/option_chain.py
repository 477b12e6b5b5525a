"""A chain with our numbers beside the vendor's: implied volatility and Greeks of each quote, or why not."""

import numpy as np
import pandas as pd

from workbench.arrays import FloatArray
from workbench.desk.option_quotes import is_adjusted
from workbench.pricing import black_scholes_greeks, implied_volatility

CHAIN_COLUMNS = [
    "symbol", "expiry", "days", "years", "strike", "right", "bid", "ask", "mid", "spread", "last", "volume",
    "open_interest", "spot", "forward", "rate", "dividend_yield", "exercise", "model", "implied_volatility",
    "bid_volatility", "ask_volatility", "delta", "gamma", "vega_point", "theta_day", "rho_point",
    "vendor_implied_volatility", "vendor_delta", "vendor_gamma", "vendor_theta", "vendor_vega", "parts",
    "status", "flags", "time", "modelled", "source", "root", "settlement", "multiplier",
]  # fmt: skip
GREEK_COLUMNS = {
    "delta": "delta",
    "gamma": "gamma",
    "vega": "vega_point",
    "theta": "theta_day",
    "rho": "rho_point",
}


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
        sentence. Quotes stay as they are; a bid of zero is nobody's.
    """
    frame = quotes.copy()
    bid, ask = (_positive(frame[name]) for name in ("bid", "ask"))
    frame["bid"], frame["ask"] = bid, ask
    sound = ask >= bid  # false where either is missing
    frame["mid"] = np.where(sound, (bid + ask) / 2, np.nan)
    frame["spread"] = ask - bid
    frame["model"] = np.where(frame["exercise"].eq("european"), "black_scholes", "american")
    frame["status"] = _unusable(frame)
    usable = frame["status"].eq("ok").to_numpy()
    solved = _solve(frame, frame["mid"].to_numpy(), usable)
    frame["implied_volatility"], reasons = solved
    _explain_unsolved(frame, reasons, usable)
    # One side of a crossed or one-sided market is still a price.
    priceable = frame["spot"].notna().to_numpy() & (frame["years"] > 0).to_numpy() & ~_adjusted(frame)
    frame["bid_volatility"] = _solve(frame, bid, priceable & np.isfinite(bid))[0]
    frame["ask_volatility"] = _solve(frame, ask, priceable & np.isfinite(ask))[0]
    _add_greeks(frame)
    return frame


def _positive(prices: "pd.Series[float]") -> FloatArray:
    values = prices.to_numpy(dtype=np.float64)
    return np.where(values > 0, values, np.nan)


def _adjusted(frame: pd.DataFrame) -> np.ndarray:
    terms = list(zip(frame["root"], frame["underlying"], frame["multiplier"], strict=True))
    known = {term: is_adjusted(*term) for term in set(terms)}
    return np.array([known[term] for term in terms], dtype=bool)


def _unusable(frame: pd.DataFrame) -> "pd.Series[str]":
    """Say what keeps a row from being priced, before any engine is asked; "ok" where nothing does."""
    bid, ask = frame["bid"].to_numpy(), frame["ask"].to_numpy()
    no_bid, no_ask = np.isnan(bid), np.isnan(ask)
    status = np.full(len(frame), "ok", dtype=object)

    def say(mask: np.ndarray, *, sentence: str = "", each: object = None) -> None:
        for at in np.flatnonzero(mask & (status == "ok")):
            status[at] = sentence or each(frame.iloc[at])  # type: ignore[operator]

    say(
        _adjusted(frame),
        each=lambda row: (
            f"adjusted: {row.root} delivers something other than 100 {row.underlying}, so the price of "
            f"{row.underlying} does not tell its worth"
        ),
    )
    say(
        (frame["years"] <= 0).to_numpy(),
        sentence="no_time: the contract has settled when it is quoted",
    )
    say(no_bid & no_ask, sentence="no_quote: neither a bid nor an offer")
    say(no_bid, sentence="no_bid: nobody bids, so there is no middle")
    say(no_ask, sentence="no_ask: nobody offers, so there is no middle")
    say(bid > ask, each=lambda row: f"crossed: the bid {row.bid:g} is above the ask {row.ask:g}")
    say(
        frame["spot"].isna().to_numpy(),
        each=lambda row: (
            f"missing_spot: neither the quotes nor the desk's bars tell the price of {row.underlying} on "
            f"{row.quoted_on:%Y-%m-%d}"
        ),
    )
    return pd.Series(status, index=frame.index, dtype=object)


def _solve(frame: pd.DataFrame, price: FloatArray, rows: np.ndarray) -> tuple[FloatArray, np.ndarray]:
    """Return implied volatility and the engine's status of the chosen rows; NaN and "" elsewhere."""
    volatility = np.full(len(frame), np.nan)
    status = np.full(len(frame), "", dtype=object)
    for model in ("black_scholes", "american"):
        at = np.flatnonzero(rows & frame["model"].eq(model).to_numpy())
        if not len(at):
            continue
        chosen = frame.iloc[at]
        found = implied_volatility(
            price[at],
            chosen["spot"].to_numpy(),
            chosen["strike"].to_numpy(),
            chosen["years"].to_numpy(),
            rate=chosen["rate"].to_numpy(),
            dividend_yield=chosen["dividend_yield"].to_numpy(),
            is_call=chosen["right"].eq("C").to_numpy(),
        )
        volatility[at], status[at] = found.volatility, found.status
    return volatility, status


def _explain_unsolved(frame: pd.DataFrame, reasons: np.ndarray, usable: np.ndarray) -> None:
    """Turn the engine's codes into sentences, in place."""
    status = frame["status"].to_numpy(dtype=object, copy=True)
    for at in np.flatnonzero(usable & (reasons != "ok")):
        row, code = frame.iloc[at], str(reasons[at])
        if code == "below_intrinsic":
            worth = _least_worth(row)
            short = worth - row.mid
            place = f"{short:.3g} below" if short > 1e-9 else "no more than"
            status[at] = f"below_intrinsic: the middle {row.mid:g} is {place} its least worth {worth:.6g}"
        elif code == "above_bound":
            status[at] = f"above_bound: the middle {row.mid:g} is more than the contract can ever be worth"
        else:
            status[at] = f"{code}: no volatility gives the middle {row.mid:g}"
    frame["status"] = status


def _least_worth(row: pd.Series) -> float:
    sign = 1.0 if row.right == "C" else -1.0
    held = sign * (
        row.spot * np.exp(-row.dividend_yield * row.years) - row.strike * np.exp(-row.rate * row.years)
    )
    now = sign * (row.spot - row.strike) if row.exercise == "american" else 0.0
    return float(max(held, now, 0.0))


def _add_greeks(frame: pd.DataFrame) -> None:
    for column in GREEK_COLUMNS.values():
        frame[column] = np.nan
    solved = frame["implied_volatility"].notna().to_numpy()
    for model in ("black_scholes", "american"):
        at = np.flatnonzero(solved & frame["model"].eq(model).to_numpy())
        if not len(at):
            continue
        chosen = frame.iloc[at]
        greeks = black_scholes_greeks(
            chosen["spot"].to_numpy(),
            chosen["strike"].to_numpy(),
            chosen["years"].to_numpy(),
            chosen["implied_volatility"].to_numpy(),
            rate=chosen["rate"].to_numpy(),
            dividend_yield=chosen["dividend_yield"].to_numpy(),
            is_call=chosen["right"].eq("C").to_numpy(),
            greeks=list(GREEK_COLUMNS),
            units="trader",
        )
        for name, column in GREEK_COLUMNS.items():
            values = frame[column].to_numpy(copy=True)
            values[at] = greeks[name]
            frame[column] = values
