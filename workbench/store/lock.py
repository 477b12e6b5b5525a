"""One fair lock that the processes of a desk take before they write.

``flock`` frees a lock when its holder dies, however it dies, and that is why it is used here and not
a row or a file that has to be removed. Alone it is unfair: a busy writer takes it back before the
others wake. So a waiter first draws a ticket, and only the oldest living ticket tries the lock.
"""

import fcntl
import itertools
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.errors import StorageFullError, StoreBusyError
from workbench.store.failures import is_storage_full

__all__ = ["StoreLock"]

_ticket_numbers = itertools.count()
_SHORTEST_WAIT, _LONGEST_WAIT = 0.001, 0.02
# A stopped process may hold the oldest ticket; after this long the others no longer wait for it.
_PATIENCE_WITH_THE_QUEUE = 1.0


class StoreLock:
    """A lock on one folder's writers, across processes and threads, first come first served.

    Parameters
    ----------
    path : Path
        The lock file. Its waiters' tickets lie in a folder beside it, ``<path>.queue``.

    Notes
    -----
    Local disks only: ``flock`` on a network folder is not to be trusted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue = path.with_name(path.name + ".queue")

    @contextmanager
    def hold(self, purpose: str, timeout: float) -> Iterator[None]:
        """Hold the lock for the body of the ``with`` statement.

        Parameters
        ----------
        purpose : str
            What the holder does, shown to those who wait too long.
        timeout : float
            Seconds to wait.

        Raises
        ------
        StoreBusyError
            If another holder keeps the lock for longer than `timeout`.
        """
        descriptor = self._acquire(purpose, timeout)
        try:
            yield
        finally:
            os.close(descriptor)

    def _acquire(self, purpose: str, timeout: float) -> int:
        try:
            self._queue.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _folder_error(self._path, error) from error
        try:
            if not (self._is_queue_empty() and _try_lock(descriptor)):
                self._wait_in_queue(descriptor, timeout)
            _describe_holder(descriptor, purpose)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _is_queue_empty(self) -> bool:
        with os.scandir(self._queue) as entries:
            return next(entries, None) is None

    def _wait_in_queue(self, descriptor: int, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        ticket, ticket_descriptor = self._draw_ticket()
        head, head_since, wait = "", time.monotonic(), _SHORTEST_WAIT
        try:
            while True:
                oldest = self._oldest_living_ticket(ticket.name)
                now = time.monotonic()
                if oldest != head:
                    head, head_since, wait = oldest, now, _SHORTEST_WAIT
                impatient = now - head_since > _PATIENCE_WITH_THE_QUEUE
                if (oldest == ticket.name or impatient) and _try_lock(descriptor):
                    return
                if now > deadline:
                    raise StoreBusyError(
                        f"Another process ({_read_holder(descriptor)}) has kept {self._path.parent} "
                        f"for longer than {timeout:g} s; wait for it to finish, or end it, and try again."
                    )
                time.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
                wait = min(wait * 1.3, _LONGEST_WAIT)
        finally:
            with suppress(OSError):
                ticket.unlink()
            os.close(ticket_descriptor)

    def _draw_ticket(self) -> tuple[Path, int]:
        """Make a ticket and lock it; its name sorts by the time it was drawn."""
        while True:
            number = f"{time.monotonic_ns():020d}-{os.getpid()}-{next(_ticket_numbers)}"
            ticket = self._queue / number
            try:
                descriptor = os.open(ticket, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise _folder_error(ticket, error) from error
            # Between its creation and its lock a ticket looks dead, and another waiter may clear it away.
            if _try_lock(descriptor) and ticket.exists():
                return ticket, descriptor
            os.close(descriptor)

    def _oldest_living_ticket(self, mine: str) -> str:
        for name in sorted(ticket.name for ticket in self._queue.iterdir()):
            if name >= mine:
                break
            try:
                descriptor = os.open(self._queue / name, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                if not _try_lock(descriptor):
                    return name
                with suppress(FileNotFoundError):  # its owner died while it waited
                    (self._queue / name).unlink()
            finally:
                os.close(descriptor)
        return mine


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _describe_holder(descriptor: int, purpose: str) -> None:
    # Only words for an error message: a full disk must not turn them into a failure.
    with suppress(OSError):
        os.pwrite(descriptor, f"process {os.getpid()}, {purpose}".encode()[:120].ljust(120), 0)


def _read_holder(descriptor: int) -> str:
    return os.pread(descriptor, 120, 0).decode(errors="replace").strip() or "unknown"


def _folder_error(path: Path, error: OSError) -> Exception:
    if is_storage_full(error):
        return StorageFullError(
            f"No room to write {path}; free some space and try again. Nothing was written."
        )
    return error
