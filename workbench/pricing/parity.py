"""Forwards, rates and dividend yields that a chain implies through put-call parity."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.arrays import BoolArray, FloatArray, require_finite
from workbench.errors import PricingInputError
from workbench.market.instruments import is_option_symbol
from workbench.pricing.black_scholes import black_scholes_price
from workbench.pricing.implied_volatility import implied_volatility
from workbench.pricing.parity_fit import LineFit, fit_line, weighted_median

FORWARD_COLUMNS = (
    "expiry", "years", "spot", "forward", "forward_error", "rate", "rate_error", "rate_source",
    "dividend_yield", "dividend_yield_error", "method", "pairs_used", "pairs_rejected", "rejected", "status",
)  # fmt: skip
CHAIN_COLUMNS = ("expiry", "years", "strike", "right", "bid", "ask", "exercise")

# A pair this many times as wide as the median pair of its expiry tells nothing.
_WIDE = 5.0
# American pairs farther from the money than this many standard deviations rest on early exercise.
_REACH, _REACH_FOR_RATE = 1.0, 2.0
# A rate of an expiry's own is believed to this much; a looser one gives way to the chain's.
_RATE_ERROR = 0.005
_SANE_RATE = (-0.10, 0.50)
# Rounds of taking early exercise off, ended by a step this small in standard errors.
_ROUNDS = 60
_SETTLED, _NEARLY_SETTLED = 1e-3, 0.1


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Strikes of one expiry at which call and put are both quoted."""

    expiry: pd.Timestamp
    years: float
    spot: float
    american: bool
    strike: FloatArray
    call: FloatArray
    put: FloatArray
    half_width: FloatArray
    rejected: dict[str, int]

    def select(self, keep: BoolArray, reason: str) -> "_Pairs":
        """Keep some pairs and count the others under a reason."""
        lost = int((~keep).sum())
        counts = self.rejected | ({reason: self.rejected.get(reason, 0) + lost} if lost else {})
        return replace(
            self, strike=self.strike[keep], call=self.call[keep], put=self.put[keep],
            half_width=self.half_width[keep], rejected=counts,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Carry:
    """What is known of one expiry's carry."""

    forward: float
    forward_error: float
    rate: float
    rate_error: float
    fit: LineFit
    known: BoolArray
    settled: bool = True


def implied_forwards(chain: pd.DataFrame, *, rate: Any = None) -> pd.DataFrame:
    """Find the forward of each expiry, and the rate and dividend yield that go with it, from put-call parity.

    Parameters
    ----------
    chain : DataFrame, one row a quote, of one underlying at one instant
        expiry, years, strike, right (C, P), bid, ask (missing where there is none), exercise (american,
        european), and spot or underlying_price. With `symbol`, only the root with the most quotes of an
        expiry is used.
    rate : float, or Series by expiry, optional
        Continuously compounded per year. Without it the rate is solved too: an expiry's own where its
        standard error is below 0.5 % and it is not at odds with the others, else the chain's (the median of
        those known so well, by their errors).

    Returns
    -------
    DataFrame, one row an expiry, ascending
        expiry; years; spot; forward; forward_error (one standard error, from the bid-ask widths and the
        scatter between strikes; the spot's own error is not in it); rate; rate_error; rate_source (``given``,
        ``own``, ``chain``); dividend_yield (rate - log(forward / spot) / years: what carries the spot to the
        forward, cash dividends and the cost of borrowing shares among it); dividend_yield_error; method
        (``parity``, ``american``); pairs_used, pairs_rejected; rejected (counts by reason); status (``ok``,
        or a sentence on why there is no forward; its figures are then missing).

    Raises
    ------
    PricingInputError
        If a column is missing, or the chain holds several spots.

    Notes
    -----
    European options: C - P = discount x (forward - K) at every strike, so a line through C - P against K has
    the slope - discount and crosses zero at the forward. Each strike weighs by its bid-ask width, and quotes
    that are stale or mistaken are set aside by a robust fit (`fit_line`).

    American options keep this equation only as an inequality. The worth of early exercise, at the carry and
    the volatilities found so far, is therefore taken off each mid and the line fitted again, until both stay:
    there, the call and the put of a strike imply one volatility as American options. Pairs
    farther than one standard deviation from the money (two where the rate is sought) are left out, since
    early exercise dominates them. Cash dividends enter as the yield that gives the same forward.

    References
    ----------
    Stoll (1969), The Relationship between Put and Call Option Prices, J. Finance 24(5); Burkovska, Gass,
    Glau, Mahlstedt, Schoutens and Wohlmuth (2018), Calibration to American options: numerical investigation
    of the de-Americanization method, Quantitative Finance 18(7).
    """
    frame = _checked(chain)
    given = _given_rates(rate, frame["expiry"].drop_duplicates().sort_values())
    rows, found = [], []
    for expiry in np.unique(frame["expiry"].to_numpy()):
        day = pd.Timestamp(expiry)
        pairs = _pairs(day, frame[frame["expiry"] == expiry], rate is None)
        carry, why = _solve(pairs, given.get(day, np.nan), rate is not None)
        rows.append((pairs, why))
        found.append(carry)
    sources = ["given" if rate is not None else "own"] * len(rows)
    if rate is None:
        common, common_error = _common_rate(found)
        for place, ((pairs, why), carry) in enumerate(zip(rows, found, strict=True)):
            if why == "" and carry is not None and not _is_believed(carry, common, common_error):
                sources[place] = "chain"
                if np.isnan(common):
                    rows[place] = (pairs, _NO_RATE.format(error=_shown_error(carry.rate_error)))
                    found[place] = None
                    continue
                again, reason = _solve(pairs, common, True)
                found[place] = None if again is None else replace(again, rate_error=common_error)
                rows[place] = (pairs, reason)
    table = [
        _row(pairs, carry, why, source)
        for (pairs, why), carry, source in zip(rows, found, sources, strict=True)
    ]
    return pd.DataFrame(table, columns=list(FORWARD_COLUMNS))


_NO_RATE = "the quotes tell the rate only to within {error}; give `rate`"


def _shown_error(error: float) -> str:
    return f"{error:.1%}" if np.isfinite(error) and error < 10 else "no useful bound"


def _checked(chain: pd.DataFrame) -> pd.DataFrame:
    absent = [name for name in CHAIN_COLUMNS if name not in chain.columns]
    if absent:
        raise PricingInputError(
            f"The chain has no column `{'`, `'.join(absent)}`; give {', '.join(CHAIN_COLUMNS)}."
        )
    name = next((name for name in ("spot", "underlying_price") if name in chain.columns), None)
    if name is None:
        raise PricingInputError("The chain has no column `spot` or `underlying_price`; give one of them.")
    spots = chain[name].dropna().unique()
    if len(spots) != 1:
        raise PricingInputError(
            f"The chain has {len(spots)} values of `{name}`; give the quotes of one underlying at one "
            "instant."
        )
    numbers = require_finite(years=chain["years"], strike=chain["strike"], bid=chain["bid"], ask=chain["ask"])
    frame = pd.DataFrame(dict(zip(("years", "strike", "bid", "ask"), numbers, strict=True)))
    frame["expiry"] = pd.to_datetime(chain["expiry"]).to_numpy()
    frame["right"] = chain["right"].to_numpy()
    frame["american"] = chain["exercise"].eq("american").to_numpy()
    frame["spot"] = float(spots[0])
    frame["root"] = ""
    if "symbol" in chain.columns:
        symbol = chain["symbol"].astype(str)
        frame["root"] = symbol.str[:-15].str.strip().where(symbol.map(is_option_symbol), "").to_numpy()
    return frame[frame["expiry"].notna() & (frame["strike"] > 0)]


def _given_rates(rate: Any, expiries: "pd.Series[Any]") -> dict[pd.Timestamp, float]:
    if rate is None:
        return {}
    if isinstance(rate, pd.Series):
        days = pd.DatetimeIndex(pd.to_datetime(rate.index))
        known = dict(zip(days, require_finite(rate=rate)[0].tolist(), strict=True))
        absent = [day for day in map(pd.Timestamp, expiries) if np.isnan(known.get(day, np.nan))]
        if absent:
            raise PricingInputError(
                f"`rate` has no value for expiry {absent[0]:%Y-%m-%d}; give one for each."
            )
        return known
    number = require_finite(rate=rate)[0]
    if number.ndim or np.isnan(number):
        raise PricingInputError(f"`rate` is {rate!r}; give one number, or a Series by expiry.")
    return dict.fromkeys(map(pd.Timestamp, expiries), float(number))


def _pairs(expiry: pd.Timestamp, quotes: pd.DataFrame, seeks_rate: bool) -> _Pairs:
    """Match calls and puts of one expiry, and set aside what cannot be used, by reason."""
    counts: dict[str, int] = {}
    root = quotes["root"].to_numpy(dtype=object)
    names, place = np.unique(root.astype(str), return_inverse=True)
    if len(names) > 1:
        two_sided = ((quotes["bid"] > 0) & (quotes["ask"] > 0)).to_numpy(dtype=np.float64)
        others = place != np.argmax(np.bincount(place, two_sided))
        counts["of another root"] = len(np.unique(quotes["strike"].to_numpy()[others]))
        quotes = quotes[~others]
    strikes = np.unique(quotes["strike"].to_numpy(dtype=np.float64))
    bid, ask = np.full((2, len(strikes)), np.nan), np.full((2, len(strikes)), np.nan)
    listed: BoolArray = np.ones(len(strikes), np.bool_)
    for side, right in enumerate("CP"):
        part = quotes[quotes["right"] == right]
        at = np.searchsorted(strikes, part["strike"].to_numpy(dtype=np.float64))
        bid[side, at], ask[side, at] = part["bid"], part["ask"]
        listed = listed & np.isin(np.arange(len(strikes)), at)
    (bid_call, bid_put), (ask_call, ask_put) = bid, ask
    pairs = _Pairs(
        expiry=expiry,
        years=float(np.median(quotes["years"].to_numpy())),
        spot=float(quotes["spot"].iloc[0]),
        american=bool(quotes["american"].any()),
        strike=strikes,
        call=(bid_call + ask_call) / 2,
        put=(bid_put + ask_put) / 2,
        half_width=(ask_call - bid_call + ask_put - bid_put) / 2,
        rejected=counts,
    )
    reasons = {
        "call or put not listed": ~listed,
        "no ask": ~((ask_call > 0) & (ask_put > 0)),
        "no bid": ~((bid_call > 0) & (bid_put > 0)),
        "crossed": (bid_call > ask_call) | (bid_put > ask_put),
    }
    left = np.ones(len(strikes), np.bool_)
    for reason, wrong in reasons.items():
        pairs = pairs.select(~wrong[left], reason)
        left &= ~wrong
    if not len(pairs.strike):
        return pairs
    # A locked quote is no surer than the tick that it is rounded to.
    floor = 1e-5 * pairs.spot
    pairs = replace(pairs, half_width=np.maximum(pairs.half_width, floor))
    pairs = pairs.select(pairs.half_width <= _WIDE * np.median(pairs.half_width), "wide")
    if pairs.american:
        near = int(np.argmin(np.abs(pairs.call - pairs.put)))
        # A straddle at the money costs about 0.8 standard deviations.
        deviation = (pairs.call[near] + pairs.put[near]) / (0.8 * pairs.strike[near])
        reach = (_REACH_FOR_RATE if seeks_rate else _REACH) * deviation
        close = np.abs(np.log(pairs.strike / pairs.strike[near])) <= reach
        close[near] = True
        pairs = pairs.select(close, "far from the money")
        # An option all but exercised has no volatility, and with it no early exercise to take off.
        exercised = np.abs(pairs.spot - pairs.strike)
        alive = np.maximum(pairs.call, pairs.put) - exercised > pairs.half_width / 2
        pairs = pairs.select(alive, "without time value")
    return pairs


def _solve(pairs: _Pairs, rate: float, has_rate: bool) -> tuple[_Carry | None, str]:
    """Return the carry of one expiry, or why there is none."""
    needed = 1 if has_rate else 3
    if not pairs.years > 0:
        return None, "no time is left"
    if len(pairs.strike) < needed:
        some = "no strike has" if not len(pairs.strike) else f"only {len(pairs.strike)} strikes have"
        return None, f"{some} a call and a put with usable quotes, and {needed} are needed"
    carry = _line(pairs, pairs.call - pairs.put, rate, has_rate)
    if pairs.american and carry is not None:
        carry = _without_early_exercise(pairs, carry, rate, has_rate)
    if carry is None:
        return None, "no forward above zero fits the quotes"
    if not carry.settled:
        return None, "the carry at which calls and puts imply one volatility was not found"
    low, high = _SANE_RATE
    if not low <= carry.rate <= high and has_rate:
        return None, f"`rate` is {carry.rate:.1%}; no parity is sought with such a rate"
    return carry, ""


def _line(pairs: _Pairs, difference: FloatArray, rate: float, has_rate: bool) -> _Carry | None:
    """Fit the parity line to call minus put."""
    slope = -float(np.exp(-rate * pairs.years)) if has_rate else None
    fit = fit_line(pairs.strike, difference, pairs.half_width, slope)
    discount = -fit.slope
    if not discount > 0:
        return None
    forward = fit.centre + fit.level / discount
    if not 0 < forward < np.inf:
        return None
    lean = (forward - fit.centre) / discount * fit.slope_error
    return _Carry(
        forward=forward,
        forward_error=float(np.hypot(fit.level_error / discount, lean)),
        rate=rate if has_rate else -float(np.log(discount)) / pairs.years,
        rate_error=0.0 if has_rate else fit.slope_error / (discount * pairs.years),
        fit=fit,
        known=np.ones(len(difference), np.bool_),
    )


def _without_early_exercise(pairs: _Pairs, start: _Carry, rate: float, has_rate: bool) -> _Carry | None:
    """Repeat: American mids to European prices under the carry so far, then the line, until both agree."""
    from workbench.pricing.american import american_price

    carry = start
    sides = ((pairs.call, True), (pairs.put, False))
    european = [pairs.call, pairs.put]
    for _ in range(_ROUNDS):
        # A rate that the quotes hardly tell must not drive early exercise while it is sought.
        used_rate = float(np.clip(carry.rate, *_SANE_RATE))
        dividend_yield = used_rate - np.log(carry.forward / pairs.spot) / pairs.years
        at = (pairs.spot, pairs.strike, pairs.years)
        for side, (price, is_call) in enumerate(sides):
            terms: dict[str, Any] = {
                "rate": used_rate, "dividend_yield": dividend_yield, "is_call": is_call,
            }  # fmt: skip
            volatility = implied_volatility(european[side], *at, **terms).volatility
            plain = black_scholes_price(*at, volatility, **terms)
            early = np.maximum(american_price(*at, volatility, **terms) - plain, 0.0)
            european[side] = price - early
        difference = european[0] - european[1]
        known = ~np.isnan(difference)
        if known.sum() < (1 if has_rate else 3):
            return None
        part = pairs.select(known, "no time value")
        following = _line(part, difference[known], rate, has_rate)
        if following is None:
            return None
        used = np.zeros(len(known), np.bool_)
        used[known] = following.fit.used
        following = replace(following, fit=replace(following.fit, used=used), known=known)
        # Steps in units of what the quotes leave open anyway.
        moved = abs(following.forward - carry.forward) / following.forward_error
        if not has_rate:
            moved = max(moved, abs(following.rate - carry.rate) / following.rate_error)
        carry = following
        if moved < _SETTLED:
            return carry
    return replace(carry, settled=bool(moved < _NEARLY_SETTLED))


def _is_known(carry: _Carry) -> bool:
    low, high = _SANE_RATE
    return carry.rate_error <= _RATE_ERROR and low <= carry.rate <= high


def _is_believed(carry: _Carry, common: float, common_error: float) -> bool:
    """Whether an expiry's own rate is well known and not at odds with the chain's."""
    reach = 3 * float(np.hypot(carry.rate_error, common_error)) + _RATE_ERROR
    return _is_known(carry) and abs(carry.rate - common) <= reach


def _common_rate(found: list[_Carry | None]) -> tuple[float, float]:
    """Return the weighted median of the rates that are well known, and its error; NaN where there is none."""
    known = [carry for carry in found if carry is not None and _is_known(carry)]
    if not known:
        return np.nan, np.nan
    rates = np.array([carry.rate for carry in known])
    weights = 1 / np.maximum([carry.rate_error for carry in known], 1e-6) ** 2
    common = weighted_median(rates, weights)
    # What the rates differ by tells more of the error than what each says of itself.
    scatter = 1.2533 * weighted_median(np.abs(rates - common), weights)
    return common, max(float(1 / np.sqrt(weights.sum())), scatter)


def _row(pairs: _Pairs, carry: _Carry | None, why: str, source: str) -> dict[str, Any]:
    """Write one expiry's row."""
    counts = dict(pairs.rejected)
    total = len(pairs.strike) + sum(counts.values())
    used = 0
    figures = dict.fromkeys(
        ("forward", "forward_error", "rate", "rate_error", "dividend_yield", "dividend_yield_error"), np.nan
    )
    if carry is not None:
        used = int(carry.fit.used.sum())
        late = int((~carry.known).sum())
        for reason, lost in (
            ("without time value", late), ("off the line", len(pairs.strike) - used - late),
        ):  # fmt: skip
            if lost:
                counts[reason] = counts.get(reason, 0) + lost
        relative = carry.forward_error / (carry.forward * pairs.years)
        figures = {
            "forward": carry.forward,
            "forward_error": carry.forward_error,
            "rate": carry.rate,
            "rate_error": carry.rate_error,
            "dividend_yield": carry.rate - float(np.log(carry.forward / pairs.spot)) / pairs.years,
            "dividend_yield_error": float(np.hypot(relative, carry.rate_error)),
        }
    return {
        "expiry": pairs.expiry,
        "years": pairs.years,
        "spot": pairs.spot,
        **figures,
        "rate_source": source if carry is not None else "",
        "method": "american" if pairs.american else "parity",
        "pairs_used": used,
        "pairs_rejected": total - used,
        "rejected": ", ".join(f"{count} {reason}" for reason, count in counts.items()),
        "status": why or "ok",
    }
