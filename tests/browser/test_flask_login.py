"""`examples/flask_login` in Chromium, headless: what its users see and click."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Browser as Chromium
from tests.browser.chromium import served, settings

PASSWORD = "correct horse"


@pytest.fixture(params=["entity", "kindstore"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of the application, in a process of its own."""
    own = settings(
        KINDSTORE_URL=str(tmp_path / "users.db"),
        FLASK_SECRET_KEY="for a test",
        FLASK_USER_MODEL=request.param,
    )
    with served("examples/flask_login", tmp_path / "server.log", own) as address:
        yield address


class Browser(Chromium):
    """A browser that knows where this application says what it has done."""

    @property
    def flash(self) -> str:
        return str(self.find(".flash").text)


@pytest.fixture
def browser(site: str, tmp_path: Path) -> Iterator[Browser]:
    made = Browser(site, tmp_path / "profile", "login")
    try:
        yield made
    finally:
        made.close()


def test_a_user_registers_logs_in_is_remembered_and_logs_out(browser: Browser) -> None:
    browser.open("/")
    assert "A safe place to land" in browser.text
    browser.shoot("home")

    browser.follow("Make an account")
    browser.fill(username="k", password="short", again="other")
    browser.click("#submit")
    assert "2 to 30 letters" in browser.text
    assert "These two are not the same" in browser.text
    browser.shoot("register-wrong")
    browser.fill(username="Komla", password=PASSWORD, again=PASSWORD)
    browser.click("#submit")
    assert browser.path == "/dashboard"
    assert browser.flash == "Welcome, komla!"
    assert "Hello, komla" in browser.text
    browser.shoot("dashboard")

    browser.click("#log-out")
    assert (browser.path, browser.flash) == ("/login", "You are logged out.")

    browser.open("/dashboard")
    assert browser.path == "/login?next=%2Fdashboard"
    browser.fill(username="komla", password="wrong horse")
    browser.click("#submit")
    assert browser.flash == "Login or password is incorrect"
    browser.shoot("login-wrong")
    browser.fill(username="komla", password=PASSWORD)
    browser.tick("#remember")
    browser.click("#submit")
    assert browser.path == "/dashboard"

    # The browser was closed, and the session with it: the user is remembered, but not for everything.
    browser.driver.delete_cookie("session")
    browser.open("/")
    assert browser.path == "/dashboard"
    browser.follow("Change password")
    assert browser.path == "/login?next=%2Fpassword"
    assert browser.flash == "Please reauthenticate to access this page."
    browser.shoot("login-again")
    browser.fill(username="komla", password=PASSWORD)
    browser.click("#submit")
    assert browser.path == "/password"
    browser.shoot("password")
    browser.fill(password="another horse", again="another horse")
    browser.click("#submit")
    assert browser.path == "/dashboard"
    assert "logged out everywhere else" in browser.flash

    browser.prefer("dark")
    browser.shoot("dashboard-dark")
    browser.prefer("light")
    browser.driver.set_window_size(500, 900)
    browser.shoot("dashboard-narrow")
    browser.click("#log-out-everywhere")
    assert (browser.path, browser.flash) == ("/login", "You are logged out everywhere.")
    browser.shoot("login-narrow")
    browser.open("/dashboard")
    assert browser.path.startswith("/login")
    assert browser.complaints() == []


def test_a_link_from_elsewhere_leads_nowhere_else(browser: Browser) -> None:
    browser.open("/register")
    browser.fill(username="komla", password=PASSWORD, again=PASSWORD)
    browser.click("#submit")
    for target in (
        "//example.invalid",
        "/\\example.invalid",
        "https:example.invalid",
        "/%09/example.invalid",
    ):
        browser.click("#log-out")
        browser.open(f"/login?next={target}")
        browser.fill(username="komla", password=PASSWORD)
        browser.click("#submit")
        assert browser.path == "/dashboard", target


def test_an_old_form_is_refused_with_a_page_that_says_so(browser: Browser) -> None:
    browser.open("/login")
    browser.driver.delete_all_cookies()
    browser.fill(username="komla", password=PASSWORD)
    browser.click("#submit")
    assert "That form is out of date" in browser.text
    browser.shoot("stale-form")
    browser.follow("Start again")
    assert browser.path == "/"
