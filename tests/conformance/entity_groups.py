"""Versions of entity groups: lookups of ``__entity_group__``."""

from __future__ import annotations

from typing import Any

import pytest

from kindstore.store.abc import Store
from kindstore.store.messages import Concurrency, Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import BadQueryError, ConflictError
from kindstore.values.key import Key
from tests.conformance.database import Database


class EntityGroups:
    """Behaviour of the versions that groups have."""

    def group(self, db: Database, *path: Any, transaction: bytes | None = None) -> int | None:
        """The version of the group of root *path*."""
        found = db.get(*path, "__entity_group__", 1, transaction=transaction)
        assert found is None or [*found.items()] == [("__version__", found["__version__"])]
        return None if found is None else found["__version__"]

    def test_a_group_that_was_never_written_has_no_version(self, db: Database) -> None:
        assert self.group(db, "E", "a") is None
        db.put("a", x=1)
        assert self.group(db, "E", "b") is None

    def test_every_commit_to_a_group_raises_its_version(self, db: Database) -> None:
        db.put("E", "a", x=1)
        db.put("E", "b", x=1)
        versions = [self.group(db, "E", "a")]
        other = self.group(db, "E", "b")
        for write in (
            lambda: db.put("E", "a", x=2),
            lambda: db.put("E", "a", "F", 1, x=1),
            lambda: db.put("E", "a", "F", 1, "G", 1, x=1),
            lambda: db.delete("E", "a", "F", 1),
            lambda: db.delete("E", "a"),
            lambda: db.delete("E", "a", "F", 1, "G", 1),
        ):
            write()
            versions.append(self.group(db, "E", "a"))
        known = [version for version in versions if version is not None]
        assert known == sorted(set(known))
        assert len(known) == 7
        assert self.group(db, "E", "b") == other

    def test_what_changes_nothing_leaves_the_version(self, db: Database) -> None:
        db.put("E", "a", x=1)
        before = self.group(db, "E", "a")
        db.put("E", "a", x=1)
        db.delete("E", "a", "F", 9)
        assert self.group(db, "E", "a") == before

    def test_groups_of_another_namespace_have_versions_of_their_own(self, db: Database) -> None:
        shop = db.store.partition("shop")
        db.put("E", "a", x=1)
        before = self.group(db, "E", "a")
        key = Key.of(shop, ("E", "a", "__entity_group__", 1))
        assert db.store.run(db.store.lookup([key])) == [None]
        db.commit(Upsert(Entity.of(Key.of(shop, ("E", "a")), {"x": 1})))
        assert db.store.run(db.store.lookup([key])) != [None]
        assert self.group(db, "E", "a") == before

    def test_only_the_id_1_right_below_a_root_is_a_group(self, db: Database) -> None:
        db.put("E", "a", x=1)
        for path in (("E", "a", "__entity_group__", 2), ("E", "a", "F", 1, "__entity_group__", 1)):
            assert db.get(*path) is None
        assert db.get("__entity_group__", 1) is None

    def test_versions_and_entities_are_looked_up_together(self, db: Database, store: Store) -> None:
        db.put("E", "a", x=1)
        group = db.key("E", "a", "__entity_group__", 1)
        found = store.run(store.lookup([group, db.key("a"), db.key("gone"), group]))
        assert [None if each is None else each.key for each in found] == [group, db.key("a"), None, group]

    def test_groups_cannot_be_queried(self, db: Database) -> None:
        with pytest.raises(BadQueryError) as caught:
            db.page(Query(db.partition, "__entity_group__"))
        assert "Look it up" in str(caught.value)

    @pytest.mark.parametrize("concurrency", Concurrency)
    def test_a_transaction_sees_the_version_of_its_snapshot(
        self, db: Database, concurrency: Concurrency
    ) -> None:
        db.put("E", "a", x=1)
        transaction = db.begin(concurrency=concurrency)
        before = self.group(db, "E", "a", transaction=transaction)
        db.put("E", "a", x=2)
        assert self.group(db, "E", "a", transaction=transaction) == before
        assert self.group(db, "E", "a") != before
        db.rollback(transaction)

    @pytest.mark.parametrize("concurrency", Concurrency)
    @pytest.mark.parametrize("change", ["put", "child", "delete child"])
    def test_asking_for_a_group_counts_as_reading_it(
        self, db: Database, concurrency: Concurrency, change: str
    ) -> None:
        db.put("E", "a", x=1)
        db.put("E", "a", "F", 2, x=1)
        db.put("E", "b", x=1)
        transaction = db.begin(concurrency=concurrency)
        assert db.value("b", transaction=transaction) == 1
        if change == "put":
            db.put("E", "a", x=2)
        elif change == "child":
            db.put("E", "a", "F", 1, x=1)
        else:
            db.delete("E", "a", "F", 2)
        self.group(db, "E", "a", transaction=transaction)
        with pytest.raises(ConflictError):
            db.commit(db.upsert("c", x=1), transaction=transaction)

    @pytest.mark.parametrize("concurrency", Concurrency)
    def test_a_group_that_is_left_alone_is_no_conflict(self, db: Database, concurrency: Concurrency) -> None:
        db.put("E", "a", x=1)
        transaction = db.begin(concurrency=concurrency)
        for name in ("a", "never"):
            self.group(db, "E", name, transaction=transaction)
        db.put("E", "b", x=2)
        db.commit(db.upsert("a", x=2), transaction=transaction)
        assert db.value("a") == 2

    @pytest.mark.parametrize("concurrency", Concurrency)
    def test_the_first_write_to_a_group_conflicts_with_having_asked(
        self, db: Database, concurrency: Concurrency
    ) -> None:
        transaction = db.begin(concurrency=concurrency)
        assert self.group(db, "E", "a", transaction=transaction) is None
        db.put("E", "a", x=2)
        with pytest.raises(ConflictError):
            db.commit(db.upsert("c", x=1), transaction=transaction)
