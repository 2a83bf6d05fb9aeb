"""Bad input: refused with an error of our own tree, before anything is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kindstore.store.abc import Store
from kindstore.store.messages import Count, Order, PropertyFilter, Query, Upsert
from kindstore.values.entity import EMPTY, Entity, Shape
from kindstore.values.errors import (
    BadArgumentError,
    BadKeyError,
    BadQueryError,
    BadValueError,
    Error,
    TooLargeError,
)
from kindstore.values.key import Key, Partition
from kindstore.values.types import User
from tests.conformance.database import Database


def nested(depth: int, **innermost: Any) -> Entity:
    entity = Entity.of(None, innermost)
    for _ in range(depth - 1):
        entity = Entity.of(None, {"e": entity})
    return entity


BAD_VALUES: list[tuple[Any, str]] = [
    (2**63, "x"),
    (-(2**63) - 1, "x"),
    ("\ud800", "x"),
    ("x" * 1501, "x"),
    ("é" * 751, "x"),
    (b"x" * 1501, "x"),
    (["ok", "x" * 1501], "x"),
    (..., "x"),
    ({}, "x"),
    ((1,), "x"),
    ({1}, "x"),
    (1j, "x"),
    ([[1]], "x"),
    ([1, ...], "x"),
    (datetime(2026, 1, 1, tzinfo=UTC), "x"),
    ([datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)], "x"),
    (User("\ud800"), "x"),
    (Key.of(Partition.of("kindstore"), ("E", None)), "x"),
    (nested(21, z=1), "x.e"),
    (nested(2, z=...), "x.e.z"),
    (nested(1, z="x" * 1501), "x.z"),
    (nested(1, __z__=1), "x.__z__"),
    ([nested(1, z=[2**63])], "x.z"),
]


class Refusals:
    """What is refused, how, and that nothing was written."""

    @pytest.fixture(autouse=True)
    def nothing_was_written(self, db: Database) -> Any:
        """Each of these tests stores "before" alone, whatever else it tries."""
        db.put("before", x=1)
        version = db.get("before")
        yield
        assert db.names(kind=None) == ["before"]
        assert db.names("x") == ["before"]
        assert db.get("before") == version

    @pytest.mark.parametrize(("value", "path"), BAD_VALUES, ids=lambda value: repr(value)[:40])
    def test_a_bad_value_is_refused_with_its_path(self, db: Database, value: Any, path: str) -> None:
        with pytest.raises((BadValueError, BadKeyError)) as caught:
            db.commit(db.upsert("a", y=1), db.upsert("b", y=1, x=value, z="x"))
        if caught.errisinstance(BadValueError):
            assert caught.value.facts["path"].startswith(path)

    @pytest.mark.parametrize(
        "value", ["x" * 1501, b"x" * 1501, "é" * 751, ["x" * 1501]], ids=lambda v: repr(v)[:9]
    )
    def test_too_long_for_an_index_is_a_too_large_error(self, db: Database, value: Any) -> None:
        with pytest.raises(TooLargeError):
            db.put("a", x=value)

    def test_the_limits_themselves_are_allowed(self, db: Database) -> None:
        db.put("a", y="é" * 750, z=[b"\0" * 1500, "\1" * 1500], deep=nested(20, z=1))
        db.put("b", unindexed=["y"], y="x" * 1_048_487)
        db.commit(db.upsert("E", "n" * 1500, **{"p" * 1500: 1}))
        db.put("K" * 1500, 1, y=1)
        db.put(*("E", 1) * 100, y=1)
        assert db.names(("y", "=", "é" * 750)) == ["a"]
        assert db.names(("z", "=", b"\0" * 1500)) == ["a"]
        assert db.names((".".join(["deep", *["e"] * 19, "z"]), "=", 1)) == ["a"]
        assert db.names(("p" * 1500, "=", 1)) == ["n" * 1500]
        assert db.names(kind="K" * 1500) == [1]
        self.forget(db)

    def forget(self, db: Database) -> None:
        """Delete all that a test was allowed to write."""
        for entity in db.page(db.query(kind=None)).results:
            if entity.key is not None and entity.key != db.key("before"):
                db.store.run(db.store.commit([db.removal(*entity.key.path)]))

    def test_an_unindexed_value_has_a_limit_too(self, db: Database) -> None:
        with pytest.raises(TooLargeError):
            db.put("a", unindexed=["y"], y="x" * 1_048_488)
        with pytest.raises(TooLargeError):
            db.put("a", unindexed=["y"], y=[b"x" * 1_048_488])

    def test_an_entity_over_1_mib_is_refused(self, db: Database) -> None:
        with pytest.raises(TooLargeError):
            db.put("a", unindexed=["y", "z"], y="x" * 600_000, z="x" * 600_000)

    def test_an_entity_has_20000_indexed_values_and_not_more(self, db: Database) -> None:
        with pytest.raises(TooLargeError):
            db.put("a", y=list(range(10_000)), z=list(range(10_001)))
        db.put("a", unindexed=["z"], y=list(range(20_000)), z=list(range(20_001)))
        assert db.names(("y", "=", 19_999)) == ["a"]
        self.forget(db)

    @pytest.mark.parametrize(
        "name",
        ["", "__x__", "__key__", "____", "p" * 1501, "\ud800", 1, None, b"x"],
        ids=lambda n: repr(n)[:9],
    )
    def test_a_bad_name_of_a_property_is_refused(self, db: Database, name: Any) -> None:
        with pytest.raises(BadValueError):
            db.commit(Upsert(Entity(db.key("a"), Shape.of(["y", name]), [1, 2])))
        with pytest.raises(BadValueError):
            db.commit(Upsert(Entity(db.key("a"), Shape.of([name], [name]), ["x"])))

    def test_names_that_only_look_reserved_are_allowed(self, db: Database) -> None:
        db.commit(db.upsert("a", **{"__x": 1, "x__": 2, "_": 3, "___": 4, "a b": 5, "'": 6}))
        assert db.names(("__x", "=", 1), ("___", "=", 4), ("'", "=", 6)) == ["a"]
        self.forget(db)

    def test_an_entity_has_one_value_per_column(self, db: Database) -> None:
        for values in ([1], [1, 2, 3]):
            with pytest.raises(Error):
                db.commit(Upsert(Entity(db.key("a"), Shape.of(["y", "z"]), values)))
        with pytest.raises(Error):
            db.commit(Upsert(Entity(db.key("a"), Shape.of(["y", "y"]), [1, 2])))
        with pytest.raises(Error):
            db.commit(Upsert(Entity(db.key("a"), EMPTY, [1])))

    # Keys

    @pytest.mark.parametrize(
        "path",
        [
            ("", 1),
            ("E", 0),
            ("E", -1),
            ("E", 2**63),
            ("E", ""),
            ("E", "n" * 1501),
            ("E", 1.5),
            ("E", True),
            ("E", "\ud800"),
            ("__E__", 1),
            ("E", "__n__"),
            ("__E__", 1, "E", 1),
            ("E", None, "E", 1),
            ("E", 1) * 101,
            ("E", "n" * 1400) * 5,
        ],
        ids=lambda path: repr(path)[:20],
    )
    def test_a_bad_key_is_refused(self, db: Database, path: tuple[Any, ...]) -> None:
        key = Key.of(db.partition, path)
        for mutation in (Upsert(Entity.of(key, {"y": 1})), db.removal(*path)):
            with pytest.raises(BadKeyError):
                db.commit(db.upsert("a", y=1), mutation)

    @pytest.mark.parametrize("key", [None, "E", ("E", 1), 1], ids=repr)
    def test_what_is_no_key_is_refused(self, db: Database, key: Any) -> None:
        with pytest.raises(BadKeyError):
            db.commit(Upsert(Entity.of(key, {"y": 1})))

    def test_an_incomplete_key_can_only_be_put_or_inserted(self, db: Database, store: Store) -> None:
        incomplete = db.key(None)
        with pytest.raises(BadKeyError):
            store.run(store.lookup([db.key("before"), incomplete]))
        with pytest.raises(BadKeyError):
            db.commit(db.removal(None))
        with pytest.raises(BadKeyError):
            db.commit(db.update(None, y=1))
        with pytest.raises(BadKeyError):
            store.run(store.reserve_ids([incomplete]))
        with pytest.raises(BadKeyError):
            store.run(store.allocate_ids([db.key("a")]))

    def test_a_key_of_another_project_is_refused(self, db: Database, store: Store) -> None:
        key = Key.of(Partition.of("another"), ("E", 1))
        with pytest.raises(BadKeyError):
            store.run(store.commit([Upsert(Entity.of(key, {}))]))
        with pytest.raises(BadKeyError):
            store.run(store.lookup([key]))
        with pytest.raises(BadKeyError):
            store.run(store.allocate_ids([Key.of(Partition.of("another"), ("E",))]))
        with pytest.raises(BadKeyError):
            store.run(store.reserve_ids([key]))
        with pytest.raises(BadQueryError):
            db.page(Query(Partition.of("another"), "E"))

    def test_one_entity_twice_in_a_commit_is_refused_outside_a_transaction(self, db: Database) -> None:
        with pytest.raises(BadArgumentError):
            db.commit(db.upsert("a", y=1), db.upsert("b", y=1), db.upsert("a", y=2))
        with pytest.raises(BadArgumentError):
            db.commit(db.upsert("a", y=1), db.removal("a"))

    @pytest.mark.parametrize("mutation", [None, "put", Entity.of(None, {})], ids=repr)
    def test_what_is_no_mutation_is_refused(self, db: Database, mutation: Any) -> None:
        with pytest.raises(BadArgumentError):
            db.commit(db.upsert("a", y=1), mutation)

    # Queries

    @pytest.mark.parametrize("op", ["<>", "==", "in", "", None, "like"])
    def test_an_unknown_operator_is_refused(self, db: Database, op: Any) -> None:
        with pytest.raises(BadQueryError):
            db.names(("x", op, 1))

    @pytest.mark.parametrize("value", [1, "E", None, ["k"]], ids=repr)
    def test_a_key_is_compared_with_keys_only(self, db: Database, value: Any) -> None:
        with pytest.raises(BadQueryError):
            db.names(("__key__", ">", value))

    def test_keys_and_ancestors_are_of_the_partition_of_the_query(self, db: Database, store: Store) -> None:
        other = Key.of(store.partition("n"), ("E", 1))
        with pytest.raises(BadQueryError):
            db.names(("__key__", "=", other))
        with pytest.raises(BadQueryError):
            db.names(ancestor=other)
        with pytest.raises(BadKeyError):
            db.names(ancestor=db.key(None))
        with pytest.raises(BadKeyError):
            db.names(("__key__", "=", db.key(None)))

    @pytest.mark.parametrize(
        "value", [[1], Entity.of(None, {}), ..., 2**63, "x" * 1501, "\ud800"], ids=lambda v: repr(v)[:20]
    )
    @pytest.mark.parametrize("op", ["=", "<"])
    def test_what_no_index_holds_is_not_compared_with(self, db: Database, op: str, value: Any) -> None:
        with pytest.raises((BadValueError, BadQueryError)):
            db.names(("x", op, value))
        with pytest.raises((BadValueError, BadQueryError)):
            db.count(("x", op, value))

    def test_without_a_kind_only_keys_filter_and_sort(self, db: Database) -> None:
        with pytest.raises(BadQueryError):
            db.names(("x", "=", 1), kind=None)
        with pytest.raises(BadQueryError):
            db.names("x", kind=None)

    @pytest.mark.parametrize("name", ["", None, 1, "\ud800"], ids=repr)
    def test_a_bad_name_in_a_query_is_refused(self, db: Database, name: Any) -> None:
        query = db.query()
        with pytest.raises(Error):
            db.page(Query(query.partition, "E", filters=(PropertyFilter(name, "=", 1),)))
        with pytest.raises(Error):
            db.page(Query(query.partition, "E", orders=(Order(name),)))
        if name is not None:
            with pytest.raises(Error):
                db.page(Query(query.partition, name))

    def test_more_than_100_filters_are_refused(self, db: Database) -> None:
        assert db.names(*[("x", ">", -n) for n in range(100)]) == ["before"]
        with pytest.raises(BadQueryError):
            db.names(*[("x", ">", -n) for n in range(101)])

    @pytest.mark.parametrize("aggregations", [["count"], [None]], ids=repr)
    def test_an_unknown_aggregation_is_refused(self, db: Database, store: Store, aggregations: Any) -> None:
        with pytest.raises(Error):
            store.run(store.run_aggregation(db.query(), aggregations))
        with pytest.raises(Error):
            store.run(store.run_aggregation(db.query(), [Count(-1)]))

    def test_a_bad_query_is_refused_within_a_transaction_and_the_transaction_goes_on(
        self, db: Database
    ) -> None:
        t = db.begin()
        with pytest.raises(BadQueryError):
            db.names(("x", "like", 1), transaction=t)
        with pytest.raises(BadKeyError):
            db.get(None, transaction=t)
        assert db.value("before", transaction=t) == 1
        db.commit(transaction=t)
