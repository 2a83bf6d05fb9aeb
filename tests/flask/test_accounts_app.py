"""`examples/flask_accounts`: accounts, from the registration to a forgotten password, and what nobody may do."""

import os
import re
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_security.utils import naive_utcnow

from examples.flask_accounts.mail import Letter
from examples.flask_accounts.models import User, user_datastore

from .accounts_app import PASSWORD, Visitor, account, letters, link_in, make, said, stored

pytestmark = pytest.mark.filterwarnings("ignore:Passing SelectField choices:DeprecationWarning")

ADA = "ada@example.com"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return make(tmp_path / "instance")


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    return Visitor(app)


# Registration.


def register(visitor: Visitor, email: str = ADA, **fields: str) -> str:
    given = {"email": email, "password": PASSWORD, "password_confirm": PASSWORD, **fields}
    return said(visitor.post("/register", "/register", **given))


def test_who_registers_confirms_signs_in_and_has_the_first_role(app: Flask, visitor: Visitor) -> None:
    assert "please click on the link" in register(visitor, username="lovelace")
    assert "Confirm" in said(visitor.sign_in(ADA)) or not visitor.is_signed_in()
    assert not visitor.is_signed_in()
    assert "has been confirmed" in said(visitor.get(link_in(letters(app)[-1]), follow_redirects=True))
    page = visitor.sign_in(ADA).text
    assert "Hello, lovelace" in page
    assert re.findall(r'class="tag">(\w+)', page) == ["user"]
    assert "notes-read" in page
    user = stored(app, ADA)
    assert user.login_count == 1
    assert user.password is not None
    assert user.password.startswith("$argon2id$")


def test_a_link_of_confirmation_is_good_for_one_account_and_for_a_time(app: Flask, visitor: Visitor) -> None:
    register(visitor)
    link = link_in(letters(app)[-1])
    tampered = visitor.get(link[:-4] + "abcd", follow_redirects=True)
    assert "Invalid confirmation token" in said(tampered)
    assert stored(app, ADA).confirmed_at is None
    app.config["SECURITY_CONFIRM_EMAIL_WITHIN"] = timedelta(seconds=-1)
    late = visitor.get(link, follow_redirects=True)
    assert "You did not confirm your email within" in said(late)
    assert stored(app, ADA).confirmed_at is None


def test_a_password_is_long_enough_and_typed_twice(app: Flask, visitor: Visitor) -> None:
    assert "at least 12" in register(visitor, password="short", password_confirm="short")
    assert "do not match" in register(visitor, password_confirm="something else")
    with app.app_context():
        assert user_datastore.find_user(email=ADA) is None


def test_one_may_sign_in_by_username_in_any_spelling(app: Flask, visitor: Visitor) -> None:
    account(app, ADA, username="lovelace")
    visitor.post("/login", username="LoveLace", password=PASSWORD)
    assert visitor.is_signed_in()


def test_registering_an_address_that_is_taken_says_nothing_and_writes_to_its_owner(
    app: Flask, visitor: Visitor
) -> None:
    fresh = register(visitor, "new@example.com").replace("new@example.com", "…")
    account(app, ADA)
    before = stored(app, ADA).password
    taken = register(visitor, "ADA@Example.com").replace("ADA@example.com", "…")
    assert fresh == taken
    assert letters(app)[-1].recipient.lower() == ADA
    assert "http://localhost/reset" in letters(app)[-1].body
    assert stored(app, ADA).password == before
    with app.app_context():
        assert User.query.filter(User.email_folded == ADA).count() == 1


# Signing in.


@pytest.mark.parametrize("email", [ADA, "nobody@example.com"])
def test_what_is_wrong_with_a_sign_in_is_not_said(app: Flask, visitor: Visitor, email: str) -> None:
    account(app, ADA)
    page = visitor.sign_in(email, "wrong password")
    assert not visitor.is_signed_in()
    assert "That does not fit" in said(page)
    assert "not registered" not in page.text


def test_remember_me_outlives_the_browser(app: Flask, visitor: Visitor) -> None:
    account(app, ADA)
    visitor.sign_in(ADA, remember="y")
    cookie = visitor.client.get_cookie("remember_token")
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site, cookie.secure) == (True, "Lax", False)
    visitor.client.delete_cookie("session")
    assert visitor.is_signed_in()
    plain = Visitor(app)
    plain.sign_in(ADA)
    plain.client.delete_cookie("session")
    assert not plain.is_signed_in()


def test_the_dashboard_shows_the_last_sign_ins(app: Flask, visitor: Visitor) -> None:
    account(app, ADA)
    for _ in range(2):
        visitor.sign_in(ADA)
        visitor.post("/logout")
        assert not visitor.is_signed_in()
    page = visitor.sign_in(ADA).text
    assert re.search(r"In all</dt><dd>3<", page)
    assert page.count("from 127.0.0.1") == 2


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
    ],
)
def test_nobody_is_led_elsewhere_after_signing_in(app: Flask, visitor: Visitor, elsewhere: str) -> None:
    account(app, ADA)
    token = visitor.token()
    response = visitor.client.post(
        "/login",
        query_string={"next": elsewhere},
        data={"csrf_token": token, "email": ADA, "password": PASSWORD},
    )
    place = response.headers.get("Location", "/dashboard")
    assert re.match(r"/[^/\\]|http://localhost/", place), place


def test_who_had_to_sign_in_first_gets_where_they_wanted(app: Flask, visitor: Visitor) -> None:
    account(app, ADA, "user")
    asked = visitor.get("/board")
    assert asked.headers["Location"].startswith("/login?next=/board")
    token = visitor.token()
    response = visitor.client.post(
        asked.headers["Location"], data={"csrf_token": token, "email": ADA, "password": PASSWORD}
    )
    assert response.headers["Location"] == "/board"


# Passwords, addresses, names.


def test_a_forgotten_password_is_replaced_once_by_the_link_in_the_mail(app: Flask, visitor: Visitor) -> None:
    account(app, ADA)
    visitor.post("/reset", "/reset", email=ADA)
    link = link_in(letters(app)[-1])
    new = "another long password"
    page = visitor.post(link, link, password=new, password_confirm=new)
    assert "successfully reset your password" in said(page)
    other = Visitor(app)
    other.sign_in(ADA)
    assert not other.is_signed_in()
    other.sign_in(ADA, new)
    assert other.is_signed_in()
    again = Visitor(app).get(link, follow_redirects=True)
    assert "Invalid reset password token" in said(again)


def test_whether_an_address_has_an_account_is_not_told_by_asking_for_a_new_password(
    app: Flask, visitor: Visitor
) -> None:
    account(app, ADA)
    known = visitor.post("/reset", "/reset", email=ADA)
    sent = len(letters(app))
    unknown = visitor.post("/reset", "/reset", email="nobody@example.com")
    assert said(known).replace(ADA, "…") == said(unknown).replace("nobody@example.com", "…")
    assert "Instructions to reset your password have been sent" in said(known)
    assert len(letters(app)) == sent


def test_whether_an_address_has_an_account_is_not_told_by_asking_for_its_name(
    app: Flask, visitor: Visitor
) -> None:
    account(app, ADA, username="countess")
    token = visitor.token("/recover-username")
    answers = [
        visitor.client.post("/recover-username", data={"csrf_token": token, "email": email})
        for email in (ADA, "nobody@example.com")
    ]
    assert [answer.headers.get("Location") for answer in answers] == ["/login", "/login"]
    assert len(letters(app)) == 1


def test_links_in_mails_go_to_hosts_that_we_trust_only(app: Flask, visitor: Visitor) -> None:
    account(app, ADA)
    token = visitor.token("/reset")
    response = visitor.client.post(
        "/reset", data={"csrf_token": token, "email": ADA}, headers={"Host": "evil.example"}
    )
    assert response.status_code == 400
    assert not letters(app)


def test_a_changed_password_ends_the_other_sessions(app: Flask, visitor: Visitor) -> None:
    account(app, ADA)
    other = Visitor(app)
    for each in (visitor, other):
        each.sign_in(ADA)
    new = "another long password"
    page = visitor.post("/change", "/change", password=PASSWORD, new_password=new, new_password_confirm=new)
    assert "successfully changed your password" in said(page)
    assert visitor.is_signed_in()
    assert not other.is_signed_in()


def test_an_address_changes_when_the_new_one_is_confirmed(app: Flask, visitor: Visitor) -> None:
    account(app, ADA)
    visitor.sign_in(ADA)
    visitor.post("/change-email", "/change-email", email="countess@example.com")
    assert stored(app, ADA).email == ADA
    assert letters(app)[-1].recipient == "countess@example.com"
    visitor.get(link_in(letters(app)[-1]), follow_redirects=True)
    assert stored(app, "countess@example.com").email_folded == "countess@example.com"
    with app.app_context():
        assert user_datastore.find_user(email=ADA) is None


def test_a_username_changes_and_is_recovered_by_mail(app: Flask, visitor: Visitor) -> None:
    account(app, ADA)
    account(app, "bob@example.com", username="builder")
    visitor.sign_in(ADA)
    taken = visitor.post("/change-username", "/change-username", username="Builder")
    assert "already associated" in said(taken)
    visitor.post("/change-username", "/change-username", username="countess")
    assert stored(app, ADA).username == "countess"
    other = Visitor(app)
    other.post("/recover-username", "/recover-username", email=ADA)
    assert "countess" in letters(app)[-1].body


# Roles and permissions.


def test_pages_are_for_those_with_the_permission_or_the_role(app: Flask) -> None:
    account(app, "none@example.com")
    account(app, "user@example.com", "user")
    account(app, "moderator@example.com", "moderator")
    allowed = {}
    for name in ("none", "user", "moderator"):
        visitor = Visitor(app)
        visitor.sign_in(f"{name}@example.com")
        allowed[name] = [visitor.get(path).status_code for path in ("/board", "/moderation", "/admin/")]
    assert allowed == {"none": [403, 403, 403], "user": [200, 403, 403], "moderator": [200, 200, 403]}


def test_who_may_write_notes_writes_them_and_others_do_not(app: Flask, visitor: Visitor) -> None:
    account(app, ADA, "user")
    account(app, "mod@example.com", "moderator")
    writer = Visitor(app)
    writer.sign_in("mod@example.com")
    writer.post("/board", text="<b>Hello</b>")
    visitor.sign_in(ADA)
    assert visitor.post("/board", text="Mine").status_code == 403
    page = visitor.get("/board").text
    assert "&lt;b&gt;Hello&lt;/b&gt;" in page
    assert "Mine" not in page
    assert "Take down" not in page
    taken = re.search(r"/board/\d+/delete", writer.get("/board").text)
    assert taken
    assert visitor.post(taken[0]).status_code == 403
    writer.post(taken[0])
    assert "Hello" not in visitor.get("/board").text


# What everything stands on.


def test_a_form_without_its_token_changes_nothing(app: Flask, visitor: Visitor) -> None:
    account(app, ADA, "moderator")
    visitor.sign_in(ADA)
    for path, data in (
        ("/board", {"text": "forged"}),
        ("/logout", {}),
        ("/change-username", {"username": "forged"}),
        ("/api/revoke", {}),
    ):
        response = visitor.client.post(path, data=data)
        assert response.status_code == 400, path
    assert visitor.is_signed_in()
    assert "forged" not in visitor.read("/board")
    assert stored(app, ADA).username is None
    other = Visitor(app)
    assert other.client.post("/login", data={"email": ADA, "password": PASSWORD}).status_code == 400
    assert not other.is_signed_in()


def test_secrets_and_data_are_for_their_owner_only_and_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    apps = [make(folder), make(folder)]
    names = {"SECRET_KEY", "SECURITY_PASSWORD_SALT", "SECURITY_TOTP_SECRETS"}
    assert all(apps[0].config[name] == apps[1].config[name] for name in names)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert set(files) >= {"secrets.json", "kindstore.db"}
    assert set(files.values()) == {0o600}
    assert make(tmp_path / "other").config["SECRET_KEY"] != apps[0].config["SECRET_KEY"]


def test_cookies_are_for_https_only_where_there_is_https(tmp_path: Path) -> None:
    app = make(tmp_path, HTTPS=True)
    cookie = app.test_client().get("/login", base_url="https://localhost").headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {*cookie.split("; ")}


def test_pages_load_nothing_from_elsewhere_and_run_their_own_scripts_only(
    app: Flask, visitor: Visitor
) -> None:
    for path in ("/", "/login", "/register", "/us-signin", "/nowhere"):
        response = visitor.get(path)
        policy = response.headers["Content-Security-Policy"]
        nonce = re.search(r"'nonce-([^']+)'", policy)
        assert nonce
        scripts = re.findall(r"<script([^>]*)>", response.text)
        assert scripts
        assert all(f'nonce="{nonce[1]}"' in script for script in scripts)
        assert "frame-ancestors 'none'" in policy
        assert response.headers["Cache-Control"] == "no-store"
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', response.text)
        assert not re.findall(r' (?:style|on\w+)="', response.text)


def test_a_browser_is_led_from_the_number_to_the_name(visitor: Visitor) -> None:
    browser = {"Host": "127.0.0.1:5000", "Accept": "text/html"}
    moved = visitor.get("/login?next=/board", headers=browser)
    assert moved.headers["Location"] == "http://localhost:5000/login?next=/board"
    moved = visitor.get("//evil.example/x", headers=browser)
    assert moved.headers["Location"].startswith("http://localhost:5000/")
    for path in ("/%0D%0AX-Evil%3A%201", "/a%3Fb"):
        moved = visitor.get(path, headers=browser)
        assert moved.headers["Location"] == f"http://localhost:5000{path}"
    program = {"Host": "127.0.0.1:5000", "Accept": "*/*"}
    assert visitor.get("/api/me", headers=program).status_code == 401


def test_the_administrator_is_made_once_with_a_password_that_is_printed_once(tmp_path: Path) -> None:
    from examples.flask_accounts import create_app

    url = str(tmp_path / "kindstore.db")
    app = create_app({"INSTANCE": tmp_path, "KINDSTORE_URL": url, "TESTING": True})
    run = app.test_cli_runner().invoke
    first = run(args=["seed"])
    assert first.exit_code == 0
    password = re.search(r"password +(\S+)", first.output)
    assert password
    assert password[1] not in run(args=["seed"]).output
    visitor = Visitor(app)
    visitor.sign_in("admin@example.com", password[1])
    assert visitor.get("/admin/").status_code == 200
    password_hash = stored(app, "admin@example.com").password
    assert password_hash is not None
    assert "m=65536,t=3,p=4" in password_hash


def test_a_letter_is_readable_in_a_terminal_and_its_link_is_in_one_piece() -> None:
    link = "http://localhost:5000/confirm/" + "x" * 120
    box = Letter("ada@example.com", "Welcome", f"Hello!\n\nUse {link} to confirm.").in_a_box()
    assert f"│ {link}" in box.splitlines()
    assert box.startswith("╭")


def test_two_workers_have_one_set_of_secrets(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from examples.flask_accounts.own_secrets import own_secrets;"
        "print(own_secrets(pathlib.Path(sys.argv[1]))['SECRET_KEY'])"
    )
    root = Path(__file__).parents[2]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "new")],
            cwd=root,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])},
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    assert len({worker.communicate(timeout=60)[0] for worker in workers}) == 1


def test_times_are_kept_as_flask_security_compares_them(app: Flask, visitor: Visitor) -> None:
    account(app, ADA)
    visitor.sign_in(ADA)
    at = stored(app, ADA).current_login_at
    assert at is not None
    assert at.tzinfo is None
    assert abs(naive_utcnow() - at) < timedelta(minutes=1)


def test_a_role_has_the_permissions_of_those_that_it_implies(app: Flask, visitor: Visitor) -> None:
    account(app, ADA, "admin")
    visitor.sign_in(ADA)
    page = visitor.get("/dashboard").text
    assert re.findall(r'class="tag">(\w+)', page) == ["admin"]
    assert re.findall(r'class="tag plain">([\w-]+)', page) == [
        "notes-delete",
        "notes-read",
        "notes-write",
        "users-read",
        "users-write",
    ]
    assert [visitor.get(path).status_code for path in ("/board", "/moderation", "/admin/")] == [200, 200, 200]
