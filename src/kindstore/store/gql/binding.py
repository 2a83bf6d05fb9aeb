"""`Statement` and arguments to what a store runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from kindstore.store.messages import Aggregation, AndFilter, Filter, OrFilter, PropertyFilter, Query
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, BadKeyError
from kindstore.values.key import Key, Partition
from kindstore.values.reference import from_urlsafe

from . import casts
from .literals import MAX_POSITION
from .syntax import (
    Array,
    Both,
    Cast,
    Comparison,
    Condition,
    Dialect,
    KeyLiteral,
    Literal,
    Operand,
    Parameter,
    Statement,
)

NOTHING: Final = OrFilter(())
"""The filter that no entity fulfils: what App Engine's ``x IN ()`` of an empty list is."""


class Bound(msgspec.Struct, frozen=True):
    """A query with its arguments: for `Store.run_aggregation` if it has aggregations, else for `run_query`."""

    query: Query
    aggregations: tuple[Aggregation, ...] = ()
    aliases: tuple[str, ...] = ()
    """The name of each aggregation's result, in their order."""


def bind(
    statement: Statement,
    partition: Partition,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    allow_literals: bool = True,
) -> Bound:
    """What a store runs for *statement* in *partition*, given the arguments for its parameters.

    *args*: of ``:1``, ``:2`` … (v1: ``@1``), all of which must occur; *kwargs*: of ``:name`` (v1: ``@name``), of
    which some may be left over.  A key is a `Key` (App Engine: as an ancestor also an entity, or an encoded
    key), a cursor is bytes, the values for IN are a list (v1 and NDB: or a tuple).  *allow_literals*: false
    refuses values that are written out, as the v1 API does unless told otherwise.

    Raises `BadArgumentError` for arguments that are missing, left over or of a wrong type, `GqlSyntaxError` for
    values in the text that make no sense or are not allowed.  Whether the Datastore has such a query, the store
    checks, when it runs it.
    """
    binding = _Binding(statement, partition, args, kwargs or {})
    if not allow_literals:
        binding.refuse_literals()
    query = binding.query()
    binding.refuse_unused()
    return Bound(query, statement.aggregations, statement.aliases)


class _Binding:
    """One statement with one set of arguments."""

    def __init__(
        self, statement: Statement, partition: Partition, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        self.statement, self.partition, self.args, self.kwargs = statement, partition, args, kwargs
        self.is_v1 = statement.dialect is Dialect.V1
        self.used: set[int | str] = set()

    def query(self) -> Query:
        """The query for a store."""
        statement = self.statement
        filters, ancestor = self.where()
        keys_only = statement.properties == ("__key__",)
        projection = () if keys_only else statement.properties
        if self.is_v1 and not statement.distinct:
            # Each result of a projection has its key anyway: SELECT __key__, a is allowed, and is SELECT a.
            projection = tuple(name for name in projection if name != "__key__")
        end, limit = self.position(statement.limit)
        start, offset = self.position(statement.offset)
        return Query(
            self.partition,
            statement.kind,
            ancestor,
            filters,
            statement.orders,
            projection,
            statement.properties if statement.distinct else statement.distinct_on,
            keys_only,
            limit,
            offset or 0,
            start,
            end,
        )

    # Arguments

    def argument(self, parameter: Parameter) -> Any:
        """The argument for *parameter*; `BadArgumentError` if there is none."""
        name = parameter.name
        self.used.add(name)
        if isinstance(name, int):
            if name <= len(self.args):
                return self.args[name - 1]
        elif name in self.kwargs:
            return self.kwargs[name]
        raise BadArgumentError(
            "an argument is missing",
            parameter=self.written(name),
            positional=len(self.args),
            hint=f"The query is: {self.statement.text if len(self.statement.text) <= 200 else '(a long one)'}",
        )

    def written(self, name: int | str) -> str:
        """The parameter *name* as it stands in the text."""
        return f"{'@' if self.is_v1 else ':'}{name}"

    def refuse_unused(self) -> None:
        """`BadArgumentError` for positional arguments that the query does not have."""
        unused = [self.written(n) for n in range(1, len(self.args) + 1) if n not in self.used]
        if unused:
            raise BadArgumentError(
                "positional arguments that the query does not use",
                unused=unused,
                hint="Leave them out, or name them in the query.",
            )

    def refuse_literals(self) -> None:
        """`GqlSyntaxError` if a value is written out: the first one."""
        statement = self.statement
        found = [
            each.at
            for each in statement.operands()
            if (isinstance(each, Literal) and not each.is_word) or isinstance(each, KeyLiteral | Cast)
        ]
        found += [] if statement.count_at is None else [statement.count_at]
        if found:
            raise statement.wrong(
                min(found),
                "a literal is not allowed",
                "Write a parameter and pass the value, or allow literals.",
            )

    # Values

    def value(self, operand: Operand) -> Any:
        """The value of *operand*; of an `Array` a tuple."""
        match operand:
            case Literal():
                return operand.value
            case Parameter():
                return self.argument(operand)
            case KeyLiteral():
                return self.key(operand)
            case Array():
                return tuple(self.item(item) for item in operand.items)
            case Cast():
                operands = [self.value(each) for each in operand.operands]
                try:
                    return casts.cast(operand.name, operands, self.partition)
                except (ValueError, TypeError, OverflowError) as error:
                    raise self.statement.wrong(
                        operand.at,
                        f"{operand.name} does not take these operands: {error}",
                        casts.USAGE[operand.name],
                    ) from None

    def item(self, operand: Operand) -> Any:
        """The value of *operand* among the values for IN."""
        value = self.value(operand)
        if isinstance(value, list | tuple):
            raise BadArgumentError(
                "a list can't hold a list", **self.named(operand, value), hint="IN takes a list as a whole."
            )
        return value

    def key(self, literal: KeyLiteral) -> Key:
        """The key that is written out."""
        own = self.partition
        try:
            partition = Partition.of(
                own.project if literal.project is None else literal.project,
                own.database,
                own.namespace if literal.namespace is None else literal.namespace,
            )
            key = Key.of(partition, literal.path)
            _ = key.path_bytes  # refuses what no key may hold
        except BadKeyError as error:
            raise self.statement.wrong(literal.at, error.message, error.hint) from None
        return key

    def position(self, given: tuple[Literal | Parameter, ...]) -> tuple[bytes | None, int | None]:
        """The cursor and the number of a LIMIT or OFFSET."""
        cursor: bytes | None = None
        number: int | None = None
        for each in given:
            value = self.value(each)
            if isinstance(value, bytes) and cursor is None:
                cursor = value
            elif isinstance(value, int) and not isinstance(value, bool) and number is None:
                if not 0 <= value <= MAX_POSITION:
                    raise BadArgumentError(
                        f"LIMIT and OFFSET take numbers from 0 to {MAX_POSITION:,}",
                        **self.named(each, value),
                        hint="Leave LIMIT out for all results.",
                    )
                number = value
            else:
                # Two literals the grammar refuses, so one of them is an argument.
                wrong = each if isinstance(each, Parameter) else given[0]
                raise BadArgumentError(
                    "LIMIT and OFFSET take one int and one cursor (bytes) at most",
                    **self.named(wrong, self.value(wrong)),
                    hint="Pass a number for a number, and a cursor as it was given.",
                )
        return cursor, number

    def named(self, operand: Operand, value: Any) -> dict[str, Any]:
        """The facts of an error about an argument."""
        return (
            {"parameter": self.written(operand.name), "value": value}
            if isinstance(operand, Parameter)
            else {}
        )

    # Conditions

    def where(self) -> tuple[tuple[Filter, ...], Key | None]:
        """The filters, all of which must hold, and the ancestor."""
        if self.statement.where is None:
            return (), None
        found = self.condition(self.statement.where)
        for key, at in found.ancestors:
            if found.always is None or key != found.always:
                raise self.statement.wrong(
                    at,
                    "every alternative of an OR must have the same ancestor",
                    "Put HAS ANCESTOR outside of the parentheses, or ask one query for each ancestor.",
                )
        if isinstance(found.filter, AndFilter):
            return found.filter.filters, found.always
        return (() if found.filter is None else (found.filter,)), found.always

    def condition(self, condition: Condition) -> _Found:
        """What *condition* asks; no deeper recursion than `MAX_HEIGHT`."""
        if isinstance(condition, Comparison):
            return self.comparison(condition)
        parts = [self.condition(part) for part in condition.parts]
        ancestors = tuple(each for part in parts for each in part.ancestors)
        filters = tuple(part.filter for part in parts if part.filter is not None)
        if isinstance(condition, Both):
            always = [part.always for part in parts if part.always is not None]
            if any(key != always[0] for key in always):
                raise self.statement.wrong(
                    ancestors[-1][1], "two ancestors", "A result has one of them at most."
                )
            combined = filters[0] if len(filters) == 1 else AndFilter(filters) if filters else None
            return _Found(combined, always[0] if always else None, ancestors)
        same = parts[0].always
        if any(part.always != same for part in parts):
            same = None
        # An alternative that asks for the ancestor alone makes the others superfluous: all have the same.
        return _Found(OrFilter(filters) if len(filters) == len(parts) else None, same, ancestors)

    def comparison(self, comparison: Comparison) -> _Found:
        """What one comparison asks."""
        op, operand = comparison.op, comparison.operand
        value = self.value(operand)
        if op == "ANCESTOR":
            key = self.ancestor(operand, value)
            return _Found(None, key, ((key, comparison.at),))
        if op in {"IN", "NOT_IN"}:
            value = self.members(operand, value)
            if not value and op == "IN" and not self.is_v1:
                return _Found(NOTHING)
        return _Found(PropertyFilter(comparison.property, op, value))

    def members(self, operand: Operand, value: Any) -> tuple[Any, ...]:
        """The values for IN or NOT IN."""
        if isinstance(operand, Array):
            return cast("tuple[Any, ...]", value)
        allowed = list if self.statement.dialect is Dialect.APP_ENGINE else (list, tuple, set, frozenset)
        if not isinstance(value, allowed):
            raise BadArgumentError(
                "IN takes a list", **self.named(operand, value), hint="Pass [value] for a single one."
            )
        if not value and self.is_v1:
            raise BadArgumentError(
                "IN takes a list with a value in it",
                **self.named(operand, value),
                hint="Ask nothing where there is nothing to find.",
            )
        return tuple(cast("list[Any]", value))

    def ancestor(self, operand: Operand, value: Any) -> Key:
        """The key of an ancestor."""
        if not self.is_v1:
            if isinstance(value, Entity):
                value = value.key
            elif isinstance(value, str):
                try:
                    value = from_urlsafe(value)
                except BadKeyError as error:
                    if isinstance(operand, Literal):
                        raise self.statement.wrong(operand.at, error.message, error.hint) from None
                    raise BadArgumentError(
                        error.message, **self.named(operand, value), hint="Pass a key, or its urlsafe form."
                    ) from None
        if isinstance(value, Key):
            return value
        if isinstance(operand, Parameter):
            raise BadArgumentError("an ancestor is a key", **self.named(operand, value), hint="Pass a key.")
        raise self.statement.wrong(operand.at, "an ancestor is a key", "As in KEY('A', 1).")


class _Found(NamedTuple):
    """What a condition asks."""

    filter: Filter | None
    """None: nothing but the ancestor."""
    always: Key | None = None
    """The ancestor that all results have."""
    ancestors: tuple[tuple[Key, int], ...] = ()
    """Each that is asked for, with its place: all must turn out to be the one that all results have."""
