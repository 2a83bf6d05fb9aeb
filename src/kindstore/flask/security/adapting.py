"""What a model of users or roles still needs for Flask-Security, in the words of its mapper.

Flask-Security 4 and newer identify a session by `fs_uniquifier`; older models, and its page of documents, have
none.  The class of a user is completed while it is made (`UserMixin`; Pony can't add an attribute later), and once
more by its datastore, for classes that derive from Flask-Security's own mixin.
"""

import importlib
import inspect
import uuid
from types import ModuleType
from typing import Any

NAME = "fs_uniquifier"
LENGTH = 64

_BRIDGES = {
    "sqlalchemy": "kindstore.flask.security.sqlalchemy",
    "mongoengine": "kindstore.flask.security.mongoengine",
    "peewee": "kindstore.flask.security.peewee",
    "pony": "kindstore.flask.security.pony",
}


def new_uniquifier() -> str:
    """A value that nobody has."""
    return uuid.uuid4().hex


def adapt_user(model: type[Any]) -> None:
    """Complete *model*, a class of users; nothing to do for a mapper that has no bridge here."""
    bridge = _bridge_of(model)
    if bridge is not None:
        bridge.adapt_user(model)


def adapt_role(model: type[Any]) -> None:
    """Complete *model*, a class of roles, passkeys or refresh tokens."""
    bridge = _bridge_of(model)
    if bridge is not None:
        bridge.adapt_role(model)


def _bridge_of(model: type[Any]) -> ModuleType | None:
    for each in [*inspect.getmro(model), *inspect.getmro(type(model))]:
        library = each.__module__.partition(".")[0]
        if library in _BRIDGES:
            # Loaded for a class of that mapper only, which has loaded the mapper.
            return importlib.import_module(_BRIDGES[library])
    return None
