"""Kindstore: the Datastore, as a Python library.

``connect(url)`` opens a store; ``from kindstore import ndb`` is the face with models.
"""

from kindstore.connect import connect
from kindstore.values.entity import Entity
from kindstore.values.errors import Error
from kindstore.values.key import Key, Partition
from kindstore.values.types import GeoPt, User
from kindstore.values.version import __version__

__all__ = ["Entity", "Error", "GeoPt", "Key", "Partition", "User", "__version__", "connect"]
