"""How long to wait before a call is made again, and when not to: what stamina asks after each failure."""

import logging
import time
from datetime import UTC, datetime

import stamina

from workbench.errors import RateLimitedError, ServiceUnavailableError

_log = logging.getLogger("workbench.transport")
_LONGEST_PAUSE = 30.0


class CircuitOpenError(ServiceUnavailableError):
    """The service is known not to answer; trying again now is what the breaker is there to prevent."""


class Waits:
    """Says how long to wait before a call is made again, or that it is not: a backoff hook for stamina."""

    def __init__(self, attempts: int, deadline: float) -> None:
        self._attempts = attempts
        self._made = 0
        self._limited = 0
        self.deadline = deadline

    def pause(self, error: Exception) -> bool | float:
        """Return seconds to wait, True for the usual growing pause, or False to give up."""
        if isinstance(error, CircuitOpenError) or self._attempts == 1:
            return False
        if isinstance(error, RateLimitedError):
            return self._until_allowed(error)
        if not isinstance(error, ServiceUnavailableError):
            return False
        self._made += 1
        return self._made < self._attempts and time.monotonic() < self.deadline

    def _until_allowed(self, error: RateLimitedError) -> bool | float:
        self._limited += 1
        if error.retry_at is None:
            pause = min(2.0**self._limited, _LONGEST_PAUSE)
        else:
            # A little later than told: clocks differ.
            pause = max(0.1, (error.retry_at - datetime.now(UTC)).total_seconds() + 0.1)
        return pause if time.monotonic() + pause <= self.deadline else False


def _note_retry(details: stamina.instrumentation.RetryDetails) -> None:
    _log.info("asked again in %.1f s: %s", details.wait_for, details.caused_by)


# Its own hook writes a warning to the terminal for what is waited out and comes right.
stamina.instrumentation.set_on_retry_hooks((_note_retry,))
