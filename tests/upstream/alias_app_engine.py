"""A pytest plugin under which ``google.appengine.ext.ndb`` is `kindstore.ndb`: ``pytest -p alias_app_engine``.

The rest of the SDK stays what it is, but for what its ndb tests take from there to hand it to ndb, or to compare with
what ndb gives: errors, users, blob keys, the namespace, `datastore.Put`.  `app_engine_fixtures` is the base class of the
tests.  Modules of internals are there, with the few names without which a test file can't be imported.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

from google.appengine import api, ext
from google.appengine.api import datastore_errors, datastore_types, taskqueue  # noqa: F401 - before the replacements
from google.appengine.datastore import datastore_pbs, datastore_stub_util, entity_bytes_pb2  # noqa: F401
from replacements import module

from kindstore import ndb
from kindstore.mapper import context as contexts
from kindstore.store.messages import Insert
from kindstore.values.entity import Entity
from kindstore.values.key import Key

NDB = "google.appengine.ext.ndb"
PUBLIC = (
    *("blobstore", "context", "django_middleware", "key", "metadata", "model", "msgprop", "polymodel"),
    *("query", "stats", "tasklets", "utils"),
)


RENAMED = {"app=": "project=", "group_by=": "distinct_on="}
"""Arguments that google-cloud-ndb shows under other names."""


def native(value: Any) -> Any:
    """*value* with the SDK's bytes as text: its port of ndb to Python 3 keeps names, and some texts, as bytes."""
    if isinstance(value, bytes):
        try:
            return value.decode("ascii")
        except UnicodeDecodeError:
            return value
    if isinstance(value, str):
        for old, new in RENAMED.items():
            value = value.replace(old, new)
        return re.sub(r"\bb(?='[^']*')", "", value)
    if isinstance(value, list | tuple):
        return type(value)(map(native, value))
    if isinstance(value, dict):
        return {native(key): native(each) for key, each in value.items()}
    return value


# What App Engine's ndb has, and google-cloud-ndb has not, or elsewhere.


def make_context(*, config: Any = None, **_: Any) -> contexts.Context:
    """A context that has seen nothing yet, in the store of the current one."""
    return contexts.current().new(identities=contexts.IdentityMap())


def set_context(context: contexts.Context) -> None:
    contexts.enter(context)


class ContextOptions:
    def __init__(self, **options: Any) -> None:
        vars(self).update(options)


class _Adapted(type):
    """Of a class that stands for *original*, but is called with what the SDK's tests have."""

    original: type[Any]
    make: Callable[..., Any]

    def __call__(cls, *args: Any, **options: Any) -> Any:
        return cls.make(*args, **options)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.original)


class FilterNode(metaclass=_Adapted):
    original = ndb.FilterNode

    @staticmethod
    def make(name: Any, opsymbol: str, value: Any) -> Any:
        if isinstance(name, bytes):
            name, value = native(name), native(value)
        return ndb.FilterNode(name, opsymbol, value)


class QueryOptions(metaclass=_Adapted):
    original = ndb.QueryOptions

    @staticmethod
    def make(**options: Any) -> Any:
        return ndb.QueryOptions(**{name: native(value) for name, value in options.items()})


class BlobKey(metaclass=_Adapted):
    """Takes the key as a text, as in Python 2."""

    original = ndb.BlobKey

    @staticmethod
    def make(key: Any) -> Any:
        return ndb.BlobKey(key.encode() if isinstance(key, str) else key)


def orders_to_orderings(orders: Any) -> list[tuple[str, str]]:
    return [(order.name, "desc" if order.reverse else "asc") for order in orders]


make_query = ndb.Model.query.__func__


def query(cls: type[ndb.Model], *filters: Any, **options: Any) -> Any:
    """`Model.query`, with names of properties as bytes."""
    return make_query(cls, *filters, **{name: native(value) for name, value in options.items()})


class Snapshot(NamedTuple):
    snapshot_key: ndb.Key
    created_on: datetime


class Clock:
    """The base class of a clock in tasklets_test.py."""


def run() -> None:
    """What is left of the event loop: everything that was asked for is done now."""
    contexts.current().flush()


def queue_call(delay: float, callback: Callable[..., Any], *args: Any) -> None:
    ndb.sleep(delay).add_done_callback(lambda _: callback(*args))


EVENT_LOOP = SimpleNamespace(run=run, queue_call=queue_call)

ADDED: dict[str, dict[str, Any]] = {
    "": {"set_context": set_context, "make_context": make_context, "ContextOptions": ContextOptions},
    "context": {"Context": contexts.Context, "ContextOptions": ContextOptions},
    "key_test": {"Snapshot": Snapshot},  # in a pickle
    "model": {"make_connection": lambda *_, **__: None, "BlobKey": BlobKey},
    "query": {
        "FilterNode": FilterNode,
        "QueryOptions": QueryOptions,
        "_orders_to_orderings": orders_to_orderings,
        "_ASC": "asc",
        "_DESC": "desc",
    },
    "tasklets": {
        "set_context": set_context,
        "make_context": make_context,
        "get_context": ndb.get_context,
        "get_return_value": lambda returned: returned.value,
        "_CONTEXT_KEY": "__CONTEXT__",
    },
    "eventloop": {
        "_Clock": Clock,
        "_EVENT_LOOP_KEY": "__EVENT_LOOP__",
        "get_event_loop": lambda: EVENT_LOOP,
        "run": run,
    },
}


def put_in_place() -> None:
    """Put `kindstore.ndb` in the place of the SDK's ndb."""
    ndb.Model.query = classmethod(query)
    package = module(NDB, vars(ndb), ADDED[""])
    package.__path__ = []
    ext.ndb = package
    for name in (*PUBLIC, "eventloop", "key_test"):
        try:
            names = vars(importlib.import_module(f"kindstore.ndb.{name}"))
        except ModuleNotFoundError:
            names = {}
        setattr(package, name, module(f"{NDB}.{name}", names, ADDED.get(name, {})))


# What the tests take from the rest of the SDK.


def set_namespace(namespace: str | None) -> None:
    contexts.enter(contexts.current().new(namespace=namespace or ""))


class StoredEntity(dict[str, Any]):
    """`datastore.Entity` of `google.appengine.api`: a dictionary with a kind, written past ndb."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind


def put_past_ndb(entity: StoredEntity) -> None:
    context = contexts.current()
    store: Any = context.store
    key = Key.of(context.partition, (entity.kind, None))
    # Past the check of reserved kinds, as the statistics that the tests read are written.
    store.run(store._commit_reserved([Insert(Entity.of(key, dict(entity)))]))


def replace_the_rest() -> None:
    for name in ndb.exceptions.__all__:
        if hasattr(datastore_errors, name):
            setattr(datastore_errors, name, getattr(ndb.exceptions, name))
    datastore_types.BlobKey = BlobKey
    namespaces = {"set_namespace": set_namespace, "get_namespace": lambda: contexts.current().namespace}
    api.namespace_manager = module("google.appengine.api.namespace_manager", namespaces)
    api.users = module("google.appengine.api.users", {"User": ndb.User})
    api.datastore = module("google.appengine.api.datastore", {"Entity": StoredEntity, "Put": put_past_ndb})
    # The message that Key.reference() gives is of the library that is there.
    module("google.cloud.datastore._app_engine_key_pb2", {"Reference": entity_bytes_pb2.Reference})


put_in_place()
replace_the_rest()
