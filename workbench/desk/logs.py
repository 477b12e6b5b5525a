"""Structured logs: one JSON line an event in ``<home>/logs/workbench.jsonl``, shared by every process.

Each line is one append, so lines of several processes never mix; it carries the correlation id that
joins a command to what it caused in kernels, jobs and rows. Secrets are redacted before they are
written. A log that cannot be written never stops the desk.
"""

import contextvars
import json
import logging
import os
import traceback
import uuid
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from filelock import FileLock, Timeout

from workbench.redaction import redact_event

LOG_FILE = "workbench.jsonl"
CORRELATION_VARIABLE = "WORKBENCH_CORRELATION_ID"
LARGEST_FILE = 10 * 2**20
KEPT_FILES = 5
_LONGEST_ID = 64
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}

_correlation: contextvars.ContextVar[str | None] = contextvars.ContextVar("correlation_id", default=None)


class LogFile:
    """A file of lines that several processes append to, turned over at a size.

    Parameters
    ----------
    path : Path
        The newest file; older ones are ``.1`` (the youngest) to ``.5``.
    largest : int
        Bytes after which the file is turned over.
    kept : int
        How many older files stay.
    """

    def __init__(self, path: Path, *, largest: int = LARGEST_FILE, kept: int = KEPT_FILES) -> None:
        self.path = path
        self._largest = largest
        self._kept = kept
        self._lock = FileLock(str(path) + ".lock", timeout=0)

    def append(self, line: str) -> None:
        """Append one line whole; what the disk refuses is dropped."""
        data = line.encode("utf-8", errors="backslashreplace") + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # One write to a file opened for append is one whole line among all processes.
                os.write(handle, data)
                size = os.fstat(handle).st_size
            finally:
                os.close(handle)
            if size >= self._largest:
                self._turn_over()
        except OSError:
            return

    def _turn_over(self) -> None:
        try:
            with self._lock:
                # Another process may have turned the file over since its size was read.
                if self.path.stat().st_size < self._largest:
                    return
                for number in range(self._kept - 1, 0, -1):
                    older = Path(f"{self.path}.{number}")
                    if older.exists():
                        older.replace(f"{self.path}.{number + 1}")
                self.path.replace(f"{self.path}.1")
        except Timeout:
            return


class _Sink:
    """Where this process writes: nowhere until `configure_logging` was called."""

    file: LogFile | None = None
    level: int = _LEVELS["INFO"]


_sink = _Sink()


def configure_logging(home: str | os.PathLike[str], level: str = "INFO") -> Path:
    """Write this process's log to the desk in `home`, from `level` upwards; return the file.

    Records of Python's own logging join it: those of Workbench at the same level, those of other
    packages from WARNING upwards. Calling it again moves the log.

    Parameters
    ----------
    home : path
        The desk's folder.
    level : {"DEBUG", "INFO", "WARNING", "ERROR"}
        The least level that is kept.
    """
    path = Path(home) / "logs" / LOG_FILE
    _sink.file = LogFile(path)
    _sink.level = _LEVELS[level]
    # A handler that is there already is not added twice.
    logging.getLogger().addHandler(_handler)
    return path


def get_logger(name: str, **fields: Any) -> Any:
    """Return a structlog logger whose events carry `name` and `fields`; silent until configured.

    Examples
    --------
    >>> get_logger("ingest").info("rows_loaded", table="daily_bars", new=120)
    """
    logger = structlog.wrap_logger(
        _LineWriter(),
        processors=[_drop_below_level, _stamp, _describe_exception, redact_event, _render],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return logger.bind(logger=name, **fields)


def bind_correlation_id(correlation: str | None = None) -> str:
    """Give what follows a correlation id and return it: the one given, the inherited one, or a new one.

    The id holds in this thread or task, and in processes started from here, through the
    environment variable ``WORKBENCH_CORRELATION_ID``.
    """
    chosen = _clean(correlation) or _clean(os.environ.get(CORRELATION_VARIABLE)) or uuid.uuid4().hex
    _correlation.set(chosen)
    os.environ[CORRELATION_VARIABLE] = chosen
    return chosen


def correlation_id() -> str:
    """Return the correlation id of this thread, task or process, making one where there is none."""
    return _correlation.get() or bind_correlation_id()


def child_environment() -> dict[str, str]:
    """Return the environment for a process started on behalf of this thread's correlation id."""
    return {**os.environ, CORRELATION_VARIABLE: correlation_id()}


def _clean(correlation: str | None) -> str:
    """Keep an id from outside short and plain: it goes into file names and tables."""
    return "".join(c for c in correlation or "" if c.isascii() and (c.isalnum() or c in "-_."))[:_LONGEST_ID]


def _drop_below_level(_logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    name = "ERROR" if method == "exception" else "WARNING" if method == "warn" else method.upper()
    if _sink.file is None or _LEVELS.get(name, 0) < _sink.level:
        raise structlog.DropEvent
    event["level"] = name
    return event


def _stamp(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    head = {
        "time": datetime.now(UTC).isoformat(timespec="microseconds"),
        "level": event.pop("level"),
        "logger": event.pop("logger", ""),
        "event": event.pop("event", ""),
        "correlation_id": correlation_id(),
        "process": os.getpid(),
    }
    return {**head, **{name: value for name, value in event.items() if name not in head}}


def _describe_exception(
    _logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    given = event.pop("exc_info", method == "exception")
    if not given:
        return event
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if error is None:
        import sys

        error = sys.exc_info()[1]
    if error is not None:
        event["error"] = f"{type(error).__name__}: {error}"
        event["traceback"] = "".join(traceback.format_exception(error))
    return event


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    # redact_event has left only text, numbers, lists and mappings.
    try:
        return json.dumps(event, ensure_ascii=False, allow_nan=False)
    except ValueError:
        # NaN and infinity are no JSON; a reader of the log gets their names.
        named = json.loads(json.dumps(event), parse_constant=str)
        return json.dumps(named, ensure_ascii=False)


class _LineWriter:
    """The innermost logger: takes a rendered line at any level."""

    def msg(self, line: str) -> None:
        if _sink.file is not None:
            _sink.file.append(line)

    debug = info = warning = warn = error = critical = exception = msg


class _StandardHandler(logging.Handler):
    """Brings records of Python's own logging into the same file."""

    def emit(self, record: logging.LogRecord) -> None:
        ours = record.name.split(".")[0] == "workbench"
        if record.levelno < (_sink.level if ours else max(_sink.level, logging.WARNING)):
            return
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        method = record.levelname.lower() if record.levelname in _LEVELS else "warning"
        extra = {"exc_info": record.exc_info} if record.exc_info else {}
        getattr(get_logger(record.name), method)(message, **extra)


_handler = _StandardHandler()
