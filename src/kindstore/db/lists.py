"""Properties with several values."""

from __future__ import annotations

from typing import Any, Final

from kindstore.db import values
from kindstore.db.errors import BadValueError
from kindstore.db.property import Property
from kindstore.mapper.property import as_list, is_list

_LONG: Final[frozenset[Any]] = frozenset({values.Text, values.Blob, values.ByteString})


class ListProperty(Property):
    """A list of values of *item_type*.  None is refused; what was not set is a copy of *default*, else empty.

    *write_empty_list*: store an empty list, which queries find as None; otherwise nothing is stored of it.
    TypeError for an item type that is no type, ValueError for one that db does not have.
    """

    data_type = list
    _write_empty_list = False

    def __init__(
        self,
        item_type: Any,
        verbose_name: str | None = None,
        default: list[Any] | None = None,
        write_empty_list: bool | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(item_type, type):
            raise TypeError("Item type should be a type object")
        if item_type not in values.ITEM_TYPES:
            raise ValueError(f"Item type {item_type.__name__} is not acceptable")
        if issubclass(item_type, values.Blob | values.Text):
            self._require_parameter(options, "indexed", False)
            options["indexed"] = True
        self._require_parameter(options, "required", True)
        self.item_type: Any = item_type
        if write_empty_list is not None:
            self._write_empty_list = write_empty_list
        super().__init__(verbose_name, default=[] if default is None else default, **options)

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        value = super().validate(value)
        if value is not None:
            if not is_list(value):
                raise BadValueError(f"Property {self.name} must be a list")
            value = self.validate_list_contents(value)
        return value

    def validate_list_contents(self, value: list[Any]) -> list[Any]:
        """*value*; `BadValueError` if there is an item of another type."""
        if self.item_type is bytes:
            value = [item.encode() if isinstance(item, str) else item for item in value]
            if not all(isinstance(item, bytes) for item in value):
                raise BadValueError(f"Item in the {self.name} list can not be converted to byte.")
        for item in value:
            if not isinstance(item, self.item_type):
                if self.item_type is int:
                    raise BadValueError(f"Items in the {self.name} list must all be integers.")
                raise BadValueError(
                    f"Items in the {self.name} list must all be {self.item_type.__name__} instances"
                )
        return value

    def empty(self, value: Any) -> bool:
        """An empty list is a value."""
        return value is None

    def default_value(self) -> Any:
        """A list of its own."""
        return list(super().default_value())

    def get_value_for_datastore(self, model_instance: Any) -> Any:
        """See `Property`; the items are checked again, as the list may have changed."""
        value = super().get_value_for_datastore(model_instance)
        if not value:
            return value
        value = self.validate_list_contents(value)
        if self.validator is not None:
            self.validator(value)
        if self.item_type in values.PARTS:
            return [values.PARTS[self.item_type][0](item) for item in value]
        return value

    def make_value_from_datastore(self, value: Any) -> Any:
        """See `Property`; a single value was written before the property was a list."""
        items = as_list(value)
        if self.item_type in values.PARTS:
            return [values.PARTS[self.item_type][1](item) for item in items]
        if self.item_type in _LONG:
            return [self.item_type(item) if isinstance(item, str | bytes) else item for item in items]
        return items

    def make_value_from_datastore_index_value(self, index_value: Any) -> Any:
        """See `Property`."""
        return self.make_value_from_datastore([values.of_index(index_value, self.item_type)])


class StringListProperty(ListProperty):
    """A list of texts."""

    def __init__(
        self,
        verbose_name: str | None = None,
        default: list[str] | None = None,
        write_empty_list: bool | None = None,
        **options: Any,
    ) -> None:
        super().__init__(str, verbose_name, default, write_empty_list, **options)
