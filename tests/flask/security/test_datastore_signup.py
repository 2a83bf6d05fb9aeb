"""Signing up: one account for one address, in any spelling."""

from __future__ import annotations

from typing import Any

from kindstore import ndb
from kindstore.flask.security import User
from tests.flask.security.accounts import MakeApp, log_in, sign_up

SETTINGS: dict[str, Any] = {"SECURITY_REGISTERABLE": True, "SECURITY_SEND_REGISTER_EMAIL": False}


def test_who_signs_up_has_an_account_and_can_log_in(make_app: MakeApp, client: ndb.Client) -> None:
    app = make_app(**SETTINGS)
    assert app.test_client().post("/register", json=sign_up("Ada@example.org")).status_code == 200
    with client.context():
        [user] = User.query().fetch()
        assert (user.email, user.active) == ("Ada@example.org", True)
    logged_in = app.test_client().post("/login", json=log_in("ada@EXAMPLE.org"))
    assert logged_in.status_code == 200


def test_an_address_signs_up_once_in_any_spelling(make_app: MakeApp, client: ndb.Client) -> None:
    app = make_app(**SETTINGS)
    app.test_client().post("/register", json=sign_up("ada@example.org"))
    answer = app.test_client().post("/register", json=sign_up("ADA@example.org"))
    assert answer.status_code == 400
    assert "already associated" in answer.json["response"]["field_errors"]["email"][0]  # type: ignore[index]
    with client.context():
        assert User.query().count() == 1
