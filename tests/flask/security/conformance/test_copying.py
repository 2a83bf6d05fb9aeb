"""`copy_accounts`: from every database to every other, with a proof."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kindstore.flask.security.copying import Report, copy_accounts
from kindstore.values.errors import BadArgumentError
from tests.flask.security.conformance import backends
from tests.flask.security.conformance.backends import Backend
from tests.scale import scaled

SEVEN = [name for name in backends.NAMES if not name.endswith("-postgresql")]
SOON = datetime(2030, 1, 2, 3, 4, 5, 678_901)

MakeBackend = Callable[[str, str], Backend]


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory, postgresql: Callable[[], Path]) -> Iterator[MakeBackend]:
    """A backend of a name for a side; each is made once."""
    made: dict[tuple[str, str], Backend] = {}

    def get(name: str, side: str) -> Backend:
        if (name, side) not in made:
            directory = tmp_path_factory.mktemp(f"copy-{side}")
            made[name, side] = backends.backend(name, directory, postgresql, side)
        made[name, side].clear()
        return made[name, side]

    yield get
    for each in made.values():
        each.close()


def fill(backend: Backend, users: int = 3) -> None:
    with backend.app.app_context():
        ds = backend.datastore
        ds.create_role(name="admin", description="all", permissions=["write", "read"])
        ds.create_role(name="unused")
        for number in range(users):
            user = ds.create_user(
                email=f"User{number}@example.org",
                username=f"user{number}" if number % 2 else None,
                password=f"hash{number}",
                active=number != 1,
                roles=["admin"] if number == 0 else [],
                security_number=number,
                confirmed_at=SOON,
                login_count=number,
            )
            if number < 2:
                ds.tf_set(user, "authenticator", totp_secret="secret", phone="+15551234567")
                ds.us_set(user, "email", totp_secret="two")
                ds.mf_set_recovery_codes(user, ["a", "b"])
                ds.create_webauthn(
                    user,
                    b"\x00id%d" % number,
                    b"key\xff",
                    "phone",
                    7,
                    "first",
                    "single_device",
                    False,
                    ["usb"],
                )
                ds.create_refresh_tracker(user, "app", SOON)
                ds.revoke_refresh_tracker(ds.create_refresh_tracker(user, "old", SOON - timedelta(days=9)))
        ds.commit()


def copy(source: Backend, target: Backend, **more: Any) -> Report:
    return copy_accounts(
        source.datastore,
        target.datastore,
        attributes=["security_number"],
        source_context=source.app.app_context,
        target_context=target.app.app_context,
        **more,
    )


@pytest.mark.parametrize("target_name", SEVEN)
@pytest.mark.parametrize("source_name", SEVEN)
def test_accounts_are_copied_from_any_database_to_any_other(
    sides: MakeBackend, source_name: str, target_name: str
) -> None:
    source, target = sides(source_name, "source"), sides(target_name, "target")
    fill(source)
    report = copy(source, target)
    assert report.differences == []
    assert report.is_equal
    assert (report.created, report.roles_created) == (3, 2)
    again = copy(source, target)
    assert (again.changed, again.unchanged, again.is_equal) == (0, 3, True)
    assert again.source_digest == report.source_digest
    with target.app.app_context():
        user = target.datastore.find_user(email="User0@example.org")
        assert (user.password, user.has_role("admin"), user.has_permission("read")) == ("hash0", True, True)
        assert (
            target.datastore.find_user_from_webauthn(target.datastore.find_webauthn(b"\x00id0")).id == user.id
        )
        assert target.datastore.find_user(email="User1@example.org").active is False


def test_every_datastore_is_in_it() -> None:
    assert len(SEVEN) == 7


@pytest.fixture
def pair(sides: MakeBackend) -> tuple[Backend, Backend]:
    source, target = sides("peewee-sqlite", "source"), sides("lite-sqlite", "target")
    fill(source)
    return source, target


def test_who_has_a_session_still_has_it(pair: tuple[Backend, Backend]) -> None:
    source, target = pair
    copy(source, target)
    kept: list[tuple[str, str]] = []
    for each in pair:
        with each.app.app_context():
            user = each.datastore.find_user(email="User0@example.org")
            kept.append((user.fs_uniquifier, user.fs_token_uniquifier))
    assert kept[0] == kept[1]


def test_a_target_with_other_accounts_is_refused_unless_asked(pair: tuple[Backend, Backend]) -> None:
    source, target = pair
    with target.app.app_context():
        target.datastore.create_user(email="other@example.org", password="x")
        target.datastore.commit()
    with pytest.raises(BadArgumentError, match="not of the source"):
        copy(source, target)
    with target.app.app_context():
        assert target.datastore.count_users() == 1
    assert copy(source, target, into_existing=True).is_equal
    with target.app.app_context():
        assert target.datastore.find_user(email="other@example.org") is not None


def test_another_account_of_the_same_address_is_no_copy(pair: tuple[Backend, Backend]) -> None:
    source, target = pair
    with target.app.app_context():
        target.datastore.create_user(email="User0@example.org", password="x")
        target.datastore.commit()
    with pytest.raises(BadArgumentError, match="not of the source"):
        copy(source, target)


def test_a_copy_that_was_stopped_is_resumed(pair: tuple[Backend, Backend]) -> None:
    source, target = pair

    def stop(_step: str, done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(source, target, batch=1, progress=stop)
    with target.app.app_context():
        assert target.datastore.count_users() == 2
    report = copy(source, target)
    assert (report.created, report.unchanged, report.is_equal) == (1, 2, True)


def test_what_was_changed_meanwhile_is_brought_up_to_date(pair: tuple[Backend, Backend]) -> None:
    source, target = pair
    copy(source, target)
    with source.app.app_context():
        ds = source.datastore
        user = ds.find_user(email="User0@example.org")
        ds.remove_role_from_user(user, "admin")
        ds.add_role_to_user(user, "unused")
        ds.tf_reset(user)
        ds.mf_delete_recovery_code(user, 0)
        ds.webauthn_reset(user)
        passkey = ds.find_webauthn(b"\x00id1")
        passkey.sign_count = 8
        ds.put(passkey)
        ds.refresh_tracker_reset(user)
        ds.remove_permissions_from_role("admin", "read")
        ds.create_user(email="new@example.org", password="x")
    report = copy(source, target)
    assert (report.created, report.updated, report.unchanged, report.roles_updated) == (1, 2, 1, 1)
    assert report.is_equal
    assert copy(source, target).changed == 0


def test_an_account_is_known_by_its_uniquifier_when_its_address_changes(
    pair: tuple[Backend, Backend],
) -> None:
    source, target = pair
    copy(source, target)
    with source.app.app_context():
        user = source.datastore.find_user(email="User0@example.org")
        user.email = "moved@example.org"
        source.datastore.put(user)
        source.datastore.commit()
    report = copy(source, target)
    assert (report.created, report.updated, report.is_equal) == (0, 1, True)
    with target.app.app_context():
        assert target.datastore.find_user(email="User0@example.org") is None


def test_a_difference_is_named(pair: tuple[Backend, Backend], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = pair
    # A target that loses what it is given.
    monkeypatch.setattr(target.datastore, "create_webauthn", lambda *a, **k: None)
    monkeypatch.setattr(target.datastore, "find_webauthn", lambda _: target.datastore.user_model())
    monkeypatch.setattr("kindstore.flask.security.copying._Copier._set", lambda *a: None)
    report = copy(source, target)
    assert not report.is_equal
    assert "account User0@example.org: webauthn, refresh_trackers" in report.differences
    assert report.source_digest != report.target_digest


def test_many_accounts_from_a_relational_database_to_kindstore(sides: MakeBackend) -> None:
    source, target = sides("sqlalchemy-sqlite", "source"), sides("kindstore-sqlite", "target")
    many = scaled(500, soak=5_000)
    fill(source, many)
    told: list[tuple[str, int, int]] = []
    began = time.perf_counter()
    report = copy(source, target, batch=many // 10, progress=lambda *each: told.append(each))
    print(f"copied and compared in {time.perf_counter() - began:.1f} s")
    assert report.created == many
    assert report.is_equal
    assert told[9] == ("copy", many, many)
    assert told[-1] == ("compare", many, many)
