"""The self-delimiting pieces of order-preserving bytes: integers, strings, doubles, key paths.

Used by `key` (a path is held as its bytes) and by `ordered` (values).  The written format is `docs/format.md`.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from .errors import BadKeyError, BadValueError, CorruptionError
from .limits import INT_MAX, INT_MIN, MAX_NAME

INT_ZERO = 0x18
STRING = 0x30

_DOUBLE = struct.Struct(">Q")
_FLOAT = struct.Struct(">d")
_SIGN = 1 << 63
_ALL = (1 << 64) - 1


def pack_int(value: int) -> bytes:
    """An int64; `BadValueError` outside -2^63..2^63-1."""
    if 0 <= value <= INT_MAX:
        size = (value.bit_length() + 7) >> 3
        return bytes((INT_ZERO + size,)) + value.to_bytes(size, "big")
    if not INT_MIN <= value <= INT_MAX:
        raise BadValueError("an integer must fit in 64 bits", value=value)
    # As many bytes as -value-1 needs, complemented: -1 takes one byte, so that it is not the code of zero.
    size = max(1, ((~value).bit_length() + 7) >> 3)
    return bytes((INT_ZERO - size,)) + (value + (1 << 8 * size)).to_bytes(size, "big")


def pack_string(value: bytes) -> bytes:
    """Bytes of a string, any length: NUL is escaped, so that the end sorts before every continuation."""
    if b"\0" in value:
        value = value.replace(b"\0", b"\0\xff")
    return b"\x30" + value + b"\0"


def float_bits(value: float) -> bytes:
    if value != value:
        return b"\xff" * 8
    bits: int = _DOUBLE.unpack(_FLOAT.pack(value + 0.0))[0]  # adding 0.0 turns -0.0 into 0.0
    return _DOUBLE.pack(bits ^ _SIGN if bits < _SIGN else bits ^ _ALL)


def terminated(text: str) -> bytes:
    value = text.encode()
    if b"\0" in value:
        value = value.replace(b"\0", b"\0\xff")
    return value + b"\0"


def unpack_int(packed: bytes, at: int) -> tuple[int, int]:
    size = packed[at] - INT_ZERO
    end = at + 1 + abs(size)
    if end > len(packed):
        raise IndexError
    number = int.from_bytes(packed[at + 1 : end], "big")
    return (number if size >= 0 else number - (1 << -8 * size)), end


def unpack_float(packed: bytes, at: int) -> float:
    bits: int = _DOUBLE.unpack_from(packed, at)[0]
    if bits == _ALL:
        return math.nan
    value: float = _FLOAT.unpack(_DOUBLE.pack(bits ^ _SIGN if bits >= _SIGN else bits ^ _ALL))[0]
    return value


def readterminated(packed: bytes, at: int) -> tuple[bytes, int]:
    end = packed.index(b"\0", at)
    if packed[end + 1 : end + 2] != b"\xff":
        return packed[at:end], end + 1
    while packed[end + 1 : end + 2] == b"\xff":
        end = packed.index(b"\0", end + 2)
    return packed[at:end].replace(b"\0\xff", b"\0"), end + 1


def read_three(packed: bytes, at: int) -> tuple[tuple[str, str, str], int]:
    first, at = readterminated(packed, at)
    second, at = readterminated(packed, at)
    third, at = readterminated(packed, at)
    return (first.decode(), second.decode(), third.decode()), at


_kinds: dict[str, bytes] = {}


def pack_kind(kind: Any) -> bytes:
    """The kind of a path element; `BadKeyError` unless it is a str of 1..1,500 bytes."""
    found = _kinds.get(kind) if type(kind) is str else None
    if found is None:
        if not isinstance(kind, str):
            raise BadKeyError("a kind must be a str", kind=kind)
        found = terminated(kind)
        if not 2 <= len(found) <= MAX_NAME + 1:
            raise BadKeyError("a kind has 1 to 1,500 bytes", kind=kind)
        if len(_kinds) < 10_000:
            _kinds[kind] = found
    return found


def pack_path(flat: tuple[Any, ...]) -> bytes:
    """kind, id, kind, id … as bytes, of which an ancestor's are a prefix; `BadKeyError` for a malformed part.

    Ids before names; an incomplete key ends after its kind.
    """
    packed = b""
    last = len(flat) - 1
    if last < 1:
        raise BadKeyError("a key needs at least a kind")
    for at in range(0, last, 2):
        packed += pack_kind(flat[at])
        part = flat[at + 1]
        if isinstance(part, int) and not isinstance(part, bool):
            if not 0 < part <= INT_MAX:
                raise BadKeyError("an id is between 1 and 2^63-1", id=part)
            packed += pack_int(part)
        elif isinstance(part, str):
            name = part.encode()
            if not 0 < len(name) <= MAX_NAME:
                raise BadKeyError("a key name has 1 to 1,500 bytes", size=len(name))
            packed += pack_string(name)
        elif part is not None or at + 1 != last:
            raise BadKeyError("an id is an int or a str, and only the last may be missing", path=flat)
    return packed


def unpack_path(packed: bytes) -> tuple[Any, ...]:
    """The inverse of `pack_path`; `CorruptionError` if malformed."""
    try:
        flat, end = read_path(packed, 0)
    except (IndexError, ValueError) as exc:
        raise CorruptionError("malformed key path", path=packed) from exc
    if end != len(packed):
        raise CorruptionError("malformed key path", path=packed)
    return flat


def read_path(packed: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    flat: list[Any] = []
    size = len(packed)
    while at < size and (packed[at] or packed[at + 1 : at + 2] == b"\xff"):
        kind, at = readterminated(packed, at)
        flat.append(kind.decode())
        if at >= size or not (packed[at] == STRING or INT_ZERO < packed[at] <= INT_ZERO + 8):
            flat.append(None)
            break
        part, at = readterminated(packed, at + 1) if packed[at] == STRING else unpack_int(packed, at)
        flat.append(part.decode() if isinstance(part, bytes) else part)
    return tuple(flat), at
