"""A scheduled run in a process of its own, which can be watched, stopped, and killed with all it started."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import psutil

from workbench.desk.jobs import Pipeline, run_pipeline, this_process
from workbench.desk.logs import (
    CORRELATION_VARIABLE,
    bind_correlation_id,
    child_environment,
    configure_logging,
)
from workbench.desk.outbox import open_channels
from workbench.errors import WorkbenchError
from workbench.settings import load_settings
from workbench.store import Ledger

_TAIL_BYTES = 4000


@dataclass(slots=True)
class RunProcess:
    """One scheduled run, begun by `start`; `identity` is what the ledger keeps of its process."""

    process: "subprocess.Popen[bytes]"
    pipeline: str
    scheduled_for: datetime
    time_limit: timedelta
    started_at: datetime
    identity: dict[str, Any]
    complaints: Path
    deadline: float

    @classmethod
    def start(cls, home: Path, pipeline: Pipeline, scheduled_for: datetime, *, patience: float) -> Self:
        """Start a run; it is overdue `patience` seconds after its own time limit."""
        complaints = home / "logs" / f"run-{pipeline.name}.log"
        complaints.parent.mkdir(parents=True, exist_ok=True)
        module = ["-m", "workbench.desk.run_process"]
        command = [sys.executable, *module, str(home), pipeline.name, scheduled_for.isoformat()]
        with complaints.open("wb") as stderr:
            # In a session of its own the whole group can be killed, and the worker's Ctrl-C is not its own.
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=child_environment() | {CORRELATION_VARIABLE: uuid4().hex},
                start_new_session=True,
            )
        limit = pipeline.settings.time_limit
        return cls(
            process=process,
            pipeline=pipeline.name,
            scheduled_for=scheduled_for,
            time_limit=limit,
            started_at=datetime.now(UTC),
            identity={**this_process(), "pid": process.pid},
            complaints=complaints,
            deadline=time.monotonic() + limit.total_seconds() + patience,
        )

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """What the process ended with, negative for a signal; None while it runs."""
        return self.process.poll()

    @property
    def overdue(self) -> bool:
        """Whether it should have ended itself by now."""
        return time.monotonic() > self.deadline

    def ask_to_stop(self) -> None:
        """Ask the run to end, which marks it as interrupted."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Wait for its end, so long at most."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(seconds, 0.0))

    def kill(self) -> None:
        """End it and all that it started, now."""
        if self.exit_code is None:
            kill_family(self.pid)
        self.process.wait()

    def ending(self) -> str:
        """Say in a sentence how the process ended, for a run that it could not finish itself."""
        code = self.exit_code
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return f"The process of `{self.pipeline}` was ended by {name}; see {self.complaints}."
        said = _last_line(self.complaints)
        return f"The process of `{self.pipeline}` ended with code {code}" + (f": {said}" if said else ".")


def kill_family(pid: int) -> None:
    """Kill a process group, and the kernels of it, which jupyter_client puts into sessions of their own."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for each in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def out_of_time(pipeline: str, limit: timedelta) -> str:
    """Say that a run had to be killed at its limit."""
    return f"`{pipeline}` did not answer after its time limit of {limit.total_seconds():g} s and was killed."


def _last_line(path: Path) -> str:
    try:
        text = path.read_bytes()[-_TAIL_BYTES:].decode("utf-8", errors="replace")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def main(home: str, pipeline: str, scheduled_for: str) -> int:
    """Run one scheduled pipeline in this process; return its exit code."""
    # A stopping worker asks with SIGTERM: as an exception it lets the run be marked before it ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    folder = Path(home)
    settings = load_settings(folder)
    configure_logging(folder, settings.logs.level)
    bind_correlation_id()
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        channels = open_channels(ledger, folder)
        try:
            run = run_pipeline(
                ledger, folder, settings, pipeline, channels=channels, scheduled_for=scheduled_for
            )
        except WorkbenchError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0 if run.succeeded else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
