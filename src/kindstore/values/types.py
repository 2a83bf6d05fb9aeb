"""The value classes that plain Python lacks: a point on the earth and an App Engine user."""

from __future__ import annotations

from typing import Any, Self

from .errors import BadValueError, UserNotFoundError


class GeoPt:
    """A point: *latitude* in degrees -90..90, *longitude* -180..180.  Ordered by latitude, then longitude.

    `BadValueError` if either is out of range or not a number (spec/service.md 1.5).
    """

    __slots__ = ("latitude", "longitude")
    latitude: float
    longitude: float

    def __init__(self, latitude: float, longitude: float) -> None:
        try:
            latitude, longitude = float(latitude), float(longitude)
        except (TypeError, ValueError):
            raise BadValueError("a GeoPt takes two numbers", latitude=latitude, longitude=longitude) from None
        if not -90 <= latitude <= 90:
            raise BadValueError("latitude must be between -90 and 90", latitude=latitude)
        if not -180 <= longitude <= 180:
            raise BadValueError("longitude must be between -180 and 180", longitude=longitude)
        self.latitude, self.longitude = latitude, longitude

    @property
    def lat(self) -> float:
        """The latitude (App Engine's name for it)."""
        return self.latitude

    @property
    def lon(self) -> float:
        """The longitude (App Engine's name for it)."""
        return self.longitude

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GeoPt):
            return NotImplemented
        return (self.latitude, self.longitude) == (other.latitude, other.longitude)

    def __lt__(self, other: GeoPt) -> bool:
        return (self.latitude, self.longitude) < (other.latitude, other.longitude)

    def __hash__(self) -> int:
        return hash((self.latitude, self.longitude))

    def __repr__(self) -> str:
        return f"GeoPt({self.latitude!r}, {self.longitude!r})"

    def __str__(self) -> str:
        return f"{self.latitude},{self.longitude}"

    def __reduce__(self) -> tuple[Any, ...]:
        return GeoPt, (self.latitude, self.longitude)


class User:
    """An App Engine user, for old data.  Ordered by e-mail, then auth domain, then id.

    *_auth_domain* and *_user_id* are App Engine's names for the other two.  `UserNotFoundError` without an e-mail address.
    """

    __slots__ = ("_auth_domain", "_email", "_user_id")

    def __init__(
        self,
        email: str | None = None,
        auth_domain: str | None = None,
        user_id: str | None = None,
        *,
        _auth_domain: str | None = None,
        _user_id: str | None = None,
    ) -> None:
        if not email:
            raise UserNotFoundError("a user has an e-mail address")
        self._email = email
        self._auth_domain = auth_domain or _auth_domain or "gmail.com"
        self._user_id = user_id or _user_id

    @classmethod
    def of(cls, email: str, auth_domain: str, user_id: str | None) -> Self:
        """One that was stored, whatever its parts."""
        user = cls.__new__(cls)
        user._email, user._auth_domain, user._user_id = email, auth_domain, user_id
        return user

    def email(self) -> str:
        """The e-mail address."""
        return self._email

    def auth_domain(self) -> str:
        """The domain that vouched for the address."""
        return self._auth_domain

    def user_id(self) -> str | None:
        """The permanent id, None where it was never known."""
        return self._user_id

    def nickname(self) -> str:
        """The e-mail address, without the domain where that is the auth domain."""
        suffix = "@" + self._auth_domain
        return self._email.removesuffix(suffix)

    def _parts(self) -> tuple[str, str, str]:
        return self._email, self._auth_domain, self._user_id or ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, User):
            return NotImplemented
        return (self._email, self._auth_domain) == (other._email, other._auth_domain)

    def __lt__(self, other: object) -> bool:
        return self._parts() < other._parts() if isinstance(other, User) else NotImplemented

    def __hash__(self) -> int:
        return hash((self._email, self._auth_domain))

    def __str__(self) -> str:
        return self.nickname()

    def __repr__(self) -> str:
        identity = "" if self._user_id is None else f", _user_id={self._user_id!r}"
        return f"users.User(email={self._email!r}{identity})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).of, (self._email, self._auth_domain, self._user_id)
