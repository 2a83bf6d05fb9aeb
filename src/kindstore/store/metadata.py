"""Metadata kinds: what can be asked of the store about itself (spec/service.md 3.7), as checks for every store.

========================  ========================================  ==================================================
kind                      keys                                      what there is
========================  ========================================  ==================================================
``__namespace__``         name; id 1 for the default namespace      namespaces in which an entity is stored
``__kind__``              name                                      kinds of the query's namespace, of which one is
``__property__``          ``__kind__``/kind/``__property__``/name   properties with an index row, and their types
``__entity_group__``      root path/``__entity_group__``/1          the version of an entity group
========================  ========================================  ==================================================

The first three are queried, outside of transactions; the last is looked up.  Nobody can write them: their names are
reserved.
"""

from __future__ import annotations

from typing import Any

from kindstore.values.entity import Shape
from kindstore.values.errors import BadQueryError
from kindstore.values.key import Key

from .conjunctions import COMPARISONS
from .messages import Aggregation, Count, PropertyFilter, Query

NAMESPACE, KIND, PROPERTY, ENTITY_GROUP = "__namespace__", "__kind__", "__property__", "__entity_group__"

METADATA = frozenset({NAMESPACE, KIND, PROPERTY, ENTITY_GROUP})
"""The kinds that are answered without an entity of them being stored."""

DEFAULT_NAMESPACE_ID = 1
"""The id that stands for the default namespace, whose name is empty."""

TYPES = ("NULL", "INT64", "BOOLEAN", "STRING", "DOUBLE", "POINT", "USER", "REFERENCE")
"""What an index tells about the type of a value, in the order of values."""

REPRESENTATIONS = Shape.of(["property_representation"])
"""The columns of a ``__property__``: the types of its values, a list of some of `TYPES` in their order."""

GROUP_VERSION = Shape.of(["__version__"])
"""The columns of an ``__entity_group__``: an int that every commit to the group raises."""

_KEY = "__key__"


def namespace_id(namespace: str) -> str | int:
    """The last id of the key of a namespace."""
    return namespace or DEFAULT_NAMESPACE_ID


def is_entity_group(key: Key) -> bool:
    """Whether *key* is the ``__entity_group__`` of some group; others of that kind are never there."""
    path = key.path
    return len(path) == 4 and path[2] == ENTITY_GROUP and path[3] == 1


def check_metadata(query: Query, in_transaction: bool = False) -> None:
    """`BadQueryError` unless *query*, which `check_query` has passed, is one that its metadata kind allows."""
    kind = query.kind
    if kind == ENTITY_GROUP:
        raise BadQueryError(
            "__entity_group__ can't be queried",
            hint="Look it up: the key of the group's root, and below it __entity_group__ with the id 1.",
        )
    if in_transaction:
        raise _refused(query, "metadata can't be queried in a transaction", hint="Ask outside of it.")
    if query.projection or query.distinct_on:
        raise _refused(query, "a metadata query has no projection, and nothing distinct")
    if query.ancestor is not None:
        if kind != PROPERTY:
            raise _refused(query, "this metadata kind has no ancestor queries")
        _check_key(query, query.ancestor)
    for each in query.filters:
        if not isinstance(each, PropertyFilter) or each.property != _KEY or each.op not in COMPARISONS:
            raise _refused(query, "metadata can only be filtered by comparing __key__")
        _check_key(query, each.value)
    for order in query.orders:
        if order.property != _KEY or order.descending:
            raise _refused(query, "metadata can only be sorted by __key__, upwards")
        break  # orders after __key__ count for nothing


def check_metadata_aggregations(query: Query, aggregations: list[Aggregation]) -> None:
    """`BadQueryError` unless *aggregations* only count."""
    for each in aggregations:
        if not isinstance(each, Count):
            raise _refused(query, "metadata can only be counted")


def _check_key(query: Query, key: Key) -> None:
    """Raise unless *key* is one of the query's kind; for properties that of a kind will do."""
    path = key.path
    if query.kind == NAMESPACE:
        sound = path[:1] == (NAMESPACE,) and len(path) == 2 and (isinstance(path[1], str) or path[1] == 1)
    else:
        sound = path[:1] == (KIND,) and isinstance(path[1], str) and len(path) == 2
        if query.kind == PROPERTY and len(path) == 4:
            sound = path[0] == KIND and path[2] == PROPERTY
            sound = sound and isinstance(path[1], str) and isinstance(path[3], str)
    if not sound:
        raise _refused(query, "this metadata kind has no such key", key=key)


_ALLOWED = {
    NAMESPACE: "filters by __key__ (= < <= > >=), with keys ('__namespace__', name), 1 for the default one",
    KIND: "filters by __key__ (= < <= > >=), with keys ('__kind__', name)",
    PROPERTY: "filters by __key__ (= < <= > >=), with keys ('__kind__', name, '__property__', name), and the "
    "key of a kind or a property as the ancestor",
}


def _refused(query: Query, message: str, *, hint: str = "", **facts: Any) -> BadQueryError:
    allowed = _ALLOWED[query.kind or ""]
    return BadQueryError(
        message,
        kind=query.kind,
        hint=hint or f"Allowed are {allowed}, the order by __key__, limit, offset, cursors and keys_only.",
        **facts,
    )
