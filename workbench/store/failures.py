"""What the databases' own error messages mean to a user of the desk."""

import errno
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
    if is_storage_full(error):
        return StorageFullError(
            f"The disk that holds {place} is full; nothing was written. Free some space and try again."
        )
    if is_busy(error):
        return StoreBusyError(f"Another process keeps {place} locked; try again in a moment.")
    if any(word in str(error).lower() for word in _NEWER_WORDS):
        return DeskVersionError(
            f"{place} was written by a newer version of Workbench; install that version or restore a backup."
        )
    return error
