"""What a form shows of a value, and which value a text from a form is.

A `Wording` is such a pair of functions; a text that is none of its values is a ValueError, whose message is for the
person who wrote it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kindstore.values.errors import Error
from kindstore.values.types import GeoPt


@dataclass(frozen=True)
class Wording:
    """*text_of*: what is shown of a value; *value_of*: the value of what is shown."""

    text_of: Callable[[Any], str]
    value_of: Callable[[str], Any]


def _or_else(message: str, make: Callable[[str], Any]) -> Callable[[str], Any]:
    def value_of(text: str) -> Any:
        try:
            return make(text.strip())
        except (Error, ValueError, OverflowError):
            raise ValueError(message) from None

    return value_of


def _truth(text: str) -> bool:
    try:
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
    except KeyError:
        raise ValueError(text) from None


def moment_text(value: dt.datetime | dt.time) -> str:
    """*value* as inputs of the types datetime-local and time take it: they know no more than milliseconds."""
    return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")


def _naive(made: Any) -> Any:
    if made.tzinfo is not None:
        raise ValueError(made)
    return made


def _point(text: str) -> GeoPt:
    latitude, longitude = text.split(",")
    return GeoPt(latitude, longitude)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - it converts


def point_text(value: Any) -> str:
    """*value*, a point, as two numbers."""
    return f"{value.lat},{value.lon}" if isinstance(value, GeoPt) else str(value)


TEXT = Wording(str, str)
INTEGER = Wording(str, _or_else("Not a valid integer value.", int))
FLOAT = Wording(lambda value: repr(float(value)), _or_else("Not a valid float value.", float))
BOOLEAN = Wording(lambda value: "true" if value else "false", _or_else("Neither true nor false.", _truth))
DATE = Wording(
    lambda value: str(value.isoformat()), _or_else("Not a valid date value.", dt.date.fromisoformat)
)
TIME = Wording(
    moment_text, _or_else("Not a valid time value.", lambda text: _naive(dt.time.fromisoformat(text)))
)
POINT = Wording(point_text, _or_else("Not a valid coordinate location.", _point))


def moments(zone: dt.tzinfo | None) -> Wording:
    """Datetimes: naive ones, or those of *zone*, shown by its clock."""

    def text_of(value: dt.datetime) -> str:
        if value.tzinfo is not None and zone is not None:
            value = value.astimezone(zone)
        return moment_text(value.replace(tzinfo=None))

    def value_of(text: str) -> dt.datetime:
        return _naive(dt.datetime.fromisoformat(text)).replace(tzinfo=zone)  # type: ignore[no-any-return]

    return Wording(text_of, _or_else("Not a valid datetime value.", value_of))


def _json_text(value: Any) -> str:
    text = json.dumps(
        value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) and value else None
    )
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates, which no page can have
        return json.dumps(value)
    return text


def _json_value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("Not valid JSON.") from None


JSON = Wording(_json_text, _json_value)


def one_line(text: str) -> str:
    """What an input of one line makes of *text*."""
    return text.replace("\r", "").replace("\n", "")


def with_plain_newlines(text: str) -> str:
    """*text* with newlines as Python has them; forms send CR LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
