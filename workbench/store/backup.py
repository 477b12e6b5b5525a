"""Export a desk to one file and restore it elsewhere, while others go on using it.

An archive is a plain tar: ``manifest.json`` first, then the lake, the ledger, the settings, reports and
alerts. Not in it: logs, and the live table, which its feed rebuilds.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from workbench.errors import BackupError, DeskVersionError, StorageFullError
from workbench.store.connection import CATALOG
from workbench.store.durable import files_below, sync_files
from workbench.store.failures import is_storage_full
from workbench.store.lake import open_as_it_is as open_lake
from workbench.store.layout import FORMAT_FILE
from workbench.store.ledger import Ledger
from workbench.store.ledger import open_as_it_is as open_ledger
from workbench.store.lock import StoreLock
from workbench.store.types import utc_of

__all__ = ["Manifest", "content_hashes", "export_desk", "restore_desk"]

_FORMAT = 1
_MANIFEST = "manifest.json"
_LAKE, _LEDGER = "lake", "ledger.sqlite"
# Logs and what is known of services now are the machine's; the live table is rebuilt from its feed.
_LEFT_OUT = ("logs", "transport", "live.sqlite", _LAKE, _LEDGER)
_LOCK_TIMEOUT = 300.0
_PIECE = 2**20
_COPY_CATALOG = """
import sqlite3, sys
with sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=30) as source:
    source.execute("VACUUM INTO ?", (sys.argv[2],))
    # A copy made so has lost the mode, and a reader may not set it.
    copy = sqlite3.connect(sys.argv[2])
    copy.execute("PRAGMA journal_mode = WAL")
    copy.close()
    files = source.execute("SELECT path FROM ducklake_data_file UNION SELECT path FROM ducklake_delete_file")
    for (path,) in files:
        print(path)
"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds.

    Attributes
    ----------
    format : int
        The layout of the archive.
    made_at : str
        When it was made, as given by the caller; ISO, UTC.
    content : mapping
        A hash of the rows of each table, as `content_hashes` gives them: equal rows, equal hashes.
    files : mapping
        The SHA-256 of each file in the archive by its path.
    """

    format: int
    made_at: str
    content: Mapping[str, str]
    files: Mapping[str, str]


def content_hashes(home: str | Path) -> dict[str, str]:
    """Hash the rows of every table of a desk, and its other files.

    The hashes do not depend on how rows are spread over files, so compaction does not change them. A desk
    of an older version is hashed as it is: in the tables and columns that it has.

    Parameters
    ----------
    home : str or Path
        The desk's folder. Beside writers each table is hashed at a slightly different instant.

    Returns
    -------
    dict
        Hash by name: ``lake/daily_bars``, ``ledger/fills``, ``files/settings.toml``...
    """
    place = Path(home).expanduser().absolute()
    hashes = {}
    with open_lake(place / _LAKE) as lake:
        hashes.update({f"lake/{table}": value for table, value in lake.content_hashes().items()})
    with open_ledger(place / _LEDGER) as ledger:
        hashes.update({f"ledger/{table}": value for table, value in ledger.content_hashes().items()})
    for path in _other_files(place):
        hashes[f"files/{path.relative_to(place).as_posix()}"] = _hash_file(path)
    return hashes


def export_desk(home: str | Path, archive_path: str | Path, at: datetime) -> Manifest:
    """Write a desk into one archive, as it was at one instant.

    Writers wait only while the catalog and the ledger are copied and the data files linked; the
    data files never change once written.

    Parameters
    ----------
    home : str or Path
        The desk's folder.
    archive_path : str or Path
        The file to make; it must not exist.
    at : datetime
        The time to write into the manifest, with a time zone.

    Raises
    ------
    BackupError
        If there is no desk, or the archive exists already.
    StorageFullError
        If there is no room; no archive is left behind.
    """
    place, target = Path(home).expanduser().absolute(), Path(archive_path).expanduser().absolute()
    if not (place / _LAKE / FORMAT_FILE).exists() or not (place / _LEDGER).exists():
        raise BackupError(f"There is no desk in {place}; name the folder that holds {_LEDGER}.")
    if target.exists():
        raise BackupError(f"{target} exists already; name a new file.")
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}; make it, or name another.")
    with _room_at(target.parent), _export_lock(place):
        staged = place / _LAKE / "export"
        shutil.rmtree(staged, ignore_errors=True)  # of an export that was killed
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            staged.mkdir()
            _stage(place, staged)
            manifest = Manifest(
                format=_FORMAT,
                made_at=utc_of(at).isoformat(),
                content=content_hashes(staged),
                files={
                    path.relative_to(staged).as_posix(): _hash_file(path)
                    for path in map(Path, sorted(files_below(staged)))
                    if not _is_scratch(path, staged)
                },
            )
            _pack(partial, staged, manifest)
            sync_files({partial}, target.parent)
            partial.replace(target)
            sync_files(set(), target.parent)
        finally:
            partial.unlink(missing_ok=True)
            shutil.rmtree(staged, ignore_errors=True)
    return manifest


def restore_desk(archive: str | Path, home: str | Path) -> Manifest:
    """Make a desk from an archive, and check it against the archive's own hashes.

    Parameters
    ----------
    archive : str or Path
        A file that `export_desk` made.
    home : str or Path
        The folder to make; it must not exist, or be empty.

    Raises
    ------
    BackupError
        If `home` holds something, or the archive is damaged; nothing is left behind.
    DeskVersionError
        If a newer version made the archive.
    StorageFullError
        If there is no room.
    """
    source, target = Path(archive).expanduser().absolute(), Path(home).expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target} is not empty; restore into a new folder, nothing is overwritten.")
    if not source.is_file():
        raise BackupError(f"There is no archive {source}; name the file that the export made.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _room_at(target.parent):
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            manifest = _unpack(source, fresh)
            found = content_hashes(fresh)
            if found != manifest.content:
                wrong = sorted(
                    name
                    for name in {*found, *manifest.content}
                    if found.get(name) != manifest.content.get(name)
                )
                raise BackupError(
                    f"{source} does not give back what was exported ({wrong[0]} differs); "
                    "use another archive."
                )
            for path in map(Path, files_below(fresh)):
                if _is_scratch(path, fresh):
                    path.unlink()
            sync_files(files_below(fresh), fresh)
            fresh.chmod(0o755)
            fresh.replace(target)
            sync_files(set(), target.parent)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return manifest


def _stage(place: Path, staged: Path) -> None:
    """Make a small desk at `staged` that shares its data files with the one at `place`."""
    (staged / _LAKE).mkdir()
    with (
        StoreLock(place / _LAKE / "lock").hold("exporting the desk", _LOCK_TIMEOUT),
        Ledger.open(place / _LEDGER) as ledger,
        ledger.held_still(),
    ):
        ledger.copy_to(staged / _LEDGER)
        names = _copy_catalog(place / _LAKE / CATALOG, staged / _LAKE / CATALOG)
        for path in map(Path, files_below(place / _LAKE / "data")):
            if path.name in names:
                _link(path, staged / path.relative_to(place))
    (staged / _LAKE / "data").mkdir(exist_ok=True)
    shutil.copy2(place / _LAKE / FORMAT_FILE, staged / _LAKE / FORMAT_FILE)
    for path in _other_files(place):
        copy = staged / path.relative_to(place)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)


def _copy_catalog(catalog: Path, copy: Path) -> set[str]:
    """Copy the catalog, and return the names of the data files that it speaks of.

    In a process of its own: DuckDB brings a second SQLite library, and two of them with the same
    file in one process take away each other's locks.
    """
    answer = subprocess.run(  # noqa: S603 - our own program, with two paths
        [sys.executable, "-I", "-c", _COPY_CATALOG, str(catalog), str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        words = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        if is_storage_full(OSError(words)):
            raise StorageFullError(f"The disk that holds {copy} is full; nothing was exported.")
        raise BackupError(f"The lake's catalog {catalog} cannot be copied ({words}); try again.")
    return {PurePosixPath(line).name for line in answer.stdout.splitlines()}


def _link(path: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, copy)
    except OSError as error:
        if is_storage_full(error):
            raise
        shutil.copy2(path, copy)  # a file system without links


def _other_files(place: Path) -> list[Path]:
    found = []
    for path in place.iterdir():
        if path.name.startswith((".", *_LEFT_OUT)) or path.is_symlink():
            continue
        if path.is_file():
            found.append(path)
        else:
            found.extend(inner for inner in map(Path, files_below(path)) if not inner.is_symlink())
    return sorted(found)


def _is_scratch(path: Path, root: Path) -> bool:
    """Say whether a file only serves open connections: locks, and SQLite's files beside a database."""
    name = path.relative_to(root).as_posix()
    return name.endswith(("-wal", "-shm")) or name.startswith((f"{_LAKE}/lock", f"{_LEDGER}.lock"))


def _pack(target: Path, staged: Path, manifest: Manifest) -> None:
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True).encode()
    with tempfile.TemporaryFile() as beside, tarfile.open(target, "x", format=tarfile.PAX_FORMAT) as tar:
        beside.write(text)
        beside.seek(0)
        entry = tarfile.TarInfo(_MANIFEST)
        entry.size = len(text)
        tar.addfile(entry, beside)
        for name in manifest.files:
            tar.add(staged / name, arcname=name, recursive=False)


def _unpack(source: Path, fresh: Path) -> Manifest:
    try:
        with tarfile.open(source, "r:") as tar:
            manifest = _read_manifest(tar, source)
            missing = dict(manifest.files)
            for entry in tar:
                if entry.name == _MANIFEST and entry.offset == 0:
                    continue
                if entry.name not in missing or not entry.isfile():
                    raise BackupError(
                        f"{source} holds {entry.name!r}, which it does not list; it is damaged."
                    )
                content = tar.extractfile(entry)
                if content is None or _write_and_hash(content, fresh, entry.name) != missing.pop(entry.name):
                    raise BackupError(f"{entry.name} in {source} is damaged; use another archive.")
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"{source} is no whole archive of a desk ({error}); use another one.") from error
    if missing:
        raise BackupError(f"{source} lacks {next(iter(missing))}; it was cut short, use another archive.")
    return manifest


def _read_manifest(tar: tarfile.TarFile, source: Path) -> Manifest:
    entry = tar.next()
    content = tar.extractfile(entry) if entry is not None and entry.name == _MANIFEST else None
    if content is None:
        raise BackupError(f"{source} is no archive of a desk: its first entry is not {_MANIFEST}.")
    try:
        document: dict[str, Any] = json.load(content)
        if int(document["format"]) > _FORMAT:
            raise DeskVersionError(
                f"{source} was made by a newer version of Workbench; restore it with that version."
            )
        manifest = Manifest(**document)
        if not isinstance(manifest.files, dict) or not isinstance(manifest.content, dict):
            raise TypeError("it lists no files")
        return manifest
    except (ValueError, TypeError, KeyError) as error:
        raise BackupError(
            f"The manifest in {source} cannot be read ({error}); use another archive."
        ) from error


def _write_and_hash(content: IO[bytes], fresh: Path, name: str) -> str:
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or ".." in parts:
        raise BackupError(f"The archive names the path {name!r}, outside of the desk; do not trust it.")
    path = fresh.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("xb") as file:
        while piece := content.read(_PIECE):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _export_lock(place: Path) -> Iterator[None]:
    with StoreLock(place / _LAKE / "export.lock").hold("exporting the desk", _LOCK_TIMEOUT):
        yield


@contextmanager
def _room_at(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageFullError) or not is_storage_full(error):
            raise
        raise StorageFullError(
            f"The disk that holds {folder} is full; nothing is left behind. Free some space and try again."
        ) from error
