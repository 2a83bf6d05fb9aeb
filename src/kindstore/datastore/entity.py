"""`Entity`: a dict of properties with a key, and what the store makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from kindstore.values.entity import Entity as PlainEntity
from kindstore.values.entity import Readers, Shape
from kindstore.values.errors import BadArgumentError, BadKeyError, BadValueError
from kindstore.values.key import Key as PlainKey
from kindstore.values.types import GeoPt

from .key import Key

GeoPoint = GeoPt
"""google-cloud-datastore's name for a point on the earth."""


class Entity(dict[str, Any]):
    """The properties of an entity, by name, and its *key*; the names in *exclude_from_indexes* are not indexed.

    Values: None, bool, int, float, str, bytes, datetime, `Key`, `GeoPoint`, `Entity` or dict, and lists of these.  A
    datetime without a time zone is taken for UTC, and all are read in UTC.
    """

    def __init__(self, key: Key | None = None, exclude_from_indexes: Iterable[str] = ()) -> None:
        super().__init__()
        if isinstance(exclude_from_indexes, str):
            raise BadArgumentError(
                "exclude_from_indexes is a sequence of names", received=exclude_from_indexes
            )
        self.key = key
        self.exclude_from_indexes = set(exclude_from_indexes)
        self._meanings: dict[str, tuple[int, Any]] = {}

    @property
    def kind(self) -> str | None:
        """The kind of the key; None without one."""
        return self.key.kind if self.key else None

    @property
    def id(self) -> int | None:
        """The number in the key; None if there is none."""
        return self.key.id if self.key else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entity):
            return NotImplemented
        return (
            self.key == other.key
            and self.exclude_from_indexes == other.exclude_from_indexes
            and self._meanings == other._meanings
            and super().__eq__(other)
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        properties = super().__repr__()
        return f"<Entity{self.key.flat_path} {properties}>" if self.key else f"<Entity {properties}>"


def to_plain(entity: Entity) -> PlainEntity:
    """The entity to write; `BadValueError`, with the path, for a value of a type that can't be stored."""
    key = None if entity.key is None else entity.key.plain
    meanings = {
        name: meaning
        for name, (meaning, value) in entity._meanings.items()  # pyright: ignore[reportPrivateUsage]
        if name in entity and entity[name] is value
    }
    values = {name: value_to_plain(value, name) for name, value in entity.items()}
    return PlainEntity.of(key, values, entity.exclude_from_indexes & entity.keys(), meanings)


def value_to_plain(value: Any, path: str) -> Any:
    """The store's form of *value*; *path* is for the error."""
    kind = value.__class__
    if kind in _AS_IT_IS:
        return value
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, Key):
        if value.is_partial:
            raise BadKeyError("a key that is a value has to be complete", path=path, key=value)
        return value.plain
    if isinstance(value, Entity):
        return to_plain(value)
    if isinstance(value, Mapping):
        embedded = Entity()
        embedded.update(cast("Mapping[str, Any]", value))
        return to_plain(embedded)
    if isinstance(value, list | tuple):
        return [value_to_plain(each, f"{path}[{at}]") for at, each in enumerate(cast("list[Any]", value))]
    # Subclasses, enumerations of numbers or words among them.
    plain: Any
    for plain in (int, float, str, bytes):
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, GeoPt):
        return value
    raise BadValueError("a value of this type can't be stored", path=path, type=kind.__name__)


_AS_IT_IS = frozenset({type(None), bool, int, float, str, bytes, GeoPt})


def from_plain(key: PlainKey | None, shape: Shape, values: list[Any]) -> Entity:
    """The entity of what is stored."""
    entity = Entity(None if key is None else Key.of(key))
    entity.exclude_from_indexes = set(shape.unindexed)
    for name, value in zip(shape.names, values, strict=True):
        entity[name] = value_from_plain(value)
    for name, meaning in shape.meanings:
        entity._meanings[name] = meaning, entity[name]  # pyright: ignore[reportPrivateUsage]
    return entity


def value_from_plain(value: Any) -> Any:
    """The value as programs get it."""
    kind = value.__class__
    if kind is datetime:
        return value.replace(tzinfo=UTC)
    if kind is list:
        return [value_from_plain(each) for each in value]
    if isinstance(value, PlainKey):
        return Key.of(value)
    if kind is PlainEntity:
        return from_plain(value.key, value.shape, value.values)
    return value


class _Entities:
    """Makes entities of what is stored (`values.entity.Maker`)."""

    key_class: type[PlainKey] = PlainKey

    def of(self, shape: Shape) -> Callable[[PlainKey, list[Any], int], Entity]:
        return lambda key, values, version: from_plain(key, shape, values)

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> None:
        """See `Maker.typed`."""


class _Projected(_Entities):
    """The same for a projection, whose strings come as their bytes: an index does not tell one from the other."""

    def of(self, shape: Shape) -> Callable[[PlainKey, list[Any], int], Entity]:
        return lambda key, values, version: from_plain(key, shape, [_text(value) for value in values])


def _text(value: Any) -> Any:
    if value.__class__ is bytes:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value


ENTITIES = _Entities()
PROJECTED = _Projected()
