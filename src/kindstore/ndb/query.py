"""`ndb.Query`: NDB's query builder (spec/ndb.md 1.6).

A query is an immutable value: `filter` and `order` return new ones, and nothing is read before `fetch`, `get`,
`count`, `sum`, `avg`, `iter`, `fetch_page`, `map` or `explain` is called.  All of these have a twin ending in ``_async`` that returns a
future, and ``async for`` walks a query in asyncio.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, NoReturn, TypeVar, Unpack, cast, overload

from msgspec.structs import replace

from kindstore.mapper import query as running
from kindstore.mapper.context import current, entered
from kindstore.mapper.filters import (
    AND,
    OR,
    ConjunctionNode,
    DisjunctionNode,
    FalseNode,
    FilterNode,
    Node,
    Parameter,
    ParameterizedThing,
    ParameterNode,
    PostFilterNode,
    PropertyOrder,
    parameters_of,
)
from kindstore.mapper.future import Future
from kindstore.mapper.model import Model
from kindstore.mapper.projection import check_properties, name_of, names_of
from kindstore.mapper.property import Property
from kindstore.mapper.structured import RepeatedStructuredPropertyPredicate
from kindstore.ndb.asking import FetchOptions, Ordering, check_names, order_of, partition_of, read_options
from kindstore.ndb.cursor import Cursor
from kindstore.ndb.exceptions import NoLongerImplementedError
from kindstore.ndb.gql_text import ParameterizedFunction, arguments_of, arguments_of_kind
from kindstore.ndb.iterator import QueryIterator
from kindstore.ndb.key import Key
from kindstore.ndb.options import consistency
from kindstore.ndb.query_options import QueryOptions, completed
from kindstore.store import messages
from kindstore.store.checks import check_int
from kindstore.store.program import Program
from kindstore.values.errors import BadArgumentError, BadKeyError
from kindstore.values.key import Key as PlainKey

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
    "ParameterizedFunction",
    "ParameterizedThing",
    "PostFilterNode",
    "PropertyOrder",
    "Query",
    "QueryIterator",
    "QueryOptions",
    "RepeatedStructuredPropertyPredicate",
    "gql",
]


def __dir__() -> list[str]:
    return __all__


M = TypeVar("M")
R = TypeVar("R")


class Query(Generic[M]):
    """Entities of *kind* (a name or a model class; None: of every kind) that fulfil *filters*, in order.

    ``Author.query(Author.age > 3).order(-Author.age)``.  *ancestor*: only what is below that key, itself included.
    *project*, *namespace*: where to look; default: where the ancestor is, else the current context's.  *keys_only*,
    *limit* and *offset* are the defaults of the calls that read.

    *projection*: results have these properties alone, read from the indexes: one result for each combination of their
    values, which can't be changed nor put.  *distinct_on* (or *group_by*): only the first result for each combination
    of the values of these.

    Raises at once, before anything is read: TypeError for arguments of a wrong type, `BadArgumentError` for a *kind*
    that is none, `BadKeyError` for an incomplete *ancestor*, `BadFilterError` for a filter or an order by an unindexed property, `InvalidPropertyError` for a
    projection of one, or of none.  The calls that read raise `BadArgumentError` for a number that is no int and
    for a parameter that is not bound, and `BadQueryError` for what no Datastore has, before they read.
    """

    def __init__(
        self,
        kind: str | type[M] | None = None,
        filters: Node | None = None,
        ancestor: PlainKey | ParameterizedThing | None = None,
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
        default_options: QueryOptions | None = None,
    ) -> None:
        self._default_options = default_options
        if default_options is not None:
            if not isinstance(default_options, QueryOptions):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"default_options must be QueryOptions or None; received {default_options!r}")
            standard = default_options
            if projection is not None and standard.projection is not None:
                raise TypeError("cannot use projection= and default_options.projection at the same time")
            kind = standard.kind if kind is None else kind
            filters = standard.filters if filters is None else filters
            ancestor = standard.ancestor if ancestor is None else ancestor
            if order_by is orders is None:
                order_by, orders = standard.order_by, standard.orders
            if project is app is None:
                project, app = standard.project, standard.app
            namespace = standard.namespace if namespace is None else namespace
            projection = standard.projection if projection is None else projection
            if distinct_on is group_by is None:
                distinct_on, group_by = standard.distinct_on, standard.group_by
            limit = standard.limit if limit is None else limit
            offset = standard.offset if offset is None else offset
            keys_only = standard.keys_only if keys_only is None else keys_only
        if order_by is not None and orders is not None:
            raise TypeError("Cannot use 'order_by' and 'orders' together")
        if app is not None and project is not None:
            raise TypeError("Cannot use 'app' and 'project' together")
        if filters is not None and not isinstance(filters, Node):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"filters must be a query Node or None; received {filters!r}")
        if ancestor is not None and not isinstance(ancestor, ParameterizedThing):
            if not isinstance(ancestor, PlainKey):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"ancestor must be a Key; received {ancestor!r}")
            if not ancestor.is_complete:
                raise BadKeyError("an incomplete key can't be an ancestor", ancestor=ancestor)
        if isinstance(ancestor, ParameterizedFunction) and ancestor.func != "key":
            raise TypeError("ancestor cannot be a GQL function other than KEY")
        self._model: Any = kind
        if kind is None or isinstance(kind, str):
            self._kind = kind
            self._model = None if kind is None else Model._kind_map.get(kind)  # pyright: ignore[reportPrivateUsage]
        elif isinstance(self._model, type) and issubclass(self._model, Model):
            self._kind = self._model._get_kind()  # pyright: ignore[reportPrivateUsage]
        else:
            raise BadArgumentError("a kind is a name or a model class", kind=kind)
        self._ancestor: PlainKey | ParameterizedThing | None = ancestor
        if isinstance(ancestor, ParameterizedThing):
            ancestor = None
        if ancestor is None and project is None and app is None and namespace is None:
            self._partition = (entered() or current()).partition
        else:
            self._partition = partition_of(ancestor, app if project is None else project, namespace)
        self._filters = filters
        self._orders: tuple[PropertyOrder, ...] | None = None
        if order_by is not None or orders is not None:
            self._orders = tuple(map(order_of, orders or order_by or ()))
        self._limit, self._offset, self._keys_only = limit, offset, bool(keys_only)
        self._project = app if project is None else project
        self._compiled: tuple[messages.Query, tuple[PostFilterNode, ...]] | None = None
        if self._model is not None and (filters is not None or self._orders):
            check_names(self._model, filters, self._orders or ())
        self._projection: tuple[str, ...] = ()
        self._distinct_on: tuple[str, ...] = ()
        if projection is not None or distinct_on is not None or group_by is not None:
            self._set_columns(projection, distinct_on, group_by)

    def _set_columns(self, projection: Any, distinct_on: Any, group_by: Any) -> None:
        if distinct_on is not None and group_by is not None:
            raise TypeError("Cannot use 'group_by' and 'distinct_on' together; prefer 'distinct_on'")
        if projection is not None:
            self._projection = self._columns(projection, "projection")
        if distinct_on is not None:
            self._distinct_on = self._columns(distinct_on, "distinct_on")
        elif group_by is not None:
            self._distinct_on = self._columns(group_by, "group_by")

    def _columns(self, properties: Any, role: str) -> tuple[str, ...]:
        names = names_of(properties, role)
        if self._model is not None:
            check_properties(self._model, names)
        return names

    def __repr__(self) -> str:
        parts: list[str] = []
        shared: Mapping[str, Any] = {} if self._default_options is None else self._default_options.given
        for name, value in (
            ("project", self._project),
            ("namespace", self._partition.namespace or None),
            ("kind", self._kind),
            ("ancestor", self._ancestor),
            ("filters", self._filters),
            ("order_by", self.orders),
            ("limit", self._limit),
            ("offset", self._offset),
            ("keys_only", self._keys_only or None),
            ("projection", list(self._projection) or None),
            ("distinct_on", list(self._distinct_on) or None),
            ("default_options", self._default_options),
        ):
            if value is not None and shared.get(name) != value:
                parts.append(f"{name}={value!r}")
        return f"Query({', '.join(parts)})"

    def __getstate__(self) -> dict[str, Any]:
        # The kind is enough: where it is read there is a class for it, or else it is read without one.
        return {**self.__dict__, "_model": None, "_compiled": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._kind is not None:
            self._model = Model._kind_map.get(self._kind)  # pyright: ignore[reportPrivateUsage]

    # What it is.

    @property
    def kind(self) -> str | None:
        """The kind, None for all of them."""
        return self._kind

    @property
    def ancestor(self) -> PlainKey | ParameterizedThing | None:
        """Only what is below this key, or the parameter that will be it."""
        return self._ancestor

    @property
    def filters(self) -> Node | None:
        """The condition."""
        return self._filters

    @property
    def order_by(self) -> list[PropertyOrder] | None:
        """The orders, first the most significant; None if none were given."""
        return None if self._orders is None else list(self._orders)

    @property
    def orders(self) -> list[PropertyOrder] | None:
        """The same under App Engine's name: None if there are none, in a GQL query too."""
        return self.order_by or None

    @property
    def project(self) -> str:
        """The project."""
        return self._partition.project

    @property
    def namespace(self) -> str:
        """The namespace; "" is the default one."""
        return self._partition.namespace

    @property
    def projection(self) -> tuple[str, ...]:
        """The stored names of the properties that results have; none: all of them."""
        return self._projection

    @property
    def distinct_on(self) -> tuple[str, ...]:
        """The stored names of the properties by whose values results are distinct."""
        return self._distinct_on

    @property
    def group_by(self) -> tuple[str, ...] | None:
        """App Engine's name for the same; None if there are none."""
        return self._distinct_on or None

    @property
    def default_options(self) -> QueryOptions | None:
        """The options that it was made with, in GQL too; None if there were none."""
        if self._default_options is None and (self._limit is not None or self._offset or self._keys_only):
            return QueryOptions(
                limit=self._limit, offset=self._offset or None, keys_only=self._keys_only or None
            )
        return self._default_options

    @property
    def is_distinct(self) -> bool:
        """Whether no two results are alike: all properties that are distinct are projected too."""
        return bool(self._distinct_on) and set(self._distinct_on) <= set(self._projection)

    # More of it.

    def _changed(self, **changes: Any) -> Query[M]:
        changed: Query[M] = object.__new__(type(self))
        changed.__dict__.update(self.__dict__, _compiled=None, **changes)
        if self._model is not None:
            check_names(self._model, changed._filters, changed._orders or ())
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
        return self._changed(_orders=(*(self._orders or ()), *map(order_of, orders)))

    def bind(self, *positional: Any, **named: Any) -> Query[M]:
        """This query with values for its parameters.  `BadArgumentError` if there are too few or too many."""
        bindings: dict[int | str, Any] = dict(enumerate(positional, 1))
        bindings.update(named)
        used: dict[int | str, bool] = {}
        filters = None if self._filters is None else self._filters.resolve(bindings, used)
        ancestor = self._ancestor
        partition = self._partition
        if isinstance(ancestor, ParameterizedThing):
            given: object = ancestor.resolve(bindings, used)
            if not isinstance(given, PlainKey) or not given.is_complete:
                raise BadArgumentError("an ancestor is a complete key", ancestor=given)
            ancestor, partition = given, given.partition
        unused = [key for key in range(1, len(positional) + 1) if key not in used]
        if unused:
            raise BadArgumentError("values for parameters that the query does not have", positions=unused)
        return self._changed(_filters=filters, _ancestor=ancestor, _partition=partition)

    def analyze(self) -> list[int | str]:
        """The names and positions of its parameters, sorted."""
        found: set[int | str] = set() if self._filters is None else parameters_of(self._filters)
        if isinstance(self._ancestor, ParameterizedThing):
            found.update(self._ancestor.parameters())
        return sorted(found, key=lambda key: (isinstance(key, str), key))

    # Reading.

    def _prepared(
        self, limit: int | None, keys_only: bool | None, options: dict[str, Any] | Any
    ) -> tuple[running.Reading, messages.Query]:
        """How to read, and what to ask the store."""
        if self._compiled is None:
            ancestor = self._ancestor
            if isinstance(ancestor, ParameterizedThing):
                raise BadArgumentError(
                    "a parameter is not bound", parameter=ancestor, hint="Use Query.bind()."
                )
            self._compiled = running.compiled(
                self._partition, self._kind, ancestor, self._filters, self._orders or (), self._distinct_on
            )
        query, predicates = self._compiled
        if self._default_options is not None or "options" in options or "_options" in options:
            limit, keys_only, options = completed(self._default_options, limit, keys_only, options)
        cached = None
        start = end = None
        offset = self._offset
        projection = self._projection
        given = None
        if options:
            cached, start, end, offset, given = read_options(options, offset)
        limit = self._limit if limit is None else limit
        keys_only = self._keys_only if keys_only is None else keys_only
        if given is not None:
            if keys_only:
                raise TypeError("Cannot specify 'projection' with 'keys_only=True'")
            projection = self._columns(given, "projection")
        elif keys_only:
            projection = ()
        if not (limit is None and not offset and start is end is None and not keys_only and not projection):
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
                projection=projection,
            )
        context = entered() or current()
        if context.writing:
            context.catch_up()
        if projection or (predicates and query.distinct_on):
            reading = running.projected(context, self._model, self._kind, Key, predicates)
        else:
            reading = running.Reading(context, self._model, Key, keys_only, predicates, cached)
        if options:
            reading.consistency = consistency(options)
        return reading, query

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

    @overload
    def get_async(
        self, *, keys_only: Literal[True], **options: Unpack[FetchOptions]
    ) -> Future[Key | None]: ...
    @overload
    def get_async(
        self, *, keys_only: Literal[False] | None = None, **options: Unpack[FetchOptions]
    ) -> Future[M | None]: ...
    def get_async(self, *, keys_only: bool | None = None, **options: Unpack[FetchOptions]) -> Future[Any]:
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

    def sum(self, prop: Property[Any] | str, **options: Unpack[FetchOptions]) -> float:
        """The sum of the numbers that *prop* has in the results; 0 of none.  An int, if all of them are.

        The store adds them up, from the index: `InvalidPropertyError` for an unindexed property.
        """
        reading, query = self._prepared(None, False, options)
        total: float = reading.context.store.run(self._aggregated(reading, query, messages.Sum, prop))
        return total

    def sum_async(self, prop: Property[Any] | str, **options: Unpack[FetchOptions]) -> Future[float]:
        """`sum`, as a future."""
        reading, query = self._prepared(None, False, options)
        return reading.context.begin(self._aggregated(reading, query, messages.Sum, prop), "sum")

    def avg(self, prop: Property[Any] | str, **options: Unpack[FetchOptions]) -> float | None:
        """The mean of the numbers that *prop* has in the results; None of none.  Errors as of `sum`."""
        reading, query = self._prepared(None, False, options)
        mean: float | None = reading.context.store.run(
            self._aggregated(reading, query, messages.Average, prop)
        )
        return mean

    def avg_async(self, prop: Property[Any] | str, **options: Unpack[FetchOptions]) -> Future[float | None]:
        """`avg`, as a future."""
        reading, query = self._prepared(None, False, options)
        return reading.context.begin(self._aggregated(reading, query, messages.Average, prop), "avg")

    def _aggregated(
        self,
        reading: running.Reading,
        query: messages.Query,
        kind: type[messages.Sum | messages.Average],
        prop: Any,
    ) -> Program[Any]:
        name = name_of(prop)
        if self._model is not None:
            check_properties(self._model, [name])
        return running.aggregate(reading, query, kind(name))

    def explain(self, limit: int | None = None, *, keys_only: bool | None = None, **options: Any) -> str:
        """How the store goes about this query, as text; takes what `fetch` takes.  Nothing is read."""
        reading, query = self._prepared(limit, keys_only, options)
        return reading.context.store.run(running.explain(reading, query))

    def explain_async(
        self, limit: int | None = None, *, keys_only: bool | None = None, **options: Any
    ) -> Future[str]:
        """`explain`, as a future."""
        reading, query = self._prepared(limit, keys_only, options)
        return reading.context.begin(running.explain(reading, query), "explain")

    @overload
    def iter(
        self, *, limit: int | None = None, keys_only: Literal[True], **options: Unpack[FetchOptions]
    ) -> QueryIterator[Key]: ...
    @overload
    def iter(
        self,
        *,
        limit: int | None = None,
        keys_only: Literal[False] | None = None,
        **options: Unpack[FetchOptions],
    ) -> QueryIterator[M]: ...
    def iter(
        self, *, limit: int | None = None, keys_only: bool | None = None, **options: Unpack[FetchOptions]
    ) -> QueryIterator[Any]:
        """An iterator over the results, which it reads in pages as it goes."""
        return QueryIterator(*self._prepared(limit, keys_only, options))

    def __iter__(self) -> QueryIterator[M]:
        return self.iter()

    def __aiter__(self) -> QueryIterator[M]:
        return self.iter()

    @overload
    def fetch_page(
        self, page_size: int, *, keys_only: Literal[True], **options: Unpack[FetchOptions]
    ) -> tuple[list[Key], Cursor | None, bool]: ...
    @overload
    def fetch_page(
        self, page_size: int, *, keys_only: Literal[False] | None = None, **options: Unpack[FetchOptions]
    ) -> tuple[list[M], Cursor | None, bool]: ...
    def fetch_page(
        self, page_size: int, *, keys_only: bool | None = None, **options: Unpack[FetchOptions]
    ) -> tuple[list[Any], Cursor | None, bool]:
        """At most *page_size* results, the cursor after them (None if there are none), and whether there may be more."""
        check_int("page_size", page_size)
        reading, query = self._prepared(None, keys_only, options)
        return _page(reading.context.store.run(running.fetch_page(reading, query, page_size)))

    @overload
    def fetch_page_async(
        self, page_size: int, *, keys_only: Literal[True], **options: Unpack[FetchOptions]
    ) -> Future[tuple[list[Key], Cursor | None, bool]]: ...
    @overload
    def fetch_page_async(
        self, page_size: int, *, keys_only: Literal[False] | None = None, **options: Unpack[FetchOptions]
    ) -> Future[tuple[list[M], Cursor | None, bool]]: ...
    def fetch_page_async(
        self, page_size: int, *, keys_only: bool | None = None, **options: Unpack[FetchOptions]
    ) -> Future[tuple[list[Any], Cursor | None, bool]]:
        """`fetch_page`, as a future."""
        check_int("page_size", page_size)
        reading, query = self._prepared(None, keys_only, options)
        return reading.context.begin(running.fetch_page(reading, query, page_size), "fetch_page").then(_page)

    def run_to_queue(self, queue: Any, conn: Any, options: Any = None, dsquery: Any = None) -> NoReturn:  # noqa: ARG002
        """Not to be had: NoLongerImplementedError."""
        raise NoLongerImplementedError

    @overload
    def map(
        self,
        callback: Callable[[M], Future[R]],
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> tuple[R, ...]: ...
    @overload
    def map(
        self,
        callback: Callable[[M], R],
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> tuple[R, ...]: ...
    def map(
        self,
        callback: Callable[[M], Any] | None,
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> tuple[Any, ...]:
        """What *callback* returns for each result; where it returns a future, the result of that.

        Without a callback (None) the results themselves.
        """
        reading, query = self._prepared(limit, keys_only, options)
        found = reading.context.store.run(running.fetch(reading, query))
        return tuple(_result(each) for each in list(map(callback or _itself, found)))

    @overload
    def map_async(
        self,
        callback: Callable[[M], Future[R]],
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> Future[tuple[R, ...]]: ...
    @overload
    def map_async(
        self,
        callback: Callable[[M], R],
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> Future[tuple[R, ...]]: ...
    def map_async(
        self,
        callback: Callable[[M], Any] | None,
        *,
        limit: int | None = None,
        keys_only: bool | None = None,
        **options: Unpack[FetchOptions],
    ) -> Future[tuple[Any, ...]]:
        """`map`, as a future."""
        reading, query = self._prepared(limit, keys_only, options)
        context = reading.context

        def work() -> tuple[Any, ...]:
            found = context.store.run(running.fetch(reading, query))
            return tuple(_result(each) for each in list(map(callback or _itself, found)))

        async def awork() -> tuple[Any, ...]:
            made = callback or _itself
            found: list[Any] = [
                made(each) for each in await context.store.arun(running.fetch(reading, query))
            ]
            return tuple([await each if isinstance(each, Future) else each for each in found])

        future = Future.call(work, awork, "map")
        context.keep(future)
        return future


def gql(query_string: str, *args: Any, **kwds: Any) -> Query[Any]:
    """The query that *query_string* is: ``SELECT … [FROM kind] [WHERE …] [ORDER BY …] [LIMIT …] [OFFSET …]``.

    *args* and *kwds* are the values of ``:1``, ``:2`` … and ``:name``; without any, they are left to `Query.bind`.

    Raises `GqlSyntaxError`, a `BadQueryError` that points at the place, for a text that is wrong; `KindError` for a
    kind without a model class, `InvalidPropertyError` for a property that the class does not have,
    `BadFilterError` for one that is not indexed, `BadValueError` for a value that the property does not take, and
    `BadArgumentError` for too few or too many arguments.
    """
    return _bound(Query[Any](**arguments_of(query_string)), args, kwds)


def gql_of(model: type[M], query_string: str, args: Sequence[Any], kwds: Mapping[str, Any]) -> Query[M]:
    """`Model.gql`: the query for entities of *model* whose text is what comes after FROM."""
    return _bound(Query[M](**arguments_of_kind(model, query_string)), args, kwds)


def _bound(query: Query[M], args: Sequence[Any], kwds: Mapping[str, Any]) -> Query[M]:
    return query.bind(*args, **kwds) if args or kwds else query


def _itself(result: Any) -> Any:
    return result


def _result(value: Any) -> Any:
    return cast("Any", value).result() if isinstance(value, Future) else value


def _page(page: tuple[list[Any], bytes | None, bool]) -> tuple[list[Any], Cursor | None, bool]:
    found, cursor, more = page
    return found, None if cursor is None else Cursor(cursor), more
