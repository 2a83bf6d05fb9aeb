"""What is wrong with a text that the parser can't read, in the words of those who write queries."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from lark import Token
from lark.exceptions import UnexpectedInput

from .errors import GqlSyntaxError
from .syntax import Dialect

_WORDS: Final = {
    "STAR": "*",
    "NAME": "a name",
    "QUOTED": "a name",
    "PARAMETER": "a value",
    "NUMBER": "a value",
    "STRING": "a value",
    "TRUE": "a value",
    "INT": "a whole number",
    "COMPARISON": "a comparison (= != < <= > >=)",
    "OPEN": "(",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "PLUS": "+",
    "_SEMICOLON": "the end",
    "$END": "the end",
}
"""What terminals of the grammars are called, in the order in which they are named; others are keywords."""

_UNNAMED: Final = frozenset(
    {"FALSE", "NULL", "KEY", "GEOPT", "USER", "DATE", "TIME", "DATETIME", "BLOB", "ARRAY"}
)
"""Terminals that go without saying: they are values, or names."""

_SOFT: Final = frozenset({"DISTINCT", "COUNT", "COUNT_UP_TO", "SUM", "AVG"})
"""Keywords that are names there."""

_TAKEN: Final = frozenset(
    {"FROM", "WHERE", "AND", "ORDER", "LIMIT", "OFFSET", "HINT", "IN", "IS", "OR", "NOT"}
)
"""Keywords that were hardly meant as names."""

_WORD: Final = re.compile(r"[\w$]+")

# By the word that can't stand where it stands.

_HINTS: Final[dict[str, str]] = {
    "GROUP": "GQL has no GROUP BY; SELECT DISTINCT gives each combination of values once.",
    "JOIN": "GQL has no joins.",
    "LIKE": "GQL has no LIKE; for a beginning, write x >= 'abc' AND x < 'abd'.",
    "BETWEEN": "Write x >= 1 AND x <= 2.",
    "<>": "Write != for not equal.",
    "==": "Write = for equal.",
    "--": "GQL has no comments.",
    "/*": "GQL has no comments.",
}

_HINTS_OF: Final[dict[bool, dict[str, str]]] = {  # is it v1?
    False: {
        "OR": "App Engine's GQL has no OR: use IN for several values of a property, or the v1 dialect.",
        "NOT": "App Engine's GQL has no NOT; use != or the v1 dialect.",
        "IS": "IS is for ANCESTOR only; for an empty value write x = NULL.",
        "CONTAINS": "Write x = 1: a list equals each of its values.",
        "HAS": "Write ANCESTOR IS KEY('A', 1).",
        "COUNT": "App Engine's GQL has no aggregations: use count(), or the v1 dialect.",
        "AGGREGATE": "App Engine's GQL has no aggregations: use count(), or the v1 dialect.",
        "LIMIT": "LIMIT stands before OFFSET.",
        "@": "Parameters are :1 or :name; @1 is of the v1 dialect.",
        '"': "Strings have single quotes; double quotes are for names, and hold no space.",
        "'": "A string ends with a single quote in the same line; inside, '' is one quote.",
        "`": "Names are quoted with double quotes.",
        "ARRAY": "Write x IN (1, 2).",
        "BLOB": "App Engine's GQL has no BLOB: pass the bytes as an argument.",
    },
    True: {
        "NOT": "There are != and NOT IN, no other NOT.",
        "LIMIT": "LIMIT stands before OFFSET.",
        ":": "Parameters are @1 or @name; :1 is of App Engine's dialect.",
        '"': 'A string ends with the quote that it begins with; \\" or "" is one quote inside.',
        "'": "A string ends with the quote that it begins with; \\' or '' is one quote inside.",
        "`": "A name in backquotes ends with a backquote; inside, `` is one backquote.",
        "(": "The values for IN are an array: x IN ARRAY(1, 2).",
        "HINT": "HINT is of App Engine's dialect.",
        ";": "A query ends without a semicolon.",
    },
}


def explained(text: str, dialect: Dialect, unexpected: UnexpectedInput) -> GqlSyntaxError:
    """The error for a word that can't stand where it stands."""
    token: Any = getattr(unexpected, "token", None)
    if token is not None and token.type == "$END":
        at, found = len(text.rstrip()), ""
    else:
        at = cast("int", unexpected.pos_in_stream)
        found = _word(text, at)
    return GqlSyntaxError.at(
        text,
        at,
        "a GQL query can't be read",
        expected=_in_order(_acceptable(unexpected)),
        found=found,
        hint=_hint(found, _before(unexpected), dialect),
    )


def _acceptable(unexpected: UnexpectedInput) -> set[str]:
    """The terminals that could have stood there."""
    state: Any = getattr(unexpected, "interactive_parser", None)
    return set(state.accepts()) if state is not None else set()


def _in_order(found: set[str]) -> tuple[str, ...]:
    """The words for the terminals *found*, each once: names and values first, then keywords, the end last."""
    named = dict.fromkeys(word for terminal, word in _WORDS.items() if terminal in found)
    left = found - _WORDS.keys()
    if "STAR" in found and "NAME" in found:
        left -= {"ON"}
        if "$END" in found:  # after SELECT DISTINCT, which may be the name of a property, but hardly is
            return "*", "a name"
    elif "NAME" in found:
        left -= _SOFT
    if {"NAME", "STRING"} & found:
        left -= _UNNAMED
    keywords = sorted(each.removeprefix("_") for each in left)
    last = [word for word in (",", ")", "the end") if word in named]
    for word in last:
        del named[word]
    return (*named, *keywords, *last)


def _before(unexpected: UnexpectedInput) -> Token | None:
    """The word before the one that is wrong."""
    history: Any = getattr(unexpected, "token_history", None)
    return history[-1] if history else None


def _word(text: str, at: int) -> str:
    """What stands at *at*: a run of letters and digits, or one or two other characters."""
    if text[at : at + 2] in _HINTS:
        return text[at : at + 2]
    match = _WORD.match(text, at)
    return match[0] if match else text[at : at + 1]


def _hint(found: str, before: Token | None, dialect: Dialect) -> str:
    key = found.upper()
    if key == "(" and (before is None or before.type != "IN"):
        return ""
    hint = _HINTS.get(key) or _HINTS_OF[dialect is Dialect.V1].get(key, "")
    if not hint and before is not None and before.type == "NAME" and before.upper() in _TAKEN:
        hint = f"{before} was read as a name. Is one missing before it?"
    return hint
