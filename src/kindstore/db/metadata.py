"""`db.metadata`: which namespaces, kinds and properties there are, and versions of entity groups (docs/metadata.md)."""

from __future__ import annotations

from typing import Any, ClassVar, Final, TypeVar

from kindstore.db.key import Key
from kindstore.db.lists import StringListProperty
from kindstore.db.model import Model
from kindstore.db.operations import get
from kindstore.db.property import IntegerProperty
from kindstore.store import metadata as law

M = TypeVar("M", bound="BaseMetadata")


class BaseMetadata(Model):
    """What the models of metadata share."""

    KIND_NAME: ClassVar[str] = "__BaseMetadata__"

    @classmethod
    def kind(cls) -> str:
        """The kind that the store has for it."""
        return cls.KIND_NAME


class Namespace(BaseMetadata):
    """A namespace in which there is an entity."""

    KIND_NAME = law.NAMESPACE
    EMPTY_NAMESPACE_ID: Final = law.DEFAULT_NAMESPACE_ID

    @property
    def namespace_name(self) -> str:
        """Its name; "" for the default one."""
        return self.key_to_namespace(self.key())

    @classmethod
    def key_for_namespace(cls, namespace: str | None) -> Key:
        """The key of a namespace; None and "" are the default one."""
        return Key.from_path(cls.KIND_NAME, namespace or cls.EMPTY_NAMESPACE_ID)

    @classmethod
    def key_to_namespace(cls, key: Key) -> str:
        """The name of the namespace with this key."""
        return key.name() or ""


class Kind(BaseMetadata):
    """A kind of which there is an entity in the namespace."""

    KIND_NAME = law.KIND

    @property
    def kind_name(self) -> str:
        """Its name."""
        return self.key_to_kind(self.key())

    @classmethod
    def key_for_kind(cls, kind: str) -> Key:
        """The key of a kind."""
        return Key.from_path(cls.KIND_NAME, kind)

    @classmethod
    def key_to_kind(cls, key: Key) -> str:
        """The name of the kind with this key."""
        return key.name() or ""


class Property(BaseMetadata):
    """A property of a kind by which some entity of it can be found."""

    KIND_NAME = law.PROPERTY

    property_representation = StringListProperty()
    """The types of its values: NULL INT64 BOOLEAN STRING DOUBLE POINT USER REFERENCE, those that occur."""

    @property
    def property_name(self) -> str | None:
        """Its name."""
        return self.key_to_property(self.key())

    @property
    def kind_name(self) -> str:
        """The name of its kind."""
        return self.key_to_kind(self.key())

    @classmethod
    def key_for_kind(cls, kind: str) -> Key:
        """The key above those of the properties of a kind."""
        return Key.from_path(Kind.KIND_NAME, kind)

    @classmethod
    def key_for_property(cls, kind: str, property: str) -> Key:  # noqa: A002 - db's name
        """The key of a property of a kind."""
        return Key.from_path(Kind.KIND_NAME, kind, Property.KIND_NAME, property)

    @classmethod
    def key_to_kind(cls, key: Key) -> str:
        """The name of the kind, of its key or that of one of its properties."""
        return str(key.path[1])

    @classmethod
    def key_to_property(cls, key: Key) -> str | None:
        """The name of the property with this key; None for the key of a kind."""
        return None if key.kind() == Kind.KIND_NAME else key.name()


class EntityGroup(BaseMetadata):
    """The version of an entity group."""

    KIND_NAME = law.ENTITY_GROUP
    ID: Final = 1

    version = IntegerProperty(name="__version__")
    """A number that grows with every commit to the group."""

    @classmethod
    def key_for_entity(cls, entity_or_key: Model | Key) -> Key:
        """The key of the version of the group of an instance or key."""
        key = entity_or_key.key() if isinstance(entity_or_key, Model) else entity_or_key
        return Key.from_path(cls.KIND_NAME, cls.ID, parent=key.entity_group())


def _between(model: type[M], start: Key | None, end: Key | None, ancestor: Key | None = None) -> list[Any]:
    query = model.all()
    if ancestor is not None:
        query.ancestor(ancestor)
    if start is not None:
        query.filter("__key__ >=", start)
    if end is not None:
        query.filter("__key__ <", end)
    return query.fetch(None)


def get_namespaces(start: str | None = None, end: str | None = None) -> list[str]:
    """The namespaces in which there is an entity, from *start* to before *end*."""
    keys = [None if name is None else Namespace.key_for_namespace(name) for name in (start, end)]
    return [each.namespace_name for each in _between(Namespace, keys[0], keys[1])]


def get_kinds(start: str | None = None, end: str | None = None) -> list[str]:
    """The kinds of which there is an entity in the current namespace, from *start* to before *end*."""
    if end == "":
        return []
    keys = [Kind.key_for_kind(name) if name else None for name in (start, end)]
    return [each.kind_name for each in _between(Kind, keys[0], keys[1])]


def get_properties_of_kind(kind: str, start: str | None = None, end: str | None = None) -> list[str]:
    """The indexed properties of a kind, from *start* to before *end*."""
    return list(get_representations_of_kind(kind, start, end))


def get_representations_of_kind(
    kind: str, start: str | None = None, end: str | None = None
) -> dict[str, list[str]]:
    """The indexed properties of a kind, from *start* to before *end*, with the types of their values."""
    if end == "":
        return {}
    keys = [Property.key_for_property(kind, name) if name else None for name in (start, end)]
    found = _between(Property, keys[0], keys[1], Property.key_for_kind(kind))
    return {each.property_name: each.property_representation for each in found}


def get_entity_group_version(entity_or_key: Model | Key) -> int | None:
    """The version of the entity group of an instance or key; None if nothing was ever written in it."""
    found = get(EntityGroup.key_for_entity(entity_or_key))
    return None if found is None else found.version
