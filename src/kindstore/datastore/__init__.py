"""`kindstore.datastore`: google-cloud-datastore's client, entities, keys and queries, on any store.

``from kindstore import datastore`` in the place of ``from google.cloud import datastore``.
"""

from kindstore.values.version import __version__

from .batch import Batch, Transaction
from .client import Client
from .entity import Entity, GeoPoint
from .key import Key
from .query import And, Or, PropertyFilter, Query
from .query_profile import ExplainOptions

__all__ = [
    "And",
    "Batch",
    "Client",
    "Entity",
    "ExplainOptions",
    "GeoPoint",
    "Key",
    "Or",
    "PropertyFilter",
    "Query",
    "Transaction",
    "__version__",
]
