"""Every line of `cases` against what App Engine's own db came to (recorded.json), but for those listed here."""

import datetime as dt
import json
import pickle
from pathlib import Path

import pytest

from kindstore import db
from kindstore.db import metadata, polymodel, users
from tests.db.cases import GROUPS, outcomes

RECORDED: dict[str, list[str]] = json.loads((Path(__file__).parent / "recorded.json").read_text())

DIFFERENT = json.loads((Path(__file__).parent / "different.json").read_text())
"""Line -> what we come to instead.  Other words, where App Engine's name its insides or are bytes by a slip; a parent
given as an instance beside the key is compared by its key; a cursor that is none is refused at once; an entity of a
projection is refused by name; an incomplete key is shown as its repr."""


@pytest.mark.parametrize("group", GROUPS)
def test_the_outcomes_are_app_engines(group: str) -> None:
    scope = {
        "db": db,
        "users": users,
        "polymodel": polymodel,
        "metadata": metadata,
        "dt": dt,
        "pickle": pickle,
    }
    lines = GROUPS[group].strip().splitlines()
    expected = [DIFFERENT.get(line, theirs) for line, theirs in zip(lines, RECORDED[group], strict=True)]
    found = outcomes(group, scope)
    assert dict(zip(lines, found, strict=True)) == dict(zip(lines, expected, strict=True))


def test_what_is_listed_as_different_is() -> None:
    theirs = {
        line: outcome
        for group in GROUPS
        for line, outcome in zip(GROUPS[group].strip().splitlines(), RECORDED[group], strict=True)
    }
    assert len(DIFFERENT) == 19
    assert [line for line, ours in DIFFERENT.items() if theirs[line] == ours] == []
