"""Running queries: programs from a query in the store's words to a model's instances, and walking its pages.

Iteration is a loop of pages by cursor (architecture, section 5): between pages nothing is held open.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from kindstore.mapper.context import UNKNOWN, Context, caches
from kindstore.mapper.filters import Node, PostFilterNode, PropertyOrder, conjunction_of
from kindstore.mapper.model import Model
from kindstore.mapper.references import key_of_class
from kindstore.mapper.schema import schema_of
from kindstore.store.messages import Consistency, Count, Order, Page, PropertyFilter, Query
from kindstore.store.program import Program
from kindstore.values.entity import Entity
from kindstore.values.key import Key, Partition

FIRST_PAGE: Final = 1000
"""Results of the first page of a fetch without limit; each further one has four times as many as the one before."""

LARGEST_PAGE: Final = 64_000

FIRST_STEP: Final = 50
"""The same for iterating, where it is unknown how far somebody will go."""

LARGEST_STEP: Final = 1000


def compiled(
    partition: Partition,
    kind: str | None,
    ancestor: Key | None,
    filters: Node | None,
    orders: Iterable[PropertyOrder],
) -> tuple[Query, tuple[PostFilterNode, ...]]:
    """The query in the store's words, and the predicates to ask of its results.

    `BadQueryError` for filters that are not supported yet (`filters.conjunction_of`).
    """
    nodes, after = conjunction_of(filters)
    query = Query(
        partition,
        kind,
        ancestor,
        tuple(PropertyFilter(node.name, node.op, node.value) for node in nodes),
        tuple(Order(order.name, order.reverse) for order in orders),
    )
    return query, after


class Reading:
    """How the results of a query become what its caller gets: instances of *model* (None: by their kind), or keys.

    *key_class* is the face's class of keys; *predicates* decide which results stay; *use_cache* is the call's
    option, None for the context's policy.
    """

    __slots__ = ("context", "key_class", "keys_only", "model", "predicates", "use_cache")

    def __init__(
        self,
        context: Context,
        model: Any,
        key_class: type[Key],
        keys_only: bool = False,
        predicates: Sequence[PostFilterNode] = (),
        use_cache: bool | None = None,
    ) -> None:
        self.context, self.model, self.key_class = context, model, key_class
        self.keys_only, self.predicates, self.use_cache = keys_only, predicates, use_cache

    def stays(self, entity: Entity) -> bool:
        """Whether every predicate says yes to *entity*."""
        return all(node.predicate(entity) for node in self.predicates)

    def results(self, entities: Iterable[Entity]) -> list[Any]:
        """What the caller gets for *entities*.

        A result whose entity the context knows is that object, edits and all; one that it knows to be deleted is
        left out (spec/ndb.md 2.4).
        """
        cls = self.key_class
        if self.keys_only:
            return [key_of_class(key, cls) for key in _keys(entities)]
        # Of one kind, the schema is looked up once for all.
        load = self.instance if self.model is None else schema_of(self.model).from_entity
        identities = self.context.identities
        if identities is None or self.use_cache is False:
            return list(map(load, entities))
        found: list[Any] = []
        partition, known = None, dict[bytes, Any]()
        always = self.use_cache or (
            self.context.policy is None
            and self.model is not None
            and getattr(self.model, "_use_cache", None) in (None, True)
        )
        for entity in entities:
            key = entity.key
            assert key is not None
            if key.partition is not partition:
                partition, known = key.partition, identities.of(key.partition)
            packed = key.path_bytes
            instance = known.get(packed, UNKNOWN)
            if instance is UNKNOWN or (instance is not None and instance._key != key):
                instance = load(entity)
                if always or caches(self.context, key, type(instance)):
                    known[packed] = instance
            if instance is not None:
                found.append(instance)
        return found

    def instance(self, entity: Entity) -> Any:
        """The instance for *entity*, of the class of its kind."""
        key = entity.key
        assert key is not None
        return schema_of(Model._lookup_model(key.path[-2])).from_entity(entity)


def _keys(entities: Iterable[Entity]) -> Iterable[Key]:
    return (entity.key for entity in entities if entity.key is not None)


def fetch(reading: Reading, query: Query) -> Program[list[Any]]:
    """All results of *query*."""
    if reading.predicates:
        return (yield from _sieve(reading, query))
    context = reading.context
    transaction = context.transaction
    name = None if transaction is None else transaction.name
    if query.limit is not None:
        page: Page[Entity] = yield from context.store.run_query(query, name)
        return reading.results(page.results)
    size = FIRST_PAGE
    found: list[Any] = []
    while True:
        page = yield from context.store.run_query(query, name, Consistency.STRONG, size)
        found += reading.results(page.results)
        if not page.more:
            return found
        query = replace(query, start=page.cursor, offset=0)
        size = min(4 * size, LARGEST_PAGE)


def _sieve(reading: Reading, query: Query) -> Program[list[Any]]:
    """The results of *query* that fulfil the predicates, its offset and limit counted after them."""
    walk = Walk(reading, query, FIRST_PAGE, LARGEST_PAGE)
    found: list[Any] = []
    while (yield from walk.has_next()):
        found.append(walk.take())
    return found


def count(reading: Reading, query: Query) -> Program[int]:
    """How many results *query* has, up to its limit."""
    if reading.predicates:
        return len((yield from _sieve(reading, query)))
    transaction = reading.context.transaction
    name = None if transaction is None else transaction.name
    counted: list[int] = yield from reading.context.store.run_aggregation(query, (Count(),), name)
    return counted[0]


class Walk:
    """A walk over the results of a query, page by page, with the cursors between them."""

    def __init__(
        self, reading: Reading, query: Query, step: int = FIRST_STEP, largest: int = LARGEST_STEP
    ) -> None:
        self._reading = reading
        self._query = query
        self._step, self._largest = step, largest
        self._sieved = bool(reading.predicates)
        # With predicates, limit and offset are ours to count, else the store's.
        self._left = query.limit if self._sieved else None
        self._skip = query.offset if self._sieved else 0
        if self._sieved:
            self._query = replace(query, limit=None, offset=0)
        self._ready: list[tuple[Any, Callable[[], bytes], Callable[[], bytes]]] = []
        self._at = 0
        self._more = True
        self._before: Callable[[], bytes] | None = None
        self._after: Callable[[], bytes] | None = None

    def is_ready(self) -> bool:
        """Whether the next result is at hand without reading."""
        return self._left != 0 and self._at < len(self._ready)

    def has_next(self) -> Program[bool]:
        """Whether there is another result; reads the next page if need be."""
        if self._left == 0:
            return False
        while self._at >= len(self._ready):
            if not self._more:
                return False
            yield from self._read()
        return True

    def probably_has_next(self) -> bool:
        """Whether there may be another result, as far as can be told without reading."""
        return self._left != 0 and (self._more or self._at < len(self._ready))

    def take(self) -> Any:
        """The next result, after `has_next` said that there is one."""
        result, self._before, self._after = self._ready[self._at]
        self._at += 1
        if self._left is not None:
            self._left -= 1
        return result

    def cursor_before(self) -> bytes | None:
        """The cursor before the result taken last; None if none was."""
        return None if self._before is None else self._before()

    def cursor_after(self) -> bytes | None:
        """The cursor after the result taken last; None if none was."""
        return None if self._after is None else self._after()

    def _read(self) -> Program[None]:
        reading, query = self._reading, self._query
        transaction = reading.context.transaction
        name = None if transaction is None else transaction.name
        size = self._step if query.limit is None else min(self._step, query.limit)
        page: Page[Entity] = yield from reading.context.store.run_query(query, name, Consistency.STRONG, size)
        self._more = page.more and (query.limit is None or query.limit > len(page.results))
        limit = None if query.limit is None else query.limit - len(page.results)
        self._query = replace(query, start=page.cursor, offset=0, limit=limit)
        self._step = min(4 * self._step, self._largest)
        self._ready, self._at = [], 0
        for at, entity in enumerate(page.results):
            if self._sieved:
                if not reading.stays(entity):
                    continue
                if self._skip:
                    self._skip -= 1
                    continue
            for result in reading.results((entity,)):
                self._ready.append((result, _cursor(page, at - 1), _cursor(page, at)))


def _cursor(page: Page[Any], at: int) -> Callable[[], bytes]:
    return lambda: page.cursor_after(at)


def fetch_page(reading: Reading, query: Query, size: int) -> Program[tuple[list[Any], bytes | None, bool]]:
    """At most *size* results, the cursor after the last one (None without any), and whether there may be more."""
    if reading.predicates:
        walk = Walk(reading, query, max(1, size))
        found: list[Any] = []
        while len(found) < size and (yield from walk.has_next()):
            found.append(walk.take())
        return found, walk.cursor_after(), bool(found) and walk.probably_has_next()
    transaction = reading.context.transaction
    name = None if transaction is None else transaction.name
    page: Page[Entity] = yield from reading.context.store.run_query(query, name, Consistency.STRONG, size)
    more = page.more and (query.limit is None or query.limit > len(page.results))
    if not page.results:
        return [], None, False
    return reading.results(page.results), page.cursor, more
