"""GQL, text to `Query`, in both dialects (spec/service.md 2): `parse` reads a text, `bind` gives it arguments.

    statement = parse("SELECT * FROM Author WHERE name = :1", Dialect.APP_ENGINE)
    bound = bind(statement, store.partition(), ["Ada"])
    page = store.run(store.run_query(bound.query))

A text that is wrong gives `GqlSyntaxError`, which points at the place; wrong arguments `BadArgumentError`.  Nothing
else imports this package before a query is given as a text: it loads lark, the parser.
"""

from .binding import NOTHING, Bound, bind
from .errors import GqlSyntaxError
from .parsing import parse
from .syntax import (
    Array,
    Both,
    Cast,
    Comparison,
    Condition,
    Dialect,
    Either,
    KeyLiteral,
    Literal,
    Operand,
    Parameter,
    Statement,
)

__all__ = [
    "NOTHING",
    "Array",
    "Both",
    "Bound",
    "Cast",
    "Comparison",
    "Condition",
    "Dialect",
    "Either",
    "GqlSyntaxError",
    "KeyLiteral",
    "Literal",
    "Operand",
    "Parameter",
    "Statement",
    "bind",
    "parse",
]
