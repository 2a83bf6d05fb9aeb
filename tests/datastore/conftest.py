"""A client of a store in memory, whose whole content is checked after each test."""

from collections.abc import Iterator

import pytest

from kindstore import datastore
from kindstore.backends.sqlite import open_store


@pytest.fixture
def client() -> Iterator[datastore.Client]:
    store = open_store(":memory:", project="p")
    with datastore.Client(store=store) as client:
        yield client
    assert store.run(store.check()) == []
    store.close()
