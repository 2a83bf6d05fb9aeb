"""`kindstore.entity`: the small models of datastore-entity, on any store.

``from kindstore.entity import DatastoreEntity, EntityValue`` in the place of ``from datastore_entity import …``.
"""

from .model import DatastoreEntity
from .value import EntityValue

__all__ = ["DatastoreEntity", "EntityValue"]
