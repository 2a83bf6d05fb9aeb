"""Forms made of ndb models, by the names of wtforms-appengine: ``from kindstore.flask.forms.ndb import model_form``."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from wtforms import Form

from kindstore import ndb
from kindstore.flask.forms import texts
from kindstore.flask.forms.checks import MaxBytes, Unique, Within
from kindstore.flask.forms.fields import (
    BooleanPropertyField,
    DatePropertyField,
    DateTimePropertyField,
    FloatPropertyField,
    GeoPtPropertyField,
    IntegerListPropertyField,
    IntegerPropertyField,
    JsonPropertyField,
    ListPropertyField,
    StringListPropertyField,
    StringPropertyField,
    TextListPropertyField,
    TextPropertyField,
    TimePropertyField,
)
from kindstore.flask.forms.making import Field, PropertyConverter, fields_of, form_of
from kindstore.flask.forms.references import KeyListPropertyField, KeyPropertyField, KeyTextField, key_wording
from kindstore.flask.forms.structures import StructureListField, StructurePart
from kindstore.store.entity_checks import check_stored
from kindstore.values.limits import INT_MAX, INT_MIN, MAX_INDEXED

__all__ = ["ModelConverter", "ModelConverterBase", "model_fields", "model_form"]

Kwargs: TypeAlias = dict[str, Any]

_SETTING_THEMSELVES: Final = frozenset({"ComputedProperty", "_ClassKeyProperty"})


class ModelConverterBase(PropertyConverter):
    """Makes fields of the properties of ndb; one without methods for any, to build another converter on."""

    NO_AUTO_REQUIRED = frozenset({"BooleanProperty", "StructuredProperty", "LocalStructuredProperty"})

    def name_of(self, prop: Any) -> str:
        """See `PropertyConverter`."""
        return str(prop._code_name)

    def properties_of(self, model: Any) -> list[Any]:
        """See `PropertyConverter`."""
        declared: dict[str, None] = {}
        bases: tuple[type[Any], ...] = model.__mro__
        for base in reversed(bases):
            declared.update(dict.fromkeys(vars(base)))
        by_name = {prop._code_name: prop for prop in model._properties.values()}
        # A property that was added to the class later is among its attributes as well.
        return [by_name[name] for name in declared if name in by_name]

    def skips(self, prop: Any) -> bool:
        """See `PropertyConverter`."""
        if getattr(prop, "_auto_now", False) or getattr(prop, "_auto_now_add", False):
            return True
        return any(each.__name__ in _SETTING_THEMSELVES for each in type(prop).__mro__)

    def is_required(self, prop: Any) -> bool:
        """See `PropertyConverter`."""
        return bool(prop._required)

    def label_of(self, prop: Any) -> str:
        """See `PropertyConverter`."""
        return str(prop._verbose_name or prop._code_name.replace("_", " ").title())

    def default_of(self, prop: Any) -> Any:
        """See `PropertyConverter`."""
        return () if prop._repeated else prop._default

    def choices_of(self, prop: Any) -> list[Any]:
        """See `PropertyConverter`; sorted, as the property knows no order."""
        choices: Any = prop._choices or ()
        return sorted(choices, key=lambda value: (type(value).__name__, value))

    def is_list(self, prop: Any) -> bool:
        """See `PropertyConverter`."""
        return bool(prop._repeated)

    def check_of(self, prop: Any) -> Callable[[Any], object]:
        """See `PropertyConverter`."""
        if hasattr(prop, "_model_class"):
            return prop._checked  # type: ignore[no-any-return]

        def check(value: Any) -> None:
            stored = prop._encoded(prop._checked(value))
            check_stored(prop._path(), stored, prop._indexed)

        return check

    def validators_of(self, model: Any, prop: Any) -> list[Any]:
        """See `PropertyConverter`."""
        found: list[Any] = []
        if isinstance(prop, ndb.StringProperty) and not prop._repeated:
            found.append(MaxBytes(MAX_INDEXED))
        if isinstance(prop, ndb.IntegerProperty) and not prop._repeated:
            found.append(Within(INT_MIN, INT_MAX))
        if prop._unique:
            found.append(Unique(model, prop))
        return found


class ModelConverter(ModelConverterBase):
    """Makes fields of the properties of ndb.

    A repeated property of short values is a text area with a value a line.  Without a field are properties that set
    themselves (computed ones, those with auto_now or auto_now_add) and those of bytes, users and pickles.
    *form_class*: the base of forms for structures; *within*: the classes of the structures around this one.
    """

    form_class: Any = Form
    part_class: Any = StructurePart
    part_list_class: Any = StructureListField
    text_list_class: Any = TextListPropertyField
    min_entries: int = 1
    """How many fields a list of structures or texts has at least, so that there is an empty one to fill in."""

    def __init__(
        self,
        converters: Mapping[str, Callable[[Any, Any, Kwargs], Field]] | None = None,
        within: tuple[Any, ...] = (),
        is_marked: bool = True,
    ) -> None:
        super().__init__(converters)
        self._given = converters
        self.within, self.is_marked = within, is_marked

    def convert_StringProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A text on one line; repeated: one a line."""
        return StringListPropertyField(**kwargs) if prop._repeated else StringPropertyField(**kwargs)

    def convert_TextProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A text of several lines; repeated: several of them."""
        if prop._repeated:
            kwargs.setdefault("min_entries", self.min_entries)
            label = kwargs.pop("label")
            return self.text_list_class(TextPropertyField(label), label, **kwargs)
        return TextPropertyField(**kwargs)

    convert_CompressedTextProperty = convert_TextProperty  # noqa: N815

    def convert_IntegerProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A number."""
        return IntegerListPropertyField(**kwargs) if prop._repeated else IntegerPropertyField(**kwargs)

    def convert_FloatProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A number."""
        if prop._repeated:
            return ListPropertyField(items=texts.FLOAT, **kwargs)
        return FloatPropertyField(**kwargs)

    def convert_BooleanProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """A box to check; repeated: "true" and "false", one a line."""
        if prop._repeated:
            return ListPropertyField(items=texts.BOOLEAN, **kwargs)
        if kwargs["default"] is None:
            kwargs["default"] = False
        return BooleanPropertyField(must_be=prop._required, **kwargs)

    def convert_DateTimeProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """The browser's input for a date and a time, by the property's clock."""
        if prop._repeated:
            return ListPropertyField(items=texts.moments(prop._tzinfo), **kwargs)
        kwargs.setdefault("zone", prop._tzinfo)
        return DateTimePropertyField(**kwargs)

    def convert_DateProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """The browser's input for a date."""
        return (
            ListPropertyField(items=texts.DATE, **kwargs) if prop._repeated else DatePropertyField(**kwargs)
        )

    def convert_TimeProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """The browser's input for a time of day."""
        return (
            ListPropertyField(items=texts.TIME, **kwargs) if prop._repeated else TimePropertyField(**kwargs)
        )

    def convert_GeoPtProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """Two numbers with a comma between."""
        return (
            ListPropertyField(items=texts.POINT, **kwargs) if prop._repeated else GeoPtPropertyField(**kwargs)
        )

    def convert_JsonProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002, N802
        """JSON in a text area; repeated: a JSON list."""
        if prop._repeated:
            kwargs["default"] = []
        return JsonPropertyField(**kwargs)

    def convert_KeyProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: N802
        """A choice among the entities of the kind; of no kind that has a model: the key's url-safe text."""
        reference = kwargs.pop("reference_class", None) or self.class_of(model, prop._kind)
        if reference is None and "query" not in kwargs:
            if prop._repeated:
                return ListPropertyField(items=key_wording(prop._kind), **kwargs)
            return KeyTextField(kind=prop._kind, **kwargs)
        if prop._repeated:
            return KeyListPropertyField(reference_class=reference, **kwargs)
        kwargs.setdefault("allow_blank", not prop._required)
        return KeyPropertyField(reference_class=reference, **kwargs)

    def class_of(self, model: Any, kind: str | None) -> Any:
        """The model class of *kind*, None if there is none (yet)."""
        return None if kind is None else model._kind_map.get(kind)

    def convert_StructuredProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: N802
        """A form within the form; repeated: a list of them.  None for a structure within one of its own class."""
        structure = prop._model_class
        if structure in self.within:
            return None
        inner = self.inner((*self.within, model, structure), prop._required)
        form_class = self.inner_form(structure, inner, kwargs.pop("field_args", None), prop)
        validators = [each for each in kwargs.pop("validators") if not hasattr(each, "field_flags")]
        if prop._repeated:
            label = kwargs.pop("label")
            kwargs.setdefault("min_entries", self.min_entries)
            part = self.part_class(form_class, structure.__name__, model_class=structure)
            return self.part_list_class(part, label, validators, **kwargs)
        kwargs.setdefault("required", prop._required)
        return self.part_class(form_class, model_class=structure, validators=validators, **kwargs)

    convert_LocalStructuredProperty = convert_StructuredProperty  # noqa: N815

    def inner(self, within: tuple[Any, ...], is_marked: bool) -> ModelConverterBase:
        """The converter for the properties of a structure."""
        return type(self)(self._given, within, is_marked)

    def inner_form(self, structure: Any, converter: ModelConverterBase, field_args: Any, prop: Any) -> Any:
        """The form for *structure*, the class of the structured property *prop*."""
        found = fields_of(converter, structure, None, None, field_args)
        if not prop._required:
            # Otherwise one that was never filled in would come back with the defaults, and be there.
            for field in found.values():
                if "default" in field.kwargs and not isinstance(field.kwargs["default"], tuple | list):
                    field.kwargs["default"] = None
        return form_of(structure.__name__, self.form_class, found, structure._dynamic)

    def _convert_to_nothing(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: ARG002
        return None

    convert_BlobProperty = convert_BlobKeyProperty = convert_PickleProperty = _convert_to_nothing  # noqa: N815
    convert_UserProperty = convert_GenericProperty = convert_ComputedProperty = _convert_to_nothing  # noqa: N815


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
    """A class of forms for the entities of *model*, which is a *base_class* (a WTForms form, Flask-WTF's for one).

    The other arguments and the errors are those of `model_fields`.
    """
    found = model_fields(model, only, exclude, field_args, converter)
    return form_of(model._get_kind(), base_class, found, model._dynamic)
