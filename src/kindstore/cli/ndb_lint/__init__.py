"""`kindstore ndb-lint PATH`: what in a code base would not work on `kindstore.ndb`."""

from .command import add_to

__all__ = ["add_to"]
