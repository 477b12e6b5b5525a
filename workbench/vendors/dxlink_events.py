"""What DXLink sends: the events of dxFeed as columns, in either form and in any order of fields.

Sources: the protocol's AsyncAPI description (dxFeed/dxLink), dxFeed's data model, tastytrade's guide.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

# Bits of `eventFlags` of events that come as a snapshot.
TX_PENDING, REMOVE_EVENT, SNAPSHOT_BEGIN, SNAPSHOT_END, SNAPSHOT_SNIP = 0x1, 0x2, 0x4, 0x8, 0x10

EVENT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Quote": (
        "eventType", "eventSymbol", "sequence", "timeNanoPart", "bidTime", "askTime",
        "bidPrice", "askPrice", "bidSize", "askSize",
    ),
    "Trade": ("eventType", "eventSymbol", "time", "timeNanoPart", "sequence", "price", "size", "dayVolume"),
    "Candle": (
        "eventType", "eventSymbol", "eventFlags", "index", "time", "open", "high", "low", "close",
        "volume", "vwap",
    ),
    "Greeks": ("eventType", "eventSymbol", "time", "volatility", "delta", "gamma", "theta", "vega"),
    "Summary": ("eventType", "eventSymbol", "dayClosePrice", "prevDayClosePrice", "openInterest"),
}  # fmt: skip
"""The fields asked for of each event; the service may answer in another order."""

Bad = tuple[str, str, str]
_EXCERPT = 200


class Events(NamedTuple):
    """Events of one kind as columns, all of one length; texts such as ``"NaN"`` are as they came."""

    kind: str
    columns: dict[str, list[Any]]
    size: int

    def column(self, name: str) -> list[Any]:
        """Return a column, or as many None where the service left the field out."""
        return self.columns.get(name) or [None] * self.size


def number(value: Any) -> float | None:
    """Read a number of an event; ``"NaN"``, infinities and None are no number.

    Raises
    ------
    ValueError
        If the value is something else.

    Examples
    --------
    >>> number("NaN"), number("12.5"), number(3)
    (None, 12.5, 3.0)
    """
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is int:
        return float(value)
    if value is None:
        return None
    if kind is not str:
        raise ValueError(f"{value!r} is no number")
    found = float(value)
    return found if math.isfinite(found) else None


def whole(value: Any) -> int:
    """Read a whole number of an event; what is missing counts as 0, as the service writes it."""
    if type(value) is int:
        return value
    found = number(value)
    return 0 if found is None else int(found)


class EventDecoder:
    """Reads FEED_DATA in either of its forms, with the field order that the service told last."""

    def __init__(self, fields: Mapping[str, Sequence[str]] = EVENT_FIELDS) -> None:
        self._fields = {kind: list(names) for kind, names in fields.items()}

    def configure(self, message: Mapping[str, Any]) -> None:
        """Take the order of the fields from a FEED_CONFIG message; kinds that it leaves out stay."""
        told = message.get("eventFields")
        if not isinstance(told, Mapping):
            return
        for kind, names in told.items():
            if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
                self._fields[str(kind)] = names

    def decode(self, data: Any) -> tuple[list[Events], list[Bad]]:
        """Return the events of a message, and what could not be read with its reason."""
        if not isinstance(data, list):
            return [], [("", "`data` is no list", excerpt(data))]
        if data and all(isinstance(each, Mapping) for each in data):
            return self._full(data)
        found: list[Events] = []
        bad: list[Bad] = []
        for head, values in _pairs(data):
            kind, names = self._head(head)
            if not kind or not isinstance(values, list):
                bad.append(("", "an event list has no type or no values", excerpt([head, values])))
            elif not names:
                bad.append(("", f"the fields of {kind} were never told", excerpt(values)))
            else:
                columns, count, wrong = _columns(kind, names, values)
                bad.extend(wrong)
                if count:
                    found.append(Events(kind, columns, count))
        return found, bad

    def _head(self, head: Any) -> tuple[str, list[str]]:
        if isinstance(head, str):
            return head, self._fields.get(head, [])
        # The first message of a kind may carry its fields: ["Quote", ["eventSymbol", ...]].
        if isinstance(head, list) and len(head) == 2 and isinstance(head[0], str):
            self.configure({"eventFields": {head[0]: head[1]}})
            return head[0], self._fields.get(head[0], [])
        return "", []

    def _full(self, data: list[Mapping[str, Any]]) -> tuple[list[Events], list[Bad]]:
        by_kind: dict[str, list[Mapping[str, Any]]] = {}
        bad: list[Bad] = []
        for event in data:
            kind = event.get("eventType")
            if isinstance(kind, str):
                by_kind.setdefault(kind, []).append(event)
            else:
                bad.append((str(event.get("eventSymbol") or ""), "an event has no type", excerpt(event)))
        return [
            Events(
                kind,
                {
                    name: [event.get(name) for event in events]
                    for name in dict.fromkeys(key for event in events for key in event)
                },
                len(events),
            )
            for kind, events in by_kind.items()
        ], bad


def _pairs(data: list[Any]) -> Iterator[tuple[Any, Any]]:
    for place in range(0, len(data), 2):
        yield data[place], data[place + 1] if place + 1 < len(data) else None


def _columns(kind: str, names: list[str], values: list[Any]) -> tuple[dict[str, list[Any]], int, list[Bad]]:
    """Split a flat list into columns; where the rows name their kind, a broken row costs only itself."""
    width = len(names)
    place = names.index("eventType") if "eventType" in names else None
    if len(values) % width == 0 and (
        place is None or values[place::width].count(kind) == len(values) // width
    ):
        return {name: values[at::width] for at, name in enumerate(names)}, len(values) // width, []
    if place is None:
        reason = f"{len(values)} values of {kind} are no whole number of rows of {width} fields"
        return {}, 0, [("", reason, excerpt(values))]
    starts = [at - place for at, value in enumerate(values) if value == kind]
    edges = [max(at, 0) for at in starts] + [len(values)]
    rows = [values[first:last] for first, last in pairwise(edges)]
    good = [row for row in rows if len(row) == width]
    bad = [row for row in rows if len(row) != width]
    if edges[0] > 0:
        bad.append(values[: edges[0]])
    reason = f"a row of {kind} does not have its {width} fields"
    symbol = names.index("eventSymbol") if "eventSymbol" in names else width
    said = [
        (row[symbol] if len(row) > symbol and isinstance(row[symbol], str) else "", reason, excerpt(row))
        for row in bad
    ]
    return {name: [row[at] for row in good] for at, name in enumerate(names)}, len(good), said


def excerpt(value: Any) -> str:
    """Return a value as a text that is short enough for a quarantine."""
    return str(value)[:_EXCERPT]
