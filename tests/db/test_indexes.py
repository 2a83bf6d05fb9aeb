"""db.get_indexes tells which composite indexes there are."""

from typing import Any

from kindstore import db
from kindstore.engine.composite import CompositeIndex, IndexProperty


class Book(db.Model):
    author = db.StringProperty()
    year = db.IntegerProperty()


def test_indexes_are_listed_with_their_states(client: db.Client) -> None:
    assert db.get_indexes() == []
    Book(author="Ada", year=1843).put()
    store: Any = client.store
    index = CompositeIndex("Book", False, (IndexProperty("author"), IndexProperty("year", True)))
    store.run(store.create_indexes([index]))
    [(found, state)] = db.get_indexes()
    assert state == db.Index.BUILDING
    assert (found.kind(), found.has_ancestor()) == ("Book", False)
    assert found.properties() == [("author", db.Index.ASCENDING), ("year", db.Index.DESCENDING)]
    store.run(store.build_index(index))
    assert db.get_indexes_async().get_result() == [(found, db.Index.SERVING)]
    assert len({found, db.get_indexes()[0][0]}) == 1
