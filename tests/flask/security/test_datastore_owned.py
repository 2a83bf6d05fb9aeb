"""Passkeys and refresh tokens: lists of their user, which go with it."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any, cast

import pytest
from flask import current_app

from kindstore import ndb
from kindstore.flask.security import DatastoreUserDatastore, RefreshTracker, User, WebAuthn, datastore, owned
from kindstore.ndb.unique import check
from kindstore.values.errors import NotFoundError

LATER = dt.datetime(2126, 1, 1)


def create_passkey(ds: DatastoreUserDatastore, user: Any, name: str) -> Any:
    ds.create_webauthn(
        user, name.encode(), b"public", name, 0, "secondary", "single_device", False, ["usb", "nfc"], "{}"
    )
    return ds.find_webauthn(name.encode())


@pytest.fixture
def ada(ds: DatastoreUserDatastore) -> Any:
    user = ds.create_user(email="ada@example.org")
    for name in ("phone", "laptop"):
        create_passkey(ds, user, name)
        ds.create_refresh_tracker(user, name, LATER)
    return user


def test_lists_are_true_on_the_object_that_made_them(ds: DatastoreUserDatastore, ada: Any) -> None:
    assert [each.name for each in ada.webauthn] == ["phone", "laptop"]
    assert [each.name for each in ada.refresh_trackers] == ["phone", "laptop"]
    ds.delete_webauthn(ada.webauthn[0])
    assert [each.name for each in ada.webauthn] == ["laptop"]
    ds.webauthn_reset(ada)
    assert len(ada.webauthn) == 0
    assert len(ada.refresh_trackers) == 2


def test_a_user_is_put_before_its_first_passkey(ds: DatastoreUserDatastore) -> None:
    passkey = create_passkey(ds, User(email="bob@example.org"), "phone")
    owner: Any = ds.find_user_from_webauthn(passkey)
    assert owner.email == "bob@example.org"


def test_lists_are_those_that_are_stored(ds: DatastoreUserDatastore, ada: Any) -> None:
    found = ds.find_user(email="ada@example.org")
    assert [each.name for each in found.webauthn] == ["phone", "laptop"]
    assert {each.user_id for each in found.refresh_trackers} == {ada.id}
    owner: Any = ds.find_user_from_webauthn(found.webauthn[1])
    assert owner.email == "ada@example.org"
    assert User(email="new@example.org").webauthn == []


def test_passkey_keeps_what_it_was_made_of(ds: DatastoreUserDatastore, ada: Any) -> None:
    found = ds.find_webauthn(b"phone")
    assert (found.credential_id, found.public_key, found.sign_count) == (b"phone", b"public", 0)
    assert (found.transports, found.extensions, found.backup_state) == (["usb", "nfc"], "{}", False)
    found.sign_count = 7
    ds.put(found)
    assert ds.find_webauthn(b"phone").sign_count == 7
    assert found.user_id == ada.id


def test_deletion_in_a_request_shows_on_its_user(
    ds: DatastoreUserDatastore, ada: Any, client: ndb.Client
) -> None:
    with client.context():
        user = ds.find_user(email="ada@example.org")
        assert len(user.webauthn) == 2
        ds.delete_webauthn(ds.find_webauthn(b"phone"))
        assert [each.name for each in user.webauthn] == ["laptop"]
        create_passkey(ds, user, "tablet")
        ds.delete_webauthn(ds.find_webauthn(b"tablet"))
        assert [each.name for each in user.webauthn] == ["laptop"]
    assert len(ada.webauthn) == 2
    ds.reload(ada)
    assert [each.name for each in ada.webauthn] == ["laptop"]


def test_deleting_a_user_leaves_nothing(ds: DatastoreUserDatastore, ada: Any, client: ndb.Client) -> None:
    class AnotherUser(ndb.Model):  # pyright: ignore[reportUnusedClass]
        """Somebody else's class of the same kind, which knows of nothing unique."""

        @classmethod
        def _get_kind(cls) -> str:
            return "User"

    assert ndb.Model._kind_map["User"] is AnotherUser
    ds.create_role(name="admin")
    ds.add_role_to_user(ada, "admin")
    ds.delete_user(ada)
    with client.context():
        assert [model.query().count() for model in (User, WebAuthn, RefreshTracker)] == [0, 0, 0]
        reports = [report for model in (User, WebAuthn, RefreshTracker) for report in check(model).values()]
        assert all(report.ok and not report.stale for report in reports)
    again = ds.create_user(email="ada@example.org")
    assert create_passkey(ds, again, "phone").user_id == again.id


def test_no_passkey_for_a_user_who_is_being_deleted(
    ds: DatastoreUserDatastore, ada: Any, monkeypatch: pytest.MonkeyPatch, client: ndb.Client
) -> None:
    """The deletion has read what there is; a passkey comes before it commits, so it begins again."""
    keys_below = owned.keys_below
    rivals = iter(["tablet"])

    app = cast("Any", current_app)._get_current_object()

    def add(name: str) -> None:
        with app.app_context():
            create_passkey(ds, ds.find_user(email="ada@example.org"), name)

    def slow(user: Any) -> Any:
        keys = keys_below(user)
        name = next(rivals, None)
        if name is not None:
            rival = threading.Thread(target=add, args=(name,))
            rival.start()
            rival.join()
        return keys

    monkeypatch.setattr(datastore, "keys_below", slow)
    left = ds.find_user(email="ada@example.org")
    assert len(left.webauthn) == 2
    ds.delete_user(ada)
    with pytest.raises(NotFoundError):
        create_passkey(ds, left, "watch")
    assert len(left.webauthn) == 2
    with client.context():
        assert WebAuthn.query().count() == 0


def test_refresh_tokens_go_round(ds: DatastoreUserDatastore, ada: Any) -> None:
    tracker = ada.refresh_trackers[0]
    ds.exchange_refresh_tracker(tracker)
    assert ds.find_refresh_tracker(tracker.refresh_family).gen == 2
    ds.revoke_refresh_tracker(tracker)
    assert ds.find_refresh_tracker(tracker.refresh_family).revoked_at is not None
    ds.cleanup_refresh_trackers(ada, expired=True, revoked=True)
    assert [each.name for each in ada.refresh_trackers] == ["laptop"]
    ds.refresh_tracker_reset(ada)
    assert all(each.revoked_at for each in ds.find_user(email="ada@example.org").refresh_trackers)


def test_one_generation_for_each_exchange(ds: DatastoreUserDatastore, ada: Any) -> None:
    family = ada.refresh_trackers[0].refresh_family
    one, other = ds.find_refresh_tracker(family), ds.find_refresh_tracker(family)
    ds.exchange_refresh_tracker(one)
    ds.exchange_refresh_tracker(other)
    assert (one.gen, other.gen, ds.find_refresh_tracker(family).gen) == (2, 3, 3)


def test_access_is_reset_in_every_way(ds: DatastoreUserDatastore, ada: Any) -> None:
    ds.tf_set(ada, "sms", "secret", "+1555")
    ds.us_set(ada, "sms", "secret", "+1555")
    ds.mf_set_recovery_codes(ada, ["a"])
    before = ada.fs_uniquifier
    ds.reset_user_access(ada)
    found = ds.find_user(email="ada@example.org")
    assert found.fs_uniquifier != before
    assert (found.tf_primary_method, found.us_totp_secrets, found.mf_recovery_codes) == (None, None, [])
    assert (found.webauthn, len(found.refresh_trackers)) == ([], 2)


def test_recovery_code_is_good_once(ds: DatastoreUserDatastore, ada: Any) -> None:
    ds.mf_set_recovery_codes(ada, ["a", "b"])
    one, other = ds.find_user(email="ada@example.org"), ds.find_user(email="ada@example.org")
    assert ds.mf_delete_recovery_code(one, 0) is True
    assert ds.mf_delete_recovery_code(other, 0) is False
    assert other.mf_recovery_codes == ["b"]
    assert ds.mf_delete_recovery_code(other, 3) is False
    assert ds.find_user(email="ada@example.org").mf_recovery_codes == ["b"]


def test_account_can_be_made_in_one_transaction(ds: DatastoreUserDatastore, client: ndb.Client) -> None:
    ds.create_role(name="admin")

    def make() -> None:
        user = ds.create_user(email="bob@example.org", roles=["admin"])
        create_passkey(ds, user, "phone")
        user.username = "bob"
        ds.put(user)

    with client.context():
        ndb.transaction(make)
    found = ds.find_user(username="bob")
    assert ([each.name for each in found.webauthn], found.has_role("admin")) == (["phone"], True)
