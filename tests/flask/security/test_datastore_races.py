"""Twenty people sign up with one address at one moment: one account, and nineteen who are told so in the form."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_security import change_email_instructions_sent

from kindstore import ndb
from kindstore.flask.security import DatastoreUserDatastore, RefreshTracker, Role, User, WebAuthn
from kindstore.ndb.exceptions import UniqueViolationError
from kindstore.ndb.unique import check
from tests.flask.security.accounts import MakeApp, app_with, sign_up

SETTINGS: dict[str, Any] = {
    "SECURITY_REGISTERABLE": True,
    "SECURITY_SEND_REGISTER_EMAIL": False,
    "SECURITY_PASSWORD_HASH": "plaintext",
    "SECURITY_PASSWORD_SINGLE_HASH": True,
}
SPELLINGS = ("ada@example.org", "ADA@example.org", "Ada@example.org", "ada@EXAMPLE.org")


def all_at_once(accounts: DatastoreUserDatastore, number: int, work: Callable[[int], Any]) -> list[Any]:
    """What *work* answers in *number* threads, none of which writes before all have looked."""
    barrier = threading.Barrier(number)
    waited = threading.local()
    create_user = accounts.create_user

    def create_late(**values: Any) -> Any:
        if not hasattr(waited, "once"):
            waited.once = True
            barrier.wait(60)
        return create_user(**values)

    accounts.create_user = create_late  # type: ignore[method-assign]
    answers: list[Any] = [None] * number

    def one(at: int) -> None:
        answers[at] = work(at)

    threads = [threading.Thread(target=one, args=(at,)) for at in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("form", ["json", "html"])
def test_one_of_twenty_gets_the_address(
    make_app: MakeApp, accounts: DatastoreUserDatastore, client: ndb.Client, form: str
) -> None:
    app = make_app(**SETTINGS)

    def register(at: int) -> Any:
        given = {"json" if form == "json" else "data": sign_up(SPELLINGS[at % 4])}
        return app.test_client().post("/register", **given)

    answers = all_at_once(accounts, 20, register)
    won, lost = (200, 400) if form == "json" else (302, 200)
    assert Counter(each.status_code for each in answers) == {won: 1, lost: 19}
    for answer in answers:
        if answer.status_code == lost:
            assert "is already associated with an account" in answer.text
    with client.context():
        [user] = User.query().fetch()
        assert user.email in {"ada@example.org", "Ada@example.org", "ADA@example.org"}
        assert all(report.ok and not report.stale for report in check(User).values())


def test_generic_responses_tell_nobody_apart(
    make_app: MakeApp, accounts: DatastoreUserDatastore, client: ndb.Client
) -> None:
    app = make_app(**SETTINGS, SECURITY_RETURN_GENERIC_RESPONSES=True, SECURITY_CONFIRMABLE=True)
    answers = all_at_once(
        accounts, 5, lambda _: app.test_client().post("/register", json=sign_up("ada@example.org"))
    )
    assert Counter(each.status_code for each in answers) == {200: 5}
    with client.context():
        assert User.query().count() == 1


def test_code_of_the_application_gets_the_error(make_app: MakeApp, accounts: DatastoreUserDatastore) -> None:
    app = make_app(**SETTINGS)

    @app.post("/invite")
    def invite() -> str:
        accounts.create_user(email="ada@example.org")
        return "done"

    assert app.test_client().post("/invite").text == "done"
    with pytest.raises(UniqueViolationError):
        app.test_client().post("/invite")


def test_an_address_that_was_taken_in_another_spelling_is_not_confirmed(
    make_app: MakeApp, accounts: DatastoreUserDatastore
) -> None:
    app = make_app(**SETTINGS, SECURITY_CHANGE_EMAIL=True)
    app.extensions["security"].mail_util.send_mail = lambda *_, **__: None
    browser = app.test_client()
    assert browser.post("/register", json=sign_up("ada@example.org")).status_code == 200
    tokens: list[str] = []

    def keep(_app: Any, token: str, **_: Any) -> None:
        tokens.append(token)

    with change_email_instructions_sent.connected_to(keep):
        assert browser.post("/change-email", json={"email": "new@example.org"}).status_code == 200
    with app.app_context():
        accounts.create_user(email="NEW@example.org")
    assert browser.get(f"/change-email/{tokens[0]}").location == "/change-email"
    with app.app_context():
        assert accounts.find_user(email="ada@example.org") is not None


def test_who_loses_twice_is_refused(make_app: MakeApp, accounts: DatastoreUserDatastore) -> None:
    """A value that the form has not looked for: doing the request again does not help."""
    app = make_app(**SETTINGS)
    with app.app_context():
        accounts.create_user(email="ada@example.org", us_phone_number="+1555")
    create_user = accounts.create_user
    tries: list[str] = []

    def with_phone(**values: Any) -> Any:
        tries.append(values["email"])
        return create_user(**values, us_phone_number="+1555")

    accounts.create_user = with_phone  # type: ignore[method-assign]
    with pytest.raises(UniqueViolationError):
        app.test_client().post("/register", json=sign_up("bob@example.org"))
    assert tries == ["bob@example.org"] * 2


def application(path: str) -> Flask:
    """What a worker process serves."""
    accounts = DatastoreUserDatastore(ndb.Client(url=path), User, Role, WebAuthn, RefreshTracker)
    return app_with(accounts, **SETTINGS)


WORKER = """
import json, sys, threading
from tests.flask.security.test_datastore_races import SPELLINGS, application
from tests.flask.security.accounts import sign_up
app = application(sys.argv[1])
app.test_client().get("/register")
print("ready", flush=True)
sys.stdin.readline()
found = []
def register(at):
    answer = app.test_client().post("/register", json=sign_up(SPELLINGS[at % 4]))
    found.append([answer.status_code, answer.json["response"].get("field_errors", {}).get("email", [])])
threads = [threading.Thread(target=register, args=(at,)) for at in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(found))
"""


def test_one_of_twenty_in_four_processes_gets_the_address(tmp_path: Path) -> None:
    path = str(tmp_path / "accounts.db")
    root = Path(__file__).parents[3]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, path],
            cwd=root,
            env={"PYTHONPATH": f"{root / 'src'}:{root}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    said = [worker.communicate("go\n", timeout=120)[0] for worker in workers]
    found = [answer for each in said for answer in json.loads(each)]
    assert Counter(status for status, _ in found) == {200: 1, 400: 19}
    assert all("already associated" in errors[0] for status, errors in found if status == 400)
    with ndb.Client(url=path) as client, client.context():
        assert User.query().count() == 1
