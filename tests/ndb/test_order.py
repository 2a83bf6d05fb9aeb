"""Writes are done in the order in which they were asked for, whichever way each was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kindstore import ndb


class Ordered(ndb.Model):
    n = ndb.IntegerProperty()


@pytest.fixture
def client() -> Iterator[ndb.Client]:
    with ndb.Client(url=":memory:") as made:
        yield made


def stored(client: ndb.Client) -> int | None:
    with client.context():
        found = Ordered.get_by_id("a")
        return None if found is None else found.n


def put(n: int) -> None:
    Ordered(id="a", n=n).put()


def put_later(n: int) -> None:
    Ordered(id="a", n=n).put_async()


def delete() -> None:
    ndb.Key(Ordered, "a").delete()


def delete_later() -> None:
    ndb.Key(Ordered, "a").delete_async()


@pytest.mark.parametrize(
    ("first", "then", "left"),
    [
        (lambda: put_later(1), lambda: put(2), 2),
        (lambda: put_later(1), delete, None),
        (delete_later, lambda: put(2), 2),
        (lambda: put_later(1), lambda: ndb.put_multi([Ordered(id="a", n=2)]), 2),
        (lambda: put_later(1), lambda: ndb.delete_multi([ndb.Key(Ordered, "a")]), None),
        (lambda: put_later(1), lambda: ndb.transaction(lambda: put(2)), 2),
        (lambda: put_later(1), delete_later, None),
        (delete_later, lambda: put_later(2), 2),
        (lambda: ndb.put_multi_async([Ordered(id="a", n=1)]), lambda: put(2), 2),
    ],
)
def test_the_later_of_two_writes_counts(
    client: ndb.Client, first: Callable[[], Any], then: Callable[[], Any], left: int | None
) -> None:
    with client.context():
        put(0)
        first()
        then()
    assert stored(client) == left


@pytest.mark.parametrize(
    "read",
    [
        lambda: [Ordered.get_by_id("a")],
        lambda: [ndb.Key(Ordered, "a").get()],
        lambda: ndb.get_multi([ndb.Key(Ordered, "a")]),
        lambda: Ordered.query().fetch(),
        lambda: list(Ordered.query()),
        lambda: [Ordered.query(Ordered.n == 5).get()],
    ],
)
def test_a_read_sees_what_was_to_be_written_before(client: ndb.Client, read: Callable[[], list[Any]]) -> None:
    with client.context(cache_policy=False):
        put_later(5)
        assert [each and each.n for each in read()] == [5]


def test_writes_of_one_key_keep_their_order_in_an_event_loop(client: ndb.Client) -> None:
    async def main() -> None:
        with client.context():
            for n in range(20):
                await asyncio.gather(
                    Ordered(id="a", n=n).put_async(),
                    ndb.Key(Ordered, "a").delete_async(),
                    Ordered(id="a", n=n + 100).put_async(),
                )
                found = await ndb.Key(Ordered, "a").get_async(use_cache=False)
                assert found.n == n + 100

    asyncio.run(main())


def test_a_write_that_can_not_wait_for_one_in_the_event_loop_is_refused(client: ndb.Client) -> None:
    async def main() -> None:
        with client.context():
            future = Ordered(id="a", n=1).put_async()
            with pytest.raises(RuntimeError, match="await it first"):
                put(2)
            await future
            put(2)

    asyncio.run(main())
    assert stored(client) == 2


def test_more_transactions_at_once_than_a_process_has_connections_for(client: ndb.Client) -> None:
    async def main() -> None:
        with client.context():
            ndb.put_multi([Ordered(id=n, n=0) for n in range(1, 301)])

            async def add(n: int) -> None:
                async def work() -> None:
                    found = await ndb.Key(Ordered, n).get_async()
                    found.n += 1
                    await found.put_async()

                await ndb.transaction_async(work)

            await asyncio.gather(*(add(n) for n in range(1, 301)))

    asyncio.run(main())
    with client.context():
        assert Ordered.query(Ordered.n == 1).count() == 300
