"""Calls with things of a wrong sort are errors of our tree that name what was given; nothing is written."""

import copy
import pickle
from typing import Any

import pytest

from kindstore import ndb
from kindstore.ndb.exceptions import BadArgumentError, Error, UnknownPropertyError

pytestmark = pytest.mark.usefixtures("context")


class Pebble(ndb.Model):
    weight = ndb.IntegerProperty()


KEY = ndb.Key("Pebble", 1)
ANY: Any = ndb

CALLS: list[tuple[Any, Any]] = [
    (ANY.put_multi, [Pebble(id=1), 3]),
    (ANY.put_multi, [Pebble(id=1), None]),
    (ANY.put_multi, [KEY]),
    (ANY.put_multi, Pebble(id=1)),
    (ANY.put_multi, None),
    (ANY.put_multi_async, [Pebble(id=1), 3]),
    (ANY.put_multi_async, Pebble(id=1)),
    (ANY.get_multi, ["x"]),
    (ANY.get_multi, "x"),
    (ANY.get_multi, [KEY, None]),
    (ANY.get_multi, KEY),
    (ANY.get_multi_async, ["x"]),
    (ANY.get_multi_async, KEY),
    (ANY.delete_multi, ["x"]),
    (ANY.delete_multi, [Pebble(id=1)]),
    (ANY.delete_multi, KEY),
    (ANY.delete_multi_async, ["x"]),
    (ANY.delete_multi_async, KEY),
]


@pytest.mark.parametrize(("call", "given"), CALLS)
def test_a_list_of_other_things_is_refused_by_name(call: Any, given: Any) -> None:
    Pebble(id=1, weight=5).put()
    with pytest.raises(BadArgumentError, match=rf"{call.__name__} takes .*given=") as caught:
        call(given)
    assert caught.value.given is (given[-1] if isinstance(given, list | str) else given)
    ndb.get_context().clear_cache()
    assert [pebble.weight for pebble in Pebble.query().fetch()] == [5]


def test_any_iterable_will_do() -> None:
    keys = ndb.put_multi(Pebble(id=number) for number in (1, 2))
    assert ndb.get_multi(key for key in keys) == [Pebble(id=1), Pebble(id=2)]
    ndb.delete_multi(dict.fromkeys(keys))
    assert ndb.get_multi({*keys}) == [None, None]


@pytest.mark.parametrize("wrong", ["3", 2.0, [1], True])
def test_a_number_that_is_no_int_is_refused(wrong: Any) -> None:
    query: Any = Pebble.query()
    for option, call in (
        ("limit", lambda: query.fetch(wrong)),
        ("limit", lambda: query.fetch_async(wrong)),
        ("limit", lambda: query.count(wrong)),
        ("limit", lambda: query.iter(limit=wrong)),
        ("limit", lambda: ndb.Query(kind="Pebble", limit=wrong).fetch()),
        ("offset", lambda: query.fetch(offset=wrong)),
        ("page_size", lambda: query.fetch_page(wrong)),
        ("page_size", lambda: query.fetch_page_async(wrong)),
        ("size", lambda: Pebble.allocate_ids(wrong)),
        ("size", lambda: Pebble.allocate_ids_async(wrong)),
    ):
        with pytest.raises(BadArgumentError, match=rf"an int is needed \({option}="):
            call()


@pytest.mark.parametrize("kind", [5, b"Pebble", int, Pebble(id=1), ["Pebble"]])
def test_a_kind_is_a_name_or_a_model_class(kind: Any) -> None:
    with pytest.raises(BadArgumentError, match=r"a kind is a name or a model class \(kind="):
        ndb.Query(kind=kind)


def test_an_unknown_property_is_an_error_of_the_tree_and_an_attribute_error() -> None:
    arguments: Any = {"wait": 3}
    for call in (lambda: Pebble(**arguments), lambda: Pebble().populate(**arguments)):
        with pytest.raises(UnknownPropertyError) as caught:
            call()
        error = caught.value
        assert isinstance(error, Error)
        assert isinstance(error, AttributeError)
        assert str(error) == "type object 'Pebble' has no attribute 'wait'"
        assert (error.name, error.obj) == ("wait", Pebble)
        for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert (type(twin), str(twin)) == (UnknownPropertyError, str(error))
