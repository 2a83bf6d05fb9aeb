"""App Engine's written form of a key: the protobuf message ``Reference``, and its text in URLs.

The text is what `Key.urlsafe` has always given: base64url, without ``=``, of (spec/service.md 1.5)

    13 app (string)   14 path { group 1 { 2 kind, 3 id (int64), 4 name } … }   20 name_space   23 database_id

Such texts come from outside (URLs, forms, cookies), so reading them is strict: whatever App Engine would not
have written is refused with `BadKeyError`, and nothing else is ever raised.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from .components import name_bytes
from .errors import BadKeyError
from .key import Key, Partition
from .limits import INT_MAX, MAX_PATH

_APP = 13 << 3 | 2
_PATH = 14 << 3 | 2
_NAMESPACE = 20 << 3 | 2
_DATABASE = 23 << 3 | 2
_ELEMENT = 1 << 3 | 3
_ELEMENT_END = 1 << 3 | 4
_KIND = 2 << 3 | 2
_ID = 3 << 3 | 0
_NAME = 4 << 3 | 2

_MAX_SIZE = 16 * 1024
"""Bytes of a message that are looked at: a key of 6 KiB with all its names fits in."""


def encode_reference(
    project: str, database: str, namespace: str, flat: tuple[Any, ...], prefix: str = ""
) -> bytes:
    """The message of a key.

    *flat*: kind, id, kind, id …, the last id None in an incomplete key.  *prefix*: what App Engine puts before
    the project (``"s~"`` in the US, ``"e~"`` in Europe), "" by default.  `BadKeyError` for a malformed path.
    """
    path = b""
    for kind, part in zip(flat[::2], flat[1::2], strict=True):
        path += bytes((_ELEMENT,)) + _field(_KIND, name_bytes(kind))
        if isinstance(part, int):
            if not 0 < part <= INT_MAX:
                raise BadKeyError("an id is between 1 and 2^63-1", id=part)
            path += bytes((_ID,)) + _varint(part)
        elif part is not None:
            path += _field(_NAME, name_bytes(part))
        path += bytes((_ELEMENT_END,))
    message = _field(_APP, name_bytes(prefix + project)) + _field(_PATH, path)
    if namespace:
        message += _field(_NAMESPACE, name_bytes(namespace))
    if database:
        message += _field(_DATABASE, name_bytes(database))
    return message


def decode_reference(data: bytes) -> tuple[str, str, str, tuple[Any, ...]]:
    """Project (without a prefix like ``s~``), database, namespace and flat path of a message.

    The last id is None in an incomplete key.  `BadKeyError` for bytes that are no such message.
    """
    if len(data) > _MAX_SIZE:
        raise BadKeyError("an encoded key is too long", size=len(data))
    try:
        return _decode(data)
    except (IndexError, ValueError) as exc:
        raise BadKeyError("a malformed encoded key", cause=str(exc)) from exc


def to_urlsafe(key: Key, prefix: str = "") -> str:
    """The text of *key* for URLs."""
    message = encode_reference(*key.partition.names(), key.path, prefix)
    return base64.urlsafe_b64encode(message).rstrip(b"=").decode()


def from_urlsafe(text: str | bytes) -> Key:
    """The key of a text that `to_urlsafe`, or App Engine, has written; ``=`` at its end is allowed.

    `BadKeyError` for anything else.
    """
    if len(text) > 2 * _MAX_SIZE:
        raise BadKeyError("an encoded key is too long", size=len(text))
    try:
        raw = text.encode("ascii") if isinstance(text, str) else bytes(text)
        bare = raw.rstrip(b"=")
        data = base64.b64decode(bare + b"=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as exc:
        raise BadKeyError("an encoded key has only the characters A-Z a-z 0-9 - _", text=text) from exc
    project, database, namespace, flat = decode_reference(data)
    if base64.urlsafe_b64encode(data).rstrip(b"=") != bare:  # other texts with the same bytes
        raise BadKeyError("a malformed encoded key", text=text)
    key = Key.of(Partition.of(project, database, namespace), flat)
    _ = key.path_bytes  # refuses a malformed path
    return key


# The wire format, as far as this one message needs it.


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(tag: int, value: bytes) -> bytes:
    return _varint(tag) + _varint(len(value)) + value


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >= 1 << 64 or (not byte and shift):
                raise ValueError("a number that is too long")
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("a number that is too long")


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = _read_varint(data, at)
    if size > len(data) - at:
        raise ValueError("bytes are missing")
    return data[at : at + size], at + size


def _decode(data: bytes) -> tuple[str, str, str, tuple[Any, ...]]:
    fields: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        if tag not in {_APP, _PATH, _NAMESPACE, _DATABASE} or tag in fields:
            raise ValueError("an unknown field, or one given twice")
        fields[tag], at = _read_bytes(data, at)
    app = fields.get(_APP, b"").decode()
    project = app.rpartition("~")[2]
    if not project or _PATH not in fields:
        raise ValueError("no project or no path")
    namespace, database = fields.get(_NAMESPACE, b"").decode(), fields.get(_DATABASE, b"").decode()
    return project, database, namespace, _decode_path(fields[_PATH])


def _decode_path(data: bytes) -> tuple[Any, ...]:
    flat: list[Any] = []
    at = 0
    while at < len(data):
        if flat and flat[-1] is None:
            raise ValueError("only the last id may be missing")
        tag, at = _read_varint(data, at)
        if tag != _ELEMENT:
            raise ValueError("no path element")
        element: dict[int, Any] = {}
        while (tag := data[at]) != _ELEMENT_END:
            if tag not in {_KIND, _ID, _NAME} or tag in element:
                raise ValueError("an unknown field, or one given twice")
            element[tag], at = _read_varint(data, at + 1) if tag == _ID else _read_bytes(data, at + 1)
        at += 1
        if _KIND not in element or (_ID in element and _NAME in element):
            raise ValueError("no kind, or an id and a name")
        flat.append(element[_KIND].decode())
        name = element.get(_NAME)
        flat.append(element.get(_ID) if name is None else name.decode())
        if flat[-1] is not None and not flat[-1]:
            raise ValueError("an empty name, or an id of 0")
        if isinstance(flat[-1], int) and flat[-1] > INT_MAX:
            raise ValueError("an id of more than 63 bits")
    if not flat or len(flat) > 2 * MAX_PATH or not all(flat[::2]):
        raise ValueError("a path of 1 to 100 elements, each with a kind")
    return tuple(flat)
