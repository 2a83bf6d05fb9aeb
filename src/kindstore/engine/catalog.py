"""The catalog: the small numbers that stand for partitions, kinds, properties and shapes in a database.

Numbers are only ever added, in transactions of their own, before the commit that needs them; so whatever a
process remembers stays true, and what it lacks it reads again.  `Catalog.load` and `Catalog.define` are
programs; the rest is memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from kindstore.store.program import Program, Row, Statement
from kindstore.values import record
from kindstore.values.entity import Shape
from kindstore.values.errors import CorruptionError
from kindstore.values.key import Key, Partition
from kindstore.values.record import StoredShape

from .composite import CompositeIndex, Needs
from .composites import Composite, State, dump_definition, load_definition
from .dialect import Dialect
from .estimates import Estimates
from .form import Forms
from .index import Index, Rows, WritePlan, write_plan

Place: TypeAlias = tuple[int, bytes]
"""Kind number and path: what identifies an entity in the tables."""


MAX_PLANS = 5000
"""Ways to write entities of one kind that are remembered; from then on they are worked out anew."""


INDEX_EPOCH = 32
"""The bit of the flags from which on the epoch of the composite indexes stands."""


class Kind:
    """A kind in a partition: its number, its indexes by property name, and how each shape of it is written."""

    __slots__ = (
        "composites",
        "deleting",
        "indexes",
        "name",
        "number",
        "partition",
        "plans",
        "space",
        "usual",
    )

    def __init__(self, number: int, space: int, partition: Partition, name: str) -> None:
        self.number, self.space, self.partition, self.name = number, space, partition, name
        self.indexes: dict[str, Index] = {}
        self.composites: tuple[Composite, ...] = ()
        self.deleting: tuple[Composite, ...] = ()
        """Those of which only rows are left, for nobody to read or keep; not among *composites*."""
        self.plans: dict[tuple[Any, ...], WritePlan] = {}
        self.usual: dict[tuple[Any, ...], WritePlan] = {}
        """The plan that was last right for these columns and types, whatever the lists hold."""

    def within(self, numbers: set[int]) -> Kind:
        """The same with those indexes of properties alone that have one of *numbers*: for reading, in a state before."""
        found = Kind(self.number, self.space, self.partition, self.name)
        found.indexes = {name: index for name, index in self.indexes.items() if index.number in numbers}
        found.composites, found.deleting = self.composites, self.deleting
        return found


class Missing:
    """What a commit needs and the catalog lacks."""

    __slots__ = ("kinds", "properties", "shapes")

    def __init__(self) -> None:
        self.kinds: set[tuple[Partition, str]] = set()
        self.properties: set[tuple[Partition, str, str]] = set()
        self.shapes: set[tuple[Shape, tuple[str, ...]]] = set()

    def __bool__(self) -> bool:
        return bool(self.kinds or self.properties or self.shapes)


class Catalog:
    """What this process knows of a database's numbers."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.spaces: dict[int, Partition] = {}
        self.space_numbers: dict[Partition, int] = {}
        self.kinds: dict[tuple[Partition, str], Kind] = {}
        self.kinds_by_number: dict[int, Kind] = {}
        self.indexes: dict[int, Index] = {}
        self.shapes: dict[int, StoredShape] = {}
        self.stored: dict[Shape, list[StoredShape]] = {}
        self.forms: Forms = {}
        """Statements of queries, by the form of the query."""
        self.counts: Forms = {}
        """The same of counts without limit or offset."""
        self.estimates = Estimates()
        self.strict = False
        """Whether a query that needs a composite index is refused without it."""
        self.wanted: dict[Needs, None] = {}
        """What queries that ran need of composite indexes, there or not, in order: index.yaml is written from it."""
        self.index_epoch = 0
        """That of the composite indexes which are known here: the only part of the catalog that others may change."""

    def want(self, needs: Needs) -> None:
        """Note that a query with these needs runs."""
        if len(self.wanted) < MAX_PLANS:
            self.wanted[needs] = None

    def kind(self, key: Key) -> Kind | None:
        """The kind of *key*, None where it is not known (yet)."""
        return self.kinds.get((key.partition, key.path[-2]))

    def load(self) -> Program[None]:
        """Read what other processes have added."""
        sql = self.dialect
        *replies, composites, [(flags,)] = yield [
            (sql.spaces, ()),
            (sql.kinds, ()),
            (sql.properties, ()),
            (sql.shapes, ()),
            (sql.composites, ()),
            (sql.select_flags, ()),
        ]
        self.absorb(*replies)
        self.absorb_composites(composites, flags)

    def absorb_composites(self, rows: list[Row], flags: int) -> None:
        """Take in the composite indexes as they are now, and the flags that were read with them.

        Every change of them has an epoch of its own, so what was read before another thread read more is passed over.
        """
        epoch = flags >> INDEX_EPOCH
        if epoch <= self.index_epoch:
            return
        by_kind: dict[int, list[Composite]] = {}
        for number, kind_number, body, state, _ in rows:
            kind = self.kinds_by_number.get(kind_number)
            if kind is None:
                raise CorruptionError("damaged catalog", index=number, kind=kind_number)
            definition = load_definition(kind.name, body)
            made = Composite(number, definition, State(state), self.dialect)
            by_kind.setdefault(kind_number, []).append(made)
        for number, kind in self.kinds_by_number.items():
            there = by_kind.get(number, ())
            kind.composites = tuple(each for each in there if each.state is not State.DELETING)
            kind.deleting = tuple(each for each in there if each.state is State.DELETING)
        # What was planned without an index may be planned with it now, and must not be with one that is gone.
        self.forms.clear()
        self.counts.clear()
        # Last: whoever sees this epoch sees the indexes of it.
        self.index_epoch = epoch

    def absorb(self, spaces: list[Row], kinds: list[Row], properties: list[Row], shapes: list[Row]) -> None:
        """Take in rows of the four tables; what is known already stays the same object.

        `CorruptionError` if they don't fit each other.
        """
        try:
            self._absorb(spaces, kinds, properties, shapes)
        except (TypeError, KeyError, ValueError) as error:
            raise CorruptionError("damaged catalog", cause=repr(error)) from error

    def _absorb(self, spaces: list[Row], kinds: list[Row], properties: list[Row], shapes: list[Row]) -> None:
        for number, project, database, namespace in spaces:
            if number not in self.spaces:
                partition = self.spaces[number] = Partition.of(project, database, namespace)
                self.space_numbers[partition] = number
        for number, space, name in kinds:
            if number not in self.kinds_by_number:
                kind = Kind(number, space, self.spaces[space], name)
                self.kinds_by_number[number] = self.kinds[kind.partition, name] = kind
        for number, kind_number, name, multiple in properties:
            index = self.indexes.get(number)
            if index is None:
                kind = self.kinds_by_number[kind_number]
                index = self.indexes[number] = kind.indexes[name] = Index(number, name, self.dialect)
            index.multiple = index.multiple or bool(multiple)
        for number, body in shapes:
            if number not in self.shapes:
                stored = self.shapes[number] = record.load_shape(number, body)
                self.stored.setdefault(stored.shape, []).append(stored)

    def define(self, missing: Missing) -> Program[tuple[list[Row], list[Row], list[Row], list[Row]]]:
        """Add *missing* to the database; to be run in a write transaction, its value given to `absorb` after.

        What another process has added in the meantime is left as it is.
        """
        sql = self.dialect
        partitions = {partition for partition, _ in missing.kinds}
        adding: list[Statement] = [(sql.add_space, partition.names()) for partition in partitions]
        if missing.shapes:
            bodies = [(record.dump_shape(shape, codecs),) for shape, codecs in missing.shapes]
            adding.append((sql.add_shape, bodies))
        *_, spaces = yield [*adding, (sql.spaces, ())]
        numbers = {Partition.of(*names): number for number, *names in spaces}
        rows = [(numbers[partition], name) for partition, name in sorted(missing.kinds, key=_by_name)]
        before, *_, kinds = yield [(sql.kinds, ()), *((sql.add_kind, row) for row in rows), (sql.kinds, ())]
        of_kind = {(space, name): number for number, space, name in kinds}
        if len(kinds) > len(before):
            yield from self._define_composites(spaces, before, kinds)
        added = yield [
            (sql.add_property, (of_kind[numbers[partition], kind], name))
            for partition, kind, name in sorted(missing.properties, key=_by_name)
        ]
        texts = (sql.create_index(number) for rows in added for (number,) in rows)
        yield [(text, ()) for text in texts if text is not None]
        properties, shapes = yield [(sql.properties, ()), (sql.shapes, ())]
        return spaces, kinds, properties, shapes

    def _define_composites(self, spaces: list[Row], before: list[Row], kinds: list[Row]) -> Program[None]:
        """Give kinds that are new in a namespace the composite indexes that they have in others."""
        sql = self.dialect
        composites, counters = yield [(sql.composites, ()), (sql.select_counter, ("composite",))]
        if not composites:
            return
        # Indexes are of a kind in all namespaces of a database of a project.
        database = {number: (project, base) for number, project, base, _ in spaces}
        name_of = {number: (database[space], name) for number, space, name in kinds}
        bodies: dict[tuple[tuple[str, str], str], dict[bytes, None]] = {}
        for _, kind, body, state, _ in composites:
            if state in {State.BUILDING, State.SERVING}:
                bodies.setdefault(name_of[kind], {})[body] = None
        number: int = counters[0][0]
        batch: list[Statement] = []
        for kind in sorted({row[0] for row in kinds} - {row[0] for row in before}):
            for body in bodies.get(name_of[kind], ()):
                index = load_definition(name_of[kind][1], body)
                batch += new_composite(sql, number, kind, index, State.SERVING)  # of nothing
                number += 1
        if batch:
            yield [*batch, (sql.set_counter, ("composite", number)), (sql.raise_index_epoch, ())]

    def has_everywhere(self, home: Partition, index: CompositeIndex) -> bool:
        """Whether *index* is defined, in any state, in each namespace beside *home* that has its kind, one at least."""
        place = home.names()[:2]
        kinds = [
            each
            for (partition, name), each in self.kinds.items()
            if name == index.kind and partition.names()[:2] == place
        ]
        return bool(kinds) and all(
            any(composite.definition == index for composite in each.composites) for each in kinds
        )

    def definitions(self, partition: Partition, kind: str) -> list[CompositeIndex]:
        """The composite indexes that can be read now; of a kind that is not stored, those of other namespaces."""
        found = self.kinds.get((partition, kind))
        if found is not None:
            return [each.definition for each in found.composites if each.state is State.SERVING]
        # Of nothing, an index that is still being built elsewhere has all rows.
        place = partition.names()[:2]
        beside = (
            composite
            for (other, name), each in self.kinds.items()
            if name == kind and other.names()[:2] == place
            for composite in each.composites
        )
        return [each.definition for each in beside if each.state in {State.BUILDING, State.SERVING}]

    def rows(self, kind: Kind | None, shape: Shape, values: list[Any]) -> Rows | None:
        """The index rows of an entity of *kind* with these columns and values; None if anything is missing.

        Raises as `WritePlan.rows` does.
        """
        if kind is None:
            return None
        signature = (shape, *map(type, values))
        plan = kind.usual.get(signature)
        if plan is not None:
            rows = plan.rows(values)
            if rows is not None:
                return rows
        plan = self._plan(kind, shape, values)
        if plan is None:
            return None
        if len(kind.usual) > MAX_PLANS:
            kind.usual.clear()
        kind.usual[signature] = plan
        return plan.rows(values)

    def _plan(self, kind: Kind, shape: Shape, values: list[Any]) -> WritePlan | None:
        """How an entity of *kind* with these columns and types of values is written; None if anything is missing."""
        signature = tuple(map(type, values))
        lists: tuple[frozenset[type], ...] = ()
        if list in signature:
            lists = tuple([frozenset(map(type, value)) for value in values if value.__class__ is list])
        plan = kind.plans.get((shape, signature, lists))
        if plan is None:
            stored = self.stored_shape(shape, values)
            plan = None if stored is None else write_plan(stored, signature, lists, kind.indexes)
            if plan is not None:
                if len(kind.plans) > MAX_PLANS:  # entities with arbitrary columns, from a server's clients
                    kind.plans.clear()
                kind.plans[shape, signature, lists] = plan
        return plan

    def stored_shape(self, shape: Shape, values: list[Any]) -> StoredShape | None:
        """A stored shape that can hold *values*: every codec is the value's, or the value is None.

        Else one with tagged columns, which hold any value: a subclass (of str, say) was stored under such a codec,
        and is read back as its plain type.
        """
        wanted = [None if value is None else record.codec_of(value) for value in values]
        for fits in ((), (record.TAGGED,)):
            for stored in self.stored.get(shape, ()):
                pairs = zip(wanted, stored.codecs, strict=True)
                if all(want is None or want == codec or codec in fits for want, codec in pairs):
                    return stored
        return None

    def lacking(
        self, missing: Missing, key: Key, shape: Shape, values: list[Any], names: Iterable[str]
    ) -> None:
        """Note in *missing* what has to be defined before an entity like this is written.

        *names*: the names of its indexed properties, those of embedded entities included.
        """
        partition, name = key.partition, key.path[-2]
        kind = self.kinds.get((partition, name))
        missing.kinds.add((partition, name))
        for property_name in names:
            if kind is None or property_name not in kind.indexes:
                missing.properties.add((partition, name, property_name))
        if self.stored_shape(shape, values) is None:
            missing.shapes.add((shape, tuple(record.codec_of(value) for value in values)))


def _by_name(item: tuple[Any, ...]) -> tuple[Any, ...]:
    return (item[0].names(), *item[1:])


def new_composite(
    sql: Dialect, number: int, kind: int, index: CompositeIndex, state: State
) -> list[Statement]:
    """The statements that make a composite index of this number."""
    descending = tuple(each.descending for each in index.properties)
    return [
        (sql.create_composite(number, descending, index.ancestor), ()),
        (sql.add_composite, (number, kind, dump_definition(index), state)),
    ]
