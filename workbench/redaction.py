"""Keep secrets out of logs, messages and errors."""

import re
from collections.abc import Mapping, MutableMapping
from numbers import Integral, Real
from typing import Any

from pydantic import SecretBytes, SecretStr

REDACTED = "[redacted]"
_SHORTEST_SECRET = 6

# A field of one of these names, or one that ends with it after an underscore, holds a secret.
_SECRET_NAMES = (
    "token",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "authorization",
    "apikey",
    "api_key",
    "access_key",
    "secret_key",
    "private_key",
    "signing_key",
    "encryption_key",
    "credential",
    "credentials",
    "cookie",
    "password_hash",
    "hashed_password",
    "xsrf",
)
_NAMES = r"(?:[A-Za-z0-9_\-]*[_\-])?(?:" + "|".join(n.replace("_", "[_-]?") for n in _SECRET_NAMES) + r")"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # -----BEGIN ... PRIVATE KEY-----
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
        ),
        REDACTED,
    ),
    # https://user:password@host
    (
        re.compile(r"(?P<head>\b[a-z][a-z0-9+.\-]*://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE),
        rf"\g<head>{REDACTED}",
    ),
    # Authorization: Bearer ..., and the bare scheme
    (
        re.compile(r"(?P<head>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=\-]{6,}", re.IGNORECASE),
        rf"\g<head>{REDACTED}",
    ),
    (re.compile(r"(?P<head>\bAuthorization:\s*token\s+)\S+", re.IGNORECASE), rf"\g<head>{REDACTED}"),
    (re.compile(r"(?P<head>\b(?:Set-)?Cookie:\s*)[^\r\n\"']+", re.IGNORECASE), rf"\g<head>{REDACTED}"),
    # name=value in addresses and command lines, "name": "value" in JSON and Python
    (
        re.compile(
            rf"""(?P<head>(?<![A-Za-z0-9_\-])["']?{_NAMES}["']?\s*[=:]\s*)(?P<quote>["'])(?:\\.|(?!(?P=quote)).)*(?P=quote)""",
            re.IGNORECASE | re.DOTALL,
        ),
        rf"\g<head>\g<quote>{REDACTED}\g<quote>",
    ),
    (
        re.compile(
            rf"""(?P<head>(?<![A-Za-z0-9_\-]){_NAMES}["']?\s*[=:]\s*)(?!["']|\[redacted\]|(?:Bearer|Basic|token)\b)[^\s&;,"'<>)}}\]]+""",
            re.IGNORECASE,
        ),
        rf"\g<head>{REDACTED}",
    ),
    (
        re.compile(rf"(?P<head>(?<![A-Za-z0-9_\-])--{_NAMES}\s+)(?!-)\S+", re.IGNORECASE),
        rf"\g<head>{REDACTED}",
    ),
    # argon2 hashes, JSON web tokens, keys of well-known services
    (re.compile(r"\$argon2[a-z]*\$[^\s\"']+"), REDACTED),
    (re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*"), REDACTED),
    (re.compile(r"\b(?:sk-[A-Za-z0-9_\-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[A-Z0-9]{16})"), REDACTED),
)
_remembered: set[str] = set()


def remember_secret(value: str | SecretStr | None) -> None:
    """Redact this very value from now on in this process, wherever it shows.

    Values of under six characters are not remembered: they would blot out ordinary words.
    """
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if text and len(text) >= _SHORTEST_SECRET:
        _remembered.add(text)


def redact(text: str) -> str:
    """Return the text with secrets replaced by ``[redacted]``.

    What counts: values behind names such as token, password, secret, authorization or api_key
    (in addresses, JSON, command lines), bearer tokens, passwords inside addresses, private keys,
    password hashes, JSON web tokens, and every value given to `remember_secret`.

    Examples
    --------
    >>> redact("GET /voila/render/book.ipynb?token=abc123 200")
    'GET /voila/render/book.ipynb?token=[redacted] 200'
    """
    # Longest first: one secret may hold another.
    for secret in sorted(_remembered, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_value(value: Any, name: str = "") -> Any:
    """Return a value without secrets: text redacted, lists and mappings walked through.

    Parameters
    ----------
    value : object
        Anything a log event may carry.
    name : str
        The field that holds it; a secret's name hides the whole value.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, SecretStr | SecretBytes) or is_secret_name(name):
        return REDACTED
    if isinstance(value, Real):
        # numpy's numbers are numbers too.
        return int(value) if isinstance(value, Integral) else float(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): redact_value(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item) for item in value]
    # Exceptions, paths and the like are written as text in the end.
    return redact(value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value))


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact a log event: a processor for structlog."""
    return {name: redact_value(value, name) for name, value in event.items()}


def is_secret_name(name: str) -> bool:
    """Say whether a field of this name holds a secret: ``api_key`` does, ``fact_key`` does not."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_")
    return any(words == secret or words.endswith(f"_{secret}") for secret in _SECRET_NAMES)
