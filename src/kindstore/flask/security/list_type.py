"""The column type of SQLAlchemy that `AsaList()` stands for."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from sqlalchemy import Dialect, UnicodeText
from sqlalchemy.types import TypeDecorator


class _Readable(Protocol):
    @classmethod
    def deserialize(cls, text: str | None) -> Any: ...


class ListType(TypeDecorator[Any]):
    """A list of texts in a column of text, read as a *list_class* and written by *serialized*."""

    impl = UnicodeText
    cache_ok = True

    def __init__(self, list_class: type[_Readable], serialized: Callable[[Iterable[str]], str]) -> None:
        super().__init__()
        self.list_class = list_class
        self.serialized = serialized

    def process_bind_param(
        self,
        value: Iterable[str] | str | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> str | None:
        """A list becomes a text; a text and None stay."""
        if value is None or isinstance(value, str):
            return value
        return self.serialized(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """What was stored as a list is one; nothing stored is an empty list."""
        return self.list_class.deserialize(value)
