"""Entities as the message ``Entity`` of google.datastore.v1, and back.

The service's own client libraries send whole requests in such messages; here are the bytes of one entity, as NDB keeps them
in a blob.  The numbers of the fields are those of the published ``entity.proto``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from kindstore.values.entity import Entity
from kindstore.values.errors import BadKeyError, BadValueError, TooLargeError
from kindstore.values.key import Key, Partition
from kindstore.values.limits import MAX_DEPTH
from kindstore.values.record import check_value
from kindstore.values.types import GeoPt, User

from .protobuf import (
    BYTES,
    FIXED64,
    MALFORMED,
    VARINT,
    bytes_field,
    double,
    double_field,
    fields,
    number_field,
    signed,
)

MEANING_USER: Final = 20
"""App Engine's mark of an embedded entity that is a user."""

_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)

# Numbers of fields: Entity, its map entries, Value, Key, PartitionId, PathElement, Timestamp, LatLng.
_KEY, _PROPERTIES = 1, 3
_NAME, _VALUE = 1, 2
_NULL, _BOOLEAN, _INTEGER, _DOUBLE, _TIMESTAMP, _KEY_VALUE = 11, 1, 2, 3, 10, 5
_STRING, _BLOB, _POINT, _ENTITY, _ARRAY, _MEANING, _UNINDEXED = 17, 18, 8, 6, 9, 14, 19
_PARTITION, _PATH = 1, 2
_PROJECT, _DATABASE, _NAMESPACE = 2, 3, 4
_KIND, _ID, _ID_NAME = 1, 2, 3
_SECONDS, _NANOS = 1, 2
_LATITUDE, _LONGITUDE = 1, 2


# From an entity to bytes.


def encode_entity(entity: Entity) -> bytes:
    """The message of *entity*; without a key if it has none.

    A `User` becomes an entity with meaning 20.  `BadValueError`, with the path, for a value that can't be stored,
    `BadKeyError` for a malformed key.
    """
    for name, value in entity.items():
        check_value(name, value)
    return _entity(entity)


def _entity(entity: Entity) -> bytes:
    parts = [] if entity.key is None else [bytes_field(_KEY, _key(entity.key))]
    meanings = dict(entity.shape.meanings)
    for name, value in entity.items():
        written = _value(value, meanings.get(name), name in entity.shape.unindexed)
        entry = bytes_field(_NAME, _text(name)) + bytes_field(_VALUE, written)
        parts.append(bytes_field(_PROPERTIES, entry))
    return b"".join(parts)


def _value(value: Any, meaning: int | None, unindexed: bool) -> bytes:
    if value.__class__ is list:
        items: list[Any] = value
        # What is said of a list is said of its items; of the list itself where no item can say it.
        only_nulls = all(item is None for item in items)
        array = b"".join(bytes_field(1, _value(item, meaning, unindexed)) for item in items)
        return bytes_field(_ARRAY, array) + _marks(meaning if only_nulls else None, unindexed and not items)
    if isinstance(value, User):
        meaning, value = MEANING_USER, _user(value)
    return _single(value) + _marks(None if value is None else meaning, unindexed)


def _marks(meaning: int | None, unindexed: bool) -> bytes:
    marks = b"" if meaning is None else number_field(_MEANING, meaning)
    return marks + number_field(_UNINDEXED, 1) if unindexed else marks


def _single(value: Any) -> bytes:
    match value:
        case None:
            return number_field(_NULL, 0)
        case bool():
            return number_field(_BOOLEAN, value)
        case int():
            return number_field(_INTEGER, value)
        case float():
            return double_field(_DOUBLE, value)
        case str():
            return bytes_field(_STRING, value.encode())
        case bytes():
            return bytes_field(_BLOB, value)
        case datetime():
            seconds, rest = divmod(value - _EPOCH, _SECOND)
            time = number_field(_SECONDS, seconds) + number_field(_NANOS, rest.microseconds * 1000)
            return bytes_field(_TIMESTAMP, time)
        case GeoPt():
            point = double_field(_LATITUDE, value.latitude) + double_field(_LONGITUDE, value.longitude)
            return bytes_field(_POINT, point)
        case Key():
            return bytes_field(_KEY_VALUE, _key(value))
        case _:
            assert isinstance(value, Entity)  # as `check_value` has seen
            return bytes_field(_ENTITY, _entity(value))


def _user(user: User) -> Entity:
    parts = {"email": user.email(), "auth_domain": user.auth_domain()}
    if user.user_id():
        parts["user_id"] = user.user_id() or ""
    return Entity.of(None, parts, unindexed=parts)


def _key(key: Key) -> bytes:
    _ = key.path_bytes  # refuses a malformed path
    places = zip((_PROJECT, _DATABASE, _NAMESPACE), key.partition.names(), strict=True)
    partition = b"".join(bytes_field(number, _text(name)) for number, name in places if name)
    parts = [bytes_field(_PARTITION, partition)]
    for kind, part in zip(key.path[::2], key.path[1::2], strict=True):
        element = bytes_field(_KIND, _text(kind))
        if isinstance(part, int):
            element += number_field(_ID, part)
        elif part is not None:
            element += bytes_field(_ID_NAME, _text(part))
        parts.append(bytes_field(_PATH, element))
    return b"".join(parts)


def _text(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadValueError("a name must be valid Unicode", name=text) from None


# From bytes to an entity.


def decode_entity(data: bytes) -> Entity:
    """The entity of a message; its key is None if there is none, or one without a path.

    A column is unindexed, or has a meaning, if an item of it is or has.  `BadValueError` for bytes that are no such
    message, `TooLargeError` for entities nested more than 20 deep.
    """
    try:
        return _decoded(data, 0)
    except (*MALFORMED, BadKeyError) as exc:
        raise BadValueError("a malformed entity of google.datastore.v1", cause=str(exc)) from exc


def _decoded(data: bytes, depth: int) -> Entity:
    if depth > MAX_DEPTH:
        raise TooLargeError("entities are nested at most 20 deep")
    key = None
    columns: dict[str, tuple[Any, int | None, bool]] = {}
    for number, form, part in fields(data):
        if (number, form) == (_KEY, BYTES):
            key = _decoded_key(part)
        elif (number, form) == (_PROPERTIES, BYTES):
            entry = {number: part for number, form, part in fields(part) if form == BYTES}
            columns[entry.get(_NAME, b"").decode()] = _decoded_value(entry.get(_VALUE, b""), depth)
    return Entity.of(
        key,
        {name: value for name, (value, _, _) in columns.items()},
        [name for name, (_, _, unindexed) in columns.items() if unindexed],
        {name: meaning for name, (_, meaning, _) in columns.items() if meaning is not None},
    )


def _decoded_value(data: bytes, depth: int) -> tuple[Any, int | None, bool]:
    """The value, its meaning, and whether it is unindexed."""
    value: Any = _UNSET
    meaning = None
    unindexed = False
    for number, form, part in fields(data):
        read = _READERS.get((number, form))
        if read is not None:
            value = read(part)
        elif (number, form) == (_ENTITY, BYTES):
            value = _decoded(part, depth + 1)
        elif (number, form) == (_ARRAY, BYTES):
            value, of_items, no_item = _decoded_array(part, depth)
            meaning = of_items if meaning is None else meaning
            unindexed = unindexed or no_item
        elif (number, form) == (_MEANING, VARINT):
            meaning = part or meaning
        elif (number, form) == (_UNINDEXED, VARINT):
            unindexed = unindexed or bool(part)
    if value is _UNSET:
        raise ValueError("a value of no type")
    return value, meaning, unindexed


def _decoded_array(data: bytes, depth: int) -> tuple[list[Any], int | None, bool]:
    found = [
        _decoded_value(part, depth) for number, form, part in fields(data) if (number, form) == (1, BYTES)
    ]
    items = [value for value, _, _ in found]
    if any(isinstance(item, list) for item in items):
        raise ValueError("a list in a list")
    meanings = {meaning for value, meaning, _ in found if value is not None}
    return items, meanings.pop() if len(meanings) == 1 else None, any(unindexed for _, _, unindexed in found)


def _decoded_key(data: bytes) -> Key | None:
    names = {_PROJECT: "", _DATABASE: "", _NAMESPACE: ""}
    path: list[Any] = []
    for number, form, part in fields(data):
        if (number, form) == (_PARTITION, BYTES):
            for inner, inner_form, name in fields(part):
                if inner in names and inner_form == BYTES:
                    names[inner] = name.decode()
        elif (number, form) == (_PATH, BYTES):
            path += _decoded_element(part)
    if not path:
        return None
    if None in path[:-1]:
        raise ValueError("only the last id may be missing")
    key = Key.of(Partition.of(names[_PROJECT], names[_DATABASE], names[_NAMESPACE]), path)
    _ = key.path_bytes  # refuses a malformed path
    return key


def _decoded_element(data: bytes) -> tuple[str, int | str | None]:
    kind, part_of_path = "", None
    for number, form, part in fields(data):
        if (number, form) == (_KIND, BYTES):
            kind = part.decode()
        elif (number, form) == (_ID, VARINT):
            part_of_path = signed(part)
        elif (number, form) == (_ID_NAME, BYTES):
            part_of_path = part.decode()
    return kind, part_of_path


def _key_value(data: bytes) -> Key:
    key = _decoded_key(data)
    if key is None or not key.is_complete:
        raise ValueError("an incomplete key as a value")
    return key


def _time(data: bytes) -> datetime:
    parts = {number: signed(part) for number, form, part in fields(data) if form == VARINT}
    nanos = parts.get(_NANOS, 0)
    if not 0 <= nanos < 1_000_000_000:
        raise ValueError("a time with a fraction outside of a second")
    return _EPOCH + timedelta(seconds=parts.get(_SECONDS, 0), microseconds=nanos // 1000)


def _point(data: bytes) -> GeoPt:
    parts = {number: double(part) for number, form, part in fields(data) if form == FIXED64}
    return GeoPt(parts.get(_LATITUDE, 0.0), parts.get(_LONGITUDE, 0.0))


def _as_it_is(data: bytes) -> bytes:
    return data


def _null(_: int) -> None:
    pass


_UNSET: Final = object()
_READERS: dict[tuple[int, int], Callable[[Any], Any]] = {
    (_NULL, VARINT): _null,
    (_BOOLEAN, VARINT): bool,
    (_INTEGER, VARINT): signed,
    (_DOUBLE, FIXED64): double,
    (_TIMESTAMP, BYTES): _time,
    (_KEY_VALUE, BYTES): _key_value,
    (_STRING, BYTES): bytes.decode,
    (_BLOB, BYTES): _as_it_is,
    (_POINT, BYTES): _point,
}
