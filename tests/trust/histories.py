"""Decide from what clients saw whether a history of transactions was serializable.

The method is Elle's list-append (Kingsbury and Alvaro, VLDB 2020), written here from its description:
every transaction appends unique values to lists and reads whole lists, so each read tells which appends
came before it and in which order.  That order gives the dependency edges ww, wr and rw; a cycle is an
anomaly, and the edges in it give the anomaly its name.

    ww    T1's append is directly before T2's in a list
    wr    T2 read a list that ends in T1's append
    rw    T1 read a list to which T2's append came next
    rt    T1 had ended before T2 began (only asked for strict serializability)

A list need not be a stored list: "the entities that a query finds, oldest commit first" is one too,
and then an rw edge is a predicate's (a phantom).

The tests call `check`; it promises to name at least one anomaly for every cycle's component, and none
for a serial history (laws in test_histories.py).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import NamedTuple


class Append(NamedTuple):
    """Put `value`, never appended anywhere else, at the end of list `key`."""

    key: Hashable
    value: Hashable


class Read(NamedTuple):
    """List `key` was seen to hold `values`, oldest first."""

    key: Hashable
    values: tuple[Hashable, ...]


Operation = Append | Read


class Outcome(Enum):
    """What the client knows of a transaction's end."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Transaction:
    """One transaction as its client saw it.

    `began` and `ended` are nanoseconds of one clock that all clients share (`time.monotonic_ns`).
    """

    name: str
    operations: tuple[Operation, ...]
    outcome: Outcome = Outcome.OK
    began: int = 0
    ended: int = 0


class Edge(NamedTuple):
    """`after` must stand behind `before` in every serial order."""

    before: str
    after: str
    label: str
    key: Hashable = None


@dataclass(frozen=True)
class Anomaly:
    """What is wrong, and with which transactions."""

    name: str
    transactions: tuple[str, ...]
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


Graph = dict[str, list[Edge]]


def check(history: Iterable[Transaction], *, real_time: bool = False) -> list[Anomaly]:
    """Every anomaly that *history* shows; an empty list if it is serializable (strictly, with *real_time*).

    A failed transaction must not be seen by anyone; one of unknown outcome counts by its appends only, and
    only if somebody saw them.
    """
    transactions = list(history)
    ok = [t for t in transactions if t.outcome is Outcome.OK]
    writers = _writers(transactions)

    found = [a for t in ok for a in _wrong_reads(t, writers)]
    orders, misfits = _version_orders(ok)
    found += misfits
    found += _lost_updates(ok)

    edges = list(dict.fromkeys(_dependencies(ok, orders, writers)))
    found += _cycles(edges, real_time=False)
    if real_time:
        found += _lost_appends(ok, orders)
        seen = {e.before for e in edges} | {e.after for e in edges}
        timed = [
            t
            for t in transactions
            if t.outcome is Outcome.OK or (t.outcome is Outcome.UNKNOWN and t.name in seen)
        ]
        found += _cycles(edges + list(_real_time(timed)), real_time=True)
    return found


def lists_read(transaction: Transaction) -> Iterator[Read]:
    """The reads of *transaction*."""
    return (op for op in transaction.operations if isinstance(op, Read))


def _appends(transaction: Transaction) -> Iterator[Append]:
    return (op for op in transaction.operations if isinstance(op, Append))


# --- what a single read can already show --------------------------------------------------------------


def _writers(transactions: Iterable[Transaction]) -> dict[tuple[Hashable, Hashable], Transaction]:
    writers: dict[tuple[Hashable, Hashable], Transaction] = {}
    for transaction in transactions:
        for op in _appends(transaction):
            if (op.key, op.value) in writers:
                raise ValueError(
                    f"value {op.value!r} was appended twice to {op.key!r}: the history cannot be judged"
                )
            writers[op.key, op.value] = transaction
    return writers


def _wrong_reads(
    transaction: Transaction, writers: dict[tuple[Hashable, Hashable], Transaction]
) -> Iterator[Anomaly]:
    yield from _internal(transaction)
    for key, values in lists_read(transaction):
        if len(set(values)) != len(values):
            yield Anomaly("duplicate", (transaction.name,), f"{transaction.name} read {key!r} = {values!r}")
        for value in values:
            writer = writers.get((key, value))
            if writer is None:
                yield Anomaly("garbage", (transaction.name,), f"{transaction.name} read {value!r} in {key!r}")
            elif writer.outcome is Outcome.FAILED:
                yield Anomaly(
                    "G1a",
                    (writer.name, transaction.name),
                    f"{transaction.name} read {value!r} in {key!r} of failed {writer.name}",
                )
        last = writers.get((key, values[-1])) if values else None
        if last is not None and last is not transaction:
            final = [op.value for op in _appends(last) if op.key == key][-1]
            if values[-1] != final:
                yield Anomaly(
                    "G1b",
                    (last.name, transaction.name),
                    f"{transaction.name} read {key!r} up to {values[-1]!r}, an intermediate append of {last.name}",
                )


def _internal(transaction: Transaction) -> Iterator[Anomaly]:
    """A read must agree with the transaction's own earlier reads and appends."""
    whole: dict[Hashable, tuple[Hashable, ...]] = {}
    own: dict[Hashable, tuple[Hashable, ...]] = defaultdict(tuple)
    for op in transaction.operations:
        if isinstance(op, Append):
            if op.key in whole:
                whole[op.key] += (op.value,)
            own[op.key] += (op.value,)
            continue
        mine = own[op.key]
        expected = whole.get(op.key)
        agrees = (
            op.values[len(op.values) - len(mine) :] == mine if expected is None else op.values == expected
        )
        if not agrees:
            detail = f"{transaction.name} read {op.key!r} = {op.values!r}, expected {expected or mine!r}"
            yield Anomaly("internal", (transaction.name,), detail)
        whole[op.key] = op.values


def _version_orders(
    ok: Iterable[Transaction],
) -> tuple[dict[Hashable, tuple[Hashable, ...]], list[Anomaly]]:
    """The longest read of every list is its version order; every other read must be a prefix of it."""
    longest: dict[Hashable, tuple[tuple[Hashable, ...], str]] = {}
    reads = [(t.name, r) for t in ok for r in lists_read(t)]
    for name, read in reads:
        if len(read.values) > len(longest.get(read.key, ((), ""))[0]):
            longest[read.key] = (read.values, name)
    misfits: list[Anomaly] = []
    for name, read in reads:
        order, witness = longest.get(read.key, ((), ""))
        if order[: len(read.values)] != read.values:
            misfits.append(
                Anomaly(
                    "incompatible-order",
                    (name, witness),
                    f"{read.key!r}: {name} read {_tail(read.values)}, {witness} read {_tail(order)}",
                )
            )
    return {key: order for key, (order, _) in longest.items()}, misfits


def _tail(values: Sequence[Hashable]) -> str:
    return repr(tuple(values)) if len(values) <= 8 else f"(... {', '.join(map(repr, values[-8:]))})"


def _lost_updates(ok: Iterable[Transaction]) -> Iterator[Anomaly]:
    """Two committed transactions read one version of a list, and both appended to it."""
    updaters: dict[tuple[Hashable, tuple[Hashable, ...]], list[str]] = defaultdict(list)
    for transaction in ok:
        first: dict[Hashable, tuple[Hashable, ...] | None] = {}
        for op in transaction.operations:
            first.setdefault(op.key, op.values if isinstance(op, Read) else None)
        for key in {op.key for op in _appends(transaction)}:
            version = first[key]
            if version is not None:
                updaters[key, version].append(transaction.name)
    for (key, version), names in updaters.items():
        if len(names) > 1:
            detail = f"{key!r}: {', '.join(names)} all read {_tail(version)} and appended"
            yield Anomaly("lost-update", tuple(names), detail)


def _lost_appends(
    ok: Sequence[Transaction], orders: dict[Hashable, tuple[Hashable, ...]]
) -> Iterator[Anomaly]:
    """An append was acknowledged, a later read began, and nobody ever saw the append."""
    last_read: dict[Hashable, tuple[int, str]] = {}
    for transaction in ok:
        for key, _ in lists_read(transaction):
            last_read[key] = max(last_read.get(key, (0, "")), (transaction.began, transaction.name))
    seen = {(key, value) for key, order in orders.items() for value in order}
    for transaction in ok:
        for key, value in _appends(transaction):
            began, reader = last_read.get(key, (0, ""))
            if (key, value) not in seen and began > transaction.ended:
                detail = f"{key!r}: {transaction.name} appended {value!r}; {reader} began later and missed it"
                yield Anomaly("lost-append", (transaction.name, reader), detail)


# --- the dependency graph -----------------------------------------------------------------------------


def _dependencies(
    ok: Iterable[Transaction],
    orders: dict[Hashable, tuple[Hashable, ...]],
    writers: dict[tuple[Hashable, Hashable], Transaction],
) -> Iterator[Edge]:
    for key, order in orders.items():
        names = [writers[key, v].name if (key, v) in writers else None for v in order]
        for before, after in pairwise(names):
            if before and after and before != after:
                yield Edge(before, after, "ww", key)
    for transaction in ok:
        for key, values in lists_read(transaction):
            order = orders.get(key, ())
            if order[: len(values)] != values:
                continue  # incompatible-order has been reported; its edges would mean nothing
            others = [v for v in values if (key, v) in writers and writers[key, v] is not transaction]
            if others:
                yield Edge(writers[key, others[-1]].name, transaction.name, "wr", key)
            following = next(
                (w for v in order[len(values) :] if (w := writers.get((key, v))) and w is not transaction),
                None,
            )
            if following is not None:
                yield Edge(transaction.name, following.name, "rw", key)


def _real_time(transactions: Sequence[Transaction]) -> Iterator[Edge]:
    """An edge for each "ended before the other began", without those that two others already imply."""
    events = [(t.began, 1, t) for t in transactions]
    # A transaction of unknown outcome may take effect at any time after it began: it never "ended".
    events += [(t.ended, 0, t) for t in transactions if t.outcome is Outcome.OK]
    events.sort(key=lambda event: event[:2])
    frontier: dict[str, Transaction] = {}
    for _, begins, transaction in events:
        if begins:
            for earlier in frontier:
                yield Edge(earlier, transaction.name, "rt")
        else:
            frontier = {n: t for n, t in frontier.items() if t.ended >= transaction.began}
            frontier[transaction.name] = transaction


def _graph(edges: Iterable[Edge], allowed: Callable[[Edge], bool]) -> Graph:
    graph: Graph = defaultdict(list)
    for edge in edges:
        if allowed(edge):
            graph[edge.before].append(edge)
    return graph


def components(graph: Graph) -> list[set[str]]:
    """Strongly connected components of more than one node (Tarjan 1972, with a stack of our own)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    found: list[set[str]] = []
    for root in list(graph):
        if root in index:
            continue
        work: list[tuple[str, Iterator[Edge]]] = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        path.append(root)
        on_path.add(root)
        while work:
            node, edges = work[-1]
            for edge in edges:
                after = edge.after
                if after not in index:
                    index[after] = low[after] = len(index)
                    path.append(after)
                    on_path.add(after)
                    work.append((after, iter(graph.get(after, ()))))
                    break
                if after in on_path:
                    low[node] = min(low[node], index[after])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: set[str] = set()
                    while node not in component:
                        component.add(path.pop())
                    on_path -= component
                    if len(component) > 1:
                        found.append(component)
    return found


def _path(graph: Graph, start: str, goal: str, inside: set[str]) -> list[Edge] | None:
    """The shortest path from *start* to *goal* over nodes *inside*, or None."""
    came: dict[str, Edge] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for edge in graph.get(node, ()):
            if edge.after in inside and edge.after not in came and edge.after != start:
                came[edge.after] = edge
                queue.append(edge.after)
        if goal in came:
            steps: list[Edge] = []
            while goal != start:
                steps.append(came[goal])
                goal = came[goal].before
            return steps[::-1]
    return None


def _shortest_cycle(graph: Graph, inside: set[str], through: Iterable[Edge]) -> list[Edge] | None:
    """A cycle through one of the edges *through*, the shortest of the first few dozen; None if there is none."""
    found: list[list[Edge]] = []
    for edge in through:
        rest = _path(graph, edge.after, edge.before, inside)
        if rest is not None:
            found.append([edge, *rest])
            if len(rest) == 1 or len(found) == 50:
                break
    return min(found, key=len, default=None)


def _cycles(edges: list[Edge], *, real_time: bool) -> Iterator[Anomaly]:
    """Name every component's cycle by the weakest set of edges that closes one (Adya's names)."""
    writes = _graph(edges, lambda e: e.label in {"ww", "rt"})
    flow = _graph(edges, lambda e: e.label in {"ww", "wr", "rt"})
    every = _graph(edges, lambda _: True)

    def inner(graph: Graph, inside: set[str], label: str) -> Iterator[Edge]:
        return (e for n in inside for e in graph.get(n, ()) if e.label == label and e.after in inside)

    named: list[tuple[str, list[Edge] | None]] = []
    flow_components = components(flow)
    named += [("G0", _shortest_cycle(writes, c, inner(writes, c, "ww"))) for c in components(writes)]
    named += [("G1c", _shortest_cycle(flow, c, inner(flow, c, "wr"))) for c in flow_components]
    for component in components(every):
        single = _shortest_cycle(flow, component, inner(every, component, "rw"))
        named.append(("G-single", single))
        if single is None and not any(c <= component for c in flow_components):
            # No cycle has fewer, so the one that makes this a component has two rw edges or more.
            named.append(("G2-item", _shortest_cycle(every, component, inner(every, component, "rw"))))

    for name, cycle in named:
        if cycle is None or real_time != any(e.label == "rt" for e in cycle):
            continue  # a cycle without real time has been named by the pass without
        detail = " ".join(f"{e.before} -{e.label}:{e.key!r}->" for e in cycle) + f" {cycle[0].before}"
        yield Anomaly(name + "-realtime" * real_time, tuple(e.before for e in cycle), detail)
