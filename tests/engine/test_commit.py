"""Commit, fed by hand: the programs say what they ask of a database, and no database is needed."""

from __future__ import annotations

from typing import Any

import pytest

from kindstore.engine import commit
from kindstore.engine.catalog import Catalog
from kindstore.engine.dialect import Dialect
from kindstore.engine.errors import TakenError
from kindstore.engine.transaction import Transaction
from kindstore.store.messages import Concurrency, Delete, Insert, Mutation, Update, Upsert
from kindstore.store.program import Program, Write
from kindstore.values.entity import Entity
from kindstore.values.errors import AlreadyExistsError, ConflictError, NotFoundError
from kindstore.values.key import Key, Partition

SPACE = Partition.of("kindstore")
ADA = Key.of(SPACE, ("Author", "ada"))
SQL = Dialect()
ABSENT = (0, 54, None, None, None, None, None)
"""The flags, the greatest number of an entity, and nothing under the key that was asked for."""


def catalog() -> Catalog:
    made = Catalog(SQL)
    made.absorb([(1, "kindstore", "", "")], [(1, 1, "Author")], [(1, 1, "age", 0), (2, 1, "tags", 0)], [])
    entity = ada(36, ["x", "y"])
    program = commit.prepare(made, [Upsert(entity)], [ADA])
    assert isinstance(next(program), list)  # asks whether another process has defined the shape
    assert isinstance(program.send([[], [], [], [], [], [(0,)]]), Write)
    from kindstore.values.record import codec_of, dump_shape

    body = dump_shape(entity.shape, tuple(map(codec_of, entity.values)))
    with pytest.raises(StopIteration):
        program.send(([], [], [], [(1, body)]))
    return made


def ada(age: int, tags: list[str]) -> Entity:
    return Entity.of(ADA, {"age": age, "tags": tags})


def prepared(known: Catalog, *mutations: Mutation) -> list[commit.Prepared]:
    program = commit.prepare(known, mutations, [ADA] * len(mutations))
    with pytest.raises(StopIteration) as done:
        next(program)
    made: list[commit.Prepared] = done.value.value
    return made


def applied(known: Catalog, *mutations: Mutation, transaction: Transaction | None = None) -> Program[Any]:
    return commit.apply(known, prepared(known, *mutations), transaction, lambda after: after + 1, 0, 0)


def row(known: Catalog, entity: Entity, version: int = 7) -> tuple[Any, ...]:
    [made] = prepared(known, Upsert(entity))
    return (0, 55, 1, ADA.path_bytes, 55, version, made.body)


def test_a_new_entity_is_inserted_with_a_row_for_each_value() -> None:
    known = catalog()
    program = applied(known, Upsert(ada(36, ["x", "y"])))
    assert next(program) == [(SQL.select_stored, (1, ADA.path_bytes))]
    [(text, values), *writes] = program.send([[ABSENT]])
    assert (text, values[:4]) == (SQL.insert_entity, (55, 1, ADA.path_bytes, 1))
    path = ADA.path_bytes
    x, y = b"0x\0", b"0y\0"
    assert writes == [
        (SQL.insert_row(1), (b"\x19\x24", path, 55)),
        (SQL.insert_multiple(2), [(x, path, 55, None, y), (y, path, 55, x, None)]),
        (SQL.mark_multiple, (2,)),
    ]
    with pytest.raises(StopIteration) as done:
        program.send([[], [], [], [], [], [(0,)]])
    written = done.value.value
    assert (written.version, [index.number for index in written.marked]) == (1, [2])
    assert written.proof() == (SQL.prove_written, (1, path, 1))


def test_only_the_index_rows_that_differ_are_written() -> None:
    known = catalog()
    program = applied(known, Upsert(ada(37, ["x", "y"])))
    next(program)
    writes = program.send([[row(known, ada(36, ["x", "y"]))]])
    assert [text for text, _ in writes] == [SQL.update_entity, SQL.delete_row(1), SQL.insert_row(1)]


def test_a_put_that_changes_nothing_writes_nothing() -> None:
    known = catalog()
    program = applied(known, Upsert(ada(36, ["x"])))
    next(program)
    with pytest.raises(StopIteration) as done:
        program.send([[row(known, ada(36, ["x"]))]])
    assert done.value.value.proof() is None


def test_a_delete_removes_every_row() -> None:
    known = catalog()
    program = applied(known, Delete(ADA))
    next(program)
    writes = program.send([[row(known, ada(36, ["x", "y"]))]])
    path = ADA.path_bytes
    assert writes == [
        (SQL.delete_entity, (55,)),
        (SQL.delete_row(1), (b"\x19\x24", path)),
        (SQL.delete_row(2), [(b"0x\0", path), (b"0y\0", path)]),
    ]


@pytest.mark.parametrize(
    ("mutation", "found", "error"),
    [
        (Insert(ada(1, [])), True, AlreadyExistsError),
        (Update(ada(1, [])), False, NotFoundError),
        (Upsert(ada(1, []), base_version=6), True, ConflictError),
        (Delete(ADA, base_version=6), True, ConflictError),
    ],
)
def test_what_a_mutation_demands_is_checked_before_anything_is_written(
    mutation: Mutation, found: bool, error: type[Exception]
) -> None:
    known = catalog()
    program = applied(known, mutation)
    next(program)
    with pytest.raises(error):
        program.send([[row(known, ada(36, [])) if found else ABSENT]])


def test_commit_refuses_when_an_entity_that_was_read_and_is_written_has_moved_on() -> None:
    known = catalog()
    transaction = Transaction(b"name", Concurrency.OPTIMISTIC, False, 0.0)
    transaction.entities[1, ADA.path_bytes] = (ADA, 7)
    program = applied(known, Upsert(ada(37, [])), transaction=transaction)
    next(program)
    with pytest.raises(ConflictError) as caught:
        program.send([[row(known, ada(36, []), 8)]])
    assert (caught.value.key, caught.value.read_version, caught.value.found_version) == (ADA, 7, 8)


def test_commit_refuses_when_an_entity_that_was_only_read_has_moved_on() -> None:
    known = catalog()
    grace = Key.of(SPACE, ("Author", "grace"))
    transaction = Transaction(b"name", Concurrency.OPTIMISTIC, False, 0.0)
    transaction.entities[1, grace.path_bytes] = (grace, 6)
    program = applied(known, Upsert(ada(37, [])), transaction=transaction)
    next(program)
    asked = program.send([[row(known, ada(36, []), 8)]])
    assert asked == [(SQL.select_version, (1, grace.path_bytes))]
    with pytest.raises(ConflictError) as caught:
        program.send([[(9,)]])
    assert (caught.value.key, caught.value.read_version, caught.value.found_version) == (grace, 6, 9)


def test_commit_refuses_when_an_entity_was_missing_because_its_kind_was_unknown_and_is_there_now() -> None:
    known = catalog()
    grace = Key.of(SPACE, ("Author", "grace"))
    transaction = Transaction(b"name", Concurrency.OPTIMISTIC, False, 0.0)
    transaction.unplaced.add(grace)
    program = applied(known, Upsert(ada(37, [])), transaction=transaction)
    next(program)
    asked = program.send([[row(known, ada(36, []), 8)]])
    assert asked == [(SQL.select_version, (1, grace.path_bytes))]
    with pytest.raises(ConflictError) as caught:
        program.send([[(9,)]])
    assert (caught.value.key, caught.value.read_version, caught.value.found_version) == (grace, 0, 9)


def test_an_id_that_turns_out_to_be_taken_is_given_back() -> None:
    known = catalog()
    entity = Entity.of(Key.of(SPACE, ("Author",)), {"age": 1, "tags": ["x"]})
    program = commit.prepare(known, [Insert(entity)], [ADA])
    with pytest.raises(StopIteration) as done:
        next(program)
    applying = commit.apply(known, done.value.value, None, lambda after: after + 1, 0, 0)
    assert next(applying) == [(SQL.select_state, ())]
    assert next(iter(applying.send([[(0, None)]])))[0] == SQL.insert_entity
    with pytest.raises(commit.IdTakenError):
        applying.throw(TakenError("there already"))


def test_nothing_is_written_under_given_ids_once_ids_have_been_reserved() -> None:
    known = catalog()
    entity = Entity.of(Key.of(SPACE, ("Author",)), {"age": 1, "tags": ["x"]})
    program = commit.prepare(known, [Insert(entity)], [ADA])
    with pytest.raises(StopIteration) as done:
        next(program)
    applying = commit.apply(known, done.value.value, None, lambda after: after + 1, 0, 0)
    next(applying)
    with pytest.raises(commit.IdTakenError):
        applying.send([[(1 << 1, None)]])
