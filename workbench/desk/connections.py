"""The desk's outside services: how one is connected, what state each is in, and what its user can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from workbench.desk.frames import DeskFrame, desk_frame
from workbench.desk.opened import OpenedDesk
from workbench.errors import ArgumentError, SecretsError, ServiceError
from workbench.market.calendars import is_session, next_session, session_close, session_open
from workbench.providers import (
    PROVIDER_NAMES,
    SERVICE_NAMES,
    Access,
    Provider,
    open_client,
    open_provider,
    vendor_of,
)
from workbench.redaction import redact
from workbench.security import SecretStore, variable_name
from workbench.transport import ServiceState, Transport
from workbench.vendors import Vendor

# News is made at all hours; the others follow an exchange.
CALENDARS = {"zerodha": "XBOM"}
_TRADED = frozenset({"bars", "quotes", "trades", "latest_quotes", "option_chain"})
WORDS = {
    "not_connected": "not connected",
    "not_asked": "not asked yet",
    "needs_login": "needs login",
    "rate_limited": "rate limited",
    "unreachable": "unreachable",
    "refused": "refused",
    "bad_answer": "odd answer",
    "market_closed": "market closed",
    "connected": "connected",
}


@dataclass(frozen=True)
class Connection:
    """A service that was connected: what it may read, where its keys lie, and what to type next."""

    service: str
    label: str
    state: str
    reads: str
    place: str
    next: str

    def lines(self) -> list[str]:
        """Say it in three lines."""
        head = f"{self.label} is connected" if self.state == "connected" else f"{self.label}: {self.state}"
        return [f"{head}: {self.reads.rstrip('.')}.", f"Keys: {self.place}.", f"Next: {self.next}"]

    def _repr_html_(self) -> str:
        from html import escape

        return "".join(f"<div>{escape(line)}</div>" for line in self.lines())


class ConnectionQuestions(OpenedDesk):
    """Connects the services of a desk and tells their states."""

    def connect(self, service: str, *, keep: bool = False, **keys: str) -> Connection:
        """Prove the keys of a service by its cheapest call, and keep them if they work.

        Parameters
        ----------
        service : str
            As in ``"alpaca"``.
        keep : bool
            Keep the keys even where they could not be proved, as behind a broken line.
        **keys : str
            Credentials by name. What is left out comes from the environment or was kept before.

        Returns
        -------
        Connection
            What the account may read, and what to type next.

        Raises
        ------
        UnknownProviderError
            If no service has that name; names the nearest.
        ArgumentError
            If a credential is missing, or is none of this service.
        ServiceError
            With its state, if the keys do not work or nobody answered; nothing was kept.
        SecretsError
            If they cannot be kept.
        """
        self._require_trader("connect services")
        vendor = vendor_of(service)
        values = self._offered(vendor, keys)
        renewed: dict[str, str] = {}
        access = Access(
            self.settings.services, self._keys_of, self._transport, lambda _, made: renewed.update(made)
        )
        # What was known of the service was known of its old keys.
        self._transport.states.forget(service)
        state, reads = "connected", ""
        try:
            reads = str(open_client(service, access, keys=values).check())
        except ServiceError as error:
            if not keep:
                raise
            state, reads = error.state, str(error)
        given_once = renewed and not set(_required(vendor)) - set(renewed)
        final = renewed if given_once else {**values, **renewed}
        if keys or renewed:
            self._secrets.save(service, final)
        place = _place(self._secrets, vendor)
        self._wrote("connect", {"service": service, "state": state})
        return Connection(service, vendor.label, state, reads, place, _next_step(vendor))

    def disconnect(self, service: str) -> bool:
        """Remove the keys of a service from where the desk keeps them; say whether there were any.

        Keys in the environment stay there.
        """
        self._require_trader("disconnect services")
        vendor_of(service)
        known = self._secrets.forget(service)
        self._transport.states.forget(service)
        self._wrote("disconnect", {"service": service, "known": known})
        return known

    def connections(self) -> DeskFrame:
        """Return the state of every service; nothing is asked of any.

        Returns
        -------
        DeskFrame, indexed by service
            label, state, since, retry_at (UTC), detail, keys (where they lie), gives (kinds of data) and
            what_to_do.
        """
        now = self.now()
        known = self._transport.states.all()
        rows = [self._row(name, known.get(name), now) for name in SERVICE_NAMES]
        frame = pd.DataFrame(rows).set_index("service")
        for column in ("since", "retry_at"):
            frame[column] = pd.to_datetime(frame[column], utc=True)
        return desk_frame(frame, title="Services", note=f"as of {now:%Y-%m-%d %H:%M} UTC")

    def provider(self, name: str) -> Provider:
        """Return a provider by name, on this desk's keys, addresses and limits.

        Raises
        ------
        UnknownProviderError
            If no provider has that name; names the nearest.
        """
        access = Access(self.settings.services, self._keys_of, self._transport, self._secrets.update)
        return open_provider(name, folder=self.home / "files", access=access)

    @staticmethod
    def providers() -> list[str]:
        """Return the names of all providers."""
        return list(PROVIDER_NAMES)

    def login_link(self, service: str, **keys: str) -> str:
        """Return the page on which the user of a service logs in, "" where there is none.

        Parameters
        ----------
        service : str
            As in ``"zerodha"``.
        **keys : str
            Credentials that the link needs and the desk does not know yet.
        """
        vendor = vendor_of(service)
        section = getattr(self.settings.services, service)
        page = str(getattr(section, "login_url", ""))
        api_key = {**self._secrets.read(service, _names(vendor)), **keys}.get("api_key", "")
        if not page or "api_key" not in _names(vendor):
            return page
        # Zerodha's page wants to know for whose application somebody logs in.
        return _with_fields(page, {"v": "3", "api_key": api_key}) if api_key else ""

    @cached_property
    def _transport(self) -> Transport:
        """The desk's one way to the outside; limits and states are shared by its processes."""
        return Transport(self.home / "transport")

    @cached_property
    def _secrets(self) -> SecretStore:
        return SecretStore(self.home)

    def _keys_of(self, service: str) -> Mapping[str, str] | None:
        return self._secrets.read(service, _names(vendor_of(service))) or None

    def _offered(self, vendor: Vendor, given: Mapping[str, str]) -> dict[str, str]:
        """Return the keys to prove: those given, and what is known already of the lasting ones."""
        names = _names(vendor)
        strange = sorted(set(given) - set(names))
        if strange:
            has = ", ".join(names) or "none"
            raise ArgumentError(f"{vendor.label} has no credential `{strange[0]}`; it has: {has}.")
        known = self._secrets.read(vendor.name, names)
        if given:
            # A token of the day does not outlive new keys or a new login.
            known = {name: value for name, value in known.items() if name in _required(vendor)}
        values = {
            **known,
            **{name: str(value).strip() for name, value in given.items() if str(value).strip()},
        }
        for part in vendor.credentials:
            if part.required and not values.get(part.name):
                raise ArgumentError(
                    f"{vendor.label} needs its {part.label} (`{part.name}`); give it to `workbench connect "
                    f"{vendor.name}`, or in {variable_name(vendor.name, part.name)}."
                )
        return values

    def _row(self, name: str, known: ServiceState | None, now: pd.Timestamp) -> dict[str, Any]:
        vendor = vendor_of(name)
        found = known or ServiceState()
        locked = ""
        try:
            origin = self._secrets.origin(name, _names(vendor))
            missing = set(_required(vendor)) - set(self._secrets.read(name, _names(vendor)))
        except SecretsError as error:
            # The other services' keys lie in the same place, but what the desk holds can still be read.
            origin, missing, locked = "cannot be read", set(_required(vendor)), str(error)
        state, detail = ("not_asked" if found.state == "unknown" else found.state), found.detail
        if missing:
            state, detail = "not_connected", locked
        elif found.retry_at is not None and found.retry_at <= now and state == "rate_limited":
            state, detail = "connected", ""
        closed = self._closed(vendor, now) if state == "connected" else ""
        return {
            "service": name,
            "label": vendor.label,
            "state": "market_closed" if closed else state,
            "since": None if missing else found.since,
            "retry_at": None if missing or state == "connected" else found.retry_at,
            "detail": closed or redact(detail),
            "keys": origin or ("" if vendor.credentials else "none needed"),
            "gives": ", ".join(kind.replace("_", " ") for kind in vendor.kinds),
            "what_to_do": "make the kept keys readable again, see the detail"
            if locked
            else _what_to_do(vendor, state),
        }

    def _closed(self, vendor: Vendor, now: pd.Timestamp) -> str:
        """Say until when the exchange of a service is closed; "" while it is open or there is none."""
        if not _TRADED & set(vendor.kinds):
            return ""
        calendar = CALENDARS.get(vendor.name, self.settings.market.calendar)
        day = now.normalize().tz_localize(None)
        if is_session(calendar, day):
            opens, closes = session_open(calendar, day), session_close(calendar, day)
            if opens <= now < closes:
                return ""
            if now < opens:
                return f"opens {opens:%Y-%m-%d %H:%M} UTC"
        return f"opens {session_open(calendar, next_session(calendar, day)):%Y-%m-%d %H:%M} UTC"


def _place(secrets: SecretStore, vendor: Vendor) -> str:
    """Say where the keys of a service lie."""
    origin = secrets.origin(vendor.name, _names(vendor))
    if origin == "environment":
        return "in the environment"
    return f"in {secrets.place}" if origin else "none are needed"


def in_words(state: str) -> str:
    """Return a state as people say it: ``rate_limited`` is "rate limited"."""
    return WORDS.get(state, state.replace("_", " "))


def _with_fields(address: str, fields: Mapping[str, str]) -> str:
    """Return an address with fields added to its query."""
    import httpx

    return str(httpx.URL(address).copy_merge_params(fields))


def _names(vendor: Vendor) -> list[str]:
    return [part.name for part in vendor.credentials]


def _required(vendor: Vendor) -> list[str]:
    return [part.name for part in vendor.credentials if part.required]


def _what_to_do(vendor: Vendor, state: str) -> str:
    if state in ("not_connected", "needs_login", "not_asked"):
        return f"workbench connect {vendor.name}"
    if state == "rate_limited":
        return "nothing: calls wait for it"
    if state == "unreachable":
        return "check the line and the address (docs/services.md); it is tried again by itself"
    if state == "refused":
        return f"see what your plan holds: {vendor.help_url}"
    if state == "bad_answer":
        return "run it again; report it if it stays"
    return _next_step(vendor)


def _next_step(vendor: Vendor) -> str:
    if "bars" in vendor.kinds:
        symbol = "NSE:INFY" if vendor.name == "zerodha" else "AAPL"
        return f"workbench ingest {vendor.name} {symbol}"
    kind = next((kind for kind in ("news", "earnings", "rates", "metrics") if kind in vendor.kinds), "news")
    return f"workbench ingest {vendor.name} AAPL --kinds {kind}"
