"""What is written for an instance, and what is made of what was written."""

import zlib
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, TypeVar

import pytest

from kindstore.mapper import blobs
from kindstore.mapper.blob_key import BlobKey
from kindstore.mapper.blobs import BlobKeyProperty, BlobProperty, JsonProperty, PickleProperty
from kindstore.mapper.computed import ComputedProperty
from kindstore.mapper.generic import GenericProperty
from kindstore.mapper.model import Model
from kindstore.mapper.references import KeyProperty, UserProperty
from kindstore.mapper.scalar import BooleanProperty, FloatProperty, IntegerProperty
from kindstore.mapper.schema import schema_of
from kindstore.mapper.text import StringProperty, TextProperty
from kindstore.mapper.times import DateProperty, DateTimeProperty, TimeProperty
from kindstore.values.entity import Entity
from kindstore.values.errors import BadValueError
from kindstore.values.key import Key, Partition
from kindstore.values.types import User

M = TypeVar("M", bound=Model)


def stored(instance: Model, legacy_data: bool = True) -> Entity:
    return schema_of(type(instance)).to_entity(instance, instance._key, legacy_data)


def columns(instance: Model) -> dict[str, Any]:
    return dict(stored(instance).items())


def loaded(cls: type[M], meanings: dict[str, int] | None = None, **properties: Any) -> M:
    made: M = schema_of(cls).from_entity(Entity.of(None, properties, meanings=meanings))
    return made


def again(instance: M) -> M:
    made: M = schema_of(type(instance)).from_entity(stored(instance))
    return made


class Author(Model):
    name = StringProperty(required=True)
    age = IntegerProperty("a", default=3)
    tags = StringProperty(repeated=True)
    bio = TextProperty()
    score = FloatProperty()


def test_columns_have_stored_names_and_unset_properties_are_null() -> None:
    assert columns(Author(name="Ada")) == {"a": 3, "bio": None, "name": "Ada", "score": None, "tags": []}


def test_unindexed_properties_are_marked_in_the_shape() -> None:
    assert stored(Author(name="Ada")).shape.unindexed == {"bio"}


def test_the_shape_of_a_plain_model_is_one_object() -> None:
    assert stored(Author(name="Ada")).shape is stored(Author(name="Bob", bio="x", tags=["a"])).shape


def test_required_properties_are_checked_when_written_all_at_once() -> None:
    class Form(Model):
        one = StringProperty("1", required=True)
        two = StringProperty(required=True)
        three = StringProperty(required=True, default="x")

    with pytest.raises(BadValueError, match="Entity has uninitialized properties: 1, two") as caught:
        stored(Form())
    assert caught.value.facts["path"] == "Form.1, Form.two"
    assert columns(Form(one="a", two="b"))["three"] == "x"


def test_a_list_that_was_changed_in_place_is_checked_when_written() -> None:
    ada = Author(name="Ada", tags=["x"])
    ada.tags.append(5)  # type: ignore[arg-type]
    with pytest.raises(BadValueError) as caught:
        stored(ada)
    assert caught.value.facts["path"] == "Author.tags[1]"
    ada.tags[1] = "y"
    assert columns(ada)["tags"] == ["x", "y"]


def test_a_value_put_around_the_checks_is_caught_when_written() -> None:
    ada = Author(name="Ada")
    vars(ada)["age"] = "old"
    with pytest.raises(BadValueError, match="In field a, expected integer"):
        stored(ada)


def test_a_default_of_the_wrong_type_is_caught_when_written() -> None:
    class Form(Model):
        size = IntegerProperty(default="x")  # type: ignore[call-overload]

    with pytest.raises(BadValueError, match="In field size, expected integer, got 'x'"):
        stored(Form())


def test_a_default_of_a_lax_type_is_converted_when_written() -> None:
    class Form(Model):
        size = FloatProperty(default=1)

    assert type(columns(Form())["size"]) is float


def test_an_empty_list_is_written_unless_told_otherwise() -> None:
    class Form(Model):
        kept = StringProperty(repeated=True)
        dropped = StringProperty(repeated=True, write_empty_list=False)

    assert columns(Form()) == {"kept": []}
    assert columns(Form(dropped=["x"])) == {"dropped": ["x"], "kept": []}
    assert again(Form()).dropped == []


def test_properties_that_were_not_stored_read_as_their_defaults() -> None:
    ada = loaded(Author, name="Ada")
    assert (ada.name, ada.age, ada.tags, ada.bio) == ("Ada", 3, [], None)
    assert loaded(Author, name="Ada").tags is not ada.tags


def test_a_stored_null_is_not_replaced_by_the_default() -> None:
    assert loaded(Author, a=None).age is None


def test_stored_properties_that_the_class_lacks_are_dropped() -> None:
    ada = loaded(Author, name="Ada", zork=1)
    assert not hasattr(ada, "zork")
    assert "zork" not in columns(ada)


def test_one_stored_value_of_a_repeated_property_reads_as_a_list() -> None:
    assert loaded(Author, tags="x").tags == ["x"]
    assert loaded(Author, tags=None).tags == []


def test_the_list_of_a_stored_entity_is_not_shared() -> None:
    entity = Entity.of(None, {"tags": ["x"]})
    schema_of(Author).from_entity(entity).tags.append("y")
    assert entity["tags"] == ["x"]


def test_nothing_is_checked_when_an_entity_is_read() -> None:
    ada = loaded(Author, a="old")
    assert vars(ada)["age"] == "old"
    with pytest.raises(BadValueError):
        stored(ada)


def test_text_that_was_stored_as_bytes_reads_as_text() -> None:
    ada = loaded(Author, name=b"Ada", bio=b"\xff", tags=[b"x", "y"])
    assert ada.to_dict(exclude=["age", "score"]) == {"name": "Ada", "bio": b"\xff", "tags": ["x", "y"]}


def test_bytes_set_on_a_text_property_are_text_once_stored() -> None:
    ada = Author(name=b"Ada", bio=b"x")
    assert (columns(ada)["name"], columns(ada)["bio"]) == ("Ada", "x")


def test_an_int_reads_as_a_bool_in_a_boolean_property() -> None:
    class Form(Model):
        ok = BooleanProperty()

    assert loaded(Form, ok=1).ok is True


def test_a_property_added_to_a_class_later_has_its_default_in_old_instances() -> None:
    class Form(Model):
        one = IntegerProperty()

    form = Form(one=1)
    Form.two = IntegerProperty(default=2)  # type: ignore[attr-defined]
    Form._fix_up_properties()
    assert columns(form) == {"one": 1, "two": 2}
    assert Form(two=3).to_dict() == {"one": None, "two": 3}


# --- times


class Event(Model):
    when = DateTimeProperty()
    zoned = DateTimeProperty(tzinfo=timezone(timedelta(hours=-5)))
    day = DateProperty()
    hour = TimeProperty()
    zoned_day = DateProperty(tzinfo=timezone(timedelta(hours=-5)))


def test_dates_and_times_are_stored_as_datetimes() -> None:
    event = Event(day=date(2020, 1, 2), hour=time(3, 4, 5, 6), zoned_day=date(2020, 1, 2))
    found = columns(event)
    assert found["day"] == found["zoned_day"] == datetime(2020, 1, 2)
    assert found["hour"] == datetime(1970, 1, 1, 3, 4, 5, 6)
    assert again(event) == event


def test_an_aware_time_is_stored_in_utc_and_read_in_the_zone_of_the_property() -> None:
    event = Event(zoned=datetime(2020, 1, 2, 3, tzinfo=UTC))
    assert columns(event)["zoned"] == datetime(2020, 1, 2, 3)
    read = again(event).zoned
    assert read is not None
    assert read.utcoffset() == timedelta(hours=-5)
    assert read == event.zoned


def test_microseconds_read_as_a_datetime() -> None:
    assert loaded(Event, when=1577836800000000).when == datetime(2020, 1, 1)


def test_a_datetime_set_as_a_date_is_stored_as_its_day() -> None:
    assert columns(Event(day=datetime(2020, 1, 2, 3)))["day"] == datetime(2020, 1, 2)


def test_auto_now_sets_the_time_at_every_put_and_auto_now_add_at_the_first() -> None:
    class Page(Model):
        changed = DateTimeProperty(auto_now=True)
        made = DateTimeProperty(auto_now_add=True)
        day = DateProperty(auto_now=True)
        hour = TimeProperty(auto_now=True)

    page = Page(made=datetime(2001, 1, 1))
    before = datetime.now(UTC).replace(tzinfo=None)
    page._prepare_for_put()
    assert page.changed is not None
    assert before <= page.changed <= before + timedelta(minutes=1)
    assert page.made == datetime(2001, 1, 1)
    assert type(page.day) is date
    assert type(page.hour) is time
    first = page.changed
    page._prepare_for_put()
    assert page.changed >= first
    new = Page()
    new._prepare_for_put()
    assert new.made is not None


# --- blobs, JSON, pickles


class Files(Model):
    plain = BlobProperty()
    packed = BlobProperty(compressed=True)
    many = BlobProperty(compressed=True, repeated=True)
    text = TextProperty(compressed=True)
    json = JsonProperty()
    packed_json = JsonProperty(compressed=True)


def test_compressed_values_are_stored_by_zlib_with_their_meaning() -> None:
    files = Files(packed=b"x" * 99, many=[b"a", b"b"], text="héy", packed_json=[1])
    found = columns(files)
    assert zlib.decompress(found["packed"]) == b"x" * 99
    assert [zlib.decompress(item) for item in found["many"]] == [b"a", b"b"]
    assert zlib.decompress(found["text"]) == "héy".encode()
    assert zlib.decompress(found["packed_json"]) == b"[1]"
    assert dict(stored(files).shape.meanings) == {"many": 22, "packed": 22, "packed_json": 22, "text": 22}
    assert again(files) == files


def test_what_was_compressed_reads_although_the_property_is_not_compressed_any_more() -> None:
    packed = zlib.compress(b"hey")
    assert loaded(Files, {"plain": 22}, plain=packed).plain == b"hey"
    assert loaded(Author, {"bio": 22}, bio=packed).bio == "hey"
    assert loaded(Files, {"json": 22}, json=zlib.compress(b"[1]")).json == [1]


def test_a_compressed_property_reads_what_was_never_compressed() -> None:
    files = loaded(Files, packed=b"raw", many=[b"raw", zlib.compress(b"b")], packed_json=b"[2]")
    assert (files.packed, files.many, files.packed_json) == (b"raw", [b"raw", b"b"], [2])


def test_compressed_bytes_without_a_meaning_are_recognised() -> None:
    assert loaded(Files, packed=zlib.compress(b"hey")).packed == b"hey"


def test_what_nobody_read_is_written_back_as_it_should_be_stored() -> None:
    packed = zlib.compress(b"hey")
    assert columns(loaded(Files, packed=packed))["packed"] is packed
    assert zlib.decompress(columns(loaded(Files, packed=b"raw"))["packed"]) == b"raw"
    assert columns(loaded(Files, {"plain": 22}, plain=packed))["plain"] == b"hey"
    assert columns(loaded(Files, json=b"{ }"))["json"] == b"{ }"


def test_a_damaged_compressed_value_is_a_clear_error() -> None:
    with pytest.raises(BadValueError, match="damaged"):
        _ = loaded(Files, packed=b"\x78\x9czork").packed


def test_json_is_stored_as_ascii_bytes_and_read_from_text_too() -> None:
    assert columns(Files(json={"b": "é", "a": 1}))["json"] == b'{"b":"\\u00e9","a":1}'
    assert loaded(Files, json='{"a": 1}').json == {"a": 1}


def test_json_is_decoded_once_and_changes_in_place_are_written() -> None:
    files = loaded(Files, json=b'{"a":1}')
    files.json["b"] = 2
    assert files.json is files.json
    assert columns(files)["json"] == b'{"a":1,"b":2}'


def test_what_json_does_not_have_is_refused_before_writing() -> None:
    with pytest.raises(BadValueError, match="a value that JSON does not have"):
        stored(Files(json={"a": object()}))


def test_malformed_json_is_an_error_at_the_first_access() -> None:
    files = loaded(Files, json=b"{")
    with pytest.raises(BadValueError, match="malformed"):
        _ = files.json


class Pickled(Model):
    safe = PickleProperty()
    allowed = PickleProperty(allow_pickle=True)


def test_pickles_are_refused_unless_allowed() -> None:
    with pytest.raises(BadValueError, match="allow_pickle=True"):
        stored(Pickled(safe=1))
    with pytest.raises(BadValueError, match="pickles are not allowed"):
        _ = loaded(Pickled, safe=b"\x80\x05K\x05.").safe
    value = {"a": {1, 2}}
    assert again(Pickled(allowed=value)).allowed == value


def test_pickles_can_be_allowed_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs._Pickling, "allowed", False)
    blobs.allow_pickles()
    assert again(Pickled(safe=(1, 2))).safe == (1, 2)


def test_a_pickle_that_was_never_read_is_kept_without_permission() -> None:
    assert columns(loaded(Pickled, safe=b"\x80\x05K\x05."))["safe"] == b"\x80\x05K\x05."


# --- references and the rest


class Links(Model):
    user = UserProperty()
    file = BlobKeyProperty()
    link = KeyProperty()


def test_a_user_is_stored_as_an_embedded_entity_with_meaning_20() -> None:
    links = Links(user=User("a@b.c", "b.c", "5"))
    entity = stored(links)
    assert dict(entity["user"].items()) == {"email": "a@b.c", "auth_domain": "b.c", "user_id": "5"}
    assert dict(entity.shape.meanings) == {"user": 20}
    assert entity["user"].shape.unindexed == {"email", "auth_domain", "user_id"}
    read = again(links).user
    assert read is not None
    assert read.user_id() == "5"
    assert loaded(Links, user=User("x@y.z")).user == User("x@y.z")


def test_a_blob_key_is_stored_as_bytes() -> None:
    assert columns(Links(file=BlobKey(b"k")))["file"] == b"k"
    assert again(Links(file=BlobKey(b"k"))).file == BlobKey(b"k")


def test_keys_are_read_as_the_class_that_a_face_gives_them() -> None:
    class OwnKey(Key):
        __slots__ = ()

    class OwnKeyProperty(KeyProperty[Any]):
        _key_class = OwnKey

    class Linked(Model):
        _key_class = OwnKey
        link = OwnKeyProperty()

    plain = Key.of(Partition.of("p"), ("A", 1))
    read = schema_of(Linked).from_entity(Entity.of(Key.of(Partition.of("p"), ("Linked", 1)), {"link": plain}))
    assert type(read.link) is type(read._key) is OwnKey
    assert read.link == plain


def test_a_computed_property_is_stored_and_never_read_back() -> None:
    class Shout(Model):
        name = StringProperty()
        loud = ComputedProperty(lambda self: self.name.upper())

    assert columns(Shout(name="a")) == {"loud": "A", "name": "a"}
    assert loaded(Shout, name="b", loud="X").loud == "B"


def test_a_computed_property_can_be_a_decorated_method() -> None:
    class Shout(Model):
        name = StringProperty()

        @ComputedProperty
        def size(self) -> int:
            return len(self.name or "")

    assert columns(Shout(name="abc")) == {"name": "abc", "size": 3}


def test_a_generic_property_refuses_what_can_not_be_stored() -> None:
    class Box(Model):
        any = GenericProperty()
        packed = GenericProperty(compressed=True)

    with pytest.raises(BadValueError, match="can't be stored"):
        stored(Box(any=object()))
    with pytest.raises(BadValueError, match="at most 1500 bytes"):
        stored(Box(any="x" * 1501))
    with pytest.raises(BadValueError, match="needs repeated=True"):
        stored(Box(any=[1, "x"]))
    assert columns(Box(any=datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))))["any"] == datetime(
        2020, 1, 1
    )
    box = Box(any="x", packed=b"y" * 99)
    assert again(box) == box
    assert len(columns(box)["packed"]) < 50
