"""Properties of bytes, and of what is stored as bytes: blobs, JSON, pickles, blob keys."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, Unpack, overload

from kindstore.values.errors import BadValueError
from kindstore.values.limits import MAX_INDEXED

from .blob_key import BlobKey
from .options import Compressible, Options
from .property import Nothing, Property, Undecoded, as_list, is_list

T = TypeVar("T")

MEANING_COMPRESSED = 22
"""App Engine's mark of a value that is compressed by zlib."""

_ZLIB = (b"\x78\x9c", b"\x78\x5e")


class Compressed:
    """Bytes that are known, by their meaning, to be compressed."""

    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value = value


def _looks_compressed(value: bytes) -> bool:
    return value.startswith(_ZLIB)


def decompress(value: Any) -> Any:
    """The bytes of a compressed value; what are no bytes stays.  `BadValueError` if it is damaged."""
    if not isinstance(value, bytes):
        return value
    try:
        return zlib.decompress(value)
    except zlib.error as exc:
        raise BadValueError("a compressed value is damaged", cause=str(exc)) from exc


def too_long(prop: Property[Any], size: int) -> BadValueError:
    """The error for an indexed value of *size* bytes."""
    return BadValueError(
        f"Indexed value {prop._name} must be at most {MAX_INDEXED} bytes", path=prop._path(), size=size
    )


class BlobProperty(Property[T]):
    """Bytes.  Not indexed unless asked for, and then of up to 1,500 bytes.

    ``compressed=True`` stores them compressed by zlib; with *indexed* as well: NotImplementedError.  Compressed
    values are recognised by their meaning (22), or by a zlib header where the property is compressed.
    """

    _options: ClassVar[tuple[str, ...]] = ("compressed",)
    _indexed = False
    _compressed: bool = False
    _exact = bytes
    _lazy = True

    if not TYPE_CHECKING:

        def __init__(self, name=None, *, compressed=None, **options):
            super().__init__(name, **options)
            if compressed is not None:
                self._compressed = compressed
            if self._compressed:
                if self._indexed:
                    raise NotImplementedError(
                        f"{type(self).__name__} {self._name} cannot be compressed and indexed at the same time."
                    )
                self._meaning = MEANING_COMPRESSED
            if self._compressed or self._indexed:
                self._exact = Nothing

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: BlobProperty[list[bytes]],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Compressible[bytes]],
        ) -> None: ...
        @overload
        def __init__(
            self: BlobProperty[bytes],
            name: str | None = None,
            *,
            required: Literal[True],
            default: bytes | None = None,
            **options: Unpack[Compressible[bytes]],
        ) -> None: ...
        @overload
        def __init__(
            self: BlobProperty[bytes],
            name: str | None = None,
            *,
            default: bytes,
            required: bool = False,
            **options: Unpack[Compressible[bytes]],
        ) -> None: ...
        @overload
        def __init__(
            self: BlobProperty[bytes | None],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Compressible[bytes]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, bytes):
            raise self._wrong("bytes", value)
        if self._indexed and len(value) > MAX_INDEXED:
            raise too_long(self, len(value))

    def _to_base_type(self, value: Any) -> Any:
        return zlib.compress(value) if self._compressed else None

    def _from_base_type(self, value: Any) -> Any:
        if type(value) is Compressed:
            return decompress(value.value)
        if self._compressed and type(value) is bytes:
            return decompress(value) if _looks_compressed(value) else value
        return None

    def _from_index(self, value: Any) -> Any:
        return self._from_stored(value)

    def _plain_type(self) -> type[Any]:
        return Nothing if self._compressed else super()._plain_type()

    def _loader(self, meaning: int | None) -> Callable[[Any], Any] | None:
        if meaning == MEANING_COMPRESSED:
            return self._load_compressed
        if self._compressed or self._repeated or type(self)._decoders != BlobProperty._decoders:
            return Undecoded
        return None

    def _load_compressed(self, value: Any) -> Undecoded:
        if is_list(value):
            return Undecoded([_marked(item) for item in value])
        return Undecoded(_marked(value))

    def _unread(self, value: Any) -> Any:
        if self._repeated:
            return [self._rewritten(item) for item in as_list(value)]
        return self._rewritten(value)

    def _rewritten(self, value: Any) -> Any:
        # What was never read is written back as it was, unless the property was made compressed, or plain, since.
        if type(value) is Compressed:
            return value.value if self._compressed else decompress(value.value)
        if self._compressed and type(value) is bytes and not _looks_compressed(value):
            return zlib.compress(value)
        return value


def _marked(value: Any) -> Any:
    return Compressed(value) if type(value) is bytes else value


class CompressedTextProperty(BlobProperty[T]):
    """Text stored as UTF-8 compressed by zlib: what ``TextProperty(compressed=True)`` is."""

    _compressed = True

    if not TYPE_CHECKING:

        def __init__(self, name=None, *, indexed=None, **options):
            if indexed:
                raise NotImplementedError("A TextProperty cannot be indexed: use a StringProperty")
            super().__init__(name, **{"compressed": True, **options})

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: CompressedTextProperty[list[str]],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Options[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: CompressedTextProperty[str],
            name: str | None = None,
            *,
            required: Literal[True],
            default: str | None = None,
            **options: Unpack[Options[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: CompressedTextProperty[str],
            name: str | None = None,
            *,
            default: str,
            required: bool = False,
            **options: Unpack[Options[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: CompressedTextProperty[str | None],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[str]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def _validate(self, value: Any) -> Any:
        if isinstance(value, bytes):
            try:
                value.decode()
            except UnicodeDecodeError:
                raise self._wrong("valid UTF-8", value) from None
        elif not isinstance(value, str):
            raise self._wrong("string", value)

    def _to_base_type(self, value: Any) -> Any:
        return value.encode() if isinstance(value, str) else None

    def _from_base_type(self, value: Any) -> Any:
        if isinstance(value, bytes):
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
        return None


class JsonProperty(BlobProperty[T]):
    """Anything that JSON has, stored as ASCII JSON bytes (str is read as well).  Reads as Any.

    *json_type*: values of another type are refused (TypeError).  A value is decoded when first read; changes
    made in place are written at the next put.
    """

    _options = ("compressed", "json_type")
    _json_type: type | None = None

    if TYPE_CHECKING:

        def __init__(
            self: JsonProperty[Any],
            name: str | None = None,
            *,
            json_type: type | None = None,
            required: bool | None = None,
            repeated: bool | None = None,
            default: Any = None,
            **options: Unpack[Compressible[Any]],
        ) -> None: ...

    else:

        def __init__(self, name=None, *, json_type=None, **options):
            super().__init__(name, **options)
            if json_type is not None:
                self._json_type = json_type

    def _validate(self, value: Any) -> Any:
        if self._json_type is not None and not isinstance(value, self._json_type):
            raise TypeError(f"JSON property must be a {self._json_type}")

    def _to_base_type(self, value: Any) -> Any:
        try:
            return json.dumps(value, separators=(",", ":")).encode("ascii")
        except (TypeError, ValueError, RecursionError) as exc:
            raise BadValueError(
                f"In field {self._name}, a value that JSON does not have", path=self._path(), cause=str(exc)
            ) from exc

    def _from_base_type(self, value: Any) -> Any:
        try:
            return json.loads(value)
        except ValueError as exc:
            raise BadValueError("stored JSON is malformed", path=self._path(), cause=str(exc)) from exc


class _Pickling:
    allowed = False


def allow_pickles(allowed: bool = True) -> None:
    """Let every `PickleProperty` of this process pickle and unpickle (default: none may).

    Unpickling runs code that is in the stored bytes: allow it only for a database that nobody else writes.
    """
    _Pickling.allowed = allowed


class PickleProperty(BlobProperty[T]):
    """Anything that pickle takes.  Refused (`BadValueError`), both ways, unless it is allowed.

    Allow it for one property by ``allow_pickle=True``, for all by `allow_pickles`.  Written by the highest
    protocol; pickles of Python 2 read with their str as bytes.
    """

    _options = ("compressed", "allow_pickle")
    _allow_pickle: bool = False

    if TYPE_CHECKING:

        def __init__(
            self: PickleProperty[Any],
            name: str | None = None,
            *,
            allow_pickle: bool = False,
            required: bool | None = None,
            repeated: bool | None = None,
            default: Any = None,
            **options: Unpack[Compressible[Any]],
        ) -> None: ...

    else:

        def __init__(self, name=None, *, allow_pickle=False, **options):
            super().__init__(name, **options)
            if allow_pickle:
                self._allow_pickle = allow_pickle

    def _require_permission(self) -> None:
        if not (self._allow_pickle or _Pickling.allowed):
            raise BadValueError(
                "pickles are not allowed",
                path=self._path(),
                hint="Unpickling runs code from the database.  If you trust all who write to it, declare the "
                "property with allow_pickle=True, or call kindstore.mapper.blobs.allow_pickles().",
            )

    def _validate(self, value: Any) -> Any:
        """Anything goes."""

    def _to_base_type(self, value: Any) -> Any:
        self._require_permission()
        try:
            return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, AttributeError, TypeError) as exc:
            raise BadValueError("a value that can't be pickled", path=self._path(), cause=str(exc)) from exc

    def _from_base_type(self, value: Any) -> Any:
        self._require_permission()
        return pickle.loads(value, encoding="bytes")  # noqa: S301 - allowed explicitly, see the class


class BlobKeyProperty(Property[T]):
    """A `BlobKey`, stored as its bytes."""

    _converts = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: BlobKeyProperty[list[BlobKey]],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Options[BlobKey]],
        ) -> None: ...
        @overload
        def __init__(
            self: BlobKeyProperty[BlobKey],
            name: str | None = None,
            *,
            required: Literal[True],
            default: BlobKey | None = None,
            **options: Unpack[Options[BlobKey]],
        ) -> None: ...
        @overload
        def __init__(
            self: BlobKeyProperty[BlobKey],
            name: str | None = None,
            *,
            default: BlobKey,
            required: bool = False,
            **options: Unpack[Options[BlobKey]],
        ) -> None: ...
        @overload
        def __init__(
            self: BlobKeyProperty[BlobKey | None],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[BlobKey]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, BlobKey):
            raise self._wrong("BlobKey", value)

    def _to_base_type(self, value: Any) -> Any:
        return value._blob_key if isinstance(value, BlobKey) else None

    def _from_base_type(self, value: Any) -> Any:
        return BlobKey(value) if isinstance(value, bytes) else None
