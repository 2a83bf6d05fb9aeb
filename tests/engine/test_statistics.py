"""Statistics equal what is counted by hand: from all entities, value by value, in plain Python."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import pytest

from kindstore.backends.sqlite import open_store
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.composites import State
from kindstore.engine.store import EngineStore
from kindstore.store.messages import Delete, Mutation, PropertyFilter, Query, Upsert
from kindstore.store.statistics import KINDS, NAMESPACE_PREFIX, Progress
from kindstore.values import record
from kindstore.values.entity import Entity
from kindstore.values.errors import BadKeyError
from kindstore.values.key import Key
from kindstore.values.ordered import pack
from kindstore.values.types import GeoPt, User
from tests.conformance.database import Database

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


@pytest.fixture
def store() -> Iterator[EngineStore]:
    nanoseconds = int((NOW - datetime(1970, 1, 1)).total_seconds()) * 10**9 + 5000
    store = open_store(":memory:", now=lambda: nanoseconds)
    yield store
    assert store.run(store.check()) == []
    store.close()


@pytest.fixture
def db(store: EngineStore) -> Database:
    return Database(store)


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
        (number, path): body for number, path, body in store.run(_rows("SELECT kind, path, body FROM entity"))
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


def _rows(text: str) -> Any:
    [rows] = yield [(text, ())]
    return rows


# Random databases.

VALUES: list[Any] = [
    *(None, True, False, 0, 7, -300, 2**40, 1.5, float("inf"), "", "abc", "ü" * 40, b"", b"\0" * 300),
    *(datetime(2001, 2, 3), GeoPt(1, 2), User("a@b.c", "b.c", "1"), User("x", "y")),
    Entity.of(None, {"p": [1, "x", 1], "q": None, "r": "far"}, ["r"]),
    Entity.of(None, {"in": Entity.of(None, {"deep": 2.5})}),
]


def random_entity(chance: random.Random, store: EngineStore) -> Entity:
    partition = store.partition(chance.choice(NAMESPACES))
    path = [chance.choice("AB"), chance.randint(1, 6)]
    if chance.random() < 0.4:
        path += [chance.choice("AC"), chance.choice(["x", "y", 9])]
    values: dict[str, Any] = {}
    for name in chance.sample("wxyz", chance.randint(0, 3)):
        several = chance.choices([*VALUES, Key.of(partition, path)], k=chance.randint(0, 3))
        values[name] = several if chance.random() < 0.4 else several[0] if several else 5
    if chance.random() < 0.2:
        values["t"] = [datetime(1999, 1, 1), datetime(2030, 1, 1)]
    unindexed = [name for name in values if chance.random() < 0.2]
    return Entity.of(Key.of(partition, path), values, unindexed)


def random_commit(chance: random.Random, store: EngineStore) -> None:
    mutations: dict[Key, Mutation] = {}
    for _ in range(chance.randint(1, 5)):
        entity = random_entity(chance, store)
        assert entity.key is not None
        mutations[entity.key] = Delete(entity.key) if chance.random() < 0.25 else Upsert(entity)
    store.run(store.commit([*mutations.values()]))


@pytest.mark.parametrize("seed", range(6))
def test_statistics_after_random_histories_are_those_counted_by_hand(store: EngineStore, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(4):
        for _ in range(chance.randint(5, 40)):
            random_commit(chance, store)
        number = store.run(store.refresh_statistics())
        found = statistics(store)
        assert found == counted_by_hand(store).result(found)
        assert len(found) == number


# Particular ones.


def test_an_empty_database_has_no_statistics(store: EngineStore) -> None:
    assert store.run(store.refresh_statistics()) == 0
    assert everything(store) == []


def test_the_statistics_of_three_entities(db: Database, store: EngineStore) -> None:
    """Worked out with a pencil: kind E and a name of one letter are 5 bytes of path."""
    db.put("E", "a", x=1, text="long", unindexed=["text"])
    db.put("E", "b", x="yes")
    db.put("E", "b", "F", "c", x=[1, 2])
    store.run(store.refresh_statistics())
    found = statistics(store)
    whole = found["", "__Stat_Total__", "total_entity_usage"]
    assert (whole["count"], whole["builtin_index_count"], whole["timestamp"]) == (3, 3 + 2 * 4, NOW)
    assert found["", "__Stat_PropertyType__", "Text"]["entity_bytes"] == len(b"\xa4long")
    assert found["", "__Stat_PropertyType__", "Text"]["builtin_index_count"] == 0
    integers = found["", "__Stat_PropertyType_Kind__", "INT64_E"]
    # 19 01 is the value, 45 00 30 61 00 the path.
    assert (integers["count"], integers["builtin_index_count"], integers["builtin_index_bytes"]) == (0, 2, 7)
    assert found["", "__Stat_PropertyType_Kind__", "Integer_E"]["count"] == 1
    assert found["", "__Stat_PropertyName_Kind__", "x_F"]["count"] == 2
    assert found["", "__Stat_Kind_IsRootEntity__", "E"]["count"] == 2
    assert ("", "__Stat_Kind_NotRootEntity__", "E") not in found
    assert found["", "__Stat_Kind_NotRootEntity__", "F"]["count"] == 1


def test_composite_indexes_are_counted_by_their_rows(db: Database, store: EngineStore) -> None:
    index = CompositeIndex("E", True, (IndexProperty("x", False), IndexProperty("y", True)))
    store.run(store.create_index(index))
    while store.run(store.build_index(index)).state is State.BUILDING:
        pass
    db.put("E", "a", x=1, y=2)
    db.put("E", "a", "E", "b", x=[1, 2], y=[3, 4, 5])
    db.put("E", "c", x=1)
    store.run(store.refresh_statistics())
    found = statistics(store)
    [(number, table)] = [
        (each.number, each.table) for each in store.catalog.kinds[db.partition, "E"].composites
    ]
    rows = store.run(_rows(f"SELECT a, c0, c1, path, b0, b1 FROM {table}"))
    size = sum(len(part) for row in rows for part in row if part is not None)
    assert len(rows) == 1 + 2 * 2 * 3
    for kind in ("__Stat_Kind_CompositeIndex__", "__Stat_Ns_Kind_CompositeIndex__"):
        assert found["", kind, f"E_{number}"] == {
            "bytes": size,
            "count": 13,
            "timestamp": NOW,
            "kind_name": "E",
            "index_id": number,
        }
    for kind, id_ in (("Total", "total_entity_usage"), ("Kind", "E"), ("Namespace", 1)):
        figures = found["", f"__Stat_{kind}__", id_]
        assert (figures["composite_index_count"], figures["composite_index_bytes"]) == (13, size)
        parts = ("entity_bytes", "builtin_index_bytes", "composite_index_bytes")
        assert figures["bytes"] == sum(figures[part] for part in parts)


def test_what_is_gone_has_no_statistics_any_more(db: Database, store: EngineStore) -> None:
    db.put("E", 1, x=1, y=1)
    db.put("F", 1, x="a")
    store.run(store.refresh_statistics())
    assert ("", "__Stat_Kind__", "F") in statistics(store)
    db.delete("F", 1)
    db.put("E", 1, x=1)
    store.run(store.refresh_statistics())
    assert not [place for place in statistics(store) if "F" in str(place[2]) or "y" in str(place[2])[:1]]
    db.delete("E", 1)
    assert store.run(store.refresh_statistics()) == 0
    assert everything(store) == []


def test_statistics_do_not_count_themselves(db: Database, store: EngineStore) -> None:
    db.put("E", 1, x=1)
    store.run(store.refresh_statistics())
    before = statistics(store)
    store.run(store.refresh_statistics())
    assert statistics(store) == before


def test_each_namespace_has_its_own_and_the_default_one_those_of_all(store: EngineStore) -> None:
    for namespace, number in (("a", 1), ("b", 2)):
        keys = [Key.of(store.partition(namespace), ("E", id_ + 1)) for id_ in range(number)]
        store.run(store.commit([Upsert(Entity.of(key, {"x": 1})) for key in keys]))
    store.run(store.refresh_statistics())
    counts = {place: figures["count"] for place, figures in statistics(store).items()}
    assert counts["", "__Stat_Total__", "total_entity_usage"] == 3
    assert counts["a", "__Stat_Ns_Total__", "total_entity_usage"] == 1
    assert counts["b", "__Stat_Ns_Kind__", "E"] == 2
    assert {place: count for place, count in counts.items() if "Namespace" in place[1]} == {
        ("", "__Stat_Namespace__", "a"): 1,
        ("", "__Stat_Namespace__", "b"): 2,
    }
    assert not [place for place in counts if place[0] and not place[1].startswith(NAMESPACE_PREFIX)]


def test_databases_are_counted_apart(store: EngineStore) -> None:
    other = store.partition("a", "other")
    store.run(store.commit([Upsert(Entity.of(Key.of(other, ("E", 1)), {"x": 1}))]))
    store.run(store.refresh_statistics())
    assert statistics(store) == {}
    key = Key.of(store.partition("", "other"), ("__Stat_Total__", "total_entity_usage"))
    [total] = store.run(store.lookup([key]))
    assert total["count"] == 1


def test_statistics_are_queried_like_any_kind(db: Database, store: EngineStore) -> None:
    for kind, number in (("E", 3), ("F", 1), ("G", 2)):
        for id_ in range(number):
            db.put(kind, id_ + 1, x=1)
    store.run(store.refresh_statistics())
    many = (PropertyFilter("count", ">=", 2),)
    page = db.page(Query(db.partition, "__Stat_Kind__", filters=many))
    assert [each["kind_name"] for each in page.results] == ["G", "E"]
    assert db.names("-count", kind="__Stat_Kind__") == ["E", "G", "F"]


def test_nobody_else_writes_statistics(db: Database, store: EngineStore) -> None:
    db.put("E", 1, x=1)
    store.run(store.refresh_statistics())
    with pytest.raises(BadKeyError):
        db.put("__Stat_Kind__", "E", count=7)
    with pytest.raises(BadKeyError):
        db.delete("__Stat_Kind__", "E")


def test_names_too_long_for_a_key_are_cut(db: Database, store: EngineStore) -> None:
    long = "p" * 1500
    db.commit(Upsert(Entity.of(db.key("E", 1), {long: 1, long[:-1] + "q": 1})))
    store.run(store.refresh_statistics())
    names = [
        each["property_name"] for each in db.page(Query(db.partition, "__Stat_PropertyName_Kind__")).results
    ]
    assert sorted(names) == [long, long[:-1] + "q"]


def test_a_refresh_tells_how_far_it_is(db: Database, store: EngineStore) -> None:
    db.commit(*[db.upsert("E", number, x=number) for number in range(1, 5001)])
    steps: list[Progress] = []
    store.run(store.refresh_statistics(steps.append))
    assert [each.done for each in steps] == [2000, 4000, 5000]
    assert {each.total for each in steps} == {5000}


def test_a_refresh_that_is_broken_off_may_be_done_again(db: Database, store: EngineStore) -> None:
    db.commit(*[db.upsert("E", number, x=number) for number in range(1, 2500)])

    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.run(store.refresh_statistics(stop))
    store.run(store.refresh_statistics())
    assert statistics(store)["", "__Stat_Total__", "total_entity_usage"]["count"] == 2499


def test_others_write_between_the_steps(db: Database, store: EngineStore) -> None:
    db.commit(*[db.upsert("E", number, x=number) for number in range(1, 4001)])

    def write(progress: Progress) -> None:
        db.put("New", progress.done, y="from another kind")

    store.run(store.refresh_statistics(write))
    assert statistics(store)["", "__Stat_Kind__", "E"]["count"] == 4000
