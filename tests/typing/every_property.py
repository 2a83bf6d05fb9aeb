"""A program as a user of strict type checkers writes it: every property, queries, transactions, asyncio.

Checked on its own, with the strictest settings of mypy and basedpyright, by `tests/test_typing.py`; never run.  Nothing in it
is left untyped or ignored: what a checker cannot tell by itself is written down where a property is declared.
"""

import asyncio
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_type

from kindstore import ndb

# Models.


@dataclass(frozen=True)
class Isbn:
    """A type of the application."""

    digits: str


class IsbnProperty(ndb.Property[Isbn]):
    """An `Isbn`, stored as a string."""

    def _validate(self, value: Isbn) -> None:
        if len(value.digits) != 13:
            raise ndb.exceptions.BadValueError("an ISBN has 13 digits")

    def _to_base_type(self, value: Isbn) -> str:
        return value.digits

    def _from_base_type(self, value: str) -> Isbn:
        return Isbn(value)


class Address(ndb.Model):
    """A structure."""

    street = ndb.StringProperty()
    city = ndb.StringProperty(required=True)


def not_empty(_: object, value: str) -> str | None:
    """A validator."""
    if not value.strip():
        raise ndb.exceptions.BadValueError("empty")
    return value.strip()


class Author(ndb.Model):
    """Properties that need a value, may lack one, have a default, or have many."""

    name = ndb.StringProperty(required=True, validator=not_empty)
    nick = ndb.StringProperty()
    email = ndb.StringProperty(unique=True)
    languages = ndb.StringProperty(repeated=True, choices=["de", "en", "fr"])
    life = ndb.TextProperty()
    notes = ndb.TextProperty(repeated=True)
    letters = ndb.CompressedTextProperty()

    children = ndb.IntegerProperty()
    books = ndb.IntegerProperty(default=0)
    years = ndb.IntegerProperty(repeated=True)
    fame = ndb.FloatProperty(required=True)
    grades = ndb.FloatProperty(repeated=True)
    alive = ndb.BooleanProperty(default=True)
    answers = ndb.BooleanProperty(repeated=True)

    born = ndb.DateProperty()
    feasts = ndb.DateProperty(repeated=True)
    hour = ndb.TimeProperty(required=True)
    added = ndb.DateTimeProperty(auto_now_add=True)
    changed = ndb.DateTimeProperty(auto_now=True, required=True)

    portrait = ndb.BlobProperty()
    pages = ndb.BlobProperty(repeated=True)
    upload = ndb.BlobKeyProperty()
    home = ndb.GeoPtProperty()
    user = ndb.UserProperty()

    address = ndb.StructuredProperty(Address)
    offices = ndb.StructuredProperty(Address, repeated=True)
    birthplace = ndb.LocalStructuredProperty(Address, required=True)
    journeys = ndb.LocalStructuredProperty(Address, repeated=True)

    prices: ndb.JsonProperty[dict[str, float]] = ndb.JsonProperty(default={})
    tags: ndb.PickleProperty[set[str] | None] = ndb.PickleProperty(allow_pickle=True)
    legacy: ndb.GenericProperty[int | str | None] = ndb.GenericProperty()

    @ndb.ComputedProperty
    def initial(self) -> str:
        """Computed by a method."""
        return self.name[:1]

    def full_name(self) -> str:
        """Methods see the types too."""
        return self.name if self.nick is None else f"{self.name} ({self.nick})"


class Book(ndb.Model):
    """With keys of other entities, and a property class of the application."""

    isbn = IsbnProperty(required=True)
    author = ndb.KeyProperty(kind=Author, required=True)
    translator = ndb.KeyProperty("Author")
    sources = ndb.KeyProperty(kind="Book", repeated=True)
    copies = ndb.IntegerProperty(default=0)

    def sell(self) -> int:
        """One copy less."""
        self.copies -= 1
        return self.copies


class Work(ndb.PolyModel):
    """The root of a hierarchy."""

    title = ndb.StringProperty(required=True)


class Song(Work):
    """A branch of it."""

    seconds = ndb.IntegerProperty(required=True)


class Page(ndb.Expando):
    """With properties that it declares, and others."""

    hits = ndb.IntegerProperty(default=0)


# What reading an attribute gives.


def read(author: Author, book: Book, song: Song, page: Page) -> None:
    """Each attribute has the type of its property."""
    assert_type(author.name, str)
    assert_type(author.nick, str | None)
    assert_type(author.email, str | None)
    assert_type(author.languages, list[str])
    assert_type(author.life, str | None)
    assert_type(author.notes, list[str])
    assert_type(author.letters, str | None)
    assert_type(author.children, int | None)
    assert_type(author.books, int)
    assert_type(author.years, list[int])
    assert_type(author.fame, float)
    assert_type(author.grades, list[float])
    assert_type(author.alive, bool)
    assert_type(author.answers, list[bool])
    assert_type(author.born, dt.date | None)
    assert_type(author.feasts, list[dt.date])
    assert_type(author.hour, dt.time)
    assert_type(author.added, dt.datetime | None)
    assert_type(author.changed, dt.datetime)
    assert_type(author.portrait, bytes | None)
    assert_type(author.pages, list[bytes])
    assert_type(author.upload, ndb.BlobKey | None)
    assert_type(author.home, ndb.GeoPt | None)
    assert_type(author.user, ndb.User | None)
    assert_type(author.address, Address | None)
    assert_type(author.offices, list[Address])
    assert_type(author.birthplace, Address)
    assert_type(author.birthplace.city, str)
    assert_type(author.journeys, list[Address])
    assert_type(author.prices, dict[str, float])
    assert_type(author.tags, set[str] | None)
    assert_type(author.legacy, int | str | None)
    assert_type(author.initial, str)
    assert_type(book.isbn, Isbn)
    assert_type(book.author, ndb.Key)
    assert_type(book.translator, ndb.Key | None)
    assert_type(book.sources, list[ndb.Key])
    assert_type(song.title, str)
    assert_type(song.seconds, int)
    assert_type(page.hits, int)


def write(author: Author, book: Book) -> None:
    """What is assigned is checked alike."""
    author.nick = None
    author.books += 1
    author.languages.append("en")
    author.born = dt.date(1815, 12, 10)
    author.address = Address(city="London")
    author.prices["Notes"] = 9.5
    author.tags = {"mathematics"}
    author.home = ndb.GeoPt(51.5, -0.1)
    author.populate(nick="Ada", books=2)
    book.isbn = Isbn("9783161484100")
    book.sources = [ndb.Key(Book, "letters")]


# Keys, puts and gets.


def keys(author: Author, book: Book) -> list[ndb.Key]:
    """Keys have no type of entity: an annotation says which one it is."""
    key = author.put()
    assert_type(key, ndb.Key)
    assert_type(key.kind(), str)
    assert_type(ndb.Key(Author, "ada", parent=key).urlsafe().decode(), str)
    found: Author | None = key.get()
    assert_type(Author.get_by_id("ada", parent=key), Author | None)
    assert_type(Author.get_or_insert("ada", name="Ada", fame=1.0), Author)
    assert_type(Author.allocate_ids(2, parent=key), tuple[ndb.Key, ...])
    several: list[Author | None] = ndb.get_multi([key, book.author])
    names = [each.name for each in several if each is not None]
    assert_type(names, list[str])
    ndb.delete_multi(each.key for each in (author, book))
    return ndb.put_multi([author, book] if found is None else [found])


# Queries.


def queries(cursor: ndb.Cursor | None) -> Sequence[str]:
    """Results have the type of the model, or are keys."""
    query = Author.query(Author.fame > 0.5, Author.languages.IN(["en", "fr"])).order(
        -Author.fame, Author.name
    )
    assert_type(query, ndb.Query[Author])
    assert_type(
        query.filter(ndb.OR(Author.name == "Ada", Author.born < dt.date(1900, 1, 1))).get(), Author | None
    )
    assert_type(query.get(keys_only=True), ndb.Key | None)
    assert_type(query.fetch(20), list[Author])
    assert_type(query.fetch(20, keys_only=True), list[ndb.Key])
    assert_type(query.count(limit=100), int)
    assert_type(query.sum(Author.books), float)
    assert_type(query.avg(Author.books), float | None)
    assert_type(query.map(Author.full_name), tuple[str, ...])
    assert_type(list(query.iter(keys_only=True)), list[ndb.Key])
    assert_type(Song.query(Song.seconds < 180, ancestor=ndb.Key("Album", 1)).fetch(), list[Song])
    assert_type(Author.query(Author.address.city == "London").fetch(projection=[Author.name]), list[Author])
    assert_type(Author.gql("WHERE name = :1", "Ada").fetch(), list[Author])
    page, following, more = query.fetch_page(20, start_cursor=cursor)
    assert_type(page, list[Author])
    assert_type(query.fetch_page(20, keys_only=True), tuple[list[ndb.Key], ndb.Cursor | None, bool])
    if more and following is not None:
        assert_type(following.urlsafe(), bytes)
    return [author.full_name() for author in query if author.born is not None]


# Transactions.


@ndb.transactional(retries=5)
def sell(key: ndb.Key, copies: int = 1) -> int:
    """A decorated function keeps its signature."""
    book: Book | None = key.get()
    if book is None or book.copies < copies:
        raise ndb.Rollback
    book.copies -= copies
    book.put()
    return book.copies


@ndb.transactional()
async def sell_async(key: ndb.Key) -> int:
    """So does a coroutine function."""
    book: Book | None = await key.get_async()
    if book is None:
        raise ndb.Rollback
    left = book.sell()
    await book.put_async()
    return left


@ndb.transactional_async()
def sell_later(key: ndb.Key, *, copies: int) -> int:
    """Here a call gives a future."""
    return sell(key, copies)


@ndb.non_transactional()
def log(text: str) -> bool:
    """Outside of the transaction in progress."""
    return bool(text)


def transactions(key: ndb.Key) -> None:
    """In all their forms."""
    assert_type(sell(key, copies=2), int)
    assert_type(sell_later(key, copies=2), ndb.Future[int])
    assert_type(sell_later(key, copies=2).result(), int)
    assert_type(log("sold"), bool)
    assert_type(ndb.transaction(lambda: sell(key), read_only=False), int)
    assert_type(ndb.in_transaction(), bool)
    with ndb.transaction():
        sell(key)


# asyncio, and a client.


async def gathered(keys: Iterable[ndb.Key]) -> list[str]:
    """Futures are awaited like any other."""
    first, count = await asyncio.gather(Author.query().get_async(), Author.query().count_async())
    assert_type(first, Author | None)
    assert_type(count, int)
    assert_type(await sell_async(ndb.Key(Book, 1)), int)
    assert_type(await ndb.transaction_async(lambda: sell_async(ndb.Key(Book, 1))), int)
    assert_type(await Author.query().get_async(keys_only=True), ndb.Key | None)
    assert_type(await Author.query().fetch_async(5, keys_only=True), list[ndb.Key])
    found: list[Author | None] = [await key.get_async() for key in keys]
    async with ndb.transaction():
        await asyncio.gather(*ndb.put_multi_async([author for author in found if author is not None]))
    return [author.name async for author in Author.query()]


def main() -> None:
    """Where it all is."""
    with ndb.Client(url="library.db") as client, client.context(namespace="shop") as context:
        assert_type(context, ndb.Context)
        asyncio.run(gathered([ndb.Key(Author, "ada")]))
    try:
        queries(None)
    except ndb.exceptions.ConflictError as error:
        assert_type(error.hint, str)
