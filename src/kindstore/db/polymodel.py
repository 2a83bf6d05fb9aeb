"""`PolyModel`: hierarchies of classes whose entities are of one kind, and queries for a class and those below it.

What is stored has the property ``class``: the names of its classes, from the root of the hierarchy down.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self, cast

from kindstore.db.errors import ConfigurationError, DerivedPropertyError, KindError
from kindstore.db.gql import GqlQuery
from kindstore.db.lists import ListProperty
from kindstore.db.model import Model, PropertiedClass
from kindstore.db.query import Query
from kindstore.values.entity import Entity

_CLASS: Final = "class"
_class_map: Final[dict[tuple[str, ...], Any]] = {}


class _ClassKeyProperty(ListProperty):
    """The names of the classes of an instance."""

    def __get__(self, model_instance: Any, model_class: Any = None) -> Any:
        if model_instance is None:
            return self
        return list(model_instance.class_key())

    def __set__(self, model_instance: Any, value: Any) -> None:
        raise DerivedPropertyError("Class-key is a derived property and cannot be set.")


class PolymorphicClass(PropertiedClass):
    """The class of polymorphic classes: knows the hierarchy of each.  `ConfigurationError` for one with two roots."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:  # noqa: N805 - a metaclass
        made: Any = cls
        base: Any = globals().get("PolyModel")
        if base is None:
            super().__init__(name, bases, namespace, map_kind=False)
            return
        hierarchy = [each for each in reversed(cls.mro()) if issubclass(each, base) and each is not base]
        if base in bases and len(hierarchy) > 1:
            raise ConfigurationError(
                f"{name} cannot derive from PolyModel as __class_hierarchy__ is already defined."
            )
        made._hierarchy = made.__class_hierarchy__ = hierarchy
        if base in bases:
            made.__root_class__ = cls
        elif hierarchy[0] is not made.__root_class__:
            raise ConfigurationError(
                f"{name} cannot be derived from both root classes {hierarchy[0].__name__} and "
                f"{made.__root_class__.__name__}"
            )
        super().__init__(name, bases, namespace, map_kind=base in bases)
        _class_map[made.class_key()] = cls


class PolyModel(Model, metaclass=PolymorphicClass):
    """Base of the classes of a hierarchy: those right below it are roots, and give all below them their kind."""

    _hierarchy: ClassVar[list[Any]] = []
    __root_class__: ClassVar[Any]
    """The root; only hierarchies have one, not `PolyModel` itself."""
    _class = _ClassKeyProperty(str, name=_CLASS)

    def __new__(cls, /, *_args: Any, **_kwds: Any) -> Self:
        """NotImplementedError for `PolyModel` itself."""
        if cls is PolyModel:
            raise NotImplementedError
        return super().__new__(cls)

    @classmethod
    def kind(cls) -> str:
        """The kind of the hierarchy: the name of its root."""
        root = getattr(cls, "__root_class__", cls)
        return super().kind() if root is cls else str(root.kind())

    @classmethod
    def class_key(cls) -> tuple[str, ...]:
        """The names of the classes from the root down to this one.  NotImplementedError for `PolyModel` itself."""
        if not cls._hierarchy:
            raise NotImplementedError("Cannot determine class key without class hierarchy")
        return tuple(each.class_name() for each in cls._hierarchy)

    @classmethod
    def class_name(cls) -> str:
        """What is stored for this class; a class that was renamed may keep its old name here."""
        return cls.__name__

    @classmethod
    def from_entity(cls, entity: Entity) -> Any:
        """The instance of a stored entity, of the class that it names; `KindError` if there is no such class."""
        names = entity.get(_CLASS)
        if isinstance(names, list):  # in a projection it is none
            stored = tuple(cast("list[str]", names))
            if stored != cls.class_key():
                known = _class_map.get(stored)
                if known is None:
                    raise KindError(f"No implementation for class '{stored}'")
                return known.from_entity(entity)
        return super().from_entity(entity)

    @classmethod
    def all(cls, **options: Any) -> Query:
        """A query for the entities of this class and those below it."""
        query = super().all(**options)
        return query if cls is cls.__root_class__ else query.filter(f"{_CLASS} =", cls.class_name())

    @classmethod
    def gql(cls, query_string: str, *args: Any, **kwds: Any) -> GqlQuery:
        """The same as text."""
        query = super().gql(query_string, *args, **kwds)
        if cls is not cls.__root_class__:
            query.restrict(_CLASS, cls.class_name())
        return query
