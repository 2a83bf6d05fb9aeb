"""`ndb.Cursor`: a place in the results of a query (spec/service.md 3.4)."""

from __future__ import annotations

import base64
import binascii

from kindstore.values.errors import BadCursorError


class Cursor:
    """A place in the results of a query: after the last one that was read.  A place in an index, so it outlives
    changes elsewhere, and the entity itself.  `BadCursorError` for text that is no cursor.
    """

    __slots__ = ("_cursor",)

    def __init__(self, cursor: bytes | None = None, urlsafe: bytes | str | None = None) -> None:
        if cursor is None and urlsafe is not None:
            text = urlsafe.encode() if isinstance(urlsafe, str) else urlsafe
            try:
                cursor = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            except (binascii.Error, ValueError):
                raise BadCursorError("malformed cursor", urlsafe=urlsafe) from None
        if cursor is None:
            raise TypeError("Cursor() needs cursor= or urlsafe=")
        self._cursor = cursor

    @classmethod
    def from_websafe_string(cls, urlsafe: bytes | str) -> Cursor:
        """The cursor that `urlsafe` made this text of."""
        return cls(urlsafe=urlsafe)

    def urlsafe(self) -> bytes:
        """As text for URLs, in ASCII bytes without padding."""
        return base64.urlsafe_b64encode(self._cursor).rstrip(b"=")

    to_websafe_string = urlsafe

    def to_bytes(self) -> bytes:
        """As the store has it."""
        return self._cursor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cursor) and self._cursor == other._cursor

    def __hash__(self) -> int:
        return hash(self._cursor)

    def __repr__(self) -> str:
        return f"<Cursor {self.urlsafe().decode()}>"
