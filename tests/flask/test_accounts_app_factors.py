"""`examples/flask_accounts`: second factors, recovery codes, sign-in by code, passkeys, and asking again who it is."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_security.utils import naive_utcnow
from werkzeug.test import TestResponse

from examples.flask_accounts.models import WebAuthn

from .accounts_app import (
    PASSWORD,
    Passkeys,
    Visitor,
    account,
    action_in,
    code_in,
    letters,
    link_in,
    make,
    options_in,
    said,
    stored,
    totp,
)

pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices:DeprecationWarning")

ADA = "ada@example.com"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = make(tmp_path / "instance")
    account(app, ADA, "user", username="lovelace")
    return app


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    visitor = Visitor(app)
    visitor.sign_in(ADA)
    return visitor


def key_on(page: TestResponse) -> str:
    """The key of the authenticator that *page* shows."""
    found = re.search(r'id="authr-key"[^>]*>([^<]+)<', page.text)
    assert found, page.text
    return found[1]


def turn_on_authenticator(visitor: Visitor) -> str:
    page = visitor.post("/tf-setup", "/tf-setup", setup="authenticator")
    assert 'src="data:image/svg+xml;base64,' in page.text
    key = key_on(page)
    done = visitor.post(action_in(page, "/tf-setup/"), "/tf-setup", code=totp(key))
    assert "successfully" in said(done)
    return key


# Two factors.


def test_with_a_second_factor_the_password_alone_signs_nobody_in(app: Flask, visitor: Visitor) -> None:
    key = turn_on_authenticator(visitor)
    assert stored(app, ADA).tf_primary_method == "authenticator"
    assert key.replace("-", "") not in repr(stored(app, ADA))  # it is stored encrypted
    again = Visitor(app)
    asked = again.sign_in(ADA)
    assert "Type the code from: " in asked.text
    assert not again.is_signed_in()
    assert again.get("/dashboard").status_code == 302
    wrong = again.post("/tf-validate", "/tf-validate", code="000000")
    assert "Invalid code" in said(wrong)
    assert not again.is_signed_in()
    # The code of this half minute was used to turn it on: a code is good once.
    again.post("/tf-validate", "/tf-validate", code=totp(key, time.time() + 30))
    assert again.is_signed_in()


def test_a_code_by_mail_is_a_second_factor(app: Flask, visitor: Visitor) -> None:
    page = visitor.post("/tf-setup", "/tf-setup", setup="email")
    visitor.post(action_in(page, "/tf-setup/"), "/tf-setup", code=code_in(letters(app)[-1]))
    again = Visitor(app)
    sent = len(letters(app))
    again.sign_in(ADA)
    assert not again.is_signed_in()
    assert len(letters(app)) == sent + 1
    again.post("/tf-validate", "/tf-validate", code=code_in(letters(app)[-1]))
    assert again.is_signed_in()


def test_the_second_factor_can_be_turned_off(app: Flask, visitor: Visitor) -> None:
    turn_on_authenticator(visitor)
    visitor.post("/tf-setup", "/tf-setup", setup="disable")
    assert stored(app, ADA).tf_primary_method is None
    again = Visitor(app)
    again.sign_in(ADA)
    assert again.is_signed_in()


def test_a_recovery_code_stands_in_for_the_second_factor_once(app: Flask, visitor: Visitor) -> None:
    turn_on_authenticator(visitor)
    page = visitor.post("/mf-recovery-codes", "/mf-recovery-codes", generate_new_codes="y")
    codes = re.findall(r"<li><code>([^<]+)</code></li>", page.text)
    assert len(codes) == 8
    kept = stored(app, ADA).mf_recovery_codes or []
    assert len(kept) == 8
    assert not {*codes} & {*kept}  # they are stored encrypted
    for code, works in ((codes[0], True), (codes[0], False), ("nonsense", False), (codes[5], True)):
        again = Visitor(app)
        again.sign_in(ADA)
        rescue = again.post("/tf-rescue", "/tf-validate", help_setup="recovery_code")
        assert "Recovery code" in rescue.text
        again.post("/mf-recovery", "/mf-recovery", code=code)
        assert again.is_signed_in() == works, code
    assert len(stored(app, ADA).mf_recovery_codes or []) == 6
    assert ">6 left<" in visitor.get("/dashboard").text


def test_who_lost_the_phone_gets_a_code_by_mail_or_writes_to_us(app: Flask, visitor: Visitor) -> None:
    turn_on_authenticator(visitor)
    again = Visitor(app)
    again.sign_in(ADA)
    again.post("/tf-rescue", "/tf-validate", help_setup="help")
    assert letters(app)[-1].recipient == "support@localhost"
    assert ADA in letters(app)[-1].body
    again.post("/tf-rescue", "/tf-validate", help_setup="email")
    assert letters(app)[-1].recipient == ADA
    again.post("/tf-validate", "/tf-validate", code=code_in(letters(app)[-1]))
    assert again.is_signed_in()


def test_nobody_gets_to_the_second_step_without_the_first(app: Flask) -> None:
    visitor = Visitor(app)
    for path in ("/tf-validate", "/tf-rescue", "/mf-recovery", "/tf-select"):
        assert visitor.get(path).headers["Location"].startswith("/login")
    visitor.post("/tf-validate", code="123456")
    assert not visitor.is_signed_in()


# Sign-in by code.


def test_a_code_or_a_link_by_mail_signs_in(app: Flask, visitor: Visitor) -> None:
    page = visitor.post("/us-setup", "/us-setup", chosen_method="email")
    visitor.post(action_in(page, "/us-setup/"), "/us-setup", passcode=code_in(letters(app)[-1]))
    assert ">email<" in visitor.get("/dashboard").text
    by_code, by_link = Visitor(app), Visitor(app)
    by_code.post("/us-signin/send-code", "/us-signin", identity="lovelace", chosen_method="email")
    by_code.post("/us-signin", "/us-signin", identity=ADA, passcode=code_in(letters(app)[-1]))
    assert by_code.is_signed_in()
    by_link.post("/us-signin/send-code", "/us-signin", identity=ADA, chosen_method="email")
    by_link.get(link_in(letters(app)[-1]))
    assert by_link.is_signed_in()


def test_an_authenticator_signs_in_without_a_password(app: Flask, visitor: Visitor) -> None:
    page = visitor.post("/us-setup", "/us-setup", chosen_method="authenticator")
    key = key_on(page)
    visitor.post(action_in(page, "/us-setup/"), "/us-setup", passcode=totp(key))
    again = Visitor(app)
    again.post("/us-signin", "/us-signin", identity=ADA, passcode="000000")
    assert not again.is_signed_in()
    again.post("/us-signin", "/us-signin", identity=ADA, passcode=totp(key, time.time() + 30))
    assert again.is_signed_in()


def test_sign_in_by_code_tells_nothing_of_who_has_an_account(app: Flask, visitor: Visitor) -> None:
    other = Visitor(app)
    pages = [
        other.post("/us-signin/send-code", "/us-signin", identity=identity, chosen_method="email")
        for identity in (ADA, "nobody@example.com")
    ]
    assert said(pages[0]) == said(pages[1])
    assert "If that identity is in our system" in said(pages[0])


@pytest.mark.parametrize("identity", [ADA, "nobody@example.com", "locked@example.com", "without@example.com"])
def test_a_sign_in_by_code_takes_the_time_of_one_check_of_a_password(
    app: Flask, monkeypatch: pytest.MonkeyPatch, identity: str
) -> None:
    account(app, "locked@example.com", active=False)
    account(app, "without@example.com", password=None)
    passwords = app.extensions["security"].pwd_context
    done: list[str] = []

    def count(name: str) -> None:
        plain = getattr(passwords, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            done.append(name)
            return plain(*args, **kwargs)

        monkeypatch.setattr(passwords, name, counted)

    count("hash")
    count("verify")
    Visitor(app).post("/us-signin", "/us-signin", identity=identity, passcode="wrong password")
    assert len(done) == 1, done


# Passkeys.


def add_passkey(visitor: Visitor, keys: Passkeys, name: str = "laptop", usage: str = "first") -> TestResponse:
    page = visitor.post("/wan-register", "/wan-register", name=name, usage=usage)
    where = action_in(page, "/wan-register/")
    return visitor.post(where, "/wan-register", credential=keys.create(options_in(page)))


def use_passkey(visitor: Visitor, keys: Passkeys, **fields: str) -> Mapping[str, Any]:
    page = visitor.post("/wan-signin", "/wan-signin", **fields)
    options = options_in(page)
    visitor.post(action_in(page, "/wan-signin/"), "/wan-signin", credential=keys.get(options))
    return options


def test_a_passkey_signs_in_without_name_and_password(app: Flask, visitor: Visitor) -> None:
    keys = Passkeys()
    added = add_passkey(visitor, keys)
    assert "<strong>laptop</strong>" in added.text
    again = Visitor(app)
    use_passkey(again, keys)
    assert again.is_signed_in()
    with app.app_context():
        assert [key.sign_count for key in WebAuthn.query.all()] == [2]


def test_who_has_a_passkey_is_not_told(app: Flask, visitor: Visitor) -> None:
    add_passkey(visitor, Passkeys())
    other = Visitor(app)
    asked = [
        options_in(other.post("/wan-signin", "/wan-signin", identity=identity))
        for identity in (ADA, "nobody@example.com")
    ]
    assert [options["allowCredentials"] for options in asked] == [[], []]


def test_a_passkey_of_nobody_signs_nobody_in(app: Flask, visitor: Visitor) -> None:
    keys, stranger = Passkeys(), Passkeys()
    add_passkey(visitor, keys)
    again = Visitor(app)
    use_passkey(again, stranger)
    assert not again.is_signed_in()
    stranger._id = keys._id  # the right name, but another key
    use_passkey(again, stranger)
    assert not again.is_signed_in()


def test_a_passkey_that_does_not_know_its_owner_signs_nobody_in_alone(app: Flask, visitor: Visitor) -> None:
    keys = Passkeys()
    add_passkey(visitor, keys)
    keys.knows_owner = False
    again = Visitor(app)
    assert use_passkey(again, keys)["userVerification"] == "required"
    assert not again.is_signed_in()
    refused = add_passkey(visitor, Passkeys(knows_owner=False), name="found in the street")
    assert "found in the street" not in refused.text


def test_a_passkey_is_a_second_factor(app: Flask, visitor: Visitor) -> None:
    keys = Passkeys()
    add_passkey(visitor, keys, usage="secondary")
    again = Visitor(app)
    page = again.sign_in(ADA)
    assert not again.is_signed_in()
    assert "Now show your passkey" in page.text
    use_passkey(again, keys)
    assert again.is_signed_in()


def test_a_deleted_passkey_signs_nobody_in(app: Flask, visitor: Visitor) -> None:
    keys = Passkeys()
    add_passkey(visitor, keys)
    add_passkey(visitor, Passkeys(), name="other")
    page = visitor.post("/wan-delete", "/wan-register", name="laptop")
    assert "<strong>other</strong>" in page.text
    assert "<strong>laptop</strong>" not in page.text
    again = Visitor(app)
    use_passkey(again, keys)
    assert not again.is_signed_in()


def test_an_address_with_an_apostrophe_breaks_no_script(app: Flask) -> None:
    account(app, "o'neil@example.com")
    visitor = Visitor(app)
    visitor.sign_in("o'neil@example.com")
    page = visitor.post("/wan-register", "/wan-register", name="laptop", usage="first")
    assert options_in(page)["user"]["name"] == "o'neil@example.com"
    assert "o'neil" not in page.text[page.text.index("handleRegister(") :]


# Freshness.


@pytest.mark.parametrize(
    "path", ["/tf-setup", "/mf-recovery-codes", "/wan-register", "/us-setup", "/change-email"]
)
def test_who_is_to_change_credentials_has_said_the_password_lately(
    app: Flask, visitor: Visitor, path: str
) -> None:
    with visitor.client.session_transaction() as session:
        session["fs_paa"] = naive_utcnow().timestamp() - 3600
        session.pop("fs_gexp", None)
    asked = visitor.get(path)
    assert "/us-verify" in asked.headers["Location"] or "/verify" in asked.headers["Location"]
    assert "Is it still you?" in visitor.read(path)
    where = asked.headers["Location"]
    assert visitor.post(where, where, passcode="wrong password", password="wrong password").status_code == 200
    assert visitor.get(path).status_code == 302
    visitor.post(where, where, passcode=PASSWORD, password=PASSWORD)
    assert visitor.get(path).status_code == 200
