"""Publish a run's files: a reader sees the whole folder or nothing, and one page lists all reports."""

import contextlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from filelock import FileLock

from workbench.errors import StorageFullError
from workbench.reports.templates import template

OUTPUTS_FILE = "outputs.json"
RUN_FILE = "run.json"
NOTEBOOK_FILE = "notebook.ipynb"
INDEX_FILE = "index.html"
SHOWN_RUNS = 200
_DISK_FULL = 28
_LOCK_SECONDS = 30


def run_folder(reports: Path, pipeline: str, run_id: str) -> Path:
    """Return where a run's files lie once they are published."""
    return reports / pipeline / run_id


def staging_folder(reports: Path, pipeline: str, run_id: str) -> Path:
    """Return where a run's files grow; hidden, and beside its final place so that one rename publishes it."""
    return reports / pipeline / f".{run_id}.partial"


def publish_folder(staging: Path, folder: Path) -> Path:
    """Make the files of `staging` durable and give them their final name in one step.

    Parameters
    ----------
    staging : Path
        A folder on the same file system as `folder`, as `staging_folder` gives it.
    folder : Path
        The final place. When it is there already the run was published before, and nothing is done.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    StorageFullError
        If the disk has no room; nothing was published.
    """
    if folder.exists():
        return folder
    with _plain_disk_errors(folder):
        for file in staging.rglob("*"):
            if file.is_file():
                _sync(file)
        _sync(staging)
        staging.replace(folder)
        _sync(folder.parent)
    return folder


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write a file so that a reader sees the old one or the new one, never a part; return its path.

    Raises
    ------
    StorageFullError
        If the disk has no room; the old file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    with _plain_disk_errors(path):
        temporary = path.with_name(f".{path.name}.{uuid4().hex}.new")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return path


def write_json(path: Path, document: Mapping[str, Any]) -> Path:
    """Write a document as JSON; what is not a number becomes null, times become ISO text."""
    text = json.dumps(_jsonable(document), indent=2, ensure_ascii=False, allow_nan=False)
    return write_atomically(path, text + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the document of a JSON file, or an empty one when it is missing or cut short."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def write_index(reports: Path) -> Path:
    """Write the page that lists all published runs, newest first; return its path.

    Every text on it is escaped: messages and errors may hold what a data file or a server said.
    """
    reports.mkdir(parents=True, exist_ok=True)
    # Two runs that end together would otherwise leave the page of the one that looked first.
    with FileLock(reports / ".index.lock", timeout=_LOCK_SECONDS):
        entries = [_entry(file) for file in reports.glob(f"*/*/{RUN_FILE}") if not _hidden(file.parent)]
        entries.sort(key=lambda entry: (entry["started_at"], entry["id"]), reverse=True)
        page = template("index.html.j2").render(
            entries=entries[:SHOWN_RUNS], more=max(len(entries) - SHOWN_RUNS, 0)
        )
        return write_atomically(reports / INDEX_FILE, page)


def _entry(run_file: Path) -> dict[str, Any]:
    """Return one line of the index from what lies in a run's folder."""
    folder = run_file.parent
    run = read_json(run_file)
    outputs = read_json(folder / OUTPUTS_FILE)
    address = f"{quote(folder.parent.name)}/{quote(folder.name)}"
    links = [
        (label, f"{address}/{name}")
        for label, name in (
            ("report", "report.html"),
            ("xlsx", "report.xlsx"),
            ("PDF", "report.pdf"),
            ("notebook", NOTEBOOK_FILE),
        )
        if (folder / name).is_file()
    ]
    started = str(run.get("started_at") or "")
    return {
        "id": str(run.get("id") or folder.name),
        "pipeline": folder.parent.name,
        "status": str(run.get("status") or "unknown"),
        "started_at": started,
        "started": started[:16].replace("T", " "),
        "as_of": str(outputs.get("as_of_text") or ""),
        "message": str(outputs.get("message") or run.get("error") or ""),
        "links": links,
    }


def _hidden(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.parent.name.startswith(".")


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(each) for each in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) else str(value)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _plain_disk_errors(path: Path) -> Any:
    try:
        yield
    except OSError as error:
        if error.errno == _DISK_FULL:
            raise StorageFullError(
                f"The disk has no room for {path}; free some space and run it again. Nothing was published."
            ) from error
        raise
