"""Properties of dates and times.  Stored are naive datetimes in UTC."""

from __future__ import annotations

import datetime as dt
from typing import Any

from kindstore.db.errors import BadValueError
from kindstore.db.property import AUTO_UPDATE_UNCHANGED, Property
from kindstore.db.values import EPOCH, PARTS
from kindstore.mapper import context


class DateTimeProperty(Property):
    """A datetime; of one with a time zone the same moment in UTC is stored.

    *auto_now*: each put stores the time; *auto_now_add*: what it begins with is the time.
    """

    data_type: Any = dt.datetime

    def __init__(
        self,
        verbose_name: str | None = None,
        auto_now: bool = False,
        auto_now_add: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(verbose_name, **options)
        self.auto_now, self.auto_now_add = auto_now, auto_now_add

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        value = super().validate(value)
        if value and not isinstance(value, self.data_type):
            raise BadValueError(
                f"Property {self.name} must be a {self.data_type.__name__}, but was {value!r}"
            )
        return value

    def default_value(self) -> Any:
        """The time, if it begins with that."""
        return self.now() if self.auto_now or self.auto_now_add else super().default_value()

    def get_updated_value_for_datastore(self, model_instance: Any) -> Any:  # noqa: ARG002
        """See `Property`."""
        return self._stored(self.now()) if self.auto_now else AUTO_UPDATE_UNCHANGED

    @staticmethod
    def now() -> Any:
        """The time, by the clock of the store."""
        return EPOCH + dt.timedelta(microseconds=context.now() // 1000)

    def _stored(self, value: Any) -> Any:
        return value


class _PartProperty(DateTimeProperty):
    """A part of a datetime, stored as a whole one."""

    def get_value_for_datastore(self, model_instance: Any) -> Any:
        """See `Property`."""
        value = super().get_value_for_datastore(model_instance)
        return None if value is None else self._stored(value)

    def make_value_from_datastore(self, value: Any) -> Any:
        """See `Property`."""
        return PARTS[self.data_type][1](value) if isinstance(value, dt.datetime) else value

    def _stored(self, value: Any) -> Any:
        return PARTS[self.data_type][0](value)


class DateProperty(_PartProperty):
    """A date, and no datetime; stored as its midnight."""

    data_type = dt.date

    def validate(self, value: Any) -> Any:
        """See `Property.validate`."""
        value = super().validate(value)
        if isinstance(value, dt.datetime):
            raise BadValueError(f"Property {self.name} must be a {self.data_type.__name__}, not a datetime")
        return value

    @staticmethod
    def now() -> Any:
        """The date, by the clock of the store."""
        return DateTimeProperty.now().date()


class TimeProperty(_PartProperty):
    """A time of day; stored as that of the first of January 1970."""

    data_type = dt.time

    def empty(self, value: Any) -> bool:
        """Midnight is a value."""
        return value is None

    @staticmethod
    def now() -> Any:
        """The time of day, by the clock of the store."""
        return DateTimeProperty.now().time()
