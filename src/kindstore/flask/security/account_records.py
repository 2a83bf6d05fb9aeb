"""Accounts as plain values: what is the same in every database, for copying and for comparing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

USER = (
    "email", "username", "password", "active", "confirmed_at", "fs_uniquifier", "fs_token_uniquifier",
    "fs_webauthn_user_handle", "last_login_at", "current_login_at", "last_login_ip", "current_login_ip",
    "login_count", "tf_primary_method", "tf_totp_secret", "tf_phone_number", "us_phone_number",
    "us_totp_secrets", "mf_recovery_codes",
)  # fmt: skip
GENERATED = ("fs_uniquifier", "fs_token_uniquifier", "fs_webauthn_user_handle")
"""What a datastore gives a new user that has none: no difference to an account without it."""
PASSKEY = (
    "credential_id", "public_key", "name", "sign_count", "usage", "device_type", "backup_state", "transports",
    "extensions", "lastuse_datetime",
)  # fmt: skip
TRACKER = ("refresh_family", "name", "gen", "expires_at", "revoked_at", "last_used_at")

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    """One user, with the names of its roles, and its credentials by their ids."""

    values: Values
    roles: frozenset[str]
    passkeys: Mapping[bytes, Values]
    trackers: Mapping[str, Values]

    @property
    def identity(self) -> tuple[str, Any]:
        """The attribute that tells this account from others in any database, and its value."""
        for name in ("email", "username", "us_phone_number", "fs_uniquifier"):
            if self.values.get(name):
                return name, self.values[name]
        return "fs_uniquifier", None

    def difference(self, other: "Account") -> list[str]:
        """The names of what *other*, a copy of this account, has otherwise."""
        theirs = {
            name: value
            for name, value in other.values.items()
            if name not in GENERATED or name in self.values
        }
        names = [
            name for name in sorted({*self.values, *theirs}) if self.values.get(name) != theirs.get(name)
        ]
        if self.roles != other.roles:
            names.append("roles")
        if self.passkeys != other.passkeys:
            names.append("webauthn")
        if self.trackers != other.trackers:
            names.append("refresh_trackers")
        return names

    def digest(self, like: "Account | None" = None) -> int:
        """A number that accounts share only if they are equal; *like* says which generated values count."""
        counted = like or self
        form = {
            "values": {
                name: value
                for name, value in self.values.items()
                if name not in GENERATED or name in counted.values
            },
            "roles": sorted(self.roles),
            "passkeys": [self.passkeys[key] for key in sorted(self.passkeys)],
            "trackers": [self.trackers[key] for key in sorted(self.trackers)],
        }
        return _digest(form)


def account_of(user: Any, attributes: tuple[str, ...]) -> Account:
    """The account of *user*: Flask-Security's attributes and *attributes*."""
    passkeys = [_values(each, PASSKEY) for each in getattr(user, "webauthn", ())]
    trackers = [_values(each, TRACKER) for each in getattr(user, "refresh_trackers", ())]
    return Account(
        _values(user, (*USER, *attributes)),
        frozenset(role.name for role in getattr(user, "roles", ())),
        {each["credential_id"]: each for each in passkeys},
        {each["refresh_family"]: each for each in trackers},
    )


def role_values(role: Any) -> Values:
    """Name, description and permissions of a role."""
    values = dict(_values(role, ("name", "description")))
    permissions = sorted(role.get_permissions())
    return values | {"permissions": permissions} if permissions else values


def _values(obj: Any, names: tuple[str, ...]) -> Values:
    found = {name: plain(getattr(obj, name, None)) for name in names}
    # Databases differ in what they make of nothing: None, "" or [].
    return {name: value for name, value in found.items() if value not in (None, "", [], b"")}


def plain(value: Any) -> Any:
    """*value* as every database gives it: naive UTC to the millisecond, bytes, lists of texts."""
    match value:
        case datetime():
            if value.tzinfo is not None:
                value = value.astimezone(UTC).replace(tzinfo=None)
            return value.replace(microsecond=value.microsecond // 1000 * 1000)
        case bytes() | bytearray() | memoryview():
            return bytes(cast("bytes", value))
        case list() | tuple():
            return [str(each) for each in cast("list[object]", value)]
        case _:
            return value


def _digest(form: object) -> int:
    text = json.dumps(form, sort_keys=True, default=_in_json)
    return int.from_bytes(hashlib.sha256(text.encode()).digest())


def _in_json(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
