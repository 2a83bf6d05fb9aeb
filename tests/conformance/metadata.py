"""Metadata: which namespaces, kinds and properties there are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kindstore.store.messages import Count, Order, OrFilter, PropertyFilter, Query, Sum, Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import BadCursorError, BadKeyError, BadQueryError
from kindstore.values.key import Key
from kindstore.values.types import GeoPt, User
from tests.conformance.database import Database

KINDS = ["Author", "Book", "Éditeur"]


class Metadata:
    """Behaviour of the kinds that every store has of itself."""

    @pytest.fixture
    def library(self, db: Database) -> None:
        """Books and authors in two namespaces, and in another database."""
        for partition in (db.partition, db.partition.with_namespace("shop")):
            for kind in KINDS:
                self.put_in(db, partition, (kind, 1), name="x", year=1)
        self.put_in(db, db.store.partition("attic", "other"), ("Chair", 1), legs=4)

    def put_in(self, db: Database, partition: Any, path: tuple[Any, ...], **properties: Any) -> Key:
        return db.commit(Upsert(Entity.of(Key.of(partition, path), properties)))[0]

    def ask(self, db: Database, kind: str, *terms: Any, namespace: str = "", **options: Any) -> list[Any]:
        """The last ids of the results of a metadata query, and with them their types where there are any."""
        partition = db.store.partition(namespace)
        filters = tuple(PropertyFilter("__key__", op, Key.of(partition, path)) for op, path in terms)
        query = Query(partition, kind, filters=filters, **options)
        page = db.store.run(db.store.run_query(query))
        return [self.shown(each) for each in page.results]

    def shown(self, entity: Entity) -> Any:
        assert entity.key is not None
        last = entity.key.path[-1]
        return (last, entity["property_representation"]) if entity.shape.names else last

    # Namespaces

    def test_an_empty_store_has_no_namespaces_kinds_and_properties(self, db: Database) -> None:
        for kind in ("__namespace__", "__kind__", "__property__"):
            assert self.ask(db, kind) == []

    def test_the_default_namespace_has_the_id_1(self, db: Database, library: None) -> None:
        assert self.ask(db, "__namespace__") == [1, "shop"]
        assert self.ask(db, "__namespace__", namespace="shop") == [1, "shop"]

    def test_a_namespace_in_which_nothing_is_stored_any_more_is_not_listed(
        self, db: Database, library: None
    ) -> None:
        assert self.ask(db, "__namespace__", ("=", ("__namespace__", 1))) == [1]
        for kind in KINDS:
            db.delete(kind, 1)
        assert self.ask(db, "__namespace__") == ["shop"]

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            ([(">", ("__namespace__", 1))], ["shop"]),
            ([(">=", ("__namespace__", "a")), ("<", ("__namespace__", "t"))], ["shop"]),
            ([("<", ("__namespace__", "shop"))], [1]),
            ([("<=", ("__namespace__", "shop"))], [1, "shop"]),
            ([("=", ("__namespace__", "attic"))], []),
        ],
    )
    def test_namespaces_are_filtered_by_key(
        self, db: Database, library: None, terms: list[Any], expected: list[Any]
    ) -> None:
        assert self.ask(db, "__namespace__", *terms) == expected

    # Kinds

    def test_kinds_are_those_of_the_namespace_in_order(self, db: Database, library: None) -> None:
        self.put_in(db, db.partition, ("Author", 1, "Note", 7), x=1)
        assert self.ask(db, "__kind__") == ["Author", "Book", "Note", "Éditeur"]
        assert self.ask(db, "__kind__", namespace="shop") == KINDS
        assert self.ask(db, "__kind__", namespace="attic") == []

    def test_a_kind_of_which_nothing_is_stored_any_more_is_not_listed(
        self, db: Database, library: None
    ) -> None:
        db.delete("Book", 1)
        assert self.ask(db, "__kind__") == ["Author", "Éditeur"]
        assert self.ask(db, "__kind__", namespace="shop") == KINDS

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            ([(">=", ("__kind__", "Book"))], "BookÉditeur"),
            ([(">", ("__kind__", "Book"))], "Éditeur"),
            ([("<", ("__kind__", "Book"))], "Author"),
            ([("=", ("__kind__", "Book"))], "Book"),
            ([("=", ("__kind__", "Boo"))], ""),
            ([(">", ("__kind__", "Author")), ("<", ("__kind__", "É"))], "Book"),
        ],
    )
    def test_kinds_are_filtered_by_key(
        self, db: Database, library: None, terms: list[Any], expected: str
    ) -> None:
        assert "".join(self.ask(db, "__kind__", *terms)) == expected

    def test_keys_order_limit_and_offset_are_allowed(self, db: Database, library: None) -> None:
        assert self.ask(db, "__kind__", orders=(Order("__key__"),)) == KINDS
        assert self.ask(db, "__kind__", orders=(Order("__key__"), Order("x", descending=True))) == KINDS
        assert self.ask(db, "__kind__", keys_only=True, limit=2) == KINDS[:2]
        assert self.ask(db, "__kind__", offset=1, limit=1) == ["Book"]
        assert self.ask(db, "__kind__", limit=0) == []

    def test_metadata_is_read_a_page_at_a_time(self, db: Database, library: None) -> None:
        query = Query(db.partition, "__kind__")
        seen: list[Any] = []
        page = db.page(query, page_size=1)
        for _ in KINDS:
            seen += [self.shown(each) for each in page.results]
            page = db.page(Query(db.partition, "__kind__", start=page.cursor), page_size=1)
        assert (seen, page.results) == (KINDS, [])

    def test_a_cursor_outlives_its_kind_and_may_be_the_end(self, db: Database, library: None) -> None:
        cursor = db.page(Query(db.partition, "__kind__"), page_size=2).cursor
        db.delete("Book", 1)
        assert self.ask(db, "__kind__", start=cursor) == ["Éditeur"]
        assert self.ask(db, "__kind__", end=cursor) == ["Author"]
        begin = db.page(Query(db.partition, "__kind__"), page_size=0).cursor
        assert self.ask(db, "__kind__", end=begin) == []

    def test_a_cursor_of_another_kind_or_namespace_is_refused(self, db: Database, library: None) -> None:
        cursor = db.page(Query(db.partition, "__kind__"), page_size=1).cursor
        for query in (
            Query(db.partition, "__namespace__", start=cursor),
            Query(db.store.partition("shop"), "__kind__", start=cursor),
            Query(db.partition, "__kind__", start=b"no cursor"),
        ):
            with pytest.raises(BadCursorError):
                db.page(query)

    def test_metadata_can_be_counted(self, db: Database, library: None) -> None:
        def count(kind: str, up_to: int | None = None, **options: Any) -> list[Any]:
            query = Query(db.partition, kind, **options)
            return db.store.run(db.store.run_aggregation(query, [Count(up_to)]))

        assert count("__kind__") == [3]
        assert count("__kind__", 2) == [2]
        assert count("__kind__", limit=1) == [1]
        assert count("__kind__", offset=2) == [1]
        assert count("__property__") == [6]
        with pytest.raises(BadQueryError):
            db.store.run(db.store.run_aggregation(Query(db.partition, "__kind__"), [Sum("x")]))

    # Properties

    def test_a_property_lists_the_types_of_its_values(self, db: Database) -> None:
        typed: dict[str, list[Any]] = {
            "NULL": [None],
            "INT64": [7, -(2**63), datetime(1960, 1, 1), 0],
            "BOOLEAN": [True, False],
            "STRING": ["", b"\xff"],
            "DOUBLE": [float("-inf"), float("nan")],
            "POINT": [GeoPt(-90, 180)],
            "USER": [User("a@b.c", "b.c", "1")],
            "REFERENCE": [db.key("E", 1)],
        }
        for name, values in typed.items():
            for at, value in enumerate(values):
                db.put(name, at + 1, **{name.lower(): value})
        for name in typed:
            kind = db.key("__kind__", name)
            assert self.ask(db, "__property__", ancestor=kind) == [(name.lower(), [name])]
        db.put("E", 1, x=list(reversed([value for values in typed.values() for value in values])))
        assert self.ask(db, "__property__", ancestor=db.key("__kind__", "E")) == [("x", list(typed))]

    def test_only_properties_with_index_rows_are_listed(self, db: Database) -> None:
        db.put("a", x=1, y=2, unindexed=["y"])
        db.put("b", x=None, z=[], inner=Entity.of(None, {"p": "x", "q": [1, 2]}))
        assert self.ask(db, "__property__") == [
            ("inner.p", ["STRING"]),
            ("inner.q", ["INT64"]),
            ("x", ["NULL", "INT64"]),
        ]
        db.delete("b")
        assert self.ask(db, "__property__") == [("x", ["INT64"])]
        db.put("a", x="now a text")
        assert self.ask(db, "__property__") == [("x", ["STRING"])]

    def test_properties_without_their_types(self, db: Database, library: None) -> None:
        assert self.ask(db, "__property__", keys_only=True) == ["name", "year"] * 3

    def test_properties_have_the_key_of_their_kind_above(self, db: Database, library: None) -> None:
        first = db.page(Query(db.partition, "__property__")).results[0]
        assert first.key == Key.of(db.partition, ("__kind__", "Author", "__property__", "name"))
        assert first["property_representation"] == ["STRING"]

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            ([("=", ("__kind__", "Book", "__property__", "name"))], ["name"]),
            ([(">", ("__kind__", "Book", "__property__", "name"))], ["year", "name", "year"]),
            ([(">=", ("__kind__", "Book"))], ["name", "year"] * 2),
            ([("<", ("__kind__", "Book"))], ["name", "year"]),
            ([(">=", ("__kind__", "Book")), ("<", ("__kind__", "Book", "__property__", "year"))], ["name"]),
        ],
    )
    def test_properties_are_filtered_by_key(
        self, db: Database, library: None, terms: list[Any], expected: list[Any]
    ) -> None:
        assert self.ask(db, "__property__", *terms, keys_only=True) == expected

    def test_a_kind_or_a_property_may_be_the_ancestor(self, db: Database, library: None) -> None:
        def below(*path: Any) -> list[Any]:
            return self.ask(db, "__property__", ancestor=db.key(*path), keys_only=True)

        assert below("__kind__", "Book") == ["name", "year"]
        assert below("__kind__", "Book", "__property__", "year") == ["year"]
        assert below("__kind__", "Boo") == []

    def test_properties_are_read_a_page_at_a_time(self, db: Database, library: None) -> None:
        query = Query(db.partition, "__property__")
        page = db.page(query, page_size=4)
        rest = db.page(Query(db.partition, "__property__", start=page.cursor))
        assert [self.shown(each)[0] for each in [*page.results, *rest.results]] == ["name", "year"] * 3
        assert len(rest.results) == 2

    # What is refused

    @pytest.mark.parametrize("kind", ["__namespace__", "__kind__", "__property__"])
    @pytest.mark.parametrize(
        "options",
        [
            {"filters": (PropertyFilter("x", "=", 1),)},
            {"filters": (PropertyFilter("x", "=", 1), PropertyFilter("y", ">", 1))},
            {"orders": (Order("__key__", descending=True),)},
            {"orders": (Order("x"),)},
            {"projection": ("property_representation",)},
            {"distinct_on": ("property_representation",)},
        ],
    )
    def test_what_only_other_kinds_have_is_refused(
        self, db: Database, library: None, kind: str, options: dict[str, Any]
    ) -> None:
        with pytest.raises(BadQueryError) as caught:
            db.page(Query(db.partition, kind, **options))
        assert "__key__" in str(caught.value)

    @pytest.mark.parametrize(
        ("kind", "path"),
        [
            ("__namespace__", ("__kind__", "x")),
            ("__namespace__", ("__namespace__", 2)),
            ("__kind__", ("__kind__", 1)),
            ("__kind__", ("E", "x")),
            ("__kind__", ("__kind__", "E", "__property__", "x")),
            ("__property__", ("__property__", "x")),
            ("__property__", ("__kind__", "E", "__property__", 1)),
            ("__property__", ("__kind__", "E", "x", "x")),
        ],
    )
    def test_keys_of_another_form_are_refused(self, db: Database, kind: str, path: tuple[Any, ...]) -> None:
        with pytest.raises(BadQueryError):
            self.ask(db, kind, ("<", path))
        if kind == "__property__":
            with pytest.raises(BadQueryError):
                self.ask(db, kind, ancestor=db.key(*path))

    def test_ancestors_are_for_properties_alone(self, db: Database) -> None:
        for kind in ("__namespace__", "__kind__"):
            with pytest.raises(BadQueryError):
                self.ask(db, kind, ancestor=db.key(kind, "x"))

    def test_alternatives_are_refused(self, db: Database) -> None:
        key = Key.of(db.partition, ("__kind__", "E"))
        for condition in (
            OrFilter((PropertyFilter("__key__", "=", key), PropertyFilter("__key__", "=", key))),
            PropertyFilter("__key__", "!=", key),
            PropertyFilter("__key__", "IN", (key,)),
        ):
            with pytest.raises(BadQueryError):
                db.page(Query(db.partition, "__kind__", filters=(condition,)))

    @pytest.mark.parametrize("kind", ["__namespace__", "__kind__", "__property__"])
    def test_transactions_cannot_query_metadata(self, db: Database, library: None, kind: str) -> None:
        transaction = db.begin()
        with pytest.raises(BadQueryError):
            db.page(Query(db.partition, kind), transaction)
        with pytest.raises(BadQueryError):
            db.store.run(db.store.run_aggregation(Query(db.partition, kind), [Count()], transaction))
        assert db.get("Book", 1, transaction=transaction) is not None

    def test_metadata_cannot_be_written(self, db: Database) -> None:
        for path in (("__kind__", "E"), ("E", 1, "__entity_group__", 1)):
            with pytest.raises(BadKeyError):
                db.put(*path, x=1)
