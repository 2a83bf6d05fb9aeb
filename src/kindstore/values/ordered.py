"""Order-preserving bytes: ``a < b`` as Datastore values exactly when ``pack(a) < pack(b)`` as bytes.

`docs/format.md` is the written format; this module is its only reader and writer.  Every encoding is
self-delimiting (none is the prefix of another), so encodings can be joined, and complemented for descending
order.  Values of the same class and place in the order have the same bytes: ``"b"`` and ``b"b"``,
0.0 and -0.0, a datetime and its integer of microseconds.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from .components import (
    INT_ZERO,
    STRING,
    float_bits,
    pack_int,
    pack_string,
    read_path,
    read_terminated,
    read_three,
    terminated,
    unpack_float,
    unpack_int,
)
from .errors import BadKeyError, BadValueError, CorruptionError, TooLargeError
from .key import Key, Partition
from .limits import MAX_INDEXED
from .source import Source
from .types import GeoPt, User

NULL = b"\x05"
FALSE, TRUE = b"\x28", b"\x29"

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_DOUBLE = struct.Struct(">d")
_DOUBLES = struct.Struct(">xd").iter_unpack
_SMALL = [pack_int(number) for number in range(1024)]
_COMPLEMENT = bytes(255 - n for n in range(256))


def microseconds(value: datetime) -> int:
    """Microseconds since 1970 of a naive UTC datetime: the integer as which it is ordered."""
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def descending(packed: bytes) -> bytes:
    """The same place in reversed order."""
    return packed.translate(_COMPLEMENT)


def pack_bytes(value: bytes) -> bytes:
    """An indexed bytes value; `TooLargeError` over 1,500 bytes."""
    if len(value) > MAX_INDEXED:
        raise TooLargeError(
            "an indexed value has at most 1,500 bytes",
            size=len(value),
            hint="Store it unindexed (TextProperty, BlobProperty, indexed=False).",
        )
    return pack_string(value)


def pack_str(value: str) -> bytes:
    """An indexed string; `TooLargeError` over 1,500 bytes of UTF-8."""
    try:
        packed = value.encode()
    except UnicodeEncodeError:
        raise BadValueError("a string must be valid Unicode", hint="Leave out lone surrogates.") from None
    if len(packed) > MAX_INDEXED or 0 in packed or 1 in packed:
        return pack_bytes(packed)
    return b"\x30" + packed + b"\0"


def pack_bool(value: bool) -> bytes:
    """A bool."""
    return TRUE if value else FALSE


def pack_float(value: float) -> bytes:
    """A double: -0.0 as 0.0, every NaN as one, after infinity."""
    # Negated, a positive double has the sign that marks it as such, and 0.0 and -0.0 are one.
    return b"\x40" + (_DOUBLE.pack(-abs(value)) if value >= 0.0 else float_bits(value))


def pack_datetime(value: datetime) -> bytes:
    """A naive UTC datetime, as its integer of microseconds."""
    if value.tzinfo is not None:
        raise BadValueError("a stored datetime must be naive UTC", value=value)
    return pack_int(microseconds(value))


def pack_point(value: GeoPt) -> bytes:
    """A point: latitude, longitude."""
    return b"\x48" + float_bits(value.latitude) + float_bits(value.longitude)


def pack_user(value: User) -> bytes:
    """A user: e-mail, auth domain, id."""
    parts = (value.email(), value.auth_domain(), value.user_id() or "")
    return b"\x50" + b"".join(terminated(part) for part in parts)


def pack_key(value: Key) -> bytes:
    """A key as a value: project, database, namespace, path."""
    return b"\x58" + b"".join(map(terminated, value.partition.names())) + value.path_bytes + b"\0"


def pack_null(_value: None) -> bytes:
    """The null value."""
    return NULL


PACKERS: dict[type, Callable[[Any], bytes]] = {
    type(None): pack_null,
    bool: pack_bool,
    int: pack_int,
    str: pack_str,
    bytes: pack_bytes,
    float: pack_float,
    datetime: pack_datetime,
    GeoPt: pack_point,
    User: pack_user,
    Key: pack_key,
}
"""The packer of each exact type; `pack` looks further for subclasses."""


def write_packing(source: Source, cls: type, value: str, packed: str) -> None:
    """Add to *source* what sets *packed* to the bytes of *value*, which is of exactly the class *cls*.

    `PACKERS` with the usual cases written out: an entity has many values, and a call costs more than its packing.
    """
    packer = source.name(PACKERS.get(cls, pack), "pack")
    if cls is str:
        source.add(f"{packed} = {value}.encode()")
        plain = f"len({packed}) <= {MAX_INDEXED} and 0 not in {packed} and 1 not in {packed}"
        source.add(f"{packed} = b'\\x30' + {packed} + b'\\0' if {plain} else {packer}({value})")
    elif cls is bool:
        source.add(f"{packed} = {TRUE!r} if {value} else {FALSE!r}")
    elif cls is float:
        double = source.name(_DOUBLE.pack, "double")
        source.add(f"{packed} = b'\\x40' + {double}(-abs({value})) if {value} >= 0.0 else {packer}({value})")
    elif cls is int:
        small = source.name(_SMALL, "small")
        source.add(f"{packed} = {small}[{value}] if 0 <= {value} < {len(_SMALL)} else {packer}({value})")
    elif cls is datetime:
        epoch = source.name(_EPOCH, "epoch")
        source.add(f"since = {value} - {epoch}")  # a TypeError for one with a time zone
        source.add("since = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds")
        seven = bytes((INT_ZERO + 7,))
        usual = f"{seven!r} + since.to_bytes(7, 'big') if {1 << 48} <= since < {1 << 56}"
        source.add(f"{packed} = {usual} else {packer}({value})")
    else:
        source.add(f"{packed} = {packer}({value})")


def write_packing_of_list(source: Source, cls: type, values: str, packed: str) -> None:
    """Add to *source* what sets *packed* to the distinct bytes, in order, of *values*, all of exactly *cls*."""
    every = f"sorted({{*map({source.name(PACKERS[cls], 'pack')}, {values})}})"
    if cls is not str:
        source.add(f"{packed} = {every}")
        return
    source.add(f"{packed} = {{*map(str.encode, {values})}}")
    source.add(f"all = b''.join({packed})")
    plain = f"len(all) <= {MAX_INDEXED} and 0 not in all and 1 not in all"
    source.add(f"{packed} = sorted([b'\\x30' + each + b'\\0' for each in {packed}]) if {plain} else {every}")


def pack(value: Any) -> bytes:
    """The ordered bytes of any indexable value; `BadValueError` for one that has no place in the order.

    *value*: None, int, bool, str, bytes, float, datetime (naive UTC), GeoPt, User, Key, or a subclass.
    """
    packer = PACKERS.get(value.__class__)
    if packer is not None:
        return packer(value)
    for cls, packer in PACKERS.items():
        if cls is not type(None) and isinstance(value, cls):
            return packer(value)
    raise BadValueError("a value of this type can't be indexed", type=type(value).__name__)


def unpack(packed: bytes) -> Any:
    """The value of *packed* in its index form: int for a datetime, bytes for a str; `CorruptionError` if malformed."""
    value, end = unpack_at(packed, 0)
    if end != len(packed):
        raise CorruptionError("bytes after the end of an encoded value", at=end)
    return value


def unpack_all(column: Sequence[bytes]) -> list[Any]:
    """`unpack` of many.

    A column of an index nearly always holds one type, and often few values: a look at all of it costs less than a
    call for each.
    """
    if not column:
        return []
    distinct = set(column)
    if 2 * len(distinct) <= len(column):
        values = {packed: unpack(packed) for packed in distinct}
        return [values[packed] for packed in column]
    whole, sizes = b"".join(column), {*map(len, column)}
    if min(sizes) > 1:
        code, size = whole[0], max(sizes)
        alike = len(sizes) == 1 and {*whole[::size]} == {code}
        if code == 0x40 and alike and size == 9 and min(whole[1::9]) >= 0x80:
            # Negated, a positive double has the sign that marks it as such.
            return [-value for (value,) in _DOUBLES(whole)]
        if alike and code == INT_ZERO + size - 1 and size < 9:
            return [int.from_bytes(packed[1:], "big") for packed in column]
        if code == STRING and 1 not in whole and whole.count(0) == len(column):  # noqa: SIM102
            if {(packed[0], packed[-1]) for packed in column} == {(STRING, 0)}:
                return [packed[1:-1] for packed in column]
    return [*map(unpack, column)]


def unpack_at(packed: bytes, at: int) -> tuple[Any, int]:
    """The value that starts at *at*, and where the next one starts."""
    try:
        code = packed[at]
        if INT_ZERO - 8 <= code <= INT_ZERO + 8:
            return unpack_int(packed, at)
        if code == STRING:
            return read_terminated(packed, at + 1)
        match code:
            case 0x05:
                return None, at + 1
            case 0x28 | 0x29:
                return code == 0x29, at + 1
            case 0x40:
                return unpack_float(packed, at + 1), at + 9
            case 0x48:
                return GeoPt(unpack_float(packed, at + 1), unpack_float(packed, at + 9)), at + 17
            case 0x50:
                parts, end = read_three(packed, at + 1)
                return User.of(parts[0], parts[1], parts[2] or None), end
            case 0x58:
                names, start = read_three(packed, at + 1)
                flat, end = read_path(packed, start)
                if not flat or packed[end]:
                    raise CorruptionError("malformed key path", at=start)
                return Key.of(Partition.of(*names), flat), end + 1
            case _:
                raise CorruptionError("unknown type code in an encoded value", code=code, at=at)
    except (IndexError, ValueError, struct.error, BadValueError, BadKeyError) as exc:
        raise CorruptionError("malformed encoded value", at=at) from exc
