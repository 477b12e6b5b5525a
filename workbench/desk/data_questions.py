"""What a desk is given and what it holds: bars, chains and fills on their way in, prices and findings out."""

from collections.abc import Callable, Sequence
from os import PathLike

import numpy as np
import pandas as pd

from workbench.desk import ingest as ingests
from workbench.desk.bars import symbols_asked
from workbench.desk.chains import marks_at
from workbench.desk.clock import InstantLike
from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.opened import OpenedDesk
from workbench.errors import MissingDataError
from workbench.providers import Provider, open_provider


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
        names = source.symbols() if symbols == "all" else symbols_asked(symbols)
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
