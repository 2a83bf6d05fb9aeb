"""The identity map: one object per key and context, and what makes a context forget."""

from typing import Any

import pytest

from kindstore import ndb

pytestmark = pytest.mark.usefixtures("context")


class Item(ndb.Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty()


class Fleeting(ndb.Model):
    _use_cache = False
    name = ndb.StringProperty()


def test_put_get_and_queries_give_the_same_object() -> None:
    item = Item(id=1, name="a")
    key = item.put()
    assert key.get() is item
    assert Item.get_by_id(1) is item
    assert ndb.get_multi([key, key]) == [item, item]
    assert Item.query().get() is item
    assert next(iter(Item.query())) is item
    assert Item.query().fetch_page(1)[0][0] is item


def test_what_a_query_read_is_known_from_then_on(context: ndb.Context) -> None:
    key = Item(id=1, name="a").put()
    context.clear_cache()
    found = Item.query().get()
    assert key.get() is found


def test_unsaved_changes_are_seen_in_the_same_context(client: ndb.Client) -> None:
    item = Item(id=1, name="a")
    key = item.put()
    item.name = "changed"
    assert key.get().name == "changed"
    (found,) = Item.query(Item.name == "a").fetch()
    assert found.name == "changed"
    with client.context():
        assert key.get().name == "a"


def test_a_missing_entity_is_known_to_be_missing(client: ndb.Client) -> None:
    key = ndb.Key(Item, 1)
    assert key.get() is None
    with client.context():
        Item(id=1, name="from elsewhere").put()
    assert key.get() is None
    assert key.get(use_cache=False).name == "from elsewhere"


def test_what_was_deleted_here_is_in_no_result() -> None:
    keys = ndb.put_multi([Item(id=1), Item(id=2)])
    keys[0].delete()
    assert keys[0].get() is None
    assert [item.key for item in Item.query()] == keys[1:]


def test_a_result_that_was_deleted_here_is_left_out_though_the_store_still_has_it(client: ndb.Client) -> None:
    keys = ndb.put_multi([Item(id=1), Item(id=2)])
    keys[0].delete()
    with client.context():
        Item(id=1).put()
    assert [item.key for item in Item.query().fetch(2)] == keys[1:]


def test_an_entity_whose_key_was_changed_is_forgotten() -> None:
    item = Item(id=1, name="a")
    old = item.put()
    item.key = ndb.Key(Item, 2)
    again = old.get()
    assert again is not item
    assert again.key == old


def test_clear_cache_forgets_all(context: ndb.Context) -> None:
    item = Item(id=1)
    key = item.put()
    context.clear_cache()
    assert key.get() is not item


def test_every_context_has_its_own_map(client: ndb.Client) -> None:
    item = Item(id=1)
    key = item.put()
    with client.context():
        inner = key.get()
        assert inner is not item
    assert key.get() is item


def test_use_cache_decides_for_one_call() -> None:
    item = Item(id=1, name="a")
    key = item.put(use_cache=False)
    first = key.get()
    assert first is not item
    assert key.get() is first
    other = key.get(use_cache=False)
    assert other is not first
    other.name = "b"
    other.put(use_cache=False)
    assert key.get().name == "b"
    assert Item.query().fetch(use_cache=False)[0] is not key.get()


def test_a_model_may_stay_out_of_the_map() -> None:
    one = Fleeting(id=1, name="a")
    key = one.put()
    assert key.get() is not one
    assert Fleeting.query().get() is not Fleeting.query().get()


def test_a_context_may_have_no_map(client: ndb.Client) -> None:
    with client.context(cache_policy=False):
        item = Item(id=1)
        key = item.put()
        assert key.get() is not item
        assert Item.query().get() is not Item.query().get()
        assert ndb.transaction(lambda: (item.put(), key.get())[1]) is not item


def test_a_policy_decides_by_key(client: ndb.Client) -> None:
    def policy(key: ndb.Key) -> Any:
        return None if key.id() == 1 else key.id() != 2

    with client.context(cache_policy=policy):
        items = [Item(id=number) for number in (1, 2, 3)]
        keys = ndb.put_multi(items)
        assert [key.get() is item for key, item in zip(keys, items, strict=True)] == [True, False, True]


def test_use_cache_true_keeps_an_entity_where_the_policy_keeps_none(client: ndb.Client) -> None:
    with client.context(cache_policy=False) as context:
        one, two = Item(id=1, name="a"), Item(id=2)
        key = one.put(use_cache=True)
        two.put()
        assert list(context.cache) == [key]
        assert key.get() is not one
        assert key.get(use_cache=True) is one
        assert ndb.get_multi([key], use_cache=True) == [one]
        (found,) = Item.query(Item.name == "a").fetch(use_cache=True)
        assert found is one
        assert Item.query(Item.name == "a").get() is not one
        assert ndb.transaction(lambda: (one.put(use_cache=True), key.get(use_cache=True))[1]) is one


def test_the_cache_of_a_context_can_be_looked_into_and_changed(context: ndb.Context) -> None:
    one, gone, moved = Item(id=1), ndb.Key(Item, 2), Item(id=3)
    key = one.put()
    gone.get()
    moved.put()
    moved.key = ndb.Key(Item, 4)
    assert dict(context.cache) == {key: one, gone: None}
    assert repr(context.cache) == "<Cache of 2 entities>"
    other = Item(id=1)
    context.cache[key] = other
    assert key.get() is other
    del context.cache[key]
    assert key not in context.cache
    with pytest.raises(KeyError):
        del context.cache[key]
    gone.get()
    context.cache.clear()
    assert len(context.cache) == 0


def test_an_inner_context_with_another_policy_tells_the_outer_one_what_it_knows(context: ndb.Context) -> None:
    one, two, three = (Item(id=number, name="a") for number in (1, 2, 3))
    keys = ndb.put_multi([one, two])
    with context.new(cache_policy=False).use():
        assert keys[0].get() is not one
        keys[0].delete()
        assert keys[0].get() is None
    assert keys[0].get() is one
    with context.new(cache_policy=None).use():
        assert keys[1].get() is two
        three.put()
    assert three.key is not None
    assert three.key.get() is three


def test_the_same_path_in_two_namespaces_is_two_entities() -> None:
    one, other = Item(id=1, name="here"), Item(id=1, name="there", namespace="other")
    ndb.put_multi([one, other])
    assert ndb.Key(Item, 1).get() is one
    assert ndb.Key(Item, 1, namespace="other").get() is other
