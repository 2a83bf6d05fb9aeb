"""Functions whose text is put together at run time: straight lines of code for what is known only then.

Nothing that comes from outside enters a text but as a quoted literal (``{name!r}``): objects get names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Source:
    """The text of a function and the objects its names stand for."""

    def __init__(self, header: str, **names: Any) -> None:
        self.lines = [header]
        self.names: dict[str, Any] = names

    def add(self, line: str) -> None:
        """One more line of the function's body; with further indentation of its own, if any."""
        self.lines.append(f"    {line}")

    def name(self, value: Any, prefix: str) -> str:
        """A name for *value*."""
        name = f"_{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def compiled(self, function: str) -> Callable[..., Any]:
        """The function called *function*."""
        code = compile("\n".join(self.lines), f"<kindstore: {function}>", "exec")
        exec(code, self.names)  # noqa: S102 - our own text, see the module
        made: Callable[..., Any] = self.names[function]
        return made
