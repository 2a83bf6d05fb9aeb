"""What programs for App Engine's NDB ask for, and google-cloud-ndb does not refuse."""

import pickle
from typing import Any

import pytest

from kindstore import ndb


class Part(ndb.Model):
    name = ndb.StringProperty()
    size = ndb.IntegerProperty()


class Book(ndb.Model):
    title = ndb.StringProperty()
    year = ndb.IntegerProperty()
    parts = ndb.StructuredProperty(Part, repeated=True)
    label = ndb.ComputedProperty(lambda self: f"{self.title} ({self.year})")
    loud = ndb.ComputedProperty(lambda self: (self.title or "").upper())


class Loose(ndb.Expando):
    pass


class Shelf(ndb.Model):
    loose = ndb.StructuredProperty(Loose)


pytestmark = pytest.mark.usefixtures("context")


@pytest.fixture
def books(context: ndb.Context) -> list[Book]:
    books = [Book(id=at, title=title, year=1900 + at) for at, title in enumerate("abcdef", 1)]
    ndb.put_multi(books)
    context.clear_cache()
    return books


# Keys.


def test_a_reference_may_come_with_the_place_that_it_is_of() -> None:
    key = ndb.Key("Book", 1, namespace="ns")
    assert ndb.Key(urlsafe=key.urlsafe(), app=key.app(), namespace="ns") == key
    assert ndb.Key(serialized=key.serialized(), project=key.project()) == key
    plain = ndb.Key("Book", 1, app="app1")
    assert ndb.Key(serialized=plain.serialized().decode()) == plain
    wrong: list[Any] = [{"app": "other"}, {"namespace": "other"}, {"namespace": None}, {"database": "other"}]
    for place in wrong:
        with pytest.raises(ndb.exceptions.BadKeyError, match="of another"):
            ndb.Key(urlsafe=key.urlsafe(), **place)


def test_a_key_is_read_from_a_pickle_of_python_2_whose_text_is_bytes() -> None:
    state: Any = ({b"pairs": [(b"Book", 1), (b"Part", b"x")], b"app": b"app1", b"namespace": b"ns"},)
    key = object.__new__(ndb.Key)
    key._packed = None
    key.__setstate__(state)
    assert key == ndb.Key("Book", 1, "Part", "x", app="app1", namespace="ns")


# Queries.


def test_a_query_tells_its_orders_groups_and_options() -> None:
    query = Book.query()
    assert (query.orders, query.group_by, query.default_options) == (None, None, None)
    assert query.order(Book.year).orders == [ndb.PropertyOrder("year")]
    assert Book.query(projection=["year"], distinct=True).group_by == ("year",)
    read = ndb.gql("SELECT * FROM Book LIMIT 2 OFFSET 1")
    assert read.orders is None
    assert read.default_options == ndb.QueryOptions(limit=2, offset=1)


def test_what_default_options_say_is_shown_once() -> None:
    query = ndb.Query(Book, default_options=ndb.QueryOptions(limit=3))
    assert repr(query) == "Query(kind='Book', default_options=QueryOptions(limit=3))"


def test_map_without_a_callback_gives_the_results(books: list[Book]) -> None:
    query: Any = Book.query().order(Book.year)
    assert query.map(None) == query.map_async(None).result() == tuple(books)


def test_the_cursor_before_the_first_result_is_after_what_was_skipped(books: list[Book]) -> None:
    query = Book.query().order(Book.year)
    for limit in (None, 1, 2):
        walk = query.iter(offset=2, limit=limit)
        assert next(walk) == books[2]
        assert query.fetch(1, start_cursor=walk.cursor_before()) == [books[2]]
        assert query.fetch(1, start_cursor=walk.cursor_after()) == [books[3]]
    assert list(query.iter(offset=2, limit=3)) == books[2:5]
    assert list(query.iter(offset=5, limit=3)) == books[5:]
    assert (
        list(query.iter(offset=6)) == list(query.iter(offset=60)) == list(query.iter(offset=1, limit=0)) == []
    )


def test_an_offset_skips_what_the_context_knows_to_be_deleted(
    books: list[Book], context: ndb.Context
) -> None:
    query = Book.query().order(Book.year)
    context.identities.put(books[1].key, None)  # type: ignore[union-attr]
    assert list(query.iter(offset=2)) == books[2:]


def test_after_the_walk_both_cursors_are_at_its_end(books: list[Book]) -> None:
    walk = Book.query().iter()
    assert len(list(walk)) == len(books)
    assert walk.cursor_before() == walk.cursor_after()
    with pytest.raises(ndb.exceptions.BadArgumentError):
        Book.query(Book.year == 1).iter().cursor_before()


def test_a_projection_computes_from_what_it_has(books: list[Book]) -> None:
    (found,) = Book.query(Book.year == 1901).fetch(projection=["title"])
    assert found.loud == "A"
    with pytest.raises(ndb.UnprojectedPropertyError):
        _ = found.label
    assert found.to_dict() == {"title": "a"}
    (found,) = Book.query(Book.year == 1901).fetch(projection=["label"])
    assert found.label == books[0].label == "a (1901)"


def test_a_filter_by_name_takes_a_blob_key() -> None:
    key = ndb.BlobKey(b"blob")
    loose = Loose(file=key)
    loose.put()
    assert Loose.query(ndb.FilterNode("file", "=", key)).get() == loose


def test_gql_finds_what_an_expando_inside_an_entity_has() -> None:
    shelf = Shelf(loose=Loose(width=3))
    shelf.put()
    assert Shelf.gql('WHERE "loose.width" = 3').fetch() == [shelf]
    assert Shelf.gql('WHERE "loose.width" = 4').fetch() == []
    with pytest.raises(ndb.InvalidPropertyError):
        Shelf.gql('WHERE "loose.width.inner" = 4')


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_query_can_be_pickled(protocol: int, books: list[Book]) -> None:
    def again(query: Any) -> Any:
        return pickle.loads(pickle.dumps(query, protocol))

    bound = ndb.gql("SELECT * FROM Book WHERE year IN (:1, :two) AND title > :title")
    assert again(bound).filters == bound.filters
    assert again(bound).bind(1902, two=1903, title="b").fetch() == books[2:3]
    books[0].parts = [Part(name="x", size=1), Part(name="y", size=2)]
    books[0].put()
    inside = again(Book.query(Book.parts == Part(name="x", size=1)))
    assert inside.fetch() == books[:1]
    assert again(Book.query(Book.parts == Part(name="x", size=2))).fetch() == []


# Futures.


def test_a_callback_of_a_future_takes_arguments() -> None:
    future: ndb.Future[int] = ndb.Future()
    told: list[Any] = []
    future.add_callback(lambda *args, **options: told.append((args, options)), 1, two=2)
    assert told == []
    future.set_result(3)
    assert told == [((1,), {"two": 2})]
