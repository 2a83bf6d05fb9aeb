"""The load: browsers that log in, edit a profile and look at it again, over connections that stay open.

Several browsers use one account at a time, so edits meet.  Every answer is checked, and what was acknowledged is counted.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.cookies import SimpleCookie
from urllib.parse import urlencode


@dataclass
class Tally:
    """What a run saw."""

    seconds: float = 0.0
    requests: int = 0
    errors: list[str] = field(default_factory=list)
    log_ins: Counter[str] = field(default_factory=Counter)
    edits: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    """Seconds of each request."""


class Browser:
    """One visitor: a connection and its cookies."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookies: dict[str, str] = {}
        self.times: list[float] = []

    def ask(self, method: str, path: str, body: str | None = None, kind: str = "") -> tuple[int, bytes]:
        """Status and body of the answer."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if kind:
            headers["Content-Type"] = kind
        begin = time.perf_counter()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        self.times.append(time.perf_counter() - begin)
        self._keep(answer)
        return answer.status, text

    def _keep(self, answer: HTTPResponse) -> None:
        for line in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self._cookies[name] = morsel.value

    def forget(self) -> None:
        """A new visitor on the same connection."""
        self._cookies.clear()

    def again(self) -> None:
        """A new connection after one has failed."""
        self._connection.close()


def run(port: int, emails: list[str], password: str, visits: int, browsers: int, seed: int = 1) -> Tally:
    """*visits* times log in, edit, look; by *browsers* at once."""
    tally, lock = Tally(), threading.Lock()
    left = iter(range(visits))

    def numbers() -> Iterator[int]:
        while True:
            with lock:
                number = next(left, None)
            if number is None:
                return
            yield number

    def work() -> None:
        browser = Browser(port)
        for number in numbers():
            email = emails[random.Random(seed * 1_000_003 + number).randrange(len(emails))]
            try:
                _visit(browser, email, password, number, tally, lock)
            except (HTTPException, OSError, ValueError) as error:
                with lock:
                    tally.errors.append(f"{type(error).__name__}: {error}")
                browser.again()
        with lock:
            tally.times += browser.times
            tally.requests += len(browser.times)

    threads = [threading.Thread(target=work) for _ in range(browsers)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.seconds = time.perf_counter() - begin
    return tally


def _visit(
    browser: Browser, email: str, password: str, number: int, tally: Tally, lock: threading.Lock
) -> None:
    browser.forget()
    body = json.dumps({"email": email, "password": password})
    status, text = browser.ask("POST", "/login", body, "application/json")
    if status != 200:
        raise ValueError(f"log-in: {status} {text[:200]!r}")
    with lock:
        tally.log_ins[email] += 1
    form = urlencode({"city": f"City {number % 50}", "about": f"Visit {number}"})
    status, text = browser.ask("POST", "/profile", form, "application/x-www-form-urlencoded")
    if status != 200:
        raise ValueError(f"edit: {status} {text[:200]!r}")
    with lock:
        tally.edits[email] += 1
    status, text = browser.ask("GET", "/profile")
    if status != 200 or json.loads(text)["email"] != email:
        raise ValueError(f"profile: {status} {text[:200]!r}")
