"""Chromium, headless, and an example's server for it.  Skips whoever imports it where Selenium or Chromium is lacking.

On Debian: ``apt install chromium-driver`` and ``pip install selenium``.  BROWSER_SHOTS names a folder for screenshots.
"""

import base64
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

webdriver: Any = pytest.importorskip(
    "selenium.webdriver", reason="pip install selenium to drive the examples in a browser"
)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
if CHROMIUM is None or DRIVER is None:
    pytest.skip("no chromium with chromedriver on this machine", allow_module_level=True)

TOP = Path(__file__).parents[2]
NARROW = 400
FLASK = (sys.executable, "-u", "-m", "flask", "--app")


def settings(**own: str) -> Mapping[str, str]:
    """The environment for an example: the tester's settings of Kindstore and Flask are not for it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KINDSTORE_", "DATASTORE_", "FLASK_"))}
    return {**kept, **own}


@contextmanager
def served(app: str, log: Path, env: Mapping[str, str]) -> Generator[str]:
    """*app* in a process of its own, which writes into *log*; the address.  AssertionError if a page was an error of ours."""
    with log.open("w") as written:
        process = subprocess.Popen(
            [*FLASK, app, "run", "--port", "0"], cwd=TOP, env=env, stdout=written, stderr=subprocess.STDOUT
        )
    try:
        yield _address_in(log, process)
        assert " 500 " not in log.read_text()
    finally:
        process.terminate()
        process.wait(30)


def _address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    for _ in range(300):
        text = log.read_text()
        if "Running on " in text:
            return text.partition("Running on ")[2].split()[0]
        assert process.poll() is None, text
        time.sleep(0.1)
    raise AssertionError(f"the server did not start: {log.read_text()}")


class Browser:
    """Chromium with one profile of its own."""

    def __init__(self, site: str, profile: Path, shots: str) -> None:
        self.site = site
        self._shots, self._shot = shots, 0
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--window-size=1100,800",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.driver.set_page_load_timeout(30)

    def tell(self, command: str, **arguments: Any) -> Any:
        """Send a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, arguments)

    def open(self, path: str) -> None:
        self.driver.get(self.site + path)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def has(self, selector: str) -> bool:
        return bool(self.driver.find_elements("css selector", selector))

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

    def press(self, text: str) -> None:
        """Press the button that says *text*."""
        path = f"//button[normalize-space()='{text}'] | //input[@type='submit'][@value='{text}']"
        self._leave_by(self.driver.find_element("xpath", path))

    def _leave_by(self, element: Any) -> None:
        self.driver.execute_script("window.isOld = true")
        element.click()
        self.await_that("return !window.isOld && document.readyState === 'complete'")

    def await_that(self, script: str) -> None:
        for _ in range(300):
            if self.driver.execute_script(script):
                return
            time.sleep(0.05)
        raise AssertionError(f"not so on {self.path}: {script}\n{self.text}")

    @property
    def path(self) -> str:
        return str(self.driver.current_url).removeprefix(self.site)

    @property
    def text(self) -> str:
        return str(self.find("body").text)

    def complaints(self) -> list[str]:
        """What the browser itself did not like: missing files, refused styles, failing scripts."""
        return [
            each["message"]
            for each in self.driver.get_log("browser")
            if each["level"] in {"SEVERE", "WARNING"}
            and not any(f" {status} " in each["message"] for status in (400, 403))
        ]

    def shoot(self, name: str) -> None:
        """Keep a screenshot, if somebody wants to look at them."""
        folder = os.environ.get("BROWSER_SHOTS")
        if folder:
            self._shot += 1
            Path(folder).mkdir(parents=True, exist_ok=True)
            shot = self.tell("Page.captureScreenshot", captureBeyondViewport=True)
            Path(folder, f"{self._shots}-{self._shot:02}-{name}.png").write_bytes(
                base64.b64decode(shot["data"])
            )

    def look(self, name: str) -> None:
        """See that the page is as wide as a phone, and keep screenshots: wide and narrow, light and dark."""
        self.shoot(name)
        self.prefer("dark")
        self.shoot(f"{name}-dark")
        self.narrow()
        self.shoot(f"{name}-narrow-dark")
        self.prefer("light")
        self.shoot(f"{name}-narrow")
        width = self.driver.execute_script("return document.documentElement.scrollWidth")
        assert width <= NARROW, f"{self.path} is {width} pixels wide"
        self.tell("Emulation.clearDeviceMetricsOverride")

    def narrow(self) -> None:
        self.tell(
            "Emulation.setDeviceMetricsOverride", width=NARROW, height=800, deviceScaleFactor=1, mobile=True
        )

    def prefer(self, colours: str) -> None:
        self.tell(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": colours},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        )

    def close(self) -> None:
        self.driver.quit()
