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
from kindstore.values.errors import BadValueError, NotFoundError

from .saving import decoded, fields_of, forget_change, in_transaction, is_known, quietly, save

BATCH: Final = 20
"""Users whose copies are renewed in one transaction."""
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
            raise BadValueError(
                "a role must be put before a user can have it", path=self._path(), role=value.name
            )
        entity = schema_of(value.__class__).to_entity(value, value.key)
        at = entity.shape.positions["copies_behind"]
        entity.values[at] = None
        return entity

    def _from_base_type(self, value: Any) -> Any:
        if not isinstance(value, Entity) or value.key is None:
            return None
        cls = ndb.Model._lookup_model(value.key.path[-2])
        return schema_of(cls).from_entity(value)

    def merge(self, was: Any, mine: Any, theirs: Any) -> Any:
        """The roles to write, in a transaction: those of *theirs*, changed as *was* was to become *mine*.

        A role that is added is read, so that its copy is fresh.  `NotFoundError` if it is gone.
        """
        if type(mine) is Undecoded or mine == was:
            return theirs
        before = {role.key: role for role in decoded(self, was)}
        after = {role.key: role for role in mine}
        for role in mine:
            if not role._has_complete_key():
                self._to_base_type(role)
        merged = {
            role.key: role for role in decoded(self, theirs) if role.key in after or role.key not in before
        }
        for key, role in after.items():
            if key not in before and key not in merged:
                merged[key] = _present(key, role.name)
        return list(merged.values())


def _present(key: ndb.Key, name: str) -> Any:
    """The role *key* as it is stored."""
    role: Any = key.get(use_cache=False)
    if role is None or role.copies_behind == _DELETED:
        raise NotFoundError("the role was deleted meanwhile", role=name, key=key)
    return role


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
        stored: Any = role.key.get(use_cache=False)
        behind: int | None = None if stored is None else stored.copies_behind
        if behind == _DELETED:
            raise NotFoundError("the role was deleted meanwhile", role=role.name, key=role.key)
        role.copies_behind = (behind or 0) + 1
        save(role)

    _then_finish(write, role, user_model)


def delete_role(role: Any, user_model: type[Any]) -> None:
    """Take *role* from all users and delete it, with `save_role`'s idea of when."""

    def mark() -> None:
        if role.key.get(use_cache=False) is not None:
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
        in_transaction(partial(_renew, role.key, keys))
    in_transaction(partial(_settle, role.key, behind))
    role.copies_behind = None
    forget_change(role, "copies_behind")


def unfinished(role_model: type[Any]) -> list[Any]:
    """The roles with copies that are behind: somebody stopped before all were renewed."""
    found: list[Any] = role_model.query(role_model.copies_behind >= _DELETED).fetch(use_cache=False)
    return found


def _settle(key: ndb.Key, behind: int) -> None:
    """Note that the copies of the state *behind* are renewed."""
    stored: Any = key.get(use_cache=False)
    if stored is None or stored.copies_behind != behind:
        return  # somebody has changed it since, and sees to the copies
    if behind == _DELETED:
        key.delete()
    else:
        stored.copies_behind = None
        quietly(stored).put()


def is_gone(role: Any) -> bool:
    """Whether *role* is being deleted."""
    return bool(role.copies_behind == _DELETED)


def _batches(user_model: type[Any], key: ndb.Key) -> Iterator[list[ndb.Key]]:
    """The keys of the users that have the role *key*, some at a time."""
    batch: list[ndb.Key] = []
    for user in user_model.query(user_model.role_keys == key).iter(keys_only=True):
        batch.append(user)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _renew(key: ndb.Key, users: list[ndb.Key]) -> None:
    """Let *users* have the role *key* as it is stored; or not at all, if it is being deleted."""
    role: Any = key.get(use_cache=False)
    gone = role is None or is_gone(role)
    behind: list[Any] = []
    for user in ndb.get_multi(users, use_cache=False):
        if user is None or key not in user.role_keys:
            continue
        held = user.roles
        user.roles = [role if each.key == key else each for each in held if each.key != key or not gone]
        behind.append(quietly(user))
    ndb.put_multi(behind)
