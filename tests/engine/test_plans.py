"""Golden plans: every form of query, its plan and its SQL, as text in ``plans.txt``.

``REWRITE_PLANS=1`` writes the file anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kindstore.engine import join_statement, statement
from kindstore.engine.catalog import Catalog
from kindstore.engine.dialect import Dialect
from kindstore.engine.join import join
from kindstore.engine.plan import plan
from kindstore.store.messages import Order, PropertyFilter, Query
from kindstore.values.errors import BadQueryError
from kindstore.values.key import Key, Partition

GOLDEN = Path(__file__).with_name("plans.txt")
SPACE = Partition.of("kindstore")
ADA = Key.of(SPACE, ("Author", "ada"))


def query(
    *terms: tuple[str, str, object] | str, kind: str | None = "Book", ancestor: Key | None = None
) -> Query:
    filters = tuple(PropertyFilter(*term) for term in terms if isinstance(term, tuple))
    orders = tuple(Order(term.lstrip("-"), term[0] == "-") for term in terms if isinstance(term, str))
    return Query(SPACE, kind, ancestor, filters, orders)


QUERIES = {
    "all of a kind": query(),
    "all of a kind, last first": query("-__key__"),
    "everything": query(kind=None),
    "an ancestor's": query(ancestor=ADA),
    "an ancestor's, of any kind": query(kind=None, ancestor=ADA),
    "a range of keys": query(("__key__", ">", ADA), ("__key__", "<=", ADA.child("Book", 9))),
    "an equality": query(("year", "=", 1843)),
    "an equality under an ancestor": query(("year", "=", 1843), ancestor=ADA),
    "an equality, last key first": query(("year", "=", 1843), "-__key__"),
    "an equality, its order ignored": query(("year", "=", 1843), "year"),
    "two equalities": query(("year", "=", 1843), ("title", "=", "Notes")),
    "two values of one property": query(("tags", "=", "a"), ("tags", "=", "b")),
    "a range": query(("year", ">=", 1800), ("year", "<", 1900)),
    "a range, downwards": query(("year", "<=", 1900), "-year"),
    "a range under an ancestor": query(("year", ">", 1800), ancestor=ADA),
    "an order": query("year"),
    "an order, downwards": query("-year"),
    "an order with ties by key": query("year", "__key__"),
    "an order and an equality": query(("title", "=", "Notes"), "year"),
    "a range and an equality": query(("year", ">", 1800), ("title", "=", "Notes"), "-year"),
}


def catalog() -> Catalog:
    made = Catalog(Dialect())
    made.absorb(
        [(1, "kindstore", "", "")],
        [(1, 1, "Author"), (2, 1, "Book")],
        [(1, 2, "year", 0), (2, 2, "title", 0), (1003, 2, "tags", 1)],
        [],
    )
    return made


def described(name: str, asked: Query) -> str:
    known = catalog()
    kinds = [kind for kind in known.kinds.values() if asked.kind in (None, kind.name)]
    made = plan(asked)
    assert made is not None
    lines = [name, f"  plan    {made}"]
    for fetch, limit in ((statement.ROWS, 10), (statement.KEYS, None), (statement.COUNT, None)):
        found = statement.scan(made, kinds, fetch, None, None, limit, 0)
        assert found is not None
        lines += [f"  {fetch:7} {found[0]}", f"          {found[1]!r}"]
    place = statement.Position((b"\x1907",), b"Book\x00\x19\x05")
    found = statement.scan(made, kinds, statement.ROWS, place, place, 10, 0)
    assert found is not None
    return "\n".join([*lines, f"  between {found[0]}", f"          {found[1]!r}"]) + "\n"


def test_plans_and_their_sql_are_as_written_down() -> None:
    text = "\n".join(described(name, asked) for name, asked in QUERIES.items())
    if os.environ.get("REWRITE_PLANS"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


@pytest.mark.parametrize(
    "asked",
    [
        query(("year", ">", 1), ("title", ">", "a")),
        query(("year", ">", 1), "title"),
        query(("year", ">", 1), "__key__"),
        query("year", "title"),
        query("year", "-__key__"),
    ],
)
def test_what_no_index_gives_in_order_takes_a_join(asked: Query) -> None:
    assert plan(asked) is None


def test_a_query_without_a_kind_has_no_properties() -> None:
    with pytest.raises(BadQueryError):
        plan(query("year", kind=None))


def test_a_name_never_enters_the_text_of_a_statement() -> None:
    hostile = "x'; DROP TABLE entity; --"
    known = catalog()
    known.absorb([], [(3, 1, hostile)], [(4, 3, hostile, 0)], [])
    kind = known.kinds[SPACE, hostile]
    asked = query((hostile, "=", hostile), kind=hostile)
    made = plan(asked)
    assert made is not None
    found = statement.scan(made, [kind], statement.ROWS, None, None, 1, 0)
    joined = join_statement.scan(join(asked), [kind], statement.ROWS, None, None, 1, 0)
    assert found is not None
    assert joined is not None
    assert "DROP" not in found[0] + joined[0]
    assert hostile.encode() in found[1][0]
