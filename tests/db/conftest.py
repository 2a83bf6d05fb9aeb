"""What the tests of the db face share: a client on a database of its own, in a context of it."""

from collections.abc import Iterator

import pytest

from kindstore import db
from kindstore.db.kinds import kind_map


@pytest.fixture(autouse=True)
def kinds(request: pytest.FixtureRequest) -> Iterator[None]:
    """For each test its own module's classes are those of their kinds; what it makes is forgotten with it."""
    before = dict(kind_map)
    for each in vars(request.module).values():
        if (
            isinstance(each, type)
            and issubclass(each, db.Model)
            and each.__module__ == request.module.__name__
        ):
            kind_map[each.kind()] = each
    yield
    kind_map.clear()
    kind_map.update(before)


@pytest.fixture(autouse=True)
def client() -> Iterator[db.Client]:
    with db.Client(url=":memory:") as made, made.context():
        yield made
