"""Every store answers random queries as App Engine's own datastore stub does, and suggests the same indexes.

Runs where the SDK is: ``pip install appengine-python-standard`` into any virtual environment, and its Python in
``KINDSTORE_APPENGINE_PYTHON`` (it needs old versions of some packages, so it has no place in ours).
``KINDSTORE_SOAK=1`` compares over 20,000 queries, and the seed of each run is in ``KINDSTORE_SEED``.

What is not compared is in `app_engine_meant.py`, by name, with its reason.  Never asked:

* -0.0 and NaN: to the stub -0.0 is not 0.0, and NaN is in no order (spec/service.md 4.2, 3.1);
* users: the stub makes up their ids;
* empty lists: App Engine stores them as null, Firestore and we as no value at all (3.10);
* properties of embedded entities, which App Engine does not index;
* sums and averages, which came with Firestore: see `test_firestore_emulator.py`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.engine.composite import CompositeIndex, needed_indexes
from kindstore.engine.composites import State
from kindstore.engine.index_yaml import read
from kindstore.engine.store import EngineStore
from kindstore.store.abc import Store
from kindstore.store.checks import check_query
from kindstore.store.conjunctions import conjunctions
from kindstore.store.messages import Query
from kindstore.values.errors import BadQueryError, Error
from tests.conformance.app_engine import PYTHON, Asked, answers_of_the_sdk, written_value
from tests.conformance.app_engine_meant import MEANT, MEANT_OF_CURSORS, MEANT_REFUSALS, Told
from tests.conformance.cases import Case, Cases
from tests.conformance.comparing import Answers, loaded
from tests.scale import scaled, seed

DATA_SETS = scaled(60, soak=2_500)
QUERIES_EACH = 12

pytestmark = pytest.mark.skipif(
    PYTHON is None,
    reason="needs App Engine's SDK: pip install appengine-python-standard into some environment, and name its "
    "Python in KINDSTORE_APPENGINE_PYTHON",
)


class Ours(Answers):
    """Our answers as the SDK's are written: paths, and projected values."""

    def run(self, query: Query) -> list[Any]:
        return [
            [list(each.key.path), [written_value(value) for value in each.values] if query.projection else []]
            for each in self.store.run(self.store.run_query(query)).results
            if each.key is not None
        ]

    def part(self, name: str) -> Any:
        """One of the answers, or that it is refused."""
        try:
            return getattr(self, name)()
        except Error as error:
            return error


class Tally:
    """Compares, and counts what is equal and what differs as it is meant to."""

    def __init__(self) -> None:
        self.compared: Counter[str] = Counter()
        self.meant: Counter[str] = Counter()
        self.faults: list[str] = []

    def case(self, store: Store, told: Told, theirs: dict[str, Any]) -> None:
        """Compare all that the SDK answered to one case."""
        ours = Ours(store, told.case)
        pairs = 0
        for name, answer in theirs.items():
            found = ours.part(name)
            if name == "backwards" and isinstance(found, list):
                pairs += sum(self.one(told, name, *each) for each in zip(answer, found, strict=True))
            elif name == "backwards":
                pairs += sum(self.one(told, name, each, found) for each in answer)
            else:
                pairs += self.one(told, name, answer, found)
        self.compared["cases"] += bool(pairs)

    def one(self, told: Told, name: str, theirs: Any, ours: Any) -> bool:
        """Compare one answer; False if it differs, as it is meant to."""
        refused = isinstance(theirs, dict) and "refused" in theirs
        if len(told.alternatives) > 1 and not refused and isinstance(ours, list):
            name = "merged"
            if isinstance(theirs, dict):
                theirs, name = theirs["in any order"], "merged, in any order"
            elif told.has_lists(told.orders) or told.has_mixed_types() or told.ranged - set(told.orders):
                # The SDK merges lists by the wrong one of their values (spec 4.2), compares values as Python does,
                # where True is 1, and forgets orders that alternatives have of their own: it has no order here.
                name = "merged, in any order"
            if name == "merged, in any order":
                theirs, ours = _without_order(theirs), _without_order(ours)
        if isinstance(ours, BadQueryError) if refused else theirs == ours:
            self.compared["refused" if refused else name] += 1
            self.compared["with results"] += not refused and bool(theirs)
            return True
        reason = self.reason(told, name, theirs, ours)
        if reason is None:
            self.faults.append(f"{name} of {told.case}\n  App Engine: {theirs}\n  ours: {ours!r}")
        else:
            self.meant[reason] += 1
        return False

    @staticmethod
    def reason(told: Told, name: str, theirs: Any, ours: Any) -> str | None:
        """Why they are meant to differ."""
        if isinstance(theirs, dict):
            if isinstance(ours, Error):
                return None
            found = (each for each, holds in MEANT_REFUSALS.items() if holds(told, theirs["refused"]))
            return next(found, None)
        meant = MEANT | MEANT_OF_CURSORS if name in {"between", "backwards"} else MEANT
        return next((each for each, holds in meant.items() if holds(told)), None)


def _without_order(results: list[Any]) -> list[Any]:
    return sorted({repr(each) for each in results})


def is_askable(case: Case) -> bool:
    """False for what App Engine's client cannot say: a projection of several alternatives, a NOT_IN …"""
    try:
        alternatives = conjunctions(case.query)
    except Error:
        return False
    if not alternatives:
        return False
    if len(alternatives) > 1:
        # v1 refuses some that the client would split, and the client cannot project what it merges.
        return not (case.query.projection or case.query.distinct_on or _is_refused(case.query))
    return True


def _is_refused(query: Query) -> bool:
    try:
        check_query(query)
    except Error:
        return True
    return False


def in_memory(asked: Asked) -> Store:
    """The model."""
    return loaded(MemoryStore(), asked.data)


def in_sqlite(asked: Asked) -> EngineStore:
    """The engine, which answers by the indexes of properties."""
    opened = connect(":memory:")
    assert isinstance(opened, EngineStore)
    loaded(opened, asked.data)
    return opened


def with_indexes(asked: Asked) -> EngineStore:
    """The engine with the composite indexes that the queries need, some there before the data, the others built after."""
    wanted: dict[CompositeIndex, None] = {}
    for case, _ in asked.cases:
        with suppress(Error):
            wanted.update(dict.fromkeys(needed_indexes(case.query)))
    opened = connect(":memory:")
    assert isinstance(opened, EngineStore)
    opened.run(opened.create_indexes(list(wanted)[::2]))
    loaded(opened, asked.data)
    opened.run(opened.create_indexes(list(wanted)))
    for each in opened.run(opened.indexes()):
        while opened.run(opened.build_index(each.index, each.namespace)).state is State.BUILDING:
            pass
    return opened


@pytest.fixture(scope="module")
def everything() -> list[Asked]:
    """Random data and queries, and what the SDK answers."""
    made = Cases(random.Random(seed(3)), app_engine=True)
    data = [made.data() for _ in range(DATA_SETS)]
    cases = [(at, case) for at in range(DATA_SETS) for case in (made.case() for _ in range(QUERIES_EACH))]
    return answers_of_the_sdk(data, [(at, case) for at, case in cases if is_askable(case)])


@pytest.mark.parametrize("opened", [in_memory, in_sqlite, with_indexes], ids=lambda each: each.__name__)
def test_random_queries_are_answered_as_app_engine_does(
    everything: list[Asked], opened: Callable[[Asked], Store]
) -> None:
    tally = Tally()
    for asked in everything:
        store = opened(asked)
        for case, theirs in asked.cases:
            tally.case(store, Told(asked.data, case), theirs)
        if isinstance(store, EngineStore):
            assert store.run(store.check()) == []
        store.close()
    figures = f"{dict(tally.compared)}; meant: {dict(tally.meant)}"
    assert not tally.faults, f"{len(tally.faults)} differences; {figures}\n" + "\n".join(tally.faults[:3])
    print(figures)
    assert tally.compared["cases"] >= DATA_SETS * QUERIES_EACH * 0.7
    assert tally.compared["with results"] >= tally.compared["cases"] * 0.5


def test_the_indexes_that_the_queries_leave_in_index_yaml_are_app_engines(
    everything: list[Asked], tmp_path: Path
) -> None:
    """One file for the queries of each data set; ``tests/engine/test_index_differential.py`` compares whole texts."""
    different: list[str] = []
    counted = 0
    for number, asked in enumerate(everything):
        file = tmp_path / f"{number}.yaml"
        store = connect(":memory:", index_file=file)
        loaded(store, asked.data)
        refused: set[CompositeIndex] = set()
        for case, answers in asked.cases:
            if not isinstance(answers["whole"], list) or len(conjunctions(case.query)) > 1:
                continue
            try:
                store.run(store.run_query(Answers(store, case).query))
            except BadQueryError:  # meant, see `MEANT`
                refused.update(needed_indexes(case.query))
        store.close()  # writes the file
        ours = indexes_of(file.read_text(encoding="utf-8")) if file.exists() else set()
        theirs = indexes_of(f"indexes:\n\n# AUTOGENERATED\n{asked.indexes}")
        counted += len(theirs)
        if ours - theirs or theirs - ours - refused:
            different.append(f"{number}: App Engine: {sorted(theirs - ours)}, ours: {sorted(ours - theirs)}")
    print(f"{counted} suggestions")
    assert different == []
    assert counted > DATA_SETS


def indexes_of(text: str) -> set[CompositeIndex]:
    """All indexes of an index.yaml; the SDK may write one of them twice."""
    return {each for part in read(text) for each in part}
