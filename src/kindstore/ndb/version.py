"""`ndb.version`: ``__version__`` is Kindstore's."""

from kindstore.values.version import __version__

__all__ = ["__version__"]
