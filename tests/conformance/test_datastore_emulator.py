"""Every store answers random v1 queries, and v1 GQL, as Google's older Cloud Datastore emulator does.

Runs where one is: start it (``gcloud emulators datastore start --consistency=1.0 --no-store-on-disk``), and name it in
``KINDSTORE_DATASTORE_EMULATOR`` as ``host:port``; it is emptied.  ``KINDSTORE_SOAK=1`` compares thousands of queries,
each as a message and as GQL.

It has App Engine's law of lists, which the Firestore emulator lacks; and no OR, ``!=``, IN, NOT_IN and aggregations
(spec/service.md 4.2), so these are asked of the other.  Where the answers are meant to differ, it does as App Engine's
stub: see `app_engine_meant.py`.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.store.abc import Store
from kindstore.store.gql import Dialect, bind, parse
from kindstore.store.messages import PropertyFilter, Query
from kindstore.values.entity import Entity
from kindstore.values.errors import Error
from tests.conformance.app_engine_meant import MEANT, MEANT_REFUSALS, Told
from tests.conformance.cases import Case, Cases
from tests.conformance.comparing import loaded
from tests.conformance.emulators import Emulator, ours
from tests.conformance.v1_gql import Text
from tests.scale import scaled, seed

HOST = os.environ.get("KINDSTORE_DATASTORE_EMULATOR", "")
DATA_SETS = scaled(15, soak=300)
QUERIES_EACH = 12


class Timeless(Cases):
    """Cases without times and bytes, which v1 keeps apart from ints and strings, while App Engine and we don't."""

    def value(self) -> Any:
        found = super().value()
        return 3 if isinstance(found, bytes | datetime) else found


def is_askable(query: Query) -> bool:
    """False for what came with Firestore."""
    return all(
        isinstance(each, PropertyFilter) and each.op not in {"!=", "IN", "NOT_IN"} for each in query.filters
    )


def reason(query: Query, data: list[Entity], theirs: Any) -> str | None:
    """Why they are meant to differ."""
    told = Told(data, Case(query))
    if isinstance(theirs, str):
        return next((each for each, holds in MEANT_REFUSALS.items() if holds(told, theirs)), None)
    return next((each for each, holds in MEANT.items() if holds(told)), None)


def asked_both_ways(emulator: Emulator, text: Text, stores: dict[str, Store], query: Query) -> dict[str, Any]:
    """What *emulator* and each of *stores* answers to *query*, as a message and as GQL."""
    text.query(query)
    read = bind(parse(text.written, Dialect.V1), query.partition, text.args, text.kwargs).query
    return {
        "message": (emulator.results(query), {name: ours(store, query) for name, store in stores.items()}),
        text.written: (
            emulator.results_of(text, query),
            {name: ours(store, read) for name, store in stores.items()},
        ),
    }


@pytest.mark.skipif(
    not HOST,
    reason="needs Google's Cloud Datastore emulator, and its host:port in KINDSTORE_DATASTORE_EMULATOR",
)
def test_random_queries_are_answered_as_the_emulator_does() -> None:
    emulator = Emulator(HOST)
    counted: Counter[str] = Counter()
    faults: list[str] = []
    for source in range(seed(3) * 10_000, seed(3) * 10_000 + DATA_SETS):
        made, text = Timeless(random.Random(source), app_engine=True), Text(random.Random(source))
        data = made.data()
        stores: dict[str, Store] = {
            "memory": loaded(MemoryStore(), data),
            "sqlite": loaded(connect(":memory:"), data),
        }
        emulator.fill(data)
        for query in filter(is_askable, (made.query() for _ in range(QUERIES_EACH))):
            for way, (theirs, found) in asked_both_ways(emulator, text, stores, query).items():
                kind = "messages" if way == "message" else "texts"
                if all(isinstance(theirs, str) and isinstance(each, Error) for each in found.values()):
                    counted[f"{kind} refused"] += 1
                elif all(theirs == each for each in found.values()):
                    counted[kind] += 1
                    counted["with results"] += bool(theirs)
                elif (why := reason(query, data, theirs)) is not None:
                    counted[f"meant: {why}"] += 1
                else:
                    faults.append(
                        f"seed {source}: {query} as {way}\n  emulator: {theirs!r}\n  ours: {found!r}"
                    )
        for store in stores.values():
            store.close()
    assert not faults, f"{len(faults)} differences, {dict(counted)}\n" + "\n".join(faults[:4])
    print(dict(counted))
    assert counted["messages"] == counted["texts"] >= DATA_SETS * QUERIES_EACH * 0.5
    assert counted["with results"] >= counted["messages"] * 0.5
