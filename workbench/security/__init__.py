"""Tokens, passwords, and the keys of outside services."""

from workbench.security.passwords import hash_password, verify_password
from workbench.security.secrets import SecretStore, variable_name
from workbench.security.tokens import new_token, same_token

__all__ = ["SecretStore", "hash_password", "new_token", "same_token", "variable_name", "verify_password"]
