"""Bars out of the desk: raw from the lake, adjusted on the way, and nothing that its clock has not seen."""

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Literal

import pandas as pd

from workbench.desk.clock import InstantLike, parse_day, parse_instant
from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.ingest import bars_table
from workbench.desk.opened import OpenedDesk
from workbench.errors import ArgumentError, MissingDataError, UnknownSymbolError
from workbench.market.calendars import exchange_zone, session_closes
from workbench.market.corporate_actions import adjust_bars
from workbench.providers import nearest_names
from workbench.store import FrameCache

Adjust = Literal["all", "splits"] | None
_SHOWN = ["open", "high", "low", "close", "volume"]
_ACTIONS = "corporate_actions"
# No session closes later than this after the midnight, in UTC, of its date.
_LONGEST_SESSION = pd.Timedelta(days=3)


class BarQuestions(OpenedDesk):
    """Reads the bars of a desk."""

    def bars(
        self,
        symbols: str | Sequence[str],
        start: InstantLike = None,
        end: InstantLike = None,
        *,
        interval: str = "1d",
        adjust: Adjust = "all",
        known_at: InstantLike = None,
    ) -> pd.DataFrame:
        """Return bars: open, high, low, close, volume on an ascending UTC ``time``.

        The same question again is answered from memory until somebody writes bars or corporate actions,
        in any process, or until the clock makes another bar known. The frame is the caller's own.

        Parameters
        ----------
        symbols : str or sequence of str
            One symbol gives a ``time`` index, a list a (symbol, time) index.
        start, end : date or str, optional
            First and last session, both included; nothing after the desk's clock is given.
        adjust : {"all", "splits", None}
            Applied on read: splits and dividends up to the desk's clock, splits only, or raw prices.
        known_at : instant, optional
            Only what the desk knew then: corrections learned later are undone.

        Raises
        ------
        UnknownSymbolError
            If the desk has no bars of a symbol; names the nearest it has.
        """
        if adjust not in ("all", "splits", None):
            raise ArgumentError(f"`adjust` is {adjust!r}; give 'all', 'splits' or None.")
        table = bars_table(interval)
        now = self.now()
        clock = self.settings.clock.as_of
        asked = symbols if isinstance(symbols, str) else tuple(symbols)
        key = (asked, start, end, interval, adjust, known_at, clock, self.settings.market.calendar)
        if not _is_hashable(key):
            return self._read_bars(symbols, start, end, interval, adjust, known_at)[0]
        mark = self._lake.mark(table, _ACTIONS)
        kept = self._kept_bars.get(key, mark, now)
        if kept is not None:
            return kept
        bars, until = self._read_bars(symbols, start, end, interval, adjust, known_at)
        if self._lake.mark(table, _ACTIONS) != mark:  # somebody wrote meanwhile
            mark = None
        return self._kept_bars.put(key, mark, bars, since=now, until=until)

    def cache_stats(self) -> DeskFrame:
        """Return what this process keeps in memory to answer sooner, how often that helped, and for how long.

        Returns
        -------
        DeskFrame, indexed by cache
            `hits`, `misses`, `rate` (a part of all), `entries`, `bytes`, `most_bytes`; `ttl_seconds`,
            missing where an answer is kept until something happens; `kept_until`, in words.
        """
        use = self._kept_bars.use()
        rows = {
            "bars": {
                "hits": use.hits,
                "misses": use.misses,
                "rate": use.rate,
                "entries": use.entries,
                "bytes": use.bytes,
                "most_bytes": use.most_bytes,
                "ttl_seconds": float("nan"),
                "kept_until": "a write to bars or corporate actions in any process, the close of a session, "
                "or midnight at the exchange",
            },
            "files of a table": {
                **self._lake.file_lists(),
                "ttl_seconds": float("nan"),
                "kept_until": "a write to the table in any process, or its compaction",
            },
            "latest quotes": {
                "ttl_seconds": 0.0,
                "kept_until": "not kept: each question reads the live table, and each quote says its age",
            },
        }
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("cache")
        for column in ("hits", "misses", "entries", "bytes", "most_bytes"):
            frame[column] = frame[column].astype("Int64")
        return desk_frame(frame, title="Answers kept in memory", formats={"rate": ".0%"})

    @cached_property
    def _kept_bars(self) -> FrameCache:
        return FrameCache(self.settings.store.cache_megabytes * 2**20)

    def _read_bars(
        self,
        symbols: str | Sequence[str],
        start: InstantLike,
        end: InstantLike,
        interval: str,
        adjust: Adjust,
        known_at: InstantLike,
    ) -> tuple[pd.DataFrame, pd.Timestamp | None]:
        """Return the bars, and the instant from which the clock alone may make other ones of them."""
        names = symbols_asked(symbols)
        calendar = self.settings.market.calendar
        table = bars_table(interval)
        knowledge = parse_instant(known_at, calendar) if known_at is not None else None
        last = self.as_of(end).instant
        now = self.as_of().instant
        is_clock_fixed = self.settings.clock.as_of is not None
        # Behind a fixed clock later rows may be many; behind the wall clock they are few, and the
        # earliest of them says how long the answer is good.
        furthest = last if is_clock_fixed or last < now else None
        if end is not None and furthest is None:
            furthest = max(last, parse_instant(end, calendar))
        frame = self._lake.read(
            table,
            symbols=names,
            start=parse_day(start, calendar) if start is not None else None,
            end=furthest,
            known_at=knowledge,
            columns=["symbol", "time", *_SHOWN],
            where={"interval": interval} if table == "intraday_bars" else None,
        )
        changes = [now.tz_convert(exchange_zone(calendar)).normalize() + pd.Timedelta(days=1)]
        is_later = frame["time"] > last
        if is_later.any():
            changes.append(frame.loc[is_later, "time"].min())
            frame = frame[~is_later]
        if table == "daily_bars" and len(frame) and frame["time"].max() > now - _LONGEST_SESSION:
            # A bar of today is not known before today's close, whenever its file was made.
            closes = session_closes(calendar, frame["time"].dt.tz_localize(None).dt.normalize())
            is_open = closes > now
            if is_open.any():
                changes.append(closes[is_open].min())
                frame = frame[~is_open]
        held = set(frame["symbol"].unique())
        missing = [name for name in names if name not in held]
        if missing:
            self._explain_missing(missing, table, known_at)
        if isinstance(symbols, str):
            bars = frame[_SHOWN]
            bars.index = pd.DatetimeIndex(frame["time"], name="time")
        else:
            bars = frame.set_index(["symbol", "time"])[_SHOWN].sort_index()
        if adjust is not None:
            today = now.tz_convert(exchange_zone(calendar)).date()
            actions = self._lake.read(_ACTIONS, symbols=names, end=today, known_at=knowledge)
            bars = adjust_bars(bars, actions, adjust=adjust)
        return bars, None if is_clock_fixed else min(changes)

    def _explain_missing(self, missing: list[str], table: str, known_at: InstantLike) -> None:
        """Raise the error that fits: never heard of, or no bars in the period asked for."""
        held = self._lake.summary(table)
        unknown = [name for name in missing if name not in held.index]
        if unknown:
            near = nearest_names(unknown[0], held.index.tolist()) or held.index.tolist()[:5]
            hint = f"The nearest it has: {', '.join(near)}." if near else "It has no bars at all yet."
            raise UnknownSymbolError(
                f"The desk has no bars of {unknown[0]!r}. {hint} "
                "Load some with `workbench ingest` or `workbench load`."
            )
        first, last, learned = held.loc[missing[0], ["first", "last", "recorded_at"]]
        if known_at is not None:
            raise MissingDataError(
                f"At {known_at} the desk knew no bars of {missing[0]} of that period; it learned its newest "
                f"at {learned:%Y-%m-%d %H:%M} UTC. Give a later `known_at`."
            )
        raise MissingDataError(
            f"The desk has bars of {missing[0]} from {first:%Y-%m-%d} to {last:%Y-%m-%d}, none in the period "
            "asked for; give another start or end."
        )


def symbols_asked(symbols: str | Sequence[str]) -> list[str]:
    """Return one symbol or several as a list, each once; none at all is an error."""
    names = [symbols] if isinstance(symbols, str) else list(symbols)
    if not names:
        raise ArgumentError("`symbols` is empty; give at least one, as in ['AAPL'].")
    return list(dict.fromkeys(names))


def _is_hashable(key: Hashable) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True
