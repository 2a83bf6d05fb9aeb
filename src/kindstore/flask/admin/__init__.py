"""Screens of Flask-Admin for the entities of ndb models: `docs/admin.md`."""

from kindstore.flask.admin.filters import (
    FilterBetween,
    FilterEmpty,
    FilterEqual,
    FilterGreater,
    FilterInList,
    FilterNotBetween,
    FilterNotEqual,
    FilterNotInList,
    FilterSmaller,
    FilterStartsWith,
    PropertyFilter,
)
from kindstore.flask.admin.form import AdminConverter, AjaxKeyField, KeyLoader
from kindstore.flask.admin.view import ModelView

__all__ = [
    "AdminConverter",
    "AjaxKeyField",
    "FilterBetween",
    "FilterEmpty",
    "FilterEqual",
    "FilterGreater",
    "FilterInList",
    "FilterNotBetween",
    "FilterNotEqual",
    "FilterNotInList",
    "FilterSmaller",
    "FilterStartsWith",
    "KeyLoader",
    "ModelView",
    "PropertyFilter",
]
