"""What the words of a query's text mean: numbers, strings, names, dates.

`Misread` says what is wrong with one; `parse` turns it into a `GqlSyntaxError` that points at the place.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

from kindstore.values.limits import INT_MAX

MAX_POSITION = 0x7FFFFFFF
"""Of LIMIT and OFFSET, as in the v1 API (a 32-bit number)."""

_ESCAPES = {
    "\\": "\\",
    "'": "'",
    '"': '"',
    "`": "`",
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "0": "\0",
}
_ESCAPE = re.compile(r"\\([\s\S])")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_NAME = re.compile(r"`((?:[^`]|``)+)`|[^`.]+")
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


class Misread(Exception):  # never seen outside this package
    """The word at the character *at* can't mean anything."""

    def __init__(self, at: int, message: str, hint: str = "") -> None:
        super().__init__(at, message, hint)
        self.at, self.message, self.hint = at, message, hint


def integer(at: int, text: str) -> int:
    """A whole number of 64 bits."""
    # Python refuses to read an int of thousands of digits, with an error of its own.
    digits = text.lstrip("+-").lstrip("0")
    number = int(text) if len(digits) <= 19 else None
    if number is None or not ~INT_MAX <= number <= INT_MAX:
        raise Misread(at, "a whole number has 64 bits", "It is between -2^63 and 2^63-1.")
    return number


def number(at: int, text: str) -> int | float:
    """A whole number if *text* is all digits, otherwise a double."""
    if text.lstrip("+-").isdecimal():
        return integer(at, text)
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise Misread(at, "a number that is too large for a double", "The largest is about 1.8e308.")
    return value


def position(at: int, text: str, least: int, clause: str) -> int:
    """The number of LIMIT, OFFSET and COUNT_UP_TO: *least* or more."""
    value = int(text) if len(text.lstrip("0")) <= 10 else -1
    if not least <= value <= MAX_POSITION:
        raise Misread(
            at, f"{clause} takes a number from {least} to {MAX_POSITION:,}", "Leave it out for all results."
        )
    return value


def parameter(at: int, text: str) -> int | str:
    """The number, or the name, after the sign of a parameter."""
    name = text[1:]
    if not name.isdecimal():
        return name
    value = int(name) if len(name) <= 1_000 else 0  # Python refuses to read thousands of digits
    if value < 1:
        raise Misread(at, "positional arguments count from 1", f"{text[0]}1 is the first one.")
    return value


def doubled(text: str) -> str:
    """What is between the quotes of App Engine's strings and quoted names, in which a quote is doubled."""
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)


def string(at: int, text: str) -> str:
    """What is between the quotes of a v1 string: a quote is doubled or escaped."""
    quote, inner = text[0], text[1:-1]
    if "\\" not in inner:
        return inner.replace(quote * 2, quote)

    def meaning(match: re.Match[str]) -> str:
        meant = _ESCAPES.get(match[1])
        if meant is None:
            raise Misread(
                at + 1 + match.start(),
                "an unknown escape in a string",
                r"There are \\ \' \" \` \n \t \r \b \0; for all else write the character itself.",
            )
        return meant

    parts: list[str] = []
    end = 0
    for match in _ESCAPE.finditer(
        inner
    ):  # a doubled quote is outside of escapes: \'' is an escape and an end
        parts += inner[end : match.start()].replace(quote * 2, quote), meaning(match)
        end = match.end()
    return "".join([*parts, inner[end:].replace(quote * 2, quote)])


def path(text: str) -> str:
    """A name of the v1 dialect, dots and all, without its backquotes."""
    if "`" not in text:
        return str(text)
    return ".".join(
        match[0] if match[1] is None else match[1].replace("``", "`") for match in _NAME.finditer(text)
    )


def blob(at: int, text: str) -> bytes:
    """The bytes of ``BLOB('base64url')``; padding may be left out."""
    bare = text.rstrip("=")
    if not _BASE64URL.fullmatch(bare) or len(bare) % 4 == 1 or len(text) - len(bare) > -len(bare) % 4:
        raise Misread(at, "BLOB takes base64url", "That is the characters A-Z a-z 0-9 - _ and = at the end.")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


def rfc_3339(at: int, text: str) -> datetime:
    """The moment of ``DATETIME('2013-09-29T09:30:20.00002-08:00')``, as a naive datetime in UTC."""
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise Misread(
            at,
            "DATETIME takes a moment with its zone, as of RFC 3339",
            "As in '2013-09-29T09:30:20Z' or '2013-09-29T09:30:20.000002-08:00'; at most 6 digits of a second.",
        )
    day, time, fraction, sign, hours, minutes = match.groups()
    zone = f"{sign}{hours}:{minutes}" if sign else "+00:00"
    try:
        moment = datetime.fromisoformat(f"{day}T{time}.{(fraction or '').ljust(6, '0')}{zone}")
        return moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as exc:
        raise Misread(at, "DATETIME takes a moment that exists", f"{exc}.") from None
