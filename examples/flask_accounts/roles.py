"""Who may do what: the roles that `flask seed` and /admin/setup-roles make, with their permissions."""

from collections.abc import Mapping

FIRST_ROLE = "user"

ROLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "admin": ("Administrator with full access", ("users-read", "users-write")),
    "moderator": ("Content moderator", ("notes-delete", "notes-write")),
    "user": ("Regular user", ("notes-read",)),
}
"""By name: what it is, and what it permits beside what the roles permit that it implies."""

HIERARCHY: Mapping[str, list[str]] = {"admin": ["moderator", "user"], "moderator": ["user"]}
"""Whoever has the role before the colon has those after it too, with all they permit."""
