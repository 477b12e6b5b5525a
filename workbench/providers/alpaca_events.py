"""Alpaca's stream messages as events of the desk; pure, and quick: one call a message.

A message is a mapping whose ``T`` says what it is. Its time is RFC 3339 text in JSON and a count of
nanoseconds in MessagePack.
"""

import math
from collections.abc import Mapping
from typing import Any

from workbench.providers.alpaca_rows import conditions_of, nanoseconds, trade_identity
from workbench.providers.feeds import Batch
from workbench.redaction import redact

_LONGEST_TEXT = 300
# Halts, price bands and imbalances come with other channels or not at all; they are no events of ours.
_OTHERS = frozenset({"success", "subscription", "error", "d", "s", "l", "i", "n", "o"})


class EventReader:
    """Turns the messages of one connection into batches.

    Parameters
    ----------
    symbols : mapping of str to str
        The desk's symbol for each of Alpaca's that was asked for; the caller adds to it.
    """

    def __init__(self, symbols: Mapping[str, str]) -> None:
        self._symbols = symbols
        self._instants: dict[str, tuple[int, list[tuple[Any, ...]]]] = {}

    def read(self, messages: list[Any], received_at: float) -> list[Batch]:
        """Return the events of a frame, a batch for each kind; messages that cannot be read are in `bad`."""
        found: dict[str, Batch] = {}
        for message in messages:
            try:
                kind, row, note = self._read(message)
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                batch = _batch(found, "quotes", received_at)
                batch.bad.append((self._symbol_of(message), _reason(error), text_of(message)))
                continue
            if row is not None:
                _batch(found, kind, received_at).rows.append(row)
            if note:
                symbol = self._symbol_of(message)
                _batch(found, kind, received_at).bad.append((symbol, note, text_of(message)))
        return list(found.values())

    def _read(self, message: Any) -> tuple[str, tuple[Any, ...] | None, str]:
        """Return kind, row and what is to be said of a message; no row for one that is no event."""
        told = message["T"]
        if told == "q":
            return "quotes", self._quote(message), ""
        if told == "t":
            return "trades", self._trade(message), ""
        if told in ("b", "u"):
            return "bars", self._bar(message), ""
        if told == "c":
            old = trade_identity({**message, "i": message["oi"]})
            new = {"i": message["ci"], "p": message["cp"], "s": message["cs"], "c": message.get("cc")}
            return "trades", self._trade({**message, **new}), f"the exchange corrected the trade {old}"
        if told == "x":
            return "trades", None, f"the exchange canceled the trade {trade_identity(message)}"
        if told in _OTHERS:
            return "quotes", None, ""
        raise ValueError(f"`T` is {told!r:.40}, which the protocol does not know")

    def _quote(self, message: Mapping[str, Any]) -> tuple[Any, ...]:
        symbol = self._ours(message["S"])
        time_ns = nanoseconds(message["t"])
        bid, ask = _side("bp", message["bp"]), _side("ap", message["ap"])
        bid_size = None if bid is None else _amount("bs", message.get("bs"))
        ask_size = None if ask is None else _amount("as", message.get("as"))
        values = (bid, ask, bid_size, ask_size)
        return (symbol, time_ns, self._place(symbol, time_ns, values), *values)

    def _place(self, symbol: str, time_ns: int, values: tuple[Any, ...]) -> int:
        """Return the sequence of a quote: quotes of one nanosecond differ by thousands, as in the history."""
        known = self._instants.get(symbol)
        if known is None or known[0] != time_ns:
            self._instants[symbol] = (time_ns, [values])
            return time_ns % 1000
        if values not in known[1]:
            known[1].append(values)
        return time_ns % 1000 + 1000 * known[1].index(values)

    def _trade(self, message: Mapping[str, Any]) -> tuple[Any, ...]:
        symbol = self._ours(message["S"])
        return (
            symbol,
            nanoseconds(message["t"]),
            trade_identity(message),
            _price("p", message["p"]),
            _amount("s", message.get("s")),
            conditions_of(message.get("c")) or "",
        )

    def _bar(self, message: Mapping[str, Any]) -> tuple[Any, ...]:
        symbol = self._ours(message["S"])
        prices = tuple(_price(name, message[name]) for name in ("o", "h", "l", "c"))
        if prices[1] < max(prices) or prices[2] > min(prices):
            raise ValueError("`h` is not the highest of its prices, or `l` not the lowest")
        volume = _amount("v", message.get("v"))
        return (symbol, nanoseconds(message["t"]), *prices, volume, _side("vw", message.get("vw")))

    def _ours(self, theirs: Any) -> str:
        ours = self._symbols.get(theirs)
        if ours is None:
            raise ValueError("nobody asked for this symbol")
        return ours

    def _symbol_of(self, message: Any) -> str:
        theirs = message.get("S") if isinstance(message, Mapping) else None
        return self._symbols.get(theirs, theirs) if isinstance(theirs, str) else ""


def text_of(message: Any) -> str:
    """Return a message for a person to read, without secrets and not too long."""
    text = redact(message if isinstance(message, str) else repr(message))
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " …"


def _batch(found: dict[str, Batch], kind: str, received_at: float) -> Batch:
    return found.get(kind) or found.setdefault(kind, Batch(kind, [], received_at))


def _number(name: str, value: Any) -> float:
    if value.__class__ is float or value.__class__ is int or isinstance(value, str):
        number = float(value)
    else:
        raise ValueError(f"`{name}` is {value!r:.60}, no number")
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"`{name}` is {value!r:.60}; zero or more was expected")
    return number


def _side(name: str, value: Any) -> float | None:
    """Return a price; 0 and null are a side that nobody makes."""
    return None if value is None else _number(name, value) or None


def _price(name: str, value: Any) -> float:
    number = _number(name, value)
    if number == 0:
        raise ValueError(f"`{name}` is 0; a price above zero was expected")
    return number


def _amount(name: str, value: Any) -> float | None:
    return None if value is None else _number(name, value)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the message has no field `{error.args[0]}`"
    if isinstance(error, TypeError | AttributeError):
        return "a message with fields was expected"
    return str(error)
