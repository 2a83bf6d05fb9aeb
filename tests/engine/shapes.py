"""Queries written short, and the table of spec/service.md 3.6: which index each form of query needs."""

from __future__ import annotations

import re

from kindstore.engine.composite import CompositeIndex, IndexProperty
from kindstore.store.messages import Order, PropertyFilter, Query
from kindstore.values.key import Key, Partition

SPACE = Partition.of("kindstore")
ANCESTOR = Key.of(SPACE, ("Author", "ada"))
_TERM = re.compile(r"([\w.]+)(<=|>=|=|<|>)")


def shape(
    filters: str = "",
    orders: str = "",
    *,
    project: str = "",
    distinct: str = "",
    ancestor: bool = False,
    kind: str | None = "K",
) -> Query:
    """`shape("a= b>", "-c", project="d e")`: the values do not matter for indexes."""
    return Query(
        SPACE,
        kind,
        ANCESTOR if ancestor else None,
        tuple(
            PropertyFilter(name, op, ANCESTOR if name == "__key__" else 1)
            for name, op in _TERM.findall(filters)
        ),
        tuple(Order(name.lstrip("-"), name[0] == "-") for name in orders.split()),
        tuple(project.split()),
        tuple(distinct.split()),
    )


def index(properties: str, *, ancestor: bool = False, kind: str = "K") -> CompositeIndex:
    """`index("a -b")`."""
    names = (IndexProperty(name.lstrip("-"), name[0] == "-") for name in properties.split())
    return CompositeIndex(kind, ancestor, tuple(names))


def under(properties: str) -> CompositeIndex:
    """An index with ancestors."""
    return index(properties, ancestor=True)


TABLE: dict[str, tuple[Query, CompositeIndex | None]] = {
    "all of a kind": (shape(), None),
    "an equality": (shape("a="), None),
    "two equalities": (shape("a= b="), None),
    "two equalities under an ancestor": (shape("a= b=", ancestor=True), None),
    "a range": (shape("a> a<="), None),
    "a range upwards": (shape("a>", "a"), None),
    "a range downwards": (shape("a>", "-a"), None),
    "an order": (shape(orders="a"), None),
    "an order downwards": (shape(orders="-a"), None),
    "an order twice": (shape(orders="a -a"), None),
    "an ancestor": (shape(ancestor=True), None),
    "an ancestor, by key": (shape(orders="__key__", ancestor=True), None),
    "an ancestor, a range of keys": (shape("__key__>", ancestor=True), None),
    "a range of keys": (shape("__key__> __key__<"), None),
    "by key": (shape(orders="__key__"), None),
    "an equality, a range of keys": (shape("a= __key__>"), None),
    "an order, then by key": (shape(orders="a __key__"), None),
    "orders after the key": (shape(orders="a __key__ b"), None),
    "an order of an equality": (shape("a=", "a"), None),
    "orders of one key": (shape("__key__=", "a -b"), None),
    "a projection": (shape(project="a"), None),
    "distinct in its order": (shape(orders="b", project="b", distinct="b"), None),
    "no kind": (shape(kind=None), None),
    "no kind, an ancestor, keys downwards": (shape("__key__>", "-__key__", ancestor=True, kind=None), None),
    "an order under an ancestor": (shape(orders="a", ancestor=True), under("a")),
    "a range under an ancestor": (shape("a>", ancestor=True), under("a")),
    "an ancestor, keys downwards": (shape(orders="-__key__", ancestor=True), under("-__key__")),
    "keys downwards": (shape(orders="-__key__"), index("-__key__")),
    "a range of keys downwards": (shape("__key__>", "-__key__"), index("-__key__")),
    "an equality, keys downwards": (shape("a=", "-__key__"), index("a -__key__")),
    "an equality and a range": (shape("a= b>"), index("a b")),
    "an equality and an order": (shape("a=", "b"), index("a b")),
    "two equalities and an order": (shape("c= a=", "-b"), index("a c -b")),
    "two orders": (shape(orders="a -b"), index("a -b")),
    "a range and two orders": (shape("a>", "a -b"), index("a -b")),
    "an equality and a range of one property": (shape("a= a>"), index("a a")),
    "an order, then keys downwards": (shape(orders="a -__key__"), index("a -__key__")),
    "two equalities of one property and an order": (shape("a= a=", "b"), index("a b")),
    "a projection of two": (shape(project="b a"), index("a b")),
    "distinct of two": (shape(project="b a", distinct="b a"), index("a b")),
    "a projection in another order": (shape(orders="b", project="a"), index("b a")),
    "a projection of two in a range": (shape("a>", project="b d"), index("a b d")),
    "a projection of an equality": (shape("c=", project="b"), index("c b")),
    "a projection under an ancestor": (shape(project="a", ancestor=True), under("a")),
    "everything at once": (
        shape("e= d= a>", "-a b", project="c f b", distinct="f", ancestor=True),
        under("d e -a b f c"),
    ),
}
"""The query, and the index that it needs; None where the built-in ones do."""

BEYOND: dict[str, tuple[Query, CompositeIndex | None]] = {
    "two ranges": (shape("b> a<"), index("a b")),
    "two ranges and an equality": (shape("b> a< c="), index("c a b")),
    "two ranges in an order": (shape("a> b>", "-b"), index("-b a")),
    "a range and another order": (shape("a>", "-b"), index("-b a")),
    "a range, and keys": (shape("a> __key__>"), None),
    "a range, keys, and an equality": (shape("a> __key__> b="), index("b a")),
    "a range of keys in an order": (shape("__key__>", "a"), None),
    "a range of keys in two orders": (shape("__key__>", "a -__key__"), index("a -__key__")),
}
"""Several inequality properties, and orders that do not begin with one: Firestore's, not App Engine's (3.10)."""

_WORDS = """yes No y N on null Null ~ = << 1 -1 1_000 0x1f 0o17 1e3 1.5 .inf -.INF .nan 1:30 2020-01-01 a: :a #a -a --- ... ?a
*a &a !a | > %a @a `a` 'a' "a" [a] {a} a, 😀 é 2fa a.b e3 _1 1a 0b2 + . - +1e 12e03 1.2.3 0x 1:30:20.5 ١"""
AWKWARD_NAMES = [
    *_WORDS.split(),
    *[
        "",
        " a",
        "a ",
        "a b",
        "a: b",
        "a #b",
        "a, b",
        "- a",
        "? a",
        "2020-1-1 10:00",
        "a\nb",
        "\nk: 1",
        "a\tb",
        "a\\b",
    ],
    *["\ufeff", "\x85", "\u2028", "\0", "\x7f", "\n# AUTOGENERATED\n"],
]
"""Names that YAML takes for something else, and some that it does not."""
