"""Properties of one plain value: bool, int, float, a point on the earth."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from kindstore.values.limits import INT_MAX, INT_MIN
from kindstore.values.types import GeoPt

from .options import Options
from .property import Property

T = TypeVar("T")


class BooleanProperty(Property[T]):
    """A bool.  Anything else is refused; a stored int reads as a bool."""

    _exact = bool
    _list_limit = ""
    _exact_item = bool
    _converts = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: BooleanProperty[list[bool]],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Options[bool]],
        ) -> None: ...
        @overload
        def __init__(
            self: BooleanProperty[bool],
            name: str | None = None,
            *,
            required: Literal[True],
            default: bool | None = None,
            **options: Unpack[Options[bool]],
        ) -> None: ...
        @overload
        def __init__(
            self: BooleanProperty[bool],
            name: str | None = None,
            *,
            default: bool,
            required: bool = False,
            **options: Unpack[Options[bool]],
        ) -> None: ...
        @overload
        def __init__(
            self: BooleanProperty[bool | None],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[bool]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, bool):
            raise self._wrong("bool", value)
        return value

    def _from_base_type(self, value: Any) -> Any:
        return bool(value) if type(value) is int else None


class IntegerProperty(Property[T]):
    """An int of 64 bits (`BadValueError` beyond).  A bool becomes 0 or 1; a float is refused, 1.0 too."""

    _exact = int
    _limit = f"{INT_MIN} <= {{v}} <= {INT_MAX}"
    _list_limit = f"{INT_MIN} <= {{min}}({{v}}) and {{max}}({{v}}) <= {INT_MAX}"
    _converts = False

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: IntegerProperty[list[int]],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Options[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: IntegerProperty[int],
            name: str | None = None,
            *,
            required: Literal[True],
            default: int | None = None,
            **options: Unpack[Options[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: IntegerProperty[int],
            name: str | None = None,
            *,
            default: int,
            required: bool = False,
            **options: Unpack[Options[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: IntegerProperty[int | None],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[int]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def __set__(self, entity: Any, value: T) -> None:
        # Comparing with small ints is cheap; larger ones get the whole check.
        if type(value) is self._exact and -1_000_000_000 < value < 1_000_000_000:  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
            entity.__dict__[self._code_name] = value
        else:
            self._set_value(entity, value)

    def _operand(self, value: Any) -> Any:
        if type(value) is self._exact and -1_000_000_000 < value < 1_000_000_000:
            return value
        return super()._operand(value)

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, int):
            raise self._wrong("integer", value)
        if not INT_MIN <= value <= INT_MAX:
            raise self._wrong("integer of 64 bits", value)
        return int(value)


class FloatProperty(Property[T]):
    """A double.  An int or bool becomes one."""

    _exact = float
    _list_limit = ""
    _exact_item = float
    _converts = False

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: FloatProperty[list[float]],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Options[float]],
        ) -> None: ...
        @overload
        def __init__(
            self: FloatProperty[float],
            name: str | None = None,
            *,
            required: Literal[True],
            default: float | None = None,
            **options: Unpack[Options[float]],
        ) -> None: ...
        @overload
        def __init__(
            self: FloatProperty[float],
            name: str | None = None,
            *,
            default: float,
            required: bool = False,
            **options: Unpack[Options[float]],
        ) -> None: ...
        @overload
        def __init__(
            self: FloatProperty[float | None],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[float]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, float | int):
            raise self._wrong("float", value)
        try:
            return float(value)
        except OverflowError:
            raise self._wrong("float", value) from None


class GeoPtProperty(Property[T]):
    """A `GeoPt`."""

    _exact = GeoPt
    _exact_item = GeoPt
    _converts = False

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: GeoPtProperty[list[GeoPt]],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Options[GeoPt]],
        ) -> None: ...
        @overload
        def __init__(
            self: GeoPtProperty[GeoPt],
            name: str | None = None,
            *,
            required: Literal[True],
            default: GeoPt | None = None,
            **options: Unpack[Options[GeoPt]],
        ) -> None: ...
        @overload
        def __init__(
            self: GeoPtProperty[GeoPt],
            name: str | None = None,
            *,
            default: GeoPt,
            required: bool = False,
            **options: Unpack[Options[GeoPt]],
        ) -> None: ...
        @overload
        def __init__(
            self: GeoPtProperty[GeoPt | None],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[GeoPt]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, GeoPt):
            raise self._wrong("GeoPt", value)
