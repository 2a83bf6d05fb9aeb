"""What the types of calls with I/O are: read by mypy and pyright, never run."""

from typing import Any, assert_type

from kindstore import ndb


class Author(ndb.Model):
    name = ndb.StringProperty(required=True)
    friend = ndb.KeyProperty()
    friends = ndb.KeyProperty(repeated=True)


def keys_and_entities(author: Author) -> None:
    assert_type(author.put(), ndb.Key)
    assert_type(author.put_async(), ndb.Future[ndb.Key])
    assert_type(author.key, ndb.Key | Any)
    assert_type(author.friend, ndb.Key | None)
    assert_type(author.friends, list[ndb.Key])
    assert_type(Author.get_by_id(1), Author | None)
    assert_type(Author.get_by_id_async("x"), ndb.Future[Author | None])
    assert_type(Author.get_or_insert("x", name="X"), Author)
    assert_type(Author.allocate_ids(3), tuple[ndb.Key, ...])
    assert_type(ndb.put_multi([author]), list[ndb.Key])
    assert_type(ndb.put_multi_async([author]), list[ndb.Future[ndb.Key]])
    key = ndb.Key(Author, 1)
    assert_type(key.parent(), ndb.Key | None)
    assert_type(key.urlsafe(), bytes)
    assert_type(key.id(), int | str | None)


def queries() -> None:
    query = Author.query(Author.name == "x")
    assert_type(query, ndb.Query[Author])
    assert_type(query.order(-Author.name).filter(Author.name > "a"), ndb.Query[Author])
    assert_type(query.fetch(), list[Author])
    assert_type(query.fetch(10, keys_only=True), list[ndb.Key])
    assert_type(query.fetch_async(), ndb.Future[list[Author]])
    assert_type(query.get(), Author | None)
    assert_type(query.count(), int)
    assert_type(query.fetch_page(10), tuple[list[Author], ndb.Cursor | None, bool])
    assert_type(query.map(lambda author: author.name), tuple[str, ...])
    assert_type([author.name for author in query], list[str])
    query.fetch("ten")  # type: ignore[call-overload]
    query.order(3)  # type: ignore[arg-type]


async def in_asyncio(author: Author) -> None:
    assert_type(await author.put_async(), ndb.Key)
    assert_type(await Author.query().get_async(), Author | None)
    assert_type([each async for each in Author.query()], list[Author])


def transactions() -> None:
    def work() -> int:
        return 1

    async def awork() -> str:
        return ""

    assert_type(ndb.transaction(work), int)
    assert_type(ndb.transaction_async(work), ndb.Future[int])
    assert_type(ndb.transaction_async(awork), ndb.Future[str])
    assert_type(ndb.transactional()(work)(), int)

    @ndb.transactional(retries=5)
    def named(amount: int, *, note: str = "") -> bool:
        return bool(amount and note)

    assert_type(named(1, note="x"), bool)
    named("x")  # type: ignore[arg-type]


def every_query() -> None:
    query = Author.query(Author.name != "x", projection=[Author.name, "friend"], distinct=True)
    assert_type(query, ndb.Query[Author])
    assert_type(query.fetch(projection=["name"]), list[Author])
    assert_type(query.sum(Author.name), float)
    assert_type(query.sum_async("name"), ndb.Future[float])
    assert_type(query.avg("name"), float | None)
    assert_type(query.avg_async("name"), ndb.Future[float | None])
    assert_type(query.explain(), str)
    assert_type(query.explain_async(), ndb.Future[str])
    assert_type(query.projection, tuple[str, ...])
    assert_type(ndb.OR(Author.name == "x", Author.name.IN(["y"])), ndb.Node)
    assert_type(Author.gql("WHERE name = :1", "x"), ndb.Query[Author])
    assert_type(ndb.gql("SELECT * FROM Author"), ndb.Query[Any])
    assert_type(Author.gql("").bind(3), ndb.Query[Author])
    query.sum(3)  # type: ignore[arg-type]
    Author.query(projection="name", distinct_on=3)  # type: ignore[arg-type]
