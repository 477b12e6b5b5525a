"""The path of every event, live or replayed: checked, into the newest values, then to subscribers."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from workbench.desk.logs import get_logger
from workbench.desk.stream_checks import Bad, Events, check_events
from workbench.providers.feeds import Batch
from workbench.store.live import QUOTE_COLUMNS

Subscriber = Callable[[Events], None]

_AT = {name: place for place, name in enumerate(QUOTE_COLUMNS)}
_BID, _ASK, _BID_SIZE, _ASK_SIZE = (_AT[name] for name in ("bid", "ask", "bid_size", "ask_size"))
_LAST, _LAST_SIZE, _VOLUME = _AT["last"], _AT["last_size"], _AT["volume"]
_TIME, _LAST_TIME, _RECEIVED, _CROSSED = (
    _AT[name] for name in ("time", "last_time", "received_at", "crossed")
)
_MINUTE = 60 * 10**9
_DAY = 86_400 * 10**9
LONGEST_SUBSCRIPTION = 10_000


class LatestValues:
    """The newest quote and trade of every symbol of one feed, as rows of the live table."""

    def __init__(self, service: str, feed: str, source: str) -> None:
        self._origin = (service, feed, source)
        self._rows: dict[str, list[Any]] = {}
        self._changed: set[str] = set()
        self._quoted: set[str] = set()

    def update(self, events: Events) -> int:
        """Take events in; return how many came after a newer one of their symbol and so changed nothing."""
        by_kind = {"quotes": self._quotes, "trades": self._trades, "bars": self._bars}
        return by_kind[events.kind](events)

    def take_changed(self) -> list[tuple[Any, ...]]:
        """Return the rows that changed since they were taken last, in `QUOTE_COLUMNS`."""
        rows = [tuple(self._rows[symbol]) for symbol in self._changed]
        self._changed.clear()
        return rows

    def change_all(self) -> None:
        """Let every row count as changed, for a table that was made anew."""
        self._changed.update(self._rows)

    def _row(self, symbol: str) -> list[Any]:
        row = self._rows.get(symbol)
        if row is None:
            row = self._rows[symbol] = [symbol, *[None] * (len(QUOTE_COLUMNS) - 4), *self._origin]
        return row

    def _quotes(self, events: Events) -> int:
        columns, late = events.columns, 0
        parts = (columns[name].tolist() for name in ("bid", "ask", "bid_size", "ask_size"))
        received = events.received_at
        for symbol, time, bid, ask, bid_size, ask_size, crossed in zip(
            events.symbols, events.times.tolist(), *parts, events.crossed.tolist(), strict=True
        ):
            row = self._row(symbol)
            if symbol not in self._quoted:
                self._quoted.add(symbol)
            elif time < row[_TIME]:
                late += 1
                continue
            # SQLite writes NaN as null by itself.
            row[_BID], row[_ASK], row[_BID_SIZE], row[_ASK_SIZE] = bid, ask, bid_size, ask_size
            row[_TIME], row[_RECEIVED], row[_CROSSED] = time, received, int(crossed)
            self._changed.add(symbol)
        return late

    def _trades(self, events: Events) -> int:
        late, received = 0, events.received_at
        prices, sizes = events.columns["price"].tolist(), events.columns["size"].tolist()
        for symbol, time, price, size in zip(
            events.symbols, events.times.tolist(), prices, sizes, strict=True
        ):
            row = self._row(symbol)
            before = row[_LAST_TIME]
            # What the stream itself saw trade since midnight UTC, which no session crosses in New York.
            traded = 0.0 if math.isnan(size) else size
            if before is not None and time // _DAY < before // _DAY:
                late += 1
                continue
            same_day = before is not None and time // _DAY == before // _DAY
            row[_VOLUME] = (row[_VOLUME] or 0.0) + traded if same_day else traded
            self._changed.add(symbol)
            if before is not None and time < before:
                late += 1
                continue
            row[_LAST], row[_LAST_SIZE], row[_LAST_TIME] = price, size, time
            self._touch(symbol, row, time, received)
        return late

    def _bars(self, events: Events) -> int:
        late, received = 0, events.received_at
        for symbol, time, close in zip(
            events.symbols, events.times.tolist(), events.columns["close"].tolist(), strict=True
        ):
            row = self._row(symbol)
            # The close of a minute is its last trade; a trade that came by itself is more exact.
            end = time + _MINUTE
            if row[_LAST_TIME] is not None and end < row[_LAST_TIME]:
                late += 1
                continue
            row[_LAST], row[_LAST_SIZE], row[_LAST_TIME] = close, None, min(end, int(received * 1e9))
            self._touch(symbol, row, row[_LAST_TIME], received)
            self._changed.add(symbol)
        return late

    def _touch(self, symbol: str, row: list[Any], time: int, received: float) -> None:
        if symbol not in self._quoted:
            row[_TIME], row[_RECEIVED] = time, received


@dataclass(slots=True)
class Counts:
    """What went through a path so far."""

    events: int = 0
    quarantined: int = 0
    late: int = 0


@dataclass(slots=True)
class Passed:
    """What came out of one pass: sound events by kind, and bad rows with kind, symbol, reason and text."""

    events: list[Events] = field(default_factory=list)
    bad: list[tuple[str, Bad]] = field(default_factory=list)


class EventPath:
    """One feed's way in: `pass_through` checks what came, keeps the newest values and tells subscribers.

    Parameters
    ----------
    service, feed, source : str
        The service's name, the feed's label and the provider's label.
    wanted : collection of str or None
        Symbols that were asked for; None takes all.
    """

    def __init__(self, service: str, feed: str, source: str, wanted: Collection[str] | None = None) -> None:
        self.source = source
        self.wanted = wanted
        self.latest = LatestValues(service, feed, source)
        self.counts = Counts()
        self._newest: dict[str, dict[str, int]] = {}
        self._subscribers: list[Subscriber] = []
        self._log = get_logger("stream", service=service)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with each batch of sound events from now on; the answer ends that.

        It is called between two reads of the socket: it must be quick, and hand longer work to others. Its
        own errors are logged and stop nothing.
        """
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber) if subscriber in self._subscribers else None

    def pass_through(self, batches: Iterable[Batch]) -> Passed:
        """Take batches in, in their order, and return what became of them."""
        passed = Passed()
        for kind, group in _by_kind(batches).items():
            rows = [row for batch in group for row in batch.rows] if len(group) > 1 else group[0].rows
            passed.bad += [(kind, each) for batch in group for each in batch.bad]
            if not rows:
                continue
            newest = self._newest.setdefault(kind, {})
            checked = check_events(
                kind,
                rows,
                source=self.source,
                received_at=group[-1].received_at,
                wanted=self.wanted,
                newest=newest,
            )
            passed.bad += [(kind, each) for each in checked.bad]
            if checked.good is None:
                continue
            for symbol, time in zip(checked.good.symbols, checked.good.times.tolist(), strict=True):
                if time > newest.get(symbol, 0):
                    newest[symbol] = time
            self.counts.late += self.latest.update(checked.good)
            self.counts.events += len(checked.good)
            passed.events.append(checked.good)
        self.counts.quarantined += len(passed.bad)
        for events in passed.events:
            self._tell(events)
        return passed

    def _tell(self, events: Events) -> None:
        for subscriber in list(self._subscribers):
            try:
                subscriber(events)
            except Exception as error:  # noqa: BLE001 - one subscriber's fault must not stop the others
                self._log.exception("subscriber_failed", error=str(error))


class Subscription:
    """Sound events as an async iterator, with a bounded queue: `missed` counts what a slow reader lost.

    A reader that is too slow loses the oldest batches, and knows it; the stream itself never waits for it.
    """

    def __init__(self, path: EventPath, *, longest: int = LONGEST_SUBSCRIPTION) -> None:
        self.missed = 0
        self._queue: asyncio.Queue[Events] = asyncio.Queue(longest)
        self._end = path.subscribe(self._put)

    def _put(self, events: Events) -> None:
        if self._queue.full():
            self.missed += len(self._queue.get_nowait())
        self._queue.put_nowait(events)

    def close(self) -> None:
        """Take no more events."""
        self._end()

    async def __aiter__(self) -> AsyncIterator[Events]:
        while True:
            yield await self._queue.get()


def _by_kind(batches: Iterable[Batch]) -> dict[str, list[Batch]]:
    found: dict[str, list[Batch]] = {}
    for batch in batches:
        found.setdefault(batch.kind, []).append(batch)
    return found
