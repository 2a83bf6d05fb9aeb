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
from kindstore.mapper.context import current
from kindstore.mapper.property import Property, Undecoded
from kindstore.values.entity import Shape
from kindstore.values.errors import NotFoundError
from kindstore.values.key import Key

RETRIES: Final = 20
"""How often a save is tried again: each time somebody else has saved the same entity."""

_READ: Final = "_as_read"
_PLAIN: Final = frozenset(
    {type(None), bool, int, float, str, bytes, dt.datetime, dt.date, dt.time, Undecoded, ndb.Key}
)
"""The types whose values can't be changed in place."""


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

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        rebuilt, (cls, state) = super().__reduce_ex__(protocol)
        state.pop("_client", None)  # of this process
        return rebuilt, (cls, state)


def remember(entity: Any) -> None:
    """Take what *entity* holds now for what is stored."""
    vars(entity)[_READ] = _values(entity)


def is_known(entity: Any) -> bool:
    """Whether *entity* was read, or saved before."""
    return _READ in vars(entity)


def save(entity: Any) -> None:
    """Write what was changed in *entity* since it was read, on top of what is stored now, which it has from then on.

    Of a list what was added and removed counts, of a counter the difference; of anything else the new value.  An entity
    that was never read is written as it is.  `NotFoundError` if it was deleted meanwhile; `ConflictError` if others were faster
    `RETRIES` times; and the errors of a put.  After an error *entity* is as it was.
    """
    if current().in_transaction():
        _merge_and_put(entity)
        current().call_on_commit(lambda: remember(entity))
        return
    mine = _values(entity)
    try:
        if is_known(entity) or _needs_transaction(entity):
            ndb.transaction(lambda: _merge_and_put(entity, mine), retries=RETRIES)
        else:
            entity.put()
    except Exception:
        vars(entity).update(mine)
        raise
    identities = current().identities
    if identities is not None:
        # A commit makes the context forget what was written, but the request goes on with this object.
        identities.keep(entity._key, entity)
    remember(entity)


def _needs_transaction(entity: Any) -> bool:
    return any(hasattr(prop, "merge") for prop in entity._properties.values())


def _merge_and_put(entity: Any, mine: dict[str, Any] | None = None) -> None:
    fields = vars(entity)
    mine = _values(entity) if mine is None else mine
    base = fields.get(_READ)
    theirs: dict[str, Any] = {}
    if base is not None:
        stored = entity.key.get(use_cache=False)
        if stored is None:
            raise NotFoundError(
                "what is to be saved was deleted meanwhile", key=entity.key, hint="Read it again."
            )
        theirs = vars(stored)
    for prop in entity._properties.values():
        if prop._is_computed:
            continue
        name = prop._code_name
        was = (base or {}).get(name, prop._unset())
        now = theirs.get(name, prop._unset())
        fields[name] = _merged(entity, prop, was, mine.get(name, prop._unset()), now)
    entity.put()


def _merged(entity: Any, prop: Property[Any], was: Any, mine: Any, theirs: Any) -> Any:
    """The value to write of one that *was* read, is *mine* here and *theirs* in the store."""
    merge = getattr(prop, "merge", None)
    if merge is not None:
        return merge(was, mine, theirs)
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
    removed = [item for item in was if item not in mine]
    added = [item for item in mine if item not in was and item not in theirs]
    return [item for item in theirs if item not in removed] + added


def decoded(prop: Property[Any], held: Any) -> Any:
    """The value of *prop* that an instance which holds *held* has."""
    return prop._decoded(held.value) if type(held) is Undecoded else held


def _same(prop: Property[Any], one: Any, other: Any) -> bool:
    return one is other or bool(prop._encoded(one) == prop._encoded(other))


def _values(entity: Any) -> dict[str, Any]:
    """What *entity* holds, safe from changes in place."""
    return {name: _frozen(value) for name, value in vars(entity).items() if not name.startswith("_")}


def _frozen(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN or isinstance(value, Key):
        return value
    if kind is list and all(type(item) in _PLAIN or isinstance(item, Saved) for item in value):
        # Entities with keys of their own are saved by themselves.
        return [*value]
    return deepcopy(value)
