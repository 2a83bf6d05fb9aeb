"""`Expando`: a model whose attributes become properties when they are set, or found in a stored entity."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, cast

from kindstore.values.entity import Entity, Shape
from kindstore.values.key import Key

from .blobs import MEANING_COMPRESSED
from .generic import GenericProperty
from .model import Model
from .property import Property
from .references import MEANING_USER, UserProperty
from .structured import StructuredProperty


class Expando(Model):
    """A model without, or beyond, a schema: any public attribute that is set becomes a property.

    A list makes it repeated, a model instance or a dict a structure.  ``_default_indexed`` says whether such
    properties are indexed, ``_write_empty_list_for_dynamic_properties`` whether empty lists are written.
    ``del`` removes one.  On the class dynamic properties don't exist: query them by ``GenericProperty("name")``.
    """

    _dynamic = True
    _default_indexed: ClassVar[bool] = True
    _write_empty_list_for_dynamic_properties: ClassVar[bool] = True
    _nested_class: ClassVar[type[Any] | None] = None
    """What a dict becomes; a face sets its own Expando.  None: this one."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or isinstance(getattr(type(self), name, None), Property | property):
            object.__setattr__(self, name, value)
        elif "." in name:
            self._set_inside(name, value)
        else:
            self._set_dynamic(self._dynamic_property(name, value), value)

    def __delattr__(self, name: str) -> None:
        own: Any = vars(self).get("_properties")
        prop = None if own is None else own.get(name)
        if own is None or prop is None or prop is type(self)._properties.get(name):
            object.__delattr__(self, name)
        else:
            del own[name], vars(self)[name]

    def _set_attribute(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def _set_inside(self, name: str, value: Any) -> None:
        """Set what is called "head.rest": ``rest`` of the structure ``head``, made if it is not there."""
        head, _, rest = name.partition(".")
        structure = vars(self).get(head)
        if isinstance(structure, Expando):
            setattr(structure, rest, value)
        else:
            setattr(self, head, {rest: value})

    def _set_dynamic(self, prop: Property[Any], value: Any) -> None:
        prop._set_value(self, value)
        self._own_properties()[prop._name] = prop

    def _own_properties(self) -> dict[str, Property[Any]]:
        properties = self.__dict__.get("_properties")
        if properties is None:
            properties = vars(self)["_properties"] = dict(type(self)._properties)
        return cast("dict[str, Property[Any]]", properties)

    @classmethod
    def _dynamic_property(
        cls, name: str, value: Any, indexed: bool | None = None, meaning: int | None = None
    ) -> Property[Any]:
        """A property for *value* under *name*."""
        indexed = cls._default_indexed if indexed is None else indexed
        repeated = isinstance(value, list | tuple | set | frozenset)
        items: list[Any] = list(cast("Sequence[Any]", value)) if repeated else [value]
        structure = cls._structure_of(items) if meaning is None else None
        if structure is not None:
            return _structured(name, structure, indexed, repeated)
        return _generic(
            name,
            indexed,
            repeated,
            cls._write_empty_list_for_dynamic_properties,
            meaning,
            cast("Any", cls._key_class),
        )

    @classmethod
    def _structure_of(cls, items: list[Any]) -> Any:
        """The model class that *items* are of, if they are structures of one class."""
        nested = cls._nested_class or Expando
        kinds: set[type[Any]] = {nested if isinstance(item, dict | Entity) else type(item) for item in items}
        if len(kinds) != 1:
            return None
        kind = kinds.pop()
        return kind if issubclass(kind, Model) else None

    @classmethod
    def _dynamic_loader(cls, shape: Shape, extra: Sequence[int]) -> Callable[[Any, list[Any]], None] | None:
        """What makes properties of the columns that the class does not know."""
        if not extra:
            return None
        meanings = dict(shape.meanings)
        plain = [(at, name) for at in extra if "." not in (name := shape.names[at])]
        heads = {shape.names[at].partition(".")[0]: None for at in extra if "." in shape.names[at]}
        groups: list[tuple[StructuredProperty[Any], Callable[[list[Any]], Any]]] = []
        nested: Any = cls._nested_class or Expando
        for head in heads:
            prop = _structured(head, nested, True, False)
            groups.append((prop, prop._group_loader(shape)))

        def load(instance: Any, values: list[Any]) -> None:
            properties = instance._own_properties()
            fields = instance.__dict__
            for at, name in plain:
                value = values[at]
                indexed = name not in shape.unindexed
                prop = cls._dynamic_property(name, value, indexed, meanings.get(name))
                properties[name] = prop
                if isinstance(prop, StructuredProperty):
                    fields[name] = prop._from_embedded(value)
                else:
                    fields[name] = prop._decoded(value)
            for prop, group in groups:
                properties[prop._name] = prop
                fields[prop._code_name] = group(values)

        return load

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        rebuild, (cls, state) = super().__reduce_ex__(protocol)
        own = state.pop("_properties", None)
        if own is not None:
            state["_dynamic_properties"] = [
                prop for name, prop in own.items() if prop is not cls._properties.get(name)
            ]
        return rebuild, (cls, state)

    def __setstate__(self, state: Any) -> None:
        fields = cast("dict[str, Any]", state if isinstance(state, dict) else {})
        dynamic: list[Property[Any]] = fields.pop("_dynamic_properties", [])
        if dynamic:
            self._own_properties().update({prop._name: prop for prop in dynamic})
        super().__setstate__(state)


@lru_cache(1_000)
def _generic(
    name: str,
    indexed: bool,
    repeated: bool,
    write_empty: bool,
    meaning: int | None,
    key_class: type[Key],
) -> Property[Any]:
    prop: Property[Any]
    if meaning == MEANING_USER:
        prop = cast("Any", UserProperty)(indexed=indexed, repeated=repeated)
    else:
        prop = GenericProperty(
            compressed=meaning == MEANING_COMPRESSED,
            indexed=indexed,
            repeated=repeated,
            write_empty_list=write_empty,
        )
        prop._key_class = key_class
    prop._name = prop._code_name = name
    return prop


@lru_cache(1_000)
def _structured(name: str, model_class: Any, indexed: bool, repeated: bool) -> StructuredProperty[Any]:
    prop: StructuredProperty[Any] = cast("Any", StructuredProperty)(
        model_class, indexed=indexed, repeated=repeated
    )
    prop._name = prop._code_name = name
    return prop
