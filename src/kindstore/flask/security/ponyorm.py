"""`from kindstore.flask.security.ponyorm import *`: Pony's names, for models as documents of Flask-Security show them.

They are `pony.orm`'s, with two differences: `Database.bind("sqlite", file)` makes the file if there is none, and
`datetime` is among them.
"""

import inspect
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from pony import orm
from pony.orm import core


class Database(core.Database):  # type: ignore[misc]  # Pony has no types
    """Pony's, whose files of SQLite come to be when they are first bound."""

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        """As Pony's; `create_db` is True for SQLite unless it is said otherwise."""
        provider, *rest = args or [kwargs.get("provider")]
        if provider == "sqlite":
            kwargs.setdefault("create_db", True)
            filename = str(rest[0] if rest else kwargs["filename"])
            if not filename.startswith(":"):
                # As Pony has it, relative to the file of the caller, which would be this one.
                frame = inspect.currentframe()
                caller = "" if frame is None or frame.f_back is None else frame.f_back.f_code.co_filename
                filename = str((Path(caller).parent / filename).absolute())
            args, kwargs = (), kwargs | {"provider": provider, "filename": filename}
        return cast("Any", super()).bind(*args, **kwargs)


def __getattr__(name: str) -> Any:
    return getattr(orm, name)


__all__ = ["Database", "datetime"]
__all__ += vars(core)["__all__"]  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]
