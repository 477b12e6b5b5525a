"""Bars out of the desk: raw from the lake, adjusted on the way, and nothing that its clock has not seen."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from workbench.desk.clock import InstantLike, parse_day, parse_instant
from workbench.desk.ingest import bars_table
from workbench.desk.opened import OpenedDesk
from workbench.errors import ArgumentError, MissingDataError, UnknownSymbolError
from workbench.market.calendars import exchange_zone, session_closes
from workbench.market.corporate_actions import adjust_bars
from workbench.providers import nearest_names

Adjust = Literal["all", "splits"] | None


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
        names = symbols_asked(symbols)
        calendar = self.settings.market.calendar
        table = bars_table(interval)
        knowledge = parse_instant(known_at, calendar) if known_at is not None else None
        last = self.as_of(end).instant
        first = parse_day(start, calendar) if start is not None else None
        frame = self._lake.read(
            table,
            symbols=names,
            start=first,
            end=last,
            known_at=knowledge,
            where={"interval": interval} if table == "intraday_bars" else None,
        )
        now = self.as_of().instant
        if table == "daily_bars":
            # A bar of today is not known before today's close, whenever its file was made.
            closes = session_closes(calendar, frame["time"].dt.tz_localize(None).dt.normalize())
            frame = frame[~(closes > now)]
        missing = [name for name in names if name not in set(frame["symbol"])]
        if missing:
            self._explain_missing(missing, table, known_at)
        bars = frame.set_index(["symbol", "time"])[["open", "high", "low", "close", "volume"]].sort_index()
        if adjust is not None:
            today = now.tz_convert(exchange_zone(calendar)).date()
            actions = self._lake.read("corporate_actions", symbols=names, end=today, known_at=knowledge)
            bars = adjust_bars(bars, actions, adjust=adjust)
        if isinstance(symbols, str):
            return bars.droplevel("symbol")
        return bars

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
