# ruff: noqa: S608 - statements are built from the names of our own tables; values are parameters
"""The Parquet files that make up a table at this moment, read without asking the catalog each time.

The catalog takes several milliseconds to say which files a question needs. Between two writes the answer is
the same, and the files themselves never change.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from workbench.store.connection import CATALOG_TABLES, column_numbers, quote_text
from workbench.store.marks import WriteMarks
from workbench.store.tables import TableSpec

__all__ = ["NOTHING", "LiveFiles"]

NOTHING = ""
"""What there is to read where no file can hold a row that was asked for."""

# A table that is written all day has thousands of small files until it is compacted; the catalog picks
# among those faster than we do.
_MOST_FILES = 1_000


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    first: datetime | None
    last: datetime | None
    smallest: str | None
    largest: str | None


@dataclass(frozen=True, slots=True)
class _Listing:
    mark: tuple[int, ...]
    files: tuple[_File, ...] | None
    columns: str


class LiveFiles:
    """The current files of each table of one lake, as long as nothing is written there."""

    def __init__(self, folder: Path, marks: WriteMarks) -> None:
        self._data = folder / "data" / "main"
        self._marks = marks
        self._listings: dict[str, _Listing] = {}
        self._guard = threading.Lock()
        self._hits = self._misses = 0

    def origin(
        self,
        cursor: duckdb.DuckDBPyConnection,
        spec: TableSpec,
        *,
        symbols: Sequence[str] | None,
        start: datetime | None,
        end: datetime | None,
    ) -> str | None:
        """Return what to read in place of the table: the files that can hold the rows asked for.

        None where only the catalog can tell: rows of a file are deleted, there are too many files, or
        somebody writes at this moment. `NOTHING` where no file can hold such a row.
        """
        mark = self._marks.read(spec.name)
        if mark is None:
            return None
        listing = self._listings.get(spec.name)
        if listing is not None and listing.mark == mark:
            self._hits += 1
        else:
            self._misses += 1
            listing = _list(cursor, self._data / spec.name, spec, mark)
            if self._marks.read(spec.name) != mark:
                return None
            with self._guard:
                self._listings[spec.name] = listing
        if listing.files is None:
            return None
        wanted = symbols if symbols is not None and not spec.group_is_list else None
        chosen = [file.path for file in listing.files if _can_hold(file, wanted, start, end)]
        if not chosen:
            return NOTHING
        paths = ", ".join(quote_text(path) for path in chosen)
        return f"read_parquet([{paths}], schema = {listing.columns})"

    def use(self) -> dict[str, float]:
        """Return how often a list was at hand: `hits`, `misses`, `rate`, `entries`."""
        asked = self._hits + self._misses
        return {
            "hits": self._hits,
            "misses": self._misses,
            "rate": self._hits / asked if asked else float("nan"),
            "entries": len(self._listings),
        }

    def forget(self) -> None:
        """Forget the files; the next question asks the catalog."""
        with self._guard:
            self._listings.clear()


def _list(
    cursor: duckdb.DuckDBPyConnection, folder: Path, spec: TableSpec, mark: tuple[int, ...]
) -> _Listing:
    table = (
        f"(SELECT table_id FROM {CATALOG_TABLES}.ducklake_table "
        "WHERE table_name = $name AND end_snapshot IS NULL)"
    )
    held = column_numbers(cursor, spec.name)
    # By the numbers of the columns: a file of an older version lacks those that came later.
    columns = ", ".join(
        f"{held[name]}: {{name: {quote_text(name)}, type: {quote_text(spec.type_of(name))}, "
        "default_value: NULL}"
        for name in spec.stored
    )
    bounds = cursor.execute(
        f"SELECT file.path, file.path_is_relative, deleted.delete_file_id IS NULL, "
        "max(stats.min_value) FILTER (stats.column_id = $time), "
        "max(stats.max_value) FILTER (stats.column_id = $time), "
        "max(stats.min_value) FILTER (stats.column_id = $group), "
        "max(stats.max_value) FILTER (stats.column_id = $group) "
        f"FROM {CATALOG_TABLES}.ducklake_data_file AS file "
        f"LEFT JOIN {CATALOG_TABLES}.ducklake_delete_file AS deleted "
        "ON deleted.data_file_id = file.data_file_id AND deleted.end_snapshot IS NULL "
        f"LEFT JOIN {CATALOG_TABLES}.ducklake_file_column_stats AS stats "
        "ON stats.data_file_id = file.data_file_id AND stats.column_id IN ($time, $group) "
        f"WHERE file.table_id = {table} AND file.end_snapshot IS NULL GROUP BY ALL",
        {"name": spec.name, "time": held.get(spec.time or "", -1), "group": held[spec.group]},
    ).fetchall()
    if len(bounds) > _MOST_FILES or not all(relative and whole for _, relative, whole, *_ in bounds):
        return _Listing(mark, None, "")
    files = tuple(
        _File(str(folder / path), _instant(first), _instant(last), smallest, largest)
        for path, _, _, first, last, smallest, largest in bounds
    )
    return _Listing(mark, files, f"MAP {{{columns}}}")


def _can_hold(
    file: _File, symbols: Sequence[str] | None, start: datetime | None, end: datetime | None
) -> bool:
    if start is not None and file.last is not None and file.last < start:
        return False
    if end is not None and file.first is not None and file.first > end:
        return False
    if symbols is None or file.smallest is None or file.largest is None:
        return True
    return any(file.smallest <= symbol <= file.largest for symbol in symbols)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
