"""Properties of text: `StringProperty`, always indexed, and `TextProperty`, never."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from kindstore.values.limits import MAX_INDEXED

from .blobs import MEANING_COMPRESSED, CompressedTextProperty, decompress, too_long
from .options import Compressible, Options
from .property import Property, is_list

T = TypeVar("T")


class TextProperty(Property[T]):
    """Text of any length, never indexed (``indexed=True``: NotImplementedError).

    UTF-8 bytes are accepted, and read back as str once stored.  With ``compressed=True`` it is a
    `CompressedTextProperty`.
    """

    _indexed = False
    _exact = str
    _exact_item = str
    _converts = True

    if not TYPE_CHECKING:

        def __new__(cls, name=None, *, compressed=None, **options):
            """Another class, where it is to be compressed."""
            if compressed:
                return CompressedTextProperty(name, **options)
            return super().__new__(cls)

        def __init__(self, name=None, *, compressed=None, indexed=None, **options):  # noqa: ARG002 - see __new__
            if indexed:
                raise NotImplementedError(
                    "A TextProperty cannot be indexed: use a StringProperty for text of up to 1,500 bytes"
                )
            super().__init__(name, **options)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: TextProperty[list[str]],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Compressible[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: TextProperty[str],
            name: str | None = None,
            *,
            required: Literal[True],
            default: str | None = None,
            **options: Unpack[Compressible[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: TextProperty[str],
            name: str | None = None,
            *,
            default: str,
            required: bool = False,
            **options: Unpack[Compressible[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: TextProperty[str | None],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Compressible[str]],
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
        return value.decode() if isinstance(value, bytes) else None

    def _from_base_type(self, value: Any) -> Any:
        # Old NDB wrote text as blobs, some of it not in UTF-8: that is left as it is.
        if isinstance(value, bytes):
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
        return None

    def _loader(self, meaning: int | None) -> Callable[[Any], Any] | None:
        """Honour the mark of a compressed value although the property is not compressed any more."""
        return self._decompressed if meaning == MEANING_COMPRESSED else super()._loader(meaning)

    def _decompressed(self, value: Any) -> Any:
        if is_list(value):
            return self._decoded([decompress(item) for item in value])
        return self._decoded(decompress(value))


class StringProperty(TextProperty[T]):
    """Text of up to 1,500 bytes in UTF-8, always indexed (``indexed=False``: NotImplementedError)."""

    _indexed = True
    _exact = str
    # A character has at most four bytes: shorter strings need no counting.
    _limit = f"{{len}}({{v}}) <= {MAX_INDEXED // 4}"
    _list_limit = f"{{max}}({{map}}({{len}}, {{v}})) <= {MAX_INDEXED // 4}"
    _converts = True

    if not TYPE_CHECKING:

        def __init__(self, name=None, *, compressed=None, indexed=None, **options):  # noqa: ARG002 - see __new__
            if indexed is False:
                raise NotImplementedError(
                    "A StringProperty is always indexed: use a TextProperty for text without an index"
                )
            super().__init__(name, **options)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: StringProperty[list[str]],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Options[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: StringProperty[str],
            name: str | None = None,
            *,
            required: Literal[True],
            default: str | None = None,
            **options: Unpack[Options[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: StringProperty[str],
            name: str | None = None,
            *,
            default: str,
            required: bool = False,
            **options: Unpack[Options[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: StringProperty[str | None],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[str]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def __set__(self, entity: Any, value: T) -> None:
        if type(value) is self._exact and len(value) <= 375:  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            entity.__dict__[self._code_name] = value
        else:
            self._set_value(entity, value)

    def _operand(self, value: Any) -> Any:
        if type(value) is self._exact and len(value) <= 375:
            return value
        return super()._operand(value)

    def _validate(self, value: Any) -> Any:
        # TextProperty's own check comes after this one, so other types pass here.
        if isinstance(value, str | bytes) and len(value) > MAX_INDEXED // 4:
            size = len(value.encode(errors="surrogatepass") if isinstance(value, str) else value)
            if size > MAX_INDEXED:
                raise too_long(self, size)
