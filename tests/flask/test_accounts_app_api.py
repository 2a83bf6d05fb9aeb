"""`examples/flask_accounts`: what programs do: tokens, their renewal, and the end of both."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from .accounts_app import PASSWORD, Visitor, account, letters, link_in, make, stored

pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices:DeprecationWarning")

ADA = "ada@example.com"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = make(tmp_path / "instance")
    account(app, ADA, "user", username="lovelace")
    return app


def sign_in(app: Flask, password: str = PASSWORD) -> TestResponse:
    """As the README says."""
    visitor = Visitor(app)
    asked = visitor.get("/login", headers={"Accept": "application/json"}).json
    assert asked is not None
    return visitor.client.post(
        "/login?include_auth_token",
        json={"email": ADA, "password": password},
        headers={"X-CSRF-Token": asked["response"]["csrf_token"]},
    )


def tokens(app: Flask) -> tuple[str, str]:
    answer = sign_in(app).json
    assert answer is not None
    user = answer["response"]["user"]
    return user["authentication_token"], user["refresh_token"]


def me(app: Flask, token: str) -> TestResponse:
    # Without the cookies of whoever got the token.
    return app.test_client().get("/api/me", headers={"Authentication-Token": token})


def renew(app: Flask, token: str) -> TestResponse:
    return app.test_client().post("/refresh-token", json={"refresh_token": token})


def user_in(response: TestResponse) -> dict[str, Any]:
    assert response.json is not None, response.text
    user: dict[str, Any] = response.json["response"]["user"]
    return user


def test_a_token_says_who_it_belongs_to(app: Flask) -> None:
    token, _ = tokens(app)
    assert me(app, token).json == {
        "email": ADA,
        "username": "lovelace",
        "roles": ["user"],
        "permissions": ["notes-read"],
        "two_factor": None,
    }


@pytest.mark.parametrize("token", ["", "nonsense"])
def test_without_a_token_the_answer_is_401_in_json(app: Flask, token: str) -> None:
    response = me(app, token)
    assert response.status_code == 401
    assert response.json is not None
    assert response.json["response"]["errors"]


def test_a_wrong_password_gets_no_token(app: Flask) -> None:
    response = sign_in(app, "wrong password")
    assert response.status_code == 400
    assert "token" not in response.text.replace("csrf_token", "")


def test_a_token_ends_after_its_time_and_a_refresh_token_gives_a_new_one(app: Flask) -> None:
    token, refresh = tokens(app)
    app.config["SECURITY_TOKEN_MAX_AGE"] = timedelta(seconds=-1)
    assert me(app, token).status_code == 401
    app.config["SECURITY_TOKEN_MAX_AGE"] = timedelta(minutes=15)
    renewed = user_in(renew(app, refresh))
    assert me(app, renewed["authentication_token"]).status_code == 200
    assert renewed["refresh_token"] != refresh


def test_a_refresh_token_that_is_used_twice_ends_the_whole_family(app: Flask) -> None:
    _, stolen = tokens(app)
    later = user_in(renew(app, stolen))["refresh_token"]
    assert renew(app, stolen).status_code == 400
    assert renew(app, later).status_code == 400


def test_all_tokens_end_at_once_and_sessions_go_on(app: Flask) -> None:
    visitor = Visitor(app)
    visitor.sign_in(ADA)
    token, refresh = tokens(app)
    other, _ = tokens(app)
    done = app.test_client().post("/api/revoke", headers={"Authentication-Token": token})
    assert done.json == {"revoked": True}
    assert [me(app, each).status_code for each in (token, other)] == [401, 401]
    assert renew(app, refresh).status_code == 400
    assert visitor.is_signed_in()


@pytest.mark.parametrize("is_forgotten", [False, True], ids=["change", "reset"])
def test_a_new_password_ends_all_tokens(app: Flask, is_forgotten: bool) -> None:
    token, refresh = tokens(app)
    visitor = Visitor(app)
    new = "another long password"
    if is_forgotten:
        visitor.post("/reset", "/reset", email=ADA)
        link = link_in(letters(app)[-1])
        visitor.post(link, link, password=new, password_confirm=new)
    else:
        visitor.sign_in(ADA)
        visitor.post("/change", "/change", password=PASSWORD, new_password=new, new_password_confirm=new)
    assert sign_in(app, new).status_code == 200
    assert me(app, token).status_code == 401
    assert renew(app, refresh).status_code == 400


def test_a_program_is_signed_out_on_the_dashboard_by_its_owner_only(app: Flask) -> None:
    account(app, "eve@example.com")
    _, refresh = tokens(app)
    with app.app_context():
        (tracker,) = stored(app, ADA).refresh_trackers
    path = f"/dashboard/sign-out-program/{tracker.refresh_family}"
    eve, ada = Visitor(app), Visitor(app)
    eve.sign_in("eve@example.com")
    assert eve.post(path).status_code == 404
    ada.sign_in(ADA)
    assert path in ada.read("/dashboard")
    refresh = user_in(renew(app, refresh))["refresh_token"]
    ada.post(path)
    assert path not in ada.read("/dashboard")
    assert renew(app, refresh).status_code == 400


def test_a_made_up_token_does_not_spare_a_session_its_csrf_token(app: Flask) -> None:
    visitor = Visitor(app)
    visitor.sign_in(ADA)
    headers = {"Authentication-Token": "made up"}
    for path in ("/api/revoke", "/logout", "/board", "/change-username"):
        response = visitor.client.post(path, data={"username": "forged", "text": "forged"}, headers=headers)
        assert response.status_code in {400, 403}, path
    assert visitor.is_signed_in()
    assert stored(app, ADA).username == "lovelace"


def test_a_sign_in_by_json_has_shown_a_csrf_token_too(app: Flask) -> None:
    response = app.test_client().post("/login", json={"email": ADA, "password": PASSWORD})
    assert response.status_code == 400
    assert response.json is not None


def test_a_locked_account_has_no_valid_token(app: Flask) -> None:
    from examples.flask_accounts.models import user_datastore

    token, refresh = tokens(app)
    with app.app_context():
        user_datastore.deactivate_user(user_datastore.find_user(email=ADA))
    assert me(app, token).status_code == 401
    renewed = renew(app, refresh)
    if renewed.status_code == 200:
        assert me(app, user_in(renewed)["authentication_token"]).status_code == 401
