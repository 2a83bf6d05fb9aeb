"""The stored record: an entity's values as MessagePack, positional, with the number of its stored shape last.

The names of the columns, their meanings and how to read what MessagePack lacks (datetime, point, key) are in
the stored shape, written once per database.  So a record is small, and decodes at the speed of C.
`docs/format.md` is the written format.  Called by the engine; nobody else reads records.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from types import GenericAlias
from typing import Any, Literal, TypeAlias, TypeVar, cast

import msgspec

from . import ordered
from .entity import Decode, Entity, LoadMany, Maker, Shape
from .errors import BadKeyError, BadValueError, CorruptionError, FormatError, TooLargeError
from .key import Key, Partition
from .limits import INT_MAX, INT_MIN, MAX_DEPTH, MAX_ENTITY, MAX_UNINDEXED
from .pause import Pause
from .source import Source
from .types import GeoPt, User

Row: TypeAlias = tuple[Any, ...]

FORMAT = 1
"""The version of records and stored shapes that this module writes; older ones are read for ever."""

PLAIN, TIME, TIMES, TAGGED = "", "t", "T", "x"
"""How a column is stored: as MessagePack has it, a datetime as 10 bytes, a list of them, or with a tag per value."""

_MALFORMED = (
    msgspec.DecodeError,
    struct.error,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    RecursionError,
    BadValueError,
    BadKeyError,
)
"""What reading bytes that nobody wrote can end in."""

FEW = 3
"""Records up to which they are not read by types."""

_MAX_DECODERS = 100
"""Decoders kept for a stored shape: one for each class that is made of it."""

R = TypeVar("R")
_PLAIN_TYPES = frozenset({type(None), bool, int, float, str, bytes})
_WIRE: dict[tuple[str, Any], Any] = {
    (PLAIN, Any): Any,
    **{(PLAIN, kind): kind | None for kind in (bool, int, str, bytes)},
    **{(PLAIN, list[kind]): list[kind] for kind in (bool, int, str, bytes)},  # type: ignore[valid-type]
    (PLAIN, datetime): type(None),
    (TIME, Any): bytes | None,
    (TIME, datetime): bytes | None,
    (TIMES, Any): Any,
    (TIMES, list[datetime]): list[bytes],
    (TAGGED, Any): Any,
}
"""What msgspec is to accept for a column with this codec that is to hold this type: nothing that is another type or
becomes one.  So no floats: it takes ints for them."""

_POINT = struct.Struct(">dd")
_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], list[Any]] = msgspec.msgpack.Decoder(list[Any]).decode
# datetime(10 bytes) is how a pickled datetime comes back: 44 ns against 470 for EPOCH + timedelta.
_datetime = cast("Callable[[bytes], datetime]", datetime)


class StoredShape:
    """A shape with the way each column is stored, under the number that records of it carry."""

    __slots__ = ("_decoders", "codecs", "encode", "number", "readers", "shape", "width")

    def __init__(self, number: int, shape: Shape, codecs: tuple[str, ...]) -> None:
        self.number, self.shape, self.codecs = number, shape, codecs
        self.width = len(codecs)
        readers = {TIME: _datetime, TIMES: _read_times, TAGGED: _read_tagged}
        self.encode = _compile_encode(number, codecs)
        """The record of a list of values; what `dump` catches may come out of it."""
        self._decoders: dict[tuple[Any, ...], Decode | None] = {}
        self.readers = tuple((at, readers[codec]) for at, codec in enumerate(codecs) if codec != PLAIN)

    def typed(self, maker: Maker[Any], keyed: bool) -> tuple[Decode, LoadMany] | None:
        """How to read records of this shape with the types that *maker* relies on; None where that can't be.

        First what decodes them, and raises `msgspec.DecodeError` for others; then what makes the results, *keyed* or not.
        """
        found = maker.typed(self.shape, self.readers, keyed)
        if found is None:
            return None
        types, load_many = found
        try:
            decode = self._decoders[types]
        except KeyError:
            if len(self._decoders) >= _MAX_DECODERS:
                self._decoders.clear()
            decode = self._decoders[types] = _typed_decoder(self, types)
        return None if decode is None else (decode, load_many)

    def __repr__(self) -> str:
        return f"StoredShape({self.number}, {self.shape!r}, {self.codecs!r})"


def _typed_decoder(stored: StoredShape, types: tuple[Any, ...]) -> Decode | None:
    """What decodes records of *stored* that hold values of *types*; None where msgspec can't tell them."""
    columns = [_WIRE.get(pair) for pair in zip(stored.codecs, types, strict=True)]
    if None in columns:
        return None
    literal: Any = Literal
    record: Any = GenericAlias(tuple, (*columns, literal[stored.number]))
    return cast("Decode", msgspec.msgpack.Decoder(record).decode)


def _compile_encode(number: int, codecs: tuple[str, ...]) -> Callable[[list[Any]], bytes]:
    source = Source(
        "def encode(values):", write=_encode, time=write_time, times=write_times, tagged=write_tagged
    )
    forms = {
        PLAIN: "{v}",
        TIME: "(None if {v} is None else {v}.__reduce__()[1][0] if {v}.tzinfo is None else time({v}))",
        TIMES: "(None if {v} is None else times({v}))",
        TAGGED: "tagged({v})",
    }
    names = [f"v{at}" for at in range(len(codecs))]
    written = [forms[codec].format(v=name) for name, codec in zip(names, codecs, strict=True)]
    source.add(f"{''.join(f'{name}, ' for name in names)}{'' if names else '[]'} = values")
    source.add(f"return write([{''.join(f'{item}, ' for item in written)}{number:d}])")
    return source.compiled("encode")


def dump_shape(shape: Shape, codecs: tuple[str, ...]) -> bytes:
    """The stored form of a shape: one per distinct set of columns and codecs in a database."""
    return _encode([FORMAT, shape.names, codecs, sorted(shape.unindexed), dict(shape.meanings)])


def load_shape(number: int, body: bytes) -> StoredShape:
    """The inverse of `dump_shape`; `FormatError` for a newer format, `CorruptionError` for anything else amiss."""
    try:
        version, *columns = msgspec.msgpack.decode(body)
        if version > FORMAT:  # whose columns may be others
            raise FormatError(
                "record written by a newer version", format=version, hint="Upgrade kindstore to read it."
            )
        names, codecs, unindexed, meanings = columns
        stored = StoredShape(number, Shape.of(names, unindexed, meanings), tuple(codecs))
        if not len(stored.codecs) == len(stored.shape.names) == len(stored.shape.positions):
            raise ValueError("columns without a codec, or of one name")
        return stored
    except (*_MALFORMED, KeyError) as exc:
        raise CorruptionError("malformed stored shape", number=number) from exc


def codec_of(value: Any) -> str:
    """How a column that holds *value* is stored.  None fits every codec."""
    if value.__class__ is list:
        kinds = {codec_of(item) for item in value if item is not None}
        if kinds == {TIME}:
            return TIMES
        return PLAIN if kinds <= {PLAIN} else TAGGED
    if type(value) in _PLAIN_TYPES:
        return PLAIN
    return TIME if type(value) is datetime else TAGGED


def write_time(value: Any) -> Any:
    """A datetime as 10 bytes: year 2, month, day, hour, minute, second, microsecond 3."""
    if value.tzinfo is not None:
        raise BadValueError("a stored datetime must be naive UTC", value=value)
    return value.__reduce__()[1][0]


def write_times(value: list[Any]) -> list[bytes | None]:
    """A list of datetimes and None."""
    return [None if item is None else write_time(item) for item in value]


def _read_times(value: Any) -> Any:
    return [None if item is None else _datetime(item) for item in value]


def write_tagged(value: Any, depth: int = 0) -> Any:
    """Any value in a form that MessagePack has; `BadValueError` for a type that can't be stored."""
    if value.__class__ is list:
        return [write_tagged(item, depth) for item in value]
    match value:
        case None | bool():
            return value
        case int() | float() | str() | bytes():
            return value if type(value) in _PLAIN_TYPES else plain(value)
        case datetime():
            return msgspec.msgpack.Ext(1, write_time(value))
        case GeoPt():
            return msgspec.msgpack.Ext(2, _POINT.pack(value.latitude, value.longitude))
        case Key():
            return msgspec.msgpack.Ext(3, ordered.pack_key(value))
        case User():
            return msgspec.msgpack.Ext(4, _encode([value.email(), value.auth_domain(), value.user_id()]))
        case Entity():
            if depth >= MAX_DEPTH:
                raise TooLargeError("entities are nested at most 20 deep", depth=depth + 1)
            shape = value.shape
            body: list[Any] = [
                None if value.key is None else ordered.pack_key(value.key),
                shape.names,
                [write_tagged(item, depth + 1) for item in value.values],
                sorted(shape.unindexed),
                dict(shape.meanings),
            ]
            return msgspec.msgpack.Ext(5, _encode(body))
        case _:
            raise BadValueError("a value of this type can't be stored", type=type(value).__name__)


def plain(value: Any) -> Any:
    """The value of a subclass of int, float, bytes, str or datetime (an enum, a name) as its plain type."""
    if isinstance(value, datetime):
        return _datetime(write_time(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bytes):
        return bytes(value)
    return value.encode().decode()  # str(value) may be overridden


def _read_tagged(value: Any) -> Any:
    if value.__class__ is list:
        return [_read_tagged(item) for item in value]
    if type(value) is not msgspec.msgpack.Ext:
        return value
    body = bytes(value.data)
    match value.code:
        case 1:
            return _datetime(body)
        case 2:
            return GeoPt(*_POINT.unpack(body))
        case 3:
            return ordered.unpack(body)
        case 4:
            return User.of(*msgspec.msgpack.decode(body))
        case 5:
            key, names, values, unindexed, meanings = msgspec.msgpack.decode(body)
            if key is not None and key.__class__ is not bytes:
                raise CorruptionError(
                    "an embedded entity's key is no bytes in a record", type=type(key).__name__
                )
            shape = Shape.of(names, unindexed, meanings)
            return Entity(
                None if key is None else ordered.unpack(key), shape, [_read_tagged(v) for v in values]
            )
        case _:
            raise CorruptionError("unknown tag in a record", tag=value.code)


def dump(stored: StoredShape, values: list[Any]) -> bytes:
    """The record of *values* under *stored*; `TooLargeError` over 1,048,572 bytes.

    The values must be of the types that *stored* says (`codec_of`), and checked (`check_value`).
    """
    try:
        body = stored.encode(values)
    except (UnicodeEncodeError, OverflowError) as exc:
        raise BadValueError("a value that can't be stored", cause=str(exc)) from exc
    if len(body) > MAX_ENTITY:
        raise TooLargeError("an entity has at most 1,048,572 bytes", size=len(body))
    return body


def load(body: bytes, shapes: dict[int, StoredShape]) -> tuple[Shape, list[Any]]:
    """Shape and values of a record; KeyError where *shapes* lacks its number, `CorruptionError` if malformed."""
    try:
        values = _decode(body)
        stored = shapes[values.pop()]
        if len(values) != stored.width:
            raise ValueError("a record of other columns than its shape")
        for at, read in stored.readers:
            if values[at] is not None:
                values[at] = read(values[at])
        return stored.shape, values
    except _MALFORMED as exc:
        raise CorruptionError("malformed record", size=len(body)) from exc


def columns(body: bytes, shapes: dict[int, StoredShape]) -> tuple[StoredShape, list[Any]]:
    """The columns of a record as they are stored, before the readers of its shape; errors as of `load`."""
    try:
        values = _decode(body)
        stored = shapes[values.pop()]
        if len(values) != stored.width:
            raise ValueError("a record of other columns than its shape")
    except _MALFORMED as exc:
        raise CorruptionError("malformed record", size=len(body)) from exc
    return stored, values


def load_rows(
    rows: Sequence[Row], partition: Partition, shapes: dict[int, StoredShape], maker: Maker[R]
) -> list[R]:
    """What *maker* makes of the entity of each row (path, anything, version, body); errors as of `load`."""
    if len(rows) <= FEW:
        return _load_each([], keys_of(rows, partition, maker.key_class), rows, 2, shapes, maker)
    with Pause(len(rows)):
        made: list[Any] = _load_alike(partition, rows, rows[0][3], shapes, maker)
        if len(made) == len(rows):
            return made
        rest = rows[len(made) :]
        return _load_each(made, keys_of(rest, partition, maker.key_class), rest, 2, shapes, maker)


def load_all(
    keys: Sequence[Key], rows: Sequence[Row], shapes: dict[int, StoredShape], maker: Maker[R]
) -> list[R | None]:
    """What *maker* makes of the entity of each key, whose row is (version, body); None where that is (None, None).

    Errors as of `load`.
    """
    with Pause(len(rows)):
        first = next((body for _, body in rows if body is not None), None)
        made: list[Any] = []
        if first is not None and len(rows) > FEW:
            made = _load_alike(keys, rows, first, shapes, maker)
        done = len(made)
        return _load_each(made, keys[done:], rows[done:], 0, shapes, maker)


def keys_of(rows: Sequence[Row], partition: Partition, key_class: type[Key]) -> list[Key]:
    """`Key.packed_in` of many: of the paths that lead *rows*."""
    keys: list[Key] = []
    new, append = key_class.__new__, keys.append
    for row in rows:
        key = new(key_class)
        key._partition, key._packed, key._flat = partition, row[0], None  # pyright: ignore[reportPrivateUsage]
        append(key)
    return keys


def _load_alike(
    keys: Partition | Sequence[Key],
    rows: Sequence[Row],
    first: bytes,
    shapes: dict[int, StoredShape],
    maker: Maker[Any],
) -> list[Any]:
    """`load` of many by the shape of the *first* record and the types that *maker* relies on, which spares a look at
    every value: of all *rows*, if they are alike, or of those before one that is different.
    """
    made: list[Any] = []
    try:
        found = shapes[_decode(first)[-1]].typed(maker, not isinstance(keys, Partition))
        if found is not None:
            decode, load_many = found
            load_many(keys, rows, decode, made)
    except _MALFORMED:  # `_load_each` says what is wrong, if anything is
        pass
    return made


def _load_each(
    made: list[Any],
    keys: Sequence[Key],
    rows: Sequence[Row],
    at: int,
    shapes: dict[int, StoredShape],
    maker: Maker[R],
) -> list[Any]:
    """*made* with what `load` makes of others; version and body are columns *at* and *at* + 1 of a row."""
    append, decode, body_at = made.append, _decode, at + 1
    stored: StoredShape | None = None
    make: Any = None
    making = False
    try:
        for key, row in zip(keys, rows, strict=True):
            body = row[body_at]
            if body is None:
                append(None)
                continue
            values = decode(body)
            this = shapes[values.pop()]
            if this is not stored:
                stored, make = this, maker.of(this.shape)
            if len(values) != this.width:
                raise ValueError("a record of other columns than its shape")
            for column, read in this.readers:
                if values[column] is not None:
                    values[column] = read(values[column])
            making = True
            append(make(key, values, row[at]))
            making = False
    except _MALFORMED as exc:
        if making:  # its own error: the record was sound
            raise
        raise CorruptionError("malformed record", after=len(made)) from exc
    return made


def check_value(name: str, value: Any, depth: int = 0) -> None:
    """Raise `BadValueError`, with the property's path, unless *value* can be stored (indexed or not)."""
    if value.__class__ is list:
        for item in value:
            if item.__class__ is list:
                raise BadValueError(
                    "a list can't hold a list", path=name, hint="Put an embedded entity between."
                )
            check_value(name, item, depth)
        return
    match value:
        case bool() | None | float() | GeoPt() | User():
            return
        case int():
            if not INT_MIN <= value <= INT_MAX:
                raise BadValueError(
                    "an integer must fit in 64 bits", path=name, value=value, hint="Give a float or a string."
                )
        case str() | bytes():
            try:
                size = len(value.encode()) if isinstance(value, str) else len(value)
            except UnicodeEncodeError:
                raise BadValueError(
                    "a string must be valid Unicode", path=name, hint="Leave out lone surrogates."
                ) from None
            if size > MAX_UNINDEXED:
                raise TooLargeError("a value has at most 1,048,487 bytes", path=name, size=size)
        case datetime():
            if value.tzinfo is not None:
                raise BadValueError(
                    "a stored datetime must be naive UTC",
                    path=name,
                    value=value,
                    hint="Convert it: value.astimezone(UTC).replace(tzinfo=None).",
                )
        case Key():
            if not value.is_complete:
                raise BadValueError(
                    "an incomplete key can't be a value",
                    path=name,
                    value=value,
                    hint="Give it an id or a name.",
                )
            _ = value.path_bytes
        case Entity():
            if depth >= MAX_DEPTH:
                raise TooLargeError("entities are nested at most 20 deep", path=name)
            for inner, item in value.items():
                check_value(f"{name}.{inner}", item, depth + 1)
        case _:
            raise BadValueError(
                "a value of this type can't be stored",
                path=name,
                type=type(value).__name__,
                hint="Convert it to a number, a string, bytes, a datetime, a key, a place, a user or a list of them.",
            )
