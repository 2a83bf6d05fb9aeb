"""The fixtures of python-ndb's system tests on the embedded engine, in place of those that talk to Google's servers.

A pytest plugin, loaded after `alias_ndb` and without the suite's own ``conftest.py``.  Tests seed and look at stored
entities past ndb, with entities and keys of google-cloud-datastore: `Seeds` does that on the store itself.  Some patch
a private function, to see that the server is not asked: `Watched` calls these where the original does.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import test_utils.system
from google.cloud import (
    datastore,
    ndb,  # what alias_ndb put there
)
from google.cloud.datastore.helpers import GeoPoint

from kindstore.connect import connect
from kindstore.mapper import context as contexts
from kindstore.mapper.blobs import allow_pickles
from kindstore.mapper.global_cache import Shelf
from kindstore.mapper.sharing import Policies, SharingStore
from kindstore.store.messages import Upsert
from kindstore.values.entity import Entity
from kindstore.values.key import Key
from kindstore.values.types import GeoPt

PROJECT = "system-tests"
_directory = tempfile.TemporaryDirectory(prefix="kindstore-system-")
_URL = f"sqlite:///{Path(_directory.name) / 'system.db'}?durability=relaxed&project={PROJECT}"
os.environ["KINDSTORE_URL"] = _URL
# The original is the time in milliseconds, of which an embedded store needs several names.  Tests rely on its order.
_millisecond = count(time.time_ns() // 1_000_000)
test_utils.system.unique_resource_id = lambda delimiter="_": (
    f"{delimiter}{next(_millisecond)}{delimiter}{os.getpid()}"
)
# What NDB does without being asked to.
allow_pickles()
# The keys that tests hand to fixtures: there of google-cloud-datastore, here our own.
ndb.Key._key = property(lambda self: self)


class _LookupBatch:
    """In place of the private class of that name."""

    @staticmethod
    def add(_: object = None) -> None:
        """Called before each lookup."""


ndb._datastore_api._LookupBatch = _LookupBatch
ndb._datastore_api.make_call = lambda *_: None
ndb._cache.is_locked_value = Shelf(ndb.global_cache._InProcessGlobalCache()).is_locked


def _name_in_caches(key: Any) -> bytes:
    return SharingStore(contexts.current().store, None, Policies())._name(key)


ndb._cache.global_cache_key = _name_in_caches


class Watched:
    """A store that says each call to the functions that stand for the private ones; the store does the work."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if name in {"lookup", "run_query", "run_aggregation", "begin", "commit", "allocate_ids"}:
            ndb._datastore_api.make_call(name)
        if name == "lookup":
            ndb._datastore_api._LookupBatch.add()
        return getattr(self._store, name)


class Seeds:
    """Puts, gets and deletes as `google.cloud.datastore.Client` does, in the same file as ndb."""

    def __init__(self, database: str, namespace: str) -> None:
        self.database, self.namespace = database, namespace
        self._store = connect(_URL)

    def key(self, *path: Any) -> Any:
        return datastore.Key(*path, project=PROJECT, database=self.database, namespace=self.namespace)

    def get(self, key: Any) -> dict[str, Any] | None:
        """The properties of an entity by name, as google-cloud-datastore gives them."""
        (found,) = self._store.run(self._store.lookup([self._key(key)]))
        return None if found is None else {name: _given(value) for name, value in found.items()}

    def put(self, entity: Any) -> None:
        self._store.run(self._store.commit([Upsert(self._entity(entity))]))

    def close(self) -> None:
        self._store.close()

    def _key(self, key: Any) -> Key:
        if isinstance(key, Key):
            return key
        partition = self._store.partition(key.namespace or "", key.database or "")
        return Key.of(partition, key.flat_path)

    def _entity(self, entity: Any) -> Entity:
        properties = {name: self._stored(value) for name, value in entity.items()}
        meanings = {name: meaning[0] for name, meaning in entity._meanings.items()}
        key = None if entity.key is None or entity.key.is_partial else self._key(entity.key)
        return Entity.of(key, properties, entity.exclude_from_indexes, meanings)

    def _stored(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._stored(each) for each in value]
        if isinstance(value, datastore.Entity):
            return self._entity(value)
        if isinstance(value, datastore.Key):
            return self._key(value)
        if isinstance(value, GeoPoint):
            return GeoPt(value.latitude, value.longitude)
        if isinstance(value, datetime):
            naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return datetime(*naive.timetuple()[:6], naive.microsecond)
        return value


def _given(value: Any) -> Any:
    if isinstance(value, list):
        return [_given(each) for each in value]
    if isinstance(value, Entity):
        return {name: _given(each) for name, each in value.items()}
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@pytest.fixture(autouse=True)
def eventually_is_soon(request: pytest.FixtureRequest) -> None:
    """Tests ask again for two minutes, since a query on Google's servers was late once.  Here nothing is."""
    package = sys.modules[request.module.__package__]
    package.eventually.__defaults__ = (0.5, 0.1)  # seconds: in all, and between two questions


@pytest.fixture(scope="session")
def deleted_keys() -> set[Any]:
    return set()


@pytest.fixture
def to_delete() -> list[Any]:
    """Keys to dispose of.  Every test has a namespace of its own, so nothing needs to be."""
    return []


@pytest.fixture
def dispose_of(to_delete: list[Any]) -> Callable[..., None]:
    return lambda *keys: to_delete.extend(keys)


@pytest.fixture
def ds_client(database_id: str, namespace: str) -> Iterator[Seeds]:
    seeds = Seeds(database_id, namespace)
    yield seeds
    seeds.close()


@pytest.fixture
def with_ds_client(ds_client: Seeds) -> Seeds:
    return ds_client


@pytest.fixture
def ds_entity(ds_client: Seeds) -> Callable[..., Any]:
    def make(*path: Any, **properties: Any) -> Any:
        entity = datastore.Entity(key=ds_client.key(*path))
        entity.update(properties)
        ds_client.put(entity)
        return entity

    return make


@pytest.fixture
def ds_entity_with_meanings(ds_client: Seeds) -> Callable[..., Any]:
    def make(meanings: Any, *path: Any, **properties: Any) -> Any:
        entity = datastore.Entity(key=ds_client.key(*path), exclude_from_indexes=("blob",))
        entity._meanings = meanings
        entity.update(properties)
        ds_client.put(entity)
        return entity

    return make


@pytest.fixture(params=["", "system-tests-named-db"])
def database_id(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def namespace() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def other_namespace() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def client_context(database_id: str, namespace: str) -> Iterator[Any]:
    store = connect(_URL)
    client = ndb.Client(database=database_id, store=Watched(store))
    with client.context(cache_policy=False, legacy_data=False, namespace=namespace) as context:
        yield context
    store.close()


@pytest.fixture
def redis_context(client_context: Any) -> Iterator[Any]:
    with client_context.new(global_cache=ndb.RedisCache.from_environment()).use() as context:
        context.set_global_cache_policy(None)
        yield context


@pytest.fixture
def memcache_context(client_context: Any) -> Iterator[Any]:
    with client_context.new(global_cache=ndb.MemcacheCache.from_environment()).use() as context:
        context.set_global_cache_policy(None)
        yield context
