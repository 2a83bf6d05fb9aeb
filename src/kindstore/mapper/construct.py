"""The constructor of a model class, compiled, and entities of which only some properties are known."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import keyword
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn, cast

from kindstore.values.errors import BadArgumentError

from .errors import ReadonlyPropertyError, UnprojectedPropertyError
from .property import Nothing, Property, as_list

_USUAL = ("key", "id", "parent")
_ARGUMENTS = frozenset({*_USUAL, "namespace", "project", "app", "database", "projection"})


class _Missing:
    def __repr__(self) -> str:
        return "<not given>"


_MISSING = _Missing()


def compile_constructor(cls: type[Any]) -> Callable[..., None]:
    """``__init__`` of *cls* as one function with a parameter per property; see `Model` for what it takes.

    The arguments that are seldom given, and all with an underscore in front, come as the rest (``__more``).
    Parameters are not keyword-only, since their defaults would cost a dictionary lookup each; the first one is
    there to catch what is passed by position.
    """
    properties: dict[str, Property[Any]] = {prop._code_name: prop for prop in cls._properties.values()}
    # Two underscores in front of every name that a property could have too: "type", for one.
    names: dict[str, Any] = {
        "M": _MISSING,
        "__missing": _MISSING,
        "__class": cls,
        "__positional": _positional,
        "__set_rest": set_rest,
        "__other_class": other_class,
        "__type": type,
        "__len": len,
    }
    usual = [name for name in _USUAL if name not in properties]
    parameters = [*usual, *filter(_is_parameter, properties)]
    everything = ", ".join(f"{name!r}: {name}" for name in parameters)
    some = " or ".join(["__more", *(f"{name} is not __M" for name in usual)])
    lines = [
        f"def __init__(__self, __M=M, {''.join(f'{name}=M, ' for name in parameters)}**__more):",
        "    if __M is not __missing: __positional(__class)",
        "    if __type(__self) is not __class:",
        f"        return __other_class(__self, {{{everything}}}, __more)",
        "    __d = __self.__dict__",
        "    __d['_key'] = None",
    ]
    for name, prop in properties.items():
        lines += _assignment(name, prop, names)
    arguments = ", ".join(f"{name!r}: {name}" for name in usual)
    lines += [f"    if {some}: __set_rest(__self, {{{arguments}}}, __more)"]
    code = compile("\n".join(lines), f"<kindstore: constructor of {cls.__name__}>", "exec")
    exec(code, names)  # noqa: S102 - our own text
    constructor = names["__init__"]
    constructor.compiled_for = cls
    constructor.__qualname__ = f"{cls.__qualname__}.__init__"
    return cast("Callable[..., None]", constructor)


def _is_parameter(name: str) -> bool:
    """Whether *name* can stand in a list of parameters; others, set by `setattr` on the class, come as the rest."""
    return name.isidentifier() and not keyword.iskeyword(name)


def _positional(cls: type[Any]) -> NoReturn:
    raise TypeError(f"{cls.__name__} takes keyword arguments only")


def _assignment(name: str, prop: Property[Any], names: dict[str, Any]) -> list[str]:
    """Lines that set one property: to its default, inline where the type says it all, or by its own method."""
    if not _is_parameter(name):
        names[f"__default_{len(names)}"] = prop._default
        default = "[]" if prop._repeated else f"__default_{len(names) - 1}"
        return [f"    __d[{name!r}] = {default}"]
    set_value = f"__set_{len(names)}"
    names[set_value] = prop.__set__
    if prop._repeated:
        default = "[]"
    else:
        default = f"__default_{len(names)}"
        names[default] = prop._default
    lines: list[str] = []
    if prop._exact is not Nothing:
        kind = f"__type_{len(names)}"
        names[kind] = prop._exact
        limit = f" and {prop._limit.format(v=name, len='__len')}" if prop._limit else ""
        lines.append(f"    if __type({name}) is {kind}{limit}: __d[{name!r}] = {name}")
    test = prop._list_test(name, names, "__")
    if test is not None:
        lines.append(f"    if {test}: __d[{name!r}] = [*{name}]")
    lines.append(f"    {'elif' if lines else 'if'} {name} is __M: __d[{name!r}] = {default}")
    lines.append(f"    else: {set_value}(__self, {name})")
    return lines


def other_class(instance: Any, arguments: dict[str, Any], more: dict[str, Any]) -> None:
    """A subclass called the constructor of its base: use its own."""
    cls: Any = instance.__class__
    constructor = cls.__dict__.get("_constructor")
    if constructor is None:
        constructor = compile_constructor(cls)
        cls._constructor = staticmethod(constructor)
        if hasattr(cls.__init__, "compiled_for"):
            cls.__init__ = constructor
    else:
        constructor = constructor.__func__
    given = {name: value for name, value in arguments.items() if value is not _MISSING}
    constructor(instance, **given, **more)


def set_rest(instance: Any, usual: dict[str, Any], more: dict[str, Any]) -> None:
    """What the constructor was given beside properties: the key or its parts, the projection.

    `BadArgumentError` for a key and parts of one; `UnknownPropertyError` or TypeError for a name that means nothing.
    """
    given = {name: value for name, value in usual.items() if value is not _MISSING}
    cls: Any = instance.__class__
    for name, value in more.items():
        # A property of such a name is a parameter, and not among the rest.
        plain = name.removeprefix("_")
        if plain in _ARGUMENTS:
            given[plain] = value
        else:
            instance._set_attribute(name, value)
    projection = given.pop("projection", None)
    given = {name: value for name, value in given.items() if value is not None}
    key = given.pop("key", None)
    if key is not None:
        if given:
            raise BadArgumentError(
                "Model constructor given 'key' does not accept 'id', 'project', 'app', 'namespace', 'database', "
                "or 'parent'."
            )
        cls._key.__set__(instance, key)
    elif given:
        app = given.pop("app", None)
        if app is not None:
            if "project" in given:
                raise BadArgumentError("Can't pass both 'app' and 'project'.")
            given["project"] = app
        instance.__dict__["_key"] = cls._validate_key(cls._make_key(**given))
    if projection is not None:
        set_projection(instance, tuple(projection))


MAX_PROJECTIONS = 1_000
"""Projections per model class whose classes and loaders are kept."""

_projecting: dict[type[Any], dict[tuple[str, ...], type[Any]]] = {}


def set_projection(instance: Any, projection: tuple[str, ...]) -> None:
    """Make *instance* one of a class that reads only the properties *projection* (stored names), and sets none."""
    if not projection:
        return
    instance.__dict__["_projection"] = projection
    cls: Any = instance.__class__
    instance.__class__ = projecting_class(cls._projecting or cls, projection)
    inside: dict[str, list[str]] = {}
    for name in projection:
        head, _, rest = name.partition(".")
        if rest:
            inside.setdefault(head, []).append(rest)
    for head, names in inside.items():
        prop = instance._properties.get(head)
        for part in () if prop is None else as_list(prop._get_value(instance)):
            part._set_projection(names)


def projecting_class(cls: type[Any], projection: tuple[str, ...]) -> type[Any]:
    """The class of the instances of the model class *cls* of which only the properties *projection* are known.

    A class for each: what is known is read as from any instance, without a check.
    """
    classes = _projecting.setdefault(cls, {})
    found = classes.get(projection)
    if found is None:
        if len(classes) >= MAX_PROJECTIONS:
            classes.clear()
        found = classes[projection] = _projecting_class(cls, projection)
    return found


class _Unknown:
    """In place of a property that is not in the projection."""

    __slots__ = ("_prop",)

    def __init__(self, prop: Property[Any]) -> None:
        self._prop = prop

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return self._prop
        raise UnprojectedPropertyError(f"Property {self._prop._name} is not in the projection")

    def __set__(self, instance: Any, value: Any) -> NoReturn:
        raise _read_only()


def _read_only() -> ReadonlyPropertyError:
    return ReadonlyPropertyError("You cannot set property values of a projection entity")


def _projecting_class(cls: type[Any], projection: tuple[str, ...]) -> type[Any]:
    properties: dict[str, Property[Any]] = {prop._code_name: prop for prop in cls._properties.values()}
    known = SimpleNamespace(_projection=projection)

    def write(self: Any, name: str, value: Any) -> None:
        if name in properties:
            raise _read_only()
        object.__setattr__(self, name, value)

    def erase(self: Any, name: str) -> None:
        write(self, name, None)

    namespace: dict[str, Any] = {
        name: _Unknown(prop)
        for name, prop in properties.items()
        if not (prop._is_computed or prop._is_projected(known))
    }
    namespace |= {
        "_projecting": cls,
        "__setattr__": write,
        "__delattr__": erase,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
    }
    metaclass: Any = type(cls)
    return cast("type[Any]", metaclass(cls.__name__, (cls,), namespace))
