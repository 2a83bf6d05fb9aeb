"""Property: a typed attribute of a model that is stored, and the chain of hooks by which it checks and converts.

A property is a descriptor that defines ``__set__`` and ``__delete__`` but not ``__get__``: the checked value goes
into the instance's ``__dict__`` under the code name, so reading it costs no Python call, and ``Author.age`` on the
class is the property itself, whose comparisons are filters.  Properties whose stored value needs work on reading
(JSON, pickles, compressed blobs, computed ones, and subclasses that define ``_from_base_type`` or ``_get_value``)
have a ``__get__`` as well; they decode at the first access and keep the result.

Names start with an underscore, as in NDB, because the public ones belong to sub-properties (`StructuredProperty`).
The laws are those of spec/ndb.md 2.1.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeGuard, TypeVar, cast, overload

from kindstore.values.errors import BadArgumentError, BadValueError, Error

from .errors import BadFilterError, UnprojectedPropertyError
from .filters import FilterNode, Node, ParameterizedThing, ParameterNode, PropertyOrder, comparison
from .row import Row

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]

_HOOKS = frozenset(
    {"__set__", "_validate", "_to_base_type", "_from_base_type"}
    | {"_do_validate", "_set_value", "_to_stored", "_from_stored"}
)
"""What makes a subclass check or convert values of its own, so that none may skip it."""
_LISTS = (list, tuple, set, frozenset)
_NOBODY: frozenset[str] = frozenset()


class Nothing:
    """A type without values: what `Property._exact` is when no type may skip the checks."""


class Undecoded:
    """A value as it was stored, in an instance's ``__dict__`` until somebody reads it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        # The oldest protocols, 0 and 1, know no slots.
        return Undecoded, (self.value,)


def as_text(value: bytes) -> str | bytes:
    """The text that *value* is the UTF-8 of; *value* itself where it is none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


class Readable:
    """The reading half of a descriptor, for the properties that need it (see the module)."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __get__(self, entity, owner=None):
            if entity is None:
                return self
            return self._get_value(entity)


class ModelAttribute:
    """An attribute of a model class that learns its name when the class is made."""

    def _fix_up(self, cls: type[Any], code_name: str) -> None:
        """Called with the class and the name of the attribute."""


class Property(ModelAttribute, Generic[T]):
    """A typed, stored attribute of a model.  *T* is what reading it gives.

    *name* is the stored name (default: the attribute's; without dots).  For the options see `options.Options`.
    *required* is checked at put; *default* is what an unset or deleted value reads as; neither goes together with
    *repeated* (ValueError).  A value is checked when it is set: *validator*, then ``_validate``, then *choices*;
    None always passes.  Raises `BadValueError` for a value outside the type, with ``path="Author.age"``.
    """

    _name: str = cast("str", None)
    _code_name: str = cast("str", None)
    _owner: str = ""
    _indexed: bool = True
    _repeated: bool = False
    _required: bool = False
    _default: Any = None
    _choices: frozenset[Any] | None = None
    _validator: Callable[[Any, Any], Any] | None = None
    _verbose_name: str | None = None
    _write_empty_list: bool = True
    _meaning: int | None = None
    _unique: bool = False

    _options: ClassVar[tuple[str, ...]] = ()
    """Options that a subclass adds, for ``repr``."""
    _exact: type[Any] = Nothing
    """Values of exactly this type need no check when set, nor conversion when written or read."""
    _items: type[Any] = Nothing
    """Lists of values of exactly this type, within `_list_limit`, need no check either."""
    _limit: ClassVar[str] = ""
    """What else `_exact` needs, as an expression in which ``{v}`` is the value and ``{len}`` is `len`; for generated code."""
    _list_limit: ClassVar[str | None] = None
    """What a list of values of `_exact` needs to be taken as it is, as `_limit` (``{max}``, ``{min}``, ``{map}`` too);
    "" if nothing, None if its items are to be looked at one by one."""
    _lazy: ClassVar[bool] = False
    """Stored values are kept as `Undecoded` until they are read."""
    _converts: ClassVar[bool] = True
    """False if a loaded value is the user's value, whatever it is."""
    _is_computed: ClassVar[bool] = False
    """There is a value without a stored one: instances of every projection have it."""
    _shallow: ClassVar[tuple[Hook, ...]] = ()
    _encoders: ClassVar[tuple[Hook, ...]] = ()
    _decoders: ClassVar[tuple[Hook, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        spaces = [vars(base) for base in cls.__mro__]
        shallow: list[Hook] = []
        for space in spaces:
            if "_validate" in space:
                shallow.append(space["_validate"])
            if "_to_base_type" in space:
                break
        cls._shallow = tuple(shallow)
        cls._encoders = tuple(
            space[name] for space in spaces for name in ("_validate", "_to_base_type") if name in space
        )
        cls._decoders = tuple(
            space["_from_base_type"] for space in reversed(spaces) if "_from_base_type" in space
        )
        own = spaces[0]
        if "__init__" in own and "_options" not in own:
            cls._options = (*cls._options, *_own_options(own["__init__"]))
        if not own.keys().isdisjoint(_HOOKS) and "_exact" not in own:
            cls._exact = Nothing
            if "_exact_item" not in own:
                cls._exact_item = Nothing
        if (
            "_lazy" not in own
            and ("_from_base_type" in own or "_get_value" in own)
            and "_converts" not in own
        ):
            cls._lazy = True
        if "_from_base_type" in own:
            cls._converts = True
        if cls._lazy and not hasattr(cls, "__get__"):
            type.__setattr__(cls, "__get__", vars(Readable)["__get__"])
        elif "__get__" in own and Readable not in cls.__mro__:
            # So that the subclass can call super().__get__(), as NDB's documentation has it.
            reading: Any = cls
            reading.__bases__ = (*reading.__bases__, Readable)

    def __init__(
        self,
        name: str | None = None,
        *,
        indexed: bool | None = None,
        repeated: bool | None = None,
        required: bool | None = None,
        default: Any = None,
        choices: Collection[Any] | None = None,
        validator: Callable[[Any, Any], Any] | None = None,
        verbose_name: str | None = None,
        write_empty_list: bool | None = None,
        unique: bool | None = None,
    ) -> None:
        if name is not None:
            self._name = _checked_name(name)
        if indexed is not None:
            self._indexed = indexed
        if repeated:
            if required or default is not None:
                raise ValueError("repeated is incompatible with required or default")
            self._repeated = True
        if required is not None:
            self._required = required
        if default is not None:
            self._default = default
        if choices is not None:
            if not isinstance(choices, _LISTS):
                raise TypeError(f"choices must be a list, tuple or set; received {choices!r}")
            self._choices = frozenset(choices)
        if validator is not None:
            if not callable(validator):
                raise TypeError(f"validator must be callable or None; received {validator!r}")
            self._validator = validator
        if verbose_name is not None:
            self._verbose_name = verbose_name
        if write_empty_list is not None:
            self._write_empty_list = write_empty_list
        if unique is not None:
            self._unique = unique
        free = self._choices is None and self._validator is None
        if self._repeated and free and self._list_limit is not None:
            self._items = self._exact
        if self._repeated or not free:
            self._exact = Nothing

    # --- as a descriptor

    if TYPE_CHECKING:

        @overload
        def __get__(self, entity: None, owner: type[Any]) -> Self: ...
        @overload
        def __get__(self, entity: object, owner: type[Any] | None = None) -> T: ...
        def __get__(self, entity: object | None, owner: type[Any] | None = None) -> Any: ...

    def __set__(self, entity: Any, value: T) -> None:
        if type(value) is self._exact:
            entity.__dict__[self._code_name] = value
        else:
            self._set_value(entity, value)

    def __delete__(self, entity: Any) -> None:
        entity.__dict__[self._code_name] = self._unset()
        if self._code_name in entity._nones:
            entity.__dict__["_nones"] = entity._nones - {self._code_name}

    def _fix_up(self, cls: type[Any], code_name: str) -> None:
        """Learn the attribute's name; TypeError if this object stands under another name already."""
        known = cast("str | None", self._code_name)
        if known is not None and known != code_name:
            raise TypeError(
                f"{cls.__name__}.{code_name} is the same Property object as {known!r}: make one for each"
            )
        self._code_name = code_name
        # In the instance, where `__set__` finds it faster than in the class.
        self._exact = self._exact
        self._owner = self._owner or getattr(cls, "__name__", "")  # NDB does not look at the class
        if cast("str | None", self._name) is None:
            self._name = code_name

    def _unset(self) -> Any:
        """What a value that was never set, or was deleted, reads as."""
        return [] if self._repeated else self._default

    def _set_value(self, entity: Any, value: Any) -> None:
        """Check *value* and set it; `BadValueError` if it fails."""
        fields: dict[str, Any] = entity.__dict__
        checked = fields[self._code_name] = self._checked(value)
        if checked is None:
            fields["_nones"] = fields.get("_nones", _NOBODY) | {self._code_name}

    def _get_value(self, entity: Any) -> Any:
        """The value that a user reads; `UnprojectedPropertyError` if *entity* is of a projection without it."""
        fields: dict[str, Any] = entity.__dict__
        if "_projection" in fields:
            self._require_projected(entity)
        value = fields.get(self._code_name)
        if type(value) is Undecoded:
            value = fields[self._code_name] = self._decoded(value.value)
        return value

    def _list_test(self, value: str, names: dict[str, Any], prefix: str = "") -> str | None:
        """An expression for generated code: whether *value* is a list that may be taken as it is.  None: never.

        Adds to *names*, the function's globals, what it uses; *prefix* is put before the names of built-ins.
        """
        if self._items is Nothing or self._list_limit is None:
            return None
        only = f"{prefix}only{len(names)}"
        names[only] = frozenset({self._items}).issuperset
        builtins = {name: prefix + name for name in ("len", "map", "max", "min", "type", "list")}
        names.update(zip(builtins.values(), (len, map, max, min, type, list), strict=True))
        test = f"{builtins['type']}({value}) is {builtins['list']} and {only}({builtins['map']}({builtins['type']}, {value}))"
        limit = self._list_limit.format(v=value, **builtins)
        return f"{test} and (not {value} or {limit})" if limit else test

    def _plain_type(self) -> type[Any]:
        """Loaded values of this type are the user's values."""
        return type(self)._exact

    def _get_for_dict(self, entity: Any) -> Any:
        """The value for ``Model.to_dict``."""
        self._require_projected(entity)
        return self._get_value(entity)

    def _require_projected(self, entity: Any) -> None:
        if entity._projection and not self._is_projected(entity):
            raise UnprojectedPropertyError(f"Property {self._name} is not in the projection")

    def _is_projected(self, entity: Any) -> bool:
        """Whether *entity*, which is of a projection, has a value of this property."""
        return self._name in entity._projection

    def _shown_value(self, entity: Any) -> str | None:
        """The value for ``repr``, None for what was never set."""
        known = not entity._projection or self._is_projected(entity)
        value = self._get_value(entity) if known else entity.__dict__.get(self._code_name)
        unset = self._unset()
        # A default is shown; not that of what the entity of a projection may have another value of.
        never_set = value == unset if not known or self._repeated else value is None and unset is None
        if never_set and self._code_name not in entity._nones:
            return None
        return self._value_to_repr(value)

    def _value_to_repr(self, value: Any) -> str:
        return repr(value)

    def _is_initialized(self, entity: Any) -> bool:
        return not self._required or self._get_value(entity) is not None

    def _prepare_for_put(self, entity: Any) -> None:
        """Called before *entity* is written; for subclasses."""

    def _needs_preparation(self) -> bool:
        """Whether `_prepare_for_put` has something to do."""
        return overrides(self, Property, "_prepare_for_put")

    # --- checking

    def _wrong(self, expected: str, value: Any) -> BadValueError:
        return BadValueError(
            f"In field {self._name}, expected {expected}, got {shown(value)}", path=self._path()
        )

    def _path(self) -> str:
        return f"{self._owner}.{self._code_name or self._name}" if self._owner else str(self._name)

    def _checked(self, value: Any) -> Any:
        """*value* (a list, if repeated) after the checks of assignment."""
        if self._repeated:
            if not is_listed(value):
                raise self._wrong("list or tuple", value)
            return [self._do_validate(item) for item in value]
        return None if value is None else self._do_validate(value)

    def _do_validate(self, value: Any) -> Any:
        """One value after validator, shallow ``_validate`` hooks and choices."""
        if self._validator is not None:
            replaced = self._validator(self, value)
            if replaced is not None:
                value = replaced
        for hook in self._shallow:
            replaced = hook(self, value)
            if replaced is not None:
                value = replaced
        if self._choices is not None and value not in self._choices:
            raise BadValueError(
                f"Value {shown(value)} for property {self._name} is not an allowed choice", path=self._path()
            )
        return value

    # --- converting

    def _to_stored(self, value: Any) -> Any:
        """The datastore value of one user value that is not None: every hook of the chain, in MRO order."""
        for hook in self._encoders:
            replaced = hook(self, value)
            if replaced is not None:
                value = replaced
        return value

    def _from_stored(self, value: Any) -> Any:
        """The user value of one datastore value that is not None: ``_from_base_type`` in reverse MRO order."""
        for hook in self._decoders:
            replaced = hook(self, value)
            if replaced is not None:
                value = replaced
        return value

    def _from_index(self, value: Any) -> Any:
        """The user value of one value of an index, not None: text is bytes there, a time microseconds."""
        return self._from_stored(as_text(value) if type(value) is bytes else value)

    def _decoded(self, value: Any) -> Any:
        """The user value of what a column holds."""
        if self._repeated:
            plain = self._plain_type()
            return [
                item if item is None or type(item) is plain else self._from_stored(item)
                for item in as_list(value)
            ]
        return None if value is None else self._from_stored(value)

    def _encoded(self, value: Any) -> Any:
        """What a column holds for *value*: the law of a put.  `BadValueError` with the path of what is wrong."""
        if type(value) is Undecoded:
            return self._unread(value.value)
        if not self._repeated:
            return None if value is None else self._attempt(value, "")
        if value is None:
            return []
        if not is_listed(value):
            raise self._wrong("list or tuple", value)
        exact = self._exact_item
        return [
            item if type(item) is exact else self._attempt(item, f"[{at}]") for at, item in enumerate(value)
        ]

    _exact_item: ClassVar[type[Any]] = Nothing
    """Items of a list that need no further check at put."""

    def _unread(self, value: Any) -> Any:
        """What to write for a stored value that nobody read."""
        return value

    def _attempt(self, value: Any, at: str) -> Any:
        try:
            return self._to_stored(value)
        except Error as error:
            if not error.facts.get("path"):
                error.facts["path"] = self._path()
            error.facts["path"] += at
            raise

    def _loader(self, meaning: int | None) -> Callable[[Any], Any] | None:  # noqa: ARG002
        """What makes, of a column's value that is not None, what goes into ``__dict__``; None: nothing to do.

        *meaning* is the column's, None if it has none.
        """
        if self._lazy:
            return Undecoded
        return self._decoded if self._converts or self._repeated else None

    _prefixed: ClassVar[bool] = False
    """Takes columns of which its name is a prefix ("address.city"), through ``_group_loader``."""

    def _held(self, entity: Any) -> Any:
        """What the instance holds, decoded or not."""
        return entity.__dict__[self._code_name]

    def _store(self, entity: Any, row: Row, legacy_data: bool) -> None:  # noqa: ARG002
        """Add this property's columns to *row*; `BadValueError` if the value can't be stored."""
        value = self._encoded(self._held(entity))
        if self._repeated and not value and not self._write_empty_list:
            return
        row.add(self._name, value, self._indexed, self._meaning)

    # --- comparisons are filters

    def _comparison(self, op: str, value: Any) -> FilterNode:
        if not self._indexed:
            raise BadFilterError(
                f"Cannot query for unindexed property {self._name}",
                path=self._path(),
                hint="Declare it with indexed=True, or as a StringProperty.",
            )
        if isinstance(value, ParameterizedThing):
            node: Any = ParameterNode(self, op, value)
            return cast("FilterNode", node)
        return comparison(self._name, op, self._operand(value))

    def _operand(self, value: Any) -> Any:
        """The stored form of what a property is compared with."""
        if value is None or (type(value) is self._exact and not self._limit):
            return value
        return self._to_stored(self._do_validate(value))

    def __eq__(self, value: object) -> FilterNode:  # type: ignore[override]
        return self._comparison("=", value)

    def __ne__(self, value: object) -> FilterNode:  # type: ignore[override]
        return self._comparison("!=", value)

    def __lt__(self, value: Any) -> FilterNode:
        return self._comparison("<", value)

    def __le__(self, value: Any) -> FilterNode:
        return self._comparison("<=", value)

    def __gt__(self, value: Any) -> FilterNode:
        return self._comparison(">", value)

    def __ge__(self, value: Any) -> FilterNode:
        return self._comparison(">=", value)

    __hash__ = object.__hash__

    def _members(self, value: Any) -> list[Any]:
        if not self._indexed:
            raise BadFilterError(f"Cannot query for unindexed property {self._name}", path=self._path())
        if not is_listed(value):
            raise BadArgumentError(
                f"For field {self._name}, expected list, tuple or set, got {shown(value)}", path=self._path()
            )
        return [self._operand(item) for item in value]

    def _IN(self, value: Any, server_op: bool = False) -> Node:  # noqa: N802
        """A filter for membership in a list, tuple or set."""
        if isinstance(value, ParameterizedThing):
            return ParameterNode(self, "in", value)
        return FilterNode(self._name, "in", self._members(value), server_op)

    def _NOT_IN(self, value: Any, server_op: bool = False) -> Node:  # noqa: ARG002, N802
        """A filter for absence from a list, tuple or set."""
        if isinstance(value, ParameterizedThing):
            return ParameterNode(self, "not_in", value)
        return FilterNode(self._name, "not_in", self._members(value))

    IN = _IN
    NOT_IN = _NOT_IN

    def __neg__(self) -> PropertyOrder:
        return PropertyOrder(self._name, reverse=True)

    def __pos__(self) -> PropertyOrder:
        return PropertyOrder(self._name)

    def __repr__(self) -> str:
        parts = [] if cast("str | None", self._name) is None else [repr(self._name)]
        for option in (*self._options, *_OPTIONS):
            value = getattr(self, f"_{option}", None)
            if value is not getattr(type(self), f"_{option}", None):
                parts.append(f"{option}={value.__name__ if isinstance(value, type) else repr(value)}")
        return f"{type(self).__name__}({', '.join(parts)})"


_OPTIONS = (
    *("indexed", "repeated", "required", "default", "choices", "validator", "verbose_name"),
    "unique",
)


def _own_options(init: Callable[..., Any]) -> list[str]:
    """The parameters of a subclass's constructor that are options of its own."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [each.name for each in inspect.signature(init).parameters.values() if each.kind in kinds]
    return [name for name in names[1:] if name not in ("name", *_OPTIONS, "write_empty_list")]


def _checked_name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"Name {name!r} is not a string")
    if "." in name:
        raise ValueError(f"Name {name!r} cannot contain period characters")
    return name


def overrides(prop: object, base: type[Any], method: str) -> bool:
    """Whether the class of *prop* has a *method* of its own instead of that of *base*."""
    return getattr(type(prop), method) is not getattr(base, method)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether *value* is a list."""
    return isinstance(value, list)


def is_listed(value: object) -> TypeGuard[Iterable[Any]]:
    """Whether *value* may be assigned to a repeated property: a list, tuple or set."""
    return isinstance(value, _LISTS)


def as_list(value: Any) -> list[Any]:
    """A column's value as a list: one value was written before the property was repeated."""
    if is_list(value):
        return value
    return [] if value is None else [value]


def shown(value: Any) -> str:
    """The repr of *value*, cut where it is long: for messages."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text):,} characters)"
