"""The models: what Flask-Security expects of their attributes, and what can be there once only."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from kindstore import ndb
from kindstore.flask import Kindstore
from kindstore.flask.security import (
    DatastoreUserDatastore,
    FoldedProperty,
    FsUserBaseMixin,
    Role,
    User,
    WebAuthn,
    fold,
)
from kindstore.ndb.exceptions import UniqueViolationError
from kindstore.testing import store
from kindstore.values.errors import BadArgumentError

ATTRIBUTES = (
    *("email", "password", "active", "fs_uniquifier", "username", "confirmed_at", "last_login_at"),
    *("current_login_at", "last_login_ip", "current_login_ip", "login_count", "tf_primary_method"),
    *("tf_totp_secret", "tf_phone_number", "mf_recovery_codes", "us_totp_secrets", "us_phone_number"),
    *(
        "fs_webauthn_user_handle",
        "create_datetime",
        "update_datetime",
        "roles",
        "webauthn",
        "refresh_trackers",
    ),
)


def test_user_has_what_flask_security_knows() -> None:
    assert [name for name in ATTRIBUTES if not hasattr(User, name)] == []
    assert not hasattr(User, "fs_token_uniquifier")


def test_small_user_lacks_what_it_was_not_given() -> None:
    class Small(FsUserBaseMixin):
        """A user who only logs in."""

    kept = {name for name in ATTRIBUTES if hasattr(Small, name)}
    assert kept == {"email", "password", "active", "fs_uniquifier", "roles"}


@pytest.mark.parametrize("model", [User, Role, WebAuthn])
def test_unknown_names_are_refused_by_name(model: type[Any]) -> None:
    with pytest.raises(AttributeError, match="'shoe_size'"):
        model(shoe_size=44)


def test_ids_are_integers_that_find_the_user(ds: DatastoreUserDatastore) -> None:
    user = ds.create_user(email="ada@example.org")
    assert isinstance(user.id, int)
    assert ds.find_user(id=user.id).email == "ada@example.org"
    assert ds.find_user(id=user.id + 1) is None
    assert ds.find_user(id=user.id, email="bob@example.org") is None
    assert User(email="new@example.org").id is None


def test_times_are_naive(ds: DatastoreUserDatastore) -> None:
    ds.create_user(email="ada@example.org", confirmed_at=dt.datetime(2026, 1, 2, 3, 4, 5))
    user = ds.find_user(email="ada@example.org")
    assert user.confirmed_at == dt.datetime(2026, 1, 2, 3, 4, 5)
    assert user.create_datetime.tzinfo is None
    assert dt.datetime.now(dt.UTC).replace(tzinfo=None) - user.create_datetime < dt.timedelta(minutes=5)


def test_time_of_change_moves_with_every_put(ds: DatastoreUserDatastore) -> None:
    user = ds.create_user(email="ada@example.org")
    before = user.update_datetime
    ds.put(user)
    assert ds.find_user(email="ada@example.org").update_datetime > before
    role = ds.create_role(name="admin")
    before = role.update_datetime
    ds.put(role)
    assert ds.find_role("admin").update_datetime > before


def test_lists_changed_in_place_are_kept(ds: DatastoreUserDatastore) -> None:
    user: Any = ds.create_user(email="ada@example.org", mf_recovery_codes=["a", "b", "c"])
    user.mf_recovery_codes.pop(1)
    ds.put(user)
    assert ds.find_user(email="ada@example.org").mf_recovery_codes == ["a", "c"]
    ds.mf_set_recovery_codes(user, None)
    assert ds.find_user(email="ada@example.org").mf_recovery_codes == []


@pytest.mark.parametrize(
    "name", ["email", "username", "us_phone_number", "fs_uniquifier", "fs_webauthn_user_handle"]
)
def test_what_identifies_a_user_is_there_once(ds: DatastoreUserDatastore, name: str) -> None:
    one = {"email": "ada@example.org", "username": "ada", "us_phone_number": "+1555"}
    one |= {"fs_uniquifier": "u", "fs_webauthn_user_handle": "h"}
    other = {"email": "bob@example.org", "username": "bob", "us_phone_number": "+1556"}
    ds.create_user(**one)
    with pytest.raises(UniqueViolationError) as caught:
        ds.create_user(**{**other, name: one[name]})
    assert caught.value.property.removesuffix("_folded") == name
    with ds.db.context():
        assert User.query().count() == 1


@pytest.mark.parametrize("taken", ["ADA@example.org", "ada@EXAMPLE.org"])
def test_spelling_makes_no_other_address(ds: DatastoreUserDatastore, taken: str) -> None:
    ds.create_user(email="ada@example.org")
    with pytest.raises(UniqueViolationError):
        ds.create_user(email=taken)


def test_nothing_is_no_value_that_could_be_taken(ds: DatastoreUserDatastore) -> None:
    for name in "abc":
        ds.create_user(email=f"{name}@example.org", username=None, us_phone_number=None)
        ds.create_user(email=f"{name}2@example.org", username="", us_phone_number="")
    assert ds.find_user(email="a2@example.org").us_phone_number is None
    assert ds.find_user(username=None) is None
    assert ds.find_user(username="") is None
    assert ds.find_user(case_insensitive=True, username="") is None


@pytest.mark.parametrize("text", ["\ud800", "x" * 3000], ids=["surrogate", "long"])
def test_nobody_has_what_can_not_be_stored(ds: DatastoreUserDatastore, text: str) -> None:
    ds.create_user(email="ada@example.org")
    assert ds.find_user(email=text) is None
    assert ds.find_user(case_insensitive=True, email=text) is None
    assert ds.find_user(fs_uniquifier=text) is None
    assert ds.find_role(text) is None


def test_a_user_that_was_not_created_by_the_datastore_has_a_uniquifier(ds: DatastoreUserDatastore) -> None:
    user: Any = ds.put(User(email="ada@example.org"))
    assert user.fs_uniquifier == ds.find_user(email="ada@example.org").fs_uniquifier


def test_roles_and_credentials_are_there_once(ds: DatastoreUserDatastore) -> None:
    ds.create_role(name="admin")
    with pytest.raises(UniqueViolationError):
        ds.create_role(name="admin")
    user = ds.create_user(email="ada@example.org")
    create_passkey(ds, user, b"id")
    with pytest.raises(UniqueViolationError):
        create_passkey(ds, user, b"id")
    assert len(user.webauthn) == 1
    assert len(ds.find_user(email="ada@example.org").webauthn) == 1


def create_passkey(ds: DatastoreUserDatastore, user: Any, credential_id: bytes) -> None:
    ds.create_webauthn(user, credential_id, b"public", "key", 0, "secondary", "single_device", False, ["usb"])


def test_users_are_found_in_any_spelling(ds: DatastoreUserDatastore) -> None:
    ds.create_user(email="Straße@example.org", username="Ωmega")
    for spelling in ("Straße@example.org", "STRASSE@EXAMPLE.ORG", "strasse@example.org"):
        assert ds.find_user(case_insensitive=True, email=spelling).username == "Ωmega"
    assert ds.find_user(case_insensitive=True, username="ωMEGA") is not None
    assert ds.find_user(email="straße@example.org") is None
    assert ds.find_user(case_insensitive=True, username="Omega") is None


def test_folding_is_canonical() -> None:
    assert (
        fold("ÅNGSTRÖM") == fold("A\N{COMBINING RING ABOVE}ngström") == fold(fold("\N{ANGSTROM SIGN}ngström"))
    )
    assert fold("\N{ROMAN NUMERAL ONE}") != fold("I")


def test_users_are_found_by_any_attribute_of_any_type(ds: DatastoreUserDatastore) -> None:
    user = ds.create_user(email="ada@example.org", active=False, confirmed_at=dt.datetime(2026, 1, 1))
    assert ds.find_user(fs_uniquifier=user.fs_uniquifier).email == "ada@example.org"
    assert ds.find_user(confirmed_at=dt.datetime(2026, 1, 1)).email == "ada@example.org"
    assert ds.find_user(email="ada@example.org", active=False) is not None
    assert ds.find_user(email="ada@example.org", active=True) is None
    assert ds.find_user(confirmed_at="yesterday") is None
    assert ds.find_user(email=3) is None
    assert ds.find_user(email="x" * 2_000) is None
    assert ds.find_webauthn(b"nobody's") is None
    with pytest.raises(BadArgumentError, match="one attribute"):
        ds.find_user(case_insensitive=True, email="ada@example.org", username="ada")


def test_look_up_in_any_spelling_needs_a_folded_copy(client: ndb.Client) -> None:
    class Member(FsUserBaseMixin):
        nick = ndb.StringProperty()
        motto = ndb.StringProperty()
        nick_folded = FoldedProperty("nick", unique=True)

    ds = DatastoreUserDatastore(client, Member, Role)
    ds.create_user(email="ada@example.org", nick="Countess", motto="Onwards")
    assert ds.find_user(case_insensitive=True, nick="COUNTESS").email == "ada@example.org"
    with pytest.raises(BadArgumentError, match='motto_folded = FoldedProperty\\("motto"\\)'):
        ds.find_user(case_insensitive=True, motto="onwards")


def test_users_can_be_pickled(ds: DatastoreUserDatastore) -> None:
    ds.create_role(name="admin", permissions="read, write")
    ds.create_user(email="ada@example.org", roles=["admin"])
    user = pickle.loads(pickle.dumps(ds.find_user(email="ada@example.org")))
    assert user.has_role("admin")
    assert user.has_permission("write")
    user.username = "ada"
    ds.put(user)
    assert ds.find_user(username="ada").email == "ada@example.org"


def test_numbers_may_come_as_text(client: ndb.Client) -> None:
    class Numbered(FsUserBaseMixin):
        number = ndb.IntegerProperty()

    ds = DatastoreUserDatastore(client, Numbered, Role)
    created: Any = ds.create_user(email="ada@example.org", number="12")
    assert created.number == 12


@pytest.mark.parametrize("make", [User, Role], ids=lambda made: made.__name__)
def test_ready_made_classes_have_their_kinds(make: Callable[..., Any]) -> None:
    assert make()._get_kind() == make.__name__


def test_without_a_database_it_is_the_store_of_code_that_names_none() -> None:
    with store() as sandbox:
        ds = DatastoreUserDatastore(None, User, Role)
        ds.create_role(name="admin")
        ds.create_user(email="ada@example.org", roles=["admin"])
        assert [user.has_role("admin") for user in ds.users()] == [True]
        assert ds.find_user(email="ada@example.org") is not None
        assert len(sandbox.calls) > 0


def test_models_of_others_are_refused(client: ndb.Client) -> None:
    class Person(ndb.Model):
        email = ndb.StringProperty()

    with pytest.raises(BadArgumentError, match="FsUserBaseMixin"):
        DatastoreUserDatastore(client, Person, Role)
    with pytest.raises(BadArgumentError, match="FsRoleMixin"):
        DatastoreUserDatastore(client, User, Person)


def test_users_without_roles(client: ndb.Client) -> None:
    ds = DatastoreUserDatastore(client, User)
    user = ds.create_user(email="ada@example.org")
    assert (user.roles, ds.find_role("admin"), ds.find_roles(["admin"])) == ([], None, [])
    with pytest.raises(BadArgumentError, match="no role model"):
        ds.create_role(name="admin")
    with pytest.raises(NotImplementedError):
        ds.find_webauthn(b"id")


def test_users_are_found_by_key_and_id(ds: DatastoreUserDatastore) -> None:
    user = ds.create_user(email="ada@example.org")
    role = ds.create_role(name="admin")
    for identifier in (user.key, user.id, str(user.id), "ADA@example.org"):
        assert ds.get_user(identifier).email == "ada@example.org"
    for identifier in (role.key, role.id, 0, -1, 2**70, "nobody", 1.5, True):
        assert ds.get_user(identifier) is None


def test_users_are_queried_as_those_of_flask_sqlalchemy(tmp_path: Path) -> None:
    app = Flask(__name__)
    db = Kindstore(app, url=str(tmp_path / "accounts.db"))
    users = DatastoreUserDatastore(db, User, Role)
    with app.app_context():
        for name, active in (("ada", True), ("grace", False)):
            users.create_user(email=f"{name}@example.org", password="x", active=active)
        assert len(users.user_model.query.all()) == 2
        idle = User.query.filter(User.active == False).all()  # noqa: E712
        assert [user.email for user in idle] == ["grace@example.org"]
