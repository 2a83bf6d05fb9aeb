"""From the nodes of a query to the filters of a store, and to what is asked of the results afterwards.

A store answers everything but predicates (`PostFilterNode`).  Where one stands inside an OR, the store is asked for
what may fulfil the OR, and each result is looked at, by the law of spec/service.md 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from kindstore.store.messages import AndFilter, Filter, OrFilter, PropertyFilter
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, BadQueryError
from kindstore.values.order import order_of

from .filters import (
    SEVERAL,
    ConjunctionNode,
    DisjunctionNode,
    FalseNode,
    FilterNode,
    Node,
    ParameterNode,
    PostFilterNode,
)
from .property import is_list

NOTHING: Final = OrFilter(())
"""In the store's words what no entity fulfils."""

Asked: TypeAlias = tuple[tuple[Filter, ...], tuple[PostFilterNode, ...]]


def asked_of(node: Node) -> Asked:
    """The filters in the store's words, of which all must hold, and the predicates to ask after them.

    Of a condition that nothing fulfils, `NOTHING`.  `BadArgumentError` for a parameter that is not bound.
    """
    if type(node) is FilterNode and node.op not in SEVERAL:
        return (PropertyFilter(node.name, node.op, node.value),), ()
    asked: tuple[Filter, ...] = ()
    after: tuple[PostFilterNode, ...] = ()
    for part in node.nodes if isinstance(node, ConjunctionNode) else (node,):
        if type(part) is FilterNode and part.op not in SEVERAL:
            asked += (PropertyFilter(part.name, part.op, part.value),)
            continue
        found = _filter_of(part)
        if found is not None:
            asked += (found,)
        if isinstance(part, PostFilterNode):
            after += (part,)
        elif isinstance(part, DisjunctionNode) and any(map(_has_predicate, part.nodes)):
            after += (EitherNode(part.nodes),)
    return asked, after


class EitherNode(PostFilterNode):
    """An OR with predicates in it, asked of a result: *nodes* are filters, predicates and ANDs of these."""

    __slots__ = ("nodes",)
    _fields = ("nodes",)
    nodes: tuple[Node, ...]

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self._set(nodes)

    def holds(self, instance: Any, entity: Entity) -> bool:
        """See `PostFilterNode.holds`."""
        return any(_holds(node, instance, entity) for node in self.nodes)

    def __repr__(self) -> str:
        return f"EitherNode({self.nodes!r})"


def _has_predicate(node: Node) -> bool:
    return isinstance(node, PostFilterNode) or (
        isinstance(node, ConjunctionNode) and any(isinstance(part, PostFilterNode) for part in node.nodes)
    )


def _filter_of(node: Node) -> Filter | None:
    """What the store is asked for *node*; None where that is nothing, as for a predicate."""
    match node:
        case FilterNode():
            return PropertyFilter(node.name, SEVERAL.get(node.op, node.op), node.value)
        case PostFilterNode():
            return None
        case FalseNode():
            return NOTHING
        case ConjunctionNode():
            return _all_of(node.nodes)
        case DisjunctionNode() if node.factors:
            return _all_of(node.factors)
        case DisjunctionNode():
            members = _members(node.nodes)
            if members is not None:
                return members
            filters = [found for each in node.nodes if (found := _filter_of(each)) is not None]
            return OrFilter(tuple(filters)) if len(filters) == len(node.nodes) else None
        case ParameterNode():
            raise BadArgumentError("a parameter is not bound", parameter=node.param, hint="Use Query.bind().")
        case _:
            raise BadQueryError("not a filter", filters=node)


def _all_of(nodes: tuple[Node, ...]) -> Filter | None:
    filters = tuple(found for each in nodes if (found := _filter_of(each)) is not None)
    return filters[0] if len(filters) == 1 else AndFilter(filters) if filters else None


def _members(nodes: tuple[Node, ...]) -> PropertyFilter | None:
    """The IN that *nodes* are, if all are equalities of one property."""
    values: list[Any] = []
    name = None
    for node in nodes:
        if type(node) is not FilterNode or node.op != "=" or node.name != (name or node.name):
            return None
        name = node.name
        values.append(node.value)
    return None if name is None else PropertyFilter(name, "IN", tuple(values))


# Asked of a result.


def _holds(node: Node, instance: Any, entity: Entity) -> bool:
    """Whether *entity*, of which *instance* was made, fulfils *node*, which has no OR in it.

    Any value may be the equal one; what else is asked of a property is asked of one single value.
    """
    bounds: dict[str, list[FilterNode]] = {}
    for part in node.nodes if isinstance(node, ConjunctionNode) else (node,):
        if isinstance(part, PostFilterNode):
            if not part.holds(instance, entity):
                return False
        elif isinstance(part, FilterNode):
            if part.op in {"=", "in"}:
                wanted = map(order_of, part.value if part.op == "in" else (part.value,))
                if _places(entity, part.name).isdisjoint(wanted):
                    return False
            else:
                bounds.setdefault(part.name, []).append(part)
        else:
            return False
    return all(
        any(all(_within(place, each) for each in asked) for place in _places(entity, name))
        for name, asked in bounds.items()
    )


def _within(place: tuple[Any, ...], asked: FilterNode) -> bool:
    if asked.op == "not_in":
        return all(place != order_of(value) for value in asked.value)
    bound = order_of(asked.value)
    match asked.op:
        case "!=":
            return place != bound
        case "<":
            return place < bound
        case "<=":
            return place <= bound
        case ">":
            return place > bound
        case _:
            return place >= bound


def _places(entity: Entity, name: str) -> set[tuple[Any, ...]]:
    """Where in the order the indexed values are that *entity* has under *name*."""
    if name == "__key__":
        return {order_of(entity.key)}
    return {order_of(value) for value in _values(entity, name)}


def _values(entity: Entity, name: str) -> Iterator[Any]:
    for at, own in enumerate(entity.shape.names):
        if own in entity.shape.unindexed or not (name == own or name.startswith(f"{own}.")):
            continue
        value = entity.values[at]
        items: list[Any] = value if is_list(value) else [value]
        for item in items:
            if isinstance(item, Entity):
                yield from _values(item, name[len(own) + 1 :])
            elif name == own:
                yield item
