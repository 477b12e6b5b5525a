"""What the databases' own error messages mean to a user of the desk."""

import errno
import resource
import shutil
from pathlib import Path

from workbench.errors import (
    DeskHomeError,
    DeskVersionError,
    SettingsError,
    StorageFullError,
    StoreBusyError,
    WorkbenchError,
)

__all__ = ["is_busy", "is_storage_full", "translate"]

# EFBIG is what a write past a file size limit (ulimit -f) gives: to the user the same as a full disk.
_FULL_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_WORDS = (
    "no space left",
    "disk is full",
    "disk full",
    "quota exceeded",
    "file too large",
    "not enough space",
)
# SQLite says this of a write past a file size limit, and of a broken disk.
_AMBIGUOUS = "disk i/o error"
_NO_ROOM = 4 * 2**20
_BUSY_WORDS = ("database is locked", "database table is locked", "database schema is locked")
_NEWER_WORDS = (
    "ducklake catalog version",
    "only ducklake versions",
    "ducklake version",
    "catalog version mismatch",
)
_DAMAGED_WORDS = (
    "file is not a database",
    "disk image is malformed",
    "unable to open database",
    "creating a new ducklake is explicitly disabled",
    "no magic bytes",
    "too small to be a parquet file",
    "invalid footer",
    "thrift",
    "cannot open file",
    "no such table",
    "does not exist!",
    "failed to read file",
    _AMBIGUOUS,
)
_FORBIDDEN_WORDS = ("permission denied", "readonly database", "read-only file system")
_TOO_MANY_WORDS = ("too many open files",)
_NO_MEMORY_WORDS = ("out of memory",)
# The first that fits is meant: a file that may not be opened, or not now, is not damaged.
_MEANINGS: tuple[tuple[tuple[str, ...], type[WorkbenchError], str], ...] = (
    (_BUSY_WORDS, StoreBusyError, "Another process keeps {place} locked; try again in a moment."),
    (
        _NEWER_WORDS,
        DeskVersionError,
        "{place} was written by a newer version of Workbench; install that version or restore a backup.",
    ),
    (
        _NO_MEMORY_WORDS,
        SettingsError,
        "A query needs more memory than `store.memory_limit` allows; raise that setting.",
    ),
    (
        _FORBIDDEN_WORDS,
        DeskHomeError,
        "{place} may not be changed by this user ({said}); change its owner or choose another folder "
        "with --home.",
    ),
    (
        _TOO_MANY_WORDS,
        StoreBusyError,
        "This process has too many files open for {place}; close some desks, or raise `ulimit -n`.",
    ),
    (
        _DAMAGED_WORDS,
        DeskHomeError,
        "{place} is damaged ({said}); restore the desk from a backup into a new folder.",
    ),
)


def is_storage_full(error: BaseException) -> bool:
    """Say whether an error of the system, DuckDB or SQLite means that the disk is full."""
    if isinstance(error, OSError) and error.errno in _FULL_NUMBERS:
        return True
    return any(word in str(error).lower() for word in _FULL_WORDS)


def is_busy(error: BaseException) -> bool:
    """Say whether an error means that another process holds SQLite's lock at this moment."""
    return any(word in str(error).lower() for word in _BUSY_WORDS)


def translate(error: Exception, place: Path) -> Exception:
    """Turn a database's error into the desk's; one that says nothing to a user comes back as it is."""
    if isinstance(error, WorkbenchError):
        return error
    given = error
    # SQLAlchemy's own text repeats the values of the statement, and those are the user's words.
    error = getattr(error, "orig", None) or error
    if is_storage_full(error) or (_AMBIGUOUS in str(error).lower() and _has_no_room(place)):
        return StorageFullError(
            f"The disk that holds {place} is full; nothing was written. Free some space and try again."
        )
    text = str(error).lower()
    for words, kind, sentence in _MEANINGS:
        if any(word in text for word in words):
            return kind(sentence.format(place=place, said=_first_line(error)))
    return given


def _first_line(error: Exception) -> str:
    """Return what a database says first; hints and the statement follow in further lines."""
    return str(error).strip().splitlines()[0].removesuffix("!")[:300]


def _has_no_room(place: Path) -> bool:
    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return True
    folder = next(parent for parent in (place, *place.parents) if parent.exists())
    return shutil.disk_usage(folder).free < _NO_ROOM
