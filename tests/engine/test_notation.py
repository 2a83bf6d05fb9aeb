"""Plans print what they look for as Python would write it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from kindstore.engine.join import join
from kindstore.engine.notation import shown, shown_path
from kindstore.engine.plan import ALL, Bounds, ancestor_paths, plan
from kindstore.store.messages import Order, PropertyFilter, Query
from kindstore.values.key import Key, Partition
from kindstore.values.ordered import pack
from kindstore.values.types import GeoPt, User
from tests.values.strategies import indexable

SPACE = Partition.of("kindstore")
ADA = Key.of(SPACE, ("Author", "ada"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (1_000_000, "1000000"),
        (-1, "-1"),
        (True, "True"),
        ("Ada", "'Ada'"),
        ("it's\n", '"it\'s\\n"'),
        (b"\xff", "b'\\xff'"),
        (1.5, "1.5"),
        (datetime(1970, 1, 1, 0, 0, 1), "1000000"),
        (GeoPt(46.5, 6.6), "GeoPt(46.5, 6.6)"),
        (User("a@b.c", "b.c"), "users.User(email='a@b.c')"),
        (ADA, "Key('Author', 'ada')"),
    ],
)
def test_a_value_is_written_as_in_python(value: Any, text: str) -> None:
    assert shown(pack(value)) == text


@given(indexable)
def test_any_value_is_one_line(value: Any) -> None:
    assert len(shown(pack(value)).splitlines()) == 1


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        (ALL, "year"),
        (Bounds(low=pack(1800)), "year >= 1800"),
        (Bounds(low=pack(1800), low_included=False), "year > 1800"),
        (Bounds(high=pack(1900)), "year <= 1900"),
        (Bounds(high=pack(1900), high_included=False), "year < 1900"),
        (Bounds(pack(1800), True, pack(1900), False), "1800 <= year < 1900"),
        (Bounds(pack(1843), True, pack(1843), True), "year = 1843"),
        (Bounds(pack(1843), False, pack(1843), True), "1843 < year <= 1843"),  # which is empty
    ],
)
def test_a_range_is_written_as_its_comparisons(bounds: Bounds, text: str) -> None:
    assert bounds.of("year") == text


def test_paths_are_written_as_keys() -> None:
    book = ADA.child("Book", 9).path_bytes
    below = ancestor_paths(ADA)
    assert below.of_keys() == "__key__ HAS ANCESTOR Key('Author', 'ada')"
    after = below.narrowed(">", book)
    assert (
        after.of_keys() == "Key('Author', 'ada', 'Book', 9) < __key__ < the last below Key('Author', 'ada')"
    )
    assert shown_path(Key.of(SPACE, ("A", 255)).path_bytes) == "Key('A', 255)"
    assert shown_path(ADA.child("Book").path_bytes) == "Key('Author', 'ada', 'Book', None)"


def test_a_plan_and_a_join_say_what_they_look_for() -> None:
    large = PropertyFilter("population", ">=", 1_000_000)
    named = PropertyFilter("name", "=", "Ada")
    assert str(plan(Query(SPACE, "City", filters=(large, named)))) == (
        "IndexScan(City.population >= 1000000, asc, probe name = 'Ada')"
    )
    asked = Query(SPACE, "City", ADA, (large, named), (Order("born", True), Order("name")))
    assert str(join(asked)) == (
        "Join(City: Branch(name = 'Ada', born desc, population >= 1000000, "
        "__key__ HAS ANCESTOR Key('Author', 'ada')); sorted by born desc, population)"
    )
