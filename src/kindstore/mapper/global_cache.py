"""Global caches: entities kept where other processes find them, and never older than the store has them.

A cache is a map of bytes to bytes with compare-and-swap.  What stands under the name of an entity is one of

* nothing, or ``b""``: not known; whoever reads the entity may keep it here;
* ``0-`` and a token: somebody is reading it from the store and will replace exactly this by what he found;
* ``00`` and locks: writers are about to commit it; nobody may keep anything here until they have all taken theirs away;
* ``1`` and the entity.

Why no old value stays: a writer puts its lock here before it commits, which removes the token of every reader that
may have seen the old state, and each token is of one reader and one time, so that his swap fails.  A reader who comes
later finds the lock, and one who comes after the writer has taken it away finds the new state in the store.

A lock says until when it is good, so that one of a writer that died is ignored, even where others have renewed the
value since.  All of this blocks; `kindstore.mapper.sharing` keeps it away from event loops.
"""

from __future__ import annotations

import abc
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from kindstore.mapper.future import Future
from kindstore.values.errors import BusyError

T = TypeVar("T")

LOCK_TIME: Final = 64
"""Seconds that a lock or a token stands, if nobody takes it away."""

READING: Final = b"0-"
WRITING: Final = b"00"
KNOWN: Final = b"1"
NOTHING: Final = b""

_LOCK: Final = 1 + 8 + 32
"""Bytes of a writer's lock: a dot, the second until which it is good, a token."""

_TRIES: Final = 5
_SWAPS: Final = 1000
"""Times that a writer tries to put its lock beside the ones that others put and take meanwhile."""


class GlobalCache(abc.ABC):
    """A cache for `Client.context`; subclass it to use another one than Redis or Memcache.

    Keys and values are bytes.  Methods may return a `Future`.  Those of one instance are called from several threads, but
    `watch` and the `compare_and_swap` after it by one thread, and in one of them at a time unless `thread_safe` is true.
    """

    transient_errors: tuple[type[Exception], ...] = ()
    """Errors of the network, which may be gone at the next try."""

    strict_read: bool = True
    """Try reading five times and then raise a transient error; otherwise warn, and go on with the store alone."""

    strict_write: bool = True
    """The same for what a write has to do here before it writes; otherwise others may read an old value for a while."""

    thread_safe: bool = False
    """Whether `watch` remembers what it watches for each thread apart."""

    in_process: bool = False
    """Whether calls are of memory alone, and so never keep an event loop waiting."""

    @abc.abstractmethod
    def get(self, keys: list[bytes]) -> Any:
        """The value of each of *keys*, None where there is none."""
        raise NotImplementedError

    @abc.abstractmethod
    def set(self, items: dict[bytes, bytes], expires: float | None = None) -> Any:
        """Set all *items*, for *expires* seconds.  May return a dict with an exception for each key that failed."""
        raise NotImplementedError

    @abc.abstractmethod
    def set_if_not_exists(self, items: dict[bytes, bytes], expires: float | None = None) -> Any:
        """Set those of *items* whose key has no value; a dict that tells of each key whether it was set."""
        raise NotImplementedError

    @abc.abstractmethod
    def delete(self, keys: list[bytes]) -> Any:
        """Remove *keys*, there or not."""
        raise NotImplementedError

    @abc.abstractmethod
    def watch(self, items: dict[bytes, bytes]) -> Any:
        """Begin to watch the keys of *items* that have these values."""
        raise NotImplementedError

    @abc.abstractmethod
    def unwatch(self, keys: list[bytes]) -> Any:
        """Don't watch *keys* any longer."""
        raise NotImplementedError

    @abc.abstractmethod
    def compare_and_swap(self, items: dict[bytes, bytes], expires: float | None = None) -> Any:
        """Set those of *items* whose key was watched and has not changed since; a dict that tells which were set."""
        raise NotImplementedError

    @abc.abstractmethod
    def clear(self) -> Any:
        """Remove everything."""
        raise NotImplementedError


class Shelf:
    """What is to be done in a *cache*, in the order that keeps old values out; *clock* is in seconds since 1970."""

    def __init__(
        self,
        cache: GlobalCache,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.cache, self._clock, self._pause = cache, clock, pause
        # With the cache, whose users in this process have them in common.
        self._swapping: threading.Lock = vars(cache).setdefault("_kindstore_swapping", threading.Lock())
        self._behind: set[bytes] = vars(cache).setdefault("_kindstore_behind", set())

    # Readers.

    def get(self, names: list[bytes]) -> dict[bytes, bytes | None] | None:
        """What stands under each of *names*; None if there is no asking now."""

        def get() -> dict[bytes, bytes | None]:
            self._catch_up()
            return dict(zip(names, _result(self.cache.get(names)), strict=True))

        return self._reading(get)

    def lock_for_reading(self, seen: Mapping[bytes, bytes | None]) -> dict[bytes, bytes]:
        """A token for each name of *seen* under which there still stands the same, which is no lock."""
        wanted = {name: READING + _token() for name in seen}

        def lock() -> dict[bytes, bytes]:
            new = {name: wanted[name] for name, value in seen.items() if value is None}
            won: dict[bytes, bool] = (
                _result(self.cache.set_if_not_exists(new, expires=LOCK_TIME)) if new else {}
            )
            old = {name: value for name, value in seen.items() if value is not None}
            won |= self._swap(old, {name: wanted[name] for name in old})
            return {name: token for name, token in wanted.items() if won.get(name)}

        return (self._reading(lock) if seen else None) or {}

    def keep(self, found: Mapping[bytes, tuple[bytes, bytes]], expires: float | None) -> None:
        """Replace tokens by values: *found* has (token, value) by name.  What was written meanwhile stays."""
        tokens = {name: token for name, (token, _) in found.items()}
        values = {name: value for name, (_, value) in found.items()}
        self._reading(lambda: self._swap(tokens, values, expires))

    # Writers.

    def lock_for_writing(self, names: Iterable[bytes]) -> dict[bytes, bytes] | None:
        """A lock under each of *names*, beside those of others.

        A transient error if the cache is strict; otherwise None if it can't be had.
        """
        until = int(self._clock()) + LOCK_TIME
        locks = {name: b".%08x" % until + _token() for name in names}

        def lock() -> dict[bytes, bytes]:
            self._update(
                list(locks),
                lambda name, value: WRITING + b"".join(self._others(value, locks[name])) + locks[name],
            )
            return locks

        try:
            return self._trying(lock, strict=self.cache.strict_write)
        except self.cache.transient_errors as error:
            if self.cache.strict_write:
                raise
            _warn(error)
            return None

    def unlock(self, locks: Mapping[bytes, bytes]) -> None:
        """Take *locks* away, and whatever else stands there but the locks of other writers."""

        def without(name: bytes, value: bytes | None) -> bytes | None:
            others = self._others(value, locks[name])
            return None if value is None else WRITING + b"".join(others) if others else NOTHING

        try:
            self._trying(lambda: self._update(list(locks), without), strict=self.cache.strict_write)
        except self.cache.transient_errors as error:  # they stand until they expire
            _warn(error)

    def forget(self, names: Iterable[bytes]) -> None:
        """Remove *names*: now or, if the cache is away, before this process reads anything from it again."""
        self._behind.update(names)
        try:
            self._catch_up()
        except self.cache.transient_errors as error:
            _warn(error)

    def put(self, values: dict[bytes, bytes], expires: float | None) -> None:
        """Set *values*, which are nowhere else; the first error, if some could not be set."""
        results: dict[bytes, Any] | None = self._trying(
            lambda: _result(self.cache.set(values, expires=expires or None)), strict=True
        )
        for result in (results or {}).values():
            if isinstance(result, Exception):
                raise result

    def is_locked(self, value: bytes | None) -> bool:
        """Whether *value* is the mark of a reader, or of a writer that may be at work still."""
        if value is None or not value.startswith(WRITING):
            return value is not None and value.startswith(READING)
        return bool(self._others(value, b""))

    # The cache.

    def _others(self, value: bytes | None, mine: bytes) -> list[bytes]:
        """The locks in *value* but *mine* and those of writers that must have died."""
        if value is None or not value.startswith(WRITING):
            return []
        locks = [value[at : at + _LOCK] for at in range(len(WRITING), len(value), _LOCK)]
        # Twice the time, for the clocks of other machines may be wrong.
        oldest = self._clock() - LOCK_TIME
        return [lock for lock in locks if lock != mine and int(lock[1:9], 16) >= oldest]

    def _update(self, names: list[bytes], change: Callable[[bytes, bytes | None], bytes | None]) -> None:
        """Under each of *names* make of what stands there what *change* says, whoever else does so meanwhile."""
        for _ in range(_SWAPS):
            values = dict(zip(names, _result(self.cache.get(names)), strict=True))
            new = {name: change(name, value) for name, value in values.items()}
            wanted = {
                name: value for name, value in new.items() if value is not None and value != values[name]
            }
            first = {name: value for name, value in wanted.items() if values[name] is None}
            won: dict[bytes, bool] = {}
            if first:
                won |= _result(self.cache.set_if_not_exists(first, expires=LOCK_TIME))
            old = {name: value for name in wanted if (value := values[name]) is not None}
            won |= self._swap(old, {name: wanted[name] for name in old})
            names = [name for name in wanted if not won.get(name)]
            if not names:
                return
        raise BusyError("too many writers of one entity at once in the global cache", names=len(names))

    def _swap(
        self, old: Mapping[bytes, bytes], new: Mapping[bytes, bytes], expires: float | None = LOCK_TIME
    ) -> dict[bytes, bool]:
        """Replace *old* values by *new* ones where they still stand; which were."""
        if not old:
            return {}
        if self.cache.thread_safe:
            return self._swap_here(old, new, expires)
        with self._swapping:
            return self._swap_here(old, new, expires)

    def _swap_here(
        self, old: Mapping[bytes, bytes], new: Mapping[bytes, bytes], expires: float | None
    ) -> dict[bytes, bool]:
        # Watched only now: that the value is the same is enough, since no token is used twice.
        _result(self.cache.watch(dict(old)))
        try:
            won: dict[bytes, bool] = _result(self.cache.compare_and_swap(dict(new), expires=expires or None))
        finally:
            _result(self.cache.unwatch(list(old)))
        return won

    def _catch_up(self) -> None:
        behind = list(self._behind)
        if behind:
            _result(self.cache.delete(behind))
            self._behind.difference_update(behind)

    def _reading(self, call: Callable[[], T]) -> T | None:
        try:
            return self._trying(call, strict=self.cache.strict_read)
        except self.cache.transient_errors as error:
            if self.cache.strict_read:
                raise
            _warn(error)
            return None

    def _trying(self, call: Callable[[], T], *, strict: bool) -> T:
        """The result of *call*, for which a strict cache is asked several times."""
        wait = 0.1
        for _ in range(_TRIES - 1 if strict else 0):
            try:
                return call()
            except self.cache.transient_errors:
                self._pause(wait)
                wait = min(2 * wait, 1.0)
        return call()


def _token() -> bytes:
    return os.urandom(16).hex().encode()


def _result(result: Any) -> Any:
    """What a method of a cache has come to, which may be a future."""
    if isinstance(result, Future):
        future: Future[Any] = result
        return future.result()
    return result


def _warn(error: Exception) -> None:
    warnings.warn(f"Error connecting to global cache: {error}", RuntimeWarning, stacklevel=3)
