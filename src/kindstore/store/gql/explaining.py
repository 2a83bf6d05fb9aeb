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
    "COMMA": "a comma",
    "PLUS": "+",
    "_SEMICOLON": "the end",
    "$END": "the end",
}
"""What terminals of the grammars are called, in the order in which they are named; others are keywords."""

_UNNAMED: Final = frozenset(
    {"FALSE", "NULL", "KEY", "GEOPT", "USER", "DATE", "TIME", "DATETIME", "BLOB", "ARRAY"}
)
"""Terminals that go without saying: they are values, or names."""

_TAKEN: Final = frozenset(
    {"FROM", "WHERE", "AND", "ORDER", "LIMIT", "OFFSET", "HINT", "IN", "IS", "OR", "NOT"}
)
"""Keywords that were hardly meant as names."""

_AGGREGATES: Final = frozenset({"COUNT", "COUNT_UP_TO", "SUM", "AVG"})

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
        "AGGREGATE": "App Engine's GQL has no aggregations: use count(), or the v1 dialect.",
        "COUNT (": "App Engine's GQL has no aggregations: use count(), or the v1 dialect.",
        "LIMIT": "LIMIT stands before OFFSET.",
        "@": "Parameters are :1 or :name; @1 is of the v1 dialect.",
        "ARRAY": "Write x IN (1, 2).",
        "BLOB": "App Engine's GQL has no BLOB: pass the bytes as an argument.",
    },
    True: {
        "IS": "IS is for NULL only; for an ancestor write __key__ HAS ANCESTOR KEY(A, 1).",
        "NOT": "There are != and NOT IN, no other NOT.",
        "LIMIT": "LIMIT stands before OFFSET.",
        ":": "Parameters are @1 or @name; :1 is of App Engine's dialect.",
        "IN (": "The values for IN are an array: x IN ARRAY(1, 2).",
        "COUNT (": "Aggregations stand before FROM, not among properties nor inside of OVER (…).",
        "AGGREGATION LIMIT": "As in AGGREGATE COUNT(*) OVER (SELECT * FROM A LIMIT 10).",
        "HINT": "HINT is of App Engine's dialect.",
        ";": "A query ends without a semicolon.",
    },
}

_QUOTES: Final[dict[bool, dict[str, str]]] = {
    False: {
        '"': "Strings have single quotes; double quotes are for names, and hold no space.",
        "'": "A string ends with a single quote in the same line; inside, '' is one quote.",
        "`": "Names are quoted with double quotes.",
    },
    True: {
        '"': 'A string ends with the quote that it begins with; \\" or "" is one quote inside.',
        "'": "A string ends with the quote that it begins with; \\' or '' is one quote inside.",
        "`": "A name in backquotes ends with a backquote; inside, `` is one backquote.",
    },
}


def explained(text: str, dialect: Dialect, unexpected: UnexpectedInput) -> GqlSyntaxError:
    """The error for a word that can't stand where it stands."""
    token: Any = getattr(unexpected, "token", None)  # None for characters that begin no word at all
    expected = _in_order(_acceptable(unexpected) - ({"NOT"} if dialect is Dialect.APP_ENGINE else set()))
    if token is not None and token.type == "$END":
        at, found, hint = len(text.rstrip()), "", ""
    else:
        at = cast("int", unexpected.pos_in_stream)
        found = _word(text, at) if token is None else str(token)
        hint = _hint(at, found, _before(unexpected), expected, dialect) or _quote_hint(
            found, token, expected, dialect
        )
    return GqlSyntaxError.at(text, at, "a GQL query can't be read", expected=expected, found=found, hint=hint)


def _acceptable(unexpected: UnexpectedInput) -> set[str]:
    """The terminals that could have stood there."""
    state: Any = getattr(unexpected, "interactive_parser", None)
    return set(state.accepts()) if state is not None else set()


def _in_order(found: set[str]) -> tuple[str, ...]:
    """The words for the terminals *found*, each once: names and values first, then keywords, the end last."""
    named = dict.fromkeys(word for terminal, word in _WORDS.items() if terminal in found)
    left = found - _WORDS.keys()
    if {
        "NAME",
        "COMMA",
    } <= found:  # after SELECT DISTINCT, which may be the name of a property, but hardly is
        left -= {"_FROM"}
        del named["a comma"]
    if {"NAME", "STRING"} & found:
        left -= _UNNAMED
    keywords = sorted(each.removeprefix("_") for each in left)
    last = [word for word in ("a comma", ")", "the end") if word in named]
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


def _hint(at: int, found: str, before: Token | None, expected: tuple[str, ...], dialect: Dialect) -> str:
    """What those who write this usually mean."""
    key = found.upper()
    own = _HINTS_OF[dialect is Dialect.V1]
    if before is not None:
        word = before.upper()
        if before.end_pos == at and before + found in _HINTS:  # as <> is two words
            return _HINTS[before + found]
        if before.type == "_IS" and dialect is Dialect.V1 and key != "NOT":
            return own["IS"]
        if key == "(":
            return own.get("COUNT (" if word in _AGGREGATES else f"{word} (", "")
        if before.type == "NAME" and word in _TAKEN:
            return own["NOT"] if word == "NOT" else f"{before} was read as a name. Is one missing before it?"
    if key in {"LIMIT", "OFFSET", "ORDER"} and {"WHERE", "AND"} & {*expected}:
        return own.get("AGGREGATION LIMIT", "")
    return _HINTS.get(key) or own.get(key) or (own.get(key[0], "") if key[0] in ":@" else "")


def _quote_hint(found: str, token: Token | None, expected: tuple[str, ...], dialect: Dialect) -> str:
    if found[0] in {"'", '"', "`"} and (token is None or (token.type == "QUOTED" and "a value" in expected)):
        return _QUOTES[dialect is Dialect.V1][found[0]]
    return ""
