"""Reads of many: what comes out is what single gets give, whatever was stored under the same kind before."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from collections.abc import Sequence
from typing import Any

import pytest

from kindstore import ndb
from kindstore.backends.sqlite.dialect import SQLiteDialect
from kindstore.engine.dialect import Dialect
from kindstore.store.messages import Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import BadValueError, TooLargeError
from kindstore.values.key import Key


class Item(ndb.Model):
    name = ndb.StringProperty()
    done = ndb.BooleanProperty()
    size = ndb.IntegerProperty()
    weight = ndb.FloatProperty()
    made = ndb.DateTimeProperty()
    tags = ndb.StringProperty(repeated=True)
    data = ndb.BlobProperty()


DAY = dt.datetime(2026, 11, 22, 12, 30, 0, 5)
USUAL: dict[str, Any] = {
    "name": "n",
    "done": True,
    "size": 7,
    "weight": 0.5,
    "made": DAY,
    "tags": ["a", "b"],
    "data": b"\x00\xff",
}


def usual(number: int) -> Item:
    return Item(id=number, **USUAL)


def store_as_it_is(context: ndb.Context, number: int, **values: Any) -> None:
    """An entity whose values are not those that the model writes, as old data has them."""
    key = Key.of(context.partition, ("Item", number))
    properties = {name: values.get(name, USUAL[name]) for name in sorted(USUAL)}
    context.store.run(context.store.commit([Upsert(Entity.of(key, properties, unindexed=["data"]))]))


def fields(item: Any) -> tuple[Any, ...]:
    return tuple((type(value), value) for value in (getattr(item, name) for name in USUAL))


def assert_all_ways_agree(context: ndb.Context, numbers: Sequence[int]) -> None:
    """Query, get_multi and get give the same instances."""
    context.set_cache_policy(False)
    singly = [fields(Item.get_by_id(number)) for number in numbers]
    assert [fields(each) for each in Item.query().fetch()] == singly
    assert [fields(each) for each in ndb.get_multi([ndb.Key(Item, number) for number in numbers])] == singly
    context.set_cache_policy(True)
    assert [fields(each) for each in Item.query().fetch()] == singly


@pytest.mark.parametrize(
    "odd",
    [
        {"name": b"bytes of old"},
        {"name": None, "made": None, "done": None, "data": None},
        {"done": 1},
        {"weight": 3},
        {"size": 2.5},
        {"tags": "one"},
        {"tags": []},
        {"tags": ["a", None]},
        {"tags": None},
        {"made": 1_700_000_000_000_000},
        {"data": "text"},
        {"name": "ä" * 70},
    ],
    ids=repr,
)
def test_a_value_of_another_type_among_many_reads_as_it_does_alone(
    context: ndb.Context, odd: dict[str, Any]
) -> None:
    ndb.put_multi([usual(number) for number in range(1, 9)])
    store_as_it_is(context, 9, **odd)
    ndb.put_multi([usual(number) for number in range(10, 15)])
    assert_all_ways_agree(context, range(1, 15))


def test_records_of_many_shapes_in_turn(context: ndb.Context) -> None:
    odd: list[dict[str, Any]] = [{}, {"done": 1}, {"made": 5}, {"tags": [DAY]}]
    for number in range(1, 31):
        store_as_it_is(context, number, **odd[number % 4])
    assert_all_ways_agree(context, range(1, 31))


def test_an_int_of_a_float_property_stays_an_int(context: ndb.Context) -> None:
    for number in range(1, 9):
        store_as_it_is(context, number, weight=number)
    assert [type(item.weight) for item in Item.query().fetch()] == [int] * 8


@pytest.mark.usefixtures("context")
def test_many_keys_in_any_order_named_twice_and_missing() -> None:
    ndb.put_multi([usual(number) for number in range(1, 301)])
    wanted = [5, 300, 999, 5, 1, 1000, *range(200, 20, -1)]
    found = ndb.get_multi([ndb.Key(Item, number) for number in wanted])
    assert [each and each.key.id() for each in found] == [
        number if number <= 300 else None for number in wanted
    ]
    assert found[0] is found[3]


@pytest.mark.parametrize("cached", [False, True])
def test_the_keys_of_many_are_what_they_were_put_under(context: ndb.Context, cached: bool) -> None:
    parent = ndb.Key("Box", "b", namespace="other")
    keys = ndb.put_multi([Item(parent=parent, id=number, **USUAL) for number in range(1, 9)])
    context.clear_cache()
    context.set_cache_policy(cached)
    found = Item.query(namespace="other").fetch()
    assert found == [key.get() for key in keys]
    assert [item.key for item in found] == keys
    assert [type(item._key) for item in found] == [ndb.Key] * 8
    assert all(item.key is item.key for item in found)
    assert all(item.has_complete_key() for item in found)
    assert repr(found[0]).startswith("Item(key=Key('Box', 'b', 'Item', 1, namespace='other'), ")


@pytest.mark.parametrize(
    "again",
    [lambda item: pickle.loads(pickle.dumps(item)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_copies_of_many_have_their_keys(context: ndb.Context, again: Any) -> None:
    context.set_cache_policy(False)
    keys = ndb.put_multi([usual(number) for number in range(1, 9)])
    copies = [again(item) for item in Item.query().fetch()]
    assert [item.key for item in copies] == keys
    assert copies == Item.query().fetch()
    assert vars(copies[0]).keys() == vars(usual(1)).keys()


class Note(ndb.Model):
    text = ndb.TextProperty()
    body = ndb.JsonProperty()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("read", [False, True])
def test_what_was_loaded_is_pickled_by_every_protocol(
    context: ndb.Context, protocol: int, read: bool
) -> None:
    context.set_cache_policy(False)
    keys = ndb.put_multi([Note(id=number, text="ä", body={"n": [number]}) for number in range(1, 9)])
    loaded = [*Note.query().fetch(), keys[0].get()]
    if read:
        assert all(note.body and note.key for note in loaded)
    again = [pickle.loads(pickle.dumps(note, protocol)) for note in loaded]
    assert [note.key for note in again] == [*keys, keys[0]]
    assert again == loaded


def test_one_of_many_given_another_key_is_another_entity(context: ndb.Context) -> None:
    keys = ndb.put_multi([usual(number) for number in range(1, 9)])
    context.clear_cache()
    changed, kept, *_ = Item.query().fetch()
    changed.key = ndb.Key(Item, 100)
    fetched = Item.query().fetch()
    assert fetched[0] is not changed
    assert fetched[0].key == keys[0]
    assert fetched[1] is kept is keys[1].get()
    changed.put()
    assert Item.query().fetch()[-1] is changed
    del kept.key
    assert kept.key is None
    assert kept.put() not in set(keys)


def test_known_and_deleted_ones_among_many(context: ndb.Context) -> None:
    keys = ndb.put_multi([usual(number) for number in range(1, 9)])

    @ndb.transactional()
    def read() -> list[Item]:
        keys[5].delete()
        return Item.query().fetch()

    context.clear_cache()
    known = keys[3].get()
    known.name = "edited"
    found = Item.query().fetch()
    assert found[3] is known
    assert [item.name for item in found] == ["n", "n", "n", "edited", "n", "n", "n", "n"]
    assert [item.key.id() for item in read()] == [1, 2, 3, 4, 5, 7, 8]


class Other(ndb.Model):
    n = ndb.IntegerProperty()


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("in_transaction", [False, True])
def test_keys_of_several_kinds_and_of_one_that_nothing_was_stored_in(in_transaction: bool) -> None:
    ndb.put_multi([usual(1), Other(id=1, n=1), usual(2), Other(id=2, n=2)])
    keys = [ndb.Key(*pair) for pair in [("Other", 2), ("Item", 1), ("New", 1), ("Other", 3), ("Item", 2)]]

    def read() -> list[Any]:
        return ndb.get_multi(keys)

    found = ndb.transaction(read) if in_transaction else read()
    assert [each and each.key for each in found] == [keys[0], keys[1], None, None, keys[4]]


@pytest.mark.parametrize("dialect", [Dialect(), SQLiteDialect()], ids=["portable", "arrays"])
@pytest.mark.parametrize("number", [2, 3, 7, 255, 256, 257, 700])
def test_rows_come_in_the_order_of_the_paths(context: ndb.Context, dialect: Dialect, number: int) -> None:
    ndb.put_multi([usual(each) for each in range(1, 400, 2)])
    store: Any = context.store
    kind = store.catalog.kinds[context.partition, "Item"].number
    paths = [ndb.Key(Item, 1 + each * 37 % 401).path_bytes for each in range(number)]
    select = dialect.select_entity

    def rows(batch: list[Any]) -> Any:
        return (yield batch)

    together = [row for found in store.run(rows(dialect.select_entities(kind, paths))) for row in found]
    singly = [
        found[0] if found else (None, None)
        for found in store.run(rows([(select, (kind, path)) for path in paths]))
    ]
    assert together == singly


# Statements are remembered by the form of a query.


@pytest.fixture
def people(context: ndb.Context) -> ndb.Context:
    ndb.put_multi(
        [
            Item(
                id=number,
                name=f"n{number % 3}",
                size=number % 7,
                done=number % 2 == 0,
                tags=[f"t{number % 5}", "t"],
            )
            for number in range(1, 201)
        ]
    )
    context.set_cache_policy(False)
    return context


@pytest.mark.usefixtures("people")
def test_queries_of_one_form_each_bind_their_own_operands() -> None:
    for _ in range(2):
        for size in range(8):
            for name in ("n0", "n1", "nothing"):
                wanted = [n for n in range(1, 201) if n % 7 == size and f"n{n % 3}" == name]
                query = Item.query(Item.size == size, Item.name == name)
                assert [each.key.id() for each in query.fetch()] == wanted
                assert [key.id() for key in query.fetch(keys_only=True)] == wanted
                assert [key.id() for key in query.fetch(4, offset=1, keys_only=True)] == wanted[1:5]
                assert query.count() == len(wanted)
                assert query.count(2) == min(2, len(wanted))
            above = [n for n in range(1, 201) if n % 7 > size]
            assert Item.query(Item.size > size).count() == len(above)
            assert len(Item.query(Item.size > size).order(-Item.size).fetch()) == len(above)
            assert Item.query(Item.tags == f"t{size}", Item.tags == "t").count() == (40 if size < 5 else 0)
        assert Item.query(Item.tags > "t").count() == 200
        assert Item.query().count() == 200


@pytest.mark.usefixtures("people")
def test_as_many_equalities_as_a_query_may_have() -> None:
    values = [f"v{number}" for number in range(100)]
    Item(id=1000, tags=values).put()
    Item(id=1001, tags=values[1:]).put()
    every = [Item.tags == value for value in values]
    assert [key.id() for key in Item.query(*every).fetch(keys_only=True)] == [1000]
    assert Item.query(*every[1:]).count() == 2


@pytest.mark.usefixtures("people")
def test_what_leads_a_join_may_change_with_the_operands() -> None:
    ndb.put_multi([Item(name="many", size=1000 + number) for number in range(100)])
    ndb.put_multi([Item(name=f"few{number}", size=77) for number in range(100)])
    for _ in range(3):
        assert Item.query(Item.name == "many", Item.size == 1003).count() == 1
        assert Item.query(Item.name == "few3", Item.size == 77).count() == 1
        assert len(Item.query(Item.name == "many", Item.size == 1003).fetch()) == 1
        assert len(Item.query(Item.name == "few3", Item.size == 77).fetch()) == 1


@pytest.mark.usefixtures("people")
def test_a_count_sees_a_second_value_that_comes_after_it_was_remembered() -> None:
    class Single(ndb.Model):
        tags = ndb.StringProperty(repeated=True)

    Single(tags=["a"]).put()
    for _ in range(2):
        assert Single.query(Single.tags >= "a").count() == 1
    Single(tags=["a", "b"]).put()
    assert Single.query(Single.tags >= "a").count() == 2


@pytest.mark.usefixtures("people")
def test_operands_that_no_index_can_hold_are_refused_in_a_known_form_as_well() -> None:
    for _ in range(2):
        with pytest.raises(TooLargeError):
            ndb.Query(kind="Item", filters=ndb.FilterNode("name", "=", "x" * 1501)).fetch()
        with pytest.raises(BadValueError):
            ndb.Query(kind="Item", filters=ndb.FilterNode("name", "=", "\ud800")).count()
        with pytest.raises(BadValueError):
            ndb.Query(kind="Item", filters=ndb.FilterNode("size", "=", 1 << 63)).fetch()
        with pytest.raises(BadValueError):
            ndb.Query(kind="Item", filters=ndb.FilterNode("size", "=", [1])).fetch()
        Item.query(Item.name == "n1").fetch()
        Item.query(Item.name == "n1").count()
        Item.query(Item.size == 1).fetch()
