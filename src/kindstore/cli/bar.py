"""Progress on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def progress() -> Generator[Progress | None]:
    """Rich's progress on standard error, gone at the end; None where that is no terminal, or rich is not there."""
    if not sys.stderr.isatty():
        yield None
        return
    try:
        from rich.console import Console  # noqa: PLC0415  # an extra
        from rich.progress import Progress  # noqa: PLC0415
    except ModuleNotFoundError:
        yield None
        return
    with Progress(console=Console(stderr=True), transient=True) as shown:
        yield shown
