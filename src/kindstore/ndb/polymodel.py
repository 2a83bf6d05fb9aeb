"""`ndb.PolyModel`: hierarchies of classes whose entities are of one kind, and queries for a branch of them.

Every entity tells its class by the property "class": the names of the classes from the root of the hierarchy down.  A
query for a class asks for its name there, and so finds the entities of its subclasses, too.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from kindstore.mapper.errors import KindError
from kindstore.mapper.filters import Node
from kindstore.mapper.property import as_list
from kindstore.mapper.text import StringProperty
from kindstore.ndb.model import Model
from kindstore.values.entity import Shape

__all__ = ["PolyModel"]


def __dir__() -> list[str]:
    return __all__


_CLASS_KEY_PROPERTY = "class"


class _ClassKeyProperty(StringProperty[list[str]]):
    """The names of the classes of an entity, from the root down.  Read-only: setting it raises TypeError.

    A hierarchy may give it another stored name, or leave it unindexed, by an attribute ``class_`` of its own.
    """

    if TYPE_CHECKING:

        def __init__(self, name: str = _CLASS_KEY_PROPERTY, indexed: bool = True) -> None: ...

    else:

        def __init__(self, name=_CLASS_KEY_PROPERTY, indexed=True):
            super().__init__(name, repeated=True)
            self._indexed = indexed  # not by the constructor, as strings are always indexed

    def __set__(self, entity: Any, value: Any) -> NoReturn:
        self._set_value(entity, value)

    def _set_value(self, entity: Any, value: Any) -> NoReturn:  # noqa: ARG002
        raise TypeError(f"{self._code_name} is a read-only property")

    def _get_value(self, entity: Any) -> Any:
        return super()._get_value(entity) or entity._class_key()

    def _held(self, entity: Any) -> Any:
        return self._get_value(entity)


class PolyModel(Model):
    """The base of hierarchies of models: its direct subclasses are roots, and all below a root is of the root's kind.

    ``Animal.query()`` finds all animals, each as an instance of the class that it was put as; ``Cat.query()`` finds
    cats and what is below.  Names of classes are unique within a hierarchy.
    """

    class_ = _ClassKeyProperty()

    _polymorphic: ClassVar[bool] = True
    _class_map: ClassVar[dict[tuple[str, ...], type[PolyModel]]] = {}
    """Class key -> class."""

    @classmethod
    def _get_hierarchy(cls) -> list[type[PolyModel]]:
        """The classes of the hierarchy that this one is made of, root first; none for `PolyModel` itself."""
        # By an attribute, since this is called while PolyModel is being made.
        poly = [base for base in reversed(cls.__mro__) if hasattr(base, "_get_hierarchy")]
        return cast("list[type[PolyModel]]", poly[1:])

    @classmethod
    def _class_name(cls) -> str:
        """The name of this class in class keys; overridden to keep an old name, for instance.

        Subclasses inherit an override: let it look at ``cls.__name__``, unless the class has none.
        """
        return cls.__name__

    @classmethod
    def _class_key(cls) -> list[str]:
        """The names of this class and of those above it, root first: ``["Animal", "Feline", "Cat"]``."""
        return [base._class_name() for base in cls._get_hierarchy()]

    @classmethod
    def _get_kind(cls) -> str:
        """The kind of the whole hierarchy: the name of its root."""
        hierarchy = cls._get_hierarchy()
        return hierarchy[0]._class_name() if hierarchy else cls.__name__

    @classmethod
    def _update_kind_map(cls) -> None:
        key = cls._class_key()
        if not key:
            return
        cls._class_map[tuple(key)] = cls
        # GQL may name any class.  But entities of a kind of that name are of the class of that kind.
        name = cls._class_name()
        known = cls._kind_map.get(name)
        if known is None or name == cls._get_kind() or known._get_kind() != name:
            cls._kind_map[name] = cls

    @classmethod
    def _default_filters(cls) -> tuple[Node, ...]:
        """The filter for this class and its subclasses; none for a root."""
        if len(cls._get_hierarchy()) <= 1:
            return ()
        return (cls.class_ == cls._class_name(),)

    @classmethod
    def _class_chooser(cls, shape: Shape) -> Callable[[list[Any]], type[Any]]:
        at = shape.positions.get(cls.class_._name)
        if at is None:
            return lambda values: cls
        kind = cls._get_kind()

        def choose(values: list[Any]) -> type[Any]:
            key = as_list(values[at])
            if not key:
                return cls
            found: Any = cls._class_map.get(tuple(key))
            if found is None or found._get_kind() != kind:
                # A class may have moved within its hierarchy.
                found = cls._kind_map.get(key[-1])
            if found is None or found._get_kind() != kind:
                raise KindError(
                    f"No model class found for the kind '{key[-1]}'. Did you forget to import it?",
                    class_key=key,
                )
            return cast("type[Any]", found)

        return choose
