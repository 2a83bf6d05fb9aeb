"""`kindstore.db`: the older mapper of App Engine, on any store (docs/db.md).

Change ``from google.appengine.ext import db`` to ``from kindstore import db``.
"""

# isort: off
# fmt: off
from kindstore.db.errors import (
    BadArgumentError, BadFilterError, BadKeyError, BadPropertyError, BadQueryError, BadRequestError,
    BadValueError, CommittedButStillApplying, ConfigurationError, DerivedPropertyError,
    DuplicatePropertyError, EntityNotFoundError, Error, InternalError, KindError, NeedIndexError,
    NotSavedError, PropertyError, QueryNotFoundError, ReferencePropertyResolveError, ReservedWordError,
    Rollback, Timeout, TransactionFailedError, TransactionNotFoundError, ValidationError,
)
# fmt: on
# isort: on
from kindstore.client import Client
from kindstore.db import users
from kindstore.db.expando import Expando
from kindstore.db.gql import GqlQuery
from kindstore.db.indexes import Index, get_indexes, get_indexes_async
from kindstore.db.key import Key
from kindstore.db.kinds import class_for_kind
from kindstore.db.lists import ListProperty, StringListProperty
from kindstore.db.model import (
    Model,
    PropertiedClass,
    check_reserved_word,
    model_is_projection,
    query_descendants,
    to_dict,
)
from kindstore.db.operations import (
    KEY_RANGE_COLLISION,
    KEY_RANGE_CONTENTION,
    KEY_RANGE_EMPTY,
    allocate_id_range,
    allocate_ids,
    allocate_ids_async,
    delete,
    delete_async,
    get,
    get_async,
    put,
    put_async,
)
from kindstore.db.options import (
    EVENTUAL_CONSISTENCY,
    READ_CAPABILITY,
    STRONG_CONSISTENCY,
    WRITE_CAPABILITY,
    create_config,
    create_rpc,
)
from kindstore.db.property import (
    AUTO_UPDATE_UNCHANGED,
    BlobProperty,
    BlobReferenceProperty,
    BooleanProperty,
    ByteStringProperty,
    CategoryProperty,
    ComputedProperty,
    EmailProperty,
    FloatProperty,
    GeoPtProperty,
    IMProperty,
    IntegerProperty,
    LinkProperty,
    PhoneNumberProperty,
    PostalAddressProperty,
    Property,
    RatingProperty,
    StringProperty,
    TextProperty,
    UnindexedProperty,
    URLProperty,
    UserProperty,
)
from kindstore.db.protobuf import model_from_protobuf, model_to_protobuf
from kindstore.db.query import BaseQuery, Query, websafe_decode_cursor, websafe_encode_cursor
from kindstore.db.references import Reference, ReferenceProperty, SelfReference, SelfReferenceProperty
from kindstore.db.times import DateProperty, DateTimeProperty, TimeProperty
from kindstore.db.transactions import (
    ALLOWED,
    INDEPENDENT,
    MANDATORY,
    NESTED,
    RunInTransaction,
    RunInTransactionCustomRetries,
    TransactionOptions,
    create_transaction_options,
    is_in_transaction,
    non_transactional,
    run_in_read_only_transaction,
    run_in_read_only_transaction_options,
    run_in_transaction,
    run_in_transaction_custom_retries,
    run_in_transaction_options,
    transactional,
)
from kindstore.db.values import (
    IM,
    Blob,
    BlobKey,
    ByteString,
    Category,
    Email,
    EmbeddedEntity,
    GeoPt,
    Link,
    PhoneNumber,
    PostalAddress,
    Rating,
    Text,
)

# fmt: off
__all__ = [
    "ALLOWED", "AUTO_UPDATE_UNCHANGED", "EVENTUAL_CONSISTENCY", "IM", "INDEPENDENT", "KEY_RANGE_COLLISION",
    "KEY_RANGE_CONTENTION", "KEY_RANGE_EMPTY", "MANDATORY", "NESTED", "READ_CAPABILITY", "STRONG_CONSISTENCY",
    "WRITE_CAPABILITY",
    "BadArgumentError", "BadFilterError", "BadKeyError", "BadPropertyError", "BadQueryError",
    "BadRequestError", "BadValueError", "BaseQuery", "Blob", "BlobKey", "BlobProperty",
    "BlobReferenceProperty", "BooleanProperty", "ByteString", "ByteStringProperty", "Category",
    "CategoryProperty", "Client", "CommittedButStillApplying", "ComputedProperty", "ConfigurationError",
    "DateProperty", "DateTimeProperty", "DerivedPropertyError", "DuplicatePropertyError", "Email",
    "EmailProperty", "EmbeddedEntity", "EntityNotFoundError", "Error", "Expando", "FloatProperty", "GeoPt",
    "GeoPtProperty", "GqlQuery", "IMProperty", "Index", "IntegerProperty", "InternalError", "Key",
    "KindError", "Link", "LinkProperty", "ListProperty", "Model", "NeedIndexError", "NotSavedError",
    "PhoneNumber", "PhoneNumberProperty", "PostalAddress", "PostalAddressProperty", "PropertiedClass",
    "Property", "PropertyError", "Query", "QueryNotFoundError", "Rating", "RatingProperty", "Reference",
    "ReferenceProperty", "ReferencePropertyResolveError", "ReservedWordError", "Rollback",
    "RunInTransaction", "RunInTransactionCustomRetries", "SelfReference", "SelfReferenceProperty",
    "StringListProperty", "StringProperty", "Text", "TextProperty", "TimeProperty", "Timeout",
    "TransactionFailedError", "TransactionNotFoundError", "TransactionOptions", "URLProperty",
    "UnindexedProperty", "UserProperty", "ValidationError", "allocate_id_range", "allocate_ids",
    "allocate_ids_async", "check_reserved_word", "class_for_kind", "create_config", "create_rpc",
    "create_transaction_options", "delete", "delete_async", "get", "get_async", "get_indexes",
    "get_indexes_async", "is_in_transaction", "model_from_protobuf", "model_is_projection",
    "model_to_protobuf", "non_transactional", "put", "put_async", "query_descendants",
    "run_in_read_only_transaction", "run_in_read_only_transaction_options", "run_in_transaction",
    "run_in_transaction_custom_retries", "run_in_transaction_options", "save", "to_dict", "transactional",
    "users", "websafe_decode_cursor", "websafe_encode_cursor",
]
# fmt: on

save = put
