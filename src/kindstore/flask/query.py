"""`Query`: NDB's query with the verbs that users of Flask-SQLAlchemy know."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast, overload

from werkzeug.exceptions import NotFound

from kindstore.client import ambient
from kindstore.flask import asked, pagination
from kindstore.flask.errors import ManyResultsError, NoResultError
from kindstore.flask.outside import no_app
from kindstore.flask.pagination import CursorPagination, Pagination, Place, Wanted
from kindstore.mapper.context import current, is_ambient
from kindstore.mapper.errors import UnknownPropertyError
from kindstore.mapper.filters import FalseNode, Node, PropertyOrder
from kindstore.mapper.future import Future
from kindstore.mapper.property import Property
from kindstore.ndb.asking import FetchOptions, Ordering
from kindstore.ndb.key import Key
from kindstore.ndb.model import Model, delete_multi
from kindstore.ndb.polymodel import PolyModel
from kindstore.ndb.query import Query as NdbQuery
from kindstore.values.errors import BadCursorError, BadKeyError
from kindstore.values.key import Id
from kindstore.values.key import Key as PlainKey

M = TypeVar("M")

_BATCH = 500
"""Entities that one commit deletes: what the Datastore takes at most."""


def asc(prop: Property[Any]) -> PropertyOrder:
    """The order by *prop*, smallest first."""
    return +prop


def desc(prop: Property[Any]) -> PropertyOrder:
    """The order by *prop*, greatest first."""
    return -prop


def require_app() -> None:
    """Raise `NoAppContextError` where code would work in the ambient store, which is no app's."""
    if is_ambient() and ambient.instead() is None:
        raise no_app()


class Query(NdbQuery[M]):
    """A query of a model: everything that `ndb.Query` can do, and Flask-SQLAlchemy's verbs.

    A query is a value: each of these verbs but those that read returns a new one.
    """

    # What it is.  NDB's attributes `order_by`, `limit` and `offset` give way to the verbs; `orders` says what the first did.

    if not TYPE_CHECKING:

        @property
        def orders(self):  # noqa: D102
            return None if not self._orders else list(self._orders)

    def filter(self, *filters: Node) -> Query[M]:
        """This query with more conditions, all of which must hold: ``User.age > 3, User.active == True``."""
        return cast("Query[M]", super().filter(*filters))

    def filter_by(self, **values: Any) -> Query[M]:
        """This query for entities whose properties have these *values*; ``id`` is that of the key.

        `UnknownPropertyError` for a name that the model does not have.
        """
        return self.filter(*(self._equality(name, value) for name, value in values.items()))

    def order(self, *orders: Ordering) -> Query[M]:
        """This query with further orders: ``User.name``, ``-User.age``, ``"-age"``.

        `UnknownPropertyError` for a text that names no property of the model, by which there would be no results.
        """
        return cast("Query[M]", super().order(*map(self._order, orders)))

    def _order(self, order: Ordering) -> Ordering:
        model: Any = self._model
        # An Expando and a subclass of a PolyModel may have properties that the class does not know.
        if not isinstance(order, str) or model is None or model._dynamic or issubclass(model, PolyModel):
            return order
        name = order.removeprefix("-")
        prop: Any = getattr(model, name, None)
        if isinstance(prop, Property):
            return -prop if order.startswith("-") else +prop
        # As NDB has it, a name may be that in the store; dotted, it is that of a property in a structure.
        if name == "__key__" or name.partition(".")[0] in model._properties:
            return order
        raise self._unknown(name)

    def order_by(self, *orders: Ordering) -> Query[M]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """The same."""
        return self.order(*orders)

    def limit(self, limit: int | None) -> Query[M]:
        """This query for at most *limit* results; None: for all."""
        return cast("Query[M]", self._changed(_limit=limit))

    def offset(self, offset: int | None) -> Query[M]:
        """This query without its first *offset* results; they are read all the same."""
        return cast("Query[M]", self._changed(_offset=offset))

    def _equality(self, name: str, value: Any) -> Node:
        model: Any = self._model
        prop: Any = getattr(model, name, None)
        if isinstance(prop, Property):
            return cast("Node", prop == value)
        if name == "id":
            key = self._key_of(value)
            return FalseNode() if key is None else cast("Node", model._key == key)
        raise self._unknown(name)

    def _unknown(self, name: str) -> UnknownPropertyError:
        model: Any = self._model
        known = [each._code_name for each in model._properties.values()]
        near = difflib.get_close_matches(name, known, 1)
        error = UnknownPropertyError(
            "a model has no such property",
            path=f"{model.__name__}.{name}",
            hint=f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(sorted(known))}.",
        )
        error.name, error.obj = name, None
        return error

    # Reading.

    def all(self) -> list[M]:
        """The results."""
        return self.fetch()

    def first(self) -> M | None:
        """The first result, None if there is none."""
        found = self.fetch(self._at_most(1))
        return found[0] if found else None

    def _at_most(self, number: int) -> int:
        """*number*, or the limit of the query if that is less."""
        return number if self._limit is None else min(number, self._limit)

    def first_or_404(self, description: str | None = None) -> M:
        """The first result; if there is none, the response is 404 Not Found, with *description* if given."""
        return _found(self.first(), description)

    def one_or_none(self) -> M | None:
        """The one result, None if there is none.  `ManyResultsError` if there are several."""
        found = self.fetch(self._at_most(2))
        if len(found) > 1:
            raise ManyResultsError("more than one result", query=self)
        return found[0] if found else None

    def one(self) -> M:
        """The one result.  `NoResultError` if there is none, `ManyResultsError` if there are several."""
        found = self.one_or_none()
        if found is None:
            raise NoResultError("no result", query=self)
        return found

    def one_or_404(self, description: str | None = None) -> M:
        """The one result; if there is none, or several, the response is 404 Not Found."""
        found = self.fetch(self._at_most(2))
        return _found(found[0] if len(found) == 1 else None, description)

    @overload  # type: ignore[override]
    def get(self, /, **options: Unpack[FetchOptions]) -> M | None: ...
    @overload
    def get(self, id: Id | PlainKey, /) -> M | None: ...
    def get(self, *ident: Any, **options: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The entity with this id or name, or of this key, a `Key` or its URL-safe text; None if there is none.

        By key, whatever the query filters.  Without an argument, as in NDB: the first result.
        """
        if not ident:
            return cast("Any", super().get(**options))
        key = self._key_of(*ident)
        return None if key is None else key.get()

    def get_or_404(self, ident: Id | PlainKey, description: str | None = None) -> M:
        """`get`; if there is none, the response is 404 Not Found, with *description* if given."""
        return _found(self.get(ident), description)

    def _key_of(self, ident: Any) -> Key | None:
        """The key that *ident* means; None for one of another kind or place, and for what is no id."""
        partition, kind = self._partition, cast("str", self._kind)
        key = ident
        if isinstance(ident, str):
            try:
                key = Key(urlsafe=ident)
            except (BadKeyError, UnicodeError):
                key = None
            if key is None or key.kind() != kind:  # what looks like a key may be a name all the same
                key = ident
        if isinstance(key, PlainKey):
            if not isinstance(key, Key):
                key = Key.of(key.partition, key.path)
            # Text may come from anybody: no other kind is read by it, nor another namespace.
            return key if key.kind() == kind and key.partition == partition and key.is_complete else None
        made = Key.of(partition, (kind, key))
        try:
            return made if made.path_bytes and made.is_complete else None
        except (BadKeyError, UnicodeError):
            return None

    # The same for an event loop: ``await User.query.first_async()``, beside NDB's `get_async`, `fetch_async` and `count_async`.

    def all_async(self) -> Future[list[M]]:
        """`all`, as a future."""
        return self.fetch_async()

    def first_async(self) -> Future[M | None]:
        """`first`, as a future."""
        return self.fetch_async(self._at_most(1)).then(lambda found: found[0] if found else None)

    def first_or_404_async(self, description: str | None = None) -> Future[M]:
        """`first_or_404`, as a future."""
        return self.first_async().then(lambda found: _found(found, description))

    def get_or_404_async(self, ident: Id | PlainKey, description: str | None = None) -> Future[M]:
        """`get_or_404`, as a future."""
        key = self._key_of(ident)
        if key is None:
            raise NotFound(description)
        found: Future[M | None] = key.get_async()
        return found.then(lambda entity: _found(entity, description))

    def exists(self) -> bool:
        """Whether there is a result."""
        return self.count(self._at_most(1)) > 0

    def paginate(
        self,
        page: int | None = None,
        per_page: int | None = None,
        max_per_page: int | None = 100,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination[M]:
        """Page number *page* of the results, with *per_page* of them, at most *max_per_page*.

        What is not given is what the request says (``?page=3&per_page=50``), else 1 and 20.  With *error_out* the response
        is 404 Not Found for a page without results but the first, and for what is no number of a page; without, that is the first
        page.  With *count* False `Pagination.total` is None.  All results before the page are read too:
        `paginate_by_cursor` is for many.
        """
        return pagination.read(self, Wanted(page, per_page, max_per_page, error_out, count))

    async def paginate_async(
        self,
        page: int | None = None,
        per_page: int | None = None,
        max_per_page: int | None = 100,
        error_out: bool = True,
        count: bool = True,
    ) -> Pagination[M]:
        """`paginate`, for an event loop."""
        return await pagination.aread(self, Wanted(page, per_page, max_per_page, error_out, count))

    def paginate_by_cursor(
        self,
        cursor: str | None = None,
        per_page: int | None = None,
        max_per_page: int | None = 100,
        error_out: bool = True,
    ) -> CursorPagination[M]:
        """The page at the place *cursor*, a page's `next_cursor` or `prev_cursor`; the first one without.

        What is not given is what the request says (``?cursor=…&per_page=50``).  With *error_out* the response is 404 Not
        Found for what is no cursor of this query; without, that is the first page.
        """
        number = asked.size(per_page, max_per_page, error_out)
        place = self._place(cursor, error_out)
        try:
            page = pagination.sized(self, place).fetch_page(number, start_cursor=place.cursor)
        except BadCursorError:
            if error_out:
                raise NotFound from None
            place = Place(None)
            page = pagination.sized(self, place).fetch_page(number)
        return pagination.paged(self, place, number, page)

    async def paginate_by_cursor_async(
        self,
        cursor: str | None = None,
        per_page: int | None = None,
        max_per_page: int | None = 100,
        error_out: bool = True,
    ) -> CursorPagination[M]:
        """`paginate_by_cursor`, for an event loop."""
        number = asked.size(per_page, max_per_page, error_out)
        place = self._place(cursor, error_out)
        try:
            page = await pagination.sized(self, place).fetch_page_async(number, start_cursor=place.cursor)
        except BadCursorError:
            if error_out:
                raise NotFound from None
            place = Place(None)
            page = await pagination.sized(self, place).fetch_page_async(number)
        return pagination.paged(self, place, number, page)

    def _place(self, cursor: str | None, error_out: bool) -> Place:
        try:
            return Place(asked.arguments().get("cursor") if cursor is None else cursor)
        except BadCursorError:
            if error_out:
                raise NotFound from None
            return Place(None)

    def delete(self) -> int:
        """Remove all results; how many there were.  500 in each commit: in a transaction, all of it or nothing."""
        keys = self.fetch(keys_only=True)
        for at in range(0, len(keys), _BATCH):
            delete_multi(keys[at : at + _BATCH])
        return len(keys)


def as_query(query: NdbQuery[M]) -> Query[M]:
    """The same query with the verbs."""
    made: Query[M] = object.__new__(cast("type[Query[M]]", Query))
    made.__dict__.update(query.__dict__)
    return made


def _found(result: M | None, description: str | None) -> M:
    if result is None:
        raise NotFound(description)
    return result


class ModelQuery(Query[M]):
    """What ``Model.query`` is: the query for all entities of *model*, to go on from, or to call as NDB's.

    ``User.query.filter(…)``, ``User.query(User.age > 3, ancestor=key)``.  It reads nothing, and wants no application
    context, before it is used: classes are looked at in other places too.
    """

    def __init__(self, model: type[M]) -> None:
        self._model = model

    def __call__(
        self,
        *filters: Node,
        distinct: bool = False,
        ancestor: PlainKey | None = None,
        order_by: Sequence[Ordering] | None = None,
        orders: Sequence[Ordering] | None = None,
        project: str | None = None,
        app: str | None = None,
        namespace: str | None = None,
        projection: Sequence[Any] | None = None,
        distinct_on: Sequence[Any] | None = None,
        group_by: Sequence[Any] | None = None,
        default_options: None = None,
    ) -> Query[M]:
        """A query as NDB's `Model.query` makes it."""
        require_app()
        plain: Any = Model.query.__func__(  # type: ignore[attr-defined]
            self._model,
            *filters,
            distinct=distinct,
            ancestor=ancestor,
            order_by=order_by,
            orders=orders,
            project=project,
            app=app,
            namespace=namespace,
            projection=projection,
            distinct_on=distinct_on,
            group_by=group_by,
            default_options=default_options,
        )
        return as_query(plain)

    def _changed(self, **changes: Any) -> NdbQuery[M]:
        self._begin()
        return as_query(super()._changed(**changes))

    def _begin(self) -> None:
        if "_filters" not in self.__dict__:
            self.__dict__.update(self().__dict__)

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            # The parts of a query, at the first use of one; these two tell a key without the others.
            if name == "_kind":
                return self._model._get_kind()
            if name == "_partition":
                require_app()
                return current().partition
            if "_filters" in self.__dict__ or not name.startswith("_") or name.startswith("__"):
                raise AttributeError(name, name=name, obj=self)
            self._begin()
            try:
                return self.__dict__[name]
            except KeyError:
                raise AttributeError(name, name=name, obj=self) from None

        def __reduce__(self):
            return ModelQuery, (self._model,)

    def __repr__(self) -> str:
        return f"<{self._model.__name__}.query>"


class QueryDescriptor:
    """``query`` of a model class."""

    def __get__(self, instance: M | None, owner: type[M]) -> ModelQuery[M]:
        return ModelQuery(owner)
