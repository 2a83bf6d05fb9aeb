"""What a GQL query says, before its arguments are known: immutable, the same for both dialects.

Every part that can turn out wrong later has `at`, its place in the text (characters from 0).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, TypeAlias

import msgspec

from kindstore.store.messages import Aggregation, Order

from .errors import GqlSyntaxError


class Dialect(enum.Enum):
    """Which GQL a text is written in."""

    APP_ENGINE = "app-engine"
    """The GQL of ``google.appengine.ext.db`` and of old NDB (spec/service.md 2.1)."""

    NDB = "ndb"
    """App Engine's, and ``NOT IN``: what google-cloud-ndb reads (spec/ndb.md 1.8)."""

    V1 = "v1"
    """The GQL of the v1 API, of Google's console and its client libraries (spec/service.md 2.2)."""


class Parameter(msgspec.Struct, frozen=True, gc=False):
    """A place for an argument: an int counts positional ones from 1, a str is a name."""

    at: int
    name: int | str


class Literal(msgspec.Struct, frozen=True):
    """A value that is written out."""

    at: int
    value: bool | int | float | str | bytes | datetime | None
    is_word: bool = False
    """It is the NULL of ``IS NULL``, which is allowed where literals are not."""


class Cast(msgspec.Struct, frozen=True):
    """App Engine's ``KEY(…)``, ``GEOPT(…)``, ``USER(…)``, ``DATETIME(…)``, ``DATE(…)`` or ``TIME(…)``."""

    at: int
    name: str
    """In capitals."""
    operands: tuple[Parameter | Literal, ...]


class KeyLiteral(msgspec.Struct, frozen=True):
    """A key of the v1 dialect; without *project* or *namespace* it has those of the query."""

    at: int
    project: str | None
    namespace: str | None
    path: tuple[int | str, ...]
    """Kind, id or name, kind, id or name …"""


class Array(msgspec.Struct, frozen=True):
    """The values for ``IN`` and ``NOT IN``."""

    at: int
    items: tuple[Operand, ...]


Operand: TypeAlias = Parameter | Literal | Cast | KeyLiteral | Array


class Comparison(msgspec.Struct, frozen=True):
    """*property* *op* *operand*, *op* one of ``= != < <= > >= IN NOT_IN ANCESTOR``.

    ``ANCESTOR`` has the property ``__key__``: the results are the entity *operand* and what is below it.
    """

    at: int
    property: str
    op: str
    operand: Operand
    height: ClassVar[int] = 0


class Both(msgspec.Struct, frozen=True):
    """All of *parts* must hold."""

    parts: tuple[Condition, ...]
    height: int
    """Of combinations inside each other: 1 where the parts are comparisons."""


class Either(msgspec.Struct, frozen=True):
    """At least one of *parts* must hold."""

    parts: tuple[Condition, ...]
    height: int


Condition: TypeAlias = Comparison | Both | Either


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One query, read from *text*; `bind` makes of it what a store runs."""

    text: str
    dialect: Dialect
    kind: str | None = None
    properties: tuple[str, ...] = ()
    """The properties after SELECT, as written; none for ``*`` and for aggregations."""
    distinct: bool = False
    """``SELECT DISTINCT``: one result for each combination of the *properties*."""
    distinct_on: tuple[str, ...] = ()
    """The properties of v1's ``DISTINCT ON (…)``."""
    where: Condition | None = None
    orders: tuple[Order, ...] = ()
    limit: tuple[Literal | Parameter, ...] = ()
    """A number, in v1 also a cursor at which to end, or both."""
    offset: tuple[Literal | Parameter, ...] = ()
    """A number, in v1 also a cursor at which to start, or both."""
    hint: str | None = None
    """App Engine's ``ORDER_FIRST``, ``FILTER_FIRST`` or ``ANCESTOR_FIRST``; without effect here."""
    aggregations: tuple[Aggregation, ...] = ()
    aliases: tuple[str, ...] = ()
    """The name of each aggregation's result."""
    count_at: int | None = None
    """Where the number of the first COUNT_UP_TO stands."""

    def operands(self) -> Iterator[Operand]:
        """Every value, parameter, limit and offset of the query; those inside others too."""
        yield from _within(_operands(self.where))
        yield from self.limit
        yield from self.offset

    def parameters(self) -> set[int | str]:
        """The names and numbers of the arguments that `bind` needs."""
        return {each.name for each in self.operands() if isinstance(each, Parameter)}

    def wrong(self, at: int, message: str, hint: str = "") -> GqlSyntaxError:
        """The error that points at a place in this query."""
        return GqlSyntaxError.at(self.text, at, message, hint=hint)


def _operands(condition: Condition | None) -> Iterator[Operand]:
    if isinstance(condition, Comparison):
        yield condition.operand
    elif condition is not None:
        for part in condition.parts:
            yield from _operands(part)


def _within(operands: Iterator[Any]) -> Iterator[Operand]:
    for each in operands:
        yield each
        if isinstance(each, Array):
            yield from _within(iter(each.items))
        elif isinstance(each, Cast):
            yield from each.operands
