"""The constructor of a model class, compiled, and entities of which only some properties are known."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from kindstore.values.errors import BadArgumentError

from .errors import ReadonlyPropertyError, UnprojectedPropertyError
from .property import Nothing, Property

_KEY_PARTS = ("id", "parent", "namespace", "project", "app", "database")
_ARGUMENTS = ("key", *_KEY_PARTS, "projection")


class _Missing:
    def __repr__(self) -> str:
        return "<not given>"


_MISSING = _Missing()


def compile_constructor(cls: type[Any]) -> Callable[..., None]:
    """``__init__`` of *cls* as one function with a parameter per property; see `Model` for what it takes.

    Properties come as keywords, so that the names of parameters can't meet those of the arguments of the key,
    which have an underscore in front where a property has their name.
    """
    properties: dict[str, Property[Any]] = {prop._code_name: prop for prop in cls._properties.values()}
    names: dict[str, Any] = {"M": _MISSING, "C": cls, "set_key": set_key, "other_class": other_class}
    parameters = [f"_{name}=M" for name in _ARGUMENTS]
    parameters += [f"{name}=M" for name in _ARGUMENTS if name not in properties]
    parameters += [f"{name}=M" for name in properties]
    lines = [f"def __init__(__self, /, *, {', '.join(parameters)}, **__more):"]
    given = " or ".join(f"{name} is not M" for name in _arguments(properties))
    everything = ", ".join(f"{name!r}: {name}" for name in (*_arguments(properties), *properties))
    lines += [
        "    if __self.__class__ is not C:",
        f"        return other_class(__self, {{{everything}}}, __more)",
        "    __d = __self.__dict__",
        "    __d['_key'] = None",
    ]
    for name, prop in properties.items():
        lines += _assignment(name, prop, names)
    key_arguments = ", ".join(
        f"{name!r}: _{name} if _{name} is not M else {name if name not in properties else 'M'}"
        for name in _ARGUMENTS
    )
    lines += [
        f"    if {given}:",
        f"        set_key(__self, {{{key_arguments}}})",
        "    if __more:",
        "        __self._set_other(__more)",
    ]
    # The names of properties are identifiers: they were attributes of the class.
    code = compile("\n".join(lines), f"<kindstore: constructor of {cls.__name__}>", "exec")
    exec(code, names)  # noqa: S102 - our own text
    constructor = names["__init__"]
    constructor.compiled_for = cls
    constructor.__qualname__ = f"{cls.__qualname__}.__init__"
    return cast("Callable[..., None]", constructor)


def _arguments(properties: dict[str, Property[Any]]) -> list[str]:
    return [f"_{name}" for name in _ARGUMENTS] + [name for name in _ARGUMENTS if name not in properties]


def _assignment(name: str, prop: Property[Any], names: dict[str, Any]) -> list[str]:
    """Lines that set one property: to its default, inline where the type says it all, or by its own method."""
    set_value = f"_set_{len(names)}"
    names[set_value] = prop.__set__
    if prop._repeated:
        default = "[]"
    else:
        default = f"_default_{len(names)}"
        names[default] = prop._default
    lines = [f"    if {name} is M: __d[{name!r}] = {default}"]
    if prop._exact is not Nothing:
        kind = f"_type_{len(names)}"
        names[kind] = prop._exact
        limit = f" and {prop._limit.format(v=name)}" if prop._limit else ""
        lines.append(f"    elif type({name}) is {kind}{limit}: __d[{name!r}] = {name}")
    lines.append(f"    else: {set_value}(__self, {name})")
    return lines


def other_class(instance: Any, arguments: dict[str, Any], more: dict[str, Any]) -> None:
    """A subclass called the constructor of its base: use its own."""
    cls = type(instance)
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


def set_key(instance: Any, arguments: dict[str, Any]) -> None:
    """Set key and projection from the constructor's arguments; `BadArgumentError` for a key and parts of one."""
    given = {name: value for name, value in arguments.items() if value is not _MISSING and value is not None}
    key = given.pop("key", None)
    projection = given.pop("projection", None)
    if key is not None:
        if given:
            raise BadArgumentError(
                "Model constructor given 'key' does not accept 'id', 'project', 'app', 'namespace', 'database', "
                "or 'parent'."
            )
        type(instance)._key.__set__(instance, key)
    elif given:
        app = given.pop("app", None)
        if app is not None:
            if "project" in given:
                raise BadArgumentError("Can't pass both 'app' and 'project'.")
            given["project"] = app
        instance.__dict__["_key"] = type(instance)._make_key(**given)
    if projection:
        set_projection(instance, tuple(projection))


_projecting: dict[type[Any], type[Any]] = {}


def set_projection(instance: Any, projection: tuple[str, ...]) -> None:
    """Make *instance* one of a class that reads only the properties *projection* (stored names), and sets none.

    A class of its own, so that other instances pay nothing for the checks.
    """
    instance.__dict__["_projection"] = projection
    cls = type(instance)
    if cls._projecting is None:
        found = _projecting.get(cls)
        if found is None:
            found = _projecting[cls] = _projecting_class(cls)
        instance.__class__ = found


def _projecting_class(cls: type[Any]) -> type[Any]:
    def read(self: Any, name: str) -> Any:
        if not name.startswith("_"):
            prop = self._by_code_name.get(name)
            if prop is not None and prop._name not in self._projection:
                raise UnprojectedPropertyError(f"Property {prop._name} is not in the projection")
        return object.__getattribute__(self, name)

    def write(self: Any, name: str, value: Any) -> None:
        if name in self._by_code_name:
            raise ReadonlyPropertyError("You cannot set property values of a projection entity")
        object.__setattr__(self, name, value)

    def erase(self: Any, name: str) -> None:
        write(self, name, None)

    namespace = {
        "_projecting": cls,
        "_by_code_name": {prop._code_name: prop for prop in cls._properties.values()},
        "__getattribute__": read,
        "__setattr__": write,
        "__delattr__": erase,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
    }
    return type(cls)(cls.__name__, (cls,), namespace)
