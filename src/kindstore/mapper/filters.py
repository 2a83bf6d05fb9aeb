"""Filters and orders: what `Author.age > 3` and `-Author.age` are.

Properties make these values, queries take them.  They are immutable, compare by value and do no I/O.  The names
in them are stored names, and the values are stored values (spec/ndb.md 1.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, NoReturn, Self, TypeAlias, cast

from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, BadQueryError

from .blob_key import BlobKey

OPERATORS: Final = ("=", "!=", "<", "<=", ">", ">=", "in", "not_in")
"""The operators of a filter."""

MAX_BRANCHES: Final = 1_000
"""Of an AND with ORs in it, multiplied out: far more than a store answers, and few enough to be made."""

SEVERAL: Final = {"in": "IN", "not_in": "NOT_IN"}
"""The operators that take several values, and what the store calls them."""

Used: TypeAlias = dict[int | str, bool]
"""Collects the names and positions of the parameters whose values were needed."""

_assign: Final = object.__setattr__


class Node:
    """A condition on entities.  Base of all of them; not made itself (TypeError)."""

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *_args: Any, **_options: Any) -> Self:
        """Refuse the base class."""
        if cls is Node:
            raise TypeError("Cannot instantiate Node, only a subclass.")
        return object.__new__(cls)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} is immutable: can't set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} is immutable: can't delete {name!r}")

    def _set(self, *values: object) -> None:
        for name, value in zip(self._fields, values, strict=True):
            _assign(self, name, value)

    def _parts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields)

    def __eq__(self, other: object) -> bool:
        if type(self) is Node:
            raise NotImplementedError
        if not isinstance(other, Node):
            return NotImplemented
        return type(self) is type(other) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))

    def __lt__(self, other: object) -> bool:
        raise TypeError("Nodes cannot be ordered")

    __le__ = __gt__ = __ge__ = __lt__

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._parts()

    def resolve(self, bindings: Mapping[int | str, Any], used: Used) -> Node:  # noqa: ARG002
        """This node with its parameters replaced by their values; *used* collects the names of those."""
        return self


class FalseNode(Node):
    """Nothing fulfils it: what a filter for membership in an empty list is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "FalseNode()"


class FilterNode(Node):
    """Property *name* (as stored) *op* *value*, *op* one of `OPERATORS`.

    ``in`` takes a list, tuple or set: of none it is a `FalseNode`, of one an equality, of more an OR of
    equalities unless *server_op*.  *op* None is no operator yet: such a query can be made, not read.

    `BadArgumentError` for an unknown operator, TypeError for an ``in`` of anything else.
    """

    __slots__ = ("name", "op", "server_op", "value")
    _fields = ("name", "op", "value", "server_op")
    name: str
    op: str
    value: Any
    server_op: bool

    def __new__(cls, name: str, op: str | None, value: Any, server_op: bool = False) -> Node:  # type: ignore[misc]
        """See the class."""
        if isinstance(value, BlobKey):
            value = value.stored()
        if op == "=" or op is None:
            return comparison(name, op, value, server_op)
        if op not in OPERATORS:
            raise BadArgumentError(
                "a filter has no such operator", path=name, op=op, hint="Use " + " ".join(OPERATORS)
            )
        if op in ("in", "not_in"):
            if not isinstance(value, list | tuple | set | frozenset):
                raise TypeError(f"{op} expected a list, tuple or set of values; received {value!r}")
            value = tuple(cast("Iterable[Any]", value))
            if op == "in" and not server_op:
                if len(value) != 1:
                    return (
                        DisjunctionNode(*(comparison(name, "=", item) for item in value))
                        if value
                        else FalseNode()
                    )
                op, value = "=", value[0]
        return comparison(name, op, value, server_op)

    def __repr__(self) -> str:
        value: Any = list(self.value) if self.op in SEVERAL else self.value
        return f"FilterNode({self.name!r}, {self.op!r}, {value!r})"


def comparison(name: str, op: str | None, value: Any, server_op: bool = False) -> FilterNode:
    """The `FilterNode` of an operator that needs no check and takes one value: what properties make."""
    # Attribute by attribute: every comparison of a property comes here.
    node: FilterNode = object.__new__(FilterNode)
    _assign(node, "name", name)
    _assign(node, "op", op)
    _assign(node, "value", value)
    _assign(node, "server_op", server_op)
    return node


class PostFilterNode(Node):
    """*predicate* is called with each result, a model's instance as it is stored, and keeps those of which it
    says True.  Limits and offsets count after it.
    """

    __slots__ = ("predicate",)
    _fields = ("predicate",)
    predicate: Callable[[Any], bool]

    def __init__(self, predicate: Callable[[Any], bool]) -> None:
        self._set(predicate)

    def __repr__(self) -> str:
        return f"PostFilterNode({self.predicate})"

    def holds(self, instance: Any, entity: Entity) -> bool:  # noqa: ARG002
        """Whether it keeps *instance*, which was made of *entity*."""
        return bool(self.predicate(instance))


class _Combination(Node):
    """AND or OR of nodes, flattened: one inside another of the same kind is one."""

    __slots__ = ("nodes",)
    _fields = ("nodes",)
    nodes: tuple[Node, ...]

    def __new__(cls, *nodes: Node) -> Node:  # type: ignore[misc]
        """The combination of *nodes*; of one it is that node.  TypeError for none, or for what is no node."""
        if not nodes:
            raise TypeError(f"{cls.__name__}() requires at least one node.")
        if len(nodes) == 1 and isinstance(nodes[0], Node):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
            return nodes[0]
        flat: list[Node] = []
        for node in nodes:
            if not isinstance(node, Node):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
                raise TypeError(f"{cls.__name__}() expects Node instances as arguments; received {node!r}")
            if type(node) is cls:
                flat.extend(node.nodes)
            else:
                flat.append(node)
        return cls._combine(flat)

    @classmethod
    def _combine(cls, flat: list[Node]) -> Node:
        if len(flat) == 1:
            return flat[0]
        made: _Combination = object.__new__(cls)
        _assign(made, "nodes", tuple(flat))
        return made

    def __iter__(self) -> Any:
        return iter(self.nodes)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.nodes

    def resolve(self, bindings: Mapping[int | str, Any], used: Used) -> Node:
        """See `Node.resolve`."""
        resolved = tuple(node.resolve(bindings, used) for node in self.nodes)
        return self if resolved == self.nodes else type(self)(*resolved)


class DisjunctionNode(_Combination):
    """OR: at least one of *nodes* holds."""

    __slots__ = ("factors",)
    factors: tuple[Node, ...]
    """Where this is an AND multiplied out: what was multiplied, of which all must hold.  Else none."""

    @classmethod
    def _combine(cls, flat: list[Node]) -> Node:
        possible = [node for node in flat if not isinstance(node, FalseNode)]
        made = super()._combine(possible or flat[:1])
        if type(made) is cls and len(possible) > 1:
            _assign(made, "factors", ())
        return made

    def resolve(self, bindings: Mapping[int | str, Any], used: Used) -> Node:
        """See `Node.resolve`."""
        if not self.factors:
            return super().resolve(bindings, used)
        return ConjunctionNode(*(node.resolve(bindings, used) for node in self.factors))

    def __repr__(self) -> str:
        return f"OR({', '.join(map(repr, self.nodes))})"


class ConjunctionNode(_Combination):
    """AND: all of *nodes* hold.  With an OR among them it becomes an OR of ANDs."""

    __slots__ = ()

    @classmethod
    def _combine(cls, flat: list[Node]) -> Node:
        for node in flat:
            if isinstance(node, FalseNode):
                return node
        for node in flat:
            if isinstance(node, DisjunctionNode):
                return cls._distributed(flat)
        return super()._combine(flat)

    @classmethod
    def _distributed(cls, flat: list[Node]) -> Node:
        """An OR of ANDs, one for each way to choose a node of every OR in *flat*."""
        branches: list[list[Node]] = [[]]
        factors: list[Node] = []
        for node in flat:
            choices: tuple[Node, ...] = (node,)
            if isinstance(node, DisjunctionNode):
                choices = node.nodes
                factors.extend(node.factors or (node,))
            else:
                factors.append(node)
            if len(branches) * len(choices) > MAX_BRANCHES:
                raise BadQueryError(
                    "an AND of these ORs has too many alternatives",
                    most=MAX_BRANCHES,
                    hint="Name fewer values in IN, or run several queries.",
                )
            branches = [[*branch, choice] for branch in branches for choice in choices]
        made = DisjunctionNode(*(cls(*branch) for branch in branches))
        if isinstance(made, DisjunctionNode):
            _assign(made, "factors", tuple(factors))
        return made

    def __repr__(self) -> str:
        return f"AND({', '.join(map(repr, self.nodes))})"


AND = ConjunctionNode
OR = DisjunctionNode


class ParameterizedThing:
    """What gets its value later, from `Query.bind`: a `Parameter`, or what is made of some."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise NotImplementedError

    def __hash__(self) -> int:
        raise NotImplementedError

    def resolve(self, bindings: Mapping[int | str, Any], used: Used) -> Any:
        """The value, given those of the parameters; *used* collects the names of those that it needed."""
        raise NotImplementedError

    def parameters(self) -> set[int | str]:
        """The names and positions that it needs."""
        raise NotImplementedError


class Parameter(ParameterizedThing):
    """A place for a value that is given later, to `Query.bind`: *key* is a position (from 1) or a name."""

    __slots__ = ("_key",)

    def __init__(self, key: int | str) -> None:
        if not isinstance(key, int | str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
            raise TypeError(f"Parameter key must be an integer or string, not {key!r}")
        self._key = key

    @property
    def key(self) -> int | str:
        """The position or name."""
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameter) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __reduce__(self) -> tuple[Any, ...]:
        return Parameter, (self._key,)

    def __repr__(self) -> str:
        return f"Parameter({self._key!r})"

    def resolve(self, bindings: Mapping[int | str, Any], used: Used) -> Any:
        """The value that *bindings* has for it; `BadArgumentError` if there is none."""
        if self._key not in bindings:
            raise BadArgumentError(
                "a parameter is not bound", parameter=self._key, hint="Give it to Query.bind()."
            )
        used[self._key] = True
        return bindings[self._key]

    def parameters(self) -> set[int | str]:
        """See `ParameterizedThing`."""
        return {self._key}


class ParameterNode(Node):
    """A filter on *prop* whose value is a `Parameter`, or is made of some.  TypeError for anything else."""

    __slots__ = ("op", "param", "prop")
    _fields = ("prop", "op", "param")
    prop: Any
    op: str
    param: ParameterizedThing

    def __init__(self, prop: Any, op: str, param: ParameterizedThing) -> None:
        if not hasattr(prop, "_comparison"):
            raise TypeError(f"Expected a Property, got {prop!r}")
        if op not in OPERATORS:
            raise TypeError(f"Expected a valid operator, got {op!r}")
        if not isinstance(param, ParameterizedThing):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
            raise TypeError(f"Expected a ParameterizedThing, got {param!r}")
        self._set(prop, op, param)

    def __eq__(self, other: object) -> bool:
        # Not property by property: a comparison of those is a filter.
        if not isinstance(other, ParameterNode):
            return NotImplemented
        return (self.prop._name, self.op, self.param) == (other.prop._name, other.op, other.param)

    __hash__ = Node.__hash__

    def __repr__(self) -> str:
        return f"ParameterNode({self.prop!r}, {self.op!r}, {self.param!r})"

    def resolve(self, bindings: Mapping[int | str, Any], used: Used) -> Node:
        """The property's own comparison with the parameter's value."""
        value = self.param.resolve(bindings, used)
        if self.op in SEVERAL:
            return cast("Node", (self.prop._IN if self.op == "in" else self.prop._NOT_IN)(value))
        return cast("Node", self.prop._comparison(self.op, value))


def parameters_of(node: Node) -> set[int | str]:
    """The names and positions of the parameters in *node*."""
    if isinstance(node, ParameterNode):
        return node.param.parameters()
    if isinstance(node, ConjunctionNode | DisjunctionNode):
        return {name for part in node.nodes for name in parameters_of(part)}
    return set()


class PropertyOrder:
    """Sort by property *name* (as stored), downwards if *reverse*.  Unary minus turns it round."""

    __slots__ = ("name", "reverse")

    def __init__(self, name: str, reverse: bool = False) -> None:
        self.name, self.reverse = name, reverse

    def __neg__(self) -> PropertyOrder:
        return PropertyOrder(self.name, not self.reverse)

    def __pos__(self) -> PropertyOrder:
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PropertyOrder):
            return NotImplemented
        return (self.name, self.reverse) == (other.name, other.reverse)

    def __hash__(self) -> int:
        return hash((self.name, self.reverse))

    def __repr__(self) -> str:
        return f"PropertyOrder(name={self.name!r}, reverse={self.reverse!r})"
