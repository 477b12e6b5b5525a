"""Tokens and passwords."""

from workbench.security.passwords import hash_password, verify_password
from workbench.security.tokens import new_token, same_token

__all__ = ["hash_password", "new_token", "same_token", "verify_password"]
