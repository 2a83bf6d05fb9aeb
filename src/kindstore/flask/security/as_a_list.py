"""`AsaList`: a list of texts that a database keeps in one column of text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kindstore.values.errors import BadValueError


class AsaList(list[str]):
    """A list of texts, kept in a database as one text with commas between them.

    >>> AsaList(["read", "write"]).serialize()
    'read,write'
    >>> AsaList.deserialize("read,write")
    ['read', 'write']

    It has everything of a list.  It also takes the place of Flask-Security's column type of the same name:
    `db.Column(MutableList.as_mutable(AsaList()), nullable=True)` (SQLAlchemy 2).

    An item may be no empty text and have no comma, neither could be told from two items when it is read:
    BadValueError when the list is serialized.
    """

    __slots__ = ()

    def __init__(self, data: Iterable[str] | str | None = None) -> None:
        if isinstance(data, str):
            data = self.deserialize(data)
        super().__init__(() if data is None else data)

    def serialize(self) -> str:
        """The text that a database keeps."""
        return serialized(self)

    @classmethod
    def deserialize(cls, text: str | None) -> AsaList:
        """The list that *text* was made of; empty for None and ""."""
        return cls([item.strip() for item in text.split(",")] if text else ())

    # SQLAlchemy asks these two of what stands in a type's place, and calls a callable one to get the type.
    _sqla_type = True

    def __call__(self) -> Any:
        """The column type of SQLAlchemy that keeps such lists."""
        from kindstore.flask.security.list_type import ListType  # noqa: PLC0415 - SQLAlchemy, only if used

        return ListType(type(self), serialized)


def serialized(items: Iterable[str]) -> str:
    """*items* as one text; see `AsaList`."""
    items = list(items)
    for item in items:
        if not item or "," in item:
            raise BadValueError("an item of an AsaList is a text without comma, and not empty", item=item)
    return ",".join(items)
