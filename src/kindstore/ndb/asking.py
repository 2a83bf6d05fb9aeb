"""What the arguments and options of queries mean: `FetchOptions`, orders, places, names of properties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias, TypedDict, cast

from kindstore.mapper.context import current
from kindstore.mapper.errors import BadFilterError
from kindstore.mapper.filters import ConjunctionNode, DisjunctionNode, FilterNode, Node, PropertyOrder
from kindstore.mapper.property import Property
from kindstore.ndb.cursor import Cursor
from kindstore.ndb.options import use_cache
from kindstore.store.messages import Consistency
from kindstore.values.key import Key as PlainKey
from kindstore.values.key import Partition

Ordering: TypeAlias = "Property[Any] | PropertyOrder | str"


class FetchOptions(TypedDict, total=False):
    """Options of the calls that read.  All of them override what the query was made with."""

    offset: int | None
    """Results to skip.  They are read all the same: a cursor costs nothing."""
    start_cursor: Cursor | None
    """Begin after this place."""
    end_cursor: Cursor | None
    """Stop at this place."""
    use_cache: bool | None
    """Take known entities from the context's identity map, and keep what is read there."""
    projection: Sequence[Any] | None
    """Read these properties alone: see `Query`."""
    batch_size: int | None
    prefetch_size: int | None
    produce_cursors: bool | None
    timeout: float | None
    deadline: float | None
    retries: int | None
    read_consistency: Consistency | str | None
    """`EVENTUAL` lets a store answer with what it knew a while ago.  Default: `STRONG`."""
    read_policy: Consistency | str | None
    transaction: bytes | None
    options: Any
    """A `QueryOptions` with what is not given here."""
    _options: Any
    """The same."""


_OF_QUERIES: Final = frozenset(
    {
        *("limit", "offset", "start_cursor", "end_cursor", "keys_only", "projection"),
        *("batch_size", "prefetch_size", "produce_cursors", "options", "_options"),
    }
)


def order_of(order: Any) -> PropertyOrder:
    """The order that *order* is, an order, a property or a name with or without a minus; TypeError otherwise."""
    if isinstance(order, PropertyOrder):
        return order
    if isinstance(order, str):
        return PropertyOrder(order[1:], reverse=True) if order.startswith("-") else PropertyOrder(order)
    if isinstance(order, Property):
        return PropertyOrder(cast("Any", order)._name)  # pyright: ignore[reportPrivateUsage]
    raise TypeError(f"Order values must be properties, orders or strings; received {order!r}")


def partition_of(ancestor: PlainKey | None, project: str | None, namespace: str | None) -> Partition:
    """Where to look; TypeError where the ancestor is elsewhere than the others say."""
    if ancestor is None:
        here = current().partition
        if project is None and namespace is None:
            return here
        return Partition.of(
            here.project if project is None else project.removeprefix("s~"),
            here.database,
            here.namespace if namespace is None else namespace,
        )
    there = ancestor.partition
    for name, wanted, found in (
        ("project", project, there.project),
        ("namespace", namespace, there.namespace),
    ):
        if wanted is not None and wanted != found:
            raise TypeError(f"ancestor and {name} disagree: {found!r}, {wanted!r}")
    return there


_NAMING: Final = (FilterNode, PropertyOrder)


def check_names(model: Any, filters: Node | None, orders: Sequence[PropertyOrder]) -> None:
    """Raise `BadFilterError` for an unindexed property of *model*, and for a code name where it is stored under another."""
    properties = model._properties
    for each in (*orders, *(filters.nodes if isinstance(filters, ConjunctionNode) else (filters,))):
        if not isinstance(each, _NAMING):
            if isinstance(each, ConjunctionNode | DisjunctionNode):
                for part in each.nodes:
                    check_names(model, part, ())
            continue
        name = each.name
        found = properties.get(name)
        if found is not None:
            if not found._indexed:
                raise BadFilterError(
                    "can't filter or order by an unindexed property", path=f"{model.__name__}.{name}"
                )
            continue
        known = getattr(model, name, None) if name.isidentifier() else None
        if isinstance(known, Property) and (stored := cast("Any", known)._name) != name:
            raise BadFilterError(
                "this property is stored under another name",
                path=f"{model.__name__}.{name}",
                hint=f"Use {model.__name__}.{name} or {stored!r}.",
            )


def read_options(
    options: dict[str, Any], offset: int | None
) -> tuple[bool | None, bytes | None, bytes | None, int | None, Sequence[Any] | None]:
    """use_cache, start, end, offset and projection of the options of a call."""
    rest = {name: value for name, value in options.items() if name not in _OF_QUERIES}
    cached = use_cache(rest)
    start, end = options.get("start_cursor"), options.get("end_cursor")
    for cursor in (start, end):
        if cursor is not None and not isinstance(cursor, Cursor):
            raise TypeError(f"a cursor must be a Cursor; received {cursor!r}")
    given = options.get("offset")
    return (
        cached,
        None if start is None else start.to_bytes(),
        None if end is None else end.to_bytes(),
        offset if given is None else given,
        options.get("projection"),
    )
