"""Passwords, kept only as hashes in the form that Jupyter's login reads."""

from workbench.errors import ArgumentError

# Jupyter Server's login looks for this word before an argon2 hash.
_PREFIX = "argon2:"
SHORTEST = 8


def hash_password(password: str) -> str:
    """Return a salted argon2id hash that Jupyter Server's password login accepts.

    Parameters
    ----------
    password : str
        At least eight characters.

    Returns
    -------
    str
        ``argon2:$argon2id$...``; another one at each call, since each has a salt of its own.

    Raises
    ------
    ArgumentError
        If the password is too short.
    """
    if len(password) < SHORTEST:
        raise ArgumentError(f"The password has {len(password)} characters; give at least {SHORTEST}.")
    import argon2

    return _PREFIX + argon2.PasswordHasher().hash(password)


def verify_password(password: str, hashed: str) -> bool:
    """Say whether a password belongs to a hash; False as well for a hash that is none."""
    import argon2

    if not hashed.startswith(_PREFIX):
        return False
    try:
        return argon2.PasswordHasher().verify(hashed.removeprefix(_PREFIX), password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
