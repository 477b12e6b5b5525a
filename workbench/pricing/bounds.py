"""What a quote may not be: bounds and orderings that hold under any model, checked against bid and ask."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.arrays import BoolArray, FloatArray, require_finite, require_non_negative
from workbench.errors import PricingInputError

BOUND_COLUMNS = ("codes", "reason", "arbitrage")
CHAIN_COLUMNS = ("expiry", "years", "strike", "right", "bid", "ask", "exercise")

# What each code means; those that name a trade without risk come last.
QUOTE_CODES = {
    "no_bid": "nobody bids",
    "no_ask": "nobody offers",
    "zero": "bid and ask are both zero",
    "crossed": "the bid is above the ask",
    "mid_below_intrinsic": "the middle is below the lower bound, though the ask is not",
    "below_intrinsic": "the ask is below what the option is worth at once, or as a forward",
    "above_bound": "the bid is above the most that the option can pay",
    "vertical": "a spread of two strikes pays for itself, or costs more than it can ever pay",
    "butterfly": "the bid is above a mix of two options that is never worth less",
    "calendar": "the bid is above the ask of a later expiry that is never worth less",
    "parity": "call, put and forward together can be bought for less than they pay",
}
_ARBITRAGE = ("crossed", "below_intrinsic", "above_bound", "vertical", "butterfly", "calendar", "parity")
# Prices that differ by less than this share of the strike are equal.
_ROUNDING = 1e-9
_KINDS = {"C": "call", "P": "put"}


@dataclass(frozen=True, slots=True)
class _Findings:
    """Codes and sentences by row."""

    codes: list[list[str]]
    sentences: list[list[str]] = field(default_factory=list)

    def add(self, row: int, code: str, sentence: str) -> None:
        """Note a finding; of one code a row keeps the first."""
        if code not in self.codes[row]:
            self.codes[row].append(code)
            self.sentences[row].append(sentence)


@dataclass(frozen=True, slots=True)
class _Quotes:
    """The columns of a chain as arrays; a bid or ask that is no price is NaN."""

    expiry: np.ndarray
    years: FloatArray
    strike: FloatArray
    is_call: BoolArray
    is_american: BoolArray
    bid: FloatArray
    ask: FloatArray
    spot: FloatArray
    discount: FloatArray
    spot_value: FloatArray
    slack: FloatArray


def quote_bounds(chain: pd.DataFrame, *, forward_error: ArrayLike = 0.0) -> pd.DataFrame:
    """Check each quote of a chain against the bounds that hold under any model.

    Parameters
    ----------
    chain : DataFrame, one row a quote, of one underlying at one instant
        expiry, years, strike, right (C, P), bid, ask (missing or zero where there is none), exercise
        (american, european), and spot or underlying_price. rate and dividend_yield, per year, where known:
        without them the bounds that need them are not checked.
    forward_error : array_like
        Money per share by which spot and forward may be wrong, as where the spot is of another minute than
        the quotes, one for all or one a quote; a breach of a bound that rests on them has to be larger.

    Returns
    -------
    DataFrame, on the index of `chain`
        codes (of `QUOTE_CODES`, joined by commas; empty for a quote without a finding); reason (a sentence
        each, with the other side of the trade); arbitrage (True where bid and ask as they stand, before fees
        and at the carry given, allow a trade that cannot lose).

    Raises
    ------
    PricingInputError
        If a column is missing or a right is neither C nor P.

    Notes
    -----
    Only what can be traded counts: what is sold is sold at its bid, what is bought at its ask, so a wide
    quote around a wrong middle is no arbitrage. American options are held to their exercise value, the full
    distance of strikes, the order of expiries at one strike, and the two inequalities that replace parity;
    European ones to the discounted forward, discounted distances, expiries compared through the forward
    (a later option at the first expiry is worth its own discounted intrinsic value at least), and parity.
    The butterfly is checked against every pair of strikes: a bid above the lower convex hull of the asks.

    References
    ----------
    Merton (1973), Theory of Rational Option Pricing, Bell J. Econ. 4(1); Carr and Madan (2005), A note on
    sufficient conditions for no arbitrage, Finance Research Letters 2(3).

    Examples
    --------
    >>> quotes = pd.DataFrame({"expiry": pd.Timestamp("2021-06-18"), "years": 0.1, "strike": [100.0, 105.0],
    ...                        "right": "C", "bid": [2.0, 2.4], "ask": [2.1, 2.6], "exercise": "american",
    ...                        "spot": 99.0})
    >>> quote_bounds(quotes)["codes"].to_list()
    ['vertical', 'vertical']
    """
    quotes = _read(chain, forward_error)
    rows = len(quotes.strike)
    found = _Findings([[] for _ in range(rows)], [[] for _ in range(rows)])
    _check_sides(chain, quotes, found)
    _check_levels(quotes, found)
    for group in _groups(quotes):
        _check_verticals(quotes, group, found)
        _check_butterflies(quotes, group, found)
    _check_calendars(quotes, found)
    _check_parity(quotes, found)
    return pd.DataFrame(
        {
            "codes": [",".join(codes) for codes in found.codes],
            "reason": ["; ".join(sentences) for sentences in found.sentences],
            "arbitrage": [any(code in _ARBITRAGE for code in codes) for codes in found.codes],
        },
        index=chain.index,
    ).astype({"codes": object, "reason": object, "arbitrage": np.bool_})


def _read(chain: pd.DataFrame, forward_error: ArrayLike) -> _Quotes:
    absent = [name for name in CHAIN_COLUMNS if name not in chain.columns]
    name = next((name for name in ("spot", "underlying_price") if name in chain.columns), "spot")
    absent += [name] if name not in chain.columns else []
    if absent:
        raise PricingInputError(
            f"The chain has no column `{'`, `'.join(absent)}`; give {', '.join(CHAIN_COLUMNS)} and spot."
        )
    odd = ~chain["right"].isin(["C", "P"]).to_numpy()
    if odd.any():
        row = int(np.argmax(odd))
        raise PricingInputError(f"`right` is {chain['right'].iloc[row]!r} in row {row}; give 'C' or 'P'.")
    (error,) = require_non_negative(forward_error=forward_error)
    if error.ndim and len(error) != len(chain):
        raise PricingInputError(
            f"`forward_error` has {len(error)} values for {len(chain)} quotes; give one each, or one for all."
        )
    years, strike, bid, ask, spot = require_finite(
        years=chain["years"], strike=chain["strike"], bid=chain["bid"], ask=chain["ask"], spot=chain[name]
    )
    unknown = pd.Series(np.nan, index=chain.index)
    rate, dividend_yield = require_finite(
        rate=chain.get("rate", unknown), dividend_yield=chain.get("dividend_yield", unknown)
    )
    return _Quotes(
        expiry=pd.to_datetime(chain["expiry"]).to_numpy(),
        years=years,
        strike=strike,
        is_call=chain["right"].eq("C").to_numpy(),
        is_american=chain["exercise"].eq("american").to_numpy(),
        bid=np.where(bid > 0, bid, np.nan),
        ask=np.where(ask > 0, ask, np.nan),
        spot=spot,
        discount=np.exp(-rate * years),
        spot_value=spot * np.exp(-dividend_yield * years),
        # What is not known is no reason to be strict.
        slack=_ROUNDING * strike + np.where(np.isnan(error), np.inf, error),
    )


def _check_sides(chain: pd.DataFrame, quotes: _Quotes, found: _Findings) -> None:
    zero = (chain["bid"].eq(0) & chain["ask"].eq(0)).to_numpy()
    for row in np.flatnonzero(zero).tolist():
        found.add(row, "zero", "bid and ask are both zero")
    for row in np.flatnonzero(np.isnan(quotes.bid) & ~zero).tolist():
        found.add(row, "no_bid", "nobody bids")
    for row in np.flatnonzero(np.isnan(quotes.ask) & ~zero).tolist():
        found.add(row, "no_ask", "nobody offers")
    for row in np.flatnonzero(quotes.bid > quotes.ask).tolist():
        found.add(row, "crossed", f"the bid {quotes.bid[row]:g} is above the ask {quotes.ask[row]:g}")


def _check_levels(quotes: _Quotes, found: _Findings) -> None:
    """Exercise value or discounted forward below, the most that can be paid above."""
    sign = np.where(quotes.is_call, 1.0, -1.0)
    now = sign * (quotes.spot - quotes.strike)
    forward = sign * (quotes.spot_value - quotes.strike * quotes.discount)
    least = np.maximum(np.where(quotes.is_american, now, forward), 0.0)
    most_american = np.where(quotes.is_call, quotes.spot, quotes.strike)
    most_european = np.where(quotes.is_call, quotes.spot_value, quotes.strike * quotes.discount)
    most = np.where(quotes.is_american, most_american, most_european)
    noise = quotes.slack
    words = np.where(quotes.is_american, "exercise value", "discounted forward value")
    below = quotes.ask < least - noise
    for row in np.flatnonzero(below).tolist():
        found.add(
            row, "below_intrinsic", f"the ask {quotes.ask[row]:g} is below the {words[row]} {least[row]:.6g}"
        )
    for row in np.flatnonzero(~below & ((quotes.bid + quotes.ask) / 2 < least - noise)).tolist():
        middle = (quotes.bid[row] + quotes.ask[row]) / 2
        found.add(
            row, "mid_below_intrinsic", f"the middle {middle:g} is below the {words[row]} {least[row]:.6g}"
        )
    for row in np.flatnonzero(quotes.bid > most + noise).tolist():
        found.add(
            row, "above_bound", f"the bid {quotes.bid[row]:g} is above {most[row]:.6g}, the most it can pay"
        )


def _groups(quotes: _Quotes) -> Iterator[np.ndarray]:
    """Yield the rows of each expiry and right that have a price, ascending in strike."""
    frame = pd.DataFrame({"expiry": quotes.expiry, "call": quotes.is_call})
    priced = ~(np.isnan(quotes.bid) & np.isnan(quotes.ask)) & (quotes.years > 0)
    for rows in frame[priced].groupby(["expiry", "call"]).indices.values():
        places = np.flatnonzero(priced)[rows]
        yield places[np.argsort(quotes.strike[places], kind="stable")]


def _check_verticals(quotes: _Quotes, rows: np.ndarray, found: _Findings) -> None:
    """Two strikes: the better one may not be cheaper, nor dearer by more than their distance."""
    strike, bid, ask = quotes.strike[rows], quotes.bid[rows], quotes.ask[rows]
    kind = _KINDS["C" if quotes.is_call[rows[0]] else "P"]
    # Element (i, j): sell i at its bid, buy j at its ask.
    credit = bid[:, None] - ask[None, :]
    higher = strike[None, :] > strike[:, None]
    lower = strike[None, :] < strike[:, None]
    better, worse = (lower, higher) if kind == "call" else (higher, lower)
    noise = _ROUNDING * strike[:, None]
    free = better & (credit > noise)
    american = bool(quotes.is_american[rows].any())
    distance = np.abs(strike[:, None] - strike[None, :]) * (
        1.0 if american else quotes.discount[rows][:, None]
    )
    dear = worse & (credit > distance + noise)
    for wrong, excess, words in (
        (free, credit, "and the better option at {j:g} is asked at {ask:g}"),
        (dear, credit - distance, "and the spread to {j:g}, asked at {ask:g}, costs more than it can pay"),
    ):
        scored = np.where(wrong, excess, -np.inf)
        for i in np.flatnonzero(wrong.any(axis=1)).tolist():
            j = int(np.argmax(scored[i]))
            found.add(
                int(rows[i]), "vertical",
                f"the {kind} is bid at {bid[i]:g}, " + words.format(j=strike[j], ask=ask[j]),
            )  # fmt: skip
        for j in np.flatnonzero(wrong.any(axis=0)).tolist():
            i = int(np.argmax(scored[:, j]))
            found.add(
                int(rows[j]), "vertical",
                f"the {kind} is asked at {ask[j]:g} against {bid[i]:g} bid at {strike[i]:g}",
            )  # fmt: skip


def _check_butterflies(quotes: _Quotes, rows: np.ndarray, found: _Findings) -> None:
    """Three strikes: the middle one may not be bid above the line between two asks around it."""
    asked = rows[~np.isnan(quotes.ask[rows])]
    strike, ask = quotes.strike[asked], quotes.ask[asked]
    if len(asked) < 2:
        return
    hull: list[int] = []
    for place in range(len(asked)):
        while len(hull) > 1 and not _turns_up(strike, ask, hull[-2], hull[-1], place):
            hull.pop()
        # Of two quotes at one strike the cheaper one bounds.
        if hull and strike[hull[-1]] == strike[place]:
            if ask[place] >= ask[hull[-1]]:
                continue
            hull.pop()
        hull.append(place)
    corners = np.array(hull)
    for row in rows[~np.isnan(quotes.bid[rows])].tolist():
        at = quotes.strike[row]
        if not strike[corners[0]] < at < strike[corners[-1]]:
            continue
        right = int(np.searchsorted(strike[corners], at))
        low, high = corners[right - 1], corners[right]
        if strike[high] == at:
            continue
        share = (strike[high] - at) / (strike[high] - strike[low])
        mix = share * ask[low] + (1 - share) * ask[high]
        if quotes.bid[row] > mix + _ROUNDING * at:
            found.add(
                row, "butterfly",
                f"the bid {quotes.bid[row]:g} is above {mix:.6g}, what the wings at {strike[low]:g} and "
                f"{strike[high]:g} cost",
            )  # fmt: skip


def _turns_up(x: FloatArray, y: FloatArray, a: int, b: int, c: int) -> bool:
    return bool((x[b] - x[a]) * (y[c] - y[a]) > (x[c] - x[a]) * (y[b] - y[a]))


def _check_calendars(quotes: _Quotes, found: _Findings) -> None:
    """Two expiries of one strike: the later may not be asked below what the earlier is bid."""
    frame = pd.DataFrame({"strike": quotes.strike, "call": quotes.is_call})
    live = quotes.years > 0
    for rows in frame[live].groupby(["strike", "call"]).indices.values():
        places = np.flatnonzero(live)[rows]
        if len(places) < 2:
            continue
        places = places[np.argsort(quotes.years[places], kind="stable")]
        bid, ask, years = quotes.bid[places], quotes.ask[places], quotes.years[places]
        kind = _KINDS["C" if quotes.is_call[places[0]] else "P"]
        later = years[None, :] > years[:, None]
        gain = bid[:, None] - ask[None, :] - _calendar_gap(quotes, places)
        wrong = later & (gain > quotes.slack[places][:, None])
        scored = np.where(wrong, gain, -np.inf)
        for i in np.flatnonzero(wrong.any(axis=1)).tolist():
            j = int(np.argmax(scored[i]))
            found.add(
                int(places[i]), "calendar",
                f"the {kind} is bid at {bid[i]:g}, and that of {_day(quotes.expiry[places[j]])} is asked at "
                f"{ask[j]:g}",
            )  # fmt: skip
        for j in np.flatnonzero(wrong.any(axis=0)).tolist():
            i = int(np.argmax(scored[:, j]))
            found.add(
                int(places[j]), "calendar",
                f"the {kind} is asked at {ask[j]:g} against {bid[i]:g} bid for "
                f"{_day(quotes.expiry[places[i]])}",
            )  # fmt: skip


def _calendar_gap(quotes: _Quotes, places: np.ndarray) -> FloatArray:
    """Return what selling the earlier (row) and buying the later option (column) can lose at most, now."""
    if quotes.is_american[places].all():
        return np.zeros((len(places), len(places)))
    strike = quotes.strike[places][0]
    discount, spot_value = quotes.discount[places], quotes.spot_value[places]
    # Between the expiries, from the first one: the later option is worth spot x carry - strike x interest.
    interest = discount[None, :] / discount[:, None]
    carry = spot_value[None, :] / spot_value[:, None]
    sign = 1.0 if quotes.is_call[places[0]] else -1.0
    forward = sign * (spot_value - strike * discount)
    forward_gap = forward[:, None] - forward[None, :]
    # Where the shares pay, the loss of a put is bounded, else that of a call; the other right is turned
    # into it by parity.
    pays = carry <= 1
    as_put = strike * np.maximum(1 - interest, 0.0) * discount[:, None]
    as_call = strike * np.maximum(interest - carry, 0.0) * discount[:, None]
    same_put = 0.0 if sign < 0 else forward_gap
    same_call = 0.0 if sign > 0 else forward_gap
    gap: FloatArray = np.where(pays, as_put + same_put, as_call + same_call)
    return gap


def _check_parity(quotes: _Quotes, found: _Findings) -> None:
    """Call less put against the forward, or for American options against the two sides that bound it."""
    frame = pd.DataFrame(
        {"row": np.arange(len(quotes.strike)), "expiry": quotes.expiry, "strike": quotes.strike}
    )
    live = quotes.years > 0
    calls, puts = frame[live & quotes.is_call], frame[live & ~quotes.is_call]
    both = calls.merge(puts, on=["expiry", "strike"], suffixes=("_call", "_put"))
    call, put = both["row_call"].to_numpy(dtype=np.int64), both["row_put"].to_numpy(dtype=np.int64)
    strike, spot = quotes.strike[call], quotes.spot[call]
    owed, held = strike * quotes.discount[call], quotes.spot_value[call]
    american = quotes.is_american[call]
    most = np.where(american, np.maximum(spot, held) - np.minimum(strike, owed), held - owed)
    least = np.where(american, np.minimum(spot, held) - np.maximum(strike, owed), held - owed)
    sold = quotes.bid[call] - quotes.ask[put]
    bought = quotes.ask[call] - quotes.bid[put]
    slack = quotes.slack[call]
    for wrong, value, bound, words in (
        (sold > most + slack, sold, most, "sold for {value:.6g}, above {bound:.6g}"),
        (bought < least - slack, bought, least, "bought for {value:.6g}, below {bound:.6g}"),
    ):
        for place in np.flatnonzero(wrong).tolist():
            sentence = "call less put can be " + words.format(value=value[place], bound=bound[place])
            found.add(int(call[place]), "parity", sentence)
            found.add(int(put[place]), "parity", sentence)


def _day(value: np.datetime64) -> str:
    stamp = pd.Timestamp(value)
    return f"{stamp.day} {stamp:%b %Y}"
