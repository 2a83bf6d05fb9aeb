"""The rules of ``v1.lark``, as they become a `Statement`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from lark import Token

from kindstore.store.messages import Aggregation, Average, Count, Sum

from . import literals
from .literals import Misread
from .reading import CONSTANTS, MAX_HEIGHT, Name, Parts, Reading, Selection, place, texts
from .syntax import Array, Both, Comparison, Condition, Either, KeyLiteral, Literal, Operand, Parameter

_MIRRORED: Final = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Aggregated(NamedTuple):
    """One aggregation, its alias if it has one, and where the number of a COUNT_UP_TO stands."""

    function: Aggregation
    alias: Name | None
    count_at: int | None = None


class V1Reading(Reading):
    """The rules of ``v1.lark``."""

    def start(self, parts: Parts) -> dict[str, Any]:
        """The fields of the statement."""
        fields: dict[str, Any] = parts[0]
        return fields

    def query(self, parts: Parts) -> dict[str, Any]:
        """A query for entities."""
        selection, kind, where, orders, limit, offset = parts
        return {
            "kind": kind.text if kind else None,
            "properties": selection.properties,
            "distinct": selection.distinct,
            "distinct_on": selection.distinct_on,
            "where": where,
            "orders": orders or (),
            "limit": limit or (),
            "offset": offset or (),
        }

    def aggregation(self, parts: Parts) -> dict[str, Any]:
        """``SELECT COUNT(*) …``."""
        aggregates, kind, where = parts
        return {**aggregates, "kind": kind.text if kind else None, "where": where}

    def aggregation_over(self, parts: Parts) -> dict[str, Any]:
        """``AGGREGATE COUNT(*) … OVER (…)``."""
        aggregates, query = parts
        return {**query, **aggregates}

    def aggregates(self, parts: Parts) -> dict[str, Any]:
        """The aggregations with a name for each: those without an alias are numbered among themselves."""
        aliases: dict[str, None] = {}
        named: Name | None = None
        numbers = itertools.count(1)
        for each in parts:
            named = each.alias or named
            alias = each.alias.text if each.alias else f"property_{next(numbers)}"
            if alias in aliases:
                assert named is not None  # the numbers alone don't repeat
                raise Misread(named.at, "two results of one name", f"Choose another alias than {alias!r}.")
            aliases[alias] = None
        return {
            "aggregations": tuple(each.function for each in parts),
            "aliases": tuple(aliases),
            "count_at": next((each.count_at for each in parts if each.count_at is not None), None),
        }

    def count(self, parts: Parts) -> Aggregated:
        """``COUNT(*)`` and ``COUNT_UP_TO(n)``."""
        word, argument, alias = parts
        if word.type == "COUNT":
            return Aggregated(Count(), alias)
        at = place(argument)
        return Aggregated(Count(literals.position(at, argument, 0, "COUNT_UP_TO")), alias, at)

    def of_property(self, parts: Parts) -> Aggregated:
        """``SUM(a)`` and ``AVG(a)``."""
        word, name, alias = parts
        return Aggregated(Sum(name.text) if word.type == "SUM" else Average(name.text), alias)

    def everything(self, parts: Parts) -> Selection:  # noqa: ARG002
        """``*``."""
        return Selection()

    def plain(self, parts: Parts) -> Selection:
        """Names."""
        _refuse_keys(parts[0])
        return Selection(texts(parts[0]))

    def distinct(self, parts: Parts) -> Selection:
        """DISTINCT and names."""
        return Selection(texts(parts[1]), distinct=True)

    def distinct_on(self, parts: Parts) -> Selection:
        """``DISTINCT ON (a, b) …``."""
        _, _, names, selected = parts
        if isinstance(selected, Token):
            return Selection(distinct_on=texts(names))
        _refuse_keys(selected)
        return Selection(texts(selected), distinct_on=texts(names))

    def path(self, parts: Parts) -> Name:
        """The name of a kind or property, without its backquotes."""
        (token,) = parts
        return Name(place(token), literals.path(token))

    soft = kind = path

    def both(self, parts: Parts) -> Condition:
        """AND, flattened."""
        return _combined(Both, parts)

    def either(self, parts: Parts) -> Condition:
        """OR, flattened."""
        return _combined(Either, parts)

    def forward(self, parts: Parts) -> Comparison:
        """``property = value``."""
        name, op, operand = parts
        if isinstance(operand, Array):
            raise Misread(operand.at, f"{op} does not take an ARRAY", "IN and NOT IN do.")
        return Comparison(name.at, name.text, str(op), operand)

    def backward(self, parts: Parts) -> Comparison:
        """``value = property``."""
        operand, op, name = parts
        return Comparison(operand.at, name.text, _MIRRORED[op], operand)

    def contains(self, parts: Parts) -> Comparison:
        """``property CONTAINS value``, which is the same as ``=``."""
        name, _, operand = parts
        return Comparison(name.at, name.text, "=", operand)

    def in_property(self, parts: Parts) -> Comparison:
        """``value IN property``, which is the same as ``=``."""
        operand, _, name = parts
        return Comparison(operand.at, name.text, "=", operand)

    def within(self, parts: Parts) -> Comparison:
        """``property IN ARRAY(…)``."""
        name, operand = parts[0], parts[-1]
        if not isinstance(operand, Array | Parameter):
            raise Misread(operand.at, "IN takes an ARRAY or a parameter", "As in x IN ARRAY(1, 2).")
        return Comparison(name.at, name.text, "NOT_IN" if len(parts) == 4 else "IN", operand)

    not_within = within

    def is_null(self, parts: Parts) -> Comparison:
        """``property IS NULL``."""
        name, word = parts
        return Comparison(name.at, name.text, "=", Literal(place(word), None, is_word=True))

    def has_ancestor(self, parts: Parts) -> Comparison:
        """``__key__ HAS ANCESTOR key``."""
        name, _, word, operand = parts
        return _ancestor(name, place(word), operand)

    def has_descendant(self, parts: Parts) -> Comparison:
        """``key HAS DESCENDANT __key__``."""
        operand, _, word, name = parts
        return _ancestor(name, place(word), operand)

    def array(self, parts: Parts) -> Array:
        """``ARRAY(…)``."""
        word, *items = parts
        return Array(place(word), tuple(items))

    def nested_array(self, parts: Parts) -> Array:
        """An array in an array."""
        raise Misread(parts[1].at, "an ARRAY can't hold an ARRAY")

    def empty_array(self, parts: Parts) -> Array:
        """``ARRAY()``."""
        raise Misread(place(parts[0]), "an ARRAY needs a value", "As in ARRAY(1, 2).")

    def parameter(self, parts: Parts) -> Parameter:
        """``@1`` or ``@name``."""
        at = place(parts[0])
        return Parameter(at, literals.parameter(at, parts[0]))

    def literal(self, parts: Parts) -> Literal:
        """A value that is written out."""
        (token,) = parts
        at = place(token)
        match token.type:
            case "NUMBER":
                return Literal(at, literals.number(at, token))
            case "STRING":
                return Literal(at, literals.string(at, token))
            case _:
                return Literal(at, CONSTANTS[token.type])

    def blob(self, parts: Parts) -> Literal:
        """``BLOB('…')``."""
        return _of_string(literals.blob, *parts)

    def datetime(self, parts: Parts) -> Literal:
        """``DATETIME('…')``."""
        return _of_string(literals.rfc_3339, *parts)

    def key(self, parts: Parts) -> KeyLiteral:
        """``KEY(…)``."""
        word, _, project, _, namespace, path = parts
        return KeyLiteral(
            place(word),
            literals.string(place(project), project) if project else None,
            literals.string(place(namespace), namespace) if namespace else None,
            path,
        )

    def elements(self, parts: Parts) -> tuple[int | str, ...]:
        """Kind, id or name, kind, id or name …"""
        flat: list[int | str] = []
        for each in parts:
            if isinstance(each, Name):
                flat.append(each.text)
            elif each.type == "STRING":
                flat.append(literals.string(place(each), each))
            else:
                value = literals.number(place(each), each)
                if not isinstance(value, int) or value < 1:
                    raise Misread(place(each), "an id is a whole number from 1", "A name is a string.")
                flat.append(value)
        return tuple(flat)

    def limit(self, parts: Parts) -> tuple[Literal | Parameter, ...]:
        """A number, a cursor, or both."""
        if len(parts) == 2 and isinstance(parts[0], Literal) and isinstance(parts[1], Literal):
            raise Misread(parts[1].at, "FIRST takes a number and a cursor", "As in FIRST(10, @cursor).")
        return tuple(parts)

    def offset(self, parts: Parts) -> tuple[Literal | Parameter, ...]:
        """A number, a cursor, or both."""
        first, second = parts
        if isinstance(first, Literal) and isinstance(second, Literal):
            raise Misread(second.at, "OFFSET takes a cursor and a number", "As in OFFSET @cursor + 10.")
        return (first,) if second is None else (first, second)

    def position(self, parts: Parts) -> Literal | Parameter:
        """A number or a parameter."""
        (token,) = parts
        at = place(token)
        if token.type == "PARAMETER":
            return Parameter(at, literals.parameter(at, token))
        return Literal(at, literals.position(at, token, 0, "LIMIT and OFFSET each"))


def _refuse_keys(names: list[Name]) -> None:
    """Refuse ``__key__`` twice: it is no part of a projection, where the store would find it."""
    keys = [name for name in names if name.text == "__key__"]
    if len(keys) > 1:
        raise Misread(keys[1].at, "a property can't be selected twice")


def _combined(combination: type[Both | Either], parts: Parts) -> Condition:
    flat: list[Condition] = []
    for part in parts:
        if isinstance(part, combination):
            flat.extend(part.parts)
        else:
            flat.append(part)
    height = 1 + max(part.height for part in flat)
    if height > MAX_HEIGHT:
        raise Misread(
            _first(flat[0]),
            "AND and OR are nested too deep",
            f"{MAX_HEIGHT} of them may be inside each other.",
        )
    return combination(tuple(flat), height)


def _first(condition: Condition) -> int:
    while not isinstance(condition, Comparison):
        condition = condition.parts[0]
    return condition.at


def _ancestor(name: Name, at: int, operand: Operand) -> Comparison:
    if name.text != "__key__":
        raise Misread(at, "only __key__ has an ancestor", f"{name.text} is a property.")
    if not isinstance(operand, KeyLiteral | Parameter):
        raise Misread(operand.at, "an ancestor is a KEY or a parameter")
    return Comparison(name.at, "__key__", "ANCESTOR", operand)


def _of_string(meaning: Callable[[int, str], Any], word: Token, token: Token) -> Literal:
    return Literal(place(word), meaning(place(token), literals.string(place(token), token)))
