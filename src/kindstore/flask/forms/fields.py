"""Fields for the values that properties have.

They are WTForms' own, with one law more: what is submitted as it was shown leaves the value as it was, even where the
text does not say all of it (the microseconds of a time, a newline in an input of one line, an empty text or none).
An empty text is None otherwise, as a property that is not required has it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from wtforms import fields, widgets
from wtforms.fields import choices as wtforms_choices
from wtforms.fields.choices import SelectFieldBase
from wtforms.validators import ValidationError

from kindstore.flask.forms import texts
from kindstore.flask.forms.texts import Wording

Choice: Any = cast("Any", wtforms_choices).Choice
BLANK = "__None"
"""The value of the choice that stands for None."""

if TYPE_CHECKING:
    _Field = fields.Field
    FieldList = fields.FieldList[Any]
    FormField = fields.FormField[Any]
else:
    _Field = object
    FieldList, FormField = fields.FieldList, fields.FormField


class Worded(_Field):
    """Mixed into a field of one text: *wording* says which value the text is."""

    wording: Wording = texts.TEXT

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.wording.text_of(self.data)

    def process_data(self, value: Any) -> None:
        """Take the value of an object."""
        self.data = value

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was submitted; ValueError if it is no value."""
        if not valuelist:
            return
        text = str(valuelist[0])
        if self.object_data is not None and self._is_as_shown(text):
            self.data = self.object_data
        elif self._is_blank(text):
            self.data = self._blank()
        else:
            self.data = None  # what an error leaves
            self.data = self.wording.value_of(texts.with_plain_newlines(text))

    def _is_as_shown(self, text: str) -> bool:
        # An input knows no newlines; a text area has those of its own.
        as_sent = texts.one_line if hasattr(self.widget, "input_type") else texts.with_plain_newlines
        return as_sent(text) == as_sent(self.wording.text_of(self.object_data))

    def _is_blank(self, text: str) -> bool:
        return not text.strip()

    def _blank(self) -> Any:
        return None


class StringPropertyField(Worded, fields.StringField):
    """A text on one line."""

    def _is_blank(self, text: str) -> bool:
        return not text


class TextPropertyField(Worded, fields.TextAreaField):
    """A text."""

    def _is_blank(self, text: str) -> bool:
        return not text


class IntegerPropertyField(Worded, fields.IntegerField):
    """An int."""

    wording = texts.INTEGER


class FloatPropertyField(Worded, fields.FloatField):
    """A float, with all its digits."""

    wording = texts.FLOAT


class _Moment(Worded):
    """A date, a time or both, by the browser's own input, or in *format*, strptime's (or a list of these), if one is given."""

    def __init__(
        self,
        label: str | None = None,
        validators: Any = None,
        format: Any = None,  # noqa: A002 - WTForms' name
        **options: Any,
    ) -> None:
        super().__init__(label, validators, **options)
        self._set_format(format)

    def _set_format(self, given: Any) -> None:
        self.render_kw = {"step": "any", **(self.render_kw or {})}
        if given is None:
            return
        formats = cast("list[str]", given) if isinstance(given, list) else [str(given)]
        plain = self.wording

        def value_of(text: str) -> Any:
            for each in formats:
                with suppress(ValueError):
                    made = dt.datetime.strptime(text.strip(), each)  # noqa: DTZ007
                    return plain.value_of(self._part(made))
            return plain.value_of(text)

        self.wording = Wording(lambda value: str(value.strftime(formats[0])), value_of)

    def _part(self, made: dt.datetime) -> str:
        return made.isoformat()

    def _is_as_shown(self, text: str) -> bool:
        # Browsers leave out seconds that are zero.
        shown = self.wording.text_of(self.object_data)
        if text == shown:
            return True
        try:
            return bool(self.wording.value_of(text) == self.wording.value_of(shown))
        except ValueError:
            return False


class DateTimePropertyField(_Moment, fields.DateTimeLocalField):
    """A datetime; with *zone*, one of that time zone."""

    def __init__(
        self,
        label: str | None = None,
        validators: Any = None,
        format: Any = None,  # noqa: A002 - WTForms' name
        zone: dt.tzinfo | None = None,
        **options: Any,
    ) -> None:
        self.wording = texts.moments(zone)
        super().__init__(label, validators, format, **options)


class DatePropertyField(_Moment, fields.DateField):
    """A date."""

    wording = texts.DATE

    def _part(self, made: dt.datetime) -> str:
        return made.date().isoformat()


class TimePropertyField(_Moment, fields.TimeField):
    """A time of day."""

    wording = texts.TIME

    def _part(self, made: dt.datetime) -> str:
        return made.time().isoformat()


class GeoPtPropertyField(Worded, fields.StringField):
    """A point, as ``latitude,longitude``; *point_class* is the class of its values."""

    wording = texts.POINT

    def __init__(
        self,
        label: str | None = None,
        validators: Any = None,
        point_class: Callable[[Any, Any], Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(label, validators, **options)
        if point_class is not None:
            make = point_class

            def value_of(text: str) -> Any:
                made = texts.POINT.value_of(text)
                return make(made.lat, made.lon)

            self.wording = Wording(texts.point_text, value_of)


class JsonPropertyField(Worded, fields.TextAreaField):
    """Anything that JSON can say."""

    wording = texts.JSON


class BooleanPropertyField(fields.BooleanField):
    """A box to check.  One that is left unchecked leaves a None as it is, unless there *must_be* a value."""

    def __init__(
        self, label: str | None = None, validators: Any = None, must_be: bool = False, **options: Any
    ) -> None:
        super().__init__(label, validators, **options)
        self._must_be = must_be

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was submitted."""
        super().process_formdata(valuelist)
        if not self.data and self.object_data is None and not self._must_be:
            self.data = cast("Any", None)


# Lists.


class ListPropertyField(Worded, fields.TextAreaField):
    """A list, an item a line; empty lines are none.  *items* says which value a line is."""

    items: Wording = texts.TEXT

    def __init__(
        self,
        label: str | None = None,
        validators: Any = None,
        items: Wording | None = None,
        **options: Any,
    ) -> None:
        super().__init__(label, validators, **options)
        item = items or self.items
        self.wording = Wording(
            lambda value: "\n".join(map(item.text_of, value)), lambda text: self._list_of(text, item)
        )

    def _list_of(self, text: str, item: Wording) -> list[Any]:
        found: list[Any] = []
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                try:
                    found.append(item.value_of(line))
                except ValueError as error:
                    raise ValueError(f"Line {number}: {error}") from None
        return found

    def _blank(self) -> Any:
        return []


class StringListPropertyField(ListPropertyField):
    """A list of texts, one a line."""


class IntegerListPropertyField(ListPropertyField):
    """A list of ints, one a line."""

    items = texts.INTEGER


class TextListPropertyField(FieldList):
    """A list of texts of several lines, each in a field of its own; an empty field is none."""

    def populate_obj(self, obj: object, name: str) -> None:
        """Set the list."""
        setattr(obj, name, self.kept)

    @property
    def kept(self) -> list[Any]:
        """The texts."""
        return [entry.data for entry in self.entries if entry.data is not None]


# Choices.


class ChoicePropertyField(SelectFieldBase):
    """One of *choices*, which are values, or pairs of a value and its label; None as well, if *allow_blank*.

    *multiple*: any number of them, as a list.
    """

    widget = widgets.Select()

    def __init__(
        self,
        label: str | None = None,
        validators: Any = None,
        choices: Sequence[Any] = (),
        allow_blank: bool = False,
        blank_text: str = "",
        multiple: bool = False,
        **options: Any,
    ) -> None:
        if multiple:
            options.setdefault("widget", widgets.Select(multiple=True))
        super().__init__(label, validators, **options)
        self.choices: list[tuple[Any, Any]] = [
            cast("Any", each) if isinstance(each, tuple) else (each, str(each)) for each in choices
        ]
        self.allow_blank, self.blank_text, self.multiple = allow_blank, blank_text, multiple

    def process_data(self, value: Any) -> None:
        """Take the value of an object."""
        self.data = value

    def iter_choices(self) -> Iterator[Any]:
        """What there is to choose.  A value that is none of the choices is one more, so that nothing else is chosen for it."""
        chosen: list[Any] = list(self.data or ()) if self.multiple else [self.data]
        if self.allow_blank and not self.multiple:
            yield Choice(BLANK, self.blank_text or " ", self.data is None, {})
        known = [value for value, _ in self.choices]
        for value, label in self.choices:
            yield Choice(str(value), label, value in chosen, {})
        for value in chosen:
            if value is not None and value not in known:
                yield Choice(str(value), str(value), True, {})

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was submitted; ValueError for what is no choice."""
        by_text = {str(value): value for value, _ in self.choices}
        if not self.multiple:
            if valuelist and valuelist[0] == BLANK:
                self.data = None
                return
            valuelist = valuelist[:1]
        found: list[Any] = []
        for text in valuelist:
            if text not in by_text:
                self.data = None
                raise ValidationError(self.gettext("Not a valid choice."))
            found.append(by_text[text])
        if self.multiple:
            # A browser sends each once, in the order of the choices: if they are the same ones, the list is as it was.
            before: list[Any] = self.object_data or []
            self.data = before if set(map(str, before)) == set(valuelist) else found
        elif found:
            self.data = found[0]

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        """ValidationError if nothing was chosen, and something must be."""
        if self.data is None and not self.allow_blank and not self.multiple and not self.process_errors:
            raise ValidationError(self.gettext("Not a valid choice."))
