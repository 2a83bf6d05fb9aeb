"""`GenericProperty`: any basic value; what an Expando makes of an attribute that no property describes."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import datetime as dt
import zlib
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from kindstore.values.key import Key
from kindstore.values.limits import MAX_INDEXED
from kindstore.values.record import check_value

from .blob_key import BlobKey
from .blobs import MEANING_COMPRESSED, decompress, too_long
from .options import Compressible
from .property import Property
from .references import key_of_class

T = TypeVar("T")


class GenericProperty(Property[T]):
    """Any basic value.  ``compressed=True`` compresses bytes, and needs ``indexed=False`` (its default then)."""

    _options = ("compressed",)
    _compressed: bool = False
    _converts = True
    _key_class: type[Key] = Key
    """What a key is for users; a face's own subclass."""

    if TYPE_CHECKING:

        def __init__(
            self: GenericProperty[Any],
            name: str | None = None,
            *,
            required: bool | None = None,
            repeated: bool | None = None,
            default: Any = None,
            **options: Unpack[Compressible[Any]],
        ) -> None: ...

    else:

        def __init__(self, name=None, *, compressed=False, indexed=None, **options):
            if compressed:
                if indexed:
                    raise NotImplementedError(
                        f"{type(self).__name__} {name} cannot be compressed and indexed at the same time."
                    )
                indexed = False
                self._compressed = True
                self._meaning = MEANING_COMPRESSED
            super().__init__(name, indexed=indexed, **options)

    def _validate(self, value: Any) -> Any:
        if self._indexed and isinstance(value, str | bytes) and len(value) > MAX_INDEXED // 4:
            size = len(value.encode(errors="surrogatepass") if isinstance(value, str) else value)
            if size > MAX_INDEXED:
                raise too_long(self, size)

    def _to_base_type(self, value: Any) -> Any:
        if self._compressed and isinstance(value, bytes):
            return zlib.compress(value)
        if isinstance(value, BlobKey):
            return value._blob_key
        if isinstance(value, dt.datetime) and value.tzinfo is not None:
            return value.astimezone(dt.UTC).replace(tzinfo=None)
        if isinstance(value, list):
            raise self._wrong("one value (a list needs repeated=True)", value)
        check_value(self._path(), value)
        return None

    def _from_base_type(self, value: Any) -> Any:
        if isinstance(value, Key):
            return key_of_class(value, self._key_class)
        return decompress(value) if self._compressed else None
