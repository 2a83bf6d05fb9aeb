"""Budgets: how many Python functions a call runs through, all floors counted (architecture, section 9).

Frames are counted instead of seconds because they are the same on every machine.  The numbers move only in a commit of
their own, with its reason.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from kindstore import ndb

pytestmark = pytest.mark.budget


class Measured(ndb.Model):
    name = ndb.StringProperty()
    age = ndb.IntegerProperty()
    score = ndb.FloatProperty()


def frames(work: Callable[[], Any]) -> int:
    """How many Python functions *work* calls, itself not counted; a resumed generator counts like a call."""
    count = -1

    def seen(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[ndb.Context]:
    """A file with fifty people, on which every kind of call has been made before."""
    with ndb.Client(url=tmp_path / "people.db") as client, client.context() as context:
        ndb.put_multi(
            [Measured(id=number, name=f"n{number}", age=number, score=0.5) for number in range(1, 51)]
        )
        for _ in range(3):
            Measured(name="x", age=1, score=1.0).put()
            Measured.query(Measured.age > 3).order(Measured.age).fetch(10)
            context.clear_cache()
            Measured.get_by_id(3)
        context.clear_cache()
        yield context


def test_the_counter_counts() -> None:
    def inner() -> int:
        return 1

    assert frames(lambda: [inner() for _ in range(3)]) in {3, 4}  # 4 where a comprehension is a function


@pytest.mark.usefixtures("warm")
def test_put_of_three_properties() -> None:
    person = Measured(name="Ada", age=36, score=1.5)
    assert frames(person.put) <= 65
    person.age = 37
    assert frames(person.put) <= 65


class Single(ndb.Model):
    name = ndb.StringProperty(unique=True)
    age = ndb.IntegerProperty()


@pytest.mark.usefixtures("warm")
def test_put_of_a_unique_value() -> None:
    for number in range(3):
        Single(name=f"n{number}").put()
    person = Single(name="Ada", age=36)
    assert frames(person.put) <= 250  # with an id to be allocated
    person.age = 37
    assert frames(person.put) <= 205


@pytest.mark.usefixtures("warm")
def test_fetch_of_ten() -> None:
    query = Measured.query(Measured.age > 3).order(Measured.age)
    assert frames(lambda: query.fetch(10)) <= 60
    # Known entities cost no more than unknown ones.
    assert frames(lambda: Measured.query(Measured.age > 3).order(Measured.age).fetch(10)) <= 66


@pytest.mark.usefixtures("warm")
def test_queries_that_were_planned_before() -> None:
    def equal() -> list[Measured]:
        return Measured.query(Measured.name == "n7").fetch()

    def joined() -> list[Measured]:
        return Measured.query(Measured.name == "n7", Measured.age == 7).fetch()

    def counted() -> int:
        return Measured.query(Measured.age > 3).count()

    for query, most in ((equal, 42), (joined, 54), (counted, 34)):
        query()
        assert frames(query) <= most, query.__name__


def test_many_by_key(warm: ndb.Context) -> None:
    def read() -> list[Measured | None]:
        return ndb.get_multi([ndb.Key(Measured, number) for number in range(1, 51)])

    read()
    assert frames(read) / 50 <= 7  # known
    warm.clear_cache()
    assert frames(read) / 50 <= 11.5
    warm.set_cache_policy(False)
    assert frames(read) / 50 <= 7.2


@pytest.mark.usefixtures("warm")
def test_all_of_a_kind() -> None:
    assert frames(lambda: Measured.query().fetch()) / 53 <= 3.8


@pytest.mark.usefixtures("warm")
def test_get_by_id() -> None:
    assert frames(lambda: Measured.get_by_id(7)) <= 30
    assert frames(lambda: Measured.get_by_id(7)) <= 19  # known


@pytest.mark.usefixtures("warm")
def test_transaction_of_two_gets_and_two_puts() -> None:
    def move() -> None:
        one, other = Measured.get_by_id(7), Measured.get_by_id(8)
        assert one is not None
        assert other is not None
        one.score, other.score = (one.score or 0.0) - 0.25, (other.score or 0.0) + 0.25
        ndb.put_multi([one, other])

    ndb.transaction(move)
    assert frames(lambda: ndb.transaction(move)) <= 205
    assert frames(lambda: ndb.transaction(lambda: None)) <= 32
