"""What a service's HTTP answer means: its error in our words, when to ask again, its JSON."""

import email.utils
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pydantic_core

from workbench.errors import (
    NeedsLoginError,
    RateLimitedError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
    ServiceUnavailableError,
)
from workbench.redaction import redact

# Statuses that say "later", beside 429: a proxy's, a gateway's or the service's own trouble.
PASSING = frozenset({408, 425, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_LONGEST_WORDS = 300
_WORDS = (
    "error", "message", "Error Message", "error_message", "msg", "detail", "description", "errors", "reason",
)  # fmt: skip


def error_of(answer: httpx.Response, *, name: str, label: str) -> ServiceError:
    """Return the error that an answer of 300 and more stands for."""
    said = words_of(answer)
    told = f": {said}" if said else "."
    status = answer.status_code
    if status == 429:
        return RateLimitedError(
            f"{label} wants fewer calls (429){told}", service=label, retry_at=retry_at_of(answer)
        )
    if status == 401:
        return NeedsLoginError(
            f"{label} does not take the keys (401){told} `workbench connect {name}` asks for new ones.",
            service=label,
        )
    if status in PASSING or status >= 500:
        return ServiceUnavailableError(
            f"{label} is out of order ({status}){told}", service=label, retry_at=retry_at_of(answer)
        )
    if 300 <= status < 400:
        return ServiceAnswerError(
            f"{label} answered with a redirect ({status}), which is not followed; check the address in the "
            "settings.",
            service=label,
        )
    return ServiceRefusedError(
        f"{label} refused the call ({status}){told}", service=label, status_code=status
    )


def words_of(answer: httpx.Response) -> str:
    """Return what a service says about its error, without secrets and not too long."""
    try:
        said = _said(pydantic_core.from_json(answer.content))
    except ValueError:
        text = answer.text.strip()
        said = "" if text[:1] == "<" else text
    said = " ".join(redact(said).split())
    return said if len(said) <= _LONGEST_WORDS else said[:_LONGEST_WORDS] + " …"


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        for name in _WORDS:
            found = _said(value[name]) if value.get(name) else ""
            if found:
                return found
    if isinstance(value, list):
        return "; ".join(filter(None, map(_said, value[:3])))
    return ""


def retry_at_of(answer: httpx.Response) -> datetime | None:
    """Return when a service answers again, if it says so.

    `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); `X-RateLimit-Reset` as an instant since 1970 or
    as seconds from now.
    """
    now = datetime.now(UTC)
    after = answer.headers.get("retry-after", "").strip()
    if after:
        try:
            return now + timedelta(seconds=max(0.0, float(after)))
        except (ValueError, OverflowError):
            parsed = email.utils.parsedate_tz(after)
            if parsed is not None:
                return datetime.fromtimestamp(email.utils.mktime_tz(parsed), UTC)
    reset = answer.headers.get("x-ratelimit-reset", "").strip()
    try:
        seconds = float(reset)
        # A count of seconds is small; an instant is a billion and more, a trillion in milliseconds.
        instant = seconds if seconds > 1e8 else time.time() + seconds
        return datetime.fromtimestamp(instant / 1000 if instant > 1e11 else instant, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def json_of(answer: httpx.Response, label: str) -> Any:
    """Return the JSON of an answer.

    Raises
    ------
    ServiceAnswerError
        If it is none.
    """
    try:
        return pydantic_core.from_json(answer.content)
    except ValueError as error:
        begin = answer.content.lstrip()[:1]
        kind = "a web page" if begin == b"<" else "something that is no JSON"
        raise ServiceAnswerError(
            f"{label} answered {answer.request.url.path} with {kind}; check the address in the settings, or "
            "try later.",
            service=label,
        ) from error
