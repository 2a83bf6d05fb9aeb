"""Schema: from instances of a model to entities and back, by functions that are compiled once.

`Schema.to_entity` runs code made for the class, `Schema.from_entity` code made for the class and the shape of the
entity (its columns): a kind has few shapes, so the choice is one dictionary lookup.  The generated functions
are straight lines of assignments; the values they need (properties, converters, defaults) are their globals.
Nothing that comes from outside enters their text but property names, as quoted literals.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import GenericAlias
from typing import Any, cast

from kindstore.values.entity import Entity, LoadMany, Readers, Shape
from kindstore.values.errors import BadValueError
from kindstore.values.key import Key, Partition
from kindstore.values.source import Source

from .errors import BadRequestError
from .property import Nothing, Property, overrides
from .references import PARTITION
from .row import Row

Loader = Callable[[Any, list[Any], int], Any]
"""Makes an instance of a key and the values of one shape."""

_MAX_LOADERS = 1_000
"""Shapes per class whose loaders are kept: an Expando may have any number of shapes."""


def schema_of(cls: type[Any]) -> Schema:
    """The schema of a model class; compiled at the first call.

    `BadRequestError` for the class of entities of a projection, which can't be put.
    """
    schema: Schema | None = cls.__dict__.get("_schema")
    if schema is None:
        if cls._projecting is not None:
            raise BadRequestError("Cannot put a partial entity", hint="Get the whole entity by its key.")
        schema = cls._schema = Schema(cls)
    return schema


class Schema:
    """How instances of one model class are stored and loaded."""

    __slots__ = (
        "_dump",
        "_loaders",
        "_looks",
        "_new_key",
        "_shape",
        "_typed",
        "cls",
        "key_class",
        "projections",
        "properties",
    )

    def __init__(self, cls: type[Any]) -> None:
        self.cls = cls
        self.key_class: type[Key] = cls._key_class
        self.properties: Mapping[str, Property[Any]] = cls._properties
        self._loaders: dict[Shape, Loader] = {}
        self.projections: dict[tuple[str, ...], Loader] = {}
        """What loads the results of projections: `projection.loader_of`."""
        self._typed: dict[tuple[Shape, Readers, bool], tuple[tuple[Any, ...], LoadMany]] = {}
        self._new_key: Key | None = None
        self._dump: Callable[[Any], list[Any]] | None = None
        self._shape: Shape | None = None
        properties = self.properties.values()
        self._looks: bool = cls._dynamic or cls._polymorphic or any(prop._prefixed for prop in properties)
        if not any(_varies(prop) for prop in properties):
            self._dump = _compile_dump(self)
            self._shape = Shape.of(
                (prop._name for prop in properties),
                (prop._name for prop in properties if not prop._indexed),
                {prop._name: prop._meaning for prop in properties if prop._meaning is not None},
            )

    def new_key(self, partition: Partition) -> Key:
        """The incomplete key of a new instance in *partition*: one object, as long as they are in the same one."""
        key = self._new_key
        if key is None or key._partition is not partition:
            key = self._new_key = self.key_class.of(partition, (self.cls._get_kind(), None))
        return key

    def to_entity(self, instance: Any, key: Key | None, legacy_data: bool = True) -> Entity:
        """The entity to write for *instance* under *key*, every value checked and converted.

        *legacy_data*: structures as dotted columns (True, NDB's default) or as embedded entities.
        Raises `BadValueError` with the path of what is wrong ("Author.address.zip"), of all properties that are
        required and None at once ("Entity has uninitialized properties: …"); *instance* is left as it was.
        """
        dump = self._dump
        if dump is None or "_properties" in instance.__dict__:
            return self.row(instance, legacy_data).entity(key)
        try:
            return Entity(key, self._shape, dump(instance))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        except KeyError:
            self.fill(instance)
            return Entity(key, self._shape, dump(instance))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def row(self, instance: Any, legacy_data: bool) -> Row:
        """The columns to write for *instance*, for the classes whose columns depend on the values."""
        self.fill(instance)
        properties = instance._properties.values()
        if any(prop._required and prop._held(instance) is None for prop in properties):
            raise uninitialized(instance)
        row = Row()
        for prop in properties:
            prop._store(instance, row, legacy_data)
        return row

    def fill(self, instance: Any) -> None:
        """Give *instance* the defaults of the properties it has no value of: its class got them later."""
        fields = instance.__dict__
        for prop in instance._properties.values():
            if prop._code_name not in fields:
                fields[prop._code_name] = prop._unset()

    def from_entity(self, entity: Entity) -> Any:
        """The instance of a stored entity.  Columns that the class does not have are dropped.

        Nothing is checked: what can't be decoded raises `BadValueError` here, or, for the properties that
        decode late (`Property._lazy`), at the first access.
        """
        # The entity may live on, so its lists are not the instance's.
        values = [[*value] if value.__class__ is list else value for value in entity.values]
        return self.of(entity.shape)(entity.key, values, entity.version)

    def of(self, shape: Shape) -> Loader:
        """What makes an instance of the parts of an entity of *shape* (`values.entity.Maker`)."""
        load = self._loaders.get(shape)
        if load is None:
            if len(self._loaders) >= _MAX_LOADERS:
                self._loaders.clear()
            own = _compile_load(self, shape)
            load = self._loaders[shape] = self._choosing(shape, own) if self.cls._polymorphic else own
        return load

    def _choosing(self, shape: Shape, own: Loader) -> Loader:
        """The loader of a class whose entities may be of its subclasses; *own*: of those that are not."""
        choose = self.cls._class_chooser(shape)

        def load(key: Any, values: list[Any], version: int) -> Any:
            cls = choose(values)
            return (own if cls is self.cls else schema_of(cls).of(shape))(key, values, version)

        return load

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> tuple[tuple[Any, ...], LoadMany] | None:
        """The same of many, of values of known types (`values.entity.Maker`); None where structures, dynamic properties
        or the choice of a class look at all of them.
        """
        if self._looks:
            return None
        known = self._typed.get((shape, readers, keyed))
        if known is None:
            if len(self._typed) >= _MAX_LOADERS:
                self._typed.clear()
            known = self._typed[shape, readers, keyed] = _compile_load_many(self, shape, readers, keyed)
        return known


def uninitialized(instance: Any) -> BadValueError:
    """The error of required properties that are None: all of them, by stored name."""
    names = [
        prop._name
        for prop in instance._properties.values()
        if prop._required and prop._held(instance) is None
    ]
    owner = type(instance).__name__
    return BadValueError(
        f"Entity has uninitialized properties: {', '.join(names)}",
        path=", ".join(f"{owner}.{name}" for name in names),
    )


def _varies(prop: Property[Any]) -> bool:
    """Whether the columns depend on the value."""
    return overrides(prop, Property, "_store") or (prop._repeated and not prop._write_empty_list)


def _compile_dump(schema: Schema) -> Callable[[Any], list[Any]]:
    source = Source("def dump(e):", uninitialized=uninitialized)
    source.add("d = e.__dict__")
    values: list[str] = []
    required: list[str] = []
    conversions: list[str] = []
    for at, prop in enumerate(schema.properties.values()):
        value = f"v{at}"
        values.append(value)
        if overrides(prop, Property, "_held"):
            source.add(f"{value} = {source.name(prop._held, 'held')}(e)")
        else:
            source.add(f"{value} = d[{prop._code_name!r}]")
        if prop._required:
            required.append(f"{value} is None")
        exact = prop._exact
        encode = source.name(prop._encoded, "encode")
        if exact is not Nothing and not prop._repeated:
            test = f"type({value}) is not {source.name(exact, 'type')}"
            if prop._limit:
                test = f"({test} or not {prop._limit.format(v=value, len='len')})"
            conversions.append(f"if {value} is not None and {test}: {value} = {encode}({value})")
        elif prop._repeated:
            as_it_is = prop._list_test(value, source.names)
            plain = "" if as_it_is is None else f"[*{value}] if {as_it_is} else "
            conversions.append(f"{value} = {plain}{encode}({value})")
        else:
            conversions.append(f"if {value} is not None: {value} = {encode}({value})")
    if required:
        source.add(f"if {' or '.join(required)}: raise uninitialized(e)")
    for line in conversions:
        source.add(line)
    source.add(f"return [{', '.join(values)}]")
    return source.compiled("dump")


_DECODED: frozenset[type] = frozenset({bool, int, str, bytes, datetime})
"""The types that whoever decodes a record can be asked to see to."""


# `references.key_of_class`, written out: this runs once per entity.
_OWN_KEY = (
    "if k is not None and type(k) is not K:",
    "    p, k = k, new(K)",
    "    k._partition, k._packed, k._flat = p._partition, p._packed, p._flat",
    "d['_key'] = k",
)


def _compile_load(schema: Schema, shape: Shape) -> Loader:
    """The loader of *shape*."""
    source = Source("def load(k, values, version):")
    for line in (*_new_instance(schema, source), *_OWN_KEY, *_assignments(schema, shape, source)):
        source.add(line)
    source.add("return e")
    return source.compiled("load")


def _compile_load_many(
    schema: Schema, shape: Shape, readers: Readers, keyed: bool
) -> tuple[tuple[Any, ...], LoadMany]:
    """See `Schema.typed`: one loop, without a call for each entity."""
    source = Source("def load_many(keys, rows, decode, made):")
    types: list[Any] = [Any] * len(shape.names)
    source.add("append = made.append")
    if keyed:
        source.add("for k, (_, body) in zip(keys, rows):")
        source.add("    if body is None:")
        source.add("        append(None)")
        source.add("        continue")
    else:
        source.add("for path, _, _, body in rows:")
    key = _OWN_KEY if keyed else ("d['_key'] = path", f"d[{PARTITION!r}] = keys")
    new, values = _new_instance(schema, source), _assignments(schema, shape, source, types, readers)
    for line in ("values = decode(body)", *new, *key, *values, "append(e)"):
        source.add(f"    {line}")
    return tuple(types), source.compiled("load_many")


def _new_instance(schema: Schema, source: Source) -> tuple[str, str]:
    """What makes an empty ``e`` and takes its fields as ``d``."""
    cls = schema.cls
    blank = cls._blank()
    source.names |= {"new": object.__new__, "C": cls if blank is None else blank, "K": cls._key_class}
    return "e = new(C)" if blank is None else "e = C()", "d = e.__dict__"


def _assignments(
    schema: Schema,
    shape: Shape,
    source: Source,
    types: list[Any] | None = None,
    readers: Readers = (),
) -> list[str]:
    """What fills ``d``, the fields of ``e``, with ``values`` of *shape*; with *types*, which are changed to those that the
    values have to have, and *readers* what `Schema.typed` says.
    """
    cls = schema.cls
    lines: list[str] = []
    meanings = dict(shape.meanings)
    targets: list[str] = []
    after: list[str] = []
    groups: dict[str, Property[Any]] = {}
    extra: list[int] = []
    seen: set[str] = set()
    reads = dict(readers)
    for at, name in enumerate(shape.names):
        prop = schema.properties.get(name)
        head = name.partition(".")[0]
        if prop is None and head != name:
            prop = schema.properties.get(head)
            prop = prop if prop is not None and prop._prefixed else None
        if prop is None:
            extra.append(at)
            targets.append("_")
            continue
        seen.add(prop._name)
        if prop._prefixed:
            groups[prop._name] = prop
            targets.append("_")
            continue
        place = f"d[{prop._code_name!r}]"
        value = f"v{at}"
        targets.append(value if at in reads else place)
        if at in reads:
            after.append(f"if {value} is not None: {value} = {source.name(reads[at], 'read')}({value})")
        convert = prop._loader(meanings.get(name))
        plain = Nothing if name in meanings or prop._repeated else prop._plain_type()
        item = prop._plain_type() if prop._repeated and name not in meanings and not prop._lazy else Nothing
        if types is not None and convert is not None and (plain in _DECODED or item in _DECODED):
            types[at] = GenericAlias(list, item) if prop._repeated else plain
            convert = None
        if convert is None:
            if at in reads:
                after.append(f"{place} = {value}")
            continue
        targets[-1] = value
        function = source.name(convert, "convert")
        if item is not Nothing:
            # A list of what is stored as it is, as nearly every list is.
            only = source.name(frozenset({item}).issuperset, "only")
            after.append(
                f"{place} = {value} if type({value}) is list and {only}(map(type, {value})) else"
                f" {function}({value}) if {value} is not None else []"
            )
        elif prop._repeated:
            after.append(f"{place} = {function}({value}) if {value} is not None else []")
        elif plain is not Nothing:
            kind = source.name(plain, "type")
            after.append(
                f"{place} = {value} if {value} is None or type({value}) is {kind} else {function}({value})"
            )
        else:
            after.append(f"{place} = None if {value} is None else {function}({value})")
    if types is not None:
        targets.append("_")
    if targets:
        lines.append(f"{''.join(f'{target}, ' for target in targets)}= values")
    lines += after
    for prop in groups.values():
        group = source.name(cast("Any", prop)._group_loader(shape), "group")
        lines.append(f"d[{prop._code_name!r}] = {group}(values)")
    for prop in schema.properties.values():
        if prop._name not in seen:
            default = "[]" if prop._repeated else source.name(prop._default, "default")
            lines.append(f"d[{prop._code_name!r}] = {default}")
    dynamic = cls._dynamic_loader(shape, extra)
    if dynamic is not None:
        lines.append(f"{source.name(dynamic, 'dynamic')}(e, values)")
    return lines
