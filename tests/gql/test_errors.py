"""What users see when a text is wrong."""

from __future__ import annotations

import pickle

import pytest

from kindstore.store.gql import Dialect, GqlSyntaxError, bind, parse
from kindstore.values.errors import BadQueryError
from tests.gql.asking import refusal
from tests.gql.sentences import PARTITION

APP_ENGINE, NDB, V1 = Dialect.APP_ENGINE, Dialect.NDB, Dialect.V1


def shown(text: str, dialect: Dialect = APP_ENGINE) -> str:
    return str(refusal(lambda: bind(parse(text, dialect), PARTITION)))


def test_an_error_shows_the_place_what_could_stand_there_and_what_does() -> None:
    assert shown("SELECT * FROM Author WHERE name = 'Ada' OR age > 3") == (
        "a GQL query can't be read (line 1, column 41): "
        "expected AND, HINT, LIMIT, OFFSET, ORDER or the end, found OR\n"
        "    SELECT * FROM Author WHERE name = 'Ada' OR age > 3\n"
        "                                            ^\n"
        "App Engine's GQL has no OR: use IN for several values of a property, or the v1 dialect."
    )


def test_the_end_of_a_text_is_a_place() -> None:
    assert shown("SELECT * FROM Author WHERE age >  \n ") == (
        "a GQL query can't be read (line 1, column 33): expected a value, found the end\n"
        "    SELECT * FROM Author WHERE age >  \n"
        "                                    ^"
    )


def test_a_value_that_is_wrong_shows_its_place_and_what_is_right() -> None:
    assert shown("SELECT *\nFROM Author\nWHERE born = DATE('1815-13-10')\nLIMIT 3") == (
        "DATE does not take these operands: time data '1815-13-10' does not match format '%Y-%m-%d' "
        "(line 3, column 14)\n"
        "    WHERE born = DATE('1815-13-10')\n"
        "                 ^\n"
        "DATE takes 'YYYY-MM-DD', or year, month, day."
    )


def test_a_long_line_is_cut_around_the_place() -> None:
    text = "SELECT * FROM A WHERE a IN (" + ", ".join(map(str, range(500))) + ") OR b = 1 " + " " * 200 + "."
    lines = shown(text).splitlines()
    assert lines[1].startswith("    …")
    assert lines[1].endswith("…")
    assert len(lines[1]) <= 110
    assert lines[1][lines[2].index("^") :].startswith("OR b = 1")


@pytest.mark.parametrize(
    "text", ["SELECT * WHERE 名前 = 'ü' x", "SELECT * WHERE a = 'n\u0303' x", "SELECT\t*\tx"]
)
def test_the_caret_stands_below_the_place_on_a_terminal(text: str) -> None:
    error = refusal(lambda: parse(text, APP_ENGINE))
    above, below = error.excerpt.splitlines()
    wide = sum(2 if each > "\u3000" else 0 if each == "\u0303" else 1 for each in above[: above.index("x")])
    assert below == " " * wide + "^"


def test_what_a_terminal_can_not_show_does_not_reach_it() -> None:
    assert "\x1b" not in shown("SELECT * FROM \x1b[31mA")
    assert "\ud800" not in shown("SELECT * FROM \ud800 A.")


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        (APP_ENGINE, "", ("SELECT",)),
        (APP_ENGINE, "SELECT", ("*", "a name", "DISTINCT")),
        (APP_ENGINE, "SELECT DISTINCT", ("*", "a name")),
        (APP_ENGINE, "SELECT * FROM", ("a name",)),
        (APP_ENGINE, "SELECT * WHERE a", ("a comparison (= != < <= > >=)", "IN")),
        (NDB, "SELECT * WHERE a", ("a comparison (= != < <= > >=)", "IN", "NOT")),
        (APP_ENGINE, "SELECT * WHERE a =", ("a value",)),
        (APP_ENGINE, "SELECT * WHERE a IN", ("a value", "(")),
        (APP_ENGINE, "SELECT * WHERE a IN (1", ("a comma", ")")),
        (APP_ENGINE, "SELECT * WHERE ANCESTOR", ("IS",)),
        (APP_ENGINE, "SELECT * LIMIT", ("a whole number",)),
        (APP_ENGINE, "SELECT * LIMIT 1 x", ("HINT", "OFFSET", "a comma", "the end")),
        (V1, "SELECT", ("*", "a name", "AVG", "COUNT", "COUNT_UP_TO", "DISTINCT", "SUM")),
        (V1, "SELECT DISTINCT", ("a name", "ON")),
        (V1, "SELECT * WHERE", ("a name", "a value", "(")),
        (V1, "SELECT * WHERE a HAS", ("ANCESTOR",)),
        (V1, "SELECT * WHERE 1", ("a comparison (= != < <= > >=)", "HAS", "IN")),
        (V1, "SELECT * LIMIT", ("a value", "a whole number", "FIRST")),
        (V1, "AGGREGATE", ("AVG", "COUNT", "COUNT_UP_TO", "SUM")),
    ],
)
def test_what_is_expected_is_said_in_plain_words(
    dialect: Dialect, text: str, expected: tuple[str, ...]
) -> None:
    assert refusal(lambda: parse(text, dialect)).expected == expected


@pytest.mark.parametrize(
    ("dialect", "text", "hint"),
    [
        (APP_ENGINE, "SELECT * WHERE a = @1", ":1"),
        (APP_ENGINE, 'SELECT * WHERE a = "b"', "single quotes"),
        (APP_ENGINE, "SELECT * WHERE a = 'b", "single quote"),
        (APP_ENGINE, "SELECT * FROM WHERE a = 1", "WHERE was read as a name"),
        (APP_ENGINE, "SELECT COUNT(*) FROM A", "count()"),
        (APP_ENGINE, "SELECT * WHERE a <> 1", "!="),
        (APP_ENGINE, "SELECT * WHERE a == 1", "Write ="),
        (APP_ENGINE, "SELECT * WHERE a IS NULL", "= NULL"),
        (APP_ENGINE, "SELECT * OFFSET 1 LIMIT 1", "before OFFSET"),
        (APP_ENGINE, "SELECT * GROUP BY a", "DISTINCT"),
        (V1, "SELECT * WHERE a = :1", "@1"),
        (V1, "SELECT * WHERE a IN (1)", "ARRAY"),
        (V1, "SELECT * WHERE NOT a = 1", "NOT IN"),
        (V1, "SELECT * WHERE a LIKE 'b'", "LIKE"),
        (V1, "SELECT COUNT(*) FROM A LIMIT 1", "OVER"),
        (V1, "SELECT * FROM A;", "semicolon"),
        (V1, "SELECT `a", "backquote"),
    ],
)
def test_a_common_mistake_gets_a_hint(dialect: Dialect, text: str, hint: str) -> None:
    assert hint in refusal(lambda: parse(text, dialect)).hint


def test_the_error_is_a_bad_query_with_facts() -> None:
    error = refusal(lambda: parse("SELECT *\nFROM A x"))
    assert isinstance(error, BadQueryError)
    assert (error.line, error.column, error.found) == (2, 8, "x")
    assert "WHERE" in error.expected


def test_the_error_survives_pickling() -> None:
    error = refusal(lambda: parse("SELECT *\nFROM A x"))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is GqlSyntaxError
    assert (str(again), again.facts) == (str(error), error.facts)


def test_a_long_word_is_shortened() -> None:
    error = refusal(lambda: parse("SELECT * " + "x" * 10_000))
    assert len(error.found) <= 60
    assert len(str(error)) < 1_000
