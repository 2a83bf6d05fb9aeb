"""SECURITY_ROLE_HIERARCHY: roles that imply others, as `{"admin": ["moderator", "user"]}`.

Who has a role has those that it implies too, and those that they imply.  A user's own `roles` stay what is
stored; `has_role`, `has_permission` and Flask-Security's decorators see the implied ones as well.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from flask import Flask, current_app, has_app_context
from flask_principal import Need, RoleNeed
from flask_security import current_user

from kindstore.values.errors import BadArgumentError

SETTING = "SECURITY_ROLE_HIERARCHY"

Hierarchy = Mapping[str, Collection[str]]


def of(app: Flask) -> Hierarchy:
    """The hierarchy of an application, empty if it has none."""
    settings = cast("Mapping[str, Hierarchy | None]", app.config)
    return settings.get(SETTING) or {}


def check(hierarchy: Hierarchy) -> None:
    """Raises BadArgumentError for a role that implies itself, directly or through others, and for a wrong shape."""
    for name, below in cast("Mapping[str, object]", hierarchy).items():
        if isinstance(below, str) or not isinstance(below, Collection):
            raise BadArgumentError(
                f"{SETTING} gives each role a list of the roles it implies", role=name, found=below
            )
    for name in hierarchy:
        if name in _below([name], hierarchy):
            raise BadArgumentError(
                f"a role implies itself in {SETTING}",
                role=name,
                hint="Take one of the roles out of the circle.",
            )


def implied(names: Iterable[str]) -> set[str]:
    """The roles that roles *names* imply in the current application, without those that only *names* holds."""
    if not has_app_context():
        return set()
    return _below(names, of(current_app))


def _below(names: Iterable[str], hierarchy: Hierarchy) -> set[str]:
    found: set[str] = set()
    waiting = [below for name in names for below in hierarchy.get(name, ())]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(hierarchy.get(name, ()))
    return found


def implied_roles(names: Iterable[str]) -> list[Any]:
    """The stored roles that roles *names* imply and that are not among them: for their permissions."""
    own = set(names)
    missing = implied(own) - own
    security = current_app.extensions.get("security") if missing else None
    if security is None:
        return []
    datastore = security.datastore
    if hasattr(datastore, "find_roles"):
        return cast("list[Any]", datastore.find_roles(sorted(missing)))
    return [role for role in map(datastore.find_role, sorted(missing)) if role is not None]


def provide_implied(_sender: Flask, identity: Any) -> None:
    """Give *identity* the implied roles and their permissions; receiver of `identity_loaded`."""
    names = {role.name for role in getattr(current_user, "roles", ())}
    identity.provides.update(RoleNeed(name) for name in implied(names))
    for role in implied_roles(names):
        identity.provides.update(Need("fsperm", permission) for permission in role.get_permissions())
