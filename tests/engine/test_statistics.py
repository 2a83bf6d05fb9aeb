"""Statistics equal what is counted by hand: from all entities, value by value, in plain Python."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kindstore.backends.sqlite import open_store
from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.engine.composites import State
from kindstore.engine.store import EngineStore
from kindstore.store.messages import Delete, Mutation, PropertyFilter, Query, Upsert
from kindstore.store.statistics import NAMESPACE_PREFIX, Progress
from kindstore.values.entity import Entity
from kindstore.values.errors import BadKeyError
from kindstore.values.key import Key
from kindstore.values.types import GeoPt, User
from tests.conformance.database import Database
from tests.engine.counting import NAMESPACES, NOW, counted_by_hand, everything, rows, statistics


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
    db.put("E", "c", x=1)
    store.run(store.create_indexes([index]))
    while store.run(store.build_index(index)).state is State.BUILDING:
        pass
    db.put("E", "a", x=1, y=2)
    db.put("E", "a", "E", "b", x=[1, 2], y=[3, 4, 5])
    store.run(store.refresh_statistics())
    found = statistics(store)
    [(number, table)] = [
        (each.number, each.table) for each in store.catalog.kinds[db.partition, "E"].composites
    ]
    stored = store.run(rows(f"SELECT a, c0, c1, path, b0, b1 FROM {table}"))
    size = sum(len(part) for row in stored for part in row if part is not None)
    assert len(stored) == 1 + 2 * 2 * 3
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


def test_an_index_that_another_process_drops_meanwhile_is_left_out(tmp_path: Path) -> None:
    first, second = (open_store(tmp_path / "one.db") for _ in range(2))
    index = CompositeIndex("E", False, (IndexProperty("x", False), IndexProperty("y", False)))
    Database(first).put("a", x=1, y=2)
    first.run(first.create_indexes([index]))
    first.run(first.build_index(index))
    first.run(first.refresh_statistics(lambda _: second.run(second.drop_indexes([index]))))
    found = statistics(first)
    assert not [place for place in found if "Composite" in place[1]]
    assert found["", "__Stat_Total__", "total_entity_usage"]["composite_index_count"] == 0
    for store in (first, second):
        assert store.run(store.check()) == []
        store.close()


def test_others_write_between_the_steps(db: Database, store: EngineStore) -> None:
    db.commit(*[db.upsert("E", number, x=number) for number in range(1, 4001)])

    def write(progress: Progress) -> None:
        db.put("New", progress.done, y="from another kind")

    store.run(store.refresh_statistics(write))
    assert statistics(store)["", "__Stat_Kind__", "E"]["count"] == 4000
