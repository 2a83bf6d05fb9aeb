"""What a store is asked and answers: immutable messages, the same for every store.

They follow the messages of ``google.datastore.v1`` (spec/v1.md), in our words.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from kindstore.values.entity import Entity
from kindstore.values.key import Key, Partition


class Consistency(enum.Enum):
    """What a read outside a transaction may see."""

    STRONG = "strong"
    EVENTUAL = "eventual"


class Concurrency(enum.Enum):
    """What makes two transactions conflict (architecture, section 6)."""

    OPTIMISTIC = "optimistic"
    """An entity or query result that was read has changed.  The default."""

    OPTIMISTIC_WITH_ENTITY_GROUPS = "optimistic-with-entity-groups"
    """The law of App Engine (spec/service.md 3.8): any change in an entity group that was touched conflicts;
    25 groups at most, ancestor queries only."""


class Indexes(enum.Enum):
    """What becomes of a query that needs a composite index which is not there."""

    PERMISSIVE = "permissive"
    """It is answered without; the index is suggested in the file of indexes.  The default."""

    STRICT = "strict"
    """`NeedIndexError`, as in production on App Engine; nothing is suggested."""


class Upsert(msgspec.Struct, frozen=True, gc=False):
    """Write *entity*, there or not.  An incomplete key gets an id."""

    entity: Entity
    base_version: int | None = None
    """`ConflictError` unless the stored version is this one (0: not stored)."""


class Insert(msgspec.Struct, frozen=True, gc=False):
    """Write *entity*; `AlreadyExistsError` if its key is taken.  An incomplete key gets an id."""

    entity: Entity
    base_version: int | None = None


class Update(msgspec.Struct, frozen=True, gc=False):
    """Write *entity*; `NotFoundError` if it is not stored."""

    entity: Entity
    base_version: int | None = None


class Delete(msgspec.Struct, frozen=True, gc=False):
    """Remove the entity of *key*, there or not."""

    key: Key
    base_version: int | None = None


Mutation: TypeAlias = Upsert | Insert | Update | Delete


class Committed(msgspec.Struct, frozen=True):
    """A commit that is durable: the complete key of each mutation, in order, and the version of what it changed.

    An entity that was put as it stands already is not rewritten, and keeps the version that it has: look it up
    before you name its version as a `base_version`.
    """

    keys: list[Key]
    version: int


class PropertyFilter(msgspec.Struct, frozen=True):
    """*property* *op* *value*.  Property ``__key__`` is the entity's key.

    *op* is one of ``= != < <= > >= IN NOT_IN``; for the last two *value* is a tuple of values.
    """

    property: str
    op: str
    value: Any


class AndFilter(msgspec.Struct, frozen=True):
    """All of *filters* must hold."""

    filters: tuple[Filter, ...]


class OrFilter(msgspec.Struct, frozen=True):
    """At least one of *filters* must hold."""

    filters: tuple[Filter, ...]


Filter: TypeAlias = PropertyFilter | AndFilter | OrFilter


class Order(msgspec.Struct, frozen=True):
    """Sort by *property*, upwards unless *descending*."""

    property: str
    descending: bool = False


class Query(msgspec.Struct, frozen=True):
    """Which entities, in which order.  All filters must hold; see spec/service.md 3.2 for lists of values."""

    partition: Partition
    kind: str | None = None
    ancestor: Key | None = None
    filters: tuple[Filter, ...] = ()
    orders: tuple[Order, ...] = ()
    projection: tuple[str, ...] = ()
    """Only these properties, read from the indexes; one result for each combination of their values."""
    distinct_on: tuple[str, ...] = ()
    """Only the first result, in the query's order, of each combination of the values of these properties."""
    keys_only: bool = False
    limit: int | None = None
    offset: int = 0
    start: bytes | None = None
    """Cursor after which to begin."""
    end: bytes | None = None
    """Cursor at which to stop, its own result included."""


R = TypeVar("R")


class Page(msgspec.Struct, Generic[R], frozen=True):
    """Some results of a query, in order.  Those of a keys-only query have no values."""

    results: list[R]
    more: bool
    """True if the query has, or may have, further results after this page (before its limit)."""
    cursor_after: Callable[[int], bytes]
    """The cursor after the n-th result of this page, counted from 0; -1 is where the page began."""

    @property
    def cursor(self) -> bytes:
        """Where this page ends: the start of the next one."""
        return self.cursor_after(len(self.results) - 1)


class Count(msgspec.Struct, frozen=True):
    """How many results, counted to *up_to* at most."""

    up_to: int | None = None


class Sum(msgspec.Struct, frozen=True):
    """The sum of the numbers among the values of *property*; 0 of none (spec/service.md 2.2)."""

    property: str


class Average(msgspec.Struct, frozen=True):
    """The mean of the numbers among the values of *property*; None of none."""

    property: str


Aggregation: TypeAlias = Count | Sum | Average
