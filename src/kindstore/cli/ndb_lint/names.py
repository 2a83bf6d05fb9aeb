"""What `kindstore.ndb` has, and what its calls take: asked of the modules themselves, so that no list can grow old."""

import importlib
import inspect
import typing
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from kindstore import ndb
from kindstore.ndb.asking import FetchOptions, read_options
from kindstore.ndb.options import use_cache

OURS: Final = "kindstore.ndb"
THEIRS: Final = ("google.cloud.ndb", "google.appengine.ext.ndb", OURS)
"""The modules whose users are meant; ours too, for code that was changed already."""

SOMETHING: Final = object()
"""Stands for a value that is known only when the code runs."""


class Absent(Exception):
    """A name that is not there, or that is there to say so; the text tells which."""


def below(dotted: str) -> str | None:
    """What *dotted* is called below NDB, "" for NDB itself; None for a name from elsewhere."""
    for theirs in THEIRS:
        if dotted == theirs or dotted.startswith(theirs + "."):
            return dotted[len(theirs) + 1 :]
    return None


def reached(name: str) -> Any:
    """What *name* is below `kindstore.ndb`; None where that can't be told.  Raises `Absent`."""
    found: Any = ndb
    path = OURS
    for part in name.split(".") if name else []:
        if not isinstance(found, (ModuleType, type)):
            return None  # an attribute of a value
        if hasattr(found, part):
            found = getattr(found, part)
        elif isinstance(found, ModuleType) and hasattr(found, "__path__"):
            try:
                found = importlib.import_module(f"{path}.{part}")
            except ModuleNotFoundError:
                raise Absent(f"{path} has no {part}") from None
        else:
            raise Absent(f"{path} has no {part}")
        path = f"{path}.{part}"
        if _is_refused(found):
            raise Absent(f"{path} is not supported")
    return found


def _is_refused(found: Any) -> bool:
    """Whether *found* takes any arguments, and answers by NotImplementedError."""
    if not callable(found) or not str(getattr(found, "__module__", "")).startswith(OURS):
        return False
    kinds = [parameter.kind for parameter in _parameters(found)]
    if kinds != [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]:
        return False
    try:
        found()
    except NotImplementedError:
        return True
    except Exception:  # noqa: BLE001 - it wants arguments, and so does something with them
        return False
    return False


def method(name: str) -> Callable[..., Any] | None:
    """What calling a method *name* may mean in NDB, of an object that is not known; None: nothing."""
    if not name.startswith("_"):
        for cls in (ndb.Query, ndb.Key, ndb.Model, ndb.Client):
            found = getattr(cls, name, None)
            if inspect.isroutine(found):
                return found
    return None


def wrong_option(target: Any, name: str, value: object, *, is_guess: bool) -> str | None:
    """What is wrong with the option *name* of *target*; None if nothing is, or nobody can tell.

    Where *target* is a guess only what it refuses on purpose counts, not what it has never heard of.
    """
    called = getattr(target, "__name__", str(target))
    try:
        _try(target, {name: value})
    except NotImplementedError as error:
        return f"{called}({name}=…): {error}"
    except TypeError as error:
        is_unknown = "unexpected keyword" in str(error) and repr(name) in str(error)
        return f"{called} has no option {name}" if is_unknown and not is_guess else None
    except Exception:  # noqa: BLE001 - what is wrong with a value that stands for another says nothing
        return None
    return None


def _try(target: Any, option: dict[str, Any]) -> None:
    """Give *target* the *option*, if that reads and writes nothing; it raises what it would."""
    if _is_a(target, ndb.Property, ndb.Query, ndb.Client):
        target(*_required(target), **option)
    elif _is_a(target, ndb.Key):
        target("Kind", 1, **option)
    elif inspect.isclass(target):
        return  # a model takes its properties
    elif target is ndb.Client.context:
        ndb.Client().context(**option)
    elif target is ndb.transactional:
        target(**option)(len)
    elif target == ndb.Model.query and option.keys() <= _names(ndb.Query):
        ndb.Query[Any](**option)
    elif not option.keys() <= _names(target):
        kind = _kind_of_options(target)
        if kind is FetchOptions:
            read_options(option, None)
        elif kind is not None:
            use_cache(option)
        elif not _takes_any(target):
            raise TypeError(f"got an unexpected keyword argument {next(iter(option))!r}")


def _is_a(target: Any, *classes: type[Any]) -> bool:
    return isinstance(target, type) and issubclass(target, classes)


def _required(cls: type[Any]) -> list[Any]:
    """Something for each argument that *cls* must have: a model, which can also be called."""
    must = (inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [ndb.Model for each in _parameters(cls) if (each.default, each.kind) == must]


def _parameters(target: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):  # of a module, and of some things in C
        return []


def _names(target: Any) -> set[str]:
    return {each.name for each in _parameters(target) if each.kind is not each.VAR_KEYWORD}


def _takes_any(target: Any) -> bool:
    parameters = _parameters(target)
    return not parameters or any(each.kind is each.VAR_KEYWORD for each in parameters)


def _kind_of_options(target: Any) -> Any:
    """The TypedDict that the ``**options`` of *target* are; None if they have no such type."""
    try:
        annotation = typing.get_type_hints(target).get("options")
    except NameError:  # of a name that is imported for type checkers alone
        return None
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Unpack else None
