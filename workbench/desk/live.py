"""What is live on a desk: the newest quotes with their age and state, the feeds, and a day played again."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.live_state import SessionHours, feed_trouble, kind_of, quote_states
from workbench.desk.opened import OpenedDesk
from workbench.settings import DeskSettings
from workbench.store.live import FIGURE_COLUMNS, LIVE_FILE, LiveTable

if TYPE_CHECKING:
    from workbench.desk.clock import InstantLike
    from workbench.desk.replay import Replay

_FORMATS = {
    "age_seconds": ",.1f",
    "bid_size": ",.0f",
    "ask_size": ",.0f",
    "last_size": ",.0f",
    "volume": ",.0f",
}
_NEVER = "no stream has given a quote of it"
_HOURS = SessionHours()
# As a row of the live table: no figure, no time, and an origin that none has.
_NAN = float("nan")
_NO_QUOTE = (*[_NAN] * 7, -1, -1, _NAN, 0, -1)


class LiveQuestions(OpenedDesk):
    """Reads what the desk's streams write, and plays recorded days again."""

    def quotes(self, symbols: str | Sequence[str] | None = None) -> DeskFrame:
        """Return the newest quote of each symbol, with its age and whether it may be called live.

        Parameters
        ----------
        symbols : str or sequence of str, optional
            In this order; all that a stream ever gave, by name, if not given.

        Returns
        -------
        DeskFrame
            One row a symbol: `symbol`, `bid`, `ask`, `last`, `bid_size`, `ask_size`, `last_size`, `volume`
            (what the stream saw trade today), `time` of bid and ask, `age_seconds`, `state` (live, old,
            stale or closed), `reason`, `source`. A symbol that no stream has given is stale and has no
            prices.
        """
        asked = [symbols] if isinstance(symbols, str) else symbols
        return live_quotes(self._live, self.settings, time.time(), asked)

    def feeds(self) -> DeskFrame:
        """Return the feeds of the desk's streams: state, detail, how much came, waits and was refused.

        Returns
        -------
        DeskFrame
            One row a feed: `service`, `feed`, `state`, `detail`, `since`, `heard_seconds` (since the last
            word of it), `heartbeat_timeout` (its limit, in seconds), `subscribed`, `rate` (events a
            second), `events`, `queue` (not yet validated), `lake_queue` (not yet in the lake), `spilled`
            (of these on the disk), `shed` (left to a marked gap), `quarantined`, `late`, `lag` (seconds
            behind our clock), `gaps`. A feed whose process is not heard of is "silent".
        """
        return live_feeds(self._live, time.time())

    def replay(
        self,
        day: "InstantLike",
        *,
        speed: float = 1.0,
        symbols: str | Sequence[str] | None = None,
        kinds: Sequence[str] = ("quotes", "trades"),
    ) -> "Replay":
        """Play recorded ticks of a day again, through the same path as live ones.

        Parameters
        ----------
        day : date or str
            The session.
        speed : float
            1 is as it was, 60 a minute a second; 0 is as fast as it goes, and waits for the end.
        symbols : str or sequence of str, optional
            All that were recorded, if not given.
        kinds : sequence of {"quotes", "trades", "bars"}
            What to play.

        Returns
        -------
        Replay
            With `quotes()`, `feeds()`, `subscribe()`, `wait()` and `stop()`. Its quotes live in a table of
            their own and say that they are a replay; the desk's own live quotes are left alone.

        Raises
        ------
        MissingDataError
            If the lake has no such ticks of that day.
        """
        from workbench.desk.replay import Replay

        asked = [symbols] if isinstance(symbols, str) else symbols
        return Replay(self._lake, self.home, self.settings, day, speed=speed, symbols=asked, kinds=kinds)

    def close(self) -> None:
        """Release the desk's files."""
        self._live.close()
        super().close()

    @cached_property
    def _live(self) -> LiveTable:
        return LiveTable(self.home / LIVE_FILE)


def live_quotes(
    table: LiveTable, settings: DeskSettings, now: float, symbols: Sequence[str] | None = None
) -> DeskFrame:
    """Return the quotes of a live table as of `now` (seconds since 1970); see `LiveQuestions.quotes`."""
    names, shown, origins = table.shown_quotes(symbols)
    feeds = {(feed["service"], feed["feed"]): feed for feed in table.feeds()}
    if symbols is not None and len(names) < len(symbols):
        places = {name: place for place, name in enumerate(names)}
        shown = np.concatenate([shown, np.array([_NO_QUOTE], dtype=shown.dtype)])
        shown = shown[[places.get(symbol, -1) for symbol in symbols]]
        names = list(symbols)
    numbers: list[int] = shown["origin"].tolist()
    stamps = np.where(shown["time"] < 0, 0, shown["time"])
    # A handful of origins, whatever the number of quotes: each is looked at once.
    known = {number: feeds.get(origins[number][:2]) if number in origins else None for number in set(numbers)}
    troubles = {number: _NEVER if number < 0 else feed_trouble(feed, now) for number, feed in known.items()}
    in_session = {number: _in_session(feed, settings, now) for number, feed in known.items()}
    sources = {number: origins[number][2] if number in origins else "" for number in known}
    stream = settings.stream
    states = quote_states(
        stamps,
        [kind_of(name) for name in names],
        [troubles[number] for number in numbers],
        np.array([in_session[number] for number in numbers], dtype=bool),
        now,
        stale_after=stream.stale_after.model_dump(),
        old_after=stream.old_after,
    )
    times = stamps.view("M8[ns]").astype("M8[us]")
    times[stamps == 0] = np.datetime64("NaT")
    reasons = states.reason
    for place in np.flatnonzero(shown["crossed"] > 0).tolist():
        reasons[place] = "; ".join(filter(None, [reasons[place], "bid above ask"]))
    frame = pd.DataFrame(
        {
            "symbol": np.array(names, dtype=object),
            **{name: shown[name].copy() for name in FIGURE_COLUMNS},
            "time": pd.DatetimeIndex(times).tz_localize("UTC"),
            "age_seconds": states.age,
            "state": states.state,
            "reason": reasons,
            "source": np.array([sources[number] for number in numbers], dtype=object),
        }
    )
    return desk_frame(frame, title=_title(feeds), note=_note(settings, states.state), formats=_FORMATS)


def live_feeds(table: LiveTable, now: float) -> DeskFrame:
    """Return the feeds of a live table as of `now` (seconds since 1970); see `LiveQuestions.feeds`."""
    rows = []
    for feed in table.feeds():
        trouble = feed_trouble(feed, now)
        is_dead = trouble is not None and feed["state"] == "live"
        heard = max(feed["last_message"] or 0.0, feed["last_heartbeat"] or 0.0)
        rows.append(
            {
                "service": feed["service"],
                "feed": feed["feed"],
                "state": "silent" if is_dead else feed["state"],
                "detail": trouble if is_dead else feed["detail"] or "",
                "since": pd.Timestamp(feed["since"] or 0.0, unit="s", tz="UTC").floor("us"),
                "heard_seconds": max(now - heard, 0.0) if heard else float("nan"),
                **{name: float(feed[name] or 0.0) for name in ("heartbeat_timeout", "rate")},
                **{
                    name: int(feed[name] or 0)
                    for name in ("subscribed", "events", "queue", "lake_queue", "spilled", "shed")
                },
                **{name: int(feed[name] or 0) for name in ("quarantined", "late", "gaps")},
                "lag": float("nan") if feed["lag"] is None else float(feed["lag"]),
            }
        )
    frame = pd.DataFrame(rows, columns=_FEED_COLUMNS)
    formats = {"rate": ",.0f", "heartbeat_timeout": ",.0f", "heard_seconds": ",.1f", "lag": ",.3f"}
    return desk_frame(frame, title="Feeds", formats=formats)


_FEED_COLUMNS = (
    "service", "feed", "state", "detail", "since", "heard_seconds", "heartbeat_timeout", "subscribed", "rate",
    "events", "queue", "lake_queue", "spilled", "shed", "quarantined", "late", "lag", "gaps",
)  # fmt: skip


def _in_session(feed: Mapping[str, Any] | None, settings: DeskSettings, now: float) -> bool:
    calendar = (feed or {}).get("calendar") or settings.market.calendar
    return _HOURS.is_open(calendar, now)


def _title(feeds: Mapping[Any, Mapping[str, Any]]) -> str:
    return "Replayed quotes" if any(feed["replay"] for feed in feeds.values()) else "Latest quotes"


def _note(settings: DeskSettings, states: Any) -> str:
    limits = settings.stream.stale_after
    counts = Counter(states.tolist())
    told = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no stream has given any yet"
    return (
        f"{told}; stale after {limits.share:g} s (share), {limits.index:g} s (index), "
        f"{limits.option:g} s (option)"
    )
