"""The flows of Flask-Security through its own pages, on every database."""

from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.flask.security.conformance.backends import Backend

PASSWORD = "battery staple"

# Forms of Flask-Security 5.9.2 do this with WTForms 3.3.
pytestmark = pytest.mark.filterwarnings("ignore:.*Passing SelectField choices as tuples:DeprecationWarning")


@pytest.fixture
def client(empty: Backend) -> FlaskClient:
    """A browser before an empty database."""
    return empty.app.test_client()


def register(client: FlaskClient, email: str = "ada@example.org", **more: str) -> Any:
    return client.post(
        "/register", json={"email": email, "password": PASSWORD, "password_confirm": PASSWORD} | more
    )


def log_in(client: FlaskClient, identity: str = "ada@example.org", password: str = PASSWORD) -> Any:
    name = "email" if "@" in identity else "username"
    return client.post("/login", json={name: identity, "password": password})


def log_out(client: FlaskClient) -> None:
    client.post("/logout")


def answer(response: Any) -> Any:
    return response.json["response"]


def is_member(client: FlaskClient) -> bool:
    response = client.get("/member", headers={"Accept": "application/json"})
    return response.status_code == 200


def may(client: FlaskClient, page: str) -> bool:
    response = client.get(f"/{page}", headers={"Accept": "application/json"})
    assert response.status_code in {200, 401, 403}
    return response.status_code == 200


def test_register_log_out_and_log_in(client: FlaskClient) -> None:
    assert not is_member(client)
    assert register(client).status_code == 200
    assert is_member(client), "who has registered is logged in"
    log_out(client)
    assert not is_member(client)
    assert log_in(client, password="wrong").status_code == 400
    assert not is_member(client)
    assert log_in(client).status_code == 200
    assert is_member(client)


def test_log_in_with_an_address_or_name_in_any_spelling(client: FlaskClient) -> None:
    assert register(client, username="Countess").status_code == 200
    log_out(client)
    for identity in ("ADA@example.org", "countess", "COUNTESS"):
        assert log_in(client, identity).status_code == 200, identity
        assert is_member(client)
        log_out(client)


def test_an_address_or_name_in_another_spelling_is_taken(client: FlaskClient) -> None:
    assert register(client, username="Countess").status_code == 200
    log_out(client)
    assert register(client, email="Ada@Example.ORG").status_code == 400
    assert register(client, email="bob@example.org", username="COUNTESS").status_code == 400
    assert register(client, email="bob@example.org", username="robert").status_code == 200


def test_log_ins_are_counted(empty: Backend, client: FlaskClient) -> None:
    register(client)
    log_out(client)
    log_in(client)
    with empty.app.app_context():
        user = empty.datastore.find_user(email="ada@example.org")
        assert user.login_count == 2
        assert isinstance(user.current_login_at, datetime)


def test_a_deactivated_user_is_out_at_once(empty: Backend, client: FlaskClient) -> None:
    register(client)
    with empty.app.app_context():
        empty.datastore.deactivate_user(empty.datastore.find_user(email="ada@example.org"))
        empty.datastore.commit()
    assert not is_member(client)
    assert log_in(client).status_code == 400


def test_new_uniquifiers_end_every_session(empty: Backend, client: FlaskClient) -> None:
    register(client)
    with empty.app.app_context():
        empty.datastore.reset_user_access(empty.datastore.find_user(email="ada@example.org"))
        empty.datastore.commit()
    assert not is_member(client)
    assert log_in(client).status_code == 200


def test_pages_for_roles_and_permissions(empty: Backend, client: FlaskClient) -> None:
    register(client)
    assert not may(client, "admin")
    with empty.app.app_context():
        ds = empty.datastore
        ds.create_role(name="admin")
        ds.create_role(name="editor", permissions=["write"])
        ds.add_role_to_user(ds.find_user(email="ada@example.org"), "admin")
        ds.commit()
    assert may(client, "admin")
    assert not may(client, "may-write")
    with empty.app.app_context():
        ds.add_role_to_user(ds.find_user(email="ada@example.org"), "editor")
        ds.commit()
    assert may(client, "may-write")
    assert may(client, "may-write-or-fly")
    assert not may(client, "editor-and-user")


def test_roles_imply_others_behind_every_decorator(
    empty: Backend, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(client)
    with empty.app.app_context():
        ds = empty.datastore
        for name in ("admin", "moderator", "author"):
            ds.create_role(name=name, permissions=["write"] if name == "author" else [])
        ds.add_role_to_user(ds.find_user(email="ada@example.org"), "admin")
        ds.commit()
    pages = ("admin", "author", "editor-and-user", "user-or-other", "may-write", "may-write-or-fly")
    assert [page for page in pages if may(client, page)] == ["admin"]
    monkeypatch.setitem(
        empty.app.config, "SECURITY_ROLE_HIERARCHY", {"admin": ["moderator", "user"], "moderator": ["author"]}
    )
    assert [page for page in pages if may(client, page)] == [
        "admin", "author", "user-or-other", "may-write", "may-write-or-fly"
    ]  # fmt: skip


def test_a_token_instead_of_a_session(empty: Backend, client: FlaskClient) -> None:
    register(client)
    log_out(client)
    response = client.post(
        "/login?include_auth_token", json={"email": "ada@example.org", "password": PASSWORD}
    )
    token = answer(response)["user"]["authentication_token"]
    stranger = empty.app.test_client(use_cookies=False)
    headers = {"Accept": "application/json", "Authentication-Token": token}
    assert stranger.get("/member", headers=headers).status_code == 200
    with empty.app.app_context():
        empty.datastore.set_token_uniquifier(empty.datastore.find_user(email="ada@example.org"))
        empty.datastore.commit()
    assert stranger.get("/member", headers=headers).status_code == 401


def test_refresh_tokens_are_exchanged_and_a_used_one_ends_the_family(
    empty: Backend, client: FlaskClient
) -> None:
    register(client)
    log_out(client)
    app = empty.app.test_client(use_cookies=False)
    response = app.post("/login?include_auth_token", json={"email": "ada@example.org", "password": PASSWORD})
    first = answer(response)["user"]["refresh_token"]
    response = app.post("/refresh-token", json={"refresh_token": first})
    assert response.status_code == 200
    second = answer(response)["user"]["refresh_token"]
    assert app.post("/refresh-token", json={"refresh_token": first}).status_code == 400
    assert app.post("/refresh-token", json={"refresh_token": second}).status_code == 400
    with empty.app.app_context():
        (tracker,) = empty.datastore.find_user(email="ada@example.org").refresh_trackers
        assert (tracker.gen, tracker.revoked_at is not None) == (2, True)


def test_two_factors_and_recovery_codes(empty: Backend, client: FlaskClient) -> None:
    register(client)
    factory = empty.app.extensions["security"].totp_factory
    with empty.app.app_context():
        secret = factory.generate_totp_secret()
        ds = empty.datastore
        ds.tf_set(ds.find_user(email="ada@example.org"), "authenticator", totp_secret=secret)
        ds.commit()
    log_out(client)
    assert log_in(client).json["response"]["tf_required"] is True
    assert not is_member(client)
    assert client.post("/tf-validate", json={"code": "000000"}).status_code == 400
    with empty.app.app_context():
        code = factory.generate_totp_password(secret)
    assert client.post("/tf-validate", json={"code": code}).status_code == 200
    assert is_member(client)

    codes = answer(client.post("/mf-recovery-codes", json={}))["recovery_codes"]
    assert len(codes) == 3
    for left, code in enumerate(codes[:2], start=1):
        log_out(client)
        log_in(client)
        assert client.post("/mf-recovery", json={"code": code}).status_code == 200
        assert is_member(client)
        with empty.app.app_context():
            assert len(ds.mf_get_recovery_codes(ds.find_user(email="ada@example.org"))) == 3 - left
    log_out(client)
    log_in(client)
    assert client.post("/mf-recovery", json={"code": codes[0]}).status_code == 400, "used"
    assert not is_member(client)


def test_passkeys_are_listed_and_deleted(empty: Backend, client: FlaskClient) -> None:
    register(client)
    with empty.app.app_context():
        ds = empty.datastore
        user = ds.find_user(email="ada@example.org")
        for name in ("phone", "stick"):
            ds.create_webauthn(user, name.encode(), b"key", name, 0, "secondary", "multi_device", True)
        ds.commit()
    listed = answer(client.get("/wan-register", headers={"Accept": "application/json"}))
    assert sorted(each["name"] for each in listed["registered_credentials"]) == ["phone", "stick"]
    assert client.post("/wan-delete", json={"name": "phone"}).status_code == 200
    assert client.post("/wan-delete", json={"name": "phone"}).status_code == 400
    with empty.app.app_context():
        assert [each.name for each in ds.find_user(email="ada@example.org").webauthn] == ["stick"]


def test_users_and_roles_from_the_command_line(empty: Backend, client: FlaskClient) -> None:
    runner = empty.app.test_cli_runner()

    def run(*arguments: str) -> str:
        done = runner.invoke(args=arguments)
        assert done.exit_code == 0, done.output
        return done.output

    run("roles", "create", "admin", "-p", "write,read")
    run("users", "create", "ada@example.org", "username:countess", "--password", PASSWORD, "--active")
    run("roles", "add", "ada@example.org", "admin")
    run("roles", "remove_permissions", "admin", "read")
    log_in(client)
    assert may(client, "admin")
    assert may(client, "may-write")
    run("roles", "remove", "ada@example.org", "admin")
    assert not may(client, "admin")
    run("users", "deactivate", "ada@example.org")
    assert not is_member(client)
    refused = runner.invoke(args=["users", "create", "bob@example.org", "shoe:46", "--password", PASSWORD])
    assert refused.exit_code != 0
    assert "shoe" in refused.output
