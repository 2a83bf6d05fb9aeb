"""From what was counted to the entities ``__Stat_…__``: sums over namespaces, kinds, properties and types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeAlias

from kindstore.store.metadata import TYPES, namespace_id
from kindstore.store.statistics import BASE, COLUMNS, TOTAL_NAME, kind_of
from kindstore.values.entity import Entity, Shape
from kindstore.values.key import Key, Partition
from kindstore.values.limits import MAX_NAME

from .tally import KindTally

Name: TypeAlias = tuple[str, str | int]
"""Statistic (one of `store.statistics.COLUMNS`) and the id of its key."""


class Sums:
    """The figures of one statistic; *facts* are the names that it is about."""

    __slots__ = ("builtin", "composite", "count", "entity_bytes", "facts")

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.count = self.entity_bytes = 0
        self.builtin = [0, 0]
        self.composite = [0, 0]

    def add_entities(self, count: int, size: int) -> None:
        """Add *count* entities or values."""
        self.count += count
        self.entity_bytes += size

    def add_builtin(self, rows: int, size: int) -> None:
        """Add rows of single properties, or of kinds."""
        self.builtin[0] += rows
        self.builtin[1] += size

    def add_composite(self, rows: int, size: int) -> None:
        """Add rows of composite indexes."""
        self.composite[0] += rows
        self.composite[1] += size

    def entity(
        self, partition: Partition, kind: str, statistic: str, id_: str | int, now: datetime
    ) -> Entity:
        """As it is stored in *partition*."""
        figures = {
            **self.facts,
            "bytes": self.entity_bytes + self.builtin[1] + self.composite[1],
            "count": self.count,
            "timestamp": now,
            "entity_bytes": self.entity_bytes,
            "builtin_index_count": self.builtin[0],
            "builtin_index_bytes": self.builtin[1],
            "composite_index_count": self.composite[0],
            "composite_index_bytes": self.composite[1],
        }
        columns = (*BASE, *COLUMNS[statistic])
        return Entity(Key.of(partition, (kind, id_)), Shape.of(columns), [figures[name] for name in columns])


class _Table:
    """The statistics of everything, or of one namespace."""

    def __init__(self) -> None:
        self.sums: dict[Name, Sums] = {}

    def at(self, statistic: str, id_: str | int, **facts: Any) -> Sums:
        """The figures of a statistic, which is about *facts*."""
        name = (statistic, id_ if isinstance(id_, int) else key_name(id_))
        found = self.sums.get(name)
        if found is None:
            found = self.sums[name] = Sums(facts)
        return found

    def add(self, tally: KindTally) -> None:
        """Add the figures of a kind."""
        kind = tally.kind.name
        for each in (self.at("Total", TOTAL_NAME), self.at("Kind", kind, kind_name=kind)):
            add_kind(each, tally)
        count, size = tally.roots
        if count:
            self.at("Kind_IsRootEntity", kind, kind_name=kind).add_entities(count, size)
        if tally.count > count:
            others = self.at("Kind_NotRootEntity", kind, kind_name=kind)
            others.add_entities(tally.count - count, tally.bytes - size)
        for (name, type_), (count, size) in tally.values.items():
            for each in self._of_property(kind, name, type_):
                each.add_entities(count, size)
        for (name, at), (rows, size) in tally.indexed.items():
            for each in self._of_property(kind, name, TYPES[at]):
                each.add_builtin(2 * rows, size)
        for number, (rows, size) in tally.composites.items():
            id_ = f"{kind}_{number}"
            index = self.at("Kind_CompositeIndex", id_, kind_name=kind, index_id=number)
            index.add_entities(rows, size)

    def _of_property(self, kind: str, name: str, type_: str) -> Iterator[Sums]:
        """The statistics that a type of a property belongs to."""
        yield self.at("PropertyType", type_, property_type=type_)
        yield self.at("PropertyType_Kind", f"{type_}_{kind}", property_type=type_, kind_name=kind)
        yield self.at("PropertyName_Kind", f"{name}_{kind}", property_name=name, kind_name=kind)
        yield self.at(
            "PropertyType_PropertyName_Kind",
            f"{type_}_{name}_{kind}",
            property_type=type_,
            property_name=name,
            kind_name=kind,
        )


def add_kind(sums: Sums, tally: KindTally) -> None:
    """Add all figures of a kind to *sums*."""
    sums.add_entities(tally.count, tally.bytes)
    # One row for the kind of each entity, and two, up and down, for each indexed value.
    sums.add_builtin(tally.count, tally.path_bytes)
    for rows, size in tally.indexed.values():
        sums.add_builtin(2 * rows, size)
    for rows, size in tally.composites.values():
        sums.add_composite(rows, size)


def statistics_of(partition: Partition, tallies: Sequence[KindTally], now: datetime) -> Iterator[Entity]:
    """The statistics of a database, whose default namespace is *partition*, of its kinds."""
    whole = _Table()
    within: dict[Partition, _Table] = {}
    for tally in tallies:
        space = tally.kind.partition
        whole.add(tally)
        within.setdefault(space, _Table()).add(tally)
        name = space.namespace
        add_kind(whole.at("Namespace", namespace_id(name), subject_namespace=name), tally)
    for (statistic, id_), sums in whole.sums.items():
        yield sums.entity(partition, kind_of(statistic), statistic, id_, now)
    for space, table in within.items():
        for (statistic, id_), sums in table.sums.items():
            kind = kind_of(statistic, within_namespace=True)
            yield sums.entity(space, kind, statistic, id_, now)


def key_name(text: str) -> str:
    """*text* as the name of a key; cut, with a digest of it, where it is too long for one."""
    raw = text.encode()
    if len(raw) <= MAX_NAME:
        return text
    digest = blake2b(raw, digest_size=16).hexdigest()
    return f"{raw[: MAX_NAME - 40].decode(errors='ignore')}_{digest}"
