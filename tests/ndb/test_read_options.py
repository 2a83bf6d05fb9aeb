"""Strong and eventual reads through models, on a store whose global queries are stale."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kindstore
from kindstore import ndb
from kindstore.ndb import stats
from kindstore.testing import Eventual, Never
from kindstore.values.errors import BadArgumentError


class Item(ndb.Model):
    n = ndb.IntegerProperty()


@pytest.fixture
def stale() -> Iterator[Eventual]:
    """A store of which global queries see nothing by themselves."""
    made = Eventual(kindstore.connect(":memory:"), Never())
    yield made
    made.close()


@pytest.fixture
def here(stale: Eventual) -> Iterator[ndb.Context]:
    with ndb.Client(store=stale).context(cache_policy=False) as context:
        yield context


QUERIES: dict[str, Callable[..., Any]] = {
    "fetch": lambda query, **options: query.fetch(**options),
    "fetch keys": lambda query, **options: query.fetch(keys_only=True, **options),
    "fetch a projection": lambda query, **options: query.fetch(projection=["n"], **options),
    "fetch_async": lambda query, **options: query.fetch_async(**options).result(),
    "get": lambda query, **options: [each for each in (query.get(**options),) if each is not None],
    "iter": lambda query, **options: list(query.iter(**options)),
    "fetch_page": lambda query, **options: query.fetch_page(5, **options)[0],
    "map": lambda query, **options: query.map(lambda each: each, **options),
    "count": lambda query, **options: range(query.count(**options)),
    "sum": lambda query, **options: range(query.sum(Item.n, **options)),
}


@pytest.mark.parametrize("read", QUERIES.values(), ids=QUERIES)
def test_a_global_query_of_models_may_miss_a_put(here: ndb.Context, read: Callable[..., Any]) -> None:
    key = Item(n=1).put()
    assert len(read(Item.query())) == 0
    assert key.get().n == 1  # which applies its entity group
    assert len(read(Item.query())) == 1


@pytest.mark.parametrize("option", ["read_consistency", "read_policy"])
@pytest.mark.parametrize("read", QUERIES.values(), ids=QUERIES)
def test_an_ancestor_query_does_so_only_if_it_is_asked_for(
    here: ndb.Context, read: Callable[..., Any], option: str
) -> None:
    Item(n=1).put()
    box = ndb.Key("Box", 1)
    Item(n=1, parent=box).put()
    assert len(read(Item.query(ancestor=box), **{option: ndb.EVENTUAL})) == 0
    assert len(read(Item.query(ancestor=box), **{option: ndb.STRONG})) == 1
    assert len(read(Item.query(ancestor=box), **{option: ndb.EVENTUAL})) == 1


GETS: dict[str, Callable[..., Any]] = {
    "get": lambda key, **options: key.get(**options),
    "get_async": lambda key, **options: key.get_async(**options).result(),
    "get_by_id": lambda key, **options: Item.get_by_id(key.id(), **options),
    "get_by_id_async": lambda key, **options: Item.get_by_id_async(key.id(), **options).result(),
    "get_multi": lambda key, **options: ndb.get_multi([key], **options)[0],
    "get_multi_async": lambda key, **options: ndb.get_multi_async([key], **options)[0].result(),
}


@pytest.mark.parametrize("option", ["read_consistency", "read_policy"])
@pytest.mark.parametrize("get", GETS.values(), ids=GETS)
def test_a_get_may_miss_a_put_only_if_that_is_asked_for(
    here: ndb.Context, get: Callable[..., Any], option: str
) -> None:
    key = Item(n=1).put()
    assert get(key, **{option: ndb.EVENTUAL_CONSISTENCY}) is None
    assert get(key) == Item(key=key, n=1)
    assert get(key, **{option: ndb.EVENTUAL_CONSISTENCY}) == Item(key=key, n=1)


def test_in_an_event_loop_too(stale: Eventual) -> None:
    async def work() -> None:
        async with ndb.Client(store=stale).context(cache_policy=False):
            key = await Item(n=1).put_async()
            assert await key.get_async(read_policy=ndb.EVENTUAL) is None
            assert await Item.query().fetch_async() == []
            assert await key.get_async() == Item(key=key, n=1)
            assert [each.key async for each in Item.query()] == [key]

    asyncio.run(work())


def test_a_transaction_reads_strongly_whatever_is_asked_for(here: ndb.Context) -> None:
    key = Item(n=1).put()
    assert ndb.transaction(lambda: key.get(read_policy=ndb.EVENTUAL).n) == 1


def test_what_a_context_knows_is_not_asked_of_the_store(stale: Eventual) -> None:
    with ndb.Client(store=stale).context():
        item = Item(n=1)
        assert item.put().get(read_policy=ndb.EVENTUAL) is item


def test_a_consistency_that_there_is_not_is_refused(here: ndb.Context) -> None:
    key = ndb.Key(Item, 1)
    for read in (key.get, key.get_async, Item.query().fetch, Item.query().count):
        with pytest.raises(BadArgumentError, match="'strong', 'eventual'"):
            read(read_policy="weak")


def test_a_stale_store_explains_its_queries(here: ndb.Context) -> None:
    assert Item.query(Item.n == 1).explain().startswith("IndexScan(")


def test_statistics_are_those_of_the_last_refresh(here: ndb.Context, stale: Eventual) -> None:
    Item(n=1).put()
    stale.run(stale.refresh_statistics())
    found = stats.GlobalStat.query().get()
    assert found is not None
    assert found.count == 1
    # They are nothing that another wrapper would have to take over.
    other = Eventual(stale.store, Never())
    with ndb.Client(store=other).context():
        assert Item.query().count() == 1


# Clients that are given a store.


def test_a_client_leaves_the_store_that_it_was_given_open(tmp_path: Path) -> None:
    store = kindstore.connect(tmp_path / "items.db", project="shop")
    with ndb.Client(store=store, namespace="mine") as client:
        assert (client.project, client.store) == ("shop", store)
        with client.context():
            key = Item(n=1).put()
    assert (key.project(), key.namespace()) == ("shop", "mine")
    with ndb.Client("shop", store=store).context():
        assert key.get().n == 1
    store.close()


def test_a_store_goes_with_neither_a_url_nor_another_project(tmp_path: Path) -> None:
    store = kindstore.connect(":memory:", project="shop")
    with pytest.raises(BadArgumentError, match="a url or a store"):
        ndb.Client(store=store, url=tmp_path / "items.db")
    with pytest.raises(BadArgumentError, match="a project of its own"):
        ndb.Client("mall", store=store)
    assert not (tmp_path / "items.db").exists()
    store.close()
