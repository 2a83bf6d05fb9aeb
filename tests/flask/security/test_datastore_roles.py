"""Roles: read with their users, and true in every one of them when a change returns."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from kindstore import connect, ndb
from kindstore.flask.security import (
    DatastoreUserDatastore,
    FsRoleMixin,
    FsUserMixin,
    Role,
    User,
    WebAuthn,
    role_copies,
)
from kindstore.testing import Calls, Recorder
from kindstore.values.errors import BadValueError, NotFoundError, TooLargeError


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(role_copies, "BATCH", 2)


def user(ds: DatastoreUserDatastore, name: str) -> Any:
    return ds.find_user(email=f"{name}@example.org")


def staffed(ds: DatastoreUserDatastore, *names: str) -> Any:
    """A role that users of these names have."""
    role = ds.create_role(name="editor", permissions="read, write")
    for name in names:
        ds.create_user(email=f"{name}@example.org", roles=["editor"])
    return role


def test_one_read_gives_a_user_and_its_permissions(ds: DatastoreUserDatastore, recorder: Recorder) -> None:
    staffed(ds, "ada")
    calls = Calls()
    with recorder.telling(calls):
        found = user(ds, "ada")
        assert found.has_role("editor")
        assert found.has_permission("write")
        assert isinstance(found.roles[0], Role)
    assert [each.call.verb for each in calls] == ["run_query"]


def test_change_of_a_role_is_one_of_all_its_users(ds: DatastoreUserDatastore) -> None:
    staffed(ds, *"abcde")
    ds.create_user(email="x@example.org")
    ds.add_permissions_to_role("editor", "print")
    assert [user(ds, name).has_permission("print") for name in "abcde"] == [True] * 5
    ds.remove_permissions_from_role("editor", ["write"])
    assert [user(ds, name).has_permission("write") for name in "abcdex"] == [False] * 6
    assert ds.find_role("editor").copies_behind is None


def test_renamed_role_is_renamed_in_its_users(ds: DatastoreUserDatastore) -> None:
    role = staffed(ds, *"abc")
    role.name = "author"
    ds.put(role)
    assert [user(ds, name).has_role("author") for name in "abc"] == [True] * 3
    assert ds.find_role("editor") is None


def test_deleted_role_is_taken_from_its_users(ds: DatastoreUserDatastore) -> None:
    role = staffed(ds, *"abc")
    ds.delete(role)
    assert ds.find_role("editor") is None
    assert [user(ds, name).roles for name in "abc"] == [[], [], []]
    assert ds.create_role(name="editor").id != role.id


def test_copies_are_of_the_role_as_it_is_stored(ds: DatastoreUserDatastore) -> None:
    staffed(ds, "a")
    ds.add_permissions_to_role("editor", "print")
    stored, [copy] = ds.find_role("editor"), user(ds, "a").roles
    assert (copy.key, copy.to_dict()) == (stored.key, stored.to_dict())


def test_change_of_a_role_is_no_change_of_its_users(ds: DatastoreUserDatastore) -> None:
    staffed(ds, "a")
    before = user(ds, "a").update_datetime
    ds.add_permissions_to_role("editor", "print")
    assert user(ds, "a").update_datetime == before


def test_role_can_be_changed_through_the_copy_that_a_user_has(ds: DatastoreUserDatastore) -> None:
    staffed(ds, "a", "b")
    [copy] = user(ds, "a").roles
    ds.add_permissions_to_role(copy, "print")
    assert user(ds, "b").has_permission("print")
    assert ds.find_role("editor").get_permissions() == {"read", "write", "print"}


def test_put_of_a_user_brings_no_old_role_back(ds: DatastoreUserDatastore) -> None:
    staffed(ds, "a")
    held = user(ds, "a")
    assert held.has_permission("write")
    ds.remove_permissions_from_role("editor", "write")
    held.username = "ada"
    ds.put(held)
    assert not user(ds, "a").has_permission("write")
    assert not held.has_permission("write")


def test_role_that_is_added_is_read_first(ds: DatastoreUserDatastore) -> None:
    old = staffed(ds, "a")
    ds.create_user(email="b@example.org")
    ds.remove_permissions_from_role("editor", "write")
    ds.add_role_to_user(user(ds, "b"), old)
    assert not user(ds, "b").has_permission("write")
    ds.delete(ds.find_role("editor"))
    ds.create_user(email="c@example.org")
    with pytest.raises(NotFoundError):
        ds.add_role_to_user(user(ds, "c"), old)
    assert user(ds, "c").roles == []


def test_role_that_was_not_put_is_refused(ds: DatastoreUserDatastore) -> None:
    found = ds.create_user(email="a@example.org")
    with pytest.raises(BadValueError, match="before a user can have it"):
        ds.add_role_to_user(found, Role(name="admin"))
    with pytest.raises(ValueError, match="doesn't exist"):
        ds.add_role_to_user(user(ds, "a"), "admin")


class Stopped(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("by", ["find_role", "put", "another process"])
@pytest.mark.parametrize("change", ["permission", "deletion"])
def test_change_that_was_stopped_midway_is_finished_by_who_comes_next(
    ds: DatastoreUserDatastore, monkeypatch: pytest.MonkeyPatch, by: str, change: str
) -> None:
    role = staffed(ds, *"abcde")
    renew, times = role_copies._renew, iter([True])

    def stopping(*args: Any) -> None:
        if next(times, None) is None:
            raise Stopped
        renew(*args)

    with monkeypatch.context() as patch:
        patch.setattr(role_copies, "_renew", stopping)
        work: Callable[[], object] = partial(ds.delete, role)
        if change == "permission":
            work = partial(ds.remove_permissions_from_role, "editor", "write")
        with pytest.raises(Stopped):
            work()
    assert sum(user(ds, name).has_permission("write") for name in "abcde") == 3
    match by:
        case "find_role":
            assert (ds.find_role("editor") is None) is (change == "deletion")
        case "put":
            if change == "deletion":
                with pytest.raises(NotFoundError):
                    ds.put(role)
                ds.find_role("editor")
            else:
                ds.add_permissions_to_role(user(ds, "a").roles[0], "print")
        case _:
            another = DatastoreUserDatastore(ds.db, User, Role, ds.webauthn_model, ds.refresh_tracker_model)
            another.put(user(ds, "e"))
    assert [user(ds, name).has_permission("write") for name in "abcde"] == [False] * 5
    found = ds.find_role("editor")
    assert found is None if change == "deletion" else found.copies_behind is None


def test_the_first_put_in_each_database_and_namespace_finishes_what_was_begun(client: ndb.Client) -> None:
    ds = DatastoreUserDatastore(None, User, Role)
    with ndb.Client(url=":memory:") as other:
        for each, namespace in ((client, ""), (client, "tenant"), (other, "")):
            with each.context(namespace=namespace):
                role = Role(name="admin", copies_behind=1)
                role.put()
                ds.put(User(email="ada@example.org"))
                assert role.key is not None
                assert role.key.get(use_cache=False).copies_behind is None


def test_roles_and_credentials_are_of_any_number_under_the_law_of_entity_groups() -> None:
    store = connect(":memory:", concurrency="optimistic-with-entity-groups")
    with ndb.Client(store=store) as client:
        ds = DatastoreUserDatastore(client, User, Role, WebAuthn)
        ds.create_role(name="admin", permissions="read")
        users = [ds.create_user(email=f"{number}@example.org", roles=["admin"]) for number in range(8)]
        for number in range(25):
            with client.context():
                WebAuthn(
                    parent=users[0].key,
                    credential_id=bytes([number]),
                    public_key=b"key",
                    name="key",
                    usage="first",
                    device_type="single_device",
                    backup_state=False,
                    lastuse_datetime=dt.datetime(2026, 1, 1),
                ).put()
        ds.add_permissions_to_role("admin", "write")
        assert all(user.has_permission("write") for user in ds.users())
        assert ds.delete_user(users[0])
    store.close()


def test_a_role_too_large_for_its_users_is_in_nobody_elses_way(
    ds: DatastoreUserDatastore, client: ndb.Client, caplog: pytest.LogCaptureFixture
) -> None:
    large = "x" * 600_000
    ds.create_role(name="large", description=large)
    role = ds.create_role(name="growing")
    ds.create_user(email="ada@example.org", roles=["large", "growing"])
    role.description = large
    with pytest.raises(TooLargeError):
        ds.put(role)
    next_process = DatastoreUserDatastore(client, User, Role)
    next_process.create_user(email="bob@example.org")
    assert "'growing' is too large" in caplog.text
    found = next_process.find_role("growing")
    found.description = "less"
    next_process.put(found)
    [ada] = [each for each in ds.users() if each.roles]
    assert [each.description for each in ada.roles] == [large, "less"]
    assert ds.find_role("growing").copies_behind is None


def test_nobody_slips_through_while_a_role_changes(ds: DatastoreUserDatastore) -> None:
    staffed(ds, "a")
    for number in range(12):
        ds.create_user(email=f"{number}@example.org")
    failed: list[Exception] = []

    def hire(numbers: range) -> None:
        try:
            for number in numbers:
                ds.add_role_to_user(user(ds, str(number)), "editor")
        except Exception as error:  # noqa: BLE001 - shown below
            failed.append(error)

    def change() -> None:
        try:
            for number in range(8):
                ds.add_permissions_to_role("editor", f"p{number}")
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [
        threading.Thread(target=hire, args=(range(0, 12, 2),)),
        threading.Thread(target=hire, args=(range(1, 12, 2),)),
        threading.Thread(target=change),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    wanted = ds.find_role("editor").get_permissions()
    assert len(wanted) == 10
    assert [user(ds, str(number)).roles[0].get_permissions() for number in range(12)] == [wanted] * 12


def test_who_has_a_role_is_a_query(ds: DatastoreUserDatastore) -> None:
    role = staffed(ds, *"ab")
    ds.create_user(email="x@example.org")
    with ds.db.context():
        found = User.query(User.role_keys == role.key).order(User.email).fetch()
    assert [each.email for each in found] == ["a@example.org", "b@example.org"]


def test_each_datastore_has_its_own_classes(client: ndb.Client) -> None:
    """Applications and tests make classes of the same names: what is read is of those that the datastore was given."""

    def made() -> tuple[DatastoreUserDatastore, type[Any], type[Any]]:
        class Role(FsRoleMixin):
            pass

        class User(FsUserMixin):
            pass

        return DatastoreUserDatastore(client, User, Role), User, Role

    one, one_user, one_role = made()
    other, other_user, other_role = made()
    one.create_role(name="admin")
    one.create_user(email="a@example.org", roles=["admin"])
    for ds, user_model, role_model in ((one, one_user, one_role), (other, other_user, other_role)):
        found = user(ds, "a")
        found.username = "ada"
        ds.put(found)
        ds.add_permissions_to_role("admin", role_model.__name__)
        for each in (user(ds, "a"), ds.get_user(found.key), ds.get_user(found.id), *ds.users()):
            assert type(each) is user_model
            assert type(each.roles[0]) is role_model
