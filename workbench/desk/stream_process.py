"""Streams in processes: one in the foreground, one as a child of the worker, and how each is asked to end."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from workbench.desk.logs import child_environment, get_logger
from workbench.desk.stream import StreamWorker
from workbench.desk.stream_lease import process_of, stream_holder
from workbench.desk.stream_line import StreamPlan
from workbench.errors import ArgumentError, WorkbenchError
from workbench.settings import load_settings, write_setting
from workbench.store import Ledger

if TYPE_CHECKING:
    from workbench.desk.desk import Desk

ENDED_BY_REQUEST = 0
STOP_SECONDS = 90.0
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_STEADY_SECONDS = 60.0
_TAIL_BYTES = 4000


def stream_here(
    desk: "Desk",
    watch: Mapping[str, Sequence[str]],
    *,
    open_provider: Callable[[str], Any] | None = None,
    on_start: Callable[[StreamWorker], None] | None = None,
) -> bool:
    """Stream in this process until SIGTERM or Ctrl-C; return whether all that came is in the lake.

    Parameters
    ----------
    desk : Desk
        Open as trader.
    watch : mapping
        Symbols by service.
    open_provider : callable, optional
        Returns a service's provider; the desk's own, if not given.
    on_start : callable, optional
        Told the worker before it begins.

    Raises
    ------
    StoreBusyError
        If another process streams one of the services.
    """
    opened = open_provider or desk.provider

    def maker(service: str) -> Callable[[], Any]:
        return lambda: opened(service)

    async def stream() -> bool:
        plans = [StreamPlan(service, tuple(symbols), maker(service)) for service, symbols in watch.items()]
        worker = StreamWorker(desk.home, desk.settings, desk._lake, desk._ledger, plans, follow_settings=True)
        if on_start is not None:
            on_start(worker)
        return await worker.run()

    return asyncio.run(stream())


def remember(home: Path, service: str, symbols: Sequence[str]) -> tuple[str, ...]:
    """Keep what is streamed of a service in the settings, for the next stream and the worker; return it."""
    names = tuple(dict.fromkeys(symbols))
    if not names:
        raise ArgumentError("There is nothing to stream; name symbols, as in `workbench stream alpaca AAPL`.")
    if load_settings(home).stream.watch.get(service) != names:
        write_setting(home, f"stream.watch.{service}", list(names))
    return names


def stop_streams(
    home: Path, ledger: Ledger, services: Sequence[str], *, seconds: float = STOP_SECONDS
) -> list[str]:
    """Ask the processes that stream these services to end, and wait; return the services that had one."""
    holders = {service: stream_holder(ledger, service) for service in services}
    running = {service: holder for service, holder in holders.items() if holder is not None}
    for pid in {process_of(holder) for holder in running.values()} - {0}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + seconds
    left = dict(running)
    while left and time.monotonic() < end:
        time.sleep(0.05)
        left = {
            service: holder for service, holder in left.items() if stream_holder(ledger, service) == holder
        }
    if left:
        raise WorkbenchError(
            f"The stream of {', '.join(left)} did not end within {seconds:g} s; see {home / 'logs'}."
        )
    return sorted(running)


class StreamProcess:
    """The stream of one service as a child process."""

    def __init__(self, home: Path, service: str, command: Sequence[str] | None = None) -> None:
        self.service = service
        self.complaints = home / "logs" / f"stream-{service}.log"
        self.complaints.parent.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        given = command or [sys.executable, "-m", "workbench.desk.stream_process"]
        with self.complaints.open("wb") as stderr:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*given, str(home), service],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=child_environment(),
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs."""
        return self.process.poll()

    def stop(self, seconds: float) -> None:
        """Ask it to end, and kill it when it does not."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """Return the last line that it complained with."""
        try:
            text = self.complaints.read_bytes()[-_TAIL_BYTES:].decode("utf-8", errors="replace")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


class StreamKeeper:
    """Keeps one child process for each remembered service, and starts it again when it dies.

    A stream that was asked to end stays ended until its watch list changes.

    Parameters
    ----------
    home : Path
        The desk's folder.
    ledger : Ledger
        Tells of streams that run elsewhere.
    command : sequence of str, optional
        What to start in place of this module, for tests.
    """

    def __init__(self, home: Path, ledger: Ledger, command: Sequence[str] | None = None) -> None:
        self._home = home
        self._ledger = ledger
        self._command = command
        self._children: dict[str, StreamProcess] = {}
        self._ended: dict[str, tuple[str, ...]] = {}
        self._waits: dict[str, tuple[float, float]] = {}
        self._log = get_logger("worker")

    def look(self) -> None:
        """Start what should run and does not, and settle what has ended."""
        watch = load_settings(self._home).stream.watch
        for service, child in list(self._children.items()):
            if child.exit_code is not None:
                self._settle(service, child, watch.get(service, ()))
        for service, symbols in watch.items():
            if not symbols or service in self._children or self._ended.get(service) == symbols:
                continue
            wait, due = self._waits.get(service, (0.0, 0.0))
            if time.monotonic() < due or stream_holder(self._ledger, service) is not None:
                continue
            self._ended.pop(service, None)
            self._children[service] = StreamProcess(self._home, service, self._command)
            self._waits[service] = wait, 0.0
            self._log.info("stream_begins", service=service, pid=self._children[service].process.pid)

    def end(self, seconds: float = STOP_SECONDS) -> None:
        """Ask all to end, with what they have in the lake, and wait."""
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.process.terminate()
        for child in self._children.values():
            child.stop(seconds)
        self._children.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _settle(self, service: str, child: StreamProcess, symbols: tuple[str, ...]) -> None:
        del self._children[service]
        if child.exit_code == ENDED_BY_REQUEST:
            self._ended[service] = symbols
            self._log.info("stream_ended", service=service)
            return
        steady = time.monotonic() - child.started > _STEADY_SECONDS
        wait = _FIRST_WAIT if steady else min(max(self._waits[service][0] * 2, _FIRST_WAIT), _LONGEST_WAIT)
        self._waits[service] = wait, time.monotonic() + wait
        self._log.warning(
            "stream_died", service=service, code=child.exit_code, said=child.last_words(), again_in=wait
        )


def main(home: str, service: str) -> int:
    """Stream one remembered service in this process; return its exit code."""
    from workbench.desk.desk import Desk

    try:
        with Desk.open(home, role="trader") as desk:
            symbols = desk.settings.stream.watch.get(service, ())
            done = stream_here(desk, {service: symbols}) if symbols else True
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return ENDED_BY_REQUEST if done else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
