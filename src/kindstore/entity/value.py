"""`EntityValue`: marks an attribute of a class as a property, with its default."""

from __future__ import annotations

import copy
import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class EntityValue(Generic[T]):
    """A property, whose default is *value*, or what that gives when it is called: ``EntityValue(datetime.now)``.

    An attribute that nobody has set is such a mark, and stands for its default: it is equal to it, true or false as it is, and
    shown like it.  What was set, saved or read is a plain value.
    """

    if TYPE_CHECKING:
        # What programs see: `__init__` of the class has put a plain value, or a mark, into the instance.
        @overload
        def __init__(self: EntityValue[Any], value: None = None) -> None: ...
        @overload
        def __init__(self, value: Callable[[], T]) -> None: ...
        @overload
        def __init__(self, value: T) -> None: ...
        def __init__(self, value: Any = None) -> None: ...
        @overload
        def __get__(self, instance: None, owner: type[Any]) -> Self: ...
        @overload
        def __get__(self, instance: object, owner: type[Any]) -> T: ...
        def __get__(self, instance: object | None, owner: type[Any]) -> Any: ...
        def __set__(self, instance: object, value: T | EntityValue[T]) -> None: ...

        value: T
    else:

        def __init__(self, value=None):
            self.value = value

    def fresh(self) -> EntityValue[T]:
        """The same for a new instance: its own copy of the default, or what calling that gives."""
        value: Any = self.value
        fresh: EntityValue[Any] = EntityValue(value() if callable(value) else copy.deepcopy(value))
        return fresh

    def __eq__(self, other: object) -> bool:
        mine: Any = self.value
        theirs: Any = other
        return bool(mine == (theirs.value if isinstance(other, MARK) else theirs))

    def __hash__(self) -> int:
        return hash(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __str__(self) -> str:
        # A form shows nothing for None.
        return "" if self.value is None else str(self.value)

    def __html__(self) -> str:
        return html.escape(str(self))

    def __repr__(self) -> str:
        return f"EntityValue({self.value!r})"


MARK: type[Any] = EntityValue
"""The same class, for ``isinstance`` of what may be anything."""
