"""Unique values: which properties have them, and the markers by which every store can keep them.

A value that is unique has a *marker*: an entity of the kind `MARKERS` whose key name is made of the constraint and
the value, in the partition of the entity that has the value.  Two entities with one value would need the same
marker, and a key is there once.  `claims` writes markers in the commit that writes the entity; docs/unique.md
is their format, which other programs may rely on.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final, TypeGuard

from kindstore.values.entity import Entity, Shape
from kindstore.values.errors import BadValueError, UniqueViolationError
from kindstore.values.key import Key, Partition
from kindstore.values.ordered import pack

MARKERS: Final = "_KindstoreUnique"
"""The kind of markers."""

_SHAPE: Final = Shape.of(("owner", "properties"), ("owner", "properties"))


class Unique:
    """A constraint: in each namespace, *properties* together have other values in every entity of *kind*.

    *properties* are stored names; *names* what the program calls them (default: the same), *owner* the class that
    says so (default: the kind).  An entity in which one of them is missing or None is not bound.
    """

    __slots__ = ("kind", "names", "owner", "prefix", "properties")

    def __init__(
        self,
        kind: str,
        properties: Sequence[str],
        names: Sequence[str] | None = None,
        owner: str | None = None,
    ) -> None:
        self.kind = kind
        self.properties = tuple(properties)
        self.names = tuple(names or properties)
        self.owner = owner or kind
        self.prefix = sha256(b"".join(map(pack, (kind, *self.properties)))).hexdigest()[:32]
        """How the key names of its markers begin."""

    def __repr__(self) -> str:
        return f"Unique({self.path})"

    @property
    def path(self) -> str:
        """What it is about, for people: "User.email", "Seat.room, Seat.number"."""
        return ", ".join(f"{self.owner}.{name}" for name in self.names)

    def marker_key(self, entity: Entity) -> Key | None:
        """The key of the marker for the values of *entity*; None where one of them is missing or None.

        `BadValueError` for a value that has no place in an index: a list, an entity, a long text.
        """
        packed: list[bytes] = []
        for property_name, name in zip(self.properties, self.names, strict=True):
            value = entity.get(property_name)
            if value is None:
                return None
            try:
                packed.append(pack(value))
            except BadValueError as error:
                error.facts.setdefault("path", f"{self.owner}.{name}")
                raise
        assert entity.key is not None
        # Hashed, because a value may be as long as a key name, and several are longer.
        return Key.of(entity.key.partition, (MARKERS, self.prefix + sha256(b"".join(packed)).hexdigest()))

    def stored_marker_key(self, entity: Entity | None) -> Key | None:
        """The same for what is stored: None too for what is not there, or has values that can't be unique."""
        if entity is not None:
            # Programs that know of no constraint may have written anything.
            with suppress(BadValueError):
                return self.marker_key(entity)
        return None

    def marker(self, key: Key, owner: Key) -> Entity:
        """The marker *key*, which says that the entity *owner* has the values."""
        return Entity(key, _SHAPE, [owner, list(self.properties)])

    def first_and_last(self, partition: Partition) -> tuple[Key, Key]:
        """Between which keys its markers in *partition* are."""
        return Key.of(partition, (MARKERS, self.prefix)), Key.of(partition, (MARKERS, f"{self.prefix}g"))

    def value_of(self, entity: Entity) -> Any:
        """The value of *entity*; of several properties the tuple of their values."""
        values = tuple(entity.get(name) for name in self.properties)
        return values[0] if len(values) == 1 else values

    def violation(self, entity: Entity, existing: Key) -> UniqueViolationError:
        """The error of *entity*, whose values are those of *existing*."""
        return UniqueViolationError(
            "another entity has this value",
            path=self.path,
            property=self.names[0] if len(self.names) == 1 else self.names,
            value=self.value_of(entity),
            key=existing,
            hint="Choose another value, or change or delete that entity first.",
        )


def owner_of(marker: Entity) -> Key | None:
    """The entity that *marker* says has the value; None if it says nothing of the kind."""
    owner = marker.get("owner")
    return owner if isinstance(owner, Key) else None


class Uniques(dict[tuple[str, ...], Unique]):
    """The constraints of a kind, by stored names; one object for all classes of the kind that inherit each other."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind


def uniques_of(cls: Any, kind: str) -> Uniques:
    """The constraints of *kind*, those that the model class *cls* declares among them.

    TypeError for a property that can't be unique, and for a name in ``unique_together`` that is none of its
    properties.
    """
    bases: tuple[type[Any], ...] = cls.__mro__
    known = (vars(base).get("_unique") for base in bases)
    found = next((each for each in known if isinstance(each, Uniques) and each.kind == kind), None)
    found = Uniques(kind) if found is None else found
    for prop in cls._properties.values():
        structure = getattr(prop, "_model_class", None)
        if structure is not None and structure._unique:
            raise TypeError(
                f"{cls.__name__}.{prop._code_name} is a structure of {structure.__name__}, whose unique properties "
                "would not be unique there: make a class of its own for it"
            )
    singles = [(prop._code_name,) for prop in cls._properties.values() if prop._unique]
    for names in (*singles, *_together(cls)):
        properties = tuple(_checked(cls, name) for name in names)
        found.setdefault(properties, Unique(kind, properties, names, cls.__name__))
    return found


def _together(cls: Any) -> list[tuple[str, ...]]:
    """What the class says in ``unique_together``, or in ``_unique_together``: groups of code names."""
    given: Any = cls._unique_together or getattr(cls, "unique_together", ())
    if not _is_group(given):
        return []  # a property of that name
    groups = [given] if given and all(isinstance(each, str) for each in given) else given
    found: list[tuple[str, ...]] = []
    for group in groups:
        if not _is_group(group) or not group or not all(isinstance(each, str) for each in group):
            raise TypeError(
                f"{cls.__name__}.unique_together takes tuples of property names; received {group!r}"
            )
        if len(set(group)) < len(group):
            raise TypeError(f"{cls.__name__}.unique_together names a property twice: {group!r}")
        found.append(tuple(group))
    return found


def _is_group(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _checked(cls: Any, name: str) -> str:
    """The stored name of the property with the code name *name*, which can be unique."""
    prop = next((each for each in cls._properties.values() if each._code_name == name), None)
    if prop is None:
        if cls._dynamic:
            return name
        raise TypeError(f"{cls.__name__}.unique_together: there is no property {name!r}")
    reason = ""
    if prop._repeated:
        reason = "it is repeated"
    elif hasattr(prop, "_model_class"):
        reason = "it is a structure"
    elif not prop._indexed:
        reason = "it is not indexed"
    if reason:
        raise TypeError(f"{cls.__name__}.{name} can't be unique: {reason}")
    return str(prop._name)
