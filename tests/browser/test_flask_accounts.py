"""`examples/flask_accounts` in Chromium, headless: from the registration to the admin screen, and passkeys in earnest."""

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.chromium import FLASK, TOP, Browser, served, settings
from tests.flask.accounts_app import totp

APP = "examples.flask_accounts"
PASSWORD = "correct horse battery"
ADA = "ada@example.com"
ADMIN = "admin@example.com"


@dataclass
class Site:
    """The application in a process of its own."""

    address: str
    log: Path
    admin_password: str

    def link(self, part: str) -> str:
        """The path of the last link with *part* in it in the mail on the console."""
        for _ in range(100):
            found = re.findall(rf"http://localhost:\d+(/{part}\S+)", self.log.read_text())
            if found:
                return str(found[-1])
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def code(self) -> str:
        """The last code in the mail on the console."""
        found = re.findall(r"^│.*?\b(\d{6})\b", self.log.read_text(), re.MULTILINE)
        return str(found[-1])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    env = settings(FLASK_INSTANCE=str(tmp_path / "instance"))
    seeded = subprocess.run(
        [*FLASK, APP, "seed"], cwd=TOP, env=env, capture_output=True, text=True, check=True, timeout=60
    )
    password = re.search(r"password +(\S+)", seeded.stdout)
    assert password
    with served(APP, tmp_path / "server.log", env) as address:
        # Passkeys need the name, which 127.0.0.1 leads to.
        yield Site(address.replace("127.0.0.1", "localhost"), tmp_path / "server.log", password[1])


@pytest.fixture
def browser(site: Site, tmp_path: Path) -> Iterator[Browser]:
    made = Browser(site.address, tmp_path / "profile", "accounts")
    try:
        yield made
        assert made.complaints() == []
    finally:
        made.close()


def notice(browser: Browser) -> str:
    return str(browser.find(".notices").text)


def register(browser: Browser, site: Site, email: str = ADA, username: str = "lovelace") -> None:
    browser.open("/register")
    browser.fill(email=email, username=username, password=PASSWORD, password_confirm=PASSWORD)
    browser.click("#submit")
    browser.open(site.link("confirm"))


def sign_in(browser: Browser, email: str = ADA, password: str = PASSWORD) -> None:
    browser.open("/login")
    browser.fill(email=email, password=password)
    browser.click("#submit")


def sign_out(browser: Browser) -> None:
    browser.click("#sign-out")
    assert browser.path == "/"


def test_somebody_registers_confirms_signs_in_and_out(browser: Browser, site: Site) -> None:
    browser.open("/")
    browser.look("start")
    browser.follow("Make an account")
    browser.fill(email=ADA, username="x", password="short", password_confirm="other")
    browser.click("#submit")
    assert browser.find("#password").get_attribute("aria-invalid") == "true"
    assert "at least 12 characters" in browser.text
    browser.look("register-wrong")
    browser.fill(email=ADA, username="lovelace", password=PASSWORD, password_confirm=PASSWORD)
    browser.click("#submit")
    assert browser.path == "/login"
    assert "To confirm your email address ada@example.com" in notice(browser)

    browser.open(site.link("confirm"))
    assert "Your email has been confirmed" in notice(browser)
    browser.look("confirmed")

    sign_in(browser, password="wrong password")
    assert "That does not fit" in browser.text
    browser.look("login-wrong")
    field = browser.find("#password")
    browser.find(".reveal").click()
    assert field.get_attribute("type") == "text"
    browser.find(".reveal").click()
    browser.fill(email=ADA.upper(), password=PASSWORD)
    browser.tick("#remember")
    browser.click("#submit")
    assert browser.path == "/dashboard"
    assert "Hello, lovelace" in browser.text
    browser.look("dashboard")
    for page in ("change", "change-email", "change-username"):
        browser.open(f"/{page}")
        browser.look(page)
    browser.driver.delete_cookie("session")
    browser.open("/dashboard")
    assert "Hello, lovelace" in browser.text  # remembered

    browser.open("/board")
    assert "Writing asks for the permission" in browser.text
    browser.open("/admin/")
    assert "Not for you" in browser.text
    browser.look("refused")

    sign_out(browser)
    browser.open("/dashboard")
    assert browser.path.startswith("/login?next=/dashboard")

    browser.follow("Forgot password?")
    browser.fill(email=ADA)
    browser.click("#submit")
    browser.look("forgot")
    browser.open(site.link("reset"))
    browser.fill(password="another long password", password_confirm="another long password")
    browser.look("reset")
    browser.click("#submit")
    sign_in(browser, password="another long password")
    assert browser.path == "/dashboard"


def test_a_second_factor_is_set_up_by_its_key_and_asked_for(browser: Browser, site: Site) -> None:
    register(browser, site)
    sign_in(browser)
    browser.open("/tf-setup")
    browser.look("two-factor")
    browser.tick("input[value=authenticator]")
    browser.press("Go on")
    assert browser.driver.execute_script("return document.getElementById('qrcode').naturalWidth") > 100
    browser.look("two-factor-qr")
    key = browser.find("#authr-key").text
    browser.fill(code=totp(key))
    browser.press("Turn it on")
    assert "authenticator" in browser.text

    browser.open("/mf-recovery-codes")
    browser.press("Make new codes")
    codes = [each.text for each in browser.driver.find_elements("css selector", "#recovery-codes li")]
    assert len(codes) == 8
    browser.look("recovery-codes")
    browser.open("/dashboard")
    browser.look("dashboard-secured")
    sign_out(browser)

    sign_in(browser)
    assert "Second factor" in browser.text
    browser.fill(code="000000")
    browser.press("Sign in")
    assert "Invalid code" in browser.text
    browser.look("second-factor-wrong")
    browser.fill(code=totp(key, time.time() + 30))
    browser.press("Sign in")
    assert browser.path == "/dashboard"
    sign_out(browser)

    sign_in(browser)
    browser.find("summary").click()
    browser.tick("input[value=recovery_code]")
    browser.look("rescue")
    browser.press("Help me")
    browser.look("recovery-code")
    browser.fill(code=codes[3])
    browser.press("Sign in")
    assert browser.path == "/dashboard"
    assert "7 left" in browser.text


def test_a_passkey_signs_in_without_a_password(browser: Browser, site: Site) -> None:
    browser.tell("WebAuthn.enable")
    added = browser.tell(
        "WebAuthn.addVirtualAuthenticator",
        options={
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        },
    )
    register(browser, site)
    sign_in(browser)
    browser.open("/wan-register")
    browser.look("passkeys")
    browser.fill(name="my laptop")
    browser.tick("input[value=first]")
    browser.click("#wan_register")
    browser.await_that("return !!document.getElementById('passkeys')")
    assert "my laptop" in browser.find("#passkeys").text
    browser.look("passkey-added")
    (credential,) = browser.tell("WebAuthn.getCredentials", authenticatorId=added["authenticatorId"])[
        "credentials"
    ]
    assert credential["rpId"] == "localhost"
    sign_out(browser)

    browser.open("/login")
    browser.click("#with-passkey")
    browser.look("passkey-sign-in")
    browser.press("Go on")
    browser.await_that("return location.pathname === '/dashboard'")
    assert "Hello, lovelace" in browser.text

    browser.open("/wan-register")
    browser.press("Delete")
    assert not browser.has("#passkeys")


def test_a_code_by_mail_signs_in(browser: Browser, site: Site) -> None:
    register(browser, site)
    sign_in(browser)
    browser.open("/us-setup")
    browser.look("code-setup")
    browser.tick("input[name=chosen_method][value=email]")
    browser.press("Go on")
    browser.look("code-setup-code")
    browser.fill(passcode=site.code())
    browser.press("Turn it on")
    sign_out(browser)
    browser.open("/us-signin")
    browser.look("code-sign-in")
    browser.fill(identity=ADA)
    browser.press("Mail me one")
    browser.fill(passcode=site.code())
    browser.press("Sign in")
    assert browser.path == "/dashboard"


def test_an_administrator_edits_accounts_and_roles(browser: Browser, site: Site, tmp_path: Path) -> None:
    register(browser, site)
    sign_in(browser, ADMIN, site.admin_password)
    browser.follow("Admin")
    browser.look("admin")
    browser.follow("Accounts")
    browser.look("accounts")
    browser.fill(q="love")
    browser.press("Search")
    assert ADMIN not in browser.find("main").text
    browser.follow(ADA)
    browser.look("account")
    browser.fill(email="countess@example.com", username="countess")
    browser.press("Save")
    assert notice(browser) == "Saved."
    browser.fill(email="no address")
    browser.driver.execute_script("document.forms.edit_user.noValidate = true")
    browser.press("Save")
    assert "That is no e-mail address" in browser.text
    browser.look("account-wrong")
    browser.open("/admin/users?q=countess")
    browser.follow("countess@example.com")
    roles = browser.driver.find_elements("xpath", "//li[.//span='moderator']//button")
    assert [each.text for each in roles] == ["Give"]
    browser.driver.execute_script("window.isOld = true")
    roles[0].click()
    browser.await_that("return !window.isOld && document.readyState === 'complete'")
    assert "Role moderator assigned to countess@example.com" in notice(browser)

    other = Browser(site.address, tmp_path / "other", "accounts-other")
    try:
        sign_in(other, "countess@example.com")
        other.open("/board")
        other.fill(text="Tea at four.")
        other.press("Pin it up")
        assert "Tea at four." in other.text
        other.look("board")
        other.open("/moderation")
        other.look("moderation")
        browser.press("Lock")
        assert "deactivated" in notice(browser)
        other.open("/dashboard")
        assert other.path.startswith("/login")
    finally:
        other.close()

    browser.open(f"/us-verify?next={browser.path}")
    browser.look("still-you")
    browser.fill(passcode=site.admin_password)
    browser.press("Go on")
    browser.follow("Reset access")
    browser.look("ask")
    browser.press("Reset the access")
    assert "is reset" in notice(browser)
    # A link from elsewhere, such as one in a mail: it asks.
    toggle = "/admin/toggle-user/" + browser.path.rsplit("/", 1)[1]
    browser.open(toggle)
    assert "Do you want this?" in browser.text
    browser.look("confirm")
    browser.press("Yes, do it")
    assert "activated" in notice(browser)
    browser.follow("countess@example.com")
    browser.follow("Delete")
    browser.press("Delete the account")
    assert "is deleted" in notice(browser)
    sign_out(browser)
