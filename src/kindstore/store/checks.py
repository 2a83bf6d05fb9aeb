"""What every store refuses before anything is written, as pure functions (spec/service.md 3.5).

Called by each store with every commit, lookup and query.  `check_mutations` is on the path of every put, so
plain values pass through one loop without a call; whatever is out of the ordinary goes to a checker by type.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

from kindstore.values import limits
from kindstore.values.entity import Entity, Shape
from kindstore.values.errors import BadArgumentError, BadKeyError, BadQueryError, BadValueError, TooLargeError
from kindstore.values.key import Key
from kindstore.values.record import check_value
from kindstore.values.types import GeoPt, User

from .messages import Delete, Insert, Mutation, Query, Update, Upsert

KEY = "__key__"
"""The property that stands for an entity's key in filters and orders."""

MAX_COMPONENTS = 100
"""Filters, orders and ancestor of one query together."""

OPERATORS = frozenset({"=", "<", "<=", ">", ">="})

E = TypeVar("E", bound=enum.Enum)

_ATOMS = frozenset({type(None), bool, float, GeoPt})
"""The types of which every value can be stored."""


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
        raise BadArgumentError("an int is needed", **facts)


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
        raise BadKeyError("a key of another project", key=key, project=key.partition.project)
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
            raise BadKeyError("not a key", key=key)
        _ = key.path_bytes  # refuses a malformed path
        if key.path[-1] is None:
            raise BadKeyError("an incomplete key", key=key, hint="Give it an id or a name.")
        if key.partition.project != project:
            raise BadKeyError("a key of another project", key=key, project=key.partition.project)


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


# Entities.

_sound: dict[Shape, int] = {}
"""How many columns are indexed, of shapes whose names have been checked."""


def check_entity(entity: Entity) -> None:
    """Raise unless the names and values of *entity* can be stored; see `check_mutations`."""
    shape = entity.shape
    entries = _sound.get(shape)
    if entries is None:
        entries = check_shape(shape)
    values = entity.values
    if len(values) != len(shape.names):
        raise BadArgumentError(
            "an entity has one value per column", values=len(values), columns=len(shape.names)
        )
    for name, value in zip(shape.names, values):  # noqa: B905  # the lengths are equal, and this is the hot loop
        cls = value.__class__
        if cls is str:
            if len(value) <= 1500 and value.isascii():
                continue
        elif cls is int:
            if -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
                continue
        elif cls in _ATOMS or (cls is datetime and value.tzinfo is None):
            continue
        # A column that is indexed was counted as one entry already.
        indexed = name not in shape.unindexed
        entries += _check(name, value, indexed) - indexed
    if entries > limits.MAX_INDEX_ENTRIES:
        raise TooLargeError(
            "an entity has at most 20,000 indexed values",
            entries=entries,
            hint="Make some of its properties unindexed.",
        )


def check_shape(shape: Shape, prefix: str = "") -> int:
    """The number of indexed columns of *shape*; `BadValueError` for a name that no property may have."""
    for name in shape.names:
        check_property_name(name, prefix)
    if len(shape.positions) != len(shape.names):
        raise BadValueError("two properties of one name", names=shape.names)
    entries = sum(name not in shape.unindexed for name in shape.names)
    if len(_sound) >= 10_000:  # names can come from outside
        _sound.clear()
    _sound[shape] = entries
    return entries


def check_property_name(name: Any, prefix: str = "") -> None:
    """Raise `BadValueError` unless *name* is a str of 1..1,500 bytes that is not reserved (``__x__``)."""
    if not isinstance(name, str):
        raise BadValueError("the name of a property must be a str", path=f"{prefix}{name!r}")
    if not 1 <= _size(name, prefix + name) <= limits.MAX_NAME:
        raise TooLargeError("the name of a property has 1 to 1,500 bytes", path=prefix + name)
    if name[:2] == "__" and name[-2:] == "__" and len(name) > 3:
        raise BadValueError("names of the form __name__ are reserved", path=prefix + name)


def _check(path: str, value: Any, indexed: bool, depth: int = 0) -> int:
    """The number of index entries of *value*; raises unless it can be stored."""
    checker = _CHECKERS.get(value.__class__)
    if checker is not None:
        return checker(path, value, indexed, depth)
    for cls, checker in _CHECKERS.items():
        if isinstance(value, cls) and cls is not list:  # a subclass; stores look at lists by their exact type
            return checker(path, value, indexed, depth)
    check_value(path, value)  # says what is wrong with it
    raise BadValueError("a value of this type can't be stored", path=path, type=type(value).__name__)


def _size(text: str, path: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise BadValueError("a string must be valid Unicode", path=path) from None


def _check_size(path: str, size: int, indexed: bool) -> int:
    if indexed and size > limits.MAX_INDEXED:
        raise TooLargeError(
            "an indexed value has at most 1,500 bytes",
            path=path,
            size=size,
            hint="Store it unindexed (TextProperty, BlobProperty, indexed=False).",
        )
    if size > limits.MAX_UNINDEXED:
        raise TooLargeError("a value has at most 1,048,487 bytes", path=path, size=size)
    return indexed


def _check_str(path: str, value: str, indexed: bool, _depth: int) -> int:
    return _check_size(path, _size(value, path), indexed)


def _check_bytes(path: str, value: bytes, indexed: bool, _depth: int) -> int:
    return _check_size(path, len(value), indexed)


def _check_alone(path: str, value: Any, indexed: bool, _depth: int) -> int:
    check_value(path, value)
    return indexed


def _check_user(path: str, value: User, indexed: bool, _depth: int) -> int:
    for part in (value.email(), value.auth_domain(), value.user_id() or ""):
        if not isinstance(part, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadValueError("the parts of a User must be str", path=path)
        _check_size(path, _size(part, path), indexed)
    return indexed


def _check_list(path: str, value: list[Any], indexed: bool, depth: int) -> int:
    entries = 0
    for item in value:
        if isinstance(item, list):
            raise BadValueError("a list can't hold a list", path=path)
        entries += _check(path, item, indexed, depth)
    return entries


def _check_nested(path: str, value: Entity, indexed: bool, depth: int) -> int:
    if depth >= limits.MAX_DEPTH:
        raise TooLargeError("entities are nested at most 20 deep", path=path)
    shape = value.shape
    check_shape(shape, path + ".")
    if len(value.values) != len(shape.names):
        raise BadArgumentError(
            "an entity has one value per column",
            path=path,
            values=len(value.values),
            columns=len(shape.names),
        )
    if value.key is not None:
        _ = value.key.path_bytes  # refuses a malformed path
    return sum(
        _check(f"{path}.{name}", item, indexed and name not in shape.unindexed, depth + 1)
        for name, item in value.items()
    )


_CHECKERS: dict[type, Callable[[str, Any, bool, int], int]] = {
    type(None): _check_alone,
    bool: _check_alone,
    int: _check_alone,
    float: _check_alone,
    str: _check_str,
    bytes: _check_bytes,
    datetime: _check_alone,
    GeoPt: _check_alone,
    User: _check_user,
    Key: _check_alone,
    list: _check_list,
    Entity: _check_nested,
}


# Queries.


def check_query(query: Query, project: str | None = None) -> None:
    """Raise unless *query* is one that the Datastore has, whatever is stored.

    `BadQueryError` for its form, `BadKeyError` for an ancestor that no entity can have, `BadValueError` and
    `TooLargeError` for a value that no index can hold.  *project*, where given, is the only one it may ask.
    """
    if project is not None and query.partition.project != project:
        raise BadQueryError("a query of another project", project=query.partition.project)
    if (query.limit is not None and query.limit < 0) or query.offset < 0:
        raise BadQueryError("limit and offset are numbers from 0", limit=query.limit, offset=query.offset)
    if query.kind is not None:
        _check_kind(query.kind)
    if query.ancestor is not None:
        check_lookup([query.ancestor], query.partition.project)
        _check_partition(query, query.ancestor, "an ancestor of another partition than the query's")
    if len(query.filters) + len(query.orders) + (query.ancestor is not None) > MAX_COMPONENTS:
        raise BadQueryError("a query has at most 100 filters and orders")
    for each in query.filters:
        if each.op not in OPERATORS:
            raise BadQueryError("an unknown operator in a filter", path=each.property, op=each.op)
        if each.property == KEY:
            if not isinstance(each.value, Key):
                raise BadQueryError("__key__ can only be compared with a key", value=each.value)
            check_lookup([each.value], query.partition.project)
            _check_partition(query, each.value, "a key of another partition than the query's")
        else:
            _check_asked_property(query, each.property)
            _check_operand(each.property, each.value)
    for order in query.orders:
        if order.property != KEY:
            _check_asked_property(query, order.property)


def _check_kind(kind: Any) -> None:
    if not isinstance(kind, str) or not 1 <= _size(kind, "kind") <= limits.MAX_NAME:
        raise BadQueryError("a kind is a str of 1 to 1,500 bytes", kind=kind)


def _check_partition(query: Query, key: Key, message: str) -> None:
    if key.partition != query.partition:
        raise BadQueryError(message, key=key, partition=query.partition)


def _check_asked_property(query: Query, name: Any) -> None:
    if query.kind is None:
        raise BadQueryError(
            "a query without a kind can only filter and sort by __key__", path=name, hint="Name a kind."
        )
    if not isinstance(name, str) or not 1 <= _size(name, "property") <= 20 * limits.MAX_NAME:
        raise BadQueryError("the name of a property is a str of 1 to 1,500 bytes", path=name)


def _check_operand(path: str, value: Any) -> None:
    if type(value) in {list, Entity}:
        raise BadValueError(
            "a property can't be compared with a value of this type", path=path, type=type(value).__name__
        )
    _check(path, value, indexed=True)
