"""Where a call goes: entered contexts, threads without one, the ambient store, and clients of several stores."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from kindstore import ndb
from kindstore.ndb import client as clients


class Note(ndb.Model):
    text = ndb.StringProperty()


def in_thread(work: Callable[[], Any]) -> Any:
    """What *work* returns, or raises, in a new thread."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:  # noqa: BLE001 - raised again below
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


@pytest.fixture
def ambient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty working directory, nothing in the environment, and an ambient store that is not open yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KINDSTORE_URL", raising=False)
    monkeypatch.delenv("DATASTORE_EMULATOR_HOST", raising=False)
    clients.ambient.close()
    yield tmp_path
    clients.ambient.close()


def test_a_client_has_the_project_that_its_url_names(ambient: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:{ambient / 'one.db'}?project=named"
    assert ndb.Client().project == "kindstore"
    assert ndb.Client(url=url).project == "named"
    monkeypatch.setenv("KINDSTORE_URL", url)
    client = ndb.Client()
    assert client.project == "named"
    assert not (ambient / "one.db").exists()
    with client.context():
        assert ndb.Key(Note, 1).project() == "named"


def test_without_any_context_calls_go_to_kindstore_db(ambient: Path) -> None:
    key = ndb.Key(Note, 1)
    assert repr(key) == "Key('Note', 1)"
    assert not (ambient / "kindstore.db").exists()  # keys are no reason to open it
    Note(id=1, text="here").put()
    assert (ambient / "kindstore.db").exists()
    assert key.get().text == "here"
    assert in_thread(lambda: key.get().text) == "here"
    assert asyncio.run(read(key)) == "here"
    assert ndb.transaction(lambda: key.get().text) == "here"


async def read(key: ndb.Key) -> Any:
    return (await key.get_async()).text


def test_the_ambient_context_has_no_map_for_nothing_would_end_it(ambient: Path) -> None:
    note = Note(id=1)
    key = note.put()
    assert key.get() is not note


def test_in_the_ambient_context_async_work_is_done_at_once(ambient: Path) -> None:
    future = Note(id=1, text="done").put_async()
    assert future.done()
    assert ndb.Key(Note, 1).get().text == "done"


def test_the_environment_names_the_ambient_store(ambient: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINDSTORE_URL", str(ambient / "named.db"))
    Note(id=1).put()
    assert (ambient / "named.db").exists()
    assert not (ambient / "kindstore.db").exists()


def test_a_server_in_the_environment_is_not_supported_yet(
    ambient: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASTORE_EMULATOR_HOST", "localhost:8081")
    with pytest.raises(ndb.exceptions.BadArgumentError, match="DATASTORE_EMULATOR_HOST"):
        Note(id=1).put()
    monkeypatch.setenv("KINDSTORE_URL", str(ambient / "named.db"))
    clients.ambient.close()
    Note(id=1).put()


def test_a_process_may_end_without_closing_anything(tmp_path: Path) -> None:
    code = (
        "from kindstore import ndb\n"
        "class Note(ndb.Model): pass\n"
        "Note(id=1).put()\n"
        "ndb.Client(url='other.db').context().__enter__()\n"
        "print(Note(id=2).put())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "KINDSTORE_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Key('Note', 2)\n", "")
    assert {path.name for path in tmp_path.glob("*.db")} == {"kindstore.db", "other.db"}


def test_a_thread_finds_the_store_of_the_client_whose_context_is_open(client: ndb.Client) -> None:
    with client.context(namespace="mine") as context:
        note = Note(id=1, text="mine")
        key = note.put()
        assert in_thread(lambda: key.get().text) == "mine"
        # Its store, but neither its namespace nor its map: those belong to whoever entered it.
        assert in_thread(lambda: ndb.Key(Note, 1).namespace()) is None
        assert in_thread(lambda: key.get() is note) is False
        assert in_thread(ndb.get_context) is not context


def test_a_thread_may_enter_a_context_of_its_own(client: ndb.Client) -> None:
    def work() -> str | None:
        with client.context(namespace="thread"):
            return Note(id=1).put().namespace()

    with client.context(namespace="mine"):
        assert in_thread(work) == "thread"
        assert ndb.Key(Note, 1).namespace() == "mine"


def test_with_contexts_of_two_clients_open_a_thread_must_say_which(client: ndb.Client) -> None:
    with (
        ndb.Client(url=":memory:") as other,
        client.context(),
        other.context(),
        pytest.raises(ndb.exceptions.ContextError, match="several clients"),
    ):
        in_thread(lambda: ndb.Key(Note, 1).get())


def test_contexts_nest_and_the_inner_one_may_be_of_another_store(client: ndb.Client) -> None:
    with client.context():
        Note(id=1, text="outer").put()
        with ndb.Client(url=":memory:") as other, other.context():
            assert Note.get_by_id(1) is None
            Note(id=1, text="inner").put()
        note = Note.get_by_id(1)
        assert note is not None
        assert note.text == "outer"


def test_a_context_may_be_left_in_another_task_than_it_was_entered_in(client: ndb.Client) -> None:
    async def opened() -> AsyncIterator[ndb.Context]:
        async with client.context() as context:
            yield context

    async def main() -> None:
        generator = opened()
        await asyncio.create_task(anext(generator))  # type: ignore[arg-type]
        with pytest.raises(StopAsyncIteration):
            await anext(generator)

    asyncio.run(main())


def test_a_context_can_be_changed_for_a_block(context: ndb.Context) -> None:
    with context.new(namespace="other").use() as inner:
        assert ndb.get_context() is inner
        assert Note(id=1).put().namespace() == "other"
    assert ndb.get_context() is context
    assert context.get_namespace() == context.namespace == ""
    context.set_cache_policy(False)
    assert Note(id=2).put().get() is not None
    assert context.get_cache_policy() is not None


def test_the_namespace_of_a_client_is_that_of_its_contexts() -> None:
    with ndb.Client(url=":memory:", namespace="default", project="proj", database="db") as client:
        with client.context():
            key = Note(id=1).put()
            assert (key.namespace(), key.project(), key.database()) == ("default", "proj", "db")
        with client.context(namespace=""):
            assert Note.query().count() == 0


def test_a_closed_client_opens_again(tmp_path: Path) -> None:
    client = ndb.Client(url=tmp_path / "notes.db")
    with client.context():
        Note(id=1).put()
    client.close()
    client.close()
    with client.context():
        assert Note.get_by_id(1) is not None
    client.close()


def test_data_outlives_the_client(tmp_path: Path) -> None:
    with ndb.Client(url=tmp_path / "notes.db") as client, client.context():
        Note(id=1, text="kept").put()
    with ndb.Client(url=f"sqlite://{tmp_path}/notes.db") as client, client.context():
        note = Note.get_by_id(1)
        assert note is not None
        assert note.text == "kept"


def test_two_clients_may_have_one_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    with ndb.Client(url=path) as one, ndb.Client(url=path) as other:
        with one.context():
            Note(id=1, text="one").put()
        with other.context():
            note = Note.get_by_id(1)
            assert note is not None
            note.text = "other"
            note.put()
        with one.context():
            assert ndb.Key(Note, 1).get().text == "other"


def test_a_url_of_no_known_kind_is_refused_when_the_store_is_opened() -> None:
    with pytest.raises(ndb.exceptions.BadArgumentError), ndb.Client(url="mysql://host/db").context():
        raise AssertionError


def test_a_global_cache_that_is_none_is_refused(client: ndb.Client) -> None:
    nothing: Any = object()
    with pytest.raises(ndb.exceptions.BadArgumentError, match="GlobalCache"):
        client.context(global_cache=nothing)


def test_the_context_may_be_asked_for_without_a_fallback(client: ndb.Client) -> None:
    assert ndb.get_context(raise_context_error=False) is None
    assert ndb.get_toplevel_context(raise_context_error=False) is None
    with client.context() as context:
        assert ndb.context.get_context(raise_context_error=False) is context
        with ndb.transaction():
            assert ndb.get_context() is not context
            assert ndb.context.get_toplevel_context(False) is context


def test_what_is_called_when_a_transaction_is_over(context: ndb.Context) -> None:
    called: list[str] = []

    def work(error: type[Exception] | None = None) -> None:
        inside = ndb.get_context()
        inside.call_on_commit(lambda: called.append("committed"))
        inside.call_on_transaction_complete(lambda: called.append(f"over, in one: {ndb.in_transaction()}"))
        assert called == []
        if error is not None:
            raise error

    ndb.transaction(work)
    assert called == ["committed", "over, in one: False"]
    called.clear()
    with pytest.raises(ZeroDivisionError):
        ndb.transaction(lambda: work(ZeroDivisionError))
    assert called == ["over, in one: False"]
    called.clear()
    context.call_on_transaction_complete(lambda: called.append("at once"))
    context.call_on_commit(lambda: called.append("this too"))
    assert called == ["at once", "this too"]


def test_what_a_context_tells_and_no_longer_does(context: ndb.Context) -> None:
    assert not context.in_retry()
    context.set_retry_state("again")
    assert (context.in_retry(), context.get_retry_state()) == (True, "again")
    context.clear_retry_state()
    assert context.get_retry_state() is None
    key = Note(id=1).put()
    assert key in context.cache
    assert ndb.Key(Note, 2) not in context.cache
    assert len(context.cache) == 1
    assert len(context.new(cache_policy=False).cache) == 0
    for name in ("add", "cas", "decr", "delete", "get", "gets", "incr", "replace", "set"):
        with pytest.raises(ndb.exceptions.NoLongerImplementedError):
            getattr(context, f"memcache_{name}")("a", 1)
    with pytest.raises(ndb.exceptions.NoLongerImplementedError):
        context.urlfetch("http://localhost")
    with pytest.raises(TypeError):
        context.new(zork=1)


def test_the_toplevel_context_is_the_outermost_of_its_client() -> None:
    with ndb.Client(url=":memory:") as client, ndb.Client(url=":memory:") as other, client.context() as outer:
        assert ndb.get_toplevel_context() is outer
        with outer.new(namespace="a").use() as inner:
            assert ndb.get_toplevel_context() is outer
            assert ndb.transaction(ndb.get_toplevel_context) is outer
            with other.context() as foreign:
                assert ndb.get_toplevel_context() is foreign
                with foreign.new().use():
                    assert ndb.get_toplevel_context() is foreign
            with inner.new().use():
                assert ndb.get_toplevel_context() is outer
        assert ndb.get_toplevel_context() is outer


def test_code_can_ask_whether_it_entered_a_context(ambient: Any) -> None:
    assert ndb.get_context(False) is None
    assert ndb.get_toplevel_context(raise_context_error=False) is None
    assert ndb.get_toplevel_context() is ndb.get_context()
    with ndb.Client(url=":memory:") as client, client.context() as context:
        assert ndb.get_context(False) is context


def test_the_environment_may_name_the_project(ambient: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASTORE_DATASET", "bookshop")
    assert ndb.Key("A", 1).project() == "bookshop"
    assert Note(text="a").put().get().text == "a"
    assert ndb.Client().project == "bookshop"
    assert ndb.Client("mine").project == "mine"


def test_a_client_says_which_server_ndb_would_ask() -> None:
    assert ndb.Client().host == "datastore.googleapis.com"
    assert ndb.Client(client_options={"api_endpoint": "x.example"}).host == "x.example"
    assert ndb.Client(client_options={"scopes": []}).host == "datastore.googleapis.com"
    assert ndb.Client().secure
