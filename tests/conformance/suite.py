"""The behaviour of a store, as one suite that every store must pass (laws: `kindstore.store.abc`).

A store is tested by a subclass that says how to open it:

    class TestMemory(StoreSuite):
        def open(self, path, clock): return MemoryStore(clock=clock)

A store that can check itself (`Inspect.check`) is checked after every test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kindstore.store.abc import Store
from tests.conformance.aggregations import Aggregations
from tests.conformance.cursors import Cursors
from tests.conformance.database import Clock, Database, Opener
from tests.conformance.entities import Entities
from tests.conformance.entity_groups import EntityGroups
from tests.conformance.metadata import Metadata
from tests.conformance.places import Places
from tests.conformance.projections import Projections
from tests.conformance.queries import Queries
from tests.conformance.refusals import Refusals
from tests.conformance.refused_queries import QueryRefusals
from tests.conformance.selections import Selections
from tests.conformance.transactions import Transactions


class Opened:
    """The fixtures: a store of its own for each test, and the checker after it."""

    def open(self, path: Path, clock: Clock) -> Store:
        """A new, empty store of project "kindstore"; *path* is a directory of its own."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def opener(self) -> Opener:
        return self.open

    @pytest.fixture
    def store(self, tmp_path: Path, clock: Clock) -> Iterator[Store]:
        store = self.open(tmp_path, clock)
        yield store
        check = getattr(store, "check", None)
        if check is not None:
            assert store.run(check()) == []
        store.close()

    @pytest.fixture
    def db(self, store: Store) -> Database:
        return Database(store)


class StoreSuite(Opened, Entities, Queries, Cursors, Transactions, Metadata, EntityGroups):
    """All behaviour but what is refused."""


class EveryQuerySuite(Opened, Selections, Projections, Aggregations, Places, QueryRefusals):
    """Every query that the Datastore has: a store that answers all of them passes this one too."""


class RefusalSuite(Opened, Refusals):
    """What is refused; apart, as each of its tests begins and ends with a look at the whole store."""
