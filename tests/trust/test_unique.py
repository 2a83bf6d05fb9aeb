"""Races for unique values: every value has one winner, and the markers tell which."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kindstore import connect, ndb
from kindstore.ndb import unique
from kindstore.ndb.exceptions import ConflictError, UniqueViolationError
from kindstore.store.abc import Inspect
from tests.ndb.unique_models import User, assert_unique
from tests.trust.processes import in_processes

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

VALUES, THREADS, PROCESSES = 50, 8, 2


@pytest.fixture(autouse=True)
def _user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ndb.Model._kind_map, "User", User)


def everything_is_sound(path: Path) -> None:
    """The database itself, and the markers in it."""
    with ndb.Client(url=path) as client, client.context():
        assert_unique()
    store = connect(path)
    assert isinstance(store, Inspect)
    assert store.run(store.check()) == []
    store.close()


def test_of_all_that_want_a_value_exactly_one_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "users.db"

    def work(process: int) -> list[str]:
        def compete(thread: int) -> list[str]:
            won: list[str] = []
            values = [f"v{number}" for number in range(VALUES)]
            random.Random(f"{process} {thread}").shuffle(values)
            with client.context():
                for value in values:
                    try:
                        User(id=f"{process}-{thread}-{value}", email=value).put()
                    except UniqueViolationError:
                        continue
                    won.append(value)
            return won

        with ndb.Client(url=path) as client, ThreadPoolExecutor(THREADS) as threads:
            return [value for won in threads.map(compete, range(THREADS)) for value in won]

    winners = [value for won in in_processes(work, PROCESSES) for value in won]
    assert sorted(winners) == sorted(f"v{number}" for number in range(VALUES))
    everything_is_sound(path)


def test_values_that_go_round_stay_unique(tmp_path: Path) -> None:
    """Entities take values, give them up, swap them and are deleted, a backfill runs, and readers check meanwhile."""
    path = tmp_path / "users.db"

    def work(process: int) -> int:
        def act(thread: int) -> int:
            chance = random.Random(f"{process} {thread}")
            refused = 0
            with client.context(cache_policy=False):
                for _ in range(100):
                    names = chance.sample("abcdefgh", 2)
                    email = chance.choice(["1", "2", "3", "4", "5", None])
                    try:
                        match chance.randrange(5):
                            case 0 | 1:
                                User(id=names[0], email=email).put()
                            case 2:
                                turn(names)
                            case 3:
                                ndb.Key("User", names[0]).delete()
                            case _:
                                unique.backfill(User)
                    except (UniqueViolationError, ConflictError):
                        refused += 1
                    assert not unique.check(User)["e",].duplicates
            return refused

        with ndb.Client(url=path) as client, ThreadPoolExecutor(4) as threads:
            return sum(threads.map(act, range(4)))

    @ndb.transactional(retries=10)
    def turn(names: list[str]) -> None:
        one, other = ndb.get_multi([ndb.Key("User", name) for name in names])
        if one is not None and other is not None:
            one.email, other.email = other.email, one.email
            ndb.put_multi([one, other])

    assert sum(in_processes(work, PROCESSES)) > 0
    everything_is_sound(path)
