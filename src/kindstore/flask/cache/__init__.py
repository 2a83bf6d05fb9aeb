"""One cache for Flask-Session, Flask-Caching and code of your own, in a Kindstore file.  docs/sessions.md shows it."""

from kindstore.flask.cache.commands import caches_of, sweep_command
from kindstore.flask.cache.kindstore_cache import KindstoreCache
from kindstore.flask.cache.serializers import PlainSerializer, SignedPickleSerializer

__all__ = ["KindstoreCache", "PlainSerializer", "SignedPickleSerializer", "caches_of", "sweep_command"]
