"""What a store answers to a `Case`, in a form in which two stores can be held against each other.

model, other = loaded(MemoryStore(), entities), loaded(connect(":memory:"), entities)
assert difference(model, other, case) is None
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from kindstore.backends.memory_matching import sort_orders
from kindstore.store.abc import Store
from kindstore.store.messages import Delete, Order, Query, Upsert
from kindstore.values.entity import Entity
from kindstore.values.errors import Error, NeedIndexError
from tests.conformance.cases import Case, Cases
from tests.values.strategies import strict


def loaded(store: Store, entities: Iterable[Entity]) -> Store:
    """*store*, with *entities* in it."""
    store.run(store.commit([Upsert(entity) for entity in entities]))
    return store


def replaced(store: Store, before: Iterable[Entity], after: Iterable[Entity]) -> Store:
    """*store*, with *after* in it, where *before* was: so its indexes have been through changes and deletions."""
    after = list(after)
    loaded(store, before)
    kept = {entity.key for entity in after}
    gone = [Delete(entity.key) for entity in before if entity.key is not None and entity.key not in kept]
    store.run(store.commit(gone))
    return loaded(store, after)


def written(result: Entity) -> Any:
    """A result: its key, and its values with their types."""
    return strict(Entity(result.key, result.shape, result.values))


def reversed_query(query: Query) -> Query | None:
    """The query with the results of *query* backwards, lists aside; None where there is none.

    Distinct properties change their direction, and nothing behind them: the first of each group stays the first.
    """
    orders = sort_orders(query)
    names = [order.property for order in orders]
    if query.distinct_on:
        count = len(query.distinct_on)
        # What comes after the key was not asked for: it is there again.
        asked = orders[: names.index("__key__") + 1] if "__key__" in names else orders
        flipped = [Order(each.property, not each.descending) for each in orders[:count]] + asked[count:]
    else:
        if "__key__" in names[:-1]:  # nothing is sorted by after the key, but by itself, upwards
            return None
        flipped = [Order(each.property, not each.descending) for each in orders]
        if "__key__" not in names:
            flipped.append(Order("__key__", True))
    backwards = msgspec.structs.replace(query, orders=tuple(flipped))
    # Orders that change nothing can't be turned round: those beside `__key__ =`.
    return backwards if sort_orders(backwards)[: len(flipped)] == flipped else None


class Answers:
    """What *store* answers to *case*, part by part: lists of results, or the class of an error."""

    def __init__(self, store: Store, case: Case) -> None:
        self.store, self.case = store, case
        self.query = msgspec.structs.replace(case.query, limit=None, offset=0)

    def run(self, query: Query) -> list[Any]:
        """All results of *query*."""
        return [written(each) for each in self.store.run(self.store.run_query(query)).results]

    def whole(self) -> Any:
        """Without limit and offset."""
        return self.run(self.query)

    def cut(self) -> Any:
        """With them."""
        return self.run(self.case.query)

    def between(self) -> Any:
        """From the cursor of one result to that of another, limit and offset counted from there."""
        return self.run(msgspec.structs.replace(self.case.query, **self.bounds()))

    def backwards(self) -> Any:
        """The reverse of the query, from the one cursor and up to it."""
        query = reversed_query(self.query)
        if query is None or self.case.start is None:
            return None
        bounds = self.bounds()
        return [
            self.run(msgspec.structs.replace(query, start=bounds["start"])),
            self.run(msgspec.structs.replace(query, end=bounds["start"])),
        ]

    def bounds(self) -> dict[str, bytes | None]:
        """The cursors of the results that *case* names, or of the last one if there are fewer."""
        page = self.store.run(self.store.run_query(self.query))
        last = len(page.results) - 1
        numbers = {"start": self.case.start, "end": self.case.end}
        return {
            name: None if at is None else page.cursor_after(min(at, last)) for name, at in numbers.items()
        }

    def pages(self) -> Any:
        """Page by page, each beginning where the last one ended."""
        found: list[Any] = []
        query = self.query
        for _ in range(200):
            page = self.store.run(self.store.run_query(query, page_size=self.case.page_size))
            found += map(written, page.results)
            if not page.more or not page.results:
                return found
            query = msgspec.structs.replace(query, start=page.cursor)
        return "no end"

    def aggregations(self) -> Any:
        """The aggregations, over limit and offset."""
        return self.store.run(self.store.run_aggregation(self.case.query, self.case.aggregations))


PARTS: tuple[Callable[[Answers], Any], ...] = (
    Answers.whole,
    Answers.cut,
    Answers.between,
    Answers.backwards,
    Answers.pages,
    Answers.aggregations,
)


def answer(store: Store, case: Case, part: Callable[[Answers], Any]) -> Any:
    """One of `PARTS`; the class of an error of the tree instead, if there is one."""
    try:
        return part(Answers(store, case))
    except Error as error:
        return type(error)


def difference(model: Store, other: Store, case: Case) -> str | None:
    """What *other* answers otherwise than *model*, in words; None if nothing.

    Equal are results in order with the types of their values, errors by class, sums of floats but for their last
    digits.  A query for which *other* wants a composite index (`NeedIndexError`) is no difference.
    """
    for part in PARTS:
        expected, found = answer(model, case, part), answer(other, case, part)
        if found is NeedIndexError or _alike(expected, found):
            continue
        return f"{part.__name__} of {case}\n  model: {expected}\n  other: {found}"
    return None


def compare(
    model: Callable[[], Store],
    other: Callable[[], Store],
    seeds: Iterable[int],
    cases: int = 12,
) -> Counter[str]:
    """Ask two new stores the same random queries: for each of *seeds* a data set, and so many *cases*.

    `AssertionError`, with the seed and the data, at the first `difference`.  Returns how many were compared, and how
    many had results or were refused, so that a test can tell that something was.
    """
    counted: Counter[str] = Counter()
    for seed in seeds:
        made = Cases(random.Random(seed))
        before, after = made.data(), made.data()
        stores = [replaced(opened(), before, after) for opened in (model, other)]
        for _ in range(cases):
            case = made.case()
            found = difference(stores[0], stores[1], case)
            assert found is None, f"seed {seed}: {found}\n  data: {[written(each) for each in after]}"
            whole = answer(stores[0], case, Answers.whole)
            counted["refused" if isinstance(whole, type) else "found" if whole else "empty"] += 1
            counted["compared"] += 1
        for store in stores:
            store.close()
    return counted


def _alike(expected: Any, found: Any) -> bool:
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_alike, expected, found))
    if isinstance(expected, float) and isinstance(found, float):
        return math.isnan(expected) == math.isnan(found) and (
            math.isnan(expected) or math.isclose(expected, found, rel_tol=1e-12)
        )
    return type(expected) is type(found) and bool(expected == found)
