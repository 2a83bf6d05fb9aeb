"""`ndb.utils`: the few public tools of NDB that programs have imported; the others raise NotImplementedError."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any, Final, NoReturn, ParamSpec, TypeVar

__all__ = [
    "DEBUG",
    "TRUTHY_STRINGS",
    "asbool",
    "code_info",
    "decorator",
    "frame_info",
    "func_info",
    "gen_info",
    "get_stack",
    "keyword_only",
    "logging_debug",
    "positional",
    "threading_local",
    "tweak_logging",
    "wrapping",
]

P = ParamSpec("P")
T = TypeVar("T")

TRUTHY_STRINGS: Final = frozenset({"t", "true", "y", "yes", "on", "1"})


def asbool(value: object) -> bool:
    """*value* if it is a bool, False for None; else whether its text is one of `TRUTHY_STRINGS`, in any case."""
    if value is None or isinstance(value, bool):
        return bool(value)
    return str(value).strip().lower() in TRUTHY_STRINGS


DEBUG: bool = asbool(os.environ.get("NDB_DEBUG"))
"""Whether `logging_debug` writes."""


def logging_debug(log: Any, message: object, *args: Any, **values: Any) -> None:
    """Write *message*, formatted with *args* and *values*, to ``log.debug`` if `DEBUG` is set."""
    if DEBUG:
        log.debug(str(message).format(*args, **values) if args or values else str(message))


def keyword_only(**defaults: Any) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """A decorator: the function takes these keyword arguments alone, with *defaults*; TypeError for another one."""

    def decorate(function: Callable[..., T]) -> Callable[..., T]:
        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> T:
            for name in options:
                if name not in defaults:
                    raise TypeError(f"{function.__name__}() got an unexpected keyword argument {name!r}")
            return function(*args, **{**defaults, **options})

        return call

    return decorate


def positional(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator: only the first *most* arguments may be given by position; TypeError for more."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> T:
            if len(args) > most:
                raise TypeError(
                    f"{function.__name__}() takes at most {most} positional arguments ({len(args)} given)"
                )
            return function(*args, **options)

        return call

    return decorate


threading_local = threading.local


def _not_implemented(*args: Any, **options: Any) -> NoReturn:
    """Not to be had: NotImplementedError."""
    raise NotImplementedError


code_info = _not_implemented
decorator = _not_implemented
frame_info = _not_implemented
func_info = _not_implemented
gen_info = _not_implemented
get_stack = _not_implemented
tweak_logging = _not_implemented
wrapping = _not_implemented
