"""GQL of the v1 API, rule by rule (spec/service.md 2.2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from kindstore.store.gql import Dialect, bind, parse
from kindstore.store.messages import (
    AndFilter,
    Average,
    Count,
    Filter,
    Order,
    OrFilter,
    PropertyFilter,
    Sum,
)
from kindstore.values.errors import BadArgumentError
from kindstore.values.key import Key, Partition
from tests.gql.asking import fields_of, key, place_of, query_of, refusal
from tests.gql.sentences import PARTITION, V1_WORDS

V1 = Dialect.V1


def equal(name: str, value: Any = 1) -> PropertyFilter:
    return PropertyFilter(name, "=", value)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("SELECT *", {}),
        ("SELECT * FROM A", {"kind": "A"}),
        ("select\n*\tfrom A ", {"kind": "A"}),
        ("SELECT * FROM `A b`", {"kind": "A b"}),
        ("SELECT * FROM `A``b`", {"kind": "A`b"}),
        ("SELECT * FROM $A1", {"kind": "$A1"}),
        ("SELECT * FROM Größe", {"kind": "Größe"}),
        ("SELECT __key__ FROM A", {"kind": "A", "keys_only": True}),
        ("SELECT `__key__` FROM A", {"kind": "A", "keys_only": True}),
        ("SELECT __key__, a FROM A", {"kind": "A", "projection": ("a",)}),
        ("SELECT a FROM A", {"kind": "A", "projection": ("a",)}),
        ("SELECT a, b.c, `d e`.f FROM A", {"kind": "A", "projection": ("a", "b.c", "d e.f")}),
        ("SELECT DISTINCT a, b", {"projection": ("a", "b"), "distinct_on": ("a", "b")}),
        ("SELECT DISTINCT ON (a, b) *", {"distinct_on": ("a", "b")}),
        ("SELECT DISTINCT ON (a) b, c", {"distinct_on": ("a",), "projection": ("b", "c")}),
        ("SELECT * ORDER BY a", {"orders": (Order("a"),)}),
        (
            "SELECT * ORDER BY a ASC, `b`.c DESC, __key__",
            {"orders": (Order("a"), Order("b.c", descending=True), Order("__key__"))},
        ),
        ("SELECT * LIMIT 5", {"limit": 5}),
        ("SELECT * LIMIT 0", {"limit": 0}),
        ("SELECT * OFFSET 7", {"offset": 7}),
        ("SELECT * LIMIT 5 OFFSET 7", {"limit": 5, "offset": 7}),
    ],
)
def test_a_query_is_read(text: str, fields: dict[str, Any]) -> None:
    assert fields_of(query_of(V1, text)) == fields


@pytest.mark.parametrize(
    ("condition", "filters"),
    [
        ("a = 1", [equal("a")]),
        ("a<1", [PropertyFilter("a", "<", 1)]),
        ("a <= 1", [PropertyFilter("a", "<=", 1)]),
        ("a > 1", [PropertyFilter("a", ">", 1)]),
        ("a >= 1", [PropertyFilter("a", ">=", 1)]),
        ("a != 1", [PropertyFilter("a", "!=", 1)]),
        ("`a b`.c = 1", [equal("a b.c")]),
        ("1 = a", [equal("a")]),
        ("1 < a", [PropertyFilter("a", ">", 1)]),
        ("1 <= a", [PropertyFilter("a", ">=", 1)]),
        ("1 > a", [PropertyFilter("a", "<", 1)]),
        ("1 >= a", [PropertyFilter("a", "<=", 1)]),
        ("1 != a", [PropertyFilter("a", "!=", 1)]),
        ("a IS NULL", [equal("a", None)]),
        ("a = NULL", [equal("a", None)]),
        ("a CONTAINS 1", [equal("a")]),
        ("1 IN a", [equal("a")]),
        ("a IN ARRAY(1)", [PropertyFilter("a", "IN", (1,))]),
        ("a IN ARRAY(1, 'b', NULL)", [PropertyFilter("a", "IN", (1, "b", None))]),
        ("a NOT IN ARRAY(1, 2)", [PropertyFilter("a", "NOT_IN", (1, 2))]),
        ("a = 1 AND b = 1", [equal("a"), equal("b")]),
        ("a = 1 AND b = 1 AND c = 1", [equal("a"), equal("b"), equal("c")]),
        ("(a = 1)", [equal("a")]),
        ("((a = 1) AND (b = 1 AND c = 1))", [equal("a"), equal("b"), equal("c")]),
        ("a = 1 OR b = 1", [OrFilter((equal("a"), equal("b")))]),
        ("a = 1 OR (b = 1 OR c = 1)", [OrFilter((equal("a"), equal("b"), equal("c")))]),
        ("a = 1 OR b = 1 AND c = 1", [OrFilter((equal("a"), AndFilter((equal("b"), equal("c")))))]),
        ("a = 1 AND b = 1 OR c = 1", [OrFilter((AndFilter((equal("a"), equal("b"))), equal("c")))]),
        ("(a = 1 OR b = 1) AND c = 1", [OrFilter((equal("a"), equal("b"))), equal("c")]),
        ("key = 1 AND array = 1", [equal("key"), equal("array")]),
    ],
)
def test_conditions_are_read(condition: str, filters: list[Filter]) -> None:
    assert query_of(V1, f"SELECT * FROM A WHERE {condition}").filters == tuple(filters)


VALUES: list[tuple[str, Any]] = [
    ("1", 1),
    ("-7", -7),
    ("+5", 5),
    ("9223372036854775807", 2**63 - 1),
    ("-9223372036854775808", -(2**63)),
    ("1.5", 1.5),
    ("1.", 1.0),
    (".5", 0.5),
    ("1e5", 1e5),
    ("-2.5E-3", -0.0025),
    ("'a'", "a"),
    ('"a"', "a"),
    ("''", ""),
    ("'it''s'", "it's"),
    ('"say ""a"""', 'say "a"'),
    (r"'it\'s'", "it's"),
    (r'"say \"a\""', 'say "a"'),
    (r"'\n\t\r\b\0\\\`'", "\n\t\r\b\0\\`"),
    (r"'\\n'", r"\n"),
    (r"'\''''", "''"),
    ("'\n'", "\n"),
    ("'日本'", "日本"),
    ("TRUE", True),
    ("false", False),
    ("NULL", None),
    ("KEY(A, 1)", key("A", 1)),
    ("KEY(`A b`, 'x', A, 2)", key("A b", "x", "A", 2)),
    ("KEY(Key, 1, Project, 2, Namespace, 3)", key("Key", 1, "Project", 2, "Namespace", 3)),
    ("KEY(PROJECT('q'), A, 1)", Key.of(Partition.of("q"), ("A", 1))),
    ("KEY(NAMESPACE('n'), A, 1)", Key.of(Partition.of("p", "", "n"), ("A", 1))),
    ("KEY(PROJECT('q'), NAMESPACE('n'), A, 1)", Key.of(Partition.of("q", "", "n"), ("A", 1))),
    ("BLOB('YWJj')", b"abc"),
    ("BLOB('_-8=')", b"\xff\xef"),
    ("BLOB('_-8')", b"\xff\xef"),
    ("BLOB('')", b""),
    ("DATETIME('2024-02-29T12:34:56Z')", datetime(2024, 2, 29, 12, 34, 56)),
    ("DATETIME('2024-02-29t12:34:56.5z')", datetime(2024, 2, 29, 12, 34, 56, 500_000)),
    ("DATETIME('2013-09-29T09:30:20.00002-08:00')", datetime(2013, 9, 29, 17, 30, 20, 20)),
    ("DATETIME('2024-02-29T12:34:56.123456+01:30')", datetime(2024, 2, 29, 11, 4, 56, 123_456)),
]


@pytest.mark.parametrize(("written", "value"), VALUES)
def test_a_value_is_read(written: str, value: Any) -> None:
    for text in (f"SELECT * WHERE a = {written}", f"SELECT * WHERE {written} = a"):
        (found,) = query_of(V1, text).filters
        assert found == PropertyFilter("a", "=", value)
        assert isinstance(found, PropertyFilter)
        assert type(found.value) is type(value)


def test_an_array_holds_values_of_all_sorts() -> None:
    written = ", ".join(written for written, _ in VALUES)
    (found,) = query_of(V1, f"SELECT * WHERE a IN ARRAY({written}, @1)", ["x"]).filters
    assert found == PropertyFilter("a", "IN", (*(value for _, value in VALUES), "x"))


def test_a_key_takes_what_it_does_not_say_from_the_query() -> None:
    elsewhere = Partition.of("p", "db", "n")
    text = "SELECT * WHERE a IN ARRAY(KEY(A, 1), KEY(PROJECT('q'), A, 1), KEY(NAMESPACE(''), A, 1))"
    (found,) = bind(parse(text, V1), elsewhere).query.filters
    assert isinstance(found, PropertyFilter)
    assert [each.partition.names() for each in found.value] == [
        ("p", "db", "n"),
        ("q", "db", "n"),
        ("p", "db", ""),
    ]


@pytest.mark.parametrize(
    "word", [each.lower() for each in V1_WORDS if each not in {"NOT", "TRUE", "FALSE", "NULL"}]
)
def test_a_keyword_may_be_a_name(word: str) -> None:
    query = query_of(V1, f"SELECT a, {word} FROM {word} WHERE {word} = 1 ORDER BY {word} DESC")
    assert fields_of(query) == {
        "kind": word,
        "projection": ("a", word),
        "filters": (equal(word),),
        "orders": (Order(word, descending=True),),
    }


@pytest.mark.parametrize("word", ["distinct", "count", "count_up_to", "sum", "avg", "on"])
def test_a_keyword_may_be_the_first_name(word: str) -> None:
    assert query_of(V1, f"SELECT {word} FROM A").projection == (word,)
    assert query_of(V1, f"SELECT {word}, a FROM A").projection == (word, "a")
    assert query_of(V1, f"SELECT DISTINCT {word} FROM A").distinct_on == (word,)
    assert query_of(V1, f"SELECT DISTINCT {word}, a FROM A").distinct_on == (word, "a")


@pytest.mark.parametrize("word", ["select", "true", "null", "from"])
def test_any_word_in_backquotes_is_a_name(word: str) -> None:
    assert query_of(V1, f"SELECT `{word}` FROM A WHERE `{word}` = 1").filters == (equal(word),)


# Ancestors.


@pytest.mark.parametrize(
    ("condition", "filters"),
    [
        ("__key__ HAS ANCESTOR KEY(A, 1)", []),
        ("KEY(A, 1) HAS DESCENDANT __key__", []),
        ("__key__ has ancestor @1", []),
        ("@1 HAS DESCENDANT __key__", []),
        ("b = 1 AND __key__ HAS ANCESTOR @1 AND c = 1", [equal("b"), equal("c")]),
        ("__key__ HAS ANCESTOR @1 AND __key__ HAS ANCESTOR KEY(A, 1)", []),
        ("(b = 1 OR c = 1) AND __key__ HAS ANCESTOR @1", [OrFilter((equal("b"), equal("c")))]),
        (
            "(b = 1 AND __key__ HAS ANCESTOR @1) OR (c = 1 AND @1 HAS DESCENDANT __key__)",
            [OrFilter((equal("b"), equal("c")))],
        ),
        (
            "__key__ HAS ANCESTOR @1 AND (b = 1 OR (c = 1 AND __key__ HAS ANCESTOR @1))",
            [OrFilter((equal("b"), equal("c")))],
        ),
        ("__key__ HAS ANCESTOR @1 OR (b = 1 AND __key__ HAS ANCESTOR @1)", []),
        ("c = 1 AND (__key__ HAS ANCESTOR @1 OR __key__ HAS ANCESTOR @1)", [equal("c")]),
    ],
)
def test_an_ancestor_is_read(condition: str, filters: list[Filter]) -> None:
    query = query_of(V1, f"SELECT * FROM B WHERE {condition}", [key("A", 1)] if "@1" in condition else [])
    assert query.ancestor == key("A", 1)
    assert query.filters == tuple(filters)


@pytest.mark.parametrize(
    "condition",
    [
        "__key__ HAS ANCESTOR KEY(A, 1) AND ^__key__ HAS ANCESTOR KEY(A, 2)",
        "^__key__ HAS ANCESTOR KEY(A, 1) OR a = 1",
        "a = 1 AND (b = 1 OR ^__key__ HAS ANCESTOR KEY(A, 1))",
        "^__key__ HAS ANCESTOR KEY(A, 1) OR __key__ HAS ANCESTOR KEY(A, 2)",
        "__key__ HAS ANCESTOR KEY(A, 1) AND (a = 1 OR ^__key__ HAS ANCESTOR KEY(A, 2))",
    ],
)
def test_all_alternatives_have_the_same_ancestor(condition: str) -> None:
    text, column = place_of(f"SELECT * WHERE {condition}")
    assert refusal(lambda: query_of(V1, text)).column == column


@pytest.mark.parametrize("given", [None, "A", 1, b"a", ("A", 1)])
def test_only_a_key_is_an_ancestor(given: Any) -> None:
    with pytest.raises(BadArgumentError, match="@1"):
        query_of(V1, "SELECT * WHERE __key__ HAS ANCESTOR @1", [given])


# Cursors.


@pytest.mark.parametrize(
    ("clauses", "args", "fields"),
    [
        ("LIMIT @1", [5], {"limit": 5}),
        ("LIMIT @1", [b"c"], {"end": b"c"}),
        ("LIMIT FIRST(5, @1)", [b"c"], {"limit": 5, "end": b"c"}),
        ("LIMIT FIRST(@1, 5)", [b"c"], {"limit": 5, "end": b"c"}),
        ("LIMIT FIRST(@1, @2)", [5, b"c"], {"limit": 5, "end": b"c"}),
        ("OFFSET @1", [5], {"offset": 5}),
        ("OFFSET @1", [b"c"], {"start": b"c"}),
        ("OFFSET @1 + 5", [b"c"], {"start": b"c", "offset": 5}),
        ("OFFSET @1+5", [b"c"], {"start": b"c", "offset": 5}),
        ("OFFSET @1 + @2", [b"c", 5], {"start": b"c", "offset": 5}),
        (
            "LIMIT FIRST(3, @2) OFFSET @1 + 5",
            [b"c", b"d"],
            {"start": b"c", "offset": 5, "limit": 3, "end": b"d"},
        ),
    ],
)
def test_cursors_are_arguments(clauses: str, args: list[Any], fields: dict[str, Any]) -> None:
    assert fields_of(query_of(V1, f"SELECT * {clauses}", args)) == fields


@pytest.mark.parametrize(
    ("clauses", "args"),
    [
        ("LIMIT @1", ["5"]),
        ("LIMIT @1", [None]),
        ("LIMIT @1", [True]),
        ("LIMIT @1", [1.5]),
        ("LIMIT @1", [-1]),
        ("LIMIT @1", [2**31]),
        ("LIMIT FIRST(@1, @2)", [1, 2]),
        ("LIMIT FIRST(@1, @2)", [b"c", b"d"]),
        ("LIMIT FIRST(1, @1)", [2]),
        ("OFFSET @1 + 5", [5]),
        ("OFFSET @1 + @2", [b"c", b"d"]),
    ],
)
def test_a_limit_is_a_number_and_a_cursor(clauses: str, args: list[Any]) -> None:
    with pytest.raises(BadArgumentError, match="@"):
        query_of(V1, f"SELECT * {clauses}", args)


# Aggregations.


@pytest.mark.parametrize(
    ("aggregates", "aggregations", "aliases"),
    [
        ("COUNT(*)", [Count()], ["property_1"]),
        ("count ( * )", [Count()], ["property_1"]),
        ("COUNT(*) AS n", [Count()], ["n"]),
        ("COUNT_UP_TO(5)", [Count(5)], ["property_1"]),
        ("COUNT_UP_TO(0)", [Count(0)], ["property_1"]),
        ("SUM(a.b)", [Sum("a.b")], ["property_1"]),
        ("AVG(`a b`) AS `x y`", [Average("a b")], ["x y"]),
        (
            "COUNT(*) AS n, SUM(a), AVG(b) AS m, COUNT_UP_TO(5)",
            [Count(), Sum("a"), Average("b"), Count(5)],
            ["n", "property_1", "m", "property_2"],
        ),
    ],
)
def test_aggregations_are_read(aggregates: str, aggregations: list[Any], aliases: list[str]) -> None:
    for text in (
        f"SELECT {aggregates} FROM A WHERE a = 1",
        f"AGGREGATE {aggregates} OVER (SELECT * FROM A WHERE a = 1)",
    ):
        bound = bind(parse(text, V1), PARTITION)
        assert (bound.aggregations, bound.aliases) == (tuple(aggregations), tuple(aliases))
        assert fields_of(bound.query) == {"kind": "A", "filters": (equal("a"),)}


def test_an_aggregation_keeps_the_limits_of_the_query_inside() -> None:
    bound = bind(parse("AGGREGATE COUNT(*) OVER (SELECT __key__ FROM A LIMIT 5 OFFSET 2)", V1), PARTITION)
    assert fields_of(bound.query) == {"kind": "A", "keys_only": True, "limit": 5, "offset": 2}


def test_a_query_for_entities_has_no_aggregations() -> None:
    bound = bind(parse("SELECT * FROM A", V1), PARTITION)
    assert (bound.aggregations, bound.aliases) == ((), ())


# What is refused; the ^ stands before the place that the error points at.

REFUSED = [
    "^",
    "SELECT^",
    "SELECT DISTINCT^",
    "SELECT DISTINCT ^*",
    "SELECT DISTINCT ON ^a *",
    "SELECT DISTINCT ON (^) *",
    "SELECT a ^AS b FROM A",
    "SELECT __key__, a, ^__key__ FROM A",
    "SELECT DISTINCT ON (a) __key__, ^__key__ FROM A",
    "SELECT * FROM A WHERE ANCESTOR IS ^KEY(A, 1)",
    "SELECT * FROM A^;",
    "SELECT * FROM ^'A'",
    'SELECT * FROM ^"A"',
    "SELECT * FROM ^`A",
    "SELECT * FROM ^``",
    "SELECT * FROM ^1A",
    "SELECT * FROM A^.",
    "SELECT * FROM WHERE ^a = 1",
    "SELECT * FROM A WHERE a = ^:1",
    "SELECT * FROM A WHERE a = ^@0",
    "SELECT * FROM A WHERE a = ^@1b",
    "SELECT * FROM A WHERE a = ^'b",
    r"SELECT * FROM A WHERE a = '^\x41'",
    r"SELECT * FROM A WHERE a = 'bc^\u0041'",
    "SELECT * FROM A WHERE a = ^9223372036854775808",
    "SELECT * FROM A WHERE a = ^1e999",
    "SELECT * FROM A WHERE a = ^1b",
    "SELECT * FROM A WHERE a = ^b",
    "SELECT * FROM A WHERE 1 = ^1",
    "SELECT * FROM A WHERE a <^> 1",
    "SELECT * FROM A WHERE NOT ^a = 1",
    "SELECT * FROM A WHERE (a = 1^",
    "SELECT * FROM A WHERE a = 1^)",
    "SELECT * FROM A WHERE a = 1 AND^",
    "SELECT * FROM A WHERE a = 1 OR OR ^b = 1",
    "SELECT * FROM A WHERE a IS ^NOT NULL",
    "SELECT * FROM A WHERE a IS ^1",
    "SELECT * FROM A WHERE a NOT ^= 1",
    "SELECT * FROM A WHERE a ^LIKE 'b'",
    "SELECT * FROM A WHERE a ^BETWEEN 1 AND 2",
    "SELECT * FROM A WHERE a IN ^(1, 2)",
    "SELECT * FROM A WHERE a IN ^1",
    "SELECT * FROM A WHERE a NOT IN ^1",
    "SELECT * FROM A WHERE a IN ^ARRAY()",
    "SELECT * FROM A WHERE a IN ARRAY(^ARRAY(1))",
    "SELECT * FROM A WHERE a IN ARRAY(1, ^ARRAY(2))",
    "SELECT * FROM A WHERE a = ^ARRAY(1)",
    "SELECT * FROM A WHERE a HAS ^ANCESTOR KEY(A, 1)",
    "SELECT * FROM A WHERE __key__ HAS ANCESTOR ^'a'",
    "SELECT * FROM A WHERE __key__ HAS ^DESCENDANT KEY(A, 1)",
    "SELECT * FROM A WHERE ^1 HAS DESCENDANT __key__",
    "SELECT * FROM A WHERE a = KEY(^'A', 1)",
    "SELECT * FROM A WHERE a = KEY(A^)",
    "SELECT * FROM A WHERE a = KEY(A, ^0)",
    "SELECT * FROM A WHERE a = KEY(A, ^-1)",
    "SELECT * FROM A WHERE a = KEY(A, ^1.5)",
    "SELECT * FROM A WHERE a = KEY(A, ^@1)",
    "SELECT * FROM A WHERE a = KEY(A, 1, B^)",
    "SELECT * FROM A WHERE a = ^KEY(A, '')",
    "SELECT * FROM A WHERE a = ^KEY(NAMESPACE('a b'), A, 1)",
    "SELECT * FROM A WHERE a = KEY(NAMESPACE('a'), PROJECT^('b'), A, 1)",
    "SELECT * FROM A WHERE a = BLOB(^'a')",
    "SELECT * FROM A WHERE a = BLOB(^'YW+j')",
    "SELECT * FROM A WHERE a = BLOB(^'YW==Jj')",
    "SELECT * FROM A WHERE a = BLOB(^'YWJj====')",
    "SELECT * FROM A WHERE a = DATETIME(^'2024-02-29 12:34:56')",
    "SELECT * FROM A WHERE a = DATETIME(^'2024-02-29T12:34:56')",
    "SELECT * FROM A WHERE a = DATETIME(^'2024-02-30T12:34:56Z')",
    "SELECT * FROM A WHERE a = DATETIME(^'2024-02-29T12:34:56.1234567Z')",
    "SELECT * FROM A WHERE a = DATETIME(^'0001-01-01T00:00:00+14:00')",
    "SELECT * FROM A WHERE a = DATETIME(^2024, 1, 1)",
    "SELECT * FROM A WHERE a = ^DATE('2024-02-29')",
    "SELECT * FROM A ^GROUP BY a",
    "SELECT * FROM A LIMIT ^-1",
    "SELECT * FROM A LIMIT 1^, 2",
    "SELECT * FROM A LIMIT ^2147483648",
    "SELECT * FROM A LIMIT FIRST(1, ^2)",
    "SELECT * FROM A OFFSET 1 + ^2",
    "SELECT * FROM A OFFSET 1 ^LIMIT 1",
    "SELECT * FROM A LIMIT 1 ^HINT ORDER_FIRST",
    "SELECT COUNT(^a) FROM A",
    "SELECT COUNT(*^",
    "SELECT COUNT(*), ^a FROM A",
    "SELECT a, COUNT^(*) FROM A",
    "SELECT COUNT(*) FROM A ^LIMIT 5",
    "SELECT COUNT_UP_TO(^*) FROM A",
    "SELECT COUNT_UP_TO(^-1) FROM A",
    "SELECT SUM(^*) FROM A",
    "SELECT COUNT(*) AS n, SUM(a) AS ^n FROM A",
    "SELECT COUNT(*) AS ^property_1, SUM(a) FROM A",
    "AGGREGATE COUNT(*) OVER ^SELECT * FROM A",
    "AGGREGATE COUNT(*) OVER (SELECT COUNT^(*) FROM A)",
    "AGGREGATE ^* OVER (SELECT * FROM A)",
    "SELECT * FROM A ^-- all of them",
]


@pytest.mark.parametrize("marked", REFUSED)
def test_a_text_that_is_no_query_is_refused_with_the_place(marked: str) -> None:
    text, column = place_of(marked)
    error = refusal(lambda: query_of(V1, text))
    assert (error.line, error.column) == (1, column), str(error)


@pytest.mark.parametrize(
    "marked",
    [
        "SELECT * WHERE a = ^1",
        "SELECT * WHERE a = @1 AND b = ^'b'",
        "SELECT * WHERE ^TRUE = b AND a = @1",
        "SELECT * WHERE a = ^NULL",
        "SELECT * WHERE a IN ARRAY(@1, ^2)",
        "SELECT * WHERE __key__ HAS ANCESTOR ^KEY(A, 1)",
        "SELECT * WHERE a = ^BLOB('YQ')",
        "SELECT * LIMIT ^5",
        "SELECT * OFFSET @1 + ^5",
        "SELECT COUNT_UP_TO(^5) FROM A",
        "SELECT COUNT(*), COUNT_UP_TO(^5) FROM A WHERE a = 1",
    ],
)
def test_literals_are_refused_unless_allowed(marked: str) -> None:
    text, column = place_of(marked)
    statement = parse(text, V1)
    args = [key("A", 1)] if "@1" in text else []
    error = refusal(lambda: bind(statement, PARTITION, args, allow_literals=False))
    assert (error.message, error.column) == ("a literal is not allowed", column)


@pytest.mark.parametrize(
    "text", ["SELECT * FROM A WHERE a IS NULL AND b = @1", "SELECT COUNT(*) FROM A WHERE b IN @1"]
)
def test_a_query_without_literals_needs_no_leave(text: str) -> None:
    assert bind(parse(text, V1), PARTITION, [[1]], allow_literals=False).query.kind == "A"


@pytest.mark.parametrize("values", [[1, 2], (1, 2)])
def test_the_values_for_in_may_be_an_argument(values: Any) -> None:
    query = query_of(V1, "SELECT * WHERE a IN @1 AND b NOT IN @more", [values], more=values)
    assert query.filters == (PropertyFilter("a", "IN", (1, 2)), PropertyFilter("b", "NOT_IN", (1, 2)))


@pytest.mark.parametrize("values", [[], (), 5, "ab", None])
def test_the_values_for_in_are_a_list_that_is_not_empty(values: Any) -> None:
    with pytest.raises(BadArgumentError, match="@1"):
        query_of(V1, "SELECT * WHERE a IN @1", [values])
