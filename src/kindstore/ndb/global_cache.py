"""`ndb.global_cache`: caches that processes share, for ``client.context(global_cache=…)``.

`RedisCache` and `MemcacheCache` take a client of the official libraries (``pip install 'kindstore[redis]'``,
``kindstore[memcache]``); to subclass `GlobalCache` is to use another cache.
"""

from __future__ import annotations

import base64
import importlib
import os
import threading
import time
import warnings
from typing import Any, ClassVar, Self

from kindstore.mapper.global_cache import GlobalCache
from kindstore.values.errors import BadArgumentError

__all__ = ["GlobalCache", "MemcacheCache", "RedisCache"]


def __dir__() -> list[str]:
    return __all__


class _InProcessGlobalCache(GlobalCache):  # pyright: ignore[reportUnusedClass] - NDB's name, which users import
    """A cache in the memory of this process, common to all its instances: for tests, and to try things out."""

    thread_safe = True
    in_process = True
    cache: ClassVar[dict[bytes, tuple[bytes, float | None]]] = {}
    """Value and time of expiry by key."""
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._local = threading.local()

    @property
    def _watch_keys(self) -> dict[bytes, bytes]:
        watched: dict[bytes, bytes] = vars(self._local).setdefault("watched", {})
        return watched

    def _value(self, key: bytes) -> bytes | None:
        found = self.cache.get(key)
        if found is None:
            return None
        value, expires = found
        return None if expires is not None and expires < time.time() else value

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        """See `GlobalCache.get`."""
        with self._lock:
            return [self._value(key) for key in keys]

    def set(self, items: dict[bytes, bytes], expires: float | None = None) -> None:
        """See `GlobalCache.set`."""
        until = time.time() + expires if expires else None
        with self._lock:
            self.cache.update((key, (value, until)) for key, value in items.items())

    def set_if_not_exists(self, items: dict[bytes, bytes], expires: float | None = None) -> dict[bytes, bool]:
        """See `GlobalCache.set_if_not_exists`."""
        until = time.time() + expires if expires else None
        with self._lock:
            results = {key: self._value(key) is None for key in items}
            self.cache.update((key, (items[key], until)) for key, free in results.items() if free)
            return results

    def delete(self, keys: list[bytes]) -> None:
        """See `GlobalCache.delete`."""
        with self._lock:
            for key in keys:
                self.cache.pop(key, None)

    def watch(self, items: dict[bytes, bytes]) -> None:
        """See `GlobalCache.watch`."""
        self._watch_keys.update(items)

    def unwatch(self, keys: list[bytes]) -> None:
        """See `GlobalCache.unwatch`."""
        for key in keys:
            self._watch_keys.pop(key, None)

    def compare_and_swap(self, items: dict[bytes, bytes], expires: float | None = None) -> dict[bytes, bool]:
        """See `GlobalCache.compare_and_swap`."""
        until = time.time() + expires if expires else None
        watched = self._watch_keys
        with self._lock:
            results = {key: key in watched and self._value(key) == watched[key] for key in items}
            self.cache.update((key, (items[key], until)) for key, same in results.items() if same)
            return results

    def clear(self) -> None:
        """See `GlobalCache.clear`."""
        with self._lock:
            self.cache.clear()


class RedisCache(GlobalCache):
    """A cache in Redis, through *redis*: a ``redis.Redis``.

    *strict_read*: what can't be read from it is an error after five tries, instead of being read from the store.
    *strict_write*: what can't be locked in it is not written, so that nobody reads an old value.
    """

    thread_safe = True

    def __init__(self, redis: Any, strict_read: bool = False, strict_write: bool = True) -> None:
        self.redis = redis
        self.strict_read, self.strict_write = strict_read, strict_write
        self.transient_errors = (OSError, *_errors(_redis(), "ConnectionError", "TimeoutError"))
        self._local = threading.local()

    @classmethod
    def from_environment(cls, strict_read: bool = False, strict_write: bool = True) -> Self | None:
        """One for the server at the URL in ``REDIS_CACHE_URL``; None if that is not set.

        `BadArgumentError` without the package redis.
        """
        url = os.environ.get("REDIS_CACHE_URL")
        if not url:
            return None
        library = _redis()
        if library is None:
            raise _missing("redis", "redis")
        return cls(library.Redis.from_url(url), strict_read, strict_write)

    @property
    def pipes(self) -> dict[bytes, Any]:
        """The connections on which this thread watches a key each."""
        pipes: dict[bytes, Any] = vars(self._local).setdefault("pipes", {})
        return pipes

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        """See `GlobalCache.get`."""
        found: list[bytes | None] = self.redis.mget(keys)
        return found

    def set(self, items: dict[bytes, bytes], expires: float | None = None) -> None:
        """See `GlobalCache.set`."""
        for key, value in items.items():
            self.redis.set(key, value, ex=_seconds(expires))

    def set_if_not_exists(self, items: dict[bytes, bytes], expires: float | None = None) -> dict[bytes, bool]:
        """See `GlobalCache.set_if_not_exists`."""
        # One command for both: a client that died between them would leave a lock for ever.
        return {
            key: bool(self.redis.set(key, value, nx=True, ex=_seconds(expires)))
            for key, value in items.items()
        }

    def delete(self, keys: list[bytes]) -> None:
        """See `GlobalCache.delete`."""
        self.redis.delete(*keys)

    def watch(self, items: dict[bytes, bytes]) -> None:
        """See `GlobalCache.watch`."""
        for key, value in items.items():
            pipe = self.redis.pipeline()
            try:
                pipe.watch(key)
                same = pipe.get(key) == value
            except BaseException:
                pipe.reset()
                raise
            if same:
                self.pipes[key] = pipe
            else:
                pipe.reset()

    def unwatch(self, keys: list[bytes]) -> None:
        """See `GlobalCache.unwatch`."""
        for key in keys:
            pipe = self.pipes.pop(key, None)
            if pipe is not None:
                pipe.reset()

    def compare_and_swap(self, items: dict[bytes, bytes], expires: float | None = None) -> dict[bytes, bool]:
        """See `GlobalCache.compare_and_swap`."""
        changed = _errors(_redis(), "WatchError")
        results = dict.fromkeys(items, False)
        for key, value in items.items():
            pipe = self.pipes.pop(key, None)
            if pipe is None:
                continue
            try:
                pipe.multi()
                pipe.set(key, value, ex=_seconds(expires))
                pipe.execute()
                results[key] = True
            except changed:
                pass
            finally:
                pipe.reset()
        return results

    def clear(self) -> None:
        """See `GlobalCache.clear`.  Everything in that Redis database goes."""
        self.redis.flushdb()


class MemcacheCache(GlobalCache):
    """A cache in Memcache, through *client*: one of ``pymemcache``.  The rest is as in `RedisCache`."""

    thread_safe = True

    class KeyNotSet(Exception):
        """Memcache has not set the value of *key*."""

        def __init__(self, key: bytes) -> None:
            self.key = key
            super().__init__(f"SET operation failed in memcache for key: {key!r}")

        def __eq__(self, other: object) -> bool:
            return self.key == other.key if isinstance(other, type(self)) else NotImplemented

        def __hash__(self) -> int:
            return hash(self.key)

    def __init__(self, client: Any, strict_read: bool = False, strict_write: bool = True) -> None:
        self.client = client
        self.strict_read, self.strict_write = strict_read, strict_write
        errors = _errors(_pymemcache(), "MemcacheServerError", "MemcacheUnexpectedCloseError")
        self.transient_errors = (OSError, self.KeyNotSet, *errors)
        self._local = threading.local()

    @classmethod
    def from_environment(
        cls, max_pool_size: int = 4, strict_read: bool = False, strict_write: bool = True
    ) -> Self | None:
        """One for the servers in ``MEMCACHED_HOSTS``, as "host:port host:port"; None if that is not set.

        *max_pool_size*: connections to each.  ValueError for a malformed list, `BadArgumentError` without the package
        pymemcache.
        """
        hosts = [cls._parse_host_string(host) for host in os.environ.get("MEMCACHED_HOSTS", "").split()]
        if not hosts:
            return None
        library = _pymemcache()
        if library is None:
            raise _missing("pymemcache", "memcache")
        size = max_pool_size or 1
        if len(hosts) == 1:
            client = library.PooledClient(hosts[0], max_pool_size=size)
        else:
            client = library.HashClient(hosts, use_pooling=True, max_pool_size=size)
        return cls(client, strict_read, strict_write)

    @staticmethod
    def _parse_host_string(host_string: str) -> tuple[str, int]:
        host, colon, port = host_string.partition(":")
        if not colon:
            return host, 11211
        if not port.isdecimal():
            raise ValueError(f"Invalid memcached host_string: {host_string}")
        return host, int(port)

    @staticmethod
    def _key(key: bytes) -> bytes | str:
        """*key* in letters that Memcache takes, and not too many of them."""
        encoded = base64.b64encode(key)
        if len(encoded) <= 250:
            return encoded
        import hashlib  # noqa: PLC0415 - loads OpenSSL, which most programs don't need

        return hashlib.sha1(encoded, usedforsecurity=False).hexdigest()

    @property
    def caskeys(self) -> dict[bytes | str, Any]:
        """The versions of the values that this thread watches."""
        caskeys: dict[bytes | str, Any] = vars(self._local).setdefault("caskeys", {})
        return caskeys

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        """See `GlobalCache.get`."""
        wanted = [self._key(key) for key in keys]
        found: dict[bytes | str, bytes] = self.client.get_many(wanted)
        return [found.get(key) for key in wanted]

    def set(self, items: dict[bytes, bytes], expires: float | None = None) -> dict[bytes, Any] | None:
        """See `GlobalCache.set`."""
        given = {self._key(key): key for key in items}
        values = {key: items[original] for key, original in given.items()}
        failed = [
            given[key] for key in self.client.set_many(values, expire=_seconds(expires) or 0, noreply=False)
        ]
        if not failed:
            return None
        warnings.warn(f"Keys failed to set in memcache: {failed}", RuntimeWarning, stacklevel=2)
        return {key: self.KeyNotSet(key) for key in failed}

    def set_if_not_exists(self, items: dict[bytes, bytes], expires: float | None = None) -> dict[bytes, bool]:
        """See `GlobalCache.set_if_not_exists`."""
        seconds = _seconds(expires) or 0
        return {
            key: bool(self.client.add(self._key(key), value, expire=seconds, noreply=False))
            for key, value in items.items()
        }

    def delete(self, keys: list[bytes]) -> None:
        """See `GlobalCache.delete`."""
        # With an answer: a writer that is told nothing must not believe that they are gone.
        self.client.delete_many([self._key(key) for key in keys], noreply=False)

    def watch(self, items: dict[bytes, bytes]) -> None:
        """See `GlobalCache.watch`."""
        expected = {self._key(key): value for key, value in items.items()}
        for key, (value, caskey) in self.client.gets_many(list(expected)).items():
            if value == expected[key]:
                self.caskeys[key] = caskey

    def unwatch(self, keys: list[bytes]) -> None:
        """See `GlobalCache.unwatch`."""
        for key in keys:
            self.caskeys.pop(self._key(key), None)

    def compare_and_swap(self, items: dict[bytes, bytes], expires: float | None = None) -> dict[bytes, bool]:
        """See `GlobalCache.compare_and_swap`."""
        results: dict[bytes, bool] = {}
        for original, value in items.items():
            key = self._key(original)
            caskey = self.caskeys.pop(key, None)
            if caskey is not None:
                swapped = self.client.cas(key, value, caskey, expire=_seconds(expires) or 0, noreply=False)
                results[original] = bool(swapped)
        return results

    def clear(self) -> None:
        """See `GlobalCache.clear`.  Everything in these servers goes."""
        self.client.flush_all()


def _seconds(expires: float | None) -> int | None:
    """Whole seconds, at least one: 0 would be for ever."""
    return max(1, round(expires)) if expires else None


def _redis() -> Any:
    """The package redis, None where it is not installed."""
    try:
        return importlib.import_module("redis")
    except ModuleNotFoundError:
        return None


def _pymemcache() -> Any:
    """The package pymemcache, None where it is not installed."""
    try:
        return importlib.import_module("pymemcache")
    except ModuleNotFoundError:
        return None


def _missing(package: str, extra: str) -> BadArgumentError:
    return BadArgumentError(
        f"this cache needs the package {package}", hint=f"pip install 'kindstore[{extra}]'"
    )


def _errors(library: Any, *names: str) -> tuple[type[Exception], ...]:
    """Errors of *library*; none if it is not there, since then nobody raises them."""
    return () if library is None else tuple(getattr(library.exceptions, name) for name in names)
