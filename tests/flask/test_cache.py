"""The cache as cachelib has caches, on the engine and on the store in memory."""

import asyncio
import datetime as dt
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cachelib.serializers import BaseSerializer

from kindstore import ndb
from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.flask.cache import KindstoreCache, SignedPickleSerializer
from kindstore.flask.cache.entries import MAX_VALUE, PART
from kindstore.store.abc import Store
from kindstore.store.messages import Query, Upsert
from kindstore.testing import sandbox
from kindstore.testing.clock import Clock
from kindstore.testing.faults import Fault
from kindstore.values.entity import Entity
from kindstore.values.errors import BadArgumentError, BadValueError, TooLargeError
from kindstore.values.key import Key


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Store]:
    opened: Store = (
        connect(":memory:", now=clock.time_ns)
        if request.param == "sqlite"
        else MemoryStore(now=clock.time_ns)
    )
    yield opened
    opened.close()


@pytest.fixture
def cache(store: Store) -> KindstoreCache:
    return KindstoreCache(store)


def stored(store: Store, kind: str = "CacheEntry") -> list[Entity]:
    return store.run(store.run_query(Query(store.partition(), kind))).results


def test_an_entry_is_read_until_it_expires(cache: KindstoreCache, clock: Clock) -> None:
    cache.set("a", "x", timeout=10)
    clock.advance(9.999)
    assert cache.get("a") == "x"
    assert cache.has("a")
    clock.advance(0.001)
    assert cache.get("a") is None
    assert not cache.has("a")
    assert not cache.delete("a")


@pytest.mark.parametrize("timeout", [0, dt.timedelta(), 10**12])
def test_an_entry_that_never_expires(
    cache: KindstoreCache, clock: Clock, timeout: int | dt.timedelta
) -> None:
    cache.set("a", "x", timeout)
    clock.advance(dt.timedelta(days=36500))
    assert cache.get("a") == "x"


def test_timeouts_are_rounded_up_and_default_to_the_cache_s(store: Store, clock: Clock) -> None:
    cache = KindstoreCache(store, dt.timedelta(milliseconds=1))
    assert cache.default_timeout == 1
    cache.set("a", 1)
    cache.set("b", 1, 0.5)
    clock.advance(0.9)
    assert cache.get_many("a", "b") == [1, 1]
    clock.advance(0.1)
    assert cache.get_many("a", "b") == [None, None]


def test_a_timeout_in_the_past_is_no_entry(cache: KindstoreCache) -> None:
    cache.set("a", 1)
    cache.set("a", 2, timeout=-1)
    assert not cache.has("a")


@pytest.mark.parametrize("timeout", ["60", True, object()])
def test_a_timeout_is_a_number(cache: KindstoreCache, timeout: int) -> None:
    with pytest.raises(TypeError, match="a number of seconds"):
        cache.set("a", 1, timeout)


def test_none_is_a_value(cache: KindstoreCache) -> None:
    cache.set("a", None)
    assert cache.get("a") is None
    assert cache.has("a")
    assert not cache.has("b")
    assert not cache.add("a", 1)


def test_add_takes_the_place_of_what_has_expired(cache: KindstoreCache, clock: Clock) -> None:
    assert cache.add("a", 1, timeout=5)
    assert not cache.add("a", 2)
    clock.advance(5)
    assert cache.add("a", 3)
    assert cache.get("a") == 3


def test_several_at_once(cache: KindstoreCache) -> None:
    assert cache.set_many({"a": 1, "b": [2], "c": None}) == ["a", "b", "c"]
    assert cache.get_many("b", "x", "a", "b") == [[2], None, 1, [2]]
    assert cache.get_dict("a", "x") == {"a": 1, "x": None}
    assert cache.delete_many("a", "x", "a") == ["a", "x", "a"]
    assert cache.get_many("a", "b") == [None, [2]]
    assert cache.get_many() == []
    assert cache.set_many({}) == []
    assert cache.delete_many() == []


def test_more_than_one_commit_takes(cache: KindstoreCache) -> None:
    many = {f"key {number}": number for number in range(1234)}
    assert cache.set_many(many) == list(many)
    assert cache.get_dict(*many) == many
    cache.delete_many(*many)
    assert not any(cache.has(key) for key in many)


def test_many_large_values_at_once(cache: KindstoreCache) -> None:
    many = {str(number): bytes([number]) * 3_000_000 for number in range(5)}
    cache.set_many(many)
    assert cache.get_dict(*many) == many


def test_a_refused_value_writes_nothing(cache: KindstoreCache, store: Store) -> None:
    with pytest.raises(BadValueError, match="type"):
        cache.set_many({"a": 1, "b": object()})
    assert stored(store) == []


# Counters.


def test_counting(cache: KindstoreCache) -> None:
    assert cache.inc("n") == 1
    assert cache.inc("n", 2**70) == 2**70 + 1
    assert cache.dec("n", 2**70) == 1
    assert cache.dec("m", 4) == -4
    cache.set("f", 1.5)
    assert cache.inc("f") == 2.5
    cache.set("none", None)
    assert cache.inc("none") == 1


def test_a_counter_expires_when_it_would_have(cache: KindstoreCache, clock: Clock) -> None:
    cache.set("n", 5, timeout=10)
    cache.set("m", 5, timeout=0)
    clock.advance(9)
    assert (cache.inc("n"), cache.inc("m")) == (6, 6)
    clock.advance(1)
    assert cache.inc("n") == 1
    clock.advance(10_000)
    assert (cache.get("n"), cache.get("m")) == (None, 6)


@pytest.mark.parametrize("value", ["1", True, [1]])
def test_only_numbers_are_counted(cache: KindstoreCache, value: object) -> None:
    cache.set("a", value)
    with pytest.raises(BadValueError, match="only a number"):
        cache.inc("a")
    assert cache.get("a") == value


# Keys.

STRANGE = [
    "",
    "a",
    "a" * 374,
    "a" * 1499,
    "a" * 1500,
    "a" * 1_000_000,
    "a" * 999_999 + "b",
    "é" * 750,
    "é" * 10_000,
    "\ud800",
    "?",
    "\ud800\udc00",
    "\U00010000",
    "\x00",
    "a\x00",
    ":",
    ";",
    "__a__",
    "view//x?y=%20",
]


@pytest.mark.parametrize("prefix", ["", "__", "flask_cache_", "é:;"])
def test_every_str_is_a_key_of_its_own(store: Store, prefix: str) -> None:
    cache = KindstoreCache(store, key_prefix=prefix)
    cache.set_many({key: key.encode("utf-8", "surrogatepass") for key in STRANGE})
    assert [cache.get(key) for key in STRANGE] == [key.encode("utf-8", "surrogatepass") for key in STRANGE]
    assert len(stored(store)) == len(STRANGE)
    cache.clear()
    assert stored(store) == []


def test_a_key_that_looks_like_a_hash_is_another_one(cache: KindstoreCache, store: Store) -> None:
    cache.set("a" * 5000, 1)
    [entity] = stored(store)
    assert entity.key is not None
    name = str(entity.key.path[-1])
    for key in (name, name[1:], ";" + name):
        assert cache.get(key) is None
    assert cache.get("a" * 5000) == 1


@pytest.mark.parametrize("key", [None, 1, b"a", ("a",)])
def test_a_key_is_a_str(cache: KindstoreCache, key: str) -> None:
    for call in (cache.get, cache.has, cache.delete, cache.inc, lambda each: cache.set(each, 1)):
        with pytest.raises(TypeError, match="a key of a cache is a str"):
            call(key)


def test_a_prefix_is_a_short_str(store: Store) -> None:
    with pytest.raises(BadArgumentError, match="too long"):
        KindstoreCache(store, key_prefix="x" * 501)
    with pytest.raises(BadArgumentError, match="is a str"):
        KindstoreCache(store, key_prefix=b"x")  # type: ignore[arg-type]


# Several caches in one store.


def test_caches_do_not_see_each_other(store: Store) -> None:
    prefixes = ["", "a", "aa", "a:", "a;", "a%3A", "a<", ":", "b"]
    caches = [KindstoreCache(store, key_prefix=prefix) for prefix in prefixes]
    caches += [KindstoreCache(store, kind="Page"), KindstoreCache(store, namespace="other")]
    keys = ["", "a", ":a", "k", "x" * 5000]
    for number, cache in enumerate(caches):
        cache.set_many(dict.fromkeys(keys, number))
    for number, cache in enumerate(caches):
        assert cache.get_many(*keys) == [number] * len(keys)
    while caches:
        assert caches.pop().clear()
        for number, cache in enumerate(caches):
            assert cache.get_many(*keys) == [number] * len(keys)


def test_clear_leaves_other_kinds_alone(cache: KindstoreCache, store: Store) -> None:
    other = Entity.of(Key.of(store.partition(), ("User", ":a")), {"name": "Ann"})
    store.run(store.commit([Upsert(other)]))
    cache.set_many({str(number): number for number in range(450)})
    cache.set("large", bytes(3 * PART))
    assert cache.clear()
    assert stored(store) == stored(store, "CacheEntryPart") == []
    assert len(stored(store, "User")) == 1


# Large values.


@pytest.mark.parametrize("size", [PART - 10, PART, PART + 1, 3 * PART, MAX_VALUE - 100])
@pytest.mark.parametrize("timeout", [0, 60])
def test_values_larger_than_an_entity(cache: KindstoreCache, clock: Clock, size: int, timeout: int) -> None:
    value = (bytes(range(256)) * (size // 256 + 1))[:size]
    cache.set("a", value, timeout)
    assert cache.get("a") == value
    assert cache.has("a")
    clock.advance(61)
    assert cache.has("a") is (timeout == 0)


def test_a_value_that_is_too_large_is_refused(cache: KindstoreCache) -> None:
    cache.set("a", 1)
    with pytest.raises(TooLargeError) as caught:
        cache.set("a", bytes(MAX_VALUE))
    assert caught.value.limit == MAX_VALUE
    assert caught.value.size > MAX_VALUE
    assert cache.get("a") == 1


def large(text: str) -> bytes:
    return text.encode() * (2 * PART // len(text) + len(text))


def test_the_parts_of_a_value_go_with_it(cache: KindstoreCache, store: Store, clock: Clock) -> None:
    for key in ("kept", "deleted", "deleted too", "replaced", "grown"):
        cache.set(key, large(key), 0)
    cache.set("expired", large("expired"), 10)
    cache.delete("deleted")
    cache.delete_many("deleted too")
    cache.set("replaced", "small")
    cache.set("grown", large("even larger"), 0)
    clock.advance(10)
    cache.sweep_all()
    kept = [cache.get("kept"), cache.get("grown")]
    assert kept == [large("kept"), large("even larger")]
    assert cache.get("replaced") == "small"
    entries = [entity for entity in stored(store) if "parts" in entity]
    assert len(stored(store, "CacheEntryPart")) == sum(len(entity["parts"]) for entity in entries)
    assert len(entries) == 2


def test_what_is_deleted_is_gone_at_once(cache: KindstoreCache, store: Store) -> None:
    cache.set_many({"a": large("secret"), "b": large("secret")})
    assert cache.delete("a")
    assert len(stored(store, "CacheEntryPart")) == 3
    cache.delete_many("b")
    assert stored(store) == stored(store, "CacheEntryPart") == []


# Sweeping.


def test_a_sweep_is_bounded_and_leaves_what_lives(cache: KindstoreCache, store: Store, clock: Clock) -> None:
    cache.set_many({f"old {number}": number for number in range(25)}, 10)
    cache.set_many({f"new {number}": number for number in range(5)}, 20)
    cache.set("for ever", 1, 0)
    clock.advance(10)
    assert [cache.sweep(limit=10) for _ in range(4)] == [10, 10, 5, 0]
    assert len(stored(store)) == 6
    with pytest.raises(BadArgumentError):
        cache.sweep(limit=0)


def test_all_is_swept_in_several_steps(cache: KindstoreCache, store: Store, clock: Clock) -> None:
    cache.set_many({f"old {number}": number for number in range(450)}, 10)
    KindstoreCache(store, key_prefix="other").set("old", 1, 10)
    clock.advance(10)
    assert cache.sweep_all() == 451
    assert cache.sweep_all() == 0


def test_writes_sweep_now_and_then(store: Store, clock: Clock) -> None:
    cache = KindstoreCache(store, sweep_every=60)
    cache.set("a", 1, 10)
    clock.advance(70)
    cache.set("b", 1, 10)
    assert len(stored(store)) == 1
    clock.advance(59)
    cache.add("c", 1)
    assert len(stored(store)) == 2
    clock.advance(1)
    cache.inc("d")
    assert len(stored(store)) == 2


def test_a_long_list_of_expired_entries_is_swept_sooner(store: Store, clock: Clock) -> None:
    cache = KindstoreCache(store, sweep_every=60)
    cache.set_many({f"old {number}": number for number in range(450)}, 10)
    clock.advance(60)
    for left in (251, 51, 1):
        cache.set("new", 1, 0)
        assert len(stored(store)) == left
        clock.advance(1)


def test_no_sweep_if_none_is_wanted(store: Store, clock: Clock) -> None:
    cache = KindstoreCache(store, sweep_every=0)
    cache.set("a", 1, 10)
    clock.advance(1000)
    cache.set("b", 1)
    assert len(stored(store)) == 2


def test_a_sweep_that_fails_does_not_fail_the_write(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with sandbox.store(clock=clock) as box:
        cache = KindstoreCache(box.store, sweep_every=1)
        cache.set("a", 1, 1)
        clock.advance(2)
        box.faults.plan(Fault.BUSY, verb="run_query")
        assert cache.set("b", 2)
        assert cache.get("b") == 2
    assert "a sweep of the cache has failed" in caplog.text


# What others have written.


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"value": None},
        {"value": 5},
        {"value": "text"},
        {"value": b""},
        {"value": b"cos\nsystem\n(S'touch exploded'\ntR."},
        {"value": b"\x01"},
        {"value": b"\x01\xc1"},
        {"value": b"\x01" + b"\xc7\x02\x7f..."},
        {"value": b"\x01" + b"\x91" * 100_000},
        {"value": b"\x02" + bytes(100)},
        {"value": b"\x01\x05", "expires": "tomorrow"},
        {"value": b"\x01\x05", "expires": 5},
        {"value": b"", "parts": None},
        {"value": b"", "parts": []},
        {"value": b"", "parts": 5},
        {"value": b"", "parts": ["gone"]},
        {"value": b"", "parts": [5, None, ""]},
    ],
)
def test_what_can_t_be_read_is_a_miss(
    cache: KindstoreCache,
    store: Store,
    properties: dict[str, object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache.set("a", 1)
    [entity] = stored(store)
    assert entity.key is not None
    hostile = Entity.of(entity.key, properties, {"value", "parts"})
    store.run(store.commit([Upsert(hostile)]))
    with caplog.at_level(logging.WARNING, "kindstore.cache"):
        assert cache.get("a") is None
        assert not cache.has("a")
        assert cache.get_many("a", "b") == [None, None]
    is_expired = "expires" in properties
    assert ("counts as missing" in caplog.text) is not is_expired
    assert cache.add("a", 2)
    assert cache.get("a") == 2
    store.run(store.commit([Upsert(hostile)]))
    assert cache.inc("a") == 1
    store.run(store.commit([Upsert(hostile)]))
    cache.sweep_all()
    cache.delete("a")
    assert stored(store) == []


def test_an_entry_of_another_serializer_is_a_miss(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    signed = KindstoreCache(store, serializer=SignedPickleSerializer("x" * 16))
    signed.set("a", 1j)
    assert signed.get("a") == 1j
    for other in (KindstoreCache(store), KindstoreCache(store, serializer=SignedPickleSerializer("y" * 16))):
        assert other.get("a") is None
    assert "not signed" in caplog.text


class JSONSerializer(BaseSerializer):
    """Like cachelib's own, which older versions lack: None for what it does not take."""

    def dumps(self, value: Any, protocol: int = 0) -> bytes | None:
        try:
            return json.dumps(value).encode()
        except TypeError:
            return None

    def loads(self, bvalue: bytes) -> Any:
        return json.loads(bvalue)


def test_a_serializer_of_cachelib(store: Store) -> None:
    cache = KindstoreCache(store)
    cache.serializer = JSONSerializer()
    assert cache.set("a", {"b": [1]})
    assert cache.get("a") == {"b": [1]}
    assert not cache.set("a", object())
    assert not cache.add("b", object())
    assert cache.set_many({"a": 1, "b": object()}) == ["a"]


# Which store.


def test_ways_to_say_which_store(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    first = KindstoreCache(path)
    first.set("a", 1)
    with ndb.Client(url=path) as client:
        opened: list[Callable[[], KindstoreCache]] = [
            lambda: KindstoreCache(str(path)),
            lambda: KindstoreCache(f"sqlite:///{path}"),
            lambda: KindstoreCache(client),
            lambda: KindstoreCache(client.store),
        ]
        for make in opened:
            assert make().get("a") == 1
    with pytest.raises(BadArgumentError, match="a cache is in a store"):
        KindstoreCache(5)  # type: ignore[arg-type]


def test_the_namespace_is_the_client_s_unless_it_is_given(store: Store) -> None:
    client = ndb.Client(store=store, namespace="shop", database="second")
    caches = [
        KindstoreCache(client),
        KindstoreCache(client, namespace=""),
        KindstoreCache(client, namespace="other"),
        KindstoreCache(store),
        KindstoreCache(ndb.Client(store=store)),
    ]
    for number, cache in enumerate(caches):
        assert cache.set("a", number)
    assert [cache.get("a") for cache in caches] == [0, 1, 2, 4, 4]
    assert caches[0].clear()
    assert [cache.get("a") for cache in caches] == [None, 1, 2, 4, 4]


def test_without_one_it_is_the_ambient_store() -> None:
    cache = KindstoreCache()
    for value in (1, 2):
        with sandbox.store():
            assert cache.get("a") is None
            cache.set("a", value)
            assert cache.get("a") == value


# Transactions and contexts of the application.


def test_a_transaction_is_not_joined(tmp_path: Path) -> None:
    with ndb.Client(url=tmp_path / "app.db") as client, client.context():
        cache = KindstoreCache(client)
        cache.set("n", 1)

        def work() -> None:
            cache.inc("n")
            cache.set("seen", "inside")
            assert cache.add("added", 1)
            assert cache.get("n") == 2
            raise ndb.Rollback

        with pytest.raises(ndb.Rollback):
            ndb.transaction(work)
        assert cache.get_many("n", "seen", "added") == [2, "inside", 1]


def test_a_transaction_that_has_read_and_written_is_not_waited_for(tmp_path: Path) -> None:
    class Thing(ndb.Model):
        value = ndb.IntegerProperty()

    with ndb.Client(url=tmp_path / "app.db") as client, client.context():
        cache = KindstoreCache(client)
        key = Thing(value=1).put()

        def work() -> None:
            thing = key.get()
            thing.value += 1
            thing.put()
            cache.set("a", 1)
            cache.sweep_all()
            cache.clear()

        ndb.transaction(work, retries=0)
        assert key.get().value == 2


def test_no_context_keeps_what_another_has_changed(tmp_path: Path) -> None:
    with ndb.Client(url=tmp_path / "app.db") as client:
        here, there = KindstoreCache(client), KindstoreCache(tmp_path / "app.db")
        with client.context():
            here.set("a", 1)
            assert there.get("a") == 1
            there.set("a", 2)
            assert here.get("a") == 2


def test_calls_from_a_coroutine(tmp_path: Path) -> None:
    cache = KindstoreCache(tmp_path / "cache.db")

    async def work() -> object:
        cache.set("a", 1)
        return cache.inc("a"), cache.get("a")

    assert asyncio.run(work()) == (2, 2)


@pytest.mark.parametrize("options", [{"indexes": "strict"}, {"concurrency": "optimistic-with-entity-groups"}])
def test_stores_with_stricter_laws(options: dict[str, str], clock: Clock) -> None:
    """No composite index is needed, and a sweep may touch any number of entity groups."""
    cache = KindstoreCache(connect(":memory:", now=clock.time_ns, **options))
    cache.set_many({str(number): bytes(number * 10_000) for number in range(120)}, 10)
    assert not cache.add("1", 1)
    assert cache.inc("n") == 1
    clock.advance(10)
    assert cache.sweep_all() > 120
    assert cache.delete("n")
    cache.set("a", 1)
    assert cache.clear()
    assert not cache.has("a")
