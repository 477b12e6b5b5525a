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
from workbench.pricing.parity_fit import LineFit, fit_line

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
_ROUNDS = 25
_SETTLED = 1e-10


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
        standard error is below 0.5 %, else the chain's (the mean of the own ones by their errors).

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

    American options keep this equation only as an inequality. Each mid is therefore turned into the European
    price at the volatility that it implies as an American option under the carry found so far, and the line
    fitted again, until the carry stays: there, the call and the put of a strike imply one volatility. Pairs
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
            if why == "" and carry is not None and not _is_believed(carry):
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
        known = {pd.Timestamp(day): float(value) for day, value in rate.items()}
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
    two_sided = (quotes["bid"] > 0) & (quotes["ask"] > 0)
    root = two_sided.groupby(quotes["root"]).sum().idxmax()
    others = quotes["root"] != root
    if others.any():
        counts["of another root"] = int(quotes.loc[others, "strike"].nunique())
    quotes = quotes[~others].drop_duplicates(["right", "strike"], keep="last")
    calls = quotes[quotes["right"] == "C"].set_index("strike")
    puts = quotes[quotes["right"] == "P"].set_index("strike")
    both = calls.join(puts, how="outer", lsuffix="_call", rsuffix="_put").sort_index()
    columns = ("bid_call", "ask_call", "bid_put", "ask_put")
    bid_call, ask_call, bid_put, ask_put = (both[name].to_numpy(dtype=np.float64) for name in columns)
    listed = both["years_call"].notna().to_numpy() & both["years_put"].notna().to_numpy()
    pairs = _Pairs(
        expiry=expiry,
        years=float(quotes["years"].median()),
        spot=float(quotes["spot"].iloc[0]),
        american=bool(quotes["american"].any()),
        strike=both.index.to_numpy(dtype=np.float64),
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
    left = np.ones(len(both), np.bool_)
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
    carry = start
    for _ in range(_ROUNDS):
        # A rate that the quotes hardly tell must not drive early exercise while it is sought.
        used_rate = float(np.clip(carry.rate, *_SANE_RATE))
        dividend_yield = used_rate - np.log(carry.forward / pairs.spot) / pairs.years
        terms = {"rate": used_rate, "dividend_yield": dividend_yield}
        at = (pairs.spot, pairs.strike, pairs.years)
        european = []
        for price, is_call in ((pairs.call, True), (pairs.put, False)):
            volatility = _american_volatility(price, *at, **terms, is_call=is_call)
            european.append(black_scholes_price(*at, volatility, **terms, is_call=is_call))
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
        moved = abs(following.forward - carry.forward) / pairs.spot
        moved += abs(following.rate - carry.rate) * pairs.years
        carry = following
        if moved < _SETTLED:
            return carry
    # The last bits may flicker between two sets of quotes; a forward known this well is settled all the same.
    return replace(carry, settled=bool(moved * pairs.spot <= 0.1 * carry.forward_error))


def _american_volatility(
    price: FloatArray, spot: float, strike: FloatArray, years: float, **terms: Any
) -> FloatArray:
    try:
        return np.asarray(
            implied_volatility(price, spot, strike, years, **terms, model="american").volatility
        )
    except (TypeError, ImportError, PricingInputError):  # F-TEMP
        return np.asarray(implied_volatility(price, spot, strike, years, **terms).volatility)


def _is_believed(carry: _Carry) -> bool:
    low, high = _SANE_RATE
    return carry.rate_error <= _RATE_ERROR and low <= carry.rate <= high


def _common_rate(found: list[_Carry | None]) -> tuple[float, float]:
    """Mean of the rates that are well known, by their errors; NaN where there is none."""
    known = [carry for carry in found if carry is not None and _is_believed(carry)]
    if not known:
        return np.nan, np.nan
    rates = np.array([carry.rate for carry in known])
    weights = 1 / np.maximum([carry.rate_error for carry in known], 1e-6) ** 2
    mean = float(weights @ rates / weights.sum())
    scatter = float(np.sqrt(weights @ (rates - mean) ** 2 / weights.sum()))
    return mean, max(float(1 / np.sqrt(weights.sum())), scatter)


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
        lost = {"without time value": int((~carry.known).sum())}
        lost["off the line"] = len(pairs.strike) - used - lost["without time value"]
        counts |= {reason: count for reason, count in lost.items() if count}
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
