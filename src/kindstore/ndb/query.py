"""`ndb.Query`: NDB's query builder (spec/ndb.md 1.6).

A query is an immutable value: `filter` and `order` return new ones, and nothing is read before `fetch`, `get`,
`count`, `iter`, `fetch_page` or `map` is called.  All of these have a twin ending in ``_async`` that returns a
future, and ``async for`` walks a query in asyncio.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final, Generic, Literal, TypeAlias, TypedDict, TypeVar, Unpack, cast, overload

from msgspec.structs import replace

from kindstore.mapper import query as running
from kindstore.mapper.context import Context, current
from kindstore.mapper.errors import BadFilterError
from kindstore.mapper.filters import (
    AND,
    OR,
    ConjunctionNode,
    DisjunctionNode,
    FalseNode,
    FilterNode,
    Node,
    Parameter,
    ParameterNode,
    PostFilterNode,
    PropertyOrder,
)
from kindstore.mapper.future import Future
from kindstore.mapper.model import Model
from kindstore.mapper.property import Property
from kindstore.ndb.key import Key
from kindstore.ndb.options import use_cache
from kindstore.store import messages
from kindstore.store.checks import check_int
from kindstore.values.errors import BadArgumentError, BadCursorError, BadQueryError
from kindstore.values.key import Key as PlainKey
from kindstore.values.key import Partition

__all__ = [
    "AND",
    "OR",
    "ConjunctionNode",
    "Cursor",
    "DisjunctionNode",
    "FalseNode",
    "FilterNode",
    "Node",
    "Parameter",
    "ParameterNode",
    "PostFilterNode",
    "PropertyOrder",
    "Query",
    "QueryIterator",
]

M = TypeVar("M")
R = TypeVar("R")
Ordering: TypeAlias = "Property[Any] | PropertyOrder | str"


class Cursor:
    """A place in the results of a query: after the last one that was read.  A place in an index, so it outlives
    changes elsewhere, and the entity itself.  `BadCursorError` for text that is no cursor.
    """

    __slots__ = ("_cursor",)

    def __init__(self, cursor: bytes | None = None, urlsafe: bytes | str | None = None) -> None:
        if cursor is None and urlsafe is not None:
            text = urlsafe.encode() if isinstance(urlsafe, str) else urlsafe
            try:
                cursor = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            except (binascii.Error, ValueError):
                raise BadCursorError("malformed cursor", urlsafe=urlsafe) from None
        if cursor is None:
            raise TypeError("Cursor() needs cursor= or urlsafe=")
        self._cursor = cursor

    @classmethod
    def from_websafe_string(cls, urlsafe: bytes | str) -> Cursor:
        """The cursor that `urlsafe` made this text of."""
        return cls(urlsafe=urlsafe)

    def urlsafe(self) -> bytes:
        """As text for URLs, in ASCII bytes without padding."""
        return base64.urlsafe_b64encode(self._cursor).rstrip(b"=")

    to_websafe_string = urlsafe

    def to_bytes(self) -> bytes:
        """As the store has it."""
        return self._cursor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cursor) and self._cursor == other._cursor

    def __hash__(self) -> int:
        return hash(self._cursor)

    def __repr__(self) -> str:
        return f"<Cursor {self.urlsafe().decode()}>"


class FetchOptions(TypedDict, total=False):
    """Options of the calls that read.  All of them override what the query was made with."""

    offset: int | None
    """Results to skip.  They are read all the same: a cursor costs nothing."""
    start_cursor: Cursor | None
    """Begin after this place."""
    end_cursor: Cursor | None
    """Stop at this place."""
    use_cache: bool | None
    """Take known entities from the context's identity map, and keep what is read there."""
    projection: Sequence[Any] | None
    batch_size: int | None
    prefetch_size: int | None
    produce_cursors: bool | None
    timeout: float | None
    deadline: float | None
    retries: int | None
    read_consistency: Any
    read_policy: Any
    transaction: bytes | None


_OF_QUERIES: Final = frozenset(
    {
        *("limit", "offset", "start_cursor", "end_cursor", "keys_only", "projection"),
        *("batch_size", "prefetch_size", "produce_cursors", "options"),
    }
)


class Query(Generic[M]):
    """Entities of *kind* (a name or a model class; None: of every kind) that fulfil *filters*, in order.

    ``Author.query(Author.age > 3).order(-Author.age)``.  *ancestor*: only what is below that key, itself included.
    *project*, *namespace*: where to look; default: where the ancestor is, else the current context's.  *keys_only*,
    *limit* and *offset* are the defaults of the calls that read.

    Raises at once, before anything is read: TypeError for arguments of a wrong type, `BadArgumentError` for a *kind*
    that is none, `BadFilterError` for a filter
    or an order by an unindexed property, `BadQueryError` for what is not supported yet (projection, distinct).
    The calls that read raise `BadArgumentError` for a number that is no int, before they read.
    """

    def __init__(
        self,
        kind: str | type[M] | None = None,
        filters: Node | None = None,
        ancestor: PlainKey | None = None,
        order_by: Sequence[Ordering] | None = None,
        orders: Sequence[Ordering] | None = None,
        project: str | None = None,
        app: str | None = None,
        namespace: str | None = None,
        projection: Sequence[Any] | None = None,
        distinct_on: Sequence[Any] | None = None,
        group_by: Sequence[Any] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        keys_only: bool | None = None,
        default_options: None = None,
    ) -> None:
        if projection or distinct_on or group_by:
            raise BadQueryError("projection and distinct are not supported yet")
        if default_options is not None:
            raise NotImplementedError("default_options is not supported: pass them one by one")
        if order_by is not None and orders is not None:
            raise TypeError("Cannot use 'order_by' and 'orders' together")
        if app is not None and project is not None:
            raise TypeError("Cannot use 'app' and 'project' together")
        if filters is not None and not isinstance(filters, Node):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"filters must be a query Node or None; received {filters!r}")
        if ancestor is not None:
            if not isinstance(ancestor, PlainKey):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"ancestor must be a Key; received {ancestor!r}")
            if not ancestor.is_complete:
                raise BadArgumentError("an incomplete key can't be an ancestor", ancestor=ancestor)
        self._model: Any = kind
        if kind is None or isinstance(kind, str):
            self._kind = kind
            self._model = None if kind is None else Model._kind_map.get(kind)  # pyright: ignore[reportPrivateUsage]
        elif isinstance(self._model, type) and issubclass(self._model, Model):
            self._kind = self._model._get_kind()  # pyright: ignore[reportPrivateUsage]
        else:
            raise BadArgumentError("a kind is a name or a model class", kind=kind)
        self._ancestor = ancestor
        if ancestor is None and project is None and app is None and namespace is None:
            self._partition = current().partition
        else:
            self._partition = _partition_of(ancestor, app if project is None else project, namespace)
        self._filters = filters
        if order_by is None and orders is None:
            self._orders: tuple[PropertyOrder, ...] = ()
        else:
            self._orders = tuple(map(_order_of, orders or order_by or ()))
        self._limit, self._offset, self._keys_only = limit, offset, bool(keys_only)
        self._compiled: tuple[messages.Query, tuple[PostFilterNode, ...]] | None = None
        if self._model is not None:
            _check_names(self._model, filters, self._orders)

    def __repr__(self) -> str:
        parts: list[str] = []
        for name, value in (
            ("kind", self._kind),
            ("ancestor", self._ancestor),
            ("filters", self._filters),
            ("order_by", list(self._orders) or None),
            ("namespace", self._partition.namespace or None),
            ("limit", self._limit),
            ("offset", self._offset),
            ("keys_only", self._keys_only or None),
        ):
            if value is not None:
                parts.append(f"{name}={value!r}")
        return f"Query({', '.join(parts)})"

    # What it is.

    @property
    def kind(self) -> str | None:
        """The kind, None for all of them."""
        return self._kind

    @property
    def ancestor(self) -> PlainKey | None:
        """Only what is below this key."""
        return self._ancestor

    @property
    def filters(self) -> Node | None:
        """The condition."""
        return self._filters

    @property
    def order_by(self) -> tuple[PropertyOrder, ...]:
        """The orders, first the most significant."""
        return self._orders

    @property
    def project(self) -> str:
        """The project."""
        return self._partition.project

    @property
    def namespace(self) -> str:
        """The namespace; "" is the default one."""
        return self._partition.namespace

    @property
    def is_distinct(self) -> bool:
        """Whether duplicates are left out: not supported yet, so False."""
        return False

    # More of it.

    def _changed(self, **changes: Any) -> Query[M]:
        changed: Query[M] = object.__new__(type(self))
        changed.__dict__.update(self.__dict__, _compiled=None, **changes)
        if self._model is not None:
            _check_names(self._model, changed._filters, changed._orders)
        return changed

    def filter(self, *filters: Node) -> Query[M]:
        """This query with more conditions, all of which must hold."""
        for node in filters:
            if not isinstance(node, Node):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"Cannot filter a non-Node argument; received {node!r}")
        if not filters:
            return self
        nodes = filters if self._filters is None else (self._filters, *filters)
        return self._changed(_filters=AND(*nodes))

    def order(self, *orders: Ordering) -> Query[M]:
        """This query with further orders, after those it has: ``Author.name``, ``-Author.age``, ``"-age"``."""
        if not orders:
            return self
        return self._changed(_orders=(*self._orders, *map(_order_of, orders)))

    def bind(self, *positional: Any, **named: Any) -> Query[M]:
        """This query with values for its parameters.  `BadArgumentError` if there are too few or too many."""
        bindings: dict[int | str, Any] = dict(enumerate(positional, 1))
        bindings.update(named)
        used: set[int | str] = set()
        filters = None if self._filters is None else self._filters.resolve(bindings, used)
        unused = [key for key in range(1, len(positional) + 1) if key not in used]
        if unused:
            raise BadArgumentError("values for parameters that the query does not have", positions=unused)
        return self._changed(_filters=filters)

    def analyze(self) -> list[int | str]:
        """The names and positions of its parameters, sorted."""
        found: set[int | str] = set()

        def collect(node: Node) -> None:
            if isinstance(node, ParameterNode):
                found.add(node.param.key)
            elif isinstance(node, ConjunctionNode | DisjunctionNode):
                for part in node.nodes:
                    collect(part)

        if self._filters is not None:
            collect(self._filters)
        return sorted(found, key=lambda key: (isinstance(key, str), key))

    # Reading.

    def _prepared(
        self, limit: int | None, keys_only: bool | None, options: dict[str, Any] | Any
    ) -> tuple[running.Reading, messages.Query]:
        """How to read, and what to ask the store."""
        if self._compiled is None:
            self._compiled = running.compiled(
                self._partition, self._kind, self._ancestor, self._filters, self._orders
            )
        query, predicates = self._compiled
        cached = None
        start = end = None
        offset = self._offset
        if options:
            cached, start, end, offset = _read_options(options, offset)
        limit = self._limit if limit is None else limit
        keys_only = self._keys_only if keys_only is None else keys_only
        if not (limit is None and not offset and start is end is None and not keys_only):
            if limit is not None:
                check_int("limit", limit)
            check_int("offset", offset or 0)
            query = replace(
                query,
                limit=limit,
                offset=offset or 0,
                start=start,
                end=end,
                keys_only=keys_only and not predicates,
            )
        context = current()
        if context.writing:
            context.catch_up()
        return running.Reading(context, self._model, Key, keys_only, predicates, cached), query

    @overload
    def fetch(
        self, limit: int | None = None, *, keys_only: Literal[True], **options: Unpack[FetchOptions]
    ) -> list[Key]: ...
    @overload
    def fetch(
        self,
        limit: int | None = None,
        *,
        keys_only: Literal[False] | None = None,
        **options: Unpack[FetchOptions],
    ) -> list[M]: ...
    def fetch(
        self, limit: int | None = None, *, keys_only: bool | None = None, **options: Unpack[FetchOptions]
    ) -> list[Any]:
        """The results, at most *limit*; all of them without one.  *keys_only*: their keys."""
        reading, query = self._prepared(limit, keys_only, options)
        return reading.context.store.run(running.fetch(reading, query))

    @overload
    def fetch_async(
        self, limit: int | None = None, *, keys_only: Literal[True], **options: Unpack[FetchOptions]
    ) -> Future[list[Key]]: ...
    @overload
    def fetch_async(
        self,
        limit: int | None = None,
        *,
        keys_only: Literal[False] | None = None,
        **options: Unpack[FetchOptions],
    ) -> Future[list[M]]: ...
    def fetch_async(
        self, limit: int | None = None, *, keys_only: bool | None = None, **options: Unpack[FetchOptions]
    ) -> Future[list[Any]]:
        """`fetch`, as a future."""
        reading, query = self._prepared(limit, keys_only, options)
        return reading.context.begin(running.fetch(reading, query), "fetch")

    @overload
    def get(self, *, keys_only: Literal[True], **options: Unpack[FetchOptions]) -> Key | None: ...
    @overload
    def get(
        self, *, keys_only: Literal[False] | None = None, **options: Unpack[FetchOptions]
    ) -> M | None: ...
    def get(self, *, keys_only: bool | None = None, **options: Unpack[FetchOptions]) -> Any:
        """The first result, None if there is none."""
        reading, query = self._prepared(1, keys_only, options)
        found = reading.context.store.run(running.fetch(reading, query))
        return found[0] if found else None

    def get_async(
        self, *, keys_only: bool | None = None, **options: Unpack[FetchOptions]
    ) -> Future[M | None]:
        """`get`, as a future."""
        reading, query = self._prepared(1, keys_only, options)
        future = reading.context.begin(running.fetch(reading, query), "get")
        return future.then(lambda found: found[0] if found else None)

    def count(self, limit: int | None = None, **options: Unpack[FetchOptions]) -> int:
        """How many results there are, counted to *limit*."""
        reading, query = self._prepared(limit, None, options)
        return reading.context.store.run(running.count(reading, query))

    def count_async(self, limit: int | None = None, **options: Unpack[FetchOptions]) -> Future[int]:
        """`count`, as a future."""
        reading, query = self._prepared(limit, None, options)
        return reading.context.begin(running.count(reading, query), "count")

    def iter(
        self, *, limit: int | None = None, keys_only: bool | None = None, **options: Unpack[FetchOptions]
    ) -> QueryIterator[M]:
        """An iterator over the results, which it reads in pages as it goes."""
        return QueryIterator(*self._prepared(limit, keys_only, options))

    def __iter__(self) -> QueryIterator[M]:
        return self.iter()

    def __aiter__(self) -> QueryIterator[M]:
        return self.iter()

    def fetch_page(
        self, page_size: int, *, keys_only: bool | None = None, **options: Unpack[FetchOptions]
    ) -> tuple[list[M], Cursor | None, bool]:
        """At most *page_size* results, the cursor after them (None if there are none), and whether there may be more."""
        check_int("page_size", page_size)
        reading, query = self._prepared(None, keys_only, options)
        return _page(reading.context.store.run(running.fetch_page(reading, query, page_size)))

    def fetch_page_async(
        self, page_size: int, *, keys_only: bool | None = None, **options: Unpack[FetchOptions]
    ) -> Future[tuple[list[M], Cursor | None, bool]]:
        """`fetch_page`, as a future."""
        check_int("page_size", page_size)
        reading, query = self._prepared(None, keys_only, options)
        return reading.context.begin(running.fetch_page(reading, query, page_size), "fetch_page").then(_page)

    @overload
    def map(
        self,
        callback: Callable[[M], Future[R]],
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> list[R]: ...
    @overload
    def map(
        self,
        callback: Callable[[M], R],
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> list[R]: ...
    def map(
        self,
        callback: Callable[[M], Any],
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> list[Any]:
        """What *callback* returns for each result; where it returns a future, the result of that."""
        reading, query = self._prepared(limit, keys_only, options)
        found = reading.context.store.run(running.fetch(reading, query))
        return [_result(each) for each in list(map(callback, found))]

    @overload
    def map_async(
        self,
        callback: Callable[[M], Future[R]],
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> Future[list[R]]: ...
    @overload
    def map_async(
        self,
        callback: Callable[[M], R],
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> Future[list[R]]: ...
    def map_async(
        self,
        callback: Callable[[M], Any],
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> Future[list[Any]]:
        """`map`, as a future."""
        reading, query = self._prepared(limit, keys_only, options)
        context = reading.context

        def work() -> list[Any]:
            found = context.store.run(running.fetch(reading, query))
            return [_result(each) for each in list(map(callback, found))]

        async def awork() -> list[Any]:
            found: list[Any] = [
                callback(each) for each in await context.store.arun(running.fetch(reading, query))
            ]
            return [await each if isinstance(each, Future) else each for each in found]

        future = Future.call(work, awork, "map")
        context.keep(future)
        return future


class QueryIterator(Iterator[M], AsyncIterator[M], Generic[M]):
    """Walks the results of a query, in a ``for`` or ``async for`` loop or by hand."""

    def __init__(self, reading: running.Reading, query: messages.Query) -> None:
        self._context: Context = reading.context
        self._walk = running.Walk(reading, query)

    def __iter__(self) -> QueryIterator[M]:
        return self

    def __aiter__(self) -> QueryIterator[M]:
        return self

    def has_next(self) -> bool:
        """Whether there is another result; reads a page if need be."""
        return self._context.store.run(self._walk.has_next())

    def has_next_async(self) -> Future[bool]:
        """`has_next`, as a future."""
        return self._context.begin(self._walk.has_next(), "has_next")

    def probably_has_next(self) -> bool:
        """Whether there may be another result, without reading anything."""
        return self._walk.probably_has_next()

    def next(self) -> M:
        """The next result; StopIteration after the last one."""
        return self.__next__()

    def __next__(self) -> M:
        if not (self._walk.is_ready() or self.has_next()):
            raise StopIteration
        result: M = self._walk.take()
        return result

    async def __anext__(self) -> M:
        if not (self._walk.is_ready() or await self._context.store.arun(self._walk.has_next())):
            raise StopAsyncIteration
        result: M = self._walk.take()
        return result

    def cursor_before(self) -> Cursor:
        """The cursor before the result that came last; `BadArgumentError` before the first one."""
        return _cursor(self._walk.cursor_before())

    def cursor_after(self) -> Cursor:
        """The cursor after the result that came last; `BadArgumentError` before the first one."""
        return _cursor(self._walk.cursor_after())

    def index_list(self) -> Any:
        """Not supported: NotImplementedError."""
        raise NotImplementedError("index_list is not supported")


def _result(value: Any) -> Any:
    return cast("Any", value).result() if isinstance(value, Future) else value


def _cursor(cursor: bytes | None) -> Cursor:
    if cursor is None:
        raise BadArgumentError("there is no cursor before the first result")
    return Cursor(cursor)


def _page(page: tuple[list[Any], bytes | None, bool]) -> tuple[list[Any], Cursor | None, bool]:
    found, cursor, more = page
    return found, None if cursor is None else Cursor(cursor), more


def _order_of(order: Any) -> PropertyOrder:
    if isinstance(order, PropertyOrder):
        return order
    if isinstance(order, str):
        return PropertyOrder(order[1:], reverse=True) if order.startswith("-") else PropertyOrder(order)
    if isinstance(order, Property):
        return PropertyOrder(cast("Any", order)._name)  # pyright: ignore[reportPrivateUsage]
    raise TypeError(f"Order values must be properties, orders or strings; received {order!r}")


def _partition_of(ancestor: PlainKey | None, project: str | None, namespace: str | None) -> Partition:
    if ancestor is None:
        here = current().partition
        if project is None and namespace is None:
            return here
        return Partition.of(
            here.project if project is None else project.removeprefix("s~"),
            here.database,
            here.namespace if namespace is None else namespace,
        )
    there = ancestor.partition
    for name, wanted, found in (
        ("project", project, there.project),
        ("namespace", namespace, there.namespace),
    ):
        if wanted is not None and wanted != found:
            raise TypeError(f"ancestor and {name} disagree: {found!r}, {wanted!r}")
    return there


_NAMING: Final = (FilterNode, PropertyOrder)


def _check_names(model: Any, filters: Node | None, orders: Sequence[PropertyOrder]) -> None:
    """Raise `BadFilterError` for an unindexed property of *model*, and for a code name where it is stored under another."""
    properties = model._properties
    for each in (*orders, *(filters.nodes if isinstance(filters, ConjunctionNode) else (filters,))):
        if not isinstance(each, _NAMING):
            if isinstance(each, ConjunctionNode | DisjunctionNode):
                for part in each.nodes:
                    _check_names(model, part, ())
            continue
        name = each.name
        found = properties.get(name)
        if found is not None:
            if not found._indexed:
                raise BadFilterError(
                    "can't filter or order by an unindexed property", path=f"{model.__name__}.{name}"
                )
            continue
        known = getattr(model, name, None) if name.isidentifier() else None
        if isinstance(known, Property) and (stored := cast("Any", known)._name) != name:
            raise BadFilterError(
                "this property is stored under another name",
                path=f"{model.__name__}.{name}",
                hint=f"Use {model.__name__}.{name} or {stored!r}.",
            )


def _read_options(
    options: dict[str, Any], offset: int | None
) -> tuple[bool | None, bytes | None, bytes | None, int | None]:
    """use_cache, start, end and offset of the options of a call."""
    rest = {name: value for name, value in options.items() if name not in _OF_QUERIES}
    cached = use_cache(rest)
    if options.get("projection"):
        raise BadQueryError("projection is not supported yet")
    if options.get("options") is not None:
        raise NotImplementedError("options= is not supported: pass them one by one")
    start, end = options.get("start_cursor"), options.get("end_cursor")
    for cursor in (start, end):
        if cursor is not None and not isinstance(cursor, Cursor):
            raise TypeError(f"a cursor must be a Cursor; received {cursor!r}")
    given = options.get("offset")
    return (
        cached,
        None if start is None else start.to_bytes(),
        None if end is None else end.to_bytes(),
        offset if given is None else given,
    )
