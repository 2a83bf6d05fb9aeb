"""A store in front of which there is a global cache: the one that contexts with such a cache work on.

Lookups outside of transactions ask the cache first; every commit locks in it what it is about to change.  Transactions
read from the store alone, and queries too.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar, cast

import msgspec

from kindstore.mapper.claims import key_in
from kindstore.mapper.global_cache import KNOWN, GlobalCache, Shelf
from kindstore.mapper.model import Model
from kindstore.mapper.references import key_of_class
from kindstore.store.abc import Store
from kindstore.store.messages import Committed, Consistency, Delete, Mutation
from kindstore.store.program import Program
from kindstore.values import record
from kindstore.values.entity import ENTITIES, Maker, Readers, Shape
from kindstore.values.errors import BadArgumentError, BadKeyError, Error, OutcomeUnknownError
from kindstore.values.key import Key

T = TypeVar("T")

Flag = Callable[[Any], bool | None]
Seconds = Callable[[Any], float | None]

PREFIX: Final = b"kindstore1"


class Policies:
    """What a context decides about keys: None leaves it to the model class, and that to the default, which is yes.

    *cached*: whether an entity is kept in the global cache, *seconds* for how long (None or 0: until it is pushed out),
    *stored*: whether it is in the store at all.
    """

    __slots__ = ("cached", "seconds", "stored")

    def __init__(
        self,
        cached: Flag | bool | None = None,
        seconds: Seconds | float | None = None,
        stored: Flag | bool | None = None,
    ) -> None:
        self.cached: Flag | None = as_policy(cached)
        self.seconds: Seconds | None = as_policy(seconds)
        self.stored: Flag | None = as_policy(stored)

    def copy(self) -> Policies:
        """The same, to be changed by itself."""
        return Policies(self.cached, self.seconds, self.stored)


def as_policy(given: Any) -> Any:
    """*given* as a function of a key: a value is that of every key."""

    def always(_: Any) -> Any:
        return given

    return given if given is None or callable(given) else always


class CallOptions(NamedTuple):
    """What one call says, which goes before the policies; None: nothing."""

    cached: bool | None = None
    seconds: float | None = None
    stored: bool | None = None


class _Call:
    """A request of a program here: the result of *function*, which may wait for the network."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function


class SharingStore:
    """*store* with *cache* in front of it; None: without one, for contexts that have something else to say here."""

    def __init__(
        self,
        store: Store,
        cache: GlobalCache | None,
        policies: Policies,
        options: CallOptions = CallOptions(),  # noqa: B008 - it is immutable
    ) -> None:
        self.store, self.cache, self.policies, self.options = store, cache, policies, options
        self._shelf = None if cache is None else Shelf(cache)
        self._in_process = cache is None or cache.in_process
        self._identity = identity_of(store)

    def __repr__(self) -> str:
        return f"<{self.store!r} behind {self.cache!r}>"

    def __getattr__(self, name: str) -> Any:
        # Everything else is the store's own.
        return getattr(self.store, name)

    def with_options(self, options: CallOptions) -> SharingStore:
        """The same, for one call."""
        return SharingStore(self.store, self.cache, self.policies, options)

    # What goes where.

    def is_cached(self, key: Key) -> bool:
        """Whether the entity of *key* is looked for, and kept, in the cache."""
        if self._shelf is None:
            return False
        return bool(_decided(self.options.cached, self.policies.cached, "_use_global_cache", key))

    def is_shared(self, key: Key) -> bool:
        """Whether somebody may find the entity of *key* in the cache: whatever this call says about itself."""
        return self._shelf is not None and bool(
            _decided(None, self.policies.cached, "_use_global_cache", key)
        )

    def is_stored(self, key: Key) -> bool:
        """Whether the entity of *key* is in the store.  TypeError if it is nowhere."""
        if _decided(self.options.stored, self.policies.stored, "_use_datastore", key):
            return True
        if not self.is_cached(key):
            raise TypeError("use_global_cache and use_datastore can't both be False")
        return False

    def _seconds(self, key: Key) -> float | None:
        return _said(self.options.seconds, self.policies.seconds, "_global_cache_timeout", key) or None

    def _name(self, key: Key) -> bytes:
        partition = key._partition
        place = (self._identity, partition.project, partition.database, partition.namespace)
        return PREFIX + msgspec.msgpack.encode(place) + (key._packed or key.path_bytes)

    # Reading.

    def lookup(
        self,
        keys: Sequence[Key],
        transaction: bytes | None = None,
        consistency: Consistency = Consistency.STRONG,
        *,
        maker: Maker[Any] = ENTITIES,
    ) -> Program[list[Any]]:
        """See `Store.lookup`.  Plain entities are for those who compare versions: they come from the store."""
        if transaction is not None or maker is ENTITIES:
            return self.store.lookup(keys, transaction, consistency, maker=maker)
        return self._lookup(keys, consistency, maker)

    def _lookup(self, keys: Sequence[Key], consistency: Consistency, maker: Maker[Any]) -> Program[list[Any]]:
        names = {key: self._name(key) for key in keys if key.is_complete and self.is_cached(key)}
        away = {key for key in keys if not self.is_stored(key)}
        if not names:
            return (yield from self.store.lookup(keys, None, consistency, maker=maker))
        shelf = cast("Shelf", self._shelf)
        seen: dict[bytes, bytes | None] | None = yield _Call(partial(shelf.get, list(names.values())))
        results: dict[Key, Any] = dict.fromkeys(away)
        free: dict[bytes, bytes | None] = {}
        for key, name in names.items():
            value = None if seen is None else seen[name]
            entity = _loaded(value)
            if entity is not None:
                shape, values, version = entity
                results[key] = _made(maker, key, shape, values, version)
            elif seen is not None and not shelf.is_locked(value):
                free[name] = value
        missing = [key for key in keys if key not in results]
        if not missing:
            return [results[key] for key in keys]
        tokens: dict[bytes, bytes] = {}
        # What may be old is not for others.
        if consistency is Consistency.STRONG and free:
            tokens = yield _Call(partial(shelf.lock_for_reading, free))
        if not tokens:
            found = yield from self.store.lookup(missing, None, consistency, maker=maker)
            results.update(zip(missing, found, strict=True))
            return [results[key] for key in keys]
        try:
            parts: list[Any] = yield from self.store.lookup(missing, None, consistency, maker=_PARTS)
        except Exception:
            yield _Call(partial(shelf.keep, {name: (token, b"") for name, token in tokens.items()}, None))
            raise
        kept: dict[float | None, dict[bytes, tuple[bytes, bytes]]] = {}
        for key, entity in zip(missing, parts, strict=True):
            token = tokens.get(names[key]) if key in names else None
            if token is not None:
                # What is missing is not kept: only the token goes.
                seconds = None if entity is None else self._seconds(key)
                kept.setdefault(seconds, {})[names[key]] = token, b"" if entity is None else _dumped(*entity)
        for seconds, with_tokens in kept.items():
            yield _Call(partial(shelf.keep, with_tokens, seconds))
        for key, entity in zip(missing, parts, strict=True):
            results[key] = None if entity is None else _made(maker, key, *entity)
        return [results[key] for key in keys]

    # Writing.

    def commit(self, mutations: Sequence[Mutation], transaction: bytes | None = None) -> Program[Committed]:
        """See `Store.commit`.  What was locked in vain, because nothing was written, is only forgotten in the cache."""
        keys = [key for key in map(key_in, mutations) if key.is_complete]
        away = {key for key in map(key_in, mutations) if not self.is_stored(key)}
        if away:
            if transaction is not None or len(away) < len(set(map(key_in, mutations))):
                raise BadArgumentError(
                    "a commit is for the store, or for the cache alone", keys=sorted(map(repr, away))
                )
            return self._put_away(mutations)
        names = dict.fromkeys(self._name(key) for key in keys if self.is_shared(key))
        if not names:
            return self.store.commit(mutations, transaction)
        return self._commit(mutations, transaction, list(names))

    def _commit(
        self, mutations: Sequence[Mutation], transaction: bytes | None, names: list[bytes]
    ) -> Program[Committed]:
        shelf = cast("Shelf", self._shelf)
        locks: dict[bytes, bytes] | None = yield _Call(partial(shelf.lock_for_writing, names))
        done: Callable[[], None] = (
            partial(shelf.forget, names) if locks is None else partial(shelf.unlock, locks)
        )
        try:
            committed = yield from self.store.commit(mutations, transaction)
        except OutcomeUnknownError:
            raise  # it may be there at any moment: the locks stand until they expire
        except Exception:
            yield _Call(done)
            raise
        yield _Call(done)
        return committed

    def _put_away(self, mutations: Sequence[Mutation]) -> Program[Committed]:
        """Put into the cache, or remove from it, what is not in the store."""
        shelf = cast("Shelf", self._shelf)
        keys = [key_in(mutation) for mutation in mutations]
        for key in keys:
            if not key.is_complete:
                raise BadKeyError(
                    "an entity gets its id from the store", key=key, hint="Give it one, or use the store."
                )
        for mutation, key in zip(mutations, keys, strict=True):
            if isinstance(mutation, Delete):
                yield _Call(partial(shelf.forget, [self._name(key)]))
            else:
                entity = mutation.entity
                value = _dumped(entity.shape, entity.values, 0)
                yield _Call(partial(shelf.put, {self._name(key): value}, self._seconds(key)))
        return Committed(keys, 0)

    # Running.

    def run(self, program: Program[T]) -> T:
        """See `Store.run`."""
        steps = _Steps(program)
        while (call := self.store.run(steps.to_the_next_call())) is not None:
            try:
                steps.reply = call.function()
            except Exception as error:  # noqa: BLE001 - it belongs to the program
                steps.error = error
        return cast("T", steps.result)

    async def arun(self, program: Program[T]) -> T:
        """See `Store.arun`."""
        steps = _Steps(program)
        try:
            while (call := await self.store.arun(steps.to_the_next_call())) is not None:
                try:
                    if self._in_process:
                        steps.reply = call.function()
                    else:
                        import asyncio  # noqa: PLC0415 - 40 ms of start-up that only programs with an event loop need

                        steps.reply = await asyncio.to_thread(call.function)
                except Exception as error:  # noqa: BLE001 - it belongs to the program
                    steps.error = error
        finally:
            program.close()
        return cast("T", steps.result)


class _Steps:
    """A program that is run in pieces: the store runs what is between two calls of the cache."""

    __slots__ = ("_program", "error", "reply", "result")

    def __init__(self, program: Program[Any]) -> None:
        self._program = program
        self.reply: Any = None
        self.error: Exception | None = None
        self.result: Any = None

    def to_the_next_call(self) -> Program[_Call | None]:
        program = self._program
        error, self.error = self.error, None
        try:
            request = program.send(self.reply) if error is None else program.throw(error)
            self.reply = None
            while not isinstance(request, _Call):
                try:
                    reply = yield request
                except Exception as failed:  # noqa: BLE001 - it belongs to the program
                    request = program.throw(failed)
                else:
                    request = program.send(reply)
        except StopIteration as ended:
            self.result = ended.value
            return None
        return request


def _said(option: Any, policy: Callable[[Any], Any] | None, attribute: str, key: Key) -> Any:
    """What the call says; if nothing, the context; if nothing, the model class of *key*."""
    if option is not None:
        return option
    said = None if policy is None else policy(key)
    if said is None:
        said = getattr(Model._kind_map.get(key.path[-2]), attribute, None)
        if callable(said):
            said = cast("Callable[[Any], Any]", said)(key)
    return said


def _decided(option: bool | None, policy: Flag | None, attribute: str, key: Key) -> Any:
    said = _said(option, policy, attribute, key)
    return True if said is None else said


def identity_of(store: Any) -> str:
    """What tells the database of *store* from others whose entities may be in the same cache."""
    while store is not None:
        found: str | None = getattr(store, "identity", None)
        if found is not None:
            return found
        store = getattr(store, "store", None)
    return ""


# Values.


class _PartsMaker:
    key_class: type[Key] = Key

    def of(self, shape: Shape) -> Callable[[Key, list[Any], int], tuple[Shape, list[Any], int]]:
        return lambda _key, values, version: (shape, values, version)

    def typed(self, shape: Shape, readers: Readers, keyed: bool) -> None:
        """See `values.entity.Maker`."""


_PARTS: Final = _PartsMaker()
_MOST_SHAPES: Final = 1000
_shapes: dict[bytes, record.StoredShape] = {}


def _dumped(shape: Shape, values: list[Any], version: int) -> bytes:
    body = record.dump_shape(shape, tuple(map(record.codec_of, values)))
    return KNOWN + msgspec.msgpack.encode((version, body, record.dump(_shape_of(body), values)))


def _loaded(value: bytes | None) -> tuple[Shape, list[Any], int] | None:
    """The entity in *value*; None if there is none, or one that a newer version has put there."""
    if value is None or not value.startswith(KNOWN):
        return None
    try:
        version, body, packed = msgspec.msgpack.decode(value[len(KNOWN) :], type=tuple[int, bytes, bytes])
        shape, values = record.load(packed, {0: _shape_of(body)})
    except (Error, msgspec.MsgspecError):
        return None
    return shape, values, version


def _shape_of(body: bytes) -> record.StoredShape:
    found = _shapes.get(body)
    if found is None:
        if len(_shapes) >= _MOST_SHAPES:
            _shapes.clear()
        found = _shapes[body] = record.load_shape(0, body)
    return found


def _made(maker: Maker[Any], key: Key, shape: Shape, values: list[Any], version: int) -> Any:
    return maker.of(shape)(key_of_class(key, maker.key_class), values, version)
