"""Any sequence of calls, with time passing between them, against a dict."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kindstore.backends.memory import MemoryStore
from kindstore.connect import connect
from kindstore.flask.cache import KindstoreCache
from kindstore.testing.clock import Clock
from kindstore.values.errors import BadValueError

keys = st.sampled_from(["", "a", "b", "long " * 400, "\ud800"])
values = st.sampled_from([None, True, 0, 7, 2.5, "x", (1, "y"), {"n": [1]}, b"\x00", "large"])
timeouts = st.sampled_from([None, 0, 1, 5, 60, -1])
seconds = st.sampled_from([0.5, 1, 4, 5, 59, 60, 1000])

DEFAULT = 30
LARGE = b"large" * 400_000


def grown(value: Any) -> Any:
    """*value*, or the large one: examples are printed."""
    return LARGE if value == "large" else value


class CacheMachine(RuleBasedStateMachine):
    """The model: (value, time of expiry or None) by the number of the cache and the key."""

    engine = "memory"

    @initialize(sweep_every=st.sampled_from([0, 1, 60]))
    def open(self, sweep_every: int) -> None:
        self.clock = Clock()
        self.store: Any = (
            MemoryStore(now=self.clock.time_ns)
            if self.engine == "memory"
            else connect(":memory:", now=self.clock.time_ns)
        )
        self.caches = [
            KindstoreCache(self.store, DEFAULT, key_prefix=prefix, sweep_every=sweep_every)
            for prefix in ("", "a", "a:")
        ]
        self.model: list[dict[str, tuple[Any, float | None]]] = [{} for _ in self.caches]

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    def live(self, number: int, key: str) -> bool:
        entry = self.model[number].get(key)
        return entry is not None and (entry[1] is None or entry[1] > self.clock.monotonic())

    def expiry(self, timeout: int | None) -> float | None:
        lasting = DEFAULT if timeout is None else timeout
        return None if lasting == 0 else self.clock.monotonic() + lasting

    numbers = st.integers(0, 2)

    @rule(number=numbers, key=keys)
    def get(self, number: int, key: str) -> None:
        expected = self.model[number][key][0] if self.live(number, key) else None
        assert self.caches[number].get(key) == expected
        assert self.caches[number].has(key) is self.live(number, key)

    @rule(number=numbers, some=st.lists(keys, max_size=5))
    def get_many(self, number: int, some: list[str]) -> None:
        expected = [self.model[number][key][0] if self.live(number, key) else None for key in some]
        assert self.caches[number].get_many(*some) == expected
        assert self.caches[number].get_dict(*some) == dict(zip(some, expected, strict=True))

    @rule(number=numbers, key=keys, value=values, timeout=timeouts)
    def set(self, number: int, key: str, value: Any, timeout: int | None) -> None:
        value = grown(value)
        assert self.caches[number].set(key, value, timeout)
        self.model[number][key] = value, self.expiry(timeout)

    @rule(number=numbers, some=st.dictionaries(keys, values, max_size=5), timeout=timeouts)
    def set_many(self, number: int, some: dict[str, Any], timeout: int | None) -> None:
        some = {key: grown(value) for key, value in some.items()}
        assert self.caches[number].set_many(some, timeout) == list(some)
        for key, value in some.items():
            self.model[number][key] = value, self.expiry(timeout)

    @rule(number=numbers, key=keys, value=values, timeout=timeouts)
    def add(self, number: int, key: str, value: Any, timeout: int | None) -> None:
        value = grown(value)
        is_new = not self.live(number, key)
        assert self.caches[number].add(key, value, timeout) is is_new
        if is_new:
            self.model[number][key] = value, self.expiry(timeout)

    @rule(number=numbers, key=keys, delta=st.integers(-5, 5))
    def inc(self, number: int, key: str, delta: int) -> None:
        value, expires = self.model[number][key] if self.live(number, key) else (None, self.expiry(None))
        if value is None:
            value, expires = 0, self.expiry(None)
        if type(value) not in {int, float}:
            with pytest.raises(BadValueError):
                self.caches[number].inc(key, delta)
            return
        call = self.caches[number].inc if delta >= 0 else self.caches[number].dec
        assert call(key, abs(delta)) == value + delta
        self.model[number][key] = value + delta, expires

    @rule(number=numbers, key=keys)
    def delete(self, number: int, key: str) -> None:
        assert self.caches[number].delete(key) is self.live(number, key)
        self.model[number].pop(key, None)

    @rule(number=numbers, some=st.lists(keys, max_size=4))
    def delete_many(self, number: int, some: list[str]) -> None:
        assert self.caches[number].delete_many(*some) == some
        for key in some:
            self.model[number].pop(key, None)

    @rule(number=numbers)
    def clear(self, number: int) -> None:
        assert self.caches[number].clear()
        self.model[number].clear()

    @rule(passing=seconds)
    def wait(self, passing: float) -> None:
        self.clock.advance(passing)

    @rule(number=numbers, limit=st.integers(1, 4))
    def sweep(self, number: int, limit: int) -> None:
        self.caches[number].sweep(limit)

    @rule(number=numbers)
    def sweep_all(self, number: int) -> None:
        """Afterwards nothing is stored but what lives."""
        self.caches[number].sweep_all()
        cache = self.caches[number]
        entries = cache._keys(*cache._place(), "CacheEntry", (), 100)
        parts = cache._keys(*cache._place(), "CacheEntryPart", (), 100)
        alive = [
            entry[0]
            for number, entries_ in enumerate(self.model)
            for key, entry in entries_.items()
            if self.live(number, key)
        ]
        assert len(entries) == len(alive)
        assert len(parts) == 3 * sum(value == LARGE for value in alive)

    @invariant()
    def nothing_but_the_living_is_there(self) -> None:
        if hasattr(self, "caches"):
            for number, cache in enumerate(self.caches):
                assert cache.has("a") is self.live(number, "a")


class SQLiteMachine(CacheMachine):
    engine = "sqlite"


TestInMemory = CacheMachine.TestCase
TestInMemory.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestOnSQLite = SQLiteMachine.TestCase
TestOnSQLite.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
