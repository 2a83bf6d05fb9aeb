"""Reading takes time in proportion to the text, and no deep stack, whatever the text is."""

from __future__ import annotations

import sys
import time

import pytest

from kindstore.store.gql import Dialect, bind, parse
from kindstore.store.gql.parsing import _parse
from kindstore.store.gql.reading import MAX_HEIGHT
from kindstore.store.messages import AndFilter, Filter, OrFilter, PropertyFilter
from kindstore.values.errors import Error
from tests.gql.asking import query_of, refusal
from tests.gql.sentences import PARTITION
from tests.scale import scaled

APP_ENGINE, V1 = Dialect.APP_ENGINE, Dialect.V1

SHORT, LONG = scaled(10_000), scaled(100_000)

# What stands before, what is repeated, what stands after.
SHAPES = {
    "and": ("SELECT * FROM A WHERE ", "x = 1 AND ", "x = 1"),
    "or": ("SELECT * FROM A WHERE ", "x = 1 OR ", "x = 1"),
    "parentheses": ("SELECT * FROM A WHERE ", "(", "x = 1"),
    "nested": ("SELECT * FROM A WHERE ", "(a = 1 OR b = 1 AND ", "x = 1"),
    "names": ("SELECT a", ", a", ""),
    "orders": ("SELECT * ORDER BY a", ", a DESC", ""),
    "no end of a string": ("SELECT * FROM A WHERE x = '", "a", ""),
    "quotes": ("SELECT * FROM A WHERE x = ", "'", ""),
    "double quotes": ("SELECT * FROM A WHERE x = ", '"', ""),
    "strings": ("SELECT * FROM A WHERE x = ", "' '", ""),
    "escapes": ("SELECT * FROM A WHERE x = '", "\\n", "'"),
    "backslashes": ("SELECT * FROM A WHERE x = '", "\\", ""),
    "backquotes": ("SELECT `", "a`b", ""),
    "a long path": ("SELECT a", ".a", ""),
    "a long path that breaks off": ("SELECT a", ".a", "."),
    "digits": ("SELECT * FROM A WHERE x = ", "1", ""),
    "a fraction": ("SELECT * FROM A WHERE x = 0.", "1", ""),
    "no number": ("SELECT * FROM A WHERE x = 0.", "1", "eq"),
    "a long limit": ("SELECT * LIMIT ", "1", ""),
    "a long parameter": ("SELECT * WHERE x = :", "1", ""),
    "a list": ("SELECT * FROM A WHERE x IN (", "1, ", "1)"),
    "an array": ("SELECT * FROM A WHERE x IN ARRAY(", "1, ", "1)"),
    "arrays in arrays": ("SELECT * FROM A WHERE x IN ", "ARRAY(", ""),
    "a long key": ("SELECT * FROM A WHERE x = KEY(A, 1", ", B, 2", ")"),
    "aggregations": ("SELECT COUNT(*)", ", COUNT(*)", ""),
    "spaces": ("SELECT", " ", ""),
    "lines": ("SELECT", "\n", "x y"),
    "anything": ("", "#", ""),
    "quoted names": ("SELECT ", '"a"', ""),
    "quoted names that never end": ("SELECT ", '"a', ""),
}


def seconds(text: str, dialect: Dialect) -> float:
    """CPU time to read *text*, or to refuse it and to print why."""
    shown = ""
    began = time.process_time()
    try:
        _parse(text, dialect)
    except Error as error:
        shown = str(error)
    took = time.process_time() - began
    assert len(shown) < 2_000
    return took


def grown(shape: str, size: int) -> str:
    before, repeated, after = SHAPES[shape]
    return before + repeated * (size // len(repeated)) + after


@pytest.mark.budget
@pytest.mark.parametrize("dialect", [APP_ENGINE, V1])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_time_grows_in_proportion(shape: str, dialect: Dialect) -> None:
    seconds(grown(shape, 100), dialect)
    short = min(seconds(grown(shape, SHORT), dialect) for _ in range(2))
    # Ten times the text: quadratic would be a hundred times.  And 50 ms per KB is enough for any text.
    bound = min(30 * short + 0.05, 0.050 * LONG / 1_000)
    long = grown(shape, LONG)
    assert any(seconds(long, dialect) < bound for _ in range(3)), "slow three times, not once by chance"


@pytest.mark.parametrize("size", [10, 1_000, 100_000])
def test_parentheses_nest_without_end(size: int) -> None:
    text = f"SELECT * WHERE {'(' * size}a = 1{')' * size}"
    assert query_of(V1, text).filters == (PropertyFilter("a", "=", 1),)


def alternating(height: int) -> str:
    """AND and OR inside each other, *height* of them."""
    text = "a = 1"
    for level in range(height):
        text = f"({text} {'OR' if level % 2 else 'AND'} b = {level})"
    return f"SELECT * WHERE {text}"


def height_of(filters: tuple[Filter, ...]) -> int:
    return 1 + max(
        height_of(each.filters) if isinstance(each, AndFilter | OrFilter) else 0 for each in filters
    )


def test_combinations_nest_up_to_the_limit() -> None:
    filters = query_of(V1, alternating(MAX_HEIGHT)).filters
    assert height_of(filters) == MAX_HEIGHT + 1  # the tuple is one more: its filters must all hold
    assert "nested too deep" in refusal(lambda: parse(alternating(MAX_HEIGHT + 1), V1)).message


@pytest.mark.parametrize("height", [1_000, 20_000])
def test_deeper_combinations_are_refused_and_not_recursed_into(height: int) -> None:
    text = alternating(height)
    error = refusal(lambda: parse(text, V1))
    assert "nested too deep" in error.message
    assert error.column == text.index("a = 1") + 1


def test_reading_and_binding_need_a_shallow_stack() -> None:
    text = alternating(MAX_HEIGHT)
    parse(text, V1)
    limit = sys.getrecursionlimit()
    depth = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    try:
        sys.setrecursionlimit(depth + 150)
        bind(_parse(text, V1), PARTITION)
    finally:
        sys.setrecursionlimit(limit)
