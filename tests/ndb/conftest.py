"""What the tests of the ndb face share: a client on a database of its own, and a context of it."""

from collections.abc import Iterator

import pytest

from kindstore import ndb


@pytest.fixture
def client() -> Iterator[ndb.Client]:
    with ndb.Client(url=":memory:") as made:
        yield made


@pytest.fixture
def context(client: ndb.Client) -> Iterator[ndb.Context]:
    with client.context() as entered:
        yield entered
