"""`ndb.unique`: what is stored, checked against what a model says is unique (docs/unique.md).

A put keeps unique values unique from the day the model says so.  For what was stored before, or by programs that
do not know of it, `check` tells what is not as it should be, and `backfill` mends what can be mended.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from kindstore.mapper import unique_keeping
from kindstore.mapper.context import Context, current
from kindstore.mapper.future import Future
from kindstore.mapper.text import TextProperty
from kindstore.mapper.unique import MARKERS
from kindstore.mapper.unique_keeping import Duplicate, Report
from kindstore.ndb.model import Model
from kindstore.ndb.properties import KeyProperty
from kindstore.store.program import Program

__all__ = ["Duplicate", "Marker", "Report", "backfill", "backfill_async", "check", "check_async"]

Reports: TypeAlias = dict[tuple[str, ...], Report]
"""A report for each constraint of a model, by the stored names of its properties."""
Step: TypeAlias = Callable[[int, int], None]
Work: TypeAlias = Callable[[Any, Any, Any, Any], Program[Report]]


class Marker(Model):
    """A marker, as queries without a kind find it: *owner* has the value that its key name stands for."""

    owner: KeyProperty[Any] = KeyProperty(indexed=False)
    properties = TextProperty(repeated=True)

    @classmethod
    def _get_kind(cls) -> str:
        return MARKERS


def check(model: type[Model], namespace: str | None = None, progress: Step | None = None) -> Reports:
    """What breaks the constraints of *model* in *namespace* (default: the context's); nothing is written.

    *progress* is called with how many entities have been looked at, and how many there are.
    """
    context, program = _each(unique_keeping.check, model, namespace, progress)
    return context.store.run(program)


def check_async(
    model: type[Model], namespace: str | None = None, progress: Step | None = None
) -> Future[Reports]:
    """`check`, as a future."""
    context, program = _each(unique_keeping.check, model, namespace, progress)
    return context.begin(program, "unique.check")


def backfill(model: type[Model], namespace: str | None = None, progress: Step | None = None) -> Reports:
    """Make the markers that entities of *model* in *namespace* lack, and delete those that are stale.

    Others may write meanwhile, and a run that was broken off may be begun again.  Entities with a value that
    another one has are reported and left alone.
    """
    context, program = _each(unique_keeping.backfill, model, namespace, progress)
    return context.store.run(program)


def backfill_async(
    model: type[Model], namespace: str | None = None, progress: Step | None = None
) -> Future[Reports]:
    """`backfill`, as a future."""
    context, program = _each(unique_keeping.backfill, model, namespace, progress)
    return context.begin(program, "unique.backfill")


def _each(
    work: Work, model: type[Model], namespace: str | None, progress: Step | None
) -> tuple[Context, Program[Reports]]:
    context = current()
    context.catch_up()
    partition = context.partition if namespace is None else context.partition.with_namespace(namespace)

    def program() -> Program[Reports]:
        reports: Reports = {}
        for properties, unique in model._unique.items():
            reports[properties] = yield from work(context.store, partition, unique, progress)
        return reports

    return context, program()
