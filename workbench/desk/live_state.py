"""Whether a quote may be called live: told by its age, its feed's state and its market's hours alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.market.calendars import exchange_zone, is_session, session_close, session_open
from workbench.market.instruments import exercise_of_root, is_option_symbol

QuoteKind = Literal["share", "index", "option"]
KINDS: tuple[QuoteKind, ...] = ("share", "index", "option")
LIVE, OLD, STALE, CLOSED = "live", "old", "stale", "closed"
BEAT_LIMIT = 1.0
"""Seconds without a word from the stream's own process after which its quotes are stale."""
STATE_WORDS = {
    "connecting": "is connecting",
    "closed": "lost its connection",
    "silent": "has gone silent",
    "needs_login": "needs a login",
    "not_connected": "is not connected",
    "rate_limited": "asks for fewer calls",
    "unreachable": "cannot be reached",
    "refused": "refused",
    "bad_answer": "answered what its protocol does not know",
    "stopped": "was stopped",
    "replay_ended": "has been replayed to its end",
}


@dataclass(frozen=True, slots=True)
class QuoteStates:
    """Age in seconds, state and reason of each quote; an age that nobody can tell is NaN."""

    age: npt.NDArray[np.float64]
    state: npt.NDArray[np.object_]
    reason: npt.NDArray[np.object_]


@lru_cache(maxsize=100_000)
def kind_of(symbol: str) -> QuoteKind:
    """Return what a symbol is, for its limit of age.

    Examples
    --------
    >>> kind_of("AAPL"), kind_of("SPX"), kind_of("SPY   260116C00500000")
    ('share', 'index', 'option')
    """
    if is_option_symbol(symbol):
        return "option"
    # Roots that are exercised as Europeans are names of indices.
    return "index" if exercise_of_root(symbol) == "european" else "share"


def feed_trouble(feed: Mapping[str, Any] | None, now: float) -> str | None:
    """Say why a feed's quotes cannot be live, or None when they can.

    Parameters
    ----------
    feed : mapping or None
        A feed's row of the live table; None where nobody knows the feed any more.
    now : float
        Seconds since 1970.
    """
    if feed is None:
        return "no stream gives it any more"
    silent = now - (feed["beat"] or 0.0)
    if silent > BEAT_LIMIT and feed["state"] != "stopped":
        return f"the stream's process has not been heard for {_seconds(silent)}"
    if feed["state"] != LIVE:
        words = STATE_WORDS.get(feed["state"], feed["state"])
        detail = f": {feed['detail']}" if feed["detail"] else ""
        return f"{feed['feed']} {words}{detail}"
    heard = max(feed["last_message"] or 0.0, feed["last_heartbeat"] or 0.0)
    limit = feed["heartbeat_timeout"] or float("inf")
    if now - heard > limit:
        return f"{feed['feed']} sent no heartbeat for {_seconds(now - heard)}; its limit is {limit:g} s"
    return None


def quote_states(
    times: npt.ArrayLike,
    kinds: Sequence[QuoteKind],
    troubles: Sequence[str | None],
    is_open: npt.ArrayLike,
    now: float,
    *,
    stale_after: Mapping[str, float],
    old_after: float,
) -> QuoteStates:
    """Return age, state and reason of quotes.

    A quote is "stale" when its feed is in trouble, whatever the hour; else "closed" while its market is; else
    "stale" when its age is past the limit of its kind; else "old" when nothing came for a while on a feed
    that is well; else "live".

    Parameters
    ----------
    times : array_like of int
        Nanoseconds since 1970 of each quote; 0 where it has none.
    kinds : sequence of {"share", "index", "option"}
        What each quote is of.
    troubles : sequence of str or None
        Of each quote's feed, from `feed_trouble`.
    is_open : array_like of bool
        Whether each quote's market is in session.
    now : float
        Seconds since 1970.
    stale_after : mapping
        Seconds by kind.
    old_after : float
        Seconds.

    Returns
    -------
    QuoteStates
        Arrays of the length of `times`.
    """
    stamps = np.asarray(times, dtype=np.int64)
    # A clock that is a little behind the exchange's makes no quote younger than new.
    age = np.maximum((int(now * 1e9) - stamps) / 1e9, 0.0)
    age[stamps == 0] = np.nan
    limits = np.array([stale_after[kind] for kind in kinds], dtype=np.float64)
    opened = np.broadcast_to(np.asarray(is_open, dtype=bool), stamps.shape)
    in_trouble = np.array([trouble is not None for trouble in troubles], dtype=bool)
    aged = ~(age <= limits)  # an age that nobody can tell is past every limit
    state = np.full(stamps.shape, LIVE, dtype=object)
    reason = np.full(stamps.shape, "", dtype=object)
    quiet = age > old_after
    state[quiet] = OLD
    reason[quiet] = "nothing new on a live feed"
    for place in np.flatnonzero(aged).tolist():
        state[place] = STALE
        limit = stale_after[kinds[place]]
        reason[place] = (
            f"older than {limit:g} s, the limit of a{'n' * (kinds[place][0] in 'io')} {kinds[place]}"
        )
    state[~opened] = CLOSED
    reason[~opened] = "the market is closed"
    for place in np.flatnonzero(in_trouble).tolist():
        closed = "" if opened[place] else "; the market is closed"
        state[place], reason[place] = STALE, f"{troubles[place]}{closed}"
    return QuoteStates(age, state, reason)


class SessionHours:
    """Whether a market is in session, answered from memory until its next opening or close."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float, bool]] = {}

    def is_open(self, calendar: str, now: float) -> bool:
        """Say whether an exchange is in its regular session at an instant, in seconds since 1970."""
        first, last, answer = self._known.get(calendar, (0.0, 0.0, False))
        if not first <= now < last:
            first, last, answer = _span(calendar, now)
            self._known[calendar] = first, last, answer
        return answer


def _span(calendar: str, now: float) -> tuple[float, float, bool]:
    """Return the span around an instant in which the answer stays the same, and the answer."""
    zone = exchange_zone(calendar)
    midnight = pd.Timestamp(now, unit="s", tz="UTC").tz_convert(zone).normalize()
    day = midnight.date()
    begins, ends = midnight.timestamp(), (midnight + pd.DateOffset(days=1)).timestamp()
    if not is_session(calendar, day):
        return begins, ends, False
    opens, closes = session_open(calendar, day).timestamp(), session_close(calendar, day).timestamp()
    if now < opens:
        return begins, opens, False
    return (opens, closes, True) if now < closes else (closes, ends, False)


def _seconds(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.0f} h"
