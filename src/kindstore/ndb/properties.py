"""The properties that hold keys: NDB's have its own `Key`, which can be got."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack, overload

from kindstore.mapper import generic, references
from kindstore.mapper.options import Compressible, Options
from kindstore.ndb.key import Key
from kindstore.values.key import Key as PlainKey

T = TypeVar("T")


class ModelKey(references.PublicModelKey):
    """`Model.key`: the entity's key, None while it has none.

    Its type is ``Key | Any``: checkers know what a key has, and do not ask for a check for None at each use.
    """

    if TYPE_CHECKING:

        @overload
        def __get__(self, entity: None, owner: type[Any]) -> Self: ...
        @overload
        def __get__(self, entity: object, owner: type[Any] | None = None) -> Key | Any: ...
        def __get__(self, entity: object | None, owner: type[Any] | None = None) -> Any: ...


class KeyProperty(references.KeyProperty[T]):
    """The key of another entity, of *kind* (a str or a model class) if given, as an `ndb.Key`."""

    _key_class = Key

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: KeyProperty[list[Key]],
            name: str | type[Any] | None = None,
            other: str | type[Any] | None = None,
            *,
            kind: str | type[Any] | None = None,
            repeated: Literal[True],
            **options: Unpack[Options[PlainKey]],
        ) -> None: ...
        @overload
        def __init__(
            self: KeyProperty[Key],
            name: str | type[Any] | None = None,
            other: str | type[Any] | None = None,
            *,
            kind: str | type[Any] | None = None,
            required: Literal[True],
            default: PlainKey | None = None,
            **options: Unpack[Options[PlainKey]],
        ) -> None: ...
        @overload
        def __init__(
            self: KeyProperty[Key],
            name: str | type[Any] | None = None,
            other: str | type[Any] | None = None,
            *,
            kind: str | type[Any] | None = None,
            default: PlainKey,
            required: bool = False,
            **options: Unpack[Options[PlainKey]],
        ) -> None: ...
        @overload
        def __init__(
            self: KeyProperty[Key | None],
            name: str | type[Any] | None = None,
            other: str | type[Any] | None = None,
            *,
            kind: str | type[Any] | None = None,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[PlainKey]],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...


class GenericProperty(generic.GenericProperty[T]):
    """Any basic value; keys are `ndb.Key`.  Reads as Any, or as it is declared: ``x: GenericProperty[int] = …``."""

    _key_class = Key

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
