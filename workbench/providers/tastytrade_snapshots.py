"""What DXLink tells at once when it is asked: candles of a period, Greeks of a chain.

Candles come newest first between the flags of a snapshot; Greeks come once when they are subscribed.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import ServiceError, ServiceUnavailableError
from workbench.vendors.dxlink import DXLink, QuoteToken
from workbench.vendors.dxlink_events import (
    REMOVE_EVENT,
    SNAPSHOT_BEGIN,
    SNAPSHOT_END,
    SNAPSHOT_SNIP,
    TX_PENDING,
    Bad,
    Events,
    whole,
)
from workbench.vendors.tastytrade import VENDOR

# Seconds without any event after which a snapshot is given up.
PATIENCE = 10.0
GREEKS_PATIENCE = 3.0
# Contracts subscribed at a time: the service sends a burst for each.
_CONTRACTS_AT_A_TIME = 2_000


@dataclass
class Candles:
    """The candles of one symbol as they come in.

    Attributes
    ----------
    rows : dict
        Events by their index; a later event of an index replaces the earlier one.
    finished : bool
        The whole snapshot is here.
    snipped : bool
        The service keeps no older ones.
    """

    rows: dict[Any, dict[str, Any]] = field(default_factory=dict)
    finished: bool = False
    snipped: bool = False
    _ended: bool = False

    def take(self, event: dict[str, Any]) -> None:
        """Take one event of the snapshot or after it."""
        flags = _flags(event.get("eventFlags"))
        key = event.get("index") or event.get("time")
        if flags & SNAPSHOT_BEGIN:
            self.rows.clear()
            self._ended = self.finished = self.snipped = False
        if flags & REMOVE_EVENT:
            self.rows.pop(key, None)
        else:
            self.rows[key if isinstance(key, int | float | str) else f"no {len(self.rows)}"] = event
        if flags & (SNAPSHOT_END | SNAPSHOT_SNIP):
            self._ended = True
            self.snipped = self.snipped or bool(flags & SNAPSHOT_SNIP)
        if self._ended and not flags & TX_PENDING:
            self.finished = True


@dataclass
class CandleAnswer:
    """What came of a question for candles.

    Attributes
    ----------
    candles : dict of str to Candles
        By the streamer's symbol, without its attributes.
    strangers : list of dict
        Events of symbols that nobody asked for.
    bad : list
        Symbol, reason and text of what was no event.
    cause : ServiceError or None
        Why the answer broke off.
    """

    candles: dict[str, Candles]
    strangers: list[dict[str, Any]] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    cause: ServiceError | None = None


async def ask_candles(
    token: Callable[[bool], QuoteToken],
    symbols: Sequence[str],
    attributes: str,
    from_ms: int,
    *,
    at_a_time: int,
    patience: float = PATIENCE,
) -> CandleAnswer:
    """Ask for the candles of symbols since an instant; the protocol knows no end.

    Parameters
    ----------
    token : callable
        As `DXLink` takes it.
    symbols : sequence of str
        The streamer's symbols, without attributes.
    attributes : str
        As in ``{=1d,tho=true}``.
    from_ms : int
        Milliseconds since 1970.
    at_a_time : int
        Symbols whose snapshots may be under way together.
    patience : float
        Seconds without an event after which it is given up.

    Raises
    ------
    ServiceError
        If the connection cannot be opened at all.
    """
    answer = CandleAnswer({symbol: Candles() for symbol in symbols})
    link = DXLink(token, service=VENDOR.name, label=VENDOR.label)
    await link.open()
    try:
        for first in range(0, len(symbols), at_a_time):
            part = symbols[first : first + at_a_time]
            await link.subscribe(
                {"type": "Candle", "symbol": symbol + attributes, "fromTime": from_ms} for symbol in part
            )
            await _receive_candles(link, answer, part, patience)
            await link.unsubscribe([("Candle", symbol + attributes) for symbol in part])
    except TimeoutError:
        silent = [symbol for symbol, candles in answer.candles.items() if not candles.finished]
        answer.cause = ServiceUnavailableError(
            f"{VENDOR.label} sent no end of the candles of {', '.join(silent[:5])} within {patience:g} "
            "seconds; ask again later.",
            service=VENDOR.label,
        )
    except ServiceError as error:
        answer.cause = error
    finally:
        await link.close()
    return answer


async def ask_greeks(
    token: Callable[[bool], QuoteToken], symbols: Sequence[str], *, patience: float = GREEKS_PATIENCE
) -> tuple[dict[str, dict[str, Any]], list[Bad]]:
    """Return the latest Greeks and open interest of options, by streamer symbol.

    Options about which the service stays silent are left out.
    """
    found: dict[str, dict[str, Any]] = {}
    bad: list[Bad] = []
    link = DXLink(token, service=VENDOR.name, label=VENDOR.label)
    await link.open()
    try:
        for first in range(0, len(symbols), _CONTRACTS_AT_A_TIME):
            part = symbols[first : first + _CONTRACTS_AT_A_TIME]
            await link.subscribe(
                {"type": kind, "symbol": symbol} for symbol in part for kind in ("Greeks", "Summary")
            )
            waiting = {(kind, symbol) for symbol in part for kind in ("Greeks", "Summary")}
            heard, left = time.monotonic(), len(waiting)
            with contextlib.suppress(TimeoutError):  # the silent ones have none
                while waiting:
                    # Those that were told already go on; only a new one counts as an answer.
                    async with asyncio.timeout(patience - (time.monotonic() - heard)):
                        events, wrong = await link.receive()
                    bad.extend(wrong)
                    _take_greeks(events, found, waiting)
                    if len(waiting) < left:
                        heard, left = time.monotonic(), len(waiting)
            await link.unsubscribe([(kind, symbol) for symbol in part for kind in ("Greeks", "Summary")])
    finally:
        await link.close()
    return found, bad


async def _receive_candles(
    link: DXLink, answer: CandleAnswer, symbols: Collection[str], patience: float
) -> None:
    heard = time.monotonic()
    while not all(answer.candles[symbol].finished for symbol in symbols):
        async with asyncio.timeout(patience - (time.monotonic() - heard)):
            events, bad = await link.receive()
        answer.bad.extend(bad)
        for found in events:
            for event in records_of(found):
                symbol = event.get("eventSymbol")
                base = symbol.partition("{")[0] if isinstance(symbol, str) else ""
                candles = answer.candles.get(base) if found.kind == "Candle" else None
                if candles is None:
                    answer.strangers.append(event)
                    continue
                if not candles.finished:
                    heard = time.monotonic()  # the bar of this moment of another symbol goes on and on
                candles.take(event)


def records_of(events: Events) -> list[dict[str, Any]]:
    """Return events as mappings, one each."""
    names = list(events.columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*events.columns.values(), strict=True)]


def _take_greeks(
    events: Sequence[Events], found: dict[str, dict[str, Any]], waiting: set[tuple[str, str]]
) -> None:
    for each in events:
        for event in records_of(each):
            symbol = event.get("eventSymbol")
            if isinstance(symbol, str):
                waiting.discard((each.kind, symbol))
                told: Mapping[str, Any] = {
                    name: value for name, value in event.items() if value not in (None, "NaN")
                }
                found.setdefault(symbol, {}).update(told)


def _flags(value: Any) -> int:
    try:
        return whole(value)
    except (ValueError, OverflowError):
        return 0
