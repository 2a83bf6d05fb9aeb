"""Entities, held as a shape (which columns there are) and a list of values (what is in them).

A kind has few shapes and many entities, so a shape is interned and everything that depends on the columns
alone (how to index them, how to fill a model) is worked out once per shape and looked up by identity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

import msgspec

from .key import Key, Partition


class Shape:
    """The columns of an entity: their names, which are not indexed, and their meanings.  Immutable.

    *names* tuple of str, stored property names in the order of the values; *unindexed* frozenset of names;
    *meanings* tuple of (name, number) pairs, App Engine's type hints (spec/v1.md), sorted by name.
    `Shape.of` interns: equal columns are the same object.
    """

    __slots__ = ("__weakref__", "meanings", "names", "positions", "unindexed")
    names: tuple[str, ...]
    unindexed: frozenset[str]
    meanings: tuple[tuple[str, int], ...]
    positions: dict[str, int]

    _interned: ClassVar[dict[tuple[Any, ...], Shape]] = {}

    @classmethod
    def of(
        cls,
        names: Iterable[str],
        unindexed: Iterable[str] = (),
        meanings: Mapping[str, int] | None = None,
    ) -> Shape:
        """The shape of these columns."""
        key = (tuple(names), frozenset(unindexed), tuple(sorted((meanings or {}).items())))
        found = cls._interned.get(key)
        if found is None:
            found = cls.__new__(cls)
            found.names, found.unindexed, found.meanings = key
            found.positions = {name: at for at, name in enumerate(found.names)}
            cls._interned[key] = found
        return found

    def __repr__(self) -> str:
        columns = (name if name not in self.unindexed else f"{name}*" for name in self.names)
        return f"Shape({', '.join(columns)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Shape.of, (self.names, self.unindexed, dict(self.meanings))


EMPTY = Shape.of(())

R_co = TypeVar("R_co", covariant=True)

Readers: TypeAlias = tuple[tuple[int, Callable[[Any], Any]], ...]
"""Columns, by number, with what makes their values of those that were stored, unless those are None."""

Decode: TypeAlias = Callable[[bytes], tuple[Any, ...]]
"""Makes of a record the values that were stored, and one thing more; raises for one that is not of the types asked for."""

LoadMany: TypeAlias = Callable[
    [Partition | Sequence[Key], Sequence[tuple[Any, ...]], Decode, list[Any]], None
]
"""Adds to a list what the records of rows are made into.  The rows are (path, anything, version, record) of a partition,
or (version, record) of these keys, nulls where there is no such entity, which adds a None.

An error leaves in the list what was made of the rows before.
"""


class Maker(Protocol[R_co]):
    """What stored entities are made into: plain ones (`ENTITIES`), or the objects of a mapper.

    A mapper that makes its own objects right in the store's loop saves an `Entity` and a second key for each.
    """

    @property
    def key_class(self) -> type[Key]:
        """The class of the keys that it wants."""
        ...

    def of(self, shape: Shape) -> Callable[[Key, list[Any], int], R_co]:
        """What makes the result of an entity of *shape*, from its key, values and version."""
        ...

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> tuple[tuple[Any, ...], LoadMany] | None:
        """The same for many entities with values of types that are known, so that it need not look at them; None if it
        always looks.

        The type that each column has to have, once *readers* have been applied, which is left to it: None or exactly
        this one; a ``list[T]`` is there and holds no None; Any is anything.  And what makes the results, of the rows of
        keys if *keyed*; after an error of it the values of the other rows are looked at after all.
        """
        ...


class Entity(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One entity: its key, its shape, the values in the order of the shape, and the version it was read at.

    *key* is None only in an embedded entity without one; *version* is 0 where it was never stored.
    Values: None, bool, int, float, str, bytes, naive UTC datetime, GeoPt, User, Key, Entity, or a list of them.
    """

    key: Key | None
    shape: Shape
    values: list[Any]
    version: int = 0

    @classmethod
    def of(
        cls,
        key: Key | None,
        properties: Mapping[str, Any],
        unindexed: Iterable[str] = (),
        meanings: Mapping[str, int] | None = None,
    ) -> Entity:
        """An entity of a mapping from property name to value."""
        return cls(key, Shape.of(properties, unindexed, meanings), list(properties.values()))

    def __getitem__(self, name: str) -> Any:
        return self.values[self.shape.positions[name]]

    def __contains__(self, name: object) -> bool:
        return name in self.shape.positions

    def __iter__(self) -> Iterator[str]:
        return iter(self.shape.names)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a property, *default* where there is no such property."""
        at = self.shape.positions.get(name)
        return default if at is None else self.values[at]

    def items(self) -> Iterator[tuple[str, Any]]:
        """(name, value) pairs."""
        return zip(self.shape.names, self.values, strict=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entity):
            return NotImplemented
        return (
            self.key == other.key
            and dict(self.items()) == dict(other.items())
            and self.shape.unindexed == other.shape.unindexed
            and self.shape.meanings == other.shape.meanings
        )

    def __ne__(self, other: object) -> bool:
        # A msgspec.Struct made with eq=False answers != by identity, whatever __eq__ says.
        equal = self.__eq__(other)
        return NotImplemented if equal is NotImplemented else not equal

    __hash__ = None  # type: ignore[assignment]


class _Entities:
    key_class: type[Key] = Key

    def of(self, shape: Shape) -> Callable[[Key, list[Any], int], Entity]:
        return lambda key, values, version: Entity(key, shape, values, version)

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> None:
        """See `Maker.typed`."""


ENTITIES: Maker[Entity] = _Entities()
"""Makes plain entities."""
