"""Global caches: what is taken from them, what is kept in them, and who says so."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from kindstore import ndb
from kindstore.mapper.global_cache import LOCK_TIME, READING, WRITING, Shelf
from kindstore.ndb.global_cache import _InProcessGlobalCache
from kindstore.testing.recording import recorded


class Note(ndb.Model):
    text = ndb.StringProperty()
    tags = ndb.StringProperty(repeated=True)
    at = ndb.DateTimeProperty(auto_now_add=True)
    where = ndb.GeoPtProperty()
    owner = ndb.KeyProperty()
    body = ndb.JsonProperty()


class Uncached(ndb.Model):
    _use_global_cache = False
    text = ndb.StringProperty()


class Brief(ndb.Model):
    _global_cache_timeout = 7
    text = ndb.StringProperty()


class Session(ndb.Model):
    _use_datastore = False
    text = ndb.StringProperty()


class Secret(ndb.Model):
    code = ndb.StringProperty(unique=True)


class Failing(_InProcessGlobalCache):
    """A cache that can be taken away."""

    transient_errors = (OSError,)

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.cache = {}  # type: ignore[misc]

    def __getattribute__(self, name: str) -> Any:
        if name in {"get", "set", "set_if_not_exists", "delete", "watch", "compare_and_swap"} and self.away:
            raise OSError("it is away")
        return super().__getattribute__(name)


@pytest.fixture
def cache() -> Iterator[_InProcessGlobalCache]:
    made = _InProcessGlobalCache()
    yield made
    made.clear()


@pytest.fixture
def shared(client: ndb.Client, cache: _InProcessGlobalCache) -> Iterator[ndb.Context]:
    with client.context(global_cache=cache, cache_policy=False) as context:
        yield context


def lookups(client: ndb.Client, cache: ndb.GlobalCache, key: ndb.Key, **options: Any) -> int:
    """How often the store is asked for *key*."""
    with client.context(global_cache=cache, cache_policy=False), recorded() as calls:
        key.get(**options)
    return len(calls.of("lookup"))


def known(cache: _InProcessGlobalCache) -> int:
    return sum(value.startswith(b"1") for value, _ in cache.cache.values())


@pytest.mark.usefixtures("shared")
def test_what_one_has_read_another_need_not(client: ndb.Client, cache: _InProcessGlobalCache) -> None:
    note = Note(
        text="é",
        tags=["a", "b"],
        where=ndb.GeoPt(1, 2),
        owner=ndb.Key("Person", "ada"),
        body={"x": [1, None]},
    )
    key = note.put()
    assert lookups(client, cache, key) == 1
    assert lookups(client, cache, key) == 0
    found = key.get()
    assert found == note
    assert found is not key.get()
    assert known(cache) == 1


@pytest.mark.usefixtures("shared")
def test_a_write_is_seen_at_once(client: ndb.Client, cache: _InProcessGlobalCache) -> None:
    key = Note(id=1, text="old").put()
    for change in ("new", "newer"):
        key.get()
        note = key.get()
        note.text = change
        note.put(use_global_cache=False)  # which does not mean that others may find the old one there
        assert key.get().text == change
    key.get()
    key.delete()
    assert key.get() is None
    assert lookups(client, cache, key) == 1  # what is missing is not kept


@pytest.mark.usefixtures("shared")
def test_a_transaction_reads_from_the_store_and_changes_both(cache: _InProcessGlobalCache) -> None:
    key = Note(id=1, text="old").put()
    key.get()
    cached = dict(cache.cache)

    @ndb.transactional()
    def change() -> None:
        note = key.get()
        note.text += "er"
        note.put()
        assert cache.cache == cached  # nothing is locked before the commit

    change()
    assert key.get().text == "older"

    def give_up() -> None:
        Note(id=1, text="never").put()
        raise ndb.Rollback

    with pytest.raises(ndb.Rollback):
        ndb.transaction(give_up)
    assert key.get().text == "older"


@pytest.mark.usefixtures("shared")
def test_many_at_once_with_unique_values_and_queries() -> None:
    keys = ndb.put_multi([Secret(id=number, code=f"c{number}") for number in range(1, 6)])
    for _ in range(2):
        found = ndb.get_multi([*keys, ndb.Key(Secret, 9), keys[0]])
        assert [each and each.code for each in found] == ["c1", "c2", "c3", "c4", "c5", None, "c1"]
    with pytest.raises(ndb.exceptions.UniqueViolationError):
        Secret(id=7, code="c1").put()
    ndb.delete_multi(keys[:2])
    assert Secret.query().count() == 3
    assert ndb.get_multi(keys[:3])[:2] == [None, None]
    assert Secret.get_or_insert("a", code="x") == Secret.get_or_insert("a", code="y")


def test_futures_share_a_lookup_of_the_cache_too(client: ndb.Client, cache: _InProcessGlobalCache) -> None:
    with client.context(global_cache=cache, cache_policy=False):
        ndb.wait_all([Note(id=number).put_async() for number in range(1, 9)])
        for _ in range(2):
            futures = [ndb.Key(Note, number).get_async() for number in range(1, 10)]
            assert [future.result() is None for future in futures] == [False] * 8 + [True]
        key = ndb.Key(Note, 1)
        Note(id=1, text="one").put_async()
        Note(id=1, text="two").put_async(use_global_cache=False)
        Note(id=1, text="three").put_async()
        ndb.get_context().flush()
        assert key.get().text == "three"


@pytest.mark.parametrize("in_process", [True, False])
def test_asyncio(client: ndb.Client, cache: _InProcessGlobalCache, *, in_process: bool) -> None:
    cache.in_process = in_process  # if not, worker threads wait for it

    async def main() -> None:
        async with client.context(global_cache=cache, cache_policy=False):
            keys = await asyncio.gather(*(Note(text=str(number)).put_async() for number in range(50)))
            for _ in range(2):
                notes = await asyncio.gather(*(key.get_async() for key in keys))
                assert [note.text for note in notes] == [str(number) for number in range(50)]
            assert known(cache) == 50

            async def change() -> None:
                note = await keys[0].get_async()
                note.text = "changed"
                await note.put_async()

            await ndb.transaction_async(change)
            assert (await keys[0].get_async()).text == "changed"

    asyncio.run(main())


# Who says what is kept.


def test_policies_of_the_context(client: ndb.Client, cache: _InProcessGlobalCache) -> None:
    with client.context(
        global_cache=cache,
        cache_policy=False,
        global_cache_policy=lambda key: None if key.id() == 1 else False,
        global_cache_timeout_policy=30,
    ) as context:
        keys = ndb.put_multi([Note(id=1), Note(id=2)])
        ndb.get_multi(keys)
        assert known(cache) == 1
        context.set_global_cache_policy(True)
        context.set_global_cache_timeout_policy(None)
        ndb.get_multi(keys)
        assert known(cache) == 2
        assert sorted(until is None for value, until in cache.cache.values() if value[:1] == b"1") == [
            False,
            True,
        ]
        assert context.global_cache is cache
        for name in ("global_cache", "memcache", "global_cache_timeout", "memcache_timeout", "datastore"):
            getattr(context, f"set_{name}_policy")(None)
            assert getattr(context, f"get_{name}_policy")() is None
        assert context.new(global_cache_policy=False).get_global_cache_policy() is not None
        assert context.get_global_cache_policy() is None
        assert context.new(global_cache=None).global_cache is None
        assert context.new().global_cache is cache
        with context.new(namespace="other").use():
            assert ndb.Key(Note, 1).get() is None


@pytest.mark.usefixtures("shared")
def test_what_model_classes_say(cache: _InProcessGlobalCache) -> None:
    Uncached(id=1).put()
    ndb.Key(Uncached, 1).get()
    assert not cache.cache
    Brief(id=1).put()
    ndb.Key(Brief, 1).get()
    ((_, until),) = cache.cache.values()
    assert until is not None
    ndb.Key(Uncached, 1).get(use_global_cache=True)
    assert known(cache) == 2


@pytest.mark.usefixtures("shared")
def test_options_of_a_call(client: ndb.Client, cache: _InProcessGlobalCache) -> None:
    key = Note(id=1).put()
    assert lookups(client, cache, key, use_memcache=False) == 1
    assert lookups(client, cache, key, global_cache_timeout=0) == 1
    assert lookups(client, cache, key, use_global_cache=False) == 1
    assert lookups(client, cache, key) == 0
    with pytest.raises(TypeError, match="can't specify both"):
        key.get(use_memcache=True, use_global_cache=True)


@pytest.mark.usefixtures("shared")
def test_the_cache_alone() -> None:
    session = Session(id="s", text="x")
    session.put()
    assert ndb.Key(Session, "s").get() == session
    assert ndb.Key(Session, "s").get(use_datastore=True, use_global_cache=False) is None
    ndb.Key(Session, "s").delete()
    assert ndb.Key(Session, "s").get() is None
    note = Note(id=1, text="x")
    note.put(use_datastore=False, global_cache_timeout=60)
    assert Note.get_by_id(1, use_datastore=False) == note
    assert Note.get_by_id(1, use_global_cache=False) is None
    with pytest.raises(TypeError, match="can't both be False"):
        note.put(use_datastore=False, use_global_cache=False)
    with pytest.raises(ndb.exceptions.BadKeyError, match="id from the store"):
        Note().put(use_datastore=False)
    with pytest.raises(ndb.exceptions.BadRequestError), ndb.transaction():
        note.put(use_datastore=False)


def test_without_a_cache_there_is_nothing_but_the_store(context: ndb.Context) -> None:
    with pytest.raises(TypeError, match="can't both be False"):
        Note(id=1).put(use_datastore=False)
    note = Note(id=1)
    note.put()
    assert Note.get_by_id(1, use_datastore=False) is note  # the identity map knows it
    context.clear_cache()
    with pytest.raises(TypeError, match="can't both be False"):
        Note.get_by_id(1, use_datastore=False)
    context.set_datastore_policy(False)
    with pytest.raises(TypeError, match="can't both be False"):
        note.put()


def test_two_databases_don_t_meet_in_one_cache(cache: _InProcessGlobalCache) -> None:
    for text in ("one", "other"):
        with ndb.Client(url=":memory:") as client, client.context(global_cache=cache, cache_policy=False):
            key = Note(id=1, text=text).put()
            assert (key.get().text, key.get().text) == (text, text)
    assert known(cache) == 2


# Trouble.


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(Shelf.__init__, "__defaults__", (time.time, lambda _: None))


@pytest.mark.usefixtures("_no_waiting")
def test_a_cache_that_is_away(client: ndb.Client) -> None:
    cache = Failing()
    cache.strict_read = False
    with client.context(global_cache=cache, cache_policy=False):
        key = Note(id=1, text="old").put()
        assert key.get().text == "old"
        cache.away = True
        with pytest.warns(RuntimeWarning, match="Error connecting"):
            assert key.get().text == "old"
        with pytest.raises(OSError, match="away"):
            Note(id=1, text="new").put()
        cache.strict_read = True
        with pytest.raises(OSError, match="away"):
            key.get()
        cache.away = False
        assert key.get().text == "old"

        # A cache that is not strict does not stop a write, and tells nobody the old value afterwards.
        cache.strict_write, cache.away = False, True
        with pytest.warns(RuntimeWarning, match="Error connecting"):
            Note(id=1, text="new").put()
        cache.away = False
        assert key.get().text == "new"


@pytest.mark.usefixtures("shared")
def test_the_locks_of_a_writer_that_died_expire() -> None:
    cache, now = _InProcessGlobalCache(), 1e9
    shelf = Shelf(cache, clock=lambda: now)
    shelf.lock_for_writing([b"a"])
    now += LOCK_TIME - 1
    mine = shelf.lock_for_writing([b"a"])
    assert mine is not None
    (seen,) = cache.get([b"a"])
    assert shelf.is_locked(seen)
    now += LOCK_TIME + 10
    # The dead one's stands in the value, whose time others have renewed; it counts no more.
    shelf.unlock(mine)
    assert cache.get([b"a"]) == [b""]
    dead = shelf.lock_for_writing([b"a"])
    assert dead is not None
    now += 3 * LOCK_TIME
    (seen,) = cache.get([b"a"])
    assert seen is not None
    assert seen.startswith(WRITING)
    assert not shelf.is_locked(seen)
    tokens = shelf.lock_for_reading({b"a": seen})
    assert tokens[b"a"].startswith(READING)
    # And if it was not dead after all: what it takes away is all that may have been kept meanwhile.
    shelf.keep({b"a": (tokens[b"a"], b"1old")}, None)
    shelf.unlock(dead)
    assert cache.get([b"a"]) == [b""]


def test_a_value_that_a_newer_version_has_left_is_replaced(
    client: ndb.Client, cache: _InProcessGlobalCache, shared: ndb.Context
) -> None:
    key = Note(id=1, text="x").put()
    key.get()
    for name in cache.cache:
        cache.cache[name] = (b"1\xff what is this", None)
    assert key.get() == key.get() == Note(id=1, text="x", at=key.get().at)
    assert lookups(client, cache, key) == 0


# The libraries.


class Pipeline:
    """What `RedisCache` uses of one of redis."""

    def __init__(self, redis: FakeRedis) -> None:
        self.redis = redis
        self.watched: dict[bytes, bytes | None] = {}
        self.commands: list[Any] | None = None

    def watch(self, key: bytes) -> None:
        self.watched[key] = self.redis.values.get(key)

    def get(self, key: bytes) -> bytes | None:
        return self.redis.values.get(key)

    def multi(self) -> None:
        self.commands = []

    def set(self, key: bytes, value: bytes, ex: int | None = None) -> None:
        assert self.commands is not None
        self.commands.append((key, value, ex))

    def execute(self) -> None:
        assert self.commands is not None
        if any(self.redis.values.get(key) != value for key, value in self.watched.items()):
            raise FakeRedis.WatchError
        for key, value, seconds in self.commands:
            self.redis.set(key, value, ex=seconds)

    def reset(self) -> None:
        self.watched, self.commands = {}, None


class FakeRedis:
    """What `RedisCache` uses of ``redis.Redis``."""

    class WatchError(Exception):
        pass

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.seconds: dict[bytes, int | None] = {}

    def mget(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.values.get(key) for key in keys]

    def set(self, key: bytes, value: bytes, nx: bool = False, ex: int | None = None) -> bool | None:
        if nx and key in self.values:
            return None
        self.values[key], self.seconds[key] = value, ex
        return True

    def delete(self, *keys: bytes) -> None:
        for key in keys:
            self.values.pop(key, None)

    def pipeline(self) -> Pipeline:
        return Pipeline(self)

    def flushdb(self) -> None:
        self.values.clear()


class FakeMemcache:
    """What `MemcacheCache` uses of a client of pymemcache."""

    def __init__(self) -> None:
        self.values: dict[Any, tuple[bytes, int]] = {}
        self.seconds: dict[Any, int] = {}
        self.full = False
        self._version = 0

    def _store(self, key: Any, value: bytes, expire: int) -> bool:
        self._version += 1
        self.values[key], self.seconds[key] = (value, self._version), expire
        return True

    def get_many(self, keys: list[Any]) -> dict[Any, bytes]:
        return {key: self.values[key][0] for key in keys if key in self.values}

    def gets_many(self, keys: list[Any]) -> dict[Any, tuple[bytes, int]]:
        return {key: self.values[key] for key in keys if key in self.values}

    def set_many(self, values: dict[Any, bytes], expire: int = 0, noreply: bool = True) -> list[Any]:
        if self.full:
            return list(values)
        for key, value in values.items():
            self._store(key, value, expire)
        return []

    def add(self, key: Any, value: bytes, expire: int = 0, noreply: bool = True) -> bool:
        return key not in self.values and self._store(key, value, expire)

    def cas(self, key: Any, value: bytes, version: int, expire: int = 0, noreply: bool = True) -> bool | None:
        if key not in self.values:
            return None
        return self.values[key][1] == version and self._store(key, value, expire)

    def delete_many(self, keys: list[Any], noreply: bool = True) -> None:
        for key in keys:
            self.values.pop(key, None)

    def flush_all(self) -> None:
        self.values.clear()


@pytest.fixture(params=["redis", "memcache", "in process", "redis server", "memcached"])
def any_cache(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ndb.GlobalCache]:
    found: ndb.GlobalCache | None
    match request.param:
        case "redis":
            errors = (FakeRedis.WatchError,)
            monkeypatch.setattr("kindstore.ndb.global_cache._errors", lambda _, *names: errors)
            found = ndb.RedisCache(FakeRedis())
            found.transient_errors = ()
        case "memcache":
            found = ndb.MemcacheCache(FakeMemcache())
        case "in process":
            found = _InProcessGlobalCache()
        case "redis server":
            if "REDIS_CACHE_URL" not in os.environ:
                pytest.skip("needs a Redis that may be emptied, at REDIS_CACHE_URL, and the package redis")
            found = ndb.RedisCache.from_environment()
        case _:
            if "MEMCACHED_HOSTS" not in os.environ:
                pytest.skip("needs a memcached that may be emptied, at MEMCACHED_HOSTS, and pymemcache")
            found = ndb.MemcacheCache.from_environment()
    assert found is not None
    found.clear()
    yield found
    found.clear()
    if "server" in request.param or request.param == "memcached":
        client: Any = found.redis if isinstance(found, ndb.RedisCache) else vars(found)["client"]
        client.close()


def test_every_cache_does_what_it_is_to_do(any_cache: ndb.GlobalCache) -> None:
    cache = any_cache
    cache.set({b"a": b"1", b"b" * 300: b"2"})
    assert cache.get([b"a", b"b" * 300, b"c"]) == [b"1", b"2", None]
    assert cache.set_if_not_exists({b"a": b"x", b"c": b"3"}, expires=60) == {b"a": False, b"c": True}
    cache.watch({b"a": b"1", b"c": b"not this"})
    swapped = cache.compare_and_swap({b"a": b"one", b"c": b"three"}, expires=60)
    assert swapped[b"a"] is True
    assert not swapped.get(b"c")
    cache.watch({b"a": b"one"})
    cache.set({b"a": b"another"})
    assert not cache.compare_and_swap({b"a": b"two"}).get(b"a")
    cache.watch({b"a": b"another"})
    cache.unwatch([b"a"])
    assert not cache.compare_and_swap({b"a": b"two"}).get(b"a")
    cache.delete([b"a", b"gone"])
    assert cache.get([b"a", b"c"]) == [None, b"3"]
    cache.clear()
    assert cache.get([b"c"]) == [None]


def test_every_cache_serves_a_context(any_cache: ndb.GlobalCache, client: ndb.Client) -> None:
    with client.context(global_cache=any_cache, cache_policy=False):
        key = Note(id=1, text="old").put()
        assert [lookups(client, any_cache, key) for _ in range(2)] == [1, 0]
        note = key.get()
        note.text = "new"
        note.put()
        assert [key.get().text, key.get().text] == ["new", "new"]
        ndb.transaction(key.delete)
        assert key.get() is None


def test_locks_expire_in_one_command_and_values_after_whole_seconds() -> None:
    redis, memcache = FakeRedis(), FakeMemcache()
    ndb.RedisCache(redis).set_if_not_exists({b"a": b"x"}, expires=0.2)
    ndb.MemcacheCache(memcache).set_if_not_exists({b"a": b"x"}, expires=0.2)
    assert list(redis.seconds.values()) == list(memcache.seconds.values()) == [1]  # 0 would be for ever


def test_memcache_says_what_it_could_not_set() -> None:
    client = FakeMemcache()
    client.full = True
    with pytest.warns(RuntimeWarning, match="failed to set"):
        results = ndb.MemcacheCache(client).set({b"a": b"1"})
    assert results == {b"a": ndb.MemcacheCache.KeyNotSet(b"a")}


def test_the_environment_may_name_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_CACHE_URL", raising=False)
    monkeypatch.delenv("MEMCACHED_HOSTS", raising=False)
    assert ndb.RedisCache.from_environment() is None
    assert ndb.MemcacheCache.from_environment() is None
    for hosts in ("a:b", "a:1:2"):
        monkeypatch.setenv("MEMCACHED_HOSTS", hosts)
        with pytest.raises(ValueError, match="Invalid memcached host_string"):
            ndb.MemcacheCache.from_environment()


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setitem(sys.modules, "pymemcache", None)
    monkeypatch.setenv("REDIS_CACHE_URL", "redis://localhost")
    monkeypatch.setenv("MEMCACHED_HOSTS", "localhost localhost:11212")
    with pytest.raises(ndb.exceptions.BadArgumentError, match=r"kindstore\[redis\]"):
        ndb.RedisCache.from_environment()
    with pytest.raises(ndb.exceptions.BadArgumentError, match=r"kindstore\[memcache\]"):
        ndb.MemcacheCache.from_environment()


def test_in_an_old_cache_a_future_may_stand_for_a_result(client: ndb.Client) -> None:
    class Late(Failing):
        def get(self, keys: list[bytes]) -> Any:
            return ndb.Future.of(super().get(keys))

    with warnings.catch_warnings(), client.context(global_cache=Late(), cache_policy=False):
        key = Note(id=1, text="x").put()
        assert key.get() == key.get()
