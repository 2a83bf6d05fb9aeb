"""Without an event loop, what futures wait for is done together when somebody asks."""

from collections.abc import Iterator
from typing import Any

import pytest

from kindstore import ndb


class Item(ndb.Model):
    name = ndb.StringProperty()
    count = ndb.IntegerProperty()

    def _post_put_hook(self, future: ndb.Future[ndb.Key]) -> None:
        finished.append(self.name)


finished: list[str | None] = []


class Verbs:
    """Calls of a store's verbs, counted; the store does the work."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name in {"commit", "lookup"}:
            self.called.append(name)
        return getattr(self._store, name)


@pytest.fixture
def verbs(context: ndb.Context) -> Iterator[Verbs]:
    finished.clear()
    counted = Verbs(context.store)
    with context.new(store=counted).use():
        yield counted


def test_puts_are_one_commit_and_all_are_done_with_the_first(verbs: Verbs) -> None:
    futures = [Item(name=f"n{number}").put_async() for number in range(20)]
    assert not any(future.done() for future in futures)
    key = futures[0].result()
    assert all(future.done() for future in futures)
    assert verbs.called == ["commit"]
    assert len({future.result() for future in futures}) == 20
    assert finished == [f"n{number}" for number in range(20)]
    assert key.get().name == "n0"


def test_a_batch_may_be_larger_than_calls_can_be_nested(verbs: Verbs) -> None:
    futures = [Item(count=number).put_async() for number in range(1_000)]
    futures[0].result()
    assert all(future.done() for future in futures)
    assert verbs.called == ["commit", "commit"]


def test_what_a_batch_sets_off_is_done_with_it(verbs: Verbs) -> None:
    futures = [Item(id=1, name="a").put_async(), Item(id=2, name="b").put_async()]
    more: list[ndb.Future[Any]] = []
    futures[1].add_done_callback(lambda _: more.append(Item(id=3).put_async()))
    futures[0].result()
    assert [future.done() for future in futures] == [True, True]
    assert more[0].result() == ndb.Key(Item, 3)


def test_gets_are_one_lookup(verbs: Verbs) -> None:
    keys = ndb.put_multi([Item(id=number, name=str(number)) for number in range(1, 6)])
    ndb.get_context().clear_cache()
    verbs.called.clear()
    futures = [key.get_async() for key in [*keys, ndb.Key(Item, 99), keys[0]]]
    ndb.wait_all(futures)
    assert verbs.called == ["lookup"]
    found = [future.result() for future in futures]
    assert [None if item is None else item.name for item in found] == ["1", "2", "3", "4", "5", None, "1"]
    assert found[0] is found[-1]


def test_work_is_done_in_the_order_in_which_it_was_asked_for(verbs: Verbs) -> None:
    key = ndb.Key(Item, 1)
    before = key.get_async()
    put = Item(id=1, name="new").put_async(use_cache=False)
    after = key.get_async(use_cache=False)
    assert after.result().name == "new"
    assert before.result() is None
    assert put.done()
    assert verbs.called == ["lookup", "commit", "lookup"]


def test_two_writes_of_one_key_are_two_commits_and_the_last_stays(verbs: Verbs) -> None:
    futures = [Item(id=1, name="a").put_async(), Item(id=2).put_async(), Item(id=1, name="b").put_async()]
    ndb.wait_all(futures)
    assert verbs.called == ["commit", "commit"]
    assert ndb.Key(Item, 1).get(use_cache=False).name == "b"


def test_ones_error_is_not_anothers(verbs: Verbs) -> None:
    good = Item(id=1, name="good").put_async()
    bad = Item(id="__reserved__", name="bad").put_async()
    last = Item(id=2, name="last").put_async()
    assert last.result() == ndb.Key(Item, 2)
    assert good.result() == ndb.Key(Item, 1)
    with pytest.raises(ndb.exceptions.BadKeyError):
        bad.result()
    assert Item.query().count() == 2
    missing, wrong = ndb.Key(Item, 1).get_async(use_cache=False), ndb.Key(Item, None).get_async()
    assert missing.result().name == "good"
    assert isinstance(wrong.exception(), ndb.exceptions.BadKeyError)


def test_what_was_cancelled_is_not_done(verbs: Verbs) -> None:
    kept, cancelled = Item(id=1).put_async(), Item(id=2).put_async()
    cancelled.cancel()
    kept.check_success()
    assert Item.query().count() == 1
    assert cancelled.cancelled()


def test_a_call_that_needs_two_steps_waits_twice(verbs: Verbs) -> None:
    Item(id="there", name="old").put()
    ndb.get_context().clear_cache()
    verbs.called.clear()
    futures = [Item.get_or_insert_async(name, name="new") for name in ("there", "one", "two")]
    assert [future.result().name for future in futures] == ["old", "new", "new"]
    assert Item.query().count() == 3


def test_leaving_the_context_does_what_is_left(client: ndb.Client) -> None:
    with client.context():
        futures = [Item(id=number).put_async() for number in range(1, 4)]
        futures += [ndb.Key(Item, 1).get_async()]
    assert all(future.done() for future in futures)
    with client.context():
        assert Item.query().count() == 3
