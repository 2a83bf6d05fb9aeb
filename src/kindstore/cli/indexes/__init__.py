"""`kindstore indexes`: list, make, build and remove the composite indexes of a database file."""

from .command import add_to

__all__ = ["add_to"]
