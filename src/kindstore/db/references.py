"""References: properties that are other instances, and the collections of those that refer to one."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import Any, Final

from kindstore.db import values
from kindstore.db.errors import (
    BadValueError,
    ConfigurationError,
    DuplicatePropertyError,
    KindError,
    ReferencePropertyResolveError,
)
from kindstore.db.key import Key
from kindstore.db.model import Model
from kindstore.db.operations import get
from kindstore.db.property import Property
from kindstore.db.query import Query
from kindstore.values.key import Key as PlainKey

_SELF: Final = object()


class ReferenceProperty(Property):
    """An instance of *reference_class* (default: of any), set as such or by its key; stored is the key.

    It is read from the store at its first use, and kept: `ReferencePropertyResolveError` if it is not there.  The
    class referred to gets a query for all that refer to an instance, called *collection_name*; default: the name of
    this class in lower case with ``_set``; `DuplicatePropertyError` if it has an attribute of that name.
    """

    def __init__(
        self,
        reference_class: Any = None,
        verbose_name: str | None = None,
        collection_name: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(verbose_name, **options)
        self.collection_name = collection_name
        if reference_class is None:
            reference_class = Model
        if reference_class is not _SELF and not (
            isinstance(reference_class, type) and issubclass(reference_class, Model)
        ):
            raise KindError("reference_class must be Model or _SELF_REFERENCE")
        self.reference_class: Any = reference_class
        self.data_type = reference_class

    def __property_config__(self, model_class: Any, property_name: str) -> None:
        """See `Property`; the class referred to gets its collection."""
        super().__property_config__(model_class, property_name)
        if self.reference_class is _SELF:
            self.reference_class = self.data_type = model_class
        if self.collection_name is None:
            self.collection_name = f"{model_class.__name__.lower()}_set"
        there = getattr(self.reference_class, self.collection_name, None)
        if there is not None and not (
            isinstance(there, ReverseReferenceProperty) and there.is_of(model_class, property_name)
        ):
            raise DuplicatePropertyError(
                f"Class {self.reference_class.__name__} already has property {self.collection_name} "
            )
        collection = ReverseReferenceProperty(model_class, property_name)
        setattr(self.reference_class, self.collection_name, collection)

    def __get__(self, model_instance: Any, model_class: Any = None) -> Any:
        if model_instance is None:
            return self
        key = model_instance.__dict__.get(self._attr_name())
        if key is None:
            return None
        resolved = model_instance.__dict__.get(self._resolved_name())
        if resolved is None:
            resolved = get(key)
            if resolved is None:
                raise ReferencePropertyResolveError(
                    f"ReferenceProperty failed to be resolved: {key.to_path()}"
                )
            model_instance.__dict__[self._resolved_name()] = resolved
        return resolved

    def __set__(self, model_instance: Any, value: Any) -> None:
        value = self.validate(value)
        if value is None or isinstance(value, PlainKey):
            key, resolved = None if value is None else Key.like(value), None
        else:
            key, resolved = value.key(), value
        model_instance._keep(self, self._attr_name(), key)
        model_instance.__dict__[self._resolved_name()] = resolved

    def _resolved_name(self) -> str:
        return f"_RESOLVED_{self.name}"

    def get_value_for_datastore(self, model_instance: Any) -> Any:
        """The key of the instance referred to, which is not read."""
        return model_instance.__dict__.get(self._attr_name())

    def make_value_from_datastore_index_value(self, index_value: Any) -> Any:
        """See `Property`."""
        return self.make_value_from_datastore(values.of_index(index_value, Key))

    def validate(self, value: Any) -> Any:
        """See `Property.validate`; any key will do."""
        if isinstance(value, PlainKey):
            return value
        if value is not None and not value.has_key():
            raise BadValueError(
                f"{self.reference_class.kind()} instance must have a complete key before it can be stored as a "
                "reference"
            )
        value = super().validate(value)
        if value is not None and not isinstance(value, self.reference_class):
            raise KindError(f"Property {self.name} must be an instance of {self.reference_class.kind()}")
        return value


Reference = ReferenceProperty


def SelfReferenceProperty(  # noqa: N802 - db's name
    verbose_name: str | None = None, collection_name: str | None = None, **options: Any
) -> ReferenceProperty:
    """A reference to an instance of the class that declares it."""
    if "reference_class" in options:
        raise ConfigurationError("Do not provide reference_class to self-reference.")
    return ReferenceProperty(_SELF, verbose_name, collection_name, **options)


SelfReference = SelfReferenceProperty


class ReverseReferenceProperty(Property):
    """The query for all instances of *model* that refer to one by their property *name*."""

    def __init__(self, model: Any, name: str) -> None:
        super().__init__()
        self._model, self._property = model, name

    def is_of(self, model: Any, name: str) -> bool:
        """Whether it is the collection of this property of this class, or of one that is made anew."""
        mine = self._model.__module__, self._model.__name__, self._property
        return mine == (model.__module__, model.__name__, name)

    def __get__(self, model_instance: Any, model_class: Any = None) -> Any:
        if model_instance is None:
            return self
        name = self._model._properties[self._property].name
        return Query(self._model).filter(f"{name} =", model_instance.key())

    def __set__(self, model_instance: Any, value: Any) -> None:
        raise BadValueError("Virtual property is read-only")
