"""Zerodha's ticker frames, read: binary packets whose length says what they hold."""

import struct
from dataclasses import dataclass

_SEGMENT_OF_INDICES = 9
# Prices are whole numbers; of currencies they carry more digits (segments cds 3, bcd 6, nco 12).
_DIVISORS = {3: 10_000_000.0, 6: 10_000.0, 12: 10_000.0}
_USUAL_DIVISOR = 100.0
_LTP, _INDEX, _INDEX_FULL, _QUOTE, _FULL = 8, 28, 32, 44, 184
_QUOTE_FIELDS = struct.Struct(">11I")
_FULL_FIELDS = struct.Struct(">16I")
_INDEX_FIELDS = struct.Struct(">6Ii")
_DEPTH = struct.Struct(">IIHxx")
_FIRST_ASK = 5


@dataclass(frozen=True, slots=True)
class Tick:
    """What one packet says of an instrument; what its kind of packet does not hold is None.

    Attributes
    ----------
    token : int
        Number of the instrument.
    last : float
        Last price, or the value of an index.
    last_quantity, average, volume : float or None
        Of the last trade; average price and units traded in the session.
    open, high, low, close : float or None
        Of the session; `close` is that of the session before.
    last_trade_at, exchange_at : int or None
        Seconds since 1970.
    open_interest : float or None
        Contracts open.
    bid, ask, bid_size, ask_size : float or None
        Best of the book; None where the side is empty.
    is_index : bool
        Whether it has a value alone.
    """

    token: int
    last: float
    last_quantity: float | None = None
    average: float | None = None
    volume: float | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    last_trade_at: int | None = None
    exchange_at: int | None = None
    open_interest: float | None = None
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    has_book: bool = False
    is_index: bool = False


def ticks_from_frame(frame: bytes) -> tuple[list[Tick], list[str]]:
    """Read a binary frame.

    Parameters
    ----------
    frame : bytes
        The number of packets, then of each its length and content; a single byte is a heartbeat.

    Returns
    -------
    ticks : list of Tick
        In the order of the packets.
    complaints : list of str
        Why packets could not be read; the others of the frame are.

    References
    ----------
    kite.trade/docs/connect/v3/websocket, "Binary market data".
    """
    if len(frame) < 2:
        return [], []
    count = int.from_bytes(frame[:2], "big")
    ticks: list[Tick] = []
    complaints: list[str] = []
    at = 2
    for number in range(1, count + 1):
        length = int.from_bytes(frame[at : at + 2], "big")
        packet = frame[at + 2 : at + 2 + length]
        if len(frame) < at + 2 or len(packet) < length:
            complaints.append(f"the frame ends in packet {number} of {count}")
            break
        at += 2 + length
        try:
            ticks.append(tick_from_packet(packet))
        except ValueError as error:
            complaints.append(str(error))
    return ticks, complaints


def tick_from_packet(packet: bytes) -> Tick:
    """Read one packet by its length.

    Raises
    ------
    ValueError
        If no packet is of that length.

    Examples
    --------
    >>> tick_from_packet(bytes.fromhex("00063a0100026683")).last
    1573.15
    """
    if len(packet) < 4:
        raise ValueError(f"a packet of {len(packet)} bytes names no instrument")
    segment = packet[3]
    divisor = _DIVISORS.get(segment, _USUAL_DIVISOR)
    match len(packet):
        case n if n == _LTP:
            token, last = struct.unpack(">2I", packet)
            return Tick(token, last / divisor, is_index=segment == _SEGMENT_OF_INDICES)
        case n if n in (_INDEX, _INDEX_FULL):
            return _index(packet, divisor)
        case n if n in (_QUOTE, _FULL):
            return _instrument(packet, divisor)
    raise ValueError(f"no packet of the ticker has {len(packet)} bytes")


def _index(packet: bytes, divisor: float) -> Tick:
    token, last, high, low, opening, close, _change = _INDEX_FIELDS.unpack_from(packet)
    at = int.from_bytes(packet[28:32], "big") if len(packet) == _INDEX_FULL else 0
    return Tick(
        token,
        last / divisor,
        open=opening / divisor,
        high=high / divisor,
        low=low / divisor,
        close=close / divisor,
        exchange_at=at or None,
        is_index=True,
    )


def _instrument(packet: bytes, divisor: float) -> Tick:
    token, last, quantity, average, volume, _buy, _sell, opening, high, low, close = (
        _QUOTE_FIELDS.unpack_from(packet)
    )
    shown = {
        "last_quantity": float(quantity),
        "average": average / divisor,
        "volume": float(volume),
        "open": opening / divisor,
        "high": high / divisor,
        "low": low / divisor,
        "close": close / divisor,
    }
    if len(packet) == _QUOTE:
        return Tick(token, last / divisor, **shown)
    last_trade_at, interest, _high, _low, exchange_at = _FULL_FIELDS.unpack_from(packet)[11:]
    bid, bid_size = _best(packet, 0, divisor)
    ask, ask_size = _best(packet, _FIRST_ASK, divisor)
    return Tick(
        token,
        last / divisor,
        **shown,
        last_trade_at=last_trade_at or None,
        exchange_at=exchange_at or None,
        open_interest=float(interest),
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        has_book=True,
    )


def _best(packet: bytes, entry: int, divisor: float) -> tuple[float | None, float | None]:
    quantity, price, _orders = _DEPTH.unpack_from(packet, 64 + entry * _DEPTH.size)
    return (price / divisor, float(quantity)) if price else (None, None)
