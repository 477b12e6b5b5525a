"""Sealed bytes open with their key alone, and tell every change."""

import os
import stat

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workbench.errors import SecretsError
from workbench.security.encryption import key_from_passphrase, new_key, seal, unseal, write_private

CANARY = b'{"alpaca": {"secret_key": "canary-7f3a9c"}}'


def test_what_was_sealed_opens_again():
    key = new_key()
    assert unseal(key, seal(key, CANARY), "file") == CANARY


def test_the_layout_is_plain_aes_256_gcm():
    """Taken apart by the documented offsets, the cryptography package alone opens it."""
    key = new_key()
    sealed = seal(key, CANARY)
    assert sealed[:9] == b"WBSEAL1\n\x01"
    assert sealed[9:25] == key.id
    assert len(key.secret) == 32
    assert AESGCM(key.secret).decrypt(sealed[25:37], sealed[37:], sealed[:25]) == CANARY


def test_ten_thousand_writes_use_ten_thousand_nonces():
    key = new_key()
    assert len({seal(key, b"x")[25:37] for _ in range(10_000)}) == 10_000


def test_every_flipped_bit_is_refused():
    key = new_key()
    sealed = seal(key, CANARY)
    for place in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(SecretsError):
            unseal(key, bytes(changed), "secrets.sealed")


def test_every_shortened_file_is_refused():
    key = new_key()
    sealed = seal(key, CANARY)
    for length in range(len(sealed)):
        with pytest.raises(SecretsError):
            unseal(key, sealed[:length], "secrets.sealed")


def test_another_key_is_refused_in_one_sentence():
    with pytest.raises(SecretsError, match=r"^secrets.sealed cannot be opened: the key is another one, or"):
        unseal(new_key(), seal(new_key(), CANARY), "secrets.sealed")


def test_a_passphrase_opens_what_it_sealed_and_no_other_does():
    key = key_from_passphrase("correct horse")
    sealed = seal(key, CANARY)
    assert unseal(key_from_passphrase("correct horse", key.id), sealed, "file") == CANARY
    with pytest.raises(SecretsError, match="the passphrase is another one"):
        unseal(key_from_passphrase("correct house", key.id), sealed, "file")


def test_one_passphrase_makes_another_key_each_time():
    assert key_from_passphrase("same").secret != key_from_passphrase("same").secret


def test_a_key_shows_no_byte_of_itself():
    key = new_key()
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_a_private_file_is_private_whatever_the_mask(tmp_path):
    before = os.umask(0)
    try:
        write_private(tmp_path / "new" / "key", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SecretsError, match="nothing was changed"):
        write_private(tmp_path / "file" / "key", b"1")
