"""The ways in and out, as a browser takes them: confirmation, reset, two factors, roles, tokens."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask_security import (
    auth_token_required,
    confirm_instructions_sent,
    hash_password,
    permissions_required,
    reset_password_instructions_sent,
    roles_required,
    tf_security_token_sent,
    user_registered,
)
from flask_security.signals import us_security_token_sent

from kindstore.flask.security import DatastoreUserDatastore
from kindstore.testing import Calls, Recorder
from tests.flask.security.accounts import PASSWORD, MakeApp, log_in, sign_up

# Flask-Security's own, which its own suite ignores as well.
pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices as tuples:DeprecationWarning")

PLAIN: dict[str, Any] = {"SECURITY_PASSWORD_HASH": "plaintext", "SECURITY_PASSWORD_SINGLE_HASH": True}


@contextmanager
def heard(signal: Any, app: Flask) -> Generator[list[dict[str, Any]]]:
    """What *signal* says in the block."""
    said: list[dict[str, Any]] = []

    def hear(_: Any, **values: Any) -> None:
        said.append(values)

    signal.connect(hear, app)
    yield said
    signal.disconnect(hear, app)


def response(answer: Any) -> Any:
    """What a JSON answer says."""
    return answer.json["response"]


@pytest.fixture(autouse=True)
def no_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_security.mail_util.MailUtil.send_mail", lambda *_, **__: None)


def test_register_confirm_log_in_and_out(make_app: MakeApp, accounts: DatastoreUserDatastore) -> None:
    app = make_app(**PLAIN, SECURITY_REGISTERABLE=True, SECURITY_CONFIRMABLE=True, SECURITY_TRACKABLE=True)
    browser = app.test_client()
    with heard(user_registered, app) as said:
        assert browser.post("/register", json=sign_up("ada@example.org")).status_code == 200
    early = browser.post("/login", json=log_in("ada@example.org"))
    assert "requires confirmation" in early.text
    assert browser.get(f"/confirm/{said[0]['confirm_token']}").status_code == 302
    browser.post("/logout")
    assert browser.post("/login", json=log_in("ada@example.org", "wrong password")).status_code == 400
    assert browser.post("/login", json=log_in("ada@example.org")).status_code == 200
    with app.app_context():
        user = accounts.find_user(email="ada@example.org")
        assert user.confirmed_at is not None
        assert (user.login_count, user.current_login_ip) == (1, "127.0.0.1")
    with heard(confirm_instructions_sent, app) as said:
        browser.post("/confirm", json={"email": "ADA@example.org"})
    assert said == []


def test_forgotten_password_is_replaced(make_app: MakeApp, accounts: DatastoreUserDatastore) -> None:
    app = make_app(**PLAIN, SECURITY_RECOVERABLE=True)
    with app.app_context():
        before = accounts.create_user(
            email="ada@example.org", password=hash_password("forgotten")
        ).fs_uniquifier
    browser = app.test_client()
    with heard(reset_password_instructions_sent, app) as said:
        browser.post("/reset", json={"email": "ada@example.org"})
    new = {"password": PASSWORD, "password_confirm": PASSWORD}
    assert browser.post(f"/reset/{said[0]['token']}", json=new).status_code == 200
    assert browser.post("/login", json=log_in("ada@example.org")).status_code == 200
    with app.app_context():
        assert accounts.find_user(email="ada@example.org").fs_uniquifier != before
    assert app.test_client().post(f"/reset/{said[0]['token']}", json=new).status_code == 400


def test_second_factor_and_its_recovery_codes(make_app: MakeApp, accounts: DatastoreUserDatastore) -> None:
    app = make_app(
        **PLAIN,
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_REQUIRED=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["email", "authenticator"],
        SECURITY_MULTI_FACTOR_RECOVERY_CODES=True,
    )
    with app.app_context():
        accounts.create_user(email="ada@example.org", password=hash_password(PASSWORD))
    browser = app.test_client()
    answer = browser.post("/login", json=log_in("ada@example.org"))
    assert response(answer)["tf_required"] is True
    with heard(tf_security_token_sent, app) as said:
        browser.post("/tf-setup", json={"setup": "email"})
    assert browser.post("/tf-validate", json={"code": "0"}).status_code == 400
    assert browser.post("/tf-validate", json={"code": said[0]["login_token"]}).status_code == 200
    codes = response(browser.post("/mf-recovery-codes", json={}))["recovery_codes"]
    with app.app_context():
        assert accounts.find_user(email="ada@example.org").mf_recovery_codes == codes
    for at, status in enumerate((200, 400)):
        other = app.test_client()
        assert response(other.post("/login", json=log_in("ada@example.org")))["tf_required"] is True
        used = other.post("/mf-recovery", json={"code": codes[0]})
        assert used.status_code == status, at
    with app.app_context():
        assert accounts.find_user(email="ada@example.org").mf_recovery_codes == codes[1:]


def test_recovery_code_that_two_requests_use_lets_one_in(
    make_app: MakeApp, accounts: DatastoreUserDatastore, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(
        **PLAIN,
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["email"],
        SECURITY_MULTI_FACTOR_RECOVERY_CODES=True,
    )
    with app.app_context():
        accounts.create_user(
            email="ada@example.org",
            password=hash_password(PASSWORD),
            tf_primary_method="email",
            tf_totp_secret=app.extensions["security"].totp_factory.generate_totp_secret(),
            mf_recovery_codes=["aaaa-bbbb-cccc", "dddd-eeee-ffff"],
        )
    one, other = app.test_client(), app.test_client()
    for browser in (one, other):
        assert response(browser.post("/login", json=log_in("ada@example.org")))["tf_required"] is True
    delete = accounts.mf_delete_recovery_code
    answers: list[Any] = []

    def late(user: Any, idx: int) -> bool:
        monkeypatch.setattr(accounts, "mf_delete_recovery_code", delete)
        answers.append(one.post("/mf-recovery", json={"code": "aaaa-bbbb-cccc"}))
        return delete(user, idx)

    monkeypatch.setattr(accounts, "mf_delete_recovery_code", late)
    answers.append(other.post("/mf-recovery", json={"code": "aaaa-bbbb-cccc"}))
    assert [each.status_code for each in answers] == [200, 400]


def test_unified_sign_in_by_mail(make_app: MakeApp, accounts: DatastoreUserDatastore) -> None:
    app = make_app(**PLAIN, SECURITY_UNIFIED_SIGNIN=True, SECURITY_US_ENABLED_METHODS=["email"])
    with app.app_context():
        user = accounts.create_user(email="ada@example.org")
        accounts.us_setup_email(user)
    browser = app.test_client()
    with heard(us_security_token_sent, app) as said:
        browser.post("/us-signin/send-code", json={"identity": "ADA@example.org", "chosen_method": "email"})
    given = {"identity": "ada@example.org", "passcode": said[0]["token"]}
    assert browser.post("/us-signin", json=given).status_code == 200


def test_one_read_for_a_request_with_a_token(
    make_app: MakeApp, accounts: DatastoreUserDatastore, recorder: Recorder
) -> None:
    app = make_app(**PLAIN)

    @app.get("/api")
    @auth_token_required
    @roles_required("admin")
    @permissions_required("write")
    def api() -> str:
        return "done"

    with app.app_context():
        accounts.create_role(name="admin", permissions=["read", "write"])
        accounts.create_user(email="ada@example.org", password=hash_password(PASSWORD), roles=["admin"])
    answer = app.test_client().post("/login?include_auth_token", json=log_in("ada@example.org"))
    token = response(answer)["user"]["authentication_token"]
    calls = Calls()
    with recorder.telling(calls):
        answer = app.test_client(use_cookies=False).get("/api", headers={"Authentication-Token": token})
    assert answer.text == "done"
    assert [each.call.verb for each in calls] == ["run_query"]
    with app.app_context():
        accounts.remove_permissions_from_role("admin", "write")
    answer = app.test_client(use_cookies=False).get("/api", headers={"Authentication-Token": token})
    assert answer.status_code == 403


def test_deactivated_user_is_out_at_once(make_app: MakeApp, accounts: DatastoreUserDatastore) -> None:
    app = make_app(**PLAIN, SECURITY_CHANGEABLE=True)
    with app.app_context():
        user = accounts.create_user(email="ada@example.org", password=hash_password(PASSWORD))
    browser = app.test_client()
    browser.post("/login", json=log_in("ada@example.org"))
    assert browser.get("/change", headers={"Accept": "application/json"}).status_code == 200
    with app.app_context():
        assert accounts.deactivate_user(user) is True
        assert accounts.deactivate_user(user) is False
    assert browser.get("/change", headers={"Accept": "application/json"}).status_code == 401
    with app.app_context():
        assert accounts.toggle_active(user) is True
    assert re.search("Your account has been disabled|not", browser.get("/login").text) is not None
