"""Events of a feed on their way in, checked a batch at a time; the bad ones leave with their reason."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workbench.providers.feeds import FIELDS

LARGEST_PRICE = 1e9
LARGEST_SIZE = 1e15
FUTURE_SECONDS = 5.0
"""How far an event may lie ahead of our clock: clocks differ, exchanges do not trade tomorrow."""
LONGEST_BACK = {"quotes": 3600.0, "trades": 8 * 3600.0, "bars": 86_400.0}
"""How far an event may go back behind the newest of its symbol. Trades are reported late by rule, to the end
of the session; a quote that is an hour behind is not a quote."""
OLDEST_SECONDS = 366 * 86_400.0

_NUMBERS = {
    "quotes": ("bid", "ask", "bid_size", "ask_size"),
    "trades": ("price", "size"),
    "bars": ("open", "high", "low", "close", "volume", "vwap"),
}
_PRICES = {
    "quotes": ("bid", "ask"),
    "trades": ("price",),
    "bars": ("open", "high", "low", "close", "vwap"),
}
_NEEDED = {"quotes": (), "trades": ("price",), "bars": ("open", "high", "low", "close")}
_LAKE = {"quotes": "quotes", "trades": "trades", "bars": "intraday_bars"}

_NUMBER_TYPES = frozenset({float, int, type(None)})

Mask = npt.NDArray[np.bool_]
Bad = tuple[str, str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Sound events of one kind, in the order in which they came.

    Attributes
    ----------
    kind : {"quotes", "trades", "bars"}
    source : str
        The provider's label.
    symbols : list of str
    times : ndarray of int64
        Nanoseconds since 1970.
    columns : mapping of str to ndarray or list
        The other fields of `workbench.providers.feeds.FIELDS`.
    crossed : ndarray of bool
        Quotes whose bid lies above their ask: kept, and said.
    received_at : float
        Seconds since 1970 of the last batch among them.
    """

    kind: str
    source: str
    symbols: list[str]
    times: npt.NDArray[np.int64]
    columns: Mapping[str, Any]
    crossed: Mask
    received_at: float

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def table(self) -> str:
        """The lake's table of these events."""
        return _LAKE[self.kind]

    def to_arrow(self) -> pa.Table:
        """Return the events in the columns of the lake."""
        arrays: dict[str, Any] = {"symbol": pa.array(self.symbols, pa.string())}
        if self.kind == "bars":
            arrays["interval"] = pa.repeat(pa.scalar("1m"), len(self))
        arrays["time"] = pa.array(self.times // 1000).cast(pa.timestamp("us"))
        for name, values in self.columns.items():
            is_text = name in ("trade_id", "conditions")
            arrays[name] = pa.array(values, pa.string() if is_text else None)
        return pa.table(arrays)


@dataclass(slots=True)
class Checked:
    """What a check found: sound events (None where there are none) and the bad ones with reasons."""

    good: Events | None
    bad: list[Bad] = field(default_factory=list)


def check_events(
    kind: str,
    rows: Sequence[tuple[Any, ...]],
    *,
    source: str,
    received_at: float,
    wanted: Collection[str] | None,
    newest: Mapping[str, int],
) -> Checked:
    """Split a batch into sound events and bad ones.

    Parameters
    ----------
    kind : {"quotes", "trades", "bars"}
        What the rows are.
    rows : sequence of tuple
        In the order of `workbench.providers.feeds.FIELDS`.
    source : str
        The provider's label.
    received_at : float
        Seconds since 1970; of recorded events the instant that they are replayed at.
    wanted : collection of str or None
        Symbols that were asked for; None takes all.
    newest : mapping of str to int
        Nanoseconds since 1970 of the newest event of each symbol so far.
    """
    bad: list[Bad] = []
    try:
        names, times, columns = _columns(kind, rows)
    except (ValueError, TypeError, OverflowError):
        # One odd row spoils the arrays of all: look at each, and take the rest together.
        sound = []
        for row in rows:
            complaint = _unreadable(kind, row)
            if complaint is None:
                sound.append(row)
            else:
                bad.append((_name_of(row), complaint, repr(row)))
        if not sound:
            return Checked(None, bad)
        rows = sound
        names, times, columns = _columns(kind, rows)
    broken = _broken(kind, names, times, columns, received_at, wanted, newest)
    refused = np.zeros(len(names), dtype=bool)
    for mask, _ in broken:
        refused |= mask
    if refused.any():
        for place in np.flatnonzero(refused).tolist():
            reasons = [reason(place) for mask, reason in broken if mask[place]]
            bad.append((names[place], "; ".join(reasons), repr(rows[place])))
        kept = np.flatnonzero(~refused).tolist()
        if not kept:
            return Checked(None, bad)
        names = [names[place] for place in kept]
        times = times[kept]
        columns = {
            name: values[kept] if isinstance(values, np.ndarray) else [values[place] for place in kept]
            for name, values in columns.items()
        }
    crossed = columns["bid"] > columns["ask"] if kind == "quotes" else np.zeros(len(names), dtype=bool)
    return Checked(Events(kind, source, names, times, columns, crossed, received_at), bad)


def _columns(
    kind: str, rows: Sequence[tuple[Any, ...]]
) -> tuple[list[str], npt.NDArray[np.int64], dict[str, Any]]:
    fields = FIELDS[kind]
    given = dict(zip(fields, zip(*rows, strict=True), strict=True))
    names = list(given.pop("symbol"))
    if not all(type(name) is str for name in names):
        raise TypeError
    stamps = given.pop("time_ns")
    if not all(type(stamp) is int for stamp in stamps):
        raise TypeError
    columns: dict[str, Any] = {}
    for name, values in given.items():
        if name in _NUMBERS[kind]:
            columns[name] = _numbers(values)
        elif name == "sequence":
            columns[name] = np.array(values, dtype=np.int64)
        else:
            columns[name] = ["" if value is None else value for value in values]
            if not all(type(value) is str for value in columns[name]):
                raise TypeError
    return names, np.array(stamps, dtype=np.int64), columns


def _numbers(values: Sequence[Any]) -> npt.NDArray[np.float64]:
    # A text that reads as a number is still a text, and a truth is no price.
    if not set(map(type, values)) <= _NUMBER_TYPES:
        raise TypeError
    return np.array(values, dtype=np.float64)


def _broken(
    kind: str,
    names: list[str],
    times: npt.NDArray[np.int64],
    columns: Mapping[str, Any],
    received_at: float,
    wanted: Collection[str] | None,
    newest: Mapping[str, int],
) -> list[tuple[Mask, Callable[[int], str]]]:
    """Return the rules that some row breaks, each with the words for a row."""
    found: list[tuple[Mask, Callable[[int], str]]] = []

    def refuse(mask: Mask, reason: Callable[[int], str]) -> None:
        if mask.any():
            found.append((mask, reason))

    if wanted is not None:
        strange = np.array([name not in wanted for name in names], dtype=bool)
        refuse(strange, lambda place: f"nobody asked for {names[place]}")
    ahead = times / 1e9 - received_at
    refuse(ahead > FUTURE_SECONDS, lambda place: f"its time lies {ahead[place]:,.0f} s in the future")
    refuse(ahead < -OLDEST_SECONDS, lambda place: f"its time lies {-ahead[place] / 86_400:,.0f} days back")
    behind = np.array([newest.get(name, 0) for name in names], dtype=np.int64) - times
    limit = LONGEST_BACK[kind]
    refuse(
        behind > limit * 1e9, lambda place: f"its time goes {behind[place] / 1e9:,.0f} s back behind the last"
    )
    with np.errstate(invalid="ignore"):
        for name in _PRICES[kind]:
            values = columns[name]
            refuse(values <= 0, _says(name, values, "it must be positive"))
            refuse(values > LARGEST_PRICE, _says(name, values, "no price is so large"))
        for name in set(_NUMBERS[kind]) - set(_PRICES[kind]):
            values = columns[name]
            refuse(values < 0, _says(name, values, "it must be zero or more"))
            refuse(values > LARGEST_SIZE, _says(name, values, "no size is so large"))
        for name in _NEEDED[kind]:
            refuse(np.isnan(columns[name]), lambda _, name=name: f"`{name}` is missing")  # type: ignore[misc]
        if kind == "quotes":
            neither = np.isnan(columns["bid"]) & np.isnan(columns["ask"])
            refuse(neither, lambda _: "neither `bid` nor `ask` is there")
        if kind == "trades":
            unnamed = np.array([not each for each in columns["trade_id"]], dtype=bool)
            refuse(unnamed, lambda _: "`trade_id` is missing")
        if kind == "bars":
            top, bottom = columns["high"], columns["low"]
            outside = (top < bottom) | (top < columns["open"]) | (top < columns["close"])
            outside |= (bottom > columns["open"]) | (bottom > columns["close"])
            refuse(outside, lambda _: "`high` is not the highest or `low` not the lowest")
    return found


def _says(name: str, values: npt.NDArray[np.float64], words: str) -> Callable[[int], str]:
    return lambda place: f"`{name}` is {values[place]:g}; {words}"


def _unreadable(kind: str, row: Any) -> str | None:
    """Say why a row cannot be read at all, or None when it can."""
    fields = FIELDS[kind]
    if not isinstance(row, tuple | list) or len(row) != len(fields):
        return f"it has not the {len(fields)} fields of {kind}"
    try:
        _columns(kind, [tuple(row)])
    except (ValueError, TypeError, OverflowError):
        for name, value in zip(fields, row, strict=True):
            whole = name in ("time_ns", "sequence")
            text = name in ("symbol", "trade_id", "conditions")
            kinds: tuple[type, ...] = (
                (int,) if whole else (str, type(None)) if text else (int, float, type(None))
            )
            if (
                not isinstance(value, kinds)
                or isinstance(value, bool)
                or (name == "symbol" and value is None)
            ):
                return f"`{name}` is {_short(value)}, of the wrong type"
        return "a figure in it is too large"
    return None


def _name_of(row: Any) -> str:
    first = row[0] if isinstance(row, tuple | list) and row else ""
    return first if isinstance(first, str) else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
