"""Writing and reading entities, and automatic ids."""

from __future__ import annotations

import asyncio
import enum
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kindstore.store.abc import Store
from kindstore.store.messages import Delete, Insert, Update, Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import AlreadyExistsError, ConflictError, Error, NotFoundError
from kindstore.values.key import Key
from kindstore.values.types import GeoPt, User
from tests.conformance.database import Clock, Database, Opener
from tests.values.strategies import strict


class Name(str):
    __slots__ = ()


class Level(enum.IntEnum):
    HIGH = 3


class Moment(datetime):
    __slots__ = ()


class KeyOfAFace(Key):
    __slots__ = ()


class Entities:
    """Behaviour of commit, lookup and ids."""

    def test_what_was_put_is_found(self, db: Database) -> None:
        db.put("a", x=1)
        assert db.get("a") == db.entity("a", x=1)

    def test_what_was_never_put_is_none(self, db: Database) -> None:
        db.put("a", x=1)
        assert db.get("b") is None
        assert db.get("OtherKind", "a") is None

    def test_lookup_answers_in_the_order_of_the_keys_and_as_often_as_asked(self, db: Database) -> None:
        for name in "abc":
            db.put(name, x=name)
        keys = [db.key(name) for name in "cxaac"]
        found = db.store.run(db.store.lookup(keys))
        assert [None if entity is None else entity["x"] for entity in found] == ["c", None, "a", "a", "c"]

    def test_lookup_of_nothing_is_nothing(self, db: Database) -> None:
        assert db.store.run(db.store.lookup([])) == []

    def test_a_thousand_entities_are_written_and_read_at_once(self, db: Database) -> None:
        keys = db.commit(*(db.upsert(n, x=n) for n in range(1, 1001)))
        found = db.store.run(db.store.lookup(list(reversed(keys))))
        assert [entity["x"] for entity in found if entity] == list(range(1000, 0, -1))

    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            False,
            0,
            1,
            -(2**63),
            2**63 - 1,
            0.0,
            -0.0,
            math.nan,
            math.inf,
            "",
            "é\0😀",
            b"",
            b"\0\1\xff",
            datetime(1, 1, 1),
            datetime(9999, 12, 31, 23, 59, 59, 999999),
            GeoPt(-90, 180),
            User("a@b.c", "b.c", "1"),
            [],
            [1, "1", b"1", 1.0, True, None],
            [datetime(2026, 1, 1), None],
            Entity.of(None, {}),
            Entity.of(None, {"a": [Entity.of(None, {"b": datetime(2026, 1, 1)}, ["b"])]}),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("unindexed", [[], ["x"]], ids=["indexed", "unindexed"])
    def test_every_value_comes_back_with_its_type(
        self, db: Database, value: Any, unindexed: list[str]
    ) -> None:
        db.put("a", unindexed=unindexed, x=value, y=1)
        assert strict(db.get("a")) == strict(db.entity("a", unindexed=unindexed, x=value, y=1))

    @pytest.mark.parametrize(
        ("value", "plain"),
        [
            (Name("x"), "x"),
            (Level.HIGH, 3),
            (Moment(2026, 1, 1), datetime(2026, 1, 1)),
            ([Name("x"), Level.HIGH], ["x", 3]),
        ],
        ids=repr,
    )
    def test_a_value_of_a_subclass_is_stored_as_its_plain_type(
        self, db: Database, value: Any, plain: Any
    ) -> None:
        """Jinja's Markup and enums are such values."""
        single = plain[0] if isinstance(plain, list) else plain
        db.put("a", x=value)
        assert strict(db.get("a")) == strict(db.entity("a", x=plain))
        assert db.names(("x", "=", single)) == ["a"]
        db.put("a", x=5)
        assert db.value("a") == 5
        db.put("a", x=value)
        db.put("b", unindexed=["x"], x=value)
        assert strict(db.get("b")) == strict(db.entity("b", unindexed=["x"], x=plain))
        db.delete("a")
        db.delete("b")
        assert db.names() == []

    def test_keys_are_values_too(self, db: Database) -> None:
        other = Key.of(db.store.partition("ns", "db"), ("A", 1, "B", "x\0"))
        db.put("a", x=[db.key("b"), other], y=other)
        assert strict(db.get("a")) == strict(db.entity("a", x=[db.key("b"), other], y=other))
        assert db.names(("y", "=", other)) == ["a"]
        assert db.names(("x", "=", other), ("x", "=", db.key("b"))) == ["a"]

    def test_an_entity_of_no_properties_is_an_entity(self, db: Database) -> None:
        db.put("a")
        assert db.get("a") == db.entity("a")
        assert db.names() == ["a"]

    def test_meanings_and_embedded_keys_come_back(self, db: Database) -> None:
        inner = Entity.of(db.key("A", 1, "B"), {"z": "text"}, ["z"], {"z": 15})
        db.commit(Upsert(Entity.of(db.key("a"), {"x": inner, "y": 2}, [], {"y": 7})))
        found = db.get("a")
        assert found is not None
        assert found.shape.meanings == (("y", 7),)
        assert strict(found["x"]) == strict(inner)

    def test_what_is_read_and_what_was_written_are_copies(self, db: Database) -> None:
        values = [1, 2]
        db.put("a", x=values)
        values.append(3)
        found = db.get("a")
        assert found is not None
        found["x"].append(4)
        assert db.value("a") == [1, 2]

    def test_a_put_replaces_the_whole_entity(self, db: Database) -> None:
        db.put("a", x=1, y=2)
        db.put("a", y=3)
        assert db.get("a") == db.entity("a", y=3)
        assert db.names(("x", "=", 1)) == []
        assert db.names(("y", "=", 2)) == []
        assert db.names(("y", "=", 3)) == ["a"]

    def test_properties_may_change_type_order_and_indexing(self, db: Database) -> None:
        db.put("a", x=1, y=2)
        db.put("a", y="2", x=[1, 3])
        assert db.names(("x", "=", 3)) == ["a"]
        assert db.names(("y", "=", 2)) == []
        assert db.names(("y", "=", "2")) == ["a"]
        db.put("a", unindexed=["x"], y="2", x=[1, 3])
        assert db.names(("x", "=", 3)) == []

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (1, True),
            (1, 1.0),
            ([1, 2], [1.0, 2]),
            (User("a", "b", "1"), User("a", "b", "2")),
            ([User("a", "b", "1")], [User("a", "b", "2")]),
            (Entity.of(None, {"z": 1}), Entity.of(None, {"z": True})),
            ([Entity.of(None, {"z": 1})], [Entity.of(None, {"z": True})]),
            ([Entity.of(None, {"z": [1]})], [Entity.of(None, {"z": [1.0]})]),
        ],
        ids=repr,
    )
    def test_an_index_follows_a_change_to_a_value_that_python_calls_equal(
        self, db: Database, old: Any, new: Any
    ) -> None:
        def terms(value: Any) -> list[tuple[str, str, Any]]:
            value = value[0] if isinstance(value, list) else value
            if isinstance(value, Entity):
                inner = value["z"]
                return [("x.z", "=", inner[0] if isinstance(inner, list) else inner)]
            return [("x", "=", value)]

        db.put("a", x=old)
        db.put("a", x=new)
        assert strict(db.get("a")) == strict(db.entity("a", x=new))
        assert db.names(*terms(new)) == ["a"]
        assert db.names(*terms(old)) == []

    def test_deleted_is_gone_from_lookup_and_queries(self, db: Database) -> None:
        db.put("a", x=[1, 2])
        db.delete("a")
        assert db.get("a") is None
        assert db.names() == db.names(("x", ">", 0)) == db.names("x") == []

    def test_deleting_what_is_not_there_is_no_error(self, db: Database) -> None:
        db.delete("a")
        db.delete("OtherKind", 1)

    def test_insert_refuses_a_key_that_is_taken_and_writes_nothing(self, db: Database) -> None:
        db.put("a", x=1)
        with pytest.raises(AlreadyExistsError):
            db.commit(db.upsert("b", x=2), db.insert("a", x=2))
        assert (db.value("a"), db.get("b")) == (1, None)

    def test_update_refuses_a_key_that_is_not_there_and_writes_nothing(self, db: Database) -> None:
        with pytest.raises(NotFoundError):
            db.commit(db.upsert("b", x=2), db.update("a", x=2))
        assert db.get("b") is None
        db.put("a", x=1)
        db.commit(db.update("a", x=2))
        assert db.value("a") == 2

    def test_partitions_do_not_see_each_other(self, db: Database, store: Store) -> None:
        others = [store.partition("n"), store.partition("", "d"), store.partition("n", "d")]
        for at, partition in enumerate([db.partition, *others]):
            store.run(store.commit([Upsert(Entity.of(Key.of(partition, ("E", "a")), {"x": at}))]))
        for at, partition in enumerate([db.partition, *others]):
            [found] = store.run(store.lookup([Key.of(partition, ("E", "a"))]))
            assert found is not None
            assert found["x"] == at
            page = store.run(store.run_query(db.query().__class__(partition, "E")))
            assert [entity["x"] for entity in page.results] == [at]
            kindless = store.run(store.run_query(db.query().__class__(partition)))
            assert len(kindless.results) == 1

    def test_a_key_of_a_face_is_an_ordinary_key(self, db: Database, store: Store) -> None:
        key = KeyOfAFace.of(db.partition, ("E", "a"))
        store.run(store.commit([Upsert(Entity.of(key, {"x": key}))]))
        assert db.names(("x", "=", key), ancestor=key) == ["a"]
        [found] = store.run(store.lookup([key]))
        assert found is not None
        assert found["x"] == db.key("a")

    # Versions

    def test_versions_grow_and_are_those_of_commits(self, db: Database) -> None:
        first = db.version(db.upsert("a", x=1))
        second = db.version(db.upsert("b", x=1), db.upsert("c", x=1))
        third = db.version(db.upsert("a", x=2))
        assert first > 0
        found = [db.get(name) for name in "abc"]
        assert [entity and entity.version for entity in found] == [third, second, second]
        assert third > first

    def test_a_put_that_changes_nothing_does_not_change_the_version(self, db: Database) -> None:
        version = db.version(db.upsert("a", x=[1, "b"]))
        db.put("a", x=[1, "b"])
        entity = db.get("a")
        assert entity is not None
        assert entity.version == version

    @pytest.mark.parametrize("cls", [Upsert, Update])
    def test_base_version_lets_only_the_reader_of_the_newest_state_write(
        self, db: Database, cls: type[Any]
    ) -> None:
        old = db.version(db.upsert("a", x=1))
        new = db.version(db.upsert("a", x=2))
        with pytest.raises(ConflictError):
            db.commit(cls(db.entity("a", x=3), base_version=old))
        with pytest.raises(ConflictError):
            db.commit(db.upsert("b", x=1), cls(db.entity("a", x=3), base_version=0))
        assert (db.value("a"), db.get("b")) == (2, None)
        db.commit(cls(db.entity("a", x=3), base_version=new))
        assert db.value("a") == 3

    def test_base_version_0_stands_for_absence(self, db: Database) -> None:
        db.commit(Upsert(db.entity("a", x=1), base_version=0))
        with pytest.raises(ConflictError):
            db.commit(Upsert(db.entity("a", x=2), base_version=0))
        db.commit(Insert(db.entity("b", x=1), base_version=0))
        with pytest.raises(ConflictError):
            db.commit(Delete(db.key("OtherKind", 1), base_version=5))

    def test_delete_with_a_base_version_deletes_that_version_only(self, db: Database) -> None:
        old = db.version(db.upsert("a", x=1))
        new = db.version(db.upsert("a", x=2))
        with pytest.raises(ConflictError):
            db.commit(Delete(db.key("a"), base_version=old))
        assert db.value("a") == 2
        db.commit(Delete(db.key("a"), base_version=new))
        assert db.get("a") is None

    # Ids

    def test_automatic_ids_are_scattered_like_app_engines(self, db: Database) -> None:
        keys = [db.put(None, x=n) for n in range(3)]
        assert [key.path[-1] for key in keys] == [5629499534213120, 5066549580791808, 6192449487634432]

    def test_automatic_ids_come_back_with_the_commit_in_order(self, db: Database) -> None:
        keys = db.commit(db.upsert(None, x=0), db.upsert("a", x=1), db.insert("P", 1, "E", None, x=2))
        assert [db.value(*key.path) for key in keys] == [0, 1, 2]
        assert keys[2].path[:3] == ("P", 1, "E")
        assert all(key.is_complete for key in keys)

    def test_an_automatic_id_is_never_that_of_an_entity_or_reserved(self, db: Database, store: Store) -> None:
        db.put(5629499534213120, x="by hand")
        store.run(store.reserve_ids([db.key(5066549580791808), db.key("a name")]))
        given = [db.put(None, x=n).path[-1] for n in range(50)]
        assert len(set(given)) == 50
        assert not {5629499534213120, 5066549580791808} & set(given)
        assert db.value(5629499534213120) == "by hand"

    def test_allocated_ids_are_given_once(self, db: Database, store: Store) -> None:
        db.put(5629499534213120, x="by hand")
        allocated = store.run(store.allocate_ids([db.key(None), db.key("P", 1, "E", None)]))
        allocated += store.run(store.allocate_ids([db.key(None)] * 5))
        put = [db.put(None, x=n) for n in range(10)]
        numbers = [key.path[-1] for key in (*allocated, *put)]
        assert len(set(numbers)) == 17
        assert 5629499534213120 not in numbers
        assert allocated[1].path[:3] == ("P", 1, "E")

    def test_ids_of_a_commit_that_failed_are_not_given_to_two_entities(self, db: Database) -> None:
        db.put("a", x=1)
        with pytest.raises(AlreadyExistsError):
            db.commit(db.upsert(None, x=2), db.insert("a", x=2))
        keys = [db.put(None, x=n) for n in range(3)]
        assert len(set(keys)) == 3
        assert len(db.names()) == 4

    # Running

    def test_a_program_runs_under_asyncio_as_well(self, db: Database, store: Store) -> None:
        async def work() -> list[Any]:
            await asyncio.gather(*(store.arun(store.commit([db.upsert(n, x=n)])) for n in range(1, 21)))
            page = await store.arun(store.run_query(db.query("-x")))
            return [entity["x"] for entity in page.results]

        assert asyncio.run(work()) == list(range(20, 0, -1))

    def test_programs_are_composed_by_yield_from(self, db: Database, store: Store) -> None:
        def both() -> Any:
            committed = yield from store.commit([db.upsert("a", x=1)])
            found = yield from store.lookup(committed.keys)
            return found[0]

        assert store.run(both()) == db.entity("a", x=1)

    def test_a_closed_store_refuses_to_run(self, opener: Opener, tmp_path: Path, clock: Clock) -> None:
        place = tmp_path / "closed"
        place.mkdir()
        db = Database(opener(place, clock))
        db.put("a", x=1)
        db.store.close()
        with pytest.raises(Error):
            db.get("a")
        with pytest.raises(Error):
            db.put("b", x=1)
        db.store.close()
