"""Batches and transactions."""

import threading

import pytest

from kindstore import datastore
from kindstore.values.errors import (
    BadKeyError,
    ConflictError,
    ReadOnlyTransactionError,
    TransactionError,
)


def put(client: datastore.Client, number: int, value: int) -> datastore.Entity:
    entity = datastore.Entity(client.key("Account", number))
    entity["balance"] = value
    client.put(entity)
    return entity


def balance(client: datastore.Client, number: int) -> int | None:
    entity = client.get(client.key("Account", number))
    return None if entity is None else entity["balance"]


def test_a_batch_writes_at_its_end_or_not_at_all(client: datastore.Client) -> None:
    kept = put(client, 1, 1)
    with client.batch() as batch:
        put(client, 2, 2)
        partial = datastore.Entity(client.key("Account"))
        batch.put(partial)
        batch.delete(client.key("Account", 1))
        assert (balance(client, 1), balance(client, 2)) == (1, None)
        assert client.current_batch is batch
        assert client.current_transaction is None
        assert [partial.id] == [None]
    assert (balance(client, 1), balance(client, 2)) == (None, 2)
    assert partial.id

    def give_up() -> None:
        with client.batch():
            client.put(kept)
            raise RuntimeError("given up")

    with pytest.raises(RuntimeError, match="given up"):
        give_up()
    assert balance(client, 1) is None
    assert client.current_batch is None


def test_a_transaction_reads_a_snapshot_and_writes_at_its_end(client: datastore.Client) -> None:
    put(client, 1, 100)
    put(client, 2, 0)
    with client.transaction() as transaction:
        assert transaction.id
        one, two = client.get_multi([client.key("Account", 1), client.key("Account", 2)])
        one["balance"] -= 40
        two["balance"] += 40
        client.put_multi([one, two])
        assert balance(client, 1) == 100
    assert (balance(client, 1), balance(client, 2)) == (60, 40)
    assert transaction.id is None


def test_what_was_read_may_not_change_before_the_commit(client: datastore.Client) -> None:
    put(client, 1, 100)
    transaction = client.transaction()
    transaction.begin()
    entity = client.get(client.key("Account", 1), transaction=transaction)
    assert entity is not None
    put(client, 1, 50)
    entity["balance"] -= 1
    transaction.put(entity)
    with pytest.raises(ConflictError):
        transaction.commit()
    assert balance(client, 1) == 50
    with pytest.raises(TransactionError, match="in progress"):
        transaction.put(entity)


def test_a_query_in_a_transaction_counts_as_read(client: datastore.Client) -> None:
    put(client, 1, 100)

    def read_and_write() -> None:
        with client.transaction():
            assert len([*client.query(kind="Account").fetch()]) == 1
            other = threading.Thread(target=put, args=(client, 2, 5))  # outside of the transaction
            other.start()
            other.join()
            put(client, 3, 7)

    with pytest.raises(ConflictError):
        read_and_write()
    assert (balance(client, 2), balance(client, 3)) == (5, None)


def test_a_read_only_transaction_does_not_write(client: datastore.Client) -> None:
    with client.transaction(read_only=True) as transaction:
        assert balance(client, 1) is None
        with pytest.raises(ReadOnlyTransactionError):
            transaction.put(datastore.Entity(client.key("Account", 1)))
        with pytest.raises(ReadOnlyTransactionError):
            client.delete(client.key("Account", 1))


def test_a_transaction_may_begin_later(client: datastore.Client) -> None:
    put(client, 1, 1)
    with client.transaction(begin_later=True) as transaction:
        assert [transaction.id] == [None]
        assert balance(client, 1) == 1
        assert transaction.id is not None
    with client.transaction(begin_later=True):
        put(client, 2, 2)
    with client.transaction(begin_later=True):
        pass
    assert balance(client, 2) == 2


def test_calls_that_come_at_the_wrong_time_or_contradict_themselves(client: datastore.Client) -> None:
    batch = client.batch()
    entity = datastore.Entity(client.key("Account", 1))
    with pytest.raises(ValueError, match="in progress to put"):
        batch.put(entity)
    batch.begin()
    with pytest.raises(ValueError, match="already started"):
        batch.begin()
    with pytest.raises(BadKeyError, match="complete"):
        batch.delete(client.key("Account"))
    batch.rollback()
    with pytest.raises(ValueError, match="in progress to commit"):
        batch.commit()
    with pytest.raises(ValueError, match="eventual"), client.transaction():
        client.get(client.key("Account", 1), eventual=True)
    with pytest.raises(ValueError, match="sequence of entities"):
        client.put_multi(entity)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="empty list"):
        client.get(client.key("Account", 1), missing=[entity])


def test_what_is_missing_is_told(client: datastore.Client) -> None:
    put(client, 1, 1)
    missing: list[datastore.Entity] = []
    keys = [client.key("Account", number) for number in (1, 2, 1)]
    assert [entity["balance"] for entity in client.get_multi(keys, missing=missing)] == [1]
    assert [entity.key for entity in missing] == [keys[1]]


def test_ids_are_allocated_and_reserved(client: datastore.Client) -> None:
    allocated = client.allocate_ids(client.key("Account"), 3)
    assert len({key.id for key in allocated}) == 3
    client.reserve_ids_sequential(client.key("Account", 1000), 3)
    with pytest.warns(DeprecationWarning, match="reserve_ids_sequential"):
        client.reserve_ids(client.key("Account", 2000), 1)
    with pytest.raises(ValueError, match="not partial"):
        client.allocate_ids(client.key("Account", 1), 1)
    with pytest.raises(ValueError, match="numeric"):
        client.reserve_ids_sequential(client.key("Account", "ada"), 1)


def test_an_error_after_the_end_of_a_transaction_is_not_hidden(client: datastore.Client) -> None:
    def end_and_fail() -> None:
        with client.transaction() as transaction:
            transaction.rollback()
            raise RuntimeError("after the end")

    with pytest.raises(RuntimeError, match="after the end"):
        end_and_fail()
    assert client.current_batch is None
