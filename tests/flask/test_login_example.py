"""The application of the tutorial, `examples/flask_login`, as a browser uses it: with cookies, forms and their tokens."""

import importlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import flask
import pytest
from argon2 import PasswordHasher

from kindstore import ndb
from kindstore.flask import passwords

example: Any = importlib.import_module("examples.flask_login")


def _users_are_loaded() -> None:
    """Load the models now, and leave their kind to the classes that other tests have for it."""
    kinds = ndb.Model._kind_map
    before = kinds.get("User")
    for name in MODELS:
        importlib.import_module(f"examples.flask_login.users_{name}")
    if before is not None:
        kinds["User"] = before
    else:
        del kinds["User"]


MODELS = ("entity", "kindstore")
PASSWORD = "correct horse"

_users_are_loaded()


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture(params=MODELS)
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[flask.Flask]:
    made = application(tmp_path, request.param)
    yield made
    close(made)


def application(folder: Path, model: str, **config: Any) -> flask.Flask:
    app: flask.Flask = example.create_app({"USER_MODEL": model, "TESTING": True, **config}, folder)
    return app


def close(app: flask.Flask) -> None:
    example.db.client_of(app).close()


class Browser:
    """A browser: it keeps cookies, sends back what is hidden in a form, and follows redirects."""

    def __init__(self, app: flask.Flask) -> None:
        self.client = app.test_client()

    def get(self, path: str) -> Any:
        return self.client.get(path, follow_redirects=True)

    def send(self, path: str, fields: dict[str, str], *, follow: bool = True) -> Any:
        """Fill in the form of *path* and send it."""
        shown = self.client.get(path, follow_redirects=True).text
        hidden = dict(re.findall(r'<input id="(\w+)" name="\w+" type="hidden" value="([^"]*)">', shown))
        return self.client.post(path, data={**hidden, **fields}, follow_redirects=follow)

    def register(self, username: str = "komla", password: str = PASSWORD) -> Any:
        return self.send("/register", {"username": username, "password": password, "again": password})

    def log_in(
        self,
        username: str = "komla",
        password: str = PASSWORD,
        path: str = "/login",
        *,
        follow: bool = True,
        **more: str,
    ) -> Any:
        return self.send(path, {"username": username, "password": password, **more}, follow=follow)

    def log_out(self, **fields: str) -> Any:
        token = re.findall(r'name="csrf_token" value="([^"]+)"', self.get("/").text)[0]
        return self.client.post("/logout", data={"csrf_token": token, **fields}, follow_redirects=True)

    def is_in(self) -> bool:
        return bool(self.client.get("/dashboard").status_code == 200)


@pytest.fixture
def browser(app: flask.Flask) -> Browser:
    return Browser(app)


def flashes(answer: Any) -> list[tuple[str, str]]:
    return re.findall(r'<p class="flash (\w+)" role="\w+">(.*)</p>', answer.text)


def test_who_registers_is_in_and_can_log_in_again(browser: Browser) -> None:
    assert "A safe place to land" in browser.get("/").text
    answer = browser.register()
    assert answer.request.path == "/dashboard"
    assert "Hello, komla" in answer.text
    assert flashes(answer) == [("success", "Welcome, komla!")]
    assert flashes(browser.log_out()) == [("success", "You are logged out.")]
    assert not browser.is_in()
    answer = browser.log_in()
    assert (answer.request.path, flashes(answer)) == ("/dashboard", [])
    assert re.search(r"Last log-in</dt><dd><time", answer.text)
    assert browser.get("/").request.path == "/dashboard"
    assert browser.get("/login").request.path == "/dashboard"


@pytest.mark.parametrize(
    ("username", "password"), [("komla", "wrong"), ("nobody", PASSWORD), ("komla'", PASSWORD)]
)
def test_a_wrong_name_or_password_says_the_same(browser: Browser, username: str, password: str) -> None:
    browser.register()
    browser.log_out()
    answer = browser.log_in(username, password)
    assert flashes(answer) == [("error", "Login or password is incorrect")]
    assert not browser.is_in()


def test_an_account_that_is_not_active_is_told_so_if_the_password_is_right(app: flask.Flask) -> None:
    browser = Browser(app)
    browser.register()
    run = app.test_cli_runner().invoke
    assert run(args=["deactivate", "Komla"]).output == "Komla can no longer log in.\n"
    assert not browser.is_in()  # at once
    assert flashes(browser.log_in()) == [("error", "This account is not active")]
    assert flashes(browser.log_in(password="wrong")) == [("error", "Login or password is incorrect")]
    assert not browser.is_in()
    assert run(args=["activate", "komla"]).output == "komla can log in again.\n"
    browser.log_in()
    assert browser.is_in()
    missing = run(args=["activate", "nobody"])
    assert (missing.exit_code, missing.output) == (1, "Error: nobody is called 'nobody'\n")


def test_the_page_that_was_wanted_is_the_next_one(browser: Browser) -> None:
    browser.register()
    browser.log_out()
    answer = browser.get("/dashboard")
    assert answer.request.full_path == "/login?next=%2Fdashboard"
    assert flashes(answer) == [("info", "Please log in to access this page.")]
    wanted = browser.log_in(path="/login?next=/password")
    assert wanted.request.path == "/password"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_log_in_leads_to_no_other_site(browser: Browser, target: str) -> None:
    browser.register()
    browser.log_out()
    answer = browser.log_in(next=target, follow=False)
    assert (answer.status_code, answer.location) == (302, "/dashboard")


def test_a_remember_me_cookie_survives_the_loss_of_the_session(browser: Browser) -> None:
    browser.register()
    browser.log_out()
    browser.log_in(remember="y")
    browser.client.delete_cookie("session")
    assert browser.is_in()
    # but a new password wants the old one first
    answer = browser.get("/password")
    assert answer.request.full_path == "/login?next=%2Fpassword"
    assert flashes(answer) == [("info", "Please reauthenticate to access this page.")]
    assert browser.log_in(path="/login?next=%2Fpassword").request.path == "/password"
    browser.log_out()
    browser.client.delete_cookie("session")
    assert not browser.is_in()


def test_without_remember_me_the_session_is_all(browser: Browser) -> None:
    browser.register()
    browser.log_out()
    browser.log_in()
    browser.client.delete_cookie("session")
    assert not browser.is_in()


def test_a_new_password_logs_out_everywhere_else(app: flask.Flask) -> None:
    here, there = Browser(app), Browser(app)
    here.register()
    there.log_in(remember="y")
    answer = here.send("/password", {"password": "another horse", "again": "another horse"})
    assert flashes(answer) == [
        ("success", "Your password is changed, and you are logged out everywhere else.")
    ]
    assert (here.is_in(), there.is_in()) == (True, False)
    assert flashes(there.log_in()) == [("error", "Login or password is incorrect")]
    assert there.log_in(password="another horse").request.path == "/dashboard"


def test_logging_out_on_all_devices(app: flask.Flask) -> None:
    here, there, other = Browser(app), Browser(app), Browser(app)
    here.register()
    there.log_in(remember="y")
    other.register("seyram")
    assert flashes(here.log_out(everywhere="yes")) == [("success", "You are logged out everywhere.")]
    assert (here.is_in(), there.is_in(), other.is_in()) == (False, False, True)


def test_two_users_see_their_own_pages(app: flask.Flask) -> None:
    one, other = Browser(app), Browser(app)
    one.register("komla")
    other.register("seyram")
    assert "Hello, komla" in one.get("/dashboard").text
    assert "Hello, seyram" in other.get("/dashboard").text


def test_a_name_belongs_to_one_user_in_any_spelling(app: flask.Flask) -> None:
    Browser(app).register("komla")
    for name in ("komla", "Komla", " KOMLA "):
        answer = Browser(app).register(name, "another horse")
        assert "Somebody has this name already." in answer.text
    assert Browser(app).log_in("KOMLA").request.path == "/dashboard"


def test_of_many_who_want_a_name_at_once_one_gets_it(app: flask.Flask) -> None:
    browsers = [Browser(app) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = [*pool.map(lambda browser: browser.register(), browsers)]
    assert {answer.status_code for answer in answers} == {200}
    assert [browser.is_in() for browser in browsers].count(True) == 1
    assert sum("Somebody has this name already." in answer.text for answer in answers) == 19


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"username": ""}, "A name, please."),
        ({"username": "k"}, "2 to 30 letters"),
        ({"username": "<script>"}, "2 to 30 letters"),
        ({"username": "komla\nx"}, "2 to 30 letters"),
        ({"password": "short", "again": "short"}, "At least 10 characters"),
        ({"again": "another horse"}, "These two are not the same."),
    ],
)
def test_a_form_says_what_is_wrong(browser: Browser, fields: dict[str, str], message: str) -> None:
    right = {"username": "komla", "password": PASSWORD, "again": PASSWORD}
    answer = browser.send("/register", {**right, **fields})
    assert message in answer.text
    assert PASSWORD not in answer.text
    assert not browser.is_in()


@pytest.mark.parametrize("username", ["x" * 5000, "\0", "\ufffd", "é" * 1000])
def test_a_name_that_nobody_can_have_is_a_message(browser: Browser, username: str) -> None:
    answer = browser.send("/login", {"username": username, "password": PASSWORD})
    assert answer.status_code == 200
    assert "Nobody has so long a name" in answer.text or "incorrect" in answer.text
    assert not browser.is_in()


@pytest.mark.parametrize("path", ["/login", "/register", "/logout"])
def test_a_form_without_its_token_changes_nothing(browser: Browser, path: str) -> None:
    browser.register()
    answer = browser.client.post(path, data={"username": "seyram", "password": PASSWORD, "again": PASSWORD})
    assert answer.status_code == 400
    assert "That form is out of date" in answer.text
    assert browser.is_in()


def test_a_link_logs_nobody_out(browser: Browser) -> None:
    browser.register()
    assert browser.client.get("/logout").status_code == 405
    assert browser.is_in()


def test_pages_load_nothing_from_elsewhere(browser: Browser) -> None:
    browser.register()
    for path in ("/", "/login", "/register", "/dashboard", "/password"):
        answer = browser.get(path)
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.text)
    with browser.get("/static/style.css") as style:
        assert "url(" not in style.text
        assert "@import" not in style.text


def test_cookies_are_kept_from_scripts_and_other_sites(browser: Browser) -> None:
    browser.register()
    browser.log_out()
    answer = browser.log_in(remember="y", follow=False)
    cookies = answer.headers.getlist("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"session", "remember_token"}
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)


def test_passwords_are_kept_as_hashes_and_renewed_when_parameters_change(
    app: flask.Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(app)
    browser.register()
    with app.app_context():
        before = app.config["USERS"].named("komla").password
    assert before.startswith("$argon2id$")
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    browser.log_out()
    browser.log_in()
    with app.app_context():
        after = app.config["USERS"].named("komla").password
    assert before.split("$")[3] != after.split("$")[3] == "m=8,t=2,p=1"


def test_both_models_have_the_same_users_and_sessions(tmp_path: Path) -> None:
    for first, second in (MODELS, MODELS[::-1]):
        folder = tmp_path / first
        app = application(folder, first)
        browser = Browser(app)
        browser.register()
        cookie = browser.client.get_cookie("session")
        assert cookie is not None
        close(app)
        app = application(folder, second)
        browser = Browser(app)
        browser.client.set_cookie("session", cookie.value)
        assert browser.is_in()
        assert "Somebody has this name already." in Browser(app).register().text
        assert Browser(app).log_in().request.path == "/dashboard"
        close(app)


def test_the_key_of_the_cookies_is_made_once_and_private(tmp_path: Path) -> None:
    keys = {application(tmp_path / "instance", "entity").config["SECRET_KEY"] for _ in range(2)}
    assert len(keys) == 1
    assert len(keys.pop()) == 64
    assert (tmp_path / "instance" / "secret_key").stat().st_mode & 0o777 == 0o600
