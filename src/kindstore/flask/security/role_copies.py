"""Roles inside of users: complete copies, so that one read gives a user and all it may do.

Laws, which hold between any programs that write users and roles through `DatastoreUserDatastore`:

1. A copy is of the role as it is stored.  A role is added to a user in a transaction that reads the role, so a
   change of the role in between makes that transaction start again.
2. A put of a role renews the copies in all users that have it before it returns.
3. A role that was written but whose copies are not all renewed yet says so itself (`copies_behind`): whoever finds it finishes
   that first.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from kindstore import ndb
from kindstore.mapper.computed import ComputedProperty
from kindstore.mapper.context import current
from kindstore.mapper.model import Model
from kindstore.mapper.property import Property, Undecoded, as_list
from kindstore.mapper.references import key_of_class
from kindstore.mapper.schema import schema_of
from kindstore.values.entity import Entity
from kindstore.values.errors import BadValueError, NotFoundError, TooLargeError

from .saving import (
    decoded,
    fields_of,
    forget_change,
    in_transaction,
    is_known,
    query_of,
    quietly,
    save,
    stored,
)

_log = logging.getLogger("kindstore.flask.security")

BATCH: Final = 20
"""Users whose copies are renewed in one transaction."""
ROLE_MODEL: Final = "_role_model"
"""Where in a class of users the class of their roles stands."""
_DELETED: Final = -1
"""`copies_behind` of a role that is being deleted."""


class RolesProperty(Property[list[Any]]):
    """The roles of a user: stored as copies, with their keys."""

    _indexed = False
    _repeated = True

    def __init__(self) -> None:
        super().__init__(repeated=True, indexed=False)

    def _validate(self, value: Any) -> None:
        if not isinstance(value, Model) or not hasattr(value, "copies_behind"):
            raise self._wrong("a role", value)

    def _to_base_type(self, value: Any) -> Entity:
        if not value._has_complete_key():
            raise self._not_put(value)
        entity = schema_of(value.__class__).to_entity(value, value.key)
        at = entity.shape.positions["copies_behind"]
        entity.values[at] = None
        return entity

    def _from_base_type(self, value: Any) -> Any:
        return _role(ndb.Model._lookup_model(value.key.path[-2]), value)

    def _get_value(self, entity: Any) -> Any:
        fields = fields_of(entity)
        if isinstance(fields[self._code_name], Undecoded):
            fields[self._code_name] = self._roles(entity, fields[self._code_name])
        return super()._get_value(entity)

    def _roles(self, user: Any, held: Any) -> list[Any]:
        """The roles that *held* says *user* has, of the class that the datastore has for them."""
        model = getattr(user, ROLE_MODEL, None)
        if model is None or not isinstance(held, Undecoded):
            roles: list[Any] = decoded(self, held)
            return roles
        return [_role(model, each) for each in as_list(held.value)]

    def merge(self, user: Any, was: Any, mine: Any, theirs: Any) -> Any:
        """The roles to write, in a transaction: those of *theirs*, changed as *was* was to become *mine*.

        A role that is added is read, so that its copy is fresh.  `NotFoundError` if it is gone.
        """
        if isinstance(mine, Undecoded):
            return theirs
        before = {role.key: role for role in self._roles(user, was)}
        after = {role.key: role for role in mine}
        for role in mine:
            if not role._has_complete_key():
                raise self._not_put(role)
        merged = {
            role.key: role
            for role in self._roles(user, theirs)
            if role.key in after or role.key not in before
        }
        for key, role in after.items():
            if key not in before and key not in merged:
                merged[key] = _present(role)
        return list(merged.values())

    def _not_put(self, role: Any) -> BadValueError:
        return BadValueError(
            "a role must be put before a user can have it", path=self._path(), role=role.name
        )


def _role(model: Any, copy: Entity) -> Any:
    """The role, of the class *model*, that is stored as *copy*."""
    return schema_of(model).from_entity(copy)


def _present(role: Any) -> Any:
    """*role* as it is stored."""
    [found] = stored(type(role), role.key)
    if found is None or found.copies_behind == _DELETED:
        raise NotFoundError("the role was deleted meanwhile", role=role.name, key=role.key)
    return found


def _keys_of(user: Any) -> list[ndb.Key]:
    held: Any = fields_of(user)["roles"]
    if isinstance(held, Undecoded):
        return [
            key_of_class(each.key, ndb.Key)
            for each in as_list(held.value)
            if isinstance(each, Entity) and each.key is not None
        ]
    return [role.key for role in held]


class RoleKeysProperty(ComputedProperty[list[Any]]):
    """The keys of a user's roles, indexed: who has a role is a query."""

    def __init__(self) -> None:
        super().__init__(_keys_of, repeated=True)


def save_role(role: Any, user_model: type[Any]) -> None:
    """Write *role* as `save` does, and renew its copies: before this returns, or at the end of the transaction in progress.

    `NotFoundError` if it is being deleted.
    """
    if not is_known(role):
        save(role)  # nobody can have it yet
        return

    def write() -> None:
        [found] = stored(type(role), role.key)
        behind: int | None = None if found is None else found.copies_behind
        if behind == _DELETED:
            raise NotFoundError("the role was deleted meanwhile", role=role.name, key=role.key)
        role.copies_behind = (behind or 0) + 1
        save(role)

    _then_finish(write, role, user_model)


def delete_role(role: Any, user_model: type[Any]) -> None:
    """Take *role* from all users and delete it, with `save_role`'s idea of when."""

    def mark() -> None:
        if stored(type(role), role.key) != [None]:
            role.copies_behind = _DELETED
            save(role)

    _then_finish(mark, role, user_model)


def _then_finish(work: Callable[[], None], role: Any, user_model: type[Any]) -> None:
    in_transaction(work)
    current().call_on_commit(lambda: finish(role, user_model))


def finish(role: Any, user_model: type[Any]) -> None:
    """Renew what copies of *role* are behind; without effect if none are.  It may be broken off, and done again."""
    behind = role.copies_behind
    if behind is None:
        return
    for keys in _batches(user_model, role.key):
        in_transaction(partial(_renew, role, user_model, keys))
    in_transaction(partial(_settle, role, behind))
    role.copies_behind = None
    forget_change(role, "copies_behind")


def finish_if_it_fits(role: Any, user_model: type[Any]) -> None:
    """`finish`; of a role that is too large for a user who has it, the log is told: who did not make it so must go on."""
    try:
        finish(role, user_model)
    except TooLargeError as error:
        _log.warning(
            "role %r is too large for a user who has it, and some users have an older copy: %s",
            role.name,
            error,
        )


def unfinished(role_model: type[Any]) -> list[Any]:
    """The roles with copies that are behind: somebody stopped before all were renewed."""
    found: list[Any] = query_of(role_model, role_model.copies_behind >= _DELETED).fetch(use_cache=False)
    return found


def _settle(role: Any, behind: int) -> None:
    """Note that the copies of the state *behind* are renewed."""
    [found] = stored(type(role), role.key)
    if found is None or found.copies_behind != behind:
        return  # somebody has changed it since, and sees to the copies
    if behind == _DELETED:
        found.key.delete()
    else:
        found.copies_behind = None
        quietly(found).put()


def is_gone(role: Any) -> bool:
    """Whether *role* is being deleted."""
    return bool(role.copies_behind == _DELETED)


def _batches(user_model: type[Any], key: ndb.Key) -> Iterator[list[ndb.Key]]:
    """The keys of the users that have the role *key*, some at a time."""
    batch: list[ndb.Key] = []
    for user in query_of(user_model, user_model.role_keys == key).iter(keys_only=True):
        batch.append(user)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _renew(role: Any, user_model: Any, users: list[ndb.Key]) -> None:
    """Let *users* have *role* as it is stored; or not at all, if it is being deleted."""
    key = role.key
    [found] = stored(type(role), key)
    gone = found is None or is_gone(found)
    behind: list[Any] = []
    for user in stored(user_model, *users):
        if user is None or key not in user.role_keys:
            continue
        held = user.roles
        user.roles = [found if each.key == key else each for each in held if each.key != key or not gone]
        behind.append(quietly(user))
    ndb.put_multi(behind)
