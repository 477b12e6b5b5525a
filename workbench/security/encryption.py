"""Seal a small file: AES-256-GCM under a random key or one made from a passphrase.

A sealed file is, byte by byte: 8 of a mark with the format's version, 1 of how the key is made, 16 of the
key's id, 12 of a nonce, then the ciphertext with its tag of 16. Everything before the nonce is
authenticated too, so that no bit of the file can change unseen.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workbench.errors import SecretsError

KEY_BYTES = 32
ID_BYTES = 16
NONCE_BYTES = 12
_MARK = b"WBSEAL1\n"
_HEADER_BYTES = len(_MARK) + 1 + ID_BYTES
_TAG_BYTES = 16
# RFC 9106, its second recommended choice: 64 MiB, three passes, four lanes.
_PASSES, _MEMORY_KIB, _LANES = 3, 64 * 1024, 4

Origin = Literal["key file", "passphrase"]
_ORIGINS: dict[int, Origin] = {1: "key file", 2: "passphrase"}


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key of 256 bits, its id of 128, and where it comes from; it never shows its bytes.

    The id is no secret. It names the key file, and is the salt of a key made from a passphrase.
    """

    id: bytes
    origin: Origin
    secret: bytes

    def __repr__(self) -> str:
        return f"SealingKey(id={self.id.hex()}, origin={self.origin!r})"


def new_key() -> SealingKey:
    """Return a new random key, for a key file."""
    return SealingKey(secrets.token_bytes(ID_BYTES), "key file", secrets.token_bytes(KEY_BYTES))


def key_from_passphrase(passphrase: str, key_id: bytes | None = None) -> SealingKey:
    """Return the key that a passphrase makes with an id, a new one unless given; takes a moment by intent.

    References
    ----------
    RFC 9106, Argon2 Memory-Hard Function, section 4 (parameters).
    """
    salt = key_id or secrets.token_bytes(ID_BYTES)
    secret = hash_secret_raw(
        passphrase.encode(),
        salt,
        time_cost=_PASSES,
        memory_cost=_MEMORY_KIB,
        parallelism=_LANES,
        hash_len=KEY_BYTES,
        type=Type.ID,
    )
    return SealingKey(salt, "passphrase", secret)


def seal(key: SealingKey, plain: bytes) -> bytes:
    """Return `plain` sealed under `key`, with a nonce of its own."""
    origin = next(number for number, name in _ORIGINS.items() if name == key.origin)
    header = _MARK + bytes([origin]) + key.id
    nonce = os.urandom(NONCE_BYTES)
    return header + nonce + AESGCM(key.secret).encrypt(nonce, plain, header)


def sealed_with(sealed: bytes, name: str) -> tuple[Origin, bytes]:
    """Return where the key of a sealed file comes from, and its id.

    Parameters
    ----------
    sealed : bytes
        The whole file.
    name : str
        The file, for the sentence of an error.

    Raises
    ------
    SecretsError
        If it is no sealed file, or one of a newer version.
    """
    short = len(sealed) < _HEADER_BYTES + NONCE_BYTES + _TAG_BYTES
    origin = None if short else _ORIGINS.get(sealed[len(_MARK)])
    if short or not sealed.startswith(_MARK) or origin is None:
        raise SecretsError(
            f"{name} is damaged or not a file of sealed secrets; remove it and connect your services again."
        )
    return origin, sealed[len(_MARK) + 1 : _HEADER_BYTES]


def unseal(key: SealingKey, sealed: bytes, name: str) -> bytes:
    """Return what a sealed file holds.

    Raises
    ------
    SecretsError
        If the key is another one, or any bit of the file was changed.
    """
    sealed_with(sealed, name)
    header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES : _HEADER_BYTES + NONCE_BYTES]
    try:
        return AESGCM(key.secret).decrypt(nonce, sealed[_HEADER_BYTES + NONCE_BYTES :], header)
    except InvalidTag:
        what = "the passphrase" if key.origin == "passphrase" else "the key"
        raise SecretsError(
            f"{name} cannot be opened: {what} is another one, or the file was changed; "
            f"give the right one, or remove the file and connect your services again."
        ) from None


def write_private(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read, whole or not at all, and durably.

    Raises
    ------
    SecretsError
        If the folder or the file cannot be written; what was there before stays.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made private at birth: there is no moment in which others may read it.
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SecretsError(
            f"{path} cannot be written ({error.strerror}); nothing was changed; see its folder."
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink()
