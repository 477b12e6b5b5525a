"""The user's own files: bars, option chains and fills as CSV (also gzipped) or Parquet.

Rows that cannot be loaded are set aside with line and reason, the others load. What a column means is
guessed from its name and can be said with `columns`; `docs/data.md` has the tables.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.errors import MissingDataError
from workbench.market.corporate_actions import ACTION_COLUMNS, no_actions
from workbench.market.schemas import quarantined_rows
from workbench.providers.bars_file import bars_from_table, number_headers
from workbench.providers.base import Day, between_days, no_bars, require_interval, require_known
from workbench.providers.chain_file import chain_from_table
from workbench.providers.fills_file import fills_from_table
from workbench.providers.kinds import KindsProvider
from workbench.providers.parsed import ParsedFile
from workbench.providers.series_file import series_from_table
from workbench.providers.tables import read_table, table_from_frame

PathText = str | PathLike[str]
Columns = Mapping[str, str] | None

_ENDINGS = (".csv", ".csv.gz", ".txt", ".parquet")


def read_bars_file(
    path: PathText,
    *,
    columns: Columns = None,
    time_zone: str | None = None,
    encoding: str | None = None,
    symbol: str | None = None,
) -> ParsedFile:
    """Read bars from a CSV or Parquet file.

    Parameters
    ----------
    path : path-like
        The file.
    columns : mapping, optional
        Their header to ours (symbol, time, open, high, low, close, volume, dividend, split), where the
        guess fails. ``"time:%d/%m/%Y"`` says how dates are written, ``"close:1.234,56"`` how numbers are,
        ``"ignore"`` leaves a column out.
    time_zone : str, optional
        Zone of times within the day that tell no zone. Dates alone are session dates and need none.
    encoding : str, optional
        Of a CSV, as in ``"cp1252"``. Without it: byte order mark, else UTF-8, else cp1252.
    symbol : str, optional
        Whose bars they are, where no column says so. A file named as a ticker, ``AAPL.csv``, needs none.

    Returns
    -------
    ParsedFile
        `rows` in the columns of `schemas.BARS`, raw: columns of adjusted prices are ignored, and splits and
        dividends in columns of their own come out as `actions`.

    Raises
    ------
    DataFormatError
        If the file is missing, empty or damaged, lacks a header or a column, or writes dates, numbers or
        times in a way that can mean two things.
    ArgumentError
        If an argument names what does not exist.
    """
    path = Path(path)
    table = read_table(
        path, encoding=encoding, numbers=lambda headers: number_headers(headers, columns, path.name)
    )
    return bars_from_table(table, columns=columns, time_zone=time_zone, symbol=symbol)


def parse_bars(
    frame: pd.DataFrame, *, columns: Columns = None, time_zone: str | None = None, symbol: str | None = None
) -> ParsedFile:
    """Take bars from a frame; arguments and errors are those of `read_bars_file`."""
    return bars_from_table(table_from_frame(frame), columns=columns, time_zone=time_zone, symbol=symbol)


def read_chain_file(
    path: PathText,
    *,
    columns: Columns = None,
    time_zone: str | None = None,
    encoding: str | None = None,
    calendar: str = "XNYS",
    exercise: str | None = None,
    symbol: str | None = None,
) -> ParsedFile:
    """Read option quotes from a CSV or Parquet file, one contract and instant a row.

    Parameters
    ----------
    path, columns, time_zone, encoding
        As in `read_bars_file`; our columns are those of `schemas.OPTION_QUOTES`, and `root`.
    calendar : str
        Exchange whose close a quote date without a time means.
    exercise : {"american", "european"}, optional
        Of rows that do not state theirs; else European for cash-settled US index roots, American for others.
    symbol : str, optional
        Ticker of the underlying, where no column says it. A file named as a ticker, ``SPX.csv``, needs none.

    Returns
    -------
    ParsedFile
        `rows` in the columns of `schemas.OPTION_QUOTES`. Empty bids, sizes and open interest stay missing;
        a bid above the ask is flagged "crossed"; the vendor's volatility and Greeks keep the vendor's unit.

    Raises
    ------
    DataFormatError, ArgumentError
        As `read_bars_file`.
    """
    table = read_table(Path(path), encoding=encoding)
    return chain_from_table(
        table, columns=columns, time_zone=time_zone, calendar=calendar, exercise=exercise, symbol=symbol
    )


def parse_chain(
    frame: pd.DataFrame,
    *,
    columns: Columns = None,
    time_zone: str | None = None,
    calendar: str = "XNYS",
    exercise: str | None = None,
    symbol: str | None = None,
) -> ParsedFile:
    """Take option quotes from a frame; arguments and errors are those of `read_chain_file`."""
    table = table_from_frame(frame)
    return chain_from_table(
        table, columns=columns, time_zone=time_zone, calendar=calendar, exercise=exercise, symbol=symbol
    )


def read_fills_file(
    path: PathText,
    *,
    columns: Columns = None,
    time_zone: str | None = None,
    encoding: str | None = None,
    calendar: str = "XNYS",
    account: str = "main",
    currency: str = "USD",
) -> ParsedFile:
    """Read fills from a CSV or Parquet file.

    Parameters
    ----------
    path, columns, time_zone, encoding
        As in `read_bars_file`; our columns are those of `schemas.FILLS`, `side` (buy or sell, which gives
        the quantity its sign), and underlying, expiry, strike and right of options.
    calendar : str
        Exchange whose close a trade date without a time means.
    account, currency : str
        Of rows that do not state theirs.

    Returns
    -------
    ParsedFile
        `rows` in the columns of `schemas.FILLS`, amounts as Decimal. Several fee columns are added up, and
        fees left empty are zero. Rows without an identity get one made from their content.

    Raises
    ------
    DataFormatError, ArgumentError
        As `read_bars_file`.
    """
    table = read_table(Path(path), encoding=encoding)
    return fills_from_table(
        table, columns=columns, time_zone=time_zone, calendar=calendar, account=account, currency=currency
    )


def parse_fills(
    frame: pd.DataFrame,
    *,
    columns: Columns = None,
    time_zone: str | None = None,
    calendar: str = "XNYS",
    account: str = "main",
    currency: str = "USD",
) -> ParsedFile:
    """Take fills from a frame; arguments and errors are those of `read_fills_file`."""
    return fills_from_table(
        table_from_frame(frame),
        columns=columns,
        time_zone=time_zone,
        calendar=calendar,
        account=account,
        currency=currency,
    )


def read_series_file(
    path: PathText,
    *,
    kind: str,
    columns: Columns = None,
    time_zone: str | None = None,
    encoding: str | None = None,
    symbol: str | None = None,
) -> ParsedFile:
    """Read quotes, trades, news, earnings, rates or metrics from a CSV or Parquet file.

    Parameters
    ----------
    path, columns, time_zone, encoding
        As in `read_bars_file`; our columns are those of `schemas.QUOTES` and so on. Of these a file may leave
        out `sequence`, `trade_id`, `source_id`, `fiscal_period` and `curve`: they are made from the row.
    kind : {"quotes", "trades", "news", "earnings", "rates", "metrics"}
        What the rows are. Rates are continuously compounded per year, as fractions.
    symbol : str, optional
        Whose rows they are, where no column says so; of rates the curve.

    Raises
    ------
    DataFormatError, ArgumentError
        As `read_bars_file`.
    """
    table = read_table(Path(path), encoding=encoding)
    return series_from_table(table, kind, columns=columns, time_zone=time_zone, symbol=symbol)


def parse_series(
    frame: pd.DataFrame,
    *,
    kind: str,
    columns: Columns = None,
    time_zone: str | None = None,
    symbol: str | None = None,
) -> ParsedFile:
    """Take such rows from a frame; arguments and errors are those of `read_series_file`."""
    table = table_from_frame(frame)
    return series_from_table(table, kind, columns=columns, time_zone=time_zone, symbol=symbol)


class FilesProvider(KindsProvider):
    """Bars from a folder of CSV and Parquet files, each read as `read_bars_file` reads it.

    Parameters
    ----------
    folder : path-like
        Its files are read when first asked for, and again when they change.
    columns, time_zone, encoding
        Hold for every file; see `read_bars_file`.
    """

    name = "files"
    kinds = frozenset({"bars", "corporate_actions"})

    def __init__(
        self,
        folder: PathText,
        *,
        columns: Columns = None,
        time_zone: str | None = None,
        encoding: str | None = None,
    ) -> None:
        self._folder = Path(folder)
        self._reading: dict[str, Any] = {"columns": columns, "time_zone": time_zone, "encoding": encoding}
        self._read: dict[tuple[Path, int, int], ParsedFile] = {}

    @property
    def label(self) -> str:  # type: ignore[override]
        """The source as it is shown beside figures: the folder and the one around it."""
        return f"files in {self._folder.absolute().parent.name}/{self._folder.name}"

    def symbols(self) -> list[str]:
        """Return the symbols of all files, in order."""
        held = {symbol for parsed in self._files() for symbol in parsed.rows["symbol"].unique()}
        return sorted(held)

    def bars(
        self, symbols: Sequence[str], start: Day = None, end: Day = None, interval: str = "1d"
    ) -> pd.DataFrame:
        """Return bars in the columns of `schemas.BARS`, both dates included.

        A bar that several files have is taken from the last of them by name.

        Raises
        ------
        UnknownSymbolError
            If no file has a symbol.
        MissingDataError
            If the folder is missing or has no bars of that interval.
        DataFormatError
            If a file of the folder cannot be read.
        """
        files = self._files()
        require_known(symbols, self.symbols(), self.label)
        require_interval(interval, sorted({parsed.interval for parsed in files}), self.label)
        found = [parsed.rows for parsed in files if parsed.interval == interval]
        rows = pd.concat([no_bars(), *(rows[rows["symbol"].isin(list(symbols))] for rows in found)])
        rows = rows.drop_duplicates(["symbol", "time"], keep="last").sort_values(["symbol", "time"])
        return between_days(rows.reset_index(drop=True), "time", start, end)

    def corporate_actions(self, symbols: Sequence[str], start: Day = None, end: Day = None) -> pd.DataFrame:
        """Return splits and dividends from the columns that files of bars have for them."""
        files = self._files()
        require_known(symbols, self.symbols(), self.label)
        actions = pd.concat([no_actions(), *(parsed.actions for parsed in files)], ignore_index=True)
        actions = actions[actions["symbol"].isin(list(symbols))].drop_duplicates(list(ACTION_COLUMNS))
        return between_days(actions.reset_index(drop=True), "ex_date", start, end)

    def quarantined(self) -> pd.DataFrame:
        """Return the rows that could not be read: file, line, symbol, reason, text."""
        frames = [parsed.quarantined.assign(file=parsed.name) for parsed in self._files()]
        every = pd.concat([quarantined_rows().assign(file=""), *frames], ignore_index=True)
        return every[["file", "line", "symbol", "reason", "text"]]

    def _files(self) -> list[ParsedFile]:
        if not self._folder.is_dir():
            raise MissingDataError(f"There is no folder {self._folder}; make it and put files of bars there.")
        paths = sorted(path for path in self._folder.iterdir() if path.name.lower().endswith(_ENDINGS))
        if not paths:
            raise MissingDataError(f"{self._folder} holds no CSV or Parquet file; put files of bars there.")
        current = {}
        for path in paths:
            state = path.stat()
            key = (path, state.st_mtime_ns, state.st_size)
            current[key] = self._read.get(key) or read_bars_file(path, **self._reading)
        self._read = current
        return list(current.values())
