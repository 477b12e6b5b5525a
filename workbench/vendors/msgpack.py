"""MessagePack, as far as market data streams use it: what JSON has, bytes, and instants.

References
----------
MessagePack specification, https://github.com/msgpack/msgpack/blob/master/spec.md (formats, and the extension
type -1 for timestamps).
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any

_DEEPEST = 64
_TIMESTAMP = -1
_NANOSECONDS = 10**9


class Instant(int):
    """An instant of the timestamp extension: nanoseconds since 1970."""


class MessagePackError(ValueError):
    """Bytes are no MessagePack, or hold something that it cannot."""


def decode(content: bytes) -> Any:
    """Return what the bytes stand for; instants become `Instant`, other extensions stay bytes.

    Raises
    ------
    MessagePackError
        If the bytes end too early, go on after the value, or are no MessagePack.

    Examples
    --------
    >>> decode(bytes.fromhex("82a7636f6d70616374c3a6736368656d6100"))
    {'compact': True, 'schema': 0}
    """
    try:
        value, end = _read(content, 0, 0)
    except (struct.error, IndexError, UnicodeDecodeError, TypeError) as error:
        raise MessagePackError(f"no MessagePack: {error}") from error
    if end != len(content):
        raise MessagePackError(f"{len(content) - end} bytes follow the value")
    return value


def encode(value: Any) -> bytes:
    """Return the bytes of None, a truth, number, text, bytes, `Instant`, list or mapping, the shortest way.

    Raises
    ------
    MessagePackError
        If the value is something else, or too large.
    """
    made = bytearray()
    _write(value, made, 0)
    return bytes(made)


def _read(content: bytes, at: int, depth: int) -> tuple[Any, int]:  # noqa: PLR0911, a format each
    code = content[at]
    if code < 0x80:
        return code, at + 1
    if code >= 0xE0:
        return code - 256, at + 1
    if code >= 0xA0 and code < 0xC0:
        return _text(content, at + 1, code & 0x1F)
    if depth > _DEEPEST:
        raise MessagePackError("nested too deep")
    if code < 0x90:
        return _map(content, at + 1, code & 0x0F, depth)
    if code < 0xA0:
        return _list(content, at + 1, code & 0x0F, depth)
    if code in _CONSTANTS:
        return _CONSTANTS[code], at + 1
    if code in _NUMBERS:
        number = _NUMBERS[code]
        return number.unpack_from(content, at + 1)[0], at + 1 + number.size
    if code in _SIZED:
        length, read = _SIZED[code]
        return read(content, at + 1 + length.size, length.unpack_from(content, at + 1)[0], depth)
    if code in _FIXED_EXTENSIONS:
        return _extension(content, at + 1, _FIXED_EXTENSIONS[code], depth)
    raise MessagePackError(f"no format begins with 0x{code:02x}")


def _bytes(content: bytes, at: int, size: int, _depth: int = 0) -> tuple[bytes, int]:
    end = at + size
    if end > len(content):
        raise MessagePackError("the bytes end too early")
    return content[at:end], end


def _text(content: bytes, at: int, size: int, _depth: int = 0) -> tuple[str, int]:
    end = at + size
    if end > len(content):
        raise MessagePackError("the bytes end too early")
    return content[at:end].decode(), end


def _list(content: bytes, at: int, size: int, depth: int) -> tuple[list[Any], int]:
    # Each member takes a byte at least: a length past the end is a lie and would fill the memory.
    if size > len(content) - at:
        raise MessagePackError("the bytes end too early")
    found = []
    for _ in range(size):
        value, at = _read(content, at, depth + 1)
        found.append(value)
    return found, at


def _map(content: bytes, at: int, size: int, depth: int) -> tuple[dict[Any, Any], int]:
    if 2 * size > len(content) - at:
        raise MessagePackError("the bytes end too early")
    found = {}
    for _ in range(size):
        name, at = _read(content, at, depth + 1)
        found[name], at = _read(content, at, depth + 1)
    return found, at


def _extension(content: bytes, at: int, size: int, _depth: int) -> tuple[Any, int]:
    kind = struct.unpack_from("b", content, at)[0]
    held, end = _bytes(content, at + 1, size)
    return (_instant(held) if kind == _TIMESTAMP else held), end


def _instant(held: bytes) -> Instant:
    if len(held) == 4:
        return Instant(int.from_bytes(held, "big") * _NANOSECONDS)
    if len(held) == 8:
        both = int.from_bytes(held, "big")
        return Instant((both & 0x3FFFFFFFF) * _NANOSECONDS + (both >> 34))
    if len(held) == 12:
        rest, seconds = struct.unpack(">Iq", held)
        return Instant(seconds * _NANOSECONDS + rest)
    raise MessagePackError(f"a timestamp has 4, 8 or 12 bytes, not {len(held)}")


_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: struct.Struct(">f"), 0xCB: struct.Struct(">d"),
    0xCC: struct.Struct(">B"), 0xCD: struct.Struct(">H"),
    0xCE: struct.Struct(">I"), 0xCF: struct.Struct(">Q"),
    0xD0: struct.Struct(">b"), 0xD1: struct.Struct(">h"),
    0xD2: struct.Struct(">i"), 0xD3: struct.Struct(">q"),
}  # fmt: skip
_ONE, _TWO, _FOUR = (struct.Struct(f">{size}") for size in "BHI")
_SIZED: dict[int, tuple[struct.Struct, Callable[[bytes, int, int, int], tuple[Any, int]]]] = {
    0xC4: (_ONE, _bytes), 0xC5: (_TWO, _bytes), 0xC6: (_FOUR, _bytes),
    0xC7: (_ONE, _extension), 0xC8: (_TWO, _extension), 0xC9: (_FOUR, _extension),
    0xD9: (_ONE, _text), 0xDA: (_TWO, _text), 0xDB: (_FOUR, _text),
    0xDC: (_TWO, _list), 0xDD: (_FOUR, _list),
    0xDE: (_TWO, _map), 0xDF: (_FOUR, _map),
}  # fmt: skip
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


def _write(value: Any, made: bytearray, depth: int) -> None:
    if depth > _DEEPEST:
        raise MessagePackError("nested too deep")
    if value is None or value is True or value is False:
        made += bytes([{None: 0xC0, False: 0xC2, True: 0xC3}[value]])
    elif isinstance(value, Instant):
        _write_instant(value, made)
    elif isinstance(value, int):
        _write_whole(value, made)
    elif isinstance(value, float):
        made += struct.pack(">Bd", 0xCB, value)
    elif isinstance(value, str):
        _write_sized(value.encode(), made, 0xA0, 31, (0xD9, 0xDA, 0xDB))
    elif isinstance(value, bytes):
        _write_sized(value, made, None, 0, (0xC4, 0xC5, 0xC6))
    elif isinstance(value, Mapping):
        _write_length(len(value), made, 0x80, 15, (None, 0xDE, 0xDF))
        for name, item in value.items():
            _write(name, made, depth + 1)
            _write(item, made, depth + 1)
    elif isinstance(value, list | tuple):
        _write_length(len(value), made, 0x90, 15, (None, 0xDC, 0xDD))
        for item in value:
            _write(item, made, depth + 1)
    else:
        raise MessagePackError(f"{type(value).__name__} is none of MessagePack's types")


def _write_whole(value: int, made: bytearray) -> None:
    if -32 <= value < 128:
        made += struct.pack("b", value) if value < 0 else bytes([value])
        return
    codes = (0xCC, 0xCD, 0xCE, 0xCF) if value >= 0 else (0xD0, 0xD1, 0xD2, 0xD3)
    for code in codes:
        try:
            made += bytes([code]) + _NUMBERS[code].pack(value)
        except struct.error:
            continue
        return
    raise MessagePackError(f"{value} has more than 64 bits")


def _write_instant(value: Instant, made: bytearray) -> None:
    seconds, rest = divmod(int(value), _NANOSECONDS)
    if 0 <= seconds < 2**34:
        both = rest << 34 | seconds
        made += (
            struct.pack(">BbI", 0xD6, _TIMESTAMP, both)
            if both < 2**32
            else struct.pack(">BbQ", 0xD7, _TIMESTAMP, both)
        )
    else:
        made += struct.pack(">BBbIq", 0xC7, 12, _TIMESTAMP, rest, seconds)


def _write_sized(
    content: bytes, made: bytearray, fixed: int | None, most: int, codes: tuple[int, int, int]
) -> None:
    _write_length(len(content), made, fixed, most, codes)
    made += content


def _write_length(
    length: int, made: bytearray, fixed: int | None, most: int, codes: tuple[int | None, int, int]
) -> None:
    if fixed is not None and length <= most:
        made += bytes([fixed | length])
        return
    for code, kind in zip(codes, (_ONE, _TWO, _FOUR), strict=True):
        if code is not None and length < 1 << 8 * kind.size:
            made += bytes([code]) + kind.pack(length)
            return
    raise MessagePackError(f"{length} members are too many")
