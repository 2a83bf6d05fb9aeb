"""Transactions: snapshots, first committer wins, the two optimistic modes, expiry."""

from __future__ import annotations

from typing import Any

import pytest

from kindstore.store.abc import Store
from kindstore.store.messages import Concurrency, Count, OrFilter, PropertyFilter, Sum
from kindstore.values.errors import (
    AlreadyExistsError,
    BadArgumentError,
    BadQueryError,
    BadValueError,
    ConflictError,
    NotFoundError,
    ReadOnlyTransactionError,
    TransactionNotFoundError,
)
from tests.conformance.database import Clock, Database

GROUPS = Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS
MODES = [Concurrency.OPTIMISTIC, GROUPS]


class Transactions:
    """Behaviour of begin, commit and rollback."""

    @pytest.mark.parametrize("mode", MODES)
    def test_a_transaction_reads_and_writes(self, db: Database, mode: Concurrency) -> None:
        db.put("a", x=1)
        t = db.begin(concurrency=mode)
        x = db.value("a", transaction=t)
        keys = db.commit(db.upsert("a", x=x + 1), db.upsert("b", x=9), transaction=t)
        assert keys == [db.key("a"), db.key("b")]
        assert (db.value("a"), db.value("b")) == (2, 9)

    @pytest.mark.parametrize("mode", MODES)
    def test_reads_see_one_snapshot_taken_at_the_first_of_them(self, db: Database, mode: Concurrency) -> None:
        db.put("a", x=1)
        db.put("b", x=1)
        t = db.begin(concurrency=mode)
        db.put("a", x=2)
        assert db.value("a", transaction=t) == 2, "nothing was read before"
        db.put("a", x=3)
        db.put("b", x=3)
        db.put("c", x=3)
        assert db.value("a", transaction=t) == 2
        assert db.value("b", transaction=t) == 1, "other groups belong to the same snapshot"
        assert db.value("c", transaction=t) == "none"
        assert db.names(ancestor=db.key("c"), transaction=t) == []
        db.rollback(t)

    def test_queries_and_counts_see_the_snapshot_too(self, db: Database) -> None:
        db.put("a", x=1)
        t = db.begin()
        assert db.names("x", transaction=t) == ["a"]
        db.put("b", x=0)
        db.put("c", new=1)
        db.put("New", "d", x=1)
        db.delete("a")
        assert db.names("x", transaction=t) == ["a"]
        assert db.count("x", transaction=t) == 1
        assert db.names("new", transaction=t) == []
        assert db.names(kind="New", transaction=t) == []
        assert db.count(kind="New", transaction=t) == 0
        assert db.value("a", transaction=t) == 1
        db.rollback(t)

    @pytest.mark.parametrize(
        "options", [{}, {"keys_only": True}, {"projection": ("x",)}, {"distinct_on": ("x",)}]
    )
    def test_a_changed_entity_conflicts_with_every_query_that_found_it(
        self, db: Database, options: dict[str, Any]
    ) -> None:
        db.put("a", x=1)
        t = db.begin()
        assert db.names("x", transaction=t, **options) == ["a"]
        db.put("a", x=2)
        with pytest.raises(ConflictError):
            db.commit(db.upsert("F", 1), transaction=t)

    def test_alternatives_that_a_snapshot_knows_nothing_of_hide_no_others(self, db: Database) -> None:
        for n, name in enumerate("abc"):
            db.put(name, x=1, y=-n)
        db.put("d", x=2, y=7)
        either = OrFilter((PropertyFilter("x", "=", 1), PropertyFilter("new", "=", 1)))
        t, read_only = db.begin(), db.begin(read_only=True)
        assert db.names("x", transaction=t) == db.names("x", transaction=read_only)
        db.put("e", new=1, y=-1)
        assert db.names(either, transaction=read_only) == ["a", "b", "c"]
        assert db.names(either, "y", transaction=read_only, limit=2) == ["c", "b"]
        assert db.names(either, "-y", transaction=read_only, limit=2) == ["a", "b"]
        assert db.aggregate([Count(), Sum("y"), Sum("new")], either, transaction=read_only) == [3, -3, 0]
        db.rollback(read_only)
        db.delete("e")
        assert db.names(either, transaction=t) == ["a", "b", "c"]
        db.commit(db.upsert("F", 1), transaction=t)  # what it read is there again

    @pytest.mark.parametrize("mode", MODES)
    def test_a_snapshot_may_begin_with_a_query(self, db: Database, mode: Concurrency) -> None:
        db.put("P", 1, "E", 1, x=1)
        t = db.begin(concurrency=mode)
        assert db.names(ancestor=db.key("P", 1), transaction=t) == [1]
        db.put("P", 1, "E", 2, x=2)
        assert db.names(ancestor=db.key("P", 1), transaction=t) == [1]
        assert db.get("P", 1, "E", 2, transaction=t) is None
        db.rollback(t)

    @pytest.mark.parametrize("reading", ["lookup", "query", "count", "ancestor"])
    @pytest.mark.parametrize("kind", ["E", "Unknown"])
    def test_a_snapshot_begins_even_with_a_read_that_finds_nothing(
        self, db: Database, kind: str, reading: str
    ) -> None:
        db.put("a", x=1)

        def absent() -> bool:
            match reading:
                case "lookup":
                    return db.get(kind, 1, transaction=t) is None
                case "query":
                    return db.names(("new", "=", 1), kind=kind, transaction=t) == []
                case "count":
                    return db.count(("new", "=", 1), kind=kind, transaction=t) == 0
                case _:
                    return db.names(kind=kind, ancestor=db.key("P", 1), transaction=t) == []

        t = db.begin(read_only=True)
        assert absent()
        db.commit(
            db.upsert("a", x=2), db.upsert(kind, 1, new=1), db.upsert("P", 1, kind, 1, new=1)
        )  # all at once, so whoever sees one sees all
        assert db.value("a", transaction=t) == 1
        assert absent()
        db.rollback(t)

    def test_first_committer_wins(self, db: Database) -> None:
        db.put("a", x=1)
        first, second = db.begin(), db.begin()
        for t in (first, second):
            assert db.value("a", transaction=t) == 1
        db.commit(db.upsert("a", x=2), transaction=second)
        with pytest.raises(ConflictError):
            db.commit(db.upsert("a", x=3), db.upsert("b", x=3), transaction=first)
        assert (db.value("a"), db.get("b")) == (2, None)

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("change", ["put", "delete"])
    def test_a_changed_entity_is_a_conflict_even_if_another_one_is_written(
        self, db: Database, mode: Concurrency, change: str
    ) -> None:
        """Write skew: neither of two transactions may decide by what the other one changes."""
        db.put("a", x=1)
        t = db.begin(concurrency=mode)
        db.value("a", transaction=t)
        if change == "put":
            db.put("a", x=2)
        else:
            db.delete("a")
        with pytest.raises(ConflictError):
            db.commit(db.upsert("b", x=1), transaction=t)
        assert db.get("b") is None

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("path", [("E", "a"), ("Unknown", 1)], ids=str)
    def test_an_entity_that_was_not_there_and_now_is_is_a_conflict(
        self, db: Database, mode: Concurrency, path: tuple[Any, ...]
    ) -> None:
        t = db.begin(concurrency=mode)
        assert db.get(*path, transaction=t) is None
        db.put(*path, x=1)
        with pytest.raises(ConflictError):
            db.commit(db.upsert(*path, x=2), transaction=t)
        assert db.value(*path) == 1

    def test_a_write_of_what_is_stored_already_is_no_change(self, db: Database) -> None:
        db.put("a", x=1)
        t = db.begin()
        db.value("a", transaction=t)
        db.put("a", x=1)
        db.commit(db.upsert("a", x=2), transaction=t)
        assert db.value("a") == 2

    @pytest.mark.parametrize("mode", MODES)
    def test_an_unrelated_change_is_no_conflict(self, db: Database, mode: Concurrency) -> None:
        db.put("a", x=1)
        t = db.begin(concurrency=mode)
        db.value("a", transaction=t)
        db.put("b", x=2)
        db.commit(db.upsert("a", x=2), transaction=t)
        assert db.value("a") == 2

    @pytest.mark.parametrize("mode", MODES)
    def test_blind_writes_never_conflict(self, db: Database, mode: Concurrency) -> None:
        t = db.begin(concurrency=mode)
        db.put("a", x=1)
        db.commit(db.upsert("a", x=2), db.upsert("a", "E", "b", x=2), transaction=t)
        assert db.value("a") == 2

    @pytest.mark.parametrize("mode", MODES)
    def test_a_transaction_that_writes_nothing_never_conflicts(self, db: Database, mode: Concurrency) -> None:
        db.put("a", x=1)
        t = db.begin(concurrency=mode)
        db.value("a", transaction=t)
        db.put("a", x=2)
        assert db.commit(transaction=t) == []

    # Phantoms

    @pytest.mark.parametrize(
        ("terms", "change", "conflict"),
        [
            ([("x", ">", 1)], ("new", 2), True),
            ([("x", ">", 1)], ("new", 1), False),
            ([("x", ">", 1)], ("b", 1), True),
            ([("x", ">", 1)], ("b", 5), True),
            ([("x", "=", 1)], ("new", 1), True),
            ([("x", "=", 1)], ("new", 2), False),
            ([("x", "=", 7)], ("new", 7), True),
            (["x"], ("new", 5), True),
            (["-x"], ("a", None), True),
            ([], ("new", 5), True),
            ([("never", "=", 1)], ("new", 5), False),
        ],
        ids=repr,
    )
    def test_a_query_that_would_find_something_else_now_is_a_conflict(
        self, db: Database, terms: list[Any], change: tuple[str, Any], conflict: bool
    ) -> None:
        db.put("a", x=1)
        db.put("b", x=2)
        t = db.begin()
        db.names(*terms, transaction=t)
        name, x = change
        if x is None:
            db.delete(name)
        else:
            db.put(name, x=x)
        if conflict:
            with pytest.raises(ConflictError):
                db.commit(db.upsert("result", x=0), transaction=t)
            assert db.get("result") is None
        else:
            db.commit(db.upsert("result", x=0), transaction=t)
            assert db.value("result") == 0

    def test_a_query_with_a_limit_depends_on_its_page_only(self, db: Database) -> None:
        for n in range(1, 6):
            db.put(n, x=n)
        t = db.begin()
        assert db.names("x", limit=2, transaction=t) == [1, 2]
        db.put(9, x=9)
        db.commit(db.upsert("result", x=100), transaction=t)
        t = db.begin()
        assert db.names("x", limit=2, transaction=t) == [1, 2]
        db.put(10, x=0)
        with pytest.raises(ConflictError):
            db.commit(db.upsert("result", x=101), transaction=t)

    @pytest.mark.parametrize("kind", ["E", "New"])
    @pytest.mark.parametrize("reading", ["query", "keys", "count", "property", "kindless", "ancestor"])
    def test_what_a_query_did_not_find_may_not_have_come(self, db: Database, kind: str, reading: str) -> None:
        """Also where the kind, or the property, was unknown to the store when it was asked."""
        db.put("a", other=1)
        t = db.begin()
        match reading:
            case "query":
                assert db.names(("x", "=", 1), kind=kind, transaction=t) == []
            case "keys":
                assert db.names(("x", "=", 1), kind=kind, keys_only=True, transaction=t) == []
            case "count":
                assert db.count(("x", "=", 1), kind=kind, transaction=t) == 0
            case "property":
                assert db.names("-x", kind=kind, transaction=t) == []
            case "kindless":
                db.names(kind=None, transaction=t)
            case _:
                assert db.names(kind=kind, ancestor=db.key(kind, "p"), transaction=t) == []
        db.put(kind, "p", x=1)
        with pytest.raises(ConflictError):
            db.commit(db.upsert("result", y=0), transaction=t)

    def test_a_count_is_validated_as_well(self, db: Database) -> None:
        db.put("a", x=1)
        t = db.begin()
        assert db.count(("x", ">", 0), transaction=t) == 1
        db.put("b", x=5)
        with pytest.raises(ConflictError):
            db.commit(db.upsert("result", y=0), transaction=t)

    # Own writes

    def test_own_writes_are_not_there_before_commit(self, db: Database) -> None:
        t = db.begin()
        assert db.get("a", transaction=t) is None
        db.commit(db.upsert("a", x=1), transaction=t)
        assert db.value("a") == 1

    def test_mutations_of_one_entity_are_applied_in_order(self, db: Database) -> None:
        db.put("a", x=1)
        t = db.begin()
        db.commit(
            db.removal("a"), db.insert("a", x=2), db.upsert("b", x=1), db.update("b", x=2), transaction=t
        )
        assert (db.value("a"), db.value("b")) == (2, 2)
        t = db.begin()
        db.commit(
            db.upsert("a", x=9, y=[1, 2]),
            db.removal("a"),
            db.insert("c", x=1),
            db.upsert("c", x=3),
            transaction=t,
        )
        assert (db.get("a"), db.value("c")) == (None, 3)
        assert db.names("x") == ["b", "c"]

    @pytest.mark.parametrize(
        "sequence", ["insert insert", "update insert", "upsert insert", "removal update"]
    )
    def test_sequences_that_make_no_sense_are_refused(self, db: Database, sequence: str) -> None:
        db.put("a", x=1)
        t = db.begin()
        mutations = [
            db.removal("a") if word == "removal" else getattr(db, word)("a", x=2) for word in sequence.split()
        ]
        with pytest.raises((BadArgumentError, AlreadyExistsError, NotFoundError)):
            db.commit(*mutations, transaction=t)
        assert db.value("a") == 1

    def test_insert_and_update_are_checked_at_commit(self, db: Database) -> None:
        db.put("a", x=1)
        with pytest.raises(AlreadyExistsError):
            db.commit(db.insert("a", x=2), transaction=db.begin())
        with pytest.raises(NotFoundError):
            db.commit(db.update("b", x=2), transaction=db.begin())
        with pytest.raises(NotFoundError):
            db.commit(db.update("Unknown", "b", x=2), transaction=db.begin())
        assert (db.value("a"), db.get("b")) == (1, None)

    # The end of a transaction

    def test_a_transaction_is_over_after_its_commit(self, db: Database) -> None:
        t = db.begin()
        db.commit(db.upsert("a", x=1), transaction=t)
        self.is_over(db, t)

    def test_a_transaction_is_over_after_a_commit_that_failed(self, db: Database) -> None:
        t = db.begin()
        db.get("a", transaction=t)
        db.put("a", x=1)
        with pytest.raises(ConflictError):
            db.commit(db.upsert("a", x=2), transaction=t)
        self.is_over(db, t)

    def test_a_transaction_is_over_after_a_commit_of_bad_values(self, db: Database) -> None:
        t = db.begin()
        with pytest.raises(BadValueError):
            db.commit(db.upsert("a", x=...), transaction=t)
        self.is_over(db, t)

    def test_rollback_writes_nothing_and_may_be_said_twice(self, db: Database) -> None:
        t = db.begin()
        db.get("a", transaction=t)
        db.rollback(t)
        db.rollback(t)
        db.rollback(b"never begun")
        self.is_over(db, t)

    def test_an_unknown_transaction_is_refused(self, db: Database) -> None:
        self.is_over(db, b"never begun")

    def is_over(self, db: Database, transaction: bytes) -> None:
        with pytest.raises(TransactionNotFoundError):
            db.get("a", transaction=transaction)
        with pytest.raises(TransactionNotFoundError):
            db.names(ancestor=db.key("a"), transaction=transaction)
        with pytest.raises(TransactionNotFoundError):
            db.count(ancestor=db.key("a"), transaction=transaction)
        with pytest.raises(TransactionNotFoundError):
            db.commit(db.upsert("late", x=1), transaction=transaction)
        assert db.get("late") is None

    def test_a_transaction_expires_270_seconds_after_its_beginning(self, db: Database, clock: Clock) -> None:
        db.put("a", x=1)
        t = db.begin()
        for _ in range(5):
            clock.now += 50
            assert db.value("a", transaction=t) == 1
        clock.now += 19
        assert db.value("a", transaction=t) == 1
        clock.now += 2
        self.is_over(db, t)
        db.rollback(t)

    def test_a_transaction_expires_after_60_seconds_without_use(self, db: Database, clock: Clock) -> None:
        t, other = db.begin(), db.begin()
        clock.now += 59
        db.get("a", transaction=t)
        clock.now += 2
        db.get("a", transaction=t)
        self.is_over(db, other)
        clock.now += 61
        with pytest.raises(TransactionNotFoundError):
            db.commit(db.upsert("a", x=1), transaction=t)
        assert db.get("a") is None

    # Read-only

    def test_a_read_only_transaction_reads_a_snapshot_and_refuses_writes(self, db: Database) -> None:
        db.put("a", x=1)
        t = db.begin(read_only=True)
        assert db.value("a", transaction=t) == 1
        db.put("a", x=2)
        assert db.value("a", transaction=t) == 1
        assert db.commit(transaction=t) == []
        t = db.begin(read_only=True)
        with pytest.raises(ReadOnlyTransactionError):
            db.commit(db.upsert("a", x=3), transaction=t)
        assert db.value("a") == 2
        self.is_over(db, t)

    # Entity groups

    def test_with_entity_groups_any_change_in_a_group_conflicts(self, db: Database) -> None:
        db.put("P", 1, x=1)
        for reading in ("get", "query"):
            t = db.begin(concurrency=GROUPS)
            if reading == "get":
                db.get("P", 1, transaction=t)
            else:
                db.names(ancestor=db.key("P", 1), transaction=t)
            db.put("P", 1, "Other", reading, x=2)
            with pytest.raises(ConflictError):
                db.commit(db.upsert("P", 2, x=1), transaction=t)
        t = db.begin(concurrency=GROUPS)
        db.get("P", 1, transaction=t)
        db.put("P", 2, x=2)
        db.commit(db.upsert("P", 1, x=3), transaction=t)
        assert db.value("P", 1) == 3

    def test_with_entity_groups_a_group_read_late_belongs_to_the_first_snapshot(self, db: Database) -> None:
        db.put("P", 1, x=1)
        db.put("P", 2, x=1)
        t = db.begin(concurrency=GROUPS)
        db.get("P", 1, transaction=t)
        db.put("P", 2, x=2)
        assert db.value("P", 2, transaction=t) == 1
        with pytest.raises(ConflictError):
            db.commit(db.upsert("P", 1, x=2), transaction=t)

    def test_per_entity_a_change_elsewhere_in_the_group_does_not_conflict(self, db: Database) -> None:
        db.put("P", 1, x=1)
        t = db.begin()
        db.get("P", 1, transaction=t)
        db.put("P", 1, "Other", 1, x=2)
        db.commit(db.upsert("P", 1, x=3), transaction=t)
        assert db.value("P", 1) == 3

    def test_with_entity_groups_only_ancestor_queries_are_allowed(self, db: Database) -> None:
        t = db.begin(concurrency=GROUPS)
        with pytest.raises(BadQueryError):
            db.names("x", transaction=t)
        with pytest.raises(BadQueryError):
            db.count(transaction=t)

    def test_with_entity_groups_25_groups_are_read_and_not_26(self, db: Database, store: Store) -> None:
        t = db.begin(concurrency=GROUPS)
        store.run(store.lookup([db.key(n) for n in range(1, 26)], t))
        db.get("E", 25, "E", 1, transaction=t)
        with pytest.raises(BadArgumentError):
            db.get(26, transaction=t)
        t = db.begin(concurrency=GROUPS)
        with pytest.raises(BadArgumentError):
            store.run(store.lookup([db.key(n) for n in range(1, 27)], t))
        t = db.begin()
        store.run(store.lookup([db.key(n) for n in range(1, 27)], t))

    def test_with_entity_groups_25_groups_are_written_and_not_26(self, db: Database) -> None:
        writes = [db.upsert(n, x=n) for n in range(1, 26)]
        db.commit(*writes, db.upsert("E", 1, "E", 1, x=1), transaction=db.begin(concurrency=GROUPS))
        with pytest.raises(BadArgumentError):
            db.commit(*writes, db.upsert(26, x=26), transaction=db.begin(concurrency=GROUPS))
        with pytest.raises(BadArgumentError):
            db.commit(*(db.upsert(None, x=n) for n in range(26)), transaction=db.begin(concurrency=GROUPS))
        assert db.names(("x", ">", 25)) == []
        db.commit(*writes, db.upsert(26, x=26), transaction=db.begin())
        assert db.count() == 27

    def test_with_entity_groups_reads_and_writes_count_together(self, db: Database, store: Store) -> None:
        t = db.begin(concurrency=GROUPS)
        store.run(store.lookup([db.key(n) for n in range(1, 26)], t))
        with pytest.raises(BadArgumentError):
            db.commit(db.upsert(26, x=1), transaction=t)
        assert db.get(26) is None
