"""Where a call comes from: the lines of the program that led to it, past Kindstore, the standard library and pytest."""

from __future__ import annotations

import inspect
import sys
from contextvars import ContextVar
from types import FrameType
from typing import Final, TypeAlias

import msgspec

from kindstore.mapper.future import Future

DEPTH: Final = 8
"""Lines of one place that are kept, from the innermost outwards."""

_PASSED: Final = sys.stdlib_module_names | {"kindstore", "_pytest", "pluggy"}


class Line(msgspec.Struct, frozen=True):
    """A line of a program, and the *function* that it is in."""

    file: str
    number: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number} in {self.function}"


Place: TypeAlias = tuple[Line, ...]
"""The innermost line, and those that called it; empty where it is not known."""

# Work that goes on in a task of its own has only the event loop above it.  It runs in a copy of the context of the
# code that asked for it.
_asked_at: ContextVar[Place] = ContextVar("kindstore_asked_at", default=())


def here() -> Place:
    """The place that this call comes from; in a task of an event loop the one that asked for the work."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    lines: list[Line] = []
    while frame is not None and len(lines) < DEPTH:
        module, code = str(frame.f_globals.get("__name__", "")), frame.f_code
        if module == Future.__module__ and code.co_flags & inspect.CO_COROUTINE:
            break  # the bottom of such a task
        if module.partition(".")[0] not in _PASSED:
            lines.append(Line(code.co_filename, frame.f_lineno, code.co_qualname))
        frame = frame.f_back
    place = tuple(lines)
    if not place:
        return _asked_at.get()
    _asked_at.set(place)
    return place
