"""`examples/flask_login` in Chromium, headless: what its users see and click.

Skipped where Selenium, Chromium or its driver is lacking (Debian: ``apt install chromium-driver``).  BROWSER_SHOTS names a
folder for screenshots.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

webdriver: Any = pytest.importorskip(
    "selenium.webdriver", reason="pip install selenium to drive the examples in a browser"
)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="no chromium with chromedriver on this machine"
)

TOP = Path(__file__).parents[2]
PASSWORD = "correct horse"


@pytest.fixture(params=["entity", "kindstore"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of the application, in a process of its own."""
    settings = {
        k: v for k, v in os.environ.items() if not k.startswith(("KINDSTORE_", "DATASTORE_", "FLASK_"))
    }
    settings.update(
        KINDSTORE_URL=str(tmp_path / "users.db"),
        FLASK_SECRET_KEY="for a test",
        FLASK_USER_MODEL=request.param,
    )
    log = tmp_path / "server.log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "flask", "--app", "examples/flask_login", "run", "--port", "0"],
            cwd=TOP,
            env=settings,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        yield address_in(log, process)
        assert " 500 " not in log.read_text()
    finally:
        process.terminate()
        process.wait(30)


def address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the server listens, by its own word."""
    for _ in range(300):
        text = log.read_text()
        if "Running on " in text:
            return text.partition("Running on ")[2].split()[0]
        assert process.poll() is None, text
        time.sleep(0.1)
    raise AssertionError(f"the server did not start: {log.read_text()}")


class Browser:
    """Chromium with one profile of its own."""

    def __init__(self, site: str, profile: Path) -> None:
        self.site = site
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in (
            *(
                "--headless=new",
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--window-size=1100,800",
            ),
            *("--no-first-run", "--disable-background-networking", f"--user-data-dir={profile}"),
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.driver.set_page_load_timeout(30)
        self.shots = 0

    def open(self, path: str) -> None:
        self.driver.get(self.site + path)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.find(f"#{name}")
            field.clear()
            field.send_keys(value)

    def tick(self, selector: str) -> None:
        self.find(selector).click()

    def click(self, selector: str) -> None:
        """Click on what leads to a page, and wait for that."""
        self._leave_by(self.find(selector))

    def follow(self, link: str) -> None:
        self._leave_by(self.driver.find_element("link text", link))

    def _leave_by(self, element: Any) -> None:
        self.driver.execute_script("window.isOld = true")
        element.click()
        for _ in range(300):
            loaded = "return !window.isOld && document.readyState === 'complete'"
            if self.driver.execute_script(loaded):
                return
            time.sleep(0.05)
        raise AssertionError(f"the click leads nowhere from {self.path}")

    @property
    def path(self) -> str:
        return str(self.driver.current_url).removeprefix(self.site)

    @property
    def text(self) -> str:
        return str(self.find("body").text)

    @property
    def flash(self) -> str:
        return str(self.find(".flash").text)

    def complaints(self) -> list[str]:
        """What the browser itself did not like: missing files, refused styles, failing scripts."""
        return [each["message"] for each in self.driver.get_log("browser") if " 400 " not in each["message"]]

    def shoot(self, name: str) -> None:
        """Keep a screenshot, if somebody wants to look at them."""
        folder = os.environ.get("BROWSER_SHOTS")
        if folder:
            self.shots += 1
            Path(folder).mkdir(parents=True, exist_ok=True)
            assert self.driver.save_screenshot(f"{folder}/login-{self.shots:02}-{name}.png")

    def prefer(self, colours: str) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": colours}]}
        )


@pytest.fixture
def browser(site: str, tmp_path: Path) -> Iterator[Browser]:
    made = Browser(site, tmp_path / "profile")
    try:
        yield made
    finally:
        made.driver.quit()


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
