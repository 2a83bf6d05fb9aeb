"""`Model`: an `ndb.Model` whose ``query`` has Flask-SQLAlchemy's verbs too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from kindstore import ndb
from kindstore.client import ambient
from kindstore.flask.outside import StoreOfNoApp
from kindstore.flask.query import Query, QueryDescriptor, as_query, require_app
from kindstore.values.key import Id


class Model(ndb.Model):
    """A kind of entity, in the store of the app in whose context the code works.

    It is an `ndb.Model`, and works in ``with client.context():`` too.  `NoAppContextError` where there is neither.
    """

    query: ClassVar[QueryDescriptor] = QueryDescriptor()  # pyright: ignore[reportIncompatibleMethodOverride]
    """The query for all of them: ``User.query.filter(User.age > 3).all()``; see `Query`."""

    @property
    def id(self) -> Id | None:
        """The id or name in the key; None before the entity is put."""
        key = self.key
        return None if key is None else key.id()

    @classmethod
    def gql(cls, query_string: str, *args: Any, **kwds: Any) -> Query[Self]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A query for the entities of this class: ``Author.gql("WHERE age > :1 ORDER BY age", 3)``; see `ndb.gql`."""
        require_app()
        return as_query(super().gql(query_string, *args, **kwds))

    if not TYPE_CHECKING:
        _query = query
        _gql = gql

        # What works on the store at once says so where there is no app; the rest begins with one of these, or with a key.

        def put(self, **options):
            """`ndb.Model.put`, in an app."""
            require_app()
            return super().put(**options)

        def put_async(self, **options):
            """`ndb.Model.put_async`, in an app."""
            require_app()
            return super().put_async(**options)

        @classmethod
        def get_by_id(cls, *args, **options):
            """`ndb.Model.get_by_id`, in an app."""
            require_app()
            return super().get_by_id(*args, **options)

        @classmethod
        def get_by_id_async(cls, *args, **options):
            """`ndb.Model.get_by_id_async`, in an app."""
            require_app()
            return super().get_by_id_async(*args, **options)

        @classmethod
        def get_or_insert(cls, *args, **options):
            """`ndb.Model.get_or_insert`, in an app."""
            require_app()
            return super().get_or_insert(*args, **options)

        @classmethod
        def get_or_insert_async(cls, *args, **options):
            """`ndb.Model.get_or_insert_async`, in an app."""
            require_app()
            return super().get_or_insert_async(*args, **options)

        _put, _put_async = put, put_async
        _get_by_id, _get_by_id_async = get_by_id, get_by_id_async
        _get_or_insert, _get_or_insert_async = get_or_insert, get_or_insert_async


ambient.watch(lambda store: cast("Any", StoreOfNoApp(store, Model)))
