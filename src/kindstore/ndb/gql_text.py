"""`ndb.gql`: queries written as text, in the GQL of NDB (spec/service.md 2.1, docs/gql.md).

A text becomes the query that its words say: names are the stored names of properties, values go through the
properties, parameters stay until `Query.bind` gives them their values.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from kindstore.mapper.context import current
from kindstore.mapper.errors import InvalidPropertyError
from kindstore.mapper.filters import (
    AND,
    OR,
    Node,
    Parameter,
    ParameterizedThing,
    ParameterNode,
    PropertyOrder,
    Used,
)
from kindstore.mapper.generic import GenericProperty
from kindstore.mapper.model import Model
from kindstore.mapper.property import Property
from kindstore.mapper.references import key_of_class
from kindstore.mapper.structured import StructuredProperty
from kindstore.ndb.key import Key
from kindstore.values.errors import BadArgumentError
from kindstore.values.key import Key as PlainKey

if TYPE_CHECKING:
    from kindstore.store.gql import Comparison, Condition, Operand, Statement

KEY: Final = "__key__"


def arguments_of(query_string: str) -> dict[str, Any]:
    """The arguments of the `Query` that *query_string* is; see `ndb.gql` for the errors."""
    return _arguments(_parsed(query_string), None)


def arguments_of_kind(model: Any, query_string: str) -> dict[str, Any]:
    """The same for a text that comes after ``SELECT * FROM`` the kind of *model*."""
    kind = model._get_kind().replace('"', '""')
    return _arguments(_parsed(f'SELECT * FROM "{kind}" {query_string}'), model)  # noqa: S608 - not SQL


class ParameterizedFunction(ParameterizedThing):
    """The value that GQL's function *func* makes of *values*, some of which are parameters.

    *func* is ``list``, ``key``, ``date``, ``datetime``, ``time``, ``geopt`` or ``user``; ValueError for any other.
    """

    __slots__ = ("func", "values")

    def __init__(self, func: str, values: Sequence[Any] | ParameterizedThing) -> None:
        if func not in _FUNCTIONS:
            raise ValueError(f"Invalid GQL function: {func}")
        self.func = func
        self.values: list[Any] = [values] if isinstance(values, ParameterizedThing) else list(values)

    def is_parameterized(self) -> bool:
        """Whether any of the values is a parameter, or needs one."""
        return any(isinstance(value, ParameterizedThing) for value in self.values)

    def parameters(self) -> set[int | str]:
        """See `ParameterizedThing`."""
        return {
            name
            for value in self.values
            if isinstance(value, ParameterizedThing)
            for name in value.parameters()
        }

    def resolve(self, bindings: Mapping[int | str, Any], used: Used) -> Any:
        """The value; `BadArgumentError` where the function does not take what the parameters are."""
        values = [
            value.resolve(bindings, used) if isinstance(value, ParameterizedThing) else value
            for value in self.values
        ]
        try:
            return _FUNCTIONS[self.func](values)
        except (ValueError, TypeError, OverflowError) as error:
            raise BadArgumentError(
                f"{self.func}() does not take these values: {error}", values=values
            ) from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ParameterizedFunction):
            return NotImplemented
        return (self.func, self.values) == (other.func, other.values)

    def __hash__(self) -> int:
        return hash((self.func, repr(self.values)))

    def __reduce__(self) -> tuple[Any, ...]:
        return ParameterizedFunction, (self.func, self.values)

    def __repr__(self) -> str:
        return f"ParameterizedFunction({self.func!r}, {self.values!r})"


def _cast(name: str) -> Callable[[list[Any]], Any]:
    def made(values: list[Any]) -> Any:
        from kindstore.store.gql import casts  # noqa: PLC0415 - it loads the parser

        value = casts.cast(name.upper(), values, current().partition)
        if name == "date":
            return value.date()
        if name == "time":
            return value.time()
        return key_of_class(value, Key) if isinstance(value, PlainKey) else value

    return made


_FUNCTIONS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "list": list,
    **{name: _cast(name) for name in ("key", "geopt", "user", "datetime", "date", "time")},
}


def _parsed(text: str) -> Statement:
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
        raise TypeError(f"a query is a string; received {text!r}")
    # Here, because it loads the parser, which no other query needs.
    from kindstore.store.gql import Dialect, parse  # noqa: PLC0415

    return parse(text, Dialect.NDB)


def _arguments(statement: Statement, model: Any) -> dict[str, Any]:
    """The arguments of the query of *statement*, for instances of *model*, or of the class of its kind."""
    if model is None and statement.kind is not None:
        model = Model._lookup_model(statement.kind)
    reading = _Reading(statement, model)
    nodes: tuple[Node, ...] = () if model is None else model._default_filters()
    if statement.where is not None:
        nodes += reading.nodes(statement.where)
    names = statement.properties
    keys_only = names == (KEY,)
    projection = None if keys_only or not names else names
    return {
        "kind": model,
        "filters": AND(*nodes) if nodes else None,
        "ancestor": reading.ancestor,
        "order_by": [PropertyOrder(each.property, each.descending) for each in statement.orders],
        "projection": projection,
        "distinct_on": names if statement.distinct else None,
        "limit": cast("Any", statement.limit[0]).value if statement.limit else None,
        "offset": cast("Any", statement.offset[0]).value if statement.offset else 0,
        "keys_only": keys_only,
    }


class _Reading:
    """One statement on its way to a query."""

    def __init__(self, statement: Statement, model: Any) -> None:
        self.statement, self.model = statement, model
        self.ancestor: Any = None

    def nodes(self, condition: Condition) -> tuple[Node, ...]:
        """The filters of *condition*, all of which must hold; an ancestor is kept apart."""
        from kindstore.store.gql import Both, Comparison  # noqa: PLC0415

        if isinstance(condition, Comparison):
            return self.comparison(condition)
        if isinstance(condition, Both):
            # By name, as NDB's: so texts that say the same thing are the same query.
            parts = sorted(
                condition.parts, key=lambda part: part.property if isinstance(part, Comparison) else ""
            )
            return tuple(node for part in parts for node in self.nodes(part))
        return (OR(*(AND(*self.nodes(part)) for part in condition.parts)),)

    def comparison(self, comparison: Comparison) -> tuple[Node, ...]:
        """The filter of one comparison; none for that with an ancestor."""
        value = self.value(comparison.operand)
        if comparison.op == "ANCESTOR":
            if self.ancestor is not None:
                raise self.statement.wrong(
                    comparison.at, "two ancestors", "A result has one of them at most."
                )
            if not isinstance(value, PlainKey | ParameterizedThing):
                raise self.statement.wrong(comparison.at, "an ancestor is a key", "As in KEY('A', 1).")
            self.ancestor = value
            return ()
        prop: Any = self.property(comparison.property)
        op = comparison.op.lower()
        if isinstance(value, ParameterizedThing):
            prop._comparison("=", value)  # refuses an unindexed property
            return (ParameterNode(prop, op, value),)
        if op in ("in", "not_in"):
            return (prop._IN(value) if op == "in" else prop._NOT_IN(value),)
        return (prop._comparison(op, value),)

    def property(self, name: str) -> Property[Any]:
        """The property with the stored *name*, which may be a path."""
        model = self.model
        if name == KEY:
            key: Property[Any] = (model or Model)._key
            return key
        found: Any = None
        head, *rest = name.split(".")
        if model is None or (model._dynamic and head not in model._properties):
            found = GenericProperty()
            found._key_class = Key
            found._name = found._code_name = name
            return cast("Property[Any]", found)
        found = model._properties.get(head)
        for part in rest:
            if not isinstance(found, StructuredProperty):
                found = None
                break
            inner: Any = found._model_class._properties.get(part)
            if inner is None and not found._model_class._dynamic:
                found = None
                break
            found = found._sub_property(part if inner is None else inner._code_name)
        if found is None:
            raise InvalidPropertyError(
                f"Unknown property {name}",
                path=f"{model.__name__}.{name}",
                hint="GQL has the names that properties are stored under.",
            )
        return cast("Property[Any]", found)

    def value(self, operand: Operand) -> Any:
        """The value of *operand*, or what it will be made of."""
        from kindstore.store.gql import Array, Cast, Literal, casts  # noqa: PLC0415
        from kindstore.store.gql import Parameter as Place  # noqa: PLC0415

        match operand:
            case Literal():
                return operand.value
            case Place():
                return Parameter(operand.name)
            case Array():
                made = ParameterizedFunction("list", [self.value(item) for item in operand.items])
            case Cast():
                made = ParameterizedFunction(
                    operand.name.lower(), [self.value(item) for item in operand.operands]
                )
            case _:
                raise self.statement.wrong(operand.at, "a value that NDB's GQL does not have")
        if made.is_parameterized():
            return made
        try:
            return _FUNCTIONS[made.func](made.values)
        except (ValueError, TypeError, OverflowError) as error:
            raise self.statement.wrong(
                operand.at,
                f"{made.func.upper()} does not take these operands: {error}",
                casts.USAGE[made.func.upper()],
            ) from None
