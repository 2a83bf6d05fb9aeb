"""`StructuredProperty`, whose values are instances of another model, stored and indexed as parts of the entity.

A structure is stored in one of two forms, and both are read whichever is written (spec/ndb.md 2.3): as columns
with dotted names ("address.city"; of a repeated structure parallel lists), which is NDB's default, or as an
embedded entity.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeGuard, TypeVar, Unpack, cast, overload

from kindstore.values.entity import Entity, Shape
from kindstore.values.errors import BadArgumentError, BadValueError, Error

from .errors import BadFilterError
from .filters import (
    ConjunctionNode,
    DisjunctionNode,
    FalseNode,
    FilterNode,
    Node,
    ParameterizedThing,
    ParameterNode,
    PostFilterNode,
)
from .generic import GenericProperty
from .options import Options
from .property import Property, as_list, is_list, is_listed, shown
from .row import Row
from .schema import schema_of

T = TypeVar("T")
M = TypeVar("M")


class StructuredProperty(Property[T]):
    """An instance of *model_class*, whose properties are stored and indexed as parts of this entity.

    A dict is accepted for an instance.  ``Person.address.city`` is the sub-property; comparing the structure
    itself takes == (every value that is set must be equal) and ``IN``.  TypeError for *repeated* with a class
    that contains repeated properties.
    """

    _options = ("model_class",)
    _model_class: type[Any] = cast("type[Any]", None)
    _prefixed = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: StructuredProperty[list[M]],
            model_class: type[M],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Options[M]],
        ) -> None: ...
        @overload
        def __init__(
            self: StructuredProperty[M],
            model_class: type[M],
            name: str | None = None,
            *,
            required: Literal[True],
            default: M | None = None,
            **options: Unpack[Options[M]],
        ) -> None: ...
        @overload
        def __init__(
            self: StructuredProperty[M],
            model_class: type[M],
            name: str | None = None,
            *,
            default: M,
            required: bool = False,
            **options: Unpack[Options[M]],
        ) -> None: ...
        @overload
        def __init__(
            self: StructuredProperty[M | None],
            model_class: type[M],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[M]],
        ) -> None: ...
        def __init__(self, model_class: type[Any], name: str | None = None, **options: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    else:

        def __init__(self, model_class, name=None, **options):
            super().__init__(name, **options)
            self._model_class = checked_class(model_class)
            if self._repeated and model_class._has_repeated:
                raise TypeError(
                    "This StructuredProperty cannot use repeated=True because its model class "
                    f"({model_class.__name__}) contains repeated properties (directly or indirectly)."
                )

        def __getattr__(self, name):
            """The sub-property with code name *name*, for filters and orders."""
            if name.startswith("_"):
                raise AttributeError(name)
            return self._sub_property(name)

    def _sub_property(self, name: str) -> Property[Any]:
        found: Any = getattr(self._model_class, name, None)
        prop: Property[Any]
        if _is_property(found):
            prop = copy.copy(found)
        elif self._model_class._dynamic:
            prop = GenericProperty(name)
            prop._code_name = name
        else:
            raise AttributeError(f"Model subclass {self._model_class.__name__} has no attribute {name}")
        prop._name = f"{self._name}.{prop._name}"
        prop._owner = self._path()
        return prop

    def _is_projected(self, entity: Any) -> bool:
        prefix = f"{self._name}."
        return any(name == self._name or name.startswith(prefix) for name in entity._projection)

    @property
    def _contains_repeated(self) -> bool:
        return bool(self._model_class._has_repeated)

    def _needs_preparation(self) -> bool:
        return bool(self._model_class._dynamic or self._model_class._prepares)

    def _prepare_for_put(self, entity: Any) -> None:
        for value in as_list(self._held(entity)):
            if value is not None:
                value._prepare_for_put()

    def _validate(self, value: Any) -> Any:
        structure = structure_of(self, value, "instance")
        return None if structure is value else structure

    def _get_for_dict(self, entity: Any) -> Any:
        value = super()._get_for_dict(entity)
        return as_dicts(value)

    # --- storing

    def _structure(self, value: Any) -> Any:
        """*value*, or what its check puts in its place."""
        replaced = self._validate(value)
        return value if replaced is None else replaced

    def _store(self, entity: Any, row: Row, legacy_data: bool) -> None:
        value = self._held(entity)
        if self._repeated:
            self._store_list(row, checked_list(self, value), legacy_data)
        elif value is None:
            row.add(self._name, None, self._indexed)
        else:
            inner = _inner(self, self._structure(value), legacy_data)
            if legacy_data:
                self._add_columns(row, inner.items(), inner)
            else:
                row.add(self._name, inner, self._indexed)

    def _store_list(self, row: Row, items: list[Any], legacy_data: bool) -> None:
        inner = [_inner(self, self._structure(item), legacy_data, f"[{at}]") for at, item in enumerate(items)]
        if not legacy_data:
            if inner or self._write_empty_list:
                row.add(self._name, inner, self._indexed)
            return
        columns: dict[str, list[Any]] = {}
        for at, entity in enumerate(inner):
            for name, value in entity.items():
                if isinstance(value, list):
                    raise BadValueError("a list can't hold a list", path=f"{self._path()}[{at}].{name}")
                columns.setdefault(name, [None] * len(inner))[at] = value
        # A structure inside that is None in some items is a column "inner", in others columns "inner.x".
        heads = {name.rpartition(".")[0] for name in columns}
        for entity in inner:
            kept = [(name, columns.pop(name)) for name in entity if name in columns and name not in heads]
            self._add_columns(row, kept, entity)

    def _add_columns(self, row: Row, columns: Iterable[tuple[str, Any]], inner: Entity) -> None:
        meanings = dict(inner.shape.meanings)
        for name, value in columns:
            indexed = self._indexed and name not in inner.shape.unindexed
            row.add(f"{self._name}.{name}", value, indexed, meanings.get(name))

    # --- loading

    def _group_loader(self, shape: Shape) -> Callable[[list[Any]], Any]:
        """What makes this property's value of the values of an entity of *shape*."""
        prefix = f"{self._name}."
        dotted = [at for at, name in enumerate(shape.names) if name.startswith(prefix)]
        if not dotted:
            whole = shape.positions[self._name]
            return lambda values: self._from_embedded(values[whole])
        names = [shape.names[at].removeprefix(prefix) for at in dotted]
        unindexed = [name for name in names if prefix + name in shape.unindexed]
        meanings = {name.removeprefix(prefix): n for name, n in shape.meanings if name.startswith(prefix)}
        part = Shape.of(names, unindexed, meanings)
        load = schema_of(self._model_class).from_entity
        if not self._repeated:
            return lambda values: load(Entity(None, part, [values[at] for at in dotted]))
        nested = sorted({name.partition(".")[0] for name in names if "." in name})

        def load_list(values: list[Any]) -> list[Any]:
            columns = [as_list(values[at]) for at in dotted]
            size = max(map(len, columns))
            rows = zip(*(column + [None] * (size - len(column)) for column in columns), strict=True)
            if not nested and not self._model_class._dynamic:
                return [load(Entity(None, part, list(row))) for row in rows]
            items: list[Any] = []
            for row in rows:
                item = dict(zip(names, row, strict=True))
                if self._model_class._dynamic:
                    _drop_missing(item, self._model_class._properties)
                items.append(load(Entity.of(None, _without_empty(item, nested), unindexed, meanings)))
            return items

        return load_list

    def _from_embedded(self, value: Any) -> Any:
        load = schema_of(self._model_class).from_entity
        if self._repeated:
            return [load(item) if isinstance(item, Entity) else item for item in as_list(value)]
        return load(value) if isinstance(value, Entity) else value

    # --- filters

    def _comparison(self, op: str, value: Any) -> FilterNode:
        if op != "=":
            raise BadFilterError("StructuredProperty filter can only use ==.", path=self._path(), op=op)
        if value is None or not self._indexed or isinstance(value, ParameterizedThing):
            return super()._comparison(op, value)
        return cast("FilterNode", self._equals(self._do_validate(value)))

    def _equals(self, value: Any) -> Node:
        filters: list[Node] = []
        for prop in value._properties.values():
            part = self._sub_property(prop._code_name)
            item = prop._get_value(value)
            if prop._repeated:
                if item:
                    raise BadFilterError(
                        f"Cannot query for non-empty repeated property {prop._name}.", path=part._path()
                    )
            elif item is not None:
                filters.append(part._comparison("=", item))
        if not filters:
            raise BadFilterError("StructuredProperty filter without any values.", path=self._path())
        if self._repeated and len(filters) > 1:
            # The index can't tell whether the values are in one item, so each result is asked.
            filters.append(PostFilterNode(SameItem(self._code_name, value)))
        return ConjunctionNode(*filters)

    def _operand(self, value: Any) -> Any:
        if value is None:
            return None
        return _inner(self, self._do_validate(value), legacy_data=False)

    def _IN(self, value: Any, server_op: bool = False) -> Node:  # noqa: ARG002, N802
        """An OR of equalities; a `FalseNode` for an empty list."""
        if isinstance(value, ParameterizedThing):
            return ParameterNode(self, "in", value)
        if not is_listed(value):
            raise BadArgumentError(f"Expected list, tuple or set, got {value!r}")
        items = [self._comparison("=", item) for item in value]
        return DisjunctionNode(*items) if items else FalseNode()

    IN = _IN


Parts: TypeAlias = "tuple[tuple[str, bool, Any], ...]"
"""Of the values set in a structure: the property's code name, whether the value is a structure's parts, the value."""


class SameItem:
    """A predicate on instances: one item of the repeated structure *name* has all the values set in *wanted*.

    *wanted* is an instance, or its `Parts`, which are what is pickled: no class needs to be found for them.
    """

    __slots__ = ("name", "wanted")

    def __init__(self, name: str, wanted: Any) -> None:
        self.name = name
        self.wanted: Parts = wanted if isinstance(wanted, tuple) else _parts(wanted)

    def __call__(self, instance: Any) -> bool:
        """Whether *instance* has such an item."""
        return any(_has(item, self.wanted) for item in getattr(instance, self.name) if item is not None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameItem) and (self.name, self.wanted) == (other.name, other.wanted)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return SameItem, (self.name, self.wanted)

    def __repr__(self) -> str:
        return f"SameItem({self.name!r}, {self.wanted!r})"


class RepeatedStructuredPropertyPredicate:
    """For a `PostFilterNode`: one item of the repeated structure *name* has the values that *entity* has for *match_keys*.

    ``Squad.query(Squad.members == Member(name="Joe", age=24))`` makes what it needs by itself.  *name* and *match_keys*
    are stored names, *entity* is an instance of the structure's class, or a dict by these names.

    `BadArgumentError` for an *entity* of another sort, a protocol buffer for one, or without one of these properties.
    """

    def __init__(self, name: str, match_keys: Iterable[str], entity: Any) -> None:
        self.name = name
        self.match_keys = list(match_keys)
        if isinstance(entity, Mapping):
            values: Mapping[str, Any] = cast("Mapping[str, Any]", entity)
        else:
            properties: Any = getattr(entity, "_properties", None)
            if not isinstance(properties, Mapping):
                raise BadArgumentError(
                    "a predicate takes the values from an instance, or from a dict", path=name, entity=entity
                )
            values = {key: prop._get_value(entity) for key, prop in cast("Any", properties).items()}
        missing = [key for key in self.match_keys if key not in values]
        if missing:
            raise BadArgumentError("a predicate finds no such values", path=name, missing=missing)
        self.match_values = [values[key] for key in self.match_keys]

    def __call__(self, instance: Any) -> bool:
        """Whether *instance*, an entity as its model has it, has such an item."""
        prop = instance._properties.get(self.name)
        items = None if prop is None else prop._get_value(instance)
        return any(self._matches(item) for item in as_list(items) if item is not None)

    def _matches(self, item: Any) -> bool:
        properties = item._properties
        return all(
            key in properties and properties[key]._get_value(item) == value
            for key, value in zip(self.match_keys, self.match_values, strict=True)
        )


def _parts(wanted: Any) -> Parts:
    found: list[tuple[str, bool, Any]] = []
    for prop in wanted._properties.values():
        value = prop._get_value(wanted)
        if value is None or value == []:
            continue
        nested = isinstance(prop, StructuredProperty) and not prop._repeated
        found.append((prop._code_name, nested, _parts(value) if nested else value))
    return tuple(found)


def _has(item: Any, wanted: Parts) -> bool:
    for name, nested, value in wanted:
        found = getattr(item, name, None)
        if (found is None or not _has(found, value)) if nested else found != value:
            return False
    return True


class Inside:
    """Puts the path of *prop* before the path of an error that is raised inside."""

    __slots__ = ("at", "prop")

    def __init__(self, prop: Property[Any], at: str) -> None:
        self.prop, self.at = prop, at

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, Error):
            own = f"{self.prop._path()}{self.at}"
            inner = str(error.facts.get("path") or "")
            if inner != self.prop._path():
                parts = [f"{own}.{part.partition('.')[2]}" for part in inner.split(", ") if "." in part]
                own = ", ".join(parts) or own
            error.facts["path"] = own


def _inner(prop: Property[Any], value: Any, legacy_data: bool, at: str = "") -> Entity:
    """The entity of the structure *value*; errors name the path through *prop*."""
    cls: type[Any] = value.__class__
    with Inside(prop, at):
        return schema_of(cls).to_entity(value, None, legacy_data)


def _is_property(value: object) -> TypeGuard[Property[Any]]:
    return isinstance(value, Property)


def checked_class(model_class: Any) -> type[Any]:
    """*model_class*; TypeError if it is no model class."""
    if not isinstance(model_class, type) or not hasattr(model_class, "_fix_up_properties"):
        raise TypeError(f"Expected a Model class, got {model_class!r}")
    return model_class


def structure_of(prop: Any, value: Any, what: str) -> Any:
    """*value* as an instance of the model class of *prop*: a dict is made one."""
    model_class = prop._model_class
    if isinstance(value, model_class):
        return value
    if isinstance(value, dict):
        return model_class(**value)
    kind: type[Any] = value.__class__
    got = repr(kind) if what else shown(value)
    raise BadValueError(
        f"In field {prop._name}, expected {model_class.__name__} {what}".rstrip() + f", got {got}",
        path=prop._path(),
    )


def checked_list(prop: Property[Any], value: Any) -> list[Any]:
    """*value* as a list of its own; `BadValueError` if it is none, nor a tuple or set."""
    if not is_listed(value):
        raise prop._wrong("list or tuple", value)
    return list(value)


def as_dicts(value: Any) -> Any:
    """The dict of an instance; a list of them of a list."""
    if is_list(value):
        return [as_dicts(item) for item in value]
    return value._to_dict() if hasattr(value, "_to_dict") else value


def _drop_missing(columns: dict[str, Any], known: Collection[str]) -> None:
    """Take from *columns* the None of properties that are not *known*: of an item of Expandos that others have.

    A column has a value for each item.  Whether an item had the property and it was None, nobody can tell.
    """
    for name in [name for name, value in columns.items() if value is None]:
        if name.partition(".")[0] not in known:
            del columns[name]


def _without_empty(columns: dict[str, Any], heads: list[str]) -> dict[str, Any]:
    """*columns* with the structures of which everything is None replaced by None."""
    for head in heads:
        names = [name for name in columns if name.startswith(f"{head}.")]
        if names and all(columns[name] is None for name in names):
            for name in names:
                del columns[name]
            columns[head] = None
    return columns
