"""Entities of projections: instances of a model of which only the projected properties are known.

Their values come from indexes, which hold less than an entity does: text is bytes there, a time its microseconds,
a list one of its items.  The properties make of them what they were (spec/service.md 3.3).
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from kindstore.values.entity import Readers, Shape
from kindstore.values.key import Key
from kindstore.values.source import Source

from .construct import MAX_PROJECTIONS, projecting_class
from .errors import InvalidPropertyError
from .property import Property, as_text, overrides
from .references import key_of_class
from .schema import Loader, schema_of
from .structured import StructuredProperty


class Projecting:
    """Makes of each result of a projection an instance of *model* (`values.entity.Maker`)."""

    __slots__ = ("_model", "key_class")

    def __init__(self, model: Any, key_class: type[Key]) -> None:
        self._model, self.key_class = model, key_class

    def of(self, shape: Shape) -> Loader:
        """See `values.entity.Maker`."""
        return loader_of(self._model, shape.names)

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> None:
        """See `values.entity.Maker`."""


def check_properties(model: Any, names: Iterable[str]) -> None:
    """Raise `InvalidPropertyError` unless *model* has an indexed property of each of the stored *names*.

    Of a structure a part has to be named: "address.city".  An Expando may have any property.
    """
    for name in names:
        head, _, rest = name.partition(".")
        prop = model._properties.get(head)
        if prop is None:
            if model._dynamic:
                continue
            known = getattr(model, head, None) if head.isidentifier() else None
            hint = f"It is stored as {known._name!r}." if isinstance(known, Property) else ""
            raise InvalidPropertyError(f"Unknown property {head}", path=f"{model.__name__}.{name}", hint=hint)
        if not prop._indexed:
            raise InvalidPropertyError(
                f"Property is unindexed: {head}",
                path=f"{model.__name__}.{name}",
                hint="Read the whole entity.",
            )
        if not isinstance(prop, StructuredProperty):
            if rest:
                raise InvalidPropertyError(
                    f"Referencing subproperty {name} but {head} is not a structured property",
                    path=f"{model.__name__}.{name}",
                )
        elif not rest:
            raise InvalidPropertyError(
                f"Structured property {head} requires a subproperty", path=f"{model.__name__}.{name}"
            )
        else:
            check_properties(prop._model_class, [rest])


def loader_of(model: Any, names: tuple[str, ...]) -> Loader:
    """What makes an instance of *model* of the values that an index has under *names*; compiled once."""
    loaders = schema_of(model).projections
    load = loaders.get(names)
    if load is None:
        if len(loaders) >= MAX_PROJECTIONS:
            loaders.clear()
        load = loaders[names] = _choosing(model, names) if model._polymorphic else _compile(model, names)
    return load


def _choosing(model: Any, names: tuple[str, ...]) -> Loader:
    """What makes instances of *model*, or of the class that a result names by one of its values."""
    choose = model._class_chooser(Shape.of(names))
    loaders: dict[type[Any], Loader] = {}

    def load(key: Any, values: list[Any], version: int) -> Any:
        cls = choose([as_text(value) if type(value) is bytes else value for value in values])
        loader = loaders.get(cls)
        if loader is None:
            loader = loaders[cls] = _compile(cls, names)
        return loader(key, values, version)

    return load


def _compile(model: Any, names: tuple[str, ...]) -> Callable[[Any, Any, int], Any]:
    source = Source("def load(k, values, version):", new=object.__new__, K=model._key_class)
    blank = model._blank()
    source.add("e = new(P)" if blank is None else "e = C()")
    source.names |= {"C": blank, "P": projecting_class(model, names)}
    source.add("d = e.__dict__")
    source.add(f"d['_key'] = k if k is None or type(k) is K else {source.name(key_of_class, 'as_own')}(k, K)")
    source.add(f"d['_projection'] = {source.name(names, 'names')}")
    targets: list[str] = []
    after: list[str] = []
    groups: dict[str, list[tuple[str, str]]] = {}
    for at, name in enumerate(names):
        value = f"v{at}"
        targets.append(f"{value}, ")
        head, _, rest = name.partition(".")
        prop = model._properties.get(name)
        if rest and (model._dynamic or head in model._properties):
            groups.setdefault(head, []).append((rest, value))
        elif prop is not None:
            restore: Any = prop._from_index
            own: type[Property[Any]] = type(prop)  # pyright: ignore[reportUnknownVariableType]
            plain = not own._decoders and not overrides(prop, Property, "_from_stored")
            if plain and not overrides(prop, Property, "_from_index"):
                restore = as_text
            restored = f"{source.name(restore, 'restore')}({value})"
            if plain:
                # Numbers, for one: nothing but text looks different in an index.
                restored = f"({value} if type({value}) is not bytes else {restored})"
            if prop._repeated:
                after.append(f"d[{prop._code_name!r}] = [] if {value} is None else [{restored}]")
            else:
                after.append(f"d[{prop._code_name!r}] = None if {value} is None else {restored}")
        elif model._dynamic:
            after.append(f"{source.name(_dynamic(model, name), 'add')}(e, {value})")
    source.add(f"{''.join(targets)}= values")
    for line in after:
        source.add(line)
    for head, parts in groups.items():
        prop = model._properties.get(head)
        if prop is None:
            prop = model._dynamic_property(head, (model._nested_class or model)(), True)
            source.add(f"e._own_properties()[{head!r}] = {source.name(prop, 'property')}")
        part = source.name(loader_of(prop._model_class, tuple(rest for rest, _ in parts)), "part")
        made = f"{part}(None, ({''.join(f'{value}, ' for _, value in parts)}), 0)"
        source.add(f"d[{prop._code_name!r}] = {f'[{made}]' if prop._repeated else made}")
    if blank is not None:
        source.add("e.__class__ = P")
    source.add("return e")
    return source.compiled("load")


def _dynamic(model: Any, name: str) -> Callable[[Any, Any], None]:
    """What gives an instance of an Expando the property *name* with a value from an index."""

    def add(instance: Any, value: Any) -> None:
        prop = model._dynamic_property(name, None, True)
        instance._own_properties()[name] = prop
        instance.__dict__[name] = None if value is None else prop._from_index(value)

    return add


def names_of(properties: Any, role: str) -> tuple[str, ...]:
    """The stored names of *properties*, a list or tuple of names and properties, for the argument *role*.

    TypeError for anything else, and for none.
    """
    if not isinstance(properties, list | tuple):
        raise TypeError(f"{role} must be a tuple, list or None; received {properties!r}")
    if not properties:
        raise TypeError(f"{role} argument cannot be empty")
    return tuple(map(name_of, cast("Sequence[Any]", properties)))


def name_of(prop: Any) -> str:
    """The stored name of *prop*, a property or that name itself; TypeError for anything else."""
    if isinstance(prop, str):
        return prop
    if isinstance(prop, Property):
        name: str = cast("Any", prop)._name
        return name
    raise TypeError(f"Unexpected property {prop!r}; expected string or Property")
