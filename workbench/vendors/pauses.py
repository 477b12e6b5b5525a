"""When to ask a service again that wants fewer calls and does not say until when."""

from datetime import UTC, datetime, timedelta

import httpx

from workbench.errors import RateLimitedError
from workbench.transport.answers import error_of, retry_at_of

_LONGEST_SECONDS = 30.0


class GrowingPause:
    """Counts refusals in a row; each waits twice as long as the one before, up to half a minute.

    Parameters
    ----------
    service, label : str
        The service's name on the command line, and what people call it.
    """

    def __init__(self, service: str, label: str) -> None:
        self._service = service
        self._label = label
        self._refusals = 0

    def error_of(self, answer: httpx.Response) -> RateLimitedError | None:
        """Return the error of an answer 429 with an instant to ask again; None for other answers."""
        if answer.status_code != 429 or retry_at_of(answer) is not None:
            return None
        self._refusals += 1
        pause = min(2.0 ** (self._refusals - 1), _LONGEST_SECONDS)
        told = error_of(answer, name=self._service, label=self._label)
        return RateLimitedError(
            str(told), service=self._label, retry_at=datetime.now(UTC) + timedelta(seconds=pause)
        )

    def over(self) -> None:
        """Note that the service has answered."""
        self._refusals = 0
