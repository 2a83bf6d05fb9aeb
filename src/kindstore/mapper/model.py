"""Models without I/O: classes of properties, and their instances, the entities of a program.

A class learns its properties when it is made (`MetaModel`), and its constructor, schema and loaders are compiled
when they are first needed.  An instance holds everything in its ``__dict__``: the key under ``_key`` and the value
of each property under its code name (see `property`).  What talks to a store is added by a face.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, cast

from kindstore.values.entity import Shape
from kindstore.values.errors import BadValueError
from kindstore.values.key import Key, Partition
from kindstore.wire.entity_bytes import decode_entity

from .construct import compile_constructor, set_projection
from .errors import KindError, UnknownPropertyError, UnprojectedPropertyError
from .property import ModelAttribute, Property
from .references import PARTITION, ModelKey, PublicModelKey
from .schema import schema_of
from .unique import Uniques, uniques_of

_HOOKS = ("put", "get", "delete", "allocate_ids")
F = TypeVar("F", bound=Callable[..., Any])


def _idle(hook: F) -> F:
    """Mark a hook that does nothing, so that callers can tell that a class overrides none."""
    hook.does_nothing = True  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]
    return hook


def _plain(method: F) -> F:
    """Mark our own ``_prepare_for_put``, to tell whether a class overrides it."""
    method.does_nothing_itself = True  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]
    return method


class MetaModel(type):
    """The class of model classes: fixes up their properties, and shows them in ``repr``."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> None:
        super().__init__(name, bases, namespace, **options)
        if not namespace.get("_projecting"):
            cast("type[Model]", cls)._fix_up_properties()

    def __repr__(cls) -> str:
        properties = cast("type[Model]", cls)._properties.values()
        return f"{cls.__name__}<{', '.join(f'{prop._code_name}={prop!r}' for prop in properties)}>"


class Model(metaclass=MetaModel):
    """A kind of entity: its attributes that are properties are stored.

    The constructor takes *key*, or *id*, *parent*, *namespace*, *project* (or *app*) and *database*; *projection*;
    and values of properties by code name.  Where a property has one of these names the property is meant, and
    ``_id`` and so on are the others.  `BadArgumentError` for *key* with the parts of one; `UnknownPropertyError`
    (an AttributeError) for a name that the class does not have, TypeError for one that is no property,
    `BadValueError` for a bad value.
    """

    _properties: ClassVar[dict[str, Property[Any]]] = {}
    """Stored name -> property, ordered by code name.  An instance of an Expando has its own."""
    _kind_map: ClassVar[dict[str, type[Model]]] = {}
    """Kind -> the class that was last made for it."""
    _key_class: ClassVar[type[Key]] = Key
    """What `key` is for users; a face's own subclass."""
    _has_kind: ClassVar[bool] = False
    """Whether instances are of the kind `_get_kind`; those of `Model` and `Expando` themselves may have any key."""
    _has_repeated: ClassVar[bool] = False
    _overridden: ClassVar[frozenset[str]] = frozenset()
    """The hooks that the class defines, by name: empty for most, so that callers may skip them."""
    _prepared: ClassVar[tuple[Property[Any], ...]] = ()
    """Properties with something to do before a put."""
    _prepares: ClassVar[bool] = False
    """Whether `_prepare_for_put` has something to do."""
    _dynamic: ClassVar[bool] = False
    """Whether attributes that are no property become properties (Expando)."""
    _unique: ClassVar[Uniques] = Uniques("")
    """What is unique in the kind; empty for most, so that callers may skip it."""
    _unique_together: ClassVar[Sequence[str] | Sequence[Sequence[str]]] = ()
    """Tuples of code names: no two entities have the same values of all of one's.  ``unique_together`` is the same."""
    _polymorphic: ClassVar[bool] = False
    """Whether what is stored tells the class of an instance (PolyModel)."""
    _projection: tuple[str, ...] = ()
    _nones: frozenset[str] = frozenset()
    """Code names of properties that were set to None, which `repr` shows, unlike those that were never set."""
    _projecting: ClassVar[type[Model] | None] = None
    _constructor: ClassVar[Callable[..., None] | None] = None

    _use_cache: ClassVar[Any] = None
    _use_global_cache: ClassVar[Any] = None
    _use_datastore: ClassVar[Any] = None
    _global_cache_timeout: ClassVar[Any] = None

    _key = ModelKey()
    key = PublicModelKey()

    # --- the class

    @classmethod
    def _get_kind(cls) -> str:
        """The kind of this class's entities; a class may override it."""
        return cls.__name__

    @classmethod
    def _class_name(cls) -> str:
        """What `polymodel` calls this class."""
        return cls.__name__

    @classmethod
    def _default_filters(cls) -> tuple[Any, ...]:
        """Filters that every query of this class has."""
        return ()

    @classmethod
    def _fix_up_properties(cls) -> None:
        """Learn the class's properties, its bases' included; to be called again after adding one.

        `KindError` if the kind is no str; TypeError for a property whose name starts with an underscore, for one
        object under two names, for two properties with one stored name and for one that can't be unique.
        """
        kind: Any = cls._get_kind()
        if not isinstance(kind, str):
            raise KindError(
                f"Class {cls.__name__} defines a ``_get_kind()`` method that returns a non-string ({kind!r})"
            )
        cls._properties = {}
        for name in sorted(dir(cls)):
            prop = getattr(cls, name, None)
            if not isinstance(prop, Property) or isinstance(prop, ModelKey):
                if isinstance(prop, ModelAttribute) and not isinstance(prop, Property):
                    prop._fix_up(cls, name)
                continue
            if name.startswith("_"):
                raise TypeError(
                    f"ModelAttribute {name} cannot begin with an underscore character. ``_`` prefixed attributes "
                    "are reserved for temporary Model instance values."
                )
            prop._fix_up(cls, name)
            other = cls._properties.setdefault(prop._name, prop)  # pyright: ignore[reportUnknownArgumentType]
            if other is not prop:
                raise TypeError(
                    f"{cls.__name__}.{other._code_name} and {cls.__name__}.{name} have one stored name, {prop._name!r}"
                )
        properties = cls._properties.values()
        cls._has_repeated = any(
            prop._repeated or getattr(prop, "_contains_repeated", False) for prop in properties
        )
        cls._prepared = tuple(prop for prop in properties if prop._needs_preparation())
        cls._prepares = bool(cls._prepared) or not hasattr(cls._prepare_for_put, "does_nothing_itself")
        cls._overridden = frozenset(
            name
            for verb in _HOOKS
            for name in (f"_pre_{verb}_hook", f"_post_{verb}_hook")
            if not hasattr(getattr(cls, name), "does_nothing")
        )
        for made in ("_schema", "_constructor"):
            if made in cls.__dict__:
                delattr(cls, made)
        if getattr(cls.__dict__.get("__init__"), "compiled_for", None) is cls:
            del cls.__init__
        if not (cls.__name__ in ("Model", "Expando") and cls.__module__.startswith("kindstore.")):
            cls._has_kind = True
            cls._unique = uniques_of(cls, kind)
            cls._update_kind_map()

    @classmethod
    def _update_kind_map(cls) -> None:
        """Let this class be the one of its kind."""
        cls._kind_map[cls._get_kind()] = cls

    @classmethod
    def _lookup_model(cls, kind: str, default_model: Any = None) -> Any:
        """The class of *kind*, or *default_model*; `KindError` if there is neither."""
        found = cls._kind_map.get(kind, default_model)
        if found is None:
            raise KindError(f"No model class found for the kind '{kind}'. Did you forget to import it?")
        return found

    @classmethod
    def _make_key(
        cls,
        id: Any = None,  # noqa: A002 - ndb's name
        parent: Key | None = None,
        namespace: str | None = None,
        project: str | None = None,
        database: str | None = None,
    ) -> Key:
        """The key of a new instance; a face overrides it with its own idea of defaults."""
        if parent is not None:
            if not isinstance(parent, Key):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
                raise BadValueError(f"Expected Key instance, got {parent!r}")
            partition, path = parent.partition, parent.path
        else:
            partition, path = Partition.of(project or "", database or "", namespace or ""), ()
        return cls._key_class.of(partition, (*path, cls._get_kind(), id))

    @classmethod
    def _blank(cls) -> Callable[[], Any] | None:
        """What makes an instance for the loader to fill; None: ``object.__new__``, as the class has no ``__init__``."""
        init: Any = cls.__init__
        return None if init is Model.__init__ or hasattr(init, "compiled_for") else cls

    @classmethod
    def _dynamic_loader(
        cls,
        shape: Shape,  # noqa: ARG003
        extra: Sequence[int],  # noqa: ARG003
    ) -> Callable[[Any, list[Any]], None] | None:
        """What loads the columns at the positions *extra*, which no property takes: a plain model drops them."""
        return None

    @classmethod
    def _class_chooser(cls, shape: Shape) -> Callable[[list[Any]], type[Any]]:
        """What tells the class of an instance by its stored values; asked of the classes that are `_polymorphic`."""
        raise NotImplementedError(f"{cls.__name__} is polymorphic, but does not tell classes")

    # --- the instance

    if TYPE_CHECKING:

        def __init__(self, **values: Any) -> None: ...

    else:

        def __init__(self, /, **values):
            # The first instance of a class comes here; later ones go to the compiled constructor directly.
            cls = type(self)
            constructor = cls.__dict__.get("_constructor")
            if constructor is None:
                constructor = compile_constructor(cls)
                cls._constructor = staticmethod(constructor)
                if cls.__init__ is Model.__init__ or hasattr(cls.__init__, "compiled_for"):
                    cls.__init__ = constructor
            else:
                constructor = constructor.__func__
            constructor(self, **values)

    def _set_attribute(self, name: str, value: Any) -> None:
        """Set the property with code name *name*."""
        cls = type(self)
        try:
            prop = getattr(cls, name)
        except AttributeError as error:
            unknown = UnknownPropertyError(str(error))  # "type object 'A' has no attribute 'zz'"
            unknown.name, unknown.obj = name, cls  # for "Did you mean" in a traceback
            raise unknown from None
        if not isinstance(prop, Property):
            raise TypeError(f"Cannot set non-property {name}")
        setattr(self, name, value)

    def _set_projection(self, projection: Collection[str]) -> None:
        """Make this an entity of which only the properties with these stored names are known, read-only."""
        set_projection(self, tuple(projection))

    def _populate(self, /, **values: Any) -> None:
        """Set properties by code name; errors as in the constructor."""
        for name, value in values.items():
            self._set_attribute(name, value)

    populate = _populate

    def _to_dict(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """The values by code name, structures as dicts; unprojected properties are left out.

        *include* and *exclude*: lists, tuples or sets of code names (TypeError for a str).
        """
        for option in (include, exclude):
            if isinstance(option, str):
                raise TypeError("include and exclude take a list, tuple or set of names")
        found: dict[str, Any] = {}
        for prop in self._properties.values():
            name = prop._code_name
            if (include is not None and name not in include) or (exclude is not None and name in exclude):
                continue
            try:
                value = prop._get_for_dict(self)
            except UnprojectedPropertyError:
                continue
            found[name] = value
        return found

    to_dict = _to_dict

    def _has_complete_key(self) -> bool:
        """Whether the entity has a key with an id or name."""
        key = self._key
        return key is not None and cast("Key", key).is_complete

    has_complete_key = _has_complete_key

    @staticmethod
    def _validate_key(key: Any) -> Any:
        """*key*, or another one in its place; for classes that are particular about their keys to override."""
        return key

    @_plain
    def _prepare_for_put(self) -> None:
        """Let properties that set themselves (auto_now) do so."""
        for prop in self._prepared:
            prop._prepare_for_put(self)

    # --- hooks, which do nothing unless a class overrides them

    @_idle
    def _pre_put_hook(self) -> None:
        """Before this entity is written."""

    @_idle
    def _post_put_hook(self, future: Any) -> None:
        """After it was written, or failed."""

    @classmethod
    @_idle
    def _pre_get_hook(cls, key: Any) -> None:
        """Before *key* is looked up."""

    @classmethod
    @_idle
    def _post_get_hook(cls, key: Any, future: Any) -> None:
        """After it was looked up."""

    @classmethod
    @_idle
    def _pre_delete_hook(cls, key: Any) -> None:
        """Before *key* is deleted."""

    @classmethod
    @_idle
    def _post_delete_hook(cls, key: Any, future: Any) -> None:
        """After it was deleted."""

    @classmethod
    @_idle
    def _pre_allocate_ids_hook(cls, size: Any, max: Any, parent: Any) -> None:  # noqa: A002 - ndb's name
        """Before ids are allocated."""

    @classmethod
    @_idle
    def _post_allocate_ids_hook(cls, size: Any, max: Any, parent: Any, future: Any) -> None:  # noqa: A002 - ndb's name
        """After ids were allocated."""

    # --- as a value

    def _same_class(self, other: Model) -> bool:
        return _model_class(type(self)) is _model_class(type(other))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model) or not self._same_class(other):
            return NotImplemented
        if self._key != other._key or set(self._projection) != set(other._projection):
            return False
        return self._equivalent(other)

    def _equivalent(self, other: Model) -> bool:
        """Whether both have the same properties and values, keys aside."""
        if self._properties.keys() != other._properties.keys():
            return False
        # Of "address.city" the address is compared: both have the same parts of it.
        names = {name.partition(".")[0] for name in self._projection} or self._properties.keys()
        return all(
            (prop := self._properties.get(name)) is None
            or prop._get_value(self) == other._properties[name]._get_value(other)
            for name in names
        )

    def __hash__(self) -> NoReturn:
        raise TypeError("Model is mutable, so cannot be hashed.")

    def __lt__(self, other: object) -> NoReturn:
        raise TypeError("Model instances are not orderable.")

    __le__ = __gt__ = __ge__ = __lt__

    def __repr__(self) -> str:
        parts: list[str] = []
        key = self._key
        if key is not None:
            parts.append(f"{'_key' if 'key' in self._code_names() else 'key'}={key!r}")
        for prop in self._properties.values():
            value = prop._shown_value(self)
            if value is not None:
                parts.append(f"{prop._code_name}={value}")
        if self._projection:
            parts.append(f"_projection={self._projection!r}")
        return f"{_model_class(type(self)).__name__}({', '.join(parts)})"

    @classmethod
    def _code_names(cls) -> set[str]:
        return {prop._code_name for prop in cls._properties.values()}

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        state = {**self.__dict__, "_key": self._key}
        state.pop(PARTITION, None)
        return _rebuilt, (_model_class(type(self)), state)

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, bytes):
            # What NDB on App Engine pickled: a protocol buffer.
            loaded: Model = schema_of(type(self)).from_entity(decode_entity(state))
            vars(self).update(vars(loaded))
            return
        if not isinstance(state, dict) or "_values" in state:
            raise BadValueError(
                "not the pickle of an entity",
                type=cast("object", state).__class__.__name__,
                hint="Those of google-cloud-ndb can't be read.",
            )
        vars(self).update(cast("dict[str, Any]", state))
        schema_of(type(self)).fill(self)


def _rebuilt(cls: type[Model], state: dict[str, Any]) -> Model:
    instance = object.__new__(cls)
    projection = state.pop("_projection", ())
    instance.__setstate__(state)
    if projection:
        set_projection(instance, projection)
    return instance


def _model_class(cls: type[Model]) -> type[Model]:
    return cls._projecting or cls
