"""The keys of outside services: in the system's keyring, or in a sealed file where there is none.

The environment wins over both: ``WORKBENCH_ALPACA_SECRET_KEY`` is the credential ``secret_key`` of the
service ``alpaca``. Every value that is read here is redacted from then on wherever this process writes.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workbench.errors import SecretsError
from workbench.redaction import remember_secret
from workbench.security.encryption import (
    ID_BYTES,
    KEY_BYTES,
    SealingKey,
    key_from_passphrase,
    new_key,
    seal,
    sealed_with,
    unseal,
    write_private,
)

SEALED_FILE = "secrets.sealed"
PASSPHRASE_VARIABLE = "WORKBENCH_SECRETS_PASSPHRASE"  # noqa: S105 - a name, not the secret
_LOCK_SECONDS = 30.0
# Backends that keep what they are given in plain text, or nowhere.
_UNSAFE_BACKENDS = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")


class SecretStore:
    """What a desk knows of its services' keys.

    Parameters
    ----------
    home : path
        The desk's folder. Two desks have two sets of keys.
    environment : mapping, optional
        Variables that win; those of the process unless given.
    key_folder : path, optional
        Where key files lie, never in the desk's folder; ``$XDG_CONFIG_HOME/workbench/keys`` unless given.
    """

    def __init__(
        self, home: Path, *, environment: Mapping[str, str] | None = None, key_folder: Path | None = None
    ) -> None:
        self._home = Path(home).absolute()
        self._environment = os.environ if environment is None else environment
        self._key_folder = key_folder or _default_key_folder(self._environment)
        self._opened: tuple[bytes, SealingKey] | None = None
        remember_secret(self._environment.get(PASSPHRASE_VARIABLE))

    @property
    def path(self) -> Path:
        """The sealed file, whether it is there or not."""
        return self._home / SEALED_FILE

    @property
    def place(self) -> str:
        """Where new keys go, in words: "the system's keyring" or the sealed file's name."""
        return "the system's keyring" if self._keyring() is not None else f"the encrypted file {self.path}"

    def read(self, service: str, names: Iterable[str]) -> dict[str, str]:
        """Return what is known of a service's credentials, by name; the environment wins over what was saved.

        Parameters
        ----------
        service : str
            As in ``alpaca``.
        names : iterable of str
            The credentials that the environment may hold. What was saved beside them, such as a token that
            was renewed, comes too.

        Raises
        ------
        SecretsError
            If the sealed file cannot be opened, and the environment does not say everything.
        """
        wanted = list(names)
        given = {name: value for name in wanted if (value := self._variable(service, name))}
        try:
            found = {**self.stored(service), **given}
        except SecretsError:
            # A container that has its keys in the environment needs neither keyring nor file.
            if len(given) < len(wanted):
                raise
            found = given
        for value in found.values():
            remember_secret(value)
        return found

    def stored(self, service: str) -> dict[str, str]:
        """Return what was saved for a service, the environment left aside."""
        keyring = self._keyring()
        found: dict[str, str] = {}
        if keyring is not None:
            found = _credentials_of(_ask(keyring.get_password, self._keyring_name, service))
        if not found:
            found = self._unsealed().get(service, {})
        for value in found.values():
            remember_secret(value)
        return found

    def origin(self, service: str, names: Iterable[str]) -> str:
        """Say where the keys of a service come from: "environment", "keyring", "file" or ""."""
        if any(self._variable(service, name) for name in names):
            return "environment"
        keyring = self._keyring()
        if keyring is not None and _ask(keyring.get_password, self._keyring_name, service):
            return "keyring"
        return "file" if service in self._unsealed() else ""

    def save(self, service: str, values: Mapping[str, str]) -> None:
        """Keep the credentials of a service, in place of those kept before; durable when it returns.

        Raises
        ------
        SecretsError
            If they cannot be kept; those kept before stay.
        """
        self._change(service, lambda _: dict(values))

    def update(self, service: str, values: Mapping[str, str]) -> None:
        """Keep some credentials of a service beside the others, as a token that was renewed."""
        self._change(service, lambda before: {**before, **values})

    def forget(self, service: str) -> bool:
        """Remove what was kept for a service; say whether there was anything."""
        known = bool(self.stored(service))
        keyring = self._keyring()
        if keyring is not None and _ask(keyring.get_password, self._keyring_name, service):
            _ask(keyring.delete_password, self._keyring_name, service)
        with self._lock():
            sealed = self._unsealed()
            if sealed.pop(service, None) is not None:
                self._seal(sealed)
        return known

    def rotate(self) -> None:
        """Seal the file under a new key; the old key file goes once the new file is in place."""
        with self._lock():
            if not self.path.exists():
                return
            values = self._unsealed()
            old = self._opened[1] if self._opened else None
            self._opened = None
            self._seal(values, fresh=True)
            if old is not None and old.origin == "key file":
                self._key_file(old.id).unlink(missing_ok=True)

    # -- the environment and the keyring -----------------------------------------------------------------

    def _variable(self, service: str, name: str) -> str:
        return self._environment.get(variable_name(service, name), "").strip()

    @property
    def _keyring_name(self) -> str:
        return f"workbench {self._home}"

    def _keyring(self) -> Any | None:
        """Return the system's keyring where a safe one is there; a passphrase asks for the file instead."""
        if self._environment.get(PASSPHRASE_VARIABLE):
            return None
        import keyring

        try:
            backend = keyring.get_keyring()
            candidates = getattr(backend, "backends", [backend])  # a chain asks several
            names = [type(each).__module__ for each in candidates]
            safe = bool(names) and not any(name.startswith(_UNSAFE_BACKENDS) for name in names)
            return keyring if safe and float(backend.priority) >= 1 else None
        except Exception:  # noqa: BLE001 - a backend that cannot even be asked is none
            return None

    def _change(self, service: str, change: Any) -> None:
        keyring = self._keyring()
        with self._lock():
            values = change(self.stored(service))
            for value in values.values():
                remember_secret(value)
            if keyring is not None:
                _ask(keyring.set_password, self._keyring_name, service, json.dumps(values))
                return
            self._seal({**self._unsealed(), service: values})

    # -- the sealed file ---------------------------------------------------------------------------------

    def _lock(self) -> FileLock:
        return _PatientLock(str(self._home / f".{SEALED_FILE}.lock"), timeout=_LOCK_SECONDS)

    def _unsealed(self) -> dict[str, dict[str, str]]:
        try:
            sealed = self.path.read_bytes()
        except FileNotFoundError:
            self._opened = None  # its key may be gone with it
            return {}
        except OSError as error:
            raise SecretsError(f"{self.path} cannot be read ({error.strerror}); change its owner.") from error
        key = self._key_of(sealed)
        plain = unseal(key, sealed, str(self.path))
        self._opened = (key.id, key)
        services: dict[str, dict[str, str]] = json.loads(plain)
        return services

    def _seal(self, services: Mapping[str, Mapping[str, str]], *, fresh: bool = False) -> None:
        key = self._opened[1] if self._opened and not fresh else self._fresh_key()
        write_private(self.path, seal(key, json.dumps(services).encode()))
        self._opened = (key.id, key)

    def _fresh_key(self) -> SealingKey:
        passphrase = self._environment.get(PASSPHRASE_VARIABLE)
        if passphrase:
            return key_from_passphrase(passphrase)
        key = new_key()
        file = self._key_file(key.id)
        if self._home == file.parent or self._home in file.parents:
            raise SecretsError(
                f"The key would lie in the desk's own folder, at {file}; set XDG_CONFIG_HOME to a folder "
                f"outside it, or give a passphrase in {PASSPHRASE_VARIABLE}."
            )
        write_private(file, key.secret)
        return key

    def _key_of(self, sealed: bytes) -> SealingKey:
        origin, key_id = sealed_with(sealed, str(self.path))
        if self._opened and self._opened[0] == key_id:
            return self._opened[1]
        if origin == "passphrase":
            passphrase = self._environment.get(PASSPHRASE_VARIABLE)
            if not passphrase:
                raise SecretsError(f"{self.path} needs its passphrase; give it in {PASSPHRASE_VARIABLE}.")
            return key_from_passphrase(passphrase, key_id)
        file = self._key_file(key_id)
        try:
            secret = file.read_bytes()
        except OSError as error:
            raise SecretsError(
                f"{self.path} needs its key, and {file} cannot be read ({error.strerror}); bring that file "
                "back, or remove the sealed one and connect your services again."
            ) from error
        if len(secret) != KEY_BYTES:
            raise SecretsError(f"{file} is no key: {len(secret)} bytes, not {KEY_BYTES}; bring it back.")
        return SealingKey(key_id, "key file", secret)

    def _key_file(self, key_id: bytes) -> Path:
        return self._key_folder / f"{key_id.hex()[: 2 * ID_BYTES]}.key"


class _PatientLock(FileLock):
    """A lock between processes that says in a sentence when it waited too long."""

    def __enter__(self) -> "_PatientLock":
        try:
            super().__enter__()
        except Timeout as error:
            raise SecretsError(
                f"Another process holds the secrets for more than {_LOCK_SECONDS:g} s; try again."
            ) from error
        return self


def variable_name(service: str, name: str) -> str:
    """Return the environment variable of a credential.

    Examples
    --------
    >>> variable_name("alpaca", "secret_key")
    'WORKBENCH_ALPACA_SECRET_KEY'
    """
    return f"WORKBENCH_{service}_{name}".upper().replace("-", "_")


def _default_key_folder(environment: Mapping[str, str]) -> Path:
    configured = environment.get("XDG_CONFIG_HOME")
    base = Path(configured) if configured and Path(configured).is_absolute() else Path.home() / ".config"
    return base / "workbench" / "keys"


def _credentials_of(text: str | None) -> dict[str, str]:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    # What is none of ours is no credential; connecting writes a new entry over it.
    if not isinstance(found, dict):
        return {}
    return {str(name): str(value) for name, value in found.items()}


def _ask(call: Any, *arguments: str) -> Any:
    """Ask the keyring; what it says of itself becomes one sentence, without what it was given."""
    try:
        return call(*arguments)
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own
        raise SecretsError(
            f"The system's keyring did not answer ({type(error).__name__}); unlock it, or give a "
            f"passphrase in {PASSPHRASE_VARIABLE} to keep keys in an encrypted file."
        ) from None
