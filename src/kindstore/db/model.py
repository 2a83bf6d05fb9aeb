"""`db.Model`: classes of properties, whose instances are entities.

An instance keeps the value of each property under its stored name with an underscore in front, and everything else
about itself in one `_State`, so that no property can get in its way.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any, ClassVar, Final, Self, cast

from kindstore.db import values
from kindstore.db.errors import (
    BadArgumentError,
    BadKeyError,
    BadValueError,
    DerivedPropertyError,
    DuplicatePropertyError,
    KindError,
    NotSavedError,
    ReservedWordError,
)
from kindstore.db.gql import GqlQuery
from kindstore.db.key import Key, place
from kindstore.db.kinds import RESERVED, Instance, Projected, each, kind_map
from kindstore.db.operations import delete, get, put
from kindstore.db.property import AUTO_UPDATE_UNCHANGED, Property
from kindstore.db.query import Query
from kindstore.db.strings import typename
from kindstore.db.transactions import run_in_transaction
from kindstore.mapper.property import is_list
from kindstore.mapper.row import Row
from kindstore.values.entity import Entity
from kindstore.values.key import Key as PlainKey
from kindstore.values.key import Partition

_RESERVED_WORDS: Final = frozenset({"key_name"})


class PropertiedClass(type):
    """The class of model classes: learns the properties, and which class a kind has.

    `DuplicatePropertyError` for one name twice, `ReservedWordError` for one that models need themselves.
    """

    def __init__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], map_kind: bool = True
    ) -> None:
        super().__init__(name, bases, namespace)
        model: Any = cls
        model._properties = _inherited(bases)
        for attribute, prop in namespace.items():
            if isinstance(prop, Property):
                check_reserved_word(attribute)
                if attribute in model._properties:
                    raise DuplicatePropertyError(f"Duplicate property: {attribute}")
                model._properties[attribute] = prop
                prop.__property_config__(cls, attribute)
        properties = model._properties.values()
        model._all_properties = frozenset(prop.name for prop in properties)
        model._unindexed_properties = frozenset(prop.name for prop in properties if not prop.indexed)
        if map_kind:
            kind_map[model.kind()] = model


def _inherited(bases: tuple[type, ...]) -> dict[str, Property]:
    found: dict[str, Property] = {}
    for base in bases:
        known: dict[str, Property] = getattr(base, "_properties", {})
        for name, prop in known.items():
            if found.setdefault(name, prop) is not prop:
                first, second = (each.model_class.__name__ for each in (found[name], prop))
                raise DuplicatePropertyError(
                    f"Duplicate property, {name}, is inherited from both {first} and {second}."
                )
    return found


def check_reserved_word(attr_name: str) -> None:
    """`ReservedWordError` for a name that no property of a model may have."""
    if RESERVED.match(attr_name):
        raise ReservedWordError(
            "Cannot define property.  All names both beginning and ending with '__' are reserved."
        )
    if attr_name in _RESERVED_WORDS or _is_attribute(attr_name):
        raise ReservedWordError(
            f"Cannot define property using reserved word '{attr_name}'. If you would like to use this name in the "
            f"datastore consider using a different name like {attr_name}_ and adding name='{attr_name}' to the "
            "parameter list of the property definition."
        )


def _is_attribute(name: str) -> bool:
    """Whether `Model` has an attribute of this name; false while it is being made."""
    model: Any = globals().get("Model")
    return model is not None and any(name in vars(cls) for cls in model.__mro__)


class _State:
    """What an instance is besides its values.

    *stored*: the entity as it was read or written last, None if it never was.  *key*, *name*, *parent_key*: what the
    constructor was given; *parent*: the instance, where it is known.  *deleted*: the properties that were deleted.
    """

    __slots__ = ("deleted", "key", "name", "parent", "parent_key", "partition", "stored")

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.stored: Entity | None = None
        self.key: Key | None = None
        self.name: str | None = None
        self.parent: Any = None
        self.parent_key: Key | None = None
        self.deleted: frozenset[str] = frozenset()


class Model(Instance, metaclass=PropertiedClass):
    """A kind of entity: its attributes that are properties are stored.

    The constructor takes *parent* (an instance or key) and *key_name*, or *key*; and values of properties by their
    stored names.  Other names count for nothing.  `BadKeyError` for a key of another kind or an empty name,
    `BadArgumentError` for a *key* that contradicts the others, `BadValueError` for a bad value and for a parent without
    a key, TypeError for a parent or key that is none.
    """

    _write_empty_list: ClassVar[bool] = False
    _kindstore: _State

    def __init__(
        self,
        parent: Any = None,
        key_name: str | None = None,
        _app: Any = None,
        _from_entity: Any = False,
        **kwds: Any,
    ) -> None:
        stored = _from_entity if isinstance(_from_entity, Entity) else None
        vars(self)["_kindstore"] = self._state(parent, key_name, _app, kwds.get("key"), stored)
        projected = isinstance(stored, Projected)
        for prop in self._properties.values():
            if prop.name in kwds:
                value = kwds[prop.name]
            elif projected:
                continue
            else:
                value = prop.default_value()
            try:
                prop.__set__(self, value)
            except DerivedPropertyError:
                # What a computed property was, is no matter; to set it, is.
                if prop.name in kwds and stored is None:
                    raise

    def _state(self, parent: Any, key_name: Any, app: Any, key: Any, stored: Entity | None) -> _State:
        if stored is not None:
            assert stored.key is not None
            state = _State(stored.key.partition)
            state.stored = stored
            return state
        if key is not None:
            key = self._given_key(key, key_name, parent)
            state = _State(key.partition)
            state.key = key
            return state
        if key_name == "":
            raise BadKeyError("Name cannot be empty.")
        if key_name is not None and not isinstance(key_name, str):
            raise BadKeyError(f"Name must be string type, not {typename(key_name)}")
        if parent is None:
            state = _State(place(app))
        else:
            above = _parent_key(parent)
            state = _State(above.partition)
            state.parent_key = above
            state.parent = parent if isinstance(parent, Model) else None
        state.name = key_name
        return state

    def _given_key(self, key: Any, key_name: Any, parent: Any) -> Key:
        if isinstance(key, tuple | list):
            key = Key.from_path(*cast("list[Any]", key))
        elif isinstance(key, str):
            key = Key(key)
        if not isinstance(key, PlainKey):
            raise TypeError(f"Expected Key type; received {key} (is {typename(key)})")
        key = own = Key.like(key)
        if not key.has_id_or_name():
            raise BadKeyError("Key must have an id or name")
        if key.kind() != self.kind():
            raise BadKeyError(f"Expected Key kind to be {self.kind()}; received {key.kind()}")
        if key_name and key_name != key.name():
            raise BadArgumentError("Cannot use key and key_name at the same time with different values")
        if parent and (parent.key() if isinstance(parent, Model) else parent) != key.parent():
            raise BadArgumentError("Cannot use key and parent at the same time with different values")
        return own

    # What properties keep in it.

    def _keep(self, prop: Property, attribute: str, value: Any) -> None:
        vars(self)[attribute] = value
        state = self._kindstore
        if state.deleted:
            state.deleted -= {prop.name}

    def _drop(self, prop: Property, attribute: str) -> None:
        vars(self).pop(attribute, None)
        self._kindstore.deleted |= {prop.name}

    # What it is.

    def key(self) -> Key:
        """Its key; `NotSavedError` if that is not complete yet."""
        key = self._key_to_write()
        if not key.is_complete:
            raise NotSavedError
        return key

    def _key_to_write(self) -> Key:
        """The key to put it under; incomplete if it is to get an id."""
        state = self._kindstore
        if state.stored is not None:
            return Key.like(state.stored.key)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        if state.key is None:
            above = () if state.parent_key is None else state.parent_key.path
            made = Key.of(state.partition, (*above, self.kind(), state.name))
            if state.name is None:
                return made
            state.key = made
        return state.key

    def is_saved(self) -> bool:
        """Whether it was put, or read, and not deleted since."""
        return self._kindstore.stored is not None

    def has_key(self) -> bool:
        """Whether it has a complete key."""
        state = self._kindstore
        return state.stored is not None or state.key is not None or bool(state.name)

    def parent_key(self) -> Key | None:
        """The key of its parent; None for a root."""
        state = self._kindstore
        return self._key_to_write().parent() if state.parent_key is None else state.parent_key

    def parent(self) -> Any:
        """Its parent, which is read if it is not known; None for a root, and if there is no such entity."""
        state = self._kindstore
        if state.parent is None:
            above = self.parent_key()
            if above is not None:
                state.parent = get(above)
        return state.parent

    def dynamic_properties(self) -> list[str]:
        """The names of the properties that its class does not declare."""
        return []

    def instance_properties(self) -> list[str]:
        """The same under an older name."""
        return self.dynamic_properties()

    def _is_projection(self) -> bool:
        return isinstance(self._kindstore.stored, Projected)

    # Storing.

    def _to_entity(self, entity: Any) -> None:
        """Put what is stored of it into the mapping *entity*."""
        deleted = self._kindstore.deleted
        for prop in self._properties.values():
            if prop.name in deleted:
                entity.pop(prop.name, None)
            else:
                _enter(entity, prop, prop.get_value_for_datastore(self))

    def _to_write(self) -> Entity:
        """The entity that a put writes; `BadValueError` for what can't be stored."""
        columns: dict[str, Any] = {}
        self._to_entity(columns)
        for prop in self._properties.values():
            updated = prop.get_updated_value_for_datastore(self)
            if updated is not AUTO_UPDATE_UNCHANGED:
                _enter(columns, prop, updated)
        row = Row()
        unindexed = self._unindexed_properties
        for name, value in columns.items():
            plain, indexed, meaning = values.stored(name, value)
            row.add(name, plain, indexed and name not in unindexed, meaning)
        self._add_unknown(row)
        return row.entity(self._key_to_write())

    def _add_unknown(self, row: Row) -> None:
        """Keep what was read and no property describes."""
        stored = self._kindstore.stored
        if stored is None:
            return
        meanings = dict(stored.shape.meanings)
        for name, value in stored.items():
            if name not in self._all_properties:
                row.add(name, value, name not in stored.shape.unindexed, meanings.get(name))

    def _has_been_written(self, entity: Entity) -> None:
        state = self._kindstore
        state.stored, state.key, state.name = entity, None, None

    def put(self, **options: Any) -> Key:
        """Write it; the result is its key.  In a transaction it is written when that is committed."""
        key: Key = put(self, **options)
        return key

    save = put

    def delete(self, **options: Any) -> None:
        """Remove its entity; it keeps its key."""
        key = self.key()
        delete(key, **options)
        state = self._kindstore
        state.stored, state.key, state.name, state.parent_key = None, key, None, None

    def to_xml(self) -> str:
        """The entity in the XML of App Engine."""
        columns: dict[str, Any] = {}
        self._to_entity(columns)
        return values.entity_xml(self.kind(), self._key_to_write(), columns)

    # Reading.

    @classmethod
    def _load_entity_values(cls, entity: Entity) -> dict[str, Any]:
        """The arguments of the constructor for what is stored in *entity*."""
        found: dict[str, Any] = {}
        shape = entity.shape
        meanings = dict(shape.meanings) if shape.meanings else {}
        projected = isinstance(entity, Projected)
        for prop in cls._properties.values():
            at = shape.positions.get(prop.name)
            if at is None:
                continue
            value = entity.values[at]
            if projected:
                found[prop.name] = prop.make_value_from_datastore_index_value(value)
            else:
                # What a class declares is what it says; only what is not declared is a Text for being unindexed.
                value = values.loaded(value, True, meanings.get(prop.name))
                found[prop.name] = prop.make_value_from_datastore(value)
        return found

    @classmethod
    def from_entity(cls, entity: Entity) -> Self:
        """The instance of a stored entity; `KindError` if that is of another kind."""
        assert entity.key is not None
        kind = entity.key.path[-2]
        if cls.kind() != kind:
            raise KindError(f"Class {cls!r} cannot handle kind '{kind}'")
        return cls(None, _from_entity=entity, **cls._load_entity_values(entity))

    @classmethod
    def get(cls, keys: Any, **options: Any) -> Any:
        """`db.get`, for this class; `KindError` for an entity of another one."""
        found: Any = get(keys, **options)
        for instance in found if is_list(found) else [found]:
            if instance is not None and not isinstance(instance, cls):
                raise KindError(f"Kind {instance.kind()!r} is not a subclass of kind {cls.kind()!r}")
        return found

    @classmethod
    def get_by_key_name(cls, key_names: Any, parent: Any = None, **options: Any) -> Any:
        """The entity of a name, or of each of several; None where there is none."""
        return cls._get_by(key_names, str, parent, options)

    @classmethod
    def get_by_id(cls, ids: Any, parent: Any = None, **options: Any) -> Any:
        """The entity of an id, or of each of several; None where there is none."""
        return cls._get_by(ids, int, parent, options)

    @classmethod
    def _get_by(cls, ids: Any, form: type, parent: Any, options: dict[str, Any]) -> Any:
        listed, several = each(ids, (form,))
        above = None if parent is None else Key(parent) if isinstance(parent, str) else parent
        above = above.key() if isinstance(above, Model) else above
        keys = [Key.from_path(cls.kind(), each, parent=above) for each in listed]
        return get(keys if several else keys[0], **options)

    @classmethod
    def get_or_insert(cls, key_name: str, **kwds: Any) -> Self:
        """The entity called *key_name*; if there is none, a new one of these values, in a transaction."""

        def find_or_put() -> Any:
            found = cls.get_by_key_name(key_name, parent=kwds.get("parent"))
            if found is None:
                found = cls(key_name=key_name, **kwds)
                found.put()
            return found

        made: Self = run_in_transaction(find_or_put)
        return made

    @classmethod
    def all(cls, **options: Any) -> Query:
        """A query for all entities of this class."""
        return Query(cls, **options)

    @classmethod
    def gql(cls, query_string: str, *args: Any, **kwds: Any) -> GqlQuery:
        """The query of a text after ``SELECT * FROM`` this kind: ``Author.gql("WHERE age > :1", 3)``."""
        return GqlQuery(f'SELECT * FROM "{cls.kind()}" {query_string}', *args, **kwds)  # noqa: S608 - not SQL

    # About the class.

    @classmethod
    def entity_type(cls) -> str:
        """The kind, under an older name."""
        return cls.kind()

    @classmethod
    def properties(cls) -> dict[str, Property]:
        """The properties by attribute."""
        return dict(cls._properties)

    @classmethod
    def fields(cls) -> dict[str, Property]:
        """The same under an older name."""
        return cls.properties()


def _enter(columns: Any, prop: Property, value: Any) -> None:
    """Put a value into a mapping of columns; an empty list only where the property says so."""
    if isinstance(value, list) and not value and not getattr(prop, "_write_empty_list", True):
        columns.pop(prop.name, None)
    else:
        columns[prop.name] = value


def _parent_key(parent: Any) -> Key:
    if isinstance(parent, Model):
        if not parent.has_key():
            raise BadValueError(
                f"{parent.kind()} instance must have a complete key before it can be used as a parent."
            )
        return parent.key()
    if not isinstance(parent, PlainKey):
        raise TypeError(f"Expected Model type; received {parent} (is {typename(parent)})")
    return Key.like(parent)


def to_dict(model_instance: Model, dictionary: Any = None) -> Any:
    """What is stored of an instance, by stored name, in a new dict or in *dictionary*."""
    columns: Any = {} if dictionary is None else dictionary
    model_instance._to_entity(columns)
    return columns


def model_is_projection(model_instance: Model) -> bool:
    """Whether only some properties of its entity were read."""
    return model_instance._is_projection()


def query_descendants(model_instance: Model) -> Query:
    """A query for everything below an instance, itself excluded."""
    return Query().ancestor(model_instance).filter("__key__ >", model_instance.key())
