"""Text to `Statement`, and a text that is none to an error that points at the place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import resources
from typing import Any, Final

from lark import Lark
from lark.exceptions import UnexpectedInput

from kindstore.store.checks import choice
from kindstore.values.errors import BadArgumentError

from .errors import GqlSyntaxError
from .explaining import explained
from .literals import Misread
from .reading import Reading
from .reading_app_engine import AppEngineReading, NdbReading
from .reading_v1 import V1Reading
from .syntax import Dialect, Statement

CACHED: Final = 256
"""How many statements are kept."""

CACHED_LENGTH: Final = 4_096
"""Characters of the longest text that is kept."""

_READINGS: Final[dict[Dialect, tuple[str, Reading]]] = {
    Dialect.APP_ENGINE: ("app_engine.lark", AppEngineReading()),
    Dialect.NDB: ("app_engine.lark", NdbReading()),
    Dialect.V1: ("v1.lark", V1Reading()),
}
"""The grammar of each dialect, and what makes statements of it."""


def parse(text: str, dialect: Dialect = Dialect.APP_ENGINE) -> Statement:
    """The statement that *text* is; the last 256 short ones are kept.

    `GqlSyntaxError` for a text that is no query of *dialect*, whatever it is; `BadArgumentError` if it is no str, or
    there is no such dialect.
    The time it takes grows in proportion to the text.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
        raise BadArgumentError(
            "a query is a str", type=type(text).__name__, hint="Pass the text of the query."
        )
    return (_kept if len(text) <= CACHED_LENGTH else _parse)(str(text), choice(Dialect, "dialect", dialect))


def _parse(text: str, dialect: Dialect) -> Statement:
    try:
        fields = _parser(dialect)(text)
    except Misread as misread:
        raise GqlSyntaxError.at(text, misread.at, misread.message, hint=misread.hint) from None
    except UnexpectedInput as unexpected:
        raise explained(text, dialect, unexpected) from None
    return Statement(text=text, dialect=dialect, **fields)


_kept = functools.lru_cache(CACHED)(_parse)


@functools.cache
def _parser(dialect: Dialect) -> Callable[[str], dict[str, Any]]:
    """What reads a text and gives the fields of its statement; made at the first use of *dialect*."""
    grammar, reading = _READINGS[dialect]
    made: Any = Lark(
        resources.files("kindstore.store.gql").joinpath(grammar).read_text(encoding="utf-8"),
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=True,
        transformer=reading,
    )
    parse: Callable[[str], dict[str, Any]] = made.parse
    return parse
