"""Projections through generated code: what the entities themselves have, cold and warm, on SQLite and in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kindstore import ndb
from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from tests.scale import scaled


class Flat(ndb.Model):
    city = ndb.StringProperty()
    zip = ndb.IntegerProperty("z")


class Work(ndb.Model):
    name = ndb.StringProperty("n")
    score = ndb.FloatProperty()
    good = ndb.BooleanProperty()
    seen = ndb.DateTimeProperty()
    day = ndb.DateProperty()
    raw = ndb.BlobProperty(indexed=True)
    friend = ndb.KeyProperty()
    marks = ndb.IntegerProperty(repeated=True)
    words = ndb.StringProperty(repeated=True)
    home = ndb.StructuredProperty(Flat)


names = st.sampled_from(["", "a", "ł", "a\x00", "\U0001f600"])
works: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    name=st.none() | names,
    score=st.none() | st.sampled_from([0.0, -0.0, 1.5, float("inf")]),
    good=st.none() | st.booleans(),
    seen=st.none() | st.sampled_from([dt.datetime(1969, 12, 31, 1), dt.datetime(2020, 1, 2, 3, 4, 5, 6)]),
    day=st.none() | st.sampled_from([dt.date(1, 1, 1), dt.date(2020, 1, 2)]),
    raw=st.none() | st.sampled_from([b"", b"\xff\x00"]),
    friend=st.none() | st.sampled_from([ndb.Key("Work", 1), ndb.Key("P", "ł", "Work", 2)]),
    marks=st.lists(st.sampled_from([-1, 0, 2**63 - 1]), max_size=3),
    words=st.lists(names, max_size=3),
    home=st.none() | st.builds(Flat, city=st.none() | names, zip=st.none() | st.sampled_from([0, 7])),
)
COLUMNS: dict[str, Any] = {
    **{name: getattr(Work, name) for name in ("name", "score", "good", "seen", "day", "raw", "friend")},
    "marks": Work.marks,
    "words": Work.words,
    "home.city": Work.home.city,
    "home.zip": Work.home.zip,
}


@pytest.fixture(scope="module")
def clients() -> Iterator[list[ndb.Client]]:
    """Those that remember, of all examples, and one whose store plans nothing."""
    made = [ndb.Client(store=connect(":memory:")), ndb.Client(store=MemoryStore())]
    yield made
    for each in made:
        each.close()


def value_of(result: Any, column: str) -> Any:
    """The value of *column*: of a list its only one."""
    for part in column.split("."):
        result = None if result is None else getattr(result, part)
    return result


def seen(result: Any, columns: list[str]) -> Any:
    values: list[Any] = []
    for column in columns:
        value = value_of(result, column)
        if isinstance(value, list):
            [value] = value
        values.append((type(value), value))
    return result.key, *values


def expected(entity: Any, columns: list[str]) -> set[Any]:
    """What a projection of *columns* makes of *entity*: each combination of its values once, none if it lacks one."""
    choices: list[list[Any]] = []
    for column in columns:
        if column.startswith("home") and entity.home is None:
            return set()  # its parts are not there
        value = value_of(entity, column)
        choices.append(value if isinstance(value, list) else [value])
    return {
        (entity.key, *((type(value), value) for value in each))
        for each in product(*map(dict.fromkeys, choices))
    }


def in_pages(query: Any, columns: list[str]) -> list[Any]:
    found: list[Any] = []
    cursor, more = None, True
    while more:
        page, cursor, more = query.fetch_page(2, start_cursor=cursor)
        found += [seen(each, columns) for each in page]
    return found


@settings(max_examples=scaled(60, soak=4_000), deadline=None)
@given(
    rows=st.lists(works, min_size=1, max_size=4),
    columns=st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=3, unique=True),
    distinct=st.booleans(),
    order=st.sampled_from([None, 1, -1]),
    limit=st.none() | st.integers(0, 4),
)
def test_a_projection_is_what_the_entities_have(
    clients: list[ndb.Client],
    rows: list[dict[str, Any]],
    columns: list[str],
    distinct: bool,
    order: int | None,
    limit: int | None,
) -> None:
    answers: list[list[Any]] = []
    for client in clients:
        with client.context(cache_policy=False):
            ndb.delete_multi(Work.query().fetch(keys_only=True))
            entities = [Work(id=number, **row) for number, row in enumerate(rows, 1)]
            ndb.put_multi(entities)
            projection = [COLUMNS[name] for name in columns]
            query = Work.query(projection=projection, distinct_on=projection if distinct else None)
            if order is not None:
                query = query.order(projection[0] if order > 0 else -projection[0])
            whole = [seen(each, columns) for each in query.fetch()]
            assert whole == [seen(each, columns) for each in query.fetch()]
            wanted = set[Any]().union(*(expected(each, columns) for each in entities))
            if distinct:
                assert len(whole) == len({each[1:] for each in whole}) == len({each[1:] for each in wanted})
                assert set(whole) <= wanted
            else:
                assert len(whole) == len(set(whole))
                assert set(whole) == wanted
            assert in_pages(query, columns) == whole
            assert [seen(each, columns) for each in query.fetch(limit, offset=1)] == whole[1:][:limit]
            assert query.count() == len(whole)
            answers.append(whole)
    assert answers[0] == answers[1]
