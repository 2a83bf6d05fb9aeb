"""Flask-Login on models of every kind: ids, the loader, and what Flask-Login itself does with them."""

import base64
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import flask
import flask_login
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kindstore import datastore, db, ndb, testing
from kindstore.entity import DatastoreEntity, EntityValue
from kindstore.flask import Kindstore, Model
from kindstore.flask.login import UserMixin, load_users
from kindstore.values.errors import BadArgumentError, BadKeyError, BusyError
from kindstore.values.key import Key, Partition
from kindstore.values.reference import from_urlsafe, to_urlsafe


class NdbUser(UserMixin, ndb.Model):
    name = ndb.StringProperty()
    is_active = ndb.BooleanProperty(default=True)
    session_version = ndb.IntegerProperty(default=1)


class DbUser(UserMixin, db.Model):
    name = db.StringProperty()
    is_active = db.BooleanProperty(default=True)
    session_version = db.IntegerProperty(default=1)


class FlaskUser(UserMixin, Model):
    name = ndb.StringProperty()
    is_active = ndb.BooleanProperty(default=True)
    session_version = ndb.IntegerProperty(default=1)


class EntityUser(UserMixin, DatastoreEntity):
    __kind__ = "EntityUser"

    name = EntityValue("")
    status = EntityValue(1)
    session_version = EntityValue(1)

    @property
    def is_active(self) -> bool:
        return bool(self.status == 1)


class NdbThing(ndb.Model):
    """Of another kind, with the same names of properties."""

    name = ndb.StringProperty()


def save(user: Any) -> Any:
    user.save() if isinstance(user, DatastoreEntity) else user.put()
    return user


def new_entity(name: str) -> EntityUser:
    user = EntityUser()
    user.name = name
    return user


def deactivate(user: Any) -> None:
    if isinstance(user, EntityUser):
        user.status = 0
    else:
        user.is_active = False
    save(user)


@dataclass(frozen=True)
class Case:
    """A model of users: *new* makes one that is not saved."""

    model: type[Any]
    new: Callable[[str], Any]

    def saved(self, name: str = "ada") -> Any:
        return save(self.new(name))


CASES = {
    "flask": Case(FlaskUser, lambda name: FlaskUser(name=name)),
    "ndb": Case(NdbUser, lambda name: NdbUser(name=name)),
    "db": Case(DbUser, lambda name: DbUser(name=name)),
    "entity": Case(EntityUser, new_entity),
}


@pytest.fixture(autouse=True)
def sandbox() -> Iterator[testing.Sandbox]:
    with testing.store() as sandbox:
        yield sandbox


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def load(case: Case) -> Callable[[Any], Any]:
    return load_users(flask_login.LoginManager(), case.model)


def plain_key(user: Any) -> Key:
    key: Any = user.key() if isinstance(user, db.Model) else user.key
    plain: Key = key.plain if isinstance(key, datastore.Key) else key
    return plain


def id_like(user: Any, place: Partition | None = None, path: tuple[Any, ...] | None = None) -> str:
    """The id of *user*, moved to another place or path."""
    key = plain_key(user)
    return to_urlsafe(Key.of(place or key.partition, path or key.path)) + ".1"


# Ids.


def test_the_id_is_the_key_as_text_with_the_version(case: Case) -> None:
    user = case.saved()
    text, _, version = user.get_id().partition(".")
    assert from_urlsafe(text) == plain_key(user)
    assert version == "1"
    assert user.get_id() == user.get_id()


def test_the_id_of_a_user_without_a_version_is_the_key() -> None:
    class UnversionedUser(UserMixin, ndb.Model):
        session_version = ndb.StringProperty()

    user = UnversionedUser()
    user.put()
    text = user.get_id()
    assert text == user.key.urlsafe().decode()
    load = load_users(flask_login.LoginManager(), UnversionedUser)
    assert load(text) == user
    user.session_version = "2.x"
    user.put()
    assert user.get_id() == f"{text}.2.x"
    assert load(text) is None
    assert load(user.get_id()) == user


def test_a_user_who_was_not_saved_has_no_id(case: Case) -> None:
    with pytest.raises(BadKeyError, match=r"was not saved.*before login_user"):
        case.new("ada").get_id()


def test_users_are_equal_if_their_keys_are(case: Case, load: Callable[[Any], Any]) -> None:
    ada, bob = case.saved("ada"), case.saved("bob")
    again = load(ada.get_id())
    again.name = "changed"
    assert ada == again
    assert not ada != again  # noqa: SIM202 - Flask-Login's class has its own
    assert hash(ada) == hash(again)
    assert ada != bob
    assert len({ada, again, bob}) == 2
    unsaved, other = case.new("ada"), case.new("ada")
    assert unsaved == unsaved
    assert unsaved != other
    assert len({unsaved, other}) == 2
    assert ada != "ada"


# The loader.


def test_the_id_leads_back_to_the_user(case: Case, load: Callable[[Any], Any]) -> None:
    ada, _ = case.saved("ada"), case.saved("bob")
    found = load(ada.get_id())
    assert type(found) is case.model
    assert (found.name, found == ada) == ("ada", True)


def test_a_user_with_ancestors_and_a_name_is_found() -> None:
    load = load_users(flask_login.LoginManager(), NdbUser)
    ada = NdbUser(id="Ada Ł.", parent=ndb.Key("LoginCompany", 7), name="ada")
    ada.put()
    assert load(ada.get_id()) == ada


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        ".",
        "1",
        "no key",
        "no.key",
        "ä",
        "\ud800",
        "A" * 100_000,
        "=" * 20,
        None,
        17,
        b"bytes",
        ["list"],
    ],
)
def test_what_is_no_id_is_nobody_and_reads_nothing(
    case: Case, load: Callable[[Any], Any], sandbox: testing.Sandbox, wrong: Any
) -> None:
    case.saved()
    sandbox.calls.clear()
    assert load(wrong) is None
    assert len(sandbox.calls) == 0


def test_forged_ids_are_nobody(case: Case, load: Callable[[Any], Any]) -> None:
    ada = case.saved()
    text = ada.get_id()
    for forged in (text + "=", text + "x", text[1:], text[:-2], text + ".1", text.upper(), " " + text):
        assert load(forged) is None, forged
    for number in range(len(text)):
        changed = text[:number] + ("A" if text[number] != "A" else "B") + text[number + 1 :]
        assert load(changed) is None, changed


def test_a_key_of_another_kind_is_nobody_and_reads_nothing(
    case: Case, load: Callable[[Any], Any], sandbox: testing.Sandbox
) -> None:
    ada = case.saved()
    number = plain_key(ada).path[-1]
    thing = NdbThing(id=number, name="no user")
    thing.put()
    sandbox.calls.clear()
    assert load(to_urlsafe(thing.key)) is None
    assert load(id_like(ada, path=("NdbThing", number))) is None
    below = ("NdbThing", number, case.model.__name__, None)
    assert load(id_like(ada, path=below)) is None
    assert load(id_like(ada, path=(case.model.__name__, number, "NdbThing", number))) is None
    assert len(sandbox.calls) == 0


def test_a_key_of_another_place_is_nobody_and_reads_nothing(
    case: Case, load: Callable[[Any], Any], sandbox: testing.Sandbox
) -> None:
    ada = case.saved()
    here = plain_key(ada).partition
    assert load(id_like(ada, here)) == ada
    sandbox.calls.clear()
    for place in (
        here.with_namespace("other"),
        Partition.of("other", here.database, here.namespace),
        Partition.of(here.project, "other", here.namespace),
    ):
        assert load(id_like(ada, place)) is None
    assert len(sandbox.calls) == 0


def test_a_user_of_another_tenant_is_nobody(sandbox: testing.Sandbox) -> None:
    load = load_users(flask_login.LoginManager(), NdbUser)
    with sandbox.client.context(namespace="one"):
        ada = NdbUser(id="ada")
        ada.put()
        assert load(ada.get_id()) == ada
    with sandbox.client.context(namespace="two"):
        NdbUser(id="ada").put()
        assert load(ada.get_id()) is None


def test_who_is_deleted_is_nobody(case: Case, load: Callable[[Any], Any]) -> None:
    ada = case.saved()
    text = ada.get_id()
    plain = plain_key(ada)
    ndb.Key.of(plain.partition, plain.path).delete()
    assert load(text) is None


def test_another_class_of_the_same_kind_is_nobody() -> None:
    class PolyPerson(UserMixin, ndb.PolyModel):
        pass

    class PolyCustomer(PolyPerson):
        pass

    load = load_users(flask_login.LoginManager(), PolyCustomer)
    person, customer = PolyPerson(), PolyCustomer()
    ndb.put_multi([person, customer])
    assert load(customer.get_id()) == customer
    assert load(person.get_id()) is None


def test_a_class_of_the_same_kind_that_was_made_later_does_not_take_its_users() -> None:
    class TwinUser(UserMixin, ndb.Model):
        name = ndb.StringProperty()

    first = TwinUser
    load = load_users(flask_login.LoginManager(), first)
    type("TwinUser", (ndb.Model,), {})

    ada = first(name="ada", parent=ndb.Key("LoginCompany", 1))
    ada.put()
    for use_cache in (True, False):
        with ndb.get_context().new(cache_policy=use_cache).use():
            assert type(load(ada.get_id())) is first


@given(st.binary(max_size=60), st.text("1.x=", max_size=3))
@settings(max_examples=300)
def test_no_text_is_an_error(written: bytes, suffix: str) -> None:
    load = load_users(flask_login.LoginManager(), NdbUser)
    assert load(base64.urlsafe_b64encode(written).decode().rstrip("=") + suffix) is None
    assert load(written.decode("latin-1") + suffix) is None


def test_names_as_long_as_keys_can_be_are_no_error(case: Case, load: Callable[[Any], Any]) -> None:
    ada = case.saved()
    kind = case.model.__name__
    for size in (1_500, 1_501, 6_000):
        for path in ((kind, "x" * size), ("Parent", "x" * size, kind, 1), ("__reserved__", 1, kind, 1)):
            assert load(id_like(ada, path=path)) is None
    assert load(id_like(ada, path=("Parent", 1) * 99 + (kind, 1))) is None
    assert load(id_like(ada, path=(kind, "__reserved__"))) is None


def test_a_store_that_fails_is_an_error_and_logs_nobody_out(
    case: Case, load: Callable[[Any], Any], sandbox: testing.Sandbox
) -> None:
    ada = case.saved()
    sandbox.faults.plan(testing.Fault.BUSY, verb="lookup")
    with sandbox.client.context():
        with pytest.raises((BusyError, db.Timeout)):
            load(ada.get_id())
        assert load(ada.get_id()) == ada


def test_the_function_is_registered(case: Case) -> None:
    manager = flask_login.LoginManager()
    load = load_users(manager, case.model)
    assert manager.user_callback is load


@pytest.mark.parametrize("wrong", [object, str, NdbThing])
def test_a_class_that_can_be_no_user_is_refused(wrong: type[Any]) -> None:
    with pytest.raises(BadArgumentError):
        load_users(flask_login.LoginManager(), wrong)


def test_flask_logins_own_mixin_is_refused_where_it_would_fail_later() -> None:
    class UnversionedUser(flask_login.UserMixin, ndb.Model):  # type: ignore[misc]
        pass

    class Entity(flask_login.UserMixin, DatastoreEntity):  # type: ignore[misc]
        __kind__ = "User"

    for model in (UnversionedUser, Entity):
        with pytest.raises(BadArgumentError, match=r"Write it first: class \w+\(UserMixin, …\)"):
            load_users(flask_login.LoginManager(), model)


def test_the_tutorials_order_of_bases_works_but_not_with_versions() -> None:
    class User(DatastoreEntity, flask_login.UserMixin):  # type: ignore[misc]
        __kind__ = "User"

    class Versioned(DatastoreEntity, UserMixin):
        __kind__ = "User"
        session_version = EntityValue(1)

    load = load_users(flask_login.LoginManager(), User)
    user = save(User())
    assert load(user.get_id()) == user
    with pytest.raises(BadArgumentError, match="Write it first"):
        load_users(flask_login.LoginManager(), Versioned)


# In an application.


def application(case: Case, extended: bool = True, **config: Any) -> flask.Flask:
    made = flask.Flask("application")
    made.config.update(SECRET_KEY="for a test", TESTING=True, **config)
    if extended:
        Kindstore(made)  # of the store of the test
    manager: Any = flask_login.LoginManager(made)
    manager.login_view = "enter"
    manager.refresh_view = "enter_again"
    load_users(manager, case.model)

    @made.get("/me")
    @flask_login.login_required  # type: ignore[untyped-decorator]
    def me() -> str:
        # Several questions about the user are one read.
        assert flask_login.current_user.is_authenticated
        return str(flask_login.current_user.name)

    @made.get("/secret")
    @flask_login.fresh_login_required  # type: ignore[untyped-decorator]
    def secret() -> str:
        return "fresh"

    @made.get("/open")
    def open_to_all() -> str:
        return "open"

    made.add_url_rule("/enter", "enter", lambda: "enter")
    made.add_url_rule("/enter-again", "enter_again", lambda: "again")

    @made.post("/login/<user_id>")
    def log_in(user_id: str) -> str:
        user = manager.user_callback(user_id)
        remember = bool(flask.request.args.get("remember"))
        return str(flask_login.login_user(user, remember=remember))

    @made.post("/logout")
    def log_out() -> str:
        flask_login.logout_user()
        return "bye"

    return made


def served_in_contexts(app: flask.Flask, sandbox: testing.Sandbox) -> None:
    """Give each request a context, as applications without the extension do."""
    changed: Any = app
    serve = app.wsgi_app

    def served(environ: Any, start: Any) -> Any:
        with sandbox.client.context():
            return serve(environ, start)

    changed.wsgi_app = served


def is_in(browser: Any) -> bool:
    answer = browser.get("/me")
    assert answer.status_code in {200, 302}
    return bool(answer.status_code == 200)


@pytest.mark.parametrize("extended", [True, False], ids=["extension", "contexts"])
def test_a_request_reads_the_user_once_and_only_where_asked(
    case: Case, sandbox: testing.Sandbox, extended: bool
) -> None:
    app = application(case, extended)
    if not extended:
        served_in_contexts(app, sandbox)
    browser = app.test_client()
    browser.post(f"/login/{case.saved().get_id()}")
    sandbox.calls.clear()
    assert browser.get("/me").text == "ada"
    assert [each.call.verb for each in sandbox.calls] == ["lookup"]
    sandbox.calls.clear()
    assert browser.get("/open").text == "open"
    assert len(sandbox.calls) == 0


def test_two_users_are_two(case: Case) -> None:
    app = application(case)
    one, other = app.test_client(), app.test_client()
    one.post(f"/login/{case.saved('ada').get_id()}")
    other.post(f"/login/{case.saved('bob').get_id()}")
    assert (one.get("/me").text, other.get("/me").text) == ("ada", "bob")
    one.post("/logout")
    assert (is_in(one), is_in(other)) == (False, True)


def test_who_is_not_active_cannot_log_in_nor_stay(case: Case) -> None:
    browser = application(case).test_client()
    ada, bob = case.saved("ada"), case.saved("bob")
    deactivate(bob)
    assert browser.post(f"/login/{bob.get_id()}").text == "False"
    assert not is_in(browser)
    assert browser.post(f"/login/{ada.get_id()}").text == "True"
    assert is_in(browser)
    deactivate(ada)
    assert not is_in(browser)


def test_a_remembered_user_needs_no_session_but_is_not_fresh(case: Case, sandbox: testing.Sandbox) -> None:
    browser = application(case).test_client()
    browser.post(f"/login/{case.saved().get_id()}?remember=1")
    assert browser.get("/secret").text == "fresh"
    browser.delete_cookie("session")
    sandbox.calls.clear()
    assert is_in(browser)
    assert [each.call.verb for each in sandbox.calls] == ["lookup"]
    assert browser.get("/secret").location.startswith("/enter-again?next=")
    browser.post("/logout")
    browser.delete_cookie("session")
    assert not is_in(browser)


def test_a_remember_me_cookie_that_was_changed_is_nobodys(case: Case) -> None:
    browser = application(case).test_client()
    ada, bob = case.saved("ada"), case.saved("bob")
    browser.post(f"/login/{ada.get_id()}?remember=1")
    cookie = browser.get_cookie("remember_token")
    assert cookie is not None
    forged = cookie.value.replace(ada.get_id(), bob.get_id())
    assert forged != cookie.value
    browser.delete_cookie("session")
    browser.set_cookie("remember_token", forged)
    assert not is_in(browser)


def test_strong_session_protection_ends_a_stolen_session(case: Case) -> None:
    browser = application(case, SESSION_PROTECTION="strong").test_client()
    browser.post(f"/login/{case.saved().get_id()}", headers={"User-Agent": "mine"})
    assert browser.get("/me", headers={"User-Agent": "mine"}).text == "ada"
    assert browser.get("/me", headers={"User-Agent": "a thief's"}).status_code == 302


def test_basic_session_protection_makes_a_session_stale(case: Case) -> None:
    browser = application(case, SESSION_PROTECTION="basic").test_client()
    browser.post(f"/login/{case.saved().get_id()}", headers={"User-Agent": "mine"})
    assert browser.get("/me", headers={"User-Agent": "another"}).text == "ada"
    assert browser.get("/secret", headers={"User-Agent": "another"}).status_code == 302


def test_a_new_session_version_logs_out_everywhere(case: Case) -> None:
    app = application(case, REMEMBER_COOKIE_DURATION=dt.timedelta(days=1))
    one, other = app.test_client(), app.test_client()
    ada, bob = case.saved("ada"), case.saved("bob")
    third = app.test_client()
    third.post(f"/login/{bob.get_id()}")
    for browser in (one, other):
        browser.post(f"/login/{ada.get_id()}?remember=1")
        assert is_in(browser)
    other.delete_cookie("session")
    ada.session_version += 1
    save(ada)
    assert (is_in(one), is_in(other), is_in(third)) == (False, False, True)
    one.post(f"/login/{ada.get_id()}")
    assert (is_in(one), is_in(other)) == (True, False)


def test_the_session_of_an_application_on_another_database_is_nobodys(case: Case) -> None:
    browser = application(case).test_client()
    for user_id in ("1", 1):  # what other mappers put there
        with browser.session_transaction() as session:
            session["_user_id"] = user_id
        assert not is_in(browser)
