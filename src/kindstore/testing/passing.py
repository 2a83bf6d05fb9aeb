"""A store in front of another one: every call passes one place, where it can be counted or made to fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from kindstore.store.abc import Inspect, Store
from kindstore.store.messages import (
    Aggregation,
    AndFilter,
    Committed,
    Concurrency,
    Consistency,
    Delete,
    Filter,
    Mutation,
    OrFilter,
    Page,
    PropertyFilter,
    Query,
)
from kindstore.store.program import Program, T
from kindstore.values.entity import ENTITIES, Maker
from kindstore.values.key import Key, Partition

Verb: TypeAlias = Literal[
    "lookup", "run_query", "run_aggregation", "begin", "commit", "rollback", "allocate_ids", "reserve_ids"
]

FREE: Final = frozenset({"begin", "rollback"})
"""Verbs that cost nothing: they are not counted, and don't fail."""


class Call(msgspec.Struct, frozen=True):
    """What a store is asked: its *verb*, and of its arguments those that tell calls apart."""

    verb: Verb
    keys: tuple[Key, ...] = ()
    """Those that are read, reserved, completed or written; incomplete ones too."""
    query: Query | None = None
    transaction: bytes | None = None

    def __str__(self) -> str:
        """In one line: ``lookup Author 'ada'``, ``run_query Author(born>=, order -born)``."""
        return f"{self.verb} {self.subject}".rstrip()

    @property
    def writes(self) -> bool:
        """Whether it is a commit that changes something."""
        return self.verb == "commit" and bool(self.keys)

    @property
    def subject(self) -> str:
        """What it is about, without values that differ from call to call; the key of a single one."""
        if self.query is not None:
            return form_of(self.query)
        if len(self.keys) == 1:
            kind, name = self.keys[0].path[-2:]
            return f"{kind} {name!r}" if name is not None else str(kind)
        kinds = ", ".join(sorted({str(key.path[-2]) for key in self.keys}))
        return f"{len(self.keys)} {kinds}" if self.keys else ""


class Passing:
    """*store*, each of whose calls goes through `_pass`; a `Store` itself, and `Inspect` if *store* is."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.run = store.run
        self.arun = store.arun
        self.now = store.now
        if isinstance(store, Inspect):
            self.check = store.check
            self.explain = store.explain
            self.refresh_statistics = store.refresh_statistics

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.store!r}>"

    def _pass(self, call: Call, program: Program[T]) -> Program[T]:  # noqa: ARG002
        """*program*, which does *call*; subclasses look at it, or do something else."""
        return program

    def partition(self, namespace: str = "", database: str = "") -> Partition:
        """See `Store.partition`."""
        return self.store.partition(namespace, database)

    def close(self) -> None:
        """Close the wrapped store."""
        self.store.close()

    def lookup(
        self,
        keys: Sequence[Key],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[list[Any]]:
        """See `Store.lookup`."""
        program = self.store.lookup(keys, transaction, consistency, maker=maker)
        return self._pass(Call("lookup", tuple(keys), transaction=transaction), program)

    def run_query(
        self,
        query: Query,
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        page_size: int | None = None,
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[Page[Any]]:
        """See `Store.run_query`."""
        program = self.store.run_query(query, transaction, consistency, page_size, maker=maker)
        return self._pass(Call("run_query", query=query, transaction=transaction), program)

    def run_aggregation(
        self,
        query: Query,
        aggregations: Sequence[Aggregation],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
    ) -> Program[list[Any]]:
        """See `Store.run_aggregation`."""
        program = self.store.run_aggregation(query, aggregations, transaction, consistency)
        return self._pass(Call("run_aggregation", query=query, transaction=transaction), program)

    def begin(self, read_only: bool = False, concurrency: Concurrency | None = None) -> Program[bytes]:
        """See `Store.begin`."""
        return self._pass(Call("begin"), self.store.begin(read_only, concurrency))

    def commit(self, mutations: Sequence[Mutation], transaction: bytes | None = None) -> Program[Committed]:
        """See `Store.commit`."""
        keys = [each.key if isinstance(each, Delete) else each.entity.key for each in mutations]
        call = Call("commit", tuple(key for key in keys if key is not None), transaction=transaction)
        return self._pass(call, self.store.commit(mutations, transaction))

    def rollback(self, transaction: bytes) -> Program[None]:
        """See `Store.rollback`."""
        return self._pass(Call("rollback", transaction=transaction), self.store.rollback(transaction))

    def allocate_ids(self, keys: Sequence[Key]) -> Program[list[Key]]:
        """See `Store.allocate_ids`."""
        return self._pass(Call("allocate_ids", tuple(keys)), self.store.allocate_ids(keys))

    def reserve_ids(self, keys: Sequence[Key]) -> Program[None]:
        """See `Store.reserve_ids`."""
        return self._pass(Call("reserve_ids", tuple(keys)), self.store.reserve_ids(keys))


def form_of(query: Query) -> str:
    """*query* without its values, limit and cursors: two with one form differ in nothing else.

    ``Author(ancestor, born>=, order -born)``; in filters ``&`` and ``|``.
    """
    parts = ["ancestor"] if query.ancestor is not None else []
    parts += [_filter(each) for each in query.filters]
    parts += [f"order {'-' if each.descending else ''}{each.property}" for each in query.orders]
    parts += [f"select {name}" for name in query.projection]
    parts += [f"distinct {name}" for name in query.distinct_on]
    parts += ["keys"] if query.keys_only else []
    return f"{query.kind or '*'}({', '.join(parts)})" if parts else query.kind or "*"


def _filter(one: Filter) -> str:
    match one:
        case PropertyFilter():
            return f"{one.property}{one.op}" if one.op[0] in "=!<>" else f"{one.property} {one.op}"
        case AndFilter():
            return "(" + " & ".join(map(_filter, one.filters)) + ")"
        case OrFilter():
            return "(" + " | ".join(map(_filter, one.filters)) + ")"
