"""Properties of db's models: what may be set, and what is stored for it.

A property is a descriptor.  It checks what is set, keeps it in the instance under its stored name with an underscore
in front, and says what is stored (`get_value_for_datastore`) and what becomes of that when it is read
(`make_value_from_datastore`).  Programs override these; so their order and names are db's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final
from urllib.parse import urlparse

from kindstore.db import values
from kindstore.db.errors import BadValueError, ConfigurationError, DerivedPropertyError
from kindstore.db.strings import typename
from kindstore.db.users import User, get_current_user
from kindstore.values.limits import INT_MAX, INT_MIN, MAX_INDEXED

AUTO_UPDATE_UNCHANGED: Final = object()
"""What `Property.get_updated_value_for_datastore` says where a put changes nothing."""


class Property:
    """Base of all properties.

    *name*: what it is stored as; default: the name of the attribute.  *default*: the value of what was not set.
    *required*: None and empty values are refused.  *validator*: called with each value that is set, and raises if it
    won't do.  *choices*: the values that there may be, None and empty ones besides.  *indexed*: whether queries find it.
    """

    creation_counter: int = 0
    data_type: Any = str
    """The type of its values."""

    def __init__(
        self,
        verbose_name: str | None = None,
        name: str | None = None,
        default: Any = None,
        required: bool = False,
        validator: Callable[[Any], object] | None = None,
        choices: Any = None,
        indexed: bool = True,
    ) -> None:
        self.verbose_name, self.default, self.required = verbose_name, default, required
        self.name: Any = name
        self.validator, self.choices, self.indexed = validator, choices, indexed
        self.model_class: Any = None
        self.creation_counter = Property.creation_counter
        Property.creation_counter += 1

    def __property_config__(self, model_class: Any, property_name: str) -> None:
        """Learn the class and the name of the attribute; called when the class is made."""
        self.model_class = model_class
        if self.name is None:
            self.name = property_name

    # As a descriptor.

    def __get__(self, model_instance: Any, model_class: Any = None) -> Any:
        if model_instance is None:
            return self
        return model_instance.__dict__.get(self._attr_name())

    def __set__(self, model_instance: Any, value: Any) -> None:
        value = self.validate(value)
        model_instance._keep(self, self._attr_name(), value)

    def __delete__(self, model_instance: Any) -> None:
        # App Engine's db refused this, but its documentation promised it: it reads None, and a put leaves it out.
        model_instance._drop(self, self._attr_name())

    def _attr_name(self) -> str:
        return f"_{self.name}"

    # Checking.

    def default_value(self) -> Any:
        """The value of what was not set."""
        return self.default

    def validate(self, value: Any) -> Any:
        """*value*, or what becomes of it; `BadValueError` if it won't do."""
        if self.empty(value):
            if self.required:
                raise BadValueError(f"Property {self.name} is required")
        elif self.choices and value not in self.choices:
            raise BadValueError(f"Property {self.name} is {value!r}; must be one of {self.choices!r}")
        if self.validator is not None:
            self.validator(value)
        return value

    def empty(self, value: Any) -> bool:
        """Whether *value* counts as none."""
        return not value

    # Storing.

    def get_value_for_datastore(self, model_instance: Any) -> Any:
        """What to store of *model_instance*."""
        return self.__get__(model_instance, type(model_instance))

    def get_updated_value_for_datastore(self, model_instance: Any) -> Any:  # noqa: ARG002
        """What a put stores instead; `AUTO_UPDATE_UNCHANGED` where there is no such thing."""
        return AUTO_UPDATE_UNCHANGED

    def make_value_from_datastore(self, value: Any) -> Any:
        """The attribute's value for what was stored."""
        return value

    def make_value_from_datastore_index_value(self, index_value: Any) -> Any:
        """The attribute's value for what an index holds."""
        return self.make_value_from_datastore(values.of_index(index_value, self.data_type))

    def _require_parameter(self, options: dict[str, Any], parameter: str, value: Any) -> None:
        """Set an option; `ConfigurationError` if it is given and another."""
        if parameter in options and options[parameter] != value:
            raise ConfigurationError(f"{parameter} must be {value}.")
        options[parameter] = value

    def datastore_type(self) -> Any:
        """The type of its values, in an old form."""
        return self.data_type


class StringProperty(Property):
    """A text of up to 1,500 characters, on one line unless *multiline*."""

    MAX_LENGTH: ClassVar[int] = MAX_INDEXED

    def __init__(self, verbose_name: str | None = None, multiline: bool = False, **options: Any) -> None:
        super().__init__(verbose_name, **options)
        self.multiline = multiline

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        value = super().validate(value)
        if value is None:
            return value
        if not isinstance(value, str):
            raise BadValueError(
                f"Property {self.name} must be a str or unicode instance, not a {typename(value)}"
            )
        if not self.multiline and "\n" in value:
            raise BadValueError(f"Property {self.name} is not multi-line")
        _check_length(self, value, self.MAX_LENGTH)
        return value


class UnindexedProperty(Property):
    """A value of `data_type` that is never indexed; it is made of what is set.  *indexed* may only be False."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._require_parameter(options, "indexed", False)
        # Filters by it are allowed, and find nothing: the values themselves keep it out of the indexes.
        options["indexed"] = True
        super().__init__(*args, **options)

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        value = _converted(self, value)
        value = super().validate(value)
        if value is not None and not isinstance(value, self.data_type):
            raise BadValueError(f"Property {self.name} must be a {self.data_type.__name__} instance")
        return value

    def make_value_from_datastore(self, value: Any) -> Any:
        """See `Property`; what was written before the property became a long one is made one."""
        return _converted(self, value) if isinstance(value, str | bytes) else value


class TextProperty(UnindexedProperty):
    """A `Text`: up to a megabyte."""

    data_type = values.Text


class BlobProperty(UnindexedProperty):
    """A `Blob`: up to a megabyte."""

    data_type = values.Blob


class ByteStringProperty(Property):
    """A `ByteString` of up to 1,500 bytes."""

    MAX_LENGTH: ClassVar[int] = MAX_INDEXED
    data_type = values.ByteString

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        value = value.encode() if isinstance(value, str) else value
        value = super().validate(_converted(self, value))
        if value is not None:
            if not isinstance(value, values.ByteString):
                raise BadValueError(f"Property {self.name} must be a ByteString instance")
            _check_length(self, value, self.MAX_LENGTH)
        return value


def _converted(prop: Property, value: Any) -> Any:
    """*value* as one of the property's type; `BadValueError` if it can't be one."""
    if value is None or isinstance(value, prop.data_type):
        return value
    try:
        return prop.data_type(value)
    except TypeError as error:
        raise BadValueError(
            f"Property {prop.name} must be convertible to a {prop.data_type.__name__} instance ({error})"
        ) from None


def _check_length(prop: Property, value: str | bytes, most: int) -> None:
    if len(value) > most:
        raise BadValueError(f"Property {prop.name} is {len(value)} bytes long; it must be {most} or less.")


class _NumberProperty(Property):
    """A value that counts as one where it is 0 or False."""

    def empty(self, value: Any) -> bool:
        """Only None is no value."""
        return value is None


class _TypedProperty(Property):
    """A value of `data_type`, which is *called* so where another one is refused."""

    _called: ClassVar[str]

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        value = super().validate(value)
        if value is not None and not isinstance(value, self.data_type):
            raise BadValueError(f"Property {self.name} must be a {self._called}")
        return value


class IntegerProperty(_NumberProperty):
    """An int of 64 bits; neither bool nor float."""

    data_type: Any = int

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        value = super().validate(value)
        if value is None:
            return value
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadValueError(f"Property {self.name} must be an int or long, not a {typename(value)}")
        if not INT_MIN <= value <= INT_MAX:
            raise BadValueError(f"Property {self.name} must fit in 64 bits")
        return value


class FloatProperty(_NumberProperty, _TypedProperty):
    """A float; an int is refused."""

    data_type = float
    _called = "float"


class BooleanProperty(_NumberProperty, _TypedProperty):
    """A bool."""

    data_type = bool
    _called = "bool"


class _CoercingProperty(Property):
    """A value of `data_type`, which is called with whatever else is set."""

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        value = super().validate(value)
        if value is not None and not isinstance(value, self.data_type):
            value = self.data_type(value)
        return value


class CategoryProperty(_CoercingProperty):
    """A `Category`."""

    data_type = values.Category


class EmailProperty(_CoercingProperty):
    """An `Email`."""

    data_type = values.Email


class GeoPtProperty(_CoercingProperty):
    """A `GeoPt`."""

    data_type = values.GeoPt


class IMProperty(_CoercingProperty):
    """An `IM`."""

    data_type = values.IM


class PhoneNumberProperty(_CoercingProperty):
    """A `PhoneNumber`."""

    data_type = values.PhoneNumber


class PostalAddressProperty(_CoercingProperty):
    """A `PostalAddress`."""

    data_type = values.PostalAddress


class RatingProperty(_CoercingProperty, IntegerProperty):
    """A `Rating`."""

    data_type = values.Rating


class LinkProperty(_CoercingProperty):
    """A `Link`."""

    data_type = values.Link

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        value = super().validate(value)
        if value is not None:
            parts = urlparse(str(value))
            if not parts.scheme or not parts.netloc:
                raise BadValueError(f"Property {self.name} must be a full URL ('{value}')")
        return value


URLProperty = LinkProperty


class BlobReferenceProperty(_TypedProperty):
    """A `BlobKey`, which a text becomes."""

    data_type = values.BlobKey
    _called = "BlobKey instance"

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        return super().validate(values.BlobKey(value) if isinstance(value, str) else value)

    def make_value_from_datastore(self, value: Any) -> Any:
        """See `Property`; other faces store the bytes without saying what they mean."""
        return values.BlobKey(value.decode()) if isinstance(value, bytes) else value


class UserProperty(_TypedProperty):
    """A `users.User`.

    *auto_current_user*: each put sets it to the current user; *auto_current_user_add*: that is what it begins with.
    """

    data_type = User
    _called = "User"

    def __init__(
        self,
        verbose_name: str | None = None,
        name: str | None = None,
        required: bool = False,
        validator: Callable[[Any], object] | None = None,
        choices: Any = None,
        auto_current_user: bool = False,
        auto_current_user_add: bool = False,
        indexed: bool = True,
    ) -> None:
        super().__init__(
            verbose_name, name, required=required, validator=validator, choices=choices, indexed=indexed
        )
        self.auto_current_user, self.auto_current_user_add = auto_current_user, auto_current_user_add

    def default_value(self) -> Any:
        """The current user, if it is to be set to that."""
        return get_current_user() if self.auto_current_user or self.auto_current_user_add else None

    def get_updated_value_for_datastore(self, model_instance: Any) -> Any:  # noqa: ARG002
        """See `Property`."""
        return get_current_user() if self.auto_current_user else AUTO_UPDATE_UNCHANGED


class ComputedProperty(Property):
    """What a function of the instance says, each time anew; stored, so that queries find it.  Also as a decorator."""

    def __init__(self, value_function: Callable[[Any], Any], indexed: bool = True) -> None:
        super().__init__(indexed=indexed)
        self._value_function = value_function

    def __get__(self, model_instance: Any, model_class: Any = None) -> Any:
        return self if model_instance is None else self._value_function(model_instance)

    def __set__(self, model_instance: Any, value: Any) -> None:
        raise DerivedPropertyError(f"Computed property {self.name} cannot be set.")
