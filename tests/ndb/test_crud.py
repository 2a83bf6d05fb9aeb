"""Put, get, delete: one and many, by key and by id."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from kindstore import ndb

pytestmark = pytest.mark.usefixtures("context")


class Author(ndb.Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty(default=0)
    score = ndb.FloatProperty()
    born = ndb.DateTimeProperty()
    tags = ndb.StringProperty(repeated=True)


class Book(ndb.Model):
    title = ndb.StringProperty("t", required=True)
    author = ndb.KeyProperty(kind=Author)
    written = ndb.DateTimeProperty(auto_now_add=True)
    changed = ndb.DateTimeProperty(auto_now=True)


def test_put_returns_the_complete_key_and_the_entity_has_it() -> None:
    ada = Author(name="Ada")
    assert ada.key is None
    key = ada.put()
    assert isinstance(key, ndb.Key)
    assert key.id() is not None
    assert ada.key == key


def test_what_was_put_can_be_read_back(context: ndb.Context) -> None:
    ada = Author(name="Ada", age=36, score=1.5, born=datetime(1815, 12, 10), tags=["x", "y"])
    key = ada.put()
    context.clear_cache()
    again = key.get()
    assert again is not ada
    assert again == ada


def test_a_missing_entity_is_none() -> None:
    assert ndb.Key(Author, 1).get() is None
    assert Author.get_by_id("nobody") is None


def test_put_again_changes_the_entity(context: ndb.Context) -> None:
    key = Author(id="ada", name="Ada").put()
    Author(id="ada", name="Augusta").put()
    context.clear_cache()
    assert key.get().name == "Augusta"


def test_get_by_id_takes_names_numbers_and_parents(context: ndb.Context) -> None:
    parent = ndb.Key("Shelf", 1)
    Author(id=7, name="seven").put()
    Author(id="seven", parent=parent, name="below").put()
    context.clear_cache()
    seven, below = Author.get_by_id(7), Author.get_by_id("seven", parent=parent)
    assert seven is not None
    assert seven.name == "seven"
    assert below is not None
    assert below.name == "below"
    assert Author.get_by_id("seven") is None


def test_delete_removes_the_entity_and_may_be_repeated() -> None:
    key = Author(name="Ada").put()
    key.delete()
    key.delete()
    assert key.get() is None


def test_many_are_put_read_and_deleted_in_their_order(context: ndb.Context) -> None:
    keys = ndb.put_multi([Author(name=f"n{number}") for number in range(20)])
    context.clear_cache()
    missing = ndb.Key(Author, "nobody")
    found = ndb.get_multi([*reversed(keys), missing])
    assert [each.name for each in found[:-1]] == [f"n{number}" for number in reversed(range(20))]
    assert found[-1] is None
    assert ndb.delete_multi(keys[:5]) == [None] * 5
    assert ndb.get_multi(keys[:6])[:5] == [None] * 5
    assert Author.query().count() == 15


def test_many_of_nothing_is_nothing() -> None:
    assert ndb.put_multi([]) == []
    assert ndb.get_multi([]) == []
    assert ndb.delete_multi([]) == []


def test_a_key_named_twice_is_read_twice_and_written_as_the_last_says(context: ndb.Context) -> None:
    first, second = Author(id=1, name="first"), Author(id=1, name="second")
    keys = ndb.put_multi([first, second])
    context.clear_cache()
    one, other = ndb.get_multi(keys)
    assert one is other
    assert one.name == "second"
    ndb.delete_multi([*keys, *keys])
    assert ndb.get_multi(keys) == [None, None]


def test_one_new_entity_named_twice_is_written_once() -> None:
    ada = Author(name="Ada")
    one, other = ndb.put_multi([ada, ada])
    assert one == other
    assert Author.query().count() == 1


def test_put_multi_is_all_or_nothing() -> None:
    with pytest.raises(ndb.exceptions.BadValueError, match="uninitialized properties: t"):
        ndb.put_multi([Author(name="Ada"), Book()])
    assert Author.query().count() == 0


def test_get_or_insert_inserts_once(context: ndb.Context) -> None:
    first = Author.get_or_insert("ada", name="Ada", age=36)
    context.clear_cache()
    second = Author.get_or_insert("ada", name="Augusta")
    assert first == second
    assert second.name == "Ada"
    assert second.key == ndb.Key(Author, "ada")


def test_get_or_insert_inserts_where_the_context_knows_of_nothing(client: ndb.Client) -> None:
    assert Author.get_by_id("ada") is None  # known to be missing from now on
    with client.context():
        Author(id="ada", name="the other").put()
    assert Author.get_or_insert("ada", name="mine").name == "the other"


def test_of_many_that_insert_at_once_one_wins(client: ndb.Client) -> None:
    barrier = threading.Barrier(8)

    def insert(number: int) -> int | None:
        with client.context():
            barrier.wait()
            return Author.get_or_insert("ada", age=number).age

    with ThreadPoolExecutor(8) as pool:
        ages = set(pool.map(insert, range(8)))
    assert len(ages) == 1


def test_get_or_insert_needs_a_name() -> None:
    with pytest.raises(TypeError):
        Author.get_or_insert("")
    with pytest.raises(TypeError):
        Author.get_or_insert(1)  # type: ignore[arg-type]


def test_allocated_ids_are_complete_keys_that_nobody_else_gets() -> None:
    parent = ndb.Key("Shelf", 1)
    keys = Author.allocate_ids(10, parent=parent)
    assert len(set(keys)) == 10
    assert all(key.parent() == parent for key in keys)
    new = ndb.put_multi([Author(parent=parent) for _ in range(10)])
    assert not set(new) & set(keys)


def test_allocate_ids_needs_a_size() -> None:
    with pytest.raises(TypeError):
        Author.allocate_ids()
    with pytest.raises(NotImplementedError):
        Author.allocate_ids(max=10)


def test_times_are_set_at_put() -> None:
    book = Book(title="Notes")
    book.put()
    first_written, first_changed = book.written, book.changed
    assert first_written is not None
    assert first_changed is not None
    book.put()
    assert book.written == first_written
    assert book.changed is not None
    assert book.changed >= first_changed


def test_a_stored_key_comes_back_as_one_that_can_be_got(context: ndb.Context) -> None:
    ada = Author(name="Ada").put()
    key = Book(title="Notes", author=ada).put()
    context.clear_cache()
    book = key.get()
    assert type(book.author) is ndb.Key
    assert book.author.get().name == "Ada"


def test_bad_values_are_refused_with_their_path_and_nothing_is_written() -> None:
    with pytest.raises(ndb.exceptions.BadValueError, match=r"Author\.age"):
        Author(age="old")
    author = Author(name="Ada")
    author.tags.append(5)  # type: ignore[arg-type]
    with pytest.raises(ndb.exceptions.BadValueError) as caught:
        author.put()
    assert caught.value.path == "Author.tags[0]"
    assert author.key is None
    assert Author.query().count() == 0


def test_an_incomplete_key_can_be_neither_read_nor_deleted() -> None:
    with pytest.raises(ndb.exceptions.BadKeyError):
        ndb.Key("Author", None).get()
    with pytest.raises(ndb.exceptions.BadKeyError):
        ndb.Key("Author", None).delete()


def test_a_kind_without_a_class_is_a_kind_error(context: ndb.Context) -> None:
    class Passing(ndb.Model):
        name = ndb.StringProperty()

    key = Passing(name="by").put()
    context.clear_cache()
    del ndb.Model._kind_map["Passing"]
    with pytest.raises(ndb.KindError, match="Did you forget to import it"):
        key.get()


def test_unknown_options_are_type_errors() -> None:
    key = ndb.Key(Author, 1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        key.get(colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="can't specify both"):
        key.get(timeout=1, deadline=2)
    assert key.get(timeout=1, retries=3, read_policy=None) is None


def test_a_property_may_be_called_like_a_method(context: ndb.Context) -> None:
    class Golfer(ndb.Model):
        put = ndb.IntegerProperty()  # type: ignore[assignment]
        query = ndb.StringProperty()  # type: ignore[assignment]
        key = ndb.StringProperty()

    golfer: Any = Golfer(put=3, query="where", key="mine")
    made = golfer._put()
    context.clear_cache()
    cls: Any = Golfer
    found = cls._query(ndb.FilterNode("put", "=", 3)).fetch()
    assert [(each.put, each.query, each.key) for each in found] == [(3, "where", "mine")]
    assert found[0]._key == made


class Bare(ndb.Model):
    n = ndb.IntegerProperty(default=7)

    def __init__(self) -> None:
        """Without what the constructor of models does."""


@pytest.mark.usefixtures("context")
def test_an_instance_that_no_constructor_of_models_has_seen_is_a_new_one() -> None:
    assert Bare().key is None
    one, two, three = Bare(), Bare(), Bare()
    keys = [one.put(), *ndb.put_multi([two, three])]
    assert [each.key for each in (one, two, three)] == keys
    assert len(set(keys)) == 3
    assert [each.n for each in Bare.query().fetch()] == [7] * 3
