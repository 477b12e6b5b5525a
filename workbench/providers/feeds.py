"""What every live feed promises: it opens, subscribes, and gives batches of events."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

QUOTE_FIELDS = ("symbol", "time_ns", "sequence", "bid", "ask", "bid_size", "ask_size")
"""A quote event; prices and sizes are None where a side is empty, `time_ns` counts from 1970."""
TRADE_FIELDS = ("symbol", "time_ns", "trade_id", "price", "size", "conditions")
"""A trade event; `trade_id` is a text that tells it from every other trade of its symbol."""
BAR_FIELDS = ("symbol", "time_ns", "open", "high", "low", "close", "volume", "vwap")
"""A bar of one minute, at its opening edge; a later one of the same time restates it."""
FIELDS: Mapping[str, tuple[str, ...]] = {"quotes": QUOTE_FIELDS, "trades": TRADE_FIELDS, "bars": BAR_FIELDS}


@dataclass(slots=True)
class Batch:
    """Events of one kind that came together.

    Attributes
    ----------
    kind : {"quotes", "trades", "bars"}
        What `rows` are.
    rows : list of tuple
        Events in the order of `FIELDS`, with the desk's symbols.
    received_at : float
        Seconds since 1970 at which they were read from the socket.
    bad : list of tuple
        Symbol (empty where it cannot be told), reason and text of messages that could not be read.
    """

    kind: str
    rows: list[tuple[Any, ...]]
    received_at: float
    bad: list[tuple[str, str, str]] = field(default_factory=list)


@runtime_checkable
class Feed(Protocol):
    """One live connection to a service. Reconnecting and resubscribing are its owner's."""

    @property
    def service(self) -> str:
        """The service's name, as in ``alpaca``."""
        ...

    @property
    def label(self) -> str:
        """What people call the feed, as in ``Alpaca stocks, IEX``."""
        ...

    @property
    def heartbeat_timeout(self) -> float:
        """Seconds of silence after which the service itself counts a connection as dead."""
        ...

    async def open(self) -> None:
        """Connect and sign in.

        Raises
        ------
        ServiceError
            With the state that a user sees.
        """
        ...

    async def subscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for more symbols of some kinds; what is subscribed already stays.

        Raises
        ------
        ServiceRefusedError
            Naming the symbols that the service does not give.
        """
        ...

    async def unsubscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for fewer symbols of some kinds."""
        ...

    async def receive(self) -> list[Batch]:
        """Wait for the next message and return what it holds; nothing for a heartbeat.

        Raises
        ------
        SocketClosedError
            When the connection has ended.
        NeedsLoginError
            When the service takes the token no more.
        """
        ...

    async def close(self) -> None:
        """End the connection; closing twice does nothing."""
        ...
