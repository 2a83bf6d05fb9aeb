"""NDB's face: ``from kindstore import ndb``.

Models with typed properties, keys, queries, futures and transactions, with the names and meanings of
``google.cloud.ndb``.  `docs/ndb.md` is the guide, `docs/ndb-differences.md` says where it is different.
"""

from kindstore.mapper.blob_key import BlobKey
from kindstore.mapper.blobs import (
    BlobKeyProperty,
    BlobProperty,
    CompressedTextProperty,
    JsonProperty,
    PickleProperty,
)
from kindstore.mapper.computed import ComputedProperty
from kindstore.mapper.errors import (
    BadProjectionError,
    ComputedPropertyError,
    InvalidPropertyError,
    KindError,
    ReadonlyPropertyError,
    UnprojectedPropertyError,
)
from kindstore.mapper.future import Future
from kindstore.mapper.local_structured import LocalStructuredProperty
from kindstore.mapper.model import MetaModel
from kindstore.mapper.property import ModelAttribute, Property
from kindstore.mapper.references import UserProperty
from kindstore.mapper.scalar import BooleanProperty, FloatProperty, GeoPtProperty, IntegerProperty
from kindstore.mapper.structured import StructuredProperty
from kindstore.mapper.text import StringProperty, TextProperty
from kindstore.mapper.times import DateProperty, DateTimeProperty, TimeProperty
from kindstore.mapper.transaction import Rollback, TransactionScope
from kindstore.ndb import context, exceptions, global_cache, unique, utils, version
from kindstore.ndb.client import Client
from kindstore.ndb.context import Context, get_context, get_toplevel_context
from kindstore.ndb.global_cache import GlobalCache, MemcacheCache, RedisCache
from kindstore.ndb.gone import (
    AutoBatcher,
    ContextOptions,
    ModelAdapter,
    QueueFuture,
    ReducingFuture,
    SerialQueueFuture,
    add_flow_exception,
    get_indexes,
    get_indexes_async,
    make_connection,
    make_context,
    make_default_context,
    set_context,
)
from kindstore.ndb.indexes import Index, IndexProperty, IndexState
from kindstore.ndb.key import Key
from kindstore.ndb.model import (
    Expando,
    Model,
    delete_multi,
    delete_multi_async,
    get_multi,
    get_multi_async,
    put_multi,
    put_multi_async,
)
from kindstore.ndb.polymodel import PolyModel
from kindstore.ndb.properties import GenericProperty, KeyProperty, ModelKey
from kindstore.ndb.query import (
    AND,
    OR,
    ConjunctionNode,
    Cursor,
    DisjunctionNode,
    FalseNode,
    FilterNode,
    Node,
    Parameter,
    ParameterizedFunction,
    ParameterizedThing,
    ParameterNode,
    PostFilterNode,
    PropertyOrder,
    Query,
    QueryIterator,
    QueryOptions,
    RepeatedStructuredPropertyPredicate,
    gql,
)
from kindstore.ndb.tasklets import Return, sleep, synctasklet, tasklet, toplevel, wait_all, wait_any
from kindstore.ndb.transactions import (
    TransactionOptions,
    in_transaction,
    non_transactional,
    transaction,
    transaction_async,
    transactional,
    transactional_async,
    transactional_tasklet,
)
from kindstore.store.messages import Consistency
from kindstore.values.errors import UserNotFoundError
from kindstore.values.types import GeoPt, User
from kindstore.values.version import __version__

EVENTUAL = EVENTUAL_CONSISTENCY = Consistency.EVENTUAL
STRONG = Consistency.STRONG


__all__ = [
    "AND",
    "EVENTUAL",
    "EVENTUAL_CONSISTENCY",
    "OR",
    "STRONG",
    "AutoBatcher",
    "BadProjectionError",
    "BlobKey",
    "BlobKeyProperty",
    "BlobProperty",
    "BooleanProperty",
    "Client",
    "CompressedTextProperty",
    "ComputedProperty",
    "ComputedPropertyError",
    "ConjunctionNode",
    "Context",
    "ContextOptions",
    "Cursor",
    "DateProperty",
    "DateTimeProperty",
    "DisjunctionNode",
    "Expando",
    "FalseNode",
    "FilterNode",
    "FloatProperty",
    "Future",
    "GenericProperty",
    "GeoPt",
    "GeoPtProperty",
    "GlobalCache",
    "Index",
    "IndexProperty",
    "IndexState",
    "IntegerProperty",
    "InvalidPropertyError",
    "JsonProperty",
    "Key",
    "KeyProperty",
    "KindError",
    "LocalStructuredProperty",
    "MemcacheCache",
    "MetaModel",
    "Model",
    "ModelAdapter",
    "ModelAttribute",
    "ModelKey",
    "Node",
    "Parameter",
    "ParameterNode",
    "ParameterizedFunction",
    "ParameterizedThing",
    "PickleProperty",
    "PolyModel",
    "PostFilterNode",
    "Property",
    "PropertyOrder",
    "Query",
    "QueryIterator",
    "QueryOptions",
    "QueueFuture",
    "ReadonlyPropertyError",
    "RedisCache",
    "ReducingFuture",
    "RepeatedStructuredPropertyPredicate",
    "Return",
    "Rollback",
    "SerialQueueFuture",
    "StringProperty",
    "StructuredProperty",
    "TextProperty",
    "TimeProperty",
    "TransactionOptions",
    "TransactionScope",
    "UnprojectedPropertyError",
    "User",
    "UserNotFoundError",
    "UserProperty",
    "__version__",
    "add_flow_exception",
    "context",
    "delete_multi",
    "delete_multi_async",
    "exceptions",
    "get_context",
    "get_indexes",
    "get_indexes_async",
    "get_multi",
    "get_multi_async",
    "get_toplevel_context",
    "global_cache",
    "gql",
    "in_transaction",
    "make_connection",
    "make_context",
    "make_default_context",
    "non_transactional",
    "put_multi",
    "put_multi_async",
    "set_context",
    "sleep",
    "synctasklet",
    "tasklet",
    "toplevel",
    "transaction",
    "transaction_async",
    "transactional",
    "transactional_async",
    "transactional_tasklet",
    "unique",
    "utils",
    "version",
    "wait_all",
    "wait_any",
]
