"""Make new files survive a power cut before the catalog speaks of them."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["discard_files", "files_below", "sync_file", "sync_files", "write_durably"]


def files_below(*folders: Path) -> set[str]:
    """Return the path of every file below the folders; a folder that is not there has none.

    As text: each write asks twice, and a path object for each of thousands of files takes longer
    than the write.
    """
    found: set[str] = set()
    for folder in folders:
        for parent, _, names in os.walk(folder):
            found.update(f"{parent}/{name}" for name in names)
    return found


def sync_files(paths: Iterable[str | Path], root: Path) -> None:
    """Flush files to the disk, and every folder between them and `root`.

    DuckDB syncs the catalog and leaves Parquet files to the system; a power cut could then leave a
    committed file empty. They exist before COMMIT, so they are synced there.
    """
    folders = {root}
    for path in map(Path, paths):
        sync_file(path)
        folders.update(parent for parent in path.parents if root in parent.parents)
    for folder in folders:
        sync_file(folder)


def discard_files(paths: Iterable[str | Path]) -> None:
    """Remove files that no committed row speaks of."""
    for path in map(Path, paths):
        with suppress(OSError):
            path.unlink()


def write_durably(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        sync_file(beside)
        beside.replace(path)
    except BaseException:
        discard_files({beside})
        raise
    sync_file(path.parent)


def sync_file(path: Path) -> None:
    """Flush one file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
