"""Properties that refer: to other entities (`KeyProperty`), to the entity itself (`ModelKey`), to users."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, Unpack, cast, overload

from kindstore.values.entity import Entity
from kindstore.values.errors import BadValueError
from kindstore.values.key import Key, Partition, kind_of
from kindstore.values.types import User

from .errors import KindError
from .filters import FilterNode
from .options import Options
from .property import Property

T = TypeVar("T")
K = TypeVar("K", bound=Key)

PARTITION = "_partition_of_key"
"""Where an instance that was loaded with others holds the partition of its key, whose path it holds as bytes under ``_key``
until the key is first asked for."""

MEANING_USER = 20
"""App Engine's mark of a user, which the Datastore holds as an embedded entity."""


def key_of_class(key: Key, cls: type[K]) -> K:
    """*key* as an instance of *cls*, a face's own key class; the same object if it is one."""
    if isinstance(key, cls):
        return key
    # Not by the constructor, which a face gives its own form; the parts are immutable, so they may be shared.
    made = object.__new__(cls)
    made._partition, made._packed, made._flat = key._partition, key._packed, key._flat
    return made


def kind_name(kind: Any) -> str:
    """The kind that a str or a model class names; TypeError for anything else."""
    if isinstance(kind, str):
        return kind
    get_kind = getattr(kind, "_get_kind", None)
    if isinstance(kind, type) and get_kind is not None:
        return cast("str", get_kind())
    raise TypeError("Kind must be a Model class or a string")


class KeyProperty(Property[T]):
    """The complete key of an entity, of the kind *kind* (a str or model class) if given.

    Takes name and model class by position, in either order.  Another kind or an incomplete key: `BadValueError`.
    """

    _options = ("kind",)
    _kind: str | None = None
    _converts = True
    _key_class: ClassVar[type[Key]] = Key
    """What users get, and what they must give; a face's own subclass."""

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: KeyProperty[list[Key]],
            name: str | type[Any] | None = None,
            other: str | type[Any] | None = None,
            *,
            kind: str | type[Any] | None = None,
            repeated: Literal[True],
            **options: Unpack[Options[Key]],
        ) -> None: ...
        @overload
        def __init__(
            self: KeyProperty[Key],
            name: str | type[Any] | None = None,
            other: str | type[Any] | None = None,
            *,
            kind: str | type[Any] | None = None,
            required: Literal[True],
            default: Key | None = None,
            **options: Unpack[Options[Key]],
        ) -> None: ...
        @overload
        def __init__(
            self: KeyProperty[Key],
            name: str | type[Any] | None = None,
            other: str | type[Any] | None = None,
            *,
            kind: str | type[Any] | None = None,
            default: Key,
            required: bool = False,
            **options: Unpack[Options[Key]],
        ) -> None: ...
        @overload
        def __init__(
            self: KeyProperty[Key | None],
            name: str | type[Any] | None = None,
            other: str | type[Any] | None = None,
            *,
            kind: str | type[Any] | None = None,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[Key]],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    else:

        def __init__(self, *args, name=None, kind=None, **options):
            if len(args) > 2:
                raise TypeError("KeyProperty takes at most a name and a kind by position")
            for value in args:
                if isinstance(value, str):
                    if name is not None:
                        raise TypeError("You can only specify name once")
                    name = value
                elif isinstance(value, type):
                    if kind is not None:
                        raise TypeError("You can only specify kind once")
                    kind = value
                elif value is not None:
                    raise TypeError(f"Unexpected positional argument: {value!r}")
            super().__init__(name, **options)
            if kind is not None:
                self._kind = kind_name(kind)

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, Key):
            raise self._wrong("Key", value)
        if not value.is_complete:
            raise self._wrong("complete Key", value)
        if self._kind is not None and kind_of(value) != self._kind:
            raise self._wrong(f"Key with kind={self._kind!r}", value)

    def _from_base_type(self, value: Any) -> Any:
        return key_of_class(value, self._key_class) if isinstance(value, Key) else None


def validate_key(value: Any, entity: Any = None) -> Any:
    """*value*, if it may be the key of *entity*.

    `BadValueError` for what is no `Key`, `KindError` for one of another kind than the model's; a plain `Model` or Expando
    takes any.
    """
    if not isinstance(value, Key):
        raise BadValueError(f"Expected Key, got {value!r}")
    if entity is not None and entity._has_kind:
        kind: str = entity._get_kind()
        if kind_of(value) != kind:
            raise KindError(f"Expected Key kind to be {kind}; received {kind_of(value)}")
    return value


def is_at(entity: Any, partition: Partition, packed: bytes) -> bool:
    """Whether the key of *entity* is the one of these parts; without making it."""
    fields = entity.__dict__
    key = fields["_key"]
    if type(key) is bytes:
        return key == packed and fields[PARTITION] is partition
    return key is not None and key._partition is partition and (key._packed or key.path_bytes) == packed


class ModelKey(Property[Any]):
    """`Model._key`: the entity's own key, or None.  Compared on the class it filters on ``__key__``.

    Reading makes the key, if it was not made yet (`PARTITION`).
    Setting checks: a `Key` (`BadValueError`), of the model's kind (`KindError`), by ``Model._validate_key``.
    """

    _name = "__key__"
    _code_name = "_key"
    _lazy = False

    def __init__(self) -> None:
        super().__init__()
        self._name = "__key__"

    if not TYPE_CHECKING:

        def __get__(self, entity, owner=None):
            if entity is None:
                return self
            fields = entity.__dict__
            key = fields.get("_key")
            if type(key) is bytes:
                key = fields["_key"] = entity._key_class.packed_in(fields[PARTITION], key)
            return key

    def __set__(self, entity: Any, value: Any) -> None:
        if value is not None:
            value = entity._validate_key(validate_key(value, entity))
        entity.__dict__["_key"] = value

    def __delete__(self, entity: Any) -> None:
        entity.__dict__["_key"] = None

    def _get_value(self, entity: Any) -> Any:
        return self.__get__(entity)

    _set_value = __set__

    def _validate(self, value: Any) -> Any:
        return validate_key(value)

    def _comparison(self, op: str, value: Any) -> FilterNode:
        if value is None:
            raise BadValueError("__key__ filter query can't be compared to None")
        return super()._comparison(op, value)

    def _operand(self, value: Any) -> Any:
        if value is None:
            raise BadValueError("__key__ filter query can't be compared to None")
        return super()._operand(value)


class PublicModelKey(ModelKey):
    """`Model.key`: the same, under the name that a property of the model may take."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, entity: None, owner: type[Any]) -> Self: ...
        @overload
        def __get__(self, entity: object, owner: type[Any] | None = None) -> Any: ...
        def __get__(self, entity: object | None, owner: type[Any] | None = None) -> Any: ...


class UserProperty(Property[T]):
    """An App Engine `User`, for old data: stored as an embedded entity with meaning 20.

    *auto_current_user* and *auto_current_user_add* are refused (NotImplementedError): there is no current user.
    Takes objects of other classes named User that have its methods, and keeps a `User` like them.
    """

    _meaning = MEANING_USER
    _converts = True

    if not TYPE_CHECKING:

        def __init__(self, name=None, *, auto_current_user=None, auto_current_user_add=None, **options):
            if auto_current_user or auto_current_user_add:
                raise NotImplementedError("there is no current user outside App Engine")
            super().__init__(name, **options)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: UserProperty[list[User]],
            name: str | None = None,
            *,
            repeated: Literal[True],
            **options: Unpack[Options[User]],
        ) -> None: ...
        @overload
        def __init__(
            self: UserProperty[User],
            name: str | None = None,
            *,
            required: Literal[True],
            default: User | None = None,
            **options: Unpack[Options[User]],
        ) -> None: ...
        @overload
        def __init__(
            self: UserProperty[User],
            name: str | None = None,
            *,
            default: User,
            required: bool = False,
            **options: Unpack[Options[User]],
        ) -> None: ...
        @overload
        def __init__(
            self: UserProperty[User | None],
            name: str | None = None,
            *,
            default: None = None,
            required: Literal[False] = False,
            repeated: Literal[False] = False,
            **options: Unpack[Options[User]],
        ) -> None: ...
        def __init__(self, name: str | None = None, **options: Any) -> None: ...

    def _validate(self, value: Any) -> Any:
        if not isinstance(value, User):
            if type(value).__name__ != "User":
                raise self._wrong("User", value)
            # App Engine's own, or a stand-in.
            return User(value.email(), value.auth_domain(), value.user_id())
        return None

    def _to_base_type(self, value: Any) -> Any:
        parts = {"email": value.email(), "auth_domain": value.auth_domain()}
        if value.user_id():
            parts["user_id"] = value.user_id()
        return Entity.of(None, parts, unindexed=parts)

    def _from_base_type(self, value: Any) -> Any:
        if isinstance(value, Entity):
            return User.of(value.get("email"), value.get("auth_domain"), value.get("user_id"))
        return None
