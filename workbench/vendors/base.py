"""What is said about a service: its name, what it needs to be connected, what it gives."""

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.errors import NotConnectedError

Keys = Mapping[str, str]
"""Credentials by their name, as in ``{"key_id": ..., "secret_key": ...}``."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One thing that a service asks of its user.

    Attributes
    ----------
    name : str
        As in ``secret_key``; the environment variable is ``WORKBENCH_<SERVICE>_<NAME>`` in capitals.
    label : str
        As the service calls it.
    secret : bool
        Hidden while it is typed, and redacted wherever it would show.
    required : bool
        The service cannot be used without it.
    """

    name: str
    label: str
    secret: bool = True
    required: bool = True


@dataclass(frozen=True, slots=True)
class Vendor:
    """A service of market data.

    Attributes
    ----------
    name : str
        What the command line calls it.
    label : str
        What people call it.
    credentials : tuple of Credential
        What connecting asks for; empty where nothing is needed.
    kinds : tuple of str
        What it gives: "bars", "quotes", "trades", "option_chain", "corporate_actions", "news",
        "earnings", "rates", "metrics", "stream".
    help_url : str
        Where its user finds the credentials.
    connect_hint : str
        A sentence shown before they are asked for.
    """

    name: str
    label: str
    credentials: tuple[Credential, ...]
    kinds: tuple[str, ...]
    help_url: str
    connect_hint: str = ""


def require_keys(vendor: Vendor, keys: Keys | None) -> Keys:
    """Return the keys when every required one is there.

    Raises
    ------
    NotConnectedError
        Saying how the service is connected.
    """
    given = keys or {}
    if any(part.required and not given.get(part.name) for part in vendor.credentials):
        raise NotConnectedError(
            f"{vendor.label} is not connected; `workbench connect {vendor.name}` asks for what it needs.",
            service=vendor.label,
        )
    return given
