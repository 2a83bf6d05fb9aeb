"""Tasklets under NDB's names; `kindstore.mapper.tasklet` says how they run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterable
from types import GeneratorType
from typing import Any, ParamSpec, TypeVar, cast, overload

from kindstore.mapper.context import current
from kindstore.mapper.future import Future
from kindstore.mapper.tasklet import Return, Sleep, Tasklet
from kindstore.ndb.gone import (
    QueueFuture,
    ReducingFuture,
    SerialQueueFuture,
    add_flow_exception,
    make_context,
    make_default_context,
    set_context,
)

__all__ = [
    "Future",
    "QueueFuture",
    "ReducingFuture",
    "Return",
    "SerialQueueFuture",
    "add_flow_exception",
    "make_context",
    "make_default_context",
    "set_context",
    "sleep",
    "synctasklet",
    "tasklet",
    "toplevel",
    "wait_all",
    "wait_any",
]


def __dir__() -> list[str]:
    return __all__


P = ParamSpec("P")
T = TypeVar("T")


@overload
def tasklet(function: Callable[P, Generator[Any, Any, T]], /) -> Callable[P, Future[T]]: ...
@overload
def tasklet(function: Callable[P, T], /) -> Callable[P, Future[T]]: ...
def tasklet(function: Callable[..., Any], /) -> Callable[..., Future[Any]]:
    """Decorator: calls begin the generator function as a tasklet, and return its `Future`.

    In it ``entity = yield key.get_async()`` waits without keeping others from their work; a list or tuple of futures
    waits for all of them.  A function without a yield is called, and the future is done.  Outside of event loops ask
    for ``.result()``, in one ``await`` the call.  TypeError for a coroutine function, which needs no decorator.
    """
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{_name(function)} is a coroutine function: it can be awaited as it is")
    name = _name(function)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Future[Any]:
        try:
            returned = function(*args, **kwargs)
        except Return as ended:
            return Future.of(ended.value)
        if isinstance(returned, GeneratorType):
            return Tasklet(cast("Generator[Any, Any, Any]", returned), f"tasklet {name}")
        return Future.of(returned)

    return wrapper


@overload
def synctasklet(function: Callable[P, Generator[Any, Any, T]], /) -> Callable[P, T]: ...
@overload
def synctasklet(function: Callable[P, T], /) -> Callable[P, T]: ...
def synctasklet(function: Callable[..., Any], /) -> Callable[..., Any]:
    """Decorator: `tasklet`, but calls wait and return its result.

    RuntimeError in an event loop, for which the tasklet would have to wait.
    """
    begin = tasklet(function)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return begin(*args, **kwargs).result()

    return wrapper


@overload
def toplevel(function: Callable[P, Generator[Any, Any, T]], /) -> Callable[P, T]: ...
@overload
def toplevel(function: Callable[P, T], /) -> Callable[P, T]: ...
def toplevel(function: Callable[..., Any], /) -> Callable[..., Any]:
    """Decorator: `synctasklet` in a context of its own, at whose end everything that was asked for in it is done."""
    call = synctasklet(function)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with current().new().use():
            return call(*args, **kwargs)

    return wrapper


def sleep(seconds: float) -> Future[None]:
    """A future that is done *seconds* from now."""
    return Sleep(seconds)


def wait_any(futures: Iterable[Future[Any]]) -> Future[Any] | None:
    """Wait until one of *futures* is done, and return it; None if there are none."""
    return Future.wait_any(futures)


def wait_all(futures: Iterable[Future[Any]]) -> None:
    """Wait until all *futures* are done; their errors stay in them."""
    Future.wait_all(futures)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))
