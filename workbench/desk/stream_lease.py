"""Who streams a service on a desk: one process at a time, known by its number and its beginning."""

import os
import platform
from datetime import UTC, datetime
from uuid import uuid4

import psutil

from workbench.errors import StoreBusyError
from workbench.store import Ledger

LEASE = "stream:"
LEASE_SECONDS = 15.0
_SAME_START_SECONDS = 2.0


def take_lease(ledger: Ledger, service: str, holder: str) -> None:
    """Take a service for this process; one whose process has died is taken over at once.

    Raises
    ------
    StoreBusyError
        If another process streams the service on this desk.
    """
    name, leases = LEASE + service, ledger.leases
    other = leases.holder(name, datetime.now(UTC))
    if other is not None and _is_gone(other):
        leases.release(name, other)
    if not leases.acquire(name, holder, datetime.now(UTC), LEASE_SECONDS):
        raise StoreBusyError(
            f"Process {process_of(other)} streams {service} on this desk already; "
            f"`workbench stream {service} --stop` ends it."
        )


def keep_lease(ledger: Ledger, service: str, holder: str) -> bool:
    """Renew a lease; return False where another process has it by now."""
    return ledger.leases.acquire(LEASE + service, holder, datetime.now(UTC), LEASE_SECONDS)


def stream_holder(ledger: Ledger, service: str) -> str | None:
    """Return the process that streams a service on this desk, if one does and lives."""
    holder = ledger.leases.holder(LEASE + service, datetime.now(UTC))
    return None if holder is None or _is_gone(holder) else holder


def process_of(holder: str | None) -> int:
    """Return the number of the process in a holder's name; 0 where there is none."""
    parts = (holder or "").split(":")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


def new_holder() -> str:
    """Return a name for this process that no other ever has."""
    started = int(psutil.Process().create_time())
    return f"{platform.node()}:{os.getpid()}:{started}:{uuid4().hex[:8]}"


def _is_gone(holder: str) -> bool:
    """Say whether a holder is a process of this machine that has ended; of other machines nobody knows."""
    parts = holder.split(":")
    if len(parts) < 3 or parts[0] != platform.node() or not parts[1].isdigit() or not parts[2].isdigit():
        return False
    try:
        process = psutil.Process(int(parts[1]))
        is_same = abs(process.create_time() - int(parts[2])) < _SAME_START_SECONDS
        return not is_same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
