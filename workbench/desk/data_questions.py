"""What a desk is given and what it holds: bars, chains and fills on their way in, prices and findings out."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from workbench.desk import ingest as ingests
from workbench.desk.bars import symbols_asked
from workbench.desk.chains import marks_at
from workbench.desk.clock import InstantLike, parse_day
from workbench.desk.connections import CALENDARS, ConnectionQuestions
from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.ingest_kinds import Kind, kind_of
from workbench.desk.ingest_run import Ingest, ingest_local
from workbench.desk.ingest_summary import IngestSummary
from workbench.errors import MissingDataError
from workbench.market.schemas import check_bars
from workbench.providers import Provider
from workbench.providers.network import NetworkProvider


class DataQuestions(ConnectionQuestions):
    """Loads and reads the series of a desk."""

    def ingest(
        self,
        provider: str | Provider,
        symbols: str | Sequence[str] = (),
        *,
        start: InstantLike = None,
        end: InstantLike = None,
        interval: str = "1d",
        kinds: str | Sequence[str] = ("bars",),
        refresh: bool = False,
        fallback: str | Provider | None = None,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> IngestSummary:
        """Fetch data from a provider: what the desk lacks, cut into calls that are each on disk at once.

        What a service has answered is not asked again, except for what may still grow; a run that was cut
        off goes on where it stopped. A service that is not connected, needs a login, is rate limited or
        cannot be reached is a state: the summary tells it, with what was done and what is left.

        Parameters
        ----------
        provider : str or Provider
            A service such as ``"alpaca"``, ``"sample"``, ``"files"`` (bars under ``<home>/files``), or an
            object that follows the protocol.
        symbols : str or sequence of str
            Tickers or OCC symbols; ``"all"`` means every symbol that the provider has. News, earnings and
            rates need none.
        start, end : date or instant, optional
            Both included; a date is a whole day. Unless given: up to now, and back by a year of daily bars,
            a week of others and of news, a session of quotes and trades.
        interval : str
            Of bars: ``"1d"``, ``"1m"``, ...
        kinds : str or sequence of str
            Some of "bars" (with corporate actions where the provider has them), "corporate_actions",
            "quotes", "trades", "latest_quotes", "option_chain", "news", "earnings", "rates", "metrics".
        refresh : bool
            Ask again for what is held: vendors restate. What was believed before stays in the history.
        fallback : str or Provider, optional
            Asked for what is left where the first has nothing to give for now; its rows say so.
        on_progress : callable, optional
            Called after each call with what was asked and how many rows came, calls done, calls in all.

        Returns
        -------
        IngestSummary, indexed by symbol
            Rows new, changed, unchanged, quarantined; `complaints`, `calls`, `held`, `left` beside them.

        Raises
        ------
        UnknownProviderError, UnknownSymbolError
            Each names the nearest it knows; a symbol is an error where no other was asked for.
        ArgumentError, DateInputError
            If an argument cannot be used.
        """
        self._require_trader("ingest data")
        source = self.provider(provider) if isinstance(provider, str) else provider
        table = ingests.bars_table(interval)
        wanted = [kinds] if isinstance(kinds, str) else list(kinds)
        chosen = [kind_of(name, interval) for name in dict.fromkeys(wanted)]
        free = all(not kind.needs_symbols or kind.name in ("news", "earnings") for kind in chosen)
        names = source.symbols() if symbols == "all" else []
        if symbols != "all" and (symbols or not free):
            names = symbols_asked(symbols)
        if not isinstance(source, NetworkProvider) and set(wanted) <= {"bars", "corporate_actions"}:
            summary = self._ingest_local(source, names, start, end, interval, table, on_progress)
        else:
            if "bars" in wanted and "corporate_actions" in source.kinds - set(wanted):
                # Adjusted prices are made on read, of these.
                chosen.append(kind_of("corporate_actions", interval))
            summary = self._ingest_calls(
                source, names, chosen, start, end, interval, refresh, fallback, on_progress
            )
        details: dict[str, object] = {"provider": source.name, "symbols": names, "kinds": wanted}
        details |= {"calls": summary.calls, "held": summary.held, "left": summary.left}
        self._wrote("ingest", {**details, **_counts(summary)})
        return summary

    def _ingest_local(
        self,
        source: Provider,
        names: Sequence[str],
        start: InstantLike,
        end: InstantLike,
        interval: str,
        table: str,
        on_progress: Callable[[str, int, int], None] | None,
    ) -> IngestSummary:
        calendar = self.settings.market.calendar
        return ingest_local(
            self._lake,
            source,
            names,
            start=parse_day(start, calendar) if start else None,
            end=parse_day(end, calendar) if end else None,
            interval=interval,
            table=table,
            check=check_bars,
            on_progress=on_progress,
        )

    def _ingest_calls(
        self,
        source: Provider,
        names: Sequence[str],
        chosen: Sequence[Kind],
        start: InstantLike,
        end: InstantLike,
        interval: str,
        refresh: bool,
        fallback: str | Provider | None,
        on_progress: Callable[[str, int, int], None] | None,
    ) -> IngestSummary:
        asked: dict[str, Any] = {"interval": interval, "start": start, "end": end, "refresh": refresh}
        asked["clock"] = self.as_of().instant
        first = self._ingest_of(source, on_progress)
        undone = first.run(chosen, names, **asked)
        title = f"Ingested from {source.label}"
        if not undone or fallback is None:
            return first.summary(title=title)
        other = self.provider(fallback) if isinstance(fallback, str) else fallback
        second = self._ingest_of(other, on_progress, in_place_of=source.label)
        second.outcome = first.outcome
        second.outcome.left = 0
        for kind, left in undone:
            second.run([kind], left, **asked)
        return second.summary(title=f"{title}; what it could not give from {other.label}")

    def _ingest_of(
        self, source: Provider, on_progress: Callable[[str, int, int], None] | None, in_place_of: str = ""
    ) -> Ingest:
        return Ingest(
            self._lake,
            self._ledger,
            source,
            calendar=CALENDARS.get(source.name, self.settings.market.calendar),
            now=self.now,
            in_place_of=in_place_of,
            on_progress=on_progress,
        )

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
        kind : {"bars", "chain", "fills", "quotes", "trades", "news", "earnings", "rates", "metrics"}
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
            For rows without a symbol column; for a chain the underlying, for rates the curve.

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


def _counts(summary: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(value) for name, value in summary.sum().items()}
