"""What the type checkers know of `kindstore.entity` and `kindstore.datastore`."""

from datetime import UTC, datetime
from typing import Any, assert_type

from kindstore import datastore
from kindstore.entity import DatastoreEntity, EntityValue


class User(DatastoreEntity):
    __kind__ = "User"
    username = EntityValue(None)
    active = EntityValue(1)
    created = EntityValue(lambda: datetime.now(UTC))


def of_entities(user: User) -> None:
    assert_type(user.active, int)
    assert_type(user.created, datetime)
    assert_type(user.username, Any)
    assert_type(user.get_obj("active", 1), User | None)
    assert_type(user.get_objects("active", 1), tuple[list[User], str | None])
    user.username = "komla"
    user.active = 2


def of_a_client(client: datastore.Client) -> None:
    key = client.key("User", 1)
    assert_type(key, datastore.Key)
    assert_type(client.get(key), datastore.Entity | None)
    assert_type(client.get_multi([key]), list[datastore.Entity])
    assert_type(client.allocate_ids(key, 2), list[datastore.Key])
    for entity in client.query(kind="User").fetch():
        assert_type(entity, datastore.Entity)
