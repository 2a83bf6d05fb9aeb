"""Hooks: called around put, get, delete and allocate_ids; those after it get the future."""

from typing import Any

import pytest

from kindstore import ndb

pytestmark = pytest.mark.usefixtures("context")

calls: list[tuple[Any, ...]] = []


class Watched(ndb.Model):
    name = ndb.StringProperty()

    def _pre_put_hook(self) -> None:
        calls.append(("pre_put", self.name))
        self.name = (self.name or "").strip()

    def _post_put_hook(self, future: ndb.Future[ndb.Key]) -> None:
        error = future.exception()
        calls.append(("post_put", self.name, type(error).__name__ if error else future.result().kind()))

    @classmethod
    def _pre_get_hook(cls, key: ndb.Key) -> None:
        calls.append(("pre_get", cls.__name__, key.id()))

    @classmethod
    def _post_get_hook(cls, key: ndb.Key, future: ndb.Future[Any]) -> None:
        found = future.result()
        calls.append(("post_get", key.id(), None if found is None else found.name))

    @classmethod
    def _pre_delete_hook(cls, key: ndb.Key) -> None:
        calls.append(("pre_delete", key.id()))

    @classmethod
    def _post_delete_hook(cls, key: ndb.Key, future: ndb.Future[None]) -> None:
        calls.append(("post_delete", key.id(), future.result()))

    @classmethod
    def _pre_allocate_ids_hook(cls, size: int, max: Any, parent: ndb.Key | None) -> None:  # noqa: A002
        calls.append(("pre_allocate", size, max, parent))

    @classmethod
    def _post_allocate_ids_hook(
        cls,
        size: int,
        max: Any,  # noqa: A002
        parent: ndb.Key | None,
        future: ndb.Future[Any],
    ) -> None:
        calls.append(("post_allocate", size, len(future.result())))


@pytest.fixture(autouse=True)
def fresh() -> None:
    calls.clear()


def test_put_calls_its_hooks_and_writes_what_the_first_one_made(context: ndb.Context) -> None:
    key = Watched(name=" Ada ").put()
    assert calls == [("pre_put", " Ada "), ("post_put", "Ada", "Watched")]
    context.clear_cache()
    assert key.get().name == "Ada"


def test_the_hook_after_a_failed_put_gets_its_error() -> None:
    class Failing(ndb.Model):
        name = ndb.StringProperty(required=True)

        def _post_put_hook(self, future: ndb.Future[ndb.Key]) -> None:
            calls.append(("failed", future.exception()))

    with pytest.raises(ndb.exceptions.BadValueError) as caught:
        Failing().put()
    assert ("failed", caught.value) in calls


def test_get_calls_its_hooks_even_for_what_is_known() -> None:
    key = Watched(id=1, name="Ada").put()
    calls.clear()
    key.get()
    ndb.Key(Watched, 2).get()
    Watched.get_by_id(1)
    assert calls == [
        ("pre_get", "Watched", 1),
        ("post_get", 1, "Ada"),
        ("pre_get", "Watched", 2),
        ("post_get", 2, None),
        ("pre_get", "Watched", 1),
        ("post_get", 1, "Ada"),
    ]


def test_delete_calls_its_hooks() -> None:
    ndb.Key(Watched, 1).delete()
    assert calls == [("pre_delete", 1), ("post_delete", 1, None)]


def test_allocate_ids_calls_its_hooks() -> None:
    parent = ndb.Key("Shelf", 1)
    Watched.allocate_ids(3, parent=parent)
    assert calls == [("pre_allocate", 3, None, parent), ("post_allocate", 3, 3)]


def test_many_call_the_hooks_of_each() -> None:
    keys = ndb.put_multi([Watched(id=1, name="a"), Watched(id=2, name="b")])
    assert [call[0] for call in calls] == ["pre_put", "pre_put", "post_put", "post_put"]
    calls.clear()
    ndb.get_multi([keys[0], keys[0]])
    assert [call[0] for call in calls] == ["pre_get", "pre_get", "post_get", "post_get"]
    calls.clear()
    ndb.delete_multi(keys)
    assert [call[0] for call in calls] == ["pre_delete", "pre_delete", "post_delete", "post_delete"]


def test_queries_call_no_hooks(context: ndb.Context) -> None:
    Watched(id=1, name="a").put()
    context.clear_cache()
    calls.clear()
    assert len(Watched.query().fetch()) == 1
    assert calls == []


def test_deleting_a_kind_without_a_class_calls_none() -> None:
    ndb.Key("Unheard", 1).delete()
    assert calls == []


def test_a_hook_may_use_the_store() -> None:
    class Counter(ndb.Model):
        count = ndb.IntegerProperty(default=0)

    class Counted(ndb.Model):
        def _pre_put_hook(self) -> None:
            counter = Counter.get_or_insert("all")
            assert counter.count is not None
            counter.count += 1
            counter.put()

    ndb.put_multi([Counted() for _ in range(3)])
    assert Counter.get_or_insert("all").count == 3


def test_async_forms_call_the_first_hook_at_once_and_the_last_when_done() -> None:
    future = Watched(id=1, name="a").put_async()
    assert calls == [("pre_put", "a")]
    future.check_success()
    assert [call[0] for call in calls] == ["pre_put", "post_put"]


class Diary(ndb.Model):
    text = ndb.StringProperty()


class Diarist(ndb.Model):
    name = ndb.StringProperty(unique=True)

    def _pre_put_hook(self) -> None:
        Diary(text="before").put()

    def _post_put_hook(self, future: ndb.Future[ndb.Key]) -> None:
        Diary(text=f"after {future.result().id()}").put()
        Diary.query(Diary.text == "after").get()

    @classmethod
    def _post_delete_hook(cls, key: ndb.Key, future: ndb.Future[None]) -> None:
        Diary(text=f"deleted {key.id()}").put()


@pytest.mark.parametrize("name", [None, "n"])
def test_hooks_of_asynchronous_writes_may_write(name: str | None) -> None:
    """They would wait for the write that they are a part of; and many must not be one inside the other."""
    futures = [Diarist(id=f"d{n}", name=name and f"{name}{n}").put_async() for n in range(300)]
    keys = [future.result() for future in futures]
    assert Diary.query(Diary.text >= "after", Diary.text < "aftes").count() == 300
    for future in ndb.delete_multi_async(keys):
        future.result()
    assert ndb.get_multi(keys) == [None] * 300
    assert Diary.query(Diary.text >= "deleted").count() == 300
