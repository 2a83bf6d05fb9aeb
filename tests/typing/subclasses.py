"""Property classes of one's own keep their types: read by mypy and pyright, never run."""

from typing import Any, assert_type

from kindstore import ndb


class LowerProperty(ndb.StringProperty[Any]):
    """Text in lower case, used with and without *repeated*: its values have no type."""

    def _validate(self, value: Any) -> str:
        return str(value).lower()


class MaybeLowerProperty(ndb.StringProperty[str | None]):
    """Text in lower case, never required nor repeated."""

    def _validate(self, value: Any) -> str:
        return str(value).lower()


class PositiveProperty(ndb.IntegerProperty[int]):
    """Always required: the type is fixed."""

    def _validate(self, value: Any) -> None:
        if value < 1:
            raise ndb.exceptions.BadValueError("not positive")


class Fraction:
    """A type of the application."""


class FractionProperty(ndb.Property[Fraction]):
    """A wholly new type."""

    def _to_base_type(self, value: Fraction) -> str:
        return str(value)

    def _from_base_type(self, value: str) -> Fraction:
        return Fraction()


class Thing(ndb.Model):
    word = LowerProperty(required=True)
    maybe = MaybeLowerProperty()
    words = LowerProperty(repeated=True)
    count = PositiveProperty(required=True)
    part = FractionProperty()


def the_values_of_an_instance(thing: Thing) -> None:
    assert_type(thing.word, Any)
    assert_type(thing.maybe, str | None)
    assert_type(thing.words, Any)
    assert_type(thing.count, int)
    assert_type(thing.part, Fraction)
    assert_type(Thing.word, LowerProperty)
    assert_type(Thing.part, FractionProperty)
