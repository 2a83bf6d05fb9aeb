"""`BlobKey`: names of blobs, which properties and filters may have as values."""

from __future__ import annotations

from kindstore.values.errors import BadValueError
from kindstore.values.limits import MAX_INDEXED


class BlobKey:
    """The name of a blob of App Engine's blobstore, up to 1,500 bytes.  Ordered, hashable."""

    __slots__ = ("_blob_key",)

    def __init__(self, blob_key: bytes | None) -> None:
        if blob_key is not None:
            if not isinstance(blob_key, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
                raise BadValueError(
                    f"blob key should be bytes; received {blob_key} (a {type(blob_key).__name__})"
                )
            if len(blob_key) > MAX_INDEXED:
                raise BadValueError(f"blob key must be under {MAX_INDEXED} bytes.")
        self._blob_key = blob_key

    def __eq__(self, other: object) -> bool:
        if isinstance(other, BlobKey):
            return self._blob_key == other._blob_key
        if isinstance(other, bytes):
            return self._blob_key == other
        return NotImplemented

    def __lt__(self, other: BlobKey) -> bool:
        return (self._blob_key or b"") < (other._blob_key or b"")

    def __hash__(self) -> int:
        return hash(self._blob_key)

    def stored(self) -> bytes | None:
        """What the Datastore holds in its place."""
        return self._blob_key

    def __repr__(self) -> str:
        return f"BlobKey({self._blob_key!r})"
