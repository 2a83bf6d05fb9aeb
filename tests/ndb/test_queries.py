"""Queries: filters, orders, ancestors, pages and cursors, and what is refused when the query is built."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from kindstore import ndb


class Poet(ndb.Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty()
    tags = ndb.StringProperty(repeated=True)
    born = ndb.IntegerProperty("b")
    notes = ndb.TextProperty()


@pytest.fixture(autouse=True)
def poets(context: ndb.Context) -> list[ndb.Key]:
    """Thirty poets of ages 0 to 9; the first ten are below a shelf."""
    shelf = ndb.Key("Shelf", 1)
    keys = ndb.put_multi(
        [
            Poet(
                id=number,
                parent=shelf if number <= 10 else None,
                name=f"n{number:02}",
                age=number % 10,
                born=1800 + number,
                tags=["all", "even" if number % 2 == 0 else "odd"],
            )
            for number in range(1, 31)
        ]
    )
    context.clear_cache()
    return keys


def ids(found: list[Poet]) -> list[Any]:
    return [poet.key.id() for poet in found]


def test_a_query_without_filters_has_all_entities_of_the_kind(poets: list[ndb.Key]) -> None:
    found = Poet.query().fetch()
    assert {poet.key for poet in found} == set(poets)
    assert all(type(poet) is Poet for poet in found)


def test_filters_must_all_hold() -> None:
    assert ids(Poet.query(Poet.age == 3).order(Poet.name).fetch()) == [3, 13, 23]
    assert ids(Poet.query(Poet.age == 3, Poet.tags == "odd", Poet.name == "n13").fetch()) == [13]
    above = Poet.query().filter(Poet.born >= 1828)
    assert ids(above.filter(Poet.born < 1830).order(Poet.born).fetch()) == [28, 29]
    assert Poet.query(Poet.age == 3, Poet.tags == "even").fetch() == []


def test_every_value_of_a_repeated_property_finds_its_entity() -> None:
    assert Poet.query(Poet.tags == "odd").count() == 15
    assert Poet.query(Poet.tags == "all", Poet.tags == "even").count() == 15


def test_orders_go_up_and_down() -> None:
    up = Poet.query().order(Poet.age).fetch()
    assert [each.age for each in up] == sorted([*range(10)] * 3)
    down = Poet.query().order(-Poet.born).fetch(3)
    assert ids(down) == [30, 29, 28]
    assert ids(Poet.query().order("-b").fetch(3)) == [30, 29, 28]
    assert ids(Poet.query(order_by=[-Poet.born]).fetch(1)) == [30]


def test_order_makes_a_new_query_and_leaves_the_old_one_alone() -> None:
    by_age = Poet.query().order(Poet.age)
    by_age.order(Poet.name)
    assert by_age.order_by == [ndb.PropertyOrder("age")]


def test_a_property_stored_under_another_name_is_queried_by_that() -> None:
    query = Poet.query(Poet.born > 1828).order(Poet.born)
    assert query.filters == ndb.FilterNode("b", ">", 1828)
    assert ids(query.fetch()) == [29, 30]
    with pytest.raises(ndb.exceptions.BadFilterError, match="stored under another name"):
        Poet.query().order("born")


def test_an_ancestor_query_has_what_is_below_the_key() -> None:
    shelf = ndb.Key("Shelf", 1)
    assert sorted(ids(Poet.query(ancestor=shelf).fetch())) == list(range(1, 11))
    assert ids(Poet.query(Poet.age > 7, ancestor=shelf).order(Poet.age).fetch()) == [8, 9]
    assert Poet.query(ancestor=ndb.Key("Shelf", 2)).fetch() == []


def test_a_kindless_query_finds_every_kind() -> None:
    class Pamphlet(ndb.Model):
        pass

    Pamphlet(parent=ndb.Key("Shelf", 1), id=1).put()
    found = ndb.Query[Any](ancestor=ndb.Key("Shelf", 1)).fetch()
    assert {type(each) for each in found} == {Poet, Pamphlet}


def test_keys_only_reads_keys() -> None:
    keys = Poet.query(Poet.age == 3).fetch(keys_only=True)
    assert all(type(key) is ndb.Key for key in keys)
    assert {key.id() for key in keys} == {3, 13, 23}
    made = ndb.Query[Any]("Poet", filters=Poet.age == 3, keys_only=True)
    assert sorted(made.fetch()) == sorted(keys)
    first = Poet.query().order(Poet.born).get(keys_only=True)
    assert isinstance(first, ndb.Key)


def test_limit_and_offset_cut_the_results() -> None:
    query = Poet.query().order(Poet.born)
    assert ids(query.fetch(3)) == [1, 2, 3]
    assert ids(query.fetch(3, offset=5)) == [6, 7, 8]
    assert ids(query.fetch(offset=28)) == [29, 30]
    assert query.fetch(0) == []
    assert ids(ndb.Query[Poet]("Poet", limit=2, offset=1, order_by=[Poet.born]).fetch()) == [2, 3]


def test_get_is_the_first_result_or_none() -> None:
    first = Poet.query().order(-Poet.born).get()
    assert first is not None
    assert first.key.id() == 30
    assert Poet.query(Poet.age == 99).get() is None


def test_count_counts_to_its_limit() -> None:
    assert Poet.query().count() == 30
    assert Poet.query(Poet.age > 4).count() == 15
    assert Poet.query().count(7) == 7
    assert Poet.query(Poet.age == 99).count() == 0


def test_key_filters_work() -> None:
    query = Poet.query(Poet.key > ndb.Key("Poet", 20)).order(Poet.key)
    # Keys are ordered by their paths, so those below the shelf come after all others.
    assert ids(query.fetch()) == [*range(21, 31), *range(1, 11)]
    assert ids(query.filter(Poet._key <= ndb.Key("Poet", 22)).fetch()) == [21, 22]


@pytest.mark.parametrize("size", [1, 4, 10, 29, 30, 31, 100])
def test_pages_walk_all_results_once(size: int) -> None:
    query = Poet.query().order(-Poet.age)
    walked: list[Poet] = []
    cursor, more, pages = None, True, 0
    while more:
        page, cursor, more = query.fetch_page(size, start_cursor=cursor)
        walked += page
        pages += 1
    assert len(walked) == len(set(ids(walked))) == 30
    assert all(one.age >= other.age for one, other in pairwise(walked))  # type: ignore[operator]
    assert pages <= 30 // size + 1


def test_a_page_of_nothing_has_no_cursor() -> None:
    assert Poet.query(Poet.age == 99).fetch_page(10) == ([], None, False)


def test_a_cursor_goes_through_a_url() -> None:
    query = Poet.query().order(Poet.born)
    _, cursor, _ = query.fetch_page(10)
    assert cursor is not None
    text = cursor.urlsafe()
    assert ndb.Cursor.from_websafe_string(text) == cursor
    assert ids(query.fetch(2, start_cursor=ndb.Cursor(urlsafe=text.decode()))) == [11, 12]
    assert ids(query.fetch(end_cursor=cursor)) == list(range(1, 11))


@pytest.mark.parametrize("text", ["", "!", "AAAA", b"\xff"])
def test_a_damaged_cursor_is_refused(text: Any) -> None:
    with pytest.raises(ndb.exceptions.BadCursorError):
        Poet.query().order(Poet.born).fetch(1, start_cursor=ndb.Cursor(urlsafe=text))


def test_iterating_reads_page_by_page_and_knows_its_cursors() -> None:
    query = Poet.query().order(Poet.born)
    walk = iter(query)
    assert walk.has_next()
    assert [next(walk).key.id() for _ in range(3)] == [1, 2, 3]
    after, before = walk.cursor_after(), walk.cursor_before()
    assert ids(query.fetch(1, start_cursor=after)) == [4]
    assert ids(query.fetch(1, start_cursor=before)) == [3]
    assert [poet.key.id() for poet in walk] == list(range(4, 31))
    assert not walk.has_next()
    assert not walk.probably_has_next()
    with pytest.raises(StopIteration):
        walk.next()
    assert ids(query.fetch(start_cursor=walk.cursor_after())) == []


def test_iterating_passes_many_pages() -> None:
    ndb.put_multi([Poet(name=f"m{number}", age=100) for number in range(1300)])
    assert sum(1 for _ in Poet.query(Poet.age == 100)) == 1300
    assert len(Poet.query(Poet.age == 100).fetch(use_cache=False)) == 1300
    assert len(list(Poet.query(Poet.age == 100).iter(limit=777))) == 777


def test_async_for_walks_a_query(client: ndb.Client) -> None:
    async def walk() -> list[Any]:
        return [poet.key.id() async for poet in Poet.query().order(Poet.born)]

    assert asyncio.run(walk()) == list(range(1, 31))


def test_map_calls_for_each_result_and_waits_for_futures() -> None:
    query = Poet.query(Poet.age == 3).order(Poet.name)
    assert query.map(lambda poet: poet.name) == ("n03", "n13", "n23")
    keys: tuple[ndb.Key, ...] = query.map(lambda poet: poet.put_async())
    assert [key.id() for key in keys] == [3, 13, 23]


def test_a_post_filter_decides_after_the_store_and_limits_count_after_it() -> None:
    odd = ndb.PostFilterNode(lambda poet: poet.born % 2 == 1)
    query = Poet.query(Poet.born > 0, odd).order(Poet.born)
    assert len(query.fetch()) == query.count() == len(query.fetch(keys_only=True)) == 15
    assert ids(query.fetch(2, offset=1)) == [3, 5]
    page, cursor, more = query.fetch_page(10)
    assert len(page) == 10
    assert more
    assert len(query.fetch_page(10, start_cursor=cursor)[0]) == 5


def test_parameters_are_bound_later() -> None:
    query = Poet.query(Poet.age == ndb.Parameter(1), Poet.name > ndb.Parameter("name"))
    assert query.analyze() == [1, "name"]
    assert ids(query.bind(3, name="n10").order(Poet.name).fetch()) == [13, 23]
    with pytest.raises(ndb.exceptions.BadArgumentError):
        query.bind(3)
    with pytest.raises(ndb.exceptions.BadArgumentError):
        query.bind(3, 4, name="n10")
    with pytest.raises(ndb.exceptions.BadArgumentError, match="not bound"):
        query.fetch()


def test_an_unindexed_property_is_refused_when_the_query_is_built() -> None:
    with pytest.raises(ndb.exceptions.BadFilterError):
        Poet.query(Poet.notes == "x")
    with pytest.raises(ndb.exceptions.BadFilterError):
        Poet.query().order(Poet.notes)
    with pytest.raises(ndb.exceptions.BadFilterError):
        Poet.query(ndb.FilterNode("notes", "=", "x"))


def test_an_error_of_a_model_is_not_taken_for_a_damaged_file(context: ndb.Context) -> None:
    class Choosy(ndb.Model):
        number = ndb.IntegerProperty()

        def __init__(self, **values: Any) -> None:
            super().__init__(**values)
            if not values:
                raise ValueError("never empty")

    Choosy(number=5).put()
    context.clear_cache()
    for read in (Choosy.query().fetch, Choosy.query().get, Choosy.query().iter().next):
        with pytest.raises(ValueError, match="never empty"):
            read()


def test_membership_in_a_list_of_one_is_equality() -> None:
    assert ids(Poet.query(Poet.age.IN([3])).order(Poet.name).fetch()) == [3, 13, 23]


@pytest.mark.parametrize(
    "arguments",
    [{"filters": "age"}, {"ancestor": "Shelf"}, {"order_by": [3]}, {"order_by": [], "orders": []}],
)
def test_arguments_of_a_wrong_type_are_type_errors(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        ndb.Query("Poet", **arguments)


def test_unknown_options_of_a_fetch_are_type_errors() -> None:
    with pytest.raises(TypeError):
        Poet.query().fetch(colour="red")  # type: ignore[call-overload]


def test_namespaces_are_apart(client: ndb.Client) -> None:
    with client.context(namespace="other"):
        assert Poet.query().count() == 0
        Poet(id=1, age=77).put()
        assert [poet.age for poet in Poet.query()] == [77]
        assert Poet.query(namespace="").count() == 30
    assert Poet.query(Poet.age == 77).count() == 0
    assert Poet.query(namespace="other").count() == 1


def test_repr_shows_what_was_asked() -> None:
    query = Poet.query(Poet.age > 3).order(-Poet.name)
    assert repr(query) == (
        "Query(kind='Poet', filters=FilterNode('age', '>', 3), "
        "order_by=[PropertyOrder(name='name', reverse=True)])"
    )
