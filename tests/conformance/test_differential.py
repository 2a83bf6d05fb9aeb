"""Random histories must give equal answers on every store; the one in memory is the model.

Equal are results with their types, errors by class, and which of two transactions loses.  A query that SQLite
refuses for want of a composite index is no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.store.abc import Inspect, Store
from kindstore.store.messages import (
    Concurrency,
    Count,
    Delete,
    Insert,
    Mutation,
    Order,
    PropertyFilter,
    Query,
    Update,
    Upsert,
)
from kindstore.values.entity import Entity
from kindstore.values.errors import Error, NeedIndexError
from kindstore.values.key import Key
from kindstore.values.types import GeoPt, User
from tests.conformance.database import Clock
from tests.values.strategies import PARTITION, strict

# Few of everything, so that histories meet themselves again.
PATHS = [
    ("E", 1),
    ("E", 2),
    ("E", "a"),
    ("E", "a\0"),
    ("E", 1, "E", 1),
    ("E", 1, "F", "b"),
    ("E", "a", "F", 7, "E", 3),
    ("F", 1),
    ("F", 2),
]
KEYS = [Key.of(PARTITION, path) for path in PATHS]
VALUES: list[Any] = [
    None,
    1,
    2,
    3,
    True,
    1.0,
    -0.0,
    float("nan"),
    "",
    "a",
    b"a",
    "a\0",
    "b",
    datetime(1970, 1, 1, 0, 0, 0, 1),
    GeoPt(0, 1),
    User("u", "d", "1"),
    User("u", "d", "2"),
    KEYS[0],
]

keys = st.sampled_from(KEYS)
values = st.sampled_from(VALUES) | st.sampled_from([1, 2, 3])
lists = st.lists(values, max_size=3)
nested = st.builds(lambda z: Entity.of(None, {"z": z}), values | lists)
properties = st.dictionaries(
    st.sampled_from(["x", "y", "z"]),
    values | lists | nested | st.lists(nested | values, max_size=2),
    max_size=3,
)
entities = st.builds(
    lambda key, found, unindexed: Entity.of(key, found, unindexed & found.keys()),
    keys,
    properties,
    st.frozensets(st.sampled_from(["x", "y", "z"]), max_size=1),
)
mutations: st.SearchStrategy[Mutation] = st.one_of(
    st.builds(Upsert, entities),
    st.builds(Upsert, entities),
    st.builds(Insert, entities),
    st.builds(Update, entities),
    st.builds(Delete, keys),
)

names = st.sampled_from(["x", "x", "y", "z", "x.z", "never"])
filters = st.builds(PropertyFilter, names, st.sampled_from(["=", "=", "<", "<=", ">", ">="]), values)
key_filters = st.builds(
    PropertyFilter, st.just("__key__"), st.sampled_from(["=", "<", "<=", ">", ">="]), keys
)
orders = st.builds(Order, names | st.just("__key__"), st.booleans())


queries = st.builds(
    Query,
    st.just(PARTITION),
    st.sampled_from(["E", "E", "E", "F", "New"]),
    st.none() | keys,
    st.lists(filters, max_size=2).map(tuple) | st.lists(filters | key_filters, max_size=3).map(tuple),
    st.lists(orders, max_size=1).map(tuple) | st.lists(orders, max_size=2).map(tuple),
    keys_only=st.booleans(),
    limit=st.none() | st.integers(0, 3),
    offset=st.just(0) | st.integers(0, 2),
) | st.builds(
    Query,
    st.just(PARTITION),
    st.none(),
    st.none() | keys,
    st.lists(key_filters, max_size=2).map(tuple),
    st.lists(st.builds(Order, st.just("__key__"), st.booleans()), max_size=1).map(tuple),
    keys_only=st.booleans(),
    limit=st.none() | st.integers(0, 3),
    offset=st.just(0) | st.integers(0, 2),
)


class Walk:
    """A query that is read a page at a time; each store gives its own cursors."""

    def __init__(self, query: Query, page_size: int) -> None:
        self.query = msgspec.structs.replace(query, limit=None, offset=0)
        self.page_size = page_size
        self.cursors: dict[str, bytes | None] = {"memory": None, "sqlite": None}


class Histories(RuleBasedStateMachine):
    """Two stores that are told the same."""

    transactions = Bundle("transactions")
    walks = Bundle("walks")

    @initialize()
    def open(self) -> None:
        clock = Clock()
        self.stores: dict[str, Store] = {
            "sqlite": connect(":memory:", clock=clock),
            "memory": MemoryStore(clock=clock),
        }

    def both(self, ask: Callable[[Store, str], Any]) -> Any:
        """What both stores answer; an error as its class, NeedIndexError where SQLite wants an index."""
        answers: dict[str, Any] = {}
        for name, store in self.stores.items():
            try:
                answers[name] = ask(store, name)
            except NeedIndexError:
                return NeedIndexError
            except Error as error:
                answers[name] = type(error)
        assert answers["sqlite"] == answers["memory"]
        return answers["memory"]

    def transaction(self, held: dict[str, bytes] | None, name: str) -> bytes | None:
        return None if held is None else held[name]

    # Outside transactions

    @rule(mutations=st.lists(mutations, min_size=1, max_size=3))
    def commit(self, mutations: list[Mutation]) -> None:
        self.both(lambda store, _: [key.path for key in store.run(store.commit(mutations)).keys])

    @rule(entity=entities)
    def put(self, entity: Entity) -> None:
        self.both(lambda store, _: [key.path for key in store.run(store.commit([Upsert(entity)])).keys])

    @rule(wanted=st.lists(keys, max_size=4))
    def lookup(self, wanted: list[Key]) -> None:
        self.look_up(None, wanted)

    @rule(query=queries)
    def run_query(self, query: Query) -> None:
        self.ask(None, query)

    @rule(query=queries, up_to=st.none() | st.integers(0, 3))
    def count(self, query: Query, up_to: int | None) -> None:
        self.ask_count(None, query, up_to)

    # Walks, with writes in between

    @rule(target=walks, query=queries, page_size=st.integers(1, 3))
    def begin_walk(self, query: Query, page_size: int) -> Walk:
        return Walk(query, page_size)

    @rule(walk=walks)
    def go_on(self, walk: Walk) -> None:
        def ask(store: Store, name: str) -> Any:
            query = msgspec.structs.replace(walk.query, start=walk.cursors[name])
            page = store.run(store.run_query(query, page_size=walk.page_size))
            walk.cursors[name] = page.cursor
            return [strict(entity) for entity in page.results]

        self.both(ask)

    @rule(walk=walks)
    def use_a_cursor_as_the_end(self, walk: Walk) -> None:
        if None in walk.cursors.values():
            return

        def ask(store: Store, name: str) -> Any:
            bounded = msgspec.structs.replace(walk.query, end=walk.cursors[name])
            return [strict(entity) for entity in store.run(store.run_query(bounded)).results]

        self.both(ask)

    # Transactions

    @rule(
        target=transactions,
        read_only=st.sampled_from([False, False, False, True]),
        concurrency=st.sampled_from(Concurrency),
    )
    def begin(self, read_only: bool, concurrency: Concurrency) -> dict[str, bytes]:
        return {name: store.run(store.begin(read_only, concurrency)) for name, store in self.stores.items()}

    @rule(held=transactions, wanted=st.lists(keys, min_size=1, max_size=2))
    def lookup_in(self, held: dict[str, bytes], wanted: list[Key]) -> None:
        self.look_up(held, wanted)

    @rule(held=transactions, query=queries)
    def query_in(self, held: dict[str, bytes], query: Query) -> None:
        self.ask(held, query)

    @rule(held=transactions, query=queries, up_to=st.none() | st.integers(0, 3))
    def count_in(self, held: dict[str, bytes], query: Query, up_to: int | None) -> None:
        self.ask_count(held, query, up_to)

    @rule(held=consumes(transactions), mutations=st.lists(mutations, max_size=3))
    def commit_in(self, held: dict[str, bytes], mutations: list[Mutation]) -> None:
        self.both(
            lambda store, name: [key.path for key in store.run(store.commit(mutations, held[name])).keys]
        )

    @rule(held=consumes(transactions))
    def rollback(self, held: dict[str, bytes]) -> None:
        self.both(lambda store, name: store.run(store.rollback(held[name])))

    # What all of them ask

    def look_up(self, held: dict[str, bytes] | None, wanted: list[Key]) -> None:
        self.both(
            lambda store, name: [
                None if entity is None else strict(entity)
                for entity in store.run(store.lookup(wanted, self.transaction(held, name)))
            ]
        )

    def ask(self, held: dict[str, bytes] | None, query: Query) -> None:
        def answer(store: Store, name: str) -> Any:
            page = store.run(store.run_query(query, self.transaction(held, name)))
            return [strict(entity) for entity in page.results]

        self.give_up(held, self.both(answer))

    def ask_count(self, held: dict[str, bytes] | None, query: Query, up_to: int | None) -> None:
        answer = self.both(
            lambda store, name: store.run(
                store.run_aggregation(query, [Count(up_to), Count()], self.transaction(held, name))
            )
        )
        self.give_up(held, answer)

    def give_up(self, held: dict[str, bytes] | None, answer: Any) -> None:
        """End a transaction of which one store has read more than the other."""
        if held is not None and answer is NeedIndexError:
            for name, store in self.stores.items():
                store.run(store.rollback(held[name]))

    def teardown(self) -> None:
        if not hasattr(self, "stores"):
            return
        sqlite = self.stores["sqlite"]
        assert sqlite.run(as_inspect(sqlite).check()) == []
        everything = Query(PARTITION)
        self.ask(None, everything)
        for store in self.stores.values():
            store.close()


def as_inspect(store: Any) -> Inspect:
    """*store*, which can check itself."""
    found: Inspect = store
    return found


TestHistories = Histories.TestCase
TestHistories.settings = settings(stateful_step_count=40)
