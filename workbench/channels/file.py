"""Alerts as files in a folder: one JSON file a message, whole or not there."""

import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.channels.base import message_key
from workbench.errors import ChannelError

_LONGEST_SLUG = 80


class FileChannel:
    """Writes each message to one JSON file, named by its fact and its key.

    Parameters
    ----------
    folder : path
        Made when the first message comes.

    Notes
    -----
    The file is written beside its place, made durable and renamed, so a reader sees all of it or
    nothing. Its name follows from the key, so a message that is delivered again after a kill finds
    its file and changes nothing.
    """

    name = "file"

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)

    def path_of(self, message: Mapping[str, Any]) -> Path:
        """Return where a message lies: readable words of its fact, and a digest that keeps keys apart."""
        key = message_key(message)
        words = (
            re.sub(r"[^A-Za-z0-9]+", "-", str(message.get("fact_key") or key)).strip("-")[:_LONGEST_SLUG]
            or "alert"
        )
        return self._folder / f"{words}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"

    def deliver(self, message: Mapping[str, Any]) -> None:
        """Write the message; a message whose file is there is delivered already.

        Raises
        ------
        ChannelError
            If the folder cannot be written to, or the message is not JSON.
        """
        path = self.path_of(message)
        try:
            text = json.dumps(dict(message), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ChannelError(f"The message {path.stem} cannot be written as JSON: {error}.") from error
        if path.exists():
            return
        try:
            self._write(path, text + "\n")
        except OSError as error:
            remedy = "free some space" if error.errno == errno.ENOSPC else "check the folder and its rights"
            raise ChannelError(
                f"The alert could not be written to {self._folder}: {error.strerror}; {remedy}."
            ) from error

    def _write(self, path: Path, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        # The dot keeps an unfinished file out of listings of *.json.
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=f".{path.stem}.", suffix=".new")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(path)
        except BaseException as error:
            Path(name).unlink(missing_ok=True)
            if isinstance(error, FileNotFoundError) and path.exists():
                # Another delivery of this message was first, and took our unfinished file for abandoned.
                return
            raise
        self._sync_folder()
        for abandoned in self._folder.glob(f".{path.stem}.*.new"):
            # Left by a process that was killed while it wrote this very message.
            abandoned.unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
