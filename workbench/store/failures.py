"""What the databases' own error messages mean to a user of the desk."""

import errno
import resource
import shutil
from pathlib import Path

from workbench.errors import DeskVersionError, StorageFullError, StoreBusyError, WorkbenchError

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
    if is_busy(error):
        return StoreBusyError(f"Another process keeps {place} locked; try again in a moment.")
    if any(word in str(error).lower() for word in _NEWER_WORDS):
        return DeskVersionError(
            f"{place} was written by a newer version of Workbench; install that version or restore a backup."
        )
    return given


def _has_no_room(place: Path) -> bool:
    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return True
    folder = next(parent for parent in (place, *place.parents) if parent.exists())
    return shutil.disk_usage(folder).free < _NO_ROOM
