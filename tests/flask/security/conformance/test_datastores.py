"""What a user datastore promises, of every database: Flask-Security's methods, and those of the page of documents."""

from datetime import datetime, timedelta
from typing import Any

import flask_security
import pytest

from kindstore.flask.security import Datastore, UserDatastore
from kindstore.values.errors import BadArgumentError
from tests.flask.security.conformance.backends import Backend

SOON = datetime(2030, 1, 2, 3, 4, 5)
LONG_AGO = datetime(2001, 1, 2, 3, 4, 5)


@pytest.fixture
def ds(backend: Backend) -> Any:
    return backend.datastore


def ada(ds: Any, **more: Any) -> Any:
    user = ds.create_user(
        **{"email": "Ada@example.org", "username": "Countess", "password": "secret", "security_number": 1815}
        | more
    )
    ds.commit()
    return user


def passkey(ds: Any, user: Any, credential_id: bytes = b"\x00id\xff", **more: Any) -> Any:
    ds.create_webauthn(
        user,
        **{
            "credential_id": credential_id,
            "public_key": b"key\x00",
            "name": "phone",
            "sign_count": 3,
            "usage": "first",
            "device_type": "multi_device",
            "backup_state": True,
            "transports": ["usb", "nfc"],
            "extensions": '{"a": 1}',
        }
        | more,
    )
    ds.commit()
    return ds.find_webauthn(credential_id)


# The classes


def test_it_is_a_datastore_of_the_page_and_one_of_flask_security(ds: Any) -> None:
    bases: list[type[Any]] = [Datastore, UserDatastore, flask_security.UserDatastore]
    assert all(isinstance(ds, base) for base in bases)
    assert ds.db is not None


def test_put_gives_the_object(ds: Any) -> None:
    user = ada(ds)
    assert ds.put(user) is user


def test_delete_gives_the_object(ds: Any) -> None:
    role = ds.create_role(name="editor")
    ds.commit()
    assert ds.delete(role) is role
    ds.commit()
    assert ds.find_role("editor") is None


# Users


def test_a_new_user_is_active_and_has_its_identities(backend: Backend, ds: Any) -> None:
    user = backend.again(ada(ds))
    assert (user.email, user.username, user.password) == ("Ada@example.org", "Countess", "secret")
    assert user.active is True
    for name in ("fs_uniquifier", "fs_token_uniquifier", "fs_webauthn_user_handle"):
        assert len(getattr(user, name)) == 32


def test_a_user_can_be_made_inactive_and_with_roles(backend: Backend, ds: Any) -> None:
    editor = ds.create_role(name="editor")
    ds.create_role(name="author")
    ds.commit()
    user = backend.again(ada(ds, active=False, roles=[editor, "author"]))
    assert user.active is False
    assert sorted(role.name for role in user.roles) == ["author", "editor"]


def test_a_name_that_the_model_does_not_have_is_refused(ds: Any) -> None:
    with pytest.raises(Exception, match="shoe_size"):
        ds.create_user(email="a@example.org", password="x", shoe_size=46)


def test_get_user_finds_by_id_and_by_each_identity(ds: Any) -> None:
    user = ada(ds)
    for identifier in (user.id, str(user.id), "Ada@example.org", "Countess"):
        assert ds.get_user(identifier).email == user.email


def test_get_user_finds_addresses_and_names_in_any_spelling(ds: Any) -> None:
    user = ada(ds)
    assert ds.get_user("ADA@EXAMPLE.ORG").id == user.id
    assert ds.get_user("countess").id == user.id


@pytest.mark.parametrize(
    "identifier",
    [
        *[None, "", b"", True, 0, -1, 2**31, 2**63, 2**70, "nobody", "no@example.org", "12 monkeys", 1.5],
        *[[], {}, bytearray(b"x"), "\ud800", "a\0b", "x" * 3000],
    ],
)
def test_get_user_finds_nobody_for_what_names_nobody(ds: Any, identifier: Any) -> None:
    ada(ds)
    assert ds.get_user(identifier) is None


def test_get_user_tries_the_id_before_the_name(ds: Any) -> None:
    user = ada(ds)
    ds.create_user(email="b@example.org", password="x", username=str(user.id))
    ds.commit()
    assert ds.get_user(str(user.id)).id == user.id


@pytest.mark.parametrize(
    "criterion",
    [{"email": "Ada@example.org"}, {"username": "Countess"}, {"security_number": 1815}],
    ids=lambda criterion: next(iter(criterion)),
)
def test_find_user_by_one_attribute(ds: Any, criterion: dict[str, Any]) -> None:
    user = ada(ds)
    assert ds.find_user(**criterion).id == user.id


@pytest.mark.parametrize("case_insensitive", [False, True])
def test_a_question_of_mongodb_is_nobodys_address(backend: Backend, ds: Any, case_insensitive: bool) -> None:
    if "mongo" not in backend.name:
        pytest.skip("a value is a value there")
    ada(ds)
    assert ds.find_user(case_insensitive, email={"$ne": None}) is None
    assert ds.get_user({"$ne": None}) is None
    assert ds.find_user(case_insensitive, security_number=1815).email == "Ada@example.org"


def test_find_user_by_uniquifier_which_is_what_a_session_holds(ds: Any) -> None:
    user = ada(ds)
    assert ds.find_user(fs_uniquifier=user.fs_uniquifier).id == user.id
    assert ds.find_user(fs_uniquifier="another") is None


def test_find_user_by_several_attributes_wants_all_of_them(ds: Any) -> None:
    user = ada(ds)
    ds.create_user(email="b@example.org", password="x", username="Bob")
    ds.commit()
    assert ds.find_user(email="Ada@example.org", username="Countess").id == user.id
    assert ds.find_user(username="Countess", email="b@example.org") is None
    assert ds.find_user(email="b@example.org", username="Countess") is None


def test_find_user_minds_the_spelling_unless_told_not_to(ds: Any) -> None:
    user = ada(ds)
    assert ds.find_user(email="ada@EXAMPLE.org") is None
    assert ds.find_user(case_insensitive=True, email="ada@EXAMPLE.org").id == user.id
    assert ds.find_user(case_insensitive=True, email="ada@EXAMPLE.com") is None


@pytest.mark.parametrize(
    "identifier", ["ada%", "_da@example.org", ".*", "Ada@example.org' or 1=1 --", "^ada"]
)
def test_a_pattern_is_a_text_like_any_other(ds: Any, identifier: str) -> None:
    ada(ds)
    assert ds.find_user(case_insensitive=True, email=identifier) is None
    assert ds.find_user(email=identifier) is None
    assert ds.get_user(identifier) is None


@pytest.mark.parametrize("nothing", [None, ""])
def test_nobody_is_called_nothing(ds: Any, nothing: Any) -> None:
    ds.create_user(email="b@example.org", password="x")
    ds.commit()
    assert ds.find_user(case_insensitive=True, username=nothing) is None


def test_find_user_without_or_with_ambiguous_criteria_is_refused(ds: Any) -> None:
    with pytest.raises(BadArgumentError, match="attribute"):
        ds.find_user()
    with pytest.raises(BadArgumentError, match="one attribute"):
        ds.find_user(case_insensitive=True, email="a@example.org", username="a")


def test_two_users_may_have_no_user_name(ds: Any) -> None:
    for email in ("a@example.org", "b@example.org"):
        ds.create_user(email=email, password="x")
    ds.commit()
    assert {user.email for user in ds.users()} == {"a@example.org", "b@example.org"}


def test_users_are_all_users_in_any_number_of_pages(ds: Any) -> None:
    for number in range(5):
        ds.create_user(email=f"{number}@example.org", password="x")
    ds.commit()
    found = list(ds.users())
    assert sorted(user.email for user in found) == [f"{number}@example.org" for number in range(5)]
    assert [user.id for user in found] == sorted(user.id for user in found)
    pages = [[user.email for user in page] for page in ds.user_pages(2)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [email for page in pages for email in page] == [user.email for user in found]
    assert ds.count_users() == 5


def test_roles_are_all_roles(ds: Any) -> None:
    for name in ("a", "b"):
        ds.create_role(name=name)
    ds.commit()
    assert sorted(role.name for role in ds.roles()) == ["a", "b"]


def test_delete_user_tells_whether_there_was_one(ds: Any) -> None:
    user = ada(ds)
    assert ds.delete_user(user) is True
    ds.commit()
    assert ds.find_user(email="Ada@example.org") is None
    assert ds.delete_user(user) is False
    assert ds.delete_user(None) is False


def test_delete_user_takes_the_credentials_and_leaves_the_roles(ds: Any) -> None:
    ds.create_role(name="editor")
    user = ada(ds, roles=["editor"])
    passkey(ds, user)
    tracker = ds.create_refresh_tracker(user, "phone", SOON)
    ds.commit()
    family = tracker.refresh_family
    ds.delete_user(user)
    ds.commit()
    assert ds.find_webauthn(b"\x00id\xff") is None
    assert ds.find_refresh_tracker(family) is None
    assert ds.find_role("editor") is not None


def test_activate_and_deactivate_tell_whether_they_changed_something(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    assert ds.activate_user(user) is False
    assert ds.deactivate_user(user) is True
    user = backend.again(user)
    assert user.active is False
    assert ds.deactivate_user(user) is False
    assert ds.activate_user(user) is True
    assert backend.again(user).active is True


def test_toggle_active(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    assert ds.toggle_active(user) is True
    user = backend.again(user)
    assert user.active is False
    assert ds.toggle_active(user) is True
    assert backend.again(user).active is True


# Roles


def test_roles_are_made_and_found_by_name_and_by_themselves(backend: Backend, ds: Any) -> None:
    role = ds.create_role(name="editor", description="may edit", permissions=["read", "write"])
    ds.commit()
    found = ds.find_role("editor")
    assert (found.name, found.description) == ("editor", "may edit")
    assert found.get_permissions() == {"read", "write"}
    assert ds.find_role(role).name == "editor"
    assert ds.find_role("nothing") is None


@pytest.mark.parametrize(
    "permissions", [["a", "b"], ("a", "b"), {"a", "b"}, "a, b"], ids=["list", "tuple", "set", "text"]
)
def test_permissions_come_in_any_collection(ds: Any, permissions: Any) -> None:
    ds.create_role(name="editor", permissions=permissions)
    ds.commit()
    assert ds.find_role("editor").get_permissions() == {"a", "b"}


def test_find_or_create_role(ds: Any) -> None:
    first = ds.find_or_create_role("editor", description="one")
    ds.commit()
    second = ds.find_or_create_role("editor", description="two")
    assert (first.id, first.description) == (second.id, second.description)


def test_find_roles(ds: Any) -> None:
    for name in ("a", "b", "c"):
        ds.create_role(name=name)
    ds.commit()
    assert sorted(role.name for role in ds.find_roles(["a", "c", "nothing"])) == ["a", "c"]
    assert ds.find_roles([]) == []


def test_roles_are_added_and_removed_by_name_and_by_themselves(backend: Backend, ds: Any) -> None:
    role = ds.create_role(name="editor")
    user = ada(ds)
    assert ds.add_role_to_user(user, "editor") is True
    assert ds.add_role_to_user(user, role) is False
    user = backend.again(user)
    assert [each.name for each in user.roles] == ["editor"]
    assert ds.remove_role_from_user(user, ds.find_role("editor")) is True
    assert ds.remove_role_from_user(user, "editor") is False
    assert list(backend.again(user).roles) == []


def test_a_role_that_there_is_not_can_be_neither_added_nor_removed(ds: Any) -> None:
    user = ada(ds)
    with pytest.raises(ValueError, match="nothing"):
        ds.add_role_to_user(user, "nothing")
    assert ds.remove_role_from_user(user, "nothing") is False


def test_nobody_is_made_with_a_role_that_there_is_not(ds: Any) -> None:
    with pytest.raises(ValueError, match="nothing"):
        ada(ds, roles=["nothing"])
    assert ds.find_user(email="Ada@example.org") is None


def test_permissions_of_a_role_are_added_and_removed(backend: Backend, ds: Any) -> None:
    ds.create_role(name="editor", permissions="read")
    assert ds.add_permissions_to_role("editor", {"write"}) is True
    assert ds.add_permissions_to_role("editor", "delete, read") is True
    ds.commit()
    backend.forget()
    assert ds.find_role("editor").get_permissions() == {"read", "write", "delete"}
    assert ds.remove_permissions_from_role(ds.find_role("editor"), ["read", "delete"]) is True
    ds.commit()
    backend.forget()
    assert ds.find_role("editor").get_permissions() == {"write"}
    assert ds.add_permissions_to_role("nothing", "x") is False
    assert ds.remove_permissions_from_role("nothing", "x") is False


def test_a_user_has_the_roles_and_permissions_that_it_was_given(backend: Backend, ds: Any) -> None:
    ds.create_role(name="editor", permissions=["write"])
    user = backend.again(ada(ds, roles=["editor"]))
    assert user.has_role("editor")
    assert user.has_role(ds.find_role("editor"))
    assert not user.has_role("admin")
    assert user.has_permission("write")
    assert not user.has_permission("read")


HIERARCHY = {"admin": ["moderator", "user"], "moderator": ["author"]}


def test_a_role_implies_those_below_it(backend: Backend, ds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backend.app.config, "SECURITY_ROLE_HIERARCHY", HIERARCHY)
    for name in ("admin", "moderator", "author"):  # `user` is in the hierarchy alone
        ds.create_role(name=name, permissions=[f"may-{name}"])
    user = backend.again(ada(ds, roles=["admin"]))
    assert [name for name in ("admin", "moderator", "author", "user", "other") if user.has_role(name)] == [
        "admin",
        "moderator",
        "author",
        "user",
    ]
    assert user.has_role(ds.find_role("author"))
    assert user.has_permission("may-author")
    assert not user.has_permission("may-other")
    assert [role.name for role in user.roles] == ["admin"], "what is stored stays what it was"


# Identity


def test_uniquifiers_can_be_set_and_renewed(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    ds.set_uniquifier(user, "one")
    ds.set_token_uniquifier(user, "two")
    ds.set_webauthn_user_handle(user, "three")
    user = backend.again(user)
    assert (user.fs_uniquifier, user.fs_token_uniquifier, user.fs_webauthn_user_handle) == (
        "one",
        "two",
        "three",
    )
    assert ds.get_token_uniquifier_name() == "fs_token_uniquifier"
    ds.set_uniquifier(user)
    ds.set_token_uniquifier(user)
    ds.set_webauthn_user_handle(user)
    user = backend.again(user)
    renewed = (user.fs_uniquifier, user.fs_token_uniquifier, user.fs_webauthn_user_handle)
    assert [len(each) for each in renewed] == [32, 32, 32]


def test_a_user_without_uniquifier_gets_one_when_it_is_found(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    user.fs_uniquifier = None
    ds.put(user)
    ds.commit()
    backend.forget()
    found = ds.find_user(email="Ada@example.org")
    assert len(found.fs_uniquifier) == 32
    value = found.fs_uniquifier
    assert backend.again(found).fs_uniquifier == value


def test_all_users_without_uniquifier_get_one_at_once(backend: Backend, ds: Any) -> None:
    for number in range(3):
        user = ds.create_user(email=f"{number}@example.org", password="x")
        ds.commit()
        if number:
            user.fs_uniquifier = None
            ds.put(user)
    ds.commit()
    backend.forget()
    assert ds.fill_uniquifiers() == 2
    backend.forget()
    assert len({user.fs_uniquifier for user in ds.users()}) == 3
    assert ds.fill_uniquifiers() == 0


def test_reset_user_access_leaves_the_password_alone(backend: Backend, ds: Any) -> None:
    user = ada(ds, fs_uniquifier="before", fs_token_uniquifier="before")
    passkey(ds, user)
    ds.create_refresh_tracker(user, "phone", SOON)
    ds.tf_set(user, "authenticator", totp_secret="s")
    ds.us_set(user, "email", totp_secret="s")
    ds.mf_set_recovery_codes(user, ["a", "b"])
    user = backend.again(user)
    ds.reset_user_access(user)
    user = backend.again(user)
    assert user.password == "secret"
    assert "before" not in {user.fs_uniquifier, user.fs_token_uniquifier}
    assert not any((user.tf_primary_method, user.tf_totp_secret))
    assert ds.us_get_totp_secrets(user) == {}
    assert ds.mf_get_recovery_codes(user) == []
    assert list(user.webauthn) == []
    assert all(tracker.revoked_at is not None for tracker in user.refresh_trackers)


# Two factors, unified sign-in


def test_two_factors_are_set_and_reset(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    ds.tf_set(user, "sms", totp_secret="first", phone="+15551234567")
    user = backend.again(user)
    assert (user.tf_primary_method, user.tf_totp_secret, user.tf_phone_number) == (
        "sms",
        "first",
        "+15551234567",
    )
    ds.tf_set(user, "authenticator")
    user = backend.again(user)
    assert (user.tf_primary_method, user.tf_totp_secret) == ("authenticator", "first")
    ds.tf_reset(user)
    user = backend.again(user)
    assert not user.tf_primary_method
    assert not user.tf_totp_secret
    assert not user.tf_phone_number


def test_recovery_codes_are_used_up(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    assert ds.mf_get_recovery_codes(user) == []
    assert ds.mf_delete_recovery_code(user, 0) is False
    ds.mf_set_recovery_codes(user, ["a", "b", "c"])
    user = backend.again(user)
    assert list(ds.mf_get_recovery_codes(user)) == ["a", "b", "c"]
    assert ds.mf_delete_recovery_code(user, 1) is True
    user = backend.again(user)
    assert list(ds.mf_get_recovery_codes(user)) == ["a", "c"]
    assert ds.mf_delete_recovery_code(user, 9) is False
    ds.mf_set_recovery_codes(user, None)
    assert list(ds.mf_get_recovery_codes(backend.again(user))) == []


def test_secrets_of_unified_sign_in(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    assert ds.us_get_totp_secrets(user) == {}
    ds.us_set(user, "sms", totp_secret="one", phone="+15551234567")
    ds.us_set(user, "email", totp_secret="two")
    user = backend.again(user)
    assert ds.us_get_totp_secrets(user) == {"sms": "one", "email": "two"}
    assert user.us_phone_number == "+15551234567"
    assert ds.find_user(us_phone_number="+15551234567").id == user.id
    ds.us_reset(user, "sms")
    user = backend.again(user)
    assert ds.us_get_totp_secrets(user) == {"email": "two"}
    assert not user.us_phone_number
    ds.us_reset(user)
    assert ds.us_get_totp_secrets(backend.again(user)) == {}


def test_unified_sign_in_by_mail_is_set_up(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    assert ds.us_setup_email(user) is True
    assert set(ds.us_get_totp_secrets(backend.again(user))) == {"email"}


# Passkeys


def test_a_passkey_keeps_what_it_was_registered_with(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    passkey(ds, user)
    backend.forget()
    found = ds.find_webauthn(b"\x00id\xff")
    assert bytes(found.credential_id) == b"\x00id\xff"
    assert bytes(found.public_key) == b"key\x00"
    assert (found.name, found.sign_count, found.usage) == ("phone", 3, "first")
    assert (found.device_type, found.backup_state) == ("multi_device", True)
    assert list(found.transports) == ["usb", "nfc"]
    assert found.extensions == '{"a": 1}'
    assert isinstance(found.lastuse_datetime, datetime)
    assert found.lastuse_datetime.tzinfo is None
    assert ds.find_webauthn(b"other") is None


def test_a_passkey_leads_to_its_user_and_the_user_to_its_passkeys(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    passkey(ds, user)
    user = backend.again(user)
    passkey(ds, user, b"second", transports=None, extensions=None)
    assert len(user.webauthn) == 2, "the same instance knows the new one"
    assert ds.find_user_from_webauthn(ds.find_webauthn(b"second")).id == user.id
    assert {bytes(each.credential_id) for each in backend.again(user).webauthn} == {b"\x00id\xff", b"second"}


def test_a_passkey_is_deleted(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    passkey(ds, user)
    found = passkey(ds, user, b"second")
    ds.delete_webauthn(found)
    user = backend.again(user)
    assert [bytes(each.credential_id) for each in user.webauthn] == [b"\x00id\xff"]
    ds.webauthn_reset(user)
    assert list(backend.again(user).webauthn) == []


def test_a_used_passkey_is_saved(backend: Backend, ds: Any) -> None:
    found = passkey(ds, ada(ds))
    found.sign_count = 4
    found.lastuse_datetime = SOON
    ds.put(found)
    ds.commit()
    backend.forget()
    found = ds.find_webauthn(b"\x00id\xff")
    assert (found.sign_count, found.lastuse_datetime) == (4, SOON)


# Refresh tokens


def test_a_refresh_tracker_counts_its_generations(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    tracker = ds.create_refresh_tracker(user, "phone", SOON)
    ds.commit()
    family = tracker.refresh_family
    assert len(family) == 32
    backend.forget()
    tracker = ds.find_refresh_tracker(family)
    assert (tracker.name, tracker.gen, tracker.expires_at, tracker.revoked_at) == ("phone", 1, SOON, None)
    ds.exchange_refresh_tracker(tracker)
    ds.commit()
    backend.forget()
    tracker = ds.find_refresh_tracker(family)
    assert (tracker.gen, tracker.expires_at) == (2, SOON)
    ds.revoke_refresh_tracker(tracker)
    ds.commit()
    backend.forget()
    assert ds.find_refresh_tracker(family).revoked_at is not None
    assert ds.find_refresh_tracker("another") is None


def test_expired_and_revoked_trackers_are_cleaned_up(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    ds.create_refresh_tracker(user, "good", SOON)
    ds.create_refresh_tracker(user, "expired", LONG_AGO)
    ds.revoke_refresh_tracker(ds.create_refresh_tracker(user, "revoked", SOON))
    ds.revoke_refresh_tracker(ds.create_refresh_tracker(user, "both", LONG_AGO))
    user = backend.again(user)
    ds.cleanup_refresh_trackers(user)
    user = backend.again(user)
    assert sorted(each.name for each in user.refresh_trackers) == ["good", "revoked"]
    ds.cleanup_refresh_trackers(user, revoked=True)
    user = backend.again(user)
    assert [each.name for each in user.refresh_trackers] == ["good"]


def test_all_trackers_of_a_user_are_revoked(backend: Backend, ds: Any) -> None:
    user = ada(ds)
    ds.create_refresh_tracker(user, "one", SOON + timedelta(days=1))
    ds.create_refresh_tracker(user, "two", SOON)
    user = backend.again(user)
    ds.refresh_tracker_reset(user)
    assert all(each.revoked_at is not None for each in backend.again(user).refresh_trackers)


# Queries in the words of the page


def test_every_model_has_a_query(ds: Any) -> None:
    for number in range(3):
        ds.create_user(email=f"{number}@example.org", password="x", active=number != 1)
    ds.commit()
    query = ds.user_model.query
    assert [user.email for user in query.order_by("email").all()] == [
        "0@example.org",
        "1@example.org",
        "2@example.org",
    ]
    assert query.filter_by(active=False).first().email == "1@example.org"
    assert query.filter_by(active=True).count() == 2
    assert [user.email for user in query.order_by("email").offset(1).limit(1).all()] == ["1@example.org"]
    assert query.filter_by(email="nobody").first() is None
