"""The same statistics as Google's own generator writes: kinds, keys, names and counts.  Bytes are a store's own.

Its answers are kept in ``app_engine_statistics.json``, and compared everywhere.  Where the generator is, they are asked
anew: the Google Cloud SDK has it (``gcloud`` on the path, or the file's name in ``KINDSTORE_STATS_GENERATOR``), and the
Python of a virtual environment with ``appengine-python-standard`` is named by ``KINDSTORE_APPENGINE_PYTHON``.
``python -m tests.engine.test_statistics_differential`` writes the answers down.

Differences are meant in three places: the generator counts index rows of unindexed values, which don't have any; it
counts in the totals the statistics that are there; it writes none of single namespaces if only the default one is used.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kindstore.connect import connect
from kindstore.store.abc import Inspect, Store
from kindstore.store.messages import Query, Upsert
from kindstore.store.statistics import KINDS
from kindstore.values.entity import Entity
from kindstore.values.key import Key
from kindstore.values.types import GeoPt, User

ANSWERS = Path(__file__).with_name("app_engine_statistics.json")
SETS = range(4)
PYTHON = os.environ.get("KINDSTORE_APPENGINE_PYTHON")
GENERATOR = os.environ.get("KINDSTORE_STATS_GENERATOR")
INDEXED: dict[str, list[Any]] = {
    "NULL": [None],
    "Boolean": [True, False],
    "Integer": [0, 7, -7, 2**40],
    "Float": [0.5, -1.5],
    "String": ["", "abc", "ü"],
    "ShortBlob": ["xyz"],
    "Date/Time": [1999, 2030],
    "GeoPt": [1, 2],
    "User": ["a@x.y", "b@x.y"],
    "Key": ["one", "two"],
}
UNINDEXED: dict[str, list[Any]] = {"Text": ["long", "longer"], "Blob": ["raw"]}


def entities(number: int) -> list[Any]:
    """A set of entities, as JSON; every other one has unindexed properties."""
    chance = random.Random(f"statistics {number}")
    made: dict[str, Any] = {}
    for _ in range(chance.randint(6, 16)):
        namespace = chance.choice(["", "a", "b"])
        path = [chance.choice("AB"), chance.choice("xyz")]
        if chance.random() < 0.4:
            path += [chance.choice("AC"), chance.choice("xyz")]
        properties: dict[str, Any] = {}
        for name in chance.sample("pqr", chance.randint(0, 3)):
            pairs = [(kind, value) for kind, values in INDEXED.items() for value in values]
            properties[name] = chance.sample(pairs, chance.choice([1, 1, 1, 3]))
        if number % 2:
            kind = chance.choice([*UNINDEXED])
            properties["t"] = [(kind, chance.choice(UNINDEXED[kind]))]
        made[f"{namespace} {path}"] = [namespace, path, properties]
    return [*made.values()]


def value_of(kind: str, value: Any, store: Store, namespace: str) -> Any:
    match kind:
        case "ShortBlob" | "Blob":
            return value.encode()
        case "Date/Time":
            return datetime(value, 1, 1)
        case "GeoPt":
            return GeoPt(value, value)
        case "User":
            return User(value, "x.y", "1")
        case "Key":
            return Key.of(store.partition(namespace), ("Other", value))
        case _:
            return value


def ours(written: list[Any]) -> dict[tuple[str, str, Any], dict[str, Any]]:
    """Our statistics of these entities."""
    store = connect(":memory:")
    assert isinstance(store, Inspect)
    for namespace, path, properties in written:
        values: dict[str, Any] = {}
        for name, pairs in properties.items():
            made = [value_of(kind, value, store, namespace) for kind, value in pairs]
            values[name] = made if len(made) > 1 else made[0]
        unindexed = [name for name, pairs in properties.items() if pairs[0][0] in UNINDEXED]
        entity = Entity.of(Key.of(store.partition(namespace), path), values, unindexed)
        store.run(store.commit([Upsert(entity)]))
    store.run(store.refresh_statistics())
    found: dict[tuple[str, str, Any], dict[str, Any]] = {}
    for namespace in ("", "a", "b"):
        for each in store.run(store.run_query(Query(store.partition(namespace)))).results:
            assert each.key is not None
            if each.key.path[0] in KINDS:
                found[namespace, *each.key.path] = dict(each.items())
    store.close()
    return found


@pytest.fixture(scope="module")
def answers() -> list[Any]:
    found: list[Any] = json.loads(ANSWERS.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("number", SETS)
def test_statistics_are_those_of_the_generator(answers: list[Any], number: int) -> None:
    found = ours(entities(number))
    theirs = {(namespace, kind, id_): columns for namespace, kind, id_, columns in answers[number]}
    if number % 2:  # with unindexed values: their index rows are not compared
        found = {place: columns for place, columns in found.items() if columns["count"]}
        theirs = {place: columns for place, columns in theirs.items() if columns["count"]}
    assert found.keys() == theirs.keys()
    for place, columns in theirs.items():
        ignored = {"builtin_index_count"} if number % 2 else set[str]()
        names = columns.keys() - ignored
        assert {name: found[place][name] for name in names} == {name: columns[name] for name in names}, place


# The generator itself.


def generator() -> Iterator[Path]:
    """Where it may be."""
    if GENERATOR:
        yield Path(GENERATOR)
    gcloud = shutil.which("gcloud")
    if gcloud is not None:
        below = "platform/google_appengine/google/appengine/datastore/datastore_stats_generator.py"
        yield Path(gcloud).resolve().parents[1] / below


def asked() -> list[Any] | None:
    """The generator's answers; None where it is not."""
    paths = [path for path in generator() if path.is_file()]
    if not PYTHON or not paths:
        return None
    done = subprocess.run(
        [PYTHON, Path(__file__).with_name("appengine_statistics.py")],
        input=json.dumps({"generator": str(paths[0]), "sets": [entities(number) for number in SETS]}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_the_answers_are_still_those_of_the_generator(answers: list[Any]) -> None:
    found = asked()
    if found is None:
        pytest.skip("needs App Engine's SDK and Google Cloud's (see the top of this file)")
    assert found == answers


if __name__ == "__main__":
    told = asked()
    assert told is not None
    rows = ",\n".join("[\n" + ",\n".join(map(json.dumps, each)) + "\n]" for each in told)
    ANSWERS.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
