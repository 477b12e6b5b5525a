"""tastytrade's live quotes, trades and minute bars over DXLink."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from workbench.errors import UnsupportedError
from workbench.providers.feeds import Batch
from workbench.vendors.dxlink import DXLink, QuoteToken
from workbench.vendors.dxlink_events import REMOVE_EVENT, Bad, Events, excerpt, number, whole
from workbench.vendors.tastytrade import VENDOR, our_symbol, streamer_symbol

FEED_KINDS = ("quotes", "trades", "bars")
_EVENT_OF_KIND = {"quotes": "Quote", "trades": "Trade", "bars": "Candle"}
_KIND_OF_EVENT = {event: kind for kind, event in _EVENT_OF_KIND.items()}
_MINUTE = "{=1m}"
_MINUTE_NS = 60 * 10**9
_TIMES_ARE_MILLISECONDS = 10**6

Row = tuple[Any, ...]


class TastytradeFeed:
    """One connection to tastytrade's market data.

    Parameters
    ----------
    token : callable
        Gives the quote token; called with True for a new one.
    streamer_symbols : callable, optional
        Returns the streamer's symbols of ours, for those that the API told; the rest is worked out.
    sandbox : bool
        The feed is the delayed one of the sandbox.
    clock : callable
        Returns seconds since 1970.
    """

    service = VENDOR.name
    heartbeat_timeout = 60.0

    def __init__(
        self,
        token: Callable[[bool], QuoteToken],
        *,
        streamer_symbols: Callable[[Collection[str]], Mapping[str, str]] = lambda symbols: {},
        sandbox: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.label = "tastytrade sandbox, 15 minutes late" if sandbox else "tastytrade DXLink"
        self._link = DXLink(token, service=VENDOR.name, label=VENDOR.label)
        self._streamer_symbols = streamer_symbols
        self._clock = clock
        self._ours: dict[str, str] = {}
        self._wanted: dict[str, set[str]] = {kind: set() for kind in FEED_KINDS}
        self._unfinished: dict[str, Row] = {}

    async def open(self) -> None:
        """Connect and sign in; what was subscribed before is subscribed again.

        Raises
        ------
        ServiceError
            With the state that a user sees.
        """
        self._unfinished.clear()
        await self._link.open()

    async def subscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for more symbols of some kinds. DXLink stays silent about a symbol that it does not know."""
        entries = []
        for kind, theirs, ours in await self._translated(wanted):
            if theirs in self._wanted[kind]:
                continue
            self._wanted[kind].add(theirs)
            self._ours[theirs] = ours
            entry: dict[str, Any] = {"type": _EVENT_OF_KIND[kind], "symbol": theirs}
            if kind == "bars":
                entry["symbol"] = theirs + _MINUTE
                entry["fromTime"] = int(self._clock() // 60 * 60 * 1000)
            entries.append(entry)
        if entries:
            await self._link.subscribe(entries)

    async def unsubscribe(self, wanted: Mapping[str, Collection[str]]) -> None:
        """Ask for fewer symbols of some kinds."""
        keys = []
        for kind, theirs, ours in await self._translated(wanted):
            self._wanted[kind].discard(theirs)
            if kind == "bars":
                self._unfinished.pop(ours, None)
            keys.append((_EVENT_OF_KIND[kind], theirs + (_MINUTE if kind == "bars" else "")))
        await self._link.unsubscribe(keys)

    async def receive(self) -> list[Batch]:
        """Wait for the next message and return what it holds; nothing for a heartbeat.

        Raises
        ------
        SocketClosedError
            When the connection has ended.
        NeedsLoginError
            When the service takes a fresh token no more.
        """
        events, bad = await self._link.receive()
        now = self._clock()
        batches: dict[str, Batch] = {}

        def batch_of(kind: str) -> Batch:
            return batches.setdefault(kind, Batch(kind, [], now))

        if bad:
            batch_of("quotes").bad.extend(bad)
        for found in events:
            kind = _KIND_OF_EVENT.get(found.kind)
            if kind is None:
                batch_of("quotes").bad.append(("", f"nobody asked for {found.kind} events", ""))
                continue
            rows, wrong = self._rows(kind, found, int(now * 1e9))
            batch = batch_of(kind)
            batch.rows.extend(rows)
            batch.bad.extend(wrong)
        if over := self._bars_that_are_over(int(now * 1e9)):
            batch_of("bars").rows.extend(over)
        return [batch for batch in batches.values() if batch.rows or batch.bad]

    async def close(self) -> None:
        """End the connection; closing twice does nothing."""
        await self._link.close()

    async def _translated(self, wanted: Mapping[str, Collection[str]]) -> list[tuple[str, str, str]]:
        unknown = [kind for kind in wanted if kind not in FEED_KINDS]
        if unknown:
            raise UnsupportedError(
                f"{self.label} has no stream of {unknown[0]}; it has {', '.join(FEED_KINDS)}."
            )
        asked = {symbol for symbols in wanted.values() for symbol in symbols}
        told = await asyncio.to_thread(self._streamer_symbols, asked)
        return [
            (kind, told.get(symbol) or streamer_symbol(symbol), symbol)
            for kind, symbols in wanted.items()
            for symbol in symbols
        ]

    def _rows(self, kind: str, events: Events, now_ns: int) -> tuple[list[Row], list[Bad]]:
        rows, bad = _READ[kind](events, now_ns)
        good: list[Row] = []
        for row in rows:
            theirs = row[0].partition("{")[0]
            if theirs not in self._wanted[kind]:
                bad.append((our_symbol(theirs), "nobody asked for this symbol", excerpt(row)))
                continue
            named = (self._ours[theirs], *row[1:])
            good.extend(self._bars_before(named) if kind == "bars" else [named])
        return good, bad

    def _bars_before(self, row: Row) -> list[Row]:
        """Keep a bar until its minute is over; one that is restated later is given again at once."""
        held = self._unfinished.get(row[0])
        if held is not None and row[1] < held[1]:
            return [row]
        self._unfinished[row[0]] = row
        return [held] if held is not None and row[1] > held[1] else []

    def _bars_that_are_over(self, now_ns: int) -> list[Row]:
        over = [row for row in self._unfinished.values() if row[1] + _MINUTE_NS <= now_ns]
        for row in over:
            del self._unfinished[row[0]]
        return over


def quote_rows(events: Events, now_ns: int) -> tuple[list[Row], list[Bad]]:
    """Return quotes in the order of `feeds.QUOTE_FIELDS`, with the streamer's symbols.

    The service often leaves both times 0; the quote's time is then when it was read.
    """
    rows: list[Row] = []
    bad: list[Bad] = []
    for symbol, sequence, nanos, bid_at, ask_at, bid, ask, bid_size, ask_size in _in_turn(
        events,
        (
            "eventSymbol", "sequence", "timeNanoPart", "bidTime", "askTime",
            "bidPrice", "askPrice", "bidSize", "askSize",
        ),
    ):  # fmt: skip
        try:
            stamp = max(whole(bid_at), whole(ask_at))
            time_ns = stamp * _TIMES_ARE_MILLISECONDS + whole(nanos) if stamp > 0 else now_ns
            prices = _side(bid, bid_size), _side(ask, ask_size)
            if prices[0][0] is None and prices[1][0] is None:
                raise ValueError("neither side has a price")
            rows.append(
                (
                    _text(symbol),
                    time_ns,
                    whole(sequence),
                    prices[0][0],
                    prices[1][0],
                    prices[0][1],
                    prices[1][1],
                )
            )
        except (ValueError, OverflowError) as error:
            bad.append(_refused(symbol, error, (bid_at, ask_at, bid, ask, bid_size, ask_size)))
    return rows, bad


def trade_rows(events: Events, now_ns: int) -> tuple[list[Row], list[Bad]]:
    """Return trades in the order of `feeds.TRADE_FIELDS`, with the streamer's symbols."""
    rows: list[Row] = []
    bad: list[Bad] = []
    for symbol, stamp, nanos, sequence, price, size in _in_turn(
        events, ("eventSymbol", "time", "timeNanoPart", "sequence", "price", "size")
    ):
        try:
            at, paid, traded = whole(stamp), number(price), number(size)
            if paid is None or paid <= 0 or (traded is not None and traded < 0):
                raise ValueError(f"the price is {price} and the size {size}")
            time_ns = at * _TIMES_ARE_MILLISECONDS + whole(nanos) if at > 0 else now_ns
            rows.append((_text(symbol), time_ns, f"{at}-{whole(sequence)}", paid, traded, ""))
        except (ValueError, OverflowError) as error:
            bad.append(_refused(symbol, error, (stamp, price, size)))
    return rows, bad


def candle_rows(events: Events, now_ns: int) -> tuple[list[Row], list[Bad]]:
    """Return candles in the order of `feeds.BAR_FIELDS`; those that only take a bar back are left out."""
    rows: list[Row] = []
    bad: list[Bad] = []
    for symbol, flags, stamp, *prices, volume, vwap in _in_turn(
        events, ("eventSymbol", "eventFlags", "time", "open", "high", "low", "close", "volume", "vwap")
    ):
        try:
            if whole(flags) & REMOVE_EVENT:
                continue
            at, (opened, high, low, closed) = whole(stamp), map(number, prices)
            if at <= 0:
                raise ValueError("the candle has no time")
            if opened is None or high is None or low is None or closed is None or low <= 0:
                raise ValueError("a price is missing or not above zero")
            if high < max(opened, closed, low) or low > min(opened, closed):
                raise ValueError("the prices lie outside low and high")
            rows.append(
                (_text(symbol), at * 10**6, opened, high, low, closed, number(volume), number(vwap) or None)
            )
        except (ValueError, OverflowError) as error:
            bad.append(_refused(symbol, error, (stamp, *prices, volume)))
    return rows, bad


_READ: Mapping[str, Callable[[Events, int], tuple[list[Row], list[Bad]]]] = {
    "quotes": quote_rows,
    "trades": trade_rows,
    "bars": candle_rows,
}


def _in_turn(events: Events, names: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    return zip(*(events.column(name) for name in names), strict=True)


def _side(price: Any, size: Any) -> tuple[float | None, float | None]:
    """Return price and size of one side; a price of zero is no bid, and a size without price is none."""
    found, shown = number(price), number(size)
    if found is None or found == 0:
        return None, None
    if found < 0 or (shown is not None and shown < 0):
        raise ValueError(f"a price is {found:g} and its size {shown}")
    return found, shown


def _text(symbol: Any) -> str:
    if not isinstance(symbol, str) or not symbol:
        raise ValueError("the event has no symbol")
    return symbol


def _refused(symbol: Any, error: Exception, values: tuple[Any, ...]) -> Bad:
    named = our_symbol(symbol) if isinstance(symbol, str) else ""
    return named, str(error), excerpt(values)
