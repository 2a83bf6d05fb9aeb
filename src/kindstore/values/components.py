"""The self-delimiting pieces of order-preserving bytes: integers, strings, doubles, key paths.

A string ends in 00; in it, 00 is written 01 01 and 01 is written 01 02.  So no string is the prefix of another,
and their order is kept upwards and downwards.  (With 00 FF for 00 the
end would begin the escape, and complemented bytes would put "a" on the wrong side of "a" + NUL.)

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


_SIZED = [bytes((INT_ZERO + size,)) for size in range(9)]
"""The code of a positive integer, by its size in bytes."""


def pack_int(value: int) -> bytes:
    """An int64; `BadValueError` outside -2^63..2^63-1."""
    if 0 <= value <= INT_MAX:
        size = (value.bit_length() + 7) >> 3
        return _SIZED[size] + value.to_bytes(size, "big")
    if not INT_MIN <= value <= INT_MAX:
        raise BadValueError("an integer must fit in 64 bits", value=value, hint="Give a float or a string.")
    # As many bytes as -value-1 needs, complemented: -1 takes one byte, so that it is not the code of zero.
    size = max(1, ((~value).bit_length() + 7) >> 3)
    return bytes((INT_ZERO - size,)) + (value + (1 << 8 * size)).to_bytes(size, "big")


def pack_string(value: bytes) -> bytes:
    """Bytes of a string, any length."""
    return b"\x30" + escaped(value) + b"\0"


def escaped(value: bytes) -> bytes:
    """*value* without NUL, in the same order."""
    if 0 in value or 1 in value:  # as numbers: CPython looks for bytes ten times slower
        return value.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1")
    return value


def unescaped(value: bytes) -> bytes:
    """The inverse of `escaped`; `ValueError` for what it never returns."""
    if 1 in value:
        plain = value.replace(b"\1\1", b"\0").replace(b"\1\2", b"\1")
        if escaped(plain) != value:
            raise ValueError("malformed escape")
        return plain
    return value


def float_bits(value: float) -> bytes:
    """Eight bytes that sort as doubles do: -0.0 as 0.0, every NaN as one, last."""
    if value != value:
        return b"\xff" * 8
    bits: int = _DOUBLE.unpack(_FLOAT.pack(value + 0.0))[0]  # adding 0.0 turns -0.0 into 0.0
    return _DOUBLE.pack(bits ^ _SIGN if bits < _SIGN else bits ^ _ALL)


def terminated(text: str) -> bytes:
    """The UTF-8 of *text*, escaped, and the 00 that ends it."""
    return escaped(text.encode()) + b"\0"


def unpack_int(packed: bytes, at: int) -> tuple[int, int]:
    """The integer at *at*, and where it ends; `IndexError` or `ValueError` if malformed."""
    size = packed[at] - INT_ZERO
    end = at + 1 + abs(size)
    if end > len(packed):
        raise IndexError
    number = int.from_bytes(packed[at + 1 : end], "big")
    if size < 0:
        number -= 1 << -8 * size
    if not INT_MIN <= number <= INT_MAX:
        raise ValueError("an integer of more than 64 bits")
    return number, end


def unpack_float(packed: bytes, at: int) -> float:
    """The inverse of `float_bits`; `struct.error` if bytes are missing."""
    bits: int = _DOUBLE.unpack_from(packed, at)[0]
    if bits == _ALL:
        return math.nan
    value: float = _FLOAT.unpack(_DOUBLE.pack(bits ^ _SIGN if bits >= _SIGN else bits ^ _ALL))[0]
    return value


def read_terminated(packed: bytes, at: int) -> tuple[bytes, int]:
    """The bytes up to the next 00, and where it ends; `ValueError` if malformed."""
    end = packed.index(b"\0", at)
    return unescaped(packed[at:end]), end + 1


def read_three(packed: bytes, at: int) -> tuple[tuple[str, str, str], int]:
    """Three strings that `terminated` wrote, and where they end."""
    first, at = read_terminated(packed, at)
    second, at = read_terminated(packed, at)
    third, at = read_terminated(packed, at)
    return (first.decode(), second.decode(), third.decode()), at


_kinds: dict[str, bytes] = {}


def name_bytes(name: str) -> bytes:
    """The UTF-8 of a kind or key name; `BadKeyError` for lone surrogates."""
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise BadKeyError(
            "a kind or key name must be valid Unicode", name=name, hint="Leave out lone surrogates."
        ) from None


def pack_kind(kind: Any) -> bytes:
    """The kind of a path element; `BadKeyError` unless it is a str of 1..1,500 bytes."""
    found = _kinds.get(kind) if type(kind) is str else None
    if found is None:
        if not isinstance(kind, str):
            raise BadKeyError("a kind must be a str", kind=kind, hint="Give the name of the kind.")
        size = len(name_bytes(kind))
        if not 0 < size <= MAX_NAME:
            raise BadKeyError("a kind has 1 to 1,500 bytes", size=size, hint="Choose another name.")
        found = terminated(kind)
        if len(_kinds) < 10_000:
            _kinds[kind] = found
    return found


def heads_of(kind: Any) -> list[bytes]:
    """What the path of a root of *kind* begins with, by the size in bytes of its id, which follows; errors as of `pack_kind`."""
    packed = pack_kind(kind)
    return [packed + code for code in _SIZED]


def pack_path(flat: tuple[Any, ...]) -> bytes:
    """kind, id, kind, id … as bytes, of which an ancestor's are a prefix; `BadKeyError` for a malformed part.

    Ids before names; an incomplete key ends after its kind.
    """
    if len(flat) == 2 and type(flat[1]) is int and 0 < flat[1] <= INT_MAX:
        return pack_kind(flat[0]) + pack_int(flat[1])  # what nearly every key is
    packed = b""
    last = len(flat) - 1
    if last < 1:
        raise BadKeyError("a key needs at least a kind", hint="A path is kind, id, kind, id …")
    for at in range(0, last, 2):
        packed += pack_kind(flat[at])
        part = flat[at + 1]
        if isinstance(part, int) and not isinstance(part, bool):
            if not 0 < part <= INT_MAX:
                raise BadKeyError(
                    "an id is between 1 and 2^63-1", id=part, hint="Give another id, or a name."
                )
            packed += pack_int(part)
        elif isinstance(part, str):
            name = name_bytes(part)
            if not 0 < len(name) <= MAX_NAME:
                raise BadKeyError("a key name has 1 to 1,500 bytes", size=len(name), hint="Choose another.")
            packed += pack_string(name)
        elif part is not None or at + 1 != last:
            raise BadKeyError(
                "an id is an int or a str, and only the last may be missing",
                path=flat,
                hint="A path is kind, id, kind, id …",
            )
    return packed


def unpack_path(packed: bytes) -> tuple[Any, ...]:
    """The inverse of `pack_path`; `CorruptionError` if malformed."""
    try:
        flat, end = read_path(packed, 0)
    except (IndexError, ValueError) as exc:
        raise CorruptionError("malformed key path", path=packed) from exc
    if end != len(packed) or not flat:
        raise CorruptionError("malformed key path", path=packed)
    return flat


def read_path(packed: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    """The path at *at*, up to the end or to a 00, and where that is; `ValueError` if malformed."""
    flat: list[Any] = []
    size = len(packed)
    while at < size and packed[at]:
        kind, at = read_terminated(packed, at)
        flat.append(kind.decode())
        if at >= size or not (packed[at] == STRING or INT_ZERO < packed[at] <= INT_ZERO + 8):
            flat.append(None)
            break
        part, at = read_terminated(packed, at + 1) if packed[at] == STRING else unpack_int(packed, at)
        if not part:
            raise ValueError("an empty name or an id of 0")
        flat.append(part.decode() if isinstance(part, bytes) else part)
    return tuple(flat), at
