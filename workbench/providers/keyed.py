"""Services that one key opens, and those that need none: how their client is made at the first call."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx

from workbench.errors import ServiceError
from workbench.providers.network import NetworkProvider
from workbench.transport import HttpClient, Rate, Transport
from workbench.vendors.base import Keys, Vendor, require_keys


class KeyedProvider(NetworkProvider):
    """The base of providers that make their own calls; a subclass names its `vendor` and `call_rates`.

    Parameters
    ----------
    settings : section of `ServiceSettings`
        Holds `rest_url`.
    keys : mapping or None
        ``api_key``, where the service wants one. It travels in a header, or in the address where the service
        takes it nowhere else, and is redacted wherever it would show.
    transport : Transport
        The desk's one way to the outside.
    """

    vendor: ClassVar[Vendor]
    call_rates: ClassVar[Mapping[str, Sequence[Rate]]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.name, cls.label = cls.vendor.name, cls.vendor.label
        cls.kinds = frozenset(cls.vendor.kinds)

    def __init__(self, settings: Any, keys: Keys | None, transport: Transport) -> None:
        super().__init__()
        self._settings = settings
        self._keys = keys
        self._transport = transport
        self._client: HttpClient | None = None

    def _key(self) -> str:
        """Return the key, "" where none is needed.

        Raises
        ------
        NotConnectedError
            If there is none.
        """
        return require_keys(self.vendor, self._keys).get("api_key", "")

    def _http(self) -> HttpClient:
        """Return the client, made at the first call so that a provider without keys can be held.

        Raises
        ------
        NotConnectedError
            If there is no key.
        """
        key = self._key()
        if self._client is None:
            self._client = self._transport.client(
                self._settings.rest_url,
                service=self.name,
                label=self.label,
                headers=self._headers(key),
                rates=self.call_rates,
                secrets=(key,) if key else (),
                read_error=self._error_of,
            )
        return self._client

    def _headers(self, key: str) -> Mapping[str, str]:
        """Return what is sent with every call."""
        return {}

    def _error_of(self, answer: httpx.Response) -> ServiceError | None:
        """Return the error that an answer stands for; None leaves it to its status."""
        return None
