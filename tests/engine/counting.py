"""What statistics must be: counted by hand, from all entities, value by value, in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from kindstore.engine.store import EngineStore
from kindstore.store.messages import Query
from kindstore.store.statistics import KINDS
from kindstore.values import record
from kindstore.values.entity import Entity
from kindstore.values.key import Key
from kindstore.values.ordered import pack
from kindstore.values.types import GeoPt, User

NOW = datetime(2026, 11, 22, 12, 30, 0, 5)
NAMESPACES = ("", "a", "b")
TYPES: dict[type, tuple[str, str]] = {
    type(None): ("NULL", "NULL"),
    bool: ("Boolean", "BOOLEAN"),
    int: ("Integer", "INT64"),
    datetime: ("Date/Time", "INT64"),
    str: ("String", "STRING"),
    bytes: ("ShortBlob", "STRING"),
    float: ("Float", "DOUBLE"),
    GeoPt: ("GeoPt", "POINT"),
    User: ("User", "USER"),
    Key: ("Key", "REFERENCE"),
    Entity: ("EmbeddedEntity", "none"),
}

Statistics: TypeAlias = dict[tuple[str, str, Any], dict[str, Any]]
"""(namespace, kind, id) -> properties."""


def everything(store: EngineStore, namespaces: tuple[str, ...] = NAMESPACES) -> list[Entity]:
    """Every entity, statistics included."""
    found: list[Entity] = []
    for namespace in namespaces:
        found += store.run(store.run_query(Query(store.partition(namespace)))).results
    return found


def statistics(store: EngineStore) -> Statistics:
    """Every statistic that is stored."""
    found: Statistics = {}
    for each in everything(store):
        assert each.key is not None
        if each.key.path[0] in KINDS:
            found[each.key.partition.namespace, *each.key.path] = dict(each.items())
    return found


# Counting by hand.


def type_of(value: Any, indexed: bool) -> str:
    if not indexed and type(value) in (str, bytes):
        return "Text" if isinstance(value, str) else "Blob"
    return TYPES[type(value)][0]


def size_of(value: Any, codec: str) -> int:
    """The bytes of *value* in a column with this codec."""
    if codec in (record.TIME, record.TIMES):
        return 12 if isinstance(value, datetime) else 1
    return len(msgspec.msgpack.encode(record.write_tagged(value)))


def rows_of(name: str, value: Any, unindexed: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """(name, value) of everything that is indexed."""
    if name in unindexed:
        return
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Entity):
            for inner, part in item.items():
                for below, found in rows_of(inner, part, item.shape.unindexed):
                    yield f"{name}.{below}", found
        else:
            yield name, item


class Counted:
    """Statistics made the plain way."""

    def __init__(self) -> None:
        self.figures: dict[tuple[str, str, Any], Counter[str]] = defaultdict(Counter)
        self.facts: dict[tuple[str, str, Any], dict[str, Any]] = {}

    def add(self, namespace: str, statistic: str, id_: Any, facts: dict[str, Any], **figures: int) -> None:
        for place in ((namespace, f"__Stat_Ns_{statistic}__", id_), ("", f"__Stat_{statistic}__", id_)):
            if place[1] != "__Stat_Ns_Namespace__":
                self.facts[place] = facts
                self.figures[place].update(figures)

    def add_whole(self, namespace: str, kind: str, **figures: int) -> None:
        self.add(namespace, "Total", "total_entity_usage", {}, **figures)
        self.add(namespace, "Namespace", namespace or 1, {"subject_namespace": namespace}, **figures)
        self.add(namespace, "Kind", kind, {"kind_name": kind}, **figures)

    def add_property(self, namespace: str, kind: str, name: str, type_: str, **figures: int) -> None:
        of_type, of_name = {"property_type": type_}, {"property_name": name}
        of_kind = {"kind_name": kind}
        self.add(namespace, "PropertyType", type_, of_type, **figures)
        self.add(namespace, "PropertyType_Kind", f"{type_}_{kind}", of_type | of_kind, **figures)
        self.add(namespace, "PropertyName_Kind", f"{name}_{kind}", of_name | of_kind, **figures)
        whole = of_type | of_name | of_kind
        self.add(namespace, "PropertyType_PropertyName_Kind", f"{type_}_{name}_{kind}", whole, **figures)

    def add_entity(self, entity: Entity, body: int, codecs: tuple[str, ...]) -> None:
        key = entity.key
        assert key is not None
        namespace, kind, path = key.partition.namespace, key.path[-2], len(key.path_bytes)
        size = path + body
        self.add_whole(
            namespace, kind, count=1, entity_bytes=size, builtin_index_count=1, builtin_index_bytes=path
        )
        level = "Kind_IsRootEntity" if len(key.path) == 2 else "Kind_NotRootEntity"
        self.add(namespace, level, kind, {"kind_name": kind}, count=1, entity_bytes=size)
        indexed: dict[str, dict[bytes, Any]] = defaultdict(dict)
        for (name, value), codec in zip(entity.items(), codecs, strict=True):
            for item in value if isinstance(value, list) else [value]:
                found = type_of(item, name not in entity.shape.unindexed)
                self.add_property(namespace, kind, name, found, count=1, entity_bytes=size_of(item, codec))
            for inner, item in rows_of(name, value, entity.shape.unindexed):
                indexed[inner][pack(item)] = item
        for name, values in indexed.items():
            ordered = sorted(values)
            for at, packed in enumerate(ordered):
                beside = (len(ordered[at - 1]) if at else 0) + sum(map(len, ordered[at + 1 : at + 2]))
                figures = {"builtin_index_count": 2, "builtin_index_bytes": len(packed) + path + beside}
                self.add_whole(namespace, kind, **figures)
                self.add_property(namespace, kind, name, TYPES[type(values[packed])][1], **figures)

    def result(self, like: Statistics) -> Statistics:
        """As it is stored, with the columns of *like*."""
        made: Statistics = {}
        for place, figures in self.figures.items():
            figures["bytes"] = sum(
                figures[f"{each}_bytes"] for each in ("entity", "builtin_index", "composite_index")
            )
            whole = {**figures, **self.facts[place], "timestamp": NOW}
            made[place] = {name: whole.get(name, 0) for name in like.get(place, whole)}
        return made


def counted_by_hand(store: EngineStore) -> Counted:
    counted = Counted()
    bodies = {
        (number, path): body for number, path, body in store.run(rows("SELECT kind, path, body FROM entity"))
    }
    for entity in everything(store):
        key = entity.key
        assert key is not None
        if key.path[0] not in KINDS:
            kind = store.catalog.kinds[key.partition, key.path[-2]]
            body = bodies[kind.number, key.path_bytes]
            *_, shape = msgspec.msgpack.decode(body)
            counted.add_entity(entity, len(body), store.catalog.shapes[shape].codecs)
    return counted


def rows(text: str) -> Any:
    """A program that runs one statement."""
    [rows] = yield [(text, ())]
    return rows
