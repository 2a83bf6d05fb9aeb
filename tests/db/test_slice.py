"""One model through the whole face: put, get, query, transaction, delete."""

import datetime as dt
from typing import Any

import pytest

from kindstore import db


class Worker(db.Model):
    name = db.StringProperty(required=True)
    age = db.IntegerProperty()
    wage = db.FloatProperty()
    trained = db.BooleanProperty()
    since = db.DateTimeProperty()
    notes = db.TextProperty()
    picture = db.BlobProperty()
    marks = db.ListProperty(int)
    tags = db.StringListProperty()
    boss = db.SelfReferenceProperty(collection_name="staff")


def _worker() -> Worker:
    return Worker(
        name="Ada",
        age=36,
        wage=1.5,
        trained=True,
        since=dt.datetime(2020, 1, 2),
        notes="long " * 1000,
        picture=b"\x00" * 3000,
        marks=[1, 2],
        tags=["a"],
    )


def test_what_is_put_is_read_as_it_was() -> None:
    key = _worker().put()
    found = db.get(key)
    assert isinstance(found, Worker)
    assert db.to_dict(found) == db.to_dict(_worker())
    assert type(found.notes) is db.Text
    assert type(found.picture) is db.Blob
    assert found.key() == key
    assert found.is_saved()


def test_a_key_is_itself_its_text_or_an_instance() -> None:
    worker = _worker()
    key = worker.put()
    assert [found.key() for found in db.get([key, str(key), worker])] == [key] * 3
    assert db.Key(str(key)) == key


def test_queries_filter_sort_count_and_have_cursors() -> None:
    boss: Any = _worker()
    boss.put()
    for age in (1, 5, 9):
        Worker(parent=boss, name=f"n{age}", age=age, boss=boss).put()
    query = Worker.all().filter("age >", 3).order("-age")
    assert [found.age for found in query] == [36, 9, 5]
    assert query.count() == 3
    assert query.fetch(1, 1)[0].age == 9
    assert query[2].age == 5
    assert [found.age for found in Worker.all().with_cursor(None).order("age").fetch(2)] == [1, 5]
    first = Worker.all().order("age")
    first.fetch(2)
    rest = Worker.all().order("age").with_cursor(first.cursor())
    assert [found.age for found in rest] == [9, 36]
    assert sorted(found.age for found in boss.staff) == [1, 5, 9]
    assert Worker.all().ancestor(boss).count() == 4
    assert [found.age for found in Worker.gql("WHERE age IN :1 ORDER BY age", [9, 1])] == [1, 9]
    assert db.query_descendants(boss).count() == 3


def test_a_transaction_is_tried_again_when_somebody_else_was_first() -> None:
    key = _worker().put()
    tries: list[int] = []

    def grow() -> None:
        worker = db.get(key)
        tries.append(worker.age)
        if len(tries) == 1:
            db.non_transactional(lambda: Worker(key=key, name="Eve", age=50).put())()
        worker.age += 1
        worker.put()

    db.run_in_transaction(grow)
    assert tries == [36, 50]
    assert db.get(key).age == 51


def test_a_transaction_that_always_loses_fails() -> None:
    key = _worker().put()

    def lose() -> None:
        worker = db.get(key)
        db.non_transactional(lambda: Worker(key=key, name="Eve", age=worker.age + 1).put())()
        _worker().put()
        db.delete(key)

    options = db.create_transaction_options(retries=1, xg=True)
    with pytest.raises(db.TransactionFailedError, match="could not be committed"):
        db.run_in_transaction_options(options, lose)


def test_the_law_of_entity_groups() -> None:
    one, other = _worker().put(), _worker().put()
    with pytest.raises(db.BadRequestError, match=r"explicitly specified \(xg=True\)"):
        db.run_in_transaction(db.get, [one, other])
    xg = db.create_transaction_options(xg=True)
    assert db.run_in_transaction_options(xg, db.get, [one, other])[1].key() == other
    many = [db.Key.from_path("Worker", number + 1) for number in range(26)]
    with pytest.raises(db.BadRequestError, match=r"^operating on too many entity groups"):
        db.run_in_transaction_options(xg, db.get, many)
    with pytest.raises(
        db.BadRequestError, match=r"^Only ancestor queries are allowed inside transactions\.$"
    ):
        db.run_in_transaction(Worker.all().get)
    assert db.run_in_transaction(Worker.all().ancestor(one).count) == 1


def test_rollback_and_deletion() -> None:
    worker = _worker()
    key = worker.put()

    def give_up() -> None:
        db.delete(key)
        raise db.Rollback

    assert db.run_in_transaction(give_up) is None
    assert db.get(key) is not None
    worker.delete()
    assert db.get(key) is None
    assert worker.key() == key
    assert not worker.is_saved()
