"""What a driver tells the engine and nobody else gets to see."""

from kindstore.values.errors import StorageError


class MissingTableError(StorageError):
    """A statement names a table that its snapshot does not have: an index younger than the snapshot."""


class TakenError(StorageError):
    """A row with this unique key is there already."""
