"""`db.GqlQuery`: a query as text (docs/gql.md, App Engine's dialect)."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from kindstore.db.errors import BadArgumentError, BadQueryError, PropertyError
from kindstore.db.key import place
from kindstore.db.kinds import class_for_kind
from kindstore.db.query import BaseQuery, asked, compared, parameter
from kindstore.mapper.property import is_list
from kindstore.store.messages import PropertyFilter, Query

if TYPE_CHECKING:
    from kindstore.store.gql import Statement


class GqlQuery(BaseQuery):
    """The query of a text, with values for its parameters: ``GqlQuery("SELECT * FROM Author WHERE age > :1", 3)``.

    `BadQueryError` for a text that is no query, `KindError` for a kind without a class, `PropertyError` for a property
    that is not indexed; at the run, `BadArgumentError` for values that are missing or left over.
    """

    def __init__(self, query_string: str, *args: Any, **kwds: Any) -> None:
        # Here, because it loads the parser, which no other query needs.
        from kindstore.store.gql import Dialect, parse  # noqa: PLC0415

        self._app = kwds.pop("_app", None)
        with _told("Parse Error"):
            self._statement: Statement = parse(query_string, Dialect.APP_ENGINE)
        kind = self._statement.kind
        super().__init__(None if kind is None else class_for_kind(kind))
        if self._model_class is not None:
            names = [each.property for each in _comparisons(self._statement.where)]
            names += [order.property for order in self._statement.orders]
            for name in names:
                if name in self._model_class._unindexed_properties:
                    raise PropertyError(f"Property '{name}' is not indexed")
        self._restriction: tuple[PropertyFilter, ...] = ()
        self.bind(*args, **kwds)

    def bind(self, *args: Any, **kwds: Any) -> None:
        """Give the parameters other values."""
        self._args = [parameter(value) for value in args]
        self._kwds = {name: parameter(value) for name, value in kwds.items()}

    def restrict(self, name: str, value: Any) -> None:
        """Only entities with this value besides; for hierarchies of classes."""
        self._restriction = (PropertyFilter(name, "=", value),)

    def is_keys_only(self) -> bool:
        """See `BaseQuery`."""
        return self._statement.properties == ("__key__",)

    def projection(self) -> Any:
        """See `BaseQuery`."""
        return None if self.is_keys_only() else self._statement.properties or None

    def is_distinct(self) -> bool:
        """See `BaseQuery`."""
        return self._statement.distinct

    def run(self, **options: Any) -> Any:
        """See `BaseQuery`; the text's own limit and offset count where the call gives none."""
        query = self._bound()
        if query.limit is not None:
            options.setdefault("limit", query.limit)
        options.setdefault("offset", query.offset)
        return super().run(**options)

    def _bound(self) -> Query:
        from kindstore.store.gql import bind  # noqa: PLC0415

        self._check_arguments()
        args = [_plain(value) for value in self._args]
        kwds = {name: _plain(value) for name, value in self._kwds.items()}
        with _told("Type Cast Error"):
            query = bind(self._statement, place(self._app), args, kwds).query
        return replace(query, filters=query.filters + self._restriction)

    def _check_arguments(self) -> None:
        wanted = self._statement.parameters()
        for name in wanted:
            if isinstance(name, int) and name > len(self._args):
                raise BadArgumentError(
                    f"Missing argument for bind, requires argument #{name}, but only has {len(self._args)} args."
                )
            if isinstance(name, str) and name not in self._kwds:
                raise BadArgumentError(f"Missing named arguments for bind, requires argument {name}")
        unused = [at for at in range(1, len(self._args) + 1) if at not in wanted]
        if unused:
            raise BadArgumentError(f"Unused positional arguments {unused}")

    def _asked(self) -> Query:
        bound = self._bound()
        if bound.keys_only and self._is_several(bound):
            raise BadQueryError("Keys only queries do not support IN or != filters.")
        filters: list[tuple[str, str, Any]] = []
        for each in bound.filters:
            if not isinstance(each, PropertyFilter):
                # What no entity fulfils: IN of an empty list.
                return replace(bound, limit=None, offset=0)
            op = each.op.lower()
            filters.append((each.property, op, list(each.value) if op == "in" else each.value))
        checked = asked(
            bound.kind,
            bound.partition,
            None,
            tuple(filters),
            bound.orders,
            bound.keys_only,
            bound.projection,
            bool(bound.distinct_on),
        )
        return replace(checked, ancestor=bound.ancestor)


@contextmanager
def _told(beginning: str) -> Generator[None]:
    """For a ``with`` block: what is wrong with a text is told with the words with which App Engine's message begins."""
    try:
        yield
    except BadQueryError as error:
        expected = error.facts.get("expected", ())
        if "was read as a name" in error.hint:
            beginning += ": Identifier is a reserved keyword"
        elif "a name" in expected:
            beginning += ": Identifier Expected"
        elif "a value" in expected and error.facts["found"] == "(":
            beginning += ": Filter list value could not be cast"
        raise type(error)(f"{beginning}: {error.message}", hint=error.hint, **error.facts) from None


def _comparisons(condition: Any) -> list[Any]:
    if condition is None:
        return []
    parts = getattr(condition, "parts", None)
    return [condition] if parts is None else [each for part in parts for each in _comparisons(part)]


def _plain(value: Any) -> Any:
    """The stored form of a parameter's value; of a list, that of each item."""
    if is_list(value):
        return [_plain(parameter(item)) for item in value]
    return cast("Any", value) if isinstance(value, tuple) else compared("a parameter", value)
