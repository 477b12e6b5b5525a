"""One number for each table that changes with every write, so that a cache in any process sees it at once.

The numbers lie in a small file beside the lake's lock. A writer, who holds the lock, makes a table's number
odd before it commits and even again after it. A reader who finds the same even number before and after it
looked has seen one state; an odd one means that a write is under way, or that a writer died in it, and
then nothing may be kept. No lock of SQLite is touched: a second SQLite library on the catalog in one
process would drop the locks of the first.
"""

import os
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.store.tables import TABLES

__all__ = ["WriteMarks"]

_NUMBER = struct.Struct("<Q")
# In the order of the tables: a new one goes to the end, so that the others keep their places.
_PLACES = {name: place * _NUMBER.size for place, name in enumerate(TABLES)}


class WriteMarks:
    """The numbers of one lake's tables.

    Parameters
    ----------
    path : Path
        The file; made when it is not there. It tells processes apart only while they live, so it need
        not survive a power cut, and a desk that is moved or restored starts a new one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._inode = -1
        self._guard = threading.Lock()

    def read(self, *tables: str) -> tuple[int, ...] | None:
        """Return the numbers of some tables; None while one of them changes, or where none can be kept."""
        descriptor = self._open()
        if descriptor is None:
            return None
        numbers = tuple(_read(descriptor, table) for table in tables)
        return None if any(number % 2 for number in numbers) else numbers

    @contextmanager
    def changing(self, tables: Sequence[str]) -> Iterator[None]:
        """Keep the numbers of some tables odd for the body; the caller holds the lake's lock."""
        descriptor = self._required()
        before = {table: _read(descriptor, table) for table in tables}
        for table, number in before.items():
            _write(descriptor, table, number + 1 + number % 2)
        try:
            yield
        finally:
            for table, number in before.items():
                _write(descriptor, table, number + 2 + number % 2)

    def settle(self, tables: Sequence[str]) -> None:
        """Make odd numbers even that a dead writer left; the caller holds the lake's lock."""
        descriptor = self._required()
        for table in tables:
            number = _read(descriptor, table)
            if number % 2:
                _write(descriptor, table, number + 1)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        with self._guard:
            self._drop()

    def _required(self) -> int:
        """Return the open file; a writer who cannot tell the others may not write."""
        descriptor = self._open()
        if descriptor is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            os.close(descriptor)
            return self._required()
        # A disk that fills up later then has room for the number that ends a write.
        os.posix_fallocate(descriptor, 0, len(_PLACES) * _NUMBER.size)
        return descriptor

    def _open(self) -> int | None:
        with self._guard:
            with suppress(OSError):
                # Somebody may have cleared the file away; the others then count in a new one.
                if self._descriptor is not None and self._path.stat().st_ino == self._inode:
                    return self._descriptor
            self._drop()
            with suppress(OSError):
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                self._inode = os.fstat(self._descriptor).st_ino
            return self._descriptor

    def _drop(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _read(descriptor: int, table: str) -> int:
    found = os.pread(descriptor, _NUMBER.size, _PLACES[table])
    return int(_NUMBER.unpack(found)[0]) if len(found) == _NUMBER.size else 0


def _write(descriptor: int, table: str, number: int) -> None:
    os.pwrite(descriptor, _NUMBER.pack(number), _PLACES[table])
