"""Forms as Flask-Admin shows them: inline structures with buttons, keys that are searched for, cells that are edited."""

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any, cast

from flask import g
from markupsafe import Markup
from wtforms import FieldList, HiddenField
from wtforms.fields.choices import SelectFieldBase
from wtforms.validators import ValidationError

from kindstore import ndb
from kindstore.flask.admin.base import (
    AjaxModelLoader,
    AjaxSelect2Widget,
    BaseForm,
    InlineFieldList,
    InlineFormWidget,
    XEditableWidget,
)
from kindstore.flask.admin.filters import starts_with
from kindstore.flask.forms.fields import BLANK, ChoicePropertyField
from kindstore.flask.forms.making import Field
from kindstore.flask.forms.ndb import Kwargs, ModelConverter, ModelConverterBase
from kindstore.flask.forms.references import KeyListPropertyField, key_name, key_of_text, key_text, labelling
from kindstore.flask.forms.structures import StructurePart
from kindstore.mapper.schema import schema_of
from kindstore.values.errors import BadArgumentError
from kindstore.wire.entity_v1 import encode_entity

# What tells whether an entity has changed since its form was shown.


def version_of(entity: Any) -> str:
    """A text that is another one when anything in *entity* is."""
    cls: Any = type(entity)
    plain = schema_of(cls).to_entity(entity, entity._key)
    return hashlib.sha256(encode_entity(plain)).hexdigest()[:32]


class VersionField(HiddenField):
    """The version of the entity that the form was made of; no part of the entity."""

    def populate_obj(self, obj: object, name: str) -> None:
        """Leave *obj* alone."""


class Versioned:
    """Mixed into forms for editing."""

    entity_version = VersionField()


# Structures.


class InlinePart(StructurePart):
    """A structure."""

    widget: Any = InlineFormWidget()
    form_opts: Any = None


class BoxWidget(InlineFormWidget):  # type: ignore[misc]
    """A structure in a box, as Flask-Admin shows those of lists."""

    def __call__(self, field: Any, **kwargs: Any) -> Any:
        """The box."""
        inner: Any = super().__call__(field, **kwargs)
        return Markup('<div class="card card-body bg-light mb-3">{}</div>').format(Markup(inner))  # noqa: S704 - rendered


class InlineParts(InlineFieldList):  # type: ignore[misc]
    """A list of boxes, to which one can add, and from which one can take away."""

    @property
    def kept(self) -> list[Any]:
        """What is in the boxes; in an empty one there is nothing."""
        entries = [entry for entry in self.entries if not self.should_delete(entry)]
        made = [entry.kept if isinstance(entry, StructurePart) else entry.data for entry in entries]
        return [each for each in made if each is not None]

    def populate_obj(self, obj: Any, name: str) -> None:
        """Set the list."""
        setattr(obj, name, self.kept)


# Keys.


class KeyLoader(AjaxModelLoader):  # type: ignore[misc]
    """Finds entities of *model* by the beginning of one of *fields*, indexed texts of theirs.

    *get_label*: the name of an attribute, or a function of an entity.  *namespace*: where they are, or a function that
    says so.
    `BadArgumentError` for a field by which one can't search.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        fields: Any = (),
        get_label: Any = None,
        namespace: str | Callable[[], str | None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(name, options)
        self.model, self.namespace = model, namespace
        self.get_label = labelling(get_label)
        self.fields = [searchable(model, field) for field in fields]
        if not self.fields:
            raise BadArgumentError("a search for keys needs fields to look at", field=name)

    def query(self) -> ndb.Query[Any]:
        """The query for all that may be chosen."""
        place = self.namespace() if callable(self.namespace) else self.namespace
        found: ndb.Query[Any] = self.model._query(namespace=place)
        return found

    def format(self, model: Any) -> tuple[str, str] | None:
        """The text of the key *model*, or of the key of the entity *model*, and its label."""
        if model is None:
            return None
        if isinstance(model, ndb.Model):
            return key_text(model._key), str(self.get_label(model))
        entity = model.get()
        return key_text(model), key_name(model) if entity is None else str(self.get_label(entity))

    def get_one(self, pk: Any) -> Any:
        """The key that *pk*, its text, is; None if there is no such entity to choose."""
        try:
            key = key_of_text(str(pk), self.model._get_kind())
        except ValueError:
            return None
        query = self.query()
        if key.partition != query._partition:
            return None
        return key if query.filter(self.model._key == key).get(keys_only=True) is not None else None

    def get_list(self, query: str | None, offset: int | None = 0, limit: int = 10) -> list[Any]:
        """Entities that have a field which begins with *query*."""
        found, term = self.query(), (query or "").strip()
        if term:
            found = found.filter(ndb.OR(*(starts_with(field, term) for field in self.fields)))
        return found.fetch(max(0, min(limit, 100)), offset=max(0, offset or 0))


def searchable(model: Any, field: Any) -> Any:
    """The property of *model* that *field* is, or is the name of; `BadArgumentError` unless it is an indexed text."""
    prop = getattr(model, field, None) if isinstance(field, str) else field
    if not isinstance(prop, ndb.StringProperty):
        raise BadArgumentError(
            "one can search by the beginning of a StringProperty only", model=model.__name__, field=field
        )
    return prop


class AjaxKeyField(SelectFieldBase):
    """A key, which is looked for while one types.  `data` is the key; if *multiple*, the list of them."""

    separator = ","

    def __init__(
        self,
        loader: Any,
        label: str | None = None,
        validators: Any = None,
        allow_blank: bool = False,
        multiple: bool = False,
        **options: Any,
    ) -> None:
        options.setdefault("widget", AjaxSelect2Widget(multiple=multiple))
        super().__init__(label, validators, **options)
        self.loader, self.allow_blank, self.multiple = loader, allow_blank, multiple

    def process_data(self, value: Any) -> None:
        """Take the value of an object."""
        self.data = list(value or ()) if self.multiple else value

    def iter_choices(self) -> Iterator[Any]:
        """Nothing: they are looked for."""
        return iter(())

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was submitted; ValueError for what can't be chosen."""
        if not valuelist:
            return
        if self.multiple:
            parts = [part for text in valuelist for part in text.split(self.separator) if part]
            self.data = [self._taken(part) for part in parts]
        elif valuelist[0] in ("", BLANK):
            self.data = None
        else:
            self.data = self._taken(valuelist[0])

    def _taken(self, text: str) -> Any:
        known = self.object_data if self.multiple else [self.object_data]
        for key in known or ():
            if key is not None and key_text(key) == text:
                return key
        found = self.loader.get_one(text)
        if found is None:
            raise ValueError(self.gettext("Not a valid choice."))
        return found

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        """ValidationError if nothing was chosen, and something must be."""
        if self.data is None and not self.allow_blank and not self.process_errors:
            raise ValidationError(self.gettext("Not a valid choice."))


class AdminConverter(ModelConverter):
    """Makes the fields of the forms of *view*, with what it says about them."""

    form_class = BaseForm
    part_class = InlinePart
    part_list_class = InlineParts
    text_list_class = InlineParts
    min_entries = 0

    def __init__(self, view: Any, within: tuple[Any, ...] = (), is_marked: bool = True) -> None:
        super().__init__(None, within, is_marked)
        self.view = view

    def inner(self, within: tuple[Any, ...], is_marked: bool) -> ModelConverterBase:
        """See `ModelConverter`."""
        return type(self)(self.view, within, is_marked)

    def field_of(self, model: Any, prop: Any, kwargs: Kwargs, names: list[str]) -> Field:
        """See `PropertyConverter`; what the view says goes first."""
        if not self.within:
            name = prop._code_name
            overriding = (self.view.form_overrides or {}).get(name)
            if overriding is not None:
                return overriding(**kwargs)
            loader = self.view._form_ajax_refs.get(name)
            if loader is not None:
                kwargs.setdefault("allow_blank", not prop._required)
                for option in ("get_label", "query", "reference_class", "blank_text"):
                    kwargs.pop(option, None)  # of the field that it would be otherwise
                return AjaxKeyField(loader, multiple=prop._repeated, **kwargs)
        return super().field_of(model, prop, kwargs, names)

    def convert_StructuredProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: N802
        """See `ModelConverter`; one that is not in a list has a box as well."""
        if not prop._repeated:
            kwargs.setdefault("widget", BoxWidget())
        return super().convert_StructuredProperty(model, prop, kwargs)

    convert_LocalStructuredProperty = convert_StructuredProperty  # noqa: N815

    def convert_KeyProperty(self, model: Any, prop: Any, kwargs: Kwargs) -> Field:  # noqa: N802
        """See `ModelConverter`; what is offered is of the namespace of the view."""
        reference = kwargs.get("reference_class") or self.class_of(model, prop._kind)
        if reference is not None and "query" not in kwargs:
            kwargs["query"] = lambda: reference._query(namespace=self.view.get_namespace())
        return super().convert_KeyProperty(model, prop, kwargs)


# Cells of the list that are edited in place.

_EDITABLE = ("IntegerField", "FloatField", "TextAreaField", "BooleanField", "StringField")


def read_once(field: Any) -> None:
    """Let the fields of all rows choose among what the first of them has read in this request."""
    query = getattr(field, "query", None)
    if callable(query):
        known: dict[Any, list[Any]] = g.setdefault("_kindstore_choices", {})
        if query not in known:
            made: Any = query()
            known[query] = list(made)
        field.query = known[query]


def is_for_cells(field: Any) -> bool:
    """Whether *field*, of the class of a form, can be edited in a cell of the list."""
    kind, options = field.field_class, field.kwargs
    if issubclass(kind, AjaxKeyField | KeyListPropertyField | StructurePart | FieldList):
        return False
    return not (issubclass(kind, ChoicePropertyField) and options.get("multiple"))


class CellWidget(XEditableWidget):  # type: ignore[misc]
    """A cell that is edited in place.  Flask-Admin's knows fields by the names of their classes; these are of subclasses."""

    def get_kwargs(self, field: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The attributes of the element."""
        called = field.type
        kwargs["data-value"] = field._value() if hasattr(field, "_value") else kwargs.get("data-value", "")
        if isinstance(field, SelectFieldBase):
            read_once(field)
            choices = list(field.iter_choices())
            kwargs["data-type"] = "select2"
            kwargs["data-source"] = json.dumps([{"value": each[0], "text": str(each[1])} for each in choices])
            kwargs["data-value"] = next((each[0] for each in choices if each[2]), "")
            return kwargs
        names = [each.__name__ for each in cast("Any", type(field)).__mro__]
        # Dates as text: the choices that Flask-Admin offers begin in 1970, and make an earlier one empty.
        field.type = next((name for name in _EDITABLE if name in names), "StringField")
        try:
            made: dict[str, Any] = super().get_kwargs(field, kwargs)
        finally:
            field.type = called
        return made
