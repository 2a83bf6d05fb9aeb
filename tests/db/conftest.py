"""What the tests of the db face share: a client on a database of its own, in a context of it."""

from collections.abc import Iterator

import pytest

from kindstore import db
from kindstore.db.kinds import kind_map


@pytest.fixture(autouse=True)
def kinds() -> Iterator[None]:
    """Classes that a test makes are forgotten with it."""
    before = dict(kind_map)
    yield
    kind_map.clear()
    kind_map.update(before)


@pytest.fixture(autouse=True)
def client() -> Iterator[db.Client]:
    with db.Client(url=":memory:") as made, made.context():
        yield made
