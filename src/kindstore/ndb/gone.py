"""What NDB had on App Engine and google-cloud-ndb keeps as names: using it raises NotImplementedError.

`NoLongerImplementedError` is one; a plain NotImplementedError says that google-cloud-ndb may have it one day.
"""

from __future__ import annotations

from typing import Any, NoReturn

from kindstore.ndb.exceptions import NoLongerImplementedError


class _Gone:
    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        raise NoLongerImplementedError


class ModelAdapter(_Gone):
    """Made models of protocol buffers.  Not to be had: NoLongerImplementedError."""


class ContextOptions(_Gone):
    """Options of contexts.  Not to be had: NoLongerImplementedError.  They are arguments of ``Client.context``."""


class AutoBatcher(_Gone):
    """Gathered calls.  Not to be had: NoLongerImplementedError.  Contexts do that by themselves."""


class QueueFuture(_Gone):
    """Results in the order in which they came.  Not to be had: NoLongerImplementedError."""


class ReducingFuture(_Gone):
    """Results made into one.  Not to be had: NoLongerImplementedError."""


class SerialQueueFuture(_Gone):
    """Results in the order in which they were asked for.  Not to be had: NoLongerImplementedError."""


def add_flow_exception(*args: Any, **options: Any) -> NoReturn:  # noqa: ARG001
    """Not to be had: NoLongerImplementedError.  No error of a tasklet is logged."""
    raise NoLongerImplementedError


def make_context(*args: Any, **options: Any) -> NoReturn:  # noqa: ARG001
    """Not to be had: NoLongerImplementedError.  ``Client.context`` makes contexts."""
    raise NoLongerImplementedError


def make_default_context(*args: Any, **options: Any) -> NoReturn:  # noqa: ARG001
    """Not to be had: NoLongerImplementedError.  ``Client.context`` makes contexts."""
    raise NoLongerImplementedError


def set_context(*args: Any, **options: Any) -> NoReturn:  # noqa: ARG001
    """Not to be had: NoLongerImplementedError.  A context is entered by ``with context.use():``."""
    raise NoLongerImplementedError


def make_connection(*args: Any, **options: Any) -> NoReturn:  # noqa: ARG001
    """Not to be had: NoLongerImplementedError.  `Client` opens what it needs."""
    raise NoLongerImplementedError


def get_indexes(**options: Any) -> NoReturn:
    """Not to be had: NotImplementedError.  ``kindstore indexes`` shows the composite indexes."""
    raise NotImplementedError("get_indexes is not supported: see the command `kindstore indexes`")


def get_indexes_async(**options: Any) -> NoReturn:
    """`get_indexes`, as a future that there never is."""
    get_indexes(**options)
