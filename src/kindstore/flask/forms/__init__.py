"""Forms of WTForms made of models, of ndb and of db: `docs/forms.md`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wtforms import Form

from kindstore.db import Model as DbModel
from kindstore.flask.forms import db, ndb
from kindstore.flask.forms.checks import Unique, report
from kindstore.flask.forms.fields import (
    GeoPtPropertyField,
    IntegerListPropertyField,
    StringListPropertyField,
)
from kindstore.flask.forms.making import Field, PropertyConverter
from kindstore.flask.forms.ndb import ModelConverter, ModelConverterBase
from kindstore.flask.forms.references import KeyPropertyField, ReferencePropertyField

__all__ = [
    "GeoPtPropertyField",
    "IntegerListPropertyField",
    "KeyPropertyField",
    "ModelConverter",
    "ModelConverterBase",
    "ReferencePropertyField",
    "StringListPropertyField",
    "Unique",
    "model_fields",
    "model_form",
    "report",
]


def model_fields(
    model: Any,
    only: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    field_args: Mapping[str, Mapping[str, Any]] | None = None,
    converter: PropertyConverter | None = None,
) -> dict[str, Field]:
    """The fields for the properties of *model*, of ndb or of db; see `kindstore.flask.forms.ndb.model_fields`."""
    make = db.model_fields if issubclass(model, DbModel) else ndb.model_fields
    return make(model, only, exclude, field_args, converter)


def model_form(
    model: Any,
    base_class: Any = Form,
    only: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    field_args: Mapping[str, Mapping[str, Any]] | None = None,
    converter: PropertyConverter | None = None,
) -> Any:
    """A class of forms for the entities of *model*, of ndb or of db; see `kindstore.flask.forms.ndb.model_form`."""
    make = db.model_form if issubclass(model, DbModel) else ndb.model_form
    return make(model, base_class, only, exclude, field_args, converter)
