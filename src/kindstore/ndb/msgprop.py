"""`ndb.msgprop`: the names are here, but ProtoRPC is no more; making such a property raises NotImplementedError."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["EnumProperty", "MessageProperty"]


def __dir__() -> list[str]:
    return __all__


class EnumProperty:
    """A property of ProtoRPC's enumerations: not supported."""

    def __new__(cls, *args: Any, **options: Any) -> NoReturn:
        """NotImplementedError."""
        raise NotImplementedError(
            "EnumProperty is not supported: store the number in an IntegerProperty, or the name in a StringProperty"
        )


class MessageProperty:
    """A property of ProtoRPC's messages: not supported."""

    def __new__(cls, *args: Any, **options: Any) -> NoReturn:
        """NotImplementedError."""
        raise NotImplementedError(
            "MessageProperty is not supported: use a StructuredProperty, or a BlobProperty of the serialized message"
        )
