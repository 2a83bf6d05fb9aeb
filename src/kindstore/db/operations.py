"""`db.get`, `db.put`, `db.delete`, `db.allocate_ids` and their ``_async`` forms: programs for the store.

db has no identity map: each read makes instances of its own.  What other faces know of what is written here is
forgotten.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from kindstore.db.errors import BadArgumentError, BadRequestError, told
from kindstore.db.key import Key
from kindstore.db.kinds import Instance, Made, each, key_of
from kindstore.db.law import touch
from kindstore.db.options import consistency
from kindstore.mapper.context import Context, current
from kindstore.mapper.future import Future
from kindstore.store.ids import FIRST_SCATTERED
from kindstore.store.messages import Consistency, Delete, Upsert
from kindstore.store.program import Program
from kindstore.values.entity import Entity
from kindstore.values.key import Key as PlainKey

T = TypeVar("T")

KEYS = (str, PlainKey, Instance)
"""What may be given where a key is wanted."""

MAX_ALLOCATED = 1_000_000_000

KEY_RANGE_EMPTY = "Empty"
KEY_RANGE_CONTENTION = "Contention"
KEY_RANGE_COLLISION = "Collision"


class Asked(Generic[T]):
    """What an ``_async`` function has begun."""

    def __init__(self, future: Future[Any], finish: Callable[[Any], T]) -> None:
        self._future, self._finish = future, finish

    def get_result(self) -> T:
        """Wait, and return the result or raise the error."""
        with told():
            return self._finish(self._future.result())

    def check_success(self) -> None:
        """Wait, and raise the error if there was one."""
        with told():
            self._future.check_success()

    def wait(self) -> None:
        """Wait."""
        self._future.wait()

    def done(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._future.done()


def ask(context: Context, program: Program[T], keys: Iterable[Key] = ()) -> T:
    """The result of *program*, after what was asked for before it; *keys* are those that it writes."""
    with told():
        if context.writing:
            context.catch_up(keys)
        return context.store.run(program)


# Get.


def get(keys: Any, **options: Any) -> Any:
    """The instance of a key, None if there is none; a list of them for several keys.

    A key may be a `Key`, its text, or an instance.  `BadArgumentError` for anything else; `KindError` for an entity
    of a kind that no class describes.
    """
    context = current()
    listed, several = _keys(keys)
    found = ask(context, _get(context, listed, consistency(options)))
    return found if several else found[0]


def get_async(keys: Any, **options: Any) -> Asked[Any]:
    """`get`, begun: its ``get_result()`` waits."""
    context = current()
    listed, several = _keys(keys)
    future = context.begin(_get(context, listed, consistency(options)), "get")
    return Asked(future, lambda found: found if several else found[0])


def _keys(keys: Any) -> tuple[list[Key], bool]:
    listed, several = each(keys, KEYS)
    return [key_of(key) for key in listed], several


def _get(context: Context, keys: Sequence[Key], wanted: Consistency) -> Program[list[Any]]:
    touch(context, keys)
    if not keys:
        return []
    name = None if context.transaction is None else context.transaction.name
    found: list[Any] = yield from context.store.lookup(list(dict.fromkeys(keys)), name, wanted, maker=Made())
    if len(found) == len(keys):
        return found
    # One named several times is an instance for each.
    again: list[Any] = yield from context.store.lookup(keys, name, wanted, maker=Made())
    return again


# Put.


def put(models: Any, **options: Any) -> Any:
    """Write an instance, or several, all or none of them; the result is its key, or a list of theirs.

    `BadArgumentError` for anything else; `BadRequestError` for an instance that came from a projection;
    `BadValueError` for a value that can't be stored.
    """
    context = current()
    listed, several = _writable(models, options)
    keys = ask(context, _put(context, listed), _known(listed))
    return keys if several else keys[0]


def put_async(models: Any, **options: Any) -> Asked[Any]:
    """`put`, begun: its ``get_result()`` waits."""
    context = current()
    listed, several = _writable(models, options)
    future = context.write(lambda inner: _put(inner, listed), "put", _known(listed))
    return Asked(future, lambda keys: keys if several else keys[0])


def _writable(models: Any, options: dict[str, Any]) -> tuple[list[Any], bool]:
    _refuse_reading(options)
    listed, several = each(models, (Instance,))
    for model in listed:
        if model._is_projection():
            raise BadRequestError(f"Cannot put a partial entity: {model.key()!r}")
    return listed, several


def _refuse_reading(options: dict[str, Any]) -> None:
    if consistency(options) is Consistency.EVENTUAL:
        raise BadRequestError("read_policy is only supported on read operations.")


def _known(models: Iterable[Any]) -> list[Key]:
    return [model.key() for model in models if model.has_key()]


def _put(context: Context, models: Sequence[Any]) -> Program[list[Key]]:
    entities: list[Entity] = [model._to_write() for model in models]
    if not entities:
        return []
    # What tells writes apart: the key, or the instance that has none yet.  The last write of each counts.
    names: list[Any] = [
        entity.key if entity.key is not None and entity.key.is_complete else id(model)
        for model, entity in zip(models, entities, strict=True)
    ]
    last = {name: at for at, name in enumerate(names)}
    transaction = context.transaction
    if transaction is None:
        committed = yield from context.store.commit([Upsert(entities[at]) for at in last.values()])
        keys = dict(zip(last, committed.keys, strict=True))
    else:
        keys = {name: entities[at].key for name, at in last.items()}
        missing = [name for name in last if isinstance(name, int)]
        if missing:
            incomplete: Any = [keys[name] for name in missing]
            given = yield from context.store.allocate_ids(incomplete)
            keys.update(zip(missing, given, strict=True))
        touch(context, [key for key in keys.values() if key is not None], writes=True)
        for name, at in last.items():
            transaction.keep_back(Upsert(Entity(keys[name], entities[at].shape, entities[at].values)))
    results: list[Key] = []
    for model, entity, name in zip(models, entities, names, strict=True):
        stored = keys[name]
        assert stored is not None
        key = Key.like(stored)
        model._has_been_written(Entity(key, entity.shape, entity.values))
        results.append(key)
    _forget(context, results)
    return results


def _forget(context: Context, keys: Iterable[Key]) -> None:
    if context.identities is not None:
        for key in keys:
            context.identities.evict(key)


# Delete.


def delete(models: Any, **options: Any) -> None:
    """Remove the entity of a key or instance, or of each of several, all or none of them; there or not."""
    _refuse_reading(options)
    context = current()
    keys, _ = _keys(models)
    ask(context, _delete(context, keys), keys)


def delete_async(models: Any, **options: Any) -> Asked[None]:
    """`delete`, begun: its ``get_result()`` waits."""
    _refuse_reading(options)
    keys, _ = _keys(models)
    future = current().write(lambda inner: _delete(inner, keys), "delete", keys)
    return Asked(future, lambda _: None)


def _delete(context: Context, keys: Sequence[Key]) -> Program[None]:
    distinct = list(dict.fromkeys(keys))
    if context.transaction is not None:
        touch(context, distinct, writes=True)
        for key in distinct:
            context.transaction.keep_back(Delete(key))
    elif distinct:
        yield from context.store.commit([Delete(key) for key in distinct])
    _forget(context, distinct)


# Ids.


def allocate_ids(model: Any, size: int, **options: Any) -> tuple[int, int]:
    """The first and the last of *size* ids in a row, of the kind and parent of *model*, that nobody else gets.

    *model* is an instance or a key; its own id counts for nothing.  `BadArgumentError` for a *size* that is no
    number from 1 to a thousand million.
    """
    context = current()
    return ask(context, _allocate(context, _incomplete(model, size, options), size))


def allocate_ids_async(model: Any, size: int, **options: Any) -> Asked[tuple[int, int]]:
    """`allocate_ids`, begun: its ``get_result()`` waits."""
    context = current()
    future = context.begin(_allocate(context, _incomplete(model, size, options), size), "allocate_ids")
    return Asked(future, lambda ids: ids)


def _incomplete(model: Any, size: int, options: dict[str, Any]) -> Key:
    _refuse_reading(options)
    if not isinstance(size, int):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
        raise BadArgumentError(f"Invalid size ({size!r})")
    if size > MAX_ALLOCATED:
        raise BadArgumentError(f"Cannot allocate more than {MAX_ALLOCATED} ids at a time; received {size}")
    if size <= 0:
        raise BadArgumentError(f"Cannot allocate less than 1 id; received {size}")
    if isinstance(model, str):
        model = Key(model)
    if isinstance(model, Instance):
        model = model._key_to_write()
    if not isinstance(model, PlainKey):
        raise BadArgumentError("Expected only one model or key")
    return Key.of(model.partition, (*model.path[:-1], None))


def _allocate(context: Context, like: Key, size: int) -> Program[tuple[int, int]]:
    [given] = yield from context.store.allocate_ids([like])
    first: int = given.path[-1]
    if first >= FIRST_SCATTERED:
        # The ids given so far are far apart, so that nobody has had the numbers after this one.
        yield from context.store.reserve_ids([like.completed(first + at) for at in range(1, size)])
        return first, first + size - 1
    if size == 1:
        return first, first
    while True:  # until no other process took ids in between
        keys = yield from context.store.allocate_ids([like] * size)
        first, last = keys[0].path[-1], keys[-1].path[-1]
        if last - first == size - 1:
            return first, last


def allocate_id_range(model: Any, start: int, end: int, **options: Any) -> str:
    """Keep the ids from *start* to *end*, of the kind and parent of *model*, from being given to others.

    What is there already: `KEY_RANGE_EMPTY`, nothing; `KEY_RANGE_COLLISION`, an entity with one of these ids.
    `BadArgumentError` for what is no range of ids.
    """
    _refuse_reading(options)
    if start < 1 or end < 1:
        raise BadArgumentError(f"Start {start} and end {end} must both be > 0.")
    if start > end:
        raise BadArgumentError(f"Range end {end} cannot be less than start {start}.")
    like = _incomplete(model, 1, {})
    context = current()
    keys = [like.completed(number) for number in range(start, end + 1)]
    ask(context, context.store.reserve_ids(keys))
    found: list[Entity | None] = ask(context, context.store.lookup(keys))
    return KEY_RANGE_EMPTY if all(entity is None for entity in found) else KEY_RANGE_COLLISION
