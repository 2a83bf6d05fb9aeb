"""Values of a cache as bytes.  What comes out equals what went in, or it was refused.

1. `PlainSerializer` knows a closed list of types.  Its bytes can't make a program do anything, whoever wrote them.
2. `SignedPickleSerializer` takes nearly everything, and unpickles only what was signed with its key.

Both are serializers of cachelib, so that they go into any of its caches, and cachelib's go into ours.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import pickle
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import NoneType
from typing import IO, Any, Final, TypeAlias, cast
from uuid import UUID

import msgspec
from cachelib.serializers import BaseSerializer
from flask import Response
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, default_exceptions

from kindstore.values.errors import BadArgumentError, BadValueError

MAX_DEPTH: Final = 100
"""How deep containers may be in one another."""

_PLAIN: Final = b"\x01"
_PICKLE: Final = b"\x02"
"""The first byte tells whose bytes they are."""

_DIGEST: Final = 32
_SHORTEST_KEY: Final = 16

_Steps: TypeAlias = list[str]


class _Bytes(BaseSerializer):
    """A serializer whose `dump` and `load`, of files, are its `dumps` and `loads`, where cachelib's would pickle."""

    def dump(self, value: Any, f: IO[bytes], protocol: int = 0) -> None:  # noqa: ARG002 - the name is cachelib's
        """Write *value* into the file *f*."""
        data = self.dumps(value)
        assert data is not None
        f.write(data)

    def load(self, f: IO[bytes]) -> Any:
        """The value that the rest of *f* is."""
        return self.loads(f.read())


class PlainSerializer(_Bytes):
    """Of None, bool, int, float, str, bytes, list, tuple, dict, set, frozenset, datetime, date, time, timedelta, Decimal,
    UUID, Markup, responses of Flask that are no streams, and HTTP errors.

    Types are exact: a subclass would come back as something else.  An aware datetime comes back with the same offset, not
    the same name of a time zone; a response as a `flask.Response`.
    """

    def dumps(self, value: Any, protocol: int = 0) -> bytes:  # noqa: ARG002
        """The bytes of *value*; `BadValueError` for another type, with the path to it, and what is nested too deeply."""
        try:
            return _PLAIN + _encode(_tagged(value, 0))
        except _RefusedError as error:
            raise BadValueError(
                error.reason,
                path="value" + "".join(reversed(error.steps)),
                type=error.type_name,
                hint="Store plain values: str, int, list, dict and the like; or give the cache a SignedPickleSerializer.",
            ) from None
        except UnicodeEncodeError:
            raise BadValueError(
                "a str that is not Unicode can't be cached", hint="Encode it, and store bytes."
            ) from None

    def loads(self, bvalue: bytes) -> Any:
        """The value of the bytes; ValueError, or another error, for any that `dumps` has not made."""
        if bvalue[:1] != _PLAIN:
            raise ValueError("not the bytes of a plain value")
        return _decode(memoryview(bvalue)[1:])


class SignedPickleSerializer(_Bytes):
    """Of everything that pickle takes; signed, by HMAC-SHA256, with *key*, and never unpickled without the signature.

    Who has the key can run code in every process that reads the cache.  So it is a secret of at least 16 bytes, which is
    nowhere in the database: the ``SECRET_KEY`` of the application will do.  `BadArgumentError` for a shorter one.
    """

    def __init__(self, key: str | bytes) -> None:
        secret = key.encode() if isinstance(key, str) else bytes(key)
        if len(secret) < _SHORTEST_KEY:
            raise BadArgumentError(
                "the key of a signature is too short",
                length=len(secret),
                hint=f"Take at least {_SHORTEST_KEY} random bytes: secrets.token_bytes(32).",
            )
        # Not the secret itself: signatures made with it elsewhere must be worth nothing here.
        self._key = hashlib.sha256(b"kindstore.flask.cache pickle\0" + secret).digest()

    def dumps(self, value: Any, protocol: int = pickle.HIGHEST_PROTOCOL) -> bytes:
        """The signed bytes of *value*; the errors of pickle for what it can't take."""
        pickled = pickle.dumps(value, protocol)
        return _PICKLE + self._signature(pickled) + pickled

    def loads(self, bvalue: bytes) -> Any:
        """The value of the bytes; ValueError if they are not signed with the key."""
        signature, pickled = bvalue[1 : 1 + _DIGEST], bvalue[1 + _DIGEST :]
        if bvalue[:1] != _PICKLE or not hmac.compare_digest(signature, self._signature(pickled)):
            raise ValueError("not signed with the key of this cache")
        return pickle.loads(pickled)  # noqa: S301 - signed

    def _signature(self, pickled: bytes) -> bytes:
        return hmac.digest(self._key, pickled, "sha256")


# Plain values, as MessagePack with an extension for each type that it lacks.


class _RefusedError(Exception):
    """*reason*, with the steps to the value, the last one first."""

    def __init__(self, reason: str, value: object) -> None:
        kind = type(value)
        self.reason = reason
        self.type_name = (
            kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        )
        self.steps: _Steps = []


_encode: Final = msgspec.msgpack.Encoder().encode
_AS_THEY_ARE: Final = frozenset({NoneType, bool, float, str, bytes})
_TUPLE, _SET, _FROZENSET, _PAIRS, _INT, _DATETIME, _DATE, _TIME, _TIMEDELTA, _DECIMAL, _UUID, _MARKUP = range(
    1, 13
)
_RESPONSE, _HTTP_ERROR = 20, 21


def _tagged(value: Any, depth: int) -> Any:
    """*value* with an `Ext` for all that MessagePack has not, or would make into something else."""
    kind = cast("type[object]", type(value))
    if kind in _AS_THEY_ARE:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**64 else msgspec.msgpack.Ext(_INT, str(value).encode())
    if depth >= MAX_DEPTH:
        raise _RefusedError("a value that is nested too deeply can't be cached", value)
    if kind is dict:
        return _tagged_dict(value, depth)
    if kind is list:
        return _tagged_items(value, depth)
    code = _CONTAINERS.get(kind)
    if code is not None:
        return msgspec.msgpack.Ext(code, _encode(_tagged_items(value, depth)))
    if kind in _SCALARS:
        code, write = _SCALARS[kind]
        return msgspec.msgpack.Ext(code, write(value).encode())
    if isinstance(value, Response):
        return msgspec.msgpack.Ext(_RESPONSE, _encode(_response(value)))
    if isinstance(value, HTTPException):
        return msgspec.msgpack.Ext(_HTTP_ERROR, _encode(_http_error(value)))
    raise _RefusedError("a value of this type can't be cached", value)


def _tagged_items(items: Any, depth: int) -> list[Any]:
    tagged: list[Any] = []
    try:
        for item in items:
            tagged.append(_tagged(item, depth + 1))  # noqa: PERF401 - how many there are is the place of the error
    except _RefusedError as error:
        error.steps.append(f"[{len(tagged)}]")
        raise
    return tagged


def _tagged_dict(items: dict[Any, Any], depth: int) -> Any:
    tagged: dict[str, Any] = {}
    key: Any = None
    try:
        for key, item in items.items():
            if type(key) is not str:
                break
            tagged[key] = _tagged(item, depth + 1)
        else:
            return tagged
        pairs: list[Any] = []
        for key, item in items.items():
            pairs += (_tagged(key, depth + 1), _tagged(item, depth + 1))
    except _RefusedError as error:
        error.steps.append(f"[{key!r}]")
        raise
    return msgspec.msgpack.Ext(_PAIRS, _encode(pairs))


def _timedelta(value: dt.timedelta) -> str:
    return f"{value.days} {value.seconds} {value.microseconds}"


_CONTAINERS: Final[Mapping[type, int]] = {tuple: _TUPLE, set: _SET, frozenset: _FROZENSET}
_SCALARS: Final[Mapping[type, tuple[int, Callable[[Any], str]]]] = {
    dt.datetime: (_DATETIME, dt.datetime.isoformat),
    dt.date: (_DATE, dt.date.isoformat),
    dt.time: (_TIME, dt.time.isoformat),
    dt.timedelta: (_TIMEDELTA, _timedelta),
    Decimal: (_DECIMAL, str),
    UUID: (_UUID, str),
    Markup: (_MARKUP, str),
}


def _response(value: Response) -> list[Any]:
    if value.direct_passthrough or not value.is_sequence:
        raise _RefusedError("a response that is a stream can't be cached", value)
    return [value.status, [list(pair) for pair in value.headers], value.get_data()]


def _http_error(value: HTTPException) -> list[Any]:
    """What Flask-Caching keeps of ``abort(404)``."""
    attributes = vars(value)
    others = {name for name, each in attributes.items() if each and name not in {"description", "response"}}
    if default_exceptions.get(value.code or 0) is not type(value) or others:
        raise _RefusedError("an HTTP error of one's own, or with headers, can't be cached", value)
    response = value.response
    if response is not None and not isinstance(response, Response):
        raise _RefusedError("a response that is not Flask's can't be cached", response)
    return [value.code, value.description, response and _response(response)]


def _read_response(parts: list[Any]) -> Response:
    status, headers, body = parts
    return Response(body, status=status, headers=[(name, value) for name, value in headers])


def _read_http_error(parts: list[Any]) -> HTTPException:
    code, description, response = parts
    return default_exceptions[code](description, response and _read_response(response))


def _read_timedelta(text: str) -> dt.timedelta:
    days, seconds, microseconds = map(int, text.split())
    return dt.timedelta(days, seconds, microseconds)


_FROM_LIST: Final[Mapping[int, Callable[[Any], Any]]] = {
    _TUPLE: tuple,
    _SET: set,
    _FROZENSET: frozenset,
    _PAIRS: lambda pairs: dict(zip(pairs[::2], pairs[1::2], strict=True)),
    _RESPONSE: _read_response,
    _HTTP_ERROR: _read_http_error,
}
_FROM_TEXT: Final[Mapping[int, Callable[[str], Any]]] = {
    _INT: int,
    _DATETIME: dt.datetime.fromisoformat,
    _DATE: dt.date.fromisoformat,
    _TIME: dt.time.fromisoformat,
    _TIMEDELTA: _read_timedelta,
    _DECIMAL: Decimal,
    _UUID: UUID,
    _MARKUP: Markup,
}


def _read(code: int, data: memoryview) -> Any:
    if code in _FROM_LIST:
        return cast("Any", _FROM_LIST[code](_decode_list(data)))
    return _FROM_TEXT[code](str(data, "utf-8"))


_decode: Final = msgspec.msgpack.Decoder(ext_hook=_read).decode
_decode_list: Final = msgspec.msgpack.Decoder(list[Any], ext_hook=_read).decode
