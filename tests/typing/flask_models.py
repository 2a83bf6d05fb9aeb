"""What the types of a Flask app's models and queries are: see `authors.py`."""

from collections.abc import Iterator
from typing import assert_type

from flask import Flask

from kindstore import ndb
from kindstore.flask import CursorPagination, Kindstore, Model, Pagination, Query, desc
from kindstore.ndb import Key

db = Kindstore(Flask("app"), url=":memory:", durability="relaxed")


class User(Model):
    name = ndb.StringProperty(required=True)
    age = ndb.IntegerProperty()
    active = ndb.BooleanProperty(default=True)


class Admin(User):
    level = ndb.IntegerProperty(default=0)


assert_type(User.query.filter(User.age > 3).first(), User | None)
assert_type(User.query.filter(User.age > 3, User.active == True).all(), list[User])  # noqa: E712
assert_type(User.query.filter_by(name="Ada"), Query[User])
assert_type(Admin.query.first_or_404(), Admin)
assert_type(Admin.query.order_by(-Admin.level, desc(Admin.age), "name").limit(3).offset(1).all(), list[Admin])
assert_type(User.query(User.age > 3, ancestor=User().key), Query[User])
assert_type(User.query(User.age > 3).order(User.name).first(), User | None)
assert_type(User.query.fetch(3, keys_only=True), list[Key])
assert_type(User.query.get(), User | None)
assert_type(User.query.get(5), User | None)
assert_type(User.query.get("urlsafe"), User | None)
assert_type(User.query.get_or_404(5), User)
assert_type(User.query.one(), User)
assert_type(User.query.one_or_none(), User | None)
assert_type(User.query.one_or_404(), User)
assert_type(User.query.count(), int)
assert_type(User.query.exists(), bool)
assert_type(User.query.delete(), int)
assert_type(User.query.paginate(page=1), Pagination[User])
assert_type(User.query.paginate().items, list[User])
assert_type(User.query.paginate_by_cursor(), CursorPagination[User])
assert_type(User(name="Ada").id, int | str | None)
assert_type(User.get_by_id(3), User | None)
assert_type(User(name="Ada").query.first(), User | None)

for user in User.query:
    assert_type(user, User)
for user in User.query.paginate():
    assert_type(user, User)
names: Iterator[str] = (each.name for each in User.query.order_by(User.name))


async def read() -> None:
    assert_type(await User.query.first_async(), User | None)
    assert_type(await User.query.first_or_404_async(), User)
    assert_type(await User.query.all_async(), list[User])
    assert_type(await User.query.get_or_404_async(3), User)
    assert_type(await User.query.paginate_async(), Pagination[User])
    async for each in User.query:
        assert_type(each, User)


User.query.filter("age > 3")  # type: ignore[arg-type]
User.query.limit("3")  # type: ignore[arg-type]
User.query.get(3.5)  # type: ignore[call-overload]
Kindstore(url=3)  # type: ignore[arg-type]


# A checker that can take an attribute of an object for a class sees as much by `db.Model`.  mypy can't: for it, import `Model`.
class Book(db.Model):  # type: ignore[name-defined,misc]
    title = ndb.StringProperty()
