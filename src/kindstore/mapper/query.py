"""Running queries: programs from a query in the store's words to a model's instances, and walking its pages.

Iteration is a loop of pages by cursor (architecture, section 5): between pages nothing is held open.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from kindstore.mapper.asked import asked_of
from kindstore.mapper.context import Context, always_caches, caches, never
from kindstore.mapper.filters import Node, PostFilterNode, PropertyOrder
from kindstore.mapper.identities import UNKNOWN
from kindstore.mapper.model import Model
from kindstore.mapper.operations import BY_KIND
from kindstore.mapper.projection import Projecting
from kindstore.mapper.references import is_at
from kindstore.mapper.schema import schema_of
from kindstore.store.abc import Inspect
from kindstore.store.messages import Aggregation, Consistency, Count, Order, Page, Query
from kindstore.store.program import Program
from kindstore.values.entity import Decode, Entity, LoadMany, Maker, Readers, Shape
from kindstore.values.errors import BadQueryError
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
    orders: Sequence[PropertyOrder],
    distinct_on: tuple[str, ...] = (),
) -> tuple[Query, tuple[PostFilterNode, ...]]:
    """The query in the store's words, and the predicates to ask of its results.

    `BadArgumentError` for a parameter that is not bound.
    """
    conditions, after = ((), ()) if filters is None else asked_of(filters)
    sorting: tuple[Order, ...] = ()
    for order in orders:  # few of them: no comprehension, which is one more call
        sorting += (Order(order.name, order.reverse),)
    return Query(partition, kind, ancestor, conditions, sorting, (), distinct_on), after


def projected(
    context: Context, model: Any, kind: str | None, key_class: type[Key], predicates: Sequence[PostFilterNode]
) -> Reading:
    """How the results of a projection become instances of *model* (None: of the class of *kind*).

    They do not come from the identity map, nor go there: they are no whole entities.
    """
    if predicates:
        raise BadQueryError(
            "results that are looked at one by one can't be a projection, nor distinct",
            hint="Read the whole entities, or compare one property of a repeated structure.",
        )
    if model is None and kind is not None:
        model = Model._lookup_model(kind)
    reading = Reading(context, model, key_class, use_cache=False)
    if model is not None:
        reading.loader = Projecting(model, key_class)
    return reading


class Reading:
    """How the results of a query become what its caller gets: instances of *model* (None: by their kind), or keys.

    *key_class* is the face's class of keys; *predicates* decide which results stay; *use_cache* is the call's
    option, None for the context's policy.

    It is the maker that the store is given, unless a *loader* will do.  A result whose entity the context knows
    becomes that object, edits and all; one that the context knows to be deleted becomes None, which `present` takes
    out (spec/ndb.md 2.4).
    """

    __slots__ = (
        "_always",
        "_keys_only",
        "_known",
        "_load",
        "_partition",
        "_plain",
        "consistency",
        "context",
        "dropped",
        "key_class",
        "loader",
        "predicates",
    )

    def __init__(
        self,
        context: Context,
        model: Any,
        key_class: type[Key],
        keys_only: bool = False,
        predicates: Sequence[PostFilterNode] = (),
        use_cache: bool | None = None,
    ) -> None:
        self.context, self.key_class, self.predicates = context, key_class, predicates
        self.consistency = Consistency.STRONG
        """What the store is told: with `EVENTUAL` its answer may be stale."""
        # Of one kind, the schema is looked up once for all results.
        self._load: Maker[Any] = BY_KIND if model is None else schema_of(model)
        self.dropped = False
        """Whether there are results that `present` has to take out."""
        self._keys_only = keys_only
        # Not by `Context.known_to`, which is a call more for every query.
        self._plain = (
            context.identities is None
            or use_cache is False
            or (use_cache is None and context.policy is never)
        )
        self.loader: Maker[Any] | None = None
        """What makes the results where there is nothing else to do about them."""
        if self._plain and model is not None and not keys_only and not predicates:
            self.loader = self._load
            return
        self._partition: Partition | None = None
        self._known: dict[bytes, Any] = {}
        self._always = bool(use_cache) or (model is not None and always_caches(context, model))

    def of(self, shape: Shape) -> Callable[[Key, list[Any], int], Any]:
        """See `values.entity.Maker`."""
        if self._keys_only and not self.predicates:
            return _key_alone
        return self._made_with(self._load.of(shape), shape)

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> tuple[tuple[Any, ...], LoadMany] | None:
        """See `values.entity.Maker`."""
        if self.predicates:
            return None  # which may look at all that is stored
        found = self._load.typed(shape, readers, keyed)
        if found is None or self._plain:
            return found
        return None if keyed else (found[0], self._unless_known(found[1]))

    def _unless_known(self, load_many: LoadMany) -> LoadMany:
        """*load_many*, of the rows whose entities the context does not know."""

        def load_unknown(partition: Any, rows: Sequence[Any], decode: Decode, made: list[Any]) -> None:
            assert self.context.identities is not None
            known = self.context.identities.of(partition)
            results: list[Any] = []
            unknown: list[int] = []
            for at, row in enumerate(rows):
                instance = known.get(row[0], UNKNOWN)
                if instance is UNKNOWN or not (instance is None or is_at(instance, partition, row[0])):
                    unknown.append(at)
                elif instance is None:
                    self.dropped = True
                results.append(instance)
            fresh: list[Any] = []
            load_many(partition, [rows[at] for at in unknown], decode, fresh)
            for at, instance in zip(unknown, fresh, strict=True):
                results[at] = instance
                if self._always or caches(self.context, instance._key, type(instance)):
                    known[rows[at][0]] = instance
            made += results

        return load_unknown

    def _made_with(
        self, load: Callable[[Key, Any, int], Any], shape: Shape
    ) -> Callable[[Key, Any, int], Any]:
        if self._keys_only:
            return self._if_wanted(load, _key_alone, shape)
        if self._plain:
            return self._if_wanted(load, load, shape) if self.predicates else load

        def make(key: Key, values: Any, version: int) -> Any:
            # Past the properties of keys, which are calls.
            packed = key._packed or key.path_bytes
            if key._partition is not self._partition:
                assert self.context.identities is not None
                self._partition, self._known = key._partition, self.context.identities.of(key._partition)
            instance = self._known.get(packed, UNKNOWN)
            if instance is None:
                self.dropped = True
                return None
            if instance is UNKNOWN or not is_at(instance, key._partition, packed):
                instance = load(key, values, version)
                if self._always or caches(self.context, key, type(instance)):
                    self._known[packed] = instance
            return instance

        return self._if_wanted(load, make, shape) if self.predicates else make

    def present(self, results: list[Any]) -> list[Any]:
        """*results* without those that are left out."""
        return [each for each in results if each is not None] if self.dropped else results

    def _if_wanted(
        self, load: Callable[[Key, Any, int], Any], make: Callable[[Key, Any, int], Any], shape: Shape
    ) -> Callable[[Key, Any, int], Any]:
        def made(key: Key, values: Any, version: int) -> Any:
            # What is stored decides, not an object that the context knows and that may have been edited.
            instance = load(key, values, version)
            entity = Entity(key, shape, values, version)
            if all(node.holds(instance, entity) for node in self.predicates):
                return instance if make is load else make(key, values, version)
            self.dropped = True
            return None

        return made


def _key_alone(key: Key, _values: Any, _version: int) -> Key:
    return key


def fetch(reading: Reading, query: Query) -> Program[list[Any]]:
    """All results of *query*."""
    if reading.predicates:
        return (yield from _sieve(reading, query))
    context = reading.context
    transaction = context.transaction
    name = None if transaction is None else transaction.name
    size = None if query.limit is not None else FIRST_PAGE
    found: list[Any] = []
    while True:
        page: Page[Any] = yield from context.store.run_query(
            query, name, reading.consistency, size, maker=reading.loader or reading
        )
        found = found + page.results if found else page.results
        if size is None or not page.more:
            break
        query = replace(query, start=page.cursor, offset=0)
        size = min(4 * size, LARGEST_PAGE)
    return reading.present(found) if reading.dropped else found


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
    counted: list[int] = yield from reading.context.store.run_aggregation(
        query, (Count(),), name, reading.consistency
    )
    return counted[0]


def aggregate(reading: Reading, query: Query, aggregation: Aggregation) -> Program[Any]:
    """The value of *aggregation* over the results of *query*; `BadQueryError` where predicates decide about them."""
    if reading.predicates:
        raise BadQueryError(
            "results that are looked at one by one can't be summed up",
            hint="Compare one property of a repeated structure, or add up what fetch() gives.",
        )
    transaction = reading.context.transaction
    name = None if transaction is None else transaction.name
    values: list[Any] = yield from reading.context.store.run_aggregation(
        query, (aggregation,), name, reading.consistency
    )
    return values[0]


def explain(reading: Reading, query: Query) -> Program[str]:
    """The plan of *query*, as text; NotImplementedError of a store that does not tell."""
    store: object = reading.context.store
    if not isinstance(store, Inspect):
        raise NotImplementedError(f"a {type(store).__name__} does not explain queries")
    return (yield from store.explain(query))


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
        # The page at hand, the places in it of what is to be taken, and how many of those have been.
        self._page: Page[Any] | None = None
        self._places: Sequence[int] = ()
        self._at = 0
        self._more = True
        self._taken: tuple[Page[Any], int] | None = None

    def is_ready(self) -> bool:
        """Whether the next result is at hand without reading."""
        return self._left != 0 and self._at < len(self._places)

    def has_next(self) -> Program[bool]:
        """Whether there is another result; reads the next page if need be."""
        if self._left == 0:
            return False
        while self._at >= len(self._places):
            if not self._more:
                return False
            yield from self._read()
        return True

    def probably_has_next(self) -> bool:
        """Whether there may be another result, as far as can be told without reading."""
        return self._left != 0 and (self._more or self._at < len(self._places))

    def take(self) -> Any:
        """The next result, after `has_next` said that there is one."""
        page = self._page
        assert page is not None
        at = self._places[self._at]
        self._taken = page, at
        self._at += 1
        if self._left is not None:
            self._left -= 1
        return page.results[at]

    def cursor_before(self) -> bytes | None:
        """The cursor before the result taken last; None if none was."""
        return None if self._taken is None else self._taken[0].cursor_after(self._taken[1] - 1)

    def cursor_after(self) -> bytes | None:
        """The cursor after the result taken last; None if none was."""
        return None if self._taken is None else self._taken[0].cursor_after(self._taken[1])

    def _read(self) -> Program[None]:
        reading, query = self._reading, self._query
        # The last of the results to skip is read too: there is a cursor after it.
        behind = bool(query.offset)
        if behind:
            limit = None if query.limit is None else query.limit + 1
            query = replace(query, offset=query.offset - 1, limit=limit)
        transaction = reading.context.transaction
        name = None if transaction is None else transaction.name
        size = self._step if query.limit is None else min(self._step, query.limit)
        page: Page[Any] = yield from reading.context.store.run_query(
            query, name, reading.consistency, size, maker=reading.loader or reading
        )
        self._more = page.more and (query.limit is None or query.limit > len(page.results))
        limit = None if query.limit is None else query.limit - len(page.results)
        if self._more:
            self._query = replace(query, start=page.cursor, offset=0, limit=limit)
        self._step = min(4 * self._step, self._largest)
        self._page, self._at = page, 0
        self._places = range(1 if behind else 0, len(page.results))
        if reading.dropped:
            self._places = [at for at in self._places if page.results[at] is not None]
        if self._skip:
            skipped = min(self._skip, len(self._places))
            self._skip -= skipped
            self._places = self._places[skipped:]


def fetch_page(reading: Reading, query: Query, size: int) -> Program[tuple[list[Any], bytes | None, bool]]:
    """At most *size* results, the cursor after the last one (None without any), and whether there are more.

    With predicates: whether there may be more.
    """
    if reading.predicates:
        walk = Walk(reading, query, max(1, size))
        found: list[Any] = []
        while len(found) < size and (yield from walk.has_next()):
            found.append(walk.take())
        return found, walk.cursor_after(), bool(found) and walk.probably_has_next()
    transaction = reading.context.transaction
    name = None if transaction is None else transaction.name
    # One more than asked for tells whether there is a further page, and spares its reader an empty one.
    page: Page[Any] = yield from reading.context.store.run_query(
        query, name, reading.consistency, size + 1, maker=reading.loader or reading
    )
    found = page.results[:size]
    if not found:
        return [], None, False
    return reading.present(found), page.cursor_after(len(found) - 1), len(page.results) > size
