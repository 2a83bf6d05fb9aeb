"""Who may do what: the roles that `flask seed` and /admin/setup-roles make, with their permissions."""

from collections.abc import Mapping

FIRST_ROLE = "user"

ROLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "admin": (
        "Administrator with full access",
        ("notes-read", "notes-write", "notes-delete", "users-read", "users-write"),
    ),
    "moderator": ("Content moderator", ("notes-read", "notes-write", "notes-delete")),
    "user": ("Regular user", ("notes-read",)),
}

HIERARCHY: Mapping[str, list[str]] = {"admin": ["moderator", "user"], "moderator": ["user"]}
"""Whoever has the role before the colon has those after it too."""
