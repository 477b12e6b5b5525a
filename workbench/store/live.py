"""The live table: the newest quote of every symbol and the state of every feed, which may be lost.

One SQLite file beside the ledger, without a sync to the disk: a stream writes it every few milliseconds, any
number of processes read it. What is in it comes again from the feeds, so a damaged or missing file is made
anew by the next writer and is empty to a reader, never an error.
"""

import json
import math
import sqlite3
import struct
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np

__all__ = ["FEED_COLUMNS", "FIGURE_COLUMNS", "LIVE_FILE", "QUOTE_COLUMNS", "SPILL_FOLDER", "LiveTable"]

LIVE_FILE = "live.sqlite"
SPILL_FOLDER = ".stream"
"""Where events wait for a slow lake; like every hidden folder of a desk it is in no backup."""

FIGURE_COLUMNS = ("bid", "ask", "last", "bid_size", "ask_size", "last_size", "volume")
_NUMBERS = np.dtype(
    [
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("bid_size", "<f8"),
        ("ask_size", "<f8"),
        ("last", "<f8"),
        ("last_size", "<f8"),
        ("volume", "<f8"),
        ("time", "<i8"),  # of bid and ask, nanoseconds since 1970; of the trade where no quote came yet
        ("last_time", "<i8"),
        ("received_at", "<f8"),  # seconds since 1970
        ("crossed", "<i8"),  # 1 where the bid lies above the ask
        ("origin", "<i8"),
    ]
)
"""What is packed into one value of a quote's row: a row of twelve takes three times as long to read."""
_PACKING = struct.Struct("<7d2qd2q")
_ABSENT = -(2**63)  # as NumPy marks an instant that is none
_FEEDS = {
    "service": "TEXT",
    "feed": "TEXT",
    "state": "TEXT",
    "detail": "TEXT",
    "since": "REAL",  # instants are seconds since 1970
    "last_message": "REAL",
    "last_heartbeat": "REAL",
    "heartbeat_timeout": "REAL",
    "beat": "REAL",
    "subscribed": "INTEGER",
    "queue": "INTEGER",
    "lake_queue": "INTEGER",
    "spilled": "INTEGER",
    "shed": "INTEGER",
    "events": "INTEGER",
    "rate": "REAL",
    "quarantined": "INTEGER",
    "late": "INTEGER",
    "lag": "REAL",
    "gaps": "INTEGER",
    "calendar": "TEXT",
    "replay": "INTEGER",
    "holder": "TEXT",
}
_ORIGIN = ("service", "feed", "source")
QUOTE_COLUMNS = ("symbol", *(name for name in _NUMBERS.fields or () if name != "origin"), *_ORIGIN)
"""Columns of a quote, in the order in which `LiveTable.write` takes them."""
FEED_COLUMNS = tuple(_FEEDS)
"""What is known of a feed; `LiveTable.write` takes it as a mapping."""

_MADE = 3  # raised when the columns change: an older file is then made anew
_SCHEMA = (
    "CREATE TABLE quotes (symbol TEXT PRIMARY KEY, numbers BLOB) WITHOUT ROWID;"
    f"CREATE TABLE feeds ({', '.join(f'{name} {kind}' for name, kind in _FEEDS.items())}, "
    "PRIMARY KEY (service, feed)) WITHOUT ROWID;"
    # Three names for each of hundreds of quotes would take longer to read than their figures.
    "CREATE TABLE origins (id INTEGER PRIMARY KEY, service TEXT, feed TEXT, source TEXT, "
    "UNIQUE (service, feed, source));"
    f"PRAGMA user_version = {_MADE};"
)
_PUT_QUOTE = "INSERT OR REPLACE INTO quotes VALUES (?, ?)"
_PUT_FEED = f"INSERT OR REPLACE INTO feeds VALUES ({', '.join('?' * len(_FEEDS))})"  # noqa: S608
_ALL = "FROM quotes ORDER BY symbol"
_SOME = "FROM json_each(?) AS asked JOIN quotes ON quotes.symbol = asked.value"
_BUSY_SECONDS = 2.0
_NAN = float("nan")


class LiveTable:
    """The live table of a desk, for reading and for writing; safe to share between threads.

    Parameters
    ----------
    path : Path
        The file, on a local disk. It is made by the first write.

    Attributes
    ----------
    generation : int
        Counts the times that this object had to make or reopen the file for writing. A writer that sees it
        change writes all that it knows again.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.generation = 0
        self._lock = threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self._reader_inode = 0
        self._writer: sqlite3.Connection | None = None
        self._writer_inode = 0
        self._origins: dict[tuple[str, str, str], int] = {}

    # -- reading -----------------------------------------------------------------------------------------

    def quotes(self, symbols: Sequence[str] | None = None) -> list[tuple[Any, ...]]:
        """Return the newest quotes in `QUOTE_COLUMNS`: of `symbols` in their order, or of all by name.

        A symbol without a quote has no row. A table that is not there or cannot be read has no rows.
        """
        names, numbers, origins = self.shown_quotes(symbols)
        return [
            (name, *map(_value, row[:-1]), *origins.get(row[-1], ("", "", "")))
            for name, row in zip(names, numbers.tolist(), strict=True)
        ]

    def shown_quotes(
        self, symbols: Sequence[str] | None = None
    ) -> tuple[list[str], np.ndarray, dict[int, tuple[str, str, str]]]:
        """Return the same by columns, which takes a third of the time.

        Returns
        -------
        list of str
            The symbols.
        ndarray
            Of each the columns of `FIGURE_COLUMNS` (NaN where missing), `time` and `last_time` (the
            smallest number where missing), `received_at`, `crossed` and `origin`, as named fields.
        dict
            Service, feed and source by origin.
        """
        found, values = (_ALL, ()) if symbols is None else (_SOME, (json.dumps(list(symbols)),))
        rows, origins = self._read(f"SELECT quotes.symbol, quotes.numbers {found}", values, with_origins=True)
        packed = b"".join([row[1] for row in rows])
        return [row[0] for row in rows], np.frombuffer(packed, dtype=_NUMBERS), origins

    def feeds(self) -> list[dict[str, Any]]:
        """Return what is known of each feed, by service and name."""
        rows, _ = self._read("SELECT * FROM feeds ORDER BY service, feed")
        return [dict(zip(FEED_COLUMNS, row, strict=True)) for row in rows]

    # -- writing -----------------------------------------------------------------------------------------

    def write(self, quotes: Iterable[tuple[Any, ...]] = (), feeds: Iterable[Mapping[str, Any]] = ()) -> None:
        """Put quotes (tuples in `QUOTE_COLUMNS`) and feeds into the table, all or none.

        Raises
        ------
        sqlite3.Error
            If the disk refuses; a damaged file is made anew first.
        """
        given = list(quotes)
        states = [tuple(feed.get(name) for name in FEED_COLUMNS) for feed in feeds]
        with self._lock:
            try:
                self._put(self._open_writer(), given, states)
            except sqlite3.DatabaseError:
                self._drop_writer()
                if not self._is_damaged():
                    raise
                self._remove()
                self._put(self._open_writer(), given, states)

    def reopen_if_replaced(self) -> None:
        """Notice that the file was taken away or replaced, and write into the one that belongs there."""
        with self._lock:
            if self._writer is not None and _inode(self.path) != self._writer_inode:
                self._drop_writer()
                self._open_writer()

    def forget_feed(self, service: str, feed: str) -> None:
        """Take a feed out of the table."""
        with self._lock, suppress(sqlite3.DatabaseError):
            self._open_writer().execute("DELETE FROM feeds WHERE service = ? AND feed = ?", (service, feed))

    def close(self) -> None:
        """Close the connections; closing twice does nothing."""
        with self._lock:
            self._drop_writer()
            self._drop_reader()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- connections -------------------------------------------------------------------------------------

    def _read(
        self, query: str, values: tuple[Any, ...] = (), *, with_origins: bool = False
    ) -> tuple[list[tuple[Any, ...]], dict[int, tuple[str, str, str]]]:
        with self._lock:
            inode = _inode(self.path)
            if inode != self._reader_inode:
                # The file was made anew: a connection to the old one would show the past for ever.
                self._drop_reader()
            if inode == 0:
                return [], {}
            try:
                if self._reader is None:
                    self._reader = _connect(self.path, "rw")
                    self._reader.execute("PRAGMA query_only = ON")
                    self._reader_inode = inode
                rows = self._reader.execute(query, values).fetchall()
                origins = self._reader.execute("SELECT * FROM origins").fetchall() if with_origins else ()
                return rows, {number: (service, feed, source) for number, service, feed, source in origins}
            except sqlite3.DatabaseError:
                self._drop_reader()
                return [], {}

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            try:
                self._writer = _writer(self.path)
            except sqlite3.DatabaseError:
                if not self._is_damaged():
                    raise
                self._remove()
                self._writer = _writer(self.path)
            self._writer_inode = _inode(self.path)
            self.generation += 1
        return self._writer

    def _put(self, connection: sqlite3.Connection, quotes: list[Any], feeds: list[Any]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if quotes:
                numbers = self._numbers_of(connection, {row[-3:] for row in quotes})
                connection.executemany(
                    _PUT_QUOTE, [(row[0], _packed(row[1:-3], numbers[row[-3:]])) for row in quotes]
                )
            if feeds:
                connection.executemany(_PUT_FEED, feeds)
        except BaseException:
            self._origins = {}
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _numbers_of(
        self, connection: sqlite3.Connection, origins: set[tuple[str, str, str]]
    ) -> dict[tuple[str, str, str], int]:
        for origin in origins - self._origins.keys():
            connection.execute(
                "INSERT OR IGNORE INTO origins (service, feed, source) VALUES (?, ?, ?)", origin
            )
            query = "SELECT id FROM origins WHERE service = ? AND feed = ? AND source = ?"
            self._origins[origin] = connection.execute(query, origin).fetchone()[0]
        return self._origins

    def _is_damaged(self) -> bool:
        """Say whether the file is none of ours, rather than busy or refused by the disk."""
        try:
            with closing(_connect(self.path, "rw")) as connection:
                made = connection.execute("PRAGMA user_version").fetchone()[0]
                connection.execute("SELECT * FROM quotes LIMIT 1").fetchone()
                connection.execute("SELECT * FROM feeds LIMIT 1").fetchone()
                connection.execute("SELECT * FROM origins LIMIT 1").fetchone()
                return bool(
                    made != _MADE or connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",)
                )
        except sqlite3.DatabaseError as error:
            return not any(word in str(error) for word in ("locked", "full", "I/O", "readonly", "read-only"))

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _drop_writer(self) -> None:
        if self._writer is not None:
            with suppress(sqlite3.Error):
                self._writer.close()
        self._writer = None
        self._origins = {}

    def _drop_reader(self) -> None:
        if self._reader is not None:
            with suppress(sqlite3.Error):
                self._reader.close()
        self._reader, self._reader_inode = None, 0


def _packed(values: Sequence[Any], origin: int) -> bytes:
    figures = [_NAN if value is None else value for value in values[:7]]
    times = [_ABSENT if value is None else value for value in values[7:9]]
    received_at, crossed = values[9], values[10] or 0
    return _PACKING.pack(*figures, *times, _NAN if received_at is None else received_at, crossed, origin)


def _value(number: float | int) -> float | int | None:
    """Return a number, or None for the one that stands for nothing."""
    return None if math.isnan(number) or number == _ABSENT else number


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    # Autocommit: every transaction is said in words. Threads are kept apart by the table's own lock.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _writer(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(path, "rwc")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        # A reader that is slow keeps the log from being folded in; it shrinks again afterwards.
        connection.execute("PRAGMA journal_size_limit = 4000000")
        connection.execute("BEGIN IMMEDIATE")
        made = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute("COMMIT")
        if made == 0:
            with suppress(sqlite3.OperationalError):  # another writer was quicker
                connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        made = connection.execute("PRAGMA user_version").fetchone()[0]
        if made != _MADE:
            raise sqlite3.DatabaseError(f"made as version {made}")
        connection.execute("SELECT 1 FROM quotes LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
