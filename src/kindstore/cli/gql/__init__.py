"""`kindstore gql`: ask a database file a question in GQL."""

from .command import add_to

__all__ = ["add_to"]
