"""How values look in the list, in the details and in exports."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any, Final

from flask import g
from markupsafe import Markup

from kindstore import ndb
from kindstore.flask.admin.base import formats
from kindstore.flask.forms import texts
from kindstore.flask.forms.ndb import ModelConverterBase
from kindstore.flask.forms.references import key_name, keys_of
from kindstore.values.key import Key
from kindstore.values.types import GeoPt, User

SHOWN_IN_LISTS: Final = 80
"""Characters of a text that a cell of a list shows."""

_NARROW: Final = 40
"""Characters of a text that may be broken into lines of any width."""

_OWN: Final = ("key", "_key")


def read_together(keys: Iterable[Key]) -> None:
    """Read the entities of *keys*, all at once, for the rest of this request."""
    known: dict[Key, Any] = g.setdefault("_kindstore_referred", {})
    wanted = [key for key in dict.fromkeys(keys) if key not in known]
    if wanted:
        known.update(zip(wanted, ndb.get_multi(wanted), strict=True))


def read_for(rows: Iterable[Any], names: Iterable[str]) -> None:
    """Read together what the properties *names* of *rows* refer to."""
    names = list(names)
    read_together(keys_of(getattr(row, name, None) for row in rows for name in names))


def referred(key: Key) -> Any:
    """The entity of *key*, None if there is none."""
    known: dict[Key, Any] = g.setdefault("_kindstore_referred", {})
    if key not in known:
        read_together([key])
    return known[key]


# Each takes the view, the value and the name of the column.


def key_link(view: Any, value: Any, name: str) -> Any:
    """The label of what the key *value* refers to, as a link to where it is shown, if there is such a place."""
    label = key_label(view, value, name)
    is_edited = view.can_edit and name in (view.column_editable_list or ())  # which makes a link of its own
    url = None if name in _OWN or is_edited else view.url_of(value)
    return Markup('<a href="{}">{}</a>').format(url, label) if url else label


def key_label(view: Any, value: Any, name: str) -> str:
    """The label of what the key *value* refers to; what the key is, if it is the entity's own or refers to nothing."""
    entity = None if name in _OWN else referred(value)
    return key_name(value) if entity is None else str(view.label_of(name, entity))


def structure_text(view: Any, value: Any, name: str) -> Any:
    """A structure as "city: Bern, zip: 3000"; what is None is left out."""
    declared = ModelConverterBase().properties_of(type(value))
    names = {prop._code_name for prop in declared}
    dynamic = [prop for prop in value._properties.values() if prop._code_name not in names]
    parts = [(prop._verbose_name or prop._code_name, prop._get_value(value)) for prop in declared + dynamic]
    return ", ".join(
        f"{label}: {plain_text(view, each, name)}" for label, each in parts if each is not None and each != []
    )


def plain_text(view: Any, value: Any, name: str) -> str:
    """*value* as it stands within another one."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    for kind, formatter in EXPORT_FORMATTERS.items():
        if isinstance(value, kind):
            return str(formatter(view, value, name))
    return str(value)


def list_text(view: Any, value: Any, name: str) -> Any:
    """A list with commas between; semicolons, if its items have commas of their own."""
    return _between(value).join(plain_text(view, each, name) for each in value)


def _between(value: list[Any]) -> str:
    return "; " if any(isinstance(each, ndb.Model) for each in value) else ", "


def list_markup(view: Any, value: Any, name: str) -> Any:
    """A list with commas between, its keys as links."""
    parts = [
        key_link(view, each, name) if isinstance(each, Key) else plain_text(view, each, name)
        for each in value
    ]
    return Markup(_between(value)).join(parts)  # noqa: S704 - one of two


def moment_text(_view: Any, value: Any, _name: str) -> str:
    """A datetime to the second, with its zone if it has one."""
    return str(value.isoformat(sep=" ", timespec="seconds"))


def _part_text(_view: Any, value: Any, _name: str) -> str:
    return str(value.isoformat() if isinstance(value, dt.date) else value.isoformat(timespec="seconds"))


def size_text(_view: Any, value: Any, _name: str) -> str:
    """Bytes: how many."""
    return f"{len(value):,} bytes"


def point_text(_view: Any, value: Any, _name: str) -> str:
    """A point as two numbers."""
    return texts.point_text(value)


def user_text(_view: Any, value: Any, _name: str) -> str:
    """The e-mail address."""
    return str(value.email())


def json_text(_view: Any, value: Any, _name: str) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def moment_markup(view: Any, value: Any, name: str) -> Any:
    """A date or time that is not broken into lines."""
    formatter = moment_text if isinstance(value, dt.datetime) else _part_text
    return Markup('<span class="text-nowrap">{}</span>').format(formatter(view, value, name))


def short_text(_view: Any, value: Any, _name: str) -> Any:
    """A text cut where it is long; the rest shows itself under the pointer."""
    if len(value) <= _NARROW:
        return value
    cut = value if len(value) <= SHOWN_IN_LISTS else f"{value[:SHOWN_IN_LISTS].rstrip()}…"
    # As wide as that, since a crowded table would make a tower of it.
    return Markup('<span title="{}" style="display: inline-block; min-width: 14em">{}</span>').format(
        value[:2000], cut
    )


EXPORT_FORMATTERS: Final[dict[Any, Any]] = {
    type(None): formats.empty_formatter,
    Key: key_label,
    ndb.Model: structure_text,
    dt.datetime: moment_text,
    dt.date: _part_text,
    dt.time: _part_text,
    bytes: size_text,
    GeoPt: point_text,
    User: user_text,
    list: list_text,
    dict: json_text,
}
DETAIL_FORMATTERS: Final[dict[Any, Any]] = {**EXPORT_FORMATTERS, Key: key_link, list: list_markup}
BASE_FORMATTERS: Final[dict[Any, Any]] = {
    **DETAIL_FORMATTERS,
    dt.datetime: moment_markup,
    dt.date: moment_markup,
    dt.time: moment_markup,
    bool: formats.bool_formatter,
    str: short_text,
}
