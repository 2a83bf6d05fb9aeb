"""The wire format of protocol buffers: fields, written and read without any schema.

It is small and will never change, which is why it is here and the library is no dependency.  What reads a message looks
at the number and the form of each field and passes by those that it does not know, as the format asks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
GROUP: Final = 3
GROUP_END: Final = 4
FIXED32: Final = 5

MALFORMED: Final = (ValueError, IndexError, OverflowError, struct.error)
"""What reading bytes that are no such message can end in."""

_MAX_GROUPS: Final = 4
"""Groups inside groups that are followed; App Engine's messages have two."""

Field: TypeAlias = tuple[int, int, Any]
"""Number, form and value: an int of 64 bits without sign, 8 or 4 bytes, or the bytes of a string, message or group."""

_DOUBLE = struct.Struct("<d")


def varint(number: int) -> bytes:
    """*number*, of at most 64 bits; a negative one takes ten bytes."""
    number &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def signed(number: int) -> int:
    """The int64 that the 64 bits of *number* are."""
    return number - (1 << 64) if number >> 63 else number


def number_field(number: int, value: int) -> bytes:
    """A field of an int or bool."""
    return varint(number << 3 | VARINT) + varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    """A field of a string, bytes or a message."""
    return varint(number << 3 | BYTES) + varint(len(value)) + value


def group_field(number: int, value: bytes) -> bytes:
    """A field of a group, whose own fields *value* is."""
    return varint(number << 3 | GROUP) + value + varint(number << 3 | GROUP_END)


def double_field(number: int, value: float) -> bytes:
    """A field of a double."""
    return varint(number << 3 | FIXED64) + _DOUBLE.pack(value)


def double(value: bytes) -> float:
    """The double of a field of 8 bytes."""
    found: float = _DOUBLE.unpack(value)[0]
    return found


def fields(data: bytes) -> Iterator[Field]:
    """The fields of a message, in order.  One of `MALFORMED` where it is none."""
    at = 0
    while at < len(data):
        number, form, value, at = _field(data, at, _MAX_GROUPS)
        if form == GROUP_END:
            raise ValueError("a group ends that was not begun")
        yield number, form, value


def _field(data: bytes, at: int, groups: int) -> tuple[int, int, Any, int]:
    """The field at *at*: number, form, value, and where the next one is."""
    tag, at = _varint(data, at)
    number, form = tag >> 3, tag & 7
    if not 0 < number < 1 << 29:
        raise ValueError("a field number outside 1 to 2^29-1")
    value: Any = None
    match form:
        case 0:  # VARINT
            value, at = _varint(data, at)
        case 1:  # FIXED64
            value, at = _bytes(data, at, 8)
        case 2:  # BYTES
            size, at = _varint(data, at)
            value, at = _bytes(data, at, size)
        case 3:  # GROUP
            value, at = _group(data, at, number, groups)
        case 4:  # GROUP_END
            pass
        case 5:  # FIXED32
            value, at = _bytes(data, at, 4)
        case _:
            raise ValueError("a field of an unknown form")
    return number, form, value, at


def _bytes(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if size > len(data) - at:
        raise ValueError("bytes are missing")
    return data[at : at + size], at + size


def _group(data: bytes, at: int, number: int, groups: int) -> tuple[bytes, int]:
    """What is in the group *number* that begins at *at*, and where the next field is."""
    if not groups:
        raise ValueError("groups inside too many groups")
    start = at
    while True:
        before = at
        inner, form, _, at = _field(data, at, groups - 1)
        if form == GROUP_END:
            if inner != number:
                raise ValueError("a group ends that was not begun")
            return data[start:before], at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift > 63:
            raise ValueError("a number that is too long")
