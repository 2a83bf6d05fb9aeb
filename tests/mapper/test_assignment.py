"""What setting a property checks, changes and refuses (spec/ndb.md 2.1)."""

import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest

from kindstore.mapper.blob_key import BlobKey
from kindstore.mapper.blobs import BlobKeyProperty, BlobProperty, JsonProperty
from kindstore.mapper.computed import ComputedProperty
from kindstore.mapper.errors import ComputedPropertyError
from kindstore.mapper.generic import GenericProperty
from kindstore.mapper.model import Model
from kindstore.mapper.property import Property
from kindstore.mapper.references import KeyProperty, UserProperty
from kindstore.mapper.scalar import BooleanProperty, FloatProperty, GeoPtProperty, IntegerProperty
from kindstore.mapper.schema import schema_of
from kindstore.mapper.text import StringProperty, TextProperty
from kindstore.mapper.times import DateProperty, DateTimeProperty, TimeProperty
from kindstore.values.errors import BadValueError, UserNotFoundError
from kindstore.values.key import Key, Partition
from kindstore.values.types import GeoPt, User

P = Partition.of("p")


def of(cls: Any) -> Any:
    """*cls* without its types, to be called wrongly."""
    return cls


class Everything(Model):
    flag = BooleanProperty()
    number = IntegerProperty("n")
    real = FloatProperty()
    name = StringProperty()
    text = TextProperty()
    blob = BlobProperty()
    when = DateTimeProperty()
    zoned = DateTimeProperty(tzinfo=timezone(timedelta(hours=2)))
    day = DateProperty()
    hour = TimeProperty()
    place = GeoPtProperty()
    link = KeyProperty(kind="Book")
    any_link = KeyProperty()
    file = BlobKeyProperty()
    user = UserProperty()
    record = JsonProperty(json_type=dict)
    anything = GenericProperty()
    tags = StringProperty(repeated=True)
    doubled = ComputedProperty(lambda self: (self.number or 0) * 2)


class OtherUser:
    """In place of a module of another library, with its class of users."""

    class User:
        def email(self) -> str:
            return "a@b.c"

        def auth_domain(self) -> str:
            return "gmail.com"

        def user_id(self) -> None:
            return None


ACCEPTED: list[tuple[str, Any, Any]] = [
    ("flag", True, True),
    ("number", 5, 5),
    ("number", True, 1),
    ("number", -(2**63), -(2**63)),
    ("number", 2**63 - 1, 2**63 - 1),
    ("real", 1.5, 1.5),
    ("real", 1, 1.0),
    ("real", True, 1.0),
    ("name", "é" * 750, "é" * 750),
    ("name", b"abc", b"abc"),
    ("text", "x" * 5000, "x" * 5000),
    ("blob", b"x" * 5000, b"x" * 5000),
    ("when", datetime(2020, 1, 2), datetime(2020, 1, 2)),
    ("zoned", datetime(2020, 1, 2, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)),
    ("zoned", datetime(2020, 1, 2), datetime(2020, 1, 2, tzinfo=UTC)),
    ("day", date(2020, 1, 2), date(2020, 1, 2)),
    ("hour", time(3, 4), time(3, 4)),
    ("place", GeoPt(1, 2), GeoPt(1, 2)),
    ("link", Key.of(P, ("Book", 1)), Key.of(P, ("Book", 1))),
    ("any_link", Key.of(P, ("X", "y")), Key.of(P, ("X", "y"))),
    ("file", BlobKey(b"k"), BlobKey(b"k")),
    ("user", User("a@b.c"), User("a@b.c")),
    ("user", OtherUser.User(), User("a@b.c")),
    ("record", {"a": [1]}, {"a": [1]}),
    ("anything", 5, 5),
    ("tags", ("a", "b"), ["a", "b"]),
    ("tags", {"a"}, ["a"]),
    ("tags", frozenset("a"), ["a"]),
    ("tags", [], []),
]


@pytest.mark.parametrize(("name", "value", "read"), ACCEPTED)
def test_a_value_of_the_type_is_set_and_read(name: str, value: Any, read: Any) -> None:
    for entity in (Everything(**{name: value}), Everything()):
        setattr(entity, name, value)
        found = getattr(entity, name)
        assert found == read
        assert type(found) is type(read)


REFUSED: list[tuple[str, Any, str]] = [
    ("flag", 1, "In field flag, expected bool, got 1"),
    ("number", "5", "In field n, expected integer, got '5'"),
    ("number", 1.0, "In field n, expected integer, got 1.0"),
    ("number", 2**63, "In field n, expected integer of 64 bits, got 9223372036854775808"),
    ("number", -(2**63) - 1, "In field n, expected integer of 64 bits"),
    ("real", "x", "In field real, expected float, got 'x'"),
    ("real", 10**400, "In field real, expected float"),
    ("name", 5, "In field name, expected string, got 5"),
    ("name", "x" * 1501, "Indexed value name must be at most 1500 bytes"),
    ("name", "é" * 751, "Indexed value name must be at most 1500 bytes"),
    ("name", b"x" * 1501, "Indexed value name must be at most 1500 bytes"),
    ("name", b"\xff", "In field name, expected valid UTF-8"),
    ("text", 5, "In field text, expected string, got 5"),
    ("blob", "text", "In field blob, expected bytes, got 'text'"),
    ("when", date(2020, 1, 2), "In field when, expected datetime"),
    ("when", datetime(2020, 1, 2, tzinfo=UTC), "can only support naive datetimes"),
    ("day", "2020", "In field day, expected date"),
    ("hour", datetime(2020, 1, 2), "In field hour, expected time"),
    ("place", (1, 2), "In field place, expected GeoPt"),
    ("link", "Book", "In field link, expected Key"),
    ("link", Key.of(P, ("Author", 1)), "In field link, expected Key with kind='Book'"),
    ("any_link", Key.of(P, ("Book", None)), "In field any_link, expected complete Key"),
    ("file", b"k", "In field file, expected BlobKey"),
    ("user", "a@b.c", "In field user, expected User"),
    ("tags", "abc", "In field tags, expected list or tuple, got 'abc'"),
    ("tags", None, "In field tags, expected list or tuple, got None"),
    ("tags", iter("ab"), "In field tags, expected list or tuple"),
    ("tags", ["a", None], "In field tags, expected string, got None"),
    ("tags", ["a", 5], "In field tags, expected string, got 5"),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_a_value_of_another_type_is_refused_and_changes_nothing(name: str, value: Any, message: str) -> None:
    entity = Everything()
    before = getattr(entity, name)
    with pytest.raises(BadValueError) as caught:
        setattr(entity, name, value)
    assert message in caught.value.message
    assert caught.value.facts["path"] == f"Everything.{name}"
    assert getattr(entity, name) == before
    with pytest.raises(BadValueError):
        Everything(**{name: value})


def test_json_of_another_type_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="JSON property must be a <class 'dict'>"):
        Everything(record=[1])


def test_a_message_does_not_repeat_a_huge_value() -> None:
    with pytest.raises(BadValueError) as caught:
        Everything(number="x" * 100_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", [name for name, _, _ in ACCEPTED if name != "tags"])
def test_none_is_always_accepted_for_a_single_value(name: str) -> None:
    entity = Everything(**{name: None})
    assert getattr(entity, name) is None


def test_a_repeated_property_keeps_a_list_of_its_own() -> None:
    given = ["a"]
    entity = Everything(tags=given)
    given.append("b")
    assert entity.tags == ["a"]
    assert Everything().tags is not Everything().tags


def test_a_computed_property_can_be_neither_set_nor_deleted() -> None:
    entity = Everything(number=4)
    with pytest.raises(ComputedPropertyError, match="Cannot assign"):
        entity.doubled = 5
    with pytest.raises(ComputedPropertyError, match="Cannot delete"):
        del entity.doubled
    with pytest.raises(ComputedPropertyError):
        Everything(doubled=5)


def test_a_computed_property_follows_what_it_is_computed_from() -> None:
    entity = Everything(number=4)
    assert entity.doubled == 8
    entity.number = 5
    assert entity.doubled == 10


# --- options


def test_the_validator_runs_first_and_may_replace_the_value() -> None:
    calls: list[tuple[Property[Any], Any]] = []

    def lower(prop: Any, value: Any) -> Any:
        calls.append((prop, value))
        return value.lower() if isinstance(value, str) else "none"

    class Shelf(Model):
        name = StringProperty(validator=lower, choices=["a", "none"])

    shelf = Shelf(name="A")
    assert shelf.name == "a"
    assert calls[0][0] is Shelf.name
    assert Shelf(name=5).name == "none"  # type: ignore[arg-type, unused-ignore]
    with pytest.raises(BadValueError, match="Value 'b' for property name is not an allowed choice"):
        shelf.name = "B"


def test_a_validator_that_returns_none_leaves_the_value() -> None:
    class Shelf(Model):
        name = StringProperty(validator=lambda prop, value: None)

    assert Shelf(name="A").name == "A"


def test_validator_and_choices_never_see_none() -> None:
    def refuse(prop: Any, value: Any) -> Any:
        raise AssertionError(value)

    class Shelf(Model):
        name = StringProperty(validator=refuse, choices=["a"])

    assert Shelf(name=None).name is None


def test_validator_and_choices_see_each_item_of_a_list() -> None:
    class Shelf(Model):
        names = StringProperty(repeated=True, validator=lambda prop, value: value.lower(), choices=["a", "b"])

    assert Shelf(names=["A", "B"]).names == ["a", "b"]
    with pytest.raises(BadValueError, match="'c'"):
        Shelf(names=["A", "C"])


def test_deleting_restores_the_default() -> None:
    class Shelf(Model):
        size = IntegerProperty(default=7)
        names = StringProperty(repeated=True)
        title = StringProperty()

    shelf = Shelf(size=1, names=["a"], title="t")
    del shelf.size, shelf.names, shelf.title
    assert (shelf.size, shelf.names, shelf.title) == (7, [], None)
    assert Shelf(size=None).size is None


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: of(IntegerProperty)(repeated=True, required=True), ValueError, "incompatible"),
        (lambda: of(IntegerProperty)(repeated=True, default=3), ValueError, "incompatible"),
        (lambda: of(IntegerProperty)(choices=5), TypeError, "choices must be"),
        (lambda: of(IntegerProperty)(validator=5), TypeError, "validator must be"),
        (lambda: of(IntegerProperty)("a.b"), ValueError, "period"),
        (lambda: of(IntegerProperty)(5), TypeError, "not a string"),
        (lambda: of(IntegerProperty)("n", False), TypeError, "positional"),
        (lambda: of(IntegerProperty)(zork=5), TypeError, "zork"),
        (lambda: of(StringProperty)(indexed=False), NotImplementedError, "always indexed"),
        (lambda: of(TextProperty)(indexed=True), NotImplementedError, "cannot be indexed"),
        (lambda: of(TextProperty)(compressed=True, indexed=True), NotImplementedError, "cannot be indexed"),
        (lambda: of(BlobProperty)(compressed=True, indexed=True), NotImplementedError, "same time"),
        (lambda: of(GenericProperty)(compressed=True, indexed=True), NotImplementedError, "same time"),
        (lambda: of(DateTimeProperty)(auto_now=True, repeated=True), ValueError, "no point"),
        (lambda: of(DateTimeProperty)(auto_now_add=True, repeated=True), ValueError, "no point"),
        (lambda: of(UserProperty)(auto_current_user=True), NotImplementedError, "no current user"),
        (lambda: of(KeyProperty)("x", "y"), TypeError, "name once"),
        (lambda: of(KeyProperty)(Everything, kind="x"), TypeError, "kind once"),
        (lambda: of(KeyProperty)(kind=5), TypeError, "Model class or a string"),
        (lambda: of(KeyProperty)(5), TypeError, "Unexpected positional"),
        (lambda: of(ComputedProperty)(len, required=True), TypeError, "required"),
        (lambda: of(BlobKey)("x"), BadValueError, "should be bytes"),
        (lambda: of(BlobKey)(b"x" * 1501), BadValueError, "under 1500"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_key_property_takes_name_and_kind_in_either_order() -> None:
    for prop in (
        KeyProperty("x", Everything),
        KeyProperty(Everything, "x"),
        KeyProperty("x", kind="Everything"),
    ):
        assert repr(prop) == "KeyProperty('x', kind='Everything')"


@pytest.mark.parametrize(
    ("prop", "text"),
    [
        (IntegerProperty(), "IntegerProperty()"),
        (IntegerProperty("n", indexed=False), "IntegerProperty('n', indexed=False)"),
        (IntegerProperty(required=True, default=3), "IntegerProperty(required=True, default=3)"),
        (IntegerProperty(choices=[1]), "IntegerProperty(choices=frozenset({1}))"),
        (BlobProperty(compressed=True), "BlobProperty(compressed=True)"),
        (TextProperty("t", compressed=True), "CompressedTextProperty('t')"),
        (JsonProperty("j", json_type=dict), "JsonProperty('j', json_type=dict)"),
        (DateTimeProperty(auto_now=True), "DateTimeProperty(auto_now=True)"),
        (
            StringProperty(name="n", verbose_name="V", write_empty_list=False),
            "StringProperty('n', verbose_name='V')",
        ),
    ],
)
def test_the_repr_of_a_property_shows_what_was_chosen(prop: Property[Any], text: str) -> None:
    assert repr(prop) == text


def test_the_repr_of_a_property_shows_what_a_subclass_takes() -> None:
    class Bounded(Property[int]):
        _low = 0

        def __init__(self, low: int, *names: str, high: int = 9, unit: str = "m", **options: Any) -> None:
            super().__init__(*names, **options)
            self._low, self._high = low, high

    assert repr(Bounded(3, "n", high=7, indexed=False)) == "Bounded('n', low=3, high=7, indexed=False)"
    assert repr(Bounded(0)) == "Bounded(high=9)"


def test_a_user_has_an_e_mail_address_and_the_names_of_app_engine() -> None:
    user = User("a@b.c", _auth_domain="b.c", _user_id="1")
    assert (user.email(), user.auth_domain(), user.user_id()) == ("a@b.c", "b.c", "1")
    assert repr(user) == "users.User(email='a@b.c', _user_id='1')"
    for email in ("", None):
        with pytest.raises(UserNotFoundError):
            User(email)
    nobody = User.of("", "b.c", None)
    assert pickle.loads(pickle.dumps(nobody)) == nobody
    with pytest.raises(TypeError):
        assert user < of(1)


def test_a_hook_may_leave_a_zone_on_what_is_stored() -> None:
    class Late(DateTimeProperty[Any]):
        def _to_base_type(self, value: Any) -> Any:
            return value.replace(tzinfo=timezone(timedelta(hours=2)))

    class Train(Model):
        leaves = Late(tzinfo=UTC)

    entity = schema_of(Train).to_entity(Train(leaves=datetime(2020, 1, 1, 12)), None)
    assert entity["leaves"] == datetime(2020, 1, 1, 10)
