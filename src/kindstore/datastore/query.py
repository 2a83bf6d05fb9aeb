"""`Query` and its filters, and the iterator over its results."""

from __future__ import annotations

import base64
import binascii
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Self, TypeAlias

from kindstore.store import messages
from kindstore.store.abc import Inspect
from kindstore.values.errors import BadArgumentError, BadCursorError, BadQueryError
from kindstore.values.key import Partition

from .entity import ENTITIES, PROJECTED, Entity, value_to_plain
from .key import Key
from .place import Place
from .query_profile import ExplainMetrics, ExplainOptions, QueryExplainError, metrics

KEY_PROPERTY_NAME: Final = "__key__"
PAGE_SIZE: Final = 300
"""Results of a page, as of the service."""

_OPERATORS: Final = ("=", "<", "<=", ">", ">=", "!=", "IN", "NOT_IN")


class BaseFilter(ABC):
    """A condition on entities."""

    @abstractmethod
    def message(self) -> messages.Filter:
        """As the store has it."""


class PropertyFilter(BaseFilter):
    """*property_name* *operator* *value*; the operators are ``= != < <= > >= IN NOT_IN``, of a list the last two.

    `BadQueryError`, a ValueError, for another operator, and for ``__key__`` beside what is no key.
    """

    def __init__(self, property_name: str, operator: str, value: Any) -> None:
        if operator not in _OPERATORS:
            raise _Malformed(
                f'Invalid expression: "{operator}"', hint=f"Please use one of: {', '.join(_OPERATORS)}."
            )
        several = operator.endswith("IN") and value.__class__ in (list, tuple)
        if property_name == KEY_PROPERTY_NAME and not all(
            isinstance(key, Key) for key in (value if several else [value])
        ):
            raise _Malformed(f'Invalid key: "{value}"')
        self.property_name, self.operator = property_name, operator
        self.value: Any = value

    def message(self) -> messages.Filter:
        """As the store has it."""
        value = value_to_plain(self.value, self.property_name)
        if self.operator.endswith("IN") and value.__class__ is list:
            value = tuple(value)
        return messages.PropertyFilter(self.property_name, self.operator, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PropertyFilter) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self.property_name} {self.operator} '{self.value}'>"


class BaseCompositeFilter(BaseFilter):
    """Filters that are joined."""

    _joined: type[messages.AndFilter | messages.OrFilter]

    def __init__(self, filters: Iterable[BaseFilter | tuple[str, str, Any]]) -> None:
        self.filters = [each if isinstance(each, BaseFilter) else PropertyFilter(*each) for each in filters]

    def message(self) -> messages.Filter:
        """As the store has it."""
        return self._joined(tuple(each.message() for each in self.filters))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.filters})>"


class And(BaseCompositeFilter):
    """All of them have to hold."""

    _joined = messages.AndFilter


class Or(BaseCompositeFilter):
    """One of them has to hold, at least."""

    _joined = messages.OrFilter


class _Malformed(BadQueryError, ValueError):
    """A query that makes no sense, found when it is built."""


Names: TypeAlias = "str | Sequence[str]"


def _listed(name: str, value: Names) -> list[str]:
    if isinstance(value, str):
        raise BadArgumentError(f"{name} is a sequence of names", received=value)
    return [*value]


class Query:
    """Which entities, in which order: made by `Client.query`, changed by its attributes, read by `fetch`.

    *filters* are `PropertyFilter`, `And`, `Or`, or tuples ``(name, operator, value)``; all have to hold.  *order* and
    *distinct_on* and *projection* are names, in *order* with a "-" before them to sort downwards.  *namespace* and
    *project* default to those of the *ancestor*, else of the client.
    """

    def __init__(
        self,
        client: Place,
        kind: str | None = None,
        project: str | None = None,
        namespace: str | None = None,
        ancestor: Key | None = None,
        filters: Iterable[BaseFilter | tuple[str, str, Any]] = (),
        projection: Sequence[str] = (),
        order: Sequence[str] = (),
        distinct_on: Sequence[str] = (),
        explain_options: ExplainOptions | None = None,
    ) -> None:
        self._client = client
        self._kind = kind
        self._explain_options = explain_options
        self._project = project or (ancestor.project if ancestor else None) or client.project
        self._namespace = namespace or (ancestor.namespace if ancestor else client.namespace)
        self._ancestor = ancestor
        self._filters: list[BaseFilter] = [
            each if isinstance(each, BaseFilter) else PropertyFilter(*each) for each in filters
        ]
        self._projection = _listed("projection", projection)
        self._order = _listed("order", order)
        self._distinct_on = _listed("distinct_on", distinct_on)

    @property
    def project(self) -> str:
        """The project."""
        return self._project

    @property
    def namespace(self) -> str | None:
        """The namespace; None for the default one."""
        return self._namespace or self._client.namespace

    @namespace.setter
    def namespace(self, value: str) -> None:
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise _Malformed("Namespace must be a string", namespace=value)
        self._namespace = value

    @property
    def kind(self) -> str | None:
        """The kind; None for all."""
        return self._kind

    @kind.setter
    def kind(self, value: str) -> None:
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError("Kind must be a string")
        self._kind = value

    @property
    def ancestor(self) -> Key | None:
        """The key that all results have above them, or are of."""
        return self._ancestor

    @ancestor.setter
    def ancestor(self, value: Key) -> None:
        if not isinstance(value, Key):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError("Ancestor must be a Key")
        self._ancestor = value

    @ancestor.deleter
    def ancestor(self) -> None:
        self._ancestor = None

    @property
    def filters(self) -> list[BaseFilter]:
        """The filters, in a list of their own."""
        return [*self._filters]

    def add_filter(
        self,
        property_name: str | None = None,
        operator: str | None = None,
        value: Any = None,
        *,
        filter: BaseFilter | None = None,  # noqa: A002 - google-cloud-datastore's name
    ) -> Query:
        """Add ``filter=``, or a condition in three words, which is deprecated.  The query itself is the result."""
        if isinstance(property_name, BaseFilter):
            raise _Malformed(f"a {type(property_name).__name__} is passed by keyword: filter=…")
        if property_name is not None and operator is not None:
            if filter is not None:
                raise _Malformed("Can't pass in both the positional arguments and 'filter' at the same time")
            self._filters.append(PropertyFilter(property_name, operator, value))
            warnings.warn(
                "Detected filter using positional arguments. Prefer using the 'filter' keyword argument instead.",
                UserWarning,
                stacklevel=2,
            )
        if filter is not None:
            self._filters.append(filter)
        return self

    def key_filter(self, key: Key, operator: str = "=") -> None:
        """Add a filter of the key."""
        self._filters.append(PropertyFilter(KEY_PROPERTY_NAME, operator, key))

    def keys_only(self) -> None:
        """Ask for keys: the results are entities without properties."""
        self._projection = [KEY_PROPERTY_NAME]

    @property
    def projection(self) -> list[str]:
        """The names of the properties asked for; empty for all."""
        return [*self._projection]

    @projection.setter
    def projection(self, value: Names) -> None:
        self._projection = [value] if isinstance(value, str) else [*value]

    @property
    def order(self) -> list[str]:
        """What the results are sorted by."""
        return [*self._order]

    @order.setter
    def order(self, value: Names) -> None:
        self._order = [value] if isinstance(value, str) else [*value]

    @property
    def distinct_on(self) -> list[str]:
        """The names whose every combination of values gives one result."""
        return [*self._distinct_on]

    @distinct_on.setter
    def distinct_on(self, value: Names) -> None:
        self._distinct_on = [value] if isinstance(value, str) else [*value]

    def message(self) -> messages.Query:
        """The query as the store has it."""
        keys_only = self._projection == [KEY_PROPERTY_NAME]
        return messages.Query(
            Partition.of(self._project, self._client.database or "", self.namespace or ""),
            self._kind,
            self._ancestor.plain if self._ancestor else None,
            tuple(each.message() for each in self._filters),
            tuple(messages.Order(name.removeprefix("-"), name.startswith("-")) for name in self._order),
            () if keys_only else tuple(self._projection),
            tuple(self._distinct_on),
            keys_only,
        )

    def fetch(
        self,
        limit: int | None = None,
        offset: int | None = 0,
        start_cursor: str | bytes | None = None,
        end_cursor: str | bytes | None = None,
        client: Place | None = None,
        eventual: bool = False,
        retry: Any = None,
        timeout: float | None = None,
        read_time: datetime | None = None,
    ) -> Results:
        """An iterator over the results; nothing is read before the first is asked for.

        In the transaction of the *client* (default: the query's) if one is in progress.  *retry* and *timeout* are
        accepted.  `BadArgumentError` for *eventual* in a transaction; *read_time* is not supported yet.
        """
        del retry, timeout
        if read_time is not None:
            raise NotImplementedError("reads of the past are not supported yet")
        return Results(client or self._client, self, limit, offset, start_cursor, end_cursor, eventual)

    @property
    def explain_options(self) -> ExplainOptions | None:
        """Whether, and how far, the results tell how they were found."""
        return self._explain_options

    def explain(self) -> str:
        """The plan of the query, as text; NotImplementedError of a store that does not tell."""
        plan = self.plan()
        if plan is None:
            raise NotImplementedError(f"a {type(self._client.store).__name__} does not explain queries")
        return plan

    def plan(self) -> str | None:
        """The same; None of a store that does not tell."""
        store: object = self._client.store
        if not isinstance(store, Inspect):
            return None
        return self._client.store.run(store.explain(self.message()))


class Page(Iterator[Entity]):
    """Some results, to be iterated over once."""

    def __init__(self, items: Sequence[Entity]) -> None:
        self.num_items = len(items)
        self.remaining = len(items)
        self._items = iter(items)

    def __next__(self) -> Entity:
        item = next(self._items)
        self.remaining -= 1
        return item


class Results(Iterator[Entity]):
    """The results of a query: by iteration, or by `pages`.

    `next_page_token` is where the last page that was read ends, for ``start_cursor``; None if there is nothing after it.
    """

    def __init__(
        self,
        client: Place,
        query: Query,
        limit: int | None,
        offset: int | None,
        start: str | bytes | None,
        end: str | bytes | None,
        eventual: bool,
    ) -> None:
        self.client, self._query, self.max_results = client, query, limit
        self._offset, self._eventual = offset or 0, eventual
        self.next_page_token: bytes | None = None if start is None else _token(start)
        self._end = None if end is None else _cursor(_token(end))
        self.page_number = 0
        self.num_results = 0
        self._pages: Iterator[Page] | None = None
        self._entities: Iterator[Entity] | None = None
        self._metrics: ExplainMetrics | None = None

    @property
    def explain_metrics(self) -> ExplainMetrics:
        """The plan, and with ``analyze=True``, once all results were read, what came of it.

        `QueryExplainError` where the query has no ``explain_options``, and before they were read.
        """
        options = self._query.explain_options
        if options is None:
            raise QueryExplainError("explain_options not set on query.")
        if self._metrics is None and not options.analyze:
            self._metrics = metrics(self._query.message(), self._query.plan())
        if self._metrics is None:
            raise QueryExplainError("explain_metrics not available until query is complete.")
        return self._metrics

    def _fresh(self) -> None:
        if self._pages is not None or self._entities is not None:
            raise _Started("Iterator has already started")

    @property
    def pages(self) -> Iterator[Page]:
        """The results in pages of 300 at most.  ValueError if they were begun to be read before."""
        self._fresh()
        self._pages = self._read()
        return self._pages

    def __iter__(self) -> Self:
        self._fresh()
        self._entities = self._each()
        return self

    def __next__(self) -> Entity:
        if self._entities is None:
            iter(self)
        assert self._entities is not None
        return next(self._entities)

    def _each(self) -> Generator[Entity]:
        for page in self._read():
            for entity in page:
                self.num_results += 1
                yield entity

    def _read(self) -> Generator[Page]:
        store = self.client.store
        asked = self._query.message()
        maker = PROJECTED if asked.projection else ENTITIES
        transaction, consistency = self.client.reading(self._eventual)
        left, offset = self.max_results, self._offset
        start = None if self.next_page_token is None else _cursor(self.next_page_token)
        options = self._query.explain_options
        more = options is None or options.analyze
        began, results = time.perf_counter(), 0
        while more:
            query = messages.Query(
                asked.partition,
                asked.kind,
                asked.ancestor,
                asked.filters,
                asked.orders,
                asked.projection,
                asked.distinct_on,
                asked.keys_only,
                left,
                offset,
                start,
                self._end,
            )
            found = store.run(store.run_query(query, transaction, consistency, PAGE_SIZE, maker=maker))
            if left is not None:
                left -= len(found.results)
            start, offset = found.cursor, 0
            results += len(found.results)
            more = found.more and left != 0
            # After a limit there may be more, too.
            self.next_page_token = base64.urlsafe_b64encode(start) if found.more or left == 0 else None
            if found.results or not self.page_number:
                self.page_number += 1
                yield Page(found.results)
        if options is not None and options.analyze:
            seconds = time.perf_counter() - began
            self._metrics = metrics(asked, self._query.plan(), results, seconds)


class _Started(BadArgumentError, ValueError):
    """Results are read once."""


def _token(cursor: str | bytes) -> bytes:
    return cursor.encode() if isinstance(cursor, str) else cursor


def _cursor(token: bytes) -> bytes:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadCursorError("malformed cursor", cursor=token) from None
