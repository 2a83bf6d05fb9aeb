"""`OwnedList`: the passkeys and refresh tokens of a user, read when they are first asked for."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from kindstore import ndb
from kindstore.mapper.context import current
from kindstore.mapper.property import ModelAttribute

from .saving import CLIENT, fields_of, query_of

_GONE: Final = "_gone"


class OwnedList(ModelAttribute):
    """The entities of one kind below a user, as a list, in the order in which they were made.

    It is read at the first access and kept with the instance; `kindstore.flask.security.DatastoreUserDatastore` adds what it
    creates.  What was deleted is not in it any more at the next access; loops that run meanwhile are not disturbed.
    *kind*: of which kind they are, unless `model` says so.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.name = ""

    def _fix_up(self, cls: type[Any], code_name: str) -> None:  # noqa: ARG002
        self.name = code_name

    def model(self, cls: Any) -> Any:
        """The class of what users of the class *cls* own here; None if there is none."""
        said = getattr(cls, f"_{self.name}_model", None)
        return cls._kind_map.get(self._kind) if said is None else said

    def tell(self, cls: type[Any], model: type[Any]) -> None:
        """Let *model* be the class of what users of the class *cls* own here."""
        setattr(cls, f"_{self.name}_model", model)

    def __get__(self, user: Any, owner: type[Any] | None = None) -> Any:
        if user is None:
            return self
        fields = fields_of(user)
        held: list[Any] | None = fields.get(f"_{self.name}")
        if held is None:
            model = self.model(type(user))
            if model is None or not user._has_complete_key():
                held = []
            else:
                with context_of(fields.get(CLIENT)):
                    held = sorted(query_of(model, ancestor=user.key).fetch(), key=_age)
            fields[f"_{self.name}"] = held
        elif any(_GONE in fields_of(each) for each in held):
            held = fields[f"_{self.name}"] = [each for each in held if _GONE not in fields_of(each)]
        return held

    def __set__(self, user: Any, value: Any) -> None:
        fields_of(user)[f"_{self.name}"] = list(value)

    def forget(self, user: Any) -> None:
        """Read the list anew at the next access."""
        fields = fields_of(user)
        fields.pop(f"_{self.name}", None)


def _age(entity: Any) -> Any:
    return entity.create_datetime


def context_of(client: ndb.Client | None) -> AbstractContextManager[object]:
    """A context of *client*, if there is one, unless the code is in one."""
    return nullcontext() if client is None or current().client is client else client.context()


def mark_gone(entity: Any) -> None:
    """Let *entity*, which was deleted, be in no list any more."""
    fields_of(entity)[_GONE] = True
    owner = entity.key.parent()
    identities = current().identities
    user = None if owner is None or identities is None else identities.get(owner)
    if isinstance(user, ndb.Model):
        # The object that the request has of its user may hold another one of this key.
        for owned in owned_lists(type(user)):
            owned.forget(user)


def owned_lists(cls: type[Any]) -> list[OwnedList]:
    """Those of a class of users."""
    found = (getattr(cls, name, None) for name in dir(cls))
    return [each for each in found if isinstance(each, OwnedList)]


def keys_below(user: Any) -> list[ndb.Key]:
    """The keys of all that *user* owns."""
    keys: list[ndb.Key] = []
    cls: type[Any] = user.__class__
    for owned in owned_lists(cls):
        model = owned.model(cls)
        if model is not None:
            keys.extend(query_of(model, ancestor=user.key).fetch(keys_only=True))
    return keys
