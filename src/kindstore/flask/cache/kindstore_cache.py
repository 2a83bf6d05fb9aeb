"""The cache: cachelib's methods, over a store.

1. An entry that has expired is never returned, whatever the sweeper has or has not done.
2. `add`, `inc`, `dec` and `delete` are atomic among all threads and processes: of many that add one key one wins, no step
   of a counter is lost, and of many that delete an entry one is told so.
3. What one process has written every other one reads at once: nothing is kept in memory.
4. A call stands for itself.  Inside a transaction of the application it is no part of it: it sees what is committed,
   writes at once, and stays when the transaction is rolled back.  It never waits for it either.
5. A value that can't be read (damaged, or of another serializer) is a miss, and is logged.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    TypeAlias,
    TypeVar,
    cast,
)

from cachelib.serializers import BaseSerializer
from flask import Flask

from kindstore.client import Client, ambient
from kindstore.flask.app_client import AppClient
from kindstore.flask.cache.entries import (
    MAX_VALUE,
    Naming,
    entry_of,
    expiry,
    is_live,
    is_needed,
    time_of,
    upserts,
)
from kindstore.flask.cache.serializers import PlainSerializer
from kindstore.flask.extension import Kindstore
from kindstore.mapper.transaction import Attempts
from kindstore.store.abc import Store
from kindstore.store.messages import (
    Concurrency,
    Delete,
    Filter,
    Mutation,
    Order,
    PropertyFilter,
    Query,
    Upsert,
)
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, BadValueError, ConflictError, Error, StorageError
from kindstore.values.key import Key, Partition

if TYPE_CHECKING:
    from cachelib import BaseCache
else:
    # Flask-Caching calls `factory` of its own subclasses alone, and takes other classes for functions.
    try:
        from flask_caching.backends.base import BaseCache
    except ImportError:
        from cachelib import BaseCache

Timeout: TypeAlias = int | float | dt.timedelta
"""Seconds, rounded up; 0 is for ever."""

T = TypeVar("T")

BATCH: Final = 200
"""Entries that `sweep` and `clear` delete in one commit, which takes a few milliseconds."""

SWEEP_EVERY: Final = 60
"""Seconds between two sweeps of a cache by one process, unless said otherwise."""

_LARGEST_COMMIT: Final = 500
_RETRIES: Final = 200
"""Tries of `add`, `inc` and the like against others: each one that loses has let another one win."""

_MISSING: Final[Any] = object()
"""What is found where there is no entry: None is a value."""

_log = logging.getLogger("kindstore.cache")


Place: TypeAlias = Store | Client | Kindstore | Flask | str | os.PathLike[str]
"""What says where the entries are."""


class KindstoreCache(BaseCache):
    """A cache in a store, shared by every process that has the store open.

    *store*: a path or URL, a `Client`, the extension, an app, or an open store; default: the store of code that names none: in an
    application context the one of the extension.  *default_timeout*: seconds, or a timedelta, that entries live which
    are set without; 0 is for ever.  *key_prefix*, *kind*, *namespace*: where the entries are: caches that differ in one
    of them don't see each other; the namespace is the client's unless it is given.
    *serializer*: what values may be; default: `PlainSerializer`.  *sweep_every*: seconds after which a write also deletes
    some of what has expired; 0 for never.  *ignore_delete_many_errors* is cachelib's, and without effect: `delete_many`
    deletes all or raises.

    Errors of the store are raised, not hidden: a session that was not stored must not look like one that was.
    """

    serializer: BaseSerializer = PlainSerializer()

    def __init__(
        self,
        store: Place | None = None,
        default_timeout: Timeout = 300,
        *,
        key_prefix: str = "",
        kind: str = "CacheEntry",
        namespace: str | None = None,
        serializer: BaseSerializer | None = None,
        sweep_every: float = SWEEP_EVERY,
        ignore_delete_many_errors: bool = True,
    ) -> None:
        super().__init__(default_timeout=_seconds(default_timeout))
        self.ignore_delete_many_errors = ignore_delete_many_errors
        if serializer is not None:
            self.serializer = serializer
        self.key_prefix, self.kind, self.namespace = key_prefix, kind, namespace
        self.sweep_every = sweep_every
        self._naming = Naming(kind, key_prefix)
        self._open = _opener(store)
        # Not all processes at once, that were started together.
        self._next_sweep: dt.datetime | None = None
        self._last_part: Key | None = None

    @classmethod
    def factory(
        cls, app: Flask, config: Mapping[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> KindstoreCache:
        """What Flask-Caching calls: the store is the one of the extension of *app*, else of its ``KINDSTORE_URL``.

        `ConfigError` for a URL of which nothing can be made.

        *config* has ``CACHE_KEY_PREFIX``; *args* and *kwargs*, ``CACHE_ARGS`` and ``CACHE_OPTIONS``, are the class's.
        """
        kwargs.setdefault("key_prefix", config.get("CACHE_KEY_PREFIX") or "")
        if not args and "store" not in kwargs:
            kwargs["store"] = app
        return cls(*args, **kwargs)

    def __repr__(self) -> str:
        space = "" if self.namespace is None else f" of namespace {self.namespace!r}"
        return f"<KindstoreCache {self.key_prefix!r} in kind {self.kind!r}{space}>"

    @property
    def store(self) -> Store:
        """Where the entries are; opened if it is not open."""
        return self._open().store

    # Reading

    def get(self, key: str) -> Any:
        """The value of *key*; None where there is none, or none that can be read."""
        store, partition = self._place()
        [entity] = store.run(store.lookup([self._naming.key(partition, key)]))
        value = self._value(store, entity, time_of(store.now()))
        return None if value is _MISSING else value

    def get_many(self, *keys: str) -> list[Any]:
        """The value of each of *keys*, in one look-up."""
        return [None if value is _MISSING else value for value in self._values(keys)]

    def has(self, key: str) -> bool:
        """Whether `get` would find *key*, if with the value None.  It costs what `get` does."""
        return self._values([key])[0] is not _MISSING

    def _values(self, keys: Sequence[str]) -> list[Any]:
        store, partition = self._place()
        entities = store.run(store.lookup([self._naming.key(partition, key) for key in keys]))
        now = time_of(store.now())
        return [self._value(store, entity, now) for entity in entities]

    def _value(self, store: Store, entity: Entity | None, now: dt.datetime) -> Any:
        try:
            if entity is None or not is_live(entity, now):
                return _MISSING
            if "parts" not in entity:
                return self.serializer.loads(entity["value"])
            data = self._joined(store, entity, now)
            return _MISSING if data is None else self.serializer.loads(data)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - whoever wrote that, and whatever: for the cache it is no value
            _log.warning(
                "an entry can't be read, and counts as missing: %r: %r", entity and entity.key, error
            )
            return _MISSING

    def _joined(self, store: Store, entity: Entity, now: dt.datetime) -> bytes | None:
        """The bytes of a large value; None if it has gone meanwhile.  ValueError if it is damaged."""
        key = _key(entity)
        for _ in range(_RETRIES):
            found = store.run(store.lookup(self._naming.parts(entity)))
            if None not in found:
                return b"".join([part["value"] for part in found if part is not None])
            # Another value has been set since: its entity names other parts, or holds the value.
            [after] = store.run(store.lookup([key]))
            if after is None or not is_live(after, now):
                return None
            if "parts" not in after:
                return after["value"]  # type: ignore[no-any-return]
            if after.version == entity.version:
                break
            entity = after
        raise ValueError("parts are missing")

    # Writing

    def set(self, key: str, value: Any, timeout: Timeout | None = None) -> bool:
        """Store *value* under *key*, for *timeout* seconds (default: `default_timeout`; 0: for ever).

        True; False only where a serializer of cachelib has given up.  `BadValueError` for a value that the serializer
        does not take, `TooLargeError` for one over 8 MB.
        """
        return bool(self.set_many({key: value}, timeout))

    def set_many(self, mapping: Mapping[str, Any], timeout: Timeout | None = None) -> list[Any]:
        """`set` for each item of *mapping*, in one commit for up to 8 MB; the keys.  All are serialized before."""
        store, partition = self._place()
        expires = self._expiry(store, timeout)
        written: dict[str, list[Entity]] = {}
        for key, value in mapping.items():
            entities = self._written(partition, key, value, expires)
            if entities is not None:
                written[key] = entities
        for batch in _batches(written.values()):
            store.run(store.commit([Upsert(entity) for entity in batch]))
        self._sweep_if_due(store)
        return list(written)

    def add(self, key: str, value: Any, timeout: Timeout | None = None) -> bool:
        """`set`, unless there is an entry: then False, with nothing written.  Of many at once one gets True."""
        store, partition = self._place()
        entities = self._written(partition, key, value, self._expiry(store, timeout))
        if entities is None:
            return False

        def added(old: Entity | None) -> tuple[list[Mutation], bool]:
            if self._value(store, old, time_of(store.now())) is not _MISSING:
                return [], False
            return upserts(entities, _version(old)), True

        done = self._swap(store, self._naming.key(partition, key), added)
        self._sweep_if_due(store)
        return done

    def inc(self, key: str, delta: int = 1) -> int:
        """Add *delta* to the number under *key*, 0 if there is none; the new number.  No other step is lost.

        The entry expires when it would have; a new one after `default_timeout`.  `BadValueError` if it is no number.
        """
        store, partition = self._place()
        place = self._naming.key(partition, key)

        def counted(old: Entity | None) -> tuple[list[Mutation], int]:
            value = self._value(store, old, time_of(store.now()))
            expires = self._expiry(store, None)
            if value is _MISSING or value is None:
                value = 0
            elif type(value) not in {int, float}:
                raise BadValueError(
                    "only a number can be counted up or down", key=key, type=type(value).__name__
                )
            elif old is not None:
                expires = old.get("expires")
            entities = self._written(partition, key, value + delta, expires)
            if entities is None:
                raise BadValueError("the serializer does not take a number", serializer=self.serializer)
            return upserts(entities, _version(old)), value + delta

        result = self._swap(store, place, counted)
        self._sweep_if_due(store)
        return result

    def dec(self, key: str, delta: int = 1) -> int:
        """`inc` by minus *delta*."""
        return self.inc(key, -delta)

    def delete(self, key: str) -> bool:
        """Delete *key*; whether there was an entry.  Of many that delete one entry at once one gets True."""
        store, partition = self._place()

        def deleted(old: Entity | None) -> tuple[list[Mutation], bool]:
            if old is None or old.key is None:
                return [], False
            mutations: list[Mutation] = [Delete(old.key, old.version), *map(Delete, self._naming.parts(old))]
            return mutations, is_live(old, time_of(store.now()))

        return self._swap(store, self._naming.key(partition, key), deleted)

    def delete_many(self, *keys: str) -> list[Any]:
        """Delete *keys*, there or not, in one commit; all of them."""
        store, partition = self._place()
        places = list(dict.fromkeys(self._naming.key(partition, key) for key in keys))
        for at in range(0, len(places), _LARGEST_COMMIT):
            here = places[at : at + _LARGEST_COMMIT]
            found = store.run(store.lookup(here))
            parts = [part for entity in found if entity is not None for part in self._naming.parts(entity)]
            store.run(store.commit([Delete(place) for place in (*here, *parts)]))
        return list(keys)

    def clear(self) -> bool:
        """Delete every entry of this cache, and of no other one; True.  In steps: what others set meanwhile may stay."""
        store, partition = self._place()
        for kind in (self._naming.kind, self._naming.part_kind):
            low, high = self._naming.all(partition)
            while True:
                keys = self._keys(store, partition, kind, (low, high), BATCH)
                if not keys:
                    break
                store.run(store.commit([Delete(key) for key in keys]))
                low = PropertyFilter("__key__", ">", keys[-1])
        return True

    # Sweeping

    def sweep(self, limit: int = BATCH) -> int:
        """Delete expired entries, at most *limit*, and parts of large values that nothing names any longer; how many.

        Those of all caches of this kind and namespace.  An entry that is written anew meanwhile stays.
        `BadArgumentError` for a *limit* under 1.
        """
        if limit < 1:
            raise BadArgumentError("a sweep deletes at least one entry", limit=limit)
        store, partition = self._place()
        return self._sweep_expired(store, partition, limit) + self._sweep_parts(store, partition, limit)

    def sweep_all(self) -> int:
        """Delete all that has expired, in as many steps as it takes; how much it was."""
        store, partition = self._place()
        total = 0
        while removed := self._sweep_expired(store, partition, BATCH):
            total += removed
        self._last_part = None
        while True:
            total += self._sweep_parts(store, partition, BATCH)
            if self._last_part is None:
                return total

    def _sweep_expired(self, store: Store, partition: Partition, limit: int) -> int:
        query = Query(
            partition,
            self._naming.kind,
            filters=(PropertyFilter("expires", "<=", time_of(store.now())),),
            orders=(Order("expires"),),
            keys_only=True,
            limit=limit,
        )
        for delay in _delays():
            # A transaction: if one of them has been written since it was found, nothing is deleted.
            name = store.run(store.begin(concurrency=Concurrency.OPTIMISTIC))
            try:
                keys = [_key(entity) for entity in store.run(store.run_query(query, name)).results]
                store.run(store.commit([Delete(key) for key in keys], name))
            except ConflictError:
                _pause(delay)
            except BaseException:
                store.run(store.rollback(name))
                raise
            else:
                return len(keys)
        return 0

    def _sweep_parts(self, store: Store, partition: Partition, limit: int) -> int:
        """Go on where the last call ended: delete of the next *limit* parts those that no entry names."""
        after: tuple[Filter, ...] = ()
        if self._last_part is not None:
            after = (PropertyFilter("__key__", ">", self._last_part),)
        parts = self._keys(store, partition, self._naming.part_kind, after, limit)
        self._last_part = parts[-1] if len(parts) == limit else None
        # Read after the parts: an entry is committed with its parts, so that one that does not name a part never will.
        entries = list(dict.fromkeys(map(entry_of, parts)))
        found = dict(zip(entries, store.run(store.lookup(entries)), strict=True)) if entries else {}
        stale: list[Mutation] = [Delete(part) for part in parts if not is_needed(part, found[entry_of(part)])]
        if stale:
            store.run(store.commit(stale))
        return len(stale)

    def _sweep_if_due(self, store: Store) -> None:
        """Sweep a little, now and then; what goes wrong there is logged, since the write is done."""
        if not self.sweep_every:
            return
        now = time_of(store.now())
        if self._next_sweep is None:
            self._next_sweep = now + dt.timedelta(seconds=self.sweep_every * random.random())  # noqa: S311
        if now < self._next_sweep:
            return
        self._next_sweep = now + dt.timedelta(seconds=self.sweep_every)
        try:
            if self.sweep() >= BATCH:  # there is more
                self._next_sweep = now + dt.timedelta(seconds=self.sweep_every / 60)
        except Error:
            _log.warning("a sweep of the cache has failed", exc_info=True)

    # The store

    def _place(self) -> tuple[Store, Partition]:
        opened = self._open()
        namespace = opened.namespace if self.namespace is None else self.namespace
        return opened.store, opened.store.partition(namespace, opened.database)

    def _expiry(self, store: Store, timeout: Timeout | None) -> dt.datetime | None:
        seconds = self.default_timeout if timeout is None else _seconds(timeout)
        return expiry(time_of(store.now()), seconds)

    def _written(
        self, partition: Partition, key: str, value: Any, expires: dt.datetime | None
    ) -> list[Entity] | None:
        data = self.serializer.dumps(value)
        return None if data is None else self._naming.written(self._naming.key(partition, key), data, expires)

    def _swap(self, store: Store, key: Key, change: Callable[[Entity | None], tuple[list[Mutation], T]]) -> T:
        """Commit what *change* makes of the entity at *key*, from the beginning if another has changed that; its result.

        `ConflictError` after too many tries.
        """
        for delay in _delays(_RETRIES):
            [old] = store.run(store.lookup([key]))
            mutations, result = change(old)
            if not mutations:
                return result
            try:
                store.run(store.commit(mutations))
            except ConflictError:
                if delay is None:
                    raise
                _pause(delay)
            else:
                return result
        raise AssertionError("the last try raises or returns")

    def _keys(
        self, store: Store, partition: Partition, kind: str, filters: tuple[Filter, ...], limit: int
    ) -> list[Key]:
        query = Query(
            partition, kind, filters=filters, orders=(Order("__key__"),), keys_only=True, limit=limit
        )
        return [_key(entity) for entity in store.run(store.run_query(query)).results]


class _Opened(NamedTuple):
    """A store, and where in it code works that does not say."""

    store: Store
    namespace: str = ""
    database: str = ""


def _opener(place: Place | None) -> Callable[[], _Opened]:
    """What answers where the entries are, at each call; `BadArgumentError` for what says no place."""
    if place is None:
        return _ambient
    if isinstance(place, (str, os.PathLike)):
        place = Client(url=place)
    if isinstance(place, Client):
        client = place
        return lambda: _of_client(client)
    if isinstance(place, Flask):
        return _of_app(place)
    if isinstance(place, Kindstore):
        extension = place
        return lambda: _of_client(extension.client)
    if hasattr(place, "run_query"):
        opened = _Opened(place)
        return lambda: opened
    raise BadArgumentError(
        "a cache is in a store", store=place, hint="Give a path or URL, a Client, the extension, or a store."
    )


def _ambient() -> _Opened:
    context = ambient.context()
    return _Opened(context.store, context.partition.namespace, context.partition.database)


def _of_app(app: Flask) -> Callable[[], _Opened]:
    """The store of the extension of *app*, which may get it later; else that of its ``KINDSTORE_URL``; else the ambient one."""
    url = cast("Mapping[str, Any]", app.config).get("KINDSTORE_URL")
    # A client of the same sort, so that a relative path is the same file whichever of the two came first.
    own = None if url is None else AppClient(app, {})

    def opened() -> _Opened:
        extension: Kindstore | None = app.extensions.get("kindstore")
        client = own if extension is None else extension.client_of(app)
        return _ambient() if client is None else _of_client(client)

    return opened


def _of_client(client: Client) -> _Opened:
    return _Opened(client.store, client.namespace, client.database)


def _seconds(timeout: Timeout) -> int:
    if isinstance(timeout, dt.timedelta):
        timeout = timeout.total_seconds()
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a timeout is a number of seconds or a timedelta, not {type(timeout).__name__}")
    return math.ceil(timeout)


def _version(entity: Entity | None) -> int:
    return 0 if entity is None else entity.version


def _key(entity: Entity) -> Key:
    assert entity.key is not None
    return entity.key


def _delays(retries: int = 3) -> Iterator[float | None]:
    """How long to wait after each try that lost; None after the last one."""
    yield from Attempts(retries).delays()
    yield None


def _pause(delay: float | None) -> None:
    if delay is not None:
        time.sleep(delay)


def _batches(written: Iterable[list[Entity]]) -> Iterator[list[Entity]]:
    """The same entities in as few commits as there may be; those of one entry stay together."""
    batch: list[Entity] = []
    size = 0
    for entities in written:
        added = sum(len(entity["value"]) for entity in entities)
        if batch and (size + added > MAX_VALUE or len(batch) + len(entities) > _LARGEST_COMMIT):
            yield batch
            batch, size = [], 0
        batch += entities
        size += added
    if batch:
        yield batch
