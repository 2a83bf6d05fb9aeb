"""App Engine's GQL, rule by rule (spec/service.md 2.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kindstore.store.gql import NOTHING, Dialect, bind, parse
from kindstore.store.messages import Order, PropertyFilter
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError
from kindstore.values.key import Key
from kindstore.values.reference import to_urlsafe
from kindstore.values.types import GeoPt, User
from tests.gql.asking import fields_of, key, place_of, query_of, refusal
from tests.gql.sentences import APP_ENGINE_WORDS, ENCODED, PARTITION

APP_ENGINE = Dialect.APP_ENGINE


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("SELECT *", {}),
        ("SELECT * FROM A", {"kind": "A"}),
        ("select * from A", {"kind": "A"}),
        ("SELECT * FROM A;", {"kind": "A"}),
        ("\n SELECT\t*\r\nFROM A ; ", {"kind": "A"}),
        ('SELECT * FROM "A-b"', {"kind": "A-b"}),
        ('SELECT * FROM "say""A"', {"kind": 'say"A'}),
        ("SELECT * FROM a.b.c", {"kind": "a.b.c"}),
        ("SELECT * FROM Größe", {"kind": "Größe"}),
        ("SELECT * FROM 2024", {"kind": "2024"}),
        ("SELECT __key__ FROM A", {"kind": "A", "keys_only": True}),
        ("SELECT a FROM A", {"kind": "A", "projection": ("a",)}),
        ("SELECT a, b.c FROM A", {"kind": "A", "projection": ("a", "b.c")}),
        ("SELECT __key__, a FROM A", {"kind": "A", "projection": ("__key__", "a")}),
        ("SELECT DISTINCT a, b", {"projection": ("a", "b"), "distinct_on": ("a", "b")}),
        ("SELECT * ORDER BY a", {"orders": (Order("a"),)}),
        (
            "SELECT * ORDER BY a ASC, b DESC, __key__",
            {"orders": (Order("a"), Order("b", descending=True), Order("__key__"))},
        ),
        ("SELECT * LIMIT 5", {"limit": 5}),
        ("SELECT * LIMIT 3, 5", {"limit": 5, "offset": 3}),
        ("SELECT * LIMIT 3,5", {"limit": 5, "offset": 3}),
        ("SELECT * LIMIT 0, 5", {"limit": 5}),
        ("SELECT * OFFSET 7", {"offset": 7}),
        ("SELECT * LIMIT 5 OFFSET 7", {"limit": 5, "offset": 7}),
        ("SELECT * LIMIT 007", {"limit": 7}),
        ("SELECT * LIMIT 2147483647", {"limit": 2147483647}),
        ("SELECT * HINT ORDER_FIRST", {}),
        ("SELECT * LIMIT 1 HINT filter_first;", {"limit": 1}),
    ],
)
def test_a_query_is_read(text: str, fields: dict[str, Any]) -> None:
    assert fields_of(query_of(APP_ENGINE, text)) == fields


@pytest.mark.parametrize("hint", ["ORDER_FIRST", "FILTER_FIRST", "ANCESTOR_FIRST"])
def test_a_hint_is_kept(hint: str) -> None:
    assert parse(f"SELECT * HINT {hint.lower()}").hint == hint


@pytest.mark.parametrize(
    ("condition", "name", "op"),
    [
        ("a = 1", "a", "="),
        ("a=1", "a", "="),
        ("a < 1", "a", "<"),
        ("a <= 1", "a", "<="),
        ("a > 1", "a", ">"),
        ("a >= 1", "a", ">="),
        ("a != 1", "a", "!="),
        ("a.b.c = 1", "a.b.c", "="),
        ('"a-b" = 1', "a-b", "="),
        ('"a""b" = 1', 'a"b', "="),
        ("__key__ = 1", "__key__", "="),
    ],
)
def test_a_condition_is_read(condition: str, name: str, op: str) -> None:
    assert query_of(APP_ENGINE, f"SELECT * WHERE {condition}").filters == (PropertyFilter(name, op, 1),)


def test_all_conditions_must_hold() -> None:
    query = query_of(APP_ENGINE, "SELECT * WHERE a = 1 AND b > 2 and a = 3")
    assert query.filters == (
        PropertyFilter("a", "=", 1),
        PropertyFilter("b", ">", 2),
        PropertyFilter("a", "=", 3),
    )


@pytest.mark.parametrize(
    "word", [word.lower() for word in APP_ENGINE_WORDS if word not in {"ANCESTOR", "DISTINCT"}]
)
def test_a_keyword_may_be_a_name(word: str) -> None:
    query = query_of(APP_ENGINE, f"SELECT {word} FROM {word} WHERE {word} = 1 ORDER BY {word} DESC")
    assert fields_of(query) == {
        "kind": word,
        "projection": (word,),
        "filters": (PropertyFilter(word, "=", 1),),
        "orders": (Order(word, descending=True),),
    }


@pytest.mark.parametrize(
    ("text", "projection", "distinct_on"),
    [
        ("SELECT distinct FROM A", ("distinct",), ()),
        ("SELECT distinct, a FROM A", ("distinct", "a"), ()),
        ("SELECT DISTINCT distinct FROM A", ("distinct",), ("distinct",)),
        ("SELECT DISTINCT order, a FROM A", ("order", "a"), ("order", "a")),
    ],
)
def test_distinct_may_be_a_name(text: str, projection: tuple[str, ...], distinct_on: tuple[str, ...]) -> None:
    query = query_of(APP_ENGINE, text)
    assert (query.projection, query.distinct_on) == (projection, distinct_on)


VALUES: list[tuple[str, Any]] = [
    ("1", 1),
    ("-7", -7),
    ("+5", 5),
    ("007", 7),
    ("9223372036854775807", 2**63 - 1),
    ("-9223372036854775808", -(2**63)),
    ("1.5", 1.5),
    ("-0.25", -0.25),
    (".5", 0.5),
    ("3.0", 3.0),
    ("'a'", "a"),
    ("''", ""),
    ("'it''s'", "it's"),
    ("''''", "'"),
    (r"'\n'", r"\n"),
    ("'日本'", "日本"),
    ("TRUE", True),
    ("false", False),
    ("NULL", None),
    ("KEY('A', 1)", key("A", 1)),
    ("key('A', 1, 'B', 'x')", key("A", 1, "B", "x")),
    (f"KEY('{ENCODED}')", key("A", 7, "B", "x")),
    ("GEOPT(1.5, -7)", GeoPt(1.5, -7)),
    ("USER('a@b.c')", User("a@b.c")),
    ("DATETIME('2024-02-29 12:34:56')", datetime(2024, 2, 29, 12, 34, 56)),
    ("DATETIME(2024, 2, 29)", datetime(2024, 2, 29)),
    ("DATETIME(2024, 2, 29, 12, 34, 56, 7)", datetime(2024, 2, 29, 12, 34, 56, 7)),
    ("DATE('2024-02-29')", datetime(2024, 2, 29)),
    ("DATE(2024, 2, 29)", datetime(2024, 2, 29)),
    ("TIME('12:34:56')", datetime(1970, 1, 1, 12, 34, 56)),
    ("TIME(12)", datetime(1970, 1, 1, 12)),
    ("TIME(12, 34)", datetime(1970, 1, 1, 12, 34)),
    ("TIME(12, 34, 56, 7)", datetime(1970, 1, 1, 12, 34, 56, 7)),
]


@pytest.mark.parametrize(("written", "value"), VALUES)
def test_a_value_is_read(written: str, value: Any) -> None:
    (found,) = query_of(APP_ENGINE, f"SELECT * WHERE a = {written}").filters
    assert found == PropertyFilter("a", "=", value)
    assert isinstance(found, PropertyFilter)
    assert type(found.value) is type(value)


def test_a_list_holds_values_of_all_sorts() -> None:
    written = ", ".join(written for written, _ in VALUES)
    (found,) = query_of(APP_ENGINE, f"SELECT * WHERE a IN ({written}, :1)", ["x"]).filters
    assert found == PropertyFilter("a", "IN", (*(value for _, value in VALUES), "x"))


@pytest.mark.parametrize(
    ("condition", "args"),
    [
        ("ANCESTOR IS KEY('A', 1)", []),
        ("ancestor is :1", [key("A", 1)]),
        (f"ANCESTOR IS '{to_urlsafe(key('A', 1))}'", []),
        ("ANCESTOR IS :1", [to_urlsafe(key("A", 1))]),
        ("ANCESTOR IS :1", [Entity.of(key("A", 1), {})]),
        ("ANCESTOR IS KEY('A', :1)", [1]),
    ],
)
def test_an_ancestor_is_read(condition: str, args: list[Any]) -> None:
    query = query_of(APP_ENGINE, f"SELECT * FROM B WHERE a = 1 AND {condition} AND b = 2", args)
    assert query.ancestor == key("A", 1)
    assert query.filters == (PropertyFilter("a", "=", 1), PropertyFilter("b", "=", 2))


def test_a_property_may_be_called_ancestor() -> None:
    query = query_of(
        APP_ENGINE, 'SELECT ancestor WHERE "ancestor" = 1 AND ancestor.name = 2 ORDER BY ancestor'
    )
    assert query.filters == (PropertyFilter("ancestor", "=", 1), PropertyFilter("ancestor.name", "=", 2))
    assert query.orders == (Order("ancestor"),)


def test_a_key_is_of_the_partition_of_the_query() -> None:
    elsewhere = PARTITION.with_namespace("n")
    query = bind(parse("SELECT * WHERE a = KEY('A', 1)"), elsewhere).query
    assert query.filters == (PropertyFilter("a", "=", Key.of(elsewhere, ("A", 1))),)


def test_nothing_is_in_an_empty_list() -> None:
    assert query_of(APP_ENGINE, "SELECT * WHERE a IN :1 AND b = 1", [[]]).filters == (
        NOTHING,
        PropertyFilter("b", "=", 1),
    )


# The ^ stands before the place that the error points at.
REFUSED = [
    "^",
    "^DELETE FROM A",
    "SELECT^",
    "SELECT DISTINCT^",
    "SELECT DISTINCT ^*",
    "SELECT *^, a",
    "SELECT a,^",
    "SELECT a ^b FROM A",
    "SELECT ^'a' FROM A",
    "SELECT COUNT^(*) FROM A",
    "SELECT DISTINCT ON ^(a) * FROM A",
    "SELECT * FROM^",
    "SELECT * FROM A^, B",
    'SELECT * FROM ^"a b"',
    "SELECT * FROM ^`A`",
    "SELECT * FROM A WHERE^",
    "SELECT * FROM WHERE ^a = 1",
    "SELECT * FROM A WHERE a^",
    "SELECT * FROM A WHERE a =^",
    "SELECT * FROM A WHERE a = ^b",
    'SELECT * FROM A WHERE a = ^"b"',
    "SELECT * FROM A WHERE a = ^'b",
    "SELECT * FROM A WHERE a = ^'b\nc'",
    "SELECT * FROM A WHERE a = ^@1",
    "SELECT * FROM A WHERE a = ^:0",
    "SELECT * FROM A WHERE a = 1^e5",
    "SELECT * FROM A WHERE a = ^nan",
    "SELECT * FROM A WHERE a = ^9223372036854775808",
    "SELECT * FROM A WHERE a = ^" + "9" * 5000,
    "SELECT * FROM A WHERE a = ^" + "9" * 400 + ".0",
    "SELECT * FROM A WHERE a = ^(1, 2)",
    "SELECT * FROM A WHERE a <^> 1",
    "SELECT * FROM A WHERE a =^= 1",
    "SELECT * FROM A WHERE 1 = ^a",
    "SELECT * FROM A WHERE a = 1 ^OR b = 2",
    "SELECT * FROM A WHERE NOT ^a = 1",
    "SELECT * FROM A WHERE ^(a = 1)",
    "SELECT * FROM A WHERE a ^NOT IN (1)",
    "SELECT * FROM A WHERE a ^IS NULL",
    "SELECT * FROM A WHERE a ^CONTAINS 1",
    "SELECT * FROM A WHERE a ^LIKE 'b'",
    "SELECT * FROM A WHERE a IN (^)",
    "SELECT * FROM A WHERE a IN (1,^)",
    "SELECT * FROM A WHERE a IN (1^",
    "SELECT * FROM A WHERE a IN ^5",
    "SELECT * FROM A WHERE a IN ^KEY('A', 1)",
    "SELECT * FROM A WHERE a IN (^(1))",
    "SELECT * FROM A WHERE a = KEY ^'A'",
    "SELECT * FROM A WHERE a = KEY(^)",
    "SELECT * FROM A WHERE a = KEY('A', ^KEY('B', 1))",
    "SELECT * FROM A WHERE a = ^BLOB('a')",
    "SELECT * FROM A WHERE ANCESTOR ^= :1",
    "SELECT * FROM A WHERE ANCESTOR IS :1 AND ^ANCESTOR IS :1",
    "SELECT * FROM A ORDER ^a",
    "SELECT * FROM A ORDER BY^",
    "SELECT * FROM A ORDER BY a ASC ^DESC",
    "SELECT * FROM A ^GROUP BY a",
    "SELECT * FROM A LIMIT^",
    "SELECT * FROM A LIMIT ^0",
    "SELECT * FROM A LIMIT ^-1",
    "SELECT * FROM A LIMIT ^:1",
    "SELECT * FROM A LIMIT 1^.5",
    "SELECT * FROM A LIMIT 1,^",
    "SELECT * FROM A LIMIT 1, ^0",
    "SELECT * FROM A LIMIT 1, 2^, 3",
    "SELECT * FROM A LIMIT ^2147483648",
    "SELECT * FROM A LIMIT 1, 2 OFFSET ^3",
    "SELECT * FROM A OFFSET 3 ^LIMIT 2",
    "SELECT * FROM A OFFSET ^:1",
    "SELECT * FROM A HINT ^FIRST",
    "SELECT * FROM A; ^SELECT * FROM B",
    "SELECT * FROM A;^;",
    "SELECT * FROM A ^-- all of them",
]


@pytest.mark.parametrize("marked", REFUSED, ids=lambda marked: marked[:60])
def test_a_text_that_is_no_query_is_refused_with_the_place(marked: str) -> None:
    text, column = place_of(marked)
    error = refusal(lambda: parse(text, APP_ENGINE))
    assert (error.line, error.column) == (1, column), str(error)


@pytest.mark.parametrize(
    "written",
    [
        "KEY('A')",
        "KEY('A', 1, 'B')",
        "KEY('A', 0)",
        "KEY('A', -1)",
        "KEY('', 1)",
        "KEY('A', '')",
        "KEY('A', TRUE)",
        "KEY('A', 1.5)",
        "KEY('A', NULL)",
        "KEY(1, 'A')",
        "KEY(1)",
        "KEY('not a key')",
        "GEOPT(1)",
        "GEOPT(1, 2, 3)",
        "GEOPT(91, 0)",
        "GEOPT(0, -181)",
        "GEOPT('a', 0)",
        "GEOPT(NULL, 0)",
        "USER('')",
        "USER(NULL)",
        "USER(1)",
        "USER('a', 'b')",
        "DATETIME('2024-02-30 00:00:00')",
        "DATETIME('2024-02-29')",
        "DATETIME('2024-02-29T12:34:56Z')",
        "DATETIME(2024, 2)",
        "DATETIME(2024, 2, 29, 1, 2, 3, 4, 5)",
        "DATETIME(2024, 2, 1.5)",
        "DATETIME(99999999999, 1, 1)",
        "DATE('2024-13-01')",
        "DATE('29.2.2024')",
        "DATE(2024)",
        "DATE(2024, 2, 29, 1)",
        "DATE(2024, 2, '29')",
        "DATE(TRUE, 2, 28)",
        "TIME('24:00:00')",
        "TIME('12:34')",
        "TIME(24)",
        "TIME(1, 2, 3, 4, 5)",
        "TIME(NULL)",
    ],
)
def test_a_cast_that_makes_no_sense_is_refused_with_the_place(written: str) -> None:
    error = refusal(lambda: query_of(APP_ENGINE, f"SELECT *\nWHERE a = {written}"))
    assert (error.line, error.column) == (2, 11)
    assert written.partition("(")[0] in error.hint


@pytest.mark.parametrize("written", ["'x'", "5", "NULL", "GEOPT(1, 2)"])
def test_only_a_key_is_an_ancestor(written: str) -> None:
    error = refusal(lambda: query_of(APP_ENGINE, f"SELECT * WHERE ANCESTOR IS {written}"))
    assert error.column == 28


@pytest.mark.parametrize("value", [(1, 2), 5, "ab", None, {1}])
def test_the_values_for_in_are_a_list(value: Any) -> None:
    with pytest.raises(BadArgumentError, match=":1"):
        query_of(APP_ENGINE, "SELECT * WHERE a IN :1", [value])


# NDB's dialect.


def test_ndb_has_not_in() -> None:
    query = query_of(Dialect.NDB, "SELECT * WHERE a NOT IN (1, 2) AND b not in :1 AND c = 3", [[4]])
    assert query.filters == (
        PropertyFilter("a", "NOT_IN", (1, 2)),
        PropertyFilter("b", "NOT_IN", (4,)),
        PropertyFilter("c", "=", 3),
    )


def test_ndb_leaves_not_in_of_nothing_to_the_store() -> None:
    assert query_of(Dialect.NDB, "SELECT * WHERE a NOT IN :1", [[]]).filters == (
        PropertyFilter("a", "NOT_IN", ()),
    )


@pytest.mark.parametrize("values", [[1, 2], (1, 2)])
def test_ndb_takes_other_lists_for_in(values: Any) -> None:
    assert query_of(Dialect.NDB, "SELECT * WHERE a IN :1", [values]).filters == (
        PropertyFilter("a", "IN", (1, 2)),
    )
