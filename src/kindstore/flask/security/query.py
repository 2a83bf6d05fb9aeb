"""`Model.query` for mappers that have none, in the words of Flask-SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import abort

from kindstore.values.errors import BadArgumentError


@dataclass(frozen=True)
class Query:
    """Which objects of a model, in which order; reads nothing until it is asked for results.

    *rows* gives what a query describes.  What a criterion and an order are, the mapper says: an expression of
    Peewee, a `Q` of MongoEngine, a lambda of Pony.
    """

    model: type[Any]
    rows: Callable[[Query], Sequence[Any]]
    criteria: tuple[Any, ...] = ()
    equal: tuple[tuple[str, Any], ...] = ()
    orders: tuple[Any, ...] = ()
    first_row: int = 0
    most: int | None = None

    def filter(self, *criteria: Any) -> Query:
        """Those that meet all *criteria* too.

        Raises BadArgumentError for a bool: a comparison that Python has made itself, as `User.active == False`
        is with classes of MongoEngine and Pony.
        """
        for each in criteria:
            if isinstance(each, bool):
                raise BadArgumentError(
                    "a criterion is True or False before anything is read",
                    hint="This mapper compares no class attributes: use filter_by(name=value), or filter() with "
                    "its own criteria (MongoEngine: Q(...); Pony: a lambda).",
                )
        return replace(self, criteria=(*self.criteria, *criteria))

    def filter_by(self, **equal: Any) -> Query:
        """Those whose attributes equal these too."""
        return replace(self, equal=(*self.equal, *equal.items()))

    def order_by(self, *orders: Any) -> Query:
        """In this order; an attribute of the class, its name, or what the mapper makes of it for descending."""
        return replace(self, orders=(*self.orders, *orders))

    def limit(self, most: int) -> Query:
        """At most so many."""
        return replace(self, most=most)

    def offset(self, first_row: int) -> Query:
        """Without the first so many."""
        return replace(self, first_row=first_row)

    def all(self) -> list[Any]:
        """All of them."""
        return list(self.rows(self))

    def first(self) -> Any:
        """The first one, None if there is none."""
        return next(iter(self.limit(1).all()), None)

    def first_or_404(self) -> Any:
        """The first one; a 404 response if there is none."""
        found = self.first()
        return abort(404) if found is None else found

    def count(self) -> int:
        """How many there are."""
        return len(self.all())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())


class QueryOfModel:
    """The class attribute `query`."""

    def __init__(self, rows: Callable[[Query], Sequence[Any]]) -> None:
        self._rows = rows

    def __get__(self, instance: object, owner: type[Any]) -> Query:
        return Query(owner, self._rows)
