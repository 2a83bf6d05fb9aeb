"""The rules of ``app_engine.lark``, as they become a `Statement`."""

from __future__ import annotations

from typing import Any

from . import literals
from .literals import Misread
from .reading import CONSTANTS, Name, Parts, Reading, Selection, place, texts
from .syntax import Array, Both, Cast, Comparison, Condition, Literal, Operand, Parameter


class AppEngineReading(Reading):
    """The rules of ``app_engine.lark``."""

    def start(self, parts: Parts) -> dict[str, Any]:
        """The fields of the statement."""
        selection, kind, where, orders, limit, offset, hint = parts
        if limit is None:
            limit = (), ()
        if offset is not None:
            at = place(offset)
            if limit[1]:
                raise Misread(at, "a second OFFSET", "LIMIT has one already: its first number.")
            limit = limit[0], (Literal(at, literals.position(at, offset, 0, "OFFSET")),)
        return {
            "kind": kind.text if kind else None,
            "properties": selection.properties,
            "distinct": selection.distinct,
            "where": where,
            "orders": orders or (),
            "limit": limit[0],
            "offset": limit[1],
            "hint": hint,
        }

    def everything(self, parts: Parts) -> Selection:
        """``*``, which can't be DISTINCT."""
        if len(parts) == 2:
            raise Misread(
                place(parts[1]), "DISTINCT needs names of properties", "As in SELECT DISTINCT a, b."
            )
        return Selection()

    def selection(self, parts: Parts) -> Selection:
        """Names, DISTINCT or not."""
        return Selection(texts(parts[-1]), distinct=len(parts) == 2)

    def names_alone(self, parts: Parts) -> Selection:
        """Names, of which ``distinct`` is the first."""
        return Selection(texts(parts))

    def name(self, parts: Parts) -> Name:
        """A name without its quotes."""
        (token,) = parts
        return Name(place(token), literals.doubled(token) if token.type == "QUOTED" else str(token))

    def conditions(self, parts: Parts) -> Condition:
        """All of them must hold."""
        ancestors = [each for each in parts if each.op == "ANCESTOR"]
        if len(ancestors) > 1:
            raise Misread(ancestors[1].at, "a second ANCESTOR IS", "A query has one ancestor.")
        return parts[0] if len(parts) == 1 else Both(tuple(parts), 1)

    def ancestor(self, parts: Parts) -> Comparison:
        """``ANCESTOR IS value``."""
        word, value = parts
        return Comparison(place(word), "__key__", "ANCESTOR", value)

    def comparison(self, parts: Parts) -> Comparison:
        """``property = value``, ``property IN …``."""
        name, op, operand = parts
        return Comparison(
            name.at, name.text, _members(operand, "IN") if op.type == "IN" else str(op), operand
        )

    def not_in(self, parts: Parts) -> Comparison:
        """``property NOT IN …``."""
        name, word, _, operand = parts
        return self._not_in(place(word), name, operand)

    def _not_in(self, at: int, name: Name, operand: Operand) -> Comparison:  # noqa: ARG002
        raise Misread(at, "App Engine's GQL has no NOT IN", "NDB's and v1's have.")

    def list(self, parts: Parts) -> Array:
        """The values between parentheses."""
        paren, *items = parts
        return Array(place(paren), tuple(items))

    def cast(self, parts: Parts) -> Cast:
        """``KEY('A', 1)`` and the like."""
        word, *operands = parts
        return Cast(place(word), word.upper(), tuple(operands))

    def literal(self, parts: Parts) -> Literal | Parameter:
        """A value that is written out, or a parameter."""
        (token,) = parts
        at = place(token)
        match token.type:
            case "PARAMETER":
                return Parameter(at, literals.parameter(at, token))
            case "NUMBER":
                return Literal(at, literals.number(at, token))
            case "STRING":
                return Literal(at, literals.doubled(token))
            case _:
                return Literal(at, CONSTANTS[token.type])

    def hint(self, parts: Parts) -> str:
        """The word after HINT."""
        return str(parts[0]).upper()

    def limit(self, parts: Parts) -> tuple[tuple[Literal, ...], tuple[Literal, ...]]:
        """The limit, and the offset if it has two numbers: ``LIMIT offset, count``."""
        *offset, count = [token for token in parts if token is not None]
        return (
            (Literal(place(count), literals.position(place(count), count, 1, "LIMIT")),),
            tuple(Literal(place(each), literals.position(place(each), each, 0, "OFFSET")) for each in offset),
        )


class NdbReading(AppEngineReading):
    """App Engine's, and NOT IN."""

    def _not_in(self, at: int, name: Name, operand: Operand) -> Comparison:  # noqa: ARG002
        return Comparison(name.at, name.text, _members(operand, "NOT_IN"), operand)


def _members(operand: Operand, op: str) -> str:
    """*op*, which takes several values."""
    if not isinstance(operand, Array | Parameter):
        raise Misread(operand.at, "IN takes values in parentheses, or a parameter", "As in x IN (1, 2).")
    return op
