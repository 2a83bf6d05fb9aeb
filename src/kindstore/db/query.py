"""`db.Query`: queries made of calls, and what all queries of db can do.

A query is what the store is asked and, after it has run, where it stands.  IN and ``!=`` go to the store as they are;
App Engine's db made several queries of them, and its restrictions that come of that are kept: they have no cursor.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Self, TypeVar, cast

from msgspec.structs import replace

from kindstore.db.errors import (
    BadArgumentError,
    BadFilterError,
    BadQueryError,
    BadRequestError,
    BadValueError,
    NotSavedError,
    PropertyError,
    told,
)
from kindstore.db.key import Key, place
from kindstore.db.kinds import SPECIAL, Instance, Made
from kindstore.db.law import touch_query
from kindstore.db.operations import ask
from kindstore.db.options import consistency
from kindstore.db.strings import check_number
from kindstore.db.values import Blob, Text, date_to_datetime, stored, time_to_datetime
from kindstore.mapper.context import Context, current
from kindstore.mapper.query import Reading, Walk, count
from kindstore.store.messages import Filter, Order, OrFilter, PropertyFilter
from kindstore.store.messages import Query as Asked
from kindstore.store.program import Program
from kindstore.values import errors
from kindstore.values.key import Key as PlainKey
from kindstore.values.key import Partition

T = TypeVar("T")

KEY: Final = "__key__"
MAX_SUBQUERIES: Final = 30
NOTHING: Final = OrFilter(())
"""What no entity fulfils: IN of an empty list."""
_INEQUALITIES: Final = ("<", "<=", ">", ">=")
_FILTER: Final = re.compile(r"^\s*([^\s]+)(\s+(<|<=|>|>=|=|==|!=|in)\s*)?$", re.IGNORECASE)

OPTIONS: Final = frozenset(
    {
        *("keys_only", "projection", "limit", "offset", "batch_size", "prefetch_size"),
        *("start_cursor", "end_cursor", "produce_cursors", "hint"),
    }
)


def websafe_encode_cursor(cursor: Any) -> bytes:
    """The text of a cursor, in ASCII bytes."""
    return base64.urlsafe_b64encode(cursor).rstrip(b"=")


def websafe_decode_cursor(cursor: Any) -> bytes:
    """The cursor of a text; `BadValueError` for what is no such text."""
    text = cursor.encode() if isinstance(cursor, str) else cursor
    if not isinstance(text, bytes):
        raise BadValueError(f"cursor argument should be str or unicode ({cursor!r})")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadValueError(f"Invalid cursor {cursor!r}. Details: {error}") from None


def parameter(value: Any) -> Any:
    """What a query compares with where a program gives *value*: an instance stands for its key, a date for midnight."""
    if isinstance(value, Instance):
        return value.key()
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return date_to_datetime(value)
    return time_to_datetime(value) if isinstance(value, dt.time) else value


class BaseQuery:
    """What `Query` and `GqlQuery` share.  Both can be run any number of times, and be pickled."""

    def __init__(self, model_class: Any = None) -> None:
        self._model_class = model_class
        self._cursor: bytes | None = None
        self._end_cursor: bytes | None = None
        self._place: Callable[[], bytes] | None = None

    # What it asks.

    def _asked(self) -> Asked:
        """The query in the store's words, without cursors and options; it raises what is wrong with it."""
        raise NotImplementedError

    def is_keys_only(self) -> bool:
        """Whether its results are keys."""
        raise NotImplementedError

    def projection(self) -> Any:
        """The properties that it reads, None for whole entities."""
        raise NotImplementedError

    def is_distinct(self) -> bool:
        """Whether results that are alike are one."""
        raise NotImplementedError

    def _prepared(self, context: Context, options: dict[str, Any]) -> tuple[Asked, Reading]:
        """What to ask with the *options* of a call, and how to read it."""
        wanted = consistency(options, OPTIONS)
        query = self._asked()
        keys_only = options.get("keys_only")
        projection = options.get("projection")
        if projection is not None and query.distinct_on:
            raise BadArgumentError("cannot override projection when distinct is set")
        start, end = options.get("start_cursor"), options.get("end_cursor")
        query = replace(
            query,
            keys_only=query.keys_only if keys_only is None else bool(keys_only),
            projection=query.projection if projection is None else tuple(projection),
            limit=_number("limit", options.get("limit")),
            offset=_number("offset", options.get("offset")) or 0,
            start=self._cursor if start is None else start,
            end=self._end_cursor if end is None else end,
        )
        if query.keys_only and self._is_several(query):
            raise BadRequestError("keys only queries are not supported by multi-query.")
        touch_query(context, query)
        reading = Reading(context, None, Key, query.keys_only, use_cache=False)
        reading.consistency = wanted
        if not query.keys_only:
            reading.loader = Made(self._model_class, bool(query.projection))
        return query, reading

    # Running it.

    def run(self, **options: Any) -> Iterator[Any]:
        """The results, one by one, page by page.

        Options: *limit*, *offset*, *keys_only*, *projection*, *start_cursor*, *end_cursor*, *batch_size*,
        *read_policy*, and others that are without effect here.
        """
        context = current()
        with told():
            query, reading = self._prepared(context, options)
        batch = options.get("batch_size")
        walk = Walk(reading, query, batch) if isinstance(batch, int) and batch > 0 else Walk(reading, query)
        self._place = lambda: self._place_of(context, walk, query)
        return _walked(context, reading, walk)

    def __iter__(self) -> Iterator[Any]:
        return self.run()

    def get(self, **options: Any) -> Any:
        """The first result, None if there is none."""
        return next(self.run(**{**options, "limit": 1}), None)

    def fetch(self, limit: int | None, offset: int = 0, **options: Any) -> list[Any]:
        """A list of at most *limit* results, of all for None, after the first *offset* ones."""
        return list(self.run(limit=limit, offset=offset, **options))

    def count(self, limit: int | None = 1000, **options: Any) -> int:
        """How many results there are, counted up to *limit*."""
        context = current()
        with told():
            query, reading = self._prepared(context, {**options, "limit": limit})
        counted = ask(context, refusing(count(reading, query)))
        self._place = lambda: self._place_after(context, query, counted)
        return counted

    def __getitem__(self, at: Any) -> Any:
        """The result number *at*, from 0 (IndexError if there are not so many); of a slice, which needs an end, a list."""
        if isinstance(at, slice):
            part = cast("Any", at)
            start, stop = part.start or 0, part.stop
            if stop is None:
                raise ValueError("Open-ended slices are not supported")
            if start < 0 or stop < 0 or part.step not in (None, 1):
                raise ValueError("Only slices with start>=0, stop>=0, step==1 are supported")
            return [] if stop < start else self.fetch(stop - start, start)
        if not isinstance(at, int):
            raise TypeError("Only integer indices and slices are supported")
        if at < 0:
            raise ValueError("Only indices >= 0 are supported")
        found = self.fetch(1, at)
        if not found:
            raise IndexError(f"The query returned fewer than {at + 1} results")
        return found[0]

    # Where it stands.

    def cursor(self) -> bytes:
        """The place after the result that was read last, as text; AssertionError before a run, and with IN or !=."""
        return websafe_encode_cursor(self._last_place("No cursor available", "No cursor available.")())

    def with_cursor(self, start_cursor: Any = None, end_cursor: Any = None) -> Self:
        """Begin after one place and stop at another; `BadValueError` for what is no cursor."""
        self._cursor = None if start_cursor is None else websafe_decode_cursor(start_cursor)
        self._end_cursor = None if end_cursor is None else websafe_decode_cursor(end_cursor)
        return self

    def index_list(self) -> list[Any]:
        """The composite indexes that served it: not known here, so none.  AssertionError before a run."""
        self._last_place("No index_list available", "No index list because query has not been run.")
        return []

    def _last_place(self, nothing: str, before_a_run: str) -> Callable[[], bytes]:
        """Where the last run stands; an AssertionError, which says that there is *nothing*, if there is no such place."""
        if self._place is None:
            raise AssertionError(before_a_run)
        if self._is_several(self._asked()):
            raise AssertionError(f'{nothing} for a MultiQuery (queries using "IN" or "!=" operators)')
        return self._place

    def _is_several(self, query: Asked) -> bool:
        """Whether App Engine's db made several queries of it."""
        return any(not isinstance(each, PropertyFilter) or each.op in ("IN", "!=") for each in query.filters)

    def _place_of(self, context: Context, walk: Walk, query: Asked) -> bytes:
        after = walk.cursor_after()
        return self._place_after(context, query, 0) if after is None else after

    def _place_after(self, context: Context, query: Asked, results: int) -> bytes:
        """The cursor after so many results of *query*, its offset included."""

        def program() -> Program[bytes]:
            name = None if context.transaction is None else context.transaction.name
            reading = Reading(context, None, Key, True, use_cache=False)
            seen = replace(query, limit=results, keys_only=not query.projection)
            page = yield from context.store.run_query(seen, name, maker=reading)
            return page.cursor

        return ask(context, refusing(program()))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_place": None}


def _walked(context: Context, reading: Reading, walk: Walk) -> Iterator[Any]:
    loader: Any = reading.loader
    while walk.is_ready() or ask(context, refusing(walk.has_next())):
        result = walk.take()
        if result is not None or loader is None or not loader.dropped:
            yield result


def refusing(program: Program[T]) -> Program[T]:
    """*program*; a query that the store refuses is a bad request, as what the service refused was."""
    try:
        return (yield from program)
    except errors.BadQueryError as error:
        raise BadRequestError(str(error)) from error


def _number(name: str, value: Any) -> int | None:
    return None if value is None else check_number(value, name)


class Query(BaseQuery):
    """A query for the entities of *model_class* (None: of any kind), to which calls add what it asks.

    *keys_only*, *projection*, *distinct* (results that are alike are one; it needs a projection), *namespace*
    (default: the current one), *cursor* (where to begin).
    """

    def __init__(
        self,
        model_class: Any = None,
        keys_only: bool = False,
        cursor: Any = None,
        namespace: str | None = None,
        _app: Any = None,
        distinct: bool = False,
        projection: Any = None,
    ) -> None:
        super().__init__(model_class)
        self._keys_only, self._distinct = bool(keys_only), bool(distinct)
        self._projection = projection or None
        self._namespace, self._app = namespace, _app
        self._filters: tuple[tuple[str, str, Any], ...] = ()
        self._orders: tuple[Order, ...] = ()
        self._ancestor: Key | None = None
        self.with_cursor(cursor)

    def is_keys_only(self) -> bool:
        """See `BaseQuery`."""
        return self._keys_only

    def projection(self) -> Any:
        """See `BaseQuery`."""
        return self._projection

    def is_distinct(self) -> bool:
        """See `BaseQuery`."""
        return self._distinct

    def filter(self, property_operator: str, value: Any) -> Self:
        """Only entities whose property compares so with *value*: ``filter("age >", 3)``.

        Operators: ``= < <= > >= != IN``; none is ``=``.  A date stands for its midnight, an instance for its key.
        `PropertyError` for a property that is not indexed, `BadValueError` for a list where one value is wanted and
        for the other way round, `BadQueryError` for what the query can't have, `BadFilterError` for a malformed text.
        """
        found = _FILTER.match(property_operator)
        if found is None:
            raise BadFilterError(f"Could not parse filter string: {property_operator}")
        name, op = found[1], (found[3] or "=").lower()
        op = "=" if op == "==" else op
        if self._model_class is None:
            if name != KEY:
                raise BadQueryError(f"Only {KEY} filters are allowed on kindless queries.")
        elif name in self._model_class._unindexed_properties:
            raise PropertyError(f"Property '{name}' is not indexed")
        if op == "in":
            if self._keys_only:
                raise BadQueryError("Keys only queries do not support IN filters.")
            if not isinstance(value, list | tuple):
                raise BadValueError('Argument to the "in" operator must be a list')
            value = [parameter(item) for item in cast("list[Any]", value)]
        else:
            if isinstance(value, list | tuple):
                raise BadValueError("Filtering on lists is not supported")
            if op == "!=" and self._keys_only:
                raise BadQueryError("Keys only queries do not support != filters.")
            value = parameter(value)
        self._filters = (*self._filters, (name, op, value))
        return self

    def order(self, property: str) -> Self:  # noqa: A002 - db's name
        """Sort by a property, downwards with a ``-`` in front, after the orders given before.

        `PropertyError` for a property that the class does not have or that is not indexed.
        """
        name = property.removeprefix("-")
        descending = name != property
        cls = self._model_class
        if cls is None:
            if name != KEY or descending:
                raise BadQueryError(f"Only {KEY} ascending orders are supported on kindless queries")
        else:
            if not cls._takes_any and name not in cls._all_properties and name not in SPECIAL:
                raise PropertyError(f"Invalid property name '{name}'")
            if name in cls._unindexed_properties:
                raise PropertyError(f"Property '{name}' is not indexed")
        self._orders = (*self._orders, Order(name, descending))
        return self

    def ancestor(self, ancestor: Any) -> Self:
        """Only *ancestor*, a key or an instance, and what is below it.  `NotSavedError` if it has no complete key."""
        if isinstance(ancestor, Instance):
            if not ancestor.has_key():
                raise NotSavedError
            ancestor = ancestor.key()
        if not isinstance(ancestor, PlainKey):
            raise TypeError("ancestor should be Key or Model")
        if not ancestor.is_complete:
            raise NotSavedError
        self._ancestor = Key.like(ancestor)
        return self

    def _asked(self) -> Asked:
        if self._distinct and not self._projection:
            raise BadQueryError("cannot specify distinct without a projection")
        return asked(
            None if self._model_class is None else self._model_class.kind(),
            self._partition(),
            self._ancestor,
            self._filters,
            self._orders,
            self._keys_only,
            tuple(self._projection or ()),
            self._distinct,
        )

    def _partition(self) -> Partition:
        if self._ancestor is not None and self._namespace is None and self._app is None:
            return self._ancestor.partition
        return place(self._app, self._namespace)


def asked(
    kind: str | None,
    partition: Partition,
    ancestor: Key | None,
    filters: tuple[tuple[str, str, Any], ...],
    orders: tuple[Order, ...],
    keys_only: bool,
    projection: tuple[str, ...],
    distinct: bool,
) -> Asked:
    """The query of these parts in the store's words; it raises what db does not have of them."""
    alternatives = math.prod(
        2 if op == "!=" else len(value) for _, op, value in filters if op in ("in", "!=")
    )
    if alternatives > MAX_SUBQUERIES:
        raise BadArgumentError(
            f"Cannot satisfy query -- too many subqueries (max: {MAX_SUBQUERIES}, got {alternatives})."
            " Probable cause: too many IN/!= filters in query."
        )
    inequality: str | None = None
    conditions: list[Filter] = []
    unequal = False
    for name, op, value in filters:
        if op in (*_INEQUALITIES, "!="):
            if inequality is not None and inequality != name:
                raise BadFilterError(
                    "Only one property per query may have inequality filters (<, <=, >, >=)."
                )
            inequality = name
        values = [compared(name, item) for item in (value if op == "in" else [value])]
        if not values:
            conditions.append(NOTHING)
        elif op == "!=" and unequal:
            # The store has one != in a query; App Engine's db made two queries of each.
            below, above = (PropertyFilter(name, way, values[0]) for way in ("<", ">"))
            conditions.append(OrFilter((below, above)))
        elif len(values) == 1:
            unequal = unequal or op == "!="
            conditions.append(PropertyFilter(name, "=" if op == "in" else op, values[0]))
        else:
            conditions.append(PropertyFilter(name, "IN", tuple(values)))
    if inequality is not None and orders and orders[0].property != inequality:
        raise BadArgumentError(
            "First ordering property must be the same as inequality filter property, if specified for this query; "
            f"received {orders[0].property}, expected {inequality}"
        )
    return Asked(
        partition,
        kind,
        ancestor,
        tuple(conditions),
        orders,
        projection,
        projection if distinct else (),
        keys_only,
    )


def compared(name: str, value: Any) -> Any:
    """The stored form of what property *name* is compared with.

    `BadValueError` for a value of a class that is never indexed; `BadFilterError` for a key that is none.
    """
    if isinstance(value, Text | Blob):
        raise BadValueError(f"Filtering on {type(value).__name__} properties is not supported.")
    if name == KEY and not isinstance(value, PlainKey):
        raise BadFilterError(f"{KEY} filter value must be a Key; received {value} (a {type(value).__name__})")
    return stored(name, value)[0]
