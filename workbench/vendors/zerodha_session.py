"""Zerodha's sign-in: a login in the browser each day, and a token that lasts until the next morning."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo

from workbench.errors import NeedsLoginError, ServiceAnswerError
from workbench.redaction import remember_secret
from workbench.vendors.base import Keys

INDIA = ZoneInfo("Asia/Kolkata")
# Tokens are flushed between five and half past seven in the morning; the documentation says six.
FLUSHED_AT = time(6, 0)
LABEL = "Zerodha"


def login_link(login_url: str, api_key: str) -> str:
    """Return the address at which the user logs in; it leads back with a request token.

    Examples
    --------
    >>> login_link("https://kite.zerodha.com/connect/login", "abc")
    'https://kite.zerodha.com/connect/login?v=3&api_key=abc'
    """
    return f"{login_url}{'&' if '?' in login_url else '?'}v=3&api_key={quote(api_key, safe='')}"


def checksum(api_key: str, request_token: str, api_secret: str) -> str:
    """Return the proof that goes with a request token: SHA-256 of the three texts in a row, in hex."""
    return hashlib.sha256(f"{api_key}{request_token}{api_secret}".encode()).hexdigest()


def request_token_of(text: str) -> str:
    """Return the request token in what a user pastes: the token, or the whole address it came in.

    Examples
    --------
    >>> request_token_of("https://127.0.0.1/?action=login&request_token=Rt1"), request_token_of(" Rt1 ")
    ('Rt1', 'Rt1')
    """
    stripped = text.strip()
    found = parse_qs(urlsplit(stripped).query).get("request_token")
    if found:
        return found[0]
    inside = re.search(r"request_token=([^&\s]+)", stripped)
    return inside.group(1) if inside else stripped


def valid_until(login: datetime) -> datetime:
    """Return when a token of a login ends: the next six o'clock in the morning in India.

    Parameters
    ----------
    login : datetime
        With a time zone.
    """
    there = login.astimezone(INDIA)
    flushed = there.replace(hour=FLUSHED_AT.hour, minute=FLUSHED_AT.minute, second=0, microsecond=0)
    return (flushed if there < flushed else flushed + timedelta(days=1)).astimezone(UTC)


def validity(token: str, until: datetime) -> str:
    """Return until when a token is valid and which it is, as it is kept beside the token."""
    return f"{until.isoformat()} {_mark(token)}"


def _mark(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:12]


class Session:
    """The token of the day: read from the keys, or fetched for a request token, and kept.

    Parameters
    ----------
    keys : mapping
        ``api_key``, ``api_secret``, and what there is of ``request_token``, ``access_token`` and
        ``valid_until``: an instant (ISO 8601), and which token it is about, as `validity` writes it.
    login_url : str
        Where users log in.
    exchange : callable
        Takes the fields of the call that turns a request token into a day token, and returns its answer.
    save : callable, optional
        Is handed the keys to keep, once a token has come.
    refused : set of str
        Tokens that the service takes no more; shared by the clients of a desk, so that none is sent twice.
    now : callable
        The instant, with a time zone.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        login_url: str,
        exchange: Callable[[Mapping[str, str]], Any],
        save: Callable[[Keys], None] | None = None,
        refused: set[str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._keys = dict(keys)
        self._exchange = exchange
        self._save = save
        self._now = now
        self._refused = refused if refused is not None else set()
        self.link = login_link(login_url, keys["api_key"])

    @property
    def api_key(self) -> str:
        """The key of the application."""
        return self._keys["api_key"]

    def token(self) -> str:
        """Return the day's token.

        Raises
        ------
        NeedsLoginError
            With the link, if there is none that can still be valid; nothing is asked then.
        """
        token = self._keys.get("access_token", "")
        if self._fresh(token):
            return token
        request = request_token_of(self._keys.get("request_token", ""))
        if request and request not in self._refused:
            return self.log_in(request)
        raise self.needs_login()

    def log_in(self, request_token: str) -> str:
        """Turn a request token, which is good for some minutes and once, into the token of the day.

        Raises
        ------
        NeedsLoginError
            If the service does not take it.
        """
        request = request_token_of(request_token)
        remember_secret(request)
        self._refused.add(request)
        answer = self._exchange(
            {
                "api_key": self.api_key,
                "request_token": request,
                "checksum": checksum(self.api_key, request, self._keys["api_secret"]),
            }
        )
        data = answer.get("data") if isinstance(answer, Mapping) else None
        token = data.get("access_token") if isinstance(data, Mapping) else None
        if not isinstance(token, str) or not token:
            raise ServiceAnswerError(
                f"{LABEL} answered the login without a token; log in again at {self.link}", service=LABEL
            )
        remember_secret(token)
        self._keys = {
            **{name: value for name, value in self._keys.items() if name != "request_token"},
            "access_token": token,
            "valid_until": validity(token, valid_until(self._now())),
        }
        if self._save is not None:
            self._save(dict(self._keys))
        return token

    def refuse(self) -> None:
        """Note that the service takes the present token no more; it is not sent again."""
        self._refused.add(self._keys.get("access_token", ""))

    def needs_login(self, words: str = "") -> NeedsLoginError:
        """Return the error that tells the user where to log in."""
        said = f" ({words})" if words else ""
        return NeedsLoginError(
            f"{LABEL} wants its daily login{said}. Log in at {self.link} and give the address that you are "
            "led to, or its request_token, to `workbench connect zerodha`.",
            service=LABEL,
        )

    def _fresh(self, token: str) -> bool:
        if not token or token in self._refused:
            return False
        told, _, about = self._keys.get("valid_until", "").partition(" ")
        if not told or (about and about != _mark(token)):
            # Nothing is known of this token, as of one in the environment.
            return True
        try:
            until = datetime.fromisoformat(told)
        except ValueError:
            return True
        return self._now() < (until if until.tzinfo else until.replace(tzinfo=UTC))
