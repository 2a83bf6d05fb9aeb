"""`fs_uniquifier` for models that were written without it, in the words of each mapper.

Flask-Security 4 and newer identify a session by this attribute; older models, and the page of docs, have none.
"""

import importlib
import inspect
import uuid
from typing import Any

NAME = "fs_uniquifier"
LENGTH = 64

_BRIDGES = {
    "sqlalchemy": "kindstore.flask.security.sqlalchemy",
    "mongoengine": "kindstore.flask.security.mongoengine",
    "peewee": "kindstore.flask.security.peewee",
    "pony": "kindstore.flask.security.pony",
}


def new() -> str:
    """A value that nobody has."""
    return uuid.uuid4().hex


def declare(model: type[Any]) -> None:
    """Give *model* the attribute, if it is a model of a known mapper and has none.

    Called while the class is made (Pony can't add one later) and again by the datastore, for models that
    derive from Flask-Security's `UserMixin`.
    """
    if hasattr(model, NAME):
        return
    mapper = _mapper_of(model)
    if mapper:
        # The bridge is loaded for a class of that mapper only, which has loaded the mapper.
        importlib.import_module(_BRIDGES[mapper]).declare_uniquifier(model)


def _mapper_of(model: type[Any]) -> str | None:
    for each in [*inspect.getmro(model), *inspect.getmro(type(model))]:
        library = each.__module__.partition(".")[0]
        if library in _BRIDGES:
            return library
    return None
