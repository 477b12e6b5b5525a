"""The method of the Cboe Volatility Index on quotes of any underlying."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.arrays import (
    BoolArray,
    FloatArray,
    require_finite,
    require_non_negative,
    require_positive,
    to_floats,
)
from workbench.errors import PricingInputError

MINUTES_A_DAY = 1440
MINUTES_A_YEAR = 525_600


@dataclass(frozen=True, slots=True)
class VixTerm:
    """The variance of one expiry by the VIX method.

    Attributes
    ----------
    minutes, rate : float
        Time to settlement, and the continuously compounded rate to it.
    forward, first_strike : float
        Forward by put-call parity, and the strike at or below it (K0).
    variance : float
        Per year.
    contributions : DataFrame
        One row a strike used: ``strike``, ``side`` ("put", "call", or "both" at K0), ``mid``, ``step`` (delta
        K), ``contribution`` (step / strike^2 exp(rate years) mid).
    """

    minutes: float
    rate: float
    forward: float
    first_strike: float
    variance: float
    contributions: pd.DataFrame


@dataclass(frozen=True, slots=True)
class VixIndex:
    """Volatility over a constant time by the VIX method.

    Attributes
    ----------
    index : float
        In points: 20 is 20 % a year.
    volatility : float
        The same as a fraction per square-root year.
    near, next : VixTerm
        The expiries on either side of the constant time; the same one if it falls on an expiry.
    near_weight : float
        Share of the near term's total variance; the next one's is the rest.
    """

    index: float
    volatility: float
    near: VixTerm
    next: VixTerm
    near_weight: float


def vix_term(quotes: pd.DataFrame, *, minutes: float, rate: float = 0.0) -> VixTerm:
    """Compute the variance of one expiry by the method of the Cboe Volatility Index.

    Parameters
    ----------
    quotes : DataFrame
        One row a quote of one expiry: ``strike``, ``right`` ("C" or "P"), ``bid``, ``ask``. A missing bid is
        no bid; a quote without ask, or with its bid above its ask, is no quote.
    minutes : float
        To settlement.
    rate : float
        Continuously compounded to settlement, per year.

    Returns
    -------
    VixTerm
        variance = 2 / T sum(delta K / K^2 exp(R T) Q(K)) - (F / K0 - 1)^2 / T, with F from the strike at
        which call and put differ least, K0 the strike at or below F, puts below and calls above it, both at
        it. Quotes without bid are left out, and beyond two of them in a row nothing is used. Delta K is half
        the distance of the neighbours used, at the ends the distance to the one neighbour.

    Raises
    ------
    PricingInputError
        If a column is missing, a strike stands twice, or the quotes do not reach to both sides of the
        forward.

    References
    ----------
    Cboe (2009), The CBOE Volatility Index - VIX, white paper; Cboe, Volatility Index Methodology, version 6.
    """
    (given,), (compounded,) = (np.atleast_1d(a) for a in require_finite(minutes=minutes, rate=rate))
    if not given > 0 or np.isnan(compounded):
        raise PricingInputError(
            f"`minutes` is {minutes} and `rate` {rate}; give a time to settlement above zero and a rate."
        )
    strikes, call_bids, calls, put_bids, puts = _ladder(quotes)
    years = float(given) / MINUTES_A_YEAR
    growth = np.exp(float(compounded) * years)
    gap = np.where((call_bids > 0) & (put_bids > 0), calls - puts, np.nan)
    if np.isnan(gap).all():
        raise PricingInputError("No strike has a call and a put with bids; the forward cannot be told.")
    nearest = int(np.nanargmin(np.abs(gap)))
    forward = float(strikes[nearest] + growth * gap[nearest])
    at = np.flatnonzero((strikes <= forward) & ~np.isnan(calls) & ~np.isnan(puts))
    if not len(at):
        raise PricingInputError(
            f"The forward is {forward:.12g}, the lowest strike {strikes[0]:.12g}; give strikes below it."
        )
    first = int(at[-1])
    low = first - 1 - _walk(put_bids[:first][::-1], puts[:first][::-1])[::-1]
    high = first + 1 + _walk(call_bids[first + 1 :], calls[first + 1 :])
    if not len(low) or not len(high):
        raise PricingInputError(
            f"No {'call above' if len(low) else 'put below'} {strikes[first]:.12g} has a bid; "
            "give quotes on both sides of the forward."
        )
    strike = strikes[np.r_[low, first, high]]
    mid = np.r_[puts[low], (puts[first] + calls[first]) / 2, calls[high]]
    step = np.r_[strike[1] - strike[0], (strike[2:] - strike[:-2]) / 2, strike[-1] - strike[-2]]
    contribution = step / strike**2 * growth * mid
    variance = 2 / years * contribution.sum() - (forward / strikes[first] - 1) ** 2 / years
    side = ["put"] * len(low) + ["both"] + ["call"] * len(high)
    rows = pd.DataFrame(
        {"strike": strike, "side": side, "mid": mid, "step": step, "contribution": contribution}
    )
    return VixTerm(float(given), float(compounded), forward, float(strikes[first]), float(variance), rows)


def _ladder(quotes: pd.DataFrame) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return ascending strikes with bid and middle of call and put; the middle is NaN without a quote."""
    absent = [name for name in ("strike", "right", "bid", "ask") if name not in quotes]
    if absent:
        raise PricingInputError(f"The quotes have no column `{absent[0]}`; give strike, right, bid and ask.")
    right = quotes["right"].astype("str").to_numpy()
    (strike,) = require_positive(strike=quotes["strike"].to_numpy())
    bid, ask = require_non_negative(bid=quotes["bid"].to_numpy(), ask=quotes["ask"].to_numpy())
    bid = np.nan_to_num(bid)
    listed = ~np.isnan(strike) & np.isin(right, ["C", "P"])
    strikes = np.unique(strike[listed])
    found = [strikes]
    for wanted in ("C", "P"):
        mine: BoolArray = listed & (right == wanted)
        at = np.searchsorted(strikes, strike[mine])
        if len(np.unique(at)) < len(at):
            twice = strikes[np.bincount(at).argmax()]
            raise PricingInputError(
                f"Strike {twice:.12g} has two quotes of right {wanted!r}; give each once."
            )
        quoted = (ask[mine] > 0) & (bid[mine] <= ask[mine])
        bids, mids = np.full(len(strikes), np.nan), np.full(len(strikes), np.nan)
        bids[at] = np.where(quoted, bid[mine], np.nan)
        mids[at] = np.where(quoted, (bid[mine] + ask[mine]) / 2, np.nan)
        found += [bids, mids]
    return found[0], found[1], found[2], found[3], found[4]


def _walk(bids: FloatArray, mids: FloatArray) -> Any:
    """Return positions with a bid, from the forward outward, up to the second quote in a row without one."""
    quoted = np.flatnonzero(~np.isnan(mids))
    silent = bids[quoted] == 0
    ends = np.flatnonzero(silent[1:] & silent[:-1])
    reached = quoted[: ends[0]] if len(ends) else quoted
    return reached[bids[reached] > 0]


def vix_index(
    chain: pd.DataFrame, *, days: float = 30, shortest: float | None = 23, longest: float | None = 37
) -> VixIndex:
    """Compute volatility over a constant time by the method of the Cboe Volatility Index.

    Parameters
    ----------
    chain : DataFrame
        Quotes of the expiries: ``minutes`` to settlement (or ``years``, of 525,600 minutes), ``strike``,
        ``right``, ``bid``, ``ask``, and ``rate`` (zero without it).
    days : float
        The constant time.
    shortest, longest : float, optional
        Only expiries with more than `shortest` and less than `longest` days are used, as the index does; None
        opens that side.

    Returns
    -------
    VixIndex
        Total variance is interpolated in minutes between the last expiry up to `days` and the first beyond:
        index = 100 sqrt((T1 v1 (N2 - N) / (N2 - N1) + T2 v2 (N - N1) / (N2 - N1)) 525600 / N).

    Raises
    ------
    PricingInputError
        If no two expiries enclose `days`, an expiry has two rates, or one of them has no variance.

    References
    ----------
    Cboe (2009), The CBOE Volatility Index - VIX, white paper; Cboe, Volatility Index Methodology, version 6.
    """
    (target,) = require_positive(days=days)
    wanted = float(target) * MINUTES_A_DAY
    if "minutes" in chain:
        minutes = to_floats("minutes", chain["minutes"].to_numpy())
    elif "years" in chain:
        minutes = to_floats("years", chain["years"].to_numpy()) * MINUTES_A_YEAR
    else:
        raise PricingInputError("The chain has no column `minutes` or `years`; give the time to settlement.")
    low = -np.inf if shortest is None else shortest * MINUTES_A_DAY
    high = np.inf if longest is None else longest * MINUTES_A_DAY
    times = np.unique(minutes[(minutes > max(low, 0.0)) & (minutes < high)])
    before, after = times[times <= wanted], times[times > wanted]
    exact = bool(len(before)) and before[-1] == wanted
    if not len(before) or not (len(after) or exact):
        there = ", ".join(f"{t / MINUTES_A_DAY:.4g}" for t in np.unique(minutes[minutes > 0])) or "none"
        span = f"more than {shortest} and less than {longest}" if shortest or longest else "any number of"
        raise PricingInputError(
            f"No two expiries with {span} days enclose {float(target):g} days (days there: {there}); "
            "give others, or open `shortest` and `longest`."
        )
    near = _term_at(chain, minutes, before[-1])
    if exact:
        return VixIndex(100 * float(np.sqrt(near.variance)), float(np.sqrt(near.variance)), near, near, 1.0)
    far = _term_at(chain, minutes, after[0])
    weight = (far.minutes - wanted) / (far.minutes - near.minutes)
    total = near.minutes * near.variance * weight + far.minutes * far.variance * (1 - weight)
    volatility = float(np.sqrt(total / wanted))
    return VixIndex(100 * volatility, volatility, near, far, float(weight))


def _term_at(chain: pd.DataFrame, minutes: FloatArray, time: float) -> VixTerm:
    quotes = chain[minutes == time]
    rates: Any = np.unique(to_floats("rate", quotes["rate"].to_numpy())) if "rate" in quotes else np.zeros(1)
    if len(rates) > 1:
        raise PricingInputError(
            f"The expiry in {time / MINUTES_A_DAY:.4g} days has rates {rates[0]:g} and {rates[1]:g}; "
            "give one rate."
        )
    term = vix_term(quotes, minutes=float(time), rate=float(rates[0]))
    if not term.variance > 0:
        raise PricingInputError(
            f"The expiry in {time / MINUTES_A_DAY:.4g} days has variance {term.variance:g}; "
            "check its strikes and prices, they are not those of a market."
        )
    return term
