"""Random queries against the same entities in plain Python lists: filters nested as they come, orders, pages, counts."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, TypeAlias

import pytest

from kindstore import ndb

QUERIES = 40
"""Of each seed; there are twelve."""


class Thing(ndb.Model):
    number = ndb.IntegerProperty("n")
    word = ndb.StringProperty()
    marks = ndb.IntegerProperty(repeated=True)


Row: TypeAlias = dict[str, list[Any]]
Test: TypeAlias = tuple[str, str, Any]
"""Property, operator, value."""
Tree: TypeAlias = "Test | list[Any]"
"""A test, or "and" or "or" and what is combined."""

PROPERTIES: dict[str, Any] = {"number": Thing.number, "word": Thing.word, "marks": Thing.marks}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def rank(value: Any) -> tuple[Any, ...]:
    """Null before everything else."""
    return () if value is None else (value,)


def random_value(chance: random.Random, name: str) -> Any:
    if name == "word":
        return chance.choice(["", "a", "ab", "b", "ł", None])
    return chance.choice([-1, 0, 1, 2, 3, 4]) if name == "marks" else chance.choice([None, 0, 1, 2, 3, 4])


def random_rows(chance: random.Random) -> dict[int, Row]:
    return {
        id_: {
            "number": [random_value(chance, "number")],
            "word": [random_value(chance, "word")],
            "marks": [random_value(chance, "marks") for _ in range(chance.randrange(4))],
        }
        for id_ in range(1, 31)
    }


class Asking:
    """Makes random conditions within the limits of the Datastore: one != or NOT_IN, and that not beside an OR."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.nots = 1 if chance.random() < 0.4 else 0
        self.ors = 2

    def tree(self, depth: int) -> Tree:
        chance = self.chance
        if depth == 0 or chance.random() < 0.3:
            return self.test()
        kind = "or" if self.ors and chance.random() < 0.5 else "and"
        self.ors -= kind == "or"
        return [kind, *(self.tree(depth - 1) for _ in range(chance.randrange(1, 4)))]

    def test(self) -> Test:
        chance = self.chance
        name = chance.choice([*PROPERTIES])
        op = chance.choice(["=", "<", "<=", ">", ">=", "!=", "in"])
        if op == "!=":
            self.nots -= 1
            op = op if self.nots >= 0 else "="
        if op == "in":
            return name, op, [random_value(chance, name) for _ in range(chance.randrange(3))]
        value = random_value(chance, name)
        return name, op, value


def node_of(tree: Tree) -> ndb.Node:
    """The tree as a user of ndb writes it."""
    if isinstance(tree, list):
        combine: Any = ndb.AND if tree[0] == "and" else ndb.OR
        node: ndb.Node = combine(*map(node_of, tree[1:]))
        return node
    name, op, value = tree
    prop = PROPERTIES[name]
    made: Any = prop.IN(value) if op == "in" else COMPARE[op](prop, value)
    assert isinstance(made, ndb.Node)
    return made


def alternatives(tree: Tree) -> Iterator[list[Test]]:
    """The ANDs of which the tree is an OR."""
    if isinstance(tree, list):
        if tree[0] == "or":
            for part in tree[1:]:
                yield from alternatives(part)
        else:
            for chosen in product(*(list(alternatives(part)) for part in tree[1:])):
                yield [test for tests in chosen for test in tests]
    elif tree[1] == "in":
        for value in tree[2]:
            yield [(tree[0], "=", value)]
    else:
        yield [tree]


def fulfils(row: Row, tests: list[Test]) -> bool:
    """Any value may be the equal one; all other tests of a property are of one single value."""
    for name in {name for name, _, _ in tests}:
        own = [(op, rank(value)) for each, op, value in tests if each == name]
        values = [rank(value) for value in row[name]]
        if not all(value in values for op, value in own if op == "="):
            return False
        ranges = [(COMPARE[op], value) for op, value in own if op != "="]
        if ranges and not any(all(test(value, bound) for test, bound in ranges) for value in values):
            return False
    return True


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("seed", range(12))
def test_random_queries_find_what_a_list_would(seed: int, context: ndb.Context) -> None:
    chance = random.Random(seed)
    rows = random_rows(chance)
    ndb.put_multi(
        [
            Thing(id=id_, number=row["number"][0], word=row["word"][0], marks=row["marks"])
            for id_, row in rows.items()
        ]
    )
    context.clear_cache()
    sizes: list[int] = []
    for _ in range(QUERIES):
        tree = Asking(chance).tree(2)
        names = chance.sample(["number", "word"], chance.randrange(3))
        orders = [(name, chance.random() < 0.5) for name in names]
        query = Thing.query(node_of(tree)).order(
            *(-PROPERTIES[name] if down else +PROPERTIES[name] for name, down in orders)
        )
        ands = list(alternatives(tree))
        expected = [id_ for id_, row in rows.items() if any(fulfils(row, tests) for tests in ands)]
        for name, down in reversed(orders):
            expected.sort(key=lambda id_: rank(rows[id_][name][0]), reverse=down)
        found: list[Any] = [thing.key.id() for thing in query.fetch()]
        assert sorted(found) == sorted(expected), query
        # Equal ones may come in any order: first that of other properties with inequalities, then that of keys.
        sorted_by = [[rows[id_][name] for name, _ in orders] for id_ in found]
        assert sorted_by == [[rows[id_][name] for name, _ in orders] for id_ in expected], query
        check_every_way(query, found, chance)
        sizes.append(len(expected))
    assert sum(map(bool, sizes)) > QUERIES // 3  # or the queries say too little


def check_every_way(query: ndb.Query[Thing], found: list[int], chance: random.Random) -> None:
    """Counts, pages and parts of *query* agree with all that was *found*."""
    assert query.count() == len(found), query
    assert [key.id() for key in query.fetch(keys_only=True)] == found, query
    walked: list[Any] = []
    size, cursor, more = chance.randrange(1, 12), None, True
    while more:
        page, cursor, more = query.fetch_page(size, start_cursor=cursor)
        walked += [thing.key.id() for thing in page]
    assert walked == found, query
    limit, offset = chance.randrange(10), chance.randrange(5)
    part = [thing.key.id() for thing in query.iter(limit=limit, offset=offset)]
    assert part == found[offset : offset + limit], query
