"""Writing what was changed in an entity, and nothing else: what an UPDATE of the changed columns is in SQL.

A request reads a user, changes two properties and puts it; another one does so at the same time, with other
properties.  Whole entities would overwrite each other.  So an entity of these models remembers what was read, and
`save` reads it again in a transaction, applies the differences and writes that.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, ClassVar, Final

from kindstore import ndb
from kindstore.mapper.context import caches, current
from kindstore.mapper.property import Property, Undecoded, is_list
from kindstore.mapper.schema import schema_of
from kindstore.values.entity import Shape
from kindstore.values.errors import NotFoundError

RETRIES: Final = 20
"""How often a save is tried again: each time somebody else has saved the same entity."""

CLIENT: Final = "_client"
"""Where in an instance the client stands that it was read with."""

_READ: Final = "_as_read"
_QUIET: Final = "_quiet"
_PLAIN: Final = frozenset(
    {type(None), bool, int, float, str, bytes, dt.datetime, dt.date, dt.time, Undecoded, ndb.Key}
)
"""The types whose values can't be changed in place."""


def fields_of(entity: Any) -> dict[str, Any]:
    """What *entity* holds, by code name, and what we note in it."""
    held: dict[str, Any] = entity.__dict__
    return held


class Saved(ndb.Model):
    """A model whose instances know what was read, so that `save` can tell what was changed."""

    counters: ClassVar[tuple[str, ...]] = ()
    """Properties that are counted up: two increments at once are two, not one."""

    @classmethod
    def _dynamic_loader(cls, shape: Shape, extra: Sequence[int]) -> Callable[[Any, list[Any]], None] | None:
        # The last thing that a loader does, and so the place to note what it loaded.
        load = super()._dynamic_loader(shape, extra)

        def loaded(entity: Any, values: list[Any]) -> None:
            if load is not None:
                load(entity, values)
            remember(entity)

        return loaded

    def _prepare_for_put(self) -> None:
        if not fields_of(self).pop(_QUIET, False):
            super()._prepare_for_put()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        rebuilt, (cls, state) = super().__reduce_ex__(protocol)
        return rebuilt, (cls, {name: value for name, value in state.items() if name != CLIENT})


def remember(entity: Any) -> None:
    """Take what *entity* holds now for what is stored."""
    fields_of(entity)[_READ] = _values(entity)


def stored(model: Any, *keys: Any) -> list[Any]:
    """The entities of *keys* as they are stored, as instances of *model*; None where there is none.

    Not ``key.get()``: a process may have several classes of one kind, for several databases.
    """
    context = current()
    if context.writing:
        context.catch_up(keys)
    transaction = context.transaction
    name = None if transaction is None else transaction.name
    return context.store.run(context.store.lookup(keys, name, maker=schema_of(model)))


def query_of(model: Any, *filters: Any, **options: Any) -> Any:
    """Ndb's query of *model*, whatever the class makes of its `query`."""
    return vars(ndb.Model)["query"].__func__(model, *filters, **options)


def quietly(entity: Any) -> Any:
    """*entity*, whose next put moves no time of change: what is written says nothing new."""
    fields_of(entity)[_QUIET] = True
    return entity


def forget_change(entity: Any, name: str) -> None:
    """Take what *entity* has as its property *name* for what is stored."""
    base: dict[str, Any] | None = fields_of(entity).get(_READ)
    if base is not None:
        base[name] = _frozen(fields_of(entity)[name])


def is_known(entity: Any) -> bool:
    """Whether *entity* was read, or saved before."""
    return _READ in fields_of(entity)


def save(entity: Any) -> None:
    """Write what was changed in *entity* since it was read, on top of what is stored now, which it has from then on.

    Of a list what was added and removed counts, of a counter the difference; of anything else the new value.  An entity
    that was never read is written as it is.  In a transaction in progress this is a part of it.  `NotFoundError` if it
    was deleted meanwhile; `ConflictError` if others were faster `RETRIES` times; and the errors of a put.  After an
    error *entity* is as it was.
    """
    mine = _values(entity)
    context = current()
    if context.in_transaction():
        _merge_and_put(entity, mine)
        ended = _Ending(entity, mine)
        context.call_on_commit(ended.committed)
        context.call_on_transaction_complete(ended.complete)
        return
    try:
        if is_known(entity) or any(hasattr(prop, "merge") for prop in entity._properties.values()):
            in_transaction(lambda: _merge_and_put(entity, mine))
        else:
            entity.put()
    except BaseException:
        fields_of(entity).update(mine)
        raise
    _saved(entity)


def _saved(entity: Any) -> None:
    remember(entity)
    context = current()
    if context.identities is not None and caches(context, entity._key, type(entity)):
        # A commit makes the context forget what was written, but the request goes on with this object.
        context.identities.keep(entity._key, entity)


def in_transaction(work: Callable[[], object]) -> None:
    """Do *work* in the transaction in progress; or in one of its own, as often as it takes."""

    def once() -> None:
        work()

    # Whatever law the store has: a role has any number of users, and a user any number of credentials.
    ndb.transaction(once, retries=RETRIES, join=True, concurrency="optimistic")


class _Ending:
    """What becomes of an *entity* that was saved in a transaction, with the values *mine*."""

    def __init__(self, entity: Any, mine: dict[str, Any]) -> None:
        self._entity, self._mine = entity, mine
        self._done = False

    def committed(self) -> None:
        self._done = True
        _saved(self._entity)

    def complete(self) -> None:
        if not self._done:
            # So that another try finds what was changed, and not what was merged.
            fields_of(self._entity).update(self._mine)


def _merge_and_put(entity: Any, mine: dict[str, Any]) -> None:
    fields = fields_of(entity)
    base: dict[str, Any] | None = fields.get(_READ)
    theirs: dict[str, Any] = {}
    if base is not None:
        [found] = stored(type(entity), entity.key)
        if found is None:
            raise NotFoundError(
                "what is to be saved was deleted meanwhile", key=entity.key, hint="Read it again."
            )
        theirs = fields_of(found)
    for prop in entity._properties.values():
        if not prop._is_computed:
            name, unset = prop._code_name, prop._unset()
            was = unset if base is None else base.get(name, unset)
            fields[name] = _merged(entity, prop, was, mine.get(name, unset), theirs.get(name, unset))
    entity.put()


def _merged(entity: Any, prop: Property[Any], was: Any, mine: Any, theirs: Any) -> Any:
    """The value to write of one that *was* read, is *mine* here and *theirs* in the store."""
    merge = getattr(prop, "merge", None)
    if merge is not None:
        return merge(entity, was, mine, theirs)
    if _same(prop, was, mine):
        return theirs
    if _same(prop, was, theirs):
        return mine
    if prop._repeated:
        return merged_list(decoded(prop, was), decoded(prop, mine), decoded(prop, theirs))
    if prop._code_name in entity.counters:
        return (theirs or 0) + (mine or 0) - (was or 0)
    return mine


def merged_list(was: list[Any], mine: list[Any], theirs: list[Any]) -> list[Any]:
    """*theirs*, without what was removed from *was* to get *mine*, and with what was added."""
    removed = _without(_without(was, mine), _without(was, theirs))
    added = _without(_without(mine, was), _without(theirs, was))
    return _without(theirs, removed) + added


def _without(items: list[Any], gone: list[Any]) -> list[Any]:
    """*items* less one for each of *gone*; they may be what can't be hashed."""
    rest = [*items]
    for item in gone:
        if item in rest:
            rest.remove(item)
    return rest


def decoded(prop: Property[Any], held: Any) -> Any:
    """The value of *prop* that an instance which holds *held* has."""
    return prop._decoded(held.value) if type(held) is Undecoded else held


def _same(prop: Property[Any], one: Any, other: Any) -> bool:
    return one is other or bool(prop._encoded(one) == prop._encoded(other))


def _values(entity: Any) -> dict[str, Any]:
    """What *entity* holds, safe from changes in place."""
    fields = fields_of(entity)
    return {name: _frozen(value) for name, value in fields.items() if not name.startswith("_")}


def _frozen(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if is_list(value) and all(type(item) in _PLAIN or isinstance(item, Saved) for item in value):
        # Entities with keys of their own are saved by themselves.
        return [*value]
    return deepcopy(value)
