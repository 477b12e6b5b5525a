"""The providers by the names that the command line and ``Desk.ingest`` know."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple

from workbench.errors import UnknownProviderError
from workbench.providers.base import Provider, nearest_names
from workbench.providers.files import FilesProvider
from workbench.providers.sample import SampleProvider
from workbench.settings import ServiceSettings
from workbench.transport import Transport
from workbench.vendors import Keys, Vendor


class _Service(NamedTuple):
    """Where the parts of a service stand; a module is imported when its service is asked for."""

    client_module: str
    client: str
    provider_module: str
    provider: str


def _with_vendor(name: str, word: str) -> _Service:
    """Name a service whose client is shared by its provider and its broker."""
    return _Service(
        f"workbench.vendors.{name}", f"{word}Client", f"workbench.providers.{name}", f"{word}Provider"
    )


def _alone(name: str, word: str) -> _Service:
    """Name a service whose provider makes its own calls."""
    module = f"workbench.providers.{name}"
    return _Service(module, f"{word}Provider", module, f"{word}Provider")


_SERVICES = {
    "alpaca": _with_vendor("alpaca", "Alpaca"),
    "polygon": _with_vendor("polygon", "Polygon"),
    "tastytrade": _with_vendor("tastytrade", "Tastytrade"),
    "ibkr": _with_vendor("ibkr", "Ibkr"),
    "zerodha": _with_vendor("zerodha", "Zerodha"),
    "benzinga": _alone("benzinga", "Benzinga"),
    "newsapi": _alone("newsapi", "NewsApi"),
    "rss": _alone("rss", "Rss"),
    "reddit": _alone("reddit", "Reddit"),
    "stocktwits": _alone("stocktwits", "Stocktwits"),
    "alpha_vantage": _alone("alpha_vantage", "AlphaVantage"),
    "finnhub": _alone("finnhub", "Finnhub"),
    "fmp": _alone("fmp", "Fmp"),
}
SERVICE_NAMES = tuple(_SERVICES)
PROVIDER_NAMES = ("sample", "files", *SERVICE_NAMES)


@dataclass(frozen=True)
class Access:
    """How a desk reaches its services.

    Attributes
    ----------
    settings : ServiceSettings
        Addresses.
    keys : callable
        Takes a service's name and returns its credentials, or None.
    transport : Transport
        The desk's one way to the outside.
    save : callable, optional
        Takes a service's name and credentials that must outlive the process, such as a renewed token.
    """

    settings: ServiceSettings
    keys: Callable[[str], Keys | None]
    transport: Transport
    save: Callable[[str, Keys], None] | None = None


def open_provider(name: str, *, folder: str | PathLike[str], access: Access | None = None) -> Provider:
    """Return the provider of a name.

    Parameters
    ----------
    name : str
        "sample" (real prices that ship with a package), "files" (the user's own), or a service.
    folder : path-like
        Where the user's files lie.
    access : Access, optional
        How services are reached; without it only the first two are there.

    Raises
    ------
    UnknownProviderError
        If no provider has that name.
    """
    if name == "sample":
        return SampleProvider()
    if name == "files":
        return FilesProvider(folder)
    if access is None or name not in _SERVICES:
        raise _unknown(name, PROVIDER_NAMES if access is not None else ("sample", "files"))
    service = _SERVICES[name]
    client = open_client(name, access)
    made: Provider = (
        client
        if service.client == service.provider
        else _part(service.provider_module, service.provider)(client)
    )
    return made


def open_client(name: str, access: Access, *, keys: Keys | None = None) -> Any:
    """Return the client of a service, which proves keys by `check` and makes the calls of its provider.

    Parameters
    ----------
    name : str
        One of `SERVICE_NAMES`.
    access : Access
        How services are reached.
    keys : mapping, optional
        In place of those that `access` finds, as when they are to be proved first.
    """
    if name not in _SERVICES:
        raise _unknown(name, SERVICE_NAMES)
    service = _SERVICES[name]
    make = _part(service.client_module, service.client)
    extra: dict[str, Any] = {}
    save = access.save
    if save is not None and "save" in inspect.signature(make).parameters:
        extra["save"] = lambda renewed: save(name, renewed)
    section = getattr(access.settings, name)
    return make(section, keys if keys is not None else access.keys(name), access.transport, **extra)


def vendor_of(name: str) -> Vendor:
    """Return what is said about a service: label, credentials, kinds, where help is.

    Raises
    ------
    UnknownProviderError
        If no service has that name.
    """
    if name not in _SERVICES:
        raise _unknown(name, SERVICE_NAMES)
    vendor: Vendor = _part(_SERVICES[name].client_module, "VENDOR")
    return vendor


def _part(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _unknown(name: str, known: tuple[str, ...]) -> UnknownProviderError:
    near = nearest_names(name, known) or known
    return UnknownProviderError(f"No provider is named {name!r}; the nearest: {', '.join(near)}.")
