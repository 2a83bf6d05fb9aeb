"""Properties of dates and times.  Stored is a naive datetime in UTC, to the microsecond."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, Unpack, overload

from kindstore.mapper import context as contexts
from kindstore.values.errors import BadValueError

from .options import Timed
from .property import Nothing, Property, overrides, shown

T = TypeVar("T")

_EPOCH = dt.datetime(1970, 1, 1)
_EPOCH_DAY = dt.date(1970, 1, 1)


def now() -> dt.datetime:
    """The current time as it is stored: naive, in UTC; by the clock of the store (`Store.now`)."""
    return _EPOCH + dt.timedelta(microseconds=contexts.now() // 1000)


class DateTimeProperty(Property[T]):
    """A point in time: a naive datetime, taken as UTC; with *tzinfo*, an aware one, read back in that zone.

    *auto_now* sets it at every put, *auto_now_add* at a put that finds it unset; both change the entity in
    memory too, and don't go together with *repeated* (ValueError).  Stored ints read as microseconds since 1970.
    """

    _options = ("auto_now", "auto_now_add", "tzinfo")
    _auto_now: bool = False
    _auto_now_add: bool = False
    _tzinfo: dt.tzinfo | None = None
    _reads_zone: ClassVar[bool] = True
    _exact: type[Any] = dt.datetime
    _limit = "{v}.tzinfo is None"
    _converts = True

    if not TYPE_CHECKING:

        def __init__(self, name=None, *, auto_now=None, auto_now_add=None, tzinfo=None, **options):
            super().__init__(name, **options)
            for option, value in (("auto_now", auto_now), ("auto_now_add", auto_now_add)):
                if value and self._repeated:
                    raise ValueError(
                        f"{type(self).__name__} {self._name} could use {option} and be repeated, "
                        "but there would be no point."
                    )
                if value is not None:
                    setattr(self, f"_{option}", value)
            if tzinfo is not None:
                self._tzinfo = tzinfo
                self._exact = Nothing

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: DateTimeProperty[list[dt.datetime]],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            repeated: Literal[True],
            **options: Unpack[Timed[dt.datetime]],
        ) -> None: ...
        @overload
        def __init__(
            self: DateTimeProperty[dt.datetime],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            required: Literal[True],
            default: dt.datetime | None = None,
            **options: Unpack[Timed[dt.datetime]],
        ) -> None: ...
        @overload
        def __init__(
            self: DateTimeProperty[dt.datetime],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            default: dt.datetime,
            required: bool = False,
            **options: Unpack[Timed[dt.datetime]],
        ) -> None: ...
        @overload
        def __init__(
            self: DateTimeProperty[dt.datetime | None],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Timed[dt.datetime]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def __set__(self, entity: Any, value: T) -> None:
        if type(value) is self._exact and value.tzinfo is None:  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
            entity.__dict__[self._code_name] = value
        else:
            self._set_value(entity, value)

    def _plain_type(self) -> type[Any]:
        return Nothing if self._tzinfo is not None else super()._plain_type()

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, dt.datetime):
            raise self._wrong("datetime", value)
        if value.tzinfo is not None and self._tzinfo is None:
            raise BadValueError(
                f"DatetimeProperty without tzinfo {self._name} can only support naive datetimes (presumed UTC). "
                "Please set tzinfo to support alternate timezones.",
                path=self._path(),
            )
        if value.tzinfo is None and self._tzinfo is not None and self._reads_zone:
            return value.replace(tzinfo=dt.UTC).astimezone(self._tzinfo)
        return None

    def _to_base_type(self, value: Any) -> Any:
        return None if value.tzinfo is None else value.astimezone(dt.UTC)

    def _to_stored(self, value: Any) -> Any:
        stored = super()._to_stored(value)
        if isinstance(stored, dt.datetime) and stored.tzinfo is not None:
            return stored.astimezone(dt.UTC).replace(tzinfo=None)
        return stored

    def _from_base_type(self, value: Any) -> Any:
        stored = value
        if isinstance(value, int):
            value = _EPOCH + dt.timedelta(microseconds=value)
        if isinstance(value, dt.datetime):
            if self._tzinfo is not None and self._reads_zone:
                return value.replace(tzinfo=value.tzinfo or dt.UTC).astimezone(self._tzinfo)
            if value.tzinfo is not None:
                return value.astimezone(dt.UTC).replace(tzinfo=None)
        return None if value is stored else value

    def _now(self) -> Any:
        return now() if self._tzinfo is None else now().replace(tzinfo=dt.UTC).astimezone(self._tzinfo)

    def _needs_preparation(self) -> bool:
        return self._auto_now or self._auto_now_add or overrides(self, DateTimeProperty, "_prepare_for_put")

    def _prepare_for_put(self, entity: Any) -> None:
        if self._auto_now or (self._auto_now_add and self._get_value(entity) is None):
            entity.__dict__[self._code_name] = self._now()


class DateProperty(DateTimeProperty[T]):
    """A date; a datetime is accepted for its date.  Stored as its midnight; *tzinfo* says whose today it is."""

    _exact: type[Any] = Nothing
    _reads_zone = False
    _converts = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: DateProperty[list[dt.date]],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            repeated: Literal[True],
            **options: Unpack[Timed[dt.date]],
        ) -> None: ...
        @overload
        def __init__(
            self: DateProperty[dt.date],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            required: Literal[True],
            default: dt.date | None = None,
            **options: Unpack[Timed[dt.date]],
        ) -> None: ...
        @overload
        def __init__(
            self: DateProperty[dt.date],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            default: dt.date,
            required: bool = False,
            **options: Unpack[Timed[dt.date]],
        ) -> None: ...
        @overload
        def __init__(
            self: DateProperty[dt.date | None],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Timed[dt.date]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, dt.date):
            raise self._wrong("date", value)

    def _to_base_type(self, value: Any) -> Any:
        if not isinstance(value, dt.date):
            raise TypeError(f"Cannot convert to datetime expected date value; received {shown(value)}")
        return dt.datetime(value.year, value.month, value.day)

    def _from_base_type(self, value: Any) -> Any:
        return value.date() if isinstance(value, dt.datetime) else None

    def _now(self) -> dt.date:
        return super()._now().date()  # type: ignore[no-any-return]


class TimeProperty(DateTimeProperty[T]):
    """A naive time of day.  Stored on 1970-01-01; *tzinfo* says whose now it is."""

    _exact: type[Any] = Nothing
    _reads_zone = False
    _converts = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: TimeProperty[list[dt.time]],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            repeated: Literal[True],
            **options: Unpack[Timed[dt.time]],
        ) -> None: ...
        @overload
        def __init__(
            self: TimeProperty[dt.time],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            required: Literal[True],
            default: dt.time | None = None,
            **options: Unpack[Timed[dt.time]],
        ) -> None: ...
        @overload
        def __init__(
            self: TimeProperty[dt.time],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            default: dt.time,
            required: bool = False,
            **options: Unpack[Timed[dt.time]],
        ) -> None: ...
        @overload
        def __init__(
            self: TimeProperty[dt.time | None],
            name: str | None = None,
            *,
            tzinfo: dt.tzinfo | None = None,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Timed[dt.time]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, dt.time) or value.tzinfo is not None:
            raise self._wrong("time", value)

    def _to_base_type(self, value: Any) -> Any:
        if not isinstance(value, dt.time):
            raise TypeError(f"Cannot convert to datetime expected time value; received {shown(value)}")
        return dt.datetime.combine(_EPOCH_DAY, value)

    def _from_base_type(self, value: Any) -> Any:
        return value.time() if isinstance(value, dt.datetime) else None

    def _now(self) -> dt.time:
        return super()._now().time()  # type: ignore[no-any-return]
