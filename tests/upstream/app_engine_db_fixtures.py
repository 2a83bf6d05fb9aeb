"""What the App Engine SDK's db tests work with, made of what Kindstore has: the stub, raw entities, `gql.GQL`.

A pytest plugin, loaded after `alias_app_engine_db`.  A new stub is a fresh store and a context.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

import google.appengine.runtime.context  # noqa: F401
from alias_app_engine_db import db
from google.appengine import api, ext, runtime
from replacements import module

from kindstore.connect import connect
from kindstore.db.key import place
from kindstore.db.values import stored
from kindstore.mapper import context as contexts
from kindstore.mapper.row import Row
from kindstore.store.gql import Dialect, parse
from kindstore.store.ids import IdPolicy
from kindstore.store.messages import Upsert

entered = ExitStack()


class DatastoreFileStub:
    """A fresh store, in the place of that of the test before; a context of it is entered."""

    def __init__(self, app_id: str, *_: Any) -> None:
        entered.close()
        store = connect(":memory:", project=app_id, id_policy=IdPolicy.SEQUENTIAL)
        entered.callback(store.close)
        entered.enter_context(db.Client(store=store).context())

    def nothing(self, *_: Any) -> None:
        """It is empty, its ids are in sequence, and it is consistent."""

    Clear = SetAutoIdPolicy = SetConsistencyPolicy = nothing


def set_namespace(namespace: str | None) -> None:
    contexts.enter(contexts.current().new(namespace=namespace or ""))


# Raw entities: dictionaries with a key.


class Entity(dict[str, Any]):
    """`datastore.Entity`."""

    def __init__(
        self, kind: str, parent: Any = None, unindexed_properties: Any = (), namespace: str | None = None
    ) -> None:
        super().__init__()
        above = () if parent is None else parent.key().path
        self._key = db.Key.of(place(namespace=namespace), (*above, kind, None))
        self._unindexed = unindexed_properties

    def key(self) -> db.Key:
        return self._key

    @classmethod
    def of(cls, instance: Any) -> Entity:
        """What is stored of an instance of `db.Expando`."""
        made = cls(instance.kind())
        made._key = instance.key()
        made.update({name: getattr(instance, name) for name in instance.dynamic_properties()})
        return made


def put(entity: Entity) -> None:
    row = Row()
    for name, value in entity.items():
        plain, indexed, meaning = stored(name, value)
        row.add(name, plain, indexed and name not in entity._unindexed, meaning)
    store: Any = contexts.current().store
    # Past the check of reserved kinds, as the statistics that the tests read are written.
    committed = store.run(store._commit_reserved([Upsert(row.entity(entity.key()))]))
    entity._key = db.Key.like(committed.keys[0])


def delete(entity: Entity) -> None:
    db.delete(entity.key())


class Query:
    """The names of directions, with which the tests compare."""

    ASCENDING, DESCENDING = 1, 2


class GQL:
    """`gql.GQL`: a `db.GqlQuery` of raw entities, and what it says of its text."""

    def __init__(self, query_string: str, namespace: str | None = None) -> None:
        partition = None, namespace
        try:
            self._query = db.GqlQuery(query_string, _app=partition)
        except db.KindError:
            type(parse(query_string, Dialect.APP_ENGINE).kind, (db.Expando,), {})
            self._query = db.GqlQuery(query_string, _app=partition)
        self._statement = self._query._statement
        self._kind = self._entity = self._statement.kind
        self.is_keys_only, self.is_distinct = self._query.is_keys_only, self._query.is_distinct
        self.projection = self._query.projection

    def Run(self, *args: Any, **kwds: Any) -> list[Any]:  # noqa: N802 - their name
        values = [value.key() if isinstance(value, Entity) else value for value in args]
        self._query.bind(*values, **kwds)
        return [each if isinstance(each, db.Key) else Entity.of(each) for each in self._query.run()]

    def kind(self) -> str | None:
        return self._kind

    def limit(self) -> int:
        (number,) = self._statement.limit
        return number.value

    def hint(self) -> str | None:
        return self._statement.hint

    def filters(self) -> list[Any]:
        where = self._statement.where
        return [] if where is None else list(getattr(where, "parts", [where]))

    def orderings(self) -> list[tuple[str, int]]:
        orders = self._statement.orders
        return [
            (order.property, Query.DESCENDING if order.descending else Query.ASCENDING) for order in orders
        ]


def execute(query_string: str, *args: Any, **kwds: Any) -> list[Any]:
    return GQL(query_string).Run(*args, **kwds)


# In the place of the SDK's modules.


class Mox:
    """Made by a test file, and used by none of its tests."""


def put_in_place() -> None:
    api.datastore = module(
        "google.appengine.api.datastore", {"Entity": Entity, "Put": put, "Delete": delete, "Query": Query}
    )
    api.datastore_file_stub = module(
        "google.appengine.api.datastore_file_stub", {"DatastoreFileStub": DatastoreFileStub}
    )
    api.namespace_manager = module("google.appengine.api.namespace_manager", {"set_namespace": set_namespace})
    ext.gql = module("google.appengine.ext.gql", {"GQL": GQL, "Execute": execute, "LOG_LEVEL": 8})
    module("mox", {"Mox": Mox})
    # Theirs runs each test twice, the second time with the request's headers elsewhere than in the environment.
    runtime.context.ctx_test_util = module(
        "google.appengine.runtime.context.ctx_test_util",
        {"both_context_modes": lambda: lambda cls: cls, "set_both": os.environ.__setitem__},
    )


put_in_place()
