"""Redaction, tokens and passwords."""

from workbench.security.passwords import hash_password, verify_password
from workbench.security.redaction import redact, redact_event, redact_value, remember_secret
from workbench.security.tokens import new_token, same_token

__all__ = [
    "hash_password",
    "new_token",
    "redact",
    "redact_event",
    "redact_value",
    "remember_secret",
    "same_token",
    "verify_password",
]
