"""Where a query's text is wrong, shown in the text itself."""

from __future__ import annotations

import unicodedata
from typing import Any

from kindstore.values.errors import BadQueryError

_WIDTH = 100
"""Columns of the excerpt: a longer line is cut on both sides of the place."""


class GqlSyntaxError(BadQueryError):
    """The text of a GQL query is wrong.

    Facts: `line` and `column` (from 1), `expected` (what could have stood there, in words; empty where the form
    is right but the value is not), `found` (what stands there, "" at the end) and `excerpt` (the line and, below
    it, a caret at the place).
    """

    @classmethod
    def at(
        cls,
        text: str,
        offset: int,
        message: str,
        *,
        expected: tuple[str, ...] = (),
        found: str = "",
        hint: str = "",
    ) -> GqlSyntaxError:
        """The error *message* at the character *offset* of *text*."""
        line, column, excerpt = _locate(text, offset)
        facts: dict[str, Any] = {
            "line": line,
            "column": column,
            "expected": expected,
            "found": _shortened(found),
            "excerpt": excerpt,
        }
        return cls(message, hint=hint, **facts)

    def __str__(self) -> str:
        facts = self.facts
        if "excerpt" not in facts:
            return super().__str__()
        text = f"{self.message} (line {facts['line']}, column {facts['column']})"
        if facts["expected"]:
            found = f"found {_printable(facts['found'])}" if facts["found"] else "found the end"
            text += f": expected {in_words(facts['expected'])}, {found}"
        text += f"\n{facts['excerpt']}"
        return f"{text}\n{_printable(self.hint)}" if self.hint else text


def in_words(choices: tuple[str, ...]) -> str:
    """*choices* as "a, b or c"."""
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last


def _shortened(found: str) -> str:
    return found if len(found) <= _WIDTH // 2 else found[: _WIDTH // 2 - 1] + "…"


def _locate(text: str, offset: int) -> tuple[int, int, str]:
    """The line and column of *offset* in *text*, and the excerpt with its caret."""
    begin = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line, column = text.count("\n", 0, offset) + 1, offset - begin + 1
    low = max(begin, offset - _WIDTH * 2 // 3)
    high = min(len(text) if end < 0 else end, low + _WIDTH)
    before = ("…" if low > begin else "") + _printable(text[low:offset])
    after = _printable(text[offset:high]) + ("…" if high < (len(text) if end < 0 else end) else "")
    return line, column, f"    {before}{after}\n    {' ' * _columns(before)}^"


def _printable(text: str) -> str:
    """*text* with a space for each tab and the like, so that a caret below it stands where it should."""
    return "".join(each if each.isprintable() else " " if each.isspace() else "�" for each in text)


def _columns(text: str) -> int:
    """How many columns *text* takes on a terminal."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )
