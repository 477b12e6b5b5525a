"""Interactive Brokers' live quotes and trades over the gateway's websocket."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from workbench.errors import (
    NeedsLoginError,
    ServiceError,
    ServiceRefusedError,
    SocketClosedError,
    UnsupportedError,
)
from workbench.providers.feeds import Batch
from workbench.providers.ibkr_answers import (
    ASK,
    ASK_SIZE,
    AVAILABILITY,
    BID,
    BID_SIZE,
    LAST,
    LAST_SIZE,
    Kind,
    Marked,
    milliseconds_of,
    number_of,
    positive_whole,
    price_of,
    size_of,
)
from workbench.providers.ibkr_contracts import ContractBook
from workbench.transport import Socket, is_loopback, open_socket
from workbench.vendors.ibkr import VENDOR, IbkrClient

FEED_KINDS = ("quotes", "trades")
_FIELDS = (LAST, BID, ASK, BID_SIZE, ASK_SIZE, LAST_SIZE, AVAILABILITY)
_QUOTE_PARTS = frozenset({BID, ASK, BID_SIZE, ASK_SIZE})
_TRADE_PARTS = frozenset({LAST, LAST_SIZE})
_KEEPALIVE_SECONDS = 55.0
_SESSION_WAIT = 15.0
_FIRST_WORD = 3.0
_DELAY_NS = 15 * 60 * 10**9
# Of the service itself, without events: heartbeats, account updates, bulletins, notices.
_QUIET_TOPICS = frozenset({"system", "tic", "act", "blt", "ntf", "ech"})
_EXCERPT = 200

Row = tuple[Any, ...]
Bad = tuple[str, str, str]


class IbkrFeed:
    """One websocket of the gateway. A message holds only what changed, so the rest is kept here.

    Parameters
    ----------
    client : IbkrClient
        Of a running gateway.
    book : ContractBook
        Finds contract ids.
    clock : callable
        Returns seconds since 1970.
    """

    service = VENDOR.name
    label = "Interactive Brokers gateway"
    heartbeat_timeout = 30.0  # the gateway beats every ten seconds

    def __init__(
        self, client: IbkrClient, book: ContractBook, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._book = book
        self._clock = clock
        self._socket: Socket | None = None
        self._keepalive: asyncio.Task[None] | None = None
        self._lost: NeedsLoginError | None = None
        self._known: dict[int, tuple[str, Kind]] = {}
        self._wanted: dict[str, set[int]] = {kind: set() for kind in FEED_KINDS}
        self._held: dict[int, dict[str, Any]] = {}

    async def open(self) -> None:
        """Connect and wait until the brokerage session stands; what was subscribed is subscribed again.

        Raises
        ------
        NeedsLoginError
            If nobody is logged in to the gateway, or another program holds the session.
        ServiceUnavailableError
            If the gateway cannot be reached.
        """
        await self.close()
        self._lost = None
        self._held.clear()
        await asyncio.to_thread(self._client.ready)
        session = await asyncio.to_thread(self._client.tickle)
        url = self._client.stream_url
        self._socket = await open_socket(
            url,
            service=VENDOR.name,
            label=VENDOR.label,
            headers={"Cookie": f'api={{"session":"{session}"}}'},
            verify=not is_loopback(url),
        )
        try:
            await self._await_session()
            for conid in sorted(set().union(*self._wanted.values())):
                await self._ask_for(conid)
        except BaseException:
            await self.close()
            raise
        self._keepalive = asyncio.create_task(self._keep_alive())

    async def subscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for more symbols; each is a market data line, of which an account has about a hundred.

        Raises
        ------
        ServiceRefusedError
            Naming the symbols that the service does not know; the others are subscribed.
        """
        self._require_kinds(wanted)
        symbols = list(dict.fromkeys(symbol for each in wanted.values() for symbol in each))
        found, unknown = await asyncio.to_thread(self._book.find, symbols)
        for kind, each in wanted.items():
            for symbol in each:
                if symbol not in found:
                    continue
                conid, of_what = found[symbol]
                fresh = not any(conid in held for held in self._wanted.values())
                self._known[conid] = (symbol, of_what)
                self._wanted[kind].add(conid)
                if fresh:
                    await self._ask_for(conid)
        if unknown:
            raise ServiceRefusedError(
                f"{VENDOR.label} has no {', '.join(unknown[:20])}; the other symbols are subscribed.",
                service=VENDOR.label,
            )

    async def unsubscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for fewer symbols of some kinds."""
        self._require_kinds(wanted)
        ids = {symbol: conid for conid, (symbol, _) in self._known.items()}
        for kind, symbols in wanted.items():
            for symbol in symbols:
                conid = ids.get(symbol)
                if conid is None or conid not in self._wanted[kind]:
                    continue
                self._wanted[kind].discard(conid)
                if not any(conid in held for held in self._wanted.values()):
                    self._held.pop(conid, None)
                    await self._open_socket().send_text(f"umd+{conid}+{{}}")

    async def receive(self) -> list[Batch]:
        """Wait for the next message and return what it holds; nothing for a heartbeat.

        Raises
        ------
        SocketClosedError
            When the connection has ended.
        NeedsLoginError
            When the session is over, as each night, or another program has taken it.
        """
        try:
            text = await self._open_socket().receive()
        except SocketClosedError:
            if self._lost is not None:
                raise self._lost from None
            raise
        now = self._clock()
        quotes, trades = Batch("quotes", [], now), Batch("trades", [], now)
        try:
            message = json.loads(text)
        except ValueError:
            quotes.bad.append(("", "a message is no JSON", _excerpt(text)))
            return [quotes]
        self._take(message, quotes, trades)
        return [batch for batch in (quotes, trades) if batch.rows or batch.bad]

    async def close(self) -> None:
        """End the connection; closing twice does nothing."""
        task, self._keepalive = self._keepalive, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    def _take(self, message: Any, quotes: Batch, trades: Batch) -> None:
        if not isinstance(message, dict):
            quotes.bad.append(("", "a message is no JSON object", _excerpt(message)))
            return
        topic = str(message.get("topic") or "")
        if topic == "sts":
            self._require_session(message.get("args"), streaming=True)
        elif topic.startswith("smd"):
            self._take_changes(topic, message, quotes, trades)
        elif topic in _QUIET_TOPICS or message.get("message") == "waiting for session":
            return
        elif "error" in message or topic == "error":
            said = message.get("error") or message.get("message") or ""
            quotes.bad.append(("", f"the service answered: {_excerpt(said)}", _excerpt(message)))
        elif topic or "result" not in message:
            quotes.bad.append(("", f"a message of the unknown topic {topic!r}", _excerpt(message)))

    def _take_changes(self, topic: str, message: dict[str, Any], quotes: Batch, trades: Batch) -> None:
        conid = positive_whole(message.get("conid") or topic.partition("+")[2])
        if conid is None or conid not in self._known:
            quotes.bad.append(("", "nobody asked for this contract", _excerpt(message)))
            return
        symbol, kind = self._known[conid]
        if "error" in message:
            said = f"the service refuses it: {_excerpt(message['error'])}"
            quotes.bad.append((symbol, said, _excerpt(message)))
            return
        held = self._held.setdefault(conid, {})
        changed = {name: message[name] for name in _FIELDS if name in message}
        time_ns = self._time_of(message, {**held, **changed})
        try:
            fresh = {**held, **changed}
            if conid in self._wanted["quotes"] and _QUOTE_PARTS & changed.keys():
                row = _quote_row(symbol, kind, time_ns, fresh)
                if row is not None:
                    quotes.rows.append(row)
            if conid in self._wanted["trades"] and _TRADE_PARTS & changed.keys():
                row = _trade_row(symbol, time_ns, fresh)
                if row is not None:
                    trades.rows.append(row)
        except ValueError as error:
            quotes.bad.append((symbol, str(error), _excerpt(message)))
            return
        held.update(changed)

    def _time_of(self, message: Mapping[str, Any], fields: Mapping[str, Any]) -> int:
        stamp = milliseconds_of(message.get("_updated"))
        time_ns = int(self._clock() * 1e9) if stamp is None else stamp * 10**6
        return time_ns - _DELAY_NS if str(fields.get(AVAILABILITY) or "")[:1] in ("D", "Y") else time_ns

    async def _ask_for(self, conid: int) -> None:
        fields = json.dumps({"fields": list(_FIELDS)}, separators=(",", ":"))
        await self._open_socket().send_text(f"smd+{conid}+{fields}")

    async def _await_session(self) -> None:
        """Wait for the word that the session stands; a gateway that says nothing at all is believed."""
        deadline = time.monotonic() + _SESSION_WAIT
        waiting = False
        while time.monotonic() < deadline:
            try:
                async with asyncio.timeout(min(_FIRST_WORD, deadline - time.monotonic())):
                    text = await self._open_socket().receive()
            except TimeoutError:
                if not waiting:
                    return
                continue
            try:
                message = json.loads(text)
            except ValueError:
                continue
            if not isinstance(message, dict):
                continue
            if message.get("message") == "waiting for session":
                waiting = True
            elif message.get("topic") == "sts":
                self._require_session(message.get("args"))
                if isinstance(message.get("args"), dict) and message["args"].get("authenticated") is True:
                    return
            elif message.get("topic") == "system" and not waiting:
                return
        raise self._client.login_needed(
            f"The gateway of {VENDOR.label} waits for its brokerage session and none came."
        )

    def _require_session(self, said: Any, *, streaming: bool = False) -> None:
        if not isinstance(said, Mapping):
            return
        if said.get("competing") is True:
            raise self._client.login_needed(
                f"Another program took the session of {VENDOR.label}; close it there first."
            )
        if said.get("authenticated") is False:
            self._client.session_lost()
            if streaming:
                # Opening again brings the session back where the login stands, as after each night.
                raise SocketClosedError(
                    f"The session of {VENDOR.label} ended, as it does once a day; it is opened again.",
                    service=VENDOR.label,
                )
            raise self._client.login_needed(f"The session of {VENDOR.label} is over.")

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_KEEPALIVE_SECONDS)
            try:
                await self._open_socket().send_text("tic")
                await asyncio.to_thread(self._client.tickle)
            except NeedsLoginError as error:
                self._lost = error
                if self._socket is not None:
                    await self._socket.close()
                return
            except ServiceError:
                continue  # the socket's own end tells more than one lost tickle

    def _require_kinds(self, wanted: Mapping[str, Collection[str]]) -> None:
        for kind in wanted:
            if kind not in FEED_KINDS:
                raise UnsupportedError(
                    f"{VENDOR.label} has no stream of {kind}; it has {', '.join(FEED_KINDS)}."
                )

    def _open_socket(self) -> Socket:
        if self._socket is None:
            raise SocketClosedError(f"{self.label} is not connected; open it first.", service=VENDOR.label)
        return self._socket


def _quote_row(symbol: str, kind: Kind, time_ns: int, fields: Mapping[str, Any]) -> Row | None:
    """Return a quote in the order of `feeds.QUOTE_FIELDS`, or None while neither side has a price."""
    sides = []
    for price, size in ((BID, BID_SIZE), (ASK, ASK_SIZE)):
        found = price_of(fields.get(price)).value
        sides.append((found, None if found is None else size_of(fields.get(size), kind)))
    (bid, bid_size), (ask, ask_size) = sides
    if bid is None and ask is None:
        return None
    return symbol, time_ns, time_ns % 1000, bid, ask, bid_size, ask_size


def _trade_row(symbol: str, time_ns: int, fields: Mapping[str, Any]) -> Row | None:
    """Return a trade in the order of `feeds.TRADE_FIELDS`; the close of another day is none."""
    last: Marked = price_of(fields.get(LAST))
    if last.value is None or last.mark == "C":
        return None
    size = number_of(fields.get(LAST_SIZE)).value
    return symbol, time_ns, str(time_ns // 10**6), last.value, size, "halted" if last.mark == "H" else ""


def _excerpt(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text[:_EXCERPT]
