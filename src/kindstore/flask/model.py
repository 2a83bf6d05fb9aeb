"""`Model`: an `ndb.Model` whose ``query`` has Flask-SQLAlchemy's verbs too."""

from __future__ import annotations

from typing import ClassVar

from kindstore import ndb
from kindstore.flask.query import QueryDescriptor
from kindstore.values.key import Id


class Model(ndb.Model):
    """A kind of entity, in the store of the app in whose context the code works."""

    query: ClassVar[QueryDescriptor] = QueryDescriptor()  # pyright: ignore[reportIncompatibleMethodOverride]

    @property
    def id(self) -> Id | None:
        """The id or name in the key; None before the entity is put."""
        key = self.key
        return None if key is None else key.id()
