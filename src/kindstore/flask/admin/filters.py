"""Filters of the list: what a query can ask of a property, and what a text from the page asks for."""

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from typing import Any, cast

from kindstore import ndb
from kindstore.flask.admin.base import BaseFilter, lazy_gettext
from kindstore.flask.forms import texts
from kindstore.flask.forms.texts import Wording
from kindstore.mapper.references import ModelKey
from kindstore.values.errors import Error

LAST_CHARACTER = "\U0010ffff"
"""What comes after everything that a text goes on with."""


def starts_with(prop: Any, text: str) -> ndb.Node:
    """The filter for values of *prop* that begin with *text*, upper and lower case being different."""
    return ndb.AND(prop >= text, prop < text + LAST_CHARACTER)


class PropertyFilter(BaseFilter):  # type: ignore[misc]
    """A filter by *prop*, a property, or one within a structure; *name* is what people call it.

    *wording* says which value a text is.
    """

    def __init__(
        self,
        prop: Any,
        name: str,
        wording: Wording = texts.TEXT,
        options: Any = None,
        data_type: Any = None,
        key_name: Any = None,
    ) -> None:
        super().__init__(name, options, data_type, key_name)
        self.prop, self.wording = prop, wording

    def clean(self, value: Any) -> Any:
        """What *value*, a text, asks for; ValueError if that is nothing."""
        return self.checked(self.wording.value_of(str(value)))

    def checked(self, value: Any) -> Any:
        """*value*; ValueError if the property can't be compared with it."""
        try:
            self.prop._operand(value)
        except (Error, TypeError, ArithmeticError) as error:
            raise ValueError(str(error)) from None
        return value

    def apply(self, query: Any, value: Any) -> Any:
        """*query* with this filter for *value*."""
        return query.filter(self.node(value))

    def node(self, value: Any) -> Any:
        """The filter of a query for *value*."""
        raise NotImplementedError


class FilterEqual(PropertyFilter):
    """Has the value."""

    def node(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        return self.prop == value

    def operation(self) -> Any:
        """What it is called."""
        return lazy_gettext("equals")


class FilterNotEqual(PropertyFilter):
    """Has another value; what has none is found as well, if None is stored."""

    def node(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        return self.prop != value

    def operation(self) -> Any:
        """What it is called."""
        return lazy_gettext("not equal")


class FilterGreater(PropertyFilter):
    """Is greater, or later."""

    def node(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        return self.prop > value

    def operation(self) -> Any:
        """What it is called."""
        return lazy_gettext("greater than")


class FilterSmaller(PropertyFilter):
    """Is smaller, or earlier; there is a value."""

    def node(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        return ndb.AND(self.prop < value, self.prop > None)

    def operation(self) -> Any:
        """What it is called."""
        return lazy_gettext("smaller than")


class FilterStartsWith(PropertyFilter):
    """Begins with the text, in the same case.  The store can't look for what is inside of a text."""

    def node(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        return starts_with(self.prop, value)

    def operation(self) -> Any:
        """What it is called."""
        return lazy_gettext("starts with")


class FilterInList(PropertyFilter):
    """Has one of the values, which are written with commas between."""

    def __init__(self, prop: Any, name: str, *args: Any, **options: Any) -> None:
        super().__init__(prop, name, *args, **{"data_type": "select2-tags", **options})

    def clean(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        found = [
            super(FilterInList, self).clean(part.strip()) for part in str(value).split(",") if part.strip()
        ]
        if not found:
            raise ValueError("no value")
        return found

    def node(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        return self.prop.IN(value)

    def operation(self) -> Any:
        """What it is called."""
        return lazy_gettext("in list")


class FilterNotInList(FilterInList):
    """Has none of the values, which are written with commas between."""

    def node(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        return self.prop.NOT_IN(value)

    def operation(self) -> Any:
        """What it is called."""
        return lazy_gettext("not in list")


class FilterEmpty(PropertyFilter):
    """Has no value, or has one.  Entities that were stored before there was the property are in neither."""

    def __init__(self, prop: Any, name: str, *args: Any, **options: Any) -> None:
        yes_or_no = (("1", lazy_gettext("Yes")), ("0", lazy_gettext("No")))
        super().__init__(prop, name, *args, **{**options, "options": yes_or_no, "data_type": None})

    def clean(self, value: Any) -> Any:
        """Whether it is to be empty."""
        return texts.BOOLEAN.value_of(str(value))

    def node(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        return self.prop == None if value else self.prop > None  # noqa: E711 - makes a filter

    def operation(self) -> Any:
        """What it is called."""
        return lazy_gettext("empty")


class FilterBetween(PropertyFilter):
    """Is from one value to the other, both included; written as "… to …"."""

    def clean(self, value: Any) -> Any:
        """The two values; ValueError unless they are in order."""
        parts = str(value).split(" to ")
        first, last = (super(FilterBetween, self).clean(part) for part in parts)
        if first > last:
            raise ValueError("the end is before the beginning")
        return first, last

    def node(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        return ndb.AND(self.prop >= value[0], self.prop <= value[1])

    def operation(self) -> Any:
        """What it is called."""
        return lazy_gettext("between")


class FilterNotBetween(FilterBetween):
    """Is before the one value or after the other."""

    def node(self, value: Any) -> Any:
        """See `PropertyFilter`."""
        return ndb.OR(ndb.AND(self.prop < value[0], self.prop > None), self.prop > value[1])

    def operation(self) -> Any:
        """What it is called."""
        return lazy_gettext("not between")


_EQUALITIES = (FilterEqual, FilterNotEqual)
_LISTS = (FilterInList, FilterNotInList, FilterEmpty)
_COMPARISONS = (FilterGreater, FilterSmaller)


def filters_for(prop: Any, name: str, key_words: Wording) -> list[PropertyFilter]:
    """The filters by *prop* that make sense; none if it is of a type by which one can't filter.

    *key_words*: how keys are written.
    """
    choices = [(texts.TEXT.text_of(value), str(value)) for value in sorted(prop._choices or (), key=str)]
    if isinstance(prop, ndb.BooleanProperty):
        answers = (("1", lazy_gettext("Yes")), ("0", lazy_gettext("No")))
        equalities = [each(prop, name, texts.BOOLEAN, options=answers) for each in _EQUALITIES]
        return [*equalities, FilterEmpty(prop, name)]
    moment = _moment_filters(prop, name)
    if moment:
        return moment
    if isinstance(prop, ndb.KeyProperty | ModelKey):
        of_keys: Any = _EQUALITIES if isinstance(prop, ModelKey) else (*_EQUALITIES, *_LISTS)
        return [each(prop, name, key_words) for each in of_keys]
    wording, plain = _plain(prop)
    kinds: list[type[PropertyFilter]] = list(plain)
    if choices:
        kinds = [each for each in kinds if each is not FilterStartsWith]
    return [
        each(prop, name, wording, options=choices if choices and each in _EQUALITIES else None)
        for each in kinds
    ]


def _plain(prop: Any) -> tuple[Wording, tuple[type[PropertyFilter], ...]]:
    numbers = (*_EQUALITIES, *_COMPARISONS, *_LISTS)
    if isinstance(prop, ndb.StringProperty):
        return texts.TEXT, (FilterEqual, FilterNotEqual, FilterStartsWith, *_LISTS)
    if isinstance(prop, ndb.IntegerProperty):
        return texts.INTEGER, numbers
    if isinstance(prop, ndb.FloatProperty):
        return texts.FLOAT, numbers
    if isinstance(prop, ndb.GeoPtProperty):
        return texts.POINT, (*_EQUALITIES, FilterEmpty)
    return texts.TEXT, ()


def _moment_filters(prop: Any, name: str) -> list[PropertyFilter]:
    if isinstance(prop, ndb.DateProperty):
        wording, widget = texts.DATE, "date"
    elif isinstance(prop, ndb.TimeProperty):
        wording, widget = texts.TIME, "time"
    elif isinstance(prop, ndb.DateTimeProperty):
        wording, widget = texts.moments(cast("Any", prop)._tzinfo), "datetime"
    else:
        return []
    single = [
        each(prop, name, wording, data_type=f"{widget}picker") for each in (*_EQUALITIES, *_COMPARISONS)
    ]
    ranges = [
        each(prop, name, wording, data_type=f"{widget}rangepicker")
        for each in (FilterBetween, FilterNotBetween)
    ]
    return [*single, *ranges, FilterEmpty(prop, name)]
