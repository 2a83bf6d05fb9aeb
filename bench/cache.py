"""What a session costs in the cache, and in what else Flask-Session stores sessions in: wall time of a get and of a set.

Run it with ``.venv/bin/python -m bench.cache``; docs/sessions.md has the figures of a run.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cachelib import FileSystemCache, SimpleCache
from flask import Flask
from flask_session.sqlalchemy import SqlAlchemySession, SqlAlchemySessionInterface
from flask_sqlalchemy import SQLAlchemy

from kindstore.flask.cache import KindstoreCache

ENTRIES, CALLS, ROUNDS = 1000, 50, 20

SESSION = {
    "_permanent": True,
    "_fresh": True,
    "_user_id": "5f2b8a7c9d3e4f10",
    "_id": "0123456789abcdef" * 8,
    "csrf_token": "abcdef0123456789" * 2,
    "cart": [{"id": number, "count": 1} for number in range(5)],
}

Get = Callable[[str], Any]
Set = Callable[[str, Any], Any]


def cachelib_calls(cache: Any) -> tuple[Get, Set]:
    """Of any cache of cachelib."""
    return cache.get, cache.set


def sqlalchemy_calls(path: Path) -> tuple[Get, Set]:
    """Of Flask-Session's own sessions in SQLAlchemy, in a SQLite file; as it calls them in a request."""
    app = Flask("bench")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{path}"
    database = SQLAlchemy(app)
    interface = SqlAlchemySessionInterface(app, database)
    with app.app_context():
        database.create_all()
    lifetime = dt.timedelta(hours=1)

    def get(key: str) -> Any:
        with app.app_context():
            return interface._retrieve_session_data(key)

    def set_(key: str, value: Any) -> None:
        with app.app_context():
            interface._upsert_session(lifetime, SqlAlchemySession(value), key)

    return get, set_


@contextmanager
def places() -> Iterator[dict[str, tuple[Get, Set]]]:
    """What is compared, each in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        yield {
            "`KindstoreCache`": cachelib_calls(KindstoreCache(directory / "full.db")),
            "`KindstoreCache`, `durability=relaxed`": cachelib_calls(
                KindstoreCache(f"sqlite:///{directory}/relaxed.db?durability=relaxed")
            ),
            "`FileSystemCache` (pickle; not durable)": cachelib_calls(
                FileSystemCache(str(directory / "files"), threshold=0)
            ),
            "`SimpleCache` (pickle; one process, memory)": cachelib_calls(SimpleCache(threshold=10**6)),
            "Flask-Session on SQLAlchemy, SQLite": sqlalchemy_calls(directory / "sqlalchemy.db"),
        }


def microseconds(work: Callable[[], object]) -> float:
    """Per call, of the best of the rounds: the others waited for other programs."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            work()
        taken.append((time.perf_counter() - began) / CALLS * 1e6)
    return min(taken)


def main() -> None:
    """Print a table in Markdown."""
    print("| µs | get | get of none | set again | set of a new one |\n| --- | --: | --: | --: | --: |")
    with places() as compared:
        for name, (get, set_) in compared.items():
            keys = [f"session:{number}" for number in range(ENTRIES)]
            for key in keys:
                set_(key, SESSION)
            assert get(keys[0]) == SESSION, name
            chance, new = random.Random(7), itertools.count()
            changed = ({**SESSION, "n": number} for number in itertools.count())
            times = (
                microseconds(lambda: get(chance.choice(keys))),  # noqa: B023
                microseconds(lambda: get("session:none")),  # noqa: B023
                microseconds(lambda: set_(chance.choice(keys), next(changed))),  # noqa: B023
                microseconds(lambda: set_(f"session:new {next(new)}", SESSION)),  # noqa: B023
            )
            print(f"| {name} | " + " | ".join(f"{each:,.0f}" for each in times) + " |")


if __name__ == "__main__":
    main()
