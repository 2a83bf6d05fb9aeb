"""The value classes of db, and what is stored for them.

Most are texts or numbers with a meaning: they are stored, compared and sorted as plain ones, and the number of the
meaning (App Engine's own) tells the class to whoever reads a property that no class declares.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from typing import Any, ClassVar, Final, Self
from urllib.parse import urlparse
from xml.sax.saxutils import escape, quoteattr

from kindstore.db.errors import BadValueError
from kindstore.db.key import Key
from kindstore.db.strings import check_string, typename
from kindstore.db.users import User
from kindstore.mapper.property import is_list
from kindstore.values.entity import Entity
from kindstore.values.key import Key as PlainKey
from kindstore.values.types import GeoPt as PlainGeoPt
from kindstore.values.types import User as PlainUser

MAX_LINK: Final = 2083
"""Bytes of a link: what the Internet Explorer took."""

MEANING_USER: Final = 20


class Text(str):
    """A text of any length, which is never indexed.  Of bytes, with their *encoding* (default: ASCII)."""

    __slots__ = ()

    def __new__(cls, text: str | bytes | None = None, encoding: str | None = None) -> Self:
        """TypeError for anything but text, and for an encoding of what is text already."""
        if text is None:
            text = ""
        if isinstance(text, str):
            if encoding is not None:
                raise TypeError("Text() with a unicode argument should not specify an encoding")
            return super().__new__(cls, text)
        if isinstance(text, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
            return super().__new__(cls, text, encoding or "ascii")
        raise TypeError(f"Text() argument should be str or unicode, not {typename(text)}")

    def ToXml(self) -> str:  # noqa: N802 - db's name
        """The text in XML."""
        return escape(self)


class _Bytes(bytes):
    __slots__ = ()

    def __new__(cls, value: bytes | None = None) -> Self:
        """TypeError for anything but bytes."""
        if value is None:
            value = b""
        if not isinstance(value, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may not check types
            raise TypeError(f"{cls.__name__}() argument should be bytes instance, not {typename(value)}")
        return super().__new__(cls, value)

    def ToXml(self) -> str:  # noqa: N802 - db's name
        """The bytes in XML: in base 64."""
        return escape(base64.urlsafe_b64encode(self).decode())

    def __str__(self) -> str:
        return self.decode()


class Blob(_Bytes):
    """Bytes of any number, which are never indexed."""

    __slots__ = ()


class ByteString(_Bytes):
    """Up to 1,500 bytes, which are indexed."""

    __slots__ = ()


class EmbeddedEntity(_Bytes):
    """An entity as bytes, which are never indexed."""

    __slots__ = ()


class _Meaningful(str):
    """A text that is not empty; `BadValueError` otherwise."""

    __slots__ = ()
    _called: ClassVar[str] = ""
    _xml: ClassVar[str] = ""
    _quotes: ClassVar[Callable[[str], str]] = escape

    def __init__(self, text: str) -> None:
        super().__init__()
        check_string(text, self._called)

    def ToXml(self) -> str:  # noqa: N802 - db's name
        """The value in XML, as the protocols of Google Data and Atom have it."""
        return self._xml.format(type(self)._quotes(self))


class Category(_Meaningful):
    """A tag."""

    __slots__ = ()
    TERM = "user-tag"
    _called, _xml, _quotes = "tag", '<category term="user-tag" label={} />', quoteattr


class Email(_Meaningful):
    """An e-mail address; nothing but its length is checked."""

    __slots__ = ()
    _called, _xml, _quotes = "email", "<gd:email address={} />", quoteattr


class PhoneNumber(_Meaningful):
    """A telephone number; nothing but its length is checked."""

    __slots__ = ()
    _called, _xml = "phone", "<gd:phoneNumber>{}</gd:phoneNumber>"


class PostalAddress(_Meaningful):
    """A postal address; nothing but its length is checked."""

    __slots__ = ()
    _called, _xml = "address", "<gd:postalAddress>{}</gd:postalAddress>"


class Link(_Meaningful):
    """A whole URL of up to 2,083 bytes; `BadValueError` otherwise."""

    __slots__ = ()
    _xml, _quotes = "<link href={} />", quoteattr

    def __init__(self, link: str) -> None:
        # Not the length of an indexed text.
        check_string(link, "link", most=MAX_LINK)
        try:
            parts = urlparse(link)
        except ValueError:
            raise BadValueError(f"Invalid URL: {link}") from None
        if not parts.scheme or not (parts.path if parts.scheme == "file" else parts.netloc):
            raise BadValueError(f"Invalid URL: {link}")


class GeoPt(PlainGeoPt):
    """A point: latitude and longitude, or one text of both, ``"47.4,8.5"``.  `BadValueError` for what is no point."""

    __slots__ = ()

    def __init__(self, lat: Any, lon: Any = None) -> None:
        if lon is None:
            try:
                lat, lon = lat.split(",")
            except (AttributeError, ValueError):
                raise BadValueError(
                    f'Expected a "lat,long" formatted string; received {lat} (a {typename(lat)}).'
                ) from None
        try:
            latitude, longitude = float(lat), float(lon)
        except (TypeError, ValueError):
            raise BadValueError(
                f"Expected floats for lat and long; received {lat} (a {typename(lat)}) and {lon} (a {typename(lon)})."
            ) from None
        if abs(latitude) > 90:
            raise BadValueError(f"Latitude must be between -90 and 90; received {latitude:f}")
        if abs(longitude) > 180:
            raise BadValueError(f"Longitude must be between -180 and 180; received {longitude:f}")
        super().__init__(latitude, longitude)

    def __repr__(self) -> str:
        return f"datastore_types.GeoPt({self.lat!r}, {self.lon!r})"

    def ToXml(self) -> str:  # noqa: N802 - db's name
        """The point in XML."""
        return f"<georss:point>{self.lat} {self.lon}</georss:point>"

    def __reduce__(self) -> tuple[Any, ...]:
        return GeoPt, (self.lat, self.lon)


class IM:
    """An address of instant messaging: a protocol (one of `PROTOCOLS`, or a URL) and an address, or a text of both.

    `BadValueError` for another protocol, or an address that is empty.
    """

    __slots__ = ("address", "protocol")
    PROTOCOLS: ClassVar[list[str]] = ["sip", "unknown", "xmpp"]

    def __init__(self, protocol: Any, address: Any = None) -> None:
        if address is None:
            try:
                protocol, address = protocol.split(" ", 1)
            except (AttributeError, ValueError):
                raise BadValueError(
                    f'Expected string of format "protocol address"; received {protocol}'
                ) from None
        check_string(address, "address")
        if protocol not in self.PROTOCOLS:
            Link(protocol)
        self.address, self.protocol = address, protocol

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IM) and self._order() == other._order()

    def __lt__(self, other: IM) -> bool:
        return self._order() < other._order()

    def __hash__(self) -> int:
        return hash(self._order())

    def _order(self) -> tuple[str, str]:
        return self.address, self.protocol

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}"

    def __len__(self) -> int:
        return len(str(self))

    def __repr__(self) -> str:
        return f"datastore_types.IM({self.protocol!r}, {self.address!r})"

    def ToXml(self) -> str:  # noqa: N802 - db's name
        """The address in XML."""
        return f"<gd:im protocol={quoteattr(self.protocol)} address={quoteattr(self.address)} />"


class Rating(int):
    """A number from 0 to 100; `BadValueError` otherwise."""

    MIN, MAX = 0, 100

    def __init__(self, rating: Any) -> None:
        super().__init__()
        if isinstance(rating, float | complex):
            raise BadValueError(f"Expected int or long; received {rating} (a {typename(rating)}).")
        if not self.MIN <= self <= self.MAX:
            raise BadValueError("")

    def ToXml(self) -> str:  # noqa: N802 - db's name
        """The rating in XML."""
        return f'<gd:rating value="{self}" min="0" max="100" />'


class BlobKey:
    """The name of a blob in App Engine's blobstore."""

    __slots__ = ("_name",)

    def __init__(self, blob_key: str) -> None:
        check_string(blob_key, "blob-key", empty=True)
        self._name = blob_key

    def __eq__(self, other: object) -> bool:
        return self._name == (other._name if isinstance(other, BlobKey) else other)

    def __lt__(self, other: BlobKey) -> bool:
        return self._name < other._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __str__(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"datastore_types.{typename(self)}({self._name!r})"

    def ToXml(self) -> str:  # noqa: N802 - db's name
        """The name."""
        return self._name


EPOCH: Final = dt.datetime(1970, 1, 1)


def date_to_datetime(value: dt.date) -> dt.datetime:
    """What is stored for a date: its midnight."""
    return dt.datetime(value.year, value.month, value.day)


def time_to_datetime(value: dt.time) -> dt.datetime:
    """What is stored for a time of day: that of the first of January 1970."""
    return dt.datetime.combine(EPOCH, value.replace(tzinfo=None))


PARTS: Final[dict[Any, tuple[Callable[[Any], dt.datetime], Callable[[dt.datetime], Any]]]] = {
    dt.date: (date_to_datetime, dt.datetime.date),
    dt.time: (time_to_datetime, dt.datetime.time),
}
"""The parts of a datetime, what makes one of them, and what makes them of one."""

_MEANINGS: Final[dict[type, tuple[int, Callable[[Any], Any]]]] = {
    Category: (1, str),
    Link: (2, str),
    Email: (8, str),
    IM: (10, str),
    PhoneNumber: (11, str),
    PostalAddress: (12, str),
    Rating: (13, int),
    BlobKey: (17, lambda value: str(value).encode()),
    EmbeddedEntity: (19, bytes),
}
"""The values that have a meaning, its number, and what makes what is stored."""

_OF_MEANING: Final[dict[int, Callable[[Any], Any]]] = {
    **{meaning: cls for cls, (meaning, _) in _MEANINGS.items()},
    17: lambda value: BlobKey(value.decode() if isinstance(value, bytes) else value),
}

_UNINDEXED = (Blob, Text, EmbeddedEntity)

_PLAIN: Final[dict[type, Callable[[Any], Any]]] = {
    Text: str,
    Blob: bytes,
    ByteString: bytes,
    **{part: whole for part, (whole, _) in PARTS.items()},
}

_AS_THEY_ARE: Final = frozenset({type(None), bool, int, float, str, bytes, dt.datetime, Key, GeoPt, User})

ITEM_TYPES: Final = frozenset(
    {*_AS_THEY_ARE, *_MEANINGS, *_PLAIN} - {type(None)},
)
"""What a list property may be of."""


def stored(name: str, value: Any) -> tuple[Any, bool, int | None]:
    """What is stored for *value* of the property *name*, whether it may be indexed, and its meaning.

    `BadValueError` for a type that db does not have.
    """
    if is_list(value):
        found = [stored(name, item) for item in value]
        meanings = {meaning for _, _, meaning in found}
        # A list whose items have several meanings has none: a column has one.
        meaning = meanings.pop() if len(meanings) == 1 else None
        return [item for item, _, _ in found], all(indexed for _, indexed, _ in found), meaning
    cls: type[Any] = value.__class__
    if cls in _AS_THEY_ARE:
        if cls is dt.datetime and value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        elif cls is Key and not value.is_complete:
            raise BadValueError(f"Incomplete key found for reference property {name}.")
        return value, True, None
    if cls in _MEANINGS:
        meaning, plain = _MEANINGS[cls]
        return plain(value), cls not in _UNINDEXED, meaning
    if cls in _PLAIN:
        return _PLAIN[cls](value), cls not in _UNINDEXED, None
    if isinstance(value, PlainKey | PlainGeoPt | PlainUser):  # those of other faces
        return value, True, None
    if isinstance(value, tuple):
        raise BadValueError(f"May not use tuple property value; property {name} is {value!r}.")
    raise BadValueError(f"Unsupported type for property {name}: {cls}")


def loaded(value: Any, indexed: bool = True, meaning: int | None = None) -> Any:
    """The value of db for what a column holds."""
    if is_list(value):
        return [loaded(item, indexed, meaning) for item in value]
    make = _OF_MEANING.get(meaning) if meaning is not None and value is not None else None
    if make is not None and isinstance(value, str | bytes | int):
        return make(value)
    match value:
        case str():
            return value if indexed else Text(value)
        case bytes():
            return ByteString(value) if indexed else Blob(value)
        case PlainKey():
            return Key.like(value)
        case PlainGeoPt():
            return value if isinstance(value, GeoPt) else GeoPt(value.lat, value.lon)
        case PlainUser():
            return User.like(value)
        case Entity() if meaning == MEANING_USER:
            return User(
                value.get("email"), value.get("auth_domain"), value.get("user_id"), _strict_mode=False
            )
        case _:
            return value


def of_index(value: Any, data_type: Any) -> Any:
    """The value of *data_type* for what an index holds: bytes of a text, microseconds of a time."""
    if isinstance(value, bytes):
        return data_type(value if issubclass(data_type, bytes) else value.decode())
    if isinstance(value, int) and issubclass(data_type, dt.date | dt.time):
        return EPOCH + dt.timedelta(microseconds=value)
    return Rating(value) if value is not None and data_type is Rating else loaded(value)


def entity_xml(kind: str, key: Key, columns: dict[str, Any]) -> str:
    """An entity in the XML of App Engine."""
    text = f"<entity kind={quoteattr(kind)}"
    text += (
        f" key={quoteattr(str(key))}>\n  <key>{key.ToTagUri()}</key>\n" if key.is_complete else ' key="">\n'
    )
    for name in sorted(columns):
        for value in columns[name] if isinstance(columns[name], list) else [columns[name]]:
            text += f"  <property name={quoteattr(name)} type={quoteattr(_xml_type(value))}>{_xml(value)}</property>\n"
    return text + "</entity>\n"


def _xml(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "ToXml"):
        xml: str = value.ToXml()
        return xml
    return escape(value.email() if isinstance(value, PlainUser) else str(value))


def _xml_type(value: Any) -> str:
    names: dict[type, str] = {
        Category: "atom:category",
        Link: "atom:link",
        Email: "gd:email",
        IM: "gd:im",
        Rating: "gd:rating",
        PhoneNumber: "gd:phonenumber",
        PostalAddress: "gd:postaladdress",
        GeoPt: "georss:point",
        dt.datetime: "gd:when",
        Text: "text",
        Blob: "blob",
        ByteString: "bytestring",
        BlobKey: "blobkey",
        User: "user",
        Key: "key",
        type(None): "null",
        str: "string",
        EmbeddedEntity: "entity:proto",
    }
    return names.get(value.__class__, typename(value))
