"""What state each service is in, known to every process of a desk: also the circuit breaker.

After some failures in a row the circuit opens: calls fail at once instead of waiting for a dead service.
When its time is over one call after another may try; the first success closes it, a failure opens it for
twice as long (Nygard 2007, Release It!, "Circuit Breaker").
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

CONNECTED = "connected"
FAILURES_TO_OPEN = 5
FIRST_REST = timedelta(seconds=15)
LONGEST_REST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service as the desk last found it.

    Attributes
    ----------
    state : str
        "unknown" before the first call, "connected", or the state of a `ServiceError`.
    detail : str
        A sentence for a user; without secrets.
    since : datetime or None
        When it came into this state, in UTC.
    retry_at : datetime or None
        Before this instant a call makes no sense.
    failures : int
        Calls that failed in a row because nobody answered.
    """

    state: str = "unknown"
    detail: str = ""
    since: datetime | None = None
    retry_at: datetime | None = None
    failures: int = 0


class ServiceStates:
    """The states of all services, in one small file beside the desk, or in memory.

    Losing the file loses nothing: the next call finds the state again.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / "states.sqlite"
        self._memory: dict[str, ServiceState] = {}
        self._lock = threading.Lock()

    def get(self, service: str) -> ServiceState:
        """Return a service's state."""
        return self.all().get(service, ServiceState())

    def all(self) -> dict[str, ServiceState]:
        """Return every service that was ever called."""
        if self._path is None:
            return dict(self._memory)
        if not self._path.exists():
            return {}
        with self._opened() as file:
            rows = file.execute("SELECT service, state, detail, since, retry_at, failures FROM states")
            return {
                name: ServiceState(state, detail, _instant(since), _instant(retry_at), failures)
                for name, state, detail, since, retry_at, failures in rows
            }

    def succeeded(self, service: str) -> None:
        """Note that a service answered."""
        known = self.get(service)
        if known.state != CONNECTED or known.failures or known.retry_at:
            self._put(service, ServiceState(CONNECTED, "", datetime.now(UTC)))

    def set(self, service: str, state: str, detail: str = "", *, retry_at: datetime | None = None) -> None:
        """Note a state that is no failure to answer, such as a login that is needed."""
        known = self.get(service)
        if (known.state, known.detail, known.retry_at) == (state, detail, retry_at):
            return
        since = known.since if known.state == state else datetime.now(UTC)
        self._put(service, ServiceState(state, detail, since, retry_at, known.failures))

    def failed(self, service: str, detail: str) -> None:
        """Note that a service did not answer; enough of it in a row opens the circuit."""
        known, now = self.get(service), datetime.now(UTC)
        failures = known.failures + 1
        rest = None
        if failures >= FAILURES_TO_OPEN:
            doubled = FIRST_REST * 2 ** min(failures - FAILURES_TO_OPEN, 10)
            rest = now + min(doubled, LONGEST_REST)
        since = known.since if known.state == "unreachable" else now
        self._put(service, ServiceState("unreachable", detail, since, rest, failures))

    def forget(self, service: str) -> None:
        """Forget a service, as when its keys are changed."""
        self._memory.pop(service, None)
        if self._path is not None and self._path.exists():
            with self._opened() as file:
                file.execute("DELETE FROM states WHERE service = ?", (service,))

    def _put(self, service: str, state: ServiceState) -> None:
        if self._path is None:
            self._memory[service] = replace(state)
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._opened() as file:
            file.execute(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, ?)",
                (
                    service,
                    state.state,
                    state.detail,
                    _text(state.since),
                    _text(state.retry_at),
                    state.failures,
                ),
            )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        assert self._path is not None  # noqa: S101 - callers have looked
        with self._lock, contextlib.closing(sqlite3.connect(self._path, timeout=10)) as file:
            file.execute("PRAGMA synchronous = OFF")
            file.execute(
                "CREATE TABLE IF NOT EXISTS states (service TEXT PRIMARY KEY, state TEXT, detail TEXT, "
                "since TEXT, retry_at TEXT, failures INTEGER)"
            )
            with file:
                yield file


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
