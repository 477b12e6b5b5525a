"""Tokens that open a door."""

import secrets

_BYTES = 32


def new_token() -> str:
    """Return a new token: 256 random bits in 43 characters that need no quoting in an address."""
    return secrets.token_urlsafe(_BYTES)


def same_token(given: str, expected: str) -> bool:
    """Compare two tokens in a time that does not tell where they differ; an empty one never matches."""
    if not given or not expected:
        return False
    return secrets.compare_digest(given.encode(), expected.encode())
