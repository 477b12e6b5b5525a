"""What a desk is given and what it holds: bars, chains and fills on their way in, bars and prices out."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Literal

import numpy as np
import pandas as pd

from workbench.desk import ingest as ingests
from workbench.desk.chains import marks_at
from workbench.desk.clock import InstantLike, parse_day, parse_instant
from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.opened import OpenedDesk
from workbench.errors import ArgumentError, MissingDataError, UnknownSymbolError
from workbench.market.calendars import exchange_zone, session_closes
from workbench.market.corporate_actions import adjust_bars
from workbench.providers import Provider, nearest_names, open_provider

Adjust = Literal["all", "splits"] | None


class DataQuestions(OpenedDesk):
    """Loads and reads the series of a desk."""

    def ingest(
        self,
        provider: str | Provider,
        symbols: str | Sequence[str],
        *,
        start: str | None = None,
        end: str | None = None,
        interval: str = "1d",
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> DeskFrame:
        """Fetch bars and corporate actions from a provider; only what is new or changed is written.

        Parameters
        ----------
        provider : str or Provider
            ``"sample"``, ``"files"`` (bars under ``<home>/files``), or an object that follows the protocol.
        symbols : str or sequence of str
            Tickers; ``"all"`` means every symbol that the provider has.
        start, end : str, optional
            First and last session, ISO dates.
        interval : str
            ``"1d"`` for daily bars.

        Returns
        -------
        DeskFrame, indexed by symbol
            Rows new, changed, unchanged, quarantined.

        Raises
        ------
        UnknownProviderError, UnknownSymbolError
            Each names the nearest it knows.
        """
        self._require_trader("ingest data")
        source = (
            open_provider(provider, folder=self.home / "files") if isinstance(provider, str) else provider
        )
        names = source.symbols() if symbols == "all" else _as_list(symbols)
        summary = ingests.ingest_from_provider(
            self._lake,
            source,
            names,
            start=start,
            end=end,
            interval=interval,
            calendar=self.settings.market.calendar,
            on_progress=on_progress,
        )
        self._wrote("ingest", {"provider": source.name, "symbols": names, **_counts(summary)})
        return summary

    def load(
        self,
        path_or_frame: str | PathLike[str] | pd.DataFrame,
        *,
        kind: str,
        source: str,
        columns: dict[str, str] | None = None,
        time_zone: str | None = None,
        encoding: str | None = None,
        interval: str | None = None,
        symbol: str | None = None,
    ) -> DeskFrame:
        """Load a file or frame of your own; good rows are kept, bad ones go to quarantine with the reason.

        Parameters
        ----------
        path_or_frame : path or DataFrame
            CSV (also compressed) or Parquet.
        kind : {"bars", "chain", "fills"}
            What the rows are.
        source : str
            Where the data come from; shown beside every figure made of them.
        columns : dict, optional
            Their column names to ours, for those that are not recognised.
        time_zone : str, optional
            Zone of times without one, as in ``"America/New_York"``.
        encoding : str, optional
            Of a text file, when it is not UTF-8.
        interval : str, optional
            Of bars, as in ``"1d"`` or ``"5m"``; read from their times unless given.
        symbol : str, optional
            For bars without a symbol column; for a chain the underlying.

        Returns
        -------
        DeskFrame, indexed by symbol
            Rows new, changed, unchanged, quarantined.

        Raises
        ------
        DataFormatError
            If the file as a whole cannot be used; nothing was loaded then.
        """
        self._require_trader("load data")
        summary = ingests.load_into(
            self._lake,
            self._ledger,
            path_or_frame,
            kind=kind,
            source=source,
            columns=columns,
            time_zone=time_zone,
            encoding=encoding,
            interval=interval,
            symbol=symbol,
            recorded_at=self.now(),
        )
        named = "frame" if isinstance(path_or_frame, pd.DataFrame) else str(path_or_frame)
        self._wrote("load", {"kind": kind, "source": source, "from": named, **_counts(summary)})
        return summary

    def load_bars(self, frame: pd.DataFrame, *, source: str, interval: str = "1d") -> DeskFrame:
        """Load bars from a frame: symbol, time, open, high, low, close, volume; durable when it returns."""
        return self.load(frame, kind="bars", source=source, interval=interval)

    def symbols(self, interval: str = "1d") -> pd.DataFrame:
        """Return what bars the desk holds: one row a symbol with rows, first, last, source."""
        return self._lake.summary(ingests.bars_table(interval))

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
        names = _as_list(symbols)
        calendar = self.settings.market.calendar
        table = ingests.bars_table(interval)
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

    def price(self, symbol: str, as_of: InstantLike = None) -> float:
        """Return the last known price of a ticker or OCC symbol: a raw close, or the mid of bid and ask.

        Raises
        ------
        MissingDataError
            If nothing in the thirty days before tells it.
        """
        moment = self.as_of(as_of)
        mark = marks_at(self._lake, [symbol], moment.instant, self.settings.market.calendar).iloc[0]
        if not np.isfinite(mark["price"]):
            raise MissingDataError(
                f"The desk has no price of {symbol} in the thirty days before {moment.text}; "
                "load bars or a chain that covers it."
            )
        return float(mark["price"])

    def snapshot(self) -> int:
        """Return the number of the lake's newest snapshot, which a report names as what it was made of."""
        return self._lake.snapshot()

    def quarantine(self) -> DeskFrame:
        """Return the rows that were refused: table, source, line, reason and text."""
        rows = self._lake.read("quarantine").sort_values(
            ["recorded_at", "source", "line"], ascending=[False, True, True]
        )
        return desk_frame(rows.reset_index(drop=True), title="Quarantined rows")

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


def _as_list(symbols: str | Sequence[str]) -> list[str]:
    names = [symbols] if isinstance(symbols, str) else list(symbols)
    if not names:
        raise ArgumentError("`symbols` is empty; give at least one, as in ['AAPL'].")
    return list(dict.fromkeys(names))


def _counts(summary: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(value) for name, value in summary.sum().items()}
