"""Secrets stay out of text, passwords are what Jupyter accepts, tokens are new each time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes, SecretStr

from workbench.errors import ArgumentError
from workbench.redaction import redact, redact_event, redact_value, remember_secret
from workbench.security import hash_password, new_token, same_token, verify_password

CANARY = "c4n4ry-S3cret_v4lue"


@pytest.mark.parametrize(
    "text",
    [
        "GET /voila/render/book.ipynb?token={} 200",
        "http://127.0.0.1:8888/lab?reset=1&token={}&x=2",
        "https://user:{}@example.com/path",
        "postgresql+psycopg://desk:{}@db:5432/wb",
        "Authorization: Bearer {}",
        "authorization: token {}",
        "{{'Authorization': 'Bearer {}'}}",
        "Cookie: username-localhost={}; _xsrf={}",
        "Set-Cookie: session={}; Path=/",
        '{{"api_key": "{}"}}',
        "{{'password': '{}'}}",
        '{{"a": {{"client_secret":"{}"}}}}',
        "ANTHROPIC_API_KEY={}",
        "WORKBENCH_SERVER__TOKEN={} python",
        "--token {} --port 3",
        "--IdentityProvider.token={}",
        "password: {}",
        "Passphrase = {}",
        'x-api-key: "{}"',
        '"token": "with \\" quote {}"',
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\n{}",
    ],
)
def test_a_secret_in_a_text_is_replaced(text):
    shown = redact(text.replace("{}", CANARY).replace("{{", "{").replace("}}", "}"))
    assert CANARY not in shown
    assert "[redacted]" in shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "fact_key=AAPL over 180:price",
        "rows_new=12 tokens=500",
        "The token expired.",
        "key=5 keyboard=qwerty",
        "https://example.com/path?symbol=AAPL&page=2",
        "12:30:00 user@example.com wrote: hello",
        "secretary: Jane",
        "2013-03-01 AAPL 430.47",
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert redact(text) == text


def test_what_stands_around_a_secret_is_kept():
    assert redact(f"GET /lab?token={CANARY}&reset=1 200") == "GET /lab?token=[redacted]&reset=1 200"
    assert redact(f'{{"token": "{CANARY}", "port": 1}}') == '{"token": "[redacted]", "port": 1}'


def test_known_forms_of_secrets_are_replaced_wherever_they_stand():
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    for secret in (jwt, "sk-ant-api03-abcdefghijklmnop", hash_password(CANARY), "ghp_" + "a" * 36):
        assert secret.removeprefix("argon2:") not in redact(f"it was {secret} there")


def test_a_value_that_was_announced_is_replaced_wherever_it_stands():
    secret = new_token()
    assert secret in redact(f"plain {secret} text")
    remember_secret(SecretStr(secret))
    assert redact(f"plain {secret} text") == "plain [redacted] text"
    remember_secret("a")
    remember_secret(None)
    assert redact("a cat") == "a cat"


def test_values_of_an_event_are_redacted_at_any_depth():
    event = {
        "event": f"opened ?token={CANARY}",
        "token": CANARY,
        "pin_password": 1234,
        "fact_key": "kept",
        "secure": True,
        "password": None,
        "setting": SecretStr(CANARY),
        "raw": SecretBytes(CANARY.encode()),
        "nested": {"headers": [{"Authorization": CANARY}, f"Bearer {CANARY}"], "apiKey": CANARY},
        "error": ValueError(f"password={CANARY}"),
        "bytes": f"token={CANARY}".encode(),
        "count": 3,
        "share": 0.5,
    }
    shown = redact_event(None, "info", event)
    assert CANARY not in repr(shown)
    assert "1234" not in repr(shown)
    assert shown["fact_key"] == "kept"
    assert (shown["secure"], shown["password"], shown["count"], shown["share"]) == (True, None, 3, 0.5)
    assert shown["error"] == "password=[redacted]"


@given(st.text())
def test_any_text_can_be_redacted_and_twice_is_once(text):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("piece", ["a_", "-", "token", "a:", "eyJ", "token=", "Bearer ", '"token": "'])
def test_redaction_takes_no_long_time_on_long_lines(piece):
    start = time.perf_counter()
    redact_value(piece * (100_000 // len(piece)))
    assert time.perf_counter() - start < 2


def test_jupyters_login_accepts_our_hash():
    from jupyter_server.auth.identity import PasswordIdentityProvider
    from jupyter_server.auth.security import passwd_check

    hashed = hash_password("correct horse")
    assert hashed.startswith("argon2:$argon2id$")
    assert passwd_check(hashed, "correct horse")
    assert not passwd_check(hashed, "wrong horse")
    provider = PasswordIdentityProvider(hashed_password=hashed)
    assert provider.passwd_check("correct horse")
    assert not provider.passwd_check("wrong horse")


def test_a_password_belongs_to_its_hash_alone():
    hashed = hash_password("correct horse")
    assert hash_password("correct horse") != hashed
    assert verify_password("correct horse", hashed)
    assert not verify_password("Correct horse", hashed)
    for broken in ("", "correct horse", "argon2:", "argon2:$argon2id$v=19$x", "sha1:a:b"):
        assert not verify_password("correct horse", broken)


def test_a_short_password_is_refused_without_being_shown():
    with pytest.raises(ArgumentError, match="7 characters; give at least 8") as refused:
        hash_password("hunter2")
    assert "hunter2" not in str(refused.value)


def test_tokens_are_long_different_and_safe_in_an_address():
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    for token in tokens:
        assert len(token) == 43
        assert token.replace("-", "").replace("_", "").isalnum()


def test_only_equal_tokens_match_and_an_empty_one_never_does():
    assert same_token("abc", "abc")
    assert not same_token("abc", "abd")
    assert not same_token("", "")
    assert not same_token("é", "e")
