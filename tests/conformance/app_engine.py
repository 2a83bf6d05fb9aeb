"""App Engine's datastore stub as an oracle: queries written for it, and its answers.

`answers_of_the_sdk` runs `appengine_queries.py` by a Python that has the SDK: that of ``KINDSTORE_APPENGINE_PYTHON``, or
our own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kindstore.backends.memory_matching import sort_orders
from kindstore.store.conjunctions import comparisons, conjunctions
from kindstore.store.messages import Query
from kindstore.values.entity import Entity
from kindstore.values.key import Key
from kindstore.values.ordered import microseconds
from kindstore.values.types import GeoPt
from tests.conformance.cases import Case
from tests.conformance.comparing import reversed_query


def sdk_python() -> str | None:
    """The Python that has the SDK."""
    named = os.environ.get("KINDSTORE_APPENGINE_PYTHON")
    if named:
        return named
    return sys.executable if find_spec("google") and find_spec("google.appengine") else None


PYTHON = sdk_python()


def written_key(key: Key) -> Any:
    return [key.partition.namespace, list(key.path)]


def written_value(value: Any) -> Any:
    match value:
        case None:
            return ["none", None]
        case bool():
            return ["bool", value]
        case int():
            return ["int", value]
        case float():
            return ["float", repr(value)]
        case str():
            return ["str", value]
        case bytes():
            return ["bytes", value.hex()]
        case datetime():
            return ["time", microseconds(value)]
        case GeoPt():
            return ["point", [value.latitude, value.longitude]]
        case list():
            return ["list", [written_value(each) for each in value]]
        case Key():
            return ["key", written_key(value)]
        case _:
            raise TypeError(type(value))


def written_entity(entity: Entity) -> Any:
    assert entity.key is not None
    properties = [[name, written_value(value)] for name, value in entity.items()]
    return [written_key(entity.key), sorted(entity.shape.unindexed), properties]


def written_query(query: Query, orders: Any = None) -> Any:
    return {
        "namespace": query.partition.namespace,
        "kind": query.kind,
        "ancestor": None if query.ancestor is None else written_key(query.ancestor),
        "alternatives": [
            [[each.property, each.op, written_value(each.value)] for each in comparisons(alternative)]
            for alternative in conjunctions(query)
        ],
        "orders": [[each.property, each.descending] for each in orders or query.orders],
        "projection": query.projection,
        "distinct": query.distinct_on,
        "keys_only": query.keys_only,
        "limit": query.limit,
        "offset": query.offset,
    }


def written_case(at: int, case: Case) -> Any:
    alone = msgspec.structs.replace(case.query, limit=None, offset=0)
    several = len(conjunctions(case.query)) > 1
    backwards = None if several or case.start is None else reversed_query(alone)
    return [
        at,
        written_query(case.query, sort_orders(case.query) if several else None),
        case.start,
        case.end,
        None if backwards is None else written_query(backwards),
    ]


class Asked(NamedTuple):
    """A data set, what it was asked, and what the SDK answered."""

    data: list[Entity]
    cases: list[tuple[Case, dict[str, Any]]]
    """Each with the SDK's answers, by the names of those of `comparing.Answers`; {"refused": why} for one."""
    indexes: str
    """The automatic part of the index.yaml that the cases of one alternative leave."""


def answers_of_the_sdk(data: list[list[Entity]], cases: list[tuple[int, Case]]) -> list[Asked]:
    """The SDK's answers; each of *cases* has the number of its data set."""
    assert PYTHON is not None
    asked = {
        "data": [[written_entity(entity) for entity in entities] for entities in data],
        "cases": [written_case(at, case) for at, case in cases],
    }
    done = subprocess.run(
        [PYTHON, str(Path(__file__).with_name("appengine_queries.py"))],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    reply = json.loads(done.stdout)
    found = [Asked(entities, [], text) for entities, text in zip(data, reply["indexes"], strict=True)]
    for (at, case), answer in zip(cases, reply["answers"], strict=True):
        found[at].cases.append((case, answer))
    return found
