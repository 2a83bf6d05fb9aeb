"""Entities as App Engine's message ``EntityProto``, which NDB kept in blobs and in pickles; read only.

A list is several properties of one name, a compressed value has the meaning's address ``ZLIB``, and text is told from bytes by
the meaning alone.  What is read has the values that google.datastore.v1 has for the same data.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from kindstore.values.entity import Entity
from kindstore.values.errors import BadKeyError, BadValueError, TooLargeError
from kindstore.values.key import Key, Partition
from kindstore.values.limits import MAX_DEPTH
from kindstore.values.reference import decode_reference
from kindstore.values.types import GeoPt, User

from .protobuf import BYTES, FIXED64, GROUP, MALFORMED, double, fields, signed

MEANING_COMPRESSED: Final = 22
"""What google.datastore.v1 says of the values that are ``ZLIB`` here."""

_EPOCH = datetime(1970, 1, 1)

# Numbers of fields: EntityProto, Property, and the groups of PropertyValue.
_KEY, _PROPERTY, _RAW_PROPERTY = 13, 14, 15
_MEANING, _MEANING_ADDRESS, _NAME, _MULTIPLE, _VALUE = 1, 2, 3, 4, 5
_X, _Y = 6, 7
_EMAIL, _AUTH_DOMAIN, _USER_ID = 9, 10, 19
_APP, _NAMESPACE, _DATABASE, _ELEMENT = 13, 20, 23, 14
_KIND, _ID, _ID_NAME = 15, 16, 17

# Meanings that say what a value is.
_WHEN, _BLOB, _BYTESTRING, _BLOBKEY, _ENTITY, _EMPTY_LIST = 7, 14, 16, 17, 19, 24
_BYTES = frozenset({_BLOB, _BYTESTRING, _BLOBKEY})


def is_app_engine(data: bytes) -> bool:
    """Whether *data*, which is an entity of either form, is one of App Engine's: its fields have other numbers."""
    return data[:1] not in {b"", b"\x0a", b"\x1a"}


def decode_entity(data: bytes) -> Entity:
    """The entity of a message; its key is None if there is none.

    Strings without a meaning are str if they are UTF-8, else bytes; compressed values have meaning 22; blob keys are
    bytes.  `BadValueError` for bytes that are no such message, `TooLargeError` for entities nested more than 20 deep.
    """
    try:
        return _decoded(data, 0)
    except (*MALFORMED, BadKeyError) as exc:
        raise BadValueError("a malformed entity of App Engine", cause=str(exc)) from exc


class _Column:
    """The properties of one name."""

    __slots__ = ("compressed", "indexed", "multiple", "values")

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.multiple = self.compressed = False
        self.indexed = True


def _decoded(data: bytes, depth: int) -> Entity:
    if depth > MAX_DEPTH:
        raise TooLargeError("entities are nested at most 20 deep")
    key = None
    columns: dict[str, _Column] = {}
    for number, form, part in fields(data):
        if form != BYTES:
            continue
        if number == _KEY:
            key = _decoded_key(part)
        elif number in {_PROPERTY, _RAW_PROPERTY}:
            _add_property(columns, part, number == _PROPERTY, depth)
    return Entity.of(
        key,
        {name: column.values if column.multiple else column.values[-1] for name, column in columns.items()},
        [name for name, column in columns.items() if not column.indexed],
        {name: MEANING_COMPRESSED for name, column in columns.items() if column.compressed},
    )


def _decoded_key(data: bytes) -> Key | None:
    if not data:
        return None
    project, database, namespace, path = decode_reference(data)
    key = Key.of(Partition.of(project, database, namespace), path)
    _ = key.path_bytes  # refuses a malformed path
    return key


def _add_property(columns: dict[str, _Column], data: bytes, indexed: bool, depth: int) -> None:
    found: dict[int, Any] = {number: part for number, _, part in fields(data)}
    name, meaning = _bytes(found, _NAME).decode(), found.get(_MEANING)
    column = columns.setdefault(name, _Column())
    column.indexed = column.indexed and indexed
    if meaning == _EMPTY_LIST:
        column.multiple = True
        return
    if _bytes(found, _MEANING_ADDRESS) == b"ZLIB":
        column.compressed = True
        meaning = _BLOB
    value = _decoded_value(_bytes(found, _VALUE), meaning, depth)
    column.multiple = column.multiple or bool(found.get(_MULTIPLE))
    column.values.append(value)


def _bytes(found: dict[int, Any], number: int) -> bytes:
    match found.get(number, b""):
        case bytes() as value:
            return value
        case _:
            raise ValueError("a field of another form than it has")


def _decoded_value(data: bytes, meaning: Any, depth: int) -> Any:
    value: Any = None
    for number, form, part in fields(data):
        match number, form:
            case 1, 0:  # int64Value
                number_found = signed(part)
                in_time = meaning == _WHEN
                value = _EPOCH + timedelta(microseconds=number_found) if in_time else number_found
            case 2, 0:  # booleanValue
                value = bool(part)
            case 3, 2:  # stringValue
                value = _string(part, meaning, depth)
            case 4, 1:  # doubleValue
                value = double(part)
            case 5, 3:  # PointValue
                value = _point(part)
            case 8, 3:  # UserValue
                value = _user(part)
            case 12, 3:  # ReferenceValue
                value = _reference(part)
            case _:
                pass
    return value


def _string(data: bytes, meaning: Any, depth: int) -> Any:
    if meaning == _ENTITY:
        return _decoded(data, depth + 1)
    if meaning in _BYTES:
        return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _point(data: bytes) -> GeoPt:
    parts = {number: double(part) for number, form, part in fields(data) if form == FIXED64}
    return GeoPt(parts.get(_X, 0.0), parts.get(_Y, 0.0))


def _user(data: bytes) -> User:
    parts = {number: part.decode() for number, form, part in fields(data) if form == BYTES}
    return User.of(parts.get(_EMAIL, ""), parts.get(_AUTH_DOMAIN, ""), parts.get(_USER_ID))


def _reference(data: bytes) -> Key:
    names = {_APP: "", _DATABASE: "", _NAMESPACE: ""}
    path: list[Any] = []
    for number, form, part in fields(data):
        if number in names and form == BYTES:
            names[number] = part.decode()
        elif (number, form) == (_ELEMENT, GROUP):
            element: dict[int, Any] = {inner: value for inner, _, value in fields(part)}
            path.append(_bytes(element, _KIND).decode())
            id_ = element.get(_ID)
            path.append(signed(id_) if isinstance(id_, int) else _bytes(element, _ID_NAME).decode())
    project = names[_APP].rpartition("~")[2]  # "s~app" in the US, "e~app" in Europe
    key = Key.of(Partition.of(project, names[_DATABASE], names[_NAMESPACE]), path)
    _ = key.path_bytes  # refuses a malformed path
    return key
