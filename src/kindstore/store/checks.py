"""What every store refuses before anything is written, as pure functions (spec/service.md 3.5).

Called by each store with every commit, lookup and query.  `check_mutations` is on the path of every put, so
plain values pass through one loop without a call; whatever is out of the ordinary goes to a checker by type.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from kindstore.values import limits
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, BadKeyError, BadQueryError, BadValueError
from kindstore.values.key import Key

from .conjunctions import (
    COMPARISONS,
    check_disjunctions,
    comparisons,
    conditions,
    conjunctions,
    fixed_properties,
)
from .entity_checks import check_entity, check_stored, size_of
from .messages import (
    Aggregation,
    Average,
    Count,
    Delete,
    Insert,
    Mutation,
    OrFilter,
    PropertyFilter,
    Query,
    Sum,
    Update,
    Upsert,
)

KEY = "__key__"
"""The property that stands for an entity's key in filters and orders."""

MAX_COMPONENTS = 100
"""Filters, orders and ancestor of one query together."""

MAX_INEQUALITIES = 10
"""Properties of one query that have inequalities, ``!=`` and NOT_IN among them (Firestore's limit)."""

MAX_AGGREGATIONS = 5
"""Of one call."""

E = TypeVar("E", bound=enum.Enum)


def choice(kind: type[E], option: str, given: object) -> E:
    """The member of *kind* that *given* is, or is the value of; `BadArgumentError` that names *option* otherwise."""
    if isinstance(given, kind):
        return given
    try:
        return kind(given)
    except ValueError:
        known = ", ".join(repr(member.value) for member in kind)
        raise BadArgumentError(
            "an option has no such value", **{option: given}, hint=f"One of {known}."
        ) from None


def check_int(option: str, given: Any) -> None:
    """`BadArgumentError` that names *option* unless *given* is an int."""
    if not isinstance(given, int) or isinstance(given, bool):
        facts: dict[str, Any] = {option: given}
        raise BadArgumentError("an int is needed", **facts, hint="Convert it: int(…).")


def check_mutations(
    mutations: Sequence[Mutation], project: str, *, in_transaction: bool = False
) -> list[Key]:
    """The key of each of *mutations*; raises unless *mutations* can be applied, as far as can be told without looking at what is stored.

    *project*: the only one that keys may belong to.  Raises, with the path of what is bad:
    `BadKeyError` (reserved, malformed, of another project; incomplete in an update or delete),
    `BadValueError` and `TooLargeError` (values, names of properties),
    `BadArgumentError` (an entity named twice outside a transaction, a sequence that no transaction may have).
    The size of the stored record is checked where it is made (`record.dump`).
    """
    keys = check_keys(mutations, project, in_transaction=in_transaction)
    for mutation in mutations:
        if not isinstance(mutation, Delete):
            check_entity(mutation.entity)
    return keys


def check_keys(mutations: Sequence[Mutation], project: str, *, in_transaction: bool = False) -> list[Key]:
    """`check_mutations` without a look into the entities; the key of each mutation."""
    keys: list[Key] = []
    sound: Key | None = None
    for mutation in mutations:
        if isinstance(mutation, Upsert | Insert):
            key = mutation.entity.key
            if sound is None or key is not sound:  # new entities may share one incomplete key
                sound = check_key(key, project)
            keys.append(sound)
        elif isinstance(mutation, Delete):
            keys.append(check_complete(mutation.key, project))
        elif isinstance(mutation, Update):  # pyright: ignore[reportUnnecessaryIsInstance]
            keys.append(check_complete(mutation.entity.key, project))
        else:
            raise BadArgumentError("not a mutation", type=type(mutation).__name__)
    if len(mutations) > 1:
        _check_sequence(mutations, keys, in_transaction)
    return keys


_sound_prefixes: set[tuple[Any, ...]] = set()
"""Paths without their last id, as have been checked before: nearly every key has one of few."""


def check_key(key: Key | None, project: str) -> Key:
    """*key*; `BadKeyError` unless an entity of *project* may be stored under it.  It may be incomplete."""
    if not isinstance(key, Key):
        raise BadKeyError("an entity needs a key to be stored", key=key)
    if key._partition.project != project:
        raise BadKeyError(
            "a key of another project",
            key=key,
            project=key.partition.project,
            hint="Make it with the partition of this store.",
        )
    path = key._flat or key.path
    last = path[-1]
    if (last is None or type(last) is int) and path[:-1] in _sound_prefixes:
        if last is not None and key._packed is None:
            _ = key.path_bytes  # refuses an id out of range
        return key
    key.check()
    if len(_sound_prefixes) < 10_000 and len(key.path_bytes) < limits.MAX_NAME:
        _sound_prefixes.add(path[:-1])
    return key


def check_complete(key: Key | None, project: str) -> Key:
    """`check_key`, and `BadKeyError` for an incomplete key."""
    sound = check_key(key, project)
    if (sound._flat or sound.path)[-1] is None:
        raise BadKeyError("an incomplete key", key=key, hint="Give it an id or a name.")
    return sound


def check_lookup(keys: Sequence[Key], project: str) -> None:
    """Raise `BadKeyError` unless *keys* are complete keys of *project*.  Reserved names may be looked up."""
    for key in keys:
        if not isinstance(key, Key):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadKeyError("not a key", key=key, hint="Make one: Key.of(partition, path).")
        _ = key.path_bytes  # refuses a malformed path
        if key.path[-1] is None:
            raise BadKeyError("an incomplete key", key=key, hint="Give it an id or a name.")
        if key.partition.project != project:
            raise BadKeyError(
                "a key of another project",
                key=key,
                project=key.partition.project,
                hint="Make it with the partition of this store.",
            )


_NOT_AFTER: dict[type, frozenset[type]] = {
    Insert: frozenset({Insert, Update, Upsert}),
    Update: frozenset({Delete}),
}
"""Which mutation of an entity may not follow which others in one transaction (spec/service.md 3.10)."""


def _check_sequence(mutations: Sequence[Mutation], keys: list[Key], in_transaction: bool) -> None:
    complete = [key._packed or key.path_bytes for key in keys if (key._flat or key.path)[-1] is not None]
    if len(set(complete)) == len(complete):
        return
    last: dict[Key, type] = {}
    for key, mutation in zip(keys, mutations, strict=True):
        if not key.is_complete:  # gets an id of its own
            continue
        before = last.get(key)
        if before is not None and not in_transaction:
            raise BadArgumentError("an entity may be named once in a commit outside a transaction", key=key)
        if before in _NOT_AFTER.get(type(mutation), ()):
            raise BadArgumentError(
                "mutations of one entity that can't follow each other",
                key=key,
                first=cast("type", before).__name__,
                second=type(mutation).__name__,
            )
        last[key] = type(mutation)


# Queries.


def check_query(query: Query, project: str | None = None) -> None:
    """Raise unless *query* is one that the Datastore has, whatever is stored (spec/service.md 2.2, 3.3, 3.5).

    `BadQueryError` for its form, `BadKeyError` for a key that no entity can have, `BadValueError` and
    `TooLargeError` for a value that no index can hold.  *project*, where given, is the only one it may ask.
    Cursors are looked at by the store that made them.
    """
    if project is not None and query.partition.project != project:
        raise BadQueryError(
            "a query of another project",
            project=query.partition.project,
            hint="Take the partition from the store that you ask.",
        )
    if (query.limit is not None and query.limit < 0) or query.offset < 0:
        raise BadQueryError(
            "limit and offset are numbers from 0",
            limit=query.limit,
            offset=query.offset,
            hint="Leave the limit out to get all results.",
        )
    if query.kind is not None:
        _check_kind(query.kind)
    if query.ancestor is not None:
        check_lookup([query.ancestor], query.partition.project)
        _check_partition(query, query.ancestor, "an ancestor of another partition than the query's")
    if len(query.filters) + len(query.orders) + (query.ancestor is not None) > MAX_COMPONENTS:
        raise _too_many_components(len(query.filters) + len(query.orders))
    for each in query.filters:
        if isinstance(each, PropertyFilter) and each.op in COMPARISONS:
            _check_comparison(query, each.property, each.value)
        else:
            _check_conditions(query)
            break
    else:
        if len(query.filters) > MAX_INEQUALITIES:
            _check_inequalities(query)
    for order in query.orders:
        if order.property != KEY:
            _check_asked_property(query, order.property)
    if query.projection or query.distinct_on:
        _check_columns(query)


def check_aggregations(query: Query, aggregations: Sequence[Aggregation]) -> None:
    """`BadQueryError` unless *aggregations* can be made over the results of *query*, which is checked by itself."""
    if not 1 <= len(aggregations) <= MAX_AGGREGATIONS:
        raise BadQueryError(
            "a call has 1 to 5 aggregations",
            aggregations=len(aggregations),
            hint="Ask for fewer at a time." if aggregations else "Ask for one.",
        )
    for each in aggregations:
        if isinstance(each, Count):
            if each.up_to is not None and each.up_to < 0:
                raise BadQueryError(
                    "a count is up to a number from 0", up_to=each.up_to, hint="Leave it out to count all."
                )
        elif isinstance(each, Sum | Average):  # pyright: ignore[reportUnnecessaryIsInstance]
            if each.property == KEY:
                raise BadQueryError(
                    "aggregations are not supported for __key__",
                    hint="Name a property, or count the results.",
                )
            _check_asked_property(query, each.property)
            if query.keys_only or (query.projection and each.property not in query.projection):
                raise BadQueryError(
                    "a sum of a property that the results do not have",
                    path=each.property,
                    hint="Project it, or aggregate over whole entities.",
                )
        else:
            raise BadQueryError(
                "an unknown aggregation", type=type(each).__name__, hint="Use Count, Sum or Average."
            )


def _too_many_components(found: int) -> BadQueryError:
    return BadQueryError(
        "a query has at most 100 filters and orders",
        components=found,
        hint="Use IN for many values of one property, or run several queries.",
    )


def _check_kind(kind: Any) -> None:
    if not isinstance(kind, str) or not 1 <= size_of(kind, "kind") <= limits.MAX_NAME:
        raise BadQueryError(
            "a kind is a str of 1 to 1,500 bytes", kind=kind, hint="Give the name of a kind, or None for all."
        )


def _check_partition(query: Query, key: Key, message: str) -> None:
    if key.partition != query.partition:
        raise BadQueryError(
            message, key=key, partition=query.partition, hint="Ask in the partition of the key."
        )


def _check_asked_property(query: Query, name: Any) -> None:
    if query.kind is None:
        raise BadQueryError(
            "a query without a kind can only filter and sort by __key__", path=name, hint="Name a kind."
        )
    if not isinstance(name, str) or not 1 <= size_of(name, "property") <= 20 * limits.MAX_NAME:
        raise BadQueryError(
            "the name of a property is a str of 1 to 1,500 bytes", path=name, hint="Give its stored name."
        )


def _check_comparison(query: Query, name: str, value: Any) -> None:
    """Raise unless property *name* can be compared with *value*."""
    if name == KEY:
        if not isinstance(value, Key):
            raise BadQueryError(
                "__key__ can only be compared with a key", value=value, hint="Give it a whole key, not an id."
            )
        check_lookup([value], query.partition.project)
        _check_partition(query, value, "a key of another partition than the query's")
        return
    _check_asked_property(query, name)
    if type(value) in {list, Entity}:
        raise BadValueError(
            "a property can't be compared with a value of this type",
            path=name,
            type=type(value).__name__,
            hint="Compare with one value of its list, or a property of the embedded entity: name.part.",
        )
    check_stored(name, value, indexed=True)


# What few queries have.


def _check_conditions(query: Query) -> None:
    """The filters of a query with OR, AND, IN, ``!=`` or NOT_IN."""
    check_disjunctions(query)
    asked = list(conditions(query.filters))
    if len(asked) + len(query.orders) + (query.ancestor is not None) > MAX_COMPONENTS:
        raise _too_many_components(len(asked) + len(query.orders))
    for each in asked:
        if each.op not in {"IN", "NOT_IN"}:
            _check_comparison(query, each.property, each.value)
            continue
        if not each.value:
            raise BadQueryError(
                "IN and NOT_IN need at least one value", path=each.property, hint="Leave the filter out."
            )
        for value in each.value:
            if isinstance(value, list | tuple):
                raise BadValueError(
                    "a list in the list of IN or NOT_IN", path=each.property, hint="Name single values."
                )
            _check_comparison(query, each.property, value)
    _check_not_equal(query, asked)
    _check_inequalities(query)


def _check_not_equal(query: Query, asked: Sequence[PropertyFilter]) -> None:
    operators = [each.op for each in asked]
    if operators.count("!=") + operators.count("NOT_IN") > 1:
        raise BadQueryError(
            "a query has at most one != or NOT_IN",
            hint="Exclude several values of a property by one NOT_IN, or run several queries.",
        )
    if "NOT_IN" in operators and ("IN" in operators or _has_or(query.filters)):
        raise BadQueryError(
            "NOT_IN can't be combined with IN or OR", hint="Run a query for each value, or use !=."
        )


def _has_or(filters: Sequence[Any]) -> bool:
    return any(
        isinstance(each, OrFilter) or (not isinstance(each, PropertyFilter) and _has_or(each.filters))
        for each in filters
    )


def _check_inequalities(query: Query) -> None:
    ranged = {each.property for each in conditions(query.filters) if each.op not in {"=", "IN"}}
    if len(ranged) > MAX_INEQUALITIES:
        raise BadQueryError(
            "at most 10 properties of a query have inequalities",
            properties=len(ranged),
            hint="Ask for the most selective, and look at the others in the results.",
        )


def _check_columns(query: Query) -> None:
    """The projection and the distinct properties."""
    if query.projection and query.keys_only:
        raise BadQueryError(
            "a projection of keys alone", hint="Leave out keys_only: results of a projection have keys too."
        )
    for role, names in (("projected", query.projection), ("distinct", query.distinct_on)):
        for name in names:
            _check_asked_property(query, name)
            if name[:2] == "__" and name[-2:] == "__":
                raise BadQueryError(
                    "a reserved property can't be projected, nor be distinct",
                    path=name,
                    hint="Ask with keys_only for keys; results of a projection have keys too.",
                )
        if len(set(names)) < len(names):
            raise BadQueryError(f"a property that is {role} twice", names=names, hint="Name it once.")
    for each in conditions(query.filters):
        if each.op in {"=", "IN"} and each.property in {*query.projection, *query.distinct_on}:
            raise BadQueryError(
                "a property with an equality filter can't be projected, nor be distinct",
                path=each.property,
                hint="Leave it out of the projection, and of the distinct properties: its value is known.",
            )
    if query.distinct_on:
        _check_distinct(query)


def _check_distinct(query: Query) -> None:
    """Results that are alike stand together: the distinct properties lead whatever the order is."""
    fixed = fixed_properties([comparisons(each) for each in conjunctions(query)])
    left = set(query.distinct_on)
    # By key alone, where that is given: no other order counts.
    for order in () if KEY in fixed else query.orders:
        if not left:
            return
        if order.property in left:
            left.remove(order.property)
        elif order.property not in {*fixed, *query.distinct_on}:
            raise BadQueryError(
                "the distinct properties come first in the orders",
                path=order.property,
                hint="Sort by all distinct properties before any other.",
            )
    outside = {each.property for each in conditions(query.filters) if each.op not in {"=", "IN"}}
    outside -= set(query.distinct_on)
    if left and outside:
        raise BadQueryError(
            "a property with an inequality is not distinct",
            path=min(outside),
            hint="Make it distinct too, or sort by all distinct properties.",
        )
