"""datastore-entity's models: what its documentation says, and what it does wrong done right (spec/flask.md 4)."""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kindstore import testing
from kindstore.entity import DatastoreEntity, EntityValue
from kindstore.values.errors import BadArgumentError, BadKeyError


class User(DatastoreEntity):
    __kind__ = "User"
    __exclude_from_index__ = ("password",)

    username = EntityValue(None)
    password = EntityValue()
    active = EntityValue(1)
    tags = EntityValue[list[str]](list)
    created = EntityValue(lambda: datetime.now(UTC))


@pytest.fixture(autouse=True)
def sandbox() -> Iterator[None]:
    with testing.store():
        yield


def saved(**properties: Any) -> User:
    user = User()
    for name, value in properties.items():
        setattr(user, name, value)
    assert user.save() is True
    return user


def test_what_is_saved_is_read_back_plain() -> None:
    user = saved(username="komla", tags=["a"])
    found = User().get_obj("username", "komla")
    assert found is not None
    assert found.key == user.key
    assert found == user
    assert (found.username, found.password, found.active, found.tags) == ("komla", None, 1, ["a"])
    assert type(found.username) is str
    assert found.password is None
    assert type(user.active) is int  # of the one that was saved, too
    assert User().get_object("username", "nobody") is None


def test_a_second_save_changes_the_same_entity() -> None:
    user = saved(username="komla")
    user.username = "seyram"
    user.save()
    assert [entity["username"] for entity in user.find_by_value("active", 1)] == ["seyram"]
    found = User().get_obj("username", "seyram")
    assert found is not None
    found.active = 2
    found.save()
    assert [entity["active"] for entity in user.find_by_value("username", "seyram")] == [2]


def test_what_was_not_set_stands_for_its_default() -> None:
    user = User(conn=False)
    assert isinstance(user.active, EntityValue)
    assert user.active == 1
    assert user.username == None  # noqa: E711 - a mark, which is like its default
    assert not user.username
    assert f"{user.username}" == ""
    assert user.to_dict()["active"] == 1
    assert EntityValue("<b>").__html__() == "&lt;b&gt;"


def test_objects_share_no_defaults() -> None:
    one, two = User(), User()
    tags: Any = one.tags
    tags.value.append("x")
    assert two.to_dict()["tags"] == []
    assert User().to_dict()["created"] != one.to_dict()["created"]


def test_a_parent_is_honoured_with_and_without_an_id() -> None:
    user = User()
    parent = user.generate_key(["Client", "foo", "Department", "bar"])
    user.save(parent_or_ancestor=parent)
    named = User()
    named.save(id="ada", parent_or_ancestor=parent)
    assert user.key is not None
    assert named.key is not None
    assert (user.key.parent, named.key.parent, named.key.name) == (parent, parent, "ada")
    assert len(user.find_via_parent_or_ancestor(parent)) == 2
    assert user.find_via_parent_or_ancestor(parent, active=True) == []
    assert User().get_obj_with_key(named.key) == named


def test_there_is_an_object_for_each_result_and_pages_of_them() -> None:
    for name in "abcde":
        saved(username=name)
    found, cursor = User().get_objects("active", 1)
    assert sorted(user.username for user in found) == [*"abcde"]
    assert cursor is None
    names: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        page, cursor = User().get_objects("active", 1, limit=2, paginate=True, cursor=cursor)
        names += [user.username for user in page]
        pages += 1
    assert (sorted(names), pages) == ([*"abcde"], 3)
    assert User().get_objects("active", 5, paginate=True) == ([], None)
    exactly, after = User().get_objects("active", 1, limit=5, paginate=True)
    assert (len(exactly), after) == (5, None)


def test_properties_that_the_class_does_not_have_survive() -> None:
    user = User()
    user.type = EntityValue(3)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    user.save(extra_props={"colour": "red"})
    found = User().get_obj("type", 3)
    assert found is not None
    values: Any = found
    assert (values.type, values.colour) == (3, "red")
    values.type = 4
    found.save()
    (entity,) = found.find_by_value("colour", "red")
    assert entity["type"] == 4


def test_excluded_properties_are_left_as_they_are() -> None:
    user = saved(username="komla", password="secret")
    user.username, user.password = "new", "lost"
    user.save(excludes=["password"])
    (entity,) = user.find_by_value("username", "new")
    assert entity["password"] == "secret"
    assert entity.exclude_from_indexes == {"password"}
    fresh = User()
    fresh.save(excludes=["tags"])
    assert fresh.key is not None
    stored = fresh.find_by_key(fresh.key)
    assert stored is not None
    assert "tags" not in stored


def test_reading_again_keeps_nothing_of_what_was_read_before() -> None:
    saved(username="one", tags=["x"]).save(extra_props={"colour": "red"})
    saved(username="two")
    user = User()
    assert user.get_obj("username", "one") is user
    assert user.get_obj("username", "two") is user
    assert user.tags == []
    assert not hasattr(user, "colour")


def test_a_property_named_like_a_method_is_kept_apart() -> None:
    user = User()
    client = user.get_client()
    assert client is not None
    entity = client.entity(client.key("User", 1))
    entity.update(username="x", save="shadow", key="k")
    client.put(entity)
    found = User().get_obj("username", "x")
    assert found is not None
    assert found.save() is True
    assert client.get(client.key("User", 1)) is not None
    assert found.to_dict()["save"] == "shadow"
    stored = client.get(client.key("User", 1))
    assert stored is not None
    assert (stored["save"], stored["key"]) == ("shadow", "k")


def test_typing_errors_are_told() -> None:
    user = User()
    user.usernam = "typo"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.warns(UserWarning, match="usernam"):
        user.save()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved(username="fine")


def test_what_has_no_connection_or_key_says_so() -> None:
    user = User(conn=False)
    assert user.get_client() is None
    with pytest.raises(BadArgumentError, match="not connected"):
        user.save()
    assert user.connect() is True
    with pytest.raises(BadKeyError, match="deleted"):
        user.delete()
    user.save()
    key = user.key
    assert key is not None
    assert user.delete() is True
    assert user.key is None
    assert User().find_by_key(key) is None


def test_a_class_needs_a_kind() -> None:
    class Nameless(DatastoreEntity):
        pass

    with pytest.raises(ValueError, match="__kind__"):
        Nameless(conn=False)


def test_namespaces_are_apart_and_files_too(tmp_path: Path) -> None:
    saved(username="here")
    there = User(namespace="there")
    there.username = "there"
    there.save()
    assert there.key is not None
    assert there.key.namespace == "there"
    assert User().get_obj("username", "there") is None
    assert User(namespace="there").get_obj("username", "there") is not None
    elsewhere = User(url=tmp_path / "users.db")
    elsewhere.username = "elsewhere"
    elsewhere.save()
    client = elsewhere.get_client()
    assert client is not None
    client.close()
    assert (tmp_path / "users.db").exists()
    assert User().get_obj("username", "elsewhere") is None


def test_flask_login_gets_an_id_and_equal_users() -> None:
    user = saved(username="komla")
    text = user.get_id()
    found = User().get_obj_with_id(text)
    assert found == user
    assert found is not user
    assert {found, user} == {user}
    assert User().get_obj_with_id("nonsense") is None
    assert user != User()
    with pytest.raises(BadKeyError):
        User().get_id()


def test_subclasses_share_properties_and_may_drop_them() -> None:
    class Base(DatastoreEntity):
        __kind__ = "Base"
        created_by = EntityValue("Admin")
        updated_by = EntityValue(None)

    class Note(Base):
        __kind__ = "Note"
        text = EntityValue("")
        updated_by = None

    note = Note()
    note.save()
    assert note.key is not None
    stored = note.find_by_key(note.key)
    assert stored is not None
    assert dict(stored) == {"created_by": "Admin", "text": ""}
    assert repr(note) == "<Entity Kind: 'Note' ==> ['created_by', 'text']>"
    assert str(note) == "<Entity Kind: Note>"
