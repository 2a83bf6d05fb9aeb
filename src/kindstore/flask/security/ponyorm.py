"""`from kindstore.flask.security.ponyorm import *`: Pony's names, for models as documents of Flask-Security show them.

They are `pony.orm`'s, with two differences: `Database.bind("sqlite", file)` makes the file if there is none, and
`datetime` is among them.
"""

from datetime import datetime
from typing import Any, cast

from pony import orm
from pony.orm import core


class Database(core.Database):  # type: ignore[misc]  # Pony has no types
    """Pony's, whose files of SQLite come to be when they are first bound."""

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        """As Pony's; `create_db` is True for SQLite unless it is said otherwise."""
        if kwargs.get("provider", args[0] if args else None) == "sqlite":
            kwargs.setdefault("create_db", True)
        return cast("Any", super()).bind(*args, **kwargs)


def __getattr__(name: str) -> Any:
    return getattr(orm, name)


__all__ = ["Database", "datetime"]
__all__ += vars(core)["__all__"]  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]
