"""Every error that Workbench raises on purpose: what was wrong, where, and what to do.

Each also inherits the built-in that a caller would expect, so ``except ValueError`` works too.
"""

from datetime import datetime
from typing import Any


class WorkbenchError(Exception):
    """The base of all errors that carry a sentence for the user."""


class ArgumentError(WorkbenchError, ValueError):
    """An argument has a value that cannot be used."""


class PricingInputError(WorkbenchError, ValueError):
    """An option cannot be priced from the values given."""


class RiskInputError(WorkbenchError, ValueError):
    """A risk figure cannot be computed from the values given."""


class BacktestInputError(WorkbenchError, ValueError):
    """A backtest cannot run on the values given."""


class DataFormatError(WorkbenchError, ValueError):
    """A file or frame is not of the shape it claims."""


class DateInputError(WorkbenchError, ValueError):
    """A date or time cannot be read, or is not one that the question allows."""


class RuleError(WorkbenchError, ValueError):
    """An alert rule document cannot be used."""


class UnknownSymbolError(WorkbenchError, LookupError):
    """The desk has no bars of a symbol."""


class MissingDataError(WorkbenchError, LookupError):
    """The desk lacks the data that a question needs."""


class UnknownPipelineError(WorkbenchError, LookupError):
    """No pipeline has that name."""


class UnknownProviderError(WorkbenchError, LookupError):
    """No provider has that name."""


class SettingsError(WorkbenchError, ValueError):
    """A setting has a value that cannot be used; the old one is kept."""


class DeskHomeError(WorkbenchError, ValueError):
    """A folder cannot hold a desk."""


class DeskVersionError(WorkbenchError, RuntimeError):
    """A desk was made by a newer version, or by a package that this one cannot read."""


class StoreBusyError(WorkbenchError, TimeoutError):
    """Another process holds the store for longer than the limit."""


class StorageFullError(WorkbenchError, OSError):
    """The disk has no room; nothing was written."""


class BackupError(WorkbenchError, ValueError):
    """A backup cannot be made or read back; nothing was changed."""


class PermissionDeniedError(WorkbenchError, PermissionError):
    """The desk's role does not allow the action."""


class MissingKernelError(WorkbenchError, RuntimeError):
    """No Jupyter kernel is there to run a notebook."""


class PipelineError(WorkbenchError, RuntimeError):
    """A pipeline run failed; its partial notebook is kept."""


class PipelineTimeoutError(PipelineError, TimeoutError):
    """A pipeline run was ended at its time limit; its partial notebook is kept."""


class ScheduleError(WorkbenchError, ValueError):
    """The schedule beside a pipeline cannot be used."""


class PortInUseError(WorkbenchError, OSError):
    """Another program listens on the port."""


class ChannelError(WorkbenchError, OSError):
    """A channel could not deliver a message; the outbox tries again."""


class ServerSettingsError(WorkbenchError, ValueError):
    """The server's settings would leave a door open."""


class SecretsError(WorkbenchError, ValueError):
    """The keys of the services cannot be read or kept; those kept before stay."""


class UnsupportedError(WorkbenchError, LookupError):
    """A provider does not have data of that kind."""


class ServiceError(WorkbenchError, OSError):
    """An outside service did not give what was asked.

    Attributes
    ----------
    service : str
        The service as people call it, as in ``Alpaca``.
    state : str
        What a user sees in place of an error: "not_connected", "needs_login", "rate_limited",
        "unreachable", "refused" or "bad_answer".
    retry_at : datetime or None
        With a time zone; when asking again makes sense, where the service tells it.
    """

    state = "unreachable"

    def __init__(self, message: str, *, service: str = "", retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.service = service
        self.retry_at = retry_at


class NotConnectedError(ServiceError):
    """The desk has no keys of the service."""

    state = "not_connected"


class NeedsLoginError(ServiceError):
    """The service takes the keys no more, or wants its user to log in."""

    state = "needs_login"


class RateLimitedError(ServiceError):
    """The service wants fewer calls; `retry_at` says when it answers again."""

    state = "rate_limited"


class ServiceUnavailableError(ServiceError):
    """The service could not be reached, broke off or is out of order."""

    state = "unreachable"


class SocketClosedError(ServiceUnavailableError):
    """A socket is closed; `code` and `reason` are the close frame's, if there was one."""

    def __init__(self, message: str, *, service: str = "", code: int | None = None, reason: str = "") -> None:
        super().__init__(message, service=service)
        self.code = code
        self.reason = reason


class ServiceRefusedError(ServiceError, PermissionError):
    """The service refused the call: the plan does not hold it, or it cannot be answered."""

    state = "refused"

    def __init__(self, message: str, *, service: str = "", status_code: int | None = None) -> None:
        super().__init__(message, service=service)
        self.status_code = status_code


class ServiceAnswerError(ServiceError, ValueError):
    """The service answered something that its protocol does not know."""

    state = "bad_answer"


class IncompleteAnswerError(ServiceError):
    """An answer broke off; `rows` holds what had come by then, `state` says why it ended."""

    def __init__(self, message: str, *, rows: Any, cause: ServiceError) -> None:
        super().__init__(message, service=cause.service, retry_at=cause.retry_at)
        self.rows = rows
        self.cause = cause
        self.state = cause.state
