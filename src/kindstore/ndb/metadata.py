"""`ndb.metadata`: which namespaces, kinds and properties there are, and versions of entity groups (docs/metadata.md).

`get_namespaces`, `get_kinds`, `get_properties_of_kind`, `get_representations_of_kind` and `get_entity_group_version`
answer with plain values; the classes are models of what the store says of itself, for queries with cursors and the
like.  All but `get_namespaces` are about the current namespace.  What the queries allow is little: comparisons of
keys and their order, no transaction; `BadQueryError` says what.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

from kindstore.mapper.scalar import IntegerProperty
from kindstore.mapper.text import StringProperty
from kindstore.ndb.exceptions import NoLongerImplementedError
from kindstore.ndb.key import Key
from kindstore.ndb.model import Model
from kindstore.ndb.query import Query
from kindstore.store import metadata as law
from kindstore.values.key import Key as PlainKey

__all__ = [
    "EntityGroup",
    "Kind",
    "Namespace",
    "Property",
    "get_entity_group_version",
    "get_kinds",
    "get_namespaces",
    "get_properties_of_kind",
    "get_representations_of_kind",
]


def __dir__() -> list[str]:
    return __all__


class _BaseMetadata(Model):
    """What the metadata models share; not to be instantiated (TypeError)."""

    _use_cache = False
    _use_global_cache = False
    KIND_NAME: ClassVar[str] = ""

    def __new__(cls, *_args: Any, **_values: Any) -> Self:
        """Refuse the base class."""
        if cls is _BaseMetadata:
            raise TypeError("This base class cannot be instantiated")
        return super().__new__(cls)

    @classmethod
    def _get_kind(cls) -> str:
        return cls.KIND_NAME


class Namespace(_BaseMetadata):
    """A namespace in which there is an entity."""

    KIND_NAME = law.NAMESPACE
    EMPTY_NAMESPACE_ID: Final = law.DEFAULT_NAMESPACE_ID

    @property
    def namespace_name(self) -> str:
        """Its name; "" for the default one."""
        return self.key_to_namespace(self.key)

    @classmethod
    def key_for_namespace(cls, namespace: str | None) -> Key:
        """The key of a namespace; None and "" are the default one."""
        return Key(cls.KIND_NAME, namespace or cls.EMPTY_NAMESPACE_ID)

    @classmethod
    def key_to_namespace(cls, key: Key) -> str:
        """The name of the namespace with this key."""
        return key.string_id() or ""


class Kind(_BaseMetadata):
    """A kind of which there is an entity in the namespace."""

    KIND_NAME = law.KIND

    @property
    def kind_name(self) -> str:
        """Its name."""
        return self.key_to_kind(self.key)

    @classmethod
    def key_for_kind(cls, kind: str) -> Key:
        """The key of a kind."""
        return Key(cls.KIND_NAME, kind)

    @classmethod
    def key_to_kind(cls, key: Key) -> str:
        """The name of the kind with this key."""
        return str(key.id())


class Property(_BaseMetadata):
    """A property of a kind by which some entity of it can be found."""

    KIND_NAME = law.PROPERTY

    property_representation = StringProperty(repeated=True)
    """The types of its values: NULL INT64 BOOLEAN STRING DOUBLE POINT USER REFERENCE, those that occur."""

    @property
    def property_name(self) -> str:
        """Its name; with dots where it is inside of another one."""
        return self.key_to_property(self.key) or ""

    @property
    def kind_name(self) -> str:
        """The name of its kind."""
        return self.key_to_kind(self.key)

    @classmethod
    def key_for_kind(cls, kind: str) -> Key:
        """The key above those of all properties of a kind."""
        return Key(Kind.KIND_NAME, kind)

    @classmethod
    def key_for_property(cls, kind: str, property: str) -> Key:  # noqa: A002 - ndb's name
        """The key of a property."""
        return Key(Kind.KIND_NAME, kind, cls.KIND_NAME, property)

    @classmethod
    def key_to_kind(cls, key: Key) -> str:
        """The name of the kind in the key of a property, or of a kind."""
        return str(key.path[1])

    @classmethod
    def key_to_property(cls, key: Key) -> str | None:
        """The name of the property in its key; None in the key of a kind."""
        return None if key.kind() == Kind.KIND_NAME else str(key.id())


class EntityGroup(_BaseMetadata):
    """An entity group: what there is below one root.  Looked up by key, never queried, nor made by hand."""

    def __new__(cls, *_args: Any, **_values: Any) -> Self:
        """Refuse: `NoLongerImplementedError`."""
        raise NoLongerImplementedError

    KIND_NAME = law.ENTITY_GROUP
    ID: Final = 1

    version = IntegerProperty(name="__version__")
    """Greater after every commit that changes the group."""

    @classmethod
    def key_for_entity_group(cls, key: PlainKey) -> Key:
        """The key for the group that *key* belongs to."""
        return Key.of(key.partition, (*key.path[:2], cls.KIND_NAME, cls.ID))


def get_entity_group_version(key: PlainKey) -> int | None:
    """The version of the entity group of *key*: it grows with every commit that changes the group.

    None if nothing was ever written to it.  In a transaction, that of its snapshot, and the transaction conflicts if
    the group changes before it commits.
    """
    group = EntityGroup.key_for_entity_group(key).get()
    return group.version if isinstance(group, EntityGroup) else None


def get_namespaces(start: str | None = None, end: str | None = None) -> list[str]:
    """The names of all namespaces, *start* <= name < *end* where given, in order; the default one is ""."""
    query = Namespace.query()
    if start is not None:
        query = query.filter(Namespace.key >= Namespace.key_for_namespace(start))
    if end is not None:
        query = query.filter(Namespace.key < Namespace.key_for_namespace(end))
    return [each.namespace_name for each in query.fetch()]


def get_kinds(start: str | None = None, end: str | None = None) -> list[str]:
    """The kinds of the current namespace, *start* <= kind < *end* where given, in order."""
    if end == "":
        return []
    query = Kind.query()
    if start:
        query = query.filter(Kind.key >= Kind.key_for_kind(start))
    if end is not None:
        query = query.filter(Kind.key < Kind.key_for_kind(end))
    return [each.kind_name for each in query.fetch()]


def get_properties_of_kind(kind: str, start: str | None = None, end: str | None = None) -> list[str]:
    """The indexed properties of *kind*, *start* <= property < *end* where given, in order."""
    query = _properties(kind, start, end)
    if query is None:
        return []
    return [Property.key_to_property(key) or "" for key in query.fetch(keys_only=True)]


def get_representations_of_kind(
    kind: str, start: str | None = None, end: str | None = None
) -> dict[str, list[str]]:
    """What `get_properties_of_kind` lists, each with the types of its values."""
    query = _properties(kind, start, end)
    if query is None:
        return {}
    return {each.property_name: each.property_representation for each in query.fetch()}


def _properties(kind: str, start: str | None, end: str | None) -> Query[Property] | None:
    """The query for these properties; None where there can't be any."""
    if end == "":
        return None
    query = Property.query(ancestor=Property.key_for_kind(kind))
    if start:
        query = query.filter(Property.key >= Property.key_for_property(kind, start))
    if end is not None:
        query = query.filter(Property.key < Property.key_for_property(kind, end))
    return query
