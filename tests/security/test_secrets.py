"""Keys of services: kept safely, found again, and never seen."""

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import time

import keyring
import keyring.backend
import pytest
from keyring.compat.properties import classproperty

from workbench.desk.logs import configure_logging, get_logger
from workbench.errors import SecretsError
from workbench.redaction import redact
from workbench.security.secrets import PASSPHRASE_VARIABLE, SecretStore, variable_name

CANARY = "canary-4be19d07aa"


@pytest.fixture
def folders(tmp_path):
    """A desk's folder, and one for key files beside it."""
    home = tmp_path / "desk"
    home.mkdir()
    return home, tmp_path / "keys"


def store_in(folders, **environment) -> SecretStore:
    home, keys = folders
    return SecretStore(home, environment=environment, key_folder=keys)


def all_bytes(*folders) -> bytes:
    """What every file below the folders holds, joined."""
    return b"".join(file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file())


class RememberingKeyring(keyring.backend.KeyringBackend):
    """A system's keyring, as SecretService or the macOS keychain are."""

    there = False

    @classproperty
    def priority(cls):  # noqa: N805
        # The keyring package takes every backend class that it sees; outside its tests this one is none.
        if not cls.there:
            raise RuntimeError("not there")
        return 5

    def __init__(self):
        super().__init__()
        self.held = {}
        self.broken = False

    def get_password(self, service, username):
        self._answer()
        return self.held.get((service, username))

    def set_password(self, service, username, password):
        self._answer()
        self.held[service, username] = password

    def delete_password(self, service, username):
        self._answer()
        del self.held[service, username]

    def _answer(self):
        if self.broken:
            raise RuntimeError(f"locked, was given {CANARY}")


@pytest.fixture
def system_keyring(monkeypatch):
    before = keyring.get_keyring()
    monkeypatch.setattr(RememberingKeyring, "there", True)
    backend = RememberingKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_what_was_saved_is_found_by_another_process_of_the_desk(folders):
    store_in(folders).save("alpaca", {"key_id": "PKTEST123", "secret_key": CANARY})
    assert store_in(folders).read("alpaca", ["key_id", "secret_key"]) == {
        "key_id": "PKTEST123",
        "secret_key": CANARY,
    }
    assert store_in(folders).read("polygon", ["api_key"]) == {}


def test_neither_the_secret_nor_the_key_lies_in_the_desks_folder(folders):
    home, keys = folders
    store_in(folders).save("alpaca", {"secret_key": CANARY})
    assert CANARY.encode() not in all_bytes(home, keys)
    (key_file,) = keys.iterdir()
    assert key_file.read_bytes() not in all_bytes(home)


def test_both_files_are_their_owners_alone(folders):
    home, keys = folders
    store_in(folders).save("alpaca", {"secret_key": CANARY})
    for file in [home / "secrets.sealed", *keys.iterdir()]:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_environment_wins_over_what_was_saved(folders):
    store_in(folders).save("alpaca", {"key_id": "saved-key-id", "secret_key": "saved-secret"})
    store = store_in(folders, WORKBENCH_ALPACA_SECRET_KEY="from-environment")
    assert store.read("alpaca", ["key_id", "secret_key"]) == {
        "key_id": "saved-key-id",
        "secret_key": "from-environment",
    }
    assert store.origin("alpaca", ["key_id", "secret_key"]) == "environment"


def test_an_environment_that_says_all_needs_no_file(folders):
    home, _ = folders
    (home / "secrets.sealed").write_bytes(b"damaged")
    store = store_in(folders, WORKBENCH_POLYGON_API_KEY=CANARY)
    assert store.read("polygon", ["api_key"]) == {"api_key": CANARY}


def test_an_empty_variable_is_none(folders):
    store = store_in(folders, WORKBENCH_POLYGON_API_KEY=" ")
    assert store.read("polygon", ["api_key"]) == {}


@pytest.mark.parametrize("given", ["file", "environment", "keyring"])
def test_every_value_read_is_redacted_from_then_on(folders, given, request, tmp_path):
    """Read in a fresh process, so that nobody has spoken of the value before."""
    secret = f"{CANARY}-{given}"
    environment = {"WORKBENCH_ALPACA_SECRET_KEY": secret} if given == "environment" else {}
    backend = request.getfixturevalue("system_keyring") if given == "keyring" else None
    if given != "environment":
        store_in(folders).save("alpaca", {"secret_key": secret})
    if backend is not None:
        assert any(secret in value for value in backend.held.values())
    store_in(folders, **environment).read("alpaca", ["secret_key"])
    assert secret not in redact(f"GET /v2/account with {secret} failed")
    home, _ = folders
    configure_logging(home)
    get_logger("test").info("asked", detail=f"sent {secret}")
    logging.getLogger("workbench.transport").warning("sent %s", secret)
    try:
        raise ValueError(f"no {secret}")
    except ValueError:
        get_logger("test").exception("failed")
    written = (home / "logs" / "workbench.jsonl").read_text()
    assert "asked" in written
    assert secret not in written


def test_a_desk_that_held_a_secret_shows_it_nowhere(tmp_path, monkeypatch):
    """Lake, ledger with its audit, settings, logs and reports of a desk are searched byte by byte."""
    from workbench import Desk

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    home = tmp_path / "desk"
    with Desk.open(home) as desk:
        SecretStore(home).save("alpaca", {"secret_key": CANARY})
        SecretStore(home).read("alpaca", ["secret_key"])
        desk.ingest("sample", "IBM", start="2013-01-02", end="2013-01-31")
    assert CANARY.encode() not in all_bytes(tmp_path)


def test_a_wrong_key_file_is_said_in_one_sentence(folders):
    store_in(folders).save("alpaca", {"secret_key": CANARY})
    (key_file,) = folders[1].iterdir()
    key_file.write_bytes(bytes(32))
    with pytest.raises(
        SecretsError, match=r"secrets.sealed cannot be opened: the key is another one"
    ) as caught:
        store_in(folders).read("alpaca", ["secret_key"])
    assert "\n" not in str(caught.value)
    key_file.unlink()
    with pytest.raises(SecretsError, match="bring that file back"):
        store_in(folders).read("alpaca", ["secret_key"])


def test_a_passphrase_keeps_no_key_anywhere(folders):
    phrase = {PASSPHRASE_VARIABLE: "correct horse battery"}
    store_in(folders, **phrase).save("alpaca", {"secret_key": CANARY})
    assert not folders[1].exists()
    assert store_in(folders, **phrase).read("alpaca", ["secret_key"]) == {"secret_key": CANARY}
    with pytest.raises(SecretsError, match=PASSPHRASE_VARIABLE):
        store_in(folders).read("alpaca", ["secret_key"])
    with pytest.raises(SecretsError, match="the passphrase is another one"):
        store_in(folders, **{PASSPHRASE_VARIABLE: "wrong horse"}).read("alpaca", ["secret_key"])


def test_a_key_never_lies_in_the_desks_folder(tmp_path):
    with pytest.raises(SecretsError, match="outside"):
        SecretStore(tmp_path, environment={}, key_folder=tmp_path / "keys").save("a", {"k": "v"})


def test_a_renewed_token_leaves_the_other_credentials(folders):
    store = store_in(folders)
    store.save("zerodha", {"api_key": "key", "api_secret": CANARY})
    store.update("zerodha", {"access_token": "of-today"})
    assert store.stored("zerodha") == {"api_key": "key", "api_secret": CANARY, "access_token": "of-today"}


def test_what_was_forgotten_is_gone(folders):
    store = store_in(folders)
    store.save("alpaca", {"secret_key": CANARY})
    store.save("polygon", {"api_key": "other-key"})
    assert store.forget("alpaca")
    assert not store.forget("alpaca")
    assert store_in(folders).stored("alpaca") == {}
    assert store_in(folders).stored("polygon") == {"api_key": "other-key"}


def test_rotation_seals_anew_and_drops_the_old_key(folders):
    home, keys = folders
    store = store_in(folders)
    store.save("alpaca", {"secret_key": CANARY})
    before, (old,) = (home / "secrets.sealed").read_bytes(), list(keys.iterdir())
    store.rotate()
    assert (home / "secrets.sealed").read_bytes()[9:25] != before[9:25]
    assert not old.exists()
    assert store_in(folders).stored("alpaca") == {"secret_key": CANARY}
    store_in(folders, **{PASSPHRASE_VARIABLE: "from now on"}).rotate()
    assert not list(keys.iterdir())


def test_the_systems_keyring_is_taken_where_there_is_one(folders, system_keyring):
    home, keys = folders
    store = store_in(folders)
    store.save("alpaca", {"key_id": "PK1", "secret_key": CANARY})
    assert not (home / "secrets.sealed").exists()
    assert not keys.exists()
    assert list(system_keyring.held) == [(f"workbench {home}", "alpaca")]
    assert store.read("alpaca", ["secret_key"]) == {"key_id": "PK1", "secret_key": CANARY}
    assert store.origin("alpaca", ["secret_key"]) == "keyring"
    assert store.forget("alpaca")
    assert not system_keyring.held


def test_a_keyring_that_fails_says_so_without_what_it_was_given(folders, system_keyring):
    system_keyring.broken = True
    with pytest.raises(SecretsError, match="did not answer") as caught:
        store_in(folders).save("alpaca", {"secret_key": CANARY})
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("module", ["keyrings.alt.file", "keyring.backends.null", "keyring.backends.fail"])
def test_a_keyring_that_keeps_plain_text_or_nothing_is_not_used(folders, system_keyring, module, monkeypatch):
    monkeypatch.setattr(RememberingKeyring, "__module__", module)
    store_in(folders).save("alpaca", {"secret_key": CANARY})
    assert (folders[0] / "secrets.sealed").exists()
    assert not system_keyring.held


def test_a_variable_is_named_after_service_and_credential():
    assert variable_name("alpaca", "key_id") == "WORKBENCH_ALPACA_KEY_ID"
    assert variable_name("alpha_vantage", "api_key") == "WORKBENCH_ALPHA_VANTAGE_API_KEY"


_SAVER = """
import sys
from pathlib import Path
from workbench.security.secrets import SecretStore
store = SecretStore(Path(sys.argv[1]), environment={}, key_folder=Path(sys.argv[2]))
for number in range(10):
    store.save(f"{sys.argv[3]}{number}", {"token": f"t0ken-of-{sys.argv[3]}"})
"""


def test_processes_that_save_at_once_lose_nothing(folders):
    """Two processes begin with no file and no key, and save ten services each."""
    commands = [[sys.executable, "-c", _SAVER, *map(str, folders), name] for name in ("first", "second")]
    savers = [subprocess.Popen(command) for command in commands]
    assert [saver.wait(timeout=60) for saver in savers] == [0, 0]
    store = store_in(folders)
    for name in ("first", "second"):
        assert all(store.stored(f"{name}{number}") == {"token": f"t0ken-of-{name}"} for number in range(10))


_WRITER = """
import sys
from pathlib import Path
from workbench.security.secrets import SecretStore
store = SecretStore(Path(sys.argv[1]), environment={}, key_folder=Path(sys.argv[2]))
print("writing", flush=True)
for number in range(1_000_000):
    store.save("alpaca", {"number": str(number), "filler": "x" * 50_000})
"""


def test_a_killed_writer_leaves_a_whole_file(folders):
    """Killed in the middle of a write, again and again: what is found is one whole earlier state."""
    home, keys = folders
    store_in(folders).save("other", {"token": CANARY})
    for pause in (0.01, 0.03, 0.05, 0.08):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(home), str(keys)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout.readline() == "writing\n"
            time.sleep(pause)
            os.kill(writer.pid, signal.SIGKILL)
        store = store_in(folders)
        assert store.stored("other") == {"token": CANARY}
        assert len(store.stored("alpaca").get("filler", "x" * 50_000)) == 50_000
        store.save("again", {"token": "t"})
    assert json.dumps(CANARY) not in (home / "secrets.sealed").read_bytes().decode("latin-1")
