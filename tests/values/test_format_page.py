"""The tables of docs/format.md say what the code does."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from kindstore.values.components import pack_path
from kindstore.values.key import Key, Partition
from kindstore.values.ordered import pack
from kindstore.values.types import GeoPt, User

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text()
NAMES = {"datetime": datetime, "GeoPt": GeoPt, "User": User, "Key": Key, "Partition": Partition}


def rows(header: str) -> list[tuple[str, str]]:
    """The rows of the table that begins with *header*: what stands in backticks in its two columns."""
    table = PAGE.partition(header)[2].partition("\n\n")[0]
    return re.findall(r"^\| `(.+)` \| `([0-9a-f ]+)` \|$", table, re.MULTILINE)


VALUES = rows("| value | bytes |")
PATHS = rows("| path | bytes |")


def test_the_page_has_examples() -> None:
    assert len(VALUES) > 20
    assert len(PATHS) == 4


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_a_value_is_packed_as_the_page_says(value: str, expected: str) -> None:
    assert pack(eval(value, NAMES | {"float": float})).hex(" ") == expected  # the page is ours


@pytest.mark.parametrize(("path", "expected"), PATHS)
def test_a_path_is_packed_as_the_page_says(path: str, expected: str) -> None:
    assert pack_path(eval(path)).hex(" ") == expected
