"""Markers of what is stored: `check` tells whether all is as `claims` would have it, `backfill` makes it so.

Others may write meanwhile.  Whatever is reported was so in one snapshot, and `backfill` commits nothing that
depends on something that has changed.  Both walk through the kind page by page and keep no position: what is done
already is only read, so a run that was broken off is made good by the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import msgspec

from kindstore.store.abc import Store
from kindstore.store.checks import KEY
from kindstore.store.messages import (
    Concurrency,
    Count,
    Delete,
    Mutation,
    Order,
    PropertyFilter,
    Query,
    Upsert,
)
from kindstore.store.program import Program
from kindstore.values.entity import Entity
from kindstore.values.errors import ConflictError, UniqueViolationError
from kindstore.values.key import Key, Partition
from kindstore.values.ordered import pack

from .claims import TRIES, guard, unchanged
from .unique import MARKERS, Unique, Uniques, owner_of

PAGE: Final = 200
"""Entities that are looked at together."""


class Duplicate(msgspec.Struct, frozen=True):
    """*value* is that of the entities of both *keys*; a tuple, where several properties are unique together."""

    value: Any
    keys: tuple[Key, Key]


class Report(msgspec.Struct):
    """What was found of one constraint in one namespace."""

    entities: int = 0
    """Entities looked at."""
    duplicates: list[Duplicate] = []
    """Entities with a value that another one, which comes first, has too."""
    missing: list[Key] = []
    """Entities that have the value alone, but not its marker (`check`)."""
    stale: list[Key] = []
    """Markers whose owner has not their value (`check`).  They bind nobody."""
    written: int = 0
    """Markers made (`backfill`)."""
    removed: int = 0
    """Stale markers deleted (`backfill`)."""

    @property
    def ok(self) -> bool:
        """Whether the constraint holds, and every put will keep it."""
        return not self.duplicates and not self.missing


Step: TypeAlias = Callable[[int, int], None]
"""Called with how many entities have been looked at, and how many there were at the beginning."""


def check(
    store: Store, partition: Partition, unique: Unique, progress: Step | None = None
) -> Program[Report]:
    """What breaks *unique* in *partition*, writing nothing.

    Entities are read by the index of the first property, where equal values are neighbours: so nothing has to be
    remembered but the entities that share a value of it.
    """
    report = Report()
    first = unique.properties[0]
    query = Query(
        partition,
        unique.kind,
        filters=(PropertyFilter(first, ">", None),),
        orders=(Order(first),),
    )
    total = yield from _count(store, query)
    known: dict[Key, Key] = {}
    doubled: set[Key] = set()
    missing: list[Key] = []
    last = b""
    pages = Pages(store, query)
    while (page := (yield from pages.next())) is not None:
        lacking = yield from _lacking(store, unique, page)
        for entity in page:
            key, marker_key = entity.key, unique.stored_marker_key(entity)
            if key is None or marker_key is None:
                continue
            packed = pack(entity[first])
            if packed != last:
                known.clear()
                last = packed
            other = known.setdefault(marker_key, key)
            if other != key and (yield from _both_have(store, unique, marker_key, (other, key))):
                report.duplicates.append(Duplicate(unique.value_of(entity), (other, key)))
                doubled.update((other, key))
            if key in lacking:
                missing.append(key)
        report.entities += len(page)
        if progress is not None:
            progress(report.entities, total)
    report.missing = [key for key in missing if key not in doubled]
    stale = yield from _stale(store, partition, unique)
    report.stale = [marker_key for marker_key, _ in stale]
    return report


def backfill(
    store: Store, partition: Partition, unique: Unique, progress: Step | None = None
) -> Program[Report]:
    """Give every entity in *partition* the markers of *unique*, and delete those that are stale.

    Of several entities with one value the first one by key gets it, unless one has it already; the others are
    reported as duplicates and left as they are.
    """
    report = Report()
    query = Query(partition, unique.kind)
    total = yield from _count(store, query)
    pages = Pages(store, query)
    while (page := (yield from pages.next())) is not None:
        lacking = yield from _lacking(store, unique, page)
        yield from _claim(store, unique, [entity for entity in page if entity.key in lacking], report)
        report.entities += len(page)
        if progress is not None:
            progress(report.entities, total)
    stale = yield from _stale(store, partition, unique)
    report.removed = yield from _remove(store, stale)
    return report


class Pages:
    """The entities of *query*, page by page, each of the state that is then."""

    def __init__(self, store: Store, query: Query) -> None:
        self._store, self._query = store, query
        self._more = True

    def next(self) -> Program[list[Entity] | None]:
        """The next page, None after the last one."""
        if not self._more:
            return None
        page = yield from self._store.run_query(self._query, page_size=PAGE)
        self._query = msgspec.structs.replace(self._query, start=page.cursor)
        self._more = page.more
        return page.results


def _count(store: Store, query: Query) -> Program[int]:
    [total] = yield from store.run_aggregation(query, (Count(),))
    return int(total)


def _together(store: Store, keys: Sequence[Key]) -> Program[list[Entity | None]]:
    """The entities of *keys* in one snapshot."""
    name = yield from store.begin(True, Concurrency.OPTIMISTIC)
    try:
        found = yield from store.lookup(keys, name)
    except Exception:
        yield from store.rollback(name)
        raise
    yield from store.rollback(name)
    return found


def _lacking(store: Store, unique: Unique, page: Sequence[Entity]) -> Program[set[Key]]:
    """Which of *page* have a value but don't own its marker, in one snapshot.

    Without those that have another value by now.
    """
    wanted = {
        entity.key: marker_key
        for entity in page
        if entity.key is not None and (marker_key := unique.stored_marker_key(entity)) is not None
    }
    if not wanted:
        return set()
    found = yield from _together(store, [*wanted, *wanted.values()])
    half = len(wanted)
    return {
        key
        for (key, marker_key), entity, marker in zip(wanted.items(), found[:half], found[half:], strict=True)
        if unique.stored_marker_key(entity) == marker_key and (marker is None or owner_of(marker) != key)
    }


def _both_have(store: Store, unique: Unique, marker_key: Key, keys: tuple[Key, Key]) -> Program[bool]:
    found = yield from _together(store, keys)
    return all(unique.stored_marker_key(entity) == marker_key for entity in found)


def _claim(store: Store, unique: Unique, entities: Sequence[Entity], report: Report) -> Program[None]:
    """Make the markers of *entities*: of all at once, or one by one where that fails."""
    if len(entities) > 1:
        with suppress(ConflictError, UniqueViolationError):
            yield from _mark(store, unique, entities)
            report.written += len(entities)
            return
    for entity in entities:
        yield from _claim_one(store, unique, entity, report)


def _claim_one(store: Store, unique: Unique, entity: Entity, report: Report) -> Program[None]:
    assert entity.key is not None
    now: Entity | None = entity
    for _ in range(TRIES):
        if now is None or unique.stored_marker_key(now) is None:
            return
        try:
            yield from _mark(store, unique, [now])
        except ConflictError:
            [now] = yield from store.lookup([entity.key])
        except UniqueViolationError as error:
            report.duplicates.append(Duplicate(error.value, (error.key, entity.key)))
            return
        else:
            report.written += 1
            return
    raise ConflictError("an entity changes too often", key=entity.key)


def _mark(store: Store, unique: Unique, entities: Sequence[Entity]) -> Program[None]:
    """Make the markers of *entities*; `ConflictError` if one of them has changed since it was read."""
    uniques = Uniques(unique.kind)
    uniques[unique.properties] = unique
    # Each is written as it stands, which writes nothing, on condition that it does.
    as_they_stand = [Upsert(each, each.version) for each in entities]
    changes = yield from guard(store, as_they_stand, {unique.kind: uniques})
    yield from store.commit(changes)


def _stale(
    store: Store, partition: Partition, unique: Unique
) -> Program[list[tuple[Key, Sequence[Mutation]]]]:
    """The markers whose owner has not their value, each with what deletes it as long as this is so."""
    first, last = unique.first_and_last(partition)
    query = Query(
        partition, MARKERS, filters=(PropertyFilter(KEY, ">=", first), PropertyFilter(KEY, "<", last))
    )
    stale: list[tuple[Key, Sequence[Mutation]]] = []
    pages = Pages(store, query)
    while (page := (yield from pages.next())) is not None:
        keys = [marker.key for marker in page if marker.key is not None]
        owners = {key: owner_of(marker) for key, marker in zip(keys, page, strict=True)}
        named = list({owner: None for owner in owners.values() if owner is not None})
        found = (yield from _together(store, [*keys, *named])) if keys else []
        entities = dict(zip(named, found[len(keys) :], strict=True))
        for key, marker in zip(keys, found, strict=False):
            if marker is None:
                continue
            owner = owner_of(marker)
            if owner is None:
                stale.append((key, (Delete(key, marker.version),)))
            elif owner in entities and unique.stored_marker_key(entities[owner]) != key:
                stale.append((key, (Delete(key, marker.version), unchanged(owner, entities[owner]))))
    return stale


def _remove(store: Store, stale: Sequence[tuple[Key, Sequence[Mutation]]]) -> Program[int]:
    """Delete these markers, those that are stale still; how many."""
    removed = 0
    for _, mutations in stale:
        try:
            yield from store.commit(mutations)
        except ConflictError:
            continue
        removed += 1
    return removed
