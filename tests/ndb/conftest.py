"""What the tests of the ndb face share: a client on a database of its own, and a context of it."""

from collections.abc import Iterator

import pytest

from kindstore import ndb


@pytest.fixture(autouse=True)
def kinds(request: pytest.FixtureRequest) -> Iterator[None]:
    """For each test its own module's classes are those of their kinds: other modules have classes of the same name."""
    known = ndb.Model._kind_map
    before = dict(known)
    for each in vars(request.module).values():
        if (
            isinstance(each, type)
            and issubclass(each, ndb.Model)
            and each.__module__ == request.module.__name__
        ):
            each._update_kind_map()
    yield
    known.clear()
    known.update(before)


@pytest.fixture
def client() -> Iterator[ndb.Client]:
    with ndb.Client(url=":memory:") as made:
        yield made


@pytest.fixture
def context(client: ndb.Client) -> Iterator[ndb.Context]:
    with client.context() as entered:
        yield entered
