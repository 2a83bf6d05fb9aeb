"""The extension: an app's store, its contexts, its configuration."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, stream_with_context

import kindstore.datastore
from kindstore import db, ndb, testing
from kindstore.client import ambient
from kindstore.entity import DatastoreEntity, EntityValue
from kindstore.flask import ConfigError, Kindstore, Model, NoAppContextError
from kindstore.mapper import context as contexts
from kindstore.mapper.context import ContextError, entered
from kindstore.values.errors import BadArgumentError, Error, NeedIndexError, StorageError


class Note(Model):
    text = ndb.StringProperty()
    size = ndb.IntegerProperty()


class OldNote(db.Model):
    text = db.StringProperty()


class LooseNote(DatastoreEntity):
    __kind__ = "LooseNote"
    text = EntityValue(None)


def app_on(url: str | Path | None, name: str = "app", **config: Any) -> Flask:
    app = Flask(name, instance_path=config.pop("instance", None))
    app.config.update(KINDSTORE_URL=url, TESTING=True, **config)
    Kindstore(app)
    return app


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("KINDSTORE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    assert entered() is None, "a context was not left"
    assert not (tmp_path / "kindstore.db").exists(), "something reached the ambient store"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return app_on(tmp_path / "app.db")


# Contexts.


def test_every_face_reaches_the_store_of_the_app_without_naming_it(app: Flask, tmp_path: Path) -> None:
    @app.get("/write")
    def write() -> str:
        Note(text="ndb").put()
        OldNote(text="db").put()
        client = kindstore.datastore.Client()
        loose = kindstore.datastore.Entity(client.key("Plain"))
        loose["text"] = "datastore"
        client.put(loose)
        made = LooseNote()
        made.text = "entity"
        made.save()
        with ndb.Client().context():
            Note(text="a client of its own that names no store").put()
        return "done"

    assert app.test_client().get("/write").text == "done"
    with ndb.Client(url=tmp_path / "app.db").context():
        assert sorted(each.text or "" for each in ndb.Query(kind=Note)) == [
            "a client of its own that names no store",
            "ndb",
        ]
        assert ndb.Query(kind="OldNote").count() == 1
        assert ndb.Query(kind="Plain").count() == 1
        assert ndb.Query(kind="LooseNote").count() == 1


def test_each_request_has_an_identity_map_of_its_own(app: Flask) -> None:
    seen: list[Any] = []

    @app.get("/<name>")
    def read(name: str) -> str:
        note = Note.get_or_insert(name, text="x")
        assert Note.get_by_id(name) is note
        seen.append(note)
        return "done"

    client = app.test_client()
    client.get("/a")
    client.get("/a")
    assert seen[0] is not seen[1]


def test_what_is_asked_for_asynchronously_is_done_at_the_end_of_the_request(app: Flask) -> None:
    @app.get("/")
    def write() -> str:
        Note(id="later").put_async()
        return "done"

    app.test_client().get("/")
    with app.app_context():
        assert Note.get_by_id("later") is not None


def test_a_failing_view_leaves_its_context(app: Flask) -> None:
    @app.get("/")
    def fail() -> str:
        Note(id="kept").put()
        raise ZeroDivisionError

    app.testing = False
    assert app.test_client().get("/").status_code == 500
    assert entered() is None
    with app.app_context():
        assert Note.get_by_id("kept") is not None


def test_a_failing_teardown_function_leaves_nothing_behind_for_long(app: Flask) -> None:
    @app.teardown_appcontext
    def fail(_: BaseException | None) -> None:
        raise ZeroDivisionError

    app.add_url_rule("/", "index", lambda: str(Note.query.count()))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            app.test_client().get("/")
    gc.collect()
    assert len(contexts._open) == 1  # of the last one
    app.teardown_appcontext_funcs.remove(fail)
    with app.app_context():
        assert len(contexts._open) == 1
    assert contexts._open == []


def test_application_contexts_may_be_nested_and_pushed_twice(app: Flask) -> None:
    with app.app_context() as outer:
        note = Note(id="n").put().get()
        with app.app_context():
            assert Note.get_by_id("n") is not note
        with outer:
            assert Note.get_by_id("n") is note
        assert Note.get_by_id("n") is note


def test_a_request_inside_an_application_context_shares_it(app: Flask) -> None:
    @app.get("/")
    def change() -> str:
        note = Note.query.get_or_404("n")
        note.text = "changed"
        note.put()
        return "done"

    with app.app_context():
        note = Note(id="n", text="first").put().get()
        app.test_client().get("/")
        assert note.text == "changed"


def test_a_streaming_response_reads_while_it_streams(app: Flask) -> None:
    @app.get("/")
    def stream() -> Response:
        Note(id="1", text="one").put()

        def lines() -> Iterator[str]:
            for note in Note.query.order_by(Note.text):
                yield f"{note.text}\n"

        return Response(stream_with_context(lines()))

    assert app.test_client().get("/").text == "one\n"


def test_a_response_that_streams_without_its_context_does_not_reach_another_store(app: Flask) -> None:
    @app.get("/")
    def stream() -> Response:
        def lines() -> Iterator[str]:
            yield str(Note.query.count())

        return Response(lines())

    with pytest.raises(NoAppContextError):
        app.test_client().get("/")


def test_the_shell_knows_the_models(app: Flask) -> None:
    with app.app_context():
        known = app.make_shell_context()
    assert known["db"] is app.extensions["kindstore"]
    assert (known["Note"].__name__, known["OldNote"].__name__, known["ndb"]) == ("Note", "OldNote", ndb)


def test_two_apps_do_not_mix(tmp_path: Path) -> None:
    database = Kindstore()
    apps = [Flask(name) for name in ("one", "two")]
    for each in apps:
        each.config["KINDSTORE_URL"] = tmp_path / f"{each.name}.db"
        database.init_app(each)
    one, two = apps
    with one.app_context():
        Note(id="n", text="one").put()
        with two.app_context():
            assert Note.get_by_id("n") is None
            assert kindstore.datastore.Client().store is database.store is database.client_of(two).store
            Note(id="n", text="two").put()
        assert Note.query.get_or_404("n").text == "one"
        assert kindstore.datastore.Client().store is database.store is database.client_of(one).store


def test_a_thread_finds_the_store_while_one_app_is_at_work_and_is_refused_when_two_are(
    app: Flask, tmp_path: Path
) -> None:
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(Note.query.count())
        except ContextError as error:
            found.append(type(error))

    def run() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    other = app_on(tmp_path / "other.db")
    with app.app_context(), app.app_context():
        Note().put()
        run()
        with other.app_context():
            run()
    run()
    assert found == [1, ContextError, NoAppContextError]


def test_without_an_application_context_models_say_so(app: Flask) -> None:
    note = Note()
    works: list[Callable[[], object]] = [
        Note.query.all,
        Note.query,
        lambda: Note.gql("WHERE text = 'x'"),
        lambda: Note.get_by_id("n"),
        lambda: Note.get_by_id_async("n"),
        lambda: Note.get_or_insert("n"),
        lambda: Note.get_or_insert_async("n"),
        note.put,
        note.put_async,
    ]
    for work in works:
        with pytest.raises(NoAppContextError, match="app_context"):
            work()
    extension = app.extensions["kindstore"]
    assert extension.client is extension.client_of(app)  # there is but one
    other = Flask("other")
    extension.init_app(other)
    with pytest.raises(RuntimeError, match="app_context"):
        _ = extension.client


def test_keys_and_lists_of_models_reach_no_store_that_is_no_apps(tmp_path: Path) -> None:
    key, plain = ndb.Key(Note, "n"), ndb.Key("Plain", "n")
    works: list[Callable[[], object]] = [
        key.get,
        key.delete,
        lambda: key.get_async().result(),
        lambda: ndb.get_multi([plain, key]),
        lambda: ndb.put_multi([Note(id="n")]),
        lambda: ndb.delete_multi([key]),
        ndb.Query(kind="Note").get,
        ndb.Query(kind="Note").count,
        lambda: Note.allocate_ids(1),
        lambda: ndb.transaction(lambda: ndb.put_multi([Note(id="n")])),
    ]
    try:
        for work in works:
            with pytest.raises(NoAppContextError, match="app_context"):
                work()
        assert ndb.get_multi([plain]) == [None]  # of a kind that is no app's
        assert ndb.Query().fetch() == []
    finally:
        ambient.close()
        (tmp_path / "kindstore.db").unlink()


def test_models_work_in_a_client_of_their_own_too(tmp_path: Path) -> None:
    with ndb.Client(url=tmp_path / "x.db").context():
        Note().put()
        assert Note.query.count() == 1


def test_the_store_is_opened_at_its_first_use(app: Flask, tmp_path: Path) -> None:
    app.add_url_rule("/", "index", lambda: "static")
    app.test_client().get("/")
    assert not (tmp_path / "app.db").exists()
    with app.app_context():
        Note().put()
    assert (tmp_path / "app.db").exists()
    app.extensions["kindstore"].client_of(app).close()
    with app.app_context():
        assert Note.query.count() == 1


# Configuration.


def test_without_a_url_the_data_is_in_the_instance_folder(tmp_path: Path) -> None:
    app = app_on(None, instance=str(tmp_path / "instance"))
    with app.app_context():
        Note().put()
    assert (tmp_path / "instance" / "kindstore.db").exists()


@pytest.mark.parametrize("url", ["here.db", "sqlite:here.db?durability=relaxed"])
def test_a_relative_path_is_in_the_instance_folder(tmp_path: Path, url: str) -> None:
    app = app_on(url, instance=str(tmp_path / "a #1%20"))
    with app.app_context():
        Note().put()
    assert (tmp_path / "a #1%20" / "here.db").exists()


def test_the_environment_names_the_store_of_an_app_that_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINDSTORE_URL", "named.db")
    with app_on(None).app_context():
        Note().put()
    assert (tmp_path / "named.db").exists()


def test_an_app_of_the_environments_store_does_not_mix_with_another(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINDSTORE_URL", "named.db")
    other = app_on(None)
    with app.app_context():
        Note().put()
        with ndb.Client(store=other.extensions["kindstore"].client_of(other).store).context():
            assert Note.query.count() == 0
    monkeypatch.delenv("KINDSTORE_URL")
    monkeypatch.setenv("DATASTORE_EMULATOR_HOST", "localhost:1")
    with pytest.raises(ConfigError, match="EMULATOR"):
        app_on(None)


def test_an_app_that_names_no_store_works_in_a_tests_own(tmp_path: Path) -> None:
    app = app_on(None, instance=str(tmp_path / "instance"))
    with testing.store():
        with app.app_context():
            Note().put()
            assert kindstore.datastore.Client().store is app.extensions["kindstore"].store
        assert Note.query.count() == 1
    assert not (tmp_path / "instance").exists()


def test_settings_come_from_the_configuration_before_the_arguments(tmp_path: Path) -> None:
    app = Flask("app")
    app.config.update(KINDSTORE_PROJECT="mine", KINDSTORE_NAMESPACE="tenant", KINDSTORE_DURABILITY="relaxed")
    database = Kindstore(app, url=tmp_path / "a.db", project="other", indexes="strict")
    with app.app_context():
        key = Note().put()
        assert (key.project(), key.namespace()) == ("mine", "tenant")
        assert database.store.partition().project == "mine"
        with pytest.raises(NeedIndexError):
            Note.query(Note.text == "x", Note.size > 3).order(-Note.size).fetch()


def test_the_namespace_and_the_database_of_the_app_hold_for_every_face() -> None:
    app = Flask("app")
    Kindstore(app, url=":memory:", namespace="tenant", database="second")
    with app.app_context():
        key = Note(id=1, text="x").put()
        client = kindstore.datastore.Client()
        place = (client.project, client.database, client.namespace)
        assert place == (key.project(), "second", "tenant")
        found = client.get(client.key("Note", 1))
        assert found is not None
        assert client.key("Note", 1).plain == key
        assert len(list(client.query(kind="Note").fetch())) == 1
        assert list(kindstore.datastore.Client(namespace="").query(kind="Note").fetch()) == []
        loose = LooseNote()
        loose.text = "y"
        assert loose.save()
        assert loose.key is not None
        assert loose.key.namespace == "tenant"
        assert OldNote(text="z").put().namespace() == "tenant"
        with ndb.Client().context():
            assert Note.get_by_id(1) is not None
        with ndb.Client().context(namespace=None):
            assert Note.get_by_id(1) is None
    assert client.namespace is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("KINDSTORE_URL", "postgres://there"),
        ("KINDSTORE_URL", "sqlite:/x?durabilty=full"),
        ("KINDSTORE_URL", 3),
        ("KINDSTORE_URL", ""),
        ("KINDSTORE_URL", "sqlite:x.db?durability=none"),
        ("KINDSTORE_PROJECT", 3),
        ("KINDSTORE_NAMESPACE", "two words"),
        ("KINDSTORE_NAMESPACE", "x" * 101),
        ("KINDSTORE_DURABILITY", "none"),
        ("KINDSTORE_INDEXES", "lax"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(key: str, value: object) -> None:
    app = Flask("app")
    app.config[key] = value
    with pytest.raises(ConfigError, match=key):
        Kindstore(app)


def test_a_file_that_is_no_database_is_refused_by_the_name_of_the_setting(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_text("no database" * 1000)
    with app_on(tmp_path / "app.db").app_context(), pytest.raises(Error, match="KINDSTORE_URL"):
        Note.query.count()


def test_an_instance_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("a file")
    app = Flask("app", instance_path=str(tmp_path / "instance"))
    Kindstore(app)
    with app.app_context(), pytest.raises(StorageError, match="KINDSTORE_URL"):
        Note.query.count()


def test_the_file_of_indexes_is_beside_the_app(tmp_path: Path) -> None:
    app = Flask("app", root_path=str(tmp_path))
    (tmp_path / "index.yaml").write_text(
        "indexes:\n- kind: Note\n  properties:\n  - name: text\n  - name: size\n    direction: desc\n"
    )
    Kindstore(app, url=":memory:", indexes="strict", index_file="index.yaml")
    with app.app_context():
        assert Note.query(Note.text == "x", Note.size > 3).order(-Note.size).fetch() == []


def test_an_app_has_one_extension(app: Flask) -> None:
    with pytest.raises(BadArgumentError, match="already"):
        Kindstore(app)
