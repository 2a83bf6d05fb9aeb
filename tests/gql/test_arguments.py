"""The arguments of a query, in all dialects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kindstore.store.gql import Dialect, bind, parse
from kindstore.store.gql.parsing import _parse, _parser
from kindstore.store.messages import PropertyFilter, Query
from kindstore.values.errors import BadArgumentError
from tests.gql.asking import key, query_of
from tests.gql.sentences import PARTITION

SIGNS = [(Dialect.APP_ENGINE, ":"), (Dialect.NDB, ":"), (Dialect.V1, "@")]


@pytest.mark.parametrize(("dialect", "sign"), SIGNS)
def test_arguments_are_counted_or_named(dialect: Dialect, sign: str) -> None:
    text = "SELECT * WHERE a = @2 AND b = @name AND c = @1 AND d = @2".replace("@", sign)
    statement = parse(text, dialect)
    assert statement.parameters() == {1, 2, "name"}
    query = bind(statement, PARTITION, ["one", "two"], {"name": "three", "left_over": 1}).query
    assert query.filters == (
        PropertyFilter("a", "=", "two"),
        PropertyFilter("b", "=", "three"),
        PropertyFilter("c", "=", "one"),
        PropertyFilter("d", "=", "two"),
    )


@pytest.mark.parametrize(("dialect", "sign"), SIGNS)
@pytest.mark.parametrize("value", [1, 1.5, "a", b"a", True, None, key("A", 1), [1, 2]])
def test_any_value_may_be_an_argument(dialect: Dialect, sign: str, value: Any) -> None:
    (found,) = query_of(dialect, f"SELECT * WHERE a = {sign}1", [value]).filters
    assert isinstance(found, PropertyFilter)
    assert found.value is value


@pytest.mark.parametrize(("dialect", "sign"), SIGNS)
@pytest.mark.parametrize("name", ["1", "2", "name", "Name", "order", "select"])
def test_a_missing_argument_is_refused_by_its_name(dialect: Dialect, sign: str, name: str) -> None:
    with pytest.raises(BadArgumentError, match=f"'{sign}{name}'") as caught:
        query_of(dialect, f"SELECT * WHERE a = {sign}{name}", [])
    assert caught.value.parameter == sign + name


@pytest.mark.parametrize(("dialect", "sign"), SIGNS)
def test_positional_arguments_that_are_left_over_are_refused(dialect: Dialect, sign: str) -> None:
    with pytest.raises(BadArgumentError) as caught:
        query_of(dialect, f"SELECT * WHERE a = {sign}2", [1, 2, 3])
    assert caught.value.unused == [f"{sign}1", f"{sign}3"]


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (Dialect.APP_ENGINE, "SELECT * WHERE a IN (1, :1)"),
        (Dialect.NDB, "SELECT * WHERE a NOT IN (:1)"),
        (Dialect.V1, "SELECT * WHERE a IN ARRAY(@1)"),
    ],
)
def test_a_list_is_no_member_of_a_list(dialect: Dialect, text: str) -> None:
    with pytest.raises(BadArgumentError, match="1"):
        query_of(dialect, text, [[1, 2]])


@pytest.mark.parametrize("dialect", [Dialect.APP_ENGINE, Dialect.NDB])
def test_a_cast_may_hold_arguments(dialect: Dialect) -> None:
    text = "SELECT * WHERE a = KEY(:1, :2, 'B', :id) AND b IN (DATE(:3, 1, 2), GEOPT(:lat, 1), KEY(:4))"
    args = ["A", "x", 2024, "agR0ZXN0cgcLEgFQGAEM"]
    statement = parse(text, dialect)
    assert statement.parameters() == {1, 2, 3, 4, "id", "lat"}
    first, second = bind(statement, PARTITION, args, {"id": 5, "lat": 2.5}).query.filters
    assert first == PropertyFilter("a", "=", key("A", "x", "B", 5))
    assert isinstance(second, PropertyFilter)
    assert [type(each).__name__ for each in second.value] == ["datetime", "GeoPt", "Key"]


def test_one_statement_serves_many_arguments() -> None:
    statement = parse("SELECT * WHERE a = :1")
    for value in range(3):
        assert bind(statement, PARTITION, [value]).query.filters == (PropertyFilter("a", "=", value),)


def test_short_texts_are_read_once() -> None:
    assert parse("SELECT * FROM A") is parse("SELECT * FROM A")
    assert parse("SELECT * FROM A") is not parse("SELECT * FROM A", Dialect.NDB)
    long = "SELECT * FROM A WHERE " + " AND ".join(["a = 1"] * 1_000)
    assert parse(long) is not parse(long)
    assert parse(long) == parse(long)


def test_threads_read_at_once() -> None:
    texts = [f"SELECT a{n} FROM A WHERE b IN ({n}, :1) ORDER BY c LIMIT {n}" for n in range(1, 201)]

    def read(text: str) -> Query:
        return bind(_parse(text, Dialect.APP_ENGINE), PARTITION, ["x"]).query

    _parser.cache_clear()  # the threads find no parser yet
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, texts))
    assert found == [read(text) for text in texts]


@pytest.mark.parametrize("text", [None, 1, b"SELECT *", ["SELECT *"]])
def test_a_query_is_a_str(text: Any) -> None:
    with pytest.raises(BadArgumentError):
        parse(text)


def test_an_unknown_dialect_is_refused() -> None:
    dialect: Any = "sql"
    with pytest.raises(BadArgumentError, match="dialect"):
        parse("SELECT *", dialect)
