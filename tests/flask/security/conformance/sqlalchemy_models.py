"""Models of accounts for any declarative base of SQLAlchemy, with every attribute that Flask-Security knows."""

# mypy: disable-error-code="misc"

from datetime import datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, String, Table, Text
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kindstore.flask import security


def sqlalchemy_models(base: Any) -> tuple[Any, Any, Any, Any]:
    """User, Role, WebAuthn and Tracker on *base*."""

    def texts() -> Any:
        return mapped_column(MutableList.as_mutable(cast("Any", security.AsaList())), nullable=True)

    links = Table(
        "roles_users",
        base.metadata,
        Column("user_id", ForeignKey("user.id"), primary_key=True),
        Column("role_id", ForeignKey("role.id"), primary_key=True),
    )

    class Role(base, security.RoleMixin):
        __tablename__ = "role"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String(80), unique=True)
        description: Mapped[str | None] = mapped_column(String(255))
        permissions = texts()

    class User(base, security.UserMixin):
        __tablename__ = "user"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str] = mapped_column(String(255), unique=True)
        username: Mapped[str | None] = mapped_column(String(255), unique=True)
        password: Mapped[str | None] = mapped_column(String(255))
        active: Mapped[bool]
        fs_token_uniquifier: Mapped[str | None] = mapped_column(String(64), unique=True)
        fs_webauthn_user_handle: Mapped[str | None] = mapped_column(String(64), unique=True)
        security_number: Mapped[int | None] = mapped_column(BigInteger, unique=True)
        confirmed_at: Mapped[datetime | None]
        last_login_at: Mapped[datetime | None]
        current_login_at: Mapped[datetime | None]
        last_login_ip: Mapped[str | None] = mapped_column(String(64))
        current_login_ip: Mapped[str | None] = mapped_column(String(64))
        login_count: Mapped[int | None]
        tf_primary_method: Mapped[str | None] = mapped_column(String(64))
        tf_totp_secret: Mapped[str | None] = mapped_column(String(255))
        tf_phone_number: Mapped[str | None] = mapped_column(String(128))
        us_totp_secrets: Mapped[str | None] = mapped_column(Text)
        us_phone_number: Mapped[str | None] = mapped_column(String(128), unique=True)
        mf_recovery_codes = texts()
        roles: Mapped[list[Role]] = relationship(secondary=links)
        webauthn: Mapped[list["WebAuthn"]] = relationship(cascade="all, delete-orphan")
        refresh_trackers: Mapped[list["Tracker"]] = relationship(cascade="all, delete-orphan")

    class WebAuthn(base, security.WebAuthnMixin):
        __tablename__ = "webauthn"
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
        credential_id: Mapped[bytes] = mapped_column(LargeBinary(1024), unique=True)
        public_key: Mapped[bytes] = mapped_column(LargeBinary(1024))
        name: Mapped[str] = mapped_column(String(64))
        sign_count: Mapped[int]
        usage: Mapped[str] = mapped_column(String(64))
        device_type: Mapped[str] = mapped_column(String(64))
        backup_state: Mapped[bool]
        transports = texts()
        extensions: Mapped[str | None] = mapped_column(String(255))
        lastuse_datetime: Mapped[datetime]

    class Tracker(base, security.RefreshTrackerMixin):
        __tablename__ = "refresh_tracker"
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
        refresh_family: Mapped[str] = mapped_column(String(64), unique=True)
        gen: Mapped[int]
        name: Mapped[str] = mapped_column(String(64))
        expires_at: Mapped[datetime]
        revoked_at: Mapped[datetime | None]
        last_used_at: Mapped[datetime]

    return User, Role, WebAuthn, Tracker
