"""Polygon's websocket frames, read: events of the desk's shape, and what the service says of itself."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json

from workbench.providers.feeds import Batch
from workbench.redaction import redact

Status = tuple[str, str]

_MILLISECOND = 1_000_000
# From 2000 to 2100: a count in seconds or microseconds lies outside.
_FIRST_MILLISECOND, _LAST_MILLISECOND = 946_684_800_000, 4_102_444_800_000
_HIGHEST_PRICE = 1e9
_LONGEST_TEXT = 300


def events_from_frame(
    message: str | bytes, channels: Mapping[str, str], *, received_at: float
) -> tuple[list[Batch], list[Status]]:
    """Translate one frame.

    Parameters
    ----------
    message : str or bytes
        A JSON array of events.
    channels : mapping
        The desk's symbol of each channel that is subscribed, as in ``{"Q.O:SPY260116C00600000": ...}``.
    received_at : float
        Seconds since 1970.

    Returns
    -------
    batches : list of Batch
        Events by kind; those that cannot be read, or that nobody asked for, stand in `bad`.
    statuses : list of tuple
        Status and message of the frames about the connection.

    References
    ----------
    massive.com/docs/websocket: fields of Q, T, AM and V; times in milliseconds.
    """
    try:
        events = from_json(message)
    except ValueError:
        return [Batch("quotes", [], received_at, [("", "the frame is no JSON", _text(message))])], []
    if isinstance(events, dict):
        events = [events]
    if not isinstance(events, list):
        return [Batch("quotes", [], received_at, [("", "the frame is no list", _text(message))])], []
    batches: dict[str, Batch] = {}
    statuses: list[Status] = []
    for event in events:
        name = event.get("ev") if isinstance(event, dict) else None
        if name == "status":
            statuses.append((str(event.get("status", "")), _text(event.get("message", ""))))
            continue
        known = _EVENTS.get(name) if isinstance(name, str) else None
        if known is None:
            batch = batches.setdefault("quotes", Batch("quotes", [], received_at))
            batch.bad.append(("", "the event is of no kind that was asked for", _text(event)))
            continue
        kind, ticker_field, read = known
        batch = batches.setdefault(kind, Batch(kind, [], received_at))
        ticker = event.get(ticker_field)
        symbol = channels.get(f"{name}.{ticker}")
        if symbol is None:
            batch.bad.append((str(ticker or ""), "nobody asked for this symbol", _text(event)))
            continue
        try:
            batch.rows.append(read(symbol, event))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            batch.bad.append((symbol, _reason(error), _text(event)))
    return list(batches.values()), statuses


def _quote(symbol: str, event: Mapping[str, Any]) -> tuple[Any, ...]:
    bid, ask = _side(event, "bp"), _side(event, "ap")
    if bid is None and ask is None:
        raise ValueError("neither `bp` nor `ap` is there")
    time_ns = _instant(event["t"])
    sequence = event.get("q")
    return (
        symbol,
        time_ns,
        int(sequence) if sequence is not None else 0,
        bid,
        ask,
        _amount(event, "bs") if bid is not None else None,
        _amount(event, "as") if ask is not None else None,
    )


def _trade(symbol: str, event: Mapping[str, Any]) -> tuple[Any, ...]:
    identity = trade_identity(event.get("i"), event.get("x"), event.get("trfi"))
    conditions = event.get("c")
    return (
        symbol,
        _instant(event["t"]),
        identity or f"q{int(event['q'])}",
        _price(event["p"], "p"),
        _amount(event, "s"),
        ",".join(map(str, conditions)) if isinstance(conditions, list) else "",
    )


def _value(symbol: str, event: Mapping[str, Any]) -> tuple[Any, ...]:
    time_ns = _instant(event["t"])
    return (symbol, time_ns, f"value {time_ns}", _price(event["val"], "val"), None, "index value")


def _bar(symbol: str, event: Mapping[str, Any]) -> tuple[Any, ...]:
    opening, high, low, close = (_price(event[name], name) for name in ("o", "h", "l", "c"))
    if high < max(opening, close, low) or low > min(opening, close):
        raise ValueError("`h` is not the highest price or `l` not the lowest")
    return (
        symbol,
        _instant(event["s"]),
        opening,
        high,
        low,
        close,
        _amount(event, "v"),
        _side(event, "vw"),
    )


_EVENTS: Mapping[str, tuple[str, str, Callable[[str, Mapping[str, Any]], tuple[Any, ...]]]] = {
    "Q": ("quotes", "sym", _quote),
    "T": ("trades", "sym", _trade),
    "V": ("trades", "T", _value),
    "AM": ("bars", "sym", _bar),
}


def trade_identity(number: Any, exchange: Any, facility: Any) -> str:
    """Return a text that tells a trade from every other of its ticker; empty without a number.

    Polygon's trade numbers are unique for one exchange and trade reporting facility alone.

    Examples
    --------
    >>> trade_identity("183276", 11, 3), trade_identity("5096", 10, None)
    ('183276@11/3', '5096@10')
    """
    if number is None or number == "":
        return ""
    at = f"@{exchange}" if exchange is not None else ""
    return f"{number}{at}/{facility}" if facility is not None else f"{number}{at}"


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"`{name}` is no number")
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"`{name}` is {value}, which is no number")
    return found


def _price(value: Any, name: str) -> float:
    found = _number(value, name)
    if not 0 < found <= _HIGHEST_PRICE:
        raise ValueError(f"`{name}` is {found:g}; a price is positive")
    return found


def _side(event: Mapping[str, Any], name: str) -> float | None:
    """Return a price, or None where the side is empty: absent, or zero."""
    value = event.get(name)
    return None if value is None or value == 0 else _price(value, name)


def _amount(event: Mapping[str, Any], name: str) -> float | None:
    value = event.get(name)
    if value is None:
        return None
    found = _number(value, name)
    if found < 0:
        raise ValueError(f"`{name}` is {found:g}; it is zero or more")
    return found


def _instant(value: Any) -> int:
    """Return milliseconds since 1970 as nanoseconds."""
    found = value if type(value) is int else int(_number(value, "t"))
    if not _FIRST_MILLISECOND < found < _LAST_MILLISECOND:
        raise ValueError(f"the time {value} is no instant in milliseconds")
    return found * _MILLISECOND


def _reason(error: Exception) -> str:
    return f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)


def _text(event: Any) -> str:
    return redact(str(event))[:_LONGEST_TEXT]
