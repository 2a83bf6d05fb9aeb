"""Queries as v1 GQL, each in one of the many ways in which it can be written.

    text = Text(random.Random(1))
    text.query(Query(space, "E", filters=(PropertyFilter("a", "=", 1),)))  # "SELECT * FROM E WHERE 1 IN `a`", say
    bind(parse(text.written, Dialect.V1), space, text.args, text.kwargs)   # the query again, or one that means the same

What GQL has no literal for (places, infinity) becomes an argument; other values do now and then.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from kindstore.store.messages import AndFilter, Filter, Order, PropertyFilter, Query
from kindstore.values.key import Key
from kindstore.values.types import GeoPt

MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Text:
    """The text of one query after the other: `written`, with its arguments in `args` and `kwargs`."""

    def __init__(self, source: random.Random) -> None:
        self.random = source
        self.written = ""
        self.args: list[Any] = []
        self.kwargs: dict[str, Any] = {}

    def query(self, query: Query) -> str:
        """Write *query*; also the result."""
        self.args, self.kwargs = [], {}
        self.written = " ".join(filter(None, [self.selection(query), self.source(query), self.end(query)]))
        return self.written

    def aggregation(self, query: Query, functions: Sequence[str]) -> str:
        """Write *functions* (``COUNT(*)``, ``SUM(a)``) over *query*; also the result."""
        inner = self.query(query)
        self.written = f"{self.word('AGGREGATE')} {', '.join(functions)} {self.word('OVER')} ({inner})"
        return self.written

    # Clauses

    def selection(self, query: Query) -> str:
        """SELECT … FROM …"""
        columns = self.names(query.projection) or ("__key__" if query.keys_only else "*")
        distinct = ""
        if query.distinct_on and query.distinct_on == query.projection and self.maybe(0.6):
            distinct = self.word("DISTINCT") + " "
        elif query.distinct_on:
            distinct = f"{self.word('DISTINCT ON')} ({self.names(query.distinct_on)}) "
        return f"{self.word('SELECT')} {distinct}{columns}"

    def source(self, query: Query) -> str:
        """FROM … WHERE …"""
        conditions = [self.condition(each) for each in query.filters]
        if query.ancestor is not None:
            key = self.value(query.ancestor)
            conditions.append(
                self.one(f"__key__ HAS ANCESTOR {key}", f"{key} {self.word('HAS DESCENDANT')} __key__")
            )
        source = "" if query.kind is None else f"{self.word('FROM')} {self.name(query.kind)}"
        joined = f" {self.word('AND')} ".join(conditions)
        return f"{source} {self.word('WHERE')} {joined}" if joined else source

    def end(self, query: Query) -> str:
        """ORDER BY … LIMIT … OFFSET …, with the cursors of *query*."""
        parts: list[str] = []
        if query.orders:
            parts.append(f"{self.word('ORDER BY')} {', '.join(map(self.order, query.orders))}")
        limit = None if query.limit is None else self.number(query.limit)
        if limit is not None and query.end is not None:
            parts.append(f"{self.word('LIMIT FIRST')}({limit}, {self.argument(query.end)})")
        elif limit is not None or query.end is not None:
            parts.append(f"{self.word('LIMIT')} {limit or self.argument(query.end)}")
        if query.start is not None:
            plus = f" + {self.number(query.offset)}" if query.offset else ""
            parts.append(f"{self.word('OFFSET')} {self.argument(query.start)}{plus}")
        elif query.offset or self.maybe(0.1):
            parts.append(f"{self.word('OFFSET')} {self.number(query.offset)}")
        return " ".join(parts)

    def order(self, order: Order) -> str:
        """One order."""
        direction = self.word("DESC") if order.descending else self.one("", self.word("ASC"))
        return f"{self.name(order.property)} {direction}".strip()

    # Conditions

    def condition(self, condition: Filter) -> str:
        """One condition; several in parentheses."""
        if isinstance(condition, PropertyFilter):
            return self.comparison(condition)
        joint = self.word("AND" if isinstance(condition, AndFilter) else "OR")
        inner = f" {joint} ".join(map(self.condition, condition.filters))
        return f"({inner})"

    def comparison(self, asked: PropertyFilter) -> str:
        """One comparison: *asked*, in any of its forms."""
        name, value = self.name(asked.property), asked.value
        if asked.op in {"IN", "NOT_IN"}:
            op = self.word(asked.op.replace("_", " "))
            return f"{name} {op} {self.argument(list(value)) if self.maybe(0.3) else self.array(value)}"
        if asked.op != "=":
            written = self.value(value)
            return self.one(f"{name} {asked.op} {written}", f"{written} {MIRRORED[asked.op]} {name}")
        if value is None and self.maybe(0.5):
            return f"{name} {self.word('IS NULL')}"
        written = self.value(value)
        return self.one(
            f"{name} = {written}",
            f"{name}={written}",
            f"{written} = {name}",
            f"{name} {self.word('CONTAINS')} {written}",
            f"{written} {self.word('IN')} {name}",
        )

    # Values and names

    def array(self, values: Sequence[Any]) -> str:
        """ARRAY(…)."""
        return f"{self.word('ARRAY')}({', '.join(map(self.value, values))})"

    def value(self, value: Any) -> str:
        """A literal, or a parameter."""
        if isinstance(value, GeoPt) or (isinstance(value, float) and math.isinf(value)) or self.maybe(0.2):
            return self.argument(value)
        match value:
            case None | bool():
                return self.word("NULL" if value is None else str(value).upper())
            case int() | float():
                return repr(value)
            case str():
                return self.string(value)
            case Key():
                return self.key(value)
            case _:
                raise TypeError(type(value))

    def string(self, text: str) -> str:
        """A string in quotes of either sort."""
        quote = self.one("'", '"')
        return quote + text.replace("\\", "\\\\").replace(quote, self.one("\\", quote) + quote) + quote

    def key(self, key: Key) -> str:
        """KEY(…)."""
        parts = [
            self.name(part) if at % 2 == 0 else str(part) if isinstance(part, int) else self.string(str(part))
            for at, part in enumerate(key.path)
        ]
        if key.partition.namespace or self.maybe(0.1):
            parts.insert(0, f"NAMESPACE({self.string(key.partition.namespace)})")
        return f"{self.word('KEY')}({', '.join(parts)})"

    def number(self, number: int) -> str:
        """A number of LIMIT or OFFSET."""
        return self.argument(number) if self.maybe(0.2) else str(number)

    def argument(self, value: Any) -> str:
        """A parameter for *value*."""
        if self.maybe(0.5):
            self.args.append(value)
            return f"@{len(self.args)}"
        name = f"named{len(self.kwargs)}"
        self.kwargs[name] = value
        return f"@{name}"

    def names(self, names: Sequence[str]) -> str:
        """Names of properties."""
        return ", ".join(map(self.name, names))

    def name(self, name: str) -> str:
        """A name, in backquotes now and then."""
        return name if name == "__key__" or self.maybe(0.7) else f"`{name.replace('`', '``')}`"

    def word(self, word: str) -> str:
        """A keyword, in any case."""
        return word if self.maybe(0.8) else self.one(word.lower(), word.title())

    # Choices

    def maybe(self, probability: float) -> bool:
        """True as often as *probability* says."""
        return self.random.random() < probability

    def one(self, *choices: str) -> str:
        """One of *choices*."""
        return self.random.choice(choices)
