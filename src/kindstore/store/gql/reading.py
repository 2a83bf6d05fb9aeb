"""From grammar to `Statement`: what the readings of both grammars have in common.

A reading has one method for each rule, which the parser calls while it reads: bottom-up, from a loop of its own,
so that a deeply nested query needs no deep stack.  How deep its conditions may go is limited (`MAX_HEIGHT`) for
those who walk them later.  Readings hold no state: one serves all threads.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from lark import Token, Transformer

from kindstore.store.messages import Order

MAX_HEIGHT: Final = 50
"""Of AND and OR inside each other."""

Parts: TypeAlias = list[Any]
"""What the symbols of a rule have become, in order; None for an optional one that is not there."""

CONSTANTS: Final[dict[str, bool | None]] = {"TRUE": True, "FALSE": False, "NULL": None}


class Name(NamedTuple):
    """The name of a kind or property, and where it stands."""

    at: int
    text: str


class Selection(NamedTuple):
    """What stands between SELECT and FROM."""

    properties: tuple[str, ...] = ()
    distinct: bool = False
    distinct_on: tuple[str, ...] = ()


def place(token: Token) -> int:
    """Where *token* begins in the text."""
    at = token.start_pos
    assert at is not None
    return at


def texts(names: list[Name]) -> tuple[str, ...]:
    """The *names* without their places."""
    return tuple(name.text for name in names)


class Reading(Transformer[Token, Any]):
    """The rules that both grammars have."""

    def names(self, parts: Parts) -> list[Name]:
        """The properties after SELECT."""
        return parts

    def orders(self, parts: Parts) -> tuple[Order, ...]:
        """``ORDER BY …``."""
        return tuple(parts)

    def order(self, parts: Parts) -> Order:
        """A property, upwards if it does not say."""
        name, direction = parts
        return Order(name.text, direction == "DESC")

    def direction(self, parts: Parts) -> str:
        """ASC or DESC."""
        return str(parts[0]).upper()
