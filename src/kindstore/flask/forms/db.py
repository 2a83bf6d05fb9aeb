"""Forms made of db models, by the names of wtforms-appengine: ``from kindstore.flask.forms.db import model_form``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from wtforms import Form
from wtforms.validators import URL

from kindstore import db
from kindstore.db.values import stored
from kindstore.flask.forms import texts
from kindstore.flask.forms.checks import MaxBytes, Within
from kindstore.flask.forms.fields import (
    BooleanPropertyField,
    DatePropertyField,
    DateTimePropertyField,
    FloatPropertyField,
    GeoPtPropertyField,
    IntegerListPropertyField,
    IntegerPropertyField,
    ListPropertyField,
    StringListPropertyField,
    StringPropertyField,
    TextPropertyField,
    TimePropertyField,
)
from kindstore.flask.forms.making import Field, PropertyConverter, fields_of, form_of
from kindstore.flask.forms.references import ReferencePropertyField
from kindstore.flask.forms.texts import Wording
from kindstore.store.entity_checks import check_stored
from kindstore.values.limits import INT_MAX, INT_MIN, MAX_INDEXED

__all__ = ["ModelConverter", "model_fields", "model_form"]

Kwargs: TypeAlias = dict[str, Any]

_ITEMS: Final[Mapping[Any, Wording]] = {
    str: texts.TEXT,
    int: texts.INTEGER,
    float: texts.FLOAT,
    bool: texts.BOOLEAN,
    dt.datetime: texts.moments(None),
    dt.date: texts.DATE,
    dt.time: texts.TIME,
}
"""The lists that a field can show, by the class of their items."""


class ModelConverter(PropertyConverter):
    """Makes fields of the properties of db.

    Without a field are properties that set themselves (computed ones, those with auto_now or auto_now_add), those of
    bytes, users and instant messaging, and lists of what is no text, number, time or truth value.
    """

    NO_AUTO_REQUIRED = frozenset({"ListProperty", "StringListProperty", "BooleanProperty"})

    def name_of(self, prop: Any) -> str:
        """See `PropertyConverter`."""
        names = prop.model_class.properties()
        return next((name for name, each in names.items() if each is prop), str(prop.name))

    def properties_of(self, model: Any) -> list[Any]:
        """See `PropertyConverter`."""
        return sorted(model.properties().values(), key=lambda prop: int(prop.creation_counter))

    def skips(self, prop: Any) -> bool:
        """See `PropertyConverter`."""
        if isinstance(prop, db.ComputedProperty):
            return True
        return bool(getattr(prop, "auto_now", False) or getattr(prop, "auto_now_add", False))

    def is_required(self, prop: Any) -> bool:
        """See `PropertyConverter`."""
        return bool(prop.required)

    def label_of(self, prop: Any) -> str:
        """See `PropertyConverter`."""
        return str(prop.verbose_name) if prop.verbose_name else self.name_of(prop).replace("_", " ").title()

    def default_of(self, prop: Any) -> Any:
        """See `PropertyConverter`."""
        return prop.default_value()

    def choices_of(self, prop: Any) -> list[Any]:
        """See `PropertyConverter`."""
        return list(prop.choices or ())

    def is_list(self, prop: Any) -> bool:
        """See `PropertyConverter`."""
        return isinstance(prop, db.ListProperty)

    def check_of(self, prop: Any) -> Callable[[Any], object]:
        """See `PropertyConverter`."""

        def check(value: Any) -> None:
            taken = prop.validate(value)
            if isinstance(taken, db.Model):
                return
            plain, indexed, _ = stored(prop.name, taken)
            check_stored(prop.name, plain, indexed and prop.indexed)

        return check

    def validators_of(self, model: Any, prop: Any) -> list[Any]:  # noqa: ARG002
        """See `PropertyConverter`."""
        if isinstance(prop, db.RatingProperty):
            return [Within(0, 100)]
        if isinstance(prop, db.IntegerProperty):
            return [Within(INT_MIN, INT_MAX)]
        return [MaxBytes(MAX_INDEXED)] if isinstance(prop, db.StringProperty) and prop.indexed else []

    def convert_StringProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A text on one line, or of several."""
        return TextPropertyField(**kwargs) if prop.multiline else StringPropertyField(**kwargs)

    def convert_TextProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A text of several lines."""
        return TextPropertyField(**kwargs)

    convert_PostalAddressProperty = convert_TextProperty  # noqa: N815

    def convert_CategoryProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A text on one line."""
        return StringPropertyField(**kwargs)

    convert_EmailProperty = convert_PhoneNumberProperty = convert_CategoryProperty  # noqa: N815

    def convert_LinkProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """An address in the web."""
        kwargs["validators"].insert(1, URL(require_tld=False))
        return StringPropertyField(**kwargs)

    def convert_IntegerProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A number."""
        return IntegerPropertyField(**kwargs)

    convert_RatingProperty = convert_IntegerProperty  # noqa: N815

    def convert_FloatProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A number."""
        return FloatPropertyField(**kwargs)

    def convert_BooleanProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A box to check."""
        if kwargs["default"] is None:
            kwargs["default"] = False
        return BooleanPropertyField(must_be=prop.required, **kwargs)

    def convert_DateTimeProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """The browser's input for a date and a time."""
        return DateTimePropertyField(**kwargs)

    def convert_DateProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """The browser's input for a date."""
        return DatePropertyField(**kwargs)

    def convert_TimeProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """The browser's input for a time of day."""
        return TimePropertyField(**kwargs)

    def convert_GeoPtProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """Two numbers with a comma between."""
        return GeoPtPropertyField(point_class=db.GeoPt, **kwargs)

    def convert_ListProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A value a line."""
        if prop.item_type is str:
            return StringListPropertyField(**kwargs)
        if prop.item_type is int:
            return IntegerListPropertyField(**kwargs)
        items = _ITEMS.get(prop.item_type)
        return None if items is None else ListPropertyField(items=items, **kwargs)

    def convert_ReferenceProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A choice among the instances of the class; of no class in particular: none."""
        if prop.reference_class is not db.Model:
            kwargs.setdefault("reference_class", prop.reference_class)
        elif "reference_class" not in kwargs and "query" not in kwargs:
            return None
        kwargs.setdefault("allow_blank", not prop.required)
        return ReferencePropertyField(**kwargs)


def model_fields(
    model: Any,
    only: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    field_args: Mapping[str, Mapping[str, Any]] | None = None,
    converter: PropertyConverter | None = None,
) -> dict[str, Field]:
    """The fields for the properties of *model*, by attribute, in the order in which the class has them.

    *only*: these, in this order (default: all); *exclude*: not these.  *field_args*: arguments for fields, by attribute.
    *converter*: what makes the fields; default: a `ModelConverter`.  `BadArgumentError` for a name of which the model
    has no attribute, and for an attribute of which a form has one of its own (``data``, ``errors``, …).
    """
    return fields_of(converter or ModelConverter(), model, only, exclude, field_args)


def model_form(
    model: Any,
    base_class: Any = Form,
    only: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    field_args: Mapping[str, Mapping[str, Any]] | None = None,
    converter: PropertyConverter | None = None,
) -> Any:
    """A class of forms for the instances of *model*, which is a *base_class* (a WTForms form, Flask-WTF's for one).

    The other arguments and the errors are those of `model_fields`.
    """
    found = model_fields(model, only, exclude, field_args, converter)
    return form_of(model.kind(), base_class, found, issubclass(model, db.Expando))
