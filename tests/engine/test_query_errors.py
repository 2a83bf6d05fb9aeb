"""Every error of a query is raised before any statement runs, and says what to change.

The programs are fed by hand: one that asks for anything at all before its error fails the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from kindstore.connect import connect
from kindstore.engine.store import EngineStore
from kindstore.store.gql import Dialect, bind, parse
from kindstore.store.messages import Concurrency, Count, Order, PropertyFilter, Query, Sum, Upsert
from kindstore.store.program import Program
from kindstore.values.entity import Entity
from kindstore.values.errors import BadCursorError, Error, NeedIndexError
from kindstore.values.key import Key, Partition
from kindstore.values.types import User
from tests.conformance.refused_queries import (
    ALLOWED,
    KEY,
    OTHERS_KEY,
    REFUSED,
    REFUSED_AGGREGATIONS,
    SPACE,
    asked,
    x,
)

VALUES: dict[str, Any] = {
    "a list": [1],
    "an embedded entity": Entity.of(None, {}),
    "a value of no type": ...,
    "too great an int": 2**63,
    "too long for an index": "x" * 1501,
    "too many bytes for an index": b"x" * 1501,
    "lone surrogates": "\ud800",
    "a datetime with a zone": datetime(2026, 1, 1, tzinfo=UTC),
    "a user with lone surrogates": User("\ud800"),
    "an incomplete key": Key.of(SPACE, ("E", None)),
}
"""What no index holds, and nothing is compared with."""

KEYS: dict[str, Key] = {
    "incomplete": Key.of(SPACE, ("E", None)),
    "incomplete in the middle": Key.of(SPACE, ("E", None, "E", 1)),
    "an id of 0": Key.of(SPACE, ("E", 0)),
    "too great an id": Key.of(SPACE, ("E", 2**63)),
    "an empty name": Key.of(SPACE, ("E", "")),
    "too long a name": Key.of(SPACE, ("E", "n" * 1501)),
    "an id of another type": Key.of(SPACE, ("E", 1.5)),
    "an empty kind": Key.of(SPACE, ("", 1)),
    "a name with lone surrogates": Key.of(SPACE, ("E", "\ud800")),
    "of another namespace": OTHERS_KEY,
    "of another project": Key.of(Partition.of("another"), ("E", 1)),
}
"""Keys that no entity has, or none in the partition of the query."""

QUERIES: dict[str, Query] = {
    **REFUSED,
    **{f"{op} {name}": asked(x(op, value)) for name, value in VALUES.items() for op in ("=", "<", "!=")},
    **{f"__key__ = a key {name}": asked(x("=", key, "__key__")) for name, key in KEYS.items()},
    **{f"__key__ IN a key {name}": asked(x("IN", (KEY, key), "__key__")) for name, key in KEYS.items()},
    **{f"an ancestor {name}": asked(ancestor=key) for name, key in KEYS.items()},
    "of another project": Query(Partition.of("another"), "E"),
    "a kind that is no str": asked(kind=1),  # type: ignore[arg-type]
    "too long a kind": asked(kind="K" * 1501),
    "a name that is no str": asked(x("=", 1, 1)),  # type: ignore[arg-type]
    "an order by a name that is no str": Query(SPACE, "E", orders=(Order(1),)),  # type: ignore[arg-type]
    "an order by an empty name": Query(SPACE, "E", orders=(Order(""),)),
    "entity groups": asked(kind="__entity_group__"),
    "metadata, projected": asked(kind="__kind__", projection=("x",)),
    "metadata, by a property": asked(x("=", 1), kind="__kind__"),
    "metadata, downwards": asked(kind="__kind__", orders="-__key__"),
    "metadata, by a key of another kind": asked(x(">", KEY, "__key__"), kind="__kind__"),
    "kinds below an ancestor": asked(kind="__kind__", ancestor=KEY),
    "properties below a key of another kind": asked(kind="__property__", ancestor=KEY),
    "what is no cursor": asked(start=b"no cursor"),
    "what is no cursor, at the end": asked(end=b""),
}


def warm() -> EngineStore:
    """A store that knows the forms of all sorts of queries, so that it looks at their operands alone."""
    store = connect(":memory:")
    assert isinstance(store, EngineStore)
    entity = Entity.of(KEY, {"x": 1, "y": 2, "z": 3})
    store.run(store.commit([Upsert(entity)]))
    simple = [asked(x(op, 1)) for op in ("=", "<", ">", "<=", ">=")]
    by_key = [asked(x(op, KEY, "__key__")) for op in ("=", ">")]
    for query in [*ALLOWED.values(), *simple, *by_key, asked(ancestor=KEY), asked(limit=1)]:
        for _ in range(3):
            store.run(store.run_query(query))
            store.run(store.run_aggregation(query, [Count()]))
    return store


def cold() -> EngineStore:
    """A store that has read nothing yet, and is strict about composite indexes."""
    store = connect(":memory:", indexes="strict")
    assert isinstance(store, EngineStore)
    return store


@pytest.fixture(scope="module", params=[warm, cold], ids=lambda each: each.__name__)
def store(request: pytest.FixtureRequest) -> Iterator[EngineStore]:
    opened: EngineStore = request.param()
    yield opened
    opened.close()


def refused(verb: Callable[..., Program[Any]], *args: Any, **options: Any) -> Error:
    """The error of the program that *verb* makes of its arguments; the program may not ask for anything before."""
    with pytest.raises(Error) as caught:
        pytest.fail(f"asked for {next(verb(*args, **options))}")
    assert caught.value.hint, caught.value
    return caught.value


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_refused_before_any_statement_with_a_hint(store: EngineStore, name: str) -> None:
    query = QUERIES[name]
    refused(store.run_query, query)
    refused(store.run_aggregation, query, [Count()])


@pytest.mark.parametrize("name", REFUSED_AGGREGATIONS)
def test_an_aggregation_is_refused_before_any_statement_with_a_hint(store: EngineStore, name: str) -> None:
    refused(store.run_aggregation, *REFUSED_AGGREGATIONS[name])


def test_a_cursor_is_refused_before_any_statement_with_a_hint(store: EngineStore) -> None:
    first = asked(orders="x")
    cursor = store.run(store.run_query(first)).cursor
    assert cursor is not None
    for other in (
        asked(orders="y"),
        asked(orders="x", kind="F"),
        asked(x(">", 1)),
        asked(orders="x y z"),
    ):
        for bound in ({"start": cursor}, {"end": cursor}):
            error = refused(store.run_query, _with(other, **bound))
            assert isinstance(error, BadCursorError)
    damaged = cursor[:-1] + bytes([cursor[-1] ^ 1])
    assert isinstance(refused(store.run_query, _with(first, start=damaged)), BadCursorError)


def _with(query: Query, **fields: Any) -> Query:
    return msgspec.structs.replace(query, **fields)


def test_a_page_size_is_refused_before_any_statement_with_a_hint(store: EngineStore) -> None:
    refused(store.run_query, asked(), page_size=-1)
    refused(store.run_query, asked(kind="__kind__"), page_size=-1)


@pytest.mark.parametrize("mode", Concurrency)
def test_in_a_transaction_a_query_is_refused_before_any_statement(
    store: EngineStore, mode: Concurrency
) -> None:
    transaction = store.run(store.begin(concurrency=mode))
    below = x("=", 1)
    for query in (
        asked(x("IN", ()), ancestor=KEY),
        asked(below, x("!=", 1), x("!=", 2), ancestor=KEY),
        asked(ancestor=KEY, start=b"no cursor"),
        asked(kind="__kind__"),
    ):
        refused(store.run_query, query, transaction)
        refused(store.run_aggregation, query, [Count()], transaction)
    refused(store.run_aggregation, asked(ancestor=KEY), [Sum("__key__")], transaction)
    refused(store.run_query, asked(), b"no transaction")
    if mode is Concurrency.OPTIMISTIC_WITH_ENTITY_GROUPS:
        refused(store.run_query, asked(), transaction)
        refused(store.run_aggregation, asked(), [Count()], transaction)
    store.run(store.rollback(transaction))


def test_a_missing_index_is_reported_after_a_look_at_the_indexes_alone() -> None:
    """Another process may have made the index a moment ago; the entities and their rows are not read."""
    store = cold()
    program = store.run_query(Query(SPACE, "E", filters=(PropertyFilter("x", ">", 1),), orders=(Order("y"),)))
    catalog = next(program)
    assert not any(" entity" in text or "index_" in text for text, _ in catalog), catalog
    with pytest.raises(NeedIndexError) as caught:
        program.send(store.run(_asking(catalog)))
    assert caught.value.hint
    store.close()


def _asking(batch: Any) -> Program[Any]:
    return (yield batch)


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("SELECT * FROM A LIMIT @1", [-1]),
        ("SELECT * FROM A LIMIT @1", ["a"]),
        ("SELECT * FROM A WHERE a IN @1", [1]),
        ("SELECT * FROM A WHERE a IN @1", [[]]),
        ("SELECT * FROM A WHERE __key__ HAS ANCESTOR @1", ["a"]),
        ("SELECT * FROM A WHERE a = @1", []),
        ("SELECT * FROM A", [1]),
        ("SELECT * FROM A WHERE a IN ARRAY(@1)", [[1]]),
        ("SELECT * FROM A LIMIT 99999999999", []),
        ("SELECT * FROM A WHERE a = 1e999", []),
        ("SELECT * FROM A WHERE a = KEY(A, 0)", []),
        (1, []),
    ],
)
def test_a_query_as_a_text_is_refused_with_a_hint(text: Any, args: list[Any]) -> None:
    with pytest.raises(Error) as caught:
        bind(parse(text, Dialect.V1), SPACE, args)
    assert caught.value.hint, caught.value
