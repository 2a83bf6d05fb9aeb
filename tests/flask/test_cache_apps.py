"""The cache inside Flask-Session and Flask-Caching, through the test clients of small applications."""

import datetime as dt
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask, Response, abort, current_app, flash, get_flashed_messages, jsonify, request, session
from flask_caching import Cache
from flask_session import Session
from markupsafe import Markup

from kindstore.connect import connect
from kindstore.flask import Kindstore
from kindstore.flask.cache import KindstoreCache, SignedPickleSerializer, caches_of, sweep_command
from kindstore.flask.errors import NoAppContextError
from kindstore.store.abc import Store
from kindstore.store.messages import Query
from kindstore.testing import Clock, sandbox


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Iterator[Store]:
    opened = connect(":memory:", now=clock.time_ns)
    yield opened
    opened.close()


def names(store: Store) -> list[str]:
    found = store.run(store.run_query(Query(store.partition(), "CacheEntry", keys_only=True))).results
    return [str(entity.key.path[-1]) for entity in found if entity.key is not None]


# Flask-Session.


def with_sessions(store: Any, **settings: Any) -> Flask:
    app = Flask("with_sessions")
    app.config.update(
        SECRET_KEY="x" * 32,
        TESTING=True,
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=KindstoreCache(store),
        PERMANENT_SESSION_LIFETIME=dt.timedelta(hours=1),
        **settings,
    )
    Session(app)

    @app.post("/login/<name>")
    def login(name: str) -> str:
        session["user"] = name
        app.session_interface.regenerate(session)  # type: ignore[attr-defined]
        return "in"

    @app.post("/logout")
    def logout() -> str:
        session.clear()
        return "out"

    @app.get("/me")
    def me() -> str:
        return str(session.get("user"))

    @app.post("/put")
    def put() -> str:
        session["when"] = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
        session["pair"] = (1, b"\x00", Markup("<b>"))
        flash(Markup("<i>hello</i>"), "greeting")
        return ""

    @app.get("/take")
    def take() -> str:
        assert session["when"] == dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
        assert session["pair"] == (1, b"\x00", Markup("<b>"))
        return repr(get_flashed_messages(with_categories=True))

    @app.post("/refused")
    def refused() -> str:
        session["app"] = current_app._get_current_object()  # type: ignore[attr-defined]
        return ""

    return app


def test_a_session_is_kept_and_ends_with_the_log_out(store: Store) -> None:
    client = with_sessions(store).test_client()
    assert client.get("/me").text == "None"
    client.post("/login/ann")
    assert client.get("/me").text == "ann"
    assert len(names(store)) == 1
    client.post("/logout")
    assert names(store) == []
    assert client.get("/me").text == "None"


def test_two_browsers_have_two_sessions(store: Store) -> None:
    app = with_sessions(store)
    ann, bob = app.test_client(), app.test_client()
    ann.post("/login/ann")
    bob.post("/login/bob")
    assert (ann.get("/me").text, bob.get("/me").text) == ("ann", "bob")


def test_a_log_in_gives_the_session_a_new_id(store: Store) -> None:
    """An id that somebody has planted in the browser before the log-in is worth nothing after it."""
    app = with_sessions(store)
    victim, attacker = app.test_client(), app.test_client()
    victim.post("/put")
    planted = victim.get_cookie("session")
    assert planted is not None
    attacker.set_cookie("session", planted.value)
    victim.post("/login/ann")
    after = victim.get_cookie("session")
    assert after is not None
    assert after.value != planted.value
    assert victim.get("/me").text == "ann"
    assert attacker.get("/me").text == "None"
    assert [name for name in names(store) if planted.value in name] == []


def test_every_visit_puts_off_the_end_of_a_session(store: Store, clock: Clock) -> None:
    client = with_sessions(store).test_client()
    client.post("/login/ann")
    for _ in range(5):
        clock.advance(dt.timedelta(minutes=59))
        assert client.get("/me").text == "ann"
    clock.advance(dt.timedelta(minutes=60))
    assert client.get("/me").text == "None"


def test_without_refresh_it_ends_an_hour_after_the_last_change(store: Store, clock: Clock) -> None:
    client = with_sessions(store, SESSION_REFRESH_EACH_REQUEST=False).test_client()
    client.post("/login/ann")
    clock.advance(dt.timedelta(minutes=59))
    assert client.get("/me").text == "ann"
    clock.advance(dt.timedelta(minutes=1))
    assert client.get("/me").text == "None"


def test_the_values_of_flask_s_own_sessions(store: Store) -> None:
    client = with_sessions(store).test_client()
    client.post("/put")
    assert client.get("/take").text == "[('greeting', Markup('<i>hello</i>'))]"


def test_what_a_session_can_t_hold_is_told_by_name(store: Store) -> None:
    with pytest.raises(Exception, match=r"type='flask\.app\.Flask'") as caught:
        with_sessions(store).test_client().post("/refused")
    assert caught.value.path == "value['app']"  # type: ignore[attr-defined]


def test_sessions_survive_a_restart(tmp_path: Path) -> None:
    client = with_sessions(tmp_path / "app.db").test_client()
    client.post("/login/ann")
    cookie = client.get_cookie("session")
    assert cookie is not None
    restarted = with_sessions(tmp_path / "app.db").test_client()
    restarted.set_cookie("session", cookie.value)
    assert restarted.get("/me").text == "ann"


def test_a_session_costs_a_look_up_and_a_commit(clock: Clock) -> None:
    with sandbox.store(clock=clock) as box:
        client = with_sessions(box.store).test_client()
        client.post("/login/ann")
        before = len(box.calls)
        client.get("/me")
        assert [each.call.verb for each in list(box.calls)[before:]] == ["lookup", "commit"]


# Flask-Caching.


@pytest.fixture
def calls() -> list[str]:
    return []


def with_cache(store: Any, calls: list[str], **options: Any) -> tuple[Flask, Cache]:
    app = Flask("with_cache")
    app.config.update(
        CACHE_TYPE="kindstore.flask.cache.KindstoreCache", CACHE_OPTIONS={"store": store, **options}
    )
    cache = Cache(app)

    @app.get("/page/<name>")
    @cache.cached(timeout=60, query_string=True)
    def page(name: str) -> str:
        calls.append(name)
        return f"<p>{name}</p>" * int(request.args.get("times", 1))

    @app.get("/json")
    @cache.cached()
    def json() -> Response:
        calls.append("json")
        return jsonify(a=[1, 2])

    @app.get("/missing")
    @cache.cached()
    def missing() -> str:
        calls.append("missing")
        abort(404)

    @app.get("/stream")
    @cache.cached()
    def stream() -> Response:
        calls.append("stream")
        return Response(iter(["a", "b"]))

    return app, cache


def test_views_are_cached(store: Store, clock: Clock, calls: list[str]) -> None:
    app, _ = with_cache(store, calls)
    client = app.test_client()
    assert [client.get("/page/a").text for _ in range(3)] == ["<p>a</p>"] * 3
    client.get("/page/b")
    assert calls == ["a", "b"]
    clock.advance(60)
    client.get("/page/a")
    assert calls == ["a", "b", "a"]
    assert all(name.startswith("flask_cache_:") for name in names(store))


def test_pages_larger_than_an_entity_are_cached(store: Store, calls: list[str]) -> None:
    client = with_cache(store, calls)[0].test_client()
    first = client.get("/page/a?times=300000").text
    assert len(first) == 2_400_000
    assert client.get("/page/a?times=300000").text == first
    assert calls == ["a"]


def test_responses_and_errors_are_cached(store: Store, calls: list[str]) -> None:
    client = with_cache(store, calls)[0].test_client()
    for _ in range(2):
        answer = client.get("/json")
        assert (answer.json, answer.content_type) == ({"a": [1, 2]}, "application/json")
        assert client.get("/missing").status_code == 404
    assert calls == ["json", "missing"]


def test_a_stream_is_served_uncached(
    store: Store, calls: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    client = with_cache(store, calls)[0].test_client()
    with caplog.at_level(logging.ERROR):
        assert [client.get("/stream").text for _ in range(2)] == ["ab", "ab"]
    assert calls == ["stream", "stream"]
    assert "a response that is a stream can't be cached" in caplog.text


def test_functions_are_memoized_and_forgotten(store: Store, calls: list[str]) -> None:
    app, cache = with_cache(store, calls)

    @cache.memoize(50)
    def add(a: int, b: int) -> dict[str, int]:
        calls.append(f"{a}+{b}")
        return {"sum": a + b}

    with app.app_context():
        assert [add(1, 2), add(1, 2), add(2, 2)] == [{"sum": 3}, {"sum": 3}, {"sum": 4}]
        assert calls == ["1+2", "2+2"]
        cache.delete_memoized(add, 1, 2)
        add(1, 2)
        add(2, 2)
        assert calls == ["1+2", "2+2", "1+2"]
        cache.delete_memoized(add)
        add(1, 2)
        add(2, 2)
        assert calls[3:] == ["1+2", "2+2"]
        cache.clear()
        assert names(store) == []


def test_none_is_cached_if_asked_for(store: Store, calls: list[str]) -> None:
    app, cache = with_cache(store, calls)

    @cache.memoize(cache_none=True)
    def nothing() -> None:
        calls.append("nothing")

    with app.app_context():
        nothing()
        nothing()
    assert calls == ["nothing"]


def test_two_applications_in_one_file(store: Store, calls: list[str]) -> None:
    apps = [with_cache(store, calls, key_prefix=prefix)[0] for prefix in ("first", "second")]
    for app in apps:
        app.test_client().get("/page/a")
    assert calls == ["a", "a"]
    caches_of(apps[0])[0].clear()
    for app in apps:
        app.test_client().get("/page/a")
    assert calls == ["a", "a", "a"]


def test_the_store_of_the_application_s_settings(tmp_path: Path) -> None:
    app = Flask("with_url")
    app.config.update(CACHE_TYPE="kindstore.flask.cache.KindstoreCache", KINDSTORE_URL=str(tmp_path / "a.db"))
    cache = Cache(app)
    with app.app_context():
        cache.set("a", 1)
    assert KindstoreCache(tmp_path / "a.db", key_prefix="flask_cache_").get("a") == 1


@pytest.mark.parametrize("has_extension", [False, True])
def test_a_relative_path_is_one_file_whatever_came_first(tmp_path: Path, has_extension: bool) -> None:
    app = Flask("first", instance_path=str(tmp_path / "instance"))
    app.config.update(CACHE_TYPE="kindstore.flask.cache.KindstoreCache", KINDSTORE_URL="a.db")
    cache = Cache(app)
    if has_extension:
        Kindstore(app)
    with app.app_context():
        cache.set("a", 1)
    assert KindstoreCache(tmp_path / "instance" / "a.db", key_prefix="flask_cache_").get("a") == 1


def test_the_store_and_the_namespace_of_the_extension(store: Store, tmp_path: Path) -> None:
    db = Kindstore()
    app = Flask("with_extension", instance_path=str(tmp_path))
    app.config.update(
        CACHE_TYPE="kindstore.flask.cache.KindstoreCache",
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=KindstoreCache(db),
        KINDSTORE_URL="app.db",
        KINDSTORE_NAMESPACE="shop",
    )
    db.init_app(app)
    Session(app)
    cache = Cache(app)

    @app.get("/count")
    def count() -> str:
        session["count"] = session.get("count", 0) + 1
        cache.set("count", session["count"])
        return str(session["count"])

    client = app.test_client()
    assert [client.get("/count").text for _ in range(3)] == ["1", "2", "3"]
    assert caches_of(app)[0].get("count") == 3
    with app.app_context():
        assert KindstoreCache(key_prefix="flask_cache_").get("count") == 3
        sweep_command(lambda _: None)
    elsewhere = KindstoreCache(tmp_path / "app.db", key_prefix="flask_cache_", namespace="shop")
    assert elsewhere.get("count") == 3
    assert (
        len(
            elsewhere.store.run(elsewhere.store.run_query(Query(elsewhere._place()[1], "CacheEntry"))).results
        )
        == 2
    )


def test_each_of_two_applications_has_its_own_sessions(tmp_path: Path) -> None:
    db = Kindstore()
    cache = KindstoreCache(db)
    apps: list[Flask] = []
    for name in ("first", "second"):
        app = Flask(name, instance_path=str(tmp_path / name))
        db.init_app(app)
        apps.append(app)
    for app in apps:
        with app.app_context():
            assert cache.add("name", app.name)
    for app in apps:
        with app.app_context():
            assert cache.get("name") == app.name
    with pytest.raises(NoAppContextError):
        cache.get("name")


def test_pickles_by_the_setting_of_flask_caching(store: Store) -> None:
    app = Flask("with_pickles")
    app.config.update(
        CACHE_TYPE="kindstore.flask.cache.KindstoreCache",
        CACHE_OPTIONS={"store": store},
        CACHE_SERIALIZER=SignedPickleSerializer("x" * 16),
    )
    cache = Cache(app)
    with app.app_context():
        cache.set("a", 1j)
        assert cache.get("a") == 1j


# The command.


def test_the_command_sweeps_all_caches_of_an_application(store: Store, clock: Clock) -> None:
    app = with_sessions(store)
    app.config.update(
        CACHE_TYPE="kindstore.flask.cache.KindstoreCache", CACHE_OPTIONS={"store": store, "kind": "Page"}
    )
    cache = Cache(app)
    app.test_client().post("/login/ann")
    with app.app_context():
        cache.set("a", 1)
        assert len(caches_of(app)) == 2
        clock.advance(dt.timedelta(hours=2))
        said: list[str] = []
        sweep_command(said.append)
    assert sorted(line.rpartition(": ")[2] for line in said) == ["1 deleted", "1 deleted"]
    assert names(store) == []


def test_the_command_of_an_application_without_caches() -> None:
    with Flask("bare").app_context(), pytest.raises(click.UsageError, match="no cache"):
        sweep_command()
