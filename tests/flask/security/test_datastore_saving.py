"""Two requests change one user at once: what both changed is there."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest

from kindstore import ndb
from kindstore.flask.security import DatastoreUserDatastore, Role, User, saving
from kindstore.flask.security.saving import merged_list
from kindstore.ndb.exceptions import UniqueViolationError
from kindstore.testing import Calls, Recorder
from kindstore.values.errors import ConflictError, NotFoundError


def read(ds: DatastoreUserDatastore, email: str = "ada@example.org") -> Any:
    return ds.find_user(email=email)


@pytest.fixture
def two(ds: DatastoreUserDatastore) -> tuple[Any, Any]:
    """One user, as two requests have read it."""
    ds.create_user(email="ada@example.org", username="ada", login_count=5, mf_recovery_codes=["a", "b", "c"])
    one, other = read(ds), read(ds)
    assert one is not other
    return one, other


def test_changes_of_different_properties_are_both_kept(
    ds: DatastoreUserDatastore, two: tuple[Any, Any]
) -> None:
    one, other = two
    one.username = "countess"
    other.last_login_ip = "::1"
    ds.put(one)
    ds.put(other)
    assert (read(ds).username, read(ds).last_login_ip) == ("countess", "::1")
    assert other.username == "countess"


def test_of_changes_of_one_property_the_later_put_counts(
    ds: DatastoreUserDatastore, two: tuple[Any, Any]
) -> None:
    one, other = two
    one.username = "countess"
    other.username = "lovelace"
    ds.put(other)
    ds.put(one)
    assert read(ds).username == "countess"
    ds.put(other)
    assert read(ds).username == "countess"


def test_what_is_taken_out_of_lists_stays_out(ds: DatastoreUserDatastore, two: tuple[Any, Any]) -> None:
    one, other = two
    one.mf_recovery_codes.pop(0)
    other.mf_recovery_codes.pop(1)
    other.mf_recovery_codes.append("d")
    ds.put(one)
    ds.put(other)
    assert read(ds).mf_recovery_codes == ["c", "d"]


@pytest.mark.parametrize(
    ("mine", "theirs", "merged"),
    [
        ([1, 1, 2, 1], [1, 1], [1, 1, 1]),  # one more 1; no 2
        ([1, 2], [1, 2], [1, 2]),  # the same 1 is taken out twice
        ([1, 1, 2, 3], [1, 1, 2, 3], [1, 1, 2, 3]),  # the same 3 is added twice
        ([], [1, 1, 2, 9], [9]),
    ],
)
def test_lists_may_have_an_item_twice(mine: list[int], theirs: list[int], merged: list[int]) -> None:
    assert merged_list([1, 1, 2], mine, theirs) == merged


def test_log_ins_are_counted(ds: DatastoreUserDatastore, two: tuple[Any, Any]) -> None:
    one, other = two
    one.login_count += 1
    other.login_count += 1
    ds.put(one)
    ds.put(other)
    assert (read(ds).login_count, other.login_count) == (7, 7)
    other.login_count += 1
    ds.put(other)
    assert read(ds).login_count == 8


def test_roles_are_added_and_removed_one_by_one(ds: DatastoreUserDatastore, two: tuple[Any, Any]) -> None:
    one, other = two
    for name in ("admin", "editor", "reader"):
        ds.create_role(name=name)
    ds.add_role_to_user(one, "reader")
    other = read(ds)
    ds.add_role_to_user(one, "admin")
    ds.add_role_to_user(other, "editor")
    ds.remove_role_from_user(one, "reader")
    assert sorted(role.name for role in read(ds).roles) == ["admin", "editor"]


def test_deleted_users_do_not_come_back(ds: DatastoreUserDatastore, two: tuple[Any, Any]) -> None:
    one, other = two
    ds.delete_user(one)
    other.username = "ghost"
    with pytest.raises(NotFoundError):
        ds.put(other)
    assert read(ds) is None
    assert other.username == "ghost"


def test_refused_put_leaves_the_object_as_it_was(ds: DatastoreUserDatastore, two: tuple[Any, Any]) -> None:
    one, other = two
    ds.create_user(email="bob@example.org", username="bob")
    other.last_login_ip = "::1"
    ds.put(other)
    one.username = "bob"
    with pytest.raises(UniqueViolationError):
        ds.put(one)
    assert (one.username, one.last_login_ip) == ("bob", None)
    one.username = "robert"
    ds.put(one)
    assert (read(ds).username, read(ds).last_login_ip) == ("robert", "::1")


def test_save_in_a_transaction_is_a_part_of_it(
    ds: DatastoreUserDatastore, two: tuple[Any, Any], client: ndb.Client
) -> None:
    one, other = two
    other.last_login_ip = "::1"
    ds.put(other)
    with client.context():

        def give_up() -> None:
            one.username = "countess"
            one.login_count = 6
            ds.put(one)
            raise LookupError

        with pytest.raises(LookupError):
            ndb.transaction(give_up)
        assert (read(ds).username, one.last_login_ip) == ("ada", None)

        def go_through() -> None:
            ds.put(one)
            one.tf_primary_method = "sms"
            ds.put(one)

        ndb.transaction(go_through)
    found = read(ds)
    assert (found.username, found.tf_primary_method, found.login_count) == ("countess", "sms", 6)
    assert found.last_login_ip == "::1"
    one.login_count += 1
    ds.put(one)
    assert read(ds).login_count == 7


def test_save_that_loses_a_race_is_done_again_on_what_was_read(
    ds: DatastoreUserDatastore, two: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = two
    merge = saving._merge_and_put
    names = iter(["first", "second"])

    def interrupted(entity: Any, mine: dict[str, Any]) -> None:
        merge(entity, mine)
        name = next(names, None)
        if name is not None:
            rival = threading.Thread(target=lambda: ds.put(renamed(name)))
            rival.start()
            rival.join()

    def renamed(name: str) -> Any:
        user = read(ds)
        user.username = name
        user.login_count += 1
        monkeypatch.setattr(saving, "_merge_and_put", merge)
        ds.put(user)
        monkeypatch.setattr(saving, "_merge_and_put", interrupted)
        return user

    monkeypatch.setattr(saving, "_merge_and_put", interrupted)
    one.login_count += 1
    ds.put(one)
    assert (read(ds).username, read(ds).login_count, one.username) == ("second", 8, "second")


def test_a_request_has_one_object_for_its_user(ds: DatastoreUserDatastore, client: ndb.Client) -> None:
    ds.create_user(email="ada@example.org")
    with client.context():
        user = read(ds)
        user.username = "countess"
        ds.put(user)
        assert read(ds) is user
        user.username = "lovelace"
        ds.put(user)
    assert read(ds).username == "lovelace"


def test_many_at_once_lose_nothing(ds: DatastoreUserDatastore, client: ndb.Client) -> None:
    ds.create_user(email="ada@example.org", login_count=0)
    failed: list[Exception] = []

    def work(number: int) -> None:
        try:
            for _ in range(10):
                with client.context():
                    user = read(ds)
                    user.login_count += 1
                    user.mf_recovery_codes.append(str(number))
                    setattr(
                        user,
                        ("last_login_ip", "current_login_ip", "tf_phone_number", "username")[number],
                        "x",
                    )
                    ds.put(user)
        except ConflictError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    user = read(ds)
    assert (user.login_count, sorted(set(user.mf_recovery_codes))) == (40, ["0", "1", "2", "3"])
    assert (user.last_login_ip, user.current_login_ip, user.tf_phone_number, user.username) == ("x",) * 4


def test_what_it_costs(ds: DatastoreUserDatastore, recorder: Recorder) -> None:
    """docs/accounts.md says so."""
    ds.create_role(name="admin")
    calls = Calls()
    with recorder.telling(calls):
        ds.create_user(email="ada@example.org", username="ada", us_phone_number="+1555")
    assert [each.call.verb for each in calls] == ["allocate_ids", "lookup", "commit"]
    calls.clear()
    with recorder.telling(calls):
        user = read(ds)
        user.login_count = 1
        ds.put(user)
    assert [each.call.verb for each in calls] == ["run_query", "lookup", "lookup", "commit"]
    ds.add_role_to_user(user, "admin")
    role = ds.find_role("admin")
    calls.clear()
    with recorder.telling(calls):
        role.description = "all of it"
        ds.put(role)
    kept = Counter(each.call.verb for each in calls)
    assert kept == {"lookup": 3 + 3 + 2, "commit": 3, "run_query": 1}


def test_structures_changed_in_place_are_noticed(client: ndb.Client) -> None:
    class Address(ndb.Model):
        town = ndb.StringProperty()

    class Resident(User):
        address = ndb.StructuredProperty(Address)
        notes = ndb.JsonProperty()

    ds = DatastoreUserDatastore(client, Resident, Role)
    ds.create_user(email="ada@example.org", address=Address(town="London"), notes={"a": [1]})
    one, other = read(ds), read(ds)
    one.address.town = "Ockham"
    one.notes["a"].append(2)
    other.username = "ada"
    ds.put(one)
    ds.put(other)
    found = read(ds)
    assert (found.address.town, found.notes, found.username) == ("Ockham", {"a": [1, 2]}, "ada")
