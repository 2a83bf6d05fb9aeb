"""A store for each test: models work in it at once, and nothing in it depends on the machine or the time."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
import unittest
from collections.abc import Iterator
from pathlib import Path

import pytest

import kindstore
from kindstore import ndb, testing
from kindstore.store.abc import Inspect
from kindstore.values.errors import BadArgumentError, TransactionNotFoundError

TOKYO = dt.timezone(dt.timedelta(hours=9), "Tokyo")


class Note(ndb.Model):
    text = ndb.StringProperty()
    made = ndb.DateTimeProperty(auto_now_add=True)
    changed = ndb.DateTimeProperty(auto_now=True)
    day = ndb.DateProperty(auto_now=True)
    local = ndb.DateTimeProperty(auto_now=True, tzinfo=TOKYO)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a directory in which a forgotten default store would be seen."""
    monkeypatch.chdir(tmp_path)
    yield
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=["memory", "sqlite"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[testing.Sandbox]:
    with testing.store(engine=request.param) as made:
        yield made


@pytest.mark.usefixtures("sandbox")
def test_models_work_at_once() -> None:
    key = Note(text="x").put()
    assert key.get().text == "x"
    assert Note.query().count() == 1


def test_every_store_begins_empty() -> None:
    for _ in range(2):
        with testing.store():
            assert Note.query().count() == 0
            Note().put()


@pytest.mark.usefixtures("sandbox")
def test_a_client_of_the_application_that_names_no_place_works_on_it() -> None:
    Note(id=1, text="of the test").put()
    client = ndb.Client(project="production")
    with client.context():
        assert [note.text for note in Note.query()] == ["of the test"]
        Note(id=2).put()
    with client.context(namespace="tenant"):
        assert Note.get_by_id(1) is None
    with ndb.Client(namespace="tenant").context():
        assert ndb.Key(Note, 1).namespace() == "tenant"
    client.close()
    assert Note.query().count() == 2


def test_a_client_that_names_a_place_goes_there(sandbox: testing.Sandbox) -> None:
    with ndb.Client(url=":memory:") as other, other.context():
        Note().put()
    assert len(sandbox.calls) == 0


def test_after_it_a_client_is_where_it_was() -> None:
    client = ndb.Client()
    with testing.store() as sandbox, client.context():
        assert client.store is sandbox.store
    with testing.store() as sandbox:
        assert client.store is sandbox.store


@pytest.mark.usefixtures("sandbox")
def test_threads_and_event_loops_see_it() -> None:
    Note(id=1, text="x").put()
    seen: list[str | None] = []

    def look() -> None:
        seen.extend(note.text for note in Note.query())

    async def alook() -> None:
        note = await ndb.Key(Note, 1).get_async()
        seen.append(note.text)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    asyncio.run(alook())
    assert seen == ["x", "x"]


@pytest.mark.parametrize(
    ("ids", "first"), [("scattered", [5629499534213120, 5066549580791808]), ("sequential", [1, 2])]
)
@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_automatic_ids_are_the_same_in_every_run(
    engine: testing.Engine, ids: testing.Ids, first: list[int]
) -> None:
    with testing.store(engine=engine, ids=ids):
        assert [Note().put().id() for _ in range(2)] == first


def test_the_clock_stands_still_until_it_is_moved(sandbox: testing.Sandbox) -> None:
    note = Note()
    note.put()
    assert note.made == note.changed == testing.START == dt.datetime(2020, 1, 1)
    sandbox.clock.advance(90)
    note.put()
    assert note.made == testing.START
    assert note.changed == dt.datetime(2020, 1, 1, 0, 1, 30)
    sandbox.clock.set(dt.datetime(2024, 2, 29, 23, tzinfo=dt.timezone(dt.timedelta(hours=-2))))
    note.put()
    assert note.changed == dt.datetime(2024, 3, 1, 1)
    assert note.day == dt.date(2024, 3, 1)
    assert note.local == dt.datetime(2024, 3, 1, 10, tzinfo=TOKYO)


def test_commits_are_stamped_by_the_clock() -> None:
    with testing.store(engine="sqlite") as sandbox:
        key = Note().put()
        [entity] = sandbox.store.run(sandbox.store.lookup([key]))
        assert entity.version >> 11 == sandbox.clock.time_ns() // 1000


def test_transactions_expire_by_the_clock(sandbox: testing.Sandbox) -> None:
    key = Note().put()

    def slow() -> None:
        key.get()
        sandbox.clock.advance(dt.timedelta(minutes=5))
        Note().put()

    with pytest.raises(TransactionNotFoundError):
        ndb.transaction(slow)


def test_time_does_not_go_backwards_by_advance() -> None:
    with pytest.raises(ValueError, match="set"):
        testing.Clock().advance(-1)


def test_global_queries_are_stale_where_that_is_asked_for() -> None:
    with testing.store(consistency="never"):
        key = Note().put()
        assert Note.query().count() == 0
        key.get(use_cache=False)
        assert Note.query().count() == 1
    with testing.store(consistency="delays") as sandbox:
        Note().put()
        assert Note.query().count() == 0
        sandbox.clock.advance(300)
        assert Note.query().count() == 1
    with testing.store(consistency=testing.Always()):
        Note().put()
        assert Note.query().count() == 1


def test_the_engine_itself_explains_and_counts() -> None:
    with testing.store(engine="sqlite") as sandbox:
        Note(text="x").put()
        assert "text" in Note.query(Note.text == "x").explain()
        assert isinstance(sandbox.store, Inspect)
        assert sandbox.store.run(sandbox.store.check()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": "oracle"},
        {"ids": "odd"},
        {"consistency": "often"},
        {"unindexed": "warn"},
        {"n_plus_one": 0},
    ],
)
def test_an_option_that_there_is_not_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))), testing.store(**wrong):  # type: ignore[arg-type]
        pass


def test_a_client_has_a_url_or_a_store() -> None:
    with testing.store() as sandbox, pytest.raises(BadArgumentError):
        ndb.Client(url=":memory:", store=sandbox.store)


def test_a_client_does_not_close_a_store_that_it_was_given() -> None:
    store = kindstore.connect(":memory:")
    for _ in range(2):
        with ndb.Client(store=store) as client, client.context():
            Note().put()
            assert client.project == "kindstore"
    with ndb.Client(store=store).context():
        assert Note.query().count() == 2
    store.close()


class NoteTest(unittest.TestCase):
    """As an application's own tests would have it."""

    def setUp(self) -> None:
        self.sandbox = self.enterContext(testing.store())

    def test_a_store_in_unittest(self) -> None:
        Note(id=1).put()
        self.assertEqual(Note.query().count(), 1)  # noqa: PT009

    def test_another_store_in_unittest(self) -> None:
        self.assertEqual(Note.query().count(), 0)  # noqa: PT009


class AsyncNoteTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.enterContext(testing.store())

    async def test_a_store_in_an_async_unittest(self) -> None:
        key = await Note(text="x").put_async()
        assert (await key.get_async()).text == "x"


@pytest.mark.budget
def test_a_store_for_a_test_takes_less_than_2_ms() -> None:
    def seconds() -> float:
        began = time.perf_counter()
        with testing.store():
            Note().put()
        return time.perf_counter() - began

    assert min(seconds() for _ in range(20)) < 0.002
