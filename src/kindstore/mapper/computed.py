"""`ComputedProperty`: a value that a function of the entity gives, stored so that queries can use it."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .errors import ComputedPropertyError
from .generic import GenericProperty

T = TypeVar("T")


class ComputedProperty(GenericProperty[T]):
    """What *func* returns for the entity: at every access, and at a put.  Also a decorator.  Read-only.

    The stored value is read in projections of it only; in others it is computed, from what is projected.  Setting or deleting it raises `ComputedPropertyError`.
    """

    _options = ("func",)

    _func: Callable[[Any], Any]
    _is_computed = True

    if TYPE_CHECKING:

        def __init__(
            self,
            func: Callable[[Any], T],
            name: str | None = None,
            *,
            indexed: bool | None = None,
            repeated: bool | None = None,
            verbose_name: str | None = None,
            unique: bool | None = None,
        ) -> None: ...

    else:

        def __init__(self, func, name=None, *, indexed=None, repeated=None, verbose_name=None, unique=None):
            super().__init__(
                name, indexed=indexed, repeated=repeated, verbose_name=verbose_name, unique=unique
            )
            self._func = func

    def __set__(self, entity: Any, value: Any) -> NoReturn:
        raise ComputedPropertyError("Cannot assign to a ComputedProperty", path=self._path())

    def __delete__(self, entity: Any) -> NoReturn:
        raise ComputedPropertyError("Cannot delete a ComputedProperty", path=self._path())

    def _set_value(self, entity: Any, value: Any) -> NoReturn:  # noqa: ARG002
        raise ComputedPropertyError("Cannot assign to a ComputedProperty", path=self._path())

    def _get_value(self, entity: Any) -> Any:
        if self._name in entity._projection:
            return super()._get_value(entity)
        return self._func(entity)

    def _held(self, entity: Any) -> Any:
        return self._func(entity)
